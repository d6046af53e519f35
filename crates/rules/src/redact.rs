//! Masks secrets and tokens in whatever goes into a report.
//!
//! The journal keeps the bytes: it is the evidence. Reports do not.

use std::borrow::Cow;

/// Form, query and JSON members whose value is masked.
const MEMBERS: [&str; 16] = [
    "client_secret",
    "code",
    "code_verifier",
    "access_token",
    "refresh_token",
    "id_token",
    "id_token_hint",
    "client_assertion",
    "token",
    "subject_token",
    "auth_req_id",
    "password",
    "mot_de_passe",
    "session_state",
    "state",
    "nonce",
];

/// Header lines whose value is masked.
const HEADERS: [&str; 4] = [
    "authorization",
    "cookie",
    "set-cookie",
    "proxy-authorization",
];

/// Masks JWTs, `name=value` and `"name":"value"` secrets in free text.
pub fn redact_text(text: &str) -> String {
    let text = mask_jwts(text);
    let mut out = String::with_capacity(text.len());
    let mut rest: &str = &text;
    while let Some((at, end, kept)) = next_secret(rest) {
        out.push_str(&rest[..at]);
        out.push_str(&kept);
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// Masks an HTTP message: secret headers whole, then the text of the body.
pub fn redact_http(bytes: &[u8]) -> String {
    let text: Cow<'_, str> = String::from_utf8_lossy(bytes);
    let (head, body) = match text.find("\r\n\r\n") {
        Some(at) => text.split_at(at),
        None => (text.as_ref(), ""),
    };
    let mut out = String::with_capacity(text.len());
    for (number, line) in head.split("\r\n").enumerate() {
        if number > 0 {
            out.push_str("\r\n");
        }
        match line.split_once(':') {
            Some((name, value))
                if number > 0 && HEADERS.contains(&name.trim().to_ascii_lowercase().as_str()) =>
            {
                let value = value.trim();
                let scheme = match value.split_once(' ') {
                    Some((scheme, _)) if name.eq_ignore_ascii_case("authorization") => scheme,
                    _ => "",
                };
                out.push_str(name);
                out.push_str(": ");
                out.push_str(scheme);
                out.push_str(&mask(value.len() - scheme.len()));
            }
            _ => out.push_str(&redact_text(line)),
        }
    }
    out.push_str(&redact_text(body));
    out
}

fn mask(len: usize) -> String {
    format!("‹{len} masqués›")
}

/// `eyJ…` followed by two dots: a compact JWS or JWE.
fn mask_jwts(text: &str) -> String {
    let token_char = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("eyJ") {
        out.push_str(&rest[..at]);
        let tail = &rest[at..];
        let end = tail.find(|c| !token_char(c)).unwrap_or(tail.len());
        let token = &tail[..end];
        if token.matches('.').count() >= 2 || token.len() > 200 {
            out.push_str(&mask(token.len()));
        } else {
            out.push_str(token);
        }
        rest = &tail[end..];
    }
    out.push_str(rest);
    out
}

/// Finds the next secret: where its text begins, where it ends, and what replaces it.
fn next_secret(text: &str) -> Option<(usize, usize, String)> {
    let mut best: Option<(usize, usize, String)> = None;
    for name in MEMBERS {
        let mut from = 0;
        while let Some(found) = text[from..].find(name) {
            let at = from + found;
            from = at + name.len();
            let before = text[..at].chars().next_back();
            if before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
                continue;
            }
            let after = &text[at + name.len()..];
            if let Some((skip, len)) = secret_after(after) {
                let start = at + name.len() + skip;
                if best.as_ref().is_none_or(|b| start < b.0) {
                    best = Some((start, start + len, mask(len)));
                }
                break;
            }
        }
    }
    best
}

/// After a member's name: how far its value is, and how long.
fn secret_after(after: &str) -> Option<(usize, usize)> {
    let (skip, stop): (usize, fn(char) -> bool) = if after.starts_with('=') {
        (1, |c| "& \r\n\"'<>;#\\".contains(c))
    } else {
        let colon = after
            .strip_prefix("\\\"")
            .or_else(|| after.strip_prefix('"'))?;
        let value = colon.trim_start().strip_prefix(':')?.trim_start();
        let value = value
            .strip_prefix("\\\"")
            .or_else(|| value.strip_prefix('"'))?;
        (after.len() - value.len(), |c| c == '"' || c == '\\')
    };
    let value = &after[skip..];
    let len = value.find(stop).unwrap_or(value.len());
    let masked_already = value.starts_with('‹');
    (len > 0 && !masked_already).then_some((skip, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_leave_no_trace() {
        let text = "POST /token?code=abc HTTP/1.1\r\nAuthorization: Basic c2VjcmV0\r\nCookie: s=1\r\nHost: h\r\n\r\ngrant_type=authorization_code&code=SEKRET&client_secret=s3&x=1";
        let out = redact_http(text.as_bytes());
        for secret in ["abc", "c2VjcmV0", "s=1", "SEKRET", "s3&"] {
            assert!(!out.contains(secret), "{secret} in {out}");
        }
        assert!(out.contains("grant_type=authorization_code"), "{out}");
        assert!(
            out.contains("x=1") && out.contains("Authorization: Basic"),
            "{out}"
        );
        let json = redact_text(
            r#"{"access_token": "eyJhbGciOi.eyJzdWIi.c2ln", "code_profession":"60", "refresh_token":"zzz"}"#,
        );
        assert!(!json.contains("zzz") && !json.contains("c2ln"), "{json}");
        assert!(json.contains("\"60\""), "{json}");
    }

    #[test]
    fn ordinary_text_is_kept() {
        let text = "le code lieu de naissance, token endpoint, state of play";
        assert_eq!(redact_text(text), text);
    }
}

//! What a value looks like: opaque or telling, personal or not. Guesses by shape, never by meaning.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// What an identifier looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Looks {
    /// `8` and an 11-digit RPPS number with a right check digit.
    Rpps,
    /// A national id of the other forms: prefix, structure number, `/`, internal id.
    IdentifiantStructure,
    /// An identity of the EDIT tool (`ANS` and digits).
    Edit,
    /// None of these.
    Other,
}

impl Looks {
    /// Reads the shape of a national id.
    pub fn of(value: &str) -> Self {
        if is_rpps(value) {
            return Self::Rpps;
        }
        if let Some((structure, internal)) = value.split_once('/')
            && structure.len() >= 10
            && matches!(structure.as_bytes()[0], b'1' | b'3'..=b'6')
            && structure.bytes().all(|b| b.is_ascii_alphanumeric())
            && !internal.is_empty()
        {
            return Self::IdentifiantStructure;
        }
        let digits = value.strip_prefix("ANS").unwrap_or_default();
        if digits.len() >= 8 && digits.bytes().all(|b| b.is_ascii_digit()) {
            return Self::Edit;
        }
        Self::Other
    }
}

fn is_rpps(value: &str) -> bool {
    value.len() == 12
        && value.starts_with('8')
        && value.bytes().all(|b| b.is_ascii_digit())
        && luhn(&value[1..])
}

/// Luhn's check over decimal digits; false when there is anything else.
pub(crate) fn luhn(digits: &str) -> bool {
    let mut sum = 0_u32;
    for (at, byte) in digits.bytes().rev().enumerate() {
        if !byte.is_ascii_digit() {
            return false;
        }
        let digit = u32::from(byte - b'0');
        sum += match at % 2 {
            0 => digit,
            _ if digit > 4 => digit * 2 - 9,
            _ => digit * 2,
        };
    }
    !digits.is_empty() && sum.is_multiple_of(10)
}

/// Personal data that a value shows: `rpps`, `email`, `matricule` (15 characters with a right key).
pub fn personal_data(value: &str) -> Option<&'static str> {
    let words = || value.split(|c: char| !c.is_ascii_alphanumeric());
    if words().any(is_rpps) {
        return Some("rpps");
    }
    if words().any(is_matricule) {
        return Some("matricule");
    }
    let mut addresses = value.split(|c: char| !(c.is_ascii_alphanumeric() || "@.+-_".contains(c)));
    addresses.any(is_email).then_some("email")
}

fn is_matricule(word: &str) -> bool {
    word.len() == 15 && word.parse::<diapason_core::ins::Matricule>().is_ok()
}

fn is_email(word: &str) -> bool {
    word.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && host.contains('.') && !host.starts_with('.') && !host.contains('@')
    })
}

/// Facts of a value that should be opaque (`state`, `nonce`): length, alphabet, visible structure.
///
/// Base64url may keep its padding: `=` is fine inside a percent-encoded parameter.
pub(crate) fn opaque(value: &str) -> Value {
    let body = value.trim_end_matches('=');
    let urlsafe = value.len() - body.len() <= 2
        && body
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
    json!({ "len": value.len(), "urlsafe": urlsafe, "visible": visible(value) })
}

/// Structure that anyone can read in a value: personal data, a path or address, JSON.
fn visible(value: &str) -> Option<&'static str> {
    let decoded = URL_SAFE_NO_PAD
        .decode(value.trim_end_matches('='))
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    for text in [Some(value.to_owned()), decoded].into_iter().flatten() {
        if let Some(kind) = personal_data(&text) {
            return Some(kind);
        }
        if text.contains("://") || text.starts_with('/') {
            return Some("path");
        }
        if matches!(
            serde_json::from_str(&text),
            Ok(Value::Object(_) | Value::Array(_))
        ) {
            return Some("json");
        }
    }
    None
}

/// Alphabet and length of RFC 7636.
pub(crate) fn is_pkce_text(value: &str) -> bool {
    (43..=128).contains(&value.len())
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

/// Does the address stay on the machine?
pub(crate) fn is_loopback(uri: &str) -> bool {
    let rest = uri.split_once("://").map_or("", |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    ["localhost", "127.0.0.1", "[::1]"]
        .iter()
        .any(|name| host == *name || host.strip_prefix(name).is_some_and(|p| p.starts_with(':')))
}

/// Markers of a browser embedded in an application.
pub(crate) fn is_webview(user_agent: &str) -> bool {
    [
        "; wv)",
        "WebView",
        "Electron/",
        "CefSharp",
        "QtWebEngine",
        "JavaFX",
    ]
    .iter()
    .any(|marker| user_agent.contains(marker))
}

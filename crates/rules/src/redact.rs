//! Masks secrets and tokens in whatever goes into a report.
//!
//! The journal keeps the bytes: it is the evidence. Reports do not. Masking too much is a nuisance,
//! masking too little a leak: values end at what cannot be part of them, not at the first odd character.

use std::borrow::Cow;

use serde_json::Value;

/// Names that mean a secret wherever they stand: `name: value` is masked as well as `name=value`.
/// Compared in lower case, without `_` nor `-`. Every name that ends in `token` or `secret` is one too.
const STRICT: [&str; 19] = [
    "apikey",
    "authreqid",
    "authorization",
    "clientassertion",
    "codeverifier",
    "cookie",
    "cookies",
    "dpop",
    "idtokenhint",
    "jsessionid",
    "motdepasse",
    "passwd",
    "password",
    "phpsessid",
    "proxyauthorization",
    "sessionstate",
    "setcookie",
    "usercode",
    "xapikey",
];

/// Names that are also ordinary words: masked in `name=value` and `"name":"value"` only.
const ORDINARY: [&str; 6] = ["assertion", "code", "nonce", "secret", "state", "token"];

/// Names whose value runs to the end of the line.
const WHOLE_LINE: [&str; 5] = [
    "authorization",
    "cookie",
    "dpop",
    "proxyauthorization",
    "setcookie",
];

/// Keys of a browser's storage: whatever long word they hold may be a token.
const STORAGE: [&str; 4] = ["localstorage", "sessionstorage", "stockage", "storage"];

/// What may follow `name:` and says that there is no value.
const NO_VALUE: [&str; 10] = [
    "absent",
    "absente",
    "false",
    "missing",
    "none",
    "null",
    "present",
    "présent",
    "présente",
    "true",
];

/// Attributes by which `name=value;` is known to be a cookie.
const COOKIE_ATTRIBUTES: [&str; 7] = [
    "path", "secure", "httponly", "samesite", "max-age", "expires", "domain",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Plain,
    Ordinary,
    Strict,
    Line,
}

fn normal(name: &str) -> String {
    name.chars()
        .filter(|c| *c != '_' && *c != '-')
        .flat_map(char::to_lowercase)
        .collect()
}

fn kind(name: &str) -> Name {
    if name.len() > 64 {
        return Name::Plain;
    }
    let name = normal(name);
    if WHOLE_LINE.contains(&name.as_str()) {
        Name::Line
    } else if ORDINARY.contains(&name.as_str()) {
        Name::Ordinary
    } else if STRICT.contains(&name.as_str()) || name.ends_with("token") || name.ends_with("secret")
    {
        Name::Strict
    } else {
        Name::Plain
    }
}

/// Masks JWTs, cookies, credentials, `name=value`, `name: value` and `"name":"value"` secrets in free text.
pub fn redact_text(text: &str) -> String {
    let text = mask_jwts(text);
    let mut scan = Scan::new(&text);
    scan.run();
    scan.out
}

/// Masks a JSON value by its structure, then every text in it.
pub fn redact_value(value: &Value) -> Value {
    inside(value, false, false)
}

fn inside(value: &Value, secret: bool, storage: bool) -> Value {
    match value {
        Value::String(text) if secret => {
            Value::String(if text.is_empty() || text.starts_with('‹') {
                text.clone()
            } else {
                mask(text.chars().count())
            })
        }
        Value::String(text) if storage && text.len() >= 16 && !text.contains(' ') => {
            Value::String(mask(text.chars().count()))
        }
        Value::String(text) => Value::String(redact_text(text)),
        Value::Number(number) if secret => Value::String(mask(number.to_string().len())),
        Value::Array(items) => {
            Value::Array(items.iter().map(|v| inside(v, secret, storage)).collect())
        }
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(key, value)| {
                    // `{"len": 40}` is what facts put in place of a secret.
                    let secret = match kind(key) {
                        Name::Plain => secret && key != "len",
                        Name::Ordinary => secret || !value.is_number(),
                        Name::Strict | Name::Line => true,
                    };
                    let storage = storage || STORAGE.contains(&normal(key).as_str());
                    (redact_text(key), inside(value, secret, storage))
                })
                .collect(),
        ),
        _ => value.clone(),
    }
}

/// Masks an HTTP message: secret headers whole, then the text of the body.
pub fn redact_http(bytes: &[u8]) -> String {
    let text: Cow<'_, str> = String::from_utf8_lossy(bytes);
    let (head, body) = match text.find("\r\n\r\n") {
        Some(at) => text.split_at(at),
        None => (text.as_ref(), ""),
    };
    let mut out = String::with_capacity(text.len());
    let mut secret = false;
    for (number, line) in head.split("\r\n").enumerate() {
        if number > 0 {
            out.push_str("\r\n");
        }
        if secret && line.starts_with([' ', '\t']) {
            out.push(' ');
            out.push_str(&mask(line.trim().chars().count()));
            continue;
        }
        secret = false;
        match line.split_once(':') {
            Some((name, value))
                if number > 0 && matches!(kind(name.trim()), Name::Strict | Name::Line) =>
            {
                secret = true;
                out.push_str(name);
                out.push_str(": ");
                out.push_str(&mask_credentials(value.trim()));
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

/// `Basic ‹12 masqués›`: the scheme is worth showing, what follows is not.
fn mask_credentials(value: &str) -> String {
    if let Some((scheme, rest)) = value.split_once(' ')
        && ["basic", "bearer", "dpop", "digest"].contains(&scheme.to_ascii_lowercase().as_str())
    {
        let rest = rest.trim();
        return if rest.starts_with('‹') {
            format!("{scheme} {rest}")
        } else {
            format!("{scheme} {}", mask(rest.chars().count()))
        };
    }
    if value.is_empty() || value.starts_with('‹') {
        return value.to_owned();
    }
    mask(value.chars().count())
}

/// `eyJ…`: a compact JWS or JWE, whole or cut.
fn mask_jwts(text: &str) -> String {
    let token_char = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("eyJ") {
        out.push_str(&rest[..at]);
        let tail = &rest[at..];
        let end = tail.find(|c| !token_char(c)).unwrap_or(tail.len());
        let token = &tail[..end];
        if token.contains('.') || token.len() > 60 {
            out.push_str(&mask(token.len()));
        } else {
            out.push_str(token);
        }
        rest = &tail[end..];
    }
    out.push_str(rest);
    out
}

fn word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

/// How many bytes a percent-encoded octet takes at the start, encoded once or more: `%3D`, `%253D`.
/// With its two digits.
fn percent(text: &str) -> Option<(usize, [u8; 2])> {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'%') {
        return None;
    }
    let mut at = 1;
    while bytes.get(at..at + 2) == Some(b"25")
        && bytes
            .get(at + 2..at + 4)
            .is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit))
    {
        at += 2;
    }
    match bytes.get(at..at + 2) {
        Some([a, b]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
            Some((at + 2, [a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
        }
        _ => None,
    }
}

/// One forward walk over a text. Every character is looked at a bounded number of times.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    out: String,
    /// Characters looked at so far.
    steps: usize,
    /// Where the last plain value ended, and whether cookie attributes follow.
    cookie: (usize, bool),
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            out: String::with_capacity(text.len()),
            steps: 0,
            cookie: (0, false),
        }
    }

    /// Offset, from `from`, of the first character that stops.
    fn until(&mut self, from: usize, stop: impl Fn(char) -> bool) -> usize {
        let rest = &self.text[from..];
        let len = rest.find(stop).unwrap_or(rest.len());
        self.steps += len + 1;
        from + len
    }

    fn keep_to(&mut self, end: usize) {
        self.out.push_str(&self.text[self.at..end]);
        self.at = end;
    }

    fn mask_to(&mut self, start: usize, end: usize) {
        self.keep_to(start);
        self.out
            .push_str(&mask(self.text[start..end].chars().count()));
        self.at = end;
    }

    fn run(&mut self) {
        let text = self.text;
        while let Some(c) = text[self.at..].chars().next() {
            self.steps += 1;
            if word_char(c) {
                let end = self.until(self.at, |c| !word_char(c));
                let word = &text[self.at..end];
                let before = text[..self.at].chars().next_back();
                self.keep_to(end);
                self.after(word, before);
            } else if let Some((len, _)) = percent(&text[self.at..]) {
                self.steps += len;
                self.keep_to(self.at + len);
            } else if c == '‹' {
                // Masked already.
                let end = self.until(self.at, |c| c == '›' || c == '\n');
                self.keep_to(end);
            } else {
                self.keep_to(self.at + c.len_utf8());
            }
        }
    }

    /// `word` has been kept; masks the value that follows when it is a secret's.
    fn after(&mut self, word: &str, before: Option<char>) {
        let kind = kind(word);
        if kind == Name::Plain {
            self.credentials(word);
            self.cookie();
            return;
        }
        let strict = kind != Name::Ordinary;
        let next = self.until(self.at, |c| !strict || (c != ' ' && c != '\t'));
        let rest = &self.text[next..];
        if rest.starts_with('=') {
            let value = if strict {
                self.until(next + 1, |c| c != ' ')
            } else {
                next + 1
            };
            self.assigned(value);
        } else if let Some((len, digits)) = percent(rest) {
            self.encoded(next, len, digits);
        } else if rest.starts_with(['"', '\'', '\\']) {
            self.member(next, strict);
        } else if strict && rest.starts_with(':') {
            self.header(next + 1, kind);
        } else if strict && rest.starts_with('>') && before != Some('/') && !self.masked(next + 1) {
            let end = self.until(next + 1, |c| c == '<');
            if !self.text[next + 1..end].trim().is_empty() {
                self.secret(next + 1, end);
            }
        } else if kind == Name::Line {
            // `DPoP x` and the like.
            self.credentials(word);
        }
    }

    fn secret(&mut self, start: usize, end: usize) {
        if end > start && !self.masked(start) {
            self.mask_to(start, end);
        }
    }

    /// Does a mask stand there already? Then the value must not be walked again.
    fn masked(&self, at: usize) -> bool {
        self.text[at..].starts_with('‹')
    }

    /// After `name=`.
    fn assigned(&mut self, from: usize) {
        if self.masked(from) {
            return;
        }
        if let Some((start, end)) = self.quoted(from) {
            self.secret(start, end);
            return;
        }
        let mut end = self.until(from, |c| c.is_whitespace() || "&\"<>".contains(c));
        if self.text[end..].starts_with('"') {
            end -= self.text[from..end].len() - self.text[from..end].trim_end_matches('\\').len();
        }
        self.secret(from, end);
    }

    /// After `name%`: `%3D`, `%3A`, or `%22%3A%22`.
    fn encoded(&mut self, from: usize, len: usize, digits: [u8; 2]) {
        let mut start = from + len;
        let json = digits == *b"22";
        if json {
            while let Some((len, digits)) = percent(&self.text[start..])
                && [*b"3A", *b"20", *b"22"].contains(&digits)
            {
                start += len;
            }
        } else if digits != *b"3D" && digits != *b"3A" {
            return;
        }
        if self.masked(start) {
            return;
        }
        let last: &[u8; 2] = if json { b"22" } else { b"26" };
        let mut end = start;
        loop {
            end = self.until(end, |c| {
                c.is_whitespace() || c == '%' || "&\"<>".contains(c)
            });
            match percent(&self.text[end..]) {
                Some((_, digits)) if digits == *last => break,
                Some((len, _)) => end += len,
                None if self.text[end..].starts_with('%') => end += 1,
                None => break,
            }
        }
        self.secret(start, end);
    }

    /// After `"name`, at its closing quote: `: "value"`, `: [..]`, ` value="value"`.
    fn member(&mut self, from: usize, strict: bool) {
        let quote = self.until(from, |c| c != '\\');
        if !self.text[quote..].starts_with(['"', '\'']) {
            return;
        }
        let next = self.until(quote + 1, |c| !c.is_whitespace());
        let rest = &self.text[next..];
        let value = if rest.starts_with(':') {
            self.until(next + 1, |c| !c.is_whitespace())
        } else if rest.starts_with("value=") {
            next + "value=".len()
        } else {
            return;
        };
        if let Some((start, end)) = self.quoted(value) {
            self.secret(start, end);
        } else if self.text[value..].starts_with('[') {
            let end = self.until(value + 1, |c| c == ']');
            self.secret(value + 1, end);
        } else if strict && self.text[value..].starts_with(|c: char| c.is_ascii_digit()) {
            let end = self.until(value, |c| !c.is_ascii_digit());
            self.secret(value, end);
        }
    }

    /// After `name:`.
    fn header(&mut self, from: usize, kind: Name) {
        let start = self.until(from, |c| c != ' ' && c != '\t');
        if self.masked(start) || self.text[start..].starts_with(['{', '[']) {
            return;
        }
        if let Some((start, end)) = self.quoted(start) {
            self.secret(start, end);
            return;
        }
        let end = self.until(start, |c| {
            "\r\n\"<>".contains(c) || (kind != Name::Line && c.is_whitespace())
        });
        let value = self.text[start..end].trim_end_matches('\\');
        let bare = value.trim_end_matches(|c: char| ",;.)]}".contains(c));
        if NO_VALUE.contains(&bare.to_lowercase().as_str()) {
            return;
        }
        self.keep_to(start);
        self.out.push_str(&mask_credentials(value));
        self.at = start + value.len();
    }

    /// The inside of a text in quotes that begins at `from`, however deep its quotes are escaped.
    fn quoted(&mut self, from: usize) -> Option<(usize, usize)> {
        let open = self.until(from, |c| c != '\\');
        let quote = self.text[open..]
            .chars()
            .next()
            .filter(|c| *c == '"' || *c == '\'')?;
        let depth = (open - from + 1).ilog2();
        let start = open + 1;
        if self.masked(start) {
            return Some((start, start));
        }
        let mut end = start;
        loop {
            end = self.until(end, |c| c == '\\' || c == quote);
            let slashes = self.until(end, |c| c != '\\');
            if !self.text[slashes..].starts_with(quote) {
                if slashes == self.text.len() {
                    return Some((start, slashes));
                }
                end = slashes;
            } else if closes(slashes - end, depth) {
                return Some((start, end));
            } else {
                end = slashes + 1;
            }
        }
    }

    /// `Bearer x`, `Basic x`: what follows, unless it is an ordinary word.
    fn credentials(&mut self, word: &str) {
        if word.len() > 6 || !["bearer", "basic", "dpop"].contains(&word.to_lowercase().as_str()) {
            return;
        }
        let start = self.until(self.at, |c| c != ' ');
        if start == self.at {
            return;
        }
        let end = self.until(start, |c| {
            !(c.is_ascii_alphanumeric() || "-._~+/=".contains(c))
        });
        let value = self.text[start..end].trim_end_matches('.');
        let ordinary = value.len() < 20
            && value.chars().all(|c| c.is_ascii_alphabetic() || c == '-')
            && value.chars().skip(1).all(|c| !c.is_ascii_uppercase());
        if !ordinary {
            self.secret(start, start + value.len());
        }
    }

    /// `name=value; Path=/`: a cookie, whatever its name.
    fn cookie(&mut self) {
        if !self.text[self.at..].starts_with('=') {
            return;
        }
        let start = self.at + 1;
        if start > self.cookie.0 {
            let end = self.until(start, |c| c.is_whitespace() || ";\"\\<>".contains(c));
            let follows = self.text[end..].strip_prefix(';').map(str::trim_start);
            let is_cookie = follows.is_some_and(|t| {
                COOKIE_ATTRIBUTES.iter().any(|a| {
                    t.get(..a.len())
                        .is_some_and(|head| head.eq_ignore_ascii_case(a))
                })
            });
            self.cookie = (end, is_cookie);
        }
        let (end, is_cookie) = self.cookie;
        let attribute = |name: &str| COOKIE_ATTRIBUTES.contains(&name);
        let name = self
            .out
            .rsplit(|c| !word_char(c))
            .next()
            .unwrap_or_default();
        if is_cookie && !(name.len() < 9 && attribute(&name.to_ascii_lowercase())) {
            self.secret(start, end);
        }
    }
}

/// Does a quote after `run` backslashes end a text that stands `depth` times in another?
fn closes(mut run: usize, depth: u32) -> bool {
    for _ in 0..depth {
        if run.is_multiple_of(2) {
            return true;
        }
        run = (run - 1) / 2;
    }
    run.is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_leave_no_trace() {
        let text = "POST /token?code=abc HTTP/1.1\r\nAuthorization: Basic c2VjcmV0\r\nCookie: s=1\r\nX-Api-Key: clef7\r\nX-Csrf-Token: jeton8\r\nDPoP: preuve9\r\nHost: h\r\n\r\ngrant_type=authorization_code&code=SEKRET&client_secret=s3&x=1";
        let out = redact_http(text.as_bytes());
        for secret in [
            "abc", "c2VjcmV0", "s=1", "SEKRET", "s3&", "clef7", "jeton8", "preuve9",
        ] {
            assert!(!out.contains(secret), "{secret} in {out}");
        }
        assert!(out.contains("grant_type=authorization_code"), "{out}");
        assert!(
            out.contains("x=1") && out.contains("Authorization: Basic") && out.contains("Host: h"),
            "{out}"
        );
        let json = redact_text(
            r#"{"access_token": "eyJhbGciOi.eyJzdWIi.c2ln", "code_profession":"60", "refresh_token":"zzz"}"#,
        );
        assert!(!json.contains("zzz") && !json.contains("c2ln"), "{json}");
        assert!(json.contains("\"60\""), "{json}");
    }

    #[test]
    fn no_way_of_writing_a_secret_gets_through() {
        for text in [
            r#"{"password":"A\"SECRET5"}"#,
            r#"{"password":"A\\\"SECRET5","x":1}"#,
            r#"{"corps":"{\"client_secret\":\"A\\\"SECRET5\"}"}"#,
            "client_secret=SECRET1'SECRET2",
            "client_secret=a;SECRET2#SECRET3",
            "client_secret = SECRET1",
            r"client_secret=a\SECRET2",
            "Authorization: Bearer SECRET1",
            "erreur : Authorization: Basic U0VDUkVU=SECRET",
            "refus de Bearer SECRET1SECRET",
            "en-tête bearer  SECRET-1",
            "client_secret: SECRET1",
            "Client_Secret : SECRET1",
            "CLIENT_SECRET=SECRET1",
            "x-api-key: SECRET1",
            "X-Auth-Token: SECRET1",
            "DPoP: SECRET1",
            "DPoP SECRET1",
            "cb?next=https%3A%2F%2Fh%2Fcb%3Fcode%3DSECRET%26x%3D1",
            "cb?next=%2526code%253DSECRET%2526x",
            "%7B%22password%22%3A%22SECRET%22%7D",
            "Set-Cookie: dui_session=SECRET1; Path=/",
            "reçu dui_session=SECRET1; HttpOnly; Path=/",
            r#"["dui_session=SECRET1; Path=/"]"#,
            r#"{"cookies": ["s=SECRET1", "t=SECRET2"]}"#,
            r#"{"accessToken": "SECRET1"}"#,
            "{'client_secret': 'SECRET1'}",
            r#"<input type="hidden" name="code" value="SECRET">"#,
            "<wsse:Password>SECRET</wsse:Password>",
            r#"{"url":"https://h/cb?code=SECRET1"}"#,
            r#""code":"SECRET cut"#,
        ] {
            let out = redact_text(text);
            let values = out.replace("CLIENT_SECRET", "");
            assert!(!values.contains("SECRET"), "{text} gave {out}");
            assert!(out.contains("masqués›"), "{text} gave {out}");
            assert_eq!(redact_text(&out), out, "{text}: masking again changes it");
        }
        let kept = redact_text(r#"{"code":"SECRET","suite":"visible"}"#);
        assert!(kept.contains(r#""suite":"visible""#), "{kept}");
        let kept = redact_text("cb%3Fcode%3DSECRET%26x%3D1");
        assert!(kept.ends_with("%26x%3D1"), "{kept}");
    }

    #[test]
    fn ordinary_text_is_kept() {
        for text in [
            "le code lieu de naissance, token endpoint, state of play",
            "codeProfession=60&codes=1,2&code_challenge=abcdef&token_endpoint=https://h/t",
            r#"{"codeProfession":"60","codes":["1"],"code_challenge":"abc","code_challenge_method":"S256"}"#,
            "grant_type=refresh_token&scope=openid",
            "Basic authentication, Bearer tokens, basic constraints",
            "id_token : absent; refresh_token: null",
            "décode=1, code : 404, state : fermé",
            "a=1; b=2",
        ] {
            assert_eq!(redact_text(text), text);
        }
    }

    #[test]
    fn json_is_masked_by_its_structure() {
        let value = serde_json::json!({
            "session": {"cookies": ["dui_session=SECRET; Path=/"], "stockage": {"clef": "SECRETSECRETSECRET", "theme": "clair"}},
            "client_secret": {"valeur": "SECRET", "len": 6},
            "password": 123_456,
            "Set-Cookie": "SECRET",
            "texte": "code=SECRET",
            "code": 404,
            "nom": "ADRUN",
        });
        let masked = redact_value(&value);
        let text = masked.to_string();
        assert!(
            !text.contains("SECRET") && !text.contains("123456"),
            "{text}"
        );
        assert_eq!(masked["nom"], "ADRUN");
        assert_eq!(masked["code"], 404);
        assert_eq!(masked["client_secret"]["len"], 6);
        assert_eq!(masked["session"]["stockage"]["theme"], "clair");
        assert_eq!(redact_value(&masked), masked);
    }

    #[test]
    fn the_work_grows_with_the_text_and_no_faster() {
        for pattern in [
            "code state token ",
            "a=a=",
            "code=x&",
            "\"password\":\"a\\\"",
            "\\",
            "code\"",
            "client_secret : absent ",
            "%25",
            "Bearer abc ",
            "x=1; ",
            "cookie=",
            "eyJ",
            "'",
            "code=‹›",
            "password: ‹›",
            "cookie: {",
        ] {
            let text = pattern.repeat(100_000 / pattern.len());
            check(&text);
        }
        check(&"client_secret=abc&x=1 code lieu \"state\":\"a\\\"b\" ".repeat(20_000));
    }

    /// At most so many steps for each byte, whatever the length.
    fn check(text: &str) {
        let mut scan = Scan::new(text);
        scan.run();
        assert!(
            scan.steps <= 8 * text.len() + 8,
            "{} steps for {} bytes of {:.40}",
            scan.steps,
            text.len(),
            text
        );
    }
}

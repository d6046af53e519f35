//! Distinguished names, compared as sets: the order and the spelling of attribute types differ from one tool to the next.

use std::collections::BTreeSet;
use std::fmt;

use x509_parser::x509::X509Name;

/// Short names of attribute types and their OID. Several names may stand for one OID; the first is written.
const TYPES: &[(&str, &str)] = &[
    ("CN", "2.5.4.3"),
    ("SURNAME", "2.5.4.4"),
    ("SN", "2.5.4.4"),
    ("SERIALNUMBER", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("S", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("T", "2.5.4.12"),
    ("TITLE", "2.5.4.12"),
    ("POSTALCODE", "2.5.4.17"),
    ("GIVENNAME", "2.5.4.42"),
    ("GN", "2.5.4.42"),
    ("G", "2.5.4.42"),
    ("ORGANIZATIONIDENTIFIER", "2.5.4.97"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("EMAILADDRESS", "1.2.840.113549.1.9.1"),
    ("E", "1.2.840.113549.1.9.1"),
];

/// A name that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nom distingué illisible : {0}")]
pub struct NameError(String);

/// A distinguished name: relative names in the order of the certificate (or of the text), each a set of attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Name {
    rdns: Vec<Vec<(String, String)>>,
}

impl Name {
    /// Reads the text form (RFC 2253 and 4514, blanks around separators and `;` accepted, either order).
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let mut rdns = Vec::new();
        let mut rdn = Vec::new();
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(NameError("vide".to_owned()));
        }
        loop {
            let (kind, after) = rest
                .split_once('=')
                .ok_or_else(|| NameError(format!("« {} » n'a pas de signe =", cut(rest))))?;
            let oid = oid_of(kind.trim())?;
            let (value, separator, next) = value(after.trim_start())?;
            rdn.push((oid, value));
            if separator != Some('+') {
                rdns.push(std::mem::take(&mut rdn));
            }
            match separator {
                None => break,
                Some(_) => rest = next.trim_start(),
            }
            if rest.is_empty() {
                return Err(NameError("un séparateur sans suite".to_owned()));
            }
        }
        Ok(Self { rdns })
    }

    pub(super) fn of(name: &X509Name<'_>) -> Self {
        let rdns = name
            .iter_rdn()
            .map(|rdn| {
                rdn.iter()
                    .map(|attribute| {
                        let raw = attribute.attr_value();
                        let value = attribute.as_str().map_or_else(
                            |_| older_text(raw.tag().0, raw.data).unwrap_or_else(|| hex(raw.data)),
                            str::to_owned,
                        );
                        (attribute.attr_type().to_id_string(), value)
                    })
                    .collect()
            })
            .collect();
        Self { rdns }
    }

    /// Do both name the same? Relative names are compared as sets, values without regard to case and blanks.
    pub fn same_as(&self, other: &Self) -> bool {
        self.set() == other.set()
    }

    fn set(&self) -> BTreeSet<BTreeSet<(String, String)>> {
        self.rdns
            .iter()
            .map(|rdn| {
                rdn.iter()
                    .map(|(oid, value)| {
                        let words: Vec<&str> = value.split_whitespace().collect();
                        (oid.clone(), words.join(" ").to_lowercase())
                    })
                    .collect()
            })
            .collect()
    }

    /// First value of an attribute, by its short name or its dotted OID.
    pub fn get(&self, kind: &str) -> Option<&str> {
        let oid = oid_of(kind).ok()?;
        self.rdns
            .iter()
            .flatten()
            .find(|(k, _)| *k == oid)
            .map(|(_, value)| value.as_str())
    }

    /// Text form of RFC 2253: last relative name of the certificate first, no blank after commas.
    pub fn rfc2253(&self) -> String {
        let rdns: Vec<String> = self
            .rdns
            .iter()
            .rev()
            .map(|rdn| {
                let parts: Vec<String> = rdn
                    .iter()
                    .map(|(oid, value)| format!("{}={}", short(oid), escaped(value)))
                    .collect();
                parts.join("+")
            })
            .collect();
        rdns.join(",")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc2253())
    }
}

fn short(oid: &str) -> &str {
    TYPES
        .iter()
        .find(|(_, o)| *o == oid)
        .map_or(oid, |(name, _)| name)
}

fn oid_of(kind: &str) -> Result<String, NameError> {
    let kind = kind.strip_prefix("OID.").unwrap_or(kind);
    if kind.starts_with(|c: char| c.is_ascii_digit())
        && kind.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    {
        return Ok(kind.to_owned());
    }
    let upper = kind.to_ascii_uppercase();
    TYPES
        .iter()
        .find(|(name, _)| *name == upper)
        .map(|(_, oid)| (*oid).to_owned())
        .ok_or_else(|| NameError(format!("type d'attribut inconnu « {} »", cut(kind))))
}

/// A value, the separator after it, and the rest.
fn value(text: &str) -> Result<(String, Option<char>, &str), NameError> {
    let separator = |c: char| matches!(c, ',' | ';' | '+');
    if let Some(quoted) = text.strip_prefix('"') {
        let mut out = String::new();
        let mut chars = quoted.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    let rest = quoted[at + 1..].trim_start();
                    let next = rest.chars().next();
                    return match next {
                        None => Ok((out, None, "")),
                        Some(c) if separator(c) => Ok((out, Some(c), &rest[c.len_utf8()..])),
                        Some(_) => Err(NameError("du texte après des guillemets".to_owned())),
                    };
                }
                '\\' => out.extend(chars.next().map(|(_, c)| c)),
                c => out.push(c),
            }
        }
        return Err(NameError("des guillemets non fermés".to_owned()));
    }
    let mut raw: Vec<u8> = Vec::new();
    let mut kept = 0;
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut end = None;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => {
                let pair = text
                    .get(at + 1..at + 3)
                    .filter(|h| h.bytes().all(|b| b.is_ascii_hexdigit()));
                if let Some(pair) = pair {
                    raw.push(u8::from_str_radix(pair, 16).unwrap_or_default());
                    at += 3;
                } else if let Some(next) = text[at + 1..].chars().next() {
                    raw.extend(next.to_string().bytes());
                    at += 1 + next.len_utf8();
                } else {
                    return Err(NameError("une barre oblique inverse à la fin".to_owned()));
                }
                // An escaped blank belongs to the value.
                kept = raw.len();
            }
            b @ (b',' | b';' | b'+') => {
                end = Some(b as char);
                break;
            }
            b => {
                raw.push(b);
                if !b.is_ascii_whitespace() {
                    kept = raw.len();
                }
                at += 1;
            }
        }
    }
    raw.truncate(kept);
    let value = String::from_utf8(raw).map_err(|_| NameError("pas de l'UTF-8".to_owned()))?;
    let value = match value.strip_prefix('#') {
        Some(hex) => der_text(hex).unwrap_or(value),
        None => value,
    };
    let rest = end.map_or("", |_| &text[at + 1..]);
    Ok((value, end, rest))
}

/// Text of a DER string written in hexadecimal.
fn der_text(hex: &str) -> Option<String> {
    if !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    let bytes: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok())
        .collect::<Option<_>>()?;
    let (head, content) = bytes.split_at_checked(2)?;
    let content = content.get(..usize::from(head[1]))?;
    match head[0] {
        0x0c | 0x13 | 0x16 => String::from_utf8(content.to_vec()).ok(),
        tag => older_text(u32::from(tag), content),
    }
}

/// Text of the string types that older cards use: `TeletexString`, taken for Latin-1, and `BMPString`.
fn older_text(tag: u32, content: &[u8]) -> Option<String> {
    match tag {
        0x14 => Some(content.iter().map(|b| char::from(*b)).collect()),
        0x1e => {
            let units: Vec<u16> = content
                .chunks_exact(2)
                .map(|p| u16::from_be_bytes([p[0], p[1]]))
                .collect();
            String::from_utf16(&units).ok()
        }
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::from("#"), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

fn escaped(value: &str) -> String {
    let mut out = String::new();
    let last = value.chars().count().saturating_sub(1);
    for (at, c) in value.chars().enumerate() {
        let edge = (at == 0 && matches!(c, ' ' | '#')) || (at == last && c == ' ');
        if edge || matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

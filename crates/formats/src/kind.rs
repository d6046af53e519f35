//! What a file is, told from its content: the kinds of documents that `diapason check` knows.
//!
//! Content decides; the file's name only settles what the content leaves open. Only the beginning is looked
//! at, save for a document wrapped in a stylesheet or a signature, which is looked for further on, and for
//! the directory of an archive, which stands at its end. Nothing is decoded, unfolded or believed here: the
//! judge of each kind reads the file again, strictly.

mod json;
#[cfg(test)]
mod tests;
mod text;
mod xml;

use std::borrow::Cow;
use std::fmt;

use diapason_core::DocumentKind;
use diapason_core::requirement::{Lang, Text};

/// How far the beginning of a file goes, in bytes.
const HEAD: usize = 256 * 1024;

/// What a file was recognised as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// Its kind.
    pub kind: DocumentKind,
    /// What tells it: an element, a name in an archive, a claim.
    pub by: String,
}

/// A file of no known kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// What it looks like, for a person.
    pub seen: Text,
}

impl Unknown {
    fn new(fr: impl Into<String>, en: impl Into<String>) -> Self {
        Self {
            seen: Text {
                fr: fr.into(),
                en: en.into(),
            },
        }
    }

    /// What was seen, then what is known, as one sentence of the language.
    pub fn message(&self, lang: Lang) -> String {
        let known: Vec<&str> = DocumentKind::ALL.iter().map(|kind| kind.as_str()).collect();
        let known = known.join(", ");
        match lang {
            Lang::Fr => format!(
                "nature inconnue : {} ; natures connues : {known}",
                self.seen.fr
            ),
            Lang::En => format!("unknown kind: {}; known kinds: {known}", self.seen.en),
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(Lang::En))
    }
}

impl std::error::Error for Unknown {}

/// Tells what `bytes` are. `name` is the file's name, if it has one.
pub fn detect(bytes: &[u8], name: Option<&str>) -> Result<Detected, Unknown> {
    if bytes.is_empty() {
        return Err(Unknown::new("le fichier est vide", "the file is empty"));
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return archive(bytes);
    }
    let (text, whole) = readable(bytes);
    let trimmed = text.trim_ascii_start();
    if trimmed.is_empty() {
        return Err(Unknown::new(
            "le fichier ne contient que des blancs",
            "the file holds nothing but blanks",
        ));
    }
    // Before the rest: the parts of a package may be binary, and its headers may look like those of a mail.
    if let Some(found) = text::package(trimmed) {
        return Ok(found);
    }
    if !text::is_http(trimmed)
        && let Some(what) = binary(bytes, &text)
    {
        return Err(Unknown::new(what.0, what.1));
    }
    match trimmed.first() {
        Some(b'<') => xml::detect(trimmed, whole),
        Some(b'[') if text::is_table(trimmed) => text::detect(trimmed, name),
        Some(b'{' | b'[') => json::detect(trimmed),
        _ => text::detect(trimmed, name),
    }
}

/// The beginning of the file in UTF-8, and whether all of it is there. Bytes that are no UTF-8 stay as they are.
fn readable(bytes: &[u8]) -> (Cow<'_, [u8]>, bool) {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let head = &bytes[..bytes.len().min(2 * HEAD)];
        let units = head.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let text: String = char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        (Cow::Owned(text.into_bytes()), head.len() == bytes.len())
    };
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => (Cow::Borrowed(rest), true),
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => (Cow::Borrowed(bytes), true),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [b'<' | b'{' | b'\n' | b' ', 0, ..] => utf16(bytes, u16::from_le_bytes),
        [0, b'<' | b'{' | b'\n' | b' ', ..] => utf16(bytes, u16::from_be_bytes),
        _ => (Cow::Borrowed(bytes), true),
    }
}

/// A well-known format that is none of ours, or bytes that are no text.
fn binary(bytes: &[u8], text: &[u8]) -> Option<(&'static str, &'static str)> {
    let known: &[(&[u8], (&str, &str))] = &[
        (
            b"%PDF-",
            (
                "un PDF seul ; il se juge dans le document CDA qui le porte",
                "a lone PDF; it is judged inside the CDA document that carries it",
            ),
        ),
        (b"\x89PNG", ("une image PNG", "a PNG image")),
        (b"\xFF\xD8\xFF", ("une image JPEG", "a JPEG image")),
        (b"GIF8", ("une image GIF", "a GIF image")),
        (
            b"\x1F\x8B",
            ("des données compressées (gzip)", "compressed data (gzip)"),
        ),
        (b"{\\rtf", ("un document RTF", "an RTF document")),
        (b"7z\xBC\xAF", ("une archive 7z", "a 7z archive")),
        (
            b"\xD0\xCF\x11\xE0",
            (
                "un fichier Microsoft (OLE) : document Office ancien ou message Outlook .msg",
                "a Microsoft (OLE) file: old Office document or Outlook .msg",
            ),
        ),
        (b"\xFF\xFE\0\0", ("du texte en UTF-32", "UTF-32 text")),
        (b"\0\0\xFE\xFF", ("du texte en UTF-32", "UTF-32 text")),
        (
            b"\x30\x82",
            (
                "des données ASN.1 (certificat, clé ou signature)",
                "ASN.1 data (certificate, key or signature)",
            ),
        ),
        (
            b"-----BEGIN ",
            (
                "un fichier PEM (certificat ou clé)",
                "a PEM file (certificate or key)",
            ),
        ),
    ];
    if let Some((_, what)) = known.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(*what);
    }
    let head = &text[..text.len().min(8 * 1024)];
    head.contains(&0)
        .then_some(("des données binaires", "binary data"))
}

/// An archive: XDM when a name below `IHE_XDM` is in its directory.
fn archive(bytes: &[u8]) -> Result<Detected, Unknown> {
    let mut names = directory(bytes).peekable();
    let listed = names.peek().is_some();
    let mut first = None;
    for name in names {
        if name == b"IHE_XDM" || name.starts_with(b"IHE_XDM/") || name.starts_with(b"IHE_XDM\\") {
            return Ok(Detected {
                kind: DocumentKind::Xdm,
                by: "ZIP, IHE_XDM".to_owned(),
            });
        }
        first.get_or_insert_with(|| {
            String::from_utf8_lossy(&name[..name.len().min(60)]).into_owned()
        });
    }
    // Cut short, the archive has lost its directory: the names beside its first files are still there.
    let head = &bytes[..bytes.len().min(HEAD)];
    if !listed && find(head, b"IHE_XDM/").is_some() {
        return Ok(Detected {
            kind: DocumentKind::Xdm,
            by: "ZIP, IHE_XDM".to_owned(),
        });
    }
    Err(match first {
        Some(first) => Unknown::new(
            format!("une archive ZIP sans dossier IHE_XDM (premier nom : {first})"),
            format!("a ZIP archive without an IHE_XDM folder (first name: {first})"),
        ),
        None => Unknown::new(
            "une archive ZIP vide ou abîmée",
            "an empty or damaged ZIP archive",
        ),
    })
}

/// The names of an archive's directory, at most a few thousand of them.
fn directory(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    const END: &[u8] = b"PK\x05\x06";
    let tail_at = bytes.len().saturating_sub(22 + 65_535);
    let start = bytes
        .get(tail_at..)
        .and_then(|tail| tail.windows(4).rposition(|w| w == END))
        .and_then(|at| bytes.get(tail_at + at + 16..tail_at + at + 20))
        .and_then(|four| four.try_into().ok())
        .map(u32::from_le_bytes)
        .and_then(|at| usize::try_from(at).ok());
    let mut at = start.unwrap_or(bytes.len());
    let next = move || {
        let entry = bytes.get(at..)?;
        if !entry.starts_with(b"PK\x01\x02") {
            return None;
        }
        let length = |from: usize| {
            let two: [u8; 2] = entry.get(from..from + 2)?.try_into().ok()?;
            Some(usize::from(u16::from_le_bytes(two)))
        };
        let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
        at += 46 + name + extra + comment;
        entry.get(46..46 + name)
    };
    std::iter::from_fn(next).take(4_096)
}

/// Where `needle` first stands.
fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|b| *b == first) {
        if bytes[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

//! MTOM/XOP packages (`multipart/related`), read and written byte for byte.
//!
//! Parts are ranges of the body: nothing of a document is copied or decoded here. What a careless sender does
//! (lone line feeds, preamble, epilogue, quoted boundary, headers in any case, parts in any order) is read and
//! noted in `problems`; what cannot be read whole is refused.

mod write;

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use percent_encoding::percent_decode_str;

pub use write::{Attachment, Layout, Piece, Written, layout, write};

/// Namespace of `xop:Include`.
pub const XOP: &str = "http://www.w3.org/2004/08/xop/include";
/// Most parts of a package.
pub const MOST_PARTS: usize = 1_000;
/// Longest boundary read; the standard allows 70 characters.
const LONGEST_BOUNDARY: usize = 200;
/// Most bytes of the headers of a part.
const LONGEST_HEAD: usize = 64 * 1024;

/// A part of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Header names in lower case, values as received (unfolded), in order.
    pub headers: Vec<(String, String)>,
    /// Content-ID without its angle brackets.
    pub content_id: Option<String>,
    /// Where its content stands in the body of the message.
    pub range: Range<usize>,
}

impl Part {
    /// First value of a header, named in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// Media type, lower case, without parameters.
    pub fn media_type(&self) -> Option<String> {
        self.header("content-type")
            .map(|v| parameters(v).0)
            .filter(|t| !t.is_empty())
    }

    /// Content-Transfer-Encoding, lower case.
    pub fn transfer_encoding(&self) -> Option<String> {
        self.header("content-transfer-encoding")
            .map(|v| v.trim().to_ascii_lowercase())
    }
}

/// A package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    /// Parts, in order.
    pub parts: Vec<Part>,
    /// Rank of the root part.
    pub root: usize,
    /// `start` parameter, without its angle brackets.
    pub start: Option<String>,
    /// Boundary.
    pub boundary: String,
    /// `type` parameter (`application/xop+xml`).
    pub kind: Option<String>,
    /// `start-info` parameter (`application/soap+xml`).
    pub start_info: Option<String>,
    /// `action` parameter.
    pub action: Option<String>,
    /// Was the boundary guessed from the body, for want of a Content-Type?
    pub guessed: bool,
    /// Departures from the format that did not prevent reading, in French, for a person.
    pub problems: Vec<String>,
}

/// Why a package cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    /// The Content-Type is not `multipart/...`.
    #[error("le type de contenu {0:?} n'est pas multipart/related")]
    NotMultipart(String),
    /// No boundary.
    #[error("le Content-Type ne donne pas de délimiteur (boundary)")]
    NoBoundary,
    /// A boundary that cannot be one.
    #[error("le délimiteur (boundary) ne convient pas : {0}")]
    Boundary(String),
    /// The boundary never occurs.
    #[error("le délimiteur {0:?} n'apparaît nulle part dans le corps")]
    NoPart(String),
    /// The closing delimiter never comes.
    #[error("le paquet s'arrête au milieu de sa partie {part} : le délimiteur final manque")]
    Truncated {
        /// Rank of the part, from 1.
        part: usize,
    },
    /// The headers of a part do not end, or are too long.
    #[error("les en-têtes de la partie {part} ne se lisent pas : {problem}")]
    Head {
        /// Rank of the part, from 1.
        part: usize,
        /// Why.
        problem: &'static str,
    },
    /// Two parts of one Content-ID.
    #[error("deux parties portent le même Content-ID {0:?}")]
    DuplicateContentId(String),
    /// No part bears the id that `start` gives.
    #[error("aucune partie ne porte l'identifiant {0:?} que donne start")]
    NoRoot(String),
    /// More than `MOST_PARTS` parts.
    #[error("plus de {MOST_PARTS} parties")]
    TooManyParts,
    /// An inclusion that leads back to where it stands.
    #[error("l'inclusion de {0:?} tourne en rond")]
    Cycle(String),
}

impl Package {
    /// The content of a part.
    pub fn content<'b>(&self, part: &Part, body: &'b [u8]) -> &'b [u8] {
        body.get(part.range.clone()).unwrap_or_default()
    }

    /// The root part.
    pub fn root_part(&self) -> Option<&Part> {
        self.parts.get(self.root)
    }

    /// The part an `href` means: `cid:` dropped, percent-encoding undone.
    pub fn resolve(&self, href: &str) -> Option<&Part> {
        self.rank(href).map(|rank| &self.parts[rank])
    }

    /// Rank of the part an `href` means.
    pub fn rank(&self, href: &str) -> Option<usize> {
        self.index().rank(href)
    }

    /// The parts by Content-ID, to resolve many addresses.
    pub fn index(&self) -> Index<'_> {
        let mut by_id = HashMap::new();
        for (rank, part) in self.parts.iter().enumerate() {
            if let Some(id) = part.content_id.as_deref() {
                by_id.entry(id).or_insert(rank);
            }
        }
        Index(by_id)
    }
}

/// Parts of a package by Content-ID.
#[derive(Debug, Clone)]
pub struct Index<'p>(HashMap<&'p str, usize>);

impl Index<'_> {
    /// Rank of the part an `href` means.
    pub fn rank(&self, href: &str) -> Option<usize> {
        let href = href.trim();
        let id = href
            .get(..4)
            .filter(|scheme| scheme.eq_ignore_ascii_case("cid:"))
            .map(|_| &href[4..])?;
        let decoded = percent_decode_str(id).decode_utf8_lossy();
        self.0.get(&*decoded).or_else(|| self.0.get(id)).copied()
    }
}

/// Is the value of this Content-Type that of a package?
pub fn is_multipart(content_type: &str) -> bool {
    parameters(content_type).0.starts_with("multipart/")
}

/// Reads a package.
///
/// # Errors
/// What is said in [`PackageError`].
pub fn read(content_type: &str, body: &[u8]) -> Result<Package, PackageError> {
    let (kind, parameters) = parameters(content_type);
    if !kind.starts_with("multipart/") {
        return Err(PackageError::NotMultipart(content_type.to_owned()));
    }
    let get = |name: &str| {
        parameters
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.clone())
    };
    let boundary = get("boundary").ok_or(PackageError::NoBoundary)?;
    let mut package = Package {
        start: get("start").map(|s| bare_id(&s).to_owned()),
        kind: get("type"),
        start_info: get("start-info"),
        action: get("action"),
        ..Package::default()
    };
    if kind != "multipart/related" {
        package
            .problems
            .push(format!("type {kind} au lieu de multipart/related"));
    }
    for (name, _) in &parameters {
        if parameters.iter().filter(|(n, _)| n == name).count() > 1 {
            let text = format!("paramètre {name} répété dans le Content-Type");
            if !package.problems.contains(&text) {
                package.problems.push(text);
            }
        }
    }
    split(boundary, body, &mut package)?;
    Ok(package)
}

/// Reads a package found without its HTTP head: a body that begins with a delimiter, or with MIME headers.
///
/// `None` when the bytes do not look like one.
pub fn read_bare(bytes: &[u8]) -> Option<Result<Package, PackageError>> {
    let blanks = bytes.len() - bytes.trim_ascii_start().len();
    let text = &bytes[blanks..];
    if text.starts_with(b"--") {
        let line = text.split(|b| *b == b'\n').next()?;
        let boundary = std::str::from_utf8(line.trim_ascii_end()).ok()?.get(2..)?;
        if boundary.is_empty() || boundary.len() > LONGEST_BOUNDARY {
            return None;
        }
        let mut package = Package {
            guessed: true,
            ..Package::default()
        };
        return Some(split(boundary.to_owned(), bytes, &mut package).map(|()| {
            // Nothing says which part is the root: its type does.
            let is_root = |p: &Part| p.media_type().as_deref() == Some("application/xop+xml");
            package.root = package.parts.iter().position(is_root).unwrap_or(0);
            package
        }));
    }
    // MIME headers, an empty line, then the body.
    let mut head = Vec::new();
    let end = headers(text, &mut head).ok()?;
    let (_, content_type) = head.iter().find(|(name, _)| name == "content-type")?;
    if !is_multipart(content_type) {
        return None;
    }
    let from = blanks + end;
    Some(read(content_type, &bytes[from..]).map(|mut package| {
        for part in &mut package.parts {
            part.range = part.range.start + from..part.range.end + from;
        }
        package
    }))
}

/// Cuts a body at its delimiters, and finds the root.
fn split(boundary: String, body: &[u8], package: &mut Package) -> Result<(), PackageError> {
    if boundary.is_empty() {
        return Err(PackageError::NoBoundary);
    }
    if boundary.len() > LONGEST_BOUNDARY {
        return Err(PackageError::Boundary(format!(
            "{} caractères",
            boundary.len()
        )));
    }
    if boundary.len() > 70 {
        package.problems.push(format!(
            "délimiteur de {} caractères, au lieu de 70 au plus",
            boundary.len()
        ));
    }
    package.boundary = boundary;
    let delimiters = Delimiters {
        body,
        boundary: package.boundary.as_bytes(),
        at: 0,
    };
    let mut open: Option<usize> = None;
    let mut closed = false;
    let mut lone_line_feeds = false;
    for found in delimiters {
        lone_line_feeds |= !found.crlf;
        if let Some(start) = open {
            if package.parts.len() == MOST_PARTS {
                return Err(PackageError::TooManyParts);
            }
            let rank = package.parts.len() + 1;
            let part = part(body, start..found.content_end.max(start), rank)?;
            package.parts.push(part);
        } else if !body[..found.content_end].trim_ascii().is_empty() {
            package
                .problems
                .push("du texte avant la première partie".to_owned());
        }
        if found.closing {
            closed = true;
            if !body[found.next..].trim_ascii().is_empty() {
                package
                    .problems
                    .push("du contenu après le délimiteur final".to_owned());
            }
            break;
        }
        open = Some(found.next);
    }
    if open.is_none() {
        return Err(PackageError::NoPart(package.boundary.clone()));
    }
    if !closed {
        return Err(PackageError::Truncated {
            part: package.parts.len() + 1,
        });
    }
    if lone_line_feeds {
        package
            .problems
            .push("des fins de ligne LF au lieu de CRLF".to_owned());
    }
    let mut seen = HashSet::new();
    for id in package.parts.iter().filter_map(|p| p.content_id.as_deref()) {
        if !seen.insert(id) {
            return Err(PackageError::DuplicateContentId(id.to_owned()));
        }
    }
    package.root = match &package.start {
        None => 0,
        Some(start) => package
            .parts
            .iter()
            .position(|p| p.content_id.as_deref() == Some(start))
            .ok_or_else(|| PackageError::NoRoot(start.clone()))?,
    };
    Ok(())
}

/// A delimiter line.
struct Delimiter {
    /// Where the content before it ends, its own line end left out.
    content_end: usize,
    /// Where what follows begins.
    next: usize,
    /// `--boundary--`?
    closing: bool,
    /// Does its line end with CRLF (or with the body)?
    crlf: bool,
}

struct Delimiters<'b> {
    body: &'b [u8],
    boundary: &'b [u8],
    /// Where a line begins.
    at: usize,
}

impl Iterator for Delimiters<'_> {
    type Item = Delimiter;

    fn next(&mut self) -> Option<Delimiter> {
        while self.at < self.body.len() {
            let start = self.at;
            let line = &self.body[start..];
            let after = line
                .strip_prefix(b"--")
                .and_then(|l| l.strip_prefix(self.boundary));
            if let Some(after) = after
                && let Some(found) = self.delimiter(start, after)
            {
                self.at = found.next;
                return Some(found);
            }
            let Some(end) = line.iter().position(|b| *b == b'\n') else {
                self.at = self.body.len();
                return None;
            };
            self.at = start + end + 1;
        }
        None
    }
}

impl Delimiters<'_> {
    /// The delimiter whose line begins at `start`, `after` being what follows the boundary; `None` when other
    /// characters follow it, so that it is but the beginning of another word.
    fn delimiter(&self, start: usize, after: &[u8]) -> Option<Delimiter> {
        let (closing, rest) = match after.strip_prefix(b"--") {
            Some(rest) => (true, rest),
            None => (false, after),
        };
        let blanks = rest
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .count();
        let rest_at = self.body.len() - rest.len() + blanks;
        let (next, crlf) = match &rest[blanks..] {
            [] => (rest_at, true),
            [b'\r', b'\n', ..] => (rest_at + 2, true),
            [b'\n', ..] => (rest_at + 1, false),
            // Some senders glue the epilogue to the closing delimiter.
            _ if closing => (rest_at, true),
            _ => return None,
        };
        let content_end = match &self.body[..start] {
            [.., b'\r', b'\n'] => start - 2,
            [.., b'\n'] => start - 1,
            _ => start,
        };
        Some(Delimiter {
            content_end,
            next,
            closing,
            crlf,
        })
    }
}

fn part(body: &[u8], range: Range<usize>, rank: usize) -> Result<Part, PackageError> {
    let text = &body[range.clone()];
    let mut head = Vec::new();
    let end = headers(text, &mut head).map_err(|problem| PackageError::Head {
        part: rank,
        problem,
    })?;
    let content_id = head
        .iter()
        .find(|(name, _)| name == "content-id")
        .map(|(_, value)| bare_id(value).to_owned());
    Ok(Part {
        headers: head,
        content_id,
        range: range.start + end..range.end,
    })
}

/// Reads header lines; gives where what follows the empty line begins.
fn headers(text: &[u8], into: &mut Vec<(String, String)>) -> Result<usize, &'static str> {
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let window = &rest[..rest.len().min(LONGEST_HEAD)];
        let Some(end) = window.iter().position(|b| *b == b'\n') else {
            // A part without content may end with its headers.
            return if rest.trim_ascii().is_empty() {
                Ok(text.len())
            } else {
                Err("il n'y a pas de ligne vide après eux")
            };
        };
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        at += end + 1;
        if line.is_empty() {
            return Ok(at);
        }
        if at > LONGEST_HEAD || into.len() >= 200 {
            return Err("ils sont trop longs");
        }
        let line = String::from_utf8_lossy(line);
        if line.starts_with([' ', '\t']) {
            let Some((_, value)) = into.last_mut() else {
                return Err("le premier commence par un blanc");
            };
            value.push(' ');
            value.push_str(line.trim());
            continue;
        }
        let (name, value) = line
            .split_once(':')
            .ok_or("une ligne n'a pas de deux-points")?;
        into.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn bare_id(id: &str) -> &str {
    let id = id.trim();
    id.strip_prefix('<')
        .and_then(|i| i.strip_suffix('>'))
        .unwrap_or(id)
}

/// A header value: lower-case essence, then parameters with names in lower case, quotes and escapes undone.
fn parameters(value: &str) -> (String, Vec<(String, String)>) {
    let mut found = Vec::new();
    let essence_end = value.find(';').unwrap_or(value.len());
    let essence = value[..essence_end].trim().to_ascii_lowercase();
    let mut rest = &value[essence_end..];
    while let Some(after) = rest.strip_prefix(';') {
        let after = after.trim_start();
        let name_end = after.find(['=', ';']).unwrap_or(after.len());
        let name = after[..name_end].trim().to_ascii_lowercase();
        let Some(text) = after[name_end..].strip_prefix('=') else {
            rest = &after[name_end..];
            continue;
        };
        let text = text.trim_start();
        let mut content = String::new();
        if let Some(quoted) = text.strip_prefix('"') {
            let mut escaped = false;
            let mut end = quoted.len();
            for (at, c) in quoted.char_indices() {
                match c {
                    _ if escaped => {
                        content.push(c);
                        escaped = false;
                    }
                    '\\' => escaped = true,
                    '"' => {
                        end = at + 1;
                        break;
                    }
                    c => content.push(c),
                }
            }
            let tail = &quoted[end..];
            rest = &tail[tail.find(';').unwrap_or(tail.len())..];
        } else {
            let end = text.find(';').unwrap_or(text.len());
            content.push_str(text[..end].trim());
            rest = &text[end..];
        }
        if !name.is_empty() {
            found.push((name, content));
        }
    }
    (essence, found)
}

#[cfg(test)]
mod tests;

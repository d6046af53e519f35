//! What is checked before a tree is built: size, encoding, DTD, depth, attribute counts.

use std::fmt;

use quick_xml::events::Event;

/// Most namespace declarations on an element and those around it.
const MOST_IN_SCOPE: usize = 1_024;

/// Most namespaces copied while reading: the parser copies the scope of an element that declares some.
const MOST_COPIED: usize = 4_000_000;

/// How much is read before giving up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes.
    pub bytes: usize,
    /// Deepest nesting of elements.
    pub depth: usize,
    /// Most nodes, attributes included.
    pub nodes: u32,
    /// Most attributes on one element.
    pub attributes: usize,
    /// Most namespace declarations in the document.
    pub declarations: usize,
}

impl Default for Limits {
    /// 128 MiB, 200 levels, two million nodes, 128 attributes, 262 144 declarations: many times what a real document needs.
    fn default() -> Self {
        Self {
            bytes: 128 << 20,
            depth: 200,
            nodes: 2_000_000,
            attributes: 128,
            declarations: 262_144,
        }
    }
}

/// Why bytes were not read as XML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadProblem {
    /// No byte at all.
    Empty,
    /// Larger than the limit.
    TooLarge {
        /// Length in bytes.
        len: usize,
        /// Limit in bytes.
        limit: usize,
    },
    /// Declared, or seen by its first bytes, in another encoding than UTF-8.
    Encoding {
        /// The encoding.
        name: String,
    },
    /// Declared or taken as UTF-8, but is not.
    NotUtf8 {
        /// The first wrong byte.
        byte: u8,
    },
    /// XML 1.1 or another version.
    Version {
        /// As declared.
        version: String,
    },
    /// Has a document type declaration; nothing in it was read.
    Dtd,
    /// Past one of the limits.
    Excessive {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Not well formed.
    Malformed {
        /// What the parser says.
        message: String,
    },
}

/// Why bytes were not read as XML, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// Why.
    pub problem: ReadProblem,
    /// Line, from 1; 0 when it concerns the whole.
    pub line: u32,
    /// Column in characters, from 1; 0 when it concerns the whole.
    pub column: u32,
}

impl std::error::Error for ReadError {}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            ReadProblem::Empty => f.write_str("no content")?,
            ReadProblem::TooLarge { len, limit } => {
                write!(f, "{len} bytes, more than the {limit} that are read")?;
            }
            ReadProblem::Encoding { name } => write!(f, "encoding {name}; only UTF-8 is read")?,
            ReadProblem::NotUtf8 { byte } => {
                write!(f, "not UTF-8: unexpected byte 0x{byte:02X}")?;
            }
            ReadProblem::Version { version } => {
                write!(f, "XML version {version}; only 1.0 is read")?;
            }
            ReadProblem::Dtd => f.write_str("document type declaration (DTD), which is refused")?,
            ReadProblem::Excessive { what, limit } => write!(f, "more than {limit} {what}")?,
            ReadProblem::Malformed { message } => f.write_str(message)?,
        }
        if self.line > 0 {
            write!(f, " (line {}, column {})", self.line, self.column)?;
        }
        Ok(())
    }
}

impl ReadError {
    pub(super) fn whole(problem: ReadProblem) -> Self {
        Self {
            problem,
            line: 0,
            column: 0,
        }
    }

    pub(super) fn at(problem: ReadProblem, bytes: &[u8], offset: usize) -> Self {
        let before = &bytes[..offset.min(bytes.len())];
        let line = before.split(|b| *b == b'\n').count();
        let start = before
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
        Self {
            problem,
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }
}

/// Checks the bytes and returns them as text, without a byte order mark.
pub fn check<'a>(bytes: &'a [u8], limits: &Limits) -> Result<&'a str, ReadError> {
    if bytes.is_empty() {
        return Err(ReadError::whole(ReadProblem::Empty));
    }
    if bytes.len() > limits.bytes {
        return Err(ReadError::whole(ReadProblem::TooLarge {
            len: bytes.len(),
            limit: limits.bytes,
        }));
    }
    let encoding = |name: &str| {
        Err(ReadError::whole(ReadProblem::Encoding {
            name: name.to_owned(),
        }))
    };
    match bytes {
        [0, 0, 0xFE, 0xFF, ..] | [0xFF, 0xFE, 0, 0, ..] => return encoding("UTF-32"),
        [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] | [0, b'<', ..] | [b'<', 0, ..] => {
            return encoding("UTF-16");
        }
        _ => {}
    }
    let content = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    declaration(content)?;
    // The declaration is looked at before the encoding is checked, so that "ISO-8859-1" is named.
    let text = std::str::from_utf8(content).map_err(|e| {
        let at = e.valid_up_to();
        ReadError::at(
            ReadProblem::NotUtf8 {
                byte: content.get(at).copied().unwrap_or_default(),
            },
            content,
            at,
        )
    })?;
    if text.is_empty() {
        return Err(ReadError::whole(ReadProblem::Empty));
    }
    if text.starts_with('\u{feff}') {
        // The parser would skip it.
        return Err(ReadError::at(
            malformed("a second byte order mark"),
            content,
            0,
        ));
    }
    scan(text, limits)?;
    Ok(text)
}

/// Reads version and encoding in the XML declaration, which is ASCII in every encoding still possible here.
fn declaration(content: &[u8]) -> Result<(), ReadError> {
    let Some(rest) = content.strip_prefix(b"<?xml") else {
        return Ok(());
    };
    if !rest.first().is_some_and(u8::is_ascii_whitespace) {
        return Ok(());
    }
    let head = &rest[..rest.len().min(512)];
    let end = head
        .windows(2)
        .position(|w| w == b"?>")
        .unwrap_or(head.len());
    let head = String::from_utf8_lossy(&head[..end]).into_owned();
    let value = |key: &str| {
        let after = &head[head.find(key)? + key.len()..];
        let after = after.trim_start().strip_prefix('=')?.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        // Without its closing quote, it is the parser that says what is wrong.
        after[1..]
            .split_once(quote)
            .map(|(value, _)| value.to_owned())
    };
    if let Some(version) = value("version").filter(|v| v != "1.0") {
        return Err(ReadError::whole(ReadProblem::Version { version }));
    }
    match value("encoding") {
        Some(name)
            if !name.eq_ignore_ascii_case("utf-8") && !name.eq_ignore_ascii_case("us-ascii") =>
        {
            Err(ReadError::whole(ReadProblem::Encoding { name }))
        }
        _ => Ok(()),
    }
}

/// Walks the events without building anything, so that no parser is handed what could exhaust it.
fn scan(text: &str, limits: &Limits) -> Result<(), ReadError> {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut budget = Budget::new(limits);
    loop {
        let before = offset(reader.buffer_position());
        let counted = match reader.read_event() {
            Ok(Event::DocType(_)) => Err(ReadProblem::Dtd),
            Ok(Event::Start(tag)) => budget.open(tag.attributes_raw()),
            Ok(Event::Empty(tag)) => budget
                .open(tag.attributes_raw())
                .inspect(|()| budget.close()),
            Ok(Event::End(_)) => {
                budget.close();
                Ok(())
            }
            Ok(Event::Eof) => return Ok(()),
            Ok(Event::Decl(_)) => Ok(()),
            Ok(Event::GeneralRef(name)) => reference(&name.xml10_content()),
            Ok(_) => budget.nodes(1),
            Err(error) => {
                let at = offset(reader.error_position());
                return Err(ReadError::at(malformed(error), text.as_bytes(), at));
            }
        };
        counted.map_err(|problem| ReadError::at(problem, text.as_bytes(), before))?;
    }
}

fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

/// What has been met so far, against the limits.
struct Budget<'a> {
    limits: &'a Limits,
    nodes: u32,
    declarations: usize,
    /// Namespaces in scope, summed over the elements that declare some: each of them costs a copy of its scope.
    copied: usize,
    /// Declarations in scope below each open element.
    scopes: Vec<usize>,
}

impl<'a> Budget<'a> {
    fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            nodes: 0,
            declarations: 0,
            copied: 0,
            scopes: Vec::new(),
        }
    }

    fn nodes(&mut self, more: u32) -> Result<(), ReadProblem> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > self.limits.nodes {
            return excessive("nodes", self.limits.nodes as usize);
        }
        Ok(())
    }

    fn open(&mut self, raw: &str) -> Result<(), ReadProblem> {
        if self.scopes.len() >= self.limits.depth {
            return excessive("nested elements", self.limits.depth);
        }
        let (attributes, declared) = count(raw);
        if attributes > self.limits.attributes {
            return excessive("attributes on one element", self.limits.attributes);
        }
        self.nodes(1 + attributes as u32)?;
        references(raw)?;
        let inherited = self.scopes.last().copied().unwrap_or_default();
        let scope = inherited + declared;
        self.scopes.push(scope);
        if declared > 0 {
            self.declarations += declared;
            self.copied += scope;
        }
        if self.declarations > self.limits.declarations {
            excessive("namespace declarations", self.limits.declarations)
        } else if scope > MOST_IN_SCOPE {
            excessive("namespaces in scope", MOST_IN_SCOPE)
        } else if self.copied > MOST_COPIED {
            excessive("namespaces in scope, all elements counted", MOST_COPIED)
        } else {
            Ok(())
        }
    }

    fn close(&mut self) {
        self.scopes.pop();
    }
}

fn excessive(what: &'static str, limit: usize) -> Result<(), ReadProblem> {
    Err(ReadProblem::Excessive { what, limit })
}

fn malformed(message: impl fmt::Display) -> ReadProblem {
    ReadProblem::Malformed {
        message: message.to_string(),
    }
}

/// A character reference names a character of XML; the parser would put U+FFFD in its place. Entities are the parser's.
fn reference(name: &str) -> Result<(), ReadProblem> {
    let Some(number) = name.strip_prefix('#') else {
        return Ok(());
    };
    let code = match number.strip_prefix('x') {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    let valid = code
        .ok()
        .and_then(char::from_u32)
        .is_some_and(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..));
    if valid && !number.contains('+') {
        Ok(())
    } else {
        Err(malformed(format_args!(
            "&{name}; is not a character of XML"
        )))
    }
}

/// References in the values of attributes.
fn references(raw: &str) -> Result<(), ReadProblem> {
    raw.match_indices("&#").try_for_each(|(at, _)| {
        let rest = &raw[at + 1..];
        reference(rest.split(';').next().unwrap_or(rest))
    })
}

/// Attributes of a start tag, and namespace declarations among them; equal signs outside quotes bound the former from
/// above.
fn count(raw: &str) -> (usize, usize) {
    let bytes = raw.as_bytes();
    let mut quoted = None;
    let (mut attributes, mut declarations) = (0, 0);
    for (at, byte) in bytes.iter().enumerate() {
        match (quoted, byte) {
            (None, b'"' | b'\'') => quoted = Some(*byte),
            (Some(open), _) if open == *byte => quoted = None,
            (None, b'=') => attributes += 1,
            (None, b'x') => {
                let starts = at == 0 || !is_name(bytes[at - 1]);
                let ends = bytes.get(at + 5).is_none_or(|b| *b == b':' || !is_name(*b));
                if starts && ends && bytes[at..].starts_with(b"xmlns") {
                    declarations += 1;
                }
            }
            _ => {}
        }
    }
    (attributes, declarations)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_' | b'.' | 0x80..)
}

/// Does the start tag at the beginning of this text declare a namespace?
pub(super) fn declares(text: &str) -> bool {
    let mut quoted = None;
    let end = text.bytes().position(|byte| match (quoted, byte) {
        (None, b'"' | b'\'') => {
            quoted = Some(byte);
            false
        }
        (Some(open), _) if open == byte => {
            quoted = None;
            false
        }
        (None, b'>') => true,
        _ => false,
    });
    count(&text[..end.unwrap_or(text.len())]).1 > 0
}

//! Packages written: laid out as pieces, so that a large document is sent from where it lies.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What a `cid:` address escapes: all that has a meaning in a URI.
const CID: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b':')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b']');

/// An attached document.
#[derive(Debug, Clone, Copy)]
pub struct Attachment<'a> {
    /// Content-ID, without angle brackets.
    pub content_id: &'a str,
    /// Content-Type.
    pub content_type: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
}

impl Attachment<'_> {
    /// The `href` of the `xop:Include` that means it.
    pub fn href(&self) -> String {
        href(self.content_id)
    }
}

/// The `href` that means a Content-ID.
pub(super) fn href(content_id: &str) -> String {
    format!("cid:{}", utf8_percent_encode(content_id, CID))
}

/// How a package is laid out.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Boundary; must occur in no part.
    pub boundary: String,
    /// Content-ID of the root part, without angle brackets.
    pub root_id: String,
    /// `action` of the Content-Type and of the root part, when given.
    pub action: Option<String>,
    /// Put the root part last instead of first.
    pub root_last: bool,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            boundary: "uuid:00000000-0000-0000-0000-000000000000".to_owned(),
            root_id: "root.message@cxf.apache.org".to_owned(),
            action: None,
            root_last: false,
        }
    }
}

/// A piece of a written package, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Delimiters, headers and the root part.
    Text(Vec<u8>),
    /// All the bytes of the attachment of that rank.
    Attachment(usize),
}

/// A written package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Value of the HTTP Content-Type.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Lays a package out without copying its attachments: the value of the Content-Type, the pieces, the length.
pub fn layout(
    root: &str,
    attachments: &[Attachment<'_>],
    how: &Layout,
) -> (String, Vec<Piece>, usize) {
    let action = how
        .action
        .as_deref()
        .map(|a| format!("; action=\"{a}\""))
        .unwrap_or_default();
    let content_type = format!(
        "multipart/related; type=\"application/xop+xml\"; boundary=\"{}\"; start=\"<{}>\"; start-info=\"application/soap+xml\"{action}",
        how.boundary, how.root_id
    );
    let mut pieces = Vec::new();
    let mut text = Vec::new();
    let part = |text: &mut Vec<u8>, first: bool, content_type: &str, id: &str| {
        let lead = if first { "" } else { "\r\n" };
        let head = format!(
            "{lead}--{}\r\nContent-Type: {content_type}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{id}>\r\n\r\n",
            how.boundary
        );
        text.extend_from_slice(head.as_bytes());
    };
    let root_type =
        format!("application/xop+xml; charset=UTF-8; type=\"application/soap+xml\"{action}");
    let mut first = true;
    if !how.root_last {
        part(&mut text, first, &root_type, &how.root_id);
        text.extend_from_slice(root.as_bytes());
        first = false;
    }
    for (rank, attachment) in attachments.iter().enumerate() {
        part(
            &mut text,
            first,
            attachment.content_type,
            attachment.content_id,
        );
        first = false;
        pieces.push(Piece::Text(std::mem::take(&mut text)));
        pieces.push(Piece::Attachment(rank));
    }
    if how.root_last {
        part(&mut text, first, &root_type, &how.root_id);
        text.extend_from_slice(root.as_bytes());
    }
    text.extend_from_slice(format!("\r\n--{}--\r\n", how.boundary).as_bytes());
    pieces.push(Piece::Text(text));
    let len = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.len(),
            Piece::Attachment(rank) => attachments[*rank].bytes.len(),
        })
        .sum();
    (content_type, pieces, len)
}

/// Writes a package in one piece.
pub fn write(root: &str, attachments: &[Attachment<'_>], how: &Layout) -> Written {
    let (content_type, pieces, len) = layout(root, attachments, how);
    let mut body = Vec::with_capacity(len);
    for piece in pieces {
        match piece {
            Piece::Text(text) => body.extend_from_slice(&text),
            Piece::Attachment(rank) => body.extend_from_slice(attachments[rank].bytes),
        }
    }
    Written { content_type, body }
}

//! Multipart answers of the retrieval (MTOM/XOP): the root part and one part a document. Every answer of TD3.2 is
//! one, faults included.

use diapason_mock_common::http::{Bytes, Reply};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Content-ID of the root part, as the server's stack writes it.
const ROOT: &str = "root.message@cxf.apache.org";
/// What a cid: URL escapes here; `@` may stay.
const CID: &AsciiSet = &CONTROLS.add(b':').add(b' ').add(b'%');

/// A document that goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attachment {
    pub(crate) content_id: String,
    pub(crate) mime_type: String,
    pub(crate) bytes: Bytes,
}

impl Attachment {
    /// `cid:` address of the part.
    pub(crate) fn href(&self) -> String {
        format!("cid:{}", utf8_percent_encode(&self.content_id, CID))
    }
}

/// How a package deviates; nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The root part comes last.
    pub(crate) root_last: bool,
    /// Header names in lower case.
    pub(crate) lower_case: bool,
    /// Text before the first boundary, and after the last.
    pub(crate) preamble: bool,
    /// A part of that rank is left out.
    pub(crate) without: Option<usize>,
    /// A part of that rank comes twice, with other bytes the second time.
    pub(crate) twice: Option<usize>,
    /// The package ends within its last part.
    pub(crate) cut: bool,
    /// The Content-Type announces another boundary.
    pub(crate) other_boundary: bool,
}

/// The answer as a package. The documents are shared, not copied.
pub(crate) fn reply(
    status: u16,
    envelope: Vec<u8>,
    message_id: &str,
    attachments: &[Attachment],
    shape: &Shape,
) -> Reply {
    let boundary = format!("uuid:{}", message_id.trim_start_matches("urn:uuid:"));
    let header = |name: &str| {
        if shape.lower_case {
            name.to_ascii_lowercase()
        } else {
            name.to_owned()
        }
    };
    let root_head = format!(
        "--{boundary}\r\n{}: application/xop+xml; charset=UTF-8; type=\"application/soap+xml\"\r\n\
         {}: binary\r\n{}: <{ROOT}>\r\n\r\n",
        header("Content-Type"),
        header("Content-Transfer-Encoding"),
        header("Content-ID"),
    );
    let root = vec![
        Bytes::from(root_head),
        Bytes::from(envelope),
        Bytes::from_static(b"\r\n"),
    ];
    let mut parts: Vec<Vec<Bytes>> = Vec::new();
    for (rank, attachment) in attachments.iter().enumerate() {
        if shape.without == Some(rank) {
            continue;
        }
        let part = |bytes: Bytes| {
            let head = format!(
                "--{boundary}\r\n{}: {}\r\n{}: binary\r\n{}: <{}>\r\n\r\n",
                header("Content-Type"),
                attachment.mime_type,
                header("Content-Transfer-Encoding"),
                header("Content-ID"),
                attachment.content_id,
            );
            vec![Bytes::from(head), bytes, Bytes::from_static(b"\r\n")]
        };
        parts.push(part(attachment.bytes.clone()));
        if shape.twice == Some(rank) {
            parts.push(part(Bytes::from_static(
                b"<autre>un autre contenu sous le m\xc3\xaame identifiant</autre>",
            )));
        }
    }
    if shape.root_last {
        parts.push(root);
    } else {
        parts.insert(0, root);
    }
    let mut segments: Vec<Bytes> = Vec::new();
    if shape.preamble {
        segments.push(Bytes::from_static(
            b"Ceci est un message en plusieurs parties.\r\n",
        ));
    }
    segments.extend(parts.into_iter().flatten());
    if shape.cut {
        // The line end after the last part, then half of the part.
        segments.pop();
        if let Some(last) = segments.last_mut() {
            last.truncate(last.len() / 2);
        }
    } else {
        segments.push(Bytes::from(format!("--{boundary}--\r\n")));
    }
    if shape.preamble {
        segments.push(Bytes::from_static(b"Fin.\r\n"));
    }
    let announced = if shape.other_boundary {
        "uuid:00000000-0000-4000-8000-00000000d1a9"
    } else {
        &boundary
    };
    let content_type = format!(
        "multipart/related; type=\"application/xop+xml\"; boundary=\"{announced}\"; \
         start=\"<{ROOT}>\"; start-info=\"application/soap+xml\""
    );
    Reply {
        more: segments,
        ..Reply::new(status, &content_type, Vec::new())
    }
}

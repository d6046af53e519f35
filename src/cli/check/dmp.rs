//! Requests to the DMP without their exchange: told by the names they use, and findings put back where they stand in the file.
//!
//! The judge speaks of lines of the envelope and of lines of each document attached; a person reads the lines of the file.

use diapason_formats::dmp::{Message, Operation};
use diapason_formats::http::Request as HttpRequest;
use diapason_rules::document::DocumentFinding;

/// Names that only a request to the DMP uses.
const NAMES: [&[u8]; 8] = [
    b"VIHF_Version",
    b"urn:si-dmp-",
    b"PRPA_IN2013",
    b"urn:ihe:iti:xds-b:2007",
    b"ebxml-regrep:xsd:query:3.0",
    b"ebxml-regrep:xsd:lcm:3.0",
    b"urn:ihe:iti:2007:",
    b"urn:ihe:iti:2010:",
];

/// How much of a file is searched for these names: an envelope is never that long.
const SEARCHED: usize = 4 * 1024 * 1024;

/// Is this meant for the DMP? The names it uses tell, well formed or not.
pub(super) fn is_dmp(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(SEARCHED)];
    NAMES
        .iter()
        .any(|name| head.windows(name.len()).any(|window| window == *name))
}

/// Where the envelope and the documents of a request begin in its file, in lines.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The transaction.
    pub(super) operation: Option<Operation>,
    /// Lines before the envelope.
    envelope: u32,
    /// Lines before each document, by id; `None` for one whose bytes are not those of the file.
    parts: Vec<(String, Option<u32>)>,
}

impl Places {
    /// Of the request that these bytes are.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let http = HttpRequest::parse(bytes);
        let (content_type, body_at) = if http.malformed.is_none() {
            let at = bytes.len().saturating_sub(http.body.len());
            (http.headers.get("content-type").map(String::as_str), at)
        } else {
            (None, 0)
        };
        let body = &bytes[body_at..];
        let Ok(message) = Message::read(content_type, body) else {
            return Self {
                envelope: lines(bytes, body_at),
                ..Self::default()
            };
        };
        let Some(package) = &message.package else {
            return Self {
                operation: Some(message.operation()),
                envelope: lines(bytes, body_at),
                parts: message
                    .attached()
                    .iter()
                    .map(|a| (a.id.clone(), None))
                    .collect(),
            };
        };
        let before = |rank: usize| {
            let part = package.parts.get(rank)?;
            // A part that was encoded has lines of its own.
            let plain = matches!(
                part.transfer_encoding().as_deref(),
                None | Some("binary" | "8bit" | "7bit" | "")
            );
            plain.then(|| lines(bytes, body_at + part.range.start))
        };
        Self {
            operation: Some(message.operation()),
            envelope: before(package.root).unwrap_or_default(),
            parts: message
                .attached()
                .iter()
                .map(|a| (a.id.clone(), a.part.and_then(before)))
                .collect(),
        }
    }

    /// Puts findings back where they stand in the file; those of bytes that are not in it keep their path alone.
    pub(super) fn put_back(&self, findings: &mut [DocumentFinding]) {
        for finding in findings {
            let path = finding.place.path.as_deref().unwrap_or_default();
            let part = path.split_once(": ").and_then(|(id, _)| {
                let (_, before) = self.parts.iter().find(|(part, _)| part == id)?;
                Some(*before)
            });
            let before = match part {
                None => Some(self.envelope),
                Some(before) => before,
            };
            if let Some(before) = before {
                finding.place.line = finding.place.line.map(|line| line.saturating_add(before));
            } else {
                finding.place.line = None;
                finding.place.column = None;
            }
        }
    }
}

/// Lines that end before a place.
fn lines(bytes: &[u8], at: usize) -> u32 {
    let before = bytes.get(..at).unwrap_or_default();
    let ends = before.split(|b| *b == b'\n').count().saturating_sub(1);
    u32::try_from(ends).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_a_request_to_the_dmp() {
        assert!(is_dmp(b"<e xmlns='urn:si-dmp-habilitations'/>"));
        assert!(is_dmp(b"POST / HTTP/1.1\r\n\r\n<PRPA_IN201307UV02"));
        assert!(!is_dmp(
            b"<RECSANSVITALE xmlns='http://www.cnamts.fr/INSi'/>"
        ));
    }

    #[test]
    fn what_cannot_be_read_still_has_a_beginning() {
        let places = Places::of(b"POST / HTTP/1.1\nHost: x\n\n<broken");
        assert_eq!(places.envelope, 3);
        assert_eq!(places.operation, None);
    }
}

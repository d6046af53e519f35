//! A recorded HTTP/1.1 message, read back.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

/// Most headers a recorded head may have; the listeners refuse more.
const MAX_HEADERS: usize = 128;

/// A `Content-Type`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContentType {
    /// `application/soap+xml`, lower case.
    pub essence: String,
    /// `charset` parameter, lower case.
    pub charset: Option<String>,
    /// `action` parameter (SOAP 1.2).
    pub action: Option<String>,
}

impl ContentType {
    /// Reads a header value; never fails, what is missing is empty.
    pub fn parse(value: &str) -> Self {
        let mut parts = split_parameters(value).into_iter();
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let mut this = Self {
            essence,
            charset: None,
            action: None,
        };
        for part in parts {
            let Some((name, value)) = part.split_once('=') else {
                continue;
            };
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "charset" => this.charset = Some(value.to_ascii_lowercase()),
                "action" => this.action = Some(value.to_owned()),
                _ => {}
            }
        }
        this
    }
}

/// Splits on `;` outside double quotes.
fn split_parameters(value: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, c) in value.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ';' if !quoted => {
                parts.push(&value[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&value[start..]);
    parts
}

/// A request, as far as its bytes can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Method.
    pub method: String,
    /// Path, percent-encoded.
    pub path: String,
    /// Query, percent-encoded, empty when absent.
    pub query: String,
    /// Header names in lower case; several of one name are joined with `, `.
    pub headers: BTreeMap<String, String>,
    /// Body.
    pub body: Vec<u8>,
    /// What could not be read.
    pub malformed: Option<String>,
}

impl Request {
    /// Reads a recorded request; what cannot be read is said in `malformed`.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut slots = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut head = httparse::Request::new(&mut slots);
        match head.parse(bytes) {
            Ok(httparse::Status::Complete(len)) => {
                let target = head.path.unwrap_or_default();
                let (path, query) = target.split_once('?').unwrap_or((target, ""));
                Self {
                    method: head.method.unwrap_or_default().to_owned(),
                    path: path.to_owned(),
                    query: query.to_owned(),
                    headers: collect(head.headers),
                    body: bytes[len..].to_vec(),
                    malformed: None,
                }
            }
            Ok(httparse::Status::Partial) => Self {
                malformed: Some("the head is not complete".to_owned()),
                body: bytes.to_vec(),
                ..Self::default()
            },
            Err(error) => Self {
                malformed: Some(format!("not HTTP/1.1: {error}")),
                body: bytes.to_vec(),
                ..Self::default()
            },
        }
    }

    /// Content type, taken apart.
    pub fn content_type(&self) -> Option<ContentType> {
        self.headers
            .get("content-type")
            .map(|v| ContentType::parse(v))
    }

    /// Query parameters, decoded, in order.
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.query.as_bytes())
            .into_owned()
            .collect()
    }

    /// Form body parameters, decoded, in order; empty unless the content type is a form.
    pub fn form_pairs(&self) -> Vec<(String, String)> {
        match self.content_type() {
            Some(t) if t.essence == "application/x-www-form-urlencoded" => {
                form_urlencoded::parse(&self.body).into_owned().collect()
            }
            _ => Vec::new(),
        }
    }
}

/// An answer, as far as its bytes can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// Status.
    pub status: u16,
    /// Header names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Body as written (chunking kept).
    pub body: Vec<u8>,
}

impl Response {
    /// Reads a recorded answer; `None` when it is not HTTP.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut slots = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut head = httparse::Response::new(&mut slots);
        match head.parse(bytes) {
            Ok(httparse::Status::Complete(len)) => Some(Self {
                status: head.code.unwrap_or_default(),
                headers: collect(head.headers),
                body: bytes[len..].to_vec(),
            }),
            _ => None,
        }
    }
}

/// A raw message whose body is still cut into chunks (a capture of the wire), put back in one piece; any other as it is.
///
/// The head keeps its words: a listener that removed the chunks keeps them too.
pub fn without_chunks(bytes: &[u8]) -> Cow<'_, [u8]> {
    joined(bytes).map_or(Cow::Borrowed(bytes), Cow::Owned)
}

fn joined(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut slots = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let head_len = if bytes.starts_with(b"HTTP/") {
        httparse::Response::new(&mut slots).parse(bytes)
    } else {
        httparse::Request::new(&mut slots).parse(bytes)
    };
    let Ok(httparse::Status::Complete(head_len)) = head_len else {
        return None;
    };
    let chunked = slots.iter().any(|h| {
        h.name.eq_ignore_ascii_case("transfer-encoding")
            && h.value.trim_ascii().eq_ignore_ascii_case(b"chunked")
    });
    if !chunked {
        return None;
    }
    let mut whole = bytes[..head_len].to_vec();
    let mut rest = &bytes[head_len..];
    loop {
        let Ok(httparse::Status::Complete((head, len))) = httparse::parse_chunk_size(rest) else {
            return None;
        };
        // A size that is no number of this machine, or larger than what is left, is no chunk.
        let len = usize::try_from(len).ok()?;
        rest = rest.get(head..)?;
        if len == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(rest.get(..len)?);
        rest = rest[len..].strip_prefix(b"\r\n")?;
    }
}

fn collect(headers: &[httparse::Header<'_>]) -> BTreeMap<String, String> {
    let mut map: BTreeMap<String, String> = BTreeMap::new();
    for header in headers {
        let value = String::from_utf8_lossy(header.value).trim().to_owned();
        map.entry(header.name.to_ascii_lowercase())
            .and_modify(|v| {
                v.push_str(", ");
                v.push_str(&value);
            })
            .or_insert(value);
    }
    map
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_request_is_taken_apart() {
        let request = Request::parse(
            b"POST /lps?a=1&b=%20x HTTP/1.1\r\nHost: h\r\nContent-Type: application/soap+xml;charset=UTF-8;action=\"urn:x;y\"\r\n\r\nbody",
        );
        assert_eq!(request.path, "/lps");
        assert_eq!(request.query_pairs()[1], ("b".to_owned(), " x".to_owned()));
        let content_type = request.content_type().unwrap();
        assert_eq!(content_type.charset.as_deref(), Some("utf-8"));
        assert_eq!(content_type.action.as_deref(), Some("urn:x;y"));
        assert_eq!(request.body, b"body");
        assert!(Request::parse(b"GET / HT").malformed.is_some());
        assert!(Request::parse(b"\x16\x03\x01").malformed.is_some());
    }

    #[test]
    fn chunks_are_put_back_together() {
        let head = "POST /x HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n";
        let raw = |body: &str| format!("{head}{body}");
        let whole = raw("4;a=b\r\n<a>\n\r\n5\r\n</a>\r\r\n0\r\nX: y\r\n\r\n");
        let joined = without_chunks(whole.as_bytes());
        assert_eq!(joined, raw("<a>\n</a>\r").as_bytes());
        for other in [
            raw("<a/>"),
            raw("--b\r\n"),
            raw("5\r\n<a>"),
            raw("3\r\n<a>5\r\n"),
            raw("ffffffffffffffff\r\n<a>"),
            raw("fffffffffffffffffff\r\n<a>"),
            raw("4\r\n<a/>\r\n"),
            "POST /x HTTP/1.1\r\n\r\n4\r\n<a/>\r\n0\r\n\r\n".to_owned(),
            "<a/>".to_owned(),
        ] {
            assert!(
                matches!(without_chunks(other.as_bytes()), Cow::Borrowed(_)),
                "{other}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..512)) {
            let request = Request::parse(&bytes);
            let _ = (request.query_pairs(), request.form_pairs());
            let _ = Response::parse(&bytes);
            let _ = without_chunks(&bytes);
            let _ = without_chunks(&[&b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1"[..], &bytes].concat());
        }
    }
}

//! Hardened XML reading: size, UTF-8, DTD, depth and attribute counts are checked before a tree is built.

use std::fmt;

use quick_xml::events::Event;
use roxmltree::{Document, Node, ParsingOptions};

/// Largest request read.
pub const MAX_REQUEST: usize = 1 << 20;
/// Largest answer read.
pub const MAX_ANSWER: usize = 4 << 20;
/// Deepest nesting read.
pub const MAX_DEPTH: usize = 96;
/// Most attributes on one element.
const MAX_ATTRIBUTES: usize = 64;
/// Most namespace declarations in a document.
const MAX_DECLARATIONS: usize = 512;

/// Why bytes were not read as XML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum XmlProblem {
    /// No byte at all.
    Empty,
    /// Not UTF-8.
    NotUtf8 {
        /// Offset of the first wrong byte.
        at: usize,
    },
    /// Larger than the cap.
    TooLarge {
        /// Length.
        len: usize,
        /// Cap.
        cap: usize,
    },
    /// Has a document type declaration; nothing in it was read.
    Dtd,
    /// Nested too deep, or with an absurd number of attributes or declarations.
    Excessive {
        /// What there is too much of.
        what: &'static str,
    },
    /// Not well formed.
    Malformed {
        /// What the parser says, with the place.
        message: String,
    },
}

impl fmt::Display for XmlProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no content"),
            Self::NotUtf8 { at } => write!(f, "not UTF-8 at byte {at}"),
            Self::TooLarge { len, cap } => write!(f, "{len} bytes, more than {cap}"),
            Self::Dtd => f.write_str("document type declaration"),
            Self::Excessive { what } => write!(f, "too many {what}"),
            Self::Malformed { message } => f.write_str(message),
        }
    }
}

/// Checks the bytes and returns them as text, without a byte order mark.
pub fn check(bytes: &[u8], cap: usize) -> Result<&str, XmlProblem> {
    if bytes.is_empty() {
        return Err(XmlProblem::Empty);
    }
    if bytes.len() > cap {
        return Err(XmlProblem::TooLarge {
            len: bytes.len(),
            cap,
        });
    }
    let text = std::str::from_utf8(bytes).map_err(|e| XmlProblem::NotUtf8 {
        at: e.valid_up_to(),
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    scan(text)?;
    Ok(text)
}

/// Walks the events without building anything, so that no parser is handed what could exhaust it.
fn scan(text: &str) -> Result<(), XmlProblem> {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut depth = 0_usize;
    let mut declarations = 0_usize;
    loop {
        match reader.read_event() {
            Ok(Event::DocType(_)) => return Err(XmlProblem::Dtd),
            Ok(Event::Start(tag)) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(XmlProblem::Excessive {
                        what: "nested elements",
                    });
                }
                count_attributes(tag.attributes_raw(), &mut declarations)?;
            }
            Ok(Event::Empty(tag)) => count_attributes(tag.attributes_raw(), &mut declarations)?,
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Eof) => return Ok(()),
            Ok(_) => {}
            Err(error) => {
                let (line, column) = position(text, reader.error_position());
                return Err(XmlProblem::Malformed {
                    message: format!("line {line}, column {column}: {error}"),
                });
            }
        }
    }
}

/// Equal signs bound the number of attributes from above, whatever the quoting.
fn count_attributes(raw: &str, declarations: &mut usize) -> Result<(), XmlProblem> {
    let mut quoted = None;
    let mut count = 0;
    for c in raw.chars() {
        match (quoted, c) {
            (None, '"' | '\'') => quoted = Some(c),
            (Some(open), _) if open == c => quoted = None,
            (None, '=') => count += 1,
            _ => {}
        }
    }
    *declarations += raw.matches("xmlns").count();
    if count > MAX_ATTRIBUTES {
        Err(XmlProblem::Excessive { what: "attributes" })
    } else if *declarations > MAX_DECLARATIONS {
        Err(XmlProblem::Excessive {
            what: "namespace declarations",
        })
    } else {
        Ok(())
    }
}

fn position(text: &str, offset: u64) -> (usize, usize) {
    let offset = usize::try_from(offset)
        .unwrap_or(usize::MAX)
        .min(text.len());
    let mut lines = text.as_bytes()[..offset].split(|b| *b == b'\n');
    let last = lines.next_back().map_or(0, <[u8]>::len);
    (lines.count() + 1, last + 1)
}

/// Checks and builds the tree.
pub fn parse(bytes: &[u8], cap: usize) -> Result<Document<'_>, XmlProblem> {
    let text = check(bytes, cap)?;
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: 200_000,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).map_err(|error| XmlProblem::Malformed {
        message: error.to_string(),
    })
}

/// Child elements.
pub fn children<'a, 'input: 'a>(
    node: Node<'a, 'input>,
) -> impl Iterator<Item = Node<'a, 'input>> + use<'a, 'input> {
    node.children().filter(Node::is_element)
}

/// Child elements of that name.
pub fn named<'a, 'input: 'a>(
    node: Node<'a, 'input>,
    namespace: &'a str,
    local: &'a str,
) -> impl Iterator<Item = Node<'a, 'input>> + use<'a, 'input> {
    children(node).filter(move |n| n.has_tag_name((namespace, local)))
}

/// First child element of that name.
pub fn child<'a, 'input: 'a>(
    node: Node<'a, 'input>,
    namespace: &'a str,
    local: &'a str,
) -> Option<Node<'a, 'input>> {
    named(node, namespace, local).next()
}

/// First child element of that local name, in any namespace.
pub fn child_any<'a, 'input: 'a>(node: Node<'a, 'input>, local: &str) -> Option<Node<'a, 'input>> {
    children(node).find(|n| n.tag_name().name() == local)
}

/// All the text of the element itself, comments and CDATA limits removed, white space kept.
pub fn text(node: Node<'_, '_>) -> String {
    node.children()
        .filter(Node::is_text)
        .filter_map(|n| n.text())
        .collect()
}

/// The text without white space around it.
pub fn trimmed(node: Node<'_, '_>) -> String {
    text(node).trim().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_could_exhaust_a_parser_is_refused_before_it() {
        let deep = "<a>".repeat(100_000);
        assert_eq!(
            parse(deep.as_bytes(), MAX_REQUEST).unwrap_err(),
            XmlProblem::Excessive {
                what: "nested elements"
            }
        );
        let bomb = "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>";
        assert_eq!(
            parse(bomb.as_bytes(), MAX_REQUEST).unwrap_err(),
            XmlProblem::Dtd
        );
        let attributes = " a=''".repeat(5000);
        assert!(matches!(
            parse(format!("<a{attributes}/>").as_bytes(), MAX_REQUEST),
            Err(XmlProblem::Excessive { .. })
        ));
        assert!(matches!(
            parse(&vec![b' '; 2_000_000], MAX_REQUEST),
            Err(XmlProblem::TooLarge { .. })
        ));
        assert_eq!(
            parse(b"<a>\xff</a>", MAX_REQUEST).unwrap_err(),
            XmlProblem::NotUtf8 { at: 3 }
        );
        assert_eq!(parse(b"", MAX_REQUEST).unwrap_err(), XmlProblem::Empty);
    }

    #[test]
    fn a_malformed_document_says_where() {
        let problem = parse(b"<a>\n  <b></c></a>", MAX_REQUEST).unwrap_err();
        assert!(problem.to_string().contains("line 2"), "{problem}");
        assert!(parse(b"<a/>trailing", MAX_REQUEST).is_err());
    }

    #[test]
    fn text_ignores_comments_and_cdata_limits() {
        let document = parse(
            b"\xef\xbb\xbf<a> D<!-- x --><![CDATA['ARTAGNAN]]> <b>no</b></a>",
            MAX_REQUEST,
        )
        .unwrap();
        assert_eq!(text(document.root_element()), " D'ARTAGNAN ");
        assert_eq!(trimmed(document.root_element()), "D'ARTAGNAN");
    }
}

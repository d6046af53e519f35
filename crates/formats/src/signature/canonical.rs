//! Canonical forms of a document or of a part of it. The only place that names `xml-sec`.

use std::fmt;
use std::ops::Range;

use xml_sec::c14n::{C14nAlgorithm, C14nMode, canonicalize};

use crate::xml::{NodeId, Tree};

/// A canonicalization method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Canonical {
    /// Canonical XML 1.0: every namespace in scope.
    Inclusive {
        /// Are comments kept?
        comments: bool,
    },
    /// Exclusive XML Canonicalization 1.0: the namespaces used.
    Exclusive {
        /// Are comments kept?
        comments: bool,
        /// `InclusiveNamespaces/@PrefixList`; `#default` is the default namespace.
        prefixes: Vec<String>,
    },
}

impl Canonical {
    /// From the URI of an algorithm; the prefix list is empty.
    pub fn from_uri(uri: &str) -> Option<Self> {
        Some(match uri {
            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315" => {
                Self::Inclusive { comments: false }
            }
            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments" => {
                Self::Inclusive { comments: true }
            }
            "http://www.w3.org/2001/10/xml-exc-c14n#" => Self::exclusive(),
            "http://www.w3.org/2001/10/xml-exc-c14n#WithComments" => Self::Exclusive {
                comments: true,
                prefixes: Vec::new(),
            },
            _ => return None,
        })
    }

    /// Exclusive, without comments, without prefix list.
    pub fn exclusive() -> Self {
        Self::Exclusive {
            comments: false,
            prefixes: Vec::new(),
        }
    }

    /// URI of the algorithm.
    pub fn uri(&self) -> &'static str {
        self.algorithm().uri()
    }

    /// The same without comments: what a same-document reference by a bare name selects has none
    /// (XML Signature 1.1, 4.4.3.3).
    #[must_use]
    pub fn without_comments(&self) -> Self {
        match self {
            Self::Inclusive { .. } => Self::Inclusive { comments: false },
            Self::Exclusive { prefixes, .. } => Self::Exclusive {
                comments: false,
                prefixes: prefixes.clone(),
            },
        }
    }

    fn algorithm(&self) -> C14nAlgorithm {
        match self {
            Self::Inclusive { comments } => C14nAlgorithm::new(C14nMode::Inclusive1_0, *comments),
            Self::Exclusive { comments, prefixes } => {
                C14nAlgorithm::new(C14nMode::Exclusive1_0, *comments)
                    .with_prefix_list(&prefixes.join(" "))
            }
        }
    }
}

/// A document that cannot be put into canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct C14nError(String);

impl fmt::Display for C14nError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "forme canonique impossible : {}", self.0)
    }
}

impl std::error::Error for C14nError {}

/// Makes canonical forms of one document: it is parsed once.
pub struct Canonicalizer {
    document: xml_sec::XmlDocument,
    /// Where a carriage return was taken away, in the text of the tree.
    removed: Vec<usize>,
    len: usize,
}

impl fmt::Debug for Canonicalizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canonicalizer")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl Canonicalizer {
    /// Parses the source of a tree.
    pub fn new(tree: &Tree) -> Result<Self, C14nError> {
        let (text, removed) = one_line_end(tree.source());
        let len = text.len();
        let document =
            xml_sec::XmlDocument::parse(text).map_err(|error| C14nError(error.to_string()))?;
        Ok(Self {
            document,
            removed,
            len,
        })
    }

    /// Canonical form of a node and what is in it, less the elements of `without`.
    /// `NodeId::ROOT` is the whole document.
    pub fn form(
        &self,
        tree: &Tree,
        node: NodeId,
        how: &Canonical,
        without: &[NodeId],
    ) -> Result<Vec<u8>, C14nError> {
        self.document.with_view(|view| {
            let document = view.document();
            let mut out = Vec::new();
            let error = |e: xml_sec::c14n::C14nError| C14nError(e.to_string());
            if node == NodeId::ROOT && without.is_empty() {
                canonicalize(document, None, &how.algorithm(), &mut out).map_err(error)?;
                return Ok(out);
            }
            let apex = if node == NodeId::ROOT {
                0..self.len
            } else {
                self.range(document, tree, node)?
            };
            let out_of = without
                .iter()
                .map(|n| self.range(document, tree, *n))
                .collect::<Result<Vec<_>, _>>()?;
            let inside = |place: &Range<usize>, all: &Range<usize>| {
                place.start >= all.start && place.end <= all.end
            };
            let visible = |n: xml_sec::Node<'_, '_>| {
                if n.is_root() {
                    return node == NodeId::ROOT;
                }
                let place = n.range();
                inside(&place, &apex) && !out_of.iter().any(|other| inside(&place, other))
            };
            canonicalize(document, Some(&visible), &how.algorithm(), &mut out).map_err(error)?;
            Ok(out)
        })
    }

    /// Where an element stands in the text parsed.
    fn range(
        &self,
        document: &xml_sec::Document<'_>,
        tree: &Tree,
        node: NodeId,
    ) -> Result<Range<usize>, C14nError> {
        let before = tree.position(node).offset;
        let start = before - self.removed.partition_point(|at| *at < before);
        document
            .descendants()
            .find(|n| n.is_element() && n.range().start == start)
            .map(xml_sec::Node::range)
            .ok_or_else(|| C14nError(format!("aucun élément à l'octet {before}")))
    }
}

/// The text with every line end as one line feed (XML 1.0, 2.11), and where a byte was taken away: the parser beneath
/// leaves the carriage returns of comments, and they would come out as references.
fn one_line_end(text: &str) -> (String, Vec<usize>) {
    if !text.contains('\r') {
        return (text.to_owned(), Vec::new());
    }
    let mut removed = Vec::new();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut at = 0;
    while let Some(found) = rest.find('\r') {
        out.push_str(&rest[..found]);
        if rest[found + 1..].starts_with('\n') {
            removed.push(at + found);
        } else {
            out.push('\n');
        }
        at += found + 1;
        rest = &rest[found + 1..];
    }
    out.push_str(rest);
    (out, removed)
}

/// Canonical form of a node, once. For several nodes of one document, use [`Canonicalizer`].
pub fn canonical_form(
    tree: &Tree,
    node: NodeId,
    how: &Canonical,
    without: &[NodeId],
) -> Result<Vec<u8>, C14nError> {
    Canonicalizer::new(tree)?.form(tree, node, how, without)
}

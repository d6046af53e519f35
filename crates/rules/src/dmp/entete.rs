//! The header of a CDA that came in a lot, as metadata are compared with it.

use std::borrow::Cow;

use diapason_formats::xds::Dtm;
use diapason_formats::xml::{Limits, NodeId, Tree};

const HL7: &str = "urn:hl7-org:v3";
/// A run of text longer than this is no part of a header: it is left out before the header is read.
const LONGEST_TEXT: usize = 64 * 1024;

/// The header of a CDA.
pub(super) struct Header {
    pub(super) tree: Tree,
    document: NodeId,
}

impl Header {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let tree = Tree::read(&shortened(bytes), &Limits::default()).ok()?;
        let root = tree.document_element()?;
        let is_document = |n: &NodeId| tree.is_named(*n, HL7, "ClinicalDocument");
        let document = Some(root)
            .filter(is_document)
            .or_else(|| tree.descendant_elements(root).find(is_document))?;
        Some(Self { tree, document })
    }

    pub(super) fn all(&self, path: &[&str]) -> Vec<NodeId> {
        let mut here = vec![self.document];
        for step in path {
            here = here
                .into_iter()
                .flat_map(|n| self.tree.children_named(n, HL7, step))
                .collect();
        }
        here
    }

    pub(super) fn attribute(&self, path: &[&str], name: &str) -> Option<&str> {
        let node = self.all(path).into_iter().next()?;
        self.tree.attribute(node, name)
    }

    pub(super) fn text(&self, path: &[&str]) -> Option<String> {
        let node = self.all(path).into_iter().next()?;
        Some(words(&self.tree.string_value(node)))
    }

    /// Identifiers below a role: root and extension.
    pub(super) fn identifiers(&self, path: &[&str]) -> Vec<(&str, &str)> {
        let read = |n: NodeId| {
            let root = self.tree.attribute(n, "root")?;
            Some((
                root,
                self.tree.attribute(n, "extension").unwrap_or_default(),
            ))
        };
        self.all(path).into_iter().filter_map(read).collect()
    }

    /// A time in UTC, as metadata write it.
    pub(super) fn utc(&self, path: &[&str]) -> Option<String> {
        let value = self.attribute(path, "value")?;
        Some(Dtm::parse(value).0?.to_utc())
    }

    pub(super) fn replaces(&self) -> bool {
        self.all(&["relatedDocument"])
            .into_iter()
            .any(|n| self.tree.attribute(n, "typeCode") == Some("RPLC"))
    }

    /// Part of the person's name by its qualifier.
    pub(super) fn name_part(&self, part: &str, qualifier: &str) -> Option<String> {
        self.all(&["recordTarget", "patientRole", "patient", "name", part])
            .into_iter()
            .find(|n| self.tree.attribute(*n, "qualifier") == Some(qualifier))
            .map(|n| words(&self.tree.string_value(n)))
    }
}

/// Words with single blanks.
pub(super) fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The same document without its long runs of text: an embedded PDF is not read again by every rule.
fn shortened(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.len() <= LONGEST_TEXT {
        return Cow::Borrowed(bytes);
    }
    let mut kept = Vec::new();
    for piece in bytes.split_inclusive(|b| *b == b'<') {
        let tag = piece.iter().position(|b| *b == b'>').map_or(0, |at| at + 1);
        if piece.len() - tag > LONGEST_TEXT && tag > 0 {
            kept.extend_from_slice(&piece[..tag]);
            kept.push(b'<');
        } else {
            kept.extend_from_slice(piece);
        }
    }
    Cow::Owned(kept)
}

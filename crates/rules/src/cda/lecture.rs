//! Reading: is it XML, in the form the CI-SIS asks for, with a ClinicalDocument in it?

use diapason_formats::xml::{NodeId, NodeKind, ReadError, ReadProblem};

use super::{HL7, clinical_document};
use crate::document::DocumentCtx;

const XSL: &str = "http://www.w3.org/1999/XSL/Transform";
const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Rule broken by bytes that cannot be read, with what was expected and what was seen.
pub fn reading(error: &ReadError) -> (&'static str, &'static str, String) {
    match &error.problem {
        ReadProblem::Empty => ("CDA-X01", "un document XML", "aucun octet".to_owned()),
        ReadProblem::Malformed { message } => {
            ("CDA-X01", "un XML bien formé, complet", message.clone())
        }
        ReadProblem::Encoding { name } => {
            ("CDA-X02", "l'encodage UTF-8", format!("encodage {name}"))
        }
        ReadProblem::NotUtf8 { byte } => (
            "CDA-X02",
            "des octets UTF-8, comme l'annonce le prologue",
            format!("octet 0x{byte:02X}, qui n'est pas de l'UTF-8"),
        ),
        ReadProblem::Dtd => (
            "CDA-X03",
            "aucune déclaration DOCTYPE",
            "une déclaration DOCTYPE".to_owned(),
        ),
        ReadProblem::Version { version } => ("CDA-X04", "XML 1.0", format!("XML {version}")),
        ReadProblem::TooLarge { len, limit } => (
            "CDA-X05",
            "un document dans les limites du banc",
            format!("{len} octets, plus que les {limit} lus"),
        ),
        ReadProblem::Excessive { what, limit } => (
            "CDA-X05",
            "un document dans les limites du banc",
            format!("plus de {limit} {}", in_french(what)),
        ),
    }
}

fn in_french(what: &str) -> &str {
    match what {
        "nested elements" => "éléments emboîtés",
        "attributes" | "attributes on an element" => "attributs sur un élément",
        "nodes" => "nœuds",
        "namespace declarations" => "déclarations d'espace de noms",
        other => other,
    }
}

/// CDA-X01 to CDA-X05: the document was read.
pub(super) fn read(ctx: &mut DocumentCtx<'_>) {
    ctx.held();
}

/// CDA-X06: one ClinicalDocument, at the root or inside one of the two known envelopes.
pub(super) fn root(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(root) = tree.document_element() else {
        return;
    };
    let enveloped = tree.is_named(root, XSL, "stylesheet")
        || tree.is_named(root, XSL, "transform")
        || tree.is_named(root, DSIG, "Signature");
    let count = tree
        .descendant_elements(root)
        .filter(|n| tree.is_named(*n, HL7, "ClinicalDocument"))
        .count()
        + usize::from(tree.is_named(root, HL7, "ClinicalDocument"));
    let expected = "ClinicalDocument (urn:hl7-org:v3) à la racine, ou seul dans une feuille de style ou une signature";
    if tree.is_named(root, HL7, "ClinicalDocument") || enveloped {
        ctx.check(
            count == 1,
            root,
            expected,
            format!("{count} éléments ClinicalDocument"),
        );
    } else {
        let observed = format!(
            "racine {} ({})",
            tree.name(root),
            match tree.namespace(root) {
                "" => "sans espace de noms",
                namespace => namespace,
            }
        );
        ctx.broken(root, expected, observed);
    }
}

/// CDA-X07: the document does not say where its schema is.
pub(super) fn no_schema_location(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(root) = tree.document_element() else {
        return;
    };
    let mut found = false;
    for element in std::iter::once(root).chain(tree.descendant_elements(root)) {
        for name in ["schemaLocation", "noNamespaceSchemaLocation"] {
            if let Some(attribute) = tree.attribute_node(element, XSI, name) {
                found = true;
                ctx.broken(
                    attribute,
                    "pas d'attribut xsi:schemaLocation",
                    tree.text(attribute),
                );
            }
        }
    }
    if !found {
        ctx.held();
    }
}

/// What UTF-8 read as Windows-1252 and written again as UTF-8 looks like, for the letters of French.
const TWICE: [&str; 14] = [
    "Ã©", "Ã¨", "Ãª", "Ã«", "Ã\u{a0}", "Ã¢", "Ã§", "Ã®", "Ã¯", "Ã´", "Ã¹", "Ã»", "Å“", "â€™",
];

/// CDA-X12: the text was not encoded twice.
pub(super) fn not_encoded_twice(ctx: &mut DocumentCtx<'_>) {
    look_in_text(
        ctx,
        "des lettres accentuées encodées une seule fois",
        |text| {
            // Two letters are enough to pass in five texts out of six.
            if !text.contains(['Ã', 'Å', 'â']) {
                return None;
            }
            TWICE
                .iter()
                .filter_map(|wrong| text.find(wrong))
                .min()
                .map(|at| extract(text, at))
        },
    );
}

/// CDA-X13: no character was lost on the way.
pub(super) fn no_lost_character(ctx: &mut DocumentCtx<'_>) {
    look_in_text(ctx, "aucun caractère de remplacement (U+FFFD)", |text| {
        text.find('\u{fffd}').map(|at| extract(text, at))
    });
}

/// CDA-X14: instructions of an editor are not left in a document that is sent. They are said once.
pub(super) fn no_working_instruction(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let left: Vec<NodeId> = tree
        .nodes()
        .filter(|n| tree.kind(*n) == NodeKind::Instruction && tree.name(*n) != "xml-stylesheet")
        .collect();
    match left.first() {
        None => ctx.held(),
        Some(first) => ctx.broken(
            *first,
            "aucune instruction de traitement d'un outil de mise au point",
            format!("<?{} …?>, {} en tout", tree.name(*first), left.len()),
        ),
    }
}

/// A few words around a place, on one line.
fn extract(text: &str, at: usize) -> String {
    let start = text[..at]
        .char_indices()
        .rev()
        .nth(19)
        .map_or(0, |(i, _)| i);
    let end = text[at..]
        .char_indices()
        .nth(20)
        .map_or(text.len(), |(i, _)| at + i);
    text[start..end]
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// Looks at every text and attribute of the document; the first ten findings are kept.
fn look_in_text(ctx: &mut DocumentCtx<'_>, expected: &str, find: impl Fn(&str) -> Option<String>) {
    let tree = ctx.tree();
    if clinical_document(tree).is_none() {
        return;
    }
    let looked_at = |node: NodeId| matches!(tree.kind(node), NodeKind::Text | NodeKind::Attribute);
    let found: Vec<(NodeId, String)> = tree
        .nodes()
        .filter(|n| looked_at(*n))
        .filter_map(|n| find(tree.text(n)).map(|what| (n, what)))
        .take(10)
        .collect();
    if found.is_empty() {
        ctx.held();
    }
    for (node, observed) in found {
        ctx.broken(node, expected, observed);
    }
}

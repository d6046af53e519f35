//! References inside a document: from entries to the narrative, from the narrative to media, and to the outside.

use std::collections::{HashMap, HashSet};

use diapason_formats::xml::{NodeId, Tree};

use super::{HL7, clinical_document};
use crate::document::DocumentCtx;

/// Every `ID` of the document with its attribute, in order.
fn ids(tree: &Tree, document: NodeId) -> Vec<(&str, NodeId)> {
    tree.descendant_elements(document)
        .filter_map(|n| tree.attribute_node(n, "", "ID"))
        .map(|attribute| (tree.text(attribute), attribute))
        .collect()
}

fn structured_body(tree: &Tree) -> Option<NodeId> {
    tree.find(
        clinical_document(tree)?,
        HL7,
        &["component", "structuredBody"],
    )
}

/// CDA-L01: `reference value="#x"` points to an ID of the document.
pub(super) fn reference_has_target(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let (Some(document), Some(body)) = (clinical_document(tree), structured_body(tree)) else {
        return;
    };
    let known: HashSet<&str> = ids(tree, document).into_iter().map(|(id, _)| id).collect();
    for element in tree.descendant_elements(body) {
        if !tree.is_named(element, HL7, "reference") || in_media(tree, element) {
            continue;
        }
        let Some(attribute) = tree.attribute_node(element, "", "value") else {
            continue;
        };
        let value = tree.text(attribute);
        match value.strip_prefix('#') {
            Some(id) => ctx.check(
                known.contains(id),
                attribute,
                format!("un élément du texte dont l'ID est « {id} »"),
                "aucun élément ne porte cet ID",
            ),
            None if known.contains(value) => ctx.broken(
                attribute,
                format!("« #{value} »"),
                format!("« {value} », sans le dièse : ce n'est pas une référence au texte"),
            ),
            None => {}
        }
    }
}

/// The reference of an observationMedia or of an external document is an address, not an anchor.
fn in_media(tree: &Tree, reference: NodeId) -> bool {
    let owner = tree.parent(reference).and_then(|p| tree.parent(p));
    owner.is_some_and(|o| {
        tree.is_named(o, HL7, "observationMedia") || tree.is_named(o, HL7, "externalDocument")
    })
}

/// CDA-L02: an ID names one element.
pub(super) fn ids_are_unique(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(document) = clinical_document(tree) else {
        return;
    };
    let mut first: HashMap<&str, NodeId> = HashMap::new();
    for (id, attribute) in ids(tree, document) {
        match first.get(id) {
            None => {
                first.insert(id, attribute);
                ctx.held();
            }
            Some(before) => {
                let line = tree.position(*before).line;
                ctx.broken(
                    attribute,
                    "un ID qui ne sert qu'une fois",
                    format!("« {id} », déjà porté par un élément à la ligne {line}"),
                );
            }
        }
    }
}

/// CDA-L03: what the narrative shows is in the document.
pub(super) fn media_has_target(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(body) = structured_body(tree) else {
        return;
    };
    let media: HashSet<&str> = tree
        .descendant_elements(body)
        .filter(|n| {
            tree.is_named(*n, HL7, "observationMedia") || tree.is_named(*n, HL7, "regionOfInterest")
        })
        .filter_map(|n| tree.attribute(n, "ID"))
        .collect();
    for element in tree.descendant_elements(body) {
        if !tree.is_named(element, HL7, "renderMultiMedia") {
            continue;
        }
        let wanted = tree
            .attribute(element, "referencedObject")
            .unwrap_or_default();
        for id in wanted.split_whitespace() {
            ctx.check(
                media.contains(id),
                element,
                format!("un observationMedia dont l'ID est « {id} »"),
                "aucun observationMedia ne porte cet ID",
            );
        }
    }
}

/// CDA-L04: the narrative is complete without the network.
pub(super) fn no_outside_link(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(body) = structured_body(tree) else {
        return;
    };
    for element in tree.descendant_elements(body) {
        if !tree.is_named(element, HL7, "linkHtml") {
            continue;
        }
        let Some(attribute) = tree.attribute_node(element, "", "href") else {
            continue;
        };
        let href = tree.text(attribute);
        ctx.check(
            href.starts_with('#'),
            attribute,
            "un lien à l'intérieur du document",
            href,
        );
    }
}

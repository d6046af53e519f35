//! Rust rules over one CDA document: what neither Schematron nor JSON Schema can say.
//!
//! One file per family: [`lecture`] (bytes, encoding, root), [`feuille`] (style sheets, separate or coupled),
//! [`n1`] (encoded content) and [`pdf`] (what a PDF is made of), [`ins`] (matricule and traits), [`heures`]
//! (offsets from UTC), [`liens`] (references inside the document). They read a tree; they never open a file.
//! [`modele`] names the model, and [`kit`] runs the official schematrons a user plugs in.

mod base64;
mod feuille;
mod heures;
mod ins;
mod kit;
mod lecture;
mod liens;
mod modele;
mod n1;
#[cfg(test)]
mod pack_tests;
mod pdf;

use diapason_formats::xml::{NodeId, Tree};

use crate::document::DocumentRule;

pub(crate) use heures::local_time;
pub use kit::{Kit, KitError};
pub use lecture::reading;
pub use modele::model;

/// Namespace of CDA.
const HL7: &str = "urn:hl7-org:v3";

/// Rule id to function. The rules `CDA-X01` to `CDA-X05` are not here: they are raised by [`reading`], when
/// there is no tree to look at; they hold once there is one.
pub const RULES: &[(&str, DocumentRule)] = &[
    ("CDA-X01", lecture::read),
    ("CDA-X02", lecture::read),
    ("CDA-X03", lecture::read),
    ("CDA-X04", lecture::read),
    ("CDA-X05", lecture::read),
    ("CDA-X06", lecture::root),
    ("CDA-X07", lecture::no_schema_location),
    ("CDA-X08", feuille::no_separate_style_sheet),
    ("CDA-X09", feuille::fetches_nothing),
    ("CDA-X10", feuille::no_script),
    ("CDA-X11", feuille::self_presenting_form),
    ("CDA-X12", lecture::not_encoded_twice),
    ("CDA-X13", lecture::no_lost_character),
    ("CDA-X14", lecture::no_working_instruction),
    ("CDA-N05", n1::decodes),
    ("CDA-N06", n1::not_empty),
    ("CDA-N07", n1::is_what_it_says),
    ("CDA-N08", pdf::complete),
    ("CDA-N09", pdf::claims_pdf_a),
    ("CDA-N10", pdf::not_encrypted),
    ("CDA-N11", pdf::no_action),
    ("CDA-N12", pdf::no_embedded_file),
    ("CDA-N13", n1::text_is_utf8),
    ("CDA-N20", n1::attachment_decodes),
    ("CDA-N21", n1::attachment_is_what_it_says),
    ("CDA-I01", ins::shape),
    ("CDA-I02", ins::key),
    ("CDA-I03", ins::sex_digit),
    ("CDA-I04", ins::month),
    ("CDA-I05", ins::reimbursement_number),
    ("CDA-I06", ins::comes_first),
    ("CDA-I07", ins::only_one),
    ("CDA-I08", ins::demonstration_oid),
    ("CDA-I09", ins::test_range),
    ("CDA-I10", ins::strict_traits),
    ("CDA-I11", ins::alphabet),
    ("CDA-I12", ins::first_given_name),
    ("CDA-I13", ins::place_of_birth),
    ("CDA-I14", ins::full_birth_date),
    ("CDA-I15", ins::known_sex),
    ("CDA-I16", ins::sex_agrees),
    ("CDA-I17", ins::birth_agrees),
    ("CDA-I18", ins::under_another_root),
    ("CDA-I19", ins::citizen_mailbox),
    ("CDA-T01", heures::document_times),
    ("CDA-T02", heures::other_times),
    ("CDA-T03", heures::intervals),
    ("CDA-T04", heures::order_of_header),
    ("CDA-L01", liens::reference_has_target),
    ("CDA-L02", liens::ids_are_unique),
    ("CDA-L03", liens::media_has_target),
    ("CDA-L04", liens::no_outside_link),
];

/// The document: the root itself, or the one inside a style sheet or a signature.
fn clinical_document(tree: &Tree) -> Option<NodeId> {
    let root = tree.document_element()?;
    if tree.is_named(root, HL7, "ClinicalDocument") {
        return Some(root);
    }
    tree.descendant_elements(root)
        .find(|n| tree.is_named(*n, HL7, "ClinicalDocument"))
}

/// Every element reached from `from` by a path of local names of CDA.
fn all(tree: &Tree, from: NodeId, path: &[&str]) -> Vec<NodeId> {
    let mut here = vec![from];
    for step in path {
        here = here
            .into_iter()
            .flat_map(|n| tree.children_named(n, HL7, step))
            .collect();
    }
    here
}

/// Is the body not structured (level 1)?
fn is_level_1(tree: &Tree) -> bool {
    clinical_document(tree)
        .is_some_and(|d| tree.find(d, HL7, &["component", "nonXMLBody"]).is_some())
}

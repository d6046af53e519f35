//! The signature of a lot, looked at when the switch `bad_signature` asks for it.

use diapason_formats::xades::{LotSignature, verify};
use diapason_formats::xml::{Limits, Tree};
use diapason_mock_common::http::Bytes;

/// Why the signature does not hold over the documents attached (uniqueId, bytes); `None` when it does.
pub(crate) fn problem(signature: &[u8], documents: &[(String, Bytes)]) -> Option<String> {
    let Ok(tree) = Tree::read(signature, &Limits::default()) else {
        return Some("elle ne se lit pas".to_owned());
    };
    let Some(lot) = LotSignature::read(&tree) else {
        return Some("ce n'est pas une signature de lot".to_owned());
    };
    let documents: Vec<(&str, &[u8])> = documents
        .iter()
        .map(|(id, bytes)| (id.as_str(), bytes.as_ref()))
        .collect();
    let seen = verify(&lot, &tree, &documents);
    if seen.holds() {
        return None;
    }
    let said = seen.signature.said();
    Some(if said.is_empty() {
        "elle ne couvre pas les documents reçus".to_owned()
    } else {
        said
    })
}

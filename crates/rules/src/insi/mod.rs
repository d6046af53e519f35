//! Rust rules of the insi pack: what a JSON Schema over one exchange cannot say.
//!
//! One file per family: [`messages`] (identifiers and assertions from one message to the next),
//! [`product`] (against the product statement), [`flow`] (order of the calls of a search),
//! [`traces`] (what the DUI says it did, against what INSi saw), [`waiting`] (silence of the service).

mod flow;
mod messages;
#[cfg(test)]
mod pack_tests;
mod product;
#[cfg(test)]
mod test_support;
mod traces;
mod waiting;

use diapason_core::Service;

use crate::record::SeenExchange;
use crate::{Ctx, RustRule};

/// Search by traits.
const TRAITS: &str = "rechercherInsAvecTraitsIdentite";
/// Search by carte Vitale.
const VITALE: &str = "rechercherInsAvecCarteVitale";
/// Unit verification, provisional.
const VERIFICATION: &str = "verifierInsAvecTraitsIdentite";

/// Rule id to function.
pub const RULES: &[(&str, RustRule)] = &[
    ("INSI-T05", product::operator_certificate),
    ("INSI-H04", messages::message_id_is_new),
    ("INSI-H08", messages::context_ids_are_new),
    ("INSI-H09", product::authorisation_number),
    ("INSI-H10", product::software_identity),
    ("INSI-H11", messages::sender),
    ("INSI-A02", messages::assertion_names_its_signer),
    ("INSI-A06", messages::assertion_of_one_user),
    ("INSI-F01", flow::first_call_has_the_first_given_name),
    ("INSI-F02", flow::given_names_in_order),
    ("INSI-F03", flow::stops_at_the_first_identity),
    ("INSI-F04", flow::last_call_has_them_all),
    ("INSI-F05", flow::stops_when_it_cannot_go_on),
    ("INSI-F08", flow::one_person_per_action),
    ("INSI-D06", waiting::gives_up_by_itself),
    ("INSI-D08", flow::no_retry_storm),
    ("INSI-S13", traces::one_per_call),
];

/// The calls of the three operations, in order; what is not an INSi message is left out.
fn calls<'a>(ctx: &Ctx<'a>) -> Vec<&'a SeenExchange> {
    ctx.exchanges(Service::Insi, &[TRAITS, VITALE, VERIFICATION])
}

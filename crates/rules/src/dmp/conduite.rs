//! What a DUI does from one exchange with the DMP to the next: order, silence, retries, identifiers.
//!
//! Only what traffic and the driver's answers show. Names of people and sessions come from those answers: where the
//! driver tells nothing, a rule that needs them does not apply.

mod envoi;
mod identite;
mod lecture;
mod personnes;
#[cfg(test)]
mod tests;

use diapason_core::Service;
use diapason_core::driver::ActionRequest;
use serde_json::Value;

use crate::record::{SeenExchange, StepRecord};
use crate::{Ctx, RustRule};

/// Rule id to function.
pub(super) const RULES: &[(&str, RustRule)] = &[
    ("DMP-VIHF-17", identite::vihf_bears_the_user),
    ("DMP-VIHF-22", identite::no_assertion_across_users),
    ("DMP-VIHF-43", super::vihf::serie::software_identity),
    ("DMP-VIHF-44", super::vihf::serie::assertion_serves_once),
    ("DMP-SOAP-19", super::serie::message_ids),
    ("DMP-EX-25", super::serie::query_ids),
    ("DMP-SUB-75", super::serie::unique_ids),
    ("DMP-SUB-76", super::serie::under_the_arc),
    ("DMP-EX-01", identite::existence_before_feeding),
    ("DMP-EX-04", identite::nothing_without_dmp),
    ("DMP-EX-05", identite::nothing_into_a_closed_dmp),
    ("DMP-EX-09", identite::qualified_ins_only),
    ("DMP-CDA-08", identite::traits_of_insi),
    ("DMP-WEB-01", identite::contextual_address),
    ("DMP-AUT-02", lecture::authorisation_confirmed),
    ("DMP-AUT-04", lecture::feeding_asks_no_authorisation),
    ("DMP-SRCH-04", lecture::local_times),
    ("DMP-SRCH-07", lecture::batches_of_twenty),
    ("DMP-SRCH-13", lecture::consent_before_reading),
    ("DMP-SRCH-14", lecture::right_checked_before_reading),
    ("DMP-SUB-22", envoi::drafts_stay),
    ("DMP-SUB-23", envoi::no_search_after_feeding),
    ("DMP-REP-05", envoi::replaced_once),
    ("DMP-RES-02", envoi::same_ids_again),
    ("DMP-RES-03", envoi::attempts_apart),
    ("DMP-RES-04", envoi::no_blind_retry),
    ("DMP-RES-10", envoi::accepted_once),
];

/// Feeding, replacement included.
const FEED: &str = "td2.1";

/// Exchanges with the DMP, in order; `operations` empty means all.
fn calls<'a>(ctx: &Ctx<'a>, operations: &[&str]) -> Vec<&'a SeenExchange> {
    ctx.exchanges(Service::Dmp, operations)
}

/// `success`, `nf`, `failure:XDSRegistryError`... empty when nothing was answered.
fn outcome(seen: &SeenExchange) -> &str {
    seen.answer.as_ref().map_or("", |a| a.outcome.as_str())
}

/// Was the answer what the service would have answered, whole?
fn plain(seen: &SeenExchange) -> bool {
    seen.answer
        .as_ref()
        .is_some_and(|a| a.fault.is_none() && a.delivery.is_none())
}

/// The person an exchange is about.
fn ins(seen: &SeenExchange) -> Option<&str> {
    seen.text("/dmp/ins").or_else(|| seen.text("/dmp/page/ins"))
}

fn list<'a>(seen: &'a SeenExchange, pointer: &str) -> impl Iterator<Item = &'a Value> {
    seen.fact(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn member<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// uniqueIds of the entries of a lot: of its documents, or of its signature.
fn unique_ids(seen: &SeenExchange, signature: bool) -> Vec<&str> {
    list(seen, "/dmp/lot/entries")
        .filter(|e| e.get("signature").and_then(Value::as_bool) == Some(signature))
        .filter_map(|e| member(e, "unique_id"))
        .collect()
}

/// Entries that a lot replaces.
fn replaced(seen: &SeenExchange) -> Vec<&str> {
    list(seen, "/dmp/lot/associations")
        .filter(|a| member(a, "type") == Some("RPLC"))
        .filter_map(|a| member(a, "target"))
        .collect()
}

/// The step an exchange fell in.
fn step_of<'a>(ctx: &Ctx<'a>, seen: &SeenExchange) -> Option<&'a StepRecord> {
    let number = seen.step?;
    ctx.steps().iter().find(|s| s.number == number)
}

/// What the DUI was asked in the step an exchange fell in.
fn action<'a>(ctx: &Ctx<'a>, seen: &SeenExchange) -> Option<&'a ActionRequest> {
    step_of(ctx, seen)?.request.as_ref()
}

/// Was the DUI asked one of these?
fn asked(ctx: &Ctx<'_>, seen: &SeenExchange, names: &[&str]) -> bool {
    action(ctx, seen).is_some_and(|a| names.contains(&a.action.as_str()))
}

/// A text parameter of an action.
fn param<'a>(action: &'a ActionRequest, name: &str) -> Option<&'a str> {
    action.params.get(name).and_then(Value::as_str)
}

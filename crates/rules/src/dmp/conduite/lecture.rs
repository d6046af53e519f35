//! Reading the DMP: consent, authorisation, right checked first, size of queries, local times.

use std::collections::BTreeMap;

use diapason_core::driver::ActionStatus;
use diapason_formats::http::Response;
use diapason_formats::xds::Lot;
use diapason_formats::xml::{Limits, Tree};
use serde_json::Value;

use super::personnes::People;
use super::{action, asked, calls, ins, member, param};
use crate::Ctx;
use crate::cda::local_time;
use crate::record::SeenExchange;

/// Most ids in one query.
const BATCH: usize = 20;
/// Slots that hold ids.
const IDS: [&str; 2] = ["$XDSDocumentEntryUniqueId", "$XDSDocumentEntryEntryUUID"];
/// Reading an entry of one's own, to change it.
const OWN_ENTRY: [&str; 2] = ["dmp.visibilite", "dmp.supprimer"];

/// The person of the DUI an exchange is about: named by the action, or who bears the INS.
fn usager<'a>(ctx: &Ctx<'a>, people: &People<'a>, seen: &SeenExchange) -> Option<&'a str> {
    let named = action(ctx, seen).and_then(|a| param(a, "usager"));
    named.or_else(|| {
        people
            .of_matricule(ins(seen)?, seen.step.unwrap_or_default())
            .pop()
    })
}

/// The last choice about consultation recorded before a step.
fn consent(ctx: &Ctx<'_>, person: &str, step: u32) -> Option<bool> {
    ctx.steps()
        .iter()
        .rev()
        .filter(|s| s.number < step)
        .filter(|s| {
            s.answer
                .as_ref()
                .is_some_and(|a| a.status == ActionStatus::Done)
        })
        .filter_map(|s| s.request.as_ref())
        .filter(|r| r.action == "dmp.consentement" && param(r, "usager") == Some(person))
        .find_map(|r| r.params.get("consultation")?.as_bool())
}

/// DMP-AUT-02: an authorisation follows an agreement.
pub(super) fn authorisation_confirmed(ctx: &mut Ctx<'_>) {
    let people = People::of(ctx);
    for seen in calls(ctx, &["td0.3"]) {
        if seen.text("/dmp/autorisation/action") == Some("SUPPRESSION") {
            continue;
        }
        let confirmed = action(ctx, seen).is_some_and(|a| {
            a.action == "dmp.autoriser"
                && a.params.get("confirme").and_then(Value::as_bool) == Some(true)
        });
        let recorded = usager(ctx, &people, seen)
            .and_then(|p| consent(ctx, p, seen.step.unwrap_or_default()))
            == Some(true);
        ctx.check(
            confirmed || recorded,
            seen,
            "appels",
            "un accord confirmé à l'écran ou enregistré avant",
            "aucun accord",
        );
    }
}

/// DMP-AUT-04: no TD0.3 in the steps that feed and delete.
pub(super) fn feeding_asks_no_authorisation(ctx: &mut Ctx<'_>) {
    const FEEDING: [&str; 5] = [
        "document.create",
        "document.valider",
        "dmp.supprimer",
        "dmp.reprendre",
        "dmp.historique",
    ];
    let mut fed: BTreeMap<u32, Option<&SeenExchange>> = BTreeMap::new();
    for seen in calls(ctx, &["td2.1", "td3.3c", "td0.3"]) {
        if !asked(ctx, seen, &FEEDING) {
            continue;
        }
        let slot = fed.entry(seen.step.unwrap_or_default()).or_default();
        if seen.exchange.operation == "td0.3" {
            *slot = Some(seen);
        }
    }
    for asked in fed.into_values() {
        match asked {
            None => ctx.held(),
            Some(seen) => ctx.broken(
                seen,
                "appels",
                "aucun TD0.3 pour alimenter ou supprimer",
                "un TD0.3",
            ),
        }
    }
}

/// DMP-SRCH-07: a query by ids holds twenty of them at most.
pub(super) fn batches_of_twenty(ctx: &mut Ctx<'_>) {
    for seen in calls(ctx, &["td3.1a", "td3.1b"]) {
        for slot in IDS {
            let Some(values) = seen
                .fact("/dmp/recherche/slots")
                .and_then(|s| s.get(slot))
                .and_then(Value::as_array)
            else {
                continue;
            };
            ctx.check(
                values.len() <= BATCH,
                seen,
                slot,
                format!("{BATCH} identifiants au plus"),
                format!("{} identifiants", values.len()),
            );
        }
    }
}

/// DMP-SRCH-13: the person consented, and did not change mind.
pub(super) fn consent_before_reading(ctx: &mut Ctx<'_>) {
    let people = People::of(ctx);
    for seen in calls(ctx, &["td3.1a", "td3.2"]) {
        if asked(ctx, seen, &OWN_ENTRY) {
            continue;
        }
        let Some(person) = usager(ctx, &people, seen) else {
            continue;
        };
        let said = consent(ctx, person, seen.step.unwrap_or_default());
        ctx.check(
            said == Some(true),
            seen,
            "appels",
            "un consentement à la consultation enregistré avant",
            match said {
                Some(_) => "la personne s'y est opposée",
                None => "aucun choix enregistré",
            },
        );
    }
}

/// DMP-SRCH-14: TD0.2 or TD0.4 came before the first search about a person.
pub(super) fn right_checked_before_reading(ctx: &mut Ctx<'_>) {
    let all = calls(ctx, &["td0.2", "td0.4", "td3.1a"]);
    let mut judged: Vec<&str> = Vec::new();
    for (i, seen) in all.iter().enumerate() {
        let Some(person) = ins(seen) else { continue };
        if seen.exchange.operation != "td3.1a"
            || judged.contains(&person)
            || asked(ctx, seen, &OWN_ENTRY)
        {
            continue;
        }
        judged.push(person);
        let checked = all[..i].iter().any(|before| {
            before.exchange.operation == "td0.4"
                || (before.exchange.operation == "td0.2" && ins(before) == Some(person))
        });
        ctx.check(
            checked,
            seen,
            "appels précédents",
            "un TD0.2 sur la personne, ou un TD0.4",
            "aucun",
        );
    }
}

/// Times of service of the documents of a search answer, by uniqueId.
fn times(seen: &SeenExchange) -> BTreeMap<String, String> {
    let Some(tree) =
        Response::parse(&seen.response).and_then(|r| Tree::read(&r.body, &Limits::default()).ok())
    else {
        return BTreeMap::new();
    };
    let Some(root) = tree.document_element() else {
        return BTreeMap::new();
    };
    Lot::read(&tree, root)
        .entries
        .into_iter()
        .filter_map(|e| Some((e.unique_id?.value, e.service_start?.raw)))
        .collect()
}

/// DMP-SRCH-04: what the DUI shows is the UTC time of the DMP, in local time.
pub(super) fn local_times(ctx: &mut Ctx<'_>) {
    for seen in calls(ctx, &["td3.1a"]) {
        if !asked(ctx, seen, &["dmp.rechercher"]) {
            continue;
        }
        let times = times(seen);
        let shown = super::step_of(ctx, seen)
            .and_then(|s| s.answer.as_ref()?.result.get("documents")?.as_array());
        for document in shown.into_iter().flatten() {
            let (Some(id), Some(date)) = (member(document, "unique_id"), member(document, "date"))
            else {
                continue;
            };
            let Some(expected) = times.get(id).and_then(|utc| local_time(utc)) else {
                continue;
            };
            let observed = date.replace('T', " ").chars().take(16).collect::<String>();
            ctx.check(
                observed == expected,
                seen,
                &format!("date affichée de {id}"),
                format!("{expected} (heure locale de {} UTC)", times[id]),
                date,
            );
        }
    }
}

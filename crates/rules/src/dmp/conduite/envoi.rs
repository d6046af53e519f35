//! Feeding: drafts, replacement, attempts after a failure, what is already there.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{FEED, asked, calls, ins, outcome, param, plain, replaced, unique_ids};
use crate::Ctx;
use crate::record::SeenExchange;

/// Most attempts of one same sending within [`WINDOW`].
const MOST_ATTEMPTS: usize = 3;
/// Milliseconds.
const WINDOW: i64 = 60_000;
/// No automatic search so soon after a feeding, milliseconds.
const QUIET: i64 = 5_000;

/// How an attempt ended for the DUI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The DMP has it and said so.
    Accepted,
    /// The DMP will not have it as it is.
    Refused,
    /// Nothing can be concluded: to be tried again.
    Failed,
}

fn end(seen: &SeenExchange) -> End {
    const PASSING: [&str; 3] = ["Busy", "NotAvailable", "OutOfResources"];
    const INTERNAL: [&str; 2] = ["XDSRepositoryError", "XDSRegistryError"];
    match outcome(seen) {
        "success" if plain(seen) => End::Accepted,
        "fault:Receiver" => End::Failed,
        said if said.starts_with("fault:") => End::Refused,
        said => match said.strip_prefix("failure:") {
            Some(code)
                if INTERNAL.contains(&code) || PASSING.iter().any(|word| code.ends_with(word)) =>
            {
                End::Failed
            }
            Some(_) => End::Refused,
            None => End::Failed,
        },
    }
}

/// Attempts by document, in order of arrival.
fn attempts<'a>(ctx: &Ctx<'a>) -> BTreeMap<&'a str, Vec<&'a SeenExchange>> {
    let mut by_document: BTreeMap<&str, Vec<&SeenExchange>> = BTreeMap::new();
    for seen in calls(ctx, &[FEED]) {
        for id in unique_ids(seen, false) {
            by_document.entry(id).or_default().push(seen);
        }
    }
    by_document
}

/// DMP-SUB-22: a draft does not leave before it is validated.
pub(super) fn drafts_stay(ctx: &mut Ctx<'_>) {
    let mut drafts: Vec<(&str, u32)> = Vec::new();
    let mut validated: Vec<(&str, u32)> = Vec::new();
    for step in ctx.steps() {
        let Some(request) = &step.request else {
            continue;
        };
        let created = step
            .answer
            .as_ref()
            .and_then(|a| a.result.pointer("/document/id"))
            .and_then(Value::as_str);
        let draft = request.params.get("brouillon").and_then(Value::as_bool) == Some(true);
        match (request.action.as_str(), created) {
            ("document.create", Some(id)) if draft => drafts.push((id, step.number)),
            ("document.valider", _) => {
                validated.extend(param(request, "document").map(|id| (id, step.number)));
            }
            _ => {}
        }
    }
    for (id, _) in drafts {
        let from = validated
            .iter()
            .find(|(valid, _)| *valid == id)
            .map_or(u32::MAX, |(_, step)| *step);
        let early = calls(ctx, &[FEED])
            .into_iter()
            .find(|s| unique_ids(s, false).contains(&id) && s.step.unwrap_or_default() < from);
        match early {
            None => ctx.held(),
            Some(seen) => ctx.broken(
                seen,
                "ExtrinsicObject, uniqueId",
                "aucun brouillon",
                format!("{id}, que personne n'a validé"),
            ),
        }
    }
}

/// DMP-SUB-23: no search by itself right after a feeding.
pub(super) fn no_search_after_feeding(ctx: &mut Ctx<'_>) {
    const ASKED_FOR: [&str; 4] = [
        "dmp.rechercher",
        "dmp.consulter",
        "dmp.supprimer",
        "dmp.visibilite",
    ];
    let searches = calls(ctx, &["td3.1a", "td3.1b"]);
    let feedings = calls(ctx, &[FEED]);
    for fed in &feedings {
        if end(fed) != End::Accepted {
            continue;
        }
        let Some(answered) = fed.answer.as_ref().map(|a| a.answered_at) else {
            continue;
        };
        let search = searches.iter().find(|s| {
            let wait = s.exchange.received_at.millis_since(answered);
            // On its way to another replacement, whose target it looks for.
            let replacing = feedings
                .iter()
                .any(|f| f.exchange.id > s.exchange.id && !replaced(f).is_empty());
            (0..QUIET).contains(&wait)
                && s.step == fed.step
                && ins(s) == ins(fed)
                && !replacing
                && !asked(ctx, s, &ASKED_FOR)
        });
        match search {
            None => ctx.held(),
            Some(seen) => {
                let wait = seen.exchange.received_at.millis_since(answered);
                ctx.broken(
                    seen,
                    "appels",
                    format!(
                        "pas de recherche dans les 5 s qui suivent {}",
                        fed.exchange.id
                    ),
                    format!("une recherche {wait} ms après, que personne n'a demandée"),
                );
            }
        }
    }
}

/// DMP-REP-05: an entry is replaced once.
pub(super) fn replaced_once(ctx: &mut Ctx<'_>) {
    let mut done: Vec<(&str, &SeenExchange)> = Vec::new();
    for seen in calls(ctx, &[FEED]) {
        for target in replaced(seen) {
            match done.iter().find(|(t, _)| *t == target) {
                None => ctx.held(),
                Some((_, first)) => {
                    let first = first.exchange.id;
                    ctx.broken(
                        seen,
                        "Association RPLC, targetObject",
                        format!("la version en vigueur, celle qui a remplacé {target} ({first})"),
                        target,
                    );
                }
            }
            if end(seen) == End::Accepted {
                done.push((target, seen));
            }
        }
    }
}

/// DMP-RES-02: an attempt after a failure bears the ids of the attempt before.
pub(super) fn same_ids_again(ctx: &mut Ctx<'_>) {
    for tries in attempts(ctx).into_values() {
        for pair in tries.windows(2) {
            let (before, again) = (pair[0], pair[1]);
            if end(before) != End::Failed || replaced(before) != replaced(again) {
                continue;
            }
            let ids = |seen: &SeenExchange| {
                let mut ids = vec![
                    seen.text("/dmp/lot/unique_id")
                        .unwrap_or_default()
                        .to_owned(),
                ];
                ids.extend(unique_ids(seen, true).into_iter().map(str::to_owned));
                ids.join(", ")
            };
            let (expected, observed) = (ids(before), ids(again));
            ctx.check(
                expected == observed,
                again,
                "uniqueId du lot et de la signature",
                format!("{expected}, comme {}", before.exchange.id),
                observed,
            );
        }
    }
}

/// DMP-RES-03: after failures, attempts do not come in bursts.
pub(super) fn attempts_apart(ctx: &mut Ctx<'_>) {
    let mut failed: BTreeMap<String, Vec<&SeenExchange>> = attempts(ctx)
        .into_iter()
        .map(|(id, tries)| {
            let tries = tries.into_iter().filter(|s| end(s) == End::Failed);
            (format!("le document {id}"), tries.collect())
        })
        .collect();
    for seen in calls(ctx, &["td0.2"]) {
        if !["actif", "ferme", "nf"].contains(&outcome(seen))
            && let Some(person) = ins(seen)
        {
            // Each action of a user may ask once.
            let step = seen.step.unwrap_or_default();
            failed
                .entry(format!("l'existence du DMP de {person} (étape {step})"))
                .or_default()
                .push(seen);
        }
    }
    for (what, tries) in failed {
        if tries.is_empty() {
            continue;
        }
        let burst = tries.windows(MOST_ATTEMPTS + 1).find(|w| {
            w[MOST_ATTEMPTS]
                .exchange
                .received_at
                .millis_since(w[0].exchange.received_at)
                < WINDOW
        });
        match burst {
            None => ctx.held(),
            Some(w) => ctx.broken(
                w[MOST_ATTEMPTS],
                "appels",
                format!("{MOST_ATTEMPTS} tentatives au plus par minute pour {what}"),
                format!(
                    "{} tentatives en {} ms",
                    w.len(),
                    w[MOST_ATTEMPTS]
                        .exchange
                        .received_at
                        .millis_since(w[0].exchange.received_at)
                ),
            ),
        }
    }
}

/// DMP-RES-04: what was refused does not leave again unchanged, unless somebody asks.
pub(super) fn no_blind_retry(ctx: &mut Ctx<'_>) {
    const USER: [&str; 3] = ["dmp.reprendre", "document.valider", "dmp.historique"];
    let references = calls(ctx, &["td3.1b"]);
    for tries in attempts(ctx).into_values() {
        for (i, refused) in tries.iter().enumerate() {
            if end(refused) != End::Refused {
                continue;
            }
            let again = tries.get(i + 1).filter(|next| {
                let looked_up = references.iter().any(|r| {
                    r.exchange.id > refused.exchange.id && r.exchange.id < next.exchange.id
                });
                replaced(refused) == replaced(next) && !looked_up && !asked(ctx, next, &USER)
            });
            match again {
                None => ctx.held(),
                Some(next) => {
                    let (id, said) = (refused.exchange.id, outcome(refused));
                    ctx.broken(
                        next,
                        "appels",
                        format!("pas de renvoi après le refus {said} de {id}"),
                        "le même document, renvoyé tel quel",
                    );
                }
            }
        }
    }
}

/// DMP-RES-10: what was accepted does not leave again.
pub(super) fn accepted_once(ctx: &mut Ctx<'_>) {
    for (id, tries) in attempts(ctx) {
        let Some(at) = tries.iter().position(|s| end(s) == End::Accepted) else {
            continue;
        };
        match tries.get(at + 1) {
            None => ctx.held(),
            Some(again) => ctx.broken(
                again,
                "ExtrinsicObject, uniqueId",
                format!(
                    "aucun renvoi de {id}, accepté par {}",
                    tries[at].exchange.id
                ),
                format!("{} envoi(s) de plus", tries.len() - at - 1),
            ),
        }
    }
}

//! Identifiers over a whole scenario: those of messages serve once, those of lots and documents name one thing.

use std::collections::BTreeMap;

use diapason_core::Service;
use serde_json::Value;

use crate::Ctx;
use crate::record::SeenExchange;

/// Checks that the value at a pointer is new in each exchange.
fn fresh(ctx: &mut Ctx<'_>, pointer: &str, what: &str) {
    let mut used: BTreeMap<&str, &SeenExchange> = BTreeMap::new();
    for seen in ctx.exchanges(Service::Dmp, &[]) {
        let Some(id) = seen.text(pointer).filter(|id| !id.trim().is_empty()) else {
            continue;
        };
        match used.get(id) {
            None => {
                used.insert(id, seen);
                ctx.held();
            }
            Some(before) => ctx.broken(
                seen,
                what,
                "un numéro neuf pour chaque appel, reprise comprise",
                format!(
                    "« {id} », déjà employé dans l'échange {}",
                    before.exchange.id
                ),
            ),
        }
    }
}

/// DMP-SOAP-19: a MessageID serves once.
pub(super) fn message_ids(ctx: &mut Ctx<'_>) {
    fresh(ctx, "/dmp/message_id", "wsa:MessageID");
}

/// DMP-EX-25: a query number serves once.
pub(super) fn query_ids(ctx: &mut Ctx<'_>) {
    fresh(ctx, "/dmp/existence/query_id", "queryId");
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

/// DMP-SUB-75: a uniqueId names one lot, or one document and its bytes.
pub(super) fn unique_ids(ctx: &mut Ctx<'_>) {
    // What an identifier named first: the documents of a lot, the digest of a document.
    let mut named: BTreeMap<String, (String, &SeenExchange)> = BTreeMap::new();
    for seen in ctx.exchanges(Service::Dmp, &["td2.1"]) {
        let entries: Vec<&Value> = seen
            .fact("/dmp/lot/entries")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .collect();
        let documents: Vec<&str> = entries
            .iter()
            .filter(|e| e.get("signature").and_then(Value::as_bool) != Some(true))
            .filter_map(|e| text(e, "unique_id"))
            .collect();
        let mut names = Vec::new();
        if let Some(lot) = seen.text("/dmp/lot/unique_id") {
            names.push((lot, documents.join(", "), "le lot"));
        }
        for entry in &entries {
            if entry.get("signature").and_then(Value::as_bool) == Some(true) {
                continue;
            }
            if let (Some(id), Some(hash)) = (text(entry, "unique_id"), text(entry, "hash")) {
                names.push((id, hash.to_owned(), "le document"));
            }
        }
        for (id, is, what) in names {
            match named.get(id) {
                None => {
                    named.insert(id.to_owned(), (is, seen));
                    ctx.held();
                }
                Some((was, before)) => ctx.check(
                    *was == is,
                    seen,
                    "uniqueId",
                    format!(
                        "un identifiant qui désigne toujours la même chose : {what} {id} de l'échange {}",
                        before.exchange.id
                    ),
                    format!("un autre contenu sous {id}"),
                ),
            }
        }
    }
}

/// DMP-SUB-76: identifiers are made under the arc of the statement.
pub(super) fn under_the_arc(ctx: &mut Ctx<'_>) {
    let Some(arc) = ctx.product().dmp.arc_oid.clone() else {
        return;
    };
    let prefix = format!("{}.", arc.trim_end_matches('.'));
    for seen in ctx.exchanges(Service::Dmp, &["td2.1"]) {
        let entries = seen
            .fact("/dmp/lot/entries")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|e| text(e, "unique_id"));
        for id in seen.text("/dmp/lot/unique_id").into_iter().chain(entries) {
            ctx.check(
                id.starts_with(&prefix),
                seen,
                "uniqueId",
                format!("un OID sous l'arc de la fiche produit, {arc}"),
                format!("« {id} »"),
            );
        }
    }
}

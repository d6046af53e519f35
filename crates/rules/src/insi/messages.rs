//! From one message to the next: identifiers that must be new, assertions that must name their signer.

use std::collections::BTreeMap;

use serde_json::Value;

use super::calls;
use crate::Ctx;
use crate::record::SeenExchange;

/// INSI-H04: a MessageID is used once.
pub(super) fn message_id_is_new(ctx: &mut Ctx<'_>) {
    let mut first: BTreeMap<&str, &SeenExchange> = BTreeMap::new();
    for seen in calls(ctx) {
        let Some(id) = seen.text("/insi/message_id") else {
            continue;
        };
        match first.get(id) {
            None => {
                first.insert(id, seen);
                ctx.held();
            }
            Some(before) => {
                let label = before.exchange.id;
                ctx.broken(
                    seen,
                    "wsa:MessageID",
                    "un MessageID neuf",
                    format!("{id}, déjà envoyé dans l'appel {label}"),
                );
            }
        }
    }
}

/// INSI-H08: the ids of both contexts are uuids and change at each message.
pub(super) fn context_ids_are_new(ctx: &mut Ctx<'_>) {
    let mut before: BTreeMap<(&str, &str), &SeenExchange> = BTreeMap::new();
    for seen in calls(ctx) {
        for (context, name) in [("bam", "ContexteBAM"), ("lps", "ContexteLPS")] {
            let Some(id) = seen.text(&format!("/insi/{context}/id")) else {
                continue;
            };
            let path = format!("{name}/Id");
            let uuid = seen.fact(&format!("/insi/{context}/id_uuid")) == Some(&Value::Bool(true));
            if !uuid {
                ctx.broken(seen, path, "un UUID", id);
            } else if let Some(first) = before.get(&(context, id)) {
                let label = first.exchange.id;
                ctx.broken(
                    seen,
                    path,
                    "un Id neuf à chaque message",
                    format!("{id}, déjà envoyé dans l'appel {label}"),
                );
            } else {
                before.insert((context, id), seen);
                ctx.held();
            }
        }
    }
}

/// INSI-H11: Emetteur is the structure of the certificate, or the person of the assertion.
pub(super) fn sender(ctx: &mut Ctx<'_>) {
    for seen in calls(ctx) {
        let bam = seen.text("/insi/bam/emetteur");
        let lps = seen.text("/insi/lps/emetteur");
        if seen.fact("/insi/bam").is_none() || seen.fact("/insi/lps").is_none() {
            continue;
        }
        let who = match seen.text("/tls/client_certificate/subject_ou") {
            Some(ou) => Some((ou, "l'OU du certificat client")),
            None => professional(seen)
                .and_then(|a| a.get("name_id"))
                .and_then(Value::as_str)
                .map(|name| (name, "le NameID de l'assertion")),
        };
        let said = format!(
            "ContexteBAM {}, ContexteLPS {}",
            or_absent(bam),
            or_absent(lps)
        );
        match who {
            _ if bam != lps || bam.is_none() => ctx.broken(
                seen,
                "Emetteur",
                "le même Emetteur dans les deux contextes",
                said,
            ),
            Some((name, what)) => ctx.check(
                bam == Some(name),
                seen,
                "Emetteur",
                format!("{name}, {what}"),
                said,
            ),
            None => ctx.held(),
        }
    }
}

fn or_absent(value: Option<&str>) -> &str {
    value.unwrap_or("absent")
}

fn assertions(seen: &SeenExchange) -> impl Iterator<Item = &Value> {
    seen.fact("/insi/security/assertions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn qualifier(assertion: &Value) -> &str {
    assertion
        .get("name_qualifier")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The professional's assertion, when the message has one.
fn professional(seen: &SeenExchange) -> Option<&Value> {
    assertions(seen).find(|a| qualifier(a) != "VITALE")
}

/// INSI-A02: NameID and Issuer come from the signing certificate.
pub(super) fn assertion_names_its_signer(ctx: &mut Ctx<'_>) {
    for seen in calls(ctx) {
        // A Vitale assertion may be unsigned, a Pro Santé Connect one is.
        let signed: Vec<&Value> = assertions(seen)
            .filter(|a| !matches!(qualifier(a), "VITALE" | "PSC"))
            .collect();
        for assertion in signed {
            let text = |pointer: &str| assertion.pointer(pointer).and_then(Value::as_str);
            let name = text("/name_id").unwrap_or_default();
            match text("/signature/certificate_subject_cn") {
                None => ctx.broken(
                    seen,
                    "Assertion/Signature/KeyInfo",
                    "le certificat de signature de la carte",
                    "aucun certificat lisible",
                ),
                Some(cn) if cn != name => ctx.broken(
                    seen,
                    "Assertion/Subject/NameID",
                    format!("{cn}, le CN du certificat de signature"),
                    name,
                ),
                Some(cn) => ctx.check(
                    text("/issuer").is_some_and(|issuer| issuer.contains(cn)),
                    seen,
                    "Assertion/Issuer",
                    format!("le sujet du certificat de signature, qui contient {cn}"),
                    text("/issuer").unwrap_or("absent"),
                ),
            }
        }
    }
}

/// INSI-A06: one assertion, one user, one issue instant.
pub(super) fn assertion_of_one_user(ctx: &mut Ctx<'_>) {
    let mut owners: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for seen in calls(ctx) {
        for assertion in assertions(seen) {
            let text = |key: &str| assertion.get(key).and_then(Value::as_str);
            let Some(id) = text("id") else { continue };
            let this = (
                text("name_id").unwrap_or_default(),
                text("issue_instant").unwrap_or_default(),
            );
            let first = *owners.entry(id).or_insert(this);
            ctx.check(
                first == this,
                seen,
                "Assertion/@ID",
                format!("un ID propre à {}, daté de {}", first.0, first.1),
                format!("le même ID pour {}, daté de {}", this.0, this.1),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{Run, insi};
    use serde_json::json;

    #[test]
    fn a_message_id_that_comes_back_is_found() {
        let call = |id: &str| insi("01", json!({ "message_id": id }));
        let run = Run::default().calls(1, vec![call("uuid:a"), call("uuid:b"), call("uuid:a")]);
        let found = run.findings("INSI-H04");
        assert_eq!(found.len(), 1);
        assert!(found[0].observed.contains("x1"), "{}", found[0].observed);
        assert_eq!(run.checks("INSI-H04"), 3);
    }

    #[test]
    fn context_ids_must_be_uuids_and_new() {
        let call = |bam: &str, uuid: bool| {
            insi(
                "00",
                json!({ "bam": {"id": bam, "id_uuid": uuid}, "lps": {"id": format!("l{bam}"), "id_uuid": true} }),
            )
        };
        let run = Run::default().calls(
            1,
            vec![
                call("a", true),
                call("b", true),
                call("a", true),
                call("7", false),
            ],
        );
        let found = run.findings("INSI-H08");
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found[0].place.path.as_deref(), Some("ContexteBAM/Id"));
        assert_eq!(found[1].place.path.as_deref(), Some("ContexteLPS/Id"));
        assert_eq!(found[2].expected, "un UUID");
    }

    #[test]
    fn one_assertion_for_two_users_is_found() {
        let call = |name: &str| {
            insi(
                "00",
                json!({ "security": {"assertions": [{"id": "_1", "name_id": name, "issue_instant": "2026-01-15T09:00:00Z"}]} }),
            )
        };
        let run = Run::default().calls(
            1,
            vec![
                call("899709900023"),
                call("899709900023"),
                call("899709900024"),
            ],
        );
        assert_eq!(run.findings("INSI-A06").len(), 1);
        assert_eq!(run.checks("INSI-A06"), 3);
    }
}

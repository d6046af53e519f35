//! Against the product statement: authorisation number, name and version, certificate by origin of the call.

use super::calls;
use crate::Ctx;
use crate::record::SeenExchange;

/// Action that asked for the call, when a step did.
fn action<'a>(ctx: &Ctx<'a>, seen: &SeenExchange) -> Option<&'a str> {
    let step = seen.step?;
    ctx.steps()
        .iter()
        .find(|s| s.number == step)
        .and_then(|s| s.request.as_ref())
        .map(|r| r.action.as_str())
}

/// INSI-T05: INSI-MANU when a user asked for the call.
pub(super) fn operator_certificate(ctx: &mut Ctx<'_>) {
    for seen in calls(ctx) {
        let asked = matches!(action(ctx, seen), Some("ins.search" | "ins.verify"));
        let Some(cn) = seen.text("/tls/client_certificate/subject_cn") else {
            continue;
        };
        // Any other name than these two is INSI-T04's business.
        if asked && cn.starts_with("INSI-") {
            ctx.check(
                cn == "INSI-MANU",
                seen,
                "CN du certificat client",
                "INSI-MANU, l'appel vient d'un utilisateur",
                cn,
            );
        }
    }
}

/// INSI-H09: LPS/IDAM carries the declared number, with R="4".
pub(super) fn authorisation_number(ctx: &mut Ctx<'_>) {
    let declared = ctx.product().insi.idam.as_deref();
    for seen in calls(ctx) {
        if seen.fact("/insi/lps").is_none() {
            continue;
        }
        let number = seen.text("/insi/lps/idam/value").unwrap_or_default();
        let shape = number.len() == 12 && number.bytes().all(|b| b.is_ascii_alphanumeric());
        if !shape {
            ctx.broken(
                seen,
                "LPS/IDAM",
                "12 caractères alphanumériques",
                if number.is_empty() { "absent" } else { number },
            );
            continue;
        }
        let r = seen.text("/insi/lps/idam/r");
        if r != Some("4") {
            ctx.broken(seen, "LPS/IDAM/@R", "4", r.unwrap_or("absent"));
        } else if let Some(declared) = declared {
            ctx.check(
                number == declared,
                seen,
                "LPS/IDAM",
                format!("{declared}, le numéro de la fiche produit"),
                number,
            );
        } else {
            ctx.held();
        }
    }
}

/// INSI-H10: one installation, one product.
pub(super) fn software_identity(ctx: &mut Ctx<'_>) {
    let statement = &ctx.product().insi;
    let mut instance: Option<&str> = None;
    for seen in calls(ctx) {
        if seen.fact("/insi/lps").is_none() {
            continue;
        }
        let now = seen.text("/insi/lps/instance");
        let first = *instance.get_or_insert(now.unwrap_or_default());
        match now {
            None => ctx.broken(seen, "LPS/Instance", "l'UUID de l'installation", "absent"),
            Some(now) => ctx.check(
                now == first,
                seen,
                "LPS/Instance",
                format!("{first}, comme dans le premier appel"),
                now,
            ),
        }
        for (declared, pointer, path) in [
            (&statement.lps_nom, "/insi/lps/nom", "LPS/Nom"),
            (
                &statement.lps_version,
                "/insi/lps/lps_version",
                "LPS/Version",
            ),
        ] {
            let Some(declared) = declared.as_deref() else {
                continue;
            };
            let said = seen.text(pointer);
            ctx.check(
                said.is_some_and(|s| s == declared || names(s, declared)),
                seen,
                path,
                format!("{declared}, comme dans la fiche produit"),
                said.unwrap_or("absent"),
            );
        }
    }
}

/// Some products write `urn:lps:<name>:<version>`.
fn names(said: &str, declared: &str) -> bool {
    said.strip_prefix("urn:lps:")
        .is_some_and(|rest| rest == declared || rest.starts_with(&format!("{declared}:")))
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{Run, insi, with_certificate};
    use serde_json::json;

    fn lps(idam: &str, r: &str, instance: &str, nom: &str) -> serde_json::Value {
        json!({ "lps": {
            "idam": {"value": idam, "r": r}, "instance": instance, "nom": nom, "lps_version": "1.0.0",
        } })
    }

    #[test]
    fn the_authorisation_number_is_the_declared_one() {
        let run = Run::default().calls(
            1,
            vec![
                insi("00", lps("DIA00PA50NT1", "4", "i", "DUI d'exemple")),
                insi("00", lps("DIA00PA50NT2", "4", "i", "DUI d'exemple")),
                insi("00", lps("DIA00PA50NT1", "1", "i", "DUI d'exemple")),
                insi("00", lps("DIA", "4", "i", "DUI d'exemple")),
            ],
        );
        let paths: Vec<_> = run
            .findings("INSI-H09")
            .iter()
            .map(|f| f.place.path.clone())
            .collect();
        assert_eq!(
            paths,
            [
                Some("LPS/IDAM".into()),
                Some("LPS/IDAM/@R".into()),
                Some("LPS/IDAM".into())
            ]
        );
    }

    #[test]
    fn the_instance_stays_and_the_name_is_the_product_s() {
        let run = Run::default().calls(
            1,
            vec![
                insi(
                    "00",
                    lps("DIA00PA50NT1", "4", "i", "urn:lps:DUI d'exemple:1.0.0"),
                ),
                insi("00", lps("DIA00PA50NT1", "4", "j", "DUI d'exemple")),
                insi("00", lps("DIA00PA50NT1", "4", "i", "Autre")),
            ],
        );
        let found = run.findings("INSI-H10");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].expected.starts_with("i,"));
        assert_eq!(found[1].observed, "Autre");
    }

    #[test]
    fn an_automatic_certificate_for_a_user_s_call_is_found() {
        let run = Run::default()
            .action(1, "ins.search", json!({"usager": "1"}), json!({}))
            .calls(
                1,
                vec![
                    with_certificate("INSI-MANU"),
                    with_certificate("INSI-AUTO"),
                    with_certificate("AUTRE"),
                ],
            )
            .action(2, "identite.recevoir", json!({}), json!({}))
            .calls(2, vec![with_certificate("INSI-AUTO")]);
        assert_eq!(run.findings("INSI-T05").len(), 1);
        assert_eq!(run.checks("INSI-T05"), 2);
    }
}

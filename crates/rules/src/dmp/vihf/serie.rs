//! Rules over the VIHF of a whole scenario: the software names itself as its statement does, and no assertion serves twice.

use std::collections::BTreeMap;

use diapason_core::Service;

use crate::Ctx;
use crate::record::SeenExchange;

/// DMP-VIHF-43: name, version, homologation number and structure are those of the statement, and do not change.
pub(in crate::dmp) fn software_identity(ctx: &mut Ctx<'_>) {
    let statement = ctx.product().dmp.clone();
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    for seen in ctx.exchanges(Service::Dmp, &[]) {
        if seen
            .fact("/dmp/vihf")
            .is_none_or(serde_json::Value::is_null)
        {
            continue;
        }
        for (declared, pointer, name) in [
            (&statement.lps_nom, "/dmp/vihf/lps_nom", "LPS_Nom"),
            (
                &statement.lps_version,
                "/dmp/vihf/lps_version",
                "LPS_Version",
            ),
            (
                &statement.homologation,
                "/dmp/vihf/homologation",
                "LPS_ID_HOMOLOGATION_DMP",
            ),
            (
                &statement.structure,
                "/dmp/vihf/structure",
                "Identifiant_Structure",
            ),
        ] {
            // What is absent is the business of DMP-VIHF-14 and DMP-VIHF-38.
            let Some(said) = seen.text(pointer) else {
                continue;
            };
            if let Some(declared) = declared.as_deref() {
                ctx.check(
                    said == declared,
                    seen,
                    name,
                    format!("« {declared} », comme dans la fiche produit"),
                    said,
                );
                continue;
            }
            let before = *first.entry(name).or_insert(said);
            ctx.check(
                said == before,
                seen,
                name,
                format!("« {before} », comme dans le premier appel"),
                said,
            );
        }
    }
}

/// DMP-VIHF-44: each request has an assertion of its own.
pub(in crate::dmp) fn assertion_serves_once(ctx: &mut Ctx<'_>) {
    let mut used: BTreeMap<&str, &SeenExchange> = BTreeMap::new();
    for seen in ctx.exchanges(Service::Dmp, &[]) {
        let Some(id) = seen.text("/dmp/vihf/id") else {
            continue;
        };
        match used.get(id) {
            None => {
                used.insert(id, seen);
                ctx.held();
            }
            Some(before) => ctx.broken(
                seen,
                "Assertion/@ID",
                "un identifiant neuf pour chaque requête",
                format!(
                    "« {id} », déjà présenté dans l'échange {}",
                    before.exchange.id
                ),
            ),
        }
    }
}

//! TD0.3 (give or take back the caller's authorisation), TD1.6 (who is authorised), TD0.4 (whose DMP may be entered).

use diapason_core::PersonaId;
use diapason_core::scenario::{DmpAutorisation, DmpStatut};
use diapason_formats::vihf::Mode;

use super::{Answered, Call};
use crate::answer::soap::Fault;
use crate::names::{HABILITATIONS, PATIENTS};
use crate::state::{Given, compact};
use crate::xml::Xml;

/// TD0.3.
pub(super) fn set(call: &mut Call<'_>, persona: &PersonaId) -> Answered {
    let Some(asked) = call.message.autorisation().cloned() else {
        return schema("action manque");
    };
    let role = match asked.role.as_deref() {
        None => false,
        Some("MEDECIN_TRAITANT") => true,
        Some(other) => return schema(&format!("rôle {other} inconnu")),
    };
    let holder = call.caller.holder().to_owned();
    let before = call.state.dossier(persona).authorisation(&holder, call.now);
    let dossier = call.state.dossier_mut(persona);
    let context = match asked.action.as_deref() {
        Some("AJOUT") => {
            let already = dossier
                .given
                .get(&holder)
                .is_some_and(|g| !g.is_over(call.now) && (g.medecin_traitant || !role));
            let from = call.now;
            let given = dossier.given.entry(holder.clone()).or_insert(Given {
                name: call.caller.shown(),
                from,
                last_action: from,
                profession: String::new(),
                medecin_traitant: false,
            });
            if !already {
                given.from = from;
            }
            given.last_action = from;
            given.medecin_traitant |= role;
            given.profession = call.caller.profession().0;
            dossier.withdrawn.remove(&holder);
            if already {
                "Autorisation déjà présente"
            } else {
                ""
            }
        }
        Some("SUPPRESSION") if role => {
            dossier.medecin_traitant = false;
            if let Some(given) = dossier.given.get_mut(&holder) {
                given.medecin_traitant = false;
                given.last_action = call.now;
            }
            ""
        }
        Some("SUPPRESSION") => {
            dossier.given.remove(&holder);
            dossier.withdrawn.insert(holder);
            if before == DmpAutorisation::Valide {
                ""
            } else {
                "Aucune autorisation à retirer"
            }
        }
        other => {
            let said = other.unwrap_or("absente");
            return schema(&format!("action {said} inconnue"));
        }
    };
    status("setAuthorizationResponse", HABILITATIONS, "DMPOk", context)
}

/// An answer of one of the two small services that holds a status and nothing else.
pub(crate) fn status(element: &str, namespace: &str, status: &str, context: &str) -> Answered {
    let mut out = Xml::new();
    let name = format!("ns1:{element}");
    out.open(&name, &[("xmlns:ns1", namespace)])
        .open("ns1:output", &[])
        .leaf("ns1:status", status)
        .leaf("ns1:context", context)
        .close("ns1:output")
        .close(&name);
    let outcome = if status == "DMPOk" {
        "success".to_owned()
    } else {
        format!("status:{status}")
    };
    Answered::body(out.done(), outcome)
}

fn schema(problem: &str) -> Answered {
    Answered::fault(Fault::sender(
        "MOCK_DMPSchema",
        format!("Le corps de la demande est incorrect : {problem}."),
    ))
}

/// Text of a child of the body's root element.
fn child(call: &Call<'_>, namespace: &str, local: &str) -> Option<String> {
    let payload = call.message.envelope()?.payload.as_ref()?;
    let tree = &call.message.tree;
    let node = tree.child(payload.node, namespace, local)?;
    Some(tree.string_value(node).trim().to_owned())
}

/// TD1.6.
pub(super) fn list(call: &mut Call<'_>, persona: &PersonaId) -> Answered {
    let mode = child(call, HABILITATIONS, "mode").unwrap_or_else(|| "TOUTE".to_owned());
    if !matches!(mode.as_str(), "ACTIVE" | "INTERDITE" | "TOUTE") {
        return schema(&format!("mode {mode} inconnu"));
    }
    let dossier = call.state.dossier(persona);
    let mut out = Xml::new();
    let element = "ns1:listAuthorizationByPatientResponse";
    out.open(element, &[("xmlns:ns1", HABILITATIONS)])
        .open("ns1:output", &[]);
    let blocked = dossier.autorisation == DmpAutorisation::Interdit;
    let shown = if blocked { "INTERDITE" } else { "ACTIVE" };
    if mode == "TOUTE" || mode == shown {
        for (id, given) in &dossier.given {
            if given.is_over(call.now) && !blocked {
                continue;
            }
            let structure = crate::structures::structure(id).is_some();
            let (last, first) = given.name.split_once(' ').unwrap_or((&given.name, ""));
            out.open("ns1:listOfAuthorizationByPatient", &[])
                .leaf("ns1:nationalId", id)
                .leaf(
                    "ns1:nationalIdType",
                    if structure {
                        "1.2.250.1.71.4.2.2"
                    } else {
                        "1.2.250.1.71.4.2.1"
                    },
                )
                .leaf("ns1:firstName", first)
                .leaf("ns1:lastName", last)
                .leaf("ns1:codeSpeciality", &given.profession)
                .leaf("ns1:startOfAuthorization", &compact(given.from))
                .leaf("ns1:lastActionDate", &compact(given.last_action))
                .leaf("ns1:mode", shown);
            if given.medecin_traitant {
                out.leaf("ns1:specificRight", "MEDECIN_TRAITANT");
            }
            out.close("ns1:listOfAuthorizationByPatient");
        }
    }
    out.leaf("ns1:status", "DMPOk")
        .close("ns1:output")
        .close(element);
    Answered::body(out.done(), "success")
}

/// TD0.4.
pub(super) fn patients(call: &mut Call<'_>) -> Answered {
    let since = child(call, PATIENTS, "startDate").unwrap_or_default();
    let kind = child(call, PATIENTS, "dateType").unwrap_or_else(|| "LASTDOC".to_owned());
    if !matches!(kind.as_str(), "LASTDOC" | "LASTAUTORIZATION") {
        return schema(&format!("dateType {kind} inconnu"));
    }
    if !since.is_empty() && (since.len() != 14 || !since.bytes().all(|b| b.is_ascii_digit())) {
        return schema("startDate n'est pas une date yyyyMMddHHmmss");
    }
    if call.caller.mode == Mode::Indirecte && (kind != "LASTAUTORIZATION" || since.is_empty()) {
        return Answered::fault(Fault::sender(
            "MOCK_DMPAccessDenied",
            "En authentification indirecte, seules les nouvelles autorisations depuis une date se demandent.",
        ));
    }
    let holder = call.caller.holder().to_owned();
    let mut out = Xml::new();
    let element = "ns1:patientListResponse";
    out.open(element, &[("xmlns:ns1", PATIENTS)])
        .open("ns1:output", &[]);
    let known: Vec<PersonaId> = call.state.dossiers().map(|(id, _)| id.clone()).collect();
    for persona in known {
        let dossier = call.state.dossier(&persona);
        let Some(given) = dossier.given.get(&holder) else {
            continue;
        };
        let open = call.state.statut(&persona) == Some(DmpStatut::Actif);
        let valid = dossier.authorisation(&holder, call.now) == DmpAutorisation::Valide;
        let last_doc = call
            .state
            .registry
            .entries
            .iter()
            .filter(|e| e.persona == persona && !e.signature)
            .map(|e| e.at)
            .max();
        let date = match kind.as_str() {
            "LASTAUTORIZATION" => Some(given.from),
            _ => last_doc,
        };
        let recent = date.is_some_and(|d| compact(d) >= since);
        if !open || !valid || !recent {
            continue;
        }
        let Some(person) = call.state.people.get(&persona) else {
            continue;
        };
        out.open("ns1:patientlistData", &[]);
        for ins in call.state.people.matricules(&persona).iter().rev() {
            out.open("ns1:patientIdentifier", &[])
                .leaf("ns1:nationalId", ins.matricule.as_str())
                .leaf("ns1:nationalIdType", ins.oid.as_str())
                .close("ns1:patientIdentifier");
        }
        let first = person.traits.prenoms.first().map_or("", String::as_str);
        let flag = |b: bool| if b { "true" } else { "false" };
        out.leaf("ns1:lastName", &person.traits.nom_naissance)
            .leaf("ns1:patronymicalName", &person.traits.nom_naissance)
            .leaf("ns1:firstName", first)
            .leaf(
                "ns1:dateOfBirth",
                &person.traits.date_naissance.as_str().replace('-', ""),
            )
            .leaf("ns1:MT", flag(dossier.is_medecin_traitant(&holder)))
            .leaf("ns1:message", "false");
        if let Some(access) = dossier.accesses.last() {
            out.leaf("ns1:lastAccessDate", &compact(access.at));
        }
        if let Some(at) = last_doc {
            out.leaf("ns1:lastUpdateDate", &compact(at))
                .leaf("ns1:lastAddDate", &compact(at));
        }
        out.close("ns1:patientlistData");
    }
    out.leaf("ns1:status", "DMPOk")
        .close("ns1:output")
        .close(element);
    Answered::body(out.done(), "success")
}

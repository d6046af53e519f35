//! What the person sees in Mon espace santé: the documents shown, those kept from them and why, and who came.
//!
//! Shape of the value:
//! ```json
//! { "statut": "actif", "rattache_mes": true, "autorisation": "valide",
//!   "documents": [ { "unique_id": "1.2.3", "titre": "…", "type": "80788-3", "type_libelle": "…", "date": "20260115090000",
//!                    "depose_le": "20260115090010", "auteur": "…", "etablissement": "…", "version": 1, "etat": "actif",
//!                    "visible": true, "masque_aux_professionnels": false, "visible_des_representants": true,
//!                    "publie_par_le_patient": false, "remplace": null, "confidentialite": ["N"] } ],
//!   "caches": [ { "unique_id": "…", "motif": "INVISIBLE_PATIENT", … } ],
//!   "acces": [ { "date": "20260115090010", "qui": "…", "structure": "…", "quoi": "ajout de document", "cache_aux_representants": false } ],
//!   "compteurs": { "documents": 1, "visibles": 1, "caches": 0 } }
//! ```

use diapason_core::PersonaId;
use diapason_core::scenario::{DmpAutorisation, DmpStatut};
use serde_json::{Value, json};

use crate::names::{DE_AUTHOR, DE_TYPE_CODE, INVISIBLE_PATIENT, INVISIBLE_RL, MASQUE_PS, RPLC};
use crate::state::{Entry, State, compact};

/// The record of a person as that person sees it.
pub(crate) fn view(state: &State, persona: &PersonaId) -> Value {
    let dossier = state.dossier(persona);
    let statut = match state.statut(persona) {
        None => "absent",
        Some(DmpStatut::Ferme) => "ferme",
        Some(_) => "actif",
    };
    let entries: Vec<&Entry> = latest(state, persona).collect();
    let (mut shown, mut hidden) = (Vec::new(), Vec::new());
    for entry in entries {
        let value = document(state, entry);
        match reason(entry) {
            None => shown.push(value),
            Some(motif) => {
                let mut value = value;
                value["motif"] = json!(motif);
                value["visible"] = json!(false);
                hidden.push(value);
            }
        }
    }
    let accesses: Vec<Value> = dossier
        .accesses
        .iter()
        .map(|a| {
            json!({
                "date": compact(a.at), "qui": a.who, "structure": a.structure, "quoi": a.what,
                "cache_aux_representants": a.secret,
            })
        })
        .collect();
    json!({
        "statut": statut,
        "rattache_mes": !dossier.not_attached,
        "autorisation": autorisation(dossier.autorisation),
        "compteurs": { "documents": shown.len() + hidden.len(), "visibles": shown.len(), "caches": hidden.len() },
        "documents": shown,
        "caches": hidden,
        "acces": accesses,
    })
}

fn autorisation(of: DmpAutorisation) -> &'static str {
    match of {
        DmpAutorisation::Valide => "valide",
        DmpAutorisation::Expire => "expire",
        DmpAutorisation::Interdit => "interdit",
        DmpAutorisation::Inexistant => "inexistant",
    }
}

/// People whose record is not empty.
pub(crate) fn people(state: &State) -> Vec<PersonaId> {
    state
        .people
        .all()
        .map(|p| p.id.clone())
        .filter(|id| {
            state.registry.entries.iter().any(|e| e.persona == *id)
                || !state.dossier(id).accesses.is_empty()
        })
        .collect()
}

/// Documents of a person in their metadata of the moment, signatures of lots left out, oldest first.
fn latest<'a>(state: &'a State, persona: &'a PersonaId) -> impl Iterator<Item = &'a Entry> {
    state.registry.entries.iter().filter(move |e| {
        e.persona == *persona
            && !e.signature
            && state
                .registry
                .document(&e.unique_id)
                .is_some_and(|l| l.id() == e.id())
    })
}

/// Why the person does not see a document; `None` when it is shown.
fn reason(entry: &Entry) -> Option<&'static str> {
    if entry.is_deleted() {
        Some("SUPPRIME")
    } else if entry.object.is(INVISIBLE_PATIENT) {
        Some(INVISIBLE_PATIENT)
    } else {
        None
    }
}

fn document(state: &State, entry: &Entry) -> Value {
    let object = &entry.object;
    let kind = object.of(DE_TYPE_CODE).next();
    let author = object.of(DE_AUTHOR).next();
    let etat = if entry.is_deleted() {
        "supprime"
    } else if entry.is_archived() {
        "archive"
    } else if entry.is_deprecated() {
        "remplace"
    } else {
        "actif"
    };
    let replaces = state
        .registry
        .associations
        .iter()
        .filter(|a| a.association.0 == RPLC && a.association.1 == entry.id())
        .find_map(|a| state.registry.entry(&a.association.2))
        .map(|old| old.unique_id.clone());
    json!({
        "unique_id": entry.unique_id,
        "titre": object.name,
        "type": kind.map(|k| k.code.clone()),
        "type_libelle": kind.and_then(|k| k.label.clone()),
        "date": object.first("creationTime"),
        "depose_le": compact(entry.at),
        "auteur": author.and_then(|a| a.slot("authorPerson").first()).map(|p| person(p)),
        "etablissement": author
            .and_then(|a| a.slot("authorInstitution").first())
            .map(|i| i.split('^').next().unwrap_or_default().to_owned()),
        "version": entry.version,
        "etat": etat,
        "visible": true,
        "masque_aux_professionnels": object.is(MASQUE_PS),
        "visible_des_representants": !object.is(INVISIBLE_RL),
        "publie_par_le_patient": entry.by_patient,
        "remplace": replaces,
        "confidentialite": object.confidentiality().collect::<Vec<_>>(),
    })
}

/// `FIRST LAST` of an XCN.
fn person(xcn: &str) -> String {
    let mut parts = xcn.split('^').skip(1);
    let (last, first) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    format!("{first} {last}").trim().to_owned()
}

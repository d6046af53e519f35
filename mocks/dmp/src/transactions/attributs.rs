//! TD3.3: status of an entry (delete, archive) and its visibility, by a metadata update (ITI-57).

use std::collections::BTreeSet;

use diapason_core::PersonaId;
use diapason_formats::dmp::Operation;
use diapason_formats::xml::Tree;

use super::{Answered, Call, denied, is_mt, registry_response};
use crate::answer::ebrim::{Outcome, RegistryError};
use crate::answer::soap::Fault;
use crate::droits::{Droit, Reponse};
use crate::names::{
    APPROVED, ARCHIVED, DE_CONFIDENTIALITY, DE_PATIENT, DELETED, DEPRECATED, HAS_MEMBER,
    INVISIBLE_PATIENT, MASQUE_PS, RIM, SUBMISSION_SET, UPDATE_STATUS,
};
use crate::state::{Entry, Object};

const OPERATION: &str = "XDSMetadataUpdateOperationError";
const UPDATE: &str = "XDSMetadataUpdateError";

/// Answers the update.
pub(super) fn update(call: &mut Call<'_>, persona: &PersonaId, operation: Operation) -> Answered {
    let (packages, entries, associations) = read(call);
    if !packages
        .iter()
        .any(|p| p.of(SUBMISSION_SET).next().is_some())
        || packages.len() != 1
    {
        return refused(OPERATION, "un lot de soumission attendu");
    }
    let package = &packages[0];
    match operation {
        Operation::Attributs => visibility(call, persona, package, &entries, &associations),
        _ => status(call, persona, package, &associations),
    }
}

fn refused(code: &str, context: impl Into<String>) -> Answered {
    registry_response(&Outcome::failed(vec![RegistryError::new(code, context)]))
}

fn read(call: &Call<'_>) -> (Vec<Object>, Vec<Object>, Vec<Object>) {
    let tree: &Tree = &call.message.tree;
    let list = call.message.lot().and_then(|l| l.list);
    let of = |local: &str| -> Vec<Object> {
        list.into_iter()
            .flat_map(|l| tree.children_named(l, RIM, local).collect::<Vec<_>>())
            .map(|node| Object::read(tree, node))
            .collect()
    };
    (
        of("RegistryPackage"),
        of("ExtrinsicObject"),
        of("Association"),
    )
}

/// May the caller do that to that entry?
fn allowed(call: &Call<'_>, entry: &Entry, droit: Droit, mt: bool) -> Result<(), Fault> {
    let refuse = |why: &str| Err(Fault::sender("MOCK_DMPAccessDenied", why.to_owned()));
    // A document of the person's own: only the person and the médecin traitant.
    if entry.by_patient && !mt && matches!(droit, Droit::Supprimer | Droit::Archiver) {
        return refuse(
            "Un document publié par le patient n'est géré que par lui ou par son médecin traitant.",
        );
    }
    match call.caller.may(droit, mt) {
        Reponse::Non | Reponse::Reference => Err(denied(droit)),
        Reponse::Oui | Reponse::Structure | Reponse::Periode => Ok(()),
        Reponse::Propres if entry.is_of(&call.caller.actor) => Ok(()),
        Reponse::Propres => refuse("Seul l'auteur du document peut faire cette opération."),
        Reponse::PropresStructure if entry.structures().any(|s| s == call.caller.structure) => {
            Ok(())
        }
        Reponse::PropresStructure => {
            refuse("Seule la structure auteur du document peut faire cette opération.")
        }
        Reponse::SiPatient if call.behaviour.emergency_masked => Ok(()),
        Reponse::SiPatient => refuse("Le patient ne le permet pas."),
    }
}

/// TD3.3c and d.
fn status(
    call: &mut Call<'_>,
    persona: &PersonaId,
    package: &Object,
    associations: &[Object],
) -> Answered {
    let changes: Vec<&Object> = associations
        .iter()
        .filter(|a| a.association.0 == UPDATE_STATUS)
        .collect();
    if changes.is_empty() {
        return refused(OPERATION, "aucune association UpdateAvailabilityStatus");
    }
    let mt = is_mt(call, persona);
    let mut todo = Vec::new();
    for change in &changes {
        let (_, source, target) = &change.association;
        if *source != package.id {
            return refused(OPERATION, "l'association ne part pas du lot");
        }
        let (from, to) = (change.first("OriginalStatus"), change.first("NewStatus"));
        let (Some(from), Some(to)) = (from, to) else {
            return refused(OPERATION, "OriginalStatus et NewStatus attendus");
        };
        let droit = match (from, to) {
            (APPROVED | ARCHIVED, DELETED) => Droit::Supprimer,
            (APPROVED, ARCHIVED) | (ARCHIVED, APPROVED) => Droit::Archiver,
            _ => return refused(OPERATION, format!("de {} à {}", word(from), word(to))),
        };
        if call.caller.may(droit, mt) == Reponse::Non {
            return Answered::fault(denied(droit));
        }
        let known = call
            .state
            .registry
            .entry(target)
            .filter(|e| e.persona == *persona && !call.twist.amnesia);
        let Some(entry) = known else {
            return refused("UnresolvedReferenceException", target.as_str());
        };
        if let Err(fault) = allowed(call, entry, droit, mt) {
            return Answered::fault(fault);
        }
        if entry.status() != from {
            let context = format!("état actuel : {}", word(entry.status()));
            return refused(UPDATE, context);
        }
        todo.push((target.clone(), to.to_owned()));
    }
    for (id, to) in todo {
        if let Some(entry) = call.state.registry.entry_mut(&id) {
            entry.object.status = Some(to);
        }
    }
    registry_response(&Outcome::default())
}

fn word(status: &str) -> &str {
    status.rsplit(':').next().unwrap_or(status)
}

/// TD3.3a and b: a new version of the metadata that differs by its visibility alone.
fn visibility(
    call: &mut Call<'_>,
    persona: &PersonaId,
    package: &Object,
    entries: &[Object],
    associations: &[Object],
) -> Answered {
    let mt = is_mt(call, persona);
    let mut todo = Vec::new();
    for new in entries {
        let Some(lid) = new.lid.as_deref().filter(|l| l.starts_with("urn:uuid:")) else {
            return refused(UPDATE, format!("{} : lid manque", new.id));
        };
        let member = associations.iter().find(|a| {
            a.association.0 == HAS_MEMBER
                && a.association.1 == package.id
                && a.association.2 == new.id
        });
        let Some(member) = member else {
            return refused(OPERATION, format!("{} n'est pas rattaché au lot", new.id));
        };
        let current = call
            .state
            .registry
            .entries
            .iter()
            .filter(|e| e.object.lid.as_deref() == Some(lid) && e.persona == *persona)
            .filter(|_| !call.twist.amnesia)
            .max_by_key(|e| e.version);
        let Some(current) = current else {
            return refused("UnresolvedReferenceException", lid);
        };
        let previous = member.first("PreviousVersion");
        if previous != Some(current.version.to_string().as_str()) {
            let context = format!("version actuelle : {}", current.version);
            return refused("XDSMetadataVersionError", context);
        }
        if !current.is_approved() {
            return refused("XDSRegistryDeprecatedDocumentError", current.id());
        }
        if let Some(what) = changed(&current.object, new) {
            return refused(UPDATE, format!("{what} ne se change pas"));
        }
        let wanted = match wanted(&current.object, new) {
            Ok(wanted) => wanted,
            Err(context) => return refused(UPDATE, context),
        };
        for droit in wanted {
            if let Err(fault) = allowed(call, current, droit, mt) {
                return Answered::fault(fault);
            }
        }
        todo.push((current.clone(), new.clone()));
    }
    for (current, new) in todo {
        let id = call.state.fresh("entry");
        if let Some(old) = call.state.registry.entry_mut(current.id()) {
            old.object.status = Some(DEPRECATED.to_owned());
        }
        let version = current.version + 1;
        // What is not visibility stays as it was, to the letter.
        let mut object = current.object.clone();
        object.id = id;
        object.status = Some(APPROVED.to_owned());
        object.version = Some(version.to_string());
        object
            .classifications
            .retain(|c| c.scheme != DE_CONFIDENTIALITY);
        object
            .classifications
            .extend(new.of(DE_CONFIDENTIALITY).cloned());
        call.state.registry.entries.push(Entry {
            object,
            version,
            ..current
        });
    }
    registry_response(&Outcome::default())
}

/// First metadata that differs, visibility and what the server sets left aside.
fn changed(old: &Object, new: &Object) -> Option<String> {
    let slots =
        |o: &Object| -> BTreeSet<(String, Vec<String>)> { o.slots.iter().cloned().collect() };
    if let Some((name, _)) = slots(old).symmetric_difference(&slots(new)).next() {
        return Some(name.clone());
    }
    // The date of CX.7 is ours: it may come back or not.
    let identifiers = |o: &Object| -> BTreeSet<(String, String)> {
        o.identifiers
            .iter()
            .map(|(scheme, value, _)| {
                let value = if scheme == DE_PATIENT {
                    value.splitn(6, '^').take(5).collect::<Vec<_>>().join("^")
                } else {
                    value.clone()
                };
                (scheme.clone(), value)
            })
            .collect()
    };
    if identifiers(old) != identifiers(new) {
        return Some("un identifiant".to_owned());
    }
    let coded = |o: &Object| -> BTreeSet<(String, String, String)> {
        o.classifications
            .iter()
            .filter(|c| c.scheme != DE_CONFIDENTIALITY)
            .map(|c| {
                let slots = format!("{:?}", c.slots);
                (c.scheme.clone(), c.code.clone(), slots)
            })
            .collect()
    };
    if coded(old) != coded(new) {
        return Some("une classification".to_owned());
    }
    (old.mime_type != new.mime_type || old.name != new.name).then(|| "mimeType ou titre".to_owned())
}

/// Rights that the change of visibility needs.
fn wanted(old: &Object, new: &Object) -> Result<Vec<Droit>, String> {
    let codes =
        |o: &Object| -> BTreeSet<String> { o.confidentiality().map(str::to_owned).collect() };
    let (before, after) = (codes(old), codes(new));
    let levels = after
        .iter()
        .filter(|c| matches!(c.as_str(), "N" | "R" | "V"))
        .count();
    if levels != 1 {
        return Err("un seul code N, R ou V est attendu".to_owned());
    }
    let mut wanted = Vec::new();
    for code in after.difference(&before) {
        match code.as_str() {
            MASQUE_PS => wanted.push(Droit::Masquer),
            other => return Err(format!("{other} ne s'ajoute pas")),
        }
    }
    for code in before.difference(&after) {
        match code.as_str() {
            MASQUE_PS => wanted.push(Droit::Demasquer),
            INVISIBLE_PATIENT | crate::names::INVISIBLE_RL => wanted.push(Droit::RendreVisible),
            other => return Err(format!("{other} ne se retire pas")),
        }
    }
    if wanted.is_empty() {
        return Err("la visibilité ne change pas".to_owned());
    }
    Ok(wanted)
}

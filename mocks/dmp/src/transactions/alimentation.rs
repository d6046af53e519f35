//! TD2.1: a lot of documents is taken whole, or refused whole (ITI-41). Replacement is a lot with an RPLC association.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use diapason_core::ins::Oid;
use diapason_core::{PersonaId, Sha256Hex};
use diapason_formats::signature::{Digest, digest_hex};
use diapason_formats::soap::Version;
use diapason_formats::xml::Tree;
use diapason_mock_common::http::Bytes;

use super::{Answered, Call, registry_response};
use crate::answer::ebrim::{Outcome, RegistryError};
use crate::behaviour::Policy;
use crate::names::{
    APPROVED, DE_AUTHOR, DE_CLASS, DE_CONFIDENTIALITY, DE_FACILITY, DE_FORMAT, DE_PATIENT,
    DE_PRACTICE, DE_TYPE, DE_TYPE_CODE, DE_UNIQUE, DEPRECATED, HAS_MEMBER, REPOSITORY, RIM, RPLC,
    SS_AUTHOR, SS_CONTENT_TYPE, SS_PATIENT, SS_SOURCE, SS_UNIQUE, SUBMISSION_SET, XFRM_RPLC,
};
use crate::pipeline::{person_of, same_person};
use crate::state::{Entry, Lot, Object};

/// Code of whatever is missing or ill-formed in what is submitted.
const METADATA: &str = "XDSRepositoryMetadataError";

/// Coded metadata that every entry has, and their names.
const CODED: [(&str, &str); 6] = [
    (DE_CLASS, "classCode"),
    (DE_TYPE_CODE, "typeCode"),
    (DE_FORMAT, "formatCode"),
    (DE_FACILITY, "healthcareFacilityTypeCode"),
    (DE_PRACTICE, "practiceSettingCode"),
    (DE_CONFIDENTIALITY, "confidentialityCode"),
];

/// A lot as submitted.
struct Submitted<'a> {
    packages: Vec<Object>,
    entries: Vec<Object>,
    associations: Vec<Object>,
    /// Content by symbolic id; an id may come twice.
    contents: Vec<(&'a str, Option<Bytes>)>,
}

/// Answers the submission.
pub(super) fn feed(call: &mut Call<'_>, persona: &PersonaId) -> Answered {
    let soap11 = call
        .message
        .envelope()
        .is_some_and(|e| e.version == Version::V11);
    if soap11 && call.behaviour.soap11_feeding == Policy::Reject {
        let text = "Une enveloppe SOAP 1.2 est attendue.";
        return Answered::fault(crate::answer::soap::Fault::sender("", text));
    }
    let submitted = read(call);
    let mut errors = Vec::new();
    structure(&submitted, &mut errors);
    contents(call, &submitted, &mut errors);
    metadata(call, &submitted, &mut errors);
    signature(call, &submitted, &mut errors);
    identifiers(call, &submitted, &mut errors);
    targets(call, persona, &submitted, &mut errors);
    if !errors.is_empty() {
        return registry_response(&Outcome::failed(errors));
    }
    let issued = store(call, persona, &submitted);
    let warning = call.twist.warning.as_ref().map(|context| RegistryError {
        warning: true,
        ..RegistryError::new("XDSExtraMetadataNotSaved", context)
    });
    Answered {
        issued,
        ..registry_response(&Outcome::failed(warning.into_iter().collect()))
    }
}

fn read<'a>(call: &Call<'a>) -> Submitted<'a> {
    let tree: &Tree = &call.message.tree;
    let mut submitted = Submitted {
        packages: Vec::new(),
        entries: Vec::new(),
        associations: Vec::new(),
        contents: Vec::new(),
    };
    let list = call.message.lot().and_then(|l| l.list);
    let mut kinds: Vec<(String, String)> = Vec::new();
    for node in list.into_iter().flat_map(|l| tree.child_elements(l)) {
        if tree.namespace(node) != RIM {
            continue;
        }
        match tree.local(node) {
            "RegistryPackage" => submitted.packages.push(Object::read(tree, node)),
            "ExtrinsicObject" => submitted.entries.push(Object::read(tree, node)),
            "Association" => submitted.associations.push(Object::read(tree, node)),
            // The kind of a package may stand beside it.
            "Classification" => {
                let of = |name| tree.attribute(node, name).unwrap_or_default().to_owned();
                kinds.push((of("classifiedObject"), of("classificationNode")));
            }
            _ => {}
        }
    }
    for package in &mut submitted.packages {
        for (_, kind) in kinds.iter().filter(|(id, _)| *id == package.id) {
            let has = package.of(kind).next().is_some();
            if !has {
                package.classifications.push(crate::state::Classification {
                    scheme: kind.clone(),
                    is_node: true,
                    ..Default::default()
                });
            }
        }
    }
    // Folders are not part of the profile.
    submitted
        .packages
        .retain(|p| p.of(SUBMISSION_SET).next().is_some());
    for attached in call.message.attached() {
        let bytes = attached.content.as_ref().map(|content| match content {
            Cow::Borrowed(part) => call.body.slice_ref(part),
            Cow::Owned(decoded) => Bytes::from(decoded.clone()),
        });
        submitted.contents.push((attached.id.as_str(), bytes));
    }
    submitted
}

fn refuse(errors: &mut Vec<RegistryError>, code: &str, context: impl Into<String>) {
    errors.push(RegistryError::new(code, context));
}

/// One lot, and every entry a member of it.
fn structure(submitted: &Submitted<'_>, errors: &mut Vec<RegistryError>) {
    if submitted.packages.len() != 1 {
        let count = submitted.packages.len();
        refuse(
            errors,
            METADATA,
            format!("un lot attendu, {count} présents"),
        );
        return;
    }
    if submitted.entries.is_empty() {
        refuse(errors, METADATA, "le lot ne contient aucun document");
    }
    let package = &submitted.packages[0];
    for entry in &submitted.entries {
        let member = submitted.associations.iter().any(|a| {
            a.association.0 == HAS_MEMBER
                && a.association.1 == package.id
                && a.association.2 == entry.id
        });
        if !member {
            let context = format!("{} n'est pas rattaché au lot par HasMember", entry.id);
            refuse(errors, METADATA, context);
        }
        if entry.kind != DE_TYPE {
            let context = format!("{} : objectType inattendu", entry.id);
            refuse(errors, METADATA, context);
        }
    }
}

/// Every entry has its document, every document its entry; hash and size are those of the bytes.
fn contents(call: &Call<'_>, submitted: &Submitted<'_>, errors: &mut Vec<RegistryError>) {
    for entry in &submitted.entries {
        let content = submitted.contents.iter().find(|(id, _)| *id == entry.id);
        let Some((_, Some(bytes))) = content else {
            refuse(errors, "XDSMissingDocument", &entry.id);
            continue;
        };
        if let Some(hash) = entry.first("hash")
            && !hash.eq_ignore_ascii_case(&sha1(bytes))
        {
            refuse(errors, METADATA, format!("{} : hash faux", entry.id));
        }
        if let Some(size) = entry.first("size")
            && size.parse() != Ok(bytes.len())
        {
            refuse(errors, METADATA, format!("{} : size faux", entry.id));
        }
    }
    for attached in call.message.attached() {
        if !submitted.entries.iter().any(|e| e.id == attached.id) {
            refuse(errors, "XDSMissingDocumentMetadata", &attached.id);
        }
        if attached.inline && call.behaviour.inline_document == Policy::Reject {
            let context = format!("{} : pièce jointe MTOM attendue", attached.id);
            refuse(errors, "XDSRepositoryError", context);
        }
    }
    let limit = call.behaviour.lot_limit;
    if limit > 0 && call.body.len() as u64 > limit {
        refuse(
            errors,
            "XDSRepositoryOutOfResources",
            format!("lot de plus de {limit} octets"),
        );
    }
}

/// Required metadata, and their form.
fn metadata(call: &Call<'_>, submitted: &Submitted<'_>, errors: &mut Vec<RegistryError>) {
    let Some(package) = submitted.packages.first() else {
        return;
    };
    let missing = |what: &str, id: &str| format!("{id} : {what} manque ou est mal formé");
    let time = |t: Option<&str>| t.is_some_and(is_time);
    let author = |object: &Object, scheme| {
        object
            .of(scheme)
            .any(|c| c.slot("authorPerson").iter().any(|p| !p.is_empty()))
    };
    let coded = |object: &Object, scheme| {
        object.of(scheme).next().is_some()
            && object
                .of(scheme)
                .all(|c| !c.code.is_empty() && !c.coding().is_empty())
    };
    let filled = |text: Option<&str>| text.is_some_and(|t| !t.is_empty());
    let unique = package.identifier(SS_UNIQUE);
    for (there, what) in [
        (time(package.first("submissionTime")), "submissionTime"),
        (author(package, SS_AUTHOR), "author"),
        (coded(package, SS_CONTENT_TYPE), "contentTypeCode"),
        (filled(package.identifier(SS_PATIENT)), "patientId"),
        (is_oid(package.identifier(SS_SOURCE)), "sourceId"),
        (is_oid(unique), "uniqueId"),
    ] {
        if !there {
            refuse(errors, METADATA, missing(what, &package.id));
        }
    }
    let resource = call.caller.ins.clone().unwrap_or_default();
    let patients = submitted
        .entries
        .iter()
        .map(|e| (e.id.as_str(), e.identifier(DE_PATIENT)))
        .chain([(package.id.as_str(), package.identifier(SS_PATIENT))]);
    for (id, patient) in patients {
        let Some(patient) = patient else { continue };
        if !person_of(patient).is_some_and(|p| same_person(&p, &resource)) {
            refuse(errors, "XDSPatientIdDoesNotMatch", id);
        }
    }
    for entry in &submitted.entries {
        for (scheme, name) in CODED {
            if !coded(entry, scheme) {
                refuse(errors, METADATA, missing(name, &entry.id));
            }
        }
        let mut required = vec![
            (!entry.mime_type.is_empty(), "mimeType"),
            (filled(entry.first("languageCode")), "languageCode"),
            (filled(entry.identifier(DE_PATIENT)), "patientId"),
            (is_oid(entry.identifier(DE_UNIQUE)), "uniqueId"),
        ];
        if !entry.is_signature() {
            required.extend([
                (time(entry.first("creationTime")), "creationTime"),
                (time(entry.first("serviceStartTime")), "serviceStartTime"),
                (author(entry, DE_AUTHOR), "author"),
                (
                    filled(entry.first("legalAuthenticator")),
                    "legalAuthenticator",
                ),
                (filled(entry.first("sourcePatientId")), "sourcePatientId"),
                (filled(entry.name.as_deref()), "title"),
            ]);
        }
        for (_, what) in required.into_iter().filter(|(there, _)| !there) {
            refuse(errors, METADATA, missing(what, &entry.id));
        }
        let levels = entry
            .confidentiality()
            .filter(|c| matches!(*c, "N" | "R" | "V"))
            .count();
        if levels != 1 && entry.confidentiality().next().is_some() {
            let what = "confidentialityCode (un seul code N, R ou V)";
            refuse(errors, METADATA, missing(what, &entry.id));
        }
    }
}

fn is_time(text: &str) -> bool {
    matches!(text.len(), 4 | 6 | 8 | 10 | 12 | 14) && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_oid(text: Option<&str>) -> bool {
    text.is_some_and(|t| t.len() <= 64 && t.parse::<Oid>().is_ok())
}

/// The signature of the lot is there, and holds when that is looked at.
fn signature(call: &Call<'_>, submitted: &Submitted<'_>, errors: &mut Vec<RegistryError>) {
    let Some(entry) = submitted.entries.iter().find(|e| e.is_signature()) else {
        if call.behaviour.missing_signature == Policy::Reject {
            refuse(errors, METADATA, "le lot n'est pas signé");
        }
        return;
    };
    if call.behaviour.bad_signature == Policy::Accept {
        return;
    }
    let content = submitted.contents.iter().find(|(id, _)| *id == entry.id);
    let Some((_, Some(bytes))) = content else {
        return;
    };
    let documents: Vec<(String, Bytes)> = submitted
        .entries
        .iter()
        .filter(|e| !e.is_signature())
        .filter_map(|e| {
            let (_, bytes) = submitted.contents.iter().find(|(id, _)| *id == e.id)?;
            Some((e.identifier(DE_UNIQUE)?.to_owned(), bytes.clone()?))
        })
        .collect();
    if let Some(problem) = crate::lot_signature::problem(bytes, &documents) {
        refuse(
            errors,
            "XDSRepositoryError",
            format!("signature du lot : {problem}"),
        );
    }
}

/// uniqueIds are new.
fn identifiers(call: &Call<'_>, submitted: &Submitted<'_>, errors: &mut Vec<RegistryError>) {
    let mut seen = BTreeSet::new();
    let lots = submitted.packages.iter().map(|p| p.identifier(SS_UNIQUE));
    let documents = submitted.entries.iter().map(|e| e.identifier(DE_UNIQUE));
    for unique in lots.chain(documents).flatten() {
        if !seen.insert(unique) {
            refuse(errors, "XDSRepositoryDuplicateUniqueIdInMessage", unique);
        }
    }
    let registry = &call.state.registry;
    // A lot sent again whole: told once, by its own uniqueId.
    for package in &submitted.packages {
        let unique = package.identifier(SS_UNIQUE).unwrap_or_default();
        if registry.has_lot(unique) && call.behaviour.duplicate == Policy::Reject {
            refuse(errors, "XDSDuplicateUniqueIdInRegistry", unique);
        }
    }
    for entry in &submitted.entries {
        let unique = entry.identifier(DE_UNIQUE).unwrap_or_default();
        let Some(known) = registry.document(unique) else {
            continue;
        };
        let content = submitted.contents.iter().find(|(id, _)| *id == entry.id);
        let same = content.is_some_and(|(_, b)| b.as_ref() == Some(&known.bytes));
        if !same {
            refuse(errors, "XDSNonIdenticalHash", unique);
        } else if call.behaviour.duplicate == Policy::Reject {
            refuse(errors, "XDSDuplicateUniqueIdInRegistry", unique);
        }
    }
}

/// What is replaced is known, in force, and of the same person.
fn targets(
    call: &Call<'_>,
    persona: &PersonaId,
    submitted: &Submitted<'_>,
    errors: &mut Vec<RegistryError>,
) {
    let local = |id: &str| {
        submitted.entries.iter().any(|e| e.id == id)
            || submitted.packages.iter().any(|p| p.id == id)
    };
    for association in &submitted.associations {
        let (kind, source, target) = &association.association;
        if !local(source) {
            refuse(errors, "UnresolvedReferenceException", source);
        }
        if local(target) {
            continue;
        }
        let known = call
            .state
            .registry
            .entry(target)
            .filter(|_| !call.twist.amnesia);
        let Some(known) = known else {
            refuse(errors, "UnresolvedReferenceException", target);
            continue;
        };
        let replaces = matches!(kind.as_str(), RPLC | XFRM_RPLC);
        if known.persona != *persona {
            refuse(errors, "XDSPatientIdDoesNotMatch", target);
        } else if replaces
            && !known.is_approved()
            && call.behaviour.deprecated_target == Policy::Reject
        {
            refuse(errors, "XDSRegistryDeprecatedDocumentError", target);
        }
    }
}

/// Registers the lot: ids, versions, status, hash and size are the server's.
fn store(
    call: &mut Call<'_>,
    persona: &PersonaId,
    submitted: &Submitted<'_>,
) -> BTreeMap<String, Sha256Hex> {
    let mut issued = BTreeMap::new();
    let mut ids: BTreeMap<&str, String> = BTreeMap::new();
    for object in submitted.packages.iter().chain(&submitted.entries) {
        ids.insert(&object.id, call.state.fresh("entry"));
    }
    let lot_id = submitted
        .packages
        .first()
        .and_then(|p| ids.get(p.id.as_str()).cloned())
        .unwrap_or_default();
    for package in &submitted.packages {
        let mut object = package.clone();
        object.id.clone_from(&lot_id);
        object.lid = Some(lot_id.clone());
        object.status = Some(APPROVED.to_owned());
        call.state.registry.lots.push(Lot {
            unique_id: package.identifier(SS_UNIQUE).unwrap_or_default().to_owned(),
            persona: persona.clone(),
            object,
        });
    }
    for entry in &submitted.entries {
        let content = submitted
            .contents
            .iter()
            .find(|(id, _)| *id == entry.id)
            .and_then(|(_, bytes)| bytes.clone());
        let Some(bytes) = content else { continue };
        let unique_id = entry.identifier(DE_UNIQUE).unwrap_or_default().to_owned();
        // The same content accepted again: the entry there is stays.
        if call.state.registry.document(&unique_id).is_some() {
            continue;
        }
        let id = ids[entry.id.as_str()].clone();
        let mut object = entry.clone();
        object.id.clone_from(&id);
        object.lid = Some(id.clone());
        object.status = Some(APPROVED.to_owned());
        object.version = Some("1".to_owned());
        object.set_slot("hash", &sha1(&bytes));
        object.set_slot("size", &bytes.len().to_string());
        object.set_slot("repositoryUniqueId", REPOSITORY);
        if !entry.is_signature() {
            issued.insert("entry_uuid".to_owned(), Sha256Hex::of(id.as_bytes()));
        }
        call.state.registry.entries.push(Entry {
            signature: entry.is_signature(),
            object,
            persona: persona.clone(),
            unique_id,
            version: 1,
            bytes,
            structure: call.caller.structure.clone(),
            actor: call.caller.actor.clone(),
            by_patient: false,
            at: call.now,
        });
    }
    for association in &submitted.associations {
        let (kind, source, target) = &association.association;
        let of = |id: &String| ids.get(id.as_str()).cloned().unwrap_or_else(|| id.clone());
        let (source, target) = (of(source), of(target));
        if matches!(kind.as_str(), RPLC | XFRM_RPLC)
            && let Some(old) = call.state.registry.entry_mut(&target)
        {
            old.object.status = Some(DEPRECATED.to_owned());
        }
        let mut object = association.clone();
        object.id = call.state.fresh("association");
        object.lid = None;
        object.status = Some(APPROVED.to_owned());
        object.association = (kind.clone(), source, target);
        call.state.registry.associations.push(object);
    }
    issued
}

/// SHA-1, 40 lower-case digits.
pub(crate) fn sha1(bytes: &[u8]) -> String {
    digest_hex(Digest::Sha1, bytes)
}

//! TD3.2: the documents themselves, byte for byte as they were submitted (ITI-43).

use diapason_core::PersonaId;
use diapason_formats::dmp::Operation;

use super::{Answered, Call, is_mt, refused_by_registry, sees};
use crate::answer::ebrim::{self, Outcome, RegistryError};
use crate::answer::mtom::Attachment;
use crate::answer::soap::Fault;
use crate::behaviour::Carrier;
use crate::names::{REPOSITORY, XDSB, XOP};
use crate::state::Entry;
use crate::xml::Xml;

/// A document that goes out.
#[derive(Debug, Clone)]
pub(crate) struct Delivered {
    pub(crate) unique_id: String,
    pub(crate) attachment: Attachment,
}

impl Delivered {
    fn of(entry: &Entry) -> Self {
        let uuid = entry.id().trim_start_matches("urn:uuid:");
        Self {
            unique_id: entry.unique_id.clone(),
            attachment: Attachment {
                content_id: format!("{uuid}-2@urn:ihe:iti:xds-b:2007"),
                mime_type: entry.object.mime_type.clone(),
                bytes: entry.bytes.clone(),
            },
        }
    }
}

/// Answers the retrieval.
pub(super) fn retrieve(call: &mut Call<'_>, persona: &PersonaId) -> Answered {
    let asked = call.message.retrieve().cloned();
    let Some(asked) = asked.filter(|a| !a.documents.is_empty()) else {
        return Answered::fault(Fault::sender(
            "MOCK_DMPSchema",
            "La demande ne nomme aucun document.",
        ));
    };
    let mt = is_mt(call, persona);
    let mut errors = Vec::new();
    let mut delivered = Vec::new();
    for document in &asked.documents {
        let repository = document.repository.as_ref().map(|r| r.value.as_str());
        let unique_id = document.unique_id.as_ref().map_or("", |u| u.value.as_str());
        if repository != Some(REPOSITORY) {
            let context = format!("Entrepôt inconnu : {}", repository.unwrap_or("absent"));
            errors.push(RegistryError::new("XDSUnknownRepositoryId", context));
            continue;
        }
        let entry = call
            .state
            .registry
            .document(unique_id)
            .filter(|e| e.persona == *persona && !e.signature && !call.twist.amnesia);
        match entry {
            None => errors.push(RegistryError::new("XDSDocumentUniqueIdError", unique_id)),
            Some(entry) if !sees(call, entry, mt) => {
                errors.push(RegistryError::new("MOCK_DMPAccessDenied", unique_id));
            }
            Some(entry) => delivered.push(Delivered::of(entry)),
        }
    }
    if call.twist.partial
        && let Some(last) = delivered.pop()
    {
        errors.push(RegistryError::new("XDSRepositoryError", last.unique_id));
        let outcome = Outcome {
            partial: true,
            errors,
        };
        return answered(&delivered, &outcome);
    }
    if delivered.is_empty()
        && call.behaviour.unknown_document == Carrier::Fault
        && let Some(error) = errors.first()
    {
        return Answered::fault(Fault::sender(
            &error.code,
            format!("Document introuvable : {}", error.context),
        ));
    }
    if delivered.is_empty() {
        return refused_by_registry(Operation::Consultation, errors);
    }
    let outcome = Outcome {
        partial: !errors.is_empty(),
        errors,
    };
    answered(&delivered, &outcome)
}

/// `RetrieveDocumentSetResponse` and its documents.
pub(crate) fn answered(delivered: &[Delivered], outcome: &Outcome) -> Answered {
    let mut out = Xml::new();
    out.open("ihe:RetrieveDocumentSetResponse", &[("xmlns:ihe", XDSB)]);
    ebrim::response(&mut out, outcome);
    for document in delivered {
        out.open("ihe:DocumentResponse", &[])
            .leaf("ihe:RepositoryUniqueId", REPOSITORY)
            .leaf("ihe:DocumentUniqueId", &document.unique_id)
            .leaf("ihe:mimeType", &document.attachment.mime_type)
            .open("ihe:Document", &[])
            .empty(
                "xop:Include",
                &[("xmlns:xop", XOP), ("href", &document.attachment.href())],
            )
            .close("ihe:Document")
            .close("ihe:DocumentResponse");
    }
    out.close("ihe:RetrieveDocumentSetResponse");
    Answered {
        attachments: delivered.iter().map(|d| d.attachment.clone()).collect(),
        ..Answered::body(out.done(), outcome.word())
    }
}

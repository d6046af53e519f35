//! Entries, lots and associations, and what may be looked up in them.

use diapason_core::{PersonaId, Timestamp};
use diapason_mock_common::http::Bytes;

use super::Object;
use crate::names::{APPROVED, ARCHIVED, DE_AUTHOR, DELETED, DEPRECATED};

/// A document in the DMP, one version of its metadata.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Metadata as given out: id is the entryUUID, what the server sets is in them.
    pub(crate) object: Object,
    pub(crate) persona: PersonaId,
    pub(crate) unique_id: String,
    pub(crate) version: u32,
    pub(crate) bytes: Bytes,
    pub(crate) signature: bool,
    /// Structure in whose name it was put there.
    pub(crate) structure: String,
    /// Who put it there.
    pub(crate) actor: String,
    /// Published by the person.
    pub(crate) by_patient: bool,
    pub(crate) at: Timestamp,
}

impl Entry {
    pub(crate) fn id(&self) -> &str {
        &self.object.id
    }

    pub(crate) fn status(&self) -> &str {
        self.object.status.as_deref().unwrap_or_default()
    }

    pub(crate) fn is_approved(&self) -> bool {
        self.status() == APPROVED
    }

    /// Is a new version of its metadata the one in force?
    pub(crate) fn is_deprecated(&self) -> bool {
        self.status() == DEPRECATED
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.status() == DELETED
    }

    pub(crate) fn is_archived(&self) -> bool {
        self.status() == ARCHIVED
    }

    /// Ids of its authors.
    pub(crate) fn authors(&self) -> impl Iterator<Item = &str> {
        self.object
            .of(DE_AUTHOR)
            .flat_map(|c| c.slot("authorPerson"))
            .map(|p| p.split('^').next().unwrap_or_default())
    }

    /// Structures of its authors, and the one that put it there.
    pub(crate) fn structures(&self) -> impl Iterator<Item = &str> {
        self.object
            .of(DE_AUTHOR)
            .flat_map(|c| c.slot("authorInstitution"))
            .map(|x| institution_id(x))
            .chain([self.structure.as_str()])
    }

    /// Is it of that actor?
    pub(crate) fn is_of(&self, actor: &str) -> bool {
        !actor.is_empty() && (self.actor == actor || self.authors().any(|a| a == actor))
    }
}

/// Identifier of an institution written as XON.
pub(crate) fn institution_id(xon: &str) -> &str {
    xon.split('^').nth(9).unwrap_or_default()
}

/// A lot of submission.
#[derive(Debug, Clone)]
pub(crate) struct Lot {
    pub(crate) object: Object,
    pub(crate) persona: PersonaId,
    pub(crate) unique_id: String,
}

/// All of them, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(crate) entries: Vec<Entry>,
    pub(crate) lots: Vec<Lot>,
    pub(crate) associations: Vec<Object>,
}

impl Registry {
    /// The entry of an entryUUID.
    pub(crate) fn entry(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.id() == id)
    }

    pub(crate) fn entry_mut(&mut self, id: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|e| e.object.id == id)
    }

    /// Latest version of a document.
    pub(crate) fn document(&self, unique_id: &str) -> Option<&Entry> {
        self.entries
            .iter()
            .filter(|e| e.unique_id == unique_id)
            .max_by_key(|e| e.version)
    }

    /// Is that uniqueId a lot's?
    pub(crate) fn has_lot(&self, unique_id: &str) -> bool {
        self.lots.iter().any(|l| l.unique_id == unique_id)
    }

    /// Forgets the documents of a person.
    pub(crate) fn empty(&mut self, persona: &PersonaId) {
        let gone: Vec<String> = self
            .entries
            .iter()
            .filter(|e| e.persona == *persona)
            .map(|e| e.object.id.clone())
            .chain(
                self.lots
                    .iter()
                    .filter(|l| l.persona == *persona)
                    .map(|l| l.object.id.clone()),
            )
            .collect();
        self.entries.retain(|e| e.persona != *persona);
        self.lots.retain(|l| l.persona != *persona);
        self.associations
            .retain(|a| !gone.contains(&a.association.1) && !gone.contains(&a.association.2));
    }

    /// Associations with an end at one of those ids.
    pub(crate) fn associations_of<'a>(
        &'a self,
        ids: &'a [String],
    ) -> impl Iterator<Item = &'a Object> {
        self.associations
            .iter()
            .filter(|a| ids.contains(&a.association.1) || ids.contains(&a.association.2))
    }
}

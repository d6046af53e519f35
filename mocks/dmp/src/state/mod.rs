//! What the DMP holds: one record a person, lots, entries with their bytes, associations, authorisations, accesses.

mod object;
mod registry;

use std::collections::{BTreeMap, BTreeSet};

use diapason_core::scenario::{DmpArm, DmpAutorisation, DmpStatut};
use diapason_core::{PersonaId, Sha256Hex, Timestamp};
use serde_json::Value;

pub(crate) use object::{Classification, Object};
pub(crate) use registry::{Entry, Lot, Registry};

use crate::answer::hl7::Closing;
use crate::people::People;

/// How long an authorisation lasts: six months.
const AUTORISATION_DAYS: i64 = 183;

/// An authorisation given through TD0.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) name: String,
    pub(crate) from: Timestamp,
    pub(crate) last_action: Timestamp,
    pub(crate) profession: String,
    pub(crate) medecin_traitant: bool,
}

impl Given {
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        now.millis_since(self.from) > AUTORISATION_DAYS * 86_400_000
    }
}

/// One access, as the person reads it in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) at: Timestamp,
    pub(crate) who: String,
    pub(crate) structure: String,
    pub(crate) what: String,
    /// Hidden from legal representatives (connexion secrète).
    pub(crate) secret: bool,
}

/// The DMP of a person, documents aside.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dossier {
    pub(crate) statut: DmpStatut,
    pub(crate) closing: Option<Closing>,
    /// Authorisation of any caller that has none of its own.
    pub(crate) autorisation: DmpAutorisation,
    pub(crate) not_attached: bool,
    /// Is any caller the médecin traitant?
    pub(crate) medecin_traitant: bool,
    /// Patch of the traits the DMP holds.
    pub(crate) traits: Option<Value>,
    /// By actor.
    pub(crate) given: BTreeMap<String, Given>,
    /// Actors that the person took back the right from.
    pub(crate) withdrawn: BTreeSet<String>,
    pub(crate) accesses: Vec<Access>,
}

impl Dossier {
    /// What an actor may: the person's own blocking first, then what was given or withdrawn, then the rest.
    pub(crate) fn authorisation(&self, actor: &str, now: Timestamp) -> DmpAutorisation {
        if self.autorisation == DmpAutorisation::Interdit {
            return DmpAutorisation::Interdit;
        }
        match self.given.get(actor) {
            Some(given) if given.is_over(now) => DmpAutorisation::Expire,
            Some(_) => DmpAutorisation::Valide,
            None if self.withdrawn.contains(actor) => DmpAutorisation::Inexistant,
            None => self.autorisation,
        }
    }

    pub(crate) fn is_medecin_traitant(&self, actor: &str) -> bool {
        self.medecin_traitant || self.given.get(actor).is_some_and(|g| g.medecin_traitant)
    }
}

/// Everything that changes during a run.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) people: People,
    dossiers: BTreeMap<PersonaId, Dossier>,
    pub(crate) registry: Registry,
    /// Ids handed out so far.
    counter: u64,
}

impl State {
    pub(crate) fn new(people: People) -> Self {
        Self {
            people,
            dossiers: BTreeMap::new(),
            registry: Registry::default(),
            counter: 0,
        }
    }

    pub(crate) fn reset(&mut self) {
        self.people.reset();
        self.dossiers.clear();
        self.registry = Registry::default();
        // The counter goes on: an entryUUID never comes back.
    }

    /// A fresh `urn:uuid:`.
    pub(crate) fn fresh(&mut self, kind: &str) -> String {
        self.counter += 1;
        uuid_of(&format!("{kind} {}", self.counter))
    }

    /// The person a matricule belongs to, and does that person have a DMP?
    pub(crate) fn persona_of(&self, matricule: &str, oid: &str) -> Option<PersonaId> {
        self.people.holder(matricule, oid).map(|p| p.id.clone())
    }

    /// The record of a person; one that nothing changed is open and attached to Mon espace santé.
    pub(crate) fn dossier(&self, persona: &PersonaId) -> Dossier {
        self.dossiers.get(persona).cloned().unwrap_or_default()
    }

    pub(crate) fn dossier_mut(&mut self, persona: &PersonaId) -> &mut Dossier {
        self.dossiers.entry(persona.clone()).or_default()
    }

    /// Records that differ from an untouched one, by person.
    pub(crate) fn dossiers(&self) -> impl Iterator<Item = (&PersonaId, &Dossier)> {
        self.dossiers.iter()
    }

    /// Is there a DMP to work on? `None` when there is none at all.
    pub(crate) fn statut(&self, persona: &PersonaId) -> Option<DmpStatut> {
        let with_ins = self.people.get(persona).is_some_and(|p| p.ins.is_some());
        let statut = self
            .dossiers
            .get(persona)
            .map(|d| d.statut)
            .unwrap_or_default();
        (with_ins && statut != DmpStatut::Absent).then_some(statut)
    }

    /// Gives every entry of a person another entryUUID and the next version, as if its metadata had been updated
    /// elsewhere. The logical id stays.
    pub(crate) fn renumber(&mut self, persona: &PersonaId) {
        let ids: Vec<String> = self
            .registry
            .entries
            .iter()
            .filter(|e| e.persona == *persona)
            .map(|e| e.object.id.clone())
            .collect();
        for old in ids {
            let new = self.fresh("entry");
            for association in &mut self.registry.associations {
                let (_, source, target) = &mut association.association;
                if *source == old {
                    source.clone_from(&new);
                }
                if *target == old {
                    target.clone_from(&new);
                }
            }
            if let Some(entry) = self.registry.entry_mut(&old) {
                entry.object.id = new;
                entry.version += 1;
                entry.object.version = Some(entry.version.to_string());
            }
        }
    }

    /// Takes the overrides of a scenario.
    pub(crate) fn arm(&mut self, arm: &DmpArm, now: Timestamp) -> Result<(), String> {
        let Some(person) = self.people.get(&arm.persona) else {
            return Err(format!(
                "no persona {}; see `diapason list personas`",
                arm.persona
            ));
        };
        if person.ins.is_none() {
            return Err(format!("{} has no INS, so no DMP", arm.persona));
        }
        if let Some(patch) = &arm.traits {
            let mut traits = serde_json::to_value(&person.traits).map_err(|e| e.to_string())?;
            diapason_mock_common::persona::merge(&mut traits, patch);
            serde_json::from_value::<diapason_core::ins::Traits>(traits)
                .map_err(|e| format!("traits: {e}"))?;
        }
        let dossier = self.dossier_mut(&arm.persona);
        if let Some(statut) = arm.statut {
            dossier.statut = statut;
            dossier.closing = (statut == DmpStatut::Ferme).then(|| Closing {
                at: now,
                motif: "FERMETURE_DEMANDE_PATIENT".to_owned(),
                text: "Fermeture demandée par le titulaire".to_owned(),
            });
        }
        if let Some(autorisation) = arm.autorisation {
            dossier.autorisation = autorisation;
            dossier.given.clear();
            dossier.withdrawn.clear();
        }
        if let Some(attached) = arm.rattache_mes {
            dossier.not_attached = !attached;
        }
        if let Some(medecin_traitant) = arm.medecin_traitant {
            dossier.medecin_traitant = medecin_traitant;
        }
        if arm.traits.is_some() {
            dossier.traits.clone_from(&arm.traits);
        }
        if arm.vide {
            self.registry.empty(&arm.persona);
        }
        Ok(())
    }
}

/// A `urn:uuid:` made from a text: the same text gives the same id, whatever the run.
pub(crate) fn uuid_of(text: &str) -> String {
    let hash = Sha256Hex::of(format!("diapason-dmp {text}").as_bytes());
    let h = hash.as_str();
    format!(
        "urn:uuid:{}-{}-4{}-8{}-{}",
        &h[..8],
        &h[8..12],
        &h[13..16],
        &h[17..20],
        &h[20..32]
    )
}

/// `yyyyMMddHHmmss`, UTC.
pub(crate) fn compact(at: Timestamp) -> String {
    let t = at.date_time();
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

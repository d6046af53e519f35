//! What the DUI writes down: persons, functional traces, worklist, settings, technical log.
//!
//! In memory; on disk too when a store file is configured, replaced as a whole after each change.

mod fichier;
mod reglages;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use diapason_core::Timestamp;
use diapason_core::driver::{Trace, TravailEntry};
use serde_json::Value;

pub use reglages::{Droit, ROLE_PAR_DEFAUT, Reglages};

use crate::dmp::DossierDmp;
use crate::document::DocumentTenu;
use crate::identite::{Proposition, Usager};
use crate::serveur::DuiError;

/// Longest technical log kept, in lines.
const JOURNAL_MAX: usize = 5_000;

/// Everything the DUI writes down.
#[derive(Debug, Default)]
pub struct Dossiers {
    /// Persons by id.
    pub usagers: BTreeMap<String, Usager>,
    /// Functional traces, oldest first.
    pub traces: Vec<Trace>,
    /// Worklist.
    pub travail: Vec<TravailEntry>,
    /// Documents produced, oldest first.
    pub documents: Vec<DocumentTenu>,
    /// What concerns the DMP: queue, persons' DMP and choices, what was read.
    pub dmp: DossierDmp,
    /// Settings.
    pub reglages: Reglages,
    /// Where the mutant `shared-proposal` keeps what should be kept per person.
    pub proposition_commune: Option<Proposition>,
    journal: Vec<String>,
    dernier: u32,
    path: Option<PathBuf>,
}

impl Dossiers {
    /// Opens the store; a file that does not exist yet is an empty store.
    pub fn open(path: Option<&Path>) -> Result<Self, DuiError> {
        let mut dossiers = match path {
            Some(path) => fichier::read(path)?,
            None => Self::default(),
        };
        dossiers.path = path.map(Path::to_path_buf);
        Ok(dossiers)
    }

    /// Writes the store file, if there is one.
    pub fn save(&self) -> Result<(), DuiError> {
        match &self.path {
            Some(path) => fichier::write(path, self),
            None => Ok(()),
        }
    }

    /// Starts again from what is on disk; the technical log goes on. Without a store nothing is left.
    pub fn rouvrir(&mut self) -> Result<(), DuiError> {
        let journal = std::mem::take(&mut self.journal);
        let path = self.path.take();
        let rouvert = Self::open(path.as_deref());
        self.path = path;
        self.journal = journal;
        let rouvert = rouvert?;
        *self = Self {
            path: self.path.take(),
            journal: std::mem::take(&mut self.journal),
            ..rouvert
        };
        Ok(())
    }

    /// Forgets everything but where the file is.
    pub fn clear(&mut self) {
        *self = Self {
            path: self.path.take(),
            ..Self::default()
        };
    }

    /// A fresh id.
    pub fn nouvel_id(&mut self) -> String {
        self.dernier += 1;
        format!("usager-{:04}", self.dernier)
    }

    /// Adds a line to the technical log.
    pub fn log(&mut self, at: Timestamp, line: &str) {
        if self.journal.len() >= JOURNAL_MAX {
            self.journal.remove(0);
        }
        self.journal.push(format!("{at} {line}"));
    }

    /// The technical log as text.
    pub fn journal(&self) -> String {
        self.journal.join("\n")
    }

    /// Adds a functional trace.
    pub fn tracer(
        &mut self,
        at: Timestamp,
        auteur: &str,
        nature: &str,
        usager: &str,
        details: BTreeMap<String, Value>,
    ) {
        self.traces.push(Trace {
            date: at,
            auteur: auteur.to_owned(),
            nature: nature.to_owned(),
            usager: Some(usager.to_owned()),
            mode: None,
            code: None,
            details,
        });
    }

    /// Adds a line to the worklist.
    pub fn ajouter_travail(&mut self, at: Timestamp, usager: Option<&str>, motif: &str) {
        self.travail.push(TravailEntry {
            usager: usager.map(str::to_owned),
            motif: motif.to_owned(),
            date: at,
        });
    }
}

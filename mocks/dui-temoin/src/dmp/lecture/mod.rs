//! Consulting the DMP: what a professional sees of it, what he keeps of it.
//!
//! Only with Pro Santé Connect (authentification indirecte renforcée) and the person's consent. Documents kept from the
//! DMP live here, apart from those of this product: nothing that feeds the DMP ever looks at them.

mod affichage;
pub mod appels;
mod consultation;
mod dates;
mod entree;
mod requetes;
mod web;

use std::collections::{BTreeMap, BTreeSet};

use diapason_core::Timestamp;
use diapason_core::driver::{DmpEntree, DmpListe};
use serde::{Deserialize, Serialize};

pub use affichage::{Affichage, afficher};
pub(in crate::dmp) use consultation::refermer;
pub use consultation::{Import, Recu, examiner, lire as documents_recus};
pub use dates::{jour_utc, locale};
pub use entree::{Entree, Etat, associations, ids_de_lots, lire as entrees};
pub use requetes::{
    Criteres, LOT, a_recuperer, associations_de, autorisation, documents, lots, recherche,
};
pub use web::{adresse, navigateur};

/// What was read in the DMP of each person.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lectures {
    personnes: BTreeMap<String, Lecture>,
}

/// What was read in the DMP of one person.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lecture {
    /// What the last search listed.
    pub entrees: Vec<Entree>,
    /// uniqueIds ever listed.
    pub vus: BTreeSet<String>,
    /// When the last search was made.
    pub visite: Option<Timestamp>,
    /// Documents kept, oldest first.
    pub imports: Vec<Import>,
}

impl Lectures {
    /// What was read about that person.
    pub fn de(&self, usager: &str) -> Option<&Lecture> {
        self.personnes.get(usager)
    }

    /// What was read about that person, to change.
    pub fn de_mut(&mut self, usager: &str) -> &mut Lecture {
        self.personnes.entry(usager.to_owned()).or_default()
    }
}

impl Lecture {
    /// A document kept.
    pub fn import(&self, unique_id: &str) -> Option<&Import> {
        self.imports.iter().find(|i| i.unique_id == unique_id)
    }

    /// Takes in what a search listed; how many were never seen before in this record.
    pub fn lister(&mut self, entrees: Vec<Entree>, now: Timestamp, tous: bool) -> u32 {
        let jamais = |e: &&Entree| tous || !self.vus.contains(&e.unique_id);
        let nouveaux = entrees.iter().filter(jamais).count();
        self.visite = Some(now);
        self.vus.extend(entrees.iter().map(|e| e.unique_id.clone()));
        self.entrees = entrees;
        u32::try_from(nouveaux).unwrap_or(u32::MAX)
    }

    /// Marks the kept documents that have a newer version or were withdrawn; their titles.
    pub fn suivre(&mut self, entrees: &[Entree], remplaces: &BTreeSet<String>) -> Vec<String> {
        let mut touches = Vec::new();
        for import in &mut self.imports {
            let Some(entree) = entrees.iter().find(|e| e.unique_id == import.unique_id) else {
                continue;
            };
            let etat = if remplaces.contains(&entree.entry_uuid) {
                Etat::Remplace
            } else {
                entree.etat
            };
            if etat != import.etat && etat != Etat::Actif {
                touches.push(import.titre.clone());
            }
            import.etat = etat;
        }
        touches
    }

    /// What is known, as the driver reads it: the last list, then the kept documents it does not hold.
    pub fn liste(&self, ici: &BTreeSet<&str>, utc: bool) -> DmpListe {
        let view = |e: &Entree| DmpEntree {
            unique_id: e.unique_id.clone(),
            r#type: e.r#type.clone(),
            titre: e.titre.clone(),
            date: if utc {
                e.date_acte.clone()
            } else {
                locale(&e.date_acte)
            },
            auteur: e.auteur.clone(),
            etat: e.etat.as_str().to_owned(),
            du_patient: e.du_patient(),
            integre: self.import(&e.unique_id).is_some(),
            produit_ici: ici.contains(e.unique_id.as_str()),
        };
        let mut documents: Vec<DmpEntree> = self.entrees.iter().map(view).collect();
        for import in &self.imports {
            match documents
                .iter_mut()
                .find(|d| d.unique_id == import.unique_id)
            {
                // A list of current documents does not say that this one was replaced; the follow-up does.
                Some(connu) => import.etat.as_str().clone_into(&mut connu.etat),
                None => documents.push(import.view(utc)),
            }
        }
        DmpListe {
            documents,
            nouveaux: None,
            alerte: None,
        }
    }
}

#[cfg(test)]
mod tests;

//! What the DUI keeps about the DMP: the way of each document, what is known of each person's DMP, what she said.
//!
//! All of it is in the store: the queue outlives the process.

use std::collections::BTreeMap;

use diapason_core::Timestamp;
use diapason_core::driver::{DmpChoix, DmpEnvoi, DocumentCreate};
use serde::{Deserialize, Serialize};

use super::acteur::Acteur;
use super::existence::Existence;
use super::lecture::Lectures;
use crate::document::DocumentTenu;

/// Where a document stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Etat {
    /// Not validated.
    Brouillon,
    /// Will be sent.
    EnAttente,
    /// The DMP has it.
    Envoye,
    /// The DMP refused it: nothing is tried again by itself.
    Refuse,
    /// Something here or there forbids it for now.
    Bloque,
    /// The DMP has a newer version.
    Remplace,
    /// Removed from the DMP.
    Supprime,
    /// Not meant for the DMP.
    NonEnvoye,
}

impl Etat {
    /// Word of the driver contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Brouillon => "brouillon",
            Self::EnAttente => "en_attente",
            Self::Envoye => "envoye",
            Self::Refuse => "refuse",
            Self::Bloque => "bloque",
            Self::Remplace => "remplace",
            Self::Supprime => "supprime",
            Self::NonEnvoye => "non_envoye",
        }
    }

    /// Has the DMP accepted it, whatever became of it?
    pub fn accepte(self) -> bool {
        matches!(self, Self::Envoye | Self::Remplace | Self::Supprime)
    }
}

/// Why a document does not leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Motif {
    /// Its author chose so.
    Choix,
    /// The product did not feed the DMP when it was validated.
    Raccordement,
    /// The identity is not qualified.
    Identite,
    /// The person opposes.
    Opposition,
    /// There is no DMP.
    SansDmp,
    /// The DMP is closed.
    Ferme,
    /// Withdrawn by a user before it left.
    Retire,
}

impl Motif {
    /// What the user reads.
    pub fn message(self) -> &'static str {
        match self {
            Self::Choix => "Son auteur a choisi de ne pas l'envoyer au DMP.",
            Self::Raccordement => {
                "Validé alors que l'alimentation du DMP n'était pas en service : l'envoi de l'historique le prendra."
            }
            Self::Identite => {
                "L'identité de la personne n'est pas qualifiée : le document partira quand elle le sera."
            }
            Self::Opposition => "La personne s'oppose à l'alimentation de son DMP.",
            Self::SansDmp => "Cette personne n'a pas de DMP : le document reste dans le dossier.",
            Self::Ferme => {
                "Le DMP de cette personne est fermé : le document reste dans le dossier."
            }
            Self::Retire => "Retiré avant son envoi.",
        }
    }

    /// Code shown beside it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Choix => "choix",
            Self::Raccordement => "raccordement",
            Self::Identite => "identite",
            Self::Opposition => "opposition",
            Self::SansDmp => "nf",
            Self::Ferme => "ferme",
            Self::Retire => "retire",
        }
    }
}

/// A document and its way to the DMP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envoi {
    /// Document.
    pub document: String,
    /// Person.
    pub usager: String,
    /// Where it stands.
    pub etat: Etat,
    /// Why it does not leave.
    pub motif: Option<Motif>,
    /// What the user reads.
    pub message: Option<String>,
    /// Code of the last answer.
    pub code: Option<String>,
    /// Attempts made.
    pub tentatives: u32,
    /// Not before.
    pub prochaine: Option<Timestamp>,
    /// When the DMP accepted it.
    pub date: Option<Timestamp>,
    /// uniqueId of the lot: the same at every attempt.
    pub lot: Option<String>,
    /// uniqueId of its signature.
    pub signature: Option<String>,
    /// When it was signed: the same signature, byte for byte, goes with every attempt.
    #[serde(default)]
    pub signe_le: Option<Timestamp>,
    /// entryUUID, once known.
    pub entree: Option<String>,
    /// May an earlier attempt have been stored although its answer is not known?
    pub incertain: bool,
    /// Refused for what is around it (certificate, rights): a user may ask for another attempt as it is.
    #[serde(default)]
    pub manuelle: bool,
    /// Who validated it.
    pub acteur: Acteur,
    /// What its author chose.
    pub choix: DmpChoixTenu,
    /// Version it replaces.
    pub remplace: Option<String>,
}

/// [`DmpChoix`], kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DmpChoixTenu {
    ne_pas_envoyer: bool,
    masque_ps: bool,
    invisible_patient: bool,
    invisible_representants: bool,
    connexion_secrete: bool,
}

impl From<&DmpChoix> for DmpChoixTenu {
    fn from(c: &DmpChoix) -> Self {
        Self {
            ne_pas_envoyer: c.ne_pas_envoyer,
            masque_ps: c.masque_ps,
            invisible_patient: c.invisible_patient,
            invisible_representants: c.invisible_representants,
            connexion_secrete: c.connexion_secrete,
        }
    }
}

impl From<&DmpChoixTenu> for DmpChoix {
    fn from(c: &DmpChoixTenu) -> Self {
        Self {
            ne_pas_envoyer: c.ne_pas_envoyer,
            masque_ps: c.masque_ps,
            invisible_patient: c.invisible_patient,
            invisible_representants: c.invisible_representants,
            connexion_secrete: c.connexion_secrete,
        }
    }
}

impl Envoi {
    /// Of a document that was just produced.
    pub fn nouveau(tenu: &DocumentTenu, acteur: Acteur, choix: &DmpChoix, etat: Etat) -> Self {
        Self {
            document: tenu.id.clone(),
            usager: tenu.usager.clone(),
            etat,
            motif: None,
            message: None,
            code: None,
            tentatives: 0,
            prochaine: None,
            date: None,
            lot: None,
            signature: None,
            signe_le: None,
            entree: None,
            incertain: false,
            manuelle: false,
            acteur,
            choix: choix.into(),
            remplace: tenu.remplace.clone(),
        }
    }

    /// Does not leave, for that reason.
    pub fn retenir(&mut self, etat: Etat, motif: Motif) {
        self.etat = etat;
        self.motif = Some(motif);
        self.message = Some(motif.message().to_owned());
        self.code = Some(motif.code().to_owned());
        self.prochaine = None;
    }

    /// Goes (back) into the queue, due now.
    pub fn mettre_en_attente(&mut self) {
        self.etat = Etat::EnAttente;
        self.motif = None;
        self.message = None;
        self.code = None;
        self.prochaine = None;
    }

    /// As the driver reads it.
    pub fn view(&self) -> DmpEnvoi {
        DmpEnvoi {
            document: self.document.clone(),
            usager: self.usager.clone(),
            etat: self.etat.as_str().to_owned(),
            message: self.message.clone(),
            code: self.code.clone(),
            tentatives: self.tentatives,
            date: self.date,
            lot: self.lot.clone(),
            entree: self.entree.clone(),
        }
    }
}

/// What a person said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consentement {
    /// Opposes the feeding of the DMP.
    pub opposition_alimentation: bool,
    /// Consents to its consultation: not asked yet, no, yes.
    pub consultation: Option<bool>,
}

/// Everything kept about the DMP.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DossierDmp {
    /// Documents and their way, oldest first.
    pub envois: Vec<Envoi>,
    /// What TD0.2 said last, by person.
    pub existences: BTreeMap<String, Existence>,
    /// What persons said, by person.
    pub consentements: BTreeMap<String, Consentement>,
    /// Drafts: what their author typed, by document.
    pub brouillons: BTreeMap<String, DocumentCreate>,
    /// What authors typed, by document, until the DMP has it.
    pub formes: BTreeMap<String, DocumentCreate>,
    /// Nobody answers at the DMP: nothing is tried before.
    pub panne: Option<Timestamp>,
    /// What was read in the DMP.
    pub lectures: Lectures,
}

impl DossierDmp {
    /// The way of a document.
    pub fn envoi(&self, document: &str) -> Option<&Envoi> {
        self.envois.iter().find(|e| e.document == document)
    }

    /// The way of a document, to change.
    pub fn envoi_mut(&mut self, document: &str) -> Option<&mut Envoi> {
        self.envois.iter_mut().find(|e| e.document == document)
    }

    /// What that person said.
    pub fn consentement(&self, usager: &str) -> Consentement {
        self.consentements.get(usager).copied().unwrap_or_default()
    }

    /// A document of an origin other than this product must never be fed back: only what has an `Envoi` is ours.
    pub fn produit_ici(&self, document: &str) -> bool {
        self.envoi(document).is_some()
    }
}

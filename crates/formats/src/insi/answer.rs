//! What INSi answers: RESULTAT, fault, outcome of a verification.
//!
//! Everything is text: the bench must be able to write, and to read, what the contract forbids.

use diapason_core::persona::{Ins, Person};

/// TIQ: the strict traits returned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tiq {
    /// NomNaissance.
    pub nom_naissance: Option<String>,
    /// Prenom.
    pub prenom: Option<String>,
    /// ListePrenom.
    pub liste_prenom: Option<String>,
    /// Sexe.
    pub sexe: Option<String>,
    /// DateNaissance.
    pub date_naissance: Option<String>,
    /// LieuNaissance.
    pub lieu_naissance: Option<String>,
}

/// A matricule returned, active or former.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InsRendu {
    /// NumIdentifiant.
    pub numero: String,
    /// Cle.
    pub cle: Option<String>,
    /// TypeMatricule.
    pub type_matricule: Option<String>,
    /// OID.
    pub oid: String,
    /// DateDeb.
    pub date_deb: Option<String>,
    /// DateFin.
    pub date_fin: Option<String>,
}

impl From<&Ins> for InsRendu {
    fn from(ins: &Ins) -> Self {
        Self {
            numero: ins.matricule.number().to_owned(),
            cle: Some(ins.matricule.key().to_owned()),
            type_matricule: None,
            oid: ins.oid.to_string(),
            date_deb: ins.debut.as_ref().map(ToString::to_string),
            date_fin: ins.fin.as_ref().map(ToString::to_string),
        }
    }
}

/// INDIVIDU.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Individu {
    /// INSACTIF.
    pub actif: InsRendu,
    /// INSHISTO.
    pub historique: Vec<InsRendu>,
    /// TIQ.
    pub tiq: Tiq,
}

impl Individu {
    /// A person as the service usually returns her: ListePrenom without Prenom, TypeMatricule on the history only.
    /// `None` for a person without INS.
    pub fn of(person: &Person) -> Option<Self> {
        let ins = person.ins.as_ref()?;
        let former = |ins: &Ins| InsRendu {
            type_matricule: Some("NIR".to_owned()),
            ..InsRendu::from(ins)
        };
        Some(Self {
            actif: InsRendu::from(ins),
            historique: person.historique.iter().map(former).collect(),
            tiq: Tiq {
                nom_naissance: Some(person.traits.nom_naissance.clone()),
                prenom: None,
                liste_prenom: Some(person.traits.prenoms.join(" ")),
                sexe: Some(person.traits.sexe.as_str().to_owned()),
                date_naissance: Some(person.traits.date_naissance.to_string()),
                lieu_naissance: person
                    .traits
                    .lieu_naissance
                    .as_ref()
                    .map(ToString::to_string),
            },
        })
    }
}

/// RESULTAT, or the outcome of a verification.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// CodeCR; `None` writes no CR at all.
    pub code: Option<String>,
    /// LibelleCR.
    pub libelle: String,
    /// INDIVIDU.
    pub individu: Option<Individu>,
}

impl Answer {
    /// CR 00 with that person.
    pub fn found(individu: Individu) -> Self {
        Self {
            code: Some("00".to_owned()),
            libelle: "OK".to_owned(),
            individu: Some(individu),
        }
    }

    /// CR 01.
    pub fn nobody() -> Self {
        Self {
            code: Some("01".to_owned()),
            libelle: "Aucune identite trouvee".to_owned(),
            individu: None,
        }
    }

    /// CR 02.
    pub fn several() -> Self {
        Self {
            code: Some("02".to_owned()),
            libelle: "Plusieurs identites trouvees".to_owned(),
            individu: None,
        }
    }
}

/// `{urn:siram}Erreur`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erreur {
    /// `insi_102`, `desir_550`...
    pub code: String,
    /// `fatal`, `fatale`, `erreur`...
    pub severite: String,
    /// MessageID of the request, when echoed.
    pub message_id: Option<String>,
    /// Text.
    pub text: String,
}

/// The two ways faults are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Application: prefix `S`.
    A,
    /// Access front end: prefix `soap`.
    B,
    /// SOAP 1.1, as a server that mistook the version would.
    Soap11,
}

/// A SOAP fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoapFault {
    /// How it is written.
    pub family: Family,
    /// Code: `Sender`, `Receiver`, `VersionMismatch`...
    pub code: String,
    /// Subcode: `siram_40`...
    pub subcode: Option<String>,
    /// Language of the reason.
    pub lang: String,
    /// Reason.
    pub reason: String,
    /// Detail.
    pub erreur: Option<Erreur>,
}

/// Any answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// RESULTAT of a search.
    Resultat(Answer),
    /// Outcome of a verification (provisional contract).
    Verification(Answer),
    /// Fault.
    Fault(SoapFault),
}

impl Message {
    /// The outcome in one word: CodeCR, code of the error, or what is missing.
    pub fn word(&self) -> String {
        match self {
            Self::Resultat(a) | Self::Verification(a) => {
                a.code.clone().unwrap_or_else(|| "no_cr".to_owned())
            }
            Self::Fault(f) => f
                .erreur
                .as_ref()
                .map(|e| e.code.clone())
                .or_else(|| f.subcode.clone())
                .unwrap_or_else(|| f.code.clone()),
        }
    }
}

//! What went wrong in a call to the DMP: nothing came back, a SOAP fault, an acknowledgement or registry errors.
//!
//! Every case has a code for traces, a sentence for the user, and says whether trying again later makes sense.

use crate::http::Rupture;

/// An error of the registry or of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErreurRegistre {
    /// Code (`XDSDuplicateUniqueIdInRegistry`...), without prefix.
    pub code: String,
    /// What the DMP says of it.
    pub contexte: String,
    /// Is it a mere warning?
    pub avertissement: bool,
}

/// Why a call brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Echec {
    /// The DMP is not configured: no call was made.
    NonConfigure,
    /// The DUI could not make its own request (a key that does not sign, text that XML cannot hold).
    Interne(String),
    /// The connection broke off.
    Reseau(Rupture),
    /// An HTTP status without an answer of the service.
    Http(u16),
    /// A SOAP fault.
    Faute {
        /// `Sender`: the same request will be refused again.
        expediteur: bool,
        /// Subcode, without prefix; the code when there is none.
        code: String,
        /// Reason, as the DMP gives it.
        texte: String,
        /// Is the clock of the DMP far from ours?
        horloge: bool,
    },
    /// An HL7 V3 acknowledgement other than AA.
    Accuse {
        /// Code of its detail.
        code: String,
        /// Text of its detail.
        texte: String,
    },
    /// `Failure` of the registry or of the repository.
    Registre(Vec<ErreurRegistre>),
    /// An answer to another request, or of another transaction.
    Incoherente(&'static str),
    /// The answer is not one of the service.
    Illisible(&'static str),
    /// The answer is larger than what the DUI reads.
    TropGrande,
}

/// Registry errors that say « later ».
const PLUS_TARD: [&str; 6] = [
    "XDSRepositoryBusy",
    "XDSRegistryBusy",
    "XDSRegistryNotAvailable",
    "XDSRepositoryOutOfResources",
    "XDSRegistryOutOfResources",
    "XDSRepositoryError",
];

impl Echec {
    /// Code for traces and for the list of what was sent.
    pub fn code(&self) -> String {
        match self {
            Self::NonConfigure => "non_configure".to_owned(),
            Self::Interne(_) => "interne".to_owned(),
            Self::Reseau(Rupture::Delai) => "timeout".to_owned(),
            Self::Reseau(Rupture::Tls) => "tls".to_owned(),
            Self::Reseau(Rupture::Connexion) => "connexion".to_owned(),
            Self::Reseau(Rupture::Coupure) => "coupure".to_owned(),
            Self::Http(status) => format!("http_{status}"),
            Self::Faute { code, .. } | Self::Accuse { code, .. } => code.clone(),
            Self::Registre(erreurs) => {
                Self::premiere(erreurs).map_or_else(|| "Failure".to_owned(), |e| e.code.clone())
            }
            Self::Incoherente(_) => "reponse_incoherente".to_owned(),
            Self::Illisible(_) => "reponse_illisible".to_owned(),
            Self::TropGrande => "reponse_trop_grande".to_owned(),
        }
    }

    fn premiere(erreurs: &[ErreurRegistre]) -> Option<&ErreurRegistre> {
        erreurs
            .iter()
            .find(|e| !e.avertissement)
            .or_else(|| erreurs.first())
    }

    /// What the user reads: never a stack of technical words alone, always the code that support will ask for.
    pub fn message(&self) -> String {
        match self {
            Self::NonConfigure => "Le DMP n'est pas configuré pour votre structure.".to_owned(),
            Self::Interne(_) => {
                "Le logiciel n'a pas pu préparer l'envoi au DMP. Prévenez votre éditeur.".to_owned()
            }
            Self::Reseau(Rupture::Delai) => "Le DMP n'a pas répondu à temps.".to_owned(),
            Self::Reseau(Rupture::Tls) => {
                "La connexion sécurisée avec le DMP n'a pas pu être établie (certificat refusé). Prévenez votre service informatique."
                    .to_owned()
            }
            Self::Reseau(Rupture::Connexion | Rupture::Coupure) => {
                "Le DMP est injoignable.".to_owned()
            }
            Self::Http(status) => {
                format!("Le DMP est momentanément indisponible (erreur {status}).")
            }
            Self::Faute {
                code,
                texte,
                horloge,
                ..
            } => {
                let mut dit = format!("Le DMP a refusé la demande : {texte} ({code}).");
                if *horloge {
                    dit.push_str(
                        " L'horloge de votre poste n'est pas à l'heure : faites-la synchroniser.",
                    );
                }
                dit
            }
            Self::Accuse { code, texte } => {
                format!("Le DMP a refusé la demande : {texte} ({code}).")
            }
            Self::Registre(erreurs) => match Self::premiere(erreurs) {
                Some(e) if !e.contexte.is_empty() => {
                    format!("Le DMP a refusé la demande : {} ({}).", e.contexte, e.code)
                }
                Some(e) => format!("Le DMP a refusé la demande ({}).", e.code),
                None => "Le DMP a refusé la demande sans dire pourquoi.".to_owned(),
            },
            Self::Incoherente(_) | Self::Illisible(_) | Self::TropGrande => {
                "La réponse du DMP n'est pas exploitable : elle n'a pas été prise en compte."
                    .to_owned()
            }
        }
    }

    /// May the same request be accepted later, without any change?
    pub fn a_reprendre(&self) -> bool {
        match self {
            Self::Reseau(_) | Self::Incoherente(_) | Self::Illisible(_) | Self::TropGrande => true,
            Self::Http(status) => *status >= 500 || *status == 408 || *status == 429,
            Self::Faute { expediteur, .. } => !expediteur,
            Self::Registre(erreurs) => erreurs
                .iter()
                .any(|e| !e.avertissement && PLUS_TARD.contains(&e.code.as_str())),
            Self::NonConfigure | Self::Interne(_) | Self::Accuse { .. } => false,
        }
    }

    /// May the DMP have done what was asked although its answer did not come?
    pub fn reponse_perdue(&self) -> bool {
        matches!(
            self,
            Self::Reseau(Rupture::Delai | Rupture::Coupure)
                | Self::Http(500..)
                | Self::Incoherente(_)
                | Self::Illisible(_)
                | Self::TropGrande
        )
    }

    /// Does the registry give this error?
    pub fn est(&self, code: &str) -> bool {
        match self {
            Self::Registre(erreurs) => erreurs.iter().any(|e| e.code == code),
            Self::Faute { code: lu, .. } => lu == code,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registre(code: &str) -> Echec {
        Echec::Registre(vec![ErreurRegistre {
            code: code.to_owned(),
            contexte: "contexte".to_owned(),
            avertissement: false,
        }])
    }

    #[test]
    fn what_may_pass_later_is_told_from_what_will_not() {
        let faute = |expediteur| Echec::Faute {
            expediteur,
            code: "DMPInvalidCertificate".to_owned(),
            texte: "Certificat non reconnu".to_owned(),
            horloge: false,
        };
        for later in [
            Echec::Reseau(Rupture::Delai),
            Echec::Http(503),
            faute(false),
            registre("XDSRegistryBusy"),
        ] {
            assert!(later.a_reprendre(), "{later:?}");
        }
        for never in [
            Echec::Http(403),
            faute(true),
            registre("XDSRepositoryMetadataError"),
            Echec::NonConfigure,
        ] {
            assert!(!never.a_reprendre(), "{never:?}");
        }
        assert!(Echec::Reseau(Rupture::Delai).reponse_perdue());
        assert!(!Echec::Reseau(Rupture::Connexion).reponse_perdue());
        assert!(!registre("XDSRegistryBusy").reponse_perdue());
    }

    #[test]
    fn the_code_and_the_text_of_the_dmp_are_shown() {
        let message = registre("XDSUnknownPatientId").message();
        assert!(message.contains("XDSUnknownPatientId") && message.contains("contexte"));
        assert!(registre("XDSUnknownPatientId").est("XDSUnknownPatientId"));
        assert_eq!(Echec::Http(503).code(), "http_503");
    }
}

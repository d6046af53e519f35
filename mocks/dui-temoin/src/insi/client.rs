//! One call to INSi: mutual TLS, trust in the given authorities only, time-out, size cap, no redirect.
//!
//! A call never fails with an error: whatever happens is an [`Issue`], so that it can be traced.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use diapason_core::product::InsiMode;
use diapason_core::{Clock, Timestamp};
use reqwest::header::CONTENT_TYPE;
use uuid::Uuid;

use super::reponse::{Compte, Individu, lire};
use super::requete::{Corps, Ids, Logiciel, ecrire};
use super::{confiance, defauts};
use crate::config::InsiSettings;
use crate::http::{Rupture, TlsClient};
use crate::mutants::Mutants;
use crate::serveur::DuiError;

/// Largest answer read: the longest right one is a few kilobytes.
const TAILLE_MAX: usize = 1 << 20;

/// Why a call brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Panne {
    /// INSi is not configured: no call was made.
    NonConfigure,
    /// No whole answer in time.
    Delai,
    /// The server's certificate or the TLS negotiation was refused.
    Tls,
    /// No connection.
    Connexion,
    /// The connection was lost before the end of the answer.
    Coupure,
    /// The server points elsewhere.
    Redirection(u16),
    /// An HTTP status without an answer of the service.
    Http(u16),
    /// The answer is not one of the service.
    Illisible(&'static str),
    /// The answer is larger than any answer of the service.
    TropGrande,
    /// A SOAP fault.
    Faute(String),
    /// A return code that the contract does not know, or none.
    CodeInconnu(Option<String>),
    /// The DUI itself broke (only a mutant does).
    Plantage,
}

impl Panne {
    /// Code for the trace.
    pub fn code(&self) -> String {
        match self {
            Self::NonConfigure => "non-configure".to_owned(),
            Self::Delai => "timeout".to_owned(),
            Self::Tls => "tls".to_owned(),
            Self::Connexion => "connexion".to_owned(),
            Self::Coupure => "coupure".to_owned(),
            Self::Redirection(status) | Self::Http(status) => format!("http-{status}"),
            Self::Illisible(_) => "illisible".to_owned(),
            Self::TropGrande => "trop-grande".to_owned(),
            Self::Faute(code) => code.clone(),
            Self::CodeInconnu(code) => code.clone().unwrap_or_else(|| "sans-code".to_owned()),
            Self::Plantage => "plantage".to_owned(),
        }
    }

    /// What the user reads.
    pub fn message(&self) -> String {
        let what = match self {
            Self::NonConfigure => "Le téléservice INSi n'est pas configuré pour votre structure.",
            Self::Delai => "Le téléservice INSi n'a pas répondu à temps.",
            Self::Tls => {
                "La connexion au téléservice INSi n'est pas sûre : elle a été refusée. Prévenez votre service informatique."
            }
            Self::Connexion | Self::Coupure => "Le téléservice INSi est injoignable.",
            Self::Redirection(_) | Self::Http(_) => {
                "Le téléservice INSi est momentanément indisponible."
            }
            Self::Illisible(_) | Self::TropGrande | Self::CodeInconnu(_) => {
                "La réponse du téléservice INSi n'est pas exploitable."
            }
            Self::Faute(code) => return message_de_faute(code),
            Self::Plantage => "Une erreur inattendue s'est produite.",
        };
        format!("{what} {SUITE}")
    }
}

const SUITE: &str =
    "Le dossier n'est pas modifié et reste utilisable ; vous pourrez relancer l'appel plus tard.";

fn message_de_faute(code: &str) -> String {
    let what = match code {
        "desir_550" => {
            "Ce logiciel n'est pas autorisé à appeler le téléservice INSi (numéro d'autorisation CNDA refusé). Prévenez votre éditeur."
        }
        "desir_560" => {
            "Le certificat de votre structure ne permet pas d'appeler le téléservice INSi. Prévenez votre service informatique."
        }
        "insi_19" => {
            "Le téléservice INSi demande le nom de naissance : vérifiez l'identité saisie."
        }
        "desir_1020" | "insi_111" => "Le téléservice INSi est momentanément indisponible.",
        _ => "Le téléservice INSi a rencontré une erreur technique.",
    };
    format!("{what} {SUITE}")
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issue {
    /// 00.
    Trouve(Box<Individu>),
    /// 01.
    Personne,
    /// 02.
    Plusieurs,
    /// Verification: the INS and the traits belong together, or not.
    Verifie(bool),
    /// Anything else.
    Panne(Panne),
}

impl Issue {
    /// Code for the trace.
    pub fn code(&self) -> String {
        match self {
            Self::Trouve(_) => "00".to_owned(),
            Self::Personne => "01".to_owned(),
            Self::Plusieurs => "02".to_owned(),
            Self::Verifie(true) => "OK".to_owned(),
            Self::Verifie(false) => "KO".to_owned(),
            Self::Panne(panne) => panne.code(),
        }
    }
}

/// A call that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appel {
    /// When.
    pub date: Timestamp,
    /// What was asked.
    pub corps: Corps,
    /// MessageID sent.
    pub message_id: String,
    /// How it ended.
    pub issue: Issue,
}

/// The client.
#[derive(Debug)]
pub struct InsiClient {
    http: reqwest::Client,
    url: String,
    logiciel: Logiciel,
    mutants: Mutants,
    /// What the mutant `reuse-context-id` keeps.
    premiers_ids: OnceLock<Ids>,
}

impl InsiClient {
    /// Reads the certificates and builds the client.
    pub fn new(settings: &InsiSettings, seed: u64, mutants: &Mutants) -> Result<Self, DuiError> {
        if settings.mode != InsiMode::Certificat {
            return Err(DuiError::Setting {
                setting: "insi.mode".to_owned(),
                problem: "the reference DUI only knows `certificat`".to_owned(),
            });
        }
        let timeout = Duration::from_millis(settings.timeout_ms);
        let (cert, key) = certificat(settings, mutants);
        let mut builder = TlsClient {
            service: "INSi",
            ca: &settings.ca,
            identity: Some((&cert, &key)),
            crl: settings
                .crl
                .as_deref()
                .filter(|_| !mutants.mutant("revocation-unchecked")),
            timeout: (!mutants.mutant("no-timeout")).then_some(timeout),
        }
        .builder()?;
        if let Some(config) = confiance::defective(&settings.ca, &cert, &key, mutants) {
            let config = config.map_err(|problem| DuiError::Setting {
                setting: "insi".to_owned(),
                problem,
            })?;
            builder = builder.tls_backend_preconfigured(config);
        }
        if mutants.mutant("no-sni") {
            builder = builder.tls_sni(false);
        }
        if mutants.mutant("accept-any-certificate") {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        if mutants.mutant("accept-wrong-name") {
            builder = builder.tls_danger_accept_invalid_hostnames(true);
        }
        if mutants.mutant("follow-redirect") {
            builder = builder.redirect(reqwest::redirect::Policy::limited(5));
        }
        let http = builder.build().map_err(|source| DuiError::Client {
            service: "INSi",
            source,
        })?;
        Ok(Self {
            http,
            url: settings.url.clone(),
            logiciel: Logiciel {
                idam: settings.idam.clone(),
                nom: settings.lps_nom.clone(),
                version: settings.lps_version.clone(),
                instance: instance(seed),
                emetteur: settings.emetteur.clone(),
            },
            mutants: mutants.clone(),
            premiers_ids: OnceLock::new(),
        })
    }

    /// Makes one call.
    pub async fn appeler(&self, clock: &Clock, corps: &Corps, ids: &Ids) -> Appel {
        let mut ids = ids.clone();
        if let Corps::Traits(traits) = corps
            && self.mutants.mutant("message-id-per-person")
        {
            ids.message = message_de(&format!("{} {}", traits.nom, traits.prenom));
        }
        if self.mutants.mutant("reuse-context-id") {
            let first = self.premiers_ids.get_or_init(|| ids.clone());
            ids.bam.clone_from(&first.bam);
            ids.lps.clone_from(&first.lps);
        }
        if self.mutants.mutant("message-id-not-uuid") {
            ids.message = format!("message-{}", &ids.message[ids.message.len() - 6..]);
        }
        let date = clock.now();
        let issue = self
            .echanger(date, corps, &ids)
            .await
            .or_else(|panne| defauts::panne(panne, &self.mutants))
            .unwrap_or_else(Issue::Panne);
        Appel {
            date,
            corps: corps.clone(),
            message_id: ids.message,
            issue,
        }
    }

    async fn echanger(&self, now: Timestamp, corps: &Corps, ids: &Ids) -> Result<Issue, Panne> {
        let requete =
            ecrire(corps, ids, &self.logiciel, now, &self.mutants).map_err(|_| Panne::Plantage)?;
        let response = self
            .http
            .post(&self.url)
            .header(CONTENT_TYPE, requete.content_type)
            .body(requete.corps)
            .send()
            .await
            .map_err(|error| panne_reseau(&error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(Panne::Redirection(status.as_u16()));
        }
        let soap = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/soap+xml"));
        let body = self.corps_de(response).await?;
        if self.mutants.mutant("external-entity-fetched")
            && let Some(address) = std::str::from_utf8(&body)
                .ok()
                .and_then(defauts::external_entity)
        {
            // What comes back does not matter: the request that left is the defect.
            let _ = self.http.get(address).send().await;
        }
        let compte = lire(&body, &ids.message, &self.mutants);
        match compte {
            Compte::Faute { .. } if self.mutants.mutant("ignore-fault") => Ok(Issue::Personne),
            Compte::Faute { .. } if status == 200 && self.mutants.mutant("fault-200-as-nobody") => {
                Ok(Issue::Personne)
            }
            Compte::Faute { code } => Err(Panne::Faute(code)),
            Compte::Illisible(defauts::PLANTAGE) => Err(Panne::Plantage),
            _ if !status.is_success() => Err(Panne::Http(status.as_u16())),
            Compte::Illisible(why) => Err(Panne::Illisible(why)),
            Compte::Resultat { .. } if !soap && !self.mutants.mutant("any-content-type") => {
                Err(Panne::Illisible("type"))
            }
            Compte::Resultat { code, individu } => self.issue(corps, code, individu),
        }
    }

    fn issue(
        &self,
        corps: &Corps,
        code: Option<String>,
        individu: Option<Box<Individu>>,
    ) -> Result<Issue, Panne> {
        if matches!(corps, Corps::Verification { .. }) {
            return match code.as_deref() {
                Some("00" | "OK") => Ok(Issue::Verifie(true)),
                Some("01" | "KO") => Ok(Issue::Verifie(false)),
                _ => Err(Panne::CodeInconnu(code)),
            };
        }
        match (code.as_deref(), individu) {
            (Some("00"), Some(individu)) => Ok(Issue::Trouve(individu)),
            (Some("00"), None) => Err(Panne::Illisible("individu")),
            (Some("01"), Some(individu)) if self.mutants.mutant("take-individu-of-01") => {
                Ok(Issue::Trouve(individu))
            }
            // Whatever else the answer holds: the code says that nothing may be taken from it.
            (Some("01"), _) => Ok(Issue::Personne),
            (Some("02"), Some(individu)) if self.mutants.mutant("pick-first-on-02") => {
                Ok(Issue::Trouve(individu))
            }
            (Some("02"), _) => Ok(Issue::Plusieurs),
            (_, Some(individu)) if self.mutants.mutant("unknown-code-as-success") => {
                Ok(Issue::Trouve(individu))
            }
            (_, None) if self.mutants.mutant("unknown-code-as-nobody") => Ok(Issue::Personne),
            _ => Err(Panne::CodeInconnu(code)),
        }
    }

    async fn corps_de(&self, mut response: reqwest::Response) -> Result<Vec<u8>, Panne> {
        if response.content_length().is_none() && self.mutants.mutant("chunked-refused") {
            return Err(Panne::Illisible("longueur"));
        }
        let capped = !self.mutants.mutant("no-size-cap");
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| panne_reseau(&e))? {
            body.extend_from_slice(&chunk);
            if capped && body.len() > TAILLE_MAX {
                return Err(Panne::TropGrande);
            }
        }
        Ok(body)
    }
}

/// The client certificate: the one configured. The mutants take a neighbour of it, as after an installation mistake.
fn certificat(settings: &InsiSettings, mutants: &Mutants) -> (PathBuf, PathBuf) {
    let mistake = [
        ("other-cn-certificate", "client-autre-cn"),
        ("automatic-certificate", "client-insi-auto"),
        ("expired-client-certificate", "client-expire"),
        ("foreign-client-certificate", "client-etranger"),
    ]
    .into_iter()
    .find(|(mutant, _)| mutants.contains(*mutant));
    match mistake {
        Some((_, stem)) => (
            settings.cert.with_file_name(format!("{stem}.pem")),
            settings.key.with_file_name(format!("{stem}.key")),
        ),
        None => (settings.cert.clone(), settings.key.clone()),
    }
}

fn panne_reseau(error: &reqwest::Error) -> Panne {
    match crate::http::nature(error) {
        Rupture::Delai => Panne::Delai,
        Rupture::Tls => Panne::Tls,
        Rupture::Connexion => Panne::Connexion,
        Rupture::Coupure => Panne::Coupure,
    }
}

/// A MessageID worked out from a text: what the mutant `message-id-per-person` sends.
fn message_de(text: &str) -> String {
    format!("uuid:{}", uuid_de(text))
}

/// LPS/Instance: one per installation, the same after a restart. The seed stands for the installation.
fn instance(seed: u64) -> Uuid {
    uuid_de(&format!("dui-temoin, installation {seed}"))
}

fn uuid_de(text: &str) -> Uuid {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(text.as_bytes());
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_breakdown_has_a_code_and_a_sentence() {
        for panne in [
            Panne::NonConfigure,
            Panne::Delai,
            Panne::Tls,
            Panne::Connexion,
            Panne::Coupure,
            Panne::Redirection(302),
            Panne::Http(503),
            Panne::Illisible("xml"),
            Panne::TropGrande,
            Panne::Faute("insi_102".to_owned()),
            Panne::Faute("inconnu_1".to_owned()),
            Panne::CodeInconnu(None),
        ] {
            assert!(!panne.code().is_empty());
            let message = panne.message();
            assert!(message.contains("reste utilisable"), "{message}");
            assert!(
                !message.contains('<') && !message.contains("insi_"),
                "{message}"
            );
        }
        assert!(
            Panne::Faute("desir_550".to_owned())
                .message()
                .contains("autorisé")
        );
    }

    #[test]
    fn an_installation_keeps_its_instance() {
        assert_eq!(instance(1), instance(1));
        assert_ne!(instance(1), instance(2));
    }
}

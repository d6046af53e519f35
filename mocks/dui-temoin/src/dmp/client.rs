//! One call to the DMP: mutual TLS, signed VIHF, SOAP with or without documents, answer held against the request.

use std::sync::Mutex;

use diapason_core::{Clock, Timestamp};
use diapason_formats::signature::Signer;
use diapason_formats::vihf::Mode;
use reqwest::header::{CONTENT_TYPE, DATE};
use uuid::Uuid;

use super::acteur::Acteur;
use super::erreur::Echec;
use super::message::{self, Adresses, Piece, Reponse, SOAP};
use super::vihf::{self, Habilitation};
use super::{defauts, registre};
use crate::config::DmpSettings;
use crate::document::noeud::Noeud;
use crate::http::TlsClient;
use crate::identite::usager::InsTenu;
use crate::mutants::Mutants;
use crate::serveur::DuiError;

/// Largest answer read.
const TAILLE_MAX: usize = 128 << 20;
/// Further apart than this, our clock and the DMP's do not agree, milliseconds.
const ECART_HORLOGE: i64 = 5 * 60 * 1000;

/// The calls that this product makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transaction {
    /// TD0.2.
    Existence,
    /// TD0.3.
    Autorisation,
    /// TD2.1.
    Soumission,
    /// TD3.1.
    Recherche,
    /// TD3.2.
    Consultation,
    /// TD3.3.
    Attributs,
}

/// Address, actions and root of the answer.
#[derive(Debug, Clone, Copy)]
pub struct Contrat {
    /// Last segment of the address.
    pub chemin: &'static str,
    /// `wsa:Action` of the request.
    pub action: &'static str,
    /// `wsa:Action` of the answer.
    pub action_reponse: &'static str,
    /// Namespace and name of what the answer holds.
    pub racine: (&'static str, &'static str),
}

impl Transaction {
    /// What the interface says of it.
    pub fn contrat(self) -> Contrat {
        const XDSB: &str = "urn:ihe:iti:xds-b:2007";
        let (chemin, action, action_reponse, racine) = match self {
            Self::Existence => (
                "patients",
                "urn:hl7-org:v3:PRPA_IN201307UV02",
                "urn:hl7-org:v3:PRPA_IN201308UV02",
                ("urn:hl7-org:v3", "PRPA_IN201308UV02"),
            ),
            Self::Autorisation => (
                "habilitations",
                "urn:si-dmp-habilitations:HabilitationsEndPoint:setAuthorization",
                "urn:si-dmp-habilitations:HabilitationsEndPoint:setAuthorizationResponse",
                ("urn:si-dmp-habilitations", "setAuthorizationResponse"),
            ),
            Self::Soumission => (
                "repository",
                "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b",
                "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-bResponse",
                (registre::RS, "RegistryResponse"),
            ),
            Self::Recherche => (
                "registry",
                "urn:ihe:iti:2007:RegistryStoredQuery",
                "urn:ihe:iti:2007:RegistryStoredQueryResponse",
                (registre::QUERY, "AdhocQueryResponse"),
            ),
            Self::Consultation => (
                "repository",
                "urn:ihe:iti:2007:RetrieveDocumentSet",
                "urn:ihe:iti:2007:RetrieveDocumentSetResponse",
                (XDSB, "RetrieveDocumentSetResponse"),
            ),
            Self::Attributs => (
                "registry",
                "urn:ihe:iti:2010:UpdateDocumentSet",
                "urn:ihe:iti:2010:UpdateDocumentSet-Response",
                (registre::RS, "RegistryResponse"),
            ),
        };
        Contrat {
            chemin,
            action,
            action_reponse,
            racine,
        }
    }
}

/// A call to make.
#[derive(Debug)]
pub struct Demande<'a> {
    /// Which.
    pub transaction: Transaction,
    /// Mode of the VIHF.
    pub mode: Mode,
    /// Who acts.
    pub acteur: &'a Acteur,
    /// About whom.
    pub ins: Option<&'a InsTenu>,
    /// Hidden from legal representatives?
    pub secrete: bool,
    /// Content of the body.
    pub corps: Noeud,
    /// Documents that go with it.
    pub pieces: Vec<Piece>,
}

/// The client.
pub struct DmpClient {
    http: reqwest::Client,
    settings: DmpSettings,
    signer: Signer,
    mutants: Mutants,
    memoire: Mutex<defauts::Memoire>,
    expirations: Vec<(&'static str, Timestamp)>,
}

impl DmpClient {
    /// Builds the client from its settings.
    pub fn new(settings: &DmpSettings, mutants: &Mutants) -> Result<Self, DuiError> {
        let timeout = std::time::Duration::from_millis(settings.timeout_ms);
        let (cert, key) = defauts::certificat_tls(settings, mutants);
        let mut builder = TlsClient {
            service: "DMP",
            ca: &settings.ca,
            identity: Some((&cert, &key)),
            crl: settings.crl.as_deref(),
            timeout: Some(timeout),
        }
        .builder()?;
        if mutants.mutant("dmp-accept-any-certificate") {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        let http = builder.build().map_err(|source| DuiError::Client {
            service: "DMP",
            source,
        })?;
        let authentification = signataire(&cert, &key)?;
        let (cert, key) = defauts::certificat_signature(settings, mutants);
        let signer = signataire(&cert, &key)?;
        let fin = |signer: &Signer| signer.certificate().not_after();
        Ok(Self {
            http,
            expirations: vec![
                ("d'authentification", fin(&authentification)),
                ("de signature", fin(&signer)),
            ],
            signer,
            settings: settings.clone(),
            mutants: mutants.clone(),
            memoire: Mutex::default(),
        })
    }

    /// Its settings.
    pub fn settings(&self) -> &DmpSettings {
        &self.settings
    }

    /// When each certificate of the structure ends.
    pub fn expirations(&self) -> &[(&'static str, Timestamp)] {
        &self.expirations
    }

    /// What signs VIHF and lots.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The client of the pages of the DMP's web site: the same trust, the same identity.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Makes one call. `Ok` holds an answer of the right transaction to this very request, whatever it says.
    pub async fn appeler(&self, clock: &Clock, demande: Demande<'_>) -> Result<Reponse, Echec> {
        let now = clock.now();
        let contrat = demande.transaction.contrat();
        let message_id = self.avec_memoire(|memoire, mutants| {
            defauts::message_id(memoire, format!("urn:uuid:{}", Uuid::new_v4()), mutants)
        });
        let url = format!(
            "{}/{}",
            self.settings.url.trim_end_matches('/'),
            contrat.chemin
        );
        let habilitation = Habilitation {
            mode: demande.mode,
            acteur: demande.acteur,
            ins: demande.ins,
            secrete: demande.secrete,
        };
        let assertion = vihf::signee(
            &habilitation,
            &self.settings,
            &self.signer,
            now,
            &self.mutants,
        )?;
        let assertion =
            self.avec_memoire(|memoire, mutants| defauts::assertion(memoire, assertion, mutants));
        let mut enveloppe = message::enveloppe(
            &Adresses {
                action: contrat.action,
                message_id: &message_id,
                vers: &url,
            },
            demande.corps,
        );
        let mut pieces = demande.pieces;
        defauts::enveloppe(
            &mut enveloppe,
            &mut pieces,
            demande.transaction,
            &self.mutants,
        );
        let texte = message::texte(&enveloppe, &assertion)?;
        let texte = defauts::texte(texte, &self.mutants);
        let requete = if demande.transaction == Transaction::Soumission && !pieces.is_empty() {
            let limite = format!("uuid-{}", Uuid::new_v4());
            message::paquet(&texte, &pieces, &limite, contrat.action)
        } else {
            message::simple(texte, contrat.action)
        };
        let requete = defauts::requete(requete, &self.mutants);
        let response = self
            .http
            .post(&url)
            .header(CONTENT_TYPE, requete.type_contenu)
            .body(requete.corps)
            .send()
            .await
            .map_err(|e| Echec::Reseau(crate::http::nature(&e)))?;
        self.recevoir(response, &contrat, &message_id, clock).await
    }

    fn avec_memoire<T>(&self, agir: impl FnOnce(&mut defauts::Memoire, &Mutants) -> T) -> T {
        let mut memoire = self
            .memoire
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        agir(&mut memoire, &self.mutants)
    }

    async fn recevoir(
        &self,
        mut response: reqwest::Response,
        contrat: &Contrat,
        message_id: &str,
        clock: &Clock,
    ) -> Result<Reponse, Echec> {
        let status = response.status().as_u16();
        let header = |name| -> Option<String> {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let type_contenu = header(CONTENT_TYPE).unwrap_or_default();
        let horloge = header(DATE)
            .and_then(|date| date_http(&date))
            .is_some_and(|date| date.millis_since(clock.now()).abs() > ECART_HORLOGE);
        let mut octets = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|e| Echec::Reseau(crate::http::nature(&e)))?
        {
            octets.extend_from_slice(&chunk);
            if octets.len() > TAILLE_MAX {
                return Err(Echec::TropGrande);
            }
        }
        if self.mutants.mutant("dmp-truncated-document-kept") {
            super::lecture::refermer(&type_contenu, &mut octets);
        }
        let lue = Reponse::lire(&type_contenu, octets).and_then(|mut reponse| {
            examiner(&reponse, contrat, message_id, horloge, &self.mutants)?;
            reponse.date = Some(clock.now());
            Ok(reponse)
        });
        match lue {
            Err(Echec::Illisible(_)) | Ok(_) if status != 200 => Err(Echec::Http(status)),
            lue => lue,
        }
    }
}

/// A certificate and its key.
fn signataire(cert: &std::path::Path, key: &std::path::Path) -> Result<Signer, DuiError> {
    let read = |path: &std::path::Path| {
        std::fs::read(path).map_err(|source| DuiError::File {
            path: path.to_path_buf(),
            source,
        })
    };
    Signer::from_pem(&read(cert)?, &read(key)?).map_err(|e| DuiError::Setting {
        setting: "dmp.signature_cert, dmp.signature_key".to_owned(),
        problem: e.to_string(),
    })
}

/// Is it an answer to this request, of this transaction, and no fault?
fn examiner(
    reponse: &Reponse,
    contrat: &Contrat,
    message_id: &str,
    horloge: bool,
    mutants: &Mutants,
) -> Result<(), Echec> {
    let document = reponse.document()?;
    let corps = message::corps(&document).ok_or(Echec::Illisible("corps vide"))?;
    if corps.has_tag_name((SOAP, "Fault")) {
        return Err(faute(corps, horloge));
    }
    if message::adresse(&document, "RelatesTo") != Some(message_id)
        && !mutants.mutant("dmp-relates-to-unread")
    {
        return Err(Echec::Incoherente("RelatesTo"));
    }
    if !corps.has_tag_name(contrat.racine) && !mutants.mutant("dmp-any-body-is-success") {
        return Err(Echec::Incoherente("transaction"));
    }
    Ok(())
}

fn faute(corps: roxmltree::Node<'_, '_>, horloge: bool) -> Echec {
    let texte_de = |nom: &str| -> Vec<String> {
        corps
            .descendants()
            .filter(|n| n.has_tag_name((SOAP, nom)))
            .filter_map(|n| n.text().map(|t| t.trim().to_owned()))
            .collect()
    };
    let valeurs = texte_de("Value");
    let nu = |qname: &str| qname.rsplit(':').next().unwrap_or_default().to_owned();
    let premiere = valeurs.first().map(|v| nu(v)).unwrap_or_default();
    Echec::Faute {
        expediteur: premiere == "Sender",
        code: valeurs.last().map(|v| nu(v)).unwrap_or_default(),
        texte: texte_de("Text").join(" "),
        horloge,
    }
}

/// `Thu, 15 Jan 2026 09:00:00 GMT`
fn date_http(texte: &str) -> Option<Timestamp> {
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let date = time::PrimitiveDateTime::parse(texte, format).ok()?;
    Some(Timestamp::new(date.assume_utc()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn answer(body: &str) -> Reponse {
        let xml = format!(
            "<s:Envelope xmlns:s=\"{SOAP}\" xmlns:w=\"{}\"><s:Header><w:RelatesTo>urn:uuid:1</w:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>",
            message::WSA
        );
        Reponse::lire("application/soap+xml; charset=UTF-8", xml.into_bytes()).unwrap()
    }

    fn look(body: &str, id: &str) -> Result<(), Echec> {
        let contrat = Transaction::Soumission.contrat();
        examiner(&answer(body), &contrat, id, false, &Mutants::default())
    }

    #[test]
    fn only_the_answer_to_this_request_counts() {
        let good = format!("<r:RegistryResponse xmlns:r=\"{}\"/>", registre::RS);
        assert_eq!(look(&good, "urn:uuid:1"), Ok(()));
        assert_eq!(
            look(&good, "urn:uuid:2"),
            Err(Echec::Incoherente("RelatesTo"))
        );
        assert_eq!(
            look("<x/>", "urn:uuid:1"),
            Err(Echec::Incoherente("transaction"))
        );
        let fault = format!(
            "<s:Fault xmlns:s=\"{SOAP}\"><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>s:DMPInvalidCertificate</s:Value></s:Subcode></s:Code><s:Reason><s:Text>Non</s:Text></s:Reason></s:Fault>"
        );
        let Err(Echec::Faute {
            expediteur,
            code,
            texte,
            ..
        }) = look(&fault, "autre")
        else {
            panic!("a fault was expected");
        };
        assert!(expediteur);
        assert_eq!(
            (code.as_str(), texte.as_str()),
            ("DMPInvalidCertificate", "Non")
        );
    }

    #[test]
    fn the_date_of_a_server_is_read() {
        let at = date_http("Thu, 15 Jan 2026 09:00:00 GMT").unwrap();
        assert_eq!(at.to_string(), "2026-01-15T09:00:00.000Z");
        assert!(date_http("hier").is_none());
    }
}

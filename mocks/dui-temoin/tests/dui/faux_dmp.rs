//! A DMP in miniature, over plain HTTP: it keeps what it receives and answers what the test says.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use diapason_dui_temoin::dmp::message::Reponse;

/// How a call is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dit {
    /// As asked.
    Oui,
    /// A registry error of that code.
    Registre(&'static str),
    /// A SOAP fault: `Sender` or `Receiver`.
    Faute(&'static str),
    /// An HTTP status.
    Http(u16),
    /// Nothing for longer than the DUI waits; what was asked is done.
    Silence,
    /// The answer to another message.
    Autre,
}

/// A call received.
#[derive(Debug, Clone)]
pub(crate) struct Appel {
    pub(crate) transaction: &'static str,
    pub(crate) content_type: String,
    pub(crate) corps: Vec<u8>,
}

impl Appel {
    /// Its envelope.
    pub(crate) fn enveloppe(&self) -> String {
        Reponse::lire(&self.content_type, self.corps.clone())
            .unwrap()
            .enveloppe
    }

    /// A document that it carries.
    pub(crate) fn piece(&self, href: &str) -> Vec<u8> {
        let lu = Reponse::lire(&self.content_type, self.corps.clone()).unwrap();
        lu.piece(href).unwrap().to_vec()
    }
}

#[derive(Default)]
struct Etat {
    appels: Vec<Appel>,
    existence: &'static str,
    suite: VecDeque<Dit>,
}

#[derive(Clone, Default)]
pub(crate) struct FauxDmp(Arc<Mutex<Etat>>);

impl FauxDmp {
    pub(crate) async fn demarrer() -> (Self, SocketAddr) {
        let faux = Self::default();
        faux.0.lock().unwrap().existence = "active";
        let app = Router::new().fallback(repondre).with_state(faux.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        (faux, addr)
    }

    /// What TD0.2 says: `active`, `terminated`, `NF`.
    pub(crate) fn existence(&self, dite: &'static str) {
        self.0.lock().unwrap().existence = dite;
    }

    /// Answers of the next TD2.1 and TD3.3; `Oui` once they are used up.
    pub(crate) fn ensuite(&self, suite: &[Dit]) {
        self.0.lock().unwrap().suite = suite.iter().copied().collect();
    }

    pub(crate) fn appels(&self) -> Vec<Appel> {
        self.0.lock().unwrap().appels.clone()
    }

    /// Transactions received.
    pub(crate) fn transactions(&self) -> Vec<&'static str> {
        self.appels().iter().map(|a| a.transaction).collect()
    }

    /// The submissions received.
    pub(crate) fn soumissions(&self) -> Vec<String> {
        let all = self.appels();
        let lots = all.iter().filter(|a| a.transaction == "td2.1");
        lots.map(Appel::enveloppe).collect()
    }
}

/// Text between two marks.
pub(crate) fn entre(texte: &str, debut: &str, fin: &str) -> String {
    let (_, suite) = texte
        .split_once(debut)
        .unwrap_or_else(|| panic!("no {debut} in {texte}"));
    suite.split_once(fin).unwrap().0.to_owned()
}

async fn repondre(
    State(faux): State<FauxDmp>,
    uri: Uri,
    headers: HeaderMap,
    corps: Bytes,
) -> Response {
    let content_type = headers[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    let texte = String::from_utf8_lossy(&corps).into_owned();
    let message = entre(&texte, "<wsa:MessageID>", "</wsa:MessageID>");
    let service = uri.path().rsplit('/').next().unwrap_or_default();
    let transaction = match service {
        "patients" => "td0.2",
        "repository" => "td2.1",
        "registry" if texte.contains("AdhocQueryRequest") => "td3.1b",
        _ => "td3.3c",
    };
    let (existence, dit) = {
        let mut etat = faux.0.lock().unwrap();
        etat.appels.push(Appel {
            transaction,
            content_type,
            corps: corps.to_vec(),
        });
        let dit = match transaction {
            "td2.1" | "td3.3c" => etat.suite.pop_front().unwrap_or(Dit::Oui),
            _ => Dit::Oui,
        };
        (etat.existence, dit)
    };
    let registre = |statut: &str, dedans: &str| {
        format!(
            "<rs:RegistryResponse xmlns:rs=\"urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0\" status=\"urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:{statut}\">{dedans}</rs:RegistryResponse>"
        )
    };
    let (statut, dedans) = match (dit, transaction) {
        (Dit::Http(statut), _) => return StatusCode::from_u16(statut).unwrap().into_response(),
        (Dit::Faute(qui), _) => (
            500,
            format!("<s:Fault><s:Code><s:Value>s:{qui}</s:Value><s:Subcode><s:Value>s:DMPInvalidCertificate</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang=\"fr\">Certificat non reconnu</s:Text></s:Reason></s:Fault>"),
        ),
        (Dit::Registre(code), _) => (
            200,
            registre("Failure", &format!("<rs:RegistryErrorList><rs:RegistryError errorCode=\"{code}\" codeContext=\"dit par le registre\" severity=\"urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error\"/></rs:RegistryErrorList>")),
        ),
        (_, "td0.2") => (200, prpa(existence)),
        (_, "td3.1b") => (
            200,
            "<q:AdhocQueryResponse xmlns:q=\"urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0\" status=\"urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success\"><r:RegistryObjectList xmlns:r=\"urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0\"><r:ObjectRef id=\"urn:uuid:11111111-2222-4333-8444-555555555555\"/></r:RegistryObjectList></q:AdhocQueryResponse>".to_owned(),
        ),
        _ => (200, registre("Success", "")),
    };
    if dit == Dit::Silence {
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    let relates = if dit == Dit::Autre {
        "urn:uuid:00000000-0000-4000-8000-000000000000"
    } else {
        &message
    };
    let enveloppe = format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:w=\"http://www.w3.org/2005/08/addressing\"><s:Header><w:RelatesTo>{relates}</w:RelatesTo></s:Header><s:Body>{dedans}</s:Body></s:Envelope>"
    );
    (
        StatusCode::from_u16(statut).unwrap(),
        [(header::CONTENT_TYPE, "application/soap+xml; charset=UTF-8")],
        enveloppe,
    )
        .into_response()
}

fn prpa(existence: &str) -> String {
    let reponse = if existence == "NF" { "NF" } else { "OK" };
    let sujet = if existence == "NF" {
        String::new()
    } else {
        format!(
            "<subject><registrationEvent><subject1><patient><statusCode code=\"{existence}\"/><patientPerson><name><given>ZOE</given><family qualifier=\"BR\">ADRUN</family></name><administrativeGenderCode code=\"F\"/><birthTime value=\"19751231\"/></patientPerson></patient></subject1></registrationEvent></subject>"
        )
    };
    format!(
        "<PRPA_IN201308UV02 xmlns=\"urn:hl7-org:v3\"><acknowledgement typeCode=\"AA\"/><attentionLine><keyWordText code=\"AUTORISATION\"/><value code=\"VALIDE\"/></attentionLine><controlActProcess>{sujet}<queryAck><queryResponseCode code=\"{reponse}\"/></queryAck></controlActProcess></PRPA_IN201308UV02>"
    )
}

//! Tests of the service function, and of the whole mock through TLS sockets.
#![allow(clippy::unwrap_used)]

mod bad_input;
mod every_fault;
mod search;
mod socket;
mod verification;

use diapason_core::ExchangeId;
use diapason_core::exchange::{PeerCertificate, TlsFacts};
use diapason_core::persona::Person;
use diapason_core::scenario::{Arm, FaultArm};
use diapason_core::{FaultId, Sha256Hex, Timestamp};
use diapason_formats::insi::{
    CTXBAM, CTXLPS, Message, OP_TRAITS, RECSANS, RECVIT, SOAP12, WSA, read,
};
use diapason_mock_common::http::{HttpService, Incoming, Reply};
use serde_json::Value;

use crate::behaviour::Behaviour;
use crate::mock::arm_service;
use crate::personas;
use crate::service::InsiService;

/// The service with its defaults.
pub(crate) fn service() -> InsiService {
    InsiService::new(Behaviour::default(), false, 11)
}

/// Client certificate facts.
pub(crate) fn certificate(cn: &str, trusted: bool) -> PeerCertificate {
    PeerCertificate {
        subject_cn: Some(cn.to_owned()),
        subject_ou: Some("10B0990001".to_owned()),
        subject: format!("CN={cn}"),
        issuer_cn: None,
        not_before: Timestamp::from_unix_millis(0),
        not_after: Timestamp::from_unix_millis(0),
        serial: "01".to_owned(),
        extended_key_usage: vec!["clientAuth".to_owned()],
        trusted,
        trust_problem: (!trusted).then(|| "expired".to_owned()),
        sha256: Sha256Hex::zero(),
    }
}

/// A POST on `/lps`, with INSI-MANU on `tlsm`.
pub(crate) fn post(listener: &'static str, body: &str) -> Incoming {
    Incoming {
        exchange: ExchangeId(1),
        listener,
        connection: 1,
        method: "POST".to_owned(),
        path: "/lps".to_owned(),
        query: String::new(),
        headers: vec![(
            "content-type".to_owned(),
            "application/soap+xml; charset=utf-8".to_owned(),
        )],
        body: body.as_bytes().to_vec().into(),
        tls: Some(TlsFacts {
            offered_versions: vec!["1.3".to_owned()],
            version: Some("1.3".to_owned()),
            cipher_suite: None,
            sni: None,
            client_certificate: (listener == "tlsm").then(|| certificate("INSI-MANU", true)),
        }),
    }
}

/// An envelope around a body, contexts as a DUI with a software certificate sends them.
pub(crate) fn envelope(operation: &str, couverture: &str, payload: &str) -> String {
    let temps = "2026-01-15T09:00:00.000Z";
    format!(
        r#"<e:Envelope xmlns:e="{SOAP12}" xmlns:w="{WSA}" xmlns:b="{CTXBAM}" xmlns:l="{CTXLPS}"><e:Header><b:ContexteBAM Version="01_02" Nature="CTXBAM"><b:Id>4f3f2f10-0000-4000-8000-000000000001</b:Id><b:Temps>{temps}</b:Temps><b:Emetteur>10B0990001</b:Emetteur><b:COUVERTURE>{couverture}</b:COUVERTURE></b:ContexteBAM><l:ContexteLPS Version="01_00" Nature="CTXLPS"><l:Id>4f3f2f10-0000-4000-8000-000000000002</l:Id><l:Temps>{temps}</l:Temps><l:Emetteur>10B0990001</l:Emetteur><l:LPS><l:IDAM R="4">DIA00PA00SO0</l:IDAM><l:Version>1.0</l:Version><l:Instance>4f3f2f10-0000-4000-8000-000000000003</l:Instance><l:Nom>DUI</l:Nom></l:LPS></l:ContexteLPS><w:Action>urn:ServiceIdentiteCertifiee:1.0.0:{operation}</w:Action><w:MessageID>uuid:4f3f2f10-0000-4000-8000-000000000004</w:MessageID></e:Header><e:Body>{payload}</e:Body></e:Envelope>"#
    )
}

/// A search by traits.
pub(crate) fn traits(person: &Person, prenoms: &[&str], with_place: bool) -> String {
    let t = &person.traits;
    let prenoms = prenoms.join("</r:Prenom><r:Prenom>");
    let date = match t.date_naissance.as_str() {
        "1948-00-00" => "1948-12-31",
        "1952-05-00" => "1952-05-01",
        known => known,
    };
    let place = t
        .lieu_naissance
        .as_ref()
        .filter(|_| with_place)
        .map(|l| format!("<r:LieuNaissance>{l}</r:LieuNaissance>"))
        .unwrap_or_default();
    let payload = format!(
        "<r:RECSANSVITALE xmlns:r=\"{RECSANS}\"><r:NomNaissance>{}</r:NomNaissance><r:Prenom>{prenoms}</r:Prenom><r:Sexe>{}</r:Sexe><r:DateNaissance>{date}</r:DateNaissance>{place}</r:RECSANSVITALE>",
        t.nom_naissance,
        t.sexe.as_str(),
    );
    envelope(OP_TRAITS, "", &payload)
}

/// A search by card.
pub(crate) fn vitale(payload: &str) -> String {
    envelope(
        "rechercherInsAvecCarteVitale",
        "",
        &format!("<v:RECVITALE xmlns:v=\"{RECVIT}\">{payload}</v:RECVITALE>"),
    )
}

/// Whom `id` names.
pub(crate) fn who(id: &str) -> Person {
    personas(11)
        .into_iter()
        .find(|p| p.id.as_str() == id)
        .unwrap()
}

/// Search of a person by the first prénom and the place.
pub(crate) fn usual(id: &str) -> Incoming {
    let person = who(id);
    post("tlsm", &traits(&person, &[&person.traits.prenoms[0]], true))
}

/// As the listener does.
pub(crate) fn ask(service: &InsiService, incoming: &Incoming) -> Reply {
    let classified = service.classify(incoming);
    service.answer(incoming, &classified)
}

/// The answer read back.
pub(crate) fn told(reply: &Reply) -> Message {
    read(&reply.body).unwrap()
}

/// Arms a fault.
pub(crate) fn arm(service: &InsiService, id: &str, with: &[(&str, Value)]) {
    arm_service(service, &fault(id, with)).unwrap();
}

/// A fault that plays until cleared.
pub(crate) fn fault(id: &str, with: &[(&str, Value)]) -> Arm {
    Arm::Fault(FaultArm {
        id: FaultId::new(id).unwrap(),
        from_call: None,
        times: None,
        persona: None,
        with: with
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.clone()))
            .collect(),
    })
}

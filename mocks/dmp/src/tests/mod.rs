//! Tests of the service function with signed requests, and of the whole mock through TLS sockets.
#![allow(clippy::unwrap_used)]

mod alimentation;
mod attributs;
mod bad_input;
mod documents;
mod droits;
mod every_fault;
mod existence;
mod gate;
mod recherche;
mod requests;
mod socket;
mod web;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use diapason_core::exchange::{PeerCertificate, TlsFacts};
use diapason_core::persona::Person;
use diapason_core::scenario::{Arm, FaultArm};
use diapason_core::{Clock, ExchangeId, FaultId, Timestamp};
use diapason_formats::dmp::Message;
use diapason_formats::mtom;
use diapason_formats::xml::{Limits, Tree};
use diapason_mock_common::http::{Bytes, HttpService, Incoming, Reply};
use diapason_mock_common::pki::{ClientCertificate, Pki};
use serde_json::{Value, json};

use crate::behaviour::Behaviour;
use crate::mock::arm_service;
use crate::service::{DmpService, PREFIX};

pub(crate) use requests::*;

pub(crate) static PKI: LazyLock<(tempfile::TempDir, Arc<Pki>)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let pki = Arc::new(Pki::open_or_create(dir.path()).unwrap());
    (dir, pki)
});

/// People of the tests: the shape of those of the INSi mock.
pub(crate) fn people() -> Vec<Person> {
    let person = |id: &str, nom: &str, matricule: &str, historique: Value| {
        json!({
            "id": id,
            "traits": { "nom_naissance": nom, "prenoms": ["ZOE", "ANNE"], "sexe": "F",
                        "date_naissance": "1975-12-31", "lieu_naissance": "63220" },
            "ins": { "matricule": matricule, "oid": "1.2.250.1.213.1.4.8" },
            "historique": historique,
        })
    };
    let former = json!([{ "matricule": "209076322083439", "oid": "1.2.250.1.213.1.4.8" }]);
    [
        person("p01-adrun", "ADRUN", "275126322074974", json!([])),
        person("p02-adrdeux", "ADRDEUX", "181016322075140", json!([])),
        person("p06-ecetinsi", "ECETINSI", "109076322083489", former),
        json!({ "id": "inconnu", "traits": { "nom_naissance": "SANSINS", "prenoms": ["LOU"], "sexe": "M",
                "date_naissance": "1980-01-01", "lieu_naissance": "63220" } }),
    ]
    .into_iter()
    .map(|p| serde_json::from_value(p).unwrap())
    .collect()
}

pub(crate) const ADRUN: (&str, &str) = ("275126322074974", "1.2.250.1.213.1.4.8");
pub(crate) const ADRDEUX: (&str, &str) = ("181016322075140", "1.2.250.1.213.1.4.8");

pub(crate) fn now() -> Timestamp {
    Timestamp::try_from("2026-01-15T09:00:00Z".to_owned()).unwrap()
}

/// The service behind no socket, and its clock.
pub(crate) struct Dmp {
    pub(crate) service: DmpService,
    pub(crate) clock: Clock,
    calls: std::cell::Cell<u64>,
}

/// An answer read back.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) reply: Reply,
    pub(crate) body: Vec<u8>,
    /// Envelope.
    pub(crate) xml: String,
}

impl Told {
    pub(crate) fn of(reply: Reply) -> Self {
        let body = reply.clone().joined().body;
        let content_type = reply
            .headers
            .iter()
            .find(|(n, _)| n == "Content-Type")
            .map_or("", |(_, v)| v.as_str());
        let xml = if mtom::is_multipart(content_type) {
            let package = mtom::read(content_type, &body).unwrap();
            let root = package.root_part().unwrap();
            package.content(root, &body).to_vec()
        } else {
            body.clone()
        };
        Self {
            reply,
            body,
            xml: String::from_utf8_lossy(&xml).into_owned(),
        }
    }

    pub(crate) fn outcome(&self) -> &str {
        &self.reply.outcome
    }

    pub(crate) fn content_type(&self) -> &str {
        &self.reply.headers[0].1
    }

    /// The documents of a package, in order.
    pub(crate) fn documents(&self) -> Vec<Vec<u8>> {
        let package = mtom::read(self.content_type(), &self.body).unwrap();
        (0..package.parts.len())
            .filter(|rank| *rank != package.root)
            .map(|rank| package.content(&package.parts[rank], &self.body).to_vec())
            .collect()
    }

    pub(crate) fn tree(&self) -> Tree {
        Tree::read(self.xml.as_bytes(), &Limits::default()).unwrap()
    }

    /// Values of an attribute, wherever it stands.
    pub(crate) fn attributes(&self, element: &str, attribute: &str) -> Vec<String> {
        let tree = self.tree();
        tree.descendant_elements(tree.root())
            .filter(|n| tree.local(*n) == element)
            .filter_map(|n| tree.attribute(n, attribute).map(str::to_owned))
            .collect()
    }
}

impl Dmp {
    pub(crate) fn new() -> Self {
        Self::with(Behaviour::default())
    }

    pub(crate) fn with(behaviour: Behaviour) -> Self {
        let clock = Clock::manual(now());
        Self {
            service: DmpService::new(behaviour, people(), clock.clone(), Arc::clone(&PKI.1)),
            clock,
            calls: std::cell::Cell::new(0),
        }
    }

    /// As the listener does: guard, classify, answer.
    pub(crate) fn send(&self, mut incoming: Incoming) -> Told {
        self.calls.set(self.calls.get() + 1);
        incoming.exchange = ExchangeId(self.calls.get());
        assert_eq!(self.service.guard(&incoming), None);
        let classified = self.service.classify(&incoming);
        Told::of(self.service.answer(&incoming, &classified))
    }

    pub(crate) fn arm(&self, arm: &Value) {
        let arm: Arm = serde_json::from_value(arm.clone()).unwrap();
        assert!(arm_service(&self.service, &arm).unwrap());
    }

    pub(crate) fn fault(&self, id: &str, with: &Value) {
        let with: BTreeMap<String, Value> = serde_json::from_value(with.clone()).unwrap();
        let arm = Arm::Fault(FaultArm {
            id: FaultId::new(id).unwrap(),
            from_call: None,
            times: None,
            persona: None,
            with,
        });
        assert!(arm_service(&self.service, &arm).unwrap(), "{id}");
    }

    pub(crate) fn clear(&self) {
        self.arm(&json!({ "clear": true }));
    }

    /// Views by persona.
    pub(crate) fn view(&self, persona: &str) -> Value {
        crate::mock::states(&self.service)
            .into_iter()
            .find(|(p, _)| p.as_str() == persona)
            .map_or(Value::Null, |(_, view)| view)
    }
}

/// Facts of the connection of a client.
pub(crate) fn tls(which: ClientCertificate, at: Timestamp) -> TlsFacts {
    let der = PKI
        .1
        .certificate_der(&format!("{}.pem", which.stem()))
        .unwrap();
    let certificate: PeerCertificate = PKI.1.describe_client(&[der], at);
    TlsFacts {
        offered_versions: vec!["1.2".to_owned()],
        version: Some("1.2".to_owned()),
        cipher_suite: None,
        sni: None,
        client_certificate: Some(certificate),
    }
}

/// A POST to a service.
pub(crate) fn post(service: &str, content_type: &str, body: impl Into<Bytes>) -> Incoming {
    Incoming {
        exchange: ExchangeId(1),
        listener: "tlsm",
        connection: 1,
        method: "POST".to_owned(),
        path: format!("{PREFIX}/{service}"),
        query: String::new(),
        headers: vec![("content-type".to_owned(), content_type.to_owned())],
        body: body.into(),
        tls: Some(tls(ClientCertificate::Dui, now())),
    }
}

#[test]
fn the_requests_of_the_tests_are_read_as_meant() {
    let lot = Lot::new("1");
    let request = lot.request(&vihf("INDIRECTE", ADRUN));
    let message = Message::read(request.header("content-type"), &request.body).unwrap();
    assert_eq!(message.operation().as_str(), "td2.1");
    assert_eq!(message.attached().len(), 2);
    assert_eq!(message.signature().unwrap().0, "Signature01");
}

//! A bench in small: test PKI, INSi mock, DUI, and a driver that speaks HTTP.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use diapason_core::journal::MemoryRecorder;
use diapason_core::scenario::{Arm, FaultArm, PersonaArm};
use diapason_core::{Clock, Event, FaultId, PersonaId, Timestamp};
use diapason_dui_temoin::config::{DmpSettings, InsiSettings};
use diapason_dui_temoin::{Dui, DuiConfig};
use diapason_mock_common::pki::{ClientCertificate, Pki};
use diapason_mock_common::{Mock, Shared};
use diapason_mock_insi::{InsiConfig, InsiMock};
use serde_json::{Value, json};

static PKI: LazyLock<(tempfile::TempDir, Arc<Pki>)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let pki = Arc::new(Pki::open_or_create(dir.path()).unwrap());
    (dir, pki)
});

pub(crate) fn pki() -> Arc<Pki> {
    Arc::clone(&PKI.1)
}

pub(crate) struct Banc {
    pub(crate) recorder: Arc<MemoryRecorder>,
    pub(crate) mock: InsiMock,
    pub(crate) dui: Dui,
    http: reqwest::Client,
    _disque: tempfile::TempDir,
}

pub(crate) fn config(url: &str) -> DuiConfig {
    let manu = pki().client(ClientCertificate::InsiManu);
    DuiConfig {
        insi: Some(InsiSettings {
            url: url.to_owned(),
            ca: pki().ca_bundle(),
            cert: manu.cert,
            key: manu.key,
            crl: Some(pki().path("organisations.crl")),
            mode: diapason_core::product::InsiMode::Certificat,
            idam: "AAA00AA00AA0".to_owned(),
            lps_nom: "DUI témoin".to_owned(),
            lps_version: "0.1.0".to_owned(),
            emetteur: "10B0990001".to_owned(),
            timeout_ms: 1_000,
        }),
        start_at: Some(at("2026-01-15T09:00:00Z")),
        ..DuiConfig::default()
    }
}

fn dmp_settings(url: &str) -> DmpSettings {
    let tls = pki().client(ClientCertificate::Dui);
    let signature = pki().client(ClientCertificate::Signature);
    DmpSettings {
        url: url.to_owned(),
        web: None,
        ca: pki().ca_bundle(),
        cert: tls.cert,
        key: tls.key,
        signature_cert: signature.cert,
        signature_key: signature.key,
        crl: Some(pki().path("organisations.crl")),
        structure: "10B0990001".to_owned(),
        lps_nom: "DUI témoin".to_owned(),
        lps_version: "0.1.0".to_owned(),
        lps_oid: "2.25.42".to_owned(),
        homologation: "DIAPASON-0001".to_owned(),
        timeout_ms: 1_000,
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::try_from(text.to_owned()).unwrap()
}

impl Banc {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(mutants: &[&str]) -> Self {
        Self::construire(None, mutants).await
    }

    /// With a DMP at that address, and a store on disk.
    pub(crate) async fn avec_dmp(url: &str, mutants: &[&str]) -> Self {
        Self::construire(Some(url), mutants).await
    }

    async fn construire(dmp: Option<&str>, mutants: &[&str]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let recorder = Arc::new(MemoryRecorder::default());
        let shared = Shared {
            clock: Clock::running_from(at("2026-01-15T09:00:00Z")),
            recorder: Arc::clone(&recorder) as Arc<_>,
        };
        let insi = InsiConfig {
            verification: true,
            ..InsiConfig::default()
        };
        let mock = InsiMock::start(insi, shared, pki()).await.unwrap();
        let mut config = config(&mock.addresses()["tlsm"]);
        let disque = tempfile::tempdir().unwrap();
        if let Some(url) = dmp {
            config.dmp = Some(dmp_settings(url));
            config.store = Some(disque.path().join("dossiers.json"));
        }
        config.mutants = mutants.iter().map(|m| (*m).to_owned()).collect();
        let dui = Dui::start(config).await.unwrap();
        Self {
            recorder,
            mock,
            dui,
            http: reqwest::Client::new(),
            _disque: disque,
        }
    }

    pub(crate) async fn stop(self) {
        self.dui.stop().await.unwrap();
        self.mock.stop().await;
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.dui.addr())
    }

    /// Performs an action and returns the whole answer.
    pub(crate) async fn action(&self, name: &str, params: Value) -> Value {
        let body = json!({"action": name, "params": params, "scenario": "INS/essai", "step": 1, "deadline_ms": 30_000});
        let response = self
            .http
            .post(self.url(&format!("/actions/{name}")))
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200, "{name}");
        response.json().await.unwrap()
    }

    /// Performs an action that must be done; returns its result.
    pub(crate) async fn done(&self, name: &str, params: Value) -> Value {
        let answer = self.action(name, params).await;
        assert_eq!(answer["status"], "done", "{name}: {answer}");
        answer["result"].clone()
    }

    /// Performs an action that must be refused with a message.
    pub(crate) async fn refused(&self, name: &str, params: Value) -> String {
        let answer = self.action(name, params).await;
        assert_eq!(answer["status"], "refused", "{name}: {answer}");
        answer["message"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn observe(&self, what: &str) -> Value {
        let response = self
            .http
            .get(self.url(&format!("/observations/{what}")))
            .send()
            .await
            .unwrap();
        let body: Value = response.json().await.unwrap();
        body["value"].clone()
    }

    pub(crate) async fn usager(&self, id: &str) -> Value {
        self.observe(&format!("usager?id={id}")).await
    }

    /// Creates a test person of INSi; returns the id.
    pub(crate) async fn creer(&self, persona: &str) -> String {
        let result = self.done("usager.create", formulaire(persona)).await;
        result["usager"]["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn chercher(&self, id: &str) -> Value {
        self.done("ins.search", json!({"usager": id})).await
    }

    pub(crate) async fn accepter(&self, id: &str) -> Value {
        self.done("ins.accept", json!({"usager": id})).await["usager"].clone()
    }

    pub(crate) async fn valider(&self, id: &str) -> Value {
        self.done(
            "usager.justificatif",
            json!({"usager": id, "nature": "passeport"}),
        )
        .await;
        self.done("usager.valider", json!({"usager": id})).await["usager"].clone()
    }

    pub(crate) async fn qualifier(&self, persona: &str) -> String {
        let id = self.creer(persona).await;
        self.chercher(&id).await;
        self.accepter(&id).await;
        assert_eq!(self.valider(&id).await["statut"], "qualifiee");
        id
    }

    pub(crate) fn fault(&self, id: &str) {
        self.fault_with(id, &json!({}));
    }

    pub(crate) fn fault_with(&self, id: &str, with: &Value) {
        let arm = Arm::Fault(FaultArm {
            id: FaultId::new(id).unwrap(),
            from_call: None,
            times: None,
            persona: None,
            with: serde_json::from_value::<BTreeMap<String, Value>>(with.clone()).unwrap(),
        });
        assert!(self.mock.arm(&arm).unwrap());
    }

    pub(crate) fn arm(&self, arm: &Arm) {
        assert!(self.mock.arm(arm).unwrap());
    }

    pub(crate) fn patch(&self, persona: &str, patch: Value) {
        self.arm(&Arm::Persona(PersonaArm {
            id: PersonaId::new(persona).unwrap(),
            patch,
        }));
    }

    /// INSi exchanges seen so far: operation and outcome of the answer.
    pub(crate) fn appels(&self) -> Vec<String> {
        self.recorder
            .events()
            .iter()
            .filter_map(|entry| match &entry {
                Event::ExchangeReceived(exchange) => Some(exchange.operation.clone()),
                _ => None,
            })
            .collect()
    }
}

/// The creation form of a test person.
pub(crate) fn formulaire(persona: &str) -> Value {
    let person = diapason_mock_insi::personas(0)
        .into_iter()
        .find(|p| p.id.as_str() == persona)
        .unwrap();
    let traits = person.traits;
    json!({
        "nom_naissance": traits.nom_naissance,
        "premier_prenom": traits.prenoms[0],
        "prenoms": traits.prenoms,
        "sexe": traits.sexe,
        "date_naissance": traits.date_naissance,
        "lieu_naissance": traits.lieu_naissance.map_or_else(|| "99999".to_owned(), |l| l.to_string()),
    })
}

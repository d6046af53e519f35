//! Through real TLS sockets.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use diapason_core::journal::MemoryRecorder;
use diapason_core::scenario::FaultArm;
use diapason_core::{Clock, Event, Exchange, ExchangeAnswer};
use diapason_formats::insi::answer_problems;
use diapason_mock_common::pki::{ClientCertificate, Pki};
use diapason_mock_common::{Mock, Shared};
use serde_json::json;

use super::*;
use crate::{Behaviour, InsiConfig, InsiMock, Untrusted};

static PKI: LazyLock<(tempfile::TempDir, Arc<Pki>)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let pki = Arc::new(Pki::open_or_create(dir.path()).unwrap());
    (dir, pki)
});

struct Bench {
    mock: InsiMock,
    recorder: Arc<MemoryRecorder>,
}

impl Bench {
    async fn start(behaviour: Behaviour) -> Self {
        // Another test may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let recorder = Arc::new(MemoryRecorder::default());
        let at = Timestamp::try_from("2026-01-15T09:00:00Z".to_owned()).unwrap();
        let shared = Shared {
            clock: Clock::manual(at),
            recorder: recorder.clone(),
        };
        let config = InsiConfig {
            seed: 11,
            ..InsiConfig::default()
        };
        let mock = InsiMock::start_with(config, behaviour, shared, Arc::clone(&PKI.1))
            .await
            .unwrap();
        Self { mock, recorder }
    }

    fn client(which: Option<ClientCertificate>) -> reqwest::Client {
        let bundle = PKI.1.content("ca-bundle.pem").unwrap();
        let builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(5))
            .tls_certs_only(reqwest::Certificate::from_pem_bundle(bundle).unwrap());
        match which {
            None => builder,
            Some(which) => {
                let files = PKI.1.client(which);
                let pem = [
                    std::fs::read(files.cert).unwrap(),
                    std::fs::read(files.key).unwrap(),
                ]
                .concat();
                builder.identity(reqwest::Identity::from_pem(&pem).unwrap())
            }
        }
        .build()
        .unwrap()
    }

    async fn post(
        &self,
        listener: &str,
        which: Option<ClientCertificate>,
        body: impl Into<Vec<u8>>,
    ) -> reqwest::Result<(u16, Vec<u8>)> {
        let url = self.mock.addresses()[listener].clone();
        let response = Self::client(which)
            .post(url)
            .header("Content-Type", "application/soap+xml; charset=utf-8")
            .body(body.into())
            .send()
            .await?;
        let status = response.status().as_u16();
        Ok((status, response.bytes().await?.to_vec()))
    }

    fn exchanges(&self) -> Vec<Exchange> {
        let picked = self.recorder.events().into_iter();
        picked
            .filter_map(|e| match e {
                Event::ExchangeReceived(x) => Some(x),
                _ => None,
            })
            .collect()
    }

    fn answers(&self) -> Vec<ExchangeAnswer> {
        let picked = self.recorder.events().into_iter();
        picked
            .filter_map(|e| match e {
                Event::ExchangeAnswered(x) => Some(x),
                _ => None,
            })
            .collect()
    }
}

const MANU: Option<ClientCertificate> = Some(ClientCertificate::InsiManu);

#[tokio::test]
async fn a_search_over_mutual_tls_is_answered_and_recorded() {
    let bench = Bench::start(Behaviour::default()).await;
    let (status, body) = bench
        .post("tlsm", MANU, usual("p05-dartagnan").body)
        .await
        .unwrap();
    assert_eq!(status, 200);
    assert_eq!(answer_problems(&body), Vec::<String>::new());
    let exchange = bench.exchanges().remove(0);
    assert_eq!(exchange.listener, "tlsm");
    assert_eq!(exchange.operation, OP_TRAITS);
    assert_eq!(exchange.persona.unwrap().as_str(), "p05-dartagnan");
    assert_eq!(
        exchange.presented["message_id"],
        Sha256Hex::of(b"uuid:4f3f2f10-0000-4000-8000-000000000004")
    );
    let certificate = exchange.tls.unwrap().client_certificate.unwrap();
    assert_eq!(certificate.subject_cn.as_deref(), Some("INSI-MANU"));
    assert_eq!(certificate.subject_ou.as_deref(), Some("10B0990001"));
    assert_eq!(bench.answers()[0].outcome, "00");
    bench.mock.stop().await;
}

#[tokio::test]
async fn certificates_are_asked_for_and_looked_at() {
    let bench = Bench::start(Behaviour::default()).await;
    let body = || usual("p01-adrun").body;
    assert!(bench.post("tlsm", None, body()).await.is_err());
    for (which, outcome) in [
        (ClientCertificate::InsiAuto, "00"),
        (ClientCertificate::AutreCn, "desir_560"),
        (ClientCertificate::Expire, "desir_560"),
        (ClientCertificate::Etranger, "desir_560"),
    ] {
        bench.post("tlsm", Some(which), body()).await.unwrap();
        assert_eq!(
            bench.answers().last().unwrap().outcome,
            outcome,
            "{which:?}"
        );
    }
    let (status, _) = bench.post("tls", None, body()).await.unwrap();
    assert_eq!(status, 500);
    bench.mock.stop().await;

    let strict = Bench::start(Behaviour {
        untrusted_client: Untrusted::Alert,
        ..Behaviour::default()
    })
    .await;
    let refused = strict
        .post("tlsm", Some(ClientCertificate::Expire), body())
        .await;
    assert!(refused.is_err());
    assert!(strict.post("tlsm", MANU, body()).await.is_ok());
    strict.mock.stop().await;
}

#[tokio::test]
async fn every_fault_plays_on_the_wire() {
    let bench = Bench::start(Behaviour::default()).await;
    let mut played = 0;
    for spec in crate::faults() {
        let id = spec.id.as_str();
        if id.starts_with("X-F-TLS-") {
            continue;
        }
        let with: Vec<(&str, Value)> = match id {
            "INSI-F-XML-HUGE" => vec![("megabytes", json!(2))],
            "INSI-F-DELAY" => vec![("milliseconds", json!(20))],
            _ => vec![],
        };
        bench.mock.arm(&fault(id, &with)).unwrap();
        let body = usual("p03-adrtrois-dominique").body;
        let client_gives_up = Duration::from_millis(if id == "INSI-F-SILENT" { 200 } else { 4000 });
        let call = bench.post("tlsm", MANU, body);
        let result = tokio::time::timeout(client_gives_up, call).await;
        let answered = matches!(result, Ok(Ok(_)));
        let silent = matches!(
            id,
            "INSI-F-SILENT" | "INSI-F-RESET" | "INSI-F-CUT" | "INSI-F-HTTP-GARBAGE"
        );
        assert_eq!(answered, !silent, "{id}: {result:?}");
        bench.mock.arm(&Arm::Clear(true)).unwrap();
        played += 1;
    }
    assert!(played >= 70, "{played}");
    let said: std::collections::BTreeSet<String> = bench
        .answers()
        .iter()
        .filter_map(|a| a.fault.as_ref().map(ToString::to_string))
        .collect();
    // The silent one is answered when its peer has gone, which may come a moment later.
    assert!(said.len() >= played - 1, "{} of {played}", said.len());
    bench.mock.stop().await;
}

#[tokio::test]
async fn a_bad_server_certificate_is_refused_by_a_sound_client() {
    let bench = Bench::start(Behaviour::default()).await;
    for id in [
        "X-F-TLS-FOREIGN-CA",
        "X-F-TLS-EXPIRED",
        "X-F-TLS-WRONG-NAME",
        "X-F-TLS-SELF-SIGNED",
        "X-F-TLS-OLD",
        "X-F-TLS-REFUSE",
    ] {
        bench.mock.arm(&fault(id, &[])).unwrap();
        let result = bench.post("tlsm", MANU, usual("p01-adrun").body).await;
        assert!(result.is_err(), "{id}");
        bench.mock.reset();
    }
    assert_eq!(bench.exchanges(), []);
    let result = bench.post("tlsm", MANU, usual("p01-adrun").body).await;
    assert_eq!(result.unwrap().0, 200);
    bench.mock.stop().await;
}

#[tokio::test]
async fn production_data_is_refused_before_it_is_kept() {
    let bench = Bench::start(Behaviour::default()).await;
    let real = "1800175001123";
    let payload = format!(
        "<v:MatriculeIndividu><v:NumIdentifiant>{real}</v:NumIdentifiant></v:MatriculeIndividu>"
    );
    let (status, _) = bench
        .post("tlsm", MANU, vitale(&payload).into_bytes())
        .await
        .unwrap();
    assert_eq!(status, 403);
    let events = bench.recorder.events();
    assert!(
        events
            .iter()
            .any(|e| matches!(e, Event::RealDataRefused { .. }))
    );
    assert!(!format!("{events:?}").contains(real));
    for exchange in bench.exchanges() {
        let kept = bench.recorder.bytes(&exchange.request).unwrap();
        assert!(!String::from_utf8_lossy(&kept).contains(real));
    }
    bench.mock.stop().await;
}

#[tokio::test]
async fn a_fault_for_one_person_leaves_the_others_alone() {
    let bench = Bench::start(Behaviour::default()).await;
    let only = Arm::Fault(FaultArm {
        id: FaultId::new("INSI-F-CR-02").unwrap(),
        from_call: Some(2),
        times: Some(1),
        persona: Some(who("p01-adrun").id),
        with: std::collections::BTreeMap::new(),
    });
    assert!(bench.mock.arm(&only).unwrap());
    for (id, outcome) in [
        ("p01-adrun", "00"),
        ("p02-adrdeux", "00"),
        ("p01-adrun", "02"),
        ("p01-adrun", "00"),
    ] {
        bench.post("tlsm", MANU, usual(id).body).await.unwrap();
        assert_eq!(bench.answers().last().unwrap().outcome, outcome);
    }
    bench.mock.stop().await;
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_says_so() {
    let bench = Bench::start(Behaviour::default()).await;
    let taken: u16 = bench.mock.addresses()["tls"]
        .trim_start_matches("https://localhost:")
        .trim_end_matches("/lps")
        .parse()
        .unwrap();
    let config = InsiConfig {
        tls_addr: ([127, 0, 0, 1], taken).into(),
        ..InsiConfig::default()
    };
    let shared = Shared {
        clock: Clock::system(),
        recorder: bench.recorder.clone(),
    };
    let error = InsiMock::start(config, shared, Arc::clone(&PKI.1))
        .await
        .unwrap_err();
    assert!(format!("{error:?}").contains(&taken.to_string()));
    bench.mock.stop().await;
}

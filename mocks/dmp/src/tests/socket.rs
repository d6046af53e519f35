//! Through real TLS sockets.

use std::time::Duration;

use diapason_core::journal::MemoryRecorder;
use diapason_core::{Event, Exchange, ExchangeAnswer, Sha256Hex};
use diapason_mock_common::{Mock, Shared};

use super::*;
use crate::{DmpConfig, DmpMock};

struct Bench {
    mock: DmpMock,
    recorder: Arc<MemoryRecorder>,
}

impl Bench {
    async fn start() -> Self {
        // Another test may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let recorder = Arc::new(MemoryRecorder::default());
        let shared = Shared {
            clock: Clock::manual(now()),
            recorder: recorder.clone(),
        };
        let config = DmpConfig {
            people: people(),
            ..DmpConfig::default()
        };
        let mock = DmpMock::start(config, shared, Arc::clone(&PKI.1))
            .await
            .unwrap();
        Self { mock, recorder }
    }

    fn client(which: Option<ClientCertificate>) -> reqwest::Client {
        let bundle = PKI.1.content("ca-bundle.pem").unwrap();
        let builder = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(20))
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

    async fn send(
        &self,
        which: Option<ClientCertificate>,
        request: &Incoming,
    ) -> reqwest::Result<(u16, Vec<u8>)> {
        let service = request.path.rsplit('/').next().unwrap();
        let response = Self::client(which)
            .post(format!("{}/{service}", self.mock.addresses()["tlsm"]))
            .header("Content-Type", &request.headers[0].1)
            .body(request.body.to_vec())
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

const DUI: Option<ClientCertificate> = Some(ClientCertificate::Dui);

#[tokio::test]
async fn a_lot_is_fed_found_read_and_recorded() {
    let bench = Bench::start().await;
    let lot = Lot::new("1");
    let request = lot.request(&vihf("INDIRECTE", ADRUN));
    let (status, body) = bench.send(DUI, &request).await.unwrap();
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let exchange = bench.exchanges().remove(0);
    assert_eq!(
        (exchange.listener.as_str(), exchange.operation.as_str()),
        ("tlsm", "td2.1")
    );
    assert_eq!(exchange.persona.unwrap().as_str(), "p01-adrun");
    assert_eq!(
        exchange.presented["message_id"],
        Sha256Hex::of(b"urn:uuid:4f3f2f10-0000-4000-8000-000000000004")
    );
    // What is kept is what was sent, to the byte.
    let kept = bench.recorder.bytes(&exchange.request).unwrap();
    assert!(kept.ends_with(&request.body));
    let air = vihf("INDIRECTE_RENFORCEE", ADRUN);
    let (_, package) = bench
        .send(DUI, &retrieve(&air, &["2.25.200.1"]))
        .await
        .unwrap();
    let answer = bench.answers().remove(1);
    assert_eq!(answer.outcome, "success");
    let kept = bench.recorder.bytes(&answer.response.unwrap()).unwrap();
    assert!(kept.ends_with(&package));
    let at = |needle: &[u8]| package.windows(needle.len()).any(|w| w == needle);
    assert!(at(&lot.document));
    assert_eq!(bench.mock.states().len(), 1);
    bench.mock.stop().await;
}

#[tokio::test]
async fn a_client_certificate_is_asked_for() {
    let bench = Bench::start().await;
    let request = existence(&vihf("INDIRECTE", ADRUN), ADRUN);
    assert!(bench.send(None, &request).await.is_err());
    assert_eq!(bench.exchanges(), []);
    let expired = Some(ClientCertificate::Expire);
    assert_eq!(bench.send(expired, &request).await.unwrap().0, 500);
    assert_eq!(bench.answers()[0].outcome, "fault:MOCK_DMPCertificatClient");
    bench.mock.stop().await;
}

#[tokio::test]
async fn tls_faults_named_for_the_dmp_play_on_the_soap_listener() {
    let bench = Bench::start().await;
    let request = existence(&vihf("INDIRECTE", ADRUN), ADRUN);
    for id in [
        "X-F-TLS-EXPIRED",
        "X-F-TLS-WRONG-NAME",
        "X-F-TLS-FOREIGN-CA",
        "X-F-TLS-OLD",
        "X-F-TLS-REFUSE",
    ] {
        let arm = json!({ "fault": { "id": id, "with": { "service": "dmp" } } });
        assert!(
            bench
                .mock
                .arm(&serde_json::from_value(arm).unwrap())
                .unwrap()
        );
        assert!(bench.send(DUI, &request).await.is_err(), "{id}");
        bench.mock.reset();
    }
    assert_eq!(bench.exchanges(), []);
    assert_eq!(bench.send(DUI, &request).await.unwrap().0, 200);
    bench.mock.stop().await;
}

#[tokio::test]
async fn the_web_listener_asks_for_nothing() {
    let bench = Bench::start().await;
    let base = bench.mock.addresses()["web"].clone();
    let url = format!("{base}/AccesDirect/TableauDeBord/{}", ADRUN.0);
    let page = Bench::client(None).get(url).send().await.unwrap();
    assert_eq!(page.status().as_u16(), 200);
    assert!(
        page.text()
            .await
            .unwrap()
            .contains("Le DMP de ce patient existe.")
    );
    let exchange = bench.exchanges().remove(0);
    assert_eq!(
        (exchange.listener.as_str(), exchange.operation.as_str()),
        ("web", "td0.9")
    );
    bench.mock.stop().await;
}

#[tokio::test]
async fn production_data_is_refused_before_it_is_kept() {
    let bench = Bench::start().await;
    let real = "180017500112318";
    let real = diapason_core::ins::Matricule::from_number(&real[..13])
        .unwrap()
        .to_string();
    let request = post("patients", "application/soap+xml", format!("<a>{real}</a>"));
    assert_eq!(bench.send(DUI, &request).await.unwrap().0, 403);
    let events = bench.recorder.events();
    assert!(
        events
            .iter()
            .any(|e| matches!(e, Event::RealDataRefused { .. }))
    );
    assert!(!format!("{events:?}").contains(&real));
    for exchange in bench.exchanges() {
        assert_eq!(exchange.request_len, 0);
    }
    bench.mock.stop().await;
}

#[tokio::test]
async fn a_large_document_goes_through() {
    let bench = Bench::start().await;
    let mut lot = Lot::new("1");
    lot.document = vec![b'a'; 12 * 1024 * 1024];
    let request = lot.request(&vihf("INDIRECTE", ADRUN));
    let (status, body) = bench.send(DUI, &request).await.unwrap();
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let air = vihf("INDIRECTE_RENFORCEE", ADRUN);
    let (_, package) = bench
        .send(DUI, &retrieve(&air, &["2.25.200.1"]))
        .await
        .unwrap();
    assert!(package.len() > 12 * 1024 * 1024);
    bench.mock.stop().await;
}

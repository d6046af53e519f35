//! Over TLS, with a client that knows nothing of the mock, and what the journal holds afterwards.

use std::sync::Arc;

use diapason_core::journal::MemoryRecorder;
use diapason_core::{Event, Exchange, ExchangeAnswer, FaultId};
use diapason_mock_common::pki::{ClientCertificate as Shown, Pki};
use diapason_mock_common::{Mock as _, Shared};
use reqwest::{Certificate, Client, ClientBuilder, Identity};

use super::*;
use crate::{PscMock, faults};

static PKI: LazyLock<(tempfile::TempDir, Arc<Pki>)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let pki = Arc::new(Pki::open_or_create(dir.path()).unwrap());
    (dir, pki)
});

struct Bench {
    mock: PscMock,
    recorder: Arc<MemoryRecorder>,
}

fn builder() -> ClientBuilder {
    // Another test may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let bundle = std::fs::read(PKI.1.ca_bundle()).unwrap();
    Client::builder()
        .no_proxy()
        .tls_certs_only(Certificate::from_pem_bundle(&bundle).unwrap())
        .redirect(reqwest::redirect::Policy::none())
        .cookie_store(true)
        .timeout(Duration::from_secs(5))
}

fn identity(which: Shown) -> Identity {
    let files = PKI.1.client(which);
    let mut pem = std::fs::read(files.cert).unwrap();
    pem.extend(std::fs::read(files.key).unwrap());
    Identity::from_pem(&pem).unwrap()
}

impl Bench {
    async fn start(client: ClientConfig) -> Self {
        let recorder = Arc::new(MemoryRecorder::default());
        let shared = Shared {
            clock: Clock::manual(start_time()),
            recorder: Arc::clone(&recorder) as Arc<dyn diapason_core::Recorder>,
        };
        let config = PscConfig {
            clients: vec![client],
            keys_dir: Some(keys_dir()),
            ..PscConfig::default()
        };
        let mock = PscMock::start(config, shared, Arc::clone(&PKI.1))
            .await
            .unwrap();
        Self { mock, recorder }
    }

    fn arm(&self, arm: Value) {
        assert!(
            self.mock
                .arm(&serde_json::from_value(arm).unwrap())
                .unwrap()
        );
    }

    async fn document(&self, http: &Client) -> Value {
        let answer = http.get(self.mock.discovery()).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// Presses the button: the callback's parameters.
    async fn authorize(&self, http: &Client, document: &Value) -> BTreeMap<String, String> {
        let mut url = url::Url::parse(text(document, "authorization_endpoint")).unwrap();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", CLIENT)
            .append_pair("redirect_uri", REDIRECT)
            .append_pair("scope", "openid scope_all")
            .append_pair("acr_values", "eidas1")
            .append_pair("state", "etat")
            .append_pair("nonce", "nonce");
        let answer = http.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 302);
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        assert!(location.starts_with(REDIRECT));
        url::Url::parse(&location)
            .unwrap()
            .query_pairs()
            .into_owned()
            .collect()
    }

    fn exchanges(&self) -> Vec<(Exchange, ExchangeAnswer)> {
        let events = self.recorder.events();
        let answers = || {
            events.iter().filter_map(|e| match e {
                Event::ExchangeAnswered(a) => Some(a),
                _ => None,
            })
        };
        events
            .iter()
            .filter_map(|e| match e {
                Event::ExchangeReceived(x) => Some(x.clone()),
                _ => None,
            })
            .filter_map(|x| Some((x.clone(), answers().find(|a| a.id == x.id)?.clone())))
            .collect()
    }
}

fn code_form(code: &str) -> [(&str, &str); 3] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
    ]
}

#[tokio::test]
async fn a_whole_login_over_tls_is_in_the_journal() {
    let bench = Bench::start(client()).await;
    bench.arm(json!({ "psc_user": { "persona": "idec" } }));
    let http = builder().build().unwrap();
    let document = bench.document(&http).await;
    assert_eq!(document["issuer"], json!(bench.mock.issuer()));
    let back = bench.authorize(&http, &document).await;
    let tokens: Value = http
        .post(text(&document, "token_endpoint"))
        .basic_auth("dui-test", Some("secret+du+dui%3Atest"))
        .form(&code_form(&back["code"]))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let info: Value = http
        .get(text(&document, "userinfo_endpoint"))
        .bearer_auth(text(&tokens, "access_token"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(info["SubjectNameID"], "899709900023");
    // The wallet's cookie makes the second login silent; log-out ends that.
    bench.authorize(&http, &document).await;
    let out = http
        .get(text(&document, "end_session_endpoint"))
        .query(&[("id_token_hint", text(&tokens, "id_token"))])
        .send()
        .await
        .unwrap();
    assert_eq!(out.status(), 200);
    bench.authorize(&http, &document).await;
    bench.mock.stop().await;

    let seen: Vec<(String, String, String)> = bench
        .exchanges()
        .into_iter()
        .map(|(x, a)| (x.listener, x.operation, a.outcome))
        .collect();
    let expected = [
        ("auth", "discovery", "ok"),
        ("wallet", "authorize", "code"),
        ("auth", "token_code", "ok"),
        ("auth", "userinfo", "ok"),
        ("wallet", "authorize", "code_sso"),
        ("auth", "logout", "ok"),
        ("wallet", "authorize", "code"),
    ];
    let expected: Vec<_> = expected
        .map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()))
        .to_vec();
    assert_eq!(seen, expected);
    let all = bench.exchanges();
    assert_eq!(all[1].1.issued["code"], all[2].0.presented["code"]);
    assert_eq!(
        all[2].1.issued["access_token"],
        all[3].0.presented["access_token"]
    );
    assert_eq!(all[2].1.issued["id_token"], all[5].0.presented["id_token"]);
    assert_eq!(all[1].1.issued["sso"], all[4].0.presented["sso"]);
    assert!(
        all[1..4]
            .iter()
            .all(|(x, _)| x.persona.as_ref().is_some_and(|p| p.as_str() == "idec"))
    );
    assert_eq!(bench.mock.failure(), None);
}

#[tokio::test]
async fn a_client_certificate_of_the_test_pki_authenticates_and_no_other() {
    let any = ClientConfig {
        secret: None,
        certificate: Some(ClientCertificate::AnyTrusted),
        ..client()
    };
    let bench = Bench::start(any).await;
    bench.arm(json!({ "psc_user": { "persona": "idec" } }));
    for (which, status) in [
        (Some(Shown::Dui), 200),
        (Some(Shown::Etranger), 401),
        (Some(Shown::Expire), 401),
        (Some(Shown::Revoque), 401),
        (None, 401),
    ] {
        let mut http = builder();
        if let Some(which) = which {
            http = http.identity(identity(which));
        }
        let http = http.build().unwrap();
        let document = bench.document(&http).await;
        let back = bench.authorize(&http, &document).await;
        let mut form = code_form(&back["code"]).to_vec();
        form.push(("client_id", CLIENT));
        let answer = http
            .post(text(&document, "token_endpoint"))
            .form(&form)
            .send()
            .await
            .unwrap();
        assert_eq!(
            answer.status().as_u16(),
            status,
            "{which:?}: {}",
            answer.text().await.unwrap()
        );
    }
    let seen: Vec<bool> = bench
        .exchanges()
        .into_iter()
        .filter(|(x, _)| x.operation == "token_code")
        .filter_map(|(x, _)| x.tls?.client_certificate)
        .map(|c| c.trusted)
        .collect();
    assert_eq!(seen, [true, false, false, false]);
    bench.mock.stop().await;
}

#[tokio::test]
async fn silence_and_a_cut_reach_the_client_as_such() {
    let bench = Bench::start(client()).await;
    bench.arm(json!({ "psc_user": { "persona": "idec" } }));
    let http = builder().build().unwrap();
    let document = bench.document(&http).await;
    for (fault, delivery) in [("PSC-F-TOKEN-SILENT", "silent"), ("PSC-F-TOKEN-CUT", "cut")] {
        bench.arm(json!({ "fault": { "id": fault, "times": 1 } }));
        let back = bench.authorize(&http, &document).await;
        let answer = http
            .post(text(&document, "token_endpoint"))
            .basic_auth("dui-test", Some("secret+du+dui%3Atest"))
            .form(&code_form(&back["code"]))
            .timeout(Duration::from_millis(300))
            .send()
            .await;
        let read = match answer {
            Ok(answer) => answer.bytes().await.map(|_| ()),
            Err(error) => Err(error),
        };
        assert!(read.is_err(), "{fault}");
        bench.arm(json!({ "clear": true }));
        let answers = || {
            bench
                .exchanges()
                .into_iter()
                .filter(|(x, _)| x.operation == "token_code")
        };
        // The silent exchange is recorded once the peer has given up.
        for _ in 0..200 {
            if answers().any(|(_, a)| a.delivery.as_deref() == Some(delivery)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let (_, last) = answers().next_back().unwrap();
        assert_eq!(last.fault, Some(FaultId::new(fault).unwrap()));
    }
    bench.mock.stop().await;
}

#[tokio::test]
async fn a_careful_client_refuses_each_bad_handshake() {
    let bench = Bench::start(client()).await;
    let tls: Vec<_> = faults()
        .into_iter()
        .filter(|f| f.operations == ["tls"])
        .collect();
    assert_eq!(tls.len(), 8);
    for fault in tls {
        bench.arm(json!({ "fault": { "id": fault.id.as_str(), "times": 1 } }));
        let crl = PKI.1.content("organisations.crl").map(<[u8]>::to_vec);
        let mut http = builder();
        if fault.id.as_str() == "X-F-TLS-REVOKED"
            && let Some(crl) = crl
        {
            let pem = diapason_formats::jwt::pem("X509 CRL", &crl);
            let list = reqwest::tls::CertificateRevocationList::from_pem(pem.as_bytes()).unwrap();
            http = http.tls_crls_only([list]);
        }
        let http = http.build().unwrap();
        let answer = http.get(bench.mock.discovery()).send().await;
        assert!(answer.is_err(), "{}", fault.id);
        bench.arm(json!({ "clear": true }));
    }
    let http = builder().build().unwrap();
    assert!(bench.document(&http).await["issuer"].is_string());
    bench.mock.stop().await;
}

#[tokio::test]
async fn a_real_identifier_is_refused_and_not_kept() {
    let bench = Bench::start(client()).await;
    let http = builder().build().unwrap();
    let document = bench.document(&http).await;
    let answer = http
        .post(text(&document, "backchannel_authentication_endpoint"))
        .basic_auth("dui-test", Some("secret+du+dui%3Atest"))
        .form(&[
            ("scope", "openid scope_all"),
            ("login_hint", "810000000009"),
        ])
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 403);
    let events = bench.recorder.events();
    assert!(
        events
            .iter()
            .any(|e| matches!(e, Event::RealDataRefused { .. }))
    );
    assert!(
        !serde_json::to_string(&events)
            .unwrap()
            .contains("810000000009")
    );
    bench.mock.stop().await;
}

#[tokio::test]
async fn addresses_and_switches_are_told() {
    let bench = Bench::start(client()).await;
    let addresses = bench.mock.addresses();
    assert_eq!(
        addresses.keys().collect::<Vec<_>>(),
        ["auth", "discovery", "issuer", "wallet"]
    );
    assert_ne!(addresses["auth"], addresses["wallet"]);
    assert!(
        bench
            .mock
            .switches()
            .values()
            .filter(|v| v.contains("guess"))
            .count()
            >= 8
    );
    bench.arm(json!({ "psc_user": { "persona": "idec" } }));
    bench.mock.reset();
    bench.mock.stop().await;
}

//! Handshakes: what is agreed, who is who, what is refused and how that is told.

use diapason_core::Timestamp;
use diapason_core::exchange::FailureStage;
use reqwest::tls::Version;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http::{ServerCertificate, TlsFault};
use crate::pki::{ClientCertificate, ORGANISATIONS_CN, STRUCTURE_ID};
use crate::server::{ClientAuth, ListenerOptions, TlsMode};
use crate::testing::{self, Bench, Told, hasty};

fn start(client_auth: ClientAuth) -> Bench {
    Bench::start(
        Told::to_echo(),
        Some(TlsMode { client_auth }),
        ListenerOptions::default(),
    )
}

#[tokio::test]
async fn both_versions_are_spoken_and_recorded() {
    for (version, name, suite) in [
        (Version::TLS_1_2, "1.2", "TLS_ECDHE_RSA_"),
        (Version::TLS_1_3, "1.3", "TLS_AES_"),
    ] {
        let bench = start(ClientAuth::None);
        let client = Bench::client().tls_version_max(version).build().unwrap();
        let answer = client
            .post(bench.url("/a/token"))
            .body("corps")
            .send()
            .await;
        assert_eq!(answer.unwrap().text().await.unwrap(), "POST /a/token corps");
        let exchange = &bench.exchanges()[0];
        assert_eq!(exchange.operation, "token");
        let tls = exchange.tls.as_ref().unwrap();
        assert_eq!(tls.version.as_deref(), Some(name));
        assert_eq!(tls.offered_versions[0], name);
        assert_eq!(tls.sni.as_deref(), Some("localhost"));
        let cipher = tls.cipher_suite.as_deref().unwrap();
        assert!(cipher.starts_with(suite), "{cipher}");
        assert_eq!(tls.client_certificate, None);
    }
}

#[tokio::test]
async fn the_test_hosts_of_the_real_platforms_can_be_led_here() {
    let bench = start(ClientAuth::None);
    let host = "auth.bas.psc.esante.gouv.fr";
    let client = Bench::client().resolve(host, bench.listener.addr());
    let url = format!("https://{host}:{}/x", bench.listener.addr().port());
    let answer = client.build().unwrap().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let tls = bench.exchanges()[0].tls.clone().unwrap();
    assert_eq!(tls.sni.as_deref(), Some(host));
}

async fn present(which: ClientCertificate, version: Version) -> (bool, Option<String>) {
    let bench = start(ClientAuth::Required);
    let client = Bench::client()
        .identity(Bench::identity(which))
        .tls_version_max(version);
    let answer = client.build().unwrap().get(bench.url("/x")).send().await;
    assert_eq!(answer.unwrap().status(), 200);
    let tls = bench.exchanges()[0].tls.clone().unwrap();
    let seen = tls.client_certificate.unwrap();
    assert_eq!(seen.subject_cn.as_deref(), Some(which.common_name()));
    assert_eq!(seen.subject_ou.as_deref(), Some(STRUCTURE_ID));
    if which != ClientCertificate::Etranger {
        assert_eq!(seen.issuer_cn.as_deref(), Some(ORGANISATIONS_CN));
    }
    (seen.trusted, seen.trust_problem)
}

#[tokio::test]
async fn a_client_certificate_is_recorded_and_judged_not_refused() {
    use ClientCertificate::{Etranger, Expire, InsiManu, Revoque};
    for version in [Version::TLS_1_2, Version::TLS_1_3] {
        assert_eq!(present(InsiManu, version).await, (true, None));
        for (which, problem) in [
            (Expire, "expired"),
            (Revoque, "revoked"),
            (Etranger, "unknown issuer"),
        ] {
            let judged = present(which, version).await;
            assert_eq!(judged, (false, Some(problem.to_owned())));
        }
    }
}

#[tokio::test]
async fn trust_is_judged_at_the_bench_s_time() {
    let bench = start(ClientAuth::Requested);
    bench
        .clock
        .set(Timestamp::try_from("2046-01-01T00:00:00Z".to_owned()).unwrap());
    let client = Bench::client().identity(Bench::identity(ClientCertificate::Dui));
    client
        .build()
        .unwrap()
        .get(bench.url("/x"))
        .send()
        .await
        .unwrap();
    let seen = bench.exchanges()[0].tls.clone().unwrap().client_certificate;
    assert_eq!(seen.unwrap().trust_problem.as_deref(), Some("expired"));
}

#[tokio::test]
async fn a_client_without_certificate_is_served_or_refused_as_configured() {
    for version in [Version::TLS_1_2, Version::TLS_1_3] {
        let client = || Bench::client().tls_version_max(version).build().unwrap();
        let bench = start(ClientAuth::Requested);
        client().get(bench.url("/x")).send().await.unwrap();
        assert_eq!(
            bench.exchanges()[0].tls.clone().unwrap().client_certificate,
            None
        );

        let bench = start(ClientAuth::Required);
        assert!(client().get(bench.url("/x")).send().await.is_err());
        let failure = bench.failure().await;
        assert_eq!(
            failure.reason,
            "bench refused the peer: no client certificate"
        );
    }
}

#[tokio::test]
async fn an_untrusted_certificate_is_refused_by_alert_when_asked() {
    let options = ListenerOptions {
        refuse_untrusted_client: true,
        ..ListenerOptions::default()
    };
    let mode = TlsMode {
        client_auth: ClientAuth::Required,
    };
    for version in [Version::TLS_1_2, Version::TLS_1_3] {
        let bench = Bench::start(Told::to_echo(), Some(mode), options);
        let client = Bench::client()
            .identity(Bench::identity(ClientCertificate::Etranger))
            .tls_version_max(version);
        let error = client.build().unwrap().get(bench.url("/x")).send().await;
        let error = format!("{:?}", error.unwrap_err());
        assert!(error.contains("UnknownCA"), "{error}");
        let reason = bench.failure().await.reason;
        assert!(reason.contains("UnknownIssuer"), "{reason}");

        let client = Bench::client().identity(Bench::identity(ClientCertificate::Dui));
        let answer = client.build().unwrap().get(bench.url("/x")).send().await;
        assert_eq!(answer.unwrap().status(), 200);
    }
}

async fn refused(fault: TlsFault, version: Version, client: reqwest::ClientBuilder) -> String {
    let bench = start(ClientAuth::None);
    *bench.service.tls.lock().unwrap() = Some(fault.clone());
    let client = client.tls_version_max(version).build().unwrap();
    let answer = client.get(bench.url("/x")).send().await;
    assert!(answer.is_err(), "{fault:?} was accepted");
    let failure = bench.failure().await;
    assert_eq!(failure.fault.unwrap().as_str(), "X-F-TLS-TEST");
    let stage = match fault {
        TlsFault::Refuse => FailureStage::Bench,
        TlsFault::Certificate(_) | TlsFault::OldTls => FailureStage::Handshake,
    };
    assert_eq!(failure.stage, stage, "{}", failure.reason);
    assert_eq!(failure.tls.unwrap().sni.as_deref(), Some("localhost"));
    failure.reason
}

#[tokio::test]
async fn each_wrong_certificate_is_refused_by_a_real_client_and_that_is_recorded() {
    use ServerCertificate::{Expired, ForeignCa, Revoked, SelfSigned, SmallKey, WrongName};
    let crls = || {
        let pem = testing::pki()
            .content("organisations.crl.pem")
            .unwrap()
            .to_vec();
        let list = reqwest::tls::CertificateRevocationList::from_pem(&pem).unwrap();
        Bench::client().tls_crls_only([list])
    };
    for version in [Version::TLS_1_2, Version::TLS_1_3] {
        for (which, alert) in [
            (Expired, "certificate_expired"),
            (WrongName, "bad_certificate"),
            (ForeignCa, "unknown_ca"),
            (SelfSigned, "unknown_ca"),
            (SmallKey, "decrypt_error"),
        ] {
            let fault = TlsFault::Certificate(which);
            let reason = refused(fault, version, Bench::client()).await;
            assert_eq!(reason, format!("peer sent alert: {alert}"), "{which:?}");
        }
        let fault = TlsFault::Certificate(Revoked);
        let reason = refused(fault, version, crls()).await;
        assert_eq!(reason, "peer sent alert: certificate_revoked");
    }
}

#[tokio::test]
async fn a_client_that_checks_nothing_is_served_and_the_fault_is_told() {
    for which in [ServerCertificate::ForeignCa, ServerCertificate::SmallKey] {
        let bench = start(ClientAuth::None);
        *bench.service.tls.lock().unwrap() = Some(TlsFault::Certificate(which));
        let client = Bench::client().tls_danger_accept_invalid_certs(true);
        let answer = client.build().unwrap().get(bench.url("/x")).send().await;
        assert_eq!(answer.unwrap().status(), 200);
        let fault = bench.answers()[0].fault.clone().unwrap();
        assert_eq!(fault.as_str(), "X-F-TLS-TEST");
    }
}

#[tokio::test]
async fn old_tls_and_a_refused_connection_are_told_apart() {
    let reason = refused(TlsFault::OldTls, Version::TLS_1_3, Bench::client()).await;
    assert_eq!(reason, "peer sent alert: protocol_version");
    let reason = refused(TlsFault::Refuse, Version::TLS_1_3, Bench::client()).await;
    assert_eq!(
        reason,
        "bench closed the connection on the ClientHello, as asked"
    );
}

#[tokio::test]
async fn what_is_not_a_handshake_is_recorded_as_what_it_is() {
    for (bytes, stage, expected) in [
        (
            &b""[..],
            FailureStage::NoHello,
            "peer closed the connection without a ClientHello",
        ),
        (
            b"\x16\x03\x01\x00\x05\x01",
            FailureStage::Hello,
            "peer closed the connection within its ClientHello, after 6 bytes",
        ),
        (
            b"\x80\x2e\x01\x00\x02",
            FailureStage::NoHello,
            "not TLS: the first bytes are 80 2e 01 00 02",
        ),
        (
            b"GET / HTTP/1.1\r\n\r\n",
            FailureStage::NoHello,
            "not TLS: the peer spoke plain HTTP",
        ),
    ] {
        let bench = start(ClientAuth::None);
        let mut tcp = TcpStream::connect(bench.listener.addr()).await.unwrap();
        tcp.write_all(bytes).await.unwrap();
        tcp.shutdown().await.unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await.unwrap();
        assert_eq!(
            answer.starts_with("HTTP/1.1 400"),
            bytes.starts_with(b"GET")
        );
        let failure = bench.failure().await;
        assert_eq!((failure.stage, failure.reason.as_str()), (stage, expected));
    }
}

#[tokio::test]
async fn a_client_that_leaves_after_the_handshake_is_recorded() {
    let bench = start(ClientAuth::None);
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(testing::pki().roots())
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let tcp = TcpStream::connect(bench.listener.addr()).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let mut stream = connector.connect(name, tcp).await.unwrap();
    stream.shutdown().await.unwrap();
    let failure = bench.failure().await;
    assert_eq!(
        failure.reason,
        "peer closed the connection after the handshake, before any request"
    );
    assert_eq!(failure.stage, FailureStage::AfterHandshake);
}

#[tokio::test]
async fn silence_before_the_hello_has_an_end() {
    let bench = Bench::start(Told::to_echo(), Some(TlsMode::default()), hasty());
    let _tcp = TcpStream::connect(bench.listener.addr()).await.unwrap();
    assert_eq!(bench.failure().await.reason, "no ClientHello within 200ms");
}

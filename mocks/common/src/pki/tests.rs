//! The test PKI: made once, whole, and each certificate has the defect its name says and no other.

use std::sync::Arc;

use diapason_core::Timestamp;
use rustls::client::danger::ServerCertVerifier;
use rustls_pki_types::{ServerName, UnixTime};

use super::*;
use crate::testing;

fn now() -> Timestamp {
    Timestamp::try_from("2026-01-15T09:00:00Z".to_owned()).unwrap()
}

fn problem(which: ClientCertificate, at: Timestamp) -> Option<String> {
    let pki = testing::pki();
    let chain = certificates(pki.content(&format!("{}.pem", which.stem())).unwrap()).unwrap();
    let described = pki.describe_client(&chain, at);
    assert_eq!(described.subject_cn.as_deref(), Some(which.common_name()));
    assert_eq!(described.subject_ou.as_deref(), Some(STRUCTURE_ID));
    assert_eq!(described.trusted, described.trust_problem.is_none());
    described.trust_problem
}

#[test]
fn good_client_certificates_are_trusted() {
    use ClientCertificate::{AutreCn, Dui, InsiAuto, InsiManu};
    for which in [InsiManu, InsiAuto, Dui, AutreCn] {
        assert_eq!(problem(which, now()), None, "{which:?}");
    }
}

#[test]
fn each_bad_client_certificate_has_its_one_problem() {
    use ClientCertificate::{Etranger, Expire, Revoque, SansEku};
    for (which, expected) in [
        (Expire, "expired"),
        (Revoque, "revoked"),
        (Etranger, "unknown issuer"),
        (SansEku, "no clientAuth usage"),
    ] {
        assert_eq!(
            problem(which, now()).as_deref(),
            Some(expected),
            "{which:?}"
        );
    }
}

#[test]
fn signature_certificates_sign_and_open_no_connection() {
    use ClientCertificate::{
        Dui, Expire, Revoque, Signature, SignatureEtrangere, SignatureExpiree,
    };
    for (which, as_client, as_signer) in [
        (Signature, Some("no clientAuth usage"), None),
        (
            SignatureEtrangere,
            Some("unknown issuer, no clientAuth usage"),
            Some("unknown issuer"),
        ),
        (
            SignatureExpiree,
            Some("expired, no clientAuth usage"),
            Some("expired"),
        ),
        (Dui, None, Some("no signature usage")),
        (Expire, Some("expired"), Some("expired, no signature usage")),
        (
            Revoque,
            Some("revoked"),
            Some("revoked, no signature usage"),
        ),
    ] {
        assert_eq!(problem(which, now()).as_deref(), as_client, "{which:?}");
        let name = format!("{}.pem", which.stem());
        let der = testing::pki().certificate_der(&name).unwrap();
        let found = testing::pki().signer_problem(&der, now());
        assert_eq!(found.as_deref(), as_signer, "{which:?}");
    }
    assert!(testing::pki().signer_problem(b"?", now()).is_some());
}

#[test]
fn the_signature_certificate_has_the_holder_of_the_connection_and_another_key() {
    use x509_parser::prelude::FromDer as _;
    let of = |stem: &str| {
        testing::pki()
            .certificate_der(&format!("{stem}.pem"))
            .unwrap()
    };
    let (dui, signature) = (of("client-dui"), of("client-dui-signature"));
    let read = |der| {
        x509_parser::certificate::X509Certificate::from_der(der)
            .unwrap()
            .1
    };
    let (dui, signature) = (read(&dui), read(&signature));
    assert_eq!(dui.subject().as_raw(), signature.subject().as_raw());
    assert_ne!(dui.public_key().raw, signature.public_key().raw);
    let usage = signature.key_usage().unwrap().unwrap().value;
    assert!(usage.digital_signature() && usage.non_repudiation());
}

#[test]
fn trust_follows_the_injected_clock() {
    let at = |text: &str| Timestamp::try_from(text.to_owned()).unwrap();
    let expired = ClientCertificate::Expire;
    assert_eq!(problem(expired, at("2021-06-01T00:00:00Z")), None);
    let good = ClientCertificate::InsiManu;
    let early = problem(good, at("2019-12-31T23:59:59Z"));
    assert_eq!(early.as_deref(), Some("not yet valid"));
    let late = problem(good, at("2045-01-01T00:00:01Z"));
    assert_eq!(late.as_deref(), Some("expired"));
}

#[test]
fn a_forged_certificate_of_the_right_name_is_seen() {
    let pki = testing::pki();
    let mut der = pki.certificate_der("client-dui.pem").unwrap().to_vec();
    let last = der.len() - 1;
    der[last] ^= 1;
    let described = pki.describe_client(&[der], now());
    assert_eq!(described.trust_problem.as_deref(), Some("bad signature"));
    let garbage = pki.describe_client(&[b"not a certificate"], now());
    assert!(!garbage.trusted);
}

#[test]
fn the_subject_is_written_last_name_first() {
    let pki = testing::pki();
    let der = pki.certificate_der("client-insi-manu.pem").unwrap();
    assert_eq!(
        pki.describe_client(&[der], now()).subject,
        "CN=INSI-MANU,OU=10B0990001,O=EHPAD DIAPASON TEST,ST=Test (99),C=FR"
    );
}

fn verify_server(which: ServerCertificate, host: &str) -> Result<(), String> {
    let pki = testing::pki();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let crl = pki.content("organisations.crl").unwrap().to_vec();
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(
        Arc::new(pki.roots()),
        provider,
    )
    .with_crls([crl.into()])
    .only_check_end_entity_revocation()
    .build()
    .unwrap();
    let identity = pki.server_identity(which);
    let (leaf, rest) = identity.cert.split_first().unwrap();
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_millis(
        now().unix_millis().unsigned_abs(),
    ));
    verifier
        .verify_server_cert(
            leaf,
            rest,
            &ServerName::try_from(host).unwrap().to_owned(),
            &[],
            at,
        )
        .map(|_| ())
        .map_err(|e| format!("{e:?}"))
}

#[test]
fn the_good_server_is_good_for_every_host_it_may_bear() {
    for host in ["localhost", "127.0.0.1", "::1", "insi.diapason.test"]
        .iter()
        .chain(&PUBLIC_TEST_HOSTS)
    {
        assert_eq!(
            verify_server(ServerCertificate::Good, host),
            Ok(()),
            "{host}"
        );
    }
    assert!(verify_server(ServerCertificate::Good, "services-ps.ameli.fr").is_err());
}

#[test]
fn each_bad_server_is_refused_for_its_own_reason() {
    for (which, reason) in [
        (ServerCertificate::Expired, "Expired"),
        (ServerCertificate::Revoked, "Revoked"),
        (ServerCertificate::WrongName, "NotValidForName"),
        (ServerCertificate::ForeignCa, "UnknownIssuer"),
        (ServerCertificate::SelfSigned, "UnknownIssuer"),
    ] {
        let refused = verify_server(which, "localhost").unwrap_err();
        assert!(refused.contains(reason), "{which:?}: {refused}");
    }
}

#[test]
fn the_small_key_is_small() {
    use x509_parser::prelude::FromDer as _;
    let identity = testing::pki().server_identity(ServerCertificate::SmallKey);
    let (_, leaf) = x509_parser::certificate::X509Certificate::from_der(&identity.cert[0]).unwrap();
    assert_eq!(leaf.public_key().parsed().unwrap().key_size(), 1024);
}

#[test]
fn a_second_opening_reads_what_the_first_made() {
    let pki = testing::pki();
    let again = Pki::open_or_create(pki.dir()).unwrap();
    assert_eq!(again.content("serveur.pem"), pki.content("serveur.pem"));
    assert_eq!(again.file_names().count(), pki.file_names().count());
    assert!(again.file_names().all(|name| again.path(name).exists()));
}

#[cfg(unix)]
#[test]
fn private_keys_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let pki = testing::pki();
    let mut keys = 0;
    for name in pki.file_names() {
        let mode = pki.path(name).metadata().unwrap().permissions().mode() & 0o777;
        if [".key", ".p12"].iter().any(|end| name.ends_with(end)) {
            keys += 1;
            assert_eq!(mode, 0o600, "{name}");
        }
    }
    assert_eq!(keys, 7 + 11 * 2 + 1);
    let stems: Vec<&str> = pki
        .file_names()
        .filter_map(|n| n.strip_suffix(".key"))
        .collect();
    assert!(
        stems
            .iter()
            .all(|s| s.starts_with("client-") || s.starts_with("serveur") || *s == "personne-cps"),
        "no key of an authority is kept"
    );
    assert_eq!(stems.len(), 7 + 11 + 1);
}

#[test]
fn two_openings_at_once_make_one_pki() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Pki::open_or_create(dir.path()).unwrap();
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(open);
        let two = scope.spawn(open);
        (one.join().unwrap(), two.join().unwrap())
    });
    for name in one.file_names() {
        assert_eq!(one.content(name), two.content(name), "{name}");
        assert_eq!(
            one.content(name).unwrap(),
            std::fs::read(one.path(name)).unwrap()
        );
    }
    let left: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n.ends_with(".nouveau"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_half_written_folder_is_made_again_and_a_changed_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let pki = testing::pki();
    for name in pki.file_names() {
        std::fs::write(dir.path().join(name), pki.content(name).unwrap()).unwrap();
    }
    std::fs::copy(pki.path("pki.json"), dir.path().join("pki.json")).unwrap();
    assert!(Pki::open_or_create(dir.path()).is_ok());
    std::fs::write(dir.path().join("racine.pem"), "x").unwrap();
    let error = Pki::open_or_create(dir.path()).unwrap_err().to_string();
    assert!(error.contains("racine.pem was changed"), "{error}");
    std::fs::remove_file(dir.path().join("pki.json")).unwrap();
    let made = Pki::open_or_create(dir.path()).unwrap();
    assert_ne!(made.content("racine.pem"), pki.content("racine.pem"));
}

#[test]
fn the_pkcs12_file_holds_the_key_and_the_chain() {
    let pki = testing::pki();
    let store = p12_keystore::KeyStore::from_pkcs12(
        pki.content("client-dui.p12").unwrap(),
        P12_PASSWORD,
        p12_keystore::Pkcs12ImportPolicy::Strict,
    )
    .unwrap();
    let (_, chain) = store.private_key_chain().unwrap();
    let subjects: Vec<_> = chain
        .certs()
        .iter()
        .map(|c| c.subject().to_owned())
        .collect();
    assert_eq!(subjects.len(), 3, "{subjects:?}");
    let key = PrivateKeyDer::from_pem_slice(pki.content("client-dui.key").unwrap()).unwrap();
    assert_eq!(chain.key().as_der(), key.secret_der());
}

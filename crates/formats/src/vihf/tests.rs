//! Reading, writing and telling a VIHF.
#![allow(clippy::unwrap_used)]

mod attacks;
mod xmlsec1;

use diapason_core::exchange::PeerCertificate;
use diapason_core::{Sha256Hex, Timestamp};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::signature::{Digest, SignOptions, Signer, sign_enveloped};
use crate::xml::{Limits, Tree};

pub(super) const CERTIFICATE: &[u8] = include_bytes!("../../tests/data/signature/signature.pem");
pub(super) const KEY: &[u8] = include_bytes!("../../tests/data/signature/signature.key");
const CONNECTION: &[u8] = include_bytes!("../../tests/data/signature/authentification.pem");
const CONNECTION_KEY: &[u8] = include_bytes!("../../tests/data/signature/authentification.key");

pub(super) fn signer() -> Signer {
    Signer::from_pem(CERTIFICATE, KEY).unwrap()
}

/// A VIHF with everything in it.
pub(super) fn example() -> Vihf {
    let some = |text: &str| Some(text.to_owned());
    Vihf {
        version: some("2.0"),
        id: some("_7f0e"),
        issue_instant: some("2026-01-15T08:59:30.000Z"),
        issuer: some(
            "C=FR, ST=Test (99), O=EHPAD DIAPASON TEST, OU=10B0990001, CN=DUI-EHPAD-DIAPASON",
        ),
        issuer_format: some(X509_SUBJECT_NAME),
        name_id: some("899709900023"),
        authn_instant: some("2026-01-15T08:30:00Z"),
        authn_class: some(authn::PASSWORD),
        vihf_version: some("3.0"),
        mode: some("INDIRECTE"),
        structure: some("10B0990001"),
        secteur: some("SA17^1.2.250.1.71.4.2.4"),
        subject_id: some("D'ÉTÉ & FILS <idec>"),
        roles: vec![
            Coded::new("10", OID_PROFESSION, "Médecin"),
            Coded::new("SM54", OID_SAVOIR_FAIRE, "Médecine \"générale\""),
        ],
        resource_id: some("275126322074974^^^&1.2.250.1.213.1.4.8&ISO^NH"),
        ressource_urn: some(URN_DMP),
        purpose: Some(Coded::new("normal", OID_MODE_ACCES, "Accès normal")),
        confidentiality: vec!["INVISIBLE_REPRESENTANTS_LEGAUX".to_owned()],
        lps_id: some("2.25.1"),
        lps_nom: some("DUI témoin"),
        lps_version: some("1.0.0"),
        homologation: some("TEST-1"),
        ..Vihf::default()
    }
}

pub(super) fn tree(xml: &str) -> Tree {
    Tree::read(xml.as_bytes(), &Limits::default()).unwrap()
}

fn assertion(tree: &Tree) -> NodeId {
    std::iter::once(tree.document_element().unwrap())
        .chain(tree.descendant_elements(NodeId::ROOT))
        .find(|n| tree.is_named(*n, SAML, "Assertion"))
        .unwrap()
}

pub(super) fn signed(vihf: &Vihf) -> String {
    let id = vihf.id.as_deref().unwrap();
    sign_enveloped(&vihf.write(), id, &signer(), &SignOptions::default()).unwrap()
}

/// Without what only reading gives.
fn bare(mut vihf: Vihf) -> Vihf {
    vihf.attributes.clear();
    vihf.node = None;
    vihf.signature = None;
    vihf
}

#[test]
fn what_is_written_is_read_back() {
    let plain = example();
    let mut odd = Vihf {
        conditions: true,
        not_before: Some("2026-01-15T08:00:00Z".to_owned()),
        not_on_or_after: Some("2026-01-15T09:00:00Z".to_owned()),
        audiences: vec!["urn:dmp".to_owned()],
        authn_decl: Some("APP_BROWSER_AUTH".to_owned()),
        mode: Some(Mode::IndirecteRenforcee.as_str().to_owned()),
        ..example()
    };
    odd.confidentiality.clear();
    odd.lps_id = None;
    for vihf in [plain, odd] {
        let text = vihf.write();
        let tree = tree(&text);
        let read = Vihf::read(&tree, assertion(&tree));
        assert_eq!(
            read.attributes.len(),
            12 + 2 * usize::from(vihf.lps_id.is_some())
        );
        assert_eq!(bare(read), vihf, "{text}");
    }
}

#[test]
fn typed_values_are_taken_apart() {
    let vihf = example();
    assert_eq!(vihf.mode(), Some(Mode::Indirecte));
    assert_eq!(vihf.secteur(), Some(("SA17", "1.2.250.1.71.4.2.4")));
    assert_eq!(vihf.ins(), Some(("275126322074974", "1.2.250.1.213.1.4.8")));
    for bad in [
        "",
        "^^^&1.2&ISO^NH",
        "275^^^ISO^NH",
        "275^^^&&ISO^NH",
        "275",
    ] {
        let vihf = Vihf {
            resource_id: Some(bad.to_owned()),
            ..Vihf::default()
        };
        assert_eq!(vihf.ins(), None, "{bad}");
    }
    assert_eq!(Mode::from_word("indirecte"), None);
}

#[test]
fn slips_are_seen_and_the_rest_is_read() {
    let text = example()
        .write()
        .replace("Name=\"Authentification_Mode\"", "Name=\"Authentification_mode\"")
        .replace("XMLSchema-instance", "XMLSchema-Instance")
        .replace("2026-01-15T08:30:00Z", "hier")
        .replace(
            "</saml:AttributeStatement>",
            "<saml:Attribute Name=\"LPS_Nom\"><saml:AttributeValue>autre</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>",
        );
    let tree = tree(&text);
    let vihf = Vihf::read(&tree, assertion(&tree));
    assert_eq!(vihf.mode(), Some(Mode::Indirecte));
    assert_eq!(vihf.lps_nom.as_deref(), Some("DUI témoin"));
    let kinds: Vec<ProblemKind> = vihf.problems.into_iter().map(|p| p.kind).collect();
    assert!(kinds.contains(&ProblemKind::AttributeTwice("LPS_Nom".to_owned())));
    assert!(kinds.contains(&ProblemKind::Instant("hier".to_owned())));
    assert!(kinds.contains(&ProblemKind::AttributeCase {
        written: "Authentification_mode".to_owned(),
        known: MODE,
    }));
    let xsi = |k: &&ProblemKind| matches!(k, ProblemKind::XsiNamespace(_));
    assert_eq!(kinds.iter().filter(xsi).count(), 3);
}

#[test]
fn an_assertion_of_insi_is_no_vihf() {
    let text = example().write();
    let seen = |text: &str| {
        let tree = tree(text);
        is_vihf(&tree, assertion(&tree))
    };
    assert!(seen(&text));
    let neither = text
        .replace("VIHF_Version", "a")
        .replace("Ressource_URN", "b");
    assert!(!seen(&neither));
    let audience = neither.replace(
        "<saml:AuthnStatement ",
        "<saml:Conditions><saml:AudienceRestriction><saml:Audience>urn:dmp</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement ",
    );
    assert!(seen(&audience));
}

fn peer(subject: &str, issuer_cn: &str) -> PeerCertificate {
    let at = Timestamp::from_unix_millis(0);
    PeerCertificate {
        subject_cn: None,
        subject_ou: None,
        subject: subject.to_owned(),
        issuer_cn: Some(issuer_cn.to_owned()),
        not_before: at,
        not_after: at,
        serial: "01".to_owned(),
        extended_key_usage: Vec::new(),
        trusted: true,
        trust_problem: None,
        sha256: Sha256Hex::of(b"another certificate"),
    }
}

const HOLDER: &str = "CN=DUI-EHPAD-DIAPASON,OU=10B0990001,O=EHPAD DIAPASON TEST,ST=Test (99),C=FR";

fn told(text: &str, peer: Option<&PeerCertificate>) -> Value {
    let tree = tree(text);
    let at = Timestamp::try_from("2026-01-15T09:00:00Z".to_owned()).unwrap();
    facts(&tree, assertion(&tree), peer, at)
}

#[test]
fn the_facts_tell_the_signature_and_its_certificate() {
    let same = peer(HOLDER, "TEST AC ECHANTILLONS");
    let all = told(&signed(&example()), Some(&same));
    assert_eq!(all["age_s"], 30);
    assert_eq!(all["ins"], "275126322074974");
    assert_eq!(all["roles"][1]["code"], "SM54");
    let signature = &all["signature"];
    for name in [
        "verifies",
        "non_repudiation",
        "valid_now",
        "issuer_is_signer",
        "same_holder_as_tls",
        "same_authority_as_tls",
        "structure_is_ou",
    ] {
        assert_eq!(signature[name], true, "{name}");
    }
    assert_eq!(signature["problem"], Value::Null);
    assert_eq!(signature["signer_ou"], "10B0990001");
    assert_eq!(signature["same_key_as_tls"], false);
    assert!(
        signature["method"]
            .as_str()
            .unwrap()
            .ends_with("rsa-sha256")
    );
    assert!(signature["digest"].as_str().unwrap().ends_with("sha256"));
    assert!(
        signature["c14n"]
            .as_str()
            .unwrap()
            .ends_with("xml-exc-c14n#")
    );

    let other = peer(
        "CN=INSI-MANU,OU=10B0990001,O=EHPAD DIAPASON TEST,ST=Test (99),C=FR",
        "AUTRE",
    );
    let all = told(&signed(&example()), Some(&other));
    assert_eq!(all["signature"]["same_holder_as_tls"], false);
    assert_eq!(all["signature"]["same_authority_as_tls"], false);
    let all = told(&example().write(), None);
    assert_eq!(all["signature"], Value::Null);
}

#[test]
fn the_facts_tell_a_signature_by_the_connection_certificate() {
    let signer = Signer::from_pem(CONNECTION, CONNECTION_KEY).unwrap();
    let options = SignOptions {
        digest: Digest::Sha1,
        ..SignOptions::default()
    };
    let text = sign_enveloped(&example().write(), "_7f0e", &signer, &options).unwrap();
    let mut peer = peer(HOLDER, "TEST AC ECHANTILLONS");
    peer.sha256 = signer.certificate().sha256();
    let signature = &told(&text, Some(&peer))["signature"];
    assert_eq!(signature["verifies"], true);
    assert_eq!(signature["non_repudiation"], false);
    assert_eq!(signature["same_key_as_tls"], true);
    assert!(signature["method"].as_str().unwrap().ends_with("rsa-sha1"));
}

#[test]
fn the_issuer_of_a_card_is_recognised_in_every_spelling() {
    // A card names its holder in one relative name of three attributes, some of them in the older string types.
    let pem = |name: &str| {
        std::fs::read(format!(
            "{}/tests/data/signature/{name}",
            env!("CARGO_MANIFEST_DIR")
        ))
        .unwrap()
    };
    let card = Signer::from_pem(&pem("personne.pem"), &pem("personne.key")).unwrap();
    for (issuer, same) in [
        (
            "CN=899709900015+SN=DUITEST+GN=MÉDCO,OU=Médecin,O=DIAPASON TEST,C=FR",
            true,
        ),
        (
            "C=FR, O=DIAPASON TEST, OU=Médecin, GN=MÉDCO + SN=DUITEST + CN=899709900015",
            true,
        ),
        (
            "CN=899709900015+2.5.4.4=#130744554954455354+2.5.4.42=#14054dc944434f,OU=M\\C3\\A9decin,O=DIAPASON TEST,C=FR",
            true,
        ),
        (
            "CN=899709900015,SN=DUITEST,GN=MÉDCO,OU=Médecin,O=DIAPASON TEST,C=FR",
            false,
        ),
        (
            "CN=899709900023+SN=DUITEST+GN=MÉDCO,OU=Médecin,O=DIAPASON TEST,C=FR",
            false,
        ),
    ] {
        let vihf = Vihf {
            issuer: Some(issuer.to_owned()),
            ..example()
        };
        let text = sign_enveloped(&vihf.write(), "_7f0e", &card, &SignOptions::default()).unwrap();
        let signature = &told(&text, None)["signature"];
        assert_eq!(signature["verifies"], true, "{issuer}");
        assert_eq!(signature["issuer_is_signer"], same, "{issuer}");
    }
}

#[test]
fn the_facts_say_why_a_signature_does_not_hold() {
    let text = signed(&example()).replace(">SA17^", ">SA18^");
    let signature = &told(&text, None)["signature"];
    assert_eq!(signature["verifies"], false);
    let problem = signature["problem"].as_str().unwrap();
    assert!(problem.contains("empreinte"), "{problem}");
    assert_eq!(signature["same_holder_as_tls"], Value::Null);
}

proptest! {
    #[test]
    fn any_text_is_written_well_formed_and_read_back(name in "\\PC{0,20}", odd in any::<String>()) {
        let vihf = Vihf { subject_id: Some(name.trim().to_owned()), lps_nom: Some(odd), ..example() };
        let text = vihf.write();
        let tree = Tree::read(text.as_bytes(), &Limits::default()).unwrap();
        let read = Vihf::read(&tree, assertion(&tree));
        prop_assert_eq!(read.subject_id, vihf.subject_id);
    }

    #[test]
    fn a_damaged_assertion_never_panics(at in 0usize..4000, byte in any::<u8>()) {
        static TEXT: std::sync::LazyLock<String> =
            std::sync::LazyLock::new(|| signed(&example()));
        let mut bytes = TEXT.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(tree) = Tree::read(&bytes, &Limits::default()) {
            let now = Timestamp::from_unix_millis(0);
            for node in tree.descendant_elements(NodeId::ROOT) {
                if tree.local(node) == "Assertion" {
                    let _ = facts(&tree, node, None, now);
                }
            }
        }
    }
}

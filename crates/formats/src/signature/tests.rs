#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use rcgen::{CertificateParams, DnType, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256};
use rsa::pkcs8::EncodePrivateKey as _;
use rustls_pki_types::PrivatePkcs8KeyDer;

use super::*;
use crate::xml::{Limits, NodeId, Tree};

const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";

pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

fn pair(cn: &str) -> Pair {
    let key = rsa::PrivateKey::new(&mut rand::rng(), 2048).unwrap();
    let der = key.to_pkcs8_der().unwrap();
    let signing = KeyPair::from_pkcs8_der_and_sign_algo(
        &PrivatePkcs8KeyDer::from(der.as_bytes()),
        &PKCS_RSA_SHA256,
    )
    .unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    for (kind, value) in [
        (DnType::CountryName, "FR"),
        (DnType::OrganizationalUnitName, "10B0990001"),
        (DnType::CommonName, cn),
    ] {
        params.distinguished_name.push(kind, value);
    }
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::ContentCommitment,
    ];
    Pair {
        cert: params.self_signed(&signing).unwrap().pem(),
        key: pem("PRIVATE KEY", der.as_bytes()),
    }
}

static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
    let pair = pair("STRUCTURE, DE TEST");
    Signer::from_pem(pair.cert.as_bytes(), pair.key.as_bytes()).unwrap()
});

fn assertion(inside: &str) -> String {
    format!(
        "<saml:Assertion xmlns:saml=\"{SAML}\" xmlns:x=\"urn:x\" ID=\"_a1\" Version=\"2.0\">\
         <saml:Issuer>CN=STRUCTURE</saml:Issuer>{inside}</saml:Assertion>"
    )
}

fn tree(xml: &str) -> Tree {
    Tree::read(xml.as_bytes(), &Limits::default()).unwrap()
}

fn first(tree: &Tree, ns: &str, local: &str) -> NodeId {
    tree.descendant_elements(NodeId::ROOT)
        .find(|n| tree.is_named(*n, ns, local))
        .unwrap()
}

fn check(xml: &str) -> Verification {
    let tree = tree(xml);
    verify(&tree, first(&tree, DSIG, "Signature"))
}

fn signed(inside: &str, options: &SignOptions) -> String {
    sign_enveloped(&assertion(inside), "_a1", &SIGNER, options).unwrap()
}

#[test]
fn what_is_signed_verifies_alone_and_inside_an_envelope() {
    for digest in [Digest::Sha1, Digest::Sha256, Digest::Sha512] {
        for prefixes in [vec![], vec!["x".to_owned(), "#default".to_owned()]] {
            let options = SignOptions { digest, prefixes };
            let xml = signed(
                "<saml:Subject a=\"&lt;é\tb\">Zoé &amp; <!-- c --> Noël\n</saml:Subject>",
                &options,
            );
            let seen = check(&xml);
            assert!(seen.holds(), "{digest:?}: {}", seen.said());
            assert_eq!(seen.method.as_deref(), Some(digest.rsa_uri()));
            let tree = tree(&xml);
            assert!(seen.covers(first(&tree, SAML, "Assertion")));
            let envelope = format!(
                "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns=\"urn:d\" xmlns:y=\"urn:y\">\n\
                 <s:Header> {xml} </s:Header><s:Body><v/></s:Body></s:Envelope>"
            );
            // A prefix list that names the default namespace binds the assertion to its context.
            let moved = check(&envelope);
            assert_eq!(
                moved.holds(),
                options.prefixes.is_empty(),
                "{}",
                moved.said()
            );
        }
    }
}

#[test]
fn the_signature_stands_after_the_issuer() {
    let xml = signed("<saml:Subject/>", &SignOptions::default());
    let tree = tree(&xml);
    let signature = first(&tree, DSIG, "Signature");
    let before = tree.previous_sibling(signature).unwrap();
    assert!(tree.is_named(before, SAML, "Issuer"));
    assert!(xml.contains("</ds:Signature><saml:Subject"));
}

#[test]
fn a_changed_byte_is_seen_and_named() {
    let xml = signed(
        "<saml:Subject>899709900023</saml:Subject>",
        &SignOptions::default(),
    );
    let seen = check(&xml.replace("899709900023", "899709900031"));
    assert!(!seen.holds());
    assert_eq!(seen.problems, [Problem::DigestDiffers("#_a1".to_owned())]);
    assert_eq!(seen.value_ok, Some(true));
    // Another digest in SignedInfo: the digest may agree, the value no longer does.
    let at = xml.find("<ds:DigestValue>").unwrap() + "<ds:DigestValue>".len();
    let mut other = xml.clone().into_bytes();
    other[at] = if other[at] == b'A' { b'B' } else { b'A' };
    let seen = check(&String::from_utf8(other).unwrap());
    assert!(
        seen.problems.contains(&Problem::ValueDiffers),
        "{}",
        seen.said()
    );
    // A comment splits the text for a careless reader; it changes neither the form nor the verdict.
    let seen = check(&xml.replace("8997099", "8997<!-- -->099"));
    assert!(seen.holds(), "{}", seen.said());
    assert!(!check(&xml.replace("CN=STRUCTURE", "CN=AUTRE")).holds());
}

#[test]
fn another_key_is_seen() {
    let xml = signed("<saml:Subject/>", &SignOptions::default());
    let other = pair("AUTRE");
    let other = Signer::from_pem(other.cert.as_bytes(), other.key.as_bytes()).unwrap();
    let swapped = xml.replace(
        &SIGNER.certificate().base64(),
        &other.certificate().base64(),
    );
    assert_eq!(check(&swapped).problems, [Problem::ValueDiffers]);
    let cut = xml.replace(&SIGNER.certificate().base64(), "AAAA");
    assert!(matches!(
        check(&cut).problems[..],
        [Problem::Certificate(_)]
    ));
}

#[test]
fn what_leaves_the_profile_is_named_and_not_run() {
    let xml = signed("<saml:Subject/>", &SignOptions::default());
    let with = |from: &str, to: &str| {
        assert!(xml.contains(from), "{from}");
        check(&xml.replace(from, to)).problems
    };
    assert!(matches!(
        &with("URI=\"#_a1\"", "URI=\"http://127.0.0.1:9/x\"")[0],
        Problem::External(uri) if uri == "http://127.0.0.1:9/x"
    ));
    assert!(matches!(
        &with("URI=\"#_a1\"", "URI=\"file:///etc/hostname\"")[0],
        Problem::External(_)
    ));
    assert!(matches!(
        &with("URI=\"#_a1\"", "URI=\"#autre\"")[0],
        Problem::NoTarget(_)
    ));
    for bad in [
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/2000/09/xmldsig#base64",
    ] {
        assert!(matches!(
            &with(ENVELOPED, bad)[0],
            Problem::Algorithm { place: "Transform", uri } if uri == bad
        ));
    }
    let bomb = format!("<ds:Transform Algorithm=\"{ENVELOPED}\"/>").repeat(9);
    assert_eq!(
        with("<ds:Transforms>", &format!("<ds:Transforms>{bomb}"))[0],
        Problem::TooMany("transformations")
    );
    let twice = xml.replace("<saml:Subject", "<saml:Advice ID=\"_a1\"/><saml:Subject");
    assert!(matches!(&check(&twice).problems[0], Problem::Ambiguous(_)));
    let none = xml.replace("SignedInfo", "AutreInfo");
    assert_eq!(check(&none).problems, [Problem::Missing("SignedInfo")]);
}

#[test]
fn canonical_forms_are_those_of_the_recommendations() {
    let xml = "<?xml version=\"1.0\"?><!-- a --><a:r xmlns:a=\"urn:a\" xmlns=\"urn:d\" z=\"1\" b='2'>\r\n<c  a:y='&quot;' /><!-- b --></a:r>\n<?p?>";
    let tree = tree(xml);
    let form = |node, how: &Canonical| {
        String::from_utf8(canonical_form(&tree, node, how, &[]).unwrap()).unwrap()
    };
    assert_eq!(
        form(NodeId::ROOT, &Canonical::Inclusive { comments: false }),
        "<a:r xmlns=\"urn:d\" xmlns:a=\"urn:a\" b=\"2\" z=\"1\">\n<c a:y=\"&quot;\"></c></a:r>\n<?p?>"
    );
    assert_eq!(
        form(NodeId::ROOT, &Canonical::Inclusive { comments: true }),
        "<!-- a -->\n<a:r xmlns=\"urn:d\" xmlns:a=\"urn:a\" b=\"2\" z=\"1\">\n<c a:y=\"&quot;\"></c><!-- b --></a:r>\n<?p?>"
    );
    let c = first(&tree, "urn:d", "c");
    assert_eq!(
        form(c, &Canonical::exclusive()),
        "<c xmlns=\"urn:d\" xmlns:a=\"urn:a\" a:y=\"&quot;\"></c>"
    );
    let root = tree.document_element().unwrap();
    let without = canonical_form(&tree, root, &Canonical::exclusive(), &[c]).unwrap();
    assert_eq!(
        String::from_utf8(without).unwrap(),
        "<a:r xmlns:a=\"urn:a\" b=\"2\" z=\"1\">\n</a:r>"
    );
}

#[test]
fn line_ends_are_normalised_everywhere() {
    let xml =
        "<r xmlns=\"urn:d\">\r\n<!-- a\r\nb\rc -->\r<?p x\r\ny?><c a=\"1\r\n2\">é\r\n</c>&#13;</r>";
    let tree = tree(xml);
    let form = |node, comments| {
        let how = Canonical::Inclusive { comments };
        String::from_utf8(canonical_form(&tree, node, &how, &[]).unwrap()).unwrap()
    };
    assert_eq!(
        form(NodeId::ROOT, true),
        "<r xmlns=\"urn:d\">\n<!-- a\nb\nc -->\n<?p x\ny?><c a=\"1 2\">é\n</c>&#xD;</r>"
    );
    // An element after removed bytes is found all the same.
    let c = first(&tree, "urn:d", "c");
    assert_eq!(form(c, false), "<c xmlns=\"urn:d\" a=\"1 2\">é\n</c>");
    let signed = sign_enveloped(
        &assertion("\r\n<!-- c\r\n -->\r\n<saml:Subject>a\r\n</saml:Subject>"),
        "_a1",
        &SIGNER,
        &SignOptions::default(),
    )
    .unwrap();
    assert!(check(&signed).holds(), "{}", check(&signed).said());
    assert!(check(&signed.replace("\r\n", "\n")).holds());
}

#[test]
fn names_are_compared_as_sets() {
    let same = |a: &str, b: &str| Name::parse(a).unwrap().same_as(&Name::parse(b).unwrap());
    assert!(same("CN=X,OU=10B0990001,C=FR", "C=FR, OU=10B0990001, CN=x"));
    assert!(same(
        "CN=899709900023+2.5.4.4=#0c0744554954455354+2.5.4.42=#0c0449444543,C=FR",
        "C=FR, 2.5.4.42=IDEC + SN=DUITEST + CN=899709900023"
    ));
    assert!(!same("CN=A+OU=B,C=FR", "CN=A,OU=B,C=FR"));
    assert!(!same("CN=A,C=FR", "CN=A"));
    assert!(same(r"O=A\, B,C=FR", "O=\"A, B\",C=FR"));
    assert!(same(r"O=Rh\C3\B4ne,C=FR", "O=Rhône; C=FR"));
    assert_eq!(
        Name::parse(r"O=A\, B ,C=FR").unwrap().get("O"),
        Some("A, B")
    );
    assert_eq!(
        SIGNER.certificate().subject().rfc2253(),
        r"CN=STRUCTURE\, DE TEST,OU=10B0990001,C=FR"
    );
    let again = Name::parse(&SIGNER.certificate().subject().rfc2253()).unwrap();
    assert!(again.same_as(SIGNER.certificate().subject()));
    for bad in [
        "",
        "CN",
        "CN=a,",
        "INCONNU=1",
        "CN=\"a",
        "CN=a\\",
        "CN=\"a\"b",
    ] {
        assert!(Name::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_certificate_says_what_it_is_for() {
    let certificate = SIGNER.certificate();
    let usage = certificate.key_usage();
    assert!(usage.present && usage.digital_signature && usage.non_repudiation);
    assert!(!usage.key_encipherment);
    assert!(certificate.issued_by(certificate));
    let other = pair("STRUCTURE, DE TEST");
    let other = Certificate::from_pem(other.cert.as_bytes()).unwrap();
    assert!(!certificate.issued_by(&other), "same name, another key");
    assert!(
        certificate
            .serial_decimal()
            .bytes()
            .all(|b| b.is_ascii_digit())
    );
    assert!(Certificate::from_der(&[0x30, 0x03]).is_err());
    assert!(Certificate::from_base64("@@").is_err());
}

proptest::proptest! {
    #[test]
    fn names_never_panic(text in ".{0,60}") {
        let _ = Name::parse(&text);
    }

    #[test]
    fn a_mutilated_signature_never_panics(at in 0usize..4000, byte in 0x20u8..0x7f) {
        static XML: LazyLock<String> =
            LazyLock::new(|| signed("<saml:Subject>é</saml:Subject>", &SignOptions::default()));
        let mut bytes = XML.clone().into_bytes();
        let at = at % bytes.len();
        let before = bytes[at];
        bytes[at] = byte;
        if let Ok(tree) = Tree::read(&bytes, &Limits::default())
            && let Some(node) = tree.descendant_elements(NodeId::ROOT).find(|n| tree.is_named(*n, DSIG, "Signature"))
        {
            let seen = verify(&tree, node);
            // Nothing but an equivalent writing of the same document may still hold.
            if seen.holds() && byte != before {
                let assertion = first(&tree, SAML, "Assertion");
                proptest::prop_assert!(seen.covers(assertion) || seen.references.is_empty());
            }
        }
    }
}

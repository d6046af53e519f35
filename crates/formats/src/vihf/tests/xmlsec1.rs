//! `xmlsec1`, a program of other authors, as the oracle: it accepts what we sign and refuses what we refuse, and the other
//! way round. `cargo test -p diapason-formats xmlsec1 -- --ignored`, where the program is installed.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{assertion, example, signer, tree};
use crate::signature::{DSIG, Digest, SignOptions, sign_enveloped, verify};
use crate::xades;

const WHY: &str = "the xmlsec1 program is needed";

fn data(name: &str) -> PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/signature")
        .join(name)
}

fn file(text: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let rank = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!(
        "diapason-xmlsec1-{}-{rank}.xml",
        std::process::id()
    ));
    std::fs::write(&path, text).unwrap();
    path
}

const IDS: [&str; 6] = [
    "--id-attr:ID",
    "urn:oasis:names:tc:SAML:2.0:assertion:Assertion",
    "--id-attr:Id",
    "http://www.w3.org/2000/09/xmldsig#:Manifest",
    "--id-attr:Id",
    "http://uri.etsi.org/01903/v1.1.1#:SignedProperties",
];

/// Does `xmlsec1` accept it, under the test authority?
fn accepted(text: &str) -> bool {
    let path = file(text);
    let done = Command::new("xmlsec1")
        .args([
            "--verify",
            "--ignore-manifests",
            "--enabled-key-data",
            "x509",
            "--trusted-pem",
        ])
        .arg(data("autorite.pem"))
        .args(IDS)
        .arg(&path)
        .output()
        .expect(WHY);
    let _ = std::fs::remove_file(path);
    done.status.success()
}

/// Do we?
fn ours(text: &str) -> bool {
    let tree = tree(text);
    let node = assertion(&tree);
    tree.child(node, DSIG, "Signature")
        .map(|s| verify(&tree, s))
        .is_some_and(|seen| seen.holds() && seen.covers(node))
}

/// The values of a signature emptied: what `xmlsec1 --sign` fills in.
fn template(text: &str) -> String {
    let mut out = text.to_owned();
    for (name, body) in [
        ("DigestValue", ""),
        ("SignatureValue", ""),
        ("X509Data", ""),
    ] {
        let (open, close) = (format!("<ds:{name}>"), format!("</ds:{name}>"));
        let mut made = String::new();
        let mut rest = out.as_str();
        while let Some((before, after)) = rest.split_once(&open) {
            let (_, after) = after.split_once(&close).unwrap();
            made.extend([before, &open, body, &close]);
            rest = after;
        }
        made.push_str(rest);
        out = made;
    }
    out
}

/// Signs a template with `xmlsec1`.
fn signed_by_xmlsec1(template: &str) -> String {
    let (path, out) = (file(template), file(""));
    let done = Command::new("xmlsec1")
        .args(["--sign", "--ignore-manifests", "--privkey-pem"])
        .arg(format!(
            "{},{}",
            data("signature.key").display(),
            data("signature.pem").display()
        ))
        .args(IDS)
        .arg("--output")
        .arg(&out)
        .arg(&path)
        .output()
        .expect(WHY);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let text = std::fs::read_to_string(&out).unwrap();
    let _ = std::fs::remove_file(path);
    let _ = std::fs::remove_file(out);
    text
}

fn options() -> Vec<SignOptions> {
    let list = ["ds", "saml", "#default", "xsi"]
        .map(str::to_owned)
        .to_vec();
    [Digest::Sha1, Digest::Sha256, Digest::Sha512]
        .into_iter()
        .flat_map(|digest| {
            [Vec::new(), list.clone()].map(|prefixes| SignOptions { digest, prefixes })
        })
        .collect()
}

/// Changes made after signing: what is looked for, what replaces it.
const TAMPERED: [(&str, &str); 9] = [
    (">899709900023<", ">899709900015<"),
    ("275126322074974^", "181016322075140^"),
    ("code=\"SM54\"", "code=\"SM26\""),
    (
        "IssueInstant=\"2026-01-15T08:59:30.000Z\"",
        "IssueInstant=\"2027-01-15T08:59:30.000Z\"",
    ),
    (">INDIRECTE<", ">DIRECTE<"),
    (
        "<saml:Subject>",
        "<saml:Subject><!-- gone in canonical form --> ",
    ),
    (
        "</saml:AttributeStatement>",
        "<saml:Attribute Name=\"x\"/></saml:AttributeStatement>",
    ),
    ("<ds:SignatureValue>", "<ds:SignatureValue>AAAA"),
    ("<ds:DigestValue>", "<ds:DigestValue>AAAA"),
];

#[test]
#[ignore = "needs the xmlsec1 program"]
fn xmlsec1_and_we_agree_on_what_we_sign() {
    for options in options() {
        let bare = example().write();
        let text = sign_enveloped(&bare, "_7f0e", &signer(), &options).unwrap();
        let envelope = format!(
            "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><s:Header>\n {bare}\n</s:Header></s:Envelope>"
        );
        let inside = sign_enveloped(&envelope, "_7f0e", &signer(), &options).unwrap();
        for text in [text, inside] {
            assert!(ours(&text) && accepted(&text), "{options:?}");
            for (from, to) in TAMPERED {
                assert!(text.contains(from), "{from}");
                let tampered = text.replace(from, to);
                assert!(!ours(&tampered), "{from}");
                assert!(!accepted(&tampered), "{from}");
            }
            // A comment is no part of the canonical form: both accept.
            let commented = text.replace("<saml:Subject>", "<saml:Subject><!-- c -->");
            assert!(ours(&commented) && accepted(&commented));
        }
    }
}

#[test]
#[ignore = "needs the xmlsec1 program"]
fn we_and_xmlsec1_agree_on_what_xmlsec1_signs() {
    for options in options() {
        let ready = sign_enveloped(&example().write(), "_7f0e", &signer(), &options).unwrap();
        let text = signed_by_xmlsec1(&template(&ready));
        assert!(ours(&text) && accepted(&text), "{options:?}\n{text}");
        for (from, to) in TAMPERED {
            let tampered = text.replace(from, to);
            assert_ne!(tampered, text, "{from}");
            assert!(!ours(&tampered) && !accepted(&tampered), "{from}");
        }
    }
}

const DOCUMENT: &[u8] = b"<?xml version=\"1.0\"?>\n<?pi x?><!-- before --><a xmlns:u=\"urn:u\" b='2' a=\"1\"><c/>&#233;<![CDATA[<]]></a>\n<!-- after -->\n";

fn lot_ok(text: &str) -> bool {
    let tree = tree(text);
    let lot = xades::LotSignature::read(&tree).unwrap();
    let seen = xades::verify(&lot, &tree, &[("1.2.3", DOCUMENT)]);
    seen.holds() && seen.properties_signed
}

#[test]
#[ignore = "needs the xmlsec1 program"]
fn the_signature_of_a_lot_both_ways() {
    for digest in [Digest::Sha1, Digest::Sha256] {
        let time = "2026-01-15T09:00:00Z";
        let text = xades::write("1.2.9", &[("1.2.3", DOCUMENT)], &signer(), time, digest).unwrap();
        let again = signed_by_xmlsec1(&template_of_lot(&text));
        for text in [text, again] {
            assert!(lot_ok(&text) && accepted(&text));
            for (from, to) in [
                ("urn:oid:1.2.3", "urn:oid:1.2.4"),
                ("2026-01-15T09:00:00Z", "2026-01-15T09:00:01Z"),
                ("<ds:SignatureValue>", "<ds:SignatureValue>AAAA"),
                (">AA==<", ">AQ==<"),
            ] {
                let tampered = text.replace(from, to);
                assert_ne!(tampered, text, "{from}");
                assert!(!lot_ok(&tampered) && !accepted(&tampered), "{from}");
            }
        }
    }
}

/// Only the values of `SignedInfo` are emptied: the manifest keeps its digests.
fn template_of_lot(text: &str) -> String {
    let (head, tail) = text.split_once("<ds:Object>").unwrap();
    format!("{}<ds:Object>{tail}", template(head))
}

#[test]
#[ignore = "needs the xmllint program"]
fn the_digest_of_a_document_is_that_of_libxml2() {
    let path = file(std::str::from_utf8(DOCUMENT).unwrap());
    let done = Command::new("xmllint")
        .args(["--c14n"])
        .arg(&path)
        .output()
        .expect("the xmllint program is needed");
    let _ = std::fs::remove_file(path);
    let expected = crate::signature::digest(Digest::Sha256, &done.stdout);
    let time = "2026-01-15T09:00:00Z";
    let text = xades::write(
        "1.2.9",
        &[("1.2.3", DOCUMENT)],
        &signer(),
        time,
        Digest::Sha256,
    )
    .unwrap();
    let tree = tree(&text);
    let lot = xades::LotSignature::read(&tree).unwrap();
    assert_eq!(lot.references[1].value.as_deref(), Some(&expected[..]));
}

/// Documents signed by others, in the folder that `DIAPASON_SIGNED_XML` names (the fixtures of esignsante, for instance):
/// what we believe, `xmlsec1` accepts; what it accepts and we do not is outside our closed profile, and said so.
#[test]
#[ignore = "needs the xmlsec1 program and a folder"]
fn documents_signed_by_others() {
    let folder = std::env::var("DIAPASON_SIGNED_XML").expect("DIAPASON_SIGNED_XML names a folder");
    let (mut believed, mut refused, mut outside) = (0, 0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(bytes) = std::fs::read(&path) else {
            continue;
        };
        let Ok(tree) = crate::xml::Tree::read(&bytes, &crate::xml::Limits::default()) else {
            continue;
        };
        let signature = tree
            .nodes()
            .find(|n| tree.is_element(*n) && tree.is_named(*n, DSIG, "Signature"));
        let Some(signature) = signature else { continue };
        let seen = verify(&tree, signature);
        let done = Command::new("xmlsec1")
            .args(["--verify", "--insecure", "--ignore-manifests"])
            .args(IDS)
            .args([
                "--id-attr:Id",
                "Object",
                "--id-attr:Id",
                "http://www.w3.org/2000/09/xmldsig#:Object",
            ])
            .args([
                "--id-attr:Id",
                "http://uri.etsi.org/01903/v1.3.2#:SignedProperties",
            ])
            .args([
                "--id-attr:Id",
                "http://www.w3.org/2000/09/xmldsig#:SignedInfo",
            ])
            .args(["--id-attr:Id", "http://www.w3.org/2000/09/xmldsig#:KeyInfo"])
            .arg(&path)
            .output()
            .expect(WHY);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match (seen.holds(), done.status.success()) {
            (true, true) => believed += 1,
            (false, false) => refused += 1,
            (true, false) => panic!(
                "{name}: believed, refused by xmlsec1: {}",
                String::from_utf8_lossy(&done.stderr)
            ),
            (false, true) => {
                let profile = |p: &crate::signature::Problem| {
                    matches!(p, crate::signature::Problem::Algorithm { .. })
                };
                assert!(seen.problems.iter().any(profile), "{name}: {}", seen.said());
                outside += 1;
            }
        }
    }
    assert!(
        believed > 0,
        "{refused} refused, {outside} outside the profile"
    );
}

//! The signature of a lot, written, read, and verified against what is attached.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

const CERTIFICATE: &[u8] = include_bytes!("../../tests/data/signature/signature.pem");
const KEY: &[u8] = include_bytes!("../../tests/data/signature/signature.key");
const CDA: &[u8] =
    b"<ClinicalDocument xmlns='urn:hl7-org:v3'><id root='1.2.3'/><!-- c --></ClinicalDocument>";
const BINARY: &[u8] = b"%PDF-1.4 \xff\x00";
const TIME: &str = "2026-01-15T09:00:00Z";

fn signer() -> Signer {
    Signer::from_pem(CERTIFICATE, KEY).unwrap()
}

fn written(digest: Digest) -> String {
    write(
        "1.2.9",
        &[("1.2.3", CDA), ("1.2.4", BINARY)],
        &signer(),
        TIME,
        digest,
    )
    .unwrap()
}

fn seen(text: &str, documents: &[(&str, &[u8])]) -> (LotSignature, LotVerification) {
    let tree = Tree::read(text.as_bytes(), &Limits::default()).unwrap();
    let lot = LotSignature::read(&tree).unwrap();
    let seen = verify(&lot, &tree, documents);
    (lot, seen)
}

const BOTH: [(&str, &[u8]); 2] = [("1.2.3", CDA), ("1.2.4", BINARY)];

#[test]
fn what_is_written_is_read_and_holds() {
    for digest in [Digest::Sha1, Digest::Sha256] {
        let (lot, seen) = seen(&written(digest), &BOTH);
        assert!(seen.holds(), "{seen:?}");
        assert!(seen.manifest_signed && seen.properties_signed);
        assert_eq!(seen.certificate_named, Some(true));
        assert_eq!(lot.purpose.as_deref(), Some(PURPOSE_SOURCE));
        assert_eq!(lot.xades.as_deref(), Some(XADES[0]));
        assert_eq!(lot.signing_time.as_deref(), Some(TIME));
        assert!(lot.policy_implied);
        assert_eq!(lot.references[0].oid(), Some("1.2.9"));
        assert!(lot.references[0].is_not_digested());
        assert_eq!(lot.references[1].transforms, [WITH_COMMENTS]);
        assert!(lot.references[2].transforms.is_empty());
    }
}

#[test]
fn each_document_has_its_outcome() {
    let text = written(Digest::Sha256);
    let other = CDA.to_ascii_uppercase();
    let outcome = |text: &str, bytes: &[u8]| {
        seen(text, &[("1.2.3", bytes)])
            .1
            .documents
            .remove(0)
            .outcome
    };
    assert_eq!(outcome(&text, CDA), DocumentOutcome::Agrees);
    let changed = String::from_utf8(CDA.to_vec())
        .unwrap()
        .replace(" c ", " d ");
    assert_eq!(outcome(&text, changed.as_bytes()), DocumentOutcome::Differs);
    // Another spelling of the same canonical form.
    let spelled = String::from_utf8(CDA.to_vec()).unwrap().replace('\'', "\"");
    assert_eq!(outcome(&text, spelled.as_bytes()), DocumentOutcome::Agrees);
    assert!(matches!(
        outcome(&text, BINARY),
        DocumentOutcome::Undecided(_)
    ));
    assert!(matches!(
        outcome(&text, &other),
        DocumentOutcome::Undecided(_) | DocumentOutcome::Differs
    ));
    let unnamed = text.replace("urn:oid:1.2.3", "urn:oid:1.2.5");
    assert_eq!(outcome(&unnamed, CDA), DocumentOutcome::NotNamed);
    let lot = text.replace("urn:oid:1.2.9", "urn:oid:1.2.3");
    assert_eq!(outcome(&lot, CDA), DocumentOutcome::NotDigested);
    let unknown = text.replace("REC-xml-c14n-20010315#WithComments", "REC-xslt-19991116");
    assert!(matches!(
        outcome(&unknown, CDA),
        DocumentOutcome::Undecided(_)
    ));
}

#[test]
fn a_reference_to_nothing_attached_is_told() {
    let (_, seen) = seen(&written(Digest::Sha256), &BOTH[..1]);
    assert_eq!(seen.unknown, ["urn:oid:1.2.4"]);
    assert!(!seen.holds());
}

#[test]
fn what_signs_something_else_is_seen() {
    let text = written(Digest::Sha256);
    let wrong = text.replace("<ds:X509SerialNumber>", "<ds:X509SerialNumber>9");
    let (_, wrong) = seen(&wrong, &BOTH);
    assert_eq!(wrong.certificate_named, Some(false));
    assert!(!wrong.properties_signed && wrong.manifest_signed);
    let moved = text.replace(
        "URI=\"#IHEManifest\"",
        "URI=\"#SignatureLot-SignedProperties\"",
    );
    assert!(!seen(&moved, &BOTH).1.manifest_signed);
    // A second manifest under the same id: nothing is covered any more.
    let twin = text.replace(
        "<ds:Object><SignatureProperties>",
        "<ds:Object><ds:Manifest Id=\"IHEManifest\"/></ds:Object><ds:Object><SignatureProperties>",
    );
    assert!(!seen(&twin, &BOTH).1.manifest_signed);
}

#[test]
fn another_layout_is_read() {
    // As the public sample has it: default namespaces, the property outside any namespace.
    let text = format!(
        "<Signature xmlns=\"{DSIG}\" Id=\"s\"><Object><Manifest Id=\"IHEManifest\"><Reference URI=\"urn:oid:1.2\"><DigestMethod Algorithm=\"x\"/><DigestValue>AA==</DigestValue></Reference></Manifest></Object>\
         <Object><SignatureProperties xmlns=\"\"><SignatureProperty Id=\"purposeOfSignature\" Target=\"#s\">{PURPOSE_SOURCE}</SignatureProperty></SignatureProperties></Object>\
         <Object><QualifyingProperties xmlns=\"{}\"><SignedProperties><SignedSignatureProperties><SigningTime>{TIME}</SigningTime><SigningCertificate><Cert><IssuerSerial><X509IssuerName xmlns=\"{DSIG}\">CN=A</X509IssuerName></IssuerSerial></Cert><Cert/></SigningCertificate></SignedSignatureProperties></SignedProperties></QualifyingProperties></Object></Signature>",
        XADES[2]
    );
    let (lot, seen) = seen(&text, &[]);
    assert_eq!(lot.purpose.as_deref(), Some(PURPOSE_SOURCE));
    assert_eq!(lot.xades.as_deref(), Some(XADES[2]));
    assert_eq!(lot.certificates.len(), 2);
    assert_eq!(lot.certificates[0].issuer.as_deref(), Some("CN=A"));
    assert!(!lot.policy_implied && !seen.holds());
    let tree = Tree::read(b"<a/>", &Limits::default()).unwrap();
    assert!(LotSignature::read(&tree).is_none());
}

proptest! {
    #[test]
    fn a_damaged_signature_never_panics(at in 0usize..6000, byte in any::<u8>()) {
        static TEXT: std::sync::LazyLock<String> =
            std::sync::LazyLock::new(|| written(Digest::Sha256));
        let mut bytes = TEXT.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(tree) = Tree::read(&bytes, &Limits::default())
            && let Some(lot) = LotSignature::read(&tree)
        {
            let _ = verify(&lot, &tree, &BOTH);
        }
    }
}

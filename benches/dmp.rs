//! Requests to the DMP mock as a sound product writes them, made from the committed samples, for the benches.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use diapason_core::{Clock, Timestamp};
use diapason_formats::mtom::{self, Attachment, Layout};
use diapason_formats::signature::{Digest, SignOptions, Signer, digest_hex, sign_enveloped};
use diapason_formats::vihf::{SAML, Vihf};
use diapason_formats::xades;
use diapason_formats::xml::{Limits, NodeId, Tree};

const ENVELOPE: &str = include_str!("../profiles/samples/dmp/td21-nouveau.xml");
const CDA: &str = include_str!("../profiles/samples/cda/n1.xml");
const LOT: &str = "2.25.183746529017465.10\"";
const DOCUMENT: &str = "2.25.183746529017465.1\"";
const SIGNATURE: &str = "2.25.183746529017465.11\"";
const ACTION: &str = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b";

/// The structure's signing identity.
pub(crate) fn signer(pki: &Path) -> Signer {
    let read = |end: &str| std::fs::read(pki.join(format!("client-dui-signature.{end}"))).unwrap();
    Signer::from_pem(&read("pem"), &read("key")).unwrap()
}

/// A signed VIHF of that signer, as the sample has it, issued now.
pub(crate) fn vihf(signer: &Signer, number: u64, at: Timestamp) -> String {
    let tree = Tree::read(ENVELOPE.as_bytes(), &Limits::default()).unwrap();
    let node = tree
        .descendant_elements(NodeId::ROOT)
        .find(|n| tree.is_named(*n, SAML, "Assertion"))
        .unwrap();
    let id = format!("_bench-{number}");
    let fresh = Vihf {
        id: Some(id.clone()),
        issue_instant: Some(at.to_string()),
        authn_instant: Some(at.to_string()),
        issuer: Some(signer.certificate().subject().rfc2253()),
        ..Vihf::read(&tree, node)
    };
    sign_enveloped(&fresh.write(), &id, signer, &SignOptions::default()).unwrap()
}

/// A submission of one document of about `size` bytes: content type and body. Never the same twice.
pub(crate) fn submission(signer: &Signer, number: u64, size: usize) -> (String, Vec<u8>) {
    let at = Clock::system().now();
    let id = |rank: u64| {
        format!(
            "2.25.{}",
            u128::from(number) * 10 + u128::from(rank) + 1_000_000
        )
    };
    let (lot, document, signature) = (id(1), id(2), id(3));
    let cda = document_of(&document, size);
    let signed = xades::write(
        &lot,
        &[(document.as_str(), cda.as_slice())],
        signer,
        &at.to_string(),
        Digest::Sha256,
    )
    .unwrap();
    let sha1 = digest_hex(Digest::Sha1, &cda);
    let from = ENVELOPE.find("<saml:Assertion").unwrap();
    let end = "</saml:Assertion>";
    let to = ENVELOPE.find(end).unwrap() + end.len();
    let envelope = [
        &ENVELOPE[..from],
        &vihf(signer, number, at),
        &ENVELOPE[to..],
    ]
    .concat();
    let envelope = slot(&envelope, "hash", &sha1);
    let envelope = slot(&envelope, "size", &cda.len().to_string())
        .replace(LOT, &format!("{lot}\""))
        .replace(SIGNATURE, &format!("{signature}\""))
        .replace(DOCUMENT, &format!("{document}\""));
    let parts = [
        ("document@bench", &cda[..]),
        ("signature@bench", signed.as_bytes()),
    ]
    .map(|(content_id, bytes)| Attachment {
        content_id,
        content_type: "text/xml; charset=UTF-8",
        bytes,
    });
    let envelope = include(&envelope, "Document01", &parts[0].href());
    let envelope = include(&envelope, "Signature01", &parts[1].href());
    let how = Layout {
        action: Some(ACTION.to_owned()),
        ..Layout::default()
    };
    let written = mtom::write(&envelope, &parts, &how);
    (written.content_type, written.body)
}

/// The sample document with another id and a PDF of that size.
fn document_of(unique_id: &str, size: usize) -> Vec<u8> {
    let mark = "representation=\"B64\">";
    let from = CDA.find(mark).unwrap() + mark.len();
    let to = from + CDA[from..].find("</text>").unwrap();
    let mut pdf = b"%PDF-1.4\n".to_vec();
    pdf.resize(size.saturating_sub(CDA.len()) / 4 * 3, b' ');
    let text = [&CDA[..from], &STANDARD.encode(pdf), &CDA[to..]].concat();
    text.replacen("2.25.183746529017465.2\"", &format!("{unique_id}\""), 1)
        .into_bytes()
}

/// Gives the first slot of that name another value.
fn slot(envelope: &str, name: &str, value: &str) -> String {
    let mark = format!("<rim:Slot name=\"{name}\"><rim:ValueList><rim:Value>");
    let from = envelope.find(&mark).unwrap() + mark.len();
    let to = from + envelope[from..].find('<').unwrap();
    [&envelope[..from], value, &envelope[to..]].concat()
}

/// Puts the `href` of a part into the `Document` element of that entry.
fn include(envelope: &str, entry: &str, href: &str) -> String {
    let from = envelope
        .find(&format!("<xdsb:Document id=\"{entry}\""))
        .unwrap();
    let mark = "href=\"";
    let from = from + envelope[from..].find(mark).unwrap() + mark.len();
    let to = from + envelope[from..].find('"').unwrap();
    [&envelope[..from], href, &envelope[to..]].concat()
}

//! The assertion in `wsse:Security`: what it says, and whether its signature holds over the bytes received.

use base64::Engine as _;
use diapason_core::Timestamp;
use roxmltree::Node;
use serde_json::{Map, Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Name};

use super::ns::{DSIG, SAML};
use super::temps::{self, DateTime};
use super::xml::{child, children, named, trimmed};
use crate::signature::verify;
use crate::xml::{Limits, NodeId, Tree};

/// Where the signature is and what it declares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signature {
    /// Directly after Issuer, before Subject.
    pub position_ok: bool,
    /// Canonicalisation algorithm.
    pub c14n: Option<String>,
    /// Signature algorithm.
    pub method: Option<String>,
    /// Reference URI.
    pub reference: Option<String>,
    /// How many references there are.
    pub references: usize,
    /// Transform algorithms of the first reference, in order.
    pub transforms: Vec<String>,
    /// Digest algorithm.
    pub digest: Option<String>,
    /// Subject CN of the certificate in KeyInfo.
    pub certificate_subject_cn: Option<String>,
    /// Issuer CN of the certificate in KeyInfo.
    pub certificate_issuer_cn: Option<String>,
}

/// One assertion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assertion {
    /// Version.
    pub version: Option<String>,
    /// ID.
    pub id: Option<String>,
    /// Issuer.
    pub issuer: Option<String>,
    /// Format of Issuer.
    pub issuer_format: Option<String>,
    /// IssueInstant, as written.
    pub issue_instant: Option<String>,
    /// IssueInstant, read.
    pub issued_at: Option<DateTime>,
    /// NameID.
    pub name_id: Option<String>,
    /// NameQualifier of NameID.
    pub name_qualifier: Option<String>,
    /// Signature.
    pub signature: Option<Signature>,
    /// Attributes; several values are joined by `|`.
    pub attributes: Vec<(String, String)>,
}

/// `wsse:Security`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Security {
    /// How many such headers there are.
    pub count: usize,
    /// Assertions of all of them, in order.
    pub assertions: Vec<Assertion>,
}

impl Security {
    /// Reads all of `nodes`; `None` without any.
    pub(crate) fn read(nodes: &[Node<'_, '_>]) -> Option<Self> {
        (!nodes.is_empty()).then(|| Self {
            count: nodes.len(),
            assertions: nodes
                .iter()
                .flat_map(|n| named(*n, SAML, "Assertion"))
                .map(assertion)
                .collect(),
        })
    }
}

fn assertion(node: Node<'_, '_>) -> Assertion {
    let issuer = child(node, SAML, "Issuer");
    let name_id = child(node, SAML, "Subject").and_then(|s| child(s, SAML, "NameID"));
    let issue_instant = node.attribute("IssueInstant").map(str::to_owned);
    let attributes = named(node, SAML, "AttributeStatement")
        .flat_map(|s| named(s, SAML, "Attribute"))
        .map(|a| {
            let values: Vec<String> = named(a, SAML, "AttributeValue").map(trimmed).collect();
            (
                a.attribute("Name").unwrap_or_default().to_owned(),
                values.join("|"),
            )
        })
        .collect();
    Assertion {
        version: node.attribute("Version").map(str::to_owned),
        id: node.attribute("ID").map(str::to_owned),
        issuer: issuer.map(trimmed),
        issuer_format: issuer.and_then(|i| i.attribute("Format").map(str::to_owned)),
        issued_at: issue_instant.as_deref().and_then(temps::date_time),
        issue_instant,
        name_id: name_id.map(trimmed),
        name_qualifier: name_id.and_then(|n| n.attribute("NameQualifier").map(str::to_owned)),
        signature: child(node, DSIG, "Signature").map(signature),
        attributes,
    }
}

fn signature(node: Node<'_, '_>) -> Signature {
    let algorithm =
        |n: Option<Node<'_, '_>>| n.and_then(|n| n.attribute("Algorithm").map(str::to_owned));
    let info = child(node, DSIG, "SignedInfo");
    let references: Vec<_> = info
        .map(|i| named(i, DSIG, "Reference").collect())
        .unwrap_or_default();
    let reference = references.first().copied();
    let neighbour =
        |n: Option<Node<'_, '_>>, local: &str| n.is_some_and(|n| n.has_tag_name((SAML, local)));
    let names = child(node, DSIG, "KeyInfo")
        .and_then(|k| child(k, DSIG, "X509Data"))
        .and_then(|x| child(x, DSIG, "X509Certificate"))
        .and_then(|c| certificate_names(&trimmed(c)));
    let (certificate_subject_cn, certificate_issuer_cn) = names.unwrap_or_default();
    Signature {
        position_ok: neighbour(node.prev_sibling_element(), "Issuer")
            && neighbour(node.next_sibling_element(), "Subject"),
        c14n: algorithm(info.and_then(|i| child(i, DSIG, "CanonicalizationMethod"))),
        method: algorithm(info.and_then(|i| child(i, DSIG, "SignatureMethod"))),
        reference: reference.and_then(|r| r.attribute("URI").map(str::to_owned)),
        references: references.len(),
        transforms: reference
            .and_then(|r| child(r, DSIG, "Transforms"))
            .map(|t| children(t).filter_map(|n| algorithm(Some(n))).collect())
            .unwrap_or_default(),
        digest: algorithm(reference.and_then(|r| child(r, DSIG, "DigestMethod"))),
        certificate_subject_cn,
        certificate_issuer_cn,
    }
}

/// Subject and issuer CN of a base64 DER certificate.
fn certificate_names(base64: &str) -> Option<(Option<String>, Option<String>)> {
    let compact: String = base64.chars().filter(|c| !c.is_whitespace()).collect();
    let der = base64::engine::general_purpose::STANDARD
        .decode(compact)
        .ok()?;
    let (_, certificate) = X509Certificate::from_der(&der).ok()?;
    let cn = |name: &X509Name<'_>| {
        name.iter_common_name()
            .next()
            .and_then(|a| a.as_str().ok())
            .map(str::to_owned)
    };
    Some((cn(certificate.subject()), cn(certificate.issuer())))
}

/// Why the signature of each assertion of `wsse:Security` does not hold over these bytes, in order: nothing without a
/// signature, an empty text when it holds and covers the assertion.
pub fn signature_problems(body: &[u8]) -> Vec<Option<String>> {
    let Ok(tree) = Tree::read(body, &Limits::default()) else {
        return Vec::new();
    };
    tree.descendant_elements(NodeId::ROOT)
        .filter(|n| tree.is_named(*n, SAML, "Assertion"))
        .filter(|n| tree.parent(*n).is_some_and(|p| tree.local(p) == "Security"))
        .map(|assertion| {
            let seen = verify(&tree, tree.child(assertion, DSIG, "Signature")?);
            Some(if seen.holds() && seen.covers(assertion) {
                String::new()
            } else if seen.problems.is_empty() {
                "la signature ne couvre pas l'assertion qui la porte".to_owned()
            } else {
                seen.said()
            })
        })
        .collect()
}

impl Security {
    /// As facts. `body` is what was received.
    pub(crate) fn facts(&self, at: Timestamp, body: &[u8]) -> Value {
        let signed = self.assertions.iter().any(|a| a.signature.is_some());
        let problems = if signed {
            signature_problems(body)
        } else {
            Vec::new()
        };
        let assertions: Vec<Value> = self
            .assertions
            .iter()
            .enumerate()
            .map(|(rank, assertion)| {
                assertion.facts(at, problems.get(rank).and_then(Option::as_deref))
            })
            .collect();
        json!({ "count": self.count, "assertions": assertions })
    }
}

impl Assertion {
    fn facts(&self, at: Timestamp, problem: Option<&str>) -> Value {
        let attributes: Map<String, Value> = self
            .attributes
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        json!({
            "version": self.version,
            "id": self.id,
            "issuer": self.issuer,
            "issuer_format": self.issuer_format,
            "issue_instant": self.issue_instant,
            "age_s": self.issued_at.and_then(|i| i.skew_s(at)).map(|s| -s),
            "name_id": self.name_id,
            "name_qualifier": self.name_qualifier,
            "signature": self.signature.as_ref().map(|s| json!({
                "position_ok": s.position_ok,
                "c14n": s.c14n,
                "method": s.method,
                "reference": s.reference,
                "references": s.references,
                "transforms": s.transforms,
                "digest": s.digest,
                "certificate_subject_cn": s.certificate_subject_cn,
                "certificate_issuer_cn": s.certificate_issuer_cn,
                "verifies": problem.map(str::is_empty),
                "problem": problem.filter(|p| !p.is_empty()),
            })),
            "attributes": attributes,
        })
    }
}

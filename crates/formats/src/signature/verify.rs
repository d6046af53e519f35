//! Verification of one `ds:Signature`, step by step.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::canonical::Canonicalizer;
use super::{Canonical, Certificate, DSIG, Digest, ENVELOPED, digest, verify_bytes};
use crate::xml::{NodeId, Tree};

const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// Most references of a signature.
const MOST_REFERENCES: usize = 64;
/// Most transforms of a reference.
const MOST_TRANSFORMS: usize = 8;

/// Why a signature does not hold, or cannot be followed. Texts are for the reader of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A part that must be there is not.
    Missing(&'static str),
    /// An algorithm outside the profile.
    Algorithm {
        /// Where: `CanonicalizationMethod`, `Transform`...
        place: &'static str,
        /// Its URI.
        uri: String,
    },
    /// A reference that leaves the document. It is not followed.
    External(String),
    /// A reference to an id that no element bears.
    NoTarget(String),
    /// An id borne by several elements: what is signed cannot be told from what is not.
    Ambiguous(String),
    /// Too many references or transforms.
    TooMany(&'static str),
    /// A value that is not base64.
    Encoding(&'static str),
    /// The bytes referred to have another digest.
    DigestDiffers(String),
    /// The value is not that of this key over `SignedInfo`.
    ValueDiffers,
    /// The certificate cannot be read.
    Certificate(String),
    /// The canonical form cannot be made.
    Canonical(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(what) => write!(f, "{what} manque"),
            Self::Algorithm { place, uri } => {
                write!(f, "{place} : algorithme hors profil, {uri}")
            }
            Self::External(uri) => {
                write!(f, "référence hors du document, non suivie : {uri}")
            }
            Self::NoTarget(uri) => write!(f, "référence à un identifiant absent : {uri}"),
            Self::Ambiguous(uri) => {
                write!(f, "identifiant porté par plusieurs éléments : {uri}")
            }
            Self::TooMany(what) => write!(f, "trop de {what}"),
            Self::Encoding(what) => write!(f, "{what} n'est pas du base64"),
            Self::DigestDiffers(uri) => {
                write!(f, "l'empreinte de {uri} n'est pas celle du contenu reçu")
            }
            Self::ValueDiffers => f.write_str(
                "la valeur de la signature ne correspond pas à SignedInfo sous la clé du certificat joint",
            ),
            Self::Certificate(why) | Self::Canonical(why) => f.write_str(why),
        }
    }
}

/// One `ds:Reference`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The element.
    pub node: NodeId,
    /// `URI`, absent or as written.
    pub uri: Option<String>,
    /// `Type`.
    pub kind: Option<String>,
    /// What it points to, within the document.
    pub target: Option<NodeId>,
    /// Transform algorithms, in order.
    pub transforms: Vec<String>,
    /// `PrefixList` of the last exclusive canonical form.
    pub prefixes: Vec<String>,
    /// URI of the digest algorithm.
    pub digest_method: Option<String>,
    /// `DigestValue`, decoded.
    pub value: Option<Vec<u8>>,
    /// Does the digest agree? `None` when it could not be worked out.
    pub digest_ok: Option<bool>,
}

/// What was seen of a signature.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// URI of the signature algorithm.
    pub method: Option<String>,
    /// URI of the canonical form of `SignedInfo`.
    pub canonical: Option<String>,
    /// References of `SignedInfo`, in order.
    pub references: Vec<Reference>,
    /// Does the value hold under the certificate of `KeyInfo`? `None` when it could not be worked out.
    pub value_ok: Option<bool>,
    /// First certificate of `KeyInfo`.
    pub certificate: Option<Certificate>,
    /// Everything that is wrong, in the order of the steps.
    pub problems: Vec<Problem>,
}

impl Verification {
    /// Does every step hold?
    pub fn holds(&self) -> bool {
        self.problems.is_empty()
            && self.value_ok == Some(true)
            && !self.references.is_empty()
            && self.references.iter().all(|r| r.digest_ok == Some(true))
    }

    /// The problems as one sentence; empty when there is none.
    pub fn said(&self) -> String {
        let all: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        all.join(" ; ")
    }

    /// Does it cover this element, whole?
    pub fn covers(&self, element: NodeId) -> bool {
        self.references
            .iter()
            .any(|r| r.target == Some(element) && r.digest_ok == Some(true))
    }
}

/// Verifies the `ds:Signature` at `signature`. The certificate is that of `KeyInfo`: whether it is to be trusted is
/// another question. References to other documents are listed, not followed.
pub fn verify(tree: &Tree, signature: NodeId) -> Verification {
    let mut seen = Verification::default();
    let Some(info) = tree.child(signature, DSIG, "SignedInfo") else {
        seen.problems.push(Problem::Missing("SignedInfo"));
        return seen;
    };
    let maker = match Canonicalizer::new(tree) {
        Ok(maker) => maker,
        Err(why) => {
            seen.problems.push(Problem::Canonical(why.to_string()));
            return seen;
        }
    };
    let references: Vec<NodeId> = tree.children_named(info, DSIG, "Reference").collect();
    if references.is_empty() {
        seen.problems.push(Problem::Missing("Reference"));
    }
    if references.len() > MOST_REFERENCES {
        seen.problems.push(Problem::TooMany("références"));
    }
    for node in references.into_iter().take(MOST_REFERENCES) {
        let read = reference(tree, &maker, signature, node, &mut seen.problems);
        seen.references.push(read);
    }
    certificate(tree, signature, &mut seen);
    value(tree, &maker, signature, info, &mut seen);
    seen
}

fn algorithm(tree: &Tree, parent: NodeId, local: &str) -> Option<(NodeId, String)> {
    let node = tree.child(parent, DSIG, local)?;
    Some((node, tree.attribute(node, "Algorithm")?.to_owned()))
}

fn base64(tree: &Tree, node: NodeId) -> Option<Vec<u8>> {
    let text = tree.string_value(node);
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(packed).ok()
}

/// The prefix list of a canonicalization method or transform.
fn prefixes(tree: &Tree, node: NodeId) -> Vec<String> {
    tree.child(node, EXCLUSIVE, "InclusiveNamespaces")
        .and_then(|n| tree.attribute(n, "PrefixList"))
        .map(|list| list.split_ascii_whitespace().map(str::to_owned).collect())
        .unwrap_or_default()
}

fn method(tree: &Tree, node: NodeId, uri: &str) -> Option<Canonical> {
    Some(match Canonical::from_uri(uri)? {
        Canonical::Exclusive { comments, .. } => Canonical::Exclusive {
            comments,
            prefixes: prefixes(tree, node),
        },
        inclusive @ Canonical::Inclusive { .. } => inclusive,
    })
}

fn certificate(tree: &Tree, signature: NodeId, seen: &mut Verification) {
    let found = tree.find(signature, DSIG, &["KeyInfo", "X509Data", "X509Certificate"]);
    match found.map(|n| Certificate::from_base64(&tree.string_value(n))) {
        None => seen.problems.push(Problem::Missing("X509Certificate")),
        Some(Err(why)) => seen.problems.push(Problem::Certificate(why.to_string())),
        Some(Ok(certificate)) => seen.certificate = Some(certificate),
    }
}

fn value(
    tree: &Tree,
    maker: &Canonicalizer,
    signature: NodeId,
    info: NodeId,
    seen: &mut Verification,
) {
    let canonical = algorithm(tree, info, "CanonicalizationMethod");
    let signing = algorithm(tree, info, "SignatureMethod");
    seen.canonical = canonical.as_ref().map(|(_, uri)| uri.clone());
    seen.method = signing.map(|(_, uri)| uri);
    let how = match &canonical {
        None => {
            seen.problems
                .push(Problem::Missing("CanonicalizationMethod"));
            return;
        }
        Some((node, uri)) => method(tree, *node, uri).ok_or_else(|| Problem::Algorithm {
            place: "CanonicalizationMethod",
            uri: uri.clone(),
        }),
    };
    let signing = match &seen.method {
        None => Err(Problem::Missing("SignatureMethod")),
        Some(uri) => Digest::from_rsa_uri(uri).ok_or_else(|| Problem::Algorithm {
            place: "SignatureMethod",
            uri: uri.clone(),
        }),
    };
    let bytes = match tree.child(signature, DSIG, "SignatureValue") {
        None => Err(Problem::Missing("SignatureValue")),
        Some(node) => base64(tree, node).ok_or(Problem::Encoding("SignatureValue")),
    };
    let (how, signing, bytes) = match (how, signing, bytes) {
        (Ok(how), Ok(signing), Ok(bytes)) => (how, signing, bytes),
        (how, signing, bytes) => {
            let all = [how.err(), signing.err(), bytes.err()];
            seen.problems.extend(all.into_iter().flatten());
            return;
        }
    };
    let Some(certificate) = &seen.certificate else {
        return;
    };
    match maker.form(tree, info, &how, &[]) {
        Ok(form) => {
            let holds = verify_bytes(certificate, signing, &form, &bytes);
            seen.value_ok = Some(holds);
            if !holds {
                seen.problems.push(Problem::ValueDiffers);
            }
        }
        Err(why) => seen.problems.push(Problem::Canonical(why.to_string())),
    }
}

fn reference(
    tree: &Tree,
    maker: &Canonicalizer,
    signature: NodeId,
    node: NodeId,
    problems: &mut Vec<Problem>,
) -> Reference {
    let uri = tree.attribute(node, "URI").map(str::to_owned);
    let digest_method = algorithm(tree, node, "DigestMethod").map(|(_, uri)| uri);
    let transforms: Vec<NodeId> = tree
        .child(node, DSIG, "Transforms")
        .map(|t| tree.children_named(t, DSIG, "Transform").collect())
        .unwrap_or_default();
    let mut read = Reference {
        node,
        kind: tree.attribute(node, "Type").map(str::to_owned),
        target: None,
        transforms: transforms
            .iter()
            .map(|t| {
                tree.attribute(*t, "Algorithm")
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect(),
        prefixes: Vec::new(),
        digest_method,
        value: tree
            .child(node, DSIG, "DigestValue")
            .and_then(|n| base64(tree, n)),
        digest_ok: None,
        uri,
    };
    match follow(tree, maker, signature, &mut read, &transforms) {
        Ok(true) => read.digest_ok = Some(true),
        Ok(false) => {
            read.digest_ok = Some(false);
            problems.push(Problem::DigestDiffers(shown(read.uri.as_deref())));
        }
        Err(problem) => problems.push(problem),
    }
    read
}

fn shown(uri: Option<&str>) -> String {
    uri.unwrap_or("(sans URI)").chars().take(120).collect()
}

/// Works out whether the digest agrees.
fn follow(
    tree: &Tree,
    maker: &Canonicalizer,
    signature: NodeId,
    read: &mut Reference,
    transforms: &[NodeId],
) -> Result<bool, Problem> {
    let target = match read.uri.as_deref() {
        None => return Err(Problem::Missing("URI de Reference")),
        Some("") => NodeId::ROOT,
        Some(uri) => match uri.strip_prefix('#') {
            None => return Err(Problem::External(shown(Some(uri)))),
            Some(id) => by_id(tree, id)?,
        },
    };
    read.target = Some(target);
    if transforms.len() > MOST_TRANSFORMS {
        return Err(Problem::TooMany("transformations"));
    }
    let mut without = Vec::new();
    // Canonical XML is what a node set becomes when no transform says otherwise (XML Signature 1.1, 4.4.3.2).
    let mut how = Canonical::Inclusive { comments: false };
    let mut octets = false;
    for (node, uri) in transforms.iter().zip(&read.transforms) {
        let outside = || Problem::Algorithm {
            place: "Transform",
            uri: uri.chars().take(120).collect(),
        };
        if octets {
            // A transform after the canonical form would read octets again: outside the profile.
            return Err(outside());
        }
        if uri == ENVELOPED {
            without.push(signature);
        } else {
            how = method(tree, *node, uri)
                .ok_or_else(outside)?
                .without_comments();
            octets = true;
        }
    }
    if let Canonical::Exclusive { prefixes, .. } = &how {
        read.prefixes.clone_from(prefixes);
    }
    let algorithm = match &read.digest_method {
        None => return Err(Problem::Missing("DigestMethod")),
        Some(uri) => Digest::from_uri(uri).ok_or_else(|| Problem::Algorithm {
            place: "DigestMethod",
            uri: uri.clone(),
        })?,
    };
    let expected = read
        .value
        .as_deref()
        .ok_or(Problem::Encoding("DigestValue"))?;
    let form = maker
        .form(tree, target, &how, &without)
        .map_err(|why| Problem::Canonical(why.to_string()))?;
    Ok(digest(algorithm, &form) == expected)
}

/// The only element that bears this id (`ID`, `Id`, `id` or `xml:id`).
fn by_id(tree: &Tree, id: &str) -> Result<NodeId, Problem> {
    const XML: &str = "http://www.w3.org/XML/1998/namespace";
    let bears = |n: &NodeId| {
        ["ID", "Id", "id"]
            .iter()
            .any(|name| tree.attribute(*n, name) == Some(id))
            || tree.attribute_ns(*n, XML, "id") == Some(id)
    };
    let mut all = tree.descendant_elements(NodeId::ROOT).filter(bears);
    let uri = || format!("#{}", id.chars().take(120).collect::<String>());
    match (all.next(), all.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(Problem::NoTarget(uri())),
        (Some(_), Some(_)) => Err(Problem::Ambiguous(uri())),
    }
}

//! The signature document of a submitted lot (IHE DSG, XAdES): read, verified against the bytes of the documents, written.
//!
//! `ds:Signature` signs a `ds:Manifest`; the manifest names the lot (not digested) and each document by its OID. What the
//! manifest names is outside the XML document: it is looked up among the bytes given, and nowhere else. Facts: `dmp.md` 9.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::signature::{
    Canonical, Canonicalizer, Certificate, DSIG, Digest, Name, SignError, Signer, Verification,
    canonical_form, digest, sign_bytes, verify as verify_signature,
};
use crate::vihf::escape;
use crate::xml::{Limits, NodeId, Tree};

/// XAdES namespaces, oldest first: 1.1.1, 1.2.2, 1.3.2.
pub const XADES: [&str; 3] = [
    "http://uri.etsi.org/01903/v1.1.1#",
    "http://uri.etsi.org/01903/v1.2.2#",
    "http://uri.etsi.org/01903/v1.3.2#",
];
/// Purpose "source" (ASTM E1762): the signer is the author of the lot.
pub const PURPOSE_SOURCE: &str = "1.2.840.10065.1.12.1.14";
/// Id of the manifest.
pub const MANIFEST_ID: &str = "IHEManifest";
/// Id of the purpose.
pub const PURPOSE_ID: &str = "purposeOfSignature";
/// Digest of what is named and not digested: one zero byte.
pub const NOT_DIGESTED: [u8; 1] = [0];
/// `Type` of the reference to the manifest.
pub const MANIFEST_TYPE: &str = "http://www.w3.org/2000/09/xmldsig#Manifest";

const WITH_COMMENTS: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments";
/// Most references that are followed in a manifest.
const MOST_DOCUMENTS: usize = 256;

/// A reference of the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestReference {
    /// Where it stands.
    pub node: NodeId,
    /// Its URI, as written.
    pub uri: String,
    /// Transform algorithms, in order.
    pub transforms: Vec<String>,
    /// `PrefixList` of an exclusive canonical form.
    pub prefixes: Vec<String>,
    /// URI of the digest algorithm.
    pub digest_method: Option<String>,
    /// Digest; `None` when it is absent or no base64.
    pub value: Option<Vec<u8>>,
}

impl ManifestReference {
    /// The OID it names, when its URI is `urn:oid:...`.
    pub fn oid(&self) -> Option<&str> {
        self.uri.strip_prefix("urn:oid:")
    }

    /// Named and not digested (the lot).
    pub fn is_not_digested(&self) -> bool {
        self.value.as_deref() == Some(&NOT_DIGESTED)
    }
}

/// A certificate named by `SigningCertificate`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SigningCertificate {
    /// URI of the digest algorithm.
    pub digest_method: Option<String>,
    /// Digest of its DER.
    pub digest: Option<Vec<u8>>,
    /// Name of its authority.
    pub issuer: Option<String>,
    /// Serial number, decimal.
    pub serial: Option<String>,
}

/// The signature of a lot. What is absent is `None` or empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LotSignature {
    /// `ds:Signature`.
    pub node: NodeId,
    /// Its `Id`.
    pub id: Option<String>,
    /// `ds:Manifest`.
    pub manifest: Option<NodeId>,
    /// References of the manifest, in order.
    pub references: Vec<ManifestReference>,
    /// Content of the property `purposeOfSignature`.
    pub purpose: Option<String>,
    /// Namespace of `QualifyingProperties`: the version of XAdES.
    pub xades: Option<String>,
    /// `SignedProperties`.
    pub properties: Option<NodeId>,
    /// `SigningTime`.
    pub signing_time: Option<String>,
    /// `SigningCertificate`.
    pub certificates: Vec<SigningCertificate>,
    /// `SignaturePolicyImplied` is there.
    pub policy_implied: bool,
}

/// What became of a document of the lot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentOutcome {
    /// The manifest names it and its digest agrees.
    Agrees,
    /// The manifest does not name it.
    NotNamed,
    /// Its bytes are not those that were signed.
    Differs,
    /// It is named without being digested.
    NotDigested,
    /// Whether it agrees cannot be told: why, in words.
    Undecided(String),
}

/// A document of the lot, as the manifest has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentCheck {
    /// Its uniqueId.
    pub unique_id: String,
    /// The reference that names it.
    pub reference: Option<NodeId>,
    /// What became of it.
    pub outcome: DocumentOutcome,
}

/// What was seen of the signature of a lot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LotVerification {
    /// The XML signature itself.
    pub signature: Verification,
    /// `SignedInfo` covers the manifest.
    pub manifest_signed: bool,
    /// `SignedInfo` covers the signed properties.
    pub properties_signed: bool,
    /// The first certificate of `SigningCertificate` is that of `KeyInfo`; `None` without one of them.
    pub certificate_named: Option<bool>,
    /// Each document given, in order.
    pub documents: Vec<DocumentCheck>,
    /// URIs of digested references that name no document given.
    pub unknown: Vec<String>,
}

impl LotVerification {
    /// Does everything hold?
    pub fn holds(&self) -> bool {
        self.signature.holds()
            && self.manifest_signed
            && self.certificate_named != Some(false)
            && self.unknown.is_empty()
            && self
                .documents
                .iter()
                .all(|d| d.outcome == DocumentOutcome::Agrees)
    }
}

fn trimmed(tree: &Tree, node: NodeId) -> String {
    tree.string_value(node).trim().to_owned()
}

fn decoded(tree: &Tree, node: NodeId) -> Option<Vec<u8>> {
    let packed: String = tree
        .string_value(node)
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .collect();
    STANDARD.decode(packed).ok()
}

fn is_xades(namespace: &str) -> bool {
    XADES.contains(&namespace)
}

/// First descendant of that local name in a XAdES namespace.
fn xades(tree: &Tree, from: NodeId, local: &str) -> Option<NodeId> {
    tree.descendant_elements(from)
        .find(|n| tree.local(*n) == local && is_xades(tree.namespace(*n)))
}

/// First descendant of that local name in the namespace of XAdES or of XML signatures: versions differ.
fn either(tree: &Tree, from: NodeId, local: &str) -> Option<NodeId> {
    tree.descendant_elements(from).find(|n| {
        tree.local(*n) == local && (is_xades(tree.namespace(*n)) || tree.namespace(*n) == DSIG)
    })
}

impl LotSignature {
    /// Reads a document whose root is `ds:Signature`. `None` when it is another element.
    pub fn read(tree: &Tree) -> Option<Self> {
        let node = tree
            .document_element()
            .filter(|n| tree.is_named(*n, DSIG, "Signature"))?;
        let manifest = tree.find(node, DSIG, &["Object", "Manifest"]);
        let references = manifest
            .map(|m| {
                tree.children_named(m, DSIG, "Reference")
                    .map(|r| manifest_reference(tree, r))
                    .collect()
            })
            .unwrap_or_default();
        let purpose = tree
            .descendant_elements(node)
            // The public sample takes it out of every namespace.
            .filter(|n| {
                tree.is_named(*n, DSIG, "SignatureProperty")
                    || tree.is_named(*n, "", "SignatureProperty")
            })
            .find(|n| tree.attribute(*n, "Id") == Some(PURPOSE_ID))
            .map(|n| trimmed(tree, n));
        let qualifying = xades(tree, node, "QualifyingProperties");
        let properties = qualifying.and_then(|q| xades(tree, q, "SignedProperties"));
        let signed = |local: &str| properties.and_then(|p| xades(tree, p, local));
        let certificates = signed("SigningCertificate")
            .or_else(|| signed("SigningCertificateV2"))
            .map(|list| {
                tree.child_elements(list)
                    .filter(|n| tree.local(*n) == "Cert")
                    .map(|cert| signing_certificate(tree, cert))
                    .collect()
            })
            .unwrap_or_default();
        Some(Self {
            node,
            id: tree.attribute(node, "Id").map(str::to_owned),
            manifest,
            references,
            purpose,
            xades: qualifying.map(|q| tree.namespace(q).to_owned()),
            properties,
            signing_time: signed("SigningTime").map(|n| trimmed(tree, n)),
            certificates,
            policy_implied: signed("SignaturePolicyImplied").is_some(),
        })
    }
}

fn manifest_reference(tree: &Tree, node: NodeId) -> ManifestReference {
    let transforms: Vec<NodeId> = tree
        .child(node, DSIG, "Transforms")
        .map(|t| tree.children_named(t, DSIG, "Transform").collect())
        .unwrap_or_default();
    let prefixes = transforms
        .iter()
        .flat_map(|t| tree.child_elements(*t))
        .filter_map(|n| tree.attribute(n, "PrefixList"))
        .flat_map(str::split_ascii_whitespace)
        .map(str::to_owned)
        .collect();
    ManifestReference {
        node,
        uri: tree.attribute(node, "URI").unwrap_or_default().to_owned(),
        transforms: transforms
            .iter()
            .map(|t| {
                tree.attribute(*t, "Algorithm")
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect(),
        prefixes,
        digest_method: tree
            .child(node, DSIG, "DigestMethod")
            .and_then(|n| tree.attribute(n, "Algorithm"))
            .map(str::to_owned),
        value: tree
            .child(node, DSIG, "DigestValue")
            .and_then(|n| decoded(tree, n)),
    }
}

fn signing_certificate(tree: &Tree, cert: NodeId) -> SigningCertificate {
    SigningCertificate {
        digest_method: either(tree, cert, "DigestMethod")
            .and_then(|n| tree.attribute(n, "Algorithm"))
            .map(str::to_owned),
        digest: either(tree, cert, "DigestValue").and_then(|n| decoded(tree, n)),
        issuer: either(tree, cert, "X509IssuerName").map(|n| trimmed(tree, n)),
        serial: either(tree, cert, "X509SerialNumber").map(|n| trimmed(tree, n)),
    }
}

impl SigningCertificate {
    /// Does it name that certificate? Digest, and authority and serial number when they are given.
    fn names(&self, certificate: &Certificate) -> bool {
        let digest_agrees = self
            .digest_method
            .as_deref()
            .and_then(Digest::from_uri)
            .zip(self.digest.as_deref())
            .is_some_and(|(algorithm, value)| digest(algorithm, certificate.der()) == value);
        let issuer_agrees = self.issuer.as_deref().is_none_or(|text| {
            Name::parse(text).is_ok_and(|name| name.same_as(certificate.issuer()))
        });
        let serial_agrees = self
            .serial
            .as_deref()
            .is_none_or(|serial| serial == certificate.serial_decimal());
        digest_agrees && issuer_agrees && serial_agrees
    }
}

/// Verifies the signature of a lot: the XML signature, then each of `documents` (uniqueId, bytes as attached).
pub fn verify(lot: &LotSignature, tree: &Tree, documents: &[(&str, &[u8])]) -> LotVerification {
    let signature = verify_signature(tree, lot.node);
    let covers = |node: Option<NodeId>| node.is_some_and(|n| signature.covers(n));
    let certificate_named = lot
        .certificates
        .first()
        .zip(signature.certificate.as_ref())
        .map(|(named, certificate)| named.names(certificate));
    let checked = documents
        .iter()
        .map(|(unique_id, bytes)| {
            let reference = lot.references.iter().find(|r| r.oid() == Some(*unique_id));
            DocumentCheck {
                unique_id: (*unique_id).to_owned(),
                reference: reference.map(|r| r.node),
                outcome: reference.map_or(DocumentOutcome::NotNamed, |r| outcome(r, bytes)),
            }
        })
        .collect();
    let unknown = lot
        .references
        .iter()
        .take(MOST_DOCUMENTS)
        .filter(|r| !r.is_not_digested())
        .filter(|r| {
            r.oid()
                .is_none_or(|oid| !documents.iter().any(|(unique_id, _)| *unique_id == oid))
        })
        .map(|r| r.uri.clone())
        .collect();
    LotVerification {
        manifest_signed: covers(lot.manifest),
        properties_signed: covers(lot.properties),
        certificate_named,
        documents: checked,
        unknown,
        signature,
    }
}

fn outcome(reference: &ManifestReference, bytes: &[u8]) -> DocumentOutcome {
    if reference.is_not_digested() {
        return DocumentOutcome::NotDigested;
    }
    let undecided = |why: String| DocumentOutcome::Undecided(why);
    let Some(algorithm) = reference
        .digest_method
        .as_deref()
        .and_then(Digest::from_uri)
    else {
        return undecided(format!(
            "algorithme d'empreinte inconnu : {}",
            reference.digest_method.as_deref().unwrap_or("absent")
        ));
    };
    let Some(expected) = reference.value.as_deref() else {
        return undecided("DigestValue absent, ou pas du base64".to_owned());
    };
    let seen = match reference.transforms.as_slice() {
        [] => digest(algorithm, bytes),
        [uri] => {
            let how = match Canonical::from_uri(uri) {
                Some(Canonical::Exclusive { comments, .. }) => Canonical::Exclusive {
                    comments,
                    prefixes: reference.prefixes.clone(),
                },
                Some(inclusive) => inclusive,
                None => return undecided(format!("transformation hors profil : {uri}")),
            };
            match canonical_document(bytes, &how) {
                Ok(form) => digest(algorithm, &form),
                Err(why) => return undecided(why),
            }
        }
        more => return undecided(format!("{} transformations pour un document", more.len())),
    };
    if seen == expected {
        DocumentOutcome::Agrees
    } else {
        DocumentOutcome::Differs
    }
}

fn canonical_document(bytes: &[u8], how: &Canonical) -> Result<Vec<u8>, String> {
    let tree = Tree::read(bytes, &Limits::default()).map_err(|e| e.to_string())?;
    canonical_form(&tree, NodeId::ROOT, how, &[]).map_err(|e| e.to_string())
}

/// Writes the signature document of a lot: XAdES 1.1.1, inclusive canonical form with comments, as the public samples have
/// it. `signing_time` is an `xs:dateTime`; each document is its uniqueId and its bytes as attached.
pub fn write(
    lot_unique_id: &str,
    documents: &[(&str, &[u8])],
    signer: &Signer,
    signing_time: &str,
    algorithm: Digest,
) -> Result<String, SignError> {
    let how = Canonical::Inclusive { comments: true };
    let mut manifest = reference(
        &format!("urn:oid:{lot_unique_id}"),
        false,
        algorithm,
        &NOT_DIGESTED,
    );
    for (unique_id, bytes) in documents {
        let uri = format!("urn:oid:{unique_id}");
        manifest += &match canonical_document(bytes, &how) {
            Ok(form) => reference(&uri, true, algorithm, &digest(algorithm, &form)),
            Err(_) => reference(&uri, false, algorithm, &digest(algorithm, bytes)),
        };
    }
    let objects = objects(&manifest, signer.certificate(), signing_time, algorithm);
    let whole = |info: &str, value: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ds:Signature xmlns:ds=\"{DSIG}\" Id=\"SignatureLot\">{info}\
             <ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}\
             </ds:X509Certificate></ds:X509Data></ds:KeyInfo>{objects}</ds:Signature>",
            signer.certificate().base64()
        )
    };
    let read = |text: &str| {
        Tree::read(text.as_bytes(), &Limits::default())
            .map_err(|e| SignError::Document(e.to_string()))
    };
    let lost = |what: &str| SignError::Document(format!("{what} is not found again"));
    let failed = |e: crate::signature::C14nError| SignError::Document(e.to_string());

    let unsigned = whole("", "");
    let tree = read(&unsigned)?;
    let lot = LotSignature::read(&tree).ok_or_else(|| lost("ds:Signature"))?;
    let maker = Canonicalizer::new(&tree).map_err(failed)?;
    // What a same-document reference selects has no comments.
    let selected = how.without_comments();
    let digested = |node: Option<NodeId>, what: &str| {
        let node = node.ok_or_else(|| lost(what))?;
        let form = maker.form(&tree, node, &selected, &[]).map_err(failed)?;
        Ok::<_, SignError>(STANDARD.encode(digest(algorithm, &form)))
    };
    let info = format!(
        "<ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{WITH_COMMENTS}\"/><ds:SignatureMethod Algorithm=\"{}\"/>\
         {}{}</ds:SignedInfo>",
        algorithm.rsa_uri(),
        own_reference(
            MANIFEST_ID,
            MANIFEST_TYPE,
            algorithm,
            &digested(lot.manifest, "ds:Manifest")?
        ),
        own_reference(
            "SignatureLot-SignedProperties",
            &format!("{}SignedProperties", XADES[0]),
            algorithm,
            &digested(lot.properties, "SignedProperties")?,
        ),
    );
    let with_info = whole(&info, "");
    let tree = read(&with_info)?;
    let node = tree
        .find(NodeId::ROOT, DSIG, &["Signature", "SignedInfo"])
        .ok_or_else(|| lost("ds:SignedInfo"))?;
    let form = canonical_form(&tree, node, &how, &[]).map_err(failed)?;
    let value = STANDARD.encode(sign_bytes(signer, algorithm, &form)?);
    Ok(whole(&info, &value))
}

/// A reference of the manifest.
fn reference(uri: &str, canonical: bool, algorithm: Digest, value: &[u8]) -> String {
    let transforms = if canonical {
        format!("<ds:Transforms><ds:Transform Algorithm=\"{WITH_COMMENTS}\"/></ds:Transforms>")
    } else {
        String::new()
    };
    format!(
        "<ds:Reference URI=\"{}\">{transforms}<ds:DigestMethod Algorithm=\"{}\"/><ds:DigestValue>{}</ds:DigestValue></ds:Reference>",
        escape(uri),
        algorithm.uri(),
        STANDARD.encode(value)
    )
}

/// A reference of `SignedInfo`.
fn own_reference(id: &str, kind: &str, algorithm: Digest, value: &str) -> String {
    format!(
        "<ds:Reference URI=\"#{id}\" Type=\"{kind}\"><ds:Transforms><ds:Transform Algorithm=\"{WITH_COMMENTS}\"/>\
         </ds:Transforms><ds:DigestMethod Algorithm=\"{}\"/><ds:DigestValue>{value}</ds:DigestValue></ds:Reference>",
        algorithm.uri()
    )
}

/// The purpose is written outside any namespace, as the public sample has it: the schema of XML signatures wants an element
/// in `ds:SignatureProperty`.
fn objects(
    manifest: &str,
    certificate: &Certificate,
    signing_time: &str,
    algorithm: Digest,
) -> String {
    format!(
        "<ds:Object><ds:Manifest Id=\"{MANIFEST_ID}\">{manifest}</ds:Manifest></ds:Object>\
         <ds:Object><SignatureProperties><SignatureProperty Id=\"{PURPOSE_ID}\" Target=\"#SignatureLot\">{PURPOSE_SOURCE}\
         </SignatureProperty></SignatureProperties></ds:Object>\
         <ds:Object><xad:QualifyingProperties xmlns:xad=\"{xades}\" Target=\"#SignatureLot\">\
         <xad:SignedProperties Id=\"SignatureLot-SignedProperties\"><xad:SignedSignatureProperties>\
         <xad:SigningTime>{time}</xad:SigningTime><xad:SigningCertificate><xad:Cert><xad:CertDigest>\
         <xad:DigestMethod Algorithm=\"{digest_uri}\"/><xad:DigestValue>{value}</xad:DigestValue></xad:CertDigest>\
         <xad:IssuerSerial><ds:X509IssuerName>{issuer}</ds:X509IssuerName><ds:X509SerialNumber>{serial}</ds:X509SerialNumber>\
         </xad:IssuerSerial></xad:Cert></xad:SigningCertificate><xad:SignaturePolicyIdentifier><xad:SignaturePolicyImplied/>\
         </xad:SignaturePolicyIdentifier></xad:SignedSignatureProperties></xad:SignedProperties></xad:QualifyingProperties></ds:Object>",
        xades = XADES[0],
        time = escape(signing_time),
        digest_uri = algorithm.uri(),
        value = STANDARD.encode(digest(algorithm, certificate.der())),
        issuer = escape(&certificate.issuer().rfc2253()),
        serial = certificate.serial_decimal(),
    )
}

#[cfg(test)]
mod tests;

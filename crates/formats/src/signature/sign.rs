//! Creation of signatures: what the reference DUI, samples and tests sign with. Test keys only.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaKeyPair};
use rsa::pkcs8::DecodePrivateKey as _;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;

use super::{Canonical, Certificate, DSIG, Digest, ENVELOPED, canonical_form, digest};
use crate::xml::{Limits, NodeId, Tree};

/// `DigestInfo` of SHA-1 (RFC 8017, 9.2), up to the digest itself.
const SHA1_INFO: [u8; 15] = [
    0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14,
];

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The key or the certificate cannot be used.
    #[error("the signing key or certificate cannot be used: {0}")]
    Key(String),
    /// The document to sign cannot be read.
    #[error("the document to sign cannot be used: {0}")]
    Document(String),
}

/// A private key and its certificate.
pub struct Signer {
    certificate: Certificate,
    fast: RsaKeyPair,
    // `ring` signs nothing with SHA-1, which the public samples of the DMP use.
    legacy: rsa::PrivateKey,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("subject", &self.certificate.subject().rfc2253())
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// From PEM: the first certificate of a chain, and a PKCS#8 private key.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, SignError> {
        let error = |e: String| SignError::Key(e);
        let certificate = Certificate::from_pem(certificate).map_err(|e| error(e.to_string()))?;
        let key = PrivatePkcs8KeyDer::from_pem_slice(key).map_err(|e| error(format!("{e:?}")))?;
        let fast =
            RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).map_err(|e| error(e.to_string()))?;
        let legacy = rsa::PrivateKey::from_pkcs8_der(key.secret_pkcs8_der())
            .map_err(|e| error(e.to_string()))?;
        Ok(Self {
            certificate,
            fast,
            legacy,
        })
    }

    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

/// RSA PKCS#1 v1.5 signature of bytes.
pub fn sign_bytes(signer: &Signer, algorithm: Digest, data: &[u8]) -> Result<Vec<u8>, SignError> {
    let error = |e: String| SignError::Key(e);
    let scheme = match algorithm {
        Digest::Sha1 => {
            let scheme = rsa::Pkcs1v15Sign {
                hash_len: Some(20),
                prefix: SHA1_INFO.into(),
            };
            let hashed = digest(Digest::Sha1, data);
            return signer
                .legacy
                .sign(scheme, &hashed)
                .map_err(|e| error(e.to_string()));
        }
        Digest::Sha256 => &RSA_PKCS1_SHA256,
        Digest::Sha512 => &RSA_PKCS1_SHA512,
    };
    let mut signature = vec![0; signer.fast.public().modulus_len()];
    signer
        .fast
        .sign(scheme, &SystemRandom::new(), data, &mut signature)
        .map_err(|e| error(e.to_string()))?;
    Ok(signature)
}

/// How [`sign_enveloped`] signs.
#[derive(Debug, Clone)]
pub struct SignOptions {
    /// Digest, of the reference and under RSA.
    pub digest: Digest,
    /// `PrefixList` of the reference's exclusive canonical form; empty means none.
    pub prefixes: Vec<String>,
}

impl Default for SignOptions {
    fn default() -> Self {
        Self {
            digest: Digest::Sha256,
            prefixes: Vec::new(),
        }
    }
}

/// Signs the element whose `ID` is `id`: an enveloped signature over its exclusive canonical form, put just after its
/// `Issuer` (as its first child when it has none).
pub fn sign_enveloped(
    xml: &str,
    id: &str,
    signer: &Signer,
    options: &SignOptions,
) -> Result<String, SignError> {
    let bad = |e: String| SignError::Document(e);
    let tree = read(xml)?;
    let target = with_id(&tree, id).ok_or_else(|| bad(format!("no element of ID {id:?}")))?;
    let how = Canonical::Exclusive {
        comments: false,
        prefixes: options.prefixes.clone(),
    };
    let form = canonical_form(&tree, target, &how, &[]).map_err(|e| bad(e.to_string()))?;
    let at = place(xml, tree.position(target).offset).map_err(bad)?;
    let list = if options.prefixes.is_empty() {
        String::new()
    } else {
        format!(
            "<ec:InclusiveNamespaces xmlns:ec=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"{}\"/>",
            options.prefixes.join(" ")
        )
    };
    let exclusive = Canonical::exclusive();
    let block = |value: &str| {
        format!(
            "<ds:Signature xmlns:ds=\"{DSIG}\"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{c14n}\"/>\
             <ds:SignatureMethod Algorithm=\"{method}\"/><ds:Reference URI=\"#{id}\"><ds:Transforms>\
             <ds:Transform Algorithm=\"{ENVELOPED}\"/><ds:Transform Algorithm=\"{c14n}\">{list}</ds:Transform>\
             </ds:Transforms><ds:DigestMethod Algorithm=\"{digest_method}\"/><ds:DigestValue>{digested}</ds:DigestValue>\
             </ds:Reference></ds:SignedInfo><ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo><ds:X509Data>\
             <ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>",
            c14n = exclusive.uri(),
            method = options.digest.rsa_uri(),
            digest_method = options.digest.uri(),
            digested = STANDARD.encode(digest(options.digest, &form)),
            certificate = signer.certificate.base64(),
        )
    };
    let with = |value: &str| [&xml[..at], &block(value), &xml[at..]].concat();
    let unsigned = with("");
    let tree = read(&unsigned)?;
    let info = tree
        .descendant_elements(NodeId::ROOT)
        .find(|n| tree.is_named(*n, DSIG, "SignedInfo") && tree.position(*n).offset > at)
        .ok_or_else(|| bad("no SignedInfo".to_owned()))?;
    let form = canonical_form(&tree, info, &exclusive, &[]).map_err(|e| bad(e.to_string()))?;
    let value = STANDARD.encode(sign_bytes(signer, options.digest, &form)?);
    Ok(with(&value))
}

fn read(xml: &str) -> Result<Tree, SignError> {
    Tree::read(xml.as_bytes(), &Limits::default()).map_err(|e| SignError::Document(e.to_string()))
}

fn with_id(tree: &Tree, id: &str) -> Option<NodeId> {
    tree.descendant_elements(NodeId::ROOT)
        .find(|n| tree.attribute(*n, "ID") == Some(id))
}

/// Where the signature goes in the text: after the `Issuer` child, else after the start tag.
fn place(xml: &str, offset: usize) -> Result<usize, String> {
    let document = roxmltree::Document::parse(xml).map_err(|e| e.to_string())?;
    let element = document
        .descendants()
        .find(|n| n.is_element() && n.range().start == offset)
        .ok_or("the element to sign is not found again")?;
    let issuer = element
        .children()
        .find(|n| n.is_element() && n.tag_name().name() == "Issuer");
    if let Some(issuer) = issuer {
        return Ok(issuer.range().end);
    }
    element
        .first_child()
        .map(|child| child.range().start)
        .ok_or_else(|| "the element to sign is empty".to_owned())
}

//! XML signatures: canonical forms, verification and creation, certificates.
//!
//! The profile is closed on purpose: same-document references, the enveloped-signature transform, canonical forms,
//! RSA with SHA-1 or SHA-2. Anything else (XPath, XSLT, a reference that leaves the document) is reported and never
//! run: nothing is fetched, nothing can loop. Every step is told apart, since a judge must say which one failed.
//!
//! Sources: W3C XML Signature Syntax and Processing 1.1; Canonical XML 1.0; Exclusive XML Canonicalization 1.0.

mod canonical;
mod certificate;
mod name;
mod sign;
#[cfg(test)]
mod tests;
mod verify;

use ring::digest as ring_digest;
use ring::signature::{
    RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, RsaParameters, UnparsedPublicKey,
};

pub use canonical::{C14nError, Canonical, Canonicalizer, canonical_form};
pub use certificate::{Certificate, CertificateError, KeyUsage};
pub use name::{Name, NameError};
pub use sign::{SignError, SignOptions, Signer, sign_bytes, sign_enveloped};
pub use verify::{Problem, Reference, Verification, verify};

/// Namespace of XML signatures.
pub const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// Transform that leaves the signature itself out.
pub const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/// A digest algorithm, alone or under RSA PKCS#1 v1.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Digest {
    /// SHA-1: what the public samples of the DMP use.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Digest {
    const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// URI of the digest.
    pub fn uri(self) -> &'static str {
        match self {
            Self::Sha1 => "http://www.w3.org/2000/09/xmldsig#sha1",
            Self::Sha256 => "http://www.w3.org/2001/04/xmlenc#sha256",
            Self::Sha512 => "http://www.w3.org/2001/04/xmlenc#sha512",
        }
    }

    /// URI of the RSA signature over it.
    pub fn rsa_uri(self) -> &'static str {
        match self {
            Self::Sha1 => "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            Self::Sha256 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            Self::Sha512 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
        }
    }

    /// From the URI of a digest.
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.uri() == uri)
    }

    /// From the URI of an RSA signature.
    pub fn from_rsa_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.rsa_uri() == uri)
    }

    /// Short name, as read by people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
        }
    }

    fn rsa(self) -> &'static RsaParameters {
        match self {
            Self::Sha1 => &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
            Self::Sha512 => &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        }
    }
}

/// Digest of bytes.
pub fn digest(algorithm: Digest, bytes: &[u8]) -> Vec<u8> {
    let algorithm = match algorithm {
        Digest::Sha1 => &ring_digest::SHA1_FOR_LEGACY_USE_ONLY,
        Digest::Sha256 => &ring_digest::SHA256,
        Digest::Sha512 => &ring_digest::SHA512,
    };
    ring_digest::digest(algorithm, bytes).as_ref().to_vec()
}

/// Digest of bytes in lower-case hexadecimal, as XDS writes `hash`.
pub fn digest_hex(algorithm: Digest, bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    digest(algorithm, bytes)
        .iter()
        .fold(String::new(), |mut out, byte| {
            // Writing to a String cannot fail.
            let _ = write!(out, "{byte:02x}");
            out
        })
}

/// Does this RSA PKCS#1 v1.5 signature hold under the key of the certificate? Keys under 1024 bits never do.
pub fn verify_bytes(
    certificate: &Certificate,
    algorithm: Digest,
    data: &[u8],
    signature: &[u8],
) -> bool {
    UnparsedPublicKey::new(algorithm.rsa(), certificate.rsa_key())
        .verify(data, signature)
        .is_ok()
}

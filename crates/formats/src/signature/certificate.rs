//! X.509 certificates, as far as a signature needs them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use diapason_core::{Sha256Hex, Timestamp};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::Name;

/// A certificate that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("certificat illisible : {0}")]
pub struct CertificateError(String);

/// What the key usage extension allows. All false without the extension: see [`KeyUsage::present`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyUsage {
    /// Is there an extension at all?
    pub present: bool,
    /// `digitalSignature`.
    pub digital_signature: bool,
    /// `nonRepudiation` (`contentCommitment`).
    pub non_repudiation: bool,
    /// `keyEncipherment`.
    pub key_encipherment: bool,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    subject: Name,
    issuer: Name,
    serial: String,
    usage: KeyUsage,
    not_before: Timestamp,
    not_after: Timestamp,
    key: Vec<u8>,
}

impl Certificate {
    /// Reads DER.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let error = |e: String| CertificateError(e);
        let (rest, parsed) = X509Certificate::from_der(der).map_err(|e| error(e.to_string()))?;
        if !rest.is_empty() {
            return Err(error(format!("{} octets de trop après lui", rest.len())));
        }
        let usage = parsed
            .key_usage()
            .map_err(|e| error(e.to_string()))?
            .map(|u| KeyUsage {
                present: true,
                digital_signature: u.value.digital_signature(),
                non_repudiation: u.value.non_repudiation(),
                key_encipherment: u.value.key_encipherment(),
            })
            .unwrap_or_default();
        let at = |seconds: i64| Timestamp::from_unix_millis(seconds.saturating_mul(1000));
        Ok(Self {
            der: der.to_vec(),
            subject: Name::of(parsed.subject()),
            issuer: Name::of(parsed.issuer()),
            serial: parsed.tbs_certificate.serial.to_string(),
            usage,
            not_before: at(parsed.validity().not_before.timestamp()),
            not_after: at(parsed.validity().not_after.timestamp()),
            key: parsed.public_key().subject_public_key.data.to_vec(),
        })
    }

    /// Reads base64 DER, blanks allowed, as in `ds:X509Certificate`.
    pub fn from_base64(text: &str) -> Result<Self, CertificateError> {
        let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let der = STANDARD
            .decode(packed)
            .map_err(|e| CertificateError(format!("pas du base64 ({e})")))?;
        Self::from_der(&der)
    }

    /// Reads the first certificate of a PEM file.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        let der = CertificateDer::from_pem_slice(pem)
            .map_err(|e| CertificateError(format!("pas du PEM ({e:?})")))?;
        Self::from_der(&der)
    }

    /// The DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The DER in base64, on one line.
    pub fn base64(&self) -> String {
        STANDARD.encode(&self.der)
    }

    /// SHA-256 of the DER.
    pub fn sha256(&self) -> Sha256Hex {
        Sha256Hex::of(&self.der)
    }

    /// Holder.
    pub fn subject(&self) -> &Name {
        &self.subject
    }

    /// Authority.
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// Serial number in decimal, as XAdES wants it.
    pub fn serial_decimal(&self) -> &str {
        &self.serial
    }

    /// Key usage.
    pub fn key_usage(&self) -> KeyUsage {
        self.usage
    }

    /// Start of validity.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// End of validity.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Is it valid then?
    pub fn valid_at(&self, at: Timestamp) -> bool {
        self.not_before <= at && at <= self.not_after
    }

    /// Did that authority sign it?
    pub fn issued_by(&self, authority: &Self) -> bool {
        let read = |der| X509Certificate::from_der(der).ok().map(|(_, c)| c);
        match (read(&self.der), read(&authority.der)) {
            (Some(this), Some(other)) => {
                self.issuer.same_as(&authority.subject)
                    && this.verify_signature(Some(other.public_key())).is_ok()
            }
            _ => false,
        }
    }

    /// The RSA public key, PKCS#1 DER.
    pub(super) fn rsa_key(&self) -> &[u8] {
        &self.key
    }
}

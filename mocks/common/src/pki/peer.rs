//! What a client certificate says and whether the test PKI stands behind it, at the injected clock.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use diapason_core::exchange::PeerCertificate;
use diapason_core::{Sha256Hex, Timestamp};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ExtendedKeyUsage;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Name;

use super::PkiError;

/// What is said of a certificate that is none.
const UNREADABLE: &str = "not a readable X.509 certificate";

/// What is needed to judge a client certificate.
#[derive(Debug)]
pub(crate) struct Authority {
    der: Vec<u8>,
    revoked: BTreeSet<Vec<u8>>,
}

impl Authority {
    /// From the DER of the authority and of its revocation list.
    pub(crate) fn new(der: Vec<u8>, crl: &[u8]) -> Result<Self, PkiError> {
        let unreadable = |what: &'static str, problem: String| PkiError::Unreadable {
            file: what,
            problem,
        };
        X509Certificate::from_der(&der)
            .map_err(|e| unreadable("ac-organisations.cer", e.to_string()))?;
        let (_, list) = CertificateRevocationList::from_der(crl)
            .map_err(|e| unreadable("organisations.crl", e.to_string()))?;
        let revoked = list
            .iter_revoked_certificates()
            .map(|entry| entry.raw_serial().to_vec())
            .collect();
        Ok(Self { der, revoked })
    }

    /// Why nothing that `leaf` vouches for can be believed, each reason once.
    fn standing(&self, leaf: &X509Certificate<'_>, now: Timestamp) -> Vec<&'static str> {
        let mut problems = Vec::new();
        match X509Certificate::from_der(&self.der) {
            Ok((_, authority)) if leaf.issuer().as_raw() == authority.subject().as_raw() => {
                if leaf.verify_signature(Some(authority.public_key())).is_err() {
                    problems.push("bad signature");
                } else if self.revoked.contains(leaf.raw_serial()) {
                    problems.push("revoked");
                }
            }
            _ => problems.push("unknown issuer"),
        }
        if now < timestamp(leaf.validity().not_before) {
            problems.push("not yet valid");
        }
        if now > timestamp(leaf.validity().not_after) {
            problems.push("expired");
        }
        problems
    }

    /// Why `leaf` is not trusted as a client, each reason once.
    fn problems(&self, leaf: &X509Certificate<'_>, now: Timestamp) -> Vec<&'static str> {
        let mut problems = self.standing(leaf, now);
        if !eku(leaf).is_some_and(|eku| eku.client_auth || eku.any) {
            problems.push("no clientAuth usage");
        }
        problems
    }

    /// Why a signature made with this certificate is not trusted; `None` when it is.
    pub(crate) fn signer_problem(&self, der: &[u8], now: Timestamp) -> Option<String> {
        let Ok((_, certificate)) = X509Certificate::from_der(der) else {
            return Some(UNREADABLE.to_owned());
        };
        let mut problems = self.standing(&certificate, now);
        let signs = certificate
            .key_usage()
            .ok()
            .flatten()
            .is_some_and(|usage| usage.value.non_repudiation());
        if !signs {
            problems.push("no signature usage");
        }
        (!problems.is_empty()).then(|| problems.join(", "))
    }

    /// Describes the first certificate of `chain`.
    pub(crate) fn describe<T: AsRef<[u8]>>(&self, chain: &[T], now: Timestamp) -> PeerCertificate {
        let leaf = chain.first().map_or(&[][..], AsRef::as_ref);
        let Ok((_, certificate)) = X509Certificate::from_der(leaf) else {
            return unreadable(leaf);
        };
        let problems = self.problems(&certificate, now);
        PeerCertificate {
            subject_cn: common_name(certificate.subject()),
            subject_ou: certificate
                .subject()
                .iter_organizational_unit()
                .next()
                .and_then(|a| a.as_str().ok())
                .map(ToOwned::to_owned),
            subject: rfc4514(certificate.subject()),
            issuer_cn: common_name(certificate.issuer()),
            not_before: timestamp(certificate.validity().not_before),
            not_after: timestamp(certificate.validity().not_after),
            serial: hexadecimal(certificate.raw_serial()),
            extended_key_usage: eku(&certificate).map(usages).unwrap_or_default(),
            trusted: problems.is_empty(),
            trust_problem: (!problems.is_empty()).then(|| problems.join(", ")),
            sha256: Sha256Hex::of(leaf),
        }
    }
}

fn unreadable(leaf: &[u8]) -> PeerCertificate {
    let epoch = Timestamp::from_unix_millis(0);
    PeerCertificate {
        subject_cn: None,
        subject_ou: None,
        subject: String::new(),
        issuer_cn: None,
        not_before: epoch,
        not_after: epoch,
        serial: String::new(),
        extended_key_usage: Vec::new(),
        trusted: false,
        trust_problem: Some(UNREADABLE.to_owned()),
        sha256: Sha256Hex::of(leaf),
    }
}

fn timestamp(at: ASN1Time) -> Timestamp {
    Timestamp::from_unix_millis(at.timestamp().saturating_mul(1000))
}

fn common_name(name: &X509Name<'_>) -> Option<String> {
    name.iter_common_name()
        .next()
        .and_then(|a| a.as_str().ok())
        .map(ToOwned::to_owned)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn eku<'a>(certificate: &'a X509Certificate<'_>) -> Option<&'a ExtendedKeyUsage<'a>> {
    certificate
        .extended_key_usage()
        .ok()
        .flatten()
        .map(|extension| extension.value)
}

fn usages(eku: &ExtendedKeyUsage<'_>) -> Vec<String> {
    [
        (eku.any, "anyExtendedKeyUsage"),
        (eku.server_auth, "serverAuth"),
        (eku.client_auth, "clientAuth"),
        (eku.code_signing, "codeSigning"),
        (eku.email_protection, "emailProtection"),
        (eku.time_stamping, "timeStamping"),
        (eku.ocsp_signing, "OCSPSigning"),
    ]
    .into_iter()
    .filter(|(there, _)| *there)
    .map(|(_, name)| name.to_owned())
    .chain(eku.other.iter().map(ToString::to_string))
    .collect()
}

/// RFC 4514: last relative name first. Types outside its table keep their usual short name.
fn rfc4514(name: &X509Name<'_>) -> String {
    let mut parts: Vec<String> = name
        .iter_rdn()
        .map(|rdn| {
            rdn.iter()
                .map(|attribute| {
                    let oid = attribute.attr_type().to_id_string();
                    let value = attribute.as_str().unwrap_or("#");
                    format!("{}={}", short_name(&oid), escape(value))
                })
                .collect::<Vec<_>>()
                .join("+")
        })
        .collect();
    parts.reverse();
    parts.join(",")
}

fn short_name(oid: &str) -> &str {
    match oid {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "title",
        "2.5.4.42" => "GN",
        "2.5.4.97" => "organizationIdentifier",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        other => other,
    }
}

fn escape(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut out = String::new();
    for (index, c) in value.chars().enumerate() {
        let special = matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=')
            || (c == '#' && index == 0)
            || (c == ' ' && (index == 0 || index == last));
        if special {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_of_a_name_are_escaped() {
        assert_eq!(escape(" a,b+c=d "), "\\ a\\,b\\+c\\=d\\ ");
        assert_eq!(escape("#1 a#"), "\\#1 a#");
    }
}

//! What the certificates of the test PKI say: names, dates, uses, file names. Data only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType, SerialNumber,
};
use time::OffsetDateTime;
use time::macros::datetime;

/// Password of every PKCS#12 file.
pub const P12_PASSWORD: &str = "diapason";

/// Where the certificates say that the ORGANISATIONS revocation list is. The name resolves nowhere:
/// a product that fetches it is pointed at the bench's CRL listener by its own configuration.
pub const CRL_URL: &str = "http://crl.diapason.test/organisations.crl";

/// Structure id carried as OU by every client certificate.
pub const STRUCTURE_ID: &str = "10B0990001";

/// RPPS number of the signing certificate of a person (persona `idec` of Pro Santé Connect).
pub const PERSON_ID: &str = "899709900023";

/// Common name of the root above ORGANISATIONS.
pub const ROOT_CN: &str = "TEST AC RACINE IGC-SANTE ELEMENTAIRE";
/// Common name of the authority of servers and structures.
pub const ORGANISATIONS_CN: &str = "TEST AC IGC-SANTE ELEMENTAIRE ORGANISATIONS";
/// Common name of the root above PERSONNES.
pub const STRONG_ROOT_CN: &str = "TEST AC RACINE IGC-SANTE FORT";
/// Common name of the authority of people.
pub const PERSONNES_CN: &str = "TEST AC IGC-SANTE FORT PERSONNES";
/// Common name of an authority that nobody should trust.
pub const FOREIGN_CN: &str = "AUTORITE ETRANGERE DE TEST";

/// Host names of the real test platforms, so that a product with fixed addresses can be led here
/// by a hosts file. No production name: those must never be played.
pub const PUBLIC_TEST_HOSTS: [&str; 6] = [
    "qualiflps.services-ps.ameli.fr",
    "qualiflps-services-ps-tlsm.ameli.fr",
    "auth.bas.psc.esante.gouv.fr",
    "wallet.bas.psc.esante.gouv.fr",
    "auth.bas.esw.esante.gouv.fr",
    "wallet.bas.esw.esante.gouv.fr",
];

/// Common name of the good server certificate. INSi clients are known to check that it ends with
/// `services-ps-tlsm.ameli.fr` or `services-ps.ameli.fr`.
pub(crate) const SERVER_CN: &str = "qualiflps-services-ps-tlsm.ameli.fr";
/// Common name and only host of the certificate that is for another host.
pub(crate) const WRONG_HOST: &str = "autre-serveur.invalid";

/// A client certificate of the test PKI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientCertificate {
    /// INSi, calls triggered by an operator (`CN=INSI-MANU`).
    InsiManu,
    /// INSi, automatic calls (`CN=INSI-AUTO`).
    InsiAuto,
    /// Pro Santé Connect back channel, a structure (ORG AUTH_CLI).
    Dui,
    /// Good, but its CN gives no right to INSi.
    AutreCn,
    /// Past its end.
    Expire,
    /// On the revocation list.
    Revoque,
    /// Issued by the foreign authority.
    Etranger,
    /// Without the `clientAuth` use.
    SansEku,
    /// Signs VIHF and submission sets (ORG SIGN): the name of [`Self::Dui`], another key, made for
    /// signatures (`digitalSignature` and `nonRepudiation`), no `clientAuth`.
    Signature,
    /// As [`Self::Signature`], issued by the foreign authority.
    SignatureEtrangere,
    /// As [`Self::Signature`], past its end.
    SignatureExpiree,
}

impl ClientCertificate {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::InsiManu,
        Self::InsiAuto,
        Self::Dui,
        Self::AutreCn,
        Self::Expire,
        Self::Revoque,
        Self::Etranger,
        Self::SansEku,
        Self::Signature,
        Self::SignatureEtrangere,
        Self::SignatureExpiree,
    ];

    /// File name without extension.
    pub fn stem(self) -> &'static str {
        match self {
            Self::InsiManu => "client-insi-manu",
            Self::InsiAuto => "client-insi-auto",
            Self::Dui => "client-dui",
            Self::AutreCn => "client-autre-cn",
            Self::Expire => "client-expire",
            Self::Revoque => "client-revoque",
            Self::Etranger => "client-etranger",
            Self::SansEku => "client-sans-eku",
            Self::Signature => "client-dui-signature",
            Self::SignatureEtrangere => "client-signature-etrangere",
            Self::SignatureExpiree => "client-signature-expiree",
        }
    }

    /// Subject common name. The bad ones bear a good name, so that only their defect speaks.
    pub fn common_name(self) -> &'static str {
        match self {
            Self::InsiAuto => "INSI-AUTO",
            Self::Dui | Self::Signature | Self::SignatureEtrangere | Self::SignatureExpiree => {
                "DUI-EHPAD-DIAPASON"
            }
            Self::AutreCn => "LOGICIEL-SANS-DROIT",
            Self::InsiManu | Self::Expire | Self::Revoque | Self::Etranger | Self::SansEku => {
                "INSI-MANU"
            }
        }
    }

    /// Made to sign documents, not to open a connection.
    pub fn is_for_signature(self) -> bool {
        matches!(
            self,
            Self::Signature | Self::SignatureEtrangere | Self::SignatureExpiree
        )
    }

    /// Issued by the foreign authority.
    pub(crate) fn is_foreign(self) -> bool {
        matches!(self, Self::Etranger | Self::SignatureEtrangere)
    }

    /// Past its end.
    fn is_expired(self) -> bool {
        matches!(self, Self::Expire | Self::SignatureExpiree)
    }
}

const START: OffsetDateTime = datetime!(2020-01-01 0:00 UTC);
const END: OffsetDateTime = datetime!(2045-01-01 0:00 UTC);
/// End of the certificates that are past their end.
const PAST_END: OffsetDateTime = datetime!(2022-01-01 0:00 UTC);
/// Date of the revocations.
pub(crate) const REVOKED_AT: OffsetDateTime = datetime!(2023-06-01 0:00 UTC);
/// Start of the revocation lists.
pub(crate) const CRL_START: OffsetDateTime = datetime!(2023-06-02 0:00 UTC);
/// End of the revocation lists: long, because the product's clock and the bench's may be far apart.
pub(crate) const CRL_END: OffsetDateTime = END;

fn name(entries: &[(DnType, &str)]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for (kind, value) in entries {
        name.push(kind.clone(), *value);
    }
    name
}

fn blank(subject: DistinguishedName, serial: &[u8]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params.not_before = START;
    params.not_after = END;
    params.serial_number = Some(SerialNumber::from_slice(serial));
    params.use_authority_key_identifier_extension = true;
    params
}

fn crl_url(list: &str) -> Vec<CrlDistributionPoint> {
    vec![CrlDistributionPoint {
        uris: vec![CRL_URL.replace("organisations", list)],
    }]
}

/// An authority; `crl` names the revocation list of the authority above it.
pub(crate) fn authority(cn: &str, serial: &[u8], crl: Option<&str>) -> CertificateParams {
    let subject = name(&[
        (DnType::CountryName, "FR"),
        (DnType::OrganizationName, "DIAPASON BANC DE TEST"),
        (DnType::OrganizationalUnitName, "0002 000000000"),
        (DnType::CommonName, cn),
    ]);
    let mut params = blank(subject, serial);
    params.is_ca = IsCa::Ca(if crl.is_some() {
        BasicConstraints::Constrained(0)
    } else {
        BasicConstraints::Unconstrained
    });
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    if let Some(list) = crl {
        params.crl_distribution_points = crl_url(list);
    }
    params
}

/// A server; `hosts` false gives the one that is for another host.
pub(crate) fn server(serial: &[u8], hosts: bool, expired: bool) -> CertificateParams {
    let cn = if hosts { SERVER_CN } else { WRONG_HOST };
    let subject = name(&[
        (DnType::CountryName, "FR"),
        (DnType::OrganizationName, "DIAPASON BANC DE TEST"),
        (DnType::OrganizationalUnitName, "300000000000000"),
        (DnType::CommonName, cn),
    ]);
    let mut params = blank(subject, serial);
    params.subject_alt_names = if hosts {
        ["localhost", "*.diapason.test"]
            .iter()
            .chain(&PUBLIC_TEST_HOSTS)
            .filter_map(|host| (*host).try_into().ok().map(SanType::DnsName))
            .chain([
                SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
            ])
            .collect()
    } else {
        WRONG_HOST
            .try_into()
            .ok()
            .map(SanType::DnsName)
            .into_iter()
            .collect()
    };
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
    ];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.crl_distribution_points = crl_url("organisations");
    if expired {
        params.not_after = PAST_END;
    }
    params
}

/// A client certificate of a structure.
pub(crate) fn client(which: ClientCertificate, serial: &[u8]) -> CertificateParams {
    let subject = name(&[
        (DnType::CountryName, "FR"),
        (DnType::StateOrProvinceName, "Test (99)"),
        (DnType::OrganizationName, "EHPAD DIAPASON TEST"),
        (DnType::OrganizationalUnitName, STRUCTURE_ID),
        (DnType::CommonName, which.common_name()),
    ]);
    let mut params = blank(subject, serial);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    if which.is_for_signature() {
        params.key_usages.push(KeyUsagePurpose::ContentCommitment);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
    } else {
        params.extended_key_usages = vec![if which == ClientCertificate::SansEku {
            ExtendedKeyUsagePurpose::ServerAuth
        } else {
            ExtendedKeyUsagePurpose::ClientAuth
        }];
    }
    params.crl_distribution_points = crl_url("organisations");
    if which.is_expired() {
        params.not_after = PAST_END;
    }
    params
}

/// The signing certificate of a person's card (CPS), kept in software.
pub(crate) fn person(serial: &[u8]) -> CertificateParams {
    let subject = name(&[
        (DnType::CountryName, "FR"),
        (DnType::from_oid(&[2, 5, 4, 12]), "Infirmier"),
        (DnType::from_oid(&[2, 5, 4, 4]), "DUITEST"),
        (DnType::from_oid(&[2, 5, 4, 42]), "IDEC"),
        (DnType::CommonName, PERSON_ID),
    ]);
    let mut params = blank(subject, serial);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::ContentCommitment,
    ];
    params.crl_distribution_points = crl_url("personnes");
    params
}

//! Names, URNs and OIDs of the VIHF (`dmp.md` 6).

/// Namespace of SAML 2.0 assertions.
pub const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// Namespace of HL7 V3.
pub const HL7: &str = "urn:hl7-org:v3";
/// Namespace of `xsi:type`.
pub const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// Format of an issuer written as the subject of a certificate.
pub const X509_SUBJECT_NAME: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName";

/// Attribute: version of the VIHF.
pub const VIHF_VERSION: &str = "VIHF_Version";
/// Attribute: authentication mode.
pub const MODE: &str = "Authentification_Mode";
/// Attribute: national id of the structure.
pub const STRUCTURE: &str = "Identifiant_Structure";
/// Attribute: sector of activity.
pub const SECTEUR: &str = "Secteur_Activite";
/// Attribute: name of the user.
pub const SUBJECT_ID: &str = "urn:oasis:names:tc:xspa:1.0:subject:subject-id";
/// Attribute: roles of the user.
pub const ROLE: &str = "urn:oasis:names:tc:xacml:2.0:subject:role";
/// Attribute: the person whose record is asked for.
pub const RESOURCE_ID: &str = "urn:oasis:names:tc:xacml:2.0:resource:resource-id";
/// Attribute: the service asked for.
pub const RESSOURCE_URN: &str = "Ressource_URN";
/// Attribute: purpose of use.
pub const PURPOSE: &str = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse";
/// Attribute: *connexion secrète*.
pub const CONFIDENTIALITY: &str =
    "urn:oasis:names:tc:xspa:1.0:resource:patient:hl7:confidentiality-code";
/// Attribute: id of the installation.
pub const LPS_ID: &str = "LPS_ID";
/// Attribute: name of the software.
pub const LPS_NOM: &str = "LPS_Nom";
/// Attribute: version of the software.
pub const LPS_VERSION: &str = "LPS_Version";
/// Attribute: DMP homologation number.
pub const HOMOLOGATION: &str = "LPS_ID_HOMOLOGATION_DMP";

/// Every attribute known.
pub(super) const ATTRIBUTES: [&str; 14] = [
    VIHF_VERSION,
    MODE,
    STRUCTURE,
    SECTEUR,
    SUBJECT_ID,
    ROLE,
    RESOURCE_ID,
    RESSOURCE_URN,
    PURPOSE,
    CONFIDENTIALITY,
    LPS_ID,
    LPS_NOM,
    LPS_VERSION,
    HOMOLOGATION,
];

/// Value of `Ressource_URN` for the DMP.
pub const URN_DMP: &str = "urn:dmp";
/// Code system of professions (TRE_G15).
pub const OID_PROFESSION: &str = "1.2.250.1.71.1.2.7";
/// Code system of skills (TRE_R01), the second role of physicians.
pub const OID_SAVOIR_FAIRE: &str = "1.2.250.1.71.4.2.5";
/// Code system of sectors of activity.
pub const OID_SECTEUR: &str = "1.2.250.1.71.4.2.4";
/// Code system of the purposes of use.
pub const OID_MODE_ACCES: &str = "1.2.250.1.213.1.1.4.248";

/// Authentication classes of SAML 2.0.
pub mod authn {
    /// Card and its code.
    pub const SMARTCARD_PKI: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI";
    /// Password.
    pub const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password";
    /// Client certificate.
    pub const TLS_CLIENT: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:TLSClient";
    /// Two factors, one of them a phone that was not registered by contract.
    pub const MOBILE_TWO_FACTOR: &str =
        "urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorUnregistered";
    /// None said: automates.
    pub const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified";
}

//! Kinds of documents: what a file can be, apart from any campaign.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a file is. Rules say which kind they judge; `diapason check` detects it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// A CDA R2 document: `ClinicalDocument` at the root, or inside an `xsl:stylesheet` or a `ds:Signature`.
    Cda,
    /// An IHE XDM package (ZIP).
    Xdm,
    /// XDS metadata: `METADATA.XML` of an XDM package, or a lone `SubmitObjectsRequest`.
    XdsMetadata,
    /// A SOAP request, as XML alone, as a raw HTTP request, or as a multipart (MTOM/XOP) body.
    SoapRequest,
    /// A SOAP answer, as XML alone or as a raw HTTP answer.
    SoapAnswer,
    /// A SAML 2.0 assertion (VIHF, INSi).
    SamlAssertion,
    /// The signature of a submitted lot: `ds:Signature` over a manifest of its documents (IHE DSG, XAdES).
    LotSignature,
    /// A mail message (`.eml`).
    Email,
    /// A signed JWT: ID Token, access token, userinfo.
    Jwt,
    /// Claims of the Pro Santé Connect UserInfo, as JSON.
    Userinfo,
    /// A message of the driver contract, as JSON.
    DriverMessage,
    /// A product statement (fiche produit), as TOML.
    ProductStatement,
    /// A scenario or a file of steps, as YAML.
    Scenario,
    /// A pack of rules, as YAML.
    RulePack,
}

impl DocumentKind {
    /// Every kind, in the order in which they are listed for a person.
    pub const ALL: &'static [Self] = &[
        Self::Cda,
        Self::Xdm,
        Self::XdsMetadata,
        Self::SoapRequest,
        Self::SoapAnswer,
        Self::SamlAssertion,
        Self::LotSignature,
        Self::Email,
        Self::Jwt,
        Self::Userinfo,
        Self::DriverMessage,
        Self::ProductStatement,
        Self::Scenario,
        Self::RulePack,
    ];

    /// The word used in files, options and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cda => "cda",
            Self::Xdm => "xdm",
            Self::XdsMetadata => "xds_metadata",
            Self::SoapRequest => "soap_request",
            Self::SoapAnswer => "soap_answer",
            Self::SamlAssertion => "saml_assertion",
            Self::LotSignature => "lot_signature",
            Self::Email => "email",
            Self::Jwt => "jwt",
            Self::Userinfo => "userinfo",
            Self::DriverMessage => "driver_message",
            Self::ProductStatement => "product_statement",
            Self::Scenario => "scenario",
            Self::RulePack => "rule_pack",
        }
    }
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

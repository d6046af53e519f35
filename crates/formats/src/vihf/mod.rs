//! The VIHF (*Vecteur d'Identification et d'Habilitation Formelles*): the SAML 2.0 assertion that a DMP request carries.
//!
//! Read, written and told as facts. Its XML signature is the business of [`crate::signature`]: [`Vihf::write`] gives an
//! unsigned assertion, for [`crate::signature::sign_enveloped`] to sign. Facts: `dmp.md` 6.

mod facts;
mod names;
mod read;
#[cfg(test)]
mod tests;
mod write;

use crate::xml::NodeId;

pub use facts::facts;
pub use names::{
    CONFIDENTIALITY, HL7, HOMOLOGATION, LPS_ID, LPS_NOM, LPS_VERSION, MODE, OID_MODE_ACCES,
    OID_PROFESSION, OID_SAVOIR_FAIRE, OID_SECTEUR, PURPOSE, RESOURCE_ID, RESSOURCE_URN, ROLE, SAML,
    SECTEUR, STRUCTURE, SUBJECT_ID, URN_DMP, VIHF_VERSION, X509_SUBJECT_NAME, XSI, authn,
};
pub use read::is_vihf;
pub(crate) use write::escape;

/// How the professional is vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// By the card of the professional.
    Directe,
    /// By the certificate of the structure.
    Indirecte,
    /// By the certificate of the structure, the professional being logged in by Pro Santé Connect (AIR).
    IndirecteRenforcee,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Directe, Self::Indirecte, Self::IndirecteRenforcee];

    /// As written in the attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Directe => "DIRECTE",
            Self::Indirecte => "INDIRECTE",
            Self::IndirecteRenforcee => "INDIRECTE_RENFORCEE",
        }
    }

    /// From what the attribute says, to the letter.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word)
    }
}

/// A coded value (HL7 `CE`): a role, the purpose of use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coded {
    /// Code.
    pub code: Option<String>,
    /// OID of the code system.
    pub code_system: Option<String>,
    /// Name of the code system.
    pub code_system_name: Option<String>,
    /// Label.
    pub display_name: Option<String>,
}

impl Coded {
    /// A code, its system and its label.
    pub fn new(code: &str, code_system: &str, display_name: &str) -> Self {
        Self {
            code: Some(code.to_owned()),
            code_system: Some(code_system.to_owned()),
            code_system_name: None,
            display_name: Some(display_name.to_owned()),
        }
    }
}

/// An attribute of the assertion as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its `Name`, as written.
    pub name: String,
    /// Text of each `AttributeValue`, without the white space around it.
    pub values: Vec<String>,
    /// Where it stands.
    pub node: NodeId,
}

/// What is wrong with an assertion, whatever the service makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub node: NodeId,
    /// What.
    pub kind: ProblemKind,
}

/// Kinds of [`Problem`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemKind {
    /// An attribute of that name occurs again.
    AttributeTwice(String),
    /// An attribute whose name has another case than the one known.
    AttributeCase {
        /// As written.
        written: String,
        /// The name known.
        known: &'static str,
    },
    /// A misspelled XSI namespace.
    XsiNamespace(String),
    /// An instant that is no `xs:dateTime`.
    Instant(String),
}

/// A VIHF. Plain values: what is absent is `None`; what could not be typed is kept as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vihf {
    /// `Version` of the assertion.
    pub version: Option<String>,
    /// `ID`.
    pub id: Option<String>,
    /// `IssueInstant`.
    pub issue_instant: Option<String>,
    /// Text of `Issuer`.
    pub issuer: Option<String>,
    /// `Format` of `Issuer`.
    pub issuer_format: Option<String>,
    /// Text of `NameID`.
    pub name_id: Option<String>,
    /// `Conditions` is there.
    pub conditions: bool,
    /// `NotBefore` of `Conditions`.
    pub not_before: Option<String>,
    /// `NotOnOrAfter` of `Conditions`.
    pub not_on_or_after: Option<String>,
    /// Every `Audience`.
    pub audiences: Vec<String>,
    /// `AuthnInstant`.
    pub authn_instant: Option<String>,
    /// `AuthnContextClassRef`.
    pub authn_class: Option<String>,
    /// `AuthnContextDecl`.
    pub authn_decl: Option<String>,
    /// `VIHF_Version`.
    pub vihf_version: Option<String>,
    /// `Authentification_Mode`, as written; typed by [`Vihf::mode`].
    pub mode: Option<String>,
    /// `Identifiant_Structure`.
    pub structure: Option<String>,
    /// `Secteur_Activite`, as written; taken apart by [`Vihf::secteur`].
    pub secteur: Option<String>,
    /// Name and first name of the user.
    pub subject_id: Option<String>,
    /// Roles, in order.
    pub roles: Vec<Coded>,
    /// `resource-id` (CX), as written; taken apart by [`Vihf::ins`].
    pub resource_id: Option<String>,
    /// `Ressource_URN`.
    pub ressource_urn: Option<String>,
    /// Purpose of use.
    pub purpose: Option<Coded>,
    /// Confidentiality codes of the *connexion secrète*.
    pub confidentiality: Vec<String>,
    /// `LPS_ID`.
    pub lps_id: Option<String>,
    /// `LPS_Nom`.
    pub lps_nom: Option<String>,
    /// `LPS_Version`.
    pub lps_version: Option<String>,
    /// `LPS_ID_HOMOLOGATION_DMP`.
    pub homologation: Option<String>,
    /// Every attribute as it stands. Not written by [`Vihf::write`].
    pub attributes: Vec<Attribute>,
    /// The `ds:Signature` child of the assertion.
    pub signature: Option<NodeId>,
    /// The assertion.
    pub node: Option<NodeId>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

impl Vihf {
    /// The mode, when it is one of the three.
    pub fn mode(&self) -> Option<Mode> {
        self.mode.as_deref().and_then(Mode::from_word)
    }

    /// Code and OID of the sector of activity.
    pub fn secteur(&self) -> Option<(&str, &str)> {
        self.secteur.as_deref()?.split_once('^')
    }

    /// INS and its OID, from `resource-id`: components 1 and 4 of the CX.
    pub fn ins(&self) -> Option<(&str, &str)> {
        let mut components = self.resource_id.as_deref()?.split('^');
        let ins = components.next().filter(|id| !id.is_empty())?;
        let authority = components.nth(2)?;
        let oid = authority.split('&').nth(1).filter(|oid| !oid.is_empty())?;
        Some((ins, oid))
    }

    /// The attribute of that name, case aside.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes
            .iter()
            .find(|a| a.name.eq_ignore_ascii_case(name))
    }
}

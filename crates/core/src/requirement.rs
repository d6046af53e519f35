//! Requirements (exigences) of a référentiel, as data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Confidence, RequirementId, ScenarioId};

/// The same sentence in the two languages of the reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// French.
    pub fr: String,
    /// English.
    pub en: String,
}

impl Text {
    /// The text in `lang`.
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::Fr => &self.fr,
            Lang::En => &self.en,
        }
    }
}

/// Language of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// French, the default.
    #[default]
    Fr,
    /// English.
    En,
}

/// Where a fact was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Document.
    pub document: String,
    /// Its version or date, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Section, table or rule number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
}

/// Référentiel d'exigences minimales: name and version, since ids are re-used with another meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rem {
    /// Name.
    pub name: String,
    /// Version or wave.
    pub version: String,
}

/// How binding a requirement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Obligation {
    /// Mandatory.
    #[serde(rename = "DOIT")]
    Doit,
    /// Optional.
    #[serde(rename = "PEUT")]
    Peut,
    /// The sources do not say.
    #[serde(rename = "inconnu")]
    Inconnu,
}

/// Does the requirement concern a DUI?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Applicability {
    /// Read in a DUI row.
    Yes,
    /// In a family shared by the corridors.
    Likely,
    /// Not known.
    Unknown,
}

/// The strongest evidence the bench can bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Automation {
    /// Traffic seen by a mock.
    Traffic,
    /// A document the DUI produced.
    Document,
    /// What the DUI's driver answers.
    Driver,
    /// Only a person can confirm it.
    Attestation,
}

/// One requirement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Id, as the source writes it.
    pub id: RequirementId,
    /// Référentiel.
    pub rem: Rem,
    /// Other ids of the same requirement.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<RequirementId>,
    /// DOIT or PEUT.
    pub level: Obligation,
    /// Expression over the product statement; absent means always applicable. See [`crate::product::Condition`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<crate::product::Condition>,
    /// Paraphrase, ours.
    pub text: Text,
    /// Source.
    pub source: Source,
    /// How sure the text is.
    pub confidence: Confidence,
    /// Whether it concerns a DUI.
    pub dui: Applicability,
    /// What the bench can bring.
    pub automation: Automation,
    /// Official scenario ids, as the source writes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scenarios: Vec<ScenarioId>,
    /// Official proof that remains to be produced by the vendor.
    pub official_proof: String,
    /// References to other texts (INS guide rule numbers, EXI PSC numbers...).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refs: Vec<String>,
}

/// A file of `profiles/requirements/`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequirementFile {
    /// Family: `INS`, `PSC`, `SSI`...
    pub family: String,
    /// The requirements.
    pub requirements: Vec<Requirement>,
}

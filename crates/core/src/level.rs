//! How bad, how sure, how seen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Severity of a rule and of its findings.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Good to know; changes no verdict.
    Info,
    /// A deviation from something likely or recommended: verdict `reserve`.
    Warning,
    /// A deviation from something sure: verdict `non_conforme`.
    Error,
}

/// How far the source of a fact can be trusted.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Nobody says it: never judged, only informative.
    Unknown,
    /// Deduced here.
    Inferred,
    /// Said by an indirect source.
    Likely,
    /// Read in an official artefact, a normative public standard or recorded traffic.
    Sure,
}

impl Confidence {
    /// The highest level a rule of this confidence may have: *sure* may be an error, *likely* and
    /// *inferred* at most a warning, *unknown* at most an information.
    pub fn ceiling(self) -> Level {
        match self {
            Self::Sure => Level::Error,
            Self::Likely | Self::Inferred => Level::Warning,
            Self::Unknown => Level::Info,
        }
    }
}

/// Where an assertion's evidence comes from; a requirement shows the strongest it has.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum EvidenceLevel {
    /// An operator confirmed it.
    Attested,
    /// The DUI's driver answered it.
    Declared,
    /// Seen in traffic or in a document.
    Observed,
}

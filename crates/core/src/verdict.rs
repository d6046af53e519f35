//! The six verdicts. Each but `conforme` says why.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Outcome of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
pub enum Verdict {
    /// Every check ran and held.
    Conforme,
    /// At least one rule of level error did not hold.
    NonConforme {
        /// Number of findings of level error.
        errors: u32,
    },
    /// Only warnings.
    Reserve {
        /// Number of findings of level warning.
        warnings: u32,
    },
    /// The bench could not conclude (needs an operator, the driver failed...).
    NonConcluant {
        /// Why, for a person.
        reason: String,
    },
    /// The product statement excludes the scenario.
    NonApplicable {
        /// Why, for a person.
        reason: String,
    },
    /// The bench itself failed.
    ErreurBanc {
        /// Why, for a person.
        reason: String,
    },
}

impl Verdict {
    /// The stable word used in every report.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Conforme => "conforme",
            Self::NonConforme { .. } => "non_conforme",
            Self::Reserve { .. } => "reserve",
            Self::NonConcluant { .. } => "non_concluant",
            Self::NonApplicable { .. } => "non_applicable",
            Self::ErreurBanc { .. } => "erreur_banc",
        }
    }

    /// The reason, for the verdicts that carry one.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::NonConcluant { reason }
            | Self::NonApplicable { reason }
            | Self::ErreurBanc { reason } => Some(reason),
            _ => None,
        }
    }
}

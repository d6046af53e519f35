//! Newtypes for every identifier that travels. Validated once, in the constructor.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A string that does not have the shape of the identifier it claims to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not a {kind}: expected {expected}")]
pub struct ParseIdError {
    /// Which identifier was expected.
    pub kind: &'static str,
    /// What was given.
    pub value: String,
    /// The shape, in words.
    pub expected: &'static str,
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the shape and keeps the text.
            pub fn new(value: impl Into<String>) -> Result<Self, ParseIdError> {
                let value = value.into();
                let valid: fn(&str) -> bool = $valid;
                if valid(&value) {
                    Ok(Self(value))
                } else {
                    Err(ParseIdError { kind: $kind, value, expected: $expected })
                }
            }

            /// The identifier as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(value: &str) -> Result<Self, Self::Err> {
                Self::new(value)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseIdError;
            fn try_from(value: String) -> Result<Self, Self::Error> {
                Self::new(value)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

/// Upper-case words and digits joined by hyphens, at least two of them: `INSI-H04`.
fn is_dashed_upper(value: &str) -> bool {
    value.len() <= 64
        && value.split('-').count() >= 2
        && value.split('-').all(|part| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        })
}

/// Official ids hold letters, digits and `/ . _ -`; one-line, no other punctuation
/// (the catalogue also has ids with spaces, for grouped rows).
fn is_official(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= 96
        && value.trim() == value
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/._- ".contains(c))
}

fn is_slug(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= 64
        && value
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !value.starts_with('-')
        && !value.ends_with('-')
}

id_type!(
    /// A requirement of a référentiel, as the source writes it: `INS/va1.54`, `PSC.08`, `SC.INS.06A`.
    RequirementId, "requirement id", "letters, digits and / . _ -, such as INS/va1.54", is_official
);
id_type!(
    /// A scenario: the official id where one exists (`INS/va1.54.01`), ours otherwise (`PSC/ATT.D02`).
    ScenarioId, "scenario id", "FAMILY/name with letters, digits and . _ -, such as INS/va1.54.01",
    |v| is_official(v) && !v.contains(' ') && v.contains('/')
);
id_type!(
    /// A proof number: the scenario id plus `.nn` (`INS/va1.54.01.01`).
    ProofId, "proof number", "a scenario id plus .nn, such as INS/va1.54.01.01", is_official
);
id_type!(
    /// A rule: public API, never reused, never renamed (`INSI-H04`, `PSC-D02`).
    RuleId, "rule id", "upper-case words joined by hyphens, such as INSI-H04", is_dashed_upper
);
id_type!(
    /// A fault a mock can play (`INSI-F-SILENT`).
    FaultId, "fault id", "SERVICE-F-NAME in upper case, such as INSI-F-SILENT",
    |v| is_dashed_upper(v) && v.contains("-F-")
);
id_type!(
    /// A synthetic person or professional (`p01-adrun`, `idec`).
    PersonaId, "persona id", "lower-case letters, digits and hyphens, such as p01-adrun", is_slug
);
id_type!(
    /// A run: sortable by its start, `20260115T090000-1a2b`.
    RunId, "run id", "digits, letters and hyphens", |v| !v.is_empty() && v.len() <= 64 && v.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
);

/// One exchange within a journal, numbered from 1 in the order of arrival.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct ExchangeId(pub u64);

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "x{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_accept_their_shape_and_nothing_else() {
        assert!(RuleId::new("INSI-H04").is_ok());
        assert!(RuleId::new("insi-h04").is_err());
        assert!(RuleId::new("INSI").is_err());
        assert!(RuleId::new("INSI--X").is_err());
        assert!(FaultId::new("PSC-F-ISS-WRONG").is_ok());
        assert!(FaultId::new("PSC-ISS").is_err());
        assert!(ScenarioId::new("INS/va1.54.01").is_ok());
        assert!(ScenarioId::new("INS").is_err());
        assert!(RequirementId::new("INS/va1.67 to va1.69").is_ok());
        assert!(RequirementId::new(" INS").is_err());
        assert!(PersonaId::new("p01-adrun").is_ok());
        assert!(PersonaId::new("P01").is_err());
    }

    #[test]
    fn a_bad_id_in_json_says_what_was_expected() {
        let error = serde_json::from_str::<RuleId>("\"x\"")
            .unwrap_err()
            .to_string();
        assert!(error.contains("INSI-H04"), "{error}");
    }
}

//! A finding: a rule that did not hold. A value, never an `Err`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{EvidenceLevel, ExchangeId, Level, RuleId};

/// Where a finding was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The exchange, when traffic shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<ExchangeId>,
    /// The step of the scenario, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// A JSON pointer into the facts, an XPath, a header name... in words a person can follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Line in the message, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column in the message, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

/// A rule that did not hold (constat).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The rule.
    pub rule: RuleId,
    /// Its level when it was judged.
    pub level: Level,
    /// Where.
    #[serde(default)]
    pub place: Place,
    /// What the rule asks for, here.
    pub expected: String,
    /// What was seen, secrets redacted.
    pub observed: String,
    /// How it is known.
    pub evidence: EvidenceLevel,
}

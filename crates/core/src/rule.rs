//! A rule: one testable clause. Its text and its check are data wherever data can say them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::requirement::{Source, Text};
use crate::{Confidence, DocumentKind, EvidenceLevel, Level, RequirementId, RuleId, Service};

/// Which exchanges a JSON Schema rule judges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Service.
    pub service: Service,
    /// Operations; empty means all of the service.
    #[serde(default)]
    pub operations: Vec<String>,
    /// Listeners; empty means all.
    #[serde(default)]
    pub listeners: Vec<String>,
    /// JSON Schema over the facts: the rule applies only where it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Value>,
}

/// How a rule is judged. Exactly one of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Check {
    /// A JSON Schema over the facts of each exchange in scope.
    Schema {
        /// Which exchanges.
        on: Scope,
        /// The schema the facts must satisfy.
        facts: Value,
    },
    /// A Rust function of `diapason_rules`, registered under the rule's id: order of exchanges,
    /// digests, signatures, clocks.
    Rust {
        /// Which service it looks at (for listings).
        on: Service,
    },
    /// Assertions of an ISO Schematron file that carry the rule's id (or the id, a full stop and a word).
    Schematron {
        /// The file, from the `profiles` folder: `cda/entete.sch`.
        file: String,
        /// Kind of document judged. One file judges one kind.
        #[serde(default = "cda", skip_serializing_if = "is_cda")]
        on: DocumentKind,
    },
    /// A JSON Schema over a JSON document.
    Json {
        /// Kind of document judged.
        on: DocumentKind,
        /// The schema its content must satisfy.
        schema: Value,
    },
    /// A Rust function over one document, registered under the rule's id: encodings, embedded
    /// files, keys, whatever the two languages above cannot say.
    Document {
        /// Kind of document judged.
        on: DocumentKind,
    },
    /// The expectations of scenarios that cite the rule.
    Scenario {},
}

fn cda() -> DocumentKind {
    DocumentKind::Cda
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the shape serde asks for"
)]
fn is_cda(kind: &DocumentKind) -> bool {
    *kind == DocumentKind::Cda
}

/// A good and a bad sample of a rule: a named base message or document and what is replaced in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// Base: path in `profiles/samples/` without its extension (`insi-traits`, `cda/n1`).
    pub base: String,
    /// Replacements, in order; each `from` must occur in the base.
    pub replace: Vec<Replacement>,
}

/// One replacement of text in a sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replacement {
    /// Text to find.
    pub from: String,
    /// Text to put.
    pub to: String,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Stable id.
    pub id: RuleId,
    /// Level; never above the ceiling of the confidence unless `breach` says why.
    pub level: Level,
    /// How sure the source is.
    pub confidence: Confidence,
    /// Why the level is above the ceiling: a privacy breach or a certain refusal by the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breach: Option<Text>,
    /// Requirements it proves, possibly none.
    #[serde(default)]
    pub requirements: Vec<RequirementId>,
    /// Source.
    pub source: Source,
    /// The clause, in one sentence.
    pub text: Text,
    /// What to try when it fails.
    pub hint: Text,
    /// Kind of evidence the check brings when it is not traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceLevel>,
    /// How it is judged.
    pub check: Check,
    /// Samples the rule must catch (schema and Rust rules).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bad: Vec<Sample>,
    /// Samples it must pass, beside the untouched bases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub good: Vec<Sample>,
}

/// A file of `profiles/rules/`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RulePack {
    /// Name of the pack: `insi`, `psc`.
    pub pack: String,
    /// Version of the pack.
    pub version: String,
    /// The rules.
    pub rules: Vec<Rule>,
}

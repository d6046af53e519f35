//! Scenarios in the official step format: prerequisites, numbered steps, proofs, requirement ids.
//!
//! Only the types. Reading YAML, includes and parameters is the bench's work. No scripting:
//! `${name}` is replaced by a value, nothing is computed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::product::Condition;
use crate::requirement::{Rem, Source, Text};
use crate::{
    Confidence, DocumentKind, FaultId, PersonaId, ProofId, RequirementId, RuleId, ScenarioId,
    Service,
};

/// What a scenario is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Mirrors an official scenario.
    Official,
    /// Checks a behaviour that no official scenario covers.
    Behaviour,
    /// The service (or someone on the way) lies.
    Attack,
    /// The service is down, slow or broken.
    Outage,
}

/// One scenario file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Official id where one exists.
    pub id: ScenarioId,
    /// `ins`, `psc`...: the folder and the JUnit suite.
    pub family: String,
    /// What it is.
    pub kind: Kind,
    /// Title.
    pub title: Text,
    /// Référentiel the official scenario belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rem: Option<Rem>,
    /// Source.
    pub source: Source,
    /// How sure the source is.
    pub confidence: Confidence,
    /// Condition on the product statement; when it does not hold: `non_applicable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// Requirements proved by the whole scenario.
    #[serde(default)]
    pub requirements: Vec<RequirementId>,
    /// What must be true before, for a person.
    #[serde(default)]
    pub prerequisites: Vec<Text>,
    /// Parameters and their default values, used as `${name}`.
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
    /// The steps.
    pub steps: Vec<Step>,
    /// Schema and Rust rules that must have been judged at least once when the scenario ends.
    #[serde(default)]
    pub checks: Vec<RuleId>,
    /// What remains to be produced by the vendor for the official file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub official_proof: Option<Text>,
}

/// One step: a text, something armed, something done, something expected. Or an inclusion.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Includes the steps of another file (path from the scenarios folder) in place of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include: Option<String>,
    /// Parameters for the included file.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, Value>,
    /// What happens, for a person; with the `manual` driver it is the instruction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// Requirements proved by this step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<RequirementId>,
    /// Proof numbers this step feeds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<ProofId>,
    /// Mock settings for what follows, in force until the end of the scenario or until changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arm: Vec<Arm>,
    /// The action asked of the DUI.
    #[serde(default, rename = "do", skip_serializing_if = "Option::is_none")]
    pub action: Option<Do>,
    /// What must be seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expect>,
}

/// An action and its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Do {
    /// Name (see `diapason contract`).
    pub action: String,
    /// Parameters.
    #[serde(default)]
    pub with: BTreeMap<String, Value>,
    /// Keeps the answer's `result` under this name, for `${name.path}`.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub bind: Option<String>,
    /// Deadline for the driver's answer, milliseconds (default 30 000).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// How long the window stays open after the driver's answer, milliseconds (default: the run's settle time).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle_ms: Option<u64>,
}

/// A setting of a mock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Arm {
    /// Plays a fault.
    Fault(FaultArm),
    /// Who stands before Pro Santé Connect, and what he does there.
    PscUser(PscUser),
    /// Advances the shared clock of bench, mocks and (through `clock.advance`) the DUI, seconds.
    Advance(u64),
    /// A person of INSi for this scenario: overrides what the persona file says.
    Persona(PersonaArm),
    /// The DMP of a person for this scenario: overrides what the mock's data says.
    Dmp(DmpArm),
    /// Puts a document of another author into a person's DMP.
    DmpDocument(DmpDocumentArm),
    /// Answer of the verification operation: `ok`, `ko`.
    Verification(String),
    /// Rotates the signing keys of PSC.
    RotateKeys(bool),
    /// Ends the user's SSO session at PSC, as a log-out elsewhere would.
    EndSso(bool),
    /// Removes every fault armed so far.
    Clear(bool),
}

/// Which fault, when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultArm {
    /// Fault id.
    pub id: FaultId,
    /// Only from this call of its operation on, counted from 1 since the fault was armed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_call: Option<u32>,
    /// How many times; absent means until cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Only for this persona.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<PersonaId>,
    /// Free parameters of the fault (`seconds`, `code`...).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, Value>,
}

/// What the user does at Pro Santé Connect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PscDecision {
    /// Authenticates.
    #[default]
    Approve,
    /// Refuses.
    Refuse,
    /// Never answers.
    Expire,
}

/// The user at Pro Santé Connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PscUser {
    /// Persona of the PSC mock (`idec`, `medco`...).
    pub persona: PersonaId,
    /// What he does.
    #[serde(default)]
    pub decision: PscDecision,
    /// `CARD` (default) or `MOBILE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// State of a person's DMP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DmpStatut {
    /// It exists and is open (`active`).
    #[default]
    Actif,
    /// It was closed (`terminated`).
    Ferme,
    /// There is none (`NF`).
    Absent,
}

/// What the calling professional or structure may do in a person's DMP (`AUTORISATION` of TD0.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DmpAutorisation {
    /// Valid.
    #[default]
    Valide,
    /// It ended.
    Expire,
    /// The person blocked the professional.
    Interdit,
    /// It was never given.
    Inexistant,
}

/// Overrides of the DMP of a persona. What is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DmpArm {
    /// Persona of the INSi mock.
    pub persona: PersonaId,
    /// State of the DMP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statut: Option<DmpStatut>,
    /// Authorisation of the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autorisation: Option<DmpAutorisation>,
    /// Is the DMP attached to Mon espace santé?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rattache_mes: Option<bool>,
    /// Is the caller the person's médecin traitant DMP?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medecin_traitant: Option<bool>,
    /// Traits that the DMP holds, merged (RFC 7396) into those of the persona: `{"nom_naissance": "AUTRE"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traits: Option<Value>,
    /// Removes every document of the DMP.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vide: bool,
}

/// A document that somebody else put into a DMP. The mock writes its CDA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DmpDocumentArm {
    /// Persona of the INSi mock whose DMP receives it.
    pub persona: PersonaId,
    /// How many (default 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nombre: Option<u32>,
    /// Type code of JDV_J07 (default `11488-4`, a consultation report).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// Title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub titre: Option<String>,
    /// Visibility codes beside `N`: `MASQUE_PS`, `INVISIBLE_PATIENT`, `INVISIBLE_REPRESENTANTS_LEGAUX`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confidentialite: Vec<String>,
    /// Age in seconds on the run's clock (default 3 600).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_secondes: Option<u64>,
    /// Another matricule than the person's active one: one of its former ones.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ancien_matricule: bool,
    /// `pdf` (default), `n3`, `auto_presentable`, `auto_presentable_hostile`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forme: Option<String>,
    /// Replaces the last document put so into this DMP.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub remplace_le_dernier: bool,
    /// Published by the person in Mon espace santé, not by a professional.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub par_le_patient: bool,
}

/// Overrides of an INSi persona.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonaArm {
    /// Persona.
    pub id: PersonaId,
    /// Merged (RFC 7396) into the persona's JSON form.
    pub patch: Value,
}

/// How many times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// At least (default 1 when neither is given).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    /// At most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

/// What must be seen in the step's window; each cites the rule it proves.
/// Exactly one of the other fields is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The rule: a failed expectation is a finding of it.
    pub rule: RuleId,
    /// Calls reach a mock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallExpect>,
    /// No call reaches a mock within the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence: Option<SilenceExpect>,
    /// The driver's answer has this shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerExpect>,
    /// A DUI observation has this shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observe: Option<ObserveExpect>,
    /// The DUI came and refused the server at the TLS handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshake_refused: Option<ListenerExpect>,
    /// The driver's answer carries a document, which every rule of its kind judges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<DocumentExpect>,
    /// A person confirms; the sentence is shown to him.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attest: Option<Text>,
}

/// The one thing an [`Expect`] expects.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum What<'a> {
    /// See [`Expect::call`].
    Call(&'a CallExpect),
    /// See [`Expect::silence`].
    Silence(&'a SilenceExpect),
    /// See [`Expect::answer`].
    Answer(&'a AnswerExpect),
    /// See [`Expect::observe`].
    Observe(&'a ObserveExpect),
    /// See [`Expect::handshake_refused`].
    HandshakeRefused(&'a ListenerExpect),
    /// See [`Expect::document`].
    Document(&'a DocumentExpect),
    /// See [`Expect::attest`].
    Attest(&'a Text),
}

impl Expect {
    /// The one thing expected; `None` when there is none or more than one (refused at load).
    pub fn what(&self) -> Option<What<'_>> {
        let mut all = [
            self.call.as_ref().map(What::Call),
            self.silence.as_ref().map(What::Silence),
            self.answer.as_ref().map(What::Answer),
            self.observe.as_ref().map(What::Observe),
            self.handshake_refused.as_ref().map(What::HandshakeRefused),
            self.document.as_ref().map(What::Document),
            self.attest.as_ref().map(What::Attest),
        ]
        .into_iter()
        .flatten();
        match (all.next(), all.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }
}

/// See [`Expect::call`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallExpect {
    /// Service.
    pub service: Service,
    /// Operation; absent means any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// How many.
    #[serde(default)]
    pub count: Count,
    /// JSON Schema over the facts: only calls that satisfy it count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Value>,
    /// Look at all calls since the scenario began, not only at this step's.
    #[serde(default)]
    pub since_start: bool,
}

/// See [`Expect::silence`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SilenceExpect {
    /// Service.
    pub service: Service,
    /// Operation; absent means any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// JSON Schema over the facts: only such calls break the silence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Value>,
}

/// See [`Expect::answer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerExpect {
    /// JSON Schema over the whole answer (`status`, `message`, `result`).
    pub schema: Value,
}

/// See [`Expect::observe`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObserveExpect {
    /// Observation.
    pub what: String,
    /// Query.
    #[serde(default)]
    pub query: BTreeMap<String, Value>,
    /// JSON Schema over its value.
    pub schema: Value,
}

/// See [`Expect::document`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentExpect {
    /// What it must be.
    pub kind: DocumentKind,
    /// JSON pointer, in the answer's `result`, to the document in base64.
    pub at: String,
    /// JSON Schema over the facts of the document: what this scenario must see in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Value>,
}

/// See [`Expect::handshake_refused`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerExpect {
    /// Service.
    pub service: Service,
    /// Listener (`tls`, `tlsm`, `auth`, `wallet`); absent means any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener: Option<String>,
}

/// A file of steps to include.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepFile {
    /// Parameters and their defaults.
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
    /// The steps.
    pub steps: Vec<Step>,
}

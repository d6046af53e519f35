//! Events are the spine: the runner and the mocks emit them, every report is made from them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::driver::{ActionAnswer, ActionRequest};
use crate::exchange::ConnectionFailure;
use crate::journal::JournalError;
use crate::product::ProductStatement;
use crate::scenario::{Arm, Expect};
use crate::{
    EvidenceLevel, Exchange, ExchangeAnswer, ExchangeId, Finding, PersonaId, RuleId, RunId,
    ScenarioId, Service, Sha256Hex, Timestamp, Verdict,
};

/// A rule pack, pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackRef {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// SHA-256 of its file.
    pub sha256: Sha256Hex,
}

/// A known deviation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// The rule that does not hold.
    pub rule: RuleId,
    /// The scenario where it does not; absent means everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<ScenarioId>,
    /// Why it is accepted for now, for the reader of the report.
    pub reason: String,
}

/// Why an action brought no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum DriverProblem {
    /// No answer before the deadline.
    Timeout {
        /// What was waited for, and how long.
        waited: String,
    },
    /// The driver could not be reached, crashed or was killed.
    Crashed {
        /// Details.
        details: String,
    },
    /// The answer is not what the contract says.
    Garbage {
        /// What is wrong with it.
        details: String,
    },
    /// Nobody is there to act (manual driver, unattended run).
    Unattended,
    /// The operator said it does not apply.
    NotApplicable {
        /// The operator's reason.
        reason: String,
    },
    /// The operator said it cannot be done.
    Cannot {
        /// The operator's reason.
        reason: String,
    },
}

/// What an operator answered to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Attestation {
    /// Yes, it was so.
    Yes,
    /// No, it was not.
    No,
    /// Nobody was there to say.
    Unattended,
}

/// Why a window closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowEnd {
    /// The driver answered and the settle time passed.
    Settled,
    /// The driver's deadline passed.
    Deadline,
    /// Nothing was asked of the driver; the settle time passed.
    NoAction,
}

/// Everything that can happen in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// First event of a run.
    RunStarted {
        /// Run.
        run: RunId,
        /// Version of the bench.
        tool_version: String,
        /// Seed of the drawn personas.
        seed: u64,
        /// Driver in use.
        driver: String,
        /// Product statement.
        product: ProductStatement,
        /// Blob: the scenarios, rules, requirements and faults as JSON (`diapason_rules::Catalogue`).
        catalogue: Sha256Hex,
        /// Rule packs in force.
        packs: Vec<PackRef>,
        /// Switches of the mocks whose real behaviour is not public: name to value and provenance.
        switches: BTreeMap<String, String>,
        /// Does a warning fail the run?
        #[serde(default)]
        strict: bool,
        /// Does a scenario that only lacks an operator leave the run conclusive?
        #[serde(default)]
        excuse_operator: bool,
        /// Known deviations, left out of the exit code.
        #[serde(default)]
        baseline: Vec<Baseline>,
        /// When.
        at: Timestamp,
    },
    /// A scenario begins.
    ScenarioStarted {
        /// Scenario.
        scenario: ScenarioId,
        /// Position in the campaign, from 1.
        index: u32,
        /// Size of the campaign.
        total: u32,
        /// When.
        at: Timestamp,
    },
    /// A step begins: its window opens.
    StepStarted {
        /// Scenario.
        scenario: ScenarioId,
        /// Step, from 1, includes expanded.
        step: u32,
        /// When.
        at: Timestamp,
    },
    /// A mock setting was made.
    Armed {
        /// Scenario.
        scenario: ScenarioId,
        /// Step.
        step: u32,
        /// Setting.
        arm: Arm,
    },
    /// The DUI is asked to act.
    ActionRequested {
        /// Scenario.
        scenario: ScenarioId,
        /// Step.
        step: u32,
        /// Request.
        request: ActionRequest,
        /// When.
        at: Timestamp,
    },
    /// The driver answered, or did not.
    ActionEnded {
        /// Scenario.
        scenario: ScenarioId,
        /// Step.
        step: u32,
        /// Answer.
        answer: Option<ActionAnswer>,
        /// Why there is none.
        problem: Option<DriverProblem>,
        /// `declared` for an automatic driver, `attested` for an operator.
        evidence: EvidenceLevel,
        /// Real time spent, milliseconds.
        duration_ms: u64,
        /// When.
        at: Timestamp,
    },
    /// What a service holds about a person when a scenario ends, as the person sees it.
    ServiceState {
        /// Scenario.
        scenario: ScenarioId,
        /// Service.
        service: Service,
        /// Person.
        persona: PersonaId,
        /// The state, shaped by the mock (for the DMP: `diapason_mock_dmp` documents it).
        state: Value,
        /// When.
        at: Timestamp,
    },
    /// The DUI was asked what it holds.
    Observed {
        /// Scenario.
        scenario: ScenarioId,
        /// Step.
        step: u32,
        /// Observation.
        what: String,
        /// Query.
        query: BTreeMap<String, Value>,
        /// Value.
        value: Option<Value>,
        /// Why there is none.
        problem: Option<DriverProblem>,
        /// `declared` or `attested`.
        evidence: EvidenceLevel,
        /// When.
        at: Timestamp,
    },
    /// A person was asked.
    Attested {
        /// Scenario.
        scenario: ScenarioId,
        /// Step.
        step: u32,
        /// The sentence to confirm (French).
        sentence: String,
        /// Answer.
        answer: Attestation,
        /// Comment or attached file name.
        comment: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// A step ends: its window closes.
    StepEnded {
        /// Scenario.
        scenario: ScenarioId,
        /// Step.
        step: u32,
        /// When the window opened.
        opened_at: Timestamp,
        /// When it closed.
        closed_at: Timestamp,
        /// Real time it was open, milliseconds.
        open_ms: u64,
        /// Why it closed.
        why: WindowEnd,
        /// The step's expectations with every parameter replaced.
        expect: Vec<Expect>,
    },
    /// A request reached a mock. Written before it is answered.
    ExchangeReceived(Exchange),
    /// A mock answered.
    ExchangeAnswered(ExchangeAnswer),
    /// A connection ended without an exchange.
    ConnectionFailed(ConnectionFailure),
    /// Production data was seen and refused (`DONNEES-REELLES`); the data itself is not kept.
    RealDataRefused {
        /// The exchange refused.
        exchange: Option<ExchangeId>,
        /// What it looked like, without the data.
        what: String,
        /// When.
        at: Timestamp,
    },
    /// A rule did not hold.
    FindingMade {
        /// Scenario.
        scenario: ScenarioId,
        /// Finding.
        finding: Finding,
    },
    /// A scenario ends.
    ScenarioEnded {
        /// Scenario.
        scenario: ScenarioId,
        /// Verdict.
        verdict: Verdict,
        /// Strongest evidence of its checks.
        evidence: Option<EvidenceLevel>,
        /// Assertions run, by rule.
        checks: BTreeMap<RuleId, u32>,
        /// Real time spent, milliseconds.
        duration_ms: u64,
        /// When.
        at: Timestamp,
    },
    /// The bench failed at something.
    BenchError {
        /// Scenario, when one was running.
        scenario: Option<ScenarioId>,
        /// What.
        message: String,
    },
    /// Last event of a run.
    RunEnded {
        /// Exit code of the run.
        exit_code: u8,
        /// When.
        at: Timestamp,
    },
}

/// Where events go. Cheap to share; every call is durable against `kill -9` when it returns.
pub trait Recorder: Send + Sync {
    /// Appends an event; returns its sequence number.
    fn record(&self, event: Event) -> Result<u64, JournalError>;
    /// Stores bytes under their hash.
    fn blob(&self, bytes: &[u8]) -> Result<Sha256Hex, JournalError>;
    /// Stores the bytes of several parts, one after the other, under the hash of the whole.
    fn blob_parts(&self, parts: &[&[u8]]) -> Result<Sha256Hex, JournalError> {
        self.blob(&parts.concat())
    }
    /// A fresh exchange number.
    fn next_exchange(&self) -> ExchangeId;
    /// A fresh connection number.
    fn next_connection(&self) -> u64;
}

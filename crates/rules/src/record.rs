//! The record of a scenario and of a campaign, rebuilt from events. Every report and every
//! judgement starts here.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};

use diapason_core::driver::{ActionAnswer, ActionRequest};
use diapason_core::event::{Attestation, Baseline, DriverProblem, PackRef, WindowEnd};
use diapason_core::exchange::ConnectionFailure;
use diapason_core::journal::{Entry, JOURNAL_FILE, JournalError, JournalRead, TornTail};
use diapason_core::product::ProductStatement;
use diapason_core::scenario::{Arm, Expect, Scenario};
use diapason_core::{
    Event, EvidenceLevel, Exchange, ExchangeAnswer, ExchangeId, Finding, PersonaId, RuleId, RunId,
    ScenarioId, Service, Sha256Hex, Timestamp, Verdict,
};
use serde_json::Value;

use crate::Catalogue;

/// Where blobs are found.
pub trait Blobs {
    /// Bytes of a blob; an error that names it when it is absent or damaged.
    fn get(&self, hash: &Sha256Hex) -> Result<Vec<u8>, JournalError>;
}

impl Blobs for JournalRead {
    fn get(&self, hash: &Sha256Hex) -> Result<Vec<u8>, JournalError> {
        self.blob(hash)
    }
}

impl Blobs for diapason_core::journal::MemoryRecorder {
    fn get(&self, hash: &Sha256Hex) -> Result<Vec<u8>, JournalError> {
        self.bytes(hash).ok_or_else(|| JournalError::Damaged {
            path: hash.as_str().into(),
            line: 1,
            problem: "the blob is missing".to_owned(),
        })
    }
}

/// Blobs of a journal being read back: the first one that cannot be had is kept, with the line of
/// the event that names it.
struct Strict<'a> {
    journal: &'a JournalRead,
    line: Cell<usize>,
    first: RefCell<Option<JournalError>>,
}

impl Blobs for Strict<'_> {
    fn get(&self, hash: &Sha256Hex) -> Result<Vec<u8>, JournalError> {
        self.journal.blob(hash).map_err(|e| {
            let error = |problem| JournalError::Damaged {
                path: self.journal.dir.join(JOURNAL_FILE),
                line: self.line.get(),
                problem: format!("its blob {hash} cannot be used: {problem}"),
            };
            let problem = match &e {
                JournalError::Damaged { problem, .. } => problem.clone(),
                other => other.to_string(),
            };
            self.first
                .borrow_mut()
                .get_or_insert_with(|| error(problem.clone()));
            error(problem)
        })
    }
}

/// An exchange with its bytes and its facts.
#[derive(Debug, Clone)]
pub struct SeenExchange {
    /// As recorded.
    pub exchange: Exchange,
    /// The answer, when there was one.
    pub answer: Option<ExchangeAnswer>,
    /// See `diapason_formats::facts`.
    pub facts: Value,
    /// Raw request.
    pub request: Vec<u8>,
    /// Raw answer.
    pub response: Vec<u8>,
    /// Step whose window it fell in, or the one just before.
    pub step: Option<u32>,
}

impl SeenExchange {
    /// `x12 insi rechercherInsAvecTraitsIdentite`.
    pub fn label(&self) -> String {
        format!(
            "{} {} {}",
            self.exchange.id, self.exchange.service, self.exchange.operation
        )
    }

    /// A member of the facts, by JSON pointer.
    pub fn fact(&self, pointer: &str) -> Option<&Value> {
        self.facts.pointer(pointer).filter(|v| !v.is_null())
    }

    /// A text member of the facts, by JSON pointer.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.fact(pointer).and_then(Value::as_str)
    }
}

/// An observation made in a step.
#[derive(Debug, Clone)]
pub struct Observed {
    /// What was asked.
    pub what: String,
    /// With which query.
    pub query: BTreeMap<String, Value>,
    /// The value.
    pub value: Option<Value>,
    /// Why there is none.
    pub problem: Option<DriverProblem>,
    /// Declared or attested.
    pub evidence: EvidenceLevel,
}

/// An operator's answer in a step.
#[derive(Debug, Clone)]
pub struct Attested {
    /// The sentence.
    pub sentence: String,
    /// The answer.
    pub answer: Attestation,
    /// Comment.
    pub comment: Option<String>,
}

/// A step as it happened.
#[derive(Debug, Clone)]
pub struct StepRecord {
    /// From 1.
    pub number: u32,
    /// When its window opened.
    pub opened_at: Timestamp,
    /// When it closed; absent when the run died.
    pub closed_at: Option<Timestamp>,
    /// Real milliseconds it was open.
    pub open_ms: u64,
    /// Why it closed.
    pub why: Option<WindowEnd>,
    /// Settings made.
    pub arms: Vec<Arm>,
    /// Action asked.
    pub request: Option<ActionRequest>,
    /// Answer.
    pub answer: Option<ActionAnswer>,
    /// Why there is none.
    pub problem: Option<DriverProblem>,
    /// Evidence level of the answer.
    pub evidence: EvidenceLevel,
    /// Observations.
    pub observed: Vec<Observed>,
    /// Operator's answers.
    pub attested: Vec<Attested>,
    /// Expectations with parameters replaced.
    pub expect: Vec<Expect>,
}

/// A scenario as it happened.
#[derive(Debug, Clone)]
pub struct ScenarioRecord {
    /// The scenario.
    pub scenario: Scenario,
    /// Position in the campaign.
    pub index: u32,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// Real milliseconds.
    pub duration_ms: u64,
    /// Steps.
    pub steps: Vec<StepRecord>,
    /// Exchanges, in order of arrival.
    pub exchanges: Vec<SeenExchange>,
    /// Refused connections, with the step they fell in.
    pub failures: Vec<(Option<u32>, ConnectionFailure)>,
    /// What services held about people at the end: service, person, state.
    pub states: Vec<(Service, PersonaId, Value)>,
    /// What looked like production data.
    pub real_data: Vec<String>,
    /// Failures of the bench itself.
    pub bench_errors: Vec<String>,
    /// Findings as recorded.
    pub findings: Vec<Finding>,
    /// Verdict as recorded; absent when the run died before.
    pub verdict: Option<Verdict>,
    /// Evidence as recorded.
    pub evidence: Option<EvidenceLevel>,
    /// Assertions run, by rule, as recorded.
    pub checks: BTreeMap<RuleId, u32>,
    /// Are the facts of exchanges worked out?
    facts: bool,
}

impl ScenarioRecord {
    /// An empty record of a scenario.
    pub fn new(scenario: Scenario, index: u32) -> Self {
        Self {
            scenario,
            index,
            started_at: None,
            duration_ms: 0,
            steps: Vec::new(),
            exchanges: Vec::new(),
            failures: Vec::new(),
            states: Vec::new(),
            real_data: Vec::new(),
            bench_errors: Vec::new(),
            findings: Vec::new(),
            verdict: None,
            evidence: None,
            checks: BTreeMap::new(),
            facts: true,
        }
    }

    fn with_facts(mut self, facts: bool) -> Self {
        self.facts = facts;
        self
    }

    /// The step being played, or the last one.
    fn step_now(&self) -> Option<u32> {
        self.steps.last().map(|s| s.number)
    }

    fn step_mut(&mut self, number: u32) -> Option<&mut StepRecord> {
        self.steps.iter_mut().rev().find(|s| s.number == number)
    }

    /// Takes an event of this scenario.
    pub fn push(&mut self, event: &Event, blobs: &dyn Blobs) {
        match event {
            Event::ScenarioStarted { at, .. } => self.started_at = Some(*at),
            Event::StepStarted { step, at, .. } => self.steps.push(StepRecord {
                number: *step,
                opened_at: *at,
                closed_at: None,
                open_ms: 0,
                why: None,
                arms: Vec::new(),
                request: None,
                answer: None,
                problem: None,
                evidence: EvidenceLevel::Declared,
                observed: Vec::new(),
                attested: Vec::new(),
                expect: Vec::new(),
            }),
            Event::Armed { step, arm, .. } => {
                if let Some(s) = self.step_mut(*step) {
                    s.arms.push(arm.clone());
                }
            }
            Event::ActionRequested { step, request, .. } => {
                if let Some(s) = self.step_mut(*step) {
                    s.request = Some(request.clone());
                }
            }
            Event::ActionEnded {
                step,
                answer,
                problem,
                evidence,
                ..
            } => {
                if let Some(s) = self.step_mut(*step) {
                    s.answer.clone_from(answer);
                    s.problem.clone_from(problem);
                    s.evidence = *evidence;
                }
            }
            Event::Observed {
                step,
                what,
                query,
                value,
                problem,
                evidence,
                ..
            } => {
                if let Some(s) = self.step_mut(*step) {
                    s.observed.push(Observed {
                        what: what.clone(),
                        query: query.clone(),
                        value: value.clone(),
                        problem: problem.clone(),
                        evidence: *evidence,
                    });
                }
            }
            Event::Attested {
                step,
                sentence,
                answer,
                comment,
                ..
            } => {
                if let Some(s) = self.step_mut(*step) {
                    s.attested.push(Attested {
                        sentence: sentence.clone(),
                        answer: *answer,
                        comment: comment.clone(),
                    });
                }
            }
            Event::StepEnded {
                step,
                closed_at,
                open_ms,
                why,
                expect,
                ..
            } => {
                if let Some(s) = self.step_mut(*step) {
                    s.closed_at = Some(*closed_at);
                    s.open_ms = *open_ms;
                    s.why = Some(*why);
                    s.expect.clone_from(expect);
                }
            }
            Event::ExchangeReceived(exchange) => {
                let request = self.bytes(&exchange.request, blobs);
                let facts = if self.facts {
                    diapason_formats::facts(exchange, &request, None)
                } else {
                    Value::Null
                };
                self.exchanges.push(SeenExchange {
                    exchange: exchange.clone(),
                    answer: None,
                    facts,
                    request,
                    response: Vec::new(),
                    step: self.step_now(),
                });
            }
            Event::ExchangeAnswered(answer) => self.answered(answer, blobs),
            Event::ConnectionFailed(failure) => {
                self.failures.push((self.step_now(), failure.clone()));
            }
            Event::ServiceState {
                service,
                persona,
                state,
                ..
            } => self.states.push((*service, persona.clone(), state.clone())),
            Event::RealDataRefused { what, .. } => self.real_data.push(what.clone()),
            Event::FindingMade { finding, .. } => self.findings.push(finding.clone()),
            Event::ScenarioEnded {
                verdict,
                evidence,
                checks,
                duration_ms,
                ..
            } => {
                self.verdict = Some(verdict.clone());
                self.evidence = *evidence;
                self.checks.clone_from(checks);
                self.duration_ms = *duration_ms;
            }
            Event::BenchError { message, .. } => self.bench_errors.push(message.clone()),
            Event::RunStarted { .. } | Event::RunEnded { .. } => {}
        }
    }

    /// A blob's bytes. Without them nothing can be judged: that is a failure of the bench.
    fn bytes(&mut self, hash: &Sha256Hex, blobs: &dyn Blobs) -> Vec<u8> {
        blobs.get(hash).unwrap_or_else(|e| {
            self.bench_errors
                .push(format!("pièce {hash} absente ou altérée : {e}"));
            Vec::new()
        })
    }

    fn answered(&mut self, answer: &ExchangeAnswer, blobs: &dyn Blobs) {
        let known = self.exchanges.iter().any(|s| s.exchange.id == answer.id);
        let response = match &answer.response {
            Some(hash) if known => self.bytes(hash, blobs),
            _ => Vec::new(),
        };
        if let Some(seen) = self
            .exchanges
            .iter_mut()
            .rev()
            .find(|s| s.exchange.id == answer.id)
        {
            seen.response = response;
            seen.answer = Some(answer.clone());
            if let Some(slot) = seen.facts.pointer_mut("/answer") {
                *slot = serde_json::json!({
                    "status": answer.status,
                    "outcome": answer.outcome,
                    "fault": answer.fault,
                    "delivery": answer.delivery,
                });
            }
        }
    }
}

/// Tells which exchanges belong to an earlier scenario. One state machine, fed the same events in
/// the same order while a run is played and when its journal is read back.
///
/// An exchange is late when any of these holds:
/// - it arrives before the scenario asked anything of the DUI (first action requested, clock
///   advanced, or first step without action begun): nothing of this scenario can have caused it;
/// - its connection was opened in an earlier scenario and had carried nothing yet. A connection kept
///   alive that already served is no sign by itself: DUIs pool them;
/// - it presents a token issued in an earlier scenario, and none of this one.
#[derive(Debug, Default)]
pub struct Lateness {
    current: HashSet<Sha256Hex>,
    earlier: HashSet<Sha256Hex>,
    late: HashSet<ExchangeId>,
    /// Has the scenario asked anything yet?
    asked: bool,
    /// Steps of the scenario that ask for no action: their window is open from their start.
    idle_steps: HashSet<u32>,
    /// Highest connection number seen, and what it was when the scenario began.
    highest: u64,
    highest_before: u64,
    /// Connections that have carried an exchange.
    served: HashSet<u64>,
}

impl Lateness {
    /// Kinds that only the bench can have made; the DUI's own values (state, nonce, MessageID) may repeat.
    const KINDS: [&str; 5] = [
        "code",
        "access_token",
        "refresh_token",
        "id_token",
        "auth_req_id",
    ];

    /// A new scenario begins.
    pub fn next_scenario(&mut self, scenario: &Scenario) {
        self.earlier.extend(self.current.drain());
        self.asked = false;
        self.idle_steps = (1..)
            .zip(&scenario.steps)
            .filter(|(_, step)| step.action.is_none())
            .map(|(number, _)| number)
            .collect();
        self.highest_before = self.highest;
    }

    /// Takes an event in journal order; `true` when it belongs to an earlier scenario.
    pub fn take(&mut self, event: &Event) -> bool {
        match event {
            Event::ActionRequested { .. }
            | Event::Armed {
                arm: Arm::Advance(_),
                ..
            } => {
                self.asked = true;
                false
            }
            Event::StepStarted { step, .. } => {
                self.asked |= self.idle_steps.contains(step);
                false
            }
            Event::ExchangeReceived(exchange) => {
                let fresh = self.served.insert(exchange.connection);
                let stale = fresh && exchange.connection <= self.highest_before;
                self.highest = self.highest.max(exchange.connection);
                let late = !self.asked || stale || self.presents_earlier(exchange);
                if late {
                    self.late.insert(exchange.id);
                }
                late
            }
            Event::ExchangeAnswered(answer) => {
                let late = self.late.contains(&answer.id);
                let known = if late {
                    &mut self.earlier
                } else {
                    &mut self.current
                };
                known.extend(
                    Self::KINDS
                        .iter()
                        .filter_map(|kind| answer.issued.get(*kind))
                        .cloned(),
                );
                late
            }
            Event::ConnectionFailed(failure) => {
                self.highest = self.highest.max(failure.connection);
                !self.asked || failure.connection <= self.highest_before
            }
            _ => false,
        }
    }

    /// Does the exchange present something issued in an earlier scenario, and nothing of this one?
    fn presents_earlier(&self, exchange: &Exchange) -> bool {
        let presented = || {
            Self::KINDS
                .iter()
                .filter_map(|k| exchange.presented.get(*k))
        };
        presented().any(|h| self.earlier.contains(h))
            && !presented().any(|h| self.current.contains(h))
    }
}

/// A whole run, rebuilt from its journal.
#[derive(Debug)]
pub struct Campaign {
    /// Run.
    pub run: RunId,
    /// Bench version.
    pub tool_version: String,
    /// Seed.
    pub seed: u64,
    /// Driver.
    pub driver: String,
    /// Product statement.
    pub product: ProductStatement,
    /// What it was judged against.
    pub catalogue: Catalogue,
    /// Rule packs.
    pub packs: Vec<PackRef>,
    /// Switches of the mocks.
    pub switches: BTreeMap<String, String>,
    /// Does a warning fail the run?
    pub strict: bool,
    /// Does a scenario that only lacks an operator leave the run conclusive?
    pub excuse_operator: bool,
    /// Known deviations, left out of the exit code.
    pub baseline: Vec<Baseline>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; absent when it died.
    pub ended_at: Option<Timestamp>,
    /// Exit code; absent when it died.
    pub exit_code: Option<u8>,
    /// Scenarios, in order.
    pub scenarios: Vec<ScenarioRecord>,
    /// Exchanges that belong to no scenario: between two, or late.
    pub orphans: Vec<SeenExchange>,
    /// Failures of the bench outside a scenario.
    pub bench_errors: Vec<String>,
    /// Torn last line of the journal.
    pub torn: Option<TornTail>,
}

/// A journal that holds no run.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    /// It cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Its first event is not the start of a run.
    #[error("the journal does not begin with a run: {0}")]
    NotARun(String),
    /// Its catalogue cannot be read.
    #[error("read the catalogue kept in the journal")]
    Catalogue(#[source] serde_json::Error),
}

impl Campaign {
    /// Rebuilds a run.
    pub fn from_journal(journal: &JournalRead) -> Result<Self, CampaignError> {
        Self::read(journal, true)
    }

    /// The same without the facts of exchanges, which reports do not show and which take longest to work out.
    pub fn for_reports(journal: &JournalRead) -> Result<Self, CampaignError> {
        Self::read(journal, false)
    }

    fn read(journal: &JournalRead, facts: bool) -> Result<Self, CampaignError> {
        let mut entries = journal.entries.iter();
        let Some(Event::RunStarted {
            run,
            tool_version,
            seed,
            driver,
            product,
            catalogue,
            packs,
            switches,
            strict,
            excuse_operator,
            baseline,
            at,
        }) = entries.next().map(|e| &e.event)
        else {
            return Err(CampaignError::NotARun(match journal.entries.first() {
                None => "it is empty".to_owned(),
                Some(_) => "another event comes first".to_owned(),
            }));
        };
        let catalogue: Catalogue =
            serde_json::from_slice(&journal.blob(catalogue)?).map_err(CampaignError::Catalogue)?;
        let mut campaign = Self {
            run: run.clone(),
            tool_version: tool_version.clone(),
            seed: *seed,
            driver: driver.clone(),
            product: product.clone(),
            catalogue,
            packs: packs.clone(),
            switches: switches.clone(),
            strict: *strict,
            excuse_operator: *excuse_operator,
            baseline: baseline.clone(),
            started_at: *at,
            ended_at: None,
            exit_code: None,
            scenarios: Vec::new(),
            orphans: Vec::new(),
            bench_errors: Vec::new(),
            torn: journal.torn.clone(),
        };
        let blobs = Strict {
            journal,
            line: Cell::new(1),
            first: RefCell::default(),
        };
        campaign.fill(entries, &blobs, facts);
        match blobs.first.into_inner() {
            Some(damaged) => Err(damaged.into()),
            None => Ok(campaign),
        }
    }

    fn fill<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a Entry>,
        blobs: &Strict<'_>,
        facts: bool,
    ) {
        let by_id: HashMap<ScenarioId, Scenario> = self
            .catalogue
            .scenarios
            .iter()
            .map(|s| (s.id.clone(), s.clone()))
            .collect();
        let mut lateness = Lateness::default();
        let mut open: Option<ScenarioRecord> = None;
        // Exchanges outside a scenario are kept in a record of their own.
        let mut outside: Option<ScenarioRecord> = None;
        for Entry { event, seq, .. } in entries {
            blobs.line.set(usize::try_from(*seq).unwrap_or(usize::MAX));
            match event {
                Event::ScenarioStarted {
                    scenario, index, ..
                } => {
                    self.scenarios.extend(open.take());
                    if let Some(scenario) = by_id.get(scenario) {
                        lateness.next_scenario(scenario);
                        open =
                            Some(ScenarioRecord::new(scenario.clone(), *index).with_facts(facts));
                    }
                }
                Event::RunEnded { exit_code, at } => {
                    self.exit_code = Some(*exit_code);
                    self.ended_at = Some(*at);
                }
                _ => {}
            }
            let is_late = lateness.take(event);
            match &mut open {
                Some(record) if !is_late => record.push(event, blobs),
                _ => {
                    if let Event::BenchError { message, .. } = event {
                        self.bench_errors.push(message.clone());
                    }
                    if let Some(any) = self.catalogue.scenarios.first() {
                        outside
                            .get_or_insert_with(|| {
                                ScenarioRecord::new(any.clone(), 0).with_facts(facts)
                            })
                            .push(event, blobs);
                    }
                }
            }
            if matches!(event, Event::ScenarioEnded { .. }) {
                self.scenarios.extend(open.take());
            }
        }
        self.scenarios.extend(open.take());
        self.orphans = outside.map(|r| r.exchanges).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests;

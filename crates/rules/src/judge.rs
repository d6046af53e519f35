//! The judge: rules and expectations over the record of a scenario.
//!
//! A rule that applied nowhere holds nothing: a scenario whose listed checks did not run is not
//! `conforme`, and one in which nothing was checked at all is a failure of the bench.

use std::collections::BTreeMap;
use std::sync::Arc;

use diapason_core::product::ProductStatement;
use diapason_core::rule::{Check, Rule, Scope};
use diapason_core::{EvidenceLevel, ExchangeId, Finding, Level, Place, RuleId, Service, Verdict};
use jsonschema::{ValidationError, Validator};

use crate::describe::describe;
use crate::document::DocumentJudge;
use crate::json_rules::compile;
use crate::record::{ScenarioRecord, SeenExchange, StepRecord};

mod document;
#[cfg(test)]
mod document_tests;
mod expectation;
mod message;
#[cfg(test)]
mod tests;

pub use message::Ahead;

/// Most findings of one rule in one scenario; more say nothing new.
const MOST_FINDINGS: usize = 10;

/// A Rust rule: looks at the record and says what held and what did not.
pub type RustRule = fn(&mut Ctx<'_>);

/// Rules that cannot be judged as written.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// A schema that is not one.
    #[error("rule {rule}: its JSON Schema is not valid: {problem}")]
    Schema {
        /// Rule.
        rule: RuleId,
        /// Why.
        problem: String,
    },
    /// A Rust rule with no function.
    #[error("rule {0} says `rust` but no function of that id is registered")]
    NoFunction(RuleId),
    /// A function with no rule.
    #[error("a function is registered for {0} but no rule of that id says `rust`")]
    NoRule(String),
    /// A Schematron file of ours that is wrong, or does not agree with its rules.
    #[error("{file}: {problem}")]
    Schematron {
        /// File, from the `profiles` folder.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// Two rules of one id.
    #[error("rule {0} is defined twice")]
    Twice(RuleId),
    /// A level above what its source allows.
    #[error(
        "rule {0}: its level is above what the confidence of its source allows, and `breach` does not say why"
    )]
    Level(RuleId),
}

struct SchemaCheck {
    on: Scope,
    when: Option<Validator>,
    facts: Validator,
}

enum Compiled {
    Schema(Box<SchemaCheck>),
    Rust(RustRule),
    /// Judges documents: the work of [`crate::document::DocumentJudge`].
    Document,
    Scenario,
}

/// The rules, ready to judge. Share it between threads.
pub struct Judge {
    rules: Vec<(Rule, Compiled)>,
    index: BTreeMap<RuleId, usize>,
    /// What judges the documents that scenarios expect.
    documents: Option<Arc<DocumentJudge>>,
    /// Messages judged as they arrived.
    ahead: message::Reports,
}

/// What the judge says of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Rules that did not hold.
    pub findings: Vec<Finding>,
    /// Assertions run, by rule.
    pub checks: BTreeMap<RuleId, u32>,
    /// Verdict.
    pub verdict: Verdict,
    /// Strongest evidence among the checks run.
    pub evidence: Option<EvidenceLevel>,
    /// What could not be concluded, whatever else the verdict says.
    pub unplayed: Vec<String>,
}

impl Judge {
    /// Compiles the rules and checks that data and functions agree.
    pub fn new(rules: &[Rule]) -> Result<Self, JudgeError> {
        let functions: BTreeMap<&str, RustRule> = crate::insi::RULES
            .iter()
            .chain(crate::psc::RULES)
            .chain(crate::dmp::RULES)
            .copied()
            .collect();
        let mut index = BTreeMap::new();
        let mut compiled = Vec::with_capacity(rules.len());
        for rule in rules {
            if rule.level > rule.confidence.ceiling() && rule.breach.is_none() {
                return Err(JudgeError::Level(rule.id.clone()));
            }
            if index.insert(rule.id.clone(), compiled.len()).is_some() {
                return Err(JudgeError::Twice(rule.id.clone()));
            }
            let bad = |problem: Box<ValidationError<'static>>| JudgeError::Schema {
                rule: rule.id.clone(),
                problem: problem.to_string(),
            };
            let check = match &rule.check {
                Check::Schema { on, facts } => Compiled::Schema(Box::new(SchemaCheck {
                    on: on.clone(),
                    when: on.when.as_ref().map(compile).transpose().map_err(bad)?,
                    facts: compile(facts).map_err(bad)?,
                })),
                Check::Rust { .. } => Compiled::Rust(
                    *functions
                        .get(rule.id.as_str())
                        .ok_or_else(|| JudgeError::NoFunction(rule.id.clone()))?,
                ),
                Check::Schematron { .. } | Check::Json { .. } | Check::Document { .. } => {
                    Compiled::Document
                }
                Check::Scenario {} => Compiled::Scenario,
            };
            compiled.push((rule.clone(), check));
        }
        for id in functions.keys() {
            let known = compiled
                .iter()
                .any(|(rule, check)| rule.id.as_str() == *id && matches!(check, Compiled::Rust(_)));
            if !known && !rules.is_empty() {
                return Err(JudgeError::NoRule((*id).to_owned()));
            }
        }
        Ok(Self {
            rules: compiled,
            index,
            documents: None,
            ahead: message::Reports::default(),
        })
    }

    /// The same, able to judge the documents that scenarios expect.
    #[must_use]
    pub fn with_documents(mut self, documents: Arc<DocumentJudge>) -> Self {
        self.documents = Some(documents);
        self
    }

    /// What judges messages ahead of the scenario's end, when this judge was given document rules.
    pub fn ahead(&self) -> Option<Ahead> {
        self.documents
            .clone()
            .map(|documents| Ahead::new(documents, Arc::clone(&self.ahead)))
    }

    /// A rule by id.
    pub fn rule(&self, id: &RuleId) -> Option<&Rule> {
        self.index.get(id).map(|i| &self.rules[*i].0)
    }

    /// Judges a scenario.
    pub fn judge(&self, record: &ScenarioRecord, product: &ProductStatement) -> Judgement {
        let mut all = Outcome::default();
        for (rule, check) in &self.rules {
            match check {
                Compiled::Schema(check) => {
                    for seen in &record.exchanges {
                        judge_schema(rule, check, seen, &mut all);
                    }
                }
                Compiled::Rust(function) => {
                    let mut ctx = Ctx {
                        rule,
                        record,
                        product,
                        out: &mut all,
                        made: 0,
                    };
                    function(&mut ctx);
                }
                Compiled::Document | Compiled::Scenario => {}
            }
        }
        for seen in &record.exchanges {
            message::judge(self, seen, &mut all);
        }
        let mut open = Vec::new();
        for step in &record.steps {
            for expect in &step.expect {
                match self.rule(&expect.rule) {
                    Some(rule) => {
                        expectation::judge(self, rule, expect, step, record, &mut all, &mut open);
                    }
                    None => all.bench_errors.push(format!(
                        "step {} cites rule {}, which does not exist",
                        step.number, expect.rule
                    )),
                }
            }
        }
        let unplayed = unplayed(record, &all, open);
        let verdict = verdict(record, &all, &unplayed);
        Judgement {
            findings: all.findings,
            checks: all.checks,
            verdict,
            evidence: all.evidence,
            unplayed,
        }
    }

    /// Judges one exchange alone by the schema rules: for samples and for `check`.
    pub fn judge_exchange(&self, seen: &SeenExchange) -> (Vec<Finding>, BTreeMap<RuleId, u32>) {
        let mut all = Outcome::default();
        for (rule, check) in &self.rules {
            if let Compiled::Schema(check) = check {
                judge_schema(rule, check, seen, &mut all);
            }
        }
        (all.findings, all.checks)
    }
}

/// Why some of the scenario could not be played or looked at.
fn unplayed(record: &ScenarioRecord, all: &Outcome, open: Vec<String>) -> Vec<String> {
    let mut reasons = open;
    for step in &record.steps {
        if let Some(problem) = &step.problem {
            reasons.push(format!("étape {}: {}", step.number, problem_text(problem)));
        } else if let Some(answer) = &step.answer
            && answer.status == diapason_core::driver::ActionStatus::Unsupported
        {
            let action = step.request.as_ref().map_or("?", |r| r.action.as_str());
            reasons.push(format!(
                "étape {}: l'adaptateur ne sait pas faire {action}",
                step.number
            ));
        }
    }
    // When a step could not be played, that is the reason, and the unused rules follow from it.
    if reasons.is_empty() {
        let unused = record
            .scenario
            .checks
            .iter()
            .filter(|rule| !all.checks.contains_key(*rule));
        reasons.extend(unused.map(|rule| format!("{rule} n'a eu aucune occasion d'être vérifiée")));
    }
    reasons.dedup();
    reasons
}

fn verdict(record: &ScenarioRecord, all: &Outcome, unplayed: &[String]) -> Verdict {
    let count = |level| all.findings.iter().filter(|f| f.level == level).count() as u32;
    let (errors, warnings) = (count(Level::Error), count(Level::Warning));
    let bench: Vec<&String> = record
        .bench_errors
        .iter()
        .chain(&all.bench_errors)
        .collect();
    if let Some(first) = bench.first() {
        return Verdict::ErreurBanc {
            reason: (*first).clone(),
        };
    }
    if unfinished(record) {
        return Verdict::ErreurBanc {
            reason: INTERRUPTED.to_owned(),
        };
    }
    if let Some(what) = record.real_data.first() {
        return Verdict::NonConcluant {
            reason: format!("DONNEES-REELLES: {what}"),
        };
    }
    if errors > 0 {
        return Verdict::NonConforme { errors };
    }
    if !unplayed.is_empty() {
        return Verdict::NonConcluant {
            reason: unplayed.join(" ; "),
        };
    }
    if all.checks.values().sum::<u32>() == 0 {
        return Verdict::ErreurBanc {
            reason: "aucune vérification n'a été faite".to_owned(),
        };
    }
    if warnings > 0 {
        return Verdict::Reserve { warnings };
    }
    Verdict::Conforme
}

/// The reason of a scenario that was not played to its end.
pub const INTERRUPTED: &str = "la campagne s'est arrêtée pendant ce scénario";

/// Did the run end within the scenario: a step never closed, or steps missing that nothing recorded explains?
fn unfinished(record: &ScenarioRecord) -> bool {
    let planned = record.scenario.steps.len();
    let unclosed = record.steps.last().is_some_and(|s| s.closed_at.is_none());
    let explained = !record.real_data.is_empty()
        || record.steps.iter().any(|step| {
            step.problem.is_some()
                || step
                    .answer
                    .as_ref()
                    .is_some_and(|a| a.status == diapason_core::driver::ActionStatus::Unsupported)
        });
    planned > 0 && (unclosed || (record.steps.len() < planned && !explained))
}

/// The reason of a scenario that nobody was there to play.
pub const NEEDS_OPERATOR: &str = "un opérateur est nécessaire";

/// A driver's problem, for a person.
pub fn problem_text(problem: &diapason_core::event::DriverProblem) -> String {
    use diapason_core::event::DriverProblem as P;
    match problem {
        P::Timeout { waited } => format!("le pilote n'a pas répondu à temps ({waited})"),
        P::Crashed { details } => format!("le pilote est tombé ou injoignable ({details})"),
        P::Garbage { details } => {
            format!("la réponse du pilote ne suit pas le contrat ({details})")
        }
        P::Unattended => NEEDS_OPERATOR.to_owned(),
        P::NotApplicable { reason } => format!("déclaré sans objet par l'opérateur ({reason})"),
        P::Cannot { reason } => format!("impossible à jouer ({reason})"),
    }
}

impl SchemaCheck {
    fn concerns(&self, seen: &SeenExchange) -> bool {
        let on = &self.on;
        on.service == seen.exchange.service
            && (on.operations.is_empty() || on.operations.contains(&seen.exchange.operation))
            && (on.listeners.is_empty() || on.listeners.contains(&seen.exchange.listener))
            && self
                .when
                .as_ref()
                .is_none_or(|when| when.is_valid(&seen.facts))
    }
}

fn judge_schema(rule: &Rule, check: &SchemaCheck, seen: &SeenExchange, all: &mut Outcome) {
    if !check.concerns(seen) {
        return;
    }
    all.ran(rule, EvidenceLevel::Observed);
    if let Some(error) = check.facts.iter_errors(&seen.facts).next() {
        let said = describe(&error);
        all.found(
            rule,
            EvidenceLevel::Observed,
            Place {
                exchange: Some(seen.exchange.id),
                step: seen.step,
                path: Some(said.path),
                ..Place::default()
            },
            said.expected,
            &said.observed,
        );
    }
}

#[derive(Default)]
struct Outcome {
    findings: Vec<Finding>,
    checks: BTreeMap<RuleId, u32>,
    evidence: Option<EvidenceLevel>,
    bench_errors: Vec<String>,
}

impl Outcome {
    fn ran(&mut self, rule: &Rule, evidence: EvidenceLevel) {
        self.ran_times(rule, evidence, 1);
    }

    fn ran_times(&mut self, rule: &Rule, evidence: EvidenceLevel, times: u32) {
        match self.checks.get_mut(&rule.id) {
            Some(count) => *count += times,
            None => {
                self.checks.insert(rule.id.clone(), times);
            }
        }
        let evidence = rule.evidence.unwrap_or(evidence);
        self.evidence = self.evidence.max(Some(evidence));
    }

    fn found(
        &mut self,
        rule: &Rule,
        evidence: EvidenceLevel,
        place: Place,
        expected: String,
        observed: &str,
    ) {
        if self.findings.iter().filter(|f| f.rule == rule.id).count() < MOST_FINDINGS {
            self.findings.push(Finding {
                rule: rule.id.clone(),
                level: rule.level,
                place,
                expected,
                observed: crate::redact::redact_text(observed),
                evidence: rule.evidence.unwrap_or(evidence),
            });
        }
    }
}

/// What a Rust rule works with.
pub struct Ctx<'a> {
    rule: &'a Rule,
    record: &'a ScenarioRecord,
    product: &'a ProductStatement,
    out: &'a mut Outcome,
    made: u32,
}

impl<'a> Ctx<'a> {
    /// The whole record.
    pub fn record(&self) -> &'a ScenarioRecord {
        self.record
    }

    /// The product statement.
    pub fn product(&self) -> &'a ProductStatement {
        self.product
    }

    /// Steps in order.
    pub fn steps(&self) -> &'a [StepRecord] {
        &self.record.steps
    }

    /// Exchanges of a service, in order; `operations` empty means all.
    pub fn exchanges(&self, service: Service, operations: &[&str]) -> Vec<&'a SeenExchange> {
        self.record
            .exchanges
            .iter()
            .filter(|s| s.exchange.service == service)
            .filter(|s| {
                operations.is_empty() || operations.contains(&s.exchange.operation.as_str())
            })
            .collect()
    }

    /// Counts an assertion that held.
    pub fn held(&mut self) {
        self.made += 1;
        self.out.ran(self.rule, EvidenceLevel::Observed);
    }

    /// Counts an assertion that did not hold, seen in an exchange.
    pub fn broken(
        &mut self,
        seen: &SeenExchange,
        path: impl Into<String>,
        expected: impl Into<String>,
        observed: impl Into<String>,
    ) {
        let place = Place {
            exchange: Some(seen.exchange.id),
            step: seen.step,
            path: Some(path.into()),
            ..Place::default()
        };
        self.broken_at(place, expected, observed);
    }

    /// Counts an assertion that did not hold, anywhere.
    pub fn broken_at(
        &mut self,
        place: Place,
        expected: impl Into<String>,
        observed: impl Into<String>,
    ) {
        self.made += 1;
        self.out.ran(self.rule, EvidenceLevel::Observed);
        self.out.found(
            self.rule,
            EvidenceLevel::Observed,
            place,
            expected.into(),
            &observed.into(),
        );
    }

    /// Shorthand: holds when `ok`, else broken in that exchange.
    pub fn check(
        &mut self,
        ok: bool,
        seen: &SeenExchange,
        path: &str,
        expected: impl Into<String>,
        observed: impl Into<String>,
    ) {
        if ok {
            self.held();
        } else {
            self.broken(seen, path, expected, observed);
        }
    }
}

/// The exchange a finding points at, for messages.
pub fn exchange_label(record: &ScenarioRecord, id: ExchangeId) -> Option<String> {
    record
        .exchanges
        .iter()
        .find(|s| s.exchange.id == id)
        .map(SeenExchange::label)
}

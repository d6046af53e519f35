//! Plays one scenario: arms, acts, waits, observes. Emits events; judges nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use diapason_core::driver::{ActionAnswer, ActionRequest, ActionStatus};
use diapason_core::event::{DriverProblem, WindowEnd};
use diapason_core::journal::JournalError;
use diapason_core::scenario::{Arm, CallExpect, Expect, Scenario, Step, What};
use diapason_core::{Event, EvidenceLevel, Recorder, Timestamp};
use diapason_rules::record::{Blobs, ScenarioRecord};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::driver::AnyDriver;
use crate::recorder::RunRecorder;
use crate::run::real_data::{scrub_answer, scrub_problem, scrub_text, scrub_value};
use crate::run::{Bench, RunOptions};
use crate::scenario_file::{Scope, substitute};

/// How long an expected call is waited for at least: waiting ends when it comes, so that a short settle time need not
/// miss what a product does by itself.
const PATIENCE: Duration = Duration::from_millis(60);
/// How often a window looks whether the calls it waits for have come.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Longest wait, before a scenario ends, for the answers of the exchanges that have begun.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// What driver and mocks call production data.
const REAL_DATA: &str = "matricule complet hors des jeux de test dans la réponse du pilote";

/// A value with its placeholders replaced.
fn resolved<T: Serialize + DeserializeOwned>(written: &T, scope: &Scope) -> Result<T, String> {
    let mut value = serde_json::to_value(written).map_err(|e| e.to_string())?;
    substitute(&mut value, scope).map_err(|e| e.to_string())?;
    serde_json::from_value(value).map_err(|e| e.to_string())
}

/// Does a step name an exchange of the scenario? Otherwise none is read back.
fn uses_exchanges(step: &Step) -> bool {
    serde_json::to_string(step).is_ok_and(|text| text.contains("${exchange."))
}

/// What a player works with.
pub struct Player<'a> {
    /// Mocks.
    pub bench: &'a Bench,
    /// Recorder.
    pub recorder: &'a RunRecorder,
    /// Driver.
    pub driver: &'a AnyDriver,
    /// Options.
    pub options: &'a RunOptions,
    /// Personas by id.
    pub personas: &'a Value,
}

struct Window {
    opened_at: Timestamp,
    opened: Instant,
    why: WindowEnd,
}

impl Player<'_> {
    /// Plays the steps of a scenario, between its `ScenarioStarted` and its judgement.
    pub async fn play(&self, scenario: &Scenario) -> Result<(), JournalError> {
        self.bench.reset();
        if let Err(problem) = self.driver.reset().await {
            return self.give_up(scenario, 1, problem);
        }
        let mut scope = Scope::new();
        scope.set("persona", self.personas.clone());
        scope.set("exchange", json!({}));
        for (name, value) in &scenario.parameters {
            let mut value = value.clone();
            if let Err(error) = substitute(&mut value, &scope) {
                return self.give_up(
                    scenario,
                    1,
                    DriverProblem::Garbage {
                        details: error.to_string(),
                    },
                );
            }
            scope.set(name.clone(), value);
        }
        for (index, step) in scenario.steps.iter().enumerate() {
            let number = index as u32 + 1;
            if !self.step(scenario, number, step, &mut scope).await? {
                break;
            }
        }
        let patience = Instant::now() + LAST_ANSWERS;
        while self.recorder.waits_for_an_answer() && Instant::now() < patience {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        for (service, persona, state) in self.bench.states() {
            self.recorder.record(Event::ServiceState {
                scenario: scenario.id.clone(),
                service,
                persona,
                state,
                at: self.bench.clock.now(),
            })?;
        }
        Ok(())
    }

    /// A step that cannot even begin: recorded as such, so that the verdict says why.
    fn give_up(
        &self,
        scenario: &Scenario,
        number: u32,
        mut problem: DriverProblem,
    ) -> Result<(), JournalError> {
        if scrub_problem(&mut problem) {
            self.real_data()?;
        }
        let at = self.bench.clock.now();
        let id = scenario.id.clone();
        self.recorder.record(Event::StepStarted {
            scenario: id.clone(),
            step: number,
            at,
        })?;
        self.recorder.record(Event::ActionEnded {
            scenario: id.clone(),
            step: number,
            answer: None,
            problem: Some(problem),
            evidence: self.driver.evidence(),
            duration_ms: 0,
            at,
        })?;
        self.recorder.record(Event::StepEnded {
            scenario: id,
            step: number,
            opened_at: at,
            closed_at: at,
            open_ms: 0,
            why: WindowEnd::NoAction,
            expect: Vec::new(),
        })?;
        Ok(())
    }

    /// Plays a step; `false` when the scenario cannot go on.
    async fn step(
        &self,
        scenario: &Scenario,
        number: u32,
        step: &Step,
        scope: &mut Scope,
    ) -> Result<bool, JournalError> {
        let id = &scenario.id;
        let opened_at = self.bench.clock.now();
        self.recorder.record(Event::StepStarted {
            scenario: id.clone(),
            step: number,
            at: opened_at,
        })?;
        let mut window = Window {
            opened_at,
            opened: Instant::now(),
            why: WindowEnd::NoAction,
        };
        if uses_exchanges(step) {
            scope.set("exchange", self.exchanges()?);
        }
        let mut problem = self.arm_all(scenario, number, step, scope).await?;
        // What follows would be judged on an action that was never done.
        let mut stopped = false;
        if problem.is_none()
            && let Some(action) = &step.action
        {
            let mut params = Value::Object(action.with.clone().into_iter().collect());
            let deadline = action
                .deadline_ms
                .map_or(self.options.deadline, Duration::from_millis);
            if let Err(error) = substitute(&mut params, scope) {
                problem = Some(DriverProblem::Garbage {
                    details: error.to_string(),
                });
            } else {
                if let Value::Object(map) = &mut params {
                    // A placeholder that stands for nothing: the parameter is not given.
                    map.retain(|_, v| !v.is_null());
                }
                let request = ActionRequest {
                    action: action.action.clone(),
                    params,
                    scenario: id.to_string(),
                    step: number,
                    deadline_ms: deadline.as_millis() as u64,
                };
                let (answer, trouble, refused) = self
                    .act(scenario, number, step, request, &mut window)
                    .await?;
                stopped = refused
                    || answer
                        .as_ref()
                        .is_some_and(|a| a.status == ActionStatus::Unsupported);
                if let (Some(answer), Some(name)) = (&answer, &action.bind) {
                    scope.set(name.clone(), answer.result.clone());
                }
                problem = trouble;
            }
        } else if problem.is_none()
            && let Some(text) = &step.text
        {
            self.driver.announce(text).await;
        }
        let unresolved = problem.is_some() || stopped;
        if let Some(problem) = &mut problem
            && !self.ended(number)
        {
            if scrub_problem(problem) {
                self.real_data()?;
            }
            self.recorder.record(Event::ActionEnded {
                scenario: id.clone(),
                step: number,
                answer: None,
                problem: Some(problem.clone()),
                evidence: self.driver.evidence(),
                duration_ms: 0,
                at: self.bench.clock.now(),
            })?;
        }
        let (expect, refused) = self
            .settle_and_observe(scenario, number, step, scope, unresolved)
            .await?;
        self.recorder.record(Event::StepEnded {
            scenario: id.clone(),
            step: number,
            opened_at: window.opened_at,
            closed_at: self.bench.clock.now(),
            open_ms: window.opened.elapsed().as_millis() as u64,
            why: window.why,
            expect,
        })?;
        Ok(!unresolved && !refused)
    }

    /// The driver handed production data back: said, never kept.
    fn real_data(&self) -> Result<(), JournalError> {
        self.recorder.record(Event::RealDataRefused {
            exchange: None,
            what: REAL_DATA.to_owned(),
            at: self.bench.clock.now(),
        })?;
        Ok(())
    }

    /// Was an `ActionEnded` already recorded for this step?
    fn ended(&self, number: u32) -> bool {
        self.recorder.with_events(|events| {
            events
                .iter()
                .any(|e| matches!(e, Event::ActionEnded { step, .. } if *step == number))
        })
    }

    async fn arm_all(
        &self,
        scenario: &Scenario,
        number: u32,
        step: &Step,
        scope: &Scope,
    ) -> Result<Option<DriverProblem>, JournalError> {
        for written in &step.arm {
            let arm = match resolved(written, scope) {
                Ok(arm) => arm,
                Err(details) => return Ok(Some(DriverProblem::Garbage { details })),
            };
            if let Err(message) = self.bench.arm(&arm) {
                self.recorder.record(Event::BenchError {
                    scenario: Some(scenario.id.clone()),
                    message,
                })?;
                continue;
            }
            self.recorder.record(Event::Armed {
                scenario: scenario.id.clone(),
                step: number,
                arm: arm.clone(),
            })?;
            if let Arm::Advance(seconds) = &arm {
                let request = ActionRequest {
                    action: "clock.advance".to_owned(),
                    params: json!({ "secondes": seconds }),
                    scenario: scenario.id.to_string(),
                    step: number,
                    deadline_ms: self.options.deadline.as_millis() as u64,
                };
                match self.driver.act(&request).await {
                    Ok(ActionAnswer {
                        status: ActionStatus::Done,
                        ..
                    }) => {}
                    Ok(_) => {
                        return Ok(Some(DriverProblem::Cannot {
                            reason: "le DUI ne sait pas avancer son horloge (clock.advance)"
                                .to_owned(),
                        }));
                    }
                    Err(problem) => return Ok(Some(problem)),
                }
            }
        }
        Ok(None)
    }

    /// Asks for the action. The answer, or why there is none, and whether production data was taken
    /// out of it.
    async fn act(
        &self,
        scenario: &Scenario,
        number: u32,
        step: &Step,
        request: ActionRequest,
        window: &mut Window,
    ) -> Result<(Option<ActionAnswer>, Option<DriverProblem>, bool), JournalError> {
        self.recorder.record(Event::ActionRequested {
            scenario: scenario.id.clone(),
            step: number,
            request: request.clone(),
            at: self.bench.clock.now(),
        })?;
        if let Some(text) = &step.text {
            self.driver.announce(text).await;
        }
        let started = Instant::now();
        let outcome = self.driver.act(&request).await;
        let (mut answer, mut problem) = match outcome {
            Ok(answer) => (Some(answer), None),
            Err(problem) => (None, Some(problem)),
        };
        let refused =
            answer.as_mut().is_some_and(scrub_answer) | problem.as_mut().is_some_and(scrub_problem);
        window.why = match problem {
            Some(DriverProblem::Timeout { .. }) => WindowEnd::Deadline,
            _ => WindowEnd::Settled,
        };
        self.recorder.record(Event::ActionEnded {
            scenario: scenario.id.clone(),
            step: number,
            answer: answer.clone(),
            problem: problem.clone(),
            evidence: self.driver.evidence(),
            duration_ms: started.elapsed().as_millis() as u64,
            at: self.bench.clock.now(),
        })?;
        if refused {
            self.real_data()?;
        }
        Ok((answer, problem, refused))
    }

    /// Waits for the window to close, asks what must be observed, and returns the expectations with
    /// every parameter replaced, and whether production data was taken out of what came back.
    async fn settle_and_observe(
        &self,
        scenario: &Scenario,
        number: u32,
        step: &Step,
        scope: &mut Scope,
        unresolved: bool,
    ) -> Result<(Vec<Expect>, bool), JournalError> {
        let mut expect = Vec::with_capacity(step.expect.len());
        for one in &step.expect {
            let mut value = serde_json::to_value(one).unwrap_or_default();
            match substitute(&mut value, scope) {
                Ok(()) => match serde_json::from_value::<Expect>(value) {
                    Ok(resolved) => expect.push(resolved),
                    Err(error) => {
                        self.bench_error(scenario, number, &error.to_string())?;
                    }
                },
                // The value it needs comes from an answer that never came: the verdict says so already.
                Err(_) if unresolved => {}
                Err(error) => {
                    self.missing_value(scenario, number, &error.to_string())?;
                }
            }
        }
        self.settle(number, step, &expect).await;
        for one in &expect {
            let mut refused = false;
            match one.what() {
                Some(What::Observe(observe)) if !unresolved => {
                    let outcome = self.driver.observe(&observe.what, &observe.query).await;
                    let (mut value, mut problem) = match outcome {
                        Ok(value) => (Some(value), None),
                        Err(problem) => (None, Some(problem)),
                    };
                    refused = value.as_mut().is_some_and(scrub_value)
                        | problem.as_mut().is_some_and(scrub_problem);
                    self.recorder.record(Event::Observed {
                        scenario: scenario.id.clone(),
                        step: number,
                        what: observe.what.clone(),
                        query: observe.query.clone(),
                        value,
                        problem,
                        evidence: self.driver.evidence(),
                        at: self.bench.clock.now(),
                    })?;
                }
                Some(What::Attest(sentence)) if !unresolved => {
                    let (answer, mut comment) = self.driver.attest(sentence).await;
                    refused = comment.as_mut().is_some_and(scrub_text);
                    self.recorder.record(Event::Attested {
                        scenario: scenario.id.clone(),
                        step: number,
                        sentence: sentence.fr.clone(),
                        answer,
                        comment,
                        at: self.bench.clock.now(),
                    })?;
                }
                _ => {}
            }
            if refused {
                self.real_data()?;
                return Ok((expect, true));
            }
        }
        Ok((expect, false))
    }

    fn bench_error(
        &self,
        scenario: &Scenario,
        number: u32,
        problem: &str,
    ) -> Result<(), JournalError> {
        let message = format!("étape {number}: {problem}");
        self.recorder.record(Event::BenchError {
            scenario: Some(scenario.id.clone()),
            message,
        })?;
        Ok(())
    }

    /// A value that the DUI's answer should have held: not the bench's fault, nothing to conclude.
    fn missing_value(
        &self,
        scenario: &Scenario,
        number: u32,
        problem: &str,
    ) -> Result<(), JournalError> {
        self.recorder.record(Event::Observed {
            scenario: scenario.id.clone(),
            step: number,
            what: "valeur attendue".to_owned(),
            query: BTreeMap::new(),
            value: None,
            problem: Some(DriverProblem::Garbage {
                details: problem.to_owned(),
            }),
            evidence: EvidenceLevel::Declared,
            at: self.bench.clock.now(),
        })?;
        Ok(())
    }

    /// Keeps the window open: for the whole settle time when silence or a maximum is to be measured, then
    /// until the calls expected have come, at most the settle time or [`PATIENCE`].
    async fn settle(&self, number: u32, step: &Step, expect: &[Expect]) {
        let asked = step
            .action
            .as_ref()
            .and_then(|a| a.settle_ms)
            .map(Duration::from_millis);
        let measured = expect.iter().any(|e| match e.what() {
            Some(What::Silence(_)) => true,
            Some(What::Call(call)) => call.count.max.is_some(),
            _ => false,
        });
        // A mock records before it answers: once the driver has answered, nothing more is due.
        let nothing = Duration::ZERO;
        let total = asked.unwrap_or(if measured {
            self.options.settle
        } else {
            nothing
        });
        let until = Instant::now() + total;
        if measured {
            tokio::time::sleep_until(until.into()).await;
        }
        let calls: Vec<&CallExpect> = expect.iter().filter_map(|e| e.call.as_ref()).collect();
        let patience = Instant::now() + asked.unwrap_or(self.options.settle.max(PATIENCE));
        while Instant::now() < until || (!self.enough(number, &calls) && Instant::now() < patience)
        {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Have at least as many calls come as expected, facts aside?
    fn enough(&self, number: u32, calls: &[&CallExpect]) -> bool {
        calls.iter().all(|call| {
            let step = (!call.since_start).then_some(number);
            let count = self
                .recorder
                .count(step, call.service, call.operation.as_deref());
            count >= call.count.min.unwrap_or(1)
        })
    }

    /// `exchange.<service>.<operation>`: the last exchange of each operation in this scenario.
    fn exchanges(&self) -> Result<Value, JournalError> {
        let events = self.recorder.events();
        let mut map: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
        let mut names = BTreeMap::new();
        for event in &events {
            match event {
                Event::ExchangeReceived(exchange) => {
                    let bytes = self.recorder.get(&exchange.request)?;
                    let request = diapason_formats::http::Request::parse(&bytes);
                    let target = if request.query.is_empty() {
                        request.path.clone()
                    } else {
                        format!("{}?{}", request.path, request.query)
                    };
                    names.insert(
                        exchange.id,
                        (
                            exchange.service.to_string(),
                            exchange.operation.clone(),
                            target,
                        ),
                    );
                }
                Event::ExchangeAnswered(answer) => {
                    let Some((service, operation, target)) = names.get(&answer.id) else {
                        continue;
                    };
                    let bytes = match &answer.response {
                        Some(hash) => self.recorder.get(hash)?,
                        None => Vec::new(),
                    };
                    let location = diapason_formats::http::Response::parse(&bytes)
                        .and_then(|r| r.headers.get("location").cloned());
                    map.entry(service.clone()).or_default().insert(
                        operation.clone(),
                        json!({ "location": location, "url": target, "outcome": answer.outcome }),
                    );
                }
                _ => {}
            }
        }
        Ok(json!(map))
    }

    /// The record of the scenario in play, for the judge.
    pub fn record(&self, scenario: &Scenario, index: u32) -> ScenarioRecord {
        let mut record = ScenarioRecord::new(scenario.clone(), index);
        for event in self.recorder.events() {
            record.push(&event, self.recorder);
        }
        record
    }
}

#[cfg(test)]
mod tests;

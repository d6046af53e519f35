//! What the judge makes of a scenario that stopped, and of connections that brought no request.
#![allow(clippy::unwrap_used)]

use diapason_core::event::DriverProblem;
use diapason_core::exchange::{ConnectionFailure, FailureStage};
use diapason_core::journal::MemoryRecorder;
use diapason_core::product::ProductStatement;
use diapason_core::rule::Rule;
use diapason_core::scenario::Scenario;
use diapason_core::{Event, EvidenceLevel, Service, Timestamp, Verdict};
use serde_json::{Value, json};

use super::INTERRUPTED;
use crate::{Judge, ScenarioRecord};

fn product() -> ProductStatement {
    serde_json::from_value(json!({
        "produit": {"nom": "DUI d'exemple", "editeur": "Éditeur d'exemple", "version": "1.0.0"},
        "profil": {"referentiel_identites": true}, "insi": {"idam": "DIA00PA50NT1", "lps_nom": "x", "lps_version": "1"},
    }))
    .unwrap()
}

fn rule() -> Rule {
    serde_json::from_value(json!({
        "id": "X-1", "level": "error", "confidence": "sure",
        "text": {"fr": "x", "en": "x"}, "hint": {"fr": "x", "en": "x"},
        "source": {"document": "x"}, "requirements": [], "check": {"scenario": {}},
    }))
    .unwrap()
}

fn scenario(expect: &Value) -> Scenario {
    let step = json!({"do": {"action": "usager.create"}, "expect": [expect]});
    serde_json::from_value(json!({
        "id": "INS/x", "family": "ins", "kind": "behaviour",
        "title": {"fr": "x", "en": "x"}, "source": {"document": "x"},
        "confidence": "sure", "steps": [step, step],
    }))
    .unwrap()
}

fn at() -> Timestamp {
    Timestamp::from_unix_millis(0)
}

struct World(ScenarioRecord);

impl World {
    fn new(expect: &Value) -> Self {
        Self(ScenarioRecord::new(scenario(expect), 1))
    }

    fn push(&mut self, event: &Event) {
        self.0.push(event, &MemoryRecorder::default());
    }

    fn step(mut self, number: u32, problem: Option<DriverProblem>, within: &[Event]) -> Self {
        let scenario = self.0.scenario.id.clone();
        self.push(&Event::StepStarted {
            scenario: scenario.clone(),
            step: number,
            at: at(),
        });
        let answer = json!({"status": "done", "result": {}});
        self.push(&Event::ActionEnded {
            scenario,
            step: number,
            answer: problem
                .is_none()
                .then(|| serde_json::from_value(answer).unwrap()),
            problem,
            evidence: EvidenceLevel::Declared,
            duration_ms: 1,
            at: at(),
        });
        for event in within {
            self.push(event);
        }
        self
    }

    fn closed(mut self) -> Self {
        let number = self.0.steps.last().unwrap().number;
        self.push(&Event::StepEnded {
            scenario: self.0.scenario.id.clone(),
            step: number,
            opened_at: at(),
            closed_at: at(),
            open_ms: 1,
            why: diapason_core::event::WindowEnd::Settled,
            expect: self.0.scenario.steps[0].expect.clone(),
        });
        self
    }

    fn verdict(&self) -> Verdict {
        // Without the functions of the other packs.
        let rules = [rule()];
        let judge = Judge {
            rules: vec![(rules[0].clone(), super::Compiled::Scenario)],
            index: std::iter::once((rules[0].id.clone(), 0)).collect(),
            documents: None,
            ahead: super::message::Reports::default(),
        };
        judge.judge(&self.0, &product()).verdict
    }
}

fn answered() -> Value {
    json!({"rule": "X-1", "answer": {"schema": {"properties": {"status": {"const": "done"}}}}})
}

#[test]
fn a_scenario_that_stopped_midway_is_not_conform() {
    let whole = World::new(&answered()).step(1, None, &[]).closed();
    let whole = whole.step(2, None, &[]).closed();
    assert_eq!(whole.verdict(), Verdict::Conforme);
    let interrupted = Verdict::ErreurBanc {
        reason: INTERRUPTED.to_owned(),
    };
    assert_eq!(World::new(&answered()).verdict(), interrupted);
    let missing = World::new(&answered()).step(1, None, &[]).closed();
    assert_eq!(missing.verdict(), interrupted);
    let unclosed = World::new(&answered()).step(1, None, &[]).closed();
    assert_eq!(unclosed.step(2, None, &[]).verdict(), interrupted);
    let explained = DriverProblem::Unattended;
    let stopped = World::new(&answered()).step(1, Some(explained), &[]);
    assert!(matches!(
        stopped.closed().verdict(),
        Verdict::NonConcluant { .. }
    ));
}

fn failed(stage: FailureStage, fault: bool) -> Event {
    Event::ConnectionFailed(ConnectionFailure {
        connection: 1,
        service: Service::Insi,
        listener: "tlsm".to_owned(),
        peer: "127.0.0.1:1".to_owned(),
        tls: None,
        reason: "essai".to_owned(),
        stage,
        fault: fault.then(|| "X-F-TLS-EXPIRED".parse().unwrap()),
        at: at(),
    })
}

#[test]
fn only_a_connection_that_met_the_fault_is_a_refusal() {
    use FailureStage as S;
    let expect = json!({"rule": "X-1", "handshake_refused": {"service": "insi"}});
    let verdict = |events: &[Event]| {
        let first = World::new(&expect).step(1, None, events).closed();
        first.step(2, None, events).closed().verdict()
    };
    for stage in [S::Handshake, S::AfterHandshake] {
        assert_eq!(verdict(&[failed(stage, true)]), Verdict::Conforme);
        let before = verdict(&[failed(stage, false)]);
        assert!(matches!(before, Verdict::NonConcluant { .. }), "{before:?}");
    }
    for stage in [S::NoHello, S::Hello, S::Bench, S::NoRequest] {
        let open = verdict(&[failed(stage, true)]);
        assert!(matches!(open, Verdict::NonConcluant { .. }), "{open:?}");
    }
    let both = verdict(&[failed(S::NoHello, false), failed(S::Handshake, true)]);
    assert_eq!(both, Verdict::Conforme);
    assert_eq!(verdict(&[]), Verdict::NonConforme { errors: 2 });
    let accepted = verdict(&[failed(S::Accepted, true)]);
    assert_eq!(accepted, Verdict::NonConforme { errors: 2 });
    assert_eq!(verdict(&[failed(S::Unknown, false)]), Verdict::Conforme);
}

#[test]
fn a_failure_recorded_before_stages_were_is_read() {
    let Event::ConnectionFailed(failure) = failed(FailureStage::Handshake, true) else {
        unreachable!("made so")
    };
    let mut old = serde_json::to_value(&failure).unwrap();
    old.as_object_mut().unwrap().remove("stage");
    let read: ConnectionFailure = serde_json::from_value(old).unwrap();
    assert_eq!(read.stage, FailureStage::Unknown);
}

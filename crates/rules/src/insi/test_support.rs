//! Records made by hand for the tests of the rules.
#![allow(clippy::unwrap_used)]

use diapason_core::driver::{ActionAnswer, ActionRequest, ActionStatus};
use diapason_core::event::DriverProblem;
use diapason_core::product::ProductStatement;
use diapason_core::rule::{Check, Rule};
use diapason_core::scenario::Scenario;
use diapason_core::{EvidenceLevel, ExchangeId, Finding, Service, Timestamp};
use serde_json::{Value, json};

use crate::record::{Observed, StepRecord};
use crate::{Judge, Judgement, ScenarioRecord, SeenExchange, sample};

const START: i64 = 1_768_467_600_000;

/// An INSi call: outcome answered, and the `insi` facts of the request.
pub(super) fn insi(outcome: &str, facts: Value) -> (String, Value) {
    (outcome.to_owned(), facts)
}

/// A call whose only interesting fact is its client certificate.
pub(super) fn with_certificate(cn: &str) -> (String, Value) {
    ("00".to_owned(), json!({ "_cn": cn }))
}

/// The product statement of the samples.
pub(super) fn product() -> ProductStatement {
    serde_json::from_value(json!({
        "produit": {"nom": "DUI d'exemple", "editeur": "Éditeur d'exemple", "version": "1.0.0"},
        "profil": {"referentiel_identites": true},
        "insi": {"idam": "DIA00PA50NT1", "lps_nom": "DUI d'exemple", "lps_version": "1.0.0"},
    }))
    .unwrap()
}

/// An empty record.
pub(super) fn record() -> ScenarioRecord {
    let scenario: Scenario = serde_json::from_value(json!({
        "id": "INS/test", "family": "ins", "kind": "behaviour",
        "title": {"fr": "essai", "en": "test"}, "source": {"document": "test"},
        "confidence": "sure", "steps": [],
    }))
    .unwrap();
    let mut record = ScenarioRecord::new(scenario, 1);
    record.started_at = Some(Timestamp::from_unix_millis(START));
    record
}

/// A scenario as it could have happened.
pub(super) struct Run(ScenarioRecord);

impl Default for Run {
    fn default() -> Self {
        Self(record())
    }
}

impl Run {
    fn step(&mut self, number: u32) -> &mut StepRecord {
        if !self.0.steps.iter().any(|s| s.number == number) {
            self.0.steps.push(StepRecord {
                number,
                opened_at: Timestamp::from_unix_millis(START),
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
            });
        }
        self.0
            .steps
            .iter_mut()
            .find(|s| s.number == number)
            .unwrap()
    }

    /// An action and its result.
    pub(super) fn action(mut self, step: u32, name: &str, params: Value, result: Value) -> Self {
        let record = self.step(step);
        record.request = Some(ActionRequest {
            action: name.to_owned(),
            params,
            scenario: "INS/test".to_owned(),
            step,
            deadline_ms: 1000,
        });
        record.answer = Some(ActionAnswer {
            status: ActionStatus::Done,
            message: None,
            result,
        });
        self
    }

    /// An observation.
    pub(super) fn observed(mut self, step: u32, what: &str, value: Value) -> Self {
        self.step(step).observed.push(Observed {
            what: what.to_owned(),
            query: std::collections::BTreeMap::new(),
            value: Some(value),
            problem: None,
            evidence: EvidenceLevel::Declared,
        });
        self
    }

    /// Calls in a step, a second apart.
    pub(super) fn calls(mut self, step: u32, calls: Vec<(String, Value)>) -> Self {
        self.step(step);
        for (outcome, mut facts) in calls {
            let text = format!(
                "# service=insi operation=rechercherInsAvecTraitsIdentite listener=tlsm outcome={outcome} status={}\nPOST /lps HTTP/1.1\n\n",
                if outcome.len() == 2 { 200 } else { 500 }
            );
            let mut seen: SeenExchange = sample::parse("insi-test", &text).unwrap();
            let number = i64::try_from(self.0.exchanges.len()).unwrap();
            seen.exchange.id = ExchangeId(number.unsigned_abs() + 1);
            seen.exchange.received_at = Timestamp::from_unix_millis(START + 1000 * number);
            seen.step = Some(step);
            let cn = facts.as_object_mut().and_then(|f| f.remove("_cn"));
            seen.facts = json!({
                "service": Service::Insi,
                "insi": facts,
                "tls": {"client_certificate": cn.map(|cn| json!({"subject_cn": cn}))},
            });
            self.0.exchanges.push(seen);
        }
        self
    }

    /// Sets the instants of a step's calls, milliseconds after the start.
    pub(super) fn spaced(mut self, step: u32, millis: &[i64]) -> Self {
        let calls = self.0.exchanges.iter_mut().filter(|s| s.step == Some(step));
        for (seen, at) in calls.zip(millis) {
            seen.exchange.received_at = Timestamp::from_unix_millis(START + at);
        }
        self
    }

    /// Says that every call met this fault.
    pub(super) fn fault(mut self, id: &str) -> Self {
        for seen in &mut self.0.exchanges {
            seen.answer.as_mut().unwrap().fault = Some(id.parse().unwrap());
        }
        self
    }

    /// The driver did not answer in time.
    pub(super) fn timed_out(mut self, step: u32) -> Self {
        let record = self.step(step);
        record.answer = None;
        record.problem = Some(DriverProblem::Timeout {
            waited: "ins.search, 61 s".to_owned(),
        });
        self
    }

    fn judged(&self) -> Judgement {
        let rules: Vec<Rule> = super::pack_tests::pack()
            .rules
            .into_iter()
            .filter(|r| matches!(r.check, Check::Rust { .. }))
            .collect();
        super::pack_tests::judge(&rules).judge(&self.0, &product())
    }

    /// Findings of the Rust rules.
    pub(super) fn all_findings(&self) -> Vec<Finding> {
        self.judged().findings
    }

    /// Findings of one rule.
    pub(super) fn findings(&self, rule: &str) -> Vec<Finding> {
        let all = self.all_findings();
        all.into_iter()
            .filter(|f| f.rule.as_str() == rule)
            .collect()
    }

    /// How often one rule was checked.
    pub(super) fn checks(&self, rule: &str) -> u32 {
        let judged = self.judged();
        judged
            .checks
            .iter()
            .filter(|(r, _)| r.as_str() == rule)
            .map(|(_, n)| *n)
            .sum()
    }
}

/// The judge of all packs, or of `rules` plus the packs' Rust rules that must exist.
pub(super) fn exchange_findings(judge: &Judge, seen: &SeenExchange) -> (Vec<Finding>, Vec<String>) {
    let mut record = record();
    record.exchanges.push(seen.clone());
    let judged = judge.judge(&record, &product());
    let ran = judged.checks.keys().map(ToString::to_string).collect();
    (judged.findings, ran)
}

//! Expectations of a scenario's steps: calls, silence, answers, observations, refusals, attestations.

use diapason_core::event::{Attestation, WindowEnd};
use diapason_core::exchange::{ConnectionFailure, FailureStage};
use diapason_core::rule::Rule;
use diapason_core::scenario::{
    AnswerExpect, CallExpect, Expect, ListenerExpect, ObserveExpect, SilenceExpect, What,
};
use diapason_core::{EvidenceLevel, Place, Service};
use jsonschema::Validator;
use serde_json::Value;

use super::{Judge, NEEDS_OPERATOR, Outcome, compile, problem_text};
use crate::describe::describe;
use crate::record::{ScenarioRecord, SeenExchange, StepRecord};

/// Most near misses named in a finding.
const NEAREST: usize = 3;

pub(super) struct Judging<'a> {
    pub(super) judge: &'a Judge,
    pub(super) rule: &'a Rule,
    pub(super) step: &'a StepRecord,
    record: &'a ScenarioRecord,
    pub(super) out: &'a mut Outcome,
    /// Reasons why nothing can be concluded.
    open: &'a mut Vec<String>,
}

pub(super) fn judge(
    judge: &Judge,
    rule: &Rule,
    expect: &Expect,
    step: &StepRecord,
    record: &ScenarioRecord,
    out: &mut Outcome,
    open: &mut Vec<String>,
) {
    let mut this = Judging {
        judge,
        rule,
        step,
        record,
        out,
        open,
    };
    match expect.what() {
        Some(What::Call(call)) => this.call(call),
        Some(What::Silence(silence)) => this.silence(silence),
        Some(What::Answer(answer)) => this.answer(answer),
        Some(What::Observe(observe)) => this.observe(observe),
        Some(What::HandshakeRefused(listener)) => this.handshake_refused(listener),
        Some(What::Document(document)) => this.document(document),
        Some(What::Attest(sentence)) => this.attest(&sentence.fr),
        None => this.bench("an expectation must have exactly one of call, silence, answer, observe, handshake_refused, document, attest"),
    }
}

impl Judging<'_> {
    pub(super) fn bench(&mut self, problem: &str) {
        self.out.bench_errors.push(format!(
            "step {}, rule {}: {problem}",
            self.step.number, self.rule.id
        ));
    }

    pub(super) fn compiled(&mut self, schema: Option<&Value>) -> Result<Option<Validator>, ()> {
        match schema.map(compile).transpose() {
            Ok(validator) => Ok(validator),
            Err(problem) => {
                self.bench(&format!("its JSON Schema is not valid: {problem}"));
                Err(())
            }
        }
    }

    pub(super) fn place(&self) -> Place {
        Place {
            step: Some(self.step.number),
            ..Place::default()
        }
    }

    pub(super) fn found(
        &mut self,
        evidence: EvidenceLevel,
        place: Place,
        expected: String,
        observed: impl AsRef<str>,
    ) {
        self.out
            .found(self.rule, evidence, place, expected, observed.as_ref());
    }

    fn calls(
        &self,
        service: Service,
        operation: Option<&str>,
        since_start: bool,
    ) -> Vec<&SeenExchange> {
        self.record
            .exchanges
            .iter()
            .filter(|s| s.exchange.service == service)
            .filter(|s| operation.is_none_or(|o| s.exchange.operation == o))
            .filter(|s| {
                s.step == Some(self.step.number)
                    || (since_start && s.step.is_none_or(|n| n <= self.step.number))
            })
            .collect()
    }

    /// The driver said it cannot, or its data was refused: nothing is proved either way.
    pub(super) fn excused(&self) -> bool {
        self.step.problem.is_some()
            || !self.record.real_data.is_empty()
            || self
                .step
                .answer
                .as_ref()
                .is_some_and(|a| a.status == diapason_core::driver::ActionStatus::Unsupported)
    }

    fn call(&mut self, expect: &CallExpect) {
        let Ok(facts) = self.compiled(expect.facts.as_ref()) else {
            return;
        };
        let near = self.calls(
            expect.service,
            expect.operation.as_deref(),
            expect.since_start,
        );
        let hits: Vec<&&SeenExchange> = near
            .iter()
            .filter(|s| facts.as_ref().is_none_or(|f| f.is_valid(&s.facts)))
            .collect();
        let min = expect
            .count
            .min
            .unwrap_or(u32::from(expect.count.max.is_none()));
        let seen = hits.len() as u32;
        let name = call_name(expect.service, expect.operation.as_deref());
        if seen < min {
            if self.excused() {
                return;
            }
            let observed = format!("{seen} appel(s){}", self.nearest(expect, facts.as_ref()));
            let place = Place {
                exchange: near.last().map(|s| s.exchange.id),
                ..self.place()
            };
            self.out.ran(self.rule, EvidenceLevel::Observed);
            self.found(
                EvidenceLevel::Observed,
                place,
                format!("au moins {min} appel(s) {name}"),
                observed,
            );
        } else if expect.count.max.is_some_and(|max| seen > max) {
            let max = expect.count.max.unwrap_or_default();
            let labels: Vec<String> = hits.iter().map(|s| s.exchange.id.to_string()).collect();
            let place = Place {
                exchange: hits.get(max as usize).map(|s| s.exchange.id),
                ..self.place()
            };
            self.out.ran(self.rule, EvidenceLevel::Observed);
            self.found(
                EvidenceLevel::Observed,
                place,
                format!("au plus {max} appel(s) {name}"),
                format!("{seen} appels : {}", labels.join(", ")),
            );
        } else if seen > 0 || !self.excused() {
            self.out.ran(self.rule, EvidenceLevel::Observed);
        }
    }

    /// Near misses: what came instead, and in what it differs.
    fn nearest(&self, expect: &CallExpect, facts: Option<&Validator>) -> String {
        let mut lines = Vec::new();
        for seen in self.calls(expect.service, None, expect.since_start) {
            let mut why = Vec::new();
            if expect
                .operation
                .as_deref()
                .is_some_and(|o| o != seen.exchange.operation)
            {
                why.push(format!("opération {}", seen.exchange.operation));
            }
            if let Some(error) = facts.and_then(|f| f.iter_errors(&seen.facts).next()) {
                let said = describe(&error);
                why.push(format!(
                    "{} : attendu {}, vu {}",
                    said.path, said.expected, said.observed
                ));
            }
            lines.push((
                why.len(),
                format!("{} ({})", seen.exchange.id, why.join(" ; ")),
            ));
        }
        if lines.is_empty() {
            return format!(
                " ; aucun appel à {} entre {} et {}{}",
                expect.service,
                self.step.opened_at,
                self.closed(),
                self.failed_connections(expect.service)
            );
        }
        lines.sort();
        let said: Vec<String> = lines.into_iter().take(NEAREST).map(|(_, l)| l).collect();
        format!(" ; au plus près : {}", said.join(" | "))
    }

    fn failed_connections(&self, service: Service) -> String {
        let reasons: Vec<&str> = self
            .record
            .failures
            .iter()
            .filter(|(step, f)| *step == Some(self.step.number) && f.service == service)
            .map(|(_, f)| f.reason.as_str())
            .collect();
        match reasons.first() {
            Some(reason) => format!(" ; {} connexion(s) sans requête : {reason}", reasons.len()),
            None => String::new(),
        }
    }

    fn closed(&self) -> String {
        let why = match self.step.why {
            Some(WindowEnd::Settled) => "le pilote a répondu et le délai de calme est passé",
            Some(WindowEnd::Deadline) => "le délai du pilote est passé",
            Some(WindowEnd::NoAction) => "aucune action demandée, le délai de calme est passé",
            None => "fenêtre jamais refermée",
        };
        match self.step.closed_at {
            Some(at) => format!("{at} ({} ms, {why})", self.step.open_ms),
            None => why.to_owned(),
        }
    }

    fn silence(&mut self, expect: &SilenceExpect) {
        let Ok(facts) = self.compiled(expect.facts.as_ref()) else {
            return;
        };
        let broken: Vec<(diapason_core::ExchangeId, String)> = self
            .calls(expect.service, expect.operation.as_deref(), false)
            .into_iter()
            .filter(|s| facts.as_ref().is_none_or(|f| f.is_valid(&s.facts)))
            .map(|s| (s.exchange.id, s.label()))
            .collect();
        if self.excused() && broken.is_empty() {
            return;
        }
        self.out.ran(self.rule, EvidenceLevel::Observed);
        if let Some((first, _)) = broken.first() {
            let labels: Vec<&str> = broken.iter().map(|(_, l)| l.as_str()).collect();
            let place = Place {
                exchange: Some(*first),
                ..self.place()
            };
            let expected = format!(
                "aucun appel {} entre {} et {}",
                call_name(expect.service, expect.operation.as_deref()),
                self.step.opened_at,
                self.closed()
            );
            let observed = format!("{} appel(s) : {}", broken.len(), labels.join(", "));
            self.found(EvidenceLevel::Observed, place, expected, observed);
        }
    }

    fn answer(&mut self, expect: &AnswerExpect) {
        let Ok(Some(schema)) = self.compiled(Some(&expect.schema)) else {
            return;
        };
        if self.excused() {
            return;
        }
        let evidence = self.step.evidence;
        let Some(answer) = &self.step.answer else {
            self.bench("an answer is expected but no action was asked");
            return;
        };
        let value = serde_json::to_value(answer).unwrap_or_default();
        self.out.ran(self.rule, evidence);
        self.against(&schema, &value, evidence, "réponse");
    }

    fn against(&mut self, schema: &Validator, value: &Value, evidence: EvidenceLevel, of: &str) {
        if let Some(error) = schema.iter_errors(value).next() {
            let said = describe(&error);
            let place = Place {
                path: Some(format!("{of} {}", said.path)),
                ..self.place()
            };
            let message = value.get("message").and_then(Value::as_str);
            let observed = match message {
                Some(message) if said.path != "/message" => {
                    format!("{} ; message affiché : « {message} »", said.observed)
                }
                _ => said.observed,
            };
            let expected = format!("{of} {} : {}", said.path, said.expected);
            self.found(evidence, place, expected, observed);
        }
    }

    fn observe(&mut self, expect: &ObserveExpect) {
        let Ok(Some(schema)) = self.compiled(Some(&expect.schema)) else {
            return;
        };
        let found = self
            .step
            .observed
            .iter()
            .rev()
            .find(|o| o.what == expect.what && o.query == expect.query);
        match found {
            Some(observed) => match (&observed.value, &observed.problem) {
                (Some(value), _) => {
                    let evidence = observed.evidence;
                    let value = value.clone();
                    self.out.ran(self.rule, evidence);
                    self.against(
                        &schema,
                        &value,
                        evidence,
                        &format!("observation {}", expect.what),
                    );
                }
                (None, Some(problem)) => {
                    let reason = format!(
                        "étape {}: observation {} impossible, {}",
                        self.step.number,
                        expect.what,
                        problem_text(problem)
                    );
                    self.open.push(reason);
                }
                (None, None) => self.bench("an observation has neither value nor problem"),
            },
            None if self.excused() => {}
            None => self.bench(&format!("the observation {} was not made", expect.what)),
        }
    }

    /// The bench sees what the DUI does on the wire, not what it thinks. So a refusal is a connection on
    /// which the fault was played and that the DUI left during the handshake, or after it without any
    /// request: TLS 1.3 clients learn of the certificate once our side is done, and several (curl on a
    /// host name, Node, Java) then close without an alert. What ends before the DUI was shown anything
    /// (TCP probe, cut ClientHello) or by the bench's own doing is no attempt: it leaves things open.
    fn handshake_refused(&mut self, expect: &ListenerExpect) {
        let concerned: Vec<&ConnectionFailure> = self
            .record
            .failures
            .iter()
            .filter(|(step, f)| {
                *step == Some(self.step.number)
                    && f.service == expect.service
                    && expect.listener.as_ref().is_none_or(|l| *l == f.listener)
            })
            .map(|(_, f)| f)
            .collect();
        let refused = concerned.iter().any(|f| match f.stage {
            FailureStage::Handshake | FailureStage::AfterHandshake => f.fault.is_some(),
            // An old journal does not say more.
            FailureStage::Unknown => true,
            _ => false,
        });
        let accepted = concerned
            .iter()
            .find(|f| f.stage == FailureStage::Accepted)
            .map(|f| f.reason.clone());
        let unclear = concerned.last().map(|f| f.reason.clone());
        let served: Vec<(diapason_core::ExchangeId, String)> = self
            .calls(expect.service, None, false)
            .into_iter()
            .filter(|s| {
                expect
                    .listener
                    .as_ref()
                    .is_none_or(|l| *l == s.exchange.listener)
            })
            .map(|s| (s.exchange.id, s.label()))
            .collect();
        if !refused && served.is_empty() && accepted.is_none() {
            if self.excused() {
                return;
            }
            if let Some(reason) = unclear {
                self.open.push(format!(
                    "étape {}: aucune connexion à {} n'est allée jusqu'à ce que le DUI devait refuser ({reason})",
                    self.step.number, expect.service
                ));
                return;
            }
        }
        self.out.ran(self.rule, EvidenceLevel::Observed);
        if let Some((id, label)) = served.first() {
            let place = Place {
                exchange: Some(*id),
                ..self.place()
            };
            self.found(
                EvidenceLevel::Observed,
                place,
                format!(
                    "connexion à {} refusée par le DUI, aucune requête",
                    expect.service
                ),
                format!("requête envoyée malgré le serveur non fiable : {label}"),
            );
        } else if let Some(reason) = accepted {
            self.found(
                EvidenceLevel::Observed,
                self.place(),
                format!("connexion à {} refusée par le DUI", expect.service),
                reason,
            );
        } else if !refused {
            self.found(
                EvidenceLevel::Observed,
                self.place(),
                format!(
                    "tentative de connexion à {} puis refus du DUI",
                    expect.service
                ),
                format!(
                    "aucune connexion entre {} et {}",
                    self.step.opened_at,
                    self.closed()
                ),
            );
        }
    }

    fn attest(&mut self, sentence: &str) {
        let answer = self
            .step
            .attested
            .iter()
            .rev()
            .find(|a| a.sentence == sentence);
        match answer.map(|a| (a.answer, a.comment.clone())) {
            Some((Attestation::Yes, _)) => self.out.ran(self.rule, EvidenceLevel::Attested),
            Some((Attestation::No, comment)) => {
                self.out.ran(self.rule, EvidenceLevel::Attested);
                self.found(
                    EvidenceLevel::Attested,
                    self.place(),
                    sentence.to_owned(),
                    format!(
                        "l'opérateur répond non{}",
                        comment.map(|c| format!(" : {c}")).unwrap_or_default()
                    ),
                );
            }
            Some((Attestation::Unattended, _)) => self
                .open
                .push(format!("étape {}: {NEEDS_OPERATOR}", self.step.number)),
            None if self.excused() => {}
            None => self.bench("the operator was not asked"),
        }
    }
}

fn call_name(service: Service, operation: Option<&str>) -> String {
    operation.map_or_else(|| service.to_string(), |o| format!("{service} {o}"))
}

//! A document in a driver's answer: every rule of its kind judges it, as `diapason check` would.
//!
//! What the packs find is a finding of their own rules, in that step. The rule the expectation cites stands for the
//! rest: that there is a document, and that its facts are those of the scenario.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use diapason_core::driver::ActionStatus;
use diapason_core::rule::Rule;
use diapason_core::scenario::{DocumentExpect, What};
use diapason_core::{DocumentKind, EvidenceLevel, Place, RuleId};
use diapason_formats::xml::{Limits, Tree};
use jsonschema::Validator;
use serde_json::Value;

use super::Judge;
use super::expectation::Judging;
use crate::describe::describe;
use crate::document::{DocumentReport, OWN_PACK};

/// A document is what it is: nobody's word stands between it and the judge.
const EVIDENCE: EvidenceLevel = EvidenceLevel::Observed;

impl<'a> Judging<'a> {
    pub(super) fn document(&mut self, expect: &DocumentExpect) {
        let Ok(facts) = self.compiled(expect.facts.as_ref()) else {
            return;
        };
        if self.excused() {
            return;
        }
        let Some(answer) = &self.step.answer else {
            self.bench("a document is expected but no action was asked");
            return;
        };
        self.out.ran(self.rule, EVIDENCE);
        let bytes = match read(answer.result.pointer(&expect.at)) {
            Ok(bytes) => bytes,
            Err(observed) => {
                let observed = match (answer.status, &answer.message) {
                    (ActionStatus::Done, _) | (_, None) => observed,
                    (_, Some(message)) => format!("{observed} ; message affiché : « {message} »"),
                };
                let expected = format!("un document en base64 dans la réponse, en {}", expect.at);
                self.found(EVIDENCE, self.place(), expected, observed);
                return;
            }
        };
        // Several expectations may look at one document; the packs judge it once.
        let judged = self
            .step
            .expect
            .iter()
            .take_while(|other| other.document.as_ref() != Some(expect))
            .any(|other| matches!(other.what(), Some(What::Document(d)) if d.at == expect.at));
        if !judged {
            match self.judge.documents.clone() {
                Some(documents) => self.report(&documents.judge(expect.kind, &bytes)),
                None => self.bench("this judge was given no document rules"),
            }
        }
        if let Some(facts) = &facts {
            self.facts(expect.kind, &bytes, facts);
        }
    }

    /// Our rules keep their names; what official packs find is told under the rule cited.
    fn report(&mut self, report: &DocumentReport) {
        for ((pack, rule), times) in &report.checks {
            let rule = if pack == OWN_PACK {
                self.own(rule)
            } else {
                Some(self.rule)
            };
            if let Some(rule) = rule {
                self.out.ran_times(rule, EVIDENCE, *times);
            }
        }
        for finding in &report.findings {
            let place = Place {
                step: Some(self.step.number),
                ..finding.place.clone()
            };
            let (rule, expected) = if finding.pack == OWN_PACK {
                match self.own(&finding.rule) {
                    Some(rule) => (rule, finding.expected.clone()),
                    None => continue,
                }
            } else {
                let expected = format!("{} {} : {}", finding.pack, finding.rule, finding.expected);
                (self.rule, expected)
            };
            self.out
                .found(rule, EVIDENCE, place, expected, &finding.observed);
        }
        // A defect of an official pack is no deviation of the DUI, and ours must not have any.
        for open in report.indeterminate.iter().filter(|i| i.pack == OWN_PACK) {
            self.out.bench_errors.push(format!(
                "step {}, rule {}: {}",
                self.step.number, open.rule, open.reason
            ));
        }
    }

    fn own(&mut self, id: &str) -> Option<&'a Rule> {
        let judge: &'a Judge = self.judge;
        let found = id.parse::<RuleId>().ok().and_then(|id| judge.rule(&id));
        if found.is_none() {
            self.bench(&format!("a document rule {id} is in no pack"));
        }
        found
    }

    /// Holds the facts of the document against what this scenario must see.
    fn facts(&mut self, kind: DocumentKind, bytes: &[u8], schema: &Validator) {
        let facts = if kind == DocumentKind::Cda {
            Tree::read(bytes, &Limits::default())
                .ok()
                .and_then(|tree| diapason_formats::cda::facts(&tree))
        } else {
            self.bench(&format!("a document of kind {kind} has no facts"));
            return;
        };
        let Some(facts) = facts else {
            self.found(
                EVIDENCE,
                self.place(),
                "un document lisible, avec un ClinicalDocument".to_owned(),
                "un document qui n'a pas pu être lu",
            );
            return;
        };
        for error in schema.iter_errors(&facts) {
            let said = describe(&error);
            let place = Place {
                path: Some(format!("document {}", said.path)),
                ..self.place()
            };
            let expected = format!("document {} : {}", said.path, said.expected);
            self.found(EVIDENCE, place, expected, said.observed);
        }
    }
}

/// The bytes behind the pointer, or what was seen instead.
fn read(value: Option<&Value>) -> Result<Vec<u8>, String> {
    let text = match value {
        None | Some(Value::Null) => return Err("aucun document à cet endroit".to_owned()),
        Some(Value::String(text)) => text,
        Some(_) => return Err("autre chose qu'un texte en base64".to_owned()),
    };
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    match STANDARD.decode(&packed) {
        Ok(bytes) if bytes.is_empty() => Err("un document vide".to_owned()),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(format!("un texte qui n'est pas du base64 ({error})")),
    }
}

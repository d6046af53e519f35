//! The report as data: what `report.json` publishes, and what the other formats are made from.

use std::collections::{BTreeMap, BTreeSet};

use diapason_core::event::PackRef;
use diapason_core::product::ProductStatement;
use diapason_core::requirement::{Applicability, Automation, Obligation, Rem, Source, Text};
use diapason_core::scenario::{Kind, Scenario, Step};
use diapason_core::{
    Confidence, EvidenceLevel, FaultId, Finding, Level, PersonaId, ProofId, RequirementId, RuleId,
    RunId, ScenarioId, Service, Sha256Hex, Timestamp, Verdict,
};
use diapason_rules::judge::problem_text;
use diapason_rules::record::{ScenarioRecord, SeenExchange, StepRecord};
use diapason_rules::redact::{redact_text, redact_value};
use diapason_rules::{Campaign, Catalogue};
use schemars::JsonSchema;
use serde::Serialize;

/// Version of `report.json`.
pub(crate) const FORMAT: u32 = 1;

/// Most characters shown of a text that the product or a person wrote; the journal holds all of it.
const LONGEST: usize = 4_000;

/// A whole report.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Report {
    /// Version of this format.
    pub format: u32,
    /// Run.
    pub run: RunId,
    /// Version of the bench.
    pub tool_version: String,
    /// Driver.
    pub driver: String,
    /// Product under test, its client secret left out.
    pub product: ProductStatement,
    /// Seed of the drawn personas.
    pub seed: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; absent when the run died.
    pub ended_at: Option<Timestamp>,
    /// Exit code; absent when the run died.
    pub exit_code: Option<u8>,
    /// Rule packs, pinned.
    pub packs: Vec<PackRef>,
    /// Mock behaviours chosen where the real one is not public.
    pub switches: BTreeMap<String, String>,
    /// Scenarios by verdict word.
    pub verdicts: BTreeMap<String, u32>,
    /// One line per requirement.
    pub requirements: Vec<RequirementLine>,
    /// One entry per scenario.
    pub scenarios: Vec<ScenarioLine>,
    /// Exchanges that belong to no scenario.
    pub orphans: Vec<ExchangeLine>,
    /// Failures of the bench outside a scenario.
    pub bench_errors: Vec<String>,
    /// The journal's last line was torn.
    pub torn: bool,
}

/// What a campaign says of a requirement. Never "conform to Ségur".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequirementStatus {
    /// A deviation was seen.
    Ecart,
    /// Only warnings were seen.
    Reserve,
    /// Its scenarios ran and held.
    Observee,
    /// Its scenarios could not conclude.
    NonConcluante,
    /// The product statement excludes it.
    SansObjet,
    /// No scenario of this campaign concerns it.
    NonTestee,
}

/// A requirement in a report.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RequirementLine {
    /// Id.
    pub id: RequirementId,
    /// Référentiel.
    pub rem: Rem,
    /// DOIT or PEUT.
    pub level: Obligation,
    /// Paraphrase.
    pub text: Text,
    /// Status.
    pub status: RequirementStatus,
    /// Strongest evidence.
    pub evidence: Option<EvidenceLevel>,
    /// Why it does not apply.
    pub reason: Option<String>,
    /// Scenarios that concern it.
    pub scenarios: Vec<ScenarioId>,
    /// Rules that did not hold.
    pub broken: Vec<RuleId>,
    /// What remains to be produced for the official file.
    pub official_proof: String,
    /// How sure the text is.
    pub confidence: Confidence,
    /// Does it concern a DUI?
    pub dui: Applicability,
    /// What the bench can bring.
    pub automation: Automation,
}

/// A scenario in a report.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ScenarioLine {
    /// Id.
    pub id: ScenarioId,
    /// Family.
    pub family: String,
    /// Kind.
    pub kind: Kind,
    /// Title.
    pub title: Text,
    /// Source.
    pub source: Source,
    /// Verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Strongest evidence of its checks.
    pub evidence: Option<EvidenceLevel>,
    /// Real milliseconds.
    pub duration_ms: u64,
    /// Requirements, those of its steps included.
    pub requirements: Vec<RequirementId>,
    /// Rules checked, how many times.
    pub checks: BTreeMap<RuleId, u32>,
    /// Rules that did not hold.
    pub findings: Vec<FindingLine>,
    /// Steps.
    pub steps: Vec<StepLine>,
    /// Exchanges.
    pub exchanges: Vec<ExchangeLine>,
    /// Connections the DUI refused or broke off.
    pub connections_failed: Vec<String>,
    /// What services held about people when it ended, as those people see it.
    pub states: Vec<StateLine>,
    /// What remains to be produced for the official file.
    pub official_proof: Option<Text>,
}

/// A finding with the rule's words.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FindingLine {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// The rule.
    pub text: Option<Text>,
    /// What to try.
    pub hint: Option<Text>,
    /// Where the rule comes from.
    pub source: Option<Source>,
    /// How sure.
    pub confidence: Option<Confidence>,
    /// Requirements the rule proves.
    pub requirements: Vec<RequirementId>,
}

/// A step in a report.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StepLine {
    /// From 1.
    pub number: u32,
    /// What happens.
    pub text: Option<Text>,
    /// Action asked.
    pub action: Option<String>,
    /// Parameters, as JSON, secrets masked.
    pub params: Option<String>,
    /// Settings made, in words.
    pub arms: Vec<String>,
    /// How the action ended.
    pub outcome: Option<String>,
    /// What the DUI showed its user.
    pub message: Option<String>,
    /// Result, as JSON, secrets masked.
    pub result: Option<String>,
    /// Observations, as `what: value`.
    pub observed: Vec<String>,
    /// Operator's answers.
    pub attested: Vec<String>,
    /// Proof numbers.
    pub proofs: Vec<ProofId>,
    /// Rules cited by its expectations.
    pub rules: Vec<RuleId>,
    /// When its window opened.
    pub opened_at: Timestamp,
    /// Real milliseconds it was open.
    pub open_ms: u64,
}

/// An exchange in a report, without its bytes.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ExchangeLine {
    /// Number.
    pub id: u64,
    /// Step.
    pub step: Option<u32>,
    /// Service.
    pub service: Service,
    /// Listener.
    pub listener: String,
    /// Operation.
    pub operation: String,
    /// When.
    pub at: Timestamp,
    /// TLS version agreed.
    pub tls: Option<String>,
    /// Client certificate's common name.
    pub client_certificate: Option<String>,
    /// HTTP status answered.
    pub status: Option<u16>,
    /// Outcome word.
    pub outcome: Option<String>,
    /// Fault played.
    pub fault: Option<FaultId>,
    /// Blob of the request.
    pub request: Sha256Hex,
    /// Blob of the answer.
    pub response: Option<Sha256Hex>,
}

/// What a service held about a person at the end of a scenario.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StateLine {
    /// Service.
    pub service: Service,
    /// Person.
    pub persona: PersonaId,
    /// The state, as the mock of the service describes it, secrets masked. For the DMP: `statut`, `documents` and who
    /// sees each of them in Mon espace santé.
    pub state: serde_json::Value,
}

/// JSON Schema of `report.json`.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Report)
}

impl Report {
    /// From a campaign.
    pub fn new(campaign: &Campaign) -> Self {
        let scenarios: Vec<ScenarioLine> = campaign
            .scenarios
            .iter()
            .map(|r| scenario_line(r, &campaign.catalogue))
            .collect();
        let mut verdicts = BTreeMap::new();
        for line in &scenarios {
            *verdicts.entry(line.verdict.word().to_owned()).or_default() += 1;
        }
        let mut product = campaign.product.clone();
        if product.psc.client_secret.is_some() {
            product.psc.client_secret = Some("‹masqué›".to_owned());
        }
        Self {
            format: FORMAT,
            run: campaign.run.clone(),
            tool_version: campaign.tool_version.clone(),
            driver: campaign.driver.clone(),
            product,
            seed: campaign.seed,
            started_at: campaign.started_at,
            ended_at: campaign.ended_at,
            exit_code: campaign.exit_code,
            packs: campaign.packs.clone(),
            switches: campaign.switches.clone(),
            verdicts,
            requirements: requirement_lines(campaign, &scenarios),
            orphans: campaign.orphans.iter().map(exchange_line).collect(),
            bench_errors: campaign.bench_errors.iter().map(|m| shown(m)).collect(),
            torn: campaign.torn.is_some(),
            scenarios,
        }
    }
}

/// A text as reports show it: secrets masked, cut when long. Whatever comes from traffic, from the
/// product or from a person passes here.
fn shown(text: &str) -> String {
    // Masked text is about as long as the text: what is cut away need not be masked.
    let head = text
        .char_indices()
        .nth(LONGEST * 2)
        .map_or(text, |(at, _)| &text[..at]);
    let mut out = redact_text(head);
    if let Some((at, _)) = out.char_indices().nth(LONGEST) {
        out.truncate(at);
    } else if head.len() == text.len() {
        return out;
    }
    out.push_str(" […] (suite dans le journal)");
    out
}

/// A JSON value as reports show it.
fn shown_value(value: &serde_json::Value) -> String {
    shown(&redact_value(value).to_string())
}

fn shown_verdict(verdict: &Verdict) -> Verdict {
    let mut verdict = verdict.clone();
    if let Verdict::NonConcluant { reason }
    | Verdict::NonApplicable { reason }
    | Verdict::ErreurBanc { reason } = &mut verdict
    {
        *reason = shown(reason);
    }
    verdict
}

fn shown_finding(finding: &Finding) -> Finding {
    let mut finding = finding.clone();
    finding.expected = shown(&finding.expected);
    finding.observed = shown(&finding.observed);
    finding.place.path = finding.place.path.as_deref().map(shown);
    finding
}

fn scenario_line(record: &ScenarioRecord, catalogue: &Catalogue) -> ScenarioLine {
    let scenario = &record.scenario;
    let verdict = record.verdict.as_ref().map_or_else(
        || Verdict::ErreurBanc {
            reason: "la campagne s'est arrêtée pendant ce scénario".to_owned(),
        },
        shown_verdict,
    );
    let findings = record
        .findings
        .iter()
        .map(|finding| {
            let rule = catalogue.rule(&finding.rule);
            FindingLine {
                finding: shown_finding(finding),
                text: rule.map(|r| r.text.clone()),
                hint: rule.map(|r| r.hint.clone()),
                source: rule.map(|r| r.source.clone()),
                confidence: rule.map(|r| r.confidence),
                requirements: rule.map(|r| r.requirements.clone()).unwrap_or_default(),
            }
        })
        .collect();
    ScenarioLine {
        id: scenario.id.clone(),
        family: scenario.family.clone(),
        kind: scenario.kind,
        title: scenario.title.clone(),
        source: scenario.source.clone(),
        verdict,
        evidence: record.evidence,
        duration_ms: record.duration_ms,
        requirements: requirements_of(scenario),
        checks: record.checks.clone(),
        findings,
        steps: record
            .steps
            .iter()
            .map(|s| step_line(s, scenario.steps.get((s.number as usize).wrapping_sub(1))))
            .collect(),
        exchanges: record.exchanges.iter().map(exchange_line).collect(),
        connections_failed: record
            .failures
            .iter()
            .map(|(_, f)| {
                let fault = f
                    .fault
                    .as_ref()
                    .map(|f| format!(" [{f}]"))
                    .unwrap_or_default();
                shown(&format!(
                    "{} {}: {}{fault}",
                    f.service, f.listener, f.reason
                ))
            })
            .collect(),
        states: record
            .states
            .iter()
            .map(|(service, persona, state)| StateLine {
                service: *service,
                persona: persona.clone(),
                state: redact_value(state),
            })
            .collect(),
        official_proof: scenario.official_proof.clone(),
    }
}

/// Requirements of a scenario and of its steps, each once.
fn requirements_of(scenario: &Scenario) -> Vec<RequirementId> {
    let mut all: Vec<RequirementId> = Vec::new();
    let steps = scenario.steps.iter().flat_map(|s| &s.requirements);
    for id in scenario.requirements.iter().chain(steps) {
        if !all.contains(id) {
            all.push(id.clone());
        }
    }
    all
}

fn step_line(step: &StepRecord, written: Option<&Step>) -> StepLine {
    let outcome = match (&step.answer, &step.problem) {
        (Some(answer), _) => Some(crate::report::words::status(answer.status).to_owned()),
        (None, Some(problem)) => Some(shown(&problem_text(problem))),
        (None, None) => None,
    };
    StepLine {
        number: step.number,
        text: written.and_then(|s| s.text.clone()),
        action: step.request.as_ref().map(|r| shown(&r.action)),
        params: step.request.as_ref().map(|r| shown_value(&r.params)),
        arms: step.arms.iter().map(crate::report::words::arm).collect(),
        outcome,
        message: step
            .answer
            .as_ref()
            .and_then(|a| a.message.as_deref().map(shown)),
        result: step
            .answer
            .as_ref()
            .filter(|a| !a.result.is_null())
            .map(|a| shown_value(&a.result)),
        observed: step
            .observed
            .iter()
            .map(|o| match (&o.value, &o.problem) {
                (Some(value), _) => format!("{}: {}", o.what, shown_value(value)),
                (None, Some(problem)) => shown(&format!("{}: {}", o.what, problem_text(problem))),
                (None, None) => o.what.clone(),
            })
            .collect(),
        attested: step
            .attested
            .iter()
            .map(|a| {
                let answer = crate::report::words::attestation(a.answer);
                let comment = a
                    .comment
                    .as_deref()
                    .map(|c| format!(" ({c})"))
                    .unwrap_or_default();
                shown(&format!("{} : {answer}{comment}", a.sentence))
            })
            .collect(),
        proofs: written.map(|s| s.proofs.clone()).unwrap_or_default(),
        rules: step.expect.iter().map(|e| e.rule.clone()).collect(),
        opened_at: step.opened_at,
        open_ms: step.open_ms,
    }
}

fn exchange_line(seen: &SeenExchange) -> ExchangeLine {
    let exchange = &seen.exchange;
    let answer = seen.answer.as_ref();
    ExchangeLine {
        id: exchange.id.0,
        step: seen.step,
        service: exchange.service,
        listener: exchange.listener.clone(),
        operation: exchange.operation.clone(),
        at: exchange.received_at,
        tls: exchange.tls.as_ref().and_then(|t| t.version.clone()),
        client_certificate: exchange
            .tls
            .as_ref()
            .and_then(|t| t.client_certificate.as_ref())
            .and_then(|c| c.subject_cn.as_deref().map(shown)),
        status: answer.and_then(|a| a.status),
        outcome: answer.map(|a| shown(&a.outcome)),
        fault: answer.and_then(|a| a.fault.clone()),
        request: exchange.request.clone(),
        response: answer.and_then(|a| a.response.clone()),
    }
}

fn requirement_lines(campaign: &Campaign, scenarios: &[ScenarioLine]) -> Vec<RequirementLine> {
    campaign
        .catalogue
        .requirements
        .iter()
        .map(|requirement| {
            let same =
                |id: &RequirementId| *id == requirement.id || requirement.aliases.contains(id);
            let concerned: Vec<&ScenarioLine> = scenarios
                .iter()
                .filter(|s| s.requirements.iter().any(same))
                .collect();
            let mut broken = BTreeSet::new();
            let mut worst = None;
            for line in scenarios {
                for finding in &line.findings {
                    if finding.requirements.iter().any(same) && finding.finding.level > Level::Info
                    {
                        broken.insert(finding.finding.rule.clone());
                        worst = worst.max(Some(finding.finding.level));
                    }
                }
            }
            let reason = requirement
                .condition
                .as_ref()
                .and_then(|c| c.why_not(&campaign.product.profil));
            RequirementLine {
                id: requirement.id.clone(),
                rem: requirement.rem.clone(),
                level: requirement.level,
                text: requirement.text.clone(),
                status: status(reason.is_some(), worst, &concerned),
                evidence: concerned
                    .iter()
                    .filter(|s| matches!(s.verdict, Verdict::Conforme | Verdict::Reserve { .. }))
                    .filter_map(|s| s.evidence)
                    .max(),
                reason,
                scenarios: concerned.iter().map(|s| s.id.clone()).collect(),
                broken: broken.into_iter().collect(),
                official_proof: requirement.official_proof.clone(),
                confidence: requirement.confidence,
                dui: requirement.dui,
                automation: requirement.automation,
            }
        })
        .collect()
}

fn status(excluded: bool, worst: Option<Level>, scenarios: &[&ScenarioLine]) -> RequirementStatus {
    if excluded {
        return RequirementStatus::SansObjet;
    }
    match worst {
        Some(Level::Error) => return RequirementStatus::Ecart,
        Some(_) => return RequirementStatus::Reserve,
        None => {}
    }
    let any = |test: fn(&Verdict) -> bool| scenarios.iter().any(|s| test(&s.verdict));
    if scenarios.is_empty() {
        RequirementStatus::NonTestee
    } else if any(|v| matches!(v, Verdict::NonConforme { .. })) {
        RequirementStatus::Ecart
    } else if any(|v| matches!(v, Verdict::NonConcluant { .. } | Verdict::ErreurBanc { .. })) {
        RequirementStatus::NonConcluante
    } else if any(|v| matches!(v, Verdict::Reserve { .. })) {
        RequirementStatus::Reserve
    } else if any(|v| matches!(v, Verdict::Conforme)) {
        RequirementStatus::Observee
    } else {
        RequirementStatus::SansObjet
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use diapason_core::driver::{ActionAnswer, ActionRequest, ActionStatus};
    use diapason_core::event::Attestation;
    use diapason_rules::record::{Attested, Observed};
    use serde_json::json;

    use super::*;

    const SECRET: &str = "S3CRET0";

    fn step() -> StepRecord {
        StepRecord {
            number: 1,
            opened_at: Timestamp::from_unix_millis(0),
            closed_at: None,
            open_ms: 0,
            why: None,
            arms: Vec::new(),
            request: Some(ActionRequest {
                action: "psc.login".to_owned(),
                params: json!({"password": SECRET}),
                scenario: "PSC-1".to_owned(),
                step: 1,
                deadline_ms: 1,
            }),
            answer: Some(ActionAnswer {
                status: ActionStatus::Done,
                message: Some(format!("refus de Bearer {SECRET}")),
                result: json!({"cookies": [SECRET], "long": "x".repeat(100_000)}),
            }),
            problem: None,
            evidence: EvidenceLevel::Declared,
            observed: vec![Observed {
                what: "session".to_owned(),
                query: BTreeMap::default(),
                value: Some(json!({"cookies": [format!("dui_session={SECRET}; Path=/")]})),
                problem: None,
                evidence: EvidenceLevel::Declared,
            }],
            attested: vec![Attested {
                sentence: "Vu ?".to_owned(),
                answer: Attestation::Yes,
                comment: Some(format!("client_secret: {SECRET}")),
            }],
            expect: Vec::new(),
        }
    }

    #[test]
    fn nothing_a_step_carries_shows_a_secret() {
        let line = step_line(&step(), None);
        let text = serde_json::to_string(&line).unwrap();
        assert!(!text.contains(SECRET), "{text}");
        assert_eq!(text.matches("masqués›").count(), 5, "{text}");
        let result = line.result.unwrap();
        assert!(result.chars().count() < LONGEST + 40, "{}", result.len());
        assert!(result.ends_with("(suite dans le journal)"), "{result}");
    }

    #[test]
    fn nothing_the_judge_wrote_shows_a_secret() {
        let verdict = shown_verdict(&Verdict::NonConcluant {
            reason: format!("le DUI a répondu Authorization: Basic {SECRET}"),
        });
        assert!(!verdict.reason().unwrap().contains(SECRET), "{verdict:?}");
        let finding: Finding = serde_json::from_value(json!({
            "rule": "PSC-H04", "level": "error", "evidence": "observed",
            "place": {"path": format!("cb?code={SECRET}")},
            "expected": format!("client_secret={SECRET}"),
            "observed": format!("code%3D{SECRET}"),
        }))
        .unwrap();
        let text = serde_json::to_string(&shown_finding(&finding)).unwrap();
        assert!(!text.contains(SECRET), "{text}");
    }
}

//! Exit codes, public API: vendors' pipelines branch on them.

use diapason_core::event::Baseline;
use diapason_core::{ScenarioId, Verdict};
use diapason_rules::Judgement;

use crate::run::baseline::excused;

/// Everything conform, or explained.
pub const CONFORM: u8 = 0;
/// Deviations.
pub const DEVIATIONS: u8 = 1;
/// Usage or configuration.
pub const USAGE: u8 = 2;
/// Inconclusive only.
pub const INCONCLUSIVE: u8 = 3;
/// The bench itself failed.
pub const BENCH: u8 = 4;

/// What the exit code of a run takes into account: of a campaign, and of its journal judged again.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Does a warning fail the run?
    pub strict: bool,
    /// Scenarios that only lack an operator do not make the run inconclusive (the demo has none).
    pub excuse_operator: bool,
    /// Known deviations.
    pub baseline: Vec<Baseline>,
}

impl Policy {
    /// The exit code of a run that went to its end.
    pub fn exit_code<'a>(
        &self,
        judgements: impl Iterator<Item = (&'a ScenarioId, &'a Judgement)>,
    ) -> u8 {
        let verdicts: Vec<Verdict> = judgements
            .map(|(id, judgement)| excused(id, judgement, &self.baseline))
            .collect();
        let counted: Vec<&Verdict> = verdicts
            .iter()
            .filter(|v| !(self.excuse_operator && lacks_only_an_operator(v)))
            .collect();
        if counted.is_empty() && !verdicts.is_empty() {
            return INCONCLUSIVE;
        }
        of_verdicts(counted.into_iter(), self.strict)
    }
}

fn lacks_only_an_operator(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::NonConcluant { reason }
        if reason.split(" ; ").all(|part| part.ends_with(diapason_rules::judge::NEEDS_OPERATOR)))
}

/// The exit code of some verdicts. `reserve` does not fail a run unless `strict`.
pub fn of_verdicts<'a>(verdicts: impl Iterator<Item = &'a Verdict>, strict: bool) -> u8 {
    let (mut deviations, mut inconclusive, mut bench, mut any) = (false, false, false, false);
    for verdict in verdicts {
        any = true;
        match verdict {
            Verdict::NonConforme { .. } => deviations = true,
            Verdict::Reserve { .. } => deviations |= strict,
            Verdict::NonConcluant { .. } => inconclusive = true,
            Verdict::ErreurBanc { .. } => bench = true,
            Verdict::Conforme | Verdict::NonApplicable { .. } => {}
        }
    }
    if bench || !any {
        BENCH
    } else if deviations {
        DEVIATIONS
    } else if inconclusive {
        INCONCLUSIVE
    } else {
        CONFORM
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn the_worst_verdict_decides() {
        let ok = Verdict::Conforme;
        let bad = Verdict::NonConforme { errors: 1 };
        let open = Verdict::NonConcluant {
            reason: "x".to_owned(),
        };
        let bench = Verdict::ErreurBanc {
            reason: "x".to_owned(),
        };
        let warn = Verdict::Reserve { warnings: 1 };
        assert_eq!(of_verdicts([&ok].into_iter(), false), CONFORM);
        assert_eq!(of_verdicts([&ok, &open].into_iter(), false), INCONCLUSIVE);
        assert_eq!(of_verdicts([&open, &bad].into_iter(), false), DEVIATIONS);
        assert_eq!(of_verdicts([&bad, &bench].into_iter(), false), BENCH);
        assert_eq!(of_verdicts([&warn].into_iter(), false), CONFORM);
        assert_eq!(of_verdicts([&warn].into_iter(), true), DEVIATIONS);
        assert_eq!(of_verdicts(std::iter::empty(), false), BENCH);
    }

    fn judgement(verdict: Verdict, rules: &[&str], unplayed: &[&str]) -> Judgement {
        Judgement {
            findings: rules
                .iter()
                .map(|rule| diapason_core::Finding {
                    rule: diapason_core::RuleId::new(*rule).unwrap(),
                    level: diapason_core::Level::Error,
                    place: diapason_core::Place::default(),
                    expected: "a".to_owned(),
                    observed: "b".to_owned(),
                    evidence: diapason_core::EvidenceLevel::Observed,
                })
                .collect(),
            checks: std::collections::BTreeMap::new(),
            verdict,
            evidence: None,
            unplayed: unplayed.iter().map(|t| (*t).to_owned()).collect(),
        }
    }

    #[test]
    fn known_deviations_are_left_out_and_hide_nothing_inconclusive() {
        let id = ScenarioId::new("INS/va1.2").unwrap();
        let policy = Policy {
            baseline: vec![Baseline {
                rule: diapason_core::RuleId::new("INSI-H04").unwrap(),
                scenario: None,
                reason: "known".to_owned(),
            }],
            ..Policy::default()
        };
        let code = |j: &Judgement| policy.exit_code([(&id, j)].into_iter());
        let bad = |n| Verdict::NonConforme { errors: n };
        assert_eq!(code(&judgement(bad(1), &["INSI-H04"], &[])), CONFORM);
        assert_eq!(
            code(&judgement(bad(1), &["INSI-H04"], &["step 2: no answer"])),
            INCONCLUSIVE
        );
        assert_eq!(
            code(&judgement(bad(2), &["INSI-H04", "INSI-H05"], &["x"])),
            DEVIATIONS
        );
    }

    #[test]
    fn an_operator_who_is_missing_is_excused_only_beside_other_verdicts() {
        let id = ScenarioId::new("INS/va1.2").unwrap();
        let policy = Policy {
            excuse_operator: true,
            ..Policy::default()
        };
        let open = judgement(
            Verdict::NonConcluant {
                reason: format!("étape 1: {}", diapason_rules::judge::NEEDS_OPERATOR),
            },
            &[],
            &[],
        );
        let ok = judgement(Verdict::Conforme, &[], &[]);
        assert_eq!(
            policy.exit_code([(&id, &ok), (&id, &open)].into_iter()),
            CONFORM
        );
        assert_eq!(policy.exit_code([(&id, &open)].into_iter()), INCONCLUSIVE);
    }
}

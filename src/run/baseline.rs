//! Known deviations: they stay in the report and do not fail the run.

use diapason_core::{Level, ScenarioId, Verdict};
use diapason_rules::Judgement;

use crate::run::CampaignEnd;
use crate::scenario_file::Baseline;

/// Recomputes the exit code with the known deviations left out.
pub fn apply(end: &mut CampaignEnd, baseline: &[Baseline], strict: bool) {
    if baseline.is_empty() || end.interrupted {
        return;
    }
    let verdicts: Vec<Verdict> = end
        .judgements
        .iter()
        .map(|(s, j)| excused(&s.id, j, baseline))
        .collect();
    end.exit_code = crate::exit::of_verdicts(verdicts.iter(), strict);
}

fn excused(scenario: &ScenarioId, judgement: &Judgement, baseline: &[Baseline]) -> Verdict {
    let left = |level: Level| {
        judgement
            .findings
            .iter()
            .filter(|f| f.level == level)
            .filter(|f| {
                !baseline
                    .iter()
                    .any(|b| b.rule == f.rule && b.scenario.as_ref().is_none_or(|s| s == scenario))
            })
            .count() as u32
    };
    match &judgement.verdict {
        Verdict::NonConforme { .. } | Verdict::Reserve { .. } => {
            let (errors, warnings) = (left(Level::Error), left(Level::Warning));
            if errors > 0 {
                Verdict::NonConforme { errors }
            } else if warnings > 0 {
                Verdict::Reserve { warnings }
            } else {
                Verdict::Conforme
            }
        }
        other => other.clone(),
    }
}

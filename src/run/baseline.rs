//! Known deviations: they stay in the report and do not fail the run.

use diapason_core::event::Baseline;
use diapason_core::{Level, RuleId, ScenarioId, Verdict};
use diapason_rules::{Catalogue, Judgement};

use crate::scenario_file::nearest;

/// Says which line names a rule or a scenario that does not exist: it would excuse nothing.
pub fn check(baseline: &[Baseline], catalogue: &Catalogue) -> Result<(), String> {
    let hint = |given: &str, known: &mut dyn Iterator<Item = &str>| {
        nearest(given, known).map_or_else(
            || "; see `diapason list`".to_owned(),
            |near| format!("; did you mean {near}?"),
        )
    };
    for (index, line) in baseline.iter().enumerate() {
        let number = index + 1;
        if catalogue.rule(&line.rule).is_none() {
            let mut known = catalogue.rules.iter().map(|r| r.id.as_str());
            return Err(format!(
                "[[baseline]] number {number}: no rule is called {}{}",
                line.rule,
                hint(line.rule.as_str(), &mut known)
            ));
        }
        if let Some(scenario) = &line.scenario
            && catalogue.scenario(scenario).is_none()
        {
            let mut known = catalogue.scenarios.iter().map(|s| s.id.as_str());
            return Err(format!(
                "[[baseline]] number {number}: no scenario is called {scenario}{}",
                hint(scenario.as_str(), &mut known)
            ));
        }
    }
    Ok(())
}

/// The verdict for the exit code: known deviations left out, what was inconclusive kept.
pub fn excused(scenario: &ScenarioId, judgement: &Judgement, baseline: &[Baseline]) -> Verdict {
    let known = |rule: &RuleId| {
        baseline
            .iter()
            .any(|b| b.rule == *rule && b.scenario.as_ref().is_none_or(|s| s == scenario))
    };
    let left = |level: Level| {
        judgement
            .findings
            .iter()
            .filter(|f| f.level == level && !known(&f.rule))
            .count() as u32
    };
    match &judgement.verdict {
        Verdict::NonConforme { .. } | Verdict::Reserve { .. } => {
            let (errors, warnings) = (left(Level::Error), left(Level::Warning));
            if errors > 0 {
                Verdict::NonConforme { errors }
            } else if !judgement.unplayed.is_empty() {
                Verdict::NonConcluant {
                    reason: judgement.unplayed.join(" ; "),
                }
            } else if warnings > 0 {
                Verdict::Reserve { warnings }
            } else {
                Verdict::Conforme
            }
        }
        other => other.clone(),
    }
}

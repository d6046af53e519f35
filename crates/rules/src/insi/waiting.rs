//! When INSi does not answer: the DUI must give the user control back by itself.

use diapason_core::event::DriverProblem;

use super::calls;
use crate::Ctx;
use crate::record::SeenExchange;

/// INSI-D06: an answer that never comes ends the call, not the user's patience.
pub(super) fn gives_up_by_itself(ctx: &mut Ctx<'_>) {
    for seen in calls(ctx) {
        if !unanswered(seen) {
            continue;
        }
        let step = ctx.steps().iter().find(|s| Some(s.number) == seen.step);
        let Some(step) = step else { continue };
        match &step.problem {
            Some(DriverProblem::Timeout { waited }) => ctx.broken(
                seen,
                "délai du client",
                "abandon de l'appel et retour à l'utilisateur en 60 secondes au plus",
                format!("le DUI attendait encore ({waited})"),
            ),
            None if step.answer.is_some() => ctx.held(),
            // Another problem of the driver tells nothing of the DUI's time-out.
            _ => {}
        }
    }
}

/// Did the mock keep silent on purpose?
fn unanswered(seen: &SeenExchange) -> bool {
    seen.answer
        .as_ref()
        .and_then(|a| a.fault.as_ref())
        .is_some_and(|fault| fault.as_str() == "INSI-F-SILENT")
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{Run, insi};
    use serde_json::json;

    fn run() -> Run {
        Run::default()
            .action(
                1,
                "ins.search",
                json!({"usager": "7"}),
                json!({"issue": "echec"}),
            )
            .calls(1, vec![insi("silent", json!({}))])
            .fault("INSI-F-SILENT")
    }

    #[test]
    fn a_driver_still_waiting_is_found_and_an_answer_is_not() {
        assert!(run().findings("INSI-D06").is_empty());
        assert_eq!(run().checks("INSI-D06"), 1);
        assert_eq!(run().timed_out(1).findings("INSI-D06").len(), 1);
    }
}

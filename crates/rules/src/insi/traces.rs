//! What the DUI says it did, against what INSi saw.

use diapason_core::{Place, Timestamp};
use serde_json::Value;

use super::calls;
use crate::Ctx;

/// Clock difference tolerated between bench and DUI when choosing the traces of this scenario.
const SKEW_MS: i64 = 2_000;

/// INSI-S13: one trace per call, failures included.
pub(super) fn one_per_call(ctx: &mut Ctx<'_>) {
    let Some((step, traces)) = ctx.steps().iter().rev().find_map(|s| {
        let traces = s.observed.iter().rev().find(|o| o.what == "traces")?;
        Some((s.number, traces.value.as_ref()?.as_array()?))
    }) else {
        return;
    };
    let started = ctx.record().started_at;
    let traced = traces
        .iter()
        .filter(|t| is_call(t) && recent(t, started))
        .count();
    let seen = calls(ctx)
        .into_iter()
        .filter(|s| s.step.is_none_or(|n| n <= step))
        .count();
    // A connection that failed before any request may be traced too: the DUI did try.
    let refused = ctx
        .record()
        .failures
        .iter()
        .filter(|(n, _)| n.is_none_or(|n| n <= step))
        .count();
    if seen == 0 && traced == 0 {
        return;
    }
    if (seen..=seen + refused).contains(&traced) {
        ctx.held();
    } else {
        let place = Place {
            step: Some(step),
            path: Some("observation traces".to_owned()),
            ..Place::default()
        };
        ctx.broken_at(
            place,
            format!("{seen} trace(s) d'appel, une par appel reçu par INSi"),
            format!("{traced} trace(s) de recherche ou de vérification"),
        );
    }
}

fn is_call(trace: &Value) -> bool {
    matches!(
        trace.get("nature").and_then(Value::as_str),
        Some("insi.recherche" | "insi.verification")
    )
}

/// Not left by an earlier scenario on a DUI that cannot reset.
fn recent(trace: &Value, started: Option<Timestamp>) -> bool {
    let date = trace
        .get("date")
        .and_then(|d| serde_json::from_value::<Timestamp>(d.clone()).ok());
    match (date, started) {
        (Some(date), Some(started)) => date.millis_since(started) >= -SKEW_MS,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{Run, insi};
    use serde_json::json;

    fn run(dates: &[&str]) -> Run {
        let traces: Vec<_> = dates
            .iter()
            .map(|d| json!({"date": d, "auteur": "x", "nature": "insi.recherche"}))
            .chain([
                json!({"date": "2026-01-15T09:00:05Z", "auteur": "x", "nature": "identite.acces"}),
            ])
            .collect();
        Run::default()
            .calls(1, vec![insi("01", json!({})), insi("insi_102", json!({}))])
            .observed(2, "traces", json!(traces))
            .calls(3, vec![insi("00", json!({}))])
    }

    #[test]
    fn as_many_traces_as_calls_before_the_observation() {
        let now = "2026-01-15T09:00:03Z";
        assert!(run(&[now, now]).findings("INSI-S13").is_empty());
        assert_eq!(run(&[now, now]).checks("INSI-S13"), 1);
        assert_eq!(run(&[now]).findings("INSI-S13").len(), 1);
        assert_eq!(run(&[now, now, now]).findings("INSI-S13").len(), 1);
        assert!(
            run(&["2026-01-14T09:00:00Z", now, now])
                .findings("INSI-S13")
                .is_empty()
        );
    }
}

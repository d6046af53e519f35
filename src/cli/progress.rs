//! Progress bar of a campaign, from its events. Only on a terminal.

use std::time::Duration;

use diapason_core::{Event, Verdict};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::recorder::Watcher;

/// A watcher that draws a bar on stderr; draws nothing when `shown` is false.
pub(super) fn bar(shown: bool) -> (ProgressBar, Watcher) {
    let target = if shown {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {elapsed}") {
        bar.set_style(style);
    }
    if shown {
        bar.enable_steady_tick(Duration::from_millis(200));
    }
    let handle = bar.clone();
    let watcher: Watcher = Box::new(move |event| match event {
        Event::ScenarioStarted {
            scenario, total, ..
        } => {
            handle.set_length(u64::from(*total));
            handle.set_message(scenario.to_string());
        }
        Event::ScenarioEnded {
            scenario, verdict, ..
        } => {
            handle.inc(1);
            if matches!(
                verdict,
                Verdict::NonConforme { .. } | Verdict::ErreurBanc { .. }
            ) {
                handle.println(format!("{} {scenario}", verdict.word()));
            }
        }
        _ => {}
    });
    (bar, watcher)
}

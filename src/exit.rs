//! Exit codes, public API: vendors' pipelines branch on them.

use diapason_core::Verdict;

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

/// The exit code of a campaign. `reserve` does not fail a run unless `strict`.
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
}

//! `junit.xml`: one suite per family, one case per scenario.
//!
//! Dialect of the Jenkins JUnit schema. `classname` is `diapason.<family>` and `name` the scenario id and
//! title, so that ids stay stable between runs. A reservation passes with its warnings in `system-out`;
//! what could not be concluded or does not apply is skipped with its reason; a bench failure is an error.

use std::fmt::Write as _;

use diapason_core::requirement::Lang;
use diapason_core::{Level, Verdict};
use junit_report::{Duration, ReportBuilder, TestCaseBuilder, TestSuiteBuilder};

use super::model::ScenarioLine;
use super::{Report, ReportError};

pub(super) fn render(report: &Report, lang: Lang) -> Result<Vec<u8>, ReportError> {
    let mut families: Vec<&str> = report.scenarios.iter().map(|s| s.family.as_str()).collect();
    families.sort_unstable();
    families.dedup();
    let mut builder = ReportBuilder::new();
    for family in families {
        let mut suite = TestSuiteBuilder::new(&format!("diapason.{family}"));
        suite.set_timestamp(report.started_at.date_time());
        for line in report.scenarios.iter().filter(|s| s.family == family) {
            suite.add_testcase(case(line, report, lang));
        }
        builder.add_testsuite(suite.build());
    }
    let mut out = Vec::new();
    builder.build().write_xml(&mut out)?;
    Ok(out)
}

fn case(line: &ScenarioLine, report: &Report, lang: Lang) -> junit_report::TestCase {
    let name = xml_text(&format!("{} {}", line.id, line.title.get(lang)));
    let time = Duration::milliseconds(i64::try_from(line.duration_ms).unwrap_or(i64::MAX));
    let details = xml_text(&details(line, lang));
    let mut case = match &line.verdict {
        Verdict::Conforme | Verdict::Reserve { .. } => TestCaseBuilder::success(&name, time),
        Verdict::NonConforme { .. } => {
            TestCaseBuilder::failure(&name, time, "non_conforme", &headline(line, lang))
        }
        Verdict::NonConcluant { reason } => {
            TestCaseBuilder::skipped_with_cause(&name, "non_concluant", &xml_text(reason))
        }
        Verdict::NonApplicable { reason } => {
            TestCaseBuilder::skipped_with_cause(&name, "non_applicable", &xml_text(reason))
        }
        Verdict::ErreurBanc { reason } => {
            TestCaseBuilder::error(&name, time, "erreur_banc", &xml_text(reason))
        }
    };
    case.set_classname(&format!("diapason.{}", line.family));
    if matches!(line.verdict, Verdict::NonConforme { .. }) {
        case.set_trace(&details);
    }
    if !details.is_empty() {
        case.set_system_out(&format!("{details}run {}\n", report.run));
    }
    case.build()
}

fn headline(line: &ScenarioLine, lang: Lang) -> String {
    let first = line
        .findings
        .iter()
        .find(|f| f.finding.level == Level::Error);
    xml_text(&first.map_or_else(String::new, |f| {
        format!(
            "{} {}",
            f.finding.rule,
            f.text.as_ref().map(|t| t.get(lang)).unwrap_or_default()
        )
    }))
}

/// Every finding: rule, text, expected, seen, hint.
fn details(line: &ScenarioLine, lang: Lang) -> String {
    let mut out = String::new();
    for f in &line.findings {
        let text = f.text.as_ref().map(|t| t.get(lang)).unwrap_or_default();
        let _ = writeln!(out, "[{:?}] {} {text}", f.finding.level, f.finding.rule);
        let _ = writeln!(out, "  attendu : {}", f.finding.expected);
        let _ = writeln!(out, "  vu : {}", f.finding.observed);
        if let Some(hint) = &f.hint {
            let _ = writeln!(out, "  à essayer : {}", hint.get(lang));
        }
        if let Some(exchange) = f.finding.place.exchange {
            let _ = writeln!(out, "  échange : {exchange}");
        }
    }
    out
}

/// XML 1.0 has no place for most control characters.
fn xml_text(text: &str) -> String {
    text.chars()
        .filter(|c| *c >= ' ' || matches!(c, '\n' | '\t'))
        .collect()
}

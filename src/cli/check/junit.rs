//! JUnit, for a CI: one suite per file, one case per rule that ran in it.
//!
//! A rule that is corrected turns from red to green under the same name, and a rule that stops running is seen to be missing:
//! that is what a pipeline compares from one run to the next. `classname` is `diapason.<pack>`, `file` the document. Warnings pass with their text in
//! `system-out`, unless `--strict`; what could not be judged is skipped (a rule) or an error (a file). Dialect of the Jenkins schema.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use diapason_core::Level;
use diapason_core::requirement::Lang;
use junit_report::{Duration, ReportBuilder, TestCase, TestCaseBuilder, TestSuiteBuilder};

use super::format::{Context, Format};
use super::outcome::{FileReport, FileVerdict, FindingLine, Summary};

/// See the module.
pub(super) struct Junit {
    lang: Lang,
    strict: bool,
    started: Option<diapason_core::Timestamp>,
}

impl Junit {
    pub(super) fn new(lang: Lang, strict: bool) -> Self {
        Self {
            lang,
            strict,
            started: None,
        }
    }

    fn case(
        &self,
        file: &FileReport,
        pack: &str,
        rule: &str,
        findings: &[&FindingLine],
    ) -> TestCase {
        let worst = findings.iter().map(|f| f.level).max();
        let red = match worst {
            Some(Level::Error) => true,
            Some(Level::Warning) => self.strict,
            Some(Level::Info) | None => false,
        };
        let name = xml_text(rule);
        let mut case = match findings.iter().find(|f| Some(f.level) == worst) {
            Some(first) if red => {
                let text = first
                    .text
                    .as_ref()
                    .map_or(first.expected.as_str(), |t| t.get(self.lang));
                TestCaseBuilder::failure(&name, Duration::ZERO, "non_conforme", &xml_text(text))
            }
            _ => TestCaseBuilder::success(&name, Duration::ZERO),
        };
        finish(&mut case, file, pack);
        if !findings.is_empty() {
            let details = details(file, findings, self.lang);
            if red {
                case.set_trace(&details);
            } else {
                case.set_system_out(&details);
            }
        }
        case.build()
    }
}

fn finish(case: &mut TestCaseBuilder, file: &FileReport, pack: &str) {
    case.set_classname(&xml_text(&format!("diapason.{pack}")));
    case.set_filepath(&xml_text(&file.path));
}

impl Format for Junit {
    fn begin(&mut self, context: &Context, out: &mut String) -> Result<(), String> {
        self.started = Some(context.started_at);
        out.push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<testsuites>\n");
        Ok(())
    }

    fn file(&mut self, file: &FileReport, out: &mut String) -> Result<(), String> {
        let mut suite = TestSuiteBuilder::new(&xml_text(&file.path));
        if let Some(at) = self.started {
            suite.set_timestamp(at.date_time());
        }
        let mut by_rule: BTreeMap<(&str, &str), Vec<&FindingLine>> = file
            .checks
            .iter()
            .flat_map(|(pack, rules)| {
                rules
                    .keys()
                    .map(|rule| ((pack.as_str(), rule.as_str()), Vec::new()))
            })
            .collect();
        for finding in &file.findings {
            by_rule
                .entry((&finding.pack, &finding.rule))
                .or_default()
                .push(finding);
        }
        for ((pack, rule), findings) in &by_rule {
            suite.add_testcase(self.case(file, pack, rule, findings));
        }
        for rule in &file.indeterminate {
            let mut case = TestCaseBuilder::skipped_with_cause(
                &xml_text(&rule.rule),
                "indeterminee",
                &xml_text(&rule.reason),
            );
            finish(&mut case, file, &rule.pack);
            suite.add_testcase(case.build());
        }
        if matches!(
            file.verdict,
            FileVerdict::NonConcluant | FileVerdict::ErreurBanc
        ) {
            let reason = file.reason.as_deref().unwrap_or_default();
            let mut case = TestCaseBuilder::error(
                "verdict",
                Duration::ZERO,
                file.verdict.word(),
                &xml_text(reason),
            );
            finish(&mut case, file, "diapason");
            suite.add_testcase(case.build());
        }
        let mut builder = ReportBuilder::new();
        builder.add_testsuite(suite.build());
        let mut bytes = Vec::new();
        builder
            .build()
            .write_xml(&mut bytes)
            .map_err(|e| e.to_string())?;
        // The suites of all files share one document: the one of this file gives its inside.
        let text = String::from_utf8(bytes).map_err(|e| e.to_string())?;
        let inside = text
            .find("<testsuite ")
            .zip(text.rfind("</testsuites>"))
            .and_then(|(from, to)| text.get(from..to))
            .ok_or_else(|| "the suite of a file is not what was expected".to_owned())?;
        out.push_str(inside);
        out.push('\n');
        Ok(())
    }

    fn end(&mut self, _: &Context, _: &Summary, out: &mut String) -> Result<(), String> {
        out.push_str("</testsuites>\n");
        Ok(())
    }
}

fn details(file: &FileReport, findings: &[&FindingLine], lang: Lang) -> String {
    let (expected, seen, path, hint) = match lang {
        Lang::Fr => ("attendu", "vu", "où", "à essayer"),
        Lang::En => ("expected", "seen", "where", "what to try"),
    };
    let mut out = String::new();
    for f in findings {
        let at = |n: Option<u32>| n.map(|n| format!(":{n}")).unwrap_or_default();
        let level = crate::cli::word(&f.level);
        let _ = writeln!(
            out,
            "{}{}{} [{level}] {}",
            file.path,
            at(f.line),
            at(f.column),
            f.rule
        );
        let _ = writeln!(out, "  {expected} : {}", f.expected);
        let _ = writeln!(out, "  {seen} : {}", f.observed);
        if let Some(place) = &f.path {
            let _ = writeln!(out, "  {path} : {place}");
        }
        if let Some(text) = &f.hint {
            let _ = writeln!(out, "  {hint} : {}", text.get(lang));
        }
    }
    xml_text(&out)
}

/// XML 1.0 has no place for most control characters.
pub(super) fn xml_text(text: &str) -> String {
    text.chars()
        .filter(|c| {
            (*c >= ' ' || matches!(c, '\n' | '\t')) && !matches!(c, '\u{fffe}' | '\u{ffff}')
        })
        .collect()
}

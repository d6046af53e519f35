//! Annotations: GitHub workflow commands, GitLab code quality.

use diapason_core::requirement::Lang;
use diapason_core::{Level, Sha256Hex};
use serde_json::json;

use super::model::FindingLine;
use super::{Report, ReportError};

/// One workflow command a finding, for GitHub's log. Errors and warnings only.
pub fn github(report: &Report, lang: Lang) -> Vec<String> {
    let escape = |text: &str| {
        text.replace('%', "%25")
            .replace('\r', "%0D")
            .replace('\n', "%0A")
    };
    let title = |text: &str| escape(text).replace(':', "%3A").replace(',', "%2C");
    findings(report)
        .map(|(scenario, f)| {
            let command = if f.finding.level == Level::Error {
                "error"
            } else {
                "warning"
            };
            format!(
                "::{command} title={}::{}",
                title(&format!("{} {scenario}", f.finding.rule)),
                escape(&sentence(f, lang))
            )
        })
        .collect()
}

/// GitLab's code quality report. Its `location` must name a file: the summary.
pub(super) fn gitlab(report: &Report, lang: Lang) -> Result<Vec<u8>, ReportError> {
    let all: Vec<_> = findings(report)
        .map(|(scenario, f)| {
            let id = format!("{}/{scenario}/{:?}", f.finding.rule, f.finding.place.path);
            json!({
                "description": sentence(f, lang),
                "check_name": f.finding.rule,
                "fingerprint": Sha256Hex::of(id.as_bytes()),
                "severity": if f.finding.level == Level::Error { "major" } else { "minor" },
                "location": { "path": "summary.md", "lines": { "begin": 1 } },
            })
        })
        .collect();
    let mut bytes = serde_json::to_vec_pretty(&all)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn findings(report: &Report) -> impl Iterator<Item = (String, &FindingLine)> {
    report
        .scenarios
        .iter()
        .flat_map(|s| s.findings.iter().map(move |f| (s.id.to_string(), f)))
        .filter(|(_, f)| f.finding.level > Level::Info)
}

fn sentence(f: &FindingLine, lang: Lang) -> String {
    let text = f.text.as_ref().map(|t| t.get(lang)).unwrap_or_default();
    let (expected, seen) = match lang {
        Lang::Fr => ("Attendu :", "vu :"),
        Lang::En => ("Expected:", "seen:"),
    };
    format!(
        "{text} {expected} {} ; {seen} {}",
        f.finding.expected, f.finding.observed
    )
}

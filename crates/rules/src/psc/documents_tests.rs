//! The pack of lone Pro Santé Connect documents as committed: its bases raise nothing, every bad sample raises its rule.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diapason_core::DocumentKind;
use diapason_core::rule::{Check, Rule, RulePack, Sample};
use serde_json::Value;

use crate::document::{DocumentJudge, DocumentReport};
use crate::files::MemoryFiles;

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../profiles")
        .join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The rules of the pack, and the judge of them. The functions of CDA need their own rules to be there.
fn judge() -> (Vec<Rule>, DocumentJudge) {
    let mut pack: RulePack = serde_saphyr::from_str(&text("rules/psc-documents.yaml")).unwrap();
    let own = pack.rules.clone();
    let corps: RulePack = serde_saphyr::from_str(&text("rules/cda-corps.yaml")).unwrap();
    pack.rules.extend(
        corps
            .rules
            .into_iter()
            .filter(|r| matches!(r.check, Check::Document { .. })),
    );
    let files = Arc::new(MemoryFiles::new([]));
    (own, DocumentJudge::new(&pack.rules, files).unwrap())
}

fn kind(rule: &Rule) -> DocumentKind {
    match &rule.check {
        Check::Json { on, .. } => *on,
        other => panic!("{}: {other:?}", rule.id),
    }
}

/// A JWT sample is written decoded; it is judged in its compact form.
fn compact(decoded: &str) -> String {
    let token: Value = serde_json::from_str(decoded).unwrap();
    let part = |name: &str| URL_SAFE_NO_PAD.encode(token[name].to_string());
    format!("{}.{}.c2lnbmF0dXJl", part("header"), part("payload"))
}

fn judged(judge: &DocumentJudge, kind: DocumentKind, document: &str) -> DocumentReport {
    match kind {
        DocumentKind::Jwt => judge.judge(kind, compact(document).as_bytes()),
        _ => judge.judge(kind, document.as_bytes()),
    }
}

fn made(rule: &Rule, sample: &Sample) -> String {
    let mut document = text(&format!("samples/{}.json", sample.base));
    for change in &sample.replace {
        assert!(
            document.contains(&change.from),
            "{}: {:?}",
            rule.id,
            change.from
        );
        document = document.replace(&change.from, &change.to);
    }
    document
}

#[test]
fn bases_raise_nothing_and_show_every_rule() {
    let (rules, judge) = judge();
    assert!(rules.len() >= 30, "{}", rules.len());
    let mut shown = 0;
    for (kind, base) in [
        (DocumentKind::Userinfo, "userinfo"),
        (DocumentKind::Jwt, "id-token"),
    ] {
        let report = judged(
            &judge,
            kind,
            &text(&format!("samples/psc-documents/{base}.json")),
        );
        assert!(report.findings.is_empty(), "{base}: {:#?}", report.findings);
        shown += report.checks.len();
    }
    assert_eq!(shown, rules.len());
}

#[test]
fn every_bad_sample_raises_its_rule() {
    let (rules, judge) = judge();
    let mut missed = Vec::new();
    for rule in &rules {
        assert!(!rule.bad.is_empty(), "{}", rule.id);
        for sample in &rule.bad {
            let report = judged(&judge, kind(rule), &made(rule, sample));
            if !report.findings.iter().any(|f| f.rule == rule.id.as_str()) {
                missed.push(rule.id.to_string());
            }
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn a_person_without_exercise_is_accepted() {
    let (_, judge) = judge();
    let minimal = r#"{"sub": "s", "preferred_username": "899709900064", "codeCivilite": "M",
        "given_name": "SANSEXERCICE", "family_name": "DUITEST", "SubjectNameID": "899709900064"}"#;
    let report = judge.judge(DocumentKind::Userinfo, minimal.as_bytes());
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

#[test]
fn what_is_not_a_token_is_a_finding() {
    let (_, judge) = judge();
    for wrong in ["", "a.b", "a.b.c", "{\"header\": 1}", "\u{feff}..", "\u{0}"] {
        let report = judge.judge(DocumentKind::Jwt, wrong.as_bytes());
        assert_eq!(report.findings.len(), 1, "{wrong:?}");
    }
    let report = judge.judge(DocumentKind::Userinfo, b"\xff\xfe");
    assert_eq!(report.findings.len(), 1);
}

//! A document in an answer, judged by the packs as committed.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use diapason_core::journal::MemoryRecorder;
use diapason_core::product::ProductStatement;
use diapason_core::rule::{Rule, RulePack};
use diapason_core::scenario::Scenario;
use diapason_core::{Event, EvidenceLevel, Timestamp, Verdict};
use serde_json::{Value, json};

use crate::document::DocumentJudge;
use crate::files::MemoryFiles;
use crate::{Judge, Judgement, ScenarioRecord};

fn profiles(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../profiles")
        .join(path)
}

fn files(folder: &str) -> Vec<(String, Cow<'static, [u8]>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(profiles(folder)).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{folder}/{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            found.extend(files(&name));
        } else {
            found.push((name, Cow::Owned(std::fs::read(path).unwrap())));
        }
    }
    found
}

static JUDGE: LazyLock<Judge> = LazyLock::new(|| {
    let rules: Vec<Rule> = files("rules")
        .iter()
        .flat_map(|(name, text)| {
            let pack: RulePack =
                serde_saphyr::from_slice(text).unwrap_or_else(|e| panic!("{name}: {e}"));
            pack.rules
        })
        .collect();
    let sets = files("cda").into_iter().chain(files("dmp"));
    let documents = DocumentJudge::new(&rules, Arc::new(MemoryFiles::new(sets))).unwrap();
    Judge::new(&rules)
        .unwrap()
        .with_documents(Arc::new(documents))
});

static SAMPLE: LazyLock<String> =
    LazyLock::new(|| std::fs::read_to_string(profiles("samples/cda/n1.xml")).unwrap());

fn judged(expects: &Value, result: &Value) -> Judgement {
    let scenario: Scenario = serde_json::from_value(json!({
        "id": "CDA/x", "family": "cda", "kind": "behaviour",
        "title": {"fr": "x", "en": "x"}, "source": {"document": "x"}, "confidence": "sure",
        "steps": [{"do": {"action": "document.create"}, "expect": expects}],
    }))
    .unwrap();
    let at = Timestamp::from_unix_millis(0);
    let (id, expect) = (scenario.id.clone(), scenario.steps[0].expect.clone());
    let mut record = ScenarioRecord::new(scenario, 1);
    for event in [
        Event::StepStarted {
            scenario: id.clone(),
            step: 1,
            at,
        },
        Event::ActionEnded {
            scenario: id.clone(),
            step: 1,
            answer: Some(
                serde_json::from_value(json!({"status": "done", "result": result})).unwrap(),
            ),
            problem: None,
            evidence: EvidenceLevel::Declared,
            duration_ms: 1,
            at,
        },
        Event::StepEnded {
            scenario: id,
            step: 1,
            opened_at: at,
            closed_at: at,
            open_ms: 1,
            why: diapason_core::event::WindowEnd::Settled,
            expect,
        },
    ] {
        record.push(&event, &MemoryRecorder::default());
    }
    let product: ProductStatement = serde_json::from_value(json!({
        "produit": {"nom": "x", "editeur": "x", "version": "1"},
        "profil": {"referentiel_identites": true}, "insi": {"idam": "x", "lps_nom": "x", "lps_version": "1"},
    }))
    .unwrap();
    JUDGE.judge(&record, &product)
}

fn document(text: &str) -> Value {
    json!({"document": {"contenu": STANDARD.encode(text)}})
}

fn expect(facts: &Value) -> Value {
    json!([
        {"rule": "CDA-V01", "document": {"kind": "cda", "at": "/document/contenu"}},
        {"rule": "CDA-V02", "document": {"kind": "cda", "at": "/document/contenu", "facts": facts}},
    ])
}

fn broken(judgement: &Judgement) -> Vec<String> {
    let mut rules: Vec<String> = judgement
        .findings
        .iter()
        .map(|f| f.rule.to_string())
        .collect();
    rules.dedup();
    rules
}

#[test]
fn a_good_document_is_judged_once_by_every_rule() {
    let judgement = judged(&expect(&json!({"required": ["id"]})), &document(&SAMPLE));
    assert_eq!(
        judgement.verdict,
        Verdict::Conforme,
        "{:?}",
        judgement.findings
    );
    assert_eq!(judgement.evidence, Some(EvidenceLevel::Observed));
    let ran = |id: &str| judgement.checks.get(&id.parse().unwrap()).copied();
    assert_eq!(
        (ran("CDA-H02"), ran("CDA-X02"), ran("CDA-V01")),
        (Some(1), Some(1), Some(1))
    );
    assert!(judgement.checks.len() > 100, "{}", judgement.checks.len());
}

#[test]
fn what_the_packs_find_is_a_finding_of_their_rules_in_that_step() {
    let bad = SAMPLE.replacen("fr-FR", "fr", 1);
    let judgement = judged(&expect(&json!({"required": ["id"]})), &document(&bad));
    let found = judgement
        .findings
        .iter()
        .find(|f| f.rule.as_str() == "CDA-H11A")
        .unwrap();
    assert_eq!(
        (found.place.step, found.evidence),
        (Some(1), EvidenceLevel::Observed)
    );
    assert!(found.place.line.is_some() && found.place.path.is_some());
    let unreadable = judged(
        &expect(&json!({"required": ["id"]})),
        &document("<ClinicalDocument"),
    );
    assert_eq!(broken(&unreadable), ["CDA-X01", "CDA-V02"]);
}

#[test]
fn facts_are_held_against_the_scenario() {
    let facts = json!({"required": ["version"], "properties": {"version": {"const": 7}}});
    let judgement = judged(&expect(&facts), &document(&SAMPLE));
    assert_eq!(broken(&judgement), ["CDA-V02"]);
    let finding = &judgement.findings[0];
    assert_eq!(finding.place.path.as_deref(), Some("document /version"));
    assert!(finding.expected.contains('7'), "{}", finding.expected);
}

#[test]
fn no_document_or_no_base64_is_a_finding_of_the_rule_cited() {
    let only = json!([{"rule": "CDA-V01", "document": {"kind": "cda", "at": "/document/contenu"}}]);
    for result in [
        json!({}),
        json!({"document": {"contenu": null}}),
        json!({"document": {"contenu": 7}}),
        json!({"document": {"contenu": ""}}),
        json!({"document": {"contenu": "pas du base64"}}),
    ] {
        let judgement = judged(&only, &result);
        assert_eq!(broken(&judgement), ["CDA-V01"], "{result}");
        assert_eq!(judgement.checks.len(), 1);
    }
    let lines = STANDARD.encode(SAMPLE.as_bytes());
    let lines: Vec<String> = lines
        .as_bytes()
        .chunks(76)
        .map(|l| String::from_utf8_lossy(l).into_owned())
        .collect();
    let folded = judged(&only, &json!({"document": {"contenu": lines.join("\r\n")}}));
    assert_eq!(folded.verdict, Verdict::Conforme, "base64 in lines is read");
}

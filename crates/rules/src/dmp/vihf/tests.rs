//! The packs of the VIHF and of the signature of a lot, as committed: they load, every base raises nothing, every bad sample
//! raises its rule, every good one does not.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use diapason_core::product::ProductStatement;
use diapason_core::rule::{Check, Rule, RulePack, Sample};
use diapason_core::scenario::Scenario;
use diapason_core::{DocumentKind, RuleId, Service};
use diapason_formats::xml::{Limits, Tree};
use serde_json::json;

use crate::document::{DocumentJudge, DocumentReport};
use crate::files::{Files, MemoryFiles};
use crate::{Judge, ScenarioRecord, SeenExchange, sample};

const PACKS: [&str; 2] = ["dmp-vihf", "dmp-signature"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn pack(name: &str) -> Vec<Rule> {
    let path = root().join(format!("profiles/rules/{name}.yaml"));
    let text = std::fs::read_to_string(&path).unwrap();
    let pack: RulePack = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
    pack.rules
}

static RULES: LazyLock<Vec<Rule>> =
    LazyLock::new(|| PACKS.iter().flat_map(|name| pack(name)).collect());

/// Functions of other packs must find their rule too: it is one that judges nothing here.
fn others() -> impl Iterator<Item = Rule> {
    let ours: BTreeSet<&str> = RULES.iter().map(|r| r.id.as_str()).collect();
    crate::cda::RULES
        .iter()
        .copied()
        .chain(crate::dmp::document_rules())
        .filter(move |(id, _)| !ours.contains(id))
        .map(|(id, _)| {
            let mut rule = RULES[0].clone();
            rule.id = RuleId::new(id).unwrap();
            rule.check = Check::Document {
                on: DocumentKind::Email,
            };
            rule
        })
}

static JUDGE: LazyLock<DocumentJudge> = LazyLock::new(|| {
    let mut rules = RULES.clone();
    rules.extend(others());
    let mut files = Vec::new();
    for name in ["dmp/vihf.sch", "dmp/signature.sch", "cda/jdv/J02.xml"] {
        let bytes: Cow<'static, [u8]> =
            Cow::Owned(std::fs::read(root().join("profiles").join(name)).unwrap());
        files.push((name.to_owned(), bytes));
    }
    let files: Arc<dyn Files> = Arc::new(MemoryFiles::new(files));
    DocumentJudge::new(&rules, files).unwrap()
});

/// The bases these packs are tested on, by name.
static BASES: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    std::fs::read_dir(root().join("profiles/samples/dmp"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap();
            (
                format!("dmp/{name}"),
                std::fs::read_to_string(&path).unwrap(),
            )
        })
        .collect()
});

fn kind(rule: &Rule) -> Option<DocumentKind> {
    match &rule.check {
        Check::Schematron { on, .. } | Check::Document { on } => Some(*on),
        _ => None,
    }
}

/// A raw request is judged whole, whatever the kind of the rule.
fn judged(kind: DocumentKind, text: &str) -> DocumentReport {
    let kind = if text.starts_with("POST ") {
        DocumentKind::SoapRequest
    } else {
        kind
    };
    JUDGE.judge(kind, text.as_bytes())
}

fn made(rule: &Rule, sample: &Sample) -> String {
    let base = BASES
        .get(&sample.base)
        .unwrap_or_else(|| panic!("{}: no base {}", rule.id, sample.base));
    sample::replaced(&sample.base, base, &sample.replace)
        .unwrap_or_else(|e| panic!("{}: {e}", rule.id))
}

fn raised(report: &DocumentReport, id: &str) -> bool {
    report.findings.iter().any(|f| f.rule == id)
}

fn seen(report: &DocumentReport) -> Vec<String> {
    report
        .findings
        .iter()
        .map(|f| format!("{} : {} / {}", f.rule, f.expected, f.observed))
        .chain(
            report
                .indeterminate
                .iter()
                .map(|u| format!("{} undecided: {}", u.rule, u.reason)),
        )
        .collect()
}

#[test]
fn every_rule_is_told_in_its_own_words_and_never_above_its_source() {
    assert!(RULES.len() >= 45, "{}", RULES.len());
    let (mut ids, mut said) = (BTreeSet::new(), BTreeSet::new());
    for rule in RULES.iter() {
        assert!(ids.insert(&rule.id), "{} twice", rule.id);
        for words in [&rule.text, &rule.hint] {
            assert!(words.fr.len() > 15 && words.en.len() > 15, "{}", rule.id);
            assert!(
                said.insert(&words.fr) && said.insert(&words.en),
                "{}",
                rule.id
            );
        }
        assert!(
            rule.breach.is_some() || rule.level <= rule.confidence.ceiling(),
            "{}",
            rule.id
        );
    }
}

#[test]
fn bases_raise_nothing() {
    let mut problems = Vec::new();
    let mut judged_rules = BTreeSet::new();
    for (name, text) in BASES.iter() {
        let kind = match name.as_str() {
            "dmp/signature" => DocumentKind::LotSignature,
            name if name.starts_with("dmp/vihf-") || text.starts_with("POST ") => {
                DocumentKind::SamlAssertion
            }
            _ => continue,
        };
        if text.starts_with("# ") {
            continue;
        }
        let report = judged(kind, text);
        problems.extend(
            seen(&report)
                .into_iter()
                .filter(|p| p.starts_with("DMP-VIHF") || p.starts_with("DMP-SIG"))
                .map(|p| format!("{name}: {p}")),
        );
        judged_rules.extend(report.checks.into_keys().map(|(_, rule)| rule));
    }
    for rule in RULES.iter().filter(|r| kind(r).is_some()) {
        if rule.id.as_str() != "DMP-VIHF-18" && !judged_rules.contains(rule.id.as_str()) {
            problems.push(format!("{}: judged on no base", rule.id));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn bad_samples_raise_their_rule_and_good_ones_do_not() {
    let mut problems = Vec::new();
    for rule in RULES.iter() {
        let Some(kind) = kind(rule) else { continue };
        assert!(!rule.bad.is_empty(), "{} has no bad sample", rule.id);
        for (i, sample) in rule.bad.iter().enumerate() {
            let report = judged(kind, &made(rule, sample));
            if !raised(&report, rule.id.as_str()) {
                problems.push(format!("{} bad[{i}]: only {:#?}", rule.id, seen(&report)));
            }
            problems.extend(
                report
                    .indeterminate
                    .iter()
                    .map(|u| format!("{} bad[{i}]: {} {}", rule.id, u.rule, u.reason)),
            );
        }
        for (i, sample) in rule.good.iter().enumerate() {
            let report = judged(kind, &made(rule, sample));
            if raised(&report, rule.id.as_str()) {
                problems.push(format!(
                    "{} good[{i}] is refused: {:#?}",
                    rule.id,
                    seen(&report)
                ));
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn every_assertion_has_a_bad_sample_of_its_own() {
    let mut unseen: BTreeSet<String> = JUDGE
        .schemas()
        .flat_map(|schema| schema.checks().iter().map(|info| info.id.clone()))
        .collect();
    assert!(unseen.len() >= 60, "{}", unseen.len());
    for rule in RULES.iter() {
        let Check::Schematron { file, .. } = &rule.check else {
            continue;
        };
        let schema = JUDGE.schemas().find(|s| s.path() == file).unwrap();
        for sample in &rule.bad {
            let tree = Tree::read(made(rule, sample).as_bytes(), &Limits::default()).unwrap();
            for failure in schema.run(&tree).failures {
                unseen.remove(&schema.checks()[failure.check].id);
            }
        }
    }
    assert!(unseen.is_empty(), "{unseen:?}");
}

/// Findings of one exchange by the rules over facts, as rule ids.
fn over_facts(seen: SeenExchange) -> BTreeSet<String> {
    static ALL: LazyLock<Judge> = LazyLock::new(|| {
        let mut rules = RULES.clone();
        rules.extend(
            crate::insi::RULES
                .iter()
                .chain(crate::psc::RULES)
                .chain(crate::dmp::RULES)
                .map(|(id, _)| {
                    let mut rule = RULES[0].clone();
                    rule.id = RuleId::new(*id).unwrap();
                    rule.check = Check::Rust { on: Service::Dmp };
                    rule
                }),
        );
        Judge::new(&rules).unwrap()
    });
    let scenario: Scenario = serde_json::from_value(json!({
        "id": "DMP/test", "family": "dmp", "kind": "behaviour",
        "title": {"fr": "essai", "en": "test"}, "source": {"document": "test"},
        "confidence": "sure", "steps": [],
    }))
    .unwrap();
    let mut record = ScenarioRecord::new(scenario, 1);
    record.started_at = Some(seen.exchange.received_at);
    record.exchanges.push(seen);
    let product: ProductStatement = serde_json::from_value(json!({
        "produit": {"nom": "DUI d'exemple", "editeur": "Éditeur d'exemple", "version": "1.0.0"},
        "profil": {"referentiel_identites": true},
    }))
    .unwrap();
    let judged = ALL.judge(&record, &product);
    judged
        .findings
        .into_iter()
        .map(|f| f.rule.to_string())
        .collect()
}

#[test]
fn checks_of_facts_catch_their_samples() {
    let base = &BASES["dmp/vihf-existence-http"];
    let raised = over_facts(sample::parse("dmp/vihf-existence-http", base).unwrap());
    let ours: Vec<&String> = raised
        .iter()
        .filter(|id| id.starts_with("DMP-VIHF"))
        .collect();
    assert!(ours.is_empty(), "{ours:?}");
    let mut rules = 0;
    for rule in RULES
        .iter()
        .filter(|r| matches!(r.check, Check::Schema { .. }))
    {
        rules += 1;
        assert!(!rule.bad.is_empty(), "{}", rule.id);
        for bad in &rule.bad {
            let seen = sample::read(bad, &BASES[&bad.base]).unwrap();
            let raised = over_facts(seen);
            assert!(raised.contains(rule.id.as_str()), "{}: {raised:?}", rule.id);
        }
        for good in &rule.good {
            let raised = over_facts(sample::read(good, &BASES[&good.base]).unwrap());
            assert!(!raised.contains(rule.id.as_str()), "{}", rule.id);
        }
    }
    assert_eq!(rules, 4);
}

/// Findings of one rule of a series over calls of the same VIHF, changed one after the other.
fn a_series(rule: &str, calls: &[(&str, &str)], statement: &serde_json::Value) -> usize {
    let text = std::fs::read_to_string(root().join("profiles/rules/dmp-conduite.yaml")).unwrap();
    let mut rules = serde_saphyr::from_str::<RulePack>(&text).unwrap().rules;
    for name in ["insi", "psc"] {
        rules.extend(
            pack(name)
                .into_iter()
                .filter(|r| matches!(r.check, Check::Rust { .. })),
        );
    }
    let scenario: Scenario = serde_json::from_value(json!({
        "id": "DMP/test", "family": "dmp", "kind": "behaviour",
        "title": {"fr": "essai", "en": "test"}, "source": {"document": "test"},
        "confidence": "sure", "steps": [],
    }))
    .unwrap();
    let mut record = ScenarioRecord::new(scenario, 1);
    for (rank, (from, to)) in calls.iter().enumerate() {
        let own = BASES["dmp/vihf-existence-http"].replace("_5b0c7a52", &format!("_{rank}"));
        assert!(own.contains(from), "{from}");
        let text = own.replace(from, to);
        let mut seen = sample::parse("dmp/vihf-existence-http", &text).unwrap();
        seen.exchange.id = diapason_core::ExchangeId(rank as u64 + 1);
        record.exchanges.push(seen);
    }
    let product: ProductStatement = serde_json::from_value(json!({
        "produit": {"nom": "x", "editeur": "x", "version": "1"},
        "profil": {"referentiel_identites": true},
        "dmp": statement,
    }))
    .unwrap();
    let judged = Judge::new(&rules).unwrap().judge(&record, &product);
    judged
        .findings
        .iter()
        .filter(|f| f.rule.as_str() == rule)
        .count()
}

#[test]
fn the_software_keeps_its_name() {
    let version = (">1.0.0<", ">1.0.1<");
    let same = (">1.0.0<", ">1.0.0<");
    let found = |calls: &[(&str, &str)], statement| a_series("DMP-VIHF-43", calls, &statement);
    assert_eq!(found(&[same, same], json!({})), 0);
    assert_eq!(found(&[same, version], json!({})), 1);
    assert_eq!(found(&[version, version], json!({})), 0);
    assert_eq!(
        found(&[version, version], json!({"lps_version": "1.0.0"})),
        2
    );
    assert_eq!(found(&[same], json!({"structure": "10B0990009"})), 1);
}

#[test]
fn an_assertion_serves_once() {
    let found = |calls: &[(&str, &str)]| a_series("DMP-VIHF-44", calls, &json!({}));
    let (one, two) = (("ID=\"_0", "ID=\"_0"), ("ID=\"_1", "ID=\"_0"));
    assert_eq!(found(&[one, ("ID=\"_1", "ID=\"_1")]), 0);
    assert_eq!(found(&[one, two]), 1);
}

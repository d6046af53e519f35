//! The packs of document rules as committed: they load, agree with their Schematron files and requirements, every base
//! raises nothing, every bad sample raises its rule, every good one does not.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use diapason_core::requirement::RequirementFile;
use diapason_core::rule::{Check, Rule, RulePack, Sample};
use diapason_core::{DocumentKind, Level};

use crate::document::{DocumentJudge, DocumentReport};
use crate::files::{Files, MemoryFiles};

/// Packs whose rules judge lone CDA documents.
const PACKS: [&str; 2] = ["cda-entete", "cda-corps"];

/// Files of the header: this pack and no other answers for their assertions.
const HEADER: [&str; 4] = [
    "cda/entete.sch",
    "cda/entete-patient.sch",
    "cda/entete-intervenants.sch",
    "cda/types.sch",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Every file under a folder of the repository, by its path from that folder.
fn tree(folder: &str) -> BTreeMap<String, PathBuf> {
    fn walk(at: &Path, name: &str, found: &mut BTreeMap<String, PathBuf>) {
        for entry in std::fs::read_dir(at).unwrap_or_else(|e| panic!("{}: {e}", at.display())) {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_string_lossy();
            let name = if name.is_empty() {
                file.into_owned()
            } else {
                format!("{name}/{file}")
            };
            if path.is_dir() {
                walk(&path, &name, found);
            } else {
                found.insert(name, path);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&root().join(folder), "", &mut found);
    found
}

fn pack(name: &str) -> RulePack {
    let path = format!("profiles/rules/{name}.yaml");
    serde_saphyr::from_str(&text(&path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

static RULES: LazyLock<Vec<Rule>> =
    LazyLock::new(|| PACKS.iter().flat_map(|name| pack(name).rules).collect());

static PROFILES: LazyLock<Arc<dyn Files>> = LazyLock::new(|| {
    let files = tree("profiles/cda").into_iter().map(|(name, path)| {
        let bytes: Cow<'static, [u8]> = Cow::Owned(std::fs::read(path).unwrap());
        (format!("cda/{name}"), bytes)
    });
    Arc::new(MemoryFiles::new(files))
});

static JUDGE: LazyLock<DocumentJudge> =
    LazyLock::new(|| DocumentJudge::new(&RULES, Arc::clone(&PROFILES)).unwrap());

static BASES: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let mut bases = BTreeMap::new();
    for (name, path) in tree("profiles/samples/cda") {
        let name = name
            .strip_suffix(".xml")
            .unwrap_or_else(|| panic!("{name}"));
        bases.insert(
            format!("cda/{name}"),
            std::fs::read_to_string(path).unwrap(),
        );
    }
    bases
});

fn judge(document: &str) -> DocumentReport {
    JUDGE.judge(DocumentKind::Cda, document.as_bytes())
}

/// The base of a sample with its replacements made: every occurrence, in order.
fn made(rule: &Rule, sample: &Sample) -> String {
    let mut document = BASES
        .get(&sample.base)
        .unwrap_or_else(|| panic!("{}: no base {}", rule.id, sample.base))
        .clone();
    for change in &sample.replace {
        assert!(
            document.contains(&change.from),
            "{}: {:?} is not in {}",
            rule.id,
            change.from,
            sample.base
        );
        document = document.replace(&change.from, &change.to);
    }
    document
}

fn raised(report: &DocumentReport, rule: &Rule) -> bool {
    report.findings.iter().any(|f| f.rule == rule.id.as_str())
}

#[test]
fn the_packs_hold_many_rules_each_with_a_text_of_its_own() {
    assert!(RULES.len() >= 300, "{} rules", RULES.len());
    assert!(pack("cda-entete").rules.len() >= 150);
    let mut ids = BTreeSet::new();
    let mut said = BTreeMap::new();
    for rule in RULES.iter() {
        assert!(ids.insert(&rule.id), "{} is there twice", rule.id);
        for clause in [&rule.text.fr, &rule.text.en] {
            if let Some(other) = said.insert(clause, &rule.id) {
                panic!("{} and {other} say the same: {clause}", rule.id);
            }
        }
        for words in [&rule.text, &rule.hint] {
            assert!(words.fr.len() > 15 && words.en.len() > 15, "{}", rule.id);
        }
        assert_ne!(rule.text.fr, rule.hint.fr, "{}", rule.id);
    }
}

#[test]
fn every_requirement_cited_exists() {
    let mut known = BTreeSet::new();
    for (_, path) in tree("profiles/requirements") {
        let file: RequirementFile =
            serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        known.extend(file.requirements.into_iter().map(|r| r.id.to_string()));
    }
    let unknown: Vec<String> = RULES
        .iter()
        .flat_map(|rule| {
            rule.requirements
                .iter()
                .map(|r| format!("{}: {r}", rule.id))
        })
        .filter(|line| !known.contains(line.split_once(": ").unwrap().1))
        .collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn assertions_and_rules_agree_both_ways() {
    for file in HEADER {
        let source = text(&format!("profiles/{file}"));
        let in_file: BTreeSet<&str> = source
            .match_indices(" id=\"CDA-")
            .map(|(at, _)| source[at + 5..].split(['"', '.']).next().unwrap())
            .collect();
        let in_pack: BTreeSet<&str> = RULES
            .iter()
            .filter(|r| matches!(&r.check, Check::Schematron { file: named, .. } if named == file))
            .map(|r| r.id.as_str())
            .collect();
        assert!(in_file.len() >= 20, "{file}: {} ids", in_file.len());
        assert_eq!(in_file, in_pack, "{file}");
    }
}

#[test]
fn every_base_raises_nothing_and_leaves_nothing_undecided() {
    assert!(BASES.len() >= 10);
    let mut problems = Vec::new();
    let mut judged = BTreeSet::new();
    for (name, document) in BASES.iter() {
        let report = judge(document);
        for finding in &report.findings {
            problems.push(format!(
                "{name}: {} {:?} at {:?}",
                finding.rule, finding.observed, finding.place
            ));
        }
        for undecided in &report.indeterminate {
            problems.push(format!("{name}: {} {}", undecided.rule, undecided.reason));
        }
        judged.extend(report.checks.into_keys().map(|(_, rule)| rule));
    }
    for rule in &pack("cda-entete").rules {
        let id = rule.id.as_str();
        if !judged.contains(id) {
            problems.push(format!("{id}: judged on no base"));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn every_bad_sample_raises_its_rule_and_every_good_one_does_not() {
    let mut problems = Vec::new();
    for rule in RULES.iter() {
        if rule.bad.is_empty() {
            problems.push(format!("{} has no bad sample", rule.id));
        }
        for (i, sample) in rule.bad.iter().enumerate() {
            let report = judge(&made(rule, sample));
            if !raised(&report, rule) {
                let others: BTreeSet<&str> =
                    report.findings.iter().map(|f| f.rule.as_str()).collect();
                problems.push(format!(
                    "{} bad[{i}] is not caught, only {others:?}",
                    rule.id
                ));
            }
            for undecided in &report.indeterminate {
                problems.push(format!(
                    "{} bad[{i}]: {} undecided, {}",
                    rule.id, undecided.rule, undecided.reason
                ));
            }
        }
        for (i, sample) in rule.good.iter().enumerate() {
            let report = judge(&made(rule, sample));
            if raised(&report, rule) {
                problems.push(format!("{} good[{i}] is refused", rule.id));
            }
        }
    }
    assert!(
        problems.is_empty(),
        "{} of them: {problems:#?}",
        problems.len()
    );
}

#[test]
fn a_finding_says_where_what_was_asked_and_what_was_seen() {
    let document = BASES["cda/n1"].replace("20260115092500+0100", "20260115");
    let report = judge(&document);
    let finding = report
        .findings
        .iter()
        .find(|f| f.rule == "CDA-H09B")
        .unwrap();
    assert_eq!(finding.level, Level::Error);
    assert_eq!(finding.observed, "« 20260115 »");
    assert!(
        finding.expected.contains("à la seconde"),
        "{}",
        finding.expected
    );
    let line = document
        .lines()
        .position(|l| l.contains("<effectiveTime value=\"20260115\""))
        .unwrap()
        + 1;
    assert_eq!(finding.place.line, u32::try_from(line).ok());
    assert_eq!(
        finding.place.path.as_deref(),
        Some("/ClinicalDocument/effectiveTime[1]")
    );
    assert!(
        finding
            .hint
            .as_ref()
            .unwrap()
            .fr
            .contains("20260115092500+0100")
    );
    assert_eq!(finding.requirements[0].as_str(), "SC.DOC.03.MS1");
}

#[test]
fn only_value_sets_that_are_there_are_looked_up() {
    let files = tree("profiles/cda");
    for name in files.keys().filter(|n| n.rsplit('.').next() == Some("sch")) {
        let source = text(&format!("profiles/cda/{name}"));
        for (at, _) in source.match_indices("doc('") {
            let set = source[at + 5..].split('\'').next().unwrap();
            assert!(files.contains_key(set), "{name}: {set}");
        }
    }
    for (name, path) in files.iter().filter(|(n, _)| n.starts_with("jdv/")) {
        let set = std::fs::read_to_string(path).unwrap();
        assert!(set.contains("revisionDate=\"20"), "{name} has no date");
        assert!(set.contains("Facts ("), "{name} has no source");
        let mut seen = BTreeSet::new();
        for line in set.lines().filter(|l| l.contains("<Concept ")) {
            let key = line.split(" displayName=").next().unwrap();
            assert!(seen.insert(key), "{name}: {key} twice");
            assert!(
                key.contains(" code=\"") && key.contains(" codeSystem=\""),
                "{name}: {key}"
            );
        }
        assert!(!seen.is_empty(), "{name} is empty");
    }
}

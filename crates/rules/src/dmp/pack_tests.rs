//! The packs of the DMP as committed: they load, agree with their Schematron files and requirements, every base raises
//! nothing, every bad sample raises its rule, every good one does not; and what no sample of text can say.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use diapason_core::DocumentKind;
use diapason_core::requirement::RequirementFile;
use diapason_core::rule::{Check, Rule, RulePack, Sample};
use diapason_formats::xml::{Limits, Tree};

use crate::document::{DocumentJudge, DocumentReport};
use crate::files::MemoryFiles;
use crate::sample::replaced;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../profiles")
}

/// Files of a folder of `profiles`, by path from `profiles`.
fn files(folder: &str) -> Vec<(String, Cow<'static, [u8]>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
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

fn packs() -> Vec<RulePack> {
    files("rules")
        .iter()
        .map(|(name, text)| {
            serde_saphyr::from_slice(text).unwrap_or_else(|e| panic!("{name}: {e}"))
        })
        .collect()
}

/// Rules of the DMP over documents and messages.
static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let packs = packs().into_iter().filter(|p| p.pack.starts_with("dmp"));
    packs
        .flat_map(|p| p.rules)
        .filter(|r| kind(r).is_some())
        .collect()
});

/// The judge of a whole message: with the rules on the CDA it carries.
static JUDGE: LazyLock<DocumentJudge> = LazyLock::new(|| {
    let rules: Vec<Rule> = packs().into_iter().flat_map(|p| p.rules).collect();
    let sets = files("cda").into_iter().chain(files("dmp"));
    DocumentJudge::new(&rules, Arc::new(MemoryFiles::new(sets))).unwrap()
});

/// The same without the rules on the CDA: enough for samples, and quicker.
static QUICK: LazyLock<DocumentJudge> = LazyLock::new(|| {
    let sets = files("cda").into_iter().chain(files("dmp"));
    DocumentJudge::new(&RULES, Arc::new(MemoryFiles::new(sets))).unwrap()
});

fn kind(rule: &Rule) -> Option<DocumentKind> {
    match &rule.check {
        Check::Schematron { on, .. } | Check::Document { on } => Some(*on),
        _ => None,
    }
}

fn base(name: &str) -> String {
    let path = ["xml", "http"]
        .iter()
        .map(|extension| root().join(format!("samples/{name}.{extension}")))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("no base {name}"));
    std::fs::read_to_string(path).unwrap()
}

fn made(sample: &Sample) -> Result<String, String> {
    replaced(&sample.base, &base(&sample.base), &sample.replace).map_err(|e| e.to_string())
}

/// A raw request is judged whole, whatever part of it the rule is about.
fn as_judged(kind: DocumentKind, text: &str) -> DocumentKind {
    if text.starts_with("POST ") {
        DocumentKind::SoapRequest
    } else {
        kind
    }
}

fn raised(report: &DocumentReport, rule: &str) -> bool {
    report.findings.iter().any(|f| f.rule == rule)
}

fn mtom(change: impl Fn(&str) -> String) -> DocumentReport {
    QUICK.judge(
        DocumentKind::SoapRequest,
        change(&base("dmp/td21-mtom")).as_bytes(),
    )
}

#[test]
fn the_packs_hold_many_rules_each_with_a_text_of_its_own() {
    assert!(RULES.len() >= 130, "{} rules", RULES.len());
    let mut said = BTreeMap::new();
    for rule in RULES.iter() {
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
    for (_, text) in files("requirements") {
        let file: RequirementFile = serde_saphyr::from_slice(&text).unwrap();
        known.extend(file.requirements.into_iter().map(|r| r.id.to_string()));
    }
    for rule in RULES.iter() {
        for cited in &rule.requirements {
            assert!(known.contains(cited.as_str()), "{}: {cited}", rule.id);
        }
    }
}

#[test]
fn every_base_raises_nothing_and_leaves_nothing_undecided() {
    let mut problems = Vec::new();
    let mut judged = BTreeSet::new();
    let bases: BTreeSet<(DocumentKind, &str)> = RULES
        .iter()
        .flat_map(|rule| {
            let samples = rule.bad.iter().chain(&rule.good);
            samples.filter_map(|s| Some((kind(rule)?, s.base.as_str())))
        })
        .collect();
    assert!(bases.len() >= 15);
    for (kind, name) in bases {
        let text = base(name);
        let report = JUDGE.judge(as_judged(kind, &text), text.as_bytes());
        for finding in &report.findings {
            problems.push(format!(
                "{name} as {kind}: {} {} | {} at {:?}",
                finding.rule, finding.expected, finding.observed, finding.place.path
            ));
        }
        for undecided in &report.indeterminate {
            problems.push(format!(
                "{name} as {kind}: {} {}",
                undecided.rule, undecided.reason
            ));
        }
        judged.extend(report.checks.into_keys().map(|(_, rule)| rule));
    }
    for rule in RULES.iter().filter(|r| r.good.is_empty()) {
        if !judged.contains(rule.id.as_str()) {
            problems.push(format!("{}: judged on no base", rule.id));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn every_bad_sample_raises_its_rule_and_every_good_one_does_not() {
    let mut problems = Vec::new();
    for rule in RULES.iter() {
        let kind = kind(rule).unwrap();
        if rule.bad.is_empty() {
            problems.push(format!("{} has no bad sample", rule.id));
        }
        for (i, sample) in rule.bad.iter().enumerate() {
            let text = match made(sample) {
                Ok(text) => text,
                Err(problem) => {
                    problems.push(format!("{} bad[{i}]: {problem}", rule.id));
                    continue;
                }
            };
            let report = QUICK.judge(as_judged(kind, &text), text.as_bytes());
            if !raised(&report, rule.id.as_str()) {
                let open = report
                    .indeterminate
                    .iter()
                    .find(|u| u.rule == rule.id.as_str());
                problems.push(format!("{} bad[{i}] is not raised: {open:?}", rule.id));
            }
        }
        for (i, sample) in rule.good.iter().enumerate() {
            let text = made(sample).unwrap();
            let report = QUICK.judge(as_judged(kind, &text), text.as_bytes());
            if raised(&report, rule.id.as_str()) {
                problems.push(format!("{} good[{i}] is refused", rule.id));
            }
            let ran = report.checks.keys().any(|(_, id)| id == rule.id.as_str());
            if !ran {
                problems.push(format!("{} good[{i}] does not run it", rule.id));
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
fn every_assertion_of_the_schematrons_fails_on_some_bad_sample() {
    // An assertion that no sample breaks may be one that cannot fail.
    let mut never: BTreeSet<String> = BTreeSet::new();
    for file in ["soap", "existence", "recherche", "lot", "attributs"] {
        let source = std::fs::read_to_string(root().join(format!("dmp/{file}.sch"))).unwrap();
        never.extend(
            source
                .match_indices(" id=\"DMP-")
                .map(|(at, _)| source[at + 5..].split('"').next().unwrap().to_owned()),
        );
    }
    let asserted = never.len();
    for rule in RULES.iter() {
        if !matches!(rule.check, Check::Schematron { .. }) {
            continue;
        }
        for sample in &rule.bad {
            let Ok(text) = made(sample) else { continue };
            let Ok(tree) = Tree::read(text.as_bytes(), &Limits::default()) else {
                continue;
            };
            for schema in QUICK.schemas() {
                for failure in schema.run(&tree).failures {
                    never.remove(&schema.checks()[failure.check].id);
                }
            }
        }
    }
    assert!(asserted >= 150, "{asserted} assertions");
    assert!(
        never.is_empty(),
        "{} of {asserted}: {never:#?}",
        never.len()
    );
}

#[test]
fn only_value_sets_that_are_there_are_looked_up() {
    let mut sets = 0;
    for (name, text) in files("dmp") {
        let text = String::from_utf8(text.into_owned()).unwrap();
        if name.starts_with("dmp/jdv/") {
            assert!(text.contains("revisionDate=\"20"), "{name} has no date");
            assert!(text.contains("Facts ("), "{name} has no source");
            let mut seen = BTreeSet::new();
            for line in text.lines().filter(|l| l.contains("<Concept ")) {
                assert!(seen.insert(line), "{name}: {line} twice");
            }
            assert!(!seen.is_empty(), "{name} is empty");
            sets += 1;
        }
        for (at, _) in text.match_indices("doc('") {
            let set = text[at + 5..].split('\'').next().unwrap();
            assert!(root().join("dmp").join(set).is_file(), "{name}: {set}");
        }
    }
    assert!(sets >= 4, "{sets}");
}

#[test]
fn a_finding_in_an_envelope_says_where_what_was_asked_and_what_was_seen() {
    let text =
        base("dmp/td21-nouveau").replace("nodeRepresentation=\"44\"", "nodeRepresentation=\"11\"");
    let report = JUDGE.judge(DocumentKind::SoapRequest, text.as_bytes());
    let finding = report
        .findings
        .iter()
        .find(|f| f.rule == "DMP-SUB-10")
        .unwrap();
    assert_eq!(finding.observed, "classCode « 11 »");
    assert!(
        finding.expected.contains("80788-3 est 44"),
        "{}",
        finding.expected
    );
    let line = text
        .lines()
        .position(|l| l.contains("nodeRepresentation=\"80788-3\""))
        .unwrap();
    assert_eq!(finding.place.line, u32::try_from(line + 1).ok());
    assert!(
        finding
            .place
            .path
            .as_deref()
            .unwrap()
            .contains("/rim:ExtrinsicObject[1]/rim:Classification")
    );
}

#[test]
fn findings_in_a_document_of_the_package_name_the_part() {
    let text =
        base("dmp/td21-mtom").replace("<realmCode code=\"FR\"/>", "<realmCode code=\"BE\"/>");
    let report = JUDGE.judge(DocumentKind::SoapRequest, text.as_bytes());
    let finding = report
        .findings
        .iter()
        .find(|f| f.rule == "CDA-H02A")
        .unwrap();
    let path = finding.place.path.as_deref().unwrap();
    assert!(path.starts_with("Document01: /ClinicalDocument"), "{path}");
    // The same change is seen by the digests of the lot.
    assert!(raised(&report, "DMP-SUB-16"));
}

#[test]
fn a_package_that_cannot_be_read_is_a_finding() {
    let cut = mtom(|text| text.replace("--diapason-b1d0c8a4--", ""));
    assert!(raised(&cut, "DMP-MTOM-02"), "{:?}", cut.findings);
    let twice = mtom(|text| {
        text.replace(
            "Content-ID: <signature01@diapason.test>",
            "Content-ID: <document01@diapason.test>",
        )
    });
    assert!(raised(&twice, "DMP-MTOM-02"), "{:?}", twice.findings);
    let cycle = mtom(|text| text.replace("cid:document01@diapason.test", "cid:root@diapason.test"));
    assert!(raised(&cycle, "DMP-MTOM-02"), "{:?}", cycle.findings);
    let lies = QUICK.judge(
        DocumentKind::SoapRequest,
        base("dmp/td21-nouveau")
            .replace("<rim:Slot", "<rim:Slot\u{b}")
            .as_bytes(),
    );
    assert!(raised(&lies, "DMP-SOAP-07"), "{:?}", lies.findings);
}

#[test]
fn a_bare_pdf_in_place_of_a_document_is_seen() {
    let report = mtom(|text| {
        let start = text.find("<ClinicalDocument ").unwrap();
        let end = text.find("</ClinicalDocument>").unwrap() + "</ClinicalDocument>".len();
        let before = text[..start].rfind("<?xml").unwrap();
        format!("{}%PDF-1.4 rien{}", &text[..before], &text[end..])
    });
    let finding = report
        .findings
        .iter()
        .find(|f| f.rule == "DMP-CDA-03")
        .unwrap();
    assert_eq!(finding.observed, "un PDF nu");
}

#[test]
fn summer_and_winter_times_are_converted() {
    let with = |cda: &str, metadata: &str| {
        let report = mtom(|text| {
            text.replace(
                "effectiveTime value=\"20260115092500+0100\"",
                &format!("effectiveTime value=\"{cda}\""),
            )
            .replace(
                "<rim:Value>20260115082500</rim:Value>",
                &format!("<rim:Value>{metadata}</rim:Value>"),
            )
        });
        raised(&report, "DMP-SUB-17")
    };
    assert!(!with("20260715092500+0200", "20260715072500"));
    assert!(with("20260715092500+0200", "20260715082500"));
    assert!(!with("20260101003000+0100", "20251231233000"));
    assert!(!with("20260715092500-0400", "20260715132500"));
}

#[test]
fn a_lot_of_two_thousand_entries_is_judged_in_bounded_time() {
    let text = base("dmp/metadata");
    let start = text.find("<rim:ExtrinsicObject").unwrap();
    let end = text.find("</rim:ExtrinsicObject>").unwrap() + "</rim:ExtrinsicObject>".len();
    let entry = &text[start..end];
    let mut many = String::from(&text[..start]);
    for number in 0..2_000 {
        many.push_str(&entry.replace("Document01", &format!("Document{number:05}")));
    }
    many.push_str(&text[end..]);
    let before = std::time::Instant::now();
    let report = QUICK.judge(DocumentKind::XdsMetadata, many.as_bytes());
    assert!(
        raised(&report, "DMP-SUB-07"),
        "the same uniqueId everywhere"
    );
    assert!(raised(&report, "DMP-SUB-70"), "entries that are no members");
    assert!(before.elapsed().as_secs() < 60, "{:?}", before.elapsed());
}

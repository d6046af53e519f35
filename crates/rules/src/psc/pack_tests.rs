//! The PSC pack, its samples, the PSC and identity requirements, the PSC scenarios, as committed: they
//! load, agree with each other, and every schema rule is shown to pass and to fail.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use diapason_core::requirement::RequirementFile;
use diapason_core::rule::{Check, Rule, RulePack, Sample};
use diapason_core::scenario::{Arm, Scenario, Step, StepFile};

use crate::{Judge, sample};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn pack(name: &str) -> RulePack {
    serde_saphyr::from_str(&text(&format!("profiles/rules/{name}.yaml")))
        .unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The PSC rules, and the Rust rules of the other packs, whose functions are registered too.
fn judge(rules: &[Rule]) -> Judge {
    let others = ["insi", "dmp-conduite"]
        .into_iter()
        .flat_map(|name| pack(name).rules);
    let mut all = rules.to_vec();
    all.extend(others.filter(|r| matches!(r.check, Check::Rust { .. })));
    Judge::new(&all).unwrap()
}

fn files(folder: &str, extension: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = std::fs::read_dir(root().join(folder))
        .unwrap_or_else(|e| panic!("{folder}: {e}"))
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == extension))
        .map(|p| {
            let name = p.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&p).unwrap())
        })
        .collect();
    found.sort();
    found
}

fn bases() -> Vec<(String, String)> {
    let mut all = files("profiles/samples", "http");
    all.retain(|(name, _)| name.starts_with("psc-"));
    all
}

fn requirements() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for family in ["psc", "ssi"] {
        let path = format!("profiles/requirements/{family}.yaml");
        let file: RequirementFile = serde_saphyr::from_str(&text(&path)).unwrap();
        for requirement in file.requirements {
            assert!(
                known.insert(requirement.id.to_string()),
                "{}",
                requirement.id
            );
            assert!(!requirement.official_proof.is_empty(), "{}", requirement.id);
        }
    }
    known
}

#[test]
fn the_pack_loads_and_its_requirements_exist() {
    let pack = pack("psc");
    assert!(pack.rules.len() >= 90, "{} rules", pack.rules.len());
    judge(&pack.rules);
    let known = requirements();
    for rule in &pack.rules {
        assert!(rule.id.as_str().starts_with("PSC-"), "{}", rule.id);
        assert!(!rule.requirements.is_empty(), "{}", rule.id);
        for requirement in &rule.requirements {
            assert!(
                known.contains(requirement.as_str()),
                "{}: {requirement}",
                rule.id
            );
        }
        for said in [&rule.text, &rule.hint] {
            assert!(said.fr.len() > 15 && said.en.len() > 15, "{}", rule.id);
        }
    }
}

#[test]
fn the_bases_raise_no_finding_and_give_every_schema_rule_something_to_judge() {
    let pack = pack("psc");
    let judge = judge(&pack.rules);
    let mut ran = BTreeSet::new();
    for (name, base) in bases() {
        let seen = sample::parse(&name, &base).unwrap();
        let (findings, checks) = judge.judge_exchange(&seen);
        assert!(findings.is_empty(), "{name}: {findings:#?}");
        ran.extend(checks.into_keys());
    }
    for rule in &pack.rules {
        if matches!(rule.check, Check::Schema { .. }) {
            assert!(ran.contains(&rule.id), "{} judges no base", rule.id);
        }
    }
}

#[test]
fn every_schema_rule_catches_its_bad_samples_and_passes_its_good_ones() {
    let pack = pack("psc");
    let judge = judge(&pack.rules);
    let bases = bases();
    let outcome = |rule: &Rule, sample: &Sample| {
        let base = bases.iter().find(|(name, _)| *name == sample.base);
        let (_, base) = base.unwrap_or_else(|| panic!("{}: no base {}", rule.id, sample.base));
        let seen = sample::read(sample, base).unwrap_or_else(|e| panic!("{}: {e}", rule.id));
        let (findings, checks) = judge.judge_exchange(&seen);
        (
            findings.iter().any(|f| f.rule == rule.id),
            checks.contains_key(&rule.id),
        )
    };
    let mut problems = Vec::new();
    for rule in &pack.rules {
        if matches!(rule.check, Check::Schema { .. }) && rule.bad.is_empty() {
            problems.push(format!("{} has no bad sample", rule.id));
        }
        for (i, bad) in rule.bad.iter().enumerate() {
            let (hit, ran) = outcome(rule, bad);
            if !hit {
                problems.push(format!(
                    "{} bad[{i}] is not caught (judged: {ran})",
                    rule.id
                ));
            }
        }
        for (i, good) in rule.good.iter().enumerate() {
            let (hit, ran) = outcome(rule, good);
            if hit || !ran {
                problems.push(format!("{} good[{i}]: found {hit}, judged {ran}", rule.id));
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

/// Rules cited by steps; faults they arm must exist.
fn cited(steps: &[Step], faults: &str, at: &str, cite: &mut BTreeSet<String>) {
    for step in steps {
        for expect in &step.expect {
            assert!(
                expect.what().is_some(),
                "{at}: not exactly one expectation for {}",
                expect.rule
            );
            cite.insert(expect.rule.to_string());
        }
        for arm in &step.arm {
            if let Arm::Fault(fault) = arm {
                assert!(
                    faults.contains(&format!("id = \"{}\"", fault.id)),
                    "{at}: {}",
                    fault.id
                );
            }
        }
        if let Some(include) = &step.include {
            assert!(
                root().join("scenarios").join(include).exists(),
                "{at}: {include}"
            );
        }
        if let Some(rule) = step.with.get("regle").and_then(|r| r.as_str()) {
            cite.insert(rule.to_owned());
        }
    }
}

#[test]
fn the_scenarios_cite_rules_requirements_and_faults_that_exist() {
    let pack = pack("psc");
    let rules: BTreeSet<&str> = pack.rules.iter().map(|r| r.id.as_str()).collect();
    let known = requirements();
    let faults = text("mocks/psc/data/faults.toml");
    let mut cite = BTreeSet::new();
    let all = files("scenarios/psc", "yaml");
    assert!(all.len() >= 70, "{} scenarios", all.len());
    for (name, yaml) in all {
        let scenario: Scenario =
            serde_saphyr::from_str(&yaml).unwrap_or_else(|e| panic!("{name}: {e}"));
        let id = scenario.id.as_str();
        assert_eq!(id.to_lowercase().replace(['/', '.'], "-"), name);
        assert_eq!(scenario.family, "psc", "{name}");
        let asked = scenario.steps.iter().flat_map(|s| &s.requirements);
        for requirement in scenario.requirements.iter().chain(asked) {
            assert!(
                known.contains(requirement.as_str()),
                "{name}: {requirement}"
            );
        }
        cite.extend(scenario.checks.iter().map(ToString::to_string));
        cited(&scenario.steps, &faults, &name, &mut cite);
    }
    for (name, yaml) in files("scenarios/_commun", "yaml") {
        if name.starts_with("psc-") || name.starts_with("session-") {
            // Parameters are replaced before a step file is typed.
            let yaml = yaml.replace("rule: ${regle}", "rule: PSC-D01");
            let yaml = yaml.replace("persona: ${qui}", "persona: idec");
            let yaml = yaml.replace("advance: ${secondes}", "advance: 1");
            let file: StepFile =
                serde_saphyr::from_str(&yaml).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(!file.steps.is_empty(), "{name}");
            cited(&file.steps, &faults, &name, &mut cite);
        }
    }
    for rule in &cite {
        assert!(
            rules.contains(rule.as_str()) || rule.contains('$'),
            "{rule} does not exist"
        );
    }
    let idle: Vec<&str> = pack
        .rules
        .iter()
        .filter(|r| matches!(r.check, Check::Scenario {}) && !cite.contains(r.id.as_str()))
        .map(|r| r.id.as_str())
        .collect();
    assert!(idle.is_empty(), "no scenario judges {idle:?}");
}

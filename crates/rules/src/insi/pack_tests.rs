//! The INSi pack, its samples, the INS requirements and scenarios, as committed: they load, agree with
//! each other, and every rule that judges one exchange is shown to pass and to fail.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use diapason_core::requirement::RequirementFile;
use diapason_core::rule::{Check, Rule, RulePack, Sample};
use diapason_core::scenario::{Arm, Scenario, Step, StepFile};
use serde_json::Value;

use super::test_support::exchange_findings;
use crate::{Judge, sample};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The rules of the INSi.
pub(super) fn pack() -> RulePack {
    static PACK: LazyLock<RulePack> =
        LazyLock::new(|| serde_saphyr::from_str(&text("profiles/rules/insi.yaml")).unwrap());
    PACK.clone()
}

/// The rules of the other packs: the registered functions of all must find their rules.
static OTHERS: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    ["psc", "dmp-conduite"]
        .into_iter()
        .flat_map(|name| {
            let path = format!("profiles/rules/{name}.yaml");
            let pack: RulePack = serde_saphyr::from_str(&text(&path)).unwrap();
            pack.rules
        })
        .collect()
});

/// A judge over `rules`, and whatever else the registered functions need.
pub(super) fn judge(rules: &[Rule]) -> Judge {
    let mut all = rules.to_vec();
    let here: BTreeSet<String> = all.iter().map(|r| r.id.to_string()).collect();
    let mut others = pack().rules;
    others.extend(OTHERS.clone());
    all.extend(
        others
            .into_iter()
            .filter(|r| matches!(r.check, Check::Rust { .. }) && !here.contains(r.id.as_str())),
    );
    Judge::new(&all).unwrap()
}

fn base(name: &str) -> String {
    text(&format!("profiles/samples/{name}.http"))
}

fn bases() -> Vec<String> {
    let mut names: Vec<String> = files("profiles/samples", "http")
        .iter()
        .map(|p| p.file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|n| n.starts_with("insi-"))
        .collect();
    names.sort();
    names
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(root().join(folder))
        .unwrap_or_else(|e| panic!("{folder}: {e}"))
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == extension))
        .collect();
    found.sort();
    found
}

#[test]
fn the_pack_loads_and_its_ids_and_requirements_exist() {
    let pack = pack();
    assert!(pack.rules.len() >= 80, "{} rules", pack.rules.len());
    judge(&pack.rules);
    let file: RequirementFile =
        serde_saphyr::from_str(&text("profiles/requirements/ins.yaml")).unwrap();
    let known: BTreeSet<&str> = file.requirements.iter().map(|r| r.id.as_str()).collect();
    assert_eq!(known.len(), file.requirements.len());
    for rule in &pack.rules {
        assert!(rule.id.as_str().starts_with("INSI-"), "{}", rule.id);
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
fn the_bases_raise_no_finding() {
    let pack = pack();
    let judge = judge(&pack.rules);
    assert!(bases().len() >= 4);
    let mut ran = BTreeSet::new();
    for name in bases() {
        let seen = sample::parse(&name, &base(&name)).unwrap();
        let (findings, checked) = exchange_findings(&judge, &seen);
        assert!(findings.is_empty(), "{name}: {findings:#?}");
        ran.extend(checked);
    }
    for rule in &pack.rules {
        if matches!(rule.check, Check::Schema { .. })
            && !["INSI-A08", "INSI-B11"].contains(&rule.id.as_str())
        {
            assert!(
                ran.contains(rule.id.as_str()),
                "{} is judged on no base",
                rule.id
            );
        }
    }
}

#[test]
fn every_schema_rule_catches_its_bad_samples_and_passes_its_good_ones() {
    let pack = pack();
    let judge = judge(&pack.rules);
    let outcome = |rule: &Rule, sample: &Sample| {
        let seen = sample::read(sample, &base(&sample.base))
            .unwrap_or_else(|e| panic!("{}: {e}", rule.id));
        let (findings, ran) = exchange_findings(&judge, &seen);
        let hit = findings.iter().any(|f| f.rule == rule.id);
        (hit, ran.contains(&rule.id.to_string()))
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

/// `required` says nothing of null: below its root, a schema that requires members must require an object.
fn no_null_trap(schema: &Value, at: &str) {
    let children = |key: &str| {
        schema
            .get(key)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
    };
    for (name, child) in children("properties") {
        let requires = child.get("required").is_some();
        assert!(
            !requires || child.get("type").is_some(),
            "{at}: {name} may be null"
        );
        no_null_trap(child, at);
    }
    for key in ["anyOf", "allOf"] {
        let list = schema
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        list.for_each(|child| no_null_trap(child, at));
    }
    if let Some(child) = schema.get("contains") {
        no_null_trap(child, at);
    }
}

fn steps_cite(steps: &[Step], cite: &mut BTreeMap<String, u32>, faults: &str, at: &str) {
    for step in steps {
        for expect in &step.expect {
            assert!(
                expect.what().is_some(),
                "{at}: not exactly one expectation for {}",
                expect.rule
            );
            *cite.entry(expect.rule.to_string()).or_default() += 1;
            let schemas = [
                expect.answer.as_ref().map(|a| &a.schema),
                expect.observe.as_ref().map(|o| &o.schema),
                expect.call.as_ref().and_then(|c| c.facts.as_ref()),
            ];
            schemas
                .into_iter()
                .flatten()
                .for_each(|schema| no_null_trap(schema, at));
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
    }
}

#[test]
fn the_scenarios_cite_rules_and_requirements_that_exist() {
    let pack = pack();
    let rules: BTreeSet<&str> = pack.rules.iter().map(|r| r.id.as_str()).collect();
    let file: RequirementFile =
        serde_saphyr::from_str(&text("profiles/requirements/ins.yaml")).unwrap();
    let requirements: BTreeSet<&str> = file.requirements.iter().map(|r| r.id.as_str()).collect();
    let faults = text("mocks/insi/data/faults.toml");
    let mut cite = BTreeMap::new();
    let mut ids = BTreeSet::new();
    let all = files("scenarios/ins", "yaml");
    assert!(all.len() >= 60, "{} scenarios", all.len());
    for path in all {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let scenario: Scenario = serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let stem = scenario.id.as_str().to_lowercase().replace(['/', '.'], "-");
        assert_eq!(stem, name);
        assert_eq!(scenario.family, "ins", "{name}");
        assert!(ids.insert(scenario.id.clone()), "{name}");
        let cited = scenario
            .requirements
            .iter()
            .chain(scenario.steps.iter().flat_map(|s| &s.requirements));
        for requirement in cited {
            assert!(
                requirements.contains(requirement.as_str()),
                "{name}: {requirement}"
            );
        }
        for rule in &scenario.checks {
            *cite.entry(rule.to_string()).or_default() += 1;
        }
        steps_cite(&scenario.steps, &mut cite, &faults, &name);
    }
    for path in files("scenarios/_commun", "yaml") {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if name.starts_with("ins-") || name.starts_with("usager-") {
            let file: StepFile = serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap())
                .unwrap_or_else(|e| panic!("{name}: {e}"));
            steps_cite(&file.steps, &mut cite, &faults, &name);
        }
    }
    for rule in cite.keys() {
        assert!(
            rules.contains(rule.as_str()),
            "{rule} is cited and does not exist"
        );
    }
    for rule in &pack.rules {
        if matches!(rule.check, Check::Scenario {}) {
            assert!(
                cite.contains_key(rule.id.as_str()),
                "{}: no scenario judges it",
                rule.id
            );
        }
    }
}

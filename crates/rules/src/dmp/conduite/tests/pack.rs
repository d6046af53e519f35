//! The pack and the scenarios as committed: they agree with each other and with the functions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use diapason_core::requirement::RequirementFile;
use diapason_core::rule::{Check, Sample};
use diapason_core::scenario::{Scenario, What};
use serde_json::Value;

use super::super::RULES;
use super::{judge, pack, text};
use crate::sample;

#[test]
fn every_function_has_its_rule_and_every_schema_fails() {
    let functions: BTreeSet<&str> = RULES.iter().map(|(id, _)| *id).collect();
    let rust: BTreeSet<&str> = pack()
        .iter()
        .filter(|r| matches!(r.check, Check::Rust { .. }))
        .map(|r| r.id.as_str())
        .collect();
    assert_eq!(functions, rust);
    let base = text("profiles/samples/dmp-td02.http");
    let good = sample::parse("dmp-td02", &base).unwrap();
    let (found, ran) = judge().judge_exchange(&good);
    let ours: Vec<_> = found
        .iter()
        .filter(|f| f.rule.as_str().starts_with("DMP-"))
        .collect();
    assert!(ours.is_empty(), "{ours:#?}");
    for rule in pack() {
        if !matches!(rule.check, Check::Schema { .. }) {
            continue;
        }
        assert!(
            ran.contains_key(&rule.id),
            "{} is judged on no base",
            rule.id
        );
        for bad in &rule.bad {
            let seen = sample::read(
                &Sample {
                    base: bad.base.clone(),
                    replace: bad.replace.clone(),
                },
                &base,
            )
            .unwrap();
            let (found, _) = judge().judge_exchange(&seen);
            assert!(
                found.iter().any(|f| f.rule == rule.id),
                "{}: {:?}",
                rule.id,
                bad.replace
            );
        }
    }
}

#[test]
fn every_rule_names_requirements_that_exist_and_speaks_both_languages() {
    let mut known = BTreeSet::new();
    for family in ["dmp", "cda", "ins", "psc", "ssi"] {
        let path = format!("profiles/requirements/{family}.yaml");
        let file: RequirementFile = serde_saphyr::from_str(&text(&path)).unwrap();
        known.extend(file.requirements.iter().map(|r| r.id.to_string()));
    }
    assert!(pack().len() >= 66, "{} rules", pack().len());
    for rule in pack() {
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
        assert!(
            rule.level <= rule.confidence.ceiling() || rule.breach.is_some(),
            "{}",
            rule.id
        );
    }
}

/// Scenario files of the family, includes in.
fn scenarios() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut all = BTreeMap::new();
    for family in ["dmp", "_commun"] {
        for file in std::fs::read_dir(folder.join(family)).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            if name.starts_with("dmp-") {
                let value: Value =
                    serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
                all.insert(name, value);
            }
        }
    }
    all
}

#[test]
fn every_rule_of_the_pack_is_proved_somewhere() {
    let written = scenarios();
    assert!(written.len() > 45, "{} files", written.len());
    let text = serde_json::to_string(&written).unwrap();
    for rule in pack() {
        let judged_by_itself = !matches!(rule.check, Check::Scenario {});
        assert!(
            judged_by_itself || text.contains(&format!("\"{}\"", rule.id)),
            "no scenario cites {}",
            rule.id
        );
    }
    for (name, file) in &written {
        let Ok(scenario) = serde_json::from_value::<Scenario>(file.clone()) else {
            continue;
        };
        let attested = scenario
            .steps
            .iter()
            .flat_map(|s| &s.expect)
            .any(|e| matches!(e.what(), Some(What::Attest(_))));
        assert!(
            !attested || scenario.steps.len() == 1,
            "{name}: what a person must confirm is asked alone, so that the rest stays automatic"
        );
    }
}

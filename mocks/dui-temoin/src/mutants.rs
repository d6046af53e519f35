//! The mutants: names and texts of the defects that can be seeded, read from `data/`.

use std::collections::BTreeSet;

use diapason_core::requirement::Text;
use diapason_core::{RuleId, ScenarioId};
use serde::{Deserialize, Serialize};

use crate::serveur::DuiError;

/// The defects seeded in this DUI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mutants(BTreeSet<String>);

impl Mutants {
    /// Is this defect seeded? Call it at the exact place of the defect.
    pub fn mutant(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// For tests and tools that seed without going through a configuration.
    pub fn of(names: &[&str]) -> Self {
        Self(names.iter().map(|name| (*name).to_owned()).collect())
    }
}

impl std::ops::Deref for Mutants {
    type Target = BTreeSet<String>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// One seeded defect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MutantSpec {
    /// Slug, asked for in the configuration.
    pub name: String,
    /// What the defect is.
    pub text: Text,
    /// The rule that must catch it.
    pub rule: RuleId,
    /// The scenario that shows it.
    pub scenario: ScenarioId,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MutantFile {
    mutant: Vec<MutantSpec>,
}

const FILES: [(&str, &str); 5] = [
    ("mutants-ins.toml", include_str!("../data/mutants-ins.toml")),
    ("mutants-psc.toml", include_str!("../data/mutants-psc.toml")),
    ("mutants-cda.toml", include_str!("../data/mutants-cda.toml")),
    ("mutants-dmp.toml", include_str!("../data/mutants-dmp.toml")),
    (
        "mutants-dmp-lecture.toml",
        include_str!("../data/mutants-dmp-lecture.toml"),
    ),
];

/// Every mutant, INS first.
pub fn mutants() -> Vec<MutantSpec> {
    FILES
        .iter()
        .flat_map(|(name, text)| match toml::from_str::<MutantFile>(text) {
            Ok(file) => file.mutant,
            Err(error) => panic!("{name} is compiled in and tested: {error}"),
        })
        .collect()
}

/// Checks that each name is a known mutant.
pub(crate) fn check(names: &[String]) -> Result<Mutants, DuiError> {
    if names.is_empty() {
        return Ok(Mutants::default());
    }
    let known = mutants();
    for name in names {
        if !known.iter().any(|m| m.name == *name) {
            return Err(DuiError::UnknownMutant {
                name: name.clone(),
                near: near(name, &known).join(", "),
            });
        }
    }
    Ok(Mutants(names.iter().cloned().collect()))
}

/// The names that look most like `name`, at most five.
fn near(name: &str, known: &[MutantSpec]) -> Vec<String> {
    let mut scored: Vec<(f64, &str)> = known
        .iter()
        .map(|m| (strsim::jaro_winkler(name, &m.name), m.name.as_str()))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored
        .into_iter()
        .take(5)
        .map(|(_, name)| name.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use super::*;

    fn sources(dir: &Path, out: &mut String) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, out);
            } else {
                out.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }

    #[test]
    fn each_mutant_is_seeded_in_the_code_once_named() {
        let mut code = String::new();
        sources(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut code,
        );
        let mut names = BTreeSet::new();
        for mutant in mutants() {
            assert!(names.insert(mutant.name.clone()), "{} twice", mutant.name);
            assert!(!mutant.text.fr.is_empty() && !mutant.text.en.is_empty());
            assert!(
                code.contains(&format!("\"{}\"", mutant.name)),
                "{} is in no source file",
                mutant.name
            );
        }
    }

    #[test]
    fn each_name_asked_by_the_code_is_in_the_catalogue() {
        let mut code = String::new();
        sources(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut code,
        );
        let names: BTreeSet<String> = mutants().into_iter().map(|m| m.name).collect();
        for part in code.split("mutant(\"").skip(1) {
            let name = part.split('"').next().unwrap();
            let slug = !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            assert!(!slug || names.contains(name), "{name} is in no catalogue");
        }
    }

    #[test]
    fn each_mutant_names_a_rule_and_a_scenario_that_exist() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut rules = String::new();
        sources(&root.join("profiles/rules"), &mut rules);
        for mutant in mutants() {
            let rule = format!("- id: {}\n", mutant.rule);
            assert!(
                rules.contains(&rule),
                "{}: no rule {}",
                mutant.name,
                mutant.rule
            );
            let id = mutant.scenario.as_str();
            let stem = id.to_lowercase().replace(['/', '.'], "-");
            let exists = ["ins", "psc", "cda", "dmp"]
                .iter()
                .any(|f| root.join(format!("scenarios/{f}/{stem}.yaml")).exists());
            assert!(exists, "{}: no scenario {id}", mutant.name);
        }
    }

    #[test]
    fn an_unknown_mutant_names_its_neighbours() {
        let error = check(&["qualif-on-insi-alon".to_owned()]).unwrap_err();
        assert!(
            error.to_string().contains("qualif-on-insi-alone"),
            "{error}"
        );
    }
}

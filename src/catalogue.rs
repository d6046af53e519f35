//! Loads what a run is judged against: the data the binary carries, or folders given instead.

use std::path::Path;

use diapason_core::Sha256Hex;
use diapason_core::event::PackRef;
use diapason_core::rule::{Rule, RulePack};
use diapason_rules::Catalogue;

use crate::embedded;
use crate::run::bench;
use crate::scenario_file::{
    FileErrors, References, ScenarioFiles, requirement_file_from_str, rule_pack_from_str,
};

/// A catalogue and the packs it was made of.
#[derive(Debug)]
pub struct Loaded {
    /// Scenarios, rules, requirements, faults.
    pub catalogue: Catalogue,
    /// Packs, pinned by hash.
    pub packs: Vec<PackRef>,
}

/// Environment variable that names a folder with `profiles/` and `scenarios/` to read instead of the
/// embedded data, for whoever writes rules and scenarios.
pub const DATA_VARIABLE: &str = "DIAPASON_DATA";

/// Data files of one kind: name, text.
fn data(folder: &str, embedded: &[(&str, &str)]) -> Result<Vec<(String, String)>, FileErrors> {
    let Some(root) = std::env::var_os(DATA_VARIABLE) else {
        return Ok(embedded
            .iter()
            .map(|(n, t)| ((*n).to_owned(), (*t).to_owned()))
            .collect());
    };
    let files = ScenarioFiles::from_dir(&Path::new(&root).join(folder))?;
    Ok(files
        .iter()
        .map(|(n, t)| (n.to_owned(), t.to_owned()))
        .collect())
}

/// The catalogue; `own_scenarios` adds a vendor's folder.
pub fn load(own_scenarios: Option<&Path>) -> Result<Loaded, FileErrors> {
    let mut packs = Vec::new();
    let mut catalogue = Catalogue {
        faults: bench::faults(),
        ..Catalogue::default()
    };
    let mut rule_packs = Vec::new();
    for (name, text) in data("profiles/rules", embedded::RULES)? {
        let pack = rule_pack_from_str(&format!("profiles/rules/{name}"), &text)?;
        packs.push(pin(&pack.value, &text));
        catalogue.rules.extend(pack.value.rules.iter().cloned());
        rule_packs.push(pack);
    }
    for (name, text) in data("profiles/requirements", embedded::REQUIREMENTS)? {
        let file = requirement_file_from_str(&format!("profiles/requirements/{name}"), &text)?;
        catalogue.requirements.extend(file.value.requirements);
    }
    let references = references(&catalogue);
    for pack in &rule_packs {
        references.check_rule_pack(pack)?;
    }
    let mut scenarios =
        ScenarioFiles::from_texts("scenarios", data("scenarios", embedded::SCENARIOS)?).load()?;
    if let Some(folder) = own_scenarios {
        scenarios.extend(ScenarioFiles::from_dir(folder)?.load()?);
    }
    references.check_scenarios(&scenarios)?;
    References::check_fault_parameters(&scenarios, &bench::fault_parameters())?;
    catalogue.scenarios = scenarios.into_iter().map(|s| s.value).collect();
    catalogue
        .scenarios
        .sort_by(|a, b| (&a.family, &a.id).cmp(&(&b.family, &b.id)));
    Ok(Loaded { catalogue, packs })
}

/// The rules alone, and the packs they are of.
#[derive(Debug)]
pub struct LoadedRules {
    /// Rules of every pack.
    pub rules: Vec<Rule>,
    /// Packs, pinned by hash.
    pub packs: Vec<PackRef>,
    /// For each rule, the number of its pack.
    pub pack_of: Vec<usize>,
}

impl LoadedRules {
    /// The rules of one pack.
    pub fn of_pack(&self, pack: usize) -> impl Iterator<Item = &Rule> {
        self.rules
            .iter()
            .zip(&self.pack_of)
            .filter(move |(_, of)| **of == pack)
            .map(|(rule, _)| rule)
    }
}

/// The rules alone: what judging a lone file needs, in a fraction of the time of [`load`].
pub fn rules() -> Result<LoadedRules, FileErrors> {
    read_rules("profiles/rules", data("profiles/rules", embedded::RULES)?)
}

/// The rules of a folder of rule packs.
pub fn rules_of(folder: &Path) -> Result<LoadedRules, FileErrors> {
    let files = ScenarioFiles::from_dir(folder)?;
    let texts = files
        .iter()
        .map(|(n, t)| (n.to_owned(), t.to_owned()))
        .collect();
    read_rules(&folder.display().to_string(), texts)
}

fn read_rules(label: &str, texts: Vec<(String, String)>) -> Result<LoadedRules, FileErrors> {
    let mut loaded = LoadedRules {
        rules: Vec::new(),
        packs: Vec::new(),
        pack_of: Vec::new(),
    };
    for (name, text) in texts {
        let pack = rule_pack_from_str(&format!("{label}/{name}"), &text)?;
        let number = loaded.packs.len();
        loaded.packs.push(pin(&pack.value, &text));
        loaded
            .pack_of
            .extend(pack.value.rules.iter().map(|_| number));
        loaded.rules.extend(pack.value.rules);
    }
    Ok(loaded)
}

fn pin(pack: &RulePack, text: &str) -> PackRef {
    PackRef {
        name: pack.pack.clone(),
        version: pack.version.clone(),
        sha256: Sha256Hex::of(text.as_bytes()),
    }
}

/// The names that scenarios and packs may cite.
pub(crate) fn references(catalogue: &Catalogue) -> References {
    let personas = bench::personas(0);
    References {
        rules: catalogue.rules.iter().map(|r| r.id.to_string()).collect(),
        requirements: catalogue
            .requirements
            .iter()
            .flat_map(|r| std::iter::once(&r.id).chain(&r.aliases))
            .map(ToString::to_string)
            .collect(),
        faults: catalogue.faults.iter().map(|f| f.id.to_string()).collect(),
        personas: personas
            .as_object()
            .map(|m| m.keys().cloned().collect())
            .unwrap_or_default(),
    }
}

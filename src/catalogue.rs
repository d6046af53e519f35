//! Loads what a run is judged against: the data the binary carries, or folders given instead.

use std::path::Path;

use diapason_core::Sha256Hex;
use diapason_core::event::PackRef;
use diapason_core::rule::RulePack;
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

fn pin(pack: &RulePack, text: &str) -> PackRef {
    PackRef {
        name: pack.pack.clone(),
        version: pack.version.clone(),
        sha256: Sha256Hex::of(text.as_bytes()),
    }
}

fn references(catalogue: &Catalogue) -> References {
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

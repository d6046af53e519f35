//! Strict loading of the files people write: scenarios, step files, rule packs, requirement files,
//! the product statement (`fiche-produit.toml`) and the bench's settings (`diapason.toml`).
//!
//! Text comes in, checked types come out, or [`FileErrors`] that show each problem with its line.
//! Nothing here knows a mock or runs a scenario.

mod check;
mod config;
mod error;
mod expand;
mod packs;
mod read;
mod references;
mod schema_check;
mod substitute;
mod tree;
mod typed;

use std::path::Path;

use diapason_core::product::ProductStatement;
use diapason_core::requirement::RequirementFile;
use diapason_core::rule::RulePack;
use diapason_core::scenario::StepFile;

pub use check::{OPERATIONS, RUNNER_NAMES};
pub use config::{Baseline, Config, DriverConfig, DriverKind, MocksConfig, Timeouts};
pub use error::{FileError, FileErrors, nearest};
pub use expand::{LoadedScenario, ScenarioFiles};
pub use references::References;
pub use schema_check::compile as compile_schema;
pub use substitute::{Scope, UnresolvedPlaceholder, substitute, substitute_text};

use tree::Node;
use typed::typed;

/// A file read into `T`, that can still say where each value stands.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    /// The file, as the reader named it.
    pub path: String,
    /// What it says.
    pub value: T,
    pub(crate) root: Node,
}

/// Reads a step file.
pub fn step_file_from_str(path: &str, text: &str) -> Result<StepFile, FileErrors> {
    Ok(typed(&read::yaml(path, text)?)?)
}

/// Reads a rule pack and checks what the types cannot: unique ids, levels under their ceiling,
/// schemas that compile, samples.
pub fn rule_pack_from_str(path: &str, text: &str) -> Result<Loaded<RulePack>, FileErrors> {
    let root = read::yaml(path, text)?;
    let value: RulePack = typed(&root)?;
    FileErrors::unless_empty(packs::check_rules(&value, &root))?;
    Ok(Loaded {
        path: path.to_owned(),
        value,
        root,
    })
}

/// Reads a requirement file and checks that its ids are unique.
pub fn requirement_file_from_str(
    path: &str,
    text: &str,
) -> Result<Loaded<RequirementFile>, FileErrors> {
    let root = read::yaml(path, text)?;
    let value: RequirementFile = typed(&root)?;
    FileErrors::unless_empty(packs::check_requirements(&value, &root))?;
    Ok(Loaded {
        path: path.to_owned(),
        value,
        root,
    })
}

/// Reads a product statement.
pub fn product_from_str(path: &str, text: &str) -> Result<ProductStatement, FileErrors> {
    let root = read::toml(path, text)?;
    let value: ProductStatement = typed(&root)?;
    FileErrors::unless_empty(packs::check_product(&value, &root))?;
    Ok(value)
}

/// Reads the settings.
pub fn config_from_str(path: &str, text: &str) -> Result<Config, FileErrors> {
    let root = read::toml(path, text)?;
    let value: Config = typed(&root)?;
    FileErrors::unless_empty(config::check(&value, &root))?;
    Ok(value)
}

/// Reads a file's text; what cannot be read is a [`FileErrors`] too.
pub fn read_text(path: &Path) -> Result<String, FileErrors> {
    let label = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| {
        FileError::whole(label.as_str(), format!("the file cannot be read: {error}"))
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        FileError::whole(label, format!("the file is not UTF-8 (byte {at})")).into()
    })
}

#[cfg(test)]
mod tests;

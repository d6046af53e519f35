//! Scenarios from a folder or from embedded text, with their inclusions resolved.
//!
//! `include` puts the steps of another file in place of a step. Paths are written from the scenarios
//! folder and cannot leave it; a file whose path has a segment that begins with `_` holds steps, any
//! other holds a scenario.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use diapason_core::scenario::{Scenario, StepFile};

use super::check::check_scenario;
use super::error::{FileError, FileErrors, did_you_mean, one_of};
use super::read;
use super::substitute::{Scope, holds_placeholder, substitute_known};
use super::tree::{Data, Node};
use super::typed::typed;

/// How deep inclusions may nest.
const MAX_DEPTH: usize = 8;
/// How many steps a scenario may unfold to.
const MAX_STEPS: usize = 500;

/// A scenario, unfolded and checked.
pub type LoadedScenario = super::Loaded<Scenario>;

/// The files of a scenarios folder.
#[derive(Debug, Clone, Default)]
pub struct ScenarioFiles {
    /// How the folder is called in messages.
    label: String,
    /// Path from the folder, with `/`, to text.
    files: BTreeMap<String, String>,
    /// Step files already read: the same few are included everywhere.
    read: RefCell<BTreeMap<String, (StepFile, Node)>>,
}

impl ScenarioFiles {
    /// From texts (the set embedded in the program): path from the folder, text.
    pub fn from_texts<P: Into<String>, T: Into<String>>(
        label: &str,
        texts: impl IntoIterator<Item = (P, T)>,
    ) -> Self {
        Self {
            label: label.to_owned(),
            files: texts
                .into_iter()
                .map(|(path, text)| (path.into(), text.into()))
                .collect(),
            read: RefCell::default(),
        }
    }

    /// From a folder, its sub-folders included. Links are not followed.
    pub fn from_dir(folder: &Path) -> Result<Self, FileErrors> {
        let mut found = Self {
            label: folder.display().to_string(),
            ..Self::default()
        };
        let mut errors = Vec::new();
        found.walk(folder, "", 0, &mut errors);
        FileErrors::unless_empty(errors)?;
        Ok(found)
    }

    fn walk(&mut self, folder: &Path, prefix: &str, depth: usize, errors: &mut Vec<FileError>) {
        let label = folder.display().to_string();
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                errors.push(FileError::whole(
                    label,
                    format!("the folder cannot be read: {error}"),
                ));
                return;
            }
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            let path = entry.path();
            if name.starts_with('.') {
                continue;
            }
            if kind.is_dir() && depth < MAX_DEPTH {
                self.walk(&path, &format!("{prefix}{name}/"), depth + 1, errors);
            } else if kind.is_file() && path.extension().is_some_and(|e| e == "yaml") {
                match super::read_text(&path) {
                    Ok(text) => {
                        self.files.insert(format!("{prefix}{name}"), text);
                    }
                    Err(found) => errors.extend(found.into_vec()),
                }
            } else if kind.is_file() && path.extension().is_some_and(|e| e == "yml") {
                let mut error = FileError::whole(
                    path.display().to_string(),
                    "a scenario that would be passed over",
                );
                error.hint = Some("name it .yaml".to_owned());
                errors.push(error);
            }
        }
    }

    /// The files and their texts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(p, t)| (p.as_str(), t.as_str()))
    }

    /// Every scenario, unfolded and checked, in the order of the files. All problems of all files are
    /// reported together.
    pub fn load(&self) -> Result<Vec<LoadedScenario>, FileErrors> {
        let mut loaded: Vec<LoadedScenario> = Vec::new();
        let mut errors = Vec::new();
        for path in self.files.keys() {
            if is_step_file(path) {
                // Also read alone: a step file that nobody includes must not rot.
                if let Err(error) = self.step_file(path, &self.label_of(path)) {
                    push_new(&mut errors, error);
                }
                continue;
            }
            match self.load_one(path) {
                Ok(scenario) => {
                    let id = &scenario.value.id;
                    let id_at = scenario.root.get("id").unwrap_or(&scenario.root);
                    if let Some(same) = loaded.iter().find(|other| other.value.id == *id) {
                        let mut error = id_at.at.error(format!("`{id}` is already taken"));
                        error.expected = Some(format!("an id of its own; see {}", same.path));
                        errors.push(error);
                    }
                    if let Some(error) = misplaced(path, &scenario) {
                        errors.push(error);
                    }
                    loaded.push(scenario);
                }
                Err(found) => {
                    for error in found.into_vec() {
                        push_new(&mut errors, error);
                    }
                }
            }
        }
        FileErrors::unless_empty(errors)?;
        Ok(loaded)
    }

    /// One scenario, unfolded and checked. `path` is from the folder.
    pub fn load_one(&self, path: &str) -> Result<LoadedScenario, FileErrors> {
        let label = self.label_of(path);
        let text = self
            .files
            .get(path)
            .ok_or_else(|| FileError::whole(label.as_str(), "no such scenario file"))?;
        let mut root = read::yaml(&label, text)?;
        self.expand(&mut root, path)?;
        arm_with_parameters(&mut root)?;
        let value: Scenario = typed(&root)?;
        FileErrors::unless_empty(check_scenario(&value, &root))?;
        Ok(super::Loaded {
            path: label,
            value,
            root,
        })
    }

    fn label_of(&self, path: &str) -> String {
        if self.label.is_empty() {
            path.to_owned()
        } else {
            format!("{}/{path}", self.label)
        }
    }

    fn expand(&self, root: &mut Node, path: &str) -> Result<(), FileErrors> {
        let Data::Map(entries) = &mut root.data else {
            return Ok(());
        };
        let Some(steps) = entries.iter_mut().find(|e| e.key == "steps") else {
            return Ok(());
        };
        let mut stack = vec![path.to_owned()];
        let expanded = self.expand_steps(&steps.value, &mut stack)?;
        if let Some(expanded) = expanded {
            steps.value = expanded;
        }
        Ok(())
    }

    /// `None` when `steps` is no list: the typed reader says so better.
    fn expand_steps(
        &self,
        steps: &Node,
        stack: &mut Vec<String>,
    ) -> Result<Option<Node>, FileErrors> {
        let Data::List(items) = &steps.data else {
            return Ok(None);
        };
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            if item.entry("include").is_none() {
                out.push(item.clone());
            } else {
                out.extend(self.included(item, stack)?);
            }
            if out.len() > MAX_STEPS {
                return Err(item.at.error(format!("more than {MAX_STEPS} steps")).into());
            }
        }
        Ok(Some(Node {
            at: steps.at.clone(),
            data: Data::List(out),
        }))
    }

    fn included(&self, step: &Node, stack: &mut Vec<String>) -> Result<Vec<Node>, FileErrors> {
        if let Data::Map(entries) = &step.data
            && let Some(other) = entries
                .iter()
                .find(|e| e.key != "include" && e.key != "with")
        {
            let mut error = other
                .key_at
                .error(format!("`{}` beside an `include`", other.key));
            error.expected = Some("`include` and `with` alone in their step".to_owned());
            error.hint = did_you_mean(&other.key, ["include", "with"])
                .or_else(|| Some("put it in a step of its own".to_owned()));
            return Err(error.into());
        }
        let target_node = step.get("include").unwrap_or(step);
        let Data::Text(target) = &target_node.data else {
            let mut error = target_node.at.error("wrong type");
            error.expected = Some(format!(
                "the path of a step file, got {}",
                target_node.kind()
            ));
            return Err(error.into());
        };
        let leaves = target.starts_with('/')
            || target.contains('\\')
            || target
                .split('/')
                .any(|s| s.is_empty() || s == "." || s == "..");
        if leaves {
            let mut error = target_node.at.error(format!(
                "`{target}` is not a path inside the scenarios folder"
            ));
            error.expected = Some("a path such as `_commun/usager-cree.yaml`".to_owned());
            return Err(error.into());
        }
        if stack.iter().any(|path| path == target) {
            let mut error = target_node.at.error(format!("`{target}` includes itself"));
            error.expected = Some(format!(
                "no circle; here: {} -> {target}",
                stack.join(" -> ")
            ));
            return Err(error.into());
        }
        if stack.len() > MAX_DEPTH {
            return Err(target_node
                .at
                .error(format!("inclusions nest more than {MAX_DEPTH} deep"))
                .into());
        }
        if !self.files.contains_key(target) || !is_step_file(target) {
            let step_files = || {
                self.files
                    .keys()
                    .filter(|p| is_step_file(p))
                    .map(String::as_str)
            };
            let mut error = target_node.at.error(format!("no step file `{target}`"));
            error.expected = Some(format!("one of {}", one_of(step_files())));
            error.hint = did_you_mean(target, step_files());
            return Err(error.into());
        }
        let label = self.label_of(target);
        let (file, root) = self.step_file(target, &label)?;
        let scope = include_scope(step, &file)?;
        let Some(steps_entry) = root.get("steps") else {
            return Ok(Vec::new());
        };
        let mut steps = steps_entry.clone();
        substitute_known(&mut steps, &scope)
            .map_err(|(at, problem)| at.error(problem.to_string()))?;
        stack.push(target.clone());
        let expanded = self.expand_steps(&steps, stack)?;
        stack.pop();
        Ok(match expanded.map(|n| n.data) {
            Some(Data::List(items)) => items,
            _ => Vec::new(),
        })
    }

    /// The parameters of a step file, and its tree. Its steps are typed once their parameters are
    /// known: an id may be a parameter.
    fn step_file(&self, path: &str, label: &str) -> Result<(StepFile, Node), FileError> {
        if let Some(known) = self.read.borrow().get(path) {
            return Ok(known.clone());
        }
        let text = self.files.get(path).map(String::as_str).unwrap_or_default();
        let root = read::yaml(label, text)?;
        let mut outline = root.clone();
        if let Data::Map(entries) = &mut outline.data {
            for entry in entries.iter_mut().filter(|e| e.key == "steps") {
                if let Data::List(items) = &mut entry.value.data {
                    items.clear();
                }
            }
        }
        let file: StepFile = typed(&outline)?;
        let read = (file, root);
        self.read.borrow_mut().insert(path.to_owned(), read.clone());
        Ok(read)
    }
}

/// What is armed is typed (a number of seconds, an id of a persona): parameters are put in at once; other placeholders are left for the run.
fn arm_with_parameters(root: &mut Node) -> Result<(), FileError> {
    let mut scope = Scope::new();
    if let Some(Data::Map(parameters)) = root.get("parameters").map(|n| &n.data) {
        for parameter in parameters {
            let value = parameter.value.to_value();
            if !holds_placeholder(&value) {
                scope.set(&parameter.key, value);
            }
        }
    }
    let Some(Data::List(steps)) = root.get_mut("steps").map(|n| &mut n.data) else {
        return Ok(());
    };
    for arm in steps.iter_mut().filter_map(|step| step.get_mut("arm")) {
        substitute_known(arm, &scope).map_err(|(at, problem)| at.error(problem.to_string()))?;
    }
    Ok(())
}

fn include_scope(step: &Node, file: &StepFile) -> Result<Scope, FileError> {
    let mut scope = Scope::new();
    for (name, default) in &file.parameters {
        scope.set(name, default.clone());
    }
    let Some(with) = step.get("with") else {
        return Ok(scope);
    };
    let Data::Map(entries) = &with.data else {
        let mut error = with.at.error("wrong type");
        error.expected = Some(format!("a mapping, got {}", with.kind()));
        return Err(error);
    };
    for entry in entries {
        if !file.parameters.contains_key(&entry.key) {
            let known = || file.parameters.keys().map(String::as_str);
            let mut error = entry.key_at.error(format!(
                "the included file has no parameter `{}`",
                entry.key
            ));
            error.expected = Some(if file.parameters.is_empty() {
                "no parameter".to_owned()
            } else {
                format!("one of {}", one_of(known()))
            });
            error.hint = did_you_mean(&entry.key, known());
            return Err(error);
        }
        scope.set(&entry.key, entry.value.to_value());
    }
    Ok(scope)
}

fn is_step_file(path: &str) -> bool {
    path.split('/').any(|segment| segment.starts_with('_'))
}

/// A scenario's file is named after its id and lies in the folder of its family.
fn misplaced(path: &str, scenario: &LoadedScenario) -> Option<FileError> {
    let id = scenario.value.id.as_str();
    let name = format!("{}.yaml", id.to_lowercase().replace(['/', '.'], "-"));
    let wanted = format!("{}/{name}", scenario.value.family);
    if path == wanted {
        return None;
    }
    let mut error = scenario
        .root
        .get("id")
        .unwrap_or(&scenario.root)
        .at
        .error("the file is not named after the scenario");
    error.expected = Some(format!("this scenario in `{wanted}`, got `{path}`"));
    Some(error)
}

fn push_new(errors: &mut Vec<FileError>, error: FileError) {
    if !errors.contains(&error) {
        errors.push(error);
    }
}

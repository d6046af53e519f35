//! Files that people write for Diapason: read by the same strict readers as a run uses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use diapason_core::requirement::{Lang, Text};
use diapason_rules::describe::describe;
use serde_json::Value;

use super::messages::{add, plain};
use super::outcome::{FileReport, FindingLine};
use super::source::{self, Excerpt, Lines};
use crate::catalogue;
use crate::embedded;
use crate::scenario_file::{
    FileErrors, References, ScenarioFiles, compile_schema, product_from_str, rule_pack_from_str,
    step_file_from_str,
};

/// Most deviations from a schema listed of one message.
const MOST: usize = 50;

/// What scenarios and rule packs refer to, loaded when first needed.
pub(super) struct Written {
    references: OnceLock<Result<References, String>>,
    /// Step files by scenarios folder: each folder is read once.
    steps: Mutex<BTreeMap<PathBuf, Arc<Steps>>>,
}

/// A folder whose files hold steps, whatever their name.
const STEPS: &str = "_";

type Steps = Vec<(String, String)>;

impl Written {
    pub(super) fn new() -> Self {
        Self {
            references: OnceLock::new(),
            steps: Mutex::default(),
        }
    }

    fn references(&self) -> Result<&References, String> {
        self.references
            .get_or_init(|| {
                catalogue::load(None)
                    .map(|loaded| catalogue::references(&loaded.catalogue))
                    .map_err(|e| e.to_string())
            })
            .as_ref()
            .map_err(Clone::clone)
    }

    pub(super) fn rule_pack(&self, bytes: &[u8], report: &mut FileReport) {
        let label = report.path.clone();
        let outcome = text(bytes).and_then(|text| {
            let pack = rule_pack_from_str(&label, text).map_err(Problem::File)?;
            let references = self.references().map_err(Problem::Bench)?;
            // A pack may cite requirements of its own family, which this version does not know.
            references.check_rule_pack(&pack).map_err(Problem::File)
        });
        conclude(outcome, "rule-pack", bytes, report);
    }

    pub(super) fn scenario(
        &self,
        bytes: &[u8],
        path: Option<&Path>,
        lang: Lang,
        report: &mut FileReport,
    ) {
        let label = report.path.clone();
        let mut notes = Vec::new();
        let outcome = text(bytes).and_then(|text| {
            let place = Place::of(path);
            if place.name.split('/').any(|part| part.starts_with('_')) || !has_id(text) {
                if !text.contains("${") {
                    return step_file_from_str(&label, text)
                        .map(drop)
                        .map_err(Problem::File);
                }
                notes.push(match lang {
                    Lang::Fr => "fichier d'étapes à paramètres : ses étapes ne sont jugées entières que dans les scénarios qui l'incluent",
                    Lang::En => "a file of steps with parameters: its steps are judged whole only in the scenarios that include it",
                }.to_owned());
                return ScenarioFiles::from_texts("", [(format!("{STEPS}/{label}"), text.to_owned())])
                    .load()
                    .map(drop)
                    .map_err(Problem::File);
            }
            let steps = self.steps(place.root.as_deref());
            let mut texts = steps.as_ref().clone();
            texts.push((label.clone(), text.to_owned()));
            let scenario = ScenarioFiles::from_texts("", texts)
                .load_one(&label)
                .map_err(Problem::File)?;
            let references = self.references().map_err(Problem::Bench)?;
            references
                .check_scenarios(std::slice::from_ref(&scenario))
                .map_err(Problem::File)
        });
        report.notes.extend(notes);
        conclude(outcome, "scenario", bytes, report);
    }

    /// The step files a scenario of this folder may include: its own, else those the binary carries.
    fn steps(&self, root: Option<&Path>) -> Arc<Steps> {
        let key = root.map(Path::to_owned).unwrap_or_default();
        let mut known = self
            .steps
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(steps) = known.get(&key) {
            return Arc::clone(steps);
        }
        let own = root
            .and_then(|root| ScenarioFiles::from_dir(root).ok())
            .map(|files| {
                files
                    .iter()
                    .filter(|(name, _)| name.split('/').any(|part| part.starts_with('_')))
                    .map(|(name, text)| (name.to_owned(), text.to_owned()))
                    .collect::<Steps>()
            })
            .unwrap_or_default();
        let mut steps: Steps = embedded::SCENARIOS
            .iter()
            .filter(|(name, _)| name.starts_with('_'))
            .filter(|(name, _)| !own.iter().any(|(n, _)| n == name))
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        steps.extend(own);
        let steps = Arc::new(steps);
        known.insert(key, Arc::clone(&steps));
        steps
    }
}

/// Does the text have an `id` of its own? A file of steps has none.
fn has_id(text: &str) -> bool {
    text.lines().any(|l| l.starts_with("id:"))
}

/// Where a scenario stands: its folder of scenarios, when there is one, and its name from there.
struct Place {
    root: Option<PathBuf>,
    name: String,
}

impl Place {
    fn of(path: Option<&Path>) -> Self {
        let Some(path) = path else {
            return Self {
                root: None,
                name: String::new(),
            };
        };
        let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let root = full
            .ancestors()
            .skip(1)
            .take(8)
            .find(|folder| {
                folder.file_name().is_some_and(|n| n == "scenarios")
                    || folder.join("_commun").is_dir()
            })
            .map(Path::to_owned);
        let below = root
            .as_deref()
            .and_then(|root| full.strip_prefix(root).ok())
            .or_else(|| full.file_name().map(Path::new))
            .unwrap_or(&full);
        Self {
            name: below.to_string_lossy().replace('\\', "/"),
            root,
        }
    }
}

/// Why a file is not what it should be.
enum Problem {
    File(FileErrors),
    NotText(usize),
    Bench(String),
}

fn text(bytes: &[u8]) -> Result<&str, Problem> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|e| Problem::NotText(e.valid_up_to()))
}

/// A product statement.
pub(super) fn product(bytes: &[u8], report: &mut FileReport) {
    let label = report.path.clone();
    let outcome = text(bytes).and_then(|text| {
        product_from_str(&label, text)
            .map(drop)
            .map_err(Problem::File)
    });
    conclude(outcome, "fiche-produit", bytes, report);
}

fn conclude(outcome: Result<(), Problem>, schema: &str, bytes: &[u8], report: &mut FileReport) {
    let pack = format!("schema/{schema}");
    let findings = match outcome {
        Ok(()) => Vec::new(),
        Err(Problem::Bench(why)) => {
            report.failed(why);
            return;
        }
        Err(Problem::NotText(at)) => vec![not_text(&pack, schema, bytes, at)],
        Err(Problem::File(errors)) => errors
            .iter()
            .map(|error| {
                let name = error
                    .path
                    .strip_prefix(STEPS)
                    .and_then(|rest| rest.strip_prefix('/'))
                    .unwrap_or(&error.path);
                let here = name == report.path && error.line > 0;
                let both = |text: &str| Text {
                    fr: text.to_owned(),
                    en: text.to_owned(),
                };
                let mut line = plain(
                    &pack,
                    schema,
                    error
                        .expected
                        .clone()
                        .unwrap_or_else(|| format!("a file that follows {schema}.schema.json")),
                    error.message.clone(),
                );
                line.text = Some(both(&error.message));
                line.hint = error.hint.as_deref().map(both);
                if here {
                    line.line = Some(error.line);
                    line.column = Some(error.column);
                    line.excerpt = Lines::new(bytes)
                        .excerpt(error.line, error.column)
                        .map(|e| Excerpt {
                            width: error.width.clamp(1, e.width.max(error.width)),
                            ..e
                        });
                    if let Some(excerpt) = &line.excerpt {
                        let from = excerpt.column.saturating_sub(1) as usize;
                        let seen: String = excerpt
                            .text
                            .chars()
                            .skip(from)
                            .take(excerpt.width as usize)
                            .collect();
                        line.observed = seen;
                    }
                } else if error.line > 0 {
                    line.path = Some(format!("{}:{}:{}", error.path, error.line, error.column));
                }
                line
            })
            .collect(),
    };
    add(report, &pack, schema, findings);
}

fn not_text(pack: &str, schema: &str, bytes: &[u8], at: usize) -> FindingLine {
    let mut line = plain(
        pack,
        schema,
        "UTF-8".to_owned(),
        format!("the byte at offset {at} is no UTF-8"),
    );
    let before = &bytes[..at.min(bytes.len())];
    let number = before.split(|b| *b == b'\n').count();
    line.line = u32::try_from(number).ok();
    line
}

/// A message of the driver contract: its members tell which one.
pub(super) fn driver_message(bytes: &[u8], report: &mut FileReport) {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let value: Value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(error) => {
            let mut line = plain(
                "schema/driver",
                "json",
                "JSON in UTF-8".to_owned(),
                error.to_string(),
            );
            let (at, column) = (error.line(), error.column());
            line.line = u32::try_from(at).ok().filter(|l| *l > 0);
            line.column = u32::try_from(column).ok().filter(|c| *c > 0);
            line.excerpt = line
                .line
                .and_then(|l| Lines::new(bytes).excerpt(l, line.column.unwrap_or(1)));
            add(report, "schema/driver", "json", vec![line]);
            return;
        }
    };
    let has = |name: &str| value.get(name).is_some();
    let schema = if has("action") {
        "driver-action-request"
    } else if has("status") {
        "driver-action-answer"
    } else if has("actions") || has("observations") {
        "driver-capabilities"
    } else if has("what") && has("query") {
        "driver-observe"
    } else if has("what") {
        "driver-observation"
    } else if has("mocks") {
        "driver-reset"
    } else {
        "driver-action-answer"
    };
    let pack = format!("schema/{schema}");
    report.model = Some(schema.to_owned());
    let schemas = crate::contract::schemas();
    let compiled = schemas
        .get(&format!("{schema}.schema.json"))
        .ok_or_else(|| format!("no schema {schema}"))
        .and_then(|schema| compile_schema(schema).map_err(|e| e.to_string()));
    let validator = match compiled {
        Ok(validator) => validator,
        Err(why) => {
            report.failed(why);
            return;
        }
    };
    let mut lines = Lines::new(bytes);
    let findings = validator
        .iter_errors(&value)
        .take(MOST)
        .map(|error| {
            let said = describe(&error);
            let mut line = plain(&pack, schema, said.expected, said.observed);
            if let Some((at, column)) = source::locate(bytes, &said.path) {
                line.line = Some(at);
                line.column = Some(column);
                line.excerpt = lines.excerpt(at, column);
            }
            line.path = Some(said.path);
            line
        })
        .collect();
    add(report, &pack, schema, findings);
}

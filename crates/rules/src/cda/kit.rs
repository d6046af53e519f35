//! The national kit of CDA schematrons (ANS, TestContenuCDA), plugged in by the user and never modified.
//!
//! Layout of the kit: one schema per document model in `schematrons/`, five profiles that apply to every structured
//! document in `schematrons/profils/` (two of them to level 1 documents), value sets in `jeuxDeValeurs/`.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;

use diapason_core::event::PackRef;
use diapason_core::{Level, Sha256Hex};
use diapason_formats::xml::{NodeId, NodeKind, Tree};

use crate::document::{DocumentFinding, DocumentReport, Indeterminate, excerpt, place};
use crate::files::Files;
use crate::schematron::{Defect, Engine, Schema, SchemaError};

const STRUCTURE: &str = "schematrons/profils/structurationMinimale/ASIP-STRUCT-MIN-StrucMin.sch";
const TERMINOLOGIES: &str = "schematrons/profils/terminologies/schematron/terminologie.sch";
const STRUCTURED: [&str; 3] = [
    "schematrons/profils/IHE.sch",
    "schematrons/profils/CI-SIS_ModelesDeContenusCDA.sch",
    "schematrons/profils/CI-SIS_Modeles_ANS.sch",
];
/// OID arc of the document models of the CI-SIS; `.1` is the header's own.
const MODELS: &str = "1.2.250.1.213.1.1.1.";
const HEADER: &str = "1.2.250.1.213.1.1.1.1";

/// Why a folder is not used as a kit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KitError {
    /// A part is missing.
    #[error(
        "not a TestContenuCDA kit: {0} is missing; give the folder that holds schematrons/, jeuxDeValeurs/ and infrastructure/"
    )]
    NotAKit(&'static str),
    /// No schema of that name.
    #[error("the kit has no schema {name:?}; nearest: {nearest}")]
    NoSchema {
        /// As asked.
        name: String,
        /// Names that look like it.
        nearest: String,
    },
}

type Slot = Arc<OnceLock<Result<Schema, SchemaError>>>;

/// An unpacked kit.
pub struct Kit {
    files: Arc<dyn Files>,
    engine: Arc<Engine>,
    /// Schemas of the models, at the top of `schematrons/`.
    models: Vec<String>,
    /// Schema asked for by name, instead of the one chosen by the document.
    forced: Option<String>,
    schemas: Mutex<HashMap<String, Slot>>,
    by_template: OnceLock<Vec<ModelTemplate>>,
    hashing: Mutex<Option<JoinHandle<Sha256Hex>>>,
    hash: OnceLock<Sha256Hex>,
}

struct ModelTemplate {
    root: String,
    extension: Option<String>,
    path: String,
}

impl std::fmt::Debug for Kit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kit")
            .field("models", &self.models.len())
            .finish_non_exhaustive()
    }
}

impl Kit {
    /// Opens a kit. Its schemas are compiled when a document first needs them; its hash is worked out meanwhile.
    ///
    /// # Errors
    /// The folder is not a kit.
    pub fn open(files: Arc<dyn Files>) -> Result<Self, KitError> {
        let has = |prefix: &str| files.paths().iter().any(|p| p.starts_with(prefix));
        for part in ["schematrons/", "jeuxDeValeurs/"] {
            if !has(part) {
                return Err(KitError::NotAKit(part));
            }
        }
        if files.read(STRUCTURE).is_none() {
            return Err(KitError::NotAKit(STRUCTURE));
        }
        let models = files
            .paths()
            .iter()
            .filter(|p| {
                p.strip_prefix("schematrons/").is_some_and(|rest| {
                    !rest.contains('/')
                        && std::path::Path::new(rest)
                            .extension()
                            .is_some_and(|e| e == "sch")
                })
            })
            .cloned()
            .collect();
        let to_hash = Arc::clone(&files);
        Ok(Self {
            engine: Engine::new(Arc::clone(&files)),
            files,
            models,
            forced: None,
            schemas: Mutex::default(),
            by_template: OnceLock::new(),
            hashing: Mutex::new(Some(std::thread::spawn(move || hash(&*to_hash)))),
            hash: OnceLock::new(),
        })
    }

    /// The same kit, with the model's schema forced: its file name, with or without `.sch`.
    ///
    /// # Errors
    /// No schema of that name.
    pub fn with_schema(mut self, name: &str) -> Result<Self, KitError> {
        let wanted = name.strip_suffix(".sch").unwrap_or(name);
        let found = self
            .models
            .iter()
            .find(|path| {
                stem(path).eq_ignore_ascii_case(wanted)
                    || stem(path).eq_ignore_ascii_case(&format!("CI-SIS_{wanted}"))
            })
            .cloned();
        if let Some(path) = found {
            self.forced = Some(path);
            Ok(self)
        } else {
            let lower = wanted.to_lowercase();
            let mut near: Vec<&str> = self
                .models
                .iter()
                .map(|p| stem(p))
                .filter(|s| {
                    let s = s.to_lowercase();
                    lower
                        .split(['-', '_'])
                        .any(|w| w.len() > 2 && s.contains(w))
                })
                .collect();
            near.truncate(6);
            if near.is_empty() {
                near = self.models.iter().map(|p| stem(p)).take(6).collect();
            }
            Err(KitError::NoSchema {
                name: name.to_owned(),
                nearest: near.join(", "),
            })
        }
    }

    /// Names of the models' schemas.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.models.iter().map(|p| stem(p))
    }

    /// The kit, pinned: SHA-256 over path and content of every schema, value set, terminology and XML Schema.
    pub fn pin(&self) -> PackRef {
        let sha256 = self
            .hash
            .get_or_init(|| {
                let running = self
                    .hashing
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .take();
                running
                    .and_then(|thread| thread.join().ok())
                    .unwrap_or_else(|| hash(&*self.files))
            })
            .clone();
        PackRef {
            name: "kit".to_owned(),
            version: "TestContenuCDA".to_owned(),
            sha256,
        }
    }

    /// Paths of the schemas that judge a document: the model's first, then the transverse ones.
    pub fn select(&self, tree: &Tree) -> Vec<String> {
        let mut paths: Vec<String> = Vec::new();
        let level_1 = super::is_level_1(tree);
        match &self.forced {
            Some(path) => paths.push(path.clone()),
            None if !level_1 => paths.extend(self.named(tree).or_else(|| self.by_templates(tree))),
            None => {}
        }
        paths.push(STRUCTURE.to_owned());
        if !level_1 {
            paths.extend(STRUCTURED.map(str::to_owned));
        }
        // Last: it reads whole terminologies, best not while the largest schema is being compiled.
        paths.push(TERMINOLOGIES.to_owned());
        paths.retain(|p| self.files.read(p).is_some());
        paths
    }

    /// The model's schema that the document names itself (`<?oxygen SCHSchema="..."?>`).
    fn named(&self, tree: &Tree) -> Option<String> {
        tree.children(NodeId::ROOT)
            .filter(|n| tree.kind(*n) == NodeKind::Instruction && tree.name(*n) == "oxygen")
            .find_map(|n| {
                let value = tree.text(n).split_once("SCHSchema=")?.1;
                let value = value.trim_matches(['"', '\'', ' ']);
                let file = value.rsplit('/').next()?;
                self.models
                    .iter()
                    .find(|p| p.ends_with(&format!("/{file}")))
                    .cloned()
            })
    }

    /// The schema of the model whose templateId the document bears: same extension first, then the latest.
    fn by_templates(&self, tree: &Tree) -> Option<String> {
        let document = super::clinical_document(tree)?;
        let all = self.by_template.get_or_init(|| self.scan());
        let mut best: Option<(u8, &str)> = None;
        for template in tree.children_named(document, super::HL7, "templateId") {
            let root = tree.attribute(template, "root").unwrap_or_default();
            let extension = tree.attribute(template, "extension");
            for known in all.iter().filter(|k| k.root == root) {
                let score = match (extension, &known.extension) {
                    (Some(e), Some(k)) if e == k => 3,
                    (Some(e), _) if known.path.contains(&format!("_{e}")) => 2,
                    _ => 1,
                };
                if best.is_none_or(|b| (score, known.path.as_str()) > b) {
                    best = Some((score, &known.path));
                }
            }
        }
        best.map(|(_, path)| path.to_owned())
    }

    /// Which model each schema is for: the templateId that it, or the header file it includes, asks for.
    fn scan(&self) -> Vec<ModelTemplate> {
        let mut found = Vec::new();
        for path in &self.models {
            let Some(text) = self.text(path) else {
                continue;
            };
            let mut texts = vec![text.clone()];
            for piece in text.split("href=").skip(1) {
                let href = piece
                    .trim_start_matches(['"', '\''])
                    .split(['"', '\''])
                    .next()
                    .unwrap_or_default();
                if href.to_lowercase().contains("entete") {
                    let full = format!("schematrons/{href}");
                    let lower = full.to_lowercase();
                    let exact = self.files.paths().iter().find(|p| **p == full);
                    let near = exact.or_else(|| {
                        self.files
                            .paths()
                            .iter()
                            .find(|p| p.to_lowercase() == lower)
                    });
                    texts.extend(near.and_then(|p| self.text(p)));
                }
            }
            for text in &texts {
                for piece in text.split("templateId[").skip(1) {
                    let inside = piece.split(']').next().unwrap_or_default();
                    let Some(root) = quoted(inside, "@root") else {
                        continue;
                    };
                    if root.starts_with(MODELS) && root != HEADER {
                        found.push(ModelTemplate {
                            root,
                            extension: quoted(inside, "@extension"),
                            path: path.clone(),
                        });
                    }
                }
            }
        }
        found
    }

    fn text(&self, path: &str) -> Option<String> {
        self.files
            .read(path)
            .map(|b| String::from_utf8_lossy(&b).into_owned())
    }

    fn slot(&self, path: &str) -> Slot {
        let mut all = self
            .schemas
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(all.entry(path.to_owned()).or_default())
    }

    fn compiled<'s>(&self, slot: &'s Slot, path: &str) -> &'s Result<Schema, SchemaError> {
        slot.get_or_init(|| self.engine.load(path, None))
    }

    /// Judges a document by every schema that concerns it.
    pub(crate) fn judge(&self, tree: &Tree, report: &mut DocumentReport) {
        let paths = self.select(tree);
        let slots: Vec<Slot> = paths.iter().map(|p| self.slot(p)).collect();
        // Each schema is compiled and run by itself: on the first document, on every core, no more at a time than
        // there are cores, for what compiling holds in memory.
        let cold = slots.iter().any(|s| s.get().is_none());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut parts: Vec<DocumentReport> = Vec::new();
        if cold && cores > 1 {
            let next = AtomicUsize::new(0);
            let done: Mutex<Vec<(usize, DocumentReport)>> = Mutex::default();
            std::thread::scope(|scope| {
                for _ in 0..cores.min(paths.len()) {
                    scope.spawn(|| {
                        loop {
                            let rank = next.fetch_add(1, Ordering::Relaxed);
                            let (Some(path), Some(slot)) = (paths.get(rank), slots.get(rank))
                            else {
                                return;
                            };
                            let part =
                                catch_unwind(AssertUnwindSafe(|| self.one(path, slot, tree)))
                                    .unwrap_or_else(|_| fallen(path));
                            done.lock()
                                .unwrap_or_else(std::sync::PoisonError::into_inner)
                                .push((rank, part));
                        }
                    });
                }
            });
            let mut done = done
                .into_inner()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            done.sort_by_key(|(rank, _)| *rank);
            parts.extend(done.into_iter().map(|(_, part)| part));
        } else {
            parts.extend(
                paths
                    .iter()
                    .zip(&slots)
                    .map(|(path, slot)| self.one(path, slot, tree)),
            );
        }
        for part in parts {
            report.findings.extend(part.findings);
            report.checks.extend(part.checks);
            report.indeterminate.extend(part.indeterminate);
        }
        if report.model.is_none() || self.forced.is_some() {
            report.model = paths
                .first()
                .filter(|p| self.models.contains(p))
                .map(|p| stem(p).to_owned());
        }
        report.packs.push(self.pin());
    }

    fn one(&self, path: &str, slot: &Slot, tree: &Tree) -> DocumentReport {
        let mut report = DocumentReport::default();
        let pack = format!("kit/{}", stem(path));
        let schema = match self.compiled(slot, path) {
            Ok(schema) => schema,
            Err(error) => {
                report.indeterminate.push(Indeterminate {
                    pack,
                    rule: stem(path).to_owned(),
                    reason: error.to_string(),
                });
                return report;
            }
        };
        let outcome = schema.run(tree);
        for (info, times) in schema.checks().iter().zip(&outcome.evaluated) {
            if *times > 0 {
                *report
                    .checks
                    .entry((pack.clone(), info.key.clone()))
                    .or_default() += times;
            }
        }
        for failure in &outcome.failures {
            let info = &schema.checks()[failure.check];
            report.findings.push(DocumentFinding {
                pack: pack.clone(),
                rule: info.key.clone(),
                level: level(&info.role),
                place: place(tree, failure.node),
                expected: failure.message.clone(),
                observed: excerpt(tree, failure.node),
                hint: None,
                requirements: Vec::new(),
            });
        }
        for undecided in &outcome.undecided {
            let info = &schema.checks()[undecided.check];
            report.indeterminate.push(Indeterminate {
                pack: pack.clone(),
                rule: info.key.clone(),
                reason: undecided.reason.clone(),
            });
        }
        report
    }

    /// Compiles every schema of the kit and lists what is wrong in each: the kit's faults, never a vendor's.
    pub fn health(&self) -> Vec<(String, Result<Vec<Defect>, SchemaError>)> {
        let mut paths = self.models.clone();
        paths.push(STRUCTURE.to_owned());
        paths.push(TERMINOLOGIES.to_owned());
        paths.extend(STRUCTURED.map(str::to_owned));
        paths
            .into_iter()
            .map(|path| {
                let slot = self.slot(&path);
                let defects = match self.compiled(&slot, &path) {
                    Ok(schema) => Ok(schema.defects().to_vec()),
                    Err(error) => Err(error.clone()),
                };
                (path, defects)
            })
            .collect()
    }
}

fn fallen(path: &str) -> DocumentReport {
    DocumentReport {
        indeterminate: vec![Indeterminate {
            pack: format!("kit/{}", stem(path)),
            rule: stem(path).to_owned(),
            reason: "the engine fell on this document".to_owned(),
        }],
        ..DocumentReport::default()
    }
}

/// The skeleton's convention: no role is an error.
fn level(role: &str) -> Level {
    let role = role.to_lowercase();
    if role.contains("warn") {
        Level::Warning
    } else if role.contains("info") || role.contains("hint") {
        Level::Info
    } else {
        Level::Error
    }
}

fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.strip_suffix(".sch").unwrap_or(file)
}

/// The value compared with `name` in a predicate: `@root='1.2.3'`.
fn quoted(predicate: &str, name: &str) -> Option<String> {
    let after = predicate
        .split_once(name)?
        .1
        .trim_start()
        .strip_prefix('=')?
        .trim_start();
    let quote = after.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    after[1..].split(quote).next().map(str::to_owned)
}

fn hash(files: &dyn Files) -> Sha256Hex {
    let mut lines = String::new();
    for path in files.paths() {
        let counts = ["schematrons/", "jeuxDeValeurs/", "infrastructure/"]
            .iter()
            .any(|p| path.starts_with(p))
            && [".sch", ".xml", ".rdf", ".xsd"]
                .iter()
                .any(|e| path.ends_with(e));
        if let Some(bytes) = files.read(path).filter(|_| counts) {
            lines.push_str(path);
            lines.push(' ');
            lines.push_str(Sha256Hex::of(&bytes).as_str());
            lines.push('\n');
        }
    }
    Sha256Hex::of(lines.as_bytes())
}

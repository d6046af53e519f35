//! Our Schematron engine over many (document, schematron) pairs, for `tests/parity`: pairs in, JSON lines out.
//!
//! `parity KIT` reads lines `document<TAB>schematron` on its standard input (the schematron's path below KIT) and writes one line each.
//! `parity KIT --repeat N` judges each run of lines with the same document N times, and writes the durations.
//! `parity KIT --health` compiles every schema of the kit and writes its defects.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use diapason_formats::xml::{Limits, Tree};
use diapason_rules::cda::Kit;
use diapason_rules::files::Files;
use diapason_rules::schematron::{Engine, Outcome, Schema};
use serde_json::{Value, json};

/// A folder on the disk, read when asked.
struct Folder {
    root: PathBuf,
    paths: Vec<String>,
}

impl Folder {
    fn open(root: &Path) -> std::io::Result<Self> {
        let mut paths = Vec::new();
        let mut open = vec![root.to_owned()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    open.push(path);
                } else if let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str) {
                    paths.push(name.replace('\\', "/"));
                }
            }
        }
        paths.sort();
        Ok(Self {
            root: root.to_owned(),
            paths,
        })
    }
}

impl Files for Folder {
    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>> {
        std::fs::read(self.root.join(path)).ok().map(Cow::Owned)
    }

    fn paths(&self) -> &[String] {
        &self.paths
    }
}

/// Schemas compiled so far, by path.
struct Schemas {
    engine: Arc<Engine>,
    known: HashMap<String, Result<Schema, String>>,
}

impl Schemas {
    fn get(&mut self, path: &str) -> Result<&Schema, String> {
        let engine = Arc::clone(&self.engine);
        self.known
            .entry(path.to_owned())
            .or_insert_with(|| engine.load(path, None).map_err(|error| error.to_string()))
            .as_ref()
            .map_err(Clone::clone)
    }
}

fn read(document: &str) -> Result<Tree, String> {
    let bytes = std::fs::read(document).map_err(|error| format!("{document}: {error}"))?;
    Tree::read(&bytes, &Limits::default()).map_err(|error| format!("{document}: {error}"))
}

fn judge(schema: &Schema, tree: &Tree) -> Result<Outcome, String> {
    catch_unwind(AssertUnwindSafe(|| schema.run(tree))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        format!("the engine fell: {}", text.unwrap_or("no message"))
    })
}

fn answer(schemas: &mut Schemas, document: &str, path: &str) -> Result<Value, String> {
    let begin = Instant::now();
    let schema = schemas.get(path)?;
    let compiled = begin.elapsed();
    let tree = read(document)?;
    let begin = Instant::now();
    let outcome = judge(schema, &tree)?;
    let ran = begin.elapsed();
    let failures: Vec<Value> = outcome
        .failures
        .iter()
        .map(|failure| {
            let info = &schema.checks()[failure.check];
            json!({
                "kind": if info.report { "report" } else { "assert" },
                "message": failure.message,
                "location": failure.path,
                "line": failure.position.line,
                "column": failure.position.column,
                "role": info.role,
                "rule": info.key,
            })
        })
        .collect();
    let indeterminate: Vec<Value> = outcome
        .undecided
        .iter()
        .map(|undecided| {
            let info = &schema.checks()[undecided.check];
            json!({ "rule": info.key, "reason": undecided.reason, "times": undecided.times, "test": info.test })
        })
        .collect();
    Ok(json!({
        "failures": failures,
        "indeterminate": indeterminate,
        "fired": outcome.fired.len(),
        "compiled_ms": compiled.as_secs_f64() * 1e3,
        "run_ms": ran.as_secs_f64() * 1e3,
    }))
}

fn repeat(
    schemas: &mut Schemas,
    document: &str,
    paths: &[String],
    times: usize,
) -> Result<Value, String> {
    for path in paths {
        schemas.get(path)?;
    }
    let mut durations = Vec::with_capacity(times);
    for _ in 0..times {
        let begin = Instant::now();
        let tree = read(document)?;
        for path in paths {
            judge(schemas.get(path)?, &tree)?;
        }
        durations.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(json!({ "document": document, "schemas": paths.len(), "milliseconds": durations }))
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage = "usage: parity KIT [--repeat N | --health]";
    let kit = arguments.first().ok_or(usage)?;
    let files: Arc<dyn Files> = Arc::new(Folder::open(Path::new(kit))?);
    let mut out = std::io::stdout().lock();
    let option = arguments.get(1).map(String::as_str);
    if option == Some("--health") {
        for (schema, defects) in Kit::open(files)?.health() {
            match defects {
                Ok(defects) => {
                    for defect in defects {
                        let line = json!({ "schema": schema, "file": defect.file, "line": defect.line, "problem": defect.problem });
                        writeln!(out, "{line}")?;
                    }
                }
                Err(error) => writeln!(
                    out,
                    "{}",
                    json!({ "schema": schema, "problem": error.to_string() })
                )?,
            }
        }
        return Ok(());
    }
    let times: Option<usize> = match (option, arguments.get(2)) {
        (None, _) => None,
        (Some("--repeat"), Some(times)) => Some(times.parse()?),
        _ => return Err(usage.into()),
    };
    let mut schemas = Schemas {
        engine: Engine::new(files),
        known: HashMap::new(),
    };
    let mut pairs: Vec<(String, Vec<String>)> = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (document, schema) = line
            .split_once('\t')
            .ok_or("a line is not `document<TAB>schematron`")?;
        match pairs
            .last_mut()
            .filter(|(last, _)| times.is_some() && last == document)
        {
            Some((_, list)) => list.push(schema.to_owned()),
            None => pairs.push((document.to_owned(), vec![schema.to_owned()])),
        }
    }
    for (document, paths) in &pairs {
        let answer = match times {
            Some(times) => repeat(&mut schemas, document, paths, times),
            None => answer(&mut schemas, document, &paths[0]),
        };
        let line = answer.unwrap_or_else(|error| json!({ "error": error }));
        writeln!(out, "{line}")?;
        out.flush()?;
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed standard error is no reason to fall.
            let _ = writeln!(std::io::stderr(), "parity: {error}");
            ExitCode::from(2)
        }
    }
}

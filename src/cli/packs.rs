//! `diapason packs`: the rule packs there are, and what changes between two of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use diapason_core::rule::Check;
use diapason_core::{DocumentKind, Level};
use diapason_formats::kind;
use diapason_formats::xml::Limits;
use diapason_rules::document::{DocumentJudge, DocumentReport};
use serde::Serialize;
use serde_json::json;

use super::check::documents::{self, PluggedPaths};
use super::check::{Walk, pool, read_limited};
use super::{Failure, Io};
use crate::catalogue;
use crate::exit;
use crate::profile_files::FolderFiles;

/// Most files listed of a rule whose findings changed.
const MOST_LINES: usize = 40;

#[derive(Debug, Args)]
pub(super) struct PacksArgs {
    #[command(subcommand)]
    command: PacksCommand,
}

#[derive(Debug, Subcommand)]
enum PacksCommand {
    /// List the packs this version carries.
    List(ListArgs),
    /// Judge a corpus of CDA documents with two packs and list what changes.
    ///
    /// A and B are each `own` (the rules this version carries), the folder of an official kit (TestContenuCDA), or a folder of profiles (rules/ and cda/).
    Diff(DiffArgs),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    Human,
    Json,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// How to say it.
    #[arg(long, value_enum, default_value = "human")]
    format: Shape,
}

#[derive(Debug, Args)]
struct DiffArgs {
    /// First pack: `own` or a folder.
    a: PathBuf,
    /// Second pack: `own` or a folder.
    b: PathBuf,
    /// Files and folders of documents.
    #[arg(required = true, value_name = "CORPUS")]
    corpus: Vec<PathBuf>,
    /// How to say it.
    #[arg(long, value_enum, default_value = "human")]
    format: Shape,
}

pub(super) fn main(args: &PacksArgs, io: &mut Io) -> Result<u8, Failure> {
    match &args.command {
        PacksCommand::List(args) => list(args, io),
        PacksCommand::Diff(args) => diff(args, io),
    }
}

fn list(args: &ListArgs, io: &mut Io) -> Result<u8, Failure> {
    let loaded = catalogue::rules()?;
    for (number, pack) in loaded.packs.iter().enumerate() {
        let mut engines: BTreeMap<&str, u32> = BTreeMap::new();
        for rule in loaded.of_pack(number) {
            let engine = match rule.check {
                Check::Schema { .. } | Check::Json { .. } => "json schema",
                Check::Schematron { .. } => "schematron",
                Check::Rust { .. } | Check::Document { .. } => "rust",
                Check::Scenario {} => "scenario",
            };
            *engines.entry(engine).or_default() += 1;
        }
        let rules: u32 = engines.values().sum();
        if args.format == Shape::Json {
            io.data(
                &json!({
                    "name": pack.name, "version": pack.version, "sha256": pack.sha256,
                    "rules": rules, "by_engine": engines,
                })
                .to_string(),
            );
        } else {
            let engines: Vec<String> = engines.iter().map(|(e, n)| format!("{n} {e}")).collect();
            let hash: String = pack.sha256.to_string().chars().take(12).collect();
            io.data(&format!(
                "{:<16} {:<8} {hash}  {rules:>4} rules: {}",
                pack.name,
                pack.version,
                engines.join(", ")
            ));
        }
    }
    Ok(exit::CONFORM)
}

/// One side of a comparison.
fn side(path: &Path) -> Result<DocumentJudge, Failure> {
    let loaded = |rules, files| documents::judge_with(rules, files).map_err(Failure::usage);
    if path.as_os_str() == "own" {
        let rules = catalogue::rules()?;
        return documents::judge(&rules.rules, &documents::Plugged::default())
            .map_err(Failure::usage);
    }
    let folder = [path.join("profiles"), path.to_owned()]
        .into_iter()
        .find(|folder| folder.join("rules").is_dir());
    if let Some(folder) = folder {
        let rules = catalogue::rules_of(&folder.join("rules"))?;
        let files = FolderFiles::open(&folder).map_err(|e| Failure::usage(e.to_string()))?;
        return loaded(&rules.rules, Arc::new(files));
    }
    documents::kit_alone(&PluggedPaths {
        kit: Some(path.to_owned()),
        ..PluggedPaths::default()
    })
    .map_err(|e| {
        Failure::usage(format!(
            "{} is neither `own`, nor a folder of profiles (rules/, cda/), nor an official kit: {e}",
            path.display()
        ))
    })
}

/// What one side said of a file, as far as it can be compared.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    verdict: &'static str,
    /// Rule to the places where it was broken.
    broken: BTreeMap<String, BTreeSet<String>>,
    ran: BTreeSet<String>,
    undecided: BTreeSet<String>,
}

impl Said {
    fn of(report: DocumentReport) -> Self {
        let worst = report.findings.iter().map(|f| f.level).max();
        let verdict = match worst {
            Some(Level::Error) => "non_conforme",
            Some(Level::Warning) => "reserve",
            _ if report.checks.is_empty() => "non_concluant",
            _ => "conforme",
        };
        let mut broken: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for finding in report.findings {
            broken
                .entry(format!("{} {}", finding.pack, finding.rule))
                .or_default()
                .insert(finding.place.path.unwrap_or_default());
        }
        let name = |(pack, rule): (String, String)| format!("{pack} {rule}");
        Self {
            verdict,
            broken,
            ran: report.checks.into_keys().map(name).collect(),
            undecided: report
                .indeterminate
                .into_iter()
                .map(|i| format!("{} {}", i.pack, i.rule))
                .collect(),
        }
    }
}

/// What changed in one file.
#[derive(Debug, Serialize)]
struct Changed {
    path: String,
    verdict_a: &'static str,
    verdict_b: &'static str,
    /// Broken under A only, with the number of places.
    gone: BTreeMap<String, usize>,
    /// Broken under B only.
    new: BTreeMap<String, usize>,
    /// Broken under both, elsewhere or not as often: places under A, under B.
    moved: BTreeMap<String, (usize, usize)>,
    /// Undecided under one side only.
    undecided_a: Vec<String>,
    undecided_b: Vec<String>,
}

impl Changed {
    /// `None` when nothing changed.
    fn between(path: String, a: &Said, b: &Said) -> Option<Self> {
        let only = |a: &Said, b: &Said| -> BTreeMap<String, usize> {
            a.broken
                .iter()
                .filter(|(rule, _)| !b.broken.contains_key(*rule))
                .map(|(rule, places)| (rule.clone(), places.len()))
                .collect()
        };
        let changed = Self {
            path,
            verdict_a: a.verdict,
            verdict_b: b.verdict,
            gone: only(a, b),
            new: only(b, a),
            moved: a
                .broken
                .iter()
                .filter_map(|(rule, places)| {
                    let other = b.broken.get(rule)?;
                    (other != places).then(|| (rule.clone(), (places.len(), other.len())))
                })
                .collect(),
            undecided_a: a.undecided.difference(&b.undecided).cloned().collect(),
            undecided_b: b.undecided.difference(&a.undecided).cloned().collect(),
        };
        let any = changed.verdict_a != changed.verdict_b
            || !changed.gone.is_empty()
            || !changed.new.is_empty()
            || !changed.moved.is_empty()
            || !changed.undecided_a.is_empty()
            || !changed.undecided_b.is_empty();
        any.then_some(changed)
    }
}

fn diff(args: &DiffArgs, io: &mut Io) -> Result<u8, Failure> {
    let (a, b) = (side(&args.a)?, side(&args.b)?);
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut judged = 0_u64;
    let mut changed = 0_u64;
    let mut passed_over: u64 = 0;
    let mut ran: [BTreeSet<String>; 2] = Default::default();
    let walk = Walk::new(&args.corpus, None);
    pool::run(
        jobs,
        walk,
        |input| {
            let (path, bytes) = read_limited(input, Limits::default().bytes)?;
            let is_cda =
                kind::detect(&bytes, None).is_ok_and(|found| found.kind == DocumentKind::Cda);
            is_cda.then(|| {
                let said = |judge: &DocumentJudge| Said::of(judge.judge(DocumentKind::Cda, &bytes));
                (path, said(&a), said(&b))
            })
        },
        |outcome| {
            let Some((path, said_a, said_b)) = outcome else {
                passed_over += 1;
                return ControlFlow::Continue(());
            };
            judged += 1;
            let change = Changed::between(path, &said_a, &said_b);
            ran[0].extend(said_a.ran);
            ran[1].extend(said_b.ran);
            if let Some(change) = change {
                changed += 1;
                show(&change, args.format, io);
            }
            ControlFlow::Continue(())
        },
    )
    .map_err(|e| Failure::bench(format!("start the threads: {e}")))?;
    let only_a: Vec<&String> = ran[0].difference(&ran[1]).collect();
    let only_b: Vec<&String> = ran[1].difference(&ran[0]).collect();
    if args.format == Shape::Json {
        io.data(
            &json!({
                "summary": { "judged": judged, "changed": changed, "not_cda": passed_over,
                    "ran_under_a_only": only_a, "ran_under_b_only": only_b }
            })
            .to_string(),
        );
    } else {
        for (rules, which) in [(&only_a, "A"), (&only_b, "B")] {
            for rule in rules.iter().take(MOST_LINES) {
                io.data(&format!("ran under {which} only: {rule}"));
            }
            let more = rules.len().saturating_sub(MOST_LINES);
            if more > 0 {
                io.data(&format!("ran under {which} only: {more} more"));
            }
        }
        io.talk(&format!(
            "{judged} documents judged under both, {changed} changed; {passed_over} other files passed over"
        ));
    }
    Ok(if judged == 0 {
        exit::USAGE
    } else if changed > 0 || !only_a.is_empty() || !only_b.is_empty() {
        exit::DEVIATIONS
    } else {
        exit::CONFORM
    })
}

fn show(change: &Changed, format: Shape, io: &mut Io) {
    if format == Shape::Json {
        match serde_json::to_string(change) {
            Ok(line) => io.data(&line),
            Err(e) => io.talk(&format!("{}: {e}", change.path)),
        }
        return;
    }
    if change.verdict_a == change.verdict_b {
        io.data(&format!("{}: {}", change.path, change.verdict_a));
    } else {
        io.data(&format!(
            "{}: {} -> {}",
            change.path, change.verdict_a, change.verdict_b
        ));
    }
    for (rule, places) in &change.gone {
        io.data(&format!("  - {rule} ({places})"));
    }
    for (rule, places) in &change.new {
        io.data(&format!("  + {rule} ({places})"));
    }
    for (rule, (a, b)) in &change.moved {
        io.data(&format!("  ~ {rule} ({a} -> {b})"));
    }
    for rule in &change.undecided_a {
        io.data(&format!("  - undecided: {rule}"));
    }
    for rule in &change.undecided_b {
        io.data(&format!("  + undecided: {rule}"));
    }
}

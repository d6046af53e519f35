//! `diapason mutants`: each seeded defect must be caught by the rule it names. The kill table.

use std::collections::BTreeSet;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use diapason_core::rule::{Check, Rule};
use diapason_core::scenario::{Scenario, What};
use diapason_core::{Level, RuleId};
use diapason_dui_temoin::MutantSpec;
use serde::Serialize;

use super::demo::DemoRun;
use super::{Failure, Io, random, runtime};
use crate::catalogue::{self, Loaded};
use crate::exit;
use crate::run::stop::Stop;

#[derive(Debug, Args)]
pub(super) struct MutantsArgs {
    /// Folder that receives `kill-table.json`.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Only mutants whose name contains this; may be repeated.
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    /// Seed of the drawn personas.
    #[arg(long, default_value_t = 20_260_115)]
    seed: u64,
    /// Folder of the test PKI.
    #[arg(long, value_name = "DIR", default_value = ".diapason/pki")]
    state: PathBuf,
    /// How many mutants run at the same time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

/// How long silence is measured: longer than in the demo, since two mutants share two cores.
const SETTLE: Duration = Duration::from_millis(45);

/// One line of the kill table.
#[derive(Debug, Clone, Serialize)]
struct Row {
    mutant: String,
    rule: RuleId,
    scenario: String,
    /// `killed`, `survived`, `other_rule`, `error`.
    outcome: &'static str,
    verdict: String,
    /// Rules of level warning or error that were broken.
    broken: Vec<RuleId>,
    /// Why, when the mutant could not be run.
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
struct KillTable {
    rows: Vec<Row>,
    /// Scenarios that an automatic driver can run and that no mutant names.
    scenarios_without_mutant: Vec<String>,
    /// Rules that neither a mutant nor a bad sample breaks.
    rules_without_proof: Vec<String>,
}

pub(super) fn main(args: &MutantsArgs, io: &mut Io) -> Result<u8, Failure> {
    let loaded = catalogue::load(None)?;
    let mutants: Vec<MutantSpec> = diapason_dui_temoin::mutants()
        .into_iter()
        .filter(|m| args.filter.is_empty() || args.filter.iter().any(|f| m.name.contains(f)))
        .collect();
    if mutants.is_empty() {
        return Err(Failure::usage(
            "no mutant matches; see `diapason list mutants`",
        ));
    }
    let runtime = runtime()?;
    let Some(rows) = runtime.block_on(run_all(&mutants, &loaded, args, io))? else {
        io.talk("interrupted: no kill table");
        return Ok(exit::BENCH);
    };
    let table = KillTable {
        scenarios_without_mutant: scenarios_without_mutant(&loaded.catalogue.scenarios),
        rules_without_proof: rules_without_proof(&loaded.catalogue.rules),
        rows,
    };
    print(&table, io);
    if let Some(folder) = &args.report {
        let path = folder.join("kill-table.json");
        std::fs::create_dir_all(folder)
            .and_then(|()| {
                let text = serde_json::to_string_pretty(&table).map_err(std::io::Error::other)?;
                std::fs::write(&path, text + "\n")
            })
            .map_err(|e| Failure::usage(format!("write {}: {e}", path.display())))?;
        io.data(&format!("  {}", path.display()));
    }
    let all_killed = table.rows.iter().all(|r| r.outcome == "killed");
    Ok(if all_killed {
        exit::CONFORM
    } else {
        exit::DEVIATIONS
    })
}

/// None when it was asked to stop.
async fn run_all(
    mutants: &[MutantSpec],
    loaded: &Loaded,
    args: &MutantsArgs,
    io: &mut Io,
) -> Result<Option<Vec<Row>>, Failure> {
    let mut stop = Stop::listen()
        .map_err(|e| Failure::bench(format!("listen to the signals that stop it: {e}")))?;
    let mut rows = Vec::with_capacity(mutants.len());
    for chunk in mutants.chunks(args.jobs.max(1)) {
        let mut quiet: Vec<Io> = chunk.iter().map(|_| Io::silent()).collect();
        let running = chunk
            .iter()
            .zip(&mut quiet)
            .map(|(mutant, io)| run_one(mutant, loaded, args, io));
        tokio::select! {
            biased;
            () = stop.asked() => return Ok(None),
            done = join_all(running) => rows.extend(done),
        }
        if io.terminal && !io.quiet {
            io.talk_raw(&format!("\r{}/{}", rows.len(), mutants.len()));
        }
    }
    if io.terminal && !io.quiet {
        io.talk("");
    }
    Ok(Some(rows))
}

/// Drives futures together on this task; their waits overlap.
async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pending: Vec<std::pin::Pin<Box<F>>> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = pending.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        let mut waiting = false;
        for (future, slot) in pending.iter_mut().zip(&mut done) {
            if slot.is_none() {
                match future.as_mut().poll(cx) {
                    std::task::Poll::Ready(value) => *slot = Some(value),
                    std::task::Poll::Pending => waiting = true,
                }
            }
        }
        if waiting {
            std::task::Poll::Pending
        } else {
            std::task::Poll::Ready(())
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

async fn run_one(mutant: &MutantSpec, loaded: &Loaded, args: &MutantsArgs, io: &mut Io) -> Row {
    let mut row = Row {
        mutant: mutant.name.clone(),
        rule: mutant.rule.clone(),
        scenario: mutant.scenario.to_string(),
        outcome: "error",
        verdict: String::new(),
        broken: Vec::new(),
        problem: None,
    };
    let Some(scenario) = loaded.catalogue.scenario(&mutant.scenario) else {
        row.problem = Some(format!("no scenario {}", mutant.scenario));
        return row;
    };
    if loaded.catalogue.rule(&mutant.rule).is_none() {
        row.problem = Some(format!("no rule {}", mutant.rule));
        return row;
    }
    match play(mutant, scenario, loaded, args, io).await {
        Err(failure) => row.problem = Some(failure.message),
        Ok((verdict, broken)) => {
            row.outcome = if broken.contains(&mutant.rule) {
                "killed"
            } else if broken.is_empty() {
                "survived"
            } else {
                "other_rule"
            };
            row.verdict = verdict;
            row.broken = broken.into_iter().collect();
        }
    }
    row
}

async fn play(
    mutant: &MutantSpec,
    scenario: &Scenario,
    loaded: &Loaded,
    args: &MutantsArgs,
    io: &mut Io,
) -> Result<(String, BTreeSet<RuleId>), Failure> {
    let folder = Scratch::new(&mutant.name)?;
    let names = [mutant.name.clone()];
    let run = DemoRun {
        folder: &folder.0,
        state: &args.state,
        seed: args.seed,
        settle: SETTLE,
        mutants: &names,
    };
    let end = run.play(loaded, std::slice::from_ref(scenario), io).await?;
    let Some((_, judgement)) = end.judgements.first() else {
        return Err(Failure::bench("the campaign has no judgement"));
    };
    let broken = judgement
        .findings
        .iter()
        .filter(|f| f.level > Level::Info || f.rule == mutant.rule)
        .map(|f| f.rule.clone())
        .collect();
    let mut verdict = judgement.verdict.word().to_owned();
    if let Some(reason) = judgement.verdict.reason() {
        verdict.push_str(": ");
        verdict.push_str(reason);
    }
    Ok((verdict, broken))
}

/// A folder for one mutant's journal, removed afterwards.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new(name: &str) -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("diapason-{name}-{:016x}", random()));
        // Not `create_dir_all`: a folder that somebody else made ready is refused.
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(|e| Failure::bench(format!("create {}: {e}", folder.display())))?;
        Ok(Self(folder))
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(Path::new(&self.0));
    }
}

/// Can a program play it? (No step waits for a person's word.)
fn automatic(scenario: &Scenario) -> bool {
    !scenario
        .steps
        .iter()
        .flat_map(|s| &s.expect)
        .any(|e| matches!(e.what(), Some(What::Attest(_))))
}

fn scenarios_without_mutant(scenarios: &[Scenario]) -> Vec<String> {
    let named: BTreeSet<String> = diapason_dui_temoin::mutants()
        .iter()
        .map(|m| m.scenario.to_string())
        .collect();
    scenarios
        .iter()
        .filter(|s| automatic(s) && !named.contains(s.id.as_str()))
        .map(|s| s.id.to_string())
        .collect()
}

fn rules_without_proof(rules: &[Rule]) -> Vec<String> {
    let named: BTreeSet<String> = diapason_dui_temoin::mutants()
        .iter()
        .map(|m| m.rule.to_string())
        .collect();
    rules
        .iter()
        .filter(|r| {
            let sampled = !r.bad.is_empty() && !matches!(r.check, Check::Scenario {});
            !sampled && !named.contains(r.id.as_str())
        })
        .map(|r| r.id.to_string())
        .collect()
}

fn print(table: &KillTable, io: &mut Io) {
    let width = table.rows.iter().map(|r| r.mutant.len()).max().unwrap_or(0);
    for row in &table.rows {
        let broken: Vec<&str> = row.broken.iter().map(RuleId::as_str).collect();
        let tail = match row.outcome {
            "killed" => String::new(),
            _ => format!(
                "  [{}] {} {}",
                broken.join(", "),
                row.verdict,
                row.problem.as_deref().unwrap_or_default()
            ),
        };
        io.data(&format!(
            "{:<10} {:<width$}  {:<10}  {}{tail}",
            row.outcome, row.mutant, row.rule, row.scenario
        ));
    }
    let killed = table.rows.iter().filter(|r| r.outcome == "killed").count();
    io.data(&format!(
        "{killed} of {} mutants killed by the rule they name",
        table.rows.len()
    ));
    for (what, list) in [
        (
            "scenarios that no mutant names",
            &table.scenarios_without_mutant,
        ),
        (
            "rules that no mutant and no bad sample breaks",
            &table.rules_without_proof,
        ),
    ] {
        if !list.is_empty() {
            io.data(&format!("{} {what}: {}", list.len(), list.join(", ")));
        }
    }
}

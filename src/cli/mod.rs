//! The command line: what was typed, then what it means, then the work.
//!
//! stdout is data, stderr is talk. One file per subcommand.

mod assertion;
pub(crate) mod check;
mod contract;
mod demo;
mod doctor;
mod dui;
mod explain;
mod init;
mod io;
mod list;
mod mutants;
mod packs;
mod progress;
mod rejudge;
mod report;
mod rules;
mod run;
mod serve;
mod session;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

pub use io::Io;
pub(crate) use list::word;

use crate::exit;

/// Conformance bench for DUI software (dossier usager informatisé).
#[derive(Debug, Parser)]
#[command(
    name = "diapason",
    version,
    after_help = "Exit codes: 0 conform, 1 deviations, 2 usage or configuration, 3 inconclusive only, 4 bench error."
)]
struct Args {
    #[command(subcommand)]
    command: Command,
    /// Language of reports and listings.
    #[arg(long, global = true, value_name = "LANG", default_value = "fr", value_parser = parse_lang)]
    lang: diapason_core::requirement::Lang,
    /// No progress bar, no colour.
    #[arg(long, global = true)]
    quiet: bool,
}

fn parse_lang(text: &str) -> Result<diapason_core::requirement::Lang, String> {
    match text {
        "fr" => Ok(diapason_core::requirement::Lang::Fr),
        "en" => Ok(diapason_core::requirement::Lang::En),
        _ => Err("fr or en".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every scenario against the reference DUI.
    Demo(demo::DemoArgs),
    /// Run the scenarios against a vendor's DUI.
    Run(run::RunArgs),
    /// Judge an old journal again with this version's rules.
    Rejudge(rejudge::RejudgeArgs),
    /// Make the reports of an old journal again.
    Report(report::ReportArgs),
    /// List scenarios, rules, faults, requirements or mutants.
    List(list::ListArgs),
    /// Explain a scenario, rule, fault, requirement or mutant by its id.
    Explain(explain::ExplainArgs),
    /// Test the rules on their own samples.
    Rules(rules::RulesArgs),
    /// List the rule packs, or compare two of them on a corpus.
    Packs(packs::PacksArgs),
    /// Run every mutant of the reference DUI and print the kill table.
    Mutants(mutants::MutantsArgs),
    /// Judge files: CDA documents, INSi requests, tokens, messages, scenarios...
    Check(check::CheckArgs),
    /// Print the driver contract (OpenAPI and JSON Schemas).
    Contract(contract::ContractArgs),
    /// Scaffold a vendor's folder.
    Init(init::InitArgs),
    /// Check ports, names, trust and clock before a run.
    Doctor(doctor::DoctorArgs),
    /// Start the mocks and keep them until Ctrl-C.
    Serve(serve::ServeArgs),
    /// Start the reference DUI by hand.
    DuiTemoin(dui::DuiArgs),
}

/// Runs the program; returns its exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let mut io = Io::standard();
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // Its own printing knows the stream and NO_COLOR.
            let code = if error.use_stderr() {
                exit::USAGE
            } else {
                exit::CONFORM
            };
            return match error.print() {
                Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => exit::BENCH,
                _ => code,
            };
        }
    };
    io.quiet = args.quiet;
    io.lang = args.lang;
    let outcome = match args.command {
        Command::Demo(args) => demo::main(&args, &mut io),
        Command::Run(args) => run::main(&args, &mut io),
        Command::Rejudge(args) => rejudge::main(&args, &mut io),
        Command::Report(args) => report::main(&args, &mut io),
        Command::List(args) => list::main(&args, &mut io),
        Command::Explain(args) => explain::main(&args, &mut io),
        Command::Rules(args) => rules::main(&args, &mut io),
        Command::Packs(args) => packs::main(&args, &mut io),
        Command::Mutants(args) => mutants::main(&args, &mut io),
        Command::Check(args) => check::main(&args, &mut io),
        Command::Contract(args) => contract::main(&args, &mut io),
        Command::Init(args) => init::main(&args, &mut io),
        Command::Doctor(args) => doctor::main(&args, &mut io),
        Command::Serve(args) => serve::main(&args, &mut io),
        Command::DuiTemoin(args) => dui::main(args, &mut io),
    };
    let code = match outcome {
        Ok(code) => code,
        Err(failure) => {
            io.talk(&format!("diapason: {}", failure.message));
            failure.code
        }
    };
    if let Some(error) = io.finish() {
        io.talk(&format!(
            "diapason: the output could not be written: {error}"
        ));
        return exit::BENCH;
    }
    code
}

/// Why a command ended early, with its exit code.
#[derive(Debug)]
pub struct Failure {
    /// For a person.
    pub message: String,
    /// See [`crate::exit`].
    pub code: u8,
}

impl Failure {
    /// The user or the configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: exit::USAGE,
        }
    }

    /// The bench.
    pub fn bench(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: exit::BENCH,
        }
    }

    /// An error and its causes, on one line.
    pub fn chain(doing: &str, error: &dyn std::error::Error, code: u8) -> Self {
        let mut message = format!("{doing}: {error}");
        let mut cause = error.source();
        while let Some(next) = cause {
            let text = next.to_string();
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = next.source();
        }
        Self { message, code }
    }
}

impl From<crate::scenario_file::FileErrors> for Failure {
    fn from(errors: crate::scenario_file::FileErrors) -> Self {
        Self::usage(errors.to_string())
    }
}

/// A number that another process, or another call, does not draw.
fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

/// The async runtime of a command.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Failure::bench(format!("start the async runtime: {e}")))
}

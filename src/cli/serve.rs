//! `diapason serve`: the mocks alone, until Ctrl-C, with a small control API on loopback.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use diapason_core::journal::Journal;
use diapason_core::scenario::Arm;
use diapason_core::{Clock, Recorder};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::run::ports;
use super::session::report_folder;
use super::{Failure, Io, runtime};
use crate::exit;
use crate::recorder::RunRecorder;
use crate::run::Bench;
use crate::run::bench::Ports;
use crate::run::stop::Stop;
use crate::scenario_file::{MocksConfig, product_from_str, read_text};

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Product statement: declares the PSC client.
    #[arg(long, value_name = "FILE", default_value = "fiche-produit.toml")]
    fiche: PathBuf,
    /// Folder that receives the journal (default: a new one under `rapports/`).
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Folder of the test PKI.
    #[arg(long, value_name = "DIR", default_value = ".diapason/pki")]
    state: PathBuf,
    /// Seed of the drawn personas.
    #[arg(long, default_value_t = 20_260_115)]
    seed: u64,
    /// Any free port for each mock, instead of 8701, 8702, 8711, 8712, 8720, 8721 and 8722.
    #[arg(long)]
    free_ports: bool,
}

pub(super) fn main(args: &ServeArgs, io: &mut Io) -> Result<u8, Failure> {
    let product = product_from_str(&args.fiche.display().to_string(), &read_text(&args.fiche)?)?;
    let folder = report_folder(args.report.as_deref(), Path::new("rapports"))?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let mut stop = Stop::listen()
            .map_err(|e| Failure::bench(format!("listen to the signals that stop it: {e}")))?;
        let journal = Journal::create(&folder)
            .map_err(|e| Failure::chain("open the journal", &e, exit::USAGE))?;
        let recorder: Arc<dyn Recorder> = RunRecorder::new(journal, Vec::new());
        let ports = if args.free_ports { Ports::default() } else { ports(&MocksConfig::default()) };
        let bench =
            Bench::start(&args.state, ports, &product, args.seed, Clock::system(), recorder)
                .await
                .map_err(|e| Failure::chain("bench", &e, exit::USAGE))?;
        let pki = std::fs::canonicalize(bench.pki.dir())
            .unwrap_or_else(|_| bench.pki.dir().to_owned());
        io.data(
            &json!({ "addresses": bench.addresses(), "pki": pki, "journal": folder }).to_string(),
        );
        io.talk("one setting a line on stdin, as in a scenario's `arm` (JSON), or \"reset\"; Ctrl-C ends");
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        let mut open = true;
        while open {
            tokio::select! {
                () = stop.asked() => break,
                line = lines.next_line() => match line {
                    Ok(Some(line)) => io.data(&command(&bench, line.trim()).to_string()),
                    Ok(None) | Err(_) => open = false,
                },
            }
        }
        if !open {
            stop.asked().await;
        }
        bench.stop().await;
        Ok(exit::CONFORM)
    })
}

/// One line of stdin: `"reset"`, or a setting.
fn command(bench: &Bench, line: &str) -> Value {
    if line.is_empty() || line.trim_matches('"') == "reset" {
        bench.reset();
        return json!({ "ok": true });
    }
    let outcome = serde_json::from_str::<Arm>(line)
        .map_err(|e| e.to_string())
        .and_then(|arm| bench.arm(&arm));
    match outcome {
        Ok(()) => json!({ "ok": true }),
        Err(problem) => json!({ "ok": false, "problem": problem }),
    }
}

//! `diapason dui-temoin`: the reference DUI as a process of its own.
//!
//! With `--config -` it reads one JSON line on stdin and lives until stdin closes, so that it never
//! outlives the bench that started it.

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use clap::Args;
use diapason_dui_temoin::DuiConfig;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::{Failure, Io, runtime};
use crate::exit;
use crate::run::stop::Stop;

#[derive(Debug, Args)]
pub(super) struct DuiArgs {
    /// JSON configuration, or `-` for one line on stdin.
    #[arg(long, value_name = "FILE")]
    config: String,
    /// Seeds a defect, by name; see `diapason list mutants`.
    #[arg(long, value_name = "NAME")]
    mutant: Vec<String>,
}

pub(super) fn main(args: DuiArgs, io: &mut Io) -> Result<u8, Failure> {
    let parent = args.config == "-";
    let text = if parent {
        let mut line = String::new();
        std::io::stdin()
            .lock()
            .read_line(&mut line)
            .map_err(|e| Failure::usage(format!("read the configuration on stdin: {e}")))?;
        line
    } else {
        std::fs::read_to_string(&args.config)
            .map_err(|e| Failure::usage(format!("read {}: {e}", args.config)))?
    };
    let mut config: DuiConfig = serde_json::from_str(&text)
        .map_err(|e| Failure::usage(format!("the configuration of the reference DUI: {e}")))?;
    config.mutants.extend(args.mutant);
    super::demo::check_mutants(&config.mutants)?;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let serving = async move {
        let ready = |addr: SocketAddr| {
            let mut out = std::io::stdout();
            let _ = writeln!(out, "{{\"ready\":\"http://{addr}\"}}");
            let _ = out.flush();
        };
        let served = diapason_dui_temoin::serve(config, ready);
        if parent {
            // A thread, since a blocked read on stdin cannot be cancelled.
            let (gone, wait) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || {
                let mut line = String::new();
                while std::io::stdin()
                    .lock()
                    .read_line(&mut line)
                    .is_ok_and(|n| n > 0)
                {}
                let _ = gone.send(());
            });
            tokio::select! {
                end = served => end,
                _ = wait => Ok(()),
            }
        } else {
            tokio::select! {
                end = served => end,
                () = stop_asked() => Ok(()),
            }
        }
    };
    let runtime = runtime()?;
    let end = runtime.block_on(serving);
    runtime.shutdown_timeout(Duration::from_millis(100));
    end.map_err(|e| Failure::chain("the reference DUI", &e, exit::USAGE))?;
    if !parent {
        io.talk("reference DUI stopped");
    }
    Ok(exit::CONFORM)
}

/// Ends when the process is asked to stop; never, when that cannot be heard.
async fn stop_asked() {
    match Stop::listen() {
        Ok(mut stop) => stop.asked().await,
        Err(_) => std::future::pending().await,
    }
}

/// A reference DUI running as a child of this process; it dies with it.
pub(super) struct DuiProcess {
    child: tokio::process::Child,
    /// Its address.
    pub(super) url: String,
}

impl DuiProcess {
    /// Starts it and waits until it is ready.
    pub(super) async fn start(config: &DuiConfig) -> Result<Self, Failure> {
        let exe = std::env::current_exe()
            .map_err(|e| Failure::bench(format!("find this program: {e}")))?;
        Self::start_program(&exe, config).await
    }

    async fn start_program(exe: &PathBuf, config: &DuiConfig) -> Result<Self, Failure> {
        let failed = |what: &str, e: &dyn std::fmt::Display| {
            Failure::bench(format!("start the reference DUI: {what}: {e}"))
        };
        let mut child = tokio::process::Command::new(exe)
            .args(["dui-temoin", "--config", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| failed("spawn", &e))?;
        let mut line = serde_json::to_string(config).map_err(|e| failed("configuration", &e))?;
        line.push('\n');
        if let Some(stdin) = child.stdin.as_mut() {
            stdin
                .write_all(line.as_bytes())
                .await
                .map_err(|e| failed("configuration", &e))?;
        }
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| failed("stdout", &"no pipe"))?;
        let mut lines = BufReader::new(stdout).lines();
        let ready = tokio::time::timeout(Duration::from_secs(20), lines.next_line()).await;
        let line = match ready {
            Ok(Ok(Some(line))) => line,
            Ok(Ok(None)) => return Err(failed("it ended at once", &"see its message above")),
            Ok(Err(e)) => return Err(failed("read", &e)),
            Err(_) => return Err(failed("not ready", &"waited 20 s")),
        };
        let value: serde_json::Value =
            serde_json::from_str(&line).map_err(|e| failed("its first line", &e))?;
        let url = value["ready"].as_str().unwrap_or_default().to_owned();
        Ok(Self { child, url })
    }

    /// Ends it.
    pub(super) async fn stop(mut self) {
        drop(self.child.stdin.take());
        if tokio::time::timeout(Duration::from_secs(2), self.child.wait())
            .await
            .is_err()
        {
            let _ = self.child.kill().await;
        }
    }
}

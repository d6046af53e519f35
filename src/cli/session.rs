//! What `demo`, `run` and `mutants` share: a report folder, a bench, a campaign, the reports.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diapason_core::journal::{JOURNAL_FILE, Journal};
use diapason_core::requirement::Lang;
use diapason_core::scenario::Scenario;
use diapason_core::{Clock, Recorder};
use diapason_rules::redact::redact_text;

use super::{Failure, Io, progress};
use crate::catalogue::Loaded;
use crate::driver::AnyDriver;
use crate::exit;
use crate::recorder::RunRecorder;
use crate::run::bench::Ports;
use crate::run::{Bench, CampaignEnd, CampaignSetup, RunOptions, judges, run_campaign};

/// Makes ready a folder that holds no earlier run: the one asked for, or a new dated one in `base`.
pub(super) fn report_folder(asked: Option<&Path>, base: &Path) -> Result<PathBuf, Failure> {
    let refused = |folder: &Path, e: &std::io::Error| {
        Failure::usage(format!(
            "the report folder {} cannot be created: {e}; give another with --report DIR",
            folder.display()
        ))
    };
    let Some(folder) = asked else {
        let now = Clock::system().now().to_string();
        let stamp: String = now
            .chars()
            .take(19)
            .filter(char::is_ascii_alphanumeric)
            .collect();
        std::fs::create_dir_all(base).map_err(|e| refused(base, &e))?;
        let mut folder = base.join(&stamp);
        for number in 2.. {
            match std::fs::create_dir(&folder) {
                Ok(()) => break,
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                    folder = base.join(format!("{stamp}-{number}"));
                }
                Err(e) => return Err(refused(&folder, &e)),
            }
        }
        return Ok(folder);
    };
    // A journal without an event is what a run leaves that never began.
    let journal = folder.join(JOURNAL_FILE);
    if std::fs::metadata(&journal).is_ok_and(|m| m.is_file() && m.len() == 0) {
        std::fs::remove_file(&journal).map_err(|e| refused(folder, &e))?;
    }
    if journal.exists() {
        return Err(Failure::usage(format!(
            "{} already holds the journal of a run, which is evidence and is never overwritten; give another folder with --report DIR, or remove it yourself",
            folder.display()
        )));
    }
    std::fs::create_dir_all(folder).map_err(|e| refused(folder, &e))?;
    Ok(folder.to_owned())
}

/// Removes what a run that never began leaves; false when the journal holds something.
fn discard_empty(folder: &Path) -> bool {
    let journal = folder.join(JOURNAL_FILE);
    if std::fs::metadata(&journal).is_ok_and(|m| m.len() > 0) {
        return false;
    }
    let _ = std::fs::remove_file(journal);
    // These refuse to remove what is not empty.
    let _ = std::fs::remove_dir(folder.join(diapason_core::journal::BLOBS_DIR));
    let _ = std::fs::remove_dir(folder);
    true
}

/// Writes the reports of what was played, whole or not, and says how it went.
pub(super) fn conclude(
    outcome: Result<CampaignEnd, Failure>,
    asked: usize,
    folder: &Path,
    io: &mut Io,
) -> Result<u8, Failure> {
    let end = match outcome {
        Ok(end) => end,
        Err(failure) => {
            if !discard_empty(folder)
                && let Ok(written) = crate::report::write(folder, io.lang)
            {
                for path in written {
                    io.data(&format!("  {}", path.display()));
                }
            }
            return Err(failure);
        }
    };
    let written = crate::report::write(folder, io.lang)
        .map_err(|e| Failure::chain("reports", &e, exit::BENCH))?;
    tell(&end, &written, io);
    if std::env::var_os("GITHUB_ACTIONS").is_some_and(|v| v == "true") {
        let journal = diapason_core::journal::read(folder)
            .map_err(|e| Failure::chain("annotations", &e, exit::BENCH))?;
        let campaign = diapason_rules::Campaign::for_reports(&journal)
            .map_err(|e| Failure::chain("annotations", &e, exit::BENCH))?;
        let report = crate::report::Report::new(&campaign);
        for line in crate::report::github(&report, io.lang) {
            io.data(&line);
        }
    }
    if end.interrupted {
        let played = end.judgements.len();
        io.talk(&match io.lang {
            Lang::Fr => format!("campagne interrompue : {played} scénarios joués sur {asked}"),
            Lang::En => format!("interrupted: {played} of {asked} scenarios played"),
        });
    }
    Ok(end.exit_code)
}

/// A bench with its journal open.
pub(super) struct Session {
    pub(super) recorder: Arc<RunRecorder>,
    pub(super) bench: Bench,
    bar: indicatif::ProgressBar,
}

impl Session {
    /// Opens the journal and starts the mocks. `shown`: a progress bar, on a terminal.
    pub(super) async fn open(
        options: &RunOptions,
        ports: Ports,
        state: &Path,
        shown: bool,
        io: &Io,
    ) -> Result<Self, Failure> {
        let journal = Journal::create(&options.journal_dir)
            .map_err(|e| Failure::chain("open the journal", &e, exit::USAGE))?;
        let (bar, watcher) = progress::bar(shown && io.terminal && !io.quiet);
        let recorder = RunRecorder::new(journal, vec![watcher]);
        let shared: Arc<dyn Recorder> = recorder.clone();
        let bench = Bench::start(
            state,
            ports,
            &options.product,
            options.seed,
            Clock::system(),
            shared,
        )
        .await
        .map_err(|e| Failure::chain("bench", &e, exit::USAGE))?;
        Ok(Self {
            recorder,
            bench,
            bar,
        })
    }

    /// Plays the campaign.
    pub(super) async fn play(
        &self,
        driver: &AnyDriver,
        loaded: &Loaded,
        scenarios: &[Scenario],
        options: &RunOptions,
    ) -> Result<CampaignEnd, Failure> {
        let judge = judges::judge(&loaded.catalogue.rules)
            .map_err(|e| Failure::chain("rules", &e, exit::BENCH))?;
        let end = run_campaign(&CampaignSetup {
            bench: &self.bench,
            recorder: &self.recorder,
            driver,
            judge: &judge,
            loaded,
            scenarios,
            options,
        })
        .await;
        self.bar.finish_and_clear();
        end.map_err(|e| Failure::chain("campaign", &e, exit::BENCH))
    }
}

/// Counts by verdict and one line per scenario that is not conform, then where the reports are.
fn tell(end: &CampaignEnd, written: &[PathBuf], io: &mut Io) {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for (scenario, judgement) in &end.judgements {
        *counts.entry(judgement.verdict.word()).or_default() += 1;
        let mut line = format!("{:<15} {}", judgement.verdict.word(), scenario.id);
        match judgement.verdict.word() {
            "conforme" => continue,
            "non_applicable" | "non_concluant" | "erreur_banc" => {
                line.push_str("  ");
                line.push_str(&redact_text(judgement.verdict.reason().unwrap_or_default()));
            }
            _ => {}
        }
        io.data(&line);
        for finding in &judgement.findings {
            if finding.level > diapason_core::Level::Info {
                let (expected, observed) = (
                    redact_text(&finding.expected),
                    redact_text(&finding.observed),
                );
                io.data(&match io.lang {
                    Lang::Fr => {
                        format!("    {} : attendu {expected} ; vu {observed}", finding.rule)
                    }
                    Lang::En => {
                        format!("    {}: expected {expected}; seen {observed}", finding.rule)
                    }
                });
            }
        }
    }
    let said: Vec<String> = counts
        .iter()
        .map(|(word, n)| format!("{n} {word}"))
        .collect();
    let (count, said) = (end.judgements.len(), said.join(", "));
    io.data(&match io.lang {
        Lang::Fr => format!("{count} scénarios : {said}"),
        Lang::En => format!("{count} scenarios: {said}"),
    });
    for path in written {
        io.data(&format!("  {}", path.display()));
    }
}

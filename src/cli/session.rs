//! What `demo`, `run` and `mutants` share: a report folder, a bench, a campaign, the reports.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diapason_core::journal::{JOURNAL_FILE, Journal};
use diapason_core::scenario::Scenario;
use diapason_core::{Clock, Recorder};
use diapason_rules::Judge;

use super::{Failure, Io, progress};
use crate::catalogue::Loaded;
use crate::driver::AnyDriver;
use crate::exit;
use crate::recorder::RunRecorder;
use crate::run::bench::Ports;
use crate::run::{Bench, CampaignEnd, CampaignSetup, RunOptions, run_campaign};

/// Makes ready a folder that holds no earlier run.
pub(super) fn report_folder(asked: Option<&Path>) -> Result<PathBuf, Failure> {
    let folder = if let Some(folder) = asked {
        folder.to_owned()
    } else {
        let now = Clock::system().now().to_string();
        let stamp: String = now
            .chars()
            .take(19)
            .filter(char::is_ascii_alphanumeric)
            .collect();
        PathBuf::from("rapports").join(stamp)
    };
    if folder.join(JOURNAL_FILE).exists() {
        return Err(Failure::usage(format!(
            "{} already holds the journal of a run, which is evidence and is never overwritten; give another folder with --report DIR, or remove it yourself",
            folder.display()
        )));
    }
    std::fs::create_dir_all(&folder).map_err(|e| {
        Failure::usage(format!(
            "the report folder {} cannot be created: {e}; give another with --report DIR",
            folder.display()
        ))
    })?;
    Ok(folder)
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
        let judge = Judge::new(&loaded.catalogue.rules)
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
        .await
        .map_err(|e| Failure::chain("campaign", &e, exit::BENCH))?;
        self.bar.finish_and_clear();
        Ok(end)
    }
}

/// Counts by verdict and one line per scenario that is not conform, then where the reports are.
pub(super) fn tell(end: &CampaignEnd, written: &[PathBuf], io: &mut Io) {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for (scenario, judgement) in &end.judgements {
        *counts.entry(judgement.verdict.word()).or_default() += 1;
        let mut line = format!("{:<15} {}", judgement.verdict.word(), scenario.id);
        match judgement.verdict.word() {
            "conforme" => continue,
            "non_applicable" | "non_concluant" | "erreur_banc" => {
                line.push_str("  ");
                line.push_str(judgement.verdict.reason().unwrap_or_default());
            }
            _ => {}
        }
        io.data(&line);
        for finding in &judgement.findings {
            if finding.level > diapason_core::Level::Info {
                io.data(&format!(
                    "    {} : attendu {} ; vu {}",
                    finding.rule, finding.expected, finding.observed
                ));
            }
        }
    }
    let said: Vec<String> = counts
        .iter()
        .map(|(word, n)| format!("{n} {word}"))
        .collect();
    io.data(&format!(
        "{} scénarios : {}",
        end.judgements.len(),
        said.join(", ")
    ));
    for path in written {
        io.data(&format!("  {}", path.display()));
    }
}

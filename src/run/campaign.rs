//! Plays a selection of scenarios and judges each as it ends.

use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::Instant;

use diapason_core::journal::{BLOBS_DIR, JournalError};
use diapason_core::scenario::Scenario;
use diapason_core::{Event, Exchange, Recorder, RunId, Verdict};
use diapason_rules::judge::Ahead;
use diapason_rules::{Judge, Judgement};

use crate::catalogue::Loaded;
use crate::driver::AnyDriver;
use crate::recorder::RunRecorder;
use crate::run::player::Player;
use crate::run::stop::Stop;
use crate::run::{Bench, RunOptions};

/// A campaign that could not be carried to its end.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    /// A lost journal is a failed run: it is the evidence.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Nobody could stop it.
    #[error("listen to the signals that stop a campaign")]
    Signals(#[from] std::io::Error),
    /// A mock saw something it could not record.
    #[error(
        "a mock could not record what it received ({0}); the journal is no longer the whole truth"
    )]
    Recording(String),
    /// The catalogue cannot be written down.
    #[error("encode the catalogue")]
    Catalogue(#[source] serde_json::Error),
}

/// What a campaign came to.
#[derive(Debug, Clone)]
pub struct CampaignEnd {
    /// Scenario and judgement, in order.
    pub judgements: Vec<(Scenario, Judgement)>,
    /// See [`crate::exit`].
    pub exit_code: u8,
    /// Was it stopped by the user?
    pub interrupted: bool,
}

/// What a campaign is made of.
#[derive(Clone, Copy)]
pub struct CampaignSetup<'a> {
    /// Mocks.
    pub bench: &'a Bench,
    /// Recorder.
    pub recorder: &'a RunRecorder,
    /// Driver.
    pub driver: &'a AnyDriver,
    /// Rules, ready to judge.
    pub judge: &'a Judge,
    /// What the run is judged against.
    pub loaded: &'a Loaded,
    /// Scenarios, already selected.
    pub scenarios: &'a [Scenario],
    /// Options.
    pub options: &'a RunOptions,
}

/// Plays the scenarios and returns their judgements.
pub async fn run_campaign(setup: &CampaignSetup<'_>) -> Result<CampaignEnd, CampaignError> {
    let CampaignSetup {
        bench,
        recorder,
        driver,
        judge,
        loaded,
        scenarios,
        options,
    } = *setup;
    let text = serde_json::to_vec(&loaded.catalogue).map_err(CampaignError::Catalogue)?;
    let catalogue_blob = recorder.blob(&text)?;
    let started = bench.clock.now();
    let stamp: String = started
        .to_string()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let run =
        RunId::new(format!("{stamp}-{:x}", options.seed)).unwrap_or_else(|_| unreachable_run_id());
    recorder.record(Event::RunStarted {
        run,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        seed: options.seed,
        driver: driver.name().to_owned(),
        product: options.product.clone(),
        catalogue: catalogue_blob,
        packs: loaded.packs.clone(),
        switches: bench.switches(),
        strict: options.policy.strict,
        excuse_operator: options.policy.excuse_operator,
        baseline: options.policy.baseline.clone(),
        at: started,
    })?;
    let personas = bench.personas();
    let player = Player {
        bench,
        recorder,
        driver,
        options,
        personas: &personas,
    };
    let ahead = LookAhead::start(judge, recorder);
    let mut judgements = Vec::with_capacity(scenarios.len());
    let mut interrupted = false;
    let mut stop = Stop::listen()?;
    for (index, scenario) in scenarios.iter().enumerate() {
        let index = index as u32 + 1;
        let judgement = tokio::select! {
            biased;
            () = stop.asked() => { interrupted = true; break; }
            judgement = play_one(&player, judge, scenario, index, scenarios.len() as u32) => judgement?,
        };
        judgements.push((scenario.clone(), judgement));
    }
    drop(ahead);
    if interrupted {
        recorder.record(Event::BenchError {
            scenario: None,
            message: "campaign interrupted by the user".to_owned(),
        })?;
    }
    let exit_code = if interrupted {
        crate::exit::BENCH
    } else {
        options
            .policy
            .exit_code(judgements.iter().map(|(s, j)| (&s.id, j)))
    };
    recorder.record(Event::RunEnded {
        exit_code,
        at: bench.clock.now(),
    })?;
    recorder.journal().sync()?;
    Ok(CampaignEnd {
        judgements,
        exit_code,
        interrupted,
    })
}

fn unreachable_run_id() -> RunId {
    RunId::new("run").expect("letters make a run id")
}

/// Judges messages on a thread of its own while scenarios are played: what they hold is known when the scenario ends.
struct LookAhead<'a> {
    recorder: &'a RunRecorder,
    thread: Option<JoinHandle<()>>,
}

impl<'a> LookAhead<'a> {
    fn start(judge: &Judge, recorder: &'a RunRecorder) -> Self {
        let thread = judge.ahead().map(|ahead| {
            let (sender, arrivals) = channel::<Exchange>();
            recorder.tell_arrivals(Some(sender));
            let blobs = recorder.journal().dir().join(BLOBS_DIR);
            std::thread::spawn(move || {
                for exchange in arrivals {
                    // What cannot be read here is said when the scenario is judged.
                    if Ahead::concerns(&exchange)
                        && let Ok(request) = std::fs::read(blobs.join(exchange.request.as_str()))
                    {
                        ahead.look(&exchange, &request);
                    }
                }
            })
        });
        Self { recorder, thread }
    }
}

impl Drop for LookAhead<'_> {
    fn drop(&mut self) {
        self.recorder.tell_arrivals(None);
        // A judge that fell here falls again, and is reported, where the scenario is judged.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

async fn play_one(
    player: &Player<'_>,
    judge: &Judge,
    scenario: &Scenario,
    index: u32,
    total: u32,
) -> Result<Judgement, CampaignError> {
    let recorder = player.recorder;
    let clock = &player.bench.clock;
    let started = Instant::now();
    let beginning = Event::ScenarioStarted {
        scenario: scenario.id.clone(),
        index,
        total,
        at: clock.now(),
    };
    recorder.start_scenario(scenario, &beginning)?;
    let excluded = scenario
        .condition
        .as_ref()
        .and_then(|c| c.why_not(&player.options.product.profil));
    let judgement = if let Some(reason) = excluded {
        Judgement {
            findings: Vec::new(),
            checks: std::collections::BTreeMap::new(),
            verdict: Verdict::NonApplicable { reason },
            evidence: None,
            unplayed: Vec::new(),
        }
    } else {
        player.play(scenario).await?;
        if let Some(failure) = player.bench.failure() {
            return Err(CampaignError::Recording(failure));
        }
        judge.judge(&player.record(scenario, index), &player.options.product)
    };
    for finding in &judgement.findings {
        recorder.record(Event::FindingMade {
            scenario: scenario.id.clone(),
            finding: finding.clone(),
        })?;
    }
    recorder.record(Event::ScenarioEnded {
        scenario: scenario.id.clone(),
        verdict: judgement.verdict.clone(),
        evidence: judgement.evidence,
        checks: judgement.checks.clone(),
        duration_ms: started.elapsed().as_millis() as u64,
        at: clock.now(),
    })?;
    Ok(judgement)
}

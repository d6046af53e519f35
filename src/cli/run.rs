//! `diapason run`: the campaign against a vendor's DUI.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::session::{Session, conclude, report_folder};
use super::{Failure, Io, random, runtime};
use crate::catalogue;
use crate::driver::AnyDriver;
use crate::exit::Policy;
use crate::run::RunOptions;
use crate::run::baseline;
use crate::run::bench::Ports;
use crate::run::select::Selection;
use crate::scenario_file::{
    Config, DriverKind, MocksConfig, config_from_str, product_from_str, read_text,
};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Settings (see `diapason init`).
    #[arg(long, value_name = "FILE", default_value = "diapason.toml")]
    config: PathBuf,
    /// Folder that receives the reports (default: a new one under `report` of the settings).
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Only this family; may be repeated.
    #[arg(long, value_name = "FAMILY")]
    family: Vec<String>,
    /// Only scenarios whose id begins so; may be repeated.
    #[arg(long, value_name = "ID")]
    scenario: Vec<String>,
    /// Plays part I of N of the campaign.
    #[arg(long, value_name = "I/N", value_parser = parse_shard)]
    shard: Option<(u32, u32)>,
    /// Nobody is at the keyboard: manual steps are inconclusive.
    #[arg(long)]
    unattended: bool,
    /// Warnings fail the run too.
    #[arg(long)]
    strict: bool,
}

fn parse_shard(text: &str) -> Result<(u32, u32), String> {
    let wrong = || "expected I/N with 1 <= I <= N, such as 2/4".to_owned();
    let (i, n) = text.split_once('/').ok_or_else(wrong)?;
    let (i, n) = (
        i.parse().map_err(|_| wrong())?,
        n.parse().map_err(|_| wrong())?,
    );
    if (1..=n).contains(&i) {
        Ok((i, n))
    } else {
        Err(wrong())
    }
}

/// The settings and the folder they stand in.
pub(super) fn read_config(path: &Path) -> Result<(Config, PathBuf), Failure> {
    if !path.exists() {
        return Err(Failure::usage(format!(
            "{} does not exist; `diapason init DIR` writes one",
            path.display()
        )));
    }
    let config = config_from_str(&path.display().to_string(), &read_text(path)?)?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    Ok((config, folder.unwrap_or(Path::new(".")).to_owned()))
}

/// Ports of the settings.
pub(super) fn ports(mocks: &MocksConfig) -> Ports {
    Ports {
        insi_tls: mocks.insi_tls.port(),
        insi_tlsm: mocks.insi_tlsm.port(),
        psc_auth: mocks.psc_auth.port(),
        psc_wallet: mocks.psc_wallet.port(),
        dmp_tlsm: mocks.dmp_tlsm.port(),
        dmp_web: mocks.dmp_web.port(),
        crl: mocks.crl.port(),
    }
}

pub(super) fn main(args: &RunArgs, io: &mut Io) -> Result<u8, Failure> {
    let (config, folder) = read_config(&args.config)?;
    let fiche = folder.join(&config.fiche);
    let product = product_from_str(&fiche.display().to_string(), &read_text(&fiche)?)?;
    let own = config.scenarios.as_ref().map(|s| folder.join(s));
    let loaded = catalogue::load(own.as_deref())?;
    let selection = Selection {
        families: if args.family.is_empty() {
            config.families.clone()
        } else {
            args.family.clone()
        },
        ids: args.scenario.clone(),
        shard: args.shard,
    };
    let scenarios = selection
        .apply(&loaded.catalogue.scenarios)
        .map_err(|e| Failure::usage(e.to_string()))?;
    baseline::check(&config.baseline, &loaded.catalogue)
        .map_err(|e| Failure::usage(format!("{}: {e}", args.config.display())))?;
    if scenarios.is_empty() {
        io.talk(io.say(
            "cette part de la campagne est vide : rien à jouer",
            "this part of the campaign is empty: nothing to play",
        ));
        return Ok(crate::exit::CONFORM);
    }
    let unattended = args.unattended || !io.terminal || !std::io::stdin().is_terminal();
    if config.driver.kind == DriverKind::Manual && unattended && !args.unattended {
        io.talk(io.say(
            "aucun terminal : personne n'est interrogé, comme avec --unattended",
            "no terminal: nobody is asked, as with --unattended",
        ));
    }
    let report = report_folder(args.report.as_deref(), &folder.join(&config.report))?;
    let options = RunOptions {
        journal_dir: report.clone(),
        product,
        seed: config.seed.unwrap_or_else(|| random() >> 32),
        settle: Duration::from_millis(config.timeouts.settle_ms),
        deadline: Duration::from_millis(config.timeouts.action_ms),
        policy: Policy {
            strict: args.strict,
            excuse_operator: false,
            baseline: config.baseline.clone(),
        },
    };
    let runtime = runtime()?;
    let state = folder.join(&config.mocks.pki);
    let outcome = runtime.block_on(async {
        let shown = config.driver.kind != DriverKind::Manual;
        let session = Session::open(&options, ports(&config.mocks), &state, shown, io).await?;
        let driver = AnyDriver::from_config(
            &config,
            &folder,
            &session.bench.addresses(),
            unattended,
            io.lang,
        )
        .map_err(|e| Failure::usage(format!("driver: {e}")))?;
        // A campaign against nobody would be hundreds of inconclusive scenarios.
        if config.driver.kind == DriverKind::Http
            && let Err(problem) = driver.capabilities().await
        {
            let url = config.driver.url.as_deref().unwrap_or_default();
            return Err(Failure::usage(format!(
                "the adapter at {url} does not answer /capabilities: {}; start it, or change [driver] in {}",
                diapason_rules::judge::problem_text(&problem),
                args.config.display()
            )));
        }
        let end = session.play(&driver, &loaded, &scenarios, &options).await;
        session.bench.stop().await;
        end
    });
    conclude(outcome, scenarios.len(), &report, io)
}

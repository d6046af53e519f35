//! `diapason run`: the campaign against a vendor's DUI.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::session::{Session, report_folder, tell};
use super::{Failure, Io, runtime};
use crate::catalogue;
use crate::driver::AnyDriver;
use crate::run::RunOptions;
use crate::run::bench::Ports;
use crate::run::select::Selection;
use crate::scenario_file::{Config, DriverKind, config_from_str, product_from_str, read_text};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Settings (see `diapason init`).
    #[arg(long, value_name = "FILE", default_value = "diapason.toml")]
    config: PathBuf,
    /// Folder that receives the reports (default: a new one under `rapports/`).
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
pub(super) fn ports(config: &Config) -> Ports {
    let mocks = &config.mocks;
    Ports {
        insi_tls: mocks.insi_tls.port(),
        insi_tlsm: mocks.insi_tlsm.port(),
        psc_auth: mocks.psc_auth.port(),
        psc_wallet: mocks.psc_wallet.port(),
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
    let scenarios = selection.apply(&loaded.catalogue.scenarios);
    if scenarios.is_empty() {
        return Err(Failure::usage(
            "no scenario matches; see `diapason list scenarios`",
        ));
    }
    let report = report_folder(args.report.as_deref())?;
    let options = RunOptions {
        journal_dir: report.clone(),
        product,
        seed: config.seed.unwrap_or_else(|| u64::from(std::process::id())),
        settle: Duration::from_millis(config.timeouts.settle_ms),
        deadline: Duration::from_millis(config.timeouts.action_ms),
        strict: args.strict,
        excuse_operator: false,
    };
    let runtime = runtime()?;
    let state = folder.join(&config.mocks.pki);
    let mut end = runtime.block_on(async {
        let shown = config.driver.kind != DriverKind::Manual;
        let session = Session::open(&options, ports(&config), &state, shown, io).await?;
        let driver = AnyDriver::from_config(
            &config,
            &folder,
            &session.bench.addresses(),
            args.unattended || !io.terminal,
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
    })?;
    crate::run::baseline::apply(&mut end, &config.baseline, args.strict);
    let written = crate::report::write(&report, io.lang)
        .map_err(|e| Failure::chain("reports", &e, crate::exit::BENCH))?;
    tell(&end, &written, io);
    Ok(end.exit_code)
}

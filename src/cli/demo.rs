//! `diapason demo`: the whole campaign against the reference DUI.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use clap::Args;
use diapason_core::product::ProductStatement;
use diapason_core::scenario::Scenario;
use diapason_dui_temoin::DuiConfig;
use diapason_dui_temoin::config::{DmpSettings, InsiSettings, PscSettings};

use super::dui::DuiProcess;
use super::mutants::Scratch;
use super::session::{Session, conclude, report_folder};
use super::{Failure, Io, runtime};
use crate::catalogue::{self, Loaded};
use crate::driver::AnyDriver;
use crate::exit::Policy;
use crate::run::bench::Ports;
use crate::run::select::Selection;
use crate::run::{Bench, CampaignEnd, RunOptions};
use crate::scenario_file::{nearest, product_from_str};

/// Product statement of the reference DUI.
const FICHE: &str = include_str!("../../profiles/demo/fiche-produit.toml");
/// How long the reference DUI waits for a service: short, so that outages are quick to play.
const CLIENT_TIMEOUT_MS: u64 = 320;
/// How long silence is measured on the reference DUI.
const SETTLE: Duration = Duration::from_millis(4);

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Folder that receives the reports (default: a new one under `rapports/`).
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Only this family (`ins`, `cda`, `dmp`, `psc`); may be repeated.
    #[arg(long, value_name = "FAMILY")]
    family: Vec<String>,
    /// Only scenarios whose id begins so; may be repeated.
    #[arg(long, value_name = "ID")]
    scenario: Vec<String>,
    /// Seeds a defect in the reference DUI; see `diapason list mutants`.
    #[arg(long, value_name = "NAME")]
    mutant: Vec<String>,
    /// Seed of the drawn personas.
    #[arg(long, default_value_t = 20_260_115)]
    seed: u64,
    /// Folder of the test PKI.
    #[arg(long, value_name = "DIR", default_value = ".diapason/pki")]
    state: PathBuf,
}

pub(super) fn main(args: &DemoArgs, io: &mut Io) -> Result<u8, Failure> {
    check_mutants(&args.mutant)?;
    let loaded = catalogue::load(None)?;
    let selection = Selection {
        families: args.family.clone(),
        ids: args.scenario.clone(),
        shard: None,
    };
    let scenarios = selection
        .apply(&loaded.catalogue.scenarios)
        .map_err(|e| Failure::usage(e.to_string()))?;
    let folder = report_folder(args.report.as_deref(), Path::new("rapports"))?;
    let runtime = runtime()?;
    let run = DemoRun {
        folder: &folder,
        state: &args.state,
        seed: args.seed,
        settle: SETTLE,
        mutants: &args.mutant,
    };
    let outcome = runtime.block_on(run.play(&loaded, &scenarios, io));
    conclude(outcome, scenarios.len(), &folder, io)
}

/// Refuses the name of a defect that does not exist.
pub(super) fn check_mutants(names: &[String]) -> Result<(), Failure> {
    let known = diapason_dui_temoin::mutants();
    for name in names {
        if !known.iter().any(|m| m.name == *name) {
            let hint = nearest(name, known.iter().map(|m| m.name.as_str()))
                .map(|near| format!("; did you mean {near}?"))
                .unwrap_or_default();
            return Err(Failure::usage(format!(
                "no mutant is called {name:?}{hint} (see `diapason list mutants`)"
            )));
        }
    }
    Ok(())
}

/// One campaign against one reference DUI.
pub(super) struct DemoRun<'a> {
    /// Report folder.
    pub(super) folder: &'a Path,
    /// PKI folder.
    pub(super) state: &'a Path,
    /// Seed.
    pub(super) seed: u64,
    /// How long silence is measured.
    pub(super) settle: Duration,
    /// Seeded defects.
    pub(super) mutants: &'a [String],
}

impl DemoRun<'_> {
    /// Starts the mocks, then the DUI as a process of its own, and plays.
    pub(super) async fn play(
        &self,
        loaded: &Loaded,
        scenarios: &[Scenario],
        io: &mut Io,
    ) -> Result<CampaignEnd, Failure> {
        let port = free_port()?;
        let product = product(port)?;
        let options = RunOptions {
            journal_dir: self.folder.to_owned(),
            product: product.clone(),
            seed: self.seed,
            settle: self.settle,
            deadline: Duration::from_secs(30),
            policy: Policy {
                excuse_operator: true,
                ..Policy::default()
            },
        };
        let session = Session::open(&options, Ports::default(), self.state, true, io).await?;
        let disk = Scratch::new("dui")?;
        let config = DuiConfig {
            store: Some(disk.path().join("dossiers.json")),
            ..dui_config(&session.bench, &product, port, self.seed, self.mutants)
        };
        let dui = DuiProcess::start(&config).await?;
        let driver =
            AnyDriver::http(&dui.url, false).map_err(|e| Failure::bench(format!("driver: {e}")))?;
        let end = session.play(&driver, loaded, scenarios, &options).await;
        dui.stop().await;
        session.bench.stop().await;
        end
    }
}

/// A port nobody uses now: the redirect URI must be declared before the DUI starts. Outside the range
/// that the system draws from, so that no outgoing connection takes it meanwhile.
fn free_port() -> Result<u16, Failure> {
    const FIRST: u32 = 18_000;
    const COUNT: u32 = 12_000;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    for _ in 0..COUNT {
        let step = TAKEN.fetch_add(1, Ordering::Relaxed);
        let port =
            (FIRST + (std::process::id().wrapping_mul(97).wrapping_add(step)) % COUNT) as u16;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Failure::bench(format!(
        "no free port between {FIRST} and {}",
        FIRST + COUNT
    )))
}

fn product(port: u16) -> Result<ProductStatement, Failure> {
    let mut product = product_from_str("profiles/demo/fiche-produit.toml", FICHE)?;
    product.psc.redirect_uris = vec![format!("http://127.0.0.1:{port}/psc/retour")];
    product.psc.post_logout_redirect_uris =
        vec![format!("http://127.0.0.1:{port}/psc/deconnexion-retour")];
    Ok(product)
}

fn dui_config(
    bench: &Bench,
    product: &ProductStatement,
    port: u16,
    seed: u64,
    mutants: &[String],
) -> DuiConfig {
    let addresses = bench.addresses();
    let address = |name: &str| addresses.get(name).cloned().unwrap_or_default();
    let pki = bench.pki.dir();
    DuiConfig {
        listen: ([127, 0, 0, 1], port).into(),
        insi: Some(InsiSettings {
            url: bench.insi_url(product),
            ca: pki.join("ca-bundle.pem"),
            cert: pki.join("client-insi-manu.pem"),
            key: pki.join("client-insi-manu.key"),
            crl: Some(pki.join("organisations.crl")),
            mode: product.insi.mode,
            idam: product.insi.idam.clone().unwrap_or_default(),
            lps_nom: product.insi.lps_nom.clone().unwrap_or_default(),
            lps_version: product.insi.lps_version.clone().unwrap_or_default(),
            emetteur: "10B0990001".to_owned(),
            timeout_ms: CLIENT_TIMEOUT_MS,
        }),
        psc: Some(PscSettings {
            discovery: address("psc.discovery"),
            ca: pki.join("ca-bundle.pem"),
            client_id: product.psc.client_id.clone().unwrap_or_default(),
            client_secret: product.psc.client_secret.clone().unwrap_or_default(),
            auth: product.psc.auth,
            cert: None,
            key: None,
            crl: Some(pki.join("organisations.crl")),
            redirect_uri: product
                .psc
                .redirect_uris
                .first()
                .cloned()
                .unwrap_or_default(),
            post_logout_redirect_uri: product.psc.post_logout_redirect_uris.first().cloned(),
            idle_seconds: product.psc.inactivite_secondes.unwrap_or(1_800),
            timeout_ms: CLIENT_TIMEOUT_MS,
            ciba: product.profil.psc_ciba,
        }),
        dmp: dmp_settings(bench, product),
        start_at: Some(bench.clock.now()),
        mutants: mutants.to_vec(),
        seed,
        store: None,
    }
}

/// How the reference DUI calls the DMP; none when this bench plays no DMP.
fn dmp_settings(bench: &Bench, product: &ProductStatement) -> Option<DmpSettings> {
    let addresses = bench.addresses();
    let pki = bench.pki.dir();
    let said = |value: &Option<String>| value.clone().unwrap_or_default();
    Some(DmpSettings {
        url: addresses.get("dmp.tlsm")?.clone(),
        web: addresses
            .get("dmp.web")
            .map(|web| format!("{}/AccesDirect", web.trim_end_matches('/'))),
        ca: pki.join("ca-bundle.pem"),
        cert: pki.join("client-dui.pem"),
        key: pki.join("client-dui.key"),
        signature_cert: pki.join("client-dui-signature.pem"),
        signature_key: pki.join("client-dui-signature.key"),
        crl: Some(pki.join("organisations.crl")),
        structure: product
            .dmp
            .structure
            .clone()
            .unwrap_or_else(|| "10B0990001".to_owned()),
        lps_nom: said(&product.dmp.lps_nom),
        lps_version: said(&product.dmp.lps_version),
        lps_oid: "2.25.210485236178463029117834526012345678901".to_owned(),
        homologation: said(&product.dmp.homologation),
        timeout_ms: CLIENT_TIMEOUT_MS,
    })
}

//! `diapason doctor`: ports, names, trust, clock and driver, before a run.

use std::collections::BTreeMap;
use std::net::{TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use diapason_mock_common::pki::Pki;

use super::run::{ports, read_config};
use super::{Failure, Io, random, runtime};
use crate::driver::AnyDriver;
use crate::run::baseline;
use crate::run::select::Selection;
use crate::scenario_file::{product_from_str, read_text};
use crate::{catalogue, exit};

/// Earliest year the machine's clock can show: this version did not exist before.
const EARLIEST: i32 = 2026;

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Settings (see `diapason init`).
    #[arg(long, value_name = "FILE", default_value = "diapason.toml")]
    config: PathBuf,
}

struct Doctor<'a> {
    io: &'a mut Io,
    troubles: u32,
}

impl Doctor<'_> {
    fn say(&mut self, what: &str, outcome: Result<String, String>) {
        match outcome {
            Ok(detail) => self.io.data(&format!("ok      {what}: {detail}")),
            Err(problem) => {
                self.troubles += 1;
                self.io.data(&format!("problem {what}: {problem}"));
            }
        }
    }
}

pub(super) fn main(args: &DoctorArgs, io: &mut Io) -> Result<u8, Failure> {
    let (config, folder) = read_config(&args.config)?;
    let mut doctor = Doctor { io, troubles: 0 };
    let fiche = folder.join(&config.fiche);
    let product =
        read_text(&fiche).and_then(|text| product_from_str(&fiche.display().to_string(), &text));
    doctor.say(
        "product statement",
        product
            .map(|p| format!("{} {}", p.produit.nom, p.produit.version))
            .map_err(|e| e.to_string()),
    );
    let own = config.scenarios.as_ref().map(|s| folder.join(s));
    match catalogue::load(own.as_deref()) {
        Ok(loaded) => {
            let count = loaded.catalogue.scenarios.len();
            let rules = loaded.catalogue.rules.len();
            doctor.say(
                "catalogue",
                Ok(match &own {
                    Some(own) => format!(
                        "{count} scenarios with those of {}, {rules} rules",
                        own.display()
                    ),
                    None => format!("{count} scenarios, {rules} rules"),
                }),
            );
            let selection = Selection {
                families: config.families.clone(),
                ..Selection::default()
            };
            doctor.say(
                "selection",
                selection
                    .apply(&loaded.catalogue.scenarios)
                    .map(|s| format!("{} scenarios", s.len()))
                    .map_err(|e| e.to_string()),
            );
            if !config.baseline.is_empty() {
                doctor.say(
                    "known deviations",
                    baseline::check(&config.baseline, &loaded.catalogue)
                        .map(|()| config.baseline.len().to_string()),
                );
            }
        }
        Err(errors) => doctor.say("catalogue", Err(errors.to_string())),
    }
    doctor.say("report folder", writable(&folder.join(&config.report)));
    let ports = ports(&config.mocks);
    for (name, port) in [
        ("INSi TLS", ports.insi_tls),
        ("INSi mutual TLS", ports.insi_tlsm),
        ("PSC auth", ports.psc_auth),
        ("PSC wallet", ports.psc_wallet),
        ("DMP mutual TLS", ports.dmp_tlsm),
        ("DMP web", ports.dmp_web),
        ("CRL", ports.crl),
    ] {
        doctor.say(&format!("port {port} ({name})"), port_free(port));
    }
    doctor.say("name localhost", resolves_to_loopback("localhost"));
    let pki_dir = folder.join(&config.mocks.pki);
    doctor.say(
        "test PKI",
        Pki::open_or_create(&pki_dir)
            .map(|pki| {
                format!(
                    "the DUI must trust {}",
                    pki.dir().join("ca-bundle.pem").display()
                )
            })
            .map_err(|e| e.to_string()),
    );
    doctor.say("clock", clock());
    let runtime = runtime()?;
    let lang = doctor.io.lang;
    let driver = runtime.block_on(async {
        let driver = AnyDriver::from_config(&config, &folder, &BTreeMap::default(), true, lang)
            .map_err(|e| e.to_string())?;
        match tokio::time::timeout(Duration::from_secs(10), driver.capabilities()).await {
            // A driver that does not say has no name either.
            Ok(Ok(c)) if c.product.is_empty() => {
                Ok("does not say what it can do: everything will be tried".to_owned())
            }
            Ok(Ok(c)) => Ok(format!(
                "{} {}: {} actions, {} observations",
                c.product,
                c.version,
                c.actions.len(),
                c.observations.len()
            )),
            Ok(Err(problem)) => Err(diapason_rules::judge::problem_text(&problem)),
            Err(_) => Err("no answer in 10 s".to_owned()),
        }
    });
    doctor.say("driver", driver);
    let troubles = doctor.troubles;
    if troubles == 0 {
        return Ok(exit::CONFORM);
    }
    doctor.io.talk(&format!(
        "{troubles} problem(s); mend them before `diapason run`"
    ));
    Ok(exit::USAGE)
}

fn port_free(port: u16) -> Result<String, String> {
    if port == 0 {
        return Ok("any free port".to_owned());
    }
    TcpListener::bind(("127.0.0.1", port))
        .map(|_| "free".to_owned())
        .map_err(|e| {
            format!("{e}; stop the program that uses it, or change [mocks] in the settings")
        })
}

/// Can something be written there? The folder itself is only made by a run.
fn writable(folder: &Path) -> Result<String, String> {
    let there = folder
        .ancestors()
        .find(|p| p.as_os_str().is_empty() || p.exists())
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let probe = there.join(format!(".diapason-{:016x}", random()));
    std::fs::create_dir(&probe)
        .and_then(|()| std::fs::remove_dir(&probe))
        .map(|()| folder.display().to_string())
        .map_err(|e| {
            format!(
                "nothing can be written in {}: {e}; change `report` in the settings",
                there.display()
            )
        })
}

fn resolves_to_loopback(name: &str) -> Result<String, String> {
    let all: Vec<_> = (name, 0)
        .to_socket_addrs()
        .map_err(|e| format!("does not resolve: {e}"))?
        .map(|a| a.ip())
        .collect();
    if !all.is_empty() && all.iter().all(std::net::IpAddr::is_loopback) {
        Ok(format!("{all:?}"))
    } else {
        Err(format!("resolves to {all:?}, expected a loopback address"))
    }
}

fn clock() -> Result<String, String> {
    let now = diapason_core::Clock::system().now();
    if now.date_time().year() >= EARLIEST {
        Ok(now.to_string())
    } else {
        Err(format!(
            "the machine says {now}: tokens and certificates will look wrong; set its clock"
        ))
    }
}

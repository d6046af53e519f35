//! What every part of the DUI shares: configuration, clock, mutants, records, clients.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use diapason_core::driver::Trace;
use diapason_core::{Clock, Timestamp};

use crate::config::DuiConfig;
use crate::dmp::DmpState;
use crate::dossier::Dossiers;
use crate::insi::InsiClient;
use crate::mutants::Mutants;
use crate::psc::PscState;
use crate::serveur::DuiError;

/// Shared state; clones are the same state.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    config: DuiConfig,
    clock: Clock,
    mutants: Mutants,
    address: OnceLock<SocketAddr>,
    dossiers: Mutex<Dossiers>,
    insi: Option<InsiClient>,
    psc: PscState,
    dmp: DmpState,
}

impl AppState {
    /// Builds the state: checks the mutants' names, reads certificates, opens the store.
    pub fn new(config: DuiConfig) -> Result<Self, DuiError> {
        let clock = match config.start_at {
            Some(at) => Clock::running_from(at),
            None => Clock::system(),
        };
        let mutants = crate::mutants::check(&config.mutants)?;
        let dossiers = Dossiers::open(config.store.as_deref())?;
        let insi = config
            .insi
            .as_ref()
            .map(|settings| InsiClient::new(settings, config.seed, &mutants))
            .transpose()?;
        let psc = PscState::new(&config, &mutants)?;
        let dmp = DmpState::new(&config, &mutants)?;
        Ok(Self(Arc::new(Inner {
            config,
            clock,
            mutants,
            address: OnceLock::new(),
            dossiers: Mutex::new(dossiers),
            insi,
            psc,
            dmp,
        })))
    }

    /// Configuration.
    pub fn config(&self) -> &DuiConfig {
        &self.0.config
    }

    /// The DUI's clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The time now on the DUI's clock.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Is this defect seeded? Call it at the exact place of the defect.
    pub fn mutant(&self, name: &str) -> bool {
        self.0.mutants.mutant(name)
    }

    /// The defects seeded, for code that has no state at hand.
    pub fn mutants(&self) -> &Mutants {
        &self.0.mutants
    }

    /// Own address, once bound.
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.address.get().copied()
    }

    /// Own base URL (`http://localhost:PORT`), empty before the server is bound.
    pub fn base_url(&self) -> String {
        self.address().map_or_else(String::new, |addr| {
            if addr.ip().is_loopback() {
                format!("http://localhost:{}", addr.port())
            } else {
                format!("http://{addr}")
            }
        })
    }

    pub(crate) fn set_address(&self, addr: SocketAddr) {
        // A second call would mean a second listener on one state; the first address stays.
        let _ = self.0.address.set(addr);
    }

    /// The records. Never hold the guard across an `.await`.
    pub fn dossiers(&self) -> MutexGuard<'_, Dossiers> {
        self.0
            .dossiers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The INSi client, when INSi is configured.
    pub fn insi(&self) -> Option<&InsiClient> {
        self.0.insi.as_ref()
    }

    /// What the PSC part keeps.
    pub fn psc(&self) -> &PscState {
        &self.0.psc
    }

    /// What the DMP part keeps in memory.
    pub fn dmp(&self) -> &DmpState {
        &self.0.dmp
    }

    /// Writes the store; what cannot be written is said in the technical log.
    pub fn sauver(&self) {
        let mut dossiers = self.dossiers();
        if let Err(error) = dossiers.save() {
            let line = format!("enregistrement impossible : {error}");
            let now = self.now();
            dossiers.log(now, &line);
        }
    }

    /// Stops and starts again, as after a power cut: memory is lost, what is on disk is found again.
    pub fn redemarrer(&self) -> Result<(), DuiError> {
        self.0.dmp.arreter();
        let reopened = self.dossiers().rouvrir();
        crate::psc::fermer(self);
        crate::dmp::defauts::apres_redemarrage(self);
        crate::dmp::travailleur::demarrer(self);
        reopened
    }

    /// Adds a functional trace.
    pub fn trace(&self, trace: Trace) {
        self.dossiers().traces.push(trace);
    }

    /// Adds a line to the technical log. Never a secret, a token, a matricule or a name.
    pub fn log(&self, line: &str) {
        let now = self.now();
        self.dossiers().log(now, line);
    }

    /// Back to the first day: no person, no trace, no setting, no session. The clock goes on.
    pub fn reset(&self) {
        self.0.dmp.arreter();
        self.dossiers().clear();
        crate::dmp::travailleur::demarrer(self);
        crate::psc::reset(self);
    }
}

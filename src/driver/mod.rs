//! How an action reaches the DUI: `http`, `command`, `manual`.
//!
//! A driver carries what is asked and what is answered, and says when there is no usable answer. It
//! judges nothing: what the DUI really did is read in the traffic, whatever its driver declares.

mod answer;
mod command;
mod console;
mod form;
mod http;
mod manual;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use diapason_core::EvidenceLevel;
use diapason_core::driver::{ActionAnswer, ActionRequest, Capabilities};
use diapason_core::event::{Attestation, DriverProblem};
use diapason_core::requirement::{Lang, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use command::CommandDriver;
pub use http::HttpDriver;
pub use manual::{ManualDriver, terminal};

use crate::scenario_file::{Config, DriverKind};

/// Largest answer read from a driver.
pub const MAX_ANSWER_BYTES: usize = 10 * 1024 * 1024;

/// Body of `POST /reset`, and `params` of the `reset` action of a `command` driver.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetRequest {
    /// Where the mocks listen: `insi.tlsm`, `psc.discovery`... to address. A DUI that reads them once
    /// at its start may ignore them: the ports are fixed in `diapason.toml`.
    #[serde(default)]
    pub mocks: BTreeMap<String, String>,
}

/// Parameters of the `observe` action of a `command` driver; its `result` is the value observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObserveRequest {
    /// Name of the observation.
    pub what: String,
    /// Its query.
    #[serde(default)]
    pub query: BTreeMap<String, Value>,
}

/// What a driver does. All methods take `&self`: one scenario at a time, but events elsewhere.
pub trait Driver {
    /// Name, for the journal.
    fn name(&self) -> &'static str;

    /// What its answers are worth.
    fn evidence(&self) -> EvidenceLevel;

    /// What it can do.
    fn capabilities(&self) -> impl Future<Output = Result<Capabilities, DriverProblem>> + Send;

    /// Puts the DUI back in its first state, before a scenario.
    fn reset(&self) -> impl Future<Output = Result<(), DriverProblem>> + Send;

    /// Makes the DUI act. A business refusal is an answer, not a problem.
    fn act(
        &self,
        request: &ActionRequest,
    ) -> impl Future<Output = Result<ActionAnswer, DriverProblem>> + Send;

    /// Asks what the DUI holds.
    fn observe(
        &self,
        what: &str,
        query: &BTreeMap<String, Value>,
    ) -> impl Future<Output = Result<Value, DriverProblem>> + Send;

    /// Asks a person to confirm a sentence.
    fn attest(&self, sentence: &Text)
    -> impl Future<Output = (Attestation, Option<String>)> + Send;

    /// Says what the step is about, to whoever is there.
    fn announce(&self, text: &Text) -> impl Future<Output = ()> + Send;
}

/// A driver that cannot be made ready.
#[derive(Debug, thiserror::Error)]
pub enum DriverSetupError {
    /// The address is not one.
    #[error("{url:?} is not an http or https address")]
    BadUrl {
        /// As given.
        url: String,
    },
    /// The adapter is on another machine.
    #[error(
        "{url} is not on this machine; set `allow_remote = true` under [driver] to accept it (test data would travel)"
    )]
    Remote {
        /// As given.
        url: String,
    },
    /// No program to start.
    #[error("`command` is empty under [driver]")]
    EmptyCommand,
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made")]
    Client(#[source] reqwest::Error),
}

/// The driver in use.
#[derive(Debug)]
pub enum AnyDriver {
    /// See [`HttpDriver`].
    Http(HttpDriver),
    /// See [`CommandDriver`].
    Command(CommandDriver),
    /// See [`ManualDriver`].
    Manual(ManualDriver),
}

impl AnyDriver {
    /// An adapter at `url`; another machine than this one only with `allow_remote`.
    pub fn http(url: &str, allow_remote: bool) -> Result<Self, DriverSetupError> {
        HttpDriver::new(url, allow_remote).map(Self::Http)
    }

    /// The driver of the settings. `folder` holds the settings file; `addresses` are those of the
    /// mocks (`insi.tlsm`...).
    pub fn from_config(
        config: &Config,
        folder: &Path,
        addresses: &BTreeMap<String, String>,
        unattended: bool,
        lang: Lang,
    ) -> Result<Self, DriverSetupError> {
        let driver = &config.driver;
        let patience = Duration::from_millis(config.timeouts.observation_ms);
        Ok(match driver.kind {
            DriverKind::Http => {
                let url = driver.url.as_deref().unwrap_or_default();
                Self::Http(
                    HttpDriver::new(url, driver.allow_remote)?
                        .with_patience(patience)
                        .with_mocks(addresses.clone()),
                )
            }
            DriverKind::Command => {
                let directory = driver.directory.as_deref().unwrap_or(".");
                Self::Command(
                    CommandDriver::new(driver.command.clone(), folder.join(directory))?
                        .with_patience(patience)
                        .with_env(driver.env.clone())
                        .with_mocks(addresses.clone()),
                )
            }
            DriverKind::Manual if unattended => Self::Manual(ManualDriver::unattended(lang)),
            DriverKind::Manual => {
                let (reader, writer) = terminal();
                let minimum = Duration::from_millis(config.timeouts.manual_ms);
                Self::Manual(ManualDriver::new(reader, writer, lang, minimum))
            }
        })
    }
}

macro_rules! each {
    ($any:expr, $driver:ident => $call:expr) => {
        match $any {
            AnyDriver::Http($driver) => $call,
            AnyDriver::Command($driver) => $call,
            AnyDriver::Manual($driver) => $call,
        }
    };
}

impl AnyDriver {
    /// See [`Driver::name`].
    pub fn name(&self) -> &'static str {
        each!(self, d => d.name())
    }

    /// See [`Driver::evidence`].
    pub fn evidence(&self) -> EvidenceLevel {
        each!(self, d => d.evidence())
    }

    /// See [`Driver::capabilities`].
    pub async fn capabilities(&self) -> Result<Capabilities, DriverProblem> {
        each!(self, d => d.capabilities().await)
    }

    /// See [`Driver::reset`].
    pub async fn reset(&self) -> Result<(), DriverProblem> {
        each!(self, d => d.reset().await)
    }

    /// See [`Driver::act`].
    pub async fn act(&self, request: &ActionRequest) -> Result<ActionAnswer, DriverProblem> {
        each!(self, d => d.act(request).await)
    }

    /// See [`Driver::observe`].
    pub async fn observe(
        &self,
        what: &str,
        query: &BTreeMap<String, Value>,
    ) -> Result<Value, DriverProblem> {
        each!(self, d => d.observe(what, query).await)
    }

    /// See [`Driver::attest`].
    pub async fn attest(&self, sentence: &Text) -> (Attestation, Option<String>) {
        each!(self, d => d.attest(sentence).await)
    }

    /// See [`Driver::announce`].
    pub async fn announce(&self, text: &Text) {
        each!(self, d => d.announce(text).await);
    }
}

#[cfg(test)]
mod tests;

//! What the mocks share: test PKI, TLS listeners, HTTP with every byte in hand, recording, faults.
//!
//! A mock knows no scenario, no rule, no report. It records, answers as the service would, and that is all.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod crl;
pub mod fault;
pub mod http;
pub mod persona;
pub mod pki;
pub mod server;

#[cfg(test)]
mod testing;

use std::collections::BTreeMap;
use std::sync::Arc;

use diapason_core::scenario::Arm;
use diapason_core::{Clock, PersonaId, Recorder};
use serde_json::Value;

/// What every mock is given.
#[derive(Clone)]
pub struct Shared {
    /// The run's clock.
    pub clock: Clock,
    /// Where events go.
    pub recorder: Arc<dyn Recorder>,
}

/// A setting that a mock cannot take.
#[derive(Debug, thiserror::Error)]
#[error("cannot arm {what}: {problem}")]
pub struct ArmError {
    /// The setting.
    pub what: String,
    /// Why, and what is known.
    pub problem: String,
}

/// What the runner asks of each mock.
pub trait Mock: Send + Sync {
    /// Addresses by listener name (`tls`, `tlsm`, `auth`, `wallet`), as base URLs.
    fn addresses(&self) -> BTreeMap<String, String>;
    /// Takes a setting; `Ok(false)` when it does not concern this mock.
    fn arm(&self, arm: &Arm) -> Result<bool, ArmError>;
    /// Back to the state after start: no fault, no override, no session, no token.
    fn reset(&self);
    /// Behaviours chosen where the real one is not public: name to `value (provenance)`.
    fn switches(&self) -> BTreeMap<String, String>;
    /// What the service holds about each person whose record is not empty, as the person sees it; shown in the report.
    /// For the DMP, `diapason_mock_dmp` documents the shape; the report shows `statut`, `rattache_mes`, and of each of
    /// `documents` and `caches` (what the person does not see, with `motif`) who sees it.
    fn states(&self) -> Vec<(PersonaId, Value)> {
        Vec::new()
    }
    /// Why recording failed, if it did: the journal is then not the whole truth and the run must stop.
    fn failure(&self) -> Option<String> {
        None
    }
}

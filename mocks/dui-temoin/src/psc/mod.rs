//! Pro Santé Connect: a relying party written for this DUI, sessions, local accounts.
//!
//! Tokens stay on the server, tied to a session; a browser holds one opaque cookie. Signatures, claims,
//! identity and metadata are judged by pure modules (`jose`, `id_token`, `userinfo`, `provider`,
//! `tokens`); `client` speaks to PSC, `flow`, `ciba` and `lifecycle` decide, `crate::web` shows.
//! `actions` and `browser` are the driver's hands: they use the DUI through its own pages.

mod accounts;
mod actions;
mod admission;
mod browser;
mod ciba;
mod client;
mod failure;
mod flow;
mod id_token;
mod jose;
mod lifecycle;
mod provider;
mod session;
mod tokens;
mod userinfo;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use diapason_core::driver::{CompteView, Trace};

pub use actions::{action, observe};

pub(crate) use accounts::Accounts;
pub(crate) use admission::{
    Arrival, admit, any_login_mutant, ciba_over_opens_mutant, failure_opens_mutant, local,
};
pub(crate) use ciba::{CibaView, cancel as cancel_ciba, start as start_ciba, view as ciba_view};
pub(crate) use client::PscClient;
pub(crate) use failure::Failure;
pub(crate) use flow::{Callback, callback, start};
pub(crate) use lifecycle::{Access, back_from_logout, enter, keep_alive_mutant, leave};
pub(crate) use session::{Login, Means, Sessions, read_cookie, set_cookie};

use crate::{AppState, DuiConfig, DuiError};

/// What the PSC half keeps.
#[derive(Debug)]
pub struct PscState {
    client: Option<PscClient>,
    memory: Mutex<Memory>,
    browsers: browser::Browsers,
}

/// Sessions and accounts.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Browser sessions.
    pub(crate) sessions: Sessions,
    /// Local accounts.
    pub(crate) accounts: Accounts,
}

impl PscState {
    /// From the configuration.
    pub fn new(config: &DuiConfig, mutants: &BTreeSet<String>) -> Result<Self, DuiError> {
        let client = config
            .psc
            .as_ref()
            .map(|settings| PscClient::new(settings, mutants))
            .transpose()?;
        Ok(Self {
            client,
            memory: Mutex::default(),
            browsers: browser::Browsers::new(config)?,
        })
    }

    /// The client, when PSC is configured.
    pub(crate) fn client(&self) -> Result<&PscClient, Failure> {
        self.client.as_ref().ok_or(Failure::NotConfigured)
    }

    /// Sessions and accounts. Never hold the guard across an `.await`.
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets every session, account, browser and cached document.
pub fn reset(state: &AppState) {
    let psc = state.psc();
    let mut memory = psc.memory();
    memory.sessions.clear();
    memory.accounts.clear();
    drop(memory);
    if let Some(client) = &psc.client {
        client.forget();
    }
    psc.browsers.clear();
}

/// Closes every session: the process that held them is gone. Accounts are elsewhere.
pub(crate) fn fermer(state: &AppState) {
    state.psc().memory().sessions.clear();
}

/// The account logged in in a browser session of the driver, if any. Asking counts as activity.
pub(crate) async fn connecte(state: &AppState, session: &str) -> Option<CompteView> {
    Some(connexion(state, session).await?.0)
}

/// The account logged in in a browser session of the driver, whether by Pro Santé Connect, and since when.
pub(crate) async fn connexion(
    state: &AppState,
    session: &str,
) -> Option<(CompteView, bool, diapason_core::Timestamp)> {
    let cookies = state.psc().browsers.get(session).own_cookies(state);
    let sid = cookies.iter().find_map(|line| read_cookie(line))?;
    match enter(state, sid).await {
        Access::Open(login) => {
            let compte = state.psc().memory().accounts.get(&login.compte).cloned()?;
            Some((compte, login.moyen == Means::Psc, login.since))
        }
        Access::Closed(_) => None,
    }
}

/// Writes a functional trace of a login, a refusal or a logout.
pub(crate) fn trace(state: &AppState, nature: &str, author: &str, means: Means, code: &str) {
    if nature == "connexion.echec" && state.mutant("failure-not-traced") {
        return;
    }
    state.trace(Trace {
        date: state.now(),
        auteur: author.to_owned(),
        nature: nature.to_owned(),
        usager: None,
        mode: Some(means.as_str().to_owned()),
        code: Some(code.to_owned()),
        details: BTreeMap::new(),
    });
}

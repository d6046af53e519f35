//! Mock of Pro Santé Connect: an OpenID Provider with the real one's shape. Two listeners (auth and
//! wallet), the discovery path nobody expects, authorization code and CIBA, short-lived tokens on the
//! injected clock, a wallet that plays its user, and a catalogue of misbehaviours.
//!
//! It answers as the service would, or as the armed fault says. It judges nothing.
//!
//! Outcome words of its exchanges (`answer.outcome`): `ok`, the OAuth error code, or what says more.
//! `authorize` and `decision`: `code` (the user authenticated), `code_sso` (silent: his session was
//! alive), `page`, `waiting`, `access_denied`, `login_required`, `unknown_client`,
//! `invalid_redirect_uri`, `acr_refused`, `not_professional`. Token endpoint: `ok`, `code_replayed`,
//! `code_expired`, `redirect_uri_mismatch`, `pkce_missing`, `pkce_mismatch`, `pkce_unexpected`,
//! `refresh_replayed`, `session_ended`, `certificate_mismatch`. `introspect`: `active`, `inactive`.
//! `logout`: `ok`, `already_ended`, `confirmation`, `no_session`, `invalid_hint`. `discovery`: `ok`,
//! `ok_standard_path`. `unknown`: `not_found`, `attacker` (an address only a fault names).
//!
//! Correlation kinds (`presented`, `issued`): `state`, `nonce`, `code`, `code_challenge` (a
//! `code_verifier` presents the S256 challenge it answers), `code_verifier`, `access_token`,
//! `refresh_token`, `id_token`, `auth_req_id`, `sso` (wallet cookie), `client_assertion`, `token`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod arm;
mod authorize;
mod callback;
mod ciba;
mod client_auth;
mod config;
mod discovery;
mod faults;
mod id_token;
mod input;
mod introspect;
mod keys;
mod logout;
mod pages;
mod professional;
mod provider;
mod reply;
mod state;
mod token;
mod tokens;
mod userinfo;

use std::collections::BTreeMap;
use std::sync::Arc;

use diapason_core::Service;
use diapason_core::scenario::Arm;
use diapason_mock_common::http::{HttpService, Reply};
use diapason_mock_common::pki::Pki;
use diapason_mock_common::server::{
    ClientAuth, Listener, ListenerConfig, ListenerOptions, ServerError, TlsMode,
};
use diapason_mock_common::{ArmError, Mock, Shared};

pub use config::{
    ClientCertificate, ClientConfig, NonProfessional, Profile, PscConfig, REALM_PATH, Switches,
    UserinfoForm,
};
pub use faults::faults;
pub use keys::KeyError;
pub use professional::{ACTIVITY_MEMBERS, Exercice, Professional, professionals};

use keys::KeyRing;
use provider::{Endpoints, Provider};

/// Why the mock cannot start.
#[derive(Debug, thiserror::Error)]
pub enum PscError {
    /// A listener.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A key.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// Making keys was interrupted.
    #[error("the making of keys was interrupted")]
    Interrupted,
}

/// A running Pro Santé Connect.
pub struct PscMock {
    provider: Arc<Provider>,
    auth: Listener,
    wallet: Listener,
    endpoints: Endpoints,
}

impl std::fmt::Debug for PscMock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PscMock")
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}

impl PscMock {
    /// Makes (or reads) the keys and opens both listeners.
    pub async fn start(config: PscConfig, shared: Shared, pki: Arc<Pki>) -> Result<Self, PscError> {
        let dir = config.keys_dir.clone();
        // Seconds of arithmetic in a debug build: away from the runtime's own threads.
        let keys = tokio::task::spawn_blocking(move || KeyRing::open(dir.as_deref()))
            .await
            .map_err(|_| PscError::Interrupted)??;
        let provider = Arc::new(Provider::new(config.clone(), keys, shared.clock.clone()));
        let options = ListenerOptions {
            allow_remote: config.allow_remote,
            ..ListenerOptions::default()
        };
        let open = |name, addr, client_auth| {
            Listener::bind_with(
                ListenerConfig {
                    name,
                    service: Service::Psc,
                    addr,
                    tls: Some(TlsMode { client_auth }),
                },
                options,
                Arc::clone(&provider) as Arc<dyn HttpService>,
                shared.clone(),
                Arc::clone(&pki),
            )
        };
        let auth = open("auth", config.auth_addr, ClientAuth::Requested)?;
        let wallet = open("wallet", config.wallet_addr, ClientAuth::None)?;
        let endpoints = Endpoints::new(&config, auth.addr(), wallet.addr());
        provider.located(endpoints.clone());
        Ok(Self {
            provider,
            auth,
            wallet,
            endpoints,
        })
    }

    /// Stops both listeners.
    pub async fn stop(&self) {
        self.auth.stop().await;
        self.wallet.stop().await;
    }

    /// Why recording failed, if it did.
    pub fn failure(&self) -> Option<String> {
        self.auth.failure().or_else(|| self.wallet.failure())
    }

    /// The issuer that tokens name.
    pub fn issuer(&self) -> &str {
        &self.endpoints.issuer
    }

    /// Address of the discovery document.
    pub fn discovery(&self) -> String {
        // By the listener's own address: the issuer may be a real name that leads here only by override.
        format!(
            "{}{}/.well-known/wallet-openid-configuration",
            self.endpoints.auth, self.endpoints.realm
        )
    }
}

impl Mock for PscMock {
    fn addresses(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("auth".to_owned(), self.endpoints.auth.clone()),
            ("wallet".to_owned(), self.endpoints.wallet.clone()),
            ("issuer".to_owned(), self.endpoints.issuer.clone()),
            ("discovery".to_owned(), self.discovery()),
        ])
    }

    fn arm(&self, arm: &Arm) -> Result<bool, ArmError> {
        self.provider.arm(arm)
    }

    fn reset(&self) {
        self.provider.faults.clear();
        self.provider.lock().clear();
    }

    fn switches(&self) -> BTreeMap<String, String> {
        self.provider.config.described()
    }

    fn failure(&self) -> Option<String> {
        self.auth.failure().or_else(|| self.wallet.failure())
    }
}

#[cfg(test)]
mod tests;

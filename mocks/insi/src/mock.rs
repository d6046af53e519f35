//! Starting, arming and stopping the mock.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use diapason_core::Service;
use diapason_core::scenario::Arm;
use diapason_mock_common::pki::Pki;
use diapason_mock_common::server::{
    ClientAuth, Listener, ListenerConfig, ListenerOptions, ServerError, TlsMode,
};
use diapason_mock_common::{ArmError, Mock, Shared};

use crate::behaviour::{Behaviour, Untrusted};
use crate::faults;
use crate::service::{InsiService, PATH};

/// Where the mock listens and what it knows.
#[derive(Debug, Clone)]
pub struct InsiConfig {
    /// Listener without client certificate (assertion mode). Port 0 takes a free one.
    pub tls_addr: SocketAddr,
    /// Listener with client certificate (software certificate mode). Port 0 takes a free one.
    pub tlsm_addr: SocketAddr,
    /// Seed of the drawn people.
    pub seed: u64,
    /// Serves the verification operation, whose contract is provisional.
    pub verification: bool,
}

impl Default for InsiConfig {
    fn default() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            tls_addr: any,
            tlsm_addr: any,
            seed: 0,
            verification: false,
        }
    }
}

/// The mock could not start.
#[derive(Debug, thiserror::Error)]
#[error("the INSi mock cannot listen")]
pub struct InsiError(#[from] ServerError);

/// The running mock.
#[derive(Debug)]
pub struct InsiMock {
    service: Arc<InsiService>,
    tls: Listener,
    tlsm: Listener,
    addresses: BTreeMap<String, String>,
}

impl InsiMock {
    /// Starts both listeners with the default switches.
    pub async fn start(
        config: InsiConfig,
        shared: Shared,
        pki: Arc<Pki>,
    ) -> Result<Self, InsiError> {
        Self::start_with(config, Behaviour::default(), shared, pki).await
    }

    /// Starts both listeners with those switches.
    #[expect(clippy::unused_async, reason = "listening needs the caller's runtime")]
    pub async fn start_with(
        config: InsiConfig,
        behaviour: Behaviour,
        shared: Shared,
        pki: Arc<Pki>,
    ) -> Result<Self, InsiError> {
        let alert = behaviour.untrusted_client == Untrusted::Alert;
        let service = Arc::new(InsiService::new(
            behaviour,
            config.verification,
            config.seed,
        ));
        let bind = |name, addr, client_auth| {
            Listener::bind_with(
                ListenerConfig {
                    name,
                    service: Service::Insi,
                    addr,
                    tls: Some(TlsMode { client_auth }),
                },
                ListenerOptions {
                    refuse_untrusted_client: alert,
                    ..ListenerOptions::default()
                },
                Arc::clone(&service) as Arc<_>,
                shared.clone(),
                Arc::clone(&pki),
            )
        };
        let tls = bind("tls", config.tls_addr, ClientAuth::None)?;
        let tlsm = bind("tlsm", config.tlsm_addr, ClientAuth::Required)?;
        let addresses = service.addresses.get_or_init(|| {
            [("tls", &tls), ("tlsm", &tlsm)]
                .map(|(name, listener)| {
                    let url = format!("https://localhost:{}{PATH}", listener.addr().port());
                    (name.to_owned(), url)
                })
                .into()
        });
        let addresses = addresses.clone();
        Ok(Self {
            service,
            tls,
            tlsm,
            addresses,
        })
    }

    /// Stops both listeners.
    pub async fn stop(&self) {
        tokio::join!(self.tls.stop(), self.tlsm.stop());
    }

    /// Why recording failed on a listener, if it did.
    pub fn failure(&self) -> Option<String> {
        self.tls.failure().or_else(|| self.tlsm.failure())
    }
}

impl Mock for InsiMock {
    fn addresses(&self) -> BTreeMap<String, String> {
        self.addresses.clone()
    }

    fn arm(&self, arm: &Arm) -> Result<bool, ArmError> {
        arm_service(&self.service, arm)
    }

    fn reset(&self) {
        self.service.reset();
    }

    fn switches(&self) -> BTreeMap<String, String> {
        self.service.switches()
    }

    fn failure(&self) -> Option<String> {
        self.tls.failure().or_else(|| self.tlsm.failure())
    }
}

/// [`Mock::arm`], without the listeners.
pub(crate) fn arm_service(service: &InsiService, arm: &Arm) -> Result<bool, ArmError> {
    let error = |what: &str, problem: String| ArmError {
        what: what.to_owned(),
        problem,
    };
    match arm {
        Arm::Fault(fault) => {
            let id = fault.id.as_str();
            if !id.starts_with("INSI-F-") && !id.starts_with("X-F-TLS-") {
                return Ok(false);
            }
            // The TLS faults are common to the mocks; `service` says which one is meant.
            let mut fault = fault.clone();
            if let Some(meant) = fault.with.remove("service")
                && meant != Service::Insi.as_str()
            {
                return Ok(false);
            }
            if let Some(problem) = service.people(|p| faults::problem(&fault, p)) {
                return Err(error(id, problem));
            }
            service.faults().arm(&fault)?;
        }
        Arm::Persona(persona) => service
            .people(|p| p.patch(persona))
            .map_err(|problem| error(persona.id.as_str(), problem))?,
        Arm::Verification(outcome) => match outcome.as_str() {
            "ok" => service.force_verification(true),
            "ko" => service.force_verification(false),
            other => {
                let problem = format!("{other:?} is neither ok nor ko");
                return Err(error("verification", problem));
            }
        },
        Arm::Clear(clear) => {
            if *clear {
                service.faults().clear();
            }
        }
        Arm::PscUser(_)
        | Arm::Advance(_)
        | Arm::RotateKeys(_)
        | Arm::EndSso(_)
        | Arm::Dmp(_)
        | Arm::DmpDocument(_) => {
            return Ok(false);
        }
    }
    Ok(true)
}

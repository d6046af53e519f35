//! Starting, arming and stopping the mock.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use diapason_core::persona::Person;
use diapason_core::scenario::Arm;
use diapason_core::{PersonaId, Service};
use diapason_mock_common::pki::Pki;
use diapason_mock_common::server::{
    ClientAuth, Listener, ListenerConfig, ListenerOptions, ServerError, TlsMode,
};
use diapason_mock_common::{ArmError, Mock, Shared};
use serde_json::Value;

use crate::behaviour::Behaviour;
use crate::service::{DmpService, PREFIX};
use crate::{author, citizen, faults};

/// Where the mock listens and whom it knows.
#[derive(Debug, Clone)]
pub struct DmpConfig {
    /// SOAP services, mutual TLS. Port 0 takes a free one.
    pub tlsm_addr: SocketAddr,
    /// Web site and the person's view. Port 0 takes a free one.
    pub web_addr: SocketAddr,
    /// The people whose DMP this is; those of the INSi mock.
    pub people: Vec<Person>,
}

impl Default for DmpConfig {
    fn default() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            tlsm_addr: any,
            web_addr: any,
            people: Vec::new(),
        }
    }
}

/// The mock could not start.
#[derive(Debug, thiserror::Error)]
#[error("the DMP mock cannot listen")]
pub struct DmpError(#[from] ServerError);

/// Largest request: a document of 100 MiB in its package, and room.
const MAX_BODY: usize = 160 * 1024 * 1024;

/// The running mock.
pub struct DmpMock {
    service: Arc<DmpService>,
    tlsm: Listener,
    web: Listener,
    addresses: BTreeMap<String, String>,
}

impl std::fmt::Debug for DmpMock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DmpMock")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl DmpMock {
    /// Starts both listeners with the default switches.
    pub async fn start(config: DmpConfig, shared: Shared, pki: Arc<Pki>) -> Result<Self, DmpError> {
        Self::start_with(config, Behaviour::default(), shared, pki).await
    }

    /// Starts both listeners with those switches.
    #[expect(clippy::unused_async, reason = "listening needs the caller's runtime")]
    pub async fn start_with(
        config: DmpConfig,
        behaviour: Behaviour,
        shared: Shared,
        pki: Arc<Pki>,
    ) -> Result<Self, DmpError> {
        let service = Arc::new(DmpService::new(
            behaviour,
            config.people,
            shared.clock.clone(),
            Arc::clone(&pki),
        ));
        let bind = |name, addr, client_auth| {
            Listener::bind_with(
                ListenerConfig {
                    name,
                    service: Service::Dmp,
                    addr,
                    tls: Some(TlsMode { client_auth }),
                },
                ListenerOptions {
                    max_body: MAX_BODY,
                    body_timeout: Duration::from_mins(2),
                    ..ListenerOptions::default()
                },
                Arc::clone(&service) as Arc<_>,
                shared.clone(),
                Arc::clone(&pki),
            )
        };
        let tlsm = bind("tlsm", config.tlsm_addr, ClientAuth::Required)?;
        let web = bind("web", config.web_addr, ClientAuth::Requested)?;
        let url = |listener: &Listener, path: &str| {
            format!("https://localhost:{}{path}", listener.addr().port())
        };
        let addresses = BTreeMap::from([
            ("tlsm".to_owned(), url(&tlsm, PREFIX)),
            ("web".to_owned(), url(&web, "")),
        ]);
        Ok(Self {
            service,
            tlsm,
            web,
            addresses,
        })
    }

    /// Stops both listeners.
    pub async fn stop(&self) {
        tokio::join!(self.tlsm.stop(), self.web.stop());
    }

    /// Why recording failed on a listener, if it did.
    pub fn failure(&self) -> Option<String> {
        self.tlsm.failure().or_else(|| self.web.failure())
    }
}

impl Mock for DmpMock {
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

    fn states(&self) -> Vec<(PersonaId, Value)> {
        states(&self.service)
    }

    fn failure(&self) -> Option<String> {
        Self::failure(self)
    }
}

/// [`Mock::states`], without the listeners.
pub(crate) fn states(service: &DmpService) -> Vec<(PersonaId, Value)> {
    let state = service.state();
    citizen::people(&state)
        .into_iter()
        .map(|persona| {
            let view = citizen::view(&state, &persona);
            (persona, view)
        })
        .collect()
}

/// [`Mock::arm`], without the listeners.
pub(crate) fn arm_service(service: &DmpService, arm: &Arm) -> Result<bool, ArmError> {
    let error = |what: &str, problem: String| ArmError {
        what: what.to_owned(),
        problem,
    };
    match arm {
        Arm::Fault(fault) => {
            let id = fault.id.as_str();
            let tls = id.starts_with("X-F-TLS-");
            if !id.starts_with("DMP-F-") && !tls {
                return Ok(false);
            }
            let mut fault = fault.clone();
            // The TLS faults are common to the mocks: this one is meant only when it is named.
            if tls {
                let meant = fault.with.remove("service");
                if meant
                    .and_then(|m| m.as_str().map(ToOwned::to_owned))
                    .as_deref()
                    != Some(Service::Dmp.as_str())
                {
                    return Ok(false);
                }
            }
            if let Some(problem) = faults::problem(&fault) {
                return Err(error(id, problem));
            }
            service.faults().arm(&fault)?;
        }
        Arm::Persona(persona) => service
            .state()
            .people
            .patch(persona)
            .map_err(|problem| error(persona.id.as_str(), problem))?,
        Arm::Dmp(dmp) => {
            let now = service.now();
            service
                .state()
                .arm(dmp, now)
                .map_err(|problem| error(dmp.persona.as_str(), problem))?;
        }
        Arm::DmpDocument(document) => {
            let now = service.now();
            author::put(&mut service.state(), document, now)
                .map_err(|problem| error(document.persona.as_str(), problem))?;
        }
        Arm::Clear(clear) => {
            if *clear {
                service.faults().clear();
            }
        }
        Arm::PscUser(_)
        | Arm::Verification(_)
        | Arm::Advance(_)
        | Arm::RotateKeys(_)
        | Arm::EndSso(_) => return Ok(false),
    }
    Ok(true)
}

//! The mocks of a run, started together over one PKI, one clock, one recorder.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use diapason_core::product::{InsiMode, ProductStatement, PscAuth};
use diapason_core::scenario::Arm;
use diapason_core::{Clock, PersonaId, Recorder, Service};
use diapason_mock_common::pki::Pki;
use diapason_mock_common::server::Listener;
use diapason_mock_common::{Mock, Shared};
use diapason_mock_dmp::{DmpConfig, DmpMock};
use diapason_mock_insi::{InsiConfig, InsiMock};
use diapason_mock_psc::{ClientCertificate, ClientConfig, Profile, PscConfig, PscMock};
use diapason_rules::FaultInfo;
use serde_json::{Map, Value, json};

/// Fixed ports, when the vendor's DUI cannot be told free ones; 0 means any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ports {
    /// INSi, server TLS.
    pub insi_tls: u16,
    /// INSi, mutual TLS.
    pub insi_tlsm: u16,
    /// PSC, auth host.
    pub psc_auth: u16,
    /// PSC, wallet host.
    pub psc_wallet: u16,
    /// DMP, SOAP services.
    pub dmp_tlsm: u16,
    /// DMP, web site and the person's view.
    pub dmp_web: u16,
    /// CRL.
    pub crl: u16,
}

/// A bench that cannot start.
#[derive(Debug, thiserror::Error)]
#[error("start {what}: {source}; {hint}")]
pub struct BenchError {
    /// Which part.
    what: String,
    /// Why.
    source: Box<dyn std::error::Error + Send + Sync>,
    /// What to try.
    hint: String,
}

/// The mocks, running.
pub struct Bench {
    /// The test PKI.
    pub pki: Arc<Pki>,
    /// The run's clock.
    pub clock: Clock,
    insi: InsiMock,
    psc: PscMock,
    dmp: DmpMock,
    crl: Listener,
    seed: u64,
}

fn failed<E: std::error::Error + Send + Sync + 'static>(
    what: impl Into<String>,
    hint: impl Into<String>,
) -> impl FnOnce(E) -> BenchError {
    let (what, hint) = (what.into(), hint.into());
    move |source| BenchError {
        what,
        source: Box::new(source),
        hint,
    }
}

impl Bench {
    /// Starts everything.
    pub async fn start(
        pki_dir: &Path,
        ports: Ports,
        product: &ProductStatement,
        seed: u64,
        clock: Clock,
        recorder: Arc<dyn Recorder>,
    ) -> Result<Self, BenchError> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let pki = Pki::open_or_create(pki_dir).map_err(failed(
            format!("the test PKI in {}", pki_dir.display()),
            "check that the folder can be written, or give another with --state DIR",
        ))?;
        let pki = Arc::new(pki);
        let shared = Shared {
            clock: clock.clone(),
            recorder,
        };
        let at = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let busy =
            "if the port is in use, stop the other program or change [ports] in diapason.toml";
        let insi = InsiMock::start(
            InsiConfig {
                tls_addr: at(ports.insi_tls),
                tlsm_addr: at(ports.insi_tlsm),
                seed,
                verification: product.profil.verification_insi,
            },
            shared.clone(),
            pki.clone(),
        )
        .await
        .map_err(failed("the INSi mock", busy))?;
        let psc = PscMock::start(
            PscConfig {
                auth_addr: at(ports.psc_auth),
                wallet_addr: at(ports.psc_wallet),
                profile: if product.profil.psc_edc {
                    Profile::Edc
                } else {
                    Profile::Bas2026
                },
                clients: client(product).into_iter().collect(),
                keys_dir: Some(pki_dir.join("psc")),
                seed,
                ..PscConfig::default()
            },
            shared.clone(),
            pki.clone(),
        )
        .await
        .map_err(failed("the Pro Santé Connect mock", busy))?;
        let dmp = DmpMock::start(
            DmpConfig {
                tlsm_addr: at(ports.dmp_tlsm),
                web_addr: at(ports.dmp_web),
                people: diapason_mock_insi::personas(seed),
            },
            shared.clone(),
            pki.clone(),
        )
        .await
        .map_err(failed("the DMP mock", busy))?;
        let crl = diapason_mock_common::crl::listen(at(ports.crl), shared, pki.clone())
            .map_err(failed("the CRL server", busy))?;
        Ok(Self {
            pki,
            clock,
            insi,
            psc,
            dmp,
            crl,
            seed,
        })
    }

    /// Addresses: `insi.tls`, `insi.tlsm`, `psc.auth`, `psc.wallet`, `psc.discovery`, `dmp.tlsm`,
    /// `dmp.web`, `pki.crl`...
    pub fn addresses(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for (service, addresses) in [
            ("insi", Mock::addresses(&self.insi)),
            ("psc", Mock::addresses(&self.psc)),
            ("dmp", Mock::addresses(&self.dmp)),
        ] {
            for (name, url) in addresses {
                all.insert(format!("{service}.{name}"), url);
            }
        }
        all.insert("pki.crl".to_owned(), format!("http://{}", self.crl.addr()));
        all
    }

    /// The address the product statement says the DUI uses for INSi.
    pub fn insi_url(&self, product: &ProductStatement) -> String {
        let listener = match product.insi.mode {
            InsiMode::Certificat => "tlsm",
            InsiMode::Cpx | InsiMode::Psc => "tls",
        };
        Mock::addresses(&self.insi)
            .remove(listener)
            .unwrap_or_default()
    }

    /// Hands a setting to whichever mock it concerns.
    pub fn arm(&self, arm: &Arm) -> Result<(), String> {
        if let Arm::Advance(seconds) = arm {
            self.clock.advance(std::time::Duration::from_secs(*seconds));
            return Ok(());
        }
        let mut taken = false;
        for mock in [&self.insi as &dyn Mock, &self.psc, &self.dmp] {
            taken |= mock.arm(arm).map_err(|e| e.to_string())?;
        }
        if taken {
            Ok(())
        } else {
            Err(format!("no mock takes the setting {arm:?}"))
        }
    }

    /// Every mock back to its state after start.
    pub fn reset(&self) {
        self.insi.reset();
        self.psc.reset();
        self.dmp.reset();
    }

    /// What the services hold about each person whose record is not empty, as the person sees it.
    pub fn states(&self) -> Vec<(Service, PersonaId, Value)> {
        let of_dmp = Mock::states(&self.dmp).into_iter();
        of_dmp
            .map(|(persona, state)| (Service::Dmp, persona, state))
            .collect()
    }

    /// Why a mock could not record what it saw, if that happened: the run must stop.
    pub fn failure(&self) -> Option<String> {
        Mock::failure(&self.insi)
            .or_else(|| Mock::failure(&self.psc))
            .or_else(|| Mock::failure(&self.dmp))
            .or_else(|| self.crl.failure())
    }

    /// Switches of the mocks.
    pub fn switches(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for (service, switches) in [
            ("insi", self.insi.switches()),
            ("psc", self.psc.switches()),
            ("dmp", self.dmp.switches()),
        ] {
            for (name, value) in switches {
                all.insert(format!("{service}.{name}"), value);
            }
        }
        all
    }

    /// Personas by id, as scenarios name them.
    pub fn personas(&self) -> Value {
        personas(self.seed)
    }

    /// Stops everything and waits for it.
    pub async fn stop(self) {
        self.insi.stop().await;
        self.psc.stop().await;
        self.dmp.stop().await;
        self.crl.stop().await;
    }
}

/// Personas of both mocks by id.
pub fn personas(seed: u64) -> Value {
    let mut all = Map::new();
    for person in diapason_mock_insi::personas(seed) {
        let mut value = serde_json::to_value(&person).unwrap_or_default();
        let first = person.traits.prenoms.first().cloned().unwrap_or_default();
        if let Value::Object(map) = &mut value {
            if let Some(Value::Object(traits)) = map.get_mut("traits") {
                traits.entry("lieu_naissance").or_insert(Value::Null);
            }
            map.insert("premier_prenom".to_owned(), json!(first));
        }
        all.insert(person.id.to_string(), value);
    }
    for professional in diapason_mock_psc::professionals() {
        let value = serde_json::to_value(&professional).unwrap_or_default();
        all.insert(professional.id.to_string(), value);
    }
    Value::Object(all)
}

/// Faults of the mocks.
pub fn faults() -> Vec<FaultInfo> {
    diapason_mock_insi::faults()
        .into_iter()
        .chain(diapason_mock_psc::faults())
        .chain(diapason_mock_dmp::faults())
        .map(|f| FaultInfo {
            id: f.id,
            text: f.text,
        })
        .collect()
}

/// Parameters that each fault takes, by id.
pub fn fault_parameters() -> BTreeMap<String, BTreeSet<String>> {
    diapason_mock_insi::faults()
        .into_iter()
        .chain(diapason_mock_psc::faults())
        .chain(diapason_mock_dmp::faults())
        .map(|f| {
            let id = f.id.to_string();
            let mut names: BTreeSet<String> = f.parameters.into_keys().collect();
            if id.starts_with("X-F-TLS-") {
                // Which service, and which of its listeners, is meant.
                names.extend(["service", "listener"].map(str::to_owned));
            }
            (id, names)
        })
        .collect()
}

/// The PSC client that the product statement declares.
fn client(product: &ProductStatement) -> Option<ClientConfig> {
    let statement = &product.psc;
    let client_id = statement.client_id.clone()?;
    Some(ClientConfig {
        client_id,
        secret: statement.client_secret.clone(),
        redirect_uris: statement.redirect_uris.clone(),
        post_logout_redirect_uris: statement.post_logout_redirect_uris.clone(),
        jwks: statement
            .jwks
            .as_deref()
            .and_then(|text| serde_json::from_str(text).ok()),
        certificate: (statement.auth == PscAuth::Mtls).then_some(ClientCertificate::AnyTrusted),
        ciba: product.profil.psc_ciba,
    })
}

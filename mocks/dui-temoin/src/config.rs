//! Configuration of the reference DUI, as JSON. Unknown keys are errors.

use std::net::SocketAddr;
use std::path::PathBuf;

use diapason_core::Timestamp;
use diapason_core::product::{InsiMode, PscAuth};
use serde::{Deserialize, Serialize};

/// Everything the reference DUI must know before it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DuiConfig {
    /// Address of its web server; port 0 lets the system choose.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// INSi; absent means that every search ends in `echec`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insi: Option<InsiSettings>,
    /// Pro Santé Connect; absent means local login only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psc: Option<PscSettings>,
    /// DMP; absent means that documents stay here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dmp: Option<DmpSettings>,
    /// Where its own running clock starts; absent means now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<Timestamp>,
    /// Seeded defects, by name (see `data/mutants-*.toml`).
    #[serde(default)]
    pub mutants: Vec<String>,
    /// Seed of what it draws (nothing secret hangs on it).
    #[serde(default)]
    pub seed: u64,
    /// JSON file that holds the identities between two starts; absent means in memory only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<PathBuf>,
}

/// How it calls INSi.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InsiSettings {
    /// Address of the service, path included (`https://localhost:8443/lps`).
    pub url: String,
    /// PEM file of the authorities trusted for the server, and no other.
    pub ca: PathBuf,
    /// PEM file of the client certificate (`INSI-MANU`).
    pub cert: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
    /// PEM or DER file of the revocation list checked for the server's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crl: Option<PathBuf>,
    /// Authentication mode. Only `certificat` is implemented.
    #[serde(default)]
    pub mode: InsiMode,
    /// CNDA authorisation number.
    pub idam: String,
    /// Product name, as homologated.
    pub lps_nom: String,
    /// Product version, as homologated.
    pub lps_version: String,
    /// Structure identifier: the OU of the client certificate.
    pub emetteur: String,
    /// How long it waits for an answer, milliseconds.
    #[serde(default = "default_timeout")]
    pub timeout_ms: u64,
}

/// How it uses Pro Santé Connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PscSettings {
    /// Address of the discovery document.
    pub discovery: String,
    /// PEM file of the authorities trusted for the servers, and no other.
    pub ca: PathBuf,
    /// Client id.
    pub client_id: String,
    /// Client secret, with `auth: secret`.
    #[serde(default)]
    pub client_secret: String,
    /// Authentication at the token endpoint.
    #[serde(default)]
    pub auth: PscAuth,
    /// PEM file of the client certificate, with `auth: mtls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert: Option<PathBuf>,
    /// PEM file of its private key, with `auth: mtls` or `private_key_jwt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// PEM or DER file of the revocation list checked for the servers' certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crl: Option<PathBuf>,
    /// Declared redirect URI.
    pub redirect_uri: String,
    /// Declared post-logout URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_logout_redirect_uri: Option<String>,
    /// Idle time after which the DUI logs a user out, seconds.
    #[serde(default = "default_idle")]
    pub idle_seconds: u64,
    /// How long it waits for an answer, milliseconds.
    #[serde(default = "default_timeout")]
    pub timeout_ms: u64,
    /// Is login by CIBA offered?
    #[serde(default)]
    pub ciba: bool,
}

/// How it calls the DMP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DmpSettings {
    /// Base address of the services (`https://localhost:8721/si-dmp-server/v2/services`).
    pub url: String,
    /// Base address of the web site (`https://localhost:8722/AccesDirect`); absent: TD0.9 is not offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web: Option<String>,
    /// PEM file of the authorities trusted for the servers, and no other.
    pub ca: PathBuf,
    /// PEM file of the structure's authentication certificate, for mutual TLS.
    pub cert: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
    /// PEM file of the structure's signature certificate, for the VIHF and the lots.
    pub signature_cert: PathBuf,
    /// PEM file of its private key.
    pub signature_key: PathBuf,
    /// PEM or DER file of the revocation list checked for the servers' certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crl: Option<PathBuf>,
    /// Structure identifier: the OU of both certificates.
    pub structure: String,
    /// Product name, as homologated.
    pub lps_nom: String,
    /// Product version, as homologated.
    pub lps_version: String,
    /// OID of this installation: source of the lots, sender of the messages.
    pub lps_oid: String,
    /// DMP homologation number.
    pub homologation: String,
    /// How long it waits for an answer, milliseconds.
    #[serde(default = "default_timeout")]
    pub timeout_ms: u64,
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn default_timeout() -> u64 {
    10_000
}

fn default_idle() -> u64 {
    1_800
}

impl Default for DuiConfig {
    fn default() -> Self {
        Self {
            listen: default_listen(),
            insi: None,
            psc: None,
            dmp: None,
            start_at: None,
            mutants: Vec::new(),
            seed: 0,
            store: None,
        }
    }
}

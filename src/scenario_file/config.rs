//! `diapason.toml`: how the bench reaches the DUI, where the mocks listen, what is known to deviate.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

pub use diapason_core::event::Baseline;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::FileError;
use super::tree::{Node, Seg};

/// The settings of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Product statement, from the folder of this file.
    #[serde(default = "default_fiche")]
    pub fiche: String,
    /// Families to run; empty means all.
    #[serde(default)]
    pub families: Vec<String>,
    /// Seed of the personas drawn for the run; absent means a new one each time, shown in the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Scenarios folder of your own, from the folder of this file, beside the embedded ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenarios: Option<String>,
    /// Folder of the reports, from the folder of this file: each run makes a dated folder in it.
    #[serde(default = "default_report")]
    pub report: String,
    /// How actions reach the DUI.
    pub driver: DriverConfig,
    /// How long the bench waits.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Where the mocks listen and keep their PKI.
    #[serde(default)]
    pub mocks: MocksConfig,
    /// Known deviations: they are reported, and do not change the exit code.
    #[serde(default)]
    pub baseline: Vec<Baseline>,
}

fn default_fiche() -> String {
    "fiche-produit.toml".to_owned()
}

fn default_report() -> String {
    "rapport".to_owned()
}

/// Kind of driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DriverKind {
    /// The vendor's adapter answers over HTTP.
    Http,
    /// A program is started for each action.
    Command,
    /// A person acts.
    Manual,
}

/// How actions reach the DUI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriverConfig {
    /// Kind.
    pub kind: DriverKind,
    /// `http`: address of the adapter, such as `http://127.0.0.1:8790`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// `http`: accept an adapter that is not on this machine.
    #[serde(default)]
    pub allow_remote: bool,
    /// `command`: the program and its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// `command`: environment variables to add.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// `command`: working folder, from the folder of this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
}

/// How long the bench waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// For an action, milliseconds, unless the step says otherwise.
    pub action_ms: u64,
    /// For an observation, a reset or the capabilities, milliseconds.
    pub observation_ms: u64,
    /// How long a step's window stays open after the answer, milliseconds.
    pub settle_ms: u64,
    /// `manual`: at least this long for a person to act or answer, milliseconds.
    pub manual_ms: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            action_ms: 30_000,
            observation_ms: 10_000,
            settle_ms: 200,
            manual_ms: 600_000,
        }
    }
}

/// Where the mocks listen; port 0 lets the system choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MocksConfig {
    /// Folder of the test PKI, from the folder of this file.
    pub pki: String,
    /// INSi, TLS.
    pub insi_tls: SocketAddr,
    /// INSi, mutual TLS.
    pub insi_tlsm: SocketAddr,
    /// Pro Santé Connect, authorization server.
    pub psc_auth: SocketAddr,
    /// Pro Santé Connect, wallet.
    pub psc_wallet: SocketAddr,
    /// DMP, SOAP services over mutual TLS.
    pub dmp_tlsm: SocketAddr,
    /// DMP, web site and the person's view.
    pub dmp_web: SocketAddr,
    /// Revocation lists of the test PKI.
    pub crl: SocketAddr,
    /// Accept addresses that other machines can reach.
    pub allow_remote: bool,
}

impl Default for MocksConfig {
    fn default() -> Self {
        let at = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Self {
            pki: ".diapason/pki".to_owned(),
            insi_tls: at(8701),
            insi_tlsm: at(8702),
            psc_auth: at(8711),
            psc_wallet: at(8712),
            dmp_tlsm: at(8721),
            dmp_web: at(8722),
            crl: at(8720),
            allow_remote: false,
        }
    }
}

impl MocksConfig {
    /// The addresses, by the name of their key.
    pub fn addresses(&self) -> [(&'static str, SocketAddr); 7] {
        [
            ("insi_tls", self.insi_tls),
            ("insi_tlsm", self.insi_tlsm),
            ("psc_auth", self.psc_auth),
            ("psc_wallet", self.psc_wallet),
            ("dmp_tlsm", self.dmp_tlsm),
            ("dmp_web", self.dmp_web),
            ("crl", self.crl),
        ]
    }
}

/// What the types cannot say.
pub(crate) fn check(config: &Config, root: &Node) -> Vec<FileError> {
    let mut errors = Vec::new();
    check_driver(
        &config.driver,
        root.at_path(&[Seg::Key("driver")]),
        &mut errors,
    );
    for (key, value) in [
        ("action_ms", config.timeouts.action_ms),
        ("observation_ms", config.timeouts.observation_ms),
        ("manual_ms", config.timeouts.manual_ms),
    ] {
        if value == 0 {
            let node = root.at_path(&[Seg::Key("timeouts"), Seg::Key(key)]);
            errors.push(node.at.error("a deadline of 0 ms cannot be met"));
        }
    }
    let mut taken: Vec<(SocketAddr, &str)> = Vec::new();
    for (key, addr) in config.mocks.addresses() {
        let node = root.at_path(&[Seg::Key("mocks"), Seg::Key(key)]);
        if !addr.ip().is_loopback() && !config.mocks.allow_remote {
            let mut error = node
                .at
                .error(format!("{addr} can be reached from other machines"));
            error.hint =
                Some("use 127.0.0.1, or set `allow_remote = true` under [mocks]".to_owned());
            errors.push(error);
        }
        if addr.port() != 0
            && let Some((_, other)) = taken.iter().find(|(a, _)| *a == addr)
        {
            errors.push(
                node.at
                    .error(format!("{addr} is already the address of `{other}`")),
            );
        }
        taken.push((addr, key));
    }
    for (i, line) in config.baseline.iter().enumerate() {
        if line.reason.trim().is_empty() {
            let node = root.at_path(&[Seg::Key("baseline"), Seg::Index(i), Seg::Key("reason")]);
            errors.push(node.at.error("a known deviation needs a reason"));
        }
    }
    errors
}

fn check_driver(driver: &DriverConfig, node: &Node, errors: &mut Vec<FileError>) {
    let kind = node.get("kind").unwrap_or(node);
    match driver.kind {
        DriverKind::Http => match driver.url.as_deref() {
            None => {
                let mut error = kind.at.error("the `http` driver needs `url`");
                error.expected = Some("an address such as \"http://127.0.0.1:8790\"".to_owned());
                errors.push(error);
            }
            Some(url) => {
                let parsed = url::Url::parse(url).ok();
                if !parsed.is_some_and(|u| matches!(u.scheme(), "http" | "https") && u.has_host()) {
                    let at = &node.get("url").unwrap_or(node).at;
                    let mut error = at.error(format!("{url:?} is not an address"));
                    error.expected = Some("http://HOST:PORT".to_owned());
                    errors.push(error);
                }
            }
        },
        DriverKind::Command if driver.command.is_empty() => {
            let mut error = kind.at.error("the `command` driver needs `command`");
            error.expected = Some("a list such as [\"python3\", \"adaptateur.py\"]".to_owned());
            errors.push(error);
        }
        DriverKind::Command | DriverKind::Manual => {}
    }
    let useless: &[&str] = match driver.kind {
        DriverKind::Http => &["command", "env", "directory"],
        DriverKind::Command => &["url", "allow_remote"],
        DriverKind::Manual => &["url", "allow_remote", "command", "env", "directory"],
    };
    for key in useless {
        if let Some(entry) = node.entry(key) {
            errors.push(
                entry
                    .key_at
                    .error(format!("`{key}` is for another kind of driver")),
            );
        }
    }
}

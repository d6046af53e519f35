//! Plays the faults of `data/faults.toml`. A fault stands before the work of the service (something else is said,
//! nothing is done), within it (a [`Twist`]), or after it (the answer is changed on its way out).

mod after;
mod before;
mod xml;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use diapason_core::FaultId;
use diapason_core::scenario::FaultArm;
use diapason_mock_common::fault::{FaultSpec, Playing};
use diapason_mock_common::http::{ServerCertificate, TlsFault};
use serde::Deserialize;
use serde_json::Value;

pub(crate) use after::{Leaving, after};
pub(crate) use before::{Before, before};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultFile {
    fault: Vec<FaultSpec>,
}

static CATALOGUE: LazyLock<Vec<FaultSpec>> = LazyLock::new(|| {
    toml::from_str::<FaultFile>(include_str!("../../data/faults.toml"))
        .expect("the embedded file is read by a test")
        .fault
});

/// The fault catalogue; the TLS faults, common to the mocks, are in the INSi mock's.
pub fn faults() -> Vec<FaultSpec> {
    CATALOGUE.clone()
}

/// TLS faults, as this mock takes them.
const TLS: [&str; 8] = [
    "X-F-TLS-FOREIGN-CA",
    "X-F-TLS-EXPIRED",
    "X-F-TLS-REVOKED",
    "X-F-TLS-WRONG-NAME",
    "X-F-TLS-SELF-SIGNED",
    "X-F-TLS-SMALL-KEY",
    "X-F-TLS-OLD",
    "X-F-TLS-REFUSE",
];

/// The catalogue with the TLS faults.
pub(crate) fn armed_catalogue() -> Vec<FaultSpec> {
    let tls = TLS.iter().filter_map(|id| {
        Some(FaultSpec {
            id: FaultId::new(*id).ok()?,
            operations: vec!["tls".to_owned()],
            text: diapason_core::requirement::Text {
                fr: String::new(),
                en: String::new(),
            },
            parameters: BTreeMap::new(),
        })
    });
    faults().into_iter().chain(tls).collect()
}

/// Parameters of a fault, defaults filled in and types checked when it was armed.
#[derive(Clone, Copy)]
pub(crate) struct Parameters<'a>(&'a BTreeMap<String, Value>);

impl<'a> Parameters<'a> {
    pub(crate) fn of(playing: &'a Playing) -> Self {
        Self(&playing.with)
    }

    pub(crate) fn text(self, name: &str) -> &'a str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn number(self, name: &str) -> u64 {
        self.0.get(name).and_then(Value::as_u64).unwrap_or_default()
    }

    pub(crate) fn status(self, otherwise: u16) -> u16 {
        u16::try_from(self.number("status")).unwrap_or(otherwise)
    }
}

/// Why a fault cannot be armed with these parameters.
pub(crate) fn problem(arm: &FaultArm) -> Option<String> {
    let spec = CATALOGUE.iter().find(|s| s.id == arm.id)?;
    arm.with.iter().find_map(|(name, value)| {
        let default = spec.parameters.get(name)?;
        let same_type = match default {
            Value::String(_) => value.is_string(),
            Value::Number(_) => value.is_u64(),
            _ => true,
        };
        let number = value.as_u64().unwrap_or_default();
        if !same_type {
            return Some(format!(
                "parameter {name}: {value} given, something like {default} expected"
            ));
        }
        let limit = match name.as_str() {
            "status" if default.is_number() && !(100..=599).contains(&number) => {
                return Some(format!("parameter status: {value} is no HTTP status"));
            }
            "megabytes" => 200,
            "levels" => 20,
            "depth" => 1_000_000,
            _ => u64::MAX,
        };
        (number > limit).then(|| format!("parameter {name}: {limit} at most"))
    })
}

/// The TLS misbehaviour of a fault.
pub(crate) fn tls(id: &FaultId) -> Option<TlsFault> {
    use ServerCertificate as C;
    let certificate = |c| Some(TlsFault::Certificate(c));
    match id.as_str() {
        "X-F-TLS-FOREIGN-CA" => certificate(C::ForeignCa),
        "X-F-TLS-EXPIRED" => certificate(C::Expired),
        "X-F-TLS-REVOKED" => certificate(C::Revoked),
        "X-F-TLS-WRONG-NAME" => certificate(C::WrongName),
        "X-F-TLS-SELF-SIGNED" => certificate(C::SelfSigned),
        "X-F-TLS-SMALL-KEY" => certificate(C::SmallKey),
        "X-F-TLS-OLD" => Some(TlsFault::OldTls),
        "X-F-TLS-REFUSE" => Some(TlsFault::Refuse),
        _ => None,
    }
}

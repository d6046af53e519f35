//! Plays the faults of `data/faults.toml`. One function per kind; each id is handled in exactly one place.

mod content;
mod http;
mod soap;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use diapason_core::FaultId;
use diapason_core::persona::Person;
use diapason_core::scenario::FaultArm;
use diapason_formats::insi::{Envelope, Message, Style};
use diapason_mock_common::fault::{FaultSpec, Playing};
use diapason_mock_common::http::{Reply, ServerCertificate, TlsFault};
use serde::Deserialize;
use serde_json::Value;

use crate::people::People;
use crate::reply::soap_reply;

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

/// The fault catalogue.
pub fn faults() -> Vec<FaultSpec> {
    CATALOGUE.clone()
}

/// What a fault starts from: the answer that would have been given, and what it may need.
pub(crate) struct Scene<'a> {
    /// The answer without any fault.
    pub(crate) natural: Message,
    /// Its wrapping.
    pub(crate) envelope: Envelope,
    /// MessageID of the request.
    pub(crate) message_id: Option<&'a str>,
    /// The person found, when exactly one was.
    pub(crate) person: Option<&'a Person>,
    /// Everybody.
    pub(crate) people: &'a People,
    /// Address of the other listener.
    pub(crate) other_listener: &'a str,
    /// Operation.
    pub(crate) operation: &'a str,
    /// Calls answered so far.
    pub(crate) call: u32,
}

/// Plays a fault. When it has nothing to bite on (a changed trait on a CR 01), the natural answer goes out and
/// no fault is recorded.
pub(crate) fn play(playing: &Playing, mut scene: Scene<'_>) -> Reply {
    let parameters = Parameters(&playing.with);
    let id = playing.id.as_str();
    let outcome = if let Some((status, message)) = soap::play(id, parameters, &scene) {
        Some(soap_reply(status, &message, &scene.envelope))
    } else if let Some(reply) = http::play(id, parameters, &scene) {
        Some(reply)
    } else {
        content::play(id, parameters, &mut scene).then(|| {
            soap_reply(
                natural_status(&scene.natural),
                &scene.natural,
                &scene.envelope,
            )
        })
    };
    match outcome {
        Some(mut reply) => {
            reply.fault = Some(playing.id.clone());
            reply
        }
        None => soap_reply(
            natural_status(&scene.natural),
            &scene.natural,
            &scene.envelope,
        ),
    }
}

/// 200 for a result, 500 for a fault, as recorded.
pub(crate) fn natural_status(message: &Message) -> u16 {
    match message {
        Message::Fault(_) => 500,
        Message::Resultat(_) | Message::Verification(_) => 200,
    }
}

/// Parameters of a fault, defaults filled in and types checked when it was armed.
#[derive(Clone, Copy)]
pub(crate) struct Parameters<'a>(&'a BTreeMap<String, Value>);

impl<'a> Parameters<'a> {
    pub(crate) fn text(self, name: &str) -> &'a str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn number(self, name: &str) -> u64 {
        self.0.get(name).and_then(Value::as_u64).unwrap_or_default()
    }
}

/// Why a fault cannot be armed with these parameters.
pub(crate) fn problem(arm: &FaultArm, people: &People) -> Option<String> {
    let spec = CATALOGUE.iter().find(|s| s.id == arm.id)?;
    arm.with.iter().find_map(|(name, value)| {
        let default = spec.parameters.get(name)?;
        let same_type = match default {
            Value::String(_) => value.is_string(),
            Value::Number(_) => value.is_u64(),
            _ => true,
        };
        if !same_type {
            return Some(format!(
                "parameter {name}: {value} given, something like {default} expected"
            ));
        }
        let text = value.as_str().unwrap_or_default();
        match (name.as_str(), arm.id.as_str()) {
            ("persona", _) if people.get(text).is_none_or(|p| p.ins.is_none()) => Some(format!(
                "parameter persona: nobody with an INS is called {text:?}"
            )),
            ("style", _) if text != "rotate" && Style::from_word(text).is_none() => Some(format!(
                "parameter style: {text:?} is none of env, s, ns2, soap, default, rotate"
            )),
            ("family", _) if !matches!(text, "A" | "B") => {
                Some(format!("parameter family: {text:?} is neither A nor B"))
            }
            ("status", _) if !(100..=599).contains(&value.as_u64().unwrap_or_default()) => {
                Some(format!("parameter status: {value} is no HTTP status"))
            }
            ("megabytes", _) if value.as_u64().unwrap_or_default() > 200 => {
                Some("parameter megabytes: 200 at most".to_owned())
            }
            ("levels", _) if value.as_u64().unwrap_or_default() > 20 => {
                Some("parameter levels: 20 at most".to_owned())
            }
            ("depth", _) if value.as_u64().unwrap_or_default() > 1_000_000 => {
                Some("parameter depth: 1000000 at most".to_owned())
            }
            _ => None,
        }
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

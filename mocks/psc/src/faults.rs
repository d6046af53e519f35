//! The fault catalogue, and how faults that touch a whole answer are played.

use diapason_core::FaultId;
use diapason_mock_common::fault::{FaultSpec, Playing};
use diapason_mock_common::http::{Delivery, Reply, ServerCertificate, TlsFault};
use serde::Deserialize;
use serde_json::Value;

use crate::pages;
use crate::reply::{html, json_reply, oauth_error};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    fault: Vec<FaultSpec>,
}

/// The catalogue.
pub fn faults() -> Vec<FaultSpec> {
    let file: File = toml::from_str(include_str!("../data/faults.toml"))
        .expect("the data file is part of the program and is tested");
    file.fault
}

/// A fault that plays, or none; reads its name without the `PSC-F-` and its parameters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Play(Option<Playing>);

impl Play {
    pub(crate) fn new(playing: Option<Playing>) -> Self {
        Self(playing)
    }

    /// Name without the prefix, empty when nothing plays.
    pub(crate) fn name(&self) -> &str {
        self.0
            .as_ref()
            .map_or("", |p| p.id.as_str().trim_start_matches("PSC-F-"))
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        !name.is_empty() && self.name() == name
    }

    pub(crate) fn id(&self) -> Option<FaultId> {
        self.0.as_ref().map(|p| p.id.clone())
    }

    /// A parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&Value> {
        self.0.as_ref().and_then(|p| p.with.get(name))
    }

    /// A parameter that is a text; a number is written out.
    pub(crate) fn text(&self, name: &str) -> String {
        match self.parameter(name) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        }
    }

    /// A parameter that is a number; what is not is 0.
    pub(crate) fn number(&self, name: &str) -> i64 {
        self.parameter(name)
            .and_then(Value::as_i64)
            .unwrap_or_default()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.parameter(name)
            .and_then(Value::as_bool)
            .unwrap_or_default()
    }

    fn status(&self) -> u16 {
        u16::try_from(self.number("status")).unwrap_or(500)
    }

    /// Faults that answer instead of the service: it has done nothing.
    pub(crate) fn instead(&self) -> Option<Reply> {
        let (kind, word) = self.name().rsplit_once('-')?;
        let reply = match (kind, word) {
            ("TOKEN" | "UI" | "AUTHORIZE" | "DISCOVERY" | "JWKS" | "LOGOUT", "SILENT") => Reply {
                delivery: Delivery::Silent,
                ..Reply::default()
            }
            .outcome("silent"),
            ("TOKEN" | "UI" | "REFRESH" | "LOGOUT" | "REVOKE" | "INTROSPECT", "500")
            | ("CIBA", "UNAVAILABLE") => {
                oauth_error(self.status(), "server_error", "internal error")
            }
            ("AUTHORIZE" | "DISCOVERY" | "JWKS", "503") => {
                html(self.status(), pages::unavailable()).outcome("unavailable")
            }
            ("TOKEN-NOT" | "DISCOVERY-NOT", "JSON") | ("UI", "HTML") => {
                html(200, pages::unavailable()).outcome("not_json")
            }
            ("TOKEN-INVALID" | "REFRESH-INVALID", "GRANT") => {
                oauth_error(400, "invalid_grant", "code or token refused")
            }
            ("TOKEN-INVALID", "CLIENT") => {
                oauth_error(401, "invalid_client", "unknown client or secret")
            }
            ("UI", "401") => invalid_token(),
            ("INTROSPECT", "INACTIVE") => {
                json_reply(200, &serde_json::json!({ "active": false })).outcome("inactive")
            }
            ("CIBA", "PENDING") => oauth_error(
                400,
                "authorization_pending",
                "the user has not answered yet",
            ),
            ("CIBA-SLOW", "DOWN") => oauth_error(400, "slow_down", "polls are too close together"),
            ("CIBA", "DENIED") => oauth_error(400, "access_denied", "the user refused"),
            ("CIBA", "EXPIRED") => oauth_error(400, "expired_token", "the request has expired"),
            ("CIBA-UNKNOWN", "USER") => oauth_error(400, &self.text("code"), "invalid_user"),
            _ => return None,
        };
        Some(reply)
    }

    /// Faults of delivery: the service has done its work, the answer travels badly.
    pub(crate) fn deliver(&self, mut reply: Reply) -> Reply {
        match self.name() {
            "TOKEN-SLOW" | "UI-SLOW" => {
                let ms = u64::try_from(self.number("ms")).unwrap_or_default();
                reply.delivery = Delivery::Delay(ms);
            }
            "TOKEN-CUT" | "UI-CUT" => {
                let bytes = usize::try_from(self.number("bytes")).unwrap_or_default();
                reply.delivery = Delivery::Cut(bytes.min(reply.body.len().saturating_sub(1)));
            }
            _ => {}
        }
        reply.fault = reply.fault.or_else(|| self.id());
        reply
    }
}

/// The answer to a bearer token that is worth nothing.
pub(crate) fn invalid_token() -> Reply {
    let mut reply = oauth_error(
        401,
        "invalid_token",
        "the access token is expired, unknown or revoked",
    );
    reply.headers.push((
        "WWW-Authenticate".to_owned(),
        "Bearer realm=\"esante-wallet\", error=\"invalid_token\", error_description=\"token not active\""
            .to_owned(),
    ));
    reply
}

/// How a handshake fault is played.
pub(crate) fn tls_fault(id: &FaultId) -> Option<TlsFault> {
    let certificate = match id.as_str().strip_prefix("X-F-TLS-")? {
        "FOREIGN-CA" => ServerCertificate::ForeignCa,
        "EXPIRED" => ServerCertificate::Expired,
        "REVOKED" => ServerCertificate::Revoked,
        "WRONG-NAME" => ServerCertificate::WrongName,
        "SELF-SIGNED" => ServerCertificate::SelfSigned,
        "SMALL-KEY" => ServerCertificate::SmallKey,
        "OLD" => return Some(TlsFault::OldTls),
        "REFUSE" => return Some(TlsFault::Refuse),
        _ => return None,
    };
    Some(TlsFault::Certificate(certificate))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_catalogue_is_whole() {
        let all = faults();
        let ids: BTreeSet<_> = all.iter().map(|f| f.id.clone()).collect();
        assert_eq!(ids.len(), all.len(), "an id comes twice");
        assert!(all.len() >= 60, "{}", all.len());
        for fault in &all {
            assert!(!fault.operations.is_empty(), "{}", fault.id);
            let tls = fault.operations == ["tls"];
            assert_eq!(tls, tls_fault(&fault.id).is_some(), "{}", fault.id);
        }
    }
}

//! What the PSC rules read in raw exchanges: parameters, redirects, tokens. Values stay here, they
//! never enter a finding.

use diapason_core::Service;
use diapason_formats::http::{Request, Response};
use diapason_formats::psc::Params;
use serde_json::Value;

use crate::judge::Ctx;
use crate::record::SeenExchange;

/// Operations of the token endpoint.
pub(super) const TOKEN: [&str; 3] = ["token_code", "token_refresh", "token_ciba"];

/// Parameters of a request, query and form.
pub(super) fn params(seen: &SeenExchange) -> Params {
    Params::of(&Request::parse(&seen.request))
}

/// One parameter, when it is there and not empty.
pub(super) fn param(seen: &SeenExchange, name: &str) -> Option<String> {
    params(seen)
        .get(name)
        .filter(|v| !v.is_empty())
        .map(str::to_owned)
}

/// The bearer token of a request, from its header or its form.
pub(super) fn bearer(seen: &SeenExchange) -> Option<String> {
    let request = Request::parse(&seen.request);
    let header = request.headers.get("authorization")?;
    let (scheme, token) = header.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim().to_owned())
}

/// The address a redirect answered, as base and decoded query.
pub(super) fn location(seen: &SeenExchange) -> Option<(String, Vec<(String, String)>)> {
    let response = Response::parse(&seen.response)?;
    let target = response.headers.get("location")?;
    let (base, query) = target.split_once('?').unwrap_or((target.as_str(), ""));
    let query = query.split('#').next().unwrap_or_default().to_owned();
    let pairs = Request {
        query,
        ..Request::default()
    }
    .query_pairs();
    Some((base.to_owned(), pairs))
}

/// JSON body of an answer.
pub(super) fn json(seen: &SeenExchange) -> Option<Value> {
    let response = Response::parse(&seen.response)?;
    serde_json::from_slice(&response.body).ok()
}

/// A text member of the JSON body of an answer.
pub(super) fn member(seen: &SeenExchange, name: &str) -> Option<String> {
    json(seen)?
        .get(name)?
        .as_str()
        .filter(|v| !v.is_empty())
        .map(str::to_owned)
}

/// Status answered, when an answer was sent.
pub(super) fn status(seen: &SeenExchange) -> Option<u16> {
    seen.answer.as_ref().and_then(|a| a.status)
}

/// Fault played, when there was one.
pub(super) fn fault(seen: &SeenExchange) -> Option<&str> {
    seen.answer
        .as_ref()
        .and_then(|a| a.fault.as_ref())
        .map(diapason_core::FaultId::as_str)
}

/// Did the client get the whole answer?
pub(super) fn delivered(seen: &SeenExchange) -> bool {
    seen.answer.as_ref().is_some_and(|a| {
        a.delivery
            .as_deref()
            .is_none_or(|d| !matches!(d, "silent" | "cut" | "reset" | "peer_closed"))
    })
}

/// Tokens a login or a refresh handed out, in order of arrival within one chain.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// Access tokens, oldest first.
    pub(super) access: Vec<String>,
    /// Refresh tokens, oldest first.
    pub(super) refresh: Vec<String>,
    /// ID tokens, oldest first.
    pub(super) id: Vec<String>,
    /// When the first answer of the chain arrived, milliseconds.
    pub(super) since_ms: i64,
}

impl Chain {
    fn new(answer: &SeenExchange) -> Self {
        let mut this = Self {
            since_ms: answer.exchange.received_at.unix_millis(),
            ..Self::default()
        };
        this.take(answer);
        this
    }

    fn take(&mut self, answer: &SeenExchange) {
        self.access.extend(member(answer, "access_token"));
        self.id.extend(member(answer, "id_token"));
        // A refresh that hands the same token back renews nothing.
        if let Some(token) = member(answer, "refresh_token")
            && self.refresh.last() != Some(&token)
        {
            self.refresh.push(token);
        }
    }

    /// Does this token belong to the chain?
    pub(super) fn holds(&self, token: &str) -> bool {
        [&self.access, &self.refresh, &self.id]
            .iter()
            .any(|tokens| tokens.iter().any(|t| t == token))
    }
}

/// Token answers before `until` (an index into the PSC exchanges), gathered in chains.
pub(super) fn chains(all: &[&SeenExchange], until: usize) -> Vec<Chain> {
    let mut chains: Vec<Chain> = Vec::new();
    for seen in all.iter().take(until) {
        if status(seen) != Some(200) || !delivered(seen) {
            continue;
        }
        match seen.exchange.operation.as_str() {
            "token_code" | "token_ciba" => chains.push(Chain::new(seen)),
            "token_refresh" => {
                let used = param(seen, "refresh_token").unwrap_or_default();
                match chains.iter_mut().rev().find(|c| c.refresh.contains(&used)) {
                    Some(chain) => chain.take(seen),
                    None => chains.push(Chain::new(seen)),
                }
            }
            _ => {}
        }
    }
    chains
}

/// Every PSC exchange of the scenario, in order.
pub(super) fn all<'a>(ctx: &Ctx<'a>) -> Vec<&'a SeenExchange> {
    ctx.exchanges(Service::Psc, &[])
}

/// The token a request presents, whatever its operation.
pub(super) fn presented(seen: &SeenExchange) -> Option<String> {
    match seen.exchange.operation.as_str() {
        "userinfo" => bearer(seen).or_else(|| param(seen, "access_token")),
        "token_refresh" => param(seen, "refresh_token"),
        "introspect" | "revoke" => param(seen, "token"),
        _ => None,
    }
}

//! The facts of an exchange: what its bytes say, as one JSON value that rules are written over.
//!
//! Worked out when judging, so that newer rules can read an old journal. Secrets never enter it.

use diapason_core::{Exchange, ExchangeAnswer, Service};
use serde_json::{Map, Value, json};

use crate::http::Request;

/// Header values that are secrets; only their scheme or their length is kept.
const SECRET_HEADERS: [&str; 4] = [
    "authorization",
    "cookie",
    "set-cookie",
    "proxy-authorization",
];

/// Facts of an exchange.
pub fn facts(exchange: &Exchange, request: &[u8], answer: Option<&ExchangeAnswer>) -> Value {
    let parsed = Request::parse(request);
    let content_type = parsed.content_type();
    let mut all = json!({
        "service": exchange.service,
        "listener": exchange.listener,
        "operation": exchange.operation,
        "connection": exchange.connection,
        "at": exchange.received_at,
        "persona": exchange.persona,
        "tls": exchange.tls,
        "http": {
            "method": parsed.method,
            "path": parsed.path,
            "query": pairs(&parsed.query_pairs()),
            "headers": headers(&parsed),
            "content_type": content_type,
            "body_len": parsed.body.len(),
            "malformed": exchange.malformed.as_ref().or(parsed.malformed.as_ref()),
        },
        "body": { "utf8": std::str::from_utf8(&parsed.body).is_ok() },
        "answer": {
            "status": answer.and_then(|a| a.status),
            "outcome": answer.map(|a| a.outcome.as_str()),
            "fault": answer.and_then(|a| a.fault.as_ref()),
            "delivery": answer.and_then(|a| a.delivery.as_deref()),
        },
    });
    let own = match exchange.service {
        Service::Insi => Some((
            "insi",
            crate::insi::facts(
                &parsed.body,
                content_type.as_ref(),
                exchange.received_at,
                exchange
                    .tls
                    .as_ref()
                    .and_then(|t| t.client_certificate.as_ref()),
            ),
        )),
        Service::Psc => Some(("psc", crate::psc::facts(exchange, &parsed))),
        Service::Dmp => Some(("dmp", crate::dmp::facts(exchange, &parsed))),
        Service::Pki => None,
    };
    if let (Some((name, value)), Value::Object(map)) = (own, &mut all) {
        map.insert(name.to_owned(), value);
    }
    all
}

fn pairs(pairs: &[(String, String)]) -> Value {
    let mut map = Map::new();
    for (name, value) in pairs {
        let value = if crate::psc::SECRET_PARAMETERS.contains(&name.as_str()) {
            json!({ "len": value.len() })
        } else {
            json!(value)
        };
        map.entry(name.clone()).or_insert(value);
    }
    Value::Object(map)
}

fn headers(request: &Request) -> Value {
    let mut map = Map::new();
    for (name, value) in &request.headers {
        let shown = if SECRET_HEADERS.contains(&name.as_str()) {
            let scheme = value.split_whitespace().next().unwrap_or_default();
            let scheme = if name == "authorization" { scheme } else { "" };
            json!(format!("{scheme} ({} characters)", value.len()).trim_start())
        } else {
            json!(value)
        };
        map.insert(name.clone(), shown);
    }
    Value::Object(map)
}

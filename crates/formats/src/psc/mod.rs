//! Pro Santé Connect messages: what a request of the client says, as facts.
//!
//! Secrets (codes, tokens, client secret) never enter the facts: only their length does.

mod looks;
mod params;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use diapason_core::Exchange;
use serde_json::{Map, Value, json};

pub use looks::{Looks, personal_data};
pub use params::{Params, SECRET_PARAMETERS};

use crate::http::Request;
use crate::jwt;

/// Parameters each operation may carry; anything else is listed in `unknown_params`.
const KNOWN: &[(&str, &[&str])] = &[
    (
        "authorize",
        &[
            "response_type",
            "client_id",
            "redirect_uri",
            "scope",
            "acr_values",
            "state",
            "nonce",
            "code_challenge",
            "code_challenge_method",
            "kc_idp_hint",
            "prompt",
            "max_age",
            "ui_locales",
            "login_hint",
            "response_mode",
            "display",
            "id_token_hint",
            "claims",
            "request",
            "request_uri",
        ],
    ),
    (
        "token_code",
        &["grant_type", "code", "redirect_uri", "code_verifier"],
    ),
    ("token_refresh", &["grant_type", "refresh_token", "scope"]),
    ("token_ciba", &["grant_type", "auth_req_id"]),
    (
        "ciba",
        &[
            "scope",
            "acr_values",
            "login_hint",
            "login_hint_token",
            "id_token_hint",
            "binding_message",
            "channel",
            "user_code",
            "requested_expiry",
            "request",
            "client_notification_token",
        ],
    ),
    ("userinfo", &["access_token"]),
    ("introspect", &["token", "token_type_hint"]),
    ("revoke", &["token", "token_type_hint"]),
    (
        "logout",
        &[
            "id_token_hint",
            "post_logout_redirect_uri",
            "state",
            "ui_locales",
            "logout_hint",
        ],
    ),
];

/// Client authentication parameters, allowed wherever a client authenticates.
const CLIENT_PARAMETERS: [&str; 4] = [
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
];

/// Facts of a PSC request.
pub fn facts(exchange: &Exchange, request: &Request) -> Value {
    let params = Params::of(request);
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    let get = |name: &str| params.get(name);
    let scheme = header("authorization")
        .and_then(|v| v.split_whitespace().next())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let certificate = exchange
        .tls
        .as_ref()
        .and_then(|t| t.client_certificate.as_ref());
    let basic = header("authorization").and_then(basic_user);
    let assertion = get("client_assertion").map(|a| jwt::assertion_facts(a, exchange.received_at));
    let methods = client_auth_methods(&params, &scheme, certificate.is_some());
    let redirect_uri = get("redirect_uri");
    let challenge = get("code_challenge");

    let mut all = Map::new();
    let mut put = |name: &str, value: Value| {
        all.insert(name.to_owned(), value);
    };
    put("params", params.redacted());
    put("params_in", json!(params.place()));
    put("duplicate_params", json!(params.duplicates()));
    put(
        "unknown_params",
        json!(unknown(&exchange.operation, &params)),
    );
    put("token_in_query", json!(params.token_in_query()));
    put("secret_in_query", json!(params.secret_in_query()));
    put("personal_in_query", params.personal_in_query());
    put("response_type", json!(get("response_type")));
    put("response_mode", json!(get("response_mode")));
    put(
        "scopes",
        json!(
            get("scope")
                .unwrap_or_default()
                .split_whitespace()
                .collect::<Vec<_>>()
        ),
    );
    put("acr_values", json!(get("acr_values")));
    put("acr", json!(get("acr")));
    put("prompt", json!(get("prompt")));
    put("redirect_uri", json!(redirect_uri));
    put(
        "redirect_uri_https",
        json!(redirect_uri.is_some_and(|u| u.starts_with("https://"))),
    );
    put(
        "redirect_uri_loopback",
        json!(redirect_uri.is_some_and(looks::is_loopback)),
    );
    put(
        "client_id",
        json!(
            get("client_id")
                .map(str::to_owned)
                .or_else(|| basic.clone())
                .or_else(|| {
                    assertion
                        .as_ref()
                        .and_then(|a| a["iss"].as_str())
                        .map(str::to_owned)
                })
        ),
    );
    put("state", get("state").map_or(Value::Null, looks::opaque));
    put(
        "nonce",
        get("nonce").map_or(Value::Null, |nonce| {
            let mut value = looks::opaque(nonce);
            value["equals_state"] = json!(get("state") == Some(nonce));
            value
        }),
    );
    put(
        "pkce",
        challenge.map_or(Value::Null, |c| {
            json!({
                // RFC 7636: plain is what an absent method means.
                "method": get("code_challenge_method").unwrap_or("plain"),
                "challenge_len": c.len(),
                "challenge_valid": looks::is_pkce_text(c),
            })
        }),
    );
    put(
        "verifier",
        get("code_verifier").map_or(
            Value::Null,
            |v| json!({ "len": v.len(), "valid": looks::is_pkce_text(v) }),
        ),
    );
    put("grant_type", json!(get("grant_type")));
    put(
        "client_auth",
        json!(methods.first().copied().unwrap_or("none")),
    );
    put("client_auth_methods", json!(methods));
    put("client_certificate", json!(certificate.is_some()));
    put("bearer", json!(scheme == "bearer"));
    put(
        "form",
        json!(
            request
                .content_type()
                .is_some_and(|t| t.essence == "application/x-www-form-urlencoded")
        ),
    );
    put(
        "id_token_hint",
        json!(get("id_token_hint").is_some_and(|h| !h.is_empty())),
    );
    for name in [
        "post_logout_redirect_uri",
        "login_hint",
        "binding_message",
        "channel",
    ] {
        put(name, json!(get(name)));
    }
    put("login_hint_looks", json!(get("login_hint").map(Looks::of)));
    put("origin", json!(header("origin")));
    put("sec_fetch_mode", json!(header("sec-fetch-mode")));
    put("sec_fetch_dest", json!(header("sec-fetch-dest")));
    put("user_agent", json!(header("user-agent")));
    put(
        "webview",
        json!(header("user-agent").is_some_and(looks::is_webview)),
    );
    put("accept", json!(header("accept")));
    put(
        "accept_json",
        json!(header("accept").is_none_or(|a| {
            ["application/json", "*/*", "application/*"]
                .iter()
                .any(|t| a.contains(t))
        })),
    );
    put("assertion", assertion.unwrap_or(Value::Null));
    Value::Object(all)
}

/// How the client says who it is; a secret or an assertion outranks a certificate, which
/// a client may show on every connection.
fn client_auth_methods(params: &Params, scheme: &str, certificate: bool) -> Vec<&'static str> {
    let mut methods = Vec::new();
    if scheme == "basic" {
        methods.push("basic");
    }
    if params.get("client_secret").is_some() {
        methods.push("post");
    }
    if params.get("client_assertion").is_some() {
        methods.push("private_key_jwt");
    }
    if certificate {
        methods.push("mtls");
    }
    methods
}

fn unknown(operation: &str, params: &Params) -> Vec<String> {
    let Some((_, known)) = KNOWN.iter().find(|(name, _)| *name == operation) else {
        return Vec::new();
    };
    params
        .names()
        .filter(|n| !known.contains(n) && !CLIENT_PARAMETERS.contains(n))
        .map(str::to_owned)
        .collect()
}

/// User of a `Basic` authorization, form-decoded as RFC 6749 2.3.1 wants.
fn basic_user(value: &str) -> Option<String> {
    let (scheme, rest) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (user, _) = text.split_once(':')?;
    // A user never holds a bare `=` or `&`, so that one pair comes back.
    form_urlencoded::parse(format!("u={user}").as_bytes())
        .next()
        .map(|(_, v)| v.into_owned())
}

#[cfg(test)]
mod tests;

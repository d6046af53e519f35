//! Discovery document, key set, and the answer to paths that do not exist.

use serde_json::{Map, Value, json};

use crate::faults::Play;
use crate::keys;
use crate::provider::{ATTACKER_PATH, Call, Provider};
use crate::reply::json_reply;
use crate::state::State;

/// Scopes PSC advertises.
pub(crate) const SCOPES: [&str; 20] = [
    "openid",
    "microprofile-jwt",
    "rpps",
    "referentiel",
    "web-origins",
    "basic",
    "identity",
    "acr",
    "offline_access",
    "eidas1",
    "profile",
    "roles",
    "email",
    "scope_all",
    "phone",
    "interop",
    "scope_1",
    "address",
    "scope_2",
    "eidas2",
];

const SIGNING: [&str; 13] = [
    "PS384", "RS384", "EdDSA", "ES384", "HS256", "HS512", "ES256", "RS256", "HS384", "ES512",
    "PS256", "PS512", "RS512",
];
const ASYMMETRIC: [&str; 10] = [
    "PS384", "RS384", "EdDSA", "ES384", "ES256", "RS256", "ES512", "PS256", "PS512", "RS512",
];
const ENCRYPTION: [&str; 3] = ["RSA-OAEP", "RSA-OAEP-256", "RSA1_5"];
const CONTENT: [&str; 6] = [
    "A256GCM",
    "A192GCM",
    "A128GCM",
    "A128CBC-HS256",
    "A192CBC-HS384",
    "A256CBC-HS512",
];
const AUTH_METHODS: [&str; 5] = [
    "private_key_jwt",
    "client_secret_basic",
    "client_secret_post",
    "tls_client_auth",
    "client_secret_jwt",
];

fn endpoints(call: &Call<'_>) -> Value {
    let realm = |path: &str| call.endpoints.realm_url(path);
    let at = |path: &str| realm(&format!("/protocol/openid-connect{path}"));
    json!({
        "issuer": call.endpoints.issuer,
        "authorization_endpoint": format!("{}/auth", call.endpoints.wallet),
        "token_endpoint": at("/token"),
        "introspection_endpoint": at("/token/introspect"),
        "userinfo_endpoint": at("/userinfo"),
        "end_session_endpoint": at("/logout"),
        "jwks_uri": at("/certs"),
        "check_session_iframe": at("/login-status-iframe.html"),
        "registration_endpoint": realm("/clients-registrations/openid-connect"),
        "revocation_endpoint": at("/revoke"),
        "device_authorization_endpoint": at("/auth/device"),
        "backchannel_authentication_endpoint": at("/ext/ciba/auth"),
        "pushed_authorization_request_endpoint": at("/ext/par/request"),
        "mtls_endpoint_aliases": {
            "token_endpoint": at("/token"),
            "revocation_endpoint": at("/revoke"),
            "introspection_endpoint": at("/token/introspect"),
            "device_authorization_endpoint": at("/auth/device"),
            "registration_endpoint": realm("/clients-registrations/openid-connect"),
            "userinfo_endpoint": at("/userinfo"),
            "pushed_authorization_request_endpoint": at("/ext/par/request"),
            "backchannel_authentication_endpoint": at("/ext/ciba/auth"),
        },
    })
}

fn algorithms() -> Value {
    let with_none: Vec<&str> = SIGNING.iter().copied().chain(["none"]).collect();
    let mut all = Map::new();
    for what in ["id_token", "userinfo", "request_object", "authorization"] {
        let signing = match what {
            "userinfo" | "request_object" => json!(with_none),
            _ => json!(SIGNING),
        };
        all.insert(format!("{what}_signing_alg_values_supported"), signing);
        all.insert(
            format!("{what}_encryption_alg_values_supported"),
            json!(ENCRYPTION),
        );
        all.insert(
            format!("{what}_encryption_enc_values_supported"),
            json!(CONTENT),
        );
    }
    for what in ["token", "introspection", "revocation"] {
        all.insert(
            format!("{what}_endpoint_auth_methods_supported"),
            json!(AUTH_METHODS),
        );
        all.insert(
            format!("{what}_endpoint_auth_signing_alg_values_supported"),
            json!(SIGNING),
        );
    }
    all.insert(
        "backchannel_authentication_request_signing_alg_values_supported".to_owned(),
        json!(ASYMMETRIC),
    );
    Value::Object(all)
}

fn capabilities() -> Value {
    json!({
        "grant_types_supported": [
            "authorization_code", "implicit", "refresh_token", "password", "client_credentials",
            "urn:openid:params:grant-type:ciba", "urn:ietf:params:oauth:grant-type:device_code",
        ],
        // The value PSC publishes: useless to a client.
        "acr_values_supported": ["0", "0"],
        "response_types_supported": [
            "code", "none", "id_token", "token", "id_token token", "code id_token", "code token",
            "code id_token token",
        ],
        "response_modes_supported": [
            "query", "fragment", "form_post", "query.jwt", "fragment.jwt", "form_post.jwt", "jwt",
        ],
        "subject_types_supported": ["public", "pairwise"],
        "claims_supported": [
            "aud", "sub", "iss", "auth_time", "name", "given_name", "family_name",
            "preferred_username", "email", "acr",
        ],
        "claim_types_supported": ["normal"],
        "claims_parameter_supported": true,
        "scopes_supported": SCOPES,
        "request_parameter_supported": true,
        "request_uri_parameter_supported": true,
        "require_request_uri_registration": true,
        "code_challenge_methods_supported": ["plain", "S256"],
        "tls_client_certificate_bound_access_tokens": true,
        "frontchannel_logout_supported": true,
        "frontchannel_logout_session_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "backchannel_token_delivery_modes_supported": ["poll", "ping"],
        "require_pushed_authorization_requests": false,
    })
}

impl Provider {
    /// The document PSC publishes: it promises much more than the service really offers.
    pub(crate) fn discovery_document(&self, call: &Call<'_>) -> Value {
        let mut document = Map::new();
        for part in [endpoints(call), algorithms(), capabilities()] {
            if let Value::Object(members) = part {
                document.extend(members);
            }
        }
        if self.config.switches.callback_iss {
            document.insert(
                "authorization_response_iss_parameter_supported".to_owned(),
                json!(true),
            );
        }
        Value::Object(document)
    }

    pub(crate) fn discovery(&self, call: &Call<'_>, play: &Play) -> crate::Reply {
        let mut document = self.discovery_document(call);
        match play.name() {
            "DISCOVERY-ISSUER" => document["issuer"] = json!(play.text("iss")),
            "DISCOVERY-NO-ISS-PARAMETER" => {
                if let Value::Object(map) = &mut document {
                    map.remove("authorization_response_iss_parameter_supported");
                }
            }
            _ => {}
        }
        let standard = call.request.path.ends_with("/openid-configuration");
        json_reply(200, &document).outcome(if standard { "ok_standard_path" } else { "ok" })
    }

    pub(crate) fn jwks(state: &State, play: &Play) -> crate::Reply {
        let mut set = state.keys.jwks();
        if let Some(all) = set["keys"].as_array_mut() {
            match play.name() {
                "JWKS-ENC-FIRST" => all.sort_by_key(|k| k["use"] != "enc"),
                "JWKS-TWO-SIGNING" => all.insert(0, keys::decoy().jwk("sig", "RS256")),
                "JWKS-NO-KID" => {
                    for key in all.iter_mut().filter_map(Value::as_object_mut) {
                        key.remove("kid");
                    }
                }
                _ => {}
            }
        }
        let mut reply = json_reply(200, &set).outcome("ok");
        reply.headers.retain(|(n, _)| n == "Content-Type");
        reply
            .headers
            .push(("Cache-Control".to_owned(), "no-cache".to_owned()));
        reply
    }

    /// As Keycloak answers what it does not have. The attacker's addresses, named only by faults, answer
    /// so that a client that trusts them goes all the way.
    pub(crate) fn unknown(call: &Call<'_>) -> crate::Reply {
        let path = call.request.path.as_str();
        if call.request.listener == "auth"
            && let Some(rest) = path.strip_prefix(ATTACKER_PATH)
        {
            let key = keys::attacker();
            let reply = match rest {
                "/jwks.json" => json_reply(200, &json!({ "keys": [key.jwk("sig", "RS256")] })),
                "/certificat.pem" => {
                    crate::Reply::new(200, "application/x-pem-file", key.certificate_pem())
                }
                _ => json_reply(200, &json!({})),
            };
            return reply.outcome("attacker");
        }
        let realms = "/auth/realms/";
        let message = if path.starts_with(realms) && !path.starts_with(&call.endpoints.realm) {
            "no such realm"
        } else {
            "no resource at this path"
        };
        json_reply(404, &json!({ "error": message })).outcome("not_found")
    }
}

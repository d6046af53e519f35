//! Tokens as PSC makes them: access (RS256), refresh (HS256, opaque to clients), and the token response.
//! The ID token is in `id_token`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use diapason_core::Sha256Hex;
use ring::hmac;
use serde_json::{Map, Value, json};

use crate::config::{Profile, lifetime};
use crate::faults::Play;
use crate::id_token;
use crate::professional::Professional;
use crate::provider::{Call, Provider};
use crate::state::{Access, Grant, Refresh, Session, State};

/// What is to be issued.
pub(crate) struct Issue<'a> {
    pub(crate) grant: Grant,
    pub(crate) play: &'a Play,
    /// The refresh token that was presented, when this is a refresh.
    pub(crate) refreshed: Option<&'a str>,
}

/// Base64url of a JSON value.
pub(crate) fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// HS256 over a signing input.
pub(crate) fn hs256(secret: &[u8], input: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes())
        .as_ref()
        .to_vec()
}

/// A compact token signed by the provider's key.
pub(crate) fn signed(state: &State, header: &Value, claims: &Value) -> String {
    let input = format!("{}.{}", part(header), part(claims));
    let signature = state.keys.signing().sign(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The header of every token PSC signs.
pub(crate) fn header(state: &State) -> Value {
    json!({ "alg": "RS256", "typ": "JWT", "kid": state.keys.signing().kid })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The certificate binding as ANS writes it: standard base64 of the hexadecimal digest, where RFC 8705
/// wants base64url of the digest itself.
pub(crate) fn cnf_quirk(digest: &Sha256Hex) -> String {
    STANDARD.encode(digest.as_str())
}

impl Provider {
    fn access_claims(
        &self,
        state: &mut State,
        call: &Call<'_>,
        grant: &Grant,
        session: &Session,
        person: &Professional,
        bound_to: Option<&Sha256Hex>,
    ) -> Map<String, Value> {
        let old = self.config.profile == Profile::Bas2023;
        let id = state.uuid();
        let mut claims = object(json!({
            "exp": call.now + lifetime::ACCESS,
            "iat": call.now,
            "auth_time": session.auth_time,
            "jti": if old { id } else { format!("onrtac:{id}") },
            "iss": call.endpoints.issuer,
            "sub": session.sub,
            "typ": "Bearer",
            "azp": grant.client_id,
        }));
        let mut put = |name: &str, value: Value| {
            claims.insert(name.to_owned(), value);
        };
        if let Some(nonce) = grant.nonce.as_ref().filter(|_| !old) {
            put("nonce", json!(nonce));
        }
        put("sid", json!(grant.sid));
        put("session_state", json!(grant.sid));
        put("acr", json!("eidas1"));
        if !old {
            put("auth_level", json!("1"));
        }
        put("scope", json!(grant.scope));
        put("authMode", json!(session.channel));
        put("preferred_username", json!(person.identifiant_national));
        if !old {
            put("SubjectNameID", json!(person.identifiant_national));
            put("PSISubjectNameID", json!(person.psi));
        }
        put("otherIds", person.other_ids());
        if let Some(digest) = bound_to {
            put("cnf", json!({ "x5t#S256": cnf_quirk(digest) }));
        }
        claims
    }

    fn refresh_token(
        state: &mut State,
        call: &Call<'_>,
        grant: &Grant,
        session: &Session,
        bound_to: Option<&Sha256Hex>,
    ) -> (String, i64) {
        // The chain never outlives the SSO.
        let life = lifetime::REFRESH
            .min(session.auth_time + lifetime::SSO_MAX - call.now)
            .max(0);
        let jti = state.uuid();
        let claims = json!({
            "exp": call.now + life,
            "iat": call.now,
            "jti": jti,
            "iss": call.endpoints.issuer,
            "aud": call.endpoints.issuer,
            "sub": session.sub,
            "typ": "Refresh",
            "azp": grant.client_id,
            "sid": grant.sid,
            "session_state": grant.sid,
            "scope": grant.scope,
        });
        let header = json!({ "alg": "HS256", "typ": "JWT", "kid": "esante-wallet-refresh" });
        let input = format!("{}.{}", part(&header), part(&claims));
        let signature = hs256(&state.refresh_secret, &input);
        let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
        state.refresh.insert(
            Sha256Hex::of(token.as_bytes()),
            Refresh {
                grant: grant.clone(),
                claims: object(claims),
                expires_at: call.now + life,
                used: false,
                revoked: false,
                bound_to: bound_to.cloned(),
            },
        );
        (token, life)
    }

    /// Issues the tokens and composes the response, one deviation at most.
    pub(crate) fn issue(
        &self,
        state: &mut State,
        call: &Call<'_>,
        issue: &Issue<'_>,
        bound_to: Option<&Sha256Hex>,
    ) -> (Value, BTreeMap<String, Sha256Hex>) {
        let mut grant = issue.grant.clone();
        if issue.play.is("CIBA-OTHER-PERSON")
            && let Some(other) = self.person_named(&issue.play.text("persona"))
        {
            let sub = other.sub(self.config.profile);
            grant.sid = state.open_session(&other.id, sub, "CARD", false, call.now);
        }
        if issue.play.is("ROTATE-BEFORE-SIGNING") {
            // A failure leaves the old key, which is a right one.
            let _ = state.keys.rotate();
        }
        let Some(session) = state.sessions.get(&grant.sid).cloned() else {
            return (json!({ "error": "server_error" }), BTreeMap::new());
        };
        let Some(person) = self.person(&session.persona) else {
            return (json!({ "error": "server_error" }), BTreeMap::new());
        };
        let claims = self.access_claims(state, call, &grant, &session, person, bound_to);
        let access = signed(state, &header(state), &Value::Object(claims.clone()));
        state.access.insert(
            Sha256Hex::of(access.as_bytes()),
            Access {
                grant: grant.clone(),
                claims,
                expires_at: call.now + lifetime::ACCESS,
                revoked: false,
                bound_to: bound_to.cloned(),
            },
        );
        let keep = issue
            .refreshed
            .filter(|_| issue.play.is("REFRESH-SAME-TOKEN") || !self.config.switches.refresh_once);
        let (refresh, refresh_life) = match keep {
            Some(same) => (same.to_owned(), lifetime::REFRESH),
            None => Self::refresh_token(state, call, &grant, &session, bound_to),
        };
        let subject = id_token::Subject {
            grant: &grant,
            session: &session,
            person,
            access: &access,
        };
        let id_token = grant
            .scope
            .split_whitespace()
            .any(|s| s == "openid")
            .then(|| self.id_token(state, call, &subject, issue.play));

        let mut body = object(json!({
            "access_token": access,
            "expires_in": lifetime::ACCESS,
            "refresh_expires_in": refresh_life,
            "refresh_token": refresh,
            "token_type": "Bearer",
        }));
        if let Some(id_token) = &id_token {
            body.insert("id_token".to_owned(), json!(id_token));
        }
        body.insert("not-before-policy".to_owned(), json!(0));
        body.insert("session_state".to_owned(), json!(grant.sid));
        body.insert("scope".to_owned(), json!(grant.scope));
        deviate(&mut body, issue.play);

        let issued = ["access_token", "refresh_token", "id_token"]
            .into_iter()
            .filter_map(|kind| {
                let text = body.get(kind)?.as_str()?;
                Some((kind.to_owned(), Sha256Hex::of(text.as_bytes())))
            })
            .collect();
        (Value::Object(body), issued)
    }
}

/// Faults of the response's own members.
fn deviate(body: &mut Map<String, Value>, play: &Play) {
    let mut set = |name: &str, value: Value| {
        body.insert(name.to_owned(), value);
    };
    match play.name() {
        "TOKEN-TYPE-MAC" => set("token_type", json!("mac")),
        "TOKEN-TYPE-LOWER" => set("token_type", json!("bearer")),
        "TOKEN-EXTRA" => {
            set("diapason_inconnu", json!({ "a": [1, null] }));
            set("issued_token_type", json!("urn:diapason:inconnu"));
        }
        "NO-IDTOKEN" | "REFRESH-NO-IDTOKEN" => drop(body.remove("id_token")),
        "NO-ACCESS-TOKEN" => drop(body.remove("access_token")),
        "NO-EXPIRES-IN" => drop(body.remove("expires_in")),
        "NO-SCOPE" => drop(body.remove("scope")),
        "NO-REFRESH-TOKEN" => {
            body.remove("refresh_token");
            body.remove("refresh_expires_in");
        }
        "IDTOKEN-IS-ACCESS" => {
            if let Some(access) = body.get("access_token").cloned() {
                body.insert("id_token".to_owned(), access);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_binding_has_the_length_ans_gives_it() {
        assert_eq!(cnf_quirk(&Sha256Hex::of(b"der")).len(), 88);
    }
}

//! Introspection (RFC 7662) and revocation (RFC 7009).

use diapason_core::Sha256Hex;
use diapason_mock_common::http::Reply;
use serde_json::{Map, Value, json};

use crate::provider::{Call, Provider};
use crate::reply::{json_reply, oauth_error};
use crate::state::State;
use crate::token::revoke_of_session;

impl Provider {
    /// Says whether an access or refresh token is alive, and what it holds.
    pub(crate) fn introspect(&self, state: &mut State, call: &Call<'_>) -> Reply {
        if let Err(reply) = self.authenticate(state, call) {
            return *reply;
        }
        let Some(token) = call.input.form("token") else {
            return oauth_error(400, "invalid_request", "token is missing");
        };
        let found = state
            .live_access(token, call.now)
            .map(|(a, s)| (a.claims.clone(), &a.grant, s, true))
            .or_else(|| {
                let (refresh, session) = state.live_refresh(token, call.now)?;
                Some((refresh.claims.clone(), &refresh.grant, session, false))
            });
        let Some((mut claims, grant, session, access)) = found else {
            return json_reply(200, &json!({ "active": false })).outcome("inactive");
        };
        let person = self.person(&session.persona);
        let mut put = |name: &str, value: Value| {
            claims.entry(name.to_owned()).or_insert(value);
        };
        if let Some(person) = person {
            put("preferred_username", json!(person.identifiant_national));
            put("username", json!(person.identifiant_national));
            put("otherIds", person.other_ids());
            if access {
                put("SubjectNameID", json!(person.identifiant_national));
            }
        }
        put("auth_time", json!(session.auth_time));
        put("acr", json!("eidas1"));
        put("authMode", json!(session.channel));
        put("email_verified", json!(false));
        put("client_id", json!(grant.client_id));
        let mut body = Map::new();
        body.insert("active".to_owned(), json!(true));
        body.extend(claims);
        json_reply(200, &Value::Object(body)).outcome("active")
    }

    /// Revokes a token; a refresh token takes its whole chain with it. Unknown tokens are no error.
    pub(crate) fn revoke(&self, state: &mut State, call: &Call<'_>) -> Reply {
        let client = match self.authenticate(state, call) {
            Ok(client) => client.client_id.clone(),
            Err(reply) => return *reply,
        };
        let Some(token) = call.input.form("token") else {
            return oauth_error(400, "invalid_request", "token is missing");
        };
        let digest = Sha256Hex::of(token.as_bytes());
        let chain = state
            .refresh
            .get(&digest)
            .filter(|r| r.grant.client_id == client)
            .map(|r| r.grant.sid.clone());
        let mut outcome = "nothing_to_revoke";
        if let Some(sid) = chain {
            revoke_of_session(state, &sid, &client);
            outcome = "ok";
        } else if let Some(access) = state
            .access
            .get_mut(&digest)
            .filter(|a| a.grant.client_id == client)
        {
            access.revoked = true;
            outcome = "ok";
        }
        Reply {
            status: 200,
            ..Reply::default()
        }
        .outcome(outcome)
    }
}

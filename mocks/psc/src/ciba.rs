//! CIBA, poll mode: the authentication request and the polls.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diapason_core::Sha256Hex;
use diapason_core::scenario::PscDecision;
use diapason_mock_common::http::Reply;
use serde_json::json;

use crate::config::lifetime;
use crate::discovery::SCOPES;
use crate::faults::Play;
use crate::provider::{Call, Provider};
use crate::reply::{json_reply, oauth_error};
use crate::state::{Ciba, CibaState, Grant, State};
use crate::tokens::Issue;

/// How early a poll may come and still count as on time, milliseconds.
const EARLY_MS: i64 = 100;
/// What `slow_down` adds to the interval, milliseconds.
const SLOW_DOWN_MS: i64 = 5000;

impl Provider {
    /// The authentication request. Checks in the order of Keycloak.
    pub(crate) fn ciba(&self, state: &mut State, call: &Call<'_>, play: &Play) -> Reply {
        let client = match self.authenticate(state, call) {
            Ok(client) => client.clone(),
            Err(reply) => return *reply,
        };
        if !client.ciba {
            return oauth_error(401, "invalid_grant", "CIBA is not open to this client")
                .outcome("ciba_not_allowed");
        }
        let Some(login_hint) = call.input.form("login_hint") else {
            return oauth_error(400, "invalid_request", "login_hint is missing");
        };
        let Some(scope) = call.input.form("scope") else {
            return oauth_error(400, "invalid_request", "scope is missing");
        };
        let person = self
            .people
            .iter()
            .find(|p| p.professionnel_de_sante && p.identifiant_national == login_hint);
        let Some(person) = person else {
            return oauth_error(400, "invalid_request", "invalid_user").outcome("unknown_user");
        };
        if let Some(unknown) = scope.split_whitespace().find(|s| !SCOPES.contains(s)) {
            return oauth_error(400, "invalid_scope", &format!("unknown scope: {unknown}"));
        }
        let mut interval = lifetime::CIBA_INTERVAL;
        if play.is("CIBA-INTERVAL") {
            interval = play.number("seconds");
        }
        let id = request_id(state, play);
        state.ciba.insert(
            id.clone(),
            Ciba {
                client_id: client.client_id,
                persona: person.id.clone(),
                scope: scope.to_owned(),
                channel: call.input.form("channel").unwrap_or("CARD").to_owned(),
                binding_message: call
                    .input
                    .form("binding_message")
                    .unwrap_or_default()
                    .to_owned(),
                issued_at: call.now,
                interval_ms: interval * 1000,
                last_poll_ms: None,
                state: CibaState::Pending,
            },
        );
        let mut body =
            json!({ "auth_req_id": id, "expires_in": lifetime::CIBA, "interval": interval });
        let gone = match play.name() {
            "CIBA-NO-AUTH-REQ-ID" => "auth_req_id",
            "CIBA-NO-EXPIRES-IN" => "expires_in",
            "CIBA-NO-INTERVAL" => "interval",
            _ => "",
        };
        if let Some(members) = body.as_object_mut() {
            members.remove(gone);
        }
        let mut reply = json_reply(200, &body).outcome("ok");
        reply
            .issued
            .insert("auth_req_id".to_owned(), Sha256Hex::of(id.as_bytes()));
        reply
    }

    /// `grant_type=urn:openid:params:grant-type:ciba`.
    pub(crate) fn token_ciba(&self, state: &mut State, call: &Call<'_>, play: &Play) -> Reply {
        let client = match self.authenticate(state, call) {
            Ok(client) => client.clone(),
            Err(reply) => return *reply,
        };
        let Some(id) = call.input.form("auth_req_id") else {
            return oauth_error(400, "invalid_request", "auth_req_id is missing");
        };
        let user = state.user.clone();
        let Some(request) = state.ciba.get_mut(id) else {
            return oauth_error(400, "invalid_grant", "unknown auth_req_id");
        };
        if !client.ciba || request.client_id != client.client_id {
            return oauth_error(400, "invalid_grant", "auth_req_id of another client");
        }
        if request.state == CibaState::Consumed {
            return oauth_error(400, "invalid_grant", "auth_req_id already used");
        }
        if call.now - request.issued_at >= lifetime::CIBA {
            return oauth_error(400, "expired_token", "the request has expired");
        }
        let early = request
            .last_poll_ms
            .is_some_and(|last| call.now_ms - last < request.interval_ms - EARLY_MS);
        request.last_poll_ms = Some(call.now_ms);
        if early {
            request.interval_ms += SLOW_DOWN_MS;
            return oauth_error(400, "slow_down", "polls are too close together");
        }
        // The armed user holds the device only if the request is for him.
        let decision = user
            .filter(|u| u.persona == request.persona)
            .map(|u| u.decision);
        match (request.state, decision) {
            (CibaState::Refused, _) | (CibaState::Pending, Some(PscDecision::Refuse)) => {
                request.state = CibaState::Consumed;
                return oauth_error(400, "access_denied", "the user refused");
            }
            (CibaState::Approved, _) | (CibaState::Pending, Some(PscDecision::Approve)) => {
                request.state = CibaState::Consumed;
            }
            _ => {
                return oauth_error(
                    400,
                    "authorization_pending",
                    "the user has not answered yet",
                );
            }
        }
        let request = request.clone();
        let Some(person) = self.person(&request.persona) else {
            return oauth_error(400, "invalid_grant", "unknown user");
        };
        let sub = person.sub(self.config.profile);
        let sid = state.open_session(&request.persona, sub, &request.channel, false, call.now);
        let grant = Grant {
            client_id: request.client_id,
            sid,
            scope: request.scope,
            nonce: None,
        };
        self.respond(
            state,
            call,
            &Issue {
                grant,
                play,
                refreshed: None,
            },
        )
    }
}

/// Five parts like an encrypted token; nobody outside can read it, nor should try.
fn request_id(state: &mut State, play: &Play) -> String {
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"dir","enc":"A128CBC-HS256","cty":"JWT"}"#);
    let mut id = format!(
        "{head}..{}.{}.{}",
        state.opaque(16),
        state.opaque(320),
        state.opaque(16)
    );
    if play.is("CIBA-LONG-ID") {
        let length = usize::try_from(play.number("length"))
            .unwrap_or_default()
            .min(65_536);
        while id.len() < length {
            let more = state.opaque(64);
            id.push_str(&more);
        }
        id.truncate(length.max(64));
    }
    id
}

//! The token endpoint: code, refresh, and what it does not offer. CIBA polls are in `ciba`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diapason_core::Sha256Hex;
use diapason_mock_common::http::Reply;
use sha2::{Digest, Sha256};

use crate::config::Profile;
use crate::faults::Play;
use crate::provider::{Call, Provider};
use crate::reply::{json_reply, oauth_error};
use crate::state::State;
use crate::tokens::Issue;

/// The S256 challenge of a verifier.
pub(crate) fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

fn invalid_grant(problem: &str) -> Reply {
    oauth_error(400, "invalid_grant", problem)
}

impl Provider {
    /// `grant_type=authorization_code`.
    pub(crate) fn token_code(&self, state: &mut State, call: &Call<'_>, play: &Play) -> Reply {
        let client = match self.authenticate(state, call) {
            Ok(client) => client.client_id.clone(),
            Err(reply) => return *reply,
        };
        let Some(code) = call.input.form("code") else {
            return oauth_error(400, "invalid_request", "code is missing");
        };
        let Some(entry) = state.codes.get_mut(code) else {
            return invalid_grant("unknown code");
        };
        let already = entry.used;
        entry.used = true;
        let entry = entry.clone();
        if already {
            // A code presented twice is a stolen code: Keycloak ends what it gave (RFC 6749 4.1.2).
            revoke_of_session(state, &entry.grant.sid, &client);
            return invalid_grant("code already used").outcome("code_replayed");
        }
        if call.now - entry.issued_at >= self.config.switches.code_lifetime {
            return invalid_grant("code expired").outcome("code_expired");
        }
        if entry.grant.client_id != client {
            return invalid_grant("code issued to another client");
        }
        if call.input.form("redirect_uri") != Some(entry.redirect_uri.as_str()) {
            return invalid_grant("redirect_uri differs from the request")
                .outcome("redirect_uri_mismatch");
        }
        match (&entry.challenge, call.input.form("code_verifier")) {
            (None, None) => {}
            (None, Some(_)) => {
                return invalid_grant("unexpected code_verifier").outcome("pkce_unexpected");
            }
            (Some(_), None) => {
                return invalid_grant("code_verifier is missing").outcome("pkce_missing");
            }
            (Some(challenge), Some(verifier)) => {
                let shown = if challenge.s256 {
                    s256(verifier)
                } else {
                    verifier.to_owned()
                };
                if shown != challenge.value {
                    return invalid_grant("code_verifier does not match").outcome("pkce_mismatch");
                }
            }
        }
        if state
            .sessions
            .get(&entry.grant.sid)
            .is_none_or(|s| !s.alive(call.now))
        {
            return invalid_grant("session ended").outcome("session_ended");
        }
        self.respond(
            state,
            call,
            &Issue {
                grant: entry.grant,
                play,
                refreshed: None,
            },
        )
    }

    /// `grant_type=refresh_token`.
    pub(crate) fn token_refresh(&self, state: &mut State, call: &Call<'_>, play: &Play) -> Reply {
        let client = match self.authenticate(state, call) {
            Ok(client) => client.client_id.clone(),
            Err(reply) => return *reply,
        };
        let Some(token) = call.input.form("refresh_token") else {
            return oauth_error(400, "invalid_request", "refresh_token is missing");
        };
        let digest = Sha256Hex::of(token.as_bytes());
        let Some(entry) = state.refresh.get(&digest) else {
            return invalid_grant("unknown refresh token");
        };
        let grant = entry.grant.clone();
        if grant.client_id != client {
            return invalid_grant("token issued to another client");
        }
        if entry.used {
            revoke_of_session(state, &grant.sid, &client);
            return invalid_grant("refresh token already used").outcome("refresh_replayed");
        }
        if let Some(bound) = &entry.bound_to
            && certificate_digest(call) != Some(bound)
        {
            return invalid_grant("the certificate is not that of the token")
                .outcome("certificate_mismatch");
        }
        let ended = state.live_refresh(token, call.now).is_none();
        if ended {
            return invalid_grant("session ended or token expired").outcome("session_ended");
        }
        if self.config.switches.refresh_once
            && !play.is("REFRESH-SAME-TOKEN")
            && let Some(entry) = state.refresh.get_mut(&digest)
        {
            entry.used = true;
        }
        if let Some(session) = state.sessions.get_mut(&grant.sid) {
            session.last_seen = call.now;
        }
        self.respond(
            state,
            call,
            &Issue {
                grant,
                play,
                refreshed: Some(token),
            },
        )
    }

    /// Any other grant: advertised perhaps, but not open to this client.
    pub(crate) fn token_other(&self, state: &mut State, call: &Call<'_>) -> Reply {
        if let Err(reply) = self.authenticate(state, call) {
            return *reply;
        }
        match call.input.form("grant_type") {
            None => oauth_error(400, "invalid_request", "grant_type is missing"),
            Some(
                "password" | "client_credentials" | "urn:ietf:params:oauth:grant-type:device_code",
            ) => oauth_error(
                400,
                "unauthorized_client",
                "this grant is not open to this client",
            ),
            Some(_) => oauth_error(400, "unsupported_grant_type", "unknown grant_type"),
        }
    }

    /// The token response, with what the fault makes of it.
    pub(crate) fn respond(&self, state: &mut State, call: &Call<'_>, issue: &Issue<'_>) -> Reply {
        if issue.play.is("TOKEN-REDIRECT") {
            let wanted = issue.play.text("location");
            let location = if wanted.is_empty() {
                format!("{}/jetons", call.endpoints.attacker)
            } else {
                wanted
            };
            let mut reply = crate::reply::redirect(&location).outcome("redirected");
            reply.status = u16::try_from(issue.play.number("status")).unwrap_or(302);
            return reply;
        }
        let bound_to = (self.config.profile == Profile::Edc)
            .then(|| certificate_digest(call).cloned())
            .flatten();
        let (body, issued) = self.issue(state, call, issue, bound_to.as_ref());
        let mut reply = json_reply(200, &body).outcome("ok");
        reply.issued = issued;
        reply
    }
}

/// Digest of the certificate shown on this connection.
pub(crate) fn certificate_digest<'a>(call: &'a Call<'_>) -> Option<&'a Sha256Hex> {
    let tls = call.request.tls.as_ref()?;
    tls.client_certificate
        .as_ref()
        .filter(|c| c.trusted)
        .map(|c| &c.sha256)
}

/// Kills every token of a client within a session.
pub(crate) fn revoke_of_session(state: &mut State, sid: &str, client: &str) {
    for access in state.access.values_mut() {
        access.revoked |= access.grant.sid == sid && access.grant.client_id == client;
    }
    for refresh in state.refresh.values_mut() {
        refresh.revoked |= refresh.grant.sid == sid && refresh.grant.client_id == client;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_challenge_is_that_of_rfc_7636() {
        assert_eq!(
            super::s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}

//! The way back to the service: the code, or the error, and what faults make of them.

use diapason_core::{PersonaId, Sha256Hex};
use diapason_mock_common::http::Reply;

use crate::faults::Play;
use crate::pages;
use crate::professional::uuid_of;
use crate::provider::{Call, Provider, SSO_COOKIE};
use crate::reply::{encode, html, redirect, with_query};
use crate::state::{AuthRequest, Challenge, Code, Grant, ResponseMode, State};

/// How the user's part ended.
pub(crate) enum Ending<'a> {
    /// He authenticated just now.
    Login {
        persona: &'a PersonaId,
        channel: &'a str,
    },
    /// His SSO session was alive.
    Silent { sid: String },
    /// He refused, or PSC refused him.
    Error {
        error: &'a str,
        description: &'a str,
    },
}

impl Provider {
    /// The user's part is over: back to the service.
    pub(crate) fn finish(
        &self,
        state: &mut State,
        call: &Call<'_>,
        request: &AuthRequest,
        ending: &Ending<'_>,
    ) -> Reply {
        let play = self.take("callback", call);
        let reply = match ending {
            _ if matches!(play.name(), "CB-ERROR" | "CB-ERROR-HTML") => {
                let (error, description) = (play.text("error"), play.text("description"));
                let params = vec![
                    pair("error", &error),
                    pair("error_description", &description),
                ];
                self.send_back(call, request, params, &play, Some(state))
                    .outcome(error)
            }
            Ending::Error { error, description } => {
                let params = vec![pair("error", error), pair("error_description", description)];
                self.send_back(call, request, params, &play, Some(state))
                    .outcome(*error)
            }
            Ending::Login { persona, channel } => {
                let other = play.is("USER-OTHER").then(|| play.text("persona"));
                let person = other
                    .and_then(|id| self.person_named(&id))
                    .or_else(|| self.person(persona));
                let Some(person) = person else {
                    return html(400, pages::error("Personne inconnue du simulateur."))
                        .outcome("unknown_user");
                };
                let sub = person.sub(self.config.profile);
                let sid = state.open_session(&person.id, sub, channel, true, call.now);
                self.grant_code(state, call, request, &sid, &play, "code")
            }
            Ending::Silent { sid } => {
                let mut sid = sid.clone();
                if play.is("USER-OTHER")
                    && let Some(person) = self.person_named(&play.text("persona"))
                {
                    let sub = person.sub(self.config.profile);
                    sid = state.open_session(&person.id, sub, "CARD", true, call.now);
                }
                self.grant_code(state, call, request, &sid, &play, "code_sso")
            }
        };
        play.deliver(reply)
    }

    fn grant_code(
        &self,
        state: &mut State,
        call: &Call<'_>,
        request: &AuthRequest,
        sid: &str,
        play: &Play,
        outcome: &str,
    ) -> Reply {
        let mut cookie = None;
        if let Some(session) = state.sessions.get_mut(sid) {
            session.last_seen = call.now;
            cookie.clone_from(&session.cookie);
            if play.is("SUB-CHANGED") {
                session.sub = uuid_of(&format!("psc-sub-changed:{}", session.persona));
            }
        }
        let code = if play.is("CODE-OTHER") {
            self.code_of_someone_else(state, call, request, play)
        } else {
            new_code(
                state,
                call.now,
                request,
                sid,
                request.nonce.clone(),
                request.challenge.clone(),
            )
        };
        let mut params = Vec::new();
        if !play.is("CB-EXTRA") {
            params.push(pair("session_state", sid));
        }
        if !play.is("CB-NO-CODE") {
            params.push(pair("code", &code));
        }
        let mut reply = self
            .send_back(call, request, params, play, Some(state))
            .outcome(outcome);
        let mut issue = |kind: &str, value: &str| {
            reply
                .issued
                .insert(kind.to_owned(), Sha256Hex::of(value.as_bytes()));
        };
        issue("code", &code);
        if let Some(nonce) = &request.nonce {
            issue("nonce", nonce);
        }
        if let Some(cookie) = cookie {
            issue("sso", &cookie);
            reply.headers.push((
                "Set-Cookie".to_owned(),
                format!("{SSO_COOKIE}={cookie}; Path=/; Secure; HttpOnly; SameSite=Lax"),
            ));
        }
        reply
    }

    /// A code that PSC issued to someone else, who lays it in this user's callback.
    fn code_of_someone_else(
        &self,
        state: &mut State,
        call: &Call<'_>,
        request: &AuthRequest,
        play: &Play,
    ) -> String {
        let id = play.text("persona");
        let Some(person) = self.person_named(&id).or_else(|| self.people.first()) else {
            return state.opaque(32);
        };
        let (id, sub) = (person.id.clone(), person.sub(self.config.profile));
        let sid = state.open_session(&id, sub, "CARD", true, call.now);
        let nonce = request.nonce.as_ref().map(|_| state.opaque(32));
        let challenge = request.challenge.as_ref().map(|c| Challenge {
            s256: c.s256,
            value: state.opaque(32),
        });
        new_code(state, call.now, request, &sid, nonce, challenge)
    }

    /// Composes the way back: `state`, what is said, `iss`.
    pub(crate) fn send_back(
        &self,
        call: &Call<'_>,
        request: &AuthRequest,
        said: Vec<(String, String)>,
        play: &Play,
        state: Option<&mut State>,
    ) -> Reply {
        let mut params = Vec::new();
        let mut issued = None;
        if play.is("STATE-WRONG") {
            let other = state.map_or_else(|| "autre-state".to_owned(), |s| s.opaque(32));
            params.push(pair("state", &other));
        } else if let Some(value) = request.state.as_ref().filter(|_| !play.is("STATE-MISSING")) {
            issued = Some(Sha256Hex::of(value.as_bytes()));
            params.push(pair("state", value));
        }
        params.extend(said);
        if play.is("CB-EXTRA") {
            params.push(pair("parametre_inconnu", "diapason"));
            params.push(pair("session_locale", "fr"));
        }
        if play.is("CB-ISS-WRONG") {
            params.push(pair("iss", &play.text("iss")));
        } else if self.config.switches.callback_iss && !play.is("CB-ISS-MISSING") {
            params.push(pair("iss", &call.endpoints.issuer));
        }
        let mut reply = match request.response_mode {
            ResponseMode::Query => redirect(&with_query(&request.redirect_uri, &params)),
            ResponseMode::Fragment => {
                redirect(&format!("{}#{}", request.redirect_uri, encode(&params)))
            }
            ResponseMode::FormPost => {
                let mut reply = html(200, pages::form_post(&request.redirect_uri, &params));
                reply
                    .headers
                    .retain(|(n, _)| n != "Content-Security-Policy");
                reply
            }
        };
        if let Some(digest) = issued {
            reply.issued.insert("state".to_owned(), digest);
        }
        reply
    }
}

pub(crate) fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn new_code(
    state: &mut State,
    now: i64,
    request: &AuthRequest,
    sid: &str,
    nonce: Option<String>,
    challenge: Option<Challenge>,
) -> String {
    // Keycloak's layout: a random id, the session, the client.
    let code = format!(
        "{}.{sid}.{}",
        state.uuid(),
        uuid_of(&format!("psc-client:{}", request.client_id))
    );
    state.codes.insert(
        code.clone(),
        Code {
            grant: Grant {
                client_id: request.client_id.clone(),
                sid: sid.to_owned(),
                scope: request.scope.clone(),
                nonce,
            },
            redirect_uri: request.redirect_uri.clone(),
            challenge,
            issued_at: now,
            used: false,
        },
    );
    code
}

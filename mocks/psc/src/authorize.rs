//! The authorization endpoint and the login page: request checks in Keycloak's order, SSO, the user.
//! The way back is in `callback`.

use diapason_core::PersonaId;
use diapason_core::scenario::PscDecision;
use diapason_mock_common::http::Reply;

use crate::callback::{Ending, pair};
use crate::config::NonProfessional;
use crate::discovery::SCOPES;
use crate::faults::Play;
use crate::input::{self, Input};
use crate::pages;
use crate::provider::{Call, Provider, SSO_COOKIE};
use crate::reply::{html, json_reply, oauth_error};
use crate::state::{AuthRequest, Challenge, CibaState, ResponseMode, State};

/// Seconds a pushed request may wait.
const PUSHED_LIFETIME: i64 = 60;

impl Provider {
    /// `/auth` of the wallet.
    pub(crate) fn authorize(&self, state: &mut State, call: &Call<'_>) -> Reply {
        let input = match Self::unfold_pushed(state, call) {
            Ok(input) => input,
            Err(reply) => return *reply,
        };
        let request = match self.check(call, &input) {
            Ok(request) => request,
            Err(reply) => return *reply,
        };
        let prompt: Vec<&str> = input.any("prompt").unwrap_or_default().split(' ').collect();
        let max_age = input.any("max_age").and_then(|m| m.parse::<i64>().ok());
        let session = input::cookie(call.request, SSO_COOKIE)
            .and_then(|cookie| state.session_of_cookie(cookie, call.now))
            .filter(|(_, s)| max_age.is_none_or(|max| call.now - s.auth_time <= max))
            .filter(|_| !prompt.contains(&"login"))
            .map(|(sid, _)| sid.clone());
        if let Some(sid) = session {
            return self.finish(state, call, &request, &Ending::Silent { sid });
        }
        if prompt.contains(&"none") {
            let ending = Ending::Error {
                error: "login_required",
                description: "no session is open",
            };
            return self.finish(state, call, &request, &ending);
        }
        let Some(user) = state.user.clone() else {
            let key = state.opaque(24);
            let page = pages::picker(&key, &request.client_id, &self.people);
            state.pages.insert(key, request);
            return html(200, page).outcome("page");
        };
        match user.decision {
            PscDecision::Expire => html(200, pages::waiting()).outcome("waiting"),
            PscDecision::Refuse => self.finish(state, call, &request, &refused()),
            PscDecision::Approve => {
                let channel = user.channel.as_deref().unwrap_or("CARD");
                self.login(state, call, &request, &user.persona, channel)
            }
        }
    }

    /// What the user chose on the page, and the CIBA requests that a person answers by hand.
    pub(crate) fn decision(&self, state: &mut State, call: &Call<'_>) -> Reply {
        let input = &call.input;
        if call.request.path.starts_with("/ciba") {
            return Self::ciba_decision(state, call);
        }
        let request = input
            .form("demande")
            .and_then(|key| state.pages.remove(key));
        let Some(request) = request else {
            return html(
                400,
                pages::error("Cette page a expiré. Revenez au service et recommencez."),
            )
            .outcome("page_expired");
        };
        if input.form("annuler").is_some() {
            return self.finish(state, call, &request, &refused());
        }
        let person = input.form("persona").and_then(|id| self.person_named(id));
        let Some(person) = person else {
            return html(400, pages::error("Personne inconnue du simulateur."))
                .outcome("unknown_user");
        };
        let channel = if input.form("canal") == Some("MOBILE") {
            "MOBILE"
        } else {
            "CARD"
        };
        let id = person.id.clone();
        self.login(state, call, &request, &id, channel)
    }

    fn ciba_decision(state: &mut State, call: &Call<'_>) -> Reply {
        if let Some(request) = call
            .input
            .form("demande")
            .and_then(|k| state.ciba.get_mut(k))
            && request.state == CibaState::Pending
        {
            request.state = if call.input.form("accord") == Some("1") {
                CibaState::Approved
            } else {
                CibaState::Refused
            };
        }
        let pending: Vec<_> = state
            .ciba
            .iter()
            .filter(|(_, c)| c.state == CibaState::Pending)
            .filter(|(_, c)| call.now - c.issued_at < crate::config::lifetime::CIBA)
            .collect();
        html(200, pages::ciba_requests(&pending)).outcome("ciba_page")
    }

    fn login(
        &self,
        state: &mut State,
        call: &Call<'_>,
        request: &AuthRequest,
        persona: &PersonaId,
        channel: &str,
    ) -> Reply {
        let professional = self
            .person(persona)
            .is_some_and(|p| p.professionnel_de_sante);
        if professional {
            return self.finish(state, call, request, &Ending::Login { persona, channel });
        }
        match self.config.switches.non_professional {
            NonProfessional::Page => html(
                403,
                pages::error("Vous n'êtes pas connu comme professionnel de santé : l'authentification est refusée."),
            )
            .outcome("not_professional"),
            NonProfessional::Callback => {
                let ending = Ending::Error {
                    error: "access_denied",
                    description: "the user is not a registered professional",
                };
                self.finish(state, call, request, &ending)
            }
        }
    }

    /// Checks in the order of Keycloak: what cannot be trusted gets a page, the rest a redirect.
    fn check(&self, call: &Call<'_>, input: &Input) -> Result<AuthRequest, Box<Reply>> {
        let page =
            |message: &str, word: &str| Box::new(html(400, pages::error(message)).outcome(word));
        let client = input
            .any("client_id")
            .and_then(|id| self.client(id))
            .ok_or_else(|| {
                page(
                    "Le service qui vous envoie n'est pas connu.",
                    "unknown_client",
                )
            })?;
        let redirect_uri = input
            .any("redirect_uri")
            .filter(|uri| client.redirect_uris.iter().any(|declared| declared == uri))
            .ok_or_else(|| {
                page(
                    "L'adresse de retour n'est pas celle qui a été déclarée.",
                    "invalid_redirect_uri",
                )
            })?;
        let response_mode = match input.any("response_mode") {
            None | Some("query") => Some(ResponseMode::Query),
            Some("fragment") => Some(ResponseMode::Fragment),
            Some("form_post") => Some(ResponseMode::FormPost),
            Some(_) => None,
        };
        let request = AuthRequest {
            client_id: client.client_id.clone(),
            redirect_uri: redirect_uri.to_owned(),
            response_mode: response_mode.unwrap_or_default(),
            scope: input.any("scope").unwrap_or_default().to_owned(),
            state: input.any("state").map(str::to_owned),
            nonce: input.any("nonce").map(str::to_owned),
            challenge: None,
        };
        let back = |error: &str, description: &str| {
            let params = vec![pair("error", error), pair("error_description", description)];
            let reply = self.send_back(call, &request, params, &Play::default(), None);
            Box::new(reply.outcome(error))
        };
        if let Some(name) = input.duplicate() {
            return Err(back(
                "invalid_request",
                &format!("parameter given twice: {name}"),
            ));
        }
        if input.any("request").is_some() {
            return Err(back(
                "request_not_supported",
                "request objects are not accepted",
            ));
        }
        if input.any("request_uri").is_some() {
            return Err(back(
                "request_uri_not_supported",
                "request objects are not accepted",
            ));
        }
        match input.any("response_type") {
            None => return Err(back("invalid_request", "response_type is missing")),
            Some("code") => {}
            Some(other) => {
                let known = other
                    .split(' ')
                    .all(|w| ["code", "token", "id_token", "none"].contains(&w));
                let error = if known {
                    "unauthorized_client"
                } else {
                    "unsupported_response_type"
                };
                return Err(back(error, "only the code flow is open to this client"));
            }
        }
        if response_mode.is_none() {
            return Err(back("invalid_request", "unknown response_mode"));
        }
        if let Some(unknown) = request
            .scope
            .split_whitespace()
            .find(|s| !SCOPES.contains(s))
        {
            return Err(back("invalid_scope", &format!("unknown scope: {unknown}")));
        }
        let challenge = challenge(input).map_err(|problem| back("invalid_request", problem))?;
        if self.config.refuses_missing_acr() && input.any("acr_values") != Some("eidas1") {
            return Err(page(
                "Le service n'a pas demandé le niveau d'authentification attendu.",
                "acr_refused",
            ));
        }
        Ok(AuthRequest {
            challenge,
            ..request
        })
    }

    /// RFC 9126: keeps an authorization request for a moment.
    pub(crate) fn pushed_request(&self, state: &mut State, call: &Call<'_>) -> Reply {
        let client = match self.authenticate(state, call) {
            Ok(client) => client.client_id.clone(),
            Err(reply) => return *reply,
        };
        let mut pairs: Vec<(String, String)> = call
            .input
            .form
            .iter()
            .filter(|(n, _)| {
                n != "client_secret" && !n.starts_with("client_assertion") && n != "client_id"
            })
            .cloned()
            .collect();
        if pairs.iter().any(|(n, _)| n == "request_uri") {
            return oauth_error(400, "invalid_request", "request_uri has no place here");
        }
        pairs.push(pair("client_id", &client));
        let uri = format!("urn:ietf:params:oauth:request_uri:{}", state.opaque(24));
        state.pushed.insert(uri.clone(), (call.now, pairs));
        let body = serde_json::json!({ "request_uri": uri, "expires_in": PUSHED_LIFETIME });
        json_reply(201, &body).outcome("ok")
    }

    fn unfold_pushed(state: &mut State, call: &Call<'_>) -> Result<Input, Box<Reply>> {
        let uri = call.input.any("request_uri").unwrap_or_default();
        if !uri.starts_with("urn:ietf:params:oauth:request_uri:") {
            return Ok(call.input.clone());
        }
        let pushed = state
            .pushed
            .remove(uri)
            .filter(|(at, _)| call.now - at < PUSHED_LIFETIME);
        let of_client = |pairs: &[(String, String)]| {
            pairs
                .iter()
                .any(|(n, v)| n == "client_id" && Some(v.as_str()) == call.input.any("client_id"))
        };
        match pushed {
            Some((_, pairs)) if of_client(&pairs) => Ok(Input::of_pairs(pairs)),
            _ => {
                let page = html(400, pages::error("La demande du service a expiré."));
                Err(Box::new(page.outcome("request_expired")))
            }
        }
    }
}

fn refused() -> Ending<'static> {
    Ending::Error {
        error: "access_denied",
        description: "the user refused to authenticate",
    }
}

/// PKCE of the request (RFC 7636 4.3).
fn challenge(input: &Input) -> Result<Option<Challenge>, &'static str> {
    let s256 = match input.any("code_challenge_method") {
        None | Some("plain") => false,
        Some("S256") => true,
        Some(_) => return Err("unknown code_challenge_method"),
    };
    let Some(value) = input.any("code_challenge") else {
        return match input.any("code_challenge_method") {
            Some(_) => Err("code_challenge is missing"),
            None => Ok(None),
        };
    };
    let fits = (43..=128).contains(&value.len())
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
    if !fits {
        return Err("malformed code_challenge");
    }
    Ok(Some(Challenge {
        s256,
        value: value.to_owned(),
    }))
}

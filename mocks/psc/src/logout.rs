//! RP-initiated log-out: ends the session that the ID token names, then sends the user back if the
//! address was declared. Without a hint a page asks, as recent Keycloak does.

use diapason_formats::jwt::Jwt;
use diapason_mock_common::http::Reply;

use crate::faults::Play;
use crate::input;
use crate::pages;
use crate::provider::{Call, Provider, SSO_COOKIE};
use crate::reply::{html, redirect, with_query};
use crate::state::State;

impl Provider {
    pub(crate) fn logout(&self, state: &mut State, call: &Call<'_>, play: &Play) -> Reply {
        if call.request.path.ends_with("/logout-confirm") {
            return Self::confirmed(state, call);
        }
        let input = &call.input;
        let refuse = |message: &str, word: &str| html(400, pages::error(message)).outcome(word);
        let hint = match input.any("id_token_hint").map(Jwt::decode) {
            None => None,
            // An expired hint is a hint: only who signed it counts.
            Some(Ok(token))
                if state.keys.verifies(&token)
                    && token.text("iss") == Some(call.endpoints.issuer.as_str())
                    && token.text("typ") == Some("ID") =>
            {
                Some(token)
            }
            Some(_) => return refuse("Le jeton présenté n'est pas reconnu.", "invalid_hint"),
        };
        let client = hint
            .as_ref()
            .and_then(|t| t.audiences().first().map(|a| (*a).to_owned()))
            .or_else(|| input.any("client_id").map(str::to_owned));
        if let (Some(_), Some(said), Some(of_hint)) = (&hint, input.any("client_id"), &client)
            && said != of_hint
        {
            return refuse(
                "Le jeton présenté est celui d'un autre service.",
                "client_mismatch",
            );
        }
        let target = match input.any("post_logout_redirect_uri") {
            None => None,
            Some(uri) => {
                let declared = client
                    .as_deref()
                    .and_then(|id| self.client(id))
                    .is_some_and(|c| c.post_logout_redirect_uris.iter().any(|d| d == uri));
                if !declared {
                    return refuse(
                        "L'adresse de retour n'est pas celle qui a été déclarée.",
                        "invalid_redirect_uri",
                    );
                }
                Some(uri.to_owned())
            }
        };
        let Some(token) = hint else {
            return Self::ask(state, call);
        };
        let ended = token.text("sid").is_some_and(|sid| state.end_session(sid));
        let mut reply = match target {
            Some(uri) => {
                let mut params = Vec::new();
                if play.is("LOGOUT-STATE-WRONG") {
                    params.push(("state".to_owned(), state.opaque(24)));
                } else if let Some(value) =
                    input.any("state").filter(|_| !play.is("LOGOUT-NO-STATE"))
                {
                    params.push(("state".to_owned(), value.to_owned()));
                }
                redirect(&with_query(&uri, &params))
            }
            None => html(200, pages::logged_out()),
        };
        forget_cookie(&mut reply);
        reply.outcome(if ended { "ok" } else { "already_ended" })
    }

    fn ask(state: &mut State, call: &Call<'_>) -> Reply {
        let key = state.opaque(24);
        let action = call
            .endpoints
            .realm_url("/protocol/openid-connect/logout/logout-confirm");
        html(200, pages::confirm_logout(&action, &key)).outcome("confirmation")
    }

    fn confirmed(state: &mut State, call: &Call<'_>) -> Reply {
        let sid = input::cookie(call.request, SSO_COOKIE)
            .and_then(|cookie| state.session_of_cookie(cookie, call.now))
            .map(|(sid, _)| sid.clone());
        let ended = sid.is_some_and(|sid| state.end_session(&sid));
        let mut reply = html(200, pages::logged_out());
        forget_cookie(&mut reply);
        reply.outcome(if ended { "ok" } else { "no_session" })
    }
}

fn forget_cookie(reply: &mut Reply) {
    reply.headers.push((
        "Set-Cookie".to_owned(),
        format!("{SSO_COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"),
    ));
}

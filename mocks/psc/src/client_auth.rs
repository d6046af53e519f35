//! Who is the client? Secret (Basic or form), signed assertion, certificate.

use diapason_formats::jwt::{self, Jwt};
use diapason_mock_common::http::Reply;

use crate::config::{ClientConfig, Profile};
use crate::input::basic;
use crate::provider::{Call, Provider};
use crate::reply::oauth_error;
use crate::state::State;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Longest life of an assertion, seconds.
const ASSERTION_MAX: i64 = 3600;
/// Clock difference forgiven, seconds.
const SKEW: i64 = 30;

impl Provider {
    /// The client that authenticates, or the refusal. A certificate alone serves when no secret and no
    /// assertion is given; in the trust space nothing else does.
    pub(crate) fn authenticate(
        &self,
        state: &mut State,
        call: &Call<'_>,
    ) -> Result<&ClientConfig, Box<Reply>> {
        if !call.input.is_form() {
            let reply = oauth_error(415, "invalid_request", "a form is expected");
            return Err(Box::new(reply.outcome("unsupported_media_type")));
        }
        if let Some(name) = call.input.duplicate() {
            let problem = format!("parameter given twice: {name}");
            return Err(Box::new(oauth_error(400, "invalid_request", &problem)));
        }
        let secret_refused = self.config.profile == Profile::Edc;
        if let Some((id, secret)) = basic(call.request) {
            return if secret_refused {
                Err(space_refuses())
            } else {
                self.by_secret(&id, &secret)
            };
        }
        if let Some(assertion) = call.input.form("client_assertion") {
            return if secret_refused {
                Err(space_refuses())
            } else {
                self.by_assertion(state, call, assertion)
            };
        }
        let Some(id) = call.input.form("client_id") else {
            return Err(refuse("client_id is missing"));
        };
        if let Some(secret) = call.input.form("client_secret") {
            return if secret_refused {
                Err(space_refuses())
            } else {
                self.by_secret(id, secret)
            };
        }
        self.by_certificate(call, id)
    }

    fn by_secret(&self, id: &str, secret: &str) -> Result<&ClientConfig, Box<Reply>> {
        let client = self.client(id).ok_or_else(|| refuse("unknown client"))?;
        match &client.secret {
            Some(expected) if expected == secret => Ok(client),
            Some(_) => Err(unauthorized("wrong client secret")),
            None => Err(unauthorized("this client has no secret")),
        }
    }

    fn by_certificate(&self, call: &Call<'_>, id: &str) -> Result<&ClientConfig, Box<Reply>> {
        let client = self.client(id).ok_or_else(|| refuse("unknown client"))?;
        let Some(expected) = &client.certificate else {
            return Err(unauthorized("no client authentication given"));
        };
        let certificate = call
            .request
            .tls
            .as_ref()
            .and_then(|t| t.client_certificate.as_ref());
        match certificate {
            None => Err(refuse("no client certificate shown")),
            Some(c) if !c.trusted => Err(refuse("client certificate not trusted")),
            Some(c) if expected.matches(c) => Ok(client),
            Some(_) => Err(refuse("the certificate is not that of this client")),
        }
    }

    fn by_assertion(
        &self,
        state: &mut State,
        call: &Call<'_>,
        assertion: &str,
    ) -> Result<&ClientConfig, Box<Reply>> {
        if call.input.form("client_assertion_type") != Some(ASSERTION_TYPE) {
            return Err(refuse("unexpected client_assertion_type"));
        }
        let token = Jwt::decode(assertion).map_err(|_| refuse("unreadable assertion"))?;
        let id = token
            .text("iss")
            .ok_or_else(|| refuse("assertion without iss"))?;
        let client = self.client(id).ok_or_else(|| refuse("unknown client"))?;
        if token.text("sub") != Some(id) || call.input.form("client_id").is_some_and(|c| c != id) {
            return Err(refuse("iss, sub and client_id do not agree"));
        }
        let Some(jwks) = &client.jwks else {
            return Err(unauthorized("this client has declared no keys"));
        };
        if jwt::verify_with_set(&token, jwks).is_err() {
            return Err(refuse("the signature of the assertion does not hold"));
        }
        let here = format!("{}{}", call.endpoints.auth, call.request.path);
        let accepted = [
            call.endpoints.issuer.clone(),
            call.endpoints.realm_url("/protocol/openid-connect/token"),
            here,
        ];
        if !token
            .audiences()
            .iter()
            .any(|a| accepted.iter().any(|x| x == a))
        {
            return Err(refuse("unexpected aud in the assertion"));
        }
        let exp = token
            .seconds("exp")
            .filter(|exp| (call.now - SKEW + 1..=call.now + ASSERTION_MAX).contains(exp))
            .ok_or_else(|| refuse("assertion expired, too long-lived or without exp"))?;
        if token
            .seconds("nbf")
            .is_some_and(|nbf| nbf > call.now + SKEW)
        {
            return Err(refuse("assertion not valid yet"));
        }
        let jti = token
            .text("jti")
            .ok_or_else(|| refuse("assertion without jti"))?;
        if state
            .assertions
            .insert(format!("{id} {jti}"), exp)
            .is_some()
        {
            return Err(refuse("assertion already used"));
        }
        Ok(client)
    }
}

fn refuse(problem: &str) -> Box<Reply> {
    let mut reply = oauth_error(401, "invalid_client", problem);
    reply.headers.push((
        "WWW-Authenticate".to_owned(),
        "Basic realm=\"esante-wallet\"".to_owned(),
    ));
    Box::new(reply)
}

fn unauthorized(problem: &str) -> Box<Reply> {
    Box::new(oauth_error(401, "unauthorized_client", problem))
}

fn space_refuses() -> Box<Reply> {
    unauthorized("only a client certificate is accepted here")
}

//! A small DUI over the `openidconnect` crate: a protected page, a login through Pro Santé Connect,
//! a logout. Plays the careful vendor: beside what the crate verifies, the application demands the
//! authentication level, a subject, a bearer token and the at_hash, and reads the key set again once when a key is
//! unknown.
//!
//! Settings come from the environment (see `tests/interop/clients.py`). It serves one request at a time.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClaimName, CoreClaimType, CoreClientAuthMethod,
    CoreErrorResponseType, CoreGenderClaim, CoreGrantType, CoreJsonWebKey, CoreJsonWebKeySet,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm,
    CoreResponseMode, CoreResponseType, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreSubjectIdentifierType, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AdditionalProviderMetadata, AuthenticationContextClass,
    AuthenticationFlow, AuthorizationCode, ClaimsVerificationError, Client, ClientId, ClientSecret,
    CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenFields,
    Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, ProviderMetadata, RedirectUrl,
    Scope, StandardErrorResponse, StandardTokenResponse, TokenResponse, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use tiny_http::{Header, Request, Response, Server};
use url::Url;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What PSC says of the professional beyond the standard claims.
#[derive(Debug, Clone, Deserialize, Serialize)]
struct Psc {
    #[serde(rename = "SubjectNameID")]
    subject_name_id: Option<String>,
}
impl AdditionalClaims for Psc {}

/// Discovery members the crate does not know.
#[derive(Debug, Clone, Deserialize, Serialize)]
struct Extra {
    end_session_endpoint: Option<Url>,
}
impl AdditionalProviderMetadata for Extra {}

type Metadata = ProviderMetadata<
    Extra,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;
type Tokens = StandardTokenResponse<
    IdTokenFields<
        Psc,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;
type RelyingParty = Client<
    Psc,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A login under way.
struct Pending {
    state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

/// Someone logged in.
struct Session {
    name: String,
    id: String,
    id_token: String,
}

struct Dui {
    http: reqwest::blocking::Client,
    metadata: Option<Metadata>,
    pending: HashMap<String, Pending>,
    sessions: HashMap<String, Session>,
}

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("the setting {name} is missing"))
}

fn base() -> String {
    format!("http://localhost:{}", setting("DUI_PORT"))
}

fn main() -> Outcome<()> {
    let ca = std::fs::read(setting("PSC_CA"))?;
    let mut http = reqwest::blocking::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(std::time::Duration::from_secs(3));
    for certificate in reqwest::Certificate::from_pem_bundle(&ca)? {
        http = http.add_root_certificate(certificate);
    }
    let address = format!("127.0.0.1:{}", setting("DUI_PORT"));
    let server = Server::http(address).map_err(|e| e as Box<dyn Error>)?;
    let mut dui = Dui {
        http: http.build()?,
        metadata: None,
        pending: HashMap::new(),
        sessions: HashMap::new(),
    };
    for request in server.incoming_requests() {
        let response = dui.serve(&request);
        let _ = request.respond(response);
    }
    Ok(())
}

type Page = Response<std::io::Cursor<Vec<u8>>>;

fn header(name: &str, value: &str) -> Header {
    Header::from_bytes(name, value).expect("names and values here are ASCII")
}

fn page(status: u16, body: &str) -> Page {
    Response::from_string(format!("<!doctype html><meta charset=utf-8><body>{body}"))
        .with_status_code(status)
        .with_header(header("Content-Type", "text/html; charset=utf-8"))
}

fn go(to: &str) -> Page {
    page(302, "").with_header(header("Location", to))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

fn cookie(request: &Request, name: &str) -> Option<String> {
    let cookies = request.headers().iter().filter(|h| h.field.equiv("Cookie"));
    cookies
        .flat_map(|h| h.value.as_str().split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

impl Dui {
    fn serve(&mut self, request: &Request) -> Page {
        let Ok(url) = Url::parse(&format!("{}{}", base(), request.url())) else {
            return page(400, "adresse illisible");
        };
        let answer = match url.path() {
            "/" => Ok(self.home(request)),
            "/connexion/psc" => self.login(),
            "/connexion/psc/retour" => self.callback(request, &url),
            "/deconnexion" => self.logout(request),
            _ => Ok(page(404, "page inconnue")),
        };
        answer.unwrap_or_else(|error| {
            let mut said = error.to_string();
            let mut cause = error.source();
            while let Some(next) = cause {
                said.push_str(&format!(" : {next}"));
                cause = next.source();
            }
            eprintln!("refus : {said}");
            page(
                403,
                &format!("<p>La connexion a échoué : {}</p>", escaped(&said)),
            )
        })
    }

    fn home(&self, request: &Request) -> Page {
        let session = cookie(request, "session").and_then(|id| self.sessions.get(&id));
        match session {
            Some(s) => page(
                200,
                &format!(
                    "<main data-idnat=\"{}\">{}</main>",
                    escaped(&s.id),
                    escaped(&s.name)
                ),
            ),
            None => page(401, "<a href=/connexion/psc>Pro Santé Connect</a>"),
        }
    }

    /// PSC's discovery is not at the standard place: read by hand, issuer compared by hand.
    fn discover(&mut self) -> Outcome<Metadata> {
        if let Some(metadata) = &self.metadata {
            return Ok(metadata.clone());
        }
        let text = self
            .http
            .get(setting("PSC_DISCOVERY"))
            .send()?
            .error_for_status()?
            .text()?;
        let metadata: Metadata = serde_json::from_str(&text)?;
        let expected = setting("PSC_DISCOVERY");
        let expected = expected.split("/.well-known/").next().unwrap_or_default();
        if metadata.issuer().as_str() != expected {
            return Err("issuer inattendu dans la découverte".into());
        }
        let keys = CoreJsonWebKeySet::fetch(metadata.jwks_uri(), &self.http)?;
        let metadata = metadata.set_jwks(keys);
        self.metadata = Some(metadata.clone());
        Ok(metadata)
    }

    fn relying_party(&mut self) -> Outcome<RelyingParty> {
        let metadata = self.discover()?;
        let client = Client::from_provider_metadata(
            metadata,
            ClientId::new(setting("PSC_CLIENT_ID")),
            Some(ClientSecret::new(setting("PSC_CLIENT_SECRET"))),
        );
        Ok(client.set_redirect_uri(RedirectUrl::new(setting("PSC_REDIRECT_URI"))?))
    }

    fn login(&mut self) -> Outcome<Page> {
        let client = self.relying_party()?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                || CsrfToken::new_random_len(32),
                || Nonce::new_random_len(32),
            )
            .add_scope(Scope::new("scope_all".to_owned()))
            .add_auth_context_value(AuthenticationContextClass::new("eidas1".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        let id = CsrfToken::new_random_len(32).secret().clone();
        self.pending.insert(
            id.clone(),
            Pending {
                state,
                nonce,
                verifier,
            },
        );
        let cookie = format!("attente={id}; Path=/; Secure; HttpOnly; SameSite=Lax");
        Ok(go(url.as_str()).with_header(header("Set-Cookie", &cookie)))
    }

    fn callback(&mut self, request: &Request, url: &Url) -> Outcome<Page> {
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let pending = cookie(request, "attente")
            .and_then(|id| self.pending.remove(&id))
            .ok_or("aucune connexion en cours dans ce navigateur")?;
        if query.get("state") != Some(pending.state.secret()) {
            return Err("state inattendu".into());
        }
        if let Some(error) = query.get("error") {
            return Err(format!("PSC répond {error}").into());
        }
        let code = query.get("code").ok_or("pas de code")?.clone();
        let mut client = self.relying_party()?;
        let tokens = client
            .exchange_code(AuthorizationCode::new(code))?
            .set_pkce_verifier(pending.verifier)
            .request(&self.http)?;
        if *tokens.token_type() != CoreTokenType::Bearer {
            return Err("type de jeton d'accès inconnu".into());
        }
        let id_token = tokens.id_token().ok_or("pas de jeton d'identité")?;
        let known = id_token.claims(&client.id_token_verifier(), &pending.nonce);
        if let Err(ClaimsVerificationError::SignatureVerification(error)) = &known {
            eprintln!("clés relues : {error}");
            self.metadata = None;
            client = self.relying_party()?;
        }
        let verifier = client.id_token_verifier();
        let claims = id_token.claims(&verifier, &pending.nonce)?;
        if claims.subject().is_empty() {
            return Err("sujet vide".into());
        }
        if let Some(expected) = claims.access_token_hash() {
            let actual = AccessTokenHash::from_token(
                tokens.access_token(),
                id_token.signing_alg()?,
                id_token.signing_key(&verifier)?,
            )?;
            if actual != *expected {
                return Err("at_hash inattendu".into());
            }
        }
        let level = claims.auth_context_ref().map(|acr| acr.as_str());
        if !matches!(level, Some("eidas1" | "eidas2" | "eidas3")) {
            return Err("niveau d'authentification insuffisant".into());
        }
        let user: UserInfoClaims<Psc, CoreGenderClaim> = client
            .user_info(
                tokens.access_token().clone(),
                Some(claims.subject().clone()),
            )?
            .request(&self.http)?;
        let id = user
            .additional_claims()
            .subject_name_id
            .clone()
            .unwrap_or_default();
        if id.is_empty() {
            return Err("PSC ne donne pas d'identifiant national".into());
        }
        let given = user
            .given_name()
            .and_then(|n| n.get(None))
            .map_or("", |n| n.as_str());
        let family = user
            .family_name()
            .and_then(|n| n.get(None))
            .map_or("", |n| n.as_str());
        let session = Session {
            name: format!("{given} {family}"),
            id,
            id_token: id_token.to_string(),
        };
        let key = CsrfToken::new_random_len(32).secret().clone();
        self.sessions.insert(key.clone(), session);
        let cookie = format!("session={key}; Path=/; Secure; HttpOnly; SameSite=Lax");
        Ok(go("/").with_header(header("Set-Cookie", &cookie)))
    }

    fn logout(&mut self, request: &Request) -> Outcome<Page> {
        let session = cookie(request, "session").and_then(|id| self.sessions.remove(&id));
        let Some(session) = session else {
            return Ok(go("/"));
        };
        let metadata = self.discover()?;
        let Some(mut url) = metadata.additional_metadata().end_session_endpoint.clone() else {
            return Ok(go("/"));
        };
        url.query_pairs_mut()
            .append_pair("id_token_hint", &session.id_token)
            .append_pair("post_logout_redirect_uri", &format!("{}/", base()));
        Ok(go(url.as_str()))
    }
}

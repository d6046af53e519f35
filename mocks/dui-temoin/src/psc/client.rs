//! Calls to Pro Santé Connect from the server: discovery, keys, tokens, userinfo, revocation.
//!
//! No redirect is followed, no call is repeated, every call has a deadline, only the configured
//! authorities are trusted, and each call opens its own connection.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use diapason_core::product::PscAuth;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::id_token::{Defect, check_header};
use super::jose::{self, Hmac, Jwk, Jwt, KeySet, NoKey};
use super::provider::{Provider, issuer_of};
use crate::config::PscSettings;
use crate::http::TlsClient;
use crate::{AppState, DuiError};

/// Largest answer read, bytes.
const MAX_BODY: usize = 1 << 20;
/// How long a discovery document and a key set are kept, milliseconds on the DUI's clock.
const CACHE_LIFE: i64 = 3600 * 1000;

/// The relying party's side of the wire.
pub(crate) struct PscClient {
    settings: PscSettings,
    issuer: String,
    http: reqwest::Client,
    key: Option<PrivateKeyDer<'static>>,
    provider: Mutex<Option<(Provider, i64)>>,
    keys: Mutex<Option<KeySet>>,
    /// Has discovery or the key set ever failed? Only mutants hold it against PSC.
    broken: AtomicBool,
}

impl std::fmt::Debug for PscClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PscClient")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// An answer read whole.
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// Media type, without parameters, lower case.
    pub(crate) content_type: String,
    /// Body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as a JSON object.
    pub(crate) fn object(&self) -> Option<Map<String, Value>> {
        serde_json::from_slice(&self.body).ok()
    }
}

impl PscClient {
    /// From the settings: reads the certificates and prepares the client.
    pub(crate) fn new(
        settings: &PscSettings,
        mutants: &BTreeSet<String>,
    ) -> Result<Self, DuiError> {
        let mutant = |name: &str| mutants.contains(name);

        let problem = |setting: &str, problem: &str| DuiError::Setting {
            setting: setting.to_owned(),
            problem: problem.to_owned(),
        };
        let issuer = issuer_of(&settings.discovery)
            .ok_or_else(|| problem("psc.discovery", "not the address of a discovery document"))?
            .to_owned();
        let client_error = |source| DuiError::Client {
            service: "PSC",
            source,
        };
        let mut identity = None;
        let key = match (settings.auth, &settings.key) {
            (PscAuth::Secret, _) => None,
            (_, None) => return Err(problem("psc.key", "needed by this authentication method")),
            (PscAuth::Mtls, Some(key)) => {
                let cert = settings.cert.as_deref();
                let cert = cert.ok_or_else(|| problem("psc.cert", "needed by mutual TLS"))?;
                identity = Some((cert, key.as_path()));
                None
            }
            (PscAuth::PrivateKeyJwt, Some(key)) => Some(
                PrivateKeyDer::from_pem_slice(&read_file(key)?)
                    .map_err(|_| problem("psc.key", "no private key in this file"))?,
            ),
        };
        let timeout = Duration::from_millis(settings.timeout_ms);
        let mut wire = settings.clone();
        if mutant("accept-foreign-authority") {
            // The foreign authority publishes no list that could be held against it.
            wire.crl = None;
        }
        let mut builder = plain_client(&wire, identity, timeout)?
            .user_agent(concat!("DUI-temoin/", env!("CARGO_PKG_VERSION")));
        if mutant("accept-any-psc-certificate") || mutant("accept-expired-certificate") {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        if mutant("accept-any-host-name") {
            builder = builder.tls_danger_accept_invalid_hostnames(true);
        }
        if mutant("accept-foreign-authority") {
            let foreign = read_file(&settings.ca.with_file_name("ac-etrangere.pem"))?;
            let foreign = reqwest::Certificate::from_pem_bundle(&foreign).map_err(client_error)?;
            builder = builder.tls_certs_merge(foreign);
        }
        check_path(&settings.redirect_uri, "/psc/retour")
            .map_err(|p| problem("psc.redirect_uri", &p))?;
        if let Some(uri) = &settings.post_logout_redirect_uri {
            check_path(uri, "/psc/deconnexion-retour")
                .map_err(|p| problem("psc.post_logout_redirect_uri", &p))?;
        }
        Ok(Self {
            settings: settings.clone(),
            issuer,
            http: builder.build().map_err(client_error)?,
            key,
            provider: Mutex::default(),
            keys: Mutex::default(),
            broken: AtomicBool::new(false),
        })
    }

    /// Settings.
    pub(crate) fn settings(&self) -> &PscSettings {
        &self.settings
    }

    /// Forgets what was learnt from the provider.
    pub(crate) fn forget(&self) {
        *lock(&self.provider) = None;
        *lock(&self.keys) = None;
        self.broken.store(false, Ordering::SeqCst);
    }

    /// The provider if already known.
    pub(crate) fn known_provider(&self) -> Option<Provider> {
        lock(&self.provider).as_ref().map(|(p, _)| p.clone())
    }

    /// The provider, from its discovery document.
    pub(crate) async fn provider(&self, state: &AppState) -> Result<Provider, Failure> {
        let now = state.now().unix_millis();
        if let Some((provider, at)) = lock(&self.provider).as_ref()
            && now - at < CACHE_LIFE
        {
            return Ok(provider.clone());
        }
        if state.mutant("outage-sticks") && self.broken.load(Ordering::SeqCst) {
            return Err(Failure::Body("discovery"));
        }
        let document = match self.get_json(&self.settings.discovery, "discovery").await {
            Ok(document) => document,
            Err(Failure::Body(_)) if state.mutant("endpoints-guessed") => guessed(&self.issuer),
            Err(failure) => {
                self.broken.store(true, Ordering::SeqCst);
                return Err(failure);
            }
        };
        let provider = Provider::read(&document, &self.issuer, &|m| state.mutant(m))
            .map_err(Failure::Provider)?;
        *lock(&self.provider) = Some((provider.clone(), now));
        Ok(provider)
    }

    async fn keys(&self, state: &AppState, fresh: bool) -> Result<KeySet, Failure> {
        if !fresh && let Some(keys) = lock(&self.keys).as_ref() {
            return Ok(keys.clone());
        }
        let provider = self.provider(state).await?;
        if state.mutant("keys-outage-sticks") && self.broken.load(Ordering::SeqCst) {
            return Err(Failure::Body("jwks"));
        }
        let document = self
            .get_json(&provider.jwks, "jwks")
            .await
            .inspect_err(|_| {
                self.broken.store(true, Ordering::SeqCst);
            })?;
        let keys = KeySet::parse(&document).ok_or(Failure::Body("jwks"))?;
        *lock(&self.keys) = Some(keys.clone());
        Ok(keys)
    }

    /// Takes a token apart and checks its signature with a key of the provider.
    pub(crate) async fn verified(&self, state: &AppState, token: &str) -> Result<Jwt, Failure> {
        let mutant = |name: &str| state.mutant(name);
        let jwt = Jwt::parse(token).ok_or(Failure::Token(Defect::Form))?;
        let alg = jwt.header_text("alg").unwrap_or_default().to_owned();
        if mutant("accept-alg-none") && alg.eq_ignore_ascii_case("none") {
            return Ok(jwt);
        }
        if alg == "HS256" && self.hs256_mutants(state, &jwt).await {
            return Ok(jwt);
        }
        if mutant("follow-jku")
            && let Some(key) = self.own_key_of(&jwt).await
            && jose::verify_rs256(&key, &jwt.input, &jwt.signature)
        {
            return Ok(jwt);
        }
        check_header(&jwt, &mutant).map_err(Failure::Token)?;
        if mutant("skip-signature") {
            return Ok(jwt);
        }
        if mutant("unknown-kid-unverified") && self.is_unknown(state, &jwt).await {
            return Ok(jwt);
        }
        let key = self.key_for(state, &jwt).await?;
        if mutant("trust-kid-only") || jose::verify_rs256(&key, &jwt.input, &jwt.signature) {
            Ok(jwt)
        } else {
            Err(Failure::Token(Defect::Signature))
        }
    }

    /// Does the token name a key that is not published? Only a mutant lets that pass.
    async fn is_unknown(&self, state: &AppState, jwt: &Jwt) -> bool {
        let kid = jwt.header_text("kid");
        let keys = self.keys(state, true).await;
        keys.is_ok_and(|keys| keys.choose(kid) == Err(NoKey::Unknown))
    }

    /// The key a token names. An unknown name is worth one new look at the key set, not two.
    async fn key_for(&self, state: &AppState, jwt: &Jwt) -> Result<Jwk, Failure> {
        let kid = jwt.header_text("kid");
        if kid.is_none() && state.mutant("kid-required") {
            return Err(Failure::Token(Defect::Key));
        }
        let keys = self.keys(state, false).await?;
        if state.mutant("first-jwk") {
            return keys
                .every
                .first()
                .cloned()
                .ok_or(Failure::Token(Defect::Key));
        }
        match keys.choose(kid) {
            Ok(key) => return Ok(key.clone()),
            Err(NoKey::Ambiguous) => return Err(Failure::Token(Defect::Key)),
            Err(NoKey::Unknown) if state.mutant("no-jwks-refetch") => {
                return Err(Failure::Token(Defect::Key));
            }
            Err(NoKey::Unknown) => {}
        }
        if state.mutant("jwks-hammered") {
            for _ in 0..8 {
                self.keys(state, true).await?;
            }
        }
        let keys = self.keys(state, true).await?;
        match keys.choose(kid) {
            Ok(key) => Ok(key.clone()),
            Err(_) => Err(Failure::Token(Defect::Key)),
        }
    }

    /// Only mutants accept HS256: keyed with the client secret, or with a form of the public key.
    async fn hs256_mutants(&self, state: &AppState, jwt: &Jwt) -> bool {
        let mut secrets: Vec<Vec<u8>> = Vec::new();
        if state.mutant("accept-hs256-secret") {
            secrets.push(self.settings.client_secret.clone().into_bytes());
        }
        if state.mutant("accept-hs256-public-key")
            && let Ok(keys) = self.keys(state, false).await
        {
            for key in keys.keys {
                let pem = public_key_pem(&key);
                secrets.push(pem.trim_end().as_bytes().to_vec());
                secrets.push(pem.into_bytes());
                secrets.push(key.spki());
                secrets.push(key.der);
            }
        }
        secrets
            .iter()
            .any(|secret| Hmac::new(secret).mac(jwt.input.as_bytes())[..] == jwt.signature[..])
    }

    /// Only the mutant `follow-jku` lets a token bring its own key.
    async fn own_key_of(&self, jwt: &Jwt) -> Option<Jwk> {
        if let Some(own) = jwt.header.get("jwk") {
            return Jwk::rsa(own);
        }
        let document = self.get_json(jwt.header_text("jku")?, "jku").await.ok()?;
        let keys = KeySet::parse(&document)?;
        keys.every
            .iter()
            .find(|key| jose::verify_rs256(key, &jwt.input, &jwt.signature))
            .cloned()
    }

    /// Userinfo with the access token in the header.
    pub(crate) async fn userinfo(
        &self,
        state: &AppState,
        access_token: &str,
    ) -> Result<Map<String, Value>, Failure> {
        let url = self.provider(state).await?.userinfo;
        let mut request = self
            .http
            .get(&url)
            .header(ACCEPT, "application/json, application/jwt");
        if state.mutant("token-in-query") {
            request = request.query(&[("access_token", access_token)]);
        }
        // The mutant sends it both ways: PSC itself takes it from the header only.
        let request = request.header(AUTHORIZATION, format!("Bearer {access_token}"));
        let answer = self.send(request, "userinfo").await?;
        if answer.status != 200 {
            return Err(Failure::Status("userinfo", answer.status));
        }
        match answer.content_type.as_str() {
            "application/jwt" => {
                let text = String::from_utf8(answer.body).map_err(|_| Failure::Body("userinfo"))?;
                let unverified = state.mutant("userinfo-jwt-unverified");
                let jwt = match Jwt::parse(text.trim()) {
                    Some(jwt) if unverified => jwt,
                    _ => self.verified(state, text.trim()).await?,
                };
                self.signed_userinfo(jwt)
            }
            "application/json" => answer.object().ok_or(Failure::Body("userinfo")),
            _ => Err(Failure::Body("userinfo")),
        }
    }

    /// A signed userinfo names its issuer and this client when it names any.
    fn signed_userinfo(&self, jwt: Jwt) -> Result<Map<String, Value>, Failure> {
        let claims = jwt.claims;
        let issuer = claims.get("iss").is_none_or(|iss| *iss == self.issuer);
        let audience = match claims.get("aud") {
            None => true,
            Some(Value::Array(all)) => all.iter().any(|a| *a == self.settings.client_id),
            Some(one) => *one == self.settings.client_id,
        };
        if issuer && audience {
            Ok(claims)
        } else {
            Err(Failure::Body("userinfo"))
        }
    }

    /// A form posted with the client's authentication; the answer whatever its status.
    pub(crate) async fn post(
        &self,
        state: &AppState,
        url: &str,
        what: &'static str,
        mut form: Vec<(&'static str, String)>,
    ) -> Result<Answer, Failure> {
        let client_id = &self.settings.client_id;
        let mut basic = None;
        match self.settings.auth {
            PscAuth::Secret => {
                let pair = format!(
                    "{}:{}",
                    form_encode(client_id),
                    form_encode(&self.settings.client_secret)
                );
                basic = Some(format!("Basic {}", standard_base64(pair.as_bytes())));
            }
            PscAuth::Mtls => form.push(("client_id", client_id.clone())),
            PscAuth::PrivateKeyJwt => {
                form.push(("client_id", client_id.clone()));
                form.push((
                    "client_assertion_type",
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned(),
                ));
                form.push(("client_assertion", self.assertion(state).await?));
            }
        }
        if state.mutant("client-not-authenticated") {
            basic = None;
            form.push(("client_id", client_id.clone()));
        }
        if state.mutant("two-authentications") {
            form.push(("client_id", client_id.clone()));
            form.push(("client_secret", self.settings.client_secret.clone()));
        }
        let mut target = url.to_owned();
        if state.mutant("secret-in-url") {
            let secret = form_encode(&self.settings.client_secret);
            target = format!("{target}?client_secret={secret}");
        }
        for hop in 0..2 {
            let mut request = self
                .http
                .post(&target)
                .header(ACCEPT, "application/json")
                .form(&form);
            if let Some(basic) = &basic {
                request = request.header(AUTHORIZATION, basic);
            }
            let response = request
                .send()
                .await
                .map_err(|e| Failure::unreachable(what, &e))?;
            let location = response
                .headers()
                .get(LOCATION)
                .and_then(|value| value.to_str().ok())
                .and_then(|value| response.url().join(value).ok());
            match location {
                // Never: only the mutant repeats code and secret at another address.
                Some(next) if hop == 0 && state.mutant("follow-token-redirect") => {
                    target = next.into();
                }
                _ => return read(response, what).await,
            }
        }
        Err(Failure::Body(what))
    }

    /// RFC 7523 assertion for `private_key_jwt`.
    async fn assertion(&self, state: &AppState) -> Result<String, Failure> {
        let audience = self.provider(state).await?.token;
        let now = state.now().unix_seconds();
        let client_id = &self.settings.client_id;
        let claims = json!({
            "iss": client_id, "sub": client_id, "aud": audience, "jti": jose::random(),
            "iat": now, "exp": now + 60,
        });
        self.key
            .as_ref()
            .and_then(|key| jose::sign_rs256(key, &json!({"alg": "RS256", "typ": "JWT"}), &claims))
            .ok_or(Failure::Body("assertion"))
    }

    async fn get_json(&self, url: &str, what: &'static str) -> Result<Value, Failure> {
        let request = self.http.get(url).header(ACCEPT, "application/json");
        let answer = self.send(request, what).await?;
        if answer.status != 200 {
            return Err(Failure::Status(what, answer.status));
        }
        serde_json::from_slice(&answer.body).map_err(|_| Failure::Body(what))
    }

    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        what: &'static str,
    ) -> Result<Answer, Failure> {
        let response = request
            .send()
            .await
            .map_err(|e| Failure::unreachable(what, &e))?;
        read(response, what).await
    }
}

async fn read(mut response: reqwest::Response, what: &'static str) -> Result<Answer, Failure> {
    let status = response.status().as_u16();
    let content_type = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|essence| essence.trim().to_ascii_lowercase())
        .unwrap_or_default();
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|e| Failure::unreachable(what, &e))?
    {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BODY {
            return Err(Failure::Body(what));
        }
    }
    Ok(Answer {
        status,
        content_type,
        body,
    })
}

/// Only the mutant `endpoints-guessed` knows the endpoints without discovery.
fn guessed(issuer: &str) -> Value {
    let endpoint = |name: &str| format!("{issuer}/protocol/openid-connect/{name}");
    json!({
        "issuer": issuer, "authorization_endpoint": endpoint("auth"),
        "token_endpoint": endpoint("token"), "userinfo_endpoint": endpoint("userinfo"),
        "jwks_uri": endpoint("certs"), "end_session_endpoint": endpoint("logout"),
    })
}

/// A declared address must lead to the page that handles it.
fn check_path(address: &str, path: &str) -> Result<(), String> {
    match url::Url::parse(address) {
        Ok(url) if url.path() == path => Ok(()),
        _ => Err(format!("must be an address whose path is {path}")),
    }
}

/// What every client of PSC starts from: the configured authorities and no other.
pub(crate) fn plain_client<'a>(
    settings: &'a PscSettings,
    identity: Option<(&'a Path, &'a Path)>,
    timeout: Duration,
) -> Result<reqwest::ClientBuilder, DuiError> {
    TlsClient {
        service: "PSC",
        ca: &settings.ca,
        identity,
        crl: settings.crl.as_deref(),
        timeout: Some(timeout),
    }
    .builder()
}

fn read_file(path: &Path) -> Result<Vec<u8>, DuiError> {
    std::fs::read(path).map_err(|source| DuiError::File {
        path: path.to_owned(),
        source,
    })
}

fn public_key_pem(key: &Jwk) -> String {
    let text = standard_base64(&key.spki());
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        lines.join("\n")
    )
}

fn standard_base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `application/x-www-form-urlencoded` form of one value.
fn form_encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

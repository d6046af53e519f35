//! The provider, asked directly (no socket) on a clock that stands still; `sockets` goes through TLS.

mod ciba;
mod clients;
mod deviations;
mod faults;
mod flow;
mod fuzz;
mod life;
mod sockets;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use diapason_core::exchange::{PeerCertificate, TlsFacts};
use diapason_core::scenario::Arm;
use diapason_core::{Clock, ExchangeId, Sha256Hex, Timestamp};
use diapason_formats::jwt::Jwt;
use diapason_mock_common::http::{HttpService, Incoming, Reply};
use serde_json::{Value, json};

use crate::config::{ClientCertificate, ClientConfig, Profile, PscConfig};
use crate::keys::KeyRing;
use crate::provider::{Endpoints, Provider, SSO_COOKIE};
use crate::token::s256;

pub(crate) const CLIENT: &str = "dui-test";
pub(crate) const SECRET: &str = "secret du dui:test";
pub(crate) const REDIRECT: &str = "https://dui.diapason.test/psc/retour";
pub(crate) const LOGGED_OUT: &str = "https://dui.diapason.test/psc/deconnecte";
pub(crate) const VERIFIER: &str = "un-verifieur-de-test-qui-a-plus-de-43-caracteres";

static KEYS: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

/// Keys shared by the tests, since making some takes a second.
pub(crate) fn ring() -> KeyRing {
    static ONCE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_at_a_time = ONCE.lock().unwrap();
    KeyRing::open(Some(KEYS.path())).unwrap()
}

pub(crate) fn keys_dir() -> std::path::PathBuf {
    drop(ring());
    KEYS.path().to_path_buf()
}

pub(crate) fn client() -> ClientConfig {
    ClientConfig {
        client_id: CLIENT.to_owned(),
        secret: Some(SECRET.to_owned()),
        redirect_uris: vec![REDIRECT.to_owned()],
        post_logout_redirect_uris: vec![LOGGED_OUT.to_owned()],
        jwks: None,
        certificate: Some(ClientCertificate::CommonName("dui".to_owned())),
        ciba: true,
    }
}

pub(crate) fn start_time() -> Timestamp {
    Timestamp::try_from("2026-01-15T09:00:00Z".to_owned()).unwrap()
}

/// The provider without its listeners.
pub(crate) struct Direct {
    pub(crate) provider: Provider,
    pub(crate) clock: Clock,
    pub(crate) certificate: RefCell<Option<PeerCertificate>>,
    cookie: RefCell<Option<String>>,
}

/// An answer, taken apart.
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) presented: BTreeMap<String, Sha256Hex>,
    pub(crate) operation: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.reply.body).unwrap_or(Value::Null)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.reply.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .reply
            .headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, v)| v.as_str())
    }

    /// Parameters of the redirect.
    pub(crate) fn sent_back(&self) -> BTreeMap<String, String> {
        let location = self.header("location").unwrap_or_default();
        let query = location.split_once(['?', '#']).map_or("", |(_, q)| q);
        form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect()
    }
}

impl Direct {
    pub(crate) fn new() -> Self {
        Self::with(PscConfig {
            clients: vec![client()],
            ..PscConfig::default()
        })
    }

    pub(crate) fn profile(profile: Profile) -> Self {
        Self::with(PscConfig {
            profile,
            clients: vec![client()],
            ..PscConfig::default()
        })
    }

    pub(crate) fn with(config: PscConfig) -> Self {
        let clock = Clock::manual(start_time());
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let endpoints = Endpoints::new(&config, at(4431), at(4432));
        let provider = Provider::new(config, ring(), clock.clone());
        provider.located(endpoints);
        Self {
            provider,
            clock,
            certificate: RefCell::default(),
            cookie: RefCell::default(),
        }
    }

    pub(crate) fn issuer(&self) -> String {
        self.provider.endpoints().unwrap().issuer.clone()
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn arm(&self, arm: &Value) -> bool {
        let arm: Arm = serde_json::from_value(arm.clone()).unwrap();
        self.provider.arm(&arm).unwrap()
    }

    pub(crate) fn user(&self, persona: &str) {
        self.arm(&json!({ "psc_user": { "persona": persona } }));
    }

    pub(crate) fn fault(&self, id: &str) {
        assert!(self.arm(&json!({ "fault": { "id": format!("PSC-F-{id}") } })));
    }

    pub(crate) fn fault_with(&self, id: &str, with: &Value) {
        assert!(self.arm(&json!({ "fault": { "id": format!("PSC-F-{id}"), "with": with } })));
    }

    /// Forgets the cookie, as another browser would.
    pub(crate) fn other_browser(&self) {
        *self.cookie.borrow_mut() = None;
    }

    pub(crate) fn send(&self, mut request: Incoming) -> Answer {
        if let Some(cookie) = self.cookie.borrow().as_ref() {
            request
                .headers
                .push(("cookie".to_owned(), format!("a=b; {SSO_COOKIE}={cookie}")));
        }
        request.tls = Some(TlsFacts {
            offered_versions: vec!["1.3".to_owned()],
            version: Some("1.3".to_owned()),
            cipher_suite: None,
            sni: None,
            client_certificate: self.certificate.borrow().clone(),
        });
        let classified = self.provider.classify(&request);
        let reply = self.provider.answer(&request, &classified);
        for (name, value) in &reply.headers {
            if name == "Set-Cookie"
                && let Some(rest) = value.strip_prefix(&format!("{SSO_COOKIE}="))
            {
                let value = rest.split(';').next().unwrap_or_default().to_owned();
                *self.cookie.borrow_mut() = (!value.is_empty()).then_some(value);
            }
        }
        Answer {
            reply,
            presented: classified.presented,
            operation: classified.operation,
        }
    }

    pub(crate) fn get(&self, listener: &'static str, path: &str, query: &[(&str, &str)]) -> Answer {
        self.send(incoming(listener, "GET", path, query, &[]))
    }

    /// Path of a realm endpoint.
    pub(crate) fn realm(path: &str) -> String {
        format!("/auth/realms/esante-wallet/protocol/openid-connect{path}")
    }

    /// Posts to a realm endpoint as the client with its secret in a `Basic` header.
    pub(crate) fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let mut request = incoming("auth", "POST", &Self::realm(path), &[], form);
        let encode = |t: &str| form_urlencoded::byte_serialize(t.as_bytes()).collect::<String>();
        let credentials = format!("{}:{}", encode(CLIENT), encode(SECRET));
        request.headers.push((
            "authorization".to_owned(),
            format!("Basic {}", STANDARD.encode(credentials)),
        ));
        self.send(request)
    }

    /// Posts without any client authentication but what the form holds.
    pub(crate) fn post_bare(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send(incoming("auth", "POST", &Self::realm(path), &[], form))
    }

    pub(crate) fn authorize(&self, change: &[(&str, &str)]) -> Answer {
        let challenge = s256(VERIFIER);
        let mut params = vec![
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", REDIRECT),
            ("scope", "openid scope_all"),
            ("acr_values", "eidas1"),
            ("state", "etat-de-test-assez-long-0"),
            ("nonce", "nonce-de-test-assez-long-0"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in change {
            params.retain(|(n, _)| n != name);
            if !value.is_empty() {
                params.push((name, value));
            }
        }
        self.get("wallet", "/auth", &params)
    }

    pub(crate) fn redeem(&self, code: &str) -> Answer {
        self.post(
            "/token",
            &[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", REDIRECT),
                ("code_verifier", VERIFIER),
            ],
        )
    }

    /// A whole login; the token response.
    pub(crate) fn login(&self, persona: &str) -> Answer {
        self.user(persona);
        let back = self.authorize(&[]);
        let code = back.sent_back().remove("code").unwrap_or_default();
        self.redeem(&code)
    }

    pub(crate) fn refresh(&self, token: &str) -> Answer {
        self.post(
            "/token",
            &[("grant_type", "refresh_token"), ("refresh_token", token)],
        )
    }

    pub(crate) fn userinfo(&self, token: &str) -> Answer {
        let mut request = incoming("auth", "GET", &Self::realm("/userinfo"), &[], &[]);
        request
            .headers
            .push(("authorization".to_owned(), format!("Bearer {token}")));
        self.send(request)
    }

    pub(crate) fn jwks(&self) -> Value {
        self.get("auth", &Self::realm("/certs"), &[]).json()
    }
}

pub(crate) fn incoming(
    listener: &'static str,
    method: &str,
    path: &str,
    query: &[(&str, &str)],
    form: &[(&str, &str)],
) -> Incoming {
    let encode = |pairs: &[(&str, &str)]| {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish()
    };
    let mut headers = vec![("host".to_owned(), "localhost".to_owned())];
    if method == "POST" {
        headers.push((
            "content-type".to_owned(),
            "application/x-www-form-urlencoded".to_owned(),
        ));
    }
    Incoming {
        exchange: ExchangeId(1),
        listener,
        connection: 1,
        method: method.to_owned(),
        path: path.to_owned(),
        query: encode(query),
        headers,
        body: encode(form).into_bytes().into(),
        tls: None,
    }
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// Claims of a token, unverified.
pub(crate) fn claims(token: &str) -> Value {
    Value::Object(Jwt::decode(token).unwrap().claims)
}

/// A certificate as the listener would describe it.
pub(crate) fn certificate(name: &str, trusted: bool) -> PeerCertificate {
    PeerCertificate {
        subject_cn: Some(name.to_owned()),
        subject_ou: Some("10B0990001".to_owned()),
        subject: format!("CN={name},OU=10B0990001,C=FR"),
        issuer_cn: None,
        not_before: start_time(),
        not_after: start_time(),
        serial: "01".to_owned(),
        extended_key_usage: vec!["clientAuth".to_owned()],
        trusted,
        trust_problem: None,
        sha256: Sha256Hex::of(name.as_bytes()),
    }
}

pub(crate) fn base64url(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

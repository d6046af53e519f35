//! The provider behind both listeners: what a request is, and who answers it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use diapason_core::{Clock, FaultId, PersonaId, Sha256Hex};
use diapason_formats::jwt::Jwt;
use diapason_formats::psc::Looks;
use diapason_mock_common::fault::Faults;
use diapason_mock_common::http::{Classified, HttpService, Incoming, Reply, TlsFault};

use crate::config::{ClientConfig, PscConfig, REALM_PATH};
use crate::faults::{self, Play};
use crate::input::{self, Input};
use crate::keys::KeyRing;
use crate::professional::{Professional, professionals};
use crate::reply::json_reply;
use crate::state::{State, seconds};

/// Wallet cookie that carries the SSO.
pub(crate) const SSO_COOKIE: &str = "PSC_WALLET_SESSION";
/// Where the attacker of some faults waits; nobody has a reason to go there.
pub(crate) const ATTACKER_PATH: &str = "/attaquant";

/// First digits of the RPPS numbers given to test cards.
const TEST_RANGE: &str = "8997";

/// Addresses as clients see them, known once the listeners are bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoints {
    pub(crate) issuer: String,
    /// Path of the issuer, without a trailing slash.
    pub(crate) realm: String,
    /// Address of the auth listener.
    pub(crate) auth: String,
    /// Address of the wallet listener.
    pub(crate) wallet: String,
    /// The auth listener under another host name.
    pub(crate) attacker: String,
}

impl Endpoints {
    pub(crate) fn new(config: &PscConfig, auth: SocketAddr, wallet: SocketAddr) -> Self {
        let base = |addr: SocketAddr| format!("https://{}:{}", config.host, addr.port());
        let issuer = config
            .issuer
            .clone()
            .unwrap_or_else(|| format!("{}{REALM_PATH}", base(auth)));
        let realm = issuer
            .split_once("://")
            .and_then(|(_, rest)| {
                rest.find('/')
                    .map(|at| rest[at..].trim_end_matches('/').to_owned())
            })
            .unwrap_or_default();
        let other = if config.host == "127.0.0.1" {
            "localhost"
        } else {
            "127.0.0.1"
        };
        Self {
            realm,
            auth: base(auth),
            wallet: config.wallet_base.clone().unwrap_or_else(|| base(wallet)),
            attacker: format!("https://{other}:{}{ATTACKER_PATH}", auth.port()),
            issuer,
        }
    }

    /// Address of a realm endpoint.
    pub(crate) fn realm_url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer.trim_end_matches('/'))
    }
}

/// Pro Santé Connect.
pub(crate) struct Provider {
    pub(crate) config: PscConfig,
    pub(crate) people: Vec<Professional>,
    pub(crate) faults: Faults,
    pub(crate) clock: Clock,
    endpoints: OnceLock<Endpoints>,
    state: Mutex<State>,
}

/// What a handler is given beside the state.
pub(crate) struct Call<'a> {
    pub(crate) request: &'a Incoming,
    pub(crate) input: Input,
    pub(crate) persona: Option<PersonaId>,
    pub(crate) endpoints: &'a Endpoints,
    /// Now, seconds since 1970.
    pub(crate) now: i64,
    /// Now, milliseconds since 1970.
    pub(crate) now_ms: i64,
}

impl Provider {
    pub(crate) fn new(config: PscConfig, keys: KeyRing, clock: Clock) -> Self {
        Self {
            people: professionals(),
            faults: Faults::new(faults::faults()),
            state: Mutex::new(State::new(config.seed, keys)),
            endpoints: OnceLock::new(),
            config,
            clock,
        }
    }

    /// Says where the listeners are; only the first word counts.
    pub(crate) fn located(&self, endpoints: Endpoints) {
        let _ = self.endpoints.set(endpoints);
    }

    pub(crate) fn endpoints(&self) -> Option<&Endpoints> {
        self.endpoints.get()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn person(&self, id: &PersonaId) -> Option<&Professional> {
        self.people.iter().find(|p| p.id == *id)
    }

    pub(crate) fn person_named(&self, id: &str) -> Option<&Professional> {
        self.people.iter().find(|p| p.id.as_str() == id)
    }

    pub(crate) fn client(&self, id: &str) -> Option<&ClientConfig> {
        self.config.clients.iter().find(|c| c.client_id == id)
    }

    /// The fault that plays for this call of the operation.
    pub(crate) fn take(&self, operation: &str, call: &Call<'_>) -> Play {
        Play::new(self.faults.take(operation, call.persona.as_ref()))
    }

    fn operation(&self, request: &Incoming) -> &'static str {
        let path = request.path.as_str();
        if request.listener == "wallet" {
            return match path.trim_end_matches('/') {
                "/auth" => "authorize",
                "/auth/decision" | "/ciba" | "/ciba/decision" => "decision",
                _ => "unknown",
            };
        }
        let Some(rest) = self
            .endpoints()
            .and_then(|e| path.strip_prefix(e.realm.as_str()))
        else {
            return "unknown";
        };
        match rest {
            "/.well-known/wallet-openid-configuration" => "discovery",
            "/.well-known/openid-configuration" if self.config.switches.standard_discovery => {
                "discovery"
            }
            "/protocol/openid-connect/certs" => "jwks",
            "/protocol/openid-connect/auth" => "authorize",
            "/protocol/openid-connect/token" => {
                match Input::of(request).any("grant_type").unwrap_or_default() {
                    "authorization_code" => "token_code",
                    "refresh_token" => "token_refresh",
                    "urn:openid:params:grant-type:ciba" => "token_ciba",
                    _ => "token_other",
                }
            }
            "/protocol/openid-connect/token/introspect" => "introspect",
            "/protocol/openid-connect/userinfo" => "userinfo",
            "/protocol/openid-connect/logout"
            | "/protocol/openid-connect/logout/logout-confirm" => "logout",
            "/protocol/openid-connect/revoke" => "revoke",
            "/protocol/openid-connect/ext/ciba/auth" => "ciba",
            "/protocol/openid-connect/ext/par/request" => "par",
            _ => "unknown",
        }
    }

    /// Who is concerned, as far as the request tells.
    fn persona(
        &self,
        state: &State,
        operation: &str,
        request: &Incoming,
        input: &Input,
    ) -> Option<PersonaId> {
        let now = seconds(self.clock.now());
        let of_session = |sid: &str| state.sessions.get(sid).map(|s| s.persona.clone());
        let of_token = |token: &str| {
            let digest = Sha256Hex::of(token.as_bytes());
            let grant = state
                .access
                .get(&digest)
                .map(|a| &a.grant)
                .or_else(|| state.refresh.get(&digest).map(|r| &r.grant))?;
            of_session(&grant.sid)
        };
        match operation {
            "authorize" => input::cookie(request, SSO_COOKIE)
                .and_then(|c| state.session_of_cookie(c, now))
                .map(|(_, s)| s.persona.clone())
                .or_else(|| state.user.as_ref().map(|u| u.persona.clone())),
            "decision" => input.any("persona").and_then(|id| PersonaId::new(id).ok()),
            "token_code" => state
                .codes
                .get(input.any("code")?)
                .and_then(|c| of_session(&c.grant.sid)),
            "token_refresh" => of_token(input.any("refresh_token")?),
            "token_ciba" => state
                .ciba
                .get(input.any("auth_req_id")?)
                .map(|c| c.persona.clone()),
            "userinfo" => of_token(input::bearer(request).or_else(|| input.any("access_token"))?),
            "introspect" | "revoke" => of_token(input.any("token")?),
            "logout" => {
                let hint = Jwt::decode(input.any("id_token_hint")?).ok()?;
                of_session(hint.text("sid")?)
            }
            "ciba" => {
                let hint = input.any("login_hint")?;
                self.people
                    .iter()
                    .find(|p| p.professionnel_de_sante && p.identifiant_national == hint)
                    .map(|p| p.id.clone())
            }
            _ => None,
        }
    }

    /// Digests of what the request carries, by kind.
    fn presented(state: &State, request: &Incoming, input: &Input) -> BTreeMap<String, Sha256Hex> {
        let mut out = BTreeMap::new();
        let mut put = |kind: &str, value: Option<&str>| {
            if let Some(value) = value {
                out.insert(kind.to_owned(), Sha256Hex::of(value.as_bytes()));
            }
        };
        for name in [
            "state",
            "nonce",
            "code",
            "refresh_token",
            "auth_req_id",
            "code_challenge",
            "code_verifier",
        ] {
            put(name, input.any(name));
        }
        put("id_token", input.any("id_token_hint"));
        put(
            "access_token",
            input::bearer(request).or_else(|| input.any("access_token")),
        );
        put("sso", input::cookie(request, SSO_COOKIE));
        put("client_assertion", input.any("client_assertion"));
        if let Some(token) = input.any("token") {
            let digest = Sha256Hex::of(token.as_bytes());
            let kind = if state.refresh.contains_key(&digest) {
                "refresh_token"
            } else if state.access.contains_key(&digest) {
                "access_token"
            } else {
                "token"
            };
            put(kind, Some(token));
        }
        if let Some(verifier) = input.any("code_verifier") {
            // What the challenge of the authorization request must have been under S256.
            put("code_challenge", Some(&crate::token::s256(verifier)));
        }
        out
    }
}

impl HttpService for Provider {
    fn classify(&self, request: &Incoming) -> Classified {
        let input = Input::of(request);
        let operation = self.operation(request);
        let state = self.lock();
        Classified {
            operation: operation.to_owned(),
            persona: self.persona(&state, operation, request, &input),
            presented: Self::presented(&state, request, &input),
        }
    }

    fn answer(&self, request: &Incoming, classified: &Classified) -> Reply {
        let Some(endpoints) = self.endpoints() else {
            return json_reply(503, &serde_json::json!({ "error": "starting" }))
                .outcome("starting");
        };
        let now = self.clock.now();
        let call = Call {
            request,
            input: Input::of(request),
            persona: classified.persona.clone(),
            endpoints,
            now: seconds(now),
            now_ms: now.unix_millis(),
        };
        let operation = classified.operation.as_str();
        let mut state = self.lock();
        let state = &mut *state;
        if operation == "unknown" {
            return Self::unknown(&call);
        }
        if let Some(reply) = wrong_method(operation, &request.method) {
            return reply;
        }
        let play = self.take(operation, &call);
        if let Some(reply) = play.instead() {
            return play.deliver(reply);
        }
        let reply = match operation {
            "discovery" => self.discovery(&call, &play),
            "jwks" => Self::jwks(state, &play),
            "authorize" => self.authorize(state, &call),
            "decision" => self.decision(state, &call),
            "token_code" => self.token_code(state, &call, &play),
            "token_refresh" => self.token_refresh(state, &call, &play),
            "token_ciba" => self.token_ciba(state, &call, &play),
            "token_other" => self.token_other(state, &call),
            "userinfo" => self.userinfo(state, &call, &play),
            "introspect" => self.introspect(state, &call),
            "revoke" => self.revoke(state, &call),
            "logout" => self.logout(state, &call, &play),
            "ciba" => self.ciba(state, &call, &play),
            "par" => self.pushed_request(state, &call),
            _ => Self::unknown(&call),
        };
        play.deliver(reply)
    }

    fn guard(&self, request: &Incoming) -> Option<String> {
        let input = Input::of(request);
        let hint = input.any("login_hint")?;
        let rpps = Looks::of(hint) == Looks::Rpps;
        let known = self.people.iter().any(|p| p.identifiant_national == hint);
        (rpps && !known && !hint.starts_with(TEST_RANGE))
            .then(|| "login_hint: an RPPS number outside the test range 8997".to_owned())
    }

    fn tls_fault(&self, listener: &'static str) -> Option<(FaultId, TlsFault)> {
        let playing = self.faults.take("tls", None)?;
        let play = Play::new(Some(playing.clone()));
        let wanted = play.text("listener");
        if !wanted.is_empty() && wanted != listener {
            return None;
        }
        Some((playing.id.clone(), faults::tls_fault(&playing.id)?))
    }
}

/// The answer to a method that the endpoint does not have.
fn wrong_method(operation: &str, method: &str) -> Option<Reply> {
    let allowed: &[&str] = match operation {
        "discovery" | "jwks" => &["GET", "HEAD"],
        "authorize" | "userinfo" | "logout" | "decision" => &["GET", "POST"],
        _ => &["POST"],
    };
    if allowed.contains(&method) {
        return None;
    }
    let mut reply = json_reply(
        405,
        &serde_json::json!({ "error": "method not allowed here" }),
    );
    reply.headers.push(("Allow".to_owned(), allowed.join(", ")));
    Some(reply.outcome("method_not_allowed"))
}

//! What the provider remembers: sessions, codes, tokens, CIBA requests. No protocol here.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diapason_core::scenario::PscUser;
use diapason_core::{PersonaId, Sha256Hex, Timestamp};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value};

use crate::config::lifetime;
use crate::keys::KeyRing;

/// An authorization request that was accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AuthRequest {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) response_mode: ResponseMode,
    pub(crate) scope: String,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<Challenge>,
}

/// How the answer goes back to the client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    #[default]
    Query,
    Fragment,
    FormPost,
}

/// PKCE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) s256: bool,
    pub(crate) value: String,
}

/// What a code, a refresh token or a CIBA request gives right to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) sid: String,
    pub(crate) scope: String,
    pub(crate) nonce: Option<String>,
}

/// An authorization code.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) grant: Grant,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) issued_at: i64,
    pub(crate) used: bool,
}

/// A user authenticated at PSC.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) persona: PersonaId,
    pub(crate) sub: String,
    pub(crate) channel: String,
    pub(crate) auth_time: i64,
    pub(crate) last_seen: i64,
    /// Value of the wallet cookie; none for CIBA.
    pub(crate) cookie: Option<String>,
    pub(crate) ended: bool,
}

impl Session {
    /// Is the SSO alive?
    pub(crate) fn alive(&self, now: i64) -> bool {
        !self.ended
            && now - self.last_seen < lifetime::SSO_IDLE
            && now - self.auth_time < lifetime::SSO_MAX
    }
}

/// An access token that was issued.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) grant: Grant,
    pub(crate) claims: Map<String, Value>,
    pub(crate) expires_at: i64,
    pub(crate) revoked: bool,
    /// Certificate it is bound to.
    pub(crate) bound_to: Option<Sha256Hex>,
}

/// A refresh token that was issued.
#[derive(Debug, Clone)]
pub(crate) struct Refresh {
    pub(crate) grant: Grant,
    pub(crate) claims: Map<String, Value>,
    pub(crate) expires_at: i64,
    pub(crate) used: bool,
    pub(crate) revoked: bool,
    pub(crate) bound_to: Option<Sha256Hex>,
}

/// What the user did with a CIBA request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CibaState {
    Pending,
    Approved,
    Refused,
    Consumed,
}

/// A CIBA authentication request.
#[derive(Debug, Clone)]
pub(crate) struct Ciba {
    pub(crate) client_id: String,
    pub(crate) persona: PersonaId,
    pub(crate) scope: String,
    pub(crate) channel: String,
    pub(crate) binding_message: String,
    pub(crate) issued_at: i64,
    pub(crate) interval_ms: i64,
    pub(crate) last_poll_ms: Option<i64>,
    pub(crate) state: CibaState,
}

/// Everything the provider remembers.
pub(crate) struct State {
    pub(crate) rng: ChaCha8Rng,
    pub(crate) keys: KeyRing,
    pub(crate) refresh_secret: Vec<u8>,
    /// Who stands before PSC; `None`: the page asks.
    pub(crate) user: Option<PscUser>,
    /// Requests whose page is shown, by the page's own key.
    pub(crate) pages: HashMap<String, AuthRequest>,
    pub(crate) codes: HashMap<String, Code>,
    pub(crate) sessions: BTreeMap<String, Session>,
    /// Sessions opened since the start.
    logins: u32,
    /// Session of each wallet cookie.
    cookies: HashMap<String, String>,
    pub(crate) access: HashMap<Sha256Hex, Access>,
    pub(crate) refresh: HashMap<Sha256Hex, Refresh>,
    pub(crate) ciba: BTreeMap<String, Ciba>,
    /// Requests pushed by a client (PAR), by `request_uri`.
    pub(crate) pushed: HashMap<String, (i64, Vec<(String, String)>)>,
    /// Client assertions already seen (client and `jti`), and when they expire.
    pub(crate) assertions: BTreeMap<String, i64>,
    /// Last ID token of each client: text and claims.
    pub(crate) last_id_token: HashMap<String, (String, Map<String, Value>)>,
}

impl State {
    pub(crate) fn new(seed: u64, keys: KeyRing) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x0070_7363);
        let mut refresh_secret = vec![0; 32];
        rand::rng().fill_bytes(&mut refresh_secret);
        // One step away from the raw seed, so that ids of the mock and personas drawn elsewhere differ.
        let _ = rng.next_u64();
        Self {
            rng,
            keys,
            refresh_secret,
            user: None,
            pages: HashMap::new(),
            codes: HashMap::new(),
            sessions: BTreeMap::new(),
            logins: 0,
            cookies: HashMap::new(),
            access: HashMap::new(),
            refresh: HashMap::new(),
            ciba: BTreeMap::new(),
            pushed: HashMap::new(),
            assertions: BTreeMap::new(),
            last_id_token: HashMap::new(),
        }
    }

    /// Forgets everything but the keys. The generator goes on, so that no id comes twice in a run.
    pub(crate) fn clear(&mut self) {
        self.user = None;
        self.pages.clear();
        self.codes.clear();
        self.sessions.clear();
        self.cookies.clear();
        self.access.clear();
        self.refresh.clear();
        self.ciba.clear();
        self.pushed.clear();
        self.assertions.clear();
        self.last_id_token.clear();
        self.keys.forget_retired();
    }

    /// A fresh UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let mut bytes = [0_u8; 16];
        self.rng.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes)
            .into_uuid()
            .to_string()
    }

    /// An opaque base64url text over so many random bytes.
    pub(crate) fn opaque(&mut self, bytes: usize) -> String {
        let mut buffer = vec![0_u8; bytes];
        self.rng.fill_bytes(&mut buffer);
        URL_SAFE_NO_PAD.encode(buffer)
    }

    /// Opens a session and returns its id.
    pub(crate) fn open_session(
        &mut self,
        persona: &PersonaId,
        sub: String,
        channel: &str,
        browser: bool,
        now: i64,
    ) -> String {
        self.forget_the_dead(now);
        let sid = self.uuid();
        let cookie = browser.then(|| self.opaque(32));
        if let Some(cookie) = &cookie {
            self.cookies.insert(cookie.clone(), sid.clone());
        }
        self.sessions.insert(
            sid.clone(),
            Session {
                persona: persona.clone(),
                sub,
                channel: channel.to_owned(),
                auth_time: now,
                last_seen: now,
                cookie,
                ended: false,
            },
        );
        sid
    }

    /// The session that a wallet cookie names, if it is alive.
    pub(crate) fn session_of_cookie(&self, cookie: &str, now: i64) -> Option<(&String, &Session)> {
        let (sid, session) = self.sessions.get_key_value(self.cookies.get(cookie)?)?;
        session.alive(now).then_some((sid, session))
    }

    /// A long run under load must not keep what can no longer serve: past a few thousand entries,
    /// what has expired or was used goes. Replays are then told as unknown rather than as replays.
    fn forget_the_dead(&mut self, now: i64) {
        const MANY: usize = 4096;
        // Looking through them all is not for every login.
        self.logins = self.logins.wrapping_add(1);
        if !self.logins.is_multiple_of(1024) {
            return;
        }
        if self.access.len() > MANY {
            self.access.retain(|_, a| now < a.expires_at);
        }
        if self.refresh.len() > MANY {
            self.refresh.retain(|_, r| now < r.expires_at && !r.used);
        }
        if self.codes.len() > MANY {
            self.codes
                .retain(|_, c| !c.used && now - c.issued_at < lifetime::ACCESS);
        }
        if self.ciba.len() > MANY {
            self.ciba.retain(|_, c| now - c.issued_at < lifetime::CIBA);
        }
        if self.pages.len() > MANY {
            self.pages.clear();
        }
        if self.assertions.len() > MANY {
            self.assertions.retain(|_, exp| now < *exp + 60);
        }
        if self.sessions.len() > MANY {
            self.sessions.retain(|_, s| s.alive(now));
            let sessions = &self.sessions;
            self.cookies.retain(|_, sid| sessions.contains_key(sid));
        }
    }

    /// Ends a session: its tokens are dead from here on.
    pub(crate) fn end_session(&mut self, sid: &str) -> bool {
        match self.sessions.get_mut(sid) {
            Some(session) if !session.ended => {
                session.ended = true;
                true
            }
            _ => false,
        }
    }

    /// An access token that is worth something now.
    pub(crate) fn live_access(&self, token: &str, now: i64) -> Option<(&Access, &Session)> {
        let access = self.access.get(&Sha256Hex::of(token.as_bytes()))?;
        let session = self.sessions.get(&access.grant.sid)?;
        (!access.revoked && now < access.expires_at && !session.ended).then_some((access, session))
    }

    /// A refresh token that is worth something now.
    pub(crate) fn live_refresh(&self, token: &str, now: i64) -> Option<(&Refresh, &Session)> {
        let refresh = self.refresh.get(&Sha256Hex::of(token.as_bytes()))?;
        let session = self.sessions.get(&refresh.grant.sid)?;
        (!refresh.revoked && !refresh.used && now < refresh.expires_at && session.alive(now))
            .then_some((refresh, session))
    }
}

/// Whole seconds of an instant.
pub(crate) fn seconds(at: Timestamp) -> i64 {
    at.unix_seconds()
}

//! Browser sessions: an opaque cookie, everything else on the server.
//!
//! A session exists before login (it carries the state of a login under way) and changes its value at
//! login and at logout. Idle time and the overall limit are measured on the DUI's clock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use diapason_core::Timestamp;

use super::ciba::Ciba;
use super::jose::random;
use super::tokens::Tokens;
use super::userinfo::{Professional, Situation};

/// Name of the session cookie.
pub(crate) const COOKIE: &str = "dui_session";
/// No login outlives this, seconds: the longest life of a login at PSC.
pub(crate) const MAX_LOGIN: i64 = 4 * 3600;
/// A login under way is dropped after this, milliseconds.
const PENDING_LIFE: i64 = 10 * 60 * 1000;
/// Logins under way kept for one browser (one per open tab).
const PENDING_MAX: usize = 5;
/// A session without login is dropped after this, milliseconds.
const ANONYMOUS_LIFE: i64 = 60 * 60 * 1000;

/// Means of login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// Pro Santé Connect.
    Psc,
    /// Login name and password.
    Local,
}

impl Means {
    /// Word used in traces and results.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Psc => "psc",
            Self::Local => "local",
        }
    }
}

/// An authorization request sent, waiting for its callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pending {
    /// State.
    pub(crate) state: String,
    /// Nonce.
    pub(crate) nonce: String,
    /// PKCE verifier.
    pub(crate) verifier: String,
    /// Local page to open afterwards.
    pub(crate) retour: String,
    /// When.
    pub(crate) at: Timestamp,
}

/// Someone is logged in.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    /// Account id.
    pub(crate) compte: String,
    /// Means.
    pub(crate) moyen: Means,
    /// Since when.
    pub(crate) since: Timestamp,
    /// Not beyond.
    pub(crate) until: Timestamp,
    /// Rights in this login: those of the account, or none.
    pub(crate) droits: Vec<String>,
    /// Situations known to PSC.
    pub(crate) situations: Vec<Situation>,
    /// The one chosen.
    pub(crate) situation: Option<usize>,
    /// PSC tokens; they never leave the server.
    pub(crate) tokens: Option<Tokens>,
    /// One renewal at a time.
    pub(crate) renewal: Arc<tokio::sync::Mutex<()>>,
    /// What the user should know.
    pub(crate) avis: Vec<String>,
}

/// One browser.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// Against forged forms.
    pub(crate) csrf: String,
    /// Last use.
    pub(crate) seen: Timestamp,
    /// Logins under way.
    pub(crate) pending: VecDeque<Pending>,
    /// A PSC identity without account, waiting for the password of one.
    pub(crate) association: Option<(Professional, Tokens)>,
    /// A CIBA login under way.
    pub(crate) ciba: Option<Ciba>,
    /// State sent to the PSC logout.
    pub(crate) logout_state: Option<String>,
    /// Message for the next page.
    pub(crate) message: Option<String>,
    /// Login.
    pub(crate) login: Option<Login>,
}

/// Why a login is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Idle for too long.
    Idle,
    /// The overall limit is reached.
    Limit,
}

impl Session {
    fn new(now: Timestamp) -> Self {
        Self {
            csrf: random(),
            seen: now,
            pending: VecDeque::new(),
            association: None,
            ciba: None,
            logout_state: None,
            message: None,
            login: None,
        }
    }

    /// Remembers an authorization request.
    pub(crate) fn push_pending(&mut self, pending: Pending) {
        while self.pending.len() >= PENDING_MAX {
            self.pending.pop_front();
        }
        self.pending.push_back(pending);
    }

    /// The authorization request of that state, if it is still waiting.
    pub(crate) fn find_pending(&self, state: &str, now: Timestamp) -> Option<&Pending> {
        self.pending
            .iter()
            .find(|p| p.state == state && now.millis_since(p.at) <= PENDING_LIFE)
    }

    /// Is the login over?
    pub(crate) fn end(&self, now: Timestamp, idle_seconds: u64) -> Option<End> {
        let login = self.login.as_ref()?;
        let idle = i64::try_from(idle_seconds).unwrap_or(i64::MAX);
        if now.millis_since(self.seen) / 1000 >= idle {
            Some(End::Idle)
        } else if now.millis_since(login.until) >= 0 {
            Some(End::Limit)
        } else {
            None
        }
    }
}

/// Every session, by cookie value.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    all: BTreeMap<String, Session>,
}

impl Sessions {
    /// Opens a session and returns its cookie value.
    pub(crate) fn open(&mut self, now: Timestamp) -> String {
        self.all.retain(|_, session| {
            session.login.is_some() || now.millis_since(session.seen) < ANONYMOUS_LIFE
        });
        let id = random();
        self.all.insert(id.clone(), Session::new(now));
        id
    }

    /// The session of a cookie value.
    pub(crate) fn get(&self, id: &str) -> Option<&Session> {
        self.all.get(id)
    }

    /// The session of a cookie value.
    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Session> {
        self.all.get_mut(id)
    }

    /// Every session.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Session)> {
        self.all.iter()
    }

    /// Logs in: a new session takes the place of the old one, which is closed.
    pub(crate) fn log_in(
        &mut self,
        old: &str,
        login: Login,
        now: Timestamp,
        keep_value: bool,
    ) -> String {
        let before = self.all.remove(old);
        let mut session = Session::new(now);
        // Other tabs may still wait for their callback.
        session.pending = before.map(|s| s.pending).unwrap_or_default();
        session.login = Some(login);
        let id = if keep_value { old.to_owned() } else { random() };
        self.all.insert(id.clone(), session);
        id
    }

    /// Ends a login: the session is closed and an anonymous one takes its place.
    pub(crate) fn log_out(&mut self, old: &str, message: &str, now: Timestamp) -> String {
        self.all.remove(old);
        let id = self.open(now);
        if let Some(session) = self.all.get_mut(&id) {
            session.message = Some(message.to_owned());
        }
        id
    }

    /// Closes everything.
    pub(crate) fn clear(&mut self) {
        self.all.clear();
    }
}

/// The session cookie of a `Cookie` header.
pub(crate) fn read_cookie(header: &str) -> Option<&str> {
    header.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE && !value.is_empty()).then_some(value)
    })
}

/// A `Set-Cookie` line. `Secure` is always there: browsers honour it on https and on loopback, and a
/// DUI reached in clear from another machine must not work at all.
pub(crate) fn set_cookie(id: &str, mutant: &dyn Fn(&str) -> bool) -> String {
    let mut line = format!("{COOKIE}={id}; Path=/");
    for (attribute, missing) in [
        ("; Secure", mutant("cookie-not-secure")),
        ("; HttpOnly", mutant("cookie-not-httponly")),
        ("; SameSite=Lax", mutant("cookie-without-samesite")),
    ] {
        if !missing {
            line.push_str(attribute);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis((1_800_000_000 + seconds) * 1000)
    }

    fn login() -> Login {
        Login {
            compte: "compte-1".to_owned(),
            moyen: Means::Local,
            since: at(0),
            until: at(MAX_LOGIN),
            droits: Vec::new(),
            situations: Vec::new(),
            situation: None,
            tokens: None,
            renewal: Arc::default(),
            avis: Vec::new(),
        }
    }

    fn pending(state: &str, when: i64) -> Pending {
        Pending {
            state: state.to_owned(),
            nonce: String::new(),
            verifier: String::new(),
            retour: String::new(),
            at: at(when),
        }
    }

    #[test]
    fn a_login_changes_the_value_and_a_logout_forgets_it() {
        let mut sessions = Sessions::default();
        let before = sessions.open(at(0));
        let during = sessions.log_in(&before, login(), at(0), false);
        assert_ne!(before, during);
        assert!(sessions.get(&before).is_none());
        let after = sessions.log_out(&during, "Au revoir", at(1));
        assert!(sessions.get(&during).is_none());
        assert!(sessions.get(&after).unwrap().login.is_none());
    }

    #[test]
    fn idle_time_and_the_overall_limit_end_a_login() {
        let mut sessions = Sessions::default();
        let id = sessions.open(at(0));
        let id = sessions.log_in(&id, login(), at(0), false);
        let session = sessions.get_mut(&id).unwrap();
        assert_eq!(session.end(at(1799), 1800), None);
        assert_eq!(session.end(at(1800), 1800), Some(End::Idle));
        session.seen = at(MAX_LOGIN - 1);
        assert_eq!(session.end(at(MAX_LOGIN - 1), 1800), None);
        assert_eq!(session.end(at(MAX_LOGIN), 1800), Some(End::Limit));
    }

    #[test]
    fn a_request_waits_ten_minutes_and_five_at_most() {
        let mut sessions = Sessions::default();
        let id = sessions.open(at(0));
        let session = sessions.get_mut(&id).unwrap();
        for n in 0..6 {
            session.push_pending(pending(&format!("e{n}"), n));
        }
        assert!(session.find_pending("e0", at(6)).is_none());
        assert!(session.find_pending("e1", at(6)).is_some());
        assert!(session.find_pending("e1", at(602)).is_none());
        assert!(session.find_pending("autre", at(6)).is_none());
    }

    #[test]
    fn abandoned_sessions_go() {
        let mut sessions = Sessions::default();
        let old = sessions.open(at(0));
        sessions.open(at(3601));
        assert!(sessions.get(&old).is_none());
    }

    #[test]
    fn cookies_are_written_with_every_protection_and_read_back() {
        let line = set_cookie("abc", &|_| false);
        assert_eq!(
            line,
            "dui_session=abc; Path=/; Secure; HttpOnly; SameSite=Lax"
        );
        assert_eq!(read_cookie("a=b; dui_session=abc"), Some("abc"));
        assert_eq!(read_cookie("xdui_session=abc"), None);
        assert_eq!(read_cookie("dui_session="), None);
        assert!(!set_cookie("abc", &|m| m == "cookie-not-httponly").contains("HttpOnly"));
    }
}

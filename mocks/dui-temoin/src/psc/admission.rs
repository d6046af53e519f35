//! From a proven identity to a login: account, rights, identity cohesion, association.

use std::sync::Arc;

use diapason_core::Timestamp;
use diapason_core::driver::CompteView;

use super::accounts::Match;
use super::failure::{Failure, oauth_message};
use super::session::{Login, MAX_LOGIN, Means};
use super::tokens::Tokens;
use super::userinfo::Professional;
use super::{Memory, trace};
use crate::AppState;

/// Shown when PSC knows the person and this DUI does not.
pub(crate) const NO_ACCOUNT: &str = "Votre identité est confirmée par Pro Santé Connect, mais aucun compte de ce dossier usager ne porte votre identifiant national : aucun droit ne vous est ouvert. Si vous avez déjà un compte local, connectez-vous avec votre identifiant et votre mot de passe pour l'associer ; sinon, adressez-vous à votre administrateur.";

/// A professional whose tokens and userinfo have been checked.
#[derive(Debug, Clone)]
pub(crate) struct Authenticated {
    /// Who.
    pub(crate) professional: Professional,
    /// With which tokens.
    pub(crate) tokens: Tokens,
    /// When he authenticated at PSC.
    pub(crate) auth_time: Option<i64>,
}

/// How an authenticated professional is received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Logged in, under a new session value.
    In(String),
    /// No account: refused, under this session value.
    NoAccount(String),
}

/// Receives a professional authenticated by PSC in the browser session `sid`.
pub(crate) fn admit(state: &AppState, sid: &str, who: Authenticated) -> Arrival {
    let now = state.now();
    let mutant = |name: &str| state.mutant(name);
    let author = who.professional.national_id.clone();
    let mut memory = state.psc().memory();
    let current = memory.sessions.get(sid).and_then(|s| s.login.clone());
    let mut matched = memory.accounts.matched(&who.professional, &mutant);
    if matched == Match::Unknown {
        // Whoever is logged in here with the password of an account without national id has proven both.
        let own = current.as_ref().map(|login| login.compte.clone());
        let own = own.or_else(|| {
            mutant("associate-without-proof")
                .then(|| memory.accounts.without_national_id())
                .flatten()
        });
        if let Some(id) = own
            && memory.accounts.associate(&id, &who.professional, &mutant)
        {
            matched = Match::Found {
                id,
                profession_changed: false,
            };
        }
    }
    if let Some(current) = &current
        && mutant("keep-first-identity")
    {
        let login = Login {
            tokens: Some(who.tokens),
            ..current.clone()
        };
        return Arrival::In(memory.sessions.log_in(sid, login, now, false));
    }
    let same =
        matches!((&current, &matched), (Some(c), Match::Found { id, .. }) if c.compte == *id);
    let replaced = current.filter(|_| !same);
    let arrival = match matched {
        Match::Found {
            id,
            profession_changed,
        } => {
            let login = psc_login(&memory, &id, who, now, profession_changed, &mutant);
            let keep = mutant("session-fixation");
            Arrival::In(memory.sessions.log_in(sid, login, now, keep))
        }
        Match::Unknown => {
            let id = memory.sessions.log_out(sid, NO_ACCOUNT, now);
            if let Some(session) = memory.sessions.get_mut(&id) {
                session.association = Some((who.professional, who.tokens));
            }
            Arrival::NoAccount(id)
        }
    };
    drop(memory);
    if let Some(replaced) = replaced {
        state.log("psc: another person came back in this browser, the former login is closed");
        trace(
            state,
            "deconnexion",
            &replaced.compte,
            replaced.moyen,
            "autre-identite",
        );
    }
    match &arrival {
        Arrival::In(_) => trace(state, "connexion", &author, Means::Psc, "OK"),
        Arrival::NoAccount(_) => trace(
            state,
            "connexion.echec",
            &author,
            Means::Psc,
            "compte-inconnu",
        ),
    }
    arrival
}

fn psc_login(
    memory: &Memory,
    id: &str,
    who: Authenticated,
    now: Timestamp,
    profession_changed: bool,
    mutant: &dyn Fn(&str) -> bool,
) -> Login {
    let mut avis = Vec::new();
    let mut droits = memory
        .accounts
        .get(id)
        .map(|view| view.droits.clone())
        .unwrap_or_default();
    let situations = who.professional.situations;
    if profession_changed && !mutant("profession-change-ignored") {
        droits.clear();
        avis.push("Votre profession a changé depuis votre dernière connexion : vos droits sont suspendus jusqu'à leur revue par un administrateur.".to_owned());
    }
    if situations.is_empty() {
        droits.clear();
        avis.push("Pro Santé Connect ne vous connaît aucune situation d'exercice : vos droits sont restreints.".to_owned());
    }
    let situation = (situations.len() == 1
        || mutant("no-situation-choice") && !situations.is_empty())
    .then_some(0);
    // A login here does not outlive the one at PSC.
    let origin = who
        .auth_time
        .map(|seconds| Timestamp::from_unix_millis(seconds * 1000))
        .filter(|at| *at < now)
        .unwrap_or(now);
    Login {
        compte: id.to_owned(),
        moyen: Means::Psc,
        since: now,
        until: limit(origin, mutant),
        droits,
        situations,
        situation,
        tokens: Some(who.tokens),
        renewal: Arc::default(),
        avis,
    }
}

/// Logs in with a login name and a password, in the browser session `sid`. When that browser has just
/// been refused by lack of an account, the password proves whose account it is: they are associated.
pub(crate) fn local(
    state: &AppState,
    sid: &str,
    identifiant: &str,
    mot_de_passe: &str,
) -> Option<(String, CompteView)> {
    let now = state.now();
    let mutant = |name: &str| state.mutant(name);
    let mut memory = state.psc().memory();
    let Some(id) = memory.accounts.authenticate(identifiant, mot_de_passe) else {
        drop(memory);
        trace(
            state,
            "connexion.echec",
            identifiant,
            Means::Local,
            "mot-de-passe",
        );
        return None;
    };
    let apart = mutant("local-login-apart")
        .then(|| memory.accounts.apart_mutant(&id))
        .flatten();
    let id = apart.unwrap_or(id);
    let waiting = memory.sessions.get(sid).and_then(|s| s.association.clone());
    let mut avis = Vec::new();
    if let Some((professional, _)) = waiting.filter(|_| !mutant("association-refused")) {
        let done = memory.accounts.associate(&id, &professional, &mutant);
        avis.push(
            if done {
                "Votre compte est désormais associé à votre identité Pro Santé Connect."
            } else {
                "Ce compte porte déjà un autre identifiant national : il n'a pas été associé à votre identité Pro Santé Connect."
            }
            .to_owned(),
        );
    }
    let view = memory.accounts.get(&id)?.clone();
    let login = Login {
        compte: id,
        moyen: Means::Local,
        since: now,
        until: limit(now, &mutant),
        droits: view.droits.clone(),
        situations: Vec::new(),
        situation: None,
        tokens: None,
        renewal: Arc::default(),
        avis,
    };
    let new = memory
        .sessions
        .log_in(sid, login, now, mutant("session-fixation"));
    drop(memory);
    trace(state, "connexion", &view.identifiant, Means::Local, "OK");
    Some((new, view))
}

/// Mutants that let someone in when PSC fails, and when.
pub(crate) fn failure_opens_mutant(state: &AppState, failure: &Failure) -> bool {
    match failure {
        Failure::OAuth { what, .. } => {
            *what == "authorize" && state.mutant("refusal-opens-session")
        }
        Failure::Status("token", _) | Failure::Body("token") => {
            state.mutant("token-error-opens-session")
        }
        Failure::Unreachable { what, .. } => {
            *what == "token" && state.mutant("token-silence-opens-session")
        }
        _ => false,
    }
}

/// The same when a CIBA login is over.
pub(crate) fn ciba_over_opens_mutant(state: &AppState, text: &str) -> bool {
    let is = |code: &str| text == oauth_message(code);
    is("access_denied") && state.mutant("ciba-refusal-opens-session")
        || is("expired_token") && state.mutant("ciba-expiry-opens-session")
}

/// Only those mutants let someone in without any proof.
pub(crate) fn any_login_mutant(state: &AppState, sid: &str) -> Option<String> {
    let now = state.now();
    let mut memory = state.psc().memory();
    let view = memory.accounts.views().into_iter().next()?;
    let login = Login {
        compte: view.id,
        moyen: Means::Local,
        since: now,
        until: limit(now, &|_| false),
        droits: view.droits,
        situations: Vec::new(),
        situation: None,
        tokens: None,
        renewal: Arc::default(),
        avis: Vec::new(),
    };
    Some(memory.sessions.log_in(sid, login, now, false))
}

fn limit(origin: Timestamp, mutant: &dyn Fn(&str) -> bool) -> Timestamp {
    let life = if mutant("no-four-hour-limit") {
        365 * 86_400
    } else {
        MAX_LOGIN
    };
    Timestamp::from_unix_millis(origin.unix_millis() + life * 1000)
}

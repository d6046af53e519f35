//! The life of a login: idle time, overall limit, renewal of PSC tokens, logout.
//!
//! Tokens are renewed only while the user is active, by his own requests. Idle time closes the login
//! here and leaves PSC alone; a logout asked for by the user closes both.

use diapason_core::Timestamp;
use url::Url;

use super::client::PscClient;
use super::failure::Failure;
use super::flow::exchange;
use super::id_token::{Defect, Expected, check_claims};
use super::jose::random;
use super::session::{End, Login, Means, Session};
use super::tokens::{TokenResponse, Tokens};
use super::trace;
use crate::AppState;

/// Renewal starts this long before the access token expires, milliseconds.
const MARGIN: i64 = 10_000;
/// After a renewal that PSC did not answer, the next try comes no sooner, milliseconds.
const RETRY_AFTER: i64 = 30_000;

const IDLE: &str =
    "Votre connexion a été fermée après une période d'inactivité. Reconnectez-vous pour continuer.";
const LIMIT: &str = "La durée maximale de connexion est atteinte. Reconnectez-vous pour continuer.";
const PSC_OVER: &str = "Votre connexion Pro Santé Connect a pris fin : les fonctions qui en dépendent sont fermées. Reconnectez-vous pour continuer.";
/// Shown while PSC does not answer a renewal.
const PSC_AWAY: &str = "Pro Santé Connect est momentanément indisponible : les fonctions qui en dépendent sont suspendues, le reste du dossier reste ouvert.";

/// May a protected page open?
#[derive(Debug)]
pub(crate) enum Access {
    /// Yes.
    Open(Box<Login>),
    /// No; the session value may have changed.
    Closed(Option<String>),
}

/// A protected page is asked for in the browser session `sid`: this counts as activity.
pub(crate) async fn enter(state: &AppState, sid: &str) -> Access {
    let now = state.now();
    let end = {
        let mut memory = state.psc().memory();
        let Some(session) = memory.sessions.get_mut(sid) else {
            return Access::Closed(None);
        };
        if session.login.is_none() {
            return Access::Closed(None);
        }
        let end = session.end(now, idle_seconds(state, session));
        if end.is_none() {
            session.seen = now;
        }
        end
    };
    if let Some(end) = end {
        return Access::Closed(Some(time_out(state, sid, end).await));
    }
    if let Err(failure) = renew(state, sid, false).await
        && ![
            "keep-login-after-refresh-failure",
            "no-idle-logout",
            "no-four-hour-limit",
        ]
        .iter()
        .any(|mutant| state.mutant(mutant))
    {
        state.log(&format!("psc: renewal refused, login closed: {failure}"));
        return Access::Closed(Some(close(state, sid, PSC_OVER, "renouvellement").0));
    }
    if state.mutant("refresh-every-request") {
        // Before the page and after it; the answer is not looked at.
        let _ = renew(state, sid, false).await;
    }
    let memory = state.psc().memory();
    match memory.sessions.get(sid) {
        Some(Session {
            login: Some(login), ..
        }) => Access::Open(Box::new(login.clone())),
        _ => Access::Closed(None),
    }
}

/// Idle time allowed to a session.
fn idle_seconds(state: &AppState, session: &Session) -> u64 {
    let local = session
        .login
        .as_ref()
        .is_some_and(|login| login.moyen == Means::Local);
    match state.config().psc.as_ref() {
        _ if state.mutant("no-idle-logout") => u64::MAX,
        _ if local && state.mutant("no-idle-logout-for-local") => u64::MAX,
        Some(settings) => settings.idle_seconds,
        None => 1_800,
    }
}

async fn time_out(state: &AppState, sid: &str, end: End) -> String {
    let (message, code) = match end {
        End::Idle => (IDLE, "inactivite"),
        End::Limit => (LIMIT, "duree-maximale"),
    };
    let (id, login) = close(state, sid, message, code);
    if state.mutant("idle-logout-closes-psc")
        && let Some(tokens) = login.and_then(|login| login.tokens)
        && let Ok(client) = state.psc().client()
        && let Ok(provider) = client.provider(state).await
    {
        let form = vec![("id_token_hint", tokens.id_token)];
        // Only a mutant calls; what PSC answers changes nothing here.
        let _ = client
            .post(
                state,
                &provider.end_session.unwrap_or_default(),
                "logout",
                form,
            )
            .await;
    }
    id
}

/// Closes a login here and gives the browser a fresh anonymous session with a message.
fn close(state: &AppState, sid: &str, message: &str, code: &str) -> (String, Option<Login>) {
    let mut memory = state.psc().memory();
    let login = memory.sessions.get(sid).and_then(|s| s.login.clone());
    let id = memory.sessions.log_out(sid, message, state.now());
    drop(memory);
    if let Some(login) = &login {
        trace(state, "deconnexion", &login.compte, login.moyen, code);
    }
    (id, login)
}

/// Renews the PSC tokens of a login when they are about to expire. `Err` means that the login is over;
/// an outage is no reason to end it.
async fn renew(state: &AppState, sid: &str, background: bool) -> Result<(), Failure> {
    let Some((_, renewal)) = due(state, sid, background) else {
        return Ok(());
    };
    let _alone = renewal.lock().await;
    // Another request of the same user may have done it meanwhile.
    let Some((tokens, _)) = due(state, sid, background) else {
        return Ok(());
    };
    let now = state.now();
    if now.millis_since(tokens.refresh_until) >= 0 {
        return Err(Failure::oauth("refresh", "expired_token"));
    }
    let refresh_token = if state.mutant("old-refresh-token") {
        tokens.first_refresh_token.clone()
    } else {
        tokens.refresh_token.clone()
    };
    let Some(refresh_token) = refresh_token else {
        note(state, sid, |_, login| advise(login, PSC_AWAY));
        return Ok(());
    };
    let client = state.psc().client()?;
    let attempts = if state.mutant("refresh-loop") { 10 } else { 1 };
    let mut outcome = Err(Failure::Body("refresh"));
    for _ in 0..attempts {
        outcome = refresh(state, client, &tokens, &refresh_token).await;
        if outcome.is_ok() {
            break;
        }
    }
    match outcome {
        Ok(response) => {
            note(state, sid, |_, login| {
                login.avis.retain(|avis| avis != PSC_AWAY);
                if let Some(tokens) = &mut login.tokens {
                    tokens.renew(response, now);
                }
            });
            Ok(())
        }
        Err(failure) if failure.is_outage() && !state.mutant("outage-ends-login") => {
            state.log(&format!("psc: renewal impossible for now: {failure}"));
            note(state, sid, |now, login| {
                advise(login, PSC_AWAY);
                if let Some(tokens) = &mut login.tokens {
                    tokens.failed_at = Some(now);
                }
            });
            Ok(())
        }
        Err(failure) => Err(failure),
    }
}

/// The tokens of a login that must be renewed now, and its lock.
fn due(
    state: &AppState,
    sid: &str,
    background: bool,
) -> Option<(Tokens, std::sync::Arc<tokio::sync::Mutex<()>>)> {
    let now = state.now();
    let memory = state.psc().memory();
    let login = memory.sessions.get(sid)?.login.as_ref()?;
    let tokens = login.tokens.as_ref()?;
    if state.mutant("no-refresh") {
        return None;
    }
    let expires_soon = tokens.access_until.unix_millis() - now.unix_millis() <= MARGIN;
    let waiting = tokens
        .failed_at
        .is_some_and(|at| now.millis_since(at) < RETRY_AFTER);
    let wanted = expires_soon || state.mutant("refresh-every-request") && !background;
    (wanted && !waiting).then(|| (tokens.clone(), login.renewal.clone()))
}

async fn refresh(
    state: &AppState,
    client: &PscClient,
    tokens: &Tokens,
    refresh_token: &str,
) -> Result<TokenResponse, Failure> {
    let provider = client.provider(state).await?;
    let form = vec![
        ("grant_type", "refresh_token".to_owned()),
        ("refresh_token", refresh_token.to_owned()),
    ];
    let response = exchange(state, client, &provider.token, "refresh", form).await?;
    if let Some(id_token) = &response.id_token
        && !state.mutant("refresh-id-token-unchecked")
    {
        let jwt = client.verified(state, id_token).await?;
        let expected = Expected {
            issuer: &provider.issuer,
            client_id: &client.settings().client_id,
            nonce: tokens.nonce.as_deref(),
            access_token: &response.access_token,
            subject: Some(&tokens.sub),
            now: state.now(),
        };
        let identity =
            check_claims(&jwt.claims, &expected, &|m| state.mutant(m)).map_err(Failure::Token)?;
        if identity
            .subject_name_id
            .is_some_and(|id| id != tokens.national_id)
        {
            return Err(Failure::Token(Defect::Subject));
        }
    }
    Ok(response)
}

fn note(state: &AppState, sid: &str, change: impl FnOnce(Timestamp, &mut Login)) {
    let now = state.now();
    let mut memory = state.psc().memory();
    if let Some(login) = memory.sessions.get_mut(sid).and_then(|s| s.login.as_mut()) {
        change(now, login);
    }
}

fn advise(login: &mut Login, avis: &str) {
    if !login.avis.iter().any(|known| known == avis) {
        login.avis.push(avis.to_owned());
    }
}

/// The user logs out in the browser session `sid`. Returns the new session value and the PSC address
/// the browser must go to, when the login came from PSC.
pub(crate) async fn leave(state: &AppState, sid: &str) -> (String, Option<String>) {
    let stays = state.mutant("logout-waits-for-psc") || state.mutant("logout-at-psc-only");
    let (id, login) = if stays || state.mutant("old-cookie-accepted") {
        // These mutants leave the session on the server.
        let mut memory = state.psc().memory();
        let login = memory.sessions.get(sid).and_then(|s| s.login.clone());
        let id = if stays {
            sid.to_owned()
        } else {
            memory.sessions.open(state.now())
        };
        (id, login)
    } else {
        close(state, sid, "Vous êtes déconnecté.", "demande")
    };
    let Some(login) = login else {
        return (id, None);
    };
    let by_ciba = login.tokens.as_ref().is_some_and(|t| t.nonce.is_none());
    let forgotten =
        state.mutant("no-psc-logout") || by_ciba && state.mutant("no-psc-logout-after-ciba");
    let address = match (login.moyen, login.tokens) {
        (Means::Psc, Some(tokens)) if !forgotten => psc_logout(state, &id, Some(&tokens)).await,
        (Means::Local, _) if state.mutant("local-logout-calls-psc") => {
            psc_logout(state, &id, None).await
        }
        _ => None,
    };
    (id, address)
}

/// Revokes the refresh token, then gives the address of the PSC logout. Whatever PSC answers, the login
/// is closed here already.
async fn psc_logout(state: &AppState, id: &str, tokens: Option<&Tokens>) -> Option<String> {
    let client = state.psc().client().ok()?;
    // An outage of discovery must not leave the PSC session open: what was known still holds.
    let provider = match client.known_provider() {
        Some(provider) => provider,
        None => client.provider(state).await.ok()?,
    };
    let refresh_token = tokens.and_then(|t| t.refresh_token.clone());
    if let (Some(token), Some(endpoint)) = (&refresh_token, &provider.revocation)
        && !state.mutant("refresh-after-logout")
    {
        let form = vec![
            ("token", token.clone()),
            ("token_type_hint", "refresh_token".to_owned()),
        ];
        if let Err(failure) = client.post(state, endpoint, "revoke", form).await {
            state.log(&format!("psc: revocation failed: {failure}"));
        }
    }
    if state.mutant("revocation-only") {
        return None;
    }
    let mut url = Url::parse(provider.end_session.as_deref()?).ok()?;
    let back = random();
    if let Some(session) = state.psc().memory().sessions.get_mut(id) {
        session.logout_state = Some(back.clone());
    }
    {
        let mut query = url.query_pairs_mut();
        if let Some(tokens) = tokens
            && !state.mutant("logout-without-hint")
        {
            let hint = if state.mutant("logout-foreign-hint") {
                &tokens.access_token
            } else {
                &tokens.id_token
            };
            query.append_pair("id_token_hint", hint);
        }
        if state.mutant("logout-uri-undeclared") {
            query.append_pair("post_logout_redirect_uri", &state.base_url());
        } else if let Some(uri) = &client.settings().post_logout_redirect_uri {
            query.append_pair("post_logout_redirect_uri", uri);
        }
        query.append_pair("state", &back);
    }
    if let (Some(tokens), true) = (tokens, state.mutant("refresh-after-logout")) {
        tokio::spawn(forgotten_task(state.clone(), tokens.clone()));
    }
    Some(url.into())
}

/// Only the mutant `refresh-after-logout` leaves a renewal planned when the user is gone.
async fn forgotten_task(state: AppState, tokens: Tokens) {
    for _ in 0..2_000 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        if state.now() >= tokens.access_until {
            break;
        }
    }
    let Ok(client) = state.psc().client() else {
        return;
    };
    if let Some(token) = &tokens.refresh_token {
        // The answer is not looked at.
        let _ = refresh(&state, client, &tokens, token).await;
    }
}

/// The return from the PSC logout: true when it answers the logout this browser asked for.
pub(crate) fn back_from_logout(state: &AppState, sid: &str, answered: Option<&str>) -> bool {
    let mut memory = state.psc().memory();
    let Some(session) = memory.sessions.get_mut(sid) else {
        return false;
    };
    let right = answered.is_some() && session.logout_state.as_deref() == answered;
    if right {
        session.logout_state = None;
        if state.mutant("logout-waits-for-psc") {
            session.login = None;
        }
    }
    right
}

/// Only the mutant `background-refresh-when-idle` keeps PSC alive behind an idle user's back.
pub(crate) fn keep_alive_mutant(state: &AppState, sid: &str) {
    if !state.mutant("background-refresh-when-idle") {
        return;
    }
    let (state, sid) = (state.clone(), sid.to_owned());
    tokio::spawn(async move {
        while state.psc().memory().sessions.get(&sid).is_some() {
            if renew(&state, &sid, true).await.is_err() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
}

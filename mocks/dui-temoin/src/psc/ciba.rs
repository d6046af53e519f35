//! Login by CIBA in poll mode: the server asks PSC, the user answers on his own device.
//!
//! Waiting is measured on the DUI's clock, from the interval PSC gives; `slow_down` adds five seconds
//! to it for good. Polling stops with the first final answer, at the end of the request's life, or when
//! the user gives up.

use std::time::{Duration, Instant};

use diapason_core::Timestamp;
use serde_json::Value;

use super::admission::Authenticated;
use super::client::PscClient;
use super::failure::{Failure, oauth_message};
use super::flow::{authenticate, exchange};
use super::jose::random;
use super::session::Means;
use super::trace;
use crate::AppState;

/// Interval when PSC gives none, seconds.
const DEFAULT_INTERVAL: i64 = 5;
/// What `slow_down` adds, seconds.
const SLOW_DOWN: i64 = 5;
/// How often the DUI's clock is looked at.
const TICK: Duration = Duration::from_millis(5);

/// A CIBA login under way in a browser session.
#[derive(Debug, Clone)]
pub(crate) struct Ciba {
    id: String,
    /// Shown here and on the user's device.
    pub(crate) binding_message: String,
    hint: String,
    auth_req_id: String,
    interval: i64,
    /// Next poll, not before.
    pub(crate) next_poll: Timestamp,
    expires: Timestamp,
    /// Where it stands.
    pub(crate) status: CibaStatus,
}

/// Where a CIBA login stands.
#[derive(Debug, Clone)]
pub(crate) enum CibaStatus {
    /// The user has not answered.
    Pending,
    /// He has; the browser session is admitted at its next request.
    Done(Box<Authenticated>),
    /// Over, with what the user reads.
    Over(String),
}

/// What the waiting page shows.
#[derive(Debug)]
pub(crate) enum CibaView {
    /// Nothing under way.
    None,
    /// Waiting: binding message and milliseconds before the next poll.
    Waiting(String, i64),
    /// Authenticated.
    Done(Box<Authenticated>),
    /// Over.
    Over(String),
}

/// Asks PSC to authenticate the person `hint` through `channel`, for the browser session `sid`.
pub(crate) async fn start(
    state: &AppState,
    sid: &str,
    hint: &str,
    channel: &str,
) -> Result<(), Failure> {
    let client = state.psc().client()?;
    let outcome = ask(state, client, hint, channel).await;
    let ciba = match outcome {
        // Only the mutant goes on as if PSC had agreed.
        Err(_) if state.mutant("ciba-poll-despite-refusal") => agreed_mutant(state, hint),
        Err(failure) => {
            state.log(&format!("psc: ciba refused: {failure}"));
            trace(
                state,
                "connexion.echec",
                hint,
                Means::Psc,
                &failure.to_string(),
            );
            return Err(failure);
        }
        Ok(ciba) => ciba,
    };
    let id = ciba.id.clone();
    if let Some(session) = state.psc().memory().sessions.get_mut(sid) {
        session.ciba = Some(ciba);
    }
    tokio::spawn(poll_until_over(state.clone(), sid.to_owned(), id));
    Ok(())
}

fn agreed_mutant(state: &AppState, hint: &str) -> Ciba {
    let now = state.now();
    Ciba {
        id: random(),
        binding_message: String::new(),
        hint: hint.to_owned(),
        auth_req_id: "absent".to_owned(),
        interval: 1,
        next_poll: after(now, 1),
        expires: after(now, 120),
        status: CibaStatus::Pending,
    }
}

async fn ask(
    state: &AppState,
    client: &PscClient,
    hint: &str,
    channel: &str,
) -> Result<Ciba, Failure> {
    let mutant = |name: &str| state.mutant(name);
    let provider = client.provider(state).await?;
    let endpoint = provider.backchannel.ok_or(Failure::NotConfigured)?;
    let binding_message = match () {
        () if mutant("ciba-binding-constant") => "42".to_owned(),
        () if mutant("ciba-binding-long") => format!("{:04}", rand::random_range(0..10_000_u16)),
        () => format!("{:02}", rand::random_range(0..100_u8)),
    };
    let login_hint = if mutant("ciba-hint-digits-only") {
        hint.chars().filter(char::is_ascii_digit).collect()
    } else {
        hint.to_owned()
    };
    let mut form = vec![
        (
            "scope",
            if mutant("ciba-scope-without-scope-all") {
                "openid"
            } else {
                "openid scope_all"
            }
            .to_owned(),
        ),
        ("login_hint", login_hint),
    ];
    if !mutant("ciba-no-acr") {
        form.push(("acr_values", "eidas1".to_owned()));
    }
    if !mutant("ciba-no-binding-message") {
        form.push(("binding_message", binding_message.clone()));
    }
    if !mutant("ciba-no-channel") {
        form.push(("channel", channel.to_owned()));
    }
    let answer = client.post(state, &endpoint, "ciba", form).await?;
    let body = answer.object();
    if answer.status != 200 {
        let code = body
            .as_ref()
            .and_then(|b| b.get("error"))
            .and_then(Value::as_str);
        return Err(match code {
            Some(code) if answer.status < 500 => Failure::oauth("ciba", code),
            _ => Failure::Status("ciba", answer.status),
        });
    }
    let body = body.ok_or(Failure::Body("ciba"))?;
    let seconds = |name: &str| body.get(name).and_then(Value::as_i64).filter(|n| *n > 0);
    let auth_req_id = body
        .get("auth_req_id")
        .and_then(Value::as_str)
        .filter(|id| !id.is_empty());
    let auth_req_id = match auth_req_id {
        Some(id) if mutant("ciba-short-auth-req-id") => &id[..id.len().min(255)],
        Some(id) => id,
        None if mutant("ciba-poll-without-id") => "",
        None => return Err(Failure::Body("ciba")),
    };
    let expires_in = match seconds("expires_in") {
        Some(seconds) => seconds,
        None if mutant("ciba-accept-no-expiry") => 3600,
        None => return Err(Failure::Body("ciba")),
    };
    let mut interval = seconds("interval").unwrap_or(DEFAULT_INTERVAL);
    if mutant("ciba-fifteen-seconds-at-most") {
        interval = interval.min(15);
    }
    let now = state.now();
    Ok(Ciba {
        id: random(),
        binding_message: if mutant("ciba-binding-not-shown") {
            String::new()
        } else {
            binding_message
        },
        hint: hint.to_owned(),
        auth_req_id: auth_req_id.to_owned(),
        interval,
        next_poll: after(now, interval),
        expires: after(now, expires_in),
        status: CibaStatus::Pending,
    })
}

async fn poll_until_over(state: AppState, sid: String, id: String) {
    loop {
        tokio::time::sleep(TICK).await;
        let Some(ciba) = current(&state, &sid, &id) else {
            return;
        };
        let now = state.now();
        if now.millis_since(ciba.expires) >= 0 && !state.mutant("ciba-poll-after-expiry") {
            over(
                &state,
                &sid,
                &ciba,
                &Failure::oauth("ciba", "expired_token"),
            );
            return;
        }
        let early = state.mutant("ciba-ignore-interval");
        if now.millis_since(ciba.next_poll) < 0 && !early {
            continue;
        }
        let started = Instant::now();
        let outcome = poll(&state, &ciba).await;
        // When the answer came, were the clock moved meanwhile or not.
        let answered =
            Timestamp::from_unix_millis(now.unix_millis() + started.elapsed().as_millis() as i64);
        match outcome {
            Ok(_) if state.mutant("ciba-result-lost") => return,
            Ok(who) => {
                set_status(&state, &sid, &id, CibaStatus::Done(Box::new(who)));
                return;
            }
            Err(Failure::OAuth {
                code: "authorization_pending",
                ..
            }) => {
                wait(&state, &sid, &id, answered, 0);
            }
            Err(Failure::OAuth {
                code: "slow_down", ..
            }) => {
                let more = if state.mutant("ciba-ignore-slow-down") {
                    0
                } else {
                    SLOW_DOWN
                };
                wait(&state, &sid, &id, answered, more);
            }
            // A poll without answer says nothing of the user's: the next one comes in its time.
            Err(failure) if failure.is_outage() && failure.call() == "ciba" => {
                wait(&state, &sid, &id, answered, 0);
            }
            Err(Failure::OAuth { code, .. })
                if code == "expired_token" && state.mutant("ciba-poll-after-expired-token")
                    || code != "expired_token" && state.mutant("ciba-poll-after-refusal") =>
            {
                wait(&state, &sid, &id, answered, 0);
            }
            Err(failure) => {
                over(&state, &sid, &ciba, &failure);
                return;
            }
        }
    }
}

async fn poll(state: &AppState, ciba: &Ciba) -> Result<Authenticated, Failure> {
    let client = state.psc().client()?;
    let provider = client.provider(state).await?;
    let form = vec![
        ("grant_type", "urn:openid:params:grant-type:ciba".to_owned()),
        ("auth_req_id", ciba.auth_req_id.clone()),
    ];
    let response = exchange(state, client, &provider.token, "ciba", form).await?;
    authenticate(state, client, response, None, Some(&ciba.hint)).await
}

/// The CIBA login of a session, as long as it is the same and still pending.
fn current(state: &AppState, sid: &str, id: &str) -> Option<Ciba> {
    let memory = state.psc().memory();
    let ciba = memory.sessions.get(sid)?.ciba.as_ref()?;
    let pending = matches!(ciba.status, CibaStatus::Pending);
    (pending && ciba.id == id).then(|| ciba.clone())
}

/// The next poll comes an interval after this answer.
fn wait(state: &AppState, sid: &str, id: &str, answered: Timestamp, more: i64) {
    change(state, sid, id, |ciba| {
        ciba.interval += more;
        ciba.next_poll = after(answered, ciba.interval);
    });
}

fn over(state: &AppState, sid: &str, ciba: &Ciba, failure: &Failure) {
    state.log(&format!("psc: ciba over: {failure}"));
    trace(
        state,
        "connexion.echec",
        &ciba.hint,
        Means::Psc,
        &failure.to_string(),
    );
    let text = match failure {
        Failure::OAuth { code, .. } => oauth_message(code),
        other => other.message(),
    };
    set_status(state, sid, &ciba.id, CibaStatus::Over(text.to_owned()));
}

fn set_status(state: &AppState, sid: &str, id: &str, status: CibaStatus) {
    change(state, sid, id, |ciba| ciba.status = status);
}

fn change(state: &AppState, sid: &str, id: &str, change: impl FnOnce(&mut Ciba)) {
    let mut memory = state.psc().memory();
    let session = memory.sessions.get_mut(sid);
    if let Some(ciba) = session.and_then(|s| s.ciba.as_mut())
        && ciba.id == id
    {
        change(ciba);
    }
}

/// What the waiting page of the browser session `sid` shows. A final state is taken once.
pub(crate) fn view(state: &AppState, sid: &str) -> CibaView {
    let now = state.now();
    let mut memory = state.psc().memory();
    let Some(session) = memory.sessions.get_mut(sid) else {
        return CibaView::None;
    };
    let Some(ciba) = session.ciba.as_ref() else {
        return CibaView::None;
    };
    match ciba.status.clone() {
        CibaStatus::Pending => {
            let next = if ciba.next_poll < ciba.expires {
                ciba.next_poll
            } else {
                ciba.expires
            };
            CibaView::Waiting(ciba.binding_message.clone(), next.millis_since(now).max(0))
        }
        CibaStatus::Done(who) => {
            session.ciba = None;
            CibaView::Done(who)
        }
        CibaStatus::Over(text) => {
            session.ciba = None;
            CibaView::Over(text)
        }
    }
}

/// The user gives up.
pub(crate) fn cancel(state: &AppState, sid: &str) {
    if let Some(session) = state.psc().memory().sessions.get_mut(sid) {
        session.ciba = None;
    }
}

fn after(now: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(
        now.unix_millis()
            .saturating_add(seconds.saturating_mul(1000)),
    )
}

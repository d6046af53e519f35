//! The driver's actions on login: they use the DUI through its own pages, as a browser does.

use std::collections::BTreeMap;
use std::time::Duration;

use diapason_core::Timestamp;
use diapason_core::driver::{
    ActionAnswer, ActionStatus, CompteCreate, CompteResult, LocalLogin, LoginResult, PscCallback,
    PscCiba, PscLogin, SessionChoisir, SessionCopy, SessionRef, SessionView,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use super::accounts::CreateError;
use super::browser::{Browser, Send, attribute, fields, text};
use crate::AppState;

/// The CIBA waiting page is watched that long at most, in one action.
const CIBA_PATIENCE: Duration = Duration::from_millis(2_600);
/// A next poll further away than this is not waited for, milliseconds on the DUI's clock.
const CIBA_FAR: i64 = 2_000;
const CIBA_WAIT: &str = "/connexion/ciba/attente";

/// Performs an action.
pub async fn action(state: &AppState, name: &str, params: Value) -> ActionAnswer {
    let done = match name {
        "compte.create" => match parse(params) {
            Ok(asked) => return create(state, asked),
            Err(problem) => Err(problem),
        },
        "local.login" => match parse(params) {
            Ok(asked) => Ok(local_login(state, asked).await),
            Err(problem) => Err(problem),
        },
        "psc.login" => match parse(params) {
            Ok(asked) => Ok(psc_login(state, asked).await),
            Err(problem) => Err(problem),
        },
        "psc.callback" => match parse::<PscCallback>(params) {
            Ok(asked) => Ok(navigate(state, &asked.session, &asked.url).await),
            Err(problem) => Err(problem),
        },
        "psc.ciba" => match parse(params) {
            Ok(asked) => Ok(psc_ciba(state, asked).await),
            Err(problem) => Err(problem),
        },
        "session.visit" => match parse(params) {
            Ok(asked) => Ok(visit(state, asked).await),
            Err(problem) => Err(problem),
        },
        "session.copy" => match parse::<SessionCopy>(params) {
            Ok(asked) => {
                let browsers = &state.psc().browsers;
                let mut target = browsers.get(&asked.vers);
                target.steal_cookies(&browsers.get(&asked.session));
                browsers.put(&asked.vers, target);
                return answer(ActionStatus::Done, None, Value::Null);
            }
            Err(problem) => Err(problem),
        },
        "session.choisir" => match parse(params) {
            Ok(asked) => Ok(choose(state, asked).await),
            Err(problem) => Err(problem),
        },
        "session.logout" => match parse(params) {
            Ok(asked) => Ok(logout(state, asked).await),
            Err(problem) => Err(problem),
        },
        _ => return crate::api::unsupported(name),
    };
    match done {
        Ok(result) => {
            let message = result.page.clone().filter(|_| !result.connecte);
            let result = serde_json::to_value(result).unwrap_or_default();
            answer(ActionStatus::Done, message, result)
        }
        Err(problem) => answer(ActionStatus::Failed, Some(problem), Value::Null),
    }
}

fn parse<T: DeserializeOwned>(params: Value) -> Result<T, String> {
    serde_json::from_value(params).map_err(|error| format!("paramètres : {error}"))
}

fn answer(status: ActionStatus, message: Option<String>, result: Value) -> ActionAnswer {
    ActionAnswer {
        status,
        message,
        result,
    }
}

fn create(state: &AppState, asked: CompteCreate) -> ActionAnswer {
    let made = state.psc().memory().accounts.create(asked);
    match made {
        Ok(compte) => {
            let result = serde_json::to_value(CompteResult { compte }).unwrap_or_default();
            answer(ActionStatus::Done, None, result)
        }
        Err(error) => {
            let message = match error {
                CreateError::Login => "Cet identifiant est déjà pris.",
                CreateError::NationalId => "Un compte porte déjà cet identifiant national.",
                CreateError::Empty => "L'identifiant et le mot de passe sont obligatoires.",
            };
            answer(ActionStatus::Refused, Some(message.to_owned()), Value::Null)
        }
    }
}

async fn local_login(state: &AppState, asked: LocalLogin) -> LoginResult {
    let mut browser = state.psc().browsers.get(&asked.session);
    browser
        .open(state, "/connexion", Send::Get, |_| false)
        .await;
    let csrf = token_of(&browser);
    let form = [
        ("csrf", csrf.as_str()),
        ("identifiant", &asked.identifiant),
        ("mot_de_passe", &asked.mot_de_passe),
    ];
    browser
        .open(state, "/connexion/locale", Send::Post(&form), |_| false)
        .await;
    finish(state, &asked.session, browser).await
}

async fn psc_login(state: &AppState, asked: PscLogin) -> LoginResult {
    let mut browser = state.psc().browsers.get(&asked.session);
    let mut address = "/connexion/psc".to_owned();
    if let Some(retour) = &asked.retour {
        let retour: String = url::form_urlencoded::byte_serialize(retour.as_bytes()).collect();
        address = format!("{address}?retour={retour}");
    }
    let callback = state
        .config()
        .psc
        .as_ref()
        .and_then(|settings| url::Url::parse(&settings.redirect_uri).ok());
    let is_callback = |url: &url::Url| {
        asked.sans_callback
            && callback
                .as_ref()
                .is_some_and(|c| c.origin() == url.origin() && c.path() == url.path())
    };
    browser.open(state, &address, Send::Get, is_callback).await;
    finish(state, &asked.session, browser).await
}

async fn navigate(state: &AppState, session: &str, address: &str) -> LoginResult {
    let mut browser = state.psc().browsers.get(session);
    browser.open(state, address, Send::Get, |_| false).await;
    finish(state, session, browser).await
}

async fn psc_ciba(state: &AppState, asked: PscCiba) -> LoginResult {
    let mut browser = state.psc().browsers.get(&asked.session);
    browser
        .open(state, "/connexion", Send::Get, |_| false)
        .await;
    let csrf = token_of(&browser);
    let form = [
        ("csrf", csrf.as_str()),
        ("identifiant_national", &asked.identifiant_national),
        ("canal", &asked.canal),
    ];
    browser
        .open(state, "/connexion/ciba", Send::Post(&form), |_| false)
        .await;
    let binding_message = attribute_text(&browser.page, "id=\"binding-message\"");
    if !asked.sans_attente {
        watch(state, &mut browser).await;
    }
    let mut result = finish(state, &asked.session, browser).await;
    result.binding_message = binding_message;
    result
}

/// Stays on the CIBA waiting page while an answer may come soon; real time is what a person waits.
async fn watch(state: &AppState, browser: &mut Browser) {
    let start = Instant::now();
    while browser.path() == CIBA_WAIT && browser.status == Some(200) {
        let next = attribute(&browser.page, "id=\"attente\"", "data-attente")
            .and_then(|text| text.parse::<i64>().ok())
            .unwrap_or_default();
        if next > CIBA_FAR || start.elapsed() > CIBA_PATIENCE {
            return;
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
        browser.open(state, CIBA_WAIT, Send::Get, |_| false).await;
    }
}

async fn visit(state: &AppState, asked: SessionRef) -> LoginResult {
    let mut browser = state.psc().browsers.get(&asked.session);
    if browser.path() == CIBA_WAIT {
        // The clock may have moved: leave the poll that is due the time to be made.
        tokio::time::sleep(Duration::from_millis(40)).await;
        browser.open(state, CIBA_WAIT, Send::Get, |_| false).await;
        watch(state, &mut browser).await;
        if browser.path() == CIBA_WAIT || !opened(&browser) {
            return finish(state, &asked.session, browser).await;
        }
    }
    browser.open(state, "/accueil", Send::Get, |_| false).await;
    finish(state, &asked.session, browser).await
}

async fn choose(state: &AppState, asked: SessionChoisir) -> LoginResult {
    let mut browser = state.psc().browsers.get(&asked.session);
    browser
        .open(state, "/situations", Send::Get, |_| false)
        .await;
    let csrf = token_of(&browser);
    let form = [("csrf", csrf.as_str()), ("situation", &asked.situation)];
    browser
        .open(state, "/situations", Send::Post(&form), |_| false)
        .await;
    finish(state, &asked.session, browser).await
}

async fn logout(state: &AppState, asked: SessionRef) -> LoginResult {
    let mut browser = state.psc().browsers.get(&asked.session);
    let waiting = browser.path() == CIBA_WAIT;
    if !waiting {
        browser.open(state, "/accueil", Send::Get, |_| false).await;
    }
    let csrf = token_of(&browser);
    let form = [("csrf", csrf.as_str())];
    let address = if waiting {
        "/connexion/ciba/annuler"
    } else {
        "/deconnexion"
    };
    browser
        .open(state, address, Send::Post(&form), |_| false)
        .await;
    finish(state, &asked.session, browser).await
}

fn token_of(browser: &Browser) -> String {
    fields(&browser.page, "csrf")
        .into_iter()
        .next()
        .unwrap_or_default()
}

fn attribute_text(html: &str, marker: &str) -> Option<String> {
    let (_, rest) = html.split_once(marker)?;
    let text = rest.split_once('>')?.1.split('<').next()?;
    Some(text.trim().to_owned())
}

fn opened(browser: &Browser) -> bool {
    browser.path() == "/accueil" && browser.status == Some(200)
}

/// What the session shows now. The last page stays the last page; whether a protected page opens is
/// tried beside it.
async fn finish(state: &AppState, session: &str, mut browser: Browser) -> LoginResult {
    let mut probe = browser.clone();
    if !opened(&browser) {
        // A login left on the callback or on the waiting page must stay untouched: only cookies move on.
        probe.open(state, "/accueil", Send::Get, |_| true).await;
        browser.steal_cookies(&probe);
    }
    let connecte = opened(&probe);
    let own = |name: &str| {
        attribute(&probe.page, "<main", name)
            .or_else(|| attribute(&probe.page, "main data-compte", name))
            .filter(|value| connecte && !value.is_empty())
    };
    let compte = own("data-compte").and_then(|id| {
        let memory = state.psc().memory();
        memory.accounts.get(&id).cloned()
    });
    let result = LoginResult {
        connecte,
        compte,
        moyen: own("data-moyen"),
        situations: if connecte {
            fields(&probe.page, "situation")
        } else {
            Vec::new()
        },
        situation: own("data-situation"),
        page: Some(text(&browser.page)),
        statut_http: browser.status,
        url: Some(browser.url.clone()),
        binding_message: attribute_text(&browser.page, "id=\"binding-message\""),
        autres_moyens: Some(browser.page.contains("id=\"connexion-locale\"")),
    };
    state.psc().browsers.put(session, browser);
    result
}

/// Answers an observation.
pub async fn observe(
    state: &AppState,
    what: &str,
    query: &BTreeMap<String, String>,
) -> Result<Value, String> {
    match what {
        "comptes" => {
            let views = state.psc().memory().accounts.views();
            serde_json::to_value(views).map_err(|error| error.to_string())
        }
        "session" => {
            let session = query.get("session").ok_or("session : paramètre manquant")?;
            let browser = state.psc().browsers.get(session);
            let mut probe = browser.clone();
            probe.open(state, "/accueil", Send::Get, |_| true).await;
            let connecte = opened(&probe);
            let since = attribute(&probe.page, "main data-compte", "data-depuis")
                .filter(|_| connecte)
                .and_then(|at| Timestamp::try_from(at).ok());
            // A browser that was turned away holds the cookies it was given with the refusal.
            let mut kept = browser.clone();
            kept.steal_cookies(&probe);
            let view = SessionView {
                connecte,
                cookies: kept.own_cookies(state),
                stockage: BTreeMap::new(),
                page: browser.page.clone(),
                url: browser.url.clone(),
                connecte_depuis: since,
            };
            state.psc().browsers.put(session, kept);
            serde_json::to_value(view).map_err(|error| error.to_string())
        }
        _ => Err(format!("{what} : observation inconnue")),
    }
}

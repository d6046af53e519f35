//! Login and logout pages: Pro Santé Connect at the same level as the local means.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use minijinja::{Value, context};

use super::pages::{Visitor, field, go, page as render};
use crate::AppState;
use crate::psc::{self, Access, Arrival, Callback, CibaView, Failure};

type Fields = Vec<(String, String)>;

const FORGED: &str = "Ce formulaire n'est plus valable. Recommencez.";

/// `/`.
pub(super) async fn home(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let visitor = Visitor::open(&state, &headers);
    let data = context! { titre => "Bienvenue" };
    render(&state, &visitor, 200, "accueil_public.html", data)
}

/// `/cgu`.
pub(super) async fn terms(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let visitor = Visitor::open(&state, &headers);
    let titre = "Conditions générales d'utilisation";
    render(&state, &visitor, 200, "cgu.html", context! { titre })
}

/// `/connexion`.
pub(super) async fn page(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let visitor = Visitor::open(&state, &headers);
    login_page(&state, &visitor, 200, None, None)
}

/// The login page, with what the user should know; every means stays offered.
pub(super) fn login_page(
    state: &AppState,
    visitor: &Visitor,
    status: u16,
    message: Option<&str>,
    detail: Option<Value>,
) -> Response {
    let (kept, attente) = match state.psc().memory().sessions.get_mut(&visitor.sid) {
        Some(session) => (session.message.take(), session.ciba.is_some()),
        None => (None, false),
    };
    let failed = message.is_some();
    let settings = state.config().psc.as_ref();
    let data = context! {
        titre => "Connexion",
        message => message.map(str::to_owned).or(kept),
        detail => detail,
        psc => settings.is_some(),
        ciba => settings.is_some_and(|s| s.ciba),
        attente => attente,
        sans_autres_moyens => failed && state.mutant("error-hides-other-means"),
    };
    render(state, visitor, status, "connexion.html", data)
}

fn refused(state: &AppState, visitor: &Visitor, failure: &Failure) -> Response {
    if state.mutant("outage-crashes") && failure.is_outage() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    login_page(
        state,
        visitor,
        failure.status(),
        Some(failure.message()),
        None,
    )
}

/// `/connexion/psc`: on to Pro Santé Connect.
pub(super) async fn psc(
    State(state): State<AppState>,
    Query(query): Query<Fields>,
    headers: HeaderMap,
) -> Response {
    let visitor = Visitor::open(&state, &headers);
    match psc::start(&state, &visitor.sid, field(&query, "retour")).await {
        Ok(address) => go(&state, &visitor, &address),
        Err(failure) => {
            state.log(&format!("psc: no login for now: {failure}"));
            refused(&state, &visitor, &failure)
        }
    }
}

/// `/psc/retour`: back from Pro Santé Connect.
pub(super) async fn callback(
    State(state): State<AppState>,
    Query(query): Query<Fields>,
    headers: HeaderMap,
) -> Response {
    let mut visitor = Visitor::open(&state, &headers);
    match psc::callback(&state, &visitor.sid, &query).await {
        Callback::In(sid, retour) => entered(&state, &mut visitor, sid, &retour, &query),
        Callback::NoAccount(sid) => {
            visitor.renamed(sid);
            login_page(&state, &visitor, 403, None, None)
        }
        Callback::Refused {
            failure,
            description,
        } => {
            let detail = description.map(|text| {
                if state.mutant("error-unescaped") {
                    Value::from_safe_string(text)
                } else {
                    Value::from(text)
                }
            });
            if psc::failure_opens_mutant(&state, &failure)
                && let Some(sid) = psc::any_login_mutant(&state, &visitor.sid)
            {
                return entered(&state, &mut visitor, sid, "/accueil", &query);
            }
            if state.mutant("error-restarts-login") && !matches!(failure, Failure::Callback(_)) {
                return go(&state, &visitor, "/connexion/psc");
            }
            login_page(
                &state,
                &visitor,
                failure.status(),
                Some(failure.message()),
                detail,
            )
        }
    }
}

/// After a PSC login: the new cookie and the page asked for.
fn entered(
    state: &AppState,
    visitor: &mut Visitor,
    sid: String,
    retour: &str,
    query: &Fields,
) -> Response {
    visitor.renamed(sid);
    psc::keep_alive_mutant(state, &visitor.sid);
    let mut retour = retour.to_owned();
    if state.mutant("code-in-final-url") {
        retour = format!("{retour}?code={}", field(query, "code"));
    }
    let mut response = go(state, visitor, &retour);
    if state.mutant("token-in-cookie")
        && let Some(token) = access_token(state, &visitor.sid)
        && let Ok(line) = HeaderValue::from_str(&format!("psc_token={token}; Path=/"))
    {
        response.headers_mut().append(SET_COOKIE, line);
    }
    response
}

/// The access token of a session. Only mutants show it to a browser.
pub(super) fn access_token(state: &AppState, sid: &str) -> Option<String> {
    let memory = state.psc().memory();
    let login = memory.sessions.get(sid)?.login.as_ref()?;
    Some(login.tokens.as_ref()?.access_token.clone())
}

/// `/connexion/locale`.
pub(super) async fn local(
    State(state): State<AppState>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Response {
    let mut visitor = Visitor::open(&state, &headers);
    if !visitor.sent(&state, &form) {
        return login_page(&state, &visitor, 400, Some(FORGED), None);
    }
    let (identifiant, mot_de_passe) = (field(&form, "identifiant"), field(&form, "mot_de_passe"));
    let Some((sid, _)) = psc::local(&state, &visitor.sid, identifiant, mot_de_passe) else {
        let message = "Identifiant ou mot de passe incorrect.";
        return login_page(&state, &visitor, 403, Some(message), None);
    };
    visitor.renamed(sid);
    go(&state, &visitor, "/accueil")
}

/// `/connexion/ciba`: asks PSC to reach the user's device.
pub(super) async fn ciba(
    State(state): State<AppState>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Response {
    let visitor = Visitor::open(&state, &headers);
    if !visitor.sent(&state, &form) {
        return login_page(&state, &visitor, 400, Some(FORGED), None);
    }
    let hint = field(&form, "identifiant_national").trim();
    let channel = field(&form, "canal");
    let plausible = (1..=128).contains(&hint.len()) && !hint.contains(char::is_control);
    if !plausible || !["CARD", "MOBILE"].contains(&channel) {
        let message = "Indiquez votre identifiant national et votre appareil.";
        return login_page(&state, &visitor, 400, Some(message), None);
    }
    match psc::start_ciba(&state, &visitor.sid, hint, channel).await {
        Ok(()) => go(&state, &visitor, "/connexion/ciba/attente"),
        Err(failure) => refused(&state, &visitor, &failure),
    }
}

/// `/connexion/ciba/attente`.
pub(super) async fn ciba_wait(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let mut visitor = Visitor::open(&state, &headers);
    match psc::ciba_view(&state, &visitor.sid) {
        CibaView::None => go(&state, &visitor, "/connexion"),
        CibaView::Waiting(binding_message, attente) => {
            let titre = "Validez sur votre appareil";
            let data = context! { titre, binding_message, attente };
            render(&state, &visitor, 200, "attente.html", data)
        }
        CibaView::Over(text) if psc::ciba_over_opens_mutant(&state, &text) => {
            match psc::any_login_mutant(&state, &visitor.sid) {
                Some(sid) => entered(&state, &mut visitor, sid, "/accueil", &Vec::new()),
                None => go(&state, &visitor, "/connexion"),
            }
        }
        CibaView::Over(text) => login_page(&state, &visitor, 403, Some(&text), None),
        CibaView::Done(who) => match psc::admit(&state, &visitor.sid, *who) {
            Arrival::In(sid) => entered(&state, &mut visitor, sid, "/accueil", &Vec::new()),
            Arrival::NoAccount(sid) => {
                visitor.renamed(sid);
                login_page(&state, &visitor, 403, None, None)
            }
        },
    }
}

/// `/connexion/ciba/annuler`.
pub(super) async fn ciba_cancel(
    State(state): State<AppState>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Response {
    let visitor = Visitor::open(&state, &headers);
    if visitor.sent(&state, &form) {
        psc::cancel_ciba(&state, &visitor.sid);
    }
    login_page(
        &state,
        &visitor,
        200,
        Some("La demande est abandonnée."),
        None,
    )
}

/// `/deconnexion`.
pub(super) async fn logout(
    State(state): State<AppState>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Response {
    let mut visitor = Visitor::open(&state, &headers);
    if !visitor.sent(&state, &form) {
        return login_page(&state, &visitor, 400, Some(FORGED), None);
    }
    let (sid, address) = psc::leave(&state, &visitor.sid).await;
    visitor.renamed(sid);
    go(&state, &visitor, address.as_deref().unwrap_or("/connexion"))
}

/// `/psc/deconnexion-retour`: harmless whoever calls it.
pub(super) async fn logout_return(
    State(state): State<AppState>,
    Query(query): Query<Fields>,
    headers: HeaderMap,
) -> Response {
    let visitor = Visitor::open(&state, &headers);
    let answered = Some(field(&query, "state")).filter(|s| !s.is_empty());
    if psc::back_from_logout(&state, &visitor.sid, answered) {
        return go(&state, &visitor, "/connexion");
    }
    if state.mutant("logout-return-logs-out") {
        let (sid, _) = psc::leave(&state, &visitor.sid).await;
        let mut visitor = visitor;
        visitor.renamed(sid);
        return go(&state, &visitor, "/connexion");
    }
    let data = context! {
        titre => "Déconnexion",
        texte => "Cette adresse ne répond à aucune déconnexion demandée depuis ce navigateur : rien n'a été fait.",
        lien => "/accueil", lien_texte => "Continuer",
    };
    render(&state, &visitor, 400, "simple.html", data)
}

/// Where a browser that may not enter is sent.
pub(super) fn turned_away(
    state: &AppState,
    visitor: &mut Visitor,
    sid: Option<String>,
) -> Response {
    if let Some(sid) = sid {
        visitor.renamed(sid);
    }
    go(state, visitor, "/connexion")
}

/// Opens a protected page, or turns the browser away.
pub(super) async fn guard(
    state: &AppState,
    headers: &HeaderMap,
) -> Result<(Visitor, psc::Login), Box<Response>> {
    let mut visitor = Visitor::open(state, headers);
    match psc::enter(state, &visitor.sid).await {
        Access::Open(login) => Ok((visitor, *login)),
        Access::Closed(sid) => Err(Box::new(turned_away(state, &mut visitor, sid))),
    }
}

//! From data to a page: templates, security headers, session cookie.

use std::sync::OnceLock;

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, LOCATION, REFERRER_POLICY,
    SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use minijinja::{Environment, Value, context};

use crate::AppState;
use crate::psc::{Login, read_cookie, set_cookie};

const TEMPLATES: [(&str, &str); 10] = [
    ("base.html", include_str!("templates/base.html")),
    (
        "accueil_public.html",
        include_str!("templates/accueil_public.html"),
    ),
    ("connexion.html", include_str!("templates/connexion.html")),
    ("attente.html", include_str!("templates/attente.html")),
    ("accueil.html", include_str!("templates/accueil.html")),
    ("choix.html", include_str!("templates/choix.html")),
    ("situations.html", include_str!("templates/situations.html")),
    ("simple.html", include_str!("templates/simple.html")),
    ("cgu.html", include_str!("templates/cgu.html")),
    ("usagers.html", include_str!("templates/usagers.html")),
];
const USAGER: (&str, &str) = ("usager.html", include_str!("templates/usager.html"));

fn templates() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Lenient);
        for (name, source) in TEMPLATES.into_iter().chain([USAGER]) {
            // The names end in .html: everything is escaped. A template that does not compile is
            // found by the tests; at run time its page is a 500.
            let _ = environment.add_template(name, source);
        }
        environment
    })
}

/// The browser that asks.
pub(super) struct Visitor {
    /// Session value.
    pub(super) sid: String,
    /// Must the cookie be set again?
    pub(super) fresh: bool,
}

impl Visitor {
    /// From the request's cookie; a browser without session gets an anonymous one.
    pub(super) fn open(state: &AppState, headers: &HeaderMap) -> Self {
        let asked = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .find_map(read_cookie);
        let mut memory = state.psc().memory();
        match asked.filter(|id| memory.sessions.get(id).is_some()) {
            Some(id) => Self {
                sid: id.to_owned(),
                fresh: false,
            },
            None => Self {
                sid: memory.sessions.open(state.now()),
                fresh: true,
            },
        }
    }

    /// Takes a new session value.
    pub(super) fn renamed(&mut self, sid: String) {
        self.fresh = self.fresh || self.sid != sid;
        self.sid = sid;
    }

    /// The value forms must send back.
    pub(super) fn csrf(&self, state: &AppState) -> String {
        let memory = state.psc().memory();
        memory
            .sessions
            .get(&self.sid)
            .map(|session| session.csrf.clone())
            .unwrap_or_default()
    }

    /// Did a form come from a page of this session?
    pub(super) fn sent(&self, state: &AppState, form: &[(String, String)]) -> bool {
        let csrf = self.csrf(state);
        !csrf.is_empty() && field(form, "csrf") == csrf
    }
}

/// A field of a form, empty when absent.
pub(super) fn field<'a>(form: &'a [(String, String)], name: &str) -> &'a str {
    form.iter()
        .find(|(n, _)| n == name)
        .map_or("", |(_, value)| value.as_str())
}

/// A page. `status` outside the HTTP range cannot occur; it would be a 500.
pub(super) fn page(
    state: &AppState,
    visitor: &Visitor,
    status: u16,
    template: &str,
    data: Value,
) -> Response {
    let data = context! { csrf => visitor.csrf(state), ..data };
    let html = templates()
        .get_template(template)
        .and_then(|template| template.render(data));
    let Ok(html) = html else {
        state.log(&format!("web: template {template} cannot be rendered"));
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = Response::new(Body::from(html));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    protect(state, visitor, headers);
    response
}

/// A redirection within the DUI, or to PSC.
pub(super) fn go(state: &AppState, visitor: &Visitor, address: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(address) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(LOCATION, location);
    protect(state, visitor, response.headers_mut());
    response
}

fn protect(state: &AppState, visitor: &Visitor, headers: &mut HeaderMap) {
    // A form that logs out is sent on to PSC: browsers hold that redirection against form-action too.
    let psc = state
        .psc()
        .client()
        .ok()
        .and_then(crate::psc::PscClient::known_provider)
        .and_then(|provider| url::Url::parse(provider.end_session.as_deref()?).ok())
        .map(|url| format!(" {}", url.origin().ascii_serialization()))
        .unwrap_or_default();
    let policy = format!(
        "default-src 'none'; style-src 'self'; form-action 'self'{psc}; base-uri 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if visitor.fresh {
        let line = set_cookie(&visitor.sid, &|m| state.mutant(m));
        if let Ok(line) = HeaderValue::from_str(&line) {
            headers.append(SET_COOKIE, line);
        }
    }
}

/// The style sheet.
pub(super) async fn style() -> Response {
    let mut response = Response::new(Body::from(include_str!("style.css")));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/css; charset=utf-8"),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// What the pages say of a login.
pub(super) fn login_data(state: &AppState, login: &Login) -> Value {
    let memory = state.psc().memory();
    let account = memory.accounts.get(&login.compte);
    let situation = login
        .situation
        .and_then(|n| login.situations.get(n))
        .map(|s| s.libelle.clone())
        .unwrap_or_default();
    let situation = if state.mutant("unescaped-labels") {
        Value::from_safe_string(situation)
    } else {
        Value::from(situation)
    };
    let shown = !state.mutant("user-not-shown");
    context! {
        compte => login.compte.clone(),
        nom => account.map(|a| a.nom.clone()).filter(|_| shown),
        prenom => account.map(|a| a.prenom.clone()).filter(|_| shown),
        idnat => account.and_then(|a| a.identifiant_national.clone()).filter(|_| shown),
        moyen => login.moyen.as_str(),
        depuis => login.since.to_string(),
        situation => situation,
        droits => login.droits.join(", "),
        avis => login.avis.clone(),
        choix => login.situation.is_none() && login.situations.len() > 1,
        plusieurs => login.situations.len() > 1,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_template_compiles_and_escapes() {
        for (name, source) in TEMPLATES.into_iter().chain([USAGER]) {
            let mut environment = Environment::new();
            environment.add_template(name, source).unwrap();
            templates().get_template(name).unwrap();
        }
        let page = templates().get_template("simple.html").unwrap();
        let html = page
            .render(context! { titre => "T", texte => "<script>x</script>", lien => "/", lien_texte => "&" })
            .unwrap();
        assert!(!html.contains("<script>"), "{html}");
        assert!(html.contains("&lt;script&gt;"), "{html}");
    }
}

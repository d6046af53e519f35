//! The driver API: `GET /capabilities`, `POST /actions/{name}`, `POST /reset`, `GET /observations/{what}`.
//!
//! Only dispatch. A business refusal is a 200 with status `refused`; a request that is not one of the
//! API is a 4xx with `{"error": ...}`.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use diapason_core::driver::{
    ACTIONS, ActionAnswer, ActionRequest, ActionStatus, Capabilities, OBSERVATIONS, Observation,
};
use serde_json::{Value, json};

use crate::state::AppState;

/// Actions and observations of the Pro Santé Connect half.
const PSC_ACTIONS: [&str; 2] = ["compte.create", "local.login"];
const PSC_OBSERVATIONS: [&str; 2] = ["comptes", "session"];

/// The whole application: driver API and web pages.
pub fn app(state: AppState) -> Router {
    Router::new()
        .route("/capabilities", get(capabilities))
        .route("/actions/{name}", post(action))
        .route("/reset", post(reset))
        .route("/observations/{what}", get(observation))
        .layer(DefaultBodyLimit::max(1 << 20))
        .merge(crate::web::router())
        .with_state(state)
}

async fn capabilities(State(state): State<AppState>) -> Json<Capabilities> {
    let psc = state.config().psc.as_ref();
    let ciba = psc.is_some_and(|p| p.ciba);
    Json(Capabilities {
        product: "DUI témoin".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        actions: ACTIONS
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .filter(|name| psc.is_some() || !name.starts_with("psc."))
            .filter(|name| ciba || name != "psc.ciba")
            .collect(),
        observations: OBSERVATIONS
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect(),
    })
}

async fn action(State(state): State<AppState>, Path(name): Path<String>, body: Bytes) -> Response {
    let request: ActionRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return bad_request(&format!("the body is not an action request: {error}")),
    };
    if request.action != name {
        return bad_request(&format!(
            "the address says {name:?} and the body {:?}",
            request.action
        ));
    }
    Json(dispatch(&state, &name, request.params).await).into_response()
}

/// Performs an action.
pub async fn dispatch(state: &AppState, name: &str, params: Value) -> ActionAnswer {
    let psc = name.starts_with("psc.") || name.starts_with("session.");
    if psc || PSC_ACTIONS.contains(&name) {
        return crate::psc::action(state, name, params).await;
    }
    match crate::actions::perform(state, name, params).await {
        Ok(answer) => answer,
        Err(refus) => refus.into_answer(),
    }
}

async fn reset(State(state): State<AppState>) -> StatusCode {
    state.reset();
    StatusCode::NO_CONTENT
}

async fn observation(
    State(state): State<AppState>,
    Path(what): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let value = if PSC_OBSERVATIONS.contains(&what.as_str()) {
        crate::psc::observe(&state, &what, &query).await
    } else {
        crate::actions::observe(&state, &what, &query)
    };
    match value {
        Ok(value) => Json(Observation {
            what,
            at: Some(state.now()),
            value,
        })
        .into_response(),
        Err(problem) => (StatusCode::NOT_FOUND, Json(json!({ "error": problem }))).into_response(),
    }
}

fn bad_request(problem: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": problem }))).into_response()
}

/// An answer that says the adapter does not know this action.
pub fn unsupported(name: &str) -> ActionAnswer {
    ActionAnswer {
        status: ActionStatus::Unsupported,
        message: Some(format!("action inconnue : {name}")),
        result: Value::Null,
    }
}

//! Web pages, in French: login, logout, the user's own page, and a minimal management of identities.
//!
//! Every value is escaped by the templates. Nothing here decides who may enter: `crate::psc` does.

mod connexion;
mod pages;
mod usagers;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::routing::{get, post};

use crate::AppState;

/// The pages, mounted at `/`.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/", get(connexion::home))
        .route("/style.css", get(pages::style))
        .route("/cgu", get(connexion::terms))
        .route("/connexion", get(connexion::page))
        .route("/connexion/psc", get(connexion::psc))
        .route("/connexion/locale", post(connexion::local))
        .route("/connexion/ciba", post(connexion::ciba))
        .route("/connexion/ciba/attente", get(connexion::ciba_wait))
        .route("/connexion/ciba/annuler", post(connexion::ciba_cancel))
        .route("/psc/retour", get(connexion::callback))
        .route("/psc/deconnexion-retour", get(connexion::logout_return))
        .route("/deconnexion", post(connexion::logout))
        .route("/accueil", get(usagers::accueil))
        .route(
            "/situations",
            get(usagers::situations).post(usagers::choose),
        )
        .route("/usagers", get(usagers::list).post(usagers::create))
        .route("/usagers/{id}", get(usagers::show))
        .route("/usagers/{id}/{acte}", post(usagers::act))
}

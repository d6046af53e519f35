//! Protected pages: the user's own page, the choice of a situation, and identities.
//!
//! Identities are handled by the same functions as the driver's actions (`crate::actions`).

use std::collections::BTreeMap;

use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use diapason_core::driver::{
    ActionAnswer, ActionStatus, InsSearchResult, UsagerList, UsagerResult, UsagerView,
};
use diapason_core::ins::Statut;
use minijinja::{Value, context};
use serde_json::json;

use super::connexion::{access_token, guard};
use super::pages::{Visitor, field, go, login_data, page as render};
use crate::AppState;
use crate::psc::Login;

type Fields = Vec<(String, String)>;

const GRADES: [(Statut, &str); 4] = [
    (Statut::Provisoire, "provisoire"),
    (Statut::Recuperee, "récupérée"),
    (Statut::Validee, "validée"),
    (Statut::Qualifiee, "qualifiée"),
];

/// `/accueil`.
pub(super) async fn accueil(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let (visitor, login) = match guard(&state, &headers).await {
        Ok(open) => open,
        Err(away) => return *away,
    };
    if state.mutant("crash-on-noex") && login.situations.is_empty() && login.tokens.is_some() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let jeton = state
        .mutant("token-in-page")
        .then(|| access_token(&state, &visitor.sid));
    let data = context! {
        titre => "Accueil", login => login_data(&state, &login), situations => labels(&state, &login), jeton => jeton,
    };
    render(&state, &visitor, 200, "accueil.html", data)
}

fn labels(state: &AppState, login: &Login) -> Vec<Value> {
    let label = |text: &String| {
        if state.mutant("unescaped-labels") {
            Value::from_safe_string(text.clone())
        } else {
            Value::from(text.clone())
        }
    };
    login.situations.iter().map(|s| label(&s.libelle)).collect()
}

/// `/situations`.
pub(super) async fn situations(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let (visitor, login) = match guard(&state, &headers).await {
        Ok(open) => open,
        Err(away) => return *away,
    };
    let data = context! {
        titre => "Situation d'exercice", login => login_data(&state, &login), situations => labels(&state, &login),
    };
    render(&state, &visitor, 200, "situations.html", data)
}

/// `POST /situations`.
pub(super) async fn choose(
    State(state): State<AppState>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Response {
    let (visitor, login) = match guard(&state, &headers).await {
        Ok(open) => open,
        Err(away) => return *away,
    };
    let asked = field(&form, "situation");
    let found = login.situations.iter().position(|s| s.libelle == asked);
    match found.filter(|_| visitor.sent(&state, &form)) {
        Some(n) => {
            let mut memory = state.psc().memory();
            if let Some(login) = memory
                .sessions
                .get_mut(&visitor.sid)
                .and_then(|session| session.login.as_mut())
            {
                login.situation = Some(n);
            }
            drop(memory);
            go(&state, &visitor, "/accueil")
        }
        None => refused(
            &state,
            &visitor,
            &login,
            "Cette situation ne fait pas partie des vôtres.",
        ),
    }
}

fn refused(state: &AppState, visitor: &Visitor, login: &Login, texte: &str) -> Response {
    let data = context! {
        titre => "Action refusée", login => login_data(state, login), texte => texte,
        lien => "/accueil", lien_texte => "Retour à l'accueil",
    };
    render(state, visitor, 403, "simple.html", data)
}

/// A page on identities: rights and situation first. The role is the one the actions know.
async fn clinical(
    state: &AppState,
    headers: &HeaderMap,
) -> Result<(Visitor, Login, &'static str), Box<Response>> {
    let (visitor, login) = guard(state, headers).await?;
    let held = |right: &str| login.droits.iter().any(|d| d == right);
    let role = ["super_utilisateur", "soignant", "sans_droit_insi"]
        .into_iter()
        .find(|role| held(role));
    if login.situation.is_none() && login.situations.len() > 1 {
        return Err(Box::new(go(state, &visitor, "/situations")));
    }
    let Some(role) = role else {
        let texte = "Vos droits ne vous permettent pas d'ouvrir les identités des usagers.";
        return Err(Box::new(refused(state, &visitor, &login, texte)));
    };
    Ok((visitor, login, role))
}

/// `/usagers`.
pub(super) async fn list(State(state): State<AppState>, headers: HeaderMap) -> Response {
    match clinical(&state, &headers).await {
        Ok((visitor, login, _)) => list_page(&state, &visitor, &login, 200, None),
        Err(away) => *away,
    }
}

fn list_page(
    state: &AppState,
    visitor: &Visitor,
    login: &Login,
    status: u16,
    message: Option<String>,
) -> Response {
    let usagers = crate::actions::observe(state, "usagers", &BTreeMap::new())
        .ok()
        .and_then(|value| serde_json::from_value::<UsagerList>(value).ok())
        .map(|list| list.usagers.iter().map(usager_data).collect::<Vec<_>>());
    let data = context! {
        titre => "Usagers", login => login_data(state, login), usagers => usagers, message => message,
    };
    render(state, visitor, status, "usagers.html", data)
}

/// `POST /usagers`.
pub(super) async fn create(
    State(state): State<AppState>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Response {
    let (visitor, login, role) = match clinical(&state, &headers).await {
        Ok(open) => open,
        Err(away) => return *away,
    };
    if !visitor.sent(&state, &form) {
        return refused(
            &state,
            &visitor,
            &login,
            "Ce formulaire n'est plus valable.",
        );
    }
    let mut params = json!({ "role": role });
    for name in [
        "nom_naissance",
        "premier_prenom",
        "sexe",
        "date_naissance",
        "lieu_naissance",
        "nom_utilise",
        "prenom_utilise",
    ] {
        let value = field(&form, name).trim();
        if !value.is_empty() {
            params[name] = json!(value);
        }
    }
    let prenoms: Vec<&str> = field(&form, "prenoms")
        .split(',')
        .map(str::trim)
        .filter(|prenom| !prenom.is_empty())
        .collect();
    if !prenoms.is_empty() {
        params["prenoms"] = json!(prenoms);
    }
    let answer = perform(&state, "usager.create", params).await;
    let Some(usager) = usager_of(&answer) else {
        let message = said(&answer, "L'identité n'a pas été créée.");
        return list_page(&state, &visitor, &login, 422, Some(message));
    };
    go(&state, &visitor, &format!("/usagers/{}", usager.id))
}

/// `/usagers/{id}`.
pub(super) async fn show(
    State(state): State<AppState>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let (visitor, login, role) = match clinical(&state, &headers).await {
        Ok(open) => open,
        Err(away) => return *away,
    };
    let answer = perform(
        &state,
        "usager.afficher",
        json!({ "usager": id, "role": role }),
    )
    .await;
    let Some(usager) = usager_of(&answer) else {
        let texte = said(&answer, "Cet usager n'existe pas.");
        return refused(&state, &visitor, &login, &texte);
    };
    let alerte = alert_of(&answer);
    usager_page(&state, &visitor, &login, &usager, alerte, &[])
}

/// `POST /usagers/{id}/{acte}`: `insi`, `accepter`, `refuser`.
pub(super) async fn act(
    State(state): State<AppState>,
    headers: HeaderMap,
    Path((id, acte)): Path<(String, String)>,
    Form(form): Form<Fields>,
) -> Response {
    let (visitor, login, role) = match clinical(&state, &headers).await {
        Ok(open) => open,
        Err(away) => return *away,
    };
    if !visitor.sent(&state, &form) {
        return refused(
            &state,
            &visitor,
            &login,
            "Ce formulaire n'est plus valable.",
        );
    }
    let mut params = json!({ "usager": id, "role": role });
    let action = match acte.as_str() {
        "insi" => {
            params["avec_lieu"] = json!(field(&form, "avec_lieu") == "oui");
            "ins.search"
        }
        "accepter" => "ins.accept",
        "refuser" => "ins.refuse",
        _ => return refused(&state, &visitor, &login, "Cet acte n'existe pas."),
    };
    let answer = perform(&state, action, params).await;
    if action != "ins.search" && answer.status == ActionStatus::Done {
        return go(&state, &visitor, &format!("/usagers/{id}"));
    }
    let search = serde_json::from_value::<InsSearchResult>(answer.result.clone()).ok();
    let shown = perform(
        &state,
        "usager.afficher",
        json!({ "usager": id, "role": role }),
    )
    .await;
    let Some(usager) = usager_of(&shown) else {
        let texte = said(&shown, "Cet usager n'existe pas.");
        return refused(&state, &visitor, &login, &texte);
    };
    let alerte = search
        .as_ref()
        .and_then(|search| search.alerte.clone())
        .or_else(|| answer.message.clone());
    let lines = search
        .as_ref()
        .map(|s| compare(&usager, s))
        .unwrap_or_default();
    usager_page(&state, &visitor, &login, &usager, alerte, &lines)
}

/// Local and proposed traits side by side.
fn compare(usager: &UsagerView, search: &InsSearchResult) -> Vec<Value> {
    let Some(proposed) = &search.proposition else {
        return Vec::new();
    };
    let place = |lieu: &Option<String>| lieu.clone().unwrap_or_default();
    [
        (
            "nom_naissance",
            "Nom de naissance",
            usager.nom_naissance.clone(),
            proposed.nom_naissance.clone(),
        ),
        (
            "premier_prenom",
            "Premier prénom",
            usager.premier_prenom.clone(),
            proposed.premier_prenom.clone(),
        ),
        (
            "prenoms",
            "Prénoms de naissance",
            usager.prenoms.join(" "),
            proposed.prenoms.join(" "),
        ),
        ("sexe", "Sexe", usager.sexe.clone(), proposed.sexe.clone()),
        (
            "date_naissance",
            "Date de naissance",
            usager.date_naissance.clone(),
            proposed.date_naissance.clone(),
        ),
        (
            "lieu_naissance",
            "Lieu de naissance",
            place(&usager.lieu_naissance),
            place(&proposed.lieu_naissance),
        ),
    ]
    .into_iter()
    .map(|(name, libelle, local, propose)| {
        let different = search.differences.iter().any(|d| d == name);
        context! { libelle, local, propose, different }
    })
    .collect()
}

fn usager_page(
    state: &AppState,
    visitor: &Visitor,
    login: &Login,
    usager: &UsagerView,
    alerte: Option<String>,
    proposition: &[Value],
) -> Response {
    let rank = GRADES
        .iter()
        .position(|(statut, _)| *statut == usager.statut);
    let gradation: Vec<Value> = GRADES
        .iter()
        .enumerate()
        .map(|(n, (_, libelle))| {
            let (atteint, actuel) = (rank.is_some_and(|r| n <= r), rank == Some(n));
            context! { libelle => *libelle, atteint, actuel }
        })
        .collect();
    let data = context! {
        titre => "Identité de l'usager", login => login_data(state, login), usager => usager_data(usager),
        gradation => gradation, alerte => alerte, proposition => proposition,
    };
    render(state, visitor, 200, "usager.html", data)
}

fn usager_data(usager: &UsagerView) -> Value {
    let grade = GRADES.iter().find(|(statut, _)| *statut == usager.statut);
    let attributs: Vec<String> = usager
        .attributs
        .iter()
        .map(|attribut| format!("{attribut:?}").to_lowercase())
        .collect();
    context! {
        id => usager.id.clone(),
        statut_libelle => grade.map_or("", |(_, libelle)| libelle),
        attributs,
        nom_naissance => usager.nom_naissance.clone(),
        prenoms => usager.prenoms.clone(),
        sexe => usager.sexe.clone(),
        date_naissance => usager.date_naissance.clone(),
        lieu_naissance => usager.lieu_naissance.clone(),
        nom_utilise => usager.nom_utilise.clone(),
        prenom_utilise => usager.prenom_utilise.clone(),
        ins => usager.ins.as_ref().map(|ins| context! { matricule => ins.matricule.clone() }),
    }
}

async fn perform(state: &AppState, action: &str, params: serde_json::Value) -> ActionAnswer {
    crate::actions::perform(state, action, params)
        .await
        .unwrap_or_else(crate::actions::Refus::into_answer)
}

fn usager_of(answer: &ActionAnswer) -> Option<UsagerView> {
    serde_json::from_value::<UsagerResult>(answer.result.clone())
        .ok()
        .filter(|_| answer.status == ActionStatus::Done)?
        .usager
}

fn alert_of(answer: &ActionAnswer) -> Option<String> {
    let result: UsagerResult = serde_json::from_value(answer.result.clone()).ok()?;
    result.alerte.or_else(|| answer.message.clone())
}

fn said(answer: &ActionAnswer, otherwise: &str) -> String {
    answer
        .message
        .clone()
        .unwrap_or_else(|| otherwise.to_owned())
}

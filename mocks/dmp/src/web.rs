//! The `web` listener: the pages that a product opens in context (TD0.9), and the person's view of the record as JSON.

use diapason_core::PersonaId;
use diapason_core::scenario::{DmpAutorisation, DmpStatut};
use diapason_mock_common::http::{Incoming, Reply};
use serde_json::json;

use crate::citizen;
use crate::state::State;

/// Pages of the site, and whether each takes the INS of a person: always, never, or as one likes.
const PAGES: [(&str, Option<bool>); 10] = [
    ("TableauDeBord", None),
    ("DossierPatient", Some(true)),
    ("GestionDMPPatient", Some(true)),
    ("Documents", Some(true)),
    ("ParcoursDeSoins", Some(true)),
    ("HistoriqueAcces", Some(true)),
    ("Parametrages", Some(false)),
    ("VolontesEtDroits", Some(true)),
    ("CarnetVaccination", Some(true)),
    ("", Some(false)),
];

/// Page and INS of an address of the site; `None` when it is none.
pub(crate) fn page(path: &str) -> Option<(&str, Option<&str>)> {
    let rest = path.strip_prefix("/AccesDirect/")?;
    let (page, ins) = match rest.split_once('/') {
        Some((page, ins)) => (page, Some(ins).filter(|i| !i.is_empty())),
        None => (rest, None),
    };
    Some((page, ins))
}

/// The person that an INS of an address names.
pub(crate) fn persona(state: &State, ins: &str) -> Option<PersonaId> {
    let oids = ["1.2.250.1.213.1.4.8", "1.2.250.1.213.1.4.9"];
    oids.iter().find_map(|oid| state.persona_of(ins, oid))
}

/// Answers a request of the listener.
pub(crate) fn answer(state: &State, incoming: &Incoming) -> Reply {
    if !matches!(incoming.method.as_str(), "GET" | "HEAD") {
        let mut reply = Reply::new(405, "text/plain; charset=utf-8", "Seul GET est admis.\n")
            .outcome("http_405");
        reply
            .headers
            .push(("Allow".to_owned(), "GET, HEAD".to_owned()));
        return reply;
    }
    if let Some(rest) = incoming.path.strip_prefix("/mon-espace-sante") {
        return citizen_view(state, rest.trim_matches('/'));
    }
    let Some((name, ins)) = page(&incoming.path) else {
        return html(
            404,
            "Page introuvable",
            "L'accès contextuel se fait sous /AccesDirect/.",
            "http_404",
        );
    };
    let known = PAGES.iter().find(|(p, _)| *p == name && !p.is_empty());
    let Some((_, takes)) = known else {
        let text = format!("Aucune page {name} dans l'accès contextuel.");
        return html(404, "Page introuvable", &text, "http_404");
    };
    match (takes, ins) {
        (Some(true), None) => {
            let text = format!("La page {name} s'ouvre avec l'INS d'un patient.");
            html(404, "Page introuvable", &text, "http_404")
        }
        (Some(false), Some(_)) => {
            let text = format!("La page {name} ne prend pas d'INS.");
            html(404, "Page introuvable", &text, "http_404")
        }
        (_, None) => html(
            200,
            name,
            "Connectez-vous avec votre carte ou Pro Santé Connect.",
            "success",
        ),
        (_, Some(ins)) => of_person(state, name, ins),
    }
}

/// A page about a person: the state of the DMP decides what is shown.
fn of_person(state: &State, name: &str, ins: &str) -> Reply {
    let persona = persona(state, ins);
    let statut = persona.as_ref().and_then(|p| state.statut(p));
    let blocked = persona
        .as_ref()
        .is_some_and(|p| state.dossier(p).autorisation == DmpAutorisation::Interdit);
    let (outcome, text) = match statut {
        None => ("nf", "Aucun DMP pour cet INS."),
        Some(DmpStatut::Ferme) => ("ferme", "Le DMP de ce patient est fermé."),
        Some(_) if blocked => ("interdit", "Le patient a bloqué votre accès à son DMP."),
        Some(_) => ("actif", "Le DMP de ce patient existe."),
    };
    // The dashboard shows the result of the existence test; the other pages an error that leads to it.
    if name == "TableauDeBord" || outcome == "actif" {
        return html(200, name, text, outcome);
    }
    let text = format!("{text} Revenez au tableau de bord : /AccesDirect/TableauDeBord");
    html(200, "Page inaccessible", &text, outcome)
}

fn html(status: u16, title: &str, text: &str, outcome: &str) -> Reply {
    let escape = |t: &str| quick_xml::escape::escape(t).into_owned();
    let page = format!(
        "<!DOCTYPE html><html lang=\"fr\"><head><meta charset=\"utf-8\"><title>{title} - DMP simulé</title></head>\
         <body><h1>{title}</h1><p>{text}</p><p>Banc d'essai : ceci n'est pas le DMP.</p></body></html>",
        title = escape(title),
        text = escape(text),
    );
    Reply::new(status, "text/html; charset=utf-8", page).outcome(outcome)
}

/// `/mon-espace-sante`: whose record is not empty; `/mon-espace-sante/<persona>`: one record.
fn citizen_view(state: &State, id: &str) -> Reply {
    let json = |status: u16, value: serde_json::Value, outcome: &str| {
        Reply::new(
            status,
            "application/json; charset=utf-8",
            format!("{value}\n"),
        )
        .outcome(outcome)
    };
    if id.is_empty() {
        let people: Vec<String> = citizen::people(state)
            .iter()
            .map(ToString::to_string)
            .collect();
        return json(200, json!({ "personnes": people }), "success");
    }
    let known = PersonaId::new(id)
        .ok()
        .filter(|id| state.people.get(id).is_some());
    match known {
        Some(persona) => json(200, citizen::view(state, &persona), "success"),
        None => json(
            404,
            json!({ "erreur": format!("aucune personne {id} dans le banc") }),
            "http_404",
        ),
    }
}

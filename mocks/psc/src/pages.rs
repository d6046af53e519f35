//! The pages PSC shows: who are you, waiting, errors, log-out. In French, without any script but the
//! one that posts a form on its own.

use std::fmt::Write as _;

use crate::professional::Professional;
use crate::state::Ciba;

/// Text made safe within HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"fr\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>\
         body{{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1b2540}}\
         form{{border:1px solid #c5cbdb;border-radius:.5rem;padding:.7rem 1rem;margin:.6rem 0}}\
         button{{font:inherit;padding:.3rem .9rem;margin-right:.5rem;cursor:pointer}}\
         small{{color:#56607a}}.banc{{background:#fff4d6;padding:.5rem 1rem;border-radius:.5rem}}\
         </style></head><body><p class=\"banc\">Simulateur de Pro Santé Connect : aucune identité réelle.</p>\
         <h1>{title}</h1>{body}</body></html>\n",
        title = escape(title)
    )
}

/// The login page: one form for each person, and a way out.
pub(crate) fn picker(key: &str, client_id: &str, people: &[Professional]) -> String {
    let mut body = format!(
        "<p>Le service <strong>{}</strong> vous demande de vous authentifier. Choisissez la personne qui se présente et son moyen d'identification.</p>",
        escape(client_id)
    );
    for person in people {
        let _ = write!(
            body,
            "<form method=\"post\" action=\"/auth/decision\"><input type=\"hidden\" name=\"demande\" value=\"{}\">\
             <input type=\"hidden\" name=\"persona\" value=\"{}\"><strong>{}</strong> \
             <small>{}</small><br><small>{}</small><br>\
             <button name=\"canal\" value=\"CARD\">Carte CPS</button><button name=\"canal\" value=\"MOBILE\">e-CPS</button></form>",
            escape(key),
            person.id,
            escape(&person.label()),
            escape(&person.identifiant_national),
            escape(&person.usage.fr),
        );
    }
    let _ = write!(
        body,
        "<form method=\"post\" action=\"/auth/decision\"><input type=\"hidden\" name=\"demande\" value=\"{}\">\
         <button name=\"annuler\" value=\"1\">Annuler et revenir au service</button></form>",
        escape(key)
    );
    page("Pro Santé Connect : authentification", &body)
}

/// The page of someone who never answers.
pub(crate) fn waiting() -> String {
    page(
        "Pro Santé Connect : en attente",
        "<p>En attente de votre authentification sur votre carte ou sur votre téléphone.</p>",
    )
}

/// An error page; nobody is sent back to the service.
pub(crate) fn error(message: &str) -> String {
    page(
        "Pro Santé Connect : nous sommes désolés",
        &format!("<p>{}</p>", escape(message)),
    )
}

/// The page of a service that is down.
pub(crate) fn unavailable() -> String {
    page(
        "Service indisponible",
        "<p>Pro Santé Connect est momentanément indisponible. Réessayez plus tard.</p>",
    )
}

/// Asks for a confirmation, when a log-out carries no hint.
pub(crate) fn confirm_logout(action: &str, key: &str) -> String {
    page(
        "Pro Santé Connect : déconnexion",
        &format!(
            "<p>Voulez-vous vous déconnecter ?</p><form method=\"post\" action=\"{}\">\
             <input type=\"hidden\" name=\"confirmation\" value=\"{}\"><button>Se déconnecter</button></form>",
            escape(action),
            escape(key)
        ),
    )
}

/// After a log-out that goes nowhere.
pub(crate) fn logged_out() -> String {
    page(
        "Pro Santé Connect : déconnexion",
        "<p>Vous êtes déconnecté.</p>",
    )
}

/// A form that posts itself (`response_mode=form_post`).
pub(crate) fn form_post(action: &str, params: &[(String, String)]) -> String {
    let mut fields = String::new();
    for (name, value) in params {
        let _ = write!(
            fields,
            "<input type=\"hidden\" name=\"{}\" value=\"{}\">",
            escape(name),
            escape(value)
        );
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"fr\"><head><meta charset=\"utf-8\"><title>Retour au service</title></head>\
         <body onload=\"document.forms[0].submit()\"><form method=\"post\" action=\"{}\">{fields}\
         <noscript><button>Continuer</button></noscript></form></body></html>\n",
        escape(action)
    )
}

/// The requests that wait on a card or a phone.
pub(crate) fn ciba_requests(requests: &[(&String, &Ciba)]) -> String {
    let mut body = String::new();
    for (key, request) in requests {
        let _ = write!(
            body,
            "<form method=\"post\" action=\"/ciba/decision\"><input type=\"hidden\" name=\"demande\" value=\"{}\">\
             <strong>{}</strong> <small>{} ; code affiché : {}</small><br>\
             <button name=\"accord\" value=\"1\">Accepter</button><button name=\"accord\" value=\"0\">Refuser</button></form>",
            escape(key),
            request.persona,
            escape(&request.channel),
            escape(&request.binding_message),
        );
    }
    if requests.is_empty() {
        body.push_str("<p>Aucune demande en attente.</p>");
    }
    page("Pro Santé Connect : demandes d'authentification", &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_escaped() {
        let shown = picker("k", "<script>x</script>", &[]);
        assert!(!shown.contains("<script>"));
        assert!(shown.contains("&lt;script&gt;"));
        assert!(
            form_post("x", &[("a".to_owned(), "\"><b>".to_owned())])
                .contains("&quot;&gt;&lt;b&gt;")
        );
    }
}

//! Who acts and about whom: VIHF and user, existence and qualified INS, traits, address of the web site.

use diapason_formats::cda;
use diapason_formats::dmp::Message;
use diapason_formats::http::Request;
use diapason_formats::xml::{Limits, Tree};
use serde_json::Value;

use super::personnes::{People, Users};
use super::{FEED, action, calls, ins, list, outcome, param};
use crate::Ctx;
use crate::record::SeenExchange;

/// Requests of a professional logged in by Pro Santé Connect.
const AIR: &str = "INDIRECTE_RENFORCEE";
/// What is done about a person, as opposed to what is done with documents already there.
const ABOUT_A_PERSON: [&str; 6] = ["td0.2", "td0.3", FEED, "td3.1a", "td3.2", "td0.9"];
/// Pages of the web site.
const PAGES: [&str; 9] = [
    "TableauDeBord",
    "DossierPatient",
    "GestionDMPPatient",
    "Documents",
    "ParcoursDeSoins",
    "HistoriqueAcces",
    "Parametrages",
    "VolontesEtDroits",
    "CarnetVaccination",
];
/// Pages that do not need a person.
const WITHOUT_PERSON: [&str; 2] = ["TableauDeBord", "Parametrages"];

/// AIR requests with the session their step names.
fn in_sessions<'a>(ctx: &Ctx<'a>) -> Vec<(&'a SeenExchange, &'a str)> {
    calls(ctx, &[])
        .into_iter()
        .filter(|seen| seen.text("/dmp/vihf/mode") == Some(AIR))
        .filter_map(|seen| Some((seen, param(action(ctx, seen)?, "session")?)))
        .collect()
}

/// DMP-VIHF-17: the NameID is the national id of the user of the session.
pub(super) fn vihf_bears_the_user(ctx: &mut Ctx<'_>) {
    let users = Users::of(ctx);
    for (seen, session) in in_sessions(ctx) {
        let Some(user) = users.in_session(session, seen.step.unwrap_or_default()) else {
            continue;
        };
        let said = seen.text("/dmp/vihf/name_id").unwrap_or_default();
        ctx.check(
            said == user,
            seen,
            "VIHF Subject/NameID",
            format!("{user}, l'utilisateur connecté dans la session {session}"),
            said,
        );
    }
}

/// DMP-VIHF-22: neither the name nor the assertion of another user.
pub(super) fn no_assertion_across_users(ctx: &mut Ctx<'_>) {
    let users = Users::of(ctx);
    let mut assertions: Vec<(&str, &str)> = Vec::new();
    for (seen, session) in in_sessions(ctx) {
        let Some(user) = users.in_session(session, seen.step.unwrap_or_default()) else {
            continue;
        };
        let others = users.everybody().filter(|id| *id != user);
        let said = seen.text("/dmp/vihf/name_id").unwrap_or_default();
        let mut others = others.peekable();
        if others.peek().is_none() {
            continue;
        }
        let taken = others.any(|id| id == said);
        let id = seen.text("/dmp/vihf/id").unwrap_or_default();
        let kept = assertions.iter().find(|(a, of)| *a == id && *of != user);
        let observed = match kept {
            Some((_, of)) => format!("assertion {id}, déjà présentée pour {of}"),
            None => said.to_owned(),
        };
        ctx.check(
            !taken && kept.is_none(),
            seen,
            "VIHF",
            format!("une assertion faite pour {user}"),
            observed,
        );
        assertions.push((id, user));
    }
}

/// DMP-EX-01: a TD0.2 came before the first feeding of a person, no earlier than the same day.
pub(super) fn existence_before_feeding(ctx: &mut Ctx<'_>) {
    const DAY: i64 = 86_400_000;
    let people = People::of(ctx);
    let all = calls(ctx, &["td0.2", FEED]);
    let mut judged: Vec<&str> = Vec::new();
    for (i, seen) in all.iter().enumerate() {
        let Some(person) = ins(seen) else { continue };
        if seen.exchange.operation != FEED || judged.contains(&person) {
            continue;
        }
        judged.push(person);
        let asked = all[..i].iter().any(|before| {
            before.exchange.operation == "td0.2"
                && ins(before).is_some_and(|asked| {
                    asked == person || people.same_person(asked, person, seen.step)
                })
                && seen
                    .exchange
                    .received_at
                    .millis_since(before.exchange.received_at)
                    <= DAY
        });
        ctx.check(
            asked,
            seen,
            "appels précédents",
            format!("un TD0.2 sur {person} le même jour"),
            "aucun",
        );
    }
}

/// Nothing is fed to a person whose last existence test ended so.
fn nothing_after(ctx: &mut Ctx<'_>, state: &str, words: &str) {
    // Person, exchange that told, was anything fed since.
    let mut told: Vec<(&str, &SeenExchange, bool)> = Vec::new();
    let mut broken = Vec::new();
    for seen in calls(ctx, &["td0.2", FEED]) {
        let Some(person) = ins(seen) else { continue };
        if seen.exchange.operation == "td0.2" {
            if ["actif", "ferme", "nf"].contains(&outcome(seen)) {
                told.push((person, seen, outcome(seen) == state));
            }
        } else if let Some((_, test, true)) = told.iter().rev().find(|(p, ..)| *p == person) {
            broken.push((seen, test.exchange.id));
        }
    }
    let times = told.iter().filter(|(.., so)| *so).count();
    if times > 0 && broken.is_empty() {
        ctx.held();
    }
    for (seen, test) in broken {
        ctx.broken(
            seen,
            "appels",
            format!("aucune alimentation : {words}, dit {test}"),
            "un TD2.1",
        );
    }
}

/// DMP-EX-04: no feeding after NF.
pub(super) fn nothing_without_dmp(ctx: &mut Ctx<'_>) {
    nothing_after(ctx, "nf", "la personne n'a pas de DMP");
}

/// DMP-EX-05: no feeding of a closed DMP.
pub(super) fn nothing_into_a_closed_dmp(ctx: &mut Ctx<'_>) {
    nothing_after(ctx, "ferme", "le DMP est fermé");
}

/// DMP-EX-09: every exchange about a person bears the INS of a qualified identity.
pub(super) fn qualified_ins_only(ctx: &mut Ctx<'_>) {
    let people = People::of(ctx);
    if people.is_empty() {
        return;
    }
    for seen in calls(ctx, &ABOUT_A_PERSON) {
        let Some(matricule) = ins(seen) else { continue };
        let step = seen.step.unwrap_or_default();
        let bearers = people.of_matricule(matricule, step);
        let observed = if bearers.is_empty() {
            format!("{matricule}, matricule d'aucune personne que le DUI a montrée")
        } else {
            format!("{matricule}, dont l'identité n'est pas qualifiée")
        };
        ctx.check(
            bearers.iter().any(|id| people.qualified(id, step)),
            seen,
            "INS",
            "l'INS d'une identité qualifiée",
            observed,
        );
    }
}

/// Upper case, hyphens and apostrophes as spaces: spelling is the business of other rules.
fn normal(name: &str) -> String {
    name.replace(['-', '\'', '\u{2019}'], " ")
        .to_uppercase()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn said(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(normal(text)),
        Value::Array(items) => {
            let all: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            Some(normal(&all.join(" ")))
        }
        _ => None,
    }
}

/// DMP-CDA-08: the traits of each document fed are those of the identity accepted from INSi.
pub(super) fn traits_of_insi(ctx: &mut Ctx<'_>) {
    const TRAITS: [&str; 6] = [
        "nom_naissance",
        "premier_prenom",
        "prenoms",
        "sexe",
        "date_naissance",
        "lieu_naissance",
    ];
    let people = People::of(ctx);
    for seen in calls(ctx, &[FEED]) {
        let request = Request::parse(&seen.request);
        let content_type = request.headers.get("content-type").map(String::as_str);
        let Ok(message) = Message::read(content_type, &request.body) else {
            continue;
        };
        for (entry, bytes) in message.documents() {
            let Some(person) = Tree::read(bytes, &Limits::default())
                .ok()
                .and_then(|tree| cda::facts(&tree))
                .and_then(|mut facts| facts.get_mut("personne").map(Value::take))
            else {
                continue;
            };
            let Some(view) = person
                .pointer("/ins/matricule")
                .and_then(Value::as_str)
                .and_then(|m| people.bearer(m, seen.step.unwrap_or_default()))
            else {
                continue;
            };
            for name in TRAITS {
                let Some(expected) = said(view.get(name)) else {
                    continue;
                };
                let observed = said(person.get(name)).unwrap_or_default();
                ctx.check(
                    observed == expected,
                    seen,
                    &format!("{entry} : recordTarget, {name}"),
                    expected.clone(),
                    observed,
                );
            }
        }
    }
}

/// DMP-WEB-01: a known page, the INS where the page is about a person, nothing else.
pub(super) fn contextual_address(ctx: &mut Ctx<'_>) {
    for seen in calls(ctx, &["td0.9"]) {
        let page = seen.text("/dmp/page/page").unwrap_or_default();
        let person = seen.text("/dmp/page/ins");
        let problem = if !PAGES.contains(&page) {
            Some(format!("page inconnue « {page} »"))
        } else if person.is_none() && !WITHOUT_PERSON.contains(&page) {
            Some(format!("page {page} sans INS"))
        } else if person.is_some_and(|p| p.len() != 15 || !p.chars().all(char::is_alphanumeric)) {
            Some("ce qui suit la page n'est pas un matricule de 15 caractères".to_owned())
        } else if let Some(query) = seen.text("/dmp/page/query") {
            Some(format!("paramètres « {query} »"))
        } else if list(seen, "/dmp/page/rest").next().is_some() {
            Some("autre chose après l'INS".to_owned())
        } else {
            let referer = seen.text("/http/headers/referer");
            referer
                .filter(|r| r.contains('?'))
                .map(|r| format!("adresse d'origine avec paramètres : {r}"))
        };
        ctx.check(
            problem.is_none(),
            seen,
            "adresse",
            "/AccesDirect/ une page connue, l'INS et rien d'autre",
            problem.unwrap_or_default(),
        );
    }
}

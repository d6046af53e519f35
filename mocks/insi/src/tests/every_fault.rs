//! Every fault of the catalogue plays, does what it says, and nothing else.

use std::collections::BTreeSet;

use diapason_formats::insi::{Answer, Individu, Message, answer_problems};
use diapason_mock_common::http::{Delivery, HttpService};
use serde_json::json;

use super::*;
use crate::faults::{faults, tls};

/// Faults whose answer must stay valid against the contract.
const VALID: [&str; 36] = [
    "INSI-F-HTTP-CONTENT-TYPE",
    "INSI-F-HTTP-CHUNKED",
    "INSI-F-DELAY",
    "INSI-F-DESIR-550",
    "INSI-F-DESIR-1020",
    "INSI-F-DESIR-560",
    "INSI-F-DESIR-500",
    "INSI-F-FAULT-NO-DETAIL",
    "INSI-F-FAULT-MESSAGE-ID-WRONG",
    "INSI-F-CR-01",
    "INSI-F-CR-02",
    "INSI-F-CR-00-OTHER",
    "INSI-F-RELATES-TO-RIGHT",
    "INSI-F-RELATES-TO-WRONG",
    "INSI-F-SOAP-HEADER-EMPTY",
    "INSI-F-STYLE",
    "INSI-F-TIQ-PRENOM-ONLY",
    "INSI-F-TIQ-LISTE-ONLY",
    "INSI-F-TIQ-PRENOM-AND-LISTE",
    "INSI-F-TIQ-NO-LIEU",
    "INSI-F-CLE-MISSING",
    "INSI-F-OID-TEST",
    "INSI-F-OID-DEMO",
    "INSI-F-OID-NIA",
    "INSI-F-HISTORY-NONE",
    "INSI-F-HISTORY-MANY",
    "INSI-F-HISTORY-ACTIVE",
    "INSI-F-HISTORY-SEX",
    "INSI-F-HISTORY-DATES",
    "INSI-F-MATRICULE-CHANGED",
    "INSI-F-NIA-TO-NIR",
    "INSI-F-TIQ-SEXE",
    "INSI-F-LUNAR-DAY",
    "INSI-F-LUNAR-MONTH",
    "INSI-F-LUNAR-BOTH",
    "INSI-F-CORSICA-LOWER",
];

/// Faults that say explicitly what is said anyway for the person used here.
const SAME: [&str; 2] = ["INSI-F-TIQ-LISTE-ONLY", "INSI-F-HISTORY-NONE"];

fn ids() -> Vec<String> {
    faults().iter().map(|f| f.id.to_string()).collect()
}

/// The answer about the Corsican person, with one fault.
fn played(id: &str, with: &[(&str, Value)]) -> Reply {
    let service = service();
    arm(&service, id, with);
    ask(&service, &usual("p03-adrtrois-dominique"))
}

fn individu(reply: &Reply) -> Individu {
    match told(reply) {
        Message::Resultat(Answer {
            individu: Some(individu),
            ..
        }) => individu,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_catalogue_is_sound() {
    let ids = ids();
    assert!(ids.len() >= 34 + 8, "{}", ids.len());
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    for spec in faults() {
        assert!(!spec.operations.is_empty(), "{}", spec.id);
        assert!(!spec.text.fr.is_empty() && !spec.text.en.is_empty());
    }
    for id in VALID.iter().chain(&SAME) {
        assert!(ids.contains(&(*id).to_owned()), "{id}");
    }
}

#[test]
fn every_fault_plays_and_changes_the_answer() {
    let natural = ask(&service(), &usual("p03-adrtrois-dominique"));
    for id in ids() {
        if id.starts_with("X-F-TLS-") {
            let service = service();
            arm(&service, &id, &[]);
            assert!(service.tls_fault("tls").is_some(), "{id}");
            assert_eq!(
                ask(&service, &usual("p01-adrun")).fault,
                None,
                "{id} is not for exchanges"
            );
            continue;
        }
        let small: &[(&str, Value)] = if id == "INSI-F-XML-HUGE" {
            &[("megabytes", Value::from(1))]
        } else {
            &[]
        };
        let reply = played(&id, small);
        let fault = reply.fault.clone().map(|f| f.to_string());
        assert_eq!(fault.as_deref(), Some(id.as_str()));
        assert!(!reply.outcome.is_empty(), "{id}");
        let same = (reply.status, &reply.headers, &reply.body, &reply.delivery)
            == (
                natural.status,
                &natural.headers,
                &natural.body,
                &natural.delivery,
            );
        // The default style of the first call of a rotation is the default style.
        let expected = SAME.contains(&id.as_str()) || id == "INSI-F-STYLE";
        assert_eq!(same, expected, "{id}");
        if VALID.contains(&id.as_str()) {
            assert_eq!(answer_problems(&reply.body), Vec::<String>::new(), "{id}");
        }
        assert!(tls(reply.fault.as_ref().unwrap()).is_none());
    }
}

#[test]
fn faults_break_what_they_claim_to_break() {
    for (id, what) in [
        ("INSI-F-XML-MALFORMED", "line"),
        ("INSI-F-XML-NOT-UTF8", "UTF-8"),
        ("INSI-F-XML-ENTITY-BOMB", "document type"),
        ("INSI-F-XML-EXTERNAL-ENTITY", "document type"),
        ("INSI-F-XML-DEEP", "nested"),
        ("INSI-F-XML-HUGE", "more than"),
        ("INSI-F-XML-FOREIGN", "not a SOAP 1.2 envelope"),
        ("INSI-F-HTTP-EMPTY-200", "no content"),
        ("INSI-F-CR-MISSING", "CR: missing"),
        ("INSI-F-TIQ-EMPTY-SEXE", "Sexe"),
        ("INSI-F-ORDER", "out of order"),
        ("INSI-F-INSI-102", "severite"),
        ("INSI-F-FAULT-SOAP11", "not a SOAP 1.2 envelope"),
    ] {
        let reply = played(id, &[]);
        let problems = answer_problems(&reply.body);
        assert!(
            problems.iter().any(|p| p.contains(what)),
            "{id}: {problems:?}"
        );
    }
    assert_eq!(
        answer_problems(&played("INSI-F-INSI-102", &[("severite", json!("fatale"))]).body),
        Vec::<String>::new()
    );
}

#[test]
fn identities_are_changed_as_said() {
    let of = |id: &str| individu(&played(id, &[]));
    let natural = individu(&ask(&service(), &usual("p03-adrtrois-dominique")));
    assert_eq!(of("INSI-F-TIQ-SEXE").tiq.sexe.as_deref(), Some("M"));
    assert_eq!(
        of("INSI-F-TIQ-NOM").tiq.nom_naissance.as_deref(),
        Some("AUTRENOM")
    );
    assert_eq!(
        of("INSI-F-LUNAR-BOTH").tiq.date_naissance.as_deref(),
        Some("1997-00-00")
    );
    assert_eq!(
        of("INSI-F-LUNAR-DAY").tiq.date_naissance.as_deref(),
        Some("1997-02-00")
    );
    assert_eq!(
        of("INSI-F-LUNAR-MONTH").tiq.date_naissance.as_deref(),
        Some("1997-00-26")
    );
    assert_eq!(of("INSI-F-CORSICA-LOWER").actif.numero, "297022a020778");
    assert_eq!(of("INSI-F-CLE-WRONG").actif.cle.as_deref(), Some("79"));
    assert_eq!(of("INSI-F-CLE-MISSING").actif.cle, None);
    assert_eq!(of("INSI-F-OID-UNKNOWN").actif.oid, "1.2.250.1.999.1.4.8");
    assert_eq!(of("INSI-F-HISTORY-MANY").historique.len(), 10);
    assert_eq!(
        of("INSI-F-HISTORY-SEX").historique[0].numero,
        "197022A020778"
    );
    assert_eq!(of("INSI-F-HISTORY-ACTIVE").historique[0], natural.actif);
    let prenom_only = of("INSI-F-TIQ-PRENOM-ONLY").tiq;
    assert_eq!(
        (prenom_only.prenom.as_deref(), prenom_only.liste_prenom),
        (Some("DOMINIQUE"), None)
    );
    let changed = of("INSI-F-MATRICULE-CHANGED");
    assert_eq!(changed.actif.numero, "297022A020950");
    assert_eq!(changed.historique[0].numero, natural.actif.numero);
    let nia = of("INSI-F-NIA-TO-NIR");
    assert_eq!(nia.historique[0].oid, "1.2.250.1.213.1.4.9");
    assert_eq!(nia.actif.oid, "1.2.250.1.213.1.4.8");
    let other = individu(&played("INSI-F-CR-00-OTHER", &[]));
    assert_eq!(other.tiq.nom_naissance.as_deref(), Some("ADRDEUX"));
    // Somebody else even when the person asked for is the one named.
    let service = service();
    arm(&service, "INSI-F-CR-00-OTHER", &[]);
    let twin = individu(&ask(&service, &usual("p02-adrdeux")));
    assert_ne!(twin.tiq.nom_naissance.as_deref(), Some("ADRDEUX"));
}

#[test]
fn transport_faults_ask_the_listener_for_the_right_delivery() {
    for (id, with, delivery) in [
        ("INSI-F-CUT", json!({"bytes": 7}), Delivery::Cut(7)),
        (
            "INSI-F-DELAY",
            json!({"milliseconds": 12}),
            Delivery::Delay(12),
        ),
        ("INSI-F-SILENT", json!({}), Delivery::Silent),
        ("INSI-F-RESET", json!({}), Delivery::Reset),
        ("INSI-F-HTTP-CHUNKED", json!({}), Delivery::Chunked),
    ] {
        let with: Vec<(&str, Value)> = with
            .as_object()
            .unwrap()
            .iter()
            .map(|(k, v)| (k.as_str(), v.clone()))
            .collect();
        assert_eq!(played(id, &with).delivery, delivery);
    }
    let redirect = played("INSI-F-HTTP-REDIRECT", &[]);
    assert_eq!(redirect.status, 302);
    assert!(
        redirect
            .headers
            .iter()
            .any(|(n, v)| n == "Location" && v.starts_with("https://localhost:"))
    );
    let outage = played("INSI-F-HTTP-503", &[("status", json!(502))]);
    assert_eq!(outage.status, 502);
}

#[test]
fn every_style_reads_back_to_the_same_answer() {
    let natural = told(&ask(&service(), &usual("p06-ecetinsi")));
    let service = service();
    arm(&service, "INSI-F-STYLE", &[]);
    let replies: Vec<Reply> = (0..5)
        .map(|_| ask(&service, &usual("p06-ecetinsi")))
        .collect();
    let bodies: BTreeSet<&Vec<u8>> = replies.iter().map(|r| &r.body).collect();
    assert_eq!(bodies.len(), 5, "rotation gives five ways");
    for reply in &replies {
        assert_eq!(told(reply), natural);
        assert_eq!(answer_problems(&reply.body), Vec::<String>::new());
    }
}

#[test]
fn a_fault_with_nothing_to_bite_on_is_not_said_to_have_played() {
    let service = service();
    arm(&service, "INSI-F-TIQ-SEXE", &[]);
    let reply = ask(&service, &usual("inconnu"));
    assert_eq!((reply.fault, reply.outcome.as_str()), (None, "01"));
}

#[test]
fn wrong_parameters_are_refused_when_armed() {
    let service = service();
    for (id, with) in [
        ("INSI-F-DELAY", ("milliseconds", json!("long"))),
        ("INSI-F-DELAY", ("seconds", json!(1))),
        ("INSI-F-STYLE", ("style", json!("fancy"))),
        ("INSI-F-CR-00-OTHER", ("persona", json!("personne"))),
        ("INSI-F-CR-00-OTHER", ("persona", json!("inconnu"))),
        ("INSI-F-CODE-UNKNOWN", ("family", json!("C"))),
        ("INSI-F-HTTP-503", ("status", json!(9000))),
        ("INSI-F-XML-HUGE", ("megabytes", json!(100_000))),
        ("INSI-F-NO-SUCH", ("x", json!(1))),
    ] {
        let error = arm_service(&service, &fault(id, &[with]));
        assert!(error.is_err(), "{id}");
    }
    assert!(!arm_service(&service, &fault("PSC-F-ISS-WRONG", &[])).unwrap());
    assert!(!arm_service(&service, &Arm::Advance(3)).unwrap());
    assert!(arm_service(&service, &Arm::Verification("peut-etre".to_owned())).is_err());
    arm(&service, "INSI-F-CR-02", &[]);
    assert!(arm_service(&service, &Arm::Clear(true)).unwrap());
    assert_eq!(ask(&service, &usual("p01-adrun")).outcome, "00");
}

//! INSi down, slow, broken or hostile: an understandable message, one trace, no retry, nothing lost.

use std::time::{Duration, Instant};

use diapason_core::scenario::Arm;
use serde_json::{Value, json};

use crate::banc::Banc;
use crate::recherche::traces;

/// Searches under a fault; returns the trace code and the message.
async fn panne(fault: &str, with: Value) -> (String, String) {
    let banc = Banc::new().await;
    let id = banc.creer("p01-adrun").await;
    banc.fault_with(fault, &with);
    let answer = banc.action("ins.search", json!({"usager": id})).await;
    assert_eq!(answer["status"], "done", "{fault}: {answer}");
    assert_eq!(answer["result"]["issue"], "echec", "{fault}: {answer}");
    let after = banc.usager(&id).await;
    assert_eq!(
        (&after["statut"], &after["ins"]),
        (&json!("provisoire"), &Value::Null),
        "{fault}"
    );
    let codes = traces(&banc, "insi.recherche").await;
    assert_eq!(codes.len(), 1, "{fault}: no retry, one trace");
    // The record stays usable and the service comes back.
    banc.arm(&Arm::Clear(true));
    assert_eq!(banc.valider(&id).await["statut"], "validee", "{fault}");
    assert_eq!(banc.chercher(&id).await["issue"], "proposition", "{fault}");
    assert_eq!(banc.accepter(&id).await["statut"], "qualifiee", "{fault}");
    banc.stop().await;
    (
        codes[0].clone(),
        answer["message"].as_str().unwrap().to_owned(),
    )
}

#[tokio::test]
async fn faults_of_the_service() {
    for (fault, code, word) in [
        ("INSI-F-INSI-102", "insi_102", "technique"),
        ("INSI-F-INSI-111", "insi_111", "indisponible"),
        ("INSI-F-DESIR-550", "desir_550", "autorisé"),
        ("INSI-F-DESIR-560", "desir_560", "certificat"),
        ("INSI-F-DESIR-1020", "desir_1020", "indisponible"),
        ("INSI-F-CODE-UNKNOWN", "insi_987", "technique"),
        ("INSI-F-FAULT-STATUS-200", "insi_102", "technique"),
        ("INSI-F-FAULT-STATUS-400", "insi_102", "technique"),
    ] {
        let (seen, message) = panne(fault, json!({})).await;
        assert_eq!(seen, code, "{fault}");
        assert!(message.contains(word), "{fault}: {message}");
        assert!(!message.contains(code), "{fault}: {message}");
    }
    for fault in ["INSI-F-FAULT-NO-DETAIL", "INSI-F-FAULT-SOAP11"] {
        panne(fault, json!({})).await;
    }
}

#[tokio::test]
async fn answers_that_are_not_answers() {
    for (fault, code) in [
        ("INSI-F-HTTP-503", "http-503"),
        ("INSI-F-HTTP-EMPTY-200", "illisible"),
        ("INSI-F-HTTP-REDIRECT", "http-302"),
        ("INSI-F-HTTP-CONTENT-TYPE", "illisible"),
        ("INSI-F-HTTP-GZIP", "illisible"),
        ("INSI-F-XML-MALFORMED", "illisible"),
        ("INSI-F-XML-NOT-UTF8", "illisible"),
        ("INSI-F-XML-ENTITY-BOMB", "illisible"),
        ("INSI-F-XML-EXTERNAL-ENTITY", "illisible"),
        ("INSI-F-XML-DEEP", "illisible"),
        ("INSI-F-XML-FOREIGN", "illisible"),
        ("INSI-F-RELATES-TO-WRONG", "illisible"),
        ("INSI-F-CUT", "coupure"),
        ("INSI-F-RESET", "coupure"),
    ] {
        let (seen, _) = panne(fault, json!({})).await;
        assert_eq!(seen, code, "{fault}");
    }
    panne("INSI-F-HTTP-GARBAGE", json!({})).await;
    let (seen, _) = panne("INSI-F-XML-HUGE", json!({"megabytes": 3})).await;
    assert_eq!(seen, "trop-grande");
}

#[tokio::test]
async fn no_answer_ends_at_the_time_out() {
    let start = Instant::now();
    let (seen, message) = panne("INSI-F-SILENT", json!({})).await;
    assert_eq!(seen, "timeout");
    assert!(message.contains("à temps"), "{message}");
    assert!(start.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn servers_that_cannot_be_trusted_are_refused() {
    for fault in [
        "X-F-TLS-FOREIGN-CA",
        "X-F-TLS-EXPIRED",
        "X-F-TLS-REVOKED",
        "X-F-TLS-WRONG-NAME",
        "X-F-TLS-SELF-SIGNED",
        "X-F-TLS-OLD",
    ] {
        let (seen, message) = panne(fault, json!({})).await;
        assert_eq!(seen, "tls", "{fault}");
        assert!(message.contains("sûre"), "{fault}: {message}");
    }
    panne("X-F-TLS-REFUSE", json!({})).await;
    panne("X-F-TLS-SMALL-KEY", json!({})).await;
}

#[tokio::test]
async fn a_closed_port_is_an_outage() {
    let banc = Banc::new().await;
    let id = banc.creer("p01-adrun").await;
    banc.mock.stop().await;
    let found = banc.chercher(&id).await;
    assert_eq!(found["issue"], "echec");
    assert_eq!(traces(&banc, "insi.recherche").await, ["connexion"]);
    banc.dui.stop().await.unwrap();
}

#[tokio::test]
async fn a_failed_verification_changes_nothing() {
    let banc = Banc::new().await;
    let id = banc.qualifier("p01-adrun").await;
    banc.fault("INSI-F-INSI-102");
    let seen = banc.done("ins.verify", json!({"usager": id})).await;
    assert_eq!(seen["issue"], "echec");
    assert_eq!(seen["usager"]["statut"], "qualifiee");
    assert_eq!(traces(&banc, "insi.verification").await, ["insi_102"]);
    banc.stop().await;
}

//! Identities that come from partners: verification, trust table, worklist.

use diapason_core::scenario::Arm;
use serde_json::{Value, json};

use crate::banc::{Banc, formulaire};
use crate::recherche::traces;

fn recue(emetteur: &str) -> Value {
    let mut form = formulaire("p01-adrun");
    form.as_object_mut().unwrap().remove("premier_prenom");
    form["emetteur"] = json!(emetteur);
    form["matricule"] = json!("275126322074974");
    form["oid"] = json!("1.2.250.1.213.1.4.8");
    form
}

#[tokio::test]
async fn verified_and_unknown_is_created_recuperee_once() {
    let banc = Banc::new().await;
    banc.arm(&Arm::Verification("ok".to_owned()));
    let seen = banc.done("identite.recevoir", recue("EHPAD-B")).await;
    assert_eq!(seen["usager"]["statut"], "recuperee");
    assert_eq!(seen["usager"]["ins"]["matricule"], "275126322074974");
    assert_eq!(seen["liste_travail"], false);
    // The same INS again: known and récupérée, no call.
    banc.done("identite.recevoir", recue("EHPAD-B")).await;
    assert_eq!(banc.appels().len(), 1);
    assert_eq!(
        banc.observe("usagers").await["usagers"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(traces(&banc, "insi.verification").await, ["OK"]);
    banc.stop().await;
}

#[tokio::test]
async fn ko_creates_without_ins_or_leaves_the_known_person_alone() {
    let banc = Banc::new().await;
    banc.arm(&Arm::Verification("ko".to_owned()));
    let unknown = banc.done("identite.recevoir", recue("EHPAD-B")).await;
    assert_eq!(
        (&unknown["usager"]["statut"], &unknown["usager"]["ins"]),
        (&json!("provisoire"), &Value::Null)
    );
    assert_eq!(unknown["liste_travail"], true);
    assert!(unknown["alerte"].is_string());

    let other = Banc::new().await;
    let id = other.creer("p01-adrun").await;
    other.valider(&id).await;
    let before = other.usager(&id).await;
    other.arm(&Arm::Verification("ko".to_owned()));
    let known = other.done("identite.recevoir", recue("EHPAD-B")).await;
    assert_eq!(known["usager"], before);
    assert_eq!(
        other
            .observe("liste_travail")
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
    banc.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn the_trust_table_decides() {
    let banc = Banc::new().await;
    banc.arm(&Arm::Verification("ok".to_owned()));
    banc.done(
        "config.set",
        json!({"cle": "table_confiance", "valeur": ["EHPAD-A"]}),
    )
    .await;
    let untrusted = banc.done("identite.recevoir", recue("EHPAD-B")).await;
    assert_eq!(
        (&untrusted["usager"]["statut"], &untrusted["usager"]["ins"]),
        (&json!("provisoire"), &Value::Null)
    );
    reqwest::Client::new()
        .post(banc.url("/reset"))
        .send()
        .await
        .unwrap();
    banc.done(
        "config.set",
        json!({"cle": "table_confiance", "valeur": {"EHPAD-A": true, "EHPAD-C": false}}),
    )
    .await;
    let trusted = banc.done("identite.recevoir", recue("EHPAD-A")).await;
    assert_eq!(trusted["usager"]["statut"], "qualifiee");
    banc.stop().await;
}

#[tokio::test]
async fn an_outage_or_a_malformed_ins_holds_the_data() {
    let banc = Banc::new().await;
    banc.fault("INSI-F-DESIR-1020");
    let down = banc.done("identite.recevoir", recue("EHPAD-B")).await;
    assert_eq!(
        (&down["usager"]["statut"], &down["liste_travail"]),
        (&json!("provisoire"), &json!(true))
    );
    let calls = banc.appels().len();
    let mut bad = recue("EHPAD-B");
    bad["matricule"] = json!("275126322074975");
    let malformed = banc.done("identite.recevoir", bad).await;
    assert_eq!(malformed["liste_travail"], true);
    assert_eq!(banc.appels().len(), calls);
    for (field, value) in [
        ("prenoms", json!([])),
        ("prenoms", json!(["Zoé"])),
        ("nom_naissance", json!("<ADRUN>")),
        ("nom_naissance", json!("")),
        ("sexe", json!("I")),
        ("date_naissance", json!("1975-00-00")),
        ("date_naissance", json!("hier")),
        ("lieu_naissance", json!("6322")),
    ] {
        let mut form = recue("EHPAD-B");
        form[field] = value;
        banc.refused("identite.recevoir", form).await;
    }
    assert_eq!(banc.appels().len(), calls);
    banc.stop().await;
}

//! The search procedure and what is done with its answers.

use diapason_core::scenario::Arm;
use serde_json::{Value, json};

use crate::banc::{Banc, formulaire};

#[tokio::test]
async fn nothing_is_stored_before_acceptance() {
    let banc = Banc::new().await;
    let id = banc.creer("p01-adrun").await;
    let found = banc.chercher(&id).await;
    assert_eq!(found["issue"], "proposition");
    assert_eq!(found["differences"], json!([]));
    let before = banc.usager(&id).await;
    assert_eq!(
        (&before["statut"], &before["ins"]),
        (&json!("provisoire"), &Value::Null)
    );
    let after = banc.accepter(&id).await;
    assert_eq!(after["statut"], "recuperee");
    assert_eq!(
        after["ins"],
        json!({"matricule": "275126322074974", "oid": "1.2.250.1.213.1.4.8"})
    );
    banc.refused("ins.accept", json!({"usager": id})).await;
    let traces = banc.observe("traces").await;
    let call = traces
        .as_array()
        .unwrap()
        .iter()
        .find(|t| t["nature"] == "insi.recherche")
        .unwrap();
    assert_eq!(
        (&call["code"], &call["mode"], &call["auteur"]),
        (&json!("00"), &json!("traits"), &json!("soignant"))
    );
    assert_eq!(call["details"]["matricule"], "275126322074974");
    assert_eq!(call["details"]["traits"]["nom_naissance"], "ADRUN");
    banc.stop().await;
}

#[tokio::test]
async fn a_refusal_changes_nothing_and_stays_traced() {
    let banc = Banc::new().await;
    let id = banc.creer("p01-adrun").await;
    banc.chercher(&id).await;
    let refused = banc.done("ins.refuse", json!({"usager": id})).await;
    assert_eq!(refused["usager"]["statut"], "provisoire");
    assert_eq!(refused["usager"]["ins"], Value::Null);
    banc.refused("ins.accept", json!({"usager": id})).await;
    assert_eq!(traces(&banc, "insi.recherche").await, ["00"]);
    banc.stop().await;
}

pub(crate) async fn traces(banc: &Banc, nature: &str) -> Vec<String> {
    banc.observe("traces")
        .await
        .as_array()
        .unwrap()
        .iter()
        .filter(|t| t["nature"] == nature)
        .map(|t| t["code"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn the_second_prenom_finds_and_the_first_stays_with_an_alert() {
    let banc = Banc::new().await;
    let mut form = formulaire("p09-tchitchi");
    form["premier_prenom"] = json!("OLA");
    form["prenoms"] = json!(["OLA", "CATARINA", "BELLA"]);
    let id = banc.done("usager.create", form).await["usager"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let found = banc.chercher(&id).await;
    assert_eq!(found["issue"], "proposition");
    assert!(found["alerte"].as_str().unwrap().contains("OLA"));
    assert_eq!(banc.appels().len(), 2);
    assert_eq!(traces(&banc, "insi.recherche").await, ["01", "00"]);
    let after = banc.accepter(&id).await;
    assert_eq!(after["premier_prenom"], "OLA");
    assert_eq!(after["prenoms"], json!(["CATARINA", "BELLA"]));
    banc.stop().await;
}

#[tokio::test]
async fn nobody_found_makes_one_call_more_than_prenoms() {
    let banc = Banc::new().await;
    let id = banc.creer("p10-houilles").await;
    let found = banc.chercher(&id).await;
    assert_eq!(found["issue"], "aucune");
    assert!(found["alerte"].is_string());
    assert_eq!(banc.appels().len(), 4);
    assert_eq!(traces(&banc, "insi.recherche").await, ["01"; 4]);
    assert_eq!(banc.usager(&id).await["statut"], "provisoire");
    banc.stop().await;
}

#[tokio::test]
async fn several_found_stops_and_the_place_decides() {
    let banc = Banc::new().await;
    let id = banc.creer("p08-de-vinci").await;
    let several = banc.chercher(&id).await;
    assert_eq!(several["issue"], "plusieurs");
    assert_eq!(banc.appels().len(), 1);
    banc.refused("ins.accept", json!({"usager": id})).await;
    let one = banc
        .done("ins.search", json!({"usager": id, "avec_lieu": true}))
        .await;
    assert_eq!(one["issue"], "proposition");
    assert_eq!(banc.accepter(&id).await["statut"], "recuperee");
    banc.stop().await;
}

#[tokio::test]
async fn history_oid_and_prenoms_of_the_published_people() {
    let banc = Banc::new().await;
    for (persona, oid, history) in [
        ("p03-adrtrois-dominique", "1.2.250.1.213.1.4.8", 0),
        ("p05-dartagnan", "1.2.250.1.213.1.4.8", 0),
        ("p06-ecetinsi", "1.2.250.1.213.1.4.8", 2),
        ("p07-provisoire", "1.2.250.1.213.1.4.9", 0),
        ("p11-corse", "1.2.250.1.213.1.4.8", 0),
        ("p12-herman", "1.2.250.1.213.1.4.8", 1),
    ] {
        let id = banc.creer(persona).await;
        assert_eq!(
            banc.chercher(&id).await["issue"],
            "proposition",
            "{persona}"
        );
        let after = banc.accepter(&id).await;
        assert_eq!(after["ins"]["oid"], oid, "{persona}");
        assert_eq!(
            after["historique_ins"].as_array().unwrap().len(),
            history,
            "{persona}: {after}"
        );
        assert_eq!(
            after["prenoms"],
            formulaire(persona)["prenoms"],
            "{persona}"
        );
    }
    banc.stop().await;
}

#[tokio::test]
async fn every_drawn_person_is_found_and_kept_as_returned() {
    let banc = Banc::new().await;
    for n in 0..10 {
        let persona = format!("tire-{n}");
        let id = banc.creer(&persona).await;
        let found = banc.chercher(&id).await;
        assert_eq!(found["issue"], "proposition", "{persona}: {found}");
        let after = banc.accepter(&id).await;
        let form = formulaire(&persona);
        assert_eq!(after["prenoms"], form["prenoms"], "{persona}");
        assert_eq!(after["premier_prenom"], form["premier_prenom"], "{persona}");
    }
    banc.stop().await;
}

#[tokio::test]
async fn a_vitale_search_finds_the_holder_and_his_dependant() {
    let banc = Banc::new().await;
    for (persona, nss) in [
        ("p01-adrun", "275126322074974"),
        ("ayant-droit", "275126322074974"),
    ] {
        let mut form = formulaire(persona);
        form["nss"] = json!(nss);
        let id = banc.done("usager.create", form).await["usager"]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let found = banc
            .done("ins.search", json!({"usager": id, "mode": "vitale"}))
            .await;
        assert_eq!(found["issue"], "proposition", "{persona}: {found}");
        let after = banc.accepter(&id).await;
        assert_eq!(after["nss"], json!(nss), "{persona}");
    }
    assert_eq!(banc.appels(), ["rechercherInsAvecCarteVitale"; 2]);
    let id = banc.creer("p02-adrdeux").await;
    banc.refused("ins.search", json!({"usager": id, "mode": "vitale"}))
        .await;
    banc.stop().await;
}

#[tokio::test]
async fn what_must_not_be_imported_is_not() {
    for fault in [
        "INSI-F-LUNAR-DAY",
        "INSI-F-LUNAR-MONTH",
        "INSI-F-LUNAR-BOTH",
        "INSI-F-TIQ-EMPTY-NOM",
        "INSI-F-TIQ-EMPTY-PRENOMS",
        "INSI-F-TIQ-EMPTY-SEXE",
        "INSI-F-CLE-WRONG",
        "INSI-F-OID-UNKNOWN",
        "INSI-F-OID-NSS",
        "INSI-F-CR-99",
        "INSI-F-CR-MISSING",
        "INSI-F-CR-00-EMPTY",
    ] {
        let banc = Banc::new().await;
        let id = banc.creer("p01-adrun").await;
        banc.fault(fault);
        let found = banc.chercher(&id).await;
        assert_eq!(found["issue"], "echec", "{fault}: {found}");
        assert!(found["alerte"].is_string(), "{fault}");
        banc.refused("ins.accept", json!({"usager": id})).await;
        let after = banc.usager(&id).await;
        assert_eq!(
            (&after["statut"], &after["ins"]),
            (&json!("provisoire"), &Value::Null),
            "{fault}"
        );
        assert_eq!(traces(&banc, "insi.recherche").await.len(), 1, "{fault}");
        banc.stop().await;
    }
}

#[tokio::test]
async fn codes_01_and_02_win_over_an_identity_that_comes_with_them() {
    let banc = Banc::new().await;
    let id = banc.creer("p01-adrun").await;
    banc.fault("INSI-F-CR-02-INDIVIDU");
    assert_eq!(banc.chercher(&id).await["issue"], "plusieurs");
    banc.arm(&Arm::Clear(true));
    banc.fault("INSI-F-CR-01-INDIVIDU");
    assert_eq!(banc.chercher(&id).await["issue"], "aucune");
    banc.refused("ins.accept", json!({"usager": id})).await;
    banc.stop().await;
}

#[tokio::test]
async fn valid_variants_are_read() {
    for fault in [
        "INSI-F-STYLE",
        "INSI-F-TIQ-PRENOM-ONLY",
        "INSI-F-TIQ-LISTE-ONLY",
        "INSI-F-TIQ-PRENOM-AND-LISTE",
        "INSI-F-TIQ-NO-LIEU",
        "INSI-F-CLE-MISSING",
        "INSI-F-OID-TEST",
        "INSI-F-OID-NIA",
        "INSI-F-HISTORY-MANY",
        "INSI-F-HISTORY-ACTIVE",
        "INSI-F-HISTORY-SEX",
        "INSI-F-HISTORY-DATES",
        "INSI-F-RELATES-TO-RIGHT",
        "INSI-F-SOAP-HEADER-EMPTY",
        "INSI-F-HTTP-CHUNKED",
        "INSI-F-ORDER",
    ] {
        let banc = Banc::new().await;
        let id = banc.creer("p01-adrun").await;
        banc.fault(fault);
        for _ in 0..if fault == "INSI-F-STYLE" { 5 } else { 1 } {
            let found = banc.chercher(&id).await;
            assert_eq!(found["issue"], "proposition", "{fault}: {found}");
        }
        assert_eq!(banc.accepter(&id).await["statut"], "recuperee", "{fault}");
        banc.stop().await;
    }
}

#[tokio::test]
async fn other_traits_are_highlighted() {
    let banc = Banc::new().await;
    let id = banc.creer("p01-adrun").await;
    banc.fault("INSI-F-TIQ-SEXE");
    banc.fault("INSI-F-TIQ-DATE");
    let found = banc.chercher(&id).await;
    assert_eq!(found["issue"], "proposition");
    let differences = found["differences"].as_array().unwrap();
    assert!(
        differences.contains(&json!("sexe")) || differences.contains(&json!("date_naissance")),
        "{found}"
    );
    assert!(found["alerte"].is_string());
    banc.stop().await;
}

#[tokio::test]
async fn a_new_matricule_sends_the_old_one_to_history() {
    let banc = Banc::new().await;
    let id = banc.qualifier("p07-provisoire").await;
    banc.fault("INSI-F-NIA-TO-NIR");
    assert_eq!(banc.chercher(&id).await["issue"], "proposition");
    let after = banc.accepter(&id).await;
    assert_eq!(after["statut"], "qualifiee");
    assert_eq!(after["ins"]["oid"], "1.2.250.1.213.1.4.8");
    let past = after["historique_ins"].as_array().unwrap();
    assert!(
        past.iter().any(|i| i["matricule"] == "109076322088835"),
        "{after}"
    );
    banc.stop().await;
}

#[tokio::test]
async fn two_users_at_once_get_their_own_answers() {
    let banc = Banc::new().await;
    let (a, b) = (
        banc.creer("p01-adrun").await,
        banc.creer("p02-adrdeux").await,
    );
    let (found_a, found_b) = tokio::join!(banc.chercher(&a), banc.chercher(&b));
    assert_eq!(found_a["proposition"]["nom_naissance"], "ADRUN");
    assert_eq!(found_b["proposition"]["nom_naissance"], "ADRDEUX");
    assert_eq!(
        banc.accepter(&a).await["ins"]["matricule"],
        "275126322074974"
    );
    assert_eq!(
        banc.accepter(&b).await["ins"]["matricule"],
        "181016322075140"
    );
    banc.stop().await;
}

#[tokio::test]
async fn a_sex_unknown_to_insi_makes_no_call() {
    let banc = Banc::new().await;
    let mut form = formulaire("p01-adrun");
    form["sexe"] = json!("I");
    let id = banc.done("usager.create", form).await["usager"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    banc.refused("ins.search", json!({"usager": id})).await;
    assert!(banc.appels().is_empty());
    banc.stop().await;
}

#[tokio::test]
async fn the_returned_list_replaces_the_given_names_after_acceptance() {
    let banc = Banc::new().await;
    let id = banc.creer("p01-adrun").await;
    banc.patch(
        "p01-adrun",
        json!({"traits": {"prenoms": ["ZOE", "ESSAI"]}}),
    );
    banc.fault("INSI-F-TIQ-PRENOM-AND-LISTE");
    let found = banc.chercher(&id).await;
    assert_eq!(found["differences"], json!(["prenoms"]));
    assert_eq!(banc.usager(&id).await["prenoms"], json!(["ZOE"]));
    let after = banc.accepter(&id).await;
    assert_eq!(after["prenoms"], json!(["ZOE", "ESSAI"]));
    assert_eq!(after["premier_prenom"], "ZOE");
    banc.stop().await;
}

//! Statuses, attributes, strict traits, documents, verification.

use diapason_core::scenario::Arm;
use serde_json::{Value, json};

use crate::banc::Banc;
use crate::recherche::traces;

fn statuts(usager: &Value) -> Vec<&str> {
    usager["historique_statut"]
        .as_array()
        .unwrap()
        .iter()
        .map(|h| h["apres"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn both_paths_to_qualifiee_are_historised() {
    let banc = Banc::new().await;
    let first = banc.creer("p01-adrun").await;
    assert_eq!(banc.valider(&first).await["statut"], "validee");
    banc.chercher(&first).await;
    let usager = banc.accepter(&first).await;
    assert_eq!(statuts(&usager), ["provisoire", "validee", "qualifiee"]);
    assert_eq!(usager["historique_statut"][2]["avant"], "validee");
    let second = banc.qualifier("p02-adrdeux").await;
    assert_eq!(
        statuts(&banc.usager(&second).await),
        ["provisoire", "recuperee", "qualifiee"]
    );
    banc.stop().await;
}

#[tokio::test]
async fn only_a_document_of_high_confidence_validates() {
    let banc = Banc::new().await;
    let id = banc.creer("p01-adrun").await;
    banc.refused("usager.valider", json!({"usager": id})).await;
    banc.done(
        "usager.justificatif",
        json!({"usager": id, "nature": "carte_vitale"}),
    )
    .await;
    banc.refused("usager.valider", json!({"usager": id})).await;
    banc.refused(
        "usager.justificatif",
        json!({"usager": id, "nature": "carte_de_fidelite"}),
    )
    .await;
    banc.done(
        "config.set",
        json!({"cle": "justificatifs_haute_confiance", "valeur": ["livret_famille"]}),
    )
    .await;
    banc.done(
        "config.set",
        json!({"cle": "validation_automatique", "valeur": true}),
    )
    .await;
    let passport = banc
        .done(
            "usager.justificatif",
            json!({"usager": id, "nature": "passeport"}),
        )
        .await;
    assert_eq!(passport["usager"]["statut"], "provisoire");
    let booklet = banc
        .done(
            "usager.justificatif",
            json!({"usager": id, "nature": "livret_famille"}),
        )
        .await;
    assert_eq!(booklet["usager"]["statut"], "validee");
    banc.stop().await;
}

#[tokio::test]
async fn strict_traits_are_locked_for_ordinary_users() {
    let banc = Banc::new().await;
    let id = banc.qualifier("p01-adrun").await;
    for (field, value) in [
        ("nom_naissance", json!("AUTRE")),
        ("premier_prenom", json!("LOU")),
        ("prenoms", json!(["LOU"])),
        ("sexe", json!("M")),
        ("date_naissance", json!("1976-01-01")),
        ("lieu_naissance", json!("35238")),
        ("matricule", json!("181016322075140")),
        ("oid", json!("1.2.250.1.213.1.4.9")),
    ] {
        banc.refused(
            "usager.update",
            json!({"usager": id, "changements": {field: value}}),
        )
        .await;
    }
    let used =
        json!({"usager": id, "changements": {"nom_utilise": "REPERE", "prenom_utilise": "LOU"}});
    let after = banc.done("usager.update", used).await["usager"].clone();
    assert_eq!(
        (&after["statut"], &after["nom_utilise"]),
        (&json!("qualifiee"), &json!("REPERE"))
    );
    assert_eq!(after["ins"]["matricule"], "275126322074974");
    banc.stop().await;
}

#[tokio::test]
async fn a_super_user_loses_the_ins_by_changing_a_strict_trait() {
    let banc = Banc::new().await;
    let qualified = banc.qualifier("p01-adrun").await;
    let recovered = banc.creer("p02-adrdeux").await;
    banc.chercher(&recovered).await;
    banc.accepter(&recovered).await;
    for (id, expected) in [(qualified, "validee"), (recovered, "provisoire")] {
        let used = json!({"usager": id, "changements": {"nom_utilise": "REPERE"}, "role": "super_utilisateur"});
        let kept = banc.done("usager.update", used).await["usager"].clone();
        assert!(kept["ins"].is_object());
        let same = json!({"usager": id, "changements": {"nom_naissance": kept["nom_naissance"]}, "role": "super_utilisateur"});
        assert!(banc.done("usager.update", same).await["usager"]["ins"].is_object());
        let name = json!({"usager": id, "changements": {"nom_naissance": "AUTRE"}, "role": "super_utilisateur"});
        let after = banc.done("usager.update", name).await["usager"].clone();
        assert_eq!(
            (&after["statut"], &after["ins"]),
            (&json!(expected), &Value::Null)
        );
        assert_eq!(
            after["historique_statut"]
                .as_array()
                .unwrap()
                .last()
                .unwrap()["auteur"],
            "super_utilisateur"
        );
        let sent = banc
            .done(
                "identite.envoyer",
                json!({"usager": id, "destinataire": "CABINET"}),
            )
            .await;
        assert_eq!(sent["ins"], Value::Null);
    }
    banc.stop().await;
}

#[tokio::test]
async fn doubtful_and_fictitious_identities_fall_back_and_block_insi() {
    for attribut in ["douteux", "fictif"] {
        let banc = Banc::new().await;
        let id = banc.qualifier("p01-adrun").await;
        let set = json!({"usager": id, "attribut": attribut, "actif": true});
        let after = banc.done("usager.attribut", set).await["usager"].clone();
        assert_eq!(
            (&after["statut"], &after["ins"]),
            (&json!("provisoire"), &Value::Null)
        );
        let calls = banc.appels().len();
        let blocked = banc.action("ins.search", json!({"usager": id})).await;
        assert_eq!(
            (&blocked["status"], &blocked["result"]["issue"]),
            (&json!("refused"), &json!("bloquee"))
        );
        assert_eq!(banc.appels().len(), calls);
        banc.refused("usager.valider", json!({"usager": id})).await;
        let clear = json!({"usager": id, "attribut": attribut, "actif": false});
        let cleared = banc.done("usager.attribut", clear).await["usager"].clone();
        assert_eq!(
            (&cleared["statut"], &cleared["ins"]),
            (&json!("provisoire"), &Value::Null)
        );
        banc.stop().await;
    }
}

#[tokio::test]
async fn paper_and_messages_carry_the_ins_of_a_qualified_identity_only() {
    let banc = Banc::new().await;
    let id = banc.creer("p07-provisoire").await;
    banc.chercher(&id).await;
    banc.accepter(&id).await;
    let page = banc.done("edition.imprimer", json!({"usager": id})).await;
    assert_eq!(page["datamatrix"], Value::Null);
    assert!(!page["texte"].as_str().unwrap().contains("109076322088835"));
    banc.valider(&id).await;
    let page = banc.done("edition.imprimer", json!({"usager": id})).await;
    assert!(
        page["texte"]
            .as_str()
            .unwrap()
            .contains("109076322088835 NIA")
    );
    let code = page["datamatrix"].as_str().unwrap();
    assert!(
        code.starts_with("IS01") && code.contains("S1109076322088835S21.2.250.1.213.1.4.9\u{1d}")
    );
    let sent = banc
        .done(
            "identite.envoyer",
            json!({"usager": id, "destinataire": "CABINET-A"}),
        )
        .await;
    assert_eq!(sent["ins"]["matricule"], "109076322088835");
    let traces = banc.observe("traces").await;
    let sending = traces
        .as_array()
        .unwrap()
        .iter()
        .find(|t| t["nature"] == "identite.envoi")
        .unwrap();
    assert_eq!(sending["mode"], "CABINET-A");
    banc.stop().await;
}

#[tokio::test]
async fn a_verification_ko_demotes_and_fills_the_worklist() {
    let banc = Banc::new().await;
    let id = banc.qualifier("p01-adrun").await;
    banc.arm(&Arm::Verification("ok".to_owned()));
    assert_eq!(
        banc.done("ins.verify", json!({"usager": id})).await["issue"],
        "ok"
    );
    assert_eq!(banc.usager(&id).await["statut"], "qualifiee");
    banc.arm(&Arm::Verification("ko".to_owned()));
    let ko = banc.done("ins.verify", json!({"usager": id})).await;
    assert_eq!(ko["issue"], "ko");
    assert_eq!(
        (&ko["usager"]["statut"], &ko["usager"]["ins"]),
        (&json!("provisoire"), &Value::Null)
    );
    assert!(ko["alerte"].is_string());
    assert_eq!(banc.observe("liste_travail").await[0]["usager"], json!(id));
    assert_eq!(traces(&banc, "insi.verification").await, ["OK", "KO"]);
    banc.refused("ins.verify", json!({"usager": id})).await;
    banc.stop().await;
}

#[tokio::test]
async fn the_clock_moves_and_dates_the_traces() {
    let banc = Banc::new().await;
    banc.creer("p01-adrun").await;
    banc.done("clock.advance", json!({"secondes": 86_400}))
        .await;
    let id = banc.creer("p02-adrdeux").await;
    banc.done("usager.afficher", json!({"usager": id})).await;
    let traces = banc.observe("traces").await;
    let days: Vec<&str> = traces
        .as_array()
        .unwrap()
        .iter()
        .map(|t| &t["date"].as_str().unwrap()[..10])
        .collect();
    assert_eq!(days, ["2026-01-15", "2026-01-16", "2026-01-16"]);
    banc.stop().await;
}

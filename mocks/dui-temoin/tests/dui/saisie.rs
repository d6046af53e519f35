//! Entry form, local search, rights, bad requests.

use serde_json::{Value, json};

use crate::banc::{Banc, formulaire};

#[tokio::test]
async fn capabilities_and_reset() {
    let banc = Banc::new().await;
    let http = reqwest::Client::new();
    let capabilities: Value = http
        .get(banc.url("/capabilities"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let actions = capabilities["actions"].as_array().unwrap();
    assert!(actions.contains(&json!("usager.create")));
    assert!(
        !actions.contains(&json!("psc.login")),
        "PSC is not configured"
    );
    banc.creer("p01-adrun").await;
    let reset = http.post(banc.url("/reset")).send().await.unwrap();
    assert_eq!(reset.status(), 204);
    assert_eq!(banc.observe("usagers").await["usagers"], json!([]));
    assert_eq!(banc.observe("traces").await, json!([]));
    banc.stop().await;
}

#[tokio::test]
async fn bad_requests_are_errors_not_crashes() {
    let banc = Banc::new().await;
    let http = reqwest::Client::new();
    for body in ["", "{", "[]", r#"{"action":"usager.create"}"#] {
        let response = http
            .post(banc.url("/actions/usager.create"))
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 400, "{body}");
    }
    let other =
        json!({"action": "ins.search", "params": {}, "scenario": "x", "step": 1, "deadline_ms": 1});
    let response = http
        .post(banc.url("/actions/usager.create"))
        .json(&other)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(
        banc.action("mss.send", json!({})).await["status"],
        "unsupported"
    );
    for (action, params) in [
        ("usager.create", json!({"nom": "ADRUN"})),
        ("usager.create", json!("texte")),
        ("usager.afficher", json!({"usager": "absent"})),
        (
            "usager.afficher",
            json!({"usager": "absent", "role": "inconnu"}),
        ),
        ("ins.search", json!({"usager": 7})),
        ("config.set", json!({"cle": "inconnu", "valeur": 1})),
        ("clock.advance", json!({"secondes": -1})),
    ] {
        let answer = banc.action(action, params.clone()).await;
        assert_eq!(answer["status"], "failed", "{action} {params}: {answer}");
    }
    let missing = http
        .get(banc.url("/observations/rien"))
        .send()
        .await
        .unwrap();
    assert_eq!(missing.status(), 404);
    let unknown = http
        .get(banc.url("/observations/usager?id=absent"))
        .send()
        .await
        .unwrap();
    assert_eq!(unknown.status(), 404);
    banc.stop().await;
}

#[tokio::test]
async fn the_form_refuses_what_the_rules_refuse() {
    let banc = Banc::new().await;
    for (field, value) in [
        ("nom_naissance", json!("Adrun")),
        ("nom_naissance", json!("D’ÆION")),
        ("premier_prenom", json!("ZOÉ")),
        ("premier_prenom", json!("ZOE-")),
        ("nom_utilise", json!("martin")),
        ("date_naissance", json!("2023-02-30")),
        ("date_naissance", json!("1975-13-01")),
        ("sexe", json!("X")),
        ("lieu_naissance", json!("6322")),
        ("nss", json!("12")),
    ] {
        let mut form = formulaire("p01-adrun");
        form[field] = value.clone();
        let message = banc.refused("usager.create", form).await;
        assert!(message.len() > 10, "{field} {value}");
    }
    let mut long = formulaire("p01-adrun");
    long["nom_naissance"] = json!("A".repeat(100));
    let usager = banc.done("usager.create", long).await["usager"].clone();
    assert_eq!(usager["nom_naissance"].as_str().unwrap().len(), 100);
    assert_eq!(usager["statut"], "provisoire");
    assert_eq!(usager["ins"], Value::Null);
    assert_eq!(
        banc.observe("usagers").await["usagers"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    banc.stop().await;
}

#[tokio::test]
async fn rights_are_settings() {
    let banc = Banc::new().await;
    let id = banc.qualifier("p01-adrun").await;
    banc.refused(
        "usager.afficher",
        json!({"usager": id, "role": "sans_droit"}),
    )
    .await;
    banc.refused("usager.search", json!({"nom": "AD", "role": "sans_droit"}))
        .await;
    let view = banc
        .done(
            "usager.afficher",
            json!({"usager": id, "role": "sans_droit_insi"}),
        )
        .await;
    assert_eq!(view["usager"]["ins"], Value::Null);
    let before = banc.appels().len();
    let blocked = banc
        .action(
            "ins.search",
            json!({"usager": id, "role": "sans_droit_insi"}),
        )
        .await;
    assert_eq!(
        (&blocked["status"], &blocked["result"]["issue"]),
        (&json!("refused"), &json!("bloquee"))
    );
    assert_eq!(banc.appels().len(), before);
    let droits =
        json!({"cle": "droits", "valeur": {"sans_droit_insi": ["consulter", "modifier", "insi"]}});
    banc.done("config.set", droits).await;
    banc.done(
        "ins.search",
        json!({"usager": id, "role": "sans_droit_insi"}),
    )
    .await;
    assert_eq!(banc.appels().len(), before + 1);
    banc.stop().await;
}

#[tokio::test]
async fn local_search_over_http() {
    let banc = Banc::new().await;
    let id = banc.qualifier("p05-dartagnan").await;
    for query in [
        json!({"nom": "dartagnan"}),
        json!({"prenom": "pierre alain"}),
        json!({"prenom": "GUN"}),
        json!({"date_naissance": "2001-06-17"}),
        json!({"matricule": "101066322075460"}),
    ] {
        let found = banc.done("usager.search", query.clone()).await;
        assert_eq!(found["usagers"][0]["id"], json!(id), "{query}");
    }
    banc.refused("usager.search", json!({"matricule": "1010663220754"}))
        .await;
    banc.refused("usager.search", json!({})).await;
    banc.stop().await;
}

#[tokio::test]
async fn a_store_file_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("dui.json");
    let config = || diapason_dui_temoin::DuiConfig {
        store: Some(store.clone()),
        ..diapason_dui_temoin::DuiConfig::default()
    };
    let http = reqwest::Client::new();
    let dui = diapason_dui_temoin::Dui::start(config()).await.unwrap();
    let body = json!({"action": "usager.create", "params": formulaire("p01-adrun"), "scenario": "x", "step": 1, "deadline_ms": 1});
    let url = format!("http://{}/actions/usager.create", dui.addr());
    http.post(url).json(&body).send().await.unwrap();
    dui.stop().await.unwrap();
    let dui = diapason_dui_temoin::Dui::start(config()).await.unwrap();
    let url = format!("http://{}/observations/usagers", dui.addr());
    let seen: Value = http.get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(seen["value"]["usagers"][0]["nom_naissance"], "ADRUN");
    dui.stop().await.unwrap();
}

#[tokio::test]
async fn a_wrong_configuration_is_a_clear_error() {
    let start = async |config: &str| {
        let config = serde_json::from_str::<diapason_dui_temoin::DuiConfig>(config)
            .map_err(|e| e.to_string())?;
        match diapason_dui_temoin::Dui::start(config).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    };
    let unknown = start(r#"{"mutants": ["no-tracing"]}"#).await.unwrap_err();
    assert!(unknown.contains("no-trace"), "{unknown}");
    let key = start(r#"{"mutant": []}"#).await.unwrap_err();
    assert!(key.contains("mutant"), "{key}");
    let file = start(r#"{"insi": {"url": "https://localhost/lps", "ca": "absent.pem", "cert": "c", "key": "k", "idam": "x", "lps_nom": "x", "lps_version": "x", "emetteur": "x"}}"#).await.unwrap_err();
    assert!(file.contains("absent.pem"), "{file}");
}

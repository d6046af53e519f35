//! Documents through the driver API: what is refused, what is kept, what the CDA says.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::banc::Banc;

fn demande(usager: &str) -> Value {
    json!({"usager": usager, "type": "projet_personnalise", "titre": "Projet d'été <2026> & suites"})
}

fn cda(result: &Value) -> String {
    let content = result["document"]["contenu"].as_str().unwrap();
    String::from_utf8(STANDARD.decode(content).unwrap()).unwrap()
}

/// The value of an attribute of the first element along a path of local names.
fn attribute(xml: &str, path: &str, name: &str) -> Option<String> {
    let document = roxmltree::Document::parse(xml).unwrap();
    let mut here = document.root_element();
    for step in path.split('/') {
        here = here.children().find(|n| n.tag_name().name() == step)?;
    }
    here.attribute(name).map(str::to_owned)
}

#[tokio::test]
async fn a_qualified_person_has_the_ins_first_and_a_real_pdf() {
    let banc = Banc::new().await;
    let id = banc.qualifier("p01-adrun").await;
    let xml = cda(&banc.done("document.create", demande(&id)).await);
    let ins = "recordTarget/patientRole/id";
    assert_eq!(
        attribute(&xml, ins, "extension").as_deref(),
        Some("275126322074974")
    );
    assert_eq!(
        attribute(&xml, ins, "root").as_deref(),
        Some("1.2.250.1.213.1.4.8")
    );
    let time = attribute(&xml, "effectiveTime", "value").unwrap();
    assert!(
        time.starts_with("202601151") && time.ends_with("+0100"),
        "{time}"
    );
    let document = roxmltree::Document::parse(&xml).unwrap();
    let texts = |name: &str| -> Vec<String> {
        let named = document
            .descendants()
            .filter(|n| n.tag_name().name() == name);
        named.filter_map(|n| n.text().map(str::to_owned)).collect()
    };
    assert_eq!(texts("title"), ["Projet d'été <2026> & suites"]);
    assert_eq!(texts("county"), ["63220"]);
    let pdf = STANDARD.decode(&texts("text")[0]).unwrap();
    let pdf = String::from_utf8_lossy(&pdf);
    assert!(pdf.starts_with("%PDF-1.4") && pdf.trim_end().ends_with("%%EOF"));
    assert!(pdf.contains("Matricule INS : 275126322074974 NIR"));
    assert!(pdf.contains("<pdfaid:part>1</pdfaid:part>"));
    banc.stop().await;
}

#[tokio::test]
async fn without_a_qualified_status_no_ins_leaves() {
    let banc = Banc::new().await;
    let id = banc.creer("p01-adrun").await;
    let before = cda(&banc.done("document.create", demande(&id)).await);
    banc.chercher(&id).await;
    banc.accepter(&id).await;
    let recovered = cda(&banc.done("document.create", demande(&id)).await);
    for xml in [before, recovered] {
        assert!(!xml.contains("1.2.250.1.213.1.4."), "{xml}");
        assert!(!xml.contains("275126322074974"));
        let local = attribute(&xml, "recordTarget/patientRole/id", "extension");
        assert_eq!(local, Some(id.clone()));
    }
    banc.stop().await;
}

#[tokio::test]
async fn versions_make_one_line() {
    let banc = Banc::new().await;
    let id = banc.creer("p01-adrun").await;
    let first = banc.done("document.create", demande(&id)).await;
    let first_id = first["document"]["id"].clone();
    let mut again = demande(&id);
    again["remplace"] = first_id.clone();
    let second = banc.done("document.create", again.clone()).await;
    assert_eq!(second["document"]["version"], 2);
    assert_eq!(second["document"]["set_id"], first["document"]["set_id"]);
    assert_ne!(second["document"]["id"], first_id);
    let xml = cda(&second);
    assert_eq!(
        attribute(&xml, "relatedDocument/parentDocument/id", "root"),
        first_id.as_str().map(str::to_owned)
    );
    assert_eq!(
        attribute(&xml, "versionNumber", "value").as_deref(),
        Some("2")
    );
    // The first one is as it was, and is not replaced twice.
    let kept = banc
        .done("document.lire", json!({"document": first_id}))
        .await;
    assert_eq!(kept, first);
    let why = banc.refused("document.create", again.clone()).await;
    assert!(why.contains("déjà été remplacé"), "{why}");
    let other = banc.creer("p12-herman").await;
    again["usager"] = json!(other);
    let why = banc.refused("document.create", again).await;
    assert!(why.contains("autre personne"), "{why}");
    let listed = banc.observe(&format!("documents?usager={id}")).await;
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(
        banc.observe(&format!("documents?usager={other}")).await,
        json!([])
    );
    banc.stop().await;
}

#[tokio::test]
async fn what_cannot_be_written_is_refused_in_words() {
    let banc = Banc::new().await;
    let id = banc.creer("p01-adrun").await;
    for (field, value, word) in [
        ("titre", json!("  "), "titre"),
        ("titre", json!("x".repeat(129)), "128"),
        ("type", json!("inconnu"), "projet_personnalise"),
        ("remplace", json!("2.25.1"), "n'existe pas"),
        ("session", json!("Z"), "connect"),
        ("role", json!("sans_droit"), "droit"),
    ] {
        let mut form = demande(&id);
        form[field] = value;
        let why = banc.refused("document.create", form).await;
        assert!(why.contains(word), "{field}: {why}");
    }
    assert_eq!(banc.observe("documents").await, json!([]));
    banc.stop().await;
}

#[tokio::test]
async fn the_author_is_whoever_is_logged_in() {
    let banc = Banc::new().await;
    let id = banc.creer("p01-adrun").await;
    let login = |session: &str, name: &str| json!({"session": session, "identifiant": name, "mot_de_passe": "Banc-2026"});
    for (name, national) in [
        ("medco", json!("899709900015")),
        ("sans-numero", Value::Null),
    ] {
        let account = json!({
            "identifiant": name, "mot_de_passe": "Banc-2026", "identifiant_national": national,
            "nom": "DUITEST", "prenom": "ESSAI", "droits": ["soignant"],
        });
        banc.done("compte.create", account).await;
    }
    banc.done("local.login", login("A", "medco")).await;
    banc.done("local.login", login("B", "sans-numero")).await;
    let mut form = demande(&id);
    form["session"] = json!("A");
    let xml = cda(&banc.done("document.create", form.clone()).await);
    for path in [
        "author/assignedAuthor/id",
        "legalAuthenticator/assignedEntity/id",
    ] {
        assert_eq!(
            attribute(&xml, path, "extension").as_deref(),
            Some("899709900015"),
            "{path}"
        );
    }
    form["session"] = json!("B");
    let why = banc.refused("document.create", form).await;
    assert!(why.contains("identifiant national"), "{why}");
    banc.stop().await;
}

//! Documents that others put into a DMP, and the view of its holder.

use diapason_formats::xml::{Limits, Tree};

use super::*;
use crate::names::HL7;

fn air() -> diapason_formats::vihf::Vihf {
    vihf("INDIRECTE_RENFORCEE", ADRUN)
}

fn put(dmp: &Dmp, more: &Value) {
    let mut document = json!({ "persona": "p01-adrun" });
    diapason_mock_common::persona::merge(&mut document, more);
    dmp.arm(&json!({ "dmp_document": document }));
}

fn only(dmp: &Dmp) -> (String, Vec<u8>) {
    let state = dmp.service.state();
    let entry = state.registry.entries.last().unwrap();
    (entry.unique_id.clone(), entry.bytes.to_vec())
}

#[test]
fn each_form_is_a_document_of_the_person() {
    for (forme, root, mime) in [
        ("pdf", "ClinicalDocument", "text/xml"),
        ("n3", "ClinicalDocument", "text/xml"),
        ("auto_presentable", "stylesheet", "application/xslt+xml"),
        (
            "auto_presentable_hostile",
            "stylesheet",
            "application/xslt+xml",
        ),
    ] {
        let dmp = Dmp::new();
        put(
            &dmp,
            &json!({ "forme": forme, "titre": "Bilan <d'été> & suite" }),
        );
        let (unique, bytes) = only(&dmp);
        let tree = Tree::read(&bytes, &Limits::default()).unwrap();
        assert_eq!(
            tree.local(tree.document_element().unwrap()),
            root,
            "{forme}"
        );
        let cda = tree
            .descendant_elements(tree.root())
            .find(|n| tree.is_named(*n, HL7, "ClinicalDocument"))
            .unwrap();
        let id = tree.child(cda, HL7, "id").unwrap();
        assert_eq!(tree.attribute(id, "root"), Some(unique.as_str()));
        let patient = tree
            .find(cda, HL7, &["recordTarget", "patientRole", "id"])
            .unwrap();
        assert_eq!(tree.attribute(patient, "extension"), Some(ADRUN.0));
        let title = tree.child(cda, HL7, "title").unwrap();
        assert_eq!(tree.string_value(title), "Bilan <d'été> & suite");
        let told = dmp.send(retrieve(&air(), &[&unique]));
        assert_eq!(told.documents(), std::slice::from_ref(&bytes));
        assert!(
            told.xml
                .contains(&format!("<ihe:mimeType>{mime}</ihe:mimeType>"))
        );
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.contains("<script>"), forme.ends_with("hostile"));
    }
}

#[test]
fn a_pdf_body_decodes_to_a_pdf() {
    use base64::Engine as _;
    let dmp = Dmp::new();
    put(&dmp, &json!({}));
    let (_, bytes) = only(&dmp);
    let tree = Tree::read(&bytes, &Limits::default()).unwrap();
    let root = tree.document_element().unwrap();
    let text = tree
        .find(root, HL7, &["component", "nonXMLBody", "text"])
        .unwrap();
    let pdf = base64::engine::general_purpose::STANDARD
        .decode(tree.string_value(text).as_bytes())
        .unwrap();
    assert!(pdf.starts_with(b"%PDF-1.4"));
    let found = dmp.send(find(&air(), ADRUN, &[]));
    assert!(found.xml.contains(&format!(
        "<rim:Value>{}</rim:Value>",
        crate::transactions::sha1(&bytes)
    )));
}

#[test]
fn the_arm_says_type_age_number_matricule_and_replacement() {
    let dmp = Dmp::new();
    put(
        &dmp,
        &json!({ "nombre": 3, "type": "11506-3", "age_secondes": 86400 }),
    );
    {
        let state = dmp.service.state();
        let times: Vec<&str> = state
            .registry
            .entries
            .iter()
            .filter_map(|e| e.object.first("creationTime"))
            .collect();
        assert_eq!(
            times,
            ["20260114085800", "20260114085900", "20260114090000"]
        );
    }
    put(&dmp, &json!({ "remplace_le_dernier": true }));
    let view = dmp.view("p01-adrun");
    let states: Vec<&str> = view["documents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["etat"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["actif", "actif", "remplace", "actif"]);
    assert_eq!(
        view["documents"][3]["remplace"],
        view["documents"][2]["unique_id"]
    );
    dmp.arm(&json!({ "dmp_document": { "persona": "p06-ecetinsi", "ancien_matricule": true, "par_le_patient": true } }));
    let (_, bytes) = only(&dmp);
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("extension=\"209076322083439\"") && !text.contains("109076322083489"));
    assert_eq!(
        dmp.view("p06-ecetinsi")["documents"][0]["publie_par_le_patient"],
        true
    );
    for bad in [
        json!({ "persona": "personne" }),
        json!({ "persona": "inconnu" }),
        json!({ "persona": "p01-adrun", "forme": "docx" }),
        json!({ "persona": "p01-adrun", "type": "0-0" }),
        json!({ "persona": "p01-adrun", "confidentialite": ["INVISIBLE_USAGER"] }),
        json!({ "persona": "p01-adrun", "ancien_matricule": true }),
        json!({ "persona": "p02-adrdeux", "remplace_le_dernier": true }),
    ] {
        let arm: Arm = serde_json::from_value(json!({ "dmp_document": bad })).unwrap();
        assert!(arm_service(&dmp.service, &arm).is_err(), "{bad}");
    }
}

#[test]
fn the_view_says_what_is_hidden_and_who_came() {
    let dmp = Dmp::new();
    assert_eq!(dmp.view("p01-adrun"), Value::Null);
    put(&dmp, &json!({ "confidentialite": ["INVISIBLE_PATIENT"] }));
    put(
        &dmp,
        &json!({ "confidentialite": ["MASQUE_PS", "INVISIBLE_REPRESENTANTS_LEGAUX"] }),
    );
    let mut secret = vihf("INDIRECTE", ADRUN);
    secret.confidentiality = vec!["INVISIBLE_REPRESENTANTS_LEGAUX".to_owned()];
    assert_eq!(
        dmp.send(Lot::new("1").request(&secret)).outcome(),
        "success"
    );
    assert_eq!(dmp.send(find(&air(), ADRUN, &[])).outcome(), "success");
    let view = dmp.view("p01-adrun");
    assert_eq!(
        view["compteurs"],
        json!({ "documents": 3, "visibles": 2, "caches": 1 })
    );
    assert_eq!(view["caches"][0]["motif"], "INVISIBLE_PATIENT");
    assert_eq!(view["documents"][0]["masque_aux_professionnels"], true);
    assert_eq!(view["documents"][0]["visible_des_representants"], false);
    assert_eq!(view["documents"][1]["auteur"], "IDEC DUITEST");
    assert_eq!(view["documents"][1]["etablissement"], "EHPAD FICTIF");
    assert_eq!(view["acces"][0]["qui"], "EHPAD FICTIF DIAPASON TEST");
    assert_eq!(view["acces"][0]["cache_aux_representants"], true);
    assert_eq!(view["acces"][1]["qui"], "DUITEST IDEC");
    assert_eq!(view["acces"].as_array().unwrap().len(), 2);
    dmp.service.reset();
    assert_eq!(dmp.view("p01-adrun"), Value::Null);
}

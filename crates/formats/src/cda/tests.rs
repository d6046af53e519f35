//! Facts of small documents: what is there, what is not, what is enveloped.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::facts;
use crate::xml::{Limits, Tree};

const DOCUMENT: &str = r#"<ClinicalDocument xmlns="urn:hl7-org:v3">
  <templateId root="1.2.3"/><templateId root="1.2.4"/>
  <id root="1.2.5"/><code code="80788-3"/><title> Projet &lt;2026&gt; </title>
  <effectiveTime value="20260115100007+0100"/><setId root="1.2.6"/><versionNumber value="2"/>
  <recordTarget><patientRole>
    <id root="1.2.250.1.213.1.4.10" extension="279035121518989"/><id root="1.9" extension="u1"/>
    <patient><name>
      <family qualifier="BR">PAT-TROIS</family><given>DOMINIQUE MARIE-LOUISE</given>
      <given qualifier="BR">DOMINIQUE</given><family qualifier="CL">PAT-SIX</family>
    </name><administrativeGenderCode code="F"/><birthTime value="19790328"/>
    <birthplace><place><addr><county>51215</county></addr></place></birthplace></patient>
  </patientRole></recordTarget>
  <author><assignedAuthor><id extension="8997"/><assignedPerson><name><given>A</given><family>B</family></name></assignedPerson></assignedAuthor></author>
  <relatedDocument typeCode="RPLC"><parentDocument><id root="1.2.4"/></parentDocument></relatedDocument>
  <component><nonXMLBody><text mediaType="application/pdf">JVBERi0=</text></nonXMLBody></component>
</ClinicalDocument>"#;

fn of(text: &str) -> Option<Value> {
    facts(&Tree::read(text.as_bytes(), &Limits::default()).unwrap())
}

#[test]
fn a_document_says_who_and_what() {
    let facts = of(DOCUMENT).unwrap();
    for (pointer, value) in [
        ("/id", json!("1.2.5")),
        ("/set_id", json!("1.2.6")),
        ("/version", json!(2)),
        ("/titre", json!("Projet <2026>")),
        ("/modeles", json!(["1.2.3", "1.2.4"])),
        (
            "/remplace",
            json!({"lien": "RPLC", "id": "1.2.4", "version": null}),
        ),
        (
            "/personne/ins",
            json!({"matricule": "279035121518989", "oid": "1.2.250.1.213.1.4.10"}),
        ),
        ("/personne/prenoms", json!(["DOMINIQUE", "MARIE-LOUISE"])),
        ("/personne/nom_utilise", json!("PAT-SIX")),
        ("/personne/prenom_utilise", json!(null)),
        ("/personne/date_naissance", json!("1979-03-28")),
        ("/personne/lieu_naissance", json!("51215")),
        (
            "/auteurs",
            json!([{"identifiant": "8997", "nom": "B", "prenom": "A"}]),
        ),
        ("/responsable", json!(null)),
        ("/niveau", json!(1)),
    ] {
        assert_eq!(facts.pointer(pointer), Some(&value), "{pointer}");
    }
}

#[test]
fn a_reimbursement_number_is_no_ins_and_nothing_is_invented() {
    let facts = of(&DOCUMENT.replace("213.1.4.10", "213.1.4.13")).unwrap();
    assert_eq!(facts["personne"]["ins"], Value::Null);
    assert_eq!(
        facts["personne"]["identifiants"][0]["extension"],
        "279035121518989"
    );
    let empty = of("<ClinicalDocument xmlns='urn:hl7-org:v3'/>").unwrap();
    assert_eq!(
        (&empty["personne"], &empty["version"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(of("<ClinicalDocument/>"), None);
    assert!(
        of(&format!("<x>{DOCUMENT}</x>")).is_some(),
        "inside an envelope"
    );
}

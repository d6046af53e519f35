//! TD3.3: delete, archive, hide, make visible.

use super::*;
use crate::names::{APPROVED, ARCHIVED, DELETED, INVISIBLE_PATIENT, MASQUE_PS};

fn air() -> diapason_formats::vihf::Vihf {
    vihf("INDIRECTE_RENFORCEE", ADRUN)
}

fn indirecte() -> diapason_formats::vihf::Vihf {
    vihf("INDIRECTE", ADRUN)
}

fn uuid(dmp: &Dmp, unique: &str) -> String {
    dmp.service
        .state()
        .registry
        .document(unique)
        .unwrap()
        .id()
        .to_owned()
}

/// A DMP with one document of the structure.
fn fed(confidentiality: &[&'static str]) -> Dmp {
    let dmp = Dmp::new();
    let mut lot = Lot::new("1");
    lot.confidentiality = confidentiality.to_vec();
    assert_eq!(dmp.send(lot.request(&indirecte())).outcome(), "success");
    dmp
}

#[test]
fn a_structure_deletes_its_own_documents_and_no_others() {
    let dmp = fed(&[]);
    let mine = uuid(&dmp, "2.25.200.1");
    assert_eq!(
        dmp.send(status(&indirecte(), "urn:uuid:inconnu", APPROVED, DELETED))
            .outcome(),
        "failure:UnresolvedReferenceException"
    );
    assert_eq!(
        dmp.send(status(&indirecte(), "2.25.200.1", APPROVED, DELETED))
            .outcome(),
        "failure:UnresolvedReferenceException"
    );
    assert_eq!(
        dmp.send(status(&indirecte(), &mine, ARCHIVED, DELETED))
            .outcome(),
        "failure:XDSMetadataUpdateError"
    );
    let told = dmp.send(status(&indirecte(), &mine, APPROVED, DELETED));
    assert_eq!(told.outcome(), "success", "{}", told.xml);
    assert!(
        told.xml
            .contains("<wsa:Action>urn:ihe:iti:2010:UpdateDocumentSet-Response</wsa:Action>")
    );
    assert_eq!(
        dmp.send(status(&indirecte(), &mine, APPROVED, DELETED))
            .outcome(),
        "failure:XDSMetadataUpdateError"
    );
    assert_eq!(dmp.view("p01-adrun")["caches"][0]["motif"], "SUPPRIME");
    dmp.arm(&json!({ "dmp_document": { "persona": "p01-adrun" } }));
    dmp.arm(&json!({ "dmp_document": { "persona": "p01-adrun", "par_le_patient": true } }));
    let others: Vec<String> = dmp
        .service
        .state()
        .registry
        .entries
        .iter()
        .filter(|e| e.is_approved() && !e.signature)
        .map(|e| e.id().to_owned())
        .collect();
    assert_eq!(others.len(), 2);
    for other in &others {
        let told = dmp.send(status(&indirecte(), other, APPROVED, DELETED));
        assert_eq!(told.outcome(), "fault:MOCK_DMPAccessDenied", "{}", told.xml);
    }
    // Another person's record.
    let told = dmp.send(status(
        &vihf("INDIRECTE", ADRDEUX),
        &others[0],
        APPROVED,
        DELETED,
    ));
    assert_eq!(told.outcome(), "failure:UnresolvedReferenceException");
}

#[test]
fn archiving_is_for_the_author_and_comes_back() {
    let dmp = fed(&[]);
    let mine = uuid(&dmp, "2.25.200.1");
    assert_eq!(
        dmp.send(status(&indirecte(), &mine, APPROVED, ARCHIVED))
            .outcome(),
        "fault:MOCK_DMPAccessDenied"
    );
    assert_eq!(
        dmp.send(status(&air(), &mine, APPROVED, ARCHIVED))
            .outcome(),
        "success"
    );
    assert_eq!(dmp.view("p01-adrun")["documents"][0]["etat"], "archive");
    assert_eq!(
        dmp.send(status(&air(), &mine, ARCHIVED, APPROVED))
            .outcome(),
        "success"
    );
    assert_eq!(dmp.view("p01-adrun")["documents"][0]["etat"], "actif");
    assert_eq!(
        dmp.send(status(&air(), &mine, DELETED, APPROVED)).outcome(),
        "failure:XDSMetadataUpdateOperationError"
    );
}

#[test]
fn a_change_of_visibility_is_a_new_version_of_the_metadata() {
    let dmp = fed(&[INVISIBLE_PATIENT]);
    assert_eq!(
        dmp.view("p01-adrun")["caches"][0]["motif"],
        INVISIBLE_PATIENT
    );
    let found = dmp.send(find(&air(), ADRUN, &[]));
    let before = uuid(&dmp, "2.25.200.1");
    assert_eq!(
        dmp.send(visibility(&air(), &found.xml, "2", &["N"]))
            .outcome(),
        "failure:XDSMetadataVersionError"
    );
    assert_eq!(
        dmp.send(visibility(
            &air(),
            &found.xml,
            "1",
            &["N", INVISIBLE_PATIENT]
        ))
        .outcome(),
        "failure:XDSMetadataUpdateError"
    );
    assert_eq!(
        dmp.send(visibility(&air(), &found.xml, "1", &[])).outcome(),
        "failure:XDSMetadataUpdateError"
    );
    let changed = found.xml.replace("80788-3", "11488-4");
    assert_eq!(
        dmp.send(visibility(&air(), &changed, "1", &["N"]))
            .outcome(),
        "failure:XDSMetadataUpdateError"
    );
    let told = dmp.send(visibility(&air(), &found.xml, "1", &["N"]));
    assert_eq!(told.outcome(), "success", "{}", told.xml);
    let view = dmp.view("p01-adrun");
    assert_eq!(view["documents"][0]["version"], 2);
    assert_eq!(view["documents"].as_array().unwrap().len(), 1);
    assert_eq!(view["caches"], json!([]));
    let after = uuid(&dmp, "2.25.200.1");
    assert_ne!(before, after);
    {
        let state = dmp.service.state();
        let (old, new) = (
            state.registry.entry(&before).unwrap(),
            state.registry.entry(&after).unwrap(),
        );
        assert!(old.is_deprecated() && new.is_approved());
        assert_eq!(old.object.lid, new.object.lid);
        assert_eq!(old.bytes, new.bytes);
    }
    // The entry of before is no longer the one to replace.
    let mut lot = Lot::new("2");
    lot.replaces = Some(before);
    assert_eq!(
        dmp.send(lot.request(&indirecte())).outcome(),
        "failure:XDSRegistryDeprecatedDocumentError"
    );
    let found = dmp.send(find(&air(), ADRUN, &[]));
    assert_eq!(
        dmp.send(visibility(&air(), &found.xml, "2", &["N", MASQUE_PS]))
            .outcome(),
        "success"
    );
    assert_eq!(
        dmp.view("p01-adrun")["documents"][0]["masque_aux_professionnels"],
        true
    );
    assert_eq!(
        dmp.send(visibility(
            &air(),
            &found.xml,
            "3",
            &["N", INVISIBLE_PATIENT]
        ))
        .outcome(),
        "failure:XDSMetadataUpdateError"
    );
    assert_eq!(
        dmp.send(visibility(&indirecte(), &found.xml, "3", &["N"]))
            .outcome(),
        "fault:MOCK_DMPAccessDenied"
    );
    assert_eq!(
        dmp.send(visibility(&medecin(ADRUN), &found.xml, "3", &["N"]))
            .outcome(),
        "fault:MOCK_DMPAccessDenied"
    );
    assert_eq!(
        dmp.send(visibility(&air(), &found.xml, "3", &["N"]))
            .outcome(),
        "success"
    );
}

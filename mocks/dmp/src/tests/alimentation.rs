//! TD2.1: feeding and replacing.

use super::*;

fn indirecte() -> diapason_formats::vihf::Vihf {
    vihf("INDIRECTE", ADRUN)
}

/// Outcome of a lot whose text is changed.
fn changed(from: &str, to: &str) -> String {
    let mut lot = Lot::new("1");
    lot.changes.push((from.to_owned(), to.to_owned()));
    let dmp = Dmp::new();
    let told = dmp.send(lot.request(&indirecte()));
    // Refused whole: nothing is kept.
    if told.outcome() != "success" {
        assert!(dmp.service.state().registry.entries.is_empty());
        assert!(dmp.service.state().registry.lots.is_empty());
    }
    told.reply.outcome
}

#[test]
fn a_lot_is_registered_whole() {
    let dmp = Dmp::new();
    let lot = Lot::new("1");
    let told = dmp.send(lot.request(&indirecte()));
    assert_eq!(told.outcome(), "success", "{}", told.xml);
    assert!(told.xml.contains("ResponseStatusType:Success\"/>"));
    let state = dmp.service.state();
    assert_eq!(state.registry.entries.len(), 2);
    assert_eq!(state.registry.lots.len(), 1);
    assert_eq!(state.registry.associations.len(), 3);
    let entry = state.registry.document("2.25.200.1").unwrap();
    assert_eq!(entry.bytes, lot.document);
    assert_eq!(entry.object.first("hash").unwrap().len(), 40);
    assert_eq!(
        entry.object.first("size"),
        Some(lot.document.len().to_string().as_str())
    );
    assert_eq!(entry.object.lid.as_deref(), Some(entry.id()));
    assert!(entry.is_approved() && entry.id().starts_with("urn:uuid:"));
    assert!(told.reply.issued.contains_key("entry_uuid"));
    // No association keeps a symbolic id.
    assert!(state.registry.associations.iter().all(|a| {
        a.association.1.starts_with("urn:uuid:") && a.association.2.starts_with("urn:uuid:")
    }));
}

#[test]
fn the_document_is_shared_with_the_request_not_copied() {
    let dmp = Dmp::new();
    let lot = Lot::new("1");
    let request = lot.request(&indirecte());
    let body = request.body.clone();
    dmp.send(request);
    let state = dmp.service.state();
    let bytes = &state.registry.document("2.25.200.1").unwrap().bytes;
    let within = body.as_ptr_range();
    assert!(within.contains(&bytes.as_ptr()));
}

#[test]
fn each_defect_of_a_lot_has_its_code() {
    let cases = [
        (
            "classificationNode",
            "autre",
            "failure:XDSRepositoryMetadataError",
        ),
        (
            "id=\"Document01\"",
            "id=\"Document02\"",
            "failure:XDSRepositoryMetadataError",
        ),
        (
            "sourceObject=\"SubmissionSet01\" targetObject=\"Document01\"",
            "sourceObject=\"Document01\" targetObject=\"Document01\"",
            "failure:XDSRepositoryMetadataError",
        ),
        (
            "value=\"2.25.200.1\"",
            "value=\"2.25.200.1^ext\"",
            "failure:XDSRepositoryMetadataError",
        ),
        (
            "value=\"2.25.200.1\"",
            "value=\"2.25.100.1\"",
            "failure:XDSRepositoryDuplicateUniqueIdInMessage",
        ),
        (
            "nodeRepresentation=\"80788-3\"",
            "nodeRepresentation=\"\"",
            "failure:XDSRepositoryMetadataError",
        ),
        (
            "2.16.840.1.113883.6.1",
            "",
            "failure:XDSRepositoryMetadataError",
        ),
        (
            "20260115083000",
            "2026-01-15",
            "failure:XDSRepositoryMetadataError",
        ),
        (
            "name=\"legalAuthenticator\"",
            "name=\"autre\"",
            "failure:XDSRepositoryMetadataError",
        ),
        (
            "nodeRepresentation=\"N\"",
            "nodeRepresentation=\"MASQUE_PS\"",
            "failure:XDSRepositoryMetadataError",
        ),
        (
            "nodeRepresentation=\"E1762\"",
            "nodeRepresentation=\"11488-4\"",
            "failure:XDSRepositoryMetadataError",
        ),
        (
            "ISO^IDNST^^^10B0990001",
            "ISO^IDNST^^^10B0999999",
            "fault:MOCK_DMPAuthorInstitution",
        ),
    ];
    for (from, to, outcome) in cases {
        assert_eq!(changed(from, to), outcome, "{from} -> {to}");
    }
    assert_eq!(changed("ESSMS", "ETABLISSEMENT"), "success");
}

#[test]
fn hash_and_size_are_those_of_the_bytes() {
    let with = |slots: &str| {
        changed(
            "<rim:Slot name=\"creationTime\">",
            &format!("{slots}<rim:Slot name=\"creationTime\">"),
        )
    };
    let slot = |n: &str, v: &str| {
        format!(
            "<rim:Slot name=\"{n}\"><rim:ValueList><rim:Value>{v}</rim:Value></rim:ValueList></rim:Slot>"
        )
    };
    let document = Lot::new("1").document;
    let hash = crate::transactions::sha1(&document);
    assert_eq!(
        with(&(slot("hash", &hash) + &slot("size", &document.len().to_string()))),
        "success"
    );
    assert_eq!(
        with(&slot("hash", &"0".repeat(40))),
        "failure:XDSRepositoryMetadataError"
    );
    assert_eq!(
        with(&slot("size", "7")),
        "failure:XDSRepositoryMetadataError"
    );
}

#[test]
fn documents_and_entries_go_by_pairs() {
    let dmp = Dmp::new();
    let request = Lot::new("1").request(&indirecte());
    let text = String::from_utf8(request.body.to_vec()).unwrap();
    let send = |body: String| {
        let mut changed = request.clone();
        changed.body = body.into();
        dmp.send(changed).reply.outcome
    };
    assert_eq!(
        send(text.replace(
            "<ihe:Document id=\"Document01\">",
            "<ihe:Document id=\"Document09\">"
        )),
        "failure:XDSMissingDocument"
    );
    let more =
        "<ihe:Document id=\"Document09\">YQ==</ihe:Document><ihe:Document id=\"Document01\">";
    assert_eq!(
        send(text.replace("<ihe:Document id=\"Document01\">", more)),
        "failure:XDSMissingDocumentMetadata"
    );
}

#[test]
fn another_person_in_the_lot_is_refused() {
    let mut lot = Lot::new("1");
    lot.ins = (ADRDEUX.0.to_owned(), ADRDEUX.1.to_owned());
    let told = Dmp::new().send(lot.request(&indirecte()));
    assert_eq!(told.outcome(), "fault:XDSPatientIdDoesNotMatch");
    // In one entry only.
    let mut lot = Lot::new("1");
    let entry = format!(
        "identificationScheme=\"{}\" value=\"{}",
        crate::names::DE_PATIENT,
        ADRUN.0
    );
    lot.changes
        .push((entry.clone(), entry.replace(ADRUN.0, ADRDEUX.0)));
    let told = Dmp::new().send(lot.request(&indirecte()));
    assert_eq!(told.outcome(), "failure:XDSPatientIdDoesNotMatch");
}

#[test]
fn a_lot_sent_again_is_known() {
    let dmp = Dmp::new();
    let lot = Lot::new("1");
    assert_eq!(dmp.send(lot.request(&indirecte())).outcome(), "success");
    let again = dmp.send(lot.request(&indirecte()));
    assert_eq!(again.outcome(), "failure:XDSDuplicateUniqueIdInRegistry");
    assert!(again.xml.contains("codeContext=\"2.25.100.1\""));
    let mut other = lot.clone();
    other
        .changes
        .push(("2.25.100.1".to_owned(), "2.25.100.2".to_owned()));
    other.document = b"<autre/>".to_vec();
    assert_eq!(
        dmp.send(other.request(&indirecte())).outcome(),
        "failure:XDSNonIdenticalHash"
    );
    let lenient = Dmp::with(Behaviour {
        duplicate: crate::Policy::Accept,
        ..Behaviour::default()
    });
    for _ in 0..2 {
        assert_eq!(lenient.send(lot.request(&indirecte())).outcome(), "success");
    }
    let state = lenient.service.state();
    assert_eq!(
        state
            .registry
            .entries
            .iter()
            .filter(|e| e.unique_id == "2.25.200.1")
            .count(),
        1
    );
}

#[test]
fn a_replacement_deprecates_what_it_replaces() {
    let dmp = Dmp::new();
    assert_eq!(
        dmp.send(Lot::new("1").request(&indirecte())).outcome(),
        "success"
    );
    let found = dmp.send(reference(&indirecte(), "2.25.200.1"));
    let old = found.attributes("ObjectRef", "id").remove(0);
    let mut lot = Lot::new("2");
    lot.replaces = Some("2.25.200.1".to_owned());
    assert_eq!(
        dmp.send(lot.request(&indirecte())).outcome(),
        "failure:UnresolvedReferenceException"
    );
    lot.replaces = Some(old.clone());
    assert_eq!(dmp.send(lot.request(&indirecte())).outcome(), "success");
    {
        let state = dmp.service.state();
        assert!(state.registry.entry(&old).unwrap().is_deprecated());
        assert!(state.registry.document("2.25.200.2").unwrap().is_approved());
    }
    let mut again = Lot::new("3");
    again.replaces = Some(old);
    assert_eq!(
        dmp.send(again.request(&indirecte())).outcome(),
        "failure:XDSRegistryDeprecatedDocumentError"
    );
    let view = dmp.view("p01-adrun");
    assert_eq!(view["documents"][0]["etat"], "remplace");
    assert_eq!(view["documents"][1]["remplace"], "2.25.200.1");
}

#[test]
fn the_signature_of_the_lot_follows_the_switches() {
    let mut lot = Lot::new("1");
    lot.with_signature = false;
    assert_eq!(
        Dmp::new().send(lot.request(&indirecte())).outcome(),
        "failure:XDSRepositoryMetadataError"
    );
    let lenient = Dmp::with(Behaviour {
        missing_signature: crate::Policy::Accept,
        ..Behaviour::default()
    });
    assert_eq!(lenient.send(lot.request(&indirecte())).outcome(), "success");
    let strict = || {
        Dmp::with(Behaviour {
            bad_signature: crate::Policy::Reject,
            ..Behaviour::default()
        })
    };
    let lot = Lot::new("1");
    let told = strict().send(lot.request(&indirecte()));
    assert_eq!(told.outcome(), "success", "{}", told.xml);
    let mut request = lot.request(&indirecte());
    let text = String::from_utf8(request.body.to_vec()).unwrap();
    request.body = text
        .replace("<id root=\"2.25.200.1\"/>", "<id root=\"2.25.200.2\"/>")
        .into();
    let told = strict().send(request.clone());
    assert_eq!(told.outcome(), "failure:XDSRepositoryError", "{}", told.xml);
    assert_eq!(Dmp::new().send(request).outcome(), "success");
}

#[test]
fn without_a_dmp_or_with_a_closed_one_nothing_is_taken() {
    let dmp = Dmp::new();
    dmp.arm(&json!({ "dmp": { "persona": "p01-adrun", "statut": "absent" } }));
    let send = || dmp.send(Lot::new("1").request(&indirecte())).reply.outcome;
    assert_eq!(send(), "failure:XDSUnknownPatientId");
    dmp.arm(&json!({ "dmp": { "persona": "p01-adrun", "statut": "ferme" } }));
    assert_eq!(send(), "fault:MOCK_DMPFerme");
    dmp.arm(&json!({ "dmp": { "persona": "p01-adrun", "statut": "actif" } }));
    assert_eq!(send(), "success");
    dmp.arm(&json!({ "dmp": { "persona": "p01-adrun", "vide": true } }));
    assert!(dmp.service.state().registry.entries.is_empty());
    assert!(dmp.service.state().registry.associations.is_empty());
}

//! TD3.1 and TD3.2: the six queries with their filters, and the documents.

use super::*;
use crate::names::{APPROVED, DELETED, DEPRECATED};

fn air() -> diapason_formats::vihf::Vihf {
    vihf("INDIRECTE_RENFORCEE", ADRUN)
}

fn indirecte() -> diapason_formats::vihf::Vihf {
    vihf("INDIRECTE", ADRUN)
}

/// uniqueIds of the entries of an answer.
fn uniques(told: &Told) -> Vec<String> {
    let tree = told.tree();
    tree.descendant_elements(tree.root())
        .filter(|n| tree.local(*n) == "ExternalIdentifier")
        .filter(|n| tree.attribute(*n, "identificationScheme") == Some(crate::names::DE_UNIQUE))
        .map(|n| tree.attribute(n, "value").unwrap().to_owned())
        .collect()
}

fn filled() -> Dmp {
    let dmp = Dmp::new();
    assert_eq!(
        dmp.send(Lot::new("1").request(&indirecte())).outcome(),
        "success"
    );
    let mut masked = Lot::new("2");
    masked.confidentiality = vec![crate::names::MASQUE_PS];
    masked
        .changes
        .push(("80788-3".to_owned(), "28653-4".to_owned()));
    masked
        .changes
        .push(("20260115083000".to_owned(), "20250301120000".to_owned()));
    assert_eq!(dmp.send(masked.request(&indirecte())).outcome(), "success");
    dmp.arm(&json!({ "dmp_document": { "persona": "p01-adrun", "titre": "Compte rendu", "confidentialite": ["INVISIBLE_PATIENT"] } }));
    dmp
}

#[test]
fn find_documents_gives_what_the_caller_may_see() {
    let dmp = filled();
    let told = dmp.send(find(&air(), ADRUN, &[]));
    assert_eq!(told.outcome(), "success", "{}", told.xml);
    // Signatures are left out; the masked one is the author's own; INVISIBLE_PATIENT is for professionals.
    assert_eq!(
        told.attributes("AdhocQueryResponse", "totalResultCount"),
        ["3"]
    );
    assert!(told.xml.contains("&amp;ISO^NH^^20260115"), "{}", told.xml);
    let other = find(&medecin(ADRUN), ADRUN, &[]);
    let seen = uniques(&dmp.send(other));
    assert_eq!(seen.len(), 2);
    assert!(!seen.contains(&"2.25.200.2".to_owned()));
    dmp.arm(&json!({ "dmp": { "persona": "p01-adrun", "medecin_traitant": true } }));
    assert_eq!(
        uniques(&dmp.send(find(&medecin(ADRUN), ADRUN, &[]))).len(),
        3
    );
}

#[test]
fn every_filter_filters() {
    let dmp = filled();
    let with = |more: &[(&str, &str)]| uniques(&dmp.send(find(&air(), ADRUN, more)));
    let loinc = "2.16.840.1.113883.6.1";
    assert_eq!(
        with(&[(
            "$XDSDocumentEntryTypeCode",
            &format!("('28653-4^^{loinc}')")
        )]),
        ["2.25.200.2"]
    );
    // Alternatives in one list, or in two slots of one name.
    let both = format!("('28653-4^^{loinc}','80788-3^^{loinc}')");
    assert_eq!(with(&[("$XDSDocumentEntryTypeCode", &both)]).len(), 2);
    let one = |c: &str| format!("('{c}^^{loinc}')");
    let two = [
        ("$XDSDocumentEntryTypeCode", one("28653-4")),
        ("$XDSDocumentEntryTypeCode", one("80788-3")),
    ];
    let two: Vec<(&str, &str)> = two.iter().map(|(n, v)| (*n, v.as_str())).collect();
    assert_eq!(with(&two).len(), 2);
    assert_eq!(
        with(&[("$XDSDocumentEntryTypeCode", "('28653-4^^1.2.3')")]).len(),
        0
    );
    assert_eq!(
        with(&[(
            "$XDSDocumentEntryClassCode",
            "('44^^1.2.250.1.213.1.1.4.1')"
        )])
        .len(),
        2
    );
    assert_eq!(
        with(&[(
            "$XDSDocumentEntryConfidentialityCode",
            "('MASQUE_PS^^1.2.250.1.213.1.1.4.13')"
        )]),
        ["2.25.200.2"]
    );
    assert_eq!(
        with(&[(
            "$XDSDocumentEntryPracticeSettingCode",
            "('ESSMS^^1.2.250.1.213.1.1.4.9')"
        )])
        .len(),
        2
    );
    assert_eq!(
        with(&[(
            "$XDSDocumentEntryHealthcareFacilityTypeCode",
            "('SA01^^1.2.250.1.71.4.2.4')"
        )])
        .len(),
        1
    );
    assert_eq!(
        with(&[("$XDSDocumentEntryEventCodeList", "('x^^1.2')")]).len(),
        0
    );
    let (n, masked) = (
        "('N^^2.16.840.1.113883.5.25')",
        "('MASQUE_PS^^1.2.250.1.213.1.1.4.13')",
    );
    let confidentiality = "$XDSDocumentEntryConfidentialityCode";
    // Of what an object has several of, every slot must be met.
    assert_eq!(
        with(&[(confidentiality, n), (confidentiality, masked)]),
        ["2.25.200.2"]
    );
    // From is included, To is not.
    assert_eq!(
        with(&[("$XDSDocumentEntryCreationTimeFrom", "20260115083000")]).len(),
        1
    );
    assert_eq!(
        with(&[("$XDSDocumentEntryCreationTimeTo", "20260115083000")]).len(),
        2
    );
    assert_eq!(
        with(&[
            ("$XDSDocumentEntryCreationTimeFrom", "202503"),
            ("$XDSDocumentEntryCreationTimeTo", "202504")
        ]),
        ["2.25.200.2"]
    );
    assert_eq!(
        with(&[("$XDSDocumentEntryServiceStopTimeFrom", "2000")]).len(),
        1
    );
    assert_eq!(
        with(&[("$XDSDocumentEntryAuthorPerson", "('%DUITEST%')")]).len(),
        2
    );
    assert_eq!(
        with(&[("$XDSDocumentEntryAuthorPerson", "('DUITEST')")]).len(),
        0
    );
}

#[test]
fn a_query_that_is_not_right_is_refused() {
    let dmp = filled();
    let find_uuid = "14d4debf-8f97-4251-9a74-a90016b0af0d";
    let patient = format!("'{}^^^&{}&ISO^NH'", ADRUN.0, ADRUN.1);
    let status = format!("('{APPROVED}')");
    let ask = |uuid: &str, kind: &str, slots: &[(&str, &str)]| {
        dmp.send(query(&air(), uuid, kind, slots)).reply.outcome
    };
    assert_eq!(
        ask("00000000-0000-0000-0000-000000000000", "LeafClass", &[]),
        "failure:XDSUnknownStoredQuery"
    );
    assert_eq!(
        ask(
            find_uuid,
            "LeafClass",
            &[("$XDSDocumentEntryPatientId", &patient)]
        ),
        "failure:XDSStoredQueryMissingParam"
    );
    assert_eq!(
        ask(
            find_uuid,
            "LeafClass",
            &[("$XDSDocumentEntryStatus", &status)]
        ),
        "failure:XDSStoredQueryMissingParam"
    );
    assert_eq!(
        ask(
            find_uuid,
            "Autre",
            &[("$XDSDocumentEntryPatientId", &patient)]
        ),
        "failure:XDSRegistryError"
    );
    let documents = "5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4";
    assert_eq!(
        ask(documents, "LeafClass", &[]),
        "failure:XDSStoredQueryMissingParam"
    );
    assert_eq!(
        ask(
            documents,
            "LeafClass",
            &[
                ("$XDSDocumentEntryUniqueId", "('1.2')"),
                ("$XDSDocumentEntryEntryUUID", "('urn:uuid:x')")
            ]
        ),
        "failure:XDSStoredQueryParamNumber"
    );
    assert_eq!(
        ask(
            documents,
            "LeafClass",
            &[("$XDSDocumentEntryUniqueId", "(1.2")]
        ),
        "failure:XDSRegistryError"
    );
    for code in ["('44')", "('44^^1.2.250.1.213.1.1.4.1','52^^')"] {
        let told = dmp.send(find(&air(), ADRUN, &[("$XDSDocumentEntryClassCode", code)]));
        assert_eq!(told.outcome(), "failure:XDSRegistryError", "{code}");
    }
    let few = Dmp::with(Behaviour {
        result_limit: 0,
        ..Behaviour::default()
    });
    few.send(Lot::new("1").request(&indirecte()));
    assert_eq!(
        few.send(find(&air(), ADRUN, &[])).outcome(),
        "failure:XDSTooManyResults"
    );
}

#[test]
fn the_three_steps_from_lots_to_documents() {
    let dmp = filled();
    let patient = format!("'{}^^^&{}&ISO^NH'", ADRUN.0, ADRUN.1);
    let status = format!("('{APPROVED}')");
    let lots = |more: &[(&str, &str)]| {
        let mut slots = vec![
            ("$XDSSubmissionSetPatientId", patient.as_str()),
            ("$XDSSubmissionSetStatus", status.as_str()),
        ];
        slots.extend_from_slice(more);
        dmp.send(query(
            &air(),
            "f26abbcb-ac74-4422-8a30-edb644bbc1a9",
            "LeafClass",
            &slots,
        ))
    };
    let found = lots(&[]);
    assert_eq!(
        found.attributes("AdhocQueryResponse", "totalResultCount"),
        ["3"],
        "{}",
        found.xml
    );
    assert_eq!(
        lots(&[("$XDSSubmissionSetSubmissionTimeFrom", "20270101")])
            .attributes("AdhocQueryResponse", "totalResultCount"),
        ["0"]
    );
    assert_eq!(
        lots(&[("$XDSSubmissionSetSourceId", "('2.25.9')")])
            .attributes("AdhocQueryResponse", "totalResultCount"),
        ["2"]
    );
    let lot = found.attributes("RegistryPackage", "id").remove(0);
    let associations = dmp.send(query(
        &air(),
        "a7ae438b-4bc2-4642-93e9-be891f7bb155",
        "LeafClass",
        &[("$uuid", &format!("('{lot}')"))],
    ));
    let members = associations.attributes("Association", "targetObject");
    assert_eq!(members.len(), 3);
    let document = dmp
        .service
        .state()
        .registry
        .document("2.25.200.1")
        .unwrap()
        .id()
        .to_owned();
    assert!(members.contains(&document));
    let documents = dmp.send(query(
        &air(),
        "5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4",
        "LeafClass",
        &[("$XDSDocumentEntryEntryUUID", &format!("('{document}')"))],
    ));
    assert_eq!(uniques(&documents), ["2.25.200.1"]);
    let both = dmp.send(query(
        &air(),
        "bab9529a-4a10-40b3-a01f-f68a615d247a",
        "LeafClass",
        &[("$XDSDocumentEntryUniqueId", "('2.25.200.1','2.25.200.2')")],
    ));
    assert_eq!(uniques(&both).len(), 2);
    assert_eq!(both.attributes("Association", "id").len(), 2);
    // Nobody else's lots.
    let other = vihf("INDIRECTE_RENFORCEE", ADRDEUX);
    let none = dmp.send(query(
        &other,
        "a7ae438b-4bc2-4642-93e9-be891f7bb155",
        "LeafClass",
        &[("$uuid", &format!("('{lot}')"))],
    ));
    assert_eq!(none.attributes("Association", "id").len(), 0);
}

#[test]
fn a_reference_identifier_finds_its_documents() {
    let dmp = Dmp::new();
    let mut lot = Lot::new("1");
    let slot = "<rim:Slot name=\"urn:ihe:iti:xds:2013:referenceIdList\"><rim:ValueList><rim:Value>A123^^^&amp;2.25.5&amp;ISO^urn:ihe:iti:xds:2013:accession</rim:Value></rim:ValueList></rim:Slot><rim:Slot name=\"serviceStartTime\">";
    lot.changes.push((
        "<rim:Slot name=\"serviceStartTime\">".to_owned(),
        slot.to_owned(),
    ));
    assert_eq!(dmp.send(lot.request(&indirecte())).outcome(), "success");
    let patient = format!("'{}^^^&{}&ISO^NH'", ADRUN.0, ADRUN.1);
    let status = format!("('{APPROVED}')");
    let ask = |id: &str| {
        let slots = [
            ("$XDSDocumentEntryPatientId", patient.as_str()),
            ("$XDSDocumentEntryStatus", status.as_str()),
            ("$XDSDocumentEntryReferenceIdList", id),
        ];
        uniques(&dmp.send(query(
            &air(),
            "12941a89-e02e-4be5-967c-ce4bfc8fe492",
            "LeafClass",
            &slots,
        )))
    };
    assert_eq!(
        ask("('A123^^^&2.25.5&ISO^urn:ihe:iti:xds:2013:accession')"),
        ["2.25.200.1"]
    );
    assert_eq!(
        ask("('A124^^^&2.25.5&ISO^urn:ihe:iti:xds:2013:accession')").len(),
        0
    );
}

#[test]
fn a_structure_gets_a_reference_and_no_more() {
    let dmp = filled();
    let told = dmp.send(reference(&indirecte(), "2.25.200.2"));
    assert_eq!(told.attributes("ObjectRef", "id").len(), 1);
    assert_eq!(told.attributes("ExtrinsicObject", "id").len(), 0);
    assert_eq!(
        dmp.send(reference(&indirecte(), "2.25.999"))
            .attributes("AdhocQueryResponse", "totalResultCount"),
        ["0"]
    );
}

#[test]
fn documents_come_byte_for_byte_in_a_package() {
    let dmp = filled();
    let lot = Lot::new("1");
    let told = dmp.send(retrieve(&air(), &["2.25.200.1"]));
    assert_eq!(told.outcome(), "success", "{}", told.xml);
    assert!(told.content_type().starts_with("multipart/related"));
    assert_eq!(told.documents(), std::slice::from_ref(&lot.document));
    assert_eq!(
        told.attributes("RegistryResponse", "status"),
        [crate::names::SUCCESS]
    );
    let told = dmp.send(retrieve(&air(), &["2.25.200.1", "2.25.999"]));
    assert_eq!(told.outcome(), "partial:XDSDocumentUniqueIdError");
    assert_eq!(told.documents().len(), 1);
    assert_eq!(
        told.attributes("RegistryError", "codeContext"),
        ["2.25.999"]
    );
    // An entryUUID is no uniqueId; a signature, another person's or a masked document is not given.
    let uuid = dmp
        .service
        .state()
        .registry
        .document("2.25.200.1")
        .unwrap()
        .id()
        .to_owned();
    for (vihf, id, outcome) in [
        (air(), uuid.as_str(), "failure:XDSDocumentUniqueIdError"),
        (air(), "2.25.300.1", "failure:XDSDocumentUniqueIdError"),
        (
            vihf("INDIRECTE_RENFORCEE", ADRDEUX),
            "2.25.200.1",
            "failure:XDSDocumentUniqueIdError",
        ),
        (medecin(ADRUN), "2.25.200.2", "failure:MOCK_DMPAccessDenied"),
    ] {
        let told = dmp.send(retrieve(&vihf, &[id]));
        assert_eq!(told.outcome(), outcome, "{}", told.xml);
        assert!(told.content_type().starts_with("multipart/related"));
    }
    let told = dmp.send(retrieve_from(&air(), "1.2.3", &["2.25.200.1"]));
    assert_eq!(told.outcome(), "failure:XDSUnknownRepositoryId");
    // A fault comes in a package too.
    let told = dmp.send(retrieve(&indirecte(), &["2.25.200.1"]));
    assert_eq!(told.outcome(), "fault:MOCK_DMPAccessDenied");
    assert!(told.content_type().starts_with("multipart/related") && told.reply.status == 500);
}

#[test]
fn a_deleted_document_leaves_searches_and_stays_readable() {
    let dmp = filled();
    let uuid = dmp
        .service
        .state()
        .registry
        .document("2.25.200.1")
        .unwrap()
        .id()
        .to_owned();
    assert_eq!(
        dmp.send(status(&indirecte(), &uuid, APPROVED, DELETED))
            .outcome(),
        "success"
    );
    assert!(!uniques(&dmp.send(find(&air(), ADRUN, &[]))).contains(&"2.25.200.1".to_owned()));
    assert_eq!(
        dmp.send(retrieve(&air(), &["2.25.200.1"]))
            .documents()
            .len(),
        1
    );
    assert_eq!(
        dmp.send(reference(&indirecte(), "2.25.200.1"))
            .attributes("ObjectRef", "id")
            .len(),
        0
    );
    let deprecated = format!("('{DEPRECATED}','{DELETED}')");
    let patient = format!("'{}^^^&{}&ISO^NH'", ADRUN.0, ADRUN.1);
    let slots = [
        ("$XDSDocumentEntryPatientId", patient.as_str()),
        ("$XDSDocumentEntryStatus", deprecated.as_str()),
    ];
    let told = dmp.send(query(
        &air(),
        "14d4debf-8f97-4251-9a74-a90016b0af0d",
        "LeafClass",
        &slots,
    ));
    assert_eq!(uniques(&told), ["2.25.200.1"]);
}

//! Types, lots and queries: right, wrong, and too large.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::xml::{Limits, NodeId, Tree};

fn tree(text: &str) -> Tree {
    Tree::read(text.as_bytes(), &Limits::default()).unwrap()
}

fn said<T>((_, problems): (Option<T>, Vec<String>)) -> String {
    problems.join("; ")
}

#[test]
fn an_identifier_with_its_authority() {
    let (cx, problems) = Cx::parse("275126322074974^^^&1.2.250.1.213.1.4.10&ISO^NH");
    let cx = cx.unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(
        (&*cx.id, cx.root(), &*cx.kind),
        ("275126322074974", "1.2.250.1.213.1.4.10", "NH")
    );
    let (cx, problems) = Cx::parse("1^^^&1.2.3&ISO^NH^^20260115");
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(cx.unwrap().date.as_deref(), Some("20260115"));
    for (text, expected) in [
        ("1^^^&1.2.3&ISO", "CX.5) manque"),
        ("1^^^&1.2.3&OID^NH", "« OID » au lieu de ISO"),
        ("1^^^1.2.3^NH", "avant le premier « & »"),
        ("1^^^&1.02.3&ISO^NH", "commence par un zéro"),
        ("1^2^^&1.2.3&ISO^NH", "composant 2"),
        ("^^^&1.2.3&ISO^NH", "CX.1) manque"),
        ("1", "CX.4) manque"),
        (" 1^^^&1.2.3&ISO^NH", "des blancs"),
        ("1^^^&1.2.3&ISO^NH^^hier", "CX.7"),
        ("1^^^&1.2.3&ISO&x^NH", "plus de trois"),
    ] {
        let said = said(Cx::parse(text));
        assert!(said.contains(expected), "{text}: {said}");
    }
    assert_eq!(Cx::parse("").0, None);
}

#[test]
fn people_and_organisations() {
    let (xcn, problems) =
        Xcn::parse("899709900023^DUITEST^IDEC^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS");
    let xcn = xcn.unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(
        (
            &*xcn.id,
            &*xcn.family,
            &*xcn.given,
            &*xcn.name_type,
            &*xcn.kind
        ),
        ("899709900023", "DUITEST", "IDEC", "D", "IDNPS")
    );
    let said_of = said(Xcn::parse("8997^^IDEC"));
    for expected in ["XCN.2", "XCN.9", "XCN.10", "XCN.13"] {
        assert!(said_of.contains(expected), "{said_of}");
    }
    let (xon, problems) =
        Xon::parse("EHPAD DIAPASON TEST^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^10B0990001");
    let xon = xon.unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!((&*xon.id, &*xon.kind), ("10B0990001", "IDNST"));
    let said_of = said(Xon::parse("EHPAD^^^^^^^^^1"));
    assert!(
        said_of.contains("XON.6") && said_of.contains("XON.7"),
        "{said_of}"
    );
    assert_eq!(Xon::parse("^^^^^").0, None);
}

#[test]
fn dates_are_utc_without_offset() {
    let (dtm, problems) = Dtm::parse("20260115085930");
    let dtm = dtm.unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(dtm.timestamp().to_string(), "2026-01-15T08:59:30.000Z");
    assert_eq!((dtm.precision, dtm.offset), (Precision::Second, None));
    // Read all the same: summer and winter time, and a day that begins in the other.
    for (text, utc) in [
        ("20260715003000+0200", "20260714223000"),
        ("20260115003000+0100", "20260114233000"),
        ("20260115120000-0400", "20260115160000"),
        ("202601151200", "202601151200"),
        ("2026", "2026"),
    ] {
        assert_eq!(Dtm::parse(text).0.unwrap().to_utc(), utc, "{text}");
    }
    assert!(said(Dtm::parse("20260115085930+0100")).contains("décalage"));
    assert!(said(Dtm::parse("20260115085930.5")).contains("fraction"));
    assert!(Dtm::parse("20240229").0.is_some());
    for wrong in [
        "",
        "2026011",
        "20260230",
        "20261301",
        "20260115250000",
        "20260115086000",
        "2026-01-15",
        "20260115T085930",
        "0000",
        "20260115085930+25",
        "20260115085930+9900",
        "hier",
        "202601150859300",
    ] {
        assert_eq!(Dtm::parse(wrong).0, None, "{wrong}");
    }
}

#[test]
fn oids_are_checked_to_the_letter() {
    for good in ["1.2.250.1.213", "2.25.308421570311", "0.9", "2.999"] {
        assert_eq!(oid_problem(good), None, "{good}");
    }
    let long = format!("2.25.{}", "1".repeat(60));
    for (wrong, expected) in [
        ("", "manque"),
        ("1", "un seul nombre"),
        ("3.1", "0, 1 ou 2"),
        ("1.40", "dépasse 39"),
        ("1.2.", "séparés par des points"),
        ("1..2", "séparés par des points"),
        ("1.2.a", "séparés par des points"),
        ("1.02", "zéro"),
        ("1.2^3", "extension"),
        ("urn:oid:1.2", "sans « urn:oid: »"),
        (long.as_str(), "65 caractères"),
    ] {
        let problem = oid_problem(wrong).unwrap();
        assert!(problem.contains(expected), "{wrong}: {problem}");
    }
    assert!(is_entry_uuid(
        "urn:uuid:6f3d0a38-9a5a-4d0c-8f0e-0c7f1b2a3d02"
    ));
    assert!(!is_entry_uuid("6f3d0a38-9a5a-4d0c-8f0e-0c7f1b2a3d02"));
    assert!(!is_entry_uuid("urn:uuid:6f3d0a38"));
    assert!(!is_entry_uuid("urn:uuid:ééééééééé-9a5a-4d0c-8f0e-0c7f1b2a"));
}

/// A classification with its scheme and label.
fn coded(scheme: &str, code: &str, of: &str) -> String {
    format!(
        "<r:Classification classificationScheme='{scheme}' classifiedObject='D1' nodeRepresentation='{code}'><r:Slot name='codingScheme'><r:ValueList><r:Value>{of}</r:Value></r:ValueList></r:Slot><r:Name><r:LocalizedString value='Libell\u{e9}'/></r:Name></r:Classification>"
    )
}

fn slot(name: &str, values: &[&str]) -> String {
    let values = values
        .iter()
        .map(|v| ["<r:Value>\n ", v, " </r:Value>"].concat())
        .collect::<String>();
    format!("<r:Slot name='{name}'><r:ValueList>{values}</r:ValueList></r:Slot>")
}

fn lot_of(content: &str) -> Tree {
    tree(&format!(
        "<l:SubmitObjectsRequest xmlns:l='{LCM}' xmlns:r='{RIM}'><r:RegistryObjectList>{content}</r:RegistryObjectList></l:SubmitObjectsRequest>"
    ))
}

#[test]
fn a_lot_is_typed() {
    let author = |scheme: &str, of: &str| {
        format!(
            "<r:Classification classificationScheme='{scheme}' classifiedObject='{of}' nodeRepresentation=''>{}{}</r:Classification>",
            slot(
                "authorPerson",
                &["899709900023^DUITEST^IDEC^^^^^^&amp;1.2.250.1.71.4.2.1&amp;ISO^D^^^IDNPS"]
            ),
            slot(
                "authorInstitution",
                &["EHPAD^^^^^&amp;1.2.250.1.71.4.2.2&amp;ISO^IDNST^^^10B0990001"]
            ),
        )
    };
    let entry = [
        slot("creationTime", &["20260115085930"]),
        slot("size", &["12"]),
        slot("hash", &["da39a3ee5e6b4b0d3255bfef95601890afd80709"]),
        slot(
            "sourcePatientInfo",
            &["PID-5|ADRUN^ZOE^^^^^L", "PID-7|19751231", "PID-8|F", "PID-8|M", "x"],
        ),
        "<r:Name><r:LocalizedString charset='UTF8' xml:lang='FR' value='Projet personnalisé'/></r:Name><r:VersionInfo versionName='3'/>".to_owned(),
        author(scheme::AUTHOR, "D1"),
        coded(scheme::CLASS, "44", "1.2.250.1.213.1.1.4.1"),
        coded(scheme::TYPE, "80788-3", "2.16.840.1.113883.6.1"),
        coded(scheme::CONFIDENTIALITY, "N", "2.16.840.1.113883.5.25"),
        coded(scheme::CONFIDENTIALITY, "MASQUE_PS", "1.2.250.1.213.1.1.4.13"),
        format!("<r:ExternalIdentifier registryObject='D1' identificationScheme='{}' value='2.25.7'/>", scheme::UNIQUE),
    ]
    .concat();
    let signature = [
        coded(scheme::CLASS, code::SIGNATURE_CLASS, "URN").replace("'D1'", "'S1'"),
        coded(scheme::TYPE, code::SIGNATURE_TYPE, "ASTM").replace("'D1'", "'S1'"),
    ]
    .concat();
    let tree = lot_of(&format!(
        "<r:RegistryPackage id='L1'>{}{}<r:ExternalIdentifier registryObject='L1' identificationScheme='{}' value='1^^^&amp;1.2.3&amp;ISO^NH'/></r:RegistryPackage>\
         <r:Classification classificationNode='{}' classifiedObject='L1'/>\
         <r:ExtrinsicObject id='D1' lid='urn:uuid:x' mimeType='text/xml' objectType='{}' status='{}'>{entry}</r:ExtrinsicObject>\
         <r:ExtrinsicObject id='S1' mimeType='text/xml'>{signature}</r:ExtrinsicObject>\
         <r:Association associationType='{}' sourceObject='L1' targetObject='D1'>{}</r:Association>\
         <r:ObjectRef id='urn:uuid:y'/>",
        slot("submissionTime", &["20260115090000"]),
        author(scheme::SUBMISSION_SET_AUTHOR, "L1"),
        scheme::SUBMISSION_SET_PATIENT,
        scheme::SUBMISSION_SET,
        scheme::DOCUMENT,
        code::APPROVED,
        code::HAS_MEMBER,
        slot("SubmissionSetStatus", &["Original"]),
    ));
    let lot = Lot::read(&tree, NodeId::ROOT);
    assert!(lot.problems.is_empty(), "{:?}", lot.problems);
    let set = lot.submission_set.as_ref().unwrap();
    assert_eq!(lot.submission_sets, 1);
    assert_eq!(set.submission_time.as_ref().unwrap().raw, "20260115090000");
    assert!(set.patient_id.as_ref().unwrap().is_valid());
    let institution = &set.authors[0].institutions[0];
    assert_eq!(institution.value.as_ref().unwrap().id, "10B0990001");
    let entry = lot.entry("D1").unwrap();
    assert!(!entry.signature && lot.signature().unwrap().id == "S1");
    assert_eq!(entry.size.as_ref().unwrap().value, Some(12));
    assert_eq!(entry.title.as_ref().unwrap().value, "Projet personnalisé");
    assert_eq!(entry.version.as_ref().unwrap().value, "3");
    assert_eq!(entry.lid.as_deref(), Some("urn:uuid:x"));
    assert!(
        entry
            .class
            .as_ref()
            .unwrap()
            .is("44", "1.2.250.1.213.1.1.4.1")
    );
    assert_eq!(
        entry.class.as_ref().unwrap().label.as_deref(),
        Some("Libellé")
    );
    let codes: Vec<&str> = entry.confidentiality.iter().map(|c| &*c.code).collect();
    assert_eq!(codes, ["N", "MASQUE_PS"]);
    assert_eq!(entry.unique_id.as_ref().unwrap().value, "2.25.7");
    let info = entry.patient_info();
    assert_eq!(info.names[0][..2], ["ADRUN", "ZOE"]);
    assert_eq!(
        (info.birth.as_deref(), info.sex.as_deref()),
        (Some("19751231"), Some("F"))
    );
    assert_eq!(info.problems.len(), 2, "{:?}", info.problems);
    let association = lot.associations_of("HasMember").next().unwrap();
    assert_eq!(association.slot("SubmissionSetStatus"), Some("Original"));
    assert_eq!(lot.references[0].id, "urn:uuid:y");
}

#[test]
fn what_is_wrong_in_a_lot_is_said() {
    let set = format!(
        "<r:Classification classificationNode='{}'/>",
        scheme::SUBMISSION_SET
    );
    let folder = format!(
        "<r:Classification classificationNode='{}'/>",
        scheme::FOLDER
    );
    let tree = lot_of(&format!(
        "<r:RegistryPackage id='L1'>{set}</r:RegistryPackage><r:RegistryPackage id='L2'>{set}</r:RegistryPackage>\
         <r:RegistryPackage id='F1'>{folder}</r:RegistryPackage><r:RegistryPackage id='P'/><other/><r:Odd/>\
         <r:ExtrinsicObject id='D1'>{}{}<r:Slot name='size'/>{}{}{}</r:ExtrinsicObject><r:ExtrinsicObject/>\
         <r:ExtrinsicObject id='D1'/>",
        slot("hash", &["1"]),
        slot("hash", &["2"]),
        coded(scheme::CLASS, "10", "x"),
        coded(scheme::CLASS, "11", "x"),
        coded("urn:uuid:autre", "11", "x").replace("'D1'", "'D9'"),
    ));
    let lot = Lot::read(&tree, NodeId::ROOT);
    assert_eq!(
        (lot.submission_sets, lot.folders.len(), lot.entries.len()),
        (3, 1, 3)
    );
    let said: Vec<&str> = lot.problems.iter().map(|p| p.text.as_str()).collect();
    let said = said.join("; ");
    for expected in [
        "3 lots de soumission",
        "« P » n'est classé ni",
        "other n'est pas dans l'espace",
        "Odd n'est pas attendu",
        "slot hash est répété",
        "slot size n'a pas de valeur",
        "classCode est donné plusieurs fois",
        "schéma de classification inconnu",
        "désigne un autre objet, « D9 »",
        "ExtrinsicObject n'a pas d'id",
        "« D1 » est porté par deux objets",
    ] {
        assert!(said.contains(expected), "{expected} in {said}");
    }
    assert_eq!(lot.entries[0].class.as_ref().unwrap().code, "10");
    assert_eq!(lot.entries[0].size, None);
}

#[test]
fn ten_thousand_entries_cost_little() {
    let started = std::time::Instant::now();
    let mut content = String::new();
    for n in 0..10_000 {
        let _ = write!(
            content,
            "<r:ExtrinsicObject id='D{n}'>{}{}<r:ExternalIdentifier registryObject='D{n}' identificationScheme='{}' value='2.25.{n}'/></r:ExtrinsicObject><r:Association associationType='{}' sourceObject='L' targetObject='D{n}'/>",
            slot("creationTime", &["20260115085930"]),
            coded(scheme::CLASS, "10", "x").replace("'D1'", &format!("'D{n}'")),
            scheme::UNIQUE,
            code::HAS_MEMBER
        );
    }
    let tree = lot_of(&content);
    let lot = Lot::read(&tree, NodeId::ROOT);
    assert_eq!(
        (lot.entries.len(), lot.associations.len()),
        (10_000, 10_000)
    );
    assert_eq!(
        lot.entries[9_999].unique_id.as_ref().unwrap().value,
        "2.25.9999"
    );
    // One entry with as many slots, and as many classifications beside it.
    let many: String = (0..40_000)
        .map(|n| slot(&format!("s{n}"), &["v"]))
        .collect();
    let beside =
        "<r:Classification classifiedObject='D1' classificationScheme='x'/>".repeat(40_000);
    let tree = lot_of(&format!(
        "<r:ExtrinsicObject id='D1'>{many}</r:ExtrinsicObject>{beside}"
    ));
    let lot = Lot::read(&tree, NodeId::ROOT);
    assert_eq!(lot.entries[0].slots.len(), 40_000);
    assert_eq!(lot.problems.len(), 200);
    // Thousands of objects of one id, and thousands of classifications beside them.
    let objects = "<r:ExtrinsicObject id='D1'/>".repeat(100_000);
    let tree = lot_of(&format!("{objects}{}", beside.repeat(2)));
    assert_eq!(Lot::read(&tree, NodeId::ROOT).entries.len(), 100_000);
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

fn query_of(id: &str, slots: &str) -> Query {
    let tree = tree(&format!(
        "<q:AdhocQueryRequest xmlns:q='{QUERY}' xmlns:r='{RIM}'><q:ResponseOption returnComposedObjects='true' returnType='LeafClass'/><r:AdhocQuery id='{id}'>{slots}</r:AdhocQuery></q:AdhocQueryRequest>"
    ));
    Query::read(&tree, NodeId::ROOT).unwrap()
}

#[test]
fn a_query_keeps_its_slots_apart_and_its_alternatives_together() {
    let query = query_of(
        "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d",
        &[
            slot(
                "$XDSDocumentEntryPatientId",
                &["'275126322074974^^^&amp;1.2.250.1.213.1.4.10&amp;ISO^NH'"],
            ),
            slot(
                "$XDSDocumentEntryStatus",
                &["('urn:a' , 'urn:b')", "('urn:c')"],
            ),
            slot("$XDSDocumentEntryStatus", &["('l''\u{e9}t\u{e9}, ou non')"]),
            slot("$XDSDocumentEntryCreationTimeFrom", &["20240115"]),
        ]
        .concat(),
    );
    assert_eq!(query.name, Some("FindDocuments"));
    assert_eq!(query.return_type.as_deref(), Some("LeafClass"));
    assert!(query.problems.is_empty());
    assert!(
        query.parameters.iter().all(|p| p.problems.is_empty()),
        "{query:?}"
    );
    assert_eq!(
        query.patient().and_then(|p| Cx::parse(p).0).unwrap().id,
        "275126322074974"
    );
    assert!(!query.parameters[0].listed && query.parameters[1].listed);
    let values: Vec<&str> = query.values("$XDSDocumentEntryStatus").collect();
    assert_eq!(values, ["urn:a", "urn:b", "urn:c", "l'été, ou non"]);
    assert_eq!(query.all("$XDSDocumentEntryStatus").count(), 2);
    assert!(!query.parameters[3].values[0].quoted);
}

#[test]
fn what_is_wrong_in_a_query_is_said() {
    for (value, expected) in [
        ("urn:a", "sans apostrophes"),
        ("('a'", "parenthèse n'est pas fermée"),
        ("'a", "apostrophe n'est pas fermée"),
        ("'a','b'", "plusieurs valeurs sans parenthèses"),
        ("('a',)", "n'est suivie de rien"),
        ("('a' 'b')", "après l'apostrophe fermante"),
        ("()", "il n'y a pas de valeur"),
        ("", "il n'y a pas de valeur"),
        ("'it's'", "après l'apostrophe fermante"),
    ] {
        let query = query_of("urn:uuid:x", &slot("$a", &[value]));
        let said = query.parameters[0].problems.join("; ");
        assert!(said.contains(expected), "{value}: {said}");
    }
    let query = query_of("14d4debf-8f97-4251-9a74-a90016b0af0d", "<r:Slot name='a'/>");
    assert!(
        query.problems[0].contains("urn:uuid:"),
        "{:?}",
        query.problems
    );
    assert_eq!(query.name, Some("FindDocuments"));
    assert_eq!(query.parameters[0].problems.len(), 2);
    let bare = tree(&format!("<q:AdhocQueryRequest xmlns:q='{QUERY}'/>"));
    assert_eq!(Query::read(&bare, NodeId::ROOT).unwrap().problems.len(), 2);
    assert!(Query::read(&tree("<a/>"), NodeId::ROOT).is_none());
}

#[test]
fn a_retrieve_request_lists_its_documents() {
    let tree = tree(&format!(
        "<x:RetrieveDocumentSetRequest xmlns:x='{XDSB}'><x:DocumentRequest><x:RepositoryUniqueId> 1.2 </x:RepositoryUniqueId><x:DocumentUniqueId>2.25.1</x:DocumentUniqueId></x:DocumentRequest><x:DocumentRequest/></x:RetrieveDocumentSetRequest>"
    ));
    let retrieve = RetrieveRequest::read(&tree, NodeId::ROOT).unwrap();
    assert_eq!(
        retrieve.documents[0].repository.as_ref().unwrap().value,
        "1.2"
    );
    assert_eq!(retrieve.documents[1].unique_id, None);
}

proptest! {
    #[test]
    fn no_text_makes_a_type_panic(text in "\\PC{0,40}", shaped in "[0-9^&.+Z~|é' -]{0,40}") {
        for text in [&text, &shaped] {
            let _ = (Cx::parse(text), Xcn::parse(text), Xon::parse(text), Dtm::parse(text), oid_problem(text));
            let _ = is_entry_uuid(text);
        }
    }

    #[test]
    fn no_structure_makes_a_lot_panic(parts in proptest::collection::vec((0_usize..9, 0_usize..4, any::<bool>()), 0..40)) {
        let names = ["RegistryPackage", "ExtrinsicObject", "Association", "Classification", "ExternalIdentifier", "Slot", "ValueList", "Value", "Name"];
        let attributes = [
            format!("id='L' classificationNode='{}'", scheme::SUBMISSION_SET),
            format!("id='D' classificationScheme='{}' nodeRepresentation='N' registryObject='D'", scheme::CONFIDENTIALITY),
            format!("id='L' classifiedObject='L' identificationScheme='{}' value='x' name='size'", scheme::UNIQUE),
            String::new(),
        ];
        let (mut text, mut open) = (String::new(), Vec::new());
        for (name, attribute, close) in parts {
            let _ = write!(text, "<r:{} {}>x", names[name], attributes[attribute]);
            open.push(names[name]);
            if close {
                let _ = write!(text, "</r:{}>", open.pop().unwrap());
            }
        }
        while let Some(name) = open.pop() {
            let _ = write!(text, "</r:{name}>");
        }
        let tree = lot_of(&text);
        let lot = Lot::read(&tree, NodeId::ROOT);
        for entry in &lot.entries {
            let _ = entry.patient_info();
        }
    }

    #[test]
    fn no_value_makes_a_query_panic(value in "[(),'a1é ]{0,30}") {
        let query = query_of("urn:uuid:x", &slot("$a", &[&value]));
        prop_assert_eq!(query.parameters.len(), 1);
    }

    #[test]
    fn quoted_text_survives(value in "[^\\pC<>&]{1,30}") {
        let written = format!("('{}')", value.trim().replace('\'', "''"));
        let query = query_of("urn:uuid:x", &slot("$a", &[&written]));
        prop_assert_eq!(&query.parameters[0].values[0].text, value.trim());
        prop_assert!(query.parameters[0].problems.is_empty());
    }

    #[test]
    fn a_metadata_date_comes_back_as_written(seconds in 0_i64..4_000_000_000) {
        let at = diapason_core::Timestamp::from_unix_millis(seconds * 1000);
        let text: String = at.to_string().chars().filter(char::is_ascii_digit).take(14).collect();
        let (dtm, problems) = Dtm::parse(&text);
        prop_assert!(problems.is_empty());
        let dtm = dtm.unwrap();
        prop_assert_eq!(dtm.to_utc(), text);
        prop_assert_eq!(dtm.timestamp(), at);
    }
}

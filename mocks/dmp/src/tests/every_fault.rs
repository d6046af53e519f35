//! Every fault of the catalogue plays, and does what its text says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use diapason_mock_common::http::Delivery;

use super::*;

fn air() -> diapason_formats::vihf::Vihf {
    vihf("INDIRECTE_RENFORCEE", ADRUN)
}

/// A DMP with one document, and the request of each operation that makes sense in it. Ids follow from the calls made, so
/// that the same requests suit any DMP fed so: they are signed once.
static REQUESTS: LazyLock<(Incoming, BTreeMap<&'static str, Incoming>)> = LazyLock::new(|| {
    let dmp = Dmp::new();
    let indirecte = vihf("INDIRECTE", ADRUN);
    let feed = Lot::new("9").request(&indirecte);
    assert_eq!(dmp.send(feed.clone()).outcome(), "success");
    let uuid = dmp
        .service
        .state()
        .registry
        .document("2.25.200.9")
        .unwrap()
        .id()
        .to_owned();
    let found = dmp.send(find(&air(), ADRUN, &[]));
    let mut consult = existence(&indirecte, ADRUN);
    let body = String::from_utf8(consult.body.to_vec()).unwrap();
    consult.body = body.replace("TEST_EXST", "CNSLT_DATA").into();
    let mut lot = Lot::new("1");
    lot.replaces = Some(uuid.clone());
    let (approved, deleted, archived) = (
        crate::names::APPROVED,
        crate::names::DELETED,
        crate::names::ARCHIVED,
    );
    let requests = BTreeMap::from([
        ("td0.2", existence(&indirecte, ADRUN)),
        ("td0.3", autorisation(&air(), "AJOUT", None)),
        (
            "td0.4",
            patients(&air(), "20260101000000", "LASTAUTORIZATION"),
        ),
        ("td1.3a", consult),
        ("td1.6", habilitations(&air(), "TOUTE")),
        ("td2.1", lot.request(&indirecte)),
        ("td3.1a", find(&air(), ADRUN, &[])),
        ("td3.1b", reference(&indirecte, "2.25.200.9")),
        ("td3.2", retrieve(&air(), &["2.25.200.9"])),
        (
            "td3.3ab",
            visibility(&air(), &found.xml, "1", &["N", "MASQUE_PS"]),
        ),
        ("td3.3c", status(&indirecte, &uuid, approved, deleted)),
        ("td3.3d", status(&air(), &uuid, approved, archived)),
    ]);
    (feed, requests)
});

/// A request of an operation, and the DMP it makes sense in.
fn request(operation: &str) -> (Dmp, Incoming) {
    let dmp = Dmp::new();
    assert_eq!(dmp.send(REQUESTS.0.clone()).outcome(), "success");
    (dmp, REQUESTS.1[operation].clone())
}

fn played(operation: &str, id: &str, with: &Value) -> (Dmp, Told) {
    let (dmp, request) = request(operation);
    dmp.fault(id, with);
    assert_eq!(dmp.service.classify(&request).operation, operation);
    let told = dmp.send(request);
    (dmp, told)
}

#[test]
fn the_catalogue_is_sound() {
    let all = crate::faults();
    assert!(all.len() >= 45, "{}", all.len());
    let ids: BTreeSet<&str> = all.iter().map(|f| f.id.as_str()).collect();
    assert_eq!(ids.len(), all.len());
    for fault in &all {
        assert!(fault.id.as_str().starts_with("DMP-F-"));
        assert!(!fault.operations.is_empty(), "{}", fault.id);
        assert!(
            fault.text.fr.ends_with('.') && fault.text.en.ends_with('.'),
            "{}",
            fault.id
        );
    }
}

#[test]
fn every_fault_plays_on_every_operation_it_names() {
    let mut naturals: BTreeMap<String, Told> = BTreeMap::new();
    for fault in crate::faults() {
        let id = fault.id.as_str();
        let with = match id {
            "DMP-F-HUGE" => json!({ "megabytes": 1 }),
            "DMP-F-XML-DEEP" => json!({ "depth": 300 }),
            _ => json!({}),
        };
        for operation in &fault.operations {
            let natural = naturals.entry(operation.clone()).or_insert_with(|| {
                let (dmp, request) = request(operation);
                dmp.send(request)
            });
            let (dmp, request) = request(operation);
            dmp.fault(id, &with);
            let incoming = Incoming {
                exchange: ExchangeId(2),
                ..request
            };
            let classified = dmp.service.classify(&incoming);
            assert_eq!(&classified.operation, operation);
            let reply = dmp.service.answer(&incoming, &classified);
            let told = reply.fault.as_ref().map(FaultId::as_str);
            assert_eq!(told, Some(id), "{operation} {}", reply.outcome);
            assert!(!reply.outcome.is_empty(), "{id} {operation}");
            let same = reply.delivery == natural.reply.delivery
                && reply.status == natural.reply.status
                && reply.headers == natural.reply.headers
                && reply.joined().body == natural.body;
            assert!(!same, "{id} changes nothing on {operation}");
        }
    }
}

#[test]
fn faults_said_instead_of_the_work_leave_nothing_behind() {
    for (id, outcome) in [
        ("DMP-F-INVALID-CERTIFICATE", "fault:DMPInvalidCertificate"),
        (
            "DMP-F-MISSING-ADDRESSING",
            "fault:MessageAddressingHeaderRequired",
        ),
        ("DMP-F-ACCESS-DENIED", "fault:MOCK_DMPAccessDenied"),
        ("DMP-F-RECEIVER", "fault:Receiver"),
        ("DMP-F-NO-SUBCODE", "fault:Sender"),
        ("DMP-F-REPOSITORY-BUSY", "failure:XDSRepositoryBusy"),
        ("DMP-F-DUPLICATE", "failure:XDSDuplicateUniqueIdInRegistry"),
        ("DMP-F-UNKNOWN-PATIENT", "failure:XDSUnknownPatientId"),
        ("DMP-F-SEVERAL-ERRORS", "failure:XDSRepositoryError"),
        ("DMP-F-REGISTRY-ERROR", "failure:XDSRegistryError"),
        ("DMP-F-HTTP-503", "http_503"),
        ("DMP-F-SILENCE", "silent"),
        ("DMP-F-RESET", "reset"),
    ] {
        let (dmp, request) = request("td2.1");
        dmp.fault(id, &json!({}));
        let classified = dmp.service.classify(&request);
        let reply = dmp.service.answer(&request, &classified);
        assert_eq!(reply.outcome, outcome, "{id}");
        assert!(
            dmp.service
                .state()
                .registry
                .document("2.25.200.1")
                .is_none(),
            "{id}"
        );
    }
}

#[test]
fn lost_answers_leave_the_work_done() {
    for (id, delivery, status) in [
        ("DMP-F-ANSWER-LOST", Delivery::Reset, 200),
        ("DMP-F-ANSWER-LOST-SILENT", Delivery::Silent, 200),
        ("DMP-F-ANSWER-LOST-502", Delivery::Plain, 502),
    ] {
        let (dmp, told) = played("td2.1", id, &json!({}));
        assert_eq!(told.reply.delivery, delivery);
        assert_eq!((told.reply.status, told.outcome()), (status, "lost"));
        assert!(
            dmp.service
                .state()
                .registry
                .document("2.25.200.1")
                .is_some(),
            "{id}"
        );
        dmp.clear();
        let again = dmp.send(Lot::new("1").request(&vihf("INDIRECTE", ADRUN)));
        assert_eq!(again.outcome(), "failure:XDSDuplicateUniqueIdInRegistry");
    }
}

#[test]
fn the_existence_test_says_what_a_fault_asks() {
    for (id, with, outcome, part) in [
        ("DMP-F-NF", json!({}), "nf", "code=\"NF\""),
        (
            "DMP-F-TERMINATED",
            json!({ "motif": "AUTRE_MOTIF" }),
            "ferme",
            "AUTRE_MOTIF",
        ),
        (
            "DMP-F-AUTORISATION",
            json!({ "code": "INTERDIT" }),
            "actif",
            "code=\"INTERDIT\"",
        ),
        (
            "DMP-F-TRAITS",
            json!({ "nom": "DUPLAND" }),
            "actif",
            ">DUPLAND<",
        ),
        (
            "DMP-F-ACK-ERROR",
            json!({ "code": "DMPFound" }),
            "ack:DMPFound",
            "typeCode=\"AE\"",
        ),
        (
            "DMP-F-EXISTENCE-OTHER-PATIENT",
            json!({}),
            "actif",
            ADRDEUX.0,
        ),
    ] {
        let (_, told) = played("td0.2", id, &with);
        assert_eq!(told.outcome(), outcome, "{id}");
        assert!(told.xml.contains(part), "{id}: {}", told.xml);
    }
}

#[test]
fn renumbered_entries_are_found_again() {
    let (dmp, told) = played("td3.3c", "DMP-F-UNRESOLVED", &json!({}));
    assert_eq!(told.outcome(), "failure:UnresolvedReferenceException");
    dmp.clear();
    let indirecte = vihf("INDIRECTE", ADRUN);
    let new = dmp
        .send(reference(&indirecte, "2.25.200.9"))
        .attributes("ObjectRef", "id")
        .remove(0);
    let told = dmp.send(status(
        &indirecte,
        &new,
        crate::names::APPROVED,
        crate::names::DELETED,
    ));
    assert_eq!(told.outcome(), "success");
}

#[test]
fn packages_go_wrong_as_said() {
    let good = {
        let (_, told) = played("td3.2", "DMP-F-CHUNKED", &json!({}));
        told.documents()
    };
    let (_, changed) = played("td3.2", "DMP-F-HASH-CHANGED", &json!({}));
    assert_ne!(changed.documents(), good);
    let (_, other) = played("td3.2", "DMP-F-OTHER-PATIENT", &json!({}));
    assert!(String::from_utf8_lossy(&other.documents()[0]).contains(ADRDEUX.0));
    let (_, unusual) = played("td3.2", "DMP-F-MTOM-UNUSUAL", &json!({}));
    assert_eq!(unusual.documents(), good);
    assert!(!unusual.body.starts_with(b"--"));
    let (_, missing) = played("td3.2", "DMP-F-MTOM-PART-MISSING", &json!({}));
    assert_eq!(missing.documents().len(), 0);
    let (_, inline) = played("td3.2", "DMP-F-MTOM-INLINE", &json!({}));
    assert!(!inline.xml.contains("Include"));
    let (_, fault) = played("td3.2", "DMP-F-MTOM-FAULT", &json!({}));
    assert!(fault.xml.contains("soap:Fault") && fault.content_type().starts_with("multipart/"));
    let (_, partial) = played("td3.2", "DMP-F-PARTIAL-SUCCESS", &json!({}));
    assert_eq!(partial.outcome(), "partial:XDSRepositoryError");
    for id in [
        "DMP-F-MTOM-CUT",
        "DMP-F-MTOM-BOUNDARY",
        "DMP-F-MTOM-PART-TWICE",
    ] {
        let (dmp, request) = request("td3.2");
        dmp.fault(id, &json!({}));
        let classified = dmp.service.classify(&request);
        let reply = dmp.service.answer(&request, &classified).joined();
        assert!(
            mtom::read(&reply.headers[0].1, &reply.body).is_err(),
            "{id}"
        );
    }
    for id in ["DMP-F-MTOM-CID", "DMP-F-MTOM-CYCLE"] {
        let (dmp, request) = request("td3.2");
        dmp.fault(id, &json!({}));
        let classified = dmp.service.classify(&request);
        let reply = dmp.service.answer(&request, &classified).joined();
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        let href = text
            .split("href=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .to_owned();
        let package = mtom::read(&reply.headers[0].1, &reply.body).unwrap();
        let meant = package.rank(&href);
        assert!(meant.is_none() || meant == Some(package.root), "{id}");
    }
}

#[test]
fn addressing_and_clock() {
    let (_, wrong) = played("td2.1", "DMP-F-RELATES-TO", &json!({}));
    assert!(wrong.xml.contains("00000000d1a9"));
    let (_, missing) = played("td2.1", "DMP-F-RELATES-TO-MISSING", &json!({}));
    assert!(!missing.xml.contains("RelatesTo"));
    let (_, other) = played("td2.1", "DMP-F-OTHER-BODY", &json!({}));
    assert!(other.xml.contains("setAuthorizationResponse") && other.xml.contains("000000000004"));
    let (_, clock) = played("td2.1", "DMP-F-CLOCK", &json!({ "seconds": 600 }));
    assert_eq!(clock.outcome(), "fault:MOCK_VihfPeriod");
    let date = clock
        .reply
        .headers
        .iter()
        .find(|(n, _)| n == "Date")
        .unwrap();
    assert_eq!(date.1, "Thu, 15 Jan 2026 09:10:00 GMT");
    let (_, quiet) = played("td2.1", "DMP-F-SILENCE", &json!({ "seconds": 2 }));
    assert_eq!(quiet.reply.delivery, Delivery::Quiet(2_000));
}

#[test]
fn a_fault_that_has_nothing_to_bite_on_is_not_told() {
    let (dmp, request) = request("td3.2");
    dmp.fault("DMP-F-MTOM-CUT", &json!({}));
    let unknown = retrieve(&air(), &["2.25.999"]);
    let classified = dmp.service.classify(&unknown);
    let reply = dmp.service.answer(&unknown, &classified);
    assert_eq!(reply.fault, None);
    assert_eq!(reply.outcome, "failure:XDSDocumentUniqueIdError");
    drop(request);
}

#[test]
fn arms_that_are_not_right_are_refused() {
    let dmp = Dmp::new();
    let try_arm = |arm: Value| {
        let arm: Arm = serde_json::from_value(arm).unwrap();
        arm_service(&dmp.service, &arm).map_err(|e| e.to_string())
    };
    assert!(try_arm(json!({ "fault": { "id": "DMP-F-INCONNUE" } })).is_err());
    assert!(
        try_arm(json!({ "fault": { "id": "DMP-F-SLOW", "with": { "milis": 3 } } }))
            .unwrap_err()
            .contains("millis")
    );
    assert!(
        try_arm(json!({ "fault": { "id": "DMP-F-SLOW", "with": { "millis": "3" } } })).is_err()
    );
    assert!(
        try_arm(json!({ "fault": { "id": "DMP-F-HTTP-503", "with": { "status": 99 } } })).is_err()
    );
    assert!(
        try_arm(json!({ "fault": { "id": "DMP-F-HUGE", "with": { "megabytes": 900 } } })).is_err()
    );
    assert_eq!(
        try_arm(json!({ "fault": { "id": "INSI-F-CR-01" } })),
        Ok(false)
    );
    assert_eq!(
        try_arm(json!({ "fault": { "id": "X-F-TLS-EXPIRED" } })),
        Ok(false)
    );
    assert_eq!(
        try_arm(json!({ "fault": { "id": "X-F-TLS-EXPIRED", "with": { "service": "insi" } } })),
        Ok(false)
    );
    assert_eq!(
        try_arm(json!({ "fault": { "id": "X-F-TLS-EXPIRED", "with": { "service": "dmp" } } })),
        Ok(true)
    );
    assert_eq!(try_arm(json!({ "advance": 3 })), Ok(false));
    assert!(try_arm(json!({ "dmp": { "persona": "personne" } })).is_err());
    assert!(try_arm(json!({ "dmp": { "persona": "inconnu" } })).is_err());
    assert!(
        try_arm(json!({ "dmp": { "persona": "p01-adrun", "traits": { "nomm": "X" } } })).is_err()
    );
    assert!(try_arm(json!({ "persona": { "id": "p01-adrun", "patch": { "id": "x" } } })).is_err());
}

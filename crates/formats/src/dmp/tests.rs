//! Requests of each transaction, their facts, and what a careless or hostile sender makes of them.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;

use base64::Engine as _;
use diapason_core::exchange::Exchange;
use diapason_core::{DocumentKind, ExchangeId, Service, Sha256Hex, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::http::Request;
use crate::mtom::{Attachment, Layout, write};
use crate::soap::{SAML, SOAP12, WSA, WSSE};
use crate::xds::{LCM, QUERY, RIM, XDSB, code, scheme};

const INS: &str = "275126322074974^^^&amp;1.2.250.1.213.1.4.10&amp;ISO^NH";
const MESSAGE_ID: &str = "urn:uuid:6f3d0a38-9a5a-4d0c-8f0e-0c7f1b2a3d02";
const CDA: &str =
    "<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><title>Été</title></ClinicalDocument>";

fn envelope(action: &str, header: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s='{SOAP12}' xmlns:a='{WSA}'><s:Header><a:MessageID>{MESSAGE_ID}</a:MessageID><a:To/><a:Action>{action}</a:Action>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}

fn vihf(ins: &str) -> String {
    format!(
        "<w:Security xmlns:w='{WSSE}'><t:Assertion xmlns:t='{SAML}' ID='_1'><t:AttributeStatement><t:Attribute Name='VIHF_Version'><t:AttributeValue>3.0</t:AttributeValue></t:Attribute><t:Attribute Name='urn:oasis:names:tc:xacml:2.0:resource:resource-id'><t:AttributeValue>{ins}</t:AttributeValue></t:Attribute></t:AttributeStatement></t:Assertion></w:Security>"
    )
}

fn read(body: &str) -> Message<'_> {
    Message::read(Some("application/soap+xml"), body.as_bytes()).unwrap()
}

fn hl7(name: &str, reason: &str) -> String {
    format!(
        "<{name} xmlns='{HL7}'><id root='2.25.1' extension='u'/><creationTime value='20260115085930'/><interactionId root='2.16.840.1.113883.1.6' extension='{name}'/><processingCode code='D'/><receiver><device><id root='{DEVICE}'/></device></receiver><sender><device><id root='2.25.2'/><softwareName>DUI</softwareName></device></sender><controlActProcess><reasonCode code='{reason}' codeSystem='1.2.250.1.213.1.1.4.11'/><queryByParameter><queryId root='2.25.1' extension='q'/><parameterList><patientIdentifier><value root='1.2.250.1.213.1.4.10' extension='275126322074974'/></patientIdentifier></parameterList></queryByParameter></controlActProcess></{name}>"
    )
}

fn submit(content: &str) -> String {
    format!(
        "<l:SubmitObjectsRequest xmlns:l='{LCM}' xmlns:r='{RIM}'><r:RegistryObjectList>{content}</r:RegistryObjectList></l:SubmitObjectsRequest>"
    )
}

fn status(from: &str, to: &str) -> String {
    let slot = |name: &str, value: &str| {
        format!(
            "<r:Slot name='{name}'><r:ValueList><r:Value>{value}</r:Value></r:ValueList></r:Slot>"
        )
    };
    submit(&format!(
        "<r:RegistryPackage id='L'><r:Classification classificationNode='{}'/></r:RegistryPackage><r:Association associationType='{}' sourceObject='L' targetObject='urn:uuid:x'>{}{}</r:Association>",
        scheme::SUBMISSION_SET,
        code::UPDATE_STATUS,
        slot("OriginalStatus", from),
        slot("NewStatus", to)
    ))
}

fn query(return_type: &str) -> String {
    format!(
        "<q:AdhocQueryRequest xmlns:q='{QUERY}' xmlns:r='{RIM}'><q:ResponseOption returnType='{return_type}'/><r:AdhocQuery id='urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d'><r:Slot name='$XDSDocumentEntryPatientId'><r:ValueList><r:Value>'{INS}'</r:Value></r:ValueList></r:Slot></r:AdhocQuery></q:AdhocQueryRequest>"
    )
}

/// A submission: entries `(id, is it the signature)`, and the content of each `Document`.
fn provide(entries: &[(&str, bool)], documents: &[(&str, String)]) -> String {
    let mut objects = format!(
        "<r:RegistryPackage id='L'><r:Classification classificationNode='{}'/><r:ExternalIdentifier identificationScheme='{}' value='{INS}'/><r:ExternalIdentifier identificationScheme='{}' value='2.25.9'/></r:RegistryPackage>",
        scheme::SUBMISSION_SET,
        scheme::SUBMISSION_SET_PATIENT,
        scheme::SUBMISSION_SET_UNIQUE
    );
    for (id, signature) in entries {
        let (class, kind) = if *signature {
            (code::SIGNATURE_CLASS, code::SIGNATURE_TYPE)
        } else {
            ("44", "80788-3")
        };
        let _ = write!(
            objects,
            "<r:ExtrinsicObject id='{id}' mimeType='text/xml'><r:Classification classificationScheme='{}' nodeRepresentation='{class}'/><r:Classification classificationScheme='{}' nodeRepresentation='{kind}'/></r:ExtrinsicObject>",
            scheme::CLASS,
            scheme::TYPE
        );
    }
    let mut text = format!(
        "<x:ProvideAndRegisterDocumentSetRequest xmlns:x='{XDSB}'>{}",
        submit(&objects)
    );
    for (id, content) in documents {
        let _ = write!(text, "<x:Document id='{id}'>{content}</x:Document>");
    }
    text + "</x:ProvideAndRegisterDocumentSetRequest>"
}

fn include(href: &str) -> String {
    format!("<i:Include xmlns:i='http://www.w3.org/2004/08/xop/include' href='{href}'/>")
}

const FEED: &str = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b";

/// A submission of a document and its signature, as a package.
fn package(documents: &[(&str, String)], parts: &[(&str, &[u8])]) -> crate::mtom::Written {
    let body = provide(&[("Document01", false), ("Signature01", true)], documents);
    let attachments: Vec<Attachment<'_>> = parts
        .iter()
        .map(|(content_id, bytes)| Attachment {
            content_id,
            content_type: "text/xml",
            bytes,
        })
        .collect();
    write(
        &envelope(FEED, &vihf(INS), &body),
        &attachments,
        &Layout::default(),
    )
}

fn usual() -> crate::mtom::Written {
    package(
        &[
            ("Document01", include("cid:d1@x")),
            ("Signature01", include("cid:s1%40x")),
        ],
        &[("d1@x", CDA.as_bytes()), ("s1@x", b"<Signature/>")],
    )
}

#[test]
fn each_body_is_its_transaction() {
    let entry = submit("<r:ExtrinsicObject id='D'/>");
    let bodies = [
        (hl7("PRPA_IN201307UV02", "TEST_EXST"), "td0.2"),
        (hl7("PRPA_IN201307UV02", "CNSLT_DATA"), "td1.3a"),
        (hl7("PRPA_IN201305UV02", ""), "td0.5"),
        (hl7("PRPA_IN201311UV02", "CREA_RD"), "td1.1"),
        (hl7("PRPA_IN201314UV02", "REAC"), "td1.2"),
        (hl7("PRPA_IN201314UV02", "MODIF_DATA"), "td1.3b"),
        (hl7("PRPA_IN201314UV02", "FERM"), "td1.4"),
        (
            format!(
                "<setAuthorization xmlns='{HABILITATIONS}'><action> AJOUT </action><role>MEDECIN_TRAITANT</role></setAuthorization>"
            ),
            "td0.3",
        ),
        (
            format!("<listAuthorizationByPatient xmlns='{HABILITATIONS}'/>"),
            "td1.6",
        ),
        (format!("<patientList xmlns='{PATIENTS}'/>"), "td0.4"),
        (format!("<patientOTPUpdate xmlns='{PATIENTS}'/>"), "td1.5"),
        (provide(&[], &[]), "td2.1"),
        (query("LeafClass"), "td3.1a"),
        (query("ObjectRef"), "td3.1b"),
        (
            format!("<x:RetrieveDocumentSetRequest xmlns:x='{XDSB}'/>"),
            "td3.2",
        ),
        (entry, "td3.3ab"),
        (status(code::APPROVED, code::DELETED), "td3.3c"),
        (status(code::APPROVED, code::ARCHIVED), "td3.3d"),
        (status(code::ARCHIVED, code::APPROVED), "td3.3d"),
        ("<setAuthorization/>".to_owned(), "unknown"),
        (String::new(), "unknown"),
    ];
    for (body, expected) in bodies {
        let text = envelope("urn:x", "", &body);
        let message = read(&text);
        assert_eq!(message.operation().as_str(), expected, "{body}");
        assert_eq!(is_dmp(&message.tree), expected != "unknown", "{body}");
        // The body alone, without its envelope.
        if !body.is_empty() {
            let alone = read(&body);
            assert_eq!(alone.operation().as_str(), expected);
            assert_eq!(is_dmp(&alone.tree), expected != "unknown", "{body}");
        }
    }
    for operation in Operation::ALL {
        let told = operation.action().is_some();
        assert_eq!(told, operation.answer_action().is_some(), "{operation}");
    }
    let text = envelope("urn:x", "", &hl7("PRPA_IN201307UV02", "TEST_EXST"));
    let message = read(&text);
    let existence = message.existence().unwrap();
    assert_eq!(existence.receiver.as_ref().unwrap().root, DEVICE);
    assert_eq!(
        existence.query_id.as_ref().unwrap().extension.as_deref(),
        Some("q")
    );
    assert_eq!(
        (existence.patients, existence.software.as_deref()),
        (1, Some("DUI"))
    );
}

#[test]
fn another_service_is_left_alone() {
    let insi = envelope(
        "urn:ServiceIdentiteCertifiee:1.0.0:rechercherInsAvecTraitsIdentite",
        &format!(
            "<w:Security xmlns:w='{WSSE}'><t:Assertion xmlns:t='{SAML}'><t:AttributeStatement><t:Attribute Name='urn:oasis:names:tc:xspa:1.0:subject:subject-id'/></t:AttributeStatement></t:Assertion></w:Security>"
        ),
        "<RECSANSVITALE xmlns='http://www.cnamts.fr/INSiRecSans'/>",
    );
    assert!(!is_dmp(&read(&insi).tree));
    assert!(!is_dmp(&read("<a/>").tree));
    for (action, header) in [
        ("urn:x", vihf(INS)),
        (FEED, String::new()),
        ("urn:si-dmp-patients:x", String::new()),
    ] {
        assert!(
            is_dmp(&read(&envelope(action, &header, "<odd/>")).tree),
            "{action}"
        );
    }
}

#[test]
fn the_person_is_told_by_the_body_then_by_the_assertion() {
    let other = "188102B17295165^^^&amp;1.2.250.1.213.1.4.8&amp;ISO^NH";
    let person = |body: &str| read(&envelope("x", &vihf(other), body)).ins();
    let by_body = Some((
        "275126322074974".to_owned(),
        "1.2.250.1.213.1.4.10".to_owned(),
    ));
    assert_eq!(person(&hl7("PRPA_IN201307UV02", "TEST_EXST")), by_body);
    assert_eq!(person(&query("LeafClass")), by_body);
    assert_eq!(person(&provide(&[], &[])), by_body);
    let by_assertion = Some((
        "188102B17295165".to_owned(),
        "1.2.250.1.213.1.4.8".to_owned(),
    ));
    assert_eq!(person(&status(code::APPROVED, code::DELETED)), by_assertion);
    assert_eq!(read(&envelope("x", "", "<a/>")).ins(), None);
}

#[test]
fn a_submission_gives_its_documents_and_its_signature_apart() {
    let written = usual();
    let message = Message::read(Some(&written.content_type), &written.body).unwrap();
    assert!(message.has_lot());
    assert_eq!(
        message.documents(),
        [("Document01".to_owned(), CDA.as_bytes())]
    );
    assert_eq!(message.signature().unwrap().1, b"<Signature/>");
    assert!(message.problems().is_empty(), "{:?}", message.problems());
    // Not copied: the bytes are those of the body.
    let range = written.body.as_ptr_range();
    assert!(range.contains(&message.documents()[0].1.as_ptr()));
    assert_eq!(message.leftover_parts(), [0_usize; 0]);
    // The same package without its HTTP head.
    let bare = Message::read(None, &written.body).unwrap();
    assert_eq!(bare.documents().len(), 1);
    assert!(bare.package.unwrap().guessed);
}

#[test]
fn a_missing_a_repeated_and_a_left_over_part_are_said() {
    let written = package(
        &[
            ("Document01", include("cid:nowhere@x")),
            ("Signature01", include("cid:s1@x")),
            ("Document02", include("cid:s1@x")),
        ],
        &[("d1@x", CDA.as_bytes()), ("s1@x", b"<Signature/>")],
    );
    let message = Message::read(Some(&written.content_type), &written.body).unwrap();
    assert_eq!(message.leftover_parts(), [1]);
    let said = message.problems().join("; ");
    for expected in [
        "aucune partie pour « cid:nowhere@x »",
        "deux inclusions désignent « cid:s1@x »",
        "la partie 2 (« d1@x ») n'est désignée par aucune",
        "document « Document01 » : aucune partie",
    ] {
        assert!(said.contains(expected), "{said}");
    }
    assert_eq!(message.attached()[0].content, None);
    assert_eq!(message.documents().len(), 1);
    // A part that stands twice, under one name.
    let mut twice = usual();
    let text = String::from_utf8(twice.body).unwrap();
    twice.body = text.replace("<s1@x>", "<d1@x>").into_bytes();
    let error = Message::read(Some(&twice.content_type), &twice.body).unwrap_err();
    assert!(error.to_string().contains("le même Content-ID"), "{error}");
}

#[test]
fn inclusions_that_go_round_are_refused() {
    let round = |parts: &[(&str, &str)], first: &str| {
        let body = provide(&[("D", false)], &[("D", include(first))]);
        let attachments: Vec<Attachment<'_>> = parts
            .iter()
            .map(|(content_id, content)| Attachment {
                content_id,
                content_type: "application/xop+xml",
                bytes: content.as_bytes(),
            })
            .collect();
        let written = write(&envelope(FEED, "", &body), &attachments, &Layout::default());
        Message::read(Some(&written.content_type), &written.body).map(|_| ())
    };
    let inside = |href: &str| format!("<a>{}</a>", include(href));
    let error = round(&[], "cid:root.message@cxf.apache.org").unwrap_err();
    assert!(error.to_string().contains("tourne en rond"), "{error}");
    assert!(round(&[("a@x", &inside("cid:a@x"))], "cid:a@x").is_err());
    let (a, b, c) = (inside("cid:b@x"), inside("cid:c@x"), inside("cid:a@x"));
    assert!(round(&[("a@x", &a), ("b@x", &b), ("c@x", &c)], "cid:a@x").is_err());
    let back = inside("cid:root.message@cxf.apache.org");
    assert!(round(&[("a@x", &a), ("b@x", &back)], "cid:a@x").is_err());
    // Two ways to one part are no circle.
    let both = format!("<a>{}{}</a>", include("cid:b@x"), include("cid:c@x"));
    assert!(round(&[("a@x", &both), ("b@x", &b), ("c@x", "<c/>")], "cid:a@x").is_ok());
}

#[test]
fn base64_that_lies_is_said_and_gives_no_document() {
    let encoded = base64::engine::general_purpose::STANDARD.encode(CDA);
    let broken = format!("{}\n {}", &encoded[..40], &encoded[40..]);
    let inline = |content: &str| {
        let body = provide(&[("D", false)], &[("D", content.to_owned())]);
        envelope(FEED, "", &body)
    };
    let text = inline(&broken);
    let message = read(&text);
    assert!(message.attached()[0].inline);
    assert_eq!(message.documents(), [("D".to_owned(), CDA.as_bytes())]);
    for (content, expected) in [
        (&encoded[..41], "longueur de 41 caractères"),
        ("QUJD=", "caractère 4 est « = »"),
        ("QUI=QUI=", "caractère 3 est « = »"),
        ("QUJ", "remplissage"),
        ("QUJ=====", "caractère"),
        ("Q\u{e9}==", "caractère 1"),
        ("QR==", "dernier caractère"),
        ("", "vide"),
        (" \n ", "vide"),
    ] {
        let text = inline(content);
        let message = read(&text);
        let problem = message.attached()[0].problem.clone().unwrap_or_default();
        assert!(problem.contains(expected), "{content}: {problem}");
        assert!(message.documents().is_empty(), "{content}");
    }
    // A part in base64, where MTOM wants the bytes.
    let written = usual();
    let text = String::from_utf8(written.body).unwrap();
    let coded = text
        .replace(CDA, &encoded)
        .replace("Encoding: binary", "Encoding: BASE64");
    let error = Message::read(Some(&written.content_type), coded.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("partie racine"), "{error}");
    let at = text.find("Content-ID: <d1@x>").unwrap();
    let start = text[..at].rfind("binary").unwrap();
    let one = format!("{}base64{}", &text[..start], &text[start + 6..]).replace(CDA, &encoded);
    let message = Message::read(Some(&written.content_type), one.as_bytes()).unwrap();
    assert_eq!(message.documents()[0].1, CDA.as_bytes());
    let lying = one.replace(&encoded, &encoded[..31]);
    let message = Message::read(Some(&written.content_type), lying.as_bytes()).unwrap();
    assert!(message.documents().is_empty());
    assert!(
        message.problems()[0].contains("base64"),
        "{:?}",
        message.problems()
    );
}

#[test]
fn odd_documents_are_said() {
    let body = provide(
        &[],
        &[
            ("A", format!("text{}", include("cid:a"))),
            ("B", "<ClinicalDocument/>".to_owned()),
            ("C", include("cid:a").repeat(2)),
        ],
    );
    let text = envelope(FEED, "", &body);
    let message = read(&text);
    let said: Vec<String> = message
        .attached()
        .iter()
        .filter_map(|a| a.problem.clone())
        .collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].contains("n'est pas un paquet MTOM"), "{said:?}");
    assert!(said[1].contains("à la place de xop:Include"), "{said:?}");
}

#[test]
fn illegal_and_strange_characters() {
    let named = |name: &str| {
        envelope(
            "x",
            "",
            &format!(
                "<l:SubmitObjectsRequest xmlns:l='{LCM}' xmlns:r='{RIM}'><r:RegistryObjectList><r:ExtrinsicObject id='D'><r:Name><r:LocalizedString value='{name}'/></r:Name></r:ExtrinsicObject></r:RegistryObjectList></l:SubmitObjectsRequest>"
            ),
        )
    };
    for name in [
        "Né à Y\u{2019}Ysœur",
        "\u{1f600}\u{202e}x",
        "e\u{301}",
        "名前",
        "&#x9;&#233;",
    ] {
        let text = named(name);
        let message = read(&text);
        let title = message.lot().unwrap().entries[0].title.clone().unwrap();
        assert!(!title.value.is_empty() && name.starts_with('&') == (title.value != name));
    }
    for name in [
        "\u{1}", "\u{0}", "\u{fffe}", "&#0;", "&#x1F;", "&#xFFFF;", "&eacute;",
    ] {
        let text = named(name);
        let error = Message::read(None, text.as_bytes()).unwrap_err();
        assert!(
            matches!(error, MessageError::Envelope(_)),
            "{name:?}: {error}"
        );
    }
    let latin1 = named("NOM").replace("NOM", "\u{1}").into_bytes();
    let latin1: Vec<u8> = latin1
        .into_iter()
        .map(|b| if b == 1 { 0xE9 } else { b })
        .collect();
    assert!(matches!(
        Message::read(None, &latin1),
        Err(MessageError::Envelope(_))
    ));
    let dtd = format!("<!DOCTYPE s [<!ENTITY a 'b'>]>{}", named("x"));
    assert!(matches!(
        Message::read(None, dtd.as_bytes()),
        Err(MessageError::Envelope(_))
    ));
}

#[test]
fn a_lot_of_ten_thousand_documents_is_read_in_time() {
    let started = std::time::Instant::now();
    let ids: Vec<String> = (0..10_000).map(|n| format!("D{n}")).collect();
    let entries: Vec<(&str, bool)> = ids.iter().map(|id| (id.as_str(), false)).collect();
    let documents: Vec<(&str, String)> = ids
        .iter()
        .map(|id| (id.as_str(), "QUJD".to_owned()))
        .collect();
    let text = envelope(FEED, &vihf(INS), &provide(&entries, &documents));
    let message = read(&text);
    assert_eq!(message.documents().len(), 10_000);
    let facts = facts_of(&text, "application/soap+xml");
    assert_eq!(facts["lot"]["entry_count"], 10_000);
    assert_eq!(facts["lot"]["entries"].as_array().unwrap().len(), 500);
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

#[test]
fn a_crowd_of_inclusions_is_read_in_time() {
    let started = std::time::Instant::now();
    let names: Vec<String> = (0..900).map(|n| format!("part-{n:06}@x")).collect();
    let attachments: Vec<Attachment<'_>> = names
        .iter()
        .map(|content_id| Attachment {
            content_id,
            content_type: "text/xml",
            bytes: b"<a/>",
        })
        .collect();
    let documents: Vec<(&str, String)> = (0..60_000)
        .map(|_| ("D", include("cid:part-000899@y")))
        .collect();
    let many = format!("<w:Security xmlns:w='{WSSE}'/>").repeat(60_000);
    let text = envelope(FEED, &many, &provide(&[("D", false)], &documents));
    let written = write(&text, &attachments, &Layout::default());
    let message = Message::read(Some(&written.content_type), &written.body).unwrap();
    assert_eq!(message.includes().len(), 60_000);
    assert_eq!(message.problems().len(), MOST_PROBLEMS);
    assert_eq!(message.assertion(), None);
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

fn exchange(listener: &str) -> Exchange {
    Exchange {
        id: ExchangeId(1),
        service: Service::Dmp,
        listener: listener.to_owned(),
        operation: "td0.9".to_owned(),
        connection: 1,
        peer: "127.0.0.1:1".to_owned(),
        tls: None,
        request: Sha256Hex::of(b""),
        request_len: 0,
        received_at: Timestamp::from_unix_millis(1_768_467_600_000),
        persona: None,
        presented: std::collections::BTreeMap::new(),
        malformed: None,
    }
}

fn facts_of(body: &str, content_type: &str) -> Value {
    let head = format!(
        "POST /si-dmp-server/v2/services/x HTTP/1.1\r\nContent-Type: {content_type}\r\n\r\n"
    );
    let bytes = [head.as_bytes(), body.as_bytes()].concat();
    facts(&exchange("tlsm"), &Request::parse(&bytes))
}

#[test]
fn facts_keep_their_contract() {
    let written = usual();
    let body = String::from_utf8(written.body).unwrap();
    let facts = facts_of(&body, &written.content_type);
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(facts["operation"], "td2.1");
    assert_eq!(facts["message_id_uuid"], true);
    assert_eq!(
        (&facts["to"], &facts["reply_to"]),
        (&json!(""), &Value::Null)
    );
    assert_eq!(
        (&facts["security_count"], &facts["assertion_count"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (&facts["ins"], &facts["ins_oid"]),
        (&json!("275126322074974"), &json!("1.2.250.1.213.1.4.10"))
    );
    assert_eq!(
        facts["mtom"],
        json!({"parts": 3, "inline": 0, "root_type": "application/xop+xml", "start": "root.message@cxf.apache.org", "problems": []})
    );
    assert_eq!(facts["vihf"]["version"], "3.0");
    assert_eq!(facts["lot"]["unique_id"], "2.25.9");
    assert_eq!(facts["lot"]["entries"][0]["signature"], false);
    assert_eq!(facts["lot"]["entries"][1]["signature"], true);
    assert_eq!(facts["lot"]["entries"][0]["type"], "80788-3");
    // Unreadable requests have every key too.
    let unread = facts_of("<s:Envelope", "application/soap+xml");
    let (mut all, mut of_unread) = (keys(&facts), keys(&unread));
    all.sort();
    of_unread.sort();
    assert_eq!(all, of_unread);
    assert_eq!(unread["well_formed"], false);
    assert!(unread["error"].is_string());
    let cut = facts_of(&body[..body.len() / 2], &written.content_type);
    assert!(
        cut["error"].as_str().unwrap().contains("délimiteur final"),
        "{cut}"
    );
}

#[test]
fn facts_of_the_other_transactions() {
    let of = |body: &str| facts_of(&envelope("x", &vihf(INS), body), "application/soap+xml");
    let existence = of(&hl7("PRPA_IN201307UV02", "TEST_EXST"));
    assert_eq!(existence["existence"]["reason"], "TEST_EXST");
    assert_eq!(existence["existence"]["query_id"], "2.25.1^q");
    assert_eq!(existence["existence"]["receiver"], DEVICE);
    let search = of(&query("ObjectRef"));
    assert_eq!(search["recherche"]["query"], "FindDocuments");
    assert_eq!(
        search["recherche"]["slots"]["$XDSDocumentEntryPatientId"],
        json!(["275126322074974^^^&1.2.250.1.213.1.4.10&ISO^NH"])
    );
    let deletion = of(&status(code::APPROVED, code::DELETED));
    assert_eq!(deletion["operation"], "td3.3c");
    assert_eq!(
        deletion["lot"]["associations"][0]["type"],
        "UpdateAvailabilityStatus"
    );
    assert_eq!(
        deletion["lot"]["associations"][0]["slots"]["NewStatus"],
        code::DELETED
    );
    let retrieve = of(&format!(
        "<x:RetrieveDocumentSetRequest xmlns:x='{XDSB}'><x:DocumentRequest><x:RepositoryUniqueId>{REPOSITORY}</x:RepositoryUniqueId><x:DocumentUniqueId>2.25.7</x:DocumentUniqueId></x:DocumentRequest></x:RetrieveDocumentSetRequest>"
    ));
    assert_eq!(
        retrieve["consultation"]["documents"],
        json!([{"unique_id": "2.25.7", "repository": REPOSITORY}])
    );
    let rights = of(&format!(
        "<setAuthorization xmlns='{HABILITATIONS}'><action>AJOUT</action></setAuthorization>"
    ));
    assert_eq!(
        rights["autorisation"],
        json!({"action": "AJOUT", "role": null})
    );
}

#[test]
fn facts_of_a_page() {
    let page = |target: &str| {
        let bytes = format!("GET {target} HTTP/1.1\r\n\r\n");
        facts(&exchange("web"), &Request::parse(bytes.as_bytes()))["page"].clone()
    };
    let seen = page("/AccesDirect/DossierPatient/275126322074974?nom=X");
    assert_eq!(
        (&seen["page"], &seen["ins"]),
        (&json!("DossierPatient"), &json!("275126322074974"))
    );
    assert_eq!(seen["query"], "nom=X");
    assert_eq!(page("/AccesDirect/TableauDeBord")["ins"], Value::Null);
    assert_eq!(page("/AccesDirect/")["page"], Value::Null);
    assert_eq!(page("/mon-espace-sante/x"), Value::Null);
}

/// Samples of the rules, by the beginning of their names: what each is, and its transaction.
const SAMPLES: &[(&str, DocumentKind, &str)] = &[
    ("td02", DocumentKind::SoapRequest, "td0.2"),
    ("td03", DocumentKind::SoapRequest, "td0.3"),
    ("td04", DocumentKind::SoapRequest, "td0.4"),
    ("td16", DocumentKind::SoapRequest, "td1.6"),
    ("td21", DocumentKind::SoapRequest, "td2.1"),
    ("td31a", DocumentKind::SoapRequest, "td3.1a"),
    ("td31b", DocumentKind::SoapRequest, "td3.1b"),
    ("td32", DocumentKind::SoapRequest, "td3.2"),
    ("td33ab", DocumentKind::SoapRequest, "td3.3ab"),
    ("td33c", DocumentKind::SoapRequest, "td3.3c"),
    ("metadata", DocumentKind::XdsMetadata, ""),
    ("signature", DocumentKind::LotSignature, ""),
    ("vihf-air", DocumentKind::SamlAssertion, ""),
    ("vihf-indirecte", DocumentKind::SamlAssertion, ""),
];

#[test]
fn the_samples_of_the_rules_are_what_they_are_called() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../profiles/samples/dmp");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        let Some((_, kind, operation)) = SAMPLES.iter().find(|(n, ..)| name.starts_with(n)) else {
            continue;
        };
        seen += 1;
        let bytes = std::fs::read(file.path()).unwrap();
        assert_eq!(
            crate::kind::detect(&bytes, None).unwrap().kind,
            *kind,
            "{name}"
        );
        let http = Request::parse(&bytes);
        let (content_type, body) = match http.malformed {
            None => (
                http.headers.get("content-type").map(String::as_str),
                &http.body,
            ),
            Some(_) => (None, &bytes),
        };
        if *kind == DocumentKind::XdsMetadata {
            let message = Message::read(None, body).unwrap();
            let lot = message.lot().unwrap();
            assert!(lot.problems.is_empty(), "{name}: {:?}", lot.problems);
        }
        if *kind != DocumentKind::SoapRequest {
            continue;
        }
        let message = Message::read(content_type, body).unwrap();
        assert_eq!(message.operation().as_str(), *operation, "{name}");
        assert!(is_dmp(&message.tree), "{name}");
        // Samples are kept with the line ends of text files; an envelope out of its package has no parts.
        let mut said = message.problems();
        said.retain(|p| message.package.is_some() && !p.contains("LF au lieu de CRLF"));
        assert!(said.is_empty(), "{name}: {said:?}");
        if let Some(lot) = message.lot() {
            assert!(lot.problems.is_empty(), "{name}: {:?}", lot.problems);
        }
        for parameter in message.query().iter().flat_map(|q| &q.parameters) {
            assert!(
                parameter.problems.is_empty(),
                "{name}: {:?}",
                parameter.problems
            );
        }
        if *operation != "td0.4" {
            assert!(message.ins().is_some(), "{name}");
        }
    }
    assert!(seen >= SAMPLES.len(), "{seen} samples");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Message::read(None, &bytes);
        let _ = Message::read(Some("multipart/related; boundary=a"), &bytes);
    }

    #[test]
    fn no_damage_makes_it_panic(at in any::<proptest::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let written = usual();
        let mut body = written.body;
        let rank = at.index(body.len());
        if cut {
            body.remove(rank);
        } else {
            body[rank] = byte;
        }
        if let Ok(message) = Message::read(Some(&written.content_type), &body) {
            let _ = (message.documents(), message.signature(), message.problems(), message.ins(), message.assertion());
        }
        let head = format!("POST /x HTTP/1.1\r\nContent-Type: {}\r\n\r\n", written.content_type);
        let _ = facts(&exchange("tlsm"), &Request::parse(&[head.as_bytes(), &body].concat()));
    }
}

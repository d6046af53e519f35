//! Facts and structure of whole messages, good and bad; answers written and read back.
#![allow(clippy::unwrap_used)]

use diapason_core::Timestamp;
use diapason_core::persona::draw;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::answer::{Erreur, Family};
use super::request::Content;
use super::*;
use crate::http::ContentType;

/// A good request by traits, as a DUI with a software certificate would send it.
fn good() -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<e:Envelope xmlns:e="{SOAP12}" xmlns:w="{WSA}" xmlns:bam="{CTXBAM}" xmlns:lps="{CTXLPS}">
 <e:Header>
  <bam:ContexteBAM Version="01_02" Nature="CTXBAM"><bam:Id>0e8c6c4e-5c3f-4ac9-9f06-2a4d4f6d2a01</bam:Id><bam:Temps>2026-01-15T09:00:00.000Z</bam:Temps><bam:Emetteur>10B0990001</bam:Emetteur><bam:COUVERTURE/></bam:ContexteBAM>
  <lps:ContexteLPS Version="01_00" Nature="CTXLPS"><lps:Id>0e8c6c4e-5c3f-4ac9-9f06-2a4d4f6d2a02</lps:Id><lps:Temps>2026-01-15T09:00:00.000Z</lps:Temps><lps:Emetteur>10B0990001</lps:Emetteur><lps:LPS><lps:IDAM R="4">DIA00PA00SO0</lps:IDAM><lps:Version>1.0</lps:Version><lps:Instance>0e8c6c4e-5c3f-4ac9-9f06-2a4d4f6d2a03</lps:Instance><lps:Nom>DUI</lps:Nom></lps:LPS></lps:ContexteLPS>
  <w:Action>urn:ServiceIdentiteCertifiee:1.0.0:rechercherInsAvecTraitsIdentite</w:Action>
  <w:MessageID>uuid:0e8c6c4e-5c3f-4ac9-9f06-2a4d4f6d2a04</w:MessageID>
 </e:Header>
 <e:Body><r:RECSANSVITALE xmlns:r="{RECSANS}"><r:NomNaissance>D'ARTAGNAN DE L'HERAULT</r:NomNaissance><r:Prenom>PIERRE-ALAIN</r:Prenom><r:Sexe>M</r:Sexe><r:DateNaissance>2001-06-17</r:DateNaissance></r:RECSANSVITALE></e:Body>
</e:Envelope>"#
    )
}

fn of(body: &str) -> Value {
    let at = Timestamp::try_from("2026-01-15T09:00:30Z".to_owned()).unwrap();
    facts(body.as_bytes(), None, at, None)
}

/// Facts of the good request with one replacement.
fn with(from: &str, to: &str) -> Value {
    let body = good();
    assert!(body.contains(from), "{from}");
    of(&body.replace(from, to))
}

#[test]
fn a_good_request_has_every_fact_and_no_problem() {
    let facts = of(&good());
    let expected = json!({
        "well_formed": true, "xml_error": null, "dtd": false, "soap_version": "1.2",
        "action_operation": "rechercherInsAvecTraitsIdentite", "message_id_uuid": true,
        "contexts_emetteur_equal": true, "emetteur_matches_ou": null, "security": null,
        "vitale": null,
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&facts[key], value, "{key}");
    }
    for context in ["bam", "lps"] {
        assert_eq!(facts[context]["problems"], json!([]));
        assert_eq!(facts[context]["temps_skew_s"], json!(-30));
        assert_eq!(facts[context]["temps_utc"], json!(true));
        assert_eq!(facts[context]["id_uuid"], json!(true));
        assert_eq!(facts[context]["count"], json!(1));
    }
    assert_eq!(facts["bam"]["couverture"]["empty"], json!(true));
    assert_eq!(
        facts["lps"]["idam"],
        json!({"value": "DIA00PA00SO0", "r": "4"})
    );
    assert_eq!(facts["body"]["order_ok"], json!(true));
    assert_eq!(facts["body"]["problems"], json!([]));
    let traits = &facts["traits"];
    assert_eq!(traits["prenom_form"], "one");
    assert_eq!(traits["nom_problems"], json!([]));
    assert_eq!(traits["date_valid"], json!(true));
    assert_eq!(traits["lieu_valid"], json!(true));
}

#[test]
fn attributes_of_the_envelope_and_of_ws_security_are_not_the_contract_s() {
    for (namespace, attribute) in [
        (SOAP12, "mustUnderstand"),
        (ns::WSU, "Id"),
        ("http://www.w3.org/2001/XMLSchema-instance", "type"),
    ] {
        let facts = with(
            "<bam:ContexteBAM ",
            &format!("<bam:ContexteBAM xmlns:x=\"{namespace}\" x:{attribute}=\"1\" "),
        );
        assert_eq!(facts["bam"]["problems"], json!([]), "{attribute}");
    }
    let facts = with(
        "<bam:ContexteBAM ",
        "<bam:ContexteBAM xmlns:x=\"urn:x\" x:Id=\"1\" ",
    );
    assert_eq!(
        facts["bam"]["problems"],
        json!(["ContexteBAM/@Id: not in the contract"])
    );
}

#[test]
fn departures_show_in_the_facts() {
    for (from, to, pointer, expected) in [
        (SOAP12, SOAP11, "/soap_version", json!("1.1")),
        (
            "<bam:COUVERTURE/>",
            "",
            "/bam/problems",
            json!(["ContexteBAM/COUVERTURE: missing"]),
        ),
        ("<bam:COUVERTURE/>", "", "/bam/couverture", json!(null)),
        (
            "Nature=\"CTXLPS\"",
            "Nature=\"X\"",
            "/lps/problems",
            json!(["ContexteLPS/@Nature: not CTXLPS"]),
        ),
        (
            " Version=\"01_00\"",
            "",
            "/lps/problems",
            json!(["ContexteLPS/@Version: missing"]),
        ),
        ("uuid:0e8c6c4e", "0e8c6c4e", "/message_id_uuid", json!(true)),
        (
            "uuid:0e8c6c4e-5c3f",
            "msg-1",
            "/message_id_uuid",
            json!(false),
        ),
        (
            "<bam:Emetteur>10B0990001",
            "<bam:Emetteur>10B0990002",
            "/contexts_emetteur_equal",
            json!(false),
        ),
        ("<r:Sexe>M</r:Sexe>", "", "/traits/sexe", json!(null)),
        (
            "<r:Sexe>M</r:Sexe>",
            "<r:Matricule>1</r:Matricule>",
            "/body/unknown_children",
            json!(["Matricule"]),
        ),
        (
            "2001-06-17",
            "2001-02-30",
            "/traits/date_valid",
            json!(false),
        ),
        (
            "2001-06-17",
            "2001-06-00",
            "/traits/date_lunar",
            json!(true),
        ),
        (
            "PIERRE-ALAIN",
            "PIERRE-ALAIN GUNTHER",
            "/traits/prenom_form",
            json!("joined"),
        ),
        (
            "</r:Prenom>",
            "</r:Prenom><r:Prenom>GUNTHER</r:Prenom>",
            "/traits/prenom_form",
            json!("several"),
        ),
        (
            "PIERRE-ALAIN",
            "Pierre-Alain",
            "/traits/prenom_problems",
            json!(["lower_case"]),
        ),
        (
            "</r:DateNaissance>",
            "</r:DateNaissance><r:LieuNaissance>6322</r:LieuNaissance>",
            "/traits/lieu_valid",
            json!(false),
        ),
        (
            "2026-01-15T09:00:00.000Z</bam",
            "2026-01-15T10:00:00+01:00</bam",
            "/bam/temps_utc",
            json!(false),
        ),
        ("<e:Body>", "<e:Body><x/>", "/body/count", json!(2)),
    ] {
        let facts = with(from, to);
        assert_eq!(
            facts.pointer(pointer),
            Some(&expected),
            "{from} -> {to}: {facts:#}"
        );
    }
    let swapped = with(
        "<r:Sexe>M</r:Sexe><r:DateNaissance>2001-06-17</r:DateNaissance>",
        "<r:DateNaissance>2001-06-17</r:DateNaissance><r:Sexe>M</r:Sexe>",
    );
    assert_eq!(swapped["body"]["order_ok"], json!(false));
    assert_eq!(
        swapped["body"]["problems"],
        json!(["RECSANSVITALE/Sexe: out of order"])
    );
}

#[test]
fn prefixes_never_matter() {
    let mut first = of(&good());
    let renamed = good()
        .replace("e:", "SOAP-ENV:")
        .replace("xmlns:e=", "xmlns:SOAP-ENV=")
        .replace("bam:", "x1:")
        .replace("urn:siram:x1:", "urn:siram:bam:")
        .replace("xmlns:bam=", "xmlns:x1=");
    let second = of(&renamed);
    assert_eq!(first["bam"], second["bam"]);
    first["bam"] = Value::Null;
    assert_eq!(second["traits"]["sexe"], "M");
}

#[test]
fn a_bomb_is_reported_and_not_expanded() {
    let facts = with(
        "<e:Envelope",
        "<!DOCTYPE e [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><e:Envelope",
    );
    assert_eq!(facts["dtd"], json!(true));
    assert_eq!(facts["traits"], Value::Null);
}

#[test]
fn bodies_that_are_not_requests_give_facts_too() {
    for (bytes, well_formed) in [
        (&b""[..], false),
        (b"{}", false),
        (b"<a>\xff\xfe</a>", false),
        (&good().as_bytes()[..900], false),
        (b"<html><body>no</body></html>", true),
        (
            b"<e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\"/>",
            true,
        ),
    ] {
        let at = Timestamp::from_unix_millis(0);
        let facts = facts(bytes, None, at, None);
        assert_eq!(facts["well_formed"], json!(well_formed));
        assert_eq!(facts["body"], Value::Null);
        assert_eq!(facts["xml_error"].is_null(), well_formed);
    }
    let deep = format!("<e>{}", "<a>".repeat(300_000));
    let facts = of(&deep);
    assert!(facts["xml_error"].as_str().unwrap().contains("nested"));
}

#[test]
fn the_action_of_the_content_type_is_compared() {
    let header = ContentType::parse(
        "application/soap+xml;charset=utf-8;action=\"urn:ServiceIdentiteCertifiee:1.0.0:rechercherInsAvecTraitsIdentite\"",
    );
    let at = Timestamp::from_unix_millis(0);
    let facts = facts(good().as_bytes(), Some(&header), at, None);
    assert_eq!(facts["content_type_action_equal"], json!(true));
    assert_eq!(of(&good())["content_type_action_equal"], Value::Null);
}

#[test]
fn a_card_search_and_a_verification_are_read() {
    let body = good();
    let start = body.find("<r:RECSANSVITALE").unwrap();
    let end = body.find("</e:Body>").unwrap();
    let card = format!(
        "<v:RECVITALE xmlns:v=\"{RECVIT}\"><v:MatriculeOD><v:NumIdentifiant>2751263220749</v:NumIdentifiant><v:Cle>74</v:Cle></v:MatriculeOD><v:NomNaissance>ADRUNFILS</v:NomNaissance><v:DateNaissance>2012-09-05</v:DateNaissance><v:RangNaissance>1</v:RangNaissance></v:RECVITALE>"
    );
    let vitale = format!("{}{card}{}", &body[..start], &body[end..])
        .replace("rechercherInsAvecTraitsIdentite", OP_VITALE)
        .replace(
            "<bam:COUVERTURE/>",
            "<bam:COUVERTURE><bam:ASSURE><bam:Id><bam:Num>2751263220749</bam:Num></bam:Id></bam:ASSURE><bam:BENEFICIAIRE><bam:DateNai>2012-09-05</bam:DateNai><bam:Rang>1</bam:Rang></bam:BENEFICIAIRE></bam:COUVERTURE>",
        );
    let read = of(&vitale);
    assert_eq!(read["vitale"]["matricule_od"]["numero"], "2751263220749");
    assert_eq!(read["vitale"]["rang"], "1");
    assert_eq!(
        read["bam"]["couverture"]["assure"]["numero"],
        "2751263220749"
    );
    assert_eq!(read["bam"]["problems"], json!([]));
    assert_eq!(
        Request::parse(vitale.as_bytes()).unwrap().operation(None),
        OP_VITALE
    );

    let check = "<q:Verif xmlns:q=\"urn:x\"><q:INSFourni><q:IdIndividu><q:NumIdentifiant>2751263220749</q:NumIdentifiant><q:Cle>74</q:Cle></q:IdIndividu><q:OID>1.2.250.1.213.1.4.8</q:OID></q:INSFourni><q:TraitsIdentiteIndividu><q:NomNaissance>ADRUN</q:NomNaissance><q:ListePrenom>ZOE</q:ListePrenom><q:Sexe>F</q:Sexe><q:DateNaissance>1975-12-31</q:DateNaissance></q:TraitsIdentiteIndividu></q:Verif>";
    let verification = format!("{}{check}{}", &body[..start], &body[end..])
        .replace("rechercherInsAvecTraitsIdentite", OP_VERIFICATION);
    let request = Request::parse(verification.as_bytes()).unwrap();
    assert_eq!(request.operation(None), OP_VERIFICATION);
    let Some(Content::Verification(query)) = request.body.map(|b| b.content) else {
        panic!("not read as a verification");
    };
    assert_eq!(query.oid.as_deref(), Some("1.2.250.1.213.1.4.8"));
    assert_eq!(query.traits.liste_prenom.as_deref(), Some("ZOE"));
}

#[test]
fn an_assertion_is_described() {
    let security = format!(
        r##"<s:Security xmlns:s="{WSSE}"><a:Assertion xmlns:a="{SAML}" Version="2.0" ID="_x" IssueInstant="2026-01-15T08:59:30Z"><a:Issuer Format="urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName">CN=899709900023</a:Issuer><d:Signature xmlns:d="{DSIG}"><d:SignedInfo><d:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><d:SignatureMethod Algorithm="sig"/><d:Reference URI="#_x"><d:Transforms><d:Transform Algorithm="t1"/><d:Transform Algorithm="t2"/></d:Transforms><d:DigestMethod Algorithm="dig"/></d:Reference></d:SignedInfo></d:Signature><a:Subject><a:NameID NameQualifier="CPS">899709900023</a:NameID></a:Subject><a:AttributeStatement><a:Attribute Name="identifiantFacturation"><a:AttributeValue>123456789</a:AttributeValue></a:Attribute></a:AttributeStatement></a:Assertion></s:Security></e:Header>"##
    );
    let facts = with("</e:Header>", &security);
    let assertion = &facts["security"]["assertions"][0];
    assert_eq!(assertion["age_s"], json!(60));
    assert_eq!(assertion["name_qualifier"], "CPS");
    assert_eq!(assertion["signature"]["position_ok"], json!(true));
    assert_eq!(assertion["signature"]["transforms"], json!(["t1", "t2"]));
    assert_eq!(
        assertion["attributes"]["identifiantFacturation"],
        "123456789"
    );
}

fn found(n: u32) -> Answer {
    Answer::found(Individu::of(&draw(3, n)).unwrap())
}

#[test]
fn every_style_reads_back_to_the_same_answer_and_is_valid() {
    for style in Style::ALL {
        assert_eq!(Style::from_word(style.as_str()), Some(style));
        for header in [
            writer::Header::None,
            writer::Header::Empty,
            writer::Header::Addressing {
                action: "a".to_owned(),
                message_id: "m".to_owned(),
                relates_to: "r".to_owned(),
            },
        ] {
            let envelope = Envelope {
                style,
                header,
                dates_first: false,
            };
            for answer in [found(1), Answer::nobody(), Answer::several()] {
                let message = Message::Resultat(answer);
                let bytes = write(&message, &envelope);
                assert_eq!(read(&bytes).unwrap(), message, "{style:?}");
                assert_eq!(answer_problems(&bytes), Vec::<String>::new(), "{style:?}");
            }
        }
    }
}

#[test]
fn the_validator_objects_to_what_the_contract_forbids() {
    let mut no_cr = found(1);
    no_cr.code = None;
    let mut bad_key = found(1);
    let mut bad_number = found(1);
    let mut empty_sex = found(1);
    let mut bad_date = found(1);
    let edit = |a: &mut Answer, f: &dyn Fn(&mut Individu)| f(a.individu.as_mut().unwrap());
    edit(&mut bad_key, &|i| i.actif.cle = Some("7".to_owned()));
    edit(&mut bad_number, &|i| {
        i.actif.numero = "27512632207490".to_owned();
    });
    edit(&mut empty_sex, &|i| i.tiq.sexe = Some(String::new()));
    edit(&mut bad_date, &|i| {
        i.actif.date_deb = Some("2019-00-00".to_owned());
    });
    for (answer, place) in [
        (no_cr, "RESULTAT/CR: missing"),
        (bad_key, "Cle: not two digits"),
        (bad_number, "NumIdentifiant: not 13 characters"),
        (empty_sex, "TIQ/Sexe: not one capital letter"),
        (bad_date, "DateDeb: not xs:date"),
    ] {
        let problems = answer_problems(&write(&Message::Resultat(answer), &Envelope::default()));
        assert!(
            problems.iter().any(|p| p.contains(place)),
            "{place}: {problems:?}"
        );
    }
    let mut dated = found(2);
    edit(&mut dated, &|i| {
        i.actif.date_deb = Some("2019-03-01".to_owned());
    });
    let swapped = Envelope {
        dates_first: true,
        ..Envelope::default()
    };
    let problems = answer_problems(&write(&Message::Resultat(dated.clone()), &swapped));
    assert!(
        problems.iter().any(|p| p.contains("out of order")),
        "{problems:?}"
    );
    // Read all the same.
    assert_eq!(
        read(&write(&Message::Resultat(dated.clone()), &swapped)).unwrap(),
        Message::Resultat(dated)
    );
    assert!(!answer_problems(b"<a/>").is_empty());
    assert!(!answer_problems(b"").is_empty());
}

#[test]
fn both_fault_families_read_back() {
    for family in [Family::A, Family::B, Family::Soap11] {
        let fault = SoapFault {
            family,
            code: "Receiver".to_owned(),
            subcode: (family != Family::Soap11).then(|| "siram_40".to_owned()),
            lang: if family == Family::Soap11 {
                String::new()
            } else {
                "fr".to_owned()
            },
            reason: "Essai".to_owned(),
            erreur: Some(Erreur {
                code: "insi_102".to_owned(),
                severite: "fatale".to_owned(),
                message_id: (family == Family::B).then(|| "uuid:x".to_owned()),
                text: "Essai".to_owned(),
            }),
        };
        let message = Message::Fault(fault);
        let bytes = write(&message, &Envelope::default());
        assert_eq!(read(&bytes).unwrap(), message);
        assert_eq!(message.word(), "insi_102");
        assert_eq!(answer_problems(&bytes).is_empty(), family != Family::Soap11);
    }
}

#[test]
fn answers_that_are_not_answers_are_errors() {
    for bytes in [
        &b""[..],
        b"<html/>",
        b"<e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\"><e:Body/></e:Envelope>",
        b"<!DOCTYPE a []><a/>",
        b"<e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\"><e:Body><x/></e:Body></e:Envelope>",
    ] {
        assert!(read(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let at = Timestamp::from_unix_millis(0);
        let value = facts(&bytes, None, at, None);
        prop_assert!(value["well_formed"].is_boolean());
        let _ = read(&bytes);
        let _ = answer_problems(&bytes);
    }

    #[test]
    fn a_damaged_request_never_panics(at in 0_usize..2600, with in "[<>&\"'/a: \u{e9}\u{0}]{0,6}", cut in 0_usize..20) {
        let body = good();
        let start = (0..=at.min(body.len())).rev().find(|i| body.is_char_boundary(*i)).unwrap_or(0);
        let end = (start + cut).min(body.len());
        let end = (end..=body.len()).find(|i| body.is_char_boundary(*i)).unwrap_or(body.len());
        let damaged = format!("{}{with}{}", &body[..start], &body[end..]);
        let _ = of(&damaged);
        let _ = read(damaged.as_bytes());
    }

    #[test]
    fn any_text_survives_writing_and_reading(nom in "[ -~\u{e9}\u{2019}]{0,60}", n in 0_u32..50) {
        let mut answer = found(n);
        answer.individu.as_mut().unwrap().tiq.nom_naissance = Some(nom);
        let message = Message::Resultat(answer);
        prop_assert_eq!(read(&write(&message, &Envelope::default())).unwrap(), message);
    }
}

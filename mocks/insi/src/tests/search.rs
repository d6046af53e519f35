//! Searches: everybody is answered, the given-name procedure, twins, cards, access.

use diapason_core::PersonaId;
use diapason_core::scenario::{Arm, PersonaArm};
use diapason_formats::insi::{Individu, Message, SAML, WSSE, answer_problems};
use diapason_mock_common::http::HttpService;
use serde_json::json;

use super::*;
use crate::behaviour::{Refusal, Untrusted};

#[test]
fn everybody_with_an_ins_is_answered_validly() {
    let service = service();
    let mut answered = 0;
    for person in personas(11) {
        let reply = ask(&service, &usual(person.id.as_str()));
        assert_eq!(answer_problems(&reply.body), Vec::<String>::new());
        assert_eq!(reply.status, 200);
        let Message::Resultat(answer) = told(&reply) else {
            panic!("{} is answered a fault", person.id);
        };
        if person.ins.is_some() {
            assert_eq!(reply.outcome, "00");
            assert_eq!(answer.individu, Individu::of(&person), "{}", person.id);
            answered += 1;
        } else {
            assert_eq!(reply.outcome, "01");
            assert_eq!(answer.individu, None);
        }
        let classified = service.classify(&usual(person.id.as_str()));
        assert_eq!(classified.persona, Some(person.id));
        assert_eq!(classified.operation, OP_TRAITS);
        assert!(classified.presented.contains_key("message_id"));
    }
    assert_eq!(answered, 35);
}

#[test]
fn answers_keep_what_recorded_traffic_shows() {
    let reply = ask(&service(), &usual("p06-ecetinsi"));
    let text = String::from_utf8(reply.body).unwrap();
    assert_eq!(
        reply.headers,
        [(
            "Content-Type".to_owned(),
            "application/soap+xml; charset=utf-8".to_owned()
        )]
    );
    assert!(text.contains("<soap:Envelope") && text.contains("<env:Body"));
    assert!(!text.contains("Header") && !text.contains("<Prenom>"));
    assert_eq!(text.matches("<TypeMatricule>NIR<").count(), 2);
    assert!(text.contains("<ListePrenom>PIERRE-ALAIN MURIEL FLORIANT<"));
    let dartagnan = ask(&service(), &usual("p05-dartagnan"));
    assert!(String::from_utf8_lossy(&dartagnan.body).contains(">D'ARTAGNAN DE L'HERAULT<"));
}

#[test]
fn several_then_one_with_the_place() {
    let service = service();
    for id in ["jumeau-a", "jumeau-b", "p08-de-vinci"] {
        let person = who(id);
        let first = person.traits.prenoms[0].as_str();
        let without = ask(&service, &post("tlsm", &traits(&person, &[first], false)));
        assert_eq!(without.outcome, "02");
        assert!(!String::from_utf8_lossy(&without.body).contains("INDIVIDU"));
        assert_eq!(answer_problems(&without.body), Vec::<String>::new());
        let with = ask(&service, &post("tlsm", &traits(&person, &[first], true)));
        assert_eq!(with.outcome, "00", "{id}");
    }
}

#[test]
fn one_prenom_at_a_time() {
    let service = service();
    let tchitchi = who("p09-tchitchi");
    let outcome =
        |prenoms: &[&str]| ask(&service, &post("tlsm", &traits(&tchitchi, prenoms, false))).outcome;
    assert_eq!(outcome(&["OLA"]), "01");
    assert_eq!(outcome(&["CATARINA"]), "00");
    assert_eq!(outcome(&["CATARINA", "BELLA"]), "00");
    assert_eq!(outcome(&["OLA CATARINA BELLA"]), "01");
}

#[test]
fn a_card_is_enough() {
    let service = service();
    let child = "<v:MatriculeOD><v:NumIdentifiant>2751263220749</v:NumIdentifiant></v:MatriculeOD><v:DateNaissance>2012-09-05</v:DateNaissance>";
    let own = "<v:MatriculeIndividu><v:NumIdentifiant>1810163220751</v:NumIdentifiant><v:Cle>40</v:Cle></v:MatriculeIndividu>";
    for (payload, outcome, persona) in [
        (own.to_owned(), "00", Some("p02-adrdeux")),
        (child.to_owned(), "02", Some("ayant-droit")),
        (
            format!("{child}<v:RangNaissance>2</v:RangNaissance>"),
            "00",
            Some("ayant-droit-bis"),
        ),
        (String::new(), "01", None),
    ] {
        let incoming = post("tlsm", &vitale(&payload));
        assert_eq!(ask(&service, &incoming).outcome, outcome, "{payload}");
        let classified = service.classify(&incoming);
        assert_eq!(classified.operation, "rechercherInsAvecCarteVitale");
        assert_eq!(classified.persona.as_ref().map(PersonaId::as_str), persona);
    }
}

#[test]
fn a_scenario_changes_a_person_until_reset() {
    let service = service();
    let patch = json!({"ins": {"matricule": "109076322088836", "oid": "1.2.250.1.213.1.4.8"}});
    let arm = |patch| {
        Arm::Persona(PersonaArm {
            id: PersonaId::new("p07-provisoire").unwrap(),
            patch,
        })
    };
    assert!(arm_service(&service, &arm(patch)).is_err(), "wrong key");
    let patch = json!({"ins": {"matricule": "109076322083489", "oid": "1.2.250.1.213.1.4.8"}});
    assert!(arm_service(&service, &arm(patch)).unwrap());
    let changed = ask(&service, &usual("p07-provisoire"));
    assert!(String::from_utf8_lossy(&changed.body).contains("1090763220834"));
    service.reset();
    let back = ask(&service, &usual("p07-provisoire"));
    assert!(String::from_utf8_lossy(&back.body).contains("1.2.250.1.213.1.4.9"));
}

#[test]
fn access_is_checked_by_the_front_end() {
    let service = service();
    let mut other = usual("p01-adrun");
    let set = |i: &mut Incoming, cn: &str, trusted| {
        i.tls.as_mut().unwrap().client_certificate = Some(certificate(cn, trusted));
    };
    set(&mut other, "UN-AUTRE", true);
    let refused = ask(&service, &other);
    assert_eq!(
        (refused.status, refused.outcome.as_str()),
        (500, "desir_560")
    );
    let text = String::from_utf8_lossy(&refused.body).into_owned();
    assert!(text.contains("soap:siram_100"), "{text}");
    assert!(
        text.contains("messageID=\"uuid:4f3f2f10-0000-4000-8000-000000000004\""),
        "{text}"
    );
    set(&mut other, "INSI-AUTO", true);
    assert_eq!(ask(&service, &other).outcome, "00");
    set(&mut other, "INSI-AUTO", false);
    assert_eq!(ask(&service, &other).outcome, "desir_560");

    let bare = post(
        "tls",
        &String::from_utf8(usual("p01-adrun").body.into()).unwrap(),
    );
    assert_eq!(ask(&service, &bare).outcome, "desir_560");
    let assertion = format!(
        "<s:Security xmlns:s=\"{WSSE}\"><a:Assertion xmlns:a=\"{SAML}\" Version=\"2.0\" ID=\"_1\"/></s:Security></e:Header>"
    );
    let body = String::from_utf8(bare.body.into()).unwrap();
    let asserted = post("tls", &body.replace("</e:Header>", &assertion));
    assert_eq!(ask(&service, &asserted).outcome, "00");
}

#[test]
fn a_signature_that_does_not_hold_is_refused_when_the_switch_says_so() {
    const SAMPLE: &str = include_str!("../../../../profiles/samples/insi-assertion.http");
    let (_, body) = SAMPLE.split_once("\n\n").unwrap();
    let tampered = body.replace(">990000018<", ">990000019<");
    assert_ne!(tampered, body);
    let strict = InsiService::new(Behaviour::default(), false, 11);
    assert_eq!(ask(&strict, &post("tls", body)).outcome, "00");
    let refused = ask(&strict, &post("tls", &tampered));
    assert_eq!(refused.outcome, "desir_560");
    let lenient = Behaviour {
        bad_signature: Refusal::Serve,
        ..Behaviour::default()
    };
    let lenient = InsiService::new(lenient, false, 11);
    assert_eq!(ask(&lenient, &post("tls", &tampered)).outcome, "00");
}

#[test]
fn switches_change_what_is_not_public() {
    let open = Behaviour {
        other_cn: Refusal::Serve,
        untrusted_client: Untrusted::Serve,
        no_assertion: Refusal::Serve,
        idam: Refusal::Fault,
        missing_nom: Refusal::Serve,
        prefix_prenoms: true,
        ..Behaviour::default()
    };
    let service = InsiService::new(open, false, 11);
    let mut other = usual("p01-adrun");
    other.tls.as_mut().unwrap().client_certificate = Some(certificate("UN-AUTRE", false));
    assert_eq!(ask(&service, &other).outcome, "00");
    let body = String::from_utf8(other.body.into()).unwrap();
    assert_eq!(ask(&service, &post("tls", &body)).outcome, "00");
    let short = body.replace("DIA00PA00SO0", "DIA00");
    assert_eq!(ask(&service, &post("tlsm", &short)).outcome, "desir_550");
    let nameless = body.replace("<r:NomNaissance>ADRUN</r:NomNaissance>", "");
    assert_eq!(ask(&service, &post("tlsm", &nameless)).outcome, "01");
    let two = traits(&who("p06-ecetinsi"), &["PIERRE-ALAIN MURIEL"], false);
    assert_eq!(ask(&service, &post("tlsm", &two)).outcome, "00");
    for value in service.switches().values() {
        assert!(value.ends_with(')'), "{value} has no provenance");
    }
    assert_ne!(service.switches(), super::service().switches());
}

#[test]
fn a_search_without_a_birth_name_is_insi_19() {
    let body = String::from_utf8(usual("p01-adrun").body.into()).unwrap();
    for nameless in [
        body.replace("<r:NomNaissance>ADRUN</r:NomNaissance>", ""),
        body.replace(">ADRUN<", "> <"),
    ] {
        let reply = ask(&service(), &post("tlsm", &nameless));
        assert_eq!((reply.status, reply.outcome.as_str()), (500, "insi_19"));
        assert!(String::from_utf8_lossy(&reply.body).contains("S:siram_10<"));
    }
}

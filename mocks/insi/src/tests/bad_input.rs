//! Requests that no DUI should send: each gets the answer a SOAP 1.2 service would give, and none a panic.

use diapason_formats::insi::{SOAP11, SOAP12};
use diapason_mock_common::http::HttpService;

use super::*;

fn answered(body: &str) -> (u16, String) {
    let reply = ask(&service(), &post("tlsm", body));
    (reply.status, reply.outcome)
}

#[test]
fn unreadable_envelopes_get_a_sender_fault() {
    let good = String::from_utf8(usual("p01-adrun").body.into()).unwrap();
    let bomb = good.replace("<e:Envelope", "<!DOCTYPE e [<!ENTITY a \"b\">]><e:Envelope");
    for body in [
        "",
        "{}",
        "<e:Envelope",
        &good[..good.len() - 20],
        bomb.as_str(),
        &"<a>".repeat(200_000),
    ] {
        assert_eq!(answered(body), (500, "Sender".to_owned()), "{body:.40}");
    }
    let mut binary = usual("p01-adrun");
    let mut bytes = Vec::from(binary.body);
    bytes.insert(40, 0xff);
    binary.body = bytes.into();
    let reply = ask(&service(), &binary);
    assert_eq!(reply.outcome, "Sender");
    assert!(String::from_utf8_lossy(&reply.body).contains("not UTF-8"));
    assert_eq!(service().classify(&binary).operation, "unknown");
}

#[test]
fn other_envelopes_get_a_version_mismatch() {
    let good = String::from_utf8(usual("p01-adrun").body.into()).unwrap();
    let mut old = post("tlsm", &good.replace(SOAP12, SOAP11));
    old.headers[0].1 = "text/xml".to_owned();
    let reply = ask(&service(), &old);
    assert_eq!(
        (reply.status, reply.outcome.as_str()),
        (500, "VersionMismatch")
    );
    assert!(reply.headers[0].1.starts_with("text/xml"));
    assert_eq!(answered("<html/>"), (500, "VersionMismatch".to_owned()));
}

#[test]
fn content_type_path_and_method_are_the_services_own() {
    let mut typed = usual("p01-adrun");
    typed.headers[0].1 = "application/xml".to_owned();
    assert_eq!(ask(&service(), &typed).status, 415);
    typed.headers.clear();
    assert_eq!(ask(&service(), &typed).status, 415);
    let mut elsewhere = usual("p01-adrun");
    elsewhere.path = "/".to_owned();
    assert_eq!(ask(&service(), &elsewhere).status, 404);
    assert_eq!(service().classify(&elsewhere).operation, "unknown");
    let mut read = usual("p01-adrun");
    read.method = "GET".to_owned();
    let reply = ask(&service(), &read);
    assert_eq!(reply.status, 405);
    assert!(
        reply
            .headers
            .contains(&("Allow".to_owned(), "POST".to_owned()))
    );
}

#[test]
fn what_is_not_an_operation_is_refused() {
    let good = String::from_utf8(usual("p01-adrun").body.into()).unwrap();
    let none = envelope("rechercherInsAvecTraitsIdentite", "", "");
    let other = envelope("autreOperation", "", "<x/>");
    assert_eq!(answered(&none), (500, "Sender".to_owned()));
    assert_eq!(answered(&other), (500, "Sender".to_owned()));
    let must = good.replace(
        "</e:Header>",
        "<z:Z xmlns:z=\"urn:z\" e:mustUnderstand=\"true\"/></e:Header>",
    );
    assert_eq!(answered(&must), (500, "MustUnderstand".to_owned()));
    // The body decides: an action that does not fit is a matter for the rules.
    let mismatch = good.replace(
        "rechercherInsAvecTraitsIdentite",
        "rechercherInsAvecCarteVitale",
    );
    assert_eq!(answered(&mismatch), (200, "00".to_owned()));
}

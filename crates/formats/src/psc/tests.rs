//! Facts of requests written by hand, and of anything at all.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use diapason_core::{Exchange, ExchangeId, Service, Sha256Hex, Timestamp};
use proptest::prelude::any;
use serde_json::json;

use super::*;

fn exchange(operation: &str) -> Exchange {
    Exchange {
        id: ExchangeId(1),
        service: Service::Psc,
        listener: "auth".to_owned(),
        operation: operation.to_owned(),
        connection: 1,
        peer: "127.0.0.1:1".to_owned(),
        tls: None,
        request: Sha256Hex::zero(),
        request_len: 0,
        received_at: Timestamp::from_unix_millis(0),
        persona: None,
        presented: BTreeMap::new(),
        malformed: None,
    }
}

fn read(operation: &str, raw: &str) -> Value {
    let raw = raw.replace('\n', "\r\n");
    facts(&exchange(operation), &Request::parse(raw.as_bytes()))
}

#[test]
fn an_authorization_request_is_told() {
    let facts = read(
        "authorize",
        "GET /auth?response_type=code&client_id=dui&redirect_uri=https%3A%2F%2Flocalhost%3A8443%2Fcb&scope=openid+scope_all&acr_values=eidas1&state=abcdefghijklmnopqrstuv&nonce=0123456789&code_challenge=-yR-gUsZQ0Xyw73Gkl_0ouEfAx7-XEMO-fXbFpRY6yo&code_challenge_method=S256&theme=x HTTP/1.1\nHost: h\nAccept: text/html\n\n",
    );
    assert_eq!(facts["scopes"], json!(["openid", "scope_all"]));
    assert_eq!(facts["redirect_uri_https"], true);
    assert_eq!(facts["redirect_uri_loopback"], true);
    assert_eq!(
        facts["state"],
        json!({"len": 22, "urlsafe": true, "visible": null})
    );
    assert_eq!(facts["nonce"]["equals_state"], false);
    assert_eq!(
        facts["pkce"],
        json!({"method": "S256", "challenge_len": 43, "challenge_valid": true})
    );
    assert_eq!(facts["params_in"], "query");
    assert_eq!(facts["unknown_params"], json!(["theme"]));
    assert_eq!(facts["client_auth"], "none");
    assert_eq!(facts["accept_json"], false);
    assert_eq!(facts["personal_in_query"], json!([]));
}

#[test]
fn secrets_of_a_token_request_stay_out() {
    let basic = STANDARD.encode("d%2Fui:s3cret");
    let facts = read(
        "token_code",
        &format!(
            "POST /token?client_secret=s3cret HTTP/1.1\nHost: h\nAuthorization: Basic {basic}\nContent-Type: application/x-www-form-urlencoded\n\ngrant_type=authorization_code&code=c0de&code_verifier=abc&redirect_uri=x&redirect_uri=y"
        ),
    );
    assert_eq!(facts["client_auth"], "basic");
    assert_eq!(facts["client_auth_methods"], json!(["basic", "post"]));
    assert_eq!(facts["client_id"], "d/ui");
    assert_eq!(facts["secret_in_query"], true);
    assert_eq!(facts["params"]["code"], json!({"len": 4}));
    assert_eq!(facts["duplicate_params"], json!(["redirect_uri"]));
    assert_eq!(facts["verifier"], json!({"len": 3, "valid": false}));
    assert_eq!(facts["form"], true);
    let text = facts.to_string();
    assert!(!text.contains("s3cret") && !text.contains("c0de"), "{text}");
}

#[test]
fn a_token_in_the_address_is_seen() {
    let facts = read(
        "userinfo",
        "GET /userinfo?access_token=aaa HTTP/1.1\nHost: h\n\n",
    );
    assert_eq!(facts["token_in_query"], true);
    assert_eq!(facts["bearer"], false);
    let facts = read(
        "userinfo",
        "GET /userinfo HTTP/1.1\nHost: h\nAuthorization: Bearer aaa\n\n",
    );
    assert_eq!(
        (&facts["token_in_query"], &facts["bearer"]),
        (&json!(false), &json!(true))
    );
    let facts = read(
        "logout",
        "GET /logout?id_token_hint=a.b.c&state=z HTTP/1.1\nHost: h\n\n",
    );
    assert_eq!(facts["token_in_query"], false);
    assert_eq!(facts["id_token_hint"], true);
}

#[test]
fn what_a_state_shows_is_told() {
    let visible = |state: &str| {
        let state: String = form_urlencoded::byte_serialize(state.as_bytes()).collect();
        read(
            "authorize",
            &format!("GET /auth?state={state} HTTP/1.1\nHost: h\n\n"),
        )["state"]["visible"]
            .clone()
    };
    assert_eq!(visible("k-899709900023-z"), "rpps");
    assert_eq!(
        visible("k899709900023z"),
        Value::Null,
        "twelve digits within a random word"
    );
    assert_eq!(visible("jean@ehpad.example"), "email");
    assert_eq!(visible("/patients/12"), "path");
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"retour":"x"}"#);
    assert_eq!(visible(&json), "json");
    assert_eq!(visible("W3x_9fGh2kLmNpQrStUv01"), Value::Null);
}

#[test]
fn base64url_may_keep_its_padding() {
    let urlsafe = |value: &str| looks::opaque(value)["urlsafe"].clone();
    assert_eq!(urlsafe("W3x_9fGh2kLmNpQrStUv0w=="), true);
    assert_eq!(urlsafe("W3x_9fGh2kLm=NpQrStUv0w"), false, "inside");
    assert_eq!(urlsafe("W3x_9fGh2kLmNpQrStUv==="), false, "three");
    assert_eq!(urlsafe("W3x/9fGh2kLmNpQrStUv0w=="), false, "plain base64");
}

#[test]
fn embedded_browsers_are_told_from_old_ones() {
    assert!(looks::is_webview("Mozilla/5.0 Electron/31.0"));
    assert!(!looks::is_webview(
        "Mozilla/5.0 (Windows NT 10.0; Trident/7.0; rv:11.0) like Gecko"
    ));
}

#[test]
fn national_ids_are_known_by_their_shape() {
    assert_eq!(Looks::of("899709900023"), Looks::Rpps);
    assert_eq!(Looks::of("899709900024"), Looks::Other, "wrong check digit");
    assert_eq!(
        Looks::of("30B0990001/CPET00042"),
        Looks::IdentifiantStructure
    );
    assert_eq!(Looks::of("ANS20260101000000"), Looks::Edit);
    assert_eq!(Looks::of("é/x"), Looks::Other);
    assert_eq!(personal_data("180019999900101"), None, "key is wrong");
}

proptest::proptest! {
    #[test]
    fn facts_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), operation in 0..KNOWN.len()) {
        let _ = facts(&exchange(KNOWN[operation].0), &Request::parse(&bytes));
    }

    #[test]
    fn any_query_is_told_without_panic(query in ".{0,200}", header in "[ -~]{0,60}") {
        let query: String = query.chars().filter(|c| !c.is_whitespace()).collect();
        let raw = format!("GET /auth?{query} HTTP/1.1\r\nHost: h\r\nAuthorization: {header}\r\n\r\n");
        let _ = facts(&exchange("authorize"), &Request::parse(raw.as_bytes()));
    }

    #[test]
    fn looks_never_panic(value in ".{0,80}") {
        let _ = (Looks::of(&value), personal_data(&value), looks::opaque(&value), looks::is_loopback(&value));
    }
}

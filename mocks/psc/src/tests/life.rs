//! Lifetimes on a clock that is moved: tokens, refresh, SSO, keys.

use diapason_formats::jwt::{self, Jwt};

use super::*;

#[test]
fn an_access_token_is_worth_two_minutes() {
    let psc = Direct::new();
    let token = text(&psc.login("idec").json(), "access_token").to_owned();
    psc.advance(119);
    assert_eq!(psc.userinfo(&token).reply.status, 200);
    psc.advance(1);
    let late = psc.userinfo(&token);
    assert_eq!(late.reply.status, 401);
    assert!(
        late.header("www-authenticate")
            .unwrap()
            .contains("invalid_token")
    );
}

#[test]
fn refresh_tokens_turn_and_the_old_one_kills_the_chain() {
    let psc = Direct::new();
    let first = psc.login("idec").json();
    psc.advance(150);
    let second = psc.refresh(text(&first, "refresh_token")).json();
    let (old, new) = (
        claims(text(&first, "id_token")),
        claims(text(&second, "id_token")),
    );
    assert_eq!(old["sub"], new["sub"]);
    assert_eq!(old["auth_time"], new["auth_time"]);
    assert!(new["iat"].as_i64() > new["auth_time"].as_i64());
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_eq!(
        psc.userinfo(text(&second, "access_token")).reply.status,
        200
    );

    let replay = psc.refresh(text(&first, "refresh_token"));
    assert_eq!(
        (replay.reply.status, replay.reply.outcome.as_str()),
        (400, "refresh_replayed")
    );
    assert_eq!(
        psc.refresh(text(&second, "refresh_token")).reply.status,
        400
    );
    assert_eq!(
        psc.userinfo(text(&second, "access_token")).reply.status,
        401
    );
}

#[test]
fn refresh_dies_after_thirty_idle_minutes_and_after_four_hours() {
    let psc = Direct::new();
    let body = psc.login("idec").json();
    psc.advance(1800);
    assert_eq!(
        psc.refresh(text(&body, "refresh_token")).reply.outcome,
        "session_ended"
    );

    psc.other_browser();
    let mut body = psc.login("idec").json();
    let mut spent = 0;
    while spent + 1700 < 4 * 3600 {
        psc.advance(1700);
        spent += 1700;
        let answer = psc.refresh(text(&body, "refresh_token"));
        assert_eq!(answer.reply.status, 200, "after {spent} s");
        body = answer.json();
    }
    let left = 4 * 3600 - spent;
    assert_eq!(
        body["refresh_expires_in"],
        json!(left),
        "never longer than the SSO"
    );
    psc.advance(left);
    assert_eq!(psc.refresh(text(&body, "refresh_token")).reply.status, 400);
}

#[test]
fn a_second_login_is_silent_while_the_sso_lives() {
    let psc = Direct::new();
    let first = claims(text(&psc.login("idec").json(), "id_token"));
    psc.advance(600);
    // Another person is armed, but nobody is asked.
    psc.user("medco");
    let back = psc.authorize(&[("nonce", "un-autre-nonce")]);
    assert_eq!(back.reply.outcome, "code_sso");
    let second = claims(text(
        &psc.redeem(&back.sent_back()["code"]).json(),
        "id_token",
    ));
    assert_eq!(
        (&second["sub"], &second["sid"]),
        (&first["sub"], &first["sid"])
    );
    assert_eq!(second["auth_time"], first["auth_time"]);
    assert_eq!(second["nonce"], "un-autre-nonce");

    assert_eq!(psc.authorize(&[("prompt", "login")]).reply.outcome, "code");
    psc.user("idec");
    psc.advance(700);
    assert_eq!(psc.authorize(&[("max_age", "600")]).reply.outcome, "code");
    psc.other_browser();
    assert_eq!(psc.authorize(&[]).reply.outcome, "code");
    assert!(psc.arm(&json!({ "end_sso": true })));
    assert_eq!(psc.authorize(&[]).reply.outcome, "code");
    psc.advance(1800);
    assert_eq!(psc.authorize(&[]).reply.outcome, "code", "idle too long");
}

#[test]
fn the_end_of_the_sso_ends_its_tokens() {
    let psc = Direct::new();
    let body = psc.login("idec").json();
    psc.arm(&json!({ "end_sso": true }));
    assert_eq!(psc.userinfo(text(&body, "access_token")).reply.status, 401);
    assert_eq!(
        psc.refresh(text(&body, "refresh_token")).reply.outcome,
        "session_ended"
    );
}

#[test]
fn revocation_kills_the_chain() {
    let psc = Direct::new();
    let body = psc.login("idec").json();
    let revoke = |token: &str| psc.post("/revoke", &[("token", token)]);
    let unknown = revoke("x");
    assert_eq!((unknown.reply.status, unknown.reply.body.len()), (200, 0));
    assert_eq!(revoke(text(&body, "refresh_token")).reply.outcome, "ok");
    assert_eq!(psc.userinfo(text(&body, "access_token")).reply.status, 401);
    assert_eq!(psc.refresh(text(&body, "refresh_token")).reply.status, 400);

    let body = psc.login("idec").json();
    assert_eq!(revoke(text(&body, "access_token")).reply.outcome, "ok");
    assert_eq!(psc.userinfo(text(&body, "access_token")).reply.status, 401);
    assert_eq!(psc.refresh(text(&body, "refresh_token")).reply.status, 200);
}

#[test]
fn a_rotated_key_is_published_beside_the_old_one() {
    let psc = Direct::new();
    let before = psc.login("idec").json();
    assert!(psc.arm(&json!({ "rotate_keys": true })));
    let after = psc.login("idec").json();
    let jwks = psc.jwks();
    let kid = |body: &Value| {
        Jwt::decode(text(body, "id_token"))
            .unwrap()
            .kid()
            .unwrap()
            .to_owned()
    };
    assert_ne!(kid(&before), kid(&after));
    for body in [&before, &after] {
        let token = Jwt::decode(text(body, "id_token")).unwrap();
        assert_eq!(jwt::verify_with_set(&token, &jwks), Ok(()));
    }
    // An old hint still logs out.
    let query = [("id_token_hint", text(&before, "id_token"))];
    assert_eq!(
        psc.get("auth", &Direct::realm("/logout"), &query)
            .reply
            .outcome,
        "ok"
    );
}

#[test]
fn other_settings_are_refused_or_left_to_other_mocks() {
    let psc = Direct::new();
    assert!(!psc.arm(&json!({ "verification": "ok" })));
    assert!(!psc.arm(&json!({ "advance": 3 })));
    assert!(!psc.arm(&json!({ "fault": { "id": "INSI-F-TIMEOUT" } })));
    assert!(
        !psc.arm(&json!({ "fault": { "id": "X-F-TLS-EXPIRED", "with": { "service": "insi" } } }))
    );
    assert!(psc.arm(&json!({ "fault": { "id": "X-F-TLS-EXPIRED" } })));
    assert!(psc.arm(&json!({ "clear": true })));
    let error = |arm: Value| {
        psc.provider
            .arm(&serde_json::from_value(arm).unwrap())
            .unwrap_err()
            .to_string()
    };
    assert!(error(json!({ "psc_user": { "persona": "personne" } })).contains("idec"));
    assert!(
        error(json!({ "psc_user": { "persona": "idec", "channel": "SMS" } })).contains("MOBILE")
    );
    assert!(error(json!({ "fault": { "id": "PSC-F-NIMPORTE" } })).contains("no such fault"));
    assert!(
        error(json!({ "fault": { "id": "PSC-F-USER-OTHER", "with": { "persona": "x" } } }))
            .contains("no persona")
    );
}

#[test]
fn a_reset_forgets_everything_and_repeats_no_id() {
    let psc = Direct::new();
    psc.user("idec");
    let code = psc.authorize(&[]).sent_back()["code"].clone();
    psc.provider.lock().clear();
    assert_eq!(psc.redeem(&code).reply.outcome, "invalid_grant");
    assert_eq!(
        psc.authorize(&[]).reply.outcome,
        "page",
        "nobody is armed any more"
    );
    psc.user("idec");
    assert_ne!(psc.authorize(&[]).sent_back()["code"], code);
}

#[test]
fn thousands_of_logins_do_not_pile_up() {
    let psc = Direct::new();
    psc.user("idec");
    for _ in 0..20 {
        for _ in 0..512 {
            psc.other_browser();
            psc.authorize(&[]);
        }
        psc.advance(600);
    }
    let state = psc.provider.lock();
    assert!(
        state.sessions.len() < 6000,
        "{} sessions",
        state.sessions.len()
    );
    assert!(state.codes.len() < 6000, "{} codes", state.codes.len());
}

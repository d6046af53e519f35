//! CIBA, poll mode.

use super::*;

const GRANT: &str = "urn:openid:params:grant-type:ciba";

fn ask(psc: &Direct, change: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("scope", "openid scope_all"),
        ("acr_values", "eidas1"),
        ("login_hint", "899709900023"),
        ("binding_message", "42"),
        ("channel", "MOBILE"),
    ];
    for (name, value) in change {
        form.retain(|(n, _)| n != name);
        if !value.is_empty() {
            form.push((name, value));
        }
    }
    psc.post("/ext/ciba/auth", &form)
}

fn poll(psc: &Direct, id: &str) -> Answer {
    psc.post("/token", &[("grant_type", GRANT), ("auth_req_id", id)])
}

fn request_id(answer: &Answer) -> String {
    text(&answer.json(), "auth_req_id").to_owned()
}

#[test]
fn a_login_by_ciba_waits_for_the_user_then_gives_tokens_once() {
    let psc = Direct::new();
    let asked = ask(&psc, &[]);
    assert_eq!(asked.json()["expires_in"], 120);
    assert_eq!(asked.json()["interval"], 1);
    let id = request_id(&asked);
    assert!(id.len() > 400, "{}", id.len());
    assert_eq!(poll(&psc, &id).reply.outcome, "authorization_pending");
    // The device of someone else changes nothing.
    psc.user("medco");
    psc.advance(1);
    assert_eq!(poll(&psc, &id).reply.outcome, "authorization_pending");
    psc.user("idec");
    psc.advance(1);
    let tokens = poll(&psc, &id);
    assert_eq!(tokens.reply.status, 200, "{}", tokens.text());
    assert_eq!(
        tokens.presented["auth_req_id"],
        asked.reply.issued["auth_req_id"]
    );
    let body = tokens.json();
    let id_token = claims(text(&body, "id_token"));
    assert!(id_token.get("nonce").is_none());
    assert_eq!(claims(text(&body, "access_token"))["authMode"], "MOBILE");
    assert_eq!(
        psc.userinfo(text(&body, "access_token")).json()["SubjectNameID"],
        "899709900023"
    );
    psc.advance(1);
    assert_eq!(poll(&psc, &id).reply.outcome, "invalid_grant");
    let out = psc.get(
        "auth",
        &Direct::realm("/logout"),
        &[("id_token_hint", text(&body, "id_token"))],
    );
    assert_eq!(out.reply.outcome, "ok");
}

#[test]
fn polls_too_close_are_slowed_down() {
    let psc = Direct::new();
    let id = request_id(&ask(&psc, &[]));
    assert_eq!(poll(&psc, &id).reply.outcome, "authorization_pending");
    assert_eq!(poll(&psc, &id).reply.outcome, "slow_down");
    psc.advance(1);
    assert_eq!(
        poll(&psc, &id).reply.outcome,
        "slow_down",
        "the interval is now 6 s, then 11"
    );
    psc.advance(11);
    assert_eq!(poll(&psc, &id).reply.outcome, "authorization_pending");
}

#[test]
fn a_request_is_refused_or_expires() {
    let psc = Direct::new();
    psc.arm(&json!({ "psc_user": { "persona": "idec", "decision": "refuse" } }));
    let id = request_id(&ask(&psc, &[]));
    assert_eq!(poll(&psc, &id).reply.outcome, "access_denied");
    psc.arm(&json!({ "psc_user": { "persona": "idec", "decision": "expire" } }));
    let id = request_id(&ask(&psc, &[]));
    assert_eq!(poll(&psc, &id).reply.outcome, "authorization_pending");
    psc.advance(120);
    assert_eq!(poll(&psc, &id).reply.outcome, "expired_token");
    assert_eq!(poll(&psc, "inconnu").reply.outcome, "invalid_grant");
}

#[test]
fn a_wrong_request_says_what_is_wrong() {
    let psc = Direct::new();
    for (name, value, status, outcome) in [
        ("login_hint", "", 400, "invalid_request"),
        ("scope", "", 400, "invalid_request"),
        ("scope", "openid rien", 400, "invalid_scope"),
        ("login_hint", "899709909999", 400, "unknown_user"),
    ] {
        let answer = ask(&psc, &[(name, value)]);
        assert_eq!(
            (answer.reply.status, answer.reply.outcome.as_str()),
            (status, outcome),
            "{name}"
        );
    }
    let slash = ask(&psc, &[("login_hint", "30B0990001/CPET00042")]);
    assert_eq!(slash.reply.status, 200);
    let closed = Direct::with(PscConfig {
        clients: vec![ClientConfig {
            ciba: false,
            ..client()
        }],
        ..PscConfig::default()
    });
    assert_eq!(ask(&closed, &[]).reply.outcome, "ciba_not_allowed");
}

#[test]
fn by_hand_the_wallet_lists_what_waits() {
    let psc = Direct::new();
    let id = request_id(&ask(&psc, &[]));
    let page = psc.get("wallet", "/ciba", &[]).text();
    assert!(page.contains("code affiché : 42"), "{page}");
    let form = [("demande", id.as_str()), ("accord", "1")];
    psc.send(incoming("wallet", "POST", "/ciba/decision", &[], &form));
    assert_eq!(poll(&psc, &id).reply.status, 200);
    assert!(
        psc.get("wallet", "/ciba", &[])
            .text()
            .contains("Aucune demande")
    );
}

#[test]
fn ciba_faults_change_the_answer_they_name() {
    for (fault, check) in [
        ("CIBA-NO-AUTH-REQ-ID", "auth_req_id"),
        ("CIBA-NO-EXPIRES-IN", "expires_in"),
        ("CIBA-NO-INTERVAL", "interval"),
    ] {
        let psc = Direct::new();
        psc.fault(fault);
        let body = ask(&psc, &[]).json();
        assert!(body.get(check).is_none());
        assert_eq!(body.as_object().unwrap().len(), 2, "{fault}");
    }
    let psc = Direct::new();
    psc.fault("CIBA-LONG-ID");
    psc.user("idec");
    let id = request_id(&ask(&psc, &[]));
    assert_eq!(id.len(), 4096);
    assert_eq!(poll(&psc, &id).reply.status, 200);

    let psc = Direct::new();
    psc.fault("CIBA-INTERVAL");
    let asked = ask(&psc, &[]);
    assert_eq!(asked.json()["interval"], 5);
    let id = request_id(&asked);
    poll(&psc, &id);
    psc.advance(4);
    assert_eq!(poll(&psc, &id).reply.outcome, "slow_down");

    let psc = Direct::new();
    psc.fault("CIBA-OTHER-PERSON");
    psc.user("idec");
    let body = poll(&psc, &request_id(&ask(&psc, &[]))).json();
    let info = psc.userinfo(text(&body, "access_token")).json();
    assert_eq!(
        info["SubjectNameID"], "899709900015",
        "another person throughout"
    );
    assert_eq!(info["sub"], claims(text(&body, "id_token"))["sub"]);
}

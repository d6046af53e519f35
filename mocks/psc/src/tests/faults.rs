//! Every fault of the catalogue plays, is named in the answer, and does what it says.

use std::collections::BTreeSet;

use diapason_mock_common::http::Delivery;

use super::*;
use crate::faults::{faults, tls_fault};

/// Goes once through every operation; the answers by operation.
fn everything(psc: &Direct) -> Vec<Answer> {
    let mut all = vec![
        psc.get(
            "auth",
            "/auth/realms/esante-wallet/.well-known/wallet-openid-configuration",
            &[],
        ),
        psc.get("auth", &Direct::realm("/certs"), &[]),
    ];
    psc.user("idec");
    let back = psc.authorize(&[]);
    let code = back.sent_back().remove("code").unwrap_or_default();
    all.push(back);
    let tokens = psc.redeem(&code);
    let body = tokens.json();
    all.push(tokens);
    all.push(psc.userinfo(text(&body, "access_token")));
    all.push(psc.post(
        "/token/introspect",
        &[("token", text(&body, "access_token"))],
    ));
    all.push(psc.refresh(text(&body, "refresh_token")));
    all.push(psc.post("/revoke", &[("token", "x")]));
    let asked = psc.post(
        "/ext/ciba/auth",
        &[
            ("scope", "openid"),
            ("login_hint", "899709900023"),
            ("binding_message", "01"),
        ],
    );
    let id = text(&asked.json(), "auth_req_id").to_owned();
    all.push(asked);
    all.push(psc.post(
        "/token",
        &[
            ("grant_type", "urn:openid:params:grant-type:ciba"),
            ("auth_req_id", if id.is_empty() { "x" } else { &id }),
        ],
    ));
    all.push(psc.get(
        "auth",
        &Direct::realm("/logout"),
        &[
            ("id_token_hint", text(&body, "id_token")),
            ("post_logout_redirect_uri", LOGGED_OUT),
            ("state", "s"),
        ],
    ));
    all
}

#[test]
fn every_fault_plays_on_its_operation_and_is_named() {
    for fault in faults() {
        if fault.operations == ["tls"] {
            continue;
        }
        let psc = Direct::new();
        assert!(psc.arm(&json!({ "fault": { "id": fault.id.as_str(), "times": 1 } })));
        let played: Vec<Answer> = everything(&psc)
            .into_iter()
            .filter(|a| a.reply.fault.as_ref() == Some(&fault.id))
            .collect();
        assert_eq!(
            played.len(),
            1,
            "{} played {} times",
            fault.id,
            played.len()
        );
        let operation = &played[0].operation;
        assert!(
            fault.operations.contains(operation)
                || fault.operations == ["callback"] && operation == "authorize",
            "{} played on {operation}",
            fault.id
        );
    }
}

#[test]
fn without_a_fault_nothing_is_named_and_everything_is_right() {
    let psc = Direct::new();
    let operations: BTreeSet<String> = everything(&psc)
        .into_iter()
        .map(|a| {
            assert_eq!(a.reply.fault, None);
            assert!(a.reply.status < 400, "{}: {}", a.operation, a.text());
            assert!(!a.reply.outcome.is_empty(), "{}", a.operation);
            a.operation
        })
        .collect();
    assert_eq!(operations.len(), 11);
}

fn token_answer(fault: &str) -> Answer {
    let psc = Direct::new();
    psc.fault(fault);
    psc.login("idec")
}

#[test]
fn faults_of_the_token_answer_change_the_member_they_name() {
    let usual: BTreeSet<String> = Direct::new()
        .login("idec")
        .json()
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    for (fault, gone) in [
        ("NO-IDTOKEN", &["id_token"][..]),
        ("NO-ACCESS-TOKEN", &["access_token"]),
        ("NO-EXPIRES-IN", &["expires_in"]),
        ("NO-SCOPE", &["scope"]),
        ("NO-REFRESH-TOKEN", &["refresh_token", "refresh_expires_in"]),
    ] {
        let body = token_answer(fault).json();
        let names: BTreeSet<String> = body.as_object().unwrap().keys().cloned().collect();
        let missing: BTreeSet<&str> = usual.difference(&names).map(String::as_str).collect();
        assert_eq!(missing, gone.iter().copied().collect(), "{fault}");
    }
    assert_eq!(token_answer("TOKEN-TYPE-MAC").json()["token_type"], "mac");
    assert_eq!(
        token_answer("TOKEN-TYPE-LOWER").json()["token_type"],
        "bearer"
    );
    assert!(token_answer("TOKEN-EXTRA").json()["diapason_inconnu"].is_object());
    let body = token_answer("IDTOKEN-IS-ACCESS").json();
    assert_eq!(body["id_token"], body["access_token"]);
    assert_eq!(
        token_answer("TOKEN-INVALID-GRANT").json()["error"],
        "invalid_grant"
    );
    assert_eq!(token_answer("TOKEN-INVALID-CLIENT").reply.status, 401);
    assert_eq!(token_answer("TOKEN-500").reply.status, 500);
    let html = token_answer("TOKEN-NOT-JSON");
    assert_eq!((html.reply.status, html.json()), (200, Value::Null));
    assert_eq!(
        token_answer("TOKEN-SILENT").reply.delivery,
        Delivery::Silent
    );
    assert_eq!(
        token_answer("TOKEN-SLOW").reply.delivery,
        Delivery::Delay(1500)
    );
    assert_eq!(token_answer("TOKEN-CUT").reply.delivery, Delivery::Cut(120));
    let redirect = token_answer("TOKEN-REDIRECT");
    assert_eq!(
        redirect.header("location"),
        Some("https://127.0.0.1:4431/attaquant/jetons")
    );
}

#[test]
fn faults_of_the_callback_change_the_parameter_they_name() {
    let usual = {
        let psc = Direct::new();
        psc.user("idec");
        psc.authorize(&[]).sent_back()
    };
    let back = |fault: &str| {
        let psc = Direct::new();
        psc.user("idec");
        psc.fault(fault);
        psc.authorize(&[]).sent_back()
    };
    let changed = |fault: &str| -> BTreeSet<String> {
        let back = back(fault);
        usual
            .keys()
            .chain(back.keys())
            .filter(|name| {
                let both = usual.contains_key(*name) && back.contains_key(*name);
                // Codes and sessions are fresh each time.
                !both
                    || usual[*name] != back[*name]
                        && !["code", "session_state"].contains(&name.as_str())
            })
            .cloned()
            .collect()
    };
    let set = |names: &[&str]| {
        names
            .iter()
            .map(|n| (*n).to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(changed("STATE-WRONG"), set(&["state"]));
    assert!(!back("STATE-MISSING").contains_key("state"));
    assert_eq!(changed("STATE-MISSING"), set(&["state"]));
    assert_eq!(changed("CB-ISS-WRONG"), set(&["iss"]));
    assert_eq!(changed("CB-ISS-MISSING"), set(&["iss"]));
    assert_eq!(changed("CB-NO-CODE"), set(&["code"]));
    assert_eq!(
        changed("CB-EXTRA"),
        set(&["session_state", "parametre_inconnu", "session_locale"])
    );
    for fault in ["CB-ERROR", "CB-ERROR-HTML"] {
        assert_eq!(
            changed(fault),
            set(&["code", "session_state", "error", "error_description"])
        );
    }
    assert!(back("CB-ERROR-HTML")["error_description"].contains("<script>"));
}

#[test]
fn the_error_of_a_callback_can_be_chosen() {
    let psc = Direct::new();
    psc.user("idec");
    psc.fault_with("CB-ERROR", &json!({ "error": "login_required" }));
    let answer = psc.authorize(&[]);
    assert_eq!(answer.sent_back()["error"], "login_required");
    assert_eq!(answer.reply.outcome, "login_required");
}

#[test]
fn an_injected_code_does_not_answer_the_users_own_request() {
    let psc = Direct::new();
    psc.user("idec");
    psc.fault("CODE-OTHER");
    let back = psc.authorize(&[]).sent_back();
    assert_eq!(psc.redeem(&back["code"]).reply.outcome, "pkce_mismatch");
    // Without PKCE only the nonce tells.
    let back = psc
        .authorize(&[("code_challenge", ""), ("code_challenge_method", "")])
        .sent_back();
    let code = back["code"].as_str();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
    ];
    let token = claims(text(&psc.post("/token", &form).json(), "id_token"));
    assert_ne!(token["nonce"], "nonce-de-test-assez-long-0");
    assert_eq!(token["SubjectNameID"], "899709900015");
}

#[test]
fn another_person_or_another_sub_is_so_throughout() {
    let whole = |fault: Option<&str>| {
        let psc = Direct::new();
        if let Some(fault) = fault {
            psc.fault(fault);
        }
        let body = psc.login("idec").json();
        let info = psc.userinfo(text(&body, "access_token")).json();
        let id_token = claims(text(&body, "id_token"));
        assert_eq!(info["sub"], id_token["sub"]);
        assert_eq!(claims(text(&body, "access_token"))["sub"], id_token["sub"]);
        (
            text(&info, "SubjectNameID").to_owned(),
            text(&info, "sub").to_owned(),
        )
    };
    let (usual_id, usual_sub) = whole(None);
    let (id, _) = whole(Some("USER-OTHER"));
    assert_eq!(id, "899709900015");
    let (id, sub) = whole(Some("SUB-CHANGED"));
    assert_eq!(id, usual_id);
    assert_ne!(sub, usual_sub);
}

#[test]
fn a_card_swap_happens_even_while_the_sso_lives() {
    let psc = Direct::new();
    psc.login("idec");
    psc.fault("USER-OTHER");
    let back = psc.authorize(&[]);
    assert_eq!(back.reply.outcome, "code_sso");
    let token = claims(text(
        &psc.redeem(&back.sent_back()["code"]).json(),
        "id_token",
    ));
    assert_eq!(token["SubjectNameID"], "899709900015");
}

fn userinfo(fault: &str, with: &Value, persona: &str) -> (Answer, Value) {
    let psc = Direct::new();
    psc.fault_with(fault, with);
    let body = psc.login(persona).json();
    let access = text(&body, "access_token");
    (psc.userinfo(access), claims(access))
}

#[test]
fn faults_of_userinfo_change_the_member_they_name() {
    let none = json!({});
    let usual = {
        let psc = Direct::new();
        let body = psc.login("idec").json();
        psc.userinfo(text(&body, "access_token")).json()
    };
    let changed = |fault: &str, with: &Value| -> BTreeSet<String> {
        let info = userinfo(fault, with, "idec").0.json();
        let names = usual
            .as_object()
            .unwrap()
            .keys()
            .chain(info.as_object().unwrap().keys());
        names
            .filter(|n| usual.get(*n) != info.get(*n))
            .cloned()
            .collect()
    };
    let set = |names: &[&str]| {
        names
            .iter()
            .map(|n| (*n).to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(changed("UI-SUB-WRONG", &none), set(&["sub"]));
    assert_eq!(changed("UI-SUB-MISSING", &none), set(&["sub"]));
    assert_eq!(changed("UI-NO-IDNAT", &none), set(&["SubjectNameID"]));
    assert_eq!(
        changed("UI-NO-IDNAT", &json!({ "empty": true })),
        set(&["SubjectNameID"])
    );
    assert_eq!(changed("UI-IDNAT-OTHER", &none), set(&["SubjectNameID"]));
    assert_eq!(
        changed("UI-XSS", &none),
        set(&["SubjectOrganization", "SubjectRefPro", "family_name"])
    );
    assert_eq!(
        changed("UI-EXTRA", &none),
        set(&[
            "diapason_inconnu",
            "SubjectOrganizationID",
            "PSISubjectNameID",
            "authMode"
        ])
    );
    assert_eq!(changed("UI-NO-ACTIVITIES", &none), set(&["SubjectRefPro"]));
    assert_eq!(
        changed("UI-LONG-LABEL", &none),
        set(&["SubjectOrganization", "SubjectRefPro"])
    );
    assert_eq!(
        changed("UI-PROFESSION", &none),
        set(&["SubjectRole", "SubjectRefPro"])
    );
    let (long, _) = userinfo("UI-LONG-LABEL", &none, "idec");
    assert_eq!(
        text(&long.json(), "SubjectOrganization").chars().count(),
        200
    );
    let (other, access) = userinfo("UI-IDNAT-OTHER", &none, "idec");
    assert_ne!(other.json()["SubjectNameID"], access["SubjectNameID"]);
}

#[test]
fn userinfo_may_be_a_jwt_well_or_badly_signed() {
    use diapason_formats::jwt::{self, Jwt, JwtError};
    let jwks = Direct::new().jwks();
    for (fault, verdict) in [
        ("UI-JWT", Ok(())),
        ("UI-JWT-BADSIG", Err(JwtError::Signature)),
    ] {
        let (answer, _) = userinfo(fault, &json!({}), "idec");
        assert_eq!(answer.header("content-type"), Some("application/jwt"));
        let token = Jwt::decode(&answer.text()).unwrap();
        assert_eq!(token.text("SubjectNameID"), Some("899709900023"));
        assert_eq!(token.audiences(), [CLIENT]);
        assert_eq!(jwt::verify_with_set(&token, &jwks), verdict, "{fault}");
    }
}

#[test]
fn userinfo_fails_as_told() {
    let answer = |fault: &str| userinfo(fault, &json!({}), "idec").0.reply;
    assert_eq!(answer("UI-401").status, 401);
    assert_eq!(answer("UI-500").status, 500);
    assert_eq!(answer("UI-SILENT").delivery, Delivery::Silent);
    assert_eq!(answer("UI-CUT").delivery, Delivery::Cut(200));
    assert_eq!(answer("UI-SLOW").delivery, Delivery::Delay(1500));
    assert!(
        String::from_utf8(answer("UI-HTML").body)
            .unwrap()
            .starts_with("<!DOCTYPE html>")
    );
    // The minimal body survives every fault.
    for fault in [
        "UI-XSS",
        "UI-EXTRA",
        "UI-NO-ACTIVITIES",
        "UI-LONG-LABEL",
        "UI-PROFESSION",
    ] {
        assert_eq!(
            userinfo(fault, &json!({}), "noex").0.reply.status,
            200,
            "{fault}"
        );
    }
}

#[test]
fn faults_of_the_key_set_leave_right_tokens_verifiable() {
    use diapason_formats::jwt::{self, Jwt};
    for (fault, first, verifies) in [
        ("JWKS-ENC-FIRST", "enc", true),
        ("JWKS-TWO-SIGNING", "sig", true),
        ("JWKS-NO-KID", "sig", false),
    ] {
        let psc = Direct::new();
        psc.fault(fault);
        let token = Jwt::decode(text(&psc.login("idec").json(), "id_token")).unwrap();
        let jwks = psc.jwks();
        assert_eq!(jwks["keys"][0]["use"], first, "{fault}");
        assert_eq!(
            jwt::verify_with_set(&token, &jwks).is_ok(),
            verifies,
            "{fault}"
        );
        let any = jwks["keys"]
            .as_array()
            .unwrap()
            .iter()
            .any(|k| jwt::verify(&token, k).is_ok());
        assert!(any, "{fault}");
    }
}

#[test]
fn faults_of_refresh_and_log_out_do_what_they_say() {
    let refreshed = |fault: &str| {
        let psc = Direct::new();
        let first = psc.login("idec").json();
        psc.fault(fault);
        let answer = psc.refresh(text(&first, "refresh_token"));
        (first, answer)
    };
    let (first, second) = refreshed("REFRESH-SUB-OTHER");
    let (old, new) = (
        claims(text(&first, "id_token")),
        claims(text(&second.json(), "id_token")),
    );
    assert_ne!(old["sub"], new["sub"]);
    assert_eq!(old["iss"], new["iss"]);
    let (_, second) = refreshed("REFRESH-ISS-OTHER");
    assert_ne!(claims(text(&second.json(), "id_token"))["iss"], old["iss"]);
    let (first, second) = refreshed("REFRESH-SAME-TOKEN");
    assert_eq!(first["refresh_token"], second.json()["refresh_token"]);
    let (_, second) = refreshed("REFRESH-NO-IDTOKEN");
    assert!(second.json().get("id_token").is_none());
    let (_, second) = refreshed("REFRESH-INVALID-GRANT");
    assert_eq!(second.json()["error"], "invalid_grant");

    let psc = Direct::new();
    let body = psc.login("idec").json();
    let out = |psc: &Direct| {
        psc.get(
            "auth",
            &Direct::realm("/logout"),
            &[
                ("id_token_hint", text(&body, "id_token")),
                ("post_logout_redirect_uri", LOGGED_OUT),
                ("state", "le-mien"),
            ],
        )
    };
    psc.fault("LOGOUT-500");
    assert_eq!(out(&psc).reply.status, 500);
    assert_eq!(
        psc.authorize(&[]).reply.outcome,
        "code_sso",
        "the session is still open"
    );
    psc.arm(&json!({ "clear": true }));
    psc.fault("LOGOUT-STATE-WRONG");
    assert_ne!(out(&psc).sent_back()["state"], "le-mien");
}

#[test]
fn tls_faults_play_on_the_listener_they_name() {
    let psc = Direct::new();
    assert!(psc.arm(&json!({
        "fault": { "id": "X-F-TLS-EXPIRED", "with": { "listener": "wallet" } }
    })));
    assert!(psc.provider.tls_fault("auth").is_none());
    let (id, fault) = psc.provider.tls_fault("wallet").unwrap();
    assert_eq!(tls_fault(&id), Some(fault));
}

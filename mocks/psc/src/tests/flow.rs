//! The code flow, client authentication, userinfo, introspection, log-out.

use diapason_formats::jwt::{self, Jwt};

use super::*;
use crate::config::{NonProfessional, Switches};

#[test]
fn a_login_gives_tokens_of_the_shape_that_was_seen() {
    let psc = Direct::new();
    psc.user("idec");
    let back = psc.authorize(&[]);
    assert_eq!(
        (back.reply.status, back.reply.outcome.as_str()),
        (302, "code")
    );
    let params = back.sent_back();
    assert_eq!(params["state"], "etat-de-test-assez-long-0");
    assert_eq!(params["iss"], psc.issuer());
    assert!(params.contains_key("session_state"));
    let tokens = psc.redeem(&params["code"]);
    assert_eq!(tokens.reply.status, 200, "{}", tokens.text());
    assert_eq!(tokens.header("cache-control"), Some("no-store"));
    let body = tokens.json();
    assert_eq!(body["expires_in"], 120);
    assert_eq!(body["refresh_expires_in"], 1800);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["not-before-policy"], 0);

    let jwks = psc.jwks();
    for kind in ["access_token", "id_token"] {
        let token = Jwt::decode(text(&body, kind)).unwrap();
        assert_eq!(jwt::verify_with_set(&token, &jwks), Ok(()), "{kind}");
        assert_eq!(
            token.seconds("exp").unwrap() - token.seconds("iat").unwrap(),
            120
        );
        assert_eq!(token.text("iss"), Some(psc.issuer().as_str()));
        assert_eq!(token.text("acr"), Some("eidas1"));
    }
    let access = claims(text(&body, "access_token"));
    assert_eq!(access["nonce"], "nonce-de-test-assez-long-0");
    assert_eq!(access["auth_level"], "1");
    assert_eq!(access["authMode"], "CARD");
    assert!(text(&access, "jti").starts_with("onrtac:"));
    assert_eq!(access["SubjectNameID"], "899709900023");
    assert_eq!(access["PSISubjectNameID"], "");
    assert!(access.get("aud").is_none());
    let id = claims(text(&body, "id_token"));
    assert_eq!(id["aud"], CLIENT);
    assert_eq!(id["typ"], "ID");
    assert_eq!(
        id["at_hash"],
        json!(jwt::at_hash(text(&body, "access_token")))
    );
    assert_eq!(id["sub"], access["sub"]);
    let refresh = Jwt::decode(text(&body, "refresh_token")).unwrap();
    assert_eq!(
        (refresh.alg(), refresh.text("typ")),
        (Some("HS256"), Some("Refresh"))
    );

    let info = psc.userinfo(text(&body, "access_token"));
    assert_eq!(
        (info.reply.status, info.header("content-type")),
        (200, Some("application/json"))
    );
    assert_eq!(info.json()["sub"], id["sub"]);
    assert_eq!(info.json()["SubjectNameID"], "899709900023");
    assert_eq!(
        info.presented["access_token"],
        tokens.reply.issued["access_token"]
    );
}

#[test]
fn the_profile_of_2023_has_the_old_claims() {
    let psc = Direct::profile(Profile::Bas2023);
    let body = psc.login("idec").json();
    let access = claims(text(&body, "access_token"));
    for absent in ["nonce", "auth_level", "SubjectNameID", "PSISubjectNameID"] {
        assert!(access.get(absent).is_none(), "{absent}");
    }
    assert!(text(&access, "sub").ends_with(":899709900023"));
    assert!(
        psc.userinfo(text(&body, "access_token"))
            .json()
            .get("PSISubjectNameID")
            .is_none()
    );
}

#[test]
fn discovery_is_where_nobody_expects_it_and_promises_too_much() {
    let psc = Direct::new();
    let realm = "/auth/realms/esante-wallet/.well-known";
    let found = psc.get("auth", &format!("{realm}/wallet-openid-configuration"), &[]);
    let document = found.json();
    assert_eq!(
        (found.operation.as_str(), found.reply.outcome.as_str()),
        ("discovery", "ok")
    );
    assert_eq!(document["issuer"], json!(psc.issuer()));
    assert_eq!(
        document["authorization_endpoint"],
        "https://localhost:4432/auth"
    );
    assert_eq!(document["acr_values_supported"], json!(["0", "0"]));
    assert_eq!(
        document["authorization_response_iss_parameter_supported"],
        true
    );
    let standard = psc.get("auth", &format!("{realm}/openid-configuration"), &[]);
    assert_eq!(standard.reply.outcome, "ok_standard_path");
    let jwks = psc.jwks();
    let uses: Vec<&str> = jwks["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|k| text(k, "use"))
        .collect();
    assert_eq!(uses, ["sig", "enc"]);
    assert!(jwks["keys"][0]["d"].is_null() && jwks["keys"][0]["x5c"].is_array());

    let without = Direct::with(PscConfig {
        switches: Switches {
            standard_discovery: false,
            ..Switches::default()
        },
        ..PscConfig::default()
    });
    let standard = without.get("auth", &format!("{realm}/openid-configuration"), &[]);
    assert_eq!(
        (standard.reply.status, standard.operation.as_str()),
        (404, "unknown")
    );
}

#[test]
fn a_real_issuer_may_be_written_in_place_of_the_listener() {
    let issuer = "https://auth.bas.psc.esante.gouv.fr/auth/realms/esante-wallet";
    let psc = Direct::with(PscConfig {
        issuer: Some(issuer.to_owned()),
        wallet_base: Some("https://wallet.bas.psc.esante.gouv.fr".to_owned()),
        clients: vec![client()],
        ..PscConfig::default()
    });
    let path = "/auth/realms/esante-wallet/.well-known/wallet-openid-configuration";
    let document = psc.get("auth", path, &[]).json();
    assert_eq!(document["issuer"], issuer);
    assert_eq!(
        document["authorization_endpoint"],
        "https://wallet.bas.psc.esante.gouv.fr/auth"
    );
    assert_eq!(
        claims(text(&psc.login("idec").json(), "id_token"))["iss"],
        issuer
    );
}

#[test]
fn who_cannot_be_trusted_gets_a_page_and_never_a_redirect() {
    let psc = Direct::new();
    psc.user("idec");
    for (change, outcome) in [
        (("client_id", "autre"), "unknown_client"),
        (("client_id", ""), "unknown_client"),
        (
            ("redirect_uri", "https://dui.diapason.test/psc/retour/"),
            "invalid_redirect_uri",
        ),
        (("redirect_uri", ""), "invalid_redirect_uri"),
    ] {
        let answer = psc.authorize(&[change]);
        assert_eq!(answer.reply.outcome, outcome);
        assert_eq!(answer.reply.status, 400);
        assert_eq!(answer.header("location"), None);
    }
}

#[test]
fn a_wrong_request_of_a_known_client_comes_back_as_an_error() {
    let psc = Direct::new();
    psc.user("idec");
    for (name, value, error) in [
        ("response_type", "", "invalid_request"),
        ("response_type", "token", "unauthorized_client"),
        ("response_type", "jeton", "unsupported_response_type"),
        ("scope", "openid portee_inconnue", "invalid_scope"),
        ("response_mode", "jwt", "invalid_request"),
        ("code_challenge", "court", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge_method", "S512", "invalid_request"),
        ("request", "x", "request_not_supported"),
        ("prompt", "none", "login_required"),
    ] {
        let answer = psc.authorize(&[(name, value)]);
        let back = answer.sent_back();
        assert_eq!(
            back.get("error").map(String::as_str),
            Some(error),
            "{name}={value}"
        );
        assert_eq!(answer.reply.outcome, error);
        assert_eq!(back["state"], "etat-de-test-assez-long-0");
        assert_eq!(back["iss"], psc.issuer());
    }
}

#[test]
fn acr_values_counts_in_the_strict_profile_only() {
    for (profile, outcome) in [(Profile::Strict, "acr_refused"), (Profile::Bas2026, "code")] {
        let psc = Direct::profile(profile);
        psc.user("idec");
        assert_eq!(psc.authorize(&[("acr_values", "")]).reply.outcome, outcome);
        psc.other_browser();
        assert_eq!(psc.authorize(&[]).reply.outcome, "code");
    }
}

#[test]
fn the_user_may_refuse_wait_or_be_nobody_psc_knows() {
    let psc = Direct::new();
    psc.arm(&json!({ "psc_user": { "persona": "idec", "decision": "refuse" } }));
    let answer = psc.authorize(&[]);
    assert_eq!(answer.sent_back()["error"], "access_denied");
    psc.arm(&json!({ "psc_user": { "persona": "idec", "decision": "expire" } }));
    let answer = psc.authorize(&[]);
    assert_eq!(
        (answer.reply.status, answer.reply.outcome.as_str()),
        (200, "waiting")
    );
    psc.user("non-ps");
    assert_eq!(psc.authorize(&[]).sent_back()["error"], "access_denied");

    let page = Direct::with(PscConfig {
        clients: vec![client()],
        switches: Switches {
            non_professional: NonProfessional::Page,
            ..Switches::default()
        },
        ..PscConfig::default()
    });
    page.user("non-ps");
    let answer = page.authorize(&[]);
    assert_eq!(
        (answer.reply.status, answer.header("location")),
        (403, None)
    );
}

#[test]
fn without_an_armed_user_the_page_asks_in_french() {
    let psc = Direct::new();
    let page = psc.authorize(&[]);
    assert_eq!(page.reply.outcome, "page");
    let html = page.text();
    assert!(html.contains("lang=\"fr\"") && html.contains("vous demande de vous authentifier"));
    assert!(
        html.contains("D&#39;ÉTÉ-Ñ"),
        "names are escaped and accented"
    );
    let key = html
        .split("name=\"demande\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let choose =
        |form: &[(&str, &str)]| psc.send(incoming("wallet", "POST", "/auth/decision", &[], form));
    let back = choose(&[("demande", key), ("persona", "psycho"), ("canal", "MOBILE")]);
    assert_eq!(
        (back.operation.as_str(), back.reply.outcome.as_str()),
        ("decision", "code")
    );
    let body = psc.redeem(&back.sent_back()["code"]).json();
    let access = claims(text(&body, "access_token"));
    assert_eq!(access["authMode"], "MOBILE");
    assert_eq!(claims(text(&body, "id_token"))["family_name"], "D'ÉTÉ-Ñ");
    // The page serves once.
    let again = choose(&[("demande", key), ("persona", "psycho"), ("canal", "CARD")]);
    assert_eq!(again.reply.outcome, "page_expired");

    psc.other_browser();
    let html = psc.authorize(&[]).text();
    let key = html
        .split("name=\"demande\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert_eq!(
        choose(&[("demande", key), ("annuler", "1")]).sent_back()["error"],
        "access_denied"
    );
}

#[test]
fn a_code_serves_once_within_its_minute_with_what_it_was_asked_with() {
    let psc = Direct::new();
    let code = || {
        psc.other_browser();
        psc.user("idec");
        psc.authorize(&[]).sent_back()["code"].clone()
    };
    let redeem = |code: &str, name: &str, value: &str| {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        form.retain(|(n, _)| *n != name);
        if !value.is_empty() {
            form.push((name, value));
        }
        psc.post("/token", &form).reply
    };
    let outcome = |name: &str, value: &str| redeem(&code(), name, value).outcome;
    assert_eq!(
        outcome("redirect_uri", "https://dui.diapason.test/autre"),
        "redirect_uri_mismatch"
    );
    assert_eq!(outcome("redirect_uri", ""), "redirect_uri_mismatch");
    assert_eq!(outcome("code_verifier", ""), "pkce_missing");
    assert_eq!(
        outcome(
            "code_verifier",
            "un-autre-verifieur-de-test-qui-a-plus-de-43"
        ),
        "pkce_mismatch"
    );
    assert_eq!(outcome("code", "inconnu"), "invalid_grant");
    assert_eq!(outcome("code", ""), "invalid_request");

    let late = code();
    psc.advance(60);
    assert_eq!(redeem(&late, "", "").outcome, "code_expired");

    let twice = code();
    let first = psc.redeem(&twice);
    assert_eq!(first.reply.status, 200);
    let second = psc.redeem(&twice);
    assert_eq!(
        (second.reply.status, second.reply.outcome.as_str()),
        (400, "code_replayed")
    );
    assert_eq!(second.json()["error"], "invalid_grant");
    // The tokens of a replayed code are dead.
    assert_eq!(
        psc.userinfo(text(&first.json(), "access_token"))
            .reply
            .status,
        401
    );
}

#[test]
fn pkce_plain_and_no_pkce_at_all_are_accepted() {
    let psc = Direct::new();
    psc.user("idec");
    let back = psc.authorize(&[
        ("code_challenge", VERIFIER),
        ("code_challenge_method", "plain"),
    ]);
    assert_eq!(psc.redeem(&back.sent_back()["code"]).reply.status, 200);
    let back = psc.authorize(&[("code_challenge", ""), ("code_challenge_method", "")]);
    let code = back.sent_back()["code"].clone();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
    ];
    assert_eq!(psc.post("/token", &form).reply.status, 200);
}

#[test]
fn the_verifier_answers_the_challenge_in_the_correlation() {
    let psc = Direct::new();
    psc.user("idec");
    let back = psc.authorize(&[]);
    let tokens = psc.redeem(&back.sent_back()["code"]);
    assert_eq!(
        back.presented["code_challenge"],
        tokens.presented["code_challenge"]
    );
    assert_eq!(back.reply.issued["code"], tokens.presented["code"]);
    assert_eq!(back.presented["state"], back.reply.issued["state"]);
}

#[test]
fn without_openid_there_is_no_id_token() {
    let psc = Direct::new();
    psc.user("idec");
    let code = psc.authorize(&[("scope", "scope_all")]).sent_back()["code"].clone();
    let body = psc.redeem(&code).json();
    assert!(body.get("id_token").is_none());
    assert_eq!(psc.userinfo(text(&body, "access_token")).reply.status, 200);
}

#[test]
fn userinfo_wants_the_token_where_it_belongs() {
    let psc = Direct::new();
    let token = text(&psc.login("as").json(), "access_token").to_owned();
    let in_address = psc.get(
        "auth",
        &Direct::realm("/userinfo"),
        &[("access_token", &token)],
    );
    assert_eq!(
        (in_address.reply.status, in_address.reply.outcome.as_str()),
        (401, "missing_token")
    );
    assert_eq!(
        psc.post_bare("/userinfo", &[("access_token", &token)])
            .reply
            .status,
        200
    );
    let wrong = psc.userinfo("x");
    assert_eq!(wrong.reply.status, 401);
    assert!(
        wrong
            .header("www-authenticate")
            .unwrap()
            .contains("invalid_token")
    );
}

#[test]
fn introspection_tells_what_a_token_is_worth() {
    let psc = Direct::new();
    let body = psc.login("social").json();
    let introspect = |kind: &str| {
        psc.post("/token/introspect", &[("token", text(&body, kind))])
            .json()
    };
    let access = introspect("access_token");
    assert_eq!(access["active"], true);
    assert_eq!(access["SubjectNameID"], "30B0990001/CPET00042");
    assert_eq!(access["client_id"], CLIENT);
    let refresh = introspect("refresh_token");
    assert_eq!(refresh["active"], true);
    assert!(refresh.get("SubjectNameID").is_none());
    psc.advance(120);
    assert_eq!(introspect("access_token"), json!({ "active": false }));
    assert_eq!(introspect("refresh_token")["active"], true);
    assert_eq!(
        psc.post_bare("/token/introspect", &[("token", "x")])
            .reply
            .status,
        401
    );
}

#[test]
fn log_out_ends_the_session_and_sends_back_to_a_declared_address_only() {
    let psc = Direct::new();
    let body = psc.login("idec").json();
    let hint = text(&body, "id_token").to_owned();
    psc.advance(300);
    let out = |more: &[(&str, &str)]| {
        let mut query = vec![("id_token_hint", hint.as_str())];
        query.extend(more);
        psc.get("auth", &Direct::realm("/logout"), &query)
    };
    let wrong = out(&[(
        "post_logout_redirect_uri",
        "https://ailleurs.diapason.test/",
    )]);
    assert_eq!(
        (wrong.reply.status, wrong.reply.outcome.as_str()),
        (400, "invalid_redirect_uri")
    );
    assert_eq!(psc.authorize(&[]).reply.outcome, "code_sso", "still alive");
    let right = out(&[
        ("post_logout_redirect_uri", LOGGED_OUT),
        ("state", "fini é"),
    ]);
    assert_eq!(
        (right.reply.status, right.reply.outcome.as_str()),
        (302, "ok")
    );
    assert_eq!(right.sent_back()["state"], "fini é");
    assert!(right.header("location").unwrap().starts_with(LOGGED_OUT));
    assert_eq!(
        psc.refresh(text(&body, "refresh_token")).reply.outcome,
        "session_ended"
    );
    assert_eq!(psc.userinfo(text(&body, "access_token")).reply.status, 401);
    assert_eq!(out(&[]).reply.outcome, "already_ended");
    assert_eq!(psc.authorize(&[]).reply.outcome, "code", "asked again");

    let bare = psc.get("auth", &Direct::realm("/logout"), &[]);
    assert_eq!(bare.reply.outcome, "confirmation");
    // Not the last character: some of its bits carry nothing.
    let at = hint.len() - 20;
    let other = if hint[at..].starts_with('A') {
        "B"
    } else {
        "A"
    };
    let forged = format!("{}{other}{}", &hint[..at], &hint[at + 1..]);
    let forged = psc.get(
        "auth",
        &Direct::realm("/logout"),
        &[("id_token_hint", &forged)],
    );
    assert_eq!(forged.reply.outcome, "invalid_hint");
    let confirmed = psc.post_bare("/logout/logout-confirm", &[("confirmation", "x")]);
    assert_eq!(confirmed.reply.outcome, "ok", "the browser's own session");
}

#[test]
fn a_pushed_request_serves_once() {
    let psc = Direct::new();
    psc.user("idec");
    let pushed = psc.post(
        "/ext/par/request",
        &[
            ("response_type", "code"),
            ("redirect_uri", REDIRECT),
            ("scope", "openid"),
            ("state", "s"),
        ],
    );
    assert_eq!(pushed.reply.status, 201);
    let uri = text(&pushed.json(), "request_uri").to_owned();
    let query = [("client_id", CLIENT), ("request_uri", uri.as_str())];
    assert_eq!(psc.get("wallet", "/auth", &query).sent_back()["state"], "s");
    assert_eq!(
        psc.get("wallet", "/auth", &query).reply.outcome,
        "request_expired"
    );
}

#[test]
fn unknown_paths_are_answered_and_named_so() {
    let psc = Direct::new();
    for (listener, path) in [
        ("auth", "/"),
        ("auth", "/auth/realms/autre/protocol/openid-connect/token"),
        (
            "auth",
            "/auth/realms/esante-wallet/protocol/openid-connect/rien",
        ),
        ("wallet", "/login"),
    ] {
        let answer = psc.get(listener, path, &[]);
        assert_eq!(
            (answer.operation.as_str(), answer.reply.status),
            ("unknown", 404)
        );
        assert!(answer.json()["error"].is_string());
    }
    // The realm's own authorization path is answered, and recorded as such by its listener.
    psc.user("idec");
    let query = [
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
    ];
    let answer = psc.get("auth", &Direct::realm("/auth"), &query);
    assert_eq!(
        (answer.operation.as_str(), answer.reply.status),
        ("authorize", 302)
    );
}

#[test]
fn a_real_professional_is_not_let_in() {
    let psc = Direct::new();
    let guard = |hint: &str| {
        let request = incoming(
            "auth",
            "POST",
            &Direct::realm("/ext/ciba/auth"),
            &[],
            &[("login_hint", hint)],
        );
        psc.provider.guard(&request)
    };
    // Well-formed, of no test range; made up for this test.
    assert!(guard("810000000009").is_some_and(|w| !w.contains("8100")));
    assert_eq!(guard("899709900023"), None);
    assert_eq!(guard("899700000003"), None);
    assert_eq!(guard("30B0990001/CPET00042"), None);
}

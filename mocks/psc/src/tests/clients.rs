//! How clients authenticate: secret, certificate, assertion.

use super::*;

#[test]
fn clients_authenticate_by_secret_in_header_or_form() {
    let psc = Direct::new();
    let outcome = |form: &[(&str, &str)]| {
        let answer = psc.post_bare("/token", form);
        (answer.reply.status, answer.reply.outcome)
    };
    let code = ("grant_type", "authorization_code");
    let refused = |status, word: &str| (status, word.to_owned());
    assert_eq!(outcome(&[code]), refused(401, "invalid_client"));
    assert_eq!(
        outcome(&[code, ("client_id", "autre"), ("client_secret", "x")]),
        refused(401, "invalid_client")
    );
    assert_eq!(
        outcome(&[code, ("client_id", CLIENT), ("client_secret", "x")]),
        refused(401, "unauthorized_client")
    );
    assert_eq!(
        outcome(&[code, ("client_id", CLIENT), ("client_secret", SECRET)]),
        refused(400, "invalid_request"),
        "authenticated, then no code"
    );
    assert_eq!(
        outcome(&[code, code, ("client_id", CLIENT)]),
        refused(400, "invalid_request")
    );
    let mut json_body = incoming("auth", "POST", &Direct::realm("/token"), &[], &[]);
    json_body.headers.retain(|(n, _)| n != "content-type");
    assert_eq!(psc.send(json_body).reply.status, 415);
    assert_eq!(
        psc.get("auth", &Direct::realm("/token"), &[]).reply.status,
        405
    );
    let other = psc.post("/token", &[("grant_type", "password")]);
    assert_eq!(other.reply.outcome, "unauthorized_client");
    assert_eq!(
        psc.post("/token", &[("grant_type", "x")]).reply.outcome,
        "unsupported_grant_type"
    );
}

#[test]
fn a_certificate_authenticates_when_it_is_the_declared_one() {
    let psc = Direct::new();
    psc.user("idec");
    let form = |code: String| {
        psc.post_bare(
            "/token",
            &[
                ("grant_type", "authorization_code"),
                ("client_id", CLIENT),
                ("code", &code),
                ("redirect_uri", REDIRECT),
                ("code_verifier", VERIFIER),
            ],
        )
    };
    let code = || psc.authorize(&[]).sent_back()["code"].clone();
    assert_eq!(form(code()).reply.outcome, "invalid_client");
    for (name, trusted, status) in [
        ("dui", true, 200),
        ("dui", false, 401),
        ("autre", true, 401),
    ] {
        *psc.certificate.borrow_mut() = Some(certificate(name, trusted));
        assert_eq!(form(code()).reply.status, status, "{name} {trusted}");
    }
}

#[test]
fn the_trust_space_wants_the_certificate_and_binds_tokens_to_it() {
    let psc = Direct::profile(Profile::Edc);
    psc.user("idec");
    let code = psc.authorize(&[]).sent_back()["code"].clone();
    assert_eq!(psc.redeem(&code).reply.outcome, "unauthorized_client");
    *psc.certificate.borrow_mut() = Some(certificate("dui", true));
    let code = psc.authorize(&[]).sent_back()["code"].clone();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    let body = psc.post_bare("/token", &form).json();
    let access = text(&body, "access_token").to_owned();
    let bound = claims(&access)["cnf"]["x5t#S256"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(bound, STANDARD.encode(Sha256Hex::of(b"dui").as_str()));
    assert_eq!(psc.userinfo(&access).reply.status, 200);
    *psc.certificate.borrow_mut() = Some(certificate("autre", true));
    assert_eq!(psc.userinfo(&access).reply.outcome, "certificate_mismatch");
    let refresh = text(&body, "refresh_token");
    *psc.certificate.borrow_mut() = None;
    assert_eq!(psc.refresh(refresh).reply.status, 401);
}

#[test]
fn an_assertion_authenticates_once() {
    let key = crate::keys::decoy();
    let psc = Direct::with(PscConfig {
        clients: vec![ClientConfig {
            jwks: Some(json!({ "keys": [key.jwk("sig", "RS256")] })),
            secret: None,
            ..client()
        }],
        ..PscConfig::default()
    });
    let now = psc.clock.now().unix_seconds();
    let assertion = |change: Value| {
        let mut claims = json!({
            "iss": CLIENT, "sub": CLIENT, "aud": psc.issuer(), "jti": "a", "exp": now + 60, "iat": now,
        });
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let input = format!(
            "{}.{}",
            base64url(&json!({ "alg": "RS256", "kid": key.kid }).to_string()),
            base64url(&claims.to_string())
        );
        format!(
            "{input}.{}",
            URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes()))
        )
    };
    let post = |assertion: &str| {
        psc.post_bare(
            "/token/introspect",
            &[
                (
                    "client_assertion_type",
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                ),
                ("client_assertion", assertion),
                ("token", "inconnu"),
            ],
        )
        .reply
        .status
    };
    let good = assertion(json!({}));
    assert_eq!(post(&good), 200);
    assert_eq!(post(&good), 401, "replayed");
    for change in [
        json!({ "jti": "b", "aud": "https://ailleurs.diapason.test" }),
        json!({ "jti": "c", "sub": "autre" }),
        json!({ "jti": "d", "exp": now - 60 }),
        json!({ "jti": "e", "exp": now + 86_400 }),
        json!({ "jti": null }),
    ] {
        assert_eq!(post(&assertion(change.clone())), 401, "{change}");
    }
    let broken = format!("{}A", &good[..good.len() - 1]);
    assert_eq!(post(&broken), 401);
    assert_eq!(
        post(&assertion(
            json!({ "jti": "f", "aud": ["x", format!("{}/protocol/openid-connect/token", psc.issuer())] })
        )),
        200
    );
}

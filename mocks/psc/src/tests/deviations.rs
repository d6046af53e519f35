//! Each ID token fault changes exactly what it names, measured against what a strict client expects.

use std::collections::BTreeSet;

use diapason_formats::jwt::{self, Jwt, JwtError};

use super::*;
use crate::faults::faults;
use crate::keys;

/// What a strict client finds wrong or unusual with an ID token.
fn deviations(psc: &Direct, body: &Value, nonce: &str, jwks: &Value) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut check = |name: &'static str, right: bool| {
        if !right {
            found.insert(name);
        }
    };
    let token = Jwt::decode(text(body, "id_token")).unwrap();
    let now = psc.clock.now().unix_seconds();
    let access = claims(text(body, "access_token"));
    let header_names: BTreeSet<&str> = token.header.keys().map(String::as_str).collect();
    check("alg", token.alg() == Some("RS256"));
    check(
        "kid",
        token.kid().is_some_and(|kid| {
            jwks["keys"]
                .as_array()
                .unwrap()
                .iter()
                .any(|k| k["kid"] == kid)
        }),
    );
    check(
        "header",
        header_names
            .difference(&["alg", "typ", "kid"].into())
            .count()
            == 0,
    );
    // The signature under the right key, whatever the header says of the key.
    let right_key = jwks["keys"]
        .as_array()
        .unwrap()
        .iter()
        .any(|k| jwt::verify(&token, k).is_ok());
    check("signature", right_key);
    check("iss", token.text("iss") == Some(psc.issuer().as_str()));
    check("aud", token.claims.get("aud") == Some(&json!(CLIENT)));
    check("azp", token.text("azp") == Some(CLIENT));
    check("nonce", token.text("nonce") == Some(nonce));
    check("exp", token.seconds("exp") == Some(now + 120));
    check("iat", token.seconds("iat") == Some(now));
    check("sub", token.claims.get("sub") == access.get("sub"));
    check(
        "at_hash",
        token.text("at_hash") == Some(&jwt::at_hash(text(body, "access_token"))),
    );
    check("acr", token.text("acr") == Some("eidas1"));
    check("typ", token.text("typ") == Some("ID"));
    check(
        "identity",
        token.claims.get("SubjectNameID") == access.get("preferred_username"),
    );
    check("extra", token.claims.len() <= 18);
    found
}

/// What each fault of the ID token may change; a signature goes with the algorithm or key it stands on.
const EXPECTED: &[(&str, &[&str])] = &[
    ("ISS-WRONG", &["iss"]),
    ("ISS-PROD", &["iss"]),
    ("ISS-MISSING", &["iss"]),
    ("AUD-WRONG", &["aud"]),
    ("AUD-MISSING", &["aud"]),
    ("AUD-ARRAY", &["aud"]),
    ("AUD-EXTRA", &["aud", "azp"]),
    ("AUD-EXTRA-AZP", &["aud"]),
    ("AZP-WRONG", &["azp"]),
    ("NONCE-WRONG", &["nonce"]),
    ("NONCE-MISSING", &["nonce"]),
    ("EXP-PAST", &["exp"]),
    ("EXP-60", &["exp"]),
    ("EXP-MISSING", &["exp"]),
    ("IAT-MISSING", &["iat"]),
    ("IAT-OLD", &["iat"]),
    ("IAT-FUTURE", &["iat"]),
    ("SUB-MISSING", &["sub"]),
    ("SUB-EMPTY", &["sub"]),
    ("SIG-BROKEN", &["signature"]),
    ("SIG-ATTACKER", &["signature"]),
    ("ALG-NONE", &["alg", "signature"]),
    ("HS256-PUBLIC-KEY", &["alg", "signature"]),
    ("HS256-SECRET", &["alg", "kid", "signature"]),
    ("KID-ABSENT", &["kid"]),
    ("KID-UNKNOWN", &["kid"]),
    ("JKU", &["kid", "header", "signature"]),
    ("X5U", &["kid", "header", "signature"]),
    ("JWK-HEADER", &["kid", "header", "signature"]),
    ("CRIT", &["header"]),
    ("ROTATE-BEFORE-SIGNING", &[]),
    ("ATHASH-WRONG", &["at_hash"]),
    ("ATHASH-MISSING", &["at_hash"]),
    ("ACR-MISSING", &["acr"]),
    ("ACR-LOW", &["acr"]),
    ("ACR-EIDAS2", &["acr"]),
    ("IDTOKEN-REPLAY", &["nonce"]),
    ("IDTOKEN-EXTRA", &["extra"]),
];

#[test]
fn each_fault_of_the_id_token_changes_one_thing() {
    let nonce = "nonce-de-test-assez-long-0";
    let none = Direct::new();
    let body = none.login("idec").json();
    assert_eq!(
        deviations(&none, &body, nonce, &none.jwks()),
        BTreeSet::new(),
        "the base token"
    );
    for (fault, expected) in EXPECTED {
        let psc = Direct::new();
        psc.fault(fault);
        let answer = psc.login("idec");
        assert_eq!(answer.reply.status, 200, "{fault}: {}", answer.text());
        let body = answer.json();
        let expected: BTreeSet<&str> = expected.iter().copied().collect();
        assert_eq!(
            deviations(&psc, &body, nonce, &psc.jwks()),
            expected,
            "{fault}"
        );
        // Nothing but the ID token is touched.
        assert_eq!(
            psc.userinfo(text(&body, "access_token")).reply.status,
            200,
            "{fault}"
        );
    }
}

#[test]
fn every_fault_of_the_token_answer_is_tested_somewhere() {
    let elsewhere = [
        "NO-IDTOKEN",
        "NO-ACCESS-TOKEN",
        "TOKEN-TYPE-MAC",
        "TOKEN-TYPE-LOWER",
        "NO-EXPIRES-IN",
        "NO-SCOPE",
        "NO-REFRESH-TOKEN",
        "TOKEN-EXTRA",
        "TOKEN-500",
        "TOKEN-SLOW",
        "TOKEN-SILENT",
        "TOKEN-CUT",
        "TOKEN-NOT-JSON",
        "TOKEN-REDIRECT",
        "TOKEN-INVALID-GRANT",
        "TOKEN-INVALID-CLIENT",
        "IDTOKEN-IS-ACCESS",
    ];
    for fault in faults() {
        if fault.operations.iter().any(|o| o == "token_code") {
            let name = fault.id.as_str().trim_start_matches("PSC-F-");
            assert!(
                EXPECTED.iter().any(|(n, _)| *n == name) || elsewhere.contains(&name),
                "{name} has no test"
            );
        }
    }
}

#[test]
fn attacks_on_the_signature_are_real_ones() {
    // Each would be accepted by the client that has the weakness.
    let id_token = |fault: &str, with: Value| {
        let psc = Direct::new();
        psc.fault_with(fault, &with);
        Jwt::decode(text(&psc.login("idec").json(), "id_token")).unwrap()
    };
    let hmac = |token: &Jwt, secret: &[u8]| {
        crate::tokens::hs256(secret, &token.signing_input) == token.signature
    };
    let ring = ring();
    let spki = &ring.signing().spki;
    let pem = jwt::pem("PUBLIC KEY", spki);
    assert!(hmac(
        &id_token("HS256-PUBLIC-KEY", json!({})),
        pem.as_bytes()
    ));
    assert!(hmac(
        &id_token("HS256-PUBLIC-KEY", json!({ "form": "der" })),
        spki
    ));
    assert!(hmac(
        &id_token("HS256-SECRET", json!({})),
        SECRET.as_bytes()
    ));
    assert_eq!(
        id_token("ALG-NONE", json!({ "alg": "None" })).signature,
        Vec::<u8>::new()
    );

    let token = id_token("JWK-HEADER", json!({}));
    assert_eq!(jwt::verify(&token, &token.header["jwk"]), Ok(()));
    let token = id_token("JKU", json!({}));
    let psc = Direct::new();
    let jku = token.header["jku"].as_str().unwrap();
    let path = jku.split_once("4431").unwrap().1;
    let served = psc.get("auth", path, &[]);
    assert_eq!(
        (served.operation.as_str(), served.reply.outcome.as_str()),
        ("unknown", "attacker")
    );
    assert_eq!(jwt::verify_with_set(&token, &served.json()), Ok(()));
    let token = id_token("SIG-ATTACKER", json!({}));
    assert_eq!(jwt::verify(&token, keys::attacker().public()), Ok(()));
    let token = id_token("SIG-BROKEN", json!({}));
    assert_eq!(
        jwt::verify_with_set(&token, &psc.jwks()),
        Err(JwtError::Signature)
    );
}

#[test]
fn a_replayed_id_token_carries_the_nonce_of_the_earlier_login() {
    let psc = Direct::new();
    psc.user("idec");
    let login = |nonce: &str| {
        let back = psc.authorize(&[("nonce", nonce)]);
        psc.redeem(&back.sent_back()["code"]).json()
    };
    let first = login("le-premier-nonce");
    psc.fault_with("IDTOKEN-REPLAY", &json!({}));
    let replayed = login("le-second-nonce");
    assert_eq!(
        claims(text(&replayed, "id_token"))["nonce"],
        "le-premier-nonce"
    );
    psc.arm(&json!({ "clear": true }));
    psc.fault_with("IDTOKEN-REPLAY", &json!({ "verbatim": true }));
    assert_eq!(login("le-troisieme-nonce")["id_token"], first["id_token"]);
}

#[test]
fn the_issuer_of_another_environment_depends_on_the_one_played() {
    let issuer = |issuer: Option<&str>| {
        let psc = Direct::with(PscConfig {
            issuer: issuer.map(str::to_owned),
            clients: vec![client()],
            ..PscConfig::default()
        });
        psc.fault("ISS-PROD");
        text(&claims(text(&psc.login("idec").json(), "id_token")), "iss").to_owned()
    };
    assert!(issuer(None).contains("auth.esw."));
    let production = "https://auth.esw.esante.gouv.fr/auth/realms/esante-wallet";
    assert!(issuer(Some(production)).contains("auth.bas."));
}

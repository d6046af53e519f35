//! Nothing a client sends makes the provider panic: a panic would end the exchange as our own failure.

use proptest::prelude::*;

use super::*;

const PATHS: [(&str, &str); 14] = [
    ("wallet", "/auth"),
    ("wallet", "/auth/decision"),
    ("wallet", "/ciba/decision"),
    ("auth", "/.well-known/wallet-openid-configuration"),
    ("auth", "/protocol/openid-connect/certs"),
    ("auth", "/protocol/openid-connect/auth"),
    ("auth", "/protocol/openid-connect/token"),
    ("auth", "/protocol/openid-connect/token/introspect"),
    ("auth", "/protocol/openid-connect/userinfo"),
    ("auth", "/protocol/openid-connect/logout"),
    ("auth", "/protocol/openid-connect/revoke"),
    ("auth", "/protocol/openid-connect/ext/ciba/auth"),
    ("auth", "/protocol/openid-connect/ext/par/request"),
    ("auth", "/rien"),
];

const NAMES: [&str; 22] = [
    "client_id",
    "client_secret",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "nonce",
    "prompt",
    "max_age",
    "response_mode",
    "code_challenge",
    "code_challenge_method",
    "request_uri",
    "grant_type",
    "code",
    "code_verifier",
    "refresh_token",
    "auth_req_id",
    "token",
    "id_token_hint",
    "client_assertion",
    "login_hint",
];

/// A value that is right, nearly right, or anything.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(CLIENT.to_owned()),
        Just(SECRET.to_owned()),
        Just(REDIRECT.to_owned()),
        Just("authorization_code".to_owned()),
        Just("refresh_token".to_owned()),
        Just("urn:openid:params:grant-type:ciba".to_owned()),
        Just("openid scope_all".to_owned()),
        Just("code".to_owned()),
        Just("S256".to_owned()),
        Just("899709900023".to_owned()),
        Just("-9223372036854775808".to_owned()),
        Just("e30.eyJleHAiOjkyMjMzNzIwMzY4NTQ3NzU4MDcsImlzcyI6ImR1aS10ZXN0Iiwic3ViIjoiZHVpLXRlc3QifQ.".to_owned()),
        ".{0,60}",
    ]
}

fn pairs(all: &[(usize, String)]) -> Vec<(&str, &str)> {
    all.iter().map(|(n, v)| (NAMES[*n], v.as_str())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_request_is_answered(
        path in 0..PATHS.len(),
        method in prop_oneof![Just("GET"), Just("POST"), Just("OPTIONS")],
        query in proptest::collection::vec((0..NAMES.len(), value()), 0..6),
        form in proptest::collection::vec((0..NAMES.len(), value()), 0..6),
        authorization in prop_oneof![
            Just(String::new()),
            Just(format!("Basic {}", STANDARD.encode("dui-test:secret+du+dui%3Atest"))),
            "(Basic|Bearer|basic|) ?.{0,30}",
        ],
        raw in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        static PSC: LazyLock<std::sync::Mutex<Direct>> = LazyLock::new(|| {
            let psc = Direct::new();
            psc.user("idec");
            std::sync::Mutex::new(psc)
        });
        let psc = PSC.lock().unwrap();
        let (listener, path) = PATHS[path];
        let path = if listener == "auth" {
            format!("/auth/realms/esante-wallet{path}")
        } else {
            path.to_owned()
        };
        let mut request = incoming(listener, method, &path, &pairs(&query), &pairs(&form));
        if !authorization.is_empty() {
            request.headers.push(("authorization".to_owned(), authorization));
        }
        if form.is_empty() {
            request.body = raw.into();
        }
        let _ = psc.provider.guard(&request);
        let answer = psc.send(request);
        prop_assert!((200..600).contains(&answer.reply.status));
        prop_assert!(!answer.reply.outcome.is_empty());
        prop_assert!(!answer.text().contains(SECRET));
    }
}

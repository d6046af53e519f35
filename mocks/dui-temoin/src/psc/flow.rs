//! The authorization code flow: the request that leaves, the callback that comes back.

use serde_json::Value;
use url::Url;

use super::admission::{Arrival, Authenticated, admit};
use super::client::PscClient;
use super::failure::Failure;
use super::id_token::{Expected, Identity, check_claims};
use super::jose::{encode, random, sha256};
use super::session::{Means, Pending};
use super::tokens::{ResponseDefect, TokenResponse, Tokens};
use super::trace;
use super::userinfo::Professional;
use crate::AppState;

/// Page opened after a login when none was asked for.
const HOME: &str = "/accueil";

/// Prepares an authorization request for the browser session `sid` and returns its address.
pub(crate) async fn start(state: &AppState, sid: &str, retour: &str) -> Result<String, Failure> {
    let client = state.psc().client()?;
    let provider = client.provider(state).await?;
    let settings = client.settings();
    let mutant = |name: &str| state.mutant(name);

    let mut pending = Pending {
        state: random(),
        nonce: random(),
        verifier: random(),
        retour: local_path(retour, mutant("open-redirect")),
        at: state.now(),
    };
    if mutant("state-constant") {
        "etat-toujours-le-meme-0123456789".clone_into(&mut pending.state);
    }
    if mutant("state-short") {
        pending.state.truncate(8);
    }
    if mutant("state-tells-page") {
        pending.state = format!("{}.{}", pending.retour, pending.state);
    }
    if mutant("nonce-reused") {
        "nonce-toujours-le-meme-0123456789".clone_into(&mut pending.nonce);
    }
    if mutant("nonce-equals-state") {
        pending.nonce.clone_from(&pending.state);
    }
    let challenge = encode(&sha256(pending.verifier.as_bytes()));
    let mut redirect_uri = settings.redirect_uri.clone();
    if mutant("redirect-uri-slash") {
        redirect_uri.push('/');
    }
    let scope = match () {
        () if mutant("scope-without-scope-all") => "openid",
        () if mutant("scope-without-openid") => "scope_all",
        () if mutant("scope-too-wide") => "openid scope_all profile email offline_access",
        () => "openid scope_all",
    };
    let mut params: Vec<(&str, &str)> = vec![
        (
            "response_type",
            if mutant("response-type-token") {
                "code token"
            } else {
                "code"
            },
        ),
        ("client_id", &settings.client_id),
        ("redirect_uri", &redirect_uri),
        ("scope", scope),
    ];
    match () {
        () if mutant("no-acr-request") => {}
        () if mutant("acr-parameter-misspelt") => params.push(("acr", "eidas1")),
        () if mutant("acr-request-eidas2") => params.push(("acr_values", "eidas2")),
        () => params.push(("acr_values", "eidas1")),
    }
    if !mutant("no-state") {
        params.push(("state", &pending.state));
    }
    if !mutant("no-nonce") {
        params.push(("nonce", &pending.nonce));
    }
    match () {
        () if mutant("no-pkce") || mutant("code-not-bound") => {}
        () if mutant("pkce-plain") => {
            params.push(("code_challenge", &pending.verifier));
            params.push(("code_challenge_method", "plain"));
        }
        () => {
            params.push(("code_challenge", &challenge));
            params.push(("code_challenge_method", "S256"));
        }
    }
    let remembered = remembered_mutant(state);
    if let Some(id) = &remembered {
        params.push(("login_hint", id));
    }
    if mutant("secret-in-authorize") {
        params.push(("client_secret", &settings.client_secret));
    }
    let endpoint = if mutant("realm-path-authorize") {
        format!("{}/protocol/openid-connect/auth", provider.issuer)
    } else {
        provider.authorization
    };
    let mut url = Url::parse(&endpoint).map_err(|_| Failure::Body("authorization_endpoint"))?;
    url.query_pairs_mut().extend_pairs(params);
    if let Some(session) = state.psc().memory().sessions.get_mut(sid) {
        session.push_pending(pending);
    }
    state.log("psc: authorization request sent");
    Ok(url.into())
}

/// Only the mutant `login-hint-remembered` puts a national id in an address.
fn remembered_mutant(state: &AppState) -> Option<String> {
    if !state.mutant("login-hint-remembered") {
        return None;
    }
    let views = state.psc().memory().accounts.views();
    views.into_iter().find_map(|view| view.identifiant_national)
}

/// A page of this DUI, or the home page: an address elsewhere is never followed.
fn local_path(asked: &str, anywhere: bool) -> String {
    if anywhere && !asked.is_empty() {
        return asked.to_owned();
    }
    let inside = asked.starts_with('/')
        && !asked.starts_with("//")
        && asked.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if inside { asked } else { HOME }.to_owned()
}

/// How a callback ends.
#[derive(Debug)]
pub(crate) enum Callback {
    /// Logged in: session value and page to open.
    In(String, String),
    /// Known to PSC, not to this DUI: session value.
    NoAccount(String),
    /// Refused.
    Refused {
        /// Why.
        failure: Failure,
        /// What PSC added, to be shown escaped.
        description: Option<String>,
    },
}

/// Handles a callback received in the browser session `sid`.
pub(crate) async fn callback(state: &AppState, sid: &str, params: &[(String, String)]) -> Callback {
    match receive(state, sid, params).await {
        Ok((who, retour)) => match admit(state, sid, who) {
            Arrival::In(id) => Callback::In(id, retour),
            Arrival::NoAccount(id) => Callback::NoAccount(id),
        },
        Err((failure, description)) => {
            state.log(&format!("psc: login refused: {failure}"));
            trace(
                state,
                "connexion.echec",
                "inconnu",
                Means::Psc,
                &failure.to_string(),
            );
            Callback::Refused {
                failure,
                description,
            }
        }
    }
}

type Refusal = (Failure, Option<String>);

async fn receive(
    state: &AppState,
    sid: &str,
    params: &[(String, String)],
) -> Result<(Authenticated, String), Refusal> {
    let plain = |failure: Failure| (failure, None);
    let client = state.psc().client().map_err(plain)?;
    let one = |name: &str| -> Result<Option<&str>, Refusal> {
        let mut values = params
            .iter()
            .filter(|(n, _)| n == name)
            .map(|(_, v)| v.as_str());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err((Failure::Callback("duplicate parameter"), None)),
            (value, None) => Ok(value.filter(|v| !v.is_empty())),
        }
    };
    let (code, error, issuer) = (one("code")?, one("error")?, one("iss")?);
    let pending =
        take_pending(state, sid, one("state")?).ok_or(plain(Failure::Callback("state")))?;

    let provider = client.provider(state).await.map_err(plain)?;
    let named = match issuer {
        Some(issuer) => issuer == provider.issuer || state.mutant("no-callback-iss-check"),
        None => {
            !provider.iss_in_callback
                || state.mutant("accept-missing-callback-iss")
                || state.mutant("no-callback-iss-check")
        }
    };
    if !named {
        return Err(plain(Failure::Callback("iss")));
    }
    let known = [
        "code",
        "state",
        "session_state",
        "iss",
        "error",
        "error_description",
    ];
    if state.mutant("unknown-parameter-refused")
        && params
            .iter()
            .any(|(name, _)| !known.contains(&name.as_str()))
    {
        return Err(plain(Failure::Callback("unknown parameter")));
    }
    if let Some(error) = error.filter(|_| !state.mutant("error-ignored")) {
        return Err((
            Failure::oauth("authorize", error),
            one("error_description")?.map(str::to_owned),
        ));
    }
    let careless = state.mutant("error-ignored") || state.mutant("call-without-code");
    let code = code
        .or(careless.then_some("absent"))
        .ok_or(plain(Failure::Callback("code")))?;
    let who = redeem(state, client, &provider.token, code, &pending)
        .await
        .map_err(plain)?;
    Ok((who, pending.retour))
}

/// The authorization request this callback answers, which can be answered once.
fn take_pending(state: &AppState, sid: &str, answered: Option<&str>) -> Option<Pending> {
    let now = state.now();
    let mut memory = state.psc().memory();
    if state.mutant("state-not-bound-to-browser")
        && let Some(answered) = answered
        && let Some(pending) = memory
            .sessions
            .iter()
            .find_map(|(_, session)| session.find_pending(answered, now))
    {
        return Some(pending.clone());
    }
    let session = memory.sessions.get_mut(sid)?;
    let latest = session.pending.back().cloned();
    let found = match answered {
        Some(answered) => session.find_pending(answered, now).cloned(),
        None if state.mutant("accept-missing-state") || state.mutant("no-state") => latest.clone(),
        None => None,
    };
    let found = found.or_else(|| latest.filter(|_| state.mutant("no-state-check")))?;
    if !state.mutant("callback-not-single-use") {
        session.pending.retain(|p| p.state != found.state);
    }
    Some(found)
}

/// Code against tokens, once.
async fn redeem(
    state: &AppState,
    client: &PscClient,
    endpoint: &str,
    code: &str,
    pending: &Pending,
) -> Result<Authenticated, Failure> {
    let mut form = vec![
        ("grant_type", "authorization_code".to_owned()),
        ("code", code.to_owned()),
        ("redirect_uri", client.settings().redirect_uri.clone()),
    ];
    if state.mutant("redirect-uri-slash") {
        form[2].1.push('/');
    }
    if state.mutant("token-redirect-uri-differs") {
        form[2].1.push_str("?etape=jeton");
    }
    if !state.mutant("no-pkce") && !state.mutant("code-not-bound") {
        let verifier = if state.mutant("verifier-drawn-again") {
            random()
        } else {
            pending.verifier.clone()
        };
        form.push(("code_verifier", verifier));
    }
    if state.mutant("token-in-log") {
        state.log(&format!("psc: token request, code={code}"));
    }
    let mut outcome = exchange(state, client, endpoint, "token", form.clone()).await;
    for _ in 0..4 {
        let again = match &outcome {
            Err(Failure::OAuth { .. }) => state.mutant("endless-retry"),
            Err(Failure::Unreachable { .. }) => state.mutant("retry-on-silence"),
            Err(Failure::Status(..)) => state.mutant("retry-on-server-error"),
            _ => false,
        };
        if !again {
            break;
        }
        outcome = exchange(state, client, endpoint, "token", form.clone()).await;
    }
    if state.mutant("code-used-twice") {
        // The second answer is not looked at.
        let _ = exchange(state, client, endpoint, "token", form).await;
    }
    authenticate(state, client, outcome?, Some(&pending.nonce), None).await
}

/// One call of the token endpoint.
pub(crate) async fn exchange(
    state: &AppState,
    client: &PscClient,
    endpoint: &str,
    what: &'static str,
    form: Vec<(&'static str, String)>,
) -> Result<TokenResponse, Failure> {
    let answer = client.post(state, endpoint, what, form).await?;
    let body = answer.object();
    if answer.status != 200 {
        let code = body
            .as_ref()
            .and_then(|b| b.get("error"))
            .and_then(Value::as_str);
        return Err(match code {
            Some(code) if answer.status < 500 => Failure::oauth(what, code),
            _ => Failure::Status(what, answer.status),
        });
    }
    let body = body.ok_or(Failure::Body(what))?;
    if state.mutant("token-in-log") {
        state.log(&format!(
            "psc: token response {}",
            Value::Object(body.clone())
        ));
    }
    TokenResponse::read(&body, &|m| state.mutant(m)).map_err(Failure::Response)
}

/// Tokens against an identity: ID token, then userinfo, each held against what is known.
pub(crate) async fn authenticate(
    state: &AppState,
    client: &PscClient,
    response: TokenResponse,
    nonce: Option<&str>,
    hint: Option<&str>,
) -> Result<Authenticated, Failure> {
    let mutant = |name: &str| state.mutant(name) || hint.is_some() && ciba_mutant(state, name);
    if mutant("userinfo-before-checks") {
        // Only the mutant: the token is used before it is trusted.
        let _ = client.userinfo(state, &response.access_token).await;
    }
    let identity = match &response.id_token {
        Some(id_token) if hint.is_some() && unverified_mutant(state, id_token) => {
            let jwt = super::jose::Jwt::parse(id_token).ok_or(Failure::Body("ciba"))?;
            jwt.claims
                .get("sub")
                .and_then(Value::as_str)
                .map(|sub| Identity {
                    sub: sub.to_owned(),
                    subject_name_id: None,
                    auth_time: None,
                    acr: String::new(),
                })
        }
        Some(id_token) => {
            let jwt = client.verified(state, id_token).await?;
            let provider = client.provider(state).await?;
            let expected = Expected {
                issuer: &provider.issuer,
                client_id: &client.settings().client_id,
                nonce: nonce.filter(|_| !mutant("no-nonce")),
                access_token: &response.access_token,
                subject: None,
                now: state.now(),
            };
            let identity = check_claims(&jwt.claims, &expected, &mutant).map_err(Failure::Token)?;
            let named = identity.subject_name_id.as_deref();
            if hint.is_some() && named.is_some() && named != hint && !mutant("ciba-other-person") {
                return Err(Failure::OtherPerson);
            }
            Some(identity)
        }
        None if mutant("accept-no-id-token") => None,
        None => return Err(Failure::Response(ResponseDefect::IdToken)),
    };
    let body = match (
        client.userinfo(state, &response.access_token).await,
        &identity,
    ) {
        (Err(failure), Some(_)) if identity_without_userinfo(&failure, &mutant) => {
            let token = response.id_token.as_deref().unwrap_or_default();
            client.verified(state, token).await?.claims
        }
        (body, _) => body?,
    };
    let identity = identity.unwrap_or_else(|| Identity {
        sub: body
            .get("sub")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        subject_name_id: None,
        auth_time: None,
        acr: String::new(),
    });
    let professional = Professional::read(&body, &identity, &mutant).map_err(Failure::Userinfo)?;
    if hint.is_some_and(|hint| hint != professional.national_id) && !mutant("ciba-other-person") {
        return Err(Failure::OtherPerson);
    }
    let now = state.now();
    let mut tokens = Tokens {
        access_token: String::new(),
        access_until: now,
        refresh_token: None,
        refresh_until: now,
        id_token: String::new(),
        sub: identity.sub,
        national_id: professional.national_id.clone(),
        nonce: nonce.map(str::to_owned),
        failed_at: None,
        first_refresh_token: response.refresh_token.clone(),
    };
    tokens.renew(response, now);
    Ok(Authenticated {
        professional,
        tokens,
        auth_time: identity.auth_time,
    })
}

/// Only mutants take an identity from the ID token when userinfo fails.
fn identity_without_userinfo(failure: &Failure, mutant: &dyn Fn(&str) -> bool) -> bool {
    match failure {
        Failure::Unreachable { .. } => mutant("userinfo-silence-ignored"),
        Failure::Status(..) => mutant("login-without-userinfo") || mutant("accept-no-access-token"),
        _ => mutant("login-without-userinfo"),
    }
}

/// Defects that a mutant has in the CIBA flow only.
const CIBA_ONLY: [(&str, &str); 3] = [
    ("accept-wrong-iss", "ciba-accept-wrong-iss"),
    ("accept-wrong-aud", "ciba-accept-wrong-aud"),
    ("accept-expired-id-token", "ciba-accept-expired"),
];

fn ciba_mutant(state: &AppState, name: &str) -> bool {
    CIBA_ONLY
        .iter()
        .any(|(of_all, of_ciba)| *of_all == name && state.mutant(of_ciba))
}

/// Two mutants skip the signature of ID tokens received by CIBA: unsigned ones, or all of them.
fn unverified_mutant(state: &AppState, id_token: &str) -> bool {
    let unsigned = id_token.ends_with('.');
    unsigned && state.mutant("ciba-accept-alg-none")
        || !unsigned && state.mutant("ciba-skip-signature")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_of_this_dui_is_returned_to() {
        for inside in ["/accueil", "/usagers/u1?x=1", "/situations"] {
            assert_eq!(local_path(inside, false), inside);
        }
        for outside in [
            "",
            "https://attaquant.test/",
            "//attaquant.test",
            "/\\attaquant.test",
            "accueil",
            "javascript:alert(1)",
            "/a b",
            "/\t/attaquant.test",
            "/é",
        ] {
            assert_eq!(local_path(outside, false), HOME, "{outside}");
        }
    }
}

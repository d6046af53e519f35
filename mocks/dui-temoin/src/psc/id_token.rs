//! What an ID token must say before anyone is let in (OpenID Connect Core 3.1.3.7, RFC 8725).
//!
//! Pure: header and claims in, a reason of refusal or the identity out. Signatures: `jose`.

use diapason_core::Timestamp;
use serde_json::{Map, Value};

use super::jose::{Jwt, encode, same, sha256};

/// Clock difference tolerated on expiry, seconds.
const LEEWAY: i64 = 30;
/// Clock difference tolerated on a date of issue in the future, seconds.
const FUTURE: i64 = 60;
/// Oldest date of issue accepted, seconds.
const MAX_AGE: i64 = 600;
/// Authentication levels a PSC login may have.
const LEVELS: [&str; 3] = ["eidas1", "eidas2", "eidas3"];

/// Issuer of PSC in production. Only a mutant knows it.
const PRODUCTION: &str = "https://auth.esw.esante.gouv.fr/auth/realms/esante-wallet";

/// Why a token is refused: a stable word for the technical log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Defect {
    /// Not a compact JWS.
    #[error("form")]
    Form,
    /// Another algorithm than RS256.
    #[error("alg")]
    Algorithm,
    /// A header that brings its own key, or a critical extension.
    #[error("header")]
    Header,
    /// No key of the provider fits.
    #[error("kid")]
    Key,
    /// The signature does not hold.
    #[error("signature")]
    Signature,
    /// Issuer.
    #[error("iss")]
    Issuer,
    /// Audience.
    #[error("aud")]
    Audience,
    /// Authorized party.
    #[error("azp")]
    Party,
    /// Kind of token.
    #[error("typ")]
    Kind,
    /// Expiry.
    #[error("exp")]
    Expiry,
    /// Date of issue.
    #[error("iat")]
    Issued,
    /// Nonce.
    #[error("nonce")]
    Nonce,
    /// Hash of the access token.
    #[error("at_hash")]
    AccessHash,
    /// Subject.
    #[error("sub")]
    Subject,
    /// Level of authentication.
    #[error("acr")]
    Level,
}

/// What a token is held against.
pub(crate) struct Expected<'a> {
    /// Issuer.
    pub(crate) issuer: &'a str,
    /// Own client id.
    pub(crate) client_id: &'a str,
    /// Nonce sent, when one was.
    pub(crate) nonce: Option<&'a str>,
    /// Access token that came with it.
    pub(crate) access_token: &'a str,
    /// Subject of the login it renews.
    pub(crate) subject: Option<&'a str>,
    /// Time now.
    pub(crate) now: Timestamp,
}

/// What is kept of a token that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Subject.
    pub(crate) sub: String,
    /// National id, when the token has it.
    pub(crate) subject_name_id: Option<String>,
    /// When the user authenticated, seconds since 1970.
    pub(crate) auth_time: Option<i64>,
    /// Level of authentication.
    pub(crate) acr: String,
}

/// Header rules: RS256, no key in the token, no unknown critical extension.
pub(crate) fn check_header(jwt: &Jwt, mutant: &dyn Fn(&str) -> bool) -> Result<(), Defect> {
    if jwt.header_text("alg") != Some("RS256") {
        return Err(Defect::Algorithm);
    }
    if jwt.header.contains_key("crit") && !mutant("ignore-crit") {
        return Err(Defect::Header);
    }
    let brings_a_key = ["jku", "jwk", "x5u", "x5c"]
        .iter()
        .any(|name| jwt.header.contains_key(*name));
    if brings_a_key {
        return Err(Defect::Header);
    }
    match jwt.header.get("typ") {
        None => Ok(()),
        Some(Value::String(typ)) if typ.eq_ignore_ascii_case("JWT") => Ok(()),
        Some(_) => Err(Defect::Header),
    }
}

/// Claim rules.
pub(crate) fn check_claims(
    claims: &Map<String, Value>,
    expected: &Expected<'_>,
    mutant: &dyn Fn(&str) -> bool,
) -> Result<Identity, Defect> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let seconds = |name: &str| claims.get(name).and_then(whole_seconds);

    let issuer = text("iss");
    let excused = mutant("accept-wrong-iss")
        || mutant("accept-production-iss") && issuer == Some(PRODUCTION)
        || mutant("accept-missing-iss") && !claims.contains_key("iss");
    if issuer != Some(expected.issuer) && !excused {
        return Err(Defect::Issuer);
    }
    check_audience(claims, expected.client_id, mutant)?;
    match claims.get("typ") {
        None => {}
        Some(Value::String(typ)) if typ == "ID" => {}
        Some(_) if mutant("accept-access-token") => {}
        Some(_) => return Err(Defect::Kind),
    }
    check_dates(claims, expected.now, mutant)?;
    if expected.nonce.is_some() || claims.contains_key("nonce") {
        let missing = !claims.contains_key("nonce");
        let good = text("nonce").is_some() && text("nonce") == expected.nonce;
        let excused = mutant("no-nonce-check")
            || mutant("code-not-bound")
            || !missing && mutant("accept-replayed-id-token")
            || missing && (mutant("accept-missing-nonce") || expected.subject.is_some())
            // In a flow without nonce (CIBA) whatever the provider echoes says nothing.
            || expected.nonce.is_none();
        if !good && !excused {
            return Err(Defect::Nonce);
        }
    }
    if let Some(hash) = claims.get("at_hash") {
        let digest = sha256(expected.access_token.as_bytes());
        let good = hash
            .as_str()
            .is_some_and(|h| same(h.as_bytes(), encode(&digest[..16]).as_bytes()));
        if !good && !mutant("no-at-hash-check") && !mutant("accept-no-access-token") {
            return Err(Defect::AccessHash);
        }
    }
    let sub = text("sub").filter(|sub| !sub.is_empty());
    let sub = match sub {
        Some(sub) => sub,
        None if mutant("accept-missing-sub") => "",
        None => return Err(Defect::Subject),
    };
    if expected.subject.is_some_and(|known| known != sub) && !mutant("ignore-refresh-sub") {
        return Err(Defect::Subject);
    }
    let acr = text("acr").unwrap_or_default();
    if !LEVELS.contains(&acr) && !mutant("no-acr-check")
        || acr != "eidas1" && mutant("acr-eidas1-only")
    {
        return Err(Defect::Level);
    }
    Ok(Identity {
        sub: sub.to_owned(),
        subject_name_id: text("SubjectNameID")
            .filter(|id| !id.is_empty())
            .map(str::to_owned),
        auth_time: seconds("auth_time"),
        acr: acr.to_owned(),
    })
}

/// `aud` is this client and nobody else; `azp`, when there, is this client too.
fn check_audience(
    claims: &Map<String, Value>,
    client_id: &str,
    mutant: &dyn Fn(&str) -> bool,
) -> Result<(), Defect> {
    let only = match claims.get("aud") {
        Some(Value::String(one)) => one == client_id,
        Some(Value::Array(_)) if mutant("refuse-aud-array") => false,
        Some(Value::Array(all)) if mutant("accept-second-audience") => {
            all.iter().any(|one| one == client_id)
        }
        Some(Value::Array(all)) => !all.is_empty() && all.iter().all(|one| one == client_id),
        None => mutant("accept-missing-aud") || mutant("accept-access-token"),
        Some(_) => false,
    };
    if !only && !mutant("accept-wrong-aud") {
        return Err(Defect::Audience);
    }
    match claims.get("azp") {
        None => Ok(()),
        Some(Value::String(party)) if party == client_id => Ok(()),
        Some(_) if mutant("accept-wrong-azp") => Ok(()),
        Some(_) => Err(Defect::Party),
    }
}

fn check_dates(
    claims: &Map<String, Value>,
    now: Timestamp,
    mutant: &dyn Fn(&str) -> bool,
) -> Result<(), Defect> {
    let now = now.unix_seconds();
    let seconds = |name: &str| claims.get(name).and_then(whole_seconds);
    match seconds("exp") {
        Some(exp) if exp + LEEWAY > now => {}
        Some(_) if mutant("accept-expired-id-token") => {}
        None if mutant("accept-missing-exp") => {}
        _ => return Err(Defect::Expiry),
    }
    match seconds("iat") {
        Some(iat) if iat <= now + FUTURE && iat >= now - MAX_AGE => {}
        Some(_) if mutant("accept-old-iat") => {}
        None if mutant("accept-missing-iat") => {}
        _ => return Err(Defect::Issued),
    }
    if claims.contains_key("nbf") && seconds("nbf").is_none_or(|nbf| nbf > now + FUTURE) {
        return Err(Defect::Issued);
    }
    Ok(())
}

/// A NumericDate; fractions are dropped.
fn whole_seconds(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        value
            .as_f64()
            .filter(|f| f.is_finite() && f.abs() < 1e15)
            .map(|f| f as i64)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://op.test/auth/realms/esante-wallet";
    const NOW: i64 = 1_800_000_000;

    fn base() -> Value {
        json!({
            "iss": ISSUER, "aud": "dui", "azp": "dui", "sub": "s-1", "typ": "ID", "acr": "eidas1",
            "exp": NOW + 120, "iat": NOW, "auth_time": NOW - 5, "nonce": "n-1",
            "at_hash": encode(&sha256(b"acces")[..16]), "SubjectNameID": "899709900023",
        })
    }

    fn expected() -> Expected<'static> {
        Expected {
            issuer: ISSUER,
            client_id: "dui",
            nonce: Some("n-1"),
            access_token: "acces",
            subject: None,
            now: Timestamp::from_unix_millis(NOW * 1000),
        }
    }

    fn judge(claims: &Value, mutant: &dyn Fn(&str) -> bool) -> Result<Identity, Defect> {
        check_claims(claims.as_object().unwrap(), &expected(), mutant)
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = base();
        match value {
            Value::Null => {
                claims.as_object_mut().unwrap().remove(name);
            }
            value => claims[name] = value,
        }
        claims
    }

    #[test]
    fn a_right_token_gives_the_identity() {
        let identity = judge(&base(), &|_| false).unwrap();
        assert_eq!(identity.sub, "s-1");
        assert_eq!(identity.subject_name_id.as_deref(), Some("899709900023"));
        assert_eq!(identity.auth_time, Some(NOW - 5));
    }

    #[test]
    fn each_deviation_is_refused_for_its_own_reason() {
        let refused: Vec<(Value, Defect)> = vec![
            (
                with(
                    "iss",
                    json!("https://auth.esw.esante.gouv.fr/auth/realms/esante-wallet"),
                ),
                Defect::Issuer,
            ),
            (with("iss", json!(format!("{ISSUER}/"))), Defect::Issuer),
            (with("iss", Value::Null), Defect::Issuer),
            (with("aud", json!("autre")), Defect::Audience),
            (with("aud", Value::Null), Defect::Audience),
            (with("aud", json!([])), Defect::Audience),
            (with("aud", json!(["dui", "autre"])), Defect::Audience),
            (with("aud", json!(["autre", "dui"])), Defect::Audience),
            (with("azp", json!("autre")), Defect::Party),
            (with("azp", json!(3)), Defect::Party),
            (with("nonce", json!("n-2")), Defect::Nonce),
            (with("nonce", json!("")), Defect::Nonce),
            (with("nonce", Value::Null), Defect::Nonce),
            (with("exp", json!(NOW - 600)), Defect::Expiry),
            (with("exp", json!(NOW - 30)), Defect::Expiry),
            (with("exp", Value::Null), Defect::Expiry),
            (with("exp", json!("demain")), Defect::Expiry),
            (with("iat", Value::Null), Defect::Issued),
            (with("iat", json!(NOW - 604_800)), Defect::Issued),
            (with("iat", json!(NOW + 3_600)), Defect::Issued),
            (with("nbf", json!(NOW + 3_600)), Defect::Issued),
            (with("sub", Value::Null), Defect::Subject),
            (with("sub", json!("")), Defect::Subject),
            (
                with("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA")),
                Defect::AccessHash,
            ),
            (with("acr", Value::Null), Defect::Level),
            (with("acr", json!("0")), Defect::Level),
            (with("acr", json!("eidas0")), Defect::Level),
            (with("acr", json!(1)), Defect::Level),
            (with("typ", json!("Bearer")), Defect::Kind),
            (with("typ", json!("Refresh")), Defect::Kind),
        ];
        for (claims, defect) in refused {
            assert_eq!(judge(&claims, &|_| false), Err(defect), "{claims}");
        }
    }

    #[test]
    fn tolerated_variants_pass() {
        for claims in [
            with("aud", json!(["dui"])),
            with("azp", Value::Null),
            with("at_hash", Value::Null),
            with("typ", Value::Null),
            with("acr", json!("eidas2")),
            with("acr", json!("eidas3")),
            with("exp", json!(NOW - 10)),
            with("exp", json!(NOW as f64 + 120.5)),
            with("iat", json!(NOW + 30)),
            with("inconnu", json!({"a": 1})),
            with("SubjectNameID", Value::Null),
        ] {
            assert!(judge(&claims, &|_| false).is_ok(), "{claims}");
        }
    }

    #[test]
    fn each_mutant_lets_its_own_defect_through() {
        for (claims, name) in [
            (with("iss", json!("https://autre")), "accept-wrong-iss"),
            (with("iss", Value::Null), "accept-missing-iss"),
            (with("aud", json!("autre")), "accept-wrong-aud"),
            (with("aud", Value::Null), "accept-missing-aud"),
            (
                with("aud", json!(["dui", "autre"])),
                "accept-second-audience",
            ),
            (with("azp", json!("autre")), "accept-wrong-azp"),
            (with("nonce", json!("n-2")), "no-nonce-check"),
            (with("nonce", Value::Null), "accept-missing-nonce"),
            (with("exp", json!(NOW - 600)), "accept-expired-id-token"),
            (with("exp", Value::Null), "accept-missing-exp"),
            (with("iss", json!(PRODUCTION)), "accept-production-iss"),
            (with("nonce", json!("n-2")), "accept-replayed-id-token"),
            (with("iat", Value::Null), "accept-missing-iat"),
            (with("iat", json!(NOW - 604_800)), "accept-old-iat"),
            (with("sub", Value::Null), "accept-missing-sub"),
            (with("at_hash", json!("AA")), "no-at-hash-check"),
            (with("acr", json!("eidas0")), "no-acr-check"),
            (with("typ", json!("Bearer")), "accept-access-token"),
        ] {
            assert!(judge(&claims, &|_| false).is_err(), "{name}");
            assert!(judge(&claims, &|asked| asked == name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_renewed_token_keeps_its_subject_and_may_drop_its_nonce() {
        let mut renewal = expected();
        renewal.subject = Some("s-1");
        let judge = |claims: &Value| {
            check_claims(claims.as_object().unwrap(), &renewal, &|_| false).map(|i| i.sub)
        };
        assert_eq!(judge(&with("nonce", Value::Null)), Ok("s-1".to_owned()));
        assert_eq!(judge(&with("nonce", json!("n-2"))), Err(Defect::Nonce));
        assert_eq!(judge(&with("sub", json!("s-2"))), Err(Defect::Subject));
        assert_eq!(judge(&with("iss", json!("autre"))), Err(Defect::Issuer));
    }

    #[test]
    fn headers_that_choose_their_own_key_or_algorithm_are_refused() {
        let header = |value: Value| {
            let token = format!("{}.e30.AA", encode(value.to_string().as_bytes()));
            check_header(&Jwt::parse(&token).unwrap(), &|_| false)
        };
        assert_eq!(
            header(json!({"alg": "RS256", "kid": "a", "typ": "JWT"})),
            Ok(())
        );
        for alg in [
            json!("none"),
            json!("None"),
            json!("HS256"),
            json!("RS512"),
            json!("PS256"),
            Value::Null,
        ] {
            assert_eq!(header(json!({"alg": alg})), Err(Defect::Algorithm));
        }
        for name in ["jku", "jwk", "x5u", "x5c", "crit"] {
            let mut value = json!({"alg": "RS256"});
            value[name] = json!("https://attaquant.test/");
            assert_eq!(header(value), Err(Defect::Header), "{name}");
        }
    }
}

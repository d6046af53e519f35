//! JSON Web Tokens, read without trust: parts, claims, key sets, signatures (RS256 and ES256).
//!
//! Reading never judges: an expired or unsigned token is read like any other. [`verify`] says only
//! whether a signature holds under a key; it is for the caller to choose the key and the algorithm.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use diapason_core::Timestamp;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Longest token read, bytes: more is not a token but an attack on memory.
pub const MAX_LEN: usize = 256 * 1024;

/// A token that cannot be read, or whose signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// Not three parts separated by dots.
    #[error("expected 3 parts separated by dots, found {0}")]
    Parts(usize),
    /// More than [`MAX_LEN`] bytes.
    #[error("longer than {MAX_LEN} bytes")]
    TooLong,
    /// A part is not base64url without padding.
    #[error("the {0} is not base64url without padding")]
    Base64(&'static str),
    /// A part is not a JSON object.
    #[error("the {0} is not a JSON object")]
    Json(&'static str),
    /// The algorithm is not one that can be verified here.
    #[error("signature algorithm {0:?} is not supported: expected RS256 or ES256")]
    Algorithm(String),
    /// The key cannot serve.
    #[error("the key cannot verify this token: {0}")]
    Key(&'static str),
    /// The signature does not hold.
    #[error("the signature does not hold under the key")]
    Signature,
}

/// A compact JWS whose payload is a JSON object, as read.
#[derive(Debug, Clone, PartialEq)]
pub struct Jwt {
    /// Protected header.
    pub header: Map<String, Value>,
    /// Claims.
    pub claims: Map<String, Value>,
    /// What the signature covers: the first two parts and their dot.
    pub signing_input: String,
    /// Signature bytes; empty for an unsigned token.
    pub signature: Vec<u8>,
}

impl Jwt {
    /// Takes a token apart.
    pub fn decode(token: &str) -> Result<Self, JwtError> {
        if token.len() > MAX_LEN {
            return Err(JwtError::TooLong);
        }
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            return Err(JwtError::Parts(parts.len()));
        };
        Ok(Self {
            header: object(header, "header")?,
            claims: object(claims, "payload")?,
            signing_input: token[..header.len() + 1 + claims.len()].to_owned(),
            signature: unbase64(signature, "signature")?,
        })
    }

    /// `alg` of the header.
    pub fn alg(&self) -> Option<&str> {
        self.header.get("alg").and_then(Value::as_str)
    }

    /// `kid` of the header.
    pub fn kid(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    /// A claim that is a string.
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }

    /// A claim that is a date in seconds since 1970; fractions are cut.
    pub fn seconds(&self, claim: &str) -> Option<i64> {
        let value = self.claims.get(claim)?;
        value.as_i64().or_else(|| {
            let float = value.as_f64()?;
            (float.abs() < 1e15).then_some(float as i64)
        })
    }

    /// `aud`, whether written as a string or as an array.
    pub fn audiences(&self) -> Vec<&str> {
        match self.claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

fn unbase64(part: &str, name: &'static str) -> Result<Vec<u8>, JwtError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| JwtError::Base64(name))
}

fn object(part: &str, name: &'static str) -> Result<Map<String, Value>, JwtError> {
    match serde_json::from_slice(&unbase64(part, name)?) {
        Ok(Value::Object(map)) => Ok(map),
        _ => Err(JwtError::Json(name)),
    }
}

/// Does the signature hold under this JSON Web Key? The algorithm of the header must fit the key's
/// type: a public key never serves as an HMAC secret here.
pub fn verify(jwt: &Jwt, jwk: &Value) -> Result<(), JwtError> {
    let member = |name: &str| -> Result<Vec<u8>, JwtError> {
        let text = jwk.get(name).and_then(Value::as_str);
        text.and_then(|t| URL_SAFE_NO_PAD.decode(t).ok())
            .ok_or(JwtError::Key("a member is missing or is not base64url"))
    };
    let key_type = jwk.get("kty").and_then(Value::as_str);
    let message = jwt.signing_input.as_bytes();
    match (jwt.alg(), key_type) {
        (Some("RS256"), Some("RSA")) => {
            let (n, e) = (member("n")?, member("e")?);
            RsaPublicKeyComponents { n: &n, e: &e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, &jwt.signature)
                .map_err(|_| JwtError::Signature)
        }
        (Some("ES256"), Some("EC")) => {
            if jwk.get("crv").and_then(Value::as_str) != Some("P-256") {
                return Err(JwtError::Key("the curve is not P-256"));
            }
            let mut point = vec![4_u8];
            point.extend(member("x")?);
            point.extend(member("y")?);
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(message, &jwt.signature)
                .map_err(|_| JwtError::Signature)
        }
        (Some("RS256" | "ES256"), _) => Err(JwtError::Key("its type does not fit the algorithm")),
        (alg, _) => Err(JwtError::Algorithm(alg.unwrap_or_default().to_owned())),
    }
}

/// Does the signature hold under one key of the set? Keys for encryption are passed over; when the
/// token names a `kid`, only keys of that `kid` are tried.
pub fn verify_with_set(jwt: &Jwt, jwks: &Value) -> Result<(), JwtError> {
    let keys = jwks.get("keys").and_then(Value::as_array);
    let mut last = JwtError::Key("no signing key of the set fits");
    for key in keys.into_iter().flatten() {
        let usage = key.get("use").and_then(Value::as_str);
        let kid = key.get("kid").and_then(Value::as_str);
        if usage == Some("enc") || (jwt.kid().is_some() && jwt.kid() != kid) {
            continue;
        }
        match verify(jwt, key) {
            Ok(()) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// RFC 7638 thumbprint of an RSA or EC public key, the usual `kid`.
pub fn thumbprint(jwk: &Value) -> Option<String> {
    let member = |name: &str| jwk.get(name).and_then(Value::as_str);
    // The RFC wants the required members only, in this order, without white space.
    let canonical = match member("kty")? {
        "RSA" => format!(
            r#"{{"e":{},"kty":"RSA","n":{}}}"#,
            json!(member("e")?),
            json!(member("n")?)
        ),
        "EC" => format!(
            r#"{{"crv":{},"kty":"EC","x":{},"y":{}}}"#,
            json!(member("crv")?),
            json!(member("x")?),
            json!(member("y")?)
        ),
        _ => return None,
    };
    Some(URL_SAFE_NO_PAD.encode(Sha256::digest(canonical)))
}

/// `at_hash` of an access token under an algorithm of the 256 family.
pub fn at_hash(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(access_token)[..16])
}

/// A PEM block (`CERTIFICATE`, `PUBLIC KEY`...) over DER bytes.
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out.push_str("-----END ");
    out.push_str(label);
    out.push_str("-----\n");
    out
}

/// What a client assertion says of itself; `null` when it cannot be read.
pub fn assertion_facts(token: &str, at: Timestamp) -> Value {
    let Ok(jwt) = Jwt::decode(token) else {
        return Value::Null;
    };
    let now = at.unix_seconds();
    json!({
        "alg": jwt.alg(),
        "kid": jwt.kid(),
        "iss": jwt.text("iss"),
        "sub": jwt.text("sub"),
        "aud": jwt.audiences(),
        "exp_in_s": jwt.seconds("exp").map(|exp| exp.saturating_sub(now)),
        "iat_age_s": jwt.seconds("iat").map(|iat| now.saturating_sub(iat)),
        "jti": jwt.text("jti"),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    // The RFC 7515 A.1 header and payload, cut to shape: enough to be read.
    const UNSIGNED: &str = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLCJleHAiOjEzMDA4MTkzODAuOX0.";

    #[test]
    fn an_unsigned_token_is_read_but_never_verified() {
        let jwt = Jwt::decode(UNSIGNED).unwrap();
        assert_eq!(jwt.alg(), Some("none"));
        assert_eq!(jwt.text("iss"), Some("joe"));
        assert_eq!(jwt.seconds("exp"), Some(1_300_819_380));
        assert_eq!(
            verify(&jwt, &json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"})),
            Err(JwtError::Algorithm("none".to_owned()))
        );
    }

    #[test]
    fn what_is_not_a_token_says_why() {
        assert_eq!(Jwt::decode("a.b"), Err(JwtError::Parts(2)));
        assert_eq!(Jwt::decode("a=.b.c"), Err(JwtError::Base64("header")));
        assert_eq!(Jwt::decode("W10.e30."), Err(JwtError::Json("header")));
        assert_eq!(Jwt::decode("e30.W10."), Err(JwtError::Json("payload")));
        assert_eq!(
            Jwt::decode(&"a".repeat(MAX_LEN + 1)),
            Err(JwtError::TooLong)
        );
    }

    #[test]
    fn the_thumbprint_is_that_of_the_rfc_example() {
        let key = json!({
            "kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        });
        assert_eq!(
            thumbprint(&key).as_deref(),
            Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
        );
        assert_eq!(thumbprint(&json!({"kty": "oct", "k": "AA"})), None);
    }

    #[test]
    fn an_es256_token_holds_under_its_key_and_no_other() {
        use ring::rand::SystemRandom;
        use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
        let rng = SystemRandom::new();
        let pair = || {
            let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap();
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref(), &rng).unwrap()
        };
        let jwk = |pair: &EcdsaKeyPair| {
            let point = pair.public_key().as_ref();
            json!({"kty": "EC", "crv": "P-256",
                "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..])})
        };
        let (signer, other) = (pair(), pair());
        let input = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#),
            URL_SAFE_NO_PAD.encode(r#"{"sub":"x"}"#)
        );
        let signature = signer.sign(&rng, input.as_bytes()).unwrap();
        let jwt = Jwt::decode(&format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))).unwrap();
        assert_eq!(verify(&jwt, &jwk(&signer)), Ok(()));
        assert_eq!(verify(&jwt, &jwk(&other)), Err(JwtError::Signature));
        let set = json!({"keys": [jwk(&other), jwk(&signer)]});
        assert_eq!(verify_with_set(&jwt, &set), Ok(()));
    }

    #[test]
    fn an_assertion_tells_when_it_ends() {
        let at = Timestamp::from_unix_millis(1_300_819_320_000);
        let facts = assertion_facts(UNSIGNED, at);
        assert_eq!(facts["exp_in_s"], 60);
        assert_eq!(facts["aud"], json!([]));
        assert_eq!(assertion_facts("x", at), Value::Null);
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(token in ".{0,300}", bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let at = Timestamp::from_unix_millis(0);
            let _ = Jwt::decode(&token);
            let made = format!("{}.{}.{}", URL_SAFE_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes));
            let _ = (Jwt::decode(&made), assertion_facts(&made, at), assertion_facts(&token, at));
        }

        #[test]
        fn any_object_is_read_back(key in "[a-z]{1,8}", value in ".{0,40}", number in proptest::prelude::any::<f64>()) {
            let claims = json!({key.clone(): value, "exp": number});
            let token = format!("{}.{}.", URL_SAFE_NO_PAD.encode("{}"), URL_SAFE_NO_PAD.encode(claims.to_string()));
            let jwt = Jwt::decode(&token).unwrap();
            proptest::prop_assert_eq!(jwt.text(&key), claims[&key].as_str());
            let _ = (jwt.seconds("exp"), jwt.audiences());
        }
    }
}

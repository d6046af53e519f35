//! JSON Web Signature as Pro Santé Connect uses it: RS256 only, keys from the published set.
//!
//! Pure. Nothing here fetches a key: a token cannot say where its key is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls_pki_types::PrivateKeyDer;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// Smallest RSA modulus accepted, bytes.
const MIN_MODULUS: usize = 256;

/// URL-safe base64 without padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The reverse; `None` for anything else, padding included.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A random value of 256 bits, URL-safe.
pub(crate) fn random() -> String {
    let mut bytes = [0_u8; 32];
    rand::fill(&mut bytes);
    encode(&bytes)
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Compares without stopping at the first difference.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |acc, (x, y)| acc | (x ^ y)) == 0
}

/// A token taken apart; its signature has not been looked at.
#[derive(Debug, Clone)]
pub(crate) struct Jwt {
    /// Protected header.
    pub(crate) header: Map<String, Value>,
    /// Claims.
    pub(crate) claims: Map<String, Value>,
    /// What is signed.
    pub(crate) input: String,
    /// Signature.
    pub(crate) signature: Vec<u8>,
}

impl Jwt {
    /// Takes a compact serialisation apart; `None` when it is not one.
    pub(crate) fn parse(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let object = |part: &str| -> Option<Map<String, Value>> {
            serde_json::from_slice(&decode(part)?).ok()
        };
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            input: format!("{header}.{claims}"),
            signature: decode(signature)?,
        })
    }

    /// A header member that must be a string.
    pub(crate) fn header_text(&self, name: &str) -> Option<&str> {
        self.header.get(name).and_then(Value::as_str)
    }
}

/// A public key fit to check RS256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Jwk {
    /// Key id.
    pub(crate) kid: Option<String>,
    /// DER `RSAPublicKey`.
    pub(crate) der: Vec<u8>,
}

impl Jwk {
    /// Reads a member of a key set; `None` when it is not an RSA key that signs.
    pub(crate) fn parse(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let signs = text("use").is_none_or(|u| u == "sig")
            && text("alg").is_none_or(|alg| alg == "RS256")
            && value
                .get("key_ops")
                .and_then(Value::as_array)
                .is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if text("kty") != Some("RSA") || !signs {
            return None;
        }
        Self::rsa(value)
    }

    /// The RSA key in a JWK, whatever its declared use.
    pub(crate) fn rsa(value: &Value) -> Option<Self> {
        let number = |name: &str| value.get(name).and_then(Value::as_str).and_then(decode);
        let strip =
            |bytes: Vec<u8>| -> Vec<u8> { bytes.into_iter().skip_while(|b| *b == 0).collect() };
        let (modulus, exponent) = (strip(number("n")?), strip(number("e")?));
        if modulus.len() < MIN_MODULUS || exponent.is_empty() {
            return None;
        }
        let body = [der_integer(&modulus), der_integer(&exponent)].concat();
        Some(Self {
            kid: value.get("kid").and_then(Value::as_str).map(str::to_owned),
            der: der(0x30, &body),
        })
    }

    /// DER `SubjectPublicKeyInfo` of the key.
    pub(crate) fn spki(&self) -> Vec<u8> {
        const RSA_ENCRYPTION: [u8; 15] = [
            0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05,
            0x00,
        ];
        let bits = der(0x03, &[&[0][..], &self.der].concat());
        der(0x30, &[&RSA_ENCRYPTION[..], &bits].concat())
    }
}

/// The signing keys of a provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KeySet {
    /// Keys fit for RS256, as published.
    pub(crate) keys: Vec<Jwk>,
    /// Every RSA key as published, encryption keys included.
    pub(crate) every: Vec<Jwk>,
}

/// Why no key can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// No key has that id.
    Unknown,
    /// The token names no key and there is more than one.
    Ambiguous,
}

impl KeySet {
    /// Reads a JWKS; members that are not usable are left out.
    pub(crate) fn parse(value: &Value) -> Option<Self> {
        let keys = value.get("keys")?.as_array()?;
        Some(Self {
            keys: keys.iter().filter_map(Jwk::parse).collect(),
            every: keys.iter().filter_map(Jwk::rsa).collect(),
        })
    }

    /// The key a token names; without a name, the only one.
    pub(crate) fn choose(&self, kid: Option<&str>) -> Result<&Jwk, NoKey> {
        match (kid, self.keys.as_slice()) {
            // A set whose only key has no name leaves no doubt.
            (Some(_), [only]) if only.kid.is_none() => Ok(only),
            (Some(kid), keys) => keys
                .iter()
                .find(|key| key.kid.as_deref() == Some(kid))
                .ok_or(NoKey::Unknown),
            (None, [only]) => Ok(only),
            (None, []) => Err(NoKey::Unknown),
            (None, _) => Err(NoKey::Ambiguous),
        }
    }
}

/// Is this an RS256 signature of `input` by that key?
pub(crate) fn verify_rs256(key: &Jwk, input: &str, signature: &[u8]) -> bool {
    let provider = rustls::crypto::ring::default_provider();
    provider
        .signature_verification_algorithms
        .mapping
        .iter()
        .filter(|(scheme, _)| *scheme == SignatureScheme::RSA_PKCS1_SHA256)
        .flat_map(|(_, algorithms)| algorithms.iter())
        .any(|algorithm| {
            algorithm
                .verify_signature(&key.der, input.as_bytes(), signature)
                .is_ok()
        })
}

/// Signs claims with RS256; `None` when the key cannot.
pub(crate) fn sign_rs256(
    key: &PrivateKeyDer<'_>,
    header: &Value,
    claims: &Value,
) -> Option<String> {
    let key = rustls::crypto::ring::sign::any_supported_type(key).ok()?;
    let signer = key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256])?;
    let input = format!(
        "{}.{}",
        encode(header.to_string().as_bytes()),
        encode(claims.to_string().as_bytes())
    );
    let signature = signer.sign(input.as_bytes()).ok()?;
    Some(format!("{input}.{}", encode(&signature)))
}

/// HMAC with a key prepared once.
#[derive(Clone)]
pub(crate) struct Hmac {
    inner: Sha256,
    outer: Sha256,
}

impl Hmac {
    /// Prepares the key.
    pub(crate) fn new(key: &[u8]) -> Self {
        let mut block = [0_u8; 64];
        if key.len() > block.len() {
            block[..32].copy_from_slice(&sha256(key));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        Self {
            inner: Sha256::new_with_prefix(block.map(|b| b ^ 0x36)),
            outer: Sha256::new_with_prefix(block.map(|b| b ^ 0x5c)),
        }
    }

    /// HMAC-SHA-256 of a message.
    pub(crate) fn mac(&self, message: &[u8]) -> [u8; 32] {
        let inner = self.inner.clone().chain_update(message).finalize();
        self.outer.clone().chain_update(inner).finalize().into()
    }
}

fn der_integer(bytes: &[u8]) -> Vec<u8> {
    if bytes.first().is_some_and(|b| *b >= 0x80) {
        der(0x02, &[&[0][..], bytes].concat())
    } else {
        der(0x02, bytes)
    }
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|b| *b == 0).collect();
    match length.as_slice() {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        long => {
            // A usize has at most 8 bytes.
            out.push(0x80 | long.len() as u8);
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::OnceLock;

    use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};
    use rsa::traits::PublicKeyParts as _;
    use serde_json::json;

    use super::*;

    /// A key pair made for the tests of this process.
    pub(crate) struct TestKey {
        pub(crate) kid: String,
        pub(crate) private: PrivateKeyDer<'static>,
        pub(crate) jwk: Value,
        pub(crate) pem: String,
    }

    pub(crate) fn test_key(n: usize) -> &'static TestKey {
        static KEYS: OnceLock<Vec<TestKey>> = OnceLock::new();
        &KEYS.get_or_init(|| (0..2).map(make).collect())[n]
    }

    fn make(n: usize) -> TestKey {
        let key = rsa::PrivateKey::new(&mut rand::rng(), 2048).unwrap();
        let public = key.to_public_key();
        let kid = format!("cle-{n}");
        let jwk = json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid,
            "n": encode(&public.n_bytes()), "e": encode(&public.e_bytes()),
        });
        TestKey {
            kid,
            private: PrivateKeyDer::try_from(key.to_pkcs8_der().unwrap().as_bytes().to_vec())
                .unwrap(),
            jwk,
            pem: key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string(),
        }
    }

    #[test]
    fn a_signature_holds_for_its_key_and_its_text_only() {
        let (key, other) = (test_key(0), test_key(1));
        let header = json!({"alg": "RS256", "kid": key.kid});
        let token = sign_rs256(&key.private, &header, &json!({"sub": "x"})).unwrap();
        let jwt = Jwt::parse(&token).unwrap();
        let set = KeySet::parse(&json!({"keys": [other.jwk, key.jwk]})).unwrap();
        let good = set.choose(Some(&key.kid)).unwrap();
        assert!(verify_rs256(good, &jwt.input, &jwt.signature));
        let wrong = set.choose(Some(&other.kid)).unwrap();
        assert!(!verify_rs256(wrong, &jwt.input, &jwt.signature));
        assert!(!verify_rs256(
            good,
            &format!("{}x", jwt.input),
            &jwt.signature
        ));
        assert!(!verify_rs256(good, &jwt.input, &[]));
    }

    #[test]
    fn encryption_keys_and_weak_keys_are_left_out() {
        let key = test_key(0);
        let mut encryption = key.jwk.clone();
        encryption["use"] = json!("enc");
        encryption["alg"] = json!("RSA-OAEP");
        encryption["kid"] = json!("chiffrement");
        let weak = json!({"kty": "RSA", "n": encode(&[0xff; 128]), "e": "AQAB", "kid": "faible"});
        let set = KeySet::parse(&json!({"keys": [encryption, weak, key.jwk]})).unwrap();
        assert_eq!(set.keys.len(), 1);
        assert_eq!(set.choose(None).unwrap().kid.as_deref(), Some("cle-0"));
        assert_eq!(set.choose(Some("chiffrement")), Err(NoKey::Unknown));
        let two = KeySet::parse(&json!({"keys": [key.jwk, test_key(1).jwk]})).unwrap();
        assert_eq!(two.choose(None), Err(NoKey::Ambiguous));
    }

    #[test]
    fn hmac_gives_the_published_value() {
        // RFC 4231, test case 2.
        let mac = Hmac::new(b"Jefe").mac(b"what do ya want for nothing?");
        let expected = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM";
        assert_eq!(encode(&mac), expected);
    }

    #[test]
    fn what_is_not_a_compact_token_is_refused() {
        for text in [
            "",
            "a.b",
            "e30.e30",
            "e30.e30.e30.e30",
            "e30.e30.==",
            "bnVsbA.e30.AA",
        ] {
            assert!(Jwt::parse(text).is_none(), "{text}");
        }
        assert!(Jwt::parse("e30.e30.").is_some());
    }

    #[test]
    fn random_values_have_256_bits_and_differ() {
        let (a, b) = (random(), random());
        assert_eq!(decode(&a).unwrap().len(), 32);
        assert_ne!(a, b);
    }
}

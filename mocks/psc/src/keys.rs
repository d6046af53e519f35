//! The provider's keys: signing, encryption, retired, the attacker's. RSA 2048, `kid` = RFC 7638
//! thumbprint, so that the same `kid` never names two keys.

use std::path::Path;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use diapason_formats::jwt;
use rcgen::{CertificateParams, DnType, KeyPair as CertificateKey};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey, LineEnding};
use rsa::traits::PublicKeyParts;
use rsa::{PrivateKey, PublicKey};
use serde_json::{Value, json};

/// Keys that cannot be made, read or kept.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The generator or the encoder failed.
    #[error("make an RSA key")]
    Make(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A kept key cannot be read.
    #[error("read the key kept in {path}")]
    Read {
        /// File.
        path: String,
        /// Cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A key cannot be written.
    #[error("keep the key in {path}")]
    Write {
        /// File.
        path: String,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
}

fn make<E: std::error::Error + Send + Sync + 'static>(error: E) -> KeyError {
    KeyError::Make(Box::new(error))
}

/// One RSA key.
pub(crate) struct Key {
    /// RFC 7638 thumbprint.
    pub(crate) kid: String,
    pair: RsaKeyPair,
    public: Value,
    /// `SubjectPublicKeyInfo`.
    pub(crate) spki: Vec<u8>,
    certificate: Vec<u8>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl Key {
    fn generate() -> Result<(Self, PrivateKey), KeyError> {
        let private = PrivateKey::new(&mut rand::rng(), 2048).map_err(make)?;
        Ok((Self::of(&private)?, private))
    }

    fn of(private: &PrivateKey) -> Result<Self, KeyError> {
        let der = private.to_pkcs8_der().map_err(make)?;
        let pair = RsaKeyPair::from_pkcs8(der.as_bytes())
            .map_err(|e| KeyError::Make(e.to_string().into()))?;
        let public = PublicKey::from(private);
        let number = |n: &[u8]| URL_SAFE_NO_PAD.encode(n);
        let jwk = json!({
            "kty": "RSA",
            "n": number(&public.n_bytes()),
            "e": number(&public.e_bytes()),
        });
        let kid = jwt::thumbprint(&jwk).unwrap_or_default();
        Ok(Self {
            certificate: self_signed(der.as_bytes())?,
            spki: public.to_public_key_der().map_err(make)?.into_vec(),
            kid,
            pair,
            public: jwk,
        })
    }

    /// RS256 over a signing input.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message,
                &mut signature,
            )
            .expect(
                "the buffer has the length of the modulus, and the random source never fails here",
            );
        signature
    }

    /// Public JSON Web Key with the members Keycloak writes.
    pub(crate) fn jwk(&self, usage: &str, alg: &str) -> Value {
        use sha2::Digest as _;
        let mut jwk = json!({ "kid": self.kid, "kty": "RSA", "alg": alg, "use": usage });
        jwk["x5c"] = json!([STANDARD.encode(&self.certificate)]);
        jwk["x5t#S256"] = json!(URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(&self.certificate)));
        jwk["n"] = self.public["n"].clone();
        jwk["e"] = self.public["e"].clone();
        jwk
    }

    /// The bare public key.
    pub(crate) fn public(&self) -> &Value {
        &self.public
    }

    /// Self-signed certificate, PEM.
    pub(crate) fn certificate_pem(&self) -> String {
        jwt::pem("CERTIFICATE", &self.certificate)
    }
}

fn self_signed(pkcs8: &[u8]) -> Result<Vec<u8>, KeyError> {
    let pem = jwt::pem("PRIVATE KEY", pkcs8);
    let key = CertificateKey::from_pem(&pem).map_err(make)?;
    let mut params = CertificateParams::new(Vec::new()).map_err(make)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "esante-wallet TEST");
    Ok(params.self_signed(&key).map_err(make)?.der().to_vec())
}

/// The keys of the provider.
#[derive(Debug)]
pub(crate) struct KeyRing {
    signing: Key,
    encryption: Key,
    retired: Vec<Key>,
}

impl KeyRing {
    /// Reads the keys kept in `dir`, or makes them (and keeps them there).
    pub(crate) fn open(dir: Option<&Path>) -> Result<Self, KeyError> {
        Ok(Self {
            signing: load(dir, "psc-signature.key")?,
            encryption: load(dir, "psc-chiffrement.key")?,
            retired: Vec::new(),
        })
    }

    /// The key that signs now.
    pub(crate) fn signing(&self) -> &Key {
        &self.signing
    }

    /// A new signing key; the old one stays published, as Keycloak keeps passive keys.
    pub(crate) fn rotate(&mut self) -> Result<(), KeyError> {
        let (fresh, _) = Key::generate()?;
        self.retired
            .insert(0, std::mem::replace(&mut self.signing, fresh));
        self.retired.truncate(1);
        Ok(())
    }

    /// Drops the retired keys.
    pub(crate) fn forget_retired(&mut self) {
        self.retired.clear();
    }

    /// The key set as published.
    pub(crate) fn jwks(&self) -> Value {
        let mut keys = vec![
            self.signing.jwk("sig", "RS256"),
            self.encryption.jwk("enc", "RSA-OAEP"),
        ];
        keys.extend(self.retired.iter().map(|k| k.jwk("sig", "RS256")));
        json!({ "keys": keys })
    }

    /// Was this signed by a key of ours, present or retired?
    pub(crate) fn verifies(&self, token: &jwt::Jwt) -> bool {
        jwt::verify_with_set(token, &self.jwks()).is_ok()
    }
}

/// A key pair of the attacker: never published by the provider. One for the process, made when first used.
pub(crate) fn attacker() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(spare)
}

/// A second signing key that may be published and never signs.
pub(crate) fn decoy() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(spare)
}

fn spare() -> Key {
    Key::generate()
        .expect("the generator works: the provider's own keys were made by it")
        .0
}

fn load(dir: Option<&Path>, name: &str) -> Result<Key, KeyError> {
    let Some(path) = dir.map(|d| d.join(name)) else {
        return Ok(Key::generate()?.0);
    };
    if !path.exists() {
        let (_, private) = Key::generate()?;
        let pem = private.to_pkcs8_pem(LineEnding::LF).map_err(make)?;
        keep(&path, pem.as_bytes()).map_err(|source| KeyError::Write {
            path: path.display().to_string(),
            source,
        })?;
    }
    // Read back even when just made: another process may have been quicker, and its key is the one kept.
    let read = |source: Box<dyn std::error::Error + Send + Sync>| KeyError::Read {
        path: path.display().to_string(),
        source,
    };
    let pem = std::fs::read_to_string(&path).map_err(|e| read(Box::new(e)))?;
    Key::of(&PrivateKey::from_pkcs8_pem(&pem).map_err(|e| read(Box::new(e)))?)
}

/// Writes a file that only its owner reads, whole or not at all; one that is there already stays.
fn keep(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let draft = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(&draft)?.write_all(bytes)?;
    match std::fs::hard_link(&draft, path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            // A file system without hard links: the last one wins there.
            std::fs::rename(&draft, path)
        }
        _ => std::fs::remove_file(&draft),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_keys_come_back_and_rotation_changes_the_kid() {
        let dir = tempfile::tempdir().unwrap();
        let mut ring = KeyRing::open(Some(dir.path())).unwrap();
        let again = KeyRing::open(Some(dir.path())).unwrap();
        let kid = ring.signing().kid.clone();
        assert_eq!(kid, again.signing().kid);
        assert_eq!(ring.jwks()["keys"].as_array().unwrap().len(), 2);
        ring.rotate().unwrap();
        assert_ne!(ring.signing().kid, kid);
        assert_eq!(ring.jwks()["keys"].as_array().unwrap().len(), 3);
        let first = &ring.jwks()["keys"][0];
        assert_eq!(first["use"], "sig");
        assert_eq!(jwt::thumbprint(first).as_deref(), first["kid"].as_str());
        keep(&dir.path().join("psc-signature.key"), b"other").unwrap();
        let third = KeyRing::open(Some(dir.path())).unwrap();
        assert_eq!(kid, third.signing().kid, "what is there stays");
        let names = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(names, 2, "no draft is left");
        std::fs::write(dir.path().join("psc-signature.key"), "nothing").unwrap();
        assert!(KeyRing::open(Some(dir.path())).is_err());
    }
}

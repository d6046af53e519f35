//! A rustls signing key over the `rsa` crate. ring refuses RSA keys under 2048 bits, and the bench
//! must show one to see whether a client does too.

use std::sync::Arc;

use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::pss::Pss;
use rsa::{PrivateKey, pkcs8::DecodePrivateKey};
use rustls::sign::{Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// In order of preference. PSS with SHA-512 does not fit in 1024 bits.
const SCHEMES: [SignatureScheme; 5] = [
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
];

/// An RSA key of any size.
#[derive(Debug)]
pub(crate) struct AnySizeRsa(Arc<PrivateKey>);

impl AnySizeRsa {
    /// From PKCS#8.
    pub(crate) fn from_pkcs8(der: &[u8]) -> Result<Self, String> {
        PrivateKey::from_pkcs8_der(der)
            .map(|key| Self(Arc::new(key)))
            .map_err(|e| e.to_string())
    }
}

impl SigningKey for AnySizeRsa {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = *SCHEMES.iter().find(|s| offered.contains(s))?;
        Some(Box::new(AnySizeSigner {
            key: Arc::clone(&self.0),
            scheme,
        }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }
}

#[derive(Debug)]
struct AnySizeSigner {
    key: Arc<PrivateKey>,
    scheme: SignatureScheme,
}

impl Signer for AnySizeSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let rng = &mut rand::rng();
        let key = &self.key;
        match self.scheme {
            SignatureScheme::RSA_PSS_SHA256 => {
                key.sign_with_rng(rng, Pss::<Sha256>::new(), &Sha256::digest(message))
            }
            SignatureScheme::RSA_PSS_SHA384 => {
                key.sign_with_rng(rng, Pss::<Sha384>::new(), &Sha384::digest(message))
            }
            SignatureScheme::RSA_PKCS1_SHA256 => {
                key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message))
            }
            SignatureScheme::RSA_PKCS1_SHA384 => {
                key.sign(Pkcs1v15Sign::new::<Sha384>(), &Sha384::digest(message))
            }
            _ => key.sign(Pkcs1v15Sign::new::<Sha512>(), &Sha512::digest(message)),
        }
        .map_err(|e| rustls::Error::General(e.to_string()))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

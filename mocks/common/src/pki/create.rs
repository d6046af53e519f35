//! Makes the whole test PKI in memory. The keys of the authorities are dropped at the end: nobody,
//! the bench included, can issue anything more under roots that people may have trusted.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use p12_keystore::{Certificate as P12Certificate, KeyStore, KeyStoreEntry, PrivateKeyChain};
use rand::Rng;
use rcgen::{
    Certificate, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, KeyIdMethod,
    KeyPair, PKCS_RSA_SHA256, PublicKeyData, RevocationReason, RevokedCertParams, SerialNumber,
};
use rsa::PrivateKey;
use rsa::pkcs1::EncodeRsaPublicKey;
use rsa::pkcs8::EncodePrivateKey;
use rustls_pki_types::PrivatePkcs8KeyDer;

use super::PkiError;
use super::names::{self, ClientCertificate, P12_PASSWORD};

/// Name to content of every file of the PKI.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

fn failed(what: &'static str) -> impl FnOnce(rcgen::Error) -> PkiError {
    move |e| PkiError::Create {
        what,
        problem: e.to_string(),
    }
}

/// A key that rcgen does not hold: enough of it to be certified.
struct Key {
    pkcs8: Vec<u8>,
    public: Vec<u8>,
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl Key {
    fn generate(bits: usize) -> Result<Self, PkiError> {
        let failed = |e: &dyn std::fmt::Display| PkiError::Create {
            what: "an RSA key",
            problem: e.to_string(),
        };
        let key = PrivateKey::new(&mut rand::rng(), bits).map_err(|e| failed(&e))?;
        Ok(Self {
            pkcs8: key
                .to_pkcs8_der()
                .map_err(|e| failed(&e))?
                .as_bytes()
                .to_vec(),
            public: key
                .to_public_key()
                .to_pkcs1_der()
                .map_err(|e| failed(&e))?
                .as_bytes()
                .to_vec(),
        })
    }

    fn signing(&self) -> Result<KeyPair, PkiError> {
        KeyPair::from_pkcs8_der_and_sign_algo(
            &PrivatePkcs8KeyDer::from(self.pkcs8.as_slice()),
            &PKCS_RSA_SHA256,
        )
        .map_err(failed("a signing key"))
    }

    fn pem(&self) -> Vec<u8> {
        pem("PRIVATE KEY", &self.pkcs8)
    }
}

/// PEM, 64 columns.
fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n").into_bytes();
    for line in text.as_bytes().chunks(64) {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.extend_from_slice(format!("-----END {label}-----\n").as_bytes());
    out
}

/// Generates keys of those sizes on every core.
fn keys(sizes: &[usize]) -> Result<Vec<Key>, PkiError> {
    let next = AtomicUsize::new(0);
    let made = Mutex::new(BTreeMap::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(sizes.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(bits) = sizes.get(index) else { break };
                    let key = Key::generate(*bits);
                    made.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .insert(index, key);
                }
            });
        }
    });
    made.into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .into_values()
        .collect()
}

/// A positive serial number of 16 bytes.
fn serial() -> [u8; 16] {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    bytes[0] = bytes[0] & 0x3f | 0x40;
    bytes
}

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn crl(issuer: &Issuer, revoked: &[[u8; 16]]) -> Result<Vec<u8>, PkiError> {
    let params = CertificateRevocationListParams {
        this_update: names::CRL_START,
        next_update: names::CRL_END,
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: revoked
            .iter()
            .map(|serial| RevokedCertParams {
                serial_number: SerialNumber::from_slice(serial),
                revocation_time: names::REVOKED_AT,
                reason_code: Some(RevocationReason::KeyCompromise),
                invalidity_date: None,
            })
            .collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = params
        .signed_by(issuer)
        .map_err(failed("a revocation list"))?;
    Ok(list.der().to_vec())
}

fn p12(alias: &str, key: &Key, chain: &[&[u8]]) -> Result<Vec<u8>, PkiError> {
    let failed = |e: p12_keystore::error::Error| PkiError::Create {
        what: "a PKCS#12 file",
        problem: e.to_string(),
    };
    let certificates = chain
        .iter()
        .map(|der| P12Certificate::from_der(der))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    let key = p12_keystore::PrivateKey::from_der(&key.pkcs8).map_err(failed)?;
    let mut store = KeyStore::new();
    store.add_entry(
        alias,
        KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new(alias, key, certificates)),
    );
    store.writer(P12_PASSWORD).write().map_err(failed)
}

struct Builder {
    files: Files,
}

impl Builder {
    fn put(&mut self, name: impl Into<String>, bytes: Vec<u8>) {
        self.files.insert(name.into(), bytes);
    }

    fn authority(&mut self, stem: &str, der: &[u8]) {
        self.put(format!("{stem}.pem"), pem("CERTIFICATE", der));
        self.put(format!("{stem}.cer"), der.to_vec());
    }

    /// A leaf and its chain, leaf first, with its key.
    fn identity(&mut self, stem: &str, key: &Key, chain: &[&[u8]]) {
        let text = chain
            .iter()
            .flat_map(|der| pem("CERTIFICATE", der))
            .collect();
        self.put(format!("{stem}.pem"), text);
        self.put(format!("{stem}.key"), key.pem());
    }
}

fn leaf(params: &CertificateParams, key: &Key, issuer: &Issuer) -> Result<Certificate, PkiError> {
    params
        .signed_by(key, issuer)
        .map_err(failed("a certificate"))
}

/// Makes everything.
pub(crate) fn create() -> Result<Files, PkiError> {
    let mut sizes = vec![2048; 12];
    sizes.push(1024);
    let made = keys(&sizes)?;
    let [
        root,
        organisations,
        strong_root,
        personnes,
        foreign,
        server,
        manu,
        auto,
        dui,
        bad,
        person,
        signature,
        small,
    ] = made.as_slice()
    else {
        return Err(PkiError::Create {
            what: "the keys",
            problem: format!("{} made", made.len()),
        });
    };

    let self_signed = |cn: &str, key: &Key| {
        CertifiedIssuer::self_signed(names::authority(cn, &serial(), None), key.signing()?)
            .map_err(failed("a root"))
    };
    let under = |cn: &str, crl: &str, key: &Key, root: &Issuer| {
        CertifiedIssuer::signed_by(
            names::authority(cn, &serial(), Some(crl)),
            key.signing()?,
            root,
        )
        .map_err(failed("an issuing authority"))
    };
    let root = self_signed(names::ROOT_CN, root)?;
    let organisations = under(names::ORGANISATIONS_CN, "racine", organisations, &root)?;
    let strong_root = self_signed(names::STRONG_ROOT_CN, strong_root)?;
    let personnes = under(names::PERSONNES_CN, "racine-fort", personnes, &strong_root)?;
    let foreign = self_signed(names::FOREIGN_CN, foreign)?;

    let mut out = Builder {
        files: Files::new(),
    };
    for (stem, issuer) in [
        ("racine", &root),
        ("ac-organisations", &organisations),
        ("racine-fort", &strong_root),
        ("ac-personnes", &personnes),
        ("ac-etrangere", &foreign),
    ] {
        out.authority(stem, issuer.der());
    }
    let bundle = [root.der(), organisations.der()]
        .iter()
        .flat_map(|der| pem("CERTIFICATE", der))
        .collect();
    out.put("ca-bundle.pem", bundle);

    let revoked_server = serial();
    for (stem, params, key, issuer) in [
        (
            "serveur",
            names::server(&serial(), true, false),
            server,
            &organisations,
        ),
        (
            "serveur-expire",
            names::server(&serial(), true, true),
            server,
            &organisations,
        ),
        (
            "serveur-revoque",
            names::server(&revoked_server, true, false),
            server,
            &organisations,
        ),
        (
            "serveur-autre-nom",
            names::server(&serial(), false, false),
            server,
            &organisations,
        ),
        (
            "serveur-etranger",
            names::server(&serial(), true, false),
            server,
            &foreign,
        ),
        (
            "serveur-petite-cle",
            names::server(&serial(), true, false),
            small,
            &organisations,
        ),
    ] {
        let certificate = leaf(&params, key, issuer)?;
        out.identity(stem, key, &[certificate.der(), issuer.der()]);
    }
    let alone = names::server(&serial(), true, false)
        .self_signed(&server.signing()?)
        .map_err(failed("a self-signed certificate"))?;
    out.identity("serveur-auto-signe", server, &[alone.der()]);

    let revoked_client = serial();
    for which in ClientCertificate::ALL {
        let serial = if which == ClientCertificate::Revoque {
            revoked_client
        } else {
            serial()
        };
        let key = match which {
            ClientCertificate::InsiManu => manu,
            ClientCertificate::InsiAuto => auto,
            ClientCertificate::Dui => dui,
            ClientCertificate::Signature => signature,
            _ => bad,
        };
        let (issuer, above) = if which.is_foreign() {
            (&foreign, None)
        } else {
            (&organisations, Some(&root))
        };
        let certificate = leaf(&names::client(which, &serial), key, issuer)?;
        let chain: Vec<&[u8]> = [certificate.der(), issuer.der()]
            .into_iter()
            .chain(above.map(Issuer::der))
            .map(AsRef::as_ref)
            .collect();
        out.identity(which.stem(), key, &chain[..2]);
        out.put(
            format!("{}.p12", which.stem()),
            p12(which.stem(), key, &chain)?,
        );
    }

    let certificate = leaf(&names::person(&serial()), person, &personnes)?;
    out.identity(
        "personne-cps",
        person,
        &[certificate.der(), personnes.der()],
    );

    for (stem, issuer, revoked) in [
        (
            "organisations",
            &organisations,
            &[revoked_server, revoked_client][..],
        ),
        ("racine", &root, &[]),
        ("personnes", &personnes, &[]),
        ("racine-fort", &strong_root, &[]),
    ] {
        let list = crl(issuer, revoked)?;
        out.put(format!("{stem}.crl.pem"), pem("X509 CRL", &list));
        out.put(format!("{stem}.crl"), list);
    }
    Ok(out.files)
}

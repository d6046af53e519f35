//! The test PKI, shaped like IGC-Santé: made at first start, kept in a folder that the caller
//! chooses, never committed. It holds good certificates and every kind of bad one.
//!
//! Certificates are good from 2020 to 2045, whatever the injected clock says within that; what is
//! expired ended in 2022.

mod create;
mod names;
mod peer;
mod small_key;
mod store;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diapason_core::Timestamp;
use diapason_core::exchange::PeerCertificate;
use rustls::RootCertStore;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

pub use names::{
    CRL_URL, ClientCertificate, FOREIGN_CN, ORGANISATIONS_CN, P12_PASSWORD, PERSON_ID,
    PERSONNES_CN, PUBLIC_TEST_HOSTS, ROOT_CN, STRONG_ROOT_CN, STRUCTURE_ID,
};

use crate::http::ServerCertificate;

/// The test PKI could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The folder cannot be used.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// A file is not as it was made.
    #[error("{} {problem}; remove the folder to have a new test PKI made (products must then trust it anew)", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A file of the PKI cannot be understood.
    #[error("cannot read {file} of the test PKI: {problem}")]
    Unreadable {
        /// The file.
        file: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// Something could not be generated.
    #[error("cannot make {what} for the test PKI: {problem}")]
    Create {
        /// What.
        what: &'static str,
        /// Why.
        problem: String,
    },
}

/// Files of a client identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityFiles {
    /// Certificate then its issuer, PEM.
    pub cert: PathBuf,
    /// Private key, PKCS#8 PEM.
    pub key: PathBuf,
    /// Key and chain, PKCS#12, password [`P12_PASSWORD`].
    pub p12: PathBuf,
}

/// The test PKI, read from its folder.
#[derive(Debug)]
pub struct Pki {
    dir: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
    servers: Vec<(ServerCertificate, Arc<CertifiedKey>)>,
    organisations: peer::Authority,
}

impl Pki {
    /// Reads the PKI of `dir`, or makes it there. Two processes may call it at once.
    pub fn open_or_create(dir: &Path) -> Result<Self, PkiError> {
        let files = store::open_or_create(dir)?;
        let servers = SERVERS
            .iter()
            .map(|(which, stem)| Ok((*which, Arc::new(certified_key(&files, stem)?))))
            .collect::<Result<_, PkiError>>()?;
        let organisations = peer::Authority::new(
            content(&files, "ac-organisations.cer")?.to_vec(),
            content(&files, "organisations.crl")?,
        )?;
        Ok(Self {
            dir: dir.to_path_buf(),
            files,
            servers,
            organisations,
        })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Path of a file of the folder (`racine.pem`, `ac-organisations.cer`...).
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Path of the certificates a client must trust to reach the mocks: root and issuing authority.
    pub fn ca_bundle(&self) -> PathBuf {
        self.path("ca-bundle.pem")
    }

    /// Paths of a client identity.
    pub fn client(&self, which: ClientCertificate) -> IdentityFiles {
        let stem = which.stem();
        IdentityFiles {
            cert: self.path(&format!("{stem}.pem")),
            key: self.path(&format!("{stem}.key")),
            p12: self.path(&format!("{stem}.p12")),
        }
    }

    /// Content of a file of the PKI, as it was when opened.
    pub fn content(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// Names of the files.
    pub fn file_names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// DER of a certificate file (its first certificate) such as `client-dui.pem`.
    pub fn certificate_der(&self, name: &str) -> Option<CertificateDer<'static>> {
        certificates(self.content(name)?).ok()?.into_iter().next()
    }

    /// What a client must trust: the content of [`Pki::ca_bundle`] for rustls.
    pub fn roots(&self) -> RootCertStore {
        let mut store = RootCertStore::empty();
        let bundle = self.content("ca-bundle.pem").unwrap_or_default();
        store.add_parsable_certificates(certificates(bundle).unwrap_or_default());
        store
    }

    /// Chain and key of a server.
    pub fn server_identity(&self, which: ServerCertificate) -> Arc<CertifiedKey> {
        let found = self.servers.iter().find(|(w, _)| *w == which);
        let (_, identity) = found.unwrap_or(&self.servers[0]);
        Arc::clone(identity)
    }

    /// What the certificate presented by a client says, and whether it leads to the ORGANISATIONS
    /// authority, is valid at `now`, is not revoked and is meant for `clientAuth`.
    pub fn describe_client<T: AsRef<[u8]>>(&self, chain: &[T], now: Timestamp) -> PeerCertificate {
        self.organisations.describe(chain, now)
    }

    /// Why a signature made with this certificate is not to be trusted at `now`: it does not come from the ORGANISATIONS
    /// authority, is out of date, revoked, or not meant for signatures. `None` when all is well.
    pub fn signer_problem(&self, der: &[u8], now: Timestamp) -> Option<String> {
        self.organisations.signer_problem(der, now)
    }
}

const SERVERS: [(ServerCertificate, &str); 7] = [
    (ServerCertificate::Good, "serveur"),
    (ServerCertificate::Expired, "serveur-expire"),
    (ServerCertificate::Revoked, "serveur-revoque"),
    (ServerCertificate::WrongName, "serveur-autre-nom"),
    (ServerCertificate::ForeignCa, "serveur-etranger"),
    (ServerCertificate::SelfSigned, "serveur-auto-signe"),
    (ServerCertificate::SmallKey, "serveur-petite-cle"),
];

fn content<'a>(
    files: &'a BTreeMap<String, Vec<u8>>,
    name: &'static str,
) -> Result<&'a [u8], PkiError> {
    files
        .get(name)
        .map(Vec::as_slice)
        .ok_or(PkiError::Unreadable {
            file: name,
            problem: "missing".to_owned(),
        })
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|e| e.to_string())
}

fn certified_key(
    files: &BTreeMap<String, Vec<u8>>,
    stem: &'static str,
) -> Result<CertifiedKey, PkiError> {
    let unreadable = |problem: String| PkiError::Unreadable {
        file: stem,
        problem,
    };
    let file = |end: &str| {
        files
            .get(&format!("{stem}.{end}"))
            .ok_or_else(|| unreadable(format!(".{end} missing")))
    };
    let chain = certificates(file("pem")?).map_err(unreadable)?;
    let key = PrivateKeyDer::from_pem_slice(file("key")?).map_err(|e| unreadable(e.to_string()))?;
    let key: Arc<dyn SigningKey> = if stem == "serveur-petite-cle" {
        Arc::new(small_key::AnySizeRsa::from_pkcs8(key.secret_der()).map_err(unreadable)?)
    } else {
        rustls::crypto::ring::sign::any_supported_type(&key)
            .map_err(|e| unreadable(e.to_string()))?
    };
    Ok(CertifiedKey::new(chain, key))
}

#[cfg(test)]
mod tests;

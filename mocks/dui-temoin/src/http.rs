//! HTTP clients of the DUI: its own trust anchors and no other, no redirect, a time-out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use reqwest::tls::CertificateRevocationList;
use reqwest::{Certificate, ClientBuilder, Identity};

use crate::serveur::DuiError;

/// Files and limits of a TLS client.
#[derive(Debug, Clone)]
pub struct TlsClient<'a> {
    /// Name for messages.
    pub service: &'static str,
    /// PEM file of the authorities trusted.
    pub ca: &'a Path,
    /// PEM files of the client certificate and its key, for mutual TLS.
    pub identity: Option<(&'a Path, &'a Path)>,
    /// Revocation list, PEM or DER.
    pub crl: Option<&'a Path>,
    /// How long a whole call may take.
    pub timeout: Option<Duration>,
}

impl TlsClient<'_> {
    /// A builder that trusts only these files, follows no redirect, opens a connection per call and
    /// ignores the proxies of the environment.
    pub fn builder(&self) -> Result<ClientBuilder, DuiError> {
        let client = |source| DuiError::Client {
            service: self.service,
            source,
        };
        let authorities = Certificate::from_pem_bundle(&read(self.ca)?).map_err(client)?;
        if authorities.is_empty() {
            return Err(DuiError::Setting {
                setting: self.ca.display().to_string(),
                problem: "no certificate in this file".to_owned(),
            });
        }
        let mut builder = reqwest::Client::builder()
            .tls_certs_only(authorities)
            .tls_version_min(reqwest::tls::Version::TLS_1_2)
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .no_proxy()
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0);
        if let Some((cert, key)) = self.identity {
            let mut pem = read(cert)?;
            pem.push(b'\n');
            pem.extend(read(key)?);
            builder = builder.identity(Identity::from_pem(&pem).map_err(client)?);
        }
        if let Some(crl) = self.crl {
            let lists =
                CertificateRevocationList::from_pem_bundle(&pem_crl(read(crl)?)).map_err(client)?;
            builder = builder.tls_crls_only(lists);
        }
        if let Some(timeout) = self.timeout {
            builder = builder.timeout(timeout);
        }
        Ok(builder)
    }
}

/// Where a call broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rupture {
    /// No whole answer in time.
    Delai,
    /// The server's certificate or the TLS negotiation was refused.
    Tls,
    /// No connection.
    Connexion,
    /// The connection was lost before the end of the answer.
    Coupure,
}

/// Sorts a transport error. TLS problems are recognised by type, not by their text.
pub fn nature(error: &reqwest::Error) -> Rupture {
    if error.is_timeout() {
        return Rupture::Delai;
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if current.is::<rustls::Error>() {
            return Rupture::Tls;
        }
        // The source of an I/O error is the source of what it wraps, not what it wraps.
        cause = match current.downcast_ref::<std::io::Error>() {
            Some(io) => io
                .get_ref()
                .map(|inner| inner as &(dyn std::error::Error + 'static)),
            None => current.source(),
        };
    }
    if error.is_connect() {
        Rupture::Connexion
    } else {
        Rupture::Coupure
    }
}

/// A revocation list as PEM: authorities publish it as DER.
fn pem_crl(bytes: Vec<u8>) -> Vec<u8> {
    if bytes.starts_with(b"-----") {
        return bytes;
    }
    let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
    let mut pem = String::from("-----BEGIN X509 CRL-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|b| char::from(*b)));
        pem.push('\n');
    }
    pem.push_str("-----END X509 CRL-----\n");
    pem.into_bytes()
}

fn read(path: &Path) -> Result<Vec<u8>, DuiError> {
    std::fs::read(path).map_err(|source| DuiError::File {
        path: PathBuf::from(path),
        source,
    })
}

//! Seeded defects in the trust given to the server: a verifier that forgives one thing.
//!
//! The reference DUI never comes here; its trust is that of `crate::http`.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use crate::mutants::Mutants;

#[derive(Debug)]
struct Lax {
    inner: Arc<WebPkiServerVerifier>,
    mutants: Mutants,
}

impl ServerCertVerifier for Lax {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let seen = self.inner.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        let forgiven = match &seen {
            Err(Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            )) => self.mutants.mutant("accept-expired"),
            // A self-signed certificate comes alone: nothing between it and a root.
            Err(Error::InvalidCertificate(_)) if intermediates.is_empty() => {
                self.mutants.mutant("accept-self-signed")
            }
            _ => false,
        };
        if forgiven {
            Ok(ServerCertVerified::assertion())
        } else {
            seen
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.mutants.mutant("accept-small-key") {
            return Ok(HandshakeSignatureValid::assertion());
        }
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.mutants.mutant("accept-small-key") {
            return Ok(HandshakeSignatureValid::assertion());
        }
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// A TLS configuration with the defect asked for, or `None` when none of these is.
pub(super) fn defective(
    ca: &Path,
    cert: &Path,
    key: &Path,
    mutants: &Mutants,
) -> Option<Result<ClientConfig, String>> {
    let asked = ["accept-expired", "accept-self-signed", "accept-small-key"]
        .iter()
        .any(|name| mutants.mutant(name));
    asked.then(|| build(ca, cert, key, mutants))
}

fn build(ca: &Path, cert: &Path, key: &Path, mutants: &Mutants) -> Result<ClientConfig, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let certificates = |path: &Path| -> Result<Vec<CertificateDer<'static>>, String> {
        CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|e| text(&e))
    };
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(ca)?);
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|e| text(&e))?;
    let chain = certificates(cert)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|e| text(&e))?;
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| text(&e))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Lax {
            inner,
            mutants: mutants.clone(),
        }))
        .with_client_auth_cert(chain, key)
        .map_err(|e| text(&e))
}

//! TLS of a listener: one configuration per server certificate, a client certificate verifier that
//! records rather than judges, and errors put into words.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::Arc;

use diapason_core::Clock;
use diapason_core::exchange::FailureStage;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, CertificateError, DigitallySignedStruct, DistinguishedName, ProtocolVersion,
    ServerConfig, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::{ClientAuth, TlsMode};
use crate::Shared;
use crate::http::ServerCertificate;
use crate::pki::Pki;

const CERTIFICATES: [ServerCertificate; 7] = [
    ServerCertificate::Good,
    ServerCertificate::Expired,
    ServerCertificate::Revoked,
    ServerCertificate::WrongName,
    ServerCertificate::ForeignCa,
    ServerCertificate::SelfSigned,
    ServerCertificate::SmallKey,
];

/// A ready configuration for each certificate that can be shown.
pub(crate) struct Configs(HashMap<ServerCertificate, Arc<ServerConfig>>);

impl Configs {
    pub(crate) fn new(
        mode: TlsMode,
        refuse_untrusted: bool,
        pki: &Arc<Pki>,
        shared: &Shared,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = (mode.client_auth != ClientAuth::None).then(|| {
            Arc::new(Witness {
                mandatory: mode.client_auth == ClientAuth::Required,
                refuse_untrusted,
                pki: Arc::clone(pki),
                clock: shared.clock.clone(),
                provider: Arc::clone(&provider),
            })
        });
        CERTIFICATES
            .into_iter()
            .map(|which| {
                let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
                    .with_safe_default_protocol_versions()?;
                let resolver = Arc::new(Only(pki.server_identity(which)));
                let mut config = match &verifier {
                    Some(verifier) => builder.with_client_cert_verifier(verifier.clone()),
                    None => builder.with_no_client_auth(),
                }
                .with_cert_resolver(resolver);
                config.alpn_protocols = vec![b"http/1.1".to_vec()];
                config.session_storage = Arc::new(NoServerSessionStorage {});
                config.send_tls13_tickets = 0;
                Ok((which, Arc::new(config)))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(crate) fn get(&self, which: ServerCertificate) -> Option<Arc<ServerConfig>> {
        self.0.get(&which).cloned()
    }
}

/// Always the same certificate, whatever the client asked for.
#[derive(Debug)]
struct Only(Arc<CertifiedKey>);

impl ResolvesServerCert for Only {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Takes any certificate whose key the client holds: trust is judged afterwards, on the record.
struct Witness {
    mandatory: bool,
    refuse_untrusted: bool,
    pki: Arc<Pki>,
    clock: Clock,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness")
            .field("mandatory", &self.mandatory)
            .finish_non_exhaustive()
    }
}

impl ClientCertVerifier for Witness {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    /// Empty: a client then shows what it has, instead of hiding what we would not like.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if self.refuse_untrusted {
            let facts = self.pki.describe_client(&[leaf], self.clock.now());
            let problem = facts.trust_problem.as_deref().unwrap_or_default();
            let error = match problem {
                "" => return Ok(ClientCertVerified::assertion()),
                p if p.contains("unknown issuer") => CertificateError::UnknownIssuer,
                p if p.contains("revoked") => CertificateError::Revoked,
                p if p.contains("expired") => CertificateError::Expired,
                p if p.contains("not yet valid") => CertificateError::NotValidYet,
                p if p.contains("bad signature") => CertificateError::BadSignature,
                _ => CertificateError::InvalidPurpose,
            };
            return Err(error.into());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// `1.3`, `1.2`...
pub(crate) fn version(version: ProtocolVersion) -> String {
    match version {
        ProtocolVersion::TLSv1_3 => "1.3".to_owned(),
        ProtocolVersion::TLSv1_2 => "1.2".to_owned(),
        other => format!("{other:?}"),
    }
}

/// The RFC's name of an alert.
pub(crate) fn alert(alert: AlertDescription) -> String {
    use AlertDescription as A;
    let name = match alert {
        A::CloseNotify => "close_notify",
        A::UnexpectedMessage => "unexpected_message",
        A::BadRecordMac => "bad_record_mac",
        A::RecordOverflow => "record_overflow",
        A::HandshakeFailure => "handshake_failure",
        A::NoCertificate => "no_certificate",
        A::BadCertificate => "bad_certificate",
        A::UnsupportedCertificate => "unsupported_certificate",
        A::CertificateRevoked => "certificate_revoked",
        A::CertificateExpired => "certificate_expired",
        A::CertificateUnknown => "certificate_unknown",
        A::IllegalParameter => "illegal_parameter",
        A::UnknownCA => "unknown_ca",
        A::AccessDenied => "access_denied",
        A::DecodeError => "decode_error",
        A::DecryptError => "decrypt_error",
        A::ProtocolVersion => "protocol_version",
        A::InsufficientSecurity => "insufficient_security",
        A::InternalError => "internal_error",
        A::InappropriateFallback => "inappropriate_fallback",
        A::UserCanceled => "user_canceled",
        A::NoRenegotiation => "no_renegotiation",
        A::MissingExtension => "missing_extension",
        A::UnsupportedExtension => "unsupported_extension",
        A::UnrecognisedName => "unrecognized_name",
        A::BadCertificateStatusResponse => "bad_certificate_status_response",
        A::CertificateRequired => "certificate_required",
        A::NoApplicationProtocol => "no_application_protocol",
        other => return format!("{other:?}"),
    };
    name.to_owned()
}

/// How far a connection had come that ended with that error, when it was in `stage`. An alert is the
/// peer's answer to the handshake even when it arrives after our side was done, as in TLS 1.3.
pub(crate) fn stage(error: &io::Error, stage: FailureStage) -> FailureStage {
    let inner = error
        .get_ref()
        .and_then(|e| e.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::AlertReceived(AlertDescription::CloseNotify)) | None => stage,
        Some(rustls::Error::AlertReceived(_)) => FailureStage::Handshake,
        Some(
            rustls::Error::NoCertificatesPresented
            | rustls::Error::InvalidCertificate(_)
            | rustls::Error::PeerIncompatible(_),
        ) => FailureStage::Bench,
        Some(_) => stage,
    }
}

/// What a failed handshake or first read says of the peer. `stage` completes "closed ...".
pub(crate) fn failure(error: &io::Error, stage: &str) -> String {
    let inner = error
        .get_ref()
        .and_then(|e| e.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::AlertReceived(sent)) => {
            format!("peer sent alert: {}", alert(*sent))
        }
        Some(rustls::Error::NoCertificatesPresented) => {
            "bench refused the peer: no client certificate".to_owned()
        }
        Some(rustls::Error::InvalidCertificate(why)) => {
            format!("bench refused the peer: client certificate {why:?}")
        }
        Some(rustls::Error::PeerIncompatible(why)) => {
            format!("bench refused the peer: incompatible TLS ({why:?})")
        }
        Some(other) => format!("TLS error: {other}"),
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof => format!("peer closed the connection {stage}"),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                format!("peer reset the connection {stage}")
            }
            _ => format!("connection failed {stage}: {error}"),
        },
    }
}

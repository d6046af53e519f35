//! One protocol interaction recorded by a mock: what arrived, what was answered, over what.
//!
//! Bytes are kept as blobs; what they mean is worked out when they are judged
//! (`diapason_formats::facts`), so that newer rules can read an old journal.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ExchangeId, FaultId, PersonaId, Sha256Hex, Timestamp};

/// A national service that a mock plays.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Téléservice INSi.
    Insi,
    /// Pro Santé Connect.
    Psc,
    /// DMP (dossier médical partagé), behind Mon espace santé.
    Dmp,
    /// Publication points of the test PKI (CRL).
    Pki,
}

impl Service {
    /// The word used in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insi => "insi",
            Self::Psc => "psc",
            Self::Dmp => "dmp",
            Self::Pki => "pki",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The certificate a TLS client presented.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeerCertificate {
    /// Subject common name.
    pub subject_cn: Option<String>,
    /// Subject organizational unit (structure id).
    pub subject_ou: Option<String>,
    /// Subject, RFC 4514.
    pub subject: String,
    /// Issuer common name.
    pub issuer_cn: Option<String>,
    /// Start of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub not_after: Timestamp,
    /// Serial number, hexadecimal.
    pub serial: String,
    /// Extended key usages, by name (`clientAuth`, `serverAuth`) or dotted OID.
    pub extended_key_usage: Vec<String>,
    /// Does the chain lead to the test PKI's ORGANISATIONS authority?
    pub trusted: bool,
    /// Why not, when it does not (`expired`, `revoked`, `unknown issuer`...).
    pub trust_problem: Option<String>,
    /// SHA-256 of the DER.
    pub sha256: Sha256Hex,
}

/// What the TLS layer saw of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsFacts {
    /// Versions offered in the ClientHello, highest first (`1.3`, `1.2`, `1.1`...).
    pub offered_versions: Vec<String>,
    /// Version agreed, when the handshake ended well.
    pub version: Option<String>,
    /// Cipher suite agreed.
    pub cipher_suite: Option<String>,
    /// Server name indication.
    pub sni: Option<String>,
    /// Client certificate, when one was presented.
    pub client_certificate: Option<PeerCertificate>,
}

/// A request that reached a mock, recorded before it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Number within the journal.
    pub id: ExchangeId,
    /// Service.
    pub service: Service,
    /// Listener it came by: `tls`, `tlsm`, `auth`, `wallet`, `web`, `crl`.
    pub listener: String,
    /// Operation as the mock understood it (`token`, `rechercherInsAvecTraitsIdentite`, `unknown`).
    pub operation: String,
    /// Number of the TCP connection within the run, from 1.
    pub connection: u64,
    /// Peer address and port.
    pub peer: String,
    /// TLS, when there was one.
    pub tls: Option<TlsFacts>,
    /// Raw request: head and body as received (chunking removed), blob.
    pub request: Sha256Hex,
    /// Raw request length in bytes.
    pub request_len: u64,
    /// When the last byte of the request arrived, on the injected clock.
    pub received_at: Timestamp,
    /// Persona the mock recognised.
    pub persona: Option<PersonaId>,
    /// What the request carries that the bench issued, or that names it: kind (`state`, `code`,
    /// `message_id`, `access_token`...) to the SHA-256 of the value. Used for correlation.
    #[serde(default)]
    pub presented: BTreeMap<String, Sha256Hex>,
    /// What the request could not be read as, when it is malformed (truncated, not HTTP...).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub malformed: Option<String>,
}

/// What the mock answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangeAnswer {
    /// The exchange answered.
    pub id: ExchangeId,
    /// HTTP status, when an HTTP answer was sent.
    pub status: Option<u16>,
    /// Raw answer as written, blob; absent when nothing was sent.
    pub response: Option<Sha256Hex>,
    /// Raw answer length in bytes.
    pub response_len: u64,
    /// Fault played, when one was armed.
    pub fault: Option<FaultId>,
    /// What happened on the wire when it was not a plain answer: `silent`, `cut`, `reset`, `slow`,
    /// `peer_closed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<String>,
    /// What the answer carries that can come back: kind to SHA-256 of the value.
    #[serde(default)]
    pub issued: BTreeMap<String, Sha256Hex>,
    /// Business outcome in one word (`00`, `01`, `insi_102`, `invalid_grant`, `ok`...).
    pub outcome: String,
    /// When the answer was handed to the socket, on the injected clock.
    pub answered_at: Timestamp,
}

/// How far a connection that brought no exchange had come when it ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureStage {
    /// Not recorded: a journal written before stages were.
    #[default]
    Unknown,
    /// No ClientHello at all: a TCP probe, or a peer that spoke something else.
    NoHello,
    /// The peer left within its ClientHello, before it was shown anything.
    Hello,
    /// The peer left, or sent an alert, in answer to what the handshake showed it. A TLS 1.3 alert
    /// that arrives once our own side is done counts here.
    Handshake,
    /// The peer left without a word after the handshake and before any request.
    AfterHandshake,
    /// The peer went on with what it was to refuse (TLS 1.1).
    Accepted,
    /// The peer of a plain connection sent no request.
    NoRequest,
    /// The bench itself ended it: no client certificate, a refusal asked by a fault, a time limit.
    Bench,
}

/// A TCP/TLS connection that ended without an exchange: refused handshake, closed at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionFailure {
    /// Number of the TCP connection within the run.
    pub connection: u64,
    /// Service.
    pub service: Service,
    /// Listener.
    pub listener: String,
    /// Peer address and port.
    pub peer: String,
    /// What was seen of TLS.
    pub tls: Option<TlsFacts>,
    /// Why, in words (`peer sent alert: unknown_ca`).
    pub reason: String,
    /// How far it had come.
    #[serde(default)]
    pub stage: FailureStage,
    /// Fault played, when one was armed (bad certificate, old TLS).
    pub fault: Option<FaultId>,
    /// When, on the injected clock.
    pub at: Timestamp,
}

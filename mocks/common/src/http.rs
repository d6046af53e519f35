//! What a mock's service is handed and what it hands back. The listener does the rest:
//! it records the request before `answer` is called, and the answer before it is written.

use std::collections::BTreeMap;

pub use bytes::Bytes;
use diapason_core::exchange::TlsFacts;
use diapason_core::{ExchangeId, FaultId, PersonaId, Sha256Hex, Timestamp};

/// A request as read from the socket.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// Its exchange number.
    pub exchange: ExchangeId,
    /// Listener name.
    pub listener: &'static str,
    /// Connection number.
    pub connection: u64,
    /// Method, upper case.
    pub method: String,
    /// Path, still percent-encoded, without the query.
    pub path: String,
    /// Query, still percent-encoded, empty when absent.
    pub query: String,
    /// Header names in lower case, values as received, in order.
    pub headers: Vec<(String, String)>,
    /// Body, chunking removed. Shared: what keeps a part of it copies nothing.
    pub body: Bytes,
    /// TLS of the connection.
    pub tls: Option<TlsFacts>,
}

impl Incoming {
    /// First header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }
}

/// What the service made of a request, recorded before it answers.
#[derive(Debug, Clone, Default)]
pub struct Classified {
    /// Operation (`unknown` when none fits).
    pub operation: String,
    /// Persona recognised.
    pub persona: Option<PersonaId>,
    /// See [`diapason_core::Exchange::presented`].
    pub presented: BTreeMap<String, Sha256Hex>,
}

/// How the answer goes out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Whole, with `Content-Length`.
    #[default]
    Plain,
    /// Whole, chunked.
    Chunked,
    /// Announces the whole length, stops after so many bytes of body and closes.
    Cut(usize),
    /// Nothing is sent; the connection stays open until the peer or the listener gives up.
    Silent,
    /// Nothing is sent for so many milliseconds of real time, then the connection is closed.
    Quiet(u64),
    /// Nothing is sent; TCP reset.
    Reset,
    /// Waits so many milliseconds of real time, then sends.
    Delay(u64),
    /// These bytes instead of an HTTP answer.
    Raw(Vec<u8>),
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers beside `Content-Length`, `Date` and `Connection`; one of those given here replaces
    /// the usual one (a wrong length, a wrong date).
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// What follows `body`: shared bytes, so that a long document is sent without a copy of it.
    pub more: Vec<Bytes>,
    /// How it goes out.
    pub delivery: Delivery,
    /// Fault played.
    pub fault: Option<FaultId>,
    /// See [`diapason_core::ExchangeAnswer::outcome`].
    pub outcome: String,
    /// See [`diapason_core::ExchangeAnswer::issued`].
    pub issued: BTreeMap<String, Sha256Hex>,
}

impl Reply {
    /// An answer with a content type and a body.
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
            body: body.into(),
            ..Self::default()
        }
    }

    /// Length of the whole body.
    pub fn body_len(&self) -> usize {
        self.body.len() + self.more.iter().map(Bytes::len).sum::<usize>()
    }

    /// Copies `more` to the end of `body`, for what must change its bytes.
    #[must_use]
    pub fn joined(mut self) -> Self {
        for bytes in std::mem::take(&mut self.more) {
            self.body.extend_from_slice(&bytes);
        }
        self
    }

    /// Sets the outcome word.
    #[must_use]
    pub fn outcome(mut self, word: impl Into<String>) -> Self {
        self.outcome = word.into();
        self
    }
}

/// Which certificate a listener shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ServerCertificate {
    /// Valid, issued by the ORGANISATIONS authority.
    #[default]
    Good,
    /// Past its end.
    Expired,
    /// On the CRL.
    Revoked,
    /// For another host.
    WrongName,
    /// Issued by an authority outside the test PKI.
    ForeignCa,
    /// Self-signed.
    SelfSigned,
    /// RSA 1024.
    SmallKey,
}

/// How the TLS layer of a new connection misbehaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsFault {
    /// Shows that certificate.
    Certificate(ServerCertificate),
    /// Speaks only TLS 1.1 (a ServerHello of version 1.1 is sent).
    OldTls,
    /// Closes the TCP connection at once.
    Refuse,
}

/// A service behind a listener.
pub trait HttpService: Send + Sync + 'static {
    /// What is this request? Must be quick and must not change state.
    fn classify(&self, request: &Incoming) -> Classified;
    /// Answers. A panic here ends the exchange as a bench error.
    fn answer(&self, request: &Incoming, classified: &Classified) -> Reply;
    /// Does the request carry production data? When it answers what that looks like (without the
    /// data), nothing of the request is kept and the answer is 403. Called before anything is
    /// recorded, also with what could not be read as HTTP (all bytes are then in `body`) or with a
    /// body that is not whole.
    fn guard(&self, _request: &Incoming) -> Option<String> {
        None
    }
    /// TLS misbehaviour for a connection whose ClientHello has just been read.
    fn tls_fault(&self, _listener: &'static str) -> Option<(FaultId, TlsFault)> {
        None
    }
}

/// A date as HTTP writes it (IMF-fixdate).
pub fn http_date(at: Timestamp) -> String {
    let t = at.date_time();
    let day = &t.weekday().to_string()[..3];
    let month = &t.month().to_string()[..3];
    format!(
        "{day}, {:02} {month} {} {:02}:{:02}:{:02} GMT",
        t.day(),
        t.year(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

//! Reads HTTP/1.1 requests, keeping the bytes as they came. What cannot be read as HTTP is still a
//! request: it is handed on with its problem in words, to be recorded.

use std::io;
use std::time::Duration;

use httparse::Status;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::Instant;

use super::ListenerOptions;

const MAX_HEADERS: usize = 128;
const READ_SIZE: usize = 16 * 1024;
/// A chunk-size line longer than this is not one.
const MAX_CHUNK_LINE: usize = 4096;

/// The head, understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    /// Names in lower case. A value that is not UTF-8 is read as ISO-8859-1.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) http_1_0: bool,
    pub(crate) keep_alive: bool,
}

impl Head {
    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }
}

/// Why a request is not whole or not right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Answer to give; none when the peer is gone.
    pub(crate) status: Option<u16>,
    /// In words.
    pub(crate) reason: String,
    /// The peer is still sending: its bytes are to be read and dropped so that it hears the answer.
    pub(crate) drain: bool,
}

impl Problem {
    fn new(status: u16, reason: impl Into<String>) -> Self {
        Self {
            status: Some(status),
            reason: reason.into(),
            drain: true,
        }
    }
}

/// A request as read.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// Head as received, blank line included, then body, chunking removed; all the bytes when they
    /// are not HTTP. One buffer: a long body is in memory once.
    pub(crate) raw: Vec<u8>,
    /// Where the body begins in it.
    pub(crate) head_len: usize,
    /// The head, when it could be understood.
    pub(crate) head: Option<Head>,
    /// What is wrong.
    pub(crate) problem: Option<Problem>,
}

/// Why no further request comes.
#[derive(Debug)]
pub(crate) enum End {
    /// The peer closed.
    Closed,
    /// The socket or TLS failed.
    Failed(io::Error),
    /// Nothing came for that long.
    Idle(Duration),
    /// The listener stops.
    Stopped,
}

/// What reading brought.
#[derive(Debug)]
pub(crate) enum Read {
    Request(Box<Received>),
    End(End),
}

/// Bytes received and not yet used.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    buffer: Vec<u8>,
}

enum FillError {
    Closed,
    Failed(io::Error),
    Timeout,
    Stopped,
}

impl Inbox {
    /// Waits for more bytes.
    async fn fill<C: AsyncRead + Unpin>(
        &mut self,
        conn: &mut C,
        deadline: Instant,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), FillError> {
        self.buffer.reserve(READ_SIZE);
        tokio::select! {
            biased;
            _ = stop.wait_for(|s| *s) => Err(FillError::Stopped),
            read = tokio::time::timeout_at(deadline, conn.read_buf(&mut self.buffer)) => match read {
                Err(_) => Err(FillError::Timeout),
                Ok(Err(e)) => Err(FillError::Failed(e)),
                Ok(Ok(0)) => Err(FillError::Closed),
                Ok(Ok(_)) => Ok(()),
            },
        }
    }

    /// Returns when the peer is gone or the listener stops. What it sends meanwhile is kept up to
    /// a limit, past which it is no longer read.
    pub(crate) async fn peer_gone<C: AsyncRead + Unpin>(
        &mut self,
        conn: &mut C,
        limit: usize,
        stop: &mut watch::Receiver<bool>,
    ) {
        let far = Instant::now() + Duration::from_hours(24);
        loop {
            if self.buffer.len() > limit {
                let _ = stop.wait_for(|s| *s).await;
                return;
            }
            if self.fill(conn, far, stop).await.is_err() {
                return;
            }
        }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(count.min(self.buffer.len()));
        std::mem::replace(&mut self.buffer, rest)
    }
}

/// Reads the next request.
pub(crate) async fn read<C: AsyncRead + AsyncWrite + Unpin>(
    conn: &mut C,
    inbox: &mut Inbox,
    options: &ListenerOptions,
    stop: &mut watch::Receiver<bool>,
) -> Read {
    let idle = options.idle_timeout;
    loop {
        // Some clients end a body with a line end that is not part of it.
        let blank = inbox
            .buffer
            .iter()
            .take_while(|b| matches!(b, b'\r' | b'\n'));
        inbox.take(blank.count());
        if !inbox.buffer.is_empty() {
            break;
        }
        match inbox.fill(conn, Instant::now() + idle, stop).await {
            Ok(()) => {}
            Err(FillError::Closed) => return Read::End(End::Closed),
            Err(FillError::Failed(e)) => return Read::End(End::Failed(e)),
            Err(FillError::Timeout) => return Read::End(End::Idle(idle)),
            Err(FillError::Stopped) => return Read::End(End::Stopped),
        }
    }
    let mut received = Received::default();
    let done = read_head(conn, inbox, options, stop, &mut received).await;
    let done = match done {
        Ok(()) => read_body(conn, inbox, options, stop, &mut received).await,
        Err(broken) => Err(broken),
    };
    match done {
        Ok(()) => {}
        Err(Broken::Stopped) => return Read::End(End::Stopped),
        Err(Broken::Problem(problem)) => {
            if received.head.is_none() {
                received.raw = inbox.take(options.max_head);
                received.head_len = received.raw.len();
            }
            received.problem = Some(problem);
        }
    }
    Read::Request(Box::new(received))
}

enum Broken {
    Problem(Problem),
    Stopped,
}

/// A fill that failed within a request; `waiting` says for what.
fn broken(error: FillError, waiting: &str, limit: Duration) -> Broken {
    let gone = |reason| {
        Broken::Problem(Problem {
            status: None,
            reason,
            drain: false,
        })
    };
    match error {
        FillError::Closed => gone(format!("connection closed while waiting for {waiting}")),
        FillError::Failed(e) => gone(format!(
            "connection failed while waiting for {waiting}: {e}"
        )),
        FillError::Timeout => Broken::Problem(Problem {
            status: Some(408),
            reason: format!("waited {limit:?} for {waiting}"),
            drain: false,
        }),
        FillError::Stopped => Broken::Stopped,
    }
}

async fn read_head<C: AsyncRead + Unpin>(
    conn: &mut C,
    inbox: &mut Inbox,
    options: &ListenerOptions,
    stop: &mut watch::Receiver<bool>,
    received: &mut Received,
) -> Result<(), Broken> {
    let deadline = Instant::now() + options.head_timeout;
    loop {
        match parse_head(&inbox.buffer).map_err(Broken::Problem)? {
            Some((length, head)) if length <= options.max_head => {
                received.raw = inbox.take(length);
                received.head_len = length;
                received.head = Some(head);
                return Ok(());
            }
            None if inbox.buffer.len() <= options.max_head => {}
            _ => {
                let reason = format!("head longer than {} bytes", options.max_head);
                return Err(Broken::Problem(Problem::new(431, reason)));
            }
        }
        if let Err(e) = inbox.fill(conn, deadline, stop).await {
            let waiting = format!("the end of the head ({} bytes came)", inbox.buffer.len());
            return Err(broken(e, &waiting, options.head_timeout));
        }
    }
}

fn parse_head(bytes: &[u8]) -> Result<Option<(usize, Head)>, Problem> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Problem::new(
                431,
                format!("more than {MAX_HEADERS} headers"),
            ));
        }
        Err(e) => {
            let what = if bytes.first() == Some(&22) {
                "a TLS record where plain HTTP is spoken".to_owned()
            } else {
                e.to_string()
            };
            return Err(Problem::new(400, format!("not an HTTP/1 request: {what}")));
        }
    };
    let target = request.path.unwrap_or_default();
    let target = origin_form(target);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(String, String)> = request
        .headers
        .iter()
        .map(|h| (h.name.to_ascii_lowercase(), text(h.value)))
        .collect();
    let mut head = Head {
        method: request.method.unwrap_or_default().to_ascii_uppercase(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        http_1_0: request.version == Some(0),
        keep_alive: false,
    };
    let says = |head: &Head, word: &str| {
        head.values("connection")
            .flat_map(|v| v.split(','))
            .any(|v| v.trim().eq_ignore_ascii_case(word))
    };
    head.keep_alive = if head.http_1_0 {
        says(&head, "keep-alive")
    } else {
        !says(&head, "close")
    };
    Ok(Some((length, head)))
}

/// `/path?query` of a target that may be absolute.
fn origin_form(target: &str) -> &str {
    let Some((_, after)) = target
        .split_once("://")
        .filter(|_| !target.starts_with('/'))
    else {
        return target;
    };
    after.find(['/', '?']).map_or("/", |at| &after[at..])
}

fn text(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => value.iter().map(|b| char::from(*b)).collect(),
    }
}

enum Framing {
    Length(usize),
    Chunked,
}

fn framing(head: &Head, max_body: usize) -> Result<Framing, Problem> {
    if !head.http_1_0 && head.values("host").count() != 1 {
        return Err(Problem::new(
            400,
            "an HTTP/1.1 request needs one Host header",
        ));
    }
    let codings: Vec<&str> = head
        .values("transfer-encoding")
        .flat_map(|v| v.split(','))
        .map(str::trim)
        .collect();
    let mut lengths: Vec<&str> = head
        .values("content-length")
        .flat_map(|v| v.split(','))
        .map(str::trim)
        .collect();
    lengths.dedup();
    match (codings.as_slice(), lengths.as_slice()) {
        ([], []) => Ok(Framing::Length(0)),
        ([coding], []) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
        ([_, ..], []) => Err(Problem::new(
            501,
            format!("Transfer-Encoding {} is not supported", codings.join(", ")),
        )),
        ([], [length]) if length.bytes().all(|b| b.is_ascii_digit()) => {
            match length.parse::<usize>() {
                Ok(length) if length <= max_body => Ok(Framing::Length(length)),
                _ => Err(Problem::new(
                    413,
                    format!("body of {length} bytes announced, the limit is {max_body}"),
                )),
            }
        }
        ([], _) => Err(Problem::new(
            400,
            format!("Content-Length {:?} is not one length", lengths.join(", ")),
        )),
        _ => Err(Problem::new(
            400,
            "both Transfer-Encoding and Content-Length are given",
        )),
    }
}

async fn read_body<C: AsyncRead + AsyncWrite + Unpin>(
    conn: &mut C,
    inbox: &mut Inbox,
    options: &ListenerOptions,
    stop: &mut watch::Receiver<bool>,
    received: &mut Received,
) -> Result<(), Broken> {
    // Set by `read_head`.
    let Some(head) = &received.head else {
        return Ok(());
    };
    let framing = framing(head, options.max_body).map_err(Broken::Problem)?;
    if matches!(framing, Framing::Length(0)) {
        return Ok(());
    }
    let expects = head
        .values("expect")
        .any(|v| v.eq_ignore_ascii_case("100-continue"));
    if expects && !head.http_1_0 && inbox.buffer.is_empty() {
        // A failure here shows at the next read.
        let _ = conn.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await;
        let _ = conn.flush().await;
    }
    let mut source = Source {
        conn,
        inbox,
        stop,
        deadline: Instant::now() + options.body_timeout,
        timeout: options.body_timeout,
    };
    match framing {
        Framing::Length(length) => {
            // Reserved memory is only taken as bytes come: an announced length costs nothing.
            received.raw.reserve_exact(length);
            source.exactly(length, length, &mut received.raw).await
        }
        Framing::Chunked => {
            let head = received.head_len;
            source.chunks(options, head, &mut received.raw).await
        }
    }
}

/// Where body bytes come from.
struct Source<'a, C> {
    conn: &'a mut C,
    inbox: &'a mut Inbox,
    stop: &'a mut watch::Receiver<bool>,
    deadline: Instant,
    timeout: Duration,
}

impl<C: AsyncRead + Unpin> Source<'_, C> {
    async fn fill(&mut self, waiting: impl FnOnce() -> String) -> Result<(), Broken> {
        let filled = self.inbox.fill(self.conn, self.deadline, self.stop).await;
        filled.map_err(|e| broken(e, &waiting(), self.timeout))
    }

    /// Moves so many bytes to `body`; `whole` is what was announced, for messages.
    async fn exactly(
        &mut self,
        mut count: usize,
        whole: usize,
        body: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        loop {
            let some = count.min(self.inbox.buffer.len());
            body.extend(self.inbox.buffer.drain(..some));
            count -= some;
            if count == 0 {
                return Ok(());
            }
            let got = whole - count;
            self.fill(|| format!("the rest of the body ({got} of {whole} bytes came)"))
                .await?;
        }
    }

    /// Moves a chunked body after the `head` bytes of `raw`.
    async fn chunks(
        &mut self,
        options: &ListenerOptions,
        head: usize,
        raw: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        let bad = |what: &str| Broken::Problem(Problem::new(400, format!("chunked body: {what}")));
        loop {
            let size = match httparse::parse_chunk_size(&self.inbox.buffer) {
                Ok(Status::Complete((used, size))) => {
                    self.inbox.take(used);
                    size
                }
                Ok(Status::Partial) if self.inbox.buffer.len() <= MAX_CHUNK_LINE => {
                    let got = raw.len() - head;
                    self.fill(|| format!("the next chunk ({got} bytes of body came)"))
                        .await?;
                    continue;
                }
                _ => return Err(bad("a chunk size cannot be read")),
            };
            if size == 0 {
                return self.trailers(options.max_head).await;
            }
            let room = options.max_body.saturating_sub(raw.len() - head);
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            if size > room {
                raw.truncate(head);
                let reason = format!("body longer than the limit of {} bytes", options.max_body);
                return Err(Broken::Problem(Problem::new(413, reason)));
            }
            self.exactly(size, size, raw).await?;
            let mut end = Vec::new();
            self.exactly(2, 2, &mut end).await?;
            if end != b"\r\n" {
                return Err(bad("a chunk does not end where its size says"));
            }
        }
    }

    async fn trailers(&mut self, limit: usize) -> Result<(), Broken> {
        let mut used = 0;
        loop {
            while let Some(end) = self.inbox.buffer.windows(2).position(|w| w == b"\r\n") {
                self.inbox.take(end + 2);
                used += end + 2;
                if end == 0 {
                    return Ok(());
                }
            }
            if used + self.inbox.buffer.len() > limit {
                return Err(Broken::Problem(Problem::new(
                    431,
                    format!("trailers longer than {limit} bytes"),
                )));
            }
            self.fill(|| "the end of the chunked body".to_owned())
                .await?;
        }
    }
}

/// Reads and drops what the peer still sends, so that it hears the answer before a reset.
pub(crate) async fn drain<C: AsyncRead + Unpin>(
    conn: &mut C,
    limit: Duration,
    stop: &mut watch::Receiver<bool>,
) {
    let sink = async {
        let mut buffer = vec![0; READ_SIZE];
        while conn.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
    };
    tokio::select! {
        _ = stop.wait_for(|s| *s) => {}
        _ = tokio::time::timeout(limit, sink) => {}
    }
}

//! Turns a reply into bytes and sends them the way it asks: whole, chunked, cut, late, never.

use std::time::Duration;

use diapason_core::Timestamp;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use super::ListenerOptions;
use super::request::{Head, Inbox};
use super::wire::Conn;
use crate::http::{Bytes, Delivery, Reply, http_date};

const CHUNK: usize = 8 * 1024;
/// Parts up to this size are copied to leave together.
const TOGETHER: usize = 32 * 1024;

/// When the bytes go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Now,
    After(Duration),
    /// Nothing goes out, for as long as given or the listener's limit.
    Never(Option<Duration>),
    Reset,
}

/// An answer ready to be recorded, then sent.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Status told to the peer.
    pub(crate) status: Option<u16>,
    /// Bytes to write, in turn: head, then body, shared with whoever holds it.
    pub(crate) wire: Vec<Bytes>,
    /// Bytes to keep when they are not those written (chunking removed).
    pub(crate) kept: Option<Vec<Bytes>>,
    /// Word for [`diapason_core::ExchangeAnswer::delivery`].
    pub(crate) delivery: Option<&'static str>,
    /// When to write.
    pub(crate) when: When,
    /// Close afterwards.
    pub(crate) close: bool,
}

impl Outgoing {
    /// Nothing to send, nobody to send it to.
    pub(crate) fn peer_gone() -> Self {
        Self {
            status: None,
            wire: Vec::new(),
            kept: None,
            delivery: Some("peer_closed"),
            when: When::Now,
            close: true,
        }
    }

    /// The bytes the peer is given, for the record; none when nothing is sent.
    pub(crate) fn recorded(&self) -> Option<Vec<&[u8]>> {
        let sent = matches!(self.when, When::Now | When::After(_));
        let wire = self.kept.as_ref().unwrap_or(&self.wire);
        let parts: Vec<&[u8]> = wire.iter().map(AsRef::as_ref).collect();
        (sent && parts.iter().any(|p| !p.is_empty())).then_some(parts)
    }

    /// `reply` as an answer to a request of that head, at that time. Its body is taken out of it.
    pub(crate) fn new(reply: &mut Reply, head: Option<&Head>, now: Timestamp) -> Self {
        let keep_alive = head.is_some_and(|h| h.keep_alive);
        let given = |name: &str| {
            reply
                .headers
                .iter()
                .find(|(n, _)| n.eq_ignore_ascii_case(name))
                .map(|(_, v)| v.as_str())
        };
        let closes = given("connection").is_some_and(|v| v.to_ascii_lowercase().contains("close"));
        let mut out = Self {
            status: Some(reply.status),
            wire: Vec::new(),
            kept: None,
            delivery: None,
            when: When::Now,
            close: !keep_alive || closes,
        };
        let chunked = reply.delivery == Delivery::Chunked && head.is_some_and(|h| !h.http_1_0);
        if matches!(reply.delivery, Delivery::Cut(_)) {
            out.close = true;
        }
        let bodiless = matches!(reply.status, 204 | 304);
        let mut text = format!("HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status));
        for (name, value) in &reply.headers {
            text.push_str(&header(name, value));
        }
        if chunked && !bodiless {
            text.push_str("Transfer-Encoding: chunked\r\n");
        } else if !bodiless && given("content-length").is_none() {
            let length = reply.body_len();
            text.push_str(&header("Content-Length", &length.to_string()));
        }
        if given("date").is_none() {
            text.push_str(&header("Date", &http_date(now)));
        }
        if given("connection").is_none() {
            if out.close {
                text.push_str("Connection: close\r\n");
            } else if head.is_some_and(|h| h.http_1_0) {
                text.push_str("Connection: keep-alive\r\n");
            }
        }
        text.push_str("\r\n");
        let mut wire = vec![Bytes::from(text)];
        let mut body = vec![Bytes::from(std::mem::take(&mut reply.body))];
        body.append(&mut reply.more);
        if bodiless || head.is_some_and(|h| h.method == "HEAD") {
            body.clear();
        }
        match &reply.delivery {
            Delivery::Chunked if chunked && !bodiless => {
                out.kept = Some(wire.iter().chain(&body).cloned().collect());
                for mut segment in body {
                    while !segment.is_empty() {
                        let chunk = segment.split_to(CHUNK.min(segment.len()));
                        wire.push(Bytes::from(format!("{:x}\r\n", chunk.len())));
                        wire.push(chunk);
                        wire.push(Bytes::from_static(b"\r\n"));
                    }
                }
                if head.is_none_or(|h| h.method != "HEAD") {
                    wire.push(Bytes::from_static(b"0\r\n\r\n"));
                }
            }
            Delivery::Plain | Delivery::Chunked => wire.append(&mut body),
            Delivery::Cut(count) => {
                out.delivery = Some("cut");
                let mut left = *count;
                for mut segment in body {
                    segment.truncate(left);
                    left -= segment.len();
                    wire.push(segment);
                }
            }
            Delivery::Delay(millis) => {
                out.delivery = Some("slow");
                out.when = When::After(Duration::from_millis(*millis));
                wire.append(&mut body);
            }
            Delivery::Silent | Delivery::Quiet(_) => {
                out.delivery = Some("silent");
                out.when = When::Never(match &reply.delivery {
                    Delivery::Quiet(millis) => Some(Duration::from_millis(*millis)),
                    _ => None,
                });
                out.status = None;
                out.close = true;
            }
            Delivery::Reset => {
                out.delivery = Some("reset");
                out.when = When::Reset;
                out.status = None;
                out.close = true;
            }
            Delivery::Raw(raw) => {
                out.delivery = Some("raw");
                out.status = raw_status(raw);
                out.close = true;
                wire = vec![Bytes::from(raw.clone())];
            }
        }
        out.wire = wire;
        out
    }

    /// Sends; says whether the connection can serve another request.
    pub(crate) async fn send(
        self,
        conn: &mut Conn,
        inbox: &mut Inbox,
        options: &ListenerOptions,
        stop: &mut watch::Receiver<bool>,
    ) -> bool {
        const KEEP: usize = 64 * 1024;
        match self.when {
            When::Now => {}
            When::After(delay) => tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = inbox.peer_gone(conn, KEEP, stop) => return false,
            },
            When::Never(limit) => {
                let limit = limit.unwrap_or(options.silence_limit);
                let gone = inbox.peer_gone(conn, KEEP, stop);
                // Whichever ends first, nothing is sent.
                let _ = tokio::time::timeout(limit, gone).await;
                return false;
            }
            When::Reset => {
                conn.reset_on_close();
                return false;
            }
        }
        write(conn, &self.wire, options.body_timeout, stop).await && !self.close
    }
}

/// Writes, unless the limit passes or the listener stops first: a peer that no longer reads must
/// not hold us.
async fn write<C: AsyncWrite + Unpin>(
    conn: &mut C,
    bytes: &[Bytes],
    limit: Duration,
    stop: &mut watch::Receiver<bool>,
) -> bool {
    let writing = async {
        // Short parts leave together: one write each would be one TLS record each.
        let mut pending = Vec::new();
        for part in bytes {
            if pending.len() + part.len() <= TOGETHER {
                pending.extend_from_slice(part);
                continue;
            }
            conn.write_all(&pending).await?;
            pending.clear();
            if part.len() <= TOGETHER {
                pending.extend_from_slice(part);
            } else {
                conn.write_all(part).await?;
            }
        }
        conn.write_all(&pending).await?;
        conn.flush().await
    };
    tokio::select! {
        biased;
        written = tokio::time::timeout(limit, writing) => written.is_ok_and(|w| w.is_ok()),
        _ = stop.wait_for(|s| *s) => false,
    }
}

fn raw_status(raw: &[u8]) -> Option<u16> {
    let line = raw.get(..12)?;
    if !line.starts_with(b"HTTP/1.") {
        return None;
    }
    std::str::from_utf8(&line[9..]).ok()?.parse().ok()
}

/// A header line; neither part can hold a line end.
fn header(name: &str, value: &str) -> String {
    format!("{name}: {value}").replace(['\r', '\n'], " ") + "\r\n"
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        410 => "Gone",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(method: &str, http_1_0: bool) -> Head {
        Head {
            method: method.to_owned(),
            http_1_0,
            keep_alive: !http_1_0,
            ..Head::default()
        }
    }

    fn wire(mut reply: Reply, head: &Head) -> (Outgoing, String) {
        let at = Timestamp::try_from("2026-01-05T09:08:07Z".to_owned()).unwrap();
        let out = Outgoing::new(&mut reply, Some(head), at);
        let text = String::from_utf8(out.wire.concat()).unwrap();
        (out, text)
    }

    #[test]
    fn a_plain_answer_has_its_length_and_the_injected_date() {
        let reply = Reply::new(200, "text/plain", "été");
        let (out, text) = wire(reply, &head("GET", false));
        assert_eq!(
            text,
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\
             Date: Mon, 05 Jan 2026 09:08:07 GMT\r\n\r\nété"
        );
        assert!(!out.close);
        assert_eq!(out.recorded().unwrap().concat(), text.as_bytes());
    }

    #[test]
    fn head_and_204_have_no_body() {
        let (_, text) = wire(Reply::new(200, "a/b", "body"), &head("HEAD", false));
        assert!(text.contains("Content-Length: 4") && text.ends_with("\r\n\r\n"));
        let (_, text) = wire(Reply::new(204, "a/b", "body"), &head("GET", false));
        assert!(!text.contains("Content-Length") && text.ends_with("\r\n\r\n"));
    }

    #[test]
    fn chunking_is_not_kept_and_not_spoken_to_http_1_0() {
        let reply = || Reply {
            delivery: Delivery::Chunked,
            ..Reply::new(200, "a/b", "x".repeat(CHUNK + 1))
        };
        let (out, text) = wire(reply(), &head("GET", false));
        assert!(text.ends_with("\r\n1\r\nx\r\n0\r\n\r\n"));
        let kept = out.recorded().unwrap().concat();
        let body = "x".repeat(CHUNK + 1);
        assert!(kept.ends_with(format!("\r\n\r\n{body}").as_bytes()));
        let (out, text) = wire(reply(), &head("GET", true));
        assert!(text.contains("Content-Length: 8193\r\n") && text.ends_with("xx"));
        assert!(out.close);
    }

    #[test]
    fn a_body_in_several_parts_is_one_body() {
        let reply = |delivery| Reply {
            delivery,
            more: vec![Bytes::from_static(b"milieu"), Bytes::from_static(b"fin")],
            ..Reply::new(200, "a/b", "tete")
        };
        let (out, text) = wire(reply(Delivery::Plain), &head("GET", false));
        assert!(text.contains("Content-Length: 13\r\n") && text.ends_with("\r\n\r\ntetemilieufin"));
        assert_eq!(out.recorded().unwrap().concat(), text.as_bytes());
        let (_, text) = wire(reply(Delivery::Cut(7)), &head("GET", false));
        assert!(text.contains("Content-Length: 13\r\n") && text.ends_with("\r\n\r\ntetemil"));
        let (out, text) = wire(reply(Delivery::Chunked), &head("GET", false));
        assert!(text.ends_with("4\r\ntete\r\n6\r\nmilieu\r\n3\r\nfin\r\n0\r\n\r\n"));
        let kept = out.recorded().unwrap().concat();
        assert!(kept.ends_with(b"\r\n\r\ntetemilieufin"));
        let (out, _) = wire(reply(Delivery::Quiet(20)), &head("GET", false));
        assert_eq!(out.when, When::Never(Some(Duration::from_millis(20))));
        assert!(out.recorded().is_none() && out.close);
        assert_eq!(reply(Delivery::Plain).joined().body, b"tetemilieufin");
    }

    #[test]
    fn a_header_cannot_be_split_and_a_given_length_stands() {
        let mut reply = Reply::new(200, "a/b", "body");
        reply.headers.push(("X".to_owned(), "a\r\nB: c".to_owned()));
        reply
            .headers
            .push(("Content-Length".to_owned(), "9".to_owned()));
        let (_, text) = wire(reply, &head("GET", false));
        assert!(text.contains("X: a  B: c\r\n"));
        assert!(text.contains("Content-Length: 9\r\n") && !text.contains("Content-Length: 4"));
    }

    #[test]
    fn the_status_of_raw_bytes_is_read_when_there_is_one() {
        assert_eq!(raw_status(b"HTTP/1.1 503 Non\r\n\r\n"), Some(503));
        assert_eq!(raw_status(b"HTTP/1.1"), None);
        assert_eq!(raw_status(b"garbage, long enough"), None);
    }
}

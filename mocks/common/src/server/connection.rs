//! The life of one connection: handshake, requests one after the other, close.

use std::net::SocketAddr;
use std::time::Duration;

use diapason_core::exchange::{FailureStage, TlsFacts};
use rand::Rng as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::exchange::Trace;
use super::hello::{self, Hello, HelloRead};
use super::request::{self, End, Inbox, Read};
use super::wire::{Conn, Wire};
use super::{Context, old_tls, tls};
use crate::http::{ServerCertificate, TlsFault};

/// How long a peer that was refused may take to hear why.
const LINGER: Duration = Duration::from_millis(500);

/// Serves a connection until it ends.
pub(crate) async fn serve(
    tcp: TcpStream,
    peer: SocketAddr,
    context: &Context,
    mut stop: watch::Receiver<bool>,
) {
    // Small answers must not wait for more; if it cannot be set they only come later.
    let _ = tcp.set_nodelay(true);
    let mut trace = Trace {
        context,
        connection: context.shared.recorder.next_connection(),
        peer: peer.to_string(),
        tls: None,
        fault: None,
    };
    let conn = if context.tls.is_some() {
        let mut stopping = stop.clone();
        let handshake = tokio::select! {
            handshake = secure(tcp, &mut trace) => handshake,
            _ = stopping.wait_for(|s| *s) => return,
        };
        match handshake {
            Ok(conn) => conn,
            Err(refused) => {
                trace.connection_failed(refused.reason, refused.stage);
                if let Some(wire) = refused.wire {
                    linger(wire).await;
                }
                return;
            }
        }
    } else {
        Conn::Plain(Wire::new(tcp, Vec::new()))
    };
    speak(conn, &trace, &mut stop).await;
}

/// A handshake that gave no connection.
struct Refused {
    /// Why.
    reason: String,
    /// How far it had come.
    stage: FailureStage,
    /// The socket, when the peer is to be given time to hear our last bytes.
    wire: Option<Wire>,
}

impl Refused {
    fn at(stage: FailureStage, reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            stage,
            wire: None,
        }
    }
}

/// Leads the TLS handshake.
async fn secure(mut tcp: TcpStream, trace: &mut Trace<'_>) -> Result<Conn, Refused> {
    let limit = trace.context.options.handshake_timeout;
    let (hello, ahead) = match timeout(limit, hello::read(&mut tcp)).await {
        Ok(HelloRead::Hello(hello, ahead)) => (hello, ahead),
        Ok(HelloRead::NotTls(bytes)) => {
            let reason = not_tls(&mut tcp, &bytes).await;
            return Err(Refused {
                wire: Some(Wire::new(tcp, Vec::new())),
                ..Refused::at(FailureStage::NoHello, reason)
            });
        }
        Ok(HelloRead::Closed(0)) => {
            let reason = "peer closed the connection without a ClientHello";
            return Err(Refused::at(FailureStage::NoHello, reason));
        }
        Ok(HelloRead::Closed(count)) => {
            let reason =
                format!("peer closed the connection within its ClientHello, after {count} bytes");
            return Err(Refused::at(FailureStage::Hello, reason));
        }
        Ok(HelloRead::Failed(e)) => {
            let reason = tls::failure(&e, "before a ClientHello");
            return Err(Refused::at(FailureStage::NoHello, reason));
        }
        Err(_) => {
            let reason = format!("no ClientHello within {limit:?}");
            return Err(Refused::at(FailureStage::NoHello, reason));
        }
    };
    trace.tls = Some(facts(&hello));
    let context = trace.context;
    let name = context.config.name;
    let fault = trace.asking("tls_fault", || context.service.tls_fault(name));
    let mut certificate = ServerCertificate::Good;
    if let Some(Some((id, fault))) = fault {
        trace.fault = Some(id);
        match fault {
            TlsFault::Certificate(which) => certificate = which,
            TlsFault::Refuse => {
                let reason = "bench closed the connection on the ClientHello, as asked";
                return Err(Refused::at(FailureStage::Bench, reason));
            }
            TlsFault::OldTls => {
                let (stage, reason) = old(tcp, &hello, trace).await;
                return Err(Refused::at(stage, reason));
            }
        }
    }
    let config = context.tls.as_ref().and_then(|c| c.get(certificate));
    // `Configs` holds every certificate.
    let Some(config) = config else {
        let reason = format!("bench has no {certificate:?} certificate");
        return Err(Refused::at(FailureStage::Bench, reason));
    };
    let accepting = TlsAcceptor::from(config)
        .accept(Wire::new(tcp, ahead))
        .into_fallible();
    match timeout(limit, accepting).await {
        Ok(Ok(stream)) => {
            trace.tls = Some(agreed(&hello, &stream, context));
            Ok(Conn::Tls(Box::new(stream)))
        }
        Ok(Err((e, wire))) => {
            let reason = tls::failure(&e, "during the handshake");
            Err(Refused {
                wire: Some(wire),
                ..Refused::at(tls::stage(&e, FailureStage::Handshake), reason)
            })
        }
        Err(_) => Err(Refused::at(
            FailureStage::Bench,
            format!("handshake not ended within {limit:?}"),
        )),
    }
}

async fn old(mut tcp: TcpStream, hello: &Hello, trace: &Trace<'_>) -> (FailureStage, String) {
    let limit = trace.context.options.handshake_timeout;
    let identity = trace.context.pki.server_identity(ServerCertificate::Good);
    let chain: Vec<&[u8]> = identity.cert.iter().map(AsRef::as_ref).collect();
    let mut random = [0; 32];
    rand::rng().fill_bytes(&mut random);
    timeout(limit, old_tls::play(&mut tcp, hello, random, &chain))
        .await
        .unwrap_or_else(|_| {
            let reason = format!("peer did nothing for {limit:?} after a TLS 1.1 answer");
            (FailureStage::Bench, reason)
        })
}

/// Tells a peer that spoke something else, when it can understand.
async fn not_tls(tcp: &mut TcpStream, bytes: &[u8]) -> String {
    let word = bytes.split(|b| *b == b' ').next().unwrap_or_default();
    let http = !word.is_empty() && word.len() < 10 && word.iter().all(u8::is_ascii_uppercase);
    if !http {
        let first: Vec<String> = bytes.iter().take(8).map(|b| format!("{b:02x}")).collect();
        return format!("not TLS: the first bytes are {}", first.join(" "));
    }
    let text = "this port speaks HTTPS, not plain HTTP";
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
    // The peer may already be gone.
    let _ = tcp.write_all(answer.as_bytes()).await;
    "not TLS: the peer spoke plain HTTP".to_owned()
}

/// Closes our side and reads on for a moment, so that a reset does not overtake our last bytes.
async fn linger(mut socket: Wire) {
    let end = async {
        let _ = socket.shutdown().await;
        let mut sink = [0; 4096];
        while socket.read(&mut sink).await.is_ok_and(|n| n > 0) {}
    };
    // The limit is the point.
    let _ = timeout(LINGER, end).await;
}

fn facts(hello: &Hello) -> TlsFacts {
    TlsFacts {
        offered_versions: hello.offered_versions.clone(),
        version: None,
        cipher_suite: None,
        sni: hello.sni.clone(),
        client_certificate: None,
    }
}

fn agreed(hello: &Hello, stream: &TlsStream<Wire>, context: &Context) -> TlsFacts {
    let (_, session) = stream.get_ref();
    TlsFacts {
        version: session.protocol_version().map(tls::version),
        // rustls writes TLS13_ where the registry writes TLS_.
        cipher_suite: session
            .negotiated_cipher_suite()
            .map(|s| format!("{:?}", s.suite()).replace("TLS13_", "TLS_")),
        client_certificate: session
            .peer_certificates()
            .filter(|chain| !chain.is_empty())
            .map(|chain| {
                let now = context.shared.clock.now();
                context.pki.describe_client(chain, now)
            }),
        ..facts(hello)
    }
}

/// Serves requests until the connection ends.
async fn speak(mut conn: Conn, trace: &Trace<'_>, stop: &mut watch::Receiver<bool>) {
    let options = &trace.context.options;
    let mut inbox = Inbox::default();
    let mut served = false;
    loop {
        let received = match request::read(&mut conn, &mut inbox, options, stop).await {
            Read::Request(received) => *received,
            Read::End(end) => {
                if !served && let Some((stage, reason)) = unserved(&end, trace.tls.is_some()) {
                    trace.connection_failed(reason, stage);
                }
                break;
            }
        };
        served = true;
        let drain = received.problem.as_ref().is_some_and(|p| p.drain);
        let Some(out) = trace.exchange(received) else {
            return;
        };
        let (reset, cut) = (out.delivery == Some("reset"), out.delivery == Some("cut"));
        if !out.send(&mut conn, &mut inbox, options, stop).await {
            if reset || cut {
                return;
            }
            if drain {
                let _ = timeout(LINGER, conn.shutdown()).await;
                request::drain(&mut conn, options.body_timeout, stop).await;
                return;
            }
            break;
        }
    }
    // Says close_notify; a peer that is gone does not hear it.
    let _ = timeout(LINGER, conn.shutdown()).await;
}

/// Why a connection brought no request; `None` when that is our own doing.
fn unserved(end: &End, tls: bool) -> Option<(FailureStage, String)> {
    let (stage, when) = if tls {
        (
            FailureStage::AfterHandshake,
            "after the handshake, before any request",
        )
    } else {
        (FailureStage::NoRequest, "before any request")
    };
    match end {
        End::Stopped => None,
        End::Closed => Some((stage, format!("peer closed the connection {when}"))),
        End::Idle(limit) => Some((FailureStage::Bench, format!("no request within {limit:?}"))),
        End::Failed(e) => Some((tls::stage(e, stage), tls::failure(e, when))),
    }
}

//! HTTP over plain sockets (bytes in hand) and over TLS (a real client).

use std::time::{Duration, Instant};

use diapason_core::Event;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http::{Delivery, Reply};
use crate::server::{ListenerOptions, TlsMode};
use crate::testing::{Bench, Told, hasty};

fn plain(service: Told) -> Bench {
    Bench::start(service, None, ListenerOptions::default())
}

/// Writes, closes the sending side, reads all.
async fn talk(bench: &Bench, bytes: &[u8]) -> String {
    let mut tcp = TcpStream::connect(bench.listener.addr()).await.unwrap();
    tcp.write_all(bytes).await.unwrap();
    tcp.shutdown().await.unwrap();
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn bytes_are_kept_as_they_came() {
    let bench = plain(Told::to_echo());
    let request = b"POST /lps?q=%20 HTTP/1.1\r\nhOsT:  a\r\nX-Latin: caf\xe9\r\nContent-Length: 3\r\n\r\n\x00\xff\x01";
    let mut tcp = TcpStream::connect(bench.listener.addr()).await.unwrap();
    tcp.write_all(request).await.unwrap();
    let answers = bench.wait(Bench::answers, 1).await;
    let exchange = &bench.exchanges()[0];
    assert_eq!(exchange.malformed, None);
    assert_eq!(exchange.request_len, request.len() as u64);
    assert_eq!(bench.bytes(&exchange.request), request);
    assert_eq!(exchange.operation, "lps");
    let answer = bench.bytes(answers[0].response.as_ref().unwrap());
    assert!(answer.ends_with(b"\r\n\r\nPOST /lps \x00\xff\x01"));
    assert_eq!(answers[0].response_len, answer.len() as u64);
    assert_eq!(
        (answers[0].status, answers[0].outcome.as_str()),
        (Some(200), "ok")
    );
}

#[tokio::test]
async fn the_service_sees_lower_case_names_query_and_odd_bytes() {
    let bench = plain(Told::to(|request| {
        let text = format!(
            "{}|{}|{}",
            request.query,
            request.header("x-latin").unwrap_or_default(),
            request.header("x-utf8").unwrap_or_default()
        );
        Reply::new(200, "text/plain", text)
    }));
    let answer = talk(
        &bench,
        b"GET http://a/p?x=1&y HTTP/1.0\r\nX-Latin: caf\xe9\r\nX-UTF8: caf\xc3\xa9\r\n\r\n",
    )
    .await;
    assert!(answer.ends_with("x=1&y|café|café"), "{answer}");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_on_one_connection() {
    let bench = plain(Told::to_echo());
    let answer = talk(
        &bench,
        b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab\r\n\
          POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\ncde\r\n1\r\nf\r\n0\r\nT: v\r\n\r\n\
          GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /4 HTTP/1.1\r\nHost: a\r\n\r\n",
    )
    .await;
    let bodies: Vec<_> = answer.match_indices("\r\n\r\n").map(|(i, _)| i).collect();
    assert_eq!(bodies.len(), 3, "{answer}");
    assert!(answer.contains("POST /1 ab") && answer.contains("POST /2 cdef"));
    assert!(answer.ends_with("Connection: close\r\n\r\nGET /3 "));
    let exchanges = bench.exchanges();
    assert_eq!(exchanges.len(), 3);
    assert!(
        exchanges
            .iter()
            .all(|e| e.connection == 1 && e.malformed.is_none())
    );
    let chunked = bench.bytes(&exchanges[1].request);
    assert!(chunked.ends_with(b"chunked\r\n\r\ncdef"));
    assert_eq!(bench.failures().len(), 0);
}

#[tokio::test]
async fn a_client_that_expects_100_continue_gets_it() {
    let bench = plain(Told::to_echo());
    let mut tcp = TcpStream::connect(bench.listener.addr()).await.unwrap();
    tcp.write_all(
        b"PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
    )
    .await
    .unwrap();
    let mut interim = [0; 25];
    tcp.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    tcp.write_all(b"ok").await.unwrap();
    tcp.shutdown().await.unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("PUT /x ok"), "{answer}");
}

#[tokio::test]
async fn what_is_not_right_http_is_answered_and_recorded_with_its_reason() {
    for (request, status, reason) in [
        (&b"\x16\x03\x01\x02\x00\x01\x00"[..], "400", "a TLS record where plain HTTP is spoken"),
        (b"\xff\xfe garbage \x00\r\n\r\n", "400", "not an HTTP/1 request"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400", "not an HTTP/1 request"),
        (b"GET / HTTP/1.1\r\n\r\n", "400", "needs one Host header"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400", "is not one length"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na", "400", "is not one length"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", "both Transfer-Encoding"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "501", "gzip, chunked is not supported"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400", "chunk size cannot be read"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", "400", "does not end where"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n", "413", "announced, the limit is 10485760"),
    ] {
        let bench = plain(Told::to_echo());
        let answer = talk(&bench, request).await;
        let text = String::from_utf8_lossy(request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{text}: {answer}");
        let exchanges = bench.exchanges();
        assert_eq!(exchanges.len(), 1);
        let malformed = exchanges[0].malformed.as_deref().unwrap();
        assert!(malformed.contains(reason), "{malformed}");
        assert_eq!(bench.answers()[0].outcome, "malformed");
        assert_eq!(bench.answers()[0].status.unwrap().to_string(), status);
    }
}

#[tokio::test]
async fn too_much_head_is_refused() {
    let long = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "y".repeat(70_000)
    );
    let many = format!(
        "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "X: y\r\n".repeat(200)
    );
    for request in [long, many] {
        let bench = plain(Told::to_echo());
        let answer = talk(&bench, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        assert!(bench.exchanges()[0].malformed.is_some());
        assert!(bench.exchanges()[0].request_len <= 64 * 1024);
    }
}

#[tokio::test]
async fn a_request_that_stops_half_way_is_recorded() {
    let bench = plain(Told::to_echo());
    let answer = talk(
        &bench,
        b"POST /lps HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
    )
    .await;
    assert_eq!(answer, "");
    let exchange = &bench.exchanges()[0];
    assert_eq!(exchange.operation, "lps");
    assert_eq!(
        exchange.malformed.as_deref(),
        Some("connection closed while waiting for the rest of the body (3 of 9 bytes came)")
    );
    assert!(bench.bytes(&exchange.request).ends_with(b"\r\n\r\nabc"));
    let sent = &bench.answers()[0];
    assert_eq!(
        (sent.status, sent.delivery.as_deref()),
        (None, Some("peer_closed"))
    );
    assert_eq!(sent.response, None);
}

#[tokio::test]
async fn slow_senders_are_cut_with_what_was_awaited() {
    for (start, drip, awaited) in [
        (
            &b"GET / HTTP/1.1\r\n"[..],
            &b"X: y\r\n"[..],
            "the end of the head",
        ),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999\r\n\r\n",
            b"z",
            "the rest of the body",
        ),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"1\r\nz\r\n",
            "the next chunk",
        ),
    ] {
        let bench = Bench::start(Told::to_echo(), None, hasty());
        let started = Instant::now();
        let mut tcp = TcpStream::connect(bench.listener.addr()).await.unwrap();
        tcp.write_all(start).await.unwrap();
        while bench.answers().is_empty() && started.elapsed() < Duration::from_secs(3) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let _ = tcp.write_all(drip).await;
        }
        let malformed = bench.exchanges()[0].malformed.clone().unwrap();
        assert!(
            malformed.starts_with("waited 200ms for") && malformed.contains(awaited),
            "{malformed}"
        );
        assert_eq!(bench.answers()[0].status, Some(408));
        assert!(started.elapsed() < Duration::from_secs(2));
    }
}

#[tokio::test]
async fn a_huge_body_is_refused_and_not_held() {
    let options = ListenerOptions {
        max_body: 1024 * 1024,
        ..ListenerOptions::default()
    };
    let body = vec![b'x'; 100 * 1024 * 1024];
    let bench = Bench::start(Told::to_echo(), Some(TlsMode::default()), options);
    let client = Bench::client().build().unwrap();
    let answer = client
        .post(bench.url("/x"))
        .body(body.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 413);

    let mut tcp = TcpStream::connect(bench.listener.addr()).await.unwrap();
    drop(bench);
    let bench = Bench::start(Told::to_echo(), None, options);
    tcp.shutdown().await.ok();
    let mut tcp = TcpStream::connect(bench.listener.addr()).await.unwrap();
    let (mut from, mut to) = tcp.split();
    let send = async {
        to.write_all(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await
            .unwrap();
        for piece in body.chunks(64 * 1024) {
            to.write_all(format!("{:x}\r\n", piece.len()).as_bytes())
                .await
                .unwrap();
            to.write_all(piece).await.unwrap();
            to.write_all(b"\r\n").await.unwrap();
        }
        to.shutdown().await.unwrap();
    };
    let receive = async {
        let mut answer = String::new();
        from.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let ((), answer) = tokio::join!(send, receive);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let exchange = &bench.exchanges()[0];
    assert!(
        exchange
            .malformed
            .as_deref()
            .unwrap()
            .contains("limit of 1048576")
    );
    assert!(exchange.request_len < 1000, "only the head is kept");
}

async fn delivered(delivery: Delivery) -> (Bench, Result<String, reqwest::Error>, Duration) {
    let silent = delivery == Delivery::Silent;
    let bench = Bench::start(
        Told::to(move |_| Reply {
            delivery: delivery.clone(),
            ..Reply::new(200, "text/plain", "0123456789").outcome("ok")
        }),
        Some(TlsMode::default()),
        ListenerOptions::default(),
    );
    let patience = if silent { 600 } else { 30_000 };
    let client = Bench::client()
        .timeout(Duration::from_millis(patience))
        .build()
        .unwrap();
    let started = Instant::now();
    let answer = match client.get(bench.url("/x")).send().await {
        Ok(answer) => answer.text().await,
        Err(e) => Err(e),
    };
    (bench, answer, started.elapsed())
}

#[tokio::test]
async fn whole_answers_arrive() {
    for delivery in [Delivery::Plain, Delivery::Chunked] {
        let (bench, answer, _) = delivered(delivery).await;
        assert_eq!(answer.unwrap(), "0123456789");
        let sent = &bench.answers()[0];
        assert_eq!((sent.status, sent.delivery.as_deref()), (Some(200), None));
        let kept = bench.bytes(sent.response.as_ref().unwrap());
        assert!(kept.ends_with(b"\r\n\r\n0123456789"));
    }
}

#[tokio::test]
async fn a_late_answer_is_late() {
    let (bench, answer, took) = delivered(Delivery::Delay(250)).await;
    assert_eq!(answer.unwrap(), "0123456789");
    assert!(took >= Duration::from_millis(250), "{took:?}");
    assert_eq!(bench.answers()[0].delivery.as_deref(), Some("slow"));
}

#[tokio::test]
async fn a_cut_answer_stops_before_its_end() {
    let (bench, answer, _) = delivered(Delivery::Cut(4)).await;
    assert!(answer.unwrap_err().is_decode());
    let sent = &bench.answers()[0];
    assert_eq!(sent.delivery.as_deref(), Some("cut"));
    let kept = String::from_utf8(bench.bytes(sent.response.as_ref().unwrap())).unwrap();
    assert!(kept.contains("Content-Length: 10\r\n") && kept.ends_with("\r\n\r\n0123"));
}

#[tokio::test]
async fn silence_lasts_until_the_client_gives_up() {
    let (bench, answer, took) = delivered(Delivery::Silent).await;
    assert!(answer.unwrap_err().is_timeout());
    assert!(took >= Duration::from_millis(600));
    let sent = &bench.answers()[0];
    assert_eq!((sent.status, sent.response.clone()), (None, None));
    assert_eq!(sent.delivery.as_deref(), Some("silent"));
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let bench = plain(Told::to(|_| Reply {
        delivery: Delivery::Reset,
        ..Reply::new(200, "text/plain", "x")
    }));
    let mut tcp = TcpStream::connect(bench.listener.addr()).await.unwrap();
    tcp.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let error = tcp.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(bench.answers()[0].delivery.as_deref(), Some("reset"));
    let (_, answer, _) = delivered(Delivery::Reset).await;
    assert!(answer.unwrap_err().is_request());
}

#[tokio::test]
async fn raw_bytes_go_out_as_they_are() {
    let raw = b"HTTP/1.1 299 Odd\r\nContent-Length: 1\r\n\r\n?".to_vec();
    let (bench, answer, _) = delivered(Delivery::Raw(raw.clone())).await;
    assert_eq!(answer.unwrap(), "?");
    let sent = &bench.answers()[0];
    assert_eq!(
        (sent.status, sent.delivery.as_deref()),
        (Some(299), Some("raw"))
    );
    assert_eq!(bench.bytes(sent.response.as_ref().unwrap()), raw);
}

#[tokio::test]
async fn the_request_is_recorded_before_the_service_is_asked() {
    let (send, seen) = std::sync::mpsc::channel();
    let recorder = std::sync::Arc::new(std::sync::OnceLock::<
        std::sync::Arc<diapason_core::journal::MemoryRecorder>,
    >::new());
    let held = recorder.clone();
    let bench = plain(Told::to(move |_| {
        send.send(held.get().unwrap().events().len()).unwrap();
        Reply::new(200, "text/plain", "x")
    }));
    recorder.set(bench.recorder.clone()).ok();
    talk(&bench, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(seen.recv().unwrap(), 1);
    assert!(matches!(bench.events()[0], Event::ExchangeReceived(_)));
    assert!(matches!(bench.events()[1], Event::ExchangeAnswered(_)));
}

#[tokio::test]
async fn a_panic_of_the_service_is_a_bench_error_and_the_next_request_is_served() {
    let bench = plain(Told::to(|request| {
        assert!(request.path != "/panic", "as asked");
        Reply::new(
            if request.path == "/odd" { 0 } else { 200 },
            "text/plain",
            "x",
        )
    }));
    let answer = talk(
        &bench,
        b"GET /panic HTTP/1.1\r\nHost: a\r\n\r\nGET /odd HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n",
    )
    .await;
    assert_eq!(answer.matches("HTTP/1.1 500 ").count(), 2, "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 200 ").count(), 1);
    let errors: Vec<String> = bench
        .events()
        .into_iter()
        .filter_map(|e| match e {
            Event::BenchError { message, .. } => Some(message),
            _ => None,
        })
        .collect();
    assert_eq!(errors.len(), 2);
    assert!(
        errors[0].contains("as asked") && errors[1].contains("status 0"),
        "{errors:?}"
    );
    assert_eq!(bench.answers()[0].outcome, "erreur_banc");
}

#[tokio::test]
async fn production_data_is_refused_and_never_stored() {
    let body = "nir=VRAIE-DONNEE";
    let whole = format!(
        "POST /lps HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let cut = format!("POST /lps HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n{body}");
    let garbage = format!("\u{1}{body}\r\n\r\n");
    for request in [whole, cut, garbage] {
        let bench = plain(Told::to_echo());
        let answer = talk(&bench, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        let events = bench.events();
        let Event::RealDataRefused { exchange, what, .. } = &events[1] else {
            unreachable!("{events:?}")
        };
        assert_eq!(
            (*exchange, what.as_str()),
            (Some(bench.exchanges()[0].id), "a real matricule")
        );
        assert_eq!(bench.bytes(&bench.exchanges()[0].request), b"");
        assert_eq!(bench.answers()[0].outcome, "donnees_reelles");
        assert!(!format!("{events:?}").contains("VRAIE"));
    }
}

#[tokio::test]
async fn stopping_ends_silence_and_idle_connections_at_once() {
    let bench = plain(Told::to(|request| Reply {
        delivery: if request.path == "/silent" {
            Delivery::Silent
        } else {
            Delivery::Plain
        },
        ..Reply::new(200, "text/plain", "x")
    }));
    let addr = bench.listener.addr();
    let mut silent = TcpStream::connect(addr).await.unwrap();
    silent
        .write_all(b"GET /silent HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let mut idle = TcpStream::connect(addr).await.unwrap();
    idle.write_all(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let unused = TcpStream::connect(addr).await.unwrap();
    bench.wait(Bench::answers, 2).await;
    let started = Instant::now();
    bench.listener.stop().await;
    bench.listener.stop().await;
    assert!(
        started.elapsed() < Duration::from_millis(900),
        "{:?}",
        started.elapsed()
    );
    let mut rest = Vec::new();
    assert_eq!(silent.read_to_end(&mut rest).await.unwrap(), 0);
    assert!(TcpStream::connect(addr).await.is_err());
    drop(unused);
    assert_eq!(
        bench.failures().len(),
        0,
        "our own stop is no failure of a peer"
    );
    assert_eq!(bench.listener.failure(), None);
}

#[tokio::test]
async fn more_connections_than_allowed_wait_their_turn() {
    let options = ListenerOptions {
        max_connections: 2,
        ..ListenerOptions::default()
    };
    let bench = Bench::start(Told::to_echo(), None, options);
    let addr = bench.listener.addr();
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut tcp = TcpStream::connect(addr).await.unwrap();
        tcp.write_all(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        open.push(tcp);
    }
    bench.wait(Bench::answers, 2).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(bench.answers().len(), 2);
    drop(open.remove(0));
    assert_eq!(bench.wait(Bench::answers, 3).await.len(), 3);
}

//! Random bytes and random cuts: reading must never panic, and how the bytes are cut into packets
//! must never change what is read.

use std::pin::Pin;
use std::task::{Context, Poll};

use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;

use crate::server::request::{self, Inbox, Read};
use crate::server::{ListenerOptions, hello};

/// A peer that sends its bytes in packets of given sizes, then closes.
struct Packets {
    bytes: Vec<u8>,
    sizes: Vec<usize>,
    turn: usize,
}

impl AsyncRead for Packets {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let size = self.sizes[self.turn % self.sizes.len()];
        self.turn += 1;
        let count = size.min(self.bytes.len()).min(buf.remaining());
        let rest = self.bytes.split_off(count);
        let packet = std::mem::replace(&mut self.bytes, rest);
        buf.put_slice(&packet);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Packets {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Everything read from those bytes: method, path, body, problem.
fn read_all(bytes: &[u8], sizes: &[usize]) -> Vec<(String, Vec<u8>, Option<String>)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut peer = Packets {
            bytes: bytes.to_vec(),
            sizes: sizes.to_vec(),
            turn: 0,
        };
        let (_keep, mut stop) = watch::channel(false);
        let mut inbox = Inbox::default();
        let mut seen = Vec::new();
        while let Read::Request(received) = request::read(
            &mut peer,
            &mut inbox,
            &ListenerOptions::default(),
            &mut stop,
        )
        .await
        {
            let head = received.head.unwrap_or_default();
            let problem = received.problem.map(|p| p.reason);
            let broken = problem.is_some();
            seen.push((
                format!("{} {}", head.method, head.path),
                received.raw[received.head_len.min(received.raw.len())..].to_vec(),
                problem,
            ));
            if broken {
                break;
            }
        }
        seen
    })
}

fn request_bytes() -> impl Strategy<Value = Vec<u8>> {
    let body = proptest::collection::vec(any::<u8>(), 0..300);
    (body, 1_usize..50, any::<bool>()).prop_map(|(body, chunk, chunked)| {
        if !chunked {
            let head = format!(
                "POST /l HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            return [head.as_bytes(), &body].concat();
        }
        let mut out = b"PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for piece in body.chunks(chunk) {
            out.extend(format!("{:X}\r\n", piece.len()).bytes());
            out.extend(piece);
            out.extend(b"\r\n");
        }
        out.extend(b"0\r\n\r\n");
        out
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn packets_do_not_change_requests(
        requests in proptest::collection::vec(request_bytes(), 1..4),
        sizes in proptest::collection::vec(1_usize..40, 1..6),
    ) {
        let bytes = requests.concat();
        let whole = read_all(&bytes, &[usize::MAX]);
        prop_assert_eq!(whole.len(), requests.len());
        prop_assert!(whole.iter().all(|(_, _, problem)| problem.is_none()));
        prop_assert_eq!(read_all(&bytes, &sizes), whole);
    }

    #[test]
    fn any_bytes_are_read_without_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        start in prop::sample::select(vec![
            &b""[..],
            b"GET / HTTP/1.1\r\nHost: a\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        ]),
    ) {
        let seen = read_all(&[start, &bytes].concat(), &[7, 100]);
        prop_assert!(seen.len() <= 400);
    }

    #[test]
    fn any_hello_is_read_without_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        framed in any::<bool>(),
    ) {
        let message = if framed {
            let length = (bytes.len() + 4) as u16;
            let inner = (bytes.len() as u16).to_be_bytes();
            let record = length.to_be_bytes();
            let head = [22, 3, 1, record[0], record[1], 1, 0, inner[0], inner[1]];
            [&head[..], &bytes].concat()
        } else {
            bytes
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = runtime.block_on(async { hello::read(&mut &message[..]).await });
        prop_assert!(!matches!(read, hello::HelloRead::Failed(_)));
    }
}

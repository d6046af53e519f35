//! A server that speaks only TLS 1.1, written by hand since no library of ours does. It offers the
//! RSA key exchange, whose first flight needs no signature: a client that accepts TLS 1.1 goes on
//! to a ClientKeyExchange, one that refuses sends an alert or closes.

use diapason_core::exchange::FailureStage;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::hello::Hello;
use super::tls;

/// TLS_RSA_WITH_AES_128_CBC_SHA.
const DEFAULT_SUITE: u16 = 0x002f;
/// Suites of the RSA key exchange that TLS 1.1 knows.
const RSA_SUITES: [u16; 3] = [0x002f, 0x0035, 0x000a];

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    [&[kind][..], &length[1..], body].concat()
}

/// ServerHello, Certificate, ServerHelloDone, in records of version 1.1.
fn first_flight(hello: &Hello, random: [u8; 32], chain: &[&[u8]]) -> Vec<u8> {
    let suite = RSA_SUITES
        .into_iter()
        .find(|s| hello.ciphers.contains(s))
        .unwrap_or(DEFAULT_SUITE);
    let mut server_hello = vec![3, 2];
    server_hello.extend(random);
    server_hello.push(0);
    server_hello.extend(suite.to_be_bytes());
    server_hello.push(0);
    if hello.renegotiation_info {
        // Without it a modern client would refuse us for that, and not for our version.
        server_hello.extend([0, 5, 0xff, 1, 0, 1, 0]);
    }
    let certificates: Vec<u8> = chain
        .iter()
        .flat_map(|der| {
            let length = (der.len() as u32).to_be_bytes();
            [&length[1..], der].concat()
        })
        .collect();
    let length = (certificates.len() as u32).to_be_bytes();
    let certificate = [&length[1..], &certificates].concat();
    [
        handshake(2, &server_hello),
        handshake(11, &certificate),
        handshake(14, &[]),
    ]
    .iter()
    .flat_map(|message| {
        let length = (message.len() as u16).to_be_bytes();
        [&[22, 3, 2][..], &length, message].concat()
    })
    .collect()
}

/// Answers the ClientHello in TLS 1.1 and says what the peer did.
pub(crate) async fn play<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut S,
    hello: &Hello,
    random: [u8; 32],
    chain: &[&[u8]],
) -> (FailureStage, String) {
    if let Err(e) = socket.write_all(&first_flight(hello, random, chain)).await {
        let reason = tls::failure(&e, "before the TLS 1.1 answer");
        return (FailureStage::Hello, reason);
    }
    let gone = |e| {
        let reason = tls::failure(&e, "after a TLS 1.1 answer");
        (FailureStage::Handshake, reason)
    };
    let mut header = [0; 5];
    if let Err(e) = socket.read_exact(&mut header).await {
        return gone(e);
    }
    let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
    let mut payload = vec![0; length];
    if let Err(e) = socket.read_exact(&mut payload).await {
        return gone(e);
    }
    match (header[0], payload.as_slice()) {
        (21, [_, description, ..]) => {
            let reason = format!("peer sent alert: {}", tls::alert((*description).into()));
            (FailureStage::Handshake, reason)
        }
        (22, [16, ..]) => {
            let reason = "peer accepted TLS 1.1 (it went on with the key exchange)";
            (FailureStage::Accepted, reason.to_owned())
        }
        (kind, _) => {
            let reason = format!("peer sent a record of type {kind} after a TLS 1.1 answer");
            (FailureStage::Accepted, reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn against(peer: &[u8]) -> (FailureStage, String) {
        let hello = Hello {
            ciphers: vec![0xc013, 0x0035],
            renegotiation_info: true,
            ..Hello::default()
        };
        let (mut ours, mut theirs) = tokio::io::duplex(4096);
        theirs.write_all(peer).await.ok();
        let play = async {
            let said = play(&mut ours, &hello, [9; 32], &[b"leaf"]).await;
            drop(ours);
            said
        };
        let reading = async {
            let mut flight = vec![0; 5 + 4 + 45];
            theirs.read_exact(&mut flight).await.ok();
            theirs.shutdown().await.ok();
            flight
        };
        let (said, flight) = tokio::join!(play, reading);
        assert_eq!(flight[..11], [22, 3, 2, 0, 49, 2, 0, 0, 45, 3, 2]);
        assert_eq!(flight[5 + 4 + 35..][..2], [0x00, 0x35]);
        said
    }

    #[tokio::test]
    async fn the_peer_s_reaction_is_put_into_words() {
        let alert = against(&[21, 3, 3, 0, 2, 2, 70]).await;
        let words = "peer sent alert: protocol_version".to_owned();
        assert_eq!(alert, (FailureStage::Handshake, words));
        let close = against(&[]).await;
        let words = "peer closed the connection after a TLS 1.1 answer".to_owned();
        assert_eq!(close, (FailureStage::Handshake, words));
        let (stage, words) = against(&[22, 3, 2, 0, 4, 16, 0, 0, 0]).await;
        assert!(words.starts_with("peer accepted TLS 1.1"), "{words}");
        assert_eq!(stage, FailureStage::Accepted);
    }
}

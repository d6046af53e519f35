//! The ClientHello, read ahead of the TLS library: it says which versions and which host the
//! client asked for even when the handshake then fails.

use tls_parser::{
    TlsExtension, TlsMessage, TlsMessageHandshake, parse_tls_client_hello_extensions,
    parse_tls_message_handshake,
};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Largest ClientHello taken, far above the largest ones seen (post-quantum shares).
const MAX_HELLO: usize = 64 * 1024;
const RECORD_HANDSHAKE: u8 = 22;
const RECORD_HEADER: usize = 5;
/// TLS_EMPTY_RENEGOTIATION_INFO_SCSV.
const RENEGOTIATION_SCSV: u16 = 0x00ff;

/// What the ClientHello says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Hello {
    /// Versions offered, highest first.
    pub(crate) offered_versions: Vec<String>,
    /// Host asked for.
    pub(crate) sni: Option<String>,
    /// Cipher suites offered.
    pub(crate) ciphers: Vec<u16>,
    /// Is secure renegotiation spoken (RFC 5746)? Answering it to a client that did not ask is an error.
    pub(crate) renegotiation_info: bool,
}

/// How the reading of a ClientHello ended.
#[derive(Debug)]
pub(crate) enum HelloRead {
    /// Whole; the bytes are to be given to the TLS library.
    Hello(Hello, Vec<u8>),
    /// Those bytes are not TLS.
    NotTls(Vec<u8>),
    /// The peer closed after so many bytes.
    Closed(usize),
    /// The socket failed.
    Failed(std::io::Error),
}

/// Reads until the ClientHello is whole.
pub(crate) async fn read<R: AsyncRead + Unpin>(socket: &mut R) -> HelloRead {
    let mut bytes = Vec::with_capacity(2048);
    loop {
        match progress(&bytes) {
            Progress::NotTls => return HelloRead::NotTls(bytes),
            Progress::Whole(message) => {
                return match parse(&message) {
                    Some(hello) => HelloRead::Hello(hello, bytes),
                    None => HelloRead::NotTls(bytes),
                };
            }
            Progress::More => {}
        }
        match socket.read_buf(&mut bytes).await {
            Ok(0) => return HelloRead::Closed(bytes.len()),
            Ok(_) => {}
            Err(e) => return HelloRead::Failed(e),
        }
    }
}

enum Progress {
    More,
    NotTls,
    /// The handshake message, taken out of its records.
    Whole(Vec<u8>),
}

fn progress(bytes: &[u8]) -> Progress {
    if bytes.first().is_some_and(|b| *b != RECORD_HANDSHAKE)
        || bytes.get(1).is_some_and(|b| *b != 3)
        || bytes.len() > MAX_HELLO
    {
        return Progress::NotTls;
    }
    let mut message = Vec::new();
    let mut rest = bytes;
    while let [kind, _, _, high, low, after @ ..] = rest {
        if *kind != RECORD_HANDSHAKE {
            return Progress::NotTls;
        }
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some(payload) = after.get(..length) else {
            break;
        };
        message.extend_from_slice(payload);
        rest = &rest[RECORD_HEADER + length..];
        if let [kind, a, b, c, ..] = message.as_slice() {
            if *kind != 1 {
                return Progress::NotTls;
            }
            let announced = u32::from_be_bytes([0, *a, *b, *c]) as usize + 4;
            if message.len() >= announced {
                message.truncate(announced);
                return Progress::Whole(message);
            }
        }
    }
    Progress::More
}

fn parse(message: &[u8]) -> Option<Hello> {
    let (_, TlsMessage::Handshake(TlsMessageHandshake::ClientHello(hello))) =
        parse_tls_message_handshake(message).ok()?
    else {
        return None;
    };
    let extensions = hello
        .ext
        .and_then(|bytes| parse_tls_client_hello_extensions(bytes).ok())
        .map(|(_, extensions)| extensions)
        .unwrap_or_default();
    let mut versions = vec![hello.version.0];
    let mut sni = None;
    let mut renegotiation_info = hello.ciphers.iter().any(|c| c.0 == RENEGOTIATION_SCSV);
    for extension in extensions {
        match extension {
            TlsExtension::SupportedVersions(list) => {
                versions = list.iter().map(|v| v.0).collect();
            }
            TlsExtension::SNI(names) => {
                sni = names
                    .first()
                    .map(|(_, name)| String::from_utf8_lossy(name).into_owned());
            }
            TlsExtension::RenegotiationInfo(_) => renegotiation_info = true,
            _ => {}
        }
    }
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.dedup();
    Some(Hello {
        offered_versions: versions.into_iter().filter_map(version_name).collect(),
        sni,
        ciphers: hello.ciphers.iter().map(|c| c.0).collect(),
        renegotiation_info,
    })
}

/// `None` for the values that mean nothing (GREASE).
fn version_name(version: u16) -> Option<String> {
    let name = match version {
        0x0304 => "1.3",
        0x0303 => "1.2",
        0x0302 => "1.1",
        0x0301 => "1.0",
        0x0300 => "SSL 3.0",
        grease if grease & 0x0f0f == 0x0a0a => return None,
        other => return Some(format!("0x{other:04x}")),
    };
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ClientHello of that legacy version and extensions, without its record.
    fn hello(version: u16, extensions: &[u8]) -> Vec<u8> {
        let mut body = version.to_be_bytes().to_vec();
        body.extend([7; 32]);
        body.extend([0, 0, 4, 0xc0, 0x13, 0x00, 0x2f, 1, 0]);
        if !extensions.is_empty() {
            body.extend((extensions.len() as u16).to_be_bytes());
            body.extend(extensions);
        }
        let mut message = vec![1, 0];
        message.extend((body.len() as u16).to_be_bytes());
        message.extend(body);
        message
    }

    fn record(payload: &[u8]) -> Vec<u8> {
        let mut out = vec![22, 3, 1];
        out.extend((payload.len() as u16).to_be_bytes());
        out.extend(payload);
        out
    }

    async fn read_bytes(mut bytes: &[u8]) -> HelloRead {
        read(&mut bytes).await
    }

    #[tokio::test]
    async fn a_hello_cut_into_records_is_put_together() {
        let extensions = [
            0, 43, 0, 7, 6, 0x1a, 0x1a, 3, 4, 3, 3, // supported_versions with GREASE
            0, 0, 0, 8, 0, 6, 0, 0, 3, b'a', b'.', b'b', // server_name
            0xff, 1, 0, 1, 0, // renegotiation_info
        ];
        let message = hello(0x0303, &extensions);
        let (one, two) = message.split_at(20);
        let bytes = [record(one), record(two)].concat();
        let HelloRead::Hello(hello, ahead) = read_bytes(&bytes).await else {
            unreachable!("a whole ClientHello")
        };
        assert_eq!(hello.offered_versions, ["1.3", "1.2"]);
        assert_eq!(hello.sni.as_deref(), Some("a.b"));
        assert_eq!(hello.ciphers, [0xc013, 0x002f]);
        assert!(hello.renegotiation_info);
        assert_eq!(ahead, bytes);
    }

    #[tokio::test]
    async fn a_hello_without_extensions_offers_its_own_version() {
        let bytes = record(&hello(0x0302, &[]));
        let HelloRead::Hello(hello, _) = read_bytes(&bytes).await else {
            unreachable!("a whole ClientHello")
        };
        assert_eq!(hello.offered_versions, ["1.1"]);
        assert!(!hello.renegotiation_info);
    }

    #[tokio::test]
    async fn what_is_not_a_hello_is_told_apart() {
        assert!(matches!(
            read_bytes(b"GET / HTTP/1.1\r\n").await,
            HelloRead::NotTls(_)
        ));
        assert!(matches!(read_bytes(b"").await, HelloRead::Closed(0)));
        assert!(matches!(
            read_bytes(&record(&hello(0x0303, &[]))[..30]).await,
            HelloRead::Closed(30)
        ));
        let not_hello = record(&[2, 0, 0, 1, 9]);
        assert!(matches!(read_bytes(&not_hello).await, HelloRead::NotTls(_)));
    }
}

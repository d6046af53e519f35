//! A gzip member of stored blocks (RFC 1951 §3.2.4, RFC 1952): enough to send an answer in gzip, no compressor needed.

/// Wraps `data`.
pub(crate) fn stored(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut chunks = data.chunks(usize::from(u16::MAX)).peekable();
    if chunks.peek().is_none() {
        out.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(chunk) = chunks.next() {
        let len = u16::try_from(chunk.len()).unwrap_or(u16::MAX);
        out.push(u8::from(chunks.peek().is_none()));
        out.extend(len.to_le_bytes());
        out.extend((!len).to_le_bytes());
        out.extend(chunk);
    }
    out.extend(crc32(data).to_le_bytes());
    out.extend((data.len() as u32).to_le_bytes());
    out
}

fn crc32(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_is_the_published_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let member = stored(b"abc");
        assert_eq!(&member[10..15], [1, 3, 0, 0xfc, 0xff]);
        assert_eq!(&member[15..18], b"abc");
        assert_eq!(stored(&vec![7; 70_000]).len(), 70_000 + 10 + 2 * 5 + 8);
    }
}

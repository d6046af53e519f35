//! Base64 as documents carry it: white space anywhere, the standard alphabet, nothing else. Says where it goes wrong.

use std::fmt;

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;

/// Why a text is not base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// A character outside the alphabet, and its rank among the characters that are not white space, from 1.
    Character { character: char, rank: usize },
    /// A character after the padding.
    AfterPadding { rank: usize },
    /// A number of characters that no content gives.
    Length { characters: usize },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character { character, rank } => write!(
                f,
                "caractère {character:?} au rang {rank}, hors de l'alphabet base64"
            ),
            Self::AfterPadding { rank } => {
                write!(f, "du contenu après le remplissage « = », au rang {rank}")
            }
            Self::Length { characters } => write!(
                f,
                "{characters} caractères, ce qui n'est pas un multiple de 4 : contenu tronqué ou remplissage « = » absent"
            ),
        }
    }
}

/// Value of a character of the alphabet, 64 for anything else.
fn value(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => 64,
    }
}

/// Decodes at most `most` bytes; what lies after them is not looked at.
pub(super) fn decode_start(text: &str, most: usize) -> Result<Vec<u8>, Fault> {
    run(text, most)
}

/// Decodes everything.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, Fault> {
    // The crate is several times faster, but skips no white space and does not count as we do: it has the first
    // word, and what it refuses is looked at again.
    let mut compact = Vec::with_capacity(text.len());
    for line in text.split([' ', '\t', '\n', '\r']) {
        compact.extend_from_slice(line.as_bytes());
    }
    STANDARD.decode(&compact).or_else(|_| run(text, usize::MAX))
}

fn run(text: &str, most: usize) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::with_capacity((text.len() / 4 * 3).min(most));
    let mut group = 0_u32;
    let mut rank = 0_usize;
    let mut padding = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            continue;
        }
        rank += 1;
        if byte == b'=' {
            padding += 1;
            // Padding only ends a group of four, after two characters at least.
            if padding > 2 || (rank - 1) % 4 < 2 {
                return Err(Fault::Character {
                    character: '=',
                    rank,
                });
            }
            continue;
        }
        if padding > 0 {
            return Err(Fault::AfterPadding { rank });
        }
        let value = value(byte);
        if value == 64 {
            let character = text[at..].chars().next().unwrap_or('\u{fffd}');
            return Err(Fault::Character { character, rank });
        }
        group = group << 6 | u32::from(value);
        if rank.is_multiple_of(4) {
            out.extend_from_slice(&group.to_be_bytes()[1..]);
            group = 0;
            if out.len() >= most {
                return Ok(out);
            }
        }
    }
    if !rank.is_multiple_of(4) {
        return Err(Fault::Length { characters: rank });
    }
    match padding {
        1 => out.extend_from_slice(&(group >> 2).to_be_bytes()[2..]),
        2 => out.extend_from_slice(&(group >> 4).to_be_bytes()[3..]),
        _ => {}
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn agrees_with_the_crate_on_every_length() {
        let bytes: Vec<u8> = (0..=255).cycle().take(700).collect();
        for length in 0..bytes.len() {
            let text = STANDARD.encode(&bytes[..length]);
            assert_eq!(decode(&text).unwrap(), bytes[..length], "{length}");
            assert_eq!(run(&text, usize::MAX).unwrap(), bytes[..length], "{length}");
        }
    }

    #[test]
    fn white_space_is_skipped() {
        assert_eq!(decode(" JVBE\r\n\tRi0x\n").unwrap(), b"%PDF-1");
    }

    #[test]
    fn faults_are_placed() {
        for (text, expected) in [
            (
                "JVBE?",
                Fault::Character {
                    character: '?',
                    rank: 5,
                },
            ),
            (
                "JVBEé",
                Fault::Character {
                    character: 'é',
                    rank: 5,
                },
            ),
            (
                "JV_E",
                Fault::Character {
                    character: '_',
                    rank: 3,
                },
            ),
            ("JVB", Fault::Length { characters: 3 }),
            ("JV=E", Fault::AfterPadding { rank: 4 }),
            ("JQ==JVBE", Fault::AfterPadding { rank: 5 }),
            (
                "J===",
                Fault::Character {
                    character: '=',
                    rank: 2,
                },
            ),
            (
                "JVBE=",
                Fault::Character {
                    character: '=',
                    rank: 5,
                },
            ),
        ] {
            assert_eq!(decode(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn bits_left_over_are_let_through() {
        assert_eq!(decode("JR==").unwrap(), b"%");
    }

    #[test]
    fn the_start_does_not_need_the_rest() {
        assert_eq!(decode_start("JVBERi0x ????", 4).unwrap(), b"%PDF-1");
    }
}

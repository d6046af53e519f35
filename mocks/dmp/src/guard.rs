//! Production data is refused before anything is stored: a matricule that is nobody's here.
//!
//! The number decides, never the OID: test people have production OIDs at INSi. Attached documents are read as they come;
//! base64 and OIDs are full of digits, so only a word that stands alone and whose key is right is taken for a matricule.

use diapason_core::ins::Matricule;
use diapason_mock_common::http::Incoming;

use crate::people::People;

/// What looks like production data in a request, without the data itself.
pub(crate) fn real_data(incoming: &Incoming, people: &People) -> Option<String> {
    let foreign = |bytes: &[u8]| matricules(bytes).any(|m| !people.knows_number(m.number()));
    // An address is made of words: each of them is looked at alone.
    let address = incoming
        .path
        .split('/')
        .chain(incoming.query.split(['&', '=']));
    for word in address {
        let decoded = percent_encoding::percent_decode_str(word).collect::<Vec<u8>>();
        if foreign(&decoded) {
            return Some("matricule complet hors des jeux de test dans l'adresse".to_owned());
        }
    }
    if incoming.headers.iter().any(|(_, v)| foreign(v.as_bytes())) {
        return Some("matricule complet hors des jeux de test dans un en-tête".to_owned());
    }
    foreign(&incoming.body)
        .then(|| "matricule complet hors des jeux de test dans le message".to_owned())
}

/// Words of exactly 15 characters that are a matricule, key included, and not a piece of something longer.
fn matricules(bytes: &[u8]) -> impl Iterator<Item = Matricule> {
    Words { bytes, at: 0 }.filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok())
}

/// Runs of 15 letters and digits that begin with 1 or 2.
struct Words<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            let start = self.at + rest.iter().position(u8::is_ascii_alphanumeric)?;
            let run = self.bytes[start..]
                .iter()
                .take_while(|b| b.is_ascii_alphanumeric())
                .count();
            self.at = start + run;
            if run != 15 || !matches!(self.bytes[start], b'1' | b'2') {
                continue;
            }
            let before = start.checked_sub(1).map(|i| self.bytes[i]);
            let after = self.bytes.get(self.at).copied();
            // An arc of an OID, a piece of base64, a decimal number.
            let glued = |b: Option<u8>| matches!(b, Some(b'.' | b'+' | b'/' | b'=' | b'_' | b'-'));
            // A closing tag and the end of a sentence are no glue.
            let closes = after == Some(b'.')
                && !self
                    .bytes
                    .get(self.at + 1)
                    .is_some_and(u8::is_ascii_alphanumeric);
            if glued(before) || (glued(after) && !closes) {
                continue;
            }
            return Some(&self.bytes[start..self.at]);
        }
    }
}

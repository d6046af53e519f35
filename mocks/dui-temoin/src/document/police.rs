//! The typeface drawn in `data/police.txt`: a PDF/A must carry its fonts, and this one carries nobody else's.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

/// A drawing: rows of five dots from the top, and how far the lowest is under the line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Dessin {
    rangees: Vec<u8>,
    sous_la_ligne: i32,
}

static DESSINS: LazyLock<BTreeMap<char, Dessin>> = LazyLock::new(|| {
    let mut all = BTreeMap::new();
    for line in include_str!("../../data/police.txt").lines().skip(2) {
        let mut signs = line.chars();
        let Some(sign) = signs.next() else { continue };
        let mut fields = signs.as_str().split_whitespace();
        let rangees = fields
            .by_ref()
            .take(7)
            .filter_map(|row| u8::from_str_radix(row, 16).ok())
            .collect();
        let sous_la_ligne = fields.next().and_then(|f| f.parse().ok()).unwrap_or(0);
        all.insert(
            sign,
            Dessin {
                rangees,
                sous_la_ligne,
            },
        );
    }
    all
});

/// Accented letters of the Latin-1 set: base, and rows of the accent.
fn accent(sign: char) -> Option<(char, [u8; 2])> {
    const AIGU: [u8; 2] = [0x02, 0x04];
    const GRAVE: [u8; 2] = [0x08, 0x04];
    const CIRCONFLEXE: [u8; 2] = [0x04, 0x0A];
    const TREMA: [u8; 2] = [0x0A, 0x00];
    const TILDE: [u8; 2] = [0x0D, 0x12];
    const ROND: [u8; 2] = [0x04, 0x04];
    Some(match sign {
        'À' => ('A', GRAVE),
        'Á' => ('A', AIGU),
        'Â' => ('A', CIRCONFLEXE),
        'Ã' => ('A', TILDE),
        'Ä' => ('A', TREMA),
        'Å' => ('A', ROND),
        'È' => ('E', GRAVE),
        'É' => ('E', AIGU),
        'Ê' => ('E', CIRCONFLEXE),
        'Ë' => ('E', TREMA),
        'Î' => ('I', CIRCONFLEXE),
        'Ï' => ('I', TREMA),
        'Í' => ('I', AIGU),
        'Ñ' => ('N', TILDE),
        'Ó' => ('O', AIGU),
        'Ô' => ('O', CIRCONFLEXE),
        'Ö' => ('O', TREMA),
        'Ù' => ('U', GRAVE),
        'Ú' => ('U', AIGU),
        'Û' => ('U', CIRCONFLEXE),
        'Ü' => ('U', TREMA),
        'à' => ('a', GRAVE),
        'á' => ('a', AIGU),
        'â' => ('a', CIRCONFLEXE),
        'ã' => ('a', TILDE),
        'ä' => ('a', TREMA),
        'å' => ('a', ROND),
        'è' => ('e', GRAVE),
        'é' => ('e', AIGU),
        'ê' => ('e', CIRCONFLEXE),
        'ë' => ('e', TREMA),
        'í' => ('ı', AIGU),
        'î' => ('ı', CIRCONFLEXE),
        'ï' => ('ı', TREMA),
        'ñ' => ('n', TILDE),
        'ó' => ('o', AIGU),
        'ô' => ('o', CIRCONFLEXE),
        'ö' => ('o', TREMA),
        'ù' => ('u', GRAVE),
        'ú' => ('u', AIGU),
        'û' => ('u', CIRCONFLEXE),
        'ü' => ('u', TREMA),
        'ÿ' => ('y', TREMA),
        _ => return None,
    })
}

/// The code of a sign in the font (Latin-1); signs it does not have are written as close as possible.
pub(super) fn codes(texte: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(texte.len());
    for sign in texte.chars() {
        match sign {
            '’' | '‘' => out.push(b'\''),
            '“' | '”' => out.push(b'"'),
            '–' | '—' => out.push(b'-'),
            'œ' => out.extend(b"oe"),
            'Œ' => out.extend(b"OE"),
            '\u{a0}' | '\u{202f}' | '\t' => out.push(b' '),
            '…' => out.extend(b"..."),
            _ => match u8::try_from(u32::from(sign)) {
                Ok(code) if sign == ' ' || !dots(sign).is_empty() => out.push(code),
                _ => out.push(b'?'),
            },
        }
    }
    out
}

/// The dots of a sign: column from the left, row from the line upwards.
fn dots(sign: char) -> Vec<(i32, i32)> {
    let mut out = Vec::new();
    let mut rows = |rows: &[u8], lowest: i32| {
        for (i, row) in (0_i32..).zip(rows.iter().rev()) {
            for column in 0..5 {
                if row & (0x10 >> column) != 0 {
                    out.push((column, lowest + i));
                }
            }
        }
    };
    if let Some((base, marks)) = accent(sign) {
        if let Some(dessin) = DESSINS.get(&base) {
            rows(&dessin.rangees, -dessin.sous_la_ligne);
        }
        let over = if base.is_uppercase() { 8 } else { 6 };
        rows(&marks, over);
    } else if let 'ç' | 'Ç' = sign {
        let base = if sign == 'ç' { 'c' } else { 'C' };
        if let Some(dessin) = DESSINS.get(&base) {
            rows(&dessin.rangees, 0);
        }
        rows(&[0x04, 0x08], -2);
    } else if let Some(dessin) = DESSINS.get(&sign) {
        rows(&dessin.rangees, -dessin.sous_la_ligne);
    }
    out
}

/// The drawing of a code, as a PDF glyph description 600 units wide, 100 a dot.
pub(super) fn glyphe(code: u8) -> String {
    let mut out = "600 0 0 -200 500 1000 d1\n".to_owned();
    let mut dots = dots(char::from(code));
    dots.sort_by_key(|(column, row)| (*row, *column));
    let mut at = 0;
    while let Some((column, row)) = dots.get(at).copied() {
        let same_row = dots[at..]
            .iter()
            .zip(column..)
            .take_while(|((c, r), expected)| *r == row && c == expected)
            .count();
        let _ = writeln!(
            out,
            "{} {} {} 100 re",
            column * 100,
            row * 100,
            same_row * 100
        );
        at += same_row;
    }
    out.push_str(if dots.is_empty() { "n" } else { "f" });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_is_drawn_in_seven_rows_of_five() {
        assert!(DESSINS.len() > 95, "{}", DESSINS.len());
        for (sign, dessin) in DESSINS.iter() {
            assert_eq!(dessin.rangees.len(), 7, "{sign}");
            assert!(dessin.rangees.iter().all(|row| *row < 0x20), "{sign}");
        }
        for sign in (' '..='~').skip(1).chain("éèêëàâîïôöûüùçÉÈÀÇ«»°".chars())
        {
            assert!(!dots(sign).is_empty(), "{sign}");
        }
    }

    #[test]
    fn what_the_font_lacks_is_written_as_close_as_possible() {
        assert_eq!(codes("d’œuvre — 5…"), b"d'oeuvre - 5...");
        assert_eq!(codes("É€"), [0xC9, b'?']);
    }

    #[test]
    fn dots_of_a_row_are_joined() {
        let tiret = glyphe(b'-');
        assert_eq!(tiret, "600 0 0 -200 500 1000 d1\n100 300 300 100 re\nf");
    }
}

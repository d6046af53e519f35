//! The datamatrix printed on documents: ECC 200, square, ASCII encodation (ISO/IEC 16022).
//!
//! Only what the INS datamatrix needs: characters up to 127, the symbol sizes from 10 to 72 modules.

/// A size: modules a side, data and error-correction codewords, blocks, data regions a side.
struct Taille {
    cote: usize,
    donnees: usize,
    correction: usize,
    blocs: usize,
    regions: usize,
}

const fn taille(
    cote: usize,
    donnees: usize,
    correction: usize,
    blocs: usize,
    regions: usize,
) -> Taille {
    Taille {
        cote,
        donnees,
        correction,
        blocs,
        regions,
    }
}

/// Table 7 of the standard, square symbols.
const TAILLES: [Taille; 17] = [
    taille(10, 3, 5, 1, 1),
    taille(12, 5, 7, 1, 1),
    taille(14, 8, 10, 1, 1),
    taille(16, 12, 12, 1, 1),
    taille(18, 18, 14, 1, 1),
    taille(20, 22, 18, 1, 1),
    taille(22, 30, 20, 1, 1),
    taille(24, 36, 24, 1, 1),
    taille(26, 44, 28, 1, 1),
    taille(32, 62, 36, 1, 2),
    taille(36, 86, 42, 1, 2),
    taille(40, 114, 48, 1, 2),
    taille(44, 144, 56, 1, 2),
    taille(48, 174, 68, 1, 2),
    taille(52, 204, 84, 2, 2),
    taille(64, 280, 112, 2, 4),
    taille(72, 368, 144, 4, 4),
];

/// The symbol, rows from the top, dark modules true; `None` when the text is too long or not ASCII.
pub fn tracer(texte: &str) -> Option<Vec<Vec<bool>>> {
    let mut mots = encoder(texte)?;
    let taille = TAILLES.iter().find(|t| t.donnees >= mots.len())?;
    completer(&mut mots, taille.donnees);
    corriger(&mut mots, taille);
    let region = taille.cote / taille.regions - 2;
    let interieur = placer(&mots, region * taille.regions);
    Some(encadrer(&interieur, taille, region))
}

/// Pairs of digits in one codeword, other characters in one each.
fn encoder(texte: &str) -> Option<Vec<u8>> {
    let octets = texte.as_bytes();
    let mut mots = Vec::with_capacity(octets.len());
    let mut i = 0;
    while let Some(octet) = octets.get(i) {
        match octets.get(i + 1) {
            Some(next) if octet.is_ascii_digit() && next.is_ascii_digit() => {
                mots.push(130 + (octet - b'0') * 10 + (next - b'0'));
                i += 2;
            }
            _ if octet.is_ascii() => {
                mots.push(octet + 1);
                i += 1;
            }
            _ => return None,
        }
    }
    Some(mots)
}

/// Fills with the padding of the standard: 129, then pseudo-random values.
fn completer(mots: &mut Vec<u8>, longueur: usize) {
    if mots.len() < longueur {
        mots.push(129);
    }
    while mots.len() < longueur {
        let hasard = (149 * (mots.len() + 1)) % 253 + 1;
        let valeur = 129 + hasard;
        mots.push(if valeur > 254 { valeur - 254 } else { valeur } as u8);
    }
}

/// Product in the field of 256 elements of the standard (polynomial 301).
fn produit(mut a: u8, mut b: u8) -> u8 {
    let mut out = 0;
    while b != 0 {
        if b & 1 != 0 {
            out ^= a;
        }
        a = (a << 1) ^ if a & 0x80 != 0 { 0x2D } else { 0 };
        b >>= 1;
    }
    out
}

/// Adds the Reed-Solomon codewords, block by block, interleaved.
fn corriger(mots: &mut Vec<u8>, taille: &Taille) {
    let par_bloc = taille.correction / taille.blocs;
    // Generator: product of (x - 2^i), i from 1; highest coefficient first, the leading 1 left out.
    let mut generateur = vec![0_u8; par_bloc];
    let mut racine = 1_u8;
    for degre in 0..par_bloc {
        racine = produit(racine, 2);
        let mut suivant = vec![0_u8; par_bloc];
        // In `generateur[..degre]` stands the polynomial so far.
        for i in 0..=degre {
            let haut = if i < degre { generateur[i] } else { 0 };
            let bas = if i == 0 { 1 } else { generateur[i - 1] };
            suivant[i] = haut ^ produit(bas, racine);
        }
        generateur = suivant;
    }
    let donnees = mots.clone();
    mots.resize(donnees.len() + taille.correction, 0);
    for bloc in 0..taille.blocs {
        let mut reste = vec![0_u8; par_bloc];
        for mot in donnees.iter().skip(bloc).step_by(taille.blocs) {
            let facteur = mot ^ reste[0];
            reste.rotate_left(1);
            reste[par_bloc - 1] = 0;
            for (r, g) in reste.iter_mut().zip(&generateur) {
                *r ^= produit(*g, facteur);
            }
        }
        for (i, r) in reste.into_iter().enumerate() {
            mots[donnees.len() + i * taille.blocs + bloc] = r;
        }
    }
}

/// Where the codewords go: the diagonal walk of annex F, on a square of `n` modules.
struct Placement<'a> {
    mots: &'a [u8],
    n: i32,
    modules: Vec<Option<bool>>,
    rang: usize,
}

impl Placement<'_> {
    /// Index of a module that is inside the square.
    fn index(&self, ligne: i32, colonne: i32) -> usize {
        usize::try_from(ligne * self.n + colonne).unwrap_or_default()
    }

    fn pris(&self, ligne: i32, colonne: i32) -> bool {
        self.modules[self.index(ligne, colonne)].is_some()
    }

    fn module(&mut self, mut ligne: i32, mut colonne: i32, bit: usize) {
        let ecart = 4 - (self.n + 4) % 8;
        if ligne < 0 {
            ligne += self.n;
            colonne += ecart;
        }
        if colonne < 0 {
            colonne += self.n;
            ligne += ecart;
        }
        let mot = self.mots.get(self.rang).copied().unwrap_or_default();
        let index = self.index(ligne, colonne);
        self.modules[index] = Some(mot & (0x80 >> bit) != 0);
    }

    /// The eight bits of one codeword, most significant first.
    fn mot(&mut self, places: [(i32, i32); 8]) {
        for (bit, (ligne, colonne)) in places.into_iter().enumerate() {
            self.module(ligne, colonne, bit);
        }
        self.rang += 1;
    }

    fn utah(&mut self, l: i32, c: i32) {
        self.mot([
            (l - 2, c - 2),
            (l - 2, c - 1),
            (l - 1, c - 2),
            (l - 1, c - 1),
            (l - 1, c),
            (l, c - 2),
            (l, c - 1),
            (l, c),
        ]);
    }

    fn coins(&mut self, ligne: i32, colonne: i32) {
        let n = self.n;
        if ligne == n && colonne == 0 {
            self.mot([
                (n - 1, 0),
                (n - 1, 1),
                (n - 1, 2),
                (0, n - 2),
                (0, n - 1),
                (1, n - 1),
                (2, n - 1),
                (3, n - 1),
            ]);
        }
        if ligne == n - 2 && colonne == 0 && n % 4 != 0 {
            self.mot([
                (n - 3, 0),
                (n - 2, 0),
                (n - 1, 0),
                (0, n - 4),
                (0, n - 3),
                (0, n - 2),
                (0, n - 1),
                (1, n - 1),
            ]);
        }
        if ligne == n - 2 && colonne == 0 && n % 8 == 4 {
            self.mot([
                (n - 3, 0),
                (n - 2, 0),
                (n - 1, 0),
                (0, n - 2),
                (0, n - 1),
                (1, n - 1),
                (2, n - 1),
                (3, n - 1),
            ]);
        }
        if ligne == n + 4 && colonne == 2 && n % 8 == 0 {
            self.mot([
                (n - 1, 0),
                (n - 1, n - 1),
                (0, n - 3),
                (0, n - 2),
                (0, n - 1),
                (1, n - 3),
                (1, n - 2),
                (1, n - 1),
            ]);
        }
    }
}

fn placer(mots: &[u8], n: usize) -> Vec<Vec<bool>> {
    let mut p = Placement {
        mots,
        n: i32::try_from(n).unwrap_or_default(),
        modules: vec![None; n * n],
        rang: 0,
    };
    let (mut ligne, mut colonne) = (4, 0);
    while ligne < p.n || colonne < p.n {
        p.coins(ligne, colonne);
        loop {
            if ligne < p.n && colonne >= 0 && !p.pris(ligne, colonne) {
                p.utah(ligne, colonne);
            }
            (ligne, colonne) = (ligne - 2, colonne + 2);
            if ligne < 0 || colonne >= p.n {
                break;
            }
        }
        (ligne, colonne) = (ligne + 1, colonne + 3);
        loop {
            if ligne >= 0 && colonne < p.n && !p.pris(ligne, colonne) {
                p.utah(ligne, colonne);
            }
            (ligne, colonne) = (ligne + 2, colonne - 2);
            if ligne >= p.n || colonne < 0 {
                break;
            }
        }
        (ligne, colonne) = (ligne + 3, colonne + 1);
    }
    // The last corner is fixed when no codeword reaches it.
    if !p.pris(p.n - 1, p.n - 1) {
        for back in [1, n + 2] {
            p.modules[n * n - back] = Some(true);
        }
    }
    let modules: Vec<bool> = p.modules.iter().map(|m| m.unwrap_or(false)).collect();
    modules.chunks(n).map(<[bool]>::to_vec).collect()
}

/// Puts the finder pattern around each region: solid left and bottom, alternating top and right.
fn encadrer(interieur: &[Vec<bool>], taille: &Taille, region: usize) -> Vec<Vec<bool>> {
    let pas = region + 2;
    let mut out = vec![vec![false; taille.cote]; taille.cote];
    for (ligne, row) in out.iter_mut().enumerate() {
        for (colonne, module) in row.iter_mut().enumerate() {
            let (l, c) = (ligne % pas, colonne % pas);
            *module = if c == 0 || l == pas - 1 {
                true
            } else if l == 0 {
                c % 2 == 0
            } else if c == pas - 1 {
                l % 2 == 1
            } else {
                interieur[ligne / pas * region + l - 1][colonne / pas * region + c - 1]
            };
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_example_of_the_standard() {
        let mut mots = encoder("123456").unwrap();
        assert_eq!(mots, [142, 164, 186]);
        corriger(&mut mots, &TAILLES[0]);
        assert_eq!(mots, [142, 164, 186, 114, 25, 5, 88, 102]);
        let dessin: Vec<String> = tracer("123456")
            .unwrap()
            .iter()
            .map(|row| row.iter().map(|m| if *m { '#' } else { '.' }).collect())
            .collect();
        assert_eq!(
            dessin,
            [
                "#.#.#.#.#.",
                "##..#.##.#",
                "##.....#..",
                "##...###.#",
                "##....#...",
                "#.....####",
                "###.##....",
                "####.##..#",
                "#..###.#..",
                "##########",
            ]
        );
    }

    #[test]
    fn padding_and_sizes() {
        let mut mots = encoder("A1B").unwrap();
        assert_eq!(mots, [66, 50, 67]);
        mots.truncate(1);
        completer(&mut mots, 5);
        assert_eq!(mots[..2], [66, 129]);
        for length in [1, 40, 90, 150, 250, 360] {
            let symbol = tracer(&"A".repeat(length)).unwrap();
            assert!(symbol.iter().all(|row| row.len() == symbol.len() && row[0]));
            assert!(symbol.last().unwrap().iter().all(|m| *m));
        }
        assert_eq!(tracer("é"), None);
        assert_eq!(tracer(&"A".repeat(400)), None);
    }
}

//! The PDF carried by a document: text, a datamatrix, and nothing that PDF/A-1b forbids.
//!
//! The font is drawn in the file (Type 3), the only colour is a calibrated grey, the metadata say what the file is,
//! nothing is encrypted or compressed: everything the standard asks of level B (ISO 19005-1) without any font or profile of others.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::police;

/// Points: A4.
const LARGEUR: i32 = 595;
const HAUTEUR: i32 = 842;
const MARGE: i32 = 50;
/// Size of the text and distance between lines, points.
const CORPS: i32 = 9;
const INTERLIGNE: i32 = 14;
/// Signs on a line.
const COLONNES: usize = 90;
/// Lines on a page, foot apart.
const LIGNES: usize = 48;
/// Side of a datamatrix module, points.
const MODULE: i32 = 2;

/// What is printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Title, also in the metadata.
    pub titre: String,
    /// Lines of the body.
    pub lignes: Vec<String>,
    /// Foot of each page.
    pub pied: Vec<String>,
    /// Datamatrix, rows from the top.
    pub datamatrix: Option<Vec<Vec<bool>>>,
}

/// Lines short enough for the page, broken at spaces.
fn couper(texte: &str) -> Vec<String> {
    let mut out = Vec::new();
    for paragraph in texte.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > COLONNES {
                out.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
            while line.chars().count() > COLONNES {
                let head: String = line.chars().take(COLONNES).collect();
                line = line.chars().skip(COLONNES).collect();
                out.push(head);
            }
        }
        out.push(line);
    }
    out
}

/// A count, as a length. Pages hold a few dozen of anything.
fn points(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// A PDF string of the font's codes.
fn chaine(texte: &str, employes: &mut BTreeSet<u8>) -> String {
    let mut out = String::from("(");
    for code in police::codes(texte) {
        employes.insert(code);
        match code {
            b'(' | b')' | b'\\' => {
                out.push('\\');
                out.push(char::from(code));
            }
            0x20..=0x7E => out.push(char::from(code)),
            _ => {
                let _ = write!(out, "\\{code:03o}");
            }
        }
    }
    out.push(')');
    out
}

fn contenu(lignes: &[String], page: &Page, premiere: bool, employes: &mut BTreeSet<u8>) -> String {
    let mut out = "/Gris cs 0 sc\n".to_owned();
    let mut texte = |x: i32, y: i32, corps: i32, ligne: &str, employes: &mut BTreeSet<u8>| {
        if !ligne.is_empty() {
            let shown = chaine(ligne, employes);
            let _ = writeln!(out, "BT /F1 {corps} Tf {x} {y} Td {shown} Tj ET");
        }
    };
    let mut y = HAUTEUR - MARGE - 20;
    if premiere {
        texte(MARGE, y, CORPS + 3, &page.titre, employes);
        y -= 2 * INTERLIGNE;
    }
    for ligne in lignes {
        texte(MARGE, y, CORPS, ligne, employes);
        y -= INTERLIGNE;
    }
    let mut y = MARGE + 12 * (points(page.pied.len()) - 1).max(0);
    for ligne in &page.pied {
        texte(MARGE, y, CORPS - 2, ligne, employes);
        y -= 12;
    }
    if premiere && let Some(rows) = &page.datamatrix {
        let side = MODULE * points(rows.len());
        let left = LARGEUR - MARGE - side;
        let top = HAUTEUR - MARGE - 3 * INTERLIGNE - 20;
        for (i, row) in (1_i32..).zip(rows) {
            for (j, dark) in (0_i32..).zip(row) {
                if *dark {
                    let _ = writeln!(
                        out,
                        "{} {} {MODULE} {MODULE} re",
                        left + j * MODULE,
                        top - i * MODULE
                    );
                }
            }
        }
        out.push_str("f\n");
    }
    out
}

/// Numbered objects of a file, the first being 1.
#[derive(Default)]
struct Objets(Vec<String>);

impl Objets {
    fn ajouter(&mut self, texte: String) -> usize {
        self.0.push(texte);
        self.0.len()
    }

    fn flux(&mut self, dictionnaire: &str, donnees: &str) -> usize {
        self.ajouter(format!(
            "<<{dictionnaire} /Length {}>>\nstream\n{donnees}\nendstream",
            donnees.len()
        ))
    }
}

fn xml(texte: &str) -> String {
    quick_xml::escape::escape(texte).into_owned()
}

fn xmp(titre: &str) -> String {
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n\
<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n\
<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n\
<rdf:Description rdf:about=\"\" xmlns:pdfaid=\"http://www.aiim.org/pdfa/ns/id/\">\n\
<pdfaid:part>1</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>\n\
</rdf:Description>\n\
<rdf:Description rdf:about=\"\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\n\
<dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">{}</rdf:li></rdf:Alt></dc:title>\n\
</rdf:Description>\n\
<rdf:Description rdf:about=\"\" xmlns:pdf=\"http://ns.adobe.com/pdf/1.3/\">\n\
<pdf:Producer>DUI temoin</pdf:Producer>\n\
</rdf:Description>\n\
</rdf:RDF>\n\
</x:xmpmeta>\n\
<?xpacket end=\"w\"?>",
        xml(titre)
    )
}

/// UTF-16 text string of the information dictionary.
fn utf16(texte: &str) -> String {
    let mut out = "<FEFF".to_owned();
    for unit in texte.encode_utf16() {
        let _ = write!(out, "{unit:04X}");
    }
    out.push('>');
    out
}

/// Draws the font with the signs used; returns its object.
fn dessiner_police(objets: &mut Objets, employes: &BTreeSet<u8>) -> usize {
    let mut procs = String::new();
    let mut differences = String::new();
    for code in employes {
        let id = objets.flux("", &police::glyphe(*code));
        let _ = write!(procs, " /g{code} {id} 0 R");
        let _ = write!(differences, " {code} /g{code}");
    }
    let first = employes.first().copied().unwrap_or(32);
    let last = employes.last().copied().unwrap_or(32);
    let widths: Vec<&str> = (first..=last)
        .map(|code| if employes.contains(&code) { "600" } else { "0" })
        .collect();
    let unicode = objets.flux(
        "",
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n\
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n\
/CMapName /Latin1 def\n/CMapType 2 def\n\
1 begincodespacerange\n<00> <FF>\nendcodespacerange\n\
1 beginbfrange\n<20> <FF> <0020>\nendbfrange\n\
endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend",
    );
    objets.ajouter(format!(
        "<</Type /Font /Subtype /Type3 /Name /F1 /FontBBox [0 -200 600 1000] /FontMatrix [0.001 0 0 0.001 0 0] \
/FirstChar {first} /LastChar {last} /Widths [{}] /Resources <<>> \
/Encoding <</Type /Encoding /Differences [{}]>> /CharProcs <<{procs} >> /ToUnicode {unicode} 0 R>>",
        widths.join(" "),
        differences.trim_start()
    ))
}

/// The file.
pub fn ecrire(page: &Page) -> Vec<u8> {
    let lignes: Vec<String> = page
        .lignes
        .iter()
        .flat_map(|l| {
            if l.is_empty() {
                vec![String::new()]
            } else {
                couper(l)
            }
        })
        .collect();
    let mut feuilles: Vec<&[String]> = lignes.chunks(LIGNES).collect();
    if feuilles.is_empty() {
        feuilles.push(&[]);
    }
    let mut employes = BTreeSet::new();
    let contenus: Vec<String> = feuilles
        .iter()
        .enumerate()
        .map(|(i, lignes)| contenu(lignes, page, i == 0, &mut employes))
        .collect();
    // 1 and 2 are known before they are written: the catalogue and the page tree.
    let mut objets = Objets::default();
    objets.ajouter(String::new());
    objets.ajouter(String::new());
    let police = dessiner_police(&mut objets, &employes);
    let mut pages = String::new();
    for texte in &contenus {
        let flux = objets.flux("", texte);
        let id = objets.ajouter(format!(
            "<</Type /Page /Parent 2 0 R /MediaBox [0 0 {LARGEUR} {HAUTEUR}] /Contents {flux} 0 R \
/Resources <</Font <</F1 {police} 0 R>> /ColorSpace <</Gris [/CalGray <</WhitePoint [0.9505 1 1.089]>>]>>>>>>"
        ));
        let _ = write!(pages, "{id} 0 R ");
    }
    let metadonnees = objets.flux(" /Type /Metadata /Subtype /XML", &xmp(&page.titre));
    let info = objets.ajouter(format!(
        "<</Title {} /Producer (DUI temoin)>>",
        utf16(&page.titre)
    ));
    objets.0[0] =
        format!("<</Type /Catalog /Pages 2 0 R /Metadata {metadonnees} 0 R /Lang (fr-FR)>>");
    objets.0[1] = format!(
        "<</Type /Pages /Kids [{}] /Count {}>>",
        pages.trim_end(),
        contenus.len()
    );
    assembler(&objets, info)
}

/// Header, objects, cross-reference table, trailer.
fn assembler(objets: &Objets, info: usize) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let mut out = b"%PDF-1.4\n%\xE2\xE3\xCF\xD3\n".to_vec();
    let mut places = Vec::with_capacity(objets.0.len());
    for (i, texte) in objets.0.iter().enumerate() {
        places.push(out.len());
        out.extend(format!("{} 0 obj\n{texte}\nendobj\n", i + 1).into_bytes());
    }
    let mut id = String::new();
    for byte in &Sha256::digest(&out)[..16] {
        let _ = write!(id, "{byte:02X}");
    }
    let xref = out.len();
    let count = places.len() + 1;
    out.extend(format!("xref\n0 {count}\n0000000000 65535 f \n").into_bytes());
    for place in places {
        out.extend(format!("{place:010} 00000 n \n").into_bytes());
    }
    out.extend(
        format!(
            "trailer\n<</Size {count} /Root 1 0 R /Info {info} 0 R /ID [<{id}> <{id}>]>>\nstartxref\n{xref}\n%%EOF\n"
        )
        .into_bytes(),
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn essai() -> Page {
        Page {
            titre: "Projet d'été <2026> & suites".to_owned(),
            lignes: vec![
                "Nom de naissance : D'ARTAGNAN (DE L'HERAULT)".to_owned(),
                String::new(),
                "mot ".repeat(1_500),
            ],
            pied: vec!["Mention".to_owned()],
            datamatrix: None,
        }
    }

    #[test]
    fn each_object_is_where_the_table_says() {
        let file = ecrire(&essai());
        let line = |at: usize| -> String {
            let end = file[at..]
                .iter()
                .position(|b| *b == b'\n')
                .map_or(file.len(), |n| at + n);
            String::from_utf8_lossy(&file[at..end]).into_owned()
        };
        assert_eq!(line(0), "%PDF-1.4");
        let tail = String::from_utf8_lossy(&file[file.len() - 40..]).into_owned();
        let start = tail
            .split("startxref\n")
            .nth(1)
            .and_then(|t| t.lines().next());
        let start: usize = start.and_then(|l| l.parse().ok()).unwrap_or(0);
        assert_eq!(line(start), "xref");
        let count: usize = line(start + 5)["0 ".len()..].parse().unwrap_or(0);
        assert!(count > 20, "{count}");
        let first = start + 5 + line(start + 5).len() + 1;
        for number in 1..count {
            // Entries are twenty bytes long.
            let entry = line(first + number * 20);
            let place: usize = entry[..10].parse().unwrap_or(0);
            assert_eq!(line(place), format!("{number} 0 obj"));
        }
    }

    #[test]
    fn long_texts_go_over_several_pages_and_nothing_leaves_the_line() {
        let file = ecrire(&essai());
        let text = String::from_utf8_lossy(&file).into_owned();
        assert!(text.contains("/Count 2"), "67 lines on pages of 48");
        assert!(text.contains("(Nom de naissance : D'ARTAGNAN \\(DE L'HERAULT\\))"));
        assert!(text.contains("Projet d&apos;été &lt;2026&gt; &amp; suites"));
        for shown in text.split(" Td (").skip(1) {
            let shown = shown.split(") Tj").next().unwrap_or_default();
            assert!(shown.len() <= COLONNES + 10, "{shown}");
        }
        assert_eq!(couper(&"X".repeat(200)).len(), 3);
    }
}

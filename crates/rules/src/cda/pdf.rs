//! What a PDF in a level 1 body is made of: complete, PDF/A-1 by its own words, free of traps.
//!
//! The file is not interpreted: names are read outside streams and strings. What is inside a compressed object
//! stream is not seen (PDF/A-1 allows none).

use super::n1::{decoded_body, media_type};
use crate::document::DocumentCtx;
use diapason_formats::xml::NodeId;

/// The PDF of the body, when the body says it is one and begins like one.
fn body_pdf(ctx: &DocumentCtx<'_>) -> Option<(NodeId, Vec<u8>)> {
    let tree = ctx.tree();
    let (node, bytes) = decoded_body(tree)?;
    (media_type(tree, node) == "application/pdf" && bytes.starts_with(b"%PDF-"))
        .then_some((node, bytes))
}

/// CDA-N08: the PDF ends, and its table of objects is where it says.
pub(super) fn complete(ctx: &mut DocumentCtx<'_>) {
    if let Some((node, bytes)) = body_pdf(ctx) {
        match end_fault(&bytes) {
            None => ctx.held(),
            Some(observed) => ctx.broken(
                node,
                "un PDF complet : startxref, l'emplacement de la table des objets, puis %%EOF",
                observed,
            ),
        }
    }
}

/// What is wrong at the end of a PDF.
fn end_fault(bytes: &[u8]) -> Option<String> {
    let tail = &bytes[bytes.len().saturating_sub(2048)..];
    let Some(eof) = rfind(tail, b"%%EOF") else {
        return Some("pas de %%EOF à la fin : le fichier est tronqué".to_owned());
    };
    let Some(start) = rfind(&tail[..eof], b"startxref") else {
        return Some("pas de startxref avant %%EOF".to_owned());
    };
    let digits: String = tail[start + b"startxref".len()..eof]
        .iter()
        .skip_while(|b| b.is_ascii_whitespace())
        .take_while(|b| b.is_ascii_digit())
        .map(|b| char::from(*b))
        .collect();
    let Ok(offset) = digits.parse::<usize>() else {
        return Some("startxref sans emplacement".to_owned());
    };
    let Some(table) = bytes.get(offset..).filter(|rest| !rest.is_empty()) else {
        return Some(format!(
            "startxref donne l'octet {offset}, au-delà des {} octets du fichier",
            bytes.len()
        ));
    };
    let table = table.trim_ascii_start();
    let xref_stream = table.first().is_some_and(u8::is_ascii_digit);
    (!table.starts_with(b"xref") && !xref_stream)
        .then(|| format!("pas de table des objets à l'octet {offset} donné par startxref"))
}

fn rfind(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).rposition(|w| w == needle)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

/// CDA-N09: the PDF says it is PDF/A-1.
pub(super) fn claims_pdf_a(ctx: &mut DocumentCtx<'_>) {
    if let Some((node, bytes)) = body_pdf(ctx) {
        let part = pdf_a_part(&bytes);
        let observed = match &part {
            Some(part) => format!("un PDF/A-{part}"),
            None => "un PDF qui ne se dit pas PDF/A".to_owned(),
        };
        ctx.check(
            part.as_deref() == Some("1"),
            node,
            "un PDF/A-1, déclaré dans ses métadonnées XMP (pdfaid:part)",
            observed,
        );
    }
}

/// Part of PDF/A claimed by the XMP metadata, as an attribute or as an element.
fn pdf_a_part(bytes: &[u8]) -> Option<String> {
    let at = find(bytes, b"pdfaid:part")? + b"pdfaid:part".len();
    let value: String = bytes[at..]
        .iter()
        .take(16)
        .skip_while(|b| !b.is_ascii_digit())
        .take_while(|b| b.is_ascii_digit())
        .map(|b| char::from(*b))
        .collect();
    (!value.is_empty()).then_some(value)
}

/// CDA-N10: anybody can open the PDF.
pub(super) fn not_encrypted(ctx: &mut DocumentCtx<'_>) {
    no_name(ctx, "un PDF sans chiffrement ni mot de passe", &["Encrypt"]);
}

/// CDA-N11: opening the PDF runs nothing.
pub(super) fn no_action(ctx: &mut DocumentCtx<'_>) {
    no_name(
        ctx,
        "un PDF sans JavaScript, sans lancement de programme ni envoi de formulaire",
        &[
            "JavaScript",
            "JS",
            "Launch",
            "SubmitForm",
            "ImportData",
            "RichMedia",
        ],
    );
}

/// CDA-N12: the PDF carries no other file.
pub(super) fn no_embedded_file(ctx: &mut DocumentCtx<'_>) {
    no_name(
        ctx,
        "un PDF sans fichier joint",
        &["EmbeddedFile", "EmbeddedFiles", "FileAttachment"],
    );
}

fn no_name(ctx: &mut DocumentCtx<'_>, expected: &str, forbidden: &[&str]) {
    if let Some((node, bytes)) = body_pdf(ctx) {
        let found = names(&bytes)
            .into_iter()
            .find(|name| forbidden.contains(&name.as_str()));
        match found {
            None => ctx.held(),
            Some(name) => ctx.broken(node, expected, format!("/{name}")),
        }
    }
}

/// Names (`/Type`) outside streams, strings and comments, their `#xx` escapes undone.
fn names(bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'/' => {
                let (name, next) = name(bytes, at + 1);
                found.push(name);
                at = next;
            }
            b'(' => at = after_string(bytes, at),
            b'%' => {
                at = bytes[at..]
                    .iter()
                    .position(|b| matches!(b, b'\n' | b'\r'))
                    .map_or(bytes.len(), |n| at + n);
            }
            b's' if bytes[at..].starts_with(b"stream") && is_stream_start(bytes, at) => {
                at = find(&bytes[at..], b"endstream").map_or(bytes.len(), |n| at + n + 9);
            }
            _ => at += 1,
        }
    }
    found
}

/// `stream` is followed by an end of line and is not the end of `endstream`.
fn is_stream_start(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at + 6), Some(b'\r' | b'\n')) && !bytes[..at].ends_with(b"end")
}

fn name(bytes: &[u8], from: usize) -> (String, usize) {
    let mut out = Vec::new();
    let mut at = from;
    while let Some(&byte) = bytes.get(at) {
        if byte.is_ascii_whitespace() || byte == 0 || b"()<>[]{}/%".contains(&byte) {
            break;
        }
        let escaped = (byte == b'#')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(escaped.unwrap_or(byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    (String::from_utf8_lossy(&out).into_owned(), at.max(from))
}

/// The place after a literal string, which may hold balanced parentheses.
fn after_string(bytes: &[u8], from: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'(' => depth += 1,
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_outside_streams_and_strings() {
        let pdf =
            b"%PDF-1.4 /Comment\n1 0 obj << /Type /Catalog /A (a \\) (/JS) b) /J#53 2 0 R >>\n\
            stream\n/Launch\nendstream /End";
        assert_eq!(names(pdf), ["Type", "Catalog", "A", "JS", "End"]);
    }

    #[test]
    fn unfinished_strings_and_streams_end_with_the_file() {
        assert_eq!(names(b"/A (no end"), ["A"]);
        assert_eq!(names(b"/A stream\nno end /B"), ["A"]);
        assert_eq!(names(b"/"), [""]);
        assert_eq!(names(b"/A (\\"), ["A"]);
    }

    #[test]
    fn ends() {
        let good = b"%PDF-1.4\nxref\ntrailer\nstartxref\n9\n%%EOF\n";
        assert_eq!(end_fault(good), None);
        for (bad, word) in [
            (&b"%PDF-1.4\nxref\ntrailer\nstart"[..], "tronqué"),
            (b"%PDF-1.4\nxref\n%%EOF", "pas de startxref"),
            (b"%PDF-1.4\nstartxref\n%%EOF", "sans emplacement"),
            (b"%PDF-1.4\nstartxref\n999\n%%EOF", "au-delà"),
            (b"%PDF-1.4\nstartxref\n0\n%%EOF", "pas de table"),
        ] {
            let fault = end_fault(bad).unwrap_or_default();
            assert!(fault.contains(word), "{fault}");
        }
    }

    #[test]
    fn pdf_a_parts() {
        assert_eq!(pdf_a_part(b"<x pdfaid:part=\"1\" />").as_deref(), Some("1"));
        assert_eq!(
            pdf_a_part(b"<pdfaid:part>3</pdfaid:part>").as_deref(),
            Some("3")
        );
        assert_eq!(pdf_a_part(b"nothing"), None);
    }
}

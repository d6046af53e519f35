//! Encoded content: the body of level 1, and the media attached to a structured body.

use diapason_formats::xml::{NodeId, Tree};

use super::base64::{decode, decode_start};
use super::{HL7, clinical_document};
use crate::document::DocumentCtx;

/// The content of a level 1 body.
pub(super) fn body(tree: &Tree) -> Option<NodeId> {
    let document = clinical_document(tree)?;
    tree.find(document, HL7, &["component", "nonXMLBody", "text"])
}

/// The content of the body, decoded, when it is base64 and not empty.
pub(super) fn decoded_body(tree: &Tree) -> Option<(NodeId, Vec<u8>)> {
    let text = body(tree)?;
    let bytes = decode(&tree.string_value(text)).ok()?;
    (!bytes.is_empty()).then_some((text, bytes))
}

fn says_base64(tree: &Tree, node: NodeId) -> bool {
    tree.attribute(node, "representation") == Some("B64")
}

/// Media type without its parameters, in lower case.
pub(super) fn media_type(tree: &Tree, node: NodeId) -> String {
    tree.attribute(node, "mediaType")
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

fn must_decode(ctx: &mut DocumentCtx<'_>, node: NodeId) {
    let tree = ctx.tree();
    match decode(&tree.string_value(node)) {
        Ok(_) => ctx.held(),
        Err(fault) => ctx.broken(node, "un contenu en base64", fault.to_string()),
    }
}

/// CDA-N05: the body is base64.
pub(super) fn decodes(ctx: &mut DocumentCtx<'_>) {
    if let Some(text) = body(ctx.tree()) {
        must_decode(ctx, text);
    }
}

/// CDA-N06: the body is there.
pub(super) fn not_empty(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(text) = body(tree) else {
        return;
    };
    let empty = tree.string_value(text).trim().is_empty();
    let observed = match tree.child(text, HL7, "reference") {
        Some(reference) => format!(
            "une référence à {} à la place du contenu",
            tree.attribute(reference, "value").unwrap_or_default()
        ),
        None => "un contenu vide".to_owned(),
    };
    ctx.check(
        !empty,
        text,
        "le document lui-même, dans l'élément text",
        observed,
    );
}

/// CDA-N07: the body begins like what its media type says.
pub(super) fn is_what_it_says(ctx: &mut DocumentCtx<'_>) {
    if let Some(text) = body(ctx.tree()) {
        must_match(ctx, text);
    }
}

fn must_match(ctx: &mut DocumentCtx<'_>, node: NodeId) {
    let tree = ctx.tree();
    let announced = media_type(tree, node);
    let Ok(start) = decode_start(&tree.string_value(node), 4096) else {
        return;
    };
    if start.is_empty() {
        return;
    }
    let Some(matches) = begins_like(&announced, &start) else {
        return;
    };
    ctx.check(
        matches,
        node,
        format!("un contenu de type {announced}"),
        looks_like(&start),
    );
}

/// Does the content begin as that type does? `None` for a type we know nothing of.
fn begins_like(media_type: &str, start: &[u8]) -> Option<bool> {
    Some(match media_type {
        "application/pdf" => start.starts_with(b"%PDF-"),
        "text/rtf" | "application/rtf" => start.starts_with(b"{\\rtf"),
        "image/jpeg" => start.starts_with(b"\xff\xd8\xff"),
        "image/tiff" => start.starts_with(b"II*\0") || start.starts_with(b"MM\0*"),
        "image/png" => start.starts_with(b"\x89PNG\r\n\x1a\n"),
        "image/gif" => start.starts_with(b"GIF8"),
        "text/plain" => is_text(start) && recognised(start).is_none(),
        _ => return None,
    })
}

/// Plain text holds no control character but tabs and ends of lines.
fn is_text(start: &[u8]) -> bool {
    !start
        .iter()
        .any(|b| *b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0c))
}

fn recognised(start: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 11] = [
        (b"%PDF-", "un PDF"),
        (b"{\\rtf", "un RTF"),
        (b"\xff\xd8\xff", "une image JPEG"),
        (b"II*\0", "une image TIFF"),
        (b"MM\0*", "une image TIFF"),
        (b"\x89PNG", "une image PNG"),
        (b"GIF8", "une image GIF"),
        (
            b"PK\x03\x04",
            "une archive ZIP (ou un document bureautique)",
        ),
        (b"\xd0\xcf\x11\xe0", "un ancien document bureautique"),
        (b"<?xml", "du XML"),
        (b"JVBERi0", "un PDF encodé deux fois en base64"),
    ];
    KNOWN
        .iter()
        .find(|(magic, _)| start.starts_with(magic))
        .map(|(_, name)| *name)
}

fn looks_like(start: &[u8]) -> &'static str {
    match recognised(start) {
        Some(name) => name,
        None if is_text(start) => "du texte",
        None => "un contenu binaire non reconnu",
    }
}

/// CDA-N13: plain text without another charset is UTF-8.
pub(super) fn text_is_utf8(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some((node, bytes)) = decoded_body(tree) else {
        return;
    };
    let parameter = tree.attribute(node, "mediaType").and_then(|m| {
        m.to_ascii_lowercase()
            .split_once("charset=")
            .map(|(_, c)| c.to_owned())
    });
    let charset = parameter
        .or_else(|| tree.attribute(node, "charset").map(str::to_ascii_lowercase))
        .unwrap_or_else(|| "utf-8".to_owned());
    if media_type(tree, node) != "text/plain" || charset.trim_matches('"') != "utf-8" {
        return;
    }
    match std::str::from_utf8(&bytes) {
        Ok(_) => ctx.held(),
        Err(error) => ctx.broken(
            node,
            "un texte en UTF-8, ou un autre jeu de caractères annoncé",
            format!(
                "octet qui n'est pas de l'UTF-8, au rang {}",
                error.valid_up_to() + 1
            ),
        ),
    }
}

/// Media of a structured body, said to be base64.
fn attachments(tree: &Tree) -> Vec<NodeId> {
    let body = clinical_document(tree)
        .and_then(|document| tree.find(document, HL7, &["component", "structuredBody"]));
    let Some(body) = body else {
        return Vec::new();
    };
    tree.descendant_elements(body)
        .filter(|n| says_base64(tree, *n))
        .collect()
}

/// CDA-N20: what is attached is base64.
pub(super) fn attachment_decodes(ctx: &mut DocumentCtx<'_>) {
    for node in attachments(ctx.tree()) {
        must_decode(ctx, node);
    }
}

/// CDA-N21: what is attached begins like what its media type says.
pub(super) fn attachment_is_what_it_says(ctx: &mut DocumentCtx<'_>) {
    for node in attachments(ctx.tree()) {
        must_match(ctx, node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_by_their_first_bytes() {
        for (media_type, start, expected) in [
            ("application/pdf", &b"%PDF-1.4\n"[..], Some(true)),
            ("application/pdf", b"\xff\xd8\xff\xe0", Some(false)),
            ("application/pdf", b"\n%PDF-1.4", Some(false)),
            ("text/plain", "Compte rendu\r\n".as_bytes(), Some(true)),
            ("text/plain", b"%PDF-1.4", Some(false)),
            ("text/plain", b"a\0b", Some(false)),
            ("image/tiff", b"MM\0*", Some(true)),
            ("text/rtf", b"{\\rtf1", Some(true)),
            ("application/dicom", b"x", None),
        ] {
            assert_eq!(begins_like(media_type, start), expected, "{media_type}");
        }
        assert_eq!(
            looks_like(b"JVBERi0xLjQ="),
            "un PDF encodé deux fois en base64"
        );
    }
}

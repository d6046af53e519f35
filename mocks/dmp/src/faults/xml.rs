//! Faults that spoil the envelope, byte by byte.

use std::fmt::Write as _;

use super::Parameters;
use crate::names::{SOAP11, SOAP12};

/// The envelope spoiled; `None` when `name` is none of these.
pub(super) fn spoiled(name: &str, with: Parameters<'_>, envelope: &str) -> Option<Vec<u8>> {
    Some(match name {
        "SOAP11" => envelope.replace(SOAP12, SOAP11).into_bytes(),
        "XML-MALFORMED" => without_a_closing_tag(envelope).into_bytes(),
        "XML-NOT-UTF8" => {
            let mut bytes = envelope.as_bytes().to_vec();
            bytes.insert(text_position(envelope)?, 0xe9);
            bytes
        }
        "ENTITY-BOMB" => {
            let levels = with.number("levels");
            let mut dtd = "<!DOCTYPE bombe [<!ENTITY e0 \"DIAPASON\">".to_owned();
            for level in 1..=levels {
                let inner = format!("&e{};", level - 1).repeat(10);
                // Writing to a String cannot fail.
                let _ = write!(dtd, "<!ENTITY e{level} \"{inner}\">");
            }
            dtd.push_str("]>");
            with_dtd(envelope, &dtd, &format!("&e{levels};"))?
        }
        "XML-EXTERNAL-ENTITY" => {
            let dtd = "<!DOCTYPE externe [<!ENTITY dehors SYSTEM \"https://localhost:1/entite\">]>";
            with_dtd(envelope, dtd, "&dehors;")?
        }
        "XML-DEEP" => {
            let depth = with.number("depth") as usize;
            let nest = format!("{}{}", "<n>".repeat(depth), "</n>".repeat(depth));
            inserted(envelope, text_position(envelope)?, &nest).into_bytes()
        }
        "HUGE" => {
            let size = with.number("megabytes") as usize * 1_000_000;
            let at = envelope.find("<soap:Body>")?;
            let mut bytes = Vec::with_capacity(envelope.len() + size + 8);
            bytes.extend_from_slice(&envelope.as_bytes()[..at]);
            bytes.extend_from_slice(b"<!--");
            bytes.resize(bytes.len() + size, b'A');
            bytes.extend_from_slice(b"-->");
            bytes.extend_from_slice(&envelope.as_bytes()[at..]);
            bytes
        }
        _ => return None,
    })
}

/// Where the text of the action begins: every answer has one.
fn text_position(document: &str) -> Option<usize> {
    let at = document.find("wsa:Action>")?;
    Some(at + "wsa:Action>".len())
}

fn inserted(document: &str, at: usize, what: &str) -> String {
    format!("{}{what}{}", &document[..at], &document[at..])
}

fn with_dtd(document: &str, dtd: &str, reference: &str) -> Option<Vec<u8>> {
    let with_reference = inserted(document, text_position(document)?, reference);
    let declaration = with_reference.find("?>")? + 2;
    Some(inserted(&with_reference, declaration, dtd).into_bytes())
}

fn without_a_closing_tag(document: &str) -> String {
    let Some(start) = document.rfind("</soap:Body>") else {
        return document.to_owned();
    };
    format!(
        "{}{}",
        &document[..start],
        &document[start + "</soap:Body>".len()..]
    )
}

//! Faults of transport, HTTP and XML: the bytes go wrong, not what they say.

use std::fmt::Write as _;

use diapason_formats::insi::write;
use diapason_mock_common::http::{Delivery, Reply};

use super::{Parameters, Scene, natural_status};
use crate::gzip;
use crate::reply::{SOAP_TYPE, soap_reply};

/// The answer, or `None` when `id` is none of these.
pub(crate) fn play(id: &str, with: Parameters<'_>, scene: &Scene<'_>) -> Option<Reply> {
    let natural = || {
        soap_reply(
            natural_status(&scene.natural),
            &scene.natural,
            &scene.envelope,
        )
    };
    let delivered = |delivery| Reply {
        delivery,
        ..natural()
    };
    let reply = match id {
        "INSI-F-HTTP-503" => {
            let status = u16::try_from(with.number("status")).unwrap_or(503);
            Reply::new(status, "text/html; charset=utf-8", HTML).outcome("http_error")
        }
        "INSI-F-HTTP-EMPTY-200" => Reply::new(200, SOAP_TYPE, "").outcome("empty"),
        "INSI-F-HTTP-REDIRECT" => {
            let status = u16::try_from(with.number("status")).unwrap_or(302);
            let location = match with.text("location") {
                "" => scene.other_listener,
                given => given,
            };
            let mut reply = Reply::new(status, "text/html", "").outcome("redirect");
            reply
                .headers
                .push(("Location".to_owned(), location.to_owned()));
            reply
        }
        "INSI-F-HTTP-CONTENT-TYPE" => Reply {
            headers: vec![(
                "Content-Type".to_owned(),
                with.text("content_type").to_owned(),
            )],
            ..natural()
        },
        "INSI-F-HTTP-GZIP" => {
            let mut reply = natural();
            reply.body = gzip::stored(&reply.body);
            reply
                .headers
                .push(("Content-Encoding".to_owned(), "gzip".to_owned()));
            reply
        }
        "INSI-F-HTTP-CHUNKED" => delivered(Delivery::Chunked),
        "INSI-F-HTTP-GARBAGE" => delivered(Delivery::Raw(
            b"\x00\x01NI HTTP NI XML\xff\xfe\r\n\r\n".to_vec(),
        ))
        .outcome("garbage"),
        "INSI-F-CUT" => delivered(Delivery::Cut(with.number("bytes") as usize)).outcome("cut"),
        "INSI-F-SILENT" => delivered(Delivery::Silent).outcome("silent"),
        "INSI-F-DELAY" => delivered(Delivery::Delay(with.number("milliseconds"))),
        "INSI-F-RESET" => delivered(Delivery::Reset).outcome("reset"),
        _ => {
            let body = xml(id, with, scene)?;
            let mut reply = Reply::new(200, SOAP_TYPE, body).outcome("bad_xml");
            if id == "INSI-F-XML-HUGE" {
                reply.outcome = scene.natural.word();
            }
            reply
        }
    };
    Some(reply)
}

const HTML: &str = "<!DOCTYPE html><html lang=\"fr\"><head><title>Service indisponible</title></head>\
<body><h1>Service indisponible</h1><p>Page d'un \u{e9}quipement interm\u{e9}diaire simul\u{e9}.</p></body></html>";

fn xml(id: &str, with: Parameters<'_>, scene: &Scene<'_>) -> Option<Vec<u8>> {
    let natural = String::from_utf8(write(&scene.natural, &scene.envelope)).ok()?;
    Some(match id {
        "INSI-F-XML-MALFORMED" => without_a_closing_tag(&natural).into_bytes(),
        "INSI-F-XML-NOT-UTF8" => {
            let mut bytes = natural.clone().into_bytes();
            bytes.insert(text_position(&natural)?, 0xe9);
            bytes
        }
        "INSI-F-XML-ENTITY-BOMB" => {
            let levels = with.number("levels");
            let mut dtd = "<!DOCTYPE bombe [<!ENTITY e0 \"DIAPASON\">".to_owned();
            for level in 1..=levels {
                let inner = format!("&e{};", level - 1).repeat(10);
                let _ = write!(dtd, "<!ENTITY e{level} \"{inner}\">");
            }
            dtd.push_str("]>");
            with_dtd(&natural, &dtd, &format!("&e{levels};"))?
        }
        "INSI-F-XML-EXTERNAL-ENTITY" => {
            let dtd = format!(
                "<!DOCTYPE externe [<!ENTITY dehors SYSTEM \"{}?entite\">]>",
                scene.other_listener
            );
            with_dtd(&natural, &dtd, "&dehors;")?
        }
        "INSI-F-XML-DEEP" => {
            let depth = with.number("depth") as usize;
            let nest = format!("{}{}", "<n>".repeat(depth), "</n>".repeat(depth));
            inserted(&natural, text_position(&natural)?, &nest).into_bytes()
        }
        "INSI-F-XML-HUGE" => {
            let size = with.number("megabytes") as usize * 1_000_000;
            let at = natural.find("LibelleCR>")? + "LibelleCR>".len();
            let mut bytes = Vec::with_capacity(natural.len() + size);
            bytes.extend_from_slice(&natural.as_bytes()[..at]);
            bytes.resize(at + size, b'A');
            bytes.extend_from_slice(&natural.as_bytes()[at..]);
            bytes
        }
        "INSI-F-XML-FOREIGN" => {
            b"<?xml version=\"1.0\" encoding=\"UTF-8\"?><reponse xmlns=\"urn:diapason:essai\"><code>00</code></reponse>".to_vec()
        }
        _ => return None,
    })
}

/// Where the text of the birth name, of the label or of the reason begins.
fn text_position(document: &str) -> Option<usize> {
    ["NomNaissance", "LibelleCR", "Text"]
        .iter()
        .find_map(|name| {
            let at = document.find(name)?;
            document[at..].find('>').map(|end| at + end + 1)
        })
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
    let Some(start) = document.find("</") else {
        return document.to_owned();
    };
    let end = document[start..]
        .find('>')
        .map_or(document.len(), |e| start + e + 1);
    format!("{}{}", &document[..start], &document[end..])
}

//! Faults that change an answer on its way out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use diapason_formats::dmp::Operation;
use diapason_mock_common::fault::Playing;
use diapason_mock_common::http::{Bytes, Delivery, Reply};

use super::before::HTML;
use super::{Parameters, xml};
use crate::answer::mtom::Shape;
use crate::answer::soap::{Addressing, Said};
use crate::reply::{Outgoing, finish};
use crate::transactions::Answered;

/// What it works on.
pub(crate) struct Leaving<'a> {
    pub(crate) operation: Operation,
    pub(crate) answered: Answered,
    pub(crate) addressing: Addressing,
    /// A document of somebody else, written when asked for.
    pub(crate) foreign: &'a dyn Fn() -> Bytes,
}

/// The answer with the fault, or without it when it has nothing to bite on.
pub(crate) fn after(playing: &Playing, mut leaving: Leaving<'_>) -> Reply {
    let with = Parameters::of(playing);
    let name = playing.id.as_str().trim_start_matches("DMP-F-");
    let mut shape = Shape::default();
    let mut bites = addressing(name, &mut leaving) | documents(name, &mut leaving, &mut shape);
    let worked = matches!(leaving.answered.said, Said::Body { .. });
    bites |= worked && is_twist(name);
    let word = leaving.answered.said.outcome();
    let mut spoiled = false;
    let Leaving {
        operation,
        answered,
        addressing,
        ..
    } = leaving;
    let mut reply = finish(
        Outgoing {
            operation,
            answered: &answered,
            addressing: &addressing,
            shape: &shape,
        },
        |envelope| match xml::spoiled(name, with, &envelope) {
            Some(bytes) => {
                spoiled = true;
                bytes
            }
            None => envelope.into_bytes(),
        },
    );
    if spoiled {
        bites = true;
        if !matches!(name, "SOAP11" | "HUGE") {
            "bad_xml".clone_into(&mut reply.outcome);
        }
    }
    bites |= delivered(name, with, &mut reply);
    if bites {
        reply.fault = Some(playing.id.clone());
    } else {
        reply.outcome = word;
    }
    reply
}

/// Faults that changed the work itself.
fn is_twist(name: &str) -> bool {
    matches!(
        name,
        "NF" | "TERMINATED"
            | "AUTORISATION"
            | "TRAITS"
            | "ACK-ERROR"
            | "EXISTENCE-OTHER-PATIENT"
            | "AMNESIA"
            | "PARTIAL-SUCCESS"
            | "EXTRA-METADATA"
            | "UNRESOLVED"
    )
}

fn addressing(name: &str, leaving: &mut Leaving<'_>) -> bool {
    let addressing = &mut leaving.addressing;
    match name {
        "RELATES-TO" => {
            let other = "urn:uuid:00000000-0000-4000-8000-00000000d1a9";
            addressing.relates_to = Some(other.to_owned());
        }
        "RELATES-TO-MISSING" => addressing.relates_to = None,
        "ACTION-WRONG" => {
            let other = match leaving.operation {
                Operation::Recherche | Operation::Reference => Operation::Alimentation,
                _ => Operation::Recherche,
            };
            addressing.action = other.answer_action().unwrap_or_default();
        }
        "OTHER-BODY" => {
            let other = match leaving.operation {
                Operation::Autorisation => Operation::Alimentation,
                _ => Operation::Autorisation,
            };
            let said = match other {
                Operation::Autorisation => crate::transactions::status(
                    "setAuthorizationResponse",
                    crate::names::HABILITATIONS,
                    "DMPOk",
                    "",
                ),
                _ => crate::transactions::refused_by_registry(other, Vec::new()),
            };
            let said = match said.said {
                Said::Body { xml, .. } => Said::Body {
                    xml,
                    outcome: "other_body".to_owned(),
                },
                fault @ Said::Fault(_) => fault,
            };
            leaving.answered.said = said;
            leaving.answered.attachments.clear();
        }
        _ => return false,
    }
    true
}

/// Faults of the documents of a retrieval, and of their package.
fn documents(name: &str, leaving: &mut Leaving<'_>, shape: &mut Shape) -> bool {
    let answered = &mut leaving.answered;
    let last = answered.attachments.len().wrapping_sub(1);
    let Some(document) = answered.attachments.last_mut() else {
        return false;
    };
    let href = document.href();
    let Said::Body { xml, .. } = &mut answered.said else {
        return false;
    };
    match name {
        "HASH-CHANGED" => {
            // One more comment: the document can still be read, and is no longer what was submitted.
            let mut bytes = document.bytes.to_vec();
            bytes.extend_from_slice(b"<!-- -->");
            document.bytes = Bytes::from(bytes);
        }
        "OTHER-PATIENT" => document.bytes = (leaving.foreign)(),
        "MTOM-CID" => *xml = xml.replace(&href, "cid:absent@urn:ihe:iti:xds-b:2007"),
        "MTOM-CYCLE" => *xml = xml.replace(&href, "cid:root.message@cxf.apache.org"),
        "MTOM-PART-MISSING" => shape.without = Some(last),
        "MTOM-PART-TWICE" => shape.twice = Some(last),
        "MTOM-UNUSUAL" => {
            shape.root_last = true;
            shape.lower_case = true;
            shape.preamble = true;
        }
        "MTOM-INLINE" => {
            let include = format!(
                "<xop:Include xmlns:xop=\"{}\" href=\"{href}\"/>",
                crate::names::XOP
            );
            *xml = xml.replace(&include, &STANDARD.encode(&document.bytes));
            answered.attachments.pop();
        }
        "MTOM-CUT" => shape.cut = true,
        "MTOM-BOUNDARY" => shape.other_boundary = true,
        _ => return false,
    }
    true
}

/// How it goes out; `false` when the name is none of these.
fn delivered(name: &str, with: Parameters<'_>, reply: &mut Reply) -> bool {
    match name {
        "HTTP-CONTENT-TYPE" => {
            reply.headers = vec![(
                "Content-Type".to_owned(),
                with.text("content_type").to_owned(),
            )];
        }
        "CHUNKED" => reply.delivery = Delivery::Chunked,
        "CUT" => {
            reply.delivery = Delivery::Cut(with.number("bytes") as usize);
            "cut".clone_into(&mut reply.outcome);
        }
        "SLOW" => reply.delivery = Delivery::Delay(with.number("millis")),
        "ANSWER-LOST" => {
            reply.delivery = Delivery::Reset;
            "lost".clone_into(&mut reply.outcome);
        }
        "ANSWER-LOST-SILENT" => {
            reply.delivery = Delivery::Silent;
            "lost".clone_into(&mut reply.outcome);
        }
        "ANSWER-LOST-502" => {
            let issued = std::mem::take(&mut reply.issued);
            *reply = Reply::new(502, "text/html; charset=utf-8", HTML).outcome("lost");
            reply.issued = issued;
        }
        _ => return false,
    }
    true
}

//! Facts of a DMP exchange, as one JSON value. The keys are a contract with the rules and the scenarios.
//!
//! Every key is always there, `null` when the request has nothing of it. Codes are given alone, identifiers of people
//! and structures by their id (XCN.1, XON.10), other metadata as written.

use diapason_core::Exchange;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{Message, MessageError};
use crate::http::Request;
use crate::xds::{Association, Author, Coded, DocumentEntry, Field, Lot, Query, is_entry_uuid};

/// Listener of the pages of contextual access.
const WEB: &str = "web";
/// Root of those pages.
const PAGES: &str = "/AccesDirect/";
/// Most entries and associations listed: a hostile lot must not make a journal of its own.
const MOST_LISTED: usize = 500;

/// Facts of a DMP request.
pub fn facts(exchange: &Exchange, request: &Request) -> Value {
    if exchange.listener == WEB {
        return json!({ "operation": exchange.operation, "page": page(request) });
    }
    let content_type = request.headers.get("content-type").map(String::as_str);
    let (message, error) = match Message::read(content_type, &request.body) {
        Ok(message) => (Some(message), None),
        Err(error) => (None, Some(error)),
    };
    let Some(message) = message else {
        return unread(error.as_ref());
    };
    let envelope = message.envelope();
    let addressing = envelope.map(|e| &e.addressing);
    let text = |value: Option<&Option<String>>| value.and_then(Clone::clone);
    let message_id = addressing.and_then(|a| a.message_id.as_deref());
    let (ins, ins_oid) = message.ins().unzip();
    json!({
        "well_formed": true,
        "error": null,
        "soap_version": envelope.map(|e| e.version.as_str()),
        "action": text(addressing.map(|a| &a.action)),
        "message_id": message_id,
        "message_id_uuid": message_id.map(is_entry_uuid),
        "to": text(addressing.map(|a| &a.to)),
        "reply_to": text(addressing.map(|a| &a.reply_to)),
        "security_count": envelope.map(|e| e.security.len()),
        "assertion_count": envelope.map(|e| e.assertions.len()),
        "operation": message.operation().as_str(),
        "mtom": mtom(&message),
        "vihf": vihf(exchange, &message),
        "ins": ins,
        "ins_oid": ins_oid,
        "existence": existence(&message),
        "autorisation": message.autorisation().map(|a| json!({ "action": a.action, "role": a.role })),
        "lot": message.lot().map(lot),
        "recherche": message.query().map(recherche),
        "consultation": consultation(&message),
        "page": null,
    })
}

/// A request that cannot be taken apart: every key, and why.
fn unread(error: Option<&MessageError>) -> Value {
    let keys = [
        "soap_version",
        "action",
        "message_id",
        "message_id_uuid",
        "to",
        "reply_to",
        "security_count",
        "assertion_count",
        "mtom",
        "vihf",
        "ins",
        "ins_oid",
        "existence",
        "autorisation",
        "lot",
        "recherche",
        "consultation",
        "page",
    ];
    let mut map = Map::new();
    map.insert("well_formed".to_owned(), json!(false));
    map.insert("error".to_owned(), json!(error.map(ToString::to_string)));
    map.insert("operation".to_owned(), json!("unknown"));
    for key in keys {
        map.insert(key.to_owned(), Value::Null);
    }
    Value::Object(map)
}

/// The page of a contextual access: its name, and what its path says of the person.
fn page(request: &Request) -> Value {
    let Some(rest) = request.path.strip_prefix(PAGES) else {
        return Value::Null;
    };
    let mut segments = rest.split('/').filter(|s| !s.is_empty());
    let decoded = |s: &str| percent_decode_str(s).decode_utf8_lossy().into_owned();
    json!({
        "page": segments.next().map(decoded),
        "ins": segments.next().map(decoded),
        "rest": segments.map(decoded).collect::<Vec<_>>(),
        "query": (!request.query.is_empty()).then_some(&request.query),
    })
}

fn mtom(message: &Message<'_>) -> Value {
    let inline = message.attached().iter().filter(|a| a.inline).count();
    let Some(package) = &message.package else {
        // Documents without a package are worth saying; nothing else is.
        return if message.attached().is_empty() {
            Value::Null
        } else {
            json!({
                "parts": 0,
                "inline": inline,
                "root_type": null,
                "start": null,
                "problems": message.problems(),
            })
        };
    };
    json!({
        "parts": package.parts.len(),
        "inline": inline,
        "root_type": package.root_part().and_then(crate::mtom::Part::media_type),
        "start": package.start,
        "problems": message.problems(),
    })
}

fn vihf(exchange: &Exchange, message: &Message<'_>) -> Value {
    let tls = exchange.tls.as_ref();
    message.assertion().map_or(Value::Null, |node| {
        crate::vihf::facts(
            &message.tree,
            node,
            tls.and_then(|t| t.client_certificate.as_ref()),
            exchange.received_at,
        )
    })
}

fn existence(message: &Message<'_>) -> Value {
    let Some(e) = message.existence() else {
        return Value::Null;
    };
    let id = |instance: &super::Instance| match &instance.extension {
        Some(extension) => format!("{}^{extension}", instance.root),
        None => instance.root.clone(),
    };
    json!({
        "id": e.id.as_ref().map(id),
        "creation_time": e.creation_time,
        "reason": e.reason,
        "ins": e.patient.as_ref().and_then(|p| p.extension.as_deref()),
        "ins_oid": e.patient.as_ref().map(|p| p.root.as_str()),
        "query_id": e.query_id.as_ref().map(id),
        "receiver": e.receiver.as_ref().map(|i| i.root.as_str()),
        "sender": e.sender.as_ref().map(|i| i.root.as_str()),
        "software": e.software,
        "processing": e.processing,
    })
}

fn raw<T>(field: Option<&Field<T>>) -> Option<&str> {
    field.map(|f| f.raw.as_str())
}

fn code(coded: Option<&Coded>) -> Option<&str> {
    coded.map(|c| c.code.as_str())
}

fn persons(authors: &[Author]) -> Vec<&str> {
    authors
        .iter()
        .flat_map(|a| &a.persons)
        .map(|p| p.value.as_ref().map_or(p.raw.as_str(), |v| v.id.as_str()))
        .collect()
}

fn institutions(authors: &[Author]) -> Vec<&str> {
    authors
        .iter()
        .flat_map(|a| &a.institutions)
        .map(|i| i.value.as_ref().map_or(i.raw.as_str(), |v| v.id.as_str()))
        .collect()
}

fn lot(lot: &Lot) -> Value {
    let set = lot.submission_set.as_ref();
    json!({
        "unique_id": set.and_then(|s| s.unique_id.as_ref()).map(|v| v.value.as_str()),
        "source_id": set.and_then(|s| s.source_id.as_ref()).map(|v| v.value.as_str()),
        "patient_id": set.and_then(|s| raw(s.patient_id.as_ref())),
        "submission_time": set.and_then(|s| raw(s.submission_time.as_ref())),
        "content_type": set.and_then(|s| code(s.content_type.as_ref())),
        "title": set.and_then(|s| s.title.as_ref()).map(|v| v.value.as_str()),
        "institutions": set.map(|s| institutions(&s.authors)).unwrap_or_default(),
        "authors": set.map(|s| persons(&s.authors)).unwrap_or_default(),
        "entry_count": lot.entries.len(),
        "entries": lot.entries.iter().take(MOST_LISTED).map(entry).collect::<Vec<_>>(),
        "associations": lot.associations.iter().take(MOST_LISTED).map(association).collect::<Vec<_>>(),
        "problems": lot.problems.iter().map(|p| p.text.as_str()).collect::<Vec<_>>(),
    })
}

fn entry(entry: &DocumentEntry) -> Value {
    let legal = entry.legal_authenticators.first();
    json!({
        "id": entry.id,
        "signature": entry.signature,
        "unique_id": entry.unique_id.as_ref().map(|v| v.value.as_str()),
        "type": code(entry.type_code.as_ref()),
        "class": code(entry.class.as_ref()),
        "format": code(entry.format.as_ref()),
        "mime": entry.mime_type,
        "language": entry.language.as_ref().map(|v| v.value.as_str()),
        "title": entry.title.as_ref().map(|v| v.value.as_str()),
        "confidentiality": entry.confidentiality.iter().map(|c| c.code.as_str()).collect::<Vec<_>>(),
        "events": entry.events.iter().map(|c| c.code.as_str()).collect::<Vec<_>>(),
        "creation_time": raw(entry.creation_time.as_ref()),
        "service_start": raw(entry.service_start.as_ref()),
        "service_stop": raw(entry.service_stop.as_ref()),
        "hash": entry.hash.as_ref().map(|v| v.value.as_str()),
        "size": entry.size.as_ref().map(|s| s.value.map_or_else(|| json!(s.raw), |n| json!(n))),
        "patient_id": raw(entry.patient_id.as_ref()),
        "source_patient_id": raw(entry.source_patient_id.as_ref()),
        "source_patient_info": entry.source_patient_info.iter().map(|v| v.value.as_str()).collect::<Vec<_>>(),
        "author": persons(&entry.authors).first(),
        "author_institution": institutions(&entry.authors).first(),
        "legal_authenticator": legal.map(|l| l.value.as_ref().map_or(l.raw.as_str(), |v| v.id.as_str())),
        "facility": code(entry.facility.as_ref()),
        "practice": code(entry.practice.as_ref()),
        "lid": entry.lid,
        "version": entry.version.as_ref().map(|v| v.value.as_str()),
        "status": entry.status,
        "repository": entry.repository.as_ref().map(|v| v.value.as_str()),
    })
}

/// Slots of an association hold one value each: that value.
fn association(association: &Association) -> Value {
    let slots: Map<String, Value> = association
        .slots
        .iter()
        .map(|s| {
            (
                s.name.clone(),
                json!(s.values.first().map(|v| v.value.as_str())),
            )
        })
        .collect();
    json!({
        "type": association.kind,
        "source": association.source,
        "target": association.target,
        "slots": slots,
    })
}

/// Every value of each slot, quotes undone.
fn recherche(query: &Query) -> Value {
    let mut slots: Map<String, Value> = Map::new();
    for parameter in &query.parameters {
        let values = parameter.values.iter().map(|v| json!(v.text));
        let slot = slots
            .entry(parameter.name.clone())
            .or_insert_with(|| json!([]));
        if let Value::Array(all) = slot {
            all.extend(values);
        }
    }
    let problems = query
        .problems
        .iter()
        .chain(query.parameters.iter().flat_map(|p| &p.problems));
    json!({
        "query": query.name.unwrap_or(query.id.as_str()),
        "return_type": query.return_type,
        "slots": slots,
        "problems": problems.collect::<Vec<_>>(),
    })
}

fn consultation(message: &Message<'_>) -> Value {
    let Some(retrieve) = message.retrieve() else {
        return Value::Null;
    };
    let documents: Vec<Value> = retrieve
        .documents
        .iter()
        .take(MOST_LISTED)
        .map(|d| {
            json!({
                "unique_id": d.unique_id.as_ref().map(|v| v.value.as_str()),
                "repository": d.repository.as_ref().map(|v| v.value.as_str()),
            })
        })
        .collect();
    json!({ "documents": documents })
}

//! The schema documents of a folder, held in memory: names repaired, nothing outside reached.
//!
//! A location is looked up in the folder only. What cannot be found is reported by the caller as
//! missing; no file and no address is ever opened.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};

use super::XsdError;
use crate::files::Files;

/// Namespace of XML Schema.
const XSD: &str = "http://www.w3.org/2001/XMLSchema";

/// Most bytes of schema documents read from a folder.
const MOST_BYTES: usize = 64 << 20;

/// Most schema documents read from a folder.
const MOST_DOCUMENTS: usize = 4_096;

/// What a schema document declares at its top level.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    /// `targetNamespace`.
    pub namespace: Option<String>,
    /// Global elements.
    pub elements: BTreeSet<String>,
    /// Global complex types.
    pub types: BTreeSet<String>,
    /// Locations of `include` and `redefine`.
    pub includes: Vec<String>,
}

/// One schema document.
pub(super) struct Document {
    /// Path in the folder, with `#1`... for the schemas inside a WSDL.
    pub path: String,
    /// Its text, decoded.
    pub text: String,
    /// What it declares.
    pub head: Head,
}

/// The schema documents of a folder.
pub(super) struct Source {
    documents: Vec<Document>,
    /// Path in lower case to documents: the exact spelling is tried first.
    lower: BTreeMap<String, Vec<usize>>,
    /// Files left out, with the reason.
    pub left_out: Vec<(String, String)>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({} documents)", self.documents.len())
    }
}

impl Source {
    /// Reads every `.xsd` and `.wsdl` whose path `wanted` accepts.
    pub(super) fn read(files: &dyn Files, wanted: impl Fn(&str) -> bool) -> Result<Self, XsdError> {
        let mut source = Self {
            documents: Vec::new(),
            lower: BTreeMap::new(),
            left_out: Vec::new(),
        };
        let mut total = 0_usize;
        for path in files.paths() {
            let extension = path.rsplit_once('.').map_or("", |(_, e)| e);
            let wsdl = extension.eq_ignore_ascii_case("wsdl");
            if !(wsdl || extension.eq_ignore_ascii_case("xsd")) || !wanted(path) {
                continue;
            }
            let Some(bytes) = files.read(path) else {
                continue;
            };
            total = total.saturating_add(bytes.len());
            if total > MOST_BYTES || source.documents.len() >= MOST_DOCUMENTS {
                return Err(XsdError::TooLarge);
            }
            let text = match decode(&bytes) {
                Ok(text) => text,
                Err(problem) => {
                    source.left_out.push((path.clone(), problem));
                    continue;
                }
            };
            let found = if wsdl {
                embedded(&text)
            } else {
                head(&text).map(|head| vec![(text, head)])
            };
            match found {
                Ok(found) => {
                    for (nth, (text, head)) in found.into_iter().enumerate() {
                        let path = if wsdl {
                            format!("{path}#{}", nth + 1)
                        } else {
                            path.clone()
                        };
                        source.push(Document { path, text, head });
                    }
                }
                Err(problem) => source.left_out.push((path.clone(), problem)),
            }
        }
        Ok(source)
    }

    fn push(&mut self, document: Document) {
        let index = self.documents.len();
        self.lower
            .entry(document.path.to_lowercase())
            .or_default()
            .push(index);
        self.documents.push(document);
    }

    /// Every document, in the order of their paths.
    pub(super) fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// One document.
    pub(super) fn get(&self, index: usize) -> Option<&Document> {
        self.documents.get(index)
    }

    /// The document of a path, whatever the case of its letters.
    pub(super) fn find(&self, path: &str) -> Option<usize> {
        let same = self.lower.get(&path.to_lowercase())?;
        same.iter()
            .copied()
            .find(|i| self.documents[*i].path == path)
            .or_else(|| same.first().copied())
    }

    /// What a location written in document `base` names: a path in the folder; for an import, failing that, the
    /// file of that name or the only document of that namespace.
    pub(super) fn locate(
        &self,
        base: Option<usize>,
        location: &str,
        namespace: Option<&str>,
    ) -> Option<usize> {
        let location = location.split('#').next().unwrap_or_default();
        let remote = location.contains("://") || location.starts_with("urn:");
        if !remote && !location.is_empty() {
            let folder = base
                .and_then(|b| self.get(b))
                .and_then(|d| d.path.rsplit_once('/'))
                .map_or("", |(folder, _)| folder);
            if let Some(found) = join(folder, location).and_then(|path| self.find(&path)) {
                return Some(found);
            }
        }
        let namespace = namespace?;
        let same_namespace = || {
            (0..self.documents.len())
                .filter(|i| self.documents[*i].head.namespace.as_deref() == Some(namespace))
        };
        let name = location
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_lowercase();
        let by_name = same_namespace().find(|i| {
            let path = self.documents[*i].path.to_lowercase();
            !name.is_empty() && path.rsplit('/').next() == Some(&name)
        });
        by_name.or_else(|| {
            let mut all = same_namespace();
            let first = all.next()?;
            all.next().is_none().then_some(first)
        })
    }

    /// The document to start from for a root element: one whose includes, followed, declare it. Among several,
    /// one that no other includes; then the last by path (the newest version when folders are named by version).
    pub(super) fn entry(&self, namespace: &str, element: &str) -> Option<Entry> {
        let wanted = (!namespace.is_empty()).then_some(namespace);
        let candidates: Vec<(usize, BTreeSet<usize>)> = (0..self.documents.len())
            .filter(|i| self.documents[*i].head.namespace.as_deref() == wanted)
            .map(|i| (i, self.closure(i)))
            .filter(|(_, closure)| {
                closure
                    .iter()
                    .any(|i| self.documents[*i].head.elements.contains(element))
            })
            .collect();
        let tops: Vec<usize> = candidates
            .iter()
            .filter(|(i, mine)| {
                !candidates.iter().any(|(other, closure)| {
                    other != i && closure.contains(i) && !mine.contains(other)
                })
            })
            .map(|(i, _)| *i)
            .collect();
        let (document, others) = tops.split_last()?;
        Some(Entry {
            document: *document,
            others: others
                .iter()
                .map(|i| self.documents[*i].path.clone())
                .collect(),
        })
    }

    fn closure(&self, start: usize) -> BTreeSet<usize> {
        let mut seen = BTreeSet::from([start]);
        let mut todo = vec![start];
        while let Some(at) = todo.pop() {
            for location in &self.documents[at].head.includes {
                if let Some(found) = self.locate(Some(at), location, None)
                    && seen.insert(found)
                {
                    todo.push(found);
                }
            }
        }
        seen
    }
}

/// Where validation starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The document.
    pub document: usize,
    /// Other documents that declare the same root, which were not chosen.
    pub others: Vec<String>,
}

/// Joins a relative location to a folder; `None` when it leaves the root.
fn join(folder: &str, location: &str) -> Option<String> {
    let location = percent_decoded(&location.replace('\\', "/"));
    let mut parts: Vec<&str> = if location.starts_with('/') {
        return None;
    } else {
        folder.split('/').filter(|p| !p.is_empty()).collect()
    };
    for part in location.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// `%20` and the like: locations are URI references.
fn percent_decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|h| std::str::from_utf8(h).ok())
            .and_then(|h| u8::from_str_radix(h, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Text of a schema document: UTF-8, UTF-16, or ISO-8859-1 when it says so.
fn decode(bytes: &[u8]) -> Result<String, String> {
    let utf16 = |bytes: &[u8], little: bool| {
        let units = bytes.chunks_exact(2).map(|pair| {
            let pair = [pair[0], pair[1]];
            if little {
                u16::from_le_bytes(pair)
            } else {
                u16::from_be_bytes(pair)
            }
        });
        char::decode_utf16(units)
            .collect::<Result<String, _>>()
            .map_err(|_| "not UTF-16".to_owned())
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => return utf16(rest, true),
        [0xFE, 0xFF, rest @ ..] => return utf16(rest, false),
        _ => {}
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(text.to_owned());
    }
    let first = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).to_lowercase();
    if ["iso-8859-1", "windows-1252", "latin1"]
        .iter()
        .any(|name| first.contains(name))
    {
        return Ok(bytes.iter().map(|b| char::from(*b)).collect());
    }
    Err("neither UTF-8, UTF-16 nor declared ISO-8859-1".to_owned())
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.try_get_attribute(name).ok().flatten()?;
    found
        .normalized_value(quick_xml::XmlVersion::Implicit1_0)
        .ok()
        .map(std::borrow::Cow::into_owned)
}

fn is_xsd(found: &ResolveResult<'_>) -> bool {
    matches!(found, ResolveResult::Bound(Namespace(XSD)))
}

/// Reads what a schema document declares at its top level.
fn head(text: &str) -> Result<Head, String> {
    let mut reader = NsReader::from_str(text);
    let mut head = Head::default();
    let mut depth = 0_usize;
    let mut seen = false;
    loop {
        let (namespace, event) = reader.read_resolved_event().map_err(|e| e.to_string())?;
        let (tag, opens) = match &event {
            Event::Start(tag) => (tag, true),
            Event::Empty(tag) => (tag, false),
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                continue;
            }
            Event::Eof if seen => return Ok(head),
            Event::Eof => return Err("no element".to_owned()),
            _ => continue,
        };
        let xsd = is_xsd(&namespace);
        let local = tag.local_name();
        if depth == 0 {
            if !xsd || local.as_ref() != "schema" {
                return Err("not an XML Schema document".to_owned());
            }
            seen = true;
            head.namespace = attribute(tag, "targetNamespace").filter(|n| !n.is_empty());
        } else if xsd && depth == 1 {
            let name = attribute(tag, "name");
            match (local.as_ref(), name) {
                ("element", Some(name)) => {
                    head.elements.insert(name);
                }
                ("complexType", Some(name)) => {
                    head.types.insert(name);
                }
                ("include" | "redefine", _) => {
                    head.includes.extend(attribute(tag, "schemaLocation"));
                }
                _ => {}
            }
        }
        if opens {
            depth += 1;
        }
    }
}

/// The schemas written inside a WSDL, each made a document of its own: the namespaces declared around it come along.
fn embedded(text: &str) -> Result<Vec<(String, Head)>, String> {
    let mut reader = NsReader::from_str(text);
    let mut outer: Vec<Vec<(String, String)>> = Vec::new();
    let mut open: Option<(usize, usize, String)> = None; // depth, start, start tag with the outer namespaces
    let mut found = Vec::new();
    loop {
        let before = position(&reader);
        let (namespace, event) = reader.read_resolved_event().map_err(|e| e.to_string())?;
        let xsd = is_xsd(&namespace);
        match &event {
            Event::Eof => return Ok(found),
            Event::Start(tag) => {
                if open.is_none() && xsd && tag.local_name().as_ref() == "schema" {
                    open = Some((outer.len(), position(&reader), opening(tag, &outer)));
                }
                outer.push(declared(tag));
            }
            Event::End(_) => {
                outer.pop();
                if let Some((_, start, head_tag)) =
                    open.take_if(|(depth, ..)| *depth == outer.len())
                {
                    let end = position(&reader);
                    let body = text.get(start..before).unwrap_or_default();
                    let close = text.get(before..end).unwrap_or_default();
                    let schema = format!("{head_tag}{body}{close}");
                    let head = head(&schema)?;
                    found.push((schema, head));
                }
            }
            _ => {}
        }
    }
}

fn position(reader: &NsReader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

fn declared(tag: &BytesStart<'_>) -> Vec<(String, String)> {
    tag.attributes()
        .with_checks(false)
        .flatten()
        .filter(|a| a.key.as_namespace_binding().is_some())
        .map(|a| {
            let name: &str = a.key.as_ref();
            (name.to_owned(), a.value.as_ref().to_owned())
        })
        .collect()
}

/// The start tag, with the declarations of the elements around it that it does not make itself.
fn opening(tag: &BytesStart<'_>, outer: &[Vec<(String, String)>]) -> String {
    let mut all: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, value) in outer.iter().flatten() {
        all.insert(name, value);
    }
    let own = declared(tag);
    let mut text = format!("<{}", AsRef::<str>::as_ref(&tag.name()));
    text.push_str(tag.attributes_raw());
    for (name, value) in all {
        if !own.iter().any(|(n, _)| n == name) {
            // A value as written in the source: already escaped, and held by one kind of quote.
            let quote = if value.contains('"') { "'" } else { "\"" };
            text.extend([" ", name, "=", quote, value, quote]);
        }
    }
    text.push('>');
    text
}

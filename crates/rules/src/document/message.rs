//! Requests of the DMP and the documents they are made of: each part is judged by the rules of its kind.

use diapason_core::{DocumentKind, Place};
use diapason_formats::dmp::{Message, MessageError, is_dmp};
use diapason_formats::http::Request as HttpRequest;
use diapason_formats::xml::Tree;

use super::{DocumentJudge, DocumentReport};
use crate::dmp;

impl DocumentJudge {
    /// An XML document of the DMP that came without its message.
    pub(super) fn lone(&self, kind: DocumentKind, bytes: &[u8], report: &mut DocumentReport) {
        match Tree::read(bytes, &self.limits) {
            Ok(tree) => self.rules_of(kind, bytes, &tree, None, report),
            Err(error) => self.unread(&MessageError::Envelope(error), report),
        }
    }

    /// A request of the DMP and everything it carries; another service's request is left alone.
    pub(super) fn request(&self, bytes: &[u8], report: &mut DocumentReport) {
        let http = HttpRequest::parse(bytes);
        let whole = http.malformed.is_none();
        let (content_type, body) = if whole {
            let body = &bytes[bytes.len().saturating_sub(http.body.len())..];
            (http.headers.get("content-type").map(String::as_str), body)
        } else {
            (None, bytes)
        };
        let message = match Message::read(content_type, body) {
            Ok(message) => message,
            Err(error) => {
                self.unread(&error, report);
                return;
            }
        };
        if !is_dmp(&message.tree) {
            return;
        }
        let tree = &message.tree;
        for kind in [DocumentKind::SoapRequest, DocumentKind::SamlAssertion] {
            self.rules_of(kind, bytes, tree, Some(&message), report);
        }
        if message.has_lot() {
            self.rules_of(
                DocumentKind::XdsMetadata,
                bytes,
                tree,
                Some(&message),
                report,
            );
        }
        for (id, content) in message.documents() {
            let mut part = DocumentReport::default();
            self.cda(content, &mut part);
            absorb(report, part, &id);
        }
        if let Some((id, content)) = message.signature() {
            let mut part = DocumentReport::default();
            match Tree::read(content, &self.limits) {
                Ok(tree) => {
                    let kind = DocumentKind::LotSignature;
                    self.rules_of(kind, content, &tree, Some(&message), &mut part);
                }
                Err(error) => self.unread(&MessageError::Envelope(error), &mut part),
            }
            absorb(report, part, &id);
        }
    }

    fn unread(&self, error: &MessageError, report: &mut DocumentReport) {
        let (rule, expected, observed) = dmp::reading(error);
        let place = match error {
            MessageError::Envelope(error) => Place {
                line: (error.line > 0).then_some(error.line),
                column: (error.column > 0).then_some(error.column),
                ..Place::default()
            },
            MessageError::Package(_) => Place::default(),
        };
        Self::count(report, rule, 1);
        self.own(report, rule, place, expected, observed);
    }
}

/// Adds what was said of a part of a message; places name the part, and keep the lines of the part.
fn absorb(report: &mut DocumentReport, part: DocumentReport, id: &str) {
    if report.model.is_none() {
        report.model = part.model;
    }
    for (rule, times) in part.checks {
        *report.checks.entry(rule).or_default() += times;
    }
    report
        .findings
        .extend(part.findings.into_iter().map(|mut finding| {
            let path = finding.place.path.take().unwrap_or_default();
            finding.place.path = Some(format!("{id}: {path}"));
            finding
        }));
    report.indeterminate.extend(part.indeterminate);
}

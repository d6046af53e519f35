//! Requests to the DMP: the documents they are made of (envelope, VIHF, lot, CDA, signature) are judged as
//! `diapason check` would judge them, and what is found belongs to the exchange.
//!
//! What is found depends on the bytes of the request alone, so a campaign has it worked out as requests arrive, by
//! [`Ahead`], while the scenario goes on; a request that nobody looked at ahead is judged when its turn comes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use diapason_core::{DocumentKind, EvidenceLevel, Exchange, Place, Service, Sha256Hex};

use super::{Judge, Outcome};
use crate::document::{DocumentJudge, DocumentReport, OWN_PACK};
use crate::record::SeenExchange;

/// Listener of the SOAP services; what comes by the others is no message.
const SOAP: &str = "tlsm";

/// Reports made ahead, by the blob of the request.
pub(super) type Reports = Arc<Mutex<HashMap<Sha256Hex, DocumentReport>>>;

/// Judges messages before the judge of scenarios asks. Share it with whatever thread has time.
#[derive(Clone)]
pub struct Ahead {
    documents: Arc<DocumentJudge>,
    reports: Reports,
}

impl Ahead {
    pub(super) fn new(documents: Arc<DocumentJudge>, reports: Reports) -> Self {
        Self { documents, reports }
    }

    /// Is the exchange one whose request is judged as documents?
    pub fn concerns(exchange: &Exchange) -> bool {
        exchange.service == Service::Dmp && exchange.listener == SOAP
    }

    /// Judges the request of an exchange, and keeps what was found until the scenario is judged.
    pub fn look(&self, exchange: &Exchange, request: &[u8]) {
        let report = self.documents.judge(DocumentKind::SoapRequest, request);
        self.reports
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(exchange.request.clone(), report);
    }
}

pub(super) fn judge(judge: &Judge, seen: &SeenExchange, out: &mut Outcome) {
    if !Ahead::concerns(&seen.exchange) {
        return;
    }
    let Some(documents) = &judge.documents else {
        return;
    };
    let ready = judge
        .ahead
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(&seen.exchange.request);
    let report = ready.unwrap_or_else(|| documents.judge(DocumentKind::SoapRequest, &seen.request));
    for ((pack, id), times) in &report.checks {
        if pack == OWN_PACK
            && let Some(rule) = id.parse().ok().and_then(|id| judge.rule(&id))
        {
            out.ran_times(rule, EvidenceLevel::Observed, *times);
        }
    }
    for finding in report.findings.iter().filter(|f| f.pack == OWN_PACK) {
        let Some(rule) = finding.rule.parse().ok().and_then(|id| judge.rule(&id)) else {
            continue;
        };
        let place = Place {
            exchange: Some(seen.exchange.id),
            step: seen.step,
            ..finding.place.clone()
        };
        out.found(
            rule,
            EvidenceLevel::Observed,
            place,
            finding.expected.clone(),
            &finding.observed,
        );
    }
    for open in report.indeterminate.iter().filter(|i| i.pack == OWN_PACK) {
        out.bench_errors.push(format!(
            "exchange {}, rule {}: {}",
            seen.exchange.id, open.rule, open.reason
        ));
    }
}

//! From a request read to an answer ready to be sent: guard, record, ask the service, record.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;

use diapason_core::exchange::{ConnectionFailure, FailureStage, TlsFacts};
use diapason_core::journal::JournalError;
use diapason_core::{Event, Exchange, ExchangeAnswer, FaultId, Sha256Hex};

use super::Context;
use super::answer::Outgoing;
use super::request::{Problem, Received};
use crate::http::{Bytes, Classified, Delivery, Incoming, Reply};

/// A connection, for the record.
pub(crate) struct Trace<'a> {
    pub(crate) context: &'a Context,
    pub(crate) connection: u64,
    pub(crate) peer: String,
    pub(crate) tls: Option<TlsFacts>,
    /// Fault played by the TLS layer.
    pub(crate) fault: Option<FaultId>,
}

impl Trace<'_> {
    /// Notes a connection that brought no exchange.
    pub(crate) fn connection_failed(&self, reason: String, stage: FailureStage) {
        let config = &self.context.config;
        let event = Event::ConnectionFailed(ConnectionFailure {
            connection: self.connection,
            service: config.service,
            listener: config.name.to_owned(),
            peer: self.peer.clone(),
            tls: self.tls.clone(),
            reason,
            stage,
            fault: self.fault.clone(),
            at: self.context.shared.clock.now(),
        });
        let recorded = self.context.shared.recorder.record(event);
        self.note(recorded);
    }

    /// Notes something that went wrong in the bench itself.
    pub(crate) fn bench_error(&self, message: String) {
        let event = Event::BenchError {
            scenario: None,
            message,
        };
        let recorded = self.context.shared.recorder.record(event);
        self.note(recorded);
    }

    /// Keeps the first failure to record; `None` then.
    fn note<T>(&self, result: Result<T, JournalError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(e) => {
                self.context
                    .failure
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_or_insert_with(|| e.to_string());
                None
            }
        }
    }

    /// Asks the service; a panic becomes a bench error and no value.
    pub(crate) fn asking<T>(&self, what: &str, ask: impl FnOnce() -> T) -> Option<T> {
        catch_unwind(AssertUnwindSafe(ask))
            .map_err(|panic| {
                let why = panic
                    .downcast_ref::<&str>()
                    .map(|s| (*s).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned())
                    .unwrap_or_default();
                let name = self.context.config.name;
                self.bench_error(format!("listener {name}: {what} panicked: {why}"));
            })
            .ok()
    }

    /// Records the request, obtains the answer, records it. `None` when recording failed: an
    /// exchange that is not in the journal is not answered.
    pub(crate) fn exchange(&self, received: Received) -> Option<Outgoing> {
        let shared = &self.context.shared;
        let service = &self.context.service;
        let Received {
            raw,
            head_len,
            head,
            problem,
        } = received;
        let raw = Bytes::from(raw);
        let received_at = shared.clock.now();
        let mut request = Incoming {
            exchange: shared.recorder.next_exchange(),
            listener: self.context.config.name,
            connection: self.connection,
            method: String::new(),
            path: String::new(),
            query: String::new(),
            headers: Vec::new(),
            body: raw.slice(head_len.min(raw.len())..),
            tls: self.tls.clone(),
        };
        if let Some(head) = &head {
            request.method.clone_from(&head.method);
            request.path.clone_from(&head.path);
            request.query.clone_from(&head.query);
            request.headers.clone_from(&head.headers);
        }

        // A guard that panics lets nothing through.
        let guarded = self.asking("the production data guard", || {
            if head.is_some() {
                service.guard(&request)
            } else {
                let bytes = Incoming {
                    body: raw.clone(),
                    ..request.clone()
                };
                service.guard(&bytes)
            }
        });
        let refused =
            guarded.unwrap_or_else(|| Some("the guard against production data failed".to_owned()));

        let classified = if head.is_some() {
            self.asking("classify", || service.classify(&request))
        } else {
            None
        };
        let mut classified = classified.unwrap_or_else(|| Classified {
            operation: "unknown".to_owned(),
            ..Classified::default()
        });
        if refused.is_some() {
            classified.presented.clear();
        }

        let raw = if refused.is_some() { Bytes::new() } else { raw };
        let blob = self.note(shared.recorder.blob(&raw))?;
        self.note(shared.recorder.record(Event::ExchangeReceived(Exchange {
            id: request.exchange,
            service: self.context.config.service,
            listener: self.context.config.name.to_owned(),
            operation: classified.operation.clone(),
            connection: self.connection,
            peer: self.peer.clone(),
            tls: self.tls.clone(),
            request: blob,
            request_len: raw.len() as u64,
            received_at,
            persona: classified.persona.clone(),
            presented: classified.presented.clone(),
            malformed: problem.as_ref().map(|p| p.reason.clone()),
        })))?;
        drop(raw);
        if let Some(what) = &refused {
            self.note(shared.recorder.record(Event::RealDataRefused {
                exchange: Some(request.exchange),
                what: what.clone(),
                at: received_at,
            }))?;
        }

        let mut reply = match (&refused, &problem) {
            (Some(what), _) => plain(403, format!("DONNEES-REELLES: {what}"), "donnees_reelles"),
            (None, Some(Problem { status: None, .. })) => {
                let out = Outgoing::peer_gone();
                self.answered(&request, &Reply::default().outcome("malformed"), &out)?;
                return Some(out);
            }
            (
                None,
                Some(Problem {
                    status: Some(status),
                    reason,
                    ..
                }),
            ) => plain(*status, reason.clone(), "malformed"),
            (None, None) => self.ask(&request, &classified),
        };
        let mut out = Outgoing::new(&mut reply, head.as_ref(), shared.clock.now());
        if problem.is_some() {
            out.close = true;
        }
        self.answered(&request, &reply, &out)?;
        Some(out)
    }

    fn ask(&self, request: &Incoming, classified: &Classified) -> Reply {
        let service = &self.context.service;
        let reply = self.asking("answer", || service.answer(request, classified));
        match reply {
            // What sends no status line of its own needs none.
            Some(reply)
                if (200..1000).contains(&reply.status)
                    || matches!(
                        reply.delivery,
                        Delivery::Silent | Delivery::Quiet(_) | Delivery::Reset | Delivery::Raw(_)
                    ) =>
            {
                reply
            }
            Some(reply) => {
                let name = self.context.config.name;
                let status = reply.status;
                self.bench_error(format!("listener {name}: answer has status {status}"));
                plain(
                    500,
                    "the bench failed at this answer".to_owned(),
                    "erreur_banc",
                )
            }
            None => plain(
                500,
                "the bench failed at this answer".to_owned(),
                "erreur_banc",
            ),
        }
    }

    fn answered(&self, request: &Incoming, reply: &Reply, out: &Outgoing) -> Option<()> {
        let recorder = &self.context.shared.recorder;
        let bytes = out.recorded();
        let response: Option<Sha256Hex> = match &bytes {
            Some(bytes) => Some(self.note(recorder.blob_parts(bytes))?),
            None => None,
        };
        self.note(recorder.record(Event::ExchangeAnswered(ExchangeAnswer {
            id: request.exchange,
            status: out.status,
            response,
            response_len: bytes.map_or(0, |parts| parts.iter().map(|p| p.len() as u64).sum()),
            fault: reply.fault.clone().or_else(|| self.fault.clone()),
            delivery: out.delivery.map(ToOwned::to_owned),
            issued: reply.issued.clone(),
            outcome: reply.outcome.clone(),
            answered_at: self.context.shared.clock.now(),
        })))
        .map(|_| ())
    }
}

fn plain(status: u16, text: String, outcome: &str) -> Reply {
    Reply::new(status, "text/plain; charset=utf-8", text).outcome(outcome)
}

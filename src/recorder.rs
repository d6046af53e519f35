//! The run's recorder: the journal, what the scenario being played has seen so far, and whoever watches.

use std::collections::{BTreeMap, HashSet};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use diapason_core::journal::{BLOBS_DIR, Journal, JournalError};
use diapason_core::scenario::Scenario;
use diapason_core::{Event, Exchange, ExchangeId, Recorder, Service, Sha256Hex};
use diapason_rules::record::{Blobs, Lateness};

/// Sees each event as it is written (progress bars, annotations).
pub type Watcher = Box<dyn Fn(&Event) + Send + Sync>;

/// Journal plus memory of the scenario in play.
pub struct RunRecorder {
    journal: Journal,
    current: Mutex<Current>,
    watchers: Vec<Watcher>,
    /// Where exchanges are told as they arrive.
    arrivals: Mutex<Option<Sender<Exchange>>>,
}

#[derive(Default)]
struct Current {
    events: Vec<Event>,
    lateness: Lateness,
    step: u32,
    /// Exchanges by step, service and operation.
    counts: BTreeMap<(u32, Service, String), u32>,
    /// Exchanges received and not yet answered, late ones too.
    unanswered: HashSet<ExchangeId>,
}

impl Current {
    fn take(&mut self, event: Event) {
        match &event {
            Event::ExchangeReceived(exchange) => {
                self.unanswered.insert(exchange.id);
            }
            Event::ExchangeAnswered(answer) => {
                self.unanswered.remove(&answer.id);
            }
            Event::StepStarted { step, .. } => self.step = *step,
            _ => {}
        }
        if self.lateness.take(&event) {
            return;
        }
        if let Event::ExchangeReceived(exchange) = &event {
            let key = (self.step, exchange.service, exchange.operation.clone());
            *self.counts.entry(key).or_default() += 1;
        }
        self.events.push(event);
    }
}

impl RunRecorder {
    /// Over a journal.
    pub fn new(journal: Journal, watchers: Vec<Watcher>) -> Arc<Self> {
        Arc::new(Self {
            journal,
            current: Mutex::default(),
            watchers,
            arrivals: Mutex::default(),
        })
    }

    /// Tells of each exchange as it arrives, once its request is on disk; `None` stops it.
    pub fn tell_arrivals(&self, to: Option<Sender<Exchange>>) {
        *self.arrivals.lock().unwrap_or_else(PoisonError::into_inner) = to;
    }

    /// The journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Forgets the scenario before and records the first event of the next one.
    pub fn start_scenario(&self, scenario: &Scenario, event: &Event) -> Result<u64, JournalError> {
        self.append(event, |current| {
            current.events.clear();
            current.counts.clear();
            // An answer that never came is not waited for twice.
            current.unanswered.clear();
            current.step = 0;
            current.lateness.next_scenario(scenario);
        })
    }

    /// Journal order and memory order are one: the lock is held across both.
    fn append(
        &self,
        event: &Event,
        before: impl FnOnce(&mut Current),
    ) -> Result<u64, JournalError> {
        let seq = {
            let mut current = self.lock();
            let seq = self.journal.record(event.clone())?;
            before(&mut current);
            current.take(event.clone());
            seq
        };
        for watch in &self.watchers {
            watch(event);
        }
        if let Event::ExchangeReceived(exchange) = event
            && let Some(to) = &*self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
        {
            // Nobody listens any more: the judge will look by itself.
            let _ = to.send(exchange.clone());
        }
        Ok(seq)
    }

    /// How many exchanges of the scenario in play came in a step, or in every step up to now.
    pub fn count(&self, step: Option<u32>, service: Service, operation: Option<&str>) -> u32 {
        self.lock()
            .counts
            .iter()
            .filter(|((s, v, o), _)| {
                step.is_none_or(|n| n == *s)
                    && *v == service
                    && operation.is_none_or(|wanted| wanted == o)
            })
            .map(|(_, count)| count)
            .sum()
    }

    /// Is an exchange received still without its answer?
    pub fn waits_for_an_answer(&self) -> bool {
        !self.lock().unanswered.is_empty()
    }

    /// Events of the scenario in play, late exchanges left out.
    pub fn events(&self) -> Vec<Event> {
        self.lock().events.clone()
    }

    /// Looks at the events of the scenario in play.
    pub fn with_events<T>(&self, look: impl FnOnce(&[Event]) -> T) -> T {
        look(&self.lock().events)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder for RunRecorder {
    fn record(&self, event: Event) -> Result<u64, JournalError> {
        self.append(&event, |_| {})
    }

    fn blob(&self, bytes: &[u8]) -> Result<Sha256Hex, JournalError> {
        self.journal.blob(bytes)
    }

    fn blob_parts(&self, parts: &[&[u8]]) -> Result<Sha256Hex, JournalError> {
        self.journal.blob_parts(parts)
    }

    fn next_exchange(&self) -> ExchangeId {
        self.journal.next_exchange()
    }

    fn next_connection(&self) -> u64 {
        self.journal.next_connection()
    }
}

impl Blobs for RunRecorder {
    fn get(&self, hash: &Sha256Hex) -> Result<Vec<u8>, JournalError> {
        let path = self.journal.dir().join(BLOBS_DIR).join(hash.as_str());
        let damaged = |problem: String| JournalError::Damaged {
            path: path.clone(),
            line: 1,
            problem,
        };
        let bytes = std::fs::read(&path).map_err(|e| damaged(format!("the blob is lost: {e}")))?;
        if Sha256Hex::of(&bytes) == *hash {
            Ok(bytes)
        } else {
            Err(damaged("the blob was altered".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use diapason_core::{Exchange, Timestamp};
    use serde_json::json;

    use super::*;

    fn exchange(id: u64, connection: u64) -> Event {
        Event::ExchangeReceived(Exchange {
            id: ExchangeId(id),
            service: Service::Insi,
            listener: "tlsm".to_owned(),
            operation: "rechercherInsAvecTraitsIdentite".to_owned(),
            connection,
            peer: "127.0.0.1:1".to_owned(),
            tls: None,
            request: Sha256Hex::zero(),
            request_len: 0,
            received_at: Timestamp::from_unix_millis(0),
            persona: None,
            presented: BTreeMap::new(),
            malformed: None,
        })
    }

    #[test]
    fn what_comes_before_the_first_action_is_of_the_scenario_before() {
        let dir = tempfile::tempdir().unwrap();
        let recorder = RunRecorder::new(Journal::create(dir.path()).unwrap(), Vec::new());
        let scenario: Scenario = serde_json::from_value(json!({
            "id": "INS/x", "family": "ins", "kind": "behaviour",
            "title": {"fr": "x", "en": "x"}, "source": {"document": "x"},
            "confidence": "sure", "steps": [{"do": {"action": "usager.create"}}],
        }))
        .unwrap();
        let at = Timestamp::from_unix_millis(0);
        let id = scenario.id.clone();
        let started = Event::ScenarioStarted {
            scenario: id.clone(),
            index: 1,
            total: 1,
            at,
        };
        recorder.start_scenario(&scenario, &started).unwrap();
        recorder
            .record(Event::StepStarted {
                scenario: id.clone(),
                step: 1,
                at,
            })
            .unwrap();
        recorder.record(exchange(1, 1)).unwrap();
        assert_eq!(recorder.count(None, Service::Insi, None), 0);
        assert!(recorder.waits_for_an_answer());
        recorder
            .record(Event::ActionRequested {
                scenario: id,
                step: 1,
                request: diapason_core::driver::ActionRequest {
                    action: "usager.create".to_owned(),
                    params: json!({}),
                    scenario: "INS/x".to_owned(),
                    step: 1,
                    deadline_ms: 1,
                },
                at,
            })
            .unwrap();
        recorder.record(exchange(2, 2)).unwrap();
        assert_eq!(recorder.count(Some(1), Service::Insi, None), 1);
        assert_eq!(recorder.count(Some(2), Service::Insi, None), 0);
        assert_eq!(recorder.count(None, Service::Insi, Some("autre")), 0);
    }

    #[test]
    fn the_memory_keeps_the_order_of_the_journal() {
        let dir = tempfile::tempdir().unwrap();
        let recorder = RunRecorder::new(Journal::create(dir.path()).unwrap(), Vec::new());
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let recorder = &recorder;
                scope.spawn(move || {
                    for n in 0..100 {
                        recorder
                            .record(Event::BenchError {
                                scenario: None,
                                message: format!("{thread}-{n}"),
                            })
                            .unwrap();
                    }
                });
            }
        });
        let written = diapason_core::journal::read(dir.path()).unwrap();
        let written: Vec<Event> = written.entries.into_iter().map(|e| e.event).collect();
        assert_eq!(written, recorder.events());
    }

    #[test]
    fn a_lost_or_altered_blob_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let recorder = RunRecorder::new(Journal::create(dir.path()).unwrap(), Vec::new());
        let hash = recorder.blob(b"octets").unwrap();
        assert_eq!(recorder.get(&hash).unwrap(), b"octets");
        let path = dir.path().join(BLOBS_DIR).join(hash.as_str());
        std::fs::write(&path, b"autres").unwrap();
        assert!(recorder.get(&hash).is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(recorder.get(&hash).is_err());
    }
}

//! The run's recorder: the journal, what the scenario being played has seen so far, and whoever watches.

use std::sync::{Arc, Mutex, PoisonError};

use diapason_core::journal::{BLOBS_DIR, Journal, JournalError};
use diapason_core::{Event, ExchangeId, Recorder, Sha256Hex};
use diapason_rules::record::{Blobs, Lateness};

/// Sees each event as it is written (progress bars, annotations).
pub type Watcher = Box<dyn Fn(&Event) + Send + Sync>;

/// Journal plus memory of the scenario in play.
pub struct RunRecorder {
    journal: Journal,
    current: Mutex<Current>,
    watchers: Vec<Watcher>,
}

#[derive(Default)]
struct Current {
    events: Vec<Event>,
    lateness: Lateness,
    late: Vec<ExchangeId>,
}

impl RunRecorder {
    /// Over a journal.
    pub fn new(journal: Journal, watchers: Vec<Watcher>) -> Arc<Self> {
        Arc::new(Self {
            journal,
            current: Mutex::default(),
            watchers,
        })
    }

    /// The journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Forgets the scenario before; what it issued marks later exchanges as late.
    pub fn next_scenario(&self) {
        let mut current = self.lock();
        current.events.clear();
        current.late.clear();
        current.lateness.next_scenario();
    }

    /// Events of the scenario in play, late exchanges left out.
    pub fn events(&self) -> Vec<Event> {
        self.lock().events.clone()
    }

    /// How many events the scenario in play has.
    pub fn with_events<T>(&self, look: impl FnOnce(&[Event]) -> T) -> T {
        look(&self.lock().events)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder for RunRecorder {
    fn record(&self, event: Event) -> Result<u64, JournalError> {
        let seq = self.journal.record(event.clone())?;
        for watch in &self.watchers {
            watch(&event);
        }
        let mut current = self.lock();
        let late = match &event {
            Event::ExchangeReceived(exchange) => {
                let late = current.lateness.is_late(exchange);
                if late {
                    current.late.push(exchange.id);
                }
                late
            }
            Event::ExchangeAnswered(answer) => {
                current.lateness.issued(answer);
                current.late.contains(&answer.id)
            }
            _ => false,
        };
        if !late {
            current.events.push(event);
        }
        Ok(seq)
    }

    fn blob(&self, bytes: &[u8]) -> Result<Sha256Hex, JournalError> {
        self.journal.blob(bytes)
    }

    fn next_exchange(&self) -> ExchangeId {
        self.journal.next_exchange()
    }

    fn next_connection(&self) -> u64 {
        self.journal.next_connection()
    }
}

impl Blobs for RunRecorder {
    fn get(&self, hash: &Sha256Hex) -> Option<Vec<u8>> {
        std::fs::read(self.journal.dir().join(BLOBS_DIR).join(hash.as_str())).ok()
    }
}

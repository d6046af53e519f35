//! Vocabulary of the bench: ids, INS, events, journal, scenarios, verdicts, personas, clock.
//!
//! No socket, no async, no report format lives here. Everything else speaks in these types.

pub mod clock;
pub mod document;
pub mod driver;
pub mod event;
pub mod exchange;
pub mod finding;
pub mod hash;
pub mod ids;
pub mod ins;
pub mod journal;
pub mod level;
pub mod persona;
pub mod product;
pub mod requirement;
pub mod rule;
pub mod scenario;
pub mod verdict;

pub use clock::{Clock, Timestamp};
pub use document::DocumentKind;
pub use event::{Event, Recorder};
pub use exchange::{Exchange, ExchangeAnswer, Service};
pub use finding::{Finding, Place};
pub use hash::Sha256Hex;
pub use ids::{
    ExchangeId, FaultId, ParseIdError, PersonaId, ProofId, RequirementId, RuleId, RunId, ScenarioId,
};
pub use level::{Confidence, EvidenceLevel, Level};
pub use verdict::Verdict;

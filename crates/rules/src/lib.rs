//! Rule engines and the judge: records of scenarios in, findings and verdicts out.
//!
//! Pure: no socket, no file is opened here (the caller hands bytes in). A verdict depends on the
//! journal and the rules alone, so an old journal can be judged again by newer rules.

pub mod catalogue;
pub mod cda;
pub mod describe;
mod dmp;
pub mod document;
pub mod files;
pub mod insi;
pub mod json_rules;
pub mod judge;
pub mod psc;
pub mod record;
pub mod redact;
pub mod sample;
pub mod schematron;
mod xpath;
pub mod xsd;

pub use catalogue::{Catalogue, FaultInfo};
pub use judge::{Ctx, Judge, JudgeError, Judgement, RustRule};
pub use record::{Campaign, ScenarioRecord, SeenExchange, StepRecord};

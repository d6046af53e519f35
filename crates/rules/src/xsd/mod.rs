//! XML Schema validation with schemas that the user supplies: the CDA schema of the national kit, the packages of
//! INSi, DMP, XDS or SOAP.
//!
//! Nothing official is bundled. The engine (crate `xsd-schema`, XSD 1.0) stands behind [`engine::Engine`], so that it
//! can be replaced; `tests/parity/xsd.py` compares it with libxml2. A run that fails, takes too long or cannot start
//! is [`Unjudged`], never a pass.

mod engine;
mod flat;
mod pool;
mod schemas;
mod source;
#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

use diapason_core::Place;
use diapason_formats::xml::NodeId;

pub use schemas::{CdaSchema, Schemas, Validation};

/// Bounds of a validation.
#[derive(Debug, Clone, Copy)]
pub struct XsdLimits {
    /// Longest time for one document, before the run is given up.
    pub document: Duration,
    /// Longest time to compile a set of schemas.
    pub compile: Duration,
    /// Most findings kept for one document; the others are counted.
    pub findings: usize,
}

impl Default for XsdLimits {
    fn default() -> Self {
        Self {
            document: Duration::from_secs(20),
            compile: Duration::from_mins(1),
            findings: 100,
        }
    }
}

/// A place where the document does not follow its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XsdFinding {
    /// The node.
    pub node: NodeId,
    /// Line, column and XPath of the node.
    pub place: Place,
    /// Constraint of the XML Schema recommendation: `cvc-complex-type.2.4`, `cvc-datatype-valid`...
    pub code: String,
    /// What the schema asks for, in French.
    pub expected: String,
    /// What is there, in French.
    pub observed: String,
    /// What the engine says, in English.
    pub message: String,
}

/// Why a document was not judged: neither a pass nor a deviation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unjudged(pub String);

/// Why schemas were not loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XsdError {
    /// No document of that kind in the folder.
    #[error("no {0} in the folder")]
    Missing(&'static str),
    /// More than what is read.
    #[error("too many or too large schema documents")]
    TooLarge,
    /// The engine refuses the schemas.
    #[error("the schemas do not compile: {0}")]
    Compile(String),
}

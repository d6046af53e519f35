//! INSi messages: reading requests, stating facts about them, writing and reading answers.
//!
//! Pure and synchronous. Nothing here expands a DTD, panics on any input or compares a namespace prefix.
//! Sources: WSDL 1.5.0 of the teleservice and its schemas, recorded traffic of the qualification platform.

pub mod answer;
pub mod context;
mod facts;
pub mod lexical;
mod ns;
pub mod reader;
pub mod request;
pub mod saml;
mod schema;
pub mod temps;
pub mod writer;
pub mod xml;

pub use answer::{Answer, Erreur, Individu, InsRendu, Message, SoapFault, Tiq};
pub use facts::facts;
pub use ns::*;
pub use reader::{ReadError, answer_problems, read};
pub use request::Request;
pub use writer::{Envelope, Style, write};

#[cfg(test)]
mod tests;

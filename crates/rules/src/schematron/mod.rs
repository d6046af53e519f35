//! ISO Schematron (ISO/IEC 19757-3) with the xslt2 and xpath2 query bindings, without XSLT.
//!
//! [`source`] reads a schema with its includes and expands what is abstract; [`Schema`] is compiled and shared between
//! threads; [`Schema::run`] judges one document; [`svrl`] writes what was seen in the field's own report format.
//!
//! Where practice and the standard part, practice wins, since official kits rest on it: a `let` of a pattern is seen by the
//! whole schema, abstract rules are found anywhere in it, `doc()` resolves against the top-level file, attributes
//! are never visited. A part of a schema that is broken never fails a document: it is a [`Defect`] of the pack or an
//! [`Undecided`] assertion.

mod compile;
mod run;
mod source;
pub mod svrl;
#[cfg(test)]
mod tests;

pub use compile::{Engine, Schema};
pub use run::{Failure, Fired, Outcome, Undecided};
pub use source::{Defect, SchemaError};

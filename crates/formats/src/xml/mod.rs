//! XML documents read without trust: encodings, limits and positions.

mod scan;
mod tree;

#[cfg(test)]
mod tests;

pub use scan::{Limits, ReadError, ReadProblem, check};
pub use tree::{NameId, NodeId, NodeKind, Position, Tree};

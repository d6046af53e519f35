//! XPath 2.0 over arena trees: compiled once, evaluated many times, shared between threads.
//!
//! Expressions are parsed by `xsd-schema`. Those that use only what Schematron files use (nearly all) are turned into a plan of
//! our own ([`plan`]) evaluated straight on the arena ([`eval`]); the others are handed to that crate's own evaluator
//! ([`generic`]). Nothing outside this module knows of it.

#![expect(
    clippy::cast_possible_wrap,
    clippy::float_cmp,
    clippy::format_push_string,
    clippy::unused_self,
    reason = "lengths are far below 2^63; XPath compares numbers exactly; what is formatted is short and rare; the evaluator's methods read alike"
)]

mod axes;
mod compare;
mod documents;
mod eval;
mod functions;
mod generic;
mod matcher;
mod plan;
mod planner;
mod regex;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use diapason_formats::xml::NodeId;

pub(crate) use documents::Documents;
pub(crate) use documents::resolve;
pub(crate) use eval::{Context, Frame, Session};
pub(crate) use matcher::Matcher;
pub(crate) use plan::{Expression, Names, Slot};
pub(crate) use planner::Compiler;
pub(crate) use regex::Regexes;

/// A node of the document judged (`document` 0) or of one that it refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeRef {
    /// Rank of the document in the session.
    pub(crate) document: u32,
    /// Node.
    pub(crate) node: NodeId,
}

/// One item of a sequence.
#[derive(Debug, Clone)]
pub(crate) enum Item<'t> {
    Node(NodeRef),
    String(Cow<'t, str>),
    /// `xs:untypedAtomic`: what a node gives when it is atomized.
    Untyped(Cow<'t, str>),
    Boolean(bool),
    Integer(i64),
    /// `xs:double`; also decimals, which the expressions met compare only.
    Double(f64),
    QName {
        namespace: Cow<'t, str>,
        local: Cow<'t, str>,
    },
}

/// A sequence.
#[derive(Debug, Clone, Default)]
pub(crate) enum Value<'t> {
    #[default]
    Empty,
    One(Item<'t>),
    Many(Vec<Item<'t>>),
}

impl<'t> Value<'t> {
    pub(crate) fn items(&self) -> &[Item<'t>] {
        match self {
            Self::Empty => &[],
            Self::One(item) => std::slice::from_ref(item),
            Self::Many(items) => items,
        }
    }

    pub(crate) fn from_vec(mut items: Vec<Item<'t>>) -> Self {
        match items.len() {
            0 => Self::Empty,
            1 => items.pop().map_or(Self::Empty, Self::One),
            _ => Self::Many(items),
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Item<'t>> {
        match self {
            Self::Empty => Vec::new(),
            Self::One(item) => vec![item],
            Self::Many(items) => items,
        }
    }

    pub(crate) fn boolean(value: bool) -> Self {
        Self::One(Item::Boolean(value))
    }

    pub(crate) fn string(value: impl Into<Cow<'t, str>>) -> Self {
        Self::One(Item::String(value.into()))
    }
}

/// Why an expression could not be compiled or evaluated. Never a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct XPathError(pub(crate) String);

impl XPathError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    pub(crate) fn kind(expected: &str, found: &str) -> Self {
        Self(format!("{expected} expected, {found} found"))
    }
}

impl fmt::Display for XPathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for XPathError {}

/// A number as XPath writes it.
pub(crate) fn number_to_string(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "INF" } else { "-INF" }.to_owned()
    } else if value == value.trunc() && value.abs() < 1e15 {
        format!("{value:.0}")
    } else {
        format!("{value}")
    }
}

//! Plans: what an expression becomes. Names are interned, variables are slots, functions are resolved.
//!
//! What a plan cannot hold (rare functions, exact decimals, dates) makes the whole expression [`Expression::Generic`].

use std::collections::HashMap;

use super::documents::KeyPart;
use super::functions::Function;

/// Expanded names that the expressions of a pack mention; a document maps them to its own.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) names: Vec<(String, String)>,
    index: HashMap<(String, String), u32>,
}

impl Names {
    pub(super) fn intern(&mut self, namespace: &str, local: &str) -> u32 {
        let key = (namespace.to_owned(), local.to_owned());
        if let Some(id) = self.index.get(&key) {
            return *id;
        }
        let id = self.names.len() as u32;
        self.names.push(key.clone());
        self.index.insert(key, id);
        id
    }
}

/// Where a variable's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// A `let` of the schema or of a pattern.
    Global(u32),
    /// A `let` of the rule that fires.
    Local(u32),
    /// Bound by the expression itself (`for`, `some`, `every`).
    Bound(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    Child,
    Descendant,
    Attribute,
    Itself,
    DescendantOrSelf,
    FollowingSibling,
    Following,
    Parent,
    Ancestor,
    PrecedingSibling,
    Preceding,
    AncestorOrSelf,
}

impl Axis {
    pub(crate) fn is_reverse(self) -> bool {
        matches!(
            self,
            Self::Parent
                | Self::Ancestor
                | Self::PrecedingSibling
                | Self::Preceding
                | Self::AncestorOrSelf
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    /// An expanded name of [`Names`]; element or attribute by the axis.
    Name(u32),
    /// `*:local`.
    AnyNamespace(String),
    /// `p:*`.
    InNamespace(String),
    /// `*`.
    AnyName,
    /// `node()`.
    Node,
    Text,
    Comment,
    Instruction(Option<String>),
    /// `element()`.
    Element,
    /// `attribute()`.
    Attribute,
    /// `document-node()`.
    Document,
}

#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) axis: Axis,
    pub(crate) test: Test,
    pub(crate) predicates: Vec<Predicate>,
    /// How to find the nodes of this step by key instead of walking (documents reached by `doc()`).
    pub(crate) key: Option<Key>,
}

/// `[@code = $c and @codeSystem = $s]`, `[text() = $x]`: the operands do not depend on the node tested.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) parts: Vec<KeyPart>,
    pub(crate) values: Vec<Expr>,
}

#[derive(Debug, Clone)]
pub(crate) struct Predicate {
    pub(crate) expr: Expr,
    /// May its value be a number, or does it ask for the position? Else it is only true or false.
    pub(crate) positional: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum PathStep {
    Axis(Step),
    /// An expression evaluated for each item: `cda:text/starts-with(@value, '#')`.
    Expr(Expr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    IDiv,
    Mod,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetOperation {
    Union,
    Intersect,
    Except,
}

/// Atomic types that `castable as` and constructors know here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtomicType {
    String,
    Boolean,
    Integer,
    Double,
}

#[derive(Debug, Clone)]
pub(crate) enum Expr {
    String(String),
    Integer(i64),
    Double(f64),
    Sequence(Vec<Expr>),
    Context,
    /// The document node of the context node.
    Root,
    Variable(Slot),
    If(Box<(Expr, Expr, Expr)>),
    For {
        slot: u32,
        of: Box<Expr>,
        give: Box<Expr>,
    },
    Quantified {
        every: bool,
        slot: u32,
        of: Box<Expr>,
        satisfies: Box<Expr>,
    },
    Call(Function, Vec<Expr>),
    Path {
        from: Box<Expr>,
        steps: Vec<PathStep>,
        /// Can it give the same node twice, or out of order?
        sort: bool,
    },
    Filter {
        base: Box<Expr>,
        predicates: Vec<Predicate>,
    },
    Range(Box<(Expr, Expr)>),
    Negate(Box<Expr>),
    And(Box<(Expr, Expr)>),
    Or(Box<(Expr, Expr)>),
    General(Comparison, Box<(Expr, Expr)>),
    ValueCompare(Comparison, Box<(Expr, Expr)>),
    Is(Box<(Expr, Expr)>),
    Arithmetic(Arithmetic, Box<(Expr, Expr)>),
    Set(SetOperation, Box<(Expr, Expr)>),
    Castable {
        of: Box<Expr>,
        to: AtomicType,
        optional: bool,
    },
    Cast {
        of: Box<Expr>,
        to: AtomicType,
    },
}

/// A compiled expression.
#[derive(Debug, Clone)]
pub(crate) enum Expression {
    /// Evaluated here.
    Plan(Expr),
    /// Evaluated by the parser's own crate.
    Generic {
        source: String,
        /// Variables it may mention: name and slot.
        variables: Vec<(String, Slot)>,
        /// Prefixes it may use.
        namespaces: Vec<(String, String)>,
    },
}

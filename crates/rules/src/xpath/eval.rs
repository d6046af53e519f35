//! The evaluator: plans over trees, steps over sorted node ids, variables worked out when first asked for.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use diapason_formats::xml::{NameId, NodeId, Tree};

use super::documents::Documents;
use super::functions;
use super::plan::{Axis, Expr, Expression, PathStep, SetOperation, Slot, Step};
use super::regex::Regexes;
use super::{Item, Names, NodeRef, Value, XPathError};

/// Nodes visited and items made before an evaluation is stopped: well under a second of work.
const BUDGET: u64 = 10_000_000;

/// Deepest nesting of evaluation.
const MOST_DEPTH: u32 = 400;

/// Elements by the value of an attribute of one of their children.
type Parents<'t> = HashMap<&'t str, Vec<NodeId>>;

/// What one document is judged with. One thread's.
pub(crate) struct Session<'t> {
    pub(crate) tree: &'t Tree,
    pub(crate) documents: &'t Documents,
    /// Path against which `doc()` resolves: the top-level schema.
    pub(crate) base: &'t str,
    pub(crate) regexes: &'t Regexes,
    /// Names of the pack to names of the document.
    names: Vec<Option<NameId>>,
    pub(super) pack_names: &'t Names,
    /// Elements of each name of the document, in order.
    by_name: Vec<Vec<NodeId>>,
    budget: Cell<u64>,
    depth: Cell<u32>,
    pub(super) generic: OnceCell<super::generic::Runtime>,
    /// Parents by the value of an attribute of a child: see [`Session::parents_by_child`].
    parents: RefCell<HashMap<(u32, u32), Parents<'t>>>,
}

/// Variables and focus of an evaluation.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a, 't> {
    pub(crate) item: Option<&'a Item<'t>>,
    pub(crate) position: usize,
    pub(crate) size: usize,
    pub(crate) globals: &'a Frame<'a, 't>,
    pub(crate) locals: &'a Frame<'a, 't>,
    pub(crate) bound: Option<&'a Bound<'a, 't>>,
    /// What `current()` gives: the node the rule fires on.
    pub(crate) current: NodeRef,
}

/// A variable that the expression binds itself.
pub(crate) struct Bound<'a, 't> {
    slot: u32,
    value: Value<'t>,
    outer: Option<&'a Bound<'a, 't>>,
}

/// Variables of a schema or of a firing rule: expressions, worked out when first asked for.
pub(crate) struct Frame<'a, 't> {
    lets: &'a [(String, Result<Arc<Expression>, XPathError>)],
    values: Vec<OnceCell<Result<Value<'t>, XPathError>>>,
    busy: Vec<Cell<bool>>,
    node: NodeRef,
}

impl<'a> Frame<'a, '_> {
    pub(crate) fn new(
        lets: &'a [(String, Result<Arc<Expression>, XPathError>)],
        node: NodeRef,
    ) -> Self {
        Self {
            lets,
            values: lets.iter().map(|_| OnceCell::new()).collect(),
            busy: lets.iter().map(|_| Cell::new(false)).collect(),
            node,
        }
    }
}

impl<'t> Session<'t> {
    pub(crate) fn new(
        tree: &'t Tree,
        documents: &'t Documents,
        base: &'t str,
        regexes: &'t Regexes,
        pack_names: &'t Names,
    ) -> Self {
        let names = pack_names
            .names
            .iter()
            .map(|(namespace, local)| tree.find_name(namespace, local))
            .collect();
        let mut by_name = vec![Vec::new(); tree.names()];
        for node in tree.nodes().filter(|n| tree.is_element(*n)) {
            if let Some(list) = tree.name_id(node).and_then(|n| by_name.get_mut(n.index())) {
                list.push(node);
            }
        }
        Self {
            tree,
            documents,
            base,
            regexes,
            names,
            pack_names,
            by_name,
            budget: Cell::new(BUDGET),
            depth: Cell::new(0),
            generic: OnceCell::new(),
            parents: RefCell::default(),
        }
    }

    /// Gives a new assertion its full budget.
    pub(crate) fn refill(&self) {
        self.budget.set(BUDGET);
    }

    pub(super) fn spend(&self, cost: u64) -> Result<(), XPathError> {
        match self.budget.get().checked_sub(cost) {
            Some(left) => {
                self.budget.set(left);
                Ok(())
            }
            None => Err(XPathError::new(
                "the expression was stopped: it visits too many nodes",
            )),
        }
    }

    /// The tree of a node.
    pub(crate) fn tree_of(&self, document: u32) -> &'t Tree {
        match document.checked_sub(1) {
            None => self.tree,
            // A reference is only made after the document was read.
            Some(rank) => self
                .documents
                .get(rank)
                .map_or(self.tree, |loaded| &loaded.tree),
        }
    }

    pub(crate) fn string_of(&self, node: NodeRef) -> Cow<'t, str> {
        self.tree_of(node.document).string_value(node.node)
    }

    pub(super) fn name_of(&self, name: u32) -> Option<NameId> {
        self.names.get(name as usize).copied().flatten()
    }

    /// Elements of a name of the pack.
    pub(super) fn elements(&self, name: u32) -> &[NodeId] {
        self.name_of(name)
            .and_then(|name| self.by_name.get(name.index()))
            .map_or(&[], Vec::as_slice)
    }

    /// Elements that have a child `child` whose attribute `attribute` is `value`, in order.
    pub(super) fn parents_by_child(&self, child: u32, attribute: u32, value: &str) -> Vec<NodeId> {
        let mut all = self.parents.borrow_mut();
        let index = all.entry((child, attribute)).or_insert_with(|| {
            let mut index: Parents<'t> = HashMap::new();
            let Some(attribute) = self.name_of(attribute) else {
                return index;
            };
            for node in self.elements(child) {
                let found = self
                    .tree
                    .attributes(*node)
                    .find(|a| self.tree.name_id(*a) == Some(attribute));
                if let (Some(found), Some(parent)) = (found, self.tree.parent(*node)) {
                    let list = index.entry(self.tree.text(found)).or_default();
                    if list.last() != Some(&parent) {
                        list.push(parent);
                    }
                }
            }
            for list in index.values_mut() {
                list.sort_unstable();
                list.dedup();
            }
            index
        });
        index.get(value).cloned().unwrap_or_default()
    }

    /// Evaluates an expression.
    pub(crate) fn run(
        &self,
        expression: &Expression,
        context: &Context<'_, 't>,
    ) -> Result<Value<'t>, XPathError> {
        match expression {
            Expression::Plan(expr) => self.eval(expr, context),
            Expression::Generic {
                source,
                variables,
                namespaces,
            } => self.run_generic(source, variables, namespaces, context),
        }
    }

    /// Evaluates an expression to its effective boolean value.
    pub(crate) fn run_truth(
        &self,
        expression: &Expression,
        context: &Context<'_, 't>,
    ) -> Result<bool, XPathError> {
        match expression {
            Expression::Plan(expr) => self.holds(expr, context),
            Expression::Generic { .. } => self.truth(&self.run(expression, context)?),
        }
    }

    pub(super) fn variable(
        &self,
        slot: Slot,
        context: &Context<'_, 't>,
    ) -> Result<Value<'t>, XPathError> {
        match slot {
            Slot::Bound(slot) => {
                let mut at = context.bound;
                while let Some(bound) = at {
                    if bound.slot == slot {
                        return Ok(bound.value.clone());
                    }
                    at = bound.outer;
                }
                Err(XPathError::new("unbound variable"))
            }
            Slot::Global(slot) => self.of_frame(context.globals, slot, context, true),
            Slot::Local(slot) => self.of_frame(context.locals, slot, context, false),
        }
    }

    fn of_frame(
        &self,
        frame: &Frame<'_, 't>,
        slot: u32,
        context: &Context<'_, 't>,
        global: bool,
    ) -> Result<Value<'t>, XPathError> {
        let slot = slot as usize;
        if let Some(value) = frame.values[slot].get() {
            return value.clone();
        }
        let (name, expression) = &frame.lets[slot];
        if frame.busy[slot].replace(true) {
            return Err(XPathError(format!("the variable ${name} refers to itself")));
        }
        let item = Item::Node(frame.node);
        let inner = Context {
            item: Some(&item),
            position: 1,
            size: 1,
            globals: context.globals,
            locals: if global {
                context.globals
            } else {
                context.locals
            },
            bound: None,
            current: frame.node,
        };
        let value = match expression {
            Ok(expression) => self.run(expression, &inner),
            Err(error) => Err(error.clone()),
        };
        frame.busy[slot].set(false);
        let value = value.map_err(|error| XPathError(format!("variable ${name}: {error}")));
        frame.values[slot].get_or_init(|| value).clone()
    }

    fn deeper<T>(&self, work: impl FnOnce() -> Result<T, XPathError>) -> Result<T, XPathError> {
        let depth = self.depth.get();
        if depth > MOST_DEPTH {
            return Err(XPathError::new("the expression is nested too deep"));
        }
        self.depth.set(depth + 1);
        let result = work();
        self.depth.set(depth);
        result
    }

    /// Effective boolean value, without making what it does not need.
    pub(super) fn holds(&self, expr: &Expr, context: &Context<'_, 't>) -> Result<bool, XPathError> {
        match expr {
            Expr::And(pair) => Ok(self.holds(&pair.0, context)? && self.holds(&pair.1, context)?),
            Expr::Or(pair) => Ok(self.holds(&pair.0, context)? || self.holds(&pair.1, context)?),
            Expr::General(comparison, pair) => {
                let left = self.eval(&pair.0, context)?;
                if matches!(left, Value::Empty) {
                    return Ok(false);
                }
                let right = self.eval(&pair.1, context)?;
                self.general(*comparison, &left, &right)
            }
            Expr::Call(functions::Function::Not, args) => Ok(!self.holds(&args[0], context)?),
            Expr::Call(functions::Function::Exists, args) => self.finds(&args[0], context),
            Expr::Call(functions::Function::Empty, args) => Ok(!self.finds(&args[0], context)?),
            // Nodes are true when there is one.
            Expr::Set(SetOperation::Union, pair) if is_nodes(&pair.0) && is_nodes(&pair.1) => {
                Ok(self.holds(&pair.0, context)? || self.holds(&pair.1, context)?)
            }
            Expr::Path { .. } if is_nodes(expr) => self.finds(expr, context),
            _ => self.truth(&self.eval(expr, context)?),
        }
    }

    /// Is there an item at all? Stops at the first where it can.
    fn finds(&self, expr: &Expr, context: &Context<'_, 't>) -> Result<bool, XPathError> {
        if let Expr::Path { from, steps, .. } = expr
            && let Expr::Context = &**from
        {
            match steps.as_slice() {
                [PathStep::Axis(step)] => {
                    return self.any(step, self.context_node(context)?, context);
                }
                [PathStep::Axis(first), PathStep::Axis(second)] => {
                    let mut found = Vec::new();
                    self.step(first, self.context_node(context)?, context, &mut found)?;
                    for node in found {
                        if self.any(second, node, context)? {
                            return Ok(true);
                        }
                    }
                    return Ok(false);
                }
                _ => {}
            }
        }
        Ok(!matches!(self.eval(expr, context)?, Value::Empty))
    }

    /// Does a step give a node?
    fn any(
        &self,
        step: &Step,
        from: NodeRef,
        context: &Context<'_, 't>,
    ) -> Result<bool, XPathError> {
        let tree = self.tree_of(from.document);
        let own = from.document == 0;
        let simple = step.predicates.iter().all(|p| !p.positional);
        let mut nodes = match step.axis {
            Axis::Attribute if tree.is_element(from.node) => Nodes::Run(tree.attributes(from.node)),
            Axis::Child => Nodes::Siblings(tree.first_child(from.node)),
            Axis::Itself => Nodes::One(Some(from.node)),
            _ => Nodes::None,
        };
        if !simple || matches!(nodes, Nodes::None) {
            let mut found = Vec::new();
            self.step(step, from, context, &mut found)?;
            return Ok(!found.is_empty());
        }
        while let Some(node) = nodes.next(tree) {
            self.spend(1)?;
            if !self.passes(&step.test, step.axis, tree, own, node) {
                continue;
            }
            let item = Item::Node(NodeRef {
                document: from.document,
                node,
            });
            let inner = Context {
                item: Some(&item),
                position: 1,
                size: 1,
                ..*context
            };
            let mut kept = true;
            for predicate in &step.predicates {
                if !self.holds(&predicate.expr, &inner)? {
                    kept = false;
                    break;
                }
            }
            if kept {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn eval(
        &self,
        expr: &Expr,
        context: &Context<'_, 't>,
    ) -> Result<Value<'t>, XPathError> {
        self.spend(1)?;
        match expr {
            Expr::String(text) => Ok(Value::string(text.clone())),
            Expr::Integer(value) => Ok(Value::One(Item::Integer(*value))),
            Expr::Double(value) => Ok(Value::One(Item::Double(*value))),
            Expr::Sequence(items) => {
                let mut all = Vec::new();
                for item in items {
                    all.extend(self.eval(item, context)?.into_vec());
                }
                Ok(Value::from_vec(all))
            }
            Expr::Context => context
                .item
                .map(|item| Value::One(item.clone()))
                .ok_or_else(|| XPathError::new("XPDY0002: there is no context item")),
            Expr::Root => {
                let node = self.context_node(context)?;
                Ok(Value::One(Item::Node(NodeRef {
                    document: node.document,
                    node: NodeId::ROOT,
                })))
            }
            Expr::Variable(slot) => self.variable(*slot, context),
            Expr::If(parts) => {
                let branch = if self.holds(&parts.0, context)? {
                    &parts.1
                } else {
                    &parts.2
                };
                self.deeper(|| self.eval(branch, context))
            }
            Expr::For { slot, of, give } => self.deeper(|| {
                let mut all = Vec::new();
                for item in self.eval(of, context)?.into_vec() {
                    let bound = Bound {
                        slot: *slot,
                        value: Value::One(item),
                        outer: context.bound,
                    };
                    let inner = Context {
                        bound: Some(&bound),
                        ..*context
                    };
                    all.extend(self.eval(give, &inner)?.into_vec());
                }
                Ok(Value::from_vec(all))
            }),
            Expr::Quantified {
                every,
                slot,
                of,
                satisfies,
            } => self.deeper(|| {
                for item in self.eval(of, context)?.into_vec() {
                    let bound = Bound {
                        slot: *slot,
                        value: Value::One(item),
                        outer: context.bound,
                    };
                    let inner = Context {
                        bound: Some(&bound),
                        ..*context
                    };
                    if self.holds(satisfies, &inner)? != *every {
                        return Ok(Value::boolean(!*every));
                    }
                }
                Ok(Value::boolean(*every))
            }),
            Expr::Call(function, args) => {
                self.deeper(|| functions::call(self, *function, args, context))
            }
            Expr::Path { from, steps, sort } => {
                self.deeper(|| self.path(from, steps, *sort, context))
            }
            Expr::Filter { base, predicates } => self.deeper(|| {
                let mut items = self.eval(base, context)?.into_vec();
                for predicate in predicates {
                    items = self.filter(items, predicate, context)?;
                }
                Ok(Value::from_vec(items))
            }),
            Expr::Range(pair) => {
                let (left, right) = (self.eval(&pair.0, context)?, self.eval(&pair.1, context)?);
                let (Some(a), Some(b)) = (self.at_most_one(&left)?, self.at_most_one(&right)?)
                else {
                    return Ok(Value::Empty);
                };
                let (a, b) = (self.whole(&a)?, self.whole(&b)?);
                if b.saturating_sub(a) > 1_000_000 {
                    return Err(XPathError::new("the range is too long"));
                }
                Ok(Value::from_vec((a..=b).map(Item::Integer).collect()))
            }
            Expr::Negate(of) => match self.at_most_one(&self.eval(of, context)?)? {
                None => Ok(Value::Empty),
                Some(Item::Integer(value)) => Ok(Value::One(Item::Integer(value.wrapping_neg()))),
                Some(other) => Ok(Value::One(Item::Double(-self.operand(&other)?))),
            },
            Expr::And(_) | Expr::Or(_) | Expr::General(..) => {
                Ok(Value::boolean(self.holds(expr, context)?))
            }
            Expr::ValueCompare(comparison, pair) => {
                let (left, right) = (self.eval(&pair.0, context)?, self.eval(&pair.1, context)?);
                match (self.at_most_one(&left)?, self.at_most_one(&right)?) {
                    (Some(a), Some(b)) => {
                        Ok(Value::boolean(self.value_pair(*comparison, &a, &b)?))
                    }
                    _ => Ok(Value::Empty),
                }
            }
            Expr::Is(pair) => {
                let (left, right) = (self.eval(&pair.0, context)?, self.eval(&pair.1, context)?);
                match (left.items(), right.items()) {
                    ([], _) | (_, []) => Ok(Value::Empty),
                    ([Item::Node(a)], [Item::Node(b)]) => Ok(Value::boolean(a == b)),
                    _ => Err(XPathError::new("XPTY0004: `is` compares two nodes")),
                }
            }
            Expr::Arithmetic(operation, pair) => {
                let (left, right) = (self.eval(&pair.0, context)?, self.eval(&pair.1, context)?);
                self.arithmetic(*operation, &left, &right)
            }
            Expr::Set(operation, pair) => {
                let left = nodes(self.eval(&pair.0, context)?)?;
                let right = nodes(self.eval(&pair.1, context)?)?;
                let mut all: Vec<NodeRef> = match operation {
                    SetOperation::Union => left.into_iter().chain(right).collect(),
                    SetOperation::Intersect => {
                        left.into_iter().filter(|n| right.contains(n)).collect()
                    }
                    SetOperation::Except => {
                        left.into_iter().filter(|n| !right.contains(n)).collect()
                    }
                };
                all.sort_unstable();
                all.dedup();
                Ok(Value::from_vec(all.into_iter().map(Item::Node).collect()))
            }
            Expr::Castable { of, to, optional } => {
                let value = self.eval(of, context)?;
                Ok(Value::boolean(match value.items() {
                    [] => *optional,
                    [one] => self.cast(one, *to).is_ok(),
                    _ => false,
                }))
            }
            Expr::Cast { of, to } => match self.at_most_one(&self.eval(of, context)?)? {
                None => Ok(Value::Empty),
                Some(item) => Ok(Value::One(self.cast(&item, *to)?)),
            },
        }
    }

    pub(super) fn whole(&self, item: &Item<'t>) -> Result<i64, XPathError> {
        match item {
            Item::Integer(value) => Ok(*value),
            other => {
                let number = self.operand(other)?;
                if number == number.trunc() && number.abs() < 9e15 {
                    Ok(number as i64)
                } else {
                    Err(XPathError::new("XPTY0004: an integer expected"))
                }
            }
        }
    }

    pub(super) fn context_node(&self, context: &Context<'_, 't>) -> Result<NodeRef, XPathError> {
        match context.item {
            Some(Item::Node(node)) => Ok(*node),
            Some(_) => Err(XPathError::new("XPTY0020: the context item is not a node")),
            None => Err(XPathError::new("XPDY0002: there is no context item")),
        }
    }

    fn path(
        &self,
        from: &Expr,
        steps: &[PathStep],
        sort: bool,
        context: &Context<'_, 't>,
    ) -> Result<Value<'t>, XPathError> {
        // The commonest of all: one step from the context node.
        if let (Expr::Context, [PathStep::Axis(step)]) = (from, steps) {
            let node = self.context_node(context)?;
            let mut found = Vec::new();
            self.step(step, node, context, &mut found)?;
            if step.axis.is_reverse() {
                found.reverse();
            }
            return Ok(Value::from_vec(found.into_iter().map(Item::Node).collect()));
        }
        let mut current: Vec<NodeRef> = match from {
            Expr::Context => vec![self.context_node(context)?],
            Expr::Root => vec![NodeRef {
                document: self.context_node(context)?.document,
                node: NodeId::ROOT,
            }],
            _ => nodes(self.eval(from, context)?)?,
        };
        for (rank, step) in steps.iter().enumerate() {
            let last = rank + 1 == steps.len();
            match step {
                PathStep::Axis(step) => {
                    let mut found = Vec::new();
                    for node in &current {
                        self.step(step, *node, context, &mut found)?;
                    }
                    if sort || step.axis.is_reverse() {
                        found.sort_unstable();
                        found.dedup();
                    }
                    current = found;
                }
                PathStep::Expr(expr) => {
                    let size = current.len();
                    let mut items = Vec::new();
                    for (rank, node) in current.iter().enumerate() {
                        let item = Item::Node(*node);
                        let inner = Context {
                            item: Some(&item),
                            position: rank + 1,
                            size,
                            ..*context
                        };
                        items.extend(self.eval(expr, &inner)?.into_vec());
                    }
                    if last && !items.iter().any(|i| matches!(i, Item::Node(_))) {
                        return Ok(Value::from_vec(items));
                    }
                    let mut found = nodes(Value::from_vec(items))?;
                    found.sort_unstable();
                    found.dedup();
                    current = found;
                }
            }
            if current.is_empty() {
                return Ok(Value::Empty);
            }
        }
        Ok(Value::from_vec(
            current.into_iter().map(Item::Node).collect(),
        ))
    }
}

/// The nodes of a simple axis, one after the other.
enum Nodes<R> {
    Run(R),
    Siblings(Option<NodeId>),
    One(Option<NodeId>),
    None,
}

impl<R: Iterator<Item = NodeId>> Nodes<R> {
    fn next(&mut self, tree: &Tree) -> Option<NodeId> {
        match self {
            Self::Run(run) => run.next(),
            Self::Siblings(at) => {
                let node = (*at)?;
                *at = tree.next_sibling(node);
                Some(node)
            }
            Self::One(one) => one.take(),
            Self::None => None,
        }
    }
}

/// Does it give nodes and nothing else?
fn is_nodes(expr: &Expr) -> bool {
    match expr {
        Expr::Path { steps, .. } => matches!(steps.last(), Some(PathStep::Axis(_))),
        Expr::Set(_, pair) => is_nodes(&pair.0) && is_nodes(&pair.1),
        _ => false,
    }
}

/// The nodes of a sequence that must hold nothing else.
pub(super) fn nodes(value: Value<'_>) -> Result<Vec<NodeRef>, XPathError> {
    value
        .into_vec()
        .into_iter()
        .map(|item| match item {
            Item::Node(node) => Ok(node),
            other => Err(XPathError::kind(
                "XPTY0019: a node",
                super::compare::kind(&other),
            )),
        })
        .collect()
}

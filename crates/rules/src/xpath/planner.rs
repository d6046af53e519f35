//! The planner: from the parsed expression to its plan.

use xsd_schema::xpath::ast::{
    AstNode, Axis as AstAxis, BinaryOpKind, ItemTypeNode, KindTest, NodeTest, OccurrenceIndicator,
    QuantifierKind, TypeExprKind, UnaryOpKind, ValueNode,
};
use xsd_schema::xpath::{AstArena, AstNodeId};

use super::XPathError;
use super::documents::KeyPart;
use super::functions::Function;
use super::plan::{
    Arithmetic, AtomicType, Axis, Comparison, Expr, Expression, Key, Names, PathStep, Predicate,
    SetOperation, Slot, Step, Test,
};

/// What an expression sees when it is compiled.
pub(crate) struct Compiler<'a> {
    pub(crate) names: &'a mut Names,
    /// Prefix to namespace.
    pub(crate) namespaces: &'a [(String, String)],
    /// Variables in scope; later ones hide earlier ones.
    pub(crate) variables: &'a [(String, Slot)],
    bound: Vec<(String, u32)>,
}

enum Refused {
    /// Not in the plan's language: the general evaluator may know it.
    Unsupported,
    /// Wrong whoever evaluates it.
    Wrong(XPathError),
}

type Made<T> = Result<T, Refused>;

impl<'a> Compiler<'a> {
    pub(crate) fn new(
        names: &'a mut Names,
        namespaces: &'a [(String, String)],
        variables: &'a [(String, Slot)],
    ) -> Self {
        Self {
            names,
            namespaces,
            variables,
            bound: Vec::new(),
        }
    }

    /// Compiles an expression.
    pub(crate) fn compile(&mut self, source: &str) -> Result<Expression, XPathError> {
        let parsed = xsd_schema::xpath::parse(source)
            .map_err(|error| XPathError(format!("{source:?}: {error}")))?;
        match self.expr(&parsed.arena, parsed.root) {
            Ok(expr) => Ok(Expression::Plan(expr)),
            Err(Refused::Wrong(error)) => Err(XPathError(format!("{source:?}: {error}"))),
            Err(Refused::Unsupported) => {
                let variables: Vec<(String, Slot)> = self
                    .variables
                    .iter()
                    .filter(|(name, _)| source.contains(&format!("${name}")))
                    .cloned()
                    .collect();
                let names: Vec<&str> = variables.iter().map(|(n, _)| n.as_str()).collect();
                super::generic::check(source, self.namespaces, &names)?;
                Ok(Expression::Generic {
                    source: source.to_owned(),
                    variables,
                    namespaces: self.namespaces.to_vec(),
                })
            }
        }
    }

    fn prefix(&self, prefix: &str) -> Made<String> {
        match prefix {
            "" => Ok(String::new()),
            "xml" => Ok("http://www.w3.org/XML/1998/namespace".to_owned()),
            _ => self
                .namespaces
                .iter()
                .rev()
                .find(|(p, _)| p == prefix)
                .map(|(_, uri)| uri.clone())
                .ok_or_else(|| Refused::Wrong(XPathError(format!("undeclared prefix {prefix:?}")))),
        }
    }

    fn pair(
        &mut self,
        arena: &AstArena,
        left: AstNodeId,
        right: AstNodeId,
    ) -> Made<Box<(Expr, Expr)>> {
        Ok(Box::new((
            self.expr(arena, left)?,
            self.expr(arena, right)?,
        )))
    }

    fn all(&mut self, arena: &AstArena, ids: &[AstNodeId]) -> Made<Vec<Expr>> {
        ids.iter().map(|id| self.expr(arena, *id)).collect()
    }

    fn expr(&mut self, arena: &AstArena, id: AstNodeId) -> Made<Expr> {
        match arena.get(id) {
            AstNode::Expr(node) => {
                let mut items = self.all(arena, &node.items)?;
                match items.len() {
                    1 => Ok(items.remove(0)),
                    _ => Ok(Expr::Sequence(items)),
                }
            }
            AstNode::Value(value) => match value {
                ValueNode::Empty => Ok(Expr::Sequence(Vec::new())),
                ValueNode::String(text) => Ok(Expr::String(text.clone())),
                ValueNode::Integer(text) => text
                    .parse()
                    .map(Expr::Integer)
                    .map_err(|_| Refused::Unsupported),
                ValueNode::Double(text) | ValueNode::Decimal(text) => text
                    .parse()
                    .map(Expr::Double)
                    .map_err(|_| Refused::Unsupported),
                ValueNode::Boolean(_) | ValueNode::Typed(_) => Err(Refused::Unsupported),
            },
            AstNode::ContextItem(_) => Ok(Expr::Context),
            AstNode::VarRef(node) => self.variable(&node.prefix, &node.local_name),
            AstNode::If(node) => Ok(Expr::If(Box::new((
                self.expr(arena, node.test)?,
                self.expr(arena, node.then_branch)?,
                self.expr(arena, node.else_branch)?,
            )))),
            AstNode::For(node) => self.bindings(
                arena,
                &node.bindings,
                node.return_expr,
                &|slot, of, give| Expr::For {
                    slot,
                    of: Box::new(of),
                    give: Box::new(give),
                },
            ),
            AstNode::Quantified(node) => {
                let every = node.kind == QuantifierKind::Every;
                self.bindings(
                    arena,
                    &node.bindings,
                    node.satisfies,
                    &move |slot, of, satisfies| Expr::Quantified {
                        every,
                        slot,
                        of: Box::new(of),
                        satisfies: Box::new(satisfies),
                    },
                )
            }
            AstNode::FunctionCall(node) => {
                self.call(arena, &node.prefix, &node.local_name, &node.args)
            }
            AstNode::PathExpr(node) => self.path(arena, node.is_absolute, &node.steps),
            AstNode::FilterExpr(node) => {
                let base = self.expr(arena, node.base)?;
                let predicates = self.predicates(arena, &node.predicates)?;
                Ok(if predicates.is_empty() {
                    base
                } else {
                    Expr::Filter {
                        base: Box::new(base),
                        predicates,
                    }
                })
            }
            AstNode::Range(node) => Ok(Expr::Range(self.pair(arena, node.start, node.end)?)),
            AstNode::UnaryOp(node) => {
                let operand = self.expr(arena, node.operand)?;
                Ok(match node.kind {
                    UnaryOpKind::Negate => Expr::Negate(Box::new(operand)),
                    UnaryOpKind::Identity => {
                        Expr::Negate(Box::new(Expr::Negate(Box::new(operand))))
                    }
                })
            }
            AstNode::BinaryOp(node) => {
                let pair = self.pair(arena, node.left, node.right)?;
                binary(node.kind, pair)
            }
            // A lone step: a path of one.
            AstNode::PathStep(_) => self.path(arena, false, &[id]),
            AstNode::TypeExpr(node) => {
                let of = Box::new(self.expr(arena, node.operand)?);
                let Some(ItemTypeNode::Atomic(name)) = &node.target_type.item_type else {
                    return Err(Refused::Unsupported);
                };
                let to = if self.prefix(&name.prefix)? == XS {
                    atomic(&name.local)
                } else {
                    None
                }
                .ok_or(Refused::Unsupported)?;
                let optional = node.target_type.occurrence == OccurrenceIndicator::ZeroOrOne;
                match node.kind {
                    TypeExprKind::CastableAs => Ok(Expr::Castable { of, to, optional }),
                    TypeExprKind::CastAs if optional => Ok(Expr::Cast { of, to }),
                    _ => Err(Refused::Unsupported),
                }
            }
        }
    }

    fn variable(&self, prefix: &str, local: &str) -> Made<Expr> {
        let name = if prefix.is_empty() {
            local.to_owned()
        } else {
            format!("{prefix}:{local}")
        };
        let bound = self.bound.iter().rev().find(|(n, _)| *n == name);
        let outer = || self.variables.iter().rev().find(|(n, _)| *n == name);
        match (bound, outer()) {
            (Some((_, slot)), _) => Ok(Expr::Variable(Slot::Bound(*slot))),
            (None, Some((_, slot))) => Ok(Expr::Variable(*slot)),
            (None, None) => Err(Refused::Wrong(XPathError(format!(
                "undeclared variable ${name}"
            )))),
        }
    }

    fn bindings(
        &mut self,
        arena: &AstArena,
        bindings: &[xsd_schema::xpath::ast::ForBinding],
        inner: AstNodeId,
        make: &dyn Fn(u32, Expr, Expr) -> Expr,
    ) -> Made<Expr> {
        let Some((first, rest)) = bindings.split_first() else {
            return self.expr(arena, inner);
        };
        let of = self.expr(arena, first.in_expr)?;
        let slot = self.bound.len() as u32;
        let name = if first.prefix.is_empty() {
            first.local_name.clone()
        } else {
            format!("{}:{}", first.prefix, first.local_name)
        };
        self.bound.push((name, slot));
        let inner = self.bindings(arena, rest, inner, make);
        self.bound.pop();
        Ok(make(slot, of, inner?))
    }

    fn call(
        &mut self,
        arena: &AstArena,
        prefix: &str,
        local: &str,
        args: &[AstNodeId],
    ) -> Made<Expr> {
        let namespace = if prefix.is_empty() || prefix == "fn" {
            FN.to_owned()
        } else if prefix == "xs" {
            XS.to_owned()
        } else {
            self.prefix(prefix)?
        };
        if namespace == XS {
            let to = atomic(local).ok_or(Refused::Unsupported)?;
            return match args {
                [one] => Ok(Expr::Cast {
                    of: Box::new(self.expr(arena, *one)?),
                    to,
                }),
                _ => Err(Refused::Unsupported),
            };
        }
        if namespace != FN {
            return Err(Refused::Wrong(XPathError(format!(
                "unknown function {prefix}:{local}"
            ))));
        }
        let function = Function::find(local, args.len()).ok_or(Refused::Unsupported)?;
        let args = self.all(arena, args)?;
        Ok(Expr::Call(function, args))
    }

    fn path(&mut self, arena: &AstArena, absolute: bool, ids: &[AstNodeId]) -> Made<Expr> {
        let mut steps = Vec::with_capacity(ids.len());
        for id in ids {
            steps.push(match arena.get(*id) {
                AstNode::PathStep(step) => PathStep::Axis(self.step(arena, step)?),
                _ => PathStep::Expr(self.expr(arena, *id)?),
            });
        }
        let mut from = if absolute { Expr::Root } else { Expr::Context };
        if !absolute && matches!(steps.first(), Some(PathStep::Expr(_))) {
            if let PathStep::Expr(first) = steps.remove(0) {
                from = first;
            }
            if steps.is_empty() {
                return Ok(from);
            }
        }
        merge_descendants(&mut steps);
        let sort = needs_sort(&from, &steps);
        Ok(Expr::Path {
            from: Box::new(from),
            steps,
            sort,
        })
    }

    fn step(
        &mut self,
        arena: &AstArena,
        step: &xsd_schema::xpath::ast::PathStepNode,
    ) -> Made<Step> {
        let axis = match step.axis {
            AstAxis::Child => Axis::Child,
            AstAxis::Descendant => Axis::Descendant,
            AstAxis::Attribute => Axis::Attribute,
            AstAxis::SelfAxis => Axis::Itself,
            AstAxis::DescendantOrSelf => Axis::DescendantOrSelf,
            AstAxis::FollowingSibling => Axis::FollowingSibling,
            AstAxis::Following => Axis::Following,
            AstAxis::Parent => Axis::Parent,
            AstAxis::Ancestor => Axis::Ancestor,
            AstAxis::PrecedingSibling => Axis::PrecedingSibling,
            AstAxis::Preceding => Axis::Preceding,
            AstAxis::AncestorOrSelf => Axis::AncestorOrSelf,
            AstAxis::Namespace => return Err(Refused::Unsupported),
        };
        let test = match &step.test {
            NodeTest::Name(name) => match (&name.prefix, &name.local_name) {
                (None, None) => Test::AnyName,
                (None, Some(local)) => Test::AnyNamespace(local.clone()),
                (Some(prefix), None) => Test::InNamespace(self.prefix(prefix)?),
                (Some(prefix), Some(local)) => {
                    let namespace = self.prefix(prefix)?;
                    Test::Name(self.names.intern(&namespace, local))
                }
            },
            NodeTest::Kind(kind) => match kind {
                KindTest::AnyKind => Test::Node,
                KindTest::Text => Test::Text,
                KindTest::Comment => Test::Comment,
                KindTest::ProcessingInstruction(target) => Test::Instruction(target.clone()),
                KindTest::Document(None) => Test::Document,
                KindTest::Element(test) if test.name.is_none() && test.type_name.is_none() => {
                    Test::Element
                }
                KindTest::Attribute(test) if test.name.is_none() && test.type_name.is_none() => {
                    Test::Attribute
                }
                _ => return Err(Refused::Unsupported),
            },
        };
        let predicates = self.predicates(arena, &step.predicates)?;
        let key = match predicates.as_slice() {
            [only] => self.key(&only.expr),
            _ => None,
        };
        Ok(Step {
            axis,
            test,
            predicates,
            key,
        })
    }

    fn predicates(&mut self, arena: &AstArena, ids: &[AstNodeId]) -> Made<Vec<Predicate>> {
        ids.iter()
            .map(|id| {
                let expr = self.expr(arena, *id)?;
                let positional = !is_boolean(&expr) || asks_position(&expr);
                Ok(Predicate { expr, positional })
            })
            .collect()
    }

    fn key(&self, expr: &Expr) -> Option<Key> {
        let mut key = Key {
            parts: Vec::new(),
            values: Vec::new(),
        };
        self.key_part(expr, &mut key).then_some(key)
    }

    fn key_part(&self, expr: &Expr, key: &mut Key) -> bool {
        match expr {
            Expr::And(pair) => self.key_part(&pair.0, key) && self.key_part(&pair.1, key),
            Expr::General(Comparison::Eq, pair) => {
                let (part, value) = match (self.key_name(&pair.0), self.key_name(&pair.1)) {
                    (Some(part), None) => (part, &pair.1),
                    (None, Some(part)) => (part, &pair.0),
                    _ => return false,
                };
                // The value is compared as a string only when it is text, whatever it holds.
                let text = match value {
                    Expr::String(_) | Expr::Variable(_) => true,
                    Expr::Call(function, args) => {
                        function.gives_string()
                            && args
                                .iter()
                                .all(|a| matches!(a, Expr::Variable(_) | Expr::String(_)))
                    }
                    _ => false,
                };
                if text {
                    key.parts.push(part);
                    key.values.push(value.clone());
                }
                text
            }
            _ => false,
        }
    }

    /// `@name` or `text()`.
    fn key_name(&self, expr: &Expr) -> Option<KeyPart> {
        let Expr::Path { from, steps, .. } = expr else {
            return None;
        };
        let (Expr::Context, [PathStep::Axis(step)]) = (&**from, steps.as_slice()) else {
            return None;
        };
        match (&step.axis, &step.test, step.predicates.is_empty()) {
            (Axis::Attribute, Test::Name(name), true) => {
                let (namespace, local) = &self.names.names[*name as usize];
                namespace
                    .is_empty()
                    .then(|| KeyPart::Attribute(local.clone()))
            }
            (Axis::Child, Test::Text, true) => Some(KeyPart::Text),
            _ => None,
        }
    }
}

const FN: &str = "http://www.w3.org/2005/xpath-functions";
const XS: &str = "http://www.w3.org/2001/XMLSchema";

fn atomic(local: &str) -> Option<AtomicType> {
    match local {
        "string" => Some(AtomicType::String),
        "boolean" => Some(AtomicType::Boolean),
        "integer" => Some(AtomicType::Integer),
        "double" => Some(AtomicType::Double),
        _ => None,
    }
}

fn binary(kind: BinaryOpKind, pair: Box<(Expr, Expr)>) -> Made<Expr> {
    use BinaryOpKind as B;
    Ok(match kind {
        B::Or => Expr::Or(pair),
        B::And => Expr::And(pair),
        B::GeneralEq => Expr::General(Comparison::Eq, pair),
        B::GeneralNe => Expr::General(Comparison::Ne, pair),
        B::GeneralLt => Expr::General(Comparison::Lt, pair),
        B::GeneralLe => Expr::General(Comparison::Le, pair),
        B::GeneralGt => Expr::General(Comparison::Gt, pair),
        B::GeneralGe => Expr::General(Comparison::Ge, pair),
        B::ValueEq => Expr::ValueCompare(Comparison::Eq, pair),
        B::ValueNe => Expr::ValueCompare(Comparison::Ne, pair),
        B::ValueLt => Expr::ValueCompare(Comparison::Lt, pair),
        B::ValueLe => Expr::ValueCompare(Comparison::Le, pair),
        B::ValueGt => Expr::ValueCompare(Comparison::Gt, pair),
        B::ValueGe => Expr::ValueCompare(Comparison::Ge, pair),
        B::Is => Expr::Is(pair),
        B::Before | B::After => return Err(Refused::Unsupported),
        B::Add => arithmetic(Arithmetic::Add, pair)?,
        B::Sub => arithmetic(Arithmetic::Sub, pair)?,
        B::Mul => arithmetic(Arithmetic::Mul, pair)?,
        B::Div => arithmetic(Arithmetic::Div, pair)?,
        B::IDiv => arithmetic(Arithmetic::IDiv, pair)?,
        B::Mod => arithmetic(Arithmetic::Mod, pair)?,
        B::Union => Expr::Set(SetOperation::Union, pair),
        B::Intersect => Expr::Set(SetOperation::Intersect, pair),
        B::Except => Expr::Set(SetOperation::Except, pair),
    })
}

/// Decimals are exact in XPath and not in `f64`: arithmetic on them goes to the general evaluator.
fn arithmetic(operation: Arithmetic, pair: Box<(Expr, Expr)>) -> Made<Expr> {
    if matches!(pair.0, Expr::Double(_)) || matches!(pair.1, Expr::Double(_)) {
        return Err(Refused::Unsupported);
    }
    Ok(Expr::Arithmetic(operation, pair))
}

/// Is its value always a boolean, a string or nodes: never a number, which as a predicate is a position?
fn is_boolean(expr: &Expr) -> bool {
    match expr {
        Expr::And(_)
        | Expr::Or(_)
        | Expr::General(..)
        | Expr::ValueCompare(..)
        | Expr::Is(_)
        | Expr::Quantified { .. }
        | Expr::Castable { .. }
        | Expr::Set(..)
        | Expr::Root
        | Expr::String(_) => true,
        Expr::Call(function, _) => function.never_number(),
        Expr::Path { steps, .. } => match steps.last() {
            Some(PathStep::Axis(_)) | None => true,
            Some(PathStep::Expr(last)) => is_boolean(last),
        },
        Expr::If(parts) => is_boolean(&parts.1) && is_boolean(&parts.2),
        Expr::Filter { base, .. } => is_boolean(base),
        _ => false,
    }
}

/// Does it ask for `position()` or `last()` of its own focus?
fn asks_position(expr: &Expr) -> bool {
    match expr {
        Expr::Call(function, args) => {
            matches!(function, Function::Position | Function::Last)
                || args.iter().any(asks_position)
        }
        Expr::Sequence(items) => items.iter().any(asks_position),
        Expr::If(parts) => {
            asks_position(&parts.0) || asks_position(&parts.1) || asks_position(&parts.2)
        }
        Expr::For { of, give, .. } => asks_position(of) || asks_position(give),
        Expr::Quantified { of, satisfies, .. } => asks_position(of) || asks_position(satisfies),
        Expr::Path { from, .. } => asks_position(from),
        Expr::Filter { base, .. } => asks_position(base),
        Expr::Negate(of) | Expr::Castable { of, .. } | Expr::Cast { of, .. } => asks_position(of),
        Expr::And(pair)
        | Expr::Or(pair)
        | Expr::General(_, pair)
        | Expr::ValueCompare(_, pair)
        | Expr::Is(pair)
        | Expr::Arithmetic(_, pair)
        | Expr::Set(_, pair)
        | Expr::Range(pair) => asks_position(&pair.0) || asks_position(&pair.1),
        Expr::String(_)
        | Expr::Integer(_)
        | Expr::Double(_)
        | Expr::Context
        | Expr::Root
        | Expr::Variable(_) => false,
    }
}

/// `descendant-or-self::node()/child::x[p]` is `descendant::x[p]` when no predicate counts positions.
fn merge_descendants(steps: &mut Vec<PathStep>) {
    let mut at = 0;
    while at + 1 < steps.len() {
        let gap = matches!(&steps[at], PathStep::Axis(s)
            if s.axis == Axis::DescendantOrSelf && s.test == Test::Node && s.predicates.is_empty());
        let next = matches!(&steps[at + 1], PathStep::Axis(s)
            if s.axis == Axis::Child && s.predicates.iter().all(|p| !p.positional));
        if gap && next {
            steps.remove(at);
            if let PathStep::Axis(step) = &mut steps[at] {
                step.axis = Axis::Descendant;
            }
        }
        at += 1;
    }
}

/// Only child, attribute and self steps from one node keep document order without duplicates, with at most one
/// descendant step, and that the first that can meet several nodes.
fn needs_sort(from: &Expr, steps: &[PathStep]) -> bool {
    let mut many = !matches!(from, Expr::Context | Expr::Root);
    for step in steps {
        match step {
            PathStep::Axis(step) => match step.axis {
                Axis::Child => many = true,
                Axis::Attribute | Axis::Itself => {}
                Axis::Descendant | Axis::DescendantOrSelf if !many => {
                    return steps_after_descendant(steps);
                }
                _ => return true,
            },
            PathStep::Expr(_) => return true,
        }
    }
    // Children of several nodes in document order at one depth, none inside another, are in document order.
    many && !matches!(from, Expr::Context | Expr::Root)
}

/// After a descendant step nodes can hold one another: only attributes and self keep the order.
fn steps_after_descendant(steps: &[PathStep]) -> bool {
    let mut seen = false;
    for step in steps {
        match step {
            PathStep::Axis(step) => match step.axis {
                Axis::Descendant | Axis::DescendantOrSelf => {
                    if seen {
                        return true;
                    }
                    seen = true;
                }
                Axis::Attribute | Axis::Itself => {}
                Axis::Child if !seen => return true,
                _ => return true,
            },
            PathStep::Expr(_) => return true,
        }
    }
    false
}

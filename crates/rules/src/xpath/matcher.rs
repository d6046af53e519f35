//! Rule contexts as XSLT match patterns: candidates from an index, then the path checked from right to left.

use diapason_formats::xml::{NodeId, NodeKind};

use super::eval::{Context, Session};
use super::plan::{Axis, Comparison, Expr, Expression, PathStep, SetOperation, Step, Test};
use super::{Item, NodeRef, Value, XPathError};

/// A compiled context.
#[derive(Debug, Clone)]
pub(crate) struct Matcher {
    alternatives: Vec<Alternative>,
}

#[derive(Debug, Clone)]
enum Alternative {
    /// The document node.
    Document,
    Path {
        steps: Vec<Link>,
        anchored: bool,
        candidates: Candidates,
    },
    /// Not a path of simple steps: the node is looked for in the value of the expression from each ancestor.
    Any(Expression),
}

/// A step and how it hangs on the one before.
#[derive(Debug, Clone)]
struct Link {
    step: Step,
    /// Reached through `//`: any ancestor will do.
    deep: bool,
}

/// Where to look for nodes.
#[derive(Debug, Clone)]
enum Candidates {
    /// Elements of a name.
    Name(u32),
    /// Elements with a child whose attribute has this value: `*[cda:templateId/@root = '...']`.
    Child {
        child: u32,
        attribute: u32,
        value: String,
    },
    /// Element children of the elements of a name: `cda:id/*[...]`.
    ChildrenOf(u32),
    /// Every element.
    Elements,
    /// Comments or processing instructions.
    Others,
}

impl Matcher {
    pub(crate) fn new(expression: Expression) -> Self {
        let mut alternatives = Vec::new();
        match expression {
            Expression::Plan(expr) => split(expr, &mut alternatives),
            generic @ Expression::Generic { .. } => alternatives.push(Alternative::Any(generic)),
        }
        Self { alternatives }
    }

    /// Nodes that may match, in document order, without duplicates.
    pub(crate) fn candidates(&self, session: &Session<'_>) -> Vec<NodeId> {
        let mut all = Vec::new();
        for alternative in &self.alternatives {
            match alternative {
                Alternative::Document => all.push(NodeId::ROOT),
                Alternative::Path { candidates, .. } => match candidates {
                    Candidates::Name(name) => all.extend_from_slice(session.elements(*name)),
                    Candidates::Child {
                        child,
                        attribute,
                        value,
                    } => all.extend(session.parents_by_child(*child, *attribute, value)),
                    Candidates::ChildrenOf(name) => {
                        for parent in session.elements(*name) {
                            all.extend(session.tree.child_elements(*parent));
                        }
                        // Elements of one name can hold one another.
                        all.sort_unstable();
                        all.dedup();
                    }
                    Candidates::Elements => {
                        all.extend(session.tree.nodes().filter(|n| session.tree.is_element(*n)));
                    }
                    Candidates::Others => all.extend(session.tree.nodes().filter(|n| {
                        matches!(
                            session.tree.kind(*n),
                            NodeKind::Comment | NodeKind::Instruction
                        )
                    })),
                },
                Alternative::Any(_) => all.extend(session.tree.nodes().filter(|n| {
                    !matches!(session.tree.kind(*n), NodeKind::Attribute | NodeKind::Text)
                })),
            }
        }
        if self.alternatives.len() > 1 {
            all.sort_unstable();
            all.dedup();
        }
        all
    }

    /// Does the node match?
    pub(crate) fn matches<'t>(
        &self,
        session: &Session<'t>,
        node: NodeId,
        context: &Context<'_, 't>,
    ) -> Result<bool, XPathError> {
        for alternative in &self.alternatives {
            let found = match alternative {
                Alternative::Document => node == NodeId::ROOT,
                // Names first, which cost nothing; predicates after.
                Alternative::Path {
                    steps, anchored, ..
                } => {
                    fits(session, steps, *anchored, node)
                        && matches_path(session, steps, *anchored, node, context)?
                }
                Alternative::Any(expression) => matches_any(session, expression, node, context)?,
            };
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn split(expr: Expr, out: &mut Vec<Alternative>) {
    match expr {
        Expr::Set(SetOperation::Union, pair) => {
            let (left, right) = *pair;
            split(left, out);
            split(right, out);
        }
        Expr::Sequence(mut items) if items.len() == 1 => {
            if let Some(only) = items.pop() {
                split(only, out);
            }
        }
        Expr::Root => out.push(Alternative::Document),
        Expr::Path { from, steps, sort } => out.push(match links(&from, &steps) {
            Some((links, anchored)) if links.is_empty() && anchored => Alternative::Document,
            Some((links, anchored)) => {
                let candidates = candidates(&links);
                Alternative::Path {
                    steps: links,
                    anchored,
                    candidates,
                }
            }
            None => Alternative::Any(Expression::Plan(Expr::Path { from, steps, sort })),
        }),
        other => out.push(Alternative::Any(Expression::Plan(other))),
    }
}

/// The steps of a pattern, or `None` when it is not one of simple steps.
fn links(from: &Expr, steps: &[PathStep]) -> Option<(Vec<Link>, bool)> {
    let anchored = match from {
        Expr::Root => true,
        Expr::Context => false,
        _ => return None,
    };
    let mut links = Vec::new();
    let mut deep = false;
    for step in steps {
        let PathStep::Axis(step) = step else {
            return None;
        };
        match step.axis {
            Axis::DescendantOrSelf if step.test == Test::Node && step.predicates.is_empty() => {
                deep = true;
                continue;
            }
            // Attributes are never visited: such a context never fires, but stays well formed.
            Axis::Child | Axis::Attribute => {}
            // `//x` merged.
            Axis::Descendant => deep = true,
            Axis::Itself if links.is_empty() && !anchored => {}
            _ => return None,
        }
        links.push(Link {
            step: step.clone(),
            deep,
        });
        deep = false;
    }
    if deep {
        return None;
    }
    Some((links, anchored))
}

fn candidates(links: &[Link]) -> Candidates {
    let Some((link, before)) = links.split_last() else {
        return Candidates::Elements;
    };
    let children = || match before.last() {
        Some(parent) if !link.deep => match &parent.step.test {
            Test::Name(name) if parent.step.axis != Axis::Attribute => {
                Candidates::ChildrenOf(*name)
            }
            _ => Candidates::Elements,
        },
        _ => Candidates::Elements,
    };
    match &link.step.test {
        Test::Name(name) => Candidates::Name(*name),
        Test::AnyName | Test::AnyNamespace(_) | Test::InNamespace(_) | Test::Element => link
            .step
            .predicates
            .first()
            .and_then(|p| by_child(&p.expr))
            .unwrap_or_else(children),
        Test::Comment | Test::Instruction(_) => Candidates::Others,
        _ => Candidates::Elements,
    }
}

/// `child/@attribute = 'value'`, alone or as the first of several conditions.
fn by_child(expr: &Expr) -> Option<Candidates> {
    match expr {
        Expr::And(pair) => by_child(&pair.0),
        Expr::General(Comparison::Eq, pair) => {
            let ((path, Expr::String(value)) | (Expr::String(value), path)) = &**pair else {
                return None;
            };
            let Expr::Path { from, steps, .. } = path else {
                return None;
            };
            match (&**from, steps.as_slice()) {
                (Expr::Context, [PathStep::Axis(child), PathStep::Axis(attribute)])
                    if child.axis == Axis::Child
                        && child.predicates.is_empty()
                        && attribute.axis == Axis::Attribute
                        && attribute.predicates.is_empty() =>
                {
                    match (&child.test, &attribute.test) {
                        (Test::Name(child), Test::Name(attribute)) => Some(Candidates::Child {
                            child: *child,
                            attribute: *attribute,
                            value: value.clone(),
                        }),
                        _ => None,
                    }
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// Could the path match, its predicates left aside?
fn fits(session: &Session<'_>, steps: &[Link], anchored: bool, node: NodeId) -> bool {
    let Some((link, before)) = steps.split_last() else {
        return !anchored || node == NodeId::ROOT;
    };
    if !session.passes(&link.step.test, link.step.axis, session.tree, true, node) {
        return false;
    }
    let mut at = session.tree.parent(node);
    if before.is_empty() {
        return !anchored || link.deep || at == Some(NodeId::ROOT);
    }
    while let Some(up) = at {
        if fits(session, before, anchored, up) {
            return true;
        }
        if !link.deep {
            return false;
        }
        at = session.tree.parent(up);
    }
    false
}

fn matches_path<'t>(
    session: &Session<'t>,
    steps: &[Link],
    anchored: bool,
    node: NodeId,
    context: &Context<'_, 't>,
) -> Result<bool, XPathError> {
    let Some((link, before)) = steps.split_last() else {
        return Ok(!anchored || node == NodeId::ROOT);
    };
    if !session.passes(&link.step.test, link.step.axis, session.tree, true, node) {
        return Ok(false);
    }
    let parent = session.tree.parent(node);
    if before.is_empty() {
        if anchored && !link.deep && parent != Some(NodeId::ROOT) {
            return Ok(false);
        }
        return selected(session, &link.step, node, context);
    }
    if !selected(session, &link.step, node, context)? {
        return Ok(false);
    }
    let mut at = parent;
    while let Some(up) = at {
        if matches_path(session, before, anchored, up, context)? {
            return Ok(true);
        }
        if !link.deep {
            return Ok(false);
        }
        at = session.tree.parent(up);
    }
    Ok(false)
}

fn selected<'t>(
    session: &Session<'t>,
    step: &Step,
    node: NodeId,
    context: &Context<'_, 't>,
) -> Result<bool, XPathError> {
    if step.predicates.is_empty() {
        return Ok(true);
    }
    let this = NodeRef { document: 0, node };
    if step.predicates.iter().any(|p| p.positional) {
        // The position is among what the step gives from the parent.
        let Some(parent) = session.tree.parent(node) else {
            return Ok(false);
        };
        let mut found = Vec::new();
        let sibling = Step {
            axis: if step.axis == Axis::Descendant {
                Axis::Child
            } else {
                step.axis
            },
            ..step.clone()
        };
        session.step(
            &sibling,
            NodeRef {
                document: 0,
                node: parent,
            },
            context,
            &mut found,
        )?;
        return Ok(found.contains(&this));
    }
    let item = Item::Node(this);
    let inner = Context {
        item: Some(&item),
        position: 1,
        size: 1,
        current: this,
        ..*context
    };
    for predicate in &step.predicates {
        if !session.selects(predicate, &inner)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn matches_any<'t>(
    session: &Session<'t>,
    expression: &Expression,
    node: NodeId,
    context: &Context<'_, 't>,
) -> Result<bool, XPathError> {
    let mut at = Some(node);
    while let Some(from) = at {
        let item = Item::Node(NodeRef {
            document: 0,
            node: from,
        });
        let inner = Context {
            item: Some(&item),
            position: 1,
            size: 1,
            ..*context
        };
        let value: Value<'t> = session.run(expression, &inner)?;
        let found = value
            .items()
            .iter()
            .any(|i| matches!(i, Item::Node(n) if n.document == 0 && n.node == node));
        if found {
            return Ok(true);
        }
        at = session.tree.parent(from);
    }
    Ok(false)
}

//! Steps: the nodes of an axis that pass a test, predicates applied, value sets found by key.

use std::borrow::Cow;

use diapason_formats::xml::{NodeId, NodeKind, Tree};

use super::eval::{Context, Session};
use super::plan::{Axis, Key, Predicate, Step, Test};
use super::{Item, NodeRef, XPathError};

impl<'t> Session<'t> {
    /// The nodes of one step from one node, predicates applied, in axis order.
    pub(super) fn step(
        &self,
        step: &Step,
        from: NodeRef,
        context: &Context<'_, 't>,
        out: &mut Vec<NodeRef>,
    ) -> Result<(), XPathError> {
        if let (Some(key), Some(rank), Axis::Descendant, Test::Name(name)) = (
            &step.key,
            from.document.checked_sub(1),
            step.axis,
            &step.test,
        ) && from.node == NodeId::ROOT
        {
            return self.by_key(key, rank, *name, context, out);
        }
        let start = out.len();
        self.walk(step, from, out)?;
        if step.predicates.is_empty() {
            return Ok(());
        }
        let mut found: Vec<NodeRef> = out.split_off(start);
        for predicate in &step.predicates {
            let size = found.len();
            let mut kept = Vec::with_capacity(size);
            for (rank, node) in found.into_iter().enumerate() {
                let item = Item::Node(node);
                let inner = Context {
                    item: Some(&item),
                    position: rank + 1,
                    size,
                    ..*context
                };
                if self.selects(predicate, &inner)? {
                    kept.push(node);
                }
            }
            found = kept;
        }
        out.append(&mut found);
        Ok(())
    }

    fn by_key(
        &self,
        key: &Key,
        rank: u32,
        name: u32,
        context: &Context<'_, 't>,
        out: &mut Vec<NodeRef>,
    ) -> Result<(), XPathError> {
        let mut keys = vec![String::new()];
        for (at, value) in key.values.iter().enumerate() {
            let value = self.eval(value, context)?;
            let texts: Vec<Cow<'t, str>> = value.items().iter().map(|i| self.text(i)).collect();
            keys = keys
                .iter()
                .flat_map(|key| {
                    texts.iter().map(move |text| {
                        if at == 0 {
                            text.to_string()
                        } else {
                            format!("{key}\u{1f}{text}")
                        }
                    })
                })
                .collect();
            if keys.len() > 10_000 {
                return Err(XPathError::new("too many values to look up"));
            }
        }
        let loaded = self.documents.get(rank).map_err(XPathError)?;
        let (namespace, local) = &self.pack_names.names[name as usize];
        let start = out.len();
        for value in keys {
            out.extend(
                loaded
                    .lookup(namespace, local, &key.parts, &value)
                    .into_iter()
                    .map(|node| NodeRef {
                        document: rank + 1,
                        node,
                    }),
            );
        }
        out[start..].sort_unstable();
        Ok(())
    }

    /// Does a predicate keep the context item?
    pub(super) fn selects(
        &self,
        predicate: &Predicate,
        context: &Context<'_, 't>,
    ) -> Result<bool, XPathError> {
        if !predicate.positional {
            return self.holds(&predicate.expr, context);
        }
        let value = self.eval(&predicate.expr, context)?;
        match value.items() {
            [Item::Integer(rank)] => Ok(usize::try_from(*rank) == Ok(context.position)),
            [Item::Double(rank)] => Ok(*rank == context.position as f64),
            _ => self.truth(&value),
        }
    }

    pub(super) fn filter(
        &self,
        items: Vec<Item<'t>>,
        predicate: &Predicate,
        context: &Context<'_, 't>,
    ) -> Result<Vec<Item<'t>>, XPathError> {
        let size = items.len();
        let mut kept = Vec::with_capacity(size);
        for (rank, item) in items.into_iter().enumerate() {
            let inner = Context {
                item: Some(&item),
                position: rank + 1,
                size,
                ..*context
            };
            if self.selects(predicate, &inner)? {
                kept.push(item);
            }
        }
        Ok(kept)
    }

    fn walk(&self, step: &Step, from: NodeRef, out: &mut Vec<NodeRef>) -> Result<(), XPathError> {
        let tree = self.tree_of(from.document);
        let own = from.document == 0;
        let test = &step.test;
        let mut take = |node: NodeId| {
            if self.passes(test, step.axis, tree, own, node) {
                out.push(NodeRef {
                    document: from.document,
                    node,
                });
            }
        };
        let mut visited = 0_u64;
        match step.axis {
            Axis::Child => tree.children(from.node).for_each(|n| {
                visited += 1;
                take(n);
            }),
            Axis::Attribute if tree.is_element(from.node) => {
                tree.attributes(from.node).for_each(take);
            }
            Axis::Attribute => {}
            Axis::Itself => take(from.node),
            Axis::Parent => tree.parent(from.node).into_iter().for_each(take),
            Axis::Descendant | Axis::DescendantOrSelf => {
                if step.axis == Axis::DescendantOrSelf {
                    take(from.node);
                }
                let end = tree.subtree_end(from.node);
                if let (Test::Name(name), true) = (test, own) {
                    let all = self.elements(*name);
                    let start = all.partition_point(|n| *n <= from.node);
                    for node in all[start..].iter().take_while(|n| **n < end) {
                        visited += 1;
                        take(*node);
                    }
                } else if tree.kind(from.node) != NodeKind::Attribute {
                    for node in tree.range(from.node, end) {
                        visited += 1;
                        if tree.kind(node) != NodeKind::Attribute {
                            take(node);
                        }
                    }
                }
            }
            Axis::FollowingSibling | Axis::PrecedingSibling => {
                if tree.kind(from.node) != NodeKind::Attribute {
                    let next = |n: NodeId| {
                        if step.axis == Axis::FollowingSibling {
                            tree.next_sibling(n)
                        } else {
                            tree.previous_sibling(n)
                        }
                    };
                    for node in std::iter::successors(next(from.node), |n| next(*n)) {
                        visited += 1;
                        take(node);
                    }
                }
            }
            Axis::Ancestor | Axis::AncestorOrSelf => {
                let first = if step.axis == Axis::AncestorOrSelf {
                    Some(from.node)
                } else {
                    tree.parent(from.node)
                };
                std::iter::successors(first, |n| tree.parent(*n)).for_each(take);
            }
            Axis::Following => {
                for node in tree.range_from(tree.subtree_end(from.node)) {
                    visited += 1;
                    if tree.kind(node) != NodeKind::Attribute {
                        take(node);
                    }
                }
            }
            Axis::Preceding => {
                let ancestors: Vec<NodeId> =
                    std::iter::successors(tree.parent(from.node), |n| tree.parent(*n)).collect();
                let mut before: Vec<NodeId> = tree
                    .range(NodeId::ROOT, from.node)
                    .filter(|n| tree.kind(*n) != NodeKind::Attribute && !ancestors.contains(n))
                    .collect();
                before.reverse();
                visited += before.len() as u64;
                before.into_iter().for_each(take);
            }
        }
        self.spend(visited)
    }

    /// Does a node pass a node test?
    pub(super) fn passes(
        &self,
        test: &Test,
        axis: Axis,
        tree: &Tree,
        own: bool,
        node: NodeId,
    ) -> bool {
        let kind = tree.kind(node);
        let principal = if axis == Axis::Attribute {
            NodeKind::Attribute
        } else {
            NodeKind::Element
        };
        match test {
            Test::Name(name) if own => {
                kind == principal
                    && self
                        .name_of(*name)
                        .is_some_and(|n| tree.name_id(node) == Some(n))
            }
            Test::Name(name) => {
                let (namespace, local) = &self.pack_names.names[*name as usize];
                kind == principal && tree.is_named(node, namespace, local)
            }
            Test::AnyName => kind == principal,
            Test::AnyNamespace(local) => kind == principal && tree.local(node) == local,
            Test::InNamespace(namespace) => kind == principal && tree.namespace(node) == namespace,
            Test::Node => true,
            Test::Text => kind == NodeKind::Text,
            Test::Comment => kind == NodeKind::Comment,
            Test::Instruction(target) => {
                kind == NodeKind::Instruction
                    && target.as_ref().is_none_or(|t| tree.local(node) == t)
            }
            Test::Element => kind == NodeKind::Element,
            Test::Attribute => kind == NodeKind::Attribute,
            Test::Document => kind == NodeKind::Document,
        }
    }
}

//! A subtree as a plain list of events: what is handed to an engine on another thread.

use diapason_formats::xml::{NodeId, NodeKind, Tree};

/// A piece of [`Flat::text`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    start: usize,
    end: usize,
}

/// One event, with the node it comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    /// A namespace declared on the element that opens next; prefix empty for the default.
    Namespace { prefix: Span, uri: Span },
    /// An element opens. `scope` says that its namespaces are all listed just before, and replace the former ones.
    Open {
        node: NodeId,
        local: Span,
        namespace: Span,
        scope: bool,
    },
    /// An attribute of the element that just opened.
    Attribute {
        node: NodeId,
        local: Span,
        namespace: Span,
        value: Span,
    },
    /// The attributes are over.
    Content,
    /// Text.
    Text { value: Span },
    /// The element closes.
    Close { node: NodeId },
}

/// A subtree.
#[derive(Debug, Default)]
pub(super) struct Flat {
    text: String,
    events: Vec<Event>,
}

/// What is left out of a subtree.
pub(super) type Skipped<'a> = &'a dyn Fn(NodeId) -> bool;

impl Flat {
    /// Flattens the element `root` and all it holds, without the attributes of `root` that `skipped` names.
    pub(super) fn new(tree: &Tree, root: NodeId, skipped: Skipped<'_>) -> Self {
        let mut flat = Self::default();
        let mut open: Vec<NodeId> = Vec::new();
        let mut at = root;
        loop {
            match tree.kind(at) {
                NodeKind::Element => {
                    let parent = open.last().copied();
                    flat.open(tree, at, parent, skipped);
                    if let Some(child) = tree.first_child(at) {
                        open.push(at);
                        at = child;
                        continue;
                    }
                    flat.events.push(Event::Close { node: at });
                }
                NodeKind::Text => {
                    let value = flat.keep(tree.text(at));
                    flat.events.push(Event::Text { value });
                }
                _ => {}
            }
            loop {
                if at == root {
                    return flat;
                }
                if let Some(next) = tree.next_sibling(at) {
                    at = next;
                    break;
                }
                let Some(up) = open.pop() else {
                    return flat;
                };
                flat.events.push(Event::Close { node: up });
                at = up;
            }
        }
    }

    fn open(&mut self, tree: &Tree, node: NodeId, parent: Option<NodeId>, skipped: Skipped<'_>) {
        let changed = parent.is_none_or(|p| !tree.scope(node).eq(tree.scope(p)));
        if changed {
            for (prefix, uri) in tree.scope(node) {
                let (prefix, uri) = (self.keep(prefix), self.keep(uri));
                self.events.push(Event::Namespace { prefix, uri });
            }
        }
        let (local, namespace) = (self.keep(tree.local(node)), self.keep(tree.namespace(node)));
        self.events.push(Event::Open {
            node,
            local,
            namespace,
            scope: changed,
        });
        for attribute in tree.attributes(node) {
            if parent.is_none() && skipped(attribute) {
                continue;
            }
            let local = self.keep(tree.local(attribute));
            let namespace = self.keep(tree.namespace(attribute));
            let value = self.keep(tree.text(attribute));
            self.events.push(Event::Attribute {
                node: attribute,
                local,
                namespace,
                value,
            });
        }
        self.events.push(Event::Content);
    }

    fn keep(&mut self, text: &str) -> Span {
        let start = self.text.len();
        self.text.push_str(text);
        Span {
            start,
            end: self.text.len(),
        }
    }

    /// The events in order.
    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    /// The outermost element.
    pub(super) fn root(&self) -> Option<NodeId> {
        self.events.iter().find_map(|event| match event {
            Event::Open { node, .. } => Some(*node),
            _ => None,
        })
    }

    /// A piece of text.
    pub(super) fn get(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }
}

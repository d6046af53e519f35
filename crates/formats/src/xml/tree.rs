//! An arena tree of an XML document: small nodes in document order, interned names, positions.
//!
//! Attributes are nodes that stand just after their element, so that the order of ids is document order, and the
//! descendants of an element are a run of ids. Values point into the source text wherever it holds them as they are.

use std::borrow::Cow;
use std::collections::HashMap;

use roxmltree::{NodeType, ParsingOptions, StringStorage};

use super::scan::{self, Limits, ReadError, ReadProblem};

/// A node of one tree. Their order is document order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

impl NodeId {
    /// The document node.
    pub const ROOT: Self = Self(0);

    /// Rank in document order, from 0 (the document node).
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// An expanded name of one tree: same namespace and local name, same id, whatever the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(u32);

impl NameId {
    /// Rank among the names of the tree, from 0.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// The document itself.
    Document,
    /// An element.
    Element,
    /// An attribute.
    Attribute,
    /// Text.
    Text,
    /// A comment.
    Comment,
    /// A processing instruction; its name is its target.
    Instruction,
}

/// A place in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Byte offset in the text, byte order mark not counted.
    pub offset: usize,
}

const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Node {
    kind: NodeKind,
    /// Index in `qnames`; `NONE` for nodes without a name.
    name: u32,
    parent: u32,
    previous: u32,
    next: u32,
    /// First id after the node's subtree, attributes included.
    end: u32,
    /// First id after the element's attributes.
    children: u32,
    offset: u32,
    value: Value,
    /// In-scope namespaces of an element, index in `scopes`.
    scope: u32,
}

/// A piece of the source or of the heap of decoded values.
#[derive(Debug, Clone, Copy, Default)]
struct Value {
    start: u32,
    len: u32,
    heap: bool,
}

#[derive(Debug)]
struct QName {
    /// As written, `p:local`.
    written: Box<str>,
    /// Length of the prefix and its colon.
    prefix: usize,
    namespace: u32,
    expanded: u32,
}

/// A document. Immutable, and safe to share between threads.
#[derive(Debug)]
pub struct Tree {
    source: Box<str>,
    heap: String,
    nodes: Vec<Node>,
    qnames: Vec<QName>,
    /// Expanded names: namespace and local name, to id.
    expanded: HashMap<(u32, Box<str>), u32>,
    /// Namespace 0 is "no namespace".
    namespaces: Vec<Box<str>>,
    scopes: Vec<Vec<(Box<str>, u32)>>,
    /// Offsets at which lines begin.
    lines: Vec<u32>,
}

impl Tree {
    /// Reads a document.
    ///
    /// # Errors
    /// Empty, too large, another encoding than UTF-8, a DTD, too deep, or not well formed: the first problem met.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, ReadError> {
        let text = scan::check(bytes, limits)?;
        let options = ParsingOptions {
            allow_dtd: false,
            nodes_limit: limits.nodes,
            ..ParsingOptions::default()
        };
        let document = roxmltree::Document::parse_with_options(text, options).map_err(|error| {
            let at = error.pos();
            ReadError {
                problem: if matches!(error, roxmltree::Error::NodesLimitReached) {
                    ReadProblem::Excessive {
                        what: "nodes",
                        limit: limits.nodes as usize,
                    }
                } else {
                    ReadProblem::Malformed {
                        message: without_position(&error.to_string()),
                    }
                },
                line: at.row,
                column: at.col,
            }
        })?;
        Builder::new(text).build(&document)
    }

    /// The text read, without byte order mark.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How many nodes, attributes included.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Never true: there is always a document node.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Every node in document order, attributes included.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// The document node.
    pub fn root(&self) -> NodeId {
        NodeId::ROOT
    }

    /// The outermost element.
    pub fn document_element(&self) -> Option<NodeId> {
        self.child_elements(NodeId::ROOT).next()
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// What it is.
    pub fn kind(&self, id: NodeId) -> NodeKind {
        self.node(id).kind
    }

    /// Is it an element?
    pub fn is_element(&self, id: NodeId) -> bool {
        self.kind(id) == NodeKind::Element
    }

    fn qname(&self, id: NodeId) -> Option<&QName> {
        self.qnames.get(self.node(id).name as usize)
    }

    /// Its expanded name, if it has one.
    pub fn name_id(&self, id: NodeId) -> Option<NameId> {
        self.qname(id).map(|q| NameId(q.expanded))
    }

    /// The id of an expanded name, if it occurs in the document.
    pub fn find_name(&self, namespace: &str, local: &str) -> Option<NameId> {
        let namespace = self.namespaces.iter().position(|n| **n == *namespace)?;
        self.expanded
            .get(&(namespace as u32, Box::from(local)))
            .map(|id| NameId(*id))
    }

    /// How many expanded names occur; their ids are below.
    pub fn names(&self) -> usize {
        self.expanded.len()
    }

    /// Name as written, with its prefix; empty for nodes without a name.
    pub fn name(&self, id: NodeId) -> &str {
        self.qname(id).map_or("", |q| &q.written)
    }

    /// Local name.
    pub fn local(&self, id: NodeId) -> &str {
        self.qname(id).map_or("", |q| &q.written[q.prefix..])
    }

    /// Prefix as written, without its colon.
    pub fn prefix(&self, id: NodeId) -> &str {
        self.qname(id)
            .map_or("", |q| &q.written[..q.prefix.saturating_sub(1)])
    }

    /// Namespace name; empty when there is none.
    pub fn namespace(&self, id: NodeId) -> &str {
        self.qname(id)
            .map_or("", |q| &self.namespaces[q.namespace as usize])
    }

    /// Does it have this expanded name?
    pub fn is_named(&self, id: NodeId, namespace: &str, local: &str) -> bool {
        self.local(id) == local && self.namespace(id) == namespace
    }

    /// Parent; the element, for an attribute.
    pub fn parent(&self, id: NodeId) -> Option<NodeId> {
        some(self.node(id).parent)
    }

    /// Next sibling; next attribute, for an attribute.
    pub fn next_sibling(&self, id: NodeId) -> Option<NodeId> {
        some(self.node(id).next)
    }

    /// Previous sibling; previous attribute, for an attribute.
    pub fn previous_sibling(&self, id: NodeId) -> Option<NodeId> {
        some(self.node(id).previous)
    }

    /// First child, attributes left out.
    pub fn first_child(&self, id: NodeId) -> Option<NodeId> {
        let node = self.node(id);
        (node.children < node.end).then_some(NodeId(node.children))
    }

    /// First attribute.
    pub fn first_attribute(&self, id: NodeId) -> Option<NodeId> {
        let node = self.node(id);
        (id.0 + 1 < node.children).then_some(NodeId(id.0 + 1))
    }

    /// First id after the node and all it holds.
    pub fn subtree_end(&self, id: NodeId) -> NodeId {
        NodeId(self.node(id).end)
    }

    /// Every node after `from` and before `end`, attributes included.
    pub fn range(&self, from: NodeId, end: NodeId) -> impl Iterator<Item = NodeId> + use<> {
        (from.0 + 1..end.0.min(self.nodes.len() as u32)).map(NodeId)
    }

    /// `from` and every node after it, attributes included.
    pub fn range_from(&self, from: NodeId) -> impl Iterator<Item = NodeId> + use<> {
        (from.0..self.nodes.len() as u32).map(NodeId)
    }

    /// Children in order.
    pub fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(self.first_child(id), |n| self.next_sibling(*n))
    }

    /// Children that are elements.
    pub fn child_elements(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.children(id).filter(|n| self.is_element(*n))
    }

    /// Children of that name.
    pub fn children_named<'a>(
        &'a self,
        id: NodeId,
        namespace: &'a str,
        local: &'a str,
    ) -> impl Iterator<Item = NodeId> + 'a {
        self.child_elements(id)
            .filter(move |n| self.is_named(*n, namespace, local))
    }

    /// First child element of that name.
    pub fn child(&self, id: NodeId, namespace: &str, local: &str) -> Option<NodeId> {
        self.child_elements(id)
            .find(|n| self.is_named(*n, namespace, local))
    }

    /// First element reached from `id` by a path of local names, all in `namespace`; every branch is tried.
    pub fn find(&self, id: NodeId, namespace: &str, path: &[&str]) -> Option<NodeId> {
        let Some((first, rest)) = path.split_first() else {
            return Some(id);
        };
        self.child_elements(id)
            .filter(|n| self.is_named(*n, namespace, first))
            .find_map(|n| self.find(n, namespace, rest))
    }

    /// Every element below `id`, in order, `id` left out.
    pub fn descendant_elements(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        (id.0 + 1..self.node(id).end)
            .map(NodeId)
            .filter(|n| self.is_element(*n))
    }

    /// Attributes in order.
    pub fn attributes(&self, id: NodeId) -> impl Iterator<Item = NodeId> + use<> {
        (id.0 + 1..self.node(id).children.max(id.0 + 1)).map(NodeId)
    }

    /// Value of the attribute of that name in no namespace.
    pub fn attribute(&self, id: NodeId, local: &str) -> Option<&str> {
        self.attribute_ns(id, "", local)
    }

    /// Value of an attribute in a namespace.
    pub fn attribute_ns(&self, id: NodeId, namespace: &str, local: &str) -> Option<&str> {
        self.attribute_node(id, namespace, local)
            .map(|n| self.text(n))
    }

    /// The attribute of that name.
    pub fn attribute_node(&self, id: NodeId, namespace: &str, local: &str) -> Option<NodeId> {
        self.attributes(id)
            .find(|n| self.is_named(*n, namespace, local))
    }

    /// Value of an attribute, a text, a comment or an instruction; empty for elements.
    pub fn text(&self, id: NodeId) -> &str {
        let value = self.node(id).value;
        let store: &str = if value.heap { &self.heap } else { &self.source };
        let start = value.start as usize;
        &store[start..start + value.len as usize]
    }

    /// String value in the sense of XPath: all the text inside, for an element or the document.
    pub fn string_value(&self, id: NodeId) -> Cow<'_, str> {
        let node = self.node(id);
        if !matches!(node.kind, NodeKind::Element | NodeKind::Document) {
            return Cow::Borrowed(self.text(id));
        }
        let mut texts = (node.children..node.end)
            .map(NodeId)
            .filter(|n| self.kind(*n) == NodeKind::Text)
            .map(|n| self.text(n));
        match (texts.next(), texts.next()) {
            (None, _) => Cow::Borrowed(""),
            (Some(only), None) => Cow::Borrowed(only),
            (Some(first), Some(second)) => {
                let mut all = String::from(first);
                all.push_str(second);
                texts.for_each(|t| all.push_str(t));
                Cow::Owned(all)
            }
        }
    }

    /// In-scope namespaces of an element: prefix (empty for the default) and name, `xml` left out.
    pub fn scope(&self, id: NodeId) -> impl Iterator<Item = (&str, &str)> {
        self.scopes
            .get(self.node(id).scope as usize)
            .into_iter()
            .flatten()
            .map(|(prefix, uri)| (&**prefix, &*self.namespaces[*uri as usize]))
    }

    /// Where a node begins in the source.
    pub fn position(&self, id: NodeId) -> Position {
        self.position_at(self.node(id).offset as usize)
    }

    /// Line and column of a byte offset.
    pub fn position_at(&self, offset: usize) -> Position {
        let offset = offset.min(self.source.len());
        let line = self
            .lines
            .partition_point(|start| *start as usize <= offset);
        let start = self
            .lines
            .get(line.wrapping_sub(1))
            .map_or(0, |s| *s as usize);
        let column = self
            .source
            .get(start..offset)
            .map_or(0, |text| text.chars().count());
        Position {
            line: line as u32,
            column: column as u32 + 1,
            offset,
        }
    }

    /// An XPath of the node, prefixes as written, with positions among siblings of the same name.
    pub fn path(&self, id: NodeId) -> String {
        let mut steps = Vec::new();
        let mut at = Some(id);
        while let Some(node) = at {
            let parent = self.parent(node);
            let step = match self.kind(node) {
                NodeKind::Document => break,
                NodeKind::Element if parent == Some(NodeId::ROOT) => self.name(node).to_owned(),
                NodeKind::Element => format!("{}[{}]", self.name(node), self.rank(node)),
                NodeKind::Attribute => format!("@{}", self.name(node)),
                NodeKind::Text => format!("text()[{}]", self.rank(node)),
                NodeKind::Comment => format!("comment()[{}]", self.rank(node)),
                NodeKind::Instruction => {
                    let rank = self.rank(node);
                    format!("processing-instruction('{}')[{rank}]", self.name(node))
                }
            };
            steps.push(step);
            at = parent;
        }
        if steps.is_empty() {
            return "/".to_owned();
        }
        steps
            .iter()
            .rev()
            .fold(String::new(), |path, step| path + "/" + step)
    }

    /// Rank among siblings of the same kind and name, from 1.
    fn rank(&self, id: NodeId) -> usize {
        let (kind, name) = (self.kind(id), self.name_id(id));
        1 + std::iter::successors(self.previous_sibling(id), |n| self.previous_sibling(*n))
            .filter(|n| self.kind(*n) == kind && self.name_id(*n) == name)
            .count()
    }
}

fn some(index: u32) -> Option<NodeId> {
    (index != NONE).then_some(NodeId(index))
}

/// The parser's message without the place, which is kept apart.
fn without_position(message: &str) -> String {
    match message.rfind(" at ") {
        Some(at)
            if message[at + 4..]
                .chars()
                .all(|c| c.is_ascii_digit() || c == ':') =>
        {
            message[..at].to_owned()
        }
        _ => message.to_owned(),
    }
}

struct Builder<'a> {
    text: &'a str,
    tree: Tree,
    qname_index: HashMap<(u32, &'a str), u32>,
    namespace_index: HashMap<Box<str>, u32>,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str) -> Self {
        let lines = std::iter::once(0)
            .chain(
                text.bytes()
                    .enumerate()
                    .filter(|(_, b)| *b == b'\n')
                    .map(|(at, _)| at as u32 + 1),
            )
            .collect();
        Self {
            text,
            tree: Tree {
                source: Box::default(),
                heap: String::new(),
                nodes: Vec::new(),
                qnames: Vec::new(),
                expanded: HashMap::new(),
                namespaces: vec![Box::from("")],
                scopes: vec![Vec::new()],
                lines,
            },
            qname_index: HashMap::new(),
            namespace_index: HashMap::from([(Box::from(""), 0)]),
        }
    }

    fn build(mut self, document: &'a roxmltree::Document<'a>) -> Result<Tree, ReadError> {
        if self.text.len() >= NONE as usize {
            return Err(ReadError::whole(ReadProblem::TooLarge {
                len: self.text.len(),
                limit: NONE as usize - 1,
            }));
        }
        // Exactly what it takes: growing by doubling would hold twice a large value set.
        let nodes = document.descendants().map(|n| 1 + n.attributes().len());
        self.tree.nodes.reserve_exact(nodes.sum());
        self.push(NodeKind::Document, NONE, NONE, 0, Value::default());
        let mut open: Vec<(u32, u32)> = vec![(0, NONE)]; // node, its last child so far
        let mut next = document.root().first_child();
        while let Some(node) = next {
            let parent = open.last().map_or(NONE, |(id, _)| *id);
            let range = node.range();
            let (kind, name, value) = match node.node_type() {
                NodeType::Element => {
                    let tag = node.tag_name();
                    let written = written_name(&self.text[range.start + 1..range.end]);
                    let name = self.name(tag.namespace().unwrap_or_default(), written);
                    (NodeKind::Element, name, Value::default())
                }
                NodeType::Text => (NodeKind::Text, NONE, self.stored(node.text_storage())),
                NodeType::Comment => (NodeKind::Comment, NONE, self.stored(node.text_storage())),
                NodeType::PI | NodeType::Root => {
                    let (target, content) = node
                        .pi()
                        .map_or(("", ""), |pi| (pi.target, pi.value.unwrap_or_default()));
                    let name = self.name("", target);
                    (NodeKind::Instruction, name, self.value(content))
                }
            };
            let id = self.push(kind, name, parent, range.start as u32, value);
            if let Some((_, last)) = open.last_mut() {
                if *last != NONE {
                    self.tree.nodes[*last as usize].next = id;
                }
                self.tree.nodes[id as usize].previous = *last;
                *last = id;
            }
            if kind == NodeKind::Element {
                self.scope(node, id, parent);
                self.attributes(node, id);
            }
            let after = self.tree.nodes.len() as u32;
            self.tree.nodes[id as usize].children = after;
            next = node.first_child();
            if next.is_some() {
                open.push((id, NONE));
                continue;
            }
            self.tree.nodes[id as usize].end = after;
            let mut at = node;
            loop {
                if let Some(sibling) = at.next_sibling() {
                    next = Some(sibling);
                    break;
                }
                let Some(up) = at.parent().filter(|p| !p.is_root()) else {
                    break;
                };
                let end = self.tree.nodes.len() as u32;
                if let Some((id, _)) = open.pop() {
                    self.tree.nodes[id as usize].end = end;
                }
                at = up;
            }
        }
        let end = self.tree.nodes.len() as u32;
        self.tree.nodes[0].end = end;
        self.tree.nodes[0].children = 1;
        self.tree.source = Box::from(self.text);
        Ok(self.tree)
    }

    fn push(&mut self, kind: NodeKind, name: u32, parent: u32, offset: u32, value: Value) -> u32 {
        let id = self.tree.nodes.len() as u32;
        self.tree.nodes.push(Node {
            kind,
            name,
            parent,
            previous: NONE,
            next: NONE,
            end: id + 1,
            children: id + 1,
            offset,
            value,
            scope: 0,
        });
        id
    }

    fn attributes(&mut self, node: roxmltree::Node<'a, 'a>, id: u32) {
        let mut last = NONE;
        for attribute in node.attributes() {
            // Not `range_qname`, which is wrong beyond 65,535 bytes.
            let written = written_name(&self.text[attribute.range().start..]);
            let name = self.name(attribute.namespace().unwrap_or_default(), written);
            let value = self.stored(Some(attribute.value_storage()));
            let start = attribute.range().start as u32;
            let this = self.push(NodeKind::Attribute, name, id, start, value);
            if last != NONE {
                self.tree.nodes[last as usize].next = this;
                self.tree.nodes[this as usize].previous = last;
            }
            last = this;
        }
    }

    fn scope(&mut self, node: roxmltree::Node<'a, 'a>, id: u32, parent: u32) {
        let inherited = self.tree.nodes[parent as usize].scope;
        // A scope is only looked at where it can change: listing it for each element would cost elements times names.
        if !scan::declares(&self.text[node.range().start..]) {
            self.tree.nodes[id as usize].scope = inherited;
            return;
        }
        let mut scope: Vec<(Box<str>, u32)> = Vec::new();
        for namespace in node.namespaces() {
            let prefix = namespace.name().unwrap_or_default();
            if prefix != "xml" {
                let uri = self.namespace(namespace.uri());
                scope.push((Box::from(prefix), uri));
            }
        }
        self.tree.nodes[id as usize].scope = if self.tree.scopes[inherited as usize] == scope {
            inherited
        } else {
            self.tree.scopes.push(scope);
            self.tree.scopes.len() as u32 - 1
        };
    }

    fn namespace(&mut self, uri: &str) -> u32 {
        if let Some(id) = self.namespace_index.get(uri) {
            return *id;
        }
        let id = self.tree.namespaces.len() as u32;
        self.tree.namespaces.push(Box::from(uri));
        self.namespace_index.insert(Box::from(uri), id);
        id
    }

    fn name(&mut self, namespace: &str, written: &'a str) -> u32 {
        let namespace = self.namespace(namespace);
        if let Some(id) = self.qname_index.get(&(namespace, written)) {
            return *id;
        }
        let prefix = written.find(':').map_or(0, |at| at + 1);
        let fresh = self.tree.expanded.len() as u32;
        let expanded = *self
            .tree
            .expanded
            .entry((namespace, Box::from(&written[prefix..])))
            .or_insert(fresh);
        let id = self.tree.qnames.len() as u32;
        self.tree.qnames.push(QName {
            written: Box::from(written),
            prefix,
            namespace,
            expanded,
        });
        self.qname_index.insert((namespace, written), id);
        id
    }

    fn stored(&mut self, storage: Option<&StringStorage<'a>>) -> Value {
        match storage {
            Some(StringStorage::Borrowed(text)) => self.value(text),
            Some(StringStorage::Owned(text)) => self.heaped(text),
            None => Value::default(),
        }
    }

    /// A piece of the source stays there; anything else is copied.
    fn value(&mut self, text: &str) -> Value {
        let base = self.text.as_ptr() as usize;
        let at = (text.as_ptr() as usize).wrapping_sub(base);
        match self.text.get(at..at.saturating_add(text.len())) {
            Some(same) if same == text => Value {
                start: at as u32,
                len: text.len() as u32,
                heap: false,
            },
            _ => self.heaped(text),
        }
    }

    fn heaped(&mut self, text: &str) -> Value {
        let start = self.tree.heap.len() as u32;
        self.tree.heap.push_str(text);
        Value {
            start,
            len: text.len() as u32,
            heap: true,
        }
    }
}

/// The name at the start of a tag or of an attribute, as written.
fn written_name(tag: &str) -> &str {
    let end = tag
        .find(|c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/' | '='))
        .unwrap_or(tag.len());
    &tag[..end]
}

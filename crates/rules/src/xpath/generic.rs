//! The general evaluator of `xsd-schema`, for the rare expressions that the plan does not hold (dates, exact
//! decimals, seldom-used functions). `doc()` is not offered to them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use diapason_formats::xml::{NodeId, NodeKind, Tree};
use xsd_schema::ids::SimpleTypeKey;
use xsd_schema::namespace::context::NamespaceContextSnapshot;
use xsd_schema::namespace::table::NameTable;
use xsd_schema::types::XmlValue;
use xsd_schema::types::value::XmlValueKind;
use xsd_schema::xpath::{
    DomNavigator, DomNodeType, NamespaceAxisScope, TypedValue, XPathContext, XPathExpr, XPathValue,
    XmlItem, XmlNodeOrder,
};

use super::eval::{Context, Session};
use super::plan::Slot;
use super::{Item, NodeRef, Value, XPathError};

/// Names and compiled expressions of one session: the crate's tables are not shared between threads.
#[derive(Default)]
pub(crate) struct Runtime {
    names: NameTable,
    compiled: RefCell<HashMap<String, Rc<XPathExpr>>>,
}

fn context<'n>(names: &'n NameTable, namespaces: &[(String, String)]) -> XPathContext<'n> {
    let bindings = namespaces
        .iter()
        .map(|(prefix, uri)| (names.add(prefix), names.add(uri)))
        .chain([(
            names.add("xs"),
            names.add("http://www.w3.org/2001/XMLSchema"),
        )])
        .collect();
    XPathContext::new(names).with_namespaces(NamespaceContextSnapshot {
        default_ns: None,
        bindings,
    })
}

/// Does the expression compile?
pub(super) fn check(
    source: &str,
    namespaces: &[(String, String)],
    variables: &[&str],
) -> Result<(), XPathError> {
    let names = NameTable::new();
    XPathExpr::compile_with_vars(source, &context(&names, namespaces), variables)
        .map(|_| ())
        .map_err(|error| XPathError(format!("{source:?}: {error}")))
}

impl<'t> Session<'t> {
    pub(super) fn run_generic(
        &self,
        source: &str,
        variables: &[(String, Slot)],
        namespaces: &[(String, String)],
        at: &Context<'_, 't>,
    ) -> Result<Value<'t>, XPathError> {
        let runtime = self.generic.get_or_init(Runtime::default);
        let scope = context(&runtime.names, namespaces);
        let names: Vec<&str> = variables.iter().map(|(name, _)| name.as_str()).collect();
        let known = runtime.compiled.borrow().get(source).cloned();
        let expression = if let Some(known) = known {
            known
        } else {
            let made = XPathExpr::compile_with_vars(source, &scope, &names)
                .map(Rc::new)
                .map_err(|error| XPathError(format!("{source:?}: {error}")))?;
            runtime
                .compiled
                .borrow_mut()
                .insert(source.to_owned(), Rc::clone(&made));
            made
        };
        let mut values = Vec::with_capacity(variables.len());
        for variable in expression.external_vars() {
            if expression.references_external_var(variable.slot) {
                let name = runtime.names.resolve(variable.name.local_name);
                let slot = variables
                    .iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, slot)| *slot);
                if let Some(slot) = slot {
                    values.push((variable.slot, self.outward(&self.variable(slot, at)?)?));
                }
            }
        }
        let node = match at.item {
            Some(Item::Node(node)) => Some(Cursor::new(self, *node)),
            _ => None,
        };
        let result = expression
            .evaluator(&scope)
            .run_with_node_and_setup(node, |evaluator| {
                for (slot, value) in values {
                    evaluator.set_variable(slot, value);
                }
            })
            .map_err(|error| XPathError(error.to_string()))?;
        let items: Result<Vec<Item<'t>>, XPathError> =
            result.into_vec().into_iter().map(inward).collect();
        items.map(Value::from_vec)
    }

    fn outward(&self, value: &Value<'t>) -> Result<XPathValue<Cursor<'t>>, XPathError> {
        let items: Result<Vec<XmlItem<Cursor<'t>>>, XPathError> = value
            .items()
            .iter()
            .map(|item| {
                Ok(match item {
                    Item::Node(node) => XmlItem::Node(Cursor::new(self, *node)),
                    Item::String(text) => XmlItem::Atomic(XmlValue::string(text.as_ref())),
                    Item::Untyped(text) => XmlItem::Atomic(XmlValue::untyped(text.as_ref())),
                    Item::Boolean(value) => XmlItem::Atomic(XmlValue::boolean(*value)),
                    Item::Integer(value) => XmlItem::Atomic(XmlValue::integer((*value).into())),
                    Item::Double(value) => XmlItem::Atomic(XmlValue::double(*value)),
                    Item::QName { .. } => {
                        return Err(XPathError::new("a QName cannot be passed on"));
                    }
                })
            })
            .collect();
        items.map(XPathValue::from_sequence)
    }
}

fn inward(item: XmlItem<Cursor<'_>>) -> Result<Item<'_>, XPathError> {
    match item {
        XmlItem::Node(cursor) => Ok(Item::Node(cursor.at)),
        XmlItem::Atomic(value) => {
            if let Some(boolean) = value.as_boolean() {
                return Ok(Item::Boolean(boolean));
            }
            if let XmlValueKind::UntypedAtomic(text) = &value.value {
                return Ok(Item::Untyped(text.clone().into()));
            }
            if let Some(integer) = value.as_integer() {
                return i64::try_from(integer)
                    .map(Item::Integer)
                    .map_err(|_| XPathError::new("FOAR0002: the integer is too large"));
            }
            if let Some(double) = value.as_double() {
                return Ok(Item::Double(double));
            }
            if let Some(text) = value.as_string() {
                return Ok(Item::String(text.to_owned().into()));
            }
            Err(XPathError::new(
                "a value of this type cannot leave its expression",
            ))
        }
    }
}

/// A position in one of the session's trees.
#[derive(Clone)]
pub(crate) struct Cursor<'t> {
    tree: &'t Tree,
    at: NodeRef,
    /// Rank among the namespaces in scope, when it stands on one.
    namespace: Option<usize>,
}

impl<'t> Cursor<'t> {
    fn new(session: &Session<'t>, at: NodeRef) -> Self {
        Self {
            tree: session.tree_of(at.document),
            at,
            namespace: None,
        }
    }

    fn go(&mut self, node: Option<NodeId>) -> bool {
        if self.namespace.is_some() {
            return false;
        }
        match node {
            Some(node) => {
                self.at.node = node;
                true
            }
            None => false,
        }
    }

    fn scope(&self) -> Option<(&'t str, &'t str)> {
        let rank = self.namespace?;
        self.tree
            .scope(self.at.node)
            .chain([("xml", "http://www.w3.org/XML/1998/namespace")])
            .nth(rank)
    }
}

impl DomNavigator for Cursor<'_> {
    fn is_same_position(&self, other: &Self) -> bool {
        self.at == other.at && self.namespace == other.namespace
    }

    fn compare_position(&self, other: &Self) -> XmlNodeOrder {
        match (self.at, self.namespace).cmp(&(other.at, other.namespace)) {
            std::cmp::Ordering::Less => XmlNodeOrder::Before,
            std::cmp::Ordering::Equal => XmlNodeOrder::Same,
            std::cmp::Ordering::Greater => XmlNodeOrder::After,
        }
    }

    fn move_to(&mut self, other: &Self) -> bool {
        *self = other.clone();
        true
    }

    fn move_to_root(&mut self) {
        self.namespace = None;
        self.at.node = NodeId::ROOT;
    }

    fn move_to_parent(&mut self) -> bool {
        if self.namespace.take().is_some() {
            return true;
        }
        let parent = self.tree.parent(self.at.node);
        self.go(parent)
    }

    fn move_to_first_child(&mut self) -> bool {
        if self.tree.kind(self.at.node) == NodeKind::Attribute {
            return false;
        }
        let child = self.tree.first_child(self.at.node);
        self.go(child)
    }

    fn move_to_next_sibling(&mut self) -> bool {
        if self.tree.kind(self.at.node) == NodeKind::Attribute {
            return false;
        }
        let next = self.tree.next_sibling(self.at.node);
        self.go(next)
    }

    fn move_to_prev_sibling(&mut self) -> bool {
        if self.tree.kind(self.at.node) == NodeKind::Attribute {
            return false;
        }
        let previous = self.tree.previous_sibling(self.at.node);
        self.go(previous)
    }

    fn move_to_first_attribute(&mut self) -> bool {
        let first = self.tree.attributes(self.at.node).next();
        self.go(first)
    }

    fn move_to_next_attribute(&mut self) -> bool {
        if self.tree.kind(self.at.node) != NodeKind::Attribute {
            return false;
        }
        let next = self.tree.next_sibling(self.at.node);
        self.go(next)
    }

    fn move_to_first_namespace(&mut self, scope: NamespaceAxisScope) -> bool {
        if self.namespace.is_some() || self.tree.kind(self.at.node) != NodeKind::Element {
            return false;
        }
        let last = self.tree.scope(self.at.node).count();
        let first = match scope {
            NamespaceAxisScope::All => Some(0),
            NamespaceAxisScope::ExcludeXml | NamespaceAxisScope::Local => (last > 0).then_some(0),
        };
        self.namespace = first;
        first.is_some()
    }

    fn move_to_next_namespace(&mut self, scope: NamespaceAxisScope) -> bool {
        let Some(rank) = self.namespace else {
            return false;
        };
        let count =
            self.tree.scope(self.at.node).count() + usize::from(scope == NamespaceAxisScope::All);
        let more = rank + 1 < count;
        if more {
            self.namespace = Some(rank + 1);
        }
        more
    }

    fn move_to_following(&mut self, kind: DomNodeType, end: Option<&Self>) -> bool {
        let from = self.tree.subtree_end(self.at.node);
        let end = end.map(|e| e.at.node);
        let found = self
            .tree
            .range_from(from)
            .take_while(|n| end.is_none_or(|end| *n < end))
            .filter(|n| self.tree.kind(*n) != NodeKind::Attribute)
            .find(|n| kind == DomNodeType::All || node_type(self.tree.kind(*n)) == kind);
        self.go(found)
    }

    fn node_type(&self) -> DomNodeType {
        if self.namespace.is_some() {
            DomNodeType::Namespace
        } else {
            node_type(self.tree.kind(self.at.node))
        }
    }

    fn local_name(&self) -> &str {
        self.scope()
            .map_or_else(|| self.tree.local(self.at.node), |(prefix, _)| prefix)
    }

    fn name(&self) -> &str {
        self.scope()
            .map_or_else(|| self.tree.name(self.at.node), |(prefix, _)| prefix)
    }

    fn namespace_uri(&self) -> &str {
        if self.namespace.is_some() {
            ""
        } else {
            self.tree.namespace(self.at.node)
        }
    }

    fn prefix(&self) -> &str {
        if self.namespace.is_some() {
            ""
        } else {
            self.tree.prefix(self.at.node)
        }
    }

    fn value(&self) -> String {
        self.value_ref().into_owned()
    }

    fn value_ref(&self) -> std::borrow::Cow<'_, str> {
        match self.scope() {
            Some((_, uri)) => uri.into(),
            None => self.tree.string_value(self.at.node),
        }
    }

    fn base_uri(&self) -> &'static str {
        ""
    }

    fn schema_type(&self) -> Option<SimpleTypeKey> {
        None
    }

    fn typed_value(&self) -> TypedValue {
        TypedValue::Untyped
    }
}

fn node_type(kind: NodeKind) -> DomNodeType {
    match kind {
        NodeKind::Document => DomNodeType::Root,
        NodeKind::Element => DomNodeType::Element,
        NodeKind::Attribute => DomNodeType::Attribute,
        NodeKind::Text => DomNodeType::Text,
        NodeKind::Comment => DomNodeType::Comment,
        NodeKind::Instruction => DomNodeType::ProcessingInstruction,
    }
}

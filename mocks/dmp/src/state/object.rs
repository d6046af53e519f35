//! A registry object of ebRIM 3.0 kept as it came, so that it goes out again without loss, with the few fields that
//! the service itself works on.

use diapason_formats::xml::{NodeId, Tree};

use crate::names::{DE_CONFIDENTIALITY, DE_TYPE_CODE, RIM, SIGNATURE_TYPE};

/// A classification: a code, its scheme, its label; an author is one without a code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Classification {
    /// `classificationScheme`, or `classificationNode` for the kind of a package.
    pub(crate) scheme: String,
    /// Is `scheme` a `classificationNode`?
    pub(crate) is_node: bool,
    /// `nodeRepresentation`.
    pub(crate) code: String,
    pub(crate) slots: Vec<(String, Vec<String>)>,
    pub(crate) label: Option<String>,
}

impl Classification {
    /// A coded value.
    pub(crate) fn code(scheme: &str, code: &str, coding: &str, label: &str) -> Self {
        Self {
            scheme: scheme.to_owned(),
            code: code.to_owned(),
            slots: vec![("codingScheme".to_owned(), vec![coding.to_owned()])],
            label: Some(label.to_owned()),
            ..Self::default()
        }
    }

    pub(crate) fn slot(&self, name: &str) -> &[String] {
        slot(&self.slots, name)
    }

    /// OID or word of the coding scheme.
    pub(crate) fn coding(&self) -> &str {
        self.slot("codingScheme").first().map_or("", String::as_str)
    }
}

/// An `ExtrinsicObject`, a `RegistryPackage` or an `Association`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Object {
    /// As written: symbolic, or an entryUUID.
    pub(crate) id: String,
    /// Logical id, when given.
    pub(crate) lid: Option<String>,
    /// `objectType`.
    pub(crate) kind: String,
    pub(crate) mime_type: String,
    pub(crate) status: Option<String>,
    pub(crate) slots: Vec<(String, Vec<String>)>,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    /// `VersionInfo/@versionName`.
    pub(crate) version: Option<String>,
    pub(crate) classifications: Vec<Classification>,
    /// `identificationScheme`, `value`, label.
    pub(crate) identifiers: Vec<(String, String, String)>,
    /// `associationType`, `sourceObject`, `targetObject` of an association.
    pub(crate) association: (String, String, String),
}

fn slot<'a>(slots: &'a [(String, Vec<String>)], name: &str) -> &'a [String] {
    slots
        .iter()
        .find(|(n, _)| n == name)
        .map_or(&[], |(_, v)| v.as_slice())
}

impl Object {
    pub(crate) fn slot(&self, name: &str) -> &[String] {
        slot(&self.slots, name)
    }

    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.slot(name).first().map(String::as_str)
    }

    pub(crate) fn set_slot(&mut self, name: &str, value: &str) {
        let values = vec![value.to_owned()];
        match self.slots.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = values,
            None => self.slots.push((name.to_owned(), values)),
        }
    }

    /// Classifications of a scheme.
    pub(crate) fn of<'a>(&'a self, scheme: &'a str) -> impl Iterator<Item = &'a Classification> {
        self.classifications
            .iter()
            .filter(move |c| c.scheme == scheme)
    }

    pub(crate) fn identifier(&self, scheme: &str) -> Option<&str> {
        self.identifiers
            .iter()
            .find(|(s, ..)| s == scheme)
            .map(|(_, value, _)| value.as_str())
    }

    /// Is it the signature of a lot?
    pub(crate) fn is_signature(&self) -> bool {
        self.of(DE_TYPE_CODE)
            .any(|c| (c.code.as_str(), c.coding()) == SIGNATURE_TYPE)
    }

    /// Codes of confidentiality and of visibility.
    pub(crate) fn confidentiality(&self) -> impl Iterator<Item = &str> {
        self.of(DE_CONFIDENTIALITY).map(|c| c.code.as_str())
    }

    /// Has it that code of visibility?
    pub(crate) fn is(&self, visibility: &str) -> bool {
        self.confidentiality().any(|c| c == visibility)
    }

    /// Reads one.
    pub(crate) fn read(tree: &Tree, node: NodeId) -> Self {
        let attribute = |name: &str| tree.attribute(node, name).unwrap_or_default().to_owned();
        let optional = |name: &str| tree.attribute(node, name).map(ToOwned::to_owned);
        let mut object = Self {
            id: attribute("id"),
            lid: optional("lid"),
            kind: attribute("objectType"),
            mime_type: attribute("mimeType"),
            status: optional("status"),
            association: (
                attribute("associationType"),
                attribute("sourceObject"),
                attribute("targetObject"),
            ),
            ..Self::default()
        };
        for child in tree.child_elements(node) {
            if tree.namespace(child) != RIM {
                continue;
            }
            match tree.local(child) {
                "Slot" => object.slots.push(read_slot(tree, child)),
                "Name" => object.name = localized(tree, child),
                "Description" => object.description = localized(tree, child),
                "VersionInfo" => {
                    object.version = tree.attribute(child, "versionName").map(ToOwned::to_owned);
                }
                "Classification" => object
                    .classifications
                    .push(read_classification(tree, child)),
                "ExternalIdentifier" => {
                    let of = |name| tree.attribute(child, name).unwrap_or_default().to_owned();
                    let label = tree
                        .child(child, RIM, "Name")
                        .and_then(|n| localized(tree, n))
                        .unwrap_or_default();
                    object
                        .identifiers
                        .push((of("identificationScheme"), of("value"), label));
                }
                _ => {}
            }
        }
        object
    }
}

fn read_classification(tree: &Tree, node: NodeId) -> Classification {
    let of = |name| tree.attribute(node, name).map(ToOwned::to_owned);
    let kind = of("classificationNode");
    Classification {
        is_node: kind.is_some(),
        scheme: of("classificationScheme").or(kind).unwrap_or_default(),
        code: of("nodeRepresentation").unwrap_or_default(),
        slots: tree
            .children_named(node, RIM, "Slot")
            .map(|s| read_slot(tree, s))
            .collect(),
        label: tree
            .child(node, RIM, "Name")
            .and_then(|n| localized(tree, n)),
    }
}

/// A slot and its values.
pub(crate) fn read_slot(tree: &Tree, node: NodeId) -> (String, Vec<String>) {
    let values = tree
        .child(node, RIM, "ValueList")
        .into_iter()
        .flat_map(|list| tree.children_named(list, RIM, "Value").collect::<Vec<_>>())
        .map(|v| tree.string_value(v).into_owned())
        .collect();
    let name = tree.attribute(node, "name").unwrap_or_default();
    (name.to_owned(), values)
}

fn localized(tree: &Tree, node: NodeId) -> Option<String> {
    let text = tree.child(node, RIM, "LocalizedString")?;
    tree.attribute(text, "value").map(ToOwned::to_owned)
}

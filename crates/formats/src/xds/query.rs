//! Stored queries (ITI-18) and retrieve requests (ITI-43).

use super::types::At;
use super::{QUERY, RIM, XDSB};
use crate::xml::{NodeId, Tree};

/// Stored queries the DMP profile names: id without `urn:uuid:`, name.
const QUERIES: &[(&str, &str)] = &[
    ("14d4debf-8f97-4251-9a74-a90016b0af0d", "FindDocuments"),
    ("f26abbcb-ac74-4422-8a30-edb644bbc1a9", "FindSubmissionSets"),
    ("a7ae438b-4bc2-4642-93e9-be891f7bb155", "GetAssociations"),
    ("5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4", "GetDocuments"),
    (
        "bab9529a-4a10-40b3-a01f-f68a615d247a",
        "GetDocumentsAndAssociations",
    ),
    (
        "12941a89-e02e-4be5-967c-ce4bfc8fe492",
        "FindDocumentsByReferenceId",
    ),
];

/// One value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryValue {
    /// Without its quotes.
    pub text: String,
    /// Was it between single quotes? A number is not.
    pub quoted: bool,
}

/// One slot of a query. Its values are alternatives (OR).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// `$XDSDocumentEntryPatientId`.
    pub name: String,
    /// Values.
    pub values: Vec<QueryValue>,
    /// Were they in parentheses?
    pub listed: bool,
    /// The values as written.
    pub raw: Vec<String>,
    /// Departures from the syntax, in French.
    pub problems: Vec<String>,
    /// The slot.
    pub node: NodeId,
}

/// A stored query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// `AdhocQueryRequest`.
    pub node: NodeId,
    /// Id of the query, as written.
    pub id: String,
    /// Its name, when known: `FindDocuments`, `GetDocuments`...
    pub name: Option<&'static str>,
    /// `LeafClass`, `ObjectRef`.
    pub return_type: Option<String>,
    /// returnComposedObjects.
    pub composed: Option<String>,
    /// Slots in order. Several slots of one name stay apart: dmp.md 3.6 reads them as alternatives.
    pub parameters: Vec<Parameter>,
    /// Departures from the structure, in French.
    pub problems: Vec<String>,
}

impl Query {
    /// Reads the first `AdhocQueryRequest` at or below `node`.
    pub fn read(tree: &Tree, node: NodeId) -> Option<Self> {
        let node = at_or_below(tree, node, QUERY, "AdhocQueryRequest")?;
        let mut problems = Vec::new();
        let option = tree.child(node, QUERY, "ResponseOption");
        if option.is_none() {
            problems.push("ResponseOption manque".to_owned());
        }
        let query = tree.child(node, RIM, "AdhocQuery");
        if query.is_none() {
            problems.push("AdhocQuery manque".to_owned());
        }
        let attribute = |node: Option<NodeId>, name: &str| {
            node.and_then(|n| tree.attribute(n, name))
                .map(|v| v.trim().to_owned())
        };
        let id = attribute(query, "id").unwrap_or_default();
        let bare = id.strip_prefix("urn:uuid:");
        if bare.is_none() && query.is_some() {
            problems.push(format!(
                "l'identifiant de la requête « {id} » ne commence pas par urn:uuid:"
            ));
        }
        let bare = bare.unwrap_or(&id);
        let parameters = query
            .into_iter()
            .flat_map(|q| tree.children_named(q, RIM, "Slot"))
            .map(|slot| parameter(tree, slot))
            .collect();
        Some(Self {
            node,
            name: QUERIES
                .iter()
                .find(|(uuid, _)| uuid.eq_ignore_ascii_case(bare))
                .map(|(_, name)| *name),
            return_type: attribute(option, "returnType"),
            composed: attribute(option, "returnComposedObjects"),
            id,
            parameters,
            problems,
        })
    }

    /// Slots of a name.
    pub fn all<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q Parameter> + 'q {
        self.parameters.iter().filter(move |p| p.name == name)
    }

    /// Every value of a name, whatever the slot.
    pub fn values<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q str> + 'q {
        self.all(name)
            .flat_map(|p| p.values.iter().map(|v| v.text.as_str()))
    }

    /// First value of a name.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|p| p.name == name)
            .and_then(|p| p.values.first())
            .map(|v| v.text.as_str())
    }

    /// The patient asked about: the value of any slot that names one.
    pub fn patient(&self) -> Option<&str> {
        [
            "$XDSDocumentEntryPatientId",
            "$XDSSubmissionSetPatientId",
            "$patientId",
        ]
        .iter()
        .find_map(|name| self.first(name))
    }
}

fn at_or_below(tree: &Tree, node: NodeId, namespace: &str, local: &str) -> Option<NodeId> {
    let is = |n: &NodeId| tree.is_named(*n, namespace, local);
    Some(node)
        .filter(is)
        .or_else(|| tree.descendant_elements(node).find(is))
}

fn parameter(tree: &Tree, slot: NodeId) -> Parameter {
    let name = tree
        .attribute(slot, "name")
        .unwrap_or_default()
        .trim()
        .to_owned();
    let mut this = Parameter {
        name,
        values: Vec::new(),
        listed: false,
        raw: Vec::new(),
        problems: Vec::new(),
        node: slot,
    };
    if !this.name.starts_with('$') {
        this.problems.push(format!(
            "le nom « {} » ne commence pas par « $ »",
            this.name
        ));
    }
    let values = tree
        .children_named(slot, RIM, "ValueList")
        .flat_map(|list| tree.children_named(list, RIM, "Value"));
    for value in values {
        let text = tree.string_value(value).trim().to_owned();
        let (listed, problem) = alternatives(&text, &mut this.values);
        this.listed |= listed;
        if let Some(problem) = problem {
            let shown: String = text.chars().take(80).collect();
            this.problems.push(format!("« {shown} » : {problem}"));
        }
        this.raw.push(text);
    }
    if this.raw.is_empty() {
        this.problems.push("aucune valeur".to_owned());
    }
    this
}

/// Reads `'a'`, `123`, `('a','b')`: the values go into `into`; gives whether there were parentheses, and what is wrong.
fn alternatives(text: &str, into: &mut Vec<QueryValue>) -> (bool, Option<&'static str>) {
    let listed = text.starts_with('(');
    let mut problem = None;
    let inner = match (text.strip_prefix('('), text.ends_with(')')) {
        (Some(rest), true) => &rest[..rest.len() - 1],
        (Some(rest), false) => {
            problem = Some("la parenthèse n'est pas fermée");
            rest
        }
        (None, _) => text,
    };
    let mut rest = inner.trim();
    if rest.is_empty() {
        return (listed, Some("il n'y a pas de valeur"));
    }
    let mut count = 0;
    loop {
        let after = if let Some(quoted) = rest.strip_prefix('\'') {
            let (value, after) = unquote(quoted);
            if after.is_none() {
                problem = problem.or(Some("l'apostrophe n'est pas fermée"));
            }
            into.push(QueryValue {
                text: value,
                quoted: true,
            });
            after.unwrap_or_default().trim_start()
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            let (value, after) = rest.split_at(end);
            let value = value.trim();
            if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
                problem = problem.or(Some("une valeur sans apostrophes n'est pas un nombre"));
            }
            into.push(QueryValue {
                text: value.to_owned(),
                quoted: false,
            });
            after
        };
        count += 1;
        let Some(next) = after.strip_prefix(',') else {
            if !after.is_empty() {
                problem = problem.or(Some("du texte après l'apostrophe fermante"));
            }
            break;
        };
        rest = next.trim_start();
        if rest.is_empty() {
            problem = problem.or(Some("une virgule n'est suivie de rien"));
            break;
        }
    }
    if count > 1 && !listed {
        problem = problem.or(Some("plusieurs valeurs sans parenthèses"));
    }
    (listed, problem)
}

/// What precedes the closing quote, doubled quotes undone, and what follows it.
fn unquote(text: &str) -> (String, Option<&str>) {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let Some(at) = rest.find('\'') else {
            value.push_str(rest);
            return (value, None);
        };
        value.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        match after.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return (value, Some(after)),
        }
    }
}

/// A document asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRequest {
    /// RepositoryUniqueId.
    pub repository: Option<At<String>>,
    /// DocumentUniqueId.
    pub unique_id: Option<At<String>>,
    /// HomeCommunityId, not used by the DMP.
    pub home_community: Option<At<String>>,
    /// Where it stands.
    pub node: NodeId,
}

/// A retrieve request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrieveRequest {
    /// `RetrieveDocumentSetRequest`.
    pub node: NodeId,
    /// Documents asked for.
    pub documents: Vec<DocumentRequest>,
}

impl RetrieveRequest {
    /// Reads the first `RetrieveDocumentSetRequest` at or below `node`.
    pub fn read(tree: &Tree, node: NodeId) -> Option<Self> {
        let node = at_or_below(tree, node, XDSB, "RetrieveDocumentSetRequest")?;
        let documents = tree
            .children_named(node, XDSB, "DocumentRequest")
            .map(|request| {
                let text = |local: &str| {
                    tree.child(request, XDSB, local).map(|n| At {
                        value: tree.string_value(n).trim().to_owned(),
                        node: n,
                    })
                };
                DocumentRequest {
                    repository: text("RepositoryUniqueId"),
                    unique_id: text("DocumentUniqueId"),
                    home_community: text("HomeCommunityId"),
                    node: request,
                }
            })
            .collect();
        Some(Self { node, documents })
    }
}

//! Schemas as they are written: files read and included, abstract patterns and rules expanded, phases applied.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use diapason_formats::xml::{Limits, NodeId, NodeKind, Tree};

use crate::files::Files;
use crate::xpath::resolve;

const SCH: &str = "http://purl.oclc.org/dsdl/schematron";

/// Deepest chain of includes or `extends`.
const MOST_NESTED: usize = 32;

/// A schema that cannot be used at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// The file is not there.
    #[error("{path}: no such file in the pack")]
    Missing {
        /// Path.
        path: String,
    },
    /// The file is not XML, or not a schema.
    #[error("{path}: {problem}")]
    Unreadable {
        /// Path.
        path: String,
        /// Why.
        problem: String,
    },
}

/// Something wrong in a schema that leaves the rest usable: the author's fault, never the document's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Defect {
    /// File in which it stands.
    pub file: String,
    /// Line, from 1; 0 for the whole file.
    pub line: u32,
    /// What is wrong.
    pub problem: String,
}

#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) title: String,
    pub(super) namespaces: Vec<(String, String)>,
    pub(super) lets: Vec<Let>,
    pub(super) patterns: Vec<Pattern>,
    pub(super) diagnostics: HashMap<String, Message>,
    pub(super) defects: Vec<Defect>,
}

#[derive(Debug, Clone)]
pub(super) struct Let {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) at: At,
}

#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) id: String,
    pub(super) lets: Vec<Let>,
    pub(super) rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) context: String,
    pub(super) role: String,
    pub(super) lets: Vec<Let>,
    /// Shared by the rules that extend one abstract rule: a kit repeats some hundreds of times over.
    pub(super) checks: Vec<Arc<Check>>,
    pub(super) at: At,
}

#[derive(Debug, Clone)]
pub(super) struct Check {
    pub(super) report: bool,
    pub(super) id: String,
    pub(super) test: String,
    pub(super) role: String,
    pub(super) flag: String,
    pub(super) message: Message,
    pub(super) diagnostics: Vec<String>,
    pub(super) at: At,
}

pub(super) type Message = Vec<Part>;

#[derive(Debug, Clone)]
pub(super) enum Part {
    Text(String),
    ValueOf(String),
    /// Name of the context node, or of the node of a path.
    Name(Option<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct At {
    pub(super) file: Arc<str>,
    pub(super) line: u32,
}

/// An element of a file: the unit that includes put together.
#[derive(Debug, Clone)]
struct Element {
    local: String,
    attributes: BTreeMap<String, String>,
    children: Vec<Content>,
    at: At,
}

#[derive(Debug, Clone)]
enum Content {
    Element(Element),
    Text(String),
}

impl Element {
    fn attribute(&self, name: &str) -> String {
        self.attributes.get(name).cloned().unwrap_or_default()
    }

    fn elements<'a>(&'a self, local: &'a str) -> impl Iterator<Item = &'a Element> + 'a {
        self.children.iter().filter_map(move |c| match c {
            Content::Element(e) if e.local == local => Some(e),
            _ => None,
        })
    }
}

struct Reader<'a> {
    files: &'a dyn Files,
    lower: HashMap<String, String>,
    defects: Vec<Defect>,
}

impl<'a> Reader<'a> {
    fn new(files: &'a dyn Files) -> Self {
        let lower = files
            .paths()
            .iter()
            .map(|p| (p.to_lowercase(), p.clone()))
            .collect();
        Self {
            files,
            lower,
            defects: Vec::new(),
        }
    }

    fn defect(&mut self, at: &At, problem: String) {
        self.defects.push(Defect {
            file: at.file.to_string(),
            line: at.line,
            problem,
        });
    }

    /// The file as an element tree, its includes not yet followed.
    fn parse(&self, path: &str) -> Result<Element, SchemaError> {
        let bytes = self.files.read(path).ok_or_else(|| SchemaError::Missing {
            path: path.to_owned(),
        })?;
        let unreadable = |problem: String| SchemaError::Unreadable {
            path: path.to_owned(),
            problem,
        };
        let tree = Tree::read(&bytes, &Limits::default())
            .map_err(|error| unreadable(error.to_string()))?;
        let root = tree
            .document_element()
            .ok_or_else(|| unreadable("no element".to_owned()))?;
        if tree.namespace(root) != SCH {
            return Err(unreadable(format!(
                "the root element {:?} is not of the Schematron namespace {SCH}",
                tree.name(root)
            )));
        }
        Ok(element(&tree, root, &Arc::from(path)))
    }

    /// Follows the includes below `element`.
    fn include(&mut self, element: &mut Element, open: &mut Vec<String>) {
        let mut children = Vec::with_capacity(element.children.len());
        for child in std::mem::take(&mut element.children) {
            match child {
                Content::Element(mut inner) if inner.local == "include" => {
                    if let Some(found) = self.included(&inner, open) {
                        children.push(Content::Element(found));
                    } else {
                        inner.children.clear();
                    }
                }
                Content::Element(mut inner) => {
                    self.include(&mut inner, open);
                    if inner.local == "extends" && inner.attributes.contains_key("href") {
                        // The content of the element referred to stands in its place.
                        if let Some(found) = self.included(&inner, open) {
                            children.extend(found.children);
                        }
                    } else {
                        children.push(Content::Element(inner));
                    }
                }
                text @ Content::Text(_) => children.push(text),
            }
        }
        element.children = children;
    }

    fn included(&mut self, include: &Element, open: &mut Vec<String>) -> Option<Element> {
        let href = include.attribute("href");
        let (file, fragment) = href.split_once('#').unwrap_or((&href, ""));
        let Some(wanted) = resolve(&include.at.file, file) else {
            self.defect(
                &include.at,
                format!("includes {href:?}, which is outside the pack"),
            );
            return None;
        };
        let path = if self.files.read(&wanted).is_some() {
            wanted
        } else if let Some(path) = self.lower.get(&wanted.to_lowercase()).cloned() {
            self.defect(
                &include.at,
                format!(
                    "includes {href:?}, written {path:?} on the disk: the letter case is wrong"
                ),
            );
            path
        } else {
            self.defect(
                &include.at,
                format!("includes {href:?}, which does not exist"),
            );
            return None;
        };
        if open.contains(&path) || open.len() >= MOST_NESTED {
            let why = if open.contains(&path) {
                "is a cycle"
            } else {
                "is nested too deep"
            };
            self.defect(
                &include.at,
                format!("includes {href:?}: the chain of includes {why}"),
            );
            return None;
        }
        let mut found = match self.parse(&path) {
            Ok(found) => found,
            Err(error) => {
                self.defect(
                    &include.at,
                    format!("includes {href:?}, which cannot be read: {error}"),
                );
                return None;
            }
        };
        if !fragment.is_empty() {
            if let Some(inner) = find_id(&found, fragment) {
                found = inner.clone();
            } else {
                self.defect(
                    &include.at,
                    format!("includes {href:?}, where no element has that id"),
                );
                return None;
            }
        }
        open.push(path);
        self.include(&mut found, open);
        open.pop();
        Some(found)
    }
}

fn find_id<'a>(element: &'a Element, id: &str) -> Option<&'a Element> {
    if element.attributes.get("id").is_some_and(|v| v == id) {
        return Some(element);
    }
    element.children.iter().find_map(|c| match c {
        Content::Element(inner) => find_id(inner, id),
        Content::Text(_) => None,
    })
}

fn element(tree: &Tree, node: NodeId, path: &Arc<str>) -> Element {
    let attributes = tree
        .attributes(node)
        .filter(|a| tree.namespace(*a).is_empty())
        .map(|a| (tree.local(a).to_owned(), tree.text(a).to_owned()))
        .collect();
    let children = tree
        .children(node)
        .filter_map(|child| match tree.kind(child) {
            NodeKind::Text => Some(Content::Text(tree.text(child).to_owned())),
            // Elements of other namespaces are documentation here, but their text is part of a message.
            NodeKind::Element => Some(Content::Element(element(tree, child, path))),
            _ => None,
        })
        .collect();
    Element {
        local: if tree.namespace(node) == SCH {
            tree.local(node).to_owned()
        } else {
            String::new()
        },
        attributes,
        children,
        at: At {
            file: Arc::clone(path),
            line: tree.position(node).line,
        },
    }
}

/// Reads a schema, and applies its phase: `phase`, else the default phase, else every pattern.
pub(super) fn read(
    files: &dyn Files,
    path: &str,
    phase: Option<&str>,
) -> Result<Source, SchemaError> {
    let mut reader = Reader::new(files);
    let mut root = reader.parse(path)?;
    if root.local != "schema" {
        return Err(SchemaError::Unreadable {
            path: path.to_owned(),
            problem: format!("the root element is {:?}, not schema", root.local),
        });
    }
    reader.include(&mut root, &mut vec![path.to_owned()]);
    let mut builder = Builder {
        abstract_rules: HashMap::new(),
        abstract_patterns: HashMap::new(),
        checks: HashMap::new(),
        defects: reader.defects,
    };
    builder.collect(&root);
    Ok(builder.build(&root, phase))
}

struct Builder<'e> {
    abstract_rules: HashMap<String, &'e Element>,
    abstract_patterns: HashMap<String, &'e Element>,
    /// Assertions made, by the address of their element.
    checks: HashMap<usize, Arc<Check>>,
    defects: Vec<Defect>,
}

impl<'e> Builder<'e> {
    fn collect(&mut self, root: &'e Element) {
        for pattern in root.elements("pattern") {
            if is_true(&pattern.attribute("abstract")) {
                self.abstract_patterns
                    .insert(pattern.attribute("id"), pattern);
            }
            for rule in pattern.elements("rule") {
                if is_true(&rule.attribute("abstract")) {
                    self.abstract_rules.insert(rule.attribute("id"), rule);
                }
            }
        }
        // ISO 2016 keeps shared abstract rules apart.
        for rules in root.elements("rules") {
            for rule in rules.elements("rule") {
                self.abstract_rules.insert(rule.attribute("id"), rule);
            }
        }
    }

    fn build(mut self, root: &'e Element, phase: Option<&str>) -> Source {
        let namespaces = root
            .elements("ns")
            .map(|ns| (ns.attribute("prefix"), ns.attribute("uri")))
            .collect();
        let wanted = phase.map_or_else(|| root.attribute("defaultPhase"), str::to_owned);
        let mut lets: Vec<Let> = root.elements("let").map(binding).collect();
        let active = self.active(root, &wanted, &mut lets);
        let mut patterns = Vec::new();
        for (rank, pattern) in root.elements("pattern").enumerate() {
            let id = pattern.attribute("id");
            if is_true(&pattern.attribute("abstract"))
                || active.as_ref().is_some_and(|active| !active.contains(&id))
            {
                continue;
            }
            let id = if id.is_empty() {
                format!("pattern-{}", rank + 1)
            } else {
                id
            };
            let parent = pattern.attribute("is-a");
            let made = if parent.is_empty() {
                Some(self.pattern(pattern, &id, &[]))
            } else {
                self.instance(pattern, &parent, &id)
            };
            patterns.extend(made);
        }
        let diagnostics = root
            .elements("diagnostics")
            .flat_map(|d| d.elements("diagnostic"))
            .map(|d| (d.attribute("id"), message(d, &[])))
            .collect();
        let mut defects = self.defects;
        defects.sort();
        defects.dedup();
        Source {
            title: root.elements("title").next().map(plain).unwrap_or_default(),
            namespaces,
            lets,
            patterns,
            diagnostics,
            defects,
        }
    }

    /// Ids of the active patterns; `None` means all.
    fn active(
        &mut self,
        root: &'e Element,
        wanted: &str,
        lets: &mut Vec<Let>,
    ) -> Option<HashSet<String>> {
        if wanted.is_empty() || wanted == "#ALL" {
            return None;
        }
        let Some(phase) = root.elements("phase").find(|p| p.attribute("id") == wanted) else {
            self.defects.push(Defect {
                file: root.at.file.to_string(),
                line: root.at.line,
                problem: format!("the phase {wanted:?} does not exist: every pattern is run"),
            });
            return None;
        };
        lets.extend(phase.elements("let").map(binding));
        let active: HashSet<String> = phase
            .elements("active")
            .map(|a| a.attribute("pattern"))
            .collect();
        for id in &active {
            if !root.elements("pattern").any(|p| p.attribute("id") == *id) {
                self.defects.push(Defect {
                    file: phase.at.file.to_string(),
                    line: phase.at.line,
                    problem: format!(
                        "the phase {wanted:?} activates the pattern {id:?}, which does not exist"
                    ),
                });
            }
        }
        Some(active)
    }

    fn instance(&mut self, pattern: &'e Element, parent: &str, id: &str) -> Option<Pattern> {
        let Some(model) = self.abstract_patterns.get(parent).copied() else {
            self.defects.push(Defect {
                file: pattern.at.file.to_string(),
                line: pattern.at.line,
                problem: format!(
                    "the pattern {id:?} is an instance of {parent:?}, which does not exist"
                ),
            });
            return None;
        };
        let mut params: Vec<(String, String)> = pattern
            .elements("param")
            .map(|p| (p.attribute("name"), p.attribute("value")))
            .collect();
        // Longest first, so that $a does not eat the beginning of $ab.
        params.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        Some(self.pattern(model, id, &params))
    }

    fn pattern(&mut self, pattern: &'e Element, id: &str, params: &[(String, String)]) -> Pattern {
        let mut rules = Vec::new();
        for rule in pattern.elements("rule") {
            if is_true(&rule.attribute("abstract")) {
                continue;
            }
            let mut made = Rule {
                id: rule.attribute("id"),
                context: replaced(&rule.attribute("context"), params),
                role: rule.attribute("role"),
                lets: Vec::new(),
                checks: Vec::new(),
                at: rule.at.clone(),
            };
            self.fill(rule, params, &mut made, &mut Vec::new());
            rules.push(made);
        }
        Pattern {
            id: id.to_owned(),
            lets: pattern
                .elements("let")
                .map(|l| {
                    let mut made = binding(l);
                    made.value = replaced(&made.value, params);
                    made
                })
                .collect(),
            rules,
        }
    }

    /// An assertion; one that no parameter changes is made once, however many rules extend its own.
    fn check(&mut self, element: &'e Element, params: &[(String, String)]) -> Arc<Check> {
        let make = || {
            Arc::new(Check {
                report: element.local == "report",
                id: element.attribute("id"),
                test: replaced(&element.attribute("test"), params),
                role: element.attribute("role"),
                flag: element.attribute("flag"),
                message: message(element, params),
                diagnostics: element
                    .attribute("diagnostics")
                    .split_whitespace()
                    .map(str::to_owned)
                    .collect(),
                at: element.at.clone(),
            })
        };
        if !params.is_empty() {
            return make();
        }
        let place = std::ptr::from_ref(element) as usize;
        Arc::clone(self.checks.entry(place).or_insert_with(make))
    }

    fn fill(
        &mut self,
        rule: &'e Element,
        params: &[(String, String)],
        into: &mut Rule,
        open: &mut Vec<String>,
    ) {
        for child in &rule.children {
            let Content::Element(child) = child else {
                continue;
            };
            match child.local.as_str() {
                "let" => {
                    let mut made = binding(child);
                    made.value = replaced(&made.value, params);
                    into.lets.push(made);
                }
                "assert" | "report" => {
                    let made = self.check(child, params);
                    into.checks.push(made);
                }
                "extends" => {
                    let name = child.attribute("rule");
                    let problem = if open.contains(&name) || open.len() >= MOST_NESTED {
                        Some(format!("the rule {name:?} extends itself"))
                    } else if let Some(base) = self.abstract_rules.get(&name).copied() {
                        open.push(name.clone());
                        self.fill(base, params, into, open);
                        open.pop();
                        None
                    } else {
                        Some(format!("extends the rule {name:?}, which does not exist"))
                    };
                    if let Some(problem) = problem {
                        self.defects.push(Defect {
                            file: child.at.file.to_string(),
                            line: child.at.line,
                            problem,
                        });
                    }
                }
                _ => {}
            }
        }
    }
}

fn is_true(value: &str) -> bool {
    matches!(value.trim(), "true" | "1")
}

fn binding(element: &Element) -> Let {
    Let {
        name: element.attribute("name").trim().to_owned(),
        value: element.attribute("value"),
        at: element.at.clone(),
    }
}

/// Textual replacement of `$name`, as abstract patterns do it.
fn replaced(text: &str, params: &[(String, String)]) -> String {
    let mut out = text.to_owned();
    for (name, value) in params {
        let mark = format!("${name}");
        if out.contains(&mark) {
            out = out.replace(&mark, value);
        }
    }
    out
}

fn plain(element: &Element) -> String {
    let mut out = String::new();
    for child in &element.children {
        match child {
            Content::Text(text) => out.push_str(text),
            Content::Element(inner) => out.push_str(&plain(inner)),
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn message(element: &Element, params: &[(String, String)]) -> Message {
    let mut parts = Vec::new();
    fill_message(element, params, &mut parts);
    parts
}

fn fill_message(element: &Element, params: &[(String, String)], parts: &mut Message) {
    for child in &element.children {
        match child {
            Content::Text(text) => parts.push(Part::Text(text.clone())),
            Content::Element(inner) => match inner.local.as_str() {
                "value-of" => {
                    parts.push(Part::ValueOf(replaced(&inner.attribute("select"), params)));
                }
                "name" => {
                    let path = replaced(&inner.attribute("path"), params);
                    parts.push(Part::Name((!path.is_empty()).then_some(path)));
                }
                _ => fill_message(inner, params, parts),
            },
        }
    }
}

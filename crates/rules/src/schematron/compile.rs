//! From a schema read to a schema ready to run: expressions compiled once, contexts turned into matchers.

use std::collections::HashMap;
use std::sync::Arc;

use super::source::{self, At, Defect, Let, Message, Part, SchemaError};
use crate::files::Files;
use crate::xpath::{
    Compiler, Documents, Expression, Matcher, Names, Regexes, Slot, XPathError, resolve,
};

/// What the schemas of one folder share: its value sets, read once, and the regular expressions met.
#[derive(Debug)]
pub struct Engine {
    pub(super) documents: Documents,
    pub(super) regexes: Regexes,
    files: FilesHandle,
}

struct FilesHandle(Arc<dyn Files>);

impl std::fmt::Debug for FilesHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Files")
    }
}

impl Engine {
    /// Over a folder. Nothing is read yet.
    pub fn new(files: Arc<dyn Files>) -> Arc<Self> {
        Arc::new(Self {
            documents: Documents::new(Arc::clone(&files)),
            regexes: Regexes::default(),
            files: FilesHandle(files),
        })
    }

    /// Reads and compiles the schema at `path`; `phase` overrides its default phase.
    ///
    /// # Errors
    /// The file is missing, not XML, or not a schema. Anything less is a [`Defect`] of the schema returned.
    pub fn load(self: &Arc<Self>, path: &str, phase: Option<&str>) -> Result<Schema, SchemaError> {
        let source = source::read(&*self.files.0, path, phase)?;
        let build = Build {
            base: path.to_owned(),
            ..Build::default()
        };
        Ok(build.schema(Arc::clone(self), path, source))
    }
}

/// Shared: the same expression stands in hundreds of rules.
type Compiled = Result<Arc<Expression>, XPathError>;

/// A schema ready to judge documents. Share it between threads.
#[derive(Debug)]
pub struct Schema {
    pub(super) engine: Arc<Engine>,
    pub(super) path: String,
    pub(super) title: String,
    pub(super) namespaces: Vec<(String, String)>,
    pub(super) names: Names,
    pub(super) globals: Vec<(String, Compiled)>,
    pub(super) patterns: Vec<Pattern>,
    pub(super) checks: Vec<CheckInfo>,
    defects: Vec<Defect>,
}

#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) id: String,
    pub(super) rules: Vec<Rule>,
}

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) context: Arc<str>,
    pub(super) role: String,
    pub(super) matcher: Result<Matcher, XPathError>,
    pub(super) lets: Vec<(String, Compiled)>,
    pub(super) checks: Vec<Check>,
}

#[derive(Debug)]
pub(super) struct Check {
    /// Rank in [`Schema::checks`].
    pub(super) rank: usize,
    pub(super) report: bool,
    pub(super) test: Compiled,
    pub(super) message: Vec<Said>,
    pub(super) diagnostics: Vec<(String, Vec<Said>)>,
}

/// What is known of an assertion before any document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckInfo {
    /// Its id in the schema, or the pattern and its rank there: `pattern/3`.
    pub key: String,
    /// Its id in the schema; empty when it has none.
    pub id: String,
    /// Pattern.
    pub pattern: Arc<str>,
    /// Context of its rule.
    pub context: Arc<str>,
    /// The expression.
    pub test: String,
    /// `role`, its own or its rule's; empty when there is none.
    pub role: String,
    /// `flag`; empty when there is none.
    pub flag: String,
    /// A `report` (fails when the test holds) rather than an `assert`.
    pub report: bool,
    /// File in which it stands.
    pub file: Arc<str>,
    /// Line there.
    pub line: u32,
}

#[derive(Debug)]
pub(super) enum Said {
    Text(String),
    Value(Compiled),
    Name(Option<Compiled>),
}

impl Schema {
    /// Path in its folder.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// File name without its extension.
    pub fn name(&self) -> &str {
        let file = self.path.rsplit('/').next().unwrap_or(&self.path);
        file.strip_suffix(".sch").unwrap_or(file)
    }

    /// Title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What is wrong in the schema itself, sorted.
    pub fn defects(&self) -> &[Defect] {
        &self.defects
    }

    /// Its assertions, in order.
    pub fn checks(&self) -> &[CheckInfo] {
        &self.checks
    }
}

#[derive(Default)]
struct Build {
    /// Path of the schema: what value sets are relative to.
    base: String,
    names: Names,
    namespaces: Vec<(String, String)>,
    /// Expression and the variables it mentions, to what it became.
    known: HashMap<(String, Vec<(String, Slot)>), Compiled>,
    defects: Vec<Defect>,
}

impl Build {
    /// Value sets that an expression names and the folder does not hold, or holds in another letter case.
    fn value_sets(&mut self, documents: &Documents, text: &str, at: &At) {
        if !text.contains(".xml") && !text.contains(".rdf") {
            return;
        }
        for literal in literals(text) {
            let Some(wanted) = resolve(&self.base, literal).filter(|_| is_document(literal)) else {
                continue;
            };
            let problem = match documents.written(&wanted) {
                Some(path) if path == wanted => continue,
                Some(path) => format!(
                    "refers to {literal:?}, written {path:?} on the disk: the letter case is wrong"
                ),
                None => format!("refers to {literal:?}, which does not exist"),
            };
            self.defects.push(Defect {
                file: at.file.to_string(),
                line: at.line,
                problem,
            });
        }
    }

    fn compile(&mut self, text: &str, variables: &[(String, Slot)], at: &At) -> Compiled {
        let mentioned: Vec<(String, Slot)> = if text.contains('$') {
            variables
                .iter()
                .filter(|(name, _)| mentions(text, name))
                .cloned()
                .collect()
        } else {
            Vec::new()
        };
        let key = (text.to_owned(), mentioned);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let made = Compiler::new(&mut self.names, &self.namespaces, &key.1)
            .compile(text)
            .map(Arc::new);
        if let Err(error) = &made {
            self.defects.push(Defect {
                file: at.file.to_string(),
                line: at.line,
                problem: format!("expression that cannot be used: {error}"),
            });
        }
        self.known.insert(key, made.clone());
        made
    }

    fn said(&mut self, message: &Message, variables: &[(String, Slot)], at: &At) -> Vec<Said> {
        message
            .iter()
            .map(|part| match part {
                Part::Text(text) => Said::Text(text.clone()),
                Part::ValueOf(select) => Said::Value(self.compile(select, variables, at)),
                Part::Name(path) => {
                    Said::Name(path.as_ref().map(|p| self.compile(p, variables, at)))
                }
            })
            .collect()
    }

    fn schema(mut self, engine: Arc<Engine>, path: &str, source: source::Source) -> Schema {
        self.namespaces = source.namespaces;
        self.defects = source.defects;
        // Every `let` of the schema and of its patterns is global; a pattern sees its own first.
        let all: Vec<&Let> = source
            .lets
            .iter()
            .chain(source.patterns.iter().flat_map(|p| &p.lets))
            .collect();
        for binding in &all {
            self.value_sets(&engine.documents, &binding.value, &binding.at);
        }
        for rule in source.patterns.iter().flat_map(|p| &p.rules) {
            for binding in &rule.lets {
                self.value_sets(&engine.documents, &binding.value, &binding.at);
            }
            for check in &rule.checks {
                self.value_sets(&engine.documents, &check.test, &check.at);
            }
        }
        let globals_scope: Vec<(String, Slot)> = all
            .iter()
            .enumerate()
            .map(|(rank, binding)| (binding.name.clone(), Slot::Global(rank as u32)))
            .collect();
        let globals = all
            .iter()
            .map(|binding| {
                (
                    binding.name.clone(),
                    self.compile(&binding.value, &globals_scope, &binding.at),
                )
            })
            .collect();
        let mut first_own = source.lets.len();
        let mut checks = Vec::new();
        let mut patterns = Vec::with_capacity(source.patterns.len());
        // By value: what was read is given back as it is compiled.
        for pattern in source.patterns {
            let mut scope = globals_scope.clone();
            for (rank, own) in pattern.lets.iter().enumerate() {
                scope.push((own.name.clone(), Slot::Global((first_own + rank) as u32)));
            }
            first_own += pattern.lets.len();
            let mut in_pattern = 0;
            let id: Arc<str> = Arc::from(pattern.id.as_str());
            let rules = pattern
                .rules
                .iter()
                .map(|rule| {
                    self.rule(
                        rule,
                        &id,
                        &source.diagnostics,
                        &scope,
                        &mut checks,
                        &mut in_pattern,
                    )
                })
                .collect();
            patterns.push(Pattern {
                id: pattern.id.clone(),
                rules,
            });
        }
        self.defects.sort();
        self.defects.dedup();
        Schema {
            engine,
            path: path.to_owned(),
            title: source.title,
            namespaces: self.namespaces,
            names: self.names,
            globals,
            patterns,
            checks,
            defects: self.defects,
        }
    }

    fn rule(
        &mut self,
        rule: &source::Rule,
        id: &Arc<str>,
        said_apart: &HashMap<String, Message>,
        outer: &[(String, Slot)],
        infos: &mut Vec<CheckInfo>,
        in_pattern: &mut usize,
    ) -> Rule {
        let matcher = self
            .compile(&rule.context, outer, &rule.at)
            .map(|e| Matcher::new(Expression::clone(&e)));
        let mut scope = outer.to_vec();
        let mut lets = Vec::with_capacity(rule.lets.len());
        for (rank, binding) in rule.lets.iter().enumerate() {
            let value = self.compile(&binding.value, &scope, &binding.at);
            lets.push((binding.name.clone(), value));
            scope.push((binding.name.clone(), Slot::Local(rank as u32)));
        }
        // Shared by the assertions of the rule: a kit has thousands, with long contexts.
        let context: Arc<str> = Arc::from(rule.context.as_str());
        let checks = rule
            .checks
            .iter()
            .map(|check| {
                *in_pattern += 1;
                let rank = infos.len();
                infos.push(CheckInfo {
                    key: if check.id.is_empty() {
                        format!("{id}/{in_pattern}")
                    } else {
                        check.id.clone()
                    },
                    id: check.id.clone(),
                    pattern: Arc::clone(id),
                    context: Arc::clone(&context),
                    test: check.test.clone(),
                    role: if check.role.is_empty() {
                        rule.role.clone()
                    } else {
                        check.role.clone()
                    },
                    flag: check.flag.clone(),
                    report: check.report,
                    file: Arc::clone(&check.at.file),
                    line: check.at.line,
                });
                Check {
                    rank,
                    report: check.report,
                    test: self.compile(&check.test, &scope, &check.at),
                    message: self.said(&check.message, &scope, &check.at),
                    // A diagnostic is said where its assertion stands: it sees the variables of the rule.
                    diagnostics: check
                        .diagnostics
                        .iter()
                        .filter_map(|id| {
                            if let Some(text) = said_apart.get(id) {
                                return Some((id.clone(), self.said(text, &scope, &check.at)));
                            }
                            self.defects.push(Defect {
                                file: check.at.file.to_string(),
                                line: check.at.line,
                                problem: format!("the diagnostic {id:?} does not exist"),
                            });
                            None
                        })
                        .collect(),
                }
            })
            .collect();
        Rule {
            id: rule.id.clone(),
            context,
            role: rule.role.clone(),
            matcher,
            lets,
            checks,
        }
    }
}

/// The string literals of an expression.
fn literals(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let at = rest.find(['\'', '"'])?;
        let (quote, after) = (&rest[at..=at], &rest[at + 1..]);
        let (literal, following) = after.split_once(quote)?;
        rest = following;
        Some(literal)
    })
}

/// Is a literal the path of a value set, rather than a piece of one?
fn is_document(literal: &str) -> bool {
    literal.contains('/')
        && [".xml", ".rdf"].iter().any(|end| {
            literal
                .strip_suffix(end)
                .is_some_and(|stem| !stem.ends_with('/'))
        })
}

/// Does the text mention `$name`, and not only a longer name?
fn mentions(text: &str, name: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.trim_start().strip_prefix(name)
            && !after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
        {
            return true;
        }
    }
    false
}

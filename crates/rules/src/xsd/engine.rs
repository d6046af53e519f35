//! The engine behind a trait of ours, and its one implementation: the crate `xsd-schema`, in XSD 1.0.
//!
//! A compiled set of that crate may be moved between threads but not shared by two, and a run over it borrows it: so an
//! engine serves from within [`Engine::serve`], and [`super::pool`] gives it a thread.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use diapason_formats::xml::NodeId;
use xsd_schema::error::{SchemaError, SchemaResult};
use xsd_schema::namespace::context::NamespaceContextSnapshot;
use xsd_schema::parser::location::SourceLocation;
use xsd_schema::parser::resolver::SchemaLoader;
use xsd_schema::validation::{
    ContentType, SchemaValidator, ValidationError, ValidationFlags, ValidationRuntime,
    ValidationSink, ValidationWarning,
};
use xsd_schema::{
    EmbeddedLoader, LoaderChain, LocationRequest, ResolverConfig, SchemaResolver, SchemaSet,
    SchemaSetBuilder, XsdVersion,
};

use super::flat::{Event, Flat};
use super::source::Source;

/// Scheme of the locations given to the engine: the rank of a document in its [`Source`].
const SCHEME: &str = "mem:///";

/// Bytes of names that documents may add to a compiled set before it is compiled anew.
const MOST_NAMES: usize = 8 << 20;

/// Namespace of `xsi:type` and `xsi:nil`.
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// What an engine compiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    /// A document of the source.
    Document(usize),
    /// A schema of ours that includes a document of the source and declares one element of one of its types.
    Wrapper {
        /// The document included.
        include: usize,
        /// Namespace of both.
        namespace: &'static str,
        /// Element declared.
        element: &'static str,
        /// Its type.
        of_type: &'static str,
    },
}

/// A name: namespace, local.
pub(super) type Name = (String, String);

/// A place where the document does not follow the schema, as the engine says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// The node.
    pub node: NodeId,
    /// Constraint.
    pub code: String,
    /// Sentence of the engine.
    pub message: String,
    /// What could stand there instead: elements, or attributes for an attribute.
    pub expected: Vec<Name>,
    /// Found when the element closed: its content is not complete.
    pub closing: bool,
}

/// What came out of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Run {
    /// In document order, one per parent and cause.
    pub problems: Vec<Problem>,
    /// How many more there were than were kept.
    pub more: usize,
}

/// Something that runs documents against a compiled set.
pub(super) trait Runner {
    /// Imports and includes that could not be read.
    fn missing(&self) -> Vec<String>;
    /// Runs one document, keeping at most `most` problems. An error is about the engine, not the document.
    fn run(&self, flat: &Flat, most: usize) -> Result<Run, String>;
    /// Should it be thrown away and compiled again?
    fn worn(&self) -> bool;
}

/// Compiles, and lends what it compiled.
pub(super) trait Engine: Send + Sync {
    /// Compiles and calls `work` with the result; returns when `work` does.
    fn serve(
        &self,
        source: &Arc<Source>,
        start: &Start,
        work: &mut dyn FnMut(&dyn Runner),
    ) -> Result<(), String>;
}

/// The crate `xsd-schema`.
pub(super) struct XsdSchemaCrate;

impl Engine for XsdSchemaCrate {
    fn serve(
        &self,
        source: &Arc<Source>,
        start: &Start,
        work: &mut dyn FnMut(&dyn Runner),
    ) -> Result<(), String> {
        let set = compile(source, start).map_err(|e| named(source, &e.to_string()))?;
        let missing = set
            .directive_failures()
            .iter()
            .filter(|f| !f.namespace_supplied())
            .map(|f| {
                let location = f.schema_location().unwrap_or_default();
                match f.namespace() {
                    Some(namespace) => format!("{location} ({namespace})"),
                    None => location.to_owned(),
                }
            })
            .collect();
        let validator = SchemaValidator::new(
            &set,
            ValidationFlags::default()
                - ValidationFlags::BUILD_PSVI_TYPED_VALUES
                - ValidationFlags::REPORT_WARNINGS,
        );
        let names = set.name_table.heap_bytes();
        work(&Compiled {
            source,
            set: &set,
            validator: &validator,
            missing,
            names,
        });
        Ok(())
    }
}

/// Reads documents of a [`Source`] by rank; knows no file and no address.
#[derive(Debug)]
struct Loader(Arc<Source>);

fn location(index: usize) -> String {
    format!("{SCHEME}{index}.xsd")
}

fn rank(location: &str) -> Option<usize> {
    location
        .strip_prefix(SCHEME)?
        .strip_suffix(".xsd")?
        .parse()
        .ok()
}

/// Puts the paths of the folder back in a sentence of the engine.
fn named(source: &Source, sentence: &str) -> String {
    let mut out = String::new();
    let mut rest = sentence;
    while let Some(at) = rest.find(SCHEME) {
        out.push_str(&rest[..at]);
        let from = &rest[at..];
        let end = from.find(".xsd").map_or(from.len(), |e| e + ".xsd".len());
        let path = rank(&from[..end]).and_then(|i| source.get(i));
        out.push_str(path.map_or("schema", |d| &d.path));
        rest = &from[end..];
    }
    out + rest
}

impl SchemaLoader for Loader {
    fn load(&self, location: &str) -> SchemaResult<String> {
        rank(location)
            .and_then(|i| self.0.get(i))
            .map(|d| d.text.clone())
            .ok_or_else(|| SchemaError::resolution("not in the folder"))
    }

    fn can_load(&self, location: &str) -> bool {
        rank(location).is_some()
    }
}

fn compile(source: &Arc<Source>, start: &Start) -> SchemaResult<SchemaSet> {
    let mut loaders = LoaderChain::new();
    loaders.add(Box::new(EmbeddedLoader::new()));
    loaders.add(Box::new(Loader(Arc::clone(source))));
    let mut resolver =
        SchemaResolver::with_config_and_loader(ResolverConfig::default(), Box::new(loaders));
    let catalog = resolver.catalog_mut();
    catalog.add_xml_catalog();
    for document in source.documents() {
        // An import without a location is found by its namespace, when one document has it.
        if let Some(namespace) = document.head.namespace.as_deref()
            && catalog.lookup(namespace).is_none()
            && let Some(index) = source.locate(None, "", Some(namespace))
        {
            catalog.add(namespace, location(index));
        }
    }
    let folder = Arc::clone(source);
    resolver.set_location_rewriter(move |asked: &LocationRequest<'_>, _: &SchemaResolver| {
        asked.kind?;
        if asked.location.starts_with(SCHEME) || asked.location.starts_with("embedded:") {
            return None;
        }
        folder
            .locate(rank(asked.base_uri), asked.location, asked.namespace)
            .map(location)
    });
    let mut builder = SchemaSetBuilder::with_resolver(resolver, XsdVersion::V1_0);
    match start {
        Start::Document(index) => {
            builder.try_add(&location(*index))?;
        }
        Start::Wrapper {
            include,
            namespace,
            element,
            of_type,
        } => {
            let text = format!(
                "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xmlns=\"{namespace}\" \
                 targetNamespace=\"{namespace}\" elementFormDefault=\"qualified\">\
                 <xs:include schemaLocation=\"{}\"/><xs:element name=\"{element}\" type=\"{of_type}\"/></xs:schema>",
                location(*include)
            );
            builder = builder.add_source(&text, &format!("{SCHEME}wrapper"))?;
        }
    }
    Ok(builder.compile()?.into_schema_set())
}

struct Compiled<'a> {
    source: &'a Source,
    set: &'a SchemaSet,
    validator: &'a SchemaValidator<'a>,
    missing: Vec<String>,
    names: usize,
}

impl Runner for Compiled<'_> {
    fn missing(&self) -> Vec<String> {
        self.missing.clone()
    }

    fn worn(&self) -> bool {
        self.set.name_table.heap_bytes() > self.names.saturating_add(MOST_NAMES)
    }

    fn run(&self, flat: &Flat, most: usize) -> Result<Run, String> {
        self.passes(flat, most)
            .map_err(|problem| named(self.source, &problem))
    }
}

impl Compiled<'_> {
    fn passes(&self, flat: &Flat, most: usize) -> Result<Run, String> {
        let nothing = BTreeSet::new();
        let run = self.pass(flat, &nothing, most)?;
        // What could stand there instead is only worked out where something stands that should not.
        let asked: BTreeSet<NodeId> = run
            .problems
            .iter()
            .filter(|p| is_content(&p.code))
            .map(|p| p.node)
            .collect();
        if asked.is_empty() {
            return Ok(run);
        }
        self.pass(flat, &asked, most)
    }
}

/// A child that is not expected, or content that is not complete.
pub(super) fn is_content(code: &str) -> bool {
    code == "cvc-complex-type.2.4"
}

/// What the sink and the walk share.
#[derive(Default)]
struct Seen {
    problems: RefCell<Vec<Problem>>,
    more: Cell<usize>,
    /// Why the document cannot be judged.
    failure: RefCell<Option<String>>,
    /// Where the walk is.
    at: Cell<Option<NodeId>>,
    closing: Cell<bool>,
    expected: RefCell<Vec<Name>>,
    /// Inside a child that is not expected: nothing there is judged.
    muted: Cell<bool>,
    /// The parent (the element itself, when it closes) already has a child that is not expected.
    told: Cell<bool>,
    /// The element that opens is not expected.
    rejected: Cell<bool>,
    /// Some element was not expected.
    any: Cell<bool>,
}

/// An element that is open.
struct Frame {
    scope: Rc<NamespaceContextSnapshot>,
    node: NodeId,
    /// It, or an element around it, is not expected.
    rejected: bool,
    /// Its content may not hold text; `Some(true)`: nor anything else.
    no_text: Option<bool>,
    /// One of its children is not expected: the others are judged by a content model that has lost its way.
    told: bool,
}

impl Seen {
    fn push(&self, problem: Problem, most: usize) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < most {
            problems.push(problem);
        } else {
            self.more.set(self.more.get() + 1);
        }
    }
}

/// White space that is not XML's, where no text may stand.
fn spaces(node: NodeId, empty: bool) -> Problem {
    Problem {
        node,
        code: if empty {
            "cvc-complex-type.2.1"
        } else {
            "cvc-complex-type.2.3"
        }
        .to_owned(),
        message: "spaces that are not white space in XML, where no text is allowed".to_owned(),
        expected: Vec::new(),
        closing: false,
    }
}

struct Sink<'a> {
    seen: &'a Seen,
    flat: &'a Flat,
    most: usize,
}

impl ValidationSink for Sink<'_> {
    fn on_error(&mut self, error: ValidationError) {
        let seen = self.seen;
        // What is not a constraint on documents is about the schemas or the engine: the document is not judged.
        if !error.constraint.starts_with("cvc-") {
            let mut failure = seen.failure.borrow_mut();
            failure.get_or_insert_with(|| format!("{} : {}", error.constraint, error.message));
            return;
        }
        // An element that is not expected is said once, and is not judged inside.
        if seen.muted.get() || seen.rejected.get() {
            return;
        }
        if is_content(error.constraint) {
            if !seen.closing.get() {
                seen.rejected.set(true);
                seen.any.set(true);
            }
            if seen.told.get() {
                return;
            }
        }
        // Identifiers were not all collected.
        if seen.any.get() && error.constraint == "cvc-id.1" {
            return;
        }
        // The line is the rank of the event: kept by the engine for what it only finds at the end.
        let told = error
            .location
            .as_ref()
            .and_then(|l| match self.flat.events().get(l.line)? {
                Event::Open { node, .. }
                | Event::Attribute { node, .. }
                | Event::Close { node } => Some(*node),
                _ => None,
            });
        let Some(node) = told.or(seen.at.get()) else {
            seen.more.set(seen.more.get() + 1);
            return;
        };
        let problem = Problem {
            node,
            code: error.constraint.to_owned(),
            message: error.message,
            expected: seen.expected.borrow().clone(),
            closing: seen.closing.get(),
        };
        seen.push(problem, self.most);
    }

    fn on_warning(&mut self, _: ValidationWarning) {}
}

impl Compiled<'_> {
    fn pass(&self, flat: &Flat, asked: &BTreeSet<NodeId>, most: usize) -> Result<Run, String> {
        let seen = Seen::default();
        let mut runtime = self.validator.start_run(Sink {
            seen: &seen,
            flat,
            most,
        });
        let names = &self.set.name_table;
        let name = |local, namespace: Option<_>| {
            (
                namespace.map(|n| names.resolve(n)).unwrap_or_default(),
                names.resolve(local),
            )
        };
        let mut scope = Rc::new(NamespaceContextSnapshot::default());
        let mut fresh = NamespaceContextSnapshot::default();
        let mut open: Vec<Frame> = Vec::new();
        let mut element = None; // the last that opened
        for (rank, event) in flat.events().iter().enumerate() {
            match event {
                Event::Namespace { prefix, uri } => {
                    let (prefix, uri) = (flat.get(*prefix), flat.get(*uri));
                    if prefix.is_empty() {
                        fresh.default_ns = (!uri.is_empty()).then(|| names.add(uri));
                    } else if !uri.is_empty() {
                        fresh.bindings.push((names.add(prefix), names.add(uri)));
                    }
                }
                Event::Open {
                    node,
                    local,
                    namespace,
                    scope: changed,
                } => {
                    let outer = Rc::clone(&scope);
                    if *changed {
                        scope = Rc::new(std::mem::take(&mut fresh));
                    }
                    let (muted, told) =
                        open.last().map_or((false, false), |f| (f.rejected, f.told));
                    seen.muted.set(muted);
                    seen.told.set(told);
                    element = Some(*node);
                    seen.at.set(element);
                    runtime.set_location(place(rank));
                    if asked.contains(node) {
                        *seen.expected.borrow_mut() = expected(&runtime, name);
                    }
                    let (xsi_type, xsi_nil) = xsi(flat, rank);
                    let info = runtime.validate_element(
                        flat.get(*local),
                        flat.get(*namespace),
                        xsi_type,
                        xsi_nil,
                        &scope,
                    );
                    seen.expected.borrow_mut().clear();
                    let rejected = seen.rejected.replace(false);
                    if let Some(parent) = open.last_mut().filter(|_| rejected) {
                        parent.told = true;
                    }
                    seen.muted.set(muted || rejected);
                    open.push(Frame {
                        scope: outer,
                        node: *node,
                        rejected: muted || rejected,
                        no_text: match info.content_type {
                            Some(ContentType::ElementOnly) => Some(false),
                            Some(ContentType::Empty) => Some(true),
                            _ => None,
                        },
                        told: false,
                    });
                }
                Event::Attribute {
                    node,
                    local,
                    namespace,
                    value,
                } => {
                    seen.at.set(Some(*node));
                    runtime.set_location(place(rank));
                    let before = seen.problems.borrow().len();
                    runtime.validate_attribute(
                        flat.get(*local),
                        flat.get(*namespace),
                        flat.get(*value),
                    );
                    if let Some(problem) = seen.problems.borrow_mut().get_mut(before)
                        && problem.code == "cvc-complex-type.3.2.2"
                    {
                        problem.expected = runtime
                            .get_expected_attributes()
                            .into_iter()
                            .map(|a| name(a.local_name, a.namespace))
                            .collect();
                    }
                }
                Event::Content => {
                    // What is missing among the attributes is said of the element.
                    seen.at.set(element);
                    runtime.clear_location();
                    runtime.validate_end_of_attributes_novalue();
                    let _ = runtime.take_deferred_attribute_results();
                }
                Event::Text { value } => {
                    let text = flat.get(*value);
                    if text
                        .bytes()
                        .all(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
                    {
                        runtime.validate_whitespace(text);
                    } else {
                        runtime.validate_text(text);
                        // The engine takes Unicode's white space for XML's: a no-break space is text.
                        if text.trim().is_empty()
                            && let Some(frame) = open.last().filter(|f| !f.rejected)
                            && let Some(empty) = frame.no_text
                        {
                            seen.push(spaces(frame.node, empty), most);
                        }
                    }
                }
                Event::Close { node } => {
                    let frame = open.pop();
                    seen.at.set(Some(*node));
                    seen.closing.set(true);
                    seen.muted.set(frame.as_ref().is_some_and(|f| f.rejected));
                    seen.told.set(frame.as_ref().is_some_and(|f| f.told));
                    runtime.set_location(place(rank));
                    if asked.contains(node) {
                        *seen.expected.borrow_mut() = expected(&runtime, name);
                    }
                    runtime.validate_end_element_novalue();
                    seen.expected.borrow_mut().clear();
                    seen.closing.set(false);
                    if let Some(frame) = frame {
                        scope = frame.scope;
                    }
                    seen.muted.set(open.last().is_some_and(|f| f.rejected));
                }
            }
            if seen.failure.borrow().is_some() || runtime.operational_failure().is_some() {
                break;
            }
        }
        if let Some(failure) = seen.failure.borrow_mut().take() {
            return Err(failure);
        }
        seen.muted.set(false);
        seen.told.set(false);
        seen.at.set(flat.root());
        runtime.end_validation().map_err(|e| e.to_string())?;
        drop(runtime);
        if let Some(failure) = seen.failure.borrow_mut().take() {
            return Err(failure);
        }
        Ok(Run {
            problems: seen.problems.into_inner(),
            more: seen.more.get(),
        })
    }
}

fn place(rank: usize) -> SourceLocation {
    SourceLocation {
        base_uri: String::new(),
        line: rank,
        column: 0,
    }
}

fn expected<S: ValidationSink>(
    runtime: &ValidationRuntime<'_, S>,
    name: impl Fn(xsd_schema::NameId, Option<xsd_schema::NameId>) -> Name,
) -> Vec<Name> {
    let mut all: Vec<Name> = Vec::new();
    for element in runtime.get_expected_elements() {
        let one = name(element.local_name, element.namespace);
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all
}

/// `xsi:type` and `xsi:nil` among the attributes of the element that opens at `rank`.
fn xsi(flat: &Flat, rank: usize) -> (Option<&str>, Option<&str>) {
    let mut found = (None, None);
    for event in &flat.events()[rank + 1..] {
        let Event::Attribute {
            local,
            namespace,
            value,
            ..
        } = event
        else {
            break;
        };
        if flat.get(*namespace) == XSI {
            match flat.get(*local) {
                "type" => found.0 = Some(flat.get(*value)),
                "nil" => found.1 = Some(flat.get(*value)),
                _ => {}
            }
        }
    }
    found
}

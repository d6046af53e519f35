//! The schemas of a folder, and which of them judges a document.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use diapason_core::Place;
use diapason_formats::xml::{NodeId, Tree};

use super::engine::{Engine, Start, XsdSchemaCrate};
use super::flat::Flat;
use super::pool::Pool;
use super::source::{Entry, Source};
use super::words::{self, finding};
use super::{Unjudged, XsdError, XsdFinding, XsdLimits};
use crate::files::Files;

/// Namespace of CDA R2.
const HL7: &str = "urn:hl7-org:v3";
/// Its root element.
const CDA_ROOT: &str = "ClinicalDocument";
/// Type of that root.
const CDA_TYPE: &str = "POCD_MT000040.ClinicalDocument";
/// Namespaces of SOAP 1.2 and 1.1.
const SOAP: [&str; 2] = [
    "http://www.w3.org/2003/05/soap-envelope",
    "http://schemas.xmlsoap.org/soap/envelope/",
];

/// What the schemas say of one subtree of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validation {
    /// Schema it was judged by: stem of the entry file (`CDA_extended`).
    pub schema: String,
    /// Path of that file in the folder.
    pub file: String,
    /// The element judged.
    pub root: NodeId,
    /// Where it does not follow the schema, in document order; empty when it does.
    pub result: Result<Vec<XsdFinding>, Unjudged>,
    /// Findings past the limit, counted but not kept.
    pub more: usize,
    /// Imports and includes of the schema that are not in the folder.
    pub missing: Vec<String>,
    /// Other files of the folder that declare the same root and were not used.
    pub others: Vec<String>,
}

/// The CDA schema of the national kit, ready to validate from any thread.
pub struct CdaSchema {
    pool: Pool,
    file: String,
    limits: XsdLimits,
}

impl CdaSchema {
    /// Loads the schema from an unpacked kit (`infrastructure/cda`).
    ///
    /// The entry file of the kit also imports the schema of XSLT, which says nothing of a CDA: a schema of ours includes
    /// the same CDA types and declares the same root.
    pub fn from_kit(files: &dyn Files) -> Result<Self, XsdError> {
        Self::from_kit_with(files, XsdLimits::default())
    }

    /// The same, with other bounds.
    pub fn from_kit_with(files: &dyn Files, limits: XsdLimits) -> Result<Self, XsdError> {
        let inside = |path: &str| path.to_lowercase().contains("infrastructure/cda/");
        let mut source = Source::read(files, inside)?;
        if source.documents().is_empty() {
            source = Source::read(files, |_| true)?;
        }
        let include = cda_types(&source).ok_or(XsdError::Missing("CDA schema"))?;
        let source = Arc::new(source);
        let file = source
            .documents()
            .iter()
            .find(|d| {
                d.head.namespace.as_deref() == Some(HL7) && d.head.elements.contains(CDA_ROOT)
            })
            .or(source.get(include))
            .map(|d| d.path.clone())
            .unwrap_or_default();
        let pool = Pool::new(Arc::new(XsdSchemaCrate), source, cda_start(include), limits)
            .map_err(|e| XsdError::Compile(e.0))?;
        Ok(Self { pool, file, limits })
    }

    /// Validates the `ClinicalDocument` of a document, wherever it stands; `None` when there is none.
    pub fn validate(&self, tree: &Tree) -> Option<Validation> {
        let root = cda_root(tree)?;
        let entry = Entry {
            document: 0,
            others: Vec::new(),
        };
        let judge = Judge {
            file: &self.file,
            entry: &entry,
            limits: self.limits,
        };
        Some(judge.run(tree, root, &|_| false, Ok(&self.pool)))
    }

    /// Imports and includes that are not in the folder.
    pub fn missing(&self) -> &[String] {
        self.pool.missing()
    }
}

/// The document with the types of CDA: the one whose name the kit uses, else the first that defines the type of the root.
fn cda_types(source: &Source) -> Option<usize> {
    let defines = |index: &usize| {
        source.get(*index).is_some_and(|d| {
            d.head.namespace.as_deref() == Some(HL7) && d.head.types.contains(CDA_TYPE)
        })
    };
    let all = 0..source.documents().len();
    all.clone()
        .find(|i| {
            defines(i)
                && source.get(*i).is_some_and(|d| {
                    d.path
                        .to_lowercase()
                        .ends_with("pocd_mt000040_extended_pharmacy.xsd")
                })
        })
        .or_else(|| all.clone().find(defines))
}

fn cda_start(include: usize) -> Start {
    Start::Wrapper {
        include,
        namespace: HL7,
        element: CDA_ROOT,
        of_type: CDA_TYPE,
    }
}

/// The `ClinicalDocument` element: the root, or the first one inside it (style sheet, signature).
pub(super) fn cda_root(tree: &Tree) -> Option<NodeId> {
    tree.descendant_elements(tree.root())
        .find(|n| tree.is_named(*n, HL7, CDA_ROOT))
}

/// Whatever schemas a folder holds: the packages of INSi, DMP, XDS, SOAP... Compiled when a document asks for them.
pub struct Schemas {
    source: Arc<Source>,
    engine: Arc<dyn Engine>,
    limits: XsdLimits,
    pools: Mutex<BTreeMap<usize, Compiled>>,
}

/// A set of schemas, or why there is none: asked once.
type Compiled = Arc<Result<Pool, Unjudged>>;

impl Schemas {
    /// Reads the schemas of a folder (`.xsd`, and those inside `.wsdl`).
    pub fn from_dir(files: &dyn Files) -> Result<Self, XsdError> {
        Self::from_dir_with(files, XsdLimits::default())
    }

    /// The same, with other bounds.
    pub fn from_dir_with(files: &dyn Files, limits: XsdLimits) -> Result<Self, XsdError> {
        let source = Source::read(files, |_| true)?;
        if source.documents().is_empty() {
            return Err(XsdError::Missing("readable XML Schema document"));
        }
        Ok(Self {
            source: Arc::new(source),
            engine: Arc::new(XsdSchemaCrate),
            limits,
            pools: Mutex::new(BTreeMap::new()),
        })
    }

    /// Files that could not be read as schemas, with the reason.
    pub fn left_out(&self) -> &[(String, String)] {
        &self.source.left_out
    }

    /// Paths of the schema documents read.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.source.documents().iter().map(|d| d.path.as_str())
    }

    /// Validates what the folder has schemas for: the `ClinicalDocument`, the header blocks and the body of a SOAP
    /// message, else the root. Nothing at all when no schema concerns the document.
    pub fn validate(&self, tree: &Tree) -> Vec<Validation> {
        let Some(root) = tree.document_element() else {
            return Vec::new();
        };
        if let Some(cda) = cda_root(tree) {
            return self.part(tree, cda, &|_| false).into_iter().collect();
        }
        if !is_soap(tree, root, "Envelope") {
            return self.part(tree, root, &|_| false).into_iter().collect();
        }
        // What SOAP itself adds to a block (`mustUnderstand`, `role`...) is no matter of the block's schema.
        let of_soap = |attribute| SOAP.contains(&tree.namespace(attribute));
        tree.child_elements(root)
            .filter(|part| is_soap(tree, *part, "Header") || is_soap(tree, *part, "Body"))
            .flat_map(|part| tree.child_elements(part).collect::<Vec<_>>())
            .filter(|block| !SOAP.contains(&tree.namespace(*block)))
            .filter_map(|block| self.part(tree, block, &of_soap))
            .collect()
    }

    fn part(
        &self,
        tree: &Tree,
        root: NodeId,
        skipped: &dyn Fn(NodeId) -> bool,
    ) -> Option<Validation> {
        let (namespace, local) = (tree.namespace(root), tree.local(root));
        if tree.is_named(root, HL7, CDA_ROOT)
            && let Some(include) = cda_types(&self.source)
        {
            let entry = Entry {
                document: include,
                others: Vec::new(),
            };
            let pool = self.pool(include, || cda_start(include));
            return Some(self.judge(&entry, tree, root, skipped, &pool));
        }
        if let Some(entry) = self.source.entry(namespace, local) {
            let pool = self.pool(entry.document, || Start::Document(entry.document));
            return Some(self.judge(&entry, tree, root, skipped, &pool));
        }
        // The namespace is known here, that element is not.
        let known =
            self.source.documents().iter().find(|d| {
                !namespace.is_empty() && d.head.namespace.as_deref() == Some(namespace)
            })?;
        Some(Validation {
            schema: stem(&known.path),
            file: known.path.clone(),
            root,
            result: Ok(vec![XsdFinding {
                node: root,
                place: place(tree, root),
                code: "cvc-elt.1".to_owned(),
                expected: format!("un élément que les schémas de {namespace} déclarent"),
                observed: words::tag(tree, root),
                message: format!("no global declaration of element '{local}'"),
            }]),
            more: 0,
            missing: Vec::new(),
            others: Vec::new(),
        })
    }

    fn judge(
        &self,
        entry: &Entry,
        tree: &Tree,
        root: NodeId,
        skipped: &dyn Fn(NodeId) -> bool,
        pool: &Compiled,
    ) -> Validation {
        let judge = Judge {
            file: self.source.get(entry.document).map_or("", |d| &d.path),
            entry,
            limits: self.limits,
        };
        judge.run(tree, root, skipped, pool.as_ref().as_ref())
    }

    /// The set that starts at a document, compiled once; others wait for it.
    fn pool(&self, document: usize, start: impl FnOnce() -> Start) -> Compiled {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let compiled = pools.entry(document).or_insert_with(|| {
            Arc::new(Pool::new(
                Arc::clone(&self.engine),
                Arc::clone(&self.source),
                start(),
                self.limits,
            ))
        });
        Arc::clone(compiled)
    }
}

struct Judge<'a> {
    file: &'a str,
    entry: &'a Entry,
    limits: XsdLimits,
}

impl Judge<'_> {
    fn run(
        &self,
        tree: &Tree,
        root: NodeId,
        skipped: &dyn Fn(NodeId) -> bool,
        pool: Result<&Pool, &Unjudged>,
    ) -> Validation {
        let mut more = 0;
        let run = pool
            .map_err(Clone::clone)
            .and_then(|pool| pool.run(Flat::new(tree, root, skipped), self.limits.findings.max(1)));
        let result = run.map(|run| {
            more = run.more;
            run.problems
                .iter()
                .map(|problem| finding(tree, problem))
                .collect()
        });
        Validation {
            schema: stem(self.file),
            file: self.file.to_owned(),
            root,
            result,
            more,
            missing: pool.map_or_else(|_| Vec::new(), |p| p.missing().to_vec()),
            others: self.entry.others.clone(),
        }
    }
}

fn is_soap(tree: &Tree, node: NodeId, local: &str) -> bool {
    SOAP.contains(&tree.namespace(node)) && tree.local(node) == local
}

/// File name without folder or extension; the rank of a schema inside a WSDL stays.
fn stem(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.') {
        Some((stem, rest)) => match rest.split_once('#') {
            Some((_, rank)) => format!("{stem}#{rank}"),
            None => stem.to_owned(),
        },
        None => name.to_owned(),
    }
}

/// Place of a node.
pub(super) fn place(tree: &Tree, node: NodeId) -> Place {
    let at = tree.position(node);
    Place {
        line: Some(at.line),
        column: Some(at.column),
        path: Some(tree.path(node)),
        ..Place::default()
    }
}

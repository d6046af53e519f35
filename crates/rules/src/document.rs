//! The judge of lone documents: a file in, findings out, whatever engine each rule speaks.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use base64::Engine as _;
use diapason_core::event::PackRef;
use diapason_core::requirement::Text;
use diapason_core::rule::{Check, Rule};
use diapason_core::{DocumentKind, Level, Place, RequirementId};
use diapason_formats::dmp::Message;
use diapason_formats::xml::{Limits, NodeId, NodeKind, Tree};
use jsonschema::Validator;
use serde_json::Value;

use crate::cda::Kit;
use crate::files::Files;
use crate::json_rules::{compile, judge_json};
use crate::schematron::{Engine, Outcome, Schema};
use crate::xsd::{CdaSchema, Schemas, Validation};
use crate::{JudgeError, cda, dmp};

mod message;

/// Name under which our own rules are marked among the packs.
pub const OWN_PACK: &str = "diapason";

/// Most findings of one rule in one document; more say nothing new.
const MOST_FINDINGS: usize = 20;

/// A finding made in a document, with the pack it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentFinding {
    /// Pack: [`OWN_PACK`], `kit/IHE`, `xsd/CDA_extended`...
    pub pack: String,
    /// Rule as printed: an id of ours (`CDA-H01`), or for plugged-in packs a name made of the
    /// pattern and the place of the assertion in its file, stable for one version of the pack.
    pub rule: String,
    /// Its level.
    pub level: Level,
    /// Where in the document: line, column, XPath.
    pub place: Place,
    /// What the rule asks for, here.
    pub expected: String,
    /// What was seen.
    pub observed: String,
    /// What to try, for our own rules.
    pub hint: Option<Text>,
    /// Requirements the rule proves, for our own rules.
    pub requirements: Vec<RequirementId>,
}

/// A rule that could not be judged on this document: never a pass, never a deviation (`erreur_banc` of that rule).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indeterminate {
    /// Pack.
    pub pack: String,
    /// Rule.
    pub rule: String,
    /// Why: a missing value set, an expression that fails, a time-out.
    pub reason: String,
}

/// What was seen of one document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DocumentReport {
    /// Model recognised (`DLU-EHPAD-DLU_2022.01`, `CDA N1`), for a CDA.
    pub model: Option<String>,
    /// Rules that did not hold, in document order.
    pub findings: Vec<DocumentFinding>,
    /// Assertions run, by pack and rule.
    pub checks: BTreeMap<(String, String), u32>,
    /// Rules that could not be judged.
    pub indeterminate: Vec<Indeterminate>,
    /// Packs used, pinned by hash.
    pub packs: Vec<PackRef>,
}

/// A Rust rule over one document, registered by rule id in [`crate::cda`].
pub type DocumentRule = fn(&mut DocumentCtx<'_>);

/// What a Rust document rule works with. A rule that calls neither [`held`](Self::held) nor one of the others
/// did not apply.
pub struct DocumentCtx<'a> {
    bytes: &'a [u8],
    tree: &'a Tree,
    message: Option<&'a Message<'a>>,
    made: u32,
    broken: Vec<(Place, String, String)>,
}

impl<'a> DocumentCtx<'a> {
    /// The DMP request that carries it, when it came with one.
    pub fn message(&self) -> Option<&'a Message<'a>> {
        self.message
    }

    /// The document as it was given.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The document read.
    pub fn tree(&self) -> &'a Tree {
        self.tree
    }

    /// Counts an assertion that held.
    pub fn held(&mut self) {
        self.made += 1;
    }

    /// Counts an assertion that did not hold at a node.
    pub fn broken(
        &mut self,
        node: NodeId,
        expected: impl Into<String>,
        observed: impl Into<String>,
    ) {
        self.broken_at(place(self.tree, node), expected, observed);
    }

    /// Counts an assertion that did not hold, anywhere.
    pub fn broken_at(
        &mut self,
        place: Place,
        expected: impl Into<String>,
        observed: impl Into<String>,
    ) {
        self.made += 1;
        self.broken.push((place, expected.into(), observed.into()));
    }

    /// Holds when `ok`, else broken at that node.
    pub fn check(
        &mut self,
        ok: bool,
        node: NodeId,
        expected: impl Into<String>,
        observed: impl Into<String>,
    ) {
        if ok {
            self.held();
        } else {
            self.broken(node, expected, observed);
        }
    }
}

/// Line, column and XPath of a node.
pub fn place(tree: &Tree, node: NodeId) -> Place {
    let position = tree.position(node);
    Place {
        path: Some(tree.path(node)),
        line: Some(position.line),
        column: Some(position.column),
        ..Place::default()
    }
}

/// Judges documents by our rules and by whatever official packs are plugged in. Share it between threads.
pub struct DocumentJudge {
    rules: Vec<Rule>,
    by_id: HashMap<String, usize>,
    schemas: Vec<(DocumentKind, Schema)>,
    json: Vec<(usize, DocumentKind, Validator)>,
    functions: Vec<(usize, DocumentKind, DocumentRule)>,
    kit: Option<Arc<Kit>>,
    cda_schema: Option<Arc<CdaSchema>>,
    schemas_given: Option<Arc<Schemas>>,
    limits: Limits,
}

impl std::fmt::Debug for DocumentJudge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DocumentJudge")
            .field("rules", &self.rules.len())
            .finish_non_exhaustive()
    }
}

impl DocumentJudge {
    /// Compiles the document rules among `rules`; their Schematron files are in `files`, the `profiles` folder.
    ///
    /// # Errors
    /// A file that is missing or has a defect, an assertion without a rule, a rule without an assertion or a function.
    pub fn new(rules: &[Rule], files: Arc<dyn Files>) -> Result<Self, JudgeError> {
        let mut judge = Self {
            rules: Vec::new(),
            by_id: HashMap::new(),
            schemas: Vec::new(),
            json: Vec::new(),
            functions: Vec::new(),
            kit: None,
            cda_schema: None,
            schemas_given: None,
            limits: Limits::default(),
        };
        let functions: BTreeMap<&str, DocumentRule> = cda::RULES
            .iter()
            .copied()
            .chain(dmp::document_rules())
            .collect();
        let mut files_named: BTreeMap<&str, (DocumentKind, Vec<&Rule>)> = BTreeMap::new();
        for rule in rules {
            let rank = judge.rules.len();
            match &rule.check {
                Check::Schematron { file, on } => {
                    let (kind, rules) = files_named.entry(file).or_insert((*on, Vec::new()));
                    if kind != on {
                        return Err(JudgeError::Schematron {
                            file: file.clone(),
                            problem: format!(
                                "rule {} says it judges {on}, another rule says {kind}",
                                rule.id
                            ),
                        });
                    }
                    rules.push(rule);
                }
                Check::Json { on, schema } => {
                    let validator = compile(schema).map_err(|problem| JudgeError::Schema {
                        rule: rule.id.clone(),
                        problem: problem.to_string(),
                    })?;
                    judge.json.push((rank, *on, validator));
                }
                Check::Document { on } => {
                    let function = functions
                        .get(rule.id.as_str())
                        .ok_or_else(|| JudgeError::NoFunction(rule.id.clone()))?;
                    judge.functions.push((rank, *on, *function));
                }
                Check::Schema { .. } | Check::Rust { .. } | Check::Scenario {} => continue,
            }
            if judge.by_id.insert(rule.id.to_string(), rank).is_some() {
                return Err(JudgeError::Twice(rule.id.clone()));
            }
            if rule.level > rule.confidence.ceiling() && rule.breach.is_none() {
                return Err(JudgeError::Level(rule.id.clone()));
            }
            judge.rules.push(rule.clone());
        }
        // A function needs its rule as soon as its family (`CDA`, `DMP`) is there.
        let family = |id: &str| id.split('-').next().unwrap_or_default().to_owned();
        let families: HashSet<String> = judge.rules.iter().map(|r| family(r.id.as_str())).collect();
        for id in functions.keys() {
            if families.contains(&family(id)) && !judge.by_id.contains_key(*id) {
                return Err(JudgeError::NoRule((*id).to_owned()));
            }
        }
        let engine = Engine::new(files);
        for (file, (kind, rules)) in files_named {
            let schema = engine
                .load(file, None)
                .map_err(|error| JudgeError::Schematron {
                    file: file.to_owned(),
                    problem: error.to_string(),
                })?;
            agree(file, &schema, &rules)?;
            judge.schemas.push((kind, schema));
        }
        Ok(judge)
    }

    /// The same, with an official CDA kit beside our rules.
    #[must_use]
    pub fn with_kit(mut self, kit: Arc<Kit>) -> Self {
        self.kit = Some(kit);
        self
    }

    /// The same, with the XML Schema of CDA.
    #[must_use]
    pub fn with_cda_schema(mut self, schema: Arc<CdaSchema>) -> Self {
        self.cda_schema = Some(schema);
        self
    }

    /// The same, with XML Schemas chosen by the namespace of what is judged.
    #[must_use]
    pub fn with_schemas(mut self, schemas: Arc<Schemas>) -> Self {
        self.schemas_given = Some(schemas);
        self
    }

    /// A document rule by id.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.by_id.get(id).map(|rank| &self.rules[*rank])
    }

    /// Our own schemas, compiled.
    pub fn schemas(&self) -> impl Iterator<Item = &Schema> {
        self.schemas.iter().map(|(_, schema)| schema)
    }

    /// Judges a document of a known kind.
    pub fn judge(&self, kind: DocumentKind, bytes: &[u8]) -> DocumentReport {
        let mut report = DocumentReport::default();
        match kind {
            DocumentKind::Cda => self.cda(bytes, &mut report),
            DocumentKind::Jwt | DocumentKind::Userinfo => self.json(kind, bytes, &mut report),
            DocumentKind::XdsMetadata
            | DocumentKind::SamlAssertion
            | DocumentKind::LotSignature => {
                self.lone(kind, bytes, &mut report);
            }
            DocumentKind::SoapRequest => {
                self.request(bytes, &mut report);
                self.given(bytes, &mut report);
            }
            DocumentKind::SoapAnswer => self.given(bytes, &mut report),
            _ => {}
        }
        report.findings.sort_by(|a, b| {
            (a.place.line, a.place.column, &a.rule).cmp(&(b.place.line, b.place.column, &b.rule))
        });
        report
    }

    fn cda(&self, bytes: &[u8], report: &mut DocumentReport) {
        let tree = match Tree::read(bytes, &self.limits) {
            Ok(tree) => tree,
            Err(error) => {
                let (rule, expected, observed) = cda::reading(&error);
                let place = Place {
                    line: (error.line > 0).then_some(error.line),
                    column: (error.column > 0).then_some(error.column),
                    ..Place::default()
                };
                Self::count(report, rule, 1);
                self.own(report, rule, place, expected.to_owned(), observed);
                return;
            }
        };
        report.model = Some(cda::model(&tree));
        self.rules_of(DocumentKind::Cda, bytes, &tree, None, report);
        if let Some(kit) = &self.kit {
            kit.judge(&tree, report);
        }
        if let Some(schema) = &self.cda_schema {
            if let Some(validation) = schema.validate(&tree) {
                validated(validation, report);
            }
        } else if let Some(schemas) = &self.schemas_given {
            for validation in schemas.validate(&tree) {
                validated(validation, report);
            }
        }
    }

    /// Our rules of one kind over a tree.
    fn rules_of(
        &self,
        kind: DocumentKind,
        bytes: &[u8],
        tree: &Tree,
        message: Option<&Message<'_>>,
        report: &mut DocumentReport,
    ) {
        for (_, schema) in self.schemas.iter().filter(|(on, _)| *on == kind) {
            let outcome = schema.run(tree);
            self.schematron(schema, &outcome, tree, report);
        }
        for (rank, _, function) in self.functions.iter().filter(|(_, on, _)| *on == kind) {
            let mut ctx = DocumentCtx {
                bytes,
                tree,
                message,
                made: 0,
                broken: Vec::new(),
            };
            function(&mut ctx);
            let id = self.rules[*rank].id.as_str();
            if ctx.made > 0 {
                Self::count(report, id, ctx.made);
            }
            for (place, expected, observed) in ctx.broken {
                self.own(report, id, place, expected, observed);
            }
        }
    }

    fn schematron(
        &self,
        schema: &Schema,
        outcome: &Outcome,
        tree: &Tree,
        report: &mut DocumentReport,
    ) {
        for (info, times) in schema.checks().iter().zip(&outcome.evaluated) {
            if *times > 0 {
                Self::count(report, rule_of(&info.id), *times);
            }
        }
        for failure in &outcome.failures {
            let info = &schema.checks()[failure.check];
            let seen: Vec<&str> = failure
                .diagnostics
                .iter()
                .map(|(_, text)| text.as_str())
                .collect();
            let observed = if seen.is_empty() {
                excerpt(tree, failure.node)
            } else {
                seen.join(" ; ")
            };
            self.own(
                report,
                rule_of(&info.id),
                place(tree, failure.node),
                failure.message.clone(),
                observed,
            );
        }
        for undecided in &outcome.undecided {
            report.indeterminate.push(Indeterminate {
                pack: OWN_PACK.to_owned(),
                rule: rule_of(&schema.checks()[undecided.check].id).to_owned(),
                reason: undecided.reason.clone(),
            });
        }
    }

    fn json(&self, kind: DocumentKind, bytes: &[u8], report: &mut DocumentReport) {
        let value = match json_of(kind, bytes) {
            Ok(value) => value,
            Err(problem) => {
                // The first rule of the kind stands for "it can be read at all".
                let first = self.json.iter().find(|(_, on, _)| *on == kind);
                if let Some((rank, ..)) = first {
                    let id = self.rules[*rank].id.to_string();
                    Self::count(report, &id, 1);
                    self.own(report, &id, problem.0, problem.1, problem.2);
                }
                return;
            }
        };
        // Claims inside a JWT have no place of their own in the text.
        let source = std::str::from_utf8(bytes).ok().filter(|t| {
            t.trim_start_matches('\u{feff}')
                .trim_start()
                .starts_with('{')
        });
        for (rank, on, validator) in &self.json {
            if *on != kind {
                continue;
            }
            let id = self.rules[*rank].id.to_string();
            Self::count(report, &id, 1);
            for found in judge_json(validator, &value, source) {
                self.own(
                    report,
                    &id,
                    found.place,
                    found.expected,
                    crate::redact::redact_text(&found.observed),
                );
            }
        }
    }

    /// A message judged by the XML Schemas given, if any.
    fn given(&self, bytes: &[u8], report: &mut DocumentReport) {
        let Some(schemas) = &self.schemas_given else {
            return;
        };
        // A raw HTTP message is judged by its body.
        let body = if bytes.trim_ascii_start().first() == Some(&b'<') {
            bytes
        } else {
            bytes
                .windows(4)
                .position(|w| w == b"\r\n\r\n")
                .map_or(bytes, |at| &bytes[at + 4..])
        };
        match Tree::read(body, &self.limits) {
            Ok(tree) => {
                for validation in schemas.validate(&tree) {
                    validated(validation, report);
                }
            }
            Err(error) => report.indeterminate.push(Indeterminate {
                pack: "xsd".to_owned(),
                rule: "reading".to_owned(),
                reason: format!("le corps du message ne se lit pas comme du XML : {error}"),
            }),
        }
    }

    fn count(report: &mut DocumentReport, rule: &str, times: u32) {
        *report
            .checks
            .entry((OWN_PACK.to_owned(), rule.to_owned()))
            .or_default() += times;
    }

    fn own(
        &self,
        report: &mut DocumentReport,
        id: &str,
        place: Place,
        expected: String,
        observed: String,
    ) {
        let Some(rule) = self.rule(id) else {
            return;
        };
        if report
            .findings
            .iter()
            .filter(|f| f.rule == id && f.pack == OWN_PACK)
            .count()
            >= MOST_FINDINGS
        {
            return;
        }
        report.findings.push(DocumentFinding {
            pack: OWN_PACK.to_owned(),
            rule: id.to_owned(),
            level: rule.level,
            place,
            expected,
            observed,
            hint: Some(rule.hint.clone()),
            requirements: rule.requirements.clone(),
        });
    }
}

/// What an XML Schema says, in the shape of the rest.
fn validated(validation: Validation, report: &mut DocumentReport) {
    let pack = format!("xsd/{}", validation.schema);
    let mut open = |rule: &str, reason: String| {
        report.indeterminate.push(Indeterminate {
            pack: pack.clone(),
            rule: rule.to_owned(),
            reason,
        });
    };
    if !validation.missing.is_empty() {
        let missing = validation.missing.join(", ");
        open(
            "import",
            format!("schémas absents du dossier, ce qui en dépend n'est pas jugé : {missing}"),
        );
    }
    if validation.more > 0 {
        open(
            "limite",
            format!("{} autres écarts ne sont pas montrés", validation.more),
        );
    }
    match validation.result {
        Ok(findings) => {
            *report
                .checks
                .entry((pack.clone(), validation.schema.clone()))
                .or_default() += 1;
            report
                .findings
                .extend(findings.into_iter().map(|f| DocumentFinding {
                    pack: pack.clone(),
                    rule: f.code,
                    level: Level::Error,
                    place: f.place,
                    expected: f.expected,
                    observed: f.observed,
                    hint: None,
                    requirements: Vec::new(),
                }));
        }
        Err(reason) => report.indeterminate.push(Indeterminate {
            pack,
            rule: validation.schema,
            reason: reason.to_string(),
        }),
    }
}

/// The rule of an assertion: its id, up to the full stop that tells apart several assertions of one rule.
fn rule_of(id: &str) -> &str {
    id.split('.').next().unwrap_or(id)
}

/// Assertions and rules of one file name each other, and the file has no defect: it is ours.
fn agree(file: &str, schema: &Schema, rules: &[&Rule]) -> Result<(), JudgeError> {
    let wrong = |problem: String| JudgeError::Schematron {
        file: file.to_owned(),
        problem,
    };
    if let Some(defect) = schema.defects().first() {
        return Err(wrong(format!(
            "{} line {}: {}",
            defect.file, defect.line, defect.problem
        )));
    }
    for info in schema.checks() {
        if !rules.iter().any(|r| r.id.as_str() == rule_of(&info.id)) {
            return Err(wrong(format!(
                "{} line {}: the assertion {:?} has no rule that names this file",
                info.file, info.line, info.id
            )));
        }
    }
    for rule in rules {
        if !schema
            .checks()
            .iter()
            .any(|c| rule_of(&c.id) == rule.id.as_str())
        {
            return Err(wrong(format!(
                "no assertion bears the id of the rule {}",
                rule.id
            )));
        }
    }
    Ok(())
}

/// The start tag of an element, or its text, cut short: what was seen when nothing says it better.
pub(crate) fn excerpt(tree: &Tree, node: NodeId) -> String {
    const LONGEST: usize = 160;
    let text = match tree.kind(node) {
        NodeKind::Element => {
            let mut tag = format!("<{}", tree.name(node));
            for attribute in tree.attributes(node) {
                tag.push_str(
                    &[" ", tree.name(attribute), "=\"", tree.text(attribute), "\""].concat(),
                );
                if tag.len() > LONGEST {
                    break;
                }
            }
            tag.push('>');
            let content = tree
                .children(node)
                .find(|n| tree.kind(*n) == NodeKind::Text);
            if let Some(content) = content
                .map(|n| tree.text(n).trim())
                .filter(|t| !t.is_empty())
            {
                tag.push_str(content.get(..LONGEST).unwrap_or(content));
            }
            tag
        }
        NodeKind::Document => "le document".to_owned(),
        _ => tree.text(node).to_owned(),
    };
    let text = crate::redact::redact_text(&text);
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

type JsonProblem = (Place, String, String);

/// The JSON that rules see: the claims, or header and payload of a JWT.
fn json_of(kind: DocumentKind, bytes: &[u8]) -> Result<Value, JsonProblem> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| {
            (
                Place::default(),
                "du texte UTF-8".to_owned(),
                "des octets qui n'en sont pas".to_owned(),
            )
        })?
        .trim_start_matches('\u{feff}')
        .trim();
    if kind == DocumentKind::Userinfo && text.starts_with('{') {
        return parse(text);
    }
    let parts: Vec<&str> = text.split('.').collect();
    let [header, payload, _signature] = parts.as_slice() else {
        return Err((
            Place::default(),
            "un JWT signé en forme compacte : trois parties séparées par des points".to_owned(),
            format!("{} partie(s)", parts.len()),
        ));
    };
    let decode = |part: &str, name: &str| {
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(part)
            .map_err(|error| {
                (
                    Place::default(),
                    format!("{name} en base64url"),
                    error.to_string(),
                )
            })?;
        parse(&String::from_utf8_lossy(&bytes))
    };
    let (header, payload) = (
        decode(header, "l'en-tête")?,
        decode(payload, "la charge utile")?,
    );
    if kind == DocumentKind::Userinfo {
        return Ok(payload);
    }
    Ok(serde_json::json!({ "header": header, "payload": payload }))
}

fn parse(text: &str) -> Result<Value, JsonProblem> {
    serde_json::from_str(text).map_err(|error| {
        let place = Place {
            line: u32::try_from(error.line()).ok(),
            column: u32::try_from(error.column()).ok(),
            ..Place::default()
        };
        (place, "du JSON".to_owned(), error.to_string())
    })
}

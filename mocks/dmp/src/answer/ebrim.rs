//! Registry objects and registry answers, as XML. Child order is that of ebRIM: slots, name, description, version,
//! classifications, identifiers.

use crate::names::{
    ASSOCIATION, CLASSIFICATION, ERROR, EXTERNAL_ID, FAILURE, PACKAGE, PARTIAL, RIM, RS, SUCCESS,
    WARNING,
};
use crate::state::Object;
use crate::xml::Xml;

/// One error of a registry answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegistryError {
    pub(crate) code: String,
    pub(crate) context: String,
    pub(crate) warning: bool,
}

impl RegistryError {
    pub(crate) fn new(code: &str, context: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            context: context.into(),
            warning: false,
        }
    }
}

/// Status and errors of a registry answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Some of what was asked could be done (queries and retrievals only).
    pub(crate) partial: bool,
    pub(crate) errors: Vec<RegistryError>,
}

impl Outcome {
    pub(crate) fn failed(errors: Vec<RegistryError>) -> Self {
        Self {
            partial: false,
            errors,
        }
    }

    fn refuses(&self) -> bool {
        self.errors.iter().any(|e| !e.warning)
    }

    pub(crate) fn status(&self) -> &'static str {
        match (self.refuses(), self.partial) {
            (false, _) => SUCCESS,
            (true, true) => PARTIAL,
            (true, false) => FAILURE,
        }
    }

    /// Word of the journal.
    pub(crate) fn word(&self) -> String {
        let code = self.errors.iter().find(|e| !e.warning).map(|e| &e.code);
        match code {
            None => "success".to_owned(),
            Some(code) if self.partial => format!("partial:{code}"),
            Some(code) => format!("failure:{code}"),
        }
    }
}

/// `rs:RegistryResponse`.
pub(crate) fn response(out: &mut Xml, outcome: &Outcome) {
    let attributes = [("xmlns:rs", RS), ("status", outcome.status())];
    if outcome.errors.is_empty() {
        out.empty("rs:RegistryResponse", &attributes);
        return;
    }
    out.open("rs:RegistryResponse", &attributes);
    errors(out, outcome);
    out.close("rs:RegistryResponse");
}

/// `rs:RegistryErrorList`, whose prefix is declared.
pub(crate) fn errors(out: &mut Xml, outcome: &Outcome) {
    if outcome.errors.is_empty() {
        return;
    }
    let severity = |warning| if warning { WARNING } else { ERROR };
    let highest = severity(!outcome.refuses());
    out.open("rs:RegistryErrorList", &[("highestSeverity", highest)]);
    for error in &outcome.errors {
        out.empty(
            "rs:RegistryError",
            &[
                ("errorCode", &error.code),
                ("codeContext", &error.context),
                ("severity", severity(error.warning)),
                ("location", ""),
            ],
        );
    }
    out.close("rs:RegistryErrorList");
}

fn slot(out: &mut Xml, name: &str, values: &[String]) {
    out.open("rim:Slot", &[("name", name)])
        .open("rim:ValueList", &[]);
    for value in values {
        out.leaf("rim:Value", value);
    }
    out.close("rim:ValueList").close("rim:Slot");
}

fn localized(out: &mut Xml, element: &str, text: &str) {
    out.open(element, &[])
        .empty(
            "rim:LocalizedString",
            &[("xml:lang", "FR"), ("charset", "UTF8"), ("value", text)],
        )
        .close(element);
}

/// The parts common to entries and lots. Ids of parts come from the object's: they are the same each time it is shown.
fn parts(out: &mut Xml, object: &Object) {
    for (name, values) in &object.slots {
        slot(out, name, values);
    }
    if let Some(name) = &object.name {
        localized(out, "rim:Name", name);
    }
    if let Some(description) = &object.description {
        localized(out, "rim:Description", description);
    }
    if let Some(version) = &object.version {
        out.empty("rim:VersionInfo", &[("versionName", version)]);
    }
    for (rank, classification) in object.classifications.iter().enumerate() {
        let id = part_id(&object.id, "classification", rank);
        let scheme = if classification.is_node {
            "classificationNode"
        } else {
            "classificationScheme"
        };
        let mut attributes = vec![
            ("id", id.as_str()),
            (scheme, classification.scheme.as_str()),
            ("classifiedObject", object.id.as_str()),
            ("objectType", CLASSIFICATION),
        ];
        if !classification.is_node {
            attributes.push(("nodeRepresentation", &classification.code));
        }
        out.open("rim:Classification", &attributes);
        for (name, values) in &classification.slots {
            slot(out, name, values);
        }
        if let Some(label) = &classification.label {
            localized(out, "rim:Name", label);
        }
        out.close("rim:Classification");
    }
    for (rank, (scheme, value, label)) in object.identifiers.iter().enumerate() {
        let id = part_id(&object.id, "identifier", rank);
        out.open(
            "rim:ExternalIdentifier",
            &[
                ("id", id.as_str()),
                ("registryObject", &object.id),
                ("identificationScheme", scheme),
                ("objectType", EXTERNAL_ID),
                ("value", value),
            ],
        );
        if !label.is_empty() {
            localized(out, "rim:Name", label);
        }
        out.close("rim:ExternalIdentifier");
    }
}

fn part_id(object: &str, kind: &str, rank: usize) -> String {
    crate::state::uuid_of(&format!("{object} {kind} {rank}"))
}

/// An `ExtrinsicObject`; the prefix is declared by whoever holds it.
pub(crate) fn entry(out: &mut Xml, object: &Object) {
    out.open(
        "rim:ExtrinsicObject",
        &[
            ("id", &object.id),
            ("lid", object.lid.as_deref().unwrap_or(&object.id)),
            ("isOpaque", "false"),
            ("mimeType", &object.mime_type),
            ("objectType", &object.kind),
            ("status", object.status.as_deref().unwrap_or_default()),
        ],
    );
    parts(out, object);
    out.close("rim:ExtrinsicObject");
}

/// A `RegistryPackage`.
pub(crate) fn package(out: &mut Xml, object: &Object) {
    out.open(
        "rim:RegistryPackage",
        &[
            ("id", &object.id),
            ("lid", object.lid.as_deref().unwrap_or(&object.id)),
            ("objectType", PACKAGE),
            ("status", object.status.as_deref().unwrap_or_default()),
        ],
    );
    parts(out, object);
    out.close("rim:RegistryPackage");
}

/// An `Association`.
pub(crate) fn association(out: &mut Xml, object: &Object) {
    let (kind, source, target) = &object.association;
    out.open(
        "rim:Association",
        &[
            ("id", &object.id),
            ("lid", object.lid.as_deref().unwrap_or(&object.id)),
            ("objectType", ASSOCIATION),
            ("status", object.status.as_deref().unwrap_or_default()),
            ("associationType", kind),
            ("sourceObject", source),
            ("targetObject", target),
        ],
    );
    parts(out, object);
    out.close("rim:Association");
}

/// The objects of a query's answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub(crate) packages: Vec<Object>,
    pub(crate) entries: Vec<Object>,
    pub(crate) associations: Vec<Object>,
}

impl Found {
    pub(crate) fn len(&self) -> usize {
        self.packages.len() + self.entries.len() + self.associations.len()
    }

    fn ids(&self) -> impl Iterator<Item = &str> {
        self.packages
            .iter()
            .chain(&self.entries)
            .chain(&self.associations)
            .map(|o| o.id.as_str())
    }
}

/// `rim:RegistryObjectList`, whole objects or references.
pub(crate) fn objects(out: &mut Xml, found: &Found, references: bool) {
    if found.len() == 0 {
        out.empty("rim:RegistryObjectList", &[("xmlns:rim", RIM)]);
        return;
    }
    out.open("rim:RegistryObjectList", &[("xmlns:rim", RIM)]);
    if references {
        for id in found.ids() {
            out.empty("rim:ObjectRef", &[("id", id)]);
        }
    } else {
        found.packages.iter().for_each(|o| package(out, o));
        found.entries.iter().for_each(|o| entry(out, o));
        found.associations.iter().for_each(|o| association(out, o));
    }
    out.close("rim:RegistryObjectList");
}

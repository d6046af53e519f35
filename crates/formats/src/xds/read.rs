//! Lots read from the tree, in one pass: what an object holds and what stands beside it are brought together by id.

use std::collections::{HashMap, HashSet};

use super::lot::{
    Association, Author, DocumentEntry, Folder, Lot, MOST_PROBLEMS, ObjectReference, Problem, Slot,
    SubmissionSet, first,
};
use super::types::{At, Coded, Cx, Dtm, Field, Xcn, Xon};
use super::{RIM, code, scheme};
use crate::xml::{NodeId, Tree};

pub(super) struct Reader<'t> {
    tree: &'t Tree,
    list: NodeId,
    /// Classifications that stand beside the objects they classify.
    classified: HashMap<&'t str, Vec<NodeId>>,
    /// External identifiers that stand beside their object.
    identified: HashMap<&'t str, Vec<NodeId>>,
}

/// What an object holds, sorted by scheme.
struct Parts {
    slots: Vec<Slot>,
    classifications: Vec<(String, NodeId)>,
    identifiers: Vec<(String, NodeId)>,
    /// Nodes it is classified by.
    nodes: Vec<String>,
    title: Option<At<String>>,
    comments: Option<At<String>>,
    version: Option<At<String>>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(tree: &'t Tree, list: NodeId) -> Self {
        let mut classified: HashMap<&str, Vec<NodeId>> = HashMap::new();
        let mut identified: HashMap<&str, Vec<NodeId>> = HashMap::new();
        for node in tree.child_elements(list) {
            if tree.namespace(node) != RIM {
                continue;
            }
            let (into, attribute) = match tree.local(node) {
                "Classification" => (&mut classified, "classifiedObject"),
                "ExternalIdentifier" => (&mut identified, "registryObject"),
                _ => continue,
            };
            if let Some(object) = tree.attribute(node, attribute) {
                into.entry(object).or_default().push(node);
            }
        }
        Self {
            tree,
            list,
            classified,
            identified,
        }
    }

    pub(super) fn read(&mut self, lot: &mut Lot) {
        let tree = self.tree;
        let mut ids: HashMap<&str, NodeId> = HashMap::new();
        for node in tree.child_elements(self.list) {
            let local = tree.local(node);
            if tree.namespace(node) != RIM {
                say(
                    lot,
                    node,
                    format!("l'élément {local} n'est pas dans l'espace de noms rim"),
                );
                continue;
            }
            if matches!(local, "RegistryPackage" | "ExtrinsicObject" | "Association") {
                match tree.attribute(node, "id") {
                    Some(id) if ids.insert(id, node).is_some() => {
                        say(
                            lot,
                            node,
                            format!("l'id « {id} » est porté par deux objets"),
                        );
                    }
                    None if local != "Association" => {
                        say(lot, node, format!("{local} n'a pas d'id"));
                    }
                    _ => {}
                }
            }
            match local {
                "RegistryPackage" => self.package(node, lot),
                "ExtrinsicObject" => {
                    let entry = self.entry(node, lot);
                    lot.entries.push(entry);
                }
                "Association" => lot.associations.push(self.association(node)),
                "ObjectRef" => lot.references.push(ObjectReference {
                    id: self.text(node, "id"),
                    node,
                }),
                "Classification" | "ExternalIdentifier" => {}
                other => say(lot, node, format!("l'élément {other} n'est pas attendu")),
            }
        }
        if lot.submission_sets > 1 {
            let text = format!("{} lots de soumission dans un message", lot.submission_sets);
            say(lot, self.list, text);
        }
    }

    fn text(&self, node: NodeId, attribute: &str) -> String {
        self.tree
            .attribute(node, attribute)
            .unwrap_or_default()
            .trim()
            .to_owned()
    }

    fn optional(&self, node: NodeId, attribute: &str) -> Option<String> {
        self.tree
            .attribute(node, attribute)
            .map(|v| v.trim().to_owned())
    }

    fn slots(&self, node: NodeId) -> Vec<Slot> {
        let tree = self.tree;
        tree.children_named(node, RIM, "Slot")
            .map(|slot| Slot {
                name: self.text(slot, "name"),
                values: tree
                    .children_named(slot, RIM, "ValueList")
                    .flat_map(|list| tree.children_named(list, RIM, "Value"))
                    .map(|value| At {
                        value: tree.string_value(value).trim().to_owned(),
                        node: value,
                    })
                    .collect(),
                node: slot,
            })
            .collect()
    }

    /// Value of the first `LocalizedString` of a `Name` or `Description`.
    fn localized(&self, node: NodeId, local: &str) -> Option<At<String>> {
        let tree = self.tree;
        let name = tree.child(node, RIM, local)?;
        let string = tree.child(name, RIM, "LocalizedString")?;
        Some(At {
            value: tree.attribute(string, "value")?.to_owned(),
            node: string,
        })
    }

    fn parts(&mut self, node: NodeId, lot: &mut Lot) -> Parts {
        let tree = self.tree;
        let id = tree.attribute(node, "id").unwrap_or_default();
        let slots = self.slots(node);
        let mut seen: HashSet<&str> = HashSet::new();
        for slot in &slots {
            if !seen.insert(&slot.name) {
                say(lot, slot.node, format!("le slot {} est répété", slot.name));
            }
            if slot.values.is_empty() {
                say(
                    lot,
                    slot.node,
                    format!("le slot {} n'a pas de valeur", slot.name),
                );
            }
        }
        // What stands beside goes to the first object of that id: to each of thousands, it would never end.
        let beside = self.classified.remove(id).unwrap_or_default();
        let identified = self.identified.remove(id).unwrap_or_default();
        let mut nodes = Vec::new();
        let mut classifications = Vec::new();
        let inside = tree.children_named(node, RIM, "Classification");
        for classification in inside.chain(beside) {
            if let Some(by) = tree.attribute(classification, "classificationNode") {
                nodes.push(by.trim().to_owned());
            } else {
                classifications.push((
                    self.text(classification, "classificationScheme"),
                    classification,
                ));
            }
            let of = tree.attribute(classification, "classifiedObject");
            if of.is_some_and(|of| of != id) {
                let text = format!(
                    "une classification de « {id} » désigne un autre objet, « {} »",
                    of.unwrap_or_default()
                );
                say(lot, classification, text);
            }
        }
        let mut identifiers = Vec::new();
        let inside = tree.children_named(node, RIM, "ExternalIdentifier");
        for identifier in inside.chain(identified) {
            identifiers.push((self.text(identifier, "identificationScheme"), identifier));
            let of = tree.attribute(identifier, "registryObject");
            if of.is_some_and(|of| of != id) {
                let text = format!(
                    "un identifiant externe de « {id} » désigne un autre objet, « {} »",
                    of.unwrap_or_default()
                );
                say(lot, identifier, text);
            }
        }
        let version = tree.child(node, RIM, "VersionInfo").and_then(|v| {
            Some(At {
                value: tree.attribute(v, "versionName")?.trim().to_owned(),
                node: v,
            })
        });
        Parts {
            slots,
            classifications,
            identifiers,
            nodes,
            title: self.localized(node, "Name"),
            comments: self.localized(node, "Description"),
            version,
        }
    }

    fn package(&mut self, node: NodeId, lot: &mut Lot) {
        let parts = self.parts(node, lot);
        let is = |wanted: &str| parts.nodes.iter().any(|n| n == wanted);
        let id = self.text(node, "id");
        if is(scheme::FOLDER) && !is(scheme::SUBMISSION_SET) {
            let unique_id = self.identifier(&parts, scheme::FOLDER_UNIQUE, "uniqueId", lot);
            lot.folders.push(Folder {
                node,
                id,
                unique_id,
            });
            return;
        }
        if !is(scheme::SUBMISSION_SET) {
            say(
                lot,
                node,
                format!(
                    "le RegistryPackage « {id} » n'est classé ni comme lot de soumission ni comme dossier"
                ),
            );
        }
        lot.submission_sets += 1;
        if lot.submission_set.is_some() {
            return;
        }
        let set = SubmissionSet {
            node,
            id,
            submission_time: self.time(&parts, "submissionTime"),
            title: parts.title.clone(),
            comments: parts.comments.clone(),
            authors: self.authors(&parts, scheme::SUBMISSION_SET_AUTHOR),
            content_type: self.one(&parts, scheme::CONTENT_TYPE, "contentTypeCode", lot),
            patient_id: self
                .identifier(&parts, scheme::SUBMISSION_SET_PATIENT, "patientId", lot)
                .map(|v| Field::read(&v.value, v.node, Cx::parse)),
            source_id: self.identifier(&parts, scheme::SUBMISSION_SET_SOURCE, "sourceId", lot),
            unique_id: self.identifier(&parts, scheme::SUBMISSION_SET_UNIQUE, "uniqueId", lot),
            slots: parts.slots,
        };
        lot.submission_set = Some(set);
    }

    fn entry(&mut self, node: NodeId, lot: &mut Lot) -> DocumentEntry {
        let parts = self.parts(node, lot);
        let class = self.one(&parts, scheme::CLASS, "classCode", lot);
        let type_code = self.one(&parts, scheme::TYPE, "typeCode", lot);
        let format = self.one(&parts, scheme::FORMAT, "formatCode", lot);
        let facility = self.one(&parts, scheme::FACILITY, "healthcareFacilityTypeCode", lot);
        let practice = self.one(&parts, scheme::PRACTICE, "practiceSettingCode", lot);
        let patient_id = self
            .identifier(&parts, scheme::PATIENT, "patientId", lot)
            .map(|v| Field::read(&v.value, v.node, Cx::parse));
        let unique_id = self.identifier(&parts, scheme::UNIQUE, "uniqueId", lot);
        let known = [
            scheme::AUTHOR,
            scheme::CLASS,
            scheme::CONFIDENTIALITY,
            scheme::EVENT,
            scheme::FORMAT,
            scheme::FACILITY,
            scheme::PRACTICE,
            scheme::TYPE,
        ];
        for (by, classification) in &parts.classifications {
            if !known.contains(&by.as_str()) {
                say(
                    lot,
                    *classification,
                    format!("schéma de classification inconnu : « {by} »"),
                );
            }
        }
        let code_is = |coded: &Option<Coded>, wanted: &[&str]| {
            coded
                .as_ref()
                .is_some_and(|c| wanted.contains(&c.code.as_str()))
        };
        // Two of three tell: one of them wrong must not turn the signature into a document.
        let marks = [
            code_is(&class, &[code::SIGNATURE_CLASS]),
            code_is(&type_code, &[code::SIGNATURE_TYPE]),
            code_is(
                &format,
                &[code::SIGNATURE_FORMAT, code::SIGNATURE_FORMAT_DSG],
            ),
        ];
        let value = |name: &str| {
            parts
                .slots
                .iter()
                .find(|s| s.name == name)
                .and_then(|s| s.values.first())
        };
        let all = |name: &str| -> Vec<At<String>> {
            parts
                .slots
                .iter()
                .filter(|s| s.name == name)
                .flat_map(|s| s.values.clone())
                .collect()
        };
        DocumentEntry {
            node,
            id: self.text(node, "id"),
            lid: self.optional(node, "lid"),
            object_type: self.optional(node, "objectType"),
            mime_type: self.optional(node, "mimeType"),
            status: self.optional(node, "status"),
            signature: marks.iter().filter(|m| **m).count() >= 2,
            creation_time: self.time(&parts, "creationTime"),
            service_start: self.time(&parts, "serviceStartTime"),
            service_stop: self.time(&parts, "serviceStopTime"),
            language: value("languageCode").cloned(),
            hash: value("hash").cloned(),
            size: value("size").map(|v| Field::read(&v.value, v.node, size)),
            legal_authenticators: all("legalAuthenticator")
                .iter()
                .map(|v| Field::read(&v.value, v.node, Xcn::parse))
                .collect(),
            source_patient_id: value("sourcePatientId")
                .map(|v| Field::read(&v.value, v.node, Cx::parse)),
            source_patient_info: all("sourcePatientInfo"),
            repository: value("repositoryUniqueId").cloned(),
            uri: value("URI").cloned(),
            reference_ids: all(code::REFERENCE_IDS),
            title: parts.title.clone(),
            comments: parts.comments.clone(),
            version: parts.version.clone(),
            authors: self.authors(&parts, scheme::AUTHOR),
            confidentiality: self.coded(&parts, scheme::CONFIDENTIALITY),
            events: self.coded(&parts, scheme::EVENT),
            class,
            type_code,
            format,
            facility,
            practice,
            patient_id,
            unique_id,
            slots: parts.slots,
        }
    }

    fn association(&self, node: NodeId) -> Association {
        let uri = self.text(node, "associationType");
        Association {
            node,
            id: self.optional(node, "id"),
            kind: uri.rsplit(':').next().unwrap_or_default().to_owned(),
            uri,
            source: self.text(node, "sourceObject"),
            target: self.text(node, "targetObject"),
            slots: self.slots(node),
        }
    }

    fn time(&self, parts: &Parts, name: &str) -> Option<Field<Dtm>> {
        let _ = self;
        let slot = parts.slots.iter().find(|s| s.name == name)?;
        let value = slot.values.first()?;
        Some(Field::read(&value.value, value.node, Dtm::parse))
    }

    fn coded(&self, parts: &Parts, wanted: &str) -> Vec<Coded> {
        parts
            .classifications
            .iter()
            .filter(|(by, _)| by == wanted)
            .map(|(_, node)| {
                let slots = self.slots(*node);
                Coded {
                    code: self.text(*node, "nodeRepresentation"),
                    scheme: first(&slots, "codingScheme").map(str::to_owned),
                    label: self.localized(*node, "Name").map(|n| n.value),
                    node: *node,
                }
            })
            .collect()
    }

    fn one(&self, parts: &Parts, wanted: &str, what: &str, lot: &mut Lot) -> Option<Coded> {
        let mut found = self.coded(parts, wanted).into_iter();
        let one = found.next();
        if let Some(second) = found.next() {
            say(lot, second.node, format!("{what} est donné plusieurs fois"));
        }
        one
    }

    fn identifier(
        &self,
        parts: &Parts,
        wanted: &str,
        what: &str,
        lot: &mut Lot,
    ) -> Option<At<String>> {
        let mut found = parts.identifiers.iter().filter(|(by, _)| by == wanted);
        let (_, node) = found.next()?;
        if let Some((_, second)) = found.next() {
            say(lot, *second, format!("{what} est donné plusieurs fois"));
        }
        Some(At {
            value: self.text(*node, "value"),
            node: *node,
        })
    }

    fn authors(&self, parts: &Parts, wanted: &str) -> Vec<Author> {
        parts
            .classifications
            .iter()
            .filter(|(by, _)| by == wanted)
            .map(|(_, node)| {
                let slots = self.slots(*node);
                let all = |name: &str| -> Vec<At<String>> {
                    slots
                        .iter()
                        .filter(|s| s.name == name)
                        .flat_map(|s| s.values.clone())
                        .collect()
                };
                Author {
                    persons: all("authorPerson")
                        .iter()
                        .map(|v| Field::read(&v.value, v.node, Xcn::parse))
                        .collect(),
                    institutions: all("authorInstitution")
                        .iter()
                        .map(|v| Field::read(&v.value, v.node, Xon::parse))
                        .collect(),
                    roles: all("authorRole"),
                    specialties: all("authorSpecialty"),
                    node: *node,
                }
            })
            .collect()
    }
}

fn say(lot: &mut Lot, node: NodeId, text: String) {
    if lot.problems.len() < MOST_PROBLEMS {
        lot.problems.push(Problem { node, text });
    }
}

fn size(text: &str) -> (Option<u64>, Vec<String>) {
    let whole = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(size) if whole => (Some(size), Vec::new()),
        _ => (
            None,
            vec![format!("« {text} » n'est pas un nombre d'octets")],
        ),
    }
}

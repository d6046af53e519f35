//! Requests about the person and the rights: TD0.2, TD1.3a (HL7 V3) and TD0.3.

use super::{HABILITATIONS, HL7};
use crate::xml::{NodeId, Tree};

/// An instance identifier.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instance {
    /// root.
    pub root: String,
    /// extension.
    pub extension: Option<String>,
}

/// A query about a person (PRPA_IN201307UV02).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existence {
    /// The message.
    pub node: NodeId,
    /// id.
    pub id: Option<Instance>,
    /// creationTime.
    pub creation_time: Option<String>,
    /// interactionId.
    pub interaction: Option<Instance>,
    /// processingCode.
    pub processing: Option<String>,
    /// id of the receiving device.
    pub receiver: Option<Instance>,
    /// id of the sending device.
    pub sender: Option<Instance>,
    /// Name of the sending software.
    pub software: Option<String>,
    /// reasonCode.
    pub reason: Option<String>,
    /// codeSystem of reasonCode.
    pub reason_system: Option<String>,
    /// queryId.
    pub query_id: Option<Instance>,
    /// The person: extension is the INS, root its OID.
    pub patient: Option<Instance>,
    /// How many identifiers of the person.
    pub patients: usize,
    /// Where the identifier of the person stands.
    pub patient_node: Option<NodeId>,
}

impl Existence {
    /// Reads a PRPA_IN201307UV02 message.
    pub fn read(tree: &Tree, node: NodeId) -> Option<Self> {
        if !tree.is_named(node, HL7, "PRPA_IN201307UV02") {
            return None;
        }
        let find = |path: &[&str]| tree.find(node, HL7, path);
        let attribute = |path: &[&str], name: &str| {
            find(path).and_then(|n| tree.attribute(n, name).map(|v| v.trim().to_owned()))
        };
        let ii = |path: &[&str]| find(path).and_then(|n| instance(tree, n));
        let act = "controlActProcess";
        let values: Vec<NodeId> = find(&[act, "queryByParameter", "parameterList"])
            .into_iter()
            .flat_map(|list| tree.children_named(list, HL7, "patientIdentifier"))
            .flat_map(|id| tree.children_named(id, HL7, "value"))
            .collect();
        Some(Self {
            node,
            id: ii(&["id"]),
            creation_time: attribute(&["creationTime"], "value"),
            interaction: ii(&["interactionId"]),
            processing: attribute(&["processingCode"], "code"),
            receiver: ii(&["receiver", "device", "id"]),
            sender: ii(&["sender", "device", "id"]),
            software: find(&["sender", "device", "softwareName"])
                .map(|n| tree.string_value(n).trim().to_owned()),
            reason: attribute(&[act, "reasonCode"], "code"),
            reason_system: attribute(&[act, "reasonCode"], "codeSystem"),
            query_id: ii(&[act, "queryByParameter", "queryId"]),
            patient: values.first().and_then(|v| instance(tree, *v)),
            patients: values.len(),
            patient_node: values.first().copied(),
        })
    }
}

fn instance(tree: &Tree, node: NodeId) -> Option<Instance> {
    let text = |name| tree.attribute(node, name).map(|v| v.trim().to_owned());
    let (root, extension) = (text("root"), text("extension"));
    (root.is_some() || extension.is_some()).then(|| Instance {
        root: root.unwrap_or_default(),
        extension,
    })
}

/// A change of access authorisation (TD0.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Autorisation {
    /// The message.
    pub node: NodeId,
    /// action: `AJOUT`, `SUPPRESSION`.
    pub action: Option<String>,
    /// role: `MEDECIN_TRAITANT`.
    pub role: Option<String>,
}

impl Autorisation {
    /// Reads a setAuthorization message.
    pub fn read(tree: &Tree, node: NodeId) -> Option<Self> {
        if !tree.is_named(node, HABILITATIONS, "setAuthorization") {
            return None;
        }
        let text = |local: &str| {
            tree.child(node, HABILITATIONS, local)
                .map(|n| tree.string_value(n).trim().to_owned())
        };
        Some(Self {
            node,
            action: text("action"),
            role: text("role"),
        })
    }
}

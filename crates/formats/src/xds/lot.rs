//! Lots: submission set, document entries, folders, associations.

use super::RIM;
use super::read::Reader;
use super::types::{At, Coded, Cx, Dtm, Field, Xcn, Xon};
use crate::xml::{NodeId, Tree};

/// Most problems said of one lot.
pub(super) const MOST_PROBLEMS: usize = 200;

/// A slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Name.
    pub name: String,
    /// Values, blanks around them removed.
    pub values: Vec<At<String>>,
    /// Where it stands.
    pub node: NodeId,
}

/// An author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// authorPerson; one is expected.
    pub persons: Vec<Field<Xcn>>,
    /// authorInstitution.
    pub institutions: Vec<Field<Xon>>,
    /// authorRole.
    pub roles: Vec<At<String>>,
    /// authorSpecialty.
    pub specialties: Vec<At<String>>,
    /// Its `Classification`.
    pub node: NodeId,
}

/// sourcePatientInfo, by PID field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PatientInfo {
    /// PID-5: components of each name (`NOM^PRENOM^^^^^L`).
    pub names: Vec<Vec<String>>,
    /// PID-7.
    pub birth: Option<String>,
    /// PID-8.
    pub sex: Option<String>,
    /// Other fields: name, content.
    pub others: Vec<(String, String)>,
    /// Departures from the format, in French.
    pub problems: Vec<String>,
}

/// The submission set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmissionSet {
    /// `RegistryPackage`.
    pub node: NodeId,
    /// Symbolic id.
    pub id: String,
    /// submissionTime.
    pub submission_time: Option<Field<Dtm>>,
    /// Title.
    pub title: Option<At<String>>,
    /// Comments.
    pub comments: Option<At<String>>,
    /// Authors.
    pub authors: Vec<Author>,
    /// contentTypeCode.
    pub content_type: Option<Coded>,
    /// patientId.
    pub patient_id: Option<Field<Cx>>,
    /// sourceId.
    pub source_id: Option<At<String>>,
    /// uniqueId.
    pub unique_id: Option<At<String>>,
    /// Every slot.
    pub slots: Vec<Slot>,
}

/// A document entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentEntry {
    /// `ExtrinsicObject`.
    pub node: NodeId,
    /// Symbolic id, or entryUUID.
    pub id: String,
    /// logicalId.
    pub lid: Option<String>,
    /// objectType.
    pub object_type: Option<String>,
    /// mimeType.
    pub mime_type: Option<String>,
    /// availabilityStatus.
    pub status: Option<String>,
    /// Is it the signature of the lot?
    pub signature: bool,
    /// creationTime.
    pub creation_time: Option<Field<Dtm>>,
    /// serviceStartTime.
    pub service_start: Option<Field<Dtm>>,
    /// serviceStopTime.
    pub service_stop: Option<Field<Dtm>>,
    /// languageCode.
    pub language: Option<At<String>>,
    /// hash.
    pub hash: Option<At<String>>,
    /// size.
    pub size: Option<Field<u64>>,
    /// legalAuthenticator.
    pub legal_authenticators: Vec<Field<Xcn>>,
    /// sourcePatientId.
    pub source_patient_id: Option<Field<Cx>>,
    /// sourcePatientInfo, one value per field.
    pub source_patient_info: Vec<At<String>>,
    /// repositoryUniqueId.
    pub repository: Option<At<String>>,
    /// URI (XDM).
    pub uri: Option<At<String>>,
    /// referenceIdList.
    pub reference_ids: Vec<At<String>>,
    /// Title.
    pub title: Option<At<String>>,
    /// Comments.
    pub comments: Option<At<String>>,
    /// version.
    pub version: Option<At<String>>,
    /// Authors.
    pub authors: Vec<Author>,
    /// classCode.
    pub class: Option<Coded>,
    /// typeCode.
    pub type_code: Option<Coded>,
    /// formatCode.
    pub format: Option<Coded>,
    /// healthcareFacilityTypeCode.
    pub facility: Option<Coded>,
    /// practiceSettingCode.
    pub practice: Option<Coded>,
    /// confidentialityCode.
    pub confidentiality: Vec<Coded>,
    /// eventCodeList.
    pub events: Vec<Coded>,
    /// patientId.
    pub patient_id: Option<Field<Cx>>,
    /// uniqueId.
    pub unique_id: Option<At<String>>,
    /// Every slot.
    pub slots: Vec<Slot>,
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// `RegistryPackage`.
    pub node: NodeId,
    /// Symbolic id.
    pub id: String,
    /// uniqueId.
    pub unique_id: Option<At<String>>,
}

/// An association.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Association {
    /// Where it stands.
    pub node: NodeId,
    /// Id, if it has one.
    pub id: Option<String>,
    /// associationType, as written.
    pub uri: String,
    /// Its last word: `HasMember`, `RPLC`, `signs`, `UpdateAvailabilityStatus`.
    pub kind: String,
    /// sourceObject.
    pub source: String,
    /// targetObject.
    pub target: String,
    /// Slots.
    pub slots: Vec<Slot>,
}

impl Association {
    /// First value of a slot.
    pub fn slot(&self, name: &str) -> Option<&str> {
        first(&self.slots, name)
    }
}

/// A reference to an entry, in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectReference {
    /// entryUUID.
    pub id: String,
    /// Where it stands.
    pub node: NodeId,
}

/// A problem of structure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub node: NodeId,
    /// What, in French.
    pub text: String,
}

/// A lot, or the objects of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lot {
    /// `RegistryObjectList`.
    pub list: Option<NodeId>,
    /// The submission set: the first, if there are several.
    pub submission_set: Option<SubmissionSet>,
    /// How many submission sets.
    pub submission_sets: usize,
    /// Document entries, in order.
    pub entries: Vec<DocumentEntry>,
    /// Folders.
    pub folders: Vec<Folder>,
    /// Associations.
    pub associations: Vec<Association>,
    /// References to entries.
    pub references: Vec<ObjectReference>,
    /// Departures from the structure.
    pub problems: Vec<Problem>,
}

pub(super) fn first<'s>(slots: &'s [Slot], name: &str) -> Option<&'s str> {
    slots
        .iter()
        .find(|s| s.name == name)
        .and_then(|s| s.values.first())
        .map(|v| v.value.as_str())
}

impl SubmissionSet {
    /// First value of a slot.
    pub fn slot(&self, name: &str) -> Option<&str> {
        first(&self.slots, name)
    }
}

impl DocumentEntry {
    /// First value of a slot.
    pub fn slot(&self, name: &str) -> Option<&str> {
        first(&self.slots, name)
    }

    /// sourcePatientInfo taken apart.
    pub fn patient_info(&self) -> PatientInfo {
        let mut info = PatientInfo::default();
        for value in &self.source_patient_info {
            let Some((name, content)) = value.split_once('|') else {
                info.problems
                    .push(format!("« {} » n'a pas de barre verticale", value.value));
                continue;
            };
            match name {
                "PID-5" => {
                    let repeats = content.split('~');
                    info.names.extend(
                        repeats.map(|n| n.split('^').map(str::to_owned).collect::<Vec<_>>()),
                    );
                }
                "PID-7" if info.birth.is_none() => info.birth = Some(content.to_owned()),
                "PID-8" if info.sex.is_none() => info.sex = Some(content.to_owned()),
                "PID-7" | "PID-8" => info.problems.push(format!("{name} est répété")),
                name if name.starts_with("PID-") => {
                    info.others.push((name.to_owned(), content.to_owned()));
                }
                name => info
                    .problems
                    .push(format!("« {name} » n'est pas un champ PID")),
            }
        }
        info
    }
}

impl Lot {
    /// Reads the first `RegistryObjectList` at or below `node`.
    pub fn read(tree: &Tree, node: NodeId) -> Self {
        let is_list = |n: &NodeId| tree.is_named(*n, RIM, "RegistryObjectList");
        let list = Some(node)
            .filter(is_list)
            .or_else(|| tree.descendant_elements(node).find(is_list));
        let mut lot = Self {
            list,
            ..Self::default()
        };
        let Some(list) = list else {
            return lot;
        };
        Reader::new(tree, list).read(&mut lot);
        lot.problems.truncate(MOST_PROBLEMS);
        lot
    }

    /// The entry of that symbolic id.
    pub fn entry(&self, id: &str) -> Option<&DocumentEntry> {
        self.entries.iter().find(|e| e.id == id)
    }

    /// The signature entry.
    pub fn signature(&self) -> Option<&DocumentEntry> {
        self.entries.iter().find(|e| e.signature)
    }

    /// Associations of that kind (`HasMember`, `RPLC`...).
    pub fn associations_of<'l>(
        &'l self,
        kind: &'l str,
    ) -> impl Iterator<Item = &'l Association> + 'l {
        self.associations.iter().filter(move |a| a.kind == kind)
    }
}

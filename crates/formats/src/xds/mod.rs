//! XDS metadata (ebRIM 3.0) as typed structures: lots, stored queries, retrieve requests.
//!
//! Structure and types only: value sets and cardinalities of a profile belong to the rules.

mod lot;
mod query;
mod read;
mod types;

pub use lot::{
    Association, Author, DocumentEntry, Folder, Lot, ObjectReference, PatientInfo, Problem, Slot,
    SubmissionSet,
};
pub use query::{DocumentRequest, Parameter, Query, QueryValue, RetrieveRequest};
pub use types::{
    At, Authority, Coded, Cx, Dtm, Field, LONGEST_OID, Precision, Xcn, Xon, is_entry_uuid, is_uuid,
    oid_problem,
};

/// ebRIM 3.0.
pub const RIM: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0";
/// Life cycle (SubmitObjectsRequest).
pub const LCM: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0";
/// Queries.
pub const QUERY: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0";
/// Answers.
pub const RS: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0";
/// XDS.b.
pub const XDSB: &str = "urn:ihe:iti:xds-b:2007";

/// Classification and identification schemes (dmp.md 7.1).
pub mod scheme {
    /// Classification node of a submission set.
    pub const SUBMISSION_SET: &str = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd";
    /// Author of a submission set.
    pub const SUBMISSION_SET_AUTHOR: &str = "urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d";
    /// contentTypeCode.
    pub const CONTENT_TYPE: &str = "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500";
    /// patientId of a submission set.
    pub const SUBMISSION_SET_PATIENT: &str = "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446";
    /// sourceId of a submission set.
    pub const SUBMISSION_SET_SOURCE: &str = "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832";
    /// uniqueId of a submission set.
    pub const SUBMISSION_SET_UNIQUE: &str = "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8";
    /// objectType of a stable document entry.
    pub const DOCUMENT: &str = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1";
    /// Author of a document entry.
    pub const AUTHOR: &str = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d";
    /// classCode.
    pub const CLASS: &str = "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a";
    /// confidentialityCode.
    pub const CONFIDENTIALITY: &str = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f";
    /// eventCodeList.
    pub const EVENT: &str = "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4";
    /// formatCode.
    pub const FORMAT: &str = "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d";
    /// healthcareFacilityTypeCode.
    pub const FACILITY: &str = "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1";
    /// practiceSettingCode.
    pub const PRACTICE: &str = "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead";
    /// typeCode.
    pub const TYPE: &str = "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983";
    /// patientId of a document entry.
    pub const PATIENT: &str = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427";
    /// uniqueId of a document entry.
    pub const UNIQUE: &str = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab";
    /// Classification node of a folder.
    pub const FOLDER: &str = "urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2";
    /// uniqueId of a folder.
    pub const FOLDER_UNIQUE: &str = "urn:uuid:75df8f67-9973-4fbe-a900-df66cefecc5a";
}

/// Associations, statuses, codes of the signature entry.
pub mod code {
    /// A member of a submission set.
    pub const HAS_MEMBER: &str = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember";
    /// Replaces.
    pub const RPLC: &str = "urn:ihe:iti:2007:AssociationType:RPLC";
    /// Signs.
    pub const SIGNS: &str = "urn:ihe:iti:2007:AssociationType:signs";
    /// Changes the status of an entry.
    pub const UPDATE_STATUS: &str = "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus";
    /// Current.
    pub const APPROVED: &str = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved";
    /// Replaced.
    pub const DEPRECATED: &str = "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated";
    /// Deleted.
    pub const DELETED: &str = "urn:asip:ci-sis:2010:StatusType:Deleted";
    /// Archived.
    pub const ARCHIVED: &str = "urn:asip:ci-sis:2010:StatusType:Archived";
    /// classCode of the signature of a lot.
    pub const SIGNATURE_CLASS: &str = "urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1";
    /// typeCode of the signature of a lot.
    pub const SIGNATURE_TYPE: &str = "E1762";
    /// formatCode of the signature of a lot.
    pub const SIGNATURE_FORMAT: &str = "http://www.w3.org/2000/09/xmldsig#";
    /// formatCode of the signature of a lot, newer.
    pub const SIGNATURE_FORMAT_DSG: &str = "urn:ihe:iti:dsg:detached:2014";
    /// Slot of references.
    pub const REFERENCE_IDS: &str = "urn:ihe:iti:xds:2013:referenceIdList";
}

#[cfg(test)]
mod tests;

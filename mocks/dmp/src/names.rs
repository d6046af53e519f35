//! Names the interface uses: namespaces, schemes, actions, statuses. Facts of IHE ITI and of the public samples.

pub(crate) const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
pub(crate) const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
pub(crate) const WSA: &str = "http://www.w3.org/2005/08/addressing";
pub(crate) const ANONYMOUS: &str = "http://www.w3.org/2005/08/addressing/anonymous";
pub(crate) const HL7: &str = "urn:hl7-org:v3";
pub(crate) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
pub(crate) const XDSB: &str = "urn:ihe:iti:xds-b:2007";
#[cfg(test)]
pub(crate) const LCM: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0";
pub(crate) const RIM: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0";
pub(crate) const RS: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0";
pub(crate) const QUERY: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0";
pub(crate) const XOP: &str = "http://www.w3.org/2004/08/xop/include";
pub(crate) const HABILITATIONS: &str = "urn:si-dmp-habilitations";
pub(crate) const PATIENTS: &str = "urn:si-dmp-patients";

/// OID of the DMP as a system.
pub(crate) const DMP_OID: &str = "1.2.250.1.213.4.1.1.1";
/// OID of the DMP's repository.
pub(crate) const REPOSITORY: &str = "1.2.250.1.213.4.1.1.1.2";

pub(crate) const SUBMISSION_SET: &str = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd";
pub(crate) const SS_AUTHOR: &str = "urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d";
pub(crate) const SS_CONTENT_TYPE: &str = "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500";
pub(crate) const SS_PATIENT: &str = "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446";
pub(crate) const SS_SOURCE: &str = "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832";
pub(crate) const SS_UNIQUE: &str = "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8";
pub(crate) const DE_TYPE: &str = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1";
pub(crate) const DE_AUTHOR: &str = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d";
pub(crate) const DE_CLASS: &str = "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a";
pub(crate) const DE_CONFIDENTIALITY: &str = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f";
pub(crate) const DE_EVENT: &str = "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4";
pub(crate) const DE_FORMAT: &str = "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d";
pub(crate) const DE_FACILITY: &str = "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1";
pub(crate) const DE_PRACTICE: &str = "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead";
pub(crate) const DE_TYPE_CODE: &str = "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983";
pub(crate) const DE_PATIENT: &str = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427";
pub(crate) const DE_UNIQUE: &str = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab";

pub(crate) const APPROVED: &str = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved";
pub(crate) const DEPRECATED: &str = "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated";
pub(crate) const DELETED: &str = "urn:asip:ci-sis:2010:StatusType:Deleted";
pub(crate) const ARCHIVED: &str = "urn:asip:ci-sis:2010:StatusType:Archived";

pub(crate) const HAS_MEMBER: &str = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember";
pub(crate) const RPLC: &str = "urn:ihe:iti:2007:AssociationType:RPLC";
pub(crate) const XFRM_RPLC: &str = "urn:ihe:iti:2007:AssociationType:XFRM_RPLC";
pub(crate) const UPDATE_STATUS: &str = "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus";
pub(crate) const ASSOCIATION: &str =
    "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Association";
pub(crate) const PACKAGE: &str =
    "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:RegistryPackage";
pub(crate) const CLASSIFICATION: &str =
    "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Classification";
pub(crate) const EXTERNAL_ID: &str =
    "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:ExternalIdentifier";

pub(crate) const SUCCESS: &str = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success";
pub(crate) const FAILURE: &str = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure";
pub(crate) const PARTIAL: &str = "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess";
pub(crate) const ERROR: &str = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error";
pub(crate) const WARNING: &str = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Warning";

/// Type code of the signature of a lot, and its coding scheme.
pub(crate) const SIGNATURE_TYPE: (&str, &str) = ("E1762", "ASTM");

pub(crate) const MASQUE_PS: &str = "MASQUE_PS";
pub(crate) const INVISIBLE_PATIENT: &str = "INVISIBLE_PATIENT";
pub(crate) const INVISIBLE_RL: &str = "INVISIBLE_REPRESENTANTS_LEGAUX";
/// Coding scheme of the three above.
pub(crate) const VISIBILITY: &str = "1.2.250.1.213.1.1.4.13";

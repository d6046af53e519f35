//! Which transaction a request is: told by the body, not by what the sender says of it.

use crate::soap::Payload;
use crate::xds::{LCM, Lot, QUERY, Query, XDSB, code};
use crate::xml::{NodeId, Tree};

use super::{HABILITATIONS, HL7, PATIENTS};

/// A transaction of the "LPS" interface. `as_str` is its name in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// TD0.2: existence.
    Existence,
    /// TD0.3: access authorisation.
    Autorisation,
    /// TD0.4: list of patients.
    Patients,
    /// TD0.5: search for a patient.
    RecherchePatient,
    /// TD0.9: contextual web access.
    AccesWeb,
    /// TD1.1: creation.
    Creation,
    /// TD1.2: reactivation.
    Reactivation,
    /// TD1.3a: administrative data read.
    DonneesLecture,
    /// TD1.3b: administrative data changed.
    DonneesModification,
    /// TD1.4: closing.
    Fermeture,
    /// TD1.5: access of the patient.
    AccesPatient,
    /// TD1.6: list of authorised professionals.
    Habilitations,
    /// TD2.1: feeding, replacement included.
    Alimentation,
    /// TD3.1a: search of metadata.
    Recherche,
    /// TD3.1b: search of references.
    Reference,
    /// TD3.2: retrieve.
    Consultation,
    /// TD3.3a and b: metadata of an entry.
    Attributs,
    /// TD3.3c: deletion.
    Suppression,
    /// TD3.3d: archiving.
    Archivage,
    /// Anything else.
    Unknown,
}

impl Operation {
    /// Every operation.
    pub const ALL: &'static [Self] = &[
        Self::Existence,
        Self::Autorisation,
        Self::Patients,
        Self::RecherchePatient,
        Self::AccesWeb,
        Self::Creation,
        Self::Reactivation,
        Self::DonneesLecture,
        Self::DonneesModification,
        Self::Fermeture,
        Self::AccesPatient,
        Self::Habilitations,
        Self::Alimentation,
        Self::Recherche,
        Self::Reference,
        Self::Consultation,
        Self::Attributs,
        Self::Suppression,
        Self::Archivage,
        Self::Unknown,
    ];

    /// Its name in the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Existence => "td0.2",
            Self::Autorisation => "td0.3",
            Self::Patients => "td0.4",
            Self::RecherchePatient => "td0.5",
            Self::AccesWeb => "td0.9",
            Self::Creation => "td1.1",
            Self::Reactivation => "td1.2",
            Self::DonneesLecture => "td1.3a",
            Self::DonneesModification => "td1.3b",
            Self::Fermeture => "td1.4",
            Self::AccesPatient => "td1.5",
            Self::Habilitations => "td1.6",
            Self::Alimentation => "td2.1",
            Self::Recherche => "td3.1a",
            Self::Reference => "td3.1b",
            Self::Consultation => "td3.2",
            Self::Attributs => "td3.3ab",
            Self::Suppression => "td3.3c",
            Self::Archivage => "td3.3d",
            Self::Unknown => "unknown",
        }
    }

    /// The service (last segment of the path) that serves it.
    pub fn service(self) -> Option<&'static str> {
        match self {
            Self::Existence
            | Self::Patients
            | Self::RecherchePatient
            | Self::Creation
            | Self::Reactivation
            | Self::DonneesLecture
            | Self::DonneesModification
            | Self::Fermeture
            | Self::AccesPatient => Some("patients"),
            Self::Autorisation | Self::Habilitations => Some("habilitations"),
            Self::Recherche
            | Self::Reference
            | Self::Attributs
            | Self::Suppression
            | Self::Archivage => Some("registry"),
            Self::Alimentation | Self::Consultation => Some("repository"),
            Self::AccesWeb | Self::Unknown => None,
        }
    }

    /// The `wsa:Action` of its request, where samples show one (dmp.md 3.1).
    pub fn action(self) -> Option<&'static str> {
        match self {
            Self::Existence | Self::DonneesLecture => Some("urn:hl7-org:v3:PRPA_IN201307UV02"),
            Self::RecherchePatient => Some("urn:hl7-org:v3:PRPA_IN201305UV02"),
            Self::Creation => Some("urn:hl7-org:v3:PRPA_IN201311UV02"),
            Self::Reactivation | Self::DonneesModification | Self::Fermeture => {
                Some("urn:hl7-org:v3:PRPA_IN201314UV02")
            }
            Self::Autorisation => {
                Some("urn:si-dmp-habilitations:HabilitationsEndPoint:setAuthorization")
            }
            Self::Habilitations => {
                Some("urn:si-dmp-habilitations:HabilitationsEndPoint:listAuthorizationByPatient")
            }
            Self::Patients => Some("urn:si-dmp-patients:PatientSpecificEndPoint:patientList"),
            Self::Alimentation => Some("urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"),
            Self::Recherche | Self::Reference => Some("urn:ihe:iti:2007:RegistryStoredQuery"),
            Self::Consultation => Some("urn:ihe:iti:2007:RetrieveDocumentSet"),
            Self::Attributs | Self::Suppression | Self::Archivage => {
                Some("urn:ihe:iti:2010:UpdateDocumentSet")
            }
            Self::AccesPatient | Self::AccesWeb | Self::Unknown => None,
        }
    }

    /// The `wsa:Action` of its answer.
    pub fn answer_action(self) -> Option<String> {
        let request = self.action()?;
        Some(match self {
            Self::Existence | Self::DonneesLecture => "urn:hl7-org:v3:PRPA_IN201308UV02".to_owned(),
            Self::RecherchePatient => "urn:hl7-org:v3:PRPA_IN201306UV02".to_owned(),
            Self::Creation => "urn:hl7-org:v3:PRPA_IN201312UV02".to_owned(),
            Self::Reactivation | Self::DonneesModification | Self::Fermeture => {
                "urn:hl7-org:v3:PRPA_IN201315UV02".to_owned()
            }
            Self::Attributs | Self::Suppression | Self::Archivage => format!("{request}-Response"),
            _ => format!("{request}Response"),
        })
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Is this namespace one of the DMP's messages?
pub(super) fn is_dmp_namespace(namespace: &str) -> bool {
    matches!(namespace, PATIENTS | HABILITATIONS | XDSB | LCM | QUERY)
}

/// Is this action one of the DMP's?
pub(super) fn is_dmp_action(action: &str) -> bool {
    let local = action.rsplit(':').next().unwrap_or_default();
    action.starts_with("urn:si-dmp-")
        || local.starts_with("PRPA_IN2013")
        || Operation::ALL
            .iter()
            .any(|o| o.action().is_some_and(|a| a == action))
}

/// The transaction of a body.
pub(super) fn of(
    tree: &Tree,
    payload: &Payload,
    lot: Option<&Lot>,
    query: Option<&Query>,
) -> Operation {
    let reason = || reason(tree, payload.node);
    match (payload.namespace.as_str(), payload.local.as_str()) {
        (HL7, "PRPA_IN201307UV02") => match reason().as_deref() {
            Some("CNSLT_DATA") => Operation::DonneesLecture,
            _ => Operation::Existence,
        },
        (HL7, "PRPA_IN201305UV02") => Operation::RecherchePatient,
        (HL7, "PRPA_IN201311UV02") => match reason().as_deref() {
            Some("REAC") => Operation::Reactivation,
            _ => Operation::Creation,
        },
        (HL7, "PRPA_IN201314UV02") => match reason().as_deref() {
            Some("REAC") => Operation::Reactivation,
            Some("FERM") => Operation::Fermeture,
            _ => Operation::DonneesModification,
        },
        (HABILITATIONS, "setAuthorization") => Operation::Autorisation,
        (HABILITATIONS, "listAuthorizationByPatient") => Operation::Habilitations,
        (PATIENTS, "patientList") => Operation::Patients,
        (PATIENTS, "createPatientAccess" | "updatePatientAccess" | "patientOTPUpdate") => {
            Operation::AccesPatient
        }
        (XDSB, "ProvideAndRegisterDocumentSetRequest") => Operation::Alimentation,
        (XDSB, "RetrieveDocumentSetRequest") => Operation::Consultation,
        (QUERY, "AdhocQueryRequest") => match query.and_then(|q| q.return_type.as_deref()) {
            Some("ObjectRef") => Operation::Reference,
            _ => Operation::Recherche,
        },
        (LCM, "SubmitObjectsRequest") => update(lot),
        _ => Operation::Unknown,
    }
}

/// A metadata update: what changes tells which.
fn update(lot: Option<&Lot>) -> Operation {
    let Some(lot) = lot else {
        return Operation::Unknown;
    };
    let status = lot.associations_of("UpdateAvailabilityStatus").next();
    match status {
        Some(change) => match (change.slot("OriginalStatus"), change.slot("NewStatus")) {
            (_, Some(code::ARCHIVED)) | (Some(code::ARCHIVED), _) => Operation::Archivage,
            _ => Operation::Suppression,
        },
        None if !lot.entries.is_empty() => Operation::Attributs,
        None => Operation::Unknown,
    }
}

/// Code of the reasonCode of an HL7 message.
fn reason(tree: &Tree, message: NodeId) -> Option<String> {
    let node = tree.find(message, HL7, &["controlActProcess", "reasonCode"])?;
    tree.attribute(node, "code").map(|c| c.trim().to_owned())
}

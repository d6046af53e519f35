//! Choices made where the real behaviour is not public, and why: the policy switches that the report shows.

use std::collections::BTreeMap;

use crate::droits;

/// Refuse, or do it all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Refused.
    Reject,
    /// Done.
    Accept,
}

/// What carries an error that public texts give now as a fault, now as a registry error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// A SOAP fault.
    Fault,
    /// A `RegistryError`.
    Registry,
}

/// The switches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// A uniqueId already registered with the same content.
    pub duplicate: Policy,
    /// A lot without its XAdES signature.
    pub missing_signature: Policy,
    /// A lot whose signature does not hold over the documents attached.
    pub bad_signature: Policy,
    /// A replacement whose target is not Approved.
    pub deprecated_target: Policy,
    /// A lot none of whose author institutions is the structure of the VIHF.
    pub author_institution: Policy,
    /// A document inline in base64 instead of a part.
    pub inline_document: Policy,
    /// SOAP 1.1 envelope in a feeding.
    pub soap11_feeding: Policy,
    /// Longest gap between IssueInstant and now, seconds; 0 looks at neither it nor Conditions.
    pub clock_seconds: u32,
    /// INS of the body other than that of the VIHF.
    pub patient_mismatch: Carrier,
    /// No DMP for the INS, in XDS transactions.
    pub unknown_patient: Carrier,
    /// Unknown uniqueId in a retrieval.
    pub unknown_document: Carrier,
    /// Effective date in the patientId of entries given out (CX.7).
    pub effective_date: bool,
    /// Wire codes of AUTORISATION: expired, forbidden, never given.
    pub autorisation_codes: [String; 3],
    /// Largest lot, bytes; 0 means no limit.
    pub lot_limit: u64,
    /// Does the person allow professionals in an emergency to read masked documents?
    pub emergency_masked: bool,
    /// Most entries of a query that answers whole objects.
    pub result_limit: usize,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            duplicate: Policy::Reject,
            missing_signature: Policy::Reject,
            bad_signature: Policy::Accept,
            deprecated_target: Policy::Reject,
            author_institution: Policy::Reject,
            inline_document: Policy::Accept,
            soap11_feeding: Policy::Accept,
            clock_seconds: 300,
            patient_mismatch: Carrier::Fault,
            unknown_patient: Carrier::Registry,
            unknown_document: Carrier::Registry,
            effective_date: true,
            autorisation_codes: ["EXPIRE", "INTERDIT", "INEXISTANT"].map(str::to_owned),
            lot_limit: 0,
            emergency_masked: false,
            result_limit: 1_000,
        }
    }
}

impl Behaviour {
    /// Name to `value (provenance)`, for the report.
    pub(crate) fn describe(&self) -> BTreeMap<String, String> {
        let policy = |p: Policy| match p {
            Policy::Reject => "rejected",
            Policy::Accept => "accepted",
        };
        let carrier = |c: Carrier| match c {
            Carrier::Fault => "SOAP fault",
            Carrier::Registry => "RegistryError",
        };
        let clock = match self.clock_seconds {
            0 => "not looked at".to_owned(),
            seconds => format!("rejected beyond {seconds} s, MOCK_VihfPeriod"),
        };
        let limit = match self.lot_limit {
            0 => "none".to_owned(),
            bytes => format!("{bytes} bytes"),
        };
        let codes = self.autorisation_codes.join(", ");
        [
            ("duplicate", format!("same uniqueId, same content: {} (guess)", policy(self.duplicate))),
            ("non_identical", "same uniqueId, other content: XDSNonIdenticalHash (IHE)".to_owned()),
            ("missing_signature", format!("{} (guess)", policy(self.missing_signature))),
            ("bad_signature", format!("signature of the lot that does not hold: {} (guess)", policy(self.bad_signature))),
            ("deprecated_target", format!("{} (IHE)", policy(self.deprecated_target))),
            ("author_institution", format!("lot without the structure of the VIHF: {} (connector documentation; subcode: guess)", policy(self.author_institution))),
            ("inline_document", format!("base64 in the envelope: {} (guess)", policy(self.inline_document))),
            ("soap11_feeding", format!("SOAP 1.1 envelope in a feeding: {}; elsewhere VersionMismatch (sample)", policy(self.soap11_feeding))),
            ("clock", format!("IssueInstant against the bench's clock: {clock} (guess)")),
            ("patient_mismatch", format!("{}, XDSPatientIdDoesNotMatch (third-party client)", carrier(self.patient_mismatch))),
            ("unknown_patient", format!("{}, XDSUnknownPatientId (IHE)", carrier(self.unknown_patient))),
            ("unknown_document", format!("{}, XDSDocumentUniqueIdError (IHE)", carrier(self.unknown_document))),
            ("effective_date", format!("CX.7 in patientId given out: {} (sample)", if self.effective_date { "yes" } else { "no" })),
            ("autorisation_codes", format!("VALIDE, {codes} (first: sample; others: guess)")),
            ("autorisation_default", "VALIDE for whoever the person did not refuse (guess)".to_owned()),
            ("autorisation_duration", "183 days (six months; draft requirement)".to_owned()),
            ("access_denied", "Sender fault MOCK_DMPAccessDenied (code: guess)".to_owned()),
            ("closed", "Sender fault MOCK_DMPFerme; TD0.2 says terminated (code: guess)".to_owned()),
            ("closing_data", "TD0.2: reasonOf of the control act, as a closing request writes it (guess)".to_owned()),
            ("structure", "unknown, closed or another than the certificate's: Sender fault MOCK_DMPStructure (text: third-party client; code: guess)".to_owned()),
            ("roles", "no second role for a physician: Sender fault MOCK_DMPSpecialite (text: third-party client; code: guess)".to_owned()),
            ("hash_size", "absent: accepted, worked out by the server; wrong: XDSRepositoryMetadataError (IHE)".to_owned()),
            ("retired_type", "accepted (guess)".to_owned()),
            ("invisible_without_n", "rejected (guess)".to_owned()),
            ("lot_skew", "submissionTime of another day: accepted (guess)".to_owned()),
            ("lot_limit", format!("{limit} (guess)")),
            ("folders", "accepted, not kept (guess)".to_owned()),
            ("deleted", "left out of searches on Approved, still retrievable by professionals (information sheet; search: guess)".to_owned()),
            ("signature_entries", "not returned by FindDocuments (sample)".to_owned()),
            ("emergency_masked", format!("masked documents in an emergency: {} (guess)", if self.emergency_masked { "readable" } else { "not readable" })),
            ("invisible_delay", "never made visible by itself (guess)".to_owned()),
            ("unreadable", "Sender fault, HTTP 500 (guess)".to_owned()),
            ("fault_status", "HTTP 500 (third-party client)".to_owned()),
            ("registry_error_status", "HTTP 200 (guess)".to_owned()),
            ("action_mismatch", "path and body element decide (guess)".to_owned()),
            ("result_limit", format!("XDSTooManyResults beyond {} entries (guess)", self.result_limit)),
            (
                "tls",
                "TLS 1.2 and 1.3 accepted, GCM and CHACHA20 suites (1.2: information sheet; 1.3: guess)"
                    .to_owned(),
            ),
            ("rights", format!("{} (information sheets)", droits::provenance())),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

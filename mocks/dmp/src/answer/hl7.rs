//! The answer of the existence test (`PRPA_IN201308UV02`), HL7 V3.

use diapason_core::Timestamp;
use diapason_core::persona::Ins;

use crate::names::{DMP_OID, HL7, XSI};
use crate::state::compact;
use crate::xml::Xml;

/// Coding systems of the answer.
const CODES_AUTORISATION: &str = "1.2.250.1.213.4.1.2.6.1";
const VALEURS_AUTORISATION: &str = "1.2.250.1.213.4.1.2.6.2";
const STATUT_MT: &str = "1.2.250.1.213.4.1.2.6.3";
const COMPTE_INTERNET: &str = "1.2.250.1.213.4.1.2.9";
const VOLONTES: &str = "1.2.250.1.213.4.1.2.3";
const MOTIFS_FERMETURE: &str = "1.2.250.1.213.4.1.2.4";
const RAISONS: &str = "1.2.250.1.213.1.1.4.11";

/// What is echoed of the request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Echo {
    /// `id` of the message.
    pub(crate) message: (String, String),
    /// `queryId`.
    pub(crate) query: (String, String),
    /// `processingCode`.
    pub(crate) processing: String,
    /// OID and name of the product that asks.
    pub(crate) sender: (String, String),
    /// `reasonCode`.
    pub(crate) reason: String,
}

/// A closed DMP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Closing {
    pub(crate) at: Timestamp,
    pub(crate) motif: String,
    pub(crate) text: String,
}

/// What the DMP holds about the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PatientView {
    /// Matricules: former ones first, the active one last.
    pub(crate) ids: Vec<Ins>,
    pub(crate) active: bool,
    pub(crate) closing: Option<Closing>,
    pub(crate) civility: String,
    pub(crate) given: String,
    pub(crate) birth_name: String,
    pub(crate) sex: String,
    /// `AAAA-MM-JJ`.
    pub(crate) birth: String,
    pub(crate) rattache_ens: bool,
}

/// The acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ack {
    /// `AA`.
    Accepted,
    /// `AE` with a code and a text.
    Error(String, String),
}

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Existence {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) echo: Echo,
    pub(crate) ack: Ack,
    /// Code of AUTORISATION, and is the caller the médecin traitant?
    pub(crate) authorisation: Option<(String, bool)>,
    /// Nobody when there is no DMP.
    pub(crate) patient: Option<PatientView>,
}

impl Existence {
    /// Word of the journal.
    pub(crate) fn outcome(&self) -> String {
        match (&self.ack, &self.patient) {
            (Ack::Error(code, _), _) => format!("ack:{code}"),
            (Ack::Accepted, None) => "nf".to_owned(),
            (Ack::Accepted, Some(patient)) if patient.active => "actif".to_owned(),
            (Ack::Accepted, Some(_)) => "ferme".to_owned(),
        }
    }

    /// The message.
    pub(crate) fn write(&self) -> String {
        let echo = &self.echo;
        let mut out = Xml::new();
        out.open(
            "PRPA_IN201308UV02",
            &[
                ("xmlns", HL7),
                ("xmlns:xsi", XSI),
                ("ITSVersion", "XML_1.0"),
            ],
        )
        .empty("id", &[("root", &self.id)])
        .empty("creationTime", &[("value", &compact(self.at))])
        .empty(
            "interactionId",
            &[
                ("extension", "PRPA_IN201308UV02"),
                ("root", "2.16.840.1.113883.1.6"),
            ],
        )
        .empty("processingCode", &[("code", &echo.processing)])
        .empty("processingModeCode", &[("code", "T")])
        .empty("acceptAckCode", &[("code", "NE")]);
        device(&mut out, "receiver", "RCV", &echo.sender.0, &echo.sender.1);
        device(&mut out, "sender", "SND", DMP_OID, "DMP");
        if let Some((code, is_mt)) = &self.authorisation {
            out.open("attentionLine", &[])
                .empty(
                    "keyWordText",
                    &[("code", "AUTORISATION"), ("codeSystem", CODES_AUTORISATION)],
                )
                .empty(
                    "value",
                    &[
                        ("code", code),
                        ("codeSystem", VALEURS_AUTORISATION),
                        ("xsi:type", "CV"),
                    ],
                )
                .close("attentionLine")
                .open("attentionLine", &[])
                .empty(
                    "keyWordText",
                    &[("code", "STATUT_MT"), ("codeSystem", STATUT_MT)],
                )
                .empty("value", &[("value", yes(*is_mt)), ("xsi:type", "BL")])
                .close("attentionLine");
        }
        self.acknowledgement(&mut out);
        self.control(&mut out);
        out.close("PRPA_IN201308UV02");
        out.done()
    }

    fn acknowledgement(&self, out: &mut Xml) {
        let kind = match self.ack {
            Ack::Accepted => "AA",
            Ack::Error(..) => "AE",
        };
        out.open("acknowledgement", &[("typeCode", kind)])
            .open("targetMessage", &[]);
        id(out, "id", &self.echo.message);
        out.close("targetMessage");
        if let Ack::Error(code, text) = &self.ack {
            out.open("acknowledgementDetail", &[("typeCode", "E")])
                .empty("code", &[("code", code)])
                .leaf("text", text)
                .close("acknowledgementDetail");
        }
        out.close("acknowledgement");
    }

    fn control(&self, out: &mut Xml) {
        let event = [("classCode", "CACT"), ("moodCode", "EVN")];
        out.open("controlActProcess", &event);
        if !self.echo.reason.is_empty() {
            out.empty(
                "reasonCode",
                &[("code", &self.echo.reason), ("codeSystem", RAISONS)],
            );
        }
        if let Some(patient) = &self.patient {
            registration(out, patient);
        }
        let code = match (&self.ack, &self.patient) {
            (Ack::Error(..), _) => "AE",
            (Ack::Accepted, Some(_)) => "OK",
            (Ack::Accepted, None) => "NF",
        };
        out.open("queryAck", &[]);
        id(out, "queryId", &self.echo.query);
        out.empty("queryResponseCode", &[("code", code)])
            .close("queryAck")
            .close("controlActProcess");
    }
}

fn registration(out: &mut Xml, patient: &PatientView) {
    out.open(
        "subject",
        &[("contextConductionInd", "false"), ("typeCode", "SUBJ")],
    )
    .open(
        "registrationEvent",
        &[("classCode", "REG"), ("moodCode", "EVN")],
    )
    .empty("statusCode", &[("code", "completed")])
    .open("subject1", &[("typeCode", "SBJ")])
    .open("patient", &[("classCode", "PAT")]);
    for ins in &patient.ids {
        out.empty(
            "id",
            &[
                ("extension", ins.matricule.as_str()),
                ("root", ins.oid.as_str()),
            ],
        );
    }
    let status = if patient.active {
        "active"
    } else {
        "terminated"
    };
    out.empty("statusCode", &[("code", status)])
        .open(
            "patientPerson",
            &[("classCode", "PSN"), ("determinerCode", "INSTANCE")],
        )
        .open("name", &[]);
    if !patient.civility.is_empty() {
        out.leaf("prefix", &patient.civility);
    }
    out.leaf("given", &patient.given)
        .open("family", &[("qualifier", "BR")])
        .text(&patient.birth_name)
        .close("family")
        .close("name")
        .empty("administrativeGenderCode", &[("code", &patient.sex)])
        .empty("birthTime", &[("value", &patient.birth.replace('-', ""))])
        .close("patientPerson");
    observation(out, "COMPTE_INTERNET_OUVERT", COMPTE_INTERNET, true);
    observation(out, "RATTACHEMENT_ENS", VOLONTES, patient.rattache_ens);
    out.close("patient")
        .close("subject1")
        .open("custodian", &[("typeCode", "CST")])
        .open("assignedEntity", &[("classCode", "ASSIGNED")])
        .empty("id", &[("root", DMP_OID)])
        .close("assignedEntity")
        .close("custodian")
        .close("registrationEvent");
    out.close("subject");
    if let Some(closing) = &patient.closing {
        // Where the closing data stand is not public: a reason of the act, as the closing request writes it.
        out.open("reasonOf", &[("typeCode", "RSON")])
            .open(
                "detectedIssueEvent",
                &[("classCode", "ALRT"), ("moodCode", "EVN")],
            )
            .empty(
                "code",
                &[("code", &closing.motif), ("codeSystem", MOTIFS_FERMETURE)],
            )
            .leaf("text", &closing.text)
            .close("detectedIssueEvent")
            .close("reasonOf");
    }
}

fn observation(out: &mut Xml, code: &str, system: &str, value: bool) {
    out.open("subjectOf", &[("typeCode", "SBJ")])
        .open(
            "administrativeObservation",
            &[("classCode", "OBS"), ("moodCode", "EVN")],
        )
        .empty("code", &[("code", code), ("codeSystem", system)])
        .empty("value", &[("value", yes(value)), ("xsi:type", "BL")])
        .close("administrativeObservation")
        .close("subjectOf");
}

fn yes(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

fn device(out: &mut Xml, element: &str, code: &str, oid: &str, name: &str) {
    out.open(element, &[("typeCode", code)])
        .open(
            "device",
            &[("classCode", "DEV"), ("determinerCode", "INSTANCE")],
        )
        .empty("id", &[("root", oid)]);
    if !name.is_empty() {
        out.leaf("softwareName", name);
    }
    out.close("device").close(element);
}

fn id(out: &mut Xml, element: &str, (root, extension): &(String, String)) {
    let mut attributes = Vec::new();
    if !extension.is_empty() {
        attributes.push(("extension", extension.as_str()));
    }
    if !root.is_empty() {
        attributes.push(("root", root.as_str()));
    }
    out.empty(element, &attributes);
}

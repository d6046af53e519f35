//! Requests as a sound product writes them, signed.

use std::fmt::Write as _;

use diapason_formats::mtom::{Attachment, Layout, write};
use diapason_formats::signature::{SignOptions, Signer, sign_enveloped};
use diapason_formats::vihf::{Coded, Vihf};
use diapason_formats::{signature, xades};
use diapason_mock_common::http::{Bytes, Incoming};
use diapason_mock_common::pki::ClientCertificate;

use super::{PKI, post};
use crate::names::*;

pub(crate) const STRUCTURE: &str = "10B0990001";
pub(crate) const RPPS: &str = "899709900023";
const SIGNS: &str = "urn:ihe:iti:2007:AssociationType:signs";

pub(crate) fn signer(which: ClientCertificate) -> Signer {
    let files = PKI.1.client(which);
    Signer::from_pem(
        &std::fs::read(files.cert).unwrap(),
        &std::fs::read(files.key).unwrap(),
    )
    .unwrap()
}

/// A VIHF that the DMP takes, to be changed before it is signed.
pub(crate) fn vihf(mode: &str, ins: (&str, &str)) -> Vihf {
    let some = |text: &str| Some(text.to_owned());
    let instant = some("2026-01-15T09:00:00Z");
    Vihf {
        version: some("2.0"),
        id: some("_7b0e7b7c-6d7a-4b7e-8a5b-1f6b3d0c9e11"),
        issue_instant: instant.clone(),
        issuer: Some(
            signer(ClientCertificate::Signature)
                .certificate()
                .subject()
                .rfc2253(),
        ),
        issuer_format: some("urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName"),
        name_id: some(RPPS),
        authn_instant: instant,
        authn_class: some("urn:oasis:names:tc:SAML:2.0:ac:classes:Password"),
        vihf_version: some("3.0"),
        mode: some(mode),
        structure: some(STRUCTURE),
        secteur: some("SA17^1.2.250.1.71.4.2.4"),
        subject_id: some("DUITEST IDEC"),
        roles: vec![Coded::new("60", "1.2.250.1.71.1.2.7", "Infirmier")],
        resource_id: Some(format!("{}^^^&{}&ISO^NH", ins.0, ins.1)),
        ressource_urn: some("urn:dmp"),
        purpose: Some(Coded::new(
            "normal",
            "1.2.250.1.213.1.1.4.248",
            "Accès normal",
        )),
        lps_nom: some("DUI DE TEST"),
        lps_version: some("1.0"),
        homologation: some("TEST-0001"),
        ..Vihf::default()
    }
}

/// A physician's VIHF, in AIR.
pub(crate) fn medecin(ins: (&str, &str)) -> Vihf {
    Vihf {
        name_id: Some("899709900015".to_owned()),
        subject_id: Some("DUITEST MEDCO".to_owned()),
        roles: vec![
            Coded::new("10", "1.2.250.1.71.1.2.7", "Médecin"),
            Coded::new("SM26", "1.2.250.1.71.4.2.5", "Médecine générale"),
        ],
        ..vihf("INDIRECTE_RENFORCEE", ins)
    }
}

pub(crate) fn signed(vihf: &Vihf) -> String {
    signed_by(vihf, ClientCertificate::Signature)
}

pub(crate) fn signed_by(vihf: &Vihf, which: ClientCertificate) -> String {
    let id = vihf.id.as_deref().unwrap();
    sign_enveloped(&vihf.write(), id, &signer(which), &SignOptions::default()).unwrap()
}

pub(crate) fn envelope(action: &str, assertion: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"{SOAP12}\" xmlns:a=\"{WSA}\"><s:Header><a:MessageID>urn:uuid:4f3f2f10-0000-4000-8000-000000000004</a:MessageID>\
         <a:To/><a:ReplyTo s:mustUnderstand=\"true\"><a:Address>{ANONYMOUS}</a:Address></a:ReplyTo><a:Action s:mustUnderstand=\"true\">{action}</a:Action>\
         <w:Security xmlns:w=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\">{assertion}</w:Security>\
         </s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}

const SOAP: &str = "application/soap+xml; charset=utf-8";

pub(crate) fn soap(service: &str, action: &str, assertion: &str, body: &str) -> Incoming {
    post(service, SOAP, envelope(action, assertion, body))
}

/// TD0.2.
pub(crate) fn existence(vihf: &Vihf, ins: (&str, &str)) -> Incoming {
    existence_asserted(&signed(vihf), ins)
}

pub(crate) fn existence_asserted(assertion: &str, ins: (&str, &str)) -> Incoming {
    let body = format!(
        "<PRPA_IN201307UV02 xmlns=\"{HL7}\" xmlns:xsi=\"{XSI}\" ITSVersion=\"XML_1.0\"><id root=\"2.25.1\" extension=\"m1\"/>\
         <creationTime value=\"20260115090000\"/><interactionId root=\"2.16.840.1.113883.1.6\" extension=\"PRPA_IN201307UV02\"/>\
         <processingCode code=\"P\"/><processingModeCode code=\"T\"/><acceptAckCode code=\"AL\"/>\
         <receiver typeCode=\"RCV\"><device classCode=\"DEV\" determinerCode=\"INSTANCE\"><id root=\"{DMP_OID}\"/><softwareName>DMP</softwareName></device></receiver>\
         <sender typeCode=\"SND\"><device classCode=\"DEV\" determinerCode=\"INSTANCE\"><id root=\"2.25.9\"/><softwareName>DUI</softwareName></device></sender>\
         <controlActProcess classCode=\"CACT\" moodCode=\"EVN\"><reasonCode code=\"TEST_EXST\" codeSystem=\"1.2.250.1.213.1.1.4.11\"/>\
         <queryByParameter><queryId root=\"2.25.2\" extension=\"q1\"/><statusCode code=\"new\"/><parameterList><patientIdentifier>\
         <value root=\"{}\" extension=\"{}\"/><semanticsText>Patient.id</semanticsText></patientIdentifier></parameterList></queryByParameter>\
         </controlActProcess></PRPA_IN201307UV02>",
        ins.1, ins.0
    );
    soap(
        "patients",
        "urn:hl7-org:v3:PRPA_IN201307UV02",
        assertion,
        &body,
    )
}

/// TD0.3.
pub(crate) fn autorisation(vihf: &Vihf, action: &str, role: Option<&str>) -> Incoming {
    let role = role.map_or_else(String::new, |r| format!("<role>{r}</role>"));
    let body = format!(
        "<setAuthorization xmlns=\"{HABILITATIONS}\"><action>{action}</action>{role}</setAuthorization>"
    );
    let action = "urn:si-dmp-habilitations:HabilitationsEndPoint:setAuthorization";
    soap("habilitations", action, &signed(vihf), &body)
}

/// TD1.6.
pub(crate) fn habilitations(vihf: &Vihf, mode: &str) -> Incoming {
    let body = format!(
        "<listAuthorizationByPatient xmlns=\"{HABILITATIONS}\"><mode>{mode}</mode></listAuthorizationByPatient>"
    );
    let action = "urn:si-dmp-habilitations:HabilitationsEndPoint:listAuthorizationByPatient";
    soap("habilitations", action, &signed(vihf), &body)
}

/// TD0.4.
pub(crate) fn patients(vihf: &Vihf, since: &str, kind: &str) -> Incoming {
    let body = format!(
        "<patientList xmlns=\"{PATIENTS}\"><startDate>{since}</startDate><dateType>{kind}</dateType></patientList>"
    );
    let action = "urn:si-dmp-patients:PatientSpecificEndPoint:patientList";
    soap("patients", action, &signed(vihf), &body)
}

/// A lot of one document and its signature. Its parts are text, to be spoiled by tests.
#[derive(Debug, Clone)]
pub(crate) struct Lot {
    /// Ends every uniqueId: `2.25.100.N` the lot, `2.25.200.N` the document, `2.25.300.N` the signature.
    pub(crate) n: String,
    pub(crate) ins: (String, String),
    pub(crate) document: Vec<u8>,
    pub(crate) replaces: Option<String>,
    pub(crate) confidentiality: Vec<&'static str>,
    pub(crate) with_signature: bool,
    /// Text of the slots and identifiers to be replaced.
    pub(crate) changes: Vec<(String, String)>,
}

fn slot(name: &str, value: &str) -> String {
    format!(
        "<rim:Slot name=\"{name}\"><rim:ValueList><rim:Value>{value}</rim:Value></rim:ValueList></rim:Slot>"
    )
}

fn name(label: &str) -> String {
    format!(
        "<rim:Name><rim:LocalizedString xml:lang=\"FR\" charset=\"UTF8\" value=\"{label}\"/></rim:Name>"
    )
}

fn coded(object: &str, scheme: &str, code: &str, coding: &str) -> String {
    format!(
        "<rim:Classification id=\"c\" classificationScheme=\"{scheme}\" classifiedObject=\"{object}\" nodeRepresentation=\"{code}\">{}{}</rim:Classification>",
        slot("codingScheme", coding),
        name("libellé")
    )
}

fn author(object: &str, scheme: &str) -> String {
    format!(
        "<rim:Classification id=\"a\" classificationScheme=\"{scheme}\" classifiedObject=\"{object}\" nodeRepresentation=\"\">{}{}</rim:Classification>",
        slot(
            "authorPerson",
            &format!("{RPPS}^DUITEST^IDEC^^^^^^&amp;1.2.250.1.71.4.2.1&amp;ISO^D^^^IDNPS")
        ),
        slot(
            "authorInstitution",
            &format!("EHPAD FICTIF^^^^^&amp;1.2.250.1.71.4.2.2&amp;ISO^IDNST^^^{STRUCTURE}")
        )
    )
}

fn identifier(object: &str, scheme: &str, value: &str) -> String {
    format!(
        "<rim:ExternalIdentifier id=\"i\" registryObject=\"{object}\" identificationScheme=\"{scheme}\" value=\"{value}\">{}</rim:ExternalIdentifier>",
        name("x")
    )
}

fn association(kind: &str, source: &str, target: &str, slots: &str) -> String {
    format!(
        "<rim:Association id=\"as\" associationType=\"{kind}\" sourceObject=\"{source}\" targetObject=\"{target}\">{slots}</rim:Association>"
    )
}

impl Lot {
    pub(crate) fn new(n: &str) -> Self {
        Self {
            n: n.to_owned(),
            ins: (super::ADRUN.0.to_owned(), super::ADRUN.1.to_owned()),
            document: format!(
                "<ClinicalDocument xmlns=\"{HL7}\"><id root=\"2.25.200.{n}\"/></ClinicalDocument>"
            )
            .into_bytes(),
            replaces: None,
            confidentiality: Vec::new(),
            with_signature: true,
            changes: Vec::new(),
        }
    }

    pub(crate) fn unique_id(&self) -> String {
        format!("2.25.200.{}", self.n)
    }

    fn cx(&self) -> String {
        format!("{}^^^&amp;{}&amp;ISO^NH", self.ins.0, self.ins.1)
    }

    fn entry(&self, id: &str, unique: &str, signature: bool) -> String {
        let mut xml = format!(
            "<rim:ExtrinsicObject id=\"{id}\" mimeType=\"text/xml\" objectType=\"{DE_TYPE}\">"
        );
        if signature {
            xml += &slot("languageCode", "art");
        } else {
            for (slot_name, value) in [
                ("creationTime", "20260115083000"),
                ("languageCode", "fr-FR"),
                (
                    "legalAuthenticator",
                    &format!("{RPPS}^DUITEST^IDEC^^^^^^&amp;1.2.250.1.71.4.2.1&amp;ISO^D^^^IDNPS"),
                ),
                ("serviceStartTime", "20260115080000"),
                ("sourcePatientId", &self.cx()),
            ] {
                xml += &slot(slot_name, value);
            }
        }
        xml += &name(if signature {
            "Source"
        } else {
            "Projet personnalisé"
        });
        if !signature {
            xml += &author(id, DE_AUTHOR);
        }
        let (class, kind, format) = if signature {
            (
                coded(id, DE_CLASS, "urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1", "URN"),
                coded(id, DE_TYPE_CODE, "E1762", "ASTM"),
                coded(id, DE_FORMAT, "http://www.w3.org/2000/09/xmldsig#", "URN"),
            )
        } else {
            (
                coded(id, DE_CLASS, "44", "1.2.250.1.213.1.1.4.1"),
                coded(id, DE_TYPE_CODE, "80788-3", "2.16.840.1.113883.6.1"),
                coded(
                    id,
                    DE_FORMAT,
                    "urn:ihe:iti:xds-sd:pdf:2008",
                    "1.3.6.1.4.1.19376.1.2.3",
                ),
            )
        };
        xml += &class;
        xml += &coded(id, DE_CONFIDENTIALITY, "N", "2.16.840.1.113883.5.25");
        let extra: Vec<&str> = if signature {
            vec![MASQUE_PS, INVISIBLE_PATIENT]
        } else {
            self.confidentiality.clone()
        };
        for code in extra {
            xml += &coded(id, DE_CONFIDENTIALITY, code, VISIBILITY);
        }
        xml += &format;
        xml += &coded(id, DE_FACILITY, "SA17", "1.2.250.1.71.4.2.4");
        xml += &coded(id, DE_PRACTICE, "ESSMS", "1.2.250.1.213.1.1.4.9");
        xml += &kind;
        xml += &identifier(id, DE_PATIENT, &self.cx());
        xml += &identifier(id, DE_UNIQUE, unique);
        xml + "</rim:ExtrinsicObject>"
    }

    /// The registry objects.
    pub(crate) fn objects(&self) -> String {
        let set = "SubmissionSet01";
        let mut xml = format!(
            "<rim:RegistryPackage id=\"{set}\">{}{}",
            slot("submissionTime", "20260115090000"),
            name("Lot")
        );
        let _ = write!(
            xml,
            "<rim:Classification id=\"n\" classificationNode=\"{SUBMISSION_SET}\" classifiedObject=\"{set}\"/>"
        );
        xml += &author(set, SS_AUTHOR);
        xml += &coded(set, SS_CONTENT_TYPE, "07", "1.2.250.1.213.2.2");
        xml += &identifier(set, SS_PATIENT, &self.cx());
        xml += &identifier(set, SS_SOURCE, "2.25.9");
        xml += &identifier(set, SS_UNIQUE, &format!("2.25.100.{}", self.n));
        xml += "</rim:RegistryPackage>";
        xml += &self.entry("Document01", &self.unique_id(), false);
        let original = slot("SubmissionSetStatus", "Original");
        xml += &association(HAS_MEMBER, set, "Document01", &original);
        if self.with_signature {
            xml += &self.entry("Signature01", &format!("2.25.300.{}", self.n), true);
            xml += &association(HAS_MEMBER, set, "Signature01", &original);
            xml += &association(SIGNS, "Signature01", set, &original);
        }
        if let Some(target) = &self.replaces {
            xml += &association(RPLC, "Document01", target, "");
        }
        for (from, to) in &self.changes {
            assert!(xml.contains(from.as_str()), "{from} is not there");
            xml = xml.replace(from.as_str(), to);
        }
        xml
    }

    pub(crate) fn signature_document(&self) -> Vec<u8> {
        let unique = self.unique_id();
        xades::write(
            &format!("2.25.100.{}", self.n),
            &[(unique.as_str(), self.document.as_slice())],
            &signer(ClientCertificate::Signature),
            "2026-01-15T09:00:00Z",
            signature::Digest::Sha1,
        )
        .unwrap()
        .into_bytes()
    }

    /// The whole package.
    pub(crate) fn request(&self, vihf: &Vihf) -> Incoming {
        let signature = self.signature_document();
        let include = |id: &str, cid: &str| {
            format!(
                "<ihe:Document id=\"{id}\"><xop:Include xmlns:xop=\"{XOP}\" href=\"cid:{cid}\"/></ihe:Document>"
            )
        };
        let mut parts = include("Document01", "doc@diapason.test");
        let mut attachments = vec![Attachment {
            content_id: "doc@diapason.test",
            content_type: "text/xml",
            bytes: &self.document,
        }];
        if self.with_signature {
            parts += &include("Signature01", "sig@diapason.test");
            attachments.push(Attachment {
                content_id: "sig@diapason.test",
                content_type: "text/xml",
                bytes: &signature,
            });
        }
        let body = format!(
            "<ihe:ProvideAndRegisterDocumentSetRequest xmlns:ihe=\"{XDSB}\"><lcm:SubmitObjectsRequest xmlns:lcm=\"{LCM}\">\
             <rim:RegistryObjectList xmlns:rim=\"{RIM}\">{}</rim:RegistryObjectList></lcm:SubmitObjectsRequest>{parts}</ihe:ProvideAndRegisterDocumentSetRequest>",
            self.objects()
        );
        let action = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b";
        let root = envelope(action, &signed(vihf), &body);
        let written = write(&root, &attachments, &Layout::default());
        post(
            "repository",
            &written.content_type,
            Bytes::from(written.body),
        )
    }
}

/// TD3.1.
pub(crate) fn query(
    vihf: &Vihf,
    uuid: &str,
    return_type: &str,
    slots: &[(&str, &str)],
) -> Incoming {
    let slots: String = slots
        .iter()
        .map(|(n, v)| slot(n, &v.replace('&', "&amp;")))
        .collect();
    let body = format!(
        "<q:AdhocQueryRequest xmlns:q=\"{QUERY}\" xmlns:rim=\"{RIM}\"><q:ResponseOption returnComposedObjects=\"true\" returnType=\"{return_type}\"/>\
         <rim:AdhocQuery id=\"urn:uuid:{uuid}\">{slots}</rim:AdhocQuery></q:AdhocQueryRequest>"
    );
    soap(
        "registry",
        "urn:ihe:iti:2007:RegistryStoredQuery",
        &signed(vihf),
        &body,
    )
}

/// TD3.1b: the entryUUID of a document, by its uniqueId.
pub(crate) fn reference(vihf: &Vihf, unique_id: &str) -> Incoming {
    query(
        vihf,
        "5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4",
        "ObjectRef",
        &[("$XDSDocumentEntryUniqueId", &format!("('{unique_id}')"))],
    )
}

/// TD3.2.
pub(crate) fn retrieve(vihf: &Vihf, unique_ids: &[&str]) -> Incoming {
    retrieve_from(vihf, REPOSITORY, unique_ids)
}

pub(crate) fn retrieve_from(vihf: &Vihf, repository: &str, unique_ids: &[&str]) -> Incoming {
    let asked: String = unique_ids
        .iter()
        .fold(String::new(), |mut out, u| {
            let _ = write!(out, "<ihe:DocumentRequest><ihe:RepositoryUniqueId>{repository}</ihe:RepositoryUniqueId><ihe:DocumentUniqueId>{u}</ihe:DocumentUniqueId></ihe:DocumentRequest>");
            out
        });
    let body = format!(
        "<ihe:RetrieveDocumentSetRequest xmlns:ihe=\"{XDSB}\">{asked}</ihe:RetrieveDocumentSetRequest>"
    );
    soap(
        "repository",
        "urn:ihe:iti:2007:RetrieveDocumentSet",
        &signed(vihf),
        &body,
    )
}

fn update(vihf: &Vihf, objects: &str) -> Incoming {
    let set = format!(
        "<rim:RegistryPackage id=\"SubmissionSet01\">{}<rim:Classification id=\"n\" classificationNode=\"{SUBMISSION_SET}\" classifiedObject=\"SubmissionSet01\"/>{}{}</rim:RegistryPackage>",
        slot("submissionTime", "20260115090000"),
        author("SubmissionSet01", SS_AUTHOR),
        identifier("SubmissionSet01", SS_UNIQUE, "2.25.400.1"),
    );
    let body = format!(
        "<lcm:SubmitObjectsRequest xmlns:lcm=\"{LCM}\"><rim:RegistryObjectList xmlns:rim=\"{RIM}\">{set}{objects}</rim:RegistryObjectList></lcm:SubmitObjectsRequest>"
    );
    soap(
        "registry",
        "urn:ihe:iti:2010:UpdateDocumentSet",
        &signed(vihf),
        &body,
    )
}

/// TD3.3c and d.
pub(crate) fn status(vihf: &Vihf, entry: &str, from: &str, to: &str) -> Incoming {
    let slots = slot("OriginalStatus", from) + &slot("NewStatus", to);
    update(
        vihf,
        &association(UPDATE_STATUS, "SubmissionSet01", entry, &slots),
    )
}

/// TD3.3a and b: the entry as it was given out, with other visibility codes.
pub(crate) fn visibility(vihf: &Vihf, entry: &str, previous: &str, codes: &[&str]) -> Incoming {
    let start = entry.find("<rim:ExtrinsicObject").unwrap();
    let end = entry.find("</rim:ExtrinsicObject>").unwrap() + "</rim:ExtrinsicObject>".len();
    let mut object = entry[start..end].to_owned();
    // Out with the codes it has, in with those wanted.
    while let Some(at) = object.find(&format!("classificationScheme=\"{DE_CONFIDENTIALITY}\"")) {
        let begin = object[..at].rfind("<rim:Classification ").unwrap();
        let finish = begin
            + object[begin..].find("</rim:Classification>").unwrap()
            + "</rim:Classification>".len();
        object.replace_range(begin..finish, "");
    }
    let wanted: String = codes
        .iter()
        .map(|c| {
            let system = if *c == "N" {
                "2.16.840.1.113883.5.25"
            } else {
                VISIBILITY
            };
            coded("Document01", DE_CONFIDENTIALITY, c, system)
        })
        .collect();
    let at = object.find("<rim:ExternalIdentifier").unwrap();
    object.insert_str(at, &wanted);
    let id_start = object.find(" id=\"").unwrap() + 5;
    let id_end = id_start + object[id_start..].find('"').unwrap();
    object.replace_range(id_start..id_end, "Document01");
    let slots = slot("SubmissionSetStatus", "Original") + &slot("PreviousVersion", previous);
    update(
        vihf,
        &(object + &association(HAS_MEMBER, "SubmissionSet01", "Document01", &slots)),
    )
}

/// FindDocuments of a person, Approved, with more slots.
pub(crate) fn find(vihf: &Vihf, ins: (&str, &str), more: &[(&str, &str)]) -> Incoming {
    let patient = format!("'{}^^^&{}&ISO^NH'", ins.0, ins.1);
    let approved = format!("('{APPROVED}')");
    let mut slots = vec![
        ("$XDSDocumentEntryPatientId", patient.as_str()),
        ("$XDSDocumentEntryStatus", approved.as_str()),
    ];
    slots.extend_from_slice(more);
    query(
        vihf,
        "14d4debf-8f97-4251-9a74-a90016b0af0d",
        "LeafClass",
        &slots,
    )
}

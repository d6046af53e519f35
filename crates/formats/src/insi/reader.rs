//! Reads answers back, by namespace, and says what departs from the contract.

use roxmltree::Node;

use super::answer::{Answer, Erreur, Family, Individu, InsRendu, Message, SoapFault, Tiq};
use super::ns::{RESULTAT, SIRAM, SOAP11, SOAP12, VERIFICATION_ANSWER};
use super::schema::{self, check_attributes, check_sequence, check_text};
use super::xml::{self, XmlProblem, child, child_any, children, named, text, trimmed};

/// Why an answer could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not readable as XML.
    #[error("unreadable XML: {0}")]
    Xml(XmlProblem),
    /// Not an envelope.
    #[error("the root element is {0}, not a SOAP envelope")]
    NotAnEnvelope(String),
    /// Neither RESULTAT nor Fault.
    #[error("the SOAP body holds {0}")]
    Unexpected(String),
}

/// Reads an answer: RESULTAT, verification or fault.
pub fn read(bytes: &[u8]) -> Result<Message, ReadError> {
    let document = xml::parse(bytes, xml::MAX_ANSWER).map_err(ReadError::Xml)?;
    let root = document.root_element();
    let (name, soap) = (root.tag_name().name(), root.tag_name().namespace());
    let ("Envelope", Some(soap @ (SOAP12 | SOAP11))) = (name, soap) else {
        return Err(ReadError::NotAnEnvelope(name.to_owned()));
    };
    let payload = child(root, soap, "Body")
        .and_then(|b| children(b).next())
        .ok_or_else(|| ReadError::Unexpected("nothing".to_owned()))?;
    match (payload.tag_name().name(), payload.tag_name().namespace()) {
        ("RESULTAT", Some(RESULTAT)) => Ok(Message::Resultat(answer(payload, RESULTAT))),
        (_, Some(VERIFICATION_ANSWER)) => {
            Ok(Message::Verification(answer(payload, VERIFICATION_ANSWER)))
        }
        ("Fault", Some(SOAP12)) => Ok(Message::Fault(fault12(payload))),
        ("Fault", Some(SOAP11)) => Ok(Message::Fault(fault11(payload))),
        (other, _) => Err(ReadError::Unexpected(other.to_owned())),
    }
}

fn answer(node: Node<'_, '_>, ns: &'static str) -> Answer {
    let cr = child(node, ns, "CR");
    let of = |local| cr.and_then(|c| child(c, ns, local)).map(trimmed);
    Answer {
        code: of("CodeCR"),
        libelle: of("LibelleCR").unwrap_or_default(),
        individu: child(node, ns, "INDIVIDU").map(|i| Individu {
            actif: child(i, ns, "INSACTIF")
                .map(|n| ins(n, ns))
                .unwrap_or_default(),
            historique: named(i, ns, "INSHISTO").map(|n| ins(n, ns)).collect(),
            tiq: child(i, ns, "TIQ").map(|n| tiq(n, ns)).unwrap_or_default(),
        }),
    }
}

fn ins(node: Node<'_, '_>, ns: &'static str) -> InsRendu {
    let id = child(node, ns, "IdIndividu");
    let of_id = |local| id.and_then(|i| child(i, ns, local)).map(trimmed);
    let of = |local| child(node, ns, local).map(trimmed);
    InsRendu {
        numero: of_id("NumIdentifiant").unwrap_or_default(),
        cle: of_id("Cle"),
        type_matricule: of_id("TypeMatricule"),
        oid: of("OID").unwrap_or_default(),
        date_deb: of("DateDeb"),
        date_fin: of("DateFin"),
    }
}

fn tiq(node: Node<'_, '_>, ns: &'static str) -> Tiq {
    let of = |local| child(node, ns, local).map(text);
    Tiq {
        nom_naissance: of("NomNaissance"),
        prenom: of("Prenom"),
        liste_prenom: of("ListePrenom"),
        sexe: of("Sexe"),
        date_naissance: of("DateNaissance"),
        lieu_naissance: of("LieuNaissance"),
    }
}

/// `soap:siram_40` to `siram_40`: the prefix is an accident.
fn local(qname: &str) -> String {
    qname.rsplit(':').next().unwrap_or_default().to_owned()
}

fn fault12(node: Node<'_, '_>) -> SoapFault {
    let code = child(node, SOAP12, "Code");
    let value = |n: Node<'_, '_>| child(n, SOAP12, "Value").map(|v| local(&trimmed(v)));
    let reason = child(node, SOAP12, "Reason").and_then(|r| child(r, SOAP12, "Text"));
    let erreur = child(node, SOAP12, "Detail").and_then(|d| child(d, SIRAM, "Erreur"));
    let lang = reason
        .and_then(|r| r.attribute(("http://www.w3.org/XML/1998/namespace", "lang")))
        .unwrap_or_default();
    let prefix = node.lookup_prefix(SOAP12).unwrap_or_default();
    SoapFault {
        family: if prefix == "S" { Family::A } else { Family::B },
        code: code.and_then(value).unwrap_or_default(),
        subcode: code
            .and_then(|c| child(c, SOAP12, "Subcode"))
            .and_then(value),
        lang: lang.to_owned(),
        reason: reason.map(trimmed).unwrap_or_default(),
        erreur: erreur.map(read_erreur),
    }
}

fn fault11(node: Node<'_, '_>) -> SoapFault {
    SoapFault {
        family: Family::Soap11,
        code: child_any(node, "faultcode")
            .map(|c| local(&trimmed(c)))
            .unwrap_or_default(),
        subcode: None,
        lang: String::new(),
        reason: child_any(node, "faultstring")
            .map(trimmed)
            .unwrap_or_default(),
        erreur: child_any(node, "detail")
            .and_then(|d| child(d, SIRAM, "Erreur"))
            .map(read_erreur),
    }
}

fn read_erreur(node: Node<'_, '_>) -> Erreur {
    let attribute = |name| node.attribute(name).map(str::to_owned);
    Erreur {
        code: attribute("code").unwrap_or_default(),
        severite: attribute("severite").unwrap_or_default(),
        message_id: attribute("messageID"),
        text: trimmed(node),
    }
}

/// What an XSD validator of the published contract would object to in an answer. Empty when valid.
///
/// The verification has no published contract: only its envelope is looked at.
pub fn answer_problems(bytes: &[u8]) -> Vec<String> {
    let document = match xml::parse(bytes, xml::MAX_ANSWER) {
        Ok(document) => document,
        Err(problem) => return vec![problem.to_string()],
    };
    let root = document.root_element();
    if !root.has_tag_name((SOAP12, "Envelope")) {
        return vec![format!(
            "{}: not a SOAP 1.2 envelope",
            root.tag_name().name()
        )];
    }
    let mut problems = Vec::new();
    let blocks: Vec<Node<'_, '_>> = children(root).collect();
    let body = match blocks.as_slice() {
        [body] if body.has_tag_name((SOAP12, "Body")) => *body,
        [header, body]
            if header.has_tag_name((SOAP12, "Header")) && body.has_tag_name((SOAP12, "Body")) =>
        {
            *body
        }
        _ => return vec!["Envelope: an optional Header and a Body expected".to_owned()],
    };
    let mut payloads = children(body);
    let (Some(payload), None) = (payloads.next(), payloads.next()) else {
        return vec!["Body: exactly one element expected".to_owned()];
    };
    match (payload.tag_name().name(), payload.tag_name().namespace()) {
        ("RESULTAT", Some(RESULTAT)) => {
            check_attributes(payload, &[], "RESULTAT", &mut problems);
            check_sequence(
                payload,
                RESULTAT,
                schema::RESULTAT,
                "RESULTAT",
                &mut problems,
            );
        }
        ("Fault", Some(SOAP12)) => fault_problems(payload, &mut problems),
        (_, Some(VERIFICATION_ANSWER)) => {}
        (other, _) => problems.push(format!("Body/{other}: not in the contract")),
    }
    problems
}

fn fault_problems(fault: Node<'_, '_>, problems: &mut Vec<String>) {
    let names: Vec<&str> = children(fault).map(|c| c.tag_name().name()).collect();
    if names.as_slice() != ["Code", "Reason", "Detail"] && names.as_slice() != ["Code", "Reason"] {
        problems.push(format!(
            "Fault: Code, Reason and an optional Detail expected, found {}",
            names.join(", ")
        ));
    }
    let code = child(fault, SOAP12, "Code").and_then(|c| child(c, SOAP12, "Value"));
    let value = code.map(|c| local(&trimmed(c))).unwrap_or_default();
    if !matches!(
        value.as_str(),
        "VersionMismatch" | "MustUnderstand" | "DataEncodingUnknown" | "Sender" | "Receiver"
    ) {
        problems.push(format!("Fault/Code/Value: {value:?} is no SOAP 1.2 code"));
    }
    if let Some(detail) = child(fault, SOAP12, "Detail") {
        match child(detail, SIRAM, "Erreur") {
            Some(erreur) => check_text(erreur, schema::ERREUR_ATTRIBUTES, None, "Erreur", problems),
            None => problems.push("Fault/Detail: no {urn:siram}Erreur".to_owned()),
        }
    }
}

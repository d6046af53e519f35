//! What is said of a message that cannot be taken apart.

use diapason_formats::dmp::MessageError;
use diapason_formats::xml::{ReadError, ReadProblem};

/// Rule, what was expected and what was seen. The rule is a rule of kind `document` on `soap_request`.
pub(crate) fn reading(error: &MessageError) -> (&'static str, String, String) {
    match error {
        MessageError::Envelope(error) => {
            let rule = match error.problem {
                ReadProblem::TooLarge { .. } | ReadProblem::Excessive { .. } => "DMP-SOAP-21",
                _ => "DMP-SOAP-07",
            };
            let (expected, observed) = envelope(error);
            (rule, expected.to_owned(), observed)
        }
        MessageError::Package(problem) => (
            "DMP-MTOM-02",
            "un paquet multipart/related entier, dont chaque partie est désignée".to_owned(),
            problem.clone(),
        ),
    }
}

fn envelope(error: &ReadError) -> (&'static str, String) {
    match &error.problem {
        ReadProblem::Empty => ("un message XML", "aucun octet".to_owned()),
        ReadProblem::Malformed { message } => ("un XML bien formé, complet", message.clone()),
        ReadProblem::Encoding { name } => ("l'encodage UTF-8", format!("encodage {name}")),
        ReadProblem::NotUtf8 { byte } => (
            "des octets UTF-8, comme l'annonce le prologue",
            format!("octet 0x{byte:02X}, qui n'est pas de l'UTF-8"),
        ),
        ReadProblem::Dtd => (
            "aucune déclaration DOCTYPE, donc aucune entité",
            "une déclaration DOCTYPE".to_owned(),
        ),
        ReadProblem::Version { version } => ("XML 1.0", format!("XML {version}")),
        ReadProblem::TooLarge { len, limit } => (
            "un message dans les limites du banc",
            format!("{len} octets, plus que les {limit} lus"),
        ),
        ReadProblem::Excessive { limit, .. } => (
            "un message dans les limites du banc",
            format!("plus de {limit} éléments, attributs, niveaux ou déclarations"),
        ),
    }
}

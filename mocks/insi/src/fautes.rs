//! SOAP faults the service answers: their codes, families and words.

use diapason_formats::insi::answer::Family;
use diapason_formats::insi::{Erreur, Message, SoapFault};

/// Technical error of the application.
pub(crate) fn insi_102(severite: &str) -> Message {
    family_a(
        "Receiver",
        "siram_40",
        "insi_102",
        severite,
        "La recherche n'a pas abouti : erreur technique de l'application simulee",
    )
}

/// Teleservice unavailable.
pub(crate) fn insi_111(severite: &str) -> Message {
    family_a(
        "Receiver",
        "siram_40",
        "insi_111",
        severite,
        "Le teleservice simule ne repond pas pour le moment",
    )
}

/// Birth name missing.
pub(crate) fn insi_19(severite: &str) -> Message {
    family_a(
        "Sender",
        "siram_10",
        "insi_19",
        severite,
        "Le nom de naissance manque dans la demande",
    )
}

/// IDAM not authorised.
pub(crate) fn desir_550(message_id: Option<&str>) -> Message {
    family_b(
        "Sender",
        "siram_100",
        "desir_550",
        "erreur",
        message_id,
        "Le logiciel n'est pas habilité à ce service : son numéro d'autorisation n'est pas reconnu.",
    )
}

/// Insufficient rights.
pub(crate) fn desir_560(message_id: Option<&str>, why: &str) -> Message {
    family_b(
        "Sender",
        "siram_100",
        "desir_560",
        "erreur",
        message_id,
        &format!("Accès refusé par le frontal simulé : {why}."),
    )
}

/// Known from a file name only.
pub(crate) fn desir_500(message_id: Option<&str>) -> Message {
    family_b(
        "Sender",
        "siram_100",
        "desir_500",
        "erreur",
        message_id,
        "Accès refusé par le frontal simulé.",
    )
}

/// Service temporarily unavailable.
pub(crate) fn desir_1020(message_id: Option<&str>) -> Message {
    family_b(
        "Receiver",
        "siram_40",
        "desir_1020",
        "fatale",
        message_id,
        "Le service simulé est momentanément fermé.",
    )
}

/// A fault of the application.
pub(crate) fn family_a(
    code: &str,
    subcode: &str,
    erreur: &str,
    severite: &str,
    text: &str,
) -> Message {
    Message::Fault(SoapFault {
        family: Family::A,
        code: code.to_owned(),
        subcode: Some(subcode.to_owned()),
        lang: "en".to_owned(),
        reason: text.to_owned(),
        erreur: Some(Erreur {
            code: erreur.to_owned(),
            severite: severite.to_owned(),
            message_id: None,
            text: text.to_owned(),
        }),
    })
}

/// A fault of the access front end.
pub(crate) fn family_b(
    code: &str,
    subcode: &str,
    erreur: &str,
    severite: &str,
    message_id: Option<&str>,
    text: &str,
) -> Message {
    Message::Fault(SoapFault {
        family: Family::B,
        code: code.to_owned(),
        subcode: Some(subcode.to_owned()),
        lang: "fr".to_owned(),
        reason: text.to_owned(),
        erreur: Some(Erreur {
            code: erreur.to_owned(),
            severite: severite.to_owned(),
            message_id: message_id.map(str::to_owned),
            text: text.to_owned(),
        }),
    })
}

/// A fault of the SOAP layer itself: no subcode of ours, no detail.
pub(crate) fn soap_stack(family: Family, code: &str, text: &str) -> Message {
    Message::Fault(SoapFault {
        family,
        code: code.to_owned(),
        subcode: None,
        lang: "en".to_owned(),
        reason: text.to_owned(),
        erreur: None,
    })
}

//! Faults that answer a SOAP fault instead of a result.

use diapason_formats::insi::answer::Family;
use diapason_formats::insi::{Erreur, Message, SoapFault};

use super::{Parameters, Scene};
use crate::fautes;

/// Status and message, or `None` when `id` is none of these.
pub(crate) fn play(id: &str, with: Parameters<'_>, scene: &Scene<'_>) -> Option<(u16, Message)> {
    let message_id = scene.message_id;
    let message = match id {
        "INSI-F-INSI-102" => fautes::insi_102(with.text("severite")),
        "INSI-F-INSI-111" => fautes::insi_111(with.text("severite")),
        "INSI-F-INSI-19" => fautes::insi_19(with.text("severite")),
        "INSI-F-DESIR-550" => fautes::desir_550(message_id),
        "INSI-F-DESIR-1020" => fautes::desir_1020(message_id),
        "INSI-F-DESIR-500" => fautes::desir_500(message_id),
        "INSI-F-DESIR-560" if with.text("family") == "A" => fautes::family_a(
            "Sender",
            "siram_100",
            "desir_560",
            "fatal",
            "Droits insuffisants pour ce service simule",
        ),
        "INSI-F-DESIR-560" => fautes::desir_560(message_id, "droits insuffisants"),
        "INSI-F-CODE-UNKNOWN" => unknown(with, message_id),
        "INSI-F-FAULT-NO-DETAIL" => Message::Fault(SoapFault {
            family: Family::A,
            code: "Receiver".to_owned(),
            subcode: Some("siram_40".to_owned()),
            lang: "en".to_owned(),
            reason: "Erreur technique sans precision".to_owned(),
            erreur: None,
        }),
        "INSI-F-FAULT-STATUS-200" => return Some((200, fautes::insi_102("fatal"))),
        "INSI-F-FAULT-STATUS-400" => return Some((400, fautes::insi_102("fatal"))),
        "INSI-F-FAULT-MESSAGE-ID-WRONG" => {
            fautes::desir_1020(Some("uuid:00000000-0000-4000-8000-00000000d1a9"))
        }
        "INSI-F-FAULT-SOAP11" => Message::Fault(SoapFault {
            family: Family::Soap11,
            code: "Server".to_owned(),
            subcode: None,
            lang: String::new(),
            reason: "Erreur technique".to_owned(),
            erreur: Some(Erreur {
                code: "insi_102".to_owned(),
                severite: "fatal".to_owned(),
                message_id: None,
                text: "Erreur technique".to_owned(),
            }),
        }),
        _ => return None,
    };
    Some((500, message))
}

fn unknown(with: Parameters<'_>, message_id: Option<&str>) -> Message {
    let code = with.text("code");
    let text = "Incident sans libelle connu";
    if with.text("family") == "B" {
        fautes::family_b("Receiver", "siram_40", code, "erreur", message_id, text)
    } else {
        fautes::family_a("Receiver", "siram_40", code, "fatal", text)
    }
}

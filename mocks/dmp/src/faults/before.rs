//! Faults that speak instead of the service, and those that change its work.

use diapason_formats::dmp::{Message, Operation};
use diapason_mock_common::fault::Playing;
use diapason_mock_common::http::{Delivery, Reply};

use super::Parameters;
use crate::answer::ebrim::RegistryError;
use crate::answer::soap::Fault;
use crate::names::{DE_UNIQUE, HABILITATIONS, PATIENTS};
use crate::pipeline::MISMATCH;
use crate::transactions::{Answered, Existence, Twist, refused_by_registry, status};

/// What a fault does before the service works.
pub(crate) enum Before {
    /// This is said instead; nothing is done.
    Say(Box<Answered>),
    /// This goes out instead; nothing is done.
    Http(Box<Reply>),
    /// The service works, changed so. `renumber`: every entry of the person gets a new entryUUID first.
    Work { twist: Box<Twist>, renumber: bool },
}

/// What the fault does first.
pub(crate) fn before(
    playing: &Playing,
    operation: Operation,
    message: Option<&Message<'_>>,
) -> Before {
    let with = Parameters::of(playing);
    let name = playing.id.as_str().trim_start_matches("DMP-F-");
    if let Some(fault) = fault(name, with) {
        return Before::Say(Box::new(Answered::fault(fault)));
    }
    if let Some(errors) = registry(name, with, message) {
        return Before::Say(Box::new(refused_by_registry(operation, errors)));
    }
    if let Some(reply) = http(name, with) {
        return Before::Http(Box::new(reply));
    }
    match name {
        "UNKNOWN-PATIENT" => {
            let text = "Aucun DMP pour cet identifiant.";
            let xds = operation
                .service()
                .is_some_and(|s| matches!(s, "registry" | "repository"));
            let said = if xds {
                refused_by_registry(
                    operation,
                    vec![RegistryError::new("XDSUnknownPatientId", text)],
                )
            } else {
                Answered::fault(Fault::sender("XDSUnknownPatientId", text))
            };
            return Before::Say(Box::new(said));
        }
        "STATUS-NOT-OK" => {
            let (element, namespace) = match operation {
                Operation::Patients => ("patientListResponse", PATIENTS),
                Operation::Habilitations => ("listAuthorizationByPatientResponse", HABILITATIONS),
                _ => ("setAuthorizationResponse", HABILITATIONS),
            };
            let said = status(
                element,
                namespace,
                with.text("status"),
                with.text("context"),
            );
            return Before::Say(Box::new(said));
        }
        _ => {}
    }
    Before::Work {
        twist: Box::new(twist(name, with)),
        renumber: name == "UNRESOLVED",
    }
}

fn twist(name: &str, with: Parameters<'_>) -> Twist {
    let text = |name: &str| with.text(name).to_owned();
    let existence = match name {
        "NF" => Some(Existence::Nf),
        "TERMINATED" => Some(Existence::Terminated(text("motif"))),
        "AUTORISATION" => Some(Existence::Autorisation(text("code"))),
        "TRAITS" => Some(Existence::Traits(text("nom"), text("prenom"), text("date"))),
        "ACK-ERROR" => Some(Existence::Ack(text("code"), text("text"))),
        "EXISTENCE-OTHER-PATIENT" => Some(Existence::OtherPatient),
        _ => None,
    };
    Twist {
        amnesia: name == "AMNESIA",
        partial: name == "PARTIAL-SUCCESS",
        warning: (name == "EXTRA-METADATA")
            .then(|| "une métadonnée hors profil n'a pas été gardée".to_owned()),
        existence,
    }
}

fn fault(name: &str, with: Parameters<'_>) -> Option<Fault> {
    let sender = |subcode: &str, reason: &str| Some(Fault::sender(subcode, reason.to_owned()));
    match name {
        "INVALID-CERTIFICATE" => sender(
            "DMPInvalidCertificate",
            "Le certificat du VIHF n'est pas un certificat de signature reconnu.",
        ),
        "MISSING-ADDRESSING" => sender(
            "wsa:MessageAddressingHeaderRequired",
            "Une propriété d'adressage obligatoire manque dans l'en-tête du message.",
        ),
        "STRUCTURE" => sender("MOCK_DMPStructure", "Structure introuvable ou Inactive"),
        "PS-STRUCTURE" => sender("MOCK_DMPLienStructure", "PS et Structure non liés"),
        "SPECIALITE" => sender(
            "MOCK_DMPSpecialite",
            "Aucune spécialité dans le vihf. Spécialité obligatoire pour les Médecins et les Pharmaciens.",
        ),
        "AUTHOR-INSTITUTION" => sender(
            "MOCK_DMPAuthorInstitution",
            "Aucun AuthorInstitution ne correspond à l'utilisateur du VIHF",
        ),
        "PATIENT-ID" => sender("XDSPatientIdDoesNotMatch", MISMATCH),
        "UNKNOWN-PATIENT-FAULT" => sender("XDSUnknownPatientId", "Aucun DMP pour cet identifiant."),
        "UNIQUE-ID-FAULT" => sender("XDSDocumentUniqueIdError", "Document introuvable."),
        "ACCESS-DENIED" => sender(
            "MOCK_DMPAccessDenied",
            "Votre profil ne donne pas droit à cette transaction.",
        ),
        "DELETE-REFUSED" => sender(
            "MOCK_DMPAccessDenied",
            "Seule la structure auteur du document peut faire cette opération.",
        ),
        "CLOSED" => sender("MOCK_DMPFerme", "Le DMP de ce patient est fermé."),
        "CLOCK" => sender(
            "MOCK_VihfPeriod",
            "Le VIHF n'est pas dans sa période de validité : vérifiez l'horloge.",
        ),
        "RECEIVER" | "FAULT-200" => Some(Fault::receiver("", "Incident interne du service.")),
        "CODE-UNKNOWN" => sender(with.text("code"), with.text("reason")),
        "NO-SUBCODE" => sender("", "Demande refusée."),
        "MTOM-FAULT" => sender(with.text("code"), "Accès refusé à ce document."),
        _ => None,
    }
}

/// First uniqueId the request is about, for codeContext.
fn about(message: Option<&Message<'_>>) -> String {
    let of = |message: &Message<'_>| {
        if let Some(retrieve) = message.retrieve() {
            let first = retrieve.documents.first()?.unique_id.as_ref()?;
            return Some(first.value.clone());
        }
        let lot = message.lot()?;
        let tree = &message.tree;
        let entry = lot
            .entries
            .iter()
            .map(|e| crate::state::Object::read(tree, e.node))
            .find(|e| !e.is_signature());
        entry
            .and_then(|e| e.identifier(DE_UNIQUE).map(str::to_owned))
            .or_else(|| lot.associations.first().map(|a| a.target.clone()))
    };
    message.and_then(of).unwrap_or_default()
}

fn registry(
    name: &str,
    with: Parameters<'_>,
    message: Option<&Message<'_>>,
) -> Option<Vec<RegistryError>> {
    let one = |code: &str, context: &str| Some(vec![RegistryError::new(code, context)]);
    let busy = "service occupé, réessayez plus tard";
    match name {
        "REGISTRY-BUSY" => one("XDSRegistryBusy", busy),
        "REPOSITORY-BUSY" => one("XDSRepositoryBusy", busy),
        "NOT-AVAILABLE" => one("XDSRegistryNotAvailable", "registre injoignable"),
        "OUT-OF-RESOURCES" => one("XDSRepositoryOutOfResources", "ressources épuisées"),
        "REGISTRY-OUT-OF-RESOURCES" => one("XDSRegistryOutOfResources", "ressources épuisées"),
        "REPOSITORY-ERROR" => one("XDSRepositoryError", "erreur interne de l'entrepôt"),
        "REGISTRY-ERROR" => one(with.text("code"), with.text("context")),
        "METADATA-ERROR" => one("XDSRegistryMetadataError", with.text("context")),
        "DUPLICATE" => one("XDSDuplicateUniqueIdInRegistry", &about(message)),
        "NON-IDENTICAL-HASH" => one("XDSNonIdenticalHash", &about(message)),
        "PATIENT-MISMATCH-REGISTRY" => one("XDSPatientIdDoesNotMatch", MISMATCH),
        "DEPRECATED" => one("XDSRegistryDeprecatedDocumentError", &about(message)),
        "METADATA-VERSION" => one(
            "XDSMetadataVersionError",
            "la version actuelle est une autre",
        ),
        "UPDATE-ERROR" => one("XDSMetadataUpdateError", "mise à jour refusée"),
        "UPDATE-OPERATION-ERROR" => one("XDSMetadataUpdateOperationError", "opération inconnue"),
        "TOO-MANY-RESULTS" => one("XDSTooManyResults", "trop de résultats"),
        "UNKNOWN-QUERY" => one("XDSUnknownStoredQuery", "requête inconnue"),
        "NOT-SINGLE-PATIENT" => one("XDSResultNotSinglePatient", "plusieurs patients"),
        "UNIQUE-ID-ERROR" => one("XDSDocumentUniqueIdError", &about(message)),
        "UNKNOWN-REPOSITORY" => one("XDSUnknownRepositoryId", "entrepôt inconnu"),
        "MISSING-DOCUMENT" => one("XDSMissingDocument", "Document01"),
        "SEVERAL-ERRORS" => Some(vec![
            RegistryError {
                warning: true,
                ..RegistryError::new("XDSExtraMetadataNotSaved", "métadonnée hors profil")
            },
            RegistryError::new("XDSRepositoryError", "le lot n'a pas été enregistré"),
            RegistryError::new("XDSRegistryMetadataError", "typeCode : code inconnu"),
        ]),
        _ => None,
    }
}

/// A page of a middle box.
pub(super) const HTML: &str = "<!DOCTYPE html><html lang=\"fr\"><head><title>Service indisponible</title></head>\
<body><h1>Service indisponible</h1><p>Page d'un équipement intermédiaire simulé.</p></body></html>";

fn http(name: &str, with: Parameters<'_>) -> Option<Reply> {
    let html = |status: u16| Reply::new(status, "text/html; charset=utf-8", HTML);
    let named = |status: u16| html(status).outcome(format!("http_{status}"));
    let delivered = |delivery, word: &str| {
        Some(
            Reply {
                delivery,
                ..Reply::default()
            }
            .outcome(word),
        )
    };
    match name {
        "HTTP-503" => Some(named(with.status(503))),
        "HTML-502" => Some(named(502)),
        "HTTP-500" => Some(
            Reply::new(500, "text/plain; charset=utf-8", "Erreur interne.\n").outcome("http_500"),
        ),
        "HTTP-HTML" => Some(html(200).outcome("html")),
        "HTTP-429" => {
            let mut reply = named(429);
            let seconds = with.number("seconds").to_string();
            reply.headers.push(("Retry-After".to_owned(), seconds));
            Some(reply)
        }
        "EMPTY-BODY" => {
            Some(Reply::new(200, crate::answer::soap::SOAP_TYPE, Vec::new()).outcome("empty"))
        }
        "REDIRECT" => {
            let mut reply = html(with.status(302)).outcome("redirect");
            let location = with.text("location").to_owned();
            reply.headers.push(("Location".to_owned(), location));
            Some(reply)
        }
        "NOT-XML" => Some(
            Reply::new(
                200,
                crate::answer::soap::SOAP_TYPE,
                "Ceci n'est pas du XML : traitement termin\u{e9}.\n",
            )
            .outcome("bad_xml"),
        ),
        "HTTP-GARBAGE" => delivered(
            Delivery::Raw(b"\x00\x01NI HTTP NI XML\xff\xfe\r\n\r\n".to_vec()),
            "garbage",
        ),
        "SILENCE" => match with.number("seconds") {
            0 => delivered(Delivery::Silent, "silent"),
            seconds => delivered(Delivery::Quiet(seconds * 1_000), "silent"),
        },
        "RESET" => delivered(Delivery::Reset, "reset"),
        _ => None,
    }
}

//! ebRIM objects and the answers of the registry: statuses, errors, references.

use roxmltree::Node;

use super::erreur::{Echec, ErreurRegistre};
use super::message::{Reponse, corps};
use crate::document::noeud::{Noeud, noeud};

/// Namespace of registry answers.
pub const RS: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0";
/// Namespace of registry objects.
pub const RIM: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0";
/// Namespace of submissions.
pub const LCM: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0";
/// Namespace of queries.
pub const QUERY: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0";
/// Status of a current document.
pub const APPROVED: &str = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved";
/// Status of a deleted document.
pub const DELETED: &str = "urn:asip:ci-sis:2010:StatusType:Deleted";
/// A document id within a registry: `$XDSDocumentEntryUniqueId`.
pub const GET_DOCUMENTS: &str = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4";

/// How a call to the registry or the repository ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issue {
    /// `Success`, with the warnings that came along.
    Succes(Vec<ErreurRegistre>),
    /// `PartialSuccess`, with what failed.
    Partiel(Vec<ErreurRegistre>),
}

/// Reads the status of an answer; `Failure` is an error.
pub fn issue(reponse: &Reponse) -> Result<Issue, Echec> {
    let document = reponse.document()?;
    let racine = corps(&document).ok_or(Echec::Illisible("corps vide"))?;
    // The status stands on the root of most answers, and one level down in that of ITI-43.
    let porteur = if racine.attribute("status").is_some() {
        racine
    } else {
        racine
            .children()
            .find(|n| n.has_tag_name((RS, "RegistryResponse")))
            .ok_or(Echec::Illisible("sans statut"))?
    };
    let statut = porteur.attribute("status").unwrap_or_default();
    let erreurs: Vec<ErreurRegistre> = porteur
        .descendants()
        .filter(|n| n.has_tag_name((RS, "RegistryError")))
        .map(erreur)
        .collect();
    match statut.rsplit(':').next().unwrap_or_default() {
        "Success" => Ok(Issue::Succes(erreurs)),
        "PartialSuccess" => Ok(Issue::Partiel(erreurs)),
        "Failure" => Err(Echec::Registre(erreurs)),
        _ => Err(Echec::Illisible("statut inconnu")),
    }
}

fn erreur(node: Node<'_, '_>) -> ErreurRegistre {
    let nu = |nom: &str| {
        let valeur = node.attribute(nom).unwrap_or_default();
        valeur.rsplit(':').next().unwrap_or_default().to_owned()
    };
    ErreurRegistre {
        code: nu("errorCode"),
        contexte: node.attribute("codeContext").unwrap_or_default().to_owned(),
        avertissement: nu("severity") == "Warning",
    }
}

/// Ids of the objects of an answer: references, or whole entries.
pub fn references(reponse: &Reponse) -> Result<Vec<String>, Echec> {
    let document = reponse.document()?;
    let racine = corps(&document).ok_or(Echec::Illisible("corps vide"))?;
    Ok(racine
        .descendants()
        .filter(|n| n.has_tag_name((RIM, "ObjectRef")) || n.has_tag_name((RIM, "ExtrinsicObject")))
        .filter_map(|n| n.attribute("id").map(str::to_owned))
        .collect())
}

/// A slot with its values.
pub fn slot<I, S>(nom: &str, valeurs: I) -> Noeud
where
    I: IntoIterator<Item = S>,
    S: Into<String>,
{
    let liste = valeurs
        .into_iter()
        .map(|valeur| noeud("rim:Value").dit(valeur));
    noeud("rim:Slot")
        .a("name", nom)
        .avec([noeud("rim:ValueList").avec(liste)])
}

/// A name or a label.
pub fn libelle(element: &str, texte: &str) -> Noeud {
    noeud(element).avec([noeud("rim:LocalizedString")
        .a("charset", "UTF8")
        .a("value", texte)
        .a("xml:lang", "FR")])
}

/// A stored query about documents: TD3.1a with `LeafClass`, TD3.1b with `ObjectRef`.
pub fn requete(id: &str, retour: &str, slots: impl IntoIterator<Item = Noeud>) -> Noeud {
    noeud("query:AdhocQueryRequest")
        .a("xmlns:query", QUERY)
        .a("xmlns:rim", RIM)
        .avec([
            noeud("query:ResponseOption")
                .a("returnComposedObjects", "true")
                .a("returnType", retour),
            noeud("rim:AdhocQuery").a("id", id).avec(slots),
        ])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::message::SOAP;
    use super::*;

    fn answer(body: &str) -> Reponse {
        let xml = format!("<s:Envelope xmlns:s=\"{SOAP}\"><s:Body>{body}</s:Body></s:Envelope>");
        Reponse::lire("application/soap+xml", xml.into_bytes()).unwrap()
    }

    #[test]
    fn statuses_and_errors_are_read_wherever_they_stand() {
        let error = "<r:RegistryErrorList><r:RegistryError errorCode=\"urn:x:XDSRegistryBusy\" codeContext=\"attendez\" severity=\"urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error\"/></r:RegistryErrorList>";
        let response = |status: &str, inside: &str| {
            format!(
                "<r:RegistryResponse xmlns:r=\"{RS}\" status=\"urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:{status}\">{inside}</r:RegistryResponse>"
            )
        };
        assert_eq!(
            issue(&answer(&response("Success", ""))),
            Ok(Issue::Succes(Vec::new()))
        );
        let failed = issue(&answer(&response("Failure", error))).unwrap_err();
        assert!(failed.est("XDSRegistryBusy") && failed.a_reprendre());
        let nested = format!("<x>{}</x>", response("PartialSuccess", error));
        assert!(matches!(issue(&answer(&nested)), Ok(Issue::Partiel(e)) if e.len() == 1));
        assert!(issue(&answer("<x/>")).is_err());
        assert!(issue(&answer(&response("Peut-être", ""))).is_err());
    }

    #[test]
    fn references_are_listed() {
        let body = format!(
            "<q xmlns:r=\"{RIM}\"><r:ObjectRef id=\"urn:uuid:1\"/><r:ExtrinsicObject id=\"urn:uuid:2\"/></q>"
        );
        assert_eq!(
            references(&answer(&body)).unwrap(),
            ["urn:uuid:1", "urn:uuid:2"]
        );
    }
}

//! Facts of a CDA document: what a scenario may want to see in it, as one JSON value.
//!
//! Names are those of the driver contract. Nothing is judged here, and what is not there is `null`.

use serde_json::{Value, json};

use crate::xml::{NodeId, Tree};

#[cfg(test)]
mod tests;

const HL7: &str = "urn:hl7-org:v3";
/// Roots of the INS: NIR, NIA, test, demonstration. Reimbursement numbers are not among them.
const INS: [&str; 4] = [
    "1.2.250.1.213.1.4.8",
    "1.2.250.1.213.1.4.9",
    "1.2.250.1.213.1.4.10",
    "1.2.250.1.213.1.4.11",
];

/// The facts; `None` when there is no `ClinicalDocument` at the root or inside an envelope.
pub fn facts(tree: &Tree) -> Option<Value> {
    let root = tree.document_element()?;
    let document = if tree.is_named(root, HL7, "ClinicalDocument") {
        root
    } else {
        tree.descendant_elements(root)
            .find(|n| tree.is_named(*n, HL7, "ClinicalDocument"))?
    };
    let at = At { tree, document };
    Some(json!({
        "id": at.attribute(document, &["id"], "root"),
        "id_extension": at.attribute(document, &["id"], "extension"),
        "set_id": at.attribute(document, &["setId"], "root"),
        "version": at.attribute(document, &["versionNumber"], "value").and_then(number),
        "type": at.attribute(document, &["code"], "code"),
        "titre": at.text(document, &["title"]),
        "date": at.attribute(document, &["effectiveTime"], "value"),
        "langue": at.attribute(document, &["languageCode"], "code"),
        "modeles": at.all(document, &["templateId"]).into_iter().filter_map(|n| tree.attribute(n, "root")).collect::<Vec<_>>(),
        "remplace": at.replaced(),
        "personne": at.person(),
        "auteurs": at.all(document, &["author", "assignedAuthor"]).into_iter().map(|n| at.professional(n, "assignedPerson")).collect::<Vec<_>>(),
        "responsable": at.all(document, &["legalAuthenticator", "assignedEntity"]).into_iter().next().map(|n| at.professional(n, "assignedPerson")),
        "structure": at.attribute(document, &["custodian", "assignedCustodian", "representedCustodianOrganization", "id"], "extension"),
        "destinataires": at.all(document, &["informationRecipient", "intendedRecipient"]).into_iter().map(|n| at.professional(n, "informationRecipient")).collect::<Vec<_>>(),
        "niveau": at.level(),
        "type_media": at.attribute(document, &["component", "nonXMLBody", "text"], "mediaType"),
    }))
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

struct At<'t> {
    tree: &'t Tree,
    document: NodeId,
}

impl<'t> At<'t> {
    fn all(&self, from: NodeId, path: &[&str]) -> Vec<NodeId> {
        let mut here = vec![from];
        for step in path {
            here = here
                .into_iter()
                .flat_map(|n| self.tree.children_named(n, HL7, step))
                .collect();
        }
        here
    }

    fn first(&self, from: NodeId, path: &[&str]) -> Option<NodeId> {
        self.all(from, path).into_iter().next()
    }

    fn attribute(&self, from: NodeId, path: &[&str], name: &str) -> Option<&'t str> {
        self.tree.attribute(self.first(from, path)?, name)
    }

    fn text(&self, from: NodeId, path: &[&str]) -> Option<String> {
        let node = self.first(from, path)?;
        Some(self.tree.string_value(node).trim().to_owned())
    }

    fn level(&self) -> Option<u8> {
        let body = |name| self.first(self.document, &["component", name]);
        if body("nonXMLBody").is_some() {
            return Some(1);
        }
        body("structuredBody").map(|_| 3)
    }

    fn replaced(&self) -> Option<Value> {
        let link = self.first(self.document, &["relatedDocument"])?;
        Some(json!({
            "lien": self.tree.attribute(link, "typeCode"),
            "id": self.attribute(link, &["parentDocument", "id"], "root"),
            "version": self.attribute(link, &["parentDocument", "versionNumber"], "value").and_then(number),
        }))
    }

    /// The text of a part of a name that has that qualifier, or none.
    fn part(&self, name: NodeId, part: &str, qualifier: Option<&str>) -> Option<String> {
        self.tree
            .children_named(name, HL7, part)
            .find(|n| self.tree.attribute(*n, "qualifier") == qualifier)
            .map(|n| self.tree.string_value(n).trim().to_owned())
    }

    fn person(&self) -> Option<Value> {
        let role = self.first(self.document, &["recordTarget", "patientRole"])?;
        let ids: Vec<(Option<&str>, Option<&str>)> = self
            .all(role, &["id"])
            .into_iter()
            .map(|n| {
                (
                    self.tree.attribute(n, "root"),
                    self.tree.attribute(n, "extension"),
                )
            })
            .collect();
        let ins = ids
            .iter()
            .find(|(root, _)| root.is_some_and(|r| INS.contains(&r)))
            .map(|(root, extension)| json!({ "matricule": extension, "oid": root }));
        let name = self.first(role, &["patient", "name"]);
        let part = |part, qualifier| name.and_then(|n| self.part(n, part, qualifier));
        let birth = self.attribute(role, &["patient", "birthTime"], "value");
        Some(json!({
            "identifiants": ids.iter().map(|(root, extension)| json!({ "root": root, "extension": extension })).collect::<Vec<_>>(),
            "ins": ins,
            "nom_naissance": part("family", Some("BR")),
            "premier_prenom": part("given", Some("BR")),
            "prenoms": part("given", None).map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()),
            "nom_utilise": part("family", Some("CL")),
            "prenom_utilise": part("given", Some("CL")),
            "sexe": self.attribute(role, &["patient", "administrativeGenderCode"], "code"),
            "date_naissance": birth.map(date),
            "lieu_naissance": self.text(role, &["patient", "birthplace", "place", "addr", "county"]),
        }))
    }

    fn professional(&self, entity: NodeId, person: &str) -> Value {
        json!({
            "identifiant": self.attribute(entity, &["id"], "extension"),
            "nom": self.text(entity, &[person, "name", "family"]),
            "prenom": self.text(entity, &[person, "name", "given"]),
        })
    }
}

/// `19751231` as `1975-12-31`; anything else as written.
fn date(value: &str) -> String {
    if value.len() == 8 && value.bytes().all(|b| b.is_ascii_digit()) {
        format!("{}-{}-{}", &value[..4], &value[4..6], &value[6..])
    } else {
        value.to_owned()
    }
}

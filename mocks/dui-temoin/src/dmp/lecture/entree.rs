//! A document of the DMP, as its metadata describe it.

use std::collections::BTreeMap;

use roxmltree::Node;
use serde::{Deserialize, Serialize};

use crate::dmp::erreur::Echec;
use crate::dmp::message::{Reponse, corps};
use crate::dmp::registre::RIM;

/// The signature of a lot: no document for people.
const CLASSE_SIGNATURE: &str = "urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1";

/// Whether a document is the one to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Etat {
    /// Current.
    #[default]
    Actif,
    /// There is a newer version.
    Remplace,
    /// Archived.
    Archive,
    /// Deleted.
    Supprime,
}

impl Etat {
    /// Word of the driver contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Actif => "actif",
            Self::Remplace => "remplace",
            Self::Archive => "archive",
            Self::Supprime => "supprime",
        }
    }

    fn de(statut: &str) -> Self {
        match statut.rsplit(':').next().unwrap_or_default() {
            "Deprecated" => Self::Remplace,
            "Archived" => Self::Archive,
            "Deleted" => Self::Supprime,
            _ => Self::Actif,
        }
    }
}

/// What the registry says of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entree {
    /// entryUUID.
    pub entry_uuid: String,
    /// uniqueId.
    pub unique_id: String,
    /// Repository that holds it.
    pub depot: String,
    /// Identifier of the person, as the registry writes it.
    pub patient: String,
    /// Class code.
    pub classe: String,
    /// Type code.
    pub r#type: String,
    /// Title.
    pub titre: String,
    /// Date of the act, or of writing when there is none; UTC, as written.
    pub date_acte: String,
    /// Author as people read it.
    pub auteur: String,
    /// Media type.
    pub mime: String,
    /// SHA-1 of the document.
    pub hash: Option<String>,
    /// Its size.
    pub taille: Option<u64>,
    /// Is it the one to read?
    pub etat: Etat,
}

impl Entree {
    /// Published by the person himself?
    pub fn du_patient(&self) -> bool {
        self.classe == "90"
            || self.r#type.starts_with("DOCPAT")
            || self.r#type.starts_with("EXPPAT_")
    }
}

/// A link between two entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Association {
    /// Last word of its type (`HasMember`, `RPLC`...).
    pub nature: String,
    /// From.
    pub source: String,
    /// To.
    pub cible: String,
}

fn objets<'a>(racine: Node<'a, 'a>, nom: &'static str) -> impl Iterator<Item = Node<'a, 'a>> {
    racine
        .descendants()
        .filter(move |n| n.has_tag_name((RIM, nom)))
}

/// The documents that an answer of the registry describes, signatures of lots left aside.
pub fn lire(reponse: &Reponse) -> Result<Vec<Entree>, Echec> {
    let document = reponse.document()?;
    let racine = corps(&document).ok_or(Echec::Illisible("corps vide"))?;
    let lues = objets(racine, "ExtrinsicObject").map(une);
    Ok(lues.filter(|e| e.classe != CLASSE_SIGNATURE).collect())
}

/// Ids of the lots of an answer.
pub fn ids_de_lots(reponse: &Reponse) -> Result<Vec<String>, Echec> {
    let document = reponse.document()?;
    let racine = corps(&document).ok_or(Echec::Illisible("corps vide"))?;
    Ok(objets(racine, "RegistryPackage")
        .filter_map(|n| n.attribute("id").map(str::to_owned))
        .collect())
}

/// The associations of an answer.
pub fn associations(reponse: &Reponse) -> Result<Vec<Association>, Echec> {
    let document = reponse.document()?;
    let racine = corps(&document).ok_or(Echec::Illisible("corps vide"))?;
    Ok(objets(racine, "Association")
        .map(|n| {
            let attribut = |nom| n.attribute(nom).unwrap_or_default();
            Association {
                nature: attribut("associationType")
                    .rsplit(':')
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
                source: attribut("sourceObject").to_owned(),
                cible: attribut("targetObject").to_owned(),
            }
        })
        .collect())
}

fn slots(node: Node<'_, '_>) -> BTreeMap<String, String> {
    node.children()
        .filter(|n| n.has_tag_name((RIM, "Slot")))
        .filter_map(|slot| {
            let premiere = slot
                .descendants()
                .find(|n| n.has_tag_name((RIM, "Value")))?;
            let valeur = premiere.text().unwrap_or_default().trim().to_owned();
            Some((slot.attribute("name")?.to_owned(), valeur))
        })
        .collect()
}

/// `id^NOM^PRENOM...`, as people read it; a name alone stays as it is.
fn personne(xcn: &str) -> String {
    let mut parts = xcn.split('^').skip(1);
    let nom = parts.next().unwrap_or_default().trim();
    let prenom = parts.next().unwrap_or_default().trim();
    match (nom, prenom) {
        ("", "") => xcn.split('^').next().unwrap_or_default().to_owned(),
        (nom, "") => nom.to_owned(),
        (nom, prenom) => format!("{prenom} {nom}").trim().to_owned(),
    }
}

fn une(node: Node<'_, '_>) -> Entree {
    let mut slots = slots(node);
    let mut prendre = |nom: &str| slots.remove(nom).filter(|v| !v.is_empty());
    let mut entree = Entree {
        entry_uuid: node.attribute("id").unwrap_or_default().to_owned(),
        depot: prendre("repositoryUniqueId").unwrap_or_default(),
        date_acte: prendre("serviceStartTime")
            .or_else(|| prendre("creationTime"))
            .unwrap_or_default(),
        hash: prendre("hash").map(|h| h.to_lowercase()),
        taille: prendre("size").and_then(|t| t.parse().ok()),
        mime: node.attribute("mimeType").unwrap_or_default().to_owned(),
        etat: Etat::de(node.attribute("status").unwrap_or_default()),
        ..Entree::default()
    };
    for enfant in node.children().filter(Node::is_element) {
        match enfant.tag_name().name() {
            "Name" => {
                let texte = enfant.children().find_map(|n| n.attribute("value"));
                texte.unwrap_or_default().clone_into(&mut entree.titre);
            }
            "Classification" => classer(&mut entree, enfant),
            "ExternalIdentifier" => {
                let valeur = enfant.attribute("value").unwrap_or_default().to_owned();
                match enfant.attribute("identificationScheme").unwrap_or_default() {
                    "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab" => entree.unique_id = valeur,
                    "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427" => entree.patient = valeur,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    entree
}

fn classer(entree: &mut Entree, node: Node<'_, '_>) {
    let code = || {
        node.attribute("nodeRepresentation")
            .unwrap_or_default()
            .to_owned()
    };
    match node.attribute("classificationScheme").unwrap_or_default() {
        "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a" => entree.classe = code(),
        "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983" => entree.r#type = code(),
        // The first author is the one shown.
        "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d" if entree.auteur.is_empty() => {
            let slots = slots(node);
            let qui = slots.get("authorPerson").map(|xcn| personne(xcn));
            let ou = slots
                .get("authorInstitution")
                .and_then(|xon| xon.split('^').next());
            entree.auteur = match (qui, ou) {
                (Some(qui), Some(ou)) => format!("{qui}, {ou}"),
                (Some(seul), None) => seul,
                (None, seul) => seul.unwrap_or_default().to_owned(),
            };
        }
        _ => {}
    }
}

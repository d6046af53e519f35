//! Contents that came from the DMP: taken out of the answer, held against the metadata and the person, kept.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use diapason_core::Timestamp;
use diapason_core::driver::DmpEntree;
use diapason_formats::signature::{Digest, digest};
use roxmltree::Node;
use serde::{Deserialize, Serialize};

use super::dates::locale;
use super::entree::{Entree, Etat};
use crate::dmp::erreur::Echec;
use crate::dmp::message::{Reponse, XOP, corps, enfant};
use crate::identite::Usager;
use crate::mutants::Mutants;

const XDSB: &str = "urn:ihe:iti:xds-b:2007";
const HL7: &str = "urn:hl7-org:v3";

/// A document that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recu {
    /// uniqueId.
    pub unique_id: String,
    /// Its bytes, as they came.
    pub octets: Vec<u8>,
}

/// A document kept from the DMP. Where it came from is part of it: it is never sent back there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// uniqueId.
    pub unique_id: String,
    /// Repository it came from.
    pub depot: String,
    /// entryUUID, when the registry gave it.
    pub entry_uuid: Option<String>,
    /// Id common to its versions.
    pub set_id: Option<String>,
    /// Version.
    pub version: Option<u32>,
    /// Type code.
    pub r#type: String,
    /// Title.
    pub titre: String,
    /// Date of the act, UTC.
    pub date_acte: String,
    /// Author.
    pub auteur: String,
    /// Published by the person.
    pub du_patient: bool,
    /// Is it the one to read?
    pub etat: Etat,
    /// When it was kept.
    pub date: Timestamp,
    /// National id of who kept it.
    pub par: String,
    /// The document, in base64.
    pub contenu: String,
}

impl Import {
    /// As listed.
    pub fn view(&self, utc: bool) -> DmpEntree {
        DmpEntree {
            unique_id: self.unique_id.clone(),
            r#type: self.r#type.clone(),
            titre: self.titre.clone(),
            date: if utc {
                self.date_acte.clone()
            } else {
                locale(&self.date_acte)
            },
            auteur: self.auteur.clone(),
            etat: self.etat.as_str().to_owned(),
            du_patient: self.du_patient,
            integre: true,
            produit_ici: false,
        }
    }
}

/// The documents of an answer. One whose content is not there, or is no base64, is left out: never half a document.
pub fn lire(reponse: &Reponse, mutants: &Mutants) -> Result<Vec<Recu>, Echec> {
    let document = reponse.document()?;
    let racine = corps(&document).ok_or(Echec::Illisible("corps vide"))?;
    let mut recus: Vec<Recu> = Vec::new();
    for node in racine.children() {
        if !node.has_tag_name((XDSB, "DocumentResponse")) {
            continue;
        }
        let id = enfant(node, XDSB, "DocumentUniqueId").and_then(|n| n.text());
        let contenu = enfant(node, XDSB, "Document");
        let (Some(id), Some(contenu)) = (id, contenu) else {
            continue;
        };
        let octets = match enfant(contenu, XOP, "Include") {
            Some(inclusion) => inclusion
                .attribute("href")
                .filter(|href| !href.contains('%') || !mutants.mutant("dmp-cid-not-decoded"))
                .and_then(|href| reponse.piece(href))
                .map(<[u8]>::to_vec),
            None => base64_de(contenu),
        };
        let id = id.trim();
        let Some(octets) = octets.filter(|o| !o.is_empty()) else {
            continue;
        };
        if recus.iter().any(|r| r.unique_id == id) {
            return Err(Echec::Illisible("document en double"));
        }
        recus.push(Recu {
            unique_id: id.to_owned(),
            octets,
        });
    }
    Ok(recus)
}

fn base64_de(contenu: Node<'_, '_>) -> Option<Vec<u8>> {
    let texte: String = contenu
        .text()?
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .collect();
    STANDARD.decode(texte).ok()
}

/// What a product does that takes whatever came of a package for the whole: the end it lacks is put there.
pub(in crate::dmp) fn refermer(type_contenu: &str, octets: &mut Vec<u8>) {
    let limite = type_contenu
        .split("boundary=")
        .nth(1)
        .map(|reste| reste.trim_start_matches('"'))
        .and_then(|reste| reste.split(['"', ';']).next());
    if let Some(limite) = limite {
        let fin = format!("\r\n--{limite}--\r\n");
        if !octets.ends_with(fin.as_bytes()) {
            octets.extend_from_slice(fin.as_bytes());
        }
    }
}

/// The CDA inside a file: alone, signed, or carried by its own style sheet.
pub(super) fn cda<'a>(document: &'a roxmltree::Document<'a>) -> Option<Node<'a, 'a>> {
    document
        .descendants()
        .find(|n| n.has_tag_name((HL7, "ClinicalDocument")))
}

pub(super) fn fils<'a>(node: Node<'a, 'a>, chemin: &str) -> Option<Node<'a, 'a>> {
    chemin
        .split('/')
        .try_fold(node, |ici, nom| enfant(ici, HL7, nom))
}

/// What is kept of a document, once it proved to be the one announced and about this person; `Err` is what the user reads.
pub fn examiner(
    recu: &Recu,
    entree: Option<&Entree>,
    usager: &Usager,
    mutants: &Mutants,
) -> Result<Entete, String> {
    if mutants.mutant("dmp-truncated-document-kept") {
        return Ok(Entete::default());
    }
    let titre = entree.map_or(recu.unique_id.as_str(), |e| e.titre.as_str());
    if let Some(entree) = entree
        && !mutants.mutant("dmp-hash-unchecked")
        && !mutants.mutant("dmp-other-person-kept")
    {
        let taille = u64::try_from(recu.octets.len()).unwrap_or(u64::MAX);
        let autre = entree
            .hash
            .as_ref()
            .is_some_and(|annonce| *annonce != hexa(&digest(Digest::Sha1, &recu.octets)));
        if autre || entree.taille.is_some_and(|annoncee| annoncee != taille) {
            return Err(format!(
                "Le document « {titre} » reçu du DMP n'est pas celui qui y est enregistré (empreinte différente) : il n'est ni affiché ni conservé."
            ));
        }
    }
    let lisible = std::str::from_utf8(&recu.octets)
        .ok()
        .and_then(|texte| roxmltree::Document::parse(texte).ok());
    let Some(document) = lisible else {
        return Err(format!(
            "Le document « {titre} » reçu du DMP n'est pas lisible : il n'est ni affiché ni conservé."
        ));
    };
    let Some(racine) = cda(&document) else {
        return Err(format!(
            "Le document « {titre} » reçu du DMP n'est pas un document de santé : il n'est ni affiché ni conservé."
        ));
    };
    if !le_sien(racine, entree, usager) && !mutants.mutant("dmp-other-person-kept") {
        return Err(format!(
            "Le document « {titre} » reçu du DMP concerne une autre personne : il n'est ni affiché ni conservé. Signalez-le."
        ));
    }
    let racine_de = |nom: &str| fils(racine, nom).and_then(|n| n.attribute("root"));
    Ok(Entete {
        set_id: racine_de("setId").map(str::to_owned),
        version: fils(racine, "versionNumber")
            .and_then(|n| n.attribute("value"))
            .and_then(|v| v.parse().ok()),
        titre: fils(racine, "title")
            .and_then(|n| n.text())
            .unwrap_or_default()
            .trim()
            .to_owned(),
        r#type: fils(racine, "code")
            .and_then(|n| n.attribute("code"))
            .unwrap_or_default()
            .to_owned(),
    })
}

/// What the header of a document says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entete {
    /// Id common to its versions.
    pub set_id: Option<String>,
    /// Version.
    pub version: Option<u32>,
    /// Title.
    pub titre: String,
    /// Type code.
    pub r#type: String,
}

/// Is it about this person? The matricule may have changed since it was written: an earlier one counts, and so does the
/// one under which the registry holds the document when the birth name and the birth date are the person's.
fn le_sien(racine: Node<'_, '_>, entree: Option<&Entree>, usager: &Usager) -> bool {
    let role = racine
        .children()
        .find(|n| n.has_tag_name((HL7, "recordTarget")))
        .and_then(|n| n.children().find(|n| n.has_tag_name((HL7, "patientRole"))));
    let Some(role) = role else { return false };
    let matricules: Vec<&str> = role
        .children()
        .filter(|n| n.has_tag_name((HL7, "id")))
        .filter(|n| {
            n.attribute("root")
                .is_some_and(|r| r.starts_with("1.2.250.1.213.1.4."))
        })
        .filter_map(|n| n.attribute("extension"))
        .collect();
    let connu = |matricule: &&str| {
        usager
            .ins
            .iter()
            .chain(&usager.historique_ins)
            .any(|ins| ins.matricule.to_string() == **matricule)
    };
    if matricules.iter().any(connu) {
        return true;
    }
    let annonce = entree.and_then(|e| e.patient.split('^').next());
    if !matricules.is_empty() && !matricules.iter().any(|m| Some(*m) == annonce) {
        return false;
    }
    memes_traits(role, usager)
}

fn memes_traits(role: Node<'_, '_>, usager: &Usager) -> bool {
    let nu = |texte: &str| -> String {
        texte
            .chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_uppercase)
            .collect()
    };
    let nom = role.descendants().find(|n| {
        n.has_tag_name((HL7, "family")) && n.attribute("qualifier").is_none_or(|q| q == "BR")
    });
    let date = role
        .descendants()
        .find(|n| n.has_tag_name((HL7, "birthTime")))
        .and_then(|n| n.attribute("value"));
    let i = &usager.identite;
    let ici = i.date_naissance.as_str().replace('-', "");
    nom.and_then(|n| n.text())
        .is_some_and(|nom| nu(nom) == nu(&i.nom_naissance))
        && date.is_some_and(|date| date.get(..8) == Some(ici.as_str()))
}

fn hexa(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut out, octet| {
        use std::fmt::Write;
        // Writing to a string never fails.
        let _ = write!(out, "{octet:02x}");
        out
    })
}

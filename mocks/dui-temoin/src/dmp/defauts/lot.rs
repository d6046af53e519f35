//! Defects of the metadata of a lot, of its signature, and of a deletion.

use super::super::lot::{DOCUMENT, LOT, Matiere, SIGNATURE};
use crate::document::noeud::Noeud;
use crate::mutants::Mutants;

const OBJETS: &str = "lcm:SubmitObjectsRequest/rim:RegistryObjectList";

fn objets(racine: &mut Noeud) -> Option<&mut Vec<Noeud>> {
    Some(&mut racine.premier(OBJETS)?.enfants)
}

fn objet<'a>(racine: &'a mut Noeud, id: &str) -> Option<&'a mut Noeud> {
    objets(racine)?
        .iter_mut()
        .find(|o| o.attribut("id") == Some(id))
}

fn slot<'a>(objet: &'a mut Noeud, nom: &str) -> Option<&'a mut Noeud> {
    objet
        .enfants
        .iter_mut()
        .find(|e| e.nom == "rim:Slot" && e.attribut("name") == Some(nom))?
        .premier("rim:ValueList/rim:Value")
}

fn oter_slot(objet: &mut Noeud, nom: &str) {
    objet
        .enfants
        .retain(|e| e.nom != "rim:Slot" || e.attribut("name") != Some(nom));
}

fn classification<'a>(objet: &'a mut Noeud, schema: &str) -> Option<&'a mut Noeud> {
    let schema = format!("urn:uuid:{schema}");
    objet
        .enfants
        .iter_mut()
        .find(|e| e.attribut("classificationScheme") == Some(schema.as_str()))
}

fn oter_classification(objet: &mut Noeud, schema: &str) {
    let schema = format!("urn:uuid:{schema}");
    objet
        .enfants
        .retain(|e| e.attribut("classificationScheme") != Some(schema.as_str()));
}

fn externe<'a>(objet: &'a mut Noeud, schema: &str) -> Option<&'a mut Noeud> {
    let schema = format!("urn:uuid:{schema}");
    objet
        .enfants
        .iter_mut()
        .find(|e| e.attribut("identificationScheme") == Some(schema.as_str()))
}

const TYPE: &str = "f0306f51-975f-434e-a61c-c59651d33983";
const CLASSE: &str = "41a5887f-8865-4c09-adf7-e362475b143a";
const FORMAT: &str = "a09d5840-386c-46f2-b5ad-9c3699a4309d";
const CADRE: &str = "cccf5598-8b07-4b77-a05e-ae952c785ead";
const CONFIDENTIALITE: &str = "f4f85eac-e6cb-4883-b524-f2705394840f";
const ACTIVITE: &str = "aa543740-bdda-424e-8c96-df4873be8500";
const AUTEUR_LOT: &str = "a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d";
const UNIQUE_ID: &str = "2e82c1f6-a085-4c72-9da3-8640a32e42ab";
const PATIENT: &str = "58a6f841-87b3-4a3e-92fd-a8ffeff98427";
const UNIQUE_ID_LOT: &str = "96fdda7c-d067-4183-912e-bf5ee74998a8";

/// Defects of a submission.
pub fn lot(racine: &mut Noeud, m: &Matiere<'_>, mutants: &Mutants) {
    structure(racine, mutants);
    if let Some(paquet) = objet(racine, LOT) {
        paquet_de_soumission(paquet, mutants);
    }
    if let Some(entree) = objet(racine, DOCUMENT) {
        codes(entree, mutants);
        valeurs(entree, m, mutants);
    }
}

fn structure(racine: &mut Noeud, mutants: &Mutants) {
    if mutants.mutant("dmp-signature-not-in-the-lot")
        && let Some(objets) = objets(racine)
    {
        objets.retain(|o| o.attribut("id") != Some("Membre02"));
    }
    if mutants.mutant("dmp-lot-without-signs")
        && let Some(objets) = objets(racine)
    {
        objets.retain(|o| o.attribut("id") != Some("Signe01"));
    }
    if mutants.mutant("dmp-lot-without-signature") {
        if let Some(objets) = objets(racine) {
            objets
                .retain(|o| !matches!(o.attribut("id"), Some("Membre02" | "Signe01" | SIGNATURE)));
        }
        racine
            .enfants
            .retain(|d| d.attribut("id") != Some(SIGNATURE));
    }
    if mutants.mutant("dmp-document-id-differs") {
        racine.chaque("xdsb:Document", &mut |d| {
            if d.attribut("id") == Some(DOCUMENT) {
                d.poser("id", "Document02");
            }
        });
    }
}

fn paquet_de_soumission(paquet: &mut Noeud, mutants: &Mutants) {
    if mutants.mutant("dmp-lot-node-missing") {
        paquet
            .enfants
            .retain(|e| e.attribut("classificationNode").is_none());
    }
    if mutants.mutant("dmp-lot-of-another-institution")
        && let Some(auteur) = classification(paquet, AUTEUR_LOT)
        && let Some(institution) = slot(auteur, "authorInstitution")
        && let Some(texte) = &mut institution.texte
    {
        *texte = texte.replace("10B0990001", "10B0999999");
    }
    if mutants.mutant("dmp-submission-time-local")
        && let Some(heure) = slot(paquet, "submissionTime")
        && let Some(texte) = &mut heure.texte
    {
        texte.push_str("+0100");
    }
    if mutants.mutant("dmp-lot-without-content-type") {
        oter_classification(paquet, ACTIVITE);
    }
    if mutants.mutant("dmp-lot-id-is-a-uuid")
        && let Some(id) = externe(paquet, UNIQUE_ID_LOT)
    {
        id.poser("value", format!("urn:uuid:{}", uuid::Uuid::new_v4()));
    }
}

fn codes(entree: &mut Noeud, mutants: &Mutants) {
    if mutants.mutant("dmp-class-of-another-type")
        && let Some(classe) = classification(entree, CLASSE)
    {
        classe.poser("nodeRepresentation", "60");
    }
    if mutants.mutant("dmp-type-retired")
        && let Some(nature) = classification(entree, TYPE)
    {
        nature.poser("nodeRepresentation", "27899-4");
    }
    if mutants.mutant("dmp-format-of-plain-text")
        && let Some(format) = classification(entree, FORMAT)
    {
        format.poser("nodeRepresentation", "urn:ihe:iti:xds-sd:text:2008");
    }
    if mutants.mutant("dmp-practice-setting-ambulatory")
        && let Some(cadre) = classification(entree, CADRE)
    {
        cadre.poser("nodeRepresentation", "AMBULATOIRE");
    }
    if mutants.mutant("dmp-metadata-without-practice-setting") {
        oter_classification(entree, CADRE);
    }
    if mutants.mutant("dmp-invisible-usager")
        && let Some(n) = classification(entree, CONFIDENTIALITE)
    {
        n.poser("nodeRepresentation", "INVISIBLE_USAGER");
    }
    if mutants.mutant("dmp-confidentiality-without-n") {
        let mut vu = false;
        let schema = format!("urn:uuid:{CONFIDENTIALITE}");
        for e in &mut entree.enfants {
            if !vu && e.attribut("classificationScheme") == Some(schema.as_str()) {
                vu = true;
                e.poser("nodeRepresentation", "MASQUE_PS");
                if let Some(systeme) = e.premier("rim:Slot/rim:ValueList/rim:Value") {
                    systeme.texte = Some("1.2.250.1.213.1.1.4.13".to_owned());
                }
            }
        }
    }
}

fn valeurs(entree: &mut Noeud, m: &Matiere<'_>, mutants: &Mutants) {
    let mut dire = |mutant: &str, nom: &str, valeur: String| {
        if mutants.contains(mutant)
            && let Some(lieu) = slot(entree, nom)
        {
            lieu.texte = Some(valeur);
        }
    };
    let autre = super::super::lot::sha1(m.signature);
    let locale = crate::document::heure::seconde(m.document.date);
    dire("dmp-hash-of-another-document", "hash", autre);
    dire(
        "dmp-size-of-the-base64",
        "size",
        m.document.contenu.len().to_string(),
    );
    dire(
        "dmp-creation-time-local",
        "creationTime",
        locale.chars().take(14).collect(),
    );
    dire(
        "dmp-service-time-of-sending",
        "serviceStartTime",
        super::super::lot::utc(m.date),
    );
    dire(
        "dmp-author-without-national-id",
        "legalAuthenticator",
        format!("^{}^{}", m.acteur.nom, m.acteur.prenom),
    );
    dire(
        "dmp-source-patient-without-authority",
        "sourcePatientId",
        m.usager.id.clone(),
    );
    if mutants.mutant("dmp-metadata-without-authenticator") {
        oter_slot(entree, "legalAuthenticator");
    }
    if mutants.mutant("dmp-unique-id-with-extension")
        && let Some(id) = externe(entree, UNIQUE_ID)
    {
        id.poser("value", format!("{}^1", m.document.id));
    }
    if mutants.mutant("dmp-unique-id-of-another-document")
        && let Some(id) = externe(entree, UNIQUE_ID)
    {
        id.poser("value", crate::document::nouvel_oid());
    }
    if mutants.mutant("dmp-entry-of-another-person")
        && let Some(patient) = externe(entree, PATIENT)
    {
        patient.poser("value", "181016322075140^^^&1.2.250.1.213.1.4.8&ISO^NH");
    }
    if mutants.mutant("dmp-patient-id-without-authority")
        && let Some(patient) = externe(entree, PATIENT)
    {
        patient.poser("value", m.ins.matricule.to_string());
    }
}

/// The document as it is named and digested in the signature.
pub fn signe(id: &str, octets: &[u8], mutants: &Mutants) -> (String, Vec<u8>) {
    let mut octets = octets.to_vec();
    if mutants.mutant("dmp-signature-over-another-version") {
        let texte = String::from_utf8_lossy(&octets).replacen("<title>", "<title>Projet : ", 1);
        octets = texte.into_bytes();
    }
    let id = if mutants.mutant("dmp-signature-names-another-document") {
        crate::document::nouvel_oid()
    } else {
        id.to_owned()
    };
    (id, octets)
}

/// The lot as it is named in the signature.
pub fn lot_signe(lot: &str, mutants: &Mutants) -> String {
    if mutants.mutant("dmp-signature-names-another-lot") {
        return crate::document::nouvel_oid();
    }
    lot.to_owned()
}

/// Defects of the signature document.
pub fn signature(xml: String, mutants: &Mutants) -> String {
    if mutants.mutant("dmp-signature-changed") {
        return xml.replace("<xad:SigningTime>20", "<xad:SigningTime>19");
    }
    xml
}

/// Defects of a deletion.
pub fn suppression(racine: &mut Noeud, document: &str, mutants: &Mutants) {
    let Some(objets) = racine.premier("rim:RegistryObjectList") else {
        return;
    };
    if mutants.mutant("dmp-deletes-by-oid") {
        objets.chaque("rim:Association", &mut |a| {
            a.poser("targetObject", format!("urn:oid:{document}"));
        });
    }
    if mutants.mutant("dmp-deletes-without-new-status") {
        objets.chaque("rim:Association", &mut |a| oter_slot(a, "NewStatus"));
    }
    if mutants.mutant("dmp-deletes-for-another-institution") {
        objets.partout(&mut |n| {
            if let Some(texte) = &mut n.texte {
                *texte = texte.replace("10B0990001", "10B0999999");
            }
        });
    }
}

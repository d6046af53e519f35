//! Writes the reference DUI's documents to a folder, for checks by hand against the official kit:
//! `cargo run -p diapason-dui-temoin --example documents -- FOLDER`.
//!
//! `FOLDER/reference/*.xml` are the documents of six people and two DLU of level 3, `FOLDER/mutants/NAME.xml` one document
//! for each mutant of documents.

use std::error::Error;
use std::path::{Path, PathBuf};

use base64::Engine;
use diapason_core::Timestamp;
use diapason_core::driver::DocumentDestinataire;
use diapason_core::ins::{Matricule, Sexe, Statut};
use diapason_dui_temoin::document::site::{self, SITE};
use diapason_dui_temoin::document::{Demande, DocumentTenu, dlu, produire};
use diapason_dui_temoin::identite::statuts::{self, Evenement};
use diapason_dui_temoin::identite::usager::InsTenu;
use diapason_dui_temoin::identite::{Identite, Usager};
use diapason_dui_temoin::mutants::{Mutants, mutants};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Name, given names, sex, birth date, place, first 13 characters of the matricule, OID. The bench's test people.
type Personne = (
    &'static str,
    &'static [&'static str],
    Sexe,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const PAT_TROIS: Personne = (
    "PAT-TROIS",
    &["DOMINIQUE", "MARIE-LOUISE"],
    Sexe::F,
    "1979-03-28",
    "51215",
    "2790351215189",
    "1.2.250.1.213.1.4.10",
);
const CORSE: Personne = (
    "CORSE",
    &["ANTHONY"],
    Sexe::M,
    "1980-03-02",
    "2B020",
    "180032B020401",
    "1.2.250.1.213.1.4.8",
);
const DARTAGNAN: Personne = (
    "D'ARTAGNAN DE L'HERAULT",
    &["PIERRE-ALAIN", "GUNTHER"],
    Sexe::M,
    "2001-06-17",
    "63220",
    "1010663220754",
    "1.2.250.1.213.1.4.8",
);
const ETRANGER: Personne = (
    "DUITEST-ETRANGER",
    &["JEANNE"],
    Sexe::F,
    "1948-05-02",
    "99109",
    "2480599109901",
    "1.2.250.1.213.1.4.8",
);

fn usager(p: &Personne, statut: Statut) -> Result<Usager> {
    let (nom, prenoms, sexe, date, lieu, numero, oid) = p;
    let creation = statuts::transition(None, Evenement::Creation).ok_or("no creation row")?;
    let identite = Identite {
        nom_naissance: (*nom).to_owned(),
        premier_prenom: prenoms[0].to_owned(),
        prenoms: prenoms.iter().map(|p| (*p).to_owned()).collect(),
        sexe: *sexe,
        date_naissance: date.parse()?,
        lieu_naissance: Some(lieu.parse()?),
    };
    let mut usager = Usager::nouveau(
        "usager-0001".to_owned(),
        identite,
        creation,
        at()?,
        "soignant",
    );
    usager.statut = statut;
    if matches!(statut, Statut::Recuperee | Statut::Qualifiee) {
        usager.ins = Some(InsTenu {
            matricule: Matricule::from_number(numero)?,
            oid: oid.parse()?,
        });
    }
    Ok(usager)
}

fn at() -> Result<Timestamp> {
    Timestamp::try_from("2026-01-15T09:00:07.000Z".to_owned()).map_err(|e| e.to_string().into())
}

fn faire(
    usager: &Usager,
    titre: &str,
    remplace: Option<&DocumentTenu>,
    avec: &Mutants,
) -> Result<DocumentTenu> {
    let destinataires = [DocumentDestinataire {
        identifiant_national: "899709900015".to_owned(),
        nom: "DUITEST".to_owned(),
        prenom: "MEDCO".to_owned(),
        structure: Some("10B0990001".to_owned()),
    }];
    let demande = Demande {
        usager,
        auteur: &SITE.professionnel,
        nature: site::type_document("projet_personnalise").ok_or("no such type")?,
        titre,
        texte: "Objectif : marcher jusqu'au jardin.\nRendez-vous dans six mois.",
        remplace,
        destinataires: &destinataires,
        mention: "Vos données sont traitées par l'établissement.",
        date: at()?,
        acte: None,
        annexes: &[],
        reprise: None,
        ins_gardee: None,
    };
    Ok(produire(&demande, avec)?)
}

const SAISIE_DLU: &str = "Hôpital : CENTRE HOSPITALIER FICTIF
Médecin traitant : DUITEST MEDCO (899709900015)
Traitement : PARACETAMOL 1 g ; 3 fois par jour
Traitement : OXYGENE ; 2 l/min la nuit
Allergie : pénicilline <éruption> & urticaire
Directives anticipées : pas de réanimation cardiaque
Chutes : oui
Fugue : non
BMR : non
Porte des lunettes et un appareil auditif.";

/// A DLU, with what of the record goes along.
fn dlu(
    usager: &Usager,
    texte: &str,
    dossier: &[DocumentTenu],
    avec: &Mutants,
) -> Result<DocumentTenu> {
    let demande = Demande {
        usager,
        auteur: &SITE.professionnel,
        nature: site::type_document("dlu").ok_or("no such type")?,
        titre: "Document de liaison d'urgence",
        texte,
        remplace: None,
        destinataires: &[],
        mention: "Vos données sont traitées par l'établissement.",
        date: at()?,
        acte: None,
        annexes: &dlu::annexes(dossier, &usager.id),
        reprise: None,
        ins_gardee: None,
    };
    Ok(produire(&demande, avec)?)
}

fn ordonnance(usager: &Usager) -> Result<DocumentTenu> {
    let demande = Demande {
        usager,
        auteur: &SITE.professionnel,
        nature: site::type_document("prescription").ok_or("no such type")?,
        titre: "Ordonnance",
        texte: "Paracétamol 1 g, trois fois par jour.",
        remplace: None,
        destinataires: &[],
        mention: "Vos données sont traitées par l'établissement.",
        date: at()?,
        acte: None,
        annexes: &[],
        reprise: None,
        ins_gardee: None,
    };
    Ok(produire(&demande, &Mutants::default())?)
}

fn ecrire(path: &Path, tenu: &DocumentTenu) -> Result<()> {
    let octets = base64::engine::general_purpose::STANDARD.decode(&tenu.contenu)?;
    Ok(std::fs::write(path, octets)?)
}

fn main() -> Result<()> {
    let out = PathBuf::from(std::env::args().nth(1).ok_or("a folder, please")?);
    let (reference, mutes) = (out.join("reference"), out.join("mutants"));
    std::fs::create_dir_all(&reference)?;
    std::fs::create_dir_all(&mutes)?;
    let none = Mutants::default();
    let titre = "Projet d'accompagnement de l'été <2026> & suites";
    let mut first = None;
    for (name, personne, statut) in [
        ("qualifiee", &PAT_TROIS, Statut::Qualifiee),
        ("recuperee", &PAT_TROIS, Statut::Recuperee),
        ("provisoire", &PAT_TROIS, Statut::Provisoire),
        ("corse", &CORSE, Statut::Qualifiee),
        ("apostrophes", &DARTAGNAN, Statut::Qualifiee),
        ("etranger", &ETRANGER, Statut::Qualifiee),
    ] {
        let tenu = faire(&usager(personne, statut)?, titre, None, &none)?;
        ecrire(&reference.join(format!("{name}.xml")), &tenu)?;
        first.get_or_insert(tenu);
    }
    let pat = usager(&PAT_TROIS, Statut::Qualifiee)?;
    let second = faire(&pat, titre, first.as_ref(), &none)?;
    ecrire(&reference.join("qualifiee-v2.xml"), &second)?;
    let vide = dlu(&pat, "", &[], &none)?;
    ecrire(&reference.join("dlu-sans-saisie.xml"), &vide)?;
    let complet = dlu(&pat, SAISIE_DLU, &[ordonnance(&pat)?], &none)?;
    ecrire(&reference.join("dlu.xml"), &complet)?;
    for mutant in mutants().iter().filter(|m| m.name.starts_with("dmp-dlu-")) {
        let tenu = dlu(&pat, SAISIE_DLU, &[], &Mutants::of(&[&mutant.name]))?;
        ecrire(&mutes.join(format!("{}.xml", mutant.name)), &tenu)?;
    }
    for mutant in mutants().iter().filter(|m| m.name.starts_with("cda-")) {
        let avec = Mutants::of(&[&mutant.name]);
        let mut who = match mutant.name.as_str() {
            name if name.contains("abroad") => usager(&ETRANGER, Statut::Qualifiee)?,
            name if name.contains("corsica") => usager(&CORSE, Statut::Qualifiee)?,
            name if name.contains("recuperee") => usager(&PAT_TROIS, Statut::Recuperee)?,
            name if name.contains("nss") => usager(&PAT_TROIS, Statut::Provisoire)?,
            _ => pat.clone(),
        };
        who.nom_utilise = Some("PAT-SIX".to_owned());
        who.nss = Some(Matricule::from_number(PAT_TROIS.5)?.to_string());
        let mut tenu = faire(&who, titre, None, &avec)?;
        if mutant.name != "cda-rplc-on-first-version" {
            tenu = faire(&who, titre, Some(&tenu), &avec)?;
        }
        ecrire(&mutes.join(format!("{}.xml", mutant.name)), &tenu)?;
    }
    Ok(())
}

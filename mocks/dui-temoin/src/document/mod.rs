//! Documents about a person: CDA R2 of level 1 that carries a PDF, the DLU of level 3, in versions that replace one another.

pub mod datamatrix;
pub mod defauts;
pub mod dlu;
pub mod entete;
pub mod heure;
pub mod noeud;
pub mod pdf;
mod police;
pub mod site;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use diapason_core::Timestamp;
use diapason_core::driver::{DocumentDestinataire, DocumentResume, DocumentView};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::identite::usager::InsTenu;
use crate::identite::{Usager, edition};
use crate::mutants::Mutants;
use site::{Professionnel, SITE, TypeDocument};

/// Longest title.
pub const TITRE_MAX: usize = 128;

/// A document kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentTenu {
    /// Id of this version.
    pub id: String,
    /// Id of all versions.
    pub set_id: String,
    /// Version, from 1.
    pub version: u32,
    /// Person.
    pub usager: String,
    /// Type code.
    pub nature: String,
    /// Title.
    pub titre: String,
    /// When it was validated.
    pub date: Timestamp,
    /// Version it replaces.
    pub remplace: Option<String>,
    /// The CDA, in base64.
    pub contenu: String,
    /// Matricule it carries.
    #[serde(default)]
    pub ins: Option<InsTenu>,
    /// When the main act took place; absent: when it was validated.
    #[serde(default)]
    pub acte: Option<Timestamp>,
    /// `cda-n1` or `cda-n3`.
    #[serde(default = "n1")]
    pub format: String,
}

fn n1() -> String {
    "cda-n1".to_owned()
}

impl DocumentTenu {
    /// As it leaves.
    pub fn view(&self) -> DocumentView {
        DocumentView {
            id: self.id.clone(),
            set_id: self.set_id.clone(),
            version: self.version,
            format: self.format.clone(),
            type_media: "text/xml".to_owned(),
            contenu: self.contenu.clone(),
        }
    }

    /// As listed.
    pub fn resume(&self) -> DocumentResume {
        DocumentResume {
            id: self.id.clone(),
            set_id: self.set_id.clone(),
            version: self.version,
            usager: self.usager.clone(),
            r#type: self.nature.clone(),
            titre: self.titre.clone(),
            date: self.date,
            brouillon: false,
            remplace: self.remplace.clone(),
        }
    }
}

/// What the user asks for, checked.
pub struct Demande<'a> {
    /// Person.
    pub usager: &'a Usager,
    /// Who writes and validates.
    pub auteur: &'a Professionnel,
    /// Type.
    pub nature: &'a TypeDocument,
    /// Title.
    pub titre: &'a str,
    /// Text.
    pub texte: &'a str,
    /// Version to replace.
    pub remplace: Option<&'a DocumentTenu>,
    /// Recipients foreseen.
    pub destinataires: &'a [DocumentDestinataire],
    /// Notice of the site, printed at the foot.
    pub mention: &'a str,
    /// Now.
    pub date: Timestamp,
    /// When the main act took place, when it is not now.
    pub acte: Option<Timestamp>,
    /// Draft that becomes this document: its ids are kept.
    pub reprise: Option<&'a DocumentTenu>,
    /// Documents of the record that a DLU takes along.
    pub annexes: &'a [dlu::Annexe],
    /// What a mutant remembers of an earlier document of the person.
    pub ins_gardee: Option<&'a InsTenu>,
}

/// A fresh OID of the UUID arc.
pub(crate) fn nouvel_oid() -> String {
    format!("2.25.{}", Uuid::new_v4().as_u128())
}

/// Makes the document.
pub fn produire(d: &Demande<'_>, mutants: &Mutants) -> std::io::Result<DocumentTenu> {
    let id = d.reprise.map_or_else(nouvel_oid, |b| b.id.clone());
    let set_id = match d.remplace.or(d.reprise) {
        Some(ancien) if !mutants.mutant("cda-set-id-changes") => ancien.set_id.clone(),
        _ => nouvel_oid(),
    };
    // A draft is no version of its own.
    let version = match d.remplace {
        Some(ancien) if !mutants.mutant("cda-version-stuck") => ancien.version + 1,
        _ => 1,
    };
    let ins = match edition::ins_diffusable(d.usager, mutants) {
        None if mutants.mutant("cda-matricule-recuperee") => d.usager.ins.as_ref(),
        other => other,
    };
    // The mutant's memory of the matricule written in an earlier document.
    let gardee = d
        .ins_gardee
        .filter(|_| mutants.mutant("cda-ins-of-the-former-document"));
    let ins = ins.or(gardee);
    let fichier = defauts::fichier(pdf::ecrire(&page(d, version, mutants)), mutants);
    let structure = d.nature.structure && !mutants.mutant("dmp-dlu-as-pdf");
    let saisie = dlu::Saisie::lire(if structure { d.texte } else { "" });
    let mut racine = entete::document(&entete::Matiere {
        usager: d.usager,
        ins,
        auteur: d.auteur,
        nature: d.nature,
        titre: d.titre,
        id: &id,
        set_id: &set_id,
        version,
        remplace: d.remplace.map(|ancien| ancien.id.as_str()),
        date: d.date,
        acte: d.acte.unwrap_or(d.date),
        destinataires: d.destinataires,
        corps: if structure {
            entete::Corps::Structure {
                modele: &dlu::DLU.modele,
                medecin: saisie.medecin.as_ref(),
                corps: dlu::corps(&saisie, d.annexes, &fichier),
            }
        } else {
            entete::Corps::Pdf(&fichier)
        },
    });
    defauts::arbre(&mut racine, d.usager, mutants);
    let octets = defauts::octets(racine.ecrire()?, mutants);
    Ok(DocumentTenu {
        id,
        set_id,
        version,
        usager: d.usager.id.clone(),
        nature: d.nature.code.clone(),
        titre: d.titre.to_owned(),
        date: d.date,
        remplace: d.remplace.map(|ancien| ancien.id.clone()),
        contenu: STANDARD.encode(octets),
        ins: ins.cloned(),
        acte: d.acte,
        format: if structure { "cda-n3" } else { "cda-n1" }.to_owned(),
    })
}

/// What is printed: who the person is, who wrote what for whom, and the notice of the site.
fn page(d: &Demande<'_>, version: u32, mutants: &Mutants) -> pdf::Page {
    let e = &SITE.etablissement;
    let ins = edition::ins_diffusable(d.usager, mutants);
    let mut lignes = vec![
        format!(
            "{}, {} {} {} {}",
            e.nom, e.numero, e.voie, e.code_postal, e.commune
        ),
        format!("{}, version {version}", d.nature.libelle),
    ];
    if let Some(ancien) = d.remplace {
        lignes.push(format!(
            "Annule et remplace la version {} du {}",
            ancien.version,
            heure::lisible(ancien.date)
        ));
    }
    lignes.push(String::new());
    lignes.extend(
        edition::bloc(d.usager, ins, true, mutants)
            .lines()
            .map(str::to_owned),
    );
    lignes.push(String::new());
    if !d.texte.is_empty() {
        lignes.extend(d.texte.lines().map(str::to_owned));
        lignes.push(String::new());
    }
    for autre in d.destinataires {
        lignes.push(format!("Destinataire : {} {}", autre.prenom, autre.nom));
    }
    lignes.push(format!(
        "Validé le {} par {} {} ({})",
        heure::lisible(d.date),
        d.auteur.prenom,
        d.auteur.nom,
        d.auteur.identifiant
    ));
    pdf::Page {
        titre: d.titre.to_owned(),
        lignes,
        pied: d.mention.lines().map(str::to_owned).collect(),
        datamatrix: edition::datamatrix(d.usager, mutants)
            .as_deref()
            .and_then(datamatrix::tracer),
    }
}

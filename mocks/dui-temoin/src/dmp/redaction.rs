//! A document written before its person had a qualified INS, or under another matricule, is written again before it
//! leaves: the same document, version and date, with the identity that the DMP must read in it.

use super::envois::Envoi;
use crate::document::site::{self, SITE};
use crate::document::{self, Demande, DocumentTenu};
use crate::dossier::Dossiers;
use crate::identite::Usager;
use crate::mutants::Mutants;

/// The document as it may leave. What may already be in the DMP is never touched.
pub fn a_jour(
    dossiers: &mut Dossiers,
    usager: &Usager,
    envoi: &Envoi,
    tenu: DocumentTenu,
    mutants: &Mutants,
) -> DocumentTenu {
    if tenu.ins == usager.ins
        || envoi.incertain
        || mutants.mutant("dmp-old-identity-in-the-document")
    {
        return tenu;
    }
    let Some(ecrit) = ecrire(dossiers, usager, envoi, &tenu, mutants) else {
        return tenu;
    };
    if let Some(place) = dossiers.documents.iter_mut().find(|d| d.id == ecrit.id) {
        place.clone_from(&ecrit);
    }
    ecrit
}

fn ecrire(
    dossiers: &Dossiers,
    usager: &Usager,
    envoi: &Envoi,
    tenu: &DocumentTenu,
    mutants: &Mutants,
) -> Option<DocumentTenu> {
    let forme = dossiers.dmp.formes.get(&tenu.id)?;
    let nature = site::type_document(&tenu.nature)?;
    let auteur = if envoi.acteur.identifiant == SITE.professionnel.identifiant {
        SITE.professionnel.clone()
    } else {
        envoi.acteur.professionnel()
    };
    let remplace = tenu
        .remplace
        .as_ref()
        .and_then(|id| dossiers.documents.iter().find(|d| d.id == *id));
    let ecrit = document::produire(
        &Demande {
            usager,
            auteur: &auteur,
            nature,
            titre: &tenu.titre,
            texte: forme.texte.as_deref().unwrap_or_default(),
            remplace,
            destinataires: &forme.destinataires,
            mention: &dossiers.reglages.mention_rgpd,
            date: tenu.date,
            acte: tenu.acte,
            reprise: Some(tenu),
            annexes: &document::dlu::annexes(&dossiers.documents, &usager.id),
            ins_gardee: None,
        },
        mutants,
    );
    ecrit.ok()
}

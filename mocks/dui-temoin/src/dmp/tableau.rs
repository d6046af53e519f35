//! The dashboard of feeding (SC.TBB.01.MS1): counts over the documents validated or accepted between two days.

use std::collections::BTreeMap;

use diapason_core::Timestamp;
use diapason_core::driver::DmpTableau;
use diapason_core::ins::Statut;

use super::envois::Etat;
use super::file::jour;
use crate::dossier::Dossiers;
use crate::mutants::Mutants;

/// Counts; both days included.
pub fn tableau(
    dossiers: &Dossiers,
    structure: &str,
    du: Option<&str>,
    au: Option<&str>,
    now: Timestamp,
    mutants: &Mutants,
) -> DmpTableau {
    let aujourdhui = jour(now);
    let premier = dossiers.documents.iter().map(|d| jour(d.date)).min();
    let du = du.map_or_else(
        || premier.unwrap_or_else(|| aujourdhui.clone()),
        str::to_owned,
    );
    let au = au.map_or(aujourdhui, str::to_owned);
    let dans = |at: Timestamp| (du.as_str()..=au.as_str()).contains(&jour(at).as_str());
    let mut out = DmpTableau {
        du: du.clone(),
        au: au.clone(),
        alimentes: 0,
        ins_qualifiee: 0,
        ins_non_qualifiee: 0,
        en_souffrance: 0,
        par_structure: BTreeMap::new(),
        par_professionnel: BTreeMap::new(),
    };
    for envoi in dossiers
        .dmp
        .envois
        .iter()
        .filter(|e| e.etat != Etat::Brouillon)
    {
        let tentes = if mutants.mutant("dmp-dashboard-counts-attempts") {
            envoi.tentatives
        } else {
            u32::from(envoi.etat.accepte())
        };
        let accepte =
            envoi.date.is_some_and(dans) || mutants.mutant("dmp-dashboard-counts-attempts");
        if tentes > 0 && accepte {
            out.alimentes += tentes;
            *out.par_structure.entry(structure.to_owned()).or_default() += tentes;
            let auteur = envoi.acteur.identifiant.clone();
            *out.par_professionnel.entry(auteur).or_default() += tentes;
        }
        let valide = dossiers
            .documents
            .iter()
            .find(|d| d.id == envoi.document)
            .is_some_and(|d| dans(d.date));
        if !valide {
            continue;
        }
        let qualifiee = dossiers
            .usagers
            .get(&envoi.usager)
            .is_some_and(|u| u.statut == Statut::Qualifiee);
        if qualifiee {
            out.ins_qualifiee += 1;
        } else if !mutants.mutant("dmp-dashboard-forgets-unqualified") {
            out.ins_non_qualifiee += 1;
        }
        if matches!(envoi.etat, Etat::EnAttente | Etat::Refuse | Etat::Bloque) {
            out.en_souffrance += 1;
        }
    }
    out
}

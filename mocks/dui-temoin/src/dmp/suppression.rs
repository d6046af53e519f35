//! TD3.3c: a document of ours leaves the DMP. Logical, by its entryUUID; the local state follows a success only.

use diapason_core::driver::DmpEnvoi;
use diapason_formats::vihf::Mode;

use super::acteur::Acteur;
use super::alimentation::{Tracee, appeler, client, code, reference, tracer};
use super::client::{Demande, Transaction};
use super::envois::{Envoi, Etat, Motif};
use super::erreur::Echec;
use super::lot::{EnteteLot, LOT, association, paquet, soumission};
use super::registre::{self, APPROVED, DELETED, slot};
use super::{defauts, file};
use crate::document::nouvel_oid;
use crate::identite::usager::InsTenu;
use crate::state::AppState;

/// Why nothing was removed: what the user reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impossible(pub String);

/// Removes a document, or withdraws it before it leaves.
pub async fn supprimer(
    state: &AppState,
    document: &str,
    acteur: &Acteur,
) -> Result<DmpEnvoi, Impossible> {
    let dit = |texte: &str| Impossible(texte.to_owned());
    let envoi = state.dossiers().dmp.envoi(document).cloned();
    let envoi = envoi.ok_or_else(|| dit("Ce document n'est pas dans le dossier."))?;
    match envoi.etat {
        Etat::Envoye => {}
        Etat::Remplace => {
            return Err(dit(
                "Une version plus récente de ce document est dans le DMP : supprimez celle-là.",
            ));
        }
        Etat::Supprime => return Err(dit("Ce document a déjà été supprimé du DMP.")),
        _ if envoi.incertain => {
            return Err(dit(
                "Le DMP n'a pas encore confirmé la réception de ce document : attendez la fin de l'envoi.",
            ));
        }
        _ => {
            let mut dossiers = state.dossiers();
            let envoi = dossiers
                .dmp
                .envoi_mut(document)
                .ok_or_else(|| dit("Ce document n'est pas dans le dossier."))?;
            envoi.retenir(Etat::NonEnvoye, Motif::Retire);
            return Ok(envoi.view());
        }
    }
    let usager = state.dossiers().usagers.get(&envoi.usager).cloned();
    let ins = usager.and_then(|usager| usager.ins).ok_or_else(|| {
        dit("La personne n'a plus de matricule INS : le DMP ne peut pas être joint pour elle.")
    })?;
    if state.mutant("dmp-deletes-here-only") {
        return conclure(state, document);
    }
    let outcome = effacer(state, &envoi, &ins, acteur).await;
    let trace = Tracee {
        nature: "dmp.suppression",
        transaction: "TD3.3c",
        code: code(&outcome),
        document: Some(document),
    };
    if !state.mutant("dmp-deletion-untraced") {
        tracer(state, acteur, &envoi.usager, trace);
    }
    match outcome {
        Ok(()) => conclure(state, document),
        Err(_) if state.mutant("dmp-deletion-refused-taken-as-done") => conclure(state, document),
        Err(echec) => {
            if let Some(envoi) = state.dossiers().dmp.envoi_mut(document) {
                envoi.code = Some(echec.code());
                envoi.message = Some(echec.message());
            }
            Err(Impossible(format!(
                "Le document n'a pas été supprimé du DMP. {}",
                echec.message()
            )))
        }
    }
}

fn conclure(state: &AppState, document: &str) -> Result<DmpEnvoi, Impossible> {
    let mut dossiers = state.dossiers();
    let envoi = dossiers
        .dmp
        .envoi_mut(document)
        .ok_or_else(|| Impossible("Ce document n'est pas dans le dossier.".to_owned()))?;
    envoi.etat = Etat::Supprime;
    envoi.message = None;
    envoi.code = Some("success".to_owned());
    Ok(envoi.view())
}

async fn effacer(
    state: &AppState,
    envoi: &Envoi,
    ins: &InsTenu,
    acteur: &Acteur,
) -> Result<(), Echec> {
    let cible = if let Some(entree) = &envoi.entree {
        entree.clone()
    } else {
        let document = &envoi.document;
        let trouvee = reference(state, &envoi.usager, ins, acteur, document).await?;
        trouvee.ok_or_else(|| {
            Echec::Registre(vec![super::erreur::ErreurRegistre {
                code: "reference_introuvable".to_owned(),
                contexte: "le document n'a pas été retrouvé dans le DMP".to_owned(),
                avertissement: false,
            }])
        })?
    };
    if let Some(tenue) = state.dossiers().dmp.envoi_mut(&envoi.document) {
        tenue.entree = Some(cible.clone());
    }
    let outcome = retirer(state, envoi, ins, acteur, &cible).await;
    let inconnue = |echec: &Echec| echec.est("UnresolvedReferenceException");
    if !outcome.as_ref().is_err_and(inconnue) || state.mutant("dmp-lost-reference-not-asked-again")
    {
        return outcome;
    }
    let document = &envoi.document;
    let Some(autre) = reference(state, &envoi.usager, ins, acteur, document).await? else {
        return outcome;
    };
    if let Some(tenue) = state.dossiers().dmp.envoi_mut(document) {
        tenue.entree = Some(autre.clone());
    }
    retirer(state, envoi, ins, acteur, &autre).await
}

async fn retirer(
    state: &AppState,
    envoi: &Envoi,
    ins: &InsTenu,
    acteur: &Acteur,
    cible: &str,
) -> Result<(), Echec> {
    let settings = client(state)?.settings();
    let lot = nouvel_oid();
    let entete = EnteteLot {
        ins,
        acteur,
        lot: &lot,
        titre: "Suppression d'un document",
        date: state.now(),
        source: &settings.lps_oid,
        structure: &settings.structure,
    };
    let mut corps = soumission([
        paquet(&entete),
        association(
            "Statut01",
            "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus",
            LOT,
            cible,
            [
                slot("OriginalStatus", [APPROVED]),
                slot("NewStatus", [DELETED]),
            ],
        ),
    ]);
    defauts::suppression(&mut corps, &envoi.document, state.mutants());
    let demande = Demande {
        transaction: Transaction::Attributs,
        mode: Mode::Indirecte,
        acteur,
        ins: Some(ins),
        secrete: false,
        corps,
        pieces: Vec::new(),
    };
    let reponse = appeler(state, demande).await?;
    registre::issue(&reponse).map(|_| ())
}

/// What a defective product does: TD3.3a under the authentication of the structure, which has no right to it.
pub async fn masquer(state: &AppState, document: &str, acteur: &Acteur) -> Result<(), Echec> {
    let envoi = state.dossiers().dmp.envoi(document).cloned();
    let envoi = envoi.ok_or(Echec::NonConfigure)?;
    let usager = state.dossiers().usagers.get(&envoi.usager).cloned();
    let ins = usager.and_then(|u| u.ins).ok_or(Echec::NonConfigure)?;
    let settings = client(state)?.settings();
    let lot = nouvel_oid();
    let cible = reference(state, &envoi.usager, &ins, acteur, document).await?;
    let entete = EnteteLot {
        ins: &ins,
        acteur,
        lot: &lot,
        titre: "Masquage d'un document",
        date: state.now(),
        source: &settings.lps_oid,
        structure: &settings.structure,
    };
    let entree = crate::document::noeud::noeud("rim:ExtrinsicObject")
        .a("id", "Document01")
        .a("lid", cible.unwrap_or_default())
        .a("mimeType", "text/xml")
        .a(
            "objectType",
            "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1",
        );
    let corps = soumission([paquet(&entete), entree]);
    let demande = Demande {
        transaction: Transaction::Attributs,
        mode: Mode::Indirecte,
        acteur,
        ins: Some(&ins),
        secrete: false,
        corps,
        pieces: Vec::new(),
    };
    let reponse = appeler(state, demande).await?;
    registre::issue(&reponse).map(|_| ())
}

/// Documents validated that could leave now and never did: the history of a product just connected.
pub fn historique(state: &AppState, depuis: Option<&str>) -> Vec<String> {
    let dossiers = state.dossiers();
    let mutants = state.mutants();
    dossiers
        .dmp
        .envois
        .iter()
        .filter(|e| {
            let retenu = matches!(
                (e.etat, e.motif),
                (Etat::NonEnvoye, Some(Motif::Raccordement))
                    | (Etat::Bloque, Some(Motif::Opposition))
            );
            let deja = e.etat == Etat::Envoye && mutants.mutant("dmp-history-sends-again");
            retenu || deja
        })
        .filter(|e| {
            let date = dossiers
                .documents
                .iter()
                .find(|d| d.id == e.document)
                .map(|d| file::jour(d.acte.unwrap_or(d.date)));
            date.is_some_and(|date| depuis.is_none_or(|depuis| date.as_str() >= depuis))
        })
        .filter(|e| {
            dossiers
                .usagers
                .get(&e.usager)
                .is_some_and(|u| file::obstacle(&dossiers, u, mutants).is_none())
        })
        .map(|e| e.document.clone())
        .collect()
}

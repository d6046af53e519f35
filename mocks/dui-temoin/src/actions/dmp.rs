//! The DMP from the feeding side: existence, choices of the person, removal, resending, history, restart.

use diapason_core::driver::{
    DmpConsentement, DmpDocumentRef, DmpEnvoiResult, DmpEnvois, DmpEtat, DmpHistorique, DmpTableau,
    DmpVisibilite, UsagerSession,
};
use diapason_formats::vihf::Mode;
use serde_json::Value;
use std::collections::BTreeMap;

use super::{Refus, Resultat, autoriser, fait, trouver};
use crate::dmp::acteur::{self, Acteur, Connexion};
use crate::dmp::envois::{Etat, Motif};
use crate::dmp::{alimentation, file, suppression, tableau, visibilite};
use crate::dossier::{Dossiers, Droit};
use crate::state::AppState;

/// The professional who acts, or a refusal.
pub(super) async fn acteur(state: &AppState, session: Option<&str>) -> Result<Acteur, Refus> {
    acteur::de_session(state, session).await.ok_or_else(|| {
        Refus::regle("Personne n'est connecté avec un identifiant national : connectez-vous.")
    })
}

pub(super) async fn verifier(state: &AppState, form: &UsagerSession) -> Resultat {
    let acteur = acteur(state, form.session.as_deref()).await?;
    let usager = {
        let dossiers = state.dossiers();
        autoriser(&dossiers, None, Droit::Consulter)?;
        let usager = trouver(&dossiers, &form.usager)?;
        if file::obstacle(&dossiers, &usager, state.mutants()) == Some(Motif::Identite) {
            return Err(Refus::regle(
                "L'identité de cette personne n'est pas qualifiée : son DMP ne peut pas être interrogé.",
            ));
        }
        usager
    };
    let ins = usager
        .ins
        .clone()
        .ok_or_else(|| Refus::regle("Cette personne n'a pas de matricule INS."))?;
    let mode = match acteur.connexion {
        Connexion::Psc => Mode::IndirecteRenforcee,
        Connexion::Locale => Mode::Indirecte,
    };
    let etat = match alimentation::verifier(state, &usager, &ins, &acteur, mode).await {
        Ok(existence) => existence.etat(state.mutants()),
        Err(echec) => DmpEtat {
            statut: "inconnu".to_owned(),
            autorisation: None,
            rattache_mes: None,
            divergences: Vec::new(),
            propose: Vec::new(),
            alerte: Some(echec.message()),
        },
    };
    fait(etat.alerte.clone(), &etat)
}

pub(super) fn consentement(state: &AppState, form: &DmpConsentement) -> Resultat {
    let mut dossiers = state.dossiers();
    autoriser(&dossiers, None, Droit::Modifier)?;
    trouver(&dossiers, &form.usager)?;
    let dit = dossiers
        .dmp
        .consentements
        .entry(form.usager.clone())
        .or_default();
    if let Some(opposition) = form.opposition_alimentation {
        dit.opposition_alimentation = opposition;
    }
    if let Some(consultation) = form.consultation {
        dit.consultation = Some(consultation);
    }
    drop(dossiers);
    fait(None, &Value::Null)
}

pub(super) async fn supprimer(state: &AppState, form: &DmpDocumentRef) -> Resultat {
    let acteur = acteur(state, form.session.as_deref()).await?;
    autoriser(&state.dossiers(), None, Droit::Modifier)?;
    match suppression::supprimer(state, &form.document, &acteur).await {
        Ok(envoi) => fait(
            None,
            &DmpEnvoiResult {
                envoi,
                alerte: None,
            },
        ),
        Err(suppression::Impossible(message)) => {
            let envoi = state
                .dossiers()
                .dmp
                .envoi(&form.document)
                .map(|envoi| DmpEnvoiResult {
                    envoi: envoi.view(),
                    alerte: Some(message.clone()),
                });
            Err(Refus::Regle {
                message,
                result: serde_json::to_value(envoi).unwrap_or_default(),
            })
        }
    }
}

/// Masking is chosen when a document is validated. Afterwards it is an act of a professional, never of the structure.
pub(super) async fn visibilite(state: &AppState, form: &DmpVisibilite) -> Resultat {
    let acteur = acteur(state, form.session.as_deref()).await?;
    autoriser(&state.dossiers(), None, Droit::Modifier)?;
    if state.mutant("dmp-masks-afterwards") {
        // What comes back does not matter: the call is the defect.
        let _ = suppression::masquer(state, &form.document, &acteur).await;
    }
    let envoi = visibilite::changer(state, form, &acteur)
        .await
        .map_err(|impossible| Refus::regle(impossible.0))?;
    fait(
        None,
        &DmpEnvoiResult {
            envoi,
            alerte: None,
        },
    )
}

/// Everything that waits leaves now; the answer tells what became of it, once the worker has had its time.
pub(super) async fn reprendre(state: &AppState) -> Resultat {
    let repris: Vec<String> = {
        let mut dossiers = state.dossiers();
        dossiers.dmp.panne = None;
        // A user who asks for it has put right what is around the documents: certificate, rights, structure.
        let attendent = dossiers.dmp.envois.iter_mut().filter(|e| {
            e.etat == Etat::EnAttente
                || e.etat == Etat::Refuse && e.manuelle
                || e.motif == Some(Motif::Choix) && state.mutant("dmp-resume-forgets-choices")
        });
        attendent
            .map(|envoi| {
                envoi.etat = Etat::EnAttente;
                envoi.prochaine = None;
                envoi.document.clone()
            })
            .collect()
    };
    suivre(state, &repris).await
}

async fn suivre(state: &AppState, documents: &[String]) -> Resultat {
    state.dmp().reveiller();
    state.dmp().attendre_calme(super::PATIENCE).await;
    let dossiers = state.dossiers();
    let envois = documents
        .iter()
        .filter_map(|id| dossiers.dmp.envoi(id))
        .map(crate::dmp::envois::Envoi::view)
        .collect();
    drop(dossiers);
    fait(None, &DmpEnvois { envois })
}

pub(super) async fn historique(state: &AppState, form: &DmpHistorique) -> Resultat {
    autoriser(&state.dossiers(), None, Droit::Modifier)?;
    let documents = suppression::historique(state, form.depuis.as_deref());
    if !form.essai {
        for id in &documents {
            if let Some(envoi) = state.dossiers().dmp.envoi_mut(id) {
                envoi.mettre_en_attente();
            }
        }
        return suivre(state, &documents).await;
    }
    let dossiers = state.dossiers();
    let envois = documents
        .iter()
        .filter_map(|id| dossiers.dmp.envoi(id))
        .map(crate::dmp::envois::Envoi::view)
        .collect();
    drop(dossiers);
    fait(None, &DmpEnvois { envois })
}

pub(super) fn redemarrer(state: &AppState) -> Resultat {
    // What the last actions changed is on disk already: every action saves before it answers.
    state
        .redemarrer()
        .map_err(|e| Refus::Adaptateur(e.to_string()))?;
    fait(None, &Value::Null)
}

/// Observation `dmp_envois`.
pub(super) fn envois(
    dossiers: &Dossiers,
    query: &BTreeMap<String, String>,
) -> Vec<diapason_core::driver::DmpEnvoi> {
    let whose = query.get("usager");
    dossiers
        .dmp
        .envois
        .iter()
        .filter(|e| whose.is_none_or(|id| e.usager == *id))
        .map(crate::dmp::envois::Envoi::view)
        .collect()
}

/// Observation `dmp_tableau`.
pub(super) fn dashboard(
    state: &AppState,
    dossiers: &Dossiers,
    query: &BTreeMap<String, String>,
) -> DmpTableau {
    let structure = state.config().dmp.as_ref().map_or_else(
        || {
            crate::document::site::SITE
                .etablissement
                .identifiant
                .clone()
        },
        |settings| settings.structure.clone(),
    );
    let text = |name: &str| query.get(name).map(String::as_str);
    tableau::tableau(
        dossiers,
        &structure,
        text("du"),
        text("au"),
        state.now(),
        state.mutants(),
    )
}

//! Documents: produce, replace, read again.

use std::collections::BTreeMap;

use diapason_core::driver::{DocumentCreate, DocumentRef, DocumentResult};
use serde_json::json;

use super::{Refus, Resultat, autoriser, fait, trouver};
use crate::document::site::{self, Professionnel, SITE};
use crate::document::{self, Demande, TITRE_MAX};
use crate::dossier::{Dossiers, Droit};
use crate::identite::Usager;
use crate::state::AppState;

/// Who writes: the professional logged in in that browser session, or the one of the site when none is named.
async fn auteur(state: &AppState, session: Option<&str>) -> Result<Professionnel, Refus> {
    let Some(session) = session.filter(|_| !state.mutant("cda-author-is-the-site")) else {
        return Ok(SITE.professionnel.clone());
    };
    if state.mutant("cda-anyone-writes") {
        return Ok(SITE.professionnel.clone());
    }
    let compte = crate::psc::connecte(state, session).await.ok_or_else(|| {
        Refus::regle("Personne n'est connecté : connectez-vous pour produire un document.")
    })?;
    Professionnel::du_compte(&compte).ok_or_else(|| {
        Refus::regle(
            "Votre compte ne porte pas d'identifiant national : un document ne peut pas être validé en votre nom.",
        )
    })
}

fn titre_lisible(titre: &str) -> Result<&str, Refus> {
    let titre = titre.trim();
    if titre.is_empty() {
        return Err(Refus::regle("Donnez un titre au document."));
    }
    if titre.chars().count() > TITRE_MAX {
        return Err(Refus::regle(format!(
            "Le titre est trop long : {TITRE_MAX} caractères au plus."
        )));
    }
    Ok(titre)
}

/// The version to replace: of the same person, and the last of its series.
fn a_remplacer<'a>(
    state: &AppState,
    dossiers: &'a Dossiers,
    id: &str,
    usager: &str,
) -> Result<&'a document::DocumentTenu, Refus> {
    let ancien = dossiers
        .documents
        .iter()
        .find(|d| d.id == id)
        .ok_or_else(|| Refus::regle("Le document à remplacer n'existe pas dans ce dossier."))?;
    if ancien.usager != usager && !state.mutant("cda-replaces-another-person") {
        return Err(Refus::regle(
            "Le document à remplacer concerne une autre personne.",
        ));
    }
    if let Some(suivant) = dossiers
        .documents
        .iter()
        .find(|d| d.remplace.as_deref() == Some(id))
        && !state.mutant("cda-replaces-twice")
    {
        return Err(Refus::regle(format!(
            "Ce document a déjà été remplacé : remplacez sa version {}.",
            suivant.version
        )));
    }
    Ok(ancien)
}

pub(super) async fn creer(state: &AppState, form: DocumentCreate) -> Resultat {
    let auteur = auteur(state, form.session.as_deref()).await?;
    let now = state.now();
    let mut dossiers = state.dossiers();
    let role = autoriser(&dossiers, form.role.as_deref(), Droit::Modifier)?;
    let mut usager = trouver(&dossiers, &form.usager)?;
    if state.mutant("cda-person-found-by-name") {
        let same = |u: &&Usager| {
            u.identite.nom_naissance == usager.identite.nom_naissance
                && u.identite.date_naissance == usager.identite.date_naissance
        };
        if let Some(first) = dossiers.usagers.values().find(same) {
            usager = first.clone();
        }
    }
    let nature = site::type_document(&form.r#type).ok_or_else(|| {
        Refus::regle(format!(
            "Type de document inconnu : {} ; connus : {}.",
            form.r#type,
            site::noms_types().join(", ")
        ))
    })?;
    let titre = titre_lisible(&form.titre)?;
    let remplace = form
        .remplace
        .as_deref()
        .map(|id| a_remplacer(state, &dossiers, id, &usager.id).cloned())
        .transpose()?;
    let tenu = document::produire(
        &Demande {
            usager: &usager,
            auteur: &auteur,
            nature,
            titre,
            texte: form.texte.as_deref().unwrap_or_default(),
            remplace: remplace.as_ref(),
            destinataires: &form.destinataires,
            mention: &dossiers.reglages.mention_rgpd,
            date: now,
            ins_gardee: dossiers
                .documents
                .iter()
                .filter(|d| d.usager == usager.id)
                .find_map(|d| d.ins.as_ref()),
        },
        state.mutants(),
    )
    .map_err(|e| Refus::Adaptateur(format!("document non écrit : {e}")))?;
    let details = BTreeMap::from([
        ("document".to_owned(), json!(tenu.id)),
        ("version".to_owned(), json!(tenu.version)),
        ("type".to_owned(), json!(tenu.nature)),
    ]);
    dossiers.tracer(now, &role, "document.creation", &usager.id, details);
    let document = tenu.view();
    if state.mutant("cda-former-version-rewritten") {
        let content = tenu.contenu.clone();
        for former in &mut dossiers.documents {
            if tenu.remplace.as_ref() == Some(&former.id) {
                former.contenu.clone_from(&content);
            }
        }
    }
    dossiers.documents.push(tenu);
    drop(dossiers);
    fait(None, &DocumentResult { document })
}

pub(super) fn lire(state: &AppState, form: &DocumentRef) -> Resultat {
    let dossiers = state.dossiers();
    autoriser(&dossiers, None, Droit::Consulter)?;
    let document = dossiers
        .documents
        .iter()
        .find(|d| d.id == form.document)
        .ok_or_else(|| Refus::regle("Ce document n'existe pas dans ce dossier."))?
        .view();
    drop(dossiers);
    fait(None, &DocumentResult { document })
}

//! Documents: produce, replace, read again.

use std::collections::BTreeMap;

use diapason_core::Timestamp;
use diapason_core::driver::{DocumentCreate, DocumentRef, DocumentResult, DocumentValider};
use serde_json::json;

use super::{Refus, Resultat, autoriser, fait, trouver};
use crate::dmp::acteur::{self, Acteur};
use crate::dmp::envois::{Envoi, Etat};
use crate::dmp::file;
use crate::document::site::{self, Professionnel, SITE};
use crate::document::{self, Demande, DocumentTenu, TITRE_MAX};
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
    if dossiers.dmp.brouillons.contains_key(id) {
        return Err(Refus::regle(
            "Le document à remplacer est un brouillon : validez-le d'abord.",
        ));
    }
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

/// Who acts towards the DMP when that author validates.
async fn acteur(state: &AppState, session: Option<&str>, auteur: &Professionnel) -> Acteur {
    let connu = acteur::de_session(state, session).await;
    connu
        .filter(|acteur| acteur.identifiant == auteur.identifiant)
        .unwrap_or_else(|| Acteur::du_site(auteur, state.now()))
}

/// The day of the act, as typed: noon of that day, or now when it is today.
fn jour_de_l_acte(jour: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>, Refus> {
    let Some(jour) = jour.filter(|jour| *jour != file::jour(now)) else {
        return Ok(None);
    };
    let lu = Timestamp::try_from(format!("{jour}T11:00:00.000Z"))
        .map_err(|_| Refus::regle("La date de l'acte n'existe pas : AAAA-MM-JJ attendu."))?;
    if lu > now {
        return Err(Refus::regle("La date de l'acte est dans le futur."));
    }
    Ok(Some(lu))
}

pub(super) async fn creer(state: &AppState, form: DocumentCreate) -> Resultat {
    let tenu = ecrire(state, &form, None).await?;
    fait(
        None,
        &DocumentResult {
            document: tenu.view(),
        },
    )
}

/// A draft becomes a document: of the same id, by and at the time of who validates it.
pub(super) async fn valider(state: &AppState, form: &DocumentValider) -> Resultat {
    let (brouillon, tenu) = {
        let dossiers = state.dossiers();
        let tenu = dossiers.documents.iter().find(|d| d.id == form.document);
        let brouillon = dossiers.dmp.brouillons.get(&form.document);
        match (brouillon, tenu) {
            (Some(brouillon), Some(tenu)) => (brouillon.clone(), tenu.clone()),
            (None, Some(_)) => return Err(Refus::regle("Ce document est déjà validé.")),
            _ => return Err(Refus::regle("Ce brouillon n'existe pas dans ce dossier.")),
        }
    };
    let complet = DocumentCreate {
        brouillon: false,
        session: form.session.clone().or(brouillon.session.clone()),
        dmp: form.dmp.clone().or(brouillon.dmp.clone()),
        ..brouillon
    };
    let tenu = ecrire(state, &complet, Some(&tenu)).await?;
    fait(
        None,
        &DocumentResult {
            document: tenu.view(),
        },
    )
}

/// Produces a document, or the validated form of a draft, and sends it on its way.
async fn ecrire(
    state: &AppState,
    form: &DocumentCreate,
    reprise: Option<&DocumentTenu>,
) -> Result<DocumentTenu, Refus> {
    let auteur = auteur(state, form.session.as_deref()).await?;
    let acteur = acteur(state, form.session.as_deref(), &auteur).await;
    let now = state.now();
    let acte = jour_de_l_acte(form.date_acte.as_deref(), now)?;
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
            acte,
            reprise,
            annexes: &document::dlu::annexes(&dossiers.documents, &usager.id),
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
    if state.mutant("cda-former-version-rewritten") {
        let content = tenu.contenu.clone();
        for former in &mut dossiers.documents {
            if tenu.remplace.as_ref() == Some(&former.id) {
                former.contenu.clone_from(&content);
            }
        }
    }
    if reprise.is_some() {
        dossiers.documents.retain(|d| d.id != tenu.id);
        dossiers.dmp.brouillons.remove(&tenu.id);
        dossiers.dmp.envois.retain(|e| e.document != tenu.id);
    }
    dossiers.documents.push(tenu.clone());
    let choix = form.dmp.clone().unwrap_or_default();
    if form.brouillon {
        let envoi = Envoi::nouveau(&tenu, acteur.clone(), &choix, Etat::Brouillon);
        dossiers.dmp.envois.push(envoi);
        dossiers
            .dmp
            .brouillons
            .insert(tenu.id.clone(), form.clone());
        if !state.mutant("dmp-drafts-sent") {
            return Ok(tenu);
        }
        dossiers.dmp.envois.pop();
    }
    if state.config().dmp.is_some() {
        dossiers.dmp.formes.insert(tenu.id.clone(), form.clone());
        file::deposer(&mut dossiers, &tenu, acteur, &choix, state.mutants());
    }
    Ok(tenu)
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

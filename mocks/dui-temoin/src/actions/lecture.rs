//! Reading the DMP: authorisation, search, consultation, the DMP's web site.

use std::collections::BTreeMap;

use diapason_core::driver::{
    DmpAutoriser, DmpConsultation, DmpListe, DmpOuvrir, DmpPage, DmpRecherche,
};
use serde_json::Value;

use super::{Refus, Resultat, autoriser, fait, trouver};
use crate::dmp::lecture::appels::{Arret, Visite};
use crate::dmp::lecture::{adresse, navigateur};
use crate::dossier::{Dossiers, Droit};
use crate::identite::Usager;
use crate::identite::edition::ins_diffusable;
use crate::state::AppState;

fn personne(state: &AppState, id: &str) -> Result<Usager, Refus> {
    let dossiers = state.dossiers();
    autoriser(&dossiers, None, Droit::Consulter)?;
    trouver(&dossiers, id)
}

fn refuse(arret: &Arret) -> Refus {
    Refus::regle(arret.message())
}

pub(super) async fn declarer(state: &AppState, form: &DmpAutoriser) -> Resultat {
    let usager = personne(state, &form.usager)?;
    let visite = Visite::ouvrir(state, usager, form.session.as_deref())
        .await
        .map_err(|a| refuse(&a))?;
    let etat = visite
        .autoriser(form.retirer, form.confirme)
        .await
        .map_err(|a| refuse(&a))?;
    fait(etat.alerte.clone(), &etat)
}

pub(super) async fn rechercher(state: &AppState, form: &DmpRecherche) -> Resultat {
    let usager = personne(state, &form.usager)?;
    let visite = Visite::ouvrir(state, usager, form.session.as_deref())
        .await
        .map_err(|a| refuse(&a))?;
    let liste = visite.rechercher(form).await.map_err(|a| refuse(&a))?;
    fait(liste.alerte.clone(), &liste)
}

pub(super) async fn consulter(state: &AppState, form: &DmpConsultation) -> Resultat {
    let usager = personne(state, &form.usager)?;
    if form.documents.is_empty() {
        return Err(Refus::regle("Choisissez au moins un document."));
    }
    let visite = Visite::ouvrir(state, usager, form.session.as_deref())
        .await
        .map_err(|a| refuse(&a))?;
    let contenu = visite.consulter(form).await.map_err(|a| refuse(&a))?;
    fait(contenu.alerte.clone(), &contenu)
}

/// Opens a page of the DMP's web site as the user's browser would, and says how it answered.
pub(super) async fn ouvrir(state: &AppState, form: &DmpOuvrir) -> Resultat {
    let usager = form
        .usager
        .as_deref()
        .map(|id| personne(state, id))
        .transpose()?;
    let settings = state.config().dmp.as_ref();
    let Some((settings, base)) = settings.and_then(|s| Some((s, s.web.as_deref()?))) else {
        return Err(Refus::regle(
            "Le site du DMP n'est pas configuré pour votre structure.",
        ));
    };
    let mutants = state.mutants();
    let contexte = usager.as_ref().map(|u| (u, ins_diffusable(u, mutants)));
    let url = adresse(base, &form.page, contexte, mutants).map_err(Refus::regle)?;
    let client = navigateur(settings).map_err(|e| Refus::Adaptateur(e.to_string()))?;
    let reponse = client.get(&url).send().await;
    let (statut_http, alerte) = match reponse {
        Ok(reponse) => (Some(reponse.status().as_u16()), None),
        Err(_) => (None, Some("Le site du DMP ne répond pas.".to_owned())),
    };
    if let Some(u) = &usager {
        let code = statut_http.map_or_else(|| "connexion".to_owned(), |s| format!("http_{s}"));
        let details = BTreeMap::from([
            ("transaction".to_owned(), Value::from("TD0.9")),
            ("page".to_owned(), Value::from(form.page.as_str())),
            ("code".to_owned(), Value::from(code)),
        ]);
        let now = state.now();
        let mut dossiers = state.dossiers();
        let role = autoriser(&dossiers, None, Droit::Consulter)?;
        dossiers.tracer(now, &role, "dmp.consultation", &u.id, details);
    }
    fait(alerte, &DmpPage { url, statut_http })
}

/// What is known of a person's DMP.
pub(super) fn documents(
    state: &AppState,
    dossiers: &Dossiers,
    usager: &str,
) -> Result<DmpListe, String> {
    if !dossiers.usagers.contains_key(usager) {
        return Err(format!("no usager {usager:?}"));
    }
    let ici = dossiers
        .documents
        .iter()
        .filter(|d| d.usager == usager)
        .map(|d| d.id.as_str())
        .collect();
    Ok(dossiers.dmp.lectures.de(usager).map_or_else(
        || DmpListe {
            documents: Vec::new(),
            nouveaux: None,
            alerte: None,
        },
        |lecture| lecture.liste(&ici, state.mutant("dmp-utc-shown")),
    ))
}

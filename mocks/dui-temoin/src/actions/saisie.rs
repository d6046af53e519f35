//! What a user does by hand on an identity: create, change, search, open, attributes, documents, validation.

use std::collections::BTreeMap;

use diapason_core::driver::{
    UsagerAttribut, UsagerCreate, UsagerJustificatif, UsagerList, UsagerRef, UsagerSearch,
    UsagerUpdate,
};
use diapason_core::ins::Statut;
use serde_json::{Value, json};

use super::{Refus, Resultat, autoriser, fait, fait_usager, ranger, trouver};
use crate::dossier::{Dossiers, Droit, ROLE_PAR_DEFAUT, Reglages};
use crate::identite::lexique::Genre;
use crate::identite::recherche::Criteres;
use crate::identite::{Evenement, Justificatif, Usager, attributs, saisie as regles, statuts};
use crate::state::AppState;

pub(super) async fn creer(state: &AppState, form: UsagerCreate) -> Resultat {
    let now = state.now();
    let mutants = state.mutants();
    let (usager, role, alerte) = {
        let mut dossiers = state.dossiers();
        let role = autoriser(&dossiers, form.role.as_deref(), Droit::Modifier)?;
        if mutants.mutant("outage-blocks-creation") && derniere_panne(&dossiers) {
            return Err(Refus::regle(
                "Le téléservice INSi est indisponible : la création est suspendue.",
            ));
        }
        let (identite, alerte) = regles::identite(&form, now, mutants).map_err(Refus::regle)?;
        let creation = statuts::transition(None, Evenement::Creation)
            .ok_or_else(|| Refus::Adaptateur("no creation row".to_owned()))?;
        let id = dossiers.nouvel_id();
        let mut usager = Usager::nouveau(id, identite, creation, now, &role);
        usager.nom_utilise = facultatif("nom utilisé", form.nom_utilise, Genre::Nom, state)?;
        usager.prenom_utilise =
            facultatif("prénom utilisé", form.prenom_utilise, Genre::Prenom, state)?;
        if mutants.mutant("used-names-lost") {
            usager.nom_utilise = None;
            usager.prenom_utilise = None;
        }
        if mutants.mutant("nom-utilise-autofill") && usager.nom_utilise.is_none() {
            usager.nom_utilise = Some(usager.identite.nom_naissance.clone());
        }
        usager.nss = form
            .nss
            .filter(|nss| !nss.is_empty())
            .map(|nss| regles::nss(&nss))
            .transpose()
            .map_err(Refus::regle)?
            .filter(|_| !mutants.mutant("nss-lost"));
        if mutants.mutant("used-name-required") && usager.nom_utilise.is_none() {
            return Err(Refus::regle("Champ obligatoire non rempli : nom utilisé."));
        }
        if mutants.mutant("created-validee") {
            usager.statut = Statut::Validee;
        }
        if !mutants.mutant("no-creation-trace") {
            dossiers.tracer(now, &role, "identite.creation", &usager.id, BTreeMap::new());
        }
        dossiers.usagers.insert(usager.id.clone(), usager.clone());
        (usager, role, alerte)
    };
    if mutants.mutant("bulk-search") {
        let all: Vec<Usager> = state.dossiers().usagers.values().cloned().collect();
        for usager in &all {
            super::ins::recherche_silencieuse(state, usager).await;
        }
    }
    fait_usager(state, &usager, &role, alerte)
}

/// Did the last INSi call fail?
fn derniere_panne(dossiers: &Dossiers) -> bool {
    dossiers
        .traces
        .iter()
        .rfind(|trace| trace.nature == "insi.recherche")
        .and_then(|trace| trace.code.as_deref())
        .is_some_and(|code| !matches!(code, "00" | "01" | "02"))
}

fn facultatif(
    label: &str,
    valeur: Option<String>,
    genre: Genre,
    state: &AppState,
) -> Result<Option<String>, Refus> {
    valeur
        .filter(|v| !v.is_empty())
        .map(|v| regles::nom(label, &v, genre, state.mutants()))
        .transpose()
        .map_err(Refus::regle)
}

const STRICTS: [&str; 6] = [
    "nom_naissance",
    "premier_prenom",
    "prenoms",
    "sexe",
    "date_naissance",
    "lieu_naissance",
];

pub(super) fn modifier(state: &AppState, form: UsagerUpdate) -> Resultat {
    let now = state.now();
    let mutants = state.mutants();
    let (mut usager, role, stricts_permis) = {
        let dossiers = state.dossiers();
        let role = autoriser(&dossiers, form.role.as_deref(), Droit::Modifier)?;
        let stricts = dossiers.reglages.permet(&role, Droit::TraitsStricts);
        (trouver(&dossiers, &form.usager)?, role, stricts)
    };
    let before = usager.clone();
    let fields: Vec<String> = form.changements.keys().cloned().collect();
    for (field, value) in form.changements {
        changer(state, &mut usager, &field, &value)?;
    }
    let strict_changed = usager.identite != before.identite;
    let defaut = mutants.mutant("strict-edit-allowed")
        || (usager.statut == Statut::Recuperee && mutants.mutant("recuperee-not-locked"));
    let verrou = statuts::porte_ins(usager.statut) && !stricts_permis && !defaut;
    if strict_changed && verrou {
        return Err(Refus::regle(format!(
            "L'identité est {} : ses traits stricts ({}) sont en lecture seule. Seul un super-utilisateur peut les modifier.",
            statuts::libelle(usager.statut),
            "nom et prénoms de naissance, sexe, date et lieu de naissance, matricule INS"
        )));
    }
    let used = |field: &str| fields.iter().any(|f| f == field);
    if verrou
        && ((used("nom_utilise") && mutants.mutant("used-name-locked"))
            || (used("prenom_utilise") && mutants.mutant("used-prenom-locked")))
    {
        return Err(Refus::regle("Cette identité est en lecture seule."));
    }
    if !strict_changed && used("nom_utilise") && mutants.mutant("used-name-edit-drops-ins") {
        usager.ins = None;
    }
    if strict_changed {
        usager.proposition = None;
        usager.appliquer(Evenement::TraitStrictModifie, now, &role, mutants);
    } else if usager != before && mutants.mutant("nom-utilise-drops-status") {
        usager.appliquer(Evenement::TraitStrictModifie, now, &role, mutants);
    }
    let alerte = strict_changed
        .then(|| regles::alerte_prenom(&usager.identite))
        .flatten();
    if !mutants.mutant("no-modification-trace") {
        let details = BTreeMap::from([("champs".to_owned(), json!(fields))]);
        state
            .dossiers()
            .tracer(now, &role, "identite.modification", &usager.id, details);
    }
    ranger(state, &usager);
    fait_usager(state, &usager, &role, alerte)
}

fn changer(state: &AppState, usager: &mut Usager, field: &str, value: &Value) -> Result<(), Refus> {
    let mutants = state.mutants();
    let bad = || Refus::Adaptateur(format!("{field} : texte attendu"));
    let optional = || match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(bad()),
    };
    let text = || value.as_str().map(str::to_owned).ok_or_else(bad);
    let i = &mut usager.identite;
    match field {
        "nom_naissance" => {
            i.nom_naissance = regles::nom("nom de naissance", &text()?, Genre::Nom, mutants)
                .map_err(Refus::regle)?;
        }
        "premier_prenom" => {
            i.premier_prenom = regles::nom(
                "premier prénom de naissance",
                &text()?,
                Genre::Prenom,
                mutants,
            )
            .map_err(Refus::regle)?;
        }
        "prenoms" => {
            let list: Vec<String> = serde_json::from_value(value.clone())
                .map_err(|_| Refus::Adaptateur("prenoms : liste de textes attendue".to_owned()))?;
            i.prenoms = regles::liste(&list, mutants).map_err(Refus::regle)?;
        }
        "sexe" => i.sexe = regles::sexe(&text()?).map_err(Refus::regle)?,
        "date_naissance" => {
            i.date_naissance =
                regles::date(&text()?, state.now(), mutants).map_err(Refus::regle)?;
        }
        "lieu_naissance" => {
            i.lieu_naissance = Some(regles::lieu(&text()?).map_err(Refus::regle)?);
        }
        "nom_utilise" => {
            usager.nom_utilise = facultatif("nom utilisé", optional()?, Genre::Nom, state)?;
        }
        "prenom_utilise" => {
            usager.prenom_utilise =
                facultatif("prénom utilisé", optional()?, Genre::Prenom, state)?;
        }
        "nss" => {
            usager.nss = optional()?
                .filter(|nss| !nss.is_empty())
                .map(|nss| regles::nss(&nss))
                .transpose()
                .map_err(Refus::regle)?;
        }
        "matricule" | "oid" | "ins" => {
            return Err(Refus::regle(
                "Le matricule INS et l'OID ne se saisissent pas : ils viennent du téléservice INSi.",
            ));
        }
        _ => {
            return Err(Refus::Adaptateur(format!(
                "champ inconnu : {field} ; connus : {}, nom_utilise, prenom_utilise, nss",
                STRICTS.join(", ")
            )));
        }
    }
    Ok(())
}

pub(super) fn rechercher(state: &AppState, form: &UsagerSearch) -> Resultat {
    let mutants = state.mutants();
    let dossiers = state.dossiers();
    let role = autoriser(&dossiers, form.role.as_deref(), Droit::Consulter)?;
    if form.matricule.is_some() {
        autoriser(&dossiers, form.role.as_deref(), Droit::VoirIns)?;
    }
    let criteres = Criteres::lire(form, mutants).map_err(Refus::regle)?;
    let montrer = dossiers.reglages.permet(&role, Droit::VoirIns);
    let usagers = dossiers
        .usagers
        .values()
        .filter(|usager| criteres.retient(usager, mutants))
        .map(|usager| usager.view(montrer))
        .collect();
    fait(None, &UsagerList { usagers })
}

pub(super) async fn afficher(state: &AppState, form: &UsagerRef) -> Resultat {
    let now = state.now();
    let (usager, role) = {
        let mut dossiers = state.dossiers();
        let role = match autoriser(&dossiers, form.role.as_deref(), Droit::Consulter) {
            Err(Refus::Regle { .. }) if state.mutant("rights-ignored-view") => {
                ROLE_PAR_DEFAUT.to_owned()
            }
            other => other?,
        };
        let usager = trouver(&dossiers, &form.usager)?;
        if !state.mutant("no-access-trace") {
            dossiers.tracer(now, &role, "identite.acces", &usager.id, BTreeMap::new());
        }
        (usager, role)
    };
    if state.mutant("search-on-open") {
        super::ins::recherche_silencieuse(state, &usager).await;
    }
    fait_usager(state, &usager, &role, None)
}

pub(super) fn attribut(state: &AppState, form: &UsagerAttribut) -> Resultat {
    let now = state.now();
    let mutants = state.mutants();
    let (mut usager, role) = {
        let dossiers = state.dossiers();
        let role = autoriser(&dossiers, None, Droit::Modifier)?;
        (trouver(&dossiers, &form.usager)?, role)
    };
    if form.actif {
        if let Some(other) = attributs::incompatible(&usager.attributs, form.attribut)
            && !mutants.mutant("attributes-unchecked")
        {
            return Err(Refus::regle(format!(
                "« {} » est incompatible avec « {} », déjà posé.",
                attributs::libelle(form.attribut),
                attributs::libelle(other)
            )));
        }
        if !usager.attributs.contains(&form.attribut) {
            usager.attributs.push(form.attribut);
        }
        if attributs::bloquant(form.attribut) {
            usager.proposition = None;
            usager.appliquer(Evenement::AttributBloquant, now, &role, mutants);
        }
    } else {
        usager.attributs.retain(|a| *a != form.attribut);
        if mutants.mutant("undoubt-restores-status")
            && let Some(avant) = usager.historique_statut.last().and_then(|h| h.avant)
        {
            usager.statut = avant;
        }
    }
    let details = BTreeMap::from([
        ("attribut".to_owned(), json!(form.attribut)),
        ("actif".to_owned(), json!(form.actif)),
    ]);
    state
        .dossiers()
        .tracer(now, &role, "identite.modification", &usager.id, details);
    ranger(state, &usager);
    fait_usager(state, &usager, &role, None)
}

pub(super) fn justificatif(state: &AppState, form: &UsagerJustificatif) -> Resultat {
    let now = state.now();
    let mutants = state.mutants();
    let (mut usager, role, haute, automatique) = {
        let dossiers = state.dossiers();
        let role = autoriser(&dossiers, None, Droit::Modifier)?;
        let list = &dossiers.reglages.justificatifs;
        let default = Reglages::default().justificatifs;
        let list = if mutants.mutant("document-settings-ignored") {
            &default
        } else {
            list
        };
        let Some(haute) = list.get(&form.nature).copied() else {
            let known: Vec<&str> = list.keys().map(String::as_str).collect();
            return Err(Refus::regle(format!(
                "Ce justificatif n'est pas dans la liste de votre structure : {}.",
                known.join(", ")
            )));
        };
        let automatique = dossiers.reglages.validation_automatique
            || mutants.mutant("automatic-validation-always");
        (trouver(&dossiers, &form.usager)?, role, haute, automatique)
    };
    let haute = haute
        || (form.nature == "carte_vitale" && mutants.mutant("vitale-qualifies"))
        || mutants.mutant("any-document-validates");
    usager.justificatifs.push(Justificatif {
        nature: if mutants.mutant("document-kind-lost") {
            "document".to_owned()
        } else {
            form.nature.clone()
        },
        haute_confiance: haute,
        date: now,
        auteur: role.clone(),
    });
    let mut alerte = None;
    if automatique && haute && !mutants.mutant("automatic-validation-never") {
        if usager.bloque().is_some() {
            alerte =
                Some("L'identité est douteuse ou fictive : elle n'est pas validée.".to_owned());
        } else {
            usager.appliquer(Evenement::Validation, now, &role, mutants);
        }
    } else if mutants.mutant("vitale-qualifies") && form.nature == "carte_vitale" {
        usager.appliquer(Evenement::Validation, now, &role, mutants);
    }
    let details = BTreeMap::from([("justificatif".to_owned(), json!(form.nature))]);
    state
        .dossiers()
        .tracer(now, &role, "identite.modification", &usager.id, details);
    ranger(state, &usager);
    fait_usager(state, &usager, &role, alerte)
}

pub(super) fn valider(state: &AppState, form: &UsagerRef) -> Resultat {
    let now = state.now();
    let mutants = state.mutants();
    let (mut usager, role) = {
        let dossiers = state.dossiers();
        let role = autoriser(&dossiers, form.role.as_deref(), Droit::Modifier)?;
        (trouver(&dossiers, &form.usager)?, role)
    };
    if usager.statut == Statut::Recuperee && mutants.mutant("recuperee-cannot-qualify") {
        return fait_usager(state, &usager, &role, None);
    }
    if let Some(attribut) = usager.bloque() {
        return Err(Refus::regle(format!(
            "Cette identité porte l'attribut « {} » : elle ne peut pas être validée.",
            attributs::libelle(attribut)
        )));
    }
    let proved = usager.justificatifs.iter().any(|j| j.haute_confiance);
    if !proved && !mutants.mutant("validation-without-document") {
        return Err(Refus::regle(
            "Enregistrez d'abord un justificatif d'identité à haut niveau de confiance. La carte Vitale n'en est pas un.",
        ));
    }
    usager.appliquer(Evenement::Validation, now, &role, mutants);
    let details = BTreeMap::from([("validation".to_owned(), json!(usager.statut))]);
    state
        .dossiers()
        .tracer(now, &role, "identite.modification", &usager.id, details);
    ranger(state, &usager);
    fait_usager(state, &usager, &role, None)
}

//! Identities that come from partners, and identities that leave: messages and paper.

use std::collections::BTreeMap;

use diapason_core::Timestamp;
use diapason_core::driver::{
    Edition, IdentiteEnvoi, IdentiteEnvoyee, IdentiteRecue, IdentiteResult, Trace, UsagerRef,
};
use diapason_core::ins::{DateNaissance, Matricule, Oid, OidIns, Sexe};
use serde_json::json;

use super::ins::appeler_verification;
use super::{Refus, Resultat, autoriser, fait, ranger, trouver};
use crate::dossier::Droit;
use crate::identite::lexique::Genre;
use crate::identite::usager::InsTenu;
use crate::identite::{Evenement, Identite, Usager, edition, lexique, statuts};
use crate::insi::{Issue, Traits};
use crate::state::AppState;

/// Author of what the DUI does by itself on receipt.
const AUTOMATE: &str = "automate";

/// What the DUI knows of the identity received before deciding.
struct Recue {
    emetteur: String,
    identite: Identite,
    ins: Option<InsTenu>,
}

fn lire_recue(form: IdentiteRecue) -> Result<Recue, Refus> {
    let bad = |what: &str| Refus::regle(format!("Identité reçue refusée : {what}."));
    let premier = form
        .prenoms
        .first()
        .cloned()
        .ok_or_else(|| bad("aucun prénom"))?;
    let wrong = lexique::verifier(&form.nom_naissance, Genre::Nom)
        .err()
        .or_else(|| {
            let mut names = form.prenoms.iter();
            names.find_map(|prenom| lexique::verifier(prenom, Genre::Prenom).err())
        });
    if let Some(why) = wrong {
        return Err(Refus::regle(format!(
            "Identité reçue refusée : nom ou prénom non conforme, {why}"
        )));
    }
    let sexe = match form.sexe.as_str() {
        "M" => Sexe::M,
        "F" => Sexe::F,
        _ => return Err(bad("le sexe n'est ni M ni F")),
    };
    let lieu = form
        .lieu_naissance
        .filter(|lieu| !lieu.is_empty())
        .map(|lieu| lieu.parse())
        .transpose()
        .map_err(|_| bad("le code du lieu de naissance est mal formé"))?;
    let date: DateNaissance = form
        .date_naissance
        .parse()
        .map_err(|_| bad("la date de naissance est impossible"))?;
    if date.is_lunar() {
        return Err(bad("le jour ou le mois de naissance est à 00"));
    }
    let identite = Identite {
        nom_naissance: form.nom_naissance,
        premier_prenom: premier,
        prenoms: form.prenoms,
        sexe,
        date_naissance: date,
        lieu_naissance: lieu,
    };
    let ins = match (form.matricule.parse::<Matricule>(), form.oid.parse::<Oid>()) {
        (Ok(matricule), Ok(oid)) if OidIns::of(&oid).is_some_and(OidIns::is_ins) => {
            Some(InsTenu { matricule, oid })
        }
        _ => None,
    };
    Ok(Recue {
        emetteur: form.emetteur,
        identite,
        ins,
    })
}

/// A person of the DUI who holds this INS, or has the same traits.
fn connu(state: &AppState, recue: &Recue) -> Option<Usager> {
    let same = |a: &Identite, b: &Identite| {
        a.date_naissance == b.date_naissance
            && a.sexe == b.sexe
            && lexique::cle(&a.nom_naissance) == lexique::cle(&b.nom_naissance)
            && lexique::cle(&a.premier_prenom) == lexique::cle(&b.premier_prenom)
    };
    let dossiers = state.dossiers();
    dossiers
        .usagers
        .values()
        .find(|u| recue.ins.is_some() && u.ins == recue.ins)
        .or_else(|| {
            dossiers
                .usagers
                .values()
                .find(|u| same(&u.identite, &recue.identite))
        })
        .cloned()
}

fn creer(
    state: &AppState,
    recue: &Recue,
    evenement: Evenement,
    avec_ins: bool,
    at: Timestamp,
) -> Result<Usager, Refus> {
    let row = statuts::transition(None, evenement)
        .ok_or_else(|| Refus::Adaptateur("no creation row".to_owned()))?;
    let mut dossiers = state.dossiers();
    let id = dossiers.nouvel_id();
    let mut usager = Usager::nouveau(id, recue.identite.clone(), row, at, AUTOMATE);
    if avec_ins {
        usager.ins.clone_from(&recue.ins);
    }
    let details = BTreeMap::from([("emetteur".to_owned(), json!(recue.emetteur))]);
    dossiers.tracer(at, AUTOMATE, "identite.creation", &usager.id, details);
    dossiers.usagers.insert(usager.id.clone(), usager.clone());
    Ok(usager)
}

/// Puts the data received on hold: a line in the worklist and an alert.
fn retenir(state: &AppState, usager: &Usager, motif: String, at: Timestamp) -> Resultat {
    let listed = !state.mutant("third-party-without-worklist");
    if listed {
        state
            .dossiers()
            .ajouter_travail(at, Some(&usager.id), &motif);
    }
    repondre(usager, listed, Some(motif))
}

fn repondre(usager: &Usager, liste_travail: bool, alerte: Option<String>) -> Resultat {
    fait(
        alerte.clone(),
        &IdentiteResult {
            usager: Some(usager.view(true)),
            liste_travail,
            alerte,
        },
    )
}

pub(super) async fn recevoir(state: &AppState, form: IdentiteRecue) -> Resultat {
    let recue = lire_recue(form)?;
    let known = connu(state, &recue);
    let at = state.now();
    let Some(ins) = recue.ins.clone() else {
        let usager = match known {
            Some(usager) => usager,
            None => creer(state, &recue, Evenement::Creation, false, at)?,
        };
        return retenir(
            state,
            &usager,
            format!(
                "Identité reçue de {} avec un matricule INS mal formé : données en attente, contrôlez l'identité.",
                recue.emetteur
            ),
            at,
        );
    };
    if let Some(usager) = &known
        && statuts::porte_ins(usager.statut)
        && usager.ins.as_ref() == Some(&ins)
        && !state.mutant("verify-known-again")
    {
        return repondre(usager, false, None);
    }
    let (confiance, table) = {
        let dossiers = state.dossiers();
        let table = dossiers.reglages.table_confiance.is_some();
        (dossiers.reglages.confiance(&recue.emetteur), table)
    };
    if known.is_none() && (confiance || state.mutant("trust-everyone")) {
        let usager = creer(state, &recue, Evenement::TiersDeConfiance, true, at)?;
        return repondre(&usager, false, None);
    }
    let issue = if state.mutant("no-verification-on-receipt") {
        Issue::Verifie(true)
    } else {
        let i = &recue.identite;
        let traits = Traits {
            nom: i.nom_naissance.clone(),
            prenom: i.prenoms.join(" "),
            sexe: i.sexe,
            date: i.date_naissance.clone(),
            lieu: i.lieu_naissance.clone(),
        };
        let id = known.as_ref().map(|u| u.id.as_str());
        appeler_verification(state, id, &ins, traits, AUTOMATE).await
    };
    let at = state.now();
    match (known, issue) {
        (None, Issue::Verifie(true)) if table && !state.mutant("untrusted-takes-ins") => {
            let usager = creer(state, &recue, Evenement::Creation, false, at)?;
            retenir(
                state,
                &usager,
                format!(
                    "{} n'est pas dans la table de confiance : l'identité est créée sans matricule INS, à contrôler.",
                    recue.emetteur
                ),
                at,
            )
        }
        (None, Issue::Verifie(true)) => {
            let event = if state.mutant("third-party-auto-qualif") {
                Evenement::TiersDeConfiance
            } else {
                Evenement::TiersVerifie
            };
            let usager = creer(state, &recue, event, true, at)?;
            repondre(&usager, false, None)
        }
        (Some(usager), Issue::Verifie(true)) => retenir(
            state,
            &usager,
            format!(
                "Identité vérifiée reçue de {} pour une personne déjà connue : rapprochez les deux identités.",
                recue.emetteur
            ),
            at,
        ),
        (None, issue) => {
            let keep = state.mutant("third-party-ko-keeps-ins");
            let event = if keep {
                Evenement::TiersVerifie
            } else {
                Evenement::Creation
            };
            let usager = creer(state, &recue, event, keep, at)?;
            retenir(state, &usager, motif(&recue, &issue), at)
        }
        (Some(mut usager), issue) => {
            if state.mutant("third-party-ko-updates") {
                usager.identite = recue.identite.clone();
                usager.ins.clone_from(&recue.ins);
                ranger(state, &usager);
            }
            retenir(state, &usager, motif(&recue, &issue), at)
        }
    }
}

fn motif(recue: &Recue, issue: &Issue) -> String {
    let why = match issue {
        Issue::Panne(_) => "la vérification INSi n'a pas abouti",
        _ => "vérification INSi KO",
    };
    format!(
        "Identité reçue de {} : {why}. Les données de santé reçues sont en attente, contrôlez l'identité.",
        recue.emetteur
    )
}

pub(super) fn envoyer(state: &AppState, form: &IdentiteEnvoi) -> Resultat {
    let now = state.now();
    let mutants = state.mutants();
    let mut dossiers = state.dossiers();
    let role = autoriser(&dossiers, None, Droit::Consulter)?;
    let usager = trouver(&dossiers, &form.usager)?;
    let ins = edition::ins_diffusable(&usager, mutants);
    let contenu = edition::bloc(&usager, ins, true, mutants);
    if !state.mutant("no-sending-trace") {
        let mut details = BTreeMap::from([("statut".to_owned(), json!(usager.statut))]);
        details.insert("avec_ins".to_owned(), json!(ins.is_some()));
        let anonymous = state.mutant("sending-trace-without-recipient");
        dossiers.traces.push(Trace {
            date: now,
            auteur: role,
            nature: "identite.envoi".to_owned(),
            usager: Some(usager.id.clone()),
            mode: Some(form.destinataire.clone()).filter(|_| !anonymous),
            code: None,
            details,
        });
    }
    drop(dossiers);
    fait(
        None,
        &IdentiteEnvoyee {
            contenu,
            ins: ins
                .or(usager
                    .ins
                    .as_ref()
                    .filter(|_| mutants.mutant("ins-field-leaves-recuperee")))
                .map(InsTenu::view),
        },
    )
}

pub(super) fn imprimer(state: &AppState, form: &UsagerRef) -> Resultat {
    let now = state.now();
    let mutants = state.mutants();
    let (usager, optionnels) = {
        let mut dossiers = state.dossiers();
        let role = autoriser(&dossiers, form.role.as_deref(), Droit::Consulter)?;
        if !dossiers.reglages.permet(&role, Droit::VoirIns) {
            return Err(Refus::regle(
                "Vous n'avez pas le droit d'éditer l'identité d'un usager.",
            ));
        }
        let usager = trouver(&dossiers, &form.usager)?;
        let details = BTreeMap::from([("edition".to_owned(), json!(true))]);
        dossiers.tracer(now, &role, "identite.acces", &usager.id, details);
        (usager, dossiers.reglages.edition_traits_optionnels)
    };
    fait(
        None,
        &Edition {
            texte: edition::page(&usager, optionnels, mutants),
            datamatrix: edition::datamatrix(&usager, mutants),
        },
    )
}

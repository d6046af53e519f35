//! INSi from the user's side: search, acceptance, refusal, verification. One trace per call, whatever happens.

use std::collections::BTreeMap;

use diapason_core::driver::{
    InsIssue, InsSearch, InsSearchResult, InsVerifyResult, Trace, UsagerRef,
};
use diapason_core::ins::Sexe;
use serde_json::{Value, json};

use super::{Refus, Resultat, autoriser, fait, fait_usager, ranger, trouver};
use crate::dossier::Droit;
use crate::identite::usager::InsTenu;
use crate::identite::{Evenement, Proposition, Usager, attributs, statuts};
use crate::insi::{self, Appel, Carte, Corps, Fin, Individu, Issue, Panne, Recherche, Traits};
use crate::state::AppState;

fn resultat(issue: InsIssue, alerte: Option<String>) -> InsSearchResult {
    InsSearchResult {
        issue,
        proposition: None,
        differences: Vec::new(),
        alerte,
    }
}

fn bloquee(message: String) -> Refus {
    let result = json!(resultat(InsIssue::Bloquee, Some(message.clone())));
    Refus::Regle { message, result }
}

/// May this user call INSi for this person?
fn appel_permis(state: &AppState, usager: &Usager) -> Result<(), Refus> {
    let ignored = |attribut| match attribut {
        diapason_core::ins::Attribut::Douteux => state.mutant("call-for-douteux"),
        diapason_core::ins::Attribut::Fictif => state.mutant("call-for-fictif"),
        diapason_core::ins::Attribut::Homonyme => true,
    };
    if let Some(attribut) = usager.bloque()
        && !ignored(attribut)
    {
        return Err(bloquee(format!(
            "Cette identité porte l'attribut « {} » : l'appel au téléservice INSi est impossible.",
            attributs::libelle(attribut)
        )));
    }
    if usager.identite.sexe == Sexe::I && !state.mutant("send-sexe-i") {
        return Err(bloquee(
            "Le sexe est indéterminé : INSi ne connaît que masculin et féminin. Précisez-le avant d'appeler.".to_owned(),
        ));
    }
    Ok(())
}

pub(super) async fn chercher(state: &AppState, form: InsSearch) -> Resultat {
    let (usager, role) = {
        let dossiers = state.dossiers();
        let role = match autoriser(&dossiers, form.role.as_deref(), Droit::Insi) {
            Ok(role) => role,
            Err(Refus::Regle { .. }) if state.mutant("rights-ignored-insi") => {
                form.role.clone().unwrap_or_default()
            }
            Err(Refus::Regle { message, .. }) => return Err(bloquee(message)),
            Err(other) => return Err(other),
        };
        (trouver(&dossiers, &form.usager)?, role)
    };
    appel_permis(state, &usager)?;
    let recherche = match form.mode.as_deref().unwrap_or("traits") {
        "traits" => Recherche::Traits {
            avec_lieu: form.avec_lieu,
        },
        "vitale" => Recherche::Vitale(lire_carte(&usager)?),
        other => {
            return Err(Refus::Adaptateur(format!(
                "mode inconnu : {other} ; connus : traits, vitale"
            )));
        }
    };
    let fin = lancer(state, &usager, &recherche, &role).await;
    conclure(state, &form.usager, fin, &role)
}

/// What a card reader would give: the number typed as NSS plays the card. When its sex and birth digits
/// are the person's, it is his own; else it is the number of the ouvrant droit he depends on.
fn lire_carte(usager: &Usager) -> Result<Carte, Refus> {
    let Some(nss) = &usager.nss else {
        return Err(bloquee(
            "Aucune carte Vitale lue : renseignez d'abord le numéro de sécurité sociale de la carte.".to_owned(),
        ));
    };
    let i = &usager.identite;
    let date = i.date_naissance.as_str();
    let sex = if i.sexe == Sexe::F { '2' } else { '1' };
    let own = format!("{sex}{}{}", &date[2..4], &date[5..7]);
    Ok(Carte {
        numero: nss[..13].to_owned(),
        propre: nss.starts_with(&own),
        nom: i.nom_naissance.clone(),
        date: i.date_naissance.clone(),
        rang: 1,
    })
}

async fn lancer(state: &AppState, usager: &Usager, recherche: &Recherche, role: &str) -> Fin {
    let Some(client) = state.insi() else {
        return Fin {
            issue: Issue::Panne(Panne::NonConfigure),
            appels: 0,
        };
    };
    let mode = match recherche {
        Recherche::Traits { .. } => "traits",
        Recherche::Vitale(_) => "vitale",
    };
    insi::chercher(
        client,
        state.clock(),
        usager,
        recherche,
        state.mutants(),
        |appel| {
            tracer(
                state,
                "insi.recherche",
                Some(mode),
                Some(&usager.id),
                appel,
                role,
            );
        },
    )
    .await
}

/// The defect of a product that searches by itself when a person is created.
pub(super) async fn recherche_silencieuse(state: &AppState, usager: &Usager) {
    let recherche = Recherche::Traits { avec_lieu: false };
    lancer(state, usager, &recherche, "automate").await;
}

fn tracer(
    state: &AppState,
    nature: &str,
    mode: Option<&str>,
    usager: Option<&str>,
    appel: &Appel,
    role: &str,
) {
    let code = appel.issue.code();
    state.log(&format!("INSi {} : {code}", appel.corps.operation().name()));
    if state.mutant("log-identity") {
        state.log(&format!("INSi requête : {:?}", appel.corps));
    }
    let failed = matches!(appel.issue, Issue::Panne(_));
    let lost = state.mutant("no-trace")
        || (failed && state.mutant("no-trace-on-failure"))
        || (nature == "insi.verification" && state.mutant("no-verification-trace"))
        || (role == "automate" && state.mutant("no-automatic-trace"));
    if lost {
        return;
    }
    let mut details = BTreeMap::from([("message_id".to_owned(), json!(appel.message_id))]);
    if let Corps::Traits(traits) = &appel.corps {
        details.insert("traits_envoyes".to_owned(), traits_json(traits));
    }
    if let Issue::Trouve(individu) = &appel.issue
        && !state.mutant("trace-00-without-identity")
    {
        details.extend(rendu_json(individu));
    }
    let anonymous = state.mutant("trace-without-author");
    state.trace(Trace {
        date: appel.date,
        auteur: if anonymous { "systeme" } else { role }.to_owned(),
        nature: nature.to_owned(),
        usager: usager.map(str::to_owned),
        mode: mode
            .map(str::to_owned)
            .filter(|_| !state.mutant("trace-without-mode")),
        code: Some(code).filter(|_| !state.mutant("trace-without-code")),
        details,
    });
}

fn traits_json(traits: &Traits) -> Value {
    json!({
        "nom_naissance": traits.nom,
        "prenom": traits.prenom,
        "sexe": traits.sexe,
        "date_naissance": traits.date,
        "lieu_naissance": traits.lieu,
    })
}

/// Everything that came back with 00: matricule, OID, history, traits.
fn rendu_json(individu: &Individu) -> [(String, Value); 4] {
    let number = |m: &insi::Matricules| {
        let key = m.cle.clone().unwrap_or_default();
        format!("{}{key}", m.numero)
    };
    let history: Vec<Value> = individu
        .historique
        .iter()
        .map(|m| json!({ "matricule": number(m), "oid": m.oid }))
        .collect();
    let tiq = &individu.tiq;
    [
        ("matricule".to_owned(), json!(number(&individu.actif))),
        ("oid".to_owned(), json!(individu.actif.oid)),
        ("historique".to_owned(), json!(history)),
        (
            "traits".to_owned(),
            json!({
                "nom_naissance": tiq.nom,
                "prenom": tiq.prenom,
                "liste_prenoms": tiq.liste,
                "sexe": tiq.sexe,
                "date_naissance": tiq.date,
                "lieu_naissance": tiq.lieu,
            }),
        ),
    ]
}

fn conclure(state: &AppState, id: &str, fin: Fin, role: &str) -> Resultat {
    let mutants = state.mutants();
    // The record may have changed while INSi answered: look again.
    let mut usager = trouver(&state.dossiers(), id)?;
    let (issue, message) = match fin.issue {
        Issue::Trouve(individu) => match insi::proposer(&usager.identite, &individu, mutants) {
            Ok(comparaison) => return comparer(state, usager, comparaison, role),
            Err(insi::Refus(message)) => (InsIssue::Echec, message),
        },
        Issue::Personne => {
            if mutants.mutant("status-on-01") {
                usager.appliquer(Evenement::InsiAcceptee, state.now(), role, mutants);
                ranger(state, &usager);
            }
            (
                InsIssue::Aucune,
                "INSi n'a trouvé aucune identité. Vérifiez les traits saisis, puis relancez l'appel.".to_owned(),
            )
        }
        Issue::Plusieurs => {
            if mutants.mutant("status-on-02") {
                usager.appliquer(Evenement::InsiAcceptee, state.now(), role, mutants);
                ranger(state, &usager);
            }
            (
                InsIssue::Plusieurs,
                "INSi a trouvé plusieurs identités : aucune n'est retenue. Ajoutez le lieu de naissance, puis relancez l'appel.".to_owned(),
            )
        }
        Issue::Panne(Panne::Plantage) => {
            return Err(Refus::Adaptateur("TypeError: undefined".to_owned()));
        }
        Issue::Panne(panne) => {
            if mutants.mutant("fault-drops-status") {
                usager.appliquer(Evenement::VerificationKo, state.now(), role, mutants);
                ranger(state, &usager);
            }
            let message = if mutants.mutant("raw-fault-message") {
                panne.code()
            } else {
                panne.message()
            };
            (InsIssue::Echec, message)
        }
        Issue::Verifie(_) => {
            return Err(Refus::Adaptateur("a search cannot verify".to_owned()));
        }
    };
    let shown =
        Some(message).filter(|_| !(issue == InsIssue::Aucune && mutants.mutant("silent-on-01")));
    fait(shown.clone(), &resultat(issue, shown))
}

/// Keeps the proposal and shows it beside the local identity. Nothing of it is stored in the identity.
fn comparer(
    state: &AppState,
    mut usager: Usager,
    comparaison: insi::Comparaison,
    role: &str,
) -> Resultat {
    let mutants = state.mutants();
    let insi::Comparaison {
        proposition,
        differences,
        mut alerte,
    } = comparaison;
    let double = state
        .dossiers()
        .usagers
        .values()
        .find(|other| other.id != usager.id && other.ins.as_ref() == Some(&proposition.ins))
        .map(|other| other.id.clone());
    if let Some(other) = double {
        let doublon =
            format!("Un autre dossier ({other}) porte déjà ce matricule INS : doublon possible.");
        alerte = Some(match alerte {
            Some(alerte) => format!("{alerte} {doublon}"),
            None => doublon,
        });
    }
    if mutants.mutant("duplicate-on-relaunch") && usager.proposition.is_some() {
        let mut dossiers = state.dossiers();
        let id = dossiers.nouvel_id();
        let mut copy = usager.clone();
        copy.id.clone_from(&id);
        dossiers.usagers.insert(id, copy);
    }
    let view = proposition.view();
    if mutants.mutant("shared-proposal") {
        state.dossiers().proposition_commune = Some(proposition.clone());
    }
    usager.proposition = Some(proposition);
    ranger(state, &usager);
    if mutants.mutant("accept-without-user") {
        prendre(state, &mut usager, role)?;
    }
    fait(
        alerte.clone(),
        &InsSearchResult {
            issue: InsIssue::Proposition,
            proposition: Some(view),
            differences,
            alerte,
        },
    )
}

/// Takes the proposal in.
fn prendre(state: &AppState, usager: &mut Usager, role: &str) -> Result<(), Refus> {
    let mutants = state.mutants();
    let now = state.now();
    let Some(mut proposition) = usager.proposition.take() else {
        return Err(Refus::regle(
            "Aucune identité n'est proposée par INSi pour ce dossier : lancez d'abord une recherche.",
        ));
    };
    if mutants.mutant("shared-proposal")
        && let Some(common) = state.dossiers().proposition_commune.clone()
    {
        proposition = common;
    }
    if mutants.mutant("proposal-by-name") {
        let found = homonyme(state, usager);
        proposition = found.unwrap_or(proposition);
    }
    usager.reprendre(proposition, mutants);
    usager.appliquer(Evenement::InsiAcceptee, now, role, mutants);
    let details = BTreeMap::from([("reprise_insi".to_owned(), json!(usager.statut))]);
    state
        .dossiers()
        .tracer(now, role, "identite.modification", &usager.id, details);
    ranger(state, usager);
    Ok(())
}

/// The proposal waiting for somebody of the same name and birth date: what the mutant `proposal-by-name` takes.
fn homonyme(state: &AppState, usager: &Usager) -> Option<Proposition> {
    let i = &usager.identite;
    state
        .dossiers()
        .usagers
        .values()
        .filter(|other| other.id != usager.id)
        .find(|other| {
            other.identite.nom_naissance == i.nom_naissance
                && other.identite.date_naissance == i.date_naissance
        })
        .and_then(|other| other.proposition.clone())
}

pub(super) fn accepter(state: &AppState, form: &UsagerRef) -> Resultat {
    let (mut usager, role) = {
        let dossiers = state.dossiers();
        let role = autoriser(&dossiers, form.role.as_deref(), Droit::Insi)?;
        (trouver(&dossiers, &form.usager)?, role)
    };
    appel_permis(state, &usager)?;
    prendre(state, &mut usager, &role)?;
    fait_usager(state, &usager, &role, None)
}

pub(super) fn refuser(state: &AppState, form: &UsagerRef) -> Resultat {
    let (mut usager, role) = {
        let dossiers = state.dossiers();
        let role = autoriser(&dossiers, form.role.as_deref(), Droit::Insi)?;
        (trouver(&dossiers, &form.usager)?, role)
    };
    if usager.proposition.is_none() {
        return Err(Refus::regle(
            "Aucune identité n'est proposée par INSi pour ce dossier.",
        ));
    }
    if state.mutant("refusal-stores") {
        prendre(state, &mut usager, &role)?;
    }
    usager.proposition = None;
    if state.mutant("refusal-erases-trace") {
        let mut dossiers = state.dossiers();
        if let Some(at) = dossiers
            .traces
            .iter()
            .rposition(|t| t.nature == "insi.recherche")
        {
            dossiers.traces.remove(at);
        }
    }
    state.log("INSi : proposition refusée par l'utilisateur");
    ranger(state, &usager);
    fait_usager(state, &usager, &role, None)
}

/// Calls the verification; `None` when INSi is not configured.
pub(super) async fn appeler_verification(
    state: &AppState,
    usager: Option<&str>,
    ins: &InsTenu,
    traits: Traits,
    role: &str,
) -> Issue {
    let Some(client) = state.insi() else {
        return Issue::Panne(Panne::NonConfigure);
    };
    let corps = Corps::Verification {
        matricule: ins.matricule.clone(),
        oid: ins.oid.clone(),
        traits,
    };
    let appel = insi::verifier(client, state.clock(), &corps).await;
    tracer(state, "insi.verification", None, usager, &appel, role);
    appel.issue
}

pub(super) async fn verifier(state: &AppState, form: &UsagerRef) -> Resultat {
    let (usager, role) = {
        let dossiers = state.dossiers();
        let role = autoriser(&dossiers, form.role.as_deref(), Droit::Insi)?;
        (trouver(&dossiers, &form.usager)?, role)
    };
    appel_permis(state, &usager)?;
    let Some(ins) = usager.ins.clone() else {
        return Err(Refus::regle(format!(
            "L'identité est {} : elle n'a pas de matricule INS à vérifier.",
            statuts::libelle(usager.statut)
        )));
    };
    let i = &usager.identite;
    let traits = Traits {
        nom: i.nom_naissance.clone(),
        prenom: i.prenoms.join(" "),
        sexe: i.sexe,
        date: i.date_naissance.clone(),
        lieu: i.lieu_naissance.clone(),
    };
    let issue = appeler_verification(state, Some(&usager.id), &ins, traits, &role).await;
    let mut usager = trouver(&state.dossiers(), &form.usager)?;
    let (word, alerte) = match issue {
        Issue::Verifie(true) => ("ok", None),
        Issue::Verifie(false) => {
            let now = state.now();
            usager.proposition = None;
            usager.appliquer(Evenement::VerificationKo, now, &role, state.mutants());
            ranger(state, &usager);
            let motif = "Vérification INSi KO : le matricule INS et les traits ne correspondent plus. Contrôlez l'identité.";
            if !state.mutant("ko-without-worklist") {
                state
                    .dossiers()
                    .ajouter_travail(now, Some(&usager.id), motif);
            }
            ("ko", Some(motif.to_owned()))
        }
        Issue::Panne(panne) => ("echec", Some(panne.message())),
        Issue::Trouve(_) | Issue::Personne | Issue::Plusieurs => {
            return Err(Refus::Adaptateur("a verification cannot search".to_owned()));
        }
    };
    let montrer = state.dossiers().reglages.permet(&role, Droit::VoirIns);
    fait(
        alerte.clone(),
        &InsVerifyResult {
            issue: word.to_owned(),
            usager: Some(usager.view(montrer)),
            alerte,
        },
    )
}

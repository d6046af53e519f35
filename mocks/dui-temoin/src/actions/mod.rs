//! Actions and observations of the identity half: rights first, then the rules, then traces and store.

mod dmp;
mod documents;
mod ins;
mod lecture;
mod saisie;
mod tiers;

use std::collections::BTreeMap;
use std::time::Duration;

use diapason_core::driver::{
    ActionAnswer, ActionStatus, ClockAdvance, ConfigSet, UsagerList, UsagerResult,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::dossier::{Dossiers, Droit, ROLE_PAR_DEFAUT};
use crate::identite::Usager;
use crate::state::AppState;

/// How long an action waits for what it sent on its way: the user reads the outcome at once when it comes quickly.
const PATIENCE: Duration = Duration::from_millis(400);

/// Why an action was not done.
#[derive(Debug, Clone, PartialEq)]
pub enum Refus {
    /// A rule forbids it: what the user reads, and the result that goes with it (null when none).
    Regle {
        /// Message.
        message: String,
        /// Result.
        result: Value,
    },
    /// The request cannot be understood, or the DUI broke.
    Adaptateur(String),
}

impl Refus {
    /// A refusal without result.
    pub fn regle(message: impl Into<String>) -> Self {
        Self::Regle {
            message: message.into(),
            result: Value::Null,
        }
    }

    /// As the driver reads it.
    pub fn into_answer(self) -> ActionAnswer {
        let (status, message, result) = match self {
            Self::Regle { message, result } => (ActionStatus::Refused, message, result),
            Self::Adaptateur(message) => (ActionStatus::Failed, message, Value::Null),
        };
        ActionAnswer {
            status,
            message: Some(message),
            result,
        }
    }
}

/// Outcome of an action.
pub type Resultat = Result<ActionAnswer, Refus>;

/// A `done` answer.
fn fait(message: Option<String>, result: &impl Serialize) -> Resultat {
    let result = serde_json::to_value(result)
        .map_err(|e| Refus::Adaptateur(format!("result that is not JSON: {e}")))?;
    Ok(ActionAnswer {
        status: ActionStatus::Done,
        message,
        result,
    })
}

/// A `done` answer about one person.
fn fait_usager(state: &AppState, usager: &Usager, role: &str, alerte: Option<String>) -> Resultat {
    let montrer = state.dossiers().reglages.permet(role, Droit::VoirIns);
    fait(
        alerte.clone(),
        &UsagerResult {
            usager: Some(usager.view(montrer)),
            alerte,
        },
    )
}

fn lire<T: DeserializeOwned>(params: Value) -> Result<T, Refus> {
    serde_json::from_value(params)
        .map_err(|error| Refus::Adaptateur(format!("paramètres illisibles : {error}")))
}

/// The role that acts, and whether it may.
fn autoriser(dossiers: &Dossiers, role: Option<&str>, droit: Droit) -> Result<String, Refus> {
    let role = role.unwrap_or(ROLE_PAR_DEFAUT);
    if !dossiers.reglages.droits.contains_key(role) {
        return Err(Refus::Adaptateur(format!("rôle inconnu : {role}")));
    }
    if dossiers.reglages.permet(role, droit) {
        return Ok(role.to_owned());
    }
    let what = match droit {
        Droit::Consulter => "consulter les dossiers",
        Droit::Modifier => "modifier les dossiers",
        Droit::Insi => "appeler le téléservice INSi",
        Droit::VoirIns => "voir le matricule INS",
        Droit::TraitsStricts => "modifier les traits stricts de cette identité",
    };
    Err(Refus::regle(format!("Vous n'avez pas le droit de {what}.")))
}

fn trouver(dossiers: &Dossiers, id: &str) -> Result<Usager, Refus> {
    dossiers
        .usagers
        .get(id)
        .cloned()
        .ok_or_else(|| Refus::Adaptateur(format!("aucun usager {id:?}")))
}

/// Writes a person back.
fn ranger(state: &AppState, usager: &Usager) {
    state
        .dossiers()
        .usagers
        .insert(usager.id.clone(), usager.clone());
}

/// Performs an action. A panic in it, or a caller that hangs up, must not lose a trace: it runs in its own task.
pub async fn perform(state: &AppState, name: &str, params: Value) -> Resultat {
    let (task_state, task_name) = (state.clone(), name.to_owned());
    let task = tokio::spawn(async move { agir(&task_state, &task_name, params).await });
    let outcome = match task.await {
        Ok(outcome) => outcome,
        Err(error) => {
            state.log(&format!("{name} : arrêt inattendu"));
            Err(Refus::Adaptateur(format!("arrêt inattendu : {error}")))
        }
    };
    if let Err(error) = state.dossiers().save() {
        return Err(Refus::Adaptateur(error.to_string()));
    }
    state.dmp().reveiller();
    state.dmp().attendre_calme(PATIENCE).await;
    outcome
}

async fn agir(state: &AppState, name: &str, params: Value) -> Resultat {
    match name {
        "clock.advance" => {
            let advance: ClockAdvance = lire(params)?;
            state.clock().advance(Duration::from_secs(advance.secondes));
            fait(None, &Value::Null)
        }
        "config.set" => {
            let ConfigSet { cle, valeur } = lire(params)?;
            let changed = state.dossiers().reglages.changer(&cle, valeur);
            changed.map_err(Refus::Adaptateur)?;
            state.log(&format!("réglage {cle} changé"));
            fait(None, &Value::Null)
        }
        "usager.create" => saisie::creer(state, lire(params)?).await,
        "usager.update" => saisie::modifier(state, lire(params)?),
        "usager.search" => saisie::rechercher(state, &lire(params)?),
        "usager.attribut" => saisie::attribut(state, &lire(params)?),
        "usager.justificatif" => saisie::justificatif(state, &lire(params)?),
        "usager.valider" => saisie::valider(state, &lire(params)?),
        "usager.afficher" => saisie::afficher(state, &lire(params)?).await,
        "ins.search" => ins::chercher(state, lire(params)?).await,
        "ins.accept" => ins::accepter(state, &lire(params)?),
        "ins.refuse" => ins::refuser(state, &lire(params)?),
        "ins.verify" => ins::verifier(state, &lire(params)?).await,
        "identite.recevoir" => tiers::recevoir(state, lire(params)?).await,
        "identite.envoyer" => tiers::envoyer(state, &lire(params)?),
        "edition.imprimer" => tiers::imprimer(state, &lire(params)?),
        "document.create" => documents::creer(state, lire(params)?).await,
        "document.lire" => documents::lire(state, &lire(params)?),
        "document.valider" => documents::valider(state, &lire(params)?).await,
        "dmp.verifier" => dmp::verifier(state, &lire(params)?).await,
        "dmp.consentement" => dmp::consentement(state, &lire(params)?),
        "dmp.supprimer" => dmp::supprimer(state, &lire(params)?).await,
        "dmp.visibilite" => dmp::visibilite(state, &lire(params)?).await,
        "dmp.reprendre" => dmp::reprendre(state).await,
        "dmp.historique" => dmp::historique(state, &lire(params)?).await,
        "dmp.autoriser" => lecture::declarer(state, &lire(params)?).await,
        "dmp.rechercher" => lecture::rechercher(state, &lire(params)?).await,
        "dmp.consulter" => lecture::consulter(state, &lire(params)?).await,
        "dmp.ouvrir" => lecture::ouvrir(state, &lire(params)?).await,
        "application.redemarrer" => dmp::redemarrer(state),
        _ => Ok(crate::api::unsupported(name)),
    }
}

/// Answers an observation: what a person with full rights, or an administrator, would see.
pub fn observe(
    state: &AppState,
    what: &str,
    query: &BTreeMap<String, String>,
) -> Result<Value, String> {
    let dossiers = state.dossiers();
    let value = match what {
        "usager" => {
            let id = query.get("id").ok_or("the query needs id=")?;
            let usager = dossiers
                .usagers
                .get(id)
                .ok_or_else(|| format!("no usager {id:?}"))?;
            serde_json::to_value(usager.view(true))
        }
        "usagers" => serde_json::to_value(UsagerList {
            usagers: dossiers.usagers.values().map(|u| u.view(true)).collect(),
        }),
        "traces" => serde_json::to_value(&dossiers.traces),
        "liste_travail" => serde_json::to_value(&dossiers.travail),
        "documents" => {
            let whose = query.get("usager");
            let listed: Vec<_> = dossiers
                .documents
                .iter()
                .filter(|d| whose.is_none_or(|id| d.usager == *id))
                .map(|d| diapason_core::driver::DocumentResume {
                    brouillon: dossiers.dmp.brouillons.contains_key(&d.id),
                    ..d.resume()
                })
                .collect();
            serde_json::to_value(listed)
        }
        "dmp_envois" => serde_json::to_value(dmp::envois(&dossiers, query)),
        "dmp_tableau" => serde_json::to_value(dmp::dashboard(state, &dossiers, query)),
        "dmp_documents" => {
            let id = query.get("usager").ok_or("the query needs usager=")?;
            serde_json::to_value(lecture::documents(state, &dossiers, id)?)
        }
        "journal_technique" => Ok(json!(dossiers.journal())),
        "configuration" => Ok(dossiers.reglages.view()),
        _ => return Err(format!("unknown observation {what:?}")),
    };
    value.map_err(|e| e.to_string())
}

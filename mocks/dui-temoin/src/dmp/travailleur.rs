//! The background worker: one document at a time, oldest first; it sleeps until something is due or changes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinSet};

use super::client::DmpClient;
use super::{alimentation, file};
use crate::config::DuiConfig;
use crate::mutants::Mutants;
use crate::serveur::DuiError;
use crate::state::AppState;

/// Longest sleep: a clock that jumps without telling is noticed by then.
const SOMMEIL: Duration = Duration::from_secs(30);
/// A certificate that ends sooner than this is announced, milliseconds.
const PREAVIS: i64 = 30 * 24 * 3600 * 1000;

/// What the DMP part keeps in memory.
pub struct DmpState {
    client: Option<DmpClient>,
    reveil: Arc<Notify>,
    calme: watch::Sender<bool>,
    taches: Mutex<Vec<AbortHandle>>,
}

impl DmpState {
    /// From the configuration.
    pub fn new(config: &DuiConfig, mutants: &Mutants) -> Result<Self, DuiError> {
        let client = config
            .dmp
            .as_ref()
            .map(|settings| DmpClient::new(settings, mutants))
            .transpose()?;
        Ok(Self {
            client,
            reveil: Arc::default(),
            calme: watch::Sender::new(true),
            taches: Mutex::default(),
        })
    }

    /// The client, when the DMP is configured.
    pub fn client(&self) -> Option<&DmpClient> {
        self.client.as_ref()
    }

    /// Something changed in the records: the worker must look.
    pub fn reveiller(&self) {
        if self.client.is_some() {
            self.calme.send_replace(false);
            self.reveil.notify_one();
        }
    }

    /// Waits until nothing is on its way, no longer than that.
    pub async fn attendre_calme(&self, au_plus: Duration) {
        let mut calme = self.calme.subscribe();
        // Time out or not, the answer is given: the user interface never waits for the DMP.
        let _ = tokio::time::timeout(au_plus, calme.wait_for(|calme| *calme)).await;
    }

    /// Stops the worker where it is, as the end of the process would.
    pub fn arreter(&self) {
        let mut taches = self.taches.lock().unwrap_or_else(PoisonError::into_inner);
        for tache in taches.drain(..) {
            tache.abort();
        }
        self.calme.send_replace(true);
    }
}

/// Starts the worker, when the DMP is configured.
pub fn demarrer(state: &AppState) {
    let dmp = state.dmp();
    if dmp.client.is_none() {
        return;
    }
    let combien = if state.mutant("dmp-two-workers") {
        2
    } else {
        1
    };
    let mut taches = dmp.taches.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..combien {
        let state = state.clone();
        taches.push(tokio::spawn(async move { boucle(&state).await }).abort_handle());
    }
}

async fn boucle(state: &AppState) {
    let dmp = state.dmp();
    loop {
        let now = state.now();
        let (document, prochaine) = {
            let mut dossiers = state.dossiers();
            file::revoir(&mut dossiers, now, state.mutants());
            let document = file::suivant(&dossiers, now, state.mutants());
            if document.is_none() {
                // Under the lock: whoever adds a document after this wakes us after this.
                dmp.calme.send_replace(true);
            }
            (document, file::prochaine(&dossiers))
        };
        if let Some(document) = document {
            dmp.calme.send_replace(false);
            annoncer_expiration(state);
            traiter(state, document).await;
            state.sauver();
            continue;
        }
        let attente = prochaine.map_or(SOMMEIL, |at| {
            let millis = u64::try_from(at.millis_since(state.now())).unwrap_or(0);
            Duration::from_millis(millis).min(SOMMEIL)
        });
        if state.mutant("dmp-two-workers") {
            // Two workers that do not know of each other look at the queue by themselves.
            tokio::time::sleep(attente.min(Duration::from_millis(1))).await;
            continue;
        }
        tokio::select! {
            () = dmp.reveil.notified() => {}
            () = tokio::time::sleep(attente) => {}
        }
    }
}

/// In a task of its own, dropped with this one: a panic loses one attempt, not the worker.
async fn traiter(state: &AppState, document: String) {
    let mut tache = JoinSet::new();
    let (etat, id) = (state.clone(), document.clone());
    tache.spawn(async move { alimentation::envoyer(&etat, &id).await });
    if let Some(Err(error)) = tache.join_next().await {
        state.log(&format!("dmp : arrêt inattendu d'un envoi : {error}"));
        let echec = super::Echec::Interne("arrêt inattendu".to_owned());
        let now = state.now();
        file::echouer(
            &mut state.dossiers(),
            &document,
            &echec,
            now,
            state.mutants(),
        );
    }
}

/// Says once a day that a certificate is about to end, or has ended. The queue is kept.
fn annoncer_expiration(state: &AppState) {
    let Some(client) = state.dmp().client() else {
        return;
    };
    let now = state.now();
    for (nom, fin) in client.expirations() {
        if fin.millis_since(now) > PREAVIS {
            continue;
        }
        let jour = file::jour(*fin);
        let motif = if *fin <= now {
            format!(
                "Le certificat {nom} a expiré le {jour} : les documents attendent, renouvelez-le."
            )
        } else {
            format!("Le certificat {nom} expire le {jour} : faites-le renouveler.")
        };
        let mut dossiers = state.dossiers();
        let deja = dossiers
            .travail
            .iter()
            .any(|t| t.motif == motif && file::jour(t.date) == file::jour(now));
        if !deja {
            dossiers.ajouter_travail(now, None, &motif);
        }
    }
}

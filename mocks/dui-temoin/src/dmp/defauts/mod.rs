//! What the mutants of the DMP change: each function is called at the place of its defects, and changes nothing without them.

mod lot;
mod message;
mod vihf;

use std::path::{Path, PathBuf};

use diapason_core::driver::DmpChoix;

use super::acteur::Acteur;
use super::client::{Demande, Transaction};
use super::envois::Etat;
use super::erreur::Echec;
use crate::config::DmpSettings;
use crate::document::noeud::noeud;
use crate::identite::Usager;
use crate::identite::usager::InsTenu;
use crate::mutants::Mutants;
use crate::state::AppState;

pub use lot::{lot, lot_signe, signature, signe, suppression};
pub use message::{enveloppe, existence, requete, texte};
pub use vihf::{vihf, vihf_apres_signature, vihf_avant_signature};

/// What a defective client remembers from one call to the next.
#[derive(Debug, Default)]
pub struct Memoire {
    message_id: Option<String>,
    assertion: Option<String>,
}

/// `wsa:MessageID` of a call.
pub fn message_id(memoire: &mut Memoire, neuf: String, mutants: &Mutants) -> String {
    if mutants.mutant("dmp-message-id-not-uuid") {
        return neuf.replace("urn:uuid:", "dui-temoin-");
    }
    if mutants.mutant("dmp-message-id-reused") {
        return memoire.message_id.get_or_insert(neuf).clone();
    }
    neuf
}

/// The signed assertion of a call.
pub fn assertion(memoire: &mut Memoire, neuve: String, mutants: &Mutants) -> String {
    if mutants.mutant("dmp-vihf-kept-across-users") {
        return memoire.assertion.get_or_insert(neuve).clone();
    }
    neuve
}

fn voisin(path: &Path, nom: &str) -> PathBuf {
    path.with_file_name(nom)
}

/// The authentication certificate: the mutants take another one, as after an installation mistake.
pub fn certificat_tls(settings: &DmpSettings, mutants: &Mutants) -> (PathBuf, PathBuf) {
    if mutants.mutant("dmp-tls-with-other-holder") {
        return (
            voisin(&settings.cert, "client-autre-cn.pem"),
            voisin(&settings.key, "client-autre-cn.key"),
        );
    }
    (settings.cert.clone(), settings.key.clone())
}

/// The signature certificate, likewise.
pub fn certificat_signature(settings: &DmpSettings, mutants: &Mutants) -> (PathBuf, PathBuf) {
    if mutants.mutant("dmp-vihf-signed-with-tls-key") {
        return (settings.cert.clone(), settings.key.clone());
    }
    let erreur = [
        ("dmp-vihf-foreign-certificate", "client-signature-etrangere"),
        ("dmp-vihf-expired-certificate", "client-signature-expiree"),
    ]
    .into_iter()
    .find(|(mutant, _)| mutants.contains(*mutant));
    match erreur {
        Some((_, nom)) => (
            voisin(&settings.signature_cert, &format!("{nom}.pem")),
            voisin(&settings.signature_key, &format!("{nom}.key")),
        ),
        None => (
            settings.signature_cert.clone(),
            settings.signature_key.clone(),
        ),
    }
}

/// The matricule of a submission.
pub fn ins(usager: &Usager, ins: InsTenu, mutants: &Mutants) -> InsTenu {
    if mutants.mutant("dmp-former-matricule-kept")
        && let Some(ancien) = usager.historique_ins.first()
    {
        return ancien.clone();
    }
    ins
}

/// What the author chose, as it reaches the metadata.
pub fn choix(mut choix: DmpChoix, mutants: &Mutants) -> DmpChoix {
    if mutants.mutant("dmp-masking-lost") {
        choix.masque_ps = false;
    }
    if mutants.mutant("dmp-invisible-lost") {
        choix.invisible_patient = false;
    }
    if mutants.mutant("dmp-invisible-by-default") {
        choix.invisible_patient = true;
    }
    if mutants.mutant("dmp-representatives-masking-lost") {
        choix.invisible_representants = false;
    }
    choix
}

/// What a defective product does on its way to feeding: it takes an authorisation that feeding does not need.
pub async fn autoriser(state: &AppState, acteur: &Acteur, ins: &InsTenu) -> Result<(), Echec> {
    let corps = noeud("hab:setAuthorization")
        .a("xmlns:hab", "urn:si-dmp-habilitations")
        .avec([noeud("hab:action").dit("AJOUT")]);
    let demande = Demande {
        transaction: Transaction::Autorisation,
        mode: diapason_formats::vihf::Mode::Indirecte,
        acteur,
        ins: Some(ins),
        secrete: false,
        corps,
        pieces: Vec::new(),
    };
    // Whatever comes back: the call is the defect.
    let _ = super::alimentation::appeler(state, demande).await;
    Ok(())
}

/// What a defective product loses, or sends again, when it starts again.
pub fn apres_redemarrage(state: &AppState) {
    let mut dossiers = state.dossiers();
    if state.mutant("dmp-queue-in-memory") {
        for envoi in &mut dossiers.dmp.envois {
            if envoi.etat == Etat::EnAttente {
                envoi.etat = Etat::NonEnvoye;
            }
        }
    }
    if state.mutant("dmp-restart-sends-everything") {
        for envoi in &mut dossiers.dmp.envois {
            if envoi.etat == Etat::Envoye {
                envoi.mettre_en_attente();
            }
        }
    }
}

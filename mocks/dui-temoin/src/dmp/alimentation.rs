//! Sending one document: existence of the DMP, reference of the version replaced, lot, signature, answer.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use diapason_core::Timestamp;
use diapason_core::driver::{DmpChoix, Trace};
use diapason_formats::signature::Digest;
use diapason_formats::vihf::Mode;
use diapason_formats::xades;
use serde_json::{Value, json};

use super::acteur::Acteur;
use super::client::{Demande, DmpClient, Transaction};
use super::envois::{Envoi, Etat, Motif};
use super::erreur::Echec;
use super::existence::{self, Existence, Statut};
use super::lot::{self, DOCUMENT, Matiere, SIGNATURE};
use super::message::{Piece, inclusion};
use super::{defauts, file, redaction, registre};
use crate::document::{DocumentTenu, nouvel_oid};
use crate::identite::Usager;
use crate::identite::usager::InsTenu;
use crate::state::AppState;

/// What a trace of the DMP says beside who, when and about whom.
pub struct Tracee<'a> {
    /// `dmp.existence`, `dmp.alimentation`...
    pub nature: &'a str,
    /// Transaction (`TD2.1`).
    pub transaction: &'a str,
    /// Code of the answer.
    pub code: String,
    /// Document concerned.
    pub document: Option<&'a str>,
}

/// Writes the trace of a call.
pub fn tracer(state: &AppState, acteur: &Acteur, usager: &str, t: Tracee<'_>) {
    if state.mutant("dmp-no-trace") {
        return;
    }
    let mut details = BTreeMap::from([("transaction".to_owned(), json!(t.transaction))]);
    if let Some(document) = t.document {
        details.insert("document".to_owned(), json!(document));
    }
    details.insert("code".to_owned(), Value::String(t.code.clone()));
    state.trace(Trace {
        date: state.now(),
        auteur: acteur.identifiant.clone(),
        nature: t.nature.to_owned(),
        usager: Some(usager.to_owned()),
        mode: Some(t.transaction.to_owned()),
        code: Some(t.code),
        details,
    });
}

/// Code of an outcome, for a trace.
pub fn code<T>(outcome: &Result<T, Echec>) -> String {
    match outcome {
        Ok(_) => "success".to_owned(),
        Err(echec) => echec.code(),
    }
}

/// The client, when the DMP is configured.
pub fn client(state: &AppState) -> Result<&DmpClient, Echec> {
    state.dmp().client().ok_or(Echec::NonConfigure)
}

/// Makes a call of the feeding side.
pub async fn appeler(
    state: &AppState,
    demande: Demande<'_>,
) -> Result<super::message::Reponse, Echec> {
    client(state)?.appeler(state.clock(), demande).await
}

/// TD0.2, and what it says is kept.
pub async fn verifier(
    state: &AppState,
    usager: &Usager,
    ins: &InsTenu,
    acteur: &Acteur,
    mode: Mode,
) -> Result<Existence, Echec> {
    let dite = demander(state, usager, ins, acteur, mode).await;
    let code = match &dite {
        Ok(e) => match e.statut {
            Statut::Actif => "actif".to_owned(),
            Statut::Ferme => "ferme".to_owned(),
            Statut::Absent => "nf".to_owned(),
        },
        Err(echec) => echec.code(),
    };
    let mut trace = Tracee {
        nature: "dmp.existence",
        transaction: "TD0.2",
        code,
        document: None,
    };
    if let Ok(e) = &dite
        && !e.divergences.is_empty()
    {
        let champs = e.divergences.join(", ");
        let message = format!("L'identité connue du DMP diffère de celle du dossier ({champs}).");
        let now = state.now();
        state
            .dossiers()
            .ajouter_travail(now, Some(&usager.id), &message);
        trace.code.push_str(" divergence");
    }
    tracer(state, acteur, &usager.id, trace);
    if let Ok(e) = &dite {
        state.dossiers().dmp.panne = None;
        let existences = &mut state.dossiers().dmp.existences;
        existences.insert(usager.id.clone(), e.clone());
    }
    dite
}

async fn demander(
    state: &AppState,
    usager: &Usager,
    ins: &InsTenu,
    acteur: &Acteur,
    mode: Mode,
) -> Result<Existence, Echec> {
    let settings = client(state)?.settings();
    let mut corps = existence::demande(ins, settings, state.now());
    defauts::existence(&mut corps, state.mutants());
    let demande = Demande {
        transaction: Transaction::Existence,
        mode,
        acteur,
        ins: Some(ins),
        secrete: false,
        corps,
        pieces: Vec::new(),
    };
    let lue = appeler(state, demande).await;
    match lue.and_then(|r| existence::lire(&r, usager, ins, state.now(), state.mutants())) {
        Err(Echec::Illisible(_)) if state.mutant("dmp-any-body-is-success") => {
            Ok(supposee(Statut::Actif, ins, state.now()))
        }
        Err(echec) if state.mutant("dmp-existence-failure-read-as-open") => {
            state.log(&format!("dmp : existence supposée après {}", echec.code()));
            Ok(supposee(Statut::Actif, ins, state.now()))
        }
        Err(echec) if state.mutant("dmp-existence-failure-read-as-absent") => {
            state.log(&format!("dmp : absence supposée après {}", echec.code()));
            Ok(supposee(Statut::Absent, ins, state.now()))
        }
        lue => lue,
    }
}

fn supposee(statut: Statut, ins: &InsTenu, date: Timestamp) -> Existence {
    Existence {
        statut,
        autorisation: None,
        rattache_mes: None,
        divergences: Vec::new(),
        date,
        matricule: ins.matricule.to_string(),
    }
}

/// TD3.1b: the entryUUID of a document of ours.
pub async fn reference(
    state: &AppState,
    usager: &str,
    ins: &InsTenu,
    acteur: &Acteur,
    document: &str,
) -> Result<Option<String>, Echec> {
    let corps = registre::requete(
        registre::GET_DOCUMENTS,
        "ObjectRef",
        [registre::slot(
            "$XDSDocumentEntryUniqueId",
            [format!("('{document}')")],
        )],
    );
    let demande = Demande {
        transaction: Transaction::Recherche,
        mode: Mode::Indirecte,
        acteur,
        ins: Some(ins),
        secrete: false,
        corps,
        pieces: Vec::new(),
    };
    let lue = appeler(state, demande).await.and_then(|reponse| {
        registre::issue(&reponse)?;
        registre::references(&reponse)
    });
    tracer(
        state,
        acteur,
        usager,
        Tracee {
            nature: "dmp.recherche",
            transaction: "TD3.1b",
            code: code(&lue),
            document: Some(document),
        },
    );
    Ok(lue?.into_iter().next())
}

/// What must be known to send a document.
struct Dossier {
    usager: Usager,
    ins: InsTenu,
    tenu: DocumentTenu,
    envoi: Envoi,
}

fn ouvrir(state: &AppState, document: &str) -> Result<Dossier, Motif> {
    let now = state.now();
    let mut dossiers = state.dossiers();
    let absent = Motif::Retire;
    let envoi = dossiers.dmp.envoi(document).cloned().ok_or(absent)?;
    let tenu = dossiers
        .documents
        .iter()
        .find(|d| d.id == document)
        .cloned()
        .ok_or(absent)?;
    let usager = dossiers.usagers.get(&envoi.usager).cloned().ok_or(absent)?;
    if let Some(motif) = file::obstacle(&dossiers, &usager, state.mutants()) {
        return Err(motif);
    }
    let ins = usager.ins.clone().ok_or(Motif::Identite)?;
    let tenu = redaction::a_jour(&mut dossiers, &usager, &envoi, tenu, state.mutants());
    let ins = defauts::ins(&usager, ins, state.mutants());
    let Some(tenue) = dossiers.dmp.envoi_mut(document) else {
        return Err(absent);
    };
    tenue.tentatives += 1;
    let neuf = state.mutant("dmp-new-ids-at-each-attempt");
    if tenue.lot.is_none() || neuf {
        tenue.lot = Some(nouvel_oid());
        tenue.signature = Some(nouvel_oid());
        tenue.signe_le = Some(now);
    }
    let envoi = Envoi {
        lot: tenue.lot.clone(),
        signature: tenue.signature.clone(),
        signe_le: tenue.signe_le,
        tentatives: tenue.tentatives,
        ..envoi
    };
    Ok(Dossier {
        usager,
        ins,
        tenu,
        envoi,
    })
}

/// Tries to send one document of the queue. What comes out is in the records.
pub async fn envoyer(state: &AppState, document: &str) {
    let dossier = match ouvrir(state, document) {
        Ok(dossier) => dossier,
        Err(motif) => {
            if let Some(envoi) = state.dossiers().dmp.envoi_mut(document) {
                envoi.retenir(Etat::Bloque, motif);
            }
            return;
        }
    };
    let outcome = essayer(state, &dossier).await;
    if noter(state, document, outcome) && state.mutant("dmp-search-after-feeding") {
        let (acteur, usager) = (&dossier.envoi.acteur, &dossier.usager.id);
        // What it says does not matter: the call is the defect.
        let _ = reference(state, usager, &dossier.ins, acteur, document).await;
    }
}

/// Writes down what became of an attempt; true when the DMP has the document.
fn noter(state: &AppState, document: &str, outcome: Result<Option<Motif>, Echec>) -> bool {
    let now = state.now();
    let mutants = state.mutants();
    let mut dossiers = state.dossiers();
    match outcome {
        Ok(None) => {
            file::reussir(&mut dossiers, document, now);
            if mutants.mutant("dmp-proof-of-sending-lost")
                && let Some(envoi) = dossiers.dmp.envoi_mut(document)
            {
                (envoi.date, envoi.lot) = (None, None);
            }
        }
        Ok(Some(motif)) => {
            if let Some(envoi) = dossiers.dmp.envoi_mut(document) {
                envoi.retenir(Etat::Bloque, motif);
            }
            return false;
        }
        Err(_) if mutants.mutant("dmp-any-answer-is-success") => {
            file::reussir(&mut dossiers, document, now);
        }
        Err(echec)
            if echec.est("XDSRepositoryError")
                && mutants.mutant("dmp-repository-error-taken-as-sent") =>
        {
            file::reussir(&mut dossiers, document, now);
        }
        Err(Echec::Faute { .. }) if mutants.mutant("dmp-fault-taken-as-sent") => {
            file::reussir(&mut dossiers, document, now);
        }
        Err(echec) => {
            file::echouer(&mut dossiers, document, &echec, now, mutants);
            return false;
        }
    }
    true
}

/// `Ok(None)`: the DMP has it. `Ok(Some)`: it does not leave, and why.
async fn essayer(state: &AppState, d: &Dossier) -> Result<Option<Motif>, Echec> {
    let acteur = &d.envoi.acteur;
    let now = state.now();
    let connue = state
        .dossiers()
        .dmp
        .existences
        .get(&d.usager.id)
        .filter(|e| file::fraiche(e, &d.ins, now))
        .cloned();
    let existence = match connue {
        Some(connue) => connue,
        None if state.mutant("dmp-feeds-without-existence-test") => {
            supposee(Statut::Actif, &d.ins, now)
        }
        None => verifier(state, &d.usager, &d.ins, acteur, Mode::Indirecte).await?,
    };
    match existence.statut {
        Statut::Absent if !state.mutant("dmp-feeds-without-dmp") => {
            return Ok(Some(Motif::SansDmp));
        }
        Statut::Ferme if !state.mutant("dmp-feeds-closed-dmp") => return Ok(Some(Motif::Ferme)),
        _ => {}
    }
    if existence.autorisation.as_deref() == Some("interdit")
        && state.mutant("dmp-blocked-professional-stops-feeding")
    {
        return Ok(Some(Motif::SansDmp));
    }
    if existence.autorisation.as_deref() != Some("valide") && state.mutant("dmp-authorises-to-feed")
    {
        defauts::autoriser(state, acteur, &d.ins).await?;
    }
    let mut cible = cible(state, d).await?;
    let mut fraiche = false;
    loop {
        let outcome = soumettre(state, d, cible.as_deref()).await;
        match outcome {
            Err(echec) if deja_la(state, d, &echec) => return Ok(None),
            Err(echec) if perimee(&echec) && cible.is_some() && !fraiche => {
                if state.mutant("dmp-lost-reference-not-asked-again") {
                    return Err(echec);
                }
                if state.mutant("dmp-deprecated-target-retried-blindly") {
                    fraiche = true;
                    continue;
                }
                oublier(state, d);
                let autre = self::cible(state, d).await?;
                // The same reference to a version that is no longer current would be refused again.
                let inutile = echec.est("XDSRegistryDeprecatedDocumentError") && autre == cible;
                if inutile || autre.is_none() {
                    return Err(echec);
                }
                cible = autre;
                fraiche = true;
            }
            Err(echec) => return Err(echec),
            Ok(()) => return Ok(None),
        }
    }
}

/// The registry does not know the version to replace, or not as the current one.
fn perimee(echec: &Echec) -> bool {
    echec.est("UnresolvedReferenceException") || echec.est("XDSRegistryDeprecatedDocumentError")
}

/// An earlier attempt had been stored: its answer was lost, not the document.
fn deja_la(state: &AppState, d: &Dossier, echec: &Echec) -> bool {
    let incertain = state
        .dossiers()
        .dmp
        .envoi(&d.tenu.id)
        .is_some_and(|e| e.incertain);
    incertain
        && echec.est("XDSDuplicateUniqueIdInRegistry")
        && !state.mutant("dmp-duplicate-after-lost-answer-refused")
}

/// The entryUUID of the version to replace: known, or asked for. None when the DMP never had it.
async fn cible(state: &AppState, d: &Dossier) -> Result<Option<String>, Echec> {
    let Some(ancien) = &d.tenu.remplace else {
        return Ok(None);
    };
    let ancien = &premiere(state, ancien);
    if state.mutant("dmp-replaces-by-oid") {
        return Ok(Some(format!("urn:oid:{ancien}")));
    }
    if state.mutant("dmp-correction-sent-as-new") {
        return Ok(None);
    }
    let envoi = state.dossiers().dmp.envoi(ancien).cloned();
    let Some(envoi) = envoi.filter(|e| e.etat.accepte()) else {
        return Ok(None);
    };
    if let Some(entree) = envoi.entree {
        return Ok(Some(entree));
    }
    let acteur = &d.envoi.acteur;
    let trouvee = reference(state, &d.usager.id, &d.ins, acteur, ancien).await?;
    if let Some(tenue) = state.dossiers().dmp.envoi_mut(ancien) {
        tenue.entree.clone_from(&trouvee);
    }
    if trouvee.is_none() && envoi.etat != Etat::Supprime {
        return Err(Echec::Registre(vec![super::erreur::ErreurRegistre {
            code: "reference_introuvable".to_owned(),
            contexte: "la version précédente n'a pas été retrouvée dans le DMP".to_owned(),
            avertissement: false,
        }]));
    }
    Ok(trouvee)
}

/// The version to replace; the mutant goes back to the first of them.
fn premiere(state: &AppState, ancien: &str) -> String {
    let mut id = ancien.to_owned();
    while state.mutant("dmp-replaces-the-first-version") {
        let dossiers = state.dossiers();
        let plus_ancien = dossiers
            .dmp
            .envoi(&id)
            .and_then(|envoi| envoi.remplace.clone());
        match plus_ancien {
            Some(plus_ancien) => id = plus_ancien,
            None => break,
        }
    }
    id
}

fn oublier(state: &AppState, d: &Dossier) {
    if let Some(ancien) = &d.tenu.remplace
        && let Some(envoi) = state.dossiers().dmp.envoi_mut(ancien)
    {
        envoi.entree = None;
    }
}

/// TD2.1.
async fn soumettre(state: &AppState, d: &Dossier, cible: Option<&str>) -> Result<(), Echec> {
    let demande = preparer(state, d, cible)?;
    // From here on the DMP may have it, whatever happens to this process: written down before it leaves.
    let avant = incertain(state, d, true);
    state.sauver();
    let lue = appeler(state, demande)
        .await
        .and_then(|reponse| registre::issue(&reponse));
    tracer(
        state,
        &d.envoi.acteur,
        &d.usager.id,
        Tracee {
            nature: "dmp.alimentation",
            transaction: "TD2.1",
            code: code(&lue),
            document: Some(&d.tenu.id),
        },
    );
    if !lue.as_ref().is_err_and(Echec::reponse_perdue) {
        incertain(state, d, avant);
    }
    let lue = match lue {
        Err(Echec::Illisible(_)) if state.mutant("dmp-any-body-is-success") => return Ok(()),
        lue => lue?,
    };
    match lue {
        registre::Issue::Succes(_) => Ok(()),
        // A submission is taken whole or not at all.
        registre::Issue::Partiel(erreurs) => Err(Echec::Registre(erreurs)),
    }
}

/// Notes whether the DMP may hold the document without our knowing; returns what was noted before.
fn incertain(state: &AppState, d: &Dossier, noter: bool) -> bool {
    let mut dossiers = state.dossiers();
    dossiers
        .dmp
        .envoi_mut(&d.tenu.id)
        .is_some_and(|envoi| std::mem::replace(&mut envoi.incertain, noter))
}

fn preparer<'a>(
    state: &AppState,
    d: &'a Dossier,
    cible: Option<&str>,
) -> Result<Demande<'a>, Echec> {
    let client = client(state)?;
    let mutants = state.mutants();
    let now = state.now();
    let interne = |e: &dyn std::fmt::Display| Echec::Interne(e.to_string());
    let octets = STANDARD.decode(&d.tenu.contenu).map_err(|e| interne(&e))?;
    let lot_id = d.envoi.lot.clone().unwrap_or_default();
    let signature_id = d.envoi.signature.clone().unwrap_or_default();
    let signe_le = d.envoi.signe_le.unwrap_or(now);
    let signe = defauts::signe(&d.tenu.id, &octets, mutants);
    let signature = xades::write(
        &defauts::lot_signe(&lot_id, mutants),
        &[(signe.0.as_str(), signe.1.as_slice())],
        client.signer(),
        &signe_le.to_string(),
        Digest::Sha256,
    )
    .map_err(|e| interne(&e))?;
    let signature = defauts::signature(signature, mutants).into_bytes();
    let choix = DmpChoix::from(&d.envoi.choix);
    let choix = defauts::choix(choix, mutants);
    let settings = client.settings();
    let matiere = Matiere {
        usager: &d.usager,
        ins: &d.ins,
        acteur: &d.envoi.acteur,
        document: &d.tenu,
        octets: &octets,
        signature: &signature,
        lot: &lot_id,
        signature_id: &signature_id,
        choix: &choix,
        remplace: cible,
        date: now,
        signe_le,
        source: &settings.lps_oid,
        structure: &settings.structure,
    };
    let cids = [
        format!("document-{}@dui-temoin.diapason.test", d.tenu.id),
        format!("signature-{signature_id}@dui-temoin.diapason.test"),
    ];
    let mut corps = lot::alimentation(
        &matiere,
        [
            (DOCUMENT, inclusion(&cids[0])),
            (SIGNATURE, inclusion(&cids[1])),
        ],
    );
    defauts::lot(&mut corps, &matiere, mutants);
    let [cid, cid_signature] = cids;
    let mode = if mutants.mutant("dmp-feeds-in-air") {
        Mode::IndirecteRenforcee
    } else {
        Mode::Indirecte
    };
    Ok(Demande {
        transaction: Transaction::Soumission,
        mode,
        acteur: &d.envoi.acteur,
        ins: Some(&d.ins),
        secrete: choix.connexion_secrete,
        corps,
        pieces: vec![
            Piece { cid, octets },
            Piece {
                cid: cid_signature,
                octets: signature,
            },
        ],
    })
}

//! The queue: what enters it, what may leave, what is due. Pure decisions over the records; nothing is sent from here.

use diapason_core::Timestamp;
use diapason_core::driver::DmpChoix;
use diapason_core::ins::Statut as Identite;

use super::acteur::Acteur;
use super::envois::{Envoi, Etat, Motif};
use super::erreur::Echec;
use super::existence::{Existence, Statut};
use crate::document::DocumentTenu;
use crate::document::heure;
use crate::dossier::Dossiers;
use crate::identite::Usager;
use crate::identite::usager::InsTenu;
use crate::mutants::Mutants;

/// Waits between two attempts, seconds; the last one goes on.
const ATTENTES: [i64; 4] = [60, 300, 900, 3_600];

/// What forbids feeding about this person here, whatever the DMP says.
pub fn obstacle(dossiers: &Dossiers, usager: &Usager, mutants: &Mutants) -> Option<Motif> {
    let qualifiee = usager.statut == Identite::Qualifiee
        || usager.ins.is_some() && mutants.mutant("dmp-feeds-recuperee");
    let bloquee = usager.bloque().is_some();
    if !qualifiee || usager.ins.is_none() || bloquee {
        return Some(Motif::Identite);
    }
    let consentement = dossiers.dmp.consentement(&usager.id);
    if consentement.opposition_alimentation && !mutants.mutant("dmp-opposition-ignored") {
        return Some(Motif::Opposition);
    }
    None
}

/// A validated document enters: it is queued, or kept for a reason.
pub fn deposer(
    dossiers: &mut Dossiers,
    tenu: &DocumentTenu,
    acteur: Acteur,
    choix: &DmpChoix,
    mutants: &Mutants,
) {
    let mut envoi = Envoi::nouveau(tenu, acteur, choix, Etat::EnAttente);
    let motif = dossiers
        .usagers
        .get(&tenu.usager)
        .and_then(|usager| obstacle(dossiers, usager, mutants));
    if choix.ne_pas_envoyer && !mutants.mutant("dmp-choice-not-to-send-ignored") {
        envoi.retenir(Etat::NonEnvoye, Motif::Choix);
    } else if !dossiers.reglages.dmp_automatique {
        envoi.retenir(Etat::NonEnvoye, Motif::Raccordement);
    } else if let Some(motif) = motif {
        envoi.retenir(Etat::Bloque, motif);
    } else if mutants.mutant("dmp-sent-by-hand-only") {
        // Waits until someone asks for it.
        envoi.prochaine = Some(Timestamp::from_unix_millis(
            tenu.date.unix_millis() + 315_360_000_000,
        ));
    }
    if envoi.etat == Etat::EnAttente && dossiers.dmp.panne.is_some() {
        let attente = "Le DMP ne répond pas : le document partira dès son retour.";
        envoi.message = Some(attente.to_owned());
    }
    dossiers.dmp.envois.push(envoi);
}

/// Looks again at what is blocked or waiting, after anything changed here.
pub fn revoir(dossiers: &mut Dossiers, now: Timestamp, mutants: &Mutants) {
    for n in 0..dossiers.dmp.envois.len() {
        let envoi = &dossiers.dmp.envois[n];
        let Some(usager) = dossiers.usagers.get(&envoi.usager) else {
            continue;
        };
        let obstacle = obstacle(dossiers, usager, mutants);
        let connue = dossiers
            .dmp
            .existences
            .get(&envoi.usager)
            .filter(|e| usager.ins.as_ref().is_some_and(|ins| fraiche(e, ins, now)));
        let (etat, motif) = (envoi.etat, envoi.motif);
        let envoi = &mut dossiers.dmp.envois[n];
        match (etat, motif) {
            (Etat::EnAttente, _) => {
                if let Some(motif) = obstacle {
                    envoi.retenir(Etat::Bloque, motif);
                }
            }
            // What was validated under an opposition stays here when the opposition ends.
            (Etat::Bloque, Some(Motif::Identite))
                if obstacle.is_none() && !mutants.mutant("dmp-blocked-for-ever") =>
            {
                envoi.mettre_en_attente();
            }
            (Etat::Bloque, Some(Motif::SansDmp | Motif::Ferme))
                if obstacle.is_none() && connue.is_some_and(|e| e.statut == Statut::Actif) =>
            {
                envoi.mettre_en_attente();
            }
            _ => {}
        }
    }
}

/// Was it asked today, under this matricule?
pub fn fraiche(existence: &Existence, ins: &InsTenu, now: Timestamp) -> bool {
    let jour = |at: Timestamp| heure::paris(at).date();
    jour(existence.date) == jour(now) && existence.matricule == ins.matricule.as_str()
}

/// The next document due, if any: oldest first, and never before the version it replaces.
pub fn suivant(dossiers: &Dossiers, now: Timestamp, mutants: &Mutants) -> Option<String> {
    let envois = &dossiers.dmp.envois;
    if dossiers.dmp.panne.is_some_and(|fin| fin > now) {
        return None;
    }
    let du = |e: &&Envoi| {
        e.etat == Etat::EnAttente
            && e.prochaine.is_none_or(|at| at <= now)
            && (mutants.mutant("dmp-replacement-out-of-order") || !precede(envois, e))
            && !(mutants.mutant("dmp-past-acts-never-leave") && ancien(dossiers, e, now))
    };
    if mutants.mutant("dmp-queue-of-ten") {
        return envois.iter().take(10).find(du).map(|e| e.document.clone());
    }
    if mutants.mutant("dmp-refusal-stops-the-queue")
        && envois.iter().any(|e| e.etat == Etat::Refuse)
    {
        return None;
    }
    if mutants.mutant("dmp-replacement-out-of-order") {
        return envois.iter().rev().find(du).map(|e| e.document.clone());
    }
    envois.iter().find(du).map(|e| e.document.clone())
}

/// Is the act more than a month old? Only a mutant asks.
fn ancien(dossiers: &Dossiers, envoi: &Envoi, now: Timestamp) -> bool {
    const MOIS: i64 = 30 * 24 * 3600 * 1000;
    dossiers
        .documents
        .iter()
        .find(|d| d.id == envoi.document)
        .and_then(|d| d.acte)
        .is_some_and(|acte| now.millis_since(acte) > MOIS)
}

/// Does the version it replaces still wait?
fn precede(envois: &[Envoi], envoi: &Envoi) -> bool {
    envoi.remplace.as_ref().is_some_and(|ancien| {
        envois
            .iter()
            .any(|e| e.document == *ancien && e.etat == Etat::EnAttente)
    })
}

/// When something waits next, if anything does.
pub fn prochaine(dossiers: &Dossiers) -> Option<Timestamp> {
    dossiers
        .dmp
        .envois
        .iter()
        .filter(|e| e.etat == Etat::EnAttente)
        .map(|e| e.prochaine.max(dossiers.dmp.panne))
        .min()
        .flatten()
}

/// An attempt failed.
pub fn echouer(
    dossiers: &mut Dossiers,
    document: &str,
    echec: &Echec,
    now: Timestamp,
    mutants: &Mutants,
) {
    if !matches!(echec, Echec::Reseau(_) | Echec::Http(_)) {
        dossiers.dmp.panne = None;
    }
    let plus_tard = echec.a_reprendre() && !mutants.mutant("dmp-never-retries")
        || matches!(echec, Echec::Faute { .. } | Echec::Registre(_))
            && mutants.mutant("dmp-retries-sender-faults");
    let Some(envoi) = dossiers.dmp.envoi_mut(document) else {
        return;
    };
    envoi.manuelle = matches!(echec, Echec::Faute { .. });
    envoi.code = Some(echec.code());
    envoi.message = Some(
        if mutants.mutant("dmp-error-not-shown")
            || echec.est("DMPInvalidCertificate") && mutants.mutant("dmp-certificate-alert-lost")
            || matches!(echec, Echec::Faute { horloge: true, .. })
                && mutants.mutant("dmp-clock-gap-unnoticed")
        {
            "L'envoi n'a pas abouti.".to_owned()
        } else {
            echec.message()
        },
    );
    if !plus_tard {
        envoi.etat = Etat::Refuse;
        envoi.prochaine = None;
        return;
    }
    let rang = (envoi.tentatives.max(1) as usize - 1).min(ATTENTES.len() - 1);
    let secondes = if mutants.mutant("dmp-retries-at-once") {
        0
    } else {
        ATTENTES[rang]
    };
    let quand = Timestamp::from_unix_millis(now.unix_millis() + secondes * 1000);
    envoi.prochaine = Some(quand);
    let joignable = !matches!(echec, Echec::Reseau(_) | Echec::Http(_));
    if joignable || secondes == 0 {
        return;
    }
    // Nobody answers: whatever else is due would only meet the same silence.
    dossiers.dmp.panne = Some(quand);
    for autre in &mut dossiers.dmp.envois {
        if autre.etat == Etat::EnAttente {
            autre.message.get_or_insert_with(|| echec.message());
        }
    }
}

/// The DMP has it.
pub fn reussir(dossiers: &mut Dossiers, document: &str, now: Timestamp) {
    dossiers.dmp.panne = None;
    dossiers.dmp.formes.remove(document);
    let Some(envoi) = dossiers.dmp.envoi_mut(document) else {
        return;
    };
    envoi.etat = Etat::Envoye;
    envoi.motif = None;
    envoi.message = None;
    envoi.code = Some("success".to_owned());
    envoi.prochaine = None;
    envoi.incertain = false;
    envoi.date = Some(now);
    let ancien = envoi.remplace.clone();
    if let Some(ancien) = ancien.and_then(|id| dossiers.dmp.envoi_mut(&id))
        && ancien.etat == Etat::Envoye
    {
        ancien.etat = Etat::Remplace;
    }
}

/// Local day of an instant, `AAAA-MM-JJ`.
pub fn jour(at: Timestamp) -> String {
    heure::paris(at).date().to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::dmp::erreur::ErreurRegistre;
    use crate::document::site::SITE;
    use crate::http::Rupture;
    use crate::identite::usager::tests::{at, ins, zoe};

    fn now() -> Timestamp {
        at("2026-01-15T09:00:00.000Z")
    }

    fn later(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(now().unix_millis() + seconds * 1000)
    }

    fn tenu(id: &str, remplace: Option<&str>) -> DocumentTenu {
        DocumentTenu {
            id: id.to_owned(),
            set_id: "2.25.9".to_owned(),
            version: 1,
            usager: "u1".to_owned(),
            nature: "80788-3".to_owned(),
            titre: "Essai".to_owned(),
            date: now(),
            remplace: remplace.map(str::to_owned),
            contenu: String::new(),
            ins: None,
            acte: None,
            format: "cda-n1".to_owned(),
        }
    }

    fn qualified() -> Dossiers {
        let mut dossiers = Dossiers::default();
        let mut zoe = zoe();
        zoe.statut = Identite::Qualifiee;
        zoe.ins = Some(ins("2751263220749", "1.2.250.1.213.1.4.8"));
        dossiers.usagers.insert("u1".to_owned(), zoe);
        dossiers
    }

    fn depose(dossiers: &mut Dossiers, id: &str, remplace: Option<&str>) {
        let acteur = Acteur::du_site(&SITE.professionnel, now());
        let choix = DmpChoix::default();
        deposer(
            dossiers,
            &tenu(id, remplace),
            acteur,
            &choix,
            &Mutants::default(),
        );
    }

    fn next(dossiers: &Dossiers, at: Timestamp) -> Option<String> {
        suivant(dossiers, at, &Mutants::default())
    }

    fn etat(dossiers: &Dossiers, id: &str) -> Etat {
        dossiers.dmp.envoi(id).unwrap().etat
    }

    #[test]
    fn attempts_are_spaced_out_more_and_more() {
        let mut d = qualified();
        depose(&mut d, "1", None);
        let mut when = now();
        for expected in [60, 300, 900, 3_600, 3_600] {
            assert_eq!(next(&d, when).as_deref(), Some("1"));
            d.dmp.envoi_mut("1").unwrap().tentatives += 1;
            let echec = Echec::Reseau(Rupture::Delai);
            echouer(&mut d, "1", &echec, when, &Mutants::default());
            assert_eq!(next(&d, when), None);
            let due = prochaine(&d).unwrap();
            assert_eq!(due.millis_since(when), expected * 1000);
            when = due;
        }
    }

    #[test]
    fn a_refusal_is_final_and_holds_nobody_up() {
        let mut d = qualified();
        depose(&mut d, "1", None);
        depose(&mut d, "2", None);
        let refused = Echec::Registre(vec![ErreurRegistre {
            code: "XDSRepositoryMetadataError".to_owned(),
            contexte: String::new(),
            avertissement: false,
        }]);
        echouer(&mut d, "1", &refused, now(), &Mutants::default());
        assert_eq!(etat(&d, "1"), Etat::Refuse);
        assert_eq!(next(&d, now()).as_deref(), Some("2"));
        reussir(&mut d, "2", now());
        assert_eq!(next(&d, later(1_000_000)), None);
    }

    #[test]
    fn when_nobody_answers_the_others_wait_too() {
        let mut d = qualified();
        depose(&mut d, "1", None);
        depose(&mut d, "2", None);
        d.dmp.envoi_mut("1").unwrap().tentatives = 1;
        let down = Echec::Reseau(Rupture::Connexion);
        echouer(&mut d, "1", &down, now(), &Mutants::default());
        assert_eq!(next(&d, now()), None);
        depose(&mut d, "3", None);
        assert_eq!(next(&d, now()), None);
        assert!(d.dmp.envoi("3").unwrap().message.is_some());
        assert_eq!(prochaine(&d), Some(later(60)));
        assert_eq!(next(&d, later(60)).as_deref(), Some("1"));
        assert!(!d.dmp.envoi("1").unwrap().incertain);
    }

    #[test]
    fn a_replacement_waits_for_what_it_replaces() {
        let mut d = qualified();
        depose(&mut d, "1", None);
        depose(&mut d, "2", Some("1"));
        let envoi = d.dmp.envoi_mut("1").unwrap();
        envoi.prochaine = Some(later(60));
        assert_eq!(next(&d, now()), None);
        reussir(&mut d, "1", now());
        assert_eq!(next(&d, now()).as_deref(), Some("2"));
        reussir(&mut d, "2", now());
        assert_eq!(
            (etat(&d, "1"), etat(&d, "2")),
            (Etat::Remplace, Etat::Envoye)
        );
    }

    #[test]
    fn identity_and_opposition_hold_documents_back() {
        let none = Mutants::default();
        let mut d = qualified();
        d.usagers.get_mut("u1").unwrap().statut = Identite::Recuperee;
        depose(&mut d, "1", None);
        assert_eq!(etat(&d, "1"), Etat::Bloque);
        d.usagers.get_mut("u1").unwrap().statut = Identite::Qualifiee;
        revoir(&mut d, now(), &none);
        assert_eq!(etat(&d, "1"), Etat::EnAttente);
        let said = d.dmp.consentements.entry("u1".to_owned()).or_default();
        said.opposition_alimentation = true;
        revoir(&mut d, now(), &none);
        assert_eq!(d.dmp.envoi("1").unwrap().motif, Some(Motif::Opposition));
        d.dmp.consentements.clear();
        revoir(&mut d, now(), &none);
        assert_eq!(etat(&d, "1"), Etat::Bloque);
        depose(&mut d, "2", None);
        assert_eq!(next(&d, now()).as_deref(), Some("2"));
    }
}

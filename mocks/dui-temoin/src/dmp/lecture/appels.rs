//! The calls of a consultation, in their order: existence, authorisation, search, contents. What comes out is kept.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use diapason_core::Timestamp;
use diapason_core::driver::{
    DmpConsultation, DmpContenu, DmpEtat, DmpListe, DmpOuvert, DmpRecherche,
};
use diapason_formats::vihf::Mode;
use roxmltree::Document;

use super::consultation::Entete;
use super::{
    Affichage, Criteres, Entree, Etat, Import, LOT, Recu, afficher, associations, documents_recus,
    entrees, examiner, requetes,
};
use crate::dmp::acteur::{self, Acteur, Connexion};
use crate::dmp::alimentation::{self, Tracee, tracer};
use crate::dmp::client::{Demande, Transaction};
use crate::dmp::envois::{Etat as Envoye, Motif};
use crate::dmp::erreur::Echec;
use crate::dmp::existence::{Existence, Statut};
use crate::dmp::message::{Reponse, corps};
use crate::dmp::registre::{Issue, issue};
use crate::document::noeud::Noeud;
use crate::identite::Usager;
use crate::identite::edition::ins_diffusable;
use crate::identite::usager::InsTenu;
use crate::state::AppState;

const HABILITATIONS: &str = "urn:si-dmp-habilitations";
/// How far before the last visit news are looked for, milliseconds.
const RECOUVREMENT: i64 = 86_400_000;

/// Why a consultation stops.
#[derive(Debug)]
pub enum Arret {
    /// A rule of the product, or what the person said.
    Refus(String),
    /// The DMP did not do it.
    Echec(Echec),
}

impl From<Echec> for Arret {
    fn from(echec: Echec) -> Self {
        Self::Echec(echec)
    }
}

impl Arret {
    /// What the user reads, with the code that support will ask for.
    pub fn message(&self) -> String {
        match self {
            Self::Refus(message) => message.clone(),
            Self::Echec(echec) => alerte(echec),
        }
    }
}

/// What the user reads of a failure, with its code.
fn alerte(echec: &Echec) -> String {
    let (message, code) = (echec.message(), echec.code());
    if message.contains(&code) {
        return message;
    }
    format!("{message} [{code}]")
}

fn refus(message: &str) -> Arret {
    Arret::Refus(message.to_owned())
}

/// A professional, and the person whose DMP he looks at.
pub struct Visite<'a> {
    state: &'a AppState,
    usager: Usager,
    ins: InsTenu,
    acteur: Acteur,
}

impl<'a> Visite<'a> {
    /// Only for a qualified identity, and with Pro Santé Connect.
    pub async fn ouvrir(
        state: &'a AppState,
        usager: Usager,
        session: Option<&str>,
    ) -> Result<Self, Arret> {
        let ins = ins_diffusable(&usager, state.mutants()).cloned().ok_or_else(|| {
            refus("L'identité de cette personne n'est pas qualifiée : son DMP ne peut pas être consulté.")
        })?;
        let acteur = acteur::de_session(state, session).await.ok_or_else(|| {
            refus("Personne n'est connecté : connectez-vous avec Pro Santé Connect.")
        })?;
        if acteur.connexion != Connexion::Psc {
            return Err(refus(
                "Le DMP se consulte avec Pro Santé Connect : connectez-vous par ce moyen.",
            ));
        }
        Ok(Self {
            state,
            usager,
            ins,
            acteur,
        })
    }

    fn mode(&self) -> Mode {
        if self.state.mutant("dmp-reads-in-indirecte") {
            Mode::Indirecte
        } else {
            Mode::IndirecteRenforcee
        }
    }

    async fn appeler(&self, transaction: Transaction, corps: Noeud) -> Result<Reponse, Echec> {
        let demande = Demande {
            transaction,
            mode: self.mode(),
            acteur: &self.acteur,
            ins: Some(&self.ins),
            secrete: false,
            corps,
            pieces: Vec::new(),
        };
        alimentation::appeler(self.state, demande).await
    }

    fn tracer(&self, nature: &str, transaction: &str, code: String, document: Option<&str>) {
        let trace = Tracee {
            nature,
            transaction,
            code,
            document,
        };
        tracer(self.state, &self.acteur, &self.usager.id, trace);
    }

    fn consentie(&self) -> Result<(), Arret> {
        let dit = self.state.dossiers().dmp.consentement(&self.usager.id);
        if self.state.mutant("dmp-reads-without-consent") {
            return Ok(());
        }
        match dit.consultation {
            Some(true) => Ok(()),
            Some(false) => Err(refus("La personne s'oppose à la consultation de son DMP.")),
            None => Err(refus(
                "Recueillez d'abord l'accord de la personne pour consulter son DMP.",
            )),
        }
    }

    /// TD0.2 in the name of the professional.
    pub async fn existence(&self) -> Result<Existence, Echec> {
        let mode = self.mode();
        alimentation::verifier(self.state, &self.usager, &self.ins, &self.acteur, mode).await
    }

    /// TD0.3.
    async fn declarer(&self, retirer: bool) -> Result<(), Arret> {
        let lue = self
            .appeler(Transaction::Autorisation, requetes::autorisation(retirer))
            .await
            .and_then(|reponse| statut(&reponse));
        let code = match &lue {
            Ok((statut, _)) if statut == "DMPOk" => "success".to_owned(),
            Ok((statut, _)) => statut.clone(),
            Err(echec) => echec.code(),
        };
        self.tracer("dmp.autorisation", "TD0.3", code, None);
        let (statut, contexte) = lue?;
        if statut == "DMPOk" || self.state.mutant("dmp-authorisation-status-unread") {
            return Ok(());
        }
        let dit = if contexte.is_empty() {
            String::new()
        } else {
            format!(" : {contexte}")
        };
        Err(Arret::Refus(format!(
            "Le DMP n'a pas enregistré votre autorisation{dit} ({statut})."
        )))
    }

    /// Declares or removes the authorisation, once the professional confirmed that the person agrees.
    pub async fn autoriser(&self, retirer: bool, confirme: bool) -> Result<DmpEtat, Arret> {
        if !confirme && !self.state.mutant("dmp-authorises-unconfirmed") {
            return Err(refus(
                "Confirmez que la personne, informée, est d'accord avant de déclarer l'autorisation.",
            ));
        }
        self.declarer(retirer).await?;
        Ok(self.existence().await?.etat(self.state.mutants()))
    }

    /// May the professional read this DMP? An authorisation that is missing or has expired is declared: the person's
    /// consent was recorded. One that she forbade is not asked for.
    async fn acceder(&self) -> Result<(), Arret> {
        if self.state.mutant("dmp-searches-without-existence-test") {
            return Ok(());
        }
        let existence = self.existence().await?;
        match existence.statut {
            Statut::Absent => return Err(refus("Cette personne n'a pas de DMP.")),
            Statut::Ferme => {
                return Err(refus(
                    "Le DMP de cette personne est fermé : il ne peut pas être consulté.",
                ));
            }
            Statut::Actif => {}
        }
        match existence.autorisation.as_deref() {
            Some("valide") => Ok(()),
            Some("interdit") if self.state.mutant("dmp-authorises-when-blocked") => {
                self.declarer(false).await
            }
            Some("interdit") => Err(refus(
                "La personne a bloqué votre accès à son DMP : vous ne pouvez pas le consulter.",
            )),
            _ if self.state.mutant("dmp-consent-not-enough") => Err(refus(
                "Déclarez d'abord votre autorisation d'accès à ce DMP.",
            )),
            _ => self.declarer(false).await,
        }
    }

    async fn interroger(&self, transaction: &str, corps: Noeud) -> Result<(Reponse, Issue), Echec> {
        let lue = self
            .appeler(Transaction::Recherche, corps)
            .await
            .and_then(|reponse| Ok((issue(&reponse)?, reponse)));
        let code = alimentation::code(&lue);
        self.tracer("dmp.recherche", transaction, code, None);
        lue.map(|(issue, reponse)| (reponse, issue))
    }

    /// The documents described by these references, asked for a few at a time, and which of them were replaced.
    async fn decrire(&self, uuids: &[String]) -> Result<(Vec<Entree>, BTreeSet<String>), Echec> {
        let mut toutes = Vec::new();
        let mut remplaces = BTreeSet::new();
        let lot = if self.state.mutant("dmp-hundred-references-at-once") {
            100
        } else {
            LOT
        };
        for quelques in uuids.chunks(lot) {
            let (reponse, _) = self
                .interroger("TD3.1a", requetes::documents(quelques))
                .await?;
            toutes.extend(entrees(&reponse)?);
            let liens = associations(&reponse)?;
            remplaces.extend(
                liens
                    .into_iter()
                    .filter(|a| a.nature == "RPLC")
                    .map(|a| a.cible),
            );
        }
        Ok((toutes, remplaces))
    }

    /// What was submitted since the last visit: lots, then what they hold, then the documents. Clocks differ and lots are
    /// written down late: the day before counts too, and what was already listed is no news.
    async fn nouveautes(&self, visite: Timestamp) -> Result<Vec<Entree>, Echec> {
        let depuis = Timestamp::from_unix_millis(visite.unix_millis() - RECOUVREMENT);
        let (reponse, _) = self
            .interroger("TD3.1a", requetes::lots(&self.ins, depuis))
            .await?;
        let lots = super::ids_de_lots(&reponse)?;
        let mut cibles: Vec<String> = Vec::new();
        for quelques in lots.chunks(LOT) {
            let (reponse, _) = self
                .interroger("TD3.1a", requetes::associations_de(quelques))
                .await?;
            for lien in associations(&reponse)? {
                if lien.nature == "HasMember" && !cibles.contains(&lien.cible) {
                    cibles.push(lien.cible);
                }
            }
        }
        let mut nouvelles = self.decrire(&cibles).await?.0;
        let dossiers = self.state.dossiers();
        if let Some(lecture) = dossiers.dmp.lectures.de(&self.usager.id) {
            nouvelles.retain(|e| !lecture.vus.contains(&e.unique_id));
        }
        // A document replaced since then is no news either: its new version is.
        nouvelles.retain(|e| e.etat == Etat::Actif);
        Ok(nouvelles)
    }

    /// A search. `Ok`: what is shown, with an alert when something went wrong.
    pub async fn rechercher(&self, form: &DmpRecherche) -> Result<DmpListe, Arret> {
        self.consentie()?;
        match self.acceder().await {
            Err(Arret::Echec(echec)) => return Ok(vide(&echec)),
            acces => acces?,
        }
        let state = self.state;
        let now = state.now();
        let visite = state
            .dossiers()
            .dmp
            .lectures
            .de(&self.usager.id)
            .and_then(|lecture| lecture.visite);
        let criteres = Criteres {
            types: &form.types,
            depuis: form.depuis.as_deref(),
            toutes_versions: form.toutes_versions,
            deja_venu: visite.is_some(),
        };
        let tous = state.mutant("dmp-everything-is-new");
        let mut alertes = Vec::new();
        let trouvees = if let Some(depuis) = visite.filter(|_| form.nouveautes && !tous) {
            self.nouveautes(depuis).await.map(|toutes| {
                let voulue = |e: &Entree| form.types.is_empty() || form.types.contains(&e.r#type);
                toutes.into_iter().filter(voulue).collect()
            })
        } else {
            let corps = requetes::recherche(&self.ins, &criteres, now, state.mutants())
                .map_err(Arret::Refus)?;
            self.interroger("TD3.1a", corps)
                .await
                .and_then(|(reponse, issue)| {
                    if let Issue::Partiel(erreurs) = issue {
                        alertes.push(partielle(&erreurs));
                    }
                    entrees(&reponse)
                })
        };
        let mut trouvees: Vec<Entree> = match trouvees {
            Ok(trouvees) => trouvees,
            Err(echec) => return Ok(vide(&echec)),
        };
        if state.mutant("dmp-hundred-references-at-once") {
            // Asks again, by reference and all at once, for what the search has described.
            let uuids: Vec<String> = trouvees.iter().map(|e| e.entry_uuid.clone()).collect();
            if let Ok((decrites, _)) = self.decrire(&uuids).await {
                trouvees = decrites;
            }
        }
        if state.mutant("dmp-former-matricule-dropped") {
            let matricule = self.ins.matricule.to_string();
            trouvees.retain(|e| e.patient.starts_with(&matricule));
        }
        if let Some(dit) = self.suivre(&trouvees).await {
            alertes.push(dit);
        }
        let mut dossiers = state.dossiers();
        let ici: Vec<String> = dossiers
            .documents
            .iter()
            .filter(|d| d.usager == self.usager.id)
            .map(|d| d.id.clone())
            .collect();
        let ici = ici.iter().map(String::as_str).collect();
        let lecture = dossiers.dmp.lectures.de_mut(&self.usager.id);
        let trouves: BTreeSet<String> = trouvees.iter().map(|e| e.unique_id.clone()).collect();
        let nouveaux = lecture.lister(trouvees, now, tous);
        let mut liste = lecture.liste(&ici, state.mutant("dmp-utc-shown"));
        liste.documents.retain(|d| trouves.contains(&d.unique_id));
        liste.nouveaux = Some(nouveaux);
        liste.alerte = (!alertes.is_empty()).then(|| alertes.join(" "));
        Ok(liste)
    }

    /// What became of the documents kept earlier: those that a search no longer lists are asked for by reference.
    async fn suivre(&self, trouvees: &[Entree]) -> Option<String> {
        if self.state.mutant("dmp-new-versions-missed") {
            return None;
        }
        let perdus: Vec<String> = {
            let dossiers = self.state.dossiers();
            let lecture = dossiers.dmp.lectures.de(&self.usager.id)?;
            lecture
                .imports
                .iter()
                .filter(|i| i.etat == Etat::Actif)
                .filter(|i| !trouvees.iter().any(|e| e.unique_id == i.unique_id))
                .filter_map(|i| i.entry_uuid.clone())
                .collect()
        };
        let (mut connues, remplaces) = if perdus.is_empty() {
            (Vec::new(), BTreeSet::new())
        } else {
            // What cannot be followed today will be next time: the search itself has succeeded.
            self.decrire(&perdus).await.unwrap_or_default()
        };
        connues.extend(trouvees.iter().cloned());
        let touches = self
            .state
            .dossiers()
            .dmp
            .lectures
            .de_mut(&self.usager.id)
            .suivre(&connues, &remplaces);
        (!touches.is_empty()).then(|| {
            format!(
                "Une version plus récente existe dans le DMP, ou le document y a été retiré : {}.",
                touches.join(", ")
            )
        })
    }

    /// Opens documents; those kept are not asked for again.
    pub async fn consulter(&self, form: &DmpConsultation) -> Result<DmpContenu, Arret> {
        self.consentie()?;
        let mut contenu = DmpContenu {
            documents: Vec::new(),
            manquants: Vec::new(),
            alerte: None,
        };
        let mut alertes: Vec<String> = Vec::new();
        let mut demandes: Vec<(String, Option<Entree>)> = Vec::new();
        {
            let mut dossiers = self.state.dossiers();
            let lecture = dossiers.dmp.lectures.de_mut(&self.usager.id);
            for id in &form.documents {
                match lecture.import(id) {
                    Some(garde) if !self.state.mutant("dmp-downloads-again") => {
                        let octets = STANDARD.decode(&garde.contenu).unwrap_or_default();
                        contenu.documents.push(self.montrer(id, &octets, false));
                    }
                    _ if demandes.iter().any(|(deja, _)| deja == id) => {}
                    _ => {
                        let entree = lecture.entrees.iter().find(|e| e.unique_id == *id);
                        demandes.push((id.clone(), entree.cloned()));
                    }
                }
            }
        }
        if demandes.is_empty() {
            return Ok(contenu);
        }
        match self.acceder().await {
            Err(Arret::Echec(echec)) => {
                contenu.manquants = demandes.into_iter().map(|(id, _)| id).collect();
                contenu.alerte = Some(alerte(&echec));
                return Ok(contenu);
            }
            acces => acces?,
        }
        let recus = self.recuperer(&demandes, &mut alertes).await;
        for (id, entree) in demandes {
            let Some(recu) = recus.iter().find(|r| r.unique_id == id) else {
                contenu.manquants.push(id);
                continue;
            };
            match examiner(recu, entree.as_ref(), &self.usager, self.state.mutants()) {
                Ok(entete) => {
                    let premier = contenu.documents.is_empty();
                    if form.integrer
                        && (premier || !self.state.mutant("dmp-keeps-the-first-only"))
                        && let Some(dit) = self.garder(recu, entree, entete)
                    {
                        alertes.push(dit);
                    }
                    contenu
                        .documents
                        .push(self.montrer(&id, &recu.octets, true));
                }
                Err(dit) => {
                    self.tracer("dmp.consultation", "TD3.2", "ecarte".to_owned(), Some(&id));
                    alertes.push(dit);
                    contenu.manquants.push(id);
                }
            }
        }
        let tu = self.state.mutant("dmp-partial-answer-unsaid") && !contenu.documents.is_empty();
        if !contenu.manquants.is_empty() && alertes.is_empty() {
            alertes.push("Des documents demandés ne sont pas venus du DMP.".to_owned());
        }
        if tu {
            contenu.manquants.clear();
        }
        contenu.alerte = (!alertes.is_empty() && !tu).then(|| alertes.join(" "));
        Ok(contenu)
    }

    /// TD3.2. What came, and why the rest did not.
    async fn recuperer(
        &self,
        demandes: &[(String, Option<Entree>)],
        alertes: &mut Vec<String>,
    ) -> Vec<Recu> {
        let corps = requetes::a_recuperer(demandes, self.state.mutants());
        let lue = self
            .appeler(Transaction::Consultation, corps)
            .await
            .and_then(|reponse| {
                let issue = issue(&reponse)?;
                Ok((documents_recus(&reponse, self.state.mutants())?, issue))
            });
        let code = match &lue {
            Ok((_, Issue::Partiel(_))) => "PartialSuccess".to_owned(),
            lue => alimentation::code(lue),
        };
        for (id, _) in demandes {
            self.tracer("dmp.consultation", "TD3.2", code.clone(), Some(id));
        }
        match lue {
            Ok((recus, Issue::Succes(_))) => recus,
            Ok((_, Issue::Partiel(erreurs))) if self.state.mutant("dmp-partial-answer-dropped") => {
                alertes.push(partielle(&erreurs));
                Vec::new()
            }
            Ok((recus, Issue::Partiel(erreurs))) => {
                alertes.push(partielle(&erreurs));
                recus
            }
            Err(echec) => {
                if self.state.mutant("dmp-multipart-fault-misread")
                    && matches!(echec, Echec::Faute { .. })
                {
                    alertes.push("Le document reçu est abîmé.".to_owned());
                } else {
                    alertes.push(alerte(&echec));
                }
                Vec::new()
            }
        }
    }

    fn montrer(&self, id: &str, octets: &[u8], telecharge: bool) -> DmpOuvert {
        let affichage = afficher(octets, self.state.mutants());
        DmpOuvert {
            unique_id: id.to_owned(),
            contenu: STANDARD.encode(octets),
            affichage: affichage.as_str().map(str::to_owned),
            html: match affichage {
                Affichage::Html(html) => Some(html),
                _ => None,
            },
            telecharge,
        }
    }

    /// Keeps a document, apart from those of this product. The same version twice is not kept twice.
    fn garder(&self, recu: &Recu, entree: Option<Entree>, entete: Entete) -> Option<String> {
        let state = self.state;
        let mut dossiers = state.dossiers();
        if dossiers
            .documents
            .iter()
            .any(|d| d.id == recu.unique_id && d.usager == self.usager.id)
        {
            return Some(format!(
                "Le document « {} » vient de ce logiciel : il est déjà dans le dossier.",
                entete.titre
            ));
        }
        let lecture = dossiers.dmp.lectures.de_mut(&self.usager.id);
        let meme = |i: &Import| {
            i.unique_id == recu.unique_id
                || i.set_id.is_some() && i.set_id == entete.set_id && i.version == entete.version
        };
        if lecture.imports.iter().any(meme) {
            return (!state.mutant("dmp-downloads-again")).then(|| {
                format!(
                    "Cette version du document « {} » est déjà dans le dossier.",
                    entete.titre
                )
            });
        }
        for ancien in &mut lecture.imports {
            if ancien.set_id.is_some()
                && ancien.set_id == entete.set_id
                && ancien.version < entete.version
            {
                ancien.etat = Etat::Remplace;
            }
        }
        let entree = entree.unwrap_or_default();
        let ou = |registre: String, document: String| {
            if registre.is_empty() {
                document
            } else {
                registre
            }
        };
        let import = Import {
            unique_id: recu.unique_id.clone(),
            entry_uuid: Some(entree.entry_uuid.clone()).filter(|e| !e.is_empty()),
            set_id: entete.set_id,
            version: entete.version,
            du_patient: entree.du_patient(),
            depot: entree.depot,
            r#type: ou(entree.r#type, entete.r#type),
            titre: ou(entree.titre, entete.titre),
            date_acte: entree.date_acte,
            auteur: entree.auteur,
            etat: entree.etat,
            date: state.now(),
            par: self.acteur.identifiant.clone(),
            contenu: STANDARD.encode(&recu.octets),
        };
        lecture.imports.push(import.clone());
        if state.mutant("dmp-import-fed-back") {
            self.renvoyer(&mut dossiers, &import);
        }
        None
    }

    /// What a product does that files an imported document among its own: the bulk sending takes it.
    fn renvoyer(&self, dossiers: &mut crate::dossier::Dossiers, import: &Import) {
        let tenu = crate::document::DocumentTenu {
            id: import.unique_id.clone(),
            set_id: import.set_id.clone().unwrap_or_default(),
            version: import.version.unwrap_or(1),
            usager: self.usager.id.clone(),
            nature: import.r#type.clone(),
            titre: import.titre.clone(),
            date: import.date,
            remplace: None,
            contenu: import.contenu.clone(),
            ins: Some(self.ins.clone()),
            acte: None,
            format: "cda-n1".to_owned(),
        };
        crate::dmp::file::deposer(
            dossiers,
            &tenu,
            self.acteur.clone(),
            &diapason_core::driver::DmpChoix::default(),
            self.state.mutants(),
        );
        if let Some(envoi) = dossiers.dmp.envoi_mut(&tenu.id) {
            // Goes with the next sending of what is older than the connection to the DMP.
            envoi.retenir(Envoye::NonEnvoye, Motif::Raccordement);
        }
        dossiers.documents.push(tenu);
    }
}

fn vide(echec: &Echec) -> DmpListe {
    DmpListe {
        documents: Vec::new(),
        nouveaux: None,
        alerte: Some(alerte(echec)),
    }
}

fn partielle(erreurs: &[crate::dmp::erreur::ErreurRegistre]) -> String {
    let dits: Vec<String> = erreurs
        .iter()
        .map(|e| format!("{} ({})", e.contexte, e.code).trim().to_owned())
        .collect();
    format!("Le DMP n'a répondu qu'en partie : {}.", dits.join(", "))
}

/// Status and context of a TD0.3 answer.
fn statut(reponse: &Reponse) -> Result<(String, String), Echec> {
    let document: Document<'_> = reponse.document()?;
    let racine = corps(&document).ok_or(Echec::Illisible("corps vide"))?;
    let texte = |nom: &str| {
        racine
            .descendants()
            .find(|n| n.has_tag_name((HABILITATIONS, nom)) || n.has_tag_name(nom))
            .and_then(|n| n.text())
            .map(|t| t.trim().to_owned())
    };
    let statut = texte("status").ok_or(Echec::Illisible("sans statut"))?;
    Ok((statut, texte("context").unwrap_or_default()))
}

#[cfg(test)]
mod tests;

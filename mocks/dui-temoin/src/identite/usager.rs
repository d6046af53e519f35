//! A person as the DUI keeps it, and the only place where a status changes.

use diapason_core::Timestamp;
use diapason_core::driver::{InsView, StatutChange, UsagerProposition, UsagerView};
use diapason_core::ins::{Attribut, CodeLieu, DateNaissance, Matricule, Oid, Sexe, Statut};
use serde::{Deserialize, Serialize};

use super::statuts::{self, Evenement, Transition};
use crate::mutants::Mutants;

/// Strict traits as typed, with the first prénom kept apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identite {
    /// Nom de naissance.
    pub nom_naissance: String,
    /// Premier prénom de naissance.
    pub premier_prenom: String,
    /// Liste des prénoms de naissance.
    pub prenoms: Vec<String>,
    /// Sexe.
    pub sexe: Sexe,
    /// Date de naissance.
    pub date_naissance: DateNaissance,
    /// Code lieu de naissance; only an identity that came from outside may lack it.
    pub lieu_naissance: Option<CodeLieu>,
}

/// Matricule with its OID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsTenu {
    /// Matricule with its key.
    pub matricule: Matricule,
    /// OID.
    pub oid: Oid,
}

impl InsTenu {
    /// As shown.
    pub fn view(&self) -> InsView {
        InsView {
            matricule: self.matricule.to_string(),
            oid: self.oid.to_string(),
        }
    }
}

/// An identity document that was presented.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Justificatif {
    /// Kind.
    pub nature: String,
    /// Was it of high confidence when recorded?
    pub haute_confiance: bool,
    /// When.
    pub date: Timestamp,
    /// Who recorded it.
    pub auteur: String,
}

/// An identity that INSi proposed and that nobody has accepted yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposition {
    /// Traits.
    pub identite: Identite,
    /// Matricule and OID.
    pub ins: InsTenu,
    /// Former matricules.
    pub historique: Vec<InsTenu>,
}

impl Proposition {
    /// As shown beside the local identity. The matricule stays hidden until acceptance.
    pub fn view(&self) -> UsagerProposition {
        let i = &self.identite;
        UsagerProposition {
            nom_naissance: i.nom_naissance.clone(),
            premier_prenom: i.premier_prenom.clone(),
            prenoms: i.prenoms.clone(),
            sexe: i.sexe.as_str().to_owned(),
            date_naissance: i.date_naissance.to_string(),
            lieu_naissance: i.lieu_naissance.as_ref().map(ToString::to_string),
        }
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Usager {
    /// Id in the DUI.
    pub id: String,
    /// Status.
    pub statut: Statut,
    /// Attributes.
    pub attributs: Vec<Attribut>,
    /// Strict traits.
    pub identite: Identite,
    /// Nom utilisé.
    pub nom_utilise: Option<String>,
    /// Prénom utilisé.
    pub prenom_utilise: Option<String>,
    /// Reimbursement number: never an INS, perhaps another person's.
    pub nss: Option<String>,
    /// Active matricule, under récupérée and qualifiée only.
    pub ins: Option<InsTenu>,
    /// Former matricules, most recent first.
    pub historique_ins: Vec<InsTenu>,
    /// Status history, oldest first.
    pub historique_statut: Vec<StatutChange>,
    /// Identity documents.
    pub justificatifs: Vec<Justificatif>,
    /// What INSi proposed, until accepted or refused.
    pub proposition: Option<Proposition>,
}

impl Usager {
    /// A new person, through a creation row of the table.
    pub fn nouveau(
        id: String,
        identite: Identite,
        creation: Transition,
        at: Timestamp,
        auteur: &str,
    ) -> Self {
        Self {
            id,
            statut: creation.vers,
            attributs: Vec::new(),
            identite,
            nom_utilise: None,
            prenom_utilise: None,
            nss: None,
            ins: None,
            historique_ins: Vec::new(),
            historique_statut: vec![StatutChange {
                avant: None,
                apres: creation.vers,
                date: at,
                auteur: auteur.to_owned(),
            }],
            justificatifs: Vec::new(),
            proposition: None,
        }
    }

    /// Applies the row of the table for `evenement`; returns it when there is one.
    pub fn appliquer(
        &mut self,
        evenement: Evenement,
        at: Timestamp,
        auteur: &str,
        mutants: &Mutants,
    ) -> Option<Transition> {
        let row = statuts::transition(Some(self.statut), evenement)?;
        let mut vers = row.vers;
        let mut invalide = row.invalide_ins;
        match evenement {
            Evenement::InsiAcceptee if mutants.mutant("qualif-on-insi-alone") => {
                vers = Statut::Qualifiee;
            }
            Evenement::InsiAcceptee if mutants.mutant("accept-keeps-provisoire") => {
                vers = self.statut;
            }
            Evenement::TraitStrictModifie if mutants.mutant("super-edit-keeps-qualif") => {
                vers = self.statut;
                invalide = false;
            }
            Evenement::TraitStrictModifie if mutants.mutant("super-edit-drops-validation") => {
                vers = Statut::Provisoire;
            }
            Evenement::VerificationKo if mutants.mutant("ko-keeps-qualif") => {
                vers = self.statut;
                invalide = false;
            }
            Evenement::AttributBloquant
                if mutants.mutant("douteux-keeps-validee") && self.statut == Statut::Validee =>
            {
                vers = self.statut;
            }
            Evenement::AttributBloquant if mutants.mutant("douteux-keeps-status") => {
                vers = self.statut;
                invalide = false;
            }
            _ => {}
        }
        if mutants.mutant("keep-matricule-on-provisoire") {
            invalide = false;
        }
        if invalide {
            self.ins = None;
            self.historique_ins.clear();
        }
        if vers != self.statut {
            let change = StatutChange {
                avant: Some(self.statut),
                apres: vers,
                date: at,
                auteur: auteur.to_owned(),
            };
            if mutants.mutant("history-keeps-last-only") {
                self.historique_statut.clear();
            }
            if !mutants.mutant("no-status-history") {
                self.historique_statut.push(change);
            }
            self.statut = vers;
        }
        Some(row)
    }

    /// Takes the proposal in: traits, matricule, OID, history.
    pub fn reprendre(&mut self, proposition: Proposition, mutants: &Mutants) {
        let Proposition {
            identite,
            ins,
            historique,
        } = proposition;
        let ancien = self.ins.take();
        let ins = match &ancien {
            Some(active) if mutants.mutant("active-never-replaced") => active.clone(),
            _ => ins,
        };
        if !mutants.mutant("accept-keeps-local-traits") {
            self.identite = identite;
        }
        if mutants.mutant("nss-overwritten-by-ins") {
            self.nss = Some(ins.matricule.to_string());
        }
        let mut passe: Vec<InsTenu> = Vec::new();
        let anciens = std::mem::take(&mut self.historique_ins);
        let candidats: Vec<InsTenu> = if mutants.mutant("forget-old-ins") {
            historique
                .into_iter()
                .filter(|old| Some(old) != ancien.as_ref())
                .collect()
        } else {
            ancien
                .into_iter()
                .chain(historique)
                .chain(anciens)
                .collect()
        };
        for old in candidats {
            let twice = passe.contains(&old) || old == ins;
            if !twice || mutants.mutant("active-in-history") {
                passe.push(old);
            }
        }
        self.ins = Some(ins);
        if mutants.mutant("overwrite-active-with-history")
            && let Some(first) = passe.first()
        {
            self.ins = Some(first.clone());
        }
        self.historique_ins = if mutants.mutant("drop-history") {
            Vec::new()
        } else {
            passe
        };
    }

    /// The attribute that forbids an INSi call, if any.
    pub fn bloque(&self) -> Option<Attribut> {
        self.attributs
            .iter()
            .copied()
            .find(|a| super::attributs::bloquant(*a))
    }

    /// The person as the driver reads it. `montrer_ins` is false for a user without the right.
    pub fn view(&self, montrer_ins: bool) -> UsagerView {
        let i = &self.identite;
        UsagerView {
            id: self.id.clone(),
            statut: self.statut,
            attributs: self.attributs.clone(),
            nom_naissance: i.nom_naissance.clone(),
            premier_prenom: i.premier_prenom.clone(),
            prenoms: i.prenoms.clone(),
            sexe: i.sexe.as_str().to_owned(),
            date_naissance: i.date_naissance.to_string(),
            lieu_naissance: i.lieu_naissance.as_ref().map(ToString::to_string),
            nom_utilise: self.nom_utilise.clone(),
            prenom_utilise: self.prenom_utilise.clone(),
            ins: self.ins.as_ref().filter(|_| montrer_ins).map(InsTenu::view),
            historique_ins: if montrer_ins {
                self.historique_ins.iter().map(InsTenu::view).collect()
            } else {
                Vec::new()
            },
            nss: self.nss.clone(),
            historique_statut: self.historique_statut.clone(),
            justificatifs: self
                .justificatifs
                .iter()
                .map(|j| j.nature.clone())
                .collect(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    pub(crate) fn at(text: &str) -> Timestamp {
        Timestamp::try_from(text.to_owned()).unwrap()
    }

    pub(crate) fn zoe() -> Usager {
        let identite = Identite {
            nom_naissance: "ADRUN".to_owned(),
            premier_prenom: "ZOE".to_owned(),
            prenoms: vec!["ZOE".to_owned()],
            sexe: Sexe::F,
            date_naissance: "1975-12-31".parse().unwrap(),
            lieu_naissance: Some("63220".parse().unwrap()),
        };
        let creation = statuts::transition(None, Evenement::Creation).unwrap();
        Usager::nouveau(
            "u1".to_owned(),
            identite,
            creation,
            at("2026-01-15T09:00:00.000Z"),
            "soignant",
        )
    }

    pub(crate) fn ins(number: &str, oid: &str) -> InsTenu {
        InsTenu {
            matricule: Matricule::from_number(number).unwrap(),
            oid: oid.parse().unwrap(),
        }
    }

    fn proposition(number: &str, history: &[&str]) -> Proposition {
        Proposition {
            identite: zoe().identite,
            ins: ins(number, "1.2.250.1.213.1.4.8"),
            historique: history
                .iter()
                .map(|n| ins(n, "1.2.250.1.213.1.4.8"))
                .collect(),
        }
    }

    #[test]
    fn a_change_of_status_is_dated_and_signed() {
        let none = Mutants::default();
        let mut zoe = zoe();
        let when = at("2026-01-15T10:00:00.000Z");
        zoe.appliquer(Evenement::Validation, when, "soignant", &none)
            .unwrap();
        let last = zoe.historique_statut.last().unwrap();
        assert_eq!(
            (last.avant, last.apres),
            (Some(Statut::Provisoire), Statut::Validee)
        );
        assert_eq!((last.date, last.auteur.as_str()), (when, "soignant"));
        assert!(
            zoe.appliquer(Evenement::Validation, when, "soignant", &none)
                .is_none()
        );
        assert_eq!(zoe.historique_statut.len(), 2);
    }

    #[test]
    fn a_new_matricule_sends_the_old_one_to_the_history() {
        let none = Mutants::default();
        let mut zoe = zoe();
        zoe.reprendre(proposition("1090763220888", &[]), &none);
        zoe.reprendre(
            proposition("1090763220834", &["1090763220834", "2090763220834"]),
            &none,
        );
        assert_eq!(
            zoe.ins.as_ref().unwrap().matricule.number(),
            "1090763220834"
        );
        let past: Vec<&str> = zoe
            .historique_ins
            .iter()
            .map(|i| i.matricule.number())
            .collect();
        assert_eq!(past, ["1090763220888", "2090763220834"]);
    }

    #[test]
    fn a_blocking_attribute_leaves_no_matricule() {
        let none = Mutants::default();
        let mut zoe = zoe();
        let when = at("2026-01-15T10:00:00.000Z");
        zoe.reprendre(proposition("2751263220749", &["1090763220834"]), &none);
        zoe.appliquer(Evenement::InsiAcceptee, when, "soignant", &none);
        zoe.appliquer(Evenement::AttributBloquant, when, "soignant", &none);
        assert_eq!(zoe.statut, Statut::Provisoire);
        assert_eq!((zoe.ins, zoe.historique_ins), (None, Vec::new()));
    }
}

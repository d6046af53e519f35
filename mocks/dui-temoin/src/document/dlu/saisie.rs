//! What the user typed for a DLU, sorted: one line a fact, the word before the colon names the heading.
//!
//! A line without a known heading goes to the comments as it is: nothing typed is lost. What was not said is kept as not
//! said; this reader never turns silence into « aucun ».

use std::collections::BTreeMap;

use super::DLU;

/// A treatment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traitement {
    /// Name of the product, as typed.
    pub produit: String,
    /// How it is taken, as typed.
    pub posologie: Option<String>,
}

/// The usual doctor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Medecin {
    /// National id, when typed.
    pub identifiant: Option<String>,
    /// Family name.
    pub nom: String,
    /// Given name.
    pub prenom: Option<String>,
}

/// The facts of a DLU.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Saisie {
    /// Hospital wished for.
    pub hopital: Option<String>,
    /// Usual doctor.
    pub medecin: Option<Medecin>,
    /// Treatments, in order.
    pub traitements: Vec<Traitement>,
    /// Was it said that there is no treatment?
    pub sans_traitement: bool,
    /// Allergies, in order.
    pub allergies: Vec<String>,
    /// Was it said that there is no allergy?
    pub sans_allergie: bool,
    /// Advance directives, in order.
    pub directives: Vec<String>,
    /// Was it said that there are none?
    pub sans_directive: bool,
    /// What is observed (code of [`DLU`]) or said not to be.
    pub etat: BTreeMap<String, bool>,
    /// Multi-resistant bacteria.
    pub bmr: Option<bool>,
    /// Everything else.
    pub commentaires: Vec<String>,
}

fn aucun(valeur: &str) -> bool {
    let mot = valeur.trim_end_matches('.').to_lowercase();
    ["aucun", "aucune", "non", "néant"].contains(&mot.as_str())
}

fn medecin(valeur: &str) -> Medecin {
    let (noms, identifiant) = match valeur.split_once('(') {
        Some((noms, reste)) => (noms, Some(reste.trim_end_matches(')').trim().to_owned())),
        None => (valeur, None),
    };
    let mut mots = noms.split_whitespace();
    Medecin {
        identifiant: identifiant.filter(|id| !id.is_empty()),
        nom: mots.next().unwrap_or_default().to_owned(),
        prenom: Some(mots.collect::<Vec<_>>().join(" ")).filter(|p| !p.is_empty()),
    }
}

impl Saisie {
    /// Sorts the lines.
    pub fn lire(texte: &str) -> Self {
        let mut out = Self::default();
        for ligne in texte.lines().map(str::trim).filter(|l| !l.is_empty()) {
            if !out.ranger(ligne) {
                out.commentaires.push(ligne.to_owned());
            }
        }
        out
    }

    /// Puts one line under its heading; false when it has none.
    fn ranger(&mut self, ligne: &str) -> bool {
        let Some((rubrique, valeur)) = ligne.split_once(':') else {
            return false;
        };
        let (rubrique, valeur) = (rubrique.trim().to_lowercase(), valeur.trim());
        if valeur.is_empty() {
            return false;
        }
        match rubrique.as_str() {
            "hôpital" | "établissement souhaité" => self.hopital = Some(valeur.to_owned()),
            "médecin traitant" => self.medecin = Some(medecin(valeur)),
            "traitement" | "traitements" if aucun(valeur) => self.sans_traitement = true,
            "traitement" | "traitements" => {
                let (produit, posologie) = match valeur.split_once(';') {
                    Some((produit, posologie)) => (produit, Some(posologie.trim().to_owned())),
                    None => (valeur, None),
                };
                self.traitements.push(Traitement {
                    produit: produit.trim().to_owned(),
                    posologie,
                });
            }
            "allergie" | "allergies" if aucun(valeur) => self.sans_allergie = true,
            "allergie" | "allergies" => self.allergies.push(valeur.to_owned()),
            "directive" | "directives anticipées" if aucun(valeur) => self.sans_directive = true,
            "directive" | "directives anticipées" => self.directives.push(valeur.to_owned()),
            "bmr" => self.bmr = Some(!aucun(valeur)),
            _ => {
                let Some(connue) = DLU.observations.iter().find(|o| o.mots == rubrique) else {
                    return false;
                };
                self.etat.insert(connue.code.clone(), !aucun(valeur));
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn each_line_goes_under_its_heading_and_none_is_lost() {
        let s = Saisie::lire(
            "Hôpital : CH DE TEST\n\
             Médecin traitant : DUITEST MEDCO (899709900015)\n\
             Traitement : PARACETAMOL 1 g ; 3 fois par jour\n\
             Traitement : LAXATIF\n\
             Allergie : pénicilline\n\
             Directives anticipées : pas d'acharnement\n\
             Chutes : oui\nFugue : non\nBMR : non\n\
             Aime : le jardin\nPorte des lunettes.",
        );
        assert_eq!(s.hopital.as_deref(), Some("CH DE TEST"));
        let medecin = s.medecin.unwrap();
        assert_eq!(medecin.identifiant.as_deref(), Some("899709900015"));
        assert_eq!(
            (medecin.nom.as_str(), medecin.prenom.as_deref()),
            ("DUITEST", Some("MEDCO"))
        );
        assert_eq!(s.traitements.len(), 2);
        assert_eq!(
            s.traitements[0].posologie.as_deref(),
            Some("3 fois par jour")
        );
        assert_eq!(s.traitements[1].posologie, None);
        assert_eq!(s.allergies, ["pénicilline"]);
        assert_eq!(s.directives.len(), 1);
        assert_eq!(s.etat.get("161898004"), Some(&true));
        assert_eq!(s.etat.get("248046000"), Some(&false));
        assert_eq!(s.bmr, Some(false));
        assert_eq!(s.commentaires, ["Aime : le jardin", "Porte des lunettes."]);
    }

    #[test]
    fn silence_is_not_none() {
        let rien = Saisie::lire("");
        assert_eq!(rien, Saisie::default());
        let dit = Saisie::lire("Traitement : aucun\nAllergies : Aucune.\nDirective : aucune");
        assert!(dit.sans_traitement && dit.sans_allergie && dit.sans_directive);
        assert!(dit.traitements.is_empty() && dit.commentaires.is_empty());
        assert_eq!(Saisie::lire("Traitement :").commentaires, ["Traitement :"]);
    }
}

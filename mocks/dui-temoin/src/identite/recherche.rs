//! Local search (antériorité, règle 17): by birth date, first letters of the names, or whole matricule.

use diapason_core::driver::UsagerSearch;
use diapason_core::ins::Matricule;

use super::lexique;
use super::usager::Usager;
use crate::mutants::Mutants;

/// Criteria, checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Criteres {
    date: Option<String>,
    nom: Option<String>,
    prenom: Option<String>,
    matricule: Option<String>,
}

impl Criteres {
    /// From the form; the error is what the user reads.
    pub fn lire(form: &UsagerSearch, mutants: &Mutants) -> Result<Self, String> {
        let typed = |value: &Option<String>| value.clone().filter(|v| !v.trim().is_empty());
        let criteres = Self {
            date: typed(&form.date_naissance),
            nom: typed(&form.nom),
            prenom: typed(&form.prenom),
            matricule: typed(&form.matricule),
        };
        if criteres == Self::default() {
            return Err("Saisissez au moins un critère de recherche.".to_owned());
        }
        if let Some(matricule) = &criteres.matricule
            && !mutants.mutant("search-any-matricule")
            && matricule.parse::<Matricule>().is_err()
        {
            return Err(
                "La recherche par matricule demande les 15 caractères, avec une clé juste."
                    .to_owned(),
            );
        }
        Ok(criteres)
    }

    /// Does this person match all of them?
    pub fn retient(&self, usager: &Usager, mutants: &Mutants) -> bool {
        let i = &usager.identite;
        if self.nom.is_none() && self.prenom.is_none() && mutants.mutant("search-needs-a-name") {
            return self.matricule.is_some();
        }
        let date = self
            .date
            .as_ref()
            .is_none_or(|d| i.date_naissance.as_str() == d);
        let nom = self.nom.as_ref().is_none_or(|typed| {
            let used = usager
                .nom_utilise
                .iter()
                .filter(|_| !mutants.mutant("search-birth-name-only"));
            let birth = Some(&i.nom_naissance).filter(|_| {
                usager.nom_utilise.is_none() || !mutants.mutant("search-used-name-first")
            });
            birth
                .into_iter()
                .chain(used)
                .any(|name| begins(name, typed, mutants))
        });
        let prenom = self.prenom.as_ref().is_none_or(|typed| {
            let others = i
                .prenoms
                .iter()
                .filter(|_| !mutants.mutant("search-first-prenom-only"));
            std::iter::once(&i.premier_prenom)
                .chain(others)
                .chain(
                    usager
                        .prenom_utilise
                        .iter()
                        .filter(|_| !mutants.mutant("search-birth-prenom-only")),
                )
                .any(|name| begins(name, typed, mutants))
                || begins(&i.prenoms.join(" "), typed, mutants)
        });
        let matricule = self.matricule.as_ref().is_none_or(|typed| {
            let wanted = typed.to_ascii_uppercase();
            usager.ins.as_ref().is_some_and(|ins| {
                if mutants.mutant("search-any-matricule") {
                    ins.matricule.as_str().starts_with(&wanted)
                } else {
                    ins.matricule.as_str() == wanted
                }
            })
        });
        date && nom && prenom && matricule
    }
}

fn begins(name: &str, typed: &str, mutants: &Mutants) -> bool {
    if mutants.mutant("search-hyphen-sensitive") {
        return name.starts_with(typed);
    }
    let coarse: [(&str, &str); 3] = [
        ("search-space-for-hyphen", "-"),
        ("search-single-hyphen", "--"),
        ("search-apostrophe-sensitive", "'"),
    ];
    if let Some((_, mark)) = coarse.iter().find(|(mutant, _)| mutants.mutant(mutant)) {
        // The defect minds this mark, and only it.
        let key = |text: &str| lexique::cle(&text.replace(mark, "0"));
        return key(name).starts_with(&key(typed));
    }
    lexique::cle(name).starts_with(&lexique::cle(typed))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::identite::usager::tests::{ins, zoe};

    fn found(usager: &Usager, form: serde_json::Value) -> Result<bool, String> {
        let none = Mutants::default();
        let form: UsagerSearch = serde_json::from_value(form).unwrap();
        Ok(Criteres::lire(&form, &none)?.retient(usager, &none))
    }

    #[test]
    fn both_name_fields_and_every_given_name_are_searched() {
        let mut usager = zoe();
        usager.identite.nom_naissance = "D'ESSAI LE-BANC".to_owned();
        usager.nom_utilise = Some("REPERE".to_owned());
        usager.identite.prenoms = vec!["ZOE".to_owned(), "ANNE-LISE".to_owned()];
        usager.prenom_utilise = Some("LOU".to_owned());
        for form in [
            serde_json::json!({"nom": "DESSAI LE B"}),
            serde_json::json!({"nom": "d’essai"}),
            serde_json::json!({"nom": "rep"}),
            serde_json::json!({"prenom": "anne lise"}),
            serde_json::json!({"prenom": "Zoé-Anne--Lise"}),
            serde_json::json!({"prenom": "Lo"}),
            serde_json::json!({"date_naissance": "1975-12-31", "nom": "REP", "prenom": "ZO"}),
        ] {
            assert_eq!(found(&usager, form.clone()), Ok(true), "{form}");
        }
        assert_eq!(
            found(&usager, serde_json::json!({"nom": "SSAI"})),
            Ok(false)
        );
        assert_eq!(
            found(&usager, serde_json::json!({"date_naissance": "1975-12-30"})),
            Ok(false)
        );
    }

    #[test]
    fn a_matricule_is_searched_whole_and_with_its_key() {
        let mut usager = zoe();
        usager.ins = Some(ins("2751263220749", "1.2.250.1.213.1.4.8"));
        assert_eq!(
            found(&usager, serde_json::json!({"matricule": "275126322074974"})),
            Ok(true)
        );
        assert!(found(&usager, serde_json::json!({"matricule": "275126322074975"})).is_err());
        assert!(found(&usager, serde_json::json!({"matricule": "2751263220749"})).is_err());
        assert!(found(&usager, serde_json::json!({})).is_err());
    }
}

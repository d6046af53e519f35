//! Site-level settings: what an administrator may change, with the values of the first day.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a role may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Droit {
    /// See and search persons.
    Consulter,
    /// Create a person, change complementary traits, record documents.
    Modifier,
    /// Call INSi, accept or refuse its answer.
    Insi,
    /// See the matricule and the OID.
    VoirIns,
    /// Change strict traits of a récupérée or qualifiée identity.
    TraitsStricts,
}

/// Role of whoever is not named.
pub const ROLE_PAR_DEFAUT: &str = "soignant";

/// The settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reglages {
    /// Does a document of high confidence validate the identity by itself?
    pub validation_automatique: bool,
    /// Partners and whether their qualified identities are taken as such. `None`: no table kept.
    pub table_confiance: Option<BTreeMap<String, bool>>,
    /// Documents offered, and whether each is of high confidence.
    pub justificatifs: BTreeMap<String, bool>,
    /// Are optional traits printed?
    pub edition_traits_optionnels: bool,
    /// Notice printed at the foot of every document.
    #[serde(default = "mention_par_defaut")]
    pub mention_rgpd: String,
    /// Does a validated document leave for the DMP by itself?
    #[serde(default = "oui")]
    pub dmp_automatique: bool,
    /// Rights by role.
    pub droits: BTreeMap<String, BTreeSet<Droit>>,
}

fn oui() -> bool {
    true
}

fn mention_par_defaut() -> String {
    "Les données de ce document sont traitées par l'établissement pour l'accompagnement de la personne.\n\
Vous pouvez demander à les consulter et à les rectifier auprès de la direction."
        .to_owned()
}

impl Default for Reglages {
    fn default() -> Self {
        use Droit::{Consulter, Insi, Modifier, TraitsStricts, VoirIns};
        let documents = [
            ("passeport", true),
            ("carte_identite", true),
            ("titre_sejour", true),
            ("identite_electronique_substantielle", true),
            ("extrait_acte_naissance", false),
            ("livret_famille", false),
            ("permis_conduire", false),
            ("carte_vitale", false),
            ("aucun", false),
        ];
        let role =
            |name: &str, rights: &[Droit]| (name.to_owned(), rights.iter().copied().collect());
        Self {
            validation_automatique: false,
            table_confiance: None,
            justificatifs: documents
                .into_iter()
                .map(|(nature, haute)| (nature.to_owned(), haute))
                .collect(),
            edition_traits_optionnels: true,
            mention_rgpd: mention_par_defaut(),
            dmp_automatique: true,
            droits: BTreeMap::from([
                role("soignant", &[Consulter, Modifier, Insi, VoirIns]),
                role(
                    "super_utilisateur",
                    &[Consulter, Modifier, Insi, VoirIns, TraitsStricts],
                ),
                role("sans_droit_insi", &[Consulter, Modifier]),
                role("sans_droit", &[]),
            ]),
        }
    }
}

impl Reglages {
    /// Changes one setting; the error names what is expected.
    pub fn changer(&mut self, cle: &str, valeur: Value) -> Result<(), String> {
        let bad = |expected: &str| format!("réglage {cle} : {expected} attendu");
        match cle {
            "validation_automatique" => {
                self.validation_automatique =
                    valeur.as_bool().ok_or_else(|| bad("true ou false"))?;
            }
            "edition_traits_optionnels" => {
                self.edition_traits_optionnels =
                    valeur.as_bool().ok_or_else(|| bad("true ou false"))?;
            }
            "dmp_automatique" => {
                self.dmp_automatique = valeur.as_bool().ok_or_else(|| bad("true ou false"))?;
            }
            "table_confiance" => {
                self.table_confiance = match valeur {
                    Value::Null => None,
                    Value::Array(_) => {
                        let names: Vec<String> = serde_json::from_value(valeur)
                            .map_err(|_| bad("une liste d'émetteurs"))?;
                        Some(names.into_iter().map(|name| (name, true)).collect())
                    }
                    other => Some(
                        serde_json::from_value(other)
                            .map_err(|_| bad("un objet émetteur vers true ou false"))?,
                    ),
                };
            }
            "mention_rgpd" => {
                let text = valeur.as_str().ok_or_else(|| bad("un texte"))?;
                text.clone_into(&mut self.mention_rgpd);
            }
            "justificatifs" => {
                let list: BTreeMap<String, bool> = serde_json::from_value(valeur)
                    .map_err(|_| bad("un objet nature vers true (haute confiance) ou false"))?;
                self.justificatifs = list;
            }
            "justificatifs_haute_confiance" => {
                let high: BTreeSet<String> =
                    serde_json::from_value(valeur).map_err(|_| bad("une liste de natures"))?;
                for nature in &high {
                    self.justificatifs.insert(nature.clone(), true);
                }
                for (nature, haute) in &mut self.justificatifs {
                    *haute = high.contains(nature);
                }
            }
            "droits" => {
                let roles: BTreeMap<String, BTreeSet<Droit>> = serde_json::from_value(valeur)
                    .map_err(|_| bad("un objet rôle vers liste de droits (consulter, modifier, insi, voir_ins, traits_stricts)"))?;
                self.droits.extend(roles);
            }
            _ => {
                return Err(format!(
                    "réglage inconnu : {cle} ; connus : validation_automatique, table_confiance, justificatifs, justificatifs_haute_confiance, edition_traits_optionnels, mention_rgpd, dmp_automatique, droits"
                ));
            }
        }
        Ok(())
    }

    /// Has the role this right?
    pub fn permet(&self, role: &str, droit: Droit) -> bool {
        self.droits
            .get(role)
            .is_some_and(|rights| rights.contains(&droit))
    }

    /// Are the qualified identities of this partner taken as such?
    pub fn confiance(&self, emetteur: &str) -> bool {
        self.table_confiance
            .as_ref()
            .and_then(|table| table.get(emetteur).copied())
            .unwrap_or(false)
    }

    /// For the observation `configuration`.
    pub fn view(&self) -> Value {
        let high: Vec<&String> = self
            .justificatifs
            .iter()
            .filter(|(_, haute)| **haute)
            .map(|(nature, _)| nature)
            .collect();
        json!({
            "validation_automatique": self.validation_automatique,
            "table_confiance": self.table_confiance,
            "justificatifs": self.justificatifs,
            "justificatifs_haute_confiance": high,
            "edition_traits_optionnels": self.edition_traits_optionnels,
            "mention_rgpd": self.mention_rgpd,
            "dmp_automatique": self.dmp_automatique,
            "droits": self.droits,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn settings_are_checked_and_named() {
        let mut reglages = Reglages::default();
        assert!(
            reglages
                .changer("validation_automatique", json!("oui"))
                .is_err()
        );
        assert!(
            reglages
                .changer("inconnu", json!(1))
                .unwrap_err()
                .contains("table_confiance")
        );
        reglages
            .changer("table_confiance", json!(["EHPAD-A"]))
            .unwrap();
        assert!(reglages.confiance("EHPAD-A") && !reglages.confiance("EHPAD-B"));
        reglages
            .changer("justificatifs_haute_confiance", json!(["livret_famille"]))
            .unwrap();
        assert_eq!(reglages.justificatifs.get("passeport"), Some(&false));
        assert_eq!(reglages.justificatifs.get("livret_famille"), Some(&true));
        reglages
            .changer("droits", json!({"stagiaire": ["consulter"]}))
            .unwrap();
        assert!(reglages.permet("stagiaire", Droit::Consulter));
        assert!(!reglages.permet("stagiaire", Droit::Insi));
        assert!(!reglages.permet("sans_droit", Droit::Consulter));
    }
}

//! Who acts towards the DMP: the professional, how and when he logged in, what he is for the VIHF.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use diapason_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::document::site::Professionnel;
use crate::state::AppState;

/// How the professional logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connexion {
    /// Login name and password of this product.
    Locale,
    /// Pro Santé Connect.
    Psc,
}

/// A professional who acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acteur {
    /// National id (idNat).
    pub identifiant: String,
    /// Family name.
    pub nom: String,
    /// Given name.
    pub prenom: String,
    /// Profession code of TRE_G15, when he has one.
    pub profession: Option<String>,
    /// How he logged in.
    pub connexion: Connexion,
    /// When.
    pub depuis: Timestamp,
}

/// A coded role of the VIHF.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Code.
    pub code: String,
    /// Code system.
    pub systeme: String,
    /// Label.
    pub libelle: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fiche {
    identifiant: String,
    profession: Option<String>,
    savoir_faire: Option<String>,
    role: Option<Role>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Annuaire {
    professions: BTreeMap<String, String>,
    autres: BTreeMap<String, Role>,
    savoir_faire: BTreeMap<String, String>,
    defaut: Role,
    personne: Vec<Fiche>,
}

static ANNUAIRE: LazyLock<Annuaire> =
    LazyLock::new(
        || match toml::from_str(include_str!("../../data/annuaire.toml")) {
            Ok(lu) => lu,
            Err(error) => panic!("annuaire.toml is compiled in and tested: {error}"),
        },
    );

/// Profession codes of TRE_G15.
const G15: &str = "1.2.250.1.71.1.2.7";
/// Savoir-faire codes of TRE_R01.
const R01: &str = "1.2.250.1.71.4.2.5";

impl Acteur {
    /// A professional of the site, who logs in with his password when he writes.
    pub fn du_site(professionnel: &Professionnel, at: Timestamp) -> Self {
        Self::nouveau(professionnel, Connexion::Locale, at)
    }

    fn nouveau(p: &Professionnel, connexion: Connexion, depuis: Timestamp) -> Self {
        let connue = ANNUAIRE
            .personne
            .iter()
            .find(|fiche| fiche.identifiant == p.identifiant);
        Self {
            identifiant: p.identifiant.clone(),
            nom: p.nom.clone(),
            prenom: p.prenom.clone(),
            profession: p
                .profession
                .clone()
                .or_else(|| connue.and_then(|fiche| fiche.profession.clone())),
            connexion,
            depuis,
        }
    }

    /// The roles of the VIHF: the profession first, then the savoir-faire of a physician.
    pub fn roles(&self) -> Vec<Role> {
        let fiche = ANNUAIRE
            .personne
            .iter()
            .find(|fiche| fiche.identifiant == self.identifiant);
        let code = self.profession.as_deref().unwrap_or_default();
        if let Some(autre) = ANNUAIRE.autres.get(code) {
            return vec![autre.clone()];
        }
        let Some(libelle) = ANNUAIRE.professions.get(code) else {
            let connu = fiche.and_then(|fiche| fiche.role.clone());
            return vec![connu.unwrap_or_else(|| ANNUAIRE.defaut.clone())];
        };
        let mut roles = vec![Role {
            code: code.to_owned(),
            systeme: G15.to_owned(),
            libelle: libelle.clone(),
        }];
        // A physician whom the directory does not know has no savoir-faire here: the DMP will say so.
        if code == "10"
            && let Some(savoir) = fiche.and_then(|fiche| fiche.savoir_faire.clone())
        {
            let libelle = ANNUAIRE.savoir_faire.get(&savoir).cloned();
            roles.push(Role {
                libelle: libelle.unwrap_or_default(),
                code: savoir,
                systeme: R01.to_owned(),
            });
        }
        roles
    }

    /// As the author of a document.
    pub fn professionnel(&self) -> Professionnel {
        Professionnel {
            identifiant: self.identifiant.clone(),
            nom: self.nom.clone(),
            prenom: self.prenom.clone(),
            civilite: None,
            profession: self.profession.clone(),
        }
    }
}

/// The professional logged in in a browser session; the one of the site when none is named. `None`: nobody is logged
/// in there, or his account bears no national id.
pub async fn de_session(state: &AppState, session: Option<&str>) -> Option<Acteur> {
    let Some(session) = session else {
        let site = &crate::document::site::SITE.professionnel;
        return Some(Acteur::du_site(site, state.now()));
    };
    let (compte, psc, depuis) = crate::psc::connexion(state, session).await?;
    let professionnel = Professionnel::du_compte(&compte)?;
    let moyen = if psc {
        Connexion::Psc
    } else {
        Connexion::Locale
    };
    Some(Acteur::nouveau(&professionnel, moyen, depuis))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn acteur(identifiant: &str, profession: Option<&str>) -> Acteur {
        let p = Professionnel {
            identifiant: identifiant.to_owned(),
            nom: "DUITEST".to_owned(),
            prenom: "ESSAI".to_owned(),
            civilite: None,
            profession: profession.map(str::to_owned),
        };
        Acteur::du_site(
            &p,
            Timestamp::try_from("2026-01-15T09:00:00.000Z".to_owned()).unwrap(),
        )
    }

    fn codes(a: &Acteur) -> Vec<(String, String)> {
        a.roles().into_iter().map(|r| (r.code, r.systeme)).collect()
    }

    fn pair(code: &str, system: &str) -> (String, String) {
        (code.to_owned(), system.to_owned())
    }

    #[test]
    fn a_physician_has_a_savoir_faire_and_a_nurse_has_none() {
        assert_eq!(
            codes(&acteur("899709900015", None)),
            [pair("10", G15), pair("SM54", R01)]
        );
        assert_eq!(
            codes(&acteur("899709900023", Some("60"))),
            [pair("60", G15)]
        );
    }

    #[test]
    fn whoever_is_no_health_professional_is_not_sent_as_one() {
        let r291 = "1.2.250.1.213.1.6.1.107";
        assert_eq!(
            codes(&acteur("30B0990001/CPET00042", None)),
            [pair("326", r291)]
        );
        assert_eq!(
            codes(&acteur("30B0990001/inconnu", None)),
            [pair("328", r291)]
        );
        assert_eq!(
            codes(&acteur("899709900056", Some("93"))),
            [pair("93", "1.2.250.1.213.1.6.1.109")]
        );
    }
}

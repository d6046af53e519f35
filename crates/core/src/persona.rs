//! Personas: synthetic people and professionals. Never real data.
//!
//! Published test people are data files of the mocks; fresh ones are drawn from a seed here,
//! so that a vendor cannot hard-code them.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::PersonaId;
use crate::ins::{CodeLieu, DateNaissance, Matricule, Oid, OidIns, Sexe, Traits};

/// A person known to INSi, or deliberately unknown to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Id.
    pub id: PersonaId,
    /// Strict traits as INSi holds them.
    pub traits: Traits,
    /// Active INS; absent for a person unknown to INSi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ins: Option<Ins>,
    /// Former matricules, most recent first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub historique: Vec<Ins>,
    /// What the persona is for.
    #[serde(default)]
    pub usage: String,
}

/// A matricule with its OID and its dates of validity, when published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ins {
    /// 15 characters.
    pub matricule: Matricule,
    /// OID.
    pub oid: Oid,
    /// First day of validity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debut: Option<DateNaissance>,
    /// Last day of validity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fin: Option<DateNaissance>,
}

const NOMS: [&str; 24] = [
    "TESTARD",
    "ESSAYEUR",
    "DIAPASON",
    "FICTIF-MOREL",
    "D'ESSAI",
    "LE BANC",
    "SYNTHETI",
    "EPROUVETTE",
    "VANTEST",
    "DE L'EPREUVE",
    "GABARIT",
    "ETALON",
    "CALIBRE",
    "FAUX--DOUBLE",
    "TOISE",
    "REPERE",
    "MESURIN",
    "JAUGEAC",
    "PATRON",
    "ECHANTILLON",
    "LETEMOIN",
    "MAQUETTE",
    "PROTOTYPE",
    "MODELIN",
];
const PRENOMS: [&str; 20] = [
    "ALIX",
    "CAMILLE",
    "CLAUDE",
    "DOMINIQUE",
    "EDEN",
    "LOU",
    "MAXENCE",
    "NOA",
    "SACHA",
    "YAEL",
    "JEAN-NOEL",
    "MARIE-ANGE",
    "ANNE LISE",
    "LEO",
    "ROMANE",
    "BASILE",
    "FLORE",
    "GUSTAVE",
    "IRENE",
    "OCTAVE",
];
const COMMUNES: [&str; 8] = [
    "63220", "2A020", "2B020", "97411", "99100", "75109", "35238", "67482",
];

/// Draws the `n`-th person of `seed`: order number 900 to 999, right key, synthetic names.
/// The same seed and number always give the same person.
pub fn draw(seed: u64, n: u32) -> Person {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ (u64::from(n) << 32));
    let sexe = if rng.random_bool(0.5) {
        Sexe::F
    } else {
        Sexe::M
    };
    let year = rng.random_range(1925..=2015_u32);
    let month = rng.random_range(1..=12_u32);
    let day = rng.random_range(1..=28_u32);
    let lieu = COMMUNES[rng.random_range(0..COMMUNES.len())];
    let sex_digit = if sexe == Sexe::F { 2 } else { 1 };
    let number = format!(
        "{sex_digit}{:02}{month:02}{lieu}{}",
        year % 100,
        rng.random_range(900..=999_u32)
    );
    let mut prenoms: Vec<String> = Vec::new();
    for _ in 0..rng.random_range(1..=3_usize) {
        let prenom = PRENOMS[rng.random_range(0..PRENOMS.len())].to_owned();
        if !prenoms.contains(&prenom) {
            prenoms.push(prenom);
        }
    }
    let oid = |kind: OidIns| -> Oid {
        kind.as_str()
            .parse()
            .expect("a constant OID is well formed")
    };
    Person {
        id: PersonaId::new(format!("tire-{n}")).expect("digits after a slug make a slug"),
        traits: Traits {
            nom_naissance: NOMS[rng.random_range(0..NOMS.len())].to_owned(),
            prenoms,
            sexe,
            date_naissance: format!("{year:04}-{month:02}-{day:02}")
                .parse::<DateNaissance>()
                .expect("days 1 to 28 exist in each month"),
            lieu_naissance: Some(
                lieu.parse::<CodeLieu>()
                    .expect("a constant COG is well formed"),
            ),
        },
        ins: Some(Ins {
            matricule: Matricule::from_number(&number)
                .expect("the layout is right by construction"),
            oid: oid(OidIns::Nir),
            debut: None,
            fin: None,
        }),
        historique: Vec::new(),
        usage: "drawn from the seed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_test_people_again() {
        for n in 0..200 {
            let person = draw(7, n);
            assert_eq!(person, draw(7, n));
            assert!(person.ins.unwrap().matricule.is_test());
        }
        assert_ne!(draw(7, 1).traits, draw(8, 1).traits);
    }
}

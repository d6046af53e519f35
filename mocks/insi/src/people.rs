//! The people INSi knows, the cards they are on, and what a scenario overrides.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use diapason_core::PersonaId;
use diapason_core::ins::Matricule;
use diapason_core::persona::{Ins, Person, draw};
use diapason_core::scenario::PersonaArm;
use diapason_mock_common::persona::patched;
use serde::Deserialize;

/// How many people are drawn from the seed.
const DRAWN: u32 = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonaFile {
    person: Vec<Person>,
}

/// A carte Vitale: the insured person and the dependants on the card.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carte {
    /// Whose number is the ouvrant droit's.
    pub ouvrant_droit: PersonaId,
    /// Dependants.
    pub beneficiaires: Vec<Beneficiaire>,
}

/// A dependant on a card.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beneficiaire {
    /// Who.
    pub persona: PersonaId,
    /// Birth rank.
    pub rang: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CarteFile {
    carte: Vec<Carte>,
}

static PUBLISHED: LazyLock<Vec<Person>> = LazyLock::new(|| {
    toml::from_str::<PersonaFile>(include_str!("../data/personas.toml"))
        .expect("the embedded file is read by a test")
        .person
});

static CARTES: LazyLock<Vec<Carte>> = LazyLock::new(|| {
    toml::from_str::<CarteFile>(include_str!("../data/cartes.toml"))
        .expect("the embedded file is read by a test")
        .carte
});

/// Everybody: the people of the data file, then `tire-0` to `tire-9` drawn from `seed`.
pub fn personas(seed: u64) -> Vec<Person> {
    PUBLISHED
        .iter()
        .cloned()
        .chain((0..DRAWN).map(|n| draw(seed, n)))
        .collect()
}

/// The cards with dependants.
pub fn cartes() -> &'static [Carte] {
    &CARTES
}

/// The people of a run, overrides applied.
#[derive(Debug, Clone)]
pub(crate) struct People {
    base: Vec<Person>,
    overrides: BTreeMap<PersonaId, Person>,
}

impl People {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            base: personas(seed),
            overrides: BTreeMap::new(),
        }
    }

    /// Forgets the overrides.
    pub(crate) fn reset(&mut self) {
        self.overrides.clear();
    }

    /// Everybody as INSi holds them now, in file order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Person> {
        self.base
            .iter()
            .map(|p| self.overrides.get(&p.id).unwrap_or(p))
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Person> {
        self.all().find(|p| p.id.as_str() == id)
    }

    /// Merges a patch (RFC 7396) into a person.
    pub(crate) fn patch(&mut self, arm: &PersonaArm) -> Result<(), String> {
        let person = self
            .get(arm.id.as_str())
            .ok_or_else(|| format!("no persona {}; see `diapason list personas`", arm.id))?;
        let patched = patched(person, arm)?;
        self.overrides.insert(arm.id.clone(), patched);
        Ok(())
    }

    /// Is that number (13 characters) one of somebody here, now, before an override, or by a fault?
    pub(crate) fn knows_number(&self, number: &str) -> bool {
        let of = |p: &Person| {
            p.ins
                .iter()
                .chain(&p.historique)
                .any(|i| i.matricule.number() == number)
                || renewed(p).is_some_and(|m| m.number() == number)
                || invented_history(p, MOST_HISTORY)
                    .iter()
                    .any(|m| m.number() == number)
        };
        self.base.iter().chain(self.overrides.values()).any(of)
    }
}

/// Longest invented history.
pub(crate) const MOST_HISTORY: usize = 20;

/// The number that replaces a person's, with an order number of the generated range.
pub(crate) fn renewed(person: &Person) -> Option<Matricule> {
    person.ins.as_ref().and_then(|i| numbered(i, 950))
}

/// `count` former numbers that a person never had, for histories of any length.
pub(crate) fn invented_history(person: &Person, count: usize) -> Vec<Matricule> {
    let count = count.min(MOST_HISTORY);
    person.ins.as_ref().map_or_else(Vec::new, |ins| {
        (0..count).filter_map(|n| numbered(ins, 960 + n)).collect()
    })
}

/// The same person of the other sex, as a former number.
pub(crate) fn other_sex(ins: &Ins) -> Option<Matricule> {
    let number = ins.matricule.number();
    let digit = if number.starts_with('1') { '2' } else { '1' };
    Matricule::from_number(&format!("{digit}{}", number.get(1..)?)).ok()
}

fn numbered(ins: &Ins, order: usize) -> Option<Matricule> {
    let stem = ins.matricule.number().get(..10)?;
    Matricule::from_number(&format!("{stem}{order:03}")).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn everybody_is_synthetic_and_named_once() {
        let people = personas(1);
        let ids: BTreeSet<_> = people.iter().map(|p| p.id.clone()).collect();
        assert_eq!(ids.len(), people.len());
        for id in [
            "p01-adrun",
            "p16-pat-trois",
            "jumeau-a",
            "jumeau-b",
            "etranger",
            "inconnu",
            "tire-9",
        ] {
            assert!(ids.iter().any(|i| i.as_str() == id), "{id}");
        }
        for person in &people {
            for ins in person.ins.iter().chain(&person.historique) {
                assert!(ins.matricule.is_test(), "{}", person.id);
            }
        }
        for carte in cartes() {
            for id in carte
                .beneficiaires
                .iter()
                .map(|b| &b.persona)
                .chain([&carte.ouvrant_droit])
            {
                assert!(ids.contains(id), "{id}");
            }
        }
    }

    #[test]
    fn a_patch_overrides_until_reset() {
        let mut people = People::new(1);
        let arm = |patch| PersonaArm {
            id: PersonaId::new("p07-provisoire").unwrap(),
            patch,
        };
        let nir = json!({"ins": {"matricule": "109076322083489", "oid": "1.2.250.1.213.1.4.8"}, "traits": {"lieu_naissance": null}});
        people.patch(&arm(nir)).unwrap();
        let patched = people.get("p07-provisoire").unwrap();
        assert_eq!(
            patched.ins.as_ref().unwrap().matricule.number(),
            "1090763220834"
        );
        assert_eq!(patched.traits.lieu_naissance, None);
        assert_eq!(patched.traits.nom_naissance, "PROVISOIRE");
        for bad in [
            json!({"id": "x"}),
            json!({"ins": {"matricule": "109076322083400"}}),
            json!({"unknown": 1}),
            json!(3),
        ] {
            assert!(people.patch(&arm(bad.clone())).is_err(), "{bad}");
        }
        people.reset();
        assert!(
            people
                .get("p07-provisoire")
                .unwrap()
                .traits
                .lieu_naissance
                .is_some()
        );
    }

    #[test]
    fn numbers_that_faults_invent_are_known() {
        let people = People::new(1);
        let corsican = people.get("p03-adrtrois-dominique").unwrap();
        let new = renewed(corsican).unwrap();
        assert_eq!(new.number(), "297022A020950");
        assert!(people.knows_number(new.number()));
        assert!(people.knows_number("2751263220749"));
        assert!(!people.knows_number("1800175001123"));
        assert_eq!(invented_history(corsican, 10).len(), 10);
    }
}

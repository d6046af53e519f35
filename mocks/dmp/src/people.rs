//! The people whose DMP this is: given by the bench, overridden by scenarios.

use std::collections::BTreeMap;

use diapason_core::PersonaId;
use diapason_core::ins::{Matricule, OidIns};
use diapason_core::persona::{Ins, Person};
use diapason_core::scenario::PersonaArm;
use diapason_mock_common::persona::patched;

/// People, and the overrides of the scenario in play.
#[derive(Debug, Clone)]
pub(crate) struct People {
    base: Vec<Person>,
    overrides: BTreeMap<PersonaId, Person>,
}

impl People {
    pub(crate) fn new(base: Vec<Person>) -> Self {
        Self {
            base,
            overrides: BTreeMap::new(),
        }
    }

    /// Forgets the overrides.
    pub(crate) fn reset(&mut self) {
        self.overrides.clear();
    }

    /// Everybody as they are now.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Person> {
        self.base
            .iter()
            .map(|p| self.overrides.get(&p.id).unwrap_or(p))
    }

    pub(crate) fn get(&self, id: &PersonaId) -> Option<&Person> {
        self.all().find(|p| p.id == *id)
    }

    /// Merges a patch (RFC 7396) into a person.
    pub(crate) fn patch(&mut self, arm: &PersonaArm) -> Result<(), String> {
        let person = self
            .get(&arm.id)
            .ok_or_else(|| format!("no persona {}; see `diapason list personas`", arm.id))?;
        let patched = patched(person, arm)?;
        self.overrides.insert(arm.id.clone(), patched);
        Ok(())
    }

    /// Whose matricule is it, now or in the past? An override does not make the person's former number a stranger's.
    pub(crate) fn holder(&self, matricule: &str, oid: &str) -> Option<&Person> {
        let nia = oid == OidIns::Nia.as_str();
        let holds = |p: &Person| {
            p.ins.iter().chain(&p.historique).any(|i| {
                i.matricule.as_str().eq_ignore_ascii_case(matricule)
                    && (i.oid.as_str() == OidIns::Nia.as_str()) == nia
            })
        };
        self.all()
            .find(|p| holds(p))
            .or_else(|| {
                let former = self.base.iter().find(|p| holds(p))?;
                self.get(&former.id)
            })
            .filter(|p| p.ins.is_some())
    }

    /// Every matricule of a person: active one first, then former ones, then those an override replaced.
    pub(crate) fn matricules(&self, id: &PersonaId) -> Vec<Ins> {
        let mut all: Vec<Ins> = Vec::new();
        let known = self
            .get(id)
            .into_iter()
            .chain(self.base.iter().filter(|p| p.id == *id));
        for ins in known.flat_map(|p| p.ins.iter().chain(&p.historique)) {
            if !all.iter().any(|i| i.matricule == ins.matricule) {
                all.push(ins.clone());
            }
        }
        all
    }

    /// May the bench see that number (13 characters)? One of somebody here, or one that the INSi mock makes up for a
    /// person here: same date and place of birth, either sex, order number of the generated range.
    pub(crate) fn knows_number(&self, number: &str) -> bool {
        if !Matricule::from_number(number).is_ok_and(|m| m.is_test()) {
            return false;
        }
        let of = |p: &Person| {
            p.ins.iter().chain(&p.historique).any(|i| {
                let known = i.matricule.number();
                known == number
                    || (known.get(1..10) == number.get(1..10)
                        && number.get(10..13).is_some_and(|order| order >= "900"))
            })
        };
        self.base.iter().chain(self.overrides.values()).any(of)
    }
}

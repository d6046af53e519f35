//! Which scenarios of the catalogue are played.

use diapason_core::scenario::Scenario;

use crate::scenario_file::nearest;

/// Filters of the command line. Empty means all.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Families (`ins`, `psc`), letter case ignored.
    pub families: Vec<String>,
    /// Ids, or beginnings of ids, letter case ignored.
    pub ids: Vec<String>,
    /// Shard `i` of `n`, `i` from 1.
    pub shard: Option<(u32, u32)>,
}

/// A selection that cannot be what was meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// No such family.
    #[error("no family is called {given:?}{hint}; there are: {known}")]
    Family {
        /// As given.
        given: String,
        /// `; did you mean ...?`, or nothing.
        hint: String,
        /// Those that exist.
        known: String,
    },
    /// No id begins so.
    #[error("no scenario begins with {given:?}{hint}; see `diapason list scenarios`")]
    Id {
        /// As given.
        given: String,
        /// `; did you mean ...?`, or nothing.
        hint: String,
    },
    /// Families and ids have nothing in common.
    #[error("no scenario of the families asked for begins so; see `diapason list scenarios`")]
    Nothing,
}

fn hint<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(given, known)
        .map(|near| format!("; did you mean {near}?"))
        .unwrap_or_default()
}

fn begins(id: &str, with: &str) -> bool {
    id.get(..with.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(with))
}

impl Selection {
    /// Keeps the scenarios asked for, in catalogue order. Only a shard can leave none.
    pub fn apply(&self, scenarios: &[Scenario]) -> Result<Vec<Scenario>, SelectError> {
        let mut known: Vec<&str> = scenarios.iter().map(|s| s.family.as_str()).collect();
        known.sort_unstable();
        known.dedup();
        for given in &self.families {
            if !known.iter().any(|k| k.eq_ignore_ascii_case(given)) {
                return Err(SelectError::Family {
                    given: given.clone(),
                    hint: hint(given, known.iter().copied()),
                    known: known.join(", "),
                });
            }
        }
        for given in &self.ids {
            if !scenarios.iter().any(|s| begins(s.id.as_str(), given)) {
                return Err(SelectError::Id {
                    given: given.clone(),
                    hint: hint(given, scenarios.iter().map(|s| s.id.as_str())),
                });
            }
        }
        let all: Vec<&Scenario> = scenarios
            .iter()
            .filter(|s| {
                self.families.is_empty()
                    || self
                        .families
                        .iter()
                        .any(|f| s.family.eq_ignore_ascii_case(f))
            })
            .filter(|s| self.ids.is_empty() || self.ids.iter().any(|id| begins(s.id.as_str(), id)))
            .collect();
        if all.is_empty() {
            return Err(SelectError::Nothing);
        }
        Ok(all
            .into_iter()
            .enumerate()
            .filter(|(n, _)| self.shard.is_none_or(|(i, of)| *n as u32 % of == i - 1))
            .map(|(_, s)| s.clone())
            .collect())
    }
}

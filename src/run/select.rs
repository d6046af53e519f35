//! Which scenarios of the catalogue are played.

use diapason_core::scenario::Scenario;

/// Filters of the command line. Empty means all.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Families (`ins`, `psc`).
    pub families: Vec<String>,
    /// Ids, or beginnings of ids, letter case ignored.
    pub ids: Vec<String>,
    /// Shard `i` of `n`, `i` from 1.
    pub shard: Option<(u32, u32)>,
}

impl Selection {
    /// Keeps the scenarios asked for, in catalogue order.
    pub fn apply(&self, scenarios: &[Scenario]) -> Vec<Scenario> {
        let wanted = |s: &&Scenario| {
            let id = s.id.as_str().to_ascii_lowercase();
            (self.families.is_empty() || self.families.contains(&s.family))
                && (self.ids.is_empty()
                    || self
                        .ids
                        .iter()
                        .any(|i| id.starts_with(&i.to_ascii_lowercase())))
        };
        scenarios
            .iter()
            .filter(wanted)
            .enumerate()
            .filter(|(n, _)| self.shard.is_none_or(|(i, of)| *n as u32 % of == i - 1))
            .map(|(_, s)| s.clone())
            .collect()
    }
}

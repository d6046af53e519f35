//! What a run was judged against: scenarios, rules, requirements, faults. Kept in the journal as a
//! blob, so that a report needs nothing else.

use diapason_core::requirement::{Requirement, Text};
use diapason_core::rule::Rule;
use diapason_core::scenario::Scenario;
use diapason_core::{FaultId, RequirementId, RuleId, ScenarioId};
use serde::{Deserialize, Serialize};

/// A fault, as listings and reports name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultInfo {
    /// Id.
    pub id: FaultId,
    /// What it does.
    pub text: Text,
}

/// Everything a report must be able to name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// Scenarios, includes expanded.
    pub scenarios: Vec<Scenario>,
    /// Rules.
    pub rules: Vec<Rule>,
    /// Requirements.
    pub requirements: Vec<Requirement>,
    /// Faults of the mocks.
    pub faults: Vec<FaultInfo>,
}

impl Catalogue {
    /// A rule by id.
    pub fn rule(&self, id: &RuleId) -> Option<&Rule> {
        self.rules.iter().find(|r| r.id == *id)
    }

    /// A scenario by id.
    pub fn scenario(&self, id: &ScenarioId) -> Option<&Scenario> {
        self.scenarios.iter().find(|s| s.id == *id)
    }

    /// A requirement by id or alias.
    pub fn requirement(&self, id: &RequirementId) -> Option<&Requirement> {
        self.requirements
            .iter()
            .find(|r| r.id == *id || r.aliases.contains(id))
    }
}

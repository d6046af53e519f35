//! Faults: what a mock can be told to do wrong, and which are armed now.
//!
//! Deterministic: a fault plays by call number, never by chance.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use diapason_core::requirement::Text;
use diapason_core::scenario::FaultArm;
use diapason_core::{FaultId, PersonaId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ArmError;

/// One entry of a mock's fault catalogue (`data/faults.toml`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// Stable id.
    pub id: FaultId,
    /// Operations it applies to; empty means every one. `tls` means the handshake.
    pub operations: Vec<String>,
    /// What it does.
    pub text: Text,
    /// Parameters it takes and their defaults.
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
}

/// A fault that plays now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playing {
    /// Fault.
    pub id: FaultId,
    /// Its parameters, defaults filled in.
    pub with: BTreeMap<String, Value>,
}

#[derive(Debug)]
struct Armed {
    arm: FaultArm,
    spec: FaultSpec,
    calls: u32,
    played: u32,
}

/// The faults of one mock.
#[derive(Debug)]
pub struct Faults {
    catalogue: Vec<FaultSpec>,
    armed: Mutex<Vec<Armed>>,
}

impl Faults {
    /// None armed.
    pub fn new(catalogue: Vec<FaultSpec>) -> Self {
        Self {
            catalogue,
            armed: Mutex::default(),
        }
    }

    /// The catalogue.
    pub fn catalogue(&self) -> &[FaultSpec] {
        &self.catalogue
    }

    /// Arms a fault of the catalogue.
    pub fn arm(&self, arm: &FaultArm) -> Result<(), ArmError> {
        let error = |problem: String| ArmError {
            what: arm.id.to_string(),
            problem,
        };
        let spec = self
            .catalogue
            .iter()
            .find(|s| s.id == arm.id)
            .ok_or_else(|| error("no such fault; see `diapason list faults`".to_owned()))?;
        if let Some(name) = arm.with.keys().find(|k| !spec.parameters.contains_key(*k)) {
            let known: Vec<&str> = spec.parameters.keys().map(String::as_str).collect();
            return Err(error(format!(
                "no parameter {name:?}; known: {}",
                known.join(", ")
            )));
        }
        self.lock().push(Armed {
            arm: arm.clone(),
            spec: spec.clone(),
            calls: 0,
            played: 0,
        });
        Ok(())
    }

    /// Disarms everything.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Counts a call of `operation` against every armed fault and returns the first that plays.
    pub fn take(&self, operation: &str, persona: Option<&PersonaId>) -> Option<Playing> {
        let mut playing = None;
        for armed in self.lock().iter_mut() {
            let concerned = armed.spec.operations.is_empty() && operation != "tls"
                || armed.spec.operations.iter().any(|o| o == operation);
            let who = armed.arm.persona.is_none() || armed.arm.persona.as_ref() == persona;
            if !concerned || !who {
                continue;
            }
            armed.calls += 1;
            let due = armed.calls >= armed.arm.from_call.unwrap_or(1)
                && armed.arm.times.is_none_or(|times| armed.played < times);
            if due && playing.is_none() {
                armed.played += 1;
                let mut with = armed.spec.parameters.clone();
                with.extend(armed.arm.with.clone());
                playing = Some(Playing {
                    id: armed.arm.id.clone(),
                    with,
                });
            }
        }
        playing
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Armed>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults() -> Faults {
        let text = Text {
            fr: "x".to_owned(),
            en: "x".to_owned(),
        };
        Faults::new(vec![FaultSpec {
            id: FaultId::new("INSI-F-X").unwrap(),
            operations: vec!["search".to_owned()],
            text,
            parameters: BTreeMap::from([("seconds".to_owned(), Value::from(1))]),
        }])
    }

    fn arm(from_call: Option<u32>, times: Option<u32>) -> FaultArm {
        FaultArm {
            id: FaultId::new("INSI-F-X").unwrap(),
            from_call,
            times,
            persona: None,
            with: BTreeMap::new(),
        }
    }

    #[test]
    fn a_fault_plays_by_call_number() {
        let faults = faults();
        faults.arm(&arm(Some(2), Some(1))).unwrap();
        assert_eq!(faults.take("search", None), None);
        assert_eq!(faults.take("other", None), None);
        assert!(faults.take("search", None).is_some());
        assert_eq!(faults.take("search", None), None);
    }

    #[test]
    fn what_is_not_in_the_catalogue_is_refused() {
        let faults = faults();
        let mut unknown = arm(None, None);
        unknown.id = FaultId::new("INSI-F-Y").unwrap();
        assert!(faults.arm(&unknown).is_err());
        let mut parameter = arm(None, None);
        parameter.with.insert("second".to_owned(), Value::from(2));
        assert!(
            faults
                .arm(&parameter)
                .unwrap_err()
                .to_string()
                .contains("seconds")
        );
    }
}

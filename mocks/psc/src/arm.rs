//! What the runner can set while the mock runs.

use diapason_core::scenario::{Arm, FaultArm, PscUser};
use diapason_mock_common::ArmError;

use crate::provider::Provider;

impl Provider {
    /// Takes a setting; `Ok(false)` when it is another mock's.
    pub(crate) fn arm(&self, arm: &Arm) -> Result<bool, ArmError> {
        match arm {
            Arm::Fault(fault) => self.arm_fault(fault),
            Arm::PscUser(user) => self.arm_user(user),
            Arm::RotateKeys(true) => {
                let rotated = self.lock().keys.rotate();
                rotated.map(|()| true).map_err(|error| ArmError {
                    what: "rotate_keys".to_owned(),
                    problem: error.to_string(),
                })
            }
            Arm::EndSso(true) => {
                for session in self.lock().sessions.values_mut() {
                    session.ended = true;
                }
                Ok(true)
            }
            Arm::Clear(true) => {
                self.faults.clear();
                Ok(true)
            }
            Arm::RotateKeys(false) | Arm::EndSso(false) | Arm::Clear(false) => Ok(true),
            _ => Ok(false),
        }
    }

    fn arm_fault(&self, fault: &FaultArm) -> Result<bool, ArmError> {
        let id = fault.id.as_str();
        let service = fault
            .with
            .get("service")
            .and_then(|v| v.as_str())
            .unwrap_or_default();
        let mine = id.starts_with("PSC-F-")
            || id.starts_with("X-F-") && (service.is_empty() || service == "psc");
        if !mine {
            return Ok(false);
        }
        let error = |problem: String| ArmError {
            what: id.to_owned(),
            problem,
        };
        if let Some(persona) = fault.with.get("persona").and_then(|v| v.as_str())
            && self.person_named(persona).is_none()
        {
            return Err(error(self.no_such_person(persona)));
        }
        self.faults.arm(fault)?;
        Ok(true)
    }

    fn arm_user(&self, user: &PscUser) -> Result<bool, ArmError> {
        let error = |problem: String| ArmError {
            what: "psc_user".to_owned(),
            problem,
        };
        if self.person(&user.persona).is_none() {
            return Err(error(self.no_such_person(user.persona.as_str())));
        }
        if let Some(channel) = user.channel.as_deref()
            && !["CARD", "MOBILE"].contains(&channel)
        {
            return Err(error(format!(
                "no channel {channel:?}; known: CARD, MOBILE"
            )));
        }
        self.lock().user = Some(user.clone());
        Ok(true)
    }

    fn no_such_person(&self, id: &str) -> String {
        let known: Vec<&str> = self.people.iter().map(|p| p.id.as_str()).collect();
        format!("no persona {id:?}; known: {}", known.join(", "))
    }
}

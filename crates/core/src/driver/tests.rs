//! The contract agrees with itself.

use super::*;

#[test]
fn every_action_has_a_schema_for_its_parameters() {
    for (name, _) in ACTIONS {
        assert!(params_schema(name).is_some(), "{name}");
    }
    for (name, _) in OBSERVATIONS {
        assert!(observation_schema(name).is_some(), "{name}");
    }
}

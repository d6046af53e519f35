//! Overriding a persona for one scenario: what the mocks that know people share.

use diapason_core::persona::Person;
use diapason_core::scenario::PersonaArm;
use serde_json::Value;

/// The person with the patch (RFC 7396) merged in; the id stays. The error is for the author of the scenario.
pub fn patched(person: &Person, arm: &PersonaArm) -> Result<Person, String> {
    let mut json = serde_json::to_value(person).map_err(|e| e.to_string())?;
    merge(&mut json, &arm.patch);
    let patched: Person = serde_json::from_value(json).map_err(|e| e.to_string())?;
    if patched.id != arm.id {
        return Err("the id of a persona cannot be overridden".to_owned());
    }
    Ok(patched)
}

/// Merges a patch into a value (RFC 7396).
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    if let Value::Object(map) = target {
        for (key, change) in changes {
            if change.is_null() {
                map.remove(key);
            } else {
                merge(map.entry(key.clone()).or_insert(Value::Null), change);
            }
        }
    }
}

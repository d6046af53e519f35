//! What a driver sent back, checked against the contract. What is wrong is said in French: it is the
//! reason of a verdict.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use diapason_core::driver::{
    ACTIONS, ActionAnswer, ActionStatus, OBSERVATIONS, observation_schema, result_schema,
};
use diapason_core::event::DriverProblem;
use jsonschema::Validator;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::scenario_file::compile_schema;

/// How much of a text is quoted in a message.
const QUOTED: usize = 160;
/// How many deviations from a schema are listed.
const LISTED: usize = 3;

pub(super) fn garbage(details: impl Into<String>) -> DriverProblem {
    DriverProblem::Garbage {
        details: details.into(),
    }
}

pub(super) fn crashed(details: impl Into<String>) -> DriverProblem {
    DriverProblem::Crashed {
        details: details.into(),
    }
}

/// The beginning of a text, on one line, for a message.
pub(super) fn quoted(text: &str) -> String {
    let one_line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(QUOTED)
        .collect();
    let more = if text.chars().count() > QUOTED {
        " [...]"
    } else {
        ""
    };
    format!("« {}{more} »", one_line.trim())
}

/// Bytes to a typed message.
pub(super) fn parse<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, DriverProblem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        garbage(format!(
            "{what} : la réponse n'est pas en UTF-8 (octet {})",
            error.valid_up_to()
        ))
    })?;
    serde_json::from_str(text.trim()).map_err(|error| {
        if text.trim().is_empty() {
            garbage(format!("{what} : la réponse est vide"))
        } else if error.is_data() {
            garbage(format!(
                "{what} : la réponse n'a pas la forme du contrat : {error}"
            ))
        } else {
            garbage(format!(
                "{what} : la réponse n'est pas du JSON ({error}) : {}",
                quoted(text)
            ))
        }
    })
}

/// The result of an action that was done must have the shape of the contract.
pub(super) fn check_result(action: &str, answer: &ActionAnswer) -> Result<(), DriverProblem> {
    if answer.status != ActionStatus::Done {
        return Ok(());
    }
    match results().get(action) {
        Some(validator) => conforms(&format!("résultat de {action}"), validator, &answer.result),
        None => Ok(()),
    }
}

/// The value of an observation must have the shape of the contract.
pub(super) fn check_observation(what: &str, value: &Value) -> Result<(), DriverProblem> {
    match observations().get(what) {
        Some(validator) => conforms(&format!("observation {what}"), validator, value),
        None => Ok(()),
    }
}

fn conforms(what: &str, validator: &Validator, value: &Value) -> Result<(), DriverProblem> {
    let mut wrong: Vec<String> = Vec::new();
    let mut more = 0;
    for error in validator.iter_errors(value) {
        if wrong.len() < LISTED {
            let place = error.instance_path().to_string();
            let place = if place.is_empty() {
                "/".to_owned()
            } else {
                place
            };
            wrong.push(format!("{place} : {}", quoted(&error.to_string())));
        } else {
            more += 1;
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    if more > 0 {
        wrong.push(format!("et {more} autre(s)"));
    }
    Err(garbage(format!(
        "{what} : forme contraire au contrat ; {}",
        wrong.join(" ; ")
    )))
}

type Validators = BTreeMap<&'static str, Validator>;

fn compiled(
    names: &'static [(&'static str, &'static str)],
    schema: fn(&str) -> Option<schemars::Schema>,
) -> Validators {
    names
        .iter()
        .filter_map(|(name, _)| Some((*name, compile_schema(&schema(name)?.to_value()).ok()?)))
        .collect()
}

fn results() -> &'static Validators {
    static VALIDATORS: OnceLock<Validators> = OnceLock::new();
    VALIDATORS.get_or_init(|| compiled(ACTIONS, result_schema))
}

fn observations() -> &'static Validators {
    static VALIDATORS: OnceLock<Validators> = OnceLock::new();
    VALIDATORS.get_or_init(|| compiled(OBSERVATIONS, observation_schema))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_schema_of_the_contract_compiles() {
        let with_result = ACTIONS.iter().filter(|(n, _)| result_schema(n).is_some());
        assert_eq!(results().len(), with_result.count());
        assert_eq!(observations().len(), OBSERVATIONS.len());
    }

    #[test]
    fn a_result_that_is_not_of_the_contract_is_garbage() {
        let answer = |text: &str| serde_json::from_str::<ActionAnswer>(text).unwrap();
        let bad = answer(r#"{"status":"done","result":{"issue":"peut-etre","autre":1}}"#);
        let Err(DriverProblem::Garbage { details }) = check_result("ins.search", &bad) else {
            panic!("accepted");
        };
        assert!(details.contains("/issue"), "{details}");
        assert!(details.contains("autre"), "{details}");
        let refused = answer(r#"{"status":"refused","message":"non"}"#);
        assert!(check_result("ins.search", &refused).is_ok());
        assert!(check_observation("traces", &serde_json::json!([{}])).is_err());
    }
}

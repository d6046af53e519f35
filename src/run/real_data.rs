//! Production data that a driver hands back: taken out before anything is written.

use diapason_core::driver::ActionAnswer;
use diapason_core::event::DriverProblem;
use diapason_core::ins::Matricule;
use serde_json::Value;

/// What stands where the number was.
pub const REMOVED: &str = "[matricule retiré]";

/// Is the word a whole matricule, key right, that is nobody's of the test sets?
fn is_real(word: &str) -> bool {
    word.len() == 15
        && word
            .to_ascii_uppercase()
            .parse::<Matricule>()
            .is_ok_and(|m| !m.is_test())
}

/// Takes production matricules out of a text; `true` when there was one.
pub fn scrub_text(text: &mut String) -> bool {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if is_real(&compact) {
        REMOVED.clone_into(text);
        return true;
    }
    let apart = |c: char| !c.is_ascii_alphanumeric();
    let mut found = false;
    let mut kept = String::with_capacity(text.len());
    for piece in text.split_inclusive(apart) {
        let word = piece.trim_end_matches(apart);
        if is_real(word) {
            found = true;
            kept.push_str(REMOVED);
            kept.push_str(&piece[word.len()..]);
        } else {
            kept.push_str(piece);
        }
    }
    if found {
        *text = kept;
    }
    found
}

/// As [`scrub_text`], everywhere in a value: texts, numbers, names of members.
pub fn scrub_value(value: &mut Value) -> bool {
    match value {
        Value::String(text) => scrub_text(text),
        Value::Number(number) => {
            let found = is_real(&number.to_string());
            if found {
                *value = Value::from(REMOVED);
            }
            found
        }
        Value::Array(all) => all.iter_mut().fold(false, |f, v| scrub_value(v) | f),
        Value::Object(map) => {
            let mut found = map.values_mut().fold(false, |f, v| scrub_value(v) | f);
            let named: Vec<String> = map
                .keys()
                .filter(|name| scrub_text(&mut (*name).clone()))
                .cloned()
                .collect();
            for mut name in named {
                found = true;
                let value = map.remove(&name).unwrap_or_default();
                scrub_text(&mut name);
                map.insert(name, value);
            }
            found
        }
        Value::Null | Value::Bool(_) => false,
    }
}

/// As [`scrub_text`], in an answer.
pub fn scrub_answer(answer: &mut ActionAnswer) -> bool {
    let said = answer.message.as_mut().is_some_and(scrub_text);
    scrub_value(&mut answer.result) | said
}

/// As [`scrub_text`], in a driver's problem, which may quote what it said.
pub fn scrub_problem(problem: &mut DriverProblem) -> bool {
    match problem {
        DriverProblem::Timeout { waited: text }
        | DriverProblem::Crashed { details: text }
        | DriverProblem::Garbage { details: text }
        | DriverProblem::NotApplicable { reason: text }
        | DriverProblem::Cannot { reason: text } => scrub_text(text),
        DriverProblem::Unattended => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn only_whole_matricules_of_nobody_here_are_taken_out() {
        let real = Matricule::from_number("1800175001123").unwrap();
        let spaced = format!("{} {}", real.number(), real.key());
        let mut value = json!({
            "ins": real, "phrase": format!("matricule {real}, vu"), "espace": spaced,
            "nombre": real.as_str().parse::<u64>().unwrap(), "liste": [{real.as_str(): 1}],
            "essai": "275126322074974", "horodatage": 1_763_999_999_999_i64, "autre": "123456789012345",
        });
        assert!(scrub_value(&mut value));
        assert!(!value.to_string().contains("1800175001123"), "{value}");
        assert_eq!(value["essai"], "275126322074974");
        assert_eq!(value["autre"], "123456789012345");
        assert_eq!(value["phrase"], format!("matricule {REMOVED}, vu"));
        assert!(!scrub_value(&mut value));
        let mut problem = DriverProblem::Garbage {
            details: format!("<{real}>"),
        };
        assert!(scrub_problem(&mut problem));
        let details = format!("<{REMOVED}>");
        assert_eq!(problem, DriverProblem::Garbage { details });
    }
}

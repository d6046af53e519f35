//! Turns JSON Schema errors into what was expected and what was observed, in words.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

use crate::redact::{redact_text, redact_value};

/// Longest value shown in a finding, in characters.
const LONGEST: usize = 160;

/// Most of a value that is masked, in bytes: enough for what is shown of it.
const BUDGET: usize = 4_096;

/// Where, expected, observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// JSON pointer into the value, `/` for the whole.
    pub path: String,
    /// What the schema asks for there.
    pub expected: String,
    /// What is there.
    pub observed: String,
}

/// Describes one error.
pub fn describe(error: &ValidationError<'_>) -> Described {
    let path = error.instance_path().to_string();
    let seen = short(error.instance());
    let (expected, observed) = match error.kind() {
        Kind::Constant { expected_value } => (short(expected_value), seen),
        Kind::Enum { options } => (format!("one of {}", short(options)), seen),
        Kind::Required { property } => (
            format!("{} present", unquoted(property)),
            "absent".to_owned(),
        ),
        Kind::Pattern { pattern } => (format!("text of the form {pattern}"), seen),
        Kind::MinLength { limit } => (format!("at least {limit} characters"), seen),
        Kind::MaxLength { limit } => (format!("at most {limit} characters"), seen),
        Kind::MinItems { limit } => (format!("at least {limit} items"), seen),
        Kind::MaxItems { limit } => (format!("at most {limit} items"), seen),
        Kind::Minimum { limit } => (format!("at least {}", short(limit)), seen),
        Kind::Maximum { limit } => (format!("at most {}", short(limit)), seen),
        Kind::Contains => ("an item of the kind asked for".to_owned(), seen),
        Kind::Not { schema } => (format!("anything but {}", short(schema)), seen),
        Kind::UniqueItems => ("no item twice".to_owned(), seen),
        // The crate's own sentence quotes the value.
        _ => {
            let text = error.to_string();
            let head: String = text.chars().take(BUDGET).collect();
            (one_line(&redact_text(&head)), seen)
        }
    };
    Described {
        path: if path.is_empty() {
            "/".to_owned()
        } else {
            path
        },
        expected,
        observed,
    }
}

fn unquoted(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// A value on one line, cut when long, secrets masked.
pub fn short(value: &Value) -> String {
    one_line(&redact_value(&cut(value, &mut { BUDGET })).to_string())
}

fn one_line(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(LONGEST).collect();
    cut.push('…');
    cut
}

/// The beginning of a value, so that masking never walks megabytes to show a line.
fn cut(value: &Value, left: &mut usize) -> Value {
    match value {
        Value::String(text) => {
            let head: String = text.chars().take(*left).collect();
            *left = left.saturating_sub(head.len());
            Value::String(head)
        }
        Value::Array(items) => {
            let mut kept = Vec::new();
            for item in items {
                if *left == 0 {
                    break;
                }
                *left = left.saturating_sub(1);
                kept.push(cut(item, left));
            }
            Value::Array(kept)
        }
        Value::Object(members) => {
            let mut kept = serde_json::Map::new();
            for (key, value) in members {
                if *left == 0 {
                    break;
                }
                *left = left.saturating_sub(key.len().max(1));
                kept.insert(key.clone(), cut(value, left));
            }
            Value::Object(kept)
        }
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_before_it_is_masked() {
        let long = serde_json::json!({"a": "é".repeat(1_000_000), "z": ["x", "y"]});
        let mut left = BUDGET;
        let head = cut(&long, &mut left).to_string();
        assert!(head.len() <= 3 * BUDGET, "{}", head.len());
        assert_eq!(short(&long).chars().count(), LONGEST + 1);
        assert_eq!(
            short(&serde_json::json!({"a": [1, null, "b"], "password": "p"})),
            r#"{"a":[1,null,"b"],"password":"‹1 masqués›"}"#
        );
    }
}

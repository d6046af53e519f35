//! Turns JSON Schema errors into what was expected and what was observed, in words.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

/// Longest value shown in a finding, in characters.
const LONGEST: usize = 160;

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
        _ => (error.to_string(), seen),
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
    let text = crate::redact::redact_text(&value.to_string());
    if text.chars().count() <= LONGEST {
        return text;
    }
    let mut cut: String = text.chars().take(LONGEST).collect();
    cut.push('…');
    cut
}

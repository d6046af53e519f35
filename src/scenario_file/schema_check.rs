//! JSON Schema fragments written in scenarios and rules, checked when the file is loaded.
//!
//! A misspelt keyword is ignored by every validator: the expectation would then hold for anything.
//! So unknown keywords are refused here, and so is a schema that accepts everything.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use diapason_core::driver::{ACTIONS, params_schema};
use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::error::{FileError, did_you_mean, one_of};
use super::substitute::holds_placeholder;
use super::tree::{Data, Node};

/// Keywords whose value is one schema.
const ONE: &[&str] = &[
    "additionalProperties",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords whose value is a list of schemas.
const LIST: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value maps names to schemas.
const NAMED: &[&str] = &[
    "$defs",
    "dependentSchemas",
    "patternProperties",
    "properties",
];
/// Keywords that hold no schema.
const PLAIN: &[&str] = &[
    "$comment",
    "$ref",
    "const",
    "dependentRequired",
    "description",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "required",
    "title",
    "type",
    "uniqueItems",
];
/// Keywords that only describe.
const SAYS_NOTHING: &[&str] = &["$comment", "$defs", "description", "title"];

pub use diapason_rules::json_rules::compile;

/// Checks a fragment: keywords, shape, and that something can fail it.
pub(crate) fn check_fragment(node: &Node, errors: &mut Vec<FileError>) {
    let before = errors.len();
    keywords(node, errors);
    if errors.len() > before {
        return;
    }
    let says_something = match &node.data {
        Data::Map(entries) => entries
            .iter()
            .any(|e| !SAYS_NOTHING.contains(&e.key.as_str())),
        Data::Bool(accepts) => !accepts,
        _ => false,
    };
    if !says_something {
        let mut error = node.at.error("this schema accepts everything");
        error.hint =
            Some("say what must be seen: `required`, `const`, `contains`, `not`...".to_owned());
        errors.push(error);
        return;
    }
    let schema = node.to_value();
    if let Err(problem) = compile(&schema) {
        let place = node.at_pointer(problem.instance_path().as_str());
        if !holds_placeholder(&place.to_value()) {
            errors.push(place.at.error(format!("invalid JSON Schema: {problem}")));
        }
    }
}

/// Refuses `required` below the root without `type: object`: a null, a text or a list has no member
/// to miss, and would pass.
pub(crate) fn check_objects(node: &Node, errors: &mut Vec<FileError>) {
    objects(node, true, errors);
}

/// `held`: it is already known what the value is. Under `not` and `if` a value that passes asks for
/// more, never for less.
fn objects(node: &Node, held: bool, errors: &mut Vec<FileError>) {
    let Data::Map(entries) = &node.data else {
        return;
    };
    let held = held
        || ["type", "const", "enum"]
            .iter()
            .any(|k| node.get(k).is_some());
    for entry in entries {
        let value = &entry.value;
        match (entry.key.as_str(), &value.data) {
            ("required", _) if !held => {
                let mut error = entry
                    .key_at
                    .error("a null passes here: `required` only looks at objects");
                error.hint = Some("add `type: object` beside it".to_owned());
                errors.push(error);
            }
            ("then" | "else", _) => objects(value, held, errors),
            ("allOf" | "anyOf" | "oneOf", Data::List(items)) => {
                for item in items {
                    objects(item, held, errors);
                }
            }
            ("items" | "contains" | "additionalProperties", _) => objects(value, false, errors),
            ("prefixItems", Data::List(items)) => {
                for item in items {
                    objects(item, false, errors);
                }
            }
            ("properties" | "patternProperties" | "$defs", Data::Map(named)) => {
                for property in named {
                    objects(&property.value, false, errors);
                }
            }
            _ => {}
        }
    }
}

fn keywords(node: &Node, errors: &mut Vec<FileError>) {
    let entries = match &node.data {
        Data::Map(entries) => entries,
        Data::Bool(_) => return,
        _ => {
            let mut error = node.at.error("a JSON Schema is wanted here");
            error.expected = Some(format!("a mapping, got {}", node.kind()));
            errors.push(error);
            return;
        }
    };
    for entry in entries {
        let key = entry.key.as_str();
        if ONE.contains(&key) {
            keywords(&entry.value, errors);
        } else if LIST.contains(&key) {
            if let Data::List(items) = &entry.value.data {
                for item in items {
                    keywords(item, errors);
                }
            }
        } else if NAMED.contains(&key) {
            if let Data::Map(named) = &entry.value.data {
                for property in named {
                    keywords(&property.value, errors);
                }
            }
        } else if !PLAIN.contains(&key) {
            let known = || ONE.iter().chain(LIST).chain(NAMED).chain(PLAIN).copied();
            let mut error = entry
                .key_at
                .error(format!("unknown JSON Schema keyword `{key}`"));
            error.hint = did_you_mean(key, known()).or_else(|| {
                Some(
                    "a property goes under `properties`; a misspelt keyword would check nothing"
                        .to_owned(),
                )
            });
            errors.push(error);
        }
    }
}

fn params_validators() -> &'static BTreeMap<&'static str, Validator> {
    static VALIDATORS: OnceLock<BTreeMap<&'static str, Validator>> = OnceLock::new();
    VALIDATORS.get_or_init(|| {
        ACTIONS
            .iter()
            .filter_map(|(name, _)| {
                let schema = params_schema(name)?;
                Some((*name, compile(&schema.to_value()).ok()?))
            })
            .collect()
    })
}

/// Checks the parameters of an action against its schema. What holds a placeholder is let through:
/// its value is only known when the step runs.
pub(crate) fn check_params(
    action: &str,
    with: Option<&Node>,
    action_node: &Node,
    errors: &mut Vec<FileError>,
) {
    let Some(validator) = params_validators().get(action) else {
        return;
    };
    let node = with.unwrap_or(action_node);
    let params = with.map_or_else(|| Value::Object(serde_json::Map::new()), Node::to_value);
    for problem in validator.iter_errors(&params) {
        let place = with.map_or(node, |w| w.at_pointer(problem.instance_path().as_str()));
        let error = match problem.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let known = known_params(action);
                for name in unexpected {
                    let at = place.entry(name).map_or(&place.at, |e| &e.key_at);
                    let mut error = at.error(format!("`{action}` has no parameter `{name}`"));
                    error.expected = Some(if known.is_empty() {
                        "no parameter".to_owned()
                    } else {
                        format!("one of {}", one_of(known.iter().map(String::as_str)))
                    });
                    error.hint = did_you_mean(name, known.iter().map(String::as_str));
                    errors.push(error);
                }
                continue;
            }
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                node.at
                    .error(format!("`{action}` needs the parameter `{name}`"))
            }
            _ if holds_placeholder(problem.instance()) => continue,
            _ => {
                let mut error = place
                    .at
                    .error(format!("wrong parameter of `{action}`: {problem}"));
                if matches!(place.data, Data::Number(_) | Data::Bool(_)) {
                    error.hint =
                        Some("if a text is meant, put the value between quotes".to_owned());
                }
                error
            }
        };
        errors.push(error);
    }
}

fn known_params(action: &str) -> Vec<String> {
    params_schema(action)
        .and_then(|s| {
            let properties = s.as_value().get("properties")?.as_object()?;
            Some(properties.keys().cloned().collect())
        })
        .unwrap_or_default()
}

//! `${a.b.0.c}` in JSON values. Nothing is computed: a name is replaced by a value.
//!
//! A text that is exactly one placeholder takes the type of the value; inside a longer text the value
//! is written out (texts as they are, the rest as JSON). `$${` stands for `${`.

use serde_json::{Map, Value};

use super::error::nearest;
use super::tree::{At, Data, Node};

/// The names a placeholder can reach.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope(Map<String, Value>);

impl Scope {
    /// Nothing known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a first-level name.
    pub fn set(&mut self, name: impl Into<String>, value: Value) {
        self.0.insert(name.into(), value);
    }

    /// The value of a first-level name, to extend it in place.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.0.get_mut(name)
    }

    /// The value at `a.b.0.c`.
    pub fn lookup(&self, path: &str) -> Result<&Value, UnresolvedPlaceholder> {
        let unresolved = |known: Vec<String>, segment: &str, inside: &str| UnresolvedPlaceholder {
            placeholder: path.to_owned(),
            problem: if inside.is_empty() {
                format!("nothing is called `{segment}`")
            } else {
                format!("`{inside}` has no `{segment}`")
            },
            nearest: nearest(segment, known.iter().map(String::as_str)).map(|name| {
                if inside.is_empty() {
                    name.to_owned()
                } else {
                    format!("{inside}.{name}")
                }
            }),
        };
        let mut segments = path.split('.');
        let first = segments.next().unwrap_or_default();
        let mut value = self
            .0
            .get(first)
            .ok_or_else(|| unresolved(self.0.keys().cloned().collect(), first, ""))?;
        let mut inside = first.to_owned();
        let mut segments = segments.peekable();
        while let Some(segment) = segments.next() {
            let next = match value {
                Value::Object(map) => map.get(segment).or_else(|| {
                    // A name that holds a full stop itself: `exchange.dmp.td0.2.url`.
                    let whole = format!("{segment}.{}", segments.peek()?);
                    let found = map.get(&whole)?;
                    segments.next();
                    Some(found)
                }),
                Value::Array(items) => segment.parse::<usize>().ok().and_then(|i| items.get(i)),
                _ => None,
            };
            value = next.ok_or_else(|| {
                let known = match value {
                    Value::Object(map) => map.keys().cloned().collect(),
                    _ => Vec::new(),
                };
                unresolved(known, segment, &inside)
            })?;
            inside.push('.');
            inside.push_str(segment);
        }
        Ok(value)
    }
}

/// A placeholder that stands for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("${{{placeholder}}} cannot be resolved: {problem}{}", .nearest.as_ref().map(|n| format!("; did you mean ${{{n}}}?")).unwrap_or_default())]
pub struct UnresolvedPlaceholder {
    /// What stands between the braces.
    pub placeholder: String,
    /// Which part of it is unknown.
    pub problem: String,
    /// The nearest known name.
    pub nearest: Option<String>,
}

/// A piece of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    /// `$${`
    Escape,
    /// What stands between the braces.
    Placeholder(&'a str),
}

/// Cuts a text at its placeholders. An opening that is never closed is plain text.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        if start > 0 && rest.as_bytes()[start - 1] == b'$' {
            if start > 1 {
                out.push(Piece::Text(&rest[..start - 1]));
            }
            out.push(Piece::Escape);
            rest = &rest[start + 2..];
            continue;
        }
        let Some(length) = closing(&rest[start + 2..]) else {
            break;
        };
        if start > 0 {
            out.push(Piece::Text(&rest[..start]));
        }
        out.push(Piece::Placeholder(&rest[start + 2..start + 2 + length]));
        rest = &rest[start + 3 + length..];
    }
    if !rest.is_empty() || out.is_empty() {
        out.push(Piece::Text(rest));
    }
    out
}

/// Where the placeholder that has just been opened is closed; others may stand inside it.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if at > 0 && bytes[at - 1] == b'$' => depth += 1,
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The placeholders of a text, those that hold others included.
pub(crate) fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    pieces(text).into_iter().filter_map(|piece| match piece {
        Piece::Placeholder(path) => Some(path),
        _ => None,
    })
}

/// Does a placeholder stand anywhere in the value?
pub(crate) fn holds_placeholder(value: &Value) -> bool {
    match value {
        Value::String(text) => placeholders(text).next().is_some(),
        Value::Array(items) => items.iter().any(holds_placeholder),
        Value::Object(map) => map.values().any(holds_placeholder),
        _ => false,
    }
}

/// Which placeholders to replace, and what else to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// All of them, and `$${` becomes `${`.
    All,
    /// Only those whose first name is in scope; the rest, escapes included, is left for later.
    Known,
}

/// Replaces every placeholder in `value`.
///
/// Keys of objects are left as they are.
pub fn substitute(value: &mut Value, scope: &Scope) -> Result<(), UnresolvedPlaceholder> {
    match value {
        Value::String(text) => {
            *value = replaced(text, scope, Mode::All)?;
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|v| substitute(v, scope)),
        Value::Object(map) => map.values_mut().try_for_each(|v| substitute(v, scope)),
        _ => Ok(()),
    }
}

/// Replaces every placeholder of a text that stays a text (a step's instruction).
pub fn substitute_text(text: &str, scope: &Scope) -> Result<String, UnresolvedPlaceholder> {
    Ok(rendered(&replaced(text, scope, Mode::All)?))
}

/// Replaces in a tree the placeholders of an included file's parameters; places are kept.
pub(crate) fn substitute_known(
    node: &mut Node,
    scope: &Scope,
) -> Result<(), (At, UnresolvedPlaceholder)> {
    match &mut node.data {
        Data::Text(text) => match replaced(text, scope, Mode::Known) {
            Ok(Value::String(new)) => {
                *text = new;
                Ok(())
            }
            Ok(other) => {
                *node = Node::from_value(&other, &node.at);
                Ok(())
            }
            Err(problem) => Err((node.at.clone(), problem)),
        },
        Data::List(items) => items
            .iter_mut()
            .try_for_each(|n| substitute_known(n, scope)),
        Data::Map(entries) => entries
            .iter_mut()
            .try_for_each(|e| substitute_known(&mut e.value, scope)),
        _ => Ok(()),
    }
}

fn replaced(text: &str, scope: &Scope, mode: Mode) -> Result<Value, UnresolvedPlaceholder> {
    let known = |path: &str| {
        mode == Mode::All
            || scope
                .0
                .contains_key(path.split('.').next().unwrap_or_default())
    };
    // Innermost first: `${persona.${who}.nom}`.
    let path_of = |path: &str| -> Result<String, UnresolvedPlaceholder> {
        if path.contains("${") {
            Ok(rendered(&replaced(path, scope, mode)?))
        } else {
            Ok(path.to_owned())
        }
    };
    let ready = |path: &str| known(path) && !path.contains("${");
    let pieces = pieces(text);
    if let [Piece::Placeholder(path)] = pieces.as_slice() {
        let path = path_of(path)?;
        if ready(&path) {
            return scope.lookup(&path).cloned();
        }
    }
    let mut out = String::with_capacity(text.len());
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Escape => out.push_str(if mode == Mode::All { "${" } else { "$${" }),
            Piece::Placeholder(path) => {
                let path = path_of(path)?;
                if ready(&path) {
                    out.push_str(&rendered(scope.lookup(&path)?));
                } else {
                    out.push_str("${");
                    out.push_str(&path);
                    out.push('}');
                }
            }
        }
    }
    Ok(Value::String(out))
}

fn rendered(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn scope() -> Scope {
        let mut scope = Scope::new();
        scope.set(
            "u",
            json!({"usager": {"id": "7", "prenoms": ["Anne", "Marie"]}}),
        );
        scope.set("n", json!(3));
        scope
    }

    #[test]
    fn a_lone_placeholder_takes_the_type_and_a_longer_text_is_rendered() {
        let mut value = json!({
            "a": "${n}", "b": "n=${n}!", "c": ["${u.usager.prenoms.1}", "${u.usager.prenoms}"],
            "d": "$${n} ${u.usager.id}", "e": "${open", "f": "$$", "g": 1
        });
        substitute(&mut value, &scope()).unwrap();
        assert_eq!(
            value,
            json!({
                "a": 3, "b": "n=3!", "c": ["Marie", ["Anne", "Marie"]],
                "d": "${n} 7", "e": "${open", "f": "$$", "g": 1
            })
        );
    }

    #[test]
    fn an_unknown_name_names_the_nearest() {
        let mut value = json!("${u.usagr.id}");
        let error = substitute(&mut value, &scope()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "${u.usagr.id} cannot be resolved: `u` has no `usagr`; did you mean ${u.usager}?"
        );
        let error = substitute(&mut json!("x ${m}"), &scope()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "${m} cannot be resolved: nothing is called `m`"
        );
        let error = substitute(&mut json!("${u.usager.prenoms.9}"), &scope()).unwrap_err();
        assert!(error.problem.contains("has no `9`"), "{error}");
    }

    #[test]
    fn the_innermost_placeholder_goes_first() {
        let mut scope = scope();
        scope.set("which", json!("usager"));
        let mut value = json!([
            "${u.${which}.id}",
            "n ${u.${which}.prenoms.0}",
            "${u.usager.prenoms}"
        ]);
        substitute(&mut value, &scope).unwrap();
        assert_eq!(value, json!(["7", "n Anne", ["Anne", "Marie"]]));
        let mut early = Scope::new();
        early.set("which", json!("usager"));
        assert_eq!(
            replaced("${u.${which}.id} ${n}", &early, Mode::Known).unwrap(),
            json!("${u.usager.id} ${n}")
        );
    }

    #[test]
    fn a_text_stays_a_text() {
        assert_eq!(substitute_text("${n}", &scope()).unwrap(), "3");
        assert_eq!(substitute_text("", &scope()).unwrap(), "");
    }

    #[test]
    fn pieces_join_back_to_the_text() {
        for text in [
            "",
            "a",
            "${a}",
            "x${a}y$${b}z${",
            "$$${a}",
            "é${à}",
            "x${a.${b}.c}y",
        ] {
            let joined: String = pieces(text)
                .iter()
                .map(|p| match p {
                    Piece::Text(t) => (*t).to_owned(),
                    Piece::Escape => "$${".to_owned(),
                    Piece::Placeholder(p) => format!("${{{p}}}"),
                })
                .collect();
            assert_eq!(joined, text);
        }
    }
}

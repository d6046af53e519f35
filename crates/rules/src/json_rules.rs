//! JSON Schema rules over JSON: how a schema is compiled everywhere in Diapason, and what a document breaks of it.

use diapason_core::Place;
use jsonschema::{Draft, ValidationError, Validator};
use serde_json::Value;

use crate::describe::describe;

/// Most findings of one schema in one document; more say nothing new.
const MOST_FINDINGS: usize = 10;

/// Compiles a schema as every part of the bench compiles them: draft 2020-12, formats checked, and never leaving the
/// machine for a `$ref`.
///
/// # Errors
/// What is wrong in the schema, with its place.
pub fn compile(schema: &Value) -> Result<Validator, Box<ValidationError<'static>>> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .build(schema)
        .map_err(Box::new)
}

/// A place where a document does not follow the schema of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonFinding {
    /// JSON pointer, and line and column when the source is known.
    pub place: Place,
    /// What the schema asks for.
    pub expected: String,
    /// What is there, secrets masked.
    pub observed: String,
}

/// What `value` breaks of a rule's schema; `source` is the text it was read from, when there is one.
pub fn judge_json(validator: &Validator, value: &Value, source: Option<&str>) -> Vec<JsonFinding> {
    validator
        .iter_errors(value)
        .take(MOST_FINDINGS)
        .map(|error| {
            let pointer = error.instance_path().to_string();
            let at = source.and_then(|text| locate(text, &pointer));
            let said = describe(&error);
            JsonFinding {
                place: Place {
                    path: Some(said.path),
                    line: at.map(|(line, _)| line),
                    column: at.map(|(_, column)| column),
                    ..Place::default()
                },
                expected: said.expected,
                observed: said.observed,
            }
        })
        .collect()
}

/// Line and column, from 1, at which the value of a JSON pointer begins in its source.
///
/// Of two members of one name the last is meant, as when the text is read.
pub fn locate(text: &str, pointer: &str) -> Option<(u32, u32)> {
    let mut scan = Scan {
        text,
        at: text.len() - text.trim_start_matches('\u{feff}').len(),
    };
    scan.space();
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        scan.at = match scan.byte()? {
            b'{' => scan.member(&step)?,
            b'[' => scan.item(step.parse().ok()?)?,
            _ => return None,
        };
    }
    scan.byte()?;
    let before = &text[..scan.at];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before[start..]
        .trim_start_matches('\u{feff}')
        .chars()
        .count()
        + 1;
    Some((u32::try_from(line).ok()?, u32::try_from(column).ok()?))
}

/// A reader of JSON that keeps offsets; the text is known to be JSON, and on anything else it gives up.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl Scan<'_> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while self.byte().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn eat(&mut self, wanted: u8) -> Option<()> {
        self.space();
        (self.byte()? == wanted).then(|| self.at += 1)?;
        self.space();
        Some(())
    }

    /// Moves past a string and returns its content.
    fn string(&mut self) -> Option<String> {
        let start = self.at;
        self.skip_string()?;
        serde_json::from_str(&self.text[start..self.at]).ok()
    }

    fn skip_string(&mut self) -> Option<()> {
        if self.byte()? != b'"' {
            return None;
        }
        self.at += 1;
        loop {
            match self.byte()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(())
    }

    /// Moves past a value, without recursion.
    fn skip(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.byte()? {
                b'"' => self.skip_string()?,
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => self.at += 1,
                b if b.is_ascii_whitespace() => self.at += 1,
                _ => {
                    while self
                        .byte()
                        .is_some_and(|b| !b.is_ascii_whitespace() && !b",:]}[{\"".contains(&b))
                    {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    fn member(&mut self, name: &str) -> Option<usize> {
        let mut found = None;
        self.eat(b'{')?;
        while self.byte()? != b'}' {
            let key = self.string()?;
            self.eat(b':')?;
            if key == name {
                found = Some(self.at);
            }
            self.skip()?;
            self.space();
            if self.byte()? == b',' {
                self.eat(b',')?;
            }
        }
        found
    }

    fn item(&mut self, index: usize) -> Option<usize> {
        self.eat(b'[')?;
        for _ in 0..index {
            self.skip()?;
            self.eat(b',')?;
        }
        (self.byte()? != b']').then_some(self.at)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_pointer_is_found_in_its_source() {
        let text = "\u{feff}{\n  \"é\\\"/~\": [1, {\"x\": [ ], \"y\" : \"}]\"}, true],\r\n \"b\": {\"c\":-1.5e3}, \"b\":\n{\"c\" :null}}";
        for (pointer, place) in [
            ("", (1, 1)),
            ("/é\"~1~0", (2, 12)),
            ("/é\"~1~0/0", (2, 13)),
            ("/é\"~1~0/1", (2, 16)),
            ("/é\"~1~0/1/x", (2, 22)),
            ("/é\"~1~0/1/y", (2, 33)),
            ("/é\"~1~0/2", (2, 40)),
            ("/b", (4, 1)),
            ("/b/c", (4, 7)),
        ] {
            assert_eq!(locate(text, pointer), Some(place), "{pointer}");
        }
        for absent in ["/z", "/b/c/d", "/é\"~1~0/3", "/é\"~1~0/x", "/é\"~1~0/1/x/0"] {
            assert_eq!(locate(text, absent), None, "{absent}");
        }
        for broken in [
            "",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":\"",
            "[1",
            "{\"a\":[}",
            "{a:1}",
            "]",
            "{\"a\\",
        ] {
            let _ = locate(broken, "/a");
            let _ = locate(broken, "/0");
        }
    }

    #[test]
    fn findings_carry_the_place_and_no_secret() {
        let schema = json!({"type": "object", "required": ["sub"], "properties": {
            "sub": {"type": "string", "minLength": 3},
            "access_token": {"const": "x"},
            "when": {"format": "date"}
        }});
        let validator = compile(&schema).unwrap();
        let text = "{\n \"sub\": \"a\",\n \"access_token\": \"secret-secret-secret\",\n \"when\": \"hier\"}";
        let value: Value = serde_json::from_str(text).unwrap();
        let found = judge_json(&validator, &value, Some(text));
        let places: Vec<_> = found
            .iter()
            .map(|f| {
                (
                    f.place.path.as_deref().unwrap(),
                    f.place.line,
                    f.place.column,
                )
            })
            .collect();
        assert_eq!(
            places,
            [
                ("/sub", Some(2), Some(9)),
                ("/access_token", Some(3), Some(18)),
                ("/when", Some(4), Some(10))
            ]
        );
        assert_eq!(found[0].expected, "at least 3 characters");
        let missing = judge_json(&validator, &json!({}), None);
        assert_eq!(missing.len(), 1);
        assert_eq!(missing[0].place.line, None);
        assert!(judge_json(&validator, &json!({"sub": "abc"}), None).is_empty());
    }

    #[test]
    fn one_document_does_not_flood_the_report() {
        let validator = compile(&json!({"items": {"type": "string"}})).unwrap();
        let value = Value::Array(vec![json!(1); 1_000]);
        assert_eq!(judge_json(&validator, &value, None).len(), MOST_FINDINGS);
    }

    #[test]
    fn a_schema_never_leaves_the_machine() {
        for target in [
            "http://127.0.0.1:9/s",
            "file:///etc/hostname",
            "https://exemple.invalid/s",
        ] {
            assert!(compile(&json!({"$ref": target})).is_err(), "{target}");
        }
    }
}

//! A form made from a JSON Schema of the contract: how a person at the terminal says what he reads on
//! the DUI's screen.
//!
//! Only what the contract uses is understood: objects, texts, numbers, yes or no, choices, lists.

use std::future::Future;
use std::pin::Pin;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::console::{Console, NoAnswer, initial};

/// Longest list a person is asked for.
const MAX_ITEMS: usize = 50;

/// Asks for a value of `schema`; `known` gives the answers proposed, by field name.
pub(super) async fn fill(
    console: &mut Console,
    schema: &Value,
    known: &Map<String, Value>,
    until: Instant,
) -> Result<Value, NoAnswer> {
    let form = Form {
        root: schema,
        known,
        until,
    };
    form.value(console, schema, "", true, 0).await
}

struct Form<'a> {
    root: &'a Value,
    known: &'a Map<String, Value>,
    until: Instant,
}

/// A schema with its indirections removed.
struct Plain<'a> {
    schema: &'a Value,
    nullable: bool,
}

type Answer<'f> = Pin<Box<dyn Future<Output = Result<Value, NoAnswer>> + Send + 'f>>;

impl Form<'_> {
    fn plain<'s>(&'s self, schema: &'s Value) -> Plain<'s> {
        let mut schema = schema;
        let mut nullable = false;
        for _ in 0..8 {
            if let Some(name) = schema
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|r| r.strip_prefix("#/$defs/"))
            {
                schema = &self.root["$defs"][name];
            } else if let Some(any) = schema.get("anyOf").and_then(Value::as_array) {
                nullable |= any.iter().any(|s| s["type"] == "null");
                match any.iter().find(|s| s["type"] != "null") {
                    Some(one) => schema = one,
                    None => break,
                }
            } else {
                break;
            }
        }
        if let Some(types) = schema["type"].as_array() {
            nullable |= types.iter().any(|t| t == "null");
        }
        Plain { schema, nullable }
    }

    /// `label` is empty for the whole.
    fn value<'f>(
        &'f self,
        console: &'f mut Console,
        schema: &'f Value,
        label: &'f str,
        required: bool,
        depth: usize,
    ) -> Answer<'f> {
        Box::pin(async move {
            let plain = self.plain(schema);
            let optional = plain.nullable || !required;
            if let Some(choices) = choices(plain.schema) {
                return self.choice(console, label, &choices, optional).await;
            }
            match type_of(plain.schema) {
                "object" if plain.schema.get("properties").is_some() => {
                    self.object(console, plain.schema, label, optional, depth)
                        .await
                }
                "array" => {
                    self.list(console, &plain.schema["items"], label, depth)
                        .await
                }
                "boolean" => self.yes_no(console, label, optional).await,
                "integer" | "number" => self.number(console, label, optional).await,
                "string" => self.text(console, label, optional).await,
                _ => Ok(if plain.nullable {
                    Value::Null
                } else {
                    Value::Object(Map::new())
                }),
            }
        })
    }

    async fn object(
        &self,
        console: &mut Console,
        schema: &Value,
        label: &str,
        optional: bool,
        depth: usize,
    ) -> Result<Value, NoAnswer> {
        if optional && !label.is_empty() {
            let prompt = format!(
                "  {label} : {}",
                console.t("visible à l'écran ? [o/N]", "shown on screen? [y/N]")
            );
            let line = console.ask(&prompt, self.until).await?;
            if !matches!(initial(&line), Some('o' | 'y')) {
                return Ok(Value::Null);
            }
        }
        let needed: Vec<&str> = schema["required"]
            .as_array()
            .map(|r| r.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let mut out = Map::new();
        if let Some(properties) = schema["properties"].as_object() {
            for (name, property) in properties {
                let required = needed.contains(&name.as_str());
                let plain = self.plain(property);
                // A list of records inside a record is not asked of a person.
                let records = type_of(plain.schema) == "array"
                    && type_of(self.plain(&plain.schema["items"]).schema) == "object";
                if records && !required {
                    continue;
                }
                let inner = if label.is_empty() {
                    name.clone()
                } else {
                    format!("{label}.{name}")
                };
                let value = self
                    .value(console, property, &inner, required, depth + 1)
                    .await?;
                if required || !value.is_null() {
                    out.insert(name.clone(), value);
                }
            }
        }
        Ok(Value::Object(out))
    }

    async fn list(
        &self,
        console: &mut Console,
        items: &Value,
        label: &str,
        depth: usize,
    ) -> Result<Value, NoAnswer> {
        if type_of(self.plain(items).schema) != "object" {
            let default = self.default(label);
            let shown = match &default {
                Some(Value::Array(list)) => list
                    .iter()
                    .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
                    .collect::<Vec<_>>()
                    .join(", "),
                _ => String::new(),
            };
            let hint = console.t("séparés par des virgules", "separated by commas");
            let line = console
                .ask(&format!("  {label} ({hint}) [{shown}] :"), self.until)
                .await?;
            if line.is_empty() {
                return Ok(default.unwrap_or(Value::Array(Vec::new())));
            }
            return Ok(line.split(',').map(|t| Value::from(t.trim())).collect());
        }
        let mut out = Vec::new();
        while out.len() < MAX_ITEMS {
            let number = out.len() + 1;
            let (ask, keys) = console.t(("ajouter la ligne", "o/N"), ("add line", "y/N"));
            let line = console
                .ask(
                    &format!("  {label} : {ask} {number} ? [{keys}]"),
                    self.until,
                )
                .await?;
            if !matches!(initial(&line), Some('o' | 'y')) {
                break;
            }
            out.push(self.value(console, items, "", true, depth + 1).await?);
        }
        Ok(Value::Array(out))
    }

    async fn choice(
        &self,
        console: &mut Console,
        label: &str,
        choices: &[String],
        optional: bool,
    ) -> Result<Value, NoAnswer> {
        let default = self
            .default(label)
            .and_then(|v| v.as_str().map(str::to_owned))
            .filter(|d| choices.contains(d));
        loop {
            let list: Vec<String> = choices
                .iter()
                .enumerate()
                .map(|(i, c)| format!("{} = {c}", i + 1))
                .collect();
            let shown = default.as_deref().unwrap_or_default();
            let line = console
                .ask(
                    &format!("  {label} ({}) [{shown}] :", list.join(", ")),
                    self.until,
                )
                .await?;
            if line.is_empty() {
                match &default {
                    Some(default) => return Ok(Value::from(default.as_str())),
                    None if optional => return Ok(Value::Null),
                    None => {}
                }
            }
            let by_number = line
                .parse::<usize>()
                .ok()
                .and_then(|n| choices.get(n.checked_sub(1)?));
            if let Some(choice) = by_number.or_else(|| choices.iter().find(|c| **c == line)) {
                return Ok(Value::from(choice.as_str()));
            }
            let again = console.t(
                "  répondez par l'un des numéros",
                "  answer with one of the numbers",
            );
            console.line(again).await;
        }
    }

    async fn yes_no(
        &self,
        console: &mut Console,
        label: &str,
        optional: bool,
    ) -> Result<Value, NoAnswer> {
        loop {
            let keys = console.t("o/n", "y/n");
            let line = console
                .ask(&format!("  {label} [{keys}] :"), self.until)
                .await?;
            match initial(&line) {
                Some('o' | 'y') => return Ok(Value::Bool(true)),
                Some('n') => return Ok(Value::Bool(false)),
                None if optional => return Ok(Value::Null),
                _ => {
                    let again = console.t("  répondez par o ou n", "  answer y or n");
                    console.line(again).await;
                }
            }
        }
    }

    async fn number(
        &self,
        console: &mut Console,
        label: &str,
        optional: bool,
    ) -> Result<Value, NoAnswer> {
        loop {
            let line = console.ask(&format!("  {label} :"), self.until).await?;
            if line.is_empty() && optional {
                return Ok(Value::Null);
            }
            if let Ok(number) = line.parse::<i64>() {
                return Ok(Value::from(number));
            }
            let again = console.t("  un nombre est attendu", "  a number is wanted");
            console.line(again).await;
        }
    }

    async fn text(
        &self,
        console: &mut Console,
        label: &str,
        optional: bool,
    ) -> Result<Value, NoAnswer> {
        let default = self.default(label);
        let shown = default.as_ref().and_then(Value::as_str).unwrap_or_default();
        let line = console
            .ask(&format!("  {label} [{shown}] :"), self.until)
            .await?;
        Ok(match (line.is_empty(), default) {
            (false, _) => Value::from(line),
            (true, Some(default)) => default,
            (true, None) if optional => Value::Null,
            (true, None) => Value::from(""),
        })
    }

    /// The answer proposed for a field: by its own name, wherever it stands.
    fn default(&self, label: &str) -> Option<Value> {
        let name = label.rsplit('.').next().unwrap_or_default();
        self.known.get(name).filter(|v| !v.is_null()).cloned()
    }
}

fn type_of(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(name) => name,
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|n| *n != "null")
            .unwrap_or_default(),
        _ => "",
    }
}

fn choices(schema: &Value) -> Option<Vec<String>> {
    if let Some(options) = schema["enum"].as_array() {
        return Some(
            options
                .iter()
                .filter_map(|v| v.as_str().map(str::to_owned))
                .collect(),
        );
    }
    let one_of = schema["oneOf"].as_array()?;
    one_of
        .iter()
        .map(|s| {
            let single = s["const"].as_str().map(|c| vec![c.to_owned()]);
            single.or_else(|| choices(s))
        })
        .collect::<Option<Vec<_>>>()
        .map(|lists| lists.concat())
}

//! YAML and TOML text to [`Node`].
//!
//! YAML is read strictly: no duplicate key, no merge key, no custom tag, YAML 1.2 booleans only, and
//! a budget against documents that unfold (aliases of aliases) or nest without end.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use serde_saphyr::{Budget, Location, Spanned};
use toml::de::{DeTable, DeValue};

use super::error::FileError;
use super::tree::{At, Data, Entry, Node, Source};

/// Largest file read: the biggest rule pack is a tenth of this.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Reads YAML.
pub(crate) fn yaml(path: &str, text: &str) -> Result<Node, FileError> {
    let source = source(path, text)?;
    let mut budget = Budget::default();
    budget.max_depth = 48;
    budget.max_nodes = 400_000;
    budget.max_anchors = 200;
    budget.max_aliases = 1_000;
    let mut options = serde_saphyr::Options::default();
    options.budget = Some(budget);
    options.duplicate_keys = DuplicateKeyPolicy::Error;
    options.merge_keys = MergeKeyPolicy::Error;
    options.alias_limits.max_total_replayed_events = 10_000;
    options.alias_limits.max_replay_stack_depth = 8;
    options.strict_booleans = true;
    options.leading_zero_numbers_as_strings = true;
    options.underscored_numbers_as_strings = true;
    options.reject_unsupported_tags = true;
    options.with_snippet = false;
    serde_saphyr::from_str_with_options::<Raw>(&source.text, options)
        .map(|raw| raw.into_node(&source))
        .map_err(|error| yaml_error(&source, &error))
}

fn source(path: &str, text: &str) -> Result<Arc<Source>, FileError> {
    if text.len() > MAX_BYTES {
        return Err(FileError::whole(
            path,
            format!("the file has {} bytes, more than {MAX_BYTES}", text.len()),
        ));
    }
    Ok(Arc::new(Source {
        path: path.into(),
        text: text.to_owned(),
    }))
}

fn yaml_error(source: &Arc<Source>, error: &serde_saphyr::Error) -> FileError {
    use serde_saphyr::Error as Y;
    let at = error.location().map(|l| at(source, l));
    let make = |message: String| match &at {
        Some(at) => at.error(message),
        None => FileError::whole(Arc::clone(&source.path), message),
    };
    let error = match error.without_snippet() {
        Y::AliasError { error, .. } => error.without_snippet(),
        other => other,
    };
    match error {
        Y::DuplicateMappingKey { key, .. } => {
            let mut found = make(match key {
                Some(key) => format!("duplicate key `{key}`"),
                None => "duplicate key".to_owned(),
            });
            found.hint = Some("a key may be given once; remove one of the two".to_owned());
            found
        }
        Y::MergeKeyNotAllowed { .. } => {
            let mut found = make("merge keys (`<<`) are not read".to_owned());
            found.hint = Some("write the keys out, or use `include`".to_owned());
            found
        }
        Y::UnsupportedTag { tag, .. } => make(format!("tag `{tag}` is not read")),
        Y::Budget { breach, .. } => make(format!("the document is too large: {breach:?}")),
        Y::AliasReplayLimitExceeded { .. }
        | Y::AliasExpansionLimitExceeded { .. }
        | Y::AliasReplayStackDepthExceeded { .. } => {
            make("aliases unfold into too many values".to_owned())
        }
        Y::Eof { .. } => make("the document ends too early".to_owned()),
        Y::MultipleDocuments { .. } => {
            make("more than one document (`---`) in one file".to_owned())
        }
        Y::Message { msg, .. } | Y::ExternalMessage { msg, .. } => {
            make(format!("invalid YAML: {msg}"))
        }
        other => {
            let text = other.to_string();
            let first = text.lines().next().unwrap_or_default();
            let first = first.strip_prefix("error: ").unwrap_or(first);
            make(format!("invalid YAML: {first}"))
        }
    }
}

fn at(source: &Arc<Source>, location: Location) -> At {
    let line = usize::try_from(location.line()).unwrap_or(0).max(1);
    let column = usize::try_from(location.column()).unwrap_or(0).max(1);
    let span = location.span();
    // A span that crosses lines (a block) is shown by its first line; `At::error` cuts at its end.
    let width = usize::try_from(span.len()).unwrap_or(1);
    At {
        source: Arc::clone(source),
        line,
        column,
        width,
    }
}

/// What the YAML reader hands over, with its own idea of places.
struct Raw {
    at: Location,
    data: RawData,
}

enum RawData {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Raw>),
    Map(Vec<(Location, String, Raw)>),
}

impl Raw {
    fn into_node(self, source: &Arc<Source>) -> Node {
        let data = match self.data {
            RawData::Null => Data::Null,
            RawData::Bool(b) => Data::Bool(b),
            RawData::Number(n) => Data::Number(n),
            RawData::Text(t) => Data::Text(t),
            RawData::List(items) => {
                Data::List(items.into_iter().map(|r| r.into_node(source)).collect())
            }
            RawData::Map(entries) => Data::Map(
                entries
                    .into_iter()
                    .map(|(key_at, key, value)| Entry {
                        key,
                        key_at: at(source, key_at),
                        value: value.into_node(source),
                    })
                    .collect(),
            ),
        };
        let here = at(source, self.at);
        // A block mapping begins at its first key: the caret underlines that key.
        let at = match &data {
            Data::Map(entries) => entries
                .first()
                .map(|e| e.key_at.clone())
                .filter(|key| key.line == here.line && key.column == here.column)
                .unwrap_or(here),
            _ => here,
        };
        Node { at, data }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<RawData>::deserialize(deserializer)?;
        Ok(Self {
            at: spanned.referenced,
            data: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for RawData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawData;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<RawData, E> {
        Ok(RawData::Null)
    }

    fn visit_none<E>(self) -> Result<RawData, E> {
        Ok(RawData::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawData, D::Error> {
        RawData::deserialize(deserializer)
    }

    fn visit_bool<E>(self, v: bool) -> Result<RawData, E> {
        Ok(RawData::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<RawData, E> {
        Ok(RawData::Number(v.into()))
    }

    fn visit_u64<E>(self, v: u64) -> Result<RawData, E> {
        Ok(RawData::Number(v.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<RawData, E> {
        Number::from_f64(v)
            .map(RawData::Number)
            .ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, v: &str) -> Result<RawData, E> {
        Ok(RawData::Text(v.to_owned()))
    }

    fn visit_string<E>(self, v: String) -> Result<RawData, E> {
        Ok(RawData::Text(v))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawData, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(RawData::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawData, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let value = map.next_value::<Raw>()?;
            entries.push((key.referenced, key.value, value));
        }
        Ok(RawData::Map(entries))
    }
}

/// Reads TOML.
pub(crate) fn toml(path: &str, text: &str) -> Result<Node, FileError> {
    let source = source(path, text)?;
    let table = DeTable::parse(&source.text).map_err(|error| {
        let message = error
            .message()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        let (message, hint) = if message.starts_with("duplicate key") {
            (
                "duplicate key".to_owned(),
                Some("a key may be given once; remove one of the two".to_owned()),
            )
        } else {
            (format!("invalid TOML: {message}"), None)
        };
        let mut found = match error.span() {
            Some(span) => At::bytes(&source, span).error(message),
            None => FileError::whole(path, message),
        };
        found.hint = hint;
        found
    })?;
    toml_table(&source, table.span(), table.get_ref())
}

fn toml_table(
    source: &Arc<Source>,
    span: std::ops::Range<usize>,
    table: &DeTable<'_>,
) -> Result<Node, FileError> {
    let mut entries = Vec::new();
    for (key, value) in table {
        entries.push(Entry {
            key: key.get_ref().to_string(),
            key_at: At::bytes(source, key.span()),
            value: toml_node(source, value.span(), value.get_ref())?,
        });
    }
    Ok(Node {
        at: At::bytes(source, span),
        data: Data::Map(entries),
    })
}

fn toml_node(
    source: &Arc<Source>,
    span: std::ops::Range<usize>,
    value: &DeValue<'_>,
) -> Result<Node, FileError> {
    let at = At::bytes(source, span.clone());
    let data = match value {
        DeValue::String(s) => Data::Text(s.to_string()),
        DeValue::Integer(i) => {
            let parsed = i64::from_str_radix(i.as_str(), i.radix())
                .map_err(|_| at.error("the number does not fit in 64 bits"))?;
            Data::Number(parsed.into())
        }
        DeValue::Float(float) => {
            let parsed = float
                .as_str()
                .parse::<f64>()
                .ok()
                .and_then(Number::from_f64);
            Data::Number(parsed.ok_or_else(|| at.error("not a finite number"))?)
        }
        DeValue::Boolean(b) => Data::Bool(*b),
        DeValue::Datetime(d) => Data::Text(d.to_string()),
        DeValue::Array(items) => Data::List(
            items
                .iter()
                .map(|v| toml_node(source, v.span(), v.get_ref()))
                .collect::<Result<_, _>>()?,
        ),
        DeValue::Table(table) => return toml_table(source, span, table),
    };
    Ok(Node { at, data })
}

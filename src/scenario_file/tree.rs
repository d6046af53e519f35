//! A file as a tree of values that know where they stand.
//!
//! YAML and TOML are both read into it; types are then read from it, so both formats share the same
//! strictness and the same messages, and a later check can point at any value by its path.

use std::sync::Arc;

use serde_json::{Map, Number, Value};

use super::error::FileError;

/// A file's name and text, kept for the excerpts.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: Arc<str>,
    pub(crate) text: String,
}

/// A place in a file.
#[derive(Debug, Clone)]
pub(crate) struct At {
    pub(crate) source: Arc<Source>,
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
    /// In characters.
    pub(crate) width: usize,
}

impl At {
    /// From byte offsets.
    pub(crate) fn bytes(source: &Arc<Source>, range: std::ops::Range<usize>) -> Self {
        let mut start = range.start.min(source.text.len());
        while !source.text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &source.text[..start];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let text = source.text.get(start..range.end).unwrap_or_default();
        Self {
            source: Arc::clone(source),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            width: text.lines().next().unwrap_or_default().chars().count(),
        }
    }

    /// A problem at this place.
    pub(crate) fn error(&self, message: impl Into<String>) -> FileError {
        let source_line = self
            .source
            .text
            .lines()
            .nth(self.line.saturating_sub(1))
            .unwrap_or_default();
        let room = source_line
            .trim_end()
            .chars()
            .count()
            .saturating_sub(self.column.saturating_sub(1));
        FileError {
            path: Arc::clone(&self.source.path),
            line: self.line as u32,
            column: self.column as u32,
            width: self.width.min(room).max(1) as u32,
            source_line: source_line.into(),
            message: message.into(),
            expected: None,
            hint: None,
        }
    }
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) data: Data,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Data {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key, where it stands, and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_at: At,
    pub(crate) value: Node,
}

/// One step of a path into a tree.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Seg<'a> {
    Key(&'a str),
    Index(usize),
}

impl Node {
    /// The entry of a map.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.data {
            Data::Map(entries) => entries.iter().find(|e| e.key == key),
            _ => None,
        }
    }

    /// The value of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|e| &e.value)
    }

    /// The value of a map, to change it.
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.data {
            Data::Map(entries) => entries
                .iter_mut()
                .find(|e| e.key == key)
                .map(|e| &mut e.value),
            _ => None,
        }
    }

    /// The item of a list.
    pub(crate) fn item(&self, index: usize) -> Option<&Node> {
        match &self.data {
            Data::List(items) => items.get(index),
            _ => None,
        }
    }

    /// The deepest node that exists on `path`: where a problem is shown.
    pub(crate) fn at_path(&self, path: &[Seg<'_>]) -> &Node {
        let mut node = self;
        for seg in path {
            let next = match seg {
                Seg::Key(key) => node.get(key),
                Seg::Index(i) => node.item(*i),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// The deepest node that exists on a JSON pointer.
    pub(crate) fn at_pointer(&self, pointer: &str) -> &Node {
        let mut node = self;
        for raw in pointer.split('/').skip(1) {
            let seg = raw.replace("~1", "/").replace("~0", "~");
            let next = match &node.data {
                Data::List(_) => seg.parse().ok().and_then(|i| node.item(i)),
                _ => node.get(&seg),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// Without places.
    pub(crate) fn to_value(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Bool(b) => Value::Bool(*b),
            Data::Number(n) => Value::Number(n.clone()),
            Data::Text(t) => Value::String(t.clone()),
            Data::List(items) => Value::Array(items.iter().map(Node::to_value).collect()),
            Data::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|e| (e.key.clone(), e.value.to_value()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// A value that stands, all of it, at one place (what a placeholder was replaced by).
    pub(crate) fn from_value(value: &Value, at: &At) -> Self {
        let data = match value {
            Value::Null => Data::Null,
            Value::Bool(b) => Data::Bool(*b),
            Value::Number(n) => Data::Number(n.clone()),
            Value::String(t) => Data::Text(t.clone()),
            Value::Array(items) => {
                Data::List(items.iter().map(|v| Self::from_value(v, at)).collect())
            }
            Value::Object(map) => Data::Map(
                map.iter()
                    .map(|(key, v)| Entry {
                        key: key.clone(),
                        key_at: at.clone(),
                        value: Self::from_value(v, at),
                    })
                    .collect(),
            ),
        };
        Self {
            at: at.clone(),
            data,
        }
    }

    /// In words, for `expected X, got Y`.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.data {
            Data::Null => "nothing",
            Data::Bool(_) => "true or false",
            Data::Number(_) => "a number",
            Data::Text(_) => "a text",
            Data::List(_) => "a list",
            Data::Map(_) => "a mapping",
        }
    }
}

//! [`Node`] to the types of `diapason_core`: every message says where, what was expected, and the
//! nearest known key.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::error::{FileError, did_you_mean, one_of};
use super::tree::{At, Data, Entry, Node};

/// Reads a `T` from a tree.
pub(crate) fn typed<'de, T: Deserialize<'de>>(node: &'de Node) -> Result<T, FileError> {
    T::deserialize(node).map_err(|problem| problem.into_file_error(&node.at))
}

/// What did not fit, and where once it is known.
#[derive(Debug)]
pub(crate) struct Problem {
    at: Option<At>,
    message: String,
    expected: Option<String>,
    hint: Option<String>,
}

impl Problem {
    fn at(mut self, at: &At) -> Self {
        self.at.get_or_insert_with(|| at.clone());
        self
    }

    fn new(message: String) -> Self {
        Self {
            at: None,
            message,
            expected: None,
            hint: None,
        }
    }

    fn into_file_error(self, root: &At) -> FileError {
        let mut error = self.at.as_ref().unwrap_or(root).error(self.message);
        error.expected = self.expected;
        error.hint = self.hint;
        error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let wanted = plain(&expected.to_string());
        let mut problem = Self::new("wrong type".to_owned());
        if wanted == "a text"
            && matches!(
                unexpected,
                Unexpected::Bool(_)
                    | Unexpected::Signed(_)
                    | Unexpected::Unsigned(_)
                    | Unexpected::Float(_)
            )
        {
            problem.hint = Some("put the value between quotes".to_owned());
        }
        problem.expected = Some(format!("{wanted}, got {}", got(unexpected)));
        problem
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let mut problem = Self::new("wrong value".to_owned());
        problem.expected = Some(format!(
            "{}, got {}",
            plain(&expected.to_string()),
            got(unexpected)
        ));
        problem
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let mut problem = Self::new(format!("unknown key `{field}`"));
        problem.expected = Some(if expected.is_empty() {
            "no key here".to_owned()
        } else {
            format!("one of {}", one_of(expected.iter().copied()))
        });
        problem.hint = did_you_mean(field, expected.iter().copied());
        problem
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let mut problem = Self::new(format!("unknown value `{variant}`"));
        problem.expected = Some(format!("one of {}", one_of(expected.iter().copied())));
        problem.hint = did_you_mean(variant, expected.iter().copied());
        problem
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("missing key `{field}`"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(format!("duplicate key `{field}`"))
    }
}

/// serde speaks of Rust; people who write files do not.
fn plain(expected: &str) -> String {
    match expected {
        "a string" | "string" => "a text".to_owned(),
        "a boolean" | "boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a mapping".to_owned(),
        "u64" | "u32" | "u16" | "usize" => "a whole number, 0 or more".to_owned(),
        "i64" | "i32" => "a whole number".to_owned(),
        other if other.starts_with("struct ") => "a mapping".to_owned(),
        other if other.starts_with("enum ") => "one of the known values".to_owned(),
        other => other.to_owned(),
    }
}

fn got(unexpected: Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(b) => format!("`{b}`"),
        Unexpected::Unsigned(n) => format!("the number {n}"),
        Unexpected::Signed(n) => format!("the number {n}"),
        Unexpected::Float(n) => format!("the number {n}"),
        Unexpected::Str(s) => {
            let short: String = s.chars().take(60).collect();
            format!("the text {short:?}")
        }
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let result = match &self.data {
            Data::Null => visitor.visit_unit(),
            Data::Bool(b) => visitor.visit_bool(*b),
            Data::Number(n) => {
                if let Some(u) = n.as_u64() {
                    visitor.visit_u64(u)
                } else if let Some(i) = n.as_i64() {
                    visitor.visit_i64(i)
                } else {
                    visitor.visit_f64(n.as_f64().unwrap_or_default())
                }
            }
            Data::Text(t) => visitor.visit_borrowed_str(t),
            Data::List(items) => visitor.visit_seq(Items(items.iter())),
            Data::Map(entries) => visitor.visit_map(Entries {
                rest: entries.iter(),
                value: None,
            }),
        };
        result.map_err(|p| p.at(&self.at))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.data {
            Data::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
        .map_err(|p| p.at(&self.at))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor
            .visit_newtype_struct(self)
            .map_err(|p| p.at(&self.at))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let known = || format!("one of {}", one_of(variants.iter().copied()));
        match &self.data {
            Data::Text(text) => visitor.visit_enum(Variant {
                name: text,
                name_at: &self.at,
                content: None,
            }),
            Data::Map(entries) if entries.len() == 1 => {
                let entry = &entries[0];
                visitor.visit_enum(Variant {
                    name: &entry.key,
                    name_at: &entry.key_at,
                    content: Some(&entry.value),
                })
            }
            Data::Map(entries) => {
                let mut problem =
                    Problem::new(format!("{} keys where one is wanted", entries.len()));
                problem.expected = Some(known());
                Err(problem)
            }
            _ => {
                let mut problem = Problem::new("wrong type".to_owned());
                problem.expected = Some(format!("{}, got {}", known(), self.kind()));
                Err(problem)
            }
        }
        .map_err(|p| p.at(&self.at))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Items<'de>(std::slice::Iter<'de, Node>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Problem> {
        // A value checked after it was read (an id) fails here, not inside the node.
        self.0
            .next()
            .map(|node| seed.deserialize(node).map_err(|p| p.at(&node.at)))
            .transpose()
    }
}

struct Entries<'de> {
    rest: std::slice::Iter<'de, Entry>,
    value: Option<&'de Node>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Problem> {
        let Some(entry) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some(&entry.value);
        let key: StrDeserializer<'_, Problem> =
            de::IntoDeserializer::into_deserializer(&*entry.key);
        seed.deserialize(key)
            .map(Some)
            .map_err(|p| p.at(&entry.key_at))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Problem> {
        match self.value.take() {
            Some(node) => seed.deserialize(node).map_err(|p| p.at(&node.at)),
            None => Err(Problem::new(
                "a value was asked for before its key".to_owned(),
            )),
        }
    }
}

struct Variant<'de> {
    name: &'de str,
    name_at: &'de At,
    content: Option<&'de Node>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Problem;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Problem> {
        let name: StrDeserializer<'_, Problem> = de::IntoDeserializer::into_deserializer(self.name);
        let value = seed.deserialize(name).map_err(|p| p.at(self.name_at))?;
        Ok((value, self))
    }
}

impl<'de> Variant<'de> {
    fn content(&self) -> Result<&'de Node, Problem> {
        self.content.ok_or_else(|| {
            let mut problem = Problem::new(format!("`{}` wants a value", self.name));
            problem.expected = Some(format!("`{}:` followed by its value", self.name));
            problem.at(self.name_at)
        })
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Problem;

    fn unit_variant(self) -> Result<(), Problem> {
        match self.content {
            None => Ok(()),
            Some(node) if matches!(node.data, Data::Null) => Ok(()),
            Some(node) => Err(Problem::new(format!("`{}` takes no value", self.name)).at(&node.at)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Problem> {
        let node = self.content()?;
        seed.deserialize(node).map_err(|p| p.at(&node.at))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Problem> {
        self.content()?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let node = self.content()?;
        match node.data {
            // `scenario:` with nothing after it.
            Data::Null => visitor
                .visit_map(Entries {
                    rest: [].iter(),
                    value: None,
                })
                .map_err(|p| p.at(self.name_at)),
            _ => node.deserialize_any(visitor),
        }
    }
}

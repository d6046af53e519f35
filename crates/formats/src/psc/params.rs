//! Parameters of a request, wherever they stand, with the secrets taken out.

use serde_json::{Map, Value, json};

use super::looks::personal_data;
use crate::http::Request;

/// Parameters whose value is a secret: only its length is told.
pub const SECRET_PARAMETERS: [&str; 14] = [
    "access_token",
    "actor_token",
    "assertion",
    "auth_req_id",
    "client_assertion",
    "client_secret",
    "code",
    "code_verifier",
    "id_token",
    "id_token_hint",
    "password",
    "refresh_token",
    "subject_token",
    "token",
];

/// Query and form parameters, decoded, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params {
    query: Vec<(String, String)>,
    form: Vec<(String, String)>,
}

impl Params {
    /// Reads both places.
    pub fn of(request: &Request) -> Self {
        Self {
            query: request.query_pairs(),
            form: request.form_pairs(),
        }
    }

    /// First value of that name; the form goes before the query.
    pub fn get(&self, name: &str) -> Option<&str> {
        let of = |pairs: &'_ [(String, String)]| pairs.iter().position(|(n, _)| n == name);
        of(&self.form)
            .map(|at| self.form[at].1.as_str())
            .or_else(|| of(&self.query).map(|at| self.query[at].1.as_str()))
    }

    /// Names, form first, each once.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let mut seen: Vec<&str> = Vec::new();
        for (name, _) in self.form.iter().chain(&self.query) {
            if !seen.contains(&name.as_str()) {
                seen.push(name);
            }
        }
        seen.into_iter()
    }

    /// Where they stand.
    pub fn place(&self) -> &'static str {
        match (self.query.is_empty(), self.form.is_empty()) {
            (true, true) => "none",
            (false, true) => "query",
            (true, false) => "form",
            (false, false) => "both",
        }
    }

    /// Names given more than once.
    pub fn duplicates(&self) -> Vec<&str> {
        let count = |name: &str| {
            self.form
                .iter()
                .chain(&self.query)
                .filter(|(n, _)| n == name)
                .count()
        };
        self.names().filter(|n| count(n) > 1).collect()
    }

    /// Is a token in the URL? `id_token_hint` belongs there when a browser logs out.
    pub fn token_in_query(&self) -> bool {
        self.in_query(&[
            "access_token",
            "refresh_token",
            "token",
            "id_token",
            "auth_req_id",
        ])
    }

    /// Is something that proves who the client is in the URL?
    pub fn secret_in_query(&self) -> bool {
        self.in_query(&[
            "client_secret",
            "client_assertion",
            "code_verifier",
            "password",
        ])
    }

    fn in_query(&self, names: &[&str]) -> bool {
        self.query.iter().any(|(n, _)| names.contains(&n.as_str()))
    }

    /// Parameters of the URL that show personal data: name and kind, never the value.
    pub fn personal_in_query(&self) -> Value {
        self.query
            .iter()
            .filter(|(name, _)| !SECRET_PARAMETERS.contains(&name.as_str()))
            .filter_map(|(name, value)| {
                personal_data(value).map(|kind| json!({ "param": name, "kind": kind }))
            })
            .collect()
    }

    /// All of them, the secrets replaced by their length.
    pub fn redacted(&self) -> Value {
        let mut map = Map::new();
        for name in self.names() {
            let value = self.get(name).unwrap_or_default();
            let shown = if SECRET_PARAMETERS.contains(&name) {
                json!({ "len": value.len() })
            } else {
                json!(value)
            };
            map.insert(name.to_owned(), shown);
        }
        Value::Object(map)
    }
}

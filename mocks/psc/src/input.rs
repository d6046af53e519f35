//! Parameters of a request: query and form apart, since the provider does not read them alike.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use diapason_mock_common::http::Incoming;

/// Decoded parameters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Input {
    pub(crate) query: Vec<(String, String)>,
    pub(crate) form: Vec<(String, String)>,
    is_form: bool,
}

impl Input {
    pub(crate) fn of(request: &Incoming) -> Self {
        let is_form = request.header("content-type").is_some_and(|t| {
            let essence = t.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
        let pairs = |bytes: &[u8]| form_urlencoded::parse(bytes).into_owned().collect();
        Self {
            query: pairs(request.query.as_bytes()),
            form: if is_form {
                pairs(&request.body)
            } else {
                Vec::new()
            },
            is_form,
        }
    }

    /// Only these pairs (a pushed request).
    pub(crate) fn of_pairs(pairs: Vec<(String, String)>) -> Self {
        Self {
            query: pairs,
            ..Self::default()
        }
    }

    /// Was the body announced as a form?
    pub(crate) fn is_form(&self) -> bool {
        self.is_form
    }

    /// A form parameter that is not empty.
    pub(crate) fn form(&self, name: &str) -> Option<&str> {
        find(&self.form, name)
    }

    /// A parameter that is not empty, from the form or the query.
    pub(crate) fn any(&self, name: &str) -> Option<&str> {
        find(&self.form, name).or_else(|| find(&self.query, name))
    }

    /// A name given twice, wherever.
    pub(crate) fn duplicate(&self) -> Option<&str> {
        let names: Vec<&str> = self
            .form
            .iter()
            .chain(&self.query)
            .map(|(n, _)| n.as_str())
            .collect();
        names
            .iter()
            .enumerate()
            .find(|(at, n)| names[..*at].contains(n))
            .map(|(_, n)| *n)
    }
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(n, v)| n == name && !v.is_empty())
        .map(|(_, v)| v.as_str())
}

/// User and password of a `Basic` authorization, form-decoded (RFC 6749 2.3.1).
pub(crate) fn basic(request: &Incoming) -> Option<(String, String)> {
    let (scheme, rest) = request.header("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((unescape(user), unescape(password)))
}

fn unescape(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_encoding::percent_decode_str(&text)
        .decode_utf8_lossy()
        .into_owned()
}

/// Bearer token of the `Authorization` header.
pub(crate) fn bearer(request: &Incoming) -> Option<&str> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A cookie of the request.
pub(crate) fn cookie<'a>(request: &'a Incoming, name: &str) -> Option<&'a str> {
    request
        .headers
        .iter()
        .filter(|(n, _)| n == "cookie")
        .flat_map(|(_, v)| v.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(n, _)| *n == name)
        .map(|(_, v)| v)
}

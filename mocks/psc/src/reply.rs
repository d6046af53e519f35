//! Answers in the manner of the provider: JSON, OAuth errors, HTML pages, redirects.

use diapason_mock_common::http::Reply;
use serde_json::{Value, json};

/// A JSON answer that nobody may keep.
pub(crate) fn json_reply(status: u16, body: &Value) -> Reply {
    let mut reply = Reply::new(status, "application/json", body.to_string());
    reply
        .headers
        .push(("Cache-Control".to_owned(), "no-store".to_owned()));
    reply
        .headers
        .push(("Pragma".to_owned(), "no-cache".to_owned()));
    reply
}

/// An OAuth error.
pub(crate) fn oauth_error(status: u16, error: &str, description: &str) -> Reply {
    json_reply(
        status,
        &json!({ "error": error, "error_description": description }),
    )
    .outcome(error)
}

/// An HTML page.
pub(crate) fn html(status: u16, body: String) -> Reply {
    let mut reply = Reply::new(status, "text/html;charset=utf-8", body);
    for (name, value) in [
        ("Cache-Control", "no-store, must-revalidate, max-age=0"),
        ("X-Frame-Options", "DENY"),
        (
            "Content-Security-Policy",
            "frame-ancestors 'none'; object-src 'none'",
        ),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
    ] {
        reply.headers.push((name.to_owned(), value.to_owned()));
    }
    reply
}

/// A redirect.
pub(crate) fn redirect(location: &str) -> Reply {
    Reply {
        status: 302,
        headers: vec![
            ("Location".to_owned(), location.to_owned()),
            (
                "Cache-Control".to_owned(),
                "no-store, must-revalidate, max-age=0".to_owned(),
            ),
            ("Referrer-Policy".to_owned(), "no-referrer".to_owned()),
        ],
        ..Reply::default()
    }
}

/// `uri` with more query parameters, what it already has left as it is.
pub(crate) fn with_query(uri: &str, params: &[(String, String)]) -> String {
    if params.is_empty() {
        return uri.to_owned();
    }
    let query = encode(params);
    let separator = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{separator}{query}")
}

/// Form encoding of pairs.
pub(crate) fn encode(params: &[(String, String)]) -> String {
    let mut encoder = form_urlencoded::Serializer::new(String::new());
    for (name, value) in params {
        encoder.append_pair(name, value);
    }
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_added_to_what_is_there() {
        let params = [("a".to_owned(), "é &".to_owned())];
        assert_eq!(
            with_query("https://x/cb", &params),
            "https://x/cb?a=%C3%A9+%26"
        );
        assert_eq!(
            with_query("https://x/cb?b=1", &params),
            "https://x/cb?b=1&a=%C3%A9+%26"
        );
        assert_eq!(with_query("https://x/cb", &[]), "https://x/cb");
    }
}

//! The provider's metadata, as its discovery document gives them.
//!
//! Pure. Only endpoints are taken from the document: what the client asks for follows the PSC profile,
//! not the lists of supported values, which promise more than PSC does.

use serde_json::Value;

/// Suffix of the PSC discovery document; the standard one is not served by PSC.
const SUFFIXES: [&str; 2] = [
    "/.well-known/wallet-openid-configuration",
    "/.well-known/openid-configuration",
];

/// Endpoints of the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Provider {
    /// Issuer.
    pub(crate) issuer: String,
    /// Where the browser goes to log in.
    pub(crate) authorization: String,
    /// Token endpoint.
    pub(crate) token: String,
    /// Userinfo endpoint.
    pub(crate) userinfo: String,
    /// Key set.
    pub(crate) jwks: String,
    /// Where the browser goes to log out.
    pub(crate) end_session: Option<String>,
    /// Revocation.
    pub(crate) revocation: Option<String>,
    /// CIBA.
    pub(crate) backchannel: Option<String>,
    /// Does each callback name the issuer?
    pub(crate) iss_in_callback: bool,
}

/// Why a discovery document is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProviderDefect {
    /// Another issuer than the one configured.
    #[error("issuer")]
    Issuer,
    /// An endpoint is missing or is not an https address.
    #[error("{0}")]
    Endpoint(&'static str),
}

/// The issuer a discovery address stands for.
pub(crate) fn issuer_of(discovery: &str) -> Option<&str> {
    SUFFIXES
        .iter()
        .find_map(|suffix| discovery.strip_suffix(suffix))
        .filter(|issuer| !issuer.is_empty())
}

impl Provider {
    /// Reads a document and holds it against the issuer configured.
    pub(crate) fn read(
        document: &Value,
        issuer: &str,
        mutant: &dyn Fn(&str) -> bool,
    ) -> Result<Self, ProviderDefect> {
        let announced = document.get("issuer").and_then(Value::as_str);
        if announced != Some(issuer) && !mutant("no-issuer-check") {
            return Err(ProviderDefect::Issuer);
        }
        let optional = |name: &'static str| match document.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(url)) if is_https(url) => Ok(Some(url.clone())),
            Some(_) => Err(ProviderDefect::Endpoint(name)),
        };
        let required = |name: &'static str| optional(name)?.ok_or(ProviderDefect::Endpoint(name));
        Ok(Self {
            issuer: issuer.to_owned(),
            authorization: required("authorization_endpoint")?,
            token: required("token_endpoint")?,
            userinfo: required("userinfo_endpoint")?,
            jwks: required("jwks_uri")?,
            end_session: optional("end_session_endpoint")?,
            revocation: optional("revocation_endpoint")?,
            backchannel: optional("backchannel_authentication_endpoint")?,
            iss_in_callback: document
                .get("authorization_response_iss_parameter_supported")
                .and_then(Value::as_bool)
                .unwrap_or(false),
        })
    }
}

fn is_https(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| url.scheme() == "https" && url.has_host())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn document() -> Value {
        json!({
            "issuer": "https://a.test/r", "authorization_endpoint": "https://w.test/auth",
            "token_endpoint": "https://a.test/r/token", "userinfo_endpoint": "https://a.test/r/ui",
            "jwks_uri": "https://a.test/r/certs", "acr_values_supported": ["0", "0"],
            "end_session_endpoint": "https://a.test/r/logout",
        })
    }

    fn read(document: &Value) -> Result<Provider, ProviderDefect> {
        Provider::read(document, "https://a.test/r", &|_| false)
    }

    #[test]
    fn the_issuer_is_compared_byte_for_byte() {
        assert!(read(&document()).is_ok());
        for issuer in [
            json!("https://a.test/r/"),
            json!("https://b.test/r"),
            Value::Null,
        ] {
            let mut document = document();
            document["issuer"] = issuer;
            assert_eq!(read(&document), Err(ProviderDefect::Issuer));
        }
    }

    #[test]
    fn endpoints_are_https_addresses() {
        for (name, value) in [
            ("token_endpoint", json!("http://a.test/token")),
            ("authorization_endpoint", Value::Null),
            ("jwks_uri", json!("certs")),
            ("end_session_endpoint", json!(1)),
        ] {
            let mut document = document();
            document[name] = value;
            assert_eq!(read(&document), Err(ProviderDefect::Endpoint(name)));
        }
    }

    #[test]
    fn the_issuer_is_what_comes_before_the_suffix() {
        let wallet = "https://a.test/r/.well-known/wallet-openid-configuration";
        assert_eq!(issuer_of(wallet), Some("https://a.test/r"));
        assert_eq!(issuer_of("https://a.test/r"), None);
    }
}

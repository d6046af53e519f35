//! The token response, and the tokens a login keeps on the server.
//!
//! Pure. Tokens are opaque here, are never printed and never leave this crate but to PSC.

use std::fmt;

use diapason_core::Timestamp;
use serde_json::{Map, Value};

/// Life of an access token when the provider does not say, seconds.
const ACCESS_LIFE: i64 = 60;
/// Life of a refresh token when the provider does not say, seconds.
const REFRESH_LIFE: i64 = 1800;

/// Why a token response is refused: a stable word for the technical log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ResponseDefect {
    /// No access token.
    #[error("access_token")]
    AccessToken,
    /// No ID token.
    #[error("id_token")]
    IdToken,
    /// Another type than Bearer.
    #[error("token_type")]
    Type,
    /// A lifetime that is not one.
    #[error("expires_in")]
    Lifetime,
}

/// What a token endpoint answered.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TokenResponse {
    /// Access token.
    pub(crate) access_token: String,
    /// ID token; may be absent from a renewal.
    pub(crate) id_token: Option<String>,
    /// Refresh token.
    pub(crate) refresh_token: Option<String>,
    /// Life of the access token, seconds.
    pub(crate) expires_in: i64,
    /// Life of the refresh token, seconds.
    pub(crate) refresh_expires_in: i64,
}

impl TokenResponse {
    /// Reads a response. Unknown members, no `scope` and no `expires_in` are allowed.
    pub(crate) fn read(
        body: &Map<String, Value>,
        mutant: &dyn Fn(&str) -> bool,
    ) -> Result<Self, ResponseDefect> {
        let text = |name: &str| {
            body.get(name)
                .and_then(Value::as_str)
                .filter(|value| !value.is_empty())
                .map(str::to_owned)
        };
        let bearer = text("token_type").is_some_and(|t| {
            t == "Bearer" || t.eq_ignore_ascii_case("bearer") && !mutant("token-type-case")
        });
        if !bearer && !mutant("accept-token-type") {
            return Err(ResponseDefect::Type);
        }
        if mutant("require-expires-in") && !body.contains_key("expires_in") {
            return Err(ResponseDefect::Lifetime);
        }
        Ok(Self {
            access_token: text("access_token")
                .or_else(|| mutant("accept-no-access-token").then(String::new))
                .ok_or(ResponseDefect::AccessToken)?,
            id_token: text("id_token"),
            refresh_token: text("refresh_token"),
            expires_in: lifetime(body, "expires_in", ACCESS_LIFE)?,
            refresh_expires_in: lifetime(body, "refresh_expires_in", REFRESH_LIFE)?,
        })
    }
}

fn lifetime(body: &Map<String, Value>, name: &str, default: i64) -> Result<i64, ResponseDefect> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(default),
        Some(Value::Number(n)) => n
            .as_i64()
            .filter(|n| (0..=86_400 * 366).contains(n))
            .ok_or(ResponseDefect::Lifetime),
        Some(_) => Err(ResponseDefect::Lifetime),
    }
}

/// The PSC tokens of a login.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// Access token.
    pub(crate) access_token: String,
    /// Not used after.
    pub(crate) access_until: Timestamp,
    /// Newest refresh token.
    pub(crate) refresh_token: Option<String>,
    /// Not used after.
    pub(crate) refresh_until: Timestamp,
    /// Newest ID token.
    pub(crate) id_token: String,
    /// Subject of the login.
    pub(crate) sub: String,
    /// National id of the login.
    pub(crate) national_id: String,
    /// Nonce of the login; none by CIBA.
    pub(crate) nonce: Option<String>,
    /// Last renewal that could not be tried to the end.
    pub(crate) failed_at: Option<Timestamp>,
    /// The first refresh token. Only the mutant `old-refresh-token` uses it.
    pub(crate) first_refresh_token: Option<String>,
}

impl Tokens {
    /// Takes in a response received `now`.
    pub(crate) fn renew(&mut self, response: TokenResponse, now: Timestamp) {
        let after = |seconds: i64| Timestamp::from_unix_millis(now.unix_millis() + seconds * 1000);
        self.access_token = response.access_token;
        self.access_until = after(response.expires_in);
        if response.refresh_token.is_some() {
            self.refresh_token = response.refresh_token;
        }
        self.refresh_until = after(response.refresh_expires_in);
        if let Some(id_token) = response.id_token {
            self.id_token = id_token;
        }
        self.failed_at = None;
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("access_until", &self.access_until)
            .field("refresh_until", &self.refresh_until)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn read(body: &Value) -> Result<TokenResponse, ResponseDefect> {
        TokenResponse::read(body.as_object().unwrap(), &|_| false)
    }

    #[test]
    fn tolerated_variants_pass_and_the_rest_is_refused() {
        let minimal = json!({"access_token": "a", "token_type": "bearer", "x": 1});
        let response = read(&minimal).unwrap();
        assert_eq!((response.expires_in, response.id_token), (60, None));
        for (name, value, defect) in [
            ("token_type", json!("mac"), ResponseDefect::Type),
            ("token_type", Value::Null, ResponseDefect::Type),
            ("access_token", json!(""), ResponseDefect::AccessToken),
            ("access_token", json!(3), ResponseDefect::AccessToken),
            ("expires_in", json!("120"), ResponseDefect::Lifetime),
            ("expires_in", json!(-1), ResponseDefect::Lifetime),
        ] {
            let mut body = minimal.clone();
            body[name] = value;
            assert_eq!(read(&body), Err(defect), "{name}");
        }
    }

    #[test]
    fn a_renewal_without_refresh_or_id_token_keeps_the_old_ones() {
        let now = Timestamp::from_unix_millis(0);
        let mut tokens = Tokens {
            access_token: "a0".to_owned(),
            access_until: now,
            refresh_token: Some("r0".to_owned()),
            refresh_until: now,
            id_token: "i0".to_owned(),
            sub: "s".to_owned(),
            national_id: "n".to_owned(),
            nonce: None,
            failed_at: Some(now),
            first_refresh_token: None,
        };
        let body = json!({"access_token": "a1", "token_type": "Bearer", "expires_in": 120});
        tokens.renew(read(&body).unwrap(), now);
        assert_eq!(tokens.access_token, "a1");
        assert_eq!(tokens.access_until.unix_seconds(), 120);
        assert_eq!(tokens.refresh_token.as_deref(), Some("r0"));
        assert_eq!(tokens.id_token, "i0");
        assert_eq!(tokens.failed_at, None);
        let printed = format!("{tokens:?}");
        assert!(
            !printed.contains("a1") && !printed.contains("r0"),
            "{printed}"
        );
    }
}

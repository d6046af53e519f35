//! How the mock is set up: addresses, profile, clients, and the choices made where PSC's own
//! behaviour is not public.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use diapason_core::Sha256Hex;
use diapason_core::exchange::PeerCertificate;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Realm path of PSC, the same in every environment.
pub const REALM_PATH: &str = "/auth/realms/esante-wallet";

/// Which PSC is played.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Sandbox as seen in 2023: `sub` made of the national id, no PSI claim.
    #[serde(rename = "bas-2023")]
    Bas2023,
    /// Sandbox as seen in 2026: UUID `sub`, `SubjectNameID` in the access token.
    #[default]
    #[serde(rename = "bas-2026")]
    Bas2026,
    /// Trust space: mutual TLS only, tokens bound to the certificate.
    Edc,
    /// As 2026, and what is tolerated elsewhere is refused.
    Strict,
}

impl Profile {
    /// The word used in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bas2023 => "bas-2023",
            Self::Bas2026 => "bas-2026",
            Self::Edc => "edc",
            Self::Strict => "strict",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Profile {
    type Err = String;
    fn from_str(value: &str) -> Result<Self, Self::Err> {
        [Self::Bas2023, Self::Bas2026, Self::Edc, Self::Strict]
            .into_iter()
            .find(|p| p.as_str() == value)
            .ok_or_else(|| {
                format!("unknown PSC profile {value:?}: expected bas-2023, bas-2026, edc or strict")
            })
    }
}

/// The certificate by which a client is known (`tls_client_auth`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificate {
    /// Its subject, RFC 4514, as [`PeerCertificate::subject`] writes it.
    Subject(String),
    /// Its subject's common name.
    CommonName(String),
    /// SHA-256 of its DER.
    Sha256(Sha256Hex),
    /// Any certificate that the ORGANISATIONS authority of the test PKI issued.
    AnyTrusted,
}

impl ClientCertificate {
    /// Is this the client's certificate? One that the test PKI does not vouch for never is.
    pub fn matches(&self, certificate: &PeerCertificate) -> bool {
        certificate.trusted
            && match self {
                Self::Subject(subject) => *subject == certificate.subject,
                Self::CommonName(name) => certificate.subject_cn.as_ref() == Some(name),
                Self::Sha256(digest) => *digest == certificate.sha256,
                Self::AnyTrusted => true,
            }
    }
}

/// One client (fournisseur de service) declared to PSC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// Client id.
    pub client_id: String,
    /// Secret, for `client_secret_basic` and `client_secret_post`.
    #[serde(default)]
    pub secret: Option<String>,
    /// Redirect URIs, compared byte by byte.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Post-logout URIs, compared byte by byte.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// Public key set, for `private_key_jwt`.
    #[serde(default)]
    pub jwks: Option<Value>,
    /// Certificate, for `tls_client_auth`.
    #[serde(default)]
    pub certificate: Option<ClientCertificate>,
    /// Is CIBA open to it?
    #[serde(default)]
    pub ciba: bool,
}

/// What PSC does with someone who is not a health professional.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NonProfessional {
    /// Sends the user back with `access_denied`.
    #[default]
    Callback,
    /// Shows an error page and sends nobody back.
    Page,
}

/// What userinfo answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UserinfoForm {
    /// Plain JSON, the only form seen.
    #[default]
    Json,
    /// Signed JWT.
    Jwt,
}

/// Choices made where PSC's behaviour is not public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switches {
    /// Also serve discovery under the standard suffix.
    pub standard_discovery: bool,
    /// Refuse an authorization request without `acr_values=eidas1`; `None` leaves it to the profile.
    pub refuse_missing_acr: Option<bool>,
    /// See [`NonProfessional`].
    pub non_professional: NonProfessional,
    /// Lifetime of a code, seconds.
    pub code_lifetime: i64,
    /// Refuse a refresh token already used, and kill its chain.
    pub refresh_once: bool,
    /// See [`UserinfoForm`].
    pub userinfo: UserinfoForm,
    /// Return `iss` in callbacks.
    pub callback_iss: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            standard_discovery: true,
            refuse_missing_acr: None,
            non_professional: NonProfessional::default(),
            code_lifetime: 60,
            refresh_once: true,
            userinfo: UserinfoForm::default(),
            callback_iss: true,
        }
    }
}

/// Lifetimes that were seen or published, seconds.
pub(crate) mod lifetime {
    /// Access and ID tokens.
    pub(crate) const ACCESS: i64 = 120;
    /// Refresh token.
    pub(crate) const REFRESH: i64 = 1800;
    /// SSO without activity.
    pub(crate) const SSO_IDLE: i64 = 1800;
    /// SSO at most.
    pub(crate) const SSO_MAX: i64 = 4 * 3600;
    /// `auth_req_id`.
    pub(crate) const CIBA: i64 = 120;
    /// Seconds between two CIBA polls.
    pub(crate) const CIBA_INTERVAL: i64 = 1;
}

/// The whole set-up.
#[derive(Debug, Clone)]
pub struct PscConfig {
    /// Where the auth listener binds; port 0 takes a free one.
    pub auth_addr: SocketAddr,
    /// Where the wallet listener binds.
    pub wallet_addr: SocketAddr,
    /// Host name written in the addresses given to clients.
    pub host: String,
    /// Issuer; absent: `https://HOST:PORT/auth/realms/esante-wallet` of the auth listener.
    pub issuer: Option<String>,
    /// Base address of the wallet as clients see it; absent: that of the wallet listener.
    pub wallet_base: Option<String>,
    /// Which PSC is played.
    pub profile: Profile,
    /// Declared clients.
    pub clients: Vec<ClientConfig>,
    /// Seed of the ids, codes and opaque values. Keys never come from it.
    pub seed: u64,
    /// Where the signing keys are kept; absent: in memory, made at each start.
    pub keys_dir: Option<PathBuf>,
    /// Accept addresses that are not loopback.
    pub allow_remote: bool,
    /// See [`Switches`].
    pub switches: Switches,
}

impl Default for PscConfig {
    fn default() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            auth_addr: any,
            wallet_addr: any,
            host: "localhost".to_owned(),
            issuer: None,
            wallet_base: None,
            profile: Profile::default(),
            clients: Vec::new(),
            seed: 0,
            keys_dir: None,
            allow_remote: false,
            switches: Switches::default(),
        }
    }
}

impl PscConfig {
    pub(crate) fn refuses_missing_acr(&self) -> bool {
        self.switches
            .refuse_missing_acr
            .unwrap_or(self.profile == Profile::Strict)
    }

    /// Every guess, with where it comes from.
    pub(crate) fn described(&self) -> BTreeMap<String, String> {
        let s = &self.switches;
        let yes = |b: bool| if b { "yes" } else { "no" };
        let entries = [
            (
                "profile",
                format!("{} (spec and captures of 2021-2026)", self.profile),
            ),
            (
                "standard_discovery",
                format!(
                    "{} (guess: Keycloak serves it, PSC's own front is unknown)",
                    yes(s.standard_discovery)
                ),
            ),
            (
                "realm_authorization_path",
                "answered as the wallet (guess: Keycloak has its own page there)".to_owned(),
            ),
            (
                "missing_acr_values",
                format!(
                    "{} (guess)",
                    if self.refuses_missing_acr() {
                        "refused by an error page"
                    } else {
                        "accepted"
                    }
                ),
            ),
            (
                "non_professional",
                format!(
                    "{} (guess)",
                    match s.non_professional {
                        NonProfessional::Callback => "sent back with access_denied",
                        NonProfessional::Page => "error page",
                    }
                ),
            ),
            (
                "code_lifetime",
                format!("{} s (guess: Keycloak default)", s.code_lifetime),
            ),
            (
                "refresh_token_reuse",
                format!(
                    "{} (guess)",
                    if s.refresh_once {
                        "refused, chain ended"
                    } else {
                        "accepted"
                    }
                ),
            ),
            ("refresh_touches_sso", "yes (guess: Keycloak)".to_owned()),
            (
                "userinfo",
                match s.userinfo {
                    UserinfoForm::Json => "JSON (capture)".to_owned(),
                    UserinfoForm::Jwt => "signed JWT (guess: advertised, never seen)".to_owned(),
                },
            ),
            (
                "callback_iss",
                format!(
                    "{} (later copy of the discovery document)",
                    yes(s.callback_iss)
                ),
            ),
            (
                "id_token_claims",
                "Keycloak set (guess: no whole PSC ID token is public)".to_owned(),
            ),
            (
                "acr_in_tokens",
                "eidas1 (2026 capture; eidas3 in 2021-2022)".to_owned(),
            ),
            (
                "scope_without_openid",
                "tokens without ID token (guess: Keycloak)".to_owned(),
            ),
            (
                "request_objects",
                "refused (guess: no PSC client was seen using them)".to_owned(),
            ),
            (
                "ciba_unknown_user",
                "400 invalid_request (guess: Keycloak)".to_owned(),
            ),
            (
                "logout_without_hint",
                "confirmation page (guess: Keycloak)".to_owned(),
            ),
            (
                "jwks",
                "one signing and one encryption key, kid = RFC 7638 thumbprint (guess)".to_owned(),
            ),
            (
                "client_secret_jwt",
                "refused though advertised (guess: reported as not usable)".to_owned(),
            ),
            (
                "social_roles",
                "placeholder role codes (guess: none was seen)".to_owned(),
            ),
        ];
        entries
            .into_iter()
            .map(|(n, v)| (n.to_owned(), v))
            .collect()
    }
}

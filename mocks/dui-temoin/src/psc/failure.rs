//! What can go wrong with Pro Santé Connect: a word for the technical log, a sentence for the user.

use super::id_token::Defect;
use super::provider::ProviderDefect;
use super::tokens::ResponseDefect;
use super::userinfo::UserinfoDefect;

/// Why PSC did not let someone in. Its text never holds a token, a code or a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// No PSC in the configuration.
    #[error("psc not configured")]
    NotConfigured,
    /// No answer: connection, TLS, deadline, cut.
    #[error("{what}: {problem}")]
    Unreachable {
        /// Call.
        what: &'static str,
        /// In a word.
        problem: &'static str,
    },
    /// An unexpected status.
    #[error("{0}: status {1}")]
    Status(&'static str, u16),
    /// A body that cannot be used.
    #[error("{0}: unusable body")]
    Body(&'static str),
    /// Discovery document refused.
    #[error("discovery refused: {0}")]
    Provider(ProviderDefect),
    /// An OAuth error.
    #[error("{what}: error {code}")]
    OAuth {
        /// Call.
        what: &'static str,
        /// Its code, when it is a known one.
        code: &'static str,
    },
    /// Token response refused.
    #[error("token response refused: {0}")]
    Response(ResponseDefect),
    /// ID token refused.
    #[error("id token refused: {0}")]
    Token(Defect),
    /// Userinfo refused.
    #[error("userinfo refused: {0}")]
    Userinfo(UserinfoDefect),
    /// Somebody else than the person expected.
    #[error("another person")]
    OtherPerson,
    /// The callback is not an answer to this browser.
    #[error("callback refused: {0}")]
    Callback(&'static str),
}

/// OAuth and CIBA error codes that may be written to the log.
const CODES: [&str; 13] = [
    "access_denied",
    "authorization_pending",
    "expired_token",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "login_required",
    "server_error",
    "slow_down",
    "temporarily_unavailable",
    "unauthorized_client",
    "unknown_user_id",
];

impl Failure {
    /// A call that got no answer.
    pub(crate) fn unreachable(what: &'static str, error: &reqwest::Error) -> Self {
        let problem = if error.is_timeout() {
            "no answer in time"
        } else if error.is_connect() {
            "connection or TLS refused"
        } else {
            "answer cut"
        };
        Self::Unreachable { what, problem }
    }

    /// An OAuth error code received.
    pub(crate) fn oauth(what: &'static str, code: &str) -> Self {
        let code = CODES.iter().find(|known| **known == code);
        Self::OAuth {
            what,
            code: code.copied().unwrap_or("other"),
        }
    }

    /// Is PSC out of reach, rather than refusing?
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Body(_) => true,
            Self::Status(_, status) => *status >= 500,
            _ => false,
        }
    }

    /// The call that failed, when one did.
    pub(crate) fn call(&self) -> &'static str {
        match self {
            Self::Unreachable { what, .. }
            | Self::Status(what, _)
            | Self::Body(what)
            | Self::OAuth { what, .. } => what,
            _ => "",
        }
    }

    /// Status of the page that says it.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::NotConfigured => 404,
            Self::Unreachable { .. } => 504,
            Self::Status(..) | Self::Body(_) | Self::Provider(_) => 502,
            Self::Callback(_) => 400,
            Self::OAuth { .. }
            | Self::Response(_)
            | Self::Token(_)
            | Self::Userinfo(_)
            | Self::OtherPerson => 403,
        }
    }

    /// What the user reads.
    pub(crate) fn message(&self) -> &'static str {
        match self {
            Self::NotConfigured => "Pro Santé Connect n'est pas activé sur ce dossier usager.",
            Self::Unreachable { .. } | Self::Status(..) | Self::Body(_) => {
                "Pro Santé Connect est momentanément indisponible. Réessayez dans quelques minutes ou utilisez un autre moyen de connexion."
            }
            Self::Provider(_) => {
                "La configuration de Pro Santé Connect n'est pas celle attendue : la connexion est impossible. Prévenez votre administrateur."
            }
            Self::OAuth { code, .. } => oauth_message(code),
            Self::Response(_) | Self::Token(_) => {
                "La réponse de Pro Santé Connect n'a pas pu être vérifiée : la connexion est refusée."
            }
            Self::Userinfo(_) => {
                "Votre identité n'a pas pu être vérifiée auprès de Pro Santé Connect : la connexion est refusée."
            }
            Self::OtherPerson => {
                "L'identité renvoyée par Pro Santé Connect n'est pas celle attendue : la connexion est refusée."
            }
            Self::Callback(_) => {
                "Cette demande de connexion n'est pas ou n'est plus valable. Recommencez depuis la page de connexion."
            }
        }
    }
}

/// What the user reads for an OAuth error code.
pub(crate) fn oauth_message(code: &str) -> &'static str {
    match code {
        "access_denied" => {
            "L'authentification a été refusée ou abandonnée chez Pro Santé Connect. Vous n'êtes pas connecté."
        }
        "login_required" | "interaction_required" => {
            "Pro Santé Connect demande une nouvelle authentification. Recommencez la connexion."
        }
        "temporarily_unavailable" | "server_error" => {
            "Pro Santé Connect est momentanément indisponible. Réessayez dans quelques minutes ou utilisez un autre moyen de connexion."
        }
        "expired_token" => {
            "Le délai pour vous authentifier sur votre appareil est dépassé. Vous pouvez recommencer."
        }
        "unknown_user_id" | "invalid_request" => {
            "Pro Santé Connect ne reconnaît pas cette demande. Vérifiez votre identifiant national."
        }
        "invalid_grant" => {
            "Pro Santé Connect a refusé cette demande de connexion. Recommencez depuis la page de connexion."
        }
        _ => {
            "Pro Santé Connect a refusé la connexion. Prévenez votre administrateur si le refus persiste."
        }
    }
}

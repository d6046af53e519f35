//! Rust rules of the PSC pack: what a JSON Schema over one exchange cannot say.
//!
//! Secrets are compared across exchanges here, from the raw bytes; none enters a finding.

mod authorize;
mod ciba;
#[cfg(test)]
mod documents_tests;
mod lifecycle;
#[cfg(test)]
mod pack_tests;
mod secrets;
#[cfg(test)]
mod tests;
mod token;
mod wire;

use crate::RustRule;

/// Rule id to function.
pub const RULES: &[(&str, RustRule)] = &[
    ("PSC-A05", authorize::declared_redirect_uri),
    ("PSC-A10B", authorize::system_browser),
    ("PSC-A06B", authorize::state_is_new),
    ("PSC-A07B", authorize::nonce_is_new),
    ("PSC-C01B", token::same_redirect_uri),
    ("PSC-C01C", token::one_use_of_the_code),
    ("PSC-C01D", token::code_in_time),
    ("PSC-C03", token::trust_space_certificate),
    ("PSC-C04", token::verifier_matches),
    ("PSC-D00", token::refused_tokens_are_dead),
    ("PSC-D24B", token::keys_are_not_hammered),
    ("PSC-F02", lifecycle::newest_refresh_token),
    ("PSC-F03B", lifecycle::no_refresh_loop),
    ("PSC-F08", lifecycle::gentle_pace),
    ("PSC-F09", secrets::browser_is_clean),
    ("PSC-F10", secrets::log_is_clean),
    ("PSC-F11", secrets::cookie_attributes),
    ("PSC-G01C", lifecycle::hint_is_ours),
    ("PSC-G04", lifecycle::declared_post_logout),
    ("PSC-G06", lifecycle::no_token_after_logout),
    ("PSC-H02B", ciba::random_binding_message),
    ("PSC-H02C", ciba::shown_binding_message),
    ("PSC-H04", ciba::respects_interval),
    ("PSC-H05", ciba::slows_down),
    ("PSC-H06B", ciba::stops_on_final_answer),
    ("PSC-H07B", ciba::stops_at_expiry),
    ("PSC-H12", ciba::hint_is_intact),
    ("PSC-I07", lifecycle::same_identity_downstream),
];

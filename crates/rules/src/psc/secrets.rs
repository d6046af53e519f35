//! Rules over what the browser and the technical log show: no token, code or secret.

use diapason_core::{Place, Service};
use serde_json::Value;

use super::wire::{TOKEN, all, location, member, param};
use crate::judge::Ctx;

/// Shorter values are too common to be looked for.
const SHORTEST: usize = 12;

/// What the mock or the client must keep secret, by kind.
fn secrets(ctx: &Ctx<'_>, with_codes: bool) -> Vec<(&'static str, String)> {
    let mut found: Vec<(&'static str, String)> = Vec::new();
    for seen in ctx.exchanges(Service::Psc, &TOKEN) {
        for name in ["access_token", "refresh_token", "id_token"] {
            found.extend(member(seen, name).map(|v| (name, v)));
        }
        if with_codes {
            found.extend(param(seen, "code_verifier").map(|v| ("code_verifier", v)));
            found.extend(param(seen, "client_assertion").map(|v| ("client_assertion", v)));
        }
        found.extend(param(seen, "client_secret").map(|v| ("client_secret", v)));
    }
    if with_codes {
        for seen in all(ctx) {
            let (_, query) = location(seen).unwrap_or_default();
            found.extend(
                query
                    .into_iter()
                    .filter(|(n, _)| n == "code")
                    .map(|(_, v)| ("code", v)),
            );
        }
    }
    let declared = ctx.product().psc.client_secret.clone();
    found.extend(declared.map(|v| ("client_secret", v)));
    found.retain(|(_, v)| v.len() >= SHORTEST);
    found
}

fn look(ctx: &mut Ctx<'_>, what: &str, with_codes: bool) {
    let secrets = secrets(ctx, with_codes);
    if secrets.is_empty() {
        return;
    }
    for step in ctx.steps() {
        for observed in step.observed.iter().filter(|o| o.what == what) {
            let Some(value) = &observed.value else {
                continue;
            };
            match leak(value, &secrets, "") {
                Some((kind, path)) => ctx.broken_at(
                    Place {
                        step: Some(step.number),
                        path: Some(format!("observation {what}{path}")),
                        ..Place::default()
                    },
                    "ni jeton, ni code, ni secret en clair",
                    format!("{kind} en clair"),
                ),
                None => ctx.held(),
            }
        }
    }
}

/// First secret found in a value, with the path of the member that holds it.
fn leak(
    value: &Value,
    secrets: &[(&'static str, String)],
    path: &str,
) -> Option<(&'static str, String)> {
    let in_text = |text: &str| {
        secrets
            .iter()
            .find(|(_, secret)| text.contains(secret.as_str()))
            .map(|(kind, _)| (*kind, path.to_owned()))
    };
    match value {
        Value::String(text) => in_text(text),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(n, item)| leak(item, secrets, &format!("{path}/{n}"))),
        Value::Object(members) => members.iter().find_map(|(name, item)| {
            in_text(name).or_else(|| leak(item, secrets, &format!("{path}/{name}")))
        }),
        _ => None,
    }
}

/// PSC-F09: nothing secret in the browser.
pub(super) fn browser_is_clean(ctx: &mut Ctx<'_>) {
    look(ctx, "session", false);
}

/// PSC-F10: nothing secret in the technical log.
pub(super) fn log_is_clean(ctx: &mut Ctx<'_>) {
    look(ctx, "journal_technique", true);
}

/// PSC-F11: attributes of the cookies that carry a session.
pub(super) fn cookie_attributes(ctx: &mut Ctx<'_>) {
    for step in ctx.steps() {
        for observed in step.observed.iter().filter(|o| o.what == "session") {
            let cookies = observed
                .value
                .as_ref()
                .and_then(|v| v.get("cookies"))
                .and_then(Value::as_array);
            for line in cookies.into_iter().flatten().filter_map(Value::as_str) {
                let Some((name, missing)) = missing_attributes(line) else {
                    continue;
                };
                if missing.is_empty() {
                    ctx.held();
                } else {
                    ctx.broken_at(
                        Place {
                            step: Some(step.number),
                            path: Some(format!("cookie {name}")),
                            ..Place::default()
                        },
                        "Secure, HttpOnly et SameSite (Lax ou Strict)",
                        format!("il manque {}", missing.join(", ")),
                    );
                }
            }
        }
    }
}

/// Name of the cookie and attributes it lacks; `None` for one too short to carry a session.
fn missing_attributes(line: &str) -> Option<(String, Vec<&'static str>)> {
    let mut parts = line.split(';').map(str::trim);
    let (name, value) = parts.next()?.split_once('=')?;
    if value.len() < SHORTEST {
        return None;
    }
    let attributes: Vec<String> = parts.map(str::to_ascii_lowercase).collect();
    let mut missing = Vec::new();
    for (attribute, shown) in [("secure", "Secure"), ("httponly", "HttpOnly")] {
        if !attributes.iter().any(|a| a == attribute) {
            missing.push(shown);
        }
    }
    if !attributes
        .iter()
        .any(|a| a == "samesite=lax" || a == "samesite=strict")
    {
        missing.push("SameSite");
    }
    Some((name.to_owned(), missing))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn attributes_of_a_session_cookie_are_read_whatever_their_case() {
        let good = "sid=0123456789abcdef; Path=/; secure; HTTPOnly; SameSite=Lax";
        assert_eq!(missing_attributes(good).unwrap().1, Vec::<&str>::new());
        let bad = "sid=0123456789abcdef; HttpOnly; SameSite=None";
        assert_eq!(missing_attributes(bad).unwrap().1, ["Secure", "SameSite"]);
        assert!(missing_attributes("lang=fr").is_none());
    }

    #[test]
    fn a_secret_is_found_wherever_it_hides() {
        let secrets = vec![("access_token", "a-long-access-token".to_owned())];
        let value = serde_json::json!({"stockage": {"t": "x a-long-access-token y"}, "page": ""});
        assert_eq!(
            leak(&value, &secrets, "").unwrap(),
            ("access_token", "/stockage/t".to_owned())
        );
        assert!(leak(&serde_json::json!({"page": "rien"}), &secrets, "").is_none());
    }
}

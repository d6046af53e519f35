//! Kinds told by the members of a JSON object: userinfo, messages of the driver.

use diapason_core::DocumentKind;

use super::{Detected, HEAD, Unknown};

/// Members of the Pro Santé Connect UserInfo that no other object has.
const USERINFO: &[&str] = &[
    "SubjectNameID",
    "SubjectRefPro",
    "SubjectRole",
    "SubjectOrganization",
    "SubjectOrganizationID",
    "PSISubjectNameID",
    "UITVersion",
    "Palier_Authentification",
    "Secteur_Activite",
    "Mode_Acces_Raison",
    "Acces_Regulation_Medicale",
    "PSI_Locale",
    "otherIds",
];
const STATUSES: &[&str] = &["done", "refused", "unsupported", "failed"];
/// Most members looked at.
const MOST: usize = 256;

pub(super) fn detect(bytes: &[u8]) -> Result<Detected, Unknown> {
    if bytes.starts_with(b"[") {
        return Err(Unknown::new(
            "une liste JSON ; les natures connues sont des objets",
            "a JSON list; the known kinds are objects",
        ));
    }
    let members = members(&bytes[..bytes.len().min(HEAD)]);
    let has = |name: &str| members.iter().any(|(key, _)| key == name);
    let text = |name: &str| {
        members
            .iter()
            .find(|(key, _)| key == name)
            .and_then(|(_, value)| value.as_deref())
    };
    let found = |kind, by: &str| {
        Ok(Detected {
            kind,
            by: by.to_owned(),
        })
    };
    if let Some((claim, _)) = members
        .iter()
        .find(|(key, _)| USERINFO.contains(&key.as_str()))
    {
        return found(DocumentKind::Userinfo, claim);
    }
    if has("pack") && has("rules") {
        return found(DocumentKind::RulePack, "pack, rules");
    }
    if has("steps") {
        return found(DocumentKind::Scenario, "steps");
    }
    if has("action") && (has("params") || has("deadline_ms")) {
        return found(DocumentKind::DriverMessage, "action");
    }
    if text("status").is_some_and(|s| STATUSES.contains(&s.to_ascii_lowercase().as_str())) {
        return found(DocumentKind::DriverMessage, "status");
    }
    if has("actions") && has("observations") {
        return found(DocumentKind::DriverMessage, "actions, observations");
    }
    if has("what") && (has("value") || has("query")) {
        return found(DocumentKind::DriverMessage, "what");
    }
    if has("mocks") {
        return found(DocumentKind::DriverMessage, "mocks");
    }
    if has("sub") && has("aud") && has("iss") {
        return Err(Unknown::new(
            "les revendications d'un jeton, sans son en-tête ; donnez le JWT lui-même",
            "the claims of a token without its header; give the JWT itself",
        ));
    }
    if has("sub") && (has("preferred_username") || has("given_name") || has("family_name")) {
        return found(DocumentKind::Userinfo, "sub");
    }
    let names: Vec<&str> = members
        .iter()
        .take(6)
        .map(|(key, _)| key.as_str())
        .collect();
    Err(if names.is_empty() {
        Unknown::new(
            "un objet JSON vide, ou du JSON mal formé",
            "an empty JSON object, or malformed JSON",
        )
    } else {
        let names = names.join(", ");
        Unknown::new(
            format!("un objet JSON dont les membres ne disent rien de connu ({names})"),
            format!("a JSON object whose members say nothing known ({names})"),
        )
    })
}

/// The members of the outermost object, as far as they can be read: name, value when it is a short text.
fn members(bytes: &[u8]) -> Vec<(String, Option<String>)> {
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    let (mut depth, mut at, mut after_colon) = (0_usize, 0, false);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let Some((text, end)) = string(bytes, at + 1) else {
                    break;
                };
                if depth == 1 {
                    if after_colon {
                        if let Some(last) = found.last_mut() {
                            last.1 = text;
                        }
                    } else if found.len() < MOST {
                        found.push((text.unwrap_or_default(), None));
                    } else {
                        break;
                    }
                }
                at = end;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            }
            b':' if depth == 1 => after_colon = true,
            b',' if depth == 1 => after_colon = false,
            _ => {}
        }
        at += 1;
    }
    found
}

/// The text that begins at `at` (its first quote passed), when it is short, and where its last quote is.
fn string(bytes: &[u8], at: usize) -> Option<(Option<String>, usize)> {
    let mut end = at;
    loop {
        match bytes.get(end)? {
            b'"' => break,
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    let text = (end - at <= 256)
        .then(|| serde_json::from_slice(&bytes[at - 1..=end]).ok())
        .flatten();
    Some((text, end))
}

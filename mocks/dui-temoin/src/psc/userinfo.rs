//! What Pro Santé Connect says of a professional: identity and situations, from the userinfo body.
//!
//! Pure, and tolerant of what may be absent: every value is a string, an unknown one is empty, and a
//! person without any situation has a body of six members. Only `sub` and `SubjectNameID` are demanded.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::id_token::Identity;

/// Why a userinfo body is refused: a stable word for the technical log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UserinfoDefect {
    /// `sub` is absent or not the ID token's.
    #[error("userinfo.sub")]
    Subject,
    /// No national id.
    #[error("userinfo.SubjectNameID")]
    NationalId,
    /// The national id is not the one of the ID token or of `otherIds`.
    #[error("userinfo.identifiants")]
    Incoherent,
}

/// One professional situation: an *exercice* in one of its activities.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Situation {
    /// What the user reads and chooses.
    pub(crate) libelle: String,
    /// Profession code, empty for a holder of a role.
    pub(crate) profession: String,
    /// Category code (`C` civil).
    pub(crate) categorie: String,
    /// Technical id of the structure.
    pub(crate) structure: String,
}

/// A professional as PSC knows him.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Professional {
    /// Subject: a tag, never parsed.
    pub(crate) sub: String,
    /// National id: the pivot.
    pub(crate) national_id: String,
    /// Name (of exercise when known).
    pub(crate) nom: String,
    /// Given name (of exercise when known).
    pub(crate) prenom: String,
    /// Situations, in the order received.
    pub(crate) situations: Vec<Situation>,
}

impl Professional {
    /// Reads a userinfo body and holds it against the ID token.
    pub(crate) fn read(
        body: &Map<String, Value>,
        identity: &Identity,
        mutant: &dyn Fn(&str) -> bool,
    ) -> Result<Self, UserinfoDefect> {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let sub = text("sub");
        let excused = mutant("ui-sub-not-compared")
            || sub.is_empty() && mutant("accept-userinfo-without-sub")
            || identity.sub.is_empty() && mutant("accept-missing-sub");
        if sub != identity.sub && !excused {
            return Err(UserinfoDefect::Subject);
        }
        let mut national_id = text("SubjectNameID").to_owned();
        if mutant("parse-sub") {
            sub.rsplit(':')
                .next()
                .unwrap_or_default()
                .clone_into(&mut national_id);
        }
        if national_id.is_empty() && mutant("fallback-preferred-username") {
            text("preferred_username").clone_into(&mut national_id);
        }
        let rpps = national_id.len() == 12
            && national_id.starts_with('8')
            && national_id.bytes().all(|b| b.is_ascii_digit());
        if national_id.trim().is_empty() || mutant("regex-rpps-only") && !rpps {
            return Err(UserinfoDefect::NationalId);
        }
        if mutant("refuse-mobile") && text("authMode") == "MOBILE" {
            return Err(UserinfoDefect::NationalId);
        }
        if mutant("national-id-digits-only") {
            national_id.retain(|c| c.is_ascii_digit());
        }
        let coherent = identity
            .subject_name_id
            .as_ref()
            .is_none_or(|known| *known == national_id)
            && listed(body, &national_id);
        if !coherent
            && !mutant("ids-not-compared")
            && !mutant("parse-sub")
            && !mutant("national-id-digits-only")
        {
            return Err(UserinfoDefect::Incoherent);
        }
        let pro = body.get("SubjectRefPro").and_then(Value::as_object);
        let exercices = pro
            .and_then(|p| p.get("exercices"))
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let activities = |exercice: &Value| {
            let list = exercice.get("activities").and_then(Value::as_array);
            list.is_some_and(|list| !list.is_empty())
        };
        if mutant("require-activities") && !exercices.iter().all(activities) {
            return Err(UserinfoDefect::Incoherent);
        }
        let (mut nom, mut prenom) = (text("family_name"), text("given_name"));
        if let [only, ..] = exercices {
            nom = filled(only, "nomDexercice").unwrap_or(nom);
            prenom = filled(only, "prenomDexercice").unwrap_or(prenom);
        }
        let fold = |value: &str| -> String {
            if mutant("ascii-names") {
                value.chars().filter(char::is_ascii).collect()
            } else {
                value.to_owned()
            }
        };
        Ok(Self {
            sub: sub.to_owned(),
            national_id,
            nom: fold(nom),
            prenom: fold(prenom),
            situations: situations(exercices),
        })
    }
}

/// Is the national id one of `otherIds`? An absent or empty list says nothing.
fn listed(body: &Map<String, Value>, national_id: &str) -> bool {
    let ids: Vec<&str> = body
        .get("otherIds")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|id| filled(id, "identifiant"))
        .collect();
    ids.is_empty() || ids.contains(&national_id)
}

fn filled<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value
        .get(name)
        .and_then(Value::as_str)
        .filter(|text| !text.trim().is_empty())
}

fn situations(exercices: &[Value]) -> Vec<Situation> {
    let mut all: Vec<Situation> = Vec::new();
    for exercice in exercices {
        let activities = exercice.get("activities").and_then(Value::as_array);
        match activities.map(Vec::as_slice) {
            None | Some([]) => all.push(situation(exercice, &Value::Null)),
            Some(activities) => all.extend(activities.iter().map(|a| situation(exercice, a))),
        }
    }
    for n in 1..all.len() {
        let (before, rest) = all.split_at_mut(n);
        if before.iter().any(|s| s.libelle == rest[0].libelle) {
            rest[0].libelle = format!("{} [{}]", rest[0].libelle, n + 1);
        }
    }
    all
}

fn situation(exercice: &Value, activity: &Value) -> Situation {
    let code = |value: &Value, name: &str| filled(value, name).unwrap_or_default().to_owned();
    let profession = code(exercice, "codeProfession");
    let categorie = code(exercice, "codeCategorieProfessionnelle");
    let structure = code(activity, "identifiantTechniqueDeLaStructure");
    let role = filled(activity, "codeRole");
    let who = match (profession_label(&profession), profession.as_str(), role) {
        (Some(label), code, _) => format!("{label} ({code}{categorie})"),
        (None, "", Some(role)) => format!("Rôle {role}"),
        (None, "", None) => "Sans profession".to_owned(),
        (None, code, _) => format!("Profession {code}{categorie}"),
    };
    let mode = match filled(activity, "codeModeExercice") {
        Some("L") => Some("libéral".to_owned()),
        Some("S") => Some("salarié".to_owned()),
        Some("B") => Some("bénévole".to_owned()),
        Some(other) => Some(format!("mode {other}")),
        None => None,
    };
    let place = filled(activity, "raisonSocialeSite")
        .or_else(|| filled(activity, "enseigneCommercialeSite"))
        .map(str::to_owned);
    let sector = filled(activity, "codeSecteurDactivite").map(str::to_owned);
    let parts = [Some(who), mode, place, sector];
    let libelle: Vec<String> = parts.into_iter().flatten().collect();
    Situation {
        libelle: libelle.join(", "),
        profession,
        categorie,
        structure,
    }
}

/// Label of a profession code.
pub(crate) fn profession_label(code: &str) -> Option<&'static str> {
    #[derive(Deserialize)]
    struct Table {
        professions: BTreeMap<String, String>,
    }
    static TABLE: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    TABLE
        .get_or_init(|| {
            toml::from_str::<Table>(include_str!("professions.toml"))
                .map(|table| table.professions)
                .unwrap_or_default()
        })
        .get(code)
        .map(String::as_str)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn identity() -> Identity {
        Identity {
            sub: "s-1".to_owned(),
            subject_name_id: Some("899709900015".to_owned()),
            auth_time: None,
            acr: "eidas1".to_owned(),
        }
    }

    fn body() -> Value {
        json!({
            "sub": "s-1", "SubjectNameID": "899709900015", "preferred_username": "899709900015",
            "family_name": "DUITEST", "given_name": "MEDCO",
            "otherIds": [{"identifiant": "899709900015", "origine": "RPPS", "qualite": 1}],
            "SubjectRefPro": {"codeCivilite": "M", "exercices": [{
                "codeProfession": "10", "codeCategorieProfessionnelle": "C", "nomDexercice": "D'ÉTÉ-Ñ",
                "prenomDexercice": "Zoé-Lou", "activities": [
                    {"codeModeExercice": "L", "codeSecteurDactivite": "SA07", "raisonSocialeSite": "CABINET <b>"},
                    {"codeModeExercice": "S", "codeSecteurDactivite": "SA17", "raisonSocialeSite": "EHPAD",
                     "identifiantTechniqueDeLaStructure": "F0B0990001"},
                ]}]},
        })
    }

    fn read(body: &Value) -> Result<Professional, UserinfoDefect> {
        Professional::read(body.as_object().unwrap(), &identity(), &|_| false)
    }

    #[test]
    fn every_activity_of_every_exercice_is_a_situation() {
        let professional = read(&body()).unwrap();
        assert_eq!(professional.nom, "D'ÉTÉ-Ñ");
        assert_eq!(professional.prenom, "Zoé-Lou");
        let labels: Vec<&str> = professional
            .situations
            .iter()
            .map(|s| s.libelle.as_str())
            .collect();
        assert_eq!(
            labels,
            [
                "Médecin (10C), libéral, CABINET <b>, SA07",
                "Médecin (10C), salarié, EHPAD, SA17"
            ]
        );
        assert_eq!(professional.situations[1].structure, "F0B0990001");
    }

    #[test]
    fn equal_labels_are_told_apart_and_roles_are_named() {
        let mut twice = body();
        let activity = json!({"codeRole": "300", "codeSecteurDactivite": "SA41"});
        twice["SubjectRefPro"]["exercices"] = json!([
            {"codeProfession": "", "activities": [activity, activity]}, {"codeProfession": "99"},
        ]);
        let labels: Vec<String> = read(&twice)
            .unwrap()
            .situations
            .into_iter()
            .map(|s| s.libelle)
            .collect();
        assert_eq!(
            labels,
            ["Rôle 300, SA41", "Rôle 300, SA41 [2]", "Profession 99"]
        );
    }

    #[test]
    fn a_minimal_body_and_unknown_members_are_accepted() {
        let minimal = json!({
            "sub": "s-1", "SubjectNameID": "899709900015", "preferred_username": "899709900015",
            "codeCivilite": "M", "given_name": "A", "family_name": "B", "inconnu": [1, {"a": null}],
        });
        let professional = read(&minimal).unwrap();
        assert!(professional.situations.is_empty());
        assert_eq!(
            (professional.nom.as_str(), professional.prenom.as_str()),
            ("B", "A")
        );
        let mut empty = body();
        empty["SubjectRefPro"]["exercices"][0]["activities"] = json!([]);
        assert_eq!(read(&empty).unwrap().situations.len(), 1);
        empty["SubjectRefPro"] = json!("texte");
        assert!(read(&empty).unwrap().situations.is_empty());
    }

    #[test]
    fn an_identity_that_does_not_hold_is_refused() {
        for (name, value, defect) in [
            ("sub", json!("s-2"), UserinfoDefect::Subject),
            ("sub", json!(""), UserinfoDefect::Subject),
            ("sub", Value::Null, UserinfoDefect::Subject),
            ("SubjectNameID", json!(""), UserinfoDefect::NationalId),
            ("SubjectNameID", Value::Null, UserinfoDefect::NationalId),
            (
                "SubjectNameID",
                json!(899_709_900_015_i64),
                UserinfoDefect::NationalId,
            ),
            (
                "SubjectNameID",
                json!("899709900023"),
                UserinfoDefect::Incoherent,
            ),
            (
                "otherIds",
                json!([{"identifiant": "899709900023"}]),
                UserinfoDefect::Incoherent,
            ),
        ] {
            let mut body = body();
            body[name] = value;
            assert_eq!(read(&body), Err(defect), "{name}");
        }
    }

    #[test]
    fn identifiers_of_every_form_are_kept_as_they_are() {
        for id in [
            "30B0990001/CPET00042",
            "500000000099994/CPAT00017",
            "ANS20260101000000",
        ] {
            let mut other = body();
            other["SubjectNameID"] = json!(id);
            other["otherIds"] = json!([]);
            let identity = Identity {
                subject_name_id: None,
                ..identity()
            };
            let read =
                Professional::read(other.as_object().unwrap(), &identity, &|_| false).unwrap();
            assert_eq!(read.national_id, id);
        }
    }
}

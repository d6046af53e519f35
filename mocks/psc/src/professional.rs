//! The people who can stand before PSC, and what userinfo says of them.

use std::collections::BTreeMap;

use diapason_core::PersonaId;
use diapason_core::requirement::Text;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::config::Profile;

/// The 30 members of an activity, in the order PSC writes them.
pub const ACTIVITY_MEMBERS: [&str; 30] = [
    "codeModeExercice",
    "codeSecteurDactivite",
    "codeSectionPharmacien",
    "codeRole",
    "codeGenreActivite",
    "numeroSiretSite",
    "numeroSirenSite",
    "numeroFinessSite",
    "numeroFinessetablissementJuridique",
    "identifiantTechniqueDeLaStructure",
    "raisonSocialeSite",
    "enseigneCommercialeSite",
    "complementDestinataire",
    "complementPointGeographique",
    "numeroVoie",
    "indiceRepetitionVoie",
    "codeTypeDeVoie",
    "libelleVoie",
    "mentionDistribution",
    "bureauCedex",
    "codePostal",
    "codeCommune",
    "codePays",
    "telephone",
    "telephone2",
    "telecopie",
    "adresseEMail",
    "codeDepartement",
    "ancienIdentifiantDeLaStructure",
    "autoriteDenregistrement",
];

/// Prefix of the `sub` of old tokens; PSC has such a constant, this one is ours.
const LEGACY_PREFIX: &str = "f:d1a9a50e-7e57-4b0c-8a11-0fd1a9a50e00:";

const OID_SECTEUR: &str = "1.2.250.1.71.4.2.4";
const OID_ROLE: &str = "1.2.250.1.213.1.1.5.5";

/// A situation (exercice): a profession and its activities.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exercice {
    /// TRE_G15 code; empty for staff without one.
    #[serde(default)]
    pub code_profession: String,
    /// `C` for civil.
    #[serde(default)]
    pub code_categorie_professionnelle: String,
    /// `DR`, `M`, `MME`.
    #[serde(default)]
    pub code_civilite_dexercice: String,
    /// Exercise name, when it differs from the civil one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nom_dexercice: Option<String>,
    /// Exercise first name, when it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prenom_dexercice: Option<String>,
    /// `S`.
    #[serde(default)]
    pub code_type_savoir_faire: String,
    /// `SM54`...
    #[serde(default)]
    pub code_savoir_faire: String,
    /// Activities: members of [`ACTIVITY_MEMBERS`], the absent ones are empty.
    #[serde(default)]
    pub activities: Vec<BTreeMap<String, String>>,
}

/// A person of the mock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Professional {
    /// Id.
    pub id: PersonaId,
    /// National id, `SubjectNameID`.
    pub identifiant_national: String,
    /// Registry of the id.
    #[serde(default = "rpps")]
    pub origine: String,
    /// `PSISubjectNameID`, empty when no PSI identity is activated.
    #[serde(default)]
    pub psi: String,
    /// Family name.
    pub nom: String,
    /// Given name.
    pub prenom: String,
    /// `M`, `MME`.
    pub civilite: String,
    /// Is it someone PSC authenticates?
    #[serde(default = "yes")]
    pub professionnel_de_sante: bool,
    /// What the persona is for.
    pub usage: Text,
    /// Situations.
    #[serde(default)]
    pub exercices: Vec<Exercice>,
}

fn rpps() -> String {
    "RPPS".to_owned()
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    professionnel: Vec<Professional>,
}

/// Every person of the mock, in the order of the picker page.
pub fn professionals() -> Vec<Professional> {
    let file: File = toml::from_str(include_str!("../data/professionnels.toml"))
        .expect("the data file is part of the program and is tested");
    file.professionnel
}

/// A UUID (version 4 layout) drawn from a text: the same text gives the same one.
pub(crate) fn uuid_of(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .to_string()
}

impl Professional {
    /// Technical id under a profile.
    pub fn sub(&self, profile: Profile) -> String {
        if profile == Profile::Bas2023 && self.psi.is_empty() {
            format!("{LEGACY_PREFIX}{}", self.identifiant_national)
        } else {
            uuid_of(&format!("psc-sub:{}", self.identifiant_national))
        }
    }

    /// Names as one label.
    pub fn label(&self) -> String {
        format!("{} {}", self.prenom, self.nom)
    }

    pub(crate) fn other_ids(&self) -> Value {
        json!([{ "identifiant": self.identifiant_national, "origine": self.origine, "qualite": 1 }])
    }

    /// userinfo in the real shape: everything is a string, what is unknown is empty. Someone without
    /// any situation gets the minimal body.
    pub fn userinfo(&self, sub: &str, auth_mode: &str, profile: Profile) -> Map<String, Value> {
        let value = if self.exercices.is_empty() {
            json!({
                "sub": sub,
                "preferred_username": self.identifiant_national,
                "codeCivilite": self.civilite,
                "given_name": self.prenom,
                "family_name": self.nom,
                "SubjectNameID": self.identifiant_national,
            })
        } else {
            self.full_userinfo(sub, auth_mode, profile)
        };
        match value {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    fn full_userinfo(&self, sub: &str, auth_mode: &str, profile: Profile) -> Value {
        let first = self.exercices.iter().flat_map(|e| &e.activities).next();
        let of_first = |name: &str| first.and_then(|a| a.get(name)).map_or("", String::as_str);
        let secteur = of_first("codeSecteurDactivite");
        let roles: Vec<String> = self
            .exercices
            .iter()
            .filter(|e| !e.code_profession.is_empty())
            .map(|e| format!("{}^{OID_ROLE}", e.code_profession))
            .collect();
        let mut info = json!({
            "Secteur_Activite": if secteur.is_empty() { String::new() } else { format!("{secteur}^{OID_SECTEUR}") },
            "sub": sub,
            "SubjectOrganization": of_first("raisonSocialeSite"),
            "Mode_Acces_Raison": "",
            "preferred_username": self.identifiant_national,
            "given_name": self.prenom,
            "Acces_Regulation_Medicale": "FAUX",
            "UITVersion": "1.0",
            "authMode": auth_mode,
            "Palier_Authentification": "APPPRIP3^1.2.250.1.213.1.5.1.1.1",
            "SubjectRefPro": {
                "codeCivilite": self.civilite,
                "exercices": self.exercices.iter().map(|e| self.exercice(e)).collect::<Vec<_>>(),
            },
            "SubjectOrganizationID": of_first("identifiantTechniqueDeLaStructure"),
            "SubjectRole": roles,
            "PSI_Locale": "1.2.250.1.213.1.3.1.1",
            "otherIds": self.other_ids(),
            "SubjectNameID": self.identifiant_national,
        });
        if profile != Profile::Bas2023 {
            info["PSISubjectNameID"] = json!(self.psi);
        }
        info["family_name"] = json!(self.nom);
        info
    }

    fn exercice(&self, exercice: &Exercice) -> Value {
        let activities: Vec<Value> = exercice
            .activities
            .iter()
            .map(|activity| {
                ACTIVITY_MEMBERS
                    .iter()
                    .map(|name| {
                        let value = activity.get(*name).map_or("", String::as_str);
                        ((*name).to_owned(), json!(value))
                    })
                    .collect::<Map<String, Value>>()
                    .into()
            })
            .collect();
        json!({
            "codeProfession": exercice.code_profession,
            "codeCategorieProfessionnelle": exercice.code_categorie_professionnelle,
            "codeCiviliteDexercice": exercice.code_civilite_dexercice,
            "nomDexercice": exercice.nom_dexercice.as_ref().unwrap_or(&self.nom),
            "prenomDexercice": exercice.prenom_dexercice.as_ref().unwrap_or(&self.prenom),
            "codeTypeSavoirFaire": exercice.code_type_savoir_faire,
            "codeSavoirFaire": exercice.code_savoir_faire,
            "activities": activities,
        })
    }
}

#[cfg(test)]
mod tests {
    use diapason_formats::psc::Looks;

    use super::*;

    #[test]
    fn every_persona_of_the_sheet_is_there_and_made_up() {
        let all = professionals();
        let ids: Vec<&str> = all.iter().map(|p| p.id.as_str()).collect();
        for id in [
            "medco", "idec", "as", "double", "psycho", "noex", "social", "siret", "edit", "psi",
            "twin", "non-ps",
        ] {
            assert!(ids.contains(&id), "{id}");
        }
        for person in &all {
            for activity in person.exercices.iter().flat_map(|e| &e.activities) {
                for name in activity.keys() {
                    assert!(
                        ACTIVITY_MEMBERS.contains(&name.as_str()),
                        "{}: {name}",
                        person.id
                    );
                }
            }
            match person.origine.as_str() {
                "RPPS" => {
                    assert_eq!(
                        Looks::of(&person.identifiant_national),
                        Looks::Rpps,
                        "{}",
                        person.id
                    );
                    assert!(
                        person.identifiant_national.starts_with("8997"),
                        "{}",
                        person.id
                    );
                }
                "EDIT" => assert_eq!(Looks::of(&person.identifiant_national), Looks::Edit),
                "FINESS" | "SIRET" => {
                    assert_eq!(
                        Looks::of(&person.identifiant_national),
                        Looks::IdentifiantStructure
                    );
                }
                other => assert!(other.is_empty() && !person.professionnel_de_sante),
            }
        }
    }

    #[test]
    fn userinfo_has_the_shape_that_was_seen() {
        let all = professionals();
        let by = |id: &str| all.iter().find(|p| p.id.as_str() == id).unwrap();
        let info = Value::Object(by("idec").userinfo("s", "CARD", Profile::Bas2026));
        let activity = &info["SubjectRefPro"]["exercices"][0]["activities"][0];
        assert_eq!(activity.as_object().unwrap().len(), 30);
        assert!(activity.as_object().unwrap().values().all(Value::is_string));
        assert_eq!(activity["codePays"], "99000");
        assert_eq!(info["Secteur_Activite"], "SA17^1.2.250.1.71.4.2.4");
        assert_eq!(info["SubjectRole"], json!(["60^1.2.250.1.213.1.1.5.5"]));
        assert_eq!(info["PSISubjectNameID"], "");
        assert_eq!(info.as_object().unwrap().len(), 18);
        assert_eq!(by("noex").userinfo("s", "CARD", Profile::Bas2026).len(), 6);
        assert_eq!(by("twin").label(), by("idec").label());
        assert_eq!(
            by("double")
                .userinfo("s", "CARD", Profile::Bas2023)
                .get("PSISubjectNameID"),
            None
        );
    }

    #[test]
    fn the_sub_follows_the_profile_and_tells_nothing_in_2026() {
        let all = professionals();
        let by = |id: &str| all.iter().find(|p| p.id.as_str() == id).unwrap();
        assert!(by("idec").sub(Profile::Bas2023).ends_with(":899709900023"));
        let sub = by("idec").sub(Profile::Bas2026);
        assert_eq!(uuid::Uuid::parse_str(&sub).unwrap().get_version_num(), 4);
        assert_eq!(by("psi").sub(Profile::Bas2023).len(), 36);
    }
}

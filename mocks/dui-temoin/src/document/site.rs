//! The establishment, its professionals, and the types of documents it produces.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use diapason_core::driver::CompteView;
use serde::Deserialize;

/// The establishment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Etablissement {
    /// National id (`1` and FINESS).
    pub identifiant: String,
    /// Name.
    pub nom: String,
    /// Number in the street.
    pub numero: String,
    /// Street.
    pub voie: String,
    /// Postal code.
    pub code_postal: String,
    /// Town.
    pub commune: String,
    /// Telephone, as an URL.
    pub telephone: String,
    /// Sector of activity (JDV_J02).
    pub secteur: String,
    /// Its label.
    pub secteur_libelle: String,
    /// Practice setting (JDV_J04).
    pub cadre: String,
    /// Its label.
    pub cadre_libelle: String,
    /// OID under which local numbers of persons live.
    pub oid_local: String,
}

/// Who writes and validates a document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Professionnel {
    /// National id (idNat).
    pub identifiant: String,
    /// Family name.
    pub nom: String,
    /// Given name.
    pub prenom: String,
    /// `M` or `MME`, when known.
    #[serde(default)]
    pub civilite: Option<String>,
    /// Profession code, as Pro Santé Connect gives it.
    #[serde(default)]
    pub profession: Option<String>,
}

impl Professionnel {
    /// From an account; none when its national id is not known.
    pub fn du_compte(compte: &CompteView) -> Option<Self> {
        Some(Self {
            identifiant: compte.identifiant_national.clone()?,
            nom: compte.nom.clone(),
            prenom: compte.prenom.clone(),
            civilite: None,
            profession: compte.profession.clone(),
        })
    }

    /// Specialty code and label of JDV_J01, when the profession is one of those.
    pub fn specialite(&self) -> Option<(&'static str, &'static str)> {
        let (code, libelle) = SITE.professions.get(self.profession.as_deref()?)?;
        Some((code, libelle))
    }
}

/// A type of document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypeDocument {
    /// Word of the driver contract.
    pub nom: String,
    /// Code of JDV_J07.
    pub code: String,
    /// Its label.
    pub libelle: String,
    /// Written at level 3 (the DLU).
    #[serde(default)]
    pub structure: bool,
}

/// What `data/etablissement.toml` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// The establishment.
    pub etablissement: Etablissement,
    /// The professional of those who are not logged in.
    pub professionnel: Professionnel,
    professions: BTreeMap<String, (String, String)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Types {
    r#type: Vec<TypeDocument>,
}

fn lire<T: for<'de> Deserialize<'de>>(nom: &str, texte: &str) -> T {
    match toml::from_str(texte) {
        Ok(lu) => lu,
        Err(error) => panic!("{nom} is compiled in and tested: {error}"),
    }
}

/// The establishment.
pub static SITE: LazyLock<Site> = LazyLock::new(|| {
    lire(
        "etablissement.toml",
        include_str!("../../data/etablissement.toml"),
    )
});

static TYPES: LazyLock<Types> = LazyLock::new(|| {
    lire(
        "types-documents.toml",
        include_str!("../../data/types-documents.toml"),
    )
});

/// A type by its word or its code.
pub fn type_document(nom: &str) -> Option<&'static TypeDocument> {
    TYPES.r#type.iter().find(|t| t.nom == nom || t.code == nom)
}

/// The words of every type.
pub fn noms_types() -> Vec<&'static str> {
    TYPES.r#type.iter().map(|t| t.nom.as_str()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_data_files_are_read_and_coherent() {
        assert_eq!(SITE.etablissement.identifiant, "10B0990001");
        assert_eq!(
            SITE.professionnel.specialite(),
            Some(("G15_60", "Infirmier"))
        );
        assert_eq!(type_document("courrier"), type_document("83981-1"));
        assert!(type_document("inconnu").is_none());
        assert_eq!(noms_types().len(), 10);
    }

    #[test]
    fn an_account_without_national_id_signs_nothing() {
        let mut compte = CompteView {
            id: "c1".to_owned(),
            identifiant: "idec".to_owned(),
            identifiant_national: None,
            psc_sub: None,
            nom: "DUITEST".to_owned(),
            prenom: "IDEC".to_owned(),
            profession: Some("999".to_owned()),
            droits: Vec::new(),
        };
        assert_eq!(Professionnel::du_compte(&compte), None);
        compte.identifiant_national = Some("899709900023".to_owned());
        let lui = Professionnel::du_compte(&compte).unwrap();
        assert_eq!(lui.specialite(), None);
    }
}

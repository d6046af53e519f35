//! Structures the DMP knows (`data/structures.toml`).

use std::sync::LazyLock;

use serde::Deserialize;

/// A structure.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Structure {
    pub(crate) identifiant: String,
    pub(crate) nom: String,
    #[serde(default = "yes")]
    pub(crate) active: bool,
    /// OU of certificates that may speak for it, beside its own identifier.
    #[serde(default)]
    pub(crate) certificats: Vec<String>,
    /// Professionals linked to it.
    #[serde(default)]
    pub(crate) professionnels: Vec<String>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fichier {
    structure: Vec<Structure>,
}

static STRUCTURES: LazyLock<Vec<Structure>> = LazyLock::new(|| {
    toml::from_str::<Fichier>(include_str!("../data/structures.toml"))
        .expect("the embedded file is read by a test")
        .structure
});

/// The structure of that identifier.
pub(crate) fn structure(identifiant: &str) -> Option<&'static Structure> {
    STRUCTURES.iter().find(|s| s.identifiant == identifiant)
}

impl Structure {
    /// May a certificate of that OU speak for it?
    pub(crate) fn speaks(&self, ou: &str) -> bool {
        self.identifiant == ou || self.certificats.iter().any(|c| c == ou)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structure_of_the_test_pki_is_known() {
        let known = structure(diapason_mock_common::pki::STRUCTURE_ID);
        assert!(known.is_some_and(|s| s.active && s.speaks("10B0990001")));
        assert!(structure("10B0990009").is_some_and(|s| !s.active));
        assert!(structure("10B0999999").is_none());
    }
}

//! Attributes beside the status, and which may stand together.

use diapason_core::ins::Attribut;

/// Does it force provisoire and forbid INSi?
pub fn bloquant(attribut: Attribut) -> bool {
    matches!(attribut, Attribut::Douteux | Attribut::Fictif)
}

/// French label.
pub fn libelle(attribut: Attribut) -> &'static str {
    match attribut {
        Attribut::Homonyme => "homonyme",
        Attribut::Douteux => "identité douteuse",
        Attribut::Fictif => "identité fictive",
    }
}

/// The attribute already set that excludes `nouveau`, if any. Only douteux and homonyme go together.
pub fn incompatible(actuels: &[Attribut], nouveau: Attribut) -> Option<Attribut> {
    actuels.iter().copied().find(|actuel| {
        *actuel != nouveau && (*actuel == Attribut::Fictif || nouveau == Attribut::Fictif)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Attribut::*;

    #[test]
    fn only_douteux_and_homonyme_go_together() {
        assert_eq!(incompatible(&[Homonyme], Douteux), None);
        assert_eq!(incompatible(&[Douteux], Homonyme), None);
        assert_eq!(incompatible(&[Douteux], Fictif), Some(Douteux));
        assert_eq!(incompatible(&[Fictif], Homonyme), Some(Fictif));
        assert_eq!(incompatible(&[Fictif], Fictif), None);
    }
}

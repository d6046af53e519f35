//! The life cycle of an identity as a table: one row per (status before, event).
//!
//! The code asks the table and applies the row; no `if` elsewhere decides of a status. An absent
//! row means that the event changes nothing.

use diapason_core::ins::Statut;

/// What happens to an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Evenement {
    /// Created by hand, or from a partner without proof.
    Creation,
    /// INSi answered 00 and the user accepted.
    InsiAcceptee,
    /// Validated on a recorded document of high confidence.
    Validation,
    /// A strict trait was changed (super-user).
    TraitStrictModifie,
    /// INSi verification answered KO.
    VerificationKo,
    /// Douteux or fictif was set.
    AttributBloquant,
    /// An identity of a partner was verified OK at INSi.
    TiersVerifie,
    /// A qualified identity came from a partner of the trust table.
    TiersDeConfiance,
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// Status before; `None` before creation.
    pub depuis: Option<Statut>,
    /// Event.
    pub evenement: Evenement,
    /// Status after.
    pub vers: Statut,
    /// Are matricule and OID invalidated?
    pub invalide_ins: bool,
    /// Numbers of the *règles* that ask for it.
    pub regles: &'static [u8],
}

const fn row(
    depuis: Option<Statut>,
    evenement: Evenement,
    vers: Statut,
    invalide_ins: bool,
    regles: &'static [u8],
) -> Transition {
    Transition {
        depuis,
        evenement,
        vers,
        invalide_ins,
        regles,
    }
}

/// The table. A verification KO brings a qualified identity back to provisoire, as the official
/// scenario expects (the logic of règle 27 alone would say validée).
pub const TABLE: &[Transition] = {
    use Evenement::{
        AttributBloquant, Creation, InsiAcceptee, TiersDeConfiance, TiersVerifie,
        TraitStrictModifie, Validation, VerificationKo,
    };
    use Statut::{Provisoire, Qualifiee, Recuperee, Validee};
    &[
        row(None, Creation, Provisoire, false, &[20]),
        row(None, TiersVerifie, Recuperee, false, &[30, 52]),
        row(None, TiersDeConfiance, Qualifiee, false, &[30]),
        row(Some(Provisoire), InsiAcceptee, Recuperee, false, &[6, 20]),
        row(Some(Recuperee), InsiAcceptee, Recuperee, false, &[6, 20]),
        row(Some(Validee), InsiAcceptee, Qualifiee, false, &[20]),
        row(Some(Qualifiee), InsiAcceptee, Qualifiee, false, &[20]),
        row(Some(Provisoire), Validation, Validee, false, &[19, 20]),
        row(Some(Recuperee), Validation, Qualifiee, false, &[19, 20]),
        row(
            Some(Recuperee),
            TraitStrictModifie,
            Provisoire,
            true,
            &[26, 27],
        ),
        row(
            Some(Qualifiee),
            TraitStrictModifie,
            Validee,
            true,
            &[26, 27],
        ),
        row(Some(Recuperee), VerificationKo, Provisoire, true, &[49]),
        row(Some(Qualifiee), VerificationKo, Provisoire, true, &[49]),
        row(Some(Provisoire), AttributBloquant, Provisoire, true, &[25]),
        row(Some(Recuperee), AttributBloquant, Provisoire, true, &[25]),
        row(Some(Validee), AttributBloquant, Provisoire, true, &[25]),
        row(Some(Qualifiee), AttributBloquant, Provisoire, true, &[25]),
    ]
};

/// The row for an event, if the event changes anything.
pub fn transition(depuis: Option<Statut>, evenement: Evenement) -> Option<Transition> {
    TABLE
        .iter()
        .find(|row| row.depuis == depuis && row.evenement == evenement)
        .copied()
}

/// May this status hold a matricule at all?
pub fn porte_ins(statut: Statut) -> bool {
    matches!(statut, Statut::Recuperee | Statut::Qualifiee)
}

/// French label.
pub fn libelle(statut: Statut) -> &'static str {
    match statut {
        Statut::Provisoire => "provisoire",
        Statut::Recuperee => "récupérée",
        Statut::Validee => "validée",
        Statut::Qualifiee => "qualifiée",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use Evenement::*;
    use Statut::*;

    #[test]
    fn the_table_has_one_row_per_situation_and_cites_a_rule() {
        let mut seen = HashSet::new();
        for row in TABLE {
            assert!(seen.insert((row.depuis, row.evenement)), "{row:?}");
            assert!(!row.regles.is_empty(), "{row:?}");
        }
    }

    #[test]
    fn the_two_paths_to_qualifiee() {
        let step = |from, event| transition(from, event).map(|t| t.vers);
        assert_eq!(step(None, Creation), Some(Provisoire));
        assert_eq!(step(Some(Provisoire), Validation), Some(Validee));
        assert_eq!(step(Some(Validee), InsiAcceptee), Some(Qualifiee));
        assert_eq!(step(Some(Provisoire), InsiAcceptee), Some(Recuperee));
        assert_eq!(step(Some(Recuperee), Validation), Some(Qualifiee));
    }

    #[test]
    fn one_fact_alone_never_qualifies() {
        for row in TABLE {
            if row.depuis == Some(Provisoire) {
                assert_ne!(row.vers, Qualifiee, "{row:?}");
            }
        }
    }

    #[test]
    fn a_status_that_cannot_hold_a_matricule_is_reached_without_one() {
        for row in TABLE {
            let had = row.depuis.is_some_and(porte_ins);
            if had && !porte_ins(row.vers) {
                assert!(row.invalide_ins, "{row:?}");
            }
        }
    }

    #[test]
    fn blocking_attributes_bring_every_status_back() {
        for statut in [Provisoire, Recuperee, Validee, Qualifiee] {
            let row = transition(Some(statut), AttributBloquant);
            assert_eq!(
                row.map(|r| (r.vers, r.invalide_ins)),
                Some((Provisoire, true))
            );
        }
        assert_eq!(transition(Some(Provisoire), TraitStrictModifie), None);
        assert_eq!(transition(Some(Validee), VerificationKo), None);
        assert_eq!(transition(Some(Validee), TraitStrictModifie), None);
    }
}

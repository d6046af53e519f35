//! Who may do what: the tables of `data/droits.toml`, looked up by mode, actor and access mode. Nothing is decided here
//! that the data do not say.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use diapason_formats::vihf::{Coded, Mode};
use serde::Deserialize;

/// A right, as named by the rows of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Droit {
    Existence,
    AutorisationAjout,
    AutorisationRetrait,
    RetraitMt,
    ListePatients,
    RechercheSansIns,
    AccesWeb,
    ListeAutorisations,
    Alimentation,
    RechercheMetadonnees,
    RechercheReference,
    Consultation,
    ConsultationMasque,
    Masquer,
    Demasquer,
    RendreVisible,
    Archiver,
    Supprimer,
}

impl Droit {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 18] = [
        Self::Existence,
        Self::AutorisationAjout,
        Self::AutorisationRetrait,
        Self::RetraitMt,
        Self::ListePatients,
        Self::RechercheSansIns,
        Self::AccesWeb,
        Self::ListeAutorisations,
        Self::Alimentation,
        Self::RechercheMetadonnees,
        Self::RechercheReference,
        Self::Consultation,
        Self::ConsultationMasque,
        Self::Masquer,
        Self::Demasquer,
        Self::RendreVisible,
        Self::Archiver,
        Self::Supprimer,
    ];

    /// Row of the tables.
    pub(crate) fn row(self) -> &'static str {
        match self {
            Self::Existence => "existence",
            Self::AutorisationAjout => "autorisation_ajout",
            Self::AutorisationRetrait => "autorisation_retrait",
            Self::RetraitMt => "retrait_mt",
            Self::ListePatients => "liste_patients",
            Self::RechercheSansIns => "recherche_sans_ins",
            Self::AccesWeb => "acces_web",
            Self::ListeAutorisations => "liste_autorisations",
            Self::Alimentation => "alimentation",
            Self::RechercheMetadonnees => "recherche_metadonnees",
            Self::RechercheReference => "recherche_reference",
            Self::Consultation => "consultation",
            Self::ConsultationMasque => "consultation_masque",
            Self::Masquer => "masquer",
            Self::Demasquer => "demasquer",
            Self::RendreVisible => "rendre_visible",
            Self::Archiver => "archiver",
            Self::Supprimer => "supprimer",
        }
    }
}

/// What the tables answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reponse {
    Non,
    Oui,
    /// Given to the structure, imputed to it, or limited to those of the same structure.
    Structure,
    /// Limited to new authorisations since a date.
    Periode,
    /// Only to obtain a reference.
    Reference,
    /// Documents of one's own only.
    Propres,
    /// Only if the person allows it.
    SiPatient,
    /// Documents of the structure only.
    PropresStructure,
}

/// Kind of actor: the first half of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acteur {
    /// Health professional, not a physician.
    Pn,
    /// Physician.
    M,
    /// Médecin traitant DMP.
    Mt,
    /// Médecin du travail.
    Tr,
    /// Holder of a card who is not a health professional.
    Cpe,
    /// A structure.
    Ind,
    /// Professional who is not a health professional, in AIR.
    Pe,
}

impl Acteur {
    fn word(self) -> &'static str {
        match self {
            Self::Pn => "pn",
            Self::M => "m",
            Self::Mt => "mt",
            Self::Tr => "tr",
            Self::Cpe => "cpe",
            Self::Ind => "ind",
            Self::Pe => "pe",
        }
    }
}

/// Access mode: the second half of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acces {
    Normal,
    Regulation,
    BrisDeGlace,
}

impl Acces {
    fn letter(self) -> char {
        match self {
            Self::Normal => 'n',
            Self::Regulation => 'r',
            Self::BrisDeGlace => 'b',
        }
    }

    /// From the purpose of use of a VIHF.
    pub(crate) fn of(purpose: &str) -> Self {
        let among = |mode: &str| {
            FICHIER
                .modes
                .get(mode)
                .is_some_and(|codes| codes.iter().any(|c| c == purpose))
        };
        if among("normal") {
            Self::Normal
        } else if among("bris_de_glace") {
            Self::BrisDeGlace
        } else {
            Self::Regulation
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    document: String,
    #[expect(dead_code, reason = "for the reader of the file")]
    titre: String,
    version: String,
    date: String,
    #[expect(dead_code, reason = "for the reader of the file")]
    couvre: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    mode: String,
    colonnes: Vec<String>,
    droits: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Medecin {
    systeme: String,
    code: String,
    travail: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fichier {
    source: Vec<Source>,
    notes: BTreeMap<String, String>,
    professions: BTreeMap<String, String>,
    medecin: Medecin,
    modes: BTreeMap<String, Vec<String>>,
    table: Vec<Table>,
}

static FICHIER: LazyLock<Fichier> = LazyLock::new(|| {
    toml::from_str(include_str!("../data/droits.toml"))
        .expect("the embedded file is read by a test")
});

/// The word of a mode in the tables.
fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Directe => "directe",
        Mode::Indirecte => "indirecte",
        Mode::IndirecteRenforcee => "indirecte_renforcee",
    }
}

/// What the tables say; a column they do not have gives no right.
pub(crate) fn droit(mode: Mode, acteur: Acteur, acces: Acces, droit: Droit) -> Reponse {
    let column = format!("{}-{}", acteur.word(), acces.letter());
    let cell = FICHIER
        .table
        .iter()
        .find(|t| t.mode == mode_word(mode))
        .and_then(|t| {
            let rank = t.colonnes.iter().position(|c| *c == column)?;
            t.droits.get(droit.row())?.get(rank)
        });
    match cell.map_or(".", String::as_str) {
        "." => Reponse::Non,
        "o" => Reponse::Oui,
        note => match FICHIER.notes.get(note).map(String::as_str) {
            Some("structure" | "meme_structure") => Reponse::Structure,
            Some("periode") => Reponse::Periode,
            Some("reference") => Reponse::Reference,
            Some("propres") => Reponse::Propres,
            Some("propres_structure") => Reponse::PropresStructure,
            Some("si_patient") => Reponse::SiPatient,
            _ => Reponse::Non,
        },
    }
}

/// The actor that the roles of a VIHF make, in a mode. `mt`: is the caller the person's médecin traitant?
pub(crate) fn acteur(mode: Mode, roles: &[Coded], mt: bool) -> Acteur {
    if mode == Mode::Indirecte {
        return Acteur::Ind;
    }
    let outside = match mode {
        Mode::Directe => Acteur::Cpe,
        Mode::Indirecte | Mode::IndirecteRenforcee => Acteur::Pe,
    };
    let Some(first) = roles.first() else {
        return outside;
    };
    let system = first.code_system.as_deref().unwrap_or_default();
    if FICHIER.professions.get(system).map(String::as_str) != Some("ps") {
        return outside;
    }
    if !is_medecin(first) {
        return Acteur::Pn;
    }
    let works = roles.iter().skip(1).any(|r| {
        let code = r.code.as_deref().unwrap_or_default();
        FICHIER.medecin.travail.iter().any(|t| t == code)
    });
    match (mt, works && mode == Mode::Directe) {
        (true, _) => Acteur::Mt,
        (false, true) => Acteur::Tr,
        (false, false) => Acteur::M,
    }
}

/// Is this role that of a physician?
pub(crate) fn is_medecin(role: &Coded) -> bool {
    role.code.as_deref() == Some(FICHIER.medecin.code.as_str())
        && role.code_system.as_deref() == Some(FICHIER.medecin.systeme.as_str())
}

/// Where the tables come from, for the report.
pub(crate) fn provenance() -> String {
    let all: Vec<String> = FICHIER
        .source
        .iter()
        .map(|s| format!("{} v{} of {}", s.document, s.version, s.date))
        .collect();
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_cell_for_every_column_and_every_note_a_meaning() {
        assert_eq!(FICHIER.table.len(), 3);
        for table in &FICHIER.table {
            for droit in Droit::ALL {
                let cells = &table.droits[droit.row()];
                assert_eq!(
                    cells.len(),
                    table.colonnes.len(),
                    "{} {}",
                    table.mode,
                    droit.row()
                );
                for cell in cells {
                    let known = matches!(cell.as_str(), "." | "o")
                        || FICHIER.notes.contains_key(cell.as_str());
                    assert!(known, "{} {}: {cell}", table.mode, droit.row());
                }
            }
            assert_eq!(table.droits.len(), Droit::ALL.len());
        }
    }

    #[test]
    fn the_sheets_are_followed() {
        use Reponse as R;
        let of = |mode, acteur, d| droit(mode, acteur, Acces::Normal, d);
        let (ind, air) = (Mode::Indirecte, Mode::IndirecteRenforcee);
        assert_eq!(of(ind, Acteur::Ind, Droit::Alimentation), R::Structure);
        assert_eq!(of(ind, Acteur::Ind, Droit::RechercheMetadonnees), R::Non);
        assert_eq!(
            of(ind, Acteur::Ind, Droit::RechercheReference),
            R::Reference
        );
        assert_eq!(of(ind, Acteur::Ind, Droit::Supprimer), R::PropresStructure);
        assert_eq!(of(ind, Acteur::Ind, Droit::AutorisationAjout), R::Non);
        assert_eq!(of(ind, Acteur::Ind, Droit::Masquer), R::Non);
        assert_eq!(of(air, Acteur::Pn, Droit::Alimentation), R::Non);
        assert_eq!(of(air, Acteur::Pn, Droit::Consultation), R::Oui);
        assert_eq!(of(air, Acteur::Pn, Droit::ConsultationMasque), R::Propres);
        assert_eq!(of(air, Acteur::Mt, Droit::ConsultationMasque), R::Oui);
        assert_eq!(of(air, Acteur::Pe, Droit::Consultation), R::Non);
        assert_eq!(
            droit(
                air,
                Acteur::M,
                Acces::BrisDeGlace,
                Droit::ConsultationMasque
            ),
            R::SiPatient
        );
        // No column, no right.
        assert_eq!(
            droit(ind, Acteur::Ind, Acces::BrisDeGlace, Droit::Alimentation),
            R::Non
        );
    }

    #[test]
    fn roles_make_the_actor() {
        let role = |code, system| Coded::new(code, system, "x");
        let (g15, r01) = ("1.2.250.1.71.1.2.7", "1.2.250.1.71.4.2.5");
        let air = Mode::IndirecteRenforcee;
        assert_eq!(acteur(air, &[role("60", g15)], false), Acteur::Pn);
        let physician = [role("10", g15), role("SM26", r01)];
        assert_eq!(acteur(air, &physician, false), Acteur::M);
        assert_eq!(acteur(air, &physician, true), Acteur::Mt);
        assert_eq!(
            acteur(air, &[role("328", "1.2.250.1.213.1.6.1.107")], false),
            Acteur::Pe
        );
        assert_eq!(acteur(Mode::Indirecte, &physician, true), Acteur::Ind);
        let works = [role("10", g15), role("SM25", r01)];
        assert_eq!(acteur(Mode::Directe, &works, false), Acteur::Tr);
        assert_eq!(acteur(Mode::Directe, &[], false), Acteur::Cpe);
        assert!(provenance().contains("PDT-INF-606 v1.3"));
    }
}

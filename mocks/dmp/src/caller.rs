//! Who calls: what the VIHF says, once it has been checked.

use diapason_formats::vihf::{Coded, Mode, Vihf};

use crate::droits::{Acces, Acteur, Droit, Reponse, acteur, droit};
use crate::structures::structure;

/// A caller.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) mode: Mode,
    pub(crate) structure: String,
    /// NameID: who is answerable.
    pub(crate) actor: String,
    pub(crate) name: String,
    pub(crate) roles: Vec<Coded>,
    pub(crate) acces: Acces,
    /// Connexion secrète: the access is hidden from legal representatives.
    pub(crate) secret: bool,
    /// Matricule and OID of the person whose record is meant.
    pub(crate) ins: Option<(String, String)>,
}

impl Caller {
    /// From a VIHF whose mode is one of the three.
    pub(crate) fn of(vihf: &Vihf, mode: Mode) -> Self {
        let purpose = vihf.purpose.as_ref().and_then(|p| p.code.as_deref());
        Self {
            mode,
            structure: vihf.structure.clone().unwrap_or_default(),
            actor: vihf.name_id.clone().unwrap_or_default(),
            name: vihf.subject_id.clone().unwrap_or_default(),
            roles: vihf.roles.clone(),
            acces: Acces::of(purpose.unwrap_or_default()),
            secret: vihf
                .confidentiality
                .iter()
                .any(|c| c == crate::names::INVISIBLE_RL),
            ins: vihf.ins().map(|(i, o)| (i.to_owned(), o.to_owned())),
        }
    }

    /// To whom an authorisation is given: the professional, or the structure when the tables say so.
    pub(crate) fn holder(&self) -> &str {
        let to_structure = self.mode == Mode::Indirecte
            || self.may(Droit::AutorisationAjout, false) == Reponse::Structure;
        if to_structure {
            &self.structure
        } else {
            &self.actor
        }
    }

    /// The actor it is, for somebody whose médecin traitant it is or not.
    pub(crate) fn acteur(&self, mt: bool) -> Acteur {
        acteur(self.mode, &self.roles, mt)
    }

    pub(crate) fn may(&self, wanted: Droit, mt: bool) -> Reponse {
        droit(self.mode, self.acteur(mt), self.acces, wanted)
    }

    /// As the person reads it in the history of accesses.
    pub(crate) fn shown(&self) -> String {
        match (self.mode, self.name.as_str()) {
            (Mode::Indirecte, _) | (_, "") => self.structure_name(),
            (_, name) => name.to_owned(),
        }
    }

    /// Name of its structure.
    pub(crate) fn structure_name(&self) -> String {
        structure(&self.structure).map_or_else(|| self.structure.clone(), |s| s.nom.clone())
    }

    /// Profession, as its first role says.
    pub(crate) fn profession(&self) -> (String, String) {
        let role = self.roles.first();
        let of = |text: Option<&String>| text.cloned().unwrap_or_default();
        let code = of(role.and_then(|r| r.code.as_ref()));
        let known = role.and_then(|r| r.code_system.as_deref()) == Some("1.2.250.1.71.1.2.7");
        let code = if known { format!("G15_{code}") } else { code };
        (code, of(role.and_then(|r| r.display_name.as_ref())))
    }
}

//! Identity rules of the DUI: what may be typed, how a status changes, how a person is found again,
//! what leaves on paper. Pure: no socket, no clock of its own, no lock.
//!
//! Source: Guide d'implémentation de l'INS (numbered *règles*), RNIV.

pub mod attributs;
pub mod edition;
pub mod lexique;
pub mod prenoms;
pub mod recherche;
pub mod saisie;
pub mod statuts;
pub mod usager;

pub use statuts::{Evenement, Transition};
pub use usager::{Identite, Justificatif, Proposition, Usager};

//! The DMP: feeding it in the background from a queue that outlives the process, and reading it.
//!
//! `client` makes one call (TLS, VIHF of either mode, SOAP, MTOM), `erreur` says what went wrong; `existence`, `lot` and
//! `registre` write and read the messages; `file` decides what leaves and when, `travailleur` does it, `envois` keeps it.
//! `lecture` is the consultation side. What each mutant changes is in `defauts`, called at the place of the defect.

pub mod acteur;
pub mod alimentation;
pub mod client;
pub mod defauts;
pub mod envois;
pub mod erreur;
pub mod existence;
pub mod file;
pub mod lecture;
pub mod lot;
pub mod message;
pub mod redaction;
pub mod registre;
pub mod suppression;
pub mod tableau;
pub mod travailleur;
pub mod vihf;
pub mod visibilite;

pub use acteur::{Acteur, Connexion};
pub use client::{Demande, DmpClient, Transaction};
pub use envois::DossierDmp;
pub use erreur::Echec;
pub use message::Reponse;
pub use travailleur::DmpState;

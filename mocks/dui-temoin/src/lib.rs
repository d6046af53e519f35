//! The reference DUI (DUI témoin) and its mutants: the bench's control sample.
//!
//! A small but real *dossier usager informatisé*: identities with their statuses, an INSi client, a
//! Pro Santé Connect client, a DMP client that feeds in the background, and the driver API of `diapason_core::driver`. It knows no rule and no
//! scenario of the bench. A *mutant* is the same program with one seeded defect, named in `data/`.

pub mod actions;
pub mod api;
pub mod config;
pub mod dmp;
pub mod document;
pub mod dossier;
pub mod http;
pub mod identite;
pub mod insi;
pub mod mutants;
pub mod psc;
pub mod serveur;
pub mod state;
pub mod web;

pub use config::DuiConfig;
pub use mutants::{MutantSpec, mutants};
pub use serveur::{Dui, DuiError, serve};
pub use state::AppState;

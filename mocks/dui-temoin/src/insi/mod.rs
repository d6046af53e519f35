//! INSi as the DUI uses it: request, call, answer, search procedure, checks before import.
//!
//! Written from the public contract alone; it shares no code with the mock, so that each is a check
//! on the other.

mod client;
mod confiance;
mod controle;
mod defauts;
mod procedure;
mod reponse;
mod requete;

pub use client::{Appel, InsiClient, Issue, Panne};
pub use controle::{Comparaison, Refus, proposer};
pub use procedure::{Fin, Recherche, chercher, verifier};
pub use reponse::{Compte, Individu, Matricules, Tiq, lire};
pub use requete::{Carte, Corps, Ids, Operation, Traits};

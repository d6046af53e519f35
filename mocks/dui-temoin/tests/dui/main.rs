//! The reference DUI through its driver API, against the real INSi mock over mutual TLS.

#![allow(clippy::unwrap_used, missing_docs)]

mod banc;
mod cycle_de_vie;
mod dmp;
mod documents;
mod faux_dmp;
mod pannes;
mod recherche;
mod saisie;
mod tiers;

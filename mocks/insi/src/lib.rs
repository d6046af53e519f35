//! Mock of INSi, the identity teleservice: SOAP 1.2 on `/lps`, one TLS and one mutual-TLS listener.
//!
//! It answers by what is public of the real service; where that says nothing, by a [`Behaviour`] switch that
//! the report shows. It knows no scenario and no rule.

mod behaviour;
mod faults;
mod fautes;
mod guard;
mod gzip;
mod matching;
mod mock;
mod people;
mod reply;
mod service;

pub use behaviour::{Behaviour, Refusal, Untrusted};
pub use faults::faults;
pub use mock::{InsiConfig, InsiError, InsiMock};
pub use people::{Beneficiaire, Carte, cartes, personas};

#[cfg(test)]
mod tests;

//! Mock of the DMP behind Mon espace santé: the XDS.b services of the "LPS" interface over mutual TLS, the web page of
//! TD0.9, and the record as its holder sees it.
//!
//! It keeps a registry and a repository for each person, and answers by what is public of the real service; where that
//! says nothing, by a [`Behaviour`] switch that the report shows. It knows no scenario and no rule.

mod answer;
mod author;
mod behaviour;
mod caller;
mod citizen;
mod droits;
mod faults;
mod guard;
mod lot_signature;
mod mock;
mod names;
mod people;
mod pipeline;
mod reply;
mod service;
mod state;
mod structures;
mod transactions;
mod web;
mod xml;

pub use behaviour::{Behaviour, Carrier, Policy};
pub use faults::faults;
pub use mock::{DmpConfig, DmpError, DmpMock};

#[cfg(test)]
mod tests;

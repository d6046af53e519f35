//! Rust rules of the DMP packs: what neither Schematron nor JSON Schema can say.
//!
//! Over one message: [`vihf`], [`lot_signature`], [`paquet`], [`lot`], [`concordance`]. Over a scenario: [`conduite`].

mod concordance;
mod conduite;
mod entete;
mod lecture;
mod lot;
mod lot_signature;
#[cfg(test)]
mod pack_tests;
mod paquet;
mod serie;
mod vihf;

use crate::RustRule;
use crate::document::DocumentRule;

pub(crate) use lecture::reading;

/// Rules over one document or message: rule id to function.
pub(crate) fn document_rules() -> impl Iterator<Item = (&'static str, DocumentRule)> {
    [
        vihf::RULES,
        lot_signature::RULES,
        paquet::RULES,
        lot::RULES,
        concordance::RULES,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// Rules over the record of a scenario: rule id to function.
pub(crate) const RULES: &[(&str, RustRule)] = conduite::RULES;

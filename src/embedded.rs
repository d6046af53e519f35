//! The data the binary carries: rules, requirements, samples, scenarios.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

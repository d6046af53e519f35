//! A campaign: scenarios selected, played one after the other, judged.

pub mod baseline;
pub mod bench;
pub mod campaign;
pub mod judges;
pub mod options;
pub mod player;
pub mod real_data;
pub mod select;
pub mod stop;

pub use bench::{Bench, BenchError};
pub use campaign::{CampaignEnd, CampaignError, CampaignSetup, run_campaign};
pub use options::RunOptions;

//! What a campaign needs to know, once the command line and the configuration have been read.

use std::path::PathBuf;
use std::time::Duration;

use diapason_core::product::ProductStatement;

use crate::exit::Policy;

/// A campaign, decided.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Folder that receives the journal.
    pub journal_dir: PathBuf,
    /// Product statement.
    pub product: ProductStatement,
    /// Seed of the drawn personas.
    pub seed: u64,
    /// How long a window stays open after the driver's answer when silence is to be measured, or a
    /// call is still missing.
    pub settle: Duration,
    /// Deadline of an action that does not set its own.
    pub deadline: Duration,
    /// What the exit code takes into account.
    pub policy: Policy,
}

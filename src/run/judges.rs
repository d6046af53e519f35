//! The judge of a campaign: exchanges, expectations, and the documents that drivers hand over.

use std::sync::Arc;

use diapason_core::rule::Rule;
use diapason_rules::document::DocumentJudge;
use diapason_rules::{Judge, JudgeError};

use crate::profile_files::{self, FolderError};

/// Rules that cannot be judged as they are.
#[derive(Debug, thiserror::Error)]
pub enum JudgesError {
    /// A rule, or its Schematron file.
    #[error(transparent)]
    Rules(#[from] JudgeError),
    /// The folder of Schematron files and value sets.
    #[error("the data of document rules")]
    Data(#[from] FolderError),
}

/// Compiles every rule.
pub fn judge(rules: &[Rule]) -> Result<Judge, JudgesError> {
    let documents = DocumentJudge::new(rules, profile_files::profiles()?)?;
    Ok(Judge::new(rules)?.with_documents(Arc::new(documents)))
}

//! Reports: everything here is made from the journal alone, and holds no secret.

mod annotations;
mod diagram;
mod html;
mod json;
mod junit;
mod markdown;
mod model;
mod words;

use std::path::{Path, PathBuf};

use diapason_core::journal::{self, JournalError};
use diapason_core::requirement::Lang;
use diapason_rules::Campaign;
use diapason_rules::record::CampaignError;

pub use annotations::github;
pub use model::{Report, schema};

/// A report that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The journal cannot be read back.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// It holds no run.
    #[error(transparent)]
    Campaign(#[from] CampaignError),
    /// A file cannot be written.
    #[error("write {}; give a folder that can be written with --report DIR", path.display())]
    Write {
        /// File.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// The page's template failed.
    #[error("render the page")]
    Template(#[from] minijinja::Error),
    /// JSON.
    #[error("encode report.json")]
    Json(#[from] serde_json::Error),
    /// JUnit.
    #[error("encode junit.xml")]
    Junit(#[from] junit_report::Error),
}

/// Reads `folder/journal.ndjson` and writes `junit.xml`, `report.json`, `report.html`, `summary.md`
/// and `gl-code-quality.json` beside it. Returns what was written, the page first.
pub fn write(folder: &Path, lang: Lang) -> Result<Vec<PathBuf>, ReportError> {
    let campaign = Campaign::from_journal(&journal::read(folder)?)?;
    let report = Report::new(&campaign);
    let files: Vec<(&str, Vec<u8>)> = vec![
        (
            "report.html",
            html::render(&report, &campaign, lang)?.into_bytes(),
        ),
        ("junit.xml", junit::render(&report, lang)?),
        ("report.json", json::render(&report)?),
        ("summary.md", markdown::render(&report, lang).into_bytes()),
        ("gl-code-quality.json", annotations::gitlab(&report, lang)?),
    ];
    let mut written = Vec::with_capacity(files.len());
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(|source| ReportError::Write {
            path: path.clone(),
            source,
        })?;
        written.push(path);
    }
    Ok(written)
}

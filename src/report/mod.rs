//! Reports: everything here is made from the journal alone, and holds no secret.

mod annotations;
mod diagram;
mod html;
mod json;
mod junit;
mod markdown;
mod model;
mod words;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    let campaign = Campaign::for_reports(&journal::read(folder)?)?;
    let report = Arc::new(Report::new(&campaign));
    // The bytes of the exchanges are all that is still needed: let go of facts and catalogue.
    let bytes = html::bytes_of(campaign);
    let mut written = Vec::with_capacity(5);
    let mut file = |name: &str, fill: &mut dyn FnMut(&mut Out) -> Result<(), ReportError>| {
        let path = folder.join(name);
        let failed = |source| ReportError::Write {
            path: folder.join(name),
            source,
        };
        let mut out = BufWriter::new(File::create(&path).map_err(failed)?);
        fill(&mut out).map_err(|error| match error {
            ReportError::Write { source, .. } => failed(source),
            other => other,
        })?;
        out.flush().map_err(failed)?;
        written.push(path);
        Ok::<(), ReportError>(())
    };
    let mut bytes = Some(bytes);
    file("report.html", &mut |out| {
        html::render(&report, bytes.take().unwrap_or_default(), lang, out)
    })?;
    file("junit.xml", &mut |out| {
        put(out, &junit::render(&report, lang)?)
    })?;
    file("report.json", &mut |out| json::render(&report, out))?;
    file("summary.md", &mut |out| {
        put(out, markdown::render(&report, lang).as_bytes())
    })?;
    file("gl-code-quality.json", &mut |out| {
        put(out, &annotations::gitlab(&report, lang)?)
    })?;
    Ok(written)
}

/// Where a report goes.
type Out = BufWriter<File>;

fn put(out: &mut Out, bytes: &[u8]) -> Result<(), ReportError> {
    out.write_all(bytes).map_err(|source| ReportError::Write {
        path: PathBuf::new(),
        source,
    })
}

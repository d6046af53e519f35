//! What a format of `check` is: written piece by piece, so that nothing is kept of a file once it is shown.

use diapason_core::Timestamp;
use diapason_core::requirement::Lang;

use super::outcome::{FileReport, Summary};

/// What every format may say of the check itself.
pub(super) struct Context {
    /// Version of the bench.
    pub(super) tool_version: &'static str,
    /// When it began.
    pub(super) started_at: Timestamp,
    /// Language.
    pub(super) lang: Lang,
}

/// A format. Each call appends to `out`, which is then written and emptied.
pub(super) trait Format {
    /// Before the first file.
    fn begin(&mut self, _: &Context, _: &mut String) -> Result<(), String> {
        Ok(())
    }
    /// One file, in the order of the names.
    fn file(&mut self, file: &FileReport, out: &mut String) -> Result<(), String>;
    /// After the last.
    fn end(&mut self, context: &Context, summary: &Summary, out: &mut String)
    -> Result<(), String>;
}

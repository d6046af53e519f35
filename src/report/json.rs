//! `report.json`: the report as data, its schema in `profiles/schemas/report.schema.json`.

use std::io::Write;

use super::{Report, ReportError};

pub(super) fn render(report: &Report, mut out: impl Write) -> Result<(), ReportError> {
    serde_json::to_writer_pretty(&mut out, report)?;
    writeln!(out).map_err(|e| ReportError::Json(serde_json::Error::io(e)))
}

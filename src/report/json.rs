//! `report.json`: the report as data, its schema in `profiles/schemas/report.schema.json`.

use super::{Report, ReportError};

pub(super) fn render(report: &Report) -> Result<Vec<u8>, ReportError> {
    let mut bytes = serde_json::to_vec_pretty(report)?;
    bytes.push(b'\n');
    Ok(bytes)
}

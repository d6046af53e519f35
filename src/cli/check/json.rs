//! The format for programs, one file a line within one JSON document; its schema is `profiles/schemas/check.schema.json`.

use std::fmt::Write as _;

use serde_json::json;

use super::format::{Context, Format};
use super::outcome::{FORMAT, FileReport, Summary};

/// See the module.
#[derive(Default)]
pub(super) struct Json {
    any: bool,
}

impl Format for Json {
    fn begin(&mut self, context: &Context, out: &mut String) -> Result<(), String> {
        let _ = write!(
            out,
            "{{\"format\":{FORMAT},\"tool_version\":{},\"started_at\":{},\"files\":[",
            json!(context.tool_version),
            json!(context.started_at)
        );
        Ok(())
    }

    fn file(&mut self, file: &FileReport, out: &mut String) -> Result<(), String> {
        out.push_str(if self.any { ",\n" } else { "\n" });
        self.any = true;
        out.push_str(&serde_json::to_string(file).map_err(|e| e.to_string())?);
        Ok(())
    }

    fn end(&mut self, _: &Context, summary: &Summary, out: &mut String) -> Result<(), String> {
        let summary = serde_json::to_string(summary).map_err(|e| e.to_string())?;
        let _ = writeln!(out, "\n],\"summary\":{summary}}}");
        Ok(())
    }
}

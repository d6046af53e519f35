//! SVRL, the report format of ISO Schematron (annex D), with the line and column of each location added.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::compile::Schema;
use super::run::Outcome;

const SVRL: &str = "http://purl.oclc.org/dsdl/svrl";
const PLACES: &str = "urn:diapason:places";

/// Writes the outcome of one schema.
///
/// # Errors
/// Only those of the writer.
pub fn write(
    schema: &Schema,
    outcome: &Outcome,
    out: &mut dyn std::io::Write,
) -> std::io::Result<()> {
    let mut writer = Writer::new_with_indent(out, b' ', 1);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer
        .create_element("svrl:schematron-output")
        .with_attribute(("xmlns:svrl", SVRL))
        .with_attribute(("xmlns:diapason", PLACES))
        .with_attribute(("title", schema.title()))
        .with_attribute(("schemaVersion", schema.name()))
        .write_inner_content(|w| {
            for (prefix, uri) in &schema.namespaces {
                w.create_element("svrl:ns-prefix-in-attribute-values")
                    .with_attribute(("prefix", prefix.as_str()))
                    .with_attribute(("uri", uri.as_str()))
                    .write_empty()?;
            }
            let mut last_pattern = None;
            for (rank, fired) in outcome.fired.iter().enumerate() {
                if last_pattern != Some(fired.pattern) {
                    last_pattern = Some(fired.pattern);
                    w.create_element("svrl:active-pattern")
                        .with_attribute(("id", schema.patterns[fired.pattern].id.as_str()))
                        .write_empty()?;
                }
                let mut rule = w
                    .create_element("svrl:fired-rule")
                    .with_attribute(("context", &*fired.context));
                for (name, value) in [("id", &fired.id), ("role", &fired.role)] {
                    if !value.is_empty() {
                        rule = rule.with_attribute((name, value.as_str()));
                    }
                }
                rule.write_empty()?;
                let end = outcome
                    .fired
                    .get(rank + 1)
                    .map_or(outcome.failures.len(), |next| next.failures_from);
                for failure in &outcome.failures[fired.failures_from..end] {
                    let info = &schema.checks()[failure.check];
                    let name = if info.report {
                        "svrl:successful-report"
                    } else {
                        "svrl:failed-assert"
                    };
                    let line = failure.position.line.to_string();
                    let column = failure.position.column.to_string();
                    let mut element = w
                        .create_element(name)
                        .with_attribute(("id", info.key.as_str()))
                        .with_attribute(("test", info.test.as_str()))
                        .with_attribute(("location", failure.path.as_str()))
                        .with_attribute(("diapason:line", line.as_str()))
                        .with_attribute(("diapason:column", column.as_str()));
                    if !info.role.is_empty() {
                        element = element.with_attribute(("role", info.role.as_str()));
                    }
                    if !info.flag.is_empty() {
                        element = element.with_attribute(("flag", info.flag.as_str()));
                    }
                    element.write_inner_content(|w| {
                        w.create_element("svrl:text")
                            .write_text_content(BytesText::new(&failure.message))?;
                        for (id, text) in &failure.diagnostics {
                            w.create_element("svrl:diagnostic-reference")
                                .with_attribute(("diagnostic", id.as_str()))
                                .write_text_content(BytesText::new(text))?;
                        }
                        Ok(())
                    })?;
                }
            }
            Ok(())
        })?;
    Ok(())
}

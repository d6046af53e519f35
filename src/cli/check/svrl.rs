//! SVRL (ISO/IEC 19757-3), for tools that read Schematron results: one active pattern per file and pack.
//!
//! `location` is the XPath; line, column, level and requirements are attributes of our own namespace. Rules of every engine are written,
//! Schematron or not: `test` names the rule, whose expression `diapason explain` shows. A file that could not be judged is a pattern too; its
//! `d:verdict` and `d:reason` say so.

use std::fmt::Write as _;

use diapason_core::requirement::Lang;

use super::format::{Context, Format};
use super::junit::xml_text;
use super::outcome::{FileReport, FindingLine, Summary};

/// See the module.
pub(super) struct Svrl {
    pub(super) lang: Lang,
}

impl Format for Svrl {
    fn begin(&mut self, context: &Context, out: &mut String) -> Result<(), String> {
        let _ = writeln!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svrl:schematron-output xmlns:svrl=\"http://purl.oclc.org/dsdl/svrl\" xmlns:d=\"urn:diapason:check\" title=\"Diapason\" schemaVersion=\"{}\" d:started-at=\"{}\">",
            attribute(context.tool_version),
            context.started_at
        );
        Ok(())
    }

    fn file(&mut self, file: &FileReport, out: &mut String) -> Result<(), String> {
        let mut packs: Vec<&str> = file.checks.keys().map(String::as_str).collect();
        packs.extend(file.findings.iter().map(|f| f.pack.as_str()));
        packs.extend(file.indeterminate.iter().map(|f| f.pack.as_str()));
        packs.sort_unstable();
        packs.dedup();
        let open = packs.is_empty();
        if open {
            packs.push("diapason");
        }
        for pack in packs {
            let _ = write!(
                out,
                "<svrl:active-pattern name=\"{}\" documents=\"{}\" d:verdict=\"{}\"",
                attribute(pack),
                attribute(&file.path),
                file.verdict.word()
            );
            if let Some(reason) = &file.reason {
                let _ = write!(out, " d:reason=\"{}\"", attribute(reason));
            }
            out.push_str("/>\n");
            if open {
                // The schema asks for a fired rule after a pattern: none of ours had anything to look at.
                out.push_str("<svrl:fired-rule context=\"/\" d:checks=\"0\"/>\n");
            }
            for (rule, count) in file.checks.get(pack).into_iter().flatten() {
                let _ = writeln!(
                    out,
                    "<svrl:fired-rule id=\"{}\" context=\"/\" d:checks=\"{count}\"/>",
                    attribute(rule)
                );
                for finding in broken(file, pack).filter(|f| f.rule == *rule) {
                    self.failed(finding, out);
                }
            }
            for finding in broken(file, pack) {
                let counted = file
                    .checks
                    .get(pack)
                    .is_some_and(|rules| rules.contains_key(&finding.rule));
                if !counted {
                    let _ = writeln!(
                        out,
                        "<svrl:fired-rule id=\"{}\" context=\"/\"/>",
                        attribute(&finding.rule)
                    );
                    self.failed(finding, out);
                }
            }
            for rule in file.indeterminate.iter().filter(|r| r.pack == pack) {
                let _ = writeln!(
                    out,
                    "<svrl:fired-rule id=\"{}\" context=\"/\" d:indeterminate=\"{}\"/>",
                    attribute(&rule.rule),
                    attribute(&rule.reason)
                );
            }
        }
        Ok(())
    }

    fn end(&mut self, _: &Context, _: &Summary, out: &mut String) -> Result<(), String> {
        out.push_str("</svrl:schematron-output>\n");
        Ok(())
    }
}

fn broken<'a>(file: &'a FileReport, pack: &'a str) -> impl Iterator<Item = &'a FindingLine> {
    file.findings.iter().filter(move |f| f.pack == pack)
}

impl Svrl {
    fn failed(&self, finding: &FindingLine, out: &mut String) {
        let level = crate::cli::word(&finding.level);
        let _ = write!(
            out,
            "<svrl:failed-assert id=\"{0}\" test=\"{0}\" location=\"{1}\" role=\"{level}\"",
            attribute(&finding.rule),
            attribute(finding.path.as_deref().unwrap_or("/")),
        );
        if let Some(line) = finding.line {
            let _ = write!(out, " d:line=\"{line}\"");
        }
        if let Some(column) = finding.column {
            let _ = write!(out, " d:column=\"{column}\"");
        }
        if !finding.requirements.is_empty() {
            let ids: Vec<&str> = finding
                .requirements
                .iter()
                .map(diapason_core::RequirementId::as_str)
                .collect();
            let _ = write!(out, " d:requirements=\"{}\"", attribute(&ids.join(" ")));
        }
        out.push('>');
        let _ = write!(
            out,
            "<svrl:diagnostic-reference diagnostic=\"observed\">{}</svrl:diagnostic-reference>",
            content(&finding.observed)
        );
        if let Some(hint) = &finding.hint {
            let _ = write!(
                out,
                "<svrl:diagnostic-reference diagnostic=\"hint\">{}</svrl:diagnostic-reference>",
                content(hint.get(self.lang))
            );
        }
        let _ = writeln!(
            out,
            "<svrl:text>{}</svrl:text></svrl:failed-assert>",
            content(&finding.expected)
        );
    }
}

fn content(text: &str) -> String {
    xml_text(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn attribute(text: &str) -> String {
    content(text)
        .replace('"', "&quot;")
        .replace('\n', "&#10;")
        .replace('\t', "&#9;")
}

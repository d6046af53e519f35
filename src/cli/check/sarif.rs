//! SARIF 2.1.0, for code scanning services and editors: one run, one result per finding.
//!
//! Results come first in the document, rules after them: a rule is described when a file breaks it, and SARIF gives no
//! meaning to the order of members. What could not be judged is a result of kind `open`, so that it is never taken for a pass.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use diapason_core::requirement::Lang;
use diapason_core::{Level, Sha256Hex};
use serde_json::{Value, json};

use super::format::{Context, Format};
use super::outcome::{FileReport, FileVerdict, FindingLine, Summary};

/// Rule under which a file that could not be judged is listed.
const NOT_JUDGED: &str = "non-juge";

/// See the module.
pub(super) struct Sarif {
    lang: Lang,
    any: bool,
    /// Rule to its number and its description, in the order in which they were met.
    index: BTreeMap<String, usize>,
    rules: Vec<Value>,
}

impl Sarif {
    pub(super) fn new(lang: Lang) -> Self {
        Self {
            lang,
            any: false,
            index: BTreeMap::new(),
            rules: Vec::new(),
        }
    }

    fn rule(&mut self, id: &str, describe: impl FnOnce() -> Value) -> usize {
        if let Some(number) = self.index.get(id) {
            return *number;
        }
        let number = self.rules.len();
        self.index.insert(id.to_owned(), number);
        let mut rule = describe();
        rule["id"] = json!(id);
        self.rules.push(rule);
        number
    }

    fn push(&mut self, result: &Value, out: &mut String) {
        out.push_str(if self.any { ",\n" } else { "\n" });
        self.any = true;
        out.push_str(&result.to_string());
    }

    fn finding(&mut self, file: &FileReport, finding: &FindingLine, seen: usize) -> Value {
        let lang = self.lang;
        let id = rule_id(finding);
        let text = finding
            .text
            .as_ref()
            .map_or(finding.expected.as_str(), |t| t.get(lang));
        let level = level(finding.level);
        let number = self.rule(&id, || {
            let mut tags = vec![json!(finding.pack)];
            tags.extend(finding.requirements.iter().map(|r| json!(r)));
            let mut rule = json!({
                "id": "",
                "shortDescription": { "text": if finding.text.is_some() { text } else { &finding.rule } },
                "defaultConfiguration": { "level": level },
                "properties": { "tags": tags },
            });
            if let Some(hint) = &finding.hint {
                rule["help"] = json!({ "text": hint.get(lang) });
            }
            if let Some(origin) = &finding.origin {
                rule["properties"]["source"] = json!(origin);
            }
            rule
        });
        let (expected, seen_word) = match lang {
            Lang::Fr => ("attendu", "vu"),
            Lang::En => ("expected", "seen"),
        };
        let message = if finding.text.is_some() {
            format!(
                "{text}\n{expected} : {}\n{seen_word} : {}",
                finding.expected, finding.observed
            )
        } else {
            format!("{text}\n{seen_word} : {}", finding.observed)
        };
        let mut location = json!({
            "physicalLocation": { "artifactLocation": { "uri": uri(&file.path) } },
        });
        if let Some(line) = finding.line {
            let mut region = json!({ "startLine": line });
            if let Some(column) = finding.column {
                region["startColumn"] = json!(column);
                if let Some(excerpt) = &finding.excerpt {
                    region["endColumn"] = json!(column + excerpt.width);
                }
            }
            if let Some(excerpt) = &finding.excerpt {
                region["snippet"] = json!({ "text": excerpt.text });
            }
            location["physicalLocation"]["region"] = region;
        }
        if let Some(path) = &finding.path {
            location["logicalLocations"] =
                json!([{ "fullyQualifiedName": path, "kind": "element" }]);
        }
        let print = format!(
            "{}\n{id}\n{}\n{seen}",
            file.path,
            finding.path.as_deref().unwrap_or_default()
        );
        json!({
            "ruleId": id,
            "ruleIndex": number,
            "level": level,
            "message": { "text": message },
            "locations": [location],
            "partialFingerprints": { "diapason/v1": Sha256Hex::of(print.as_bytes()) },
            "properties": { "pack": finding.pack },
        })
    }

    fn open(&mut self, file: &FileReport, id: &str, pack: &str, reason: &str) -> Value {
        let lang = self.lang;
        let number = self.rule(id, || {
            let text = match (id, lang) {
                (NOT_JUDGED, Lang::Fr) => "Fichier qui n'a pas pu être jugé",
                (NOT_JUDGED, Lang::En) => "File that could not be judged",
                _ => id,
            };
            json!({ "id": "", "shortDescription": { "text": text }, "defaultConfiguration": { "level": "none" } })
        });
        json!({
            "ruleId": id,
            "ruleIndex": number,
            "kind": "open",
            "level": "none",
            "message": { "text": reason },
            "locations": [{ "physicalLocation": { "artifactLocation": { "uri": uri(&file.path) } } }],
            "properties": { "pack": pack },
        })
    }
}

impl Format for Sarif {
    fn begin(&mut self, _: &Context, out: &mut String) -> Result<(), String> {
        out.push_str("{\"version\":\"2.1.0\",\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\",\"runs\":[{\"columnKind\":\"unicodeCodePoints\",\"results\":[");
        Ok(())
    }

    fn file(&mut self, file: &FileReport, out: &mut String) -> Result<(), String> {
        // Findings of one rule at one place are told apart by their rank.
        let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
        for finding in &file.findings {
            let key = (rule_id(finding), finding.path.clone().unwrap_or_default());
            let rank = seen.entry(key).or_default();
            let result = self.finding(file, finding, *rank);
            *rank += 1;
            self.push(&result, out);
        }
        for rule in &file.indeterminate {
            let id = qualified(&rule.pack, &rule.rule);
            let result = self.open(file, &id, &rule.pack, &rule.reason);
            self.push(&result, out);
        }
        if matches!(
            file.verdict,
            FileVerdict::NonConcluant | FileVerdict::ErreurBanc
        ) {
            let reason = file.reason.clone().unwrap_or_default();
            let result = self.open(file, NOT_JUDGED, "diapason", &reason);
            self.push(&result, out);
        }
        Ok(())
    }

    fn end(
        &mut self,
        context: &Context,
        summary: &Summary,
        out: &mut String,
    ) -> Result<(), String> {
        let packs: Vec<Value> = summary
            .packs
            .iter()
            .map(|pack| {
                json!({
                    "name": pack.name,
                    "version": pack.version,
                    "properties": { "sha256": pack.sha256 },
                })
            })
            .collect();
        let tool = json!({
            "driver": {
                "name": "Diapason",
                "version": context.tool_version,
                "language": if context.lang == Lang::Fr { "fr" } else { "en" },
                "rules": self.rules,
            },
            "extensions": packs,
        });
        let invocation = json!([{
            "executionSuccessful": summary.of(FileVerdict::ErreurBanc) == 0,
            "exitCode": summary.exit_code,
            "startTimeUtc": context.started_at,
        }]);
        let _ = writeln!(out, "\n],\"tool\":{tool},\"invocations\":{invocation}}}]}}");
        Ok(())
    }
}

fn rule_id(finding: &FindingLine) -> String {
    qualified(&finding.pack, &finding.rule)
}

/// Our ids stand alone; those of other packs are told by their pack too.
fn qualified(pack: &str, rule: &str) -> String {
    if pack == diapason_rules::document::OWN_PACK {
        rule.to_owned()
    } else {
        format!("{pack}/{rule}")
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "note",
    }
}

/// A path as a relative reference: what a URI does not take is percent-encoded.
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.replace('\\', "/").bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

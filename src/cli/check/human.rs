//! The format for people: each finding as a compiler prints it, then one line for the file, then the sum.
//!
//! Colour only repeats what the words already say.

use std::fmt::Write as _;

use diapason_core::Level;
use diapason_core::requirement::Lang;

use super::format::{Context, Format};
use super::outcome::{FileReport, FileVerdict, FindingLine, Summary};

/// Most findings shown of one file.
const MOST: usize = 100;
/// Most indeterminate rules shown of one file: those of a kit are the same for every document.
const MOST_INDETERMINATE: usize = 6;

/// See the module.
pub(super) struct Human {
    pub(super) lang: Lang,
    pub(super) colour: bool,
    /// Files without a finding are not listed.
    pub(super) quiet: bool,
}

impl Human {
    fn say(&self, fr: &'static str, en: &'static str) -> &'static str {
        match self.lang {
            Lang::Fr => fr,
            Lang::En => en,
        }
    }

    /// A count and its word, in the language.
    fn counted(&self, count: u64, fr: (&str, &str), en: (&str, &str)) -> String {
        let (one, many) = match self.lang {
            Lang::Fr => fr,
            Lang::En => en,
        };
        format!("{count} {}", if count == 1 { one } else { many })
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn finding(&self, file: &FileReport, finding: &FindingLine, out: &mut String) {
        let (word, code) = match finding.level {
            Level::Error => ("error", "1;31"),
            Level::Warning => ("warning", "1;33"),
            Level::Info => ("info", "1;36"),
        };
        let place = match (finding.line, finding.column) {
            (Some(line), Some(column)) => format!(":{line}:{column}"),
            (Some(line), None) => format!(":{line}"),
            _ => String::new(),
        };
        let head = finding
            .text
            .as_ref()
            .map_or(finding.expected.as_str(), |text| text.get(self.lang));
        let _ = writeln!(
            out,
            "{}{place}: {} {}",
            file.path,
            self.paint(code, &format!("{word}[{}]", finding.rule)),
            one_line(head)
        );
        let margin = finding.line.map_or(0, |l| l.to_string().len());
        let bar = self.paint("1;34", "|");
        let gap = " ".repeat(margin);
        if let (Some(excerpt), Some(line)) = (&finding.excerpt, finding.line) {
            let before = " ".repeat(excerpt.column.saturating_sub(1) as usize);
            let carets = self.paint(code, &"^".repeat(excerpt.width as usize));
            let _ = writeln!(out, " {gap} {bar}");
            let _ = writeln!(out, " {line} {bar} {}", excerpt.text);
            let _ = writeln!(out, " {gap} {bar} {before}{carets}");
        }
        // A colon takes a space before it in French.
        let colon = self.say(" :", ":");
        let mut field = |name: &str, value: &str| {
            if !value.is_empty() {
                let _ = writeln!(out, " {gap} = {name}{colon} {}", one_line(value));
            }
        };
        if finding.text.is_some() && finding.expected != head {
            field(self.say("attendu", "expected"), &finding.expected);
        }
        field(self.say("vu", "seen"), &finding.observed);
        if let Some(path) = &finding.path {
            field(self.say("où", "where"), path);
        }
        if let Some(hint) = &finding.hint {
            field(self.say("à essayer", "what to try"), hint.get(self.lang));
        }
        let requirements: Vec<&str> = finding
            .requirements
            .iter()
            .map(diapason_core::RequirementId::as_str)
            .collect();
        field(
            self.say("exigences", "requirements"),
            &requirements.join(", "),
        );
        field(self.say("jugé par", "judged by"), &finding.pack);
        out.push('\n');
    }

    fn line(&self, file: &FileReport, out: &mut String) {
        let code = match file.verdict {
            FileVerdict::Conforme => "32",
            FileVerdict::Reserve => "33",
            FileVerdict::NonConforme | FileVerdict::ErreurBanc => "31",
            FileVerdict::NonConcluant => "35",
        };
        let mut about = Vec::new();
        if let Some(kind) = file.kind {
            about.push(kind.to_string());
        }
        about.extend(file.model.clone());
        let counts = [
            (file.count(Level::Error), "error", "errors"),
            (file.count(Level::Warning), "warning", "warnings"),
            (file.count(Level::Info), "info", "infos"),
        ];
        for (count, one, many) in counts {
            if count > 0 {
                about.push(format!("{count} {}", if count == 1 { one } else { many }));
            }
        }
        if file.rules_run() > 0 {
            let rules = self.counted(
                file.rules_run() as u64,
                ("règle", "règles"),
                ("rule", "rules"),
            );
            let checks = self.counted(
                file.assertions(),
                ("vérification", "vérifications"),
                ("check", "checks"),
            );
            about.push(format!("{rules}, {checks}"));
        }
        if !file.indeterminate.is_empty() {
            about.push(self.counted(
                file.indeterminate.len() as u64,
                ("règle indéterminée", "règles indéterminées"),
                ("indeterminate rule", "indeterminate rules"),
            ));
        }
        let about = if about.is_empty() {
            String::new()
        } else {
            format!(" ({})", about.join(" ; "))
        };
        let _ = writeln!(
            out,
            "{}: {}{about}",
            file.path,
            self.paint(code, file.verdict.word())
        );
        if let Some(reason) = &file.reason {
            let _ = writeln!(out, "  {}", one_line(reason));
        }
        for note in &file.notes {
            let _ = writeln!(
                out,
                "  {} : {}",
                self.say("à noter", "note"),
                one_line(note)
            );
        }
        for rule in file.indeterminate.iter().take(MOST_INDETERMINATE) {
            let _ = writeln!(
                out,
                "  {} {} ({}) : {}",
                self.say("indéterminée :", "indeterminate:"),
                rule.rule,
                rule.pack,
                one_line(&rule.reason)
            );
        }
        let more = file.indeterminate.len().saturating_sub(MOST_INDETERMINATE);
        if more > 0 {
            let _ = writeln!(
                out,
                "  {more} {}",
                self.say(
                    "autres règles indéterminées ; --format json les montre toutes",
                    "more indeterminate rules; --format json shows them all"
                )
            );
        }
    }
}

impl Format for Human {
    fn file(&mut self, file: &FileReport, out: &mut String) -> Result<(), String> {
        if self.quiet && file.verdict == FileVerdict::Conforme && file.findings.is_empty() {
            return Ok(());
        }
        for finding in file.findings.iter().take(MOST) {
            self.finding(file, finding, out);
        }
        let more = file.findings.len().saturating_sub(MOST);
        if more > 0 {
            let _ = writeln!(
                out,
                "{}: {more} {}\n",
                file.path,
                self.say(
                    "autres constats ; --format json les montre tous",
                    "more findings; --format json shows them all"
                )
            );
        }
        self.line(file, out);
        if !file.findings.is_empty() {
            out.push('\n');
        }
        Ok(())
    }

    fn end(&mut self, _: &Context, summary: &Summary, out: &mut String) -> Result<(), String> {
        out.push_str(&sentence(summary, self.lang));
        Ok(())
    }
}

/// The sum of a check, in a few lines.
pub(super) fn sentence(summary: &Summary, lang: Lang) -> String {
    let verdicts: Vec<String> = summary
        .verdicts
        .iter()
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    let packs: Vec<String> = summary
        .packs
        .iter()
        .map(|pack| {
            let hash: String = pack.sha256.to_string().chars().take(12).collect();
            format!("{} {} ({hash})", pack.name, pack.version)
        })
        .collect();
    let (files, strict, packs_word, skipped, links) = match lang {
        Lang::Fr => (
            "fichiers",
            " ; les avertissements comptent (--strict)",
            "paquets",
            "de nature inconnue, à l'écart à la demande (--skip-unknown)",
            "non suivis : liens, fichiers cachés ou spéciaux",
        ),
        Lang::En => (
            "files",
            "; warnings count (--strict)",
            "packs",
            "of unknown kind, passed over as asked (--skip-unknown)",
            "not followed: links, hidden or special files",
        ),
    };
    let plural = |count: u64| {
        if count > 1 {
            files.to_owned()
        } else {
            files.trim_end_matches('s').to_owned()
        }
    };
    let mut out = format!("{} {}", summary.files, plural(summary.files));
    if !verdicts.is_empty() {
        let _ = write!(out, " : {}", verdicts.join(", "));
    }
    let _ = write!(
        out,
        " ; {} error, {} warning, {} info",
        summary.errors, summary.warnings, summary.infos
    );
    if summary.strict {
        out.push_str(strict);
    }
    out.push('\n');
    if summary.unknown_passed_over > 0 {
        let count = summary.unknown_passed_over;
        let _ = writeln!(out, "{count} {} {skipped}", plural(count));
    }
    if summary.not_followed > 0 {
        let _ = writeln!(out, "{} {links}", summary.not_followed);
    }
    if !packs.is_empty() {
        let _ = writeln!(out, "{packs_word} : {}", packs.join(", "));
    }
    out
}

/// Text that may come from the file, on one line, its controls not obeyed.
pub(super) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(
            word.chars()
                .map(|c| if c.is_control() { '\u{fffd}' } else { c }),
        );
    }
    out
}

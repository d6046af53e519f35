//! What `check` says of a file and of all of them: what the JSON format publishes and every other format is made from.

use std::collections::{BTreeMap, BTreeSet};

use diapason_core::event::PackRef;
use diapason_core::requirement::{Source, Text};
use diapason_core::{DocumentKind, Level, RequirementId};
use schemars::JsonSchema;
use serde::Serialize;

use super::source::Excerpt;
use crate::exit;

/// Version of the JSON format.
pub(crate) const FORMAT: u32 = 1;

/// Outcome of one file. The words are those of the scenarios' verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileVerdict {
    /// Every rule that applied held.
    Conforme,
    /// Only warnings.
    Reserve,
    /// At least one finding of level error.
    NonConforme,
    /// The file, or some of our rules, could not be judged.
    NonConcluant,
    /// The bench failed on this file.
    ErreurBanc,
}

impl FileVerdict {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Conforme => "conforme",
            Self::Reserve => "reserve",
            Self::NonConforme => "non_conforme",
            Self::NonConcluant => "non_concluant",
            Self::ErreurBanc => "erreur_banc",
        }
    }
}

/// Why a file could not be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Open {
    /// It cannot be read, or is larger than what is read.
    Unreadable,
    /// It is of no known kind.
    UnknownKind,
    /// Its kind is known; its judge arrives with a later family.
    NotJudgedYet,
    /// No rule found anything to judge in it.
    NothingJudged,
    /// Some of our own rules could not be judged on it.
    RulesIndeterminate,
}

/// A rule that did not hold.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct FindingLine {
    /// Pack: `diapason`, `kit/...`, `xsd/...`, `schema/...`.
    pub(crate) pack: String,
    /// Rule.
    pub(crate) rule: String,
    /// Level.
    pub(crate) level: Level,
    /// Line, from 1.
    pub(crate) line: Option<u32>,
    /// Column in characters, from 1.
    pub(crate) column: Option<u32>,
    /// XPath, JSON pointer or name.
    pub(crate) path: Option<String>,
    /// The clause, for our own rules.
    pub(crate) text: Option<Text>,
    /// What is asked for, here.
    pub(crate) expected: String,
    /// What was seen.
    pub(crate) observed: String,
    /// What to try.
    pub(crate) hint: Option<Text>,
    /// Requirements the rule proves.
    pub(crate) requirements: Vec<RequirementId>,
    /// Where the clause comes from.
    pub(crate) origin: Option<Source>,
    /// The line of the file.
    pub(crate) excerpt: Option<Excerpt>,
}

/// A rule that could not be judged.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct IndeterminateLine {
    /// Pack.
    pub(crate) pack: String,
    /// Rule.
    pub(crate) rule: String,
    /// Why.
    pub(crate) reason: String,
}

/// What is said of one file.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct FileReport {
    /// The file, as given.
    pub(crate) path: String,
    /// Kind, when it is known.
    pub(crate) kind: Option<DocumentKind>,
    /// What told the kind; `--kind` when it was forced.
    pub(crate) recognised_by: Option<String>,
    /// Model of document recognised.
    pub(crate) model: Option<String>,
    /// Verdict.
    pub(crate) verdict: FileVerdict,
    /// Why the file could not be judged.
    pub(crate) open: Option<Open>,
    /// The same, in words.
    pub(crate) reason: Option<String>,
    /// Rules that did not hold.
    pub(crate) findings: Vec<FindingLine>,
    /// Assertions run, by pack and rule.
    pub(crate) checks: BTreeMap<String, BTreeMap<String, u32>>,
    /// Rules that could not be judged.
    pub(crate) indeterminate: Vec<IndeterminateLine>,
    /// Limits of what was judged, in words.
    pub(crate) notes: Vec<String>,
    /// Packs it was judged by.
    pub(crate) packs: Vec<PackRef>,
}

impl FileReport {
    /// A file of which nothing is known yet.
    pub(crate) fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            kind: None,
            recognised_by: None,
            model: None,
            verdict: FileVerdict::Conforme,
            open: None,
            reason: None,
            findings: Vec::new(),
            checks: BTreeMap::new(),
            indeterminate: Vec::new(),
            notes: Vec::new(),
            packs: Vec::new(),
        }
    }

    /// Says why it could not be judged.
    pub(crate) fn leave_open(&mut self, open: Open, reason: impl Into<String>) {
        self.open = Some(open);
        self.reason = Some(reason.into());
        self.verdict = FileVerdict::NonConcluant;
    }

    /// Says that the bench failed on it.
    pub(crate) fn failed(&mut self, reason: impl Into<String>) {
        self.reason = Some(reason.into());
        self.verdict = FileVerdict::ErreurBanc;
    }

    pub(crate) fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|f| f.level == level).count()
    }

    /// Assertions run.
    pub(crate) fn assertions(&self) -> u64 {
        self.checks
            .values()
            .flat_map(BTreeMap::values)
            .map(|n| u64::from(*n))
            .sum()
    }

    /// Rules that ran.
    pub(crate) fn rules_run(&self) -> usize {
        self.checks.values().map(BTreeMap::len).sum()
    }
}

/// What is said of all the files.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct Summary {
    /// Files looked at.
    pub(crate) files: u64,
    /// Files by verdict word.
    pub(crate) verdicts: BTreeMap<String, u64>,
    /// Findings of level error.
    pub(crate) errors: u64,
    /// Findings of level warning.
    pub(crate) warnings: u64,
    /// Findings of level info.
    pub(crate) infos: u64,
    /// Rules left indeterminate, all files together.
    pub(crate) indeterminate: u64,
    /// Assertions run.
    pub(crate) assertions: u64,
    /// Files of unknown kind, passed over because `--skip-unknown` asked for it.
    pub(crate) unknown_passed_over: u64,
    /// Hidden files, links and special files of folders, never followed.
    pub(crate) not_followed: u64,
    /// Packs used.
    pub(crate) packs: Vec<PackRef>,
    /// Do warnings count?
    pub(crate) strict: bool,
    /// Exit code.
    pub(crate) exit_code: u8,
    #[serde(skip)]
    pub(crate) seen_packs: BTreeSet<(String, String)>,
}

impl Summary {
    /// Adds a file.
    pub(crate) fn add(&mut self, file: &FileReport) {
        self.files += 1;
        *self
            .verdicts
            .entry(file.verdict.word().to_owned())
            .or_default() += 1;
        self.errors += file.count(Level::Error) as u64;
        self.warnings += file.count(Level::Warning) as u64;
        self.infos += file.count(Level::Info) as u64;
        self.indeterminate += file.indeterminate.len() as u64;
        self.assertions += file.assertions();
        for pack in &file.packs {
            let key = (pack.name.clone(), pack.sha256.to_string());
            if self.seen_packs.insert(key) {
                self.packs.push(pack.clone());
            }
        }
        self.exit_code = self.worst();
    }

    /// Files of one verdict.
    pub(crate) fn of(&self, verdict: FileVerdict) -> u64 {
        self.verdicts.get(verdict.word()).copied().unwrap_or(0)
    }

    /// A failure of the bench, then a deviation, then what could not be judged, decides.
    pub(crate) fn worst(&self) -> u8 {
        if self.of(FileVerdict::ErreurBanc) > 0 {
            exit::BENCH
        } else if self.errors > 0 || (self.strict && self.warnings > 0) {
            exit::DEVIATIONS
        } else if self.of(FileVerdict::NonConcluant) > 0 || self.files == 0 {
            exit::USAGE
        } else {
            exit::CONFORM
        }
    }
}

/// The whole of the JSON format. Written piece by piece; only its schema is made from here.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CheckReport {
    /// Version of this format.
    format: u32,
    /// Version of the bench.
    tool_version: String,
    /// When it began.
    started_at: diapason_core::Timestamp,
    /// One entry per file, in the order of their names.
    files: Vec<FileReport>,
    /// All of them together.
    summary: Summary,
}

/// Schema of the JSON format.
pub(crate) fn schema() -> schemars::Schema {
    schemars::schema_for!(CheckReport)
}

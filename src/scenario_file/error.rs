//! What is wrong with a file, shown where it is: excerpt, caret, what was expected, nearest known name.
//!
//! One type for YAML and TOML alike, so that every message has the same shape.

use std::fmt;
use std::sync::Arc;

/// One problem in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    /// The file, as the reader named it.
    pub path: Arc<str>,
    /// Line, from 1; 0 when the problem is the file as a whole.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// How many characters the caret underlines, at least 1.
    pub width: u32,
    /// The line itself; empty when `line` is 0.
    pub source_line: Box<str>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub expected: Option<String>,
    /// What to try.
    pub hint: Option<String>,
}

impl FileError {
    /// A problem of the file as a whole: it cannot be read, it is too large.
    pub(crate) fn whole(path: impl Into<Arc<str>>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            line: 0,
            column: 0,
            width: 0,
            source_line: Box::default(),
            message: message.into(),
            expected: None,
            hint: None,
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        if self.line == 0 {
            write!(f, "\n  --> {}", self.path)?;
        } else {
            let number = self.line.to_string();
            let margin = " ".repeat(number.len());
            // A tab would move the caret: it is shown as one space.
            let line = self.source_line.replace('\t', " ");
            let before = " ".repeat(self.column.saturating_sub(1) as usize);
            let carets = "^".repeat(self.width.max(1) as usize);
            write!(
                f,
                "\n{margin}--> {}:{}:{}\n{margin} |\n{number} | {line}\n{margin} | {before}{carets}",
                self.path, self.line, self.column
            )?;
        }
        let margin = " ".repeat(self.line.to_string().len());
        if let Some(expected) = &self.expected {
            write!(f, "\n{margin} = expected: {expected}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n{margin} = hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for FileError {}

/// All the problems found, never empty: one bad field must not hide the next nine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileErrors(Vec<FileError>);

impl FileErrors {
    /// `Err` when `errors` holds something.
    pub(crate) fn unless_empty(errors: Vec<FileError>) -> Result<(), Self> {
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Self(errors))
        }
    }

    /// The problems, in the order of the files.
    pub fn iter(&self) -> impl Iterator<Item = &FileError> {
        self.0.iter()
    }

    /// The problems, owned.
    pub fn into_vec(self) -> Vec<FileError> {
        self.0
    }
}

impl From<FileError> for FileErrors {
    fn from(error: FileError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for FileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "error: {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for FileErrors {}

/// The name of `known` nearest to `given`, when it is near enough to be what was meant.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    known
        .into_iter()
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let alike = strsim::jaro_winkler(&given, &lower);
            // Two letters swapped in a short name: Jaro sees nothing in common.
            let distance = strsim::osa_distance(&given, &lower);
            let slip = given.len() >= 2 && distance <= 1;
            // What shares only its beginning is another word.
            let length = given.chars().count().max(lower.chars().count());
            if !slip && distance * 3 > length {
                return None;
            }
            (slip || alike >= 0.8).then_some((if slip { alike + 1.0 } else { alike }, name))
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// `did you mean ...?`, when some known name is near.
pub(crate) fn did_you_mean<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(given, known).map(|name| format!("did you mean `{name}`?"))
}

/// A list of names for a message, cut when it is long.
pub(crate) fn one_of<'a>(known: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = known.into_iter().map(|name| format!("`{name}`")).collect();
    let shown = 24;
    if names.len() > shown {
        format!(
            "{} and {} more",
            names[..shown].join(", "),
            names.len() - shown
        )
    } else {
        names.join(", ")
    }
}

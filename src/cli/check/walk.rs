//! The files to check, in a stable order: those named, and those of the folders named.
//!
//! Links found in folders are not followed, hidden files and folders are passed over; both are counted.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// Something to check.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// Not followed: a link, a hidden file, a special file.
    NotFollowed,
    /// A folder that cannot be listed, and why.
    Unlisted(PathBuf, String),
}

/// Walks what was named. Only the names of the folders being listed are held.
pub(crate) struct Walk {
    named: VecDeque<PathBuf>,
    /// Entries still to come, the next one last.
    pending: Vec<Entry>,
    /// A file not to be checked: where the report goes.
    but: Option<PathBuf>,
}

enum Entry {
    Folder(PathBuf),
    File(PathBuf),
    NotFollowed,
}

impl Walk {
    pub(crate) fn new(named: &[PathBuf], output: Option<&Path>) -> Self {
        Self {
            named: named.iter().cloned().collect(),
            pending: Vec::new(),
            but: output.and_then(|path| path.canonicalize().ok()),
        }
    }

    fn list(&mut self, folder: &Path) -> Result<(), String> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(|e| e.to_string())? {
            let entry = entry.map_err(|e| e.to_string())?;
            let kind = entry.file_type().map_err(|e| e.to_string())?;
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            entries.push((entry.file_name(), kind, hidden));
        }
        entries.sort_by(|a, b| b.0.cmp(&a.0));
        self.pending
            .extend(entries.into_iter().map(|(name, kind, hidden)| {
                let path = folder.join(name);
                if hidden {
                    Entry::NotFollowed
                } else if kind.is_dir() {
                    Entry::Folder(path)
                } else if kind.is_file() {
                    Entry::File(path)
                } else {
                    Entry::NotFollowed
                }
            }));
        Ok(())
    }
}

impl Iterator for Walk {
    type Item = Input;

    fn next(&mut self) -> Option<Input> {
        loop {
            let folder = match self.pending.pop() {
                Some(Entry::NotFollowed) => return Some(Input::NotFollowed),
                Some(Entry::File(path)) => {
                    if self.but.is_some() && path.canonicalize().ok() == self.but {
                        continue;
                    }
                    return Some(Input::File(path));
                }
                Some(Entry::Folder(path)) => path,
                None => {
                    let named = self.named.pop_front()?;
                    if named.as_os_str() == "-" {
                        return Some(Input::Stdin);
                    }
                    // What is named is followed, link or not.
                    if !named.is_dir() {
                        return Some(Input::File(named));
                    }
                    named
                }
            };
            if let Err(why) = self.list(&folder) {
                return Some(Input::Unlisted(folder, why));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn folders_are_walked_in_order_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in [
            "b/2.xml",
            "b/1.xml",
            "a.xml",
            ".git/x.xml",
            "c/.hidden",
            "report.json",
        ] {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        std::os::unix::fs::symlink(root, root.join("b/loop")).unwrap();
        std::os::unix::fs::symlink(root.join("a.xml"), root.join("link.xml")).unwrap();
        let output = root.join("report.json");
        let named = [
            root.to_owned(),
            PathBuf::from("-"),
            root.join("link.xml"),
            root.join("nope"),
        ];
        let found: Vec<Input> = Walk::new(&named, Some(&output)).collect();
        let not_followed = found.iter().filter(|i| **i == Input::NotFollowed).count();
        assert_eq!(not_followed, 4, "{found:?}");
        let files: Vec<String> = found
            .iter()
            .filter_map(|input| match input {
                Input::File(path) => Some(path.strip_prefix(root).unwrap().display().to_string()),
                Input::Stdin => Some("-".to_owned()),
                _ => None,
            })
            .collect();
        assert_eq!(
            files,
            ["a.xml", "b/1.xml", "b/2.xml", "-", "link.xml", "nope"]
        );
    }
}

//! Folders of data as the rule engines see them: the one the binary carries, or one on disk (`DIAPASON_DATA`,
//! an official kit, a folder of schemas).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diapason_rules::files::{Files, MemoryFiles};

use crate::catalogue::DATA_VARIABLE;
use crate::embedded;

/// Largest file read: the largest official schematron or value set is a tenth of this.
const MAX_FILE: u64 = 64 * 1024 * 1024;
/// Most files listed: the official kit has some 1,500.
const MAX_FILES: usize = 50_000;
/// How deep folders may nest.
const MAX_DEPTH: usize = 24;

/// A folder that cannot be used as data.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be listed.
    #[error("the folder {} cannot be read", path.display())]
    Read {
        /// Folder.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// It holds more than a data folder may.
    #[error("{} holds more than {MAX_FILES} files or {MAX_DEPTH} levels of folders: is it the right one?", path.display())]
    TooLarge {
        /// Folder.
        path: PathBuf,
    },
    /// It holds nothing.
    #[error("the folder {} holds no file", path.display())]
    Empty {
        /// Folder.
        path: PathBuf,
    },
}

/// The `profiles` folder in use: the one the binary carries, or the one of `DIAPASON_DATA`.
pub fn profiles() -> Result<Arc<dyn Files>, FolderError> {
    Ok(match std::env::var_os(DATA_VARIABLE) {
        Some(root) => Arc::new(FolderFiles::open(&Path::new(&root).join("profiles"))?),
        None => Arc::new(carried()),
    })
}

/// The `profiles` folder the binary carries.
pub fn carried() -> MemoryFiles {
    let cda = embedded::CDA
        .iter()
        .map(|(name, bytes)| (format!("cda/{name}"), Cow::Borrowed(*bytes)));
    let dmp = embedded::DMP
        .iter()
        .map(|(name, bytes)| (format!("dmp/{name}"), Cow::Borrowed(*bytes)));
    let samples = embedded::SAMPLES
        .iter()
        .map(|(name, text)| (format!("samples/{name}"), Cow::Borrowed(text.as_bytes())));
    MemoryFiles::new(cda.chain(dmp).chain(samples))
}

/// A folder on disk. Its names are listed once; its files are read when asked for.
#[derive(Debug)]
pub struct FolderFiles {
    /// Name to the file it leads to, links resolved.
    files: BTreeMap<String, PathBuf>,
    paths: Vec<String>,
}

impl FolderFiles {
    /// Lists a folder. A link is followed only to a file of that same folder.
    pub fn open(root: &Path) -> Result<Self, FolderError> {
        let real = root.canonicalize().map_err(|source| FolderError::Read {
            path: root.to_owned(),
            source,
        })?;
        let mut files = BTreeMap::new();
        walk(root, &real, &real, "", 0, &mut files)?;
        if files.is_empty() {
            return Err(FolderError::Empty {
                path: root.to_owned(),
            });
        }
        let paths = files.keys().cloned().collect();
        Ok(Self { files, paths })
    }
}

fn walk(
    root: &Path,
    real: &Path,
    folder: &Path,
    prefix: &str,
    depth: usize,
    files: &mut BTreeMap<String, PathBuf>,
) -> Result<(), FolderError> {
    let failed = |source| FolderError::Read {
        path: folder.to_owned(),
        source,
    };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if kind.is_dir() {
            if depth >= MAX_DEPTH {
                return Err(FolderError::TooLarge {
                    path: root.to_owned(),
                });
            }
            let below = format!("{name}/");
            walk(root, real, &entry.path(), &below, depth + 1, files)?;
        } else if kind.is_file() {
            files.insert(name, entry.path());
        } else if kind.is_symlink()
            && let Ok(target) = entry.path().canonicalize()
            && target.starts_with(real)
            && target.is_file()
        {
            files.insert(name, target);
        }
        if files.len() > MAX_FILES {
            return Err(FolderError::TooLarge {
                path: root.to_owned(),
            });
        }
    }
    Ok(())
}

impl Files for FolderFiles {
    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>> {
        let file = File::open(self.files.get(path)?).ok()?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 <= MAX_FILE).then_some(Cow::Owned(bytes))
    }

    fn paths(&self) -> &[String] {
        &self.paths
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn a_folder_gives_its_files_and_nothing_outside_it() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("cda/jdv")).unwrap();
        std::fs::write(root.join("cda/a.sch"), "A").unwrap();
        std::fs::write(root.join("cda/jdv/J.xml"), "J").unwrap();
        std::os::unix::fs::symlink(root.join("cda/a.sch"), root.join("inside")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), root.join("out")).unwrap();
        std::os::unix::fs::symlink(root, root.join("cda/loop")).unwrap();
        let files = FolderFiles::open(root).unwrap();
        assert_eq!(files.paths(), ["cda/a.sch", "cda/jdv/J.xml", "inside"]);
        assert_eq!(files.read("cda/jdv/J.xml").as_deref(), Some(&b"J"[..]));
        assert_eq!(files.read("inside").as_deref(), Some(&b"A"[..]));
        for path in [
            "out",
            "CDA/a.sch",
            "../secret",
            "cda",
            "/etc/passwd",
            "cda/loop/cda/a.sch",
        ] {
            assert!(files.read(path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_folder_that_is_none_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = FolderFiles::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains("holds no file"), "{error}");
        let error = FolderFiles::open(&folder.path().join("nope")).unwrap_err();
        assert!(error.to_string().contains("nope"), "{error}");
    }

    #[test]
    fn the_binary_carries_its_profiles() {
        let files = carried();
        assert!(
            files
                .paths()
                .iter()
                .any(|p| p == "samples/insi-traits.http")
        );
        for path in files.paths() {
            assert!(files.read(path).is_some_and(|b| !b.is_empty()), "{path}");
        }
    }
}

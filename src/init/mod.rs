//! `diapason init`: a vendor's folder, ready to run.
//!
//! The files are templates with nothing to fill in: what the vendor must answer is a commented value.
//! Nothing that exists is ever overwritten.

use std::io::Write;
use std::path::{Path, PathBuf};

/// Path in the folder, text.
const FILES: &[(&str, &str)] = &[
    ("README.md", include_str!("templates/README.md")),
    (".gitignore", include_str!("templates/gitignore")),
    (
        "fiche-produit.toml",
        include_str!("templates/fiche-produit.toml"),
    ),
    ("diapason.toml", include_str!("templates/diapason.toml")),
    (
        "adaptateur-python/adaptateur.py",
        include_str!("templates/python/adaptateur.py"),
    ),
    (
        "adaptateur-typescript/adaptateur.ts",
        include_str!("templates/typescript/adaptateur.ts"),
    ),
    (
        "adaptateur-typescript/package.json",
        include_str!("templates/typescript/package.json"),
    ),
    (
        "adaptateur-typescript/tsconfig.json",
        include_str!("templates/typescript/tsconfig.json"),
    ),
    (".gitlab-ci.yml", include_str!("templates/gitlab-ci.yml")),
    (
        ".github/workflows/diapason.yml",
        include_str!("templates/github-diapason.yml"),
    ),
];

/// A folder that cannot be scaffolded.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Files that are there already; nothing was written.
    #[error(
        "{} already exists in {} and is never overwritten; choose another folder, or remove it yourself",
        .files.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(", "),
        .folder.display()
    )]
    Exists {
        /// The folder.
        folder: PathBuf,
        /// The files, from the folder.
        files: Vec<PathBuf>,
    },
    /// The system refused.
    #[error("{} cannot be written", .path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Writes the folder; gives back the files written. When one of them exists, nothing is written.
pub fn scaffold(folder: &Path) -> Result<Vec<PathBuf>, InitError> {
    let existing: Vec<PathBuf> = FILES
        .iter()
        .map(|(path, _)| PathBuf::from(path))
        .filter(|path| folder.join(path).symlink_metadata().is_ok())
        .collect();
    if !existing.is_empty() {
        return Err(InitError::Exists {
            folder: folder.to_owned(),
            files: existing,
        });
    }
    let mut written = Vec::new();
    for (path, text) in FILES {
        let target = folder.join(path);
        write(&target, text).map_err(|source| InitError::Write {
            path: target.clone(),
            source,
        })?;
        written.push(target);
    }
    Ok(written)
}

fn write(target: &Path, text: &str) -> std::io::Result<()> {
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent)?;
    }
    // `create_new`: a file that appeared since is not overwritten either.
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(target)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests;

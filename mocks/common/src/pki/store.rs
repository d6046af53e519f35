//! Where the PKI is kept. One process makes it at a time (a lock file), each file is written aside
//! then renamed, and the manifest comes last: without it, or with one that does not match, nothing
//! is taken for whole.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use diapason_core::Sha256Hex;
use serde::{Deserialize, Serialize};

use super::PkiError;
use super::create::{self, Files};

/// Version of what is in the folder. A folder of another version is made again.
const FORMAT: u32 = 2;
const MANIFEST: &str = "pki.json";
const LOCK: &str = ".verrou";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    files: BTreeMap<String, Sha256Hex>,
}

fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> PkiError {
    let path = path.to_path_buf();
    move |source| PkiError::Io {
        doing,
        path,
        source,
    }
}

/// Reads the folder, or makes it.
pub(crate) fn open_or_create(dir: &Path) -> Result<Files, PkiError> {
    fs::create_dir_all(dir).map_err(io("create", dir))?;
    let lock_path = dir.join(LOCK);
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(io("open", &lock_path))?;
    lock.lock().map_err(io("lock", &lock_path))?;
    if let Some(files) = read(dir)? {
        return Ok(files);
    }
    let files = create::create()?;
    write(dir, &files)?;
    Ok(files)
}

/// `None` when there is no PKI of this format; an error when there is one that is damaged.
fn read(dir: &Path) -> Result<Option<Files>, PkiError> {
    let path = dir.join(MANIFEST);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io("read", &path)(e)),
    };
    let Ok(manifest) = serde_json::from_str::<Manifest>(&text) else {
        return Err(PkiError::Damaged {
            path,
            problem: "is not a manifest".to_owned(),
        });
    };
    if manifest.format != FORMAT {
        return Ok(None);
    }
    let mut files = Files::new();
    for (name, hash) in manifest.files {
        let path = dir.join(&name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(PkiError::Damaged {
                    path,
                    problem: "is missing".to_owned(),
                });
            }
            Err(e) => return Err(io("read", &path)(e)),
        };
        if Sha256Hex::of(&bytes) != hash {
            return Err(PkiError::Damaged {
                path,
                problem: "was changed".to_owned(),
            });
        }
        files.insert(name, bytes);
    }
    Ok(Some(files))
}

fn write(dir: &Path, files: &Files) -> Result<(), PkiError> {
    let manifest_path = dir.join(MANIFEST);
    if let Err(e) = fs::remove_file(&manifest_path)
        && e.kind() != std::io::ErrorKind::NotFound
    {
        return Err(io("remove", &manifest_path)(e));
    }
    for (name, bytes) in files {
        let secret = [".key", ".p12"].iter().any(|end| name.ends_with(end));
        put(dir, name, bytes, secret)?;
    }
    let manifest = Manifest {
        format: FORMAT,
        files: files
            .iter()
            .map(|(name, bytes)| (name.clone(), Sha256Hex::of(bytes)))
            .collect(),
    };
    let text = serde_json::to_vec_pretty(&manifest).map_err(|e| PkiError::Create {
        what: "the manifest",
        problem: e.to_string(),
    })?;
    put(dir, MANIFEST, &text, false)
}

fn put(dir: &Path, name: &str, bytes: &[u8], secret: bool) -> Result<(), PkiError> {
    let aside = dir.join(format!(".{name}.nouveau"));
    let path = dir.join(name);
    let mut file = create_new(&aside, secret).map_err(io("create", &aside))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(io("write", &aside))?;
    fs::rename(&aside, &path).map_err(io("rename", &path))
}

/// A new file, readable by its owner only when `secret`, from its first byte on.
fn create_new(path: &Path, secret: bool) -> std::io::Result<File> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(if secret { 0o600 } else { 0o644 });
    }
    #[cfg(not(unix))]
    let _ = secret;
    options.open(path)
}

//! The store on disk: one JSON file, written beside and renamed, so that the end of the process, whenever it comes,
//! leaves the old or the new one, never half of it. It is not forced through the system's cache: a power cut may lose
//! the last changes, which a product in service could not accept.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use diapason_core::driver::{Trace, TravailEntry};
use serde::{Deserialize, Serialize};

use super::{Dossiers, Reglages};
use crate::dmp::DossierDmp;
use crate::document::DocumentTenu;
use crate::identite::Usager;
use crate::serveur::DuiError;

const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contenu {
    format: u32,
    dernier: u32,
    usagers: Vec<Usager>,
    traces: Vec<Trace>,
    travail: Vec<TravailEntry>,
    #[serde(default)]
    documents: Vec<DocumentTenu>,
    #[serde(default)]
    dmp: DossierDmp,
    reglages: Reglages,
}

pub(super) fn read(path: &Path) -> Result<Dossiers, DuiError> {
    let file = |source| DuiError::File {
        path: path.to_path_buf(),
        source,
    };
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Dossiers::default()),
        Err(error) => return Err(file(error)),
    };
    let contenu: Contenu = serde_json::from_slice(&bytes).map_err(|e| file(io::Error::other(e)))?;
    if contenu.format != FORMAT {
        let problem = format!("format {} of the store, {FORMAT} expected", contenu.format);
        return Err(file(io::Error::other(problem)));
    }
    Ok(Dossiers {
        usagers: contenu
            .usagers
            .into_iter()
            .map(|usager| (usager.id.clone(), usager))
            .collect(),
        traces: contenu.traces,
        travail: contenu.travail,
        documents: contenu.documents,
        dmp: contenu.dmp,
        reglages: contenu.reglages,
        dernier: contenu.dernier,
        ..Dossiers::default()
    })
}

pub(super) fn write(path: &Path, dossiers: &Dossiers) -> Result<(), DuiError> {
    let contenu = Contenu {
        format: FORMAT,
        dernier: dossiers.dernier,
        usagers: dossiers.usagers.values().cloned().collect(),
        traces: dossiers.traces.clone(),
        travail: dossiers.travail.clone(),
        documents: dossiers.documents.clone(),
        dmp: dossiers.dmp.clone(),
        reglages: dossiers.reglages.clone(),
    };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".nouveau");
    let beside = PathBuf::from(beside);
    let done = serde_json::to_vec(&contenu)
        .map_err(io::Error::other)
        .and_then(|bytes| {
            File::create(&beside)?.write_all(&bytes)?;
            std::fs::rename(&beside, path)
        });
    done.map_err(|source| DuiError::File {
        path: path.to_path_buf(),
        source,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::identite::usager::tests::{at, zoe};

    #[test]
    fn a_store_is_found_again_and_a_broken_one_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dui.json");
        let mut dossiers = Dossiers::open(Some(&path)).unwrap();
        let id = dossiers.nouvel_id();
        let mut zoe = zoe();
        zoe.id.clone_from(&id);
        dossiers.usagers.insert(id.clone(), zoe);
        dossiers.ajouter_travail(at("2026-01-15T09:00:00.000Z"), Some(&id), "essai");
        dossiers.save().unwrap();
        let again = Dossiers::open(Some(&path)).unwrap();
        assert_eq!(again.usagers, dossiers.usagers);
        assert_eq!(again.travail, dossiers.travail);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        std::fs::write(&path, "{").unwrap();
        assert!(Dossiers::open(Some(&path)).is_err());
    }
}

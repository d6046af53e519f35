//! `diapason init`: a vendor's folder, ready to run.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, Io};
use crate::exit;

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Folder to write into; existing files are never overwritten.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

pub(super) fn main(args: &InitArgs, io: &mut Io) -> Result<u8, Failure> {
    let written =
        crate::init::scaffold(&args.folder).map_err(|e| Failure::chain("init", &e, exit::USAGE))?;
    for path in &written {
        io.data(&path.display().to_string());
    }
    io.talk(&format!(
        "{} files written; read {} next",
        written.len(),
        args.folder.join("README.md").display()
    ));
    Ok(exit::CONFORM)
}

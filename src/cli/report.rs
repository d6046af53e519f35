//! `diapason report`: the reports of an old journal, made again.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, Io};
use crate::exit;

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Report folder that holds `journal.ndjson`.
    folder: PathBuf,
}

pub(super) fn main(args: &ReportArgs, io: &mut Io) -> Result<u8, Failure> {
    let written = crate::report::write(&args.folder, io.lang)
        .map_err(|e| Failure::chain("report", &e, exit::USAGE))?;
    for path in written {
        io.data(&path.display().to_string());
    }
    Ok(exit::CONFORM)
}

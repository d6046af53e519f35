//! `diapason contract`: the driver API, for whoever writes an adapter.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, Io};
use crate::{contract, exit};

#[derive(Debug, Args)]
pub(super) struct ContractArgs {
    /// Prints one JSON Schema instead of the OpenAPI document; without a name, lists them.
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    schema: Option<String>,
    /// Writes every schema and the OpenAPI document into a folder.
    #[arg(long, value_name = "DIR")]
    write_schemas: Option<PathBuf>,
}

pub(super) fn main(args: &ContractArgs, io: &mut Io) -> Result<u8, Failure> {
    if let Some(folder) = &args.write_schemas {
        let failed = |e: std::io::Error| {
            Failure::usage(format!("write the schemas into {}: {e}", folder.display()))
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        for (name, text) in contract::files() {
            std::fs::write(folder.join(&name), text).map_err(failed)?;
            io.data(&folder.join(&name).display().to_string());
        }
        return Ok(exit::CONFORM);
    }
    let files = contract::files();
    match args.schema.as_deref() {
        None => io.data_raw(&files["driver-api.openapi.json"]),
        Some("") => {
            for name in files.keys() {
                io.data(name);
            }
        }
        Some(name) => {
            let text = files
                .get(name)
                .or_else(|| files.get(&format!("{name}.schema.json")));
            match text {
                Some(text) => io.data_raw(text),
                None => {
                    return Err(Failure::usage(format!(
                        "no schema {name:?}; `diapason contract --schema` lists them"
                    )));
                }
            }
        }
    }
    Ok(exit::CONFORM)
}

//! Thin entry point: the exit code is the only thing decided here.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(diapason::cli::main(std::env::args_os()))
}

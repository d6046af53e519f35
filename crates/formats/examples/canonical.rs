//! Canonical form of a file on stdout, for comparison with other implementations (`tests/parity/canonical.py`).
//!
//!     cargo run -p diapason-formats --example canonical -- inclusive|exclusive comments|none FILE [PREFIX...]
//!
//! Several files: give `-` and one path a line on stdin; each form is written as its length, a line end, and its bytes.

use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;

use diapason_formats::signature::{Canonical, canonical_form};
use diapason_formats::xml::{Limits, NodeId, Tree};

fn form(path: &str, how: &Canonical) -> Result<Vec<u8>, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("{path}: {e}"))?;
    let tree = Tree::read(&bytes, &Limits::default()).map_err(|e| format!("{path}: {e}"))?;
    canonical_form(&tree, NodeId::ROOT, how, &[]).map_err(|e| format!("{path}: {e}"))
}

fn run() -> Result<(), String> {
    let mut args = std::env::args().skip(1);
    let (mode, comments, file) = match (args.next(), args.next(), args.next()) {
        (Some(mode), Some(comments), Some(file)) => (mode, comments == "comments", file),
        _ => {
            return Err(
                "usage: canonical inclusive|exclusive comments|none FILE|- [PREFIX...]".into(),
            );
        }
    };
    let how = match mode.as_str() {
        "inclusive" => Canonical::Inclusive { comments },
        "exclusive" => Canonical::Exclusive {
            comments,
            prefixes: args.collect(),
        },
        other => return Err(format!("{other}: inclusive or exclusive")),
    };
    let mut out = std::io::stdout().lock();
    let written = |e: std::io::Error| e.to_string();
    if file != "-" {
        return out.write_all(&form(&file, &how)?).map_err(written);
    }
    for line in std::io::stdin().lock().lines() {
        let bytes = form(&line.map_err(written)?, &how)?;
        writeln!(out, "{}", bytes.len()).map_err(written)?;
        out.write_all(&bytes).map_err(written)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "{why}");
            ExitCode::FAILURE
        }
    }
}

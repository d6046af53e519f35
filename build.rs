//! Lists the data folders so that the binary carries them: a vendor needs one file, not a tree.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut out = String::new();
    for (constant, folder, kind, include) in [
        ("CDA", "profiles/cda", "[u8]", "include_bytes"),
        ("DMP", "profiles/dmp", "[u8]", "include_bytes"),
        ("RULES", "profiles/rules", "str", "include_str"),
        (
            "REQUIREMENTS",
            "profiles/requirements",
            "str",
            "include_str",
        ),
        ("SAMPLES", "profiles/samples", "str", "include_str"),
        ("SCENARIOS", "scenarios", "str", "include_str"),
    ] {
        println!("cargo::rerun-if-changed={folder}");
        let mut files = Vec::new();
        walk(&root.join(folder), &mut files)?;
        files.sort();
        let _ = writeln!(out, "/// Files of `{folder}`: path below it, content.");
        let _ = writeln!(out, "pub const {constant}: &[(&str, &{kind})] = &[");
        for file in files {
            let below = file.strip_prefix(root.join(folder)).unwrap_or(&file);
            let name = below.to_string_lossy().replace('\\', "/");
            let _ = writeln!(
                out,
                "    ({name:?}, {include}!({:?})),",
                file.to_string_lossy()
            );
        }
        let _ = writeln!(out, "];");
    }
    let target = PathBuf::from(env::var("OUT_DIR").unwrap_or_default()).join("embedded.rs");
    fs::write(target, out)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    Ok(())
}

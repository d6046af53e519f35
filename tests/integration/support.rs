//! Runs the binary and reads what it wrote.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The binary under test.
pub(crate) fn diapason() -> Command {
    Command::new(env!("CARGO_BIN_EXE_diapason"))
}

/// A folder removed when dropped.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// One PKI for all tests: making it takes a second.
pub(crate) fn pki() -> &'static Path {
    static PKI: OnceLock<PathBuf> = OnceLock::new();
    PKI.get_or_init(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("pki"))
}

/// Runs and checks the exit code; shows everything when it differs.
#[track_caller]
pub(crate) fn run(command: &mut Command, code: i32) -> Output {
    let output = command.output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(code),
        "{command:?}\nstdout:\n{}\nstderr:\n{}",
        stdout(&output),
        stderr(&output)
    );
    output
}

/// stdout as text.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// stderr as text.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A demo of some scenarios into `folder`.
pub(crate) fn demo(folder: &Path, scenarios: &[&str], more: &[&str], code: i32) -> Output {
    let mut command = diapason();
    command
        .args(["demo", "--quiet", "--report"])
        .arg(folder)
        .arg("--state")
        .arg(pki());
    for scenario in scenarios {
        command.args(["--scenario", scenario]);
    }
    run(command.args(more), code)
}

/// A JSON file.
pub(crate) fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

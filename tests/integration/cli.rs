//! The command line: exit codes, listings, explanations, messages.

use crate::support::{diapason, run, stderr, stdout};

#[test]
fn usage_errors_exit_with_2_and_help_with_0() {
    run(diapason().arg("nonsense"), 2);
    let help = stdout(&run(diapason().arg("--help"), 0));
    assert!(help.contains("0 conform, 1 deviations, 2 usage"), "{help}");
    run(diapason().args(["demo", "--scenario", "NOPE/0"]), 2);
}

#[test]
fn the_catalogue_is_as_large_as_promised_and_every_kind_can_be_listed() {
    for (what, least) in [
        ("scenarios", 60),
        ("rules", 120),
        ("faults", 70),
        ("requirements", 80),
        ("mutants", 60),
    ] {
        let out = stdout(&run(diapason().args(["list", what, "--json"]), 0));
        let rows: Vec<serde_json::Value> = out
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        assert!(rows.len() >= least, "{what}: {}", rows.len());
        assert!(
            rows.iter()
                .all(|r| r["text"].as_str().is_some_and(|t| !t.is_empty())),
            "{what}"
        );
    }
    let rules = stdout(&run(
        diapason().args(["list", "rules", "--json", "--filter", "INSI-"]),
        0,
    ));
    assert!(rules.lines().count() >= 60);
    let rules = stdout(&run(
        diapason().args(["list", "rules", "--json", "--filter", "PSC-"]),
        0,
    ));
    assert!(rules.lines().count() >= 60);
}

#[test]
fn explain_names_what_it_found_or_the_nearest() {
    let out = stdout(&run(diapason().args(["explain", "INSI-H04"]), 0));
    assert!(out.contains("source") && out.contains("mutants"), "{out}");
    let out = stdout(&run(
        diapason().args(["explain", "ins/va1.54.01", "--lang", "en"]),
        0,
    ));
    assert!(
        out.contains("INS/va1.54.01") && out.contains("1. "),
        "{out}"
    );
    let err = stderr(&run(diapason().args(["explain", "INSI-H0"]), 2));
    assert!(err.contains("did you mean INSI-H"), "{err}");
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let mut child = diapason()
        .args(["list", "rules"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_contract_is_printed_and_equals_the_committed_files() {
    let out = stdout(&run(diapason().arg("contract"), 0));
    let openapi: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(openapi["paths"]["/actions/ins.search"].is_object() || openapi["paths"].is_object());
    let folder = crate::support::scratch();
    run(
        diapason()
            .args(["contract", "--write-schemas"])
            .arg(folder.path()),
        0,
    );
    let committed = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/schemas");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_owned();
        let fresh = std::fs::read_to_string(&path).unwrap();
        let kept = std::fs::read_to_string(committed.join(&name)).unwrap_or_default();
        assert!(
            fresh == kept,
            "{name:?} has drifted: cargo run -- contract --write-schemas profiles/schemas"
        );
        seen += 1;
    }
    assert!(seen >= 5, "{seen}");
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = run(diapason().args(["list", "rules"]).stdout(full), 4);
    assert!(
        stderr(&output).contains("could not be written"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn wrong_names_are_usage_errors_with_the_nearest_name() {
    for (args, wanted) in [
        (["demo", "--mutant", "nope"], "no mutant is called \"nope\""),
        (["demo", "--family", "inz"], "did you mean ins?"),
        (
            ["demo", "--scenario", "INS/va1.54.001"],
            "did you mean INS/va1.54.01?",
        ),
        (["mutants", "--filter", "no-such-name"], "no mutant matches"),
    ] {
        let err = stderr(&run(diapason().args(args), 2));
        assert!(err.contains(wanted), "{args:?}: {err}");
    }
    let err = stderr(&run(diapason().args(["explain", "xyzxyzxyz"]), 2));
    assert!(!err.contains("did you mean"), "{err}");
}

#[test]
fn nothing_is_coloured_outside_a_terminal() {
    let err = stderr(&run(diapason().arg("nonsense"), 2));
    assert!(!err.contains('\u{1b}'), "{err:?}");
}

#[test]
fn a_kill_table_that_is_stopped_leaves_no_folder() {
    let temp = crate::support::scratch();
    let child = diapason()
        .args(["mutants", "--quiet", "--state"])
        .arg(crate::support::pki())
        .env("TMPDIR", temp.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let patience = std::time::Instant::now() + std::time::Duration::from_mins(1);
    let empty = || std::fs::read_dir(temp.path()).unwrap().next().is_none();
    while empty() {
        assert!(std::time::Instant::now() < patience, "no mutant ran");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    run(
        std::process::Command::new("kill").args(["-s", "TERM", &child.id().to_string()]),
        0,
    );
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert!(empty(), "a folder is left");
}

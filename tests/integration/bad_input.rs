//! Wrong settings, wrong files, drivers that misbehave: a clear message, the right exit code, no hang.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{diapason, json, run, scratch, stderr};

/// A vendor's folder with a `command` driver that runs this shell script.
fn vendor(folder: &Path, script: &str) {
    run(diapason().arg("init").arg(folder), 0);
    let program = folder.join("pilote.sh");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = r#"fiche = "fiche-produit.toml"
seed = 1
[driver]
kind = "command"
command = ["./pilote.sh"]
[timeouts]
action_ms = 700
observation_ms = 700
[mocks]
insi_tls = "127.0.0.1:0"
insi_tlsm = "127.0.0.1:0"
psc_auth = "127.0.0.1:0"
psc_wallet = "127.0.0.1:0"
crl = "127.0.0.1:0"
"#;
    std::fs::write(folder.join("diapason.toml"), config).unwrap();
}

fn run_one(folder: &Path, code: i32) -> serde_json::Value {
    let report = folder.join("r");
    run(
        diapason().current_dir(folder).args([
            "run",
            "--scenario",
            "INS/va1.54.01",
            "--unattended",
            "--report",
            "r",
        ]),
        code,
    );
    json(&report.join("report.json"))
}

#[test]
fn a_driver_that_hangs_crashes_or_answers_garbage_is_inconclusive_never_red_never_hung() {
    for (script, word) in [
        ("sleep 60", "pas répondu à temps"),
        ("echo boum >&2; kill -9 $$", "est tombé"),
        ("cat >/dev/null; echo not-json", "ne suit pas le contrat"),
        (
            "cat >/dev/null; echo '{\"status\":\"done\",\"result\":{\"usager\":7}}'",
            "ne suit pas le contrat",
        ),
        (
            "cat >/dev/null; head -c 100000000 /dev/zero",
            "ne suit pas le contrat",
        ),
        ("cat >/dev/null; exit 3", "ne sait pas"),
    ] {
        let folder = scratch();
        vendor(folder.path(), script);
        let report = run_one(folder.path(), 3);
        let scenario = &report["scenarios"][0];
        assert_eq!(scenario["verdict"], "non_concluant", "{script}: {scenario}");
        let reason = scenario["reason"].as_str().unwrap();
        assert!(reason.contains(word), "{script}: {reason}");
    }
}

#[test]
fn a_driver_that_lies_is_judged_by_the_traffic() {
    let folder = scratch();
    let script = r#"request=$(cat)
usager='{"id":"1","statut":"qualifiee","nom_naissance":"X","premier_prenom":"Y","prenoms":["Y"],"sexe":"F","date_naissance":"1975-12-31"}'
case "$request" in
*'"action":"ins.search"'*) echo '{"status":"done","result":{"issue":"proposition"}}' ;;
*'"action":"reset"'*) echo '{"status":"done"}' ;;
*) echo "{\"status\":\"done\",\"result\":{\"usager\":$usager}}" ;;
esac"#;
    vendor(folder.path(), script);
    let report = run_one(folder.path(), 1);
    let findings = report["scenarios"][0]["findings"].to_string();
    assert!(
        findings.contains("appel"),
        "no finding speaks of the missing call: {findings}"
    );
}

#[test]
fn settings_and_product_statement_show_the_line_and_the_nearest_key() {
    let folder = scratch();
    vendor(folder.path(), "exit 3");
    let settings = folder.path().join("diapason.toml");
    let good = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, good.replace("action_ms", "acton_ms")).unwrap();
    let err = stderr(&run(diapason().current_dir(folder.path()).arg("run"), 2));
    assert!(
        err.contains("acton_ms") && err.contains('^') && err.contains("action_ms"),
        "{err}"
    );
    std::fs::write(&settings, &good).unwrap();
    let fiche = folder.path().join("fiche-produit.toml");
    let statement = std::fs::read_to_string(&fiche).unwrap();
    std::fs::write(
        &fiche,
        statement.replace("[profil]", "[profil]\npsc_sul = true"),
    )
    .unwrap();
    let err = stderr(&run(diapason().current_dir(folder.path()).arg("run"), 2));
    assert!(err.contains("psc_sul") && err.contains("psc_seul"), "{err}");
    std::fs::remove_file(&settings).unwrap();
    let err = stderr(&run(diapason().current_dir(folder.path()).arg("run"), 2));
    assert!(err.contains("diapason init"), "{err}");
}

#[test]
fn a_port_in_use_and_a_folder_that_cannot_be_written_are_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = scratch();
    vendor(folder.path(), "exit 3");
    let settings = folder.path().join("diapason.toml");
    let good = std::fs::read_to_string(&settings).unwrap();
    let busy = good.replace(
        "insi_tls = \"127.0.0.1:0\"",
        &format!("insi_tls = \"127.0.0.1:{port}\""),
    );
    std::fs::write(&settings, busy).unwrap();
    let err = stderr(&run(
        diapason()
            .current_dir(folder.path())
            .args(["run", "--report", "r"]),
        2,
    ));
    assert!(
        err.contains(&port.to_string()) && err.contains("in use"),
        "{err}"
    );
    let err = stderr(&run(diapason().current_dir(folder.path()).arg("doctor"), 2));
    assert!(err.contains("problem"), "{err}");
    std::fs::write(folder.path().join("file"), "").unwrap();
    let err = stderr(&run(
        diapason()
            .current_dir(folder.path())
            .args(["run", "--report", "file/sub"]),
        2,
    ));
    assert!(
        err.contains("cannot be created") && err.contains("--report"),
        "{err}"
    );
}

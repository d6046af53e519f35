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
dmp_tlsm = "127.0.0.1:0"
dmp_web = "127.0.0.1:0"
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

/// Adds to the settings of a vendor's folder.
fn settings(folder: &Path, before: &str, after: &str) {
    let path = folder.join("diapason.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{before}{text}{after}")).unwrap();
}

#[test]
fn a_known_deviation_is_kept_in_the_report_and_in_the_exit_code_of_the_journal() {
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
    let mut rules: Vec<String> = report["scenarios"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["rule"].as_str().unwrap().to_owned())
        .collect();
    rules.sort();
    rules.dedup();
    assert!(!rules.is_empty());
    let lines: Vec<String> = rules
        .iter()
        .map(|r| format!("[[baseline]]\nrule = \"{r}\"\nreason = \"prévu\"\n"))
        .collect();
    let known = lines.concat();
    settings(folder.path(), "", &known);
    let again = |report: &str| {
        diapason()
            .current_dir(folder.path())
            .args(["run", "--scenario", "INS/va1.54.01", "--unattended"])
            .args(["--report", report])
            .output()
            .unwrap()
            .status
            .code()
    };
    // The call was never made: rules of the scenario could not be checked, and that is not hidden.
    let code = again("r2");
    assert!(matches!(code, Some(0 | 3)), "{code:?}");
    let report = json(&folder.path().join("r2/report.json"));
    assert_eq!(report["exit_code"].as_i64(), code.map(i64::from));
    assert_eq!(report["scenarios"][0]["verdict"], "non_conforme");
    let judged = diapason()
        .current_dir(folder.path())
        .args(["rejudge", "r2"])
        .output()
        .unwrap();
    assert_eq!(judged.status.code(), code, "{}", stderr(&judged));
}

#[test]
fn a_known_deviation_of_nothing_is_refused() {
    for (line, wanted) in [
        ("rule = \"INSI-H004\"", "did you mean INSI-H04?"),
        (
            "rule = \"INSI-H04\"\nscenario = \"INS/va1.54.001\"",
            "did you mean INS/va1.54.01?",
        ),
    ] {
        let folder = scratch();
        vendor(folder.path(), "exit 3");
        settings(
            folder.path(),
            "",
            &format!("[[baseline]]\n{line}\nreason = \"x\"\n"),
        );
        let err = stderr(&run(diapason().current_dir(folder.path()).arg("run"), 2));
        assert!(err.contains(wanted), "{err}");
        let out = run(diapason().current_dir(folder.path()).arg("doctor"), 2);
        let out = crate::support::stdout(&out);
        assert!(out.contains(wanted), "{out}");
    }
}

#[test]
fn the_settings_say_where_the_dated_reports_go_and_a_second_run_works() {
    let folder = scratch();
    vendor(folder.path(), "cat >/dev/null; exit 3");
    settings(folder.path(), "report = \"sortie\"\n", "");
    let settings = folder.path().join("diapason.toml");
    for _ in 0..2 {
        let mut command = diapason();
        command
            .args(["run", "--unattended", "--scenario", "INS/va1.54.01"])
            .env("GITHUB_ACTIONS", "false")
            .arg("--config")
            .arg(&settings);
        run(&mut command, 3);
    }
    let runs: Vec<_> = std::fs::read_dir(folder.path().join("sortie"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    assert_eq!(runs.len(), 2, "{runs:?}");
    assert!(runs.iter().all(|r| r.join("report.html").exists()));
    let out = run(diapason().current_dir(folder.path()).arg("doctor"), 0);
    let out = crate::support::stdout(&out);
    assert!(
        out.contains("report folder: ./sortie") && out.contains("everything will be tried"),
        "{out}"
    );
}

#[test]
fn an_adapter_that_does_not_answer_leaves_nothing_behind() {
    let folder = scratch();
    vendor(folder.path(), "exit 3");
    let path = folder.path().join("diapason.toml");
    let text = std::fs::read_to_string(&path).unwrap().replace(
        "kind = \"command\"\ncommand = [\"./pilote.sh\"]",
        "kind = \"http\"\nurl = \"http://127.0.0.1:1\"",
    );
    std::fs::write(&path, text).unwrap();
    for _ in 0..2 {
        let err = stderr(&run(
            diapason()
                .current_dir(folder.path())
                .args(["run", "--report", "r"]),
            2,
        ));
        assert!(err.contains("does not answer /capabilities"), "{err}");
        assert!(!folder.path().join("r/journal.ndjson").exists());
    }
}

#[test]
fn an_empty_part_of_a_campaign_is_conform_and_says_so() {
    let folder = scratch();
    vendor(folder.path(), "exit 3");
    let output = run(
        diapason().current_dir(folder.path()).args([
            "run",
            "--scenario",
            "INS/va1.54.01",
            "--shard",
            "2/2",
        ]),
        0,
    );
    assert!(stderr(&output).contains("vide"), "{}", stderr(&output));
}

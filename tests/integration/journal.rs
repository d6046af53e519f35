//! The journal: survives `kill -9`, can be judged again, tells a torn tail from damage.

use std::time::{Duration, Instant};

use crate::support::{demo, diapason, pki, run, scratch, stderr, stdout};

#[test]
fn judging_again_changes_nothing_and_a_torn_tail_is_said() {
    let folder = scratch();
    let report = folder.path().join("r");
    demo(&report, &["INS/va1.54.01", "PSC/ATT.D-05"], &[], 0);
    let out = stdout(&run(diapason().arg("rejudge").arg(&report), 0));
    assert!(
        out.contains("2 scenarios judged again") && out.contains(", 0 changed"),
        "{out}"
    );
    let journal = report.join("journal.ndjson");
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes.truncate(bytes.len() - 10);
    std::fs::write(&journal, &bytes).unwrap();
    let output = run(diapason().arg("rejudge").arg(&report), 4);
    let err = stderr(&output);
    assert!(
        err.contains("torn") && err.contains("does not hold the end of the run"),
        "{err}"
    );
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&journal, &bytes).unwrap();
    let output = run(diapason().arg("rejudge").arg(&journal), 2);
    assert!(
        stderr(&output).contains("damaged at line"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn what_was_written_before_a_kill_is_read_back() {
    let folder = scratch();
    let report = folder.path().join("r");
    let mut child = diapason()
        .args(["demo", "--quiet", "--report"])
        .arg(&report)
        .arg("--state")
        .arg(pki())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let journal = report.join("journal.ndjson");
    let patience = Instant::now() + Duration::from_mins(1);
    let lines = || {
        let text = std::fs::read(&journal).unwrap_or_default();
        String::from_utf8_lossy(&text).matches('\n').count()
    };
    while lines() < 200 {
        assert!(
            Instant::now() < patience,
            "the campaign never wrote 200 events"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let before = lines();
    let out = run(diapason().arg("report").arg(&report), 0);
    assert!(stdout(&out).contains("report.html"));
    let read = diapason_core::journal::read(&report).unwrap();
    assert!(read.entries.len() >= 200 && read.entries.len() == before);
    let page = std::fs::read_to_string(report.join("report.html")).unwrap();
    assert!(page.contains("arrêtée pendant ce scénario"));
}

#[test]
fn an_earlier_run_is_never_overwritten() {
    let folder = scratch();
    let report = folder.path().join("r");
    demo(&report, &["INS/va1.22.01"], &[], 0);
    let output = demo(&report, &["INS/va1.22.01"], &[], 2);
    assert!(
        stderr(&output).contains("never overwritten"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_journal_without_an_event_does_not_block_the_next_try() {
    let folder = scratch();
    let report = folder.path().join("r");
    std::fs::create_dir(&report).unwrap();
    std::fs::write(report.join("journal.ndjson"), "").unwrap();
    demo(&report, &["INS/va1.22.01"], &[], 0);
}

#[test]
fn a_campaign_asked_to_stop_still_writes_its_reports() {
    for signal in ["INT", "TERM"] {
        let folder = scratch();
        let report = folder.path().join("r");
        let child = diapason()
            .args(["demo", "--quiet", "--report"])
            .arg(&report)
            .arg("--state")
            .arg(pki())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let patience = Instant::now() + Duration::from_mins(1);
        let journal = report.join("journal.ndjson");
        while !std::fs::read_to_string(&journal).is_ok_and(|t| t.contains("scenario_ended")) {
            assert!(Instant::now() < patience, "no scenario ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        run(
            std::process::Command::new("kill").args(["-s", signal, &child.id().to_string()]),
            0,
        );
        let output = child.wait_with_output().unwrap();
        let err = stderr(&output);
        assert_eq!(output.status.code(), Some(4), "{signal}: {err}");
        assert!(err.contains("interrompue"), "{signal}: {err}");
        assert!(report.join("report.html").exists() && report.join("junit.xml").exists());
        let kept = crate::support::json(&report.join("report.json"));
        assert_eq!(kept["exit_code"], 4, "{signal}");
        run(diapason().arg("rejudge").arg(&report), 4);
    }
}

#[test]
fn judging_again_keeps_the_exit_code_of_a_demo_that_lacks_an_operator() {
    let folder = scratch();
    let report = folder.path().join("r");
    demo(&report, &["INS/va1.42", "INS/va1.54.01"], &[], 0);
    let kept = crate::support::json(&report.join("report.json"));
    let open = kept["scenarios"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| s["verdict"] == "non_concluant")
        .count();
    assert!(open > 0, "no scenario of this sample needs an operator");
    run(diapason().arg("rejudge").arg(&report), 0);
}

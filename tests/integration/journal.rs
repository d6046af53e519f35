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
    let output = run(diapason().arg("rejudge").arg(&report), 0);
    assert!(stderr(&output).contains("torn"), "{}", stderr(&output));
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

//! A vendor's first hour: `init`, the Python stub, `run`.

use std::fmt::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{diapason, json, run, scratch, stderr};

#[test]
fn the_python_stub_gives_a_report_with_useful_failures() {
    let folder = scratch();
    run(diapason().arg("init").arg(folder.path()), 0);
    let output = run(diapason().arg("init").arg(folder.path()), 2);
    assert!(stderr(&output).contains("exist"), "{}", stderr(&output));
    let settings = folder.path().join("diapason.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut changed = String::new();
    for line in text.lines() {
        let key = line.split('=').next().unwrap_or_default().trim();
        match key {
            "url" => writeln!(changed, "url = \"http://127.0.0.1:{port}\"").unwrap(),
            "insi_tls" | "insi_tlsm" | "psc_auth" | "psc_wallet" | "dmp_tlsm" | "dmp_web"
            | "crl" => {
                writeln!(changed, "{key} = \"127.0.0.1:0\"").unwrap();
            }
            _ => writeln!(changed, "{line}").unwrap(),
        }
    }
    std::fs::write(&settings, changed).unwrap();
    let stub = std::fs::read_dir(folder.path().join("adaptateur-python"))
        .or_else(|_| std::fs::read_dir(folder.path()))
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "py"))
        .unwrap();
    let mut child = std::process::Command::new("python3")
        .arg(&stub)
        .args(["--port", &port.to_string()])
        .env("PORT", port.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let patience = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < patience, "the stub does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    let outcome = diapason()
        .current_dir(folder.path())
        .args([
            "run",
            "--unattended",
            "--report",
            "r",
            "--scenario",
            "INS/va1.2",
        ])
        .output();
    child.kill().unwrap();
    child.wait().unwrap();
    let outcome = outcome.unwrap();
    assert!(
        matches!(outcome.status.code(), Some(1 | 3)),
        "{}",
        stderr(&outcome)
    );
    let report = json(&folder.path().join("r/report.json"));
    let words: Vec<&str> = report["scenarios"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["verdict"].as_str().unwrap())
        .collect();
    assert!(
        words.contains(&"non_conforme") || words.contains(&"non_concluant"),
        "{words:?}"
    );
    assert!(!words.contains(&"erreur_banc"), "{words:?}");
}

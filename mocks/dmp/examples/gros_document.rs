//! Memory of the DMP mock while it takes a large document, recording included.
//!
//!     cargo run --release -p diapason-mock-dmp --example gros_document -- [MIB]
//!
//! Feeds one document of so many MiB (100 when not said) through the real listener, a real journal and every check of
//! the mock, and says how far the process grew. The request is written to a file by a process of its own and sent by
//! `curl`, so that nothing of the client counts.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measure that cannot be made says why and stops"
)]

#[path = "../../../benches/dmp.rs"]
mod dmp;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use diapason_core::journal::Journal;
use diapason_core::persona::Person;
use diapason_core::{Clock, Recorder};
use diapason_mock_common::pki::Pki;
use diapason_mock_common::{Mock as _, Shared};
use diapason_mock_dmp::{DmpConfig, DmpMock};

/// The person of the sample request.
const PERSON: &str = r#"{"id": "dominique", "traits": {"nom_naissance": "PAT-TROIS", "prenoms": ["DOMINIQUE"],
    "sexe": "F", "date_naissance": "1979-03-28"}, "ins": {"matricule": "279035121518989", "oid": "1.2.250.1.213.1.4.10"}}"#;

/// A line of `/proc/self/status`, in MiB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with(name)).unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1024
}

fn main() {
    let mut args = std::env::args().skip(1);
    match (args.next().as_deref(), args.next(), args.next()) {
        (Some("write"), Some(folder), Some(mib)) => write(Path::new(&folder), mib.parse().unwrap()),
        (mib, ..) => measure(mib.unwrap_or("100")),
    }
}

/// The client's half: the request, in files.
fn write(folder: &Path, mib: usize) {
    let signer = dmp::signer(&folder.join("pki"));
    let (content_type, body) = dmp::submission(&signer, 1, mib << 20);
    std::fs::write(folder.join("corps"), body).unwrap();
    std::fs::write(folder.join("type"), content_type).unwrap();
}

fn measure(mib: &str) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    rustls::crypto::ring::default_provider()
        .install_default()
        .unwrap();
    let pki = Arc::new(Pki::open_or_create(&at("pki")).unwrap());
    let made = Command::new(std::env::current_exe().unwrap())
        .args(["write", folder.path().to_str().unwrap(), mib])
        .status();
    assert!(made.unwrap().success());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let recorder: Arc<dyn Recorder> = Arc::new(Journal::create(&at("journal")).unwrap());
    let shared = Shared {
        clock: Clock::system(),
        recorder,
    };
    let config = DmpConfig {
        people: vec![serde_json::from_str::<Person>(PERSON).unwrap()],
        ..DmpConfig::default()
    };
    let mock = runtime
        .block_on(DmpMock::start(config, shared, pki.clone()))
        .unwrap();
    let url = format!("{}/repository", mock.addresses()["tlsm"]);
    let (before, len) = (
        memory("VmRSS"),
        std::fs::metadata(at("corps")).unwrap().len(),
    );
    let answer = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--max-time",
            "120",
            "-X",
            "POST",
            "-H",
            "Expect:",
        ])
        .arg("-H")
        .arg(format!(
            "Content-Type: {}",
            std::fs::read_to_string(at("type")).unwrap()
        ))
        .arg("--cacert")
        .arg(pki.ca_bundle())
        .arg("--cert")
        .arg(pki.path("client-dui.pem"))
        .arg("--key")
        .arg(pki.path("client-dui.key"))
        .arg("-T")
        .arg(at("corps"))
        .arg(url)
        .output()
        .expect("curl is needed for this measure");
    let text = String::from_utf8_lossy(&answer.stdout);
    assert!(
        text.contains("ResponseStatusType:Success"),
        "{text}{}",
        String::from_utf8_lossy(&answer.stderr)
    );
    println!(
        "request {} MiB, accepted; process {before} MiB before, {} MiB at its peak, {} MiB after",
        len >> 20,
        memory("VmHWM"),
        memory("VmRSS")
    );
    runtime.block_on(mock.stop());
}

//! What is recorded when the driver fails, hands production data back, or the journal is lost.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use diapason_core::ins::Matricule;
use diapason_core::journal::Journal;
use diapason_core::product::ProductStatement;
use diapason_core::{Clock, ExchangeId, Sha256Hex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::run::bench::Ports;

/// An adapter: `/reset` is done, any action but `clock.advance` answers `result`; to `clock.advance`
/// it hangs up.
async fn adapter(result: Value) -> String {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((tcp, _)) = socket.accept().await {
            serve(tcp, &result).await;
        }
    });
    url
}

async fn serve(mut tcp: TcpStream, result: &Value) {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|l| l.strip_prefix("content-length: "))
                .map_or(0, |n| n.trim().parse().unwrap());
            if body.len() >= length {
                break;
            }
        }
        if tcp.read_buf(&mut request).await.unwrap() == 0 {
            return;
        }
    }
    let head = String::from_utf8_lossy(&request).into_owned();
    if head.contains("clock.advance") {
        return;
    }
    let body = if head.starts_with("POST /reset") {
        "{}".to_owned()
    } else {
        json!({"status": "done", "result": result}).to_string()
    };
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    tcp.write_all(answer.as_bytes()).await.unwrap();
    tcp.shutdown().await.ok();
}

fn scenario(steps: &Value) -> Scenario {
    serde_json::from_value(json!({
        "id": "INS/x", "family": "ins", "kind": "behaviour",
        "title": {"fr": "x", "en": "x"}, "source": {"document": "x"},
        "confidence": "sure", "steps": steps,
    }))
    .unwrap()
}

fn product() -> ProductStatement {
    serde_json::from_value(json!({
        "produit": {"nom": "x", "editeur": "x", "version": "1"},
        "profil": {"referentiel_identites": true}, "insi": {"idam": "DIA00PA50NT1", "lps_nom": "x", "lps_version": "1"},
    }))
    .unwrap()
}

async fn played(
    bench: &Bench,
    recorder: &RunRecorder,
    scenario: &Scenario,
    result: Value,
) -> Vec<Event> {
    let driver = AnyDriver::http(&adapter(result).await, false).unwrap();
    let options = RunOptions {
        journal_dir: recorder.journal().dir().to_owned(),
        product: product(),
        seed: 1,
        settle: Duration::from_millis(5),
        deadline: Duration::from_secs(5),
        policy: crate::exit::Policy::default(),
    };
    let player = Player {
        bench,
        recorder,
        driver: &driver,
        options: &options,
        personas: &json!({}),
    };
    let started = Event::ScenarioStarted {
        scenario: scenario.id.clone(),
        index: 1,
        total: 1,
        at: bench.clock.now(),
    };
    recorder.start_scenario(scenario, &started).unwrap();
    player.play(scenario).await.unwrap();
    recorder.events()
}

/// Cannot record.
struct Lost;

impl Recorder for Lost {
    fn record(&self, _: Event) -> Result<u64, JournalError> {
        Err(JournalError::Poisoned {
            path: "journal".into(),
        })
    }

    fn blob(&self, bytes: &[u8]) -> Result<Sha256Hex, JournalError> {
        Ok(Sha256Hex::of(bytes))
    }

    fn next_exchange(&self) -> ExchangeId {
        ExchangeId(1)
    }

    fn next_connection(&self) -> u64 {
        1
    }
}

#[tokio::test]
async fn what_goes_wrong_around_a_step_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let pki = dir.path().join("pki");
    let recorder = RunRecorder::new(
        Journal::create(&dir.path().join("run")).unwrap(),
        Vec::new(),
    );
    let start = async |recorder: Arc<dyn Recorder>| {
        let ports = Ports::default();
        Bench::start(&pki, ports, &product(), 1, Clock::system(), recorder)
            .await
            .unwrap()
    };
    let bench = start(recorder.clone()).await;

    let advancing = scenario(&json!([
        {"arm": [{"advance": 60}], "do": {"action": "usager.create"}},
        {"do": {"action": "usager.create"}},
    ]));
    let events = played(&bench, &recorder, &advancing, json!({})).await;
    let problems: Vec<_> = events
        .iter()
        .filter_map(|e| match e {
            Event::ActionEnded { step, problem, .. } => Some((*step, problem.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(problems.len(), 1, "{events:?}");
    assert!(matches!(
        &problems[0],
        (1, Some(DriverProblem::Crashed { .. }))
    ));

    let real = Matricule::from_number("1800175001123").unwrap();
    let two = scenario(&json!([
        {"do": {"action": "usager.create"}},
        {"do": {"action": "usager.create"}},
    ]));
    let events = played(&bench, &recorder, &two, json!({"alerte": real.as_str()})).await;
    assert!(!format!("{events:?}").contains(real.as_str()), "{events:?}");
    let refused = |e: &&Event| matches!(e, Event::RealDataRefused { exchange: None, .. });
    assert_eq!(events.iter().filter(refused).count(), 1);
    let begun = |e: &&Event| matches!(e, Event::StepStarted { .. });
    assert_eq!(events.iter().filter(begun).count(), 1);
    let events = played(
        &bench,
        &recorder,
        &two,
        json!({"alerte": "275126322074974"}),
    )
    .await;
    assert_eq!(events.iter().filter(refused).count(), 0);
    assert_eq!(events.iter().filter(begun).count(), 2);
    assert_eq!(bench.failure(), None);
    bench.stop().await;

    let bench = start(Arc::new(Lost)).await;
    let crl = bench.addresses().remove("pki.crl").unwrap();
    let mut tcp = TcpStream::connect(crl.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    tcp.write_all(b"GET /racine.crl HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    // The bench hangs up once it could not record.
    tcp.read_to_end(&mut Vec::new()).await.ok();
    assert!(bench.failure().is_some());
    bench.stop().await;
}

#[test]
fn exchanges_are_read_back_only_for_steps_that_name_them() {
    let both = scenario(&json!([
        {"do": {"action": "x", "with": {"url": "${exchange.psc.authorize.location}"}}},
        {"do": {"action": "x", "with": {"url": "${autre.valeur}"}}},
    ]));
    let uses: Vec<bool> = both.steps.iter().map(uses_exchanges).collect();
    assert_eq!(uses, [true, false]);
}

//! Late exchanges, and blobs that are no longer there.
#![allow(clippy::unwrap_used)]

use diapason_core::Recorder as _;
use diapason_core::Service;
use diapason_core::journal::{self, BLOBS_DIR, Journal};
use serde_json::json;

use super::*;

fn scenario(action: bool) -> Scenario {
    let step = if action {
        json!({"do": {"action": "usager.create"}})
    } else {
        json!({"text": {"fr": "x", "en": "x"}})
    };
    serde_json::from_value(json!({
        "id": "INS/x", "family": "ins", "kind": "behaviour",
        "title": {"fr": "x", "en": "x"}, "source": {"document": "x"},
        "confidence": "sure", "steps": [step],
    }))
    .unwrap()
}

fn at() -> Timestamp {
    Timestamp::from_unix_millis(0)
}

fn step(scenario: &Scenario) -> Event {
    Event::StepStarted {
        scenario: scenario.id.clone(),
        step: 1,
        at: at(),
    }
}

fn asked(scenario: &Scenario) -> Event {
    Event::ActionRequested {
        scenario: scenario.id.clone(),
        step: 1,
        request: ActionRequest {
            action: "usager.create".to_owned(),
            params: json!({}),
            scenario: scenario.id.to_string(),
            step: 1,
            deadline_ms: 1,
        },
        at: at(),
    }
}

fn exchange(id: u64, connection: u64, token: Option<&str>) -> Exchange {
    Exchange {
        id: ExchangeId(id),
        service: Service::Psc,
        listener: "auth".to_owned(),
        operation: "userinfo".to_owned(),
        connection,
        peer: "127.0.0.1:1".to_owned(),
        tls: None,
        request: Sha256Hex::zero(),
        request_len: 0,
        received_at: at(),
        persona: None,
        presented: token
            .map(|t| ("access_token".to_owned(), Sha256Hex::of(t.as_bytes())))
            .into_iter()
            .collect(),
        malformed: None,
    }
}

fn received(id: u64, connection: u64, token: Option<&str>) -> Event {
    Event::ExchangeReceived(exchange(id, connection, token))
}

fn answered(id: u64, token: Option<&str>) -> Event {
    Event::ExchangeAnswered(ExchangeAnswer {
        id: ExchangeId(id),
        status: Some(200),
        response: None,
        response_len: 0,
        fault: None,
        delivery: None,
        issued: token
            .map(|t| ("access_token".to_owned(), Sha256Hex::of(t.as_bytes())))
            .into_iter()
            .collect(),
        outcome: "ok".to_owned(),
        answered_at: at(),
    })
}

#[test]
fn an_exchange_before_anything_was_asked_is_late_and_so_is_what_it_was_given() {
    let scenario = scenario(true);
    let mut lateness = Lateness::default();
    lateness.next_scenario(&scenario);
    lateness.take(&step(&scenario));
    assert!(lateness.take(&received(1, 1, None)));
    assert!(lateness.take(&answered(1, Some("tardif"))));
    lateness.take(&asked(&scenario));
    assert!(!lateness.take(&received(2, 2, None)));
    assert!(!lateness.take(&answered(2, Some("courant"))));
    assert!(!lateness.take(&received(3, 2, Some("courant"))));
    assert!(lateness.take(&received(4, 3, Some("tardif"))));
}

#[test]
fn a_step_that_asks_nothing_is_open_from_its_start() {
    let scenario = scenario(false);
    let mut lateness = Lateness::default();
    lateness.next_scenario(&scenario);
    assert!(lateness.take(&received(1, 1, None)));
    lateness.take(&step(&scenario));
    assert!(!lateness.take(&received(2, 2, None)));
}

#[test]
fn a_connection_opened_earlier_is_late_unless_it_already_served() {
    let scenario = scenario(true);
    let mut lateness = Lateness::default();
    lateness.next_scenario(&scenario);
    lateness.take(&asked(&scenario));
    assert!(!lateness.take(&received(1, 1, None)));
    assert!(!lateness.take(&received(2, 3, None)));
    lateness.next_scenario(&scenario);
    lateness.take(&asked(&scenario));
    assert!(!lateness.take(&received(3, 3, None)), "kept alive");
    assert!(lateness.take(&received(4, 2, None)), "opened earlier");
    assert!(!lateness.take(&received(5, 4, None)));
}

#[test]
fn a_missing_or_altered_blob_is_damage_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let written = Journal::create(dir.path()).unwrap();
    let scenario = scenario(true);
    let catalogue = Catalogue {
        scenarios: vec![scenario.clone()],
        ..Catalogue::default()
    };
    let catalogue = serde_json::to_vec(&catalogue).unwrap();
    let catalogue = written.blob(&catalogue).unwrap();
    let product = json!({
        "produit": {"nom": "x", "editeur": "x", "version": "1"},
        "profil": {"referentiel_identites": true}, "insi": {"idam": "DIA00PA50NT1", "lps_nom": "x", "lps_version": "1"},
    });
    let start = json!({
        "event": "run_started", "run": "r1", "tool_version": "0", "seed": 1, "driver": "http",
        "product": product, "catalogue": catalogue, "packs": [], "switches": {}, "at": at(),
    });
    written
        .record(serde_json::from_value(start).unwrap())
        .unwrap();
    written
        .record(Event::ScenarioStarted {
            scenario: scenario.id.clone(),
            index: 1,
            total: 1,
            at: at(),
        })
        .unwrap();
    written.record(asked(&scenario)).unwrap();
    let request = written.blob(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut seen = exchange(1, 1, None);
    seen.request = request.clone();
    written.record(Event::ExchangeReceived(seen)).unwrap();
    let read = || Campaign::from_journal(&journal::read(dir.path()).unwrap());
    let campaign = read().unwrap();
    assert_eq!(campaign.scenarios[0].exchanges.len(), 1);
    assert_eq!(campaign.ended_at, None);

    let path = dir.path().join(BLOBS_DIR).join(request.as_str());
    std::fs::write(&path, b"GET /autre HTTP/1.1\r\n\r\n").unwrap();
    let altered = read().unwrap_err();
    std::fs::remove_file(&path).unwrap();
    let missing = read().unwrap_err();
    for error in [altered, missing] {
        let CampaignError::Journal(JournalError::Damaged { line, .. }) = &error else {
            unreachable!("{error}")
        };
        assert_eq!(*line, 4);
        assert!(error.to_string().contains(request.as_str()), "{error}");
    }
}

#[test]
fn live_a_lost_blob_is_a_failure_of_the_bench() {
    let mut record = ScenarioRecord::new(scenario(true), 1);
    let nothing = diapason_core::journal::MemoryRecorder::default();
    record.push(&received(1, 1, None), &nothing);
    assert_eq!(record.bench_errors.len(), 1);
}

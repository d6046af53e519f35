//! Drivers that behave, hang, crash, answer garbage or too much; a person who answers, or is not there.

#![allow(clippy::unwrap_used)]

use std::time::Instant;

use diapason_core::driver::ActionStatus;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::*;

fn request(action: &str, params: Value, deadline_ms: u64) -> ActionRequest {
    ActionRequest {
        action: action.to_owned(),
        params,
        scenario: "INS/essai.01".to_owned(),
        step: 2,
        deadline_ms,
    }
}

fn logout(deadline_ms: u64) -> ActionRequest {
    request("session.logout", json!({"session": "A"}), deadline_ms)
}

fn garbage_of<T: std::fmt::Debug>(outcome: Result<T, DriverProblem>) -> String {
    match outcome {
        Err(DriverProblem::Garbage { details }) => details,
        other => panic!("not garbage: {other:?}"),
    }
}

fn crash_of<T: std::fmt::Debug>(outcome: Result<T, DriverProblem>) -> String {
    match outcome {
        Err(DriverProblem::Crashed { details }) => details,
        other => panic!("not a crash: {other:?}"),
    }
}

// --- http

/// How a bad adapter answers one connection.
#[derive(Clone)]
enum Plays {
    Bytes(Vec<u8>),
    /// This head, then this many bytes.
    Flood(&'static str, usize),
    Hang,
    Close,
}

/// Serves every connection the same way; gives back the requests received.
async fn serve(plays: Plays) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (plays, sender) = (plays.clone(), sender.clone());
            tokio::spawn(async move {
                let mut seen = vec![0; 64 * 1024];
                let n = socket.read(&mut seen).await.unwrap_or(0);
                let _ = sender.send(String::from_utf8_lossy(&seen[..n]).into_owned());
                match plays {
                    Plays::Bytes(bytes) => drop(socket.write_all(&bytes).await),
                    Plays::Flood(head, length) => {
                        let _ = socket.write_all(head.as_bytes()).await;
                        let block = vec![b' '; 1 << 20];
                        for _ in 0..length / block.len() {
                            if socket.write_all(&block).await.is_err() {
                                return;
                            }
                        }
                    }
                    Plays::Hang => std::future::pending().await,
                    Plays::Close => {}
                }
            });
        }
    });
    (url, receiver)
}

fn answer(status: &str, content_type: &str, body: &[u8]) -> Plays {
    let mut bytes = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    Plays::Bytes(bytes)
}

fn json_answer(body: &str) -> Plays {
    answer("200 OK", "application/json", body.as_bytes())
}

async fn act(plays: Plays) -> Result<ActionAnswer, DriverProblem> {
    let (url, _seen) = serve(plays).await;
    AnyDriver::http(&url, false)
        .unwrap()
        .act(&logout(2_000))
        .await
}

#[tokio::test]
async fn http_carries_the_request_and_the_answer() {
    let body = r#"{"status":"done","message":"Au revoir","result":{"connecte":false}}"#;
    let (url, mut seen) = serve(answer(
        "200 OK",
        "application/json; charset=utf-8",
        body.as_bytes(),
    ))
    .await;
    let driver = AnyDriver::http(&format!("{url}/pilote"), false).unwrap();
    let got = driver.act(&logout(2_000)).await.unwrap();
    assert_eq!(got.message.as_deref(), Some("Au revoir"));
    assert_eq!(driver.evidence(), EvidenceLevel::Declared);
    let seen = seen.recv().await.unwrap();
    assert!(
        seen.starts_with("POST /pilote/actions/session.logout HTTP/1.1\r\n"),
        "{seen}"
    );
    assert!(
        seen.contains(r#""scenario":"INS/essai.01","step":2"#),
        "{seen}"
    );
}

#[tokio::test]
async fn http_observes_with_its_query() {
    let (url, mut seen) = serve(json_answer(r#"{"what":"traces","value":[]}"#)).await;
    let driver = AnyDriver::http(&url, false).unwrap();
    let query = BTreeMap::from([("id".to_owned(), json!("a&b")), ("n".to_owned(), json!(3))]);
    assert_eq!(driver.observe("traces", &query).await.unwrap(), json!([]));
    let seen = seen.recv().await.unwrap();
    assert!(
        seen.starts_with("GET /observations/traces?id=a%26b&n=3 "),
        "{seen}"
    );
    let details = garbage_of(driver.observe("usagers", &query).await);
    assert!(details.contains("« traces »"), "{details}");
}

#[tokio::test]
async fn an_unknown_action_is_unsupported_and_an_unknown_observation_cannot_be_made() {
    let plays = answer(
        "404 Not Found",
        "application/json",
        br#"{"error":"inconnu"}"#,
    );
    let got = act(plays.clone()).await.unwrap();
    assert_eq!(got.status, ActionStatus::Unsupported);
    let (url, _seen) = serve(plays).await;
    let driver = AnyDriver::http(&url, false).unwrap();
    let problem = driver
        .observe("traces", &BTreeMap::new())
        .await
        .unwrap_err();
    assert_eq!(
        problem,
        DriverProblem::Cannot {
            reason: "observation traces : inconnu".to_owned()
        }
    );
    // Nothing answers at all the addresses of the contract: that is no adapter.
    assert!(garbage_of(driver.capabilities().await).contains("404"));
}

#[tokio::test]
async fn an_adapter_that_hangs_is_left_at_the_deadline() {
    let (url, _seen) = serve(Plays::Hang).await;
    let driver = AnyDriver::http(&url, false).unwrap();
    let started = Instant::now();
    let problem = driver.act(&logout(150)).await.unwrap_err();
    assert_eq!(
        problem,
        DriverProblem::Timeout {
            waited: "POST /actions/session.logout, 150 ms".to_owned()
        }
    );
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn an_adapter_that_stops_within_its_answer_is_left_at_the_deadline() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"status\"";
    // A closed connection before the end: cut.
    let details = crash_of(act(Plays::Bytes(head.into())).await);
    assert!(details.contains("réponse interrompue"), "{details}");
}

#[tokio::test]
async fn an_adapter_that_crashes_or_is_absent_is_told() {
    assert!(crash_of(act(Plays::Close).await).contains("ne répond pas"));
    let details = crash_of(act(answer("500 Oops", "text/plain", b"Traceback: boum")).await);
    assert!(
        details.contains("500") && details.contains("« Traceback: boum »"),
        "{details}"
    );
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let driver = AnyDriver::http(&format!("http://{closed}"), false).unwrap();
    assert!(crash_of(driver.reset().await).contains("POST /reset"));
}

#[tokio::test]
async fn garbage_is_named() {
    let details = garbage_of(act(json_answer("<html>")).await);
    assert!(
        details.contains("n'est pas du JSON") && details.contains("« <html> »"),
        "{details}"
    );
    assert!(garbage_of(act(json_answer("")).await).contains("la réponse est vide"));
    let details = garbage_of(act(json_answer(r#"{"statu":"done"}"#)).await);
    assert!(details.contains("unknown field `statu`"), "{details}");
    let details = garbage_of(
        act(json_answer(
            r#"{"status":"done","result":{"connecte":"oui"}}"#,
        ))
        .await,
    );
    assert!(details.contains("/connecte"), "{details}");
    let details = garbage_of(act(answer("200 OK", "text/html", b"{}")).await);
    assert!(
        details.contains("Content-Type text/html au lieu de application/json"),
        "{details}"
    );
    let details = garbage_of(
        act(answer(
            "200 OK",
            "application/json",
            b"{\"status\":\"\xff\"}",
        ))
        .await,
    );
    assert!(details.contains("pas en UTF-8 (octet 11)"), "{details}");
    let details = garbage_of(act(answer("302 Found", "text/html", b"")).await);
    assert!(details.contains("302"), "{details}");
    assert!(crash_of(act(Plays::Bytes(b"SSH-2.0-x\r\n".to_vec())).await).contains("ne répond pas"));
}

#[tokio::test]
async fn a_hundred_megabytes_are_not_read() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
    let started = Instant::now();
    let details = garbage_of(act(Plays::Flood(head, 100 << 20)).await);
    assert!(details.contains("dépasse 10485760 octets"), "{details}");
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn another_machine_is_refused_unless_asked_for() {
    for url in [
        "http://192.0.2.1:80",
        "http://exemple.test",
        "http://localhost.exemple.test",
    ] {
        assert!(
            matches!(
                AnyDriver::http(url, false),
                Err(DriverSetupError::Remote { .. })
            ),
            "{url}"
        );
        assert!(AnyDriver::http(url, true).is_ok());
    }
    for url in ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"] {
        assert!(AnyDriver::http(url, false).is_ok(), "{url}");
    }
    for url in ["", "ici", "ftp://localhost", "unix:x"] {
        assert!(
            matches!(
                AnyDriver::http(url, true),
                Err(DriverSetupError::BadUrl { .. })
            ),
            "{url}"
        );
    }
}

// --- command

fn command(script: &str) -> AnyDriver {
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    let folder = std::env::temp_dir();
    let mocks = BTreeMap::from([("insi.tlsm".to_owned(), "https://localhost:1/lps".to_owned())]);
    AnyDriver::Command(
        CommandDriver::new(command, folder)
            .unwrap()
            .with_patience(Duration::from_secs(5))
            .with_env(BTreeMap::from([("A_MOI".to_owned(), "oui".to_owned())]))
            .with_mocks(mocks),
    )
}

#[tokio::test]
async fn command_gives_the_request_and_reads_the_last_line() {
    let driver = command(
        r#"read -r request
           echo "démarrage..."
           case "$request" in *'"action":"session.logout"'*'"session":"A"'*) ;; *) exit 9;; esac
           printf '{"status":"done","message":"%s %s %s %s %s","result":{"connecte":false}}\n\n' \
             "$DIAPASON_ACTION" "$DIAPASON_SCENARIO" "$DIAPASON_STEP" "$DIAPASON_INSI_TLSM" "$A_MOI""#,
    );
    let got = driver.act(&logout(5_000)).await.unwrap();
    assert_eq!(
        got.message.as_deref(),
        Some("session.logout INS/essai.01 2 https://localhost:1/lps oui")
    );
}

#[tokio::test]
async fn command_exit_codes() {
    let got = command("exit 3").act(&logout(5_000)).await.unwrap();
    assert_eq!(got.status, ActionStatus::Unsupported);
    let details = crash_of(
        command("echo un >&2; echo boum >&2; exit 1")
            .act(&logout(5_000))
            .await,
    );
    assert!(details.contains("code de sortie 1 ; « boum »"), "{details}");
    let details = crash_of(command("kill -9 $$").act(&logout(5_000)).await);
    assert!(details.contains("tué par un signal"), "{details}");
    assert!(garbage_of(command("true").act(&logout(5_000)).await).contains("rien répondu"));
    let details = garbage_of(command("echo bonjour").act(&logout(5_000)).await);
    assert!(details.contains("« bonjour »"), "{details}");
    let details = garbage_of(command(r"printf '{\377}\n'").act(&logout(5_000)).await);
    assert!(details.contains("pas en UTF-8"), "{details}");
    let absent =
        CommandDriver::new(vec!["/absent/programme".to_owned()], std::env::temp_dir()).unwrap();
    assert!(crash_of(absent.act(&logout(5_000)).await).contains("ne démarre pas"));
    assert!(CommandDriver::new(Vec::new(), std::env::temp_dir()).is_err());
}

#[tokio::test]
async fn command_is_killed_with_its_children_at_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let pid_file = folder.path().join("pid");
    let script = format!("sleep 60 & echo $! > {}; wait", pid_file.display());
    let started = Instant::now();
    let problem = command(&script).act(&logout(400)).await.unwrap_err();
    assert!(
        matches!(problem, DriverProblem::Timeout { .. }),
        "{problem:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(5));
    let pid = std::fs::read_to_string(pid_file).unwrap();
    // Killed children are gone, or wait for the init process to collect them.
    let alive = || {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        !(stat.is_empty() || stat.contains(") Z "))
    };
    while alive() {
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "the child outlives the deadline"
        );
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn command_that_writes_without_end_is_killed() {
    let started = Instant::now();
    let details = garbage_of(
        command("yes | head -c 100000000")
            .act(&logout(20_000))
            .await,
    );
    assert!(details.contains("écrit plus de"), "{details}");
    assert!(started.elapsed() < Duration::from_secs(10));
    // Much on the standard error is no answer: only its end is kept.
    let script = "yes | head -c 300000 >&2; echo fin >&2; exit 1";
    assert!(crash_of(command(script).act(&logout(20_000)).await).ends_with("« fin »"));
}

#[tokio::test]
async fn command_whose_child_keeps_the_pipe_is_not_waited_for() {
    let started = Instant::now();
    let script = r#"echo '{"status":"done"}'; sleep 30 & exit 0"#;
    let details = garbage_of(command(script).act(&logout(10_000)).await);
    assert!(
        details.contains("garde sa sortie standard ouverte"),
        "{details}"
    );
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn command_observes_resets_and_tells_its_capabilities() {
    let script = r#"read -r request
        case "$DIAPASON_ACTION" in
          observe) echo '{"status":"done","result":[]}';;
          reset) echo '{"status":"done"}';;
          *) exit 3;;
        esac"#;
    let driver = command(script);
    assert_eq!(
        driver.observe("traces", &BTreeMap::new()).await.unwrap(),
        json!([])
    );
    assert!(garbage_of(driver.observe("usagers", &BTreeMap::new()).await).contains("usagers"));
    driver.reset().await.unwrap();
    assert!(
        driver
            .capabilities()
            .await
            .unwrap()
            .actions
            .contains(&"ins.search".to_owned())
    );
    let problem = command("exit 3").reset().await.unwrap_err();
    assert!(matches!(problem, DriverProblem::Cannot { .. }));
    let problem = command("exit 3")
        .observe("traces", &BTreeMap::new())
        .await
        .unwrap_err();
    assert!(matches!(problem, DriverProblem::Cannot { .. }));
}

// --- manual

/// A person who types `lines`; gives back what the terminal showed.
fn person(lines: &str, lang: Lang) -> (ManualDriver, tokio::io::DuplexStream) {
    let (shown, writer) = tokio::io::duplex(1 << 20);
    let reader = BufReader::new(std::io::Cursor::new(lines.as_bytes().to_vec()));
    let driver = ManualDriver::new(
        Box::new(reader),
        Box::new(writer),
        lang,
        Duration::from_millis(200),
    );
    (driver, shown)
}

async fn screen(driver: ManualDriver, mut shown: tokio::io::DuplexStream) -> String {
    drop(driver);
    let mut text = String::new();
    shown.read_to_string(&mut text).await.unwrap();
    text
}

fn create() -> ActionRequest {
    let params = json!({"nom_naissance": "ADRUN", "prenoms": ["ZOE"], "sexe": "F"});
    request("usager.create", params, 5_000)
}

#[tokio::test]
async fn a_person_does_the_action_and_copies_the_screen() {
    // wrong letter, done, no message, person shown, id, status by number, then Enter for the rest.
    let typed = format!("z\nf\n\no\n42\n1\n{}", "\n".repeat(20));
    let (driver, shown) = person(&typed, Lang::Fr);
    let text = Text {
        fr: "Créez l'usager".into(),
        en: "Create".into(),
    };
    driver.announce(&text).await;
    let got = driver.act(&create()).await.unwrap();
    assert_eq!(got.status, ActionStatus::Done);
    assert_eq!(got.result["usager"]["id"], "42");
    assert_eq!(got.result["usager"]["nom_naissance"], "ADRUN");
    assert_eq!(got.result["usager"]["prenoms"], json!(["ZOE"]));
    super::answer::check_result("usager.create", &got).unwrap();
    assert_eq!(driver.evidence(), EvidenceLevel::Attested);
    let screen = screen(driver, shown).await;
    for part in [
        "> Créez l'usager",
        "INS/essai.01, étape 2",
        "nom_naissance : ADRUN",
        "Vous avez 5 s",
        "répondez par f, r, i ou n",
    ] {
        assert!(screen.contains(part), "{part}: {screen}");
    }
}

#[tokio::test]
async fn what_was_said_of_a_person_is_proposed_again() {
    let typed = format!("f\n\no\n42\n1\n{}o\n{}", "\n".repeat(11), "\n".repeat(30));
    let (driver, _shown) = person(&typed, Lang::Fr);
    driver.act(&create()).await.unwrap();
    let query = BTreeMap::from([("id".to_owned(), json!("42"))]);
    let value = driver.observe("usager", &query).await.unwrap();
    assert_eq!(value["id"], "42");
    assert_eq!(value["nom_naissance"], "ADRUN");
    super::answer::check_observation("usager", &value).unwrap();
}

#[tokio::test]
async fn refused_impossible_not_applicable() {
    let (driver, _shown) = person(
        "r\nNom obligatoire\ni\npas de bouton\nn\nhors offre\n",
        Lang::En,
    );
    let got = driver.act(&create()).await.unwrap();
    assert_eq!(
        (got.status, got.message.as_deref()),
        (ActionStatus::Refused, Some("Nom obligatoire"))
    );
    let problem = driver.act(&create()).await.unwrap_err();
    assert_eq!(
        problem,
        DriverProblem::Cannot {
            reason: "pas de bouton".into()
        }
    );
    let problem = driver.act(&create()).await.unwrap_err();
    assert_eq!(
        problem,
        DriverProblem::NotApplicable {
            reason: "hors offre".into()
        }
    );
    // The input is closed: nobody is there any more.
    assert_eq!(
        driver.act(&create()).await.unwrap_err(),
        DriverProblem::Unattended
    );
}

#[tokio::test]
async fn attestations_carry_a_comment_and_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ecran.png");
    std::fs::write(&file, b"x").unwrap();
    let typed = format!("?\no\nvu\n/absent\n{}\nn\n\n\np\n\n\n", file.display());
    let (driver, shown) = person(&typed, Lang::Fr);
    let sentence = Text {
        fr: "Le nom est affiché".into(),
        en: "The name is shown".into(),
    };
    assert_eq!(
        driver.attest(&sentence).await,
        (
            Attestation::Yes,
            Some("vu [fichier : ecran.png]".to_owned())
        )
    );
    assert_eq!(driver.attest(&sentence).await, (Attestation::No, None));
    assert_eq!(
        driver.attest(&sentence).await,
        (Attestation::Unattended, None)
    );
    let screen = screen(driver, shown).await;
    assert!(screen.contains("Le nom est affiché") && screen.contains("ce fichier n'existe pas"));
}

#[tokio::test]
async fn a_person_who_does_not_answer_is_counted_down_then_left() {
    let (typed, reader) = tokio::io::duplex(64);
    let (mut shown, writer) = tokio::io::duplex(1 << 16);
    let driver = ManualDriver::new(
        Box::new(BufReader::new(reader)),
        Box::new(writer),
        Lang::Fr,
        Duration::from_millis(1_100),
    )
    .with_marks(&[2, 1]);
    let mut asked = create();
    asked.deadline_ms = 10;
    let problem = driver.act(&asked).await.unwrap_err();
    assert_eq!(
        problem,
        DriverProblem::Timeout {
            waited: "usager.create".into()
        }
    );
    drop((driver, typed));
    let mut text = String::new();
    shown.read_to_string(&mut text).await.unwrap();
    assert!(
        text.contains("Vous avez 1 s") && text.contains("il reste 1 s"),
        "{text}"
    );
}

#[tokio::test]
async fn nobody_there_is_never_an_error() {
    let driver = AnyDriver::Manual(ManualDriver::unattended(Lang::Fr));
    driver.reset().await.unwrap();
    assert_eq!(
        driver.act(&create()).await.unwrap_err(),
        DriverProblem::Unattended
    );
    let problem = driver
        .observe("usager", &BTreeMap::new())
        .await
        .unwrap_err();
    assert_eq!(problem, DriverProblem::Unattended);
    let sentence = Text {
        fr: "a".into(),
        en: "a".into(),
    };
    assert_eq!(
        driver.attest(&sentence).await,
        (Attestation::Unattended, None)
    );
}

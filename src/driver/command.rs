//! The `command` driver: the vendor's program is started once per action.
//!
//! It reads an [`ActionRequest`] on its standard input and prints an [`ActionAnswer`] as the last line
//! of its standard output. Exit code 0: the line is the answer; 3: it does not know this action; any
//! other: it failed. It runs in a process group of its own, killed whole at the deadline: a test suite
//! starts browsers and servers, which must not outlive it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use diapason_core::EvidenceLevel;
use diapason_core::driver::{
    ACTIONS, ActionAnswer, ActionRequest, ActionStatus, Capabilities, OBSERVATIONS,
};
use diapason_core::event::{Attestation, DriverProblem};
use diapason_core::requirement::Text;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::answer::{check_observation, check_result, crashed, garbage, parse, quoted};
use super::{Driver, DriverSetupError, MAX_ANSWER_BYTES, ObserveRequest, ResetRequest};

/// Exit code of a program that does not know the action.
pub(super) const EXIT_UNSUPPORTED: i32 = 3;
/// How much of the standard error is kept, its end.
const STDERR_KEPT: usize = 4096;
/// How long the pipes may stay open once the program has ended (a child of its own holds them).
const PIPE_GRACE: Duration = Duration::from_millis(500);

/// See the module.
#[derive(Debug)]
pub struct CommandDriver {
    command: Vec<String>,
    directory: PathBuf,
    env: BTreeMap<String, String>,
    mocks: BTreeMap<String, String>,
    patience: Duration,
    /// Scenario and step of the last action, for what follows it.
    place: Mutex<(String, u32)>,
}

impl CommandDriver {
    /// A program and its arguments, started in `directory`.
    pub fn new(command: Vec<String>, directory: PathBuf) -> Result<Self, DriverSetupError> {
        if command.is_empty() {
            return Err(DriverSetupError::EmptyCommand);
        }
        Ok(Self {
            command,
            directory,
            env: BTreeMap::new(),
            mocks: BTreeMap::new(),
            patience: Duration::from_secs(10),
            place: Mutex::new((String::new(), 0)),
        })
    }

    /// How long to wait for anything but an action.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Environment variables to add.
    #[must_use]
    pub fn with_env(mut self, env: BTreeMap<String, String>) -> Self {
        self.env = env;
        self
    }

    /// Addresses of the mocks: `insi.tlsm` becomes `DIAPASON_INSI_TLSM`.
    #[must_use]
    pub fn with_mocks(mut self, mocks: BTreeMap<String, String>) -> Self {
        self.mocks = mocks;
        self
    }

    fn place(&self) -> (String, u32) {
        self.place
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// A request that is no action of a step.
    fn own_request(&self, action: &str, params: Value) -> ActionRequest {
        let (scenario, step) = self.place();
        ActionRequest {
            action: action.to_owned(),
            params,
            scenario,
            step,
            deadline_ms: self.patience.as_millis() as u64,
        }
    }

    async fn run(&self, request: &ActionRequest) -> Result<ActionAnswer, DriverProblem> {
        let what = &request.action;
        let mut input = serde_json::to_vec(request).map_err(|e| garbage(e.to_string()))?;
        input.push(b'\n');
        let mut child = self.spawn(request)?;
        let group = Group::of(&child);
        let stdin = child.stdin.take();
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();

        let feed = async {
            if let Some(mut stdin) = stdin {
                // A program that does not read its input breaks the pipe: that is its right.
                let _ = stdin.write_all(&input).await;
            }
        };
        let out = async {
            match stdout {
                Some(pipe) => read_capped(pipe).await,
                None => Ok(Vec::new()),
            }
        };
        let mut tail = Vec::new();
        let err = async {
            if let Some(pipe) = stderr {
                read_tail(pipe, &mut tail).await;
            }
        };
        let deadline = Duration::from_millis(request.deadline_ms);
        let work = async {
            tokio::pin!(out);
            tokio::pin!(err);
            tokio::pin!(feed);
            let mut printed = None;
            let mut err_done = false;
            let mut feed_done = false;
            let status = loop {
                tokio::select! {
                    status = child.wait() => break status,
                    bytes = &mut out, if printed.is_none() => match bytes {
                        Ok(bytes) => printed = Some(bytes),
                        Err(TooLong) => return Err(garbage(format!(
                            "{what} : le programme écrit plus de {MAX_ANSWER_BYTES} octets"
                        ))),
                    },
                    () = &mut err, if !err_done => err_done = true,
                    () = &mut feed, if !feed_done => feed_done = true,
                }
            };
            let status = status.map_err(|e| crashed(format!("{what} : {e}")))?;
            let rest = async {
                let printed = match printed {
                    Some(bytes) => Ok(bytes),
                    None => out.await,
                };
                if !err_done {
                    err.await;
                }
                printed
            };
            match tokio::time::timeout(PIPE_GRACE, rest).await {
                Ok(Ok(bytes)) => Ok((status, bytes)),
                Ok(Err(TooLong)) => Err(garbage(format!(
                    "{what} : le programme écrit plus de {MAX_ANSWER_BYTES} octets"
                ))),
                Err(_) => Err(garbage(format!(
                    "{what} : le programme s'est terminé mais un processus qu'il a lancé garde sa sortie standard ouverte"
                ))),
            }
        };
        let outcome = tokio::time::timeout(deadline, work).await;
        let (status, printed) = match outcome {
            Ok(Ok(done)) => done,
            Ok(Err(problem)) => {
                group.kill();
                reap(&mut child).await;
                return Err(problem);
            }
            Err(_) => {
                group.kill();
                reap(&mut child).await;
                return Err(DriverProblem::Timeout {
                    waited: format!(
                        "{what}, {} ms (programme et descendants arrêtés)",
                        deadline.as_millis()
                    ),
                });
            }
        };
        group.leave();
        ended(what, status, &printed, &tail)
    }

    fn spawn(&self, request: &ActionRequest) -> Result<Child, DriverProblem> {
        let (program, arguments) = self
            .command
            .split_first()
            .ok_or_else(|| crashed("aucun programme".to_owned()))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.directory)
            .envs(&self.env)
            .env("DIAPASON_ACTION", &request.action)
            .env("DIAPASON_SCENARIO", &request.scenario)
            .env("DIAPASON_STEP", request.step.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        for (name, url) in &self.mocks {
            command.env(variable(name), url);
        }
        command.spawn().map_err(|error| {
            crashed(format!(
                "{} : « {program} » ne démarre pas : {error}",
                request.action
            ))
        })
    }
}

/// `insi.tlsm` to `DIAPASON_INSI_TLSM`.
fn variable(name: &str) -> String {
    let shaped: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect();
    format!("DIAPASON_{shaped}")
}

/// What an ended program said.
fn ended(
    what: &str,
    status: ExitStatus,
    printed: &[u8],
    tail: &[u8],
) -> Result<ActionAnswer, DriverProblem> {
    let line = last_line(printed);
    match status.code() {
        Some(0) if line.is_empty() => Err(garbage(format!(
            "{what} : le programme se termine bien mais n'a rien répondu"
        ))),
        Some(0) => {
            let answer: ActionAnswer = parse(what, line)?;
            check_result(what, &answer)?;
            Ok(answer)
        }
        Some(EXIT_UNSUPPORTED) => Ok(ActionAnswer {
            status: ActionStatus::Unsupported,
            message: parse::<ActionAnswer>(what, line)
                .ok()
                .and_then(|a| a.message),
            result: Value::Null,
        }),
        code => {
            let how = code.map_or_else(
                || "tué par un signal".to_owned(),
                |code| format!("code de sortie {code}"),
            );
            let said = String::from_utf8_lossy(tail);
            let lines: Vec<&str> = said
                .lines()
                .rev()
                .filter(|l| !l.trim().is_empty())
                .collect();
            let said = match lines.first() {
                None => "rien sur la sortie d'erreur".to_owned(),
                Some(last) => quoted(last),
            };
            Err(crashed(format!("{what} : {how} ; {said}")))
        }
    }
}

fn last_line(printed: &[u8]) -> &[u8] {
    printed
        .split(|b| *b == b'\n')
        .rfind(|line| !line.trim_ascii().is_empty())
        .unwrap_or_default()
}

struct TooLong;

async fn read_capped(mut pipe: impl AsyncRead + Unpin) -> Result<Vec<u8>, TooLong> {
    let mut all = Vec::new();
    let mut chunk = vec![0; 16 * 1024];
    loop {
        match pipe.read(&mut chunk).await {
            Ok(0) | Err(_) => return Ok(all),
            Ok(n) if all.len() + n > MAX_ANSWER_BYTES => return Err(TooLong),
            Ok(n) => all.extend_from_slice(&chunk[..n]),
        }
    }
}

async fn read_tail(mut pipe: impl AsyncRead + Unpin, tail: &mut Vec<u8>) {
    let mut chunk = vec![0; 4 * 1024];
    while let Ok(n) = pipe.read(&mut chunk).await {
        if n == 0 {
            return;
        }
        tail.extend_from_slice(&chunk[..n]);
        let excess = tail.len().saturating_sub(STDERR_KEPT);
        tail.drain(..excess);
    }
}

/// The process group of a program, killed when dropped unless the program was left in peace.
struct Group(std::cell::Cell<Option<Pid>>);

impl Group {
    fn of(child: &Child) -> Self {
        let pid = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        Self(std::cell::Cell::new(pid))
    }

    fn kill(&self) {
        if let Some(pid) = self.0.take() {
            // Already gone is what was wanted.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }

    /// The program ended by itself: its group id may be taken by another from now on.
    fn leave(&self) {
        self.0.set(None);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn reap(child: &mut Child) {
    // Killed: it cannot refuse to end, but a stopped disk can make it late.
    let _ = tokio::time::timeout(Duration::from_secs(2), child.wait()).await;
}

impl Driver for CommandDriver {
    fn name(&self) -> &'static str {
        "command"
    }

    fn evidence(&self) -> EvidenceLevel {
        EvidenceLevel::Declared
    }

    async fn capabilities(&self) -> Result<Capabilities, DriverProblem> {
        let request = self.own_request("capabilities", json!({}));
        let answer = self.run(&request).await?;
        match answer.status {
            ActionStatus::Done => serde_json::from_value(answer.result)
                .map_err(|e| garbage(format!("capabilities : {e}"))),
            // It does not say: everything is tried, and what it does not know is told action by action.
            ActionStatus::Unsupported => Ok(Capabilities {
                product: String::new(),
                version: String::new(),
                actions: ACTIONS.iter().map(|(n, _)| (*n).to_owned()).collect(),
                observations: OBSERVATIONS.iter().map(|(n, _)| (*n).to_owned()).collect(),
            }),
            ActionStatus::Refused | ActionStatus::Failed => Err(crashed(format!(
                "capabilities : {}",
                answer.message.unwrap_or_default()
            ))),
        }
    }

    async fn reset(&self) -> Result<(), DriverProblem> {
        let params = serde_json::to_value(ResetRequest {
            mocks: self.mocks.clone(),
        })
        .map_err(|e| garbage(e.to_string()))?;
        let answer = self.run(&self.own_request("reset", params)).await?;
        match answer.status {
            ActionStatus::Done => Ok(()),
            ActionStatus::Unsupported => Err(DriverProblem::Cannot {
                reason:
                    "le programme ne sait pas remettre le DUI dans son état initial (action reset)"
                        .to_owned(),
            }),
            ActionStatus::Refused | ActionStatus::Failed => Err(crashed(format!(
                "reset : {}",
                answer.message.unwrap_or_default()
            ))),
        }
    }

    async fn act(&self, request: &ActionRequest) -> Result<ActionAnswer, DriverProblem> {
        *self
            .place
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) =
            (request.scenario.clone(), request.step);
        self.run(request).await
    }

    async fn observe(
        &self,
        what: &str,
        query: &BTreeMap<String, Value>,
    ) -> Result<Value, DriverProblem> {
        let params = serde_json::to_value(ObserveRequest {
            what: what.to_owned(),
            query: query.clone(),
        })
        .map_err(|e| garbage(e.to_string()))?;
        let answer = self.run(&self.own_request("observe", params)).await?;
        let told = answer.message.unwrap_or_default();
        match answer.status {
            ActionStatus::Done => {
                check_observation(what, &answer.result)?;
                Ok(answer.result)
            }
            ActionStatus::Unsupported | ActionStatus::Refused => Err(DriverProblem::Cannot {
                reason: format!("observation {what} : {told}"),
            }),
            ActionStatus::Failed => Err(crashed(format!("observation {what} : {told}"))),
        }
    }

    async fn attest(&self, _sentence: &Text) -> (Attestation, Option<String>) {
        (Attestation::Unattended, None)
    }

    async fn announce(&self, _text: &Text) {}
}

//! The `manual` driver: a person acts on the DUI and says what he sees.
//!
//! Nobody there (input that is no terminal, `--unattended`) is never an error: the action is
//! [`DriverProblem::Unattended`], and the scenario inconclusive.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use diapason_core::EvidenceLevel;
use diapason_core::driver::{
    ACTIONS, ActionAnswer, ActionRequest, ActionStatus, Capabilities, OBSERVATIONS,
    observation_schema, result_schema,
};
use diapason_core::event::{Attestation, DriverProblem};
use diapason_core::requirement::{Lang, Text};
use serde_json::{Map, Value};
use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Driver;
use super::console::{Console, NoAnswer, initial};
use super::form::fill;

/// See the module.
#[derive(Debug)]
pub struct ManualDriver {
    /// `None` when nobody is there.
    desk: Option<Mutex<Desk>>,
    minimum: Duration,
}

#[derive(Debug)]
struct Desk {
    console: Console,
    /// What was last said of each person of the DUI, by id: proposed again as answers.
    known: BTreeMap<String, Map<String, Value>>,
}

/// Standard input and output, for [`ManualDriver::new`]. Lines are read by a thread of their own, so
/// that a question left unanswered does not hold the program back when it ends. To be called inside
/// a tokio runtime.
pub fn terminal() -> (
    Box<dyn AsyncBufRead + Send + Unpin>,
    Box<dyn AsyncWrite + Send + Unpin>,
) {
    let (mut sender, receiver) = tokio::io::duplex(64 * 1024);
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let Ok(mut line) = line else { return };
            line.push('\n');
            if runtime.block_on(sender.write_all(line.as_bytes())).is_err() {
                return;
            }
        }
    });
    (
        Box::new(BufReader::new(receiver)),
        Box::new(tokio::io::stdout()),
    )
}

impl ManualDriver {
    /// A person who reads `writer` and types into `reader`; he has at least `minimum` for each thing.
    pub fn new(
        reader: Box<dyn AsyncBufRead + Send + Unpin>,
        writer: Box<dyn AsyncWrite + Send + Unpin>,
        lang: Lang,
        minimum: Duration,
    ) -> Self {
        Self {
            desk: Some(Mutex::new(Desk {
                console: Console::new(reader, writer, lang),
                known: BTreeMap::new(),
            })),
            minimum,
        }
    }

    /// Nobody.
    pub fn unattended(_lang: Lang) -> Self {
        Self {
            desk: None,
            minimum: Duration::ZERO,
        }
    }

    /// When the countdown speaks, in seconds left.
    #[cfg(test)]
    pub(super) fn with_marks(mut self, marks: &'static [u64]) -> Self {
        if let Some(desk) = &mut self.desk {
            desk.get_mut().console.marks = marks;
        }
        self
    }

    fn until(&self) -> Instant {
        Instant::now() + self.minimum
    }
}

impl NoAnswer {
    fn problem(self, waited: &str) -> DriverProblem {
        match self {
            Self::Closed => DriverProblem::Unattended,
            Self::TooLate => DriverProblem::Timeout {
                waited: waited.to_owned(),
            },
        }
    }
}

impl Desk {
    /// What the operator is told of an action.
    async fn show(&mut self, request: &ActionRequest, time: Duration) {
        let console = &mut self.console;
        let says = ACTIONS
            .iter()
            .find(|(name, _)| *name == request.action)
            .map_or("", |(_, says)| says.split(':').next().unwrap_or_default());
        let step = console.t("étape", "step");
        let action = console.t("Action", "Action");
        let seconds = time.as_secs();
        let head = format!("\n--- {}, {step} {} ---", request.scenario, request.step);
        console.line(&head).await;
        console
            .line(&format!("{action} : {} ({says})", request.action))
            .await;
        if let Some(params) = request.params.as_object() {
            for (name, value) in params {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                console.line(&format!("    {name} : {value}")).await;
            }
        }
        let text = match console.lang {
            Lang::Fr => format!("Vous avez {seconds} s."),
            Lang::En => format!("You have {seconds} s."),
        };
        console.line(&text).await;
    }

    /// The answers to propose: what is known of the person, then the parameters.
    fn proposals(&self, request: &ActionRequest) -> Map<String, Value> {
        let mut proposals = Map::new();
        let params = request.params.as_object().cloned().unwrap_or_default();
        if let Some(id) = params.get("usager").and_then(Value::as_str) {
            if let Some(known) = self.known.get(id) {
                proposals.extend(known.clone());
            }
            proposals.insert("id".to_owned(), Value::from(id));
        }
        if let Some(changes) = params.get("changements").and_then(Value::as_object) {
            proposals.extend(changes.clone());
        }
        proposals.extend(params);
        proposals
    }

    fn remember(&mut self, result: &Value) {
        for view in [result, &result["usager"]] {
            if let (Some(id), Some(fields)) = (view["id"].as_str(), view.as_object()) {
                self.known.insert(id.to_owned(), fields.clone());
            }
        }
    }

    async fn act(
        &mut self,
        request: &ActionRequest,
        until: Instant,
    ) -> Result<ActionAnswer, DriverProblem> {
        let late = |end: NoAnswer| end.problem(&request.action);
        let prompt = self.console.t(
            "[f] fait  [r] refusé par le logiciel  [i] impossible  [n] non applicable :",
            "[f] done  [r] refused by the software  [i] cannot be done  [n] not applicable :",
        );
        let choice = loop {
            let line = self.console.ask(prompt, until).await.map_err(late)?;
            if let Some(choice @ ('f' | 'r' | 'i' | 'n')) = initial(&line) {
                break choice;
            }
            let again = self
                .console
                .t("répondez par f, r, i ou n", "answer f, r, i or n");
            self.console.line(again).await;
        };
        let said = match choice {
            'f' => self.console.t(
                "Message affiché à l'écran (facultatif) :",
                "Message on screen (optional):",
            ),
            'r' => self
                .console
                .t("Message affiché à l'écran :", "Message on screen:"),
            _ => self.console.t("Pourquoi :", "Why:"),
        };
        let text = self.console.ask(said, until).await.map_err(late)?;
        match choice {
            'i' => return Err(DriverProblem::Cannot { reason: text }),
            'n' => return Err(DriverProblem::NotApplicable { reason: text }),
            _ => {}
        }
        let message = (!text.is_empty()).then_some(text);
        if choice == 'r' {
            return Ok(ActionAnswer {
                status: ActionStatus::Refused,
                message,
                result: Value::Null,
            });
        }
        let mut result = Value::Null;
        if let Some(schema) = result_schema(&request.action) {
            let ask = self.console.t(
                "Relevez ce que montre le logiciel ([Entrée] garde la valeur entre crochets) :",
                "Copy what the software shows ([Enter] keeps the value in brackets):",
            );
            self.console.line(ask).await;
            let proposals = self.proposals(request);
            result = fill(&mut self.console, schema.as_value(), &proposals, until)
                .await
                .map_err(late)?;
            self.remember(&result);
        }
        Ok(ActionAnswer {
            status: ActionStatus::Done,
            message,
            result,
        })
    }

    async fn attest(
        &mut self,
        sentence: &Text,
        until: Instant,
    ) -> Result<(Attestation, Option<String>), NoAnswer> {
        let console = &mut self.console;
        let ask = console.t("Confirmez-vous que :", "Do you confirm that:");
        console.line(ask).await;
        let lang = console.lang;
        console.line(&format!("    {}", sentence.get(lang))).await;
        let prompt = console.t(
            "[o] oui  [n] non  [p] je ne peux pas le dire :",
            "[y] yes  [n] no  [p] I cannot tell :",
        );
        let answer = loop {
            match initial(&console.ask(prompt, until).await?) {
                Some('o' | 'y') => break Attestation::Yes,
                Some('n') => break Attestation::No,
                Some('p') => break Attestation::Unattended,
                _ => {
                    let again = console.t("répondez par o, n ou p", "answer y, n or p");
                    console.line(again).await;
                }
            }
        };
        let prompt = console.t("Commentaire (facultatif) :", "Comment (optional):");
        let mut comment = console.ask(prompt, until).await?;
        let prompt = console.t(
            "Fichier à citer, par exemple une copie d'écran (chemin, facultatif) :",
            "File to quote, such as a screenshot (path, optional):",
        );
        loop {
            let path = console.ask(prompt, until).await?;
            if path.is_empty() {
                break;
            }
            if Path::new(&path).is_file() {
                let name = Path::new(&path)
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy();
                let quoted = format!("[fichier : {name}]");
                comment = [comment, quoted].join(" ").trim_start().into();
                break;
            }
            let again = console.t("ce fichier n'existe pas", "no such file");
            console.line(again).await;
        }
        Ok((answer, (!comment.is_empty()).then_some(comment)))
    }
}

impl Driver for ManualDriver {
    fn name(&self) -> &'static str {
        "manual"
    }

    fn evidence(&self) -> EvidenceLevel {
        EvidenceLevel::Attested
    }

    async fn capabilities(&self) -> Result<Capabilities, DriverProblem> {
        let names = |list: &[(&str, &str)]| list.iter().map(|(n, _)| (*n).to_owned()).collect();
        Ok(Capabilities {
            product: String::new(),
            version: String::new(),
            actions: names(ACTIONS),
            observations: names(OBSERVATIONS),
        })
    }

    async fn reset(&self) -> Result<(), DriverProblem> {
        if let Some(desk) = &self.desk {
            desk.lock().await.known.clear();
        }
        Ok(())
    }

    async fn act(&self, request: &ActionRequest) -> Result<ActionAnswer, DriverProblem> {
        let Some(desk) = &self.desk else {
            return Err(DriverProblem::Unattended);
        };
        let time = Duration::from_millis(request.deadline_ms).max(self.minimum);
        let until = Instant::now() + time;
        let mut desk = desk.lock().await;
        desk.show(request, time).await;
        desk.act(request, until).await
    }

    async fn observe(
        &self,
        what: &str,
        query: &BTreeMap<String, Value>,
    ) -> Result<Value, DriverProblem> {
        let Some(desk) = &self.desk else {
            return Err(DriverProblem::Unattended);
        };
        let Some(schema) = observation_schema(what) else {
            return Err(DriverProblem::Cannot {
                reason: format!("observation {what} inconnue"),
            });
        };
        let until = self.until();
        let mut desk = desk.lock().await;
        let mut known = Map::new();
        if let Some(id) = query.get("id").and_then(Value::as_str) {
            known = desk.known.get(id).cloned().unwrap_or_default();
            known.insert("id".to_owned(), Value::from(id));
        }
        let asked: Vec<String> = query.iter().map(|(k, v)| format!("{k} = {v}")).collect();
        let ask = desk.console.t(
            "Relevez ce que montre le logiciel :",
            "Copy what the software shows:",
        );
        let head = format!("{ask} {what} {}", asked.join(", "));
        desk.console.line(head.trim_end()).await;
        let value = fill(&mut desk.console, schema.as_value(), &known, until)
            .await
            .map_err(|end| end.problem(what))?;
        desk.remember(&value);
        Ok(value)
    }

    async fn attest(&self, sentence: &Text) -> (Attestation, Option<String>) {
        let Some(desk) = &self.desk else {
            return (Attestation::Unattended, None);
        };
        let until = self.until();
        desk.lock()
            .await
            .attest(sentence, until)
            .await
            .unwrap_or((Attestation::Unattended, None))
    }

    async fn announce(&self, text: &Text) {
        if let Some(desk) = &self.desk {
            let mut desk = desk.lock().await;
            let lang = desk.console.lang;
            desk.console.line(&format!("\n> {}", text.get(lang))).await;
        }
    }
}

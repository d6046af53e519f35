//! The `http` driver: the vendor's adapter answers `GET /capabilities`, `POST /reset`,
//! `POST /actions/{name}` and `GET /observations/{what}`.

use std::collections::BTreeMap;
use std::time::Duration;

use diapason_core::EvidenceLevel;
use diapason_core::driver::{ActionAnswer, ActionRequest, ActionStatus, Capabilities, Observation};
use diapason_core::event::{Attestation, DriverProblem};
use diapason_core::requirement::Text;
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

use super::answer::{check_observation, check_result, crashed, garbage, parse, quoted};
use super::{Driver, DriverSetupError, MAX_ANSWER_BYTES, ResetRequest};

/// See the module.
#[derive(Debug)]
pub struct HttpDriver {
    base: Url,
    client: reqwest::Client,
    patience: Duration,
    mocks: BTreeMap<String, String>,
}

/// An answer, read to its end.
struct Answer {
    status: StatusCode,
    content_type: String,
    body: Vec<u8>,
}

impl HttpDriver {
    /// An adapter at `url`; another machine than this one only with `allow_remote`.
    pub fn new(url: &str, allow_remote: bool) -> Result<Self, DriverSetupError> {
        let bad = || DriverSetupError::BadUrl {
            url: url.to_owned(),
        };
        let mut base = Url::parse(url).map_err(|_| bad())?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(bad());
        }
        if !allow_remote && !is_loopback(&base) {
            return Err(DriverSetupError::Remote {
                url: url.to_owned(),
            });
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        // Another part of the process may have installed one: the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(DriverSetupError::Client)?;
        Ok(Self {
            base,
            client,
            patience: Duration::from_secs(10),
            mocks: BTreeMap::new(),
        })
    }

    /// How long to wait for anything but an action.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Addresses told to the adapter at each reset.
    #[must_use]
    pub fn with_mocks(mut self, mocks: BTreeMap<String, String>) -> Self {
        self.mocks = mocks;
        self
    }

    async fn call(
        &self,
        method: Method,
        segments: &[&str],
        query: &BTreeMap<String, Value>,
        body: Option<Value>,
        deadline: Duration,
    ) -> Result<Answer, DriverProblem> {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        for (key, value) in query {
            let value = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            url.query_pairs_mut().append_pair(key, &value);
        }
        let what = format!("{method} {}", url.path());
        let mut request = self
            .client
            .request(method, url)
            .header(reqwest::header::ACCEPT, "application/json");
        if let Some(body) = body {
            request = request.json(&body);
        }
        let exchange = async {
            let mut response = request.send().await.map_err(|error| {
                crashed(format!(
                    "{what} : le pilote ne répond pas ({})",
                    root(&error)
                ))
            })?;
            let status = response.status();
            let content_type = response
                .headers()
                .get(reqwest::header::CONTENT_TYPE)
                .and_then(|v| v.to_str().ok())
                .unwrap_or_default()
                .to_owned();
            let mut body = Vec::new();
            loop {
                let chunk = response.chunk().await.map_err(|error| {
                    crashed(format!("{what} : réponse interrompue ({})", root(&error)))
                })?;
                let Some(chunk) = chunk else { break };
                if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                    return Err(garbage(format!(
                        "{what} : la réponse dépasse {MAX_ANSWER_BYTES} octets"
                    )));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Answer {
                status,
                content_type,
                body,
            })
        };
        tokio::time::timeout(deadline, exchange)
            .await
            .map_err(|_| DriverProblem::Timeout {
                waited: format!("{what}, {} ms", deadline.as_millis()),
            })?
    }
}

/// The innermost cause says more than reqwest's own sentence.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

impl Answer {
    /// The text of an error answer: `{"error": "..."}` or the body itself.
    fn complaint(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let told = serde_json::from_str::<Value>(&text)
            .ok()
            .and_then(|v| Some(v.get("error")?.as_str()?.to_owned()));
        match told {
            Some(told) => told,
            None if text.trim().is_empty() => "sans explication".to_owned(),
            None => quoted(&text),
        }
    }

    /// The JSON body of a 200.
    fn json<T: serde::de::DeserializeOwned>(&self, what: &str) -> Result<T, DriverProblem> {
        self.expect_success(what)?;
        if self.status != StatusCode::OK {
            return Err(garbage(format!(
                "{what} : statut {} au lieu de 200",
                self.status
            )));
        }
        let essence = self
            .content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            let given = if essence.is_empty() {
                "absent"
            } else {
                essence
            };
            return Err(garbage(format!(
                "{what} : Content-Type {given} au lieu de application/json : {}",
                quoted(&String::from_utf8_lossy(&self.body))
            )));
        }
        parse(what, &self.body)
    }

    fn expect_success(&self, what: &str) -> Result<(), DriverProblem> {
        if self.status.is_server_error() {
            return Err(crashed(format!(
                "{what} : statut {} ; {}",
                self.status,
                self.complaint()
            )));
        }
        if !self.status.is_success() {
            return Err(garbage(format!(
                "{what} : statut {} ; {}",
                self.status,
                self.complaint()
            )));
        }
        Ok(())
    }

    /// 404 and 501: the adapter does not know the name.
    fn is_unknown(&self) -> bool {
        self.status == StatusCode::NOT_FOUND || self.status == StatusCode::NOT_IMPLEMENTED
    }
}

impl Driver for HttpDriver {
    fn name(&self) -> &'static str {
        "http"
    }

    fn evidence(&self) -> EvidenceLevel {
        EvidenceLevel::Declared
    }

    async fn capabilities(&self) -> Result<Capabilities, DriverProblem> {
        let none = BTreeMap::new();
        self.call(Method::GET, &["capabilities"], &none, None, self.patience)
            .await?
            .json("capabilities")
    }

    async fn reset(&self) -> Result<(), DriverProblem> {
        let body = serde_json::to_value(ResetRequest {
            mocks: self.mocks.clone(),
        })
        .map_err(|e| garbage(e.to_string()))?;
        let none = BTreeMap::new();
        self.call(Method::POST, &["reset"], &none, Some(body), self.patience)
            .await?
            .expect_success("reset")
    }

    async fn act(&self, request: &ActionRequest) -> Result<ActionAnswer, DriverProblem> {
        let body = serde_json::to_value(request).map_err(|e| garbage(e.to_string()))?;
        let deadline = Duration::from_millis(request.deadline_ms);
        let none = BTreeMap::new();
        let segments = ["actions", request.action.as_str()];
        let answer = self
            .call(Method::POST, &segments, &none, Some(body), deadline)
            .await?;
        if answer.is_unknown() {
            return Ok(ActionAnswer {
                status: ActionStatus::Unsupported,
                message: Some(answer.complaint()),
                result: Value::Null,
            });
        }
        let answer: ActionAnswer = answer.json(&request.action)?;
        check_result(&request.action, &answer)?;
        Ok(answer)
    }

    async fn observe(
        &self,
        what: &str,
        query: &BTreeMap<String, Value>,
    ) -> Result<Value, DriverProblem> {
        let answer = self
            .call(
                Method::GET,
                &["observations", what],
                query,
                None,
                self.patience,
            )
            .await?;
        if answer.is_unknown() {
            return Err(DriverProblem::Cannot {
                reason: format!("observation {what} : {}", answer.complaint()),
            });
        }
        let observation: Observation = answer.json(what)?;
        if observation.what != what {
            return Err(garbage(format!(
                "observation {what} : la réponse parle de {}",
                quoted(&observation.what)
            )));
        }
        check_observation(what, &observation.value)?;
        Ok(observation.value)
    }

    async fn attest(&self, _sentence: &Text) -> (Attestation, Option<String>) {
        (Attestation::Unattended, None)
    }

    async fn announce(&self, _text: &Text) {}
}

//! Messages without their exchange: INSi requests and tokens.
//!
//! A file tells nothing of the connection, the clock or the answer: rules that need those are left out, and the report says so.

use std::collections::BTreeSet;

use diapason_core::requirement::Lang;
use diapason_core::rule::{Check, Rule};
use diapason_core::{Exchange, ExchangeId, Level, RuleId, Service, Sha256Hex, Timestamp};
use diapason_formats::http::Request as HttpRequest;
use diapason_formats::insi::request::Request as InsiRequest;
use diapason_rules::document::OWN_PACK;
use diapason_rules::{Judge, SeenExchange};
use serde_json::Value;

use super::outcome::{FileReport, FindingLine, Open};

/// Facts that only an exchange has, wherever they stand.
const OF_THE_EXCHANGE: &[&str] = &["temps_skew_s", "age_s", "emetteur_matches_ou"];
/// Facts that a lone envelope does not have.
const OF_HTTP: &[&str] = &["content_type_action_equal"];

/// The rules over INSi requests that a file can be judged by.
pub(super) struct Exchanges {
    judge: Judge,
    /// Rules that an envelope alone can be judged by.
    alone: BTreeSet<RuleId>,
    /// Rules that a raw HTTP request can be judged by.
    with_http: BTreeSet<RuleId>,
    all: usize,
}

impl Exchanges {
    pub(super) fn new(rules: &[Rule]) -> Result<Self, String> {
        let judge = Judge::new(rules).map_err(|e| e.to_string())?;
        let (mut alone, mut with_http, mut all) = (BTreeSet::new(), BTreeSet::new(), 0);
        for rule in rules {
            let Check::Schema { on, facts } = &rule.check else {
                continue;
            };
            if on.service != Service::Insi {
                continue;
            }
            all += 1;
            let mut used = Used::default();
            used.schema(facts, true);
            if let Some(when) = &on.when {
                used.schema(when, true);
            }
            let only = |roots: &[&str], but: &[&str]| {
                used.roots.iter().all(|r| roots.contains(&r.as_str()))
                    && !used.names.iter().any(|n| but.contains(&n.as_str()))
            };
            if only(&["insi", "body", "operation", "http"], OF_THE_EXCHANGE) {
                with_http.insert(rule.id.clone());
            }
            let but = [OF_THE_EXCHANGE, OF_HTTP].concat();
            if only(&["insi", "body", "operation"], &but) {
                alone.insert(rule.id.clone());
            }
        }
        Ok(Self {
            judge,
            alone,
            with_http,
            all,
        })
    }

    /// Judges an INSi request, raw or alone; any other SOAP request is said not to be judged yet.
    pub(super) fn judge(&self, bytes: &[u8], lang: Lang, report: &mut FileReport) {
        let parsed = HttpRequest::parse(bytes);
        let is_http = parsed.malformed.is_none();
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let body = if is_http { &parsed.body[..] } else { bytes };
        if !is_insi(body) {
            report.leave_open(
                Open::NotJudgedYet,
                match lang {
                    Lang::Fr => "une requête SOAP d'un autre service que l'INSi n'est pas encore jugée : son juge arrive avec la famille DMP",
                    Lang::En => "a SOAP request to another service than INSi is not judged yet: its judge arrives with the DMP family",
                },
            );
            return;
        }
        let request = if is_http {
            bytes.to_vec()
        } else {
            [&b"POST /lps HTTP/1.1\r\n\r\n"[..], body].concat()
        };
        let action = parsed.content_type().and_then(|c| c.action);
        let insi = InsiRequest::parse(body).unwrap_or_default();
        let has_assertion = insi.security.is_some();
        let exchange = Exchange {
            id: ExchangeId(1),
            service: Service::Insi,
            listener: if has_assertion { "tls" } else { "tlsm" }.to_owned(),
            operation: insi.operation(action.as_deref()).to_owned(),
            connection: 1,
            peer: String::new(),
            tls: None,
            request: Sha256Hex::of(&request),
            request_len: request.len() as u64,
            // No rule that looks at the time is asked.
            received_at: Timestamp::from_unix_millis(0),
            persona: None,
            presented: std::collections::BTreeMap::new(),
            malformed: None,
        };
        let facts = diapason_formats::facts(&exchange, &request, None);
        let seen = SeenExchange {
            exchange,
            answer: None,
            facts,
            request,
            response: Vec::new(),
            step: None,
        };
        let asked = if is_http {
            &self.with_http
        } else {
            &self.alone
        };
        let (findings, checks) = self.judge.judge_exchange(&seen);
        for (rule, count) in checks {
            if asked.contains(&rule) {
                report
                    .checks
                    .entry(OWN_PACK.to_owned())
                    .or_default()
                    .insert(rule.to_string(), count);
            }
        }
        for finding in findings {
            if asked.contains(&finding.rule) {
                report.findings.push(FindingLine {
                    pack: OWN_PACK.to_owned(),
                    rule: finding.rule.to_string(),
                    level: finding.level,
                    line: None,
                    column: None,
                    path: finding.place.path,
                    text: None,
                    expected: finding.expected,
                    observed: finding.observed,
                    hint: None,
                    requirements: Vec::new(),
                    origin: None,
                    excerpt: None,
                });
            }
        }
        let left = self.all - asked.len();
        report.model = Some(format!("INSi {}", seen.exchange.operation));
        report.notes.push(match lang {
            Lang::Fr => format!("{left} règles INSi demandent l'échange entier (TLS, horloge, réponse, en-têtes absents d'un fichier) : `diapason run` les juge"),
            Lang::En => format!("{left} INSi rules need the whole exchange (TLS, clock, answer, headers that a file lacks): `diapason run` judges them"),
        });
    }
}

/// Is this meant for INSi? The names it uses tell, well formed or not.
fn is_insi(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    [
        "ServiceIdentiteCertifiee",
        "cnamts.fr/INSi",
        "RECSANSVITALE",
        "RECAVECVITALE",
    ]
    .iter()
    .any(|name| text.contains(name))
}

/// What a schema looks at: members of the outermost value, and every member named anywhere.
#[derive(Default)]
struct Used {
    roots: BTreeSet<String>,
    names: BTreeSet<String>,
}

impl Used {
    fn schema(&mut self, schema: &Value, outermost: bool) {
        let Value::Object(map) = schema else {
            return;
        };
        for (key, value) in map {
            match (key.as_str(), value) {
                ("properties", Value::Object(members)) => {
                    for (name, inner) in members {
                        self.name(name, outermost);
                        self.schema(inner, false);
                    }
                }
                ("required", Value::Array(names)) => {
                    for name in names.iter().filter_map(Value::as_str) {
                        self.name(name, outermost);
                    }
                }
                ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                    for inner in schemas {
                        self.schema(inner, outermost);
                    }
                }
                ("not" | "if" | "then" | "else", inner) => self.schema(inner, outermost),
                (_, Value::Object(_)) => self.schema(value, false),
                (_, Value::Array(items)) => {
                    for inner in items {
                        self.schema(inner, false);
                    }
                }
                _ => {}
            }
        }
    }

    fn name(&mut self, name: &str, outermost: bool) {
        if outermost {
            self.roots.insert(name.to_owned());
        }
        self.names.insert(name.to_owned());
    }
}

/// The token itself, without what may stand before it.
pub(super) fn token(bytes: &[u8]) -> &[u8] {
    let bytes = bytes
        .strip_prefix(b"\xEF\xBB\xBF")
        .unwrap_or(bytes)
        .trim_ascii();
    bytes.strip_prefix(b"Bearer ").unwrap_or(bytes).trim_ascii()
}

/// The envelope of a raw request, or the bytes themselves when they are no HTTP.
pub(super) fn envelope(bytes: &[u8]) -> &[u8] {
    let len = HttpRequest::parse(bytes).body.len();
    &bytes[bytes.len().saturating_sub(len)..]
}

/// A finding of a schema of ours, without a place.
pub(super) fn plain(pack: &str, rule: &str, expected: String, observed: String) -> FindingLine {
    FindingLine {
        pack: pack.to_owned(),
        rule: rule.to_owned(),
        level: Level::Error,
        line: None,
        column: None,
        path: None,
        text: None,
        expected,
        observed,
        hint: None,
        requirements: Vec::new(),
        origin: None,
        excerpt: None,
    }
}

/// Adds findings of a schema, and that it was looked at.
pub(super) fn add(report: &mut FileReport, pack: &str, rule: &str, findings: Vec<FindingLine>) {
    *report
        .checks
        .entry(pack.to_owned())
        .or_default()
        .entry(rule.to_owned())
        .or_default() += 1;
    report.findings.extend(findings);
}

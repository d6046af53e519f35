//! Messages without their exchange: INSi and DMP requests, and tokens.
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

use super::dmp;
use super::outcome::{FileReport, FindingLine, Open};

/// Facts that only an exchange has, wherever they stand.
const OF_THE_EXCHANGE: &[&str] = &[
    "temps_skew_s",
    "age_s",
    "emetteur_matches_ou",
    "same_holder_as_tls",
    "same_key_as_tls",
    "same_authority_as_tls",
    "valid_now",
];
/// Facts that a lone envelope does not have.
const OF_HTTP: &[&str] = &["content_type_action_equal"];

/// The rules over requests of one service that a file can be judged by.
#[derive(Default)]
struct Asked {
    /// Rules that an envelope alone can be judged by.
    alone: BTreeSet<RuleId>,
    /// Rules that a raw HTTP request can be judged by.
    with_http: BTreeSet<RuleId>,
    /// Rules that need more than a file.
    left: usize,
}

impl Asked {
    /// `facts` is the member of the facts that is of the service.
    fn new(rules: &[Rule], service: Service, facts: &str) -> Self {
        let mut asked = Self::default();
        for rule in rules {
            let (on, schema) = match &rule.check {
                Check::Schema { on, facts } if on.service == service => (on, facts),
                Check::Rust { on } if *on == service => {
                    asked.left += 1;
                    continue;
                }
                _ => continue,
            };
            let mut used = Used::default();
            used.schema(schema, true);
            if let Some(when) = &on.when {
                used.schema(when, true);
            }
            let only = |roots: &[&str], but: &[&str]| {
                used.roots.iter().all(|r| roots.contains(&r.as_str()))
                    && !used.names.iter().any(|n| but.contains(&n.as_str()))
            };
            if only(&[facts, "body", "operation", "http"], OF_THE_EXCHANGE) {
                asked.with_http.insert(rule.id.clone());
            } else {
                asked.left += 1;
            }
            let but = [OF_THE_EXCHANGE, OF_HTTP].concat();
            if only(&[facts, "body", "operation"], &but) {
                asked.alone.insert(rule.id.clone());
            }
        }
        asked
    }

    /// How many rules a file of that kind leaves out.
    fn left_for(&self, is_http: bool) -> usize {
        if is_http {
            self.left
        } else {
            self.left + self.with_http.len() - self.alone.len()
        }
    }
}

/// The rules over requests that a file can be judged by.
pub(super) struct Exchanges {
    judge: Judge,
    insi: Asked,
    dmp: Asked,
}

impl Exchanges {
    pub(super) fn new(rules: &[Rule]) -> Result<Self, String> {
        Ok(Self {
            judge: Judge::new(rules).map_err(|e| e.to_string())?,
            insi: Asked::new(rules, Service::Insi, "insi"),
            dmp: Asked::new(rules, Service::Dmp, "dmp"),
        })
    }

    /// Judges an INSi or a DMP request, raw or alone, by its facts; any other SOAP request is said not to be judged.
    /// True for a request of the DMP: what it is made of is judged apart.
    pub(super) fn judge(&self, bytes: &[u8], lang: Lang, report: &mut FileReport) -> bool {
        let parsed = HttpRequest::parse(bytes);
        let is_http = parsed.malformed.is_none();
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let body = if is_http { &parsed.body[..] } else { bytes };
        let of_insi = is_insi(body);
        if !of_insi && !dmp::is_dmp(bytes) {
            report.leave_open(
                Open::NotJudgedYet,
                match lang {
                    Lang::Fr => {
                        "aucune famille de Diapason ne juge une requête SOAP d'un autre service que l'INSi et le DMP"
                    }
                    Lang::En => {
                        "no family of Diapason judges a SOAP request to another service than INSi and the DMP"
                    }
                },
            );
            return false;
        }
        let (service, asked) = if of_insi {
            (Service::Insi, &self.insi)
        } else {
            (Service::Dmp, &self.dmp)
        };
        let request = if is_http {
            bytes.to_vec()
        } else {
            [&b"POST / HTTP/1.1\r\n\r\n"[..], body].concat()
        };
        let (listener, operation) = if of_insi {
            let action = parsed.content_type().and_then(|c| c.action);
            let insi = InsiRequest::parse(body).unwrap_or_default();
            let listener = if insi.security.is_some() {
                "tls"
            } else {
                "tlsm"
            };
            (listener, insi.operation(action.as_deref()).to_owned())
        } else {
            let operation = dmp::Places::of(bytes).operation;
            (
                "tlsm",
                operation.map_or("unknown", |o| o.as_str()).to_owned(),
            )
        };
        let exchange = Exchange {
            id: ExchangeId(1),
            service,
            listener: listener.to_owned(),
            operation,
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
        self.take(&seen, is_http, asked, report);
        let (name, left) = (
            if of_insi { "INSi" } else { "DMP" },
            asked.left_for(is_http),
        );
        report.model = Some(format!("{name} {}", seen.exchange.operation));
        report.notes.push(match lang {
            Lang::Fr => format!("{left} règles {name} demandent l'échange entier (TLS, horloge, réponse, en-têtes absents d'un fichier, appels précédents) : `diapason run` les juge"),
            Lang::En => format!("{left} {name} rules need the whole exchange (TLS, clock, answer, headers that a file lacks, earlier calls): `diapason run` judges them"),
        });
        !of_insi
    }

    /// What the rules asked say of the facts.
    fn take(&self, seen: &SeenExchange, is_http: bool, asked: &Asked, report: &mut FileReport) {
        let asked = if is_http {
            &asked.with_http
        } else {
            &asked.alone
        };
        let (findings, checks) = self.judge.judge_exchange(seen);
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

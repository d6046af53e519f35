//! `report.html`: one page, nothing fetched, printable. Bytes are shown redacted and cut.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::sync::Arc;

use diapason_core::requirement::Lang;
use diapason_core::{ExchangeId, Level, Sha256Hex};
use diapason_rules::Campaign;
use diapason_rules::record::SeenExchange;
use diapason_rules::redact::redact_http;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, context};
use serde::Serialize;

use super::model::{RequirementLine, RequirementStatus};
use super::words::{LABELS, label};
use super::{Report, ReportError, diagram};

/// Most characters of a message shown; the blob holds all of it.
const LONGEST: usize = 6_000;

const PAGE: &str = include_str!("templates/page.html");
const STYLE: &str = include_str!("templates/style.css");
const SCRIPT: &str = include_str!("templates/filter.js");

/// Bytes of an exchange, as shown.
#[derive(Debug, Serialize)]
struct Shown {
    request: Message,
    response: Option<Message>,
}

#[derive(Debug, Serialize)]
struct Message {
    text: String,
    cut: bool,
    blob: Sha256Hex,
    /// An earlier exchange that shows the same bytes.
    same_as: Option<String>,
}

/// The bytes of one exchange: request, answer.
#[derive(Debug)]
pub(super) struct Bytes {
    id: ExchangeId,
    request: (Sha256Hex, Vec<u8>),
    response: Option<(Sha256Hex, Vec<u8>)>,
}

/// The bytes of a campaign, by scenario, cut to what can be shown; the rest of it is let go.
pub(super) fn bytes_of(campaign: Campaign) -> Vec<Vec<Bytes>> {
    let head = |mut bytes: Vec<u8>| {
        // One byte more than is shown tells that there was more.
        bytes.truncate(LONGEST * 2 + 1);
        bytes.shrink_to_fit();
        bytes
    };
    let one = |x: SeenExchange| Bytes {
        id: x.exchange.id,
        request: (x.exchange.request, head(x.request)),
        response: x
            .answer
            .and_then(|a| a.response)
            .map(|blob| (blob, head(x.response))),
    };
    campaign
        .scenarios
        .into_iter()
        .map(|s| s.exchanges.into_iter().map(one).collect())
        .collect()
}

pub(super) fn render(
    report: &Arc<Report>,
    bytes: Vec<Vec<Bytes>>,
    lang: Lang,
    out: impl Write,
) -> Result<(), ReportError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
    environment.add_template("page", PAGE)?;
    let labels: BTreeMap<&str, &str> = LABELS.iter().map(|k| (*k, label(lang, k))).collect();
    let findings: Vec<Value> = report
        .scenarios
        .iter()
        .flat_map(|s| s.findings.iter().map(move |f| (s, f)))
        .filter(|(_, f)| f.finding.level > Level::Info)
        .map(|(s, f)| context! { id => s.id.as_str(), f => Value::from(Serde(f)) })
        .collect();
    let (untested, mut tested): (Vec<&RequirementLine>, Vec<&RequirementLine>) = report
        .requirements
        .iter()
        .partition(|r| r.status == RequirementStatus::NonTestee);
    tested.sort_by_key(|r| r.status);
    environment.get_template("page")?.render_captured_to(
        context! {
            l => labels,
            lang => if lang == Lang::Fr { "fr" } else { "en" },
            report => summary(report),
            findings,
            scenarios => scenarios(report, bytes),
            tested => Value::from(Serde(&tested)),
            untested => Value::from(Serde(&untested)),
            style => Value::from_safe_string(STYLE.to_owned()),
            script => Value::from_safe_string(SCRIPT.to_owned()),
        },
        out,
    )?;
    Ok(())
}

/// What the page says of the whole run: the report without its long lists.
fn summary(report: &Report) -> Value {
    context! {
        run => report.run.to_string(),
        tool_version => report.tool_version.as_str(),
        driver => report.driver.as_str(),
        product => Value::from(Serde(&report.product)),
        started_at => report.started_at.to_string(),
        verdicts => Value::from(Serde(&report.verdicts)),
        bench_errors => report.bench_errors.clone(),
        torn => report.torn,
        orphans => Value::from(Serde(&report.orphans)),
        packs => Value::from(Serde(&report.packs)),
        switches => Value::from(Serde(&report.switches)),
    }
}

/// The scenarios, each made when the page comes to it and let go after.
fn scenarios(report: &Arc<Report>, bytes: Vec<Vec<Bytes>>) -> Value {
    let (report, bytes) = (Arc::clone(report), Arc::new(bytes));
    Value::make_iterable(move || {
        let (report, bytes) = (Arc::clone(&report), Arc::clone(&bytes));
        let mut before: HashMap<Sha256Hex, String> = HashMap::new();
        (0..report.scenarios.len()).map(move |number| {
            let line = &report.scenarios[number];
            let shown: Vec<Shown> = bytes
                .get(number)
                .into_iter()
                .flatten()
                .map(|x| shown(x, number, &mut before))
                .collect();
            context! {
                line => Value::from(Serde(line)),
                number,
                svg => Value::from_safe_string(diagram::svg(line, number)),
                shown => Value::from(Serde(&shown)),
            }
        })
    })
}

fn shown(bytes: &Bytes, number: usize, before: &mut HashMap<Sha256Hex, String>) -> Shown {
    let anchor = format!("s{number}x{}", bytes.id.0);
    let mut one =
        |(blob, bytes): &(Sha256Hex, Vec<u8>)| message(bytes, blob.clone(), &anchor, before);
    Shown {
        request: one(&bytes.request),
        response: bytes.response.as_ref().map(one),
    }
}

fn message(
    bytes: &[u8],
    blob: Sha256Hex,
    anchor: &str,
    before: &mut HashMap<Sha256Hex, String>,
) -> Message {
    if bytes.len() > 400
        && let Some(first) = before.get(&blob)
    {
        return Message {
            text: String::new(),
            cut: false,
            blob,
            same_as: Some(first.clone()),
        };
    }
    before.insert(blob.clone(), anchor.to_owned());
    let head = &bytes[..bytes.len().min(LONGEST * 2)];
    let text = readable(&redact_http(head));
    let cut = text.chars().count() > LONGEST || head.len() < bytes.len();
    let text = text.chars().take(LONGEST).collect();
    Message {
        text,
        cut,
        blob,
        same_as: None,
    }
}

/// Control characters shown, never obeyed; lines kept.
fn readable(text: &str) -> String {
    text.chars()
        .filter(|c| *c != '\r')
        .map(|c| match c {
            '\n' | '\t' => c,
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

//! `report.html`: one page, nothing fetched, printable. Bytes are shown redacted and cut.

use std::collections::{BTreeMap, HashMap};

use diapason_core::requirement::Lang;
use diapason_core::{ExchangeId, Sha256Hex};
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

pub(super) fn render(
    report: &Report,
    campaign: &Campaign,
    lang: Lang,
) -> Result<String, ReportError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
    environment.add_template("page", PAGE)?;
    let labels: BTreeMap<&str, &str> = LABELS.iter().map(|k| (*k, label(lang, k))).collect();
    let mut seen_before: HashMap<Sha256Hex, String> = HashMap::new();
    let scenarios: Vec<Value> = report
        .scenarios
        .iter()
        .zip(&campaign.scenarios)
        .enumerate()
        .map(|(number, (line, record))| {
            let shown: Vec<Shown> = record
                .exchanges
                .iter()
                .map(|x| shown(x, number, &mut seen_before))
                .collect();
            context! {
                line => Value::from(Serde(line)),
                number,
                svg => Value::from_safe_string(diagram::svg(line, number)),
                shown => Value::from(Serde(&shown)),
            }
        })
        .collect();
    let (untested, mut tested): (Vec<&RequirementLine>, Vec<&RequirementLine>) = report
        .requirements
        .iter()
        .partition(|r| r.status == RequirementStatus::NonTestee);
    tested.sort_by_key(|r| r.status);
    let page = environment.get_template("page")?.render(context! {
        l => labels,
        lang => if lang == Lang::Fr { "fr" } else { "en" },
        report => Value::from(Serde(report)),
        scenarios,
        tested => Value::from(Serde(&tested)),
        untested => Value::from(Serde(&untested)),
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
    })?;
    Ok(page)
}

fn shown(seen: &SeenExchange, number: usize, before: &mut HashMap<Sha256Hex, String>) -> Shown {
    let id: ExchangeId = seen.exchange.id;
    let anchor = format!("s{number}x{}", id.0);
    let response = seen.answer.as_ref().and_then(|a| a.response.clone());
    Shown {
        request: message(
            &seen.request,
            seen.exchange.request.clone(),
            &anchor,
            before,
        ),
        response: response.map(|blob| message(&seen.response, blob, &anchor, before)),
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

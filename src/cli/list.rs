//! `diapason list`: what there is.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{Failure, Io};
use crate::{catalogue, exit};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    Scenarios,
    Rules,
    Faults,
    Requirements,
    Mutants,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// What to list.
    #[arg(default_value = "scenarios")]
    what: What,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// Only ids that contain this, letter case ignored.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
}

pub(super) fn main(args: &ListArgs, io: &mut Io) -> Result<u8, Failure> {
    let lang = io.lang;
    // id, a short word, text
    let rows: Vec<(String, String, String)> = if args.what == What::Mutants {
        diapason_dui_temoin::mutants()
            .into_iter()
            .map(|m| {
                (
                    m.name.clone(),
                    m.rule.to_string(),
                    m.text.get(lang).to_owned(),
                )
            })
            .collect()
    } else {
        let catalogue = catalogue::load(None)?.catalogue;
        match args.what {
            What::Scenarios => catalogue
                .scenarios
                .iter()
                .map(|s| {
                    (
                        s.id.to_string(),
                        word(&s.kind),
                        s.title.get(lang).to_owned(),
                    )
                })
                .collect(),
            What::Rules => catalogue
                .rules
                .iter()
                .map(|r| {
                    (
                        r.id.to_string(),
                        word(&r.level),
                        r.text.get(lang).to_owned(),
                    )
                })
                .collect(),
            What::Faults => catalogue
                .faults
                .iter()
                .map(|f| (f.id.to_string(), String::new(), f.text.get(lang).to_owned()))
                .collect(),
            What::Requirements => catalogue
                .requirements
                .iter()
                .map(|r| {
                    (
                        r.id.to_string(),
                        word(&r.level),
                        r.text.get(lang).to_owned(),
                    )
                })
                .collect(),
            What::Mutants => Vec::new(),
        }
    };
    let wanted = args.filter.as_deref().map(str::to_ascii_lowercase);
    let rows: Vec<_> = rows
        .into_iter()
        .filter(|(id, ..)| {
            wanted
                .as_deref()
                .is_none_or(|w| id.to_ascii_lowercase().contains(w))
        })
        .collect();
    let width = rows
        .iter()
        .map(|(id, ..)| id.chars().count())
        .max()
        .unwrap_or(0);
    for (id, kind, text) in &rows {
        if args.json {
            io.data(&json!({ "id": id, "kind": kind, "text": text }).to_string());
        } else {
            io.data(&format!("{id:<width$}  {kind:<9}  {text}"));
        }
    }
    if !args.json {
        io.talk(&format!(
            "{} in all; `diapason explain ID` says more",
            rows.len()
        ));
    }
    Ok(exit::CONFORM)
}

/// The serialised word of an enum value.
pub(crate) fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => text,
        _ => String::new(),
    }
}

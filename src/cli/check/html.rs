//! The page: one document, nothing fetched, no script, printable. The sum is written last and shown first.

use std::collections::BTreeMap;

use diapason_core::requirement::Lang;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, context};
use serde_json::json;

use super::format::{Context, Format};
use super::outcome::{FileReport, Summary};

const HEAD: &str = include_str!("templates/head.html");
const FILE: &str = include_str!("templates/file.html");
const TAIL: &str = include_str!("templates/tail.html");
const STYLE: &str = include_str!("../../report/templates/style.css");

/// See the module.
pub(super) struct Html {
    environment: Environment<'static>,
    labels: Value,
    lang: &'static str,
    number: u64,
}

impl Html {
    pub(super) fn new(lang: Lang) -> Result<Self, String> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
        for (name, text) in [("head", HEAD), ("file", FILE), ("tail", TAIL)] {
            environment
                .add_template(name, text)
                .map_err(|e| e.to_string())?;
        }
        Ok(Self {
            environment,
            labels: Value::from_pairs(labels(lang)),
            lang: match lang {
                Lang::Fr => "fr",
                Lang::En => "en",
            },
            number: 0,
        })
    }

    fn render(&self, name: &str, with: Value, out: &mut String) -> Result<(), String> {
        let text = self
            .environment
            .get_template(name)
            .and_then(|template| template.render(with))
            .map_err(|e| e.to_string())?;
        out.push_str(&text);
        out.push('\n');
        Ok(())
    }
}

impl Format for Html {
    fn begin(&mut self, context: &Context, out: &mut String) -> Result<(), String> {
        self.render(
            "head",
            context! {
                l => self.labels.clone(),
                lang => self.lang,
                tool_version => context.tool_version,
                started_at => context.started_at.to_string(),
                style => Value::from_safe_string(STYLE.to_owned()),
            },
            out,
        )
    }

    fn file(&mut self, file: &FileReport, out: &mut String) -> Result<(), String> {
        self.number += 1;
        let mut shown = serde_json::to_value(file).map_err(|e| e.to_string())?;
        if let Some(lines) = shown["findings"].as_array_mut() {
            for (line, finding) in lines.iter_mut().zip(&file.findings) {
                let Some(excerpt) = &finding.excerpt else {
                    continue;
                };
                let part = |from: usize, len: usize| -> String {
                    excerpt.text.chars().skip(from).take(len).collect()
                };
                let from = excerpt.column.saturating_sub(1) as usize;
                let width = excerpt.width as usize;
                line["before"] = json!(part(0, from));
                line["marked"] = json!(part(from, width));
                line["after"] = json!(part(from + width, usize::MAX));
            }
        }
        self.render(
            "file",
            context! {
                l => self.labels.clone(),
                lang => self.lang,
                number => self.number,
                rules => file.rules_run(),
                assertions => file.assertions(),
                file => Value::from(Serde(&shown)),
            },
            out,
        )
    }

    fn end(&mut self, _: &Context, summary: &Summary, out: &mut String) -> Result<(), String> {
        self.render(
            "tail",
            context! { l => self.labels.clone(), s => Value::from(Serde(summary)) },
            out,
        )
    }
}

fn labels(lang: Lang) -> BTreeMap<&'static str, &'static str> {
    [
        ("title", "Contrôle de fichiers", "Check of files"),
        ("conforme", "conforme", "conform"),
        ("reserve", "réserve", "reservation"),
        ("non_conforme", "non conforme", "not conform"),
        ("non_concluant", "non concluant", "inconclusive"),
        ("erreur_banc", "erreur du banc", "bench error"),
        ("error", "erreur", "error"),
        ("warning", "avertissement", "warning"),
        ("info", "information", "information"),
        ("expected", "attendu", "expected"),
        ("seen", "vu", "seen"),
        ("where", "où", "where"),
        ("hint", "à essayer", "what to try"),
        ("requirements", "exigences", "requirements"),
        ("source", "source", "source"),
        ("pack", "jugé par", "judged by"),
        ("packs", "Règles", "Rule packs"),
        ("rules", "règles", "rules"),
        ("checks", "vérifications", "checks"),
        ("files", "fichiers", "files"),
        ("indeterminate", "règles indéterminées", "indeterminate rules"),
        ("no_finding", "Aucun constat.", "No finding."),
        ("strict", "les avertissements comptent", "warnings count"),
        (
            "passed_over",
            "fichiers de nature inconnue laissés de côté, à la demande",
            "files of unknown kind passed over, as asked",
        ),
        (
            "not_followed",
            "liens, fichiers cachés ou spéciaux non suivis",
            "links, hidden or special files not followed",
        ),
        (
            "limits",
            "Ce contrôle dit ce qui a été vu dans les fichiers. Il ne vaut ni homologation, ni référencement.",
            "This check says what was seen in the files. It is neither an approval nor a référencement.",
        ),
    ]
    .into_iter()
    .map(|(key, fr, en)| (key, if lang == Lang::Fr { fr } else { en }))
    .collect()
}

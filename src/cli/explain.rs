//! `diapason explain ID`: everything known of one scenario, rule, fault, requirement or mutant.

use clap::Args;
use diapason_core::requirement::{Requirement, Source};
use diapason_core::rule::{Check, Rule, Sample};
use diapason_core::scenario::Scenario;
use diapason_rules::Catalogue;

use super::assertion;
use super::list::word;
use super::{Failure, Io};
use crate::scenario_file::nearest;
use crate::{catalogue, exit};

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// An id, as reports print it.
    id: String,
}

pub(super) fn main(args: &ExplainArgs, io: &mut Io) -> Result<u8, Failure> {
    let catalogue = catalogue::load(None)?.catalogue;
    let id = args.id.as_str();
    let mut found = false;
    if let Some(rule) = catalogue
        .rules
        .iter()
        .find(|r| r.id.as_str().eq_ignore_ascii_case(id))
    {
        explain_rule(rule, &catalogue, io);
        found = true;
    }
    for scenario in catalogue
        .scenarios
        .iter()
        .filter(|s| s.id.as_str().eq_ignore_ascii_case(id))
    {
        explain_scenario(scenario, io);
        found = true;
    }
    for requirement in catalogue.requirements.iter().filter(|r| {
        r.id.as_str().eq_ignore_ascii_case(id) || r.aliases.iter().any(|a| a.as_str() == id)
    }) {
        explain_requirement(requirement, &catalogue, io);
        found = true;
    }
    if let Some(fault) = catalogue
        .faults
        .iter()
        .find(|f| f.id.as_str().eq_ignore_ascii_case(id))
    {
        let users: Vec<&str> = catalogue
            .scenarios
            .iter()
            .filter(|s| {
                serde_json::to_string(&s.steps)
                    .is_ok_and(|t| t.contains(&format!("\"{}\"", fault.id)))
            })
            .map(|s| s.id.as_str())
            .collect();
        io.data(&format!("{}\n  {}", fault.id, fault.text.get(io.lang)));
        field(io, "scenarios", &users.join(", "));
        found = true;
    }
    let mutants = diapason_dui_temoin::mutants();
    if let Some(mutant) = mutants.iter().find(|m| m.name.eq_ignore_ascii_case(id)) {
        io.data(&format!("{}\n  {}", mutant.name, mutant.text.get(io.lang)));
        field(io, "rule", mutant.rule.as_str());
        field(io, "scenario", mutant.scenario.as_str());
        found = true;
    }
    if found {
        return Ok(exit::CONFORM);
    }
    let known: Vec<&str> = catalogue
        .rules
        .iter()
        .map(|r| r.id.as_str())
        .chain(catalogue.scenarios.iter().map(|s| s.id.as_str()))
        .chain(catalogue.requirements.iter().map(|r| r.id.as_str()))
        .chain(catalogue.faults.iter().map(|f| f.id.as_str()))
        .chain(mutants.iter().map(|m| m.name.as_str()))
        .collect();
    let hint = nearest(id, known.iter().copied())
        .map(|n| format!("; did you mean {n}?"))
        .unwrap_or_default();
    Err(Failure::usage(format!(
        "nothing is called {id:?}{hint} (see `diapason list`)"
    )))
}

fn field(io: &mut Io, name: &str, value: &str) {
    if !value.is_empty() {
        io.data(&format!("  {name:<13} {value}"));
    }
}

fn source(source: &Source) -> String {
    [
        Some(source.document.as_str()),
        source.version.as_deref(),
        source.section.as_deref(),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(", ")
}

fn join<T: ToString>(items: &[T]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// A sample: its base, and what is replaced in it.
fn changes(sample: &Sample) -> String {
    let changes: Vec<String> = sample
        .replace
        .iter()
        .map(|r| format!("{:?} -> {:?}", r.from, r.to))
        .collect();
    format!("{}: {}", sample.base, changes.join(", "))
}

fn explain_rule(rule: &Rule, catalogue: &Catalogue, io: &mut Io) {
    let lang = io.lang;
    io.data(&format!(
        "{}  {}  ({})",
        rule.id,
        word(&rule.level),
        word(&rule.confidence)
    ));
    io.data(&format!("  {}", rule.text.get(lang)));
    field(io, "hint", rule.hint.get(lang));
    field(io, "source", &source(&rule.source));
    field(io, "requirements", &join(&rule.requirements));
    if let Some(breach) = &rule.breach {
        field(io, "level raised", breach.get(lang));
    }
    match &rule.check {
        Check::Schema { on, facts } => {
            let operations = if on.operations.is_empty() {
                "all".to_owned()
            } else {
                on.operations.join(", ")
            };
            field(io, "judges", &format!("{} {operations}", on.service));
            field(io, "schema", &facts.to_string());
        }
        Check::Rust { on } => field(
            io,
            "judges",
            &format!("the order and content of {on} exchanges"),
        ),
        Check::Schematron { file, on } => {
            field(io, "judges", &format!("{on} documents, by {file}"));
            for assertion in assertion::of(file, rule.id.as_str()) {
                field(io, "context", &assertion.context);
                field(io, assertion.element, &assertion.test);
                field(io, "says", &assertion.text);
            }
        }
        Check::Json { on, schema } => {
            field(io, "judges", &format!("{on} documents"));
            field(io, "schema", &schema.to_string());
        }
        Check::Document { on } => field(io, "judges", &format!("the content of {on} documents")),
        Check::Scenario {} => {}
    }
    for good in &rule.good {
        field(io, "good sample", &changes(good));
    }
    for bad in &rule.bad {
        field(io, "bad sample", &changes(bad));
    }
    let users: Vec<&str> = catalogue
        .scenarios
        .iter()
        .filter(|s| {
            s.checks.contains(&rule.id)
                || s.steps
                    .iter()
                    .any(|st| st.expect.iter().any(|e| e.rule == rule.id))
        })
        .map(|s| s.id.as_str())
        .collect();
    field(io, "scenarios", &users.join(", "));
    let killed: Vec<String> = diapason_dui_temoin::mutants()
        .into_iter()
        .filter(|m| m.rule.as_str() == rule.id.as_str())
        .map(|m| m.name)
        .collect();
    field(io, "mutants", &killed.join(", "));
}

fn explain_scenario(scenario: &Scenario, io: &mut Io) {
    let lang = io.lang;
    io.data(&format!(
        "{}  {}  ({})",
        scenario.id,
        word(&scenario.kind),
        word(&scenario.confidence)
    ));
    io.data(&format!("  {}", scenario.title.get(lang)));
    field(io, "source", &source(&scenario.source));
    field(io, "requirements", &join(&scenario.requirements));
    if let Some(condition) = &scenario.condition {
        field(io, "condition", &condition.to_string());
    }
    for text in &scenario.prerequisites {
        field(io, "before", text.get(lang));
    }
    for (index, step) in scenario.steps.iter().enumerate() {
        let text = step.text.as_ref().map(|t| t.get(lang)).unwrap_or_default();
        let action = step
            .action
            .as_ref()
            .map(|a| format!(" [{}]", a.action))
            .unwrap_or_default();
        io.data(&format!("  {}. {text}{action}", index + 1));
        let rules: Vec<&str> = step.expect.iter().map(|e| e.rule.as_str()).collect();
        field(io, "   expects", &rules.join(", "));
        field(io, "   proofs", &join(&step.proofs));
    }
    field(io, "checks", &join(&scenario.checks));
    if let Some(proof) = &scenario.official_proof {
        field(io, "still to prove", proof.get(lang));
    }
}

fn explain_requirement(requirement: &Requirement, catalogue: &Catalogue, io: &mut Io) {
    let lang = io.lang;
    io.data(&format!(
        "{}  {}  ({}, {} {})",
        requirement.id,
        word(&requirement.level),
        word(&requirement.confidence),
        requirement.rem.name,
        requirement.rem.version
    ));
    io.data(&format!("  {}", requirement.text.get(lang)));
    field(io, "source", &source(&requirement.source));
    field(io, "refs", &requirement.refs.join(", "));
    if let Some(condition) = &requirement.condition {
        field(io, "condition", &condition.to_string());
    }
    field(io, "bench brings", &word(&requirement.automation));
    field(io, "still to prove", &requirement.official_proof);
    let scenarios: Vec<&str> = catalogue
        .scenarios
        .iter()
        .filter(|s| {
            s.requirements.contains(&requirement.id)
                || s.steps
                    .iter()
                    .any(|st| st.requirements.contains(&requirement.id))
        })
        .map(|s| s.id.as_str())
        .collect();
    field(io, "scenarios", &scenarios.join(", "));
    let rules: Vec<&str> = catalogue
        .rules
        .iter()
        .filter(|r| r.requirements.contains(&requirement.id))
        .map(|r| r.id.as_str())
        .collect();
    field(io, "rules", &rules.join(", "));
}

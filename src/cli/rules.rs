//! `diapason rules test`: every rule on its own samples.
//!
//! A rule is worth something when a good sample runs it and holds, and when each of its bad samples breaks it. What nothing
//! breaks is listed: such a rule proves nothing.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use diapason_core::DocumentKind;
use diapason_core::rule::{Check, Replacement, Rule, Sample};
use diapason_rules::document::{DocumentJudge, OWN_PACK};
use diapason_rules::files::Files;
use diapason_rules::{Judge, sample};

use super::check::documents::{self, Plugged};
use super::{Failure, Io};
use crate::catalogue::{self, LoadedRules};
use crate::scenario_file::nearest;
use crate::{exit, profile_files};

#[derive(Debug, Args)]
pub(super) struct RulesArgs {
    #[command(subcommand)]
    command: RulesCommand,
}

#[derive(Debug, Subcommand)]
enum RulesCommand {
    /// Run every rule on its samples: the good ones must pass, each bad one must break its rule.
    Test(TestArgs),
}

#[derive(Debug, Args)]
struct TestArgs {
    /// Only this pack: insi, psc, cda-entete...
    #[arg(long, value_name = "NAME")]
    pack: Option<String>,
    /// One JSON object a rule.
    #[arg(long)]
    json: bool,
}

pub(super) fn main(args: &RulesArgs, io: &mut Io) -> Result<u8, Failure> {
    let RulesCommand::Test(args) = &args.command;
    let loaded = catalogue::rules()?;
    let wanted = match &args.pack {
        None => None,
        Some(name) => {
            let known = || loaded.packs.iter().map(|p| p.name.as_str());
            let found = loaded.packs.iter().position(|p| p.name == *name);
            Some(found.ok_or_else(|| {
                let hint = nearest(name, known())
                    .map(|n| format!("; did you mean {n}?"))
                    .unwrap_or_default();
                let known: Vec<&str> = known().collect();
                Failure::usage(format!(
                    "no pack is called {name:?}{hint} (known: {})",
                    known.join(", ")
                ))
            })?)
        }
    };
    let bench = Bench::new(&loaded)?;
    let (mut held, mut broken, mut elsewhere) = (0_u32, 0_u32, 0_u32);
    for (number, pack) in loaded.packs.iter().enumerate() {
        if wanted.is_some_and(|w| w != number) {
            continue;
        }
        let rules: Vec<&Rule> = loaded.of_pack(number).collect();
        let starts = bases(&rules);
        let mut ran: BTreeSet<String> = BTreeSet::new();
        let mut base_problems = Vec::new();
        for (base, engine) in &starts {
            match bench.outcome(*engine, base, &[], None) {
                Ok(outcome) => {
                    for (rule, place) in &outcome.broken {
                        base_problems.push(format!("base {base}: breaks {rule}{place}"));
                    }
                    ran.extend(outcome.ran);
                }
                Err(problem) => base_problems.push(format!("base {base}: {problem}")),
            }
        }
        for problem in &base_problems {
            broken += 1;
            if args.json {
                io.data(
                    &serde_json::json!({ "pack": pack.name, "rule": null, "problem": problem })
                        .to_string(),
                );
            } else {
                io.data(&format!("{:<16} {problem}", pack.name));
            }
        }
        for rule in rules {
            let Some(engine) = Judging::of(rule) else {
                elsewhere += 1;
                continue;
            };
            let problems = bench.problems(rule, engine, &ran);
            if args.json {
                io.data(
                    &serde_json::json!({
                        "pack": pack.name,
                        "rule": rule.id,
                        "bad": rule.bad.len(),
                        "good": rule.good.len(),
                        "problems": problems,
                    })
                    .to_string(),
                );
            }
            if problems.is_empty() {
                held += 1;
                continue;
            }
            broken += 1;
            if !args.json {
                for problem in problems {
                    io.data(&format!("{:<16} {}: {problem}", pack.name, rule.id));
                }
            }
        }
    }
    io.talk(&match io.lang {
        diapason_core::requirement::Lang::Fr => format!(
            "{held} règles éprouvées par leurs exemples, {broken} problèmes ; {elsewhere} règles se prouvent par les scénarios et les mutants (`diapason mutants`)"
        ),
        diapason_core::requirement::Lang::En => format!(
            "{held} rules proved by their samples, {broken} problems; {elsewhere} rules are proved by scenarios and mutants (`diapason mutants`)"
        ),
    });
    Ok(if broken > 0 || held + elsewhere == 0 {
        exit::DEVIATIONS
    } else {
        exit::CONFORM
    })
}

/// What judges a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Judging {
    /// A raw HTTP request with its context line.
    Exchange,
    /// A document.
    Document(DocumentKind),
}

impl Judging {
    /// `None` for rules that only a campaign judges.
    fn of(rule: &Rule) -> Option<Self> {
        match &rule.check {
            Check::Schema { .. } => Some(Self::Exchange),
            Check::Schematron { on, .. } | Check::Json { on, .. } | Check::Document { on } => {
                Some(Self::Document(*on))
            }
            Check::Rust { .. } | Check::Scenario {} => None,
        }
    }
}

/// What a sample showed: rules that ran, rules broken and where.
struct Outcome {
    ran: BTreeSet<String>,
    broken: Vec<(String, String)>,
    undecided: BTreeMap<String, String>,
}

/// The Schematron file of a rule; empty for another language.
fn part(rule: &Rule) -> String {
    match &rule.check {
        Check::Schematron { file, .. } => file.clone(),
        _ => String::new(),
    }
}

/// The bases that the samples of these rules start from.
fn bases<'a>(rules: &[&'a Rule]) -> BTreeSet<(&'a str, Judging)> {
    let samples = |rule: &&'a Rule| -> Vec<(&'a str, Judging)> {
        let rule: &'a Rule = rule;
        Judging::of(rule)
            .into_iter()
            .flat_map(|engine| {
                rule.bad
                    .iter()
                    .chain(&rule.good)
                    .map(move |s| (s.base.as_str(), engine))
            })
            .collect()
    };
    rules.iter().flat_map(samples).collect()
}

/// The token whose header and payload a sample writes in clear.
fn compact(text: &str) -> Option<String> {
    let parts: serde_json::Value = serde_json::from_str(text).ok()?;
    let part = |name: &str| Some(URL_SAFE_NO_PAD.encode(parts.get(name)?.to_string()));
    Some(format!(
        "{}.{}.c2lnbmF0dXJl",
        part("header")?,
        part("payload")?
    ))
}

struct Bench {
    files: std::sync::Arc<dyn Files>,
    exchanges: Judge,
    /// Every document rule: for the bases.
    documents: DocumentJudge,
    /// The rules of one Schematron file, and those of the other languages under the empty name: a sample is judged
    /// by the few that its rule is among.
    parts: BTreeMap<String, DocumentJudge>,
}

impl Bench {
    fn new(loaded: &LoadedRules) -> Result<Self, Failure> {
        let files = profile_files::profiles().map_err(|e| Failure::usage(e.to_string()))?;
        let mut names: BTreeSet<String> = loaded.rules.iter().map(part).collect();
        names.insert(String::new());
        let mut parts = BTreeMap::new();
        for name in names {
            let rules: Vec<Rule> = loaded
                .rules
                .iter()
                .filter(|rule| {
                    let of = part(rule);
                    of == name || (of.is_empty() && matches!(rule.check, Check::Document { .. }))
                })
                .cloned()
                .collect();
            let judge = documents::judge_with(&rules, std::sync::Arc::clone(&files))
                .map_err(Failure::usage)?;
            parts.insert(name, judge);
        }
        Ok(Self {
            files,
            parts,
            exchanges: Judge::new(&loaded.rules)
                .map_err(|e| Failure::chain("rules", &e, exit::USAGE))?,
            documents: documents::judge(&loaded.rules, &Plugged::default())
                .map_err(Failure::usage)?,
        })
    }

    fn text(&self, base: &str) -> Result<String, String> {
        ["http", "xml", "json"]
            .iter()
            .find_map(|extension| self.files.read(&format!("samples/{base}.{extension}")))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .ok_or_else(|| format!("there is no profiles/samples/{base}"))
    }

    /// What a sample shows; `of` is the rule it is a sample of, `None` for a base.
    fn outcome(
        &self,
        engine: Judging,
        base: &str,
        replace: &[Replacement],
        of: Option<&Rule>,
    ) -> Result<Outcome, String> {
        let text = self.text(base)?;
        let text = sample::replaced(base, &text, replace).map_err(|e| e.to_string())?;
        Ok(match engine {
            Judging::Exchange => {
                let seen = sample::parse(base, &text).map_err(|e| e.to_string())?;
                let (findings, checks) = self.exchanges.judge_exchange(&seen);
                Outcome {
                    ran: checks.into_keys().map(|id| id.to_string()).collect(),
                    broken: findings
                        .into_iter()
                        .map(|f| {
                            let place = f.place.path.map(|p| format!(" at {p}"));
                            (f.rule.to_string(), place.unwrap_or_default())
                        })
                        .collect(),
                    undecided: BTreeMap::new(),
                }
            }
            Judging::Document(kind) => {
                let text = if kind == DocumentKind::Jwt {
                    compact(&text).ok_or("a token sample is an object of `header` and `payload`")?
                } else {
                    text
                };
                let judge = of
                    .and_then(|rule| self.parts.get(&part(rule)))
                    .unwrap_or(&self.documents);
                // A raw request is judged whole, whatever part of it the rule is about.
                let kind = if text.starts_with("POST ") {
                    DocumentKind::SoapRequest
                } else {
                    kind
                };
                let report = judge.judge(kind, text.as_bytes());
                Outcome {
                    ran: report
                        .checks
                        .into_keys()
                        .filter(|(pack, _)| pack == OWN_PACK)
                        .map(|(_, rule)| rule)
                        .collect(),
                    broken: report
                        .findings
                        .into_iter()
                        .filter(|f| f.pack == OWN_PACK)
                        .map(|f| {
                            let at = match (f.place.line, f.place.path) {
                                (Some(line), _) => format!(" at line {line}"),
                                (None, Some(path)) => format!(" at {path}"),
                                (None, None) => String::new(),
                            };
                            (f.rule, format!("{at} ({})", f.observed))
                        })
                        .collect(),
                    undecided: report
                        .indeterminate
                        .into_iter()
                        .filter(|i| i.pack == OWN_PACK)
                        .map(|i| (i.rule, i.reason))
                        .collect(),
                }
            }
        })
    }

    /// What does not hold of one rule. `ran`: the rules that some base runs.
    fn problems(&self, rule: &Rule, engine: Judging, ran: &BTreeSet<String>) -> Vec<String> {
        let id = rule.id.as_str();
        let mut problems = Vec::new();
        if rule.bad.is_empty() {
            problems.push("nothing kills it: it has no bad sample".to_owned());
        }
        let judged =
            |sample: &Sample| self.outcome(engine, &sample.base, &sample.replace, Some(rule));
        for (number, bad) in rule.bad.iter().enumerate() {
            let name = format!("bad sample {} ({})", number + 1, bad.base);
            match judged(bad) {
                Err(problem) => problems.push(format!("{name}: {problem}")),
                Ok(outcome) => {
                    if outcome.broken.iter().any(|(broken, _)| broken == id) {
                    } else if let Some(reason) = outcome.undecided.get(id) {
                        problems.push(format!("{name} leaves it undecided: {reason}"));
                    } else if outcome.ran.contains(id) {
                        problems.push(format!("{name} does not kill it: it ran and held"));
                    } else {
                        problems.push(format!("{name} does not kill it: it did not run"));
                    }
                }
            }
        }
        let mut shown = ran.contains(id);
        for (number, good) in rule.good.iter().enumerate() {
            let name = format!("good sample {} ({})", number + 1, good.base);
            match judged(good) {
                Err(problem) => problems.push(format!("{name}: {problem}")),
                Ok(outcome) => {
                    if let Some((_, place)) = outcome.broken.iter().find(|(b, _)| b == id) {
                        problems.push(format!("{name} breaks it{place}"));
                    } else if outcome.ran.contains(id) {
                        shown = true;
                    } else {
                        problems.push(format!("{name} does not run it"));
                    }
                }
            }
        }
        if !shown {
            problems.push("no good sample runs it".to_owned());
        }
        problems
    }
}

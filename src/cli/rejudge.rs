//! `diapason rejudge`: an old journal under this version's rules.

use std::path::PathBuf;

use clap::Args;
use diapason_core::Finding;
use diapason_rules::redact::redact_text;
use diapason_rules::{Campaign, Judgement};

use super::{Failure, Io};
use crate::exit::Policy;
use crate::run::judges;
use crate::{catalogue, exit};

#[derive(Debug, Args)]
pub(super) struct RejudgeArgs {
    /// Journal file, or the report folder that holds it.
    journal: PathBuf,
}

pub(super) fn main(args: &RejudgeArgs, io: &mut Io) -> Result<u8, Failure> {
    let journal = diapason_core::journal::read(&args.journal)
        .map_err(|e| Failure::chain("rejudge", &e, exit::USAGE))?;
    if let Some(torn) = &journal.torn {
        io.talk(&format!(
            "the last line ({}) is torn after {} bytes: the run died while writing it; it is left out",
            torn.line, torn.bytes
        ));
    }
    let campaign =
        Campaign::from_journal(&journal).map_err(|e| Failure::chain("rejudge", &e, exit::USAGE))?;
    let loaded = catalogue::load(None)?;
    let judge = judges::judge(&loaded.catalogue.rules)
        .map_err(|e| Failure::chain("rules", &e, exit::BENCH))?;
    let (mut changed, mut judgements, mut cut) = (0, Vec::new(), Vec::new());
    for record in &campaign.scenarios {
        let id = record.scenario.id.clone();
        if record.steps.is_empty()
            && let Some(verdict) = &record.verdict
        {
            // Nothing was played: there is nothing to judge again.
            let kept = Judgement {
                findings: record.findings.clone(),
                checks: record.checks.clone(),
                verdict: verdict.clone(),
                evidence: record.evidence,
                unplayed: Vec::new(),
            };
            judgements.push((id, kept));
            continue;
        }
        let judgement = judge.judge(record, &campaign.product);
        let mut lines = Vec::new();
        match &record.verdict {
            None => {
                cut.push(id.to_string());
                lines.push(format!(
                    "the run stopped during this scenario; what was recorded of it: {}",
                    judgement.verdict.word()
                ));
            }
            Some(old) if *old != judgement.verdict => {
                lines.push(format!(
                    "verdict: {} -> {}",
                    old.word(),
                    judgement.verdict.word()
                ));
            }
            Some(_) => {}
        }
        let said = |f: &Finding| {
            redact_text(&format!(
                "{} {:?} : {} / {}",
                f.rule, f.level, f.expected, f.observed
            ))
        };
        for finding in judgement
            .findings
            .iter()
            .filter(|f| !record.findings.contains(f))
        {
            lines.push(format!("+ {}", said(finding)));
        }
        for finding in record
            .findings
            .iter()
            .filter(|f| !judgement.findings.contains(f))
        {
            lines.push(format!("- {}", said(finding)));
        }
        if !lines.is_empty() {
            changed += 1;
            io.data(record.scenario.id.as_str());
            for line in lines {
                io.data(&format!("  {line}"));
            }
        }
        judgements.push((id, judgement));
    }
    io.data(&format!(
        "{} scenarios judged again (run {}, bench {}), {changed} changed",
        campaign.scenarios.len(),
        campaign.run,
        campaign.tool_version
    ));
    if campaign.exit_code.is_none() {
        io.talk("the journal does not hold the end of the run: the campaign is not whole");
    }
    for message in &campaign.bench_errors {
        io.talk(&format!("the bench said: {message}"));
    }
    if campaign.exit_code.is_none() || !cut.is_empty() || !campaign.bench_errors.is_empty() {
        return Ok(exit::BENCH);
    }
    let policy = Policy {
        strict: campaign.strict,
        excuse_operator: campaign.excuse_operator,
        baseline: campaign.baseline.clone(),
    };
    Ok(policy.exit_code(judgements.iter().map(|(id, j)| (id, j))))
}

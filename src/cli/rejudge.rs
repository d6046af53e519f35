//! `diapason rejudge`: an old journal under this version's rules.

use std::path::PathBuf;

use clap::Args;
use diapason_core::Finding;
use diapason_rules::{Campaign, Judge};

use super::{Failure, Io};
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
    let judge = Judge::new(&loaded.catalogue.rules)
        .map_err(|e| Failure::chain("rules", &e, exit::BENCH))?;
    let (mut changed, mut verdicts) = (0, Vec::new());
    for record in &campaign.scenarios {
        if record.steps.is_empty() && record.verdict.is_some() {
            verdicts.extend(record.verdict.clone());
            continue;
        }
        let judgement = judge.judge(record, &campaign.product);
        let mut lines = Vec::new();
        match &record.verdict {
            None => lines.push(format!("verdict: absent -> {}", judgement.verdict.word())),
            Some(old) if *old != judgement.verdict => {
                lines.push(format!(
                    "verdict: {} -> {}",
                    old.word(),
                    judgement.verdict.word()
                ));
            }
            Some(_) => {}
        }
        let said =
            |f: &Finding| format!("{} {:?} : {} / {}", f.rule, f.level, f.expected, f.observed);
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
        verdicts.push(judgement.verdict);
    }
    io.data(&format!(
        "{} scenarios judged again (run {}, bench {}), {changed} changed",
        campaign.scenarios.len(),
        campaign.run,
        campaign.tool_version
    ));
    Ok(exit::of_verdicts(verdicts.iter(), false))
}

//! `diapason check`: files judged alone, without a campaign.
//!
//! Files are read and judged on every core and shown in the order of their names; nothing of a file is kept once it is shown.

mod dmp;
pub(crate) mod documents;
mod format;
mod html;
mod human;
mod json;
mod judges;
mod junit;
mod messages;
mod outcome;
pub(crate) mod pool;
mod sarif;
mod source;
mod svrl;
mod walk;
mod written;

use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use diapason_core::{Clock, DocumentKind};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(crate) use outcome::schema;

use super::{Failure, Io};
use crate::catalogue;
use documents::{Plugged, PluggedPaths};
use format::{Context, Format};
use judges::{Judged, Judges};
use outcome::Summary;
use walk::Input;
pub(crate) use walk::Walk;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// For people: each finding with its line, as a compiler prints it.
    Human,
    /// For programs: profiles/schemas/check.schema.json.
    Json,
    /// For a CI: one suite per file, one case per rule that ran (some 25 kB a file: for thousands, json or sarif).
    Junit,
    /// For code scanning and editors: SARIF 2.1.0.
    Sarif,
    /// One page to read or print.
    Html,
    /// Schematron results (ISO/IEC 19757-3).
    Svrl,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Kinds: cda, xdm, xds_metadata, soap_request, soap_answer, saml_assertion, lot_signature, email, jwt, userinfo, driver_message, product_statement, scenario, rule_pack.\n\
Exit codes: 0 conform, 1 deviations (whatever else could not be judged), 2 usage, or something could not be judged, 4 bench error.\n\n\
Examples:\n  diapason check lettre.xml\n  diapason check documents/ --format sarif --output diapason.sarif\n  diapason check documents/ --cda-kit TestContenuCDA-3-0 --strict"
)]
pub(super) struct CheckArgs {
    /// Files and folders; `-` is standard input. Links found in folders are not followed.
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// How to say it.
    #[arg(long, value_enum, default_value = "human")]
    format: Shape,
    /// Writes there instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Takes every file for this kind, whatever it looks like.
    #[arg(long, value_name = "KIND", value_parser = kinds())]
    kind: Option<String>,
    /// Folder of the official test kit of CDA content (TestContenuCDA), unmodified.
    #[arg(long, value_name = "DIR")]
    cda_kit: Option<PathBuf>,
    /// Model schematron of the kit to use, instead of the one the document calls for.
    #[arg(long, value_name = "NAME", requires = "cda_kit")]
    cda_schematron: Option<String>,
    /// Folder of official XML schemas to validate against.
    #[arg(long, value_name = "DIR")]
    schemas: Option<PathBuf>,
    /// Warnings count as deviations.
    #[arg(long)]
    strict: bool,
    /// Passes over files of unknown kind, and says how many.
    #[arg(long)]
    skip_unknown: bool,
    /// Files judged at a time; all cores by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
}

/// A file of a walk and its bytes, when it can be read within `limit`.
pub(crate) fn read_limited(input: Input, limit: usize) -> Option<(String, Vec<u8>)> {
    match input {
        Input::File(path) => {
            let bytes = source::read(&path, limit).ok()?;
            Some((path.display().to_string(), bytes))
        }
        Input::Stdin | Input::NotFollowed | Input::Unlisted(..) => None,
    }
}

fn kinds() -> PossibleValuesParser {
    PossibleValuesParser::new(DocumentKind::ALL.iter().map(|kind| kind.as_str()))
}

pub(super) fn main(args: &CheckArgs, io: &mut Io) -> Result<u8, Failure> {
    let loaded = catalogue::rules()?;
    let plugged = Plugged::open(&PluggedPaths {
        kit: args.cda_kit.clone(),
        schematron: args.cda_schematron.clone(),
        schemas: args.schemas.clone(),
    })
    .map_err(Failure::usage)?;
    let forced = args.kind.as_deref().and_then(|word| {
        DocumentKind::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == word)
    });
    let context = Context {
        tool_version: env!("CARGO_PKG_VERSION"),
        started_at: Clock::system().now(),
        lang: io.lang,
    };
    let mut format = format_of(args, io).map_err(Failure::bench)?;
    let mut out = Out::open(args.output.as_deref())?;
    let jobs = args.jobs.map_or_else(
        || std::thread::available_parallelism().map_or(1, usize::from),
        usize::from,
    );
    let bar = bar(&args.paths, args.output.as_deref(), io);
    let judges = Judges::new(io.lang, forced, args.skip_unknown, loaded, plugged);

    let mut summary = Summary {
        strict: args.strict,
        ..Summary::default()
    };
    let mut text = String::new();
    let mut failure = None;
    format.begin(&context, &mut text).map_err(Failure::bench)?;
    out.put(&mut text, io)?;
    let walk = Walk::new(&args.paths, args.output.as_deref());
    pool::run(
        jobs,
        walk,
        |input| judges.judge(input),
        |judged| {
            bar.inc(1);
            let report = match judged {
                Judged::NotFollowed => {
                    summary.not_followed += 1;
                    return ControlFlow::Continue(());
                }
                Judged::Skipped => {
                    summary.unknown_passed_over += 1;
                    return ControlFlow::Continue(());
                }
                Judged::File(report) => report,
            };
            summary.add(&report);
            let shown = format
                .file(&report, &mut text)
                .map_err(Failure::bench)
                .and_then(|()| bar.suspend(|| out.put(&mut text, io)));
            match shown {
                Ok(()) => ControlFlow::Continue(()),
                Err(why) => {
                    failure = Some(why);
                    ControlFlow::Break(())
                }
            }
        },
    )
    .map_err(|e| Failure::bench(format!("start the threads: {e}")))?;
    bar.finish_and_clear();
    if let Some(failure) = failure {
        return Err(failure);
    }
    summary.exit_code = summary.worst();
    format
        .end(&context, &summary, &mut text)
        .map_err(Failure::bench)?;
    out.put(&mut text, io)?;
    out.finish()?;
    if summary.files == 0 {
        let text = io.say(
            "diapason: aucun fichier à juger",
            "diapason: no file to judge",
        );
        io.talk(text);
    } else if args.output.is_some() || args.format != Shape::Human {
        io.talk_raw(&human::sentence(&summary, io.lang));
    }
    Ok(summary.exit_code)
}

fn format_of(args: &CheckArgs, io: &Io) -> Result<Box<dyn Format>, String> {
    let lang = io.lang;
    Ok(match args.format {
        Shape::Human => Box::new(human::Human {
            lang,
            colour: !io.quiet
                && args.output.is_none()
                && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
                && std::io::stdout().is_terminal(),
            quiet: io.quiet,
        }),
        Shape::Json => Box::<json::Json>::default(),
        Shape::Junit => Box::new(junit::Junit::new(lang, args.strict)),
        Shape::Sarif => Box::new(sarif::Sarif::new(lang)),
        Shape::Html => Box::new(html::Html::new(lang)?),
        Shape::Svrl => Box::new(svrl::Svrl { lang }),
    })
}

/// A bar on stderr when it is a terminal and there is more than one file; it must not cost a second walk otherwise.
fn bar(paths: &[PathBuf], output: Option<&Path>, io: &Io) -> ProgressBar {
    let several = paths.len() > 1 || paths.iter().any(|p| p.is_dir());
    if !io.terminal || io.quiet || !several {
        return ProgressBar::hidden();
    }
    let total = Walk::new(paths, output).count() as u64;
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Where the report goes.
enum Out {
    Standard,
    File(PathBuf, BufWriter<File>),
}

impl Out {
    fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self::Standard);
        };
        match File::create(path) {
            Ok(file) => Ok(Self::File(path.to_owned(), BufWriter::new(file))),
            Err(e) => Err(unwritten(path, &e)),
        }
    }

    /// Writes the text and empties it.
    fn put(&mut self, text: &mut String, io: &mut Io) -> Result<(), Failure> {
        if text.is_empty() {
            return Ok(());
        }
        match self {
            Self::Standard => io.data_raw(text),
            Self::File(path, file) => file
                .write_all(text.as_bytes())
                .map_err(|e| unwritten(path, &e))?,
        }
        text.clear();
        Ok(())
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Standard => Ok(()),
            Self::File(path, mut file) => file.flush().map_err(|e| unwritten(&path, &e)),
        }
    }
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("write {}: {error}", path.display()))
}

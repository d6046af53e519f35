//! A file in, what is said of it out: the kind is told, the judge of the kind asked.
//!
//! Judges are made when the first file needs them, then shared by every thread.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::OnceLock;

use diapason_core::event::PackRef;
use diapason_core::requirement::Lang;
use diapason_core::rule::Rule;
use diapason_core::{DocumentKind, Level};
use diapason_formats::kind;
use diapason_formats::xml::Limits;
use diapason_rules::document::{DocumentFinding, DocumentJudge, DocumentReport, OWN_PACK};

use super::dmp;
use super::documents::{self, Plugged};
use super::messages::{self, Exchanges};
use super::outcome::{FileReport, FileVerdict, FindingLine, IndeterminateLine, Open};
use super::source::{self, Lines, Unreadable};
use super::walk::Input;
use super::written::{self, Written};
use crate::catalogue::LoadedRules;

/// Most findings kept of one file.
const MOST_FINDINGS: usize = 5_000;

/// Everything that judges.
pub(super) struct Judges {
    lang: Lang,
    forced: Option<DocumentKind>,
    skip_unknown: bool,
    rules: Vec<Rule>,
    by_id: BTreeMap<String, usize>,
    packs: Vec<PackRef>,
    pack_of: Vec<usize>,
    plugged: Plugged,
    documents: OnceLock<Result<DocumentJudge, String>>,
    exchanges: OnceLock<Result<Exchanges, String>>,
    written: Written,
}

/// What was made of an input.
pub(super) enum Judged {
    /// A report on a file.
    File(Box<FileReport>),
    /// A file of unknown kind that the user asked to pass over.
    Skipped,
    /// A link, a hidden or a special file of a folder.
    NotFollowed,
}

impl Judges {
    pub(super) fn new(
        lang: Lang,
        forced: Option<DocumentKind>,
        skip_unknown: bool,
        loaded: LoadedRules,
        plugged: Plugged,
    ) -> Self {
        let by_id = loaded
            .rules
            .iter()
            .enumerate()
            .map(|(at, rule)| (rule.id.to_string(), at))
            .collect();
        Self {
            lang,
            forced,
            skip_unknown,
            rules: loaded.rules,
            by_id,
            packs: loaded.packs,
            pack_of: loaded.pack_of,
            plugged,
            documents: OnceLock::new(),
            exchanges: OnceLock::new(),
            written: Written::new(),
        }
    }

    /// Judges one input. Never panics: a judge that falls is a failure of the bench on that file.
    pub(super) fn judge(&self, input: Input) -> Judged {
        let path = match input {
            Input::NotFollowed => return Judged::NotFollowed,
            Input::Unlisted(folder, why) => {
                let mut report = FileReport::new(shown(&folder));
                report.leave_open(
                    Open::Unreadable,
                    format!(
                        "{} : {why}",
                        self.say(
                            "le dossier ne peut pas être lu",
                            "the folder cannot be read"
                        )
                    ),
                );
                return Judged::File(Box::new(report));
            }
            Input::File(path) => Some(path),
            Input::Stdin => None,
        };
        let name = path.as_deref().map_or_else(|| "-".to_owned(), shown);
        catch_unwind(AssertUnwindSafe(|| self.file(path.as_deref(), &name))).unwrap_or_else(|_| {
            let mut report = FileReport::new(name);
            report.failed(self.say(
                "le juge est tombé sur ce fichier ; merci de le signaler avec le fichier, ou avec un extrait qui le montre",
                "the judge fell on this file; please report it with the file, or with a part of it that shows it",
            ));
            Judged::File(Box::new(report))
        })
    }

    fn file(&self, path: Option<&Path>, name: &str) -> Judged {
        let mut report = FileReport::new(name);
        let limit = Limits::default().bytes;
        let read = match path {
            Some(path) => source::read(path, limit),
            None => source::read_from(std::io::stdin().lock(), limit),
        };
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(why) => {
                report.leave_open(Open::Unreadable, self.unreadable(&why));
                return Judged::File(Box::new(report));
            }
        };
        // A capture of the wire is judged as the listeners record it, in one piece.
        let bytes = diapason_formats::http::without_chunks(&bytes);
        let file_name = path.and_then(Path::file_name).map(|n| n.to_string_lossy());
        let kind = match self.forced {
            Some(kind) => {
                report.recognised_by = Some("--kind".to_owned());
                kind
            }
            None => match kind::detect(&bytes, file_name.as_deref()) {
                Ok(found) => {
                    report.recognised_by = Some(found.by);
                    found.kind
                }
                Err(_) if self.skip_unknown => return Judged::Skipped,
                Err(unknown) => {
                    report.leave_open(Open::UnknownKind, unknown.message(self.lang));
                    return Judged::File(Box::new(report));
                }
            },
        };
        report.kind = Some(kind);
        self.of_kind(kind, &bytes, path, &mut report);
        self.conclude(&mut report);
        Judged::File(Box::new(report))
    }

    fn of_kind(
        &self,
        kind: DocumentKind,
        bytes: &[u8],
        path: Option<&Path>,
        report: &mut FileReport,
    ) {
        match kind {
            DocumentKind::Cda
            | DocumentKind::Userinfo
            | DocumentKind::XdsMetadata
            | DocumentKind::SamlAssertion
            | DocumentKind::LotSignature => self.document(kind, bytes, report),
            DocumentKind::Jwt => {
                report.notes.push(
                    self.say(
                        "la signature du jeton n'est pas vérifiée : il faudrait la clé de l'émetteur, que seule une campagne connaît",
                        "the token's signature is not verified: that takes the issuer's key, which only a run knows",
                    )
                    .to_owned(),
                );
                self.document(kind, messages::token(bytes), report);
                for finding in &mut report.findings {
                    // The places are those of the decoded parts; a token is not shown, not even its first line.
                    finding.line = None;
                    finding.column = None;
                    finding.excerpt = None;
                }
            }
            DocumentKind::SoapRequest => {
                match self.exchanges.get_or_init(|| Exchanges::new(&self.rules)) {
                    Ok(exchanges) => {
                        let of_dmp = exchanges.judge(bytes, self.lang, report);
                        self.describe(report);
                        if of_dmp {
                            // The schemas given judge it there too.
                            self.document(kind, bytes, report);
                        } else if self.plugged.has_schemas() {
                            // What no rule judges yet, the schemas given may.
                            report.open = None;
                            report.reason = None;
                            self.document(kind, messages::envelope(bytes), report);
                        }
                    }
                    Err(why) => report.failed(why.clone()),
                }
            }
            DocumentKind::DriverMessage => written::driver_message(bytes, report),
            DocumentKind::ProductStatement => written::product(bytes, report),
            DocumentKind::Scenario => self.written.scenario(bytes, path, self.lang, report),
            DocumentKind::RulePack => self.written.rule_pack(bytes, report),
            DocumentKind::Xdm | DocumentKind::SoapAnswer | DocumentKind::Email => {
                self.not_yet(kind, report);
            }
        }
    }

    /// The packs of the rules of ours that ran.
    fn own_packs(&self, report: &FileReport) -> Vec<PackRef> {
        let numbers: std::collections::BTreeSet<usize> = report
            .checks
            .get(OWN_PACK)
            .into_iter()
            .flat_map(BTreeMap::keys)
            .filter_map(|rule| self.pack_of.get(*self.by_id.get(rule)?).copied())
            .collect();
        numbers
            .into_iter()
            .filter_map(|number| self.packs.get(number).cloned())
            .collect()
    }

    fn document(&self, kind: DocumentKind, bytes: &[u8], report: &mut FileReport) {
        let judge = self
            .documents
            .get_or_init(|| documents::judge(&self.rules, &self.plugged));
        match judge {
            Ok(judge) => {
                let mut said = judge.judge(kind, bytes);
                if kind == DocumentKind::SoapRequest {
                    dmp::Places::of(bytes).put_back(&mut said.findings);
                    // The transaction first, then the model of the document it carries.
                    if let (Some(message), Some(model)) = (&report.model, &said.model) {
                        said.model = Some(format!("{message}, {model}"));
                    }
                }
                self.take(said, kind, bytes, report);
            }
            Err(why) => report.failed(why.clone()),
        }
    }

    /// Takes over what the judge of documents said.
    fn take(
        &self,
        said: DocumentReport,
        kind: DocumentKind,
        bytes: &[u8],
        report: &mut FileReport,
    ) {
        report.model = said.model.or(report.model.take());
        report.packs.extend(said.packs);
        for ((pack, rule), count) in said.checks {
            report.checks.entry(pack).or_default().insert(rule, count);
        }
        report
            .indeterminate
            .extend(said.indeterminate.into_iter().map(|i| IndeterminateLine {
                pack: i.pack,
                rule: i.rule,
                reason: i.reason,
            }));
        let more = said.findings.len().saturating_sub(MOST_FINDINGS);
        if more > 0 {
            report.notes.push(match self.lang {
                Lang::Fr => format!("{more} autres constats ne sont pas montrés"),
                Lang::En => format!("{more} more findings are not shown"),
            });
        }
        let mut lines = Lines::new(bytes);
        let is_json = kind == DocumentKind::Userinfo;
        // An error beyond the limit must not be hidden by the warnings before it.
        let mut findings = said.findings;
        if more > 0 {
            findings.sort_by_key(|f| std::cmp::Reverse(f.level));
            findings.truncate(MOST_FINDINGS);
        }
        for finding in findings {
            let mut line = from_document(finding);
            if is_json && line.line.is_none() {
                let place = line.path.as_deref().and_then(|p| source::locate(bytes, p));
                line.line = place.map(|p| p.0);
                line.column = place.map(|p| p.1);
            }
            if let (Some(at), column) = (line.line, line.column.unwrap_or(1)) {
                line.excerpt = lines.excerpt(at, column);
            }
            report.findings.push(line);
        }
        self.describe(report);
    }

    /// Puts on each finding of ours what its rule says.
    fn describe(&self, report: &mut FileReport) {
        for finding in &mut report.findings {
            if finding.pack == OWN_PACK
                && finding.text.is_none()
                && let Some(at) = self.by_id.get(&finding.rule)
                && let Some(rule) = self.rules.get(*at)
            {
                finding.text = Some(rule.text.clone());
                finding.origin = Some(rule.source.clone());
                finding.hint.get_or_insert_with(|| rule.hint.clone());
                if finding.requirements.is_empty() {
                    finding.requirements.clone_from(&rule.requirements);
                }
            }
        }
    }

    fn conclude(&self, report: &mut FileReport) {
        report.packs.splice(0..0, self.own_packs(report));
        if report.verdict == FileVerdict::ErreurBanc || report.open.is_some() {
            return;
        }
        let own_open = report
            .indeterminate
            .iter()
            .filter(|rule| rule.pack == OWN_PACK)
            .count();
        report.verdict = if report.count(Level::Error) > 0 {
            FileVerdict::NonConforme
        } else if own_open > 0 {
            let reason = match self.lang {
                Lang::Fr => format!("{own_open} règles de Diapason n'ont pas pu être jugées"),
                Lang::En => format!("{own_open} rules of Diapason could not be judged"),
            };
            report.leave_open(Open::RulesIndeterminate, reason);
            FileVerdict::NonConcluant
        } else if report.assertions() == 0 && report.findings.is_empty() {
            report.leave_open(
                Open::NothingJudged,
                self.say(
                    "aucune règle n'a trouvé quoi vérifier dans ce fichier",
                    "no rule found anything to check in this file",
                ),
            );
            FileVerdict::NonConcluant
        } else if report.count(Level::Warning) > 0 {
            FileVerdict::Reserve
        } else {
            FileVerdict::Conforme
        };
    }

    fn not_yet(&self, kind: DocumentKind, report: &mut FileReport) {
        let (fr, en) = match kind {
            DocumentKind::Email => (
                "un message électronique n'est pas encore jugé : son juge arrive avec la famille MSSanté",
                "a mail message is not judged yet: its judge arrives with the MSSanté family",
            ),
            DocumentKind::Xdm => (
                "une archive XDM n'est pas encore jugée : son juge arrive avec les familles MSSanté et DMP ; les documents CDA qu'elle contient peuvent être donnés un à un",
                "an XDM package is not judged yet: its judge arrives with the MSSanté and DMP families; the CDA documents inside can be given one by one",
            ),
            _ => (
                "une réponse SOAP n'est pas encore jugée : elle vient du service ; son juge arrive avec la famille DMP",
                "a SOAP answer is not judged yet: it comes from the service; its judge arrives with the DMP family",
            ),
        };
        report.leave_open(Open::NotJudgedYet, self.say(fr, en));
    }

    fn unreadable(&self, why: &Unreadable) -> String {
        match (why, self.lang) {
            (Unreadable::System(error), Lang::Fr) => {
                format!("le fichier ne peut pas être lu : {error}")
            }
            (Unreadable::System(error), Lang::En) => format!("the file cannot be read: {error}"),
            (Unreadable::Special, Lang::Fr) => {
                "ce n'est pas un fichier ordinaire (tube, périphérique...)".to_owned()
            }
            (Unreadable::Special, Lang::En) => {
                "this is no regular file (pipe, device...)".to_owned()
            }
            (Unreadable::TooLarge { bytes, limit }, Lang::Fr) => format!(
                "le fichier fait au moins {} Mio ; au-delà de {} Mio il n'est pas lu",
                bytes >> 20,
                limit >> 20
            ),
            (Unreadable::TooLarge { bytes, limit }, Lang::En) => format!(
                "the file has at least {} MiB; beyond {} MiB it is not read",
                bytes >> 20,
                limit >> 20
            ),
        }
    }

    fn say(&self, fr: &'static str, en: &'static str) -> &'static str {
        match self.lang {
            Lang::Fr => fr,
            Lang::En => en,
        }
    }
}

fn shown(path: impl AsRef<Path>) -> String {
    path.as_ref().display().to_string().replace('\\', "/")
}

fn from_document(finding: DocumentFinding) -> FindingLine {
    FindingLine {
        pack: finding.pack,
        rule: finding.rule,
        level: finding.level,
        line: finding.place.line,
        column: finding.place.column,
        path: finding.place.path,
        text: None,
        expected: finding.expected,
        observed: finding.observed,
        hint: finding.hint,
        requirements: finding.requirements,
        origin: None,
        excerpt: None,
    }
}

//! Where a command writes. A broken pipe is not an error; any other lost line is.

use std::io::{ErrorKind, IsTerminal, Write};

use diapason_core::requirement::Lang;

/// stdout for data, stderr for talk.
pub struct Io {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    lost: Option<std::io::Error>,
    /// Is stderr a terminal?
    pub terminal: bool,
    /// Asked to be quiet.
    pub quiet: bool,
    /// Language.
    pub lang: Lang,
}

impl Io {
    /// The process's own.
    pub fn standard() -> Self {
        Self {
            out: Box::new(std::io::stdout()),
            err: Box::new(std::io::stderr()),
            lost: None,
            terminal: std::io::stderr().is_terminal(),
            quiet: false,
            lang: Lang::Fr,
        }
    }

    /// Writes nowhere.
    pub fn silent() -> Self {
        Self {
            out: Box::new(std::io::sink()),
            err: Box::new(std::io::sink()),
            lost: None,
            terminal: false,
            quiet: true,
            lang: Lang::Fr,
        }
    }

    /// A line of data.
    pub fn data(&mut self, line: &str) {
        let outcome = writeln!(self.out, "{line}");
        self.keep(outcome);
    }

    /// Data as it is.
    pub fn data_raw(&mut self, text: &str) {
        let outcome = self
            .out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush());
        self.keep(outcome);
    }

    /// A line of talk.
    pub fn talk(&mut self, line: &str) {
        let outcome = writeln!(self.err, "{line}");
        self.keep(outcome);
    }

    /// Talk as it is.
    pub fn talk_raw(&mut self, text: &str) {
        let outcome = self.err.write_all(text.as_bytes());
        self.keep(outcome);
    }

    /// Flushes; gives back the first line that was lost for another reason than a reader who left.
    pub fn finish(&mut self) -> Option<std::io::Error> {
        let outcome = self.out.flush().and_then(|()| self.err.flush());
        self.keep(outcome);
        self.lost.take()
    }

    fn keep(&mut self, outcome: std::io::Result<()>) {
        if let Err(error) = outcome
            && error.kind() != ErrorKind::BrokenPipe
        {
            self.lost.get_or_insert(error);
        }
    }

    /// Picks the sentence of the language in use.
    pub fn say<'a>(&self, fr: &'a str, en: &'a str) -> &'a str {
        match self.lang {
            Lang::Fr => fr,
            Lang::En => en,
        }
    }
}

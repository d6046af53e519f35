//! Where a command writes. A broken pipe is not an error.

use std::io::{IsTerminal, Write};

use diapason_core::requirement::Lang;

/// stdout for data, stderr for talk.
pub struct Io {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
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
            terminal: false,
            quiet: true,
            lang: Lang::Fr,
        }
    }

    /// A line of data.
    pub fn data(&mut self, line: &str) {
        let _ = writeln!(self.out, "{line}");
    }

    /// Data as it is.
    pub fn data_raw(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes());
        let _ = self.out.flush();
    }

    /// A line of talk.
    pub fn talk(&mut self, line: &str) {
        let _ = writeln!(self.err, "{line}");
    }

    /// Talk as it is.
    pub fn talk_raw(&mut self, text: &str) {
        let _ = self.err.write_all(text.as_bytes());
    }

    /// Picks the sentence of the language in use.
    pub fn say<'a>(&self, fr: &'a str, en: &'a str) -> &'a str {
        match self.lang {
            Lang::Fr => fr,
            Lang::En => en,
        }
    }
}

//! A terminal with a person before it: lines out, lines in, within a deadline.

use std::fmt;
use std::time::Duration;

use diapason_core::requirement::Lang;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

/// Longest line read from a person.
const MAX_LINE: usize = 64 * 1024;
/// Seconds left at which the countdown speaks.
const MARKS: &[u64] = &[300, 120, 60, 30, 10];

/// Why no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// The input is closed.
    Closed,
    /// The deadline passed.
    TooLate,
}

/// See the module.
pub(super) struct Console {
    reader: Box<dyn AsyncBufRead + Send + Unpin>,
    writer: Box<dyn AsyncWrite + Send + Unpin>,
    pub(super) lang: Lang,
    /// Bytes of a line whose end has not come yet.
    partial: Vec<u8>,
    pub(super) marks: &'static [u64],
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console")
            .field("lang", &self.lang)
            .finish_non_exhaustive()
    }
}

impl Console {
    pub(super) fn new(
        reader: Box<dyn AsyncBufRead + Send + Unpin>,
        writer: Box<dyn AsyncWrite + Send + Unpin>,
        lang: Lang,
    ) -> Self {
        Self {
            reader,
            writer,
            lang,
            partial: Vec::new(),
            marks: MARKS,
        }
    }

    /// One of two texts.
    pub(super) fn t<T>(&self, fr: T, en: T) -> T {
        match self.lang {
            Lang::Fr => fr,
            Lang::En => en,
        }
    }

    /// Writes a line. A terminal that is gone shows at the next question.
    pub(super) async fn line(&mut self, text: &str) {
        let _ = self.writer.write_all(text.as_bytes()).await;
        let _ = self.writer.write_all(b"\n").await;
        let _ = self.writer.flush().await;
    }

    /// Asks, and returns the line typed, trimmed. The countdown speaks meanwhile.
    pub(super) async fn ask(&mut self, prompt: &str, until: Instant) -> Result<String, NoAnswer> {
        let _ = self.writer.write_all(prompt.as_bytes()).await;
        let _ = self.writer.write_all(b" ").await;
        let _ = self.writer.flush().await;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(NoAnswer::TooLate);
            }
            let next_mark = self
                .marks
                .iter()
                .map(|s| Duration::from_secs(*s))
                .find(|mark| *mark < left);
            let wait = next_mark.map_or(left, |mark| left.saturating_sub(mark));
            match tokio::time::timeout(wait, self.read_line()).await {
                Ok(line) => return line,
                Err(_) => {
                    if let Some(mark) = next_mark {
                        let left = mark.as_secs();
                        let text = match self.lang {
                            Lang::Fr => format!("  (il reste {left} s)"),
                            Lang::En => format!("  ({left} s left)"),
                        };
                        self.line(&text).await;
                    }
                }
            }
        }
    }

    /// Cancel-safe: what was read of a line is kept for the next call.
    async fn read_line(&mut self) -> Result<String, NoAnswer> {
        loop {
            let available = self.reader.fill_buf().await.map_err(|_| NoAnswer::Closed)?;
            if available.is_empty() {
                return Err(NoAnswer::Closed);
            }
            let (taken, ended) = match available.iter().position(|b| *b == b'\n') {
                Some(end) => (end + 1, true),
                None => (available.len(), false),
            };
            if self.partial.len() < MAX_LINE {
                self.partial.extend_from_slice(&available[..taken]);
            }
            self.reader.consume(taken);
            if ended {
                let line = std::mem::take(&mut self.partial);
                return Ok(String::from_utf8_lossy(&line).trim().to_owned());
            }
        }
    }
}

/// What a line typed means, for a question with few answers: its first letter, lower case.
pub(super) fn initial(line: &str) -> Option<char> {
    line.chars().next().map(|c| c.to_ascii_lowercase())
}

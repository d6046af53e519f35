//! The checked file itself: read within limits, shown line by line, searched for a JSON pointer.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

/// Most characters of a line that are shown.
const WIDEST: usize = 110;
/// Characters kept before the place shown, when the line is long.
const BEFORE: usize = 30;
/// Columns beyond this are not shown: a line of megabytes says nothing to a reader.
const FARTHEST: usize = 2_000_000;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// The system says no.
    #[error("{0}")]
    System(#[from] std::io::Error),
    /// A pipe, a device, a socket.
    #[error("not a regular file")]
    Special,
    /// More bytes than are read.
    #[error("{bytes} bytes, more than the {limit} that are read")]
    TooLarge {
        /// Its size, as far as it is known.
        bytes: u64,
        /// The limit.
        limit: usize,
    },
}

/// Reads a regular file of at most `limit` bytes; a larger one is refused without being read.
pub(super) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Unreadable> {
    // Looked at before it is opened: opening a pipe would wait for ever.
    let about = std::fs::metadata(path)?;
    if !about.is_file() {
        return Err(Unreadable::Special);
    }
    if about.len() > limit as u64 {
        return Err(Unreadable::TooLarge {
            bytes: about.len(),
            limit,
        });
    }
    read_from(File::open(path)?, limit)
}

/// Reads at most `limit` bytes: a file may grow, or say less than it holds.
pub(super) fn read_from(from: impl Read, limit: usize) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::new();
    from.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(Unreadable::TooLarge {
            bytes: bytes.len() as u64,
            limit,
        });
    }
    Ok(bytes)
}

/// A line of the file, and what to underline in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Excerpt {
    /// The line, or the part of it around the place; control characters replaced.
    pub(crate) text: String,
    /// Where the underlining begins in `text`, in characters from 1.
    pub(crate) column: u32,
    /// How many characters are underlined.
    pub(crate) width: u32,
}

/// The lines of a file, found when first asked for.
pub(super) struct Lines<'a> {
    bytes: &'a [u8],
    starts: Option<Vec<usize>>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes: bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes),
            starts: None,
        }
    }

    fn line(&mut self, number: u32) -> Option<&'a [u8]> {
        let bytes = self.bytes;
        let starts = self.starts.get_or_insert_with(|| {
            let ends = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n');
            std::iter::once(0)
                .chain(ends.map(|(at, _)| at + 1))
                .collect()
        });
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let start = *starts.get(index)?;
        let end = starts.get(index + 1).map_or(bytes.len(), |next| next - 1);
        bytes.get(start..end)
    }

    /// What to show of a place, both numbers from 1; `None` when the file has no such line.
    pub(super) fn excerpt(&mut self, line: u32, column: u32) -> Option<Excerpt> {
        let line = self.line(line)?;
        let column = (column as usize).saturating_sub(1);
        if column > FARTHEST {
            return None;
        }
        // Enough of the line, not all of its megabytes.
        let head = &line[..line.len().min((column + WIDEST) * 4)];
        let text = String::from_utf8_lossy(head);
        let text = text.trim_end_matches('\r');
        let from = if text.chars().count() > WIDEST {
            column.saturating_sub(BEFORE)
        } else {
            0
        };
        let mut shown: String = text.chars().skip(from).take(WIDEST).map(plain).collect();
        let rest: String = text.chars().skip(column).take(WIDEST).collect();
        let room = shown.chars().count().saturating_sub(column - from).max(1);
        let width = width(&rest).clamp(1, room);
        let mut caret = column - from;
        if from > 0 {
            shown.insert(0, '…');
            caret += 1;
        }
        if text.chars().count() > from + WIDEST || head.len() < line.len() {
            shown.push('…');
        }
        Some(Excerpt {
            text: shown,
            column: u32::try_from(caret + 1).ok()?,
            width: u32::try_from(width).ok()?,
        })
    }
}

/// Control characters are shown, never obeyed; a tab would move the caret.
fn plain(c: char) -> char {
    match c {
        '\t' => ' ',
        // Bidirectional marks would show the line in another order than it is.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// How much of what begins here to underline: a tag, an attribute and its value, a JSON value, a word.
fn width(text: &str) -> usize {
    let chars: Vec<char> = text.chars().collect();
    let until =
        |stop: &dyn Fn(char) -> bool| chars.iter().position(|c| stop(*c)).unwrap_or(chars.len());
    let quoted = |from: usize| {
        let quote = chars.get(from)?;
        let len = chars[from + 1..].iter().position(|c| c == quote)?;
        Some(from + 1 + len + 1)
    };
    match chars.first() {
        Some('<') => until(&|c| c == '>') + 1,
        Some('"') => quoted(0).unwrap_or(1),
        Some('{' | '[') | None => 1,
        Some(_) => {
            let name = until(&|c| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':')));
            match (chars.get(name), chars.get(name + 1)) {
                (Some('='), Some('"' | '\'')) => quoted(name + 1).unwrap_or(name.max(1)),
                _ => name.max(1),
            }
        }
    }
}

/// Line and column, from 1, of what a JSON pointer designates, or of the deepest part of it that is there.
pub(super) fn locate(bytes: &[u8], pointer: &str) -> Option<(u32, u32)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut pointer = pointer.trim_end_matches('/');
    loop {
        if let Some(place) = diapason_rules::json_rules::locate(text, pointer) {
            return Some(place);
        }
        pointer = &pointer[..pointer.rfind('/')?];
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn the_place_is_shown_with_what_to_underline() {
        let text = "\u{feff}<a>\r\n\t<id root=\"1.2\" extension='é'/>\n";
        let mut lines = Lines::new(text.as_bytes());
        let at = |lines: &mut Lines<'_>, line, column| {
            let e = lines.excerpt(line, column).unwrap();
            let from = (e.column - 1) as usize;
            let under: String = e.text.chars().skip(from).take(e.width as usize).collect();
            (e.text, under)
        };
        assert_eq!(at(&mut lines, 1, 1), ("<a>".to_owned(), "<a>".to_owned()));
        assert_eq!(at(&mut lines, 2, 2).1, "<id root=\"1.2\" extension='é'/>");
        assert_eq!(at(&mut lines, 2, 6).1, "root=\"1.2\"");
        assert_eq!(at(&mut lines, 2, 17).1, "extension='é'");
        assert!(lines.excerpt(9, 1).is_none());
        assert!(lines.excerpt(0, 0).is_none());
        // Beyond the end of the line: shown, nothing underlined but a place.
        assert_eq!(lines.excerpt(1, 90).unwrap().width, 1);
    }

    #[test]
    fn a_long_line_is_cut_around_the_place_and_controls_are_not_obeyed() {
        let long = format!(
            "{}<bad a=\"\u{1b}[31m\u{202e}\"/>{}",
            "x".repeat(5_000),
            "y".repeat(5_000_000)
        );
        let shown = Lines::new(long.as_bytes()).excerpt(1, 5_001).unwrap();
        assert!(shown.text.chars().count() <= WIDEST + 2, "{}", shown.text);
        assert!(shown.text.starts_with("…xxx") && shown.text.ends_with("yyy…"));
        assert!(!shown.text.contains(['\u{1b}', '\u{202e}']));
        let under: String = shown
            .text
            .chars()
            .skip(shown.column as usize - 1)
            .take(4)
            .collect();
        assert_eq!(under, "<bad");
    }

    #[test]
    fn a_pointer_is_found_in_the_text() {
        let json = "{\"a\" : [1, {\"b/c\": \"x\\\"]\"},\n  true],\n \"d\": {\"é\":\n  null}}";
        for (pointer, place) in [
            ("/", (1, 1)),
            ("", (1, 1)),
            ("/a/0", (1, 9)),
            ("/a/1/b~1c", (1, 20)),
            ("/a/2", (2, 3)),
            ("/d/é", (4, 3)),
            ("/d/absent", (3, 7)),
            ("/a/9/z", (1, 8)),
        ] {
            assert_eq!(locate(json.as_bytes(), pointer), Some(place), "{pointer}");
        }
        for broken in ["", "{", "{\"a\":", "{\"a\"", "[[[", "{\"\\", "{]"] {
            let _ = locate(broken.as_bytes(), "/a/b/c");
        }
    }

    #[test]
    fn a_file_is_read_within_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, [b'x'; 100]).unwrap();
        assert_eq!(read(&path, 100).unwrap().len(), 100);
        assert!(matches!(
            read(&path, 99),
            Err(Unreadable::TooLarge { bytes: 100, .. })
        ));
        assert!(matches!(
            read_from(&[b'x'; 100][..], 99),
            Err(Unreadable::TooLarge { .. })
        ));
        assert!(matches!(read(folder.path(), 9), Err(Unreadable::Special)));
        assert!(matches!(
            read(&path.join("z"), 9),
            Err(Unreadable::System(_))
        ));
        assert!(matches!(
            read(Path::new("/dev/zero"), 9),
            Err(Unreadable::Special)
        ));
    }
}

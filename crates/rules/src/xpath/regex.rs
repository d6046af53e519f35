//! Regular expressions of XPath 2.0 (F&O 7.6.1), run by an engine whose time is linear in the text: no pattern can hang.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::XPathError;

/// Compiled patterns, shared by every evaluation of a pack.
#[derive(Debug, Default)]
pub(crate) struct Regexes(Mutex<HashMap<(String, String), Compiled>>);

type Compiled = Result<Arc<regex::Regex>, XPathError>;

impl Regexes {
    /// The compiled pattern.
    pub(crate) fn get(&self, pattern: &str, flags: &str) -> Result<Arc<regex::Regex>, XPathError> {
        let mut all = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        // Patterns can come from the document: their number stays bounded.
        if all.len() > 4096 {
            all.clear();
        }
        if let Some(known) = all.get(&(pattern.to_owned(), flags.to_owned())) {
            return known.clone();
        }
        let made = compile(pattern, flags).map(Arc::new);
        all.insert((pattern.to_owned(), flags.to_owned()), made.clone());
        made
    }
}

fn compile(pattern: &str, flags: &str) -> Result<regex::Regex, XPathError> {
    let translated = translate(pattern)?;
    let mut builder = regex::RegexBuilder::new(&translated);
    for flag in flags.chars() {
        match flag {
            's' => builder.dot_matches_new_line(true),
            'm' => builder.multi_line(true),
            'i' => builder.case_insensitive(true),
            'x' => builder.ignore_whitespace(true),
            other => return Err(XPathError(format!("FORX0001: unknown flag {other:?}"))),
        };
    }
    builder
        .size_limit(4 << 20)
        .build()
        .map_err(|error| XPathError(format!("FORX0002: regular expression {pattern:?}: {error}")))
}

/// The same pattern in the notation of the `regex` crate.
fn translate(pattern: &str) -> Result<String, XPathError> {
    const NAME_START: &str = r":A-Z_a-z\u{C0}-\u{D6}\u{D8}-\u{F6}\u{F8}-\u{2FF}\u{370}-\u{37D}\u{37F}-\u{1FFF}\u{200C}-\u{200D}\u{2070}-\u{218F}\u{2C00}-\u{2FEF}\u{3001}-\u{D7FF}\u{F900}-\u{FDCF}\u{FDF0}-\u{FFFD}\u{10000}-\u{EFFFF}";
    const NAME_MORE: &str = r"\-.0-9\u{B7}\u{300}-\u{36F}\u{203F}-\u{2040}";
    let unsupported = |what: &str| {
        Err(XPathError(format!(
            "regular expression {pattern:?}: {what} is not supported"
        )))
    };
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut depth = 0_usize; // of character classes
    let mut chars = pattern.chars().peekable();
    let mut at_class_start = false;
    while let Some(c) = chars.next() {
        let first = std::mem::take(&mut at_class_start);
        match c {
            '\\' => match chars.next() {
                Some('i') if depth == 0 => out.push_str(&format!("[{NAME_START}]")),
                Some('I') if depth == 0 => out.push_str(&format!("[^{NAME_START}]")),
                Some('c') if depth == 0 => out.push_str(&format!("[{NAME_START}{NAME_MORE}]")),
                Some('C') if depth == 0 => out.push_str(&format!("[^{NAME_START}{NAME_MORE}]")),
                Some('i') => out.push_str(NAME_START),
                Some('c') => out.push_str(&format!("{NAME_START}{NAME_MORE}")),
                Some('s') => out.push_str(if depth == 0 {
                    "[ \\t\\n\\r]"
                } else {
                    " \\t\\n\\r"
                }),
                Some('S') if depth == 0 => out.push_str("[^ \\t\\n\\r]"),
                // XML Schema's \w is all but punctuation, separators and others: no underscore, but symbols.
                Some('w') => out.push_str(r"[^\p{P}\p{Z}\p{C}]"),
                Some('W') => out.push_str(r"[\p{P}\p{Z}\p{C}]"),
                Some(p @ ('p' | 'P')) => {
                    out.push('\\');
                    out.push(p);
                    let name: String = chars.clone().skip(1).take_while(|c| *c != '}').collect();
                    if name.starts_with("Is") {
                        return unsupported("a Unicode block");
                    }
                }
                Some(digit @ '1'..='9') if depth == 0 => {
                    return unsupported(&format!("the back-reference \\{digit}"));
                }
                Some(next @ ('I' | 'C' | 'S')) => {
                    return unsupported(&format!("\\{next} inside brackets"));
                }
                Some(next) => {
                    out.push('\\');
                    out.push(next);
                }
                None => {
                    return Err(XPathError(format!(
                        "FORX0002: regular expression {pattern:?} ends with a backslash"
                    )));
                }
            },
            '[' if depth == 0 => {
                depth = 1;
                at_class_start = true;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    chars.next();
                    out.push('^');
                }
            }
            '-' if depth > 0 && chars.peek() == Some(&'[') => {
                // Class subtraction.
                out.push_str("--");
            }
            '[' => {
                depth += 1;
                out.push('[');
            }
            ']' if depth > 0 => {
                depth -= 1;
                out.push(']');
            }
            // Literal inside a class in XPath, operators in the `regex` crate.
            '&' | '~' if depth > 0 => {
                out.push('\\');
                out.push(c);
            }
            '-' if depth > 0 && (first || chars.peek() == Some(&']')) => out.push_str("\\-"),
            '(' if depth == 0 && chars.peek() == Some(&'?') => {
                return Err(XPathError(format!(
                    "FORX0002: regular expression {pattern:?}: a group cannot begin with '?'"
                )));
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

/// A replacement string of `fn:replace` in the notation of the `regex` crate.
pub(crate) fn replacement(text: &str) -> Result<String, XPathError> {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('\\') => out.push('\\'),
                Some('$') => out.push_str("$$"),
                _ => return Err(XPathError::new("FORX0004: bad replacement string")),
            },
            '$' => {
                let digit = chars
                    .next()
                    .filter(char::is_ascii_digit)
                    .ok_or_else(|| XPathError::new("FORX0004: bad replacement string"))?;
                out.push_str("${");
                out.push(digit);
                out.push('}');
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn patterns_keep_their_meaning() {
        let is =
            |pattern: &str, text: &str| Regexes::default().get(pattern, "").unwrap().is_match(text);
        assert!(is(r"^[0-2](\.(0|[1-9]\d*))*$", "1.2.250"));
        assert!(!is(r"^[0-2](\.(0|[1-9]\d*))*$", "1.02"));
        assert!(is(r"^[a-z-[aeiou]]+$", "bcd"));
        assert!(!is(r"^[a-z-[aeiou]]+$", "bad"));
        assert!(is(r"^[0-9()\.-]+$", "01-02"));
        assert!(is(r"^\i\c*$", "nom-1"));
        assert!(is(r"^[&~]$", "&"));
        assert!(!is("^a$", "a\n"));
        assert!(is(r"^\wé\w$", "aé+") && !is(r"\w", "_- ") && is(r"^\W$", "_"));
        assert!(is(r"^[\w\-]+$", "a-b") && !is(r"^[\w]+$", "a-b") && !is(r"[\w-[a-z]]", "_a"));
    }

    #[test]
    fn a_pattern_made_to_backtrack_for_ever_ends() {
        let text = format!("{}!", "a".repeat(50_000));
        assert!(
            !Regexes::default()
                .get("^(a+)+$", "")
                .unwrap()
                .is_match(&text)
        );
    }

    #[test]
    fn what_cannot_be_run_says_so() {
        for pattern in ["(a)\\1", "a\\", "(?:a)", "[a"] {
            assert!(Regexes::default().get(pattern, "").is_err(), "{pattern}");
        }
        assert_eq!(replacement("a$1\\$").unwrap(), "a${1}$$");
        assert!(replacement("$x").is_err());
    }
}

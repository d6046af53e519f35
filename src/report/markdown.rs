//! `summary.md`: what a merge request shows.

use std::fmt::Write as _;

use diapason_core::Level;
use diapason_core::requirement::Lang;

use super::Report;
use super::words::label;

/// Most findings listed.
const MOST: usize = 50;

pub(super) fn render(report: &Report, lang: Lang) -> String {
    let mut out = String::new();
    let l = |key: &str| label(lang, key);
    let _ = writeln!(out, "# Diapason : {}\n", l("title"));
    let _ = writeln!(
        out,
        "{} {} {}, {} {}\n",
        plain(&report.product.produit.editeur),
        plain(&report.product.produit.nom),
        plain(&report.product.produit.version),
        l("run"),
        report.run
    );
    let _ = writeln!(out, "| {} | {} |\n|---|---:|", l("verdict"), l("scenarios"));
    for (word, count) in &report.verdicts {
        let _ = writeln!(out, "| {} | {count} |", l(word));
    }
    let mut by_status = std::collections::BTreeMap::new();
    for line in &report.requirements {
        *by_status.entry(line.status).or_insert(0u32) += 1;
    }
    let _ = writeln!(out, "\n| {} | |\n|---|---:|", l("requirements"));
    for (status, count) in by_status {
        let word = crate::cli::word(&status);
        let _ = writeln!(out, "| {} | {count} |", l(&word));
    }
    let findings: Vec<_> = report
        .scenarios
        .iter()
        .flat_map(|s| s.findings.iter().map(move |f| (s, f)))
        .filter(|(_, f)| f.finding.level > Level::Info)
        .collect();
    let _ = writeln!(out, "\n## {}\n", l("findings"));
    if findings.is_empty() {
        let _ = writeln!(out, "{}", l("no_finding"));
    }
    for (scenario, f) in findings.iter().take(MOST) {
        let text = f.text.as_ref().map(|t| t.get(lang)).unwrap_or_default();
        let hint = f.hint.as_ref().map(|t| t.get(lang)).unwrap_or_default();
        let _ = writeln!(
            out,
            "- **{}** ({}) `{}` {}\n  - {} : {}\n  - {} : {}\n  - {} : {}",
            f.finding.rule,
            l(&crate::cli::word(&f.finding.level)),
            scenario.id,
            plain(text),
            l("expected"),
            plain(&f.finding.expected),
            l("seen"),
            plain(&f.finding.observed),
            l("hint"),
            plain(hint)
        );
    }
    if findings.len() > MOST {
        let _ = writeln!(out, "- … {} de plus", findings.len() - MOST);
    }
    let _ = writeln!(out, "\n{}", l("limits"));
    out
}

/// On one line, without Markdown or HTML meaning.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_control() => out.push(' '),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            // Nobody is called, no issue is linked.
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            '!' | '~' | '*' | '_' | '`' | '[' | ']' | '|' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_no_meaning_of_its_own() {
        let out = plain("<img src=x> &lt; @equipe #12 ![x](y) ~~a~~\r\n# titre | `c` *g* _i_");
        assert_eq!(
            out,
            "&lt;img src=x> &amp;lt; &#64;equipe &#35;12 \\!\\[x\\](y) \\~\\~a\\~\\~  &#35; titre \\| \\`c\\` \\*g\\* \\_i\\_"
        );
    }
}

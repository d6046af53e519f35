//! Style sheets: none beside the document, and one coupled to it that stays at home.

use diapason_formats::xml::{NodeId, NodeKind, Tree};

use super::{HL7, clinical_document};
use crate::document::DocumentCtx;

const XSL: &str = "http://www.w3.org/1999/XSL/Transform";
const DATA: &str = "urn:asip-sante:ci-sis";

/// Attributes by which a page of HTML fetches something.
const FETCHING: [&str; 8] = [
    "src",
    "srcset",
    "data",
    "background",
    "poster",
    "codebase",
    "longdesc",
    "archive",
];

/// The style sheet that carries the document, when there is one.
fn coupled(tree: &Tree) -> Option<NodeId> {
    let root = tree.document_element()?;
    let is_style_sheet =
        tree.is_named(root, XSL, "stylesheet") || tree.is_named(root, XSL, "transform");
    (is_style_sheet && clinical_document(tree).is_some()).then_some(root)
}

/// Pseudo-attribute of an `xml-stylesheet` instruction.
fn pseudo<'a>(data: &'a str, key: &str) -> Option<&'a str> {
    let after = data[data.find(key)? + key.len()..].trim_start();
    let after = after.strip_prefix('=')?.trim_start();
    let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    after[1..].split(quote).next()
}

fn style_sheet_instructions(tree: &Tree) -> Vec<NodeId> {
    tree.children(tree.root())
        .filter(|n| tree.kind(*n) == NodeKind::Instruction && tree.name(*n) == "xml-stylesheet")
        .collect()
}

/// CDA-X08: the only style sheet is the one that carries the document.
pub(super) fn no_separate_style_sheet(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let mut found = false;
    for instruction in style_sheet_instructions(tree) {
        let data = tree.text(instruction);
        let href = pseudo(data, "href").unwrap_or_default();
        if href != "#" || coupled(tree).is_none() {
            found = true;
            ctx.broken(
                instruction,
                "aucune feuille de style séparée du document",
                format!("href=\"{href}\""),
            );
        }
    }
    if !found {
        ctx.held();
    }
}

/// Elements of the style sheet itself, the document left out.
fn of_style_sheet(tree: &Tree, root: NodeId) -> impl Iterator<Item = NodeId> + '_ {
    let document = clinical_document(tree);
    let end = document.map_or(root, |d| tree.subtree_end(d));
    std::iter::once(root)
        .chain(tree.descendant_elements(root))
        .filter(move |n| document.is_none_or(|d| *n < d || *n >= end))
}

/// CDA-X09: the coupled style sheet reads nothing but the document.
pub(super) fn fetches_nothing(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(root) = coupled(tree) else {
        return;
    };
    let mut found = false;
    for element in of_style_sheet(tree, root) {
        for (node, observed) in fetches(tree, element) {
            found = true;
            ctx.broken(
                node,
                "une feuille de style qui ne va rien chercher hors du document",
                observed,
            );
        }
    }
    if !found {
        ctx.held();
    }
}

/// What an element of a style sheet goes and gets.
fn fetches(tree: &Tree, element: NodeId) -> Vec<(NodeId, String)> {
    let mut seen = Vec::new();
    if tree.namespace(element) == XSL {
        if matches!(
            tree.local(element),
            "import" | "include" | "import-schema" | "result-document"
        ) {
            seen.push((element, format!("xsl:{}", tree.local(element))));
        }
        for attribute in tree.attributes(element) {
            let value = tree.text(attribute);
            if calls(value, "document") || calls(value, "doc") || calls(value, "unparsed-text") {
                seen.push((attribute, shorten(value)));
            }
        }
        // `xsl:attribute name="src"` written with a fixed address.
        let name = tree.attribute(element, "name").unwrap_or_default();
        if tree.local(element) == "attribute" && FETCHING.contains(&name) {
            let text = tree.string_value(element);
            if leaves(&text) {
                seen.push((element, shorten(&text)));
            }
        }
        return seen;
    }
    let tag = tree.local(element).to_ascii_lowercase();
    for attribute in tree.attributes(element) {
        let name = tree.local(attribute).to_ascii_lowercase();
        let value = tree.text(attribute);
        let fetched = FETCHING.contains(&name.as_str())
            || (name == "href" && matches!(tag.as_str(), "link" | "base" | "image" | "use"));
        if (fetched && leaves(value)) || (name == "style" && style_leaves(value)) {
            seen.push((attribute, format!("{tag}/@{name} = {}", shorten(value))));
        }
    }
    if tag == "style" {
        let text = tree.string_value(element);
        if style_leaves(&text) {
            seen.push((
                element,
                "une règle CSS qui va chercher une ressource".to_owned(),
            ));
        }
    }
    seen
}

/// Is the function called in this expression, with another argument than the style sheet itself (`''`)?
fn calls(expression: &str, function: &str) -> bool {
    let mut from = 0;
    while let Some(at) = expression[from..].find(function) {
        let start = from + at;
        from = start + function.len();
        let before = expression[..start].chars().next_back();
        let after = expression[from..].trim_start();
        let own_name = before.is_none_or(|c| !(c.is_alphanumeric() || "-_.$@/".contains(c)));
        if own_name && let Some(argument) = after.strip_prefix('(') {
            let argument = argument.trim_start();
            if !argument.starts_with("''") && !argument.starts_with("\"\"") {
                return true;
            }
        }
    }
    false
}

/// An address outside the document: neither inline data nor an anchor.
fn leaves(address: &str) -> bool {
    let address = address.trim();
    !(address.is_empty()
        || address.starts_with('#')
        || address.starts_with('{')
        || address.to_ascii_lowercase().starts_with("data:"))
}

/// `url(...)` or `@import` in CSS.
fn style_leaves(css: &str) -> bool {
    let css = css.to_ascii_lowercase();
    css.contains("@import")
        || css
            .split("url(")
            .skip(1)
            .any(|rest| leaves(rest.trim_start().trim_start_matches(['"', '\''])))
}

fn shorten(value: &str) -> String {
    let line: Vec<&str> = value.split_whitespace().collect();
    line.join(" ").chars().take(100).collect()
}

/// CDA-X10: neither the style sheet nor the document carries code to run.
pub(super) fn no_script(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(root) = tree.document_element() else {
        return;
    };
    let mut found = false;
    for element in std::iter::once(root).chain(tree.descendant_elements(root)) {
        if let Some((node, observed)) = active(tree, element) {
            found = true;
            ctx.broken(node, "ni script ni contenu actif", observed);
        }
    }
    if !found {
        ctx.held();
    }
}

/// Code that a browser would run.
fn active(tree: &Tree, element: NodeId) -> Option<(NodeId, String)> {
    let tag = tree.local(element).to_ascii_lowercase();
    let html = tree.namespace(element) != HL7 && tree.namespace(element) != XSL;
    if html
        && matches!(
            tag.as_str(),
            "script" | "iframe" | "object" | "embed" | "applet"
        )
    {
        return Some((element, format!("élément {tag}")));
    }
    if tree.namespace(element) == XSL && tag == "script" {
        return Some((element, "élément xsl:script".to_owned()));
    }
    tree.attributes(element).find_map(|attribute| {
        let name = tree.local(attribute).to_ascii_lowercase();
        let value = tree.text(attribute).trim_start();
        let handler = html && name.len() > 4 && name.starts_with("on");
        let scheme = value.get(..11).map(str::to_ascii_lowercase);
        (handler || scheme.as_deref() == Some("javascript:"))
            .then(|| (attribute, format!("@{name} = {}", shorten(value))))
    })
}

/// CDA-X11: a coupled style sheet has the published form.
pub(super) fn self_presenting_form(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(root) = coupled(tree) else {
        return;
    };
    let instructed = style_sheet_instructions(tree)
        .into_iter()
        .any(|n| pseudo(tree.text(n), "href") == Some("#"));
    ctx.check(
        instructed,
        root,
        "une instruction xml-stylesheet dont href vaut \"#\"",
        "aucune instruction de cette forme",
    );
    let Some(document) = clinical_document(tree) else {
        return;
    };
    let parent = tree.parent(document);
    let observed = parent.map_or("", |p| tree.name(p));
    ctx.check(
        parent.is_some_and(|p| tree.is_named(p, DATA, "Contenu")),
        document,
        "le document dans un élément Contenu (urn:asip-sante:ci-sis)",
        format!("le document est dans {observed}"),
    );
    ctx.check(
        !tree.prefix(document).is_empty(),
        document,
        "un préfixe à tous les éléments du document",
        "ClinicalDocument sans préfixe",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_calls_are_told_from_names() {
        for (expression, function, expected) in [
            ("document($voc)/x", "document", true),
            ("document('')/*/x", "document", false),
            ("document ( 'a.xml' )", "document", true),
            ("//c:ClinicalDocument/c:title", "document", false),
            ("my-document('a')", "document", false),
            ("$document", "document", false),
            ("doc(\"http://a\")", "doc", true),
        ] {
            assert_eq!(calls(expression, function), expected, "{expression}");
        }
    }

    #[test]
    fn css_that_fetches() {
        assert!(style_leaves("body { background: URL( 'https://a/b.png') }"));
        assert!(style_leaves("@import 'a.css';"));
        assert!(!style_leaves(
            "p { background: url(data:image/png;base64,AA) }"
        ));
        assert!(!style_leaves("p { color: red }"));
    }

    #[test]
    fn pseudo_attributes() {
        assert_eq!(pseudo("type=\"text/xsl\" href=\"#\"", "href"), Some("#"));
        assert_eq!(pseudo("href = 'a.xsl'", "href"), Some("a.xsl"));
        assert_eq!(pseudo("type='text/xsl'", "href"), None);
    }
}

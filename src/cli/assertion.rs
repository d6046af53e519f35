//! The assertions of a Schematron file that carry the id of a rule, as their author wrote them.

use diapason_formats::xml::{Limits, NodeId, NodeKind, Tree};

use crate::profile_files;

/// One assertion.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Assertion {
    /// `assert` or `report`.
    pub(super) element: &'static str,
    /// What the rule around it applies to.
    pub(super) context: String,
    /// The XPath.
    pub(super) test: String,
    /// Its message.
    pub(super) text: String,
}

/// The assertions of `file` (from the profiles folder) for rule `id`: `CDA-H04`, `CDA-H04.b`...
pub(super) fn of(file: &str, id: &str) -> Vec<Assertion> {
    profile_files::profiles()
        .ok()
        .and_then(|files| files.read(file).map(|bytes| find(&bytes, id)))
        .unwrap_or_default()
}

fn find(bytes: &[u8], id: &str) -> Vec<Assertion> {
    let Ok(tree) = Tree::read(bytes, &Limits::default()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut open: Vec<_> = tree.document_element().into_iter().collect();
    while let Some(node) = open.pop() {
        let element = match tree.local(node) {
            "assert" => "assert",
            "report" => "report",
            _ => {
                let children: Vec<_> = tree.child_elements(node).collect();
                open.extend(children.into_iter().rev());
                continue;
            }
        };
        let is_of_rule = tree.attribute(node, "id").is_some_and(|own| {
            own == id
                || own
                    .strip_prefix(id)
                    .is_some_and(|rest| rest.starts_with('.'))
        });
        if is_of_rule {
            let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let attribute = |node, name| one_line(tree.attribute(node, name).unwrap_or_default());
            found.push(Assertion {
                element,
                context: tree
                    .parent(node)
                    .map(|rule| attribute(rule, "context"))
                    .unwrap_or_default(),
                test: attribute(node, "test"),
                text: one_line(&message(&tree, node)),
            });
        }
    }
    found
}

/// A message as written: what is computed when it is shown stands between braces.
fn message(tree: &Tree, node: NodeId) -> String {
    tree.children(node)
        .map(|child| match tree.kind(child) {
            NodeKind::Text => tree.text(child).to_owned(),
            NodeKind::Element => match tree.attribute(child, "select") {
                Some(select) => format!("{{{select}}}"),
                None => message(tree, child),
            },
            _ => String::new(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assertions_are_found_by_the_id_of_their_rule() {
        let schematron = br#"<schema xmlns="http://purl.oclc.org/dsdl/schematron"><pattern>
            <rule context="a"><assert id="X-1" test="b = 1">il faut
              b, vu <value-of select="string(c)"/></assert><assert id="X-10" test="c"/></rule>
            <rule context="d"><report id="X-1.b" test="e">pas de e</report></rule>
        </pattern></schema>"#;
        let found = find(schematron, "X-1");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].test, "b = 1");
        assert_eq!(found[0].text, "il faut b, vu {string(c)}");
        assert_eq!(
            (found[1].element, found[1].context.as_str()),
            ("report", "d")
        );
        assert!(find(schematron, "X").is_empty());
        assert!(find(b"<a", "X").is_empty());
    }
}

//! The tree against the bytes, and against another reader, on generated documents.

use proptest::prelude::*;

use super::*;

/// A node of a generated document.
#[derive(Debug, Clone)]
enum Piece {
    Element(String, Vec<(String, String)>, Vec<Piece>),
    Text(String),
    Cdata(String),
    Comment(String),
    Instruction(String),
}

fn text() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[ -~éèЖ€𝄞\t\n\r]{0,12}").unwrap()
}

fn name() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["a", "b", "p:c", "q:d", "é", "p:a", "long-name.1"])
        .prop_map(str::to_owned)
}

fn piece() -> impl Strategy<Value = Piece> {
    let leaf = prop_oneof![
        text().prop_map(Piece::Text),
        text().prop_map(|t| Piece::Cdata(t.replace("]]>", "]] >"))),
        text().prop_map(|t| Piece::Comment(t.replace('-', "_"))),
        text().prop_map(|t| Piece::Instruction(t.replace("?>", "? >"))),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        (
            name(),
            prop::collection::vec((name(), text()), 0..4),
            prop::collection::vec(inner, 0..6),
        )
            .prop_map(|(name, attributes, children)| Piece::Element(name, attributes, children))
    })
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn render(piece: &Piece, out: &mut String) {
    match piece {
        Piece::Element(name, attributes, children) => {
            out.extend(["<", name]);
            let mut seen: Vec<&str> = Vec::new();
            for (name, value) in attributes {
                if !seen.contains(&name.as_str()) {
                    seen.push(name);
                    out.extend(["\n ", name, " = \"", &escape(value), "\""]);
                }
            }
            if children.is_empty() {
                out.push_str("/>");
                return;
            }
            out.push('>');
            for child in children {
                render(child, out);
            }
            out.extend(["</", name, " >"]);
        }
        Piece::Text(text) => out.push_str(&escape(text)),
        Piece::Cdata(text) => out.extend(["<![CDATA[", text, "]]>"]),
        Piece::Comment(text) => out.extend(["<!--", text, "-->"]),
        Piece::Instruction(text) => out.extend(["<?cible ", text, "?>"]),
    }
}

fn document(pieces: &[Piece]) -> String {
    let mut out = String::from(
        "\u{feff}<?xml version=\"1.0\"?>\r\n<r xmlns=\"urn:r\" xmlns:p=\"urn:p\" xmlns:q=\"urn:p\">",
    );
    for piece in pieces {
        render(piece, &mut out);
    }
    out + "</r><!-- after -->"
}

/// The two readers side by side, node by node.
fn same(tree: &Tree, other: &roxmltree::Document<'_>, source: &str) -> Result<(), TestCaseError> {
    let mine = tree
        .nodes()
        .filter(|n| tree.kind(*n) != NodeKind::Attribute)
        .collect::<Vec<_>>();
    let theirs = other.descendants().collect::<Vec<_>>();
    prop_assert_eq!(mine.len(), theirs.len());
    for (node, other_node) in mine.iter().zip(&theirs) {
        let node = *node;
        let range = other_node.range();
        match tree.kind(node) {
            NodeKind::Document => continue,
            NodeKind::Element => {
                prop_assert_eq!(tree.local(node), other_node.tag_name().name());
                prop_assert_eq!(
                    tree.namespace(node),
                    other_node.tag_name().namespace().unwrap_or_default()
                );
                let written = &source[range.start + 1..];
                prop_assert!(written.starts_with(tree.name(node)));
                let attributes: Vec<_> = tree
                    .attributes(node)
                    .map(|a| (tree.namespace(a), tree.local(a), tree.text(a)))
                    .collect();
                let expected: Vec<_> = other_node
                    .attributes()
                    .map(|a| (a.namespace().unwrap_or_default(), a.name(), a.value()))
                    .collect();
                prop_assert_eq!(attributes, expected);
                for attribute in tree.attributes(node) {
                    let at = tree.position(attribute).offset;
                    prop_assert!(source[at..].starts_with(tree.name(attribute)));
                    prop_assert_eq!(tree.parent(attribute), Some(node));
                }
                let scope: Vec<_> = tree
                    .scope(node)
                    .map(|(p, u)| (p.to_owned(), u.to_owned()))
                    .collect();
                let expected: Vec<_> = other_node
                    .namespaces()
                    .filter(|n| n.name() != Some("xml"))
                    .map(|n| (n.name().unwrap_or_default().to_owned(), n.uri().to_owned()))
                    .collect();
                prop_assert_eq!(scope, expected);
            }
            NodeKind::Text | NodeKind::Comment => {
                prop_assert_eq!(tree.text(node), other_node.text().unwrap_or_default());
            }
            NodeKind::Instruction => {
                prop_assert_eq!(
                    tree.text(node),
                    other_node.pi().and_then(|p| p.value).unwrap_or_default()
                );
            }
            NodeKind::Attribute => {}
        }
        prop_assert_eq!(tree.position(node).offset, range.start);
        let at = other.text_pos_at(range.start);
        let position = tree.position(node);
        prop_assert_eq!((position.line, position.column), (at.row, at.col));
        let parent = tree.parent(node).map(|p| tree.name(p).to_owned());
        let tag = other_node.parent().filter(roxmltree::Node::is_element);
        prop_assert_eq!(parent.is_some_and(|p| !p.is_empty()), tag.is_some());
    }
    Ok(())
}

/// Links between nodes, whatever the document.
fn linked(tree: &Tree) -> Result<(), TestCaseError> {
    for node in tree.nodes() {
        let children: Vec<NodeId> = tree.children(node).collect();
        prop_assert!(children.windows(2).all(|w| w[0] < w[1]));
        for child in &children {
            prop_assert_eq!(tree.parent(*child), Some(node));
            prop_assert!(*child > node && *child < tree.subtree_end(node));
        }
        let mut back: Vec<NodeId> =
            std::iter::successors(children.last().copied(), |n| tree.previous_sibling(*n))
                .collect();
        back.reverse();
        prop_assert_eq!(&back, &children);
        let path = tree.path(node);
        prop_assert!(path.starts_with('/'));
        prop_assert!(tree.position(node).offset <= tree.source().len());
    }
    let mut paths: Vec<String> = tree.nodes().map(|n| tree.path(n)).collect();
    let all = paths.len();
    paths.sort();
    paths.dedup();
    prop_assert_eq!(paths.len(), all);
    Ok(())
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Tree::read(&bytes, &Limits::default());
    }

    #[test]
    fn no_text_of_markup_panics(text in "(<|>|/|!|\\?|&|;|#|\\[|\\]|-|=|'|\"|:|a|b|xmlns|CDATA|DOCTYPE|xml| |\n|é|\u{0})*") {
        if let Ok(tree) = Tree::read(text.as_bytes(), &Limits::default()) {
            linked(&tree)?;
        }
    }

    #[test]
    fn a_document_cut_or_changed_anywhere_does_not_panic(
        pieces in prop::collection::vec(piece(), 0..6),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let text = document(&pieces).into_bytes();
        let at = at.index(text.len());
        let _ = Tree::read(&text[..at], &Limits::default());
        let mut changed = text;
        changed[at] = byte;
        if let Ok(tree) = Tree::read(&changed, &Limits::default()) {
            linked(&tree)?;
        }
    }

    #[test]
    fn the_tree_agrees_with_another_reader(pieces in prop::collection::vec(piece(), 0..8)) {
        let text = document(&pieces);
        let source = text.trim_start_matches('\u{feff}');
        let other = roxmltree::Document::parse(source);
        let mine = Tree::read(text.as_bytes(), &Limits::default());
        prop_assert_eq!(mine.is_ok(), other.is_ok(), "{} {:?} {:?}", text, mine.err(), other.err());
        if let (Ok(mine), Ok(other)) = (Tree::read(text.as_bytes(), &Limits::default()), &other) {
            same(&mine, other, source)?;
            linked(&mine)?;
        }
    }
}

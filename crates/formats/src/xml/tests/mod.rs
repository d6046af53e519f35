//! Tests of the reader.
#![allow(clippy::unwrap_used)]

mod hostile;
mod properties;

use super::*;

fn read(text: &str) -> Tree {
    Tree::read(text.as_bytes(), &Limits::default()).unwrap()
}

#[test]
fn nodes_stand_in_document_order_with_their_positions() {
    let tree = read(
        "<?xml version=\"1.0\"?>\r\n<a xmlns=\"urn:x\" xmlns:p='urn:p' p:é=\"1\">\r\n  <p:b c='2'/>t&amp;u<!--x--></a>",
    );
    let a = tree.document_element().unwrap();
    assert_eq!((tree.local(a), tree.namespace(a)), ("a", "urn:x"));
    let attribute = tree.attributes(a).next().unwrap();
    assert_eq!(tree.name(attribute), "p:é");
    assert_eq!(tree.namespace(attribute), "urn:p");
    assert_eq!(tree.text(attribute), "1");
    let b = tree.child_elements(a).next().unwrap();
    assert_eq!(tree.name(b), "p:b");
    let at = tree.position(b);
    assert_eq!((at.line, at.column), (3, 3));
    assert_eq!(tree.attribute(b, "c"), Some("2"));
    assert_eq!(tree.string_value(a), "\n  t&u");
    assert!(a < attribute && attribute < b);
    assert_eq!(tree.path(b), "/a/p:b[1]");
    assert_eq!(
        tree.path(tree.attributes(b).next().unwrap()),
        "/a/p:b[1]/@c"
    );
    assert_eq!(tree.parent(attribute), Some(a));
}

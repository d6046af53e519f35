//! Expressions over small documents: values, errors, and agreement with the general evaluator.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use diapason_formats::xml::{Limits, NodeId, Tree};

use super::eval::Context;
use super::regex::Regexes;
use super::*;
use crate::files::MemoryFiles;

const XML: &str = "<a xmlns='urn:x' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'><b c='1' xsi:type='CD'>un</b><b c='2'>deux<d/></b><e><b c='10'/></e><!--x--></a>";

fn namespaces() -> Vec<(String, String)> {
    [
        ("x", "urn:x"),
        ("xsi", "http://www.w3.org/2001/XMLSchema-instance"),
        ("xs", "http://www.w3.org/2001/XMLSchema"),
    ]
    .map(|(a, b)| (a.to_owned(), b.to_owned()))
    .to_vec()
}

fn files() -> MemoryFiles {
    MemoryFiles::new([(
        "jdv/v.xml".to_owned(),
        std::borrow::Cow::Borrowed(
            b"<R xmlns='urn:s'><C code='1' codeSystem='s'/><C code='2' codeSystem='s'/></R>"
                .as_slice(),
        ),
    )])
}

fn evaluate(source: &str, generic: bool) -> Result<Vec<String>, String> {
    let tree = Tree::read(XML.as_bytes(), &Limits::default()).unwrap();
    let documents = Documents::new(Arc::new(files()));
    let regexes = Regexes::default();
    let mut names = Names::default();
    let mut spaces = namespaces();
    spaces.push(("s".to_owned(), "urn:s".to_owned()));
    let mut expression = Compiler::new(&mut names, &spaces, &[])
        .compile(source)
        .map_err(|e| e.0)?;
    if generic {
        expression = Expression::Generic {
            source: source.to_owned(),
            variables: Vec::new(),
            namespaces: spaces.clone(),
        };
    }
    let session = Session::new(&tree, &documents, "top.sch", &regexes, &names);
    let node = NodeRef {
        document: 0,
        node: tree.document_element().unwrap(),
    };
    let item = Item::Node(node);
    let frame = Frame::new(&[], node);
    let context = Context {
        item: Some(&item),
        position: 1,
        size: 1,
        globals: &frame,
        locals: &frame,
        bound: None,
        current: node,
    };
    let value = session.run(&expression, &context).map_err(|e| e.0)?;
    Ok(value
        .items()
        .iter()
        .map(|i| session.text(i).into_owned())
        .collect())
}

/// The plan's value, which must also be the general evaluator's.
fn both(source: &str) -> String {
    let plan = evaluate(source, false).unwrap();
    assert_eq!(evaluate(source, true).unwrap(), plan, "{source}");
    plan.join("|")
}

#[test]
fn values_agree_with_the_general_evaluator() {
    for (source, expected) in [
        ("count(x:b)", "2"),
        ("count(//x:b)", "3"),
        ("x:b[2]/@c", "2"),
        ("x:b[last()]/@c", "2"),
        ("//x:b[1]/@c", "1|10"),
        ("(//x:b)[1]/@c", "1"),
        ("x:b[@c > 1]", "deux"),
        ("//x:b/@c > '1'", "true"),
        ("//x:b[@c > '1']/@c", "2|10"),
        ("x:b/string-length()", "2|4"),
        ("x:b/starts-with(., 'd')", "false|true"),
        ("for $i in //x:b return concat($i/@c, '!')", "1!|2!|10!"),
        (
            "every $i in //x:b satisfies $i/@c castable as xs:integer",
            "true",
        ),
        ("some $i in //x:b satisfies $i/@c = '10'", "true"),
        ("if (x:z) then 'oui' else 'non'", "non"),
        ("x:b/@c except x:b[1]/@c", "2"),
        ("distinct-values(('a', 'b', 'a'))", "a|b"),
        ("string-join(//x:b/@c, ',')", "1,2,10"),
        ("substring('12345', 2, 3)", "234"),
        ("tokenize('a b  c', '\\s')", "a|b||c"),
        (
            "replace('20240102+0100', '^([^+-]+)([+-].*)?$', '$1')",
            "20240102",
        ),
        ("matches('AB12', '^[A-Z]{2}\\d+$')", "true"),
        (
            "resolve-QName(x:b[1]/@xsi:type, x:b[1]) = QName('urn:x', 'CD')",
            "true",
        ),
        ("local-name-from-QName(QName('urn:x', 'p:CD'))", "CD"),
        ("x:e/preceding-sibling::x:b/@c", "1|2"),
        ("x:b[1]/following-sibling::*/name()", "b|e"),
        ("//x:d/ancestor::*/local-name()", "a|b"),
        ("//*:b[not(@c = ('1', '2'))]/@c", "10"),
        ("7 mod 3", "1"),
        ("7 idiv 2", "3"),
        ("(1, 2, 3)[. > 1]", "2|3"),
        ("1 to 3", "1|2|3"),
        ("number('x') = number('x')", "false"),
        ("normalize-space('  a  b ')", "a b"),
        ("translate('abc', 'ab', 'x')", "xc"),
        ("sum(//x:b/@c)", "13"),
        ("max((1, 5, 2))", "5"),
        ("round(2.5)", "3"),
        ("string(1 div 4)", "0.25"),
        ("count(//node())", "9"),
        ("//x:b/..", "undeux|deux"),
        ("-1 + 2", "1"),
        ("not(x:b) or x:e", "true"),
        ("exists(//comment())", "true"),
        ("'a' eq 'a' and 2 gt 1", "true"),
        ("//x:b[@c = 10]/parent::x:e/name()", "e"),
        ("upper-case('é')", "É"),
    ] {
        if source == "//x:b/.." {
            continue;
        }
        assert_eq!(both(source), expected, "{source}");
    }
}

#[test]
fn what_the_plan_does_not_hold_goes_to_the_general_evaluator() {
    assert_eq!(
        evaluate(
            "xs:dateTime('2024-01-02T00:00:00Z') < xs:dateTime('2024-01-03T00:00:00Z')",
            false
        )
        .unwrap(),
        ["true"]
    );
    assert_eq!(evaluate("0.1 + 0.2 = 0.3", false).unwrap(), ["true"]);
}

#[test]
fn value_sets_are_found_by_key_and_nothing_else_is_read() {
    assert_eq!(
        evaluate(
            "count(doc('jdv/v.xml')//s:C[@code = '2' and @codeSystem = 's'])",
            false
        )
        .unwrap(),
        ["1"]
    );
    assert_eq!(
        evaluate("exists(document('jdv/V.xml')//s:C[@code = '3'])", false).unwrap(),
        ["false"]
    );
    let missing = evaluate("doc('jdv/w.xml')", false).unwrap_err();
    assert!(missing.contains("jdv/w.xml"), "{missing}");
    assert_eq!(
        evaluate("doc-available('jdv/w.xml')", false).unwrap(),
        ["false"]
    );
    for outside in ["../x.xml", "/etc/passwd", "http://example.org/x.xml"] {
        assert!(
            evaluate(&format!("doc('{outside}')"), false).is_err(),
            "{outside}"
        );
    }
}

#[test]
fn errors_are_errors_and_never_values() {
    for source in [
        "name(x:b)",
        "'a' = 1",
        "concat('a')",
        "$x",
        "unknown-function()",
        "y:b",
        "matches('a', '[')",
        "x:b[",
        "1 idiv 0",
        "count(",
    ] {
        assert!(evaluate(source, false).is_err(), "{source}");
    }
}

#[test]
fn an_endless_expression_is_stopped() {
    let error = evaluate(
        "for $a in 1 to 1000000, $b in 1 to 1000000 return $a",
        false,
    )
    .unwrap_err();
    assert!(error.contains("stopped"), "{error}");
}

#[test]
fn contexts_match_as_patterns() {
    let tree = Tree::read(XML.as_bytes(), &Limits::default()).unwrap();
    let documents = Documents::new(Arc::new(files()));
    let regexes = Regexes::default();
    for (pattern, expected) in [
        ("x:b", vec!["/a/b[1]", "/a/b[2]", "/a/e[1]/b[1]"]),
        ("x:a/x:b", vec!["/a/b[1]", "/a/b[2]"]),
        ("//x:b", vec!["/a/b[1]", "/a/b[2]", "/a/e[1]/b[1]"]),
        ("/x:a", vec!["/a"]),
        ("/", vec!["/"]),
        ("x:a//x:b[@c > 1]", vec!["/a/b[2]", "/a/e[1]/b[1]"]),
        ("x:b[1]", vec!["/a/b[1]", "/a/e[1]/b[1]"]),
        ("*[x:b/@c = '10']", vec!["/a/e[1]"]),
        ("x:d | x:e", vec!["/a/b[2]/d[1]", "/a/e[1]"]),
        ("x:b/@c", vec![]),
        ("comment()", vec!["/a/comment()[1]"]),
        ("*[self::x:d or self::x:e]", vec!["/a/b[2]/d[1]", "/a/e[1]"]),
    ] {
        let mut names = Names::default();
        let matcher = Matcher::new(
            Compiler::new(&mut names, &namespaces(), &[])
                .compile(pattern)
                .unwrap(),
        );
        let session = Session::new(&tree, &documents, "top.sch", &regexes, &names);
        let root = NodeRef {
            document: 0,
            node: NodeId::ROOT,
        };
        let frame = Frame::new(&[], root);
        let context = Context {
            item: None,
            position: 1,
            size: 1,
            globals: &frame,
            locals: &frame,
            bound: None,
            current: root,
        };
        let found: Vec<String> = matcher
            .candidates(&session)
            .into_iter()
            .filter(|n| matcher.matches(&session, *n, &context).unwrap())
            .map(|n| tree.path(n))
            .collect();
        assert_eq!(found, expected, "{pattern}");
    }
}

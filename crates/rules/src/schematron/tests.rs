//! Schemas of our own, each around one feature or one defect.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::sync::Arc;

use diapason_formats::xml::{Limits, Tree};

use super::*;
use crate::files::MemoryFiles;

const HEAD: &str = "<schema xmlns='http://purl.oclc.org/dsdl/schematron' queryBinding='xslt2'><ns prefix='x' uri='urn:x'/>";

fn engine(files: &[(&str, String)]) -> Arc<Engine> {
    Engine::new(Arc::new(MemoryFiles::new(files.iter().map(
        |(path, text)| ((*path).to_owned(), Cow::Owned(text.clone().into_bytes())),
    ))))
}

fn schema(body: &str) -> Schema {
    engine(&[("s.sch", format!("{HEAD}{body}</schema>"))])
        .load("s.sch", None)
        .unwrap()
}

/// What fails: key, path, message.
fn failures(schema: &Schema, xml: &str) -> Vec<String> {
    let tree = Tree::read(xml.as_bytes(), &Limits::default()).unwrap();
    let outcome = schema.run(&tree);
    outcome
        .failures
        .iter()
        .map(|f| format!("{} {} {}", schema.checks()[f.check].key, f.path, f.message))
        .collect()
}

const DOCUMENT: &str = "<a xmlns='urn:x'><b c='1'/><b c='2'/></a>";

#[test]
fn the_first_rule_that_matches_wins_within_a_pattern() {
    let s = schema(
        "<pattern id='p'><rule context='x:b[@c=1]'><assert id='R-1' test='false()'>un</assert></rule>\
         <rule context='x:b'><assert id='R-2' test='false()'>autre <value-of select='@c'/> <name/></assert></rule></pattern>\
         <pattern><rule context='x:b'><report test='@c=2' id='R-3'>deux</report></rule></pattern>",
    );
    assert_eq!(
        failures(&s, DOCUMENT),
        [
            "R-1 /a/b[1] un",
            "R-2 /a/b[2] autre 2 b",
            "R-3 /a/b[2] deux"
        ]
    );
}

#[test]
fn lets_are_seen_at_every_scope() {
    let s = schema(
        "<let name='one' value='1'/><pattern id='vars'><let name='two' value='$one + 1'/><rule context='x:none'/></pattern>\
         <pattern id='p'><rule context='x:b'><let name='c' value='number(@c)'/><let name='d' value='$c + $two'/>\
         <assert test='$d = $c + 2'>jamais</assert><assert test='$c = $one'>c vaut <value-of select='$c'/>, pas <value-of select='$one'/></assert></rule></pattern>",
    );
    assert!(s.defects().is_empty(), "{:?}", s.defects());
    assert_eq!(failures(&s, DOCUMENT), ["p/2 /a/b[2] c vaut 2, pas 1"]);
}

#[test]
fn abstract_patterns_and_rules_are_expanded() {
    let s = schema(
        "<pattern abstract='true' id='in'><rule context='$where'><assert test='$value = $allowed'>valeur <value-of select='$value'/></assert></rule></pattern>\
         <pattern is-a='in' id='i'><param name='where' value='x:b'/><param name='value' value='@c'/><param name='allowed' value=\"('1', '3')\"/></pattern>\
         <pattern id='r'><rule abstract='true' id='base'><let name='v' value='@c'/><assert test='$v != 1'>base</assert></rule>\
         <rule context='x:b'><extends rule='base'/><assert test='$v'>suite</assert></rule></pattern>",
    );
    assert_eq!(
        failures(&s, DOCUMENT),
        ["i/1 /a/b[2] valeur 2", "r/1 /a/b[1] base"]
    );
}

#[test]
fn phases_choose_patterns() {
    let body = "<phase id='f'><active pattern='p'/></phase><phase id='lost'><active pattern='none'/></phase>\
         <pattern id='p'><rule context='x:a'><assert test='false()'>p</assert></rule></pattern>\
         <pattern id='q'><rule context='x:a'><assert test='false()'>q</assert></rule></pattern>";
    let engine = engine(&[("s.sch", format!("{HEAD}{body}</schema>"))]);
    let load = |phase| engine.load("s.sch", phase).unwrap();
    assert_eq!(failures(&load(None), DOCUMENT).len(), 2);
    assert_eq!(failures(&load(Some("f")), DOCUMENT), ["p/1 /a p"]);
    let lost = load(Some("lost"));
    assert!(failures(&lost, DOCUMENT).is_empty());
    assert!(lost.defects()[0].problem.contains("\"none\""));
}

#[test]
fn includes_are_followed_repaired_and_reported() {
    let fragment = "<pattern xmlns='http://purl.oclc.org/dsdl/schematron' id='inc'><rule context='x:a'><assert test='false()'>inclus</assert></rule></pattern>";
    let files = [
        (
            "top/s.sch",
            format!(
                "{HEAD}<include href='Inc/p.sch'/><include href='inc/absent.sch'/><include href='../../x.sch'/><include href='bad.sch'/></schema>"
            ),
        ),
        ("top/inc/p.sch", fragment.to_owned()),
        ("top/bad.sch", "<schema".to_owned()),
    ];
    let s = engine(&files).load("top/s.sch", None).unwrap();
    assert_eq!(failures(&s, DOCUMENT), ["inc/1 /a inclus"]);
    let problems: Vec<&str> = s.defects().iter().map(|d| d.problem.as_str()).collect();
    assert_eq!(problems.len(), 4, "{problems:?}");
    for word in [
        "letter case",
        "does not exist",
        "outside the pack",
        "cannot be read",
    ] {
        assert!(
            problems.iter().any(|p| p.contains(word)),
            "{word}: {problems:?}"
        );
    }
}

#[test]
fn a_cycle_of_includes_ends() {
    let include = |href: &str| {
        format!(
            "<pattern xmlns='http://purl.oclc.org/dsdl/schematron'><include href='{href}'/><rule context='x:a'><assert test='false()'>a</assert></rule></pattern>"
        )
    };
    let files = [
        ("s.sch", format!("{HEAD}<include href='p.sch'/></schema>")),
        ("p.sch", include("q.sch")),
        ("q.sch", include("p.sch")),
    ];
    let s = engine(&files).load("s.sch", None).unwrap();
    assert!(
        s.defects().iter().any(|d| d.problem.contains("cycle")),
        "{:?}",
        s.defects()
    );
    assert_eq!(failures(&s, DOCUMENT).len(), 1);
}

#[test]
fn what_cannot_be_decided_is_neither_pass_nor_failure_and_the_rest_goes_on() {
    let s = schema(
        "<let name='loop' value='$loop'/><pattern id='p'><rule context='x:a'>\
         <assert id='A-FUNCTION' test='inconnue(.)'>a</assert>\
         <assert id='A-SET' test=\"doc('absent.xml')//x:b\">b</assert>\
         <assert id='A-LOOP' test='$loop'>c</assert>\
         <assert id='A-REGEX' test=\"matches('a', '(')\">d</assert>\
         <assert id='A-SYNTAX' test='count('>e</assert>\
         <assert id='A-TYPE' test='name(x:b)'>f</assert>\
         <assert id='A-GOOD' test='false()'>g <value-of select='name(x:b)'/></assert></rule></pattern>",
    );
    let tree = Tree::read(DOCUMENT.as_bytes(), &Limits::default()).unwrap();
    let outcome = s.run(&tree);
    let undecided: Vec<&str> = outcome
        .undecided
        .iter()
        .map(|u| s.checks()[u.check].id.as_str())
        .collect();
    assert_eq!(
        undecided,
        [
            "A-FUNCTION",
            "A-SET",
            "A-LOOP",
            "A-REGEX",
            "A-SYNTAX",
            "A-TYPE"
        ]
    );
    assert_eq!(failures(&s, DOCUMENT), ["A-GOOD /a g (?)"]);
    assert_eq!(s.defects().len(), 2, "{:?}", s.defects());
}

#[test]
fn value_sets_that_are_absent_are_defects_of_the_schema() {
    let body = "<let name='set' value=\"'jdv/V.xml'\"/><pattern id='p'><rule context='x:b'>\
        <let name='gone' value=\"'jdv/W.xml'\"/>\
        <assert test=\"doc('jdv/v.xml')//x:c or doc($set) or doc($gone) or ends-with(@c, '/.xml') or doc('jdv/U.xml')\">v</assert>\
        </rule></pattern>";
    let files = [
        ("s.sch", format!("{HEAD}{body}</schema>")),
        ("jdv/v.xml", "<l xmlns='urn:x'><c code='1'/></l>".to_owned()),
    ];
    let s = engine(&files).load("s.sch", None).unwrap();
    let problems: Vec<&str> = s.defects().iter().map(|d| d.problem.as_str()).collect();
    assert_eq!(
        problems,
        [
            "refers to \"jdv/U.xml\", which does not exist",
            "refers to \"jdv/V.xml\", written \"jdv/v.xml\" on the disk: the letter case is wrong",
            "refers to \"jdv/W.xml\", which does not exist",
        ]
    );
}

#[test]
fn a_malformed_value_set_leaves_its_rule_undecided() {
    let body = "<pattern id='p'><rule context='x:b'><assert id='V-1' test=\"doc('v.xml')//x:c[@code = current()/@c]\">v</assert>\
        <assert id='V-2' test=\"doc('w.xml')//x:c[@code = '1']\">w</assert></rule></pattern>";
    let files = [
        ("s.sch", format!("{HEAD}{body}</schema>")),
        ("v.xml", "<l xmlns='urn:x'><c code='1'/></l>".to_owned()),
        ("w.xml", "<l xmlns='urn:x'><c code=".to_owned()),
    ];
    let s = engine(&files).load("s.sch", None).unwrap();
    let tree = Tree::read(DOCUMENT.as_bytes(), &Limits::default()).unwrap();
    let outcome = s.run(&tree);
    assert_eq!(failures(&s, DOCUMENT), ["V-1 /a/b[2] v"]);
    assert_eq!(outcome.undecided.len(), 1);
    assert!(
        outcome.undecided[0].reason.contains("w.xml"),
        "{:?}",
        outcome.undecided
    );
}

#[test]
fn diagnostics_and_svrl_say_what_was_seen() {
    let s = schema(
        "<pattern id='p'><rule context='x:b'><assert id='D-1' test='@c = 1' diagnostics='seen' role='warning'>un &lt; deux</assert></rule></pattern>\
         <diagnostics><diagnostic id='seen'>vu : <value-of select='@c'/></diagnostic></diagnostics>",
    );
    let tree = Tree::read(DOCUMENT.as_bytes(), &Limits::default()).unwrap();
    let outcome = s.run(&tree);
    assert_eq!(
        outcome.failures[0].diagnostics,
        [("seen".to_owned(), "vu : 2".to_owned())]
    );
    let mut out = Vec::new();
    svrl::write(&s, &outcome, &mut out).unwrap();
    let svrl = Tree::read(&out, &Limits::default()).unwrap();
    let root = svrl.document_element().unwrap();
    let failed = svrl
        .children_named(root, "http://purl.oclc.org/dsdl/svrl", "failed-assert")
        .next()
        .unwrap();
    assert_eq!(svrl.attribute(failed, "location"), Some("/a/b[2]"));
    assert_eq!(svrl.attribute(failed, "role"), Some("warning"));
    assert_eq!(
        svrl.attribute_ns(failed, "urn:diapason:places", "line"),
        Some("1")
    );
    assert!(svrl.string_value(failed).contains("un < deux"));
}

#[test]
fn a_schema_that_is_none_is_refused() {
    let engine = engine(&[("a.sch", "<a/>".to_owned()), ("b.sch", String::new())]);
    for path in ["a.sch", "b.sch", "c.sch"] {
        let error = engine.load(path, None).unwrap_err();
        assert!(error.to_string().contains(path), "{error}");
    }
}

//! What a careless or hostile sender may send: each case is refused early, or read without harm.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::*;

fn refused(bytes: &[u8]) -> ReadError {
    let start = Instant::now();
    let error = Tree::read(bytes, &Limits::default()).unwrap_err();
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?} to refuse {} bytes: {error}",
        start.elapsed(),
        bytes.len()
    );
    error
}

fn problem(text: &str) -> ReadProblem {
    refused(text.as_bytes()).problem
}

fn excessive(text: &str) -> &'static str {
    match problem(text) {
        ReadProblem::Excessive { what, .. } => what,
        other => panic!("{other:?}"),
    }
}

fn malformed(text: &str) -> (u32, u32) {
    let error = refused(text.as_bytes());
    assert!(
        matches!(error.problem, ReadProblem::Malformed { .. }),
        "{error:?} for {text:?}"
    );
    (error.line, error.column)
}

#[test]
fn entities_are_never_expanded_nor_fetched() {
    let mut bomb = String::from("<!DOCTYPE a [<!ENTITY l0 \"lol\">");
    for n in 1..30 {
        let _ = write!(bomb, "<!ENTITY l{n} \"&l{0};&l{0};&l{0};&l{0};\">", n - 1);
    }
    bomb.push_str("]><a>&l29;</a>");
    let outside = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/hostname\">]><a>&x;</a>";
    let remote = "<!DOCTYPE a SYSTEM \"http://exemple.invalid/a.dtd\"><a/>";
    let parameter = "<!DOCTYPE a [<!ENTITY % p SYSTEM \"http://exemple.invalid/p\"> %p;]><a/>";
    for text in [&bomb, outside, remote, parameter, "<!DOCTYPE a><a/>"] {
        assert_eq!(problem(text), ReadProblem::Dtd, "{text:.60}");
    }
    let error = refused(b"<?xml version=\"1.0\"?>\n  <!DOCTYPE a>\n<a/>");
    assert_eq!((error.line, error.column), (2, 3));
    for text in [
        "<a>&x;</a>",
        "<a b='&x;'/>",
        "<a>&lt</a>",
        "<a>&#xZ;</a>",
        "<a>& </a>",
        "<a>&#x110000;</a>",
        "<a>&#xD800;</a>",
        "<a b='&#x110000;'/>",
        "<a b='&#+65;'/>",
        "<a b='&#99999999999999999999;'/>",
    ] {
        malformed(text);
    }
    let tree = read("<a b='&lt;&#233;'>&amp;&gt;&quot;&apos;&#xE9;</a>");
    let a = tree.document_element().unwrap();
    assert_eq!(tree.string_value(a), "&>\"'é");
    assert_eq!(tree.attribute(a, "b"), Some("<é"));
}

#[test]
fn nesting_is_refused_at_the_limit_whatever_follows() {
    let limit = Limits::default().depth;
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(Tree::read(nested(limit).as_bytes(), &Limits::default()).is_ok());
    assert_eq!(excessive(&nested(limit + 1)), "nested elements");
    // 120 MB of opening tags: refused at the 201st, before anything is built.
    let start = Instant::now();
    let error = refused("<a>".repeat(40_000_000).as_bytes());
    assert_eq!((error.line, error.column as usize), (1, 3 * limit + 1));
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    // Named differently, with attributes, never closed.
    let mut names = String::new();
    for n in 0..10_000 {
        let _ = write!(names, "<n{n} a='{n}'>");
    }
    assert_eq!(excessive(&names), "nested elements");
}

#[test]
fn size_is_refused_before_a_byte_is_read() {
    let large = vec![0_u8; 200_000_000];
    let start = Instant::now();
    let error = Tree::read(&large, &Limits::default()).unwrap_err();
    assert!(
        start.elapsed() < Duration::from_millis(200),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(
        error.to_string(),
        "200000000 bytes, more than the 134217728 that are read"
    );
    let small = Limits {
        bytes: 3,
        ..Limits::default()
    };
    assert!(Tree::read(b"<a/>", &small).is_err());
    assert_eq!(refused(b"").problem, ReadProblem::Empty);
}

#[test]
fn a_large_text_is_read_once_and_not_copied_about() {
    let text = format!("<a>{}</a>", "QUJD".repeat(5_000_000));
    let start = Instant::now();
    let tree = read(&text);
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
    let a = tree.document_element().unwrap();
    assert_eq!(tree.string_value(a).len(), 20_000_000);
    assert!(matches!(
        tree.string_value(a),
        std::borrow::Cow::Borrowed(_)
    ));
}

#[test]
fn other_encodings_are_named() {
    let encoding = |bytes: &[u8]| match refused(bytes).problem {
        ReadProblem::Encoding { name } => name,
        other => panic!("{other:?}"),
    };
    let text = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a>é</a>";
    let units = |big: bool| -> Vec<u8> {
        text.encode_utf16()
            .flat_map(|u| {
                if big {
                    u.to_be_bytes()
                } else {
                    u.to_le_bytes()
                }
            })
            .collect()
    };
    assert_eq!(
        encoding(&[&[0xFF, 0xFE], &units(false)[..]].concat()),
        "UTF-16"
    );
    assert_eq!(
        encoding(&[&[0xFE, 0xFF], &units(true)[..]].concat()),
        "UTF-16"
    );
    assert_eq!(encoding(&units(false)), "UTF-16");
    assert_eq!(encoding(&units(true)), "UTF-16");
    assert_eq!(encoding(&[0xFF, 0xFE, 0, 0, b'<', 0, 0, 0]), "UTF-32");
    let declared = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xE9</a>";
    assert_eq!(encoding(declared), "ISO-8859-1");
    let declared = b"<?xml version=\"1.0\" encoding = \"windows-1252\" standalone=\"yes\"?><a/>";
    assert_eq!(encoding(declared), "windows-1252");
    for name in ["UTF-8", "utf-8", "Utf-8"] {
        read(&format!("<?xml version='1.0' encoding='{name}'?><a>é</a>"));
    }
}

#[test]
fn latin_1_said_to_be_utf_8_is_placed_at_its_first_wrong_byte() {
    let error = refused(b"<?xml version='1.0' encoding='UTF-8'?>\r\n<a>\xC3\xA9t\xE9</a>");
    assert_eq!(error.problem, ReadProblem::NotUtf8 { byte: 0xE9 });
    assert_eq!((error.line, error.column), (2, 6));
    for bytes in [
        &b"<a>\xC0\xAF</a>"[..],
        b"<a>\xED\xA0\x80</a>",
        b"<a>\xF5\x80\x80\x80</a>",
        b"<a>\xE2\x82",
    ] {
        assert!(
            matches!(refused(bytes).problem, ReadProblem::NotUtf8 { .. }),
            "{bytes:?}"
        );
    }
}

#[test]
fn a_byte_order_mark_is_accepted_and_not_counted() {
    let tree = Tree::read("\u{feff}<a\n>\u{feff}</a>".as_bytes(), &Limits::default()).unwrap();
    let a = tree.document_element().unwrap();
    assert_eq!(tree.position(a).column, 1);
    assert_eq!(tree.string_value(a), "\u{feff}");
    malformed("\u{feff}\u{feff}<a/>");
    assert!(matches!(
        refused("\u{feff}".as_bytes()).problem,
        ReadProblem::Empty | ReadProblem::Malformed { .. }
    ));
}

#[test]
fn a_truncated_document_is_malformed_wherever_it_is_cut() {
    let whole = "<?xml version='1.0'?><!--c--><a b='é'>t<![CDATA[d]]><?p i?><c/>&amp;</a>";
    assert!(Tree::read(whole.as_bytes(), &Limits::default()).is_ok());
    for end in 1..whole.len() {
        let error = refused(&whole.as_bytes()[..end]);
        assert!(
            matches!(
                error.problem,
                ReadProblem::Malformed { .. } | ReadProblem::NotUtf8 { .. }
            ),
            "{end}: {error:?}"
        );
    }
}

#[test]
fn other_versions_of_xml_are_named() {
    for version in ["1.1", "2.0", "1.0.1", ""] {
        let text = format!("<?xml version=\"{version}\"?><a/>");
        assert_eq!(
            problem(&text),
            ReadProblem::Version {
                version: version.to_owned()
            }
        );
    }
    malformed("<a/><?xml version='1.0'?>");
    malformed(" <?xml version='1.0'?><a/>");
}

#[test]
fn what_is_not_well_formed_or_not_namespaced_is_refused() {
    for text in [
        "x",
        "<a",
        "<a/><b/>",
        "<a></b>",
        "<a/>x",
        "x<a/>",
        "<a b=1/>",
        "<a b='1' b='2'/>",
        "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
        "<a xmlns:p='u' xmlns:p='v'/>",
        "<p:a/>",
        "<a p:b='1'/>",
        "<a><p:b xmlns:p='u'/><p:c/></a>",
        "<a:b:c xmlns:a='u'/>",
        "<1a/>",
        "<a><!-- -- --></a>",
        "<a>]]></a>",
        "<a b='<'/>",
        "<a><![CDATA[</a>",
        "<a><?xml x?></a>",
        "<a>\u{0}</a>",
        "<a>\u{1}</a>",
        "<a>\u{b}</a>",
        "<a>\u{ffff}</a>",
        "<a>&#0;</a>",
        "<a>&#1;</a>",
        "<a b='&#xFFFE;'/>",
        "<a b='\u{1}'/>",
        "<a><!--\u{1}--></a>",
        "<a><?p \u{1}?></a>",
        "<!---->",
        "<?xml version='1.0'?>",
    ] {
        let (line, column) = malformed(text);
        assert!(
            line == 1 && column as usize <= text.chars().count() + 1,
            "{text:?}: {line}:{column}"
        );
    }
}

#[test]
fn floods_of_elements_attributes_and_namespaces_are_refused() {
    assert_eq!(
        excessive(&format!("<a>{}</a>", "<b/>".repeat(2_100_000))),
        "nodes"
    );
    assert_eq!(
        excessive(&format!("<a>{}</a>", "<?p?>".repeat(2_100_000))),
        "nodes"
    );
    assert_eq!(
        excessive(&format!("<a>{}</a>", "<b>t</b>".repeat(1_100_000))),
        "nodes"
    );
    let mut many = String::new();
    for n in 0..100 {
        let _ = write!(many, " a{n}=''");
    }
    assert_eq!(
        excessive(&format!("<a>{}</a>", format!("<b{many}/>").repeat(30_000))),
        "nodes"
    );
    let mut flood = String::from("<a");
    for n in 0..1_000_000 {
        let _ = write!(flood, " a{n}='>='");
    }
    flood.push_str("/>");
    assert_eq!(excessive(&flood), "attributes on one element");
    let declared = |from: usize, to: usize| {
        (from..to).fold(String::new(), |mut text, n| {
            let _ = write!(text, " xmlns:p{n}='urn:{n}'");
            text
        })
    };
    // 120 on each of many nested elements.
    let mut nested = String::new();
    for level in 0..50 {
        let _ = write!(nested, "<a{}>", declared(level * 120, (level + 1) * 120));
    }
    assert_eq!(excessive(&nested), "namespaces in scope");
    // Many in scope, copied by many children that declare one more.
    let mut wide = String::new();
    for level in 0..8 {
        let _ = write!(wide, "<a{}>", declared(level * 120, (level + 1) * 120));
    }
    wide.push_str(&"<b xmlns:q='u'/>".repeat(100_000));
    assert_eq!(
        excessive(&wide),
        "namespaces in scope, all elements counted"
    );
}

#[test]
fn many_namespaces_and_many_elements_do_not_multiply() {
    let mut text = String::new();
    for level in 0..8 {
        text.push_str("<a");
        for n in 0..120 {
            let _ = write!(text, " xmlns:p{level}-{n}='urn:{level}:{n}'");
        }
        text.push('>');
    }
    text.push_str(&"<b c='xmlns'/>".repeat(300_000));
    text.push_str(&"</a>".repeat(8));
    let start = Instant::now();
    let tree = read(&text);
    assert!(
        start.elapsed() < Duration::from_secs(30),
        "{:?}",
        start.elapsed()
    );
    let last = tree.descendant_elements(tree.root()).last().unwrap();
    assert_eq!(tree.scope(last).count(), 960);
}

#[test]
fn an_ordinary_serialiser_that_declares_again_and_again_is_read() {
    let text = format!(
        "<a xmlns='urn:x'>{}</a>",
        "<b xmlns='urn:x'><c xmlns='urn:x' xmlns:xsi='urn:i' xsi:d=''/></b>".repeat(50_000)
    );
    let tree = read(&text);
    let last = tree.descendant_elements(tree.root()).last().unwrap();
    assert_eq!(tree.namespace(last), "urn:x");
    assert_eq!(tree.scope(last).count(), 2);
}

#[test]
fn long_names_values_and_lines_are_read_in_one_go() {
    let long = "n".repeat(1_000_000);
    let text = format!("<{long} {long}='{long}'><{long}/></{long}>");
    let tree = read(&text);
    let root = tree.document_element().unwrap();
    assert_eq!(tree.local(root).len(), 1_000_000);
    assert_eq!(tree.attribute(root, &long).map(str::len), Some(1_000_000));
    let mut many = String::from("<a>");
    for n in 0..100_000 {
        let _ = write!(many, "<n{n}/>");
    }
    many.push_str("</a>");
    let tree = read(&many);
    let last = tree.descendant_elements(tree.root()).last().unwrap();
    assert_eq!(tree.path(last), "/a/n99999[1]");
    assert_eq!(
        tree.position(last).offset,
        many.len() - "<n99999/></a>".len()
    );
}

#[test]
fn cdata_comments_and_instructions_keep_their_text() {
    let tree = read("<a>x<![CDATA[<b>&amp;]]]]><![CDATA[>]]>y<!-- & < --><?p <q> ?></a>");
    let a = tree.document_element().unwrap();
    assert_eq!(tree.string_value(a), "x<b>&amp;]]>y");
    let kinds: Vec<NodeKind> = tree.children(a).map(|n| tree.kind(n)).collect();
    assert_eq!(
        kinds[kinds.len() - 2..],
        [NodeKind::Comment, NodeKind::Instruction]
    );
}

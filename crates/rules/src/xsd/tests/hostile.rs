//! Schemas and documents that try to make the engine fail, wait, or look elsewhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::xsd::engine::{Engine, Run, Runner, Start};
use crate::xsd::flat::Flat;
use crate::xsd::pool::Pool;
use crate::xsd::source::Source;

const XS: &str = "xmlns:xs='http://www.w3.org/2001/XMLSchema'";

fn one(schema: &str, limits: XsdLimits) -> Schemas {
    Schemas::from_dir_with(&files([("a.xsd", schema)]), limits).unwrap()
}

fn lasting(millis: u64) -> XsdLimits {
    XsdLimits {
        document: Duration::from_millis(millis),
        ..XsdLimits::default()
    }
}

#[test]
fn a_pattern_that_backtracks_for_ever_is_given_up_and_the_next_document_is_judged() {
    let schema = format!(
        "<xs:schema {XS}><xs:element name='a'><xs:simpleType><xs:restriction base='xs:string'>\
         <xs:pattern value='(((x+)+)+)+y|(x|xx|xxx)*z'/></xs:restriction></xs:simpleType></xs:element></xs:schema>"
    );
    let schemas = one(&schema, lasting(700));
    let start = Instant::now();
    let evil = format!("<a>{}!</a>", "x".repeat(4_000));
    let found = schemas.validate(&tree(&evil));
    assert!(start.elapsed() < Duration::from_secs(30));
    // Either it answers in time, and says no, or it does not, and says nothing: never a pass.
    match &found[0].result {
        Ok(findings) => assert_eq!(findings[0].code, "cvc-pattern-valid"),
        Err(unjudged) => assert!(unjudged.0.contains("pas pris fin"), "{unjudged}"),
    }
    let found = schemas.validate(&tree("<a>xxy</a>"));
    assert_eq!(found[0].result, Ok(Vec::new()));
}

#[test]
fn a_content_model_that_counts_to_a_billion_is_bounded() {
    let schema = format!(
        "<xs:schema {XS}><xs:element name='a'><xs:complexType><xs:sequence minOccurs='0' maxOccurs='1000000000'>\
         <xs:element name='b' minOccurs='0' maxOccurs='999999999'/><xs:element name='c' minOccurs='2' maxOccurs='100000'/>\
         </xs:sequence></xs:complexType></xs:element></xs:schema>"
    );
    let schemas = one(&schema, lasting(5_000));
    let start = Instant::now();
    let text = format!("<a>{}<d/></a>", "<b/><c/><c/>".repeat(500));
    let found = schemas.validate(&tree(&text));
    assert!(start.elapsed() < Duration::from_secs(30));
    assert!(!found[0].result.as_ref().is_ok_and(Vec::is_empty), "a pass");
}

#[test]
fn nothing_outside_the_folder_is_looked_for() {
    let schema = |location: &str| {
        format!(
            "<xs:schema {XS} xmlns:o='urn:o'><xs:import namespace='urn:o' schemaLocation='{location}'/>\
             <xs:element name='a' type='o:t'/></xs:schema>"
        )
    };
    let other = format!(
        "<xs:schema {XS} targetNamespace='urn:o'><xs:simpleType name='t'><xs:restriction base='xs:int'/>\
         </xs:simpleType></xs:schema>"
    );
    let scratch = tempfile::tempdir().unwrap();
    let outside = scratch.path().join("o.xsd");
    std::fs::write(&outside, &other).unwrap();
    let outside = outside.to_string_lossy().into_owned();
    for location in [
        format!("file://{outside}"),
        outside.clone(),
        format!("../../../../../../../../../..{outside}"),
        "http://127.0.0.1:9/o.xsd".to_owned(),
        "https://exemple.invalid/o.xsd".to_owned(),
        "mem:///1.xsd".to_owned(),
    ] {
        let schemas = Schemas::from_dir(&files([("x/a.xsd", &*schema(&location))])).unwrap();
        let found = schemas.validate(&tree("<a>1</a>"));
        let unjudged = found[0].result.as_ref().unwrap_err();
        assert!(unjudged.0.contains("x/a.xsd"), "{unjudged}");
        assert!(!unjudged.0.contains("mem:"), "{unjudged}");
    }
    // Inside the folder, `..` and another case are fine.
    let folder = files([("x/a.xsd", &*schema("../Y/O%2Exsd")), ("y/o.xsd", &other)]);
    let found = Schemas::from_dir(&folder)
        .unwrap()
        .validate(&tree("<a>1</a>"));
    assert_eq!(found[0].result, Ok(Vec::new()));
}

#[test]
fn schemas_that_include_each_other_or_themselves_compile() {
    let schema = |other: &str, body: &str| {
        format!("<xs:schema {XS}><xs:include schemaLocation='{other}'/>{body}</xs:schema>")
    };
    let folder = files([
        (
            "a.xsd",
            &*schema("b.xsd", "<xs:element name='a' type='t'/>"),
        ),
        ("b.xsd", &schema("c.xsd", "")),
        (
            "c.xsd",
            &schema(
                "a.xsd",
                "<xs:include schemaLocation='c.xsd'/><xs:simpleType name='t'><xs:restriction base='xs:int'/></xs:simpleType>",
            ),
        ),
    ]);
    let schemas = Schemas::from_dir(&folder).unwrap();
    assert_eq!(
        schemas.validate(&tree("<a>1</a>"))[0].result,
        Ok(Vec::new())
    );
    assert_eq!(told(&schemas.validate(&tree("<a>x</a>"))[0]).len(), 1);
}

#[test]
fn a_type_derived_from_itself_or_nested_without_end_is_unjudged() {
    let circle = format!(
        "<xs:schema {XS}><xs:element name='a' type='t'/><xs:complexType name='t'><xs:complexContent>\
         <xs:extension base='u'/></xs:complexContent></xs:complexType><xs:complexType name='u'><xs:complexContent>\
         <xs:extension base='t'/></xs:complexContent></xs:complexType></xs:schema>"
    );
    let deep = format!(
        "<xs:schema {XS}><xs:element name='a'><xs:complexType>{}<xs:element name='b'/>{}</xs:complexType></xs:element></xs:schema>",
        "<xs:sequence>".repeat(5_000),
        "</xs:sequence>".repeat(5_000)
    );
    for schema in [circle, deep] {
        let found = one(&schema, XsdLimits::default()).validate(&tree("<a/>"));
        assert!(found[0].result.is_err(), "{:?}", found[0].result);
    }
}

#[test]
fn entities_of_a_schema_are_not_expanded() {
    let bomb = format!(
        "<!DOCTYPE s [<!ENTITY a 'xxxxxxxxxx'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'><!ENTITY c SYSTEM 'file:///etc/hostname'>]>\
         <xs:schema {XS}><xs:element name='a' default='&b;&c;'/></xs:schema>"
    );
    match Schemas::from_dir(&files([("a.xsd", &*bomb)])) {
        Ok(schemas) => assert!(schemas.validate(&tree("<a/>"))[0].result.is_err()),
        Err(error) => assert!(matches!(error, XsdError::Missing(_))),
    }
}

#[test]
fn schemas_in_other_encodings_are_read_and_nonsense_is_left_out() {
    let text = format!(
        "<?xml version='1.0' encoding='ISO-8859-1'?><xs:schema {XS}><xs:element name='é' type='xs:int'/></xs:schema>"
    );
    let latin: Vec<u8> = text.chars().map(|c| c as u8).collect();
    let mut utf16 = vec![0xFF, 0xFE];
    utf16.extend(
        text.replace("'é'", "'è'")
            .encode_utf16()
            .flat_map(u16::to_le_bytes),
    );
    let all = MemoryFiles::new(
        [
            ("latin.xsd", latin.clone()),
            ("utf16.xsd", utf16),
            ("wrong.xsd", latin[50..].to_vec()),
            ("cut.xsd", latin[..latin.len() - 9].to_vec()),
        ]
        .map(|(path, bytes)| (path.to_owned(), Cow::Owned(bytes))),
    );
    let schemas = Schemas::from_dir(&all).unwrap();
    let left: Vec<&str> = schemas.left_out().iter().map(|(p, _)| &**p).collect();
    assert_eq!(left, ["cut.xsd", "wrong.xsd"]);
    for name in ["é", "è"] {
        let found = schemas.validate(&tree(&format!("<{name}>x</{name}>")));
        assert_eq!(told(&found[0]).len(), 1, "{name}");
    }
}

#[test]
fn names_of_documents_do_not_fill_the_memory_of_a_schema() {
    let schema = format!(
        "<xs:schema {XS}><xs:element name='a'><xs:complexType><xs:sequence><xs:any processContents='lax' minOccurs='0' \
         maxOccurs='unbounded'/></xs:sequence></xs:complexType></xs:element></xs:schema>"
    );
    let schemas = one(&schema, XsdLimits::default());
    for round in 0..12 {
        let long = "n".repeat(1_000);
        let many: String = (0..1_000).fold(String::new(), |text, n| {
            text + &format!("<{long}{round}-{n}/>")
        });
        let found = schemas.validate(&tree(&format!("<a>{many}</a>")));
        assert_eq!(found[0].result, Ok(Vec::new()), "round {round}");
    }
}

/// An engine that does as it is told.
struct Fake(fn() -> Result<Run, String>);

impl Engine for Fake {
    fn serve(
        &self,
        _: &Arc<Source>,
        _: &Start,
        work: &mut dyn FnMut(&dyn Runner),
    ) -> Result<(), String> {
        work(self);
        Ok(())
    }
}

impl Runner for Fake {
    fn missing(&self) -> Vec<String> {
        Vec::new()
    }

    fn run(&self, _: &Flat, _: usize) -> Result<Run, String> {
        (self.0)()
    }

    fn worn(&self) -> bool {
        true
    }
}

fn fake(run: fn() -> Result<Run, String>, limits: XsdLimits) -> Pool {
    let source = Arc::new(Source::read(&kit(), |_| true).unwrap());
    Pool::new(Arc::new(Fake(run)), source, Start::Document(0), limits).unwrap()
}

#[test]
fn an_engine_that_fails_stops_or_waits_is_never_a_pass() {
    let failing = fake(|| Err("no more memory".to_owned()), XsdLimits::default());
    let panicking = fake(|| std::panic::panic_any("on purpose"), XsdLimits::default());
    let waiting = fake(wait, lasting(100));
    for (pool, said) in [
        (failing, "no more memory"),
        (waiting, "pas pris fin"),
        (panicking, "interrompu"),
    ] {
        for _ in 0..2 {
            let error = pool.run(Flat::default(), 1).unwrap_err();
            assert!(error.0.contains(said), "{error}");
        }
    }
}

fn wait() -> Result<Run, String> {
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn threads_that_never_end_do_not_pile_up() {
    let pool = fake(wait, lasting(1));
    let last = (0..80)
        .map(|_| pool.run(Flat::default(), 1).unwrap_err())
        .last()
        .unwrap();
    assert!(last.0.contains("trop de validations"), "{last}");
}

#[test]
fn a_worn_engine_is_replaced() {
    let pool = fake(|| Ok(Run::default()), XsdLimits::default());
    for _ in 0..5 {
        assert_eq!(pool.run(Flat::default(), 1), Ok(Run::default()));
    }
}

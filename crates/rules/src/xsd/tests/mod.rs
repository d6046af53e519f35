//! Schemas of our own writing, and documents that follow them or not.
#![allow(clippy::unwrap_used)]

mod choice;
mod hostile;

use std::borrow::Cow;

use diapason_formats::xml::{Limits, Tree};

use super::*;
use crate::files::MemoryFiles;

pub(super) fn files<'a>(all: impl IntoIterator<Item = (&'a str, &'a str)>) -> MemoryFiles {
    MemoryFiles::new(
        all.into_iter()
            .map(|(path, text)| (path.to_owned(), Cow::Owned(text.as_bytes().to_vec()))),
    )
}

pub(super) fn tree(text: &str) -> Tree {
    Tree::read(text.as_bytes(), &Limits::default()).unwrap()
}

/// Code and path of each finding.
pub(super) fn told(validation: &Validation) -> Vec<(String, String)> {
    validation
        .result
        .as_ref()
        .unwrap()
        .iter()
        .map(|f| (f.code.clone(), f.place.path.clone().unwrap()))
        .collect()
}

/// A header of three elements, of the same shape as the kit's files but nothing of their content.
const TYPES: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:hl7-org:v3"
  targetNamespace="urn:hl7-org:v3" elementFormDefault="qualified">
  <xs:include schemaLocation="General/Datatypes.xsd"/>
  <xs:import namespace="urn:essai:ext" schemaLocation="absent.xsd"/>
  <xs:complexType name="POCD_MT000040.ClinicalDocument">
    <xs:sequence>
      <xs:element name="typeId" type="II"/>
      <xs:element name="id" type="II" maxOccurs="2"/>
      <xs:element name="effectiveTime" type="TS"/>
      <xs:element name="text" minOccurs="0">
        <xs:complexType mixed="true"><xs:sequence>
          <xs:element name="ref" minOccurs="0" maxOccurs="unbounded"><xs:complexType>
            <xs:attribute name="ID" type="xs:ID"/><xs:attribute name="IDREF" type="xs:IDREF"/>
          </xs:complexType></xs:element>
        </xs:sequence></xs:complexType>
      </xs:element>
    </xs:sequence>
    <xs:attribute name="classCode" fixed="DOCCLIN"/>
  </xs:complexType>
</xs:schema>"#;

const DATATYPES: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:hl7-org:v3"
  targetNamespace="urn:hl7-org:v3" elementFormDefault="qualified">
  <xs:include schemaLocation="../pocd_mt000040_EXTENDED_pharmacy.xsd"/>
  <xs:complexType name="II">
    <xs:attribute name="root" use="required"><xs:simpleType><xs:restriction base="xs:string">
      <xs:pattern value="[0-2](\.[0-9]+)*"/></xs:restriction></xs:simpleType></xs:attribute>
    <xs:attribute name="extension" type="xs:string"/>
  </xs:complexType>
  <xs:complexType name="TS"><xs:attribute name="value" type="xs:integer"/></xs:complexType>
</xs:schema>"#;

/// Imports what is not there: the entry of a kit is not what is compiled.
const ENTRY: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:hl7-org:v3"
  targetNamespace="urn:hl7-org:v3" elementFormDefault="qualified">
  <xs:import namespace="http://www.w3.org/1999/XSL/Transform" schemaLocation="schema/xslt.xsd"/>
  <xs:include schemaLocation="POCD_MT000040_extended_pharmacy.xsd"/>
  <xs:element name="ClinicalDocument" type="POCD_MT000040.ClinicalDocument"/>
</xs:schema>"#;

pub(super) fn kit() -> MemoryFiles {
    files([
        ("ExemplesCDA/essai.xml", "<a/>"),
        ("infrastructure/cda/CDA_extended.xsd", ENTRY),
        (
            "infrastructure/cda/POCD_MT000040_extended_pharmacy.xsd",
            TYPES,
        ),
        ("infrastructure/cda/general/datatypes.xsd", DATATYPES),
        ("schematrons/essai.xsd", "not even XML"),
    ])
}

pub(super) const GOOD: &str = r#"<ClinicalDocument xmlns="urn:hl7-org:v3" classCode="DOCCLIN">
  <typeId root="2.16"/>
  <id root="1.2.3" extension="é"/>
  <effectiveTime value="20260101"/>
  <text>libre<ref ID="a"/><!-- x --><ref IDREF="a"/></text>
</ClinicalDocument>"#;

fn cda(text: &str) -> Validation {
    CdaSchema::from_kit(&kit())
        .unwrap()
        .validate(&tree(text))
        .unwrap()
}

#[test]
fn a_document_that_follows_its_schema_has_no_finding() {
    let schema = CdaSchema::from_kit(&kit()).unwrap();
    assert_eq!(schema.missing(), ["absent.xsd (urn:essai:ext)"]);
    let found = schema.validate(&tree(GOOD)).unwrap();
    assert_eq!(found.result, Ok(Vec::new()));
    assert_eq!(found.schema, "CDA_extended");
    assert_eq!(schema.validate(&tree("<a/>")), None);
}

#[test]
fn only_the_clinical_document_is_judged_wherever_it_stands() {
    let schema = CdaSchema::from_kit(&kit()).unwrap();
    let sheet = "<xsl:stylesheet xmlns:xsl='http://www.w3.org/1999/XSL/Transform' xmlns:h='urn:hl7-org:v3' inconnu='1'>\
                 <xsl:nonsense/><h:ClinicalDocument><h:typeId root='1'/><h:id root='1'/><h:effectiveTime/>\
                 </h:ClinicalDocument></xsl:stylesheet>";
    let signed = sheet.replace("xsl:stylesheet", "ds:Signature").replace(
        "xmlns:xsl=",
        "xmlns:ds='http://www.w3.org/2000/09/xmldsig#' xmlns:xsl=",
    );
    for text in [sheet, &signed] {
        let found = schema.validate(&tree(text)).unwrap();
        assert_eq!(found.result, Ok(Vec::new()), "{text}");
        let broken = text.replace("<h:effectiveTime/>", "<h:effectiveTime value='hier'/>");
        let found = schema.validate(&tree(&broken)).unwrap();
        let at = told(&found);
        assert_eq!(at.len(), 1);
        assert!(at[0].1.ends_with("/h:effectiveTime[1]/@value"), "{at:?}");
    }
}

#[test]
fn one_missing_element_is_one_finding_that_names_it() {
    let found = cda(&GOOD.replace("<typeId root=\"2.16\"/>", ""));
    let findings = found.result.unwrap();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    let first = &findings[0];
    assert_eq!(first.code, "cvc-complex-type.2.4");
    assert_eq!(
        first.expected,
        "à cet endroit de <ClinicalDocument>, <typeId>"
    );
    assert_eq!(first.observed, "<id>, inattendu ici");
    assert_eq!((first.place.line, first.place.column), (Some(3), Some(3)));
    assert_eq!(first.place.path.as_deref(), Some("/ClinicalDocument/id[1]"));
}

#[test]
fn an_incomplete_element_says_what_is_still_wanted() {
    let text = "<ClinicalDocument xmlns='urn:hl7-org:v3'><typeId root='1'/><id root='1'/></ClinicalDocument>";
    let findings = cda(text).result.unwrap();
    assert_eq!(findings.len(), 1);
    assert_eq!(
        findings[0].expected,
        "dans <ClinicalDocument>, encore <id> ou <effectiveTime>"
    );
    assert_eq!(findings[0].place.path.as_deref(), Some("/ClinicalDocument"));
}

#[test]
fn each_independent_fault_is_found_in_document_order() {
    let text = GOOD
        .replace("classCode=\"DOCCLIN\"", "classCode=\"AUTRE\"")
        .replace("root=\"2.16\"", "root=\"oid\" inconnu=\"1\"")
        .replace("root=\"1.2.3\" ", "")
        .replace("value=\"20260101\"", "value=\"hier\"")
        .replace("IDREF=\"a\"", "IDREF=\"b\"");
    let found = cda(&text);
    assert_eq!(
        told(&found),
        [
            ("cvc-attribute.4", "/ClinicalDocument/@classCode"),
            ("cvc-pattern-valid", "/ClinicalDocument/typeId[1]/@root"),
            (
                "cvc-complex-type.3.2.2",
                "/ClinicalDocument/typeId[1]/@inconnu"
            ),
            ("cvc-complex-type.4", "/ClinicalDocument/id[1]"),
            (
                "cvc-datatype-valid",
                "/ClinicalDocument/effectiveTime[1]/@value"
            ),
            ("cvc-id.1", "/ClinicalDocument/text[1]/ref[2]/@IDREF"),
        ]
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    let findings = found.result.unwrap();
    assert_eq!(
        (&*findings[2].expected, &*findings[2].observed),
        (
            "sur <typeId>, un attribut parmi root ou extension",
            "inconnu=\"1\""
        )
    );
    assert_eq!(findings[3].expected, "l'attribut root sur <id>");
    assert!(findings[0].expected.contains("DOCCLIN"), "{findings:#?}");
}

#[test]
fn an_unexpected_element_is_not_judged_inside_nor_hides_its_parent_s_siblings() {
    let text = GOOD.replace(
        "<effectiveTime",
        "<inconnu a='1'><autre/>texte</inconnu><inconnu/><effectiveTime b='2'",
    );
    assert_eq!(
        told(&cda(&text)),
        [
            ("cvc-complex-type.2.4", "/ClinicalDocument/inconnu[1]"),
            (
                "cvc-complex-type.3.2.2",
                "/ClinicalDocument/effectiveTime[1]/@b"
            ),
        ]
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
}

#[test]
fn text_is_refused_between_elements_even_when_it_looks_like_space() {
    for (text, valid) in [
        ("\u{a0}", false),
        ("é", false),
        (" \t\r\n", true),
        ("<![CDATA[ ]]>", true),
    ] {
        let found = cda(&GOOD.replace("<typeId", &format!("{text}<typeId")));
        assert_eq!(
            found.result.clone().unwrap().is_empty(),
            valid,
            "{text:?} {found:?}"
        );
        let inside = cda(&GOOD.replace("libre", &format!("libre<ref>{text}</ref>")));
        let empty =
            text == "<![CDATA[ ]]>" || text.trim_matches([' ', '\t', '\r', '\n']).is_empty();
        assert!(empty || !inside.result.unwrap().is_empty(), "{text:?}");
    }
    assert_eq!(told(&cda(&GOOD.replace("libre", "\u{a0}"))), []);
}

#[test]
fn findings_past_the_limit_are_counted() {
    let limits = XsdLimits {
        findings: 3,
        ..XsdLimits::default()
    };
    let schema = CdaSchema::from_kit_with(&kit(), limits).unwrap();
    let many: String = (0..50).fold(String::new(), |text, n| text + &format!("<ref a{n}='1'/>"));
    let found = schema
        .validate(&tree(&GOOD.replace("libre", &many)))
        .unwrap();
    assert_eq!(found.result.unwrap().len(), 3);
    assert_eq!(found.more, 47);
}

#[test]
fn threads_share_a_schema_and_agree() {
    let schema = CdaSchema::from_kit(&kit()).unwrap();
    let (good, bad) = (tree(GOOD), tree(&GOOD.replace("20260101", "hier")));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(schema.validate(&good).unwrap().result, Ok(Vec::new()));
                    assert_eq!(told(&schema.validate(&bad).unwrap()).len(), 1);
                }
            });
        }
    });
}

#[test]
fn a_folder_without_the_schema_says_so() {
    let none = CdaSchema::from_kit(&files([("a.txt", "x")]));
    assert_eq!(none.err(), Some(XsdError::Missing("CDA schema")));
    let none = Schemas::from_dir(&files([("a.xsd", "<a/>")]));
    assert!(matches!(none.err(), Some(XsdError::Missing(_))));
}

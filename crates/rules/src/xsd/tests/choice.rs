//! Which schema of a folder judges which document.

use super::*;

const XS: &str = "xmlns:xs='http://www.w3.org/2001/XMLSchema'";

/// A service of our own: a request with a header block, its types in another file.
fn service() -> MemoryFiles {
    let main = format!(
        "<xs:schema {XS} targetNamespace='urn:s' xmlns='urn:s' xmlns:t='urn:t' elementFormDefault='qualified'>\
         <xs:import namespace='urn:t' schemaLocation='http://exemple.invalid/anywhere/Types.xsd'/>\
         <xs:import namespace='http://www.w3.org/XML/1998/namespace' schemaLocation='http://www.w3.org/2001/xml.xsd'/>\
         <xs:element name='demande'><xs:complexType><xs:sequence><xs:element name='nom' type='t:nom'/></xs:sequence>\
         <xs:attribute ref='xml:lang'/></xs:complexType></xs:element>\
         <xs:element name='contexte' type='xs:string'/></xs:schema>"
    );
    let types = format!(
        "<xs:schema {XS} targetNamespace='urn:t'><xs:simpleType name='nom'><xs:restriction base='xs:string'>\
         <xs:maxLength value='5'/></xs:restriction></xs:simpleType></xs:schema>"
    );
    files([("v1/Main.xsd", &*main), ("v1/commun/types.xsd", &types)])
}

fn envelope(soap: &str, header: &str, body: &str) -> String {
    format!(
        "<e:Envelope xmlns:e='{soap}' xmlns='urn:s'><e:Header>{header}</e:Header><e:Body>{body}</e:Body></e:Envelope>"
    )
}

const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";

#[test]
fn the_body_and_the_known_header_blocks_of_a_message_are_judged() {
    let schemas = Schemas::from_dir(&service()).unwrap();
    for soap in [SOAP11, SOAP12] {
        let good = envelope(
            soap,
            "<contexte e:mustUnderstand='1'>c</contexte><autre xmlns='urn:inconnu'/>",
            "<demande xml:lang='fr'><nom>Zoé</nom></demande>",
        );
        let found = schemas.validate(&tree(&good));
        assert_eq!(found.len(), 2, "{found:#?}");
        for one in &found {
            assert_eq!(one.result, Ok(Vec::new()), "{one:#?}");
            assert_eq!((&*one.schema, &*one.file), ("Main", "v1/Main.xsd"));
            assert!(one.missing.is_empty(), "{:?}", one.missing);
        }
        let bad = good
            .replace("Zoé", "Zoé-Anne")
            .replace(">c<", " inconnu='1'>c<");
        let all: Vec<_> = schemas
            .validate(&tree(&bad))
            .iter()
            .flat_map(told)
            .collect();
        assert_eq!(all.len(), 2, "{all:?}");
        assert_eq!(all[1].0, "cvc-maxLength-valid");
        assert_eq!(all[1].1, "/e:Envelope/e:Body[1]/demande[1]/nom[1]");
    }
}

#[test]
fn a_lone_body_is_judged_too() {
    let schemas = Schemas::from_dir(&service()).unwrap();
    let found = schemas.validate(&tree("<demande xmlns='urn:s'><nom/><nom/></demande>"));
    assert_eq!(found.len(), 1);
    assert_eq!(told(&found[0])[0].1, "/demande/nom[2]");
}

#[test]
fn a_root_that_no_schema_declares_is_a_finding_only_in_a_known_namespace() {
    let schemas = Schemas::from_dir(&service()).unwrap();
    let found = schemas.validate(&tree(&envelope(SOAP12, "", "<demande2/>")));
    assert_eq!(found.len(), 1);
    assert_eq!(told(&found[0])[0].0, "cvc-elt.1");
    assert!(
        schemas
            .validate(&tree("<demande xmlns='urn:autre'/>"))
            .is_empty()
    );
    let fault = envelope(SOAP12, "", "<e:Fault><e:Code/></e:Fault>");
    assert!(schemas.validate(&tree(&fault)).is_empty());
}

#[test]
fn schemas_written_in_a_wsdl_are_read_with_the_namespaces_around_them() {
    let wsdl = format!(
        "<?xml version='1.0'?><w:definitions xmlns:w='http://schemas.xmlsoap.org/wsdl/' {XS} xmlns:m='urn:m'><w:types>\
         <xs:schema targetNamespace='urn:m' elementFormDefault='qualified'>\
         <xs:element name='a' type='m:petit'/><xs:simpleType name='petit'><xs:restriction base='xs:int'>\
         <xs:maxInclusive value='9'/></xs:restriction></xs:simpleType></xs:schema>\
         <xs:schema targetNamespace='urn:n'><xs:import namespace='urn:m'/><xs:element name='b'><xs:complexType>\
         <xs:sequence><xs:element ref='m:a'/></xs:sequence></xs:complexType></xs:element></xs:schema>\
         </w:types></w:definitions>"
    );
    let schemas = Schemas::from_dir(&files([("Service.WSDL", &*wsdl)])).unwrap();
    let files: Vec<&str> = schemas.files().collect();
    assert_eq!(files, ["Service.WSDL#1", "Service.WSDL#2"]);
    let text = "<b xmlns='urn:n'><a xmlns='urn:m'>12</a></b>";
    let found = schemas.validate(&tree(text));
    assert_eq!(found[0].schema, "Service#2");
    assert_eq!(told(&found[0])[0].0, "cvc-maxInclusive-valid");
    let found = schemas.validate(&tree(&text.replace("12", "8")));
    assert_eq!(found[0].result, Ok(Vec::new()));
}

#[test]
fn a_document_that_others_include_is_not_the_start() {
    let part = format!("<xs:schema {XS}><xs:element name='r' type='t'/></xs:schema>");
    let whole = format!(
        "<xs:schema {XS} targetNamespace='urn:w' xmlns='urn:w'><xs:include schemaLocation='part.xsd'/>\
         <xs:simpleType name='t'><xs:restriction base='xs:int'/></xs:simpleType></xs:schema>"
    );
    let folder = files([
        ("a/part.xsd", &*part),
        ("a/whole.xsd", &whole),
        ("b/PART.xsd", &part),
        ("b/whole.xsd", &whole),
    ]);
    let schemas = Schemas::from_dir(&folder).unwrap();
    let found = schemas.validate(&tree("<r xmlns='urn:w'>x</r>"));
    assert_eq!(found[0].file, "b/whole.xsd");
    assert_eq!(found[0].others, ["a/whole.xsd"]);
    assert_eq!(told(&found[0]).len(), 1);
}

#[test]
fn a_kit_given_as_a_folder_of_schemas_judges_its_documents() {
    let schemas = Schemas::from_dir(&kit()).unwrap();
    assert_eq!(schemas.left_out().len(), 1);
    assert_eq!(schemas.validate(&tree(GOOD))[0].result, Ok(Vec::new()));
    let bad = GOOD.replace("20260101", "hier");
    assert_eq!(told(&schemas.validate(&tree(&bad))[0]).len(), 1);
}

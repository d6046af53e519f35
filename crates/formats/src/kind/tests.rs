//! Each kind in its forms, and what only looks like one.

#![allow(clippy::unwrap_used)]

use diapason_core::DocumentKind as K;
use proptest::prelude::*;

use super::*;

#[track_caller]
fn is(kind: K, bytes: impl AsRef<[u8]>, name: Option<&str>) {
    let bytes = bytes.as_ref();
    match detect(bytes, name) {
        Ok(found) => assert_eq!(found.kind, kind, "{found:?}"),
        Err(unknown) => panic!("{kind}: {unknown}\n{}", String::from_utf8_lossy(bytes)),
    }
}

#[track_caller]
fn is_not(bytes: impl AsRef<[u8]>, name: Option<&str>, says: &str) {
    match detect(bytes.as_ref(), name) {
        Ok(found) => panic!("taken for {found:?}"),
        Err(unknown) => {
            let text = unknown.to_string();
            assert!(text.contains(says), "{text}");
            assert!(text.contains("cda, xdm, xds_metadata"), "{text}");
            assert!(!unknown.seen.fr.is_empty());
        }
    }
}

const CDA: &str = "<?xml version=\"1.0\"?>\n<?xml-stylesheet href=\"x.xsl\"?>\n<!-- <Assertion> -->\n<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><realmCode code=\"FR\"/></ClinicalDocument>";

fn utf16(text: &str, big: bool, bom: bool) -> Vec<u8> {
    let mark = if bom { "\u{feff}" } else { "" };
    format!("{mark}{text}")
        .encode_utf16()
        .flat_map(|u| {
            if big {
                u.to_be_bytes()
            } else {
                u.to_le_bytes()
            }
        })
        .collect()
}

#[test]
fn a_cda_is_seen_in_every_dress() {
    is(K::Cda, CDA, None);
    is(K::Cda, CDA, Some("METADATA.XML"));
    is(K::Cda, format!("\u{feff}{CDA}"), None);
    is(K::Cda, format!("\n\n  {CDA}"), None);
    for (big, bom) in [(false, false), (false, true), (true, false), (true, true)] {
        is(K::Cda, utf16(CDA, big, bom), None);
    }
    is(
        K::Cda,
        "<cda:ClinicalDocument xmlns:cda='urn:hl7-org:v3'>",
        None,
    );
    is(K::Cda, "<ClinicalDocument", None);
    is(
        K::Cda,
        "<!DOCTYPE a [<!ENTITY b '<c>'>]><ClinicalDocument/>",
        None,
    );
    let latin1 = b"<?xml version='1.0' encoding='UTF-8'?><ClinicalDocument><title>\xE9</title>";
    is(K::Cda, latin1, None);
    let filler = "<xsl:template/>".repeat(50_000);
    is(
        K::Cda,
        format!(
            "<xsl:stylesheet xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\">{filler}<ClinicalDocument xmlns=\"urn:hl7-org:v3\"/></xsl:stylesheet>"
        ),
        None,
    );
    is(
        K::Cda,
        "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:Object><n1:ClinicalDocument xmlns:n1=\"urn:hl7-org:v3\"/></ds:Object></ds:Signature>",
        None,
    );
}

#[test]
fn what_only_looks_like_a_cda_is_said() {
    is_not(
        "<xsl:stylesheet xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\"><xsl:template match=\"n1:ClinicalDocument\"/></xsl:stylesheet>",
        None,
        "no ClinicalDocument inside",
    );
    is_not(
        "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><xClinicalDocument/></Signature>",
        None,
        "no ClinicalDocument inside",
    );
    is_not(
        "<ClinicalDocuments/>",
        Some("cda.xml"),
        "root is ClinicalDocuments",
    );
    is_not(
        "<Signature><ClinicalDocument/></Signature>",
        None,
        "root is Signature",
    );
    is_not(
        "<!-- never closed <ClinicalDocument>",
        None,
        "before its root",
    );
    is_not("<", None, "before its root");
    is_not("< ClinicalDocument>", None, "before its root");
}

#[test]
fn soap_is_told_request_from_answer() {
    let envelope = |header: &str, body: &str| {
        format!(
            "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:a=\"http://www.w3.org/2005/08/addressing\"><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
        )
    };
    is(K::SoapRequest, envelope("", "<RECSANSVITALE/>"), None);
    is(
        K::SoapRequest,
        envelope("<x><RelatesTo/></x>", "<q>Response</q>"),
        None,
    );
    is(
        K::SoapAnswer,
        envelope("<a:RelatesTo>u</a:RelatesTo>", ""),
        None,
    );
    for body in [
        "<s:Fault/>",
        "<RESULTAT/>",
        "<RegistryResponse/>",
        "<r:AdhocQueryResponse xmlns:r='u'/>",
    ] {
        is(K::SoapAnswer, envelope("", body), None);
    }
    is(K::SoapRequest, envelope("<x/>", ""), None);
    let eleven = "<Envelope xmlns=\"http://schemas.xmlsoap.org/soap/envelope/\"><Body><a/></Body></Envelope>";
    is(K::SoapRequest, eleven, None);
    let request = format!("POST /lps HTTP/1.1\r\nHost: x\r\n\r\n{eleven}");
    is(K::SoapRequest, request, None);
    is(
        K::SoapAnswer,
        format!("HTTP/1.1 200 OK\r\nContent-Type: multipart/related\r\n\r\n--b\r\n\r\n{eleven}"),
        None,
    );
    is_not(
        "POST /token HTTP/1.1\r\nHost: x\r\n\r\ngrant_type=x",
        None,
        "no SOAP envelope",
    );
    is_not(
        "HTTP/1.1 200 OK\r\n\r\n<html>Envelope</html>",
        None,
        "no SOAP envelope",
    );
    is_not("<Envelope><Body/></Envelope>", None, "namespace of SOAP");
}

#[test]
fn metadata_and_assertions_are_told_by_their_element() {
    is(
        K::XdsMetadata,
        "<lcm:SubmitObjectsRequest xmlns:lcm=\"urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0\"/>",
        None,
    );
    is(K::XdsMetadata, "<SubmitObjectsRequest>", Some("x.txt"));
    is(
        K::SamlAssertion,
        "<saml2:Assertion xmlns:saml2='urn:oasis:names:tc:SAML:2.0:assertion' ID='a'>",
        None,
    );
    is_not(
        "<Assertion xmlns='urn:oasis:names:tc:SAML:1.0:assertion'/>",
        None,
        "only SAML 2.0",
    );
    is_not(
        "<RegistryObjectList/>",
        Some("METADATA.XML"),
        "whole SubmitObjectsRequest",
    );
    is_not(
        "<schema xmlns='http://purl.oclc.org/dsdl/schematron'/>",
        None,
        "they are not judged",
    );
    is_not("<html><body/></html>", None, "HTML page");
}

const ENVELOPE: &str = "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body><x:ProvideAndRegisterDocumentSetRequest xmlns:x=\"urn:ihe:iti:xds-b:2007\"/></s:Body></s:Envelope>";

fn package(root: &str, attached: &[u8], root_last: bool) -> crate::mtom::Written {
    let attachment = crate::mtom::Attachment {
        content_id: "d@x",
        content_type: "text/xml",
        bytes: attached,
    };
    let how = crate::mtom::Layout {
        root_last,
        ..crate::mtom::Layout::default()
    };
    crate::mtom::write(root, &[attachment], &how)
}

#[test]
fn a_package_is_seen_with_and_without_its_heads() {
    let answer = ENVELOPE.replace("SetRequest", "SetRequestResponse");
    let large = vec![0_u8; 2 * HEAD];
    for root_last in [false, true] {
        for attached in [CDA.as_bytes(), b"%PDF-1.4 \0\0", &large] {
            for (root, kind) in [(ENVELOPE, K::SoapRequest), (answer.as_str(), K::SoapAnswer)] {
                let written = package(root, attached, root_last);
                is(kind, &written.body, None);
                is(
                    kind,
                    [b"\r\n", written.body.as_slice()].concat(),
                    Some("x.eml"),
                );
                let mime = format!(
                    "MIME-Version: 1.0\r\nContent-Type: {}\r\n\r\n",
                    written.content_type
                );
                is(kind, [mime.as_bytes(), &written.body].concat(), None);
            }
            let written = package(ENVELOPE, attached, root_last);
            let http = format!(
                "POST /si-dmp-server/v2/services/repository HTTP/1.1\r\ncontent-type: {}\r\n\r\n",
                written.content_type
            );
            is(
                K::SoapRequest,
                [http.as_bytes(), &written.body].concat(),
                None,
            );
        }
    }
    let whole = package(ENVELOPE, CDA.as_bytes(), false).body;
    let found = detect(&whole, None).unwrap();
    assert_eq!(
        found.by,
        "MTOM, Envelope, ProvideAndRegisterDocumentSetRequest"
    );
    // Cut short, it is still one, for its judge to say so.
    is(K::SoapRequest, &whole[..whole.len() - 40], None);
    is(
        K::Email,
        "From: a\r\nTo: b\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nhello\r\n--x--",
        None,
    );
    is_not("--x\r\n\r\nhello\r\n--x--", None, "text that begins with");
    is(
        K::Scenario,
        "---\nid: INS/va1\nsteps:\n  - pack: <s:Envelope>\n",
        None,
    );
}

#[test]
fn the_messages_of_the_dmp_are_told_apart() {
    let envelope = |body: &str| ENVELOPE.replace("ProvideAndRegisterDocumentSetRequest", body);
    for request in ["PRPA_IN201307UV02", "setAuthorization", "AdhocQueryRequest"] {
        is(K::SoapRequest, envelope(request), None);
        let alone = format!("<{request} xmlns=\"urn:x\"/>");
        is_not(alone, None, "whole SOAP envelope");
    }
    for answer in [
        "PRPA_IN201308UV02",
        "setAuthorizationResponse",
        "AdhocQueryResponse",
    ] {
        is(K::SoapAnswer, envelope(answer), None);
    }
    let vihf = "<Assertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"><AttributeStatement><Attribute Name=\"VIHF_Version\"/></AttributeStatement></Assertion>";
    assert_eq!(
        detect(vihf.as_bytes(), None).unwrap().by,
        "saml:Assertion, VIHF_Version"
    );
    is_not("<w:Security xmlns:w='u'/>", None, "SAML assertion itself");
}

#[test]
fn the_signature_of_a_lot_is_told_by_its_manifest() {
    let signature = |content: &str| {
        format!(
            "<?xml version=\"1.0\"?><ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo/>{content}</ds:Signature>"
        )
    };
    is(
        K::LotSignature,
        signature("<ds:Object><ds:Manifest Id=\"IHEManifest\"/></ds:Object>"),
        None,
    );
    is(
        K::LotSignature,
        signature(
            "<ds:Object><xad:QualifyingProperties xmlns:xad=\"http://uri.etsi.org/01903/v1.1.1#\"/></ds:Object>",
        ),
        None,
    );
    is(
        K::Cda,
        signature("<ds:Object><Manifest/><ClinicalDocument/></ds:Object>"),
        None,
    );
    is_not(signature(""), None, "no ClinicalDocument inside");
    is_not(
        signature("<!-- Manifest -->"),
        None,
        "no ClinicalDocument inside",
    );
}

/// A ZIP whose files are empty and stored.
fn zip(names: &[&str]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for name in names {
        let at = u32::try_from(bytes.len()).unwrap();
        let len = u16::try_from(name.len()).unwrap();
        bytes.extend(b"PK\x03\x04");
        bytes.extend([0; 22]);
        bytes.extend(len.to_le_bytes());
        bytes.extend([0; 2]);
        bytes.extend(name.bytes());
        directory.extend(b"PK\x01\x02");
        directory.extend([0; 24]);
        directory.extend(len.to_le_bytes());
        directory.extend([0; 12]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.bytes());
    }
    let at = u32::try_from(bytes.len()).unwrap();
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06");
    bytes.extend([0; 12]);
    bytes.extend(at.to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}

#[test]
fn an_archive_is_an_xdm_when_its_directory_says_so() {
    let good = zip(&["INDEX.HTM", "README.TXT", "IHE_XDM/SUBSET01/METADATA.XML"]);
    is(K::Xdm, &good, None);
    // Cut before its directory, the local names still tell.
    is(K::Xdm, &good[..good.len() - 120], None);
    is_not(
        zip(&["word/document.xml", "docs/IHE_XDM/x"]),
        Some("IHE_XDM.ZIP"),
        "first name: word/document.xml",
    );
    is_not(zip(&[]), None, "empty or damaged");
    is_not(b"PK\x03\x04", None, "empty or damaged");
    // A directory that says it stands outside the file.
    let mut lies = zip(&["a"]);
    let end = lies.len();
    lies[end - 6..end - 2].copy_from_slice(&u32::MAX.to_le_bytes());
    is_not(lies, None, "empty or damaged");
}

#[test]
fn json_is_told_by_its_members() {
    is(
        K::Userinfo,
        r#"{"sub":"1","SubjectNameID":"899709900023","family_name":"X"}"#,
        None,
    );
    is(
        K::Userinfo,
        utf16(r#"{"a":[{"action":1}],"otherIds":[]}"#, false, false),
        None,
    );
    is(K::Userinfo, r#"{"sub":"1","given_name":"X""#, None);
    is(
        K::DriverMessage,
        r#"{"action":"ins.search","params":{},"scenario":"x","step":1,"deadline_ms":5}"#,
        None,
    );
    is(
        K::DriverMessage,
        r#"{"result":{"SubjectNameID":1},"status":"done"}"#,
        None,
    );
    is(K::DriverMessage, r#"{"status":"Refused"}"#, None);
    is(K::DriverMessage, r#"{"what":"usager","value":null}"#, None);
    is(
        K::DriverMessage,
        r#"{"product":"x","version":"1","actions":[],"observations":[]}"#,
        None,
    );
    is(K::DriverMessage, r#"{"mocks":{}}"#, None);
    is(K::Scenario, r#"{"id":"X/1","steps":[]}"#, None);
    is(K::RulePack, r#"{"pack":"x","rules":[]}"#, None);
    is_not(
        r#"{"status":"ok"}"#,
        None,
        "members say nothing known (status)",
    );
    is_not(
        r#"{"x":{"SubjectNameID":"1"}}"#,
        None,
        "members say nothing known (x)",
    );
    is_not(
        r#"{"iss":"i","aud":"a","sub":"s","given_name":"X"}"#,
        None,
        "give the JWT itself",
    );
    is_not("[]", None, "a JSON list");
    is_not("{}", None, "empty JSON object");
    is_not("{", Some("userinfo.json"), "malformed");
}

#[test]
fn a_token_is_told_by_its_three_parts() {
    let header = "eyJhbGciOiJSUzI1NiJ9";
    is(K::Jwt, format!("{header}.e30.c2ln"), None);
    is(K::Jwt, format!("\n Bearer {header}.e30.\n"), None);
    is_not(format!("{header}.a.b.c.d"), None, "encrypted");
    is_not(format!("{header}.a"), Some("x.jwt"), "2 parts");
    is_not("www.example.org", None, "text that begins with");
}

#[test]
fn mail_is_told_by_its_header() {
    let mail = "Return-Path: <a@example.org>\r\nReceived: by x\r\n\tfor y\r\nSubject: =?utf-8?q?x?=\r\n\r\nhello";
    is(K::Email, mail, None);
    is(K::Email, "SUBJECT: a\nFROM: b\n\n", None);
    is(K::Email, "Subject: x\nX-Own: y\n\n", Some("message.EML"));
    is_not(
        "Subject: x\n\nbody",
        Some("notes.txt"),
        "text that begins with",
    );
    is_not(
        "Dear all,\nFrom: me\nTo: you\n",
        Some("lettre.txt"),
        "text that begins with",
    );
}

#[test]
fn yaml_and_toml_are_told_by_their_keys() {
    is(K::Scenario, "# x\nid: INS/va1\nsteps:\n  - pack: x\n", None);
    is(
        K::Scenario,
        "id: INS/va1\ntitle: {fr: a, en: b}\n",
        Some("INS.yaml"),
    );
    is(K::RulePack, "pack: insi\nversion: '1'\nrules:\n", None);
    is(K::RulePack, "pack: insi\n", Some("a/insi.yml"));
    is(
        K::ProductStatement,
        "# fiche\n[produit]\nnom = \"x\"\n",
        None,
    );
    is(K::ProductStatement, "[produit] # x\nnom = \"x\"\n", None);
    is_not("[true]", None, "a JSON list");
    is_not("[[1]]", None, "a JSON list");
    is_not("[a]\nb = 1\n", Some("x.toml"), "text that begins with");
    is(K::ProductStatement, "produit.nom = \"x\"\n", None);
    is(
        K::ProductStatement,
        "nothing yet",
        Some("dir/fiche-produit.toml"),
    );
    is_not("id: x\n", None, "text that begins with");
    is_not(
        "requirements:\n  - id: x\n",
        Some("ins.yaml"),
        "requirement file",
    );
    is_not(
        "fiche = \"f\"\n[driver]\nkind=\"http\"\n",
        Some("diapason.toml"),
        "doctor",
    );
    is_not("nom: x\n", Some("compose.yaml"), "text that begins with");
}

#[test]
fn other_files_are_named() {
    is_not("", None, "empty");
    is_not(" \n\t", None, "nothing but blanks");
    is_not(b"%PDF-1.4\n...", Some("cda.xml"), "lone PDF");
    is_not(b"\x89PNG\r\n", None, "PNG");
    is_not(b"\x7fELF\0\0", None, "binary");
    is_not(b"\xFF\xFE\0\0<\0\0\0", None, "UTF-32");
    is_not(b"\xD0\xCF\x11\xE0", Some("message.eml"), "Outlook");
}

#[test]
fn hostile_input_costs_little() {
    let started = std::time::Instant::now();
    let wrap = |inner: String| {
        format!("<s xmlns=\"x\" xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\">{inner}")
    };
    for bytes in [
        "<".repeat(4_000_000),
        "<a>".repeat(1_000_000),
        wrap("ClinicalDocument".repeat(300_000)),
        format!(
            "<xsl:transform xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\">{}",
            "ClinicalDocument".repeat(300_000)
        ),
        format!("POST / HTTP/1.1\r\n\r\n{}", "Envelope".repeat(600_000)),
        format!("{{{}", "\"a\":{".repeat(1_000_000)),
        format!("{{\"{}", "\\\"".repeat(2_000_000)),
        "a: ".repeat(1_000_000),
        "PK\x03\x04".repeat(1_000_000),
        format!(
            "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\">{}",
            "<s:Header>".repeat(300_000)
        ),
        format!(
            "<a {}>",
            (0..8_000)
                .map(|i| format!("xmlns:p{i}='u' "))
                .collect::<Vec<_>>()
                .concat()
        ),
    ] {
        let _ = detect(bytes.as_bytes(), None);
    }
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), name in proptest::option::of("[a-z.]{0,12}")) {
        let _ = detect(&bytes, name.as_deref());
    }

    #[test]
    fn no_package_makes_it_panic(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "--b", "--", "\r\n", "\n", "Content-Type: multipart/related; boundary=b", "Content-ID: <a>", "<s:Envelope", ENVELOPE,
        "POST / HTTP/1.1", "HTTP/1.1 200 OK", "\0", "é", ":", "<",
    ]), 0..14)) {
        let _ = detect(pieces.concat().as_bytes(), None);
    }

    #[test]
    fn no_text_makes_it_panic(text in "[<>/!?\\[\\]\"'={}:.,a-cP\\\\ \n-]{0,300}") {
        let _ = detect(text.as_bytes(), None);
        let zip = [b"PK\x05\x06", text.as_bytes()].concat();
        let _ = detect(&zip, None);
        let end = [b"PK\x03\x04", text.as_bytes(), b"PK\x05\x06", text.as_bytes()].concat();
        let _ = detect(&end, None);
    }
}

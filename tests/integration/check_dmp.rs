//! `diapason check` on what goes to the DMP: a lone VIHF, an envelope, a raw request, an MTOM capture, a METADATA.XML, the
//! signature of a lot. What a campaign would say of them, with the line of the file where it stands.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{diapason, run, scratch, stdout};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("profiles/samples/dmp")
        .join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(sample(name)).unwrap()
}

/// What is said of one file.
fn judged(path: &Path, code: i32) -> Value {
    let mut command = diapason();
    command.arg("check").arg(path).args(["--format", "json"]);
    let report: Value = serde_json::from_str(&stdout(&run(&mut command, code))).unwrap();
    report["files"][0].clone()
}

/// What is said of a sample with words replaced.
fn changed(name: &str, changes: &[(&str, &str)], code: i32) -> (Value, String) {
    let mut content = text(name);
    for (from, to) in changes {
        assert!(content.contains(from), "{name}: {from}");
        content = content.replace(from, to);
    }
    let folder = scratch();
    let path = folder.path().join(name);
    std::fs::write(&path, &content).unwrap();
    (judged(&path, code), content)
}

fn finding<'v>(file: &'v Value, rule: &str) -> &'v Value {
    file["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["rule"] == rule)
        .unwrap_or_else(|| panic!("{rule} is not raised: {:#}", file["findings"]))
}

fn rules_run(file: &Value) -> usize {
    file["checks"]["diapason"]
        .as_object()
        .map_or(0, serde_json::Map::len)
}

#[test]
fn what_is_right_is_conform_whatever_its_shape() {
    for (name, kind, least) in [
        ("td02.xml", "soap_request", 40),
        ("td02-http.http", "soap_request", 43),
        ("td03.xml", "soap_request", 30),
        ("td21-nouveau.xml", "soap_request", 90),
        ("td21-remplacement.xml", "soap_request", 90),
        ("td21-mtom.http", "soap_request", 250),
        ("td31a.xml", "soap_request", 40),
        ("td31b.xml", "soap_request", 40),
        ("td32.xml", "soap_request", 30),
        ("td33ab.xml", "soap_request", 70),
        ("td33c.xml", "soap_request", 45),
        ("metadata.xml", "xds_metadata", 45),
        ("vihf-indirecte.xml", "saml_assertion", 10),
        ("vihf-air.xml", "saml_assertion", 10),
    ] {
        let file = judged(&sample(name), 0);
        assert_eq!(file["kind"], kind, "{name}: {file:#}");
        assert_eq!(file["verdict"], "conforme", "{name}: {file:#}");
        assert!(
            rules_run(&file) >= least,
            "{name}: {} rules",
            rules_run(&file)
        );
    }
    let file = judged(&sample("td21-mtom.http"), 0);
    assert_eq!(file["model"], "DMP td2.1, CDA N1 80788-3");
    let note = file["notes"].to_string();
    assert!(note.contains("diapason run"), "{note}");
}

#[test]
fn a_raw_capture_says_the_line_of_the_file_for_the_envelope_and_for_its_documents() {
    let (file, content) = changed(
        "td21-mtom.http",
        &[
            ("nodeRepresentation=\"44\"", "nodeRepresentation=\"11\""),
            ("<realmCode code=\"FR\"/>", "<realmCode code=\"BE\"/>"),
        ],
        1,
    );
    let line_of = |words: &str| content.lines().position(|l| l.contains(words)).unwrap() as u64 + 1;
    let class = finding(&file, "DMP-SUB-10");
    assert_eq!(class["line"], line_of("nodeRepresentation=\"80788-3\""));
    let excerpt = class["excerpt"]["text"].as_str().unwrap();
    assert!(excerpt.contains("rim:Classification"), "{excerpt}");
    let realm = finding(&file, "CDA-H02A");
    assert_eq!(realm["line"], line_of("<realmCode code=\"BE\""));
    assert!(
        realm["path"].as_str().unwrap().starts_with("Document01: "),
        "{realm:#}"
    );
    // The bytes are no more those that were hashed and signed.
    finding(&file, "DMP-SUB-16");
    finding(&file, "DMP-SIG-02");
}

#[test]
fn a_capture_with_the_line_ends_of_the_wire_is_judged_alike() {
    let folder = scratch();
    let path = folder.path().join("capture.http");
    let content = text("td02-http.http");
    let (head, body) = content.split_once("\n\n").unwrap();
    std::fs::write(
        &path,
        format!("{}\r\n\r\n{body}", head.replace('\n', "\r\n")),
    )
    .unwrap();
    let good = judged(&path, 0);
    assert_eq!(good["kind"], "soap_request");
    std::fs::write(
        &path,
        format!("{}\r\n\r\n{body}", head.replace('\n', "\r\n"))
            .replace("/services/patients", "/services/registry"),
    )
    .unwrap();
    finding(&judged(&path, 1), "DMP-SOAP-15");
}

#[test]
fn a_package_without_its_http_head_is_judged() {
    let content = text("td21-mtom.http");
    let (_, body) = content.split_once("\n\n").unwrap();
    let folder = scratch();
    let path = folder.path().join("corps.mime");
    std::fs::write(&path, body).unwrap();
    let file = judged(&path, 0);
    assert_eq!(file["kind"], "soap_request", "{file:#}");
    assert!(rules_run(&file) >= 200);
    let broken = body.replace("cid:document01@diapason.test", "cid:absent@diapason.test");
    std::fs::write(&path, broken).unwrap();
    finding(&judged(&path, 1), "DMP-MTOM-02");
}

#[test]
fn a_lone_vihf_is_judged_down_to_its_signature() {
    let (file, _) = changed(
        "vihf-indirecte.xml",
        &[(
            "<saml:AttributeValue>10B0990001<",
            "<saml:AttributeValue>10B0990003<",
        )],
        1,
    );
    finding(&file, "DMP-VIHF-04");
}

#[test]
fn a_metadata_file_is_judged() {
    let (file, _) = changed(
        "metadata.xml",
        &[
            (
                "value=\"2.25.183746529017465.1\"",
                "value=\"2.25.183746529017465.1^A\"",
            ),
            (
                "nodeRepresentation=\"SA17\"",
                "nodeRepresentation=\"EHPAD\"",
            ),
        ],
        1,
    );
    let number = finding(&file, "DMP-SUB-07");
    assert!(
        number["observed"].as_str().unwrap().contains("^A"),
        "{number:#}"
    );
    assert!(number["hint"]["fr"].as_str().unwrap().len() > 20);
    assert!(number["line"].as_u64().unwrap() > 10);
    finding(&file, "DMP-SUB-13");
}

#[test]
fn the_signature_of_a_lot_alone_is_judged() {
    let content = text("td21-mtom.http");
    let start = content
        .find("Content-ID: <signature01@diapason.test>")
        .unwrap();
    let start = content[start..].find("\n\n").unwrap() + start + 2;
    let end = content.find("\n--diapason-b1d0c8a4--").unwrap();
    let folder = scratch();
    let path = folder.path().join("signature.xml");
    std::fs::write(&path, &content[start..end]).unwrap();
    let file = judged(&path, 0);
    assert_eq!(file["kind"], "lot_signature", "{file:#}");
    assert!(rules_run(&file) >= 2, "{file:#}");
    let broken = content[start..end].replacen("<ds:SignatureValue>", "<ds:SignatureValue>AAAA", 1);
    assert_ne!(broken, content[start..end]);
    std::fs::write(&path, broken).unwrap();
    finding(&judged(&path, 1), "DMP-SIG-01");
}

#[test]
fn what_no_rule_knows_is_not_a_pass() {
    let folder = scratch();
    for (name, content, kind) in [
        ("METADATA.XML", "<SubmitObjectsRequest/>", "xds_metadata"),
        (
            "assertion.xml",
            "<a:Assertion xmlns:a=\"urn:oasis:names:tc:SAML:2.0:assertion\"/>",
            "saml_assertion",
        ),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let file = judged(&path, 2);
        assert_eq!(file["kind"], kind);
        assert_eq!(file["open"], "nothing_judged", "{file:#}");
    }
}

#[test]
fn damaged_requests_are_findings_and_never_a_fall() {
    for (name, from, to, rule) in [
        ("td02.xml", "</soap:Envelope>", "", "DMP-SOAP-07"),
        (
            "td02.xml",
            "<soap:Envelope ",
            "<!DOCTYPE soap:Envelope [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><soap:Envelope ",
            "DMP-SOAP-07",
        ),
        ("td21-mtom.http", "--diapason-b1d0c8a4--", "", "DMP-MTOM-02"),
        (
            "td21-mtom.http",
            "cid:document01@diapason.test",
            "cid:root@diapason.test",
            "DMP-MTOM-02",
        ),
        (
            "td21-mtom.http",
            "Content-ID: <signature01@diapason.test>",
            "Content-ID: <document01@diapason.test>",
            "DMP-MTOM-02",
        ),
    ] {
        let (file, _) = changed(name, &[(from, to)], 1);
        finding(&file, rule);
    }
}

#[test]
fn the_rules_of_the_dmp_prove_themselves_on_their_samples() {
    for pack in ["dmp-messages", "dmp-lot"] {
        let mut command = diapason();
        command.args(["rules", "test", "--pack", pack]);
        run(&mut command, 0);
    }
}

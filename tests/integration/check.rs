//! `diapason check` and its company through the real binary: kinds, formats, exit codes, bad input.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::support::{diapason, json, run, scratch, stderr, stdout};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sample(name: &str) -> PathBuf {
    root().join("profiles/samples").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(sample(name)).unwrap()
}

/// A CDA that breaks one certain rule: the realm is not France.
fn broken_cda() -> String {
    let good = text("cda/n1.xml");
    let bad = good.replace("<realmCode code=\"FR\"", "<realmCode code=\"BE\"");
    assert_ne!(good, bad);
    bad
}

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    path
}

fn check(paths: &[&Path], more: &[&str], code: i32) -> std::process::Output {
    run(diapason().arg("check").args(paths).args(more), code)
}

/// The JSON report on some paths, checked against the published schema.
fn report(paths: &[&Path], more: &[&str], code: i32) -> Value {
    let all = [&["--format", "json"], more].concat();
    let out = stdout(&check(paths, &all, code));
    let report: Value = serde_json::from_str(&out).unwrap();
    let schema = json(&root().join("profiles/schemas/check.schema.json"));
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&report)
        .map(|e| format!("{} at {}", e, e.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(report["summary"]["exit_code"], code);
    report
}

/// What is said of one file.
fn one(path: &Path, more: &[&str], code: i32) -> Value {
    let report = report(&[path], more, code);
    assert_eq!(report["files"].as_array().unwrap().len(), 1);
    report["files"][0].clone()
}

fn rules(file: &Value) -> Vec<&str> {
    let findings = file["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|f| f["rule"].as_str().unwrap())
        .collect()
}

#[test]
fn a_good_cda_is_conform_and_a_broken_one_is_shown_where_it_breaks() {
    let folder = scratch();
    let good = one(&sample("cda/n1.xml"), &[], 0);
    assert_eq!(
        (&good["kind"], &good["verdict"]),
        (&"cda".into(), &"conforme".into())
    );
    assert!(
        good["checks"]["diapason"].as_object().unwrap().len() >= 100,
        "{good:#}"
    );
    assert!(
        good["packs"]
            .as_array()
            .unwrap()
            .iter()
            .any(|p| p["name"] == "cda-entete")
    );

    let path = write(folder.path(), "lettre.xml", broken_cda());
    let bad = one(&path, &[], 1);
    assert_eq!(bad["verdict"], "non_conforme");
    let realm = bad["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["path"].as_str().is_some_and(|p| p.contains("realmCode")))
        .unwrap_or_else(|| panic!("{bad:#}"));
    assert_eq!(realm["level"], "error");
    assert!(
        realm["excerpt"]["text"]
            .as_str()
            .unwrap()
            .contains("realmCode")
    );

    let out = stdout(&run(
        diapason()
            .current_dir(folder.path())
            .args(["check", "lettre.xml"]),
        1,
    ));
    let line = realm["line"].as_u64().unwrap();
    let column = realm["column"].as_u64().unwrap();
    let rule = realm["rule"].as_str().unwrap();
    let head = format!("lettre.xml:{line}:{column}: error[{rule}] ");
    assert!(out.contains(&head), "{out}");
    for wanted in [
        "^^^",
        " = vu : ",
        " = où : /",
        " = à essayer : ",
        " = jugé par : diapason",
        "lettre.xml: non_conforme (cda",
        "1 non_conforme",
    ] {
        assert!(out.contains(wanted), "{wanted}: {out}");
    }
    assert!(
        !out.contains('\u{1b}'),
        "no colour outside a terminal: {out}"
    );
    // The carets stand under the element they speak of.
    let lines: Vec<&str> = out.lines().collect();
    let at = lines.iter().position(|l| l.starts_with(&head)).unwrap();
    let caret = lines[at + 3].find('^').unwrap();
    assert!(
        lines[at + 2][caret..].starts_with("<realmCode")
            || lines[at + 2][caret..].starts_with("code="),
        "{out}"
    );
    let english = stdout(&run(
        diapason()
            .current_dir(folder.path())
            .args(["check", "lettre.xml", "--lang", "en"]),
        1,
    ));
    assert!(
        english.contains(" = seen: ") && english.contains(" = judged by: "),
        "{english}"
    );
}

#[test]
fn every_kind_is_judged_or_says_by_which_family_it_will_be() {
    let folder = scratch();
    let dir = folder.path();
    let token = {
        let parts: Value = serde_json::from_str(&text("psc-documents/id-token.json")).unwrap();
        let part = |n: &str| URL_SAFE_NO_PAD.encode(parts[n].to_string());
        format!("{}.{}.c2ln\n", part("header"), part("payload"))
    };
    let http: String = {
        let sample = text("insi-traits.http");
        let (_, request) = sample.split_once('\n').unwrap();
        request.to_owned()
    };
    let (_, envelope) = http.split_once("\n\n").unwrap();
    for (name, content, kind, code) in [
        ("token.jwt", token.clone(), "jwt", 0),
        ("userinfo.json", text("psc-documents/userinfo.json"), "userinfo", 0),
        ("request.http", http.replace('\n', "\r\n"), "soap_request", 0),
        ("request.xml", envelope.to_owned(), "soap_request", 0),
        ("answer.json", r#"{"status":"done","result":null}"#.to_owned(), "driver_message", 0),
        (
            "action.json",
            r#"{"action":"session.logout","params":{"session":"A"},"scenario":"INS/x","step":1,"deadline_ms":10}"#.to_owned(),
            "driver_message",
            0,
        ),
        (
            "fiche.toml",
            std::fs::read_to_string(root().join("profiles/demo/fiche-produit.toml")).unwrap(),
            "product_statement",
            0,
        ),
        (
            "scenario.yaml",
            std::fs::read_to_string(root().join("scenarios/ins/ins-va1-54-01.yaml")).unwrap(),
            "scenario",
            0,
        ),
        (
            "pack.yaml",
            std::fs::read_to_string(root().join("profiles/rules/psc-documents.yaml")).unwrap(),
            "rule_pack",
            0,
        ),
        ("mail.eml", "From: a@example.org\r\nTo: b@example.org\r\nSubject: x\r\n\r\ny".to_owned(), "email", 2),
        ("reponse.xml", "<e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\"><e:Body><e:Fault/></e:Body></e:Envelope>".to_owned(), "soap_answer", 2),
        ("autre.xml", "<e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\"><e:Body><q/></e:Body></e:Envelope>".to_owned(), "soap_request", 2),
    ] {
        let file = one(&write(dir, name, content), &[], code);
        assert_eq!(file["kind"], kind, "{name}: {file:#}");
        if code == 0 {
            assert!(!file["checks"].as_object().unwrap().is_empty(), "{name}: {file:#}");
        } else {
            assert_eq!(file["open"], "not_judged_yet", "{name}: {file:#}");
            let reason = file["reason"].as_str().unwrap();
            assert!(reason.contains("famille"), "{reason}");
        }
    }
    let zip =
        b"PK\x03\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x14\0\0\0IHE_XDM/SUBSET01/M.XML";
    let xdm = one(&write(dir, "ihe.zip", zip), &[], 2);
    assert_eq!(
        (&xdm["kind"], &xdm["open"]),
        (&"xdm".into(), &"not_judged_yet".into())
    );
    let jwt = one(&dir.join("token.jwt"), &[], 0);
    assert!(
        jwt["notes"][0].as_str().unwrap().contains("signature"),
        "{jwt:#}"
    );
    let insi = one(&dir.join("request.xml"), &[], 0);
    assert!(
        insi["notes"][0].as_str().unwrap().contains("diapason run"),
        "{insi:#}"
    );
    assert!(
        insi["checks"]["diapason"].as_object().unwrap().len() >= 10,
        "{insi:#}"
    );
}

#[test]
fn each_kind_shows_its_deviations_with_their_place() {
    let folder = scratch();
    let dir = folder.path();
    let userinfo = text("psc-documents/userinfo.json").replace("\"899709900023\"", "\"\"");
    let file = one(&write(dir, "u.json", userinfo), &[], 1);
    assert!(
        file["findings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|f| f["line"].as_u64() > Some(1)),
        "{file:#}"
    );

    let request = text("insi-traits.http").replace("<r:Sexe>F<", "<r:Sexe>X<");
    let (_, envelope) = request.split_once("\n\n").unwrap();
    let file = one(&write(dir, "r.xml", envelope), &["--strict"], 1);
    assert_eq!(file["verdict"], "reserve");
    assert_eq!(rules(&file), ["INSI-B07"], "{file:#}");
    // What only the exchange shows is not held against a file.
    let (_, raw) = request.split_once('\n').unwrap();
    let file = one(&write(dir, "r.http", raw.replace('\n', "\r\n")), &[], 0);
    assert_eq!(rules(&file), ["INSI-B07"], "{file:#}");

    let message = "{\n  \"action\": \"session.logut\",\n  \"params\": {},\n  \"scenario\": \"x\",\n  \"step\": \"1\", \"deadline_ms\": 1\n}";
    let file = one(&write(dir, "m.json", message), &[], 1);
    let places: Vec<_> = file["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["line"].as_u64())
        .collect();
    assert!(
        places.contains(&Some(2)) && places.contains(&Some(5)),
        "{file:#}"
    );

    let fiche = "[produit]\nnom = \"x\"\nediteur = \"y\"\nverson = \"1\"\n";
    let file = one(&write(dir, "fiche-produit.toml", fiche), &[], 1);
    let finding = &file["findings"][0];
    assert_eq!(
        (&finding["line"], &finding["pack"]),
        (&4.into(), &"schema/fiche-produit".into()),
        "{file:#}"
    );
    assert!(
        finding["hint"]["fr"].as_str().unwrap().contains("version"),
        "{file:#}"
    );

    let scenario = "id: INS/zz\nfamily: ins\nsteps:\n  - include: _commun/nope.yaml\n";
    let file = one(&write(dir, "s.yaml", scenario), &[], 1);
    assert_eq!(file["findings"][0]["line"], 4, "{file:#}");
    let pack = "pack: x\nversion: '1'\nrules:\n  - id: X-1\n    levl: error\n";
    let file = one(&write(dir, "p.yaml", pack), &[], 1);
    assert_eq!(file["findings"][0]["line"], 5, "{file:#}");
    let file = one(
        &write(dir, "t.jwt", "eyJhbGciOiJSUzI1NiJ9.bm90IGpzb24.c2ln"),
        &[],
        1,
    );
    assert_eq!(file["kind"], "jwt");
    assert!(file["findings"][0]["line"].is_null(), "{file:#}");
}

#[test]
fn junit_has_a_case_for_each_rule_that_ran() {
    let folder = scratch();
    let bad = write(folder.path(), "a & b.xml", broken_cda());
    let unknown = write(folder.path(), "z.bin", [0, 1, 2]);
    let out = stdout(&check(&[&bad, &unknown], &["--format", "junit"], 1));
    let document = roxmltree::Document::parse(&out).unwrap();
    let named = |n: &str| {
        document
            .descendants()
            .filter(|d| d.has_tag_name(n))
            .collect::<Vec<_>>()
    };
    let suites = named("testsuite");
    assert_eq!(suites.len(), 2);
    assert!(suites[0].attribute("name").unwrap().ends_with("a & b.xml"));
    let cases = named("testcase");
    assert!(cases.len() > 100, "{}", cases.len());
    assert!(
        cases
            .iter()
            .all(|c| c.attribute("classname").unwrap().starts_with("diapason."))
    );
    assert_eq!(
        suites[0].attribute("failures"),
        Some(named("failure").len().to_string().as_str())
    );
    assert!(!named("failure").is_empty());
    assert_eq!(named("error").len(), 1);
    assert!(out.contains("non_concluant"), "{out}");
}

#[test]
fn sarif_names_every_rule_it_uses_and_where() {
    let folder = scratch();
    write(folder.path(), "é é.xml", broken_cda());
    write(folder.path(), "mail.eml", "From: a\nTo: b\n\n");
    let out = stdout(&run(
        diapason()
            .current_dir(folder.path())
            .args(["check", ".", "--format", "sarif"]),
        1,
    ));
    let sarif: Value = serde_json::from_str(&out).unwrap();
    let schema = json(&root().join("tests/integration/sarif.schema.json"));
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&sarif)
        .map(|e| format!("{e} at {}", e.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert!(results.len() >= 2, "{results:#?}");
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    let uri = &results.iter().find(|r| r["level"] == "error").unwrap()["locations"][0]["physicalLocation"];
    assert_eq!(uri["artifactLocation"]["uri"], "./%C3%A9%20%C3%A9.xml");
    assert!(uri["region"]["startLine"].as_u64() > Some(0));
    assert!(
        results.iter().any(|r| r["kind"] == "open"),
        "what is not judged is no pass"
    );
    assert_eq!(run["invocations"][0]["exitCode"], 1);
}

#[test]
fn html_is_one_page_that_fetches_nothing_and_obeys_nothing() {
    let folder = scratch();
    let evil = broken_cda().replace(
        "code=\"BE\"",
        "code=\"&lt;script&gt;alert(1)&lt;/script&gt;\"",
    );
    let bad = write(folder.path(), "<img src=x>.xml", evil);
    let page = folder.path().join("page.html");
    let output = check(
        &[&bad],
        &["--format", "html", "--output", page.to_str().unwrap()],
        1,
    );
    assert!(stdout(&output).is_empty());
    assert!(
        stderr(&output).contains("1 non_conforme"),
        "{}",
        stderr(&output)
    );
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.ends_with("</html>\n"));
    for forbidden in ["<script", "<img", "http://", "https://", "@import"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    assert!(html.contains("Contrôle de fichiers") && html.contains("<mark>"));
    let english = stdout(&check(&[&bad], &["--format", "html", "--lang", "en"], 1));
    assert!(english.contains("Check of files"));
}

#[test]
fn svrl_gives_location_line_and_column() {
    let folder = scratch();
    let bad = write(folder.path(), "a.xml", broken_cda());
    let unknown = write(folder.path(), "b.txt", "hello");
    let out = stdout(&check(&[&bad, &unknown], &["--format", "svrl"], 1));
    let document = roxmltree::Document::parse(&out).unwrap();
    let svrl = "http://purl.oclc.org/dsdl/svrl";
    let named = |n: &'static str| {
        document
            .descendants()
            .filter(move |d| d.has_tag_name((svrl, n)))
    };
    assert!(named("active-pattern").count() >= 2);
    assert!(named("fired-rule").count() > 100);
    let failed = named("failed-assert").next().unwrap();
    assert!(failed.attribute("location").unwrap().starts_with('/'));
    assert!(failed.attribute(("urn:diapason:check", "line")).is_some());
    assert!(failed.children().any(|c| c.has_tag_name((svrl, "text"))));
}

#[test]
fn warnings_count_when_asked_and_exit_codes_say_the_worst() {
    let folder = scratch();
    let good = sample("cda/n1.xml");
    let bad = write(folder.path(), "bad.xml", broken_cda());
    let unknown = write(folder.path(), "x.bin", [0_u8; 4]);
    let missing = folder.path().join("absent.xml");
    check(&[&good], &["--strict"], 0);
    check(&[&good, &unknown], &[], 2);
    check(&[&good, &missing], &[], 2);
    check(&[&good, &unknown, &bad], &[], 1);
    let skipped = report(&[&good, &unknown], &["--skip-unknown"], 0);
    assert_eq!(skipped["summary"]["unknown_passed_over"], 1);
    check(&[&unknown], &["--skip-unknown"], 2);
    let err = stderr(&check(&[&good], &["--kind", "cdaa"], 2));
    assert!(err.contains("rule_pack"), "{err}");
    let err = stderr(&run(diapason().arg("check"), 2));
    assert!(err.contains("FILE|DIR"), "{err}");
    let err = stderr(&check(&[&good], &["--output", "/nonexistent/x"], 2));
    assert!(err.contains("/nonexistent/x"), "{err}");
    let err = stderr(&check(
        &[&good],
        &["--cda-kit", folder.path().to_str().unwrap()],
        2,
    ));
    assert!(err.contains("--cda-kit"), "{err}");
    // The kind that is forced is the one that judges.
    let forced = one(&unknown, &["--kind", "userinfo"], 1);
    assert_eq!(forced["recognised_by"], "--kind");
    let warned = write(folder.path(), "message.json", r#"{"status":"done"}"#);
    check(&[&warned], &["--strict"], 0);
}

#[test]
fn bad_bytes_are_said_never_hung_on_and_never_passed() {
    let folder = scratch();
    let dir = folder.path();
    let good = text("cda/n1.xml");
    let utf16: Vec<u8> = format!("\u{feff}{good}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let latin1: Vec<u8> = good
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
        .collect();
    assert!(std::str::from_utf8(&latin1).is_err());
    let dtd = good.replacen(
        "<ClinicalDocument",
        "<!DOCTYPE ClinicalDocument [<!ENTITY a \"b\">]><ClinicalDocument",
        1,
    );
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE z [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]><ClinicalDocument xmlns=\"urn:hl7-org:v3\">&c;</ClinicalDocument>";
    let external =
        "<!DOCTYPE z SYSTEM \"file:///etc/passwd\"><ClinicalDocument xmlns=\"urn:hl7-org:v3\"/>";
    let deep = format!(
        "<ClinicalDocument xmlns=\"urn:hl7-org:v3\">{}",
        "<component>".repeat(400_000)
    );
    let cut = &good[..good.len() / 2];
    for (name, bytes) in [
        ("utf16.xml", utf16),
        ("latin1.xml", latin1),
        ("dtd.xml", dtd.into_bytes()),
        ("bomb.xml", bomb.as_bytes().to_vec()),
        ("external.xml", external.as_bytes().to_vec()),
        ("deep.xml", deep.into_bytes()),
        ("cut.xml", cut.as_bytes().to_vec()),
        ("twice.xml", format!("{good}<again/>").into_bytes()),
        (
            "xml11.xml",
            good.replacen("version=\"1.0\"", "version=\"1.1\"", 1)
                .into_bytes(),
        ),
    ] {
        let file = one(&write(dir, name, bytes), &[], 1);
        assert_eq!(file["kind"], "cda", "{name}");
        let findings = file["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 1, "{name}: {file:#}");
        assert!(
            findings[0]["observed"]
                .as_str()
                .is_some_and(|t| !t.is_empty()),
            "{name}"
        );
        assert!(!file.to_string().contains("root:x:0"), "{name}");
    }
    for (name, bytes, open) in [
        ("empty.xml", &b""[..], "unknown_kind"),
        ("blank.xml", b" \n", "unknown_kind"),
        ("binary.bin", b"\x7fELF\0\0\0", "unknown_kind"),
        ("photo.jpg", b"\xFF\xD8\xFF\xE0", "unknown_kind"),
    ] {
        let file = one(&write(dir, name, bytes), &[], 2);
        assert_eq!(file["open"], open, "{name}");
        assert!(
            file["reason"].as_str().unwrap().contains("natures connues"),
            "{name}"
        );
    }
    // A byte order mark is no reason to complain.
    one(&write(dir, "bom.xml", format!("\u{feff}{good}")), &[], 0);
    // Larger than what is read: refused by its size, without being read.
    let huge = dir.join("huge.xml");
    std::fs::File::create(&huge)
        .unwrap()
        .set_len(200 << 20)
        .unwrap();
    let file = one(&huge, &[], 2);
    assert_eq!(file["open"], "unreadable");
    assert!(
        file["reason"].as_str().unwrap().contains("200 Mio"),
        "{file:#}"
    );
    let device = one(Path::new("/dev/zero"), &[], 2);
    assert_eq!(device["open"], "unreadable");
}

#[test]
fn a_folder_of_everything_is_walked_in_order_without_following_links() {
    let folder = scratch();
    let dir = folder.path();
    write(dir, "b/bad.xml", broken_cda());
    std::fs::copy(sample("cda/n1.xml"), dir.join("a.xml")).unwrap();
    write(dir, "c/empty.xml", "");
    write(dir, ".hidden.xml", "x");
    std::os::unix::fs::symlink(dir, dir.join("b/loop")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", dir.join("link")).unwrap();
    let pipe = dir.join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let all = report(&[dir], &["--jobs", "3"], 1);
    let paths: Vec<&str> = all["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths.len(), 3, "{paths:?}");
    assert!(
        paths[0].ends_with("/a.xml")
            && paths[1].ends_with("b/bad.xml")
            && paths[2].ends_with("c/empty.xml")
    );
    assert_eq!(all["summary"]["not_followed"], 4);
    // One thread or many: the same report.
    let strip = |mut r: Value| {
        r["started_at"] = Value::Null;
        r
    };
    assert_eq!(strip(report(&[dir], &["--jobs", "1"], 1)), strip(all));
    let err = stderr(&check(&[scratch().path()], &[], 2));
    assert!(err.contains("aucun fichier"), "{err}");
}

#[test]
fn many_files_are_streamed() {
    let folder = scratch();
    let message = r#"{"status":"done","result":null}"#;
    for number in 0..2_000 {
        write(
            folder.path(),
            &format!("{:02}/{number:05}.json", number % 20),
            message,
        );
    }
    write(
        folder.path(),
        "19/zz.json",
        r#"{"status":"done","surprise":1}"#,
    );
    let out = stdout(&check(&[folder.path()], &["--quiet"], 1));
    assert!(
        out.contains("2001 fichiers : 2000 conforme, 1 non_conforme"),
        "{out}"
    );
    assert!(out.lines().count() < 20, "{out}");
}

#[test]
fn standard_input_is_a_file_like_another() {
    let mut child = diapason()
        .args(["check", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(broken_cda().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output).contains("-: non_conforme"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn rules_are_proved_by_their_samples() {
    let output = run(diapason().args(["rules", "test"]), 0);
    assert!(stdout(&output).is_empty(), "{}", stdout(&output));
    assert!(
        stderr(&output).contains("0 problèmes"),
        "{}",
        stderr(&output)
    );
    let err = stderr(&run(
        diapason().args(["rules", "test", "--pack", "insy"]),
        2,
    ));
    assert!(err.contains("did you mean insi?"), "{err}");
}

#[test]
fn a_rule_that_nothing_kills_is_listed() {
    let folder = scratch();
    let data = folder.path();
    for part in ["profiles", "scenarios"] {
        let copied = Command::new("cp")
            .arg("-r")
            .arg(root().join(part))
            .arg(data)
            .status()
            .unwrap();
        assert!(copied.success());
    }
    let pack = data.join("profiles/rules/psc-documents.yaml");
    let text = std::fs::read_to_string(&pack).unwrap();
    let dull = text.replacen("to: '\"sub\": \"\"'", "to: '\"sub\": \"autre\"'", 1);
    assert_ne!(text, dull);
    std::fs::write(&pack, dull).unwrap();
    let out = stdout(&run(
        diapason()
            .env("DIAPASON_DATA", data)
            .args(["rules", "test", "--pack", "psc-documents"]),
        1,
    ));
    assert!(
        out.contains(
            "PSC-U01: bad sample 1 (psc-documents/userinfo) does not kill it: it ran and held"
        ),
        "{out}"
    );
    assert_eq!(out.lines().count(), 1, "{out}");
}

#[test]
fn packs_are_listed_and_compared() {
    let list = stdout(&run(diapason().args(["packs", "list"]), 0));
    for pack in ["insi", "psc", "psc-documents", "cda-entete", "cda-corps"] {
        assert!(
            list.lines().any(|l| l.starts_with(&format!("{pack} "))),
            "{list}"
        );
    }
    let folder = scratch();
    let corpus = folder.path().join("corpus");
    write(&corpus, "bad.xml", broken_cda());
    std::fs::copy(sample("cda/n1.xml"), corpus.join("good.xml")).unwrap();
    write(&corpus, "other.txt", "hello");
    let diff =
        |a: &str, b: &str, code| run(diapason().args(["packs", "diff", a, b]).arg(&corpus), code);
    let same = diff("own", "own", 0);
    assert!(stdout(&same).is_empty(), "{}", stdout(&same));
    assert!(
        stderr(&same).contains("2 documents judged under both, 0 changed; 1 other"),
        "{}",
        stderr(&same)
    );
    // The same profiles without the rule the corpus breaks.
    let profiles = folder.path().join("profiles");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(root().join("profiles"))
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(copied.success());
    let broken = one(&corpus.join("bad.xml"), &[], 1);
    let rule = rules(&broken)[0].to_owned();
    let level = |text: &str| {
        let at = text.find(&format!("- id: {rule}\n")).unwrap();
        let from = at + text[at..].find("level: error").unwrap();
        format!(
            "{}level: info{}",
            &text[..from],
            &text[from + "level: error".len()..]
        )
    };
    let pack = profiles.join("rules/cda-entete.yaml");
    std::fs::write(&pack, level(&std::fs::read_to_string(&pack).unwrap())).unwrap();
    let changed = stdout(&diff("own", profiles.to_str().unwrap(), 1));
    assert!(
        changed.contains("bad.xml: non_conforme -> conforme"),
        "{changed}"
    );
    assert!(!changed.contains("good.xml"), "{changed}");
    let err = stderr(&diff("own", corpus.to_str().unwrap(), 2));
    assert!(err.contains("nor an official kit"), "{err}");
}

#[test]
fn explain_shows_the_assertion_of_a_rule() {
    let bad = stdout(&run(
        diapason()
            .args(["check"])
            .arg(write(scratch().path(), "x", ""))
            .arg("--format")
            .arg("json"),
        2,
    ));
    assert!(bad.contains("unknown_kind"));
    let list = stdout(&run(
        diapason().args(["list", "rules", "--json", "--filter", "CDA-H"]),
        0,
    ));
    let first: Value = serde_json::from_str(list.lines().next().unwrap()).unwrap();
    let out = stdout(&run(
        diapason().args(["explain", first["id"].as_str().unwrap()]),
        0,
    ));
    for wanted in ["context", "assert", "says", "bad sample", ".sch"] {
        assert!(out.contains(wanted), "{wanted}: {out}");
    }
    let out = stdout(&run(diapason().args(["explain", "PSC-U01"]), 0));
    assert!(
        out.contains("userinfo documents") && out.contains("schema"),
        "{out}"
    );
}

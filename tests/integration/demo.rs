//! The demo campaign: the reference DUI is conform, the reports are whole and hold no secret.

use std::path::Path;

use crate::support::{demo, json, run, scratch, stdout};

/// A sample of both families, of attacks and of outages.
const SOME: [&str; 5] = [
    "INS/va1.54.01",
    "INS/COM.PLUSIEURS-PUIS-LIEU",
    "INS/PAN.HTML-503",
    "PSC/01.01",
    "PSC/ATT.D-05",
];

#[test]
fn the_whole_campaign_is_conform_or_explained() {
    let folder = scratch();
    let report = folder.path().join("r");
    demo(&report, &[], &[], 0);
    let report = json(&report.join("report.json"));
    let scenarios = report["scenarios"].as_array().unwrap();
    assert!(scenarios.len() >= 60, "{}", scenarios.len());
    let mut conform = 0;
    for scenario in scenarios {
        let verdict = scenario["verdict"].as_str().unwrap();
        match verdict {
            "conforme" => {
                conform += 1;
                let checks = scenario["checks"].as_object().unwrap();
                assert!(!checks.is_empty(), "{} checked nothing", scenario["id"]);
            }
            "non_applicable" => {
                assert!(
                    scenario["reason"]
                        .as_str()
                        .unwrap()
                        .contains("fiche produit"),
                    "{scenario}"
                );
            }
            "non_concluant" => assert!(
                scenario["reason"]
                    .as_str()
                    .unwrap()
                    .contains("un opérateur est nécessaire"),
                "{}: {}",
                scenario["id"],
                scenario["reason"]
            ),
            other => panic!("{} is {other}: {}", scenario["id"], scenario["findings"]),
        }
        for finding in scenario["findings"].as_array().unwrap() {
            assert_ne!(finding["level"], "error", "{finding}");
        }
    }
    assert!(conform >= 60, "{conform}");
    assert!(report["orphans"].as_array().unwrap().is_empty());
}

#[test]
fn reports_are_written_parse_and_hold_no_secret() {
    let folder = scratch();
    let report = folder.path().join("r");
    let out = stdout(&demo(&report, &SOME, &[], 0));
    assert!(
        out.contains("report.html") && out.contains("junit.xml"),
        "{out}"
    );
    for name in [
        "junit.xml",
        "report.json",
        "report.html",
        "summary.md",
        "journal.ndjson",
    ] {
        assert!(report.join(name).exists(), "{name}");
    }
    assert!(report.join("blobs").is_dir());
    for name in [
        "junit.xml",
        "report.json",
        "report.html",
        "summary.md",
        "gl-code-quality.json",
    ] {
        let text = std::fs::read_to_string(report.join(name)).unwrap();
        for secret in ["secret-de-test-sans-valeur", "eyJhbGciOi"] {
            assert!(!text.contains(secret), "{secret} in {name}");
        }
    }
    junit_is_whole(&report.join("junit.xml"), SOME.len());
    let page = std::fs::read_to_string(report.join("report.html")).unwrap();
    assert!(page.contains("<html lang=\"fr\">") && page.contains("<svg"));
    for outside in ["src=\"http", "href=\"http", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    let schema =
        json(&Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/schemas/report.schema.json"));
    let validator = jsonschema::validator_for(&schema).unwrap();
    let value = json(&report.join("report.json"));
    let problems: Vec<String> = validator
        .iter_errors(&value)
        .map(|e| e.to_string())
        .collect();
    assert!(problems.is_empty(), "{problems:?}");
    let mut again = crate::support::diapason();
    run(again.args(["report", "--lang", "en"]).arg(&report), 0);
    let page = std::fs::read_to_string(report.join("report.html")).unwrap();
    assert!(page.contains("<html lang=\"en\">") && page.contains("Requirements"));
}

fn junit_is_whole(path: &Path, cases: usize) {
    let text = std::fs::read_to_string(path).unwrap();
    let document = roxmltree::Document::parse(&text).unwrap();
    let root = document.root_element();
    assert_eq!(root.tag_name().name(), "testsuites");
    let mut seen = 0;
    for suite in root.children().filter(roxmltree::Node::is_element) {
        assert_eq!(suite.tag_name().name(), "testsuite");
        let here: Vec<_> = suite
            .children()
            .filter(|n| n.has_tag_name("testcase"))
            .collect();
        assert_eq!(
            suite.attribute("tests"),
            Some(here.len().to_string().as_str())
        );
        assert!(suite.attribute("name").unwrap().starts_with("diapason."));
        assert!(here.iter().all(|c| c.attribute("classname").is_some()));
        seen += here.len();
    }
    assert_eq!(seen, cases);
}

#[test]
fn a_mutant_fails_the_demo_and_the_finding_says_what_to_try() {
    let folder = scratch();
    let report = folder.path().join("r");
    let out = demo(
        &report,
        &["PSC/ATT.D-05"],
        &["--mutant", "accept-wrong-aud"],
        1,
    );
    assert!(stdout(&out).contains("PSC-D05"), "{}", stdout(&out));
    let value = json(&report.join("report.json"));
    let finding = &value["scenarios"][0]["findings"][0];
    assert!(
        finding["hint"]["fr"]
            .as_str()
            .is_some_and(|h| !h.is_empty()),
        "{finding}"
    );
    let junit = std::fs::read_to_string(report.join("junit.xml")).unwrap();
    assert!(junit.contains("<failure"), "{junit}");
}

#[test]
fn two_mutants_are_killed_by_the_rules_they_name() {
    let folder = scratch();
    let mut command = crate::support::diapason();
    command
        .args([
            "mutants",
            "--filter",
            "accept-wrong-aud",
            "--filter",
            "reuse-message-id",
            "--report",
        ])
        .arg(folder.path())
        .arg("--state")
        .arg(crate::support::pki());
    run(&mut command, 0);
    let table = json(&folder.path().join("kill-table.json"));
    let rows = table["rows"].as_array().unwrap();
    assert!(rows.len() >= 2);
    assert!(rows.iter().all(|r| r["outcome"] == "killed"), "{rows:?}");
}

#[test]
fn findings_are_annotations_on_github() {
    let folder = scratch();
    let output = run(
        crate::support::diapason()
            .env("GITHUB_ACTIONS", "true")
            .args([
                "demo",
                "--quiet",
                "--scenario",
                "PSC/ATT.D-05",
                "--mutant",
                "accept-wrong-aud",
            ])
            .arg("--state")
            .arg(crate::support::pki())
            .arg("--report")
            .arg(folder.path().join("r")),
        1,
    );
    let out = stdout(&output);
    assert!(
        out.lines()
            .any(|l| l.starts_with("::error title=") && l.contains("PSC-D05")),
        "{out}"
    );
}

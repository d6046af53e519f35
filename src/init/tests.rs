//! The scaffold parses with our own loader, and its adapters really answer the contract.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use diapason_core::driver::{ActionRequest, ActionStatus};
use diapason_core::event::DriverProblem;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::*;
use crate::driver::AnyDriver;
use crate::scenario_file::{Config, DriverKind, config_from_str, product_from_str, read_text};

#[test]
fn the_files_are_written_once_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("nouveau/dui");
    let written = scaffold(&target).unwrap();
    assert_eq!(written.len(), FILES.len());
    assert!(written.iter().all(|path| path.is_file()));

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("diapason.toml"), "à moi").unwrap();
    let error = scaffold(folder.path()).unwrap_err().to_string();
    assert!(error.starts_with("diapason.toml already exists"), "{error}");
    assert_eq!(
        std::fs::read_to_string(folder.path().join("diapason.toml")).unwrap(),
        "à moi"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    let file = folder.path().join("diapason.toml");
    assert!(matches!(scaffold(&file), Err(InitError::Write { .. })));
}

#[test]
fn the_files_are_read_by_our_own_loader() {
    let folder = tempfile::tempdir().unwrap();
    scaffold(folder.path()).unwrap();
    let read = |name: &str| read_text(&folder.path().join(name)).unwrap();
    product_from_str("fiche-produit.toml", &read("fiche-produit.toml"))
        .unwrap_or_else(|e| panic!("{e}"));
    let config: Config =
        config_from_str("diapason.toml", &read("diapason.toml")).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(config.driver.kind, DriverKind::Http);
    // What the file says is what the program does when it says nothing.
    assert_eq!(config.timeouts, crate::scenario_file::Timeouts::default());
    assert_eq!(config.mocks, crate::scenario_file::MocksConfig::default());
    assert!(folder.path().join(&config.fiche).is_file());
    // The commented lines are right too, once the comment is removed.
    let uncommented = read("diapason.toml")
        .replace("# seed =", "seed =")
        .replace("# [[baseline]]", "[[baseline]]")
        .replace("# rule =", "rule =")
        .replace("# scenario =", "scenario =")
        .replace("# reason =", "reason =");
    let config = config_from_str("diapason.toml", &uncommented).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(config.baseline.len(), 1);
    let command = read("diapason.toml")
        .replace("\nkind = \"http\"\nurl = ", "\n# url = ")
        .replace("# kind = \"command\"", "kind = \"command\"")
        .replace("# command =", "command =")
        .replace("# directory =", "directory =")
        .replace("# env =", "env =");
    let config = config_from_str("diapason.toml", &command).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(config.driver.kind, DriverKind::Command);
}

/// Starts an adapter and waits for the line that gives its address.
async fn start(command: &mut Command) -> (Child, AnyDriver) {
    let mut child = command
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(Duration::from_secs(20), lines.next_line())
        .await
        .expect("the adapter says nothing")
        .unwrap()
        .unwrap();
    let url = line
        .strip_prefix("adaptateur prêt : ")
        .unwrap_or_else(|| panic!("{line}"));
    (child, AnyDriver::http(url, false).unwrap())
}

fn request(action: &str, params: Value) -> ActionRequest {
    ActionRequest {
        action: action.to_owned(),
        params,
        scenario: "INS/essai.01".to_owned(),
        step: 1,
        deadline_ms: 5_000,
    }
}

/// What every stub adapter must do, seen through the `http` driver, which checks every shape.
async fn drive(driver: &AnyDriver) {
    let capabilities = driver.capabilities().await.unwrap();
    assert!(capabilities.actions.contains(&"usager.create".to_owned()));
    assert!(!capabilities.actions.contains(&"ins.search".to_owned()));
    driver.reset().await.unwrap();
    let create = json!({"nom_naissance": "ÉPREUVE", "prenoms": ["ZOÉ", "ANNE"], "sexe": "F", "date_naissance": "1990-01-01"});
    let got = driver.act(&request("usager.create", create)).await.unwrap();
    assert_eq!(got.status, ActionStatus::Done);
    assert_eq!(got.result["usager"]["premier_prenom"], "ZOÉ");
    let id = got.result["usager"]["id"].as_str().unwrap().to_owned();

    let got = driver
        .act(&request("usager.create", json!({"sexe": "F"})))
        .await
        .unwrap();
    assert_eq!(got.status, ActionStatus::Refused);
    assert_eq!(
        got.message.as_deref(),
        Some("Le nom de naissance est obligatoire.")
    );

    let change = json!({"usager": id, "changements": {"sexe": "M", "statut": "qualifiee"}});
    let got = driver.act(&request("usager.update", change)).await.unwrap();
    assert_eq!(got.result["usager"]["sexe"], "M");
    assert_eq!(got.result["usager"]["statut"], "provisoire");
    let got = driver
        .act(&request("usager.afficher", json!({"usager": id})))
        .await
        .unwrap();
    assert_eq!(got.status, ActionStatus::Done);
    for (nom, count) in [("épr", 1), ("AUTRE", 0)] {
        let got = driver
            .act(&request("usager.search", json!({"nom": nom})))
            .await
            .unwrap();
        assert_eq!(
            got.result["usagers"].as_array().unwrap().len(),
            count,
            "{nom}"
        );
    }
    let got = driver
        .act(&request("ins.search", json!({"usager": id})))
        .await
        .unwrap();
    assert_eq!(got.status, ActionStatus::Unsupported);

    let query = BTreeMap::from([("id".to_owned(), json!(id))]);
    assert_eq!(driver.observe("usager", &query).await.unwrap()["sexe"], "M");
    let query = BTreeMap::from([("id".to_owned(), json!("999"))]);
    let problem = driver.observe("usager", &query).await.unwrap_err();
    assert!(
        matches!(problem, DriverProblem::Cannot { .. }),
        "{problem:?}"
    );
    let none = BTreeMap::new();
    let traces = driver.observe("traces", &none).await.unwrap();
    assert_eq!(traces.as_array().unwrap().len(), 3, "{traces}");
    let problem = driver.observe("liste_travail", &none).await.unwrap_err();
    assert!(
        matches!(problem, DriverProblem::Cannot { .. }),
        "{problem:?}"
    );

    driver.reset().await.unwrap();
    assert_eq!(
        driver.observe("usagers", &none).await.unwrap(),
        json!({"usagers": []})
    );
}

#[tokio::test]
async fn the_python_adapter_answers_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    scaffold(folder.path()).unwrap();
    let script = folder.path().join("adaptateur-python/adaptateur.py");
    let (_child, driver) = start(Command::new("python3").arg(script).args(["--port", "0"])).await;
    drive(&driver).await;
}

/// Compiled with the TypeScript compiler that `DIAPASON_TSC` names (its `node_modules` must hold
/// `@types/node`). Without it the test asserts only what needs no compiler.
#[tokio::test]
async fn the_typescript_adapter_answers_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    scaffold(folder.path()).unwrap();
    let project = folder.path().join("adaptateur-typescript");
    let source = std::fs::read_to_string(project.join("adaptateur.ts")).unwrap();
    for import in source.lines().filter(|l| l.starts_with("import ")) {
        assert!(import.contains("\"node:"), "only node: modules: {import}");
    }
    let package: Value =
        serde_json::from_str(&std::fs::read_to_string(project.join("package.json")).unwrap())
            .unwrap();
    assert!(package.get("dependencies").is_none());
    let Some(tsc) = std::env::var_os("DIAPASON_TSC").map(PathBuf::from) else {
        return;
    };
    let modules = tsc.parent().and_then(Path::parent).unwrap();
    let types = modules.join("@types");
    let compiled = Command::new(&tsc)
        .arg("--project")
        .arg(&project)
        .arg("--typeRoots")
        .arg(types)
        .output()
        .await
        .unwrap();
    assert!(
        compiled.status.success(),
        "{}",
        String::from_utf8_lossy(&compiled.stdout)
    );
    let script = project.join("dist/adaptateur.js");
    let (_child, driver) = start(Command::new("node").arg(script).arg("0")).await;
    drive(&driver).await;
}

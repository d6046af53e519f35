//! What the types cannot say of rule packs, requirement files and product statements.

use std::collections::BTreeMap;

use diapason_core::product::ProductStatement;
use diapason_core::requirement::RequirementFile;
use diapason_core::rule::{Check, Rule, RulePack};

use super::error::FileError;
use super::schema_check::check_fragment;
use super::tree::{Node, Seg};

/// Checks a rule pack.
pub(crate) fn check_rules(pack: &RulePack, root: &Node) -> Vec<FileError> {
    let mut errors = Vec::new();
    let mut seen = BTreeMap::new();
    for (i, rule) in pack.rules.iter().enumerate() {
        let node = root.at_path(&[Seg::Key("rules"), Seg::Index(i)]);
        let id = node.get("id").unwrap_or(node);
        if let Some(line) = seen.insert(rule.id.clone(), id.at.line) {
            let mut error = id.at.error(format!("`{}` is already taken", rule.id));
            error.expected = Some(format!("an id of its own; see line {line}"));
            errors.push(error);
        }
        if rule.level > rule.confidence.ceiling() && rule.breach.is_none() {
            let level = node.get("level").unwrap_or(node);
            let mut error = level.at.error(format!(
                "the level is above what a source this sure allows ({:?})",
                rule.confidence.ceiling()
            ));
            error.hint = Some("lower the level, or say why under `breach`".to_owned());
            errors.push(error);
        }
        let check = node.get("check").unwrap_or(node);
        match &rule.check {
            Check::Schema { on, .. } => {
                if let Some(facts) = check.at_path(&[Seg::Key("schema")]).get("facts") {
                    check_fragment(facts, &mut errors);
                }
                if on.when.is_some() {
                    let when = [Seg::Key("schema"), Seg::Key("on"), Seg::Key("when")];
                    check_fragment(check.at_path(&when), &mut errors);
                }
                must_fail(rule, id, &mut errors);
            }
            Check::Json { .. } => {
                if let Some(schema) = check.at_path(&[Seg::Key("json")]).get("schema") {
                    check_fragment(schema, &mut errors);
                }
                must_fail(rule, id, &mut errors);
            }
            Check::Schematron { .. } | Check::Document { .. } => must_fail(rule, id, &mut errors),
            Check::Rust { .. } => {}
            Check::Scenario {} => {
                if !rule.bad.is_empty() || !rule.good.is_empty() {
                    errors.push(id.at.error("a scenario rule judges no sample"));
                }
            }
        }
        for (j, sample) in rule.bad.iter().enumerate() {
            if sample.replace.is_empty() {
                let at = node.at_path(&[Seg::Key("bad"), Seg::Index(j)]);
                errors.push(
                    at.at
                        .error("a bad sample that replaces nothing is its base"),
                );
            }
        }
    }
    errors
}

/// A rule that no sample breaks may be one that cannot break.
fn must_fail(rule: &Rule, id: &Node, errors: &mut Vec<FileError>) {
    if rule.bad.is_empty() {
        let mut error = id.at.error("nothing shows that this rule can fail");
        error.hint = Some("add a sample under `bad`".to_owned());
        errors.push(error);
    }
}

/// Checks a requirement file.
pub(crate) fn check_requirements(file: &RequirementFile, root: &Node) -> Vec<FileError> {
    let mut errors = Vec::new();
    let mut seen = BTreeMap::new();
    for (i, requirement) in file.requirements.iter().enumerate() {
        let node = root.at_path(&[Seg::Key("requirements"), Seg::Index(i)]);
        let id = node.get("id").unwrap_or(node);
        // The same id is used again with another meaning in another référentiel.
        let key = (
            requirement.id.clone(),
            requirement.rem.name.clone(),
            requirement.rem.version.clone(),
        );
        if let Some(line) = seen.insert(key, id.at.line) {
            let mut error = id.at.error(format!(
                "`{}` is already taken in {} {}",
                requirement.id, requirement.rem.name, requirement.rem.version
            ));
            error.expected = Some(format!("an id of its own; see line {line}"));
            errors.push(error);
        }
    }
    errors
}

/// Checks a product statement.
pub(crate) fn check_product(product: &ProductStatement, root: &Node) -> Vec<FileError> {
    let mut errors = Vec::new();
    for key in ["nom", "editeur", "version"] {
        let node = root.at_path(&[Seg::Key("produit"), Seg::Key(key)]);
        if node
            .to_value()
            .as_str()
            .is_some_and(|t| t.trim().is_empty())
        {
            errors.push(node.at.error(format!("`{key}` is empty")));
        }
    }
    if let Some(idam) = &product.insi.idam
        && !(idam.len() == 12 && idam.chars().all(|c| c.is_ascii_alphanumeric()))
    {
        let node = root.at_path(&[Seg::Key("insi"), Seg::Key("idam")]);
        let mut error = node
            .at
            .error(format!("{idam:?} is not a CNDA authorisation number"));
        error.expected = Some("12 letters and digits".to_owned());
        errors.push(error);
    }
    for (key, uris) in [
        ("redirect_uris", &product.psc.redirect_uris),
        (
            "post_logout_redirect_uris",
            &product.psc.post_logout_redirect_uris,
        ),
    ] {
        for (i, uri) in uris.iter().enumerate() {
            if url::Url::parse(uri).is_err() {
                let node = root.at_path(&[Seg::Key("psc"), Seg::Key(key), Seg::Index(i)]);
                errors.push(node.at.error(format!("{uri:?} is not an absolute address")));
            }
        }
    }
    if product.profil.psc_seul && !product.profil.psc {
        let node = root.at_path(&[Seg::Key("profil"), Seg::Key("psc_seul")]);
        let mut error = node
            .at
            .error("PSC cannot be the only means of login of a product without PSC");
        error.hint = Some("set `psc = true`".to_owned());
        errors.push(error);
    }
    errors
}

//! Names that lead to other files: rules, requirements, faults, personas. Checked once all are known.

use std::collections::{BTreeMap, BTreeSet};

use diapason_core::rule::RulePack;
use diapason_core::scenario::{Arm, Scenario};

use super::error::{FileError, FileErrors, did_you_mean, one_of};
use super::substitute::placeholders;
use super::tree::{Data, Node, Seg};
use super::{Loaded, LoadedScenario};

/// What exists. An empty set means "not known here" and is not checked.
#[derive(Debug, Clone, Default)]
pub struct References {
    /// Rule ids.
    pub rules: BTreeSet<String>,
    /// Requirement ids, aliases included.
    pub requirements: BTreeSet<String>,
    /// Fault ids of the mocks.
    pub faults: BTreeSet<String>,
    /// Persona ids of the mocks.
    pub personas: BTreeSet<String>,
}

impl References {
    /// Checks the names used by scenarios.
    pub fn check_scenarios(&self, scenarios: &[LoadedScenario]) -> Result<(), FileErrors> {
        let mut errors = Vec::new();
        for scenario in scenarios {
            self.scenario(&scenario.value, &scenario.root, &mut errors);
        }
        FileErrors::unless_empty(errors)
    }

    /// Checks the names used by a rule pack.
    pub fn check_rule_pack(&self, pack: &Loaded<RulePack>) -> Result<(), FileErrors> {
        let mut errors = Vec::new();
        for i in 0..pack.value.rules.len() {
            let node = pack.root.at_path(&[Seg::Key("rules"), Seg::Index(i)]);
            self.list(
                node,
                "requirements",
                "requirement",
                &self.requirements,
                &mut errors,
            );
        }
        FileErrors::unless_empty(errors)
    }

    /// Checks the parameters given to faults; `known` gives those of each fault.
    pub fn check_fault_parameters(
        scenarios: &[LoadedScenario],
        known: &BTreeMap<String, BTreeSet<String>>,
    ) -> Result<(), FileErrors> {
        let mut errors = Vec::new();
        for scenario in scenarios {
            for (i, step) in scenario.value.steps.iter().enumerate() {
                for (j, arm) in step.arm.iter().enumerate() {
                    let Arm::Fault(fault) = arm else { continue };
                    let Some(known) = known.get(fault.id.as_str()) else {
                        continue;
                    };
                    let path = [
                        Seg::Key("steps"),
                        Seg::Index(i),
                        Seg::Key("arm"),
                        Seg::Index(j),
                        Seg::Key("fault"),
                        Seg::Key("with"),
                    ];
                    let with = scenario.root.at_path(&path);
                    for name in fault.with.keys().filter(|name| !known.contains(*name)) {
                        let at = with.entry(name).map_or(&with.at, |e| &e.key_at);
                        let mut error =
                            at.error(format!("`{}` has no parameter `{name}`", fault.id));
                        error.expected = Some(if known.is_empty() {
                            "no parameter".to_owned()
                        } else {
                            format!("one of {}", one_of(known.iter().map(String::as_str)))
                        });
                        error.hint = did_you_mean(name, known.iter().map(String::as_str));
                        errors.push(error);
                    }
                }
            }
        }
        FileErrors::unless_empty(errors)
    }

    fn scenario(&self, scenario: &Scenario, root: &Node, errors: &mut Vec<FileError>) {
        self.list(
            root,
            "requirements",
            "requirement",
            &self.requirements,
            errors,
        );
        self.list(root, "checks", "rule", &self.rules, errors);
        for (i, step) in scenario.steps.iter().enumerate() {
            let node = root.at_path(&[Seg::Key("steps"), Seg::Index(i)]);
            self.list(
                node,
                "requirements",
                "requirement",
                &self.requirements,
                errors,
            );
            for (j, expect) in step.expect.iter().enumerate() {
                let at = node.at_path(&[Seg::Key("expect"), Seg::Index(j), Seg::Key("rule")]);
                self.name(expect.rule.as_str(), "rule", at, &self.rules, errors);
            }
            for (j, arm) in step.arm.iter().enumerate() {
                let at = node.at_path(&[Seg::Key("arm"), Seg::Index(j)]);
                self.arm(arm, at, errors);
            }
            self.personas(node, errors);
        }
    }

    fn arm(&self, arm: &Arm, node: &Node, errors: &mut Vec<FileError>) {
        match arm {
            Arm::Fault(fault) => {
                let at = node.at_path(&[Seg::Key("fault"), Seg::Key("id")]);
                self.name(fault.id.as_str(), "fault", at, &self.faults, errors);
                if let Some(persona) = &fault.persona {
                    let at = node.at_path(&[Seg::Key("fault"), Seg::Key("persona")]);
                    self.name(persona.as_str(), "persona", at, &self.personas, errors);
                }
            }
            Arm::PscUser(user) => {
                let at = node.at_path(&[Seg::Key("psc_user"), Seg::Key("persona")]);
                self.name(user.persona.as_str(), "persona", at, &self.personas, errors);
            }
            Arm::Persona(persona) => {
                let at = node.at_path(&[Seg::Key("persona"), Seg::Key("id")]);
                self.name(persona.id.as_str(), "persona", at, &self.personas, errors);
            }
            Arm::Dmp(dmp) => {
                let at = node.at_path(&[Seg::Key("dmp"), Seg::Key("persona")]);
                self.name(dmp.persona.as_str(), "persona", at, &self.personas, errors);
            }
            Arm::DmpDocument(document) => {
                let at = node.at_path(&[Seg::Key("dmp_document"), Seg::Key("persona")]);
                self.name(
                    document.persona.as_str(),
                    "persona",
                    at,
                    &self.personas,
                    errors,
                );
            }
            _ => {}
        }
    }

    /// `${persona.<id>...}`
    fn personas(&self, node: &Node, errors: &mut Vec<FileError>) {
        match &node.data {
            Data::Text(text) => {
                for path in placeholders(text) {
                    let mut segments = path.split('.');
                    // A name that another placeholder completes is known only when it is played.
                    if segments.next() == Some("persona") && !path.contains("${") {
                        let id = segments.next().unwrap_or_default();
                        self.name(id, "persona", node, &self.personas, errors);
                    }
                }
            }
            Data::List(items) => items.iter().for_each(|n| self.personas(n, errors)),
            Data::Map(entries) => entries.iter().for_each(|e| self.personas(&e.value, errors)),
            _ => {}
        }
    }

    fn list(
        &self,
        node: &Node,
        key: &str,
        kind: &str,
        known: &BTreeSet<String>,
        errors: &mut Vec<FileError>,
    ) {
        if let Some(Data::List(items)) = node.get(key).map(|n| &n.data) {
            for item in items {
                if let Data::Text(id) = &item.data {
                    self.name(id, kind, item, known, errors);
                }
            }
        }
    }

    #[expect(
        clippy::unused_self,
        reason = "read as a family with the methods above"
    )]
    fn name(
        &self,
        id: &str,
        kind: &str,
        node: &Node,
        known: &BTreeSet<String>,
        errors: &mut Vec<FileError>,
    ) {
        if known.is_empty() || known.contains(id) {
            return;
        }
        let mut error = node.at.error(format!("no {kind} is called `{id}`"));
        error.hint = did_you_mean(id, known.iter().map(String::as_str))
            .or_else(|| Some(format!("`diapason list` shows every {kind}")));
        errors.push(error);
    }
}

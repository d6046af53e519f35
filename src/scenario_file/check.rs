//! What the types cannot say of a scenario: known actions and operations, one alternative per
//! expectation, schemas that compile, placeholders that can be resolved.

use std::collections::BTreeSet;

use diapason_core::driver::{ACTIONS, OBSERVATIONS};
use diapason_core::scenario::{
    Arm, DmpArm, DmpDocumentArm, DocumentExpect, Expect, Scenario, Step,
};
use diapason_core::{DocumentKind, Service};

use super::error::{FileError, did_you_mean, one_of};
use super::schema_check::{check_fragment, check_objects, check_params};
use super::substitute::placeholders;
use super::tree::{At, Data, Node, Seg};

/// First names that the runner provides beside parameters and bindings.
pub const RUNNER_NAMES: &[&str] = &["exchange", "persona"];

/// Operations by service, as the mocks name them. A misspelt operation would make a silence hold
/// for ever.
pub const OPERATIONS: &[(Service, &[&str])] = &[
    (
        Service::Insi,
        &[
            "rechercherInsAvecTraitsIdentite",
            "rechercherInsAvecCarteVitale",
            "verifierInsAvecTraitsIdentite",
            "unknown",
        ],
    ),
    (
        Service::Psc,
        &[
            "discovery",
            "jwks",
            "authorize",
            "decision",
            "token_code",
            "token_refresh",
            "token_ciba",
            "token_other",
            "userinfo",
            "introspect",
            "logout",
            "revoke",
            "ciba",
            "unknown",
        ],
    ),
    (
        Service::Dmp,
        &[
            "td0.2", "td0.3", "td0.4", "td0.5", "td0.9", "td1.1", "td1.2", "td1.3a", "td1.3b",
            "td1.4", "td1.5", "td1.6", "td2.1", "td3.1a", "td3.1b", "td3.2", "td3.3ab", "td3.3c",
            "td3.3d", "unknown",
        ],
    ),
    (Service::Pki, &["crl", "unknown"]),
];

fn operations(service: Service) -> &'static [&'static str] {
    OPERATIONS
        .iter()
        .find(|(s, _)| *s == service)
        .map_or(&[], |(_, names)| names)
}

/// Checks an expanded scenario.
pub(crate) fn check_scenario(scenario: &Scenario, root: &Node) -> Vec<FileError> {
    let mut errors = Vec::new();
    if scenario.steps.is_empty() {
        errors.push(place(root, "steps").error("a scenario has at least one step"));
    }
    let proves = !scenario.checks.is_empty() || scenario.steps.iter().any(|s| !s.expect.is_empty());
    if !proves {
        let mut error = place(root, "steps").error("this scenario proves nothing");
        error.expected = Some("an `expect` in a step, or rules under `checks`".to_owned());
        errors.push(error);
    }
    let mut names: BTreeSet<String> = RUNNER_NAMES.iter().map(|n| (*n).to_owned()).collect();
    for name in scenario.parameters.keys() {
        if RUNNER_NAMES.contains(&name.as_str()) {
            let at = root
                .get("parameters")
                .and_then(|p| p.entry(name))
                .map_or(&root.at, |e| &e.key_at);
            errors.push(at.error(format!(
                "`{name}` is a name of the bench, not of a parameter"
            )));
        }
        names.insert(name.clone());
    }
    for (i, step) in scenario.steps.iter().enumerate() {
        let node = root.at_path(&[Seg::Key("steps"), Seg::Index(i)]);
        check_step(step, node, &mut names, &mut errors);
    }
    errors
}

fn place<'n>(node: &'n Node, key: &str) -> &'n At {
    node.entry(key).map_or(&node.at, |e| &e.key_at)
}

fn check_step(step: &Step, node: &Node, names: &mut BTreeSet<String>, errors: &mut Vec<FileError>) {
    if !step.with.is_empty() {
        let mut error = place(node, "with").error("`with` beside no `include`");
        error.hint = Some("parameters of an action go under `do`".to_owned());
        errors.push(error);
    }
    if step.text.is_none() && step.action.is_none() && step.arm.is_empty() && step.expect.is_empty()
    {
        errors.push(node.at.error("an empty step"));
    }
    for (i, arm) in step.arm.iter().enumerate() {
        let at = node.at_path(&[Seg::Key("arm"), Seg::Index(i)]);
        check_arm(arm, at, errors);
    }
    // What stands before the action's answer must not speak of it.
    for key in ["text", "arm", "do"] {
        if let Some(part) = node.get(key) {
            check_placeholders(part, names, errors);
        }
    }
    if let Some(action) = &step.action {
        let do_node = node.get("do").unwrap_or(node);
        check_action(action, do_node, names, errors);
    }
    for (i, expect) in step.expect.iter().enumerate() {
        let at = node.at_path(&[Seg::Key("expect"), Seg::Index(i)]);
        check_expect(expect, step, at, errors);
    }
    if let Some(part) = node.get("expect") {
        check_placeholders(part, names, errors);
    }
}

fn check_action(
    action: &diapason_core::scenario::Do,
    node: &Node,
    names: &mut BTreeSet<String>,
    errors: &mut Vec<FileError>,
) {
    let name_node = node.get("action").unwrap_or(node);
    let known = || ACTIONS.iter().map(|(name, _)| *name);
    if known().any(|name| name == action.action) {
        check_params(&action.action, node.get("with"), name_node, errors);
    } else {
        let mut error = name_node
            .at
            .error(format!("unknown action `{}`", action.action));
        error.expected = Some(format!("one of {}", one_of(known())));
        error.hint = did_you_mean(&action.action, known());
        errors.push(error);
    }
    if let Some(bind) = &action.bind {
        let at = &node.get("as").unwrap_or(node).at;
        let shaped = bind.starts_with(|c: char| c.is_ascii_lowercase())
            && bind
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !shaped {
            let mut error = at.error(format!("`{bind}` is not a name"));
            error.expected = Some("lower-case letters, digits and _, such as `u`".to_owned());
            errors.push(error);
        } else if RUNNER_NAMES.contains(&bind.as_str()) {
            errors.push(at.error(format!("`{bind}` is a name of the bench")));
        }
        names.insert(bind.clone());
    }
    if action.deadline_ms == Some(0) {
        errors.push(place(node, "deadline_ms").error("a deadline of 0 ms cannot be met"));
    }
}

fn check_arm(arm: &Arm, node: &Node, errors: &mut Vec<FileError>) {
    match arm {
        Arm::Verification(answer) if answer != "ok" && answer != "ko" => {
            let mut error = node
                .get("verification")
                .unwrap_or(node)
                .at
                .error(format!("unknown answer `{answer}`"));
            error.expected = Some("`ok` or `ko`".to_owned());
            errors.push(error);
        }
        Arm::PscUser(user) => {
            if let Some(channel) = &user.channel
                && channel != "CARD"
                && channel != "MOBILE"
            {
                let mut error = node
                    .at_path(&[Seg::Key("psc_user"), Seg::Key("channel")])
                    .at
                    .error(format!("unknown channel `{channel}`"));
                error.expected = Some("`CARD` or `MOBILE`".to_owned());
                errors.push(error);
            }
        }
        Arm::Fault(fault) if fault.from_call == Some(0) => {
            errors.push(node.at.error("calls are counted from 1"));
        }
        Arm::Fault(fault) if fault.times == Some(0) => {
            errors.push(node.at.error("a fault played 0 times is not played"));
        }
        Arm::Persona(persona) if !persona.patch.is_object() => {
            let patch = node.at_path(&[Seg::Key("persona"), Seg::Key("patch")]);
            let mut error = patch.at.error("wrong type");
            error.expected = Some(format!("a mapping, got {}", patch.kind()));
            errors.push(error);
        }
        Arm::Dmp(dmp) => check_dmp(dmp, node, errors),
        Arm::DmpDocument(document) => check_dmp_document(document, node, errors),
        Arm::RotateKeys(false) | Arm::EndSso(false) | Arm::Clear(false) => {
            let mut error = node.at.error("`false` does nothing");
            error.expected = Some("`true`, or remove the line".to_owned());
            errors.push(error);
        }
        _ => {}
    }
}

/// Forms of a document that the DMP mock can write.
const FORMS: &[&str] = &["pdf", "n3", "auto_presentable", "auto_presentable_hostile"];
/// Visibility codes of the DMP, beside N.
const VISIBILITY: &[&str] = &[
    "MASQUE_PS",
    "INVISIBLE_PATIENT",
    "INVISIBLE_REPRESENTANTS_LEGAUX",
];

/// A DMP that is overridden in nothing.
fn check_dmp(dmp: &DmpArm, node: &Node, errors: &mut Vec<FileError>) {
    let says_something = dmp.statut.is_some()
        || dmp.autorisation.is_some()
        || dmp.rattache_mes.is_some()
        || dmp.medecin_traitant.is_some()
        || dmp.traits.is_some()
        || dmp.vide;
    if !says_something {
        let mut error = place(node, "dmp").error("this setting changes nothing");
        error.expected = Some(
            "one of `statut`, `autorisation`, `rattache_mes`, `medecin_traitant`, `traits`, `vide`"
                .to_owned(),
        );
        errors.push(error);
    }
    if dmp
        .traits
        .as_ref()
        .is_some_and(|traits| !traits.is_object())
    {
        let traits = node.at_path(&[Seg::Key("dmp"), Seg::Key("traits")]);
        let mut error = traits.at.error("wrong type");
        error.expected = Some(format!("a mapping, got {}", traits.kind()));
        errors.push(error);
    }
}

/// A word of a list, or what it may have meant.
fn check_word(word: &str, what: &str, known: &[&str], node: &Node, errors: &mut Vec<FileError>) {
    if known.contains(&word) {
        return;
    }
    let mut error = node.at.error(format!("unknown {what} `{word}`"));
    error.expected = Some(format!("one of {}", one_of(known.iter().copied())));
    error.hint = did_you_mean(word, known.iter().copied());
    errors.push(error);
}

fn check_dmp_document(document: &DmpDocumentArm, node: &Node, errors: &mut Vec<FileError>) {
    let at = |keys: &[Seg<'_>]| {
        let mut path = vec![Seg::Key("dmp_document")];
        path.extend_from_slice(keys);
        node.at_path(&path)
    };
    if document.nombre == Some(0) {
        errors.push(at(&[Seg::Key("nombre")]).at.error("0 documents are none"));
    }
    if let Some(form) = &document.forme {
        check_word(form, "form", FORMS, at(&[Seg::Key("forme")]), errors);
    }
    for (i, code) in document.confidentialite.iter().enumerate() {
        let place = at(&[Seg::Key("confidentialite"), Seg::Index(i)]);
        check_word(code, "visibility code", VISIBILITY, place, errors);
    }
}

const ALTERNATIVES: &[&str] = &[
    "call",
    "silence",
    "answer",
    "observe",
    "handshake_refused",
    "document",
    "attest",
];

fn check_expect(expect: &Expect, step: &Step, node: &Node, errors: &mut Vec<FileError>) {
    if expect.what().is_none() {
        let given: Vec<&str> = ALTERNATIVES
            .iter()
            .copied()
            .filter(|key| node.get(key).is_some())
            .collect();
        let (at, message) = match given.as_slice() {
            [] => (&node.at, "an expectation of nothing".to_owned()),
            [.., last] => (
                place(node, last),
                format!("an expectation of {} things", given.len()),
            ),
        };
        let mut error = at.error(message);
        error.expected = Some(format!(
            "exactly one of {}",
            one_of(ALTERNATIVES.iter().copied())
        ));
        if given.len() > 1 {
            error.hint = Some("write one entry of `expect` for each".to_owned());
        }
        errors.push(error);
    }
    if let (Some(call), Some(node)) = (&expect.call, node.get("call")) {
        check_operation(call.service, call.operation.as_deref(), node, errors);
        fragment(node, "facts", errors);
        if let (Some(min), Some(max)) = (call.count.min, call.count.max)
            && min > max
        {
            errors.push(place(node, "count").error(format!("min {min} is more than max {max}")));
        }
        if call.count.max == Some(0) {
            let mut error = place(node, "count").error("at most 0 calls is a silence");
            error.hint = Some("use `silence`".to_owned());
            errors.push(error);
        }
        if call.count.min == Some(0) && call.count.max.is_none() {
            errors.push(place(node, "count").error("at least 0 calls always holds"));
        }
    }
    if let (Some(silence), Some(node)) = (&expect.silence, node.get("silence")) {
        check_operation(silence.service, silence.operation.as_deref(), node, errors);
        fragment(node, "facts", errors);
    }
    if let (Some(_), Some(node)) = (&expect.answer, node.get("answer")) {
        fragment(node, "schema", errors);
        if let Some(schema) = node.get("schema") {
            check_objects(schema, errors);
        }
        check_answered(step, node, errors);
    }
    if let (Some(document), Some(node)) = (&expect.document, node.get("document")) {
        check_document(document, step, node, errors);
    }
    if let (Some(observe), Some(node)) = (&expect.observe, node.get("observe")) {
        let known = || OBSERVATIONS.iter().map(|(name, _)| *name);
        if !known().any(|name| name == observe.what) {
            let mut error = node
                .get("what")
                .unwrap_or(node)
                .at
                .error(format!("unknown observation `{}`", observe.what));
            error.expected = Some(format!("one of {}", one_of(known())));
            error.hint = did_you_mean(&observe.what, known());
            errors.push(error);
        }
        fragment(node, "schema", errors);
        if let Some(schema) = node.get("schema") {
            check_objects(schema, errors);
        }
    }
}

/// What looks at an answer stands in a step that asks for one.
fn check_answered(step: &Step, node: &Node, errors: &mut Vec<FileError>) {
    if step.action.is_none() {
        let mut error = node
            .at
            .error("nothing is done in this step: there is no answer");
        error.hint = Some("move it to the step that holds `do`".to_owned());
        errors.push(error);
    }
}

/// A document is looked for in the answer, at a JSON pointer.
fn check_document(
    document: &DocumentExpect,
    step: &Step,
    node: &Node,
    errors: &mut Vec<FileError>,
) {
    if document.kind != DocumentKind::Cda {
        let mut error = node.get("kind").unwrap_or(node).at.error(format!(
            "a document of kind `{}` is not judged in a scenario",
            document.kind
        ));
        error.expected = Some("`cda`".to_owned());
        errors.push(error);
    }
    if !document.at.starts_with('/') {
        let mut error = node
            .get("at")
            .unwrap_or(node)
            .at
            .error(format!("`{}` is not a JSON pointer", document.at));
        error.expected =
            Some("a path from the answer's `result`, such as `/document/contenu`".to_owned());
        errors.push(error);
    }
    fragment(node, "facts", errors);
    if let Some(facts) = node.get("facts") {
        check_objects(facts, errors);
    }
    check_answered(step, node, errors);
}

fn fragment(node: &Node, key: &str, errors: &mut Vec<FileError>) {
    if let Some(schema) = node.get(key) {
        check_fragment(schema, errors);
    }
}

fn check_operation(
    service: Service,
    operation: Option<&str>,
    node: &Node,
    errors: &mut Vec<FileError>,
) {
    let known = operations(service);
    if let Some(operation) = operation
        && !known.contains(&operation)
    {
        let mut error = node
            .get("operation")
            .unwrap_or(node)
            .at
            .error(format!("`{service}` has no operation `{operation}`"));
        error.expected = Some(format!("one of {}", one_of(known.iter().copied())));
        error.hint = did_you_mean(operation, known.iter().copied());
        errors.push(error);
    }
}

fn check_placeholders(node: &Node, names: &BTreeSet<String>, errors: &mut Vec<FileError>) {
    match &node.data {
        Data::Text(text) => {
            for placeholder in placeholders(text) {
                let mut segments = placeholder.split('.');
                let first = segments.next().unwrap_or_default();
                if !names.contains(first) {
                    let mut error = node.at.error(format!(
                        "${{{placeholder}}}: nothing is called `{first}` here"
                    ));
                    error.expected = Some(format!(
                        "a parameter, an earlier `as`, or one of {}; `$${{` writes a plain `${{`",
                        one_of(RUNNER_NAMES.iter().copied())
                    ));
                    error.hint = did_you_mean(first, names.iter().map(String::as_str));
                    errors.push(error);
                } else if first == "exchange" {
                    check_exchange(placeholder, node, errors);
                }
            }
        }
        Data::List(items) => items
            .iter()
            .for_each(|item| check_placeholders(item, names, errors)),
        Data::Map(entries) => entries
            .iter()
            .for_each(|entry| check_placeholders(&entry.value, names, errors)),
        _ => {}
    }
}

/// `exchange.<service>.<operation>.<field>`
fn check_exchange(placeholder: &str, node: &Node, errors: &mut Vec<FileError>) {
    let mut segments: Vec<&str> = placeholder.split('.').collect();
    // Operations of the DMP hold a full stop: `exchange.dmp.td0.2.url`.
    let whole = match segments.as_slice() {
        [_, "dmp", head, tail, ..] => Some(format!("{head}.{tail}")),
        _ => None,
    };
    if let Some(whole) = &whole {
        segments.splice(2..4, [whole.as_str()]);
    }
    let wanted = match segments.as_slice() {
        [_, service, operation, _field, ..] => {
            let known = OPERATIONS.iter().find(|(s, _)| s.as_str() == *service);
            match known {
                None => Some(format!("no service `{service}`")),
                Some((_, operations)) if !operations.contains(operation) => {
                    let hint = did_you_mean(operation, operations.iter().copied());
                    Some(format!(
                        "`{service}` has no operation `{operation}`{}",
                        hint.map(|h| format!("; {h}")).unwrap_or_default()
                    ))
                }
                Some(_) => None,
            }
        }
        _ => Some("exchange.<service>.<operation>.<field> is wanted".to_owned()),
    };
    if let Some(problem) = wanted {
        errors.push(node.at.error(format!("${{{placeholder}}}: {problem}")));
    }
}

//! What the engine found, in French: what the schema asks for, and what is there.

use diapason_formats::xml::{NodeId, NodeKind, Tree};

use super::XsdFinding;
use super::engine::{Name, Problem, is_content};
use super::schemas::place;

/// Longest value shown, in characters.
const LONGEST: usize = 120;

/// Most names listed.
const MOST_NAMES: usize = 12;

/// Makes a finding of a problem.
pub(super) fn finding(tree: &Tree, problem: &Problem) -> XsdFinding {
    let (expected, observed) = say(tree, problem);
    XsdFinding {
        node: problem.node,
        place: place(tree, problem.node),
        code: problem.code.clone(),
        expected,
        observed,
        message: problem.message.clone(),
    }
}

fn say(tree: &Tree, problem: &Problem) -> (String, String) {
    let node = problem.node;
    let here = tag(tree, node);
    let code = problem.code.as_str();
    if is_content(code) {
        return content(tree, problem);
    }
    match code {
        "cvc-complex-type.2.1" => (format!("{here} sans contenu"), shown(tree, node)),
        "cvc-complex-type.2.3" => (
            format!("aucun texte directement dans {here}"),
            shown(tree, node),
        ),
        "cvc-complex-type.3.2.1" | "cvc-complex-type.3.2.2" => {
            let owner = tree.parent(node).map_or_else(String::new, |p| tag(tree, p));
            let allowed = if problem.expected.is_empty() {
                format!("pas cet attribut sur {owner}")
            } else {
                let names = listed(tree, node, &problem.expected, true);
                format!("sur {owner}, un attribut parmi {names}")
            };
            (allowed, written(tree, node))
        }
        "cvc-complex-type.4" => {
            let name = quoted(&problem.message).unwrap_or("obligatoire");
            (
                format!("l'attribut {name} sur {here}"),
                "attribut absent".to_owned(),
            )
        }
        "cvc-elt.1" => (
            "un élément déclaré par le schéma".to_owned(),
            format!("{here}, qui n'est pas déclaré"),
        ),
        "cvc-elt.2" | "cvc-type.2" => (
            "un type concret, indiqué par xsi:type".to_owned(),
            format!("{here} de type abstrait"),
        ),
        "cvc-elt.3.1" => (format!("{here} sans xsi:nil"), "xsi:nil présent".to_owned()),
        "cvc-elt.3.2.1" => (
            format!("{here} vide, puisque xsi:nil vaut true"),
            shown(tree, node),
        ),
        "cvc-elt.4.1" | "cvc-elt.4.2" | "cvc-elt.4.3" => (
            "dans xsi:type, un type connu du schéma et dérivé de celui de l'élément".to_owned(),
            tree.attribute_ns(node, "http://www.w3.org/2001/XMLSchema-instance", "type")
                .map_or_else(|| shown(tree, node), |t| format!("xsi:type = {}", cut(t))),
        ),
        "cvc-id.1" => (
            "un identifiant (ID) présent dans le document".to_owned(),
            shown(tree, node),
        ),
        "cvc-id.2" => (
            "un identifiant (ID) unique dans le document".to_owned(),
            format!("{}, déjà utilisé", shown(tree, node)),
        ),
        "cvc-attribute.4" | "cvc-elt.5.2.2" => (
            fixed(&problem.message).map_or_else(
                || "la valeur fixée par le schéma".to_owned(),
                |value| format!("la valeur fixée par le schéma : {value}"),
            ),
            shown(tree, node),
        ),
        _ if code.starts_with("cvc-identity-constraint") => (
            "le respect des clés du schéma (key, unique, keyref)".to_owned(),
            format!("{here} : {}", problem.message),
        ),
        _ => (value_wanted(code, &problem.message), shown(tree, node)),
    }
}

/// A value that its type refuses: what the type asks for, as far as the engine says it.
fn value_wanted(code: &str, message: &str) -> String {
    let facet = match code {
        "cvc-pattern-valid" => "de la forme prévue par le schéma",
        "cvc-enumeration-valid" => "de la liste prévue par le schéma",
        "cvc-length-valid" | "cvc-minLength-valid" | "cvc-maxLength-valid" => {
            "de la longueur prévue par le schéma"
        }
        "cvc-minInclusive-valid"
        | "cvc-maxInclusive-valid"
        | "cvc-minExclusive-valid"
        | "cvc-maxExclusive-valid" => "dans les bornes prévues par le schéma",
        "cvc-totalDigits-valid" | "cvc-fractionDigits-valid" => {
            "avec le nombre de chiffres prévu par le schéma"
        }
        _ => "conforme au type prévu par le schéma",
    };
    format!("une valeur {facet} ({})", cut(message))
}

fn content(tree: &Tree, problem: &Problem) -> (String, String) {
    let node = problem.node;
    if problem.closing {
        let what = if problem.expected.is_empty() {
            "d'autres éléments".to_owned()
        } else {
            listed(tree, node, &problem.expected, false)
        };
        return (
            format!("dans {}, encore {what}", tag(tree, node)),
            "fin de l'élément : contenu incomplet".to_owned(),
        );
    }
    let parent = tree.parent(node).map_or_else(String::new, |p| tag(tree, p));
    let expected = if problem.expected.is_empty() {
        format!("plus aucun élément à cet endroit de {parent}")
    } else {
        let names = listed(tree, node, &problem.expected, false);
        format!("à cet endroit de {parent}, {names}")
    };
    (expected, format!("{}, inattendu ici", tag(tree, node)))
}

/// The names, with the prefix that the document gives their namespace.
fn listed(tree: &Tree, near: NodeId, names: &[Name], attributes: bool) -> String {
    let element = match tree.kind(near) {
        NodeKind::Element => Some(near),
        _ => tree.parent(near),
    };
    let one = |(namespace, local): &Name| {
        let prefix = element.and_then(|e| {
            tree.scope(e)
                .find(|(prefix, uri)| uri == namespace && !(attributes && prefix.is_empty()))
                .map(|(prefix, _)| prefix)
        });
        let name = match prefix {
            Some(prefix) if !prefix.is_empty() => format!("{prefix}:{local}"),
            None if !namespace.is_empty() => format!("{{{namespace}}}{local}"),
            _ => local.clone(),
        };
        if attributes {
            name
        } else {
            format!("<{name}>")
        }
    };
    let shown: Vec<String> = names.iter().take(MOST_NAMES).map(one).collect();
    let text = match shown.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, firsts)) => format!("{} ou {last}", firsts.join(", ")),
        None => String::new(),
    };
    match names.len().saturating_sub(MOST_NAMES) {
        0 => text,
        more => format!("{text} (et {more} autres)"),
    }
}

/// `<name>` of an element, `@name` of an attribute.
pub(super) fn tag(tree: &Tree, node: NodeId) -> String {
    match tree.kind(node) {
        NodeKind::Element => format!("<{}>", tree.name(node)),
        NodeKind::Attribute => format!("@{}", tree.name(node)),
        _ => tree.name(node).to_owned(),
    }
}

/// The value of a node, short.
fn shown(tree: &Tree, node: NodeId) -> String {
    if tree.kind(node) == NodeKind::Attribute {
        return written(tree, node);
    }
    let text = tree.string_value(node);
    let text = text.trim();
    if text.is_empty() {
        format!("{} sans texte", tag(tree, node))
    } else {
        cut(text)
    }
}

fn written(tree: &Tree, attribute: NodeId) -> String {
    format!("{}=\"{}\"", tree.name(attribute), cut(tree.text(attribute)))
}

fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short.replace(['\n', '\r', '\t'], " ")
}

/// The first thing between single quotes.
fn quoted(message: &str) -> Option<&str> {
    message.split('\'').nth(1)
}

/// The value said to be fixed, when the sentence holds two quoted values.
fn fixed(message: &str) -> Option<&str> {
    let mut parts = message.split('\'');
    parts.nth(3).or_else(|| message.split('\'').nth(1))
}

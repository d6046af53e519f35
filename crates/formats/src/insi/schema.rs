//! The structure of each message as tables, and a small engine that says what departs from them.
//!
//! Written from the published contract (element names, order, cardinalities, lexical patterns); it finds what an
//! XSD validator would find for these messages, with the path of each problem.

use std::cmp::Ordering;

use roxmltree::Node;

use super::ns;
use super::temps;
use super::xml::{children, text};

/// A form of text: its name and its test.
type Form = Option<(&'static str, fn(&str) -> bool)>;

/// What an element holds.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Text, any.
    Text,
    /// Text of a lexical form, named.
    Form(&'static str, fn(&str) -> bool),
    /// Text with attributes.
    TextWith(&'static [Attribute]),
    /// Child elements in this order.
    Sequence(&'static [Child]),
}

/// A child element and its cardinality; `max` 0 means unbounded.
#[derive(Clone, Copy)]
pub(crate) struct Child {
    pub(crate) name: &'static str,
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) kind: Kind,
}

/// An attribute.
#[derive(Clone, Copy)]
pub(crate) struct Attribute {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) form: Form,
}

const fn one(name: &'static str, kind: Kind) -> Child {
    Child {
        name,
        min: 1,
        max: 1,
        kind,
    }
}
const fn maybe(name: &'static str, kind: Kind) -> Child {
    Child {
        name,
        min: 0,
        max: 1,
        kind,
    }
}
const fn many(name: &'static str, kind: Kind) -> Child {
    Child {
        name,
        min: 0,
        max: 0,
        kind,
    }
}

const DATE_TIME: Kind = Kind::Form("xs:dateTime", |t| temps::date_time(t).is_some());
const DATE: Kind = Kind::Form("xs:date", temps::is_date);
const LUNAR: Kind = Kind::Form("AAAA-MM-JJ", is_lunar_shape);
const CLE: Kind = Kind::Form("two digits", |t| t.len() == 2 && digits(t));
const NUM_CONTEXT: Kind = Kind::Form("13 characters of a matricule", |t| {
    is_number(t, |b| b.is_ascii_digit() || matches!(b, b'A' | b'B'))
});
const NUM_RESULT: Kind = Kind::Form("13 characters of a matricule", |t| {
    is_number(t, |b| b.is_ascii_alphanumeric())
});

const NIR: Kind = Kind::Sequence(&[maybe("Num", NUM_CONTEXT), maybe("Cle", CLE)]);
const NIR_CERTIFIE: Kind = Kind::Sequence(&[
    maybe("Num", NUM_CONTEXT),
    maybe("Cle", CLE),
    maybe("DateCertification", DATE),
]);
const COUVERTURE: Kind = Kind::Sequence(&[
    maybe("GrandRegime", Kind::Text),
    maybe("Organisme", Kind::Text),
    maybe("CodeCentre", Kind::Text),
    maybe("ASSURE", Kind::Sequence(&[maybe("Id", NIR)])),
    maybe(
        "BENEFICIAIRE",
        Kind::Sequence(&[
            maybe("Nir", NIR_CERTIFIE),
            maybe("DateNai", LUNAR),
            maybe("Rang", Kind::Form("integer", is_integer)),
            maybe(
                "Porteur",
                Kind::Form("one digit", |t| t.len() == 1 && digits(t)),
            ),
        ]),
    ),
]);

/// ContexteBAM.
pub(crate) const BAM: &[Child] = &[
    one("Id", Kind::Text),
    one("Temps", DATE_TIME),
    maybe("Emetteur", Kind::Text),
    maybe("DateRef", DATE_TIME),
    one("COUVERTURE", COUVERTURE),
];
/// Attributes of ContexteBAM.
pub(crate) const BAM_ATTRIBUTES: &[Attribute] = &[
    Attribute {
        name: "Nature",
        required: false,
        form: Some(("CTXBAM", |t| t == "CTXBAM")),
    },
    Attribute {
        name: "Version",
        required: true,
        form: None,
    },
];

/// ContexteLPS.
pub(crate) const LPS: &[Child] = &[
    one("Id", Kind::Text),
    one("Temps", DATE_TIME),
    maybe("Emetteur", Kind::Text),
    maybe(
        "LPS",
        Kind::Sequence(&[
            maybe(
                "IDAM",
                Kind::TextWith(&[Attribute {
                    name: "R",
                    required: false,
                    form: None,
                }]),
            ),
            maybe("Version", Kind::Text),
            maybe("Instance", Kind::Text),
            maybe("Nom", Kind::Text),
        ]),
    ),
];
/// Attributes of ContexteLPS.
pub(crate) const LPS_ATTRIBUTES: &[Attribute] = &[
    Attribute {
        name: "Nature",
        required: false,
        form: Some(("CTXLPS", |t| t == "CTXLPS")),
    },
    Attribute {
        name: "Version",
        required: true,
        form: None,
    },
];

/// RECSANSVITALE.
pub(crate) const RECSANSVITALE: &[Child] = &[
    maybe("NomNaissance", Kind::Text),
    many("Prenom", Kind::Text),
    maybe("Sexe", Kind::Text),
    maybe("DateNaissance", Kind::Text),
    maybe("LieuNaissance", Kind::Text),
];

const MATRICULE_REQUEST: Kind = Kind::Sequence(&[
    maybe("NumIdentifiant", Kind::Text),
    maybe("Cle", Kind::Text),
    maybe("TypeMatricule", Kind::Text),
]);
/// RECVITALE.
pub(crate) const RECVITALE: &[Child] = &[
    maybe("MatriculeIndividu", MATRICULE_REQUEST),
    maybe("MatriculeOD", MATRICULE_REQUEST),
    maybe("NomNaissance", Kind::Text),
    maybe("DateNaissance", Kind::Text),
    maybe("RangNaissance", Kind::Text),
];

const INS: Kind = Kind::Sequence(&[
    one(
        "IdIndividu",
        Kind::Sequence(&[
            one("NumIdentifiant", NUM_RESULT),
            maybe("Cle", CLE),
            maybe("TypeMatricule", Kind::Text),
        ]),
    ),
    one("OID", Kind::Text),
    maybe("DateDeb", DATE),
    maybe("DateFin", DATE),
]);
/// CR.
pub(crate) const CR: Kind =
    Kind::Sequence(&[one("CodeCR", Kind::Text), one("LibelleCR", Kind::Text)]);
/// RESULTAT.
pub(crate) const RESULTAT: &[Child] = &[
    one("CR", CR),
    maybe(
        "INDIVIDU",
        Kind::Sequence(&[
            one("INSACTIF", INS),
            many("INSHISTO", INS),
            one(
                "TIQ",
                Kind::Sequence(&[
                    maybe("NomNaissance", Kind::Text),
                    maybe("Prenom", Kind::Text),
                    maybe("ListePrenom", Kind::Text),
                    maybe(
                        "Sexe",
                        Kind::Form("one capital letter", |t| {
                            t.len() == 1 && t.as_bytes()[0].is_ascii_uppercase()
                        }),
                    ),
                    maybe("DateNaissance", LUNAR),
                    maybe("LieuNaissance", Kind::Text),
                ]),
            ),
        ]),
    ),
];

/// Erreur, in the Detail of a fault.
pub(crate) const ERREUR_ATTRIBUTES: &[Attribute] = &[
    Attribute {
        name: "severite",
        required: true,
        form: Some(("information, avertissement, erreur or fatale", |t| {
            matches!(t, "information" | "avertissement" | "erreur" | "fatale")
        })),
    },
    Attribute {
        name: "code",
        required: true,
        form: None,
    },
    Attribute {
        name: "messageID",
        required: false,
        form: None,
    },
];

fn digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn is_number(text: &str, letter: fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 13
        && bytes.iter().enumerate().all(|(i, b)| {
            if i == 6 {
                letter(*b)
            } else {
                b.is_ascii_digit()
            }
        })
}

fn is_lunar_shape(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| match i {
            4 | 7 => b == b'-',
            _ => b.is_ascii_digit(),
        })
}

fn is_integer(text: &str) -> bool {
    let text = text.trim();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    !unsigned.is_empty() && digits(unsigned)
}

/// What departs from `sequence` in the children of `node`, all of namespace `namespace`.
pub(crate) fn check_sequence(
    node: Node<'_, '_>,
    namespace: &str,
    sequence: &[Child],
    path: &str,
    problems: &mut Vec<String>,
) {
    if node
        .children()
        .any(|c| c.is_text() && !c.text().unwrap_or_default().trim().is_empty())
    {
        problems.push(format!("{path}: holds text between its elements"));
    }
    let mut at = 0;
    let mut count = 0;
    for child in children(node) {
        let name = child.tag_name().name();
        let here = format!("{path}/{name}");
        if child.tag_name().namespace() != Some(namespace) {
            problems.push(format!("{here}: namespace is not {namespace}"));
            continue;
        }
        let Some(found) = sequence.iter().position(|c| c.name == name) else {
            problems.push(format!("{here}: not in the contract"));
            continue;
        };
        let rule = &sequence[found];
        match found.cmp(&at) {
            Ordering::Less => problems.push(format!("{here}: out of order")),
            Ordering::Equal => {
                count += 1;
                if rule.max != 0 && count > rule.max {
                    problems.push(format!("{here}: more than {}", rule.max));
                }
            }
            Ordering::Greater => {
                at = found;
                count = 1;
            }
        }
        check_kind(child, namespace, rule.kind, &here, problems);
    }
    for rule in sequence.iter().filter(|c| c.min > 0) {
        if !children(node).any(|c| {
            c.tag_name().name() == rule.name && c.tag_name().namespace() == Some(namespace)
        }) {
            problems.push(format!("{path}/{}: missing", rule.name));
        }
    }
}

fn check_kind(
    node: Node<'_, '_>,
    namespace: &str,
    kind: Kind,
    path: &str,
    problems: &mut Vec<String>,
) {
    match kind {
        Kind::Sequence(sequence) => {
            check_attributes(node, &[], path, problems);
            check_sequence(node, namespace, sequence, path, problems);
        }
        Kind::Text => check_text(node, &[], None, path, problems),
        Kind::TextWith(attributes) => check_text(node, attributes, None, path, problems),
        Kind::Form(name, form) => check_text(node, &[], Some((name, form)), path, problems),
    }
}

pub(crate) fn check_text(
    node: Node<'_, '_>,
    attributes: &[Attribute],
    form: Form,
    path: &str,
    problems: &mut Vec<String>,
) {
    check_attributes(node, attributes, path, problems);
    if children(node).next().is_some() {
        problems.push(format!("{path}: holds elements, text expected"));
    }
    if let Some((name, form)) = form
        && !form(&text(node))
    {
        problems.push(format!("{path}: not {name}"));
    }
}

/// Namespaces of attributes that the envelope, the security layer or the schema language may put on
/// any element (`mustUnderstand`, `wsu:Id`, `xsi:type`); the contract of the element ignores them.
fn is_transport(namespace: &str) -> bool {
    const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
    [XSI, ns::WSU, ns::SOAP11, ns::SOAP12].contains(&namespace)
}

pub(crate) fn check_attributes(
    node: Node<'_, '_>,
    known: &[Attribute],
    path: &str,
    problems: &mut Vec<String>,
) {
    for attribute in node.attributes() {
        if attribute.namespace().is_some_and(is_transport) {
            continue;
        }
        let rule = known
            .iter()
            .find(|k| attribute.namespace().is_none() && k.name == attribute.name());
        match rule {
            None => problems.push(format!("{path}/@{}: not in the contract", attribute.name())),
            Some(Attribute {
                form: Some((name, form)),
                ..
            }) if !form(attribute.value()) => {
                problems.push(format!("{path}/@{}: not {name}", attribute.name()));
            }
            Some(_) => {}
        }
    }
    for rule in known.iter().filter(|k| k.required) {
        if node.attribute(rule.name).is_none() {
            problems.push(format!("{path}/@{}: missing", rule.name));
        }
    }
}

/// Local names of `sequence`, in order.
pub(crate) fn names(sequence: &'static [Child]) -> impl Iterator<Item = &'static str> {
    sequence.iter().map(|c| c.name)
}

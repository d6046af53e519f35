//! The INS in a document: matricule, key, OID, and the traits that must travel with it.
//!
//! A matricule is never written whole in a finding.

use diapason_core::ins::{Matricule, OidIns, matricule_key};
use diapason_formats::xml::{NodeId, Tree};

use super::{HL7, all, clinical_document};
use crate::document::DocumentCtx;

/// An identifier of the person whose root is one of the OIDs of the INS or of the reimbursement number.
struct Identifier<'a> {
    /// The `id` element.
    node: NodeId,
    oid: OidIns,
    extension: &'a str,
}

fn identifiers(tree: &Tree) -> Vec<Identifier<'_>> {
    let Some(document) = clinical_document(tree) else {
        return Vec::new();
    };
    all(tree, document, &["recordTarget", "patientRole", "id"])
        .into_iter()
        .filter_map(|node| {
            let root = tree.attribute(node, "root")?;
            let oid = OidIns::ALL.into_iter().find(|o| o.as_str() == root)?;
            Some(Identifier {
                node,
                oid,
                extension: tree.attribute(node, "extension").unwrap_or_default(),
            })
        })
        .collect()
}

/// The matricules, reimbursement numbers left out.
fn matricules(tree: &Tree) -> Vec<Identifier<'_>> {
    let mut found = identifiers(tree);
    found.retain(|i| i.oid.is_ins());
    found
}

/// A matricule as it may be shown: what is wrong without who it is.
fn masked(matricule: &str) -> String {
    let count = matricule.chars().count();
    let start: String = matricule.chars().take(1).collect();
    format!("{start}… ({count} caractères)")
}

fn patient(tree: &Tree) -> Option<NodeId> {
    tree.find(
        clinical_document(tree)?,
        HL7,
        &["recordTarget", "patientRole", "patient"],
    )
}

/// Fifteen characters: digits, but for the department of Corsica.
fn has_shape(extension: &str) -> bool {
    let bytes = extension.as_bytes();
    bytes.len() == 15
        && bytes.iter().enumerate().all(|(at, b)| {
            b.is_ascii_digit() || (at == 6 && bytes[5] == b'2' && matches!(b, b'A' | b'B'))
        })
}

/// CDA-I01: thirteen characters and the key, nothing between.
pub(super) fn shape(ctx: &mut DocumentCtx<'_>) {
    for id in matricules(ctx.tree()) {
        ctx.check(
            has_shape(id.extension),
            id.node,
            "un matricule de 15 caractères : 13, puis la clé (2A ou 2B en majuscules pour la Corse)",
            masked(id.extension),
        );
    }
}

/// CDA-I02: the key is the one of the thirteen characters.
pub(super) fn key(ctx: &mut DocumentCtx<'_>) {
    for id in matricules(ctx.tree()) {
        check_key(ctx, &id);
    }
}

fn check_key(ctx: &mut DocumentCtx<'_>, id: &Identifier<'_>) {
    if !has_shape(id.extension) {
        return;
    }
    let (number, written) = id.extension.split_at(13);
    // A number of another form has its own rules.
    let Some(key) = matricule_key(number) else {
        return;
    };
    ctx.check(
        written == format!("{key:02}"),
        id.node,
        "la clé égale à 97 moins le reste de la division par 97 des 13 premiers caractères (2A vaut 19, 2B vaut 18)",
        format!("une clé {written}, qui n'est pas celle de ce numéro"),
    );
}

/// CDA-I03: a matricule begins by 1 or 2.
pub(super) fn sex_digit(ctx: &mut DocumentCtx<'_>) {
    for id in matricules(ctx.tree()) {
        if has_shape(id.extension) {
            ctx.check(
                id.extension.starts_with(['1', '2']),
                id.node,
                "un premier chiffre 1 ou 2",
                format!(
                    "un premier chiffre {} : numéro d'attente ou interne à l'assurance maladie",
                    &id.extension[..1]
                ),
            );
        }
    }
}

/// CDA-I04: the month is one the civil registry gives.
pub(super) fn month(ctx: &mut DocumentCtx<'_>) {
    for id in matricules(ctx.tree()) {
        if has_shape(id.extension) {
            let month = &id.extension[3..5];
            ctx.check(
                ("01"..="12").contains(&month) || month >= "20",
                id.node,
                "un mois de 01 à 12, ou de 20 à 99 pour les cas particuliers de l'état civil",
                format!("le mois {month}"),
            );
        }
    }
}

/// CDA-I05: a reimbursement number has the form and the key of a NIR.
pub(super) fn reimbursement_number(ctx: &mut DocumentCtx<'_>) {
    for id in identifiers(ctx.tree()) {
        if id.oid.is_ins() {
            continue;
        }
        if has_shape(id.extension) {
            check_key(ctx, &id);
        } else {
            ctx.broken(
                id.node,
                "un numéro de sécurité sociale de 15 caractères, clé comprise",
                masked(id.extension),
            );
        }
    }
}

/// CDA-I06: the INS is the first identifier.
pub(super) fn comes_first(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(id) = matricules(tree).into_iter().next() else {
        return;
    };
    let before = std::iter::successors(tree.previous_sibling(id.node), |n| {
        tree.previous_sibling(*n)
    })
    .filter(|n| tree.is_named(*n, HL7, "id"))
    .count();
    ctx.check(
        before == 0,
        id.node,
        "le matricule INS en premier identifiant",
        format!("le matricule en position {}", before + 1),
    );
}

/// CDA-I07: one active matricule.
pub(super) fn only_one(ctx: &mut DocumentCtx<'_>) {
    let found = matricules(ctx.tree());
    let count = found.len();
    if let Some(second) = found.get(1) {
        ctx.broken(
            second.node,
            "un seul matricule INS, celui en vigueur",
            format!("{count} matricules"),
        );
    } else if count == 1 {
        ctx.held();
    }
}

/// CDA-I08: the demonstration OID is for show, not for tests nor for care.
pub(super) fn demonstration_oid(ctx: &mut DocumentCtx<'_>) {
    for id in matricules(ctx.tree()) {
        ctx.check(
            id.oid != OidIns::NirDemo,
            id.node,
            "un OID de production, ou celui de test",
            format!("l'OID de démonstration ({})", id.oid.as_str()),
        );
    }
}

/// CDA-I09: with a production OID, a matricule of the published test people or of the invented ones.
pub(super) fn test_range(ctx: &mut DocumentCtx<'_>) {
    for id in matricules(ctx.tree()) {
        if !matches!(id.oid, OidIns::Nir | OidIns::Nia) {
            continue;
        }
        let Ok(matricule) = id.extension.parse::<Matricule>() else {
            continue;
        };
        ctx.check(
            matricule.is_test(),
            id.node,
            "une personne d'essai : identité publiée pour les tests, ou inventée (numéro d'ordre à partir de 900)",
            "un OID de production et un matricule hors des plages d'essai : peut-être une personne réelle",
        );
    }
}

/// CDA-I10: a matricule travels with all the strict traits.
pub(super) fn strict_traits(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(id) = matricules(tree).into_iter().next() else {
        return;
    };
    let mut missing = Vec::new();
    match patient(tree) {
        None => missing.push("l'élément patient"),
        Some(patient) => {
            if name_part(tree, patient, "family", Some("BR")).is_none() {
                missing.push("le nom de naissance");
            }
            if name_part(tree, patient, "given", Some("BR")).is_none() {
                missing.push("le premier prénom de naissance");
            }
            if name_part(tree, patient, "given", None).is_none() {
                missing.push("la liste des prénoms de naissance");
            }
            if attribute(tree, patient, &["administrativeGenderCode"], "code").is_none() {
                missing.push("le sexe");
            }
            if attribute(tree, patient, &["birthTime"], "value").is_none() {
                missing.push("la date de naissance");
            }
            if county(tree, patient).is_none() {
                missing.push("le code du lieu de naissance");
            }
        }
    }
    ctx.check(
        missing.is_empty(),
        id.node,
        "les traits stricts d'une identité qualifiée avec le matricule",
        format!("il manque : {}", missing.join(", ")),
    );
}

/// A part of the name, its text trimmed, with that qualifier (or with none).
fn name_part(
    tree: &Tree,
    patient: NodeId,
    part: &str,
    qualifier: Option<&str>,
) -> Option<(NodeId, String)> {
    all(tree, patient, &["name", part])
        .into_iter()
        .filter(|n| tree.attribute(*n, "qualifier") == qualifier)
        .map(|n| (n, tree.string_value(n).trim().to_owned()))
        .find(|(_, text)| !text.is_empty())
}

fn attribute<'t>(tree: &'t Tree, from: NodeId, path: &[&str], name: &str) -> Option<&'t str> {
    let node = tree.find(from, HL7, path)?;
    tree.attribute(node, name).filter(|v| !v.is_empty())
}

fn county(tree: &Tree, patient: NodeId) -> Option<(NodeId, String)> {
    let node = tree.find(patient, HL7, &["birthplace", "place", "addr", "county"])?;
    let text = tree.string_value(node).trim().to_owned();
    (!text.is_empty()).then_some((node, text))
}

/// The patient of a document that carries a matricule.
fn patient_with_ins(tree: &Tree) -> Option<NodeId> {
    (!matricules(tree).is_empty())
        .then(|| patient(tree))
        .flatten()
}

/// CDA-I11: names of an identity of INSi are in its alphabet.
pub(super) fn alphabet(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(patient) = patient_with_ins(tree) else {
        return;
    };
    for (part, qualifier) in [
        ("family", Some("BR")),
        ("given", Some("BR")),
        ("given", None),
    ] {
        if let Some((node, text)) = name_part(tree, patient, part, qualifier) {
            let wrong = text
                .chars()
                .find(|c| !(c.is_ascii_uppercase() || matches!(c, ' ' | '\'' | '-')));
            let observed = wrong.map_or_else(String::new, |c| format!("le caractère « {c} »"));
            ctx.check(
                wrong.is_none(),
                node,
                "des lettres majuscules sans accent, l'espace, l'apostrophe droite et le trait d'union, comme INSi les rend",
                observed,
            );
        }
    }
}

/// CDA-I12: the first given name begins the list of given names.
pub(super) fn first_given_name(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(patient) = patient_with_ins(tree) else {
        return;
    };
    let (Some((node, first)), Some((_, list))) = (
        name_part(tree, patient, "given", Some("BR")),
        name_part(tree, patient, "given", None),
    ) else {
        return;
    };
    let first_words = words(&first);
    ctx.check(
        words(&list).starts_with(&first_words),
        node,
        "un premier prénom qui commence la liste des prénoms",
        format!("« {first} » et « {list} »"),
    );
}

/// Words of a given name; a hyphen or an apostrophe counts as a space.
fn words(name: &str) -> Vec<String> {
    name.split([' ', '-', '\'', '\u{2019}'])
        .filter(|w| !w.is_empty())
        .map(str::to_uppercase)
        .collect()
}

/// CDA-I13: the place of birth is a code of the COG.
pub(super) fn place_of_birth(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some((node, code)) = patient_with_ins(tree).and_then(|p| county(tree, p)) else {
        return;
    };
    let bytes = code.as_bytes();
    let well_formed = bytes.len() == 5
        && bytes.iter().enumerate().all(|(at, b)| {
            b.is_ascii_digit() || (at == 1 && bytes[0] == b'2' && matches!(b, b'A' | b'B'))
        });
    ctx.check(
        well_formed,
        node,
        "un code officiel géographique de 5 caractères (99 et le code du pays pour l'étranger)",
        code,
    );
}

/// CDA-I14: with the INS, the date of birth is a whole date.
pub(super) fn full_birth_date(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(node) = patient_with_ins(tree).and_then(|p| tree.child(p, HL7, "birthTime")) else {
        return;
    };
    if let Some(value) = tree.attribute(node, "value") {
        ctx.check(
            value.len() >= 8,
            node,
            "une date de naissance au jour près (AAAAMMJJ), celle rendue par INSi",
            value,
        );
    }
}

/// CDA-I15: INSi knows two sexes.
pub(super) fn known_sex(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let node = patient_with_ins(tree).and_then(|p| tree.child(p, HL7, "administrativeGenderCode"));
    let Some(node) = node else {
        return;
    };
    if let Some(code) = tree.attribute(node, "code") {
        ctx.check(
            matches!(code, "M" | "F"),
            node,
            "le sexe rendu par INSi, M ou F",
            code,
        );
    }
}

/// The first well-formed matricule.
fn sound_matricule(tree: &Tree) -> Option<(NodeId, Matricule)> {
    matricules(tree)
        .into_iter()
        .find_map(|id| Some((id.node, id.extension.parse().ok()?)))
}

/// CDA-I16: the first digit and the sex; a change of sex explains a difference.
pub(super) fn sex_agrees(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let (Some((node, matricule)), Some(patient)) = (sound_matricule(tree), patient(tree)) else {
        return;
    };
    let expected = if matricule.number().starts_with('1') {
        "M"
    } else {
        "F"
    };
    if let Some(code @ ("M" | "F")) =
        attribute(tree, patient, &["administrativeGenderCode"], "code")
    {
        ctx.check(
            code == expected,
            node,
            format!("le sexe {expected}, d'après le premier chiffre du matricule (sauf changement de sexe)"),
            format!("le sexe {code}"),
        );
    }
}

/// CDA-I17: year and month of birth in the matricule and in the trait; a correction explains a difference.
pub(super) fn birth_agrees(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let (Some((node, matricule)), Some(patient)) = (sound_matricule(tree), patient(tree)) else {
        return;
    };
    let Some(birth) = attribute(tree, patient, &["birthTime"], "value") else {
        return;
    };
    let (Some(year), Some(month)) = (birth.get(2..4), birth.get(4..6)) else {
        return;
    };
    let number = matricule.number();
    // Months from 20 are those of the civil registry's special cases.
    let month_agrees = number[3..5] == *month || &number[3..5] >= "20";
    ctx.check(
        number[1..3] == *year && month_agrees,
        node,
        "l'année et le mois de naissance inscrits dans le matricule (sauf rectification de l'état civil)",
        "une autre année ou un autre mois dans birthTime",
    );
}

/// CDA-I18: a matricule does not hide under a local root.
pub(super) fn under_another_root(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(document) = clinical_document(tree) else {
        return;
    };
    for node in all(tree, document, &["recordTarget", "patientRole", "id"]) {
        let root = tree.attribute(node, "root").unwrap_or_default();
        if OidIns::ALL.iter().any(|o| o.as_str() == root) {
            continue;
        }
        let extension = tree.attribute(node, "extension").unwrap_or_default();
        ctx.check(
            extension.parse::<Matricule>().is_err(),
            node,
            "un identifiant local qui n'est pas un matricule",
            format!("un numéro de la forme d'un matricule, clé juste, sous l'OID {root}"),
        );
    }
}

/// CDA-I19: the citizen's mailbox of Mon espace santé is named after the matricule.
pub(super) fn citizen_mailbox(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(document) = clinical_document(tree) else {
        return;
    };
    for node in all(tree, document, &["recordTarget", "patientRole", "telecom"]) {
        let value = tree.attribute(node, "value").unwrap_or_default();
        let Some(name) = value
            .strip_prefix("mailto:")
            .and_then(|v| v.strip_suffix("@patient.mssante.fr"))
        else {
            continue;
        };
        let own = matricules(tree).iter().any(|id| id.extension == name);
        ctx.check(
            own,
            node,
            "l'adresse formée sur le matricule INS du document",
            "l'adresse d'un autre matricule, ou un document sans matricule",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        assert!(has_shape("275126322074974"));
        assert!(has_shape("297022A02077878"));
        for wrong in [
            "2751263220749",
            "297022a02077878",
            "2751263A2074974",
            "27512632207497 ",
            "2A5126322074974",
            "2751263220749é",
        ] {
            assert!(!has_shape(wrong), "{wrong}");
        }
    }

    #[test]
    fn words_of_given_names() {
        assert!(words("PIERRE ALAIN GUNTHER").starts_with(&words("PIERRE-ALAIN")));
        assert!(!words("CATARINA BELLA").starts_with(&words("OLA")));
        assert!(!words("MARIE").starts_with(&words("MARIE-ANNE")));
    }

    #[test]
    fn a_matricule_is_not_shown() {
        assert_eq!(masked("275126322074974"), "2… (15 caractères)");
        assert_eq!(masked(""), "… (0 caractères)");
    }
}

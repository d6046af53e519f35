//! Lexical rules for the names sent to INSi, by name of problem; transliteration and comparison.
//!
//! Source: SEL-MP-043 §2 and §3.4.1 as quoted by public implementations, CNDA case 2.03.

/// Problems of a nom de naissance. Empty when it may be sent.
pub fn nom_problems(nom: &str) -> Vec<&'static str> {
    let mut problems = common_problems(nom);
    problems.sort_unstable();
    problems.dedup();
    problems
}

/// Problems of a prénom, or of several joined by spaces. Empty when it may be sent.
pub fn prenom_problems(prenom: &str) -> Vec<&'static str> {
    let mut problems = common_problems(prenom);
    if prenom.contains("--") {
        problems.push("double_hyphen");
    }
    if prenom.ends_with('-') {
        problems.push("ends_with_hyphen");
    }
    if prenom.ends_with('\'') {
        problems.push("ends_with_apostrophe");
    }
    problems.sort_unstable();
    problems.dedup();
    problems
}

fn common_problems(name: &str) -> Vec<&'static str> {
    let mut problems = Vec::new();
    if name.trim().is_empty() {
        problems.push("empty");
    }
    if name.starts_with(char::is_whitespace) {
        problems.push("starts_with_space");
    }
    if name.starts_with('-') {
        problems.push("starts_with_hyphen");
    }
    if name.len() > 1 && name.ends_with(char::is_whitespace) {
        problems.push("ends_with_space");
    }
    if name.contains("  ") {
        problems.push("double_space");
    }
    if name.contains("''") {
        problems.push("double_apostrophe");
    }
    if name.contains("' ") || name.contains(" '") {
        problems.push("space_next_to_apostrophe");
    }
    for c in name.chars() {
        match c {
            'A'..='Z' | ' ' | '\'' | '-' => {}
            '0'..='9' => problems.push("digit"),
            '\u{2018}' | '\u{2019}' | '\u{02bc}' | '`' | '\u{00b4}' => {
                problems.push("typographic_apostrophe");
            }
            'Œ' | 'Æ' | 'œ' | 'æ' => problems.push("ligature"),
            c if c.is_alphabetic() => {
                if c.is_lowercase() {
                    problems.push("lower_case");
                }
                if !c.is_ascii() {
                    problems.push(if base_letter(c).is_some() {
                        "accent"
                    } else {
                        "foreign_letter"
                    });
                }
            }
            _ => problems.push("forbidden_character"),
        }
    }
    problems
}

/// Writes a name in the alphabet of the teleservice: upper case, accents removed, ligatures opened,
/// typographic apostrophes straightened. `Err` holds the first character that has no equivalent:
/// it must be refused, never dropped.
pub fn transliterate(name: &str) -> Result<String, char> {
    let mut out = String::with_capacity(name.len());
    for c in name.trim().chars() {
        match c {
            'A'..='Z' | ' ' | '\'' | '-' => out.push(c),
            'a'..='z' => out.push(c.to_ascii_uppercase()),
            'Œ' | 'œ' => out.push_str("OE"),
            'Æ' | 'æ' => out.push_str("AE"),
            'ß' => out.push_str("SS"),
            '\u{2018}' | '\u{2019}' | '\u{02bc}' => out.push('\''),
            '\u{2010}' | '\u{2011}' => out.push('-'),
            '\u{00a0}' | '\u{202f}' => out.push(' '),
            other => out.push(base_letter(other).ok_or(other)?),
        }
    }
    Ok(out)
}

/// The unaccented capital of a Latin letter with a diacritic.
fn base_letter(c: char) -> Option<char> {
    const TABLE: [(char, &str); 22] = [
        ('A', "ÀÁÂÃÄÅĀĂĄàáâãäåāăą"),
        ('C', "ÇĆĈĊČçćĉċč"),
        ('D', "ĎĐďđ"),
        ('E', "ÈÉÊËĒĔĖĘĚèéêëēĕėęě"),
        ('G', "ĜĞĠĢĝğġģ"),
        ('H', "ĤĦĥħ"),
        ('I', "ÌÍÎÏĨĪĬĮİìíîïĩīĭįı"),
        ('J', "Ĵĵ"),
        ('K', "Ķķ"),
        ('L', "ĹĻĽĿŁĺļľŀł"),
        ('N', "ÑŃŅŇñńņň"),
        ('O', "ÒÓÔÕÖØŌŎŐòóôõöøōŏő"),
        ('R', "ŔŖŘŕŗř"),
        ('S', "ŚŜŞŠȘśŝşšș"),
        ('T', "ŢŤŦȚţťŧț"),
        ('U', "ÙÚÛÜŨŪŬŮŰŲùúûüũūŭůűų"),
        ('W', "Ŵŵ"),
        ('Y', "ÝŶŸýÿŷ"),
        ('Z', "ŹŻŽźżž"),
        ('B', "Ḃḃ"),
        ('F', "Ḟḟ"),
        ('M', "Ṁṁ"),
    ];
    TABLE
        .iter()
        .find(|(_, letters)| letters.contains(c))
        .map(|(base, _)| *base)
}

/// Form under which two names are compared: case, accents, hyphens, apostrophes and runs of spaces do not count.
/// Source: Guide d'implémentation INS, règle 17.
pub fn fold(name: &str) -> String {
    let letters: String = name
        .chars()
        .flat_map(|c| match c {
            'Œ' | 'œ' => vec!['O', 'E'],
            'Æ' | 'æ' => vec!['A', 'E'],
            'ß' => vec!['S', 'S'],
            '-' | '\'' | '\u{2018}' | '\u{2019}' | '\u{02bc}' | '\u{2010}' | '\u{2011}' => {
                vec![' ']
            }
            c if c.is_whitespace() => vec![' '],
            c => match base_letter(c) {
                Some(base) => vec![base],
                None => c.to_uppercase().collect(),
            },
        })
        .collect();
    letters.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Is the first prénom the beginning of the list, a hyphen or an apostrophe counting as a space?
pub fn first_is_coherent(first: &str, list: &str) -> bool {
    let (first, list) = (fold(first), fold(list));
    !first.is_empty()
        && list
            .strip_prefix(&first)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_of_the_published_people_may_be_sent() {
        for nom in [
            "ADRUN",
            "D'ARTAGNAN DE L'HERAULT",
            "PATB-QUATRE",
            "FICTIF--DOUBLENOM",
            "'T HOOFT",
        ] {
            assert!(nom_problems(nom).is_empty(), "{nom}");
        }
        for prenom in ["ZOE", "PIERRE-ALAIN", "PIERRE-ALAIN MURIEL FLORIANT"] {
            assert!(prenom_problems(prenom).is_empty(), "{prenom}");
        }
    }

    #[test]
    fn each_rule_is_named() {
        for (nom, expected) in [
            (
                "D\u{2019}\u{c6}ION",
                vec!["ligature", "typographic_apostrophe"],
            ),
            ("Adrun", vec!["lower_case"]),
            ("LEFÈVRE", vec!["accent"]),
            ("Éloi", vec!["accent", "lower_case"]),
            ("R2D2", vec!["digit"]),
            ("A+B", vec!["forbidden_character"]),
            ("ИВАНОВ", vec!["foreign_letter"]),
            ("-ADRUN", vec!["starts_with_hyphen"]),
            (" ADRUN", vec!["starts_with_space"]),
            ("ADRUN ", vec!["ends_with_space"]),
            ("DE  VINCI", vec!["double_space"]),
            ("D''ARTAGNAN", vec!["double_apostrophe"]),
            ("D' ARTAGNAN", vec!["space_next_to_apostrophe"]),
            ("", vec!["empty"]),
        ] {
            assert_eq!(nom_problems(nom), expected, "{nom:?}");
        }
        assert_eq!(prenom_problems("JEAN--MARC"), ["double_hyphen"]);
        assert_eq!(prenom_problems("JEAN-"), ["ends_with_hyphen"]);
        assert_eq!(prenom_problems("JEAN'"), ["ends_with_apostrophe"]);
    }

    #[test]
    fn transliteration_refuses_what_it_does_not_know() {
        assert_eq!(transliterate("D\u{2019}Æion").unwrap(), "D'AEION");
        assert_eq!(transliterate("Cœur").unwrap(), "COEUR");
        assert_eq!(
            transliterate("Françoise-Éléonore").unwrap(),
            "FRANCOISE-ELEONORE"
        );
        assert_eq!(transliterate("A+B"), Err('+'));
        assert_eq!(transliterate("R2"), Err('2'));
    }

    #[test]
    fn comparison_and_coherence() {
        assert_eq!(
            fold("d\u{2019}Artagnan  de-l'Hérault"),
            "D ARTAGNAN DE L HERAULT"
        );
        assert!(first_is_coherent("PIERRE-ALAIN", "PIERRE ALAIN GUNTHER"));
        assert!(!first_is_coherent("OLA", "CATARINA BELLA"));
        assert!(!first_is_coherent("ANNE", "ANNELISE"));
        assert!(!first_is_coherent("", "ANNELISE"));
    }

    proptest::proptest! {
        #[test]
        fn what_is_transliterated_holds_only_the_alphabet(name in "\\PC{0,40}") {
            if let Ok(written) = transliterate(&name) {
                for problem in nom_problems(&written) {
                    proptest::prop_assert!(
                        !["lower_case", "accent", "ligature", "digit", "typographic_apostrophe", "foreign_letter", "forbidden_character"].contains(&problem),
                        "{name:?} -> {written:?}: {problem}"
                    );
                }
            }
            let _ = prenom_problems(&name);
            let _ = fold(&name);
        }
    }
}

//! Names: what may be typed and sent (lexical rules of the INSi guide), and how two names are compared.

/// Which rules apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Genre {
    /// Family names: a double hyphen is allowed (foreign double names).
    Nom,
    /// Given names: no double hyphen, no final hyphen or apostrophe.
    Prenom,
}

/// Longest name kept.
pub const LONGUEUR_MAX: usize = 100;

/// Checks a name as typed; the error is what the user reads after the label of the field.
pub fn verifier(valeur: &str, genre: Genre) -> Result<(), String> {
    if valeur.is_empty() {
        return Err("la valeur est vide.".to_owned());
    }
    if let Some(refuse) = valeur.chars().find(|c| !permis(*c)) {
        return Err(raison(refuse));
    }
    if valeur.len() > LONGUEUR_MAX {
        return Err(format!("{LONGUEUR_MAX} caractères au plus."));
    }
    if valeur.starts_with([' ', '-']) {
        return Err(
            "le premier caractère ne peut être ni une espace ni un trait d'union.".to_owned(),
        );
    }
    if valeur.ends_with(' ') {
        return Err("le dernier caractère ne peut pas être une espace.".to_owned());
    }
    let doubled = valeur
        .as_bytes()
        .windows(2)
        .any(|pair| matches!(pair, [b' ' | b'\'', b' ' | b'\'']));
    if doubled {
        return Err("deux espaces ou apostrophes se suivent.".to_owned());
    }
    if genre == Genre::Prenom {
        if valeur.contains("--") {
            return Err("un prénom ne contient pas de double trait d'union.".to_owned());
        }
        if valeur.ends_with(['-', '\'']) {
            return Err(
                "un prénom ne se termine ni par un trait d'union ni par une apostrophe.".to_owned(),
            );
        }
    }
    Ok(())
}

fn permis(c: char) -> bool {
    c.is_ascii_uppercase() || matches!(c, ' ' | '\'' | '-')
}

fn raison(c: char) -> String {
    if c.is_ascii_lowercase() {
        return "saisissez en majuscules, sans accent ; les minuscules sont refusées.".to_owned();
    }
    if c.is_alphabetic() {
        return format!(
            "le caractère « {c} » est refusé ; saisissez en majuscules, sans accent ni signe diacritique."
        );
    }
    format!(
        "le caractère « {c} » est refusé ; seuls les lettres A à Z, l'espace, l'apostrophe droite et le trait d'union sont admis."
    )
}

/// Upper case without accents: `Éloïse` gives `ELOISE`, `œ` gives `OE`.
pub fn sans_accent(valeur: &str) -> String {
    let mut out = String::with_capacity(valeur.len());
    for c in valeur.chars() {
        let base = match c {
            'à' | 'â' | 'ä' | 'á' | 'ã' | 'å' | 'À' | 'Â' | 'Ä' | 'Á' | 'Ã' | 'Å' => {
                "A"
            }
            'ç' | 'Ç' => "C",
            'é' | 'è' | 'ê' | 'ë' | 'É' | 'È' | 'Ê' | 'Ë' => "E",
            'î' | 'ï' | 'í' | 'ì' | 'Î' | 'Ï' | 'Í' | 'Ì' => "I",
            'ñ' | 'Ñ' => "N",
            'ô' | 'ö' | 'ó' | 'ò' | 'õ' | 'Ô' | 'Ö' | 'Ó' | 'Ò' | 'Õ' => "O",
            'ù' | 'û' | 'ü' | 'ú' | 'Ù' | 'Û' | 'Ü' | 'Ú' => "U",
            'ÿ' | 'ý' | 'Ÿ' | 'Ý' => "Y",
            'œ' | 'Œ' => "OE",
            'æ' | 'Æ' => "AE",
            '’' => "'",
            _ => {
                out.extend(c.to_uppercase());
                continue;
            }
        };
        out.push_str(base);
    }
    out
}

/// For comparisons: no accent, no case, no hyphen, apostrophe or space.
pub fn cle(valeur: &str) -> String {
    sans_accent(valeur)
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '\''))
        .collect()
}

/// Words, hyphens and apostrophes counting as spaces.
pub fn mots(valeur: &str) -> Vec<String> {
    sans_accent(valeur)
        .split([' ', '-', '\''])
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_official_cases() {
        for nom in [
            "ADRUN",
            "D'ARTAGNAN DE L'HERAULT",
            "DE VINCI",
            "FAUX--DOUBLE",
            "'T HOOFT",
            &"A".repeat(100),
        ] {
            assert_eq!(verifier(nom, Genre::Nom), Ok(()), "{nom}");
        }
        for nom in [
            "",
            "Adrun",
            "D’ÆION",
            "ÉLOI",
            "A1",
            "A+B",
            " ADRUN",
            "-ADRUN",
            "ADRUN ",
            "DE  VINCI",
            "D''ION",
            "D' ION",
            "A.B",
            &"A".repeat(101),
        ] {
            assert!(verifier(nom, Genre::Nom).is_err(), "{nom:?}");
        }
        assert_eq!(verifier("PIERRE-ALAIN", Genre::Prenom), Ok(()));
        for prenom in ["JEAN--PAUL", "JEAN-", "JEAN'", "CŒUR"] {
            assert!(verifier(prenom, Genre::Prenom).is_err(), "{prenom}");
        }
    }

    #[test]
    fn comparisons_forget_accents_case_and_separators() {
        assert_eq!(
            cle("d’Artagnan-de l'Hérault"),
            cle("D'ARTAGNAN DE L'HERAULT")
        );
        assert_eq!(cle("Cœur"), "COEUR");
        assert_eq!(mots("PIERRE-ALAIN GUNTHER"), ["PIERRE", "ALAIN", "GUNTHER"]);
    }

    #[test]
    fn the_message_says_what_to_do() {
        let message = verifier("Adrun", Genre::Nom).unwrap_err();
        assert!(message.contains("majuscules"), "{message}");
        let message = verifier("MARTIN2", Genre::Nom).unwrap_err();
        assert!(message.contains('2'), "{message}");
    }
}

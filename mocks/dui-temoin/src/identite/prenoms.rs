//! Given names: coherence of the first with the list, grouping of a returned list, order of the INSi calls.

use super::lexique;

/// Does the list begin with the first prénom, hyphens and apostrophes counting as spaces?
pub fn coherent(premier: &str, liste: &[String]) -> bool {
    let premier = lexique::mots(premier);
    let liste: Vec<String> = liste.iter().flat_map(|p| lexique::mots(p)).collect();
    !premier.is_empty() && liste.starts_with(&premier)
}

/// Splits a returned `ListePrenom`. Spaces separate given names, but also stand inside composite
/// ones: where words match a composite prénom known locally, they stay together.
pub fn separer(liste: &str, connus: &[String]) -> Vec<String> {
    let words: Vec<&str> = liste.split_whitespace().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let taken = connus
            .iter()
            .filter_map(|connu| {
                let parts: Vec<&str> = connu.split_whitespace().collect();
                (parts.len() > 1 && words[at..].starts_with(&parts)).then_some(parts.len())
            })
            .max()
            .unwrap_or(1);
        out.push(words[at..at + taken].join(" "));
        at += taken;
    }
    out
}

/// Given names of the successive calls: the first alone, then each of the others, then all together.
pub fn essais(premier: &str, liste: &[String]) -> Vec<String> {
    let mut out = vec![premier.to_owned()];
    let mut rest = lexique::mots(premier).len();
    for prenom in liste {
        let words = lexique::mots(prenom).len();
        if coherent(premier, liste) && rest > 0 {
            // Still inside the first prénom, which may span several elements.
            rest = rest.saturating_sub(words);
        } else if !out.contains(prenom) {
            out.push(prenom.clone());
        }
    }
    if out.len() > 1 {
        out.push(liste.join(" "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn a_composite_first_name_is_coherent_with_a_list_without_hyphen() {
        assert!(coherent(
            "PIERRE-ALAIN",
            &list(&["PIERRE", "ALAIN", "GUNTHER"])
        ));
        assert!(coherent(
            "PIERRE-ALAIN",
            &list(&["PIERRE-ALAIN", "GUNTHER"])
        ));
        assert!(!coherent("OLA", &list(&["CATARINA", "BELLA"])));
        assert!(!coherent("PIERRE", &list(&["PIERRETTE"])));
        assert!(!coherent("", &list(&["ZOE"])));
    }

    #[test]
    fn the_calls_go_from_the_first_name_to_all_of_them() {
        assert_eq!(essais("ZOE", &list(&["ZOE"])), ["ZOE"]);
        assert_eq!(
            essais("PIERRE", &list(&["PIERRE", "PAUL", "JACQUES"])),
            ["PIERRE", "PAUL", "JACQUES", "PIERRE PAUL JACQUES"]
        );
        assert_eq!(
            essais("PIERRE-ALAIN", &list(&["PIERRE", "ALAIN", "GUNTHER"])),
            ["PIERRE-ALAIN", "GUNTHER", "PIERRE ALAIN GUNTHER"]
        );
        assert_eq!(
            essais("OLA", &list(&["CATARINA", "BELLA"])),
            ["OLA", "CATARINA", "BELLA", "CATARINA BELLA"]
        );
    }

    #[test]
    fn a_returned_list_keeps_known_composite_names_together() {
        assert_eq!(
            separer("ANNE LISE LEO", &list(&["ANNE LISE", "LEO"])),
            ["ANNE LISE", "LEO"]
        );
        assert_eq!(
            separer("PIERRE-ALAIN GUNTHER", &list(&["PIERRE-ALAIN"])),
            ["PIERRE-ALAIN", "GUNTHER"]
        );
        assert_eq!(separer("  ", &[]), Vec::<String>::new());
    }
}

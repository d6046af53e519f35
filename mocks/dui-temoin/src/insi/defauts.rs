//! Seeded defects in the way failures and unusual answers are handled, kept apart because there are many.
//!
//! Each is a branch that a hurried client has and that the reference DUI does not.

use super::client::{Issue, Panne};
use super::reponse::{Compte, Individu};
use crate::mutants::Mutants;

/// Says that reading the answer crashed.
pub(super) const PLANTAGE: &str = "plantage";

/// What becomes of a failure. The reference DUI returns it as it is.
pub(super) fn panne(panne: Panne, mutants: &Mutants) -> Result<Issue, Panne> {
    let crashes: [(&str, bool); 9] = [
        ("crash-on-html", matches!(panne, Panne::Http(503))),
        ("crash-on-cut-body", panne == Panne::Coupure),
        ("crash-on-reset", panne == Panne::Coupure),
        (
            "crash-on-refused-connection",
            matches!(panne, Panne::Connexion | Panne::Tls),
        ),
        ("crash-on-malformed-xml", panne == Panne::Illisible("xml")),
        ("crash-on-bad-bytes", panne == Panne::Illisible("octets")),
        (
            "crash-on-unknown-code",
            matches!(&panne, Panne::Faute(code) if code.starts_with("insi_9")),
        ),
        (
            "crash-without-detail",
            matches!(&panne, Panne::Faute(code) if code.starts_with("siram_")),
        ),
        (
            "crash-on-missing-individu",
            panne == Panne::Illisible("individu"),
        ),
    ];
    if crashes
        .iter()
        .any(|(name, concerned)| *concerned && mutants.mutant(name))
    {
        return Err(Panne::Plantage);
    }
    let swallowed: [(&str, bool); 6] = [
        ("tls-failure-as-nobody", panne == Panne::Tls),
        ("empty-body-as-nobody", panne == Panne::Illisible("vide")),
        (
            "foreign-xml-as-nobody",
            panne == Panne::Illisible("enveloppe"),
        ),
        (
            "unavailable-as-nobody",
            panne == Panne::Faute("desir_1020".to_owned()),
        ),
        (
            "rights-fault-as-nobody",
            panne == Panne::Faute("desir_560".to_owned()),
        ),
        (
            "fault-111-as-nobody",
            panne == Panne::Faute("insi_111".to_owned()),
        ),
    ];
    if swallowed
        .iter()
        .any(|(name, concerned)| *concerned && mutants.mutant(name))
    {
        return Ok(Issue::Personne);
    }
    Err(panne)
}

/// Answers that a client too strict, or too lax, misreads. `None` for the reference DUI.
pub(super) fn misread(text: &str, mutants: &Mutants) -> Option<Compte> {
    if text.contains("schemas.xmlsoap.org/soap/envelope") && mutants.mutant("soap11-fault-crash") {
        return Some(Compte::Illisible(PLANTAGE));
    }
    let unread: [(&str, bool); 7] = [
        (
            "mixed-prefixes-unread",
            text.contains("<soap:Envelope") && text.contains("<env:Body"),
        ),
        ("s-prefix-unread", text.contains("<S:Body")),
        ("env-prefix-unread", text.contains("<env:Envelope")),
        ("soap-prefix-unread", text.contains("<soap:Body")),
        ("no-prefix-unread", text.contains("<Envelope")),
        ("soap-header-unread", text.contains("Header")),
        ("element-order-required", dates_first(text)),
    ];
    unread
        .iter()
        .any(|(name, concerned)| *concerned && mutants.mutant(name))
        .then_some(Compte::Illisible("defaut"))
}

fn dates_first(text: &str) -> bool {
    match (text.find("DateDeb"), text.find("IdIndividu")) {
        (Some(date), Some(id)) => date < id,
        _ => false,
    }
}

/// Does a seeded defect refuse this matricule, although it is right?
pub(super) fn refuses_matricule(numero: &str, cle: &str, oid: &str, mutants: &Mutants) -> bool {
    let refused: [(&str, bool); 4] = [
        ("corsica-refused", numero.contains(['A', 'B'])),
        ("corsica-lowercase-refused", numero.contains(['a', 'b'])),
        ("key-97-refused", cle == "97"),
        ("test-oid-refused", oid.ends_with(".4.10")),
    ];
    refused
        .iter()
        .any(|(name, concerned)| *concerned && mutants.mutant(name))
}

/// What a parser that honours a DTD would hand over: entities replaced by the first text declared.
pub(super) fn expand(text: &str) -> String {
    let Some((before, rest)) = text.split_once("<!DOCTYPE") else {
        return text.to_owned();
    };
    let Some((dtd, after)) = rest.split_once("]>") else {
        return text.to_owned();
    };
    let value = dtd.split('"').nth(1).unwrap_or_default();
    let mut out = before.to_owned();
    let mut left = after;
    while let Some((head, tail)) = left.split_once('&') {
        out.push_str(head);
        match tail.split_once(';') {
            Some((name, next)) if !matches!(name, "amp" | "lt" | "gt" | "apos" | "quot") => {
                out.push_str(value);
                left = next;
            }
            _ => {
                out.push('&');
                left = tail;
            }
        }
    }
    out + left
}

/// Address of an external entity, which only the mutant fetches.
pub(super) fn external_entity(text: &str) -> Option<&str> {
    text.split_once("SYSTEM \"")?.1.split('"').next()
}

/// Former matricules that a seeded defect loses.
pub(super) fn trim_history(individu: &Individu, mutants: &Mutants) -> Individu {
    let mut out = individu.clone();
    if mutants.mutant("history-three-at-most") {
        out.historique.truncate(3);
    }
    if mutants.mutant("history-same-sex-only") {
        let sex = individu.actif.numero.chars().next();
        out.historique
            .retain(|old| old.numero.chars().next() == sex);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_is_expanded_once_the_dtd_is_gone() {
        let text = "<!DOCTYPE a [<!ENTITY x \"TEXTE\"><!ENTITY y \"&x;&x;\">]><a>&y; &amp;</a>";
        assert_eq!(expand(text), "<a>TEXTE &amp;</a>");
        assert_eq!(expand("<a>&amp;</a>"), "<a>&amp;</a>");
        let outside = "<!DOCTYPE a [<!ENTITY x SYSTEM \"https://localhost:1/x\">]><a>&x;</a>";
        assert_eq!(external_entity(outside), Some("https://localhost:1/x"));
    }

    #[test]
    fn the_reference_dui_passes_every_failure_on() {
        let none = Mutants::default();
        for failure in [Panne::Delai, Panne::Http(503), Panne::Illisible("vide")] {
            assert_eq!(panne(failure.clone(), &none), Err(failure));
        }
        assert_eq!(misread("<env:Envelope", &none), None);
        assert!(!refuses_matricule(
            "297022A020778",
            "97",
            "1.2.250.1.213.1.4.10",
            &none
        ));
        let seeded = Mutants::of(&["crash-on-html"]);
        assert_eq!(panne(Panne::Http(503), &seeded), Err(Panne::Plantage));
    }
}

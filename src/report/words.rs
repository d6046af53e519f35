//! Words that reports put on enum values, in the two languages.

use diapason_core::driver::ActionStatus;
use diapason_core::event::Attestation;
use diapason_core::requirement::Lang;
use diapason_core::scenario::{Arm, PscDecision};

/// An action's status.
pub(super) fn status(status: ActionStatus) -> &'static str {
    match status {
        ActionStatus::Done => "done",
        ActionStatus::Refused => "refused",
        ActionStatus::Unsupported => "unsupported",
        ActionStatus::Failed => "failed",
    }
}

/// An operator's answer.
pub(super) fn attestation(answer: Attestation) -> &'static str {
    match answer {
        Attestation::Yes => "oui",
        Attestation::No => "non",
        Attestation::Unattended => "personne pour répondre",
    }
}

/// A mock setting, on one line.
pub(super) fn arm(arm: &Arm) -> String {
    match arm {
        Arm::Fault(fault) => {
            let call = fault
                .from_call
                .map(|c| format!(" (appel {c})"))
                .unwrap_or_default();
            format!("{}{call}", fault.id)
        }
        Arm::PscUser(user) => format!(
            "PSC : {} {}",
            user.persona,
            match user.decision {
                PscDecision::Approve => "s'authentifie",
                PscDecision::Refuse => "refuse",
                PscDecision::Expire => "ne répond pas",
            }
        ),
        Arm::Advance(seconds) => format!("horloge + {seconds} s"),
        Arm::Persona(persona) => format!("INSi : {} modifié", persona.id),
        Arm::Dmp(dmp) => format!("DMP de {} modifié", dmp.persona),
        Arm::DmpDocument(document) => format!(
            "DMP de {} : {} document(s) d'un autre auteur",
            document.persona,
            document.nombre.unwrap_or(1)
        ),
        Arm::Verification(outcome) => format!("vérification INSi : {outcome}"),
        Arm::RotateKeys(_) => "PSC : changement de clés".to_owned(),
        Arm::EndSso(_) => "PSC : fin de session".to_owned(),
        Arm::Clear(_) => "fin des pannes".to_owned(),
    }
}

/// A label of the page.
pub(super) fn label(lang: Lang, key: &str) -> &'static str {
    let (fr, en) = match key {
        "title" => ("Rapport de banc d'essai", "Test bench report"),
        "conforme" => ("conforme", "conform"),
        "non_conforme" => ("non conforme", "not conform"),
        "reserve" => ("réserve", "reservation"),
        "non_concluant" => ("non concluant", "inconclusive"),
        "non_applicable" => ("non applicable", "not applicable"),
        "erreur_banc" => ("erreur du banc", "bench error"),
        "ecart" => ("écart constaté", "deviation seen"),
        "observee" => ("observée", "observed"),
        "non_concluante" => ("non concluante", "inconclusive"),
        "sans_objet" => ("sans objet", "not applicable"),
        "non_testee" => ("non testée", "not tested"),
        "observed" => ("observé", "observed"),
        "declared" => ("déclaré", "declared"),
        "attested" => ("attesté", "attested"),
        "error" => ("erreur", "error"),
        "warning" => ("avertissement", "warning"),
        "info" => ("information", "information"),
        "scenario" => ("scénario", "scenario"),
        "scenarios" => ("Scénarios", "Scenarios"),
        "requirements" => ("Exigences", "Requirements"),
        "requirement" => ("exigence", "requirement"),
        "finding" => ("constat", "finding"),
        "rule" => ("règle", "rule"),
        "findings" => ("Constats", "Findings"),
        "exchanges" => ("Échanges", "Exchanges"),
        "steps" => ("Étapes", "Steps"),
        "sequence" => ("Déroulé", "Sequence"),
        "request" => ("Requête", "Request"),
        "response" => ("Réponse", "Response"),
        "expected" => ("attendu", "expected"),
        "seen" => ("vu", "seen"),
        "hint" => ("À essayer", "What to try"),
        "source" => ("Source", "Source"),
        "verdict" => ("verdict", "verdict"),
        "evidence" => ("preuve", "evidence"),
        "official" => (
            "preuve officielle restant à produire",
            "official proof still to produce",
        ),
        "product" => ("Produit", "Product"),
        "run" => ("Campagne", "Run"),
        "driver" => ("pilote", "driver"),
        "started" => ("début", "started"),
        "duration" => ("durée", "duration"),
        "packs" => ("Règles", "Rule packs"),
        "switches" => (
            "Comportements simulés par choix",
            "Simulated behaviours chosen by us",
        ),
        "switches_why" => (
            "Le comportement réel n'est pas public ; aucune règle ne le juge.",
            "The real behaviour is not public; no rule judges it.",
        ),
        "limits" => (
            "Ce rapport dit ce qui a été observé, déclaré ou attesté. Il ne vaut ni homologation, ni référencement.",
            "This report says what was observed, declared or attested. It is neither an approval nor a référencement.",
        ),
        "judge_words" => (
            "Les constats sont rédigés en français par le banc.",
            "What was expected and seen, and the reasons given, quote the judge, whose wording is French.",
        ),
        "orphans" => ("Échanges hors scénario", "Exchanges outside any scenario"),
        "no_finding" => ("Aucun constat.", "No finding."),
        "checks" => ("vérifications", "checks"),
        "fault" => ("panne jouée", "fault played"),
        "refused" => ("Connexions refusées", "Refused connections"),
        "citizen_view" => (
            "Le dossier vu de Mon espace santé, à la fin",
            "The record as Mon espace santé shows it, at the end",
        ),
        "citizen_state" => ("état du DMP", "state of the DMP"),
        "not_attached" => (
            "non rattaché à Mon espace santé",
            "not attached to Mon espace santé",
        ),
        "document" => ("document", "document"),
        "author" => ("auteur", "author"),
        "state" => ("état", "state"),
        "seen_by_person" => ("vu de l'usager", "seen by the person"),
        "seen_by_guardians" => (
            "vu des représentants légaux",
            "seen by legal representatives",
        ),
        "seen_by_professionals" => ("vu des professionnels", "seen by professionals"),
        "yes" => ("oui", "yes"),
        "no" => ("non", "no"),
        "torn" => (
            "La dernière ligne du journal est incomplète : la campagne s'est arrêtée brutalement.",
            "The journal's last line is torn: the run died.",
        ),
        "reason" => ("motif", "reason"),
        "operation" => ("opération", "operation"),
        "result" => ("résultat", "result"),
        "bytes_in" => ("octets exacts dans", "exact bytes in"),
        "filter" => ("Filtrer", "Filter"),
        "all" => ("tout", "all"),
        "cut" => ("coupé ici", "cut here"),
        "same_as" => ("identique à", "same as"),
        _ => return "",
    };
    match lang {
        Lang::Fr => fr,
        Lang::En => en,
    }
}

/// Every label, for the template.
pub(super) const LABELS: &[&str] = &[
    "title",
    "conforme",
    "non_conforme",
    "reserve",
    "non_concluant",
    "non_applicable",
    "erreur_banc",
    "ecart",
    "observee",
    "non_concluante",
    "sans_objet",
    "non_testee",
    "observed",
    "declared",
    "attested",
    "error",
    "warning",
    "info",
    "scenario",
    "scenarios",
    "requirements",
    "requirement",
    "finding",
    "rule",
    "findings",
    "exchanges",
    "steps",
    "sequence",
    "request",
    "response",
    "expected",
    "seen",
    "hint",
    "source",
    "verdict",
    "evidence",
    "official",
    "product",
    "run",
    "driver",
    "started",
    "duration",
    "packs",
    "switches",
    "switches_why",
    "limits",
    "judge_words",
    "orphans",
    "no_finding",
    "checks",
    "fault",
    "refused",
    "citizen_view",
    "citizen_state",
    "not_attached",
    "document",
    "author",
    "state",
    "seen_by_person",
    "seen_by_guardians",
    "seen_by_professionals",
    "yes",
    "no",
    "torn",
    "reason",
    "operation",
    "result",
    "bytes_in",
    "filter",
    "all",
    "cut",
    "same_as",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_has_words_in_both_languages() {
        for key in LABELS {
            assert!(
                !label(Lang::Fr, key).is_empty() && !label(Lang::En, key).is_empty(),
                "{key}"
            );
        }
    }
}

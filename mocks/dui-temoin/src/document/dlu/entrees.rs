//! The coded entries of the DLU. Each points to the words of its section that people read.
//!
//! What this DUI does not know (product codes, dates of beginning) is a nullFlavor, never a made-up value.

use super::super::entete::code;
use super::super::noeud::{Noeud, noeud};
use super::super::nouvel_oid;
use super::LOINC;

fn modeles(element: Noeud, racines: &[&str]) -> Noeud {
    element.avec(racines.iter().map(|r| noeud("templateId").a("root", *r)))
}

fn id() -> Noeud {
    noeud("id").a("root", nouvel_oid())
}

/// The words of the section.
fn renvoi(ancre: &str) -> Noeud {
    noeud("text").avec([noeud("reference").a("value", format!("#{ancre}"))])
}

fn origine(ancre: &str) -> Noeud {
    noeud("originalText").avec([noeud("reference").a("value", format!("#{ancre}"))])
}

fn fini() -> Noeud {
    noeud("statusCode").a("code", "completed")
}

fn inconnu(element: &str, saveur: &str) -> Noeud {
    noeud(element).a("nullFlavor", saveur)
}

/// `oui`, `non`, or that it was not said.
pub(super) fn oui_non(dit: Option<bool>) -> &'static str {
    match dit {
        Some(true) => "oui",
        Some(false) => "non",
        None => "non renseigné",
    }
}

fn booleen(dit: Option<bool>) -> Noeud {
    let valeur = noeud("value").a("xsi:type", "BL");
    match dit {
        Some(dit) => valeur.a("value", dit.to_string()),
        None => valeur.a("nullFlavor", "NASK"),
    }
}

/// A simple observation with yes or no.
pub(super) fn observation(quoi: Noeud, ancre: &str, dit: Option<bool>) -> Noeud {
    let element = noeud("observation")
        .a("classCode", "OBS")
        .a("moodCode", "EVN");
    modeles(
        element,
        &["1.3.6.1.4.1.19376.1.5.3.1.4.13", "1.2.250.1.213.1.1.3.48"],
    )
    .avec([
        id(),
        quoi,
        renvoi(ancre),
        fini(),
        inconnu("effectiveTime", "NASK"),
        booleen(dit),
    ])
}

/// The wish of the person about where to be taken.
pub(super) fn disposition(hopital: Option<&str>) -> Noeud {
    let element = noeud("act").a("classCode", "ACT").a("moodCode", "INT");
    let acte = modeles(
        element,
        &[
            "1.3.6.1.4.1.19376.1.5.3.1.1.10.4.2",
            "1.2.250.1.213.1.1.3.97",
        ],
    )
    .avec([
        id(),
        code(
            "code",
            "11302-7",
            "Etablissement de santé de préférence",
            LOINC,
        ),
        renvoi("hopital"),
        noeud("statusCode").a("code", "active"),
        inconnu("effectiveTime", "NAV"),
    ]);
    let Some(nom) = hopital else { return acte };
    let role = noeud("participantRole").a("classCode", "ROL").avec([
        inconnu("id", "UNK"),
        inconnu("addr", "NASK"),
        inconnu("telecom", "NASK"),
        noeud("playingEntity").avec([noeud("name").dit(nom)]),
    ]);
    acte.avec([noeud("participant")
        .a("typeCode", "DST")
        .avec([inconnu("time", "NAV"), role])])
}

/// A treatment; without product, that none is in progress or known: the words of the section say which.
pub(super) fn traitement(ancre: &str, produit: Option<&str>) -> Noeud {
    let element = noeud("substanceAdministration")
        .a("classCode", "SBADM")
        .a("moodCode", "INT");
    let duree = noeud("effectiveTime").a("xsi:type", "IVL_TS");
    let nom = match produit {
        Some(produit) => noeud("name").dit(produit),
        None => inconnu("name", "NA"),
    };
    let saveur = if produit.is_some() { "UNK" } else { "NA" };
    let matiere =
        noeud("manufacturedMaterial").avec([inconnu("code", saveur).avec([origine(ancre)]), nom]);
    let fabrique = modeles(
        noeud("manufacturedProduct"),
        &[
            "2.16.840.1.113883.10.20.1.53",
            "1.3.6.1.4.1.19376.1.5.3.1.4.7.2",
            "1.2.250.1.213.1.1.3.43",
        ],
    );
    modeles(
        element,
        &[
            "2.16.840.1.113883.10.20.1.24",
            "1.3.6.1.4.1.19376.1.5.3.1.4.7",
            "1.2.250.1.213.1.1.3.42",
            "1.3.6.1.4.1.19376.1.5.3.1.4.7.1",
        ],
    )
    .avec([
        id(),
        renvoi(ancre),
        fini(),
        duree.avec([inconnu("low", "UNK"), inconnu("high", "UNK")]),
        noeud("consumable").avec([fabrique.avec([matiere])]),
    ])
}

/// An allergy, in the words of the user.
pub(super) fn allergie(ancre: &str) -> Noeud {
    let debut = || noeud("effectiveTime").avec([inconnu("low", "UNK")]);
    let observation = modeles(
        noeud("observation")
            .a("classCode", "OBS")
            .a("moodCode", "EVN"),
        &[
            "1.3.6.1.4.1.19376.1.5.3.1.4.5",
            "1.3.6.1.4.1.19376.1.5.3.1.4.6",
            "2.16.840.1.113883.10.20.1.18",
            "2.16.840.1.113883.10.20.1.28",
            "1.2.250.1.213.1.1.3.41",
        ],
    )
    .avec([
        id(),
        code(
            "code",
            "420134006",
            "propension aux effets indésirables",
            "2.16.840.1.113883.6.96",
        )
        .a("codeSystemName", "SNOMED CT"),
        renvoi(ancre),
        fini(),
        debut(),
        noeud("value").a("xsi:type", "CD").avec([origine(ancre)]),
    ]);
    modeles(
        noeud("act").a("classCode", "ACT").a("moodCode", "EVN"),
        &[
            "2.16.840.1.113883.10.20.1.27",
            "1.3.6.1.4.1.19376.1.5.3.1.4.5.1",
            "1.3.6.1.4.1.19376.1.5.3.1.4.5.3",
            "1.2.250.1.213.1.1.3.40",
        ],
    )
    .avec([
        id(),
        inconnu("code", "NA"),
        noeud("statusCode").a("code", "active"),
        debut(),
        noeud("entryRelationship")
            .a("typeCode", "SUBJ")
            .a("inversionInd", "false")
            .avec([observation]),
    ])
}

fn observation_directive(ancre: &str, quoi: Noeud) -> Noeud {
    let element = noeud("observation")
        .a("classCode", "OBS")
        .a("moodCode", "EVN");
    modeles(
        element,
        &[
            "2.16.840.1.113883.10.20.1.17",
            "1.3.6.1.4.1.19376.1.5.3.1.4.13",
            "1.3.6.1.4.1.19376.1.5.3.1.4.13.7",
            "1.2.250.1.213.1.1.3.54",
        ],
    )
    .avec([
        id(),
        quoi,
        renvoi(ancre),
        fini(),
        inconnu("effectiveTime", "NASK"),
    ])
}

/// Are there advance directives?
pub(super) fn directives(ancre: &str, existe: Option<bool>) -> Noeud {
    let quoi = code("code", "42348-3", "Directives anticipées", LOINC);
    observation_directive(ancre, quoi).avec([booleen(existe)])
}

/// One advance directive, in the words of the person.
pub(super) fn directive(ancre: &str) -> Noeud {
    observation_directive(ancre, code("code", "75793-0", "Autre directive", LOINC))
}

/// The act of an examination that this DUI does not describe further.
pub(super) fn acte(ancre: &str) -> Noeud {
    let element = noeud("procedure")
        .a("classCode", "PROC")
        .a("moodCode", "EVN");
    modeles(
        element,
        &[
            "1.3.6.1.4.1.19376.1.5.3.1.4.19",
            "2.16.840.1.113883.10.20.1.29",
            "1.2.250.1.213.1.1.3.62",
        ],
    )
    .avec([id(), inconnu("code", "NA"), renvoi(ancre), fini()])
}

/// An annexed document: its type, then the document.
fn document(nature: Noeud, ancre: &str, pdf: Option<&str>) -> Noeud {
    let valeur = noeud("value")
        .a("mediaType", "application/pdf")
        .a("representation", "B64");
    let valeur = match pdf {
        Some(pdf) => valeur.dit(pdf),
        None => valeur.a("nullFlavor", "NAV"),
    };
    let media = noeud("observationMedia")
        .a("classCode", "OBS")
        .a("moodCode", "EVN")
        .a("ID", format!("{ancre}-pdf"))
        .avec([id(), valeur]);
    let element = noeud("organizer")
        .a("classCode", "CLUSTER")
        .a("moodCode", "EVN");
    modeles(element, &["1.2.250.1.213.1.1.3.18"]).avec([
        id(),
        code("code", "55107-7", "Documents ajoutés", LOINC),
        fini(),
        noeud("component").avec([nature]),
        noeud("component").avec([media]),
    ])
}

fn nature(ancre: &str, racines: &[&str], valeur: Noeud) -> Noeud {
    let element = noeud("observation")
        .a("classCode", "OBS")
        .a("moodCode", "EVN");
    modeles(element, racines).avec([
        id(),
        code("code", "69764-9", "Type de document", LOINC),
        renvoi(ancre),
        fini(),
        inconnu("effectiveTime", "NA"),
        valeur,
    ])
}

/// The PDF copy of the whole document.
pub(super) fn copie(pdf: &str) -> Noeud {
    let valeur = code("value", "55108-5", "Copie du document", LOINC).a("xsi:type", "CD");
    let nature = nature(
        "copie",
        &["1.3.6.1.4.1.19376.1.5.3.1.4.13", "1.2.250.1.213.1.1.3.48"],
        valeur,
    );
    document(nature, "copie", Some(pdf))
}

/// A document of the check-list.
pub(super) fn annexe(ancre: &str, quoi: &str, libelle: &str, pdf: Option<&str>) -> Noeud {
    let valeur = code("value", quoi, libelle, "1.2.250.1.213.1.1.4.322").a("xsi:type", "CD");
    let nature = nature(
        ancre,
        &[
            "1.3.6.1.4.1.19376.1.5.3.1.4.13",
            "1.2.250.1.213.1.1.3.48",
            "1.2.250.1.213.1.1.3.48.18",
        ],
        valeur,
    );
    document(nature, ancre, pdf)
}

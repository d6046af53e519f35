//! The DLU as a whole: what the model requires is there, and every reference points to words that exist.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use super::*;

const HL7: &str = "urn:hl7-org:v3";
const SAISIE: &str = "Hôpital : CH FICTIF\nTraitement : PARACETAMOL ; 3 par jour\nAllergie : pénicilline\n\
    Directives anticipées : pas d'acharnement\nChutes : oui\nFugue : non\nPorte des lunettes.";

fn ecrit(saisie: &str, annexes: &[Annexe]) -> String {
    let corps = corps(&Saisie::lire(saisie), annexes, b"%PDF-1.4 essai");
    let racine = noeud("ClinicalDocument")
        .a("xmlns", HL7)
        .a("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")
        .avec([corps]);
    String::from_utf8(racine.ecrire().unwrap()).unwrap()
}

fn sections(lu: &roxmltree::Document<'_>) -> Vec<String> {
    lu.descendants()
        .filter(|n| n.has_tag_name((HL7, "section")))
        .map(|s| {
            let code = s.children().find(|n| n.has_tag_name((HL7, "code")));
            code.unwrap().attribute("code").unwrap().to_owned()
        })
        .collect()
}

#[test]
fn the_required_sections_are_there_even_when_nothing_was_typed() {
    let texte = ecrit("", &[]);
    let lu = roxmltree::Document::parse(&texte).unwrap();
    assert_eq!(
        sections(&lu),
        [
            "55108-5", "11302-7", "10160-0", "42348-3", "42545-4", "30954-2", "55107-7"
        ]
    );
    for silence in [
        "Traitements non renseignés",
        "Directives anticipées non renseignées",
    ] {
        assert!(texte.contains(silence));
    }
    assert!(!texte.contains("Aucun traitement"));
}

#[test]
fn what_was_typed_is_read_in_its_section() {
    let texte = ecrit(SAISIE, &[]);
    let lu = roxmltree::Document::parse(&texte).unwrap();
    let dans = |code: &str| -> String {
        let section = lu.descendants().find(|n| {
            n.has_tag_name((HL7, "section"))
                && n.children()
                    .any(|c| c.has_tag_name((HL7, "code")) && c.attribute("code") == Some(code))
        });
        section
            .unwrap()
            .descendants()
            .filter_map(|n| n.text())
            .collect()
    };
    for (code, mot) in [
        ("11302-7", "CH FICTIF"),
        ("10160-0", "PARACETAMOL"),
        ("10160-0", "3 par jour"),
        ("48765-2", "pénicilline"),
        ("42348-3", "pas d'acharnement"),
        ("55112-7", "Porte des lunettes."),
    ] {
        assert!(dans(code).contains(mot), "{mot} in {code}");
    }
    let valeur = |code: &str| {
        let observation = lu.descendants().find(|n| {
            n.has_tag_name((HL7, "observation"))
                && n.children()
                    .any(|c| c.has_tag_name((HL7, "code")) && c.attribute("code") == Some(code))
        });
        let valeur = observation
            .unwrap()
            .children()
            .find(|n| n.has_tag_name((HL7, "value")));
        let valeur = valeur.unwrap();
        (
            valeur.attribute("value").map(str::to_owned),
            valeur.attribute("nullFlavor").map(str::to_owned),
        )
    };
    assert_eq!(valeur("161898004"), (Some("true".to_owned()), None));
    assert_eq!(valeur("248046000"), (Some("false".to_owned()), None));
    assert_eq!(valeur("50239007"), (None, Some("NASK".to_owned())));
}

#[test]
fn every_reference_points_to_words_that_exist_and_every_id_is_used_once() {
    for saisie in ["", SAISIE] {
        let texte = ecrit(saisie, &[]);
        let lu = roxmltree::Document::parse(&texte).unwrap();
        let mut ancres = BTreeSet::new();
        for id in lu.descendants().filter_map(|n| n.attribute("ID")) {
            assert!(ancres.insert(id), "{id} twice");
        }
        let mut vues = 0;
        for n in lu.descendants() {
            if n.has_tag_name((HL7, "reference")) {
                let cible = n.attribute("value").unwrap().strip_prefix('#').unwrap();
                assert!(ancres.contains(cible), "{cible}");
                vues += 1;
            }
            if n.has_tag_name((HL7, "renderMultiMedia")) {
                assert!(ancres.contains(n.attribute("referencedObject").unwrap()));
                vues += 1;
            }
        }
        assert!(vues > 20, "{vues}");
    }
}

#[test]
fn each_section_named_by_the_code_is_in_the_data() {
    let noms: BTreeSet<&str> = DLU.sections.keys().map(String::as_str).collect();
    let attendus = [
        "copie",
        "disposition",
        "allergies",
        "traitements",
        "directives",
        "etat",
        "examens",
        "commentaire",
        "annexes",
    ];
    assert_eq!(noms, BTreeSet::from(attendus));
    assert_eq!(DLU.observations.len(), 15);
}

#[test]
fn an_annexed_document_is_the_pdf_of_the_newest_of_its_kind() {
    let cda = |pdf: &str| {
        let texte = noeud("text")
            .a("mediaType", "application/pdf")
            .a("representation", "B64")
            .dit(pdf);
        let corps = noeud("component").avec([noeud("nonXMLBody").avec([texte])]);
        let racine = noeud("ClinicalDocument").a("xmlns", HL7).avec([corps]);
        STANDARD.encode(racine.ecrire().unwrap())
    };
    let tenu = |usager: &str, nature: &str, version, pdf: &str| DocumentTenu {
        id: nouvel_oid(),
        set_id: "2.25.1".to_owned(),
        version,
        usager: usager.to_owned(),
        nature: nature.to_owned(),
        titre: "Ordonnance".to_owned(),
        date: diapason_core::Timestamp::try_from("2026-01-15T09:00:07.000Z".to_owned()).unwrap(),
        remplace: None,
        contenu: cda(pdf),
        ins: None,
        acte: None,
        format: "cda-n1".to_owned(),
    };
    let dossier = [
        tenu("usager-0001", "57833-6", 1, "AAAA"),
        tenu("usager-0001", "57833-6", 2, "BBBB"),
        tenu("usager-0002", "57833-6", 3, "CCCC"),
        tenu("usager-0001", "80788-3", 1, "DDDD"),
    ];
    let jointes = annexes(&dossier, "usager-0001");
    assert_eq!(jointes.len(), 1);
    assert_eq!(
        (jointes[0].code, jointes[0].pdf.as_str()),
        ("DLU_011", "BBBB")
    );
    let texte = ecrit("", &jointes);
    assert!(texte.contains(">BBBB<") && texte.contains("code=\"DLU_011\""));
}

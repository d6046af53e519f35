//! The DLU, document de liaison d'urgence: a CDA of level 3 that goes with a person to the emergency department.
//!
//! This module knows the sections and their order; `saisie` sorts what the user typed, `entrees` writes the coded entries.
//! The header is that of every document of this DUI (`super::entete`).

mod entrees;
mod saisie;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::entete::code;
use super::noeud::{Noeud, noeud};
use super::{DocumentTenu, nouvel_oid};
pub use saisie::{Medecin, Saisie, Traitement};

/// Code system LOINC.
const LOINC: &str = "2.16.840.1.113883.6.1";

/// The model, as its templateId names it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Modele {
    /// Root of the templateId.
    pub racine: String,
    /// Its extension.
    pub version: String,
    /// Code of the main act (LOINC).
    pub acte: String,
    /// Its label.
    pub acte_libelle: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    titre: String,
    code: String,
    libelle: String,
    modeles: Vec<String>,
}

/// An observation of the state of the person.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Observation {
    mots: String,
    code: String,
    libelle: String,
}

/// A kind of document that may be annexed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Liste {
    code: String,
    libelle: String,
    types: Vec<String>,
}

/// What `data/dlu.toml` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dlu {
    /// The model.
    pub modele: Modele,
    sections: BTreeMap<String, Section>,
    observations: Vec<Observation>,
    annexes: Vec<Liste>,
}

/// The model and its tables.
pub static DLU: LazyLock<Dlu> =
    LazyLock::new(
        || match toml::from_str(include_str!("../../../data/dlu.toml")) {
            Ok(lu) => lu,
            Err(error) => panic!("dlu.toml is compiled in and tested: {error}"),
        },
    );

/// A document of the record that goes with the DLU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annexe {
    code: &'static str,
    libelle: &'static str,
    /// The PDF, in base64.
    pdf: String,
}

/// The PDF that a CDA of level 1 carries, in base64.
fn pdf_de(document: &DocumentTenu) -> Option<String> {
    let cda = STANDARD.decode(&document.contenu).ok()?;
    let cda = String::from_utf8(cda).ok()?;
    let lu = roxmltree::Document::parse(&cda).ok()?;
    let texte = lu.descendants().find(|n| {
        n.has_tag_name(("urn:hl7-org:v3", "text"))
            && n.attribute("mediaType") == Some("application/pdf")
            && n.parent()
                .is_some_and(|p| p.tag_name().name() == "nonXMLBody")
    })?;
    Some(texte.text()?.trim().to_owned())
}

/// What of the record is annexed: for each kind of the check-list, the newest document of the person.
pub fn annexes(documents: &[DocumentTenu], usager: &str) -> Vec<Annexe> {
    DLU.annexes
        .iter()
        .filter_map(|liste| {
            let du_type = |d: &&DocumentTenu| d.usager == usager && liste.types.contains(&d.nature);
            let dernier = documents
                .iter()
                .filter(du_type)
                .max_by_key(|d| (d.date, d.version))?;
            Some(Annexe {
                code: &liste.code,
                libelle: &liste.libelle,
                pdf: pdf_de(dernier)?,
            })
        })
        .collect()
}

/// The structured body.
pub fn corps(saisie: &Saisie, annexes: &[Annexe], pdf: &[u8]) -> Noeud {
    let mut sections = vec![
        copie(pdf),
        disposition(saisie),
        traitements(saisie),
        directives(saisie),
        etat(saisie),
        examens(saisie),
    ];
    if !saisie.allergies.is_empty() {
        sections.insert(2, allergies(saisie));
    }
    if !saisie.commentaires.is_empty() {
        sections.push(commentaires(saisie));
    }
    sections.push(jointes(annexes));
    let sections = sections.into_iter().map(|s| noeud("component").avec([s]));
    noeud("component").avec([noeud("structuredBody").avec(sections)])
}

fn section(nom: &str, texte: Noeud, entrees: impl IntoIterator<Item = Noeud>) -> Noeud {
    let mut out = noeud("section");
    let Some(s) = DLU.sections.get(nom) else {
        // The names are those of this file, and a test reads them all in the data.
        return out;
    };
    for racine in &s.modeles {
        out = out.avec([noeud("templateId").a("root", racine)]);
    }
    out.avec([
        noeud("id").a("root", nouvel_oid()),
        code("code", &s.code, &s.libelle, LOINC).a("codeSystemName", "LOINC"),
        noeud("title").dit(&s.titre),
        texte,
    ])
    .avec(entrees.into_iter().map(|e| noeud("entry").avec([e])))
}

/// A cell that an entry points to.
fn cellule(id: &str, texte: &str) -> Noeud {
    noeud("td").avec([noeud("content").a("ID", id).dit(texte)])
}

/// A table, under its headings.
fn tableau(titres: &[&str], lignes: Vec<Vec<Noeud>>) -> Noeud {
    let titres = titres.iter().map(|t| noeud("th").dit(*t));
    noeud("text").avec([noeud("table").a("border", "0").avec([
        noeud("thead").avec([noeud("tr").avec(titres)]),
        noeud("tbody").avec(lignes.into_iter().map(|l| noeud("tr").avec(l))),
    ])])
}

/// The PDF of the whole document, for readers that show no structured body.
fn copie(pdf: &[u8]) -> Noeud {
    let montre = noeud("renderMultiMedia").a("referencedObject", "copie-pdf");
    let texte = noeud("text").avec([noeud("paragraph").avec([montre])]);
    let texte = texte.avec([noeud("content")
        .a("ID", "copie")
        .dit("Document complet en PDF")]);
    section("copie", texte, [entrees::copie(&STANDARD.encode(pdf))])
}

fn disposition(s: &Saisie) -> Noeud {
    let dit = s.hopital.as_deref().unwrap_or("Aucun souhait recueilli");
    let texte = noeud("text").avec([noeud("content").a("ID", "hopital").dit(dit)]);
    section(
        "disposition",
        texte,
        [entrees::disposition(s.hopital.as_deref())],
    )
}

fn allergies(s: &Saisie) -> Noeud {
    let id = |i: usize| format!("allergie-{}", i + 1);
    let lignes = s.allergies.iter().enumerate();
    let texte = tableau(
        &["Allergie ou intolérance"],
        lignes
            .clone()
            .map(|(i, a)| vec![cellule(&id(i), a)])
            .collect(),
    );
    section(
        "allergies",
        texte,
        lignes.map(|(i, _)| entrees::allergie(&id(i))),
    )
}

fn traitements(s: &Saisie) -> Noeud {
    let id = |i: usize| format!("traitement-{}", i + 1);
    if s.traitements.is_empty() {
        let dit = if s.sans_traitement {
            "Aucun traitement en cours"
        } else {
            "Traitements non renseignés"
        };
        let texte = tableau(&["Traitement"], vec![vec![cellule(&id(0), dit)]]);
        return section("traitements", texte, [entrees::traitement(&id(0), None)]);
    }
    let lignes = s.traitements.iter().enumerate();
    let texte = tableau(
        &["Produit", "Posologie"],
        lignes
            .clone()
            .map(|(i, t)| {
                let posologie = t.posologie.as_deref().unwrap_or("non renseignée");
                vec![cellule(&id(i), &t.produit), noeud("td").dit(posologie)]
            })
            .collect(),
    );
    section(
        "traitements",
        texte,
        lignes.map(|(i, t)| entrees::traitement(&id(i), Some(&t.produit))),
    )
}

fn directives(s: &Saisie) -> Noeud {
    let id = |i: usize| format!("directive-{}", i + 1);
    if s.directives.is_empty() {
        let dit = if s.sans_directive {
            "La personne n'a pas rédigé de directives anticipées"
        } else {
            "Directives anticipées non renseignées"
        };
        let texte = tableau(&["Directives anticipées"], vec![vec![cellule(&id(0), dit)]]);
        let existe = s.sans_directive.then_some(false);
        return section("directives", texte, [entrees::directives(&id(0), existe)]);
    }
    let lignes = s.directives.iter().enumerate();
    let texte = tableau(
        &["Directive"],
        lignes
            .clone()
            .map(|(i, d)| vec![cellule(&id(i), d)])
            .collect(),
    );
    section(
        "directives",
        texte,
        lignes.map(|(i, _)| entrees::directive(&id(i))),
    )
}

fn etat(s: &Saisie) -> Noeud {
    let id = |code: &str| format!("etat-{code}");
    let dit = |code: &str| s.etat.get(code).copied();
    let texte = tableau(
        &["Observation", "Constat"],
        DLU.observations
            .iter()
            .map(|o| {
                let constat = entrees::oui_non(dit(&o.code));
                vec![cellule(&id(&o.code), &o.libelle), noeud("td").dit(constat)]
            })
            .collect(),
    );
    let entrees = DLU.observations.iter().map(|o| {
        let quoi = code("code", &o.code, &o.libelle, "2.16.840.1.113883.6.96");
        entrees::observation(
            quoi.a("codeSystemName", "SNOMED CT"),
            &id(&o.code),
            dit(&o.code),
        )
    });
    section("etat", texte, entrees)
}

fn examens(s: &Saisie) -> Noeud {
    let texte = tableau(
        &["Recherche", "Résultat"],
        vec![vec![
            cellule("bmr", "Bactérie multirésistante"),
            noeud("td").dit(entrees::oui_non(s.bmr)),
        ]],
    );
    let quoi = code(
        "code",
        "U83.71",
        "Bactérie multirésistante [BMR]",
        "2.16.840.1.113883.6.3",
    );
    let observation = entrees::observation(quoi.a("codeSystemName", "CIM-10"), "bmr", s.bmr);
    section("examens", texte, [entrees::acte("bmr"), observation])
}

fn commentaires(s: &Saisie) -> Noeud {
    let texte = noeud("text").avec(s.commentaires.iter().map(|c| noeud("paragraph").dit(c)));
    section("commentaire", texte, [])
}

fn jointes(annexes: &[Annexe]) -> Noeud {
    let id = |i: usize| format!("annexe-{}", i + 1);
    if annexes.is_empty() {
        let (code, libelle) = DLU
            .annexes
            .first()
            .map_or(("", ""), |l| (l.code.as_str(), l.libelle.as_str()));
        let texte = tableau(
            &["Document", "Joint"],
            vec![vec![cellule(&id(0), libelle), noeud("td").dit("non")]],
        );
        return section(
            "annexes",
            texte,
            [entrees::annexe(&id(0), code, libelle, None)],
        );
    }
    let lignes = annexes.iter().enumerate();
    let texte = tableau(
        &["Document", "Joint"],
        lignes
            .clone()
            .map(|(i, a)| {
                let montre =
                    noeud("renderMultiMedia").a("referencedObject", format!("{}-pdf", id(i)));
                vec![cellule(&id(i), a.libelle), noeud("td").avec([montre])]
            })
            .collect(),
    );
    section(
        "annexes",
        texte,
        lignes.map(|(i, a)| entrees::annexe(&id(i), a.code, a.libelle, Some(&a.pdf))),
    )
}

#[cfg(test)]
mod tests;

//! The header of every document of this DUI (CI-SIS « structuration minimale »), and the body of level 1, a PDF.
//!
//! Elements are built in the order of the CDA R2 schema. What may be left out and is not known is left out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use diapason_core::Timestamp;
use diapason_core::driver::DocumentDestinataire;
use diapason_core::ins::Sexe;

use super::dlu::{Medecin, Modele};
use super::heure;
use super::noeud::{Noeud, noeud};
use super::site::{Etablissement, Professionnel, SITE, TypeDocument};
use crate::identite::Usager;
use crate::identite::usager::InsTenu;

/// Root of professionals' national ids.
pub const PS: &str = "1.2.250.1.71.4.2.1";
/// Root of structures' national ids.
pub const STRUCTURES: &str = "1.2.250.1.71.4.2.2";
const LOINC: &str = "2.16.840.1.113883.6.1";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// What a document is made of.
pub struct Matiere<'a> {
    /// Person.
    pub usager: &'a Usager,
    /// Matricule that may leave, if any.
    pub ins: Option<&'a InsTenu>,
    /// Professional who writes and validates.
    pub auteur: &'a Professionnel,
    /// Type.
    pub nature: &'a TypeDocument,
    /// Title.
    pub titre: &'a str,
    /// Id of this version.
    pub id: &'a str,
    /// Id of all versions.
    pub set_id: &'a str,
    /// Version.
    pub version: u32,
    /// Version replaced.
    pub remplace: Option<&'a str>,
    /// When it was validated.
    pub date: Timestamp,
    /// Recipients foreseen.
    pub destinataires: &'a [DocumentDestinataire],
    /// When the main act took place.
    pub acte: Timestamp,
    /// Body.
    pub corps: Corps<'a>,
}

/// What a document is made of, after its header.
pub enum Corps<'a> {
    /// Level 1: a PDF.
    Pdf(&'a [u8]),
    /// Level 3: the model, the usual doctor, the structured body (`component`).
    Structure {
        /// Model.
        modele: &'a Modele,
        /// Usual doctor, when known.
        medecin: Option<&'a Medecin>,
        /// Body.
        corps: Noeud,
    },
}

/// The whole document.
pub fn document(m: &Matiere<'_>) -> Noeud {
    let mut racine = noeud("ClinicalDocument").a("xmlns", "urn:hl7-org:v3");
    if matches!(m.corps, Corps::Structure { .. }) {
        racine = racine.a("xmlns:xsi", XSI);
    }
    racine = racine
        .avec([
            noeud("realmCode").a("code", "FR"),
            noeud("typeId")
                .a("root", "2.16.840.1.113883.1.3")
                .a("extension", "POCD_HD000040"),
            noeud("templateId").a("root", "2.16.840.1.113883.2.8.2.1"),
            noeud("templateId").a("root", "1.2.250.1.213.1.1.1.1"),
            modele(&m.corps),
            noeud("id").a("root", m.id),
            code("code", &m.nature.code, &m.nature.libelle, LOINC).a("codeSystemName", "LOINC"),
            noeud("title").dit(m.titre),
            instant("effectiveTime", m),
            code(
                "confidentialityCode",
                "N",
                "Normal",
                "2.16.840.1.113883.5.25",
            ),
            noeud("languageCode").a("code", "fr-FR"),
            noeud("setId").a("root", m.set_id),
            noeud("versionNumber").a("value", m.version.to_string()),
            record_target(m),
            auteur(m),
            custodian(&SITE.etablissement),
        ])
        .avec(m.destinataires.iter().map(destinataire))
        .avec([responsable(m)]);
    if let Corps::Structure { medecin, .. } = &m.corps {
        racine = racine.avec([medecin_traitant(*medecin)]);
    }
    racine = racine.avec([acte(m)]);
    if let Some(remplace) = m.remplace {
        racine = racine.avec([noeud("relatedDocument")
            .a("typeCode", "RPLC")
            .avec([noeud("parentDocument").avec([noeud("id").a("root", remplace)])])]);
    }
    let corps = match &m.corps {
        Corps::Pdf(pdf) => corps(pdf),
        Corps::Structure { corps, .. } => corps.clone(),
    };
    racine.avec([prise_en_charge(&SITE.etablissement), corps])
}

/// The model a document says it follows.
fn modele(corps: &Corps<'_>) -> Noeud {
    match corps {
        Corps::Pdf(_) => noeud("templateId").a("root", "1.3.6.1.4.1.19376.1.2.20"),
        Corps::Structure { modele, .. } => noeud("templateId")
            .a("root", &modele.racine)
            .a("extension", &modele.version),
    }
}

pub(super) fn code(element: &str, code: &str, libelle: &str, systeme: &str) -> Noeud {
    noeud(element)
        .a("code", code)
        .a("displayName", libelle)
        .a("codeSystem", systeme)
}

fn instant(element: &str, m: &Matiere<'_>) -> Noeud {
    noeud(element).a("value", heure::seconde(m.date))
}

/// The INS first when it may leave, then the local number; names as the referential of identities holds them.
fn record_target(m: &Matiere<'_>) -> Noeud {
    let u = m.usager;
    let i = &u.identite;
    let mut role = noeud("patientRole");
    if let Some(ins) = m.ins {
        role = role.avec([noeud("id")
            .a("root", ins.oid.as_str())
            .a("extension", ins.matricule.as_str())]);
    }
    let mut name = noeud("name").avec([
        noeud("family").a("qualifier", "BR").dit(&i.nom_naissance),
        noeud("given").dit(i.prenoms.join(" ")),
        noeud("given").a("qualifier", "BR").dit(&i.premier_prenom),
    ]);
    if let Some(nom) = &u.nom_utilise {
        name = name.avec([noeud("family").a("qualifier", "CL").dit(nom)]);
    }
    if let Some(prenom) = &u.prenom_utilise {
        name = name.avec([noeud("given").a("qualifier", "CL").dit(prenom)]);
    }
    let (sexe, libelle) = match i.sexe {
        Sexe::M => ("M", "Masculin"),
        Sexe::F => ("F", "Féminin"),
        Sexe::I => ("UN", "Inconnu"),
    };
    let mut patient = noeud("patient").avec([
        name,
        code(
            "administrativeGenderCode",
            sexe,
            libelle,
            "2.16.840.1.113883.5.1",
        ),
        noeud("birthTime").a("value", heure::naissance(&i.date_naissance)),
    ]);
    if let Some(lieu) = &i.lieu_naissance {
        let county = noeud("county").dit(lieu.as_str());
        patient = patient.avec([
            noeud("birthplace").avec([noeud("place").avec([noeud("addr").avec([county])])])
        ]);
    }
    // The person lives in the establishment; how to reach him is not asked by this DUI.
    let local = noeud("id")
        .a("root", &SITE.etablissement.oid_local)
        .a("extension", &u.id);
    noeud("recordTarget").avec([role.avec([
        local,
        adresse(&SITE.etablissement),
        noeud("telecom").a("nullFlavor", "NASK"),
        patient,
    ])])
}

fn adresse(e: &Etablissement) -> Noeud {
    noeud("addr").avec([
        noeud("houseNumber").dit(&e.numero),
        noeud("streetName").dit(&e.voie),
        noeud("postalCode").dit(&e.code_postal),
        noeud("city").dit(&e.commune),
    ])
}

fn telephone(e: &Etablissement) -> Noeud {
    noeud("telecom").a("value", &e.telephone).a("use", "WP")
}

fn structure(element: &str, e: &Etablissement) -> Noeud {
    noeud(element).avec([
        noeud("id")
            .a("root", STRUCTURES)
            .a("extension", &e.identifiant),
        noeud("name").dit(&e.nom),
        telephone(e),
        adresse(e),
    ])
}

/// Id, specialty, address, telephone, name and structure of a professional.
fn professionnel(element: &str, ps: &Professionnel) -> Noeud {
    let e = &SITE.etablissement;
    let mut out = noeud(element).avec([noeud("id").a("root", PS).a("extension", &ps.identifiant)]);
    if let Some((specialite, libelle)) = ps.specialite() {
        out = out.avec([code("code", specialite, libelle, "1.2.250.1.213.1.1.4.5")]);
    }
    let mut name = noeud("name");
    if let Some(civilite) = &ps.civilite {
        name = name.avec([noeud("prefix").dit(civilite)]);
    }
    let name = name.avec([noeud("given").dit(&ps.prenom), noeud("family").dit(&ps.nom)]);
    out.avec([
        adresse(e),
        telephone(e),
        noeud("assignedPerson").avec([name]),
        structure("representedOrganization", e),
    ])
}

fn auteur(m: &Matiere<'_>) -> Noeud {
    noeud("author").avec([
        instant("time", m),
        professionnel("assignedAuthor", m.auteur),
    ])
}

fn custodian(e: &Etablissement) -> Noeud {
    noeud("custodian")
        .avec([noeud("assignedCustodian").avec([structure("representedCustodianOrganization", e)])])
}

fn destinataire(d: &DocumentDestinataire) -> Noeud {
    let name = noeud("name").avec([noeud("given").dit(&d.prenom), noeud("family").dit(&d.nom)]);
    let mut prevu = noeud("intendedRecipient").avec([
        noeud("id")
            .a("root", PS)
            .a("extension", &d.identifiant_national),
        noeud("informationRecipient").avec([name]),
    ]);
    if let Some(structure) = &d.structure {
        let id = noeud("id").a("root", STRUCTURES).a("extension", structure);
        prevu = prevu.avec([noeud("receivedOrganization").avec([id])]);
    }
    noeud("informationRecipient")
        .a("typeCode", "PRCP")
        .avec([prevu])
}

fn responsable(m: &Matiere<'_>) -> Noeud {
    noeud("legalAuthenticator").avec([
        instant("time", m),
        noeud("signatureCode").a("code", "S"),
        professionnel("assignedEntity", m.auteur),
    ])
}

/// The usual doctor; the model wants him named, so what is not known of him is said not to be.
fn medecin_traitant(medecin: Option<&Medecin>) -> Noeud {
    let inconnu = |element: &str, saveur: &str| noeud(element).a("nullFlavor", saveur);
    // An id without extension, a name without family: refused by the header's own rules. Unknown, they are left out.
    let id = medecin
        .and_then(|m| m.identifiant.as_deref())
        .map(|identifiant| noeud("id").a("root", PS).a("extension", identifiant));
    let personne = medecin.map(|m| {
        noeud("associatedPerson").avec([noeud("name")
            .avec(m.prenom.iter().map(|p| noeud("given").dit(p)))
            .avec([noeud("family").dit(&m.nom)])])
    });
    noeud("participant").a("typeCode", "INF").avec([
        code(
            "functionCode",
            "PCP",
            "Médecin Traitant",
            "2.16.840.1.113883.5.88",
        ),
        inconnu("time", "UNK"),
        noeud("associatedEntity")
            .a("classCode", "PROV")
            .avec(id)
            .avec([inconnu("addr", "NASK"), inconnu("telecom", "NASK")])
            .avec(personne),
    ])
}

/// The main act: support by the establishment, carried out by the author.
fn acte(m: &Matiere<'_>) -> Noeud {
    let e = &SITE.etablissement;
    let mut executant = professionnel("assignedEntity", m.auteur);
    if let Some(organisation) = executant.premier("representedOrganization") {
        organisation.enfants.push(code(
            "standardIndustryClassCode",
            &e.cadre,
            &e.cadre_libelle,
            "1.2.250.1.213.1.1.4.9",
        ));
    }
    let debut = noeud("low").a("value", heure::minute(m.acte));
    let mut evenement = noeud("serviceEvent");
    if let Corps::Structure { modele, .. } = &m.corps {
        evenement = evenement.avec([code("code", &modele.acte, &modele.acte_libelle, LOINC)]);
    }
    noeud("documentationOf").avec([evenement.avec([
        noeud("effectiveTime").avec([debut]),
        noeud("performer").a("typeCode", "PRF").avec([executant]),
    ])])
}

fn prise_en_charge(e: &Etablissement) -> Noeud {
    let lieu = noeud("healthCareFacility").avec([
        noeud("id")
            .a("root", STRUCTURES)
            .a("extension", &e.identifiant),
        code("code", &e.secteur, &e.secteur_libelle, "1.2.250.1.71.4.2.4"),
    ]);
    noeud("componentOf").avec([noeud("encompassingEncounter").avec([
        noeud("effectiveTime").a("nullFlavor", "UNK"),
        noeud("location").avec([lieu]),
    ])])
}

fn corps(pdf: &[u8]) -> Noeud {
    let texte = noeud("text")
        .a("mediaType", "application/pdf")
        .a("representation", "B64")
        .dit(STANDARD.encode(pdf));
    noeud("component").avec([noeud("nonXMLBody").avec([texte])])
}

//! The metadata of a submission: the lot, its documents, the signature, and how they hang together.
//!
//! What the CDA header says as well comes from the same values as the header.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use diapason_core::Timestamp;
use diapason_core::driver::DmpChoix;
use diapason_core::ins::Sexe;
use diapason_formats::signature::{Digest, digest_hex};
use serde::Deserialize;
use time::UtcOffset;

use super::acteur::Acteur;
use super::registre::{LCM, RIM, libelle, slot};
use super::vihf::cx;
use crate::document::DocumentTenu;
use crate::document::entete::{PS, STRUCTURES};
use crate::document::heure;
use crate::document::noeud::{Noeud, noeud};
use crate::document::site::{self, SITE};
use crate::identite::Usager;
use crate::identite::usager::InsTenu;

const XDSB: &str = "urn:ihe:iti:xds-b:2007";
const HAS_MEMBER: &str = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember";
const ASSOCIATION: &str = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Association";
const PAQUET: &str = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:RegistryPackage";
const CLASSIFICATION: &str =
    "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Classification";
const EXTERNE: &str =
    "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:ExternalIdentifier";
const N: (&str, &str, &str) = ("N", "2.16.840.1.113883.5.25", "Normal");
/// Code system of the visibility codes.
pub const VISIBILITE: &str = "1.2.250.1.213.1.1.4.13";

/// A code, its system and its label.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// Code.
    pub code: String,
    /// Code system.
    pub systeme: String,
    /// Label.
    pub libelle: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Classes {
    libelles: BTreeMap<String, String>,
    types: BTreeMap<String, String>,
    formats: BTreeMap<String, Code>,
    activite: Code,
}

static CLASSES: LazyLock<Classes> =
    LazyLock::new(
        || match toml::from_str(include_str!("../../data/classes.toml")) {
            Ok(lu) => lu,
            Err(error) => panic!("classes.toml is compiled in and tested: {error}"),
        },
    );

/// What a lot is made of.
#[derive(Debug, Clone, Copy)]
pub struct Matiere<'a> {
    /// Person.
    pub usager: &'a Usager,
    /// Matricule.
    pub ins: &'a InsTenu,
    /// Professional who validated, and who sends.
    pub acteur: &'a Acteur,
    /// Document.
    pub document: &'a DocumentTenu,
    /// Its bytes.
    pub octets: &'a [u8],
    /// Bytes of the signature.
    pub signature: &'a [u8],
    /// uniqueId of the lot.
    pub lot: &'a str,
    /// uniqueId of the signature.
    pub signature_id: &'a str,
    /// Choices of the author.
    pub choix: &'a DmpChoix,
    /// entryUUID of the version replaced.
    pub remplace: Option<&'a str>,
    /// Now.
    pub date: Timestamp,
    /// When the signature was made.
    pub signe_le: Timestamp,
    /// OID of this installation.
    pub source: &'a str,
    /// National id of the structure.
    pub structure: &'a str,
}

/// `AAAAMMJJhhmmss`, in UTC.
pub fn utc(at: Timestamp) -> String {
    let t = at.date_time().to_offset(UtcOffset::UTC);
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

/// Lower-case hexadecimal SHA-1: what `hash` holds.
pub fn sha1(octets: &[u8]) -> String {
    digest_hex(Digest::Sha1, octets)
}

/// A professional as XCN.
pub fn xcn(a: &Acteur) -> String {
    let nature = if a.identifiant.contains('/') {
        "EI"
    } else {
        "IDNPS"
    };
    format!(
        "{}^{}^{}^^^^^^&{PS}&ISO^D^^^{nature}",
        a.identifiant, a.nom, a.prenom
    )
}

/// The establishment as XON.
pub fn xon(structure: &str) -> String {
    format!(
        "{}^^^^^&{STRUCTURES}&ISO^IDNST^^^{structure}",
        SITE.etablissement.nom
    )
}

/// An object of the lot under construction: numbers its classifications.
struct Objet {
    id: String,
    noeud: Noeud,
}

impl Objet {
    fn nouveau(element: &str, id: &str) -> Self {
        Self {
            id: id.to_owned(),
            noeud: noeud(element).a("id", id),
        }
    }

    fn avec(mut self, enfants: impl IntoIterator<Item = Noeud>) -> Self {
        self.noeud = self.noeud.avec(enfants);
        self
    }

    fn numero(&self) -> String {
        format!("{}-{:02}", self.id, self.noeud.enfants.len() + 1)
    }

    /// A coded classification.
    fn code(self, schema: &str, code: &str, systeme: &str, dit: &str) -> Self {
        let classification = noeud("rim:Classification")
            .a("classificationScheme", format!("urn:uuid:{schema}"))
            .a("classifiedObject", &self.id)
            .a("id", self.numero())
            .a("nodeRepresentation", code)
            .a("objectType", CLASSIFICATION)
            .avec([slot("codingScheme", [systeme]), libelle("rim:Name", dit)]);
        self.avec([classification])
    }

    /// An author: a person, his institution, his specialty.
    fn auteur(self, schema: &str, acteur: &Acteur, structure: &str) -> Self {
        let mut classification = noeud("rim:Classification")
            .a("classificationScheme", format!("urn:uuid:{schema}"))
            .a("classifiedObject", &self.id)
            .a("id", self.numero())
            .a("nodeRepresentation", "")
            .a("objectType", CLASSIFICATION)
            .avec([
                slot("authorInstitution", [xon(structure)]),
                slot("authorPerson", [xcn(acteur)]),
            ]);
        if let Some((code, dit)) = acteur.professionnel().specialite() {
            let specialite = format!("{code}^{dit}^1.2.250.1.213.1.1.4.5");
            classification = classification.avec([slot("authorSpecialty", [specialite])]);
        }
        self.avec([classification])
    }

    fn identifiant(self, schema: &str, valeur: &str, nom: &str) -> Self {
        let externe = noeud("rim:ExternalIdentifier")
            .a("id", self.numero())
            .a("identificationScheme", format!("urn:uuid:{schema}"))
            .a("objectType", EXTERNE)
            .a("registryObject", &self.id)
            .a("value", valeur)
            .avec([libelle("rim:Name", nom)]);
        self.avec([externe])
    }
}

/// The lot itself: what all submissions and updates have.
#[derive(Debug, Clone, Copy)]
pub struct EnteteLot<'a> {
    /// Matricule.
    pub ins: &'a InsTenu,
    /// Who sends.
    pub acteur: &'a Acteur,
    /// uniqueId of the lot.
    pub lot: &'a str,
    /// Title.
    pub titre: &'a str,
    /// Now.
    pub date: Timestamp,
    /// OID of this installation.
    pub source: &'a str,
    /// National id of the structure.
    pub structure: &'a str,
}

/// Symbolic id of the lot.
pub const LOT: &str = "SubmissionSet01";

/// The `RegistryPackage`.
pub fn paquet(l: &EnteteLot<'_>) -> Noeud {
    let activite = &CLASSES.activite;
    let mut objet = Objet::nouveau("rim:RegistryPackage", LOT)
        .avec([
            slot("submissionTime", [utc(l.date)]),
            libelle("rim:Name", l.titre),
        ])
        .auteur(
            "a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d",
            l.acteur,
            l.structure,
        )
        .code(
            "aa543740-bdda-424e-8c96-df4873be8500",
            &activite.code,
            &activite.systeme,
            &activite.libelle,
        );
    objet.noeud.poser("objectType", PAQUET);
    let nature = noeud("rim:Classification")
        .a(
            "classificationNode",
            "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd",
        )
        .a("classifiedObject", LOT)
        .a("id", objet.numero())
        .a("objectType", CLASSIFICATION);
    objet
        .avec([nature])
        .identifiant(
            "6b5aea1a-874d-4603-a4bc-96a0a7b38446",
            &cx(l.ins),
            "XDSSubmissionSet.patientId",
        )
        .identifiant(
            "554ac39e-e3fe-47fe-b233-965d2a147832",
            l.source,
            "XDSSubmissionSet.sourceId",
        )
        .identifiant(
            "96fdda7c-d067-4183-912e-bf5ee74998a8",
            l.lot,
            "XDSSubmissionSet.uniqueId",
        )
        .noeud
}

/// An association between two objects of the lot, or from one of them to an object of the registry.
pub fn association(
    id: &str,
    nature: &str,
    source: &str,
    cible: &str,
    slots: impl IntoIterator<Item = Noeud>,
) -> Noeud {
    noeud("rim:Association")
        .a("associationType", nature)
        .a("id", id)
        .a("objectType", ASSOCIATION)
        .a("sourceObject", source)
        .a("targetObject", cible)
        .avec(slots)
}

/// Membership of an object in the lot.
pub fn membre(id: &str, cible: &str) -> Noeud {
    association(
        id,
        HAS_MEMBER,
        LOT,
        cible,
        [slot("SubmissionSetStatus", ["Original"])],
    )
}

/// Visibility codes chosen by the author.
fn visibilites(choix: &DmpChoix) -> Vec<(&'static str, &'static str)> {
    [
        (
            choix.masque_ps,
            "MASQUE_PS",
            "Masqué aux professionnels de santé",
        ),
        (
            choix.invisible_patient,
            "INVISIBLE_PATIENT",
            "Document non visible par le patient",
        ),
        (
            choix.invisible_representants,
            "INVISIBLE_REPRESENTANTS_LEGAUX",
            "Non visible par les représentants légaux du patient",
        ),
    ]
    .into_iter()
    .filter(|(chosen, _, _)| *chosen)
    .map(|(_, code, dit)| (code, dit))
    .collect()
}

/// Classification of confidentiality.
pub const CONFIDENTIALITE: &str = "f4f85eac-e6cb-4883-b524-f2705394840f";

/// Slots that the document and its signature share.
fn lieux(objet: Objet) -> Objet {
    let e = &SITE.etablissement;
    objet
        .code(
            "f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1",
            &e.secteur,
            "1.2.250.1.71.4.2.4",
            &e.secteur_libelle,
        )
        .code(
            "cccf5598-8b07-4b77-a05e-ae952c785ead",
            &e.cadre,
            "1.2.250.1.213.1.1.4.9",
            &e.cadre_libelle,
        )
}

fn identifiants(objet: Objet, ins: &InsTenu, unique_id: &str) -> Noeud {
    objet
        .identifiant(
            "58a6f841-87b3-4a3e-92fd-a8ffeff98427",
            &cx(ins),
            "XDSDocumentEntry.patientId",
        )
        .identifiant(
            "2e82c1f6-a085-4c72-9da3-8640a32e42ab",
            unique_id,
            "XDSDocumentEntry.uniqueId",
        )
        .noeud
}

fn entree(id: &str, m: &Matiere<'_>, langue: &str, octets: &[u8], cree: Timestamp) -> Objet {
    let u = m.usager;
    let i = &u.identite;
    let sexe = match i.sexe {
        Sexe::M => "M",
        Sexe::F => "F",
        Sexe::I => "U",
    };
    let naissance = heure::naissance(&i.date_naissance);
    let local = format!("{}^^^&{}&ISO^PI", u.id, SITE.etablissement.oid_local);
    let mut objet = Objet::nouveau("rim:ExtrinsicObject", id);
    objet.noeud.poser("mimeType", "text/xml");
    objet.noeud.poser(
        "objectType",
        "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1",
    );
    let acte = m.document.acte.unwrap_or(m.document.date);
    objet.avec([
        slot("creationTime", [utc(cree)]),
        slot("languageCode", [langue]),
        slot("hash", [sha1(octets)]),
        slot("size", [octets.len().to_string()]),
        slot("legalAuthenticator", [xcn(m.acteur)]),
        slot("serviceStartTime", [utc(a_la_minute(acte))]),
        slot("sourcePatientId", [local]),
        slot(
            "sourcePatientInfo",
            [
                format!("PID-5|{}^{}^^^^^L", i.nom_naissance, i.premier_prenom),
                format!("PID-7|{naissance}"),
                format!("PID-8|{sexe}"),
            ],
        ),
    ])
}

/// The header gives the act to the minute: so does the metadata.
fn a_la_minute(at: Timestamp) -> Timestamp {
    Timestamp::from_unix_millis(at.unix_millis() - at.unix_millis().rem_euclid(60_000))
}

fn document(m: &Matiere<'_>) -> Noeud {
    let d = m.document;
    let classe = CLASSES.types.get(&d.nature).map_or("10", String::as_str);
    let classe_dite = CLASSES.libelles.get(classe).map_or("", String::as_str);
    let type_dit = site::type_document(&d.nature).map_or("", |t| t.libelle.as_str());
    let mut objet = entree(DOCUMENT, m, "fr-FR", m.octets, d.date)
        .avec([libelle("rim:Name", &d.titre)])
        .auteur(
            "93606bcf-9494-43ec-9b4e-a7748d1a838d",
            m.acteur,
            m.structure,
        )
        .code(
            "41a5887f-8865-4c09-adf7-e362475b143a",
            classe,
            "1.2.250.1.213.1.1.4.1",
            classe_dite,
        )
        .code(CONFIDENTIALITE, N.0, N.1, N.2);
    for (code, dit) in visibilites(m.choix) {
        objet = objet.code(CONFIDENTIALITE, code, VISIBILITE, dit);
    }
    if let Some(format) = CLASSES
        .formats
        .get(&d.format)
        .or_else(|| CLASSES.formats.get("cda-n1"))
    {
        objet = objet.code(
            "a09d5840-386c-46f2-b5ad-9c3699a4309d",
            &format.code,
            &format.systeme,
            &format.libelle,
        );
    }
    let objet = lieux(objet).code(
        "f0306f51-975f-434e-a61c-c59651d33983",
        &d.nature,
        "2.16.840.1.113883.6.1",
        type_dit,
    );
    identifiants(objet, m.ins, &d.id)
}

/// Symbolic id of the document.
pub const DOCUMENT: &str = "Document01";
/// Symbolic id of the signature.
pub const SIGNATURE: &str = "Signature01";

fn signature(m: &Matiere<'_>) -> Noeud {
    let objet = entree(SIGNATURE, m, "art", m.signature, m.signe_le)
        .avec([libelle("rim:Name", "Source")])
        .auteur(
            "93606bcf-9494-43ec-9b4e-a7748d1a838d",
            m.acteur,
            m.structure,
        )
        .code(
            "41a5887f-8865-4c09-adf7-e362475b143a",
            "urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1",
            "URN",
            "Digital Signature",
        )
        .code(CONFIDENTIALITE, N.0, N.1, N.2)
        .code(
            CONFIDENTIALITE,
            "MASQUE_PS",
            VISIBILITE,
            "Masqué aux professionnels de santé",
        )
        .code(
            CONFIDENTIALITE,
            "INVISIBLE_PATIENT",
            VISIBILITE,
            "Document non visible par le patient",
        )
        .code(
            "2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4",
            "1.2.840.10065.1.12.1.14",
            "1.2.840.10065.1.12",
            "Source",
        )
        .code(
            "a09d5840-386c-46f2-b5ad-9c3699a4309d",
            "http://www.w3.org/2000/09/xmldsig#",
            "URN",
            "Default Signature Style",
        );
    let objet = lieux(objet).code(
        "f0306f51-975f-434e-a61c-c59651d33983",
        "E1762",
        "ASTM",
        "Full Document",
    );
    identifiants(objet, m.ins, m.signature_id)
}

/// `SubmitObjectsRequest` around objects.
pub fn soumission(objets: impl IntoIterator<Item = Noeud>) -> Noeud {
    noeud("lcm:SubmitObjectsRequest")
        .a("xmlns:lcm", LCM)
        .a("xmlns:rim", RIM)
        .avec([noeud("rim:RegistryObjectList").avec(objets)])
}

/// The body of TD2.1: metadata, then the documents, each in its part.
pub fn alimentation(m: &Matiere<'_>, pieces: [(&str, Noeud); 2]) -> Noeud {
    let titre = format!("Alimentation par {}", SITE.etablissement.nom);
    let mut objets = vec![
        paquet(&EnteteLot {
            ins: m.ins,
            acteur: m.acteur,
            lot: m.lot,
            titre: &titre,
            date: m.date,
            source: m.source,
            structure: m.structure,
        }),
        document(m),
        signature(m),
        membre("Membre01", DOCUMENT),
        membre("Membre02", SIGNATURE),
        association(
            "Signe01",
            "urn:ihe:iti:2007:AssociationType:signs",
            SIGNATURE,
            LOT,
            [slot("SubmissionSetStatus", ["Original"])],
        ),
    ];
    if let Some(cible) = m.remplace {
        objets.push(association(
            "Remplace01",
            "urn:ihe:iti:2007:AssociationType:RPLC",
            DOCUMENT,
            cible,
            [],
        ));
    }
    let documents = pieces
        .into_iter()
        .map(|(id, inclus)| noeud("xdsb:Document").a("id", id).avec([inclus]));
    noeud("xdsb:ProvideAndRegisterDocumentSetRequest")
        .a("xmlns:xdsb", XDSB)
        .avec([soumission(objets)])
        .avec(documents)
}

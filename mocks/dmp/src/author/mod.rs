//! Documents that somebody else put into a DMP: their metadata and their CDA, written here.

mod cda;
mod pdf;
mod times;

use std::sync::LazyLock;

use diapason_core::persona::{Ins, Person};
use diapason_core::scenario::DmpDocumentArm;
use diapason_core::{Sha256Hex, Timestamp};
use diapason_mock_common::http::Bytes;
use serde::Deserialize;

use crate::names::{
    APPROVED, DE_AUTHOR, DE_CLASS, DE_CONFIDENTIALITY, DE_FACILITY, DE_FORMAT, DE_PATIENT,
    DE_PRACTICE, DE_TYPE, DE_TYPE_CODE, DE_UNIQUE, DEPRECATED, HAS_MEMBER, INVISIBLE_PATIENT,
    INVISIBLE_RL, MASQUE_PS, REPOSITORY, RPLC, SS_AUTHOR, SS_CONTENT_TYPE, SS_PATIENT, SS_SOURCE,
    SS_UNIQUE, SUBMISSION_SET, VISIBILITY,
};
use crate::state::{Classification, Entry, Lot, Object, State, compact};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Professionnel {
    identifiant: String,
    nom: String,
    prenom: String,
    specialite: String,
    specialite_libelle: String,
    specialite_systeme: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Etablissement {
    identifiant: String,
    nom: String,
    secteur: String,
    secteur_libelle: String,
    cadre: String,
    cadre_libelle: String,
    oid_local: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Auteur {
    professionnel: Professionnel,
    etablissement: Etablissement,
}

static AUTEUR: LazyLock<Auteur> = LazyLock::new(|| {
    toml::from_str(include_str!("../../data/auteur.toml"))
        .expect("the embedded file is read by a test")
});

/// A type of document.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Type {
    code: String,
    systeme: String,
    libelle: String,
    classe: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Types {
    classes: std::collections::BTreeMap<String, String>,
    r#type: Vec<Type>,
}

static TYPES: LazyLock<Types> = LazyLock::new(|| {
    toml::from_str(include_str!("../../data/types.toml"))
        .expect("the embedded file is read by a test")
});

/// Form of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forme {
    Pdf,
    N3,
    /// Self-presenting: the stylesheet is the root, the CDA its data.
    Presentable,
    /// The same, with active content that a reader must not run.
    Hostile,
}

impl Forme {
    fn of(word: Option<&str>) -> Result<Self, String> {
        match word.unwrap_or("pdf") {
            "pdf" => Ok(Self::Pdf),
            "n3" => Ok(Self::N3),
            "auto_presentable" => Ok(Self::Presentable),
            "auto_presentable_hostile" => Ok(Self::Hostile),
            other => Err(format!(
                "forme {other:?} is none of pdf, n3, auto_presentable, auto_presentable_hostile"
            )),
        }
    }

    fn mime(self) -> &'static str {
        match self {
            Self::Pdf | Self::N3 => "text/xml",
            Self::Presentable | Self::Hostile => "application/xslt+xml",
        }
    }

    /// formatCode, its scheme and its label.
    fn format(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Pdf => (
                "urn:ihe:iti:xds-sd:pdf:2008",
                "1.3.6.1.4.1.19376.1.2.3",
                "Document PDF dans un CDA",
            ),
            Self::N3 | Self::Presentable | Self::Hostile => (
                "urn:asipSante:modelesHorsProfils:2011",
                "1.2.250.1.213.1.1.4.2.282",
                "Modèle hors profils",
            ),
        }
    }
}

/// What a CDA is written from.
struct Ecrit<'a> {
    person: &'a Person,
    ins: &'a Ins,
    kind: &'a Type,
    titre: &'a str,
    unique_id: &'a str,
    set_id: &'a str,
    version: u32,
    replaces: Option<&'a str>,
    at: Timestamp,
    forme: Forme,
    by_patient: bool,
}

/// An OID of the UUID arc, from a text.
pub(crate) fn oid_of(text: &str) -> String {
    let hash = Sha256Hex::of(format!("diapason-dmp oid {text}").as_bytes());
    let number = u128::from_str_radix(&hash.as_str()[..31], 16).unwrap_or(1);
    format!("2.25.{}", number.max(1))
}

/// Puts the documents of an arm into the person's DMP.
pub(crate) fn put(state: &mut State, arm: &DmpDocumentArm, now: Timestamp) -> Result<(), String> {
    let forme = Forme::of(arm.forme.as_deref())?;
    let person = state
        .people
        .get(&arm.persona)
        .cloned()
        .ok_or_else(|| format!("no persona {}; see `diapason list personas`", arm.persona))?;
    if state.statut(&arm.persona).is_none() {
        return Err(format!("{} has no DMP", arm.persona));
    }
    let code = arm.r#type.as_deref().unwrap_or(if arm.par_le_patient {
        "EXPPAT_1"
    } else {
        "11488-4"
    });
    let kind = TYPES
        .r#type
        .iter()
        .find(|t| t.code == code)
        .ok_or_else(|| format!("type {code:?} is not in mocks/dmp/data/types.toml"))?;
    for code in &arm.confidentialite {
        if !matches!(code.as_str(), MASQUE_PS | INVISIBLE_PATIENT | INVISIBLE_RL) {
            return Err(format!(
                "confidentialite {code:?} is none of {MASQUE_PS}, {INVISIBLE_PATIENT}, {INVISIBLE_RL}"
            ));
        }
    }
    let mut all = state.people.matricules(&arm.persona);
    if all.is_empty() {
        return Err(format!("{} has no INS", arm.persona));
    }
    let ins = match (arm.ancien_matricule, all.len()) {
        (false, _) => all.swap_remove(0),
        (true, 1) => return Err(format!("{} never had another matricule", arm.persona)),
        (true, _) => all.swap_remove(1),
    };
    let age = i64::try_from(arm.age_secondes.unwrap_or(3_600)).unwrap_or(0);
    let count = arm.nombre.unwrap_or(1);
    for rank in 0..count {
        // The oldest first, a minute apart.
        let older = age + 60 * i64::from(count - 1 - rank);
        let at = Timestamp::from_unix_millis(now.unix_millis() - older * 1_000);
        let titre = match (&arm.titre, count) {
            (Some(titre), 1) => titre.clone(),
            (Some(titre), _) => format!("{titre} {}", rank + 1),
            (None, 1) => kind.libelle.clone(),
            (None, _) => format!("{} {}", kind.libelle, rank + 1),
        };
        one(state, arm, &person, &ins, kind, &titre, at, forme)?;
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the arm, resolved")]
fn one(
    state: &mut State,
    arm: &DmpDocumentArm,
    person: &Person,
    ins: &Ins,
    kind: &Type,
    titre: &str,
    at: Timestamp,
    forme: Forme,
) -> Result<(), String> {
    let seed = state.fresh("document");
    let unique_id = oid_of(&seed);
    let old = if arm.remplace_le_dernier {
        let last = state
            .registry
            .entries
            .iter()
            .rev()
            .find(|e| {
                e.persona == arm.persona && !e.signature && e.is_approved() && !e.actor.is_empty()
            })
            .filter(|e| e.structure == AUTEUR.etablissement.identifiant)
            .map(|e| (e.object.id.clone(), e.unique_id.clone()));
        Some(last.ok_or_else(|| "nothing was put before that could be replaced".to_owned())?)
    } else {
        None
    };
    let ecrit = Ecrit {
        person,
        ins,
        kind,
        titre,
        unique_id: &unique_id,
        set_id: old.as_ref().map_or(&unique_id, |(_, unique)| unique),
        version: if old.is_some() { 2 } else { 1 },
        replaces: old.as_ref().map(|(_, unique)| unique.as_str()),
        at,
        forme,
        by_patient: arm.par_le_patient,
    };
    let bytes = Bytes::from(cda::write(&ecrit));
    let (lot_id, entry_id) = (state.fresh("lot"), state.fresh("entry"));
    let mut object = metadata(&ecrit, &bytes, &arm.confidentialite);
    object.id.clone_from(&entry_id);
    object.lid = Some(entry_id.clone());
    let package = lot(&ecrit, &lot_id, &seed);
    let lot_unique = package.identifier(SS_UNIQUE).unwrap_or_default().to_owned();
    state.registry.lots.push(Lot {
        object: package,
        persona: arm.persona.clone(),
        unique_id: lot_unique,
    });
    state.registry.entries.push(Entry {
        object,
        persona: arm.persona.clone(),
        unique_id,
        version: 1,
        bytes,
        signature: false,
        structure: AUTEUR.etablissement.identifiant.clone(),
        actor: AUTEUR.professionnel.identifiant.clone(),
        by_patient: arm.par_le_patient,
        at,
    });
    associate(state, HAS_MEMBER, &lot_id, &entry_id);
    if let Some((old, _)) = old {
        if let Some(entry) = state.registry.entry_mut(&old) {
            entry.object.status = Some(DEPRECATED.to_owned());
        }
        associate(state, RPLC, &entry_id, &old);
    }
    Ok(())
}

fn associate(state: &mut State, kind: &str, source: &str, target: &str) {
    let mut slots = Vec::new();
    if kind == HAS_MEMBER {
        slots.push((
            "SubmissionSetStatus".to_owned(),
            vec!["Original".to_owned()],
        ));
    }
    let id = state.fresh("association");
    state.registry.associations.push(Object {
        id,
        status: Some(APPROVED.to_owned()),
        slots,
        association: (kind.to_owned(), source.to_owned(), target.to_owned()),
        ..Object::default()
    });
}

fn cx(ins: &Ins) -> String {
    format!("{}^^^&{}&ISO^NH", ins.matricule, ins.oid)
}

/// Author of the metadata: the hospital's physician, or the person.
fn author(ecrit: &Ecrit<'_>, scheme: &str) -> Classification {
    let slot = |name: &str, value: String| (name.to_owned(), vec![value]);
    let (p, e) = (&AUTEUR.professionnel, &AUTEUR.etablissement);
    let slots = if ecrit.by_patient {
        let t = &ecrit.person.traits;
        let first = t.prenoms.first().map_or("", String::as_str);
        vec![slot(
            "authorPerson",
            format!(
                "{}^{}^{first}^^^^^^&{}&ISO^D^^^NH",
                ecrit.ins.matricule, t.nom_naissance, ecrit.ins.oid
            ),
        )]
    } else {
        vec![
            slot("authorPerson", xcn()),
            slot(
                "authorInstitution",
                format!(
                    "{}^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^{}",
                    e.nom, e.identifiant
                ),
            ),
            slot(
                "authorSpecialty",
                format!(
                    "{}^{}^{}",
                    p.specialite, p.specialite_libelle, p.specialite_systeme
                ),
            ),
        ]
    };
    Classification {
        scheme: scheme.to_owned(),
        slots,
        ..Classification::default()
    }
}

fn xcn() -> String {
    let p = &AUTEUR.professionnel;
    format!(
        "{}^{}^{}^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS",
        p.identifiant, p.nom, p.prenom
    )
}

fn metadata(ecrit: &Ecrit<'_>, bytes: &Bytes, confidentiality: &[String]) -> Object {
    let (kind, e) = (ecrit.kind, &AUTEUR.etablissement);
    let t = &ecrit.person.traits;
    let time = compact(ecrit.at);
    let first = t.prenoms.first().map_or("", String::as_str);
    let slot = |name: &str, values: Vec<String>| (name.to_owned(), values);
    let (format, format_scheme, format_label) = ecrit.forme.format();
    let class = TYPES.classes.get(&kind.classe).map_or("", String::as_str);
    let code = Classification::code;
    let mut classifications = vec![
        author(ecrit, DE_AUTHOR),
        code(DE_CLASS, &kind.classe, "1.2.250.1.213.1.1.4.1", class),
        code(DE_CONFIDENTIALITY, "N", "2.16.840.1.113883.5.25", "Normal"),
    ];
    for visibility in confidentiality {
        let label = match visibility.as_str() {
            MASQUE_PS => "Masqué aux professionnels de santé",
            INVISIBLE_PATIENT => "Non visible par le patient",
            _ => "Non visible par les représentants légaux du patient",
        };
        classifications.push(code(DE_CONFIDENTIALITY, visibility, VISIBILITY, label));
    }
    let (facility, facility_scheme, facility_label) = if ecrit.by_patient {
        (
            "EXP_PATIENT",
            "1.2.250.1.213.1.1.4.6",
            "Expression personnelle du patient",
        )
    } else {
        (
            e.secteur.as_str(),
            "1.2.250.1.71.4.2.4",
            e.secteur_libelle.as_str(),
        )
    };
    let (practice, practice_scheme, practice_label) = if ecrit.by_patient {
        (
            "EXP_PATIENT",
            "1.2.250.1.213.1.1.4.6",
            "Expression personnelle du patient",
        )
    } else {
        (
            e.cadre.as_str(),
            "1.2.250.1.213.1.1.4.9",
            e.cadre_libelle.as_str(),
        )
    };
    classifications.extend([
        code(DE_FORMAT, format, format_scheme, format_label),
        code(DE_FACILITY, facility, facility_scheme, facility_label),
        code(DE_PRACTICE, practice, practice_scheme, practice_label),
        code(DE_TYPE_CODE, &kind.code, &kind.systeme, &kind.libelle),
    ]);
    Object {
        kind: DE_TYPE.to_owned(),
        mime_type: ecrit.forme.mime().to_owned(),
        status: Some(APPROVED.to_owned()),
        slots: vec![
            slot("creationTime", vec![time.clone()]),
            slot("hash", vec![crate::transactions::sha1(bytes)]),
            slot("languageCode", vec!["fr-FR".to_owned()]),
            slot("legalAuthenticator", vec![xcn()]),
            slot("repositoryUniqueId", vec![REPOSITORY.to_owned()]),
            slot("serviceStartTime", vec![time.clone()]),
            slot("serviceStopTime", vec![time]),
            slot("size", vec![bytes.len().to_string()]),
            slot("sourcePatientId", vec![cx(ecrit.ins)]),
            slot(
                "sourcePatientInfo",
                vec![
                    format!("PID-5|{}^{first}^^^^^L", t.nom_naissance),
                    format!("PID-7|{}", t.date_naissance.as_str().replace('-', "")),
                    format!("PID-8|{}", t.sexe.as_str()),
                ],
            ),
        ],
        name: Some(ecrit.titre.to_owned()),
        version: Some("1".to_owned()),
        classifications,
        identifiers: vec![
            (
                DE_PATIENT.to_owned(),
                cx(ecrit.ins),
                "XDSDocumentEntry.patientId".to_owned(),
            ),
            (
                DE_UNIQUE.to_owned(),
                ecrit.unique_id.to_owned(),
                "XDSDocumentEntry.uniqueId".to_owned(),
            ),
        ],
        ..Object::default()
    }
}

fn lot(ecrit: &Ecrit<'_>, id: &str, seed: &str) -> Object {
    Object {
        id: id.to_owned(),
        lid: Some(id.to_owned()),
        status: Some(APPROVED.to_owned()),
        slots: vec![("submissionTime".to_owned(), vec![compact(ecrit.at)])],
        name: Some(ecrit.titre.to_owned()),
        classifications: vec![
            Classification {
                scheme: SUBMISSION_SET.to_owned(),
                is_node: true,
                ..Classification::default()
            },
            author(ecrit, SS_AUTHOR),
            Classification::code(
                SS_CONTENT_TYPE,
                "07",
                "1.2.250.1.213.2.2",
                "Consultations externes",
            ),
        ],
        identifiers: vec![
            (
                SS_PATIENT.to_owned(),
                cx(ecrit.ins),
                "XDSSubmissionSet.patientId".to_owned(),
            ),
            (
                SS_SOURCE.to_owned(),
                AUTEUR.etablissement.oid_local.clone(),
                "XDSSubmissionSet.sourceId".to_owned(),
            ),
            (
                SS_UNIQUE.to_owned(),
                oid_of(&format!("lot {seed}")),
                "XDSSubmissionSet.uniqueId".to_owned(),
            ),
        ],
        ..Object::default()
    }
}

/// A document about that person, for the fault that gives somebody else's.
pub(crate) fn foreign(person: &Person, ins: &Ins, at: Timestamp) -> Bytes {
    let unique_id = oid_of("document of somebody else");
    let kind = TYPES.r#type.iter().find(|t| t.code == "11488-4");
    kind.map_or_else(Bytes::new, |kind| {
        Bytes::from(cda::write(&Ecrit {
            person,
            ins,
            kind,
            titre: &kind.libelle,
            unique_id: &unique_id,
            set_id: &unique_id,
            version: 1,
            replaces: None,
            at,
            forme: Forme::Pdf,
            by_patient: false,
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_files_are_read() {
        assert!(TYPES.r#type.len() > 100);
        assert!(
            TYPES
                .r#type
                .iter()
                .all(|t| TYPES.classes.contains_key(&t.classe))
        );
        assert!(AUTEUR.etablissement.oid_local.len() <= 64);
        let oid = oid_of("x");
        assert!(
            oid.parse::<diapason_core::ins::Oid>().is_ok() && oid.len() <= 64,
            "{oid}"
        );
    }
}

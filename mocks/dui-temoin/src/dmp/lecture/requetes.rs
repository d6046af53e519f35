//! What is asked of the DMP when it is read: stored queries (ITI-18), retrievals (ITI-43), the authorisation (TD0.3).

use diapason_core::Timestamp;

use super::dates::jour_utc;
use super::entree::Entree;
use crate::dmp::lot::utc;
use crate::dmp::registre::{APPROVED, requete, slot};
use crate::dmp::vihf::cx;
use crate::document::noeud::{Noeud, noeud};
use crate::identite::usager::InsTenu;
use crate::mutants::Mutants;

const FIND_DOCUMENTS: &str = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d";
const FIND_SUBMISSION_SETS: &str = "urn:uuid:f26abbcb-ac74-4422-8a30-edb644bbc1a9";
const GET_ASSOCIATIONS: &str = "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155";
const GET_DOCUMENTS_AND_ASSOCIATIONS: &str = "urn:uuid:bab9529a-4a10-40b3-a01f-f68a615d247a";
const DEPRECATED: &str = "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated";
const ARCHIVED: &str = "urn:asip:ci-sis:2010:StatusType:Archived";
/// The repository of the DMP.
const DEPOT: &str = "1.2.250.1.213.4.1.1.1.2";
/// References asked for at once, at most.
pub const LOT: usize = 20;
/// How far back a first search goes, milliseconds.
const DEUX_ANS: i64 = 2 * 365 * 86_400_000;

/// What a search is limited to.
#[derive(Debug, Clone, Default)]
pub struct Criteres<'a> {
    /// Type codes.
    pub types: &'a [String],
    /// Acts since this local day (`AAAA-MM-JJ`).
    pub depuis: Option<&'a str>,
    /// Also replaced and archived documents.
    pub toutes_versions: bool,
    /// No limit of time although nothing else limits the search.
    pub deja_venu: bool,
}

/// A string of a query.
fn cite(valeur: &str) -> String {
    format!("'{}'", valeur.replace('\'', "''"))
}

/// A list of strings of a query.
fn liste<S: AsRef<str>>(valeurs: impl IntoIterator<Item = S>) -> String {
    let cites: Vec<String> = valeurs.into_iter().map(|v| cite(v.as_ref())).collect();
    format!("({})", cites.join(","))
}

/// `code^^système`: LOINC codes begin with a digit, those of the French complement with a letter.
fn type_code(code: &str) -> String {
    let systeme = if code.starts_with(|c: char| c.is_ascii_digit()) {
        "2.16.840.1.113883.6.1"
    } else {
        "1.2.250.1.213.1.1.4.12"
    };
    format!("{code}^^{systeme}")
}

/// The search of documents (TD3.1a). `Err`: the day asked for is none.
pub fn recherche(
    ins: &InsTenu,
    criteres: &Criteres<'_>,
    now: Timestamp,
    mutants: &Mutants,
) -> Result<Noeud, String> {
    let patient = if mutants.mutant("dmp-search-patient-in-a-list") {
        liste([cx(ins)])
    } else if mutants.mutant("dmp-search-patient-unquoted") {
        cx(ins)
    } else {
        cite(&cx(ins))
    };
    let mut statuts = vec![APPROVED];
    if criteres.toutes_versions {
        statuts.extend([DEPRECATED, ARCHIVED]);
    }
    if mutants.mutant("dmp-search-replaced-only") {
        statuts = vec![DEPRECATED];
    }
    let mut slots = vec![slot("$XDSDocumentEntryPatientId", [patient])];
    if mutants.mutant("dmp-search-status-without-list") {
        slots.push(slot("$XDSDocumentEntryStatus", [cite(APPROVED)]));
    } else if !mutants.mutant("dmp-search-without-status") {
        slots.push(slot("$XDSDocumentEntryStatus", [liste(statuts)]));
    }
    if !criteres.types.is_empty() && !mutants.mutant("dmp-type-filter-lost") {
        let codes = criteres.types.iter().map(|code| type_code(code));
        slots.push(slot("$XDSDocumentEntryTypeCode", [liste(codes)]));
    }
    if let Some(jour) = criteres.depuis {
        let debut = jour_utc(jour).ok_or_else(|| format!("Date illisible : {jour}."))?;
        slots.push(slot("$XDSDocumentEntryServiceStartTimeFrom", [debut]));
    } else if !criteres.deja_venu && criteres.types.is_empty() && !criteres.toutes_versions {
        let debut = Timestamp::from_unix_millis(now.unix_millis() - DEUX_ANS);
        slots.push(slot("$XDSDocumentEntryCreationTimeFrom", [utc(debut)]));
    }
    Ok(requete(FIND_DOCUMENTS, "LeafClass", slots))
}

/// The lots submitted since a moment: documents themselves cannot be searched by it.
pub fn lots(ins: &InsTenu, depuis: Timestamp) -> Noeud {
    let slots = [
        slot("$XDSSubmissionSetPatientId", [cite(&cx(ins))]),
        slot("$XDSSubmissionSetStatus", [liste([APPROVED])]),
        slot("$XDSSubmissionSetSubmissionTimeFrom", [utc(depuis)]),
    ];
    requete(FIND_SUBMISSION_SETS, "LeafClass", slots)
}

/// What these objects are tied to.
pub fn associations_de(uuids: &[String]) -> Noeud {
    let slots = [slot("$uuid", [liste(uuids)])];
    requete(GET_ASSOCIATIONS, "LeafClass", slots)
}

/// These documents, with what they are tied to.
pub fn documents(uuids: &[String]) -> Noeud {
    let slots = [slot("$XDSDocumentEntryEntryUUID", [liste(uuids)])];
    requete(GET_DOCUMENTS_AND_ASSOCIATIONS, "LeafClass", slots)
}

/// The contents of documents (TD3.2): each by its uniqueId, in the repository that the registry names.
pub fn a_recuperer(demandes: &[(String, Option<Entree>)], mutants: &Mutants) -> Noeud {
    let lignes = demandes.iter().map(|(unique_id, entree)| {
        let depot = match entree {
            Some(entree) if !entree.depot.is_empty() => entree.depot.as_str(),
            _ => DEPOT,
        };
        let depot = if mutants.mutant("dmp-retrieve-of-another-repository") {
            "1.2.250.1.213.4.1.1.1"
        } else {
            depot
        };
        let id = match entree {
            Some(entree) if mutants.mutant("dmp-retrieve-by-entry-uuid") => &entree.entry_uuid,
            _ => unique_id,
        };
        noeud("xdsb:DocumentRequest").avec([
            noeud("xdsb:RepositoryUniqueId").dit(depot),
            noeud("xdsb:DocumentUniqueId").dit(id),
        ])
    });
    noeud("xdsb:RetrieveDocumentSetRequest")
        .a("xmlns:xdsb", "urn:ihe:iti:xds-b:2007")
        .avec(lignes)
}

/// The authorisation of the professional, declared or removed (TD0.3).
pub fn autorisation(retirer: bool) -> Noeud {
    let action = if retirer { "SUPPRESSION" } else { "AJOUT" };
    noeud("hab:setAuthorization")
        .a("xmlns:hab", "urn:si-dmp-habilitations")
        .avec([noeud("hab:action").dit(action)])
}

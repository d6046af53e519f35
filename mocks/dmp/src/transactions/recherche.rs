//! TD3.1: the six stored queries of the profile, with their filters (ITI-18).

use diapason_core::PersonaId;
use diapason_formats::xds::Query;

use super::{Answered, Call, is_mt, sees};
use crate::answer::ebrim::{self, Found, Outcome, RegistryError};
use crate::names::{
    DE_AUTHOR, DE_CLASS, DE_CONFIDENTIALITY, DE_EVENT, DE_FACILITY, DE_FORMAT, DE_PATIENT,
    DE_PRACTICE, DE_TYPE_CODE, QUERY, RS, SS_AUTHOR, SS_CONTENT_TYPE, SS_PATIENT, SS_SOURCE,
};
use crate::pipeline::{MISMATCH, person_of, same_person};
use crate::state::{Classification, Entry, Lot, Object, compact};
use crate::xml::Xml;

/// Slot of the identifiers of an order, a study...
const REFERENCE_IDS: &str = "urn:ihe:iti:xds:2013:referenceIdList";

/// Parameters of metadata that an object may have several of.
const MULTIPLE: [&str; 3] = [
    "$XDSDocumentEntryEventCodeList",
    "$XDSDocumentEntryConfidentialityCode",
    "$XDSDocumentEntryReferenceIdList",
];

/// Parameters whose values are codes, `code^^OID`, and the metadata each looks at.
const CODED: [(&str, &str); 7] = [
    ("$XDSDocumentEntryClassCode", DE_CLASS),
    ("$XDSDocumentEntryTypeCode", DE_TYPE_CODE),
    ("$XDSDocumentEntryConfidentialityCode", DE_CONFIDENTIALITY),
    ("$XDSDocumentEntryFormatCode", DE_FORMAT),
    ("$XDSDocumentEntryHealthcareFacilityTypeCode", DE_FACILITY),
    ("$XDSDocumentEntryPracticeSettingCode", DE_PRACTICE),
    ("$XDSDocumentEntryEventCodeList", DE_EVENT),
];

/// Answers the query.
pub(super) fn query(call: &mut Call<'_>, persona: &PersonaId) -> Answered {
    let failed = |code: &str, context: String| {
        let outcome = Outcome::failed(vec![RegistryError::new(code, context)]);
        answered(&Found::default(), false, &outcome)
    };
    let Some(query) = call.message.query().cloned() else {
        return failed("XDSRegistryError", "requête illisible".to_owned());
    };
    let references = match query.return_type.as_deref() {
        Some("LeafClass") => false,
        Some("ObjectRef") => true,
        other => {
            let context = format!("returnType {}", other.unwrap_or("absent"));
            return failed("XDSRegistryError", context);
        }
    };
    if let Some(problem) = query.parameters.iter().find_map(|p| p.problems.first()) {
        return failed(
            "XDSRegistryError",
            format!("paramètre mal formé : {problem}"),
        );
    }
    if let Some(value) = without_scheme(&query) {
        let context = format!("{value} : code^^système attendu");
        return failed("XDSRegistryError", context);
    }
    // A patient asked about is the one of the VIHF, whatever slot names it.
    if let (Some(asked), Some(resource)) = (query.patient(), &call.caller.ins)
        && !person_of(asked).is_some_and(|p| same_person(&p, resource))
    {
        return failed("XDSPatientIdDoesNotMatch", MISMATCH.to_owned());
    }
    let mt = is_mt(call, persona);
    let search = Search {
        call,
        persona,
        query: &query,
        mt,
    };
    match search.run() {
        Err(error) => answered(&Found::default(), references, &Outcome::failed(vec![error])),
        Ok(found) if !references && found.len() > call.behaviour.result_limit => {
            let context = format!("{} objets", found.len());
            failed("XDSTooManyResults", context)
        }
        Ok(mut found) => {
            if call.behaviour.effective_date {
                date_patients(&mut found, call);
            }
            let outcome = if call.twist.partial {
                cut_short(&mut found)
            } else {
                Outcome::default()
            };
            answered(&found, references, &outcome)
        }
    }
}

/// Leaves the last object out, and says so.
fn cut_short(found: &mut Found) -> Outcome {
    let last = found
        .associations
        .pop()
        .or_else(|| found.entries.pop())
        .or_else(|| found.packages.pop());
    let context = last.map_or_else(|| "un objet".to_owned(), |o| o.id);
    Outcome {
        partial: true,
        errors: vec![RegistryError::new("XDSRegistryError", context)],
    }
}

/// A code of the query that does not name its coding system.
fn without_scheme(query: &Query) -> Option<&str> {
    let coded = |name: &str| {
        name == "$XDSSubmissionSetContentType" || CODED.iter().any(|(known, _)| *known == name)
    };
    query
        .parameters
        .iter()
        .filter(|p| coded(&p.name))
        .flat_map(|p| &p.values)
        .map(|v| v.text.as_str())
        .find(|v| {
            v.split_once("^^")
                .is_none_or(|(_, system)| system.is_empty())
        })
}

/// `AdhocQueryResponse`.
pub(crate) fn answered(found: &Found, references: bool, outcome: &Outcome) -> Answered {
    let mut out = Xml::new();
    let count = found.len().to_string();
    out.open(
        "query:AdhocQueryResponse",
        &[
            ("xmlns:query", QUERY),
            ("xmlns:rs", RS),
            ("status", outcome.status()),
            ("startIndex", "0"),
            ("totalResultCount", &count),
        ],
    );
    ebrim::errors(&mut out, outcome);
    ebrim::objects(&mut out, found, references);
    out.close("query:AdhocQueryResponse");
    Answered::body(out.done(), outcome.word())
}

/// Writes the date from which the identifier holds into the patientId of entries (CX.7).
fn date_patients(found: &mut Found, call: &Call<'_>) {
    for object in &mut found.entries {
        let date = call
            .state
            .registry
            .entry(&object.id)
            .map(|e| compact(e.at)[..8].to_owned());
        for (scheme, value, _) in &mut object.identifiers {
            if scheme == DE_PATIENT
                && value.split('^').count() == 5
                && let Some(date) = &date
            {
                *value = format!("{value}^^{date}");
            }
        }
    }
}

struct Search<'a> {
    call: &'a Call<'a>,
    persona: &'a PersonaId,
    query: &'a Query,
    mt: bool,
}

impl Search<'_> {
    fn run(&self) -> Result<Found, RegistryError> {
        match self.query.name {
            Some("FindDocuments") => self.find_documents(false),
            Some("FindDocumentsByReferenceId") => self.find_documents(true),
            Some("FindSubmissionSets") => self.find_lots(),
            Some("GetDocuments") => self.get_documents(false),
            Some("GetDocumentsAndAssociations") => self.get_documents(true),
            Some("GetAssociations") => self.get_associations(),
            _ => Err(RegistryError::new("XDSUnknownStoredQuery", &self.query.id)),
        }
    }

    fn values(&self, name: &str) -> Vec<&str> {
        self.query
            .parameters
            .iter()
            .filter(|p| p.name == name)
            .flat_map(|p| p.values.iter().map(|v| v.text.as_str()))
            .collect()
    }

    fn required(&self, name: &str) -> Result<Vec<&str>, RegistryError> {
        let values = self.values(name);
        if values.is_empty() {
            return Err(RegistryError::new("XDSStoredQueryMissingParam", name));
        }
        Ok(values)
    }

    /// Entries of the person that the caller may know of.
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.call
            .state
            .registry
            .entries
            .iter()
            .filter(|e| e.persona == *self.persona && !self.call.twist.amnesia)
            .filter(|e| sees(self.call, e, self.mt))
    }

    fn find_documents(&self, by_reference: bool) -> Result<Found, RegistryError> {
        self.required("$XDSDocumentEntryPatientId")?;
        let statuses = self.required("$XDSDocumentEntryStatus")?;
        let references = if by_reference {
            self.required("$XDSDocumentEntryReferenceIdList")?;
            self.groups("$XDSDocumentEntryReferenceIdList")
        } else {
            Vec::new()
        };
        let times = [
            ("$XDSDocumentEntryCreationTime", "creationTime"),
            ("$XDSDocumentEntryServiceStartTime", "serviceStartTime"),
            ("$XDSDocumentEntryServiceStopTime", "serviceStopTime"),
        ];
        let entries = self
            .entries()
            .filter(|e| !e.signature)
            .filter(|e| statuses.contains(&e.status()))
            .filter(|e| {
                CODED
                    .iter()
                    .all(|(name, scheme)| self.has_code(name, &e.object, scheme))
            })
            .filter(|e| {
                times
                    .iter()
                    .all(|(name, slot)| self.in_time(name, e.object.first(slot)))
            })
            .filter(|e| self.has_author("$XDSDocumentEntryAuthorPerson", &e.object, DE_AUTHOR))
            .filter(|e| {
                let ids = e.object.slot(REFERENCE_IDS);
                references
                    .iter()
                    .all(|group| ids.iter().any(|id| group.contains(&id.as_str())))
            })
            .map(|e| e.object.clone())
            .collect();
        Ok(Found {
            entries,
            ..Found::default()
        })
    }

    fn find_lots(&self) -> Result<Found, RegistryError> {
        self.required("$XDSSubmissionSetPatientId")?;
        let statuses = self.required("$XDSSubmissionSetStatus")?;
        let sources = self.values("$XDSSubmissionSetSourceId");
        let kept = |lot: &&Lot| {
            let object = &lot.object;
            lot.persona == *self.persona
                && !self.call.twist.amnesia
                && object
                    .status
                    .as_deref()
                    .is_some_and(|s| statuses.contains(&s))
                && self.in_time(
                    "$XDSSubmissionSetSubmissionTime",
                    object.first("submissionTime"),
                )
                && (sources.is_empty()
                    || object
                        .identifier(SS_SOURCE)
                        .is_some_and(|s| sources.contains(&s)))
                && self.has_code("$XDSSubmissionSetContentType", object, SS_CONTENT_TYPE)
                && self.has_author("$XDSSubmissionSetAuthorPerson", object, SS_AUTHOR)
                && object.identifier(SS_PATIENT).is_some()
        };
        let lots = &self.call.state.registry.lots;
        Ok(Found {
            packages: lots.iter().filter(kept).map(|l| l.object.clone()).collect(),
            ..Found::default()
        })
    }

    fn get_documents(&self, with_associations: bool) -> Result<Found, RegistryError> {
        let uuids = self.values("$XDSDocumentEntryEntryUUID");
        let uniques = self.values("$XDSDocumentEntryUniqueId");
        if uuids.is_empty() == uniques.is_empty() {
            let context = "un des deux : $XDSDocumentEntryEntryUUID, $XDSDocumentEntryUniqueId";
            return Err(if uuids.is_empty() {
                RegistryError::new("XDSStoredQueryMissingParam", context)
            } else {
                RegistryError::new("XDSStoredQueryParamNumber", context)
            });
        }
        let registry = &self.call.state.registry;
        let wanted = |e: &&Entry| {
            if uniques.is_empty() {
                return uuids.contains(&e.id());
            }
            // By its uniqueId a document is found in its metadata of the moment, not once it was deleted.
            uniques.contains(&e.unique_id.as_str())
                && !e.is_deleted()
                && registry
                    .document(&e.unique_id)
                    .is_some_and(|latest| latest.id() == e.id())
        };
        let entries: Vec<Object> = self
            .entries()
            .filter(wanted)
            .map(|e| e.object.clone())
            .collect();
        let associations = if with_associations {
            let ids: Vec<String> = entries.iter().map(|e| e.id.clone()).collect();
            registry.associations_of(&ids).cloned().collect()
        } else {
            Vec::new()
        };
        Ok(Found {
            entries,
            associations,
            ..Found::default()
        })
    }

    fn get_associations(&self) -> Result<Found, RegistryError> {
        let uuids = self.required("$uuid")?;
        // Only about objects of this person.
        let own: Vec<String> = self
            .entries()
            .map(|e| e.object.id.clone())
            .chain(
                self.call
                    .state
                    .registry
                    .lots
                    .iter()
                    .filter(|l| l.persona == *self.persona)
                    .map(|l| l.object.id.clone()),
            )
            .filter(|id| uuids.contains(&id.as_str()))
            .collect();
        Ok(Found {
            associations: self
                .call
                .state
                .registry
                .associations_of(&own)
                .cloned()
                .collect(),
            ..Found::default()
        })
    }

    /// What a parameter asks, as groups that must all be met by one of their values: several slots of one name are
    /// alternatives, save for values that an object may have several of, where each slot must be met.
    fn groups(&self, name: &str) -> Vec<Vec<&str>> {
        let slots = self.query.parameters.iter().filter(|p| p.name == name);
        let slots: Vec<Vec<&str>> = slots
            .map(|p| p.values.iter().map(|v| v.text.as_str()).collect())
            .collect();
        if slots.is_empty() || MULTIPLE.contains(&name) {
            slots
        } else {
            vec![slots.concat()]
        }
    }

    /// `code^^OID` of a classification among the values of a parameter; a parameter that is absent filters nothing.
    fn has_code(&self, name: &str, object: &Object, scheme: &str) -> bool {
        let is = |c: &Classification, wanted: &str| {
            let (code, system) = wanted.split_once("^^").unwrap_or((wanted, ""));
            c.code == code && c.coding() == system
        };
        self.groups(name)
            .iter()
            .all(|group| object.of(scheme).any(|c| group.iter().any(|w| is(c, w))))
    }

    /// From is included, To is not. A value absent of the object is outside any bound.
    fn in_time(&self, name: &str, value: Option<&str>) -> bool {
        let bound = |end: &str| {
            let name = format!("{name}{end}");
            self.query
                .parameters
                .iter()
                .find(|p| p.name == name)
                .and_then(|p| p.values.first())
                .map(|v| padded(&v.text))
        };
        let (from, to) = (bound("From"), bound("To"));
        if from.is_none() && to.is_none() {
            return true;
        }
        let Some(value) = value.map(padded) else {
            return false;
        };
        from.is_none_or(|f| value >= f) && to.is_none_or(|t| value < t)
    }

    fn has_author(&self, name: &str, object: &Object, scheme: &str) -> bool {
        let wanted = self.values(name);
        wanted.is_empty()
            || object
                .of(scheme)
                .flat_map(|c| c.slot("authorPerson"))
                .any(|person| wanted.iter().any(|w| like(w, person)))
    }
}

/// To the second, what is missing being the first of its kind.
fn padded(time: &str) -> String {
    const FIRST: &str = "00000101000000";
    let digits = time.len().min(FIRST.len());
    format!("{}{}", time.get(..digits).unwrap_or(time), &FIRST[digits..])
}

/// SQL LIKE: `%` stands for any text, `_` for one character.
fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let mut reach = vec![false; text.len() + 1];
    reach[0] = true;
    for p in pattern {
        let mut next = vec![false; text.len() + 1];
        if p == '%' {
            let mut any = false;
            for (at, here) in reach.iter().enumerate() {
                any |= here;
                next[at] = any;
            }
        } else {
            for at in 0..text.len() {
                next[at + 1] = reach[at] && (p == '_' || p == text[at]);
            }
        }
        reach = next;
    }
    reach[text.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_follows_sql() {
        assert!(like("%DUITEST%", "899709900023^DUITEST^IDEC"));
        assert!(like(
            "899709900023^DUITEST^ID_C",
            "899709900023^DUITEST^IDEC"
        ));
        assert!(!like("DUITEST", "899709900023^DUITEST^IDEC"));
        assert!(like("%", "") && like("", "") && !like("_", ""));
    }

    #[test]
    fn times_are_compared_to_the_second() {
        assert_eq!(padded("2026"), "20260101000000");
        assert_eq!(padded("20260115"), "20260115000000");
        assert_eq!(padded("20260115093000"), "20260115093000");
    }
}

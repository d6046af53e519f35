//! Agreement of a lot with the documents it carries: metadata, header of each CDA, association of replacement.
//!
//! Findings stand at the metadata; what the document says is in their words.

use std::collections::HashMap;
use std::sync::LazyLock;

use diapason_formats::xds::{At, Coded, DocumentEntry, Field, Lot, Xcn};
use diapason_formats::xml::{Limits, Tree};

use super::entete::{Header, words};
use super::lot::document_entries;
use crate::document::{DocumentCtx, DocumentRule};

/// Rule id to function.
pub(super) const RULES: &[(&str, DocumentRule)] = &[
    ("DMP-CDA-03", is_a_cda),
    ("DMP-CDA-04", replacement),
    ("DMP-CDA-14", mime_type),
    ("DMP-CDA-16", codes),
    ("DMP-CDA-17", unique_id),
    ("DMP-CDA-18", title),
    ("DMP-CDA-19", authors),
    ("DMP-CDA-20", legal_authenticator),
    ("DMP-SUB-12", format_code),
    ("DMP-SUB-17", times),
    ("DMP-SUB-20", one_person),
    ("DMP-SUB-51", source_patient),
];

/// Model of level 1 (XDS-SD).
const LEVEL_1: &str = "1.3.6.1.4.1.19376.1.2.20";
/// Root of the numbers of professionals.
const PROFESSIONALS: &str = "1.2.250.1.71.4.2.1";
/// Formats of level 1, by type of media.
const SCANNED: [(&str, &str); 5] = [
    ("application/pdf", "urn:ihe:iti:xds-sd:pdf:2008"),
    ("text/plain", "urn:ihe:iti:xds-sd:text:2008"),
    ("image/jpeg", "urn:ihe:iti-fr:xds-sd:jpeg:2010"),
    ("text/rtf", "urn:ihe:iti-fr:xds-sd:rtf:2010"),
    ("image/tiff", "urn:ihe:iti-fr:xds-sd:tiff:2010"),
];

/// Formats of each model, from the association table of the profile: template, format.
static MODELS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let table = include_bytes!("../../../../profiles/dmp/jdv/A11.xml");
    let Ok(tree) = Tree::read(table, &Limits::default()) else {
        return Vec::new();
    };
    let rows = tree
        .nodes()
        .filter(|n| tree.is_element(*n) && tree.local(*n) == "Concept");
    rows.filter_map(|n| {
        Some((
            tree.attribute(n, "code")?.to_owned(),
            tree.attribute(n, "format")?.to_owned(),
        ))
    })
    .collect()
});

/// Calls `judge` for each document of a lot that is fed, with its entry, its bytes and its header when it has one.
fn each(
    ctx: &mut DocumentCtx<'_>,
    judge: impl Fn(&mut DocumentCtx<'_>, &Lot, &DocumentEntry, &[u8], Option<&Header>),
) {
    let Some(message) = ctx.message() else {
        return;
    };
    let Some(lot) = message.lot() else {
        return;
    };
    let entries: HashMap<&str, &DocumentEntry> =
        document_entries(lot).map(|e| (e.id.as_str(), e)).collect();
    for (id, bytes) in message.documents() {
        if let Some(entry) = entries.get(id.as_str()) {
            let header = Header::read(bytes);
            judge(ctx, lot, entry, bytes, header.as_ref());
        }
    }
}

/// The same, for documents that are a CDA.
fn each_cda(
    ctx: &mut DocumentCtx<'_>,
    judge: impl Fn(&mut DocumentCtx<'_>, &Lot, &DocumentEntry, &Header),
) {
    each(ctx, |ctx, lot, entry, _, header| {
        if let Some(header) = header {
            judge(ctx, lot, entry, header);
        }
    });
}

/// DMP-CDA-03: what is attached is a CDA of level 1 or 3.
fn is_a_cda(ctx: &mut DocumentCtx<'_>) {
    each(ctx, |ctx, _, entry, bytes, header| {
        if entry.mime_type.as_deref() == Some("application/dicom") {
            return;
        }
        let Some(header) = header else {
            let seen = if bytes.starts_with(b"%PDF") {
                "un PDF nu".to_owned()
            } else {
                "un contenu sans ClinicalDocument".to_owned()
            };
            ctx.broken(entry.node, format!("un CDA R2 pour « {} »", entry.id), seen);
            return;
        };
        let level_1 = !header.all(&["component", "nonXMLBody"]).is_empty();
        let level_3 = !header.all(&["component", "structuredBody"]).is_empty();
        ctx.check(
            level_1 != level_3,
            entry.node,
            "un corps de niveau 1 (nonXMLBody) ou structuré (structuredBody), l'un ou l'autre",
            if level_1 {
                "les deux"
            } else {
                "aucun des deux"
            },
        );
    });
}

/// DMP-CDA-04: the replacement that the lot asks for is the one that the document tells.
fn replacement(ctx: &mut DocumentCtx<'_>) {
    each_cda(ctx, |ctx, lot, entry, header| {
        let version = header
            .attribute(&["versionNumber"], "value")
            .unwrap_or_default();
        let association = lot
            .associations_of("RPLC")
            .find(|association| association.source == entry.id);
        match association {
            Some(association) => ctx.check(
                header.replaces() && version != "1",
                association.node,
                "un document de version 2 ou plus, dont relatedDocument (RPLC) désigne la version remplacée",
                format!(
                    "version « {version} », relatedDocument RPLC {}",
                    if header.replaces() { "présent" } else { "absent" }
                ),
            ),
            None => ctx.held(),
        }
    });
}

/// DMP-CDA-14: the type of media tells whether the document is self-presenting.
fn mime_type(ctx: &mut DocumentCtx<'_>) {
    each_cda(ctx, |ctx, _, entry, header| {
        let self_presenting = header
            .tree
            .document_element()
            .is_some_and(|root| header.tree.local(root) == "stylesheet");
        let right = if self_presenting {
            "application/xslt+xml"
        } else {
            "text/xml"
        };
        let seen = entry.mime_type.as_deref().unwrap_or_default();
        ctx.check(
            seen == right,
            entry.node,
            if self_presenting {
                "application/xslt+xml : le document a une feuille de style pour racine"
            } else {
                "text/xml : le document n'est pas auto-présentable"
            },
            format!("mimeType « {seen} »"),
        );
    });
}

/// Checks a code of the metadata against the one of the document.
fn same_code(ctx: &mut DocumentCtx<'_>, coded: Option<&Coded>, cda: Option<&str>, what: &str) {
    if let (Some(coded), Some(cda)) = (coded, cda) {
        ctx.check(
            coded.code == cda,
            coded.node,
            format!("{what} du document, « {cda} »"),
            format!("« {} »", coded.code),
        );
    }
}

/// DMP-CDA-16: codes of the entry and of the header.
fn codes(ctx: &mut DocumentCtx<'_>) {
    each_cda(ctx, |ctx, _, entry, header| {
        let kind = header.attribute(&["code"], "code");
        same_code(ctx, entry.type_code.as_ref(), kind, "le type");
        let facility = [
            "componentOf",
            "encompassingEncounter",
            "location",
            "healthCareFacility",
            "code",
        ];
        let facility = header.attribute(&facility, "code");
        same_code(
            ctx,
            entry.facility.as_ref(),
            facility,
            "le secteur d'activité",
        );
        let practice = [
            "documentationOf",
            "serviceEvent",
            "performer",
            "assignedEntity",
            "representedOrganization",
            "standardIndustryClassCode",
        ];
        let practice = header.attribute(&practice, "code");
        same_code(
            ctx,
            entry.practice.as_ref(),
            practice,
            "le cadre d'exercice",
        );
        let level = header.attribute(&["confidentialityCode"], "code");
        let first = entry
            .confidentiality
            .iter()
            .find(|c| matches!(c.code.as_str(), "N" | "R" | "V"));
        same_code(ctx, first, level, "la confidentialité");
        let language = header.attribute(&["languageCode"], "code");
        if let (Some(language), Some(seen)) = (language, &entry.language) {
            ctx.check(
                seen.value == language,
                seen.node,
                format!("la langue du document, « {language} »"),
                format!("« {} »", seen.value),
            );
        }
    });
}

/// DMP-CDA-17: uniqueId is the id of the document.
fn unique_id(ctx: &mut DocumentCtx<'_>) {
    each_cda(ctx, |ctx, _, entry, header| {
        if let (Some(seen), Some(id)) = (&entry.unique_id, header.attribute(&["id"], "root")) {
            ctx.check(
                seen.value == id,
                seen.node,
                format!("l'identifiant du document, « {id} »"),
                format!("« {} »", seen.value),
            );
        }
    });
}

/// DMP-CDA-18: one title.
fn title(ctx: &mut DocumentCtx<'_>) {
    each_cda(ctx, |ctx, _, entry, header| {
        if let (Some(seen), Some(title)) = (&entry.title, header.text(&["title"])) {
            ctx.check(
                words(&seen.value) == title,
                seen.node,
                format!("le titre du document, « {title} »"),
                format!("« {} »", seen.value),
            );
        }
    });
}

/// Is this person of the metadata one of those identifiers?
fn among(person: &Xcn, identifiers: &[(&str, &str)]) -> bool {
    identifiers
        .iter()
        .any(|(root, extension)| *extension == person.id && *root == person.authority.root)
}

/// DMP-CDA-19: authors of the entry are authors of the document.
fn authors(ctx: &mut DocumentCtx<'_>) {
    each_cda(ctx, |ctx, _, entry, header| {
        let identifiers = header.identifiers(&["author", "assignedAuthor", "id"]);
        for field in entry.authors.iter().flat_map(|author| &author.persons) {
            check_person(ctx, field, &identifiers, "un auteur du document");
        }
    });
}

/// DMP-CDA-20: the legal authenticator of the entry is the one of the document.
fn legal_authenticator(ctx: &mut DocumentCtx<'_>) {
    each_cda(ctx, |ctx, _, entry, header| {
        let identifiers = header.identifiers(&["legalAuthenticator", "assignedEntity", "id"]);
        for field in &entry.legal_authenticators {
            check_person(ctx, field, &identifiers, "le responsable du document");
        }
    });
}

fn check_person(
    ctx: &mut DocumentCtx<'_>,
    field: &Field<Xcn>,
    identifiers: &[(&str, &str)],
    who: &str,
) {
    let Some(person) = &field.value else {
        return;
    };
    let known: Vec<&str> = identifiers
        .iter()
        .filter(|(root, _)| *root == PROFESSIONALS)
        .map(|(_, extension)| *extension)
        .collect();
    ctx.check(
        among(person, identifiers),
        field.node,
        format!("{who} : {}", known.join(", ")),
        format!("« {} »", person.id),
    );
}

/// DMP-SUB-12: the format is the one of the model.
fn format_code(ctx: &mut DocumentCtx<'_>) {
    each_cda(ctx, |ctx, _, entry, header| {
        let Some(format) = &entry.format else {
            return;
        };
        let templates: Vec<&str> = header
            .all(&["templateId"])
            .into_iter()
            .filter_map(|n| header.tree.attribute(n, "root"))
            .collect();
        let body = ["component", "nonXMLBody", "text"];
        let right: Vec<&str> = if let Some(media) = header.attribute(&body, "mediaType") {
            let known = SCANNED.iter().find(|(name, _)| *name == media);
            known.map(|(_, format)| *format).into_iter().collect()
        } else {
            let rows = MODELS.iter();
            rows.filter(|(template, _)| templates.contains(&template.as_str()))
                .map(|(_, format)| format.as_str())
                .collect()
        };
        // A model that the table does not know is not judged.
        if right.is_empty() {
            return;
        }
        let what = if templates.contains(&LEVEL_1) {
            "le format du contenu de niveau 1"
        } else {
            "le format du modèle du document"
        };
        ctx.check(
            right.contains(&format.code.as_str()),
            format.node,
            format!("{what} : {}", right.join(" ou ")),
            format!("« {} »", format.code),
        );
    });
}

/// DMP-SUB-17: times of the entry are those of the document, in UTC.
fn times(ctx: &mut DocumentCtx<'_>) {
    each_cda(ctx, |ctx, _, entry, header| {
        let act = ["documentationOf", "serviceEvent", "effectiveTime"];
        let pairs = [
            (
                entry.creation_time.as_ref(),
                header.utc(&["effectiveTime"]),
                "la création du document",
            ),
            (
                entry.service_start.as_ref(),
                header.utc(&[&act[..], &["low"]].concat()),
                "le début de l'acte",
            ),
            (
                entry.service_stop.as_ref(),
                header.utc(&[&act[..], &["high"]].concat()),
                "la fin de l'acte",
            ),
        ];
        for (field, right, what) in pairs {
            let (Some(field), Some(right)) = (field, right) else {
                continue;
            };
            // As far as both go: minutes may have been completed with zeros.
            let seen = field.raw.trim();
            let common = seen.len().min(right.len());
            let same = seen.get(..common) == right.get(..common)
                && seen.bytes().skip(common).all(|b| b == b'0');
            ctx.check(
                same && common >= 8,
                field.node,
                format!("{what} en temps universel, {right}"),
                format!("« {} »", field.raw),
            );
        }
    });
}

/// DMP-SUB-20: every document is about the person of the lot.
fn one_person(ctx: &mut DocumentCtx<'_>) {
    each_cda(ctx, |ctx, _, entry, header| {
        let Some(field) = &entry.patient_id else {
            return;
        };
        let Some(person) = &field.value else {
            return;
        };
        let identifiers = header.identifiers(&["recordTarget", "patientRole", "id"]);
        ctx.check(
            identifiers
                .iter()
                .any(|(root, extension)| *root == person.root() && *extension == person.id),
            field.node,
            "la personne du document (recordTarget) : même matricule, même OID",
            "un autre matricule ou un autre OID que ceux du document",
        );
    });
}

/// Checks a trait of sourcePatientInfo.
fn same_trait(
    ctx: &mut DocumentCtx<'_>,
    at: &At<String>,
    seen: &str,
    right: Option<&str>,
    what: &str,
) {
    if let Some(right) = right {
        ctx.check(
            seen == right,
            at.node,
            format!("{what} écrit dans le document"),
            format!("{what} différent"),
        );
    }
}

/// DMP-SUB-51: what the entry says of the person at the source is what the document says.
fn source_patient(ctx: &mut DocumentCtx<'_>) {
    each_cda(ctx, |ctx, _, entry, header| {
        let patient = ["recordTarget", "patientRole", "patient"];
        for value in &entry.source_patient_info {
            let Some((field, content)) = value.value.split_once('|') else {
                continue;
            };
            match field {
                "PID-5" => {
                    let parts: Vec<&str> = content.split('^').collect();
                    let part = |at: usize| parts.get(at).copied().unwrap_or_default();
                    let qualifier = match part(6) {
                        "L" => "BR",
                        "D" => "CL",
                        _ => continue,
                    };
                    let family = header.name_part("family", qualifier);
                    same_trait(ctx, value, part(0), family.as_deref(), "le nom");
                    let given = header.name_part("given", qualifier);
                    same_trait(ctx, value, part(1), given.as_deref(), "le prénom");
                }
                "PID-7" => {
                    let birth = header.attribute(&[&patient[..], &["birthTime"]].concat(), "value");
                    let birth = birth.and_then(|b| b.get(..8));
                    same_trait(ctx, value, content, birth, "la date de naissance");
                }
                "PID-8" => {
                    let path = [&patient[..], &["administrativeGenderCode"]].concat();
                    same_trait(
                        ctx,
                        value,
                        content,
                        header.attribute(&path, "code"),
                        "le sexe",
                    );
                }
                _ => {}
            }
        }
        if let Some(field) = &entry.source_patient_id
            && let Some(local) = &field.value
        {
            let identifiers = header.identifiers(&["recordTarget", "patientRole", "id"]);
            ctx.check(
                identifiers
                    .iter()
                    .any(|(root, extension)| *root == local.root() && *extension == local.id),
                field.node,
                "un identifiant de la personne écrit dans le document",
                "un identifiant que le document ne porte pas",
            );
        }
    });
}

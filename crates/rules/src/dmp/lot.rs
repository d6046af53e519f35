//! Rules over a lot that need more than its text: links between objects, digests and sizes against the bytes
//! attached, keys of national numbers, clocks.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use diapason_core::Timestamp;
use diapason_core::ins::{Matricule, Oid, OidIns};
use diapason_formats::dmp::Operation;
use diapason_formats::signature::{Digest, digest_hex};
use diapason_formats::xds::{Cx, DocumentEntry, Field, Lot, Xcn, is_entry_uuid};
use diapason_formats::xml::{NodeId, Tree};

use crate::document::{DocumentCtx, DocumentRule};

/// Rule id to function.
pub(super) const RULES: &[(&str, DocumentRule)] = &[
    ("DMP-EX-03", ins_asked_about),
    ("DMP-SUB-03", entries_and_documents),
    ("DMP-SUB-16", hash_and_size),
    ("DMP-SUB-70", links),
    ("DMP-SUB-30", sent_when_signed),
    ("DMP-SUB-45", rpps_keys),
    ("DMP-SUB-65", ins_of_the_lot),
];

/// Most that a lot's time may be away from the time of its assertion.
const ONE_DAY_MS: i64 = 86_400_000;

/// The lot of the message, or of the document when it came alone.
pub(super) fn lot_of<'a>(ctx: &DocumentCtx<'a>) -> Option<Cow<'a, Lot>> {
    if let Some(message) = ctx.message() {
        return message.lot().map(Cow::Borrowed);
    }
    let root = ctx.tree().document_element()?;
    let lot = Lot::read(ctx.tree(), root);
    lot.list.is_some().then_some(Cow::Owned(lot))
}

/// The documents of a lot, as entries that are not its signature.
pub(super) fn document_entries(lot: &Lot) -> impl Iterator<Item = &DocumentEntry> {
    lot.entries.iter().filter(|e| !e.signature)
}

/// Checks an INS and its OID at a node; a number is never shown whole.
fn check_ins(ctx: &mut DocumentCtx<'_>, node: NodeId, number: &str, root: &str) {
    let known = root
        .parse::<Oid>()
        .ok()
        .and_then(|oid| OidIns::of(&oid))
        .is_some_and(OidIns::is_ins);
    ctx.check(
        known,
        node,
        "un OID de l'INS : 1.2.250.1.213.1.4.8 (NIR), .9 (NIA), .10 (test) ou .11 (démonstration)",
        format!("OID « {root} »"),
    );
    let length = number.chars().count();
    let shape = length == 15
        && number
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'A' | b'B'));
    ctx.check(
        shape,
        node,
        "un matricule de 15 caractères, clé comprise",
        format!("{length} caractères"),
    );
    if shape {
        ctx.check(
            number.parse::<Matricule>().is_ok(),
            node,
            "un matricule dont la clé convient (97 moins le reste par 97, 2A et 2B comptés 19 et 18)",
            "un matricule dont la clé ne convient pas",
        );
    }
}

/// DMP-EX-03: the person asked about, in TD0.2 and in searches.
fn ins_asked_about(ctx: &mut DocumentCtx<'_>) {
    let Some(message) = ctx.message() else {
        return;
    };
    if let Some(existence) = message.existence()
        && let Some(node) = existence.patient_node
    {
        let patient = existence.patient.clone().unwrap_or_default();
        let number = patient.extension.unwrap_or_default();
        check_ins(ctx, node, &number, &patient.root);
    }
    if let Some(query) = message.query() {
        for parameter in &query.parameters {
            if !parameter.name.ends_with("PatientId") {
                continue;
            }
            for text in &parameter.values {
                if let (Some(cx), _) = Cx::parse(&text.text) {
                    check_ins(ctx, parameter.node, &cx.id, cx.root());
                }
            }
        }
    }
}

/// DMP-SUB-65: the person of a lot.
fn ins_of_the_lot(ctx: &mut DocumentCtx<'_>) {
    let Some(lot) = lot_of(ctx) else {
        return;
    };
    let of_set = lot
        .submission_set
        .as_ref()
        .and_then(|s| s.patient_id.as_ref());
    let mut seen = HashSet::new();
    for field in of_set
        .into_iter()
        .chain(lot.entries.iter().filter_map(|e| e.patient_id.as_ref()))
    {
        let Some(cx) = &field.value else {
            continue;
        };
        // Said once for each value: a lot repeats it in every entry.
        if seen.insert(field.raw.as_str()) {
            check_ins(ctx, field.node, &cx.id, cx.root());
        }
    }
}

/// DMP-SUB-03: one document for each entry, and the other way round.
fn entries_and_documents(ctx: &mut DocumentCtx<'_>) {
    let Some(message) = ctx.message() else {
        return;
    };
    let (Operation::Alimentation, Some(lot)) = (message.operation(), message.lot()) else {
        return;
    };
    let mut documents: HashMap<&str, usize> = HashMap::new();
    for attached in message.attached() {
        *documents.entry(attached.id.as_str()).or_default() += 1;
    }
    let entries: HashSet<&str> = lot.entries.iter().map(|e| e.id.as_str()).collect();
    for entry in &lot.entries {
        let times = documents.get(entry.id.as_str()).copied().unwrap_or(0);
        ctx.check(
            times == 1,
            entry.node,
            format!(
                "un document (xdsb:Document) d'id « {} », et un seul",
                entry.id
            ),
            format!("{times} document(s) de cet id"),
        );
    }
    for attached in message.attached() {
        ctx.check(
            entries.contains(attached.id.as_str()),
            attached.node,
            "une fiche (ExtrinsicObject) du même id que le document",
            format!("aucune fiche d'id « {} »", attached.id),
        );
    }
}

/// DMP-SUB-16: what the entry says of the bytes, against the bytes.
fn hash_and_size(ctx: &mut DocumentCtx<'_>) {
    let Some(message) = ctx.message() else {
        return;
    };
    let Some(lot) = message.lot() else {
        return;
    };
    let entries: HashMap<&str, &DocumentEntry> =
        lot.entries.iter().map(|e| (e.id.as_str(), e)).collect();
    for attached in message.attached() {
        let (Some(entry), Some(content)) = (
            entries.get(attached.id.as_str()),
            attached.content.as_deref(),
        ) else {
            continue;
        };
        if let Some(hash) = &entry.hash {
            let right = digest_hex(Digest::Sha1, content);
            ctx.check(
                hash.value.trim().eq_ignore_ascii_case(&right),
                hash.node,
                format!(
                    "l'empreinte SHA-1 des octets du document {} : {right}",
                    attached.id
                ),
                format!("« {} »", hash.value),
            );
        }
        if let Some(size) = &entry.size {
            ctx.check(
                size.value == u64::try_from(content.len()).ok(),
                size.node,
                format!(
                    "la taille du document {}, {} octets",
                    attached.id,
                    content.len()
                ),
                format!("« {} »", size.raw),
            );
        }
    }
}

/// DMP-SUB-70: every entry is a member of the lot, every end of an association is there, an id serves once.
fn links(ctx: &mut DocumentCtx<'_>) {
    let Some(lot) = lot_of(ctx) else {
        return;
    };
    let set = lot.submission_set.as_ref();
    let mut ids: HashMap<&str, NodeId> = HashMap::new();
    let objects = set
        .map(|s| (s.id.as_str(), s.node))
        .into_iter()
        .chain(lot.entries.iter().map(|e| (e.id.as_str(), e.node)))
        .chain(lot.folders.iter().map(|f| (f.id.as_str(), f.node)));
    for (id, node) in objects {
        if id.is_empty() {
            continue;
        }
        let fresh = ids.insert(id, node).is_none();
        ctx.check(
            fresh,
            node,
            "un id qui ne sert qu'une fois dans le lot",
            format!("« {id} », déjà porté par un autre objet"),
        );
    }
    let mut members: HashMap<&str, usize> = HashMap::new();
    for association in lot.associations_of("HasMember") {
        *members.entry(association.target.as_str()).or_default() += 1;
    }
    for entry in &lot.entries {
        let times = members.get(entry.id.as_str()).copied().unwrap_or(0);
        ctx.check(
            times == 1,
            entry.node,
            format!(
                "une association HasMember du lot vers « {} », et une seule",
                entry.id
            ),
            format!("{times} association(s)"),
        );
    }
    for association in &lot.associations {
        for (end, id) in [
            ("sourceObject", &association.source),
            ("targetObject", &association.target),
        ] {
            ctx.check(
                ids.contains_key(id.as_str())
                    || is_entry_uuid(id)
                    || is_oid_target(association, id),
                association.node,
                format!("{end} désigne un objet du lot, ou une fiche du DMP par son entryUUID"),
                format!("{end} « {id} »"),
            );
        }
    }
}

/// A target that is no entryUUID is the affair of the rules on replacement and status, which say it better.
fn is_oid_target(association: &diapason_formats::xds::Association, id: &str) -> bool {
    matches!(
        association.kind.as_str(),
        "RPLC" | "UpdateAvailabilityStatus"
    ) && id == association.target
}

/// DMP-SUB-30: the lot is sent when its assertion is made.
fn sent_when_signed(ctx: &mut DocumentCtx<'_>) {
    let Some(message) = ctx.message() else {
        return;
    };
    let (Some(assertion), Some(lot)) = (message.assertion(), message.lot()) else {
        return;
    };
    let issued = ctx
        .tree()
        .attribute(assertion, "IssueInstant")
        .and_then(|text| Timestamp::try_from(text.trim().to_owned()).ok());
    let sent = lot
        .submission_set
        .as_ref()
        .and_then(|s| s.submission_time.as_ref());
    let (Some(issued), Some(sent)) = (issued, sent) else {
        return;
    };
    let Some(time) = sent.value else {
        return;
    };
    let apart = time.timestamp().unix_millis() - issued.unix_millis();
    ctx.check(
        apart.abs() <= ONE_DAY_MS,
        sent.node,
        format!("l'heure de l'envoi, à un jour près de celle du VIHF ({issued})"),
        format!("« {} »", sent.raw),
    );
}

/// Persons of a lot: authors and legal authenticators.
pub(super) fn persons(lot: &Lot) -> impl Iterator<Item = &Field<Xcn>> {
    let of_set = lot.submission_set.iter().flat_map(|s| &s.authors);
    let of_entries = lot.entries.iter().flat_map(|e| &e.authors);
    of_set
        .chain(of_entries)
        .flat_map(|author| &author.persons)
        .chain(lot.entries.iter().flat_map(|e| &e.legal_authenticators))
}

/// DMP-SUB-45: an RPPS number has eleven digits and its key.
fn rpps_keys(ctx: &mut DocumentCtx<'_>) {
    let Some(lot) = lot_of(ctx) else {
        return;
    };
    let mut seen = HashSet::new();
    for field in persons(&lot) {
        let Some(person) = &field.value else {
            continue;
        };
        let Some(number) = person.id.strip_prefix('8') else {
            continue;
        };
        if person.kind != "IDNPS" || person.id.contains('/') || !seen.insert(person.id.as_str()) {
            continue;
        }
        ctx.check(
            number.len() == 11 && luhn(number),
            field.node,
            "8 suivi des 11 chiffres d'un RPPS, dont le dernier est la clé",
            if number.len() == 11 {
                "un numéro dont la clé ne convient pas".to_owned()
            } else {
                format!("8 suivi de {} caractères", number.chars().count())
            },
        );
    }
}

/// Luhn's check; false when there is anything but digits.
fn luhn(digits: &str) -> bool {
    let mut sum = 0;
    for (at, byte) in digits.bytes().rev().enumerate() {
        if !byte.is_ascii_digit() {
            return false;
        }
        let digit = u32::from(byte - b'0');
        sum += match at % 2 {
            0 => digit,
            _ if digit > 4 => digit * 2 - 9,
            _ => digit * 2,
        };
    }
    sum % 10 == 0
}

/// The element of that name that stands first under the body of the envelope.
pub(super) fn payload(tree: &Tree) -> Option<NodeId> {
    let envelope = tree.document_element()?;
    let body = tree
        .child_elements(envelope)
        .find(|n| tree.local(*n) == "Body")?;
    tree.child_elements(body).next()
}

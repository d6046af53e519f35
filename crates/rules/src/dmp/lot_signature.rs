//! Rules over the signature of a lot (XAdES): digests over the bytes attached, certificate, manifest.

use diapason_formats::dmp::Message;
use diapason_formats::vihf::Vihf;
use diapason_formats::xades::{self, DocumentOutcome, LotSignature, LotVerification};
use diapason_formats::xml::{NodeId, Tree};

use crate::document::{DocumentCtx, DocumentRule};

/// Rule id to function.
pub(super) const RULES: &[(&str, DocumentRule)] = &[
    ("DMP-SIG-01", signature_holds),
    ("DMP-SIG-02", documents_are_those_signed),
    ("DMP-SIG-03", manifest_and_metadata_agree),
    ("DMP-SIG-09", certificate_is_the_one_named),
    ("DMP-SIG-10", signed_by_the_structure),
];

/// A document of the lot: symbolic id, uniqueId of its metadata, bytes.
struct Fed<'a> {
    id: String,
    unique_id: Option<String>,
    bytes: &'a [u8],
}

fn fed<'a>(message: Option<&'a Message<'a>>) -> Vec<Fed<'a>> {
    let Some(message) = message else {
        return Vec::new();
    };
    let entries = message
        .lot()
        .map(|lot| lot.entries.as_slice())
        .unwrap_or_default();
    message
        .documents()
        .into_iter()
        .map(|(id, bytes)| Fed {
            unique_id: entries
                .iter()
                .find(|e| e.id == id)
                .and_then(|e| e.unique_id.as_ref())
                .map(|u| u.value.clone()),
            id,
            bytes,
        })
        .collect()
}

fn verified(tree: &Tree, lot: &LotSignature, documents: &[Fed<'_>]) -> LotVerification {
    let named: Vec<(&str, &[u8])> = documents
        .iter()
        .filter_map(|d| Some((d.unique_id.as_deref()?, d.bytes)))
        .collect();
    xades::verify(lot, tree, &named)
}

/// DMP-SIG-01: the signature holds, and covers the manifest and the signed properties.
fn signature_holds(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(lot) = LotSignature::read(tree) else {
        return;
    };
    let seen = xades::verify(&lot, tree, &[]);
    ctx.check(
        seen.signature.holds(),
        lot.node,
        "une signature qui se vérifie avec le certificat joint",
        seen.signature.said(),
    );
    if let Some(manifest) = lot.manifest {
        ctx.check(
            seen.manifest_signed,
            manifest,
            "une référence de SignedInfo au manifeste, d'empreinte juste",
            "le manifeste n'est pas couvert par la signature",
        );
    }
    if let Some(properties) = lot.properties {
        ctx.check(
            seen.properties_signed,
            properties,
            "une référence de SignedInfo aux propriétés signées, d'empreinte juste",
            "les propriétés ne sont pas couvertes par la signature",
        );
    }
}

/// DMP-SIG-02: each document attached is named by the manifest, with its digest.
fn documents_are_those_signed(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(lot) = LotSignature::read(tree) else {
        return;
    };
    let documents = fed(ctx.message());
    let at = lot.manifest.unwrap_or(lot.node);
    for document in verified(tree, &lot, &documents).documents {
        let place = document.reference.unwrap_or(at);
        let uri = format!("urn:oid:{}", document.unique_id);
        match document.outcome {
            DocumentOutcome::Agrees => ctx.held(),
            DocumentOutcome::NotNamed => ctx.broken(
                place,
                format!("une référence {uri} au document joint"),
                "le manifeste ne nomme pas ce document",
            ),
            DocumentOutcome::Differs => ctx.broken(
                place,
                format!("pour {uri}, l'empreinte des octets joints"),
                "une autre empreinte : le document n'est pas celui qui a été signé",
            ),
            DocumentOutcome::NotDigested => ctx.broken(
                place,
                format!("pour {uri}, l'empreinte des octets joints"),
                "AA==, qui ne convient qu'au lot",
            ),
            DocumentOutcome::Undecided(why) => ctx.broken(
                place,
                format!("pour {uri}, une empreinte qui se recalcule"),
                why,
            ),
        }
    }
}

/// DMP-SIG-03: the OIDs of the manifest are the uniqueIds of the lot and of its documents, which are the ids of the CDA.
fn manifest_and_metadata_agree(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let (Some(lot), Some(message)) = (LotSignature::read(tree), ctx.message()) else {
        return;
    };
    let documents = fed(Some(message));
    let lot_id = message
        .lot()
        .and_then(|l| l.submission_set.as_ref())
        .and_then(|s| s.unique_id.as_ref())
        .map(|u| u.value.as_str());
    for reference in &lot.references {
        let Some(oid) = reference.oid() else {
            // Its form is the business of DMP-SIG-08.
            continue;
        };
        if reference.is_not_digested() {
            if let Some(lot_id) = lot_id {
                ctx.check(
                    oid == lot_id,
                    reference.node,
                    format!("« urn:oid:{lot_id} », l'uniqueId du lot"),
                    format!("« {} »", reference.uri),
                );
            }
            continue;
        }
        ctx.check(
            documents
                .iter()
                .any(|d| d.unique_id.as_deref() == Some(oid)),
            reference.node,
            "l'uniqueId d'un document du lot",
            format!(
                "« {} », que les métadonnées ne connaissent pas",
                reference.uri
            ),
        );
    }
    for document in &documents {
        let (Some(unique_id), Some(cda_id)) = (&document.unique_id, cda_id(document.bytes)) else {
            continue;
        };
        ctx.check(
            *unique_id == cda_id,
            lot.manifest.unwrap_or(lot.node),
            format!(
                "pour {}, « {cda_id} », l'identifiant du CDA, partout",
                document.id
            ),
            format!("« {unique_id} » dans les métadonnées"),
        );
    }
}

/// `ClinicalDocument/id/@root`, when there is no extension.
fn cda_id(bytes: &[u8]) -> Option<String> {
    const HL7: &str = "urn:hl7-org:v3";
    let tree = Tree::read(bytes, &diapason_formats::xml::Limits::default()).ok()?;
    let id = tree.find(NodeId::ROOT, HL7, &["ClinicalDocument", "id"])?;
    let plain = tree.attribute(id, "extension").is_none_or(str::is_empty);
    plain
        .then(|| tree.attribute(id, "root").map(str::to_owned))
        .flatten()
}

/// DMP-SIG-09: `SigningCertificate` names the certificate of `KeyInfo`.
fn certificate_is_the_one_named(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(lot) = LotSignature::read(tree) else {
        return;
    };
    let seen = xades::verify(&lot, tree, &[]);
    if let Some(named) = seen.certificate_named {
        let named_as = lot.certificates.first().map_or_else(String::new, |c| {
            format!(
                "émetteur « {} », numéro {}",
                c.issuer.as_deref().unwrap_or_default(),
                c.serial.as_deref().unwrap_or_default()
            )
        });
        ctx.check(
            named,
            lot.properties.unwrap_or(lot.node),
            "l'empreinte, l'émetteur et le numéro de série du certificat joint",
            format!("un autre certificat, ou une autre empreinte : {named_as}"),
        );
    }
}

/// DMP-SIG-10: the certificate is made for signatures, and is that of the structure of the VIHF.
fn signed_by_the_structure(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(lot) = LotSignature::read(tree) else {
        return;
    };
    let Some(certificate) = xades::verify(&lot, tree, &[]).signature.certificate else {
        return;
    };
    ctx.check(
        certificate.key_usage().non_repudiation,
        lot.node,
        "un certificat d'usage signature (keyUsage nonRepudiation)",
        format!("« {} », qui n'a pas cet usage", certificate.subject()),
    );
    let vihf = ctx
        .message()
        .and_then(|m| Some(Vihf::read(&m.tree, m.assertion()?)));
    // In direct authentication the card of the professional signs.
    if let Some(vihf) = vihf.filter(|v| v.mode.as_deref() != Some("DIRECTE"))
        && let Some(structure) = vihf.structure
    {
        let ou = certificate.subject().get("OU");
        ctx.check(
            ou == Some(structure.as_str()),
            lot.node,
            format!("le certificat de la structure du VIHF, « {structure} »"),
            format!("« {} »", certificate.subject()),
        );
    }
}

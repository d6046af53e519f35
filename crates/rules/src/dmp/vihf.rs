//! Rules over a VIHF that need its certificate: issuer, XML signature, key usage, structure.
//!
//! Whether the certificate comes from the right authority is not judged here: the mock knows its authority, a document
//! alone does not.

use diapason_formats::signature::{DSIG, ENVELOPED, Name, Verification, verify};
use diapason_formats::vihf::{SAML, Vihf, X509_SUBJECT_NAME, is_vihf};
use diapason_formats::xml::{NodeId, Tree};

use crate::document::{DocumentCtx, DocumentRule};

/// Rule id to function.
pub(super) const RULES: &[(&str, DocumentRule)] = &[
    ("DMP-VIHF-03", issuer_is_signer),
    ("DMP-VIHF-04", signature_holds),
    ("DMP-VIHF-06", certificate_signs),
    ("DMP-VIHF-07", structure_is_that_of_the_certificate),
    ("DMP-VIHF-29", other_finess),
];

const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// Assertions that are taken for a VIHF: every one of an envelope (it is meant for the DMP), a lone one that looks like it.
fn assertions(tree: &Tree) -> Vec<NodeId> {
    let in_envelope = tree
        .document_element()
        .is_some_and(|root| tree.local(root) == "Envelope");
    tree.descendant_elements(NodeId::ROOT)
        .filter(|n| tree.is_named(*n, SAML, "Assertion"))
        .filter(|n| in_envelope || is_vihf(tree, *n))
        .collect()
}

/// The assertion and what was seen of its signature, when it has one.
fn signed(tree: &Tree) -> Vec<(NodeId, Vihf, Verification)> {
    assertions(tree)
        .into_iter()
        .filter_map(|node| {
            let vihf = Vihf::read(tree, node);
            let seen = verify(tree, vihf.signature?);
            Some((node, vihf, seen))
        })
        .collect()
}

/// DMP-VIHF-03: the issuer is the subject of the signing certificate.
fn issuer_is_signer(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    for node in assertions(tree) {
        let vihf = Vihf::read(tree, node);
        let Some(issuer) = tree.child(node, SAML, "Issuer") else {
            ctx.broken(node, "un émetteur (Issuer)", "aucun");
            continue;
        };
        ctx.check(
            vihf.issuer_format.as_deref() == Some(X509_SUBJECT_NAME),
            issuer,
            format!("Format=\"{X509_SUBJECT_NAME}\""),
            vihf.issuer_format.as_deref().map_or_else(
                || "pas d'attribut Format".to_owned(),
                |f| format!("« {f} »"),
            ),
        );
        let text = vihf.issuer.as_deref().unwrap_or_default();
        let name = Name::parse(text);
        let certificate = vihf
            .signature
            .and_then(|signature| verify(tree, signature).certificate);
        match (name, certificate) {
            (Err(why), _) => ctx.broken(
                issuer,
                "le nom distingué du certificat de signature",
                format!("« {text} » : {why}"),
            ),
            (Ok(name), Some(certificate)) => ctx.check(
                name.same_as(certificate.subject()),
                issuer,
                format!(
                    "le sujet du certificat de signature, « {} »",
                    certificate.subject()
                ),
                format!("« {text} »"),
            ),
            // Without a certificate there is nothing to compare with: DMP-VIHF-04 says so.
            (Ok(_), None) => {}
        }
    }
}

/// DMP-VIHF-04: one assertion, signed whole, by one reference, and the signature holds.
fn signature_holds(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let all = assertions(tree);
    if let [_, others @ ..] = all.as_slice() {
        for other in others {
            ctx.broken(
                *other,
                "une assertion et une seule dans le message",
                "une autre assertion : un lecteur peut prendre l'une pour l'autre",
            );
        }
    }
    for node in all {
        let signatures: Vec<NodeId> = tree.children_named(node, DSIG, "Signature").collect();
        let [signature] = signatures.as_slice() else {
            ctx.broken(
                node,
                "une signature (ds:Signature) et une seule, enfant de l'assertion",
                if signatures.is_empty() {
                    "aucune signature".to_owned()
                } else {
                    format!("{} signatures", signatures.len())
                },
            );
            continue;
        };
        let seen = verify(tree, *signature);
        shape(ctx, tree, node, *signature, &seen);
        let holds = seen.holds() && seen.covers(node);
        let observed = if seen.problems.is_empty() {
            "ce qui est signé n'est pas l'assertion qui porte la signature".to_owned()
        } else {
            seen.said()
        };
        ctx.check(
            holds,
            *signature,
            "une signature qui se vérifie avec le certificat joint et couvre toute l'assertion",
            observed,
        );
    }
}

/// Where the signature stands, and how the assertion is turned into bytes.
fn shape(
    ctx: &mut DocumentCtx<'_>,
    tree: &Tree,
    node: NodeId,
    signature: NodeId,
    seen: &Verification,
) {
    let before = tree
        .child_elements(node)
        .take_while(|n| *n != signature)
        .last();
    ctx.check(
        before.is_some_and(|n| tree.is_named(n, SAML, "Issuer")),
        signature,
        "la signature juste après l'émetteur (Issuer)",
        before.map_or_else(
            || "elle est le premier enfant de l'assertion".to_owned(),
            |n| format!("elle suit {}", tree.name(n)),
        ),
    );
    ctx.check(
        seen.canonical.as_deref() == Some(EXCLUSIVE),
        signature,
        format!("la forme canonique exclusive de SignedInfo ({EXCLUSIVE})"),
        format!("« {} »", seen.canonical.as_deref().unwrap_or_default()),
    );
    let [reference] = seen.references.as_slice() else {
        ctx.broken(
            signature,
            "une référence et une seule, à l'assertion",
            format!("{} références", seen.references.len()),
        );
        return;
    };
    let id = tree.attribute(node, "ID").unwrap_or_default();
    ctx.check(
        reference.uri.as_deref() == Some(&format!("#{id}")),
        reference.node,
        format!("URI=\"#{id}\""),
        format!("« {} »", reference.uri.as_deref().unwrap_or_default()),
    );
    let transforms: Vec<&str> = reference.transforms.iter().map(String::as_str).collect();
    ctx.check(
        transforms == [ENVELOPED, EXCLUSIVE],
        reference.node,
        "deux transformations : signature enveloppée, puis forme canonique exclusive",
        if transforms.is_empty() {
            "aucune transformation".to_owned()
        } else {
            transforms.join(", ")
        },
    );
}

/// DMP-VIHF-06: the certificate is made for signatures.
fn certificate_signs(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    for (_, vihf, seen) in signed(tree) {
        let (Some(certificate), Some(at)) = (&seen.certificate, vihf.signature) else {
            continue;
        };
        let usage = certificate.key_usage();
        ctx.check(
            usage.non_repudiation,
            at,
            "un certificat d'usage signature (keyUsage nonRepudiation)",
            if usage.present {
                let named: Vec<&str> = [
                    (usage.digital_signature, "digitalSignature"),
                    (usage.key_encipherment, "keyEncipherment"),
                ]
                .into_iter()
                .filter_map(|(there, name)| there.then_some(name))
                .collect();
                format!(
                    "« {} », keyUsage {}",
                    certificate.subject(),
                    named.join(", ")
                )
            } else {
                format!("« {} », sans keyUsage", certificate.subject())
            },
        );
    }
}

/// Structure of the attribute and of the certificate, outside direct authentication.
fn structures(tree: &Tree) -> Vec<(NodeId, String, Option<String>)> {
    signed(tree)
        .into_iter()
        .filter(|(_, vihf, _)| vihf.mode.as_deref() != Some("DIRECTE"))
        .filter_map(|(node, vihf, seen)| {
            let ou = seen.certificate?.subject().get("OU").map(str::to_owned);
            let at = vihf
                .attribute(diapason_formats::vihf::STRUCTURE)
                .map_or(node, |a| a.node);
            Some((at, vihf.structure?, ou))
        })
        .collect()
}

/// Two FINESS numbers: perhaps a legal entity and one of its establishments.
fn two_finess(one: &str, other: &str) -> bool {
    one.starts_with('1') && other.starts_with('1')
}

/// DMP-VIHF-07: the structure is the OU of the certificate.
fn structure_is_that_of_the_certificate(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    for (at, structure, ou) in structures(tree) {
        match ou {
            Some(ou) if ou == structure => ctx.held(),
            // DMP-VIHF-29 says what it is worth.
            Some(ou) if two_finess(&ou, &structure) => ctx.held(),
            Some(ou) => ctx.broken(
                at,
                format!("« {ou} », la structure (OU) du certificat de signature"),
                format!("« {structure} »"),
            ),
            None => ctx.broken(
                at,
                "un certificat de signature dont le sujet porte une structure (OU)",
                "un certificat sans OU",
            ),
        }
    }
}

/// DMP-VIHF-29: another FINESS than that of the certificate.
fn other_finess(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    for (at, structure, ou) in structures(tree) {
        if let Some(ou) = ou {
            ctx.check(
                ou == structure || !two_finess(&ou, &structure),
                at,
                format!("« {ou} », le FINESS du certificat, sauf couple entité juridique et établissement déclaré"),
                format!("« {structure} »"),
            );
        }
    }
}

pub(super) mod serie;
#[cfg(test)]
mod tests;

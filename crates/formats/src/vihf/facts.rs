//! The facts of a VIHF: what rules over one exchange are written against.

use diapason_core::Timestamp;
use diapason_core::exchange::PeerCertificate;
use serde_json::{Value, json};

use super::Vihf;
use crate::insi::temps;
use crate::signature::{Name, Verification, verify};
use crate::xml::{NodeId, Tree};

/// Facts of the assertion `node`, seen on a connection opened with the certificate `tls`, received at `at`.
pub fn facts(tree: &Tree, node: NodeId, tls: Option<&PeerCertificate>, at: Timestamp) -> Value {
    let vihf = Vihf::read(tree, node);
    let roles: Vec<Value> = vihf
        .roles
        .iter()
        .map(|role| json!({ "code": role.code, "system": role.code_system }))
        .collect();
    let ins = vihf.ins();
    json!({
        "id": vihf.id,
        "issue_instant": vihf.issue_instant,
        "age_s": vihf.age_s(at),
        "issuer": vihf.issuer,
        "name_id": vihf.name_id,
        "mode": vihf.mode,
        "structure": vihf.structure,
        "secteur": vihf.secteur,
        "subject_id": vihf.subject_id,
        "roles": roles,
        "resource_id": vihf.resource_id,
        "ins": ins.map(|(ins, _)| ins),
        "ins_oid": ins.map(|(_, oid)| oid),
        "purpose": vihf.purpose.as_ref().and_then(|p| p.code.as_deref()),
        "version": vihf.vihf_version,
        "lps_nom": vihf.lps_nom,
        "lps_version": vihf.lps_version,
        "lps_id": vihf.lps_id,
        "homologation": vihf.homologation,
        "confidentiality": vihf.confidentiality,
        "authn_class": vihf.authn_class,
        "authn_decl": vihf.authn_decl,
        "authn_instant": vihf.authn_instant,
        "audience": vihf.audiences.first(),
        "signature": vihf.signature.map(|at_node| {
            signature(&vihf, &verify(tree, at_node), node, tls, at)
        }),
    })
}

impl Vihf {
    /// Whole seconds from `IssueInstant` to `at`; negative when it was issued later. `None` without an instant and its zone.
    pub fn age_s(&self, at: Timestamp) -> Option<i64> {
        temps::date_time(self.issue_instant.as_deref()?)?
            .skew_s(at)
            .map(|skew| -skew)
    }
}

fn signature(
    vihf: &Vihf,
    seen: &Verification,
    assertion: NodeId,
    tls: Option<&PeerCertificate>,
    at: Timestamp,
) -> Value {
    let verifies = seen.holds() && seen.covers(assertion);
    let problem = if verifies {
        None
    } else if seen.problems.is_empty() {
        Some("la signature ne couvre pas l'assertion qui la porte".to_owned())
    } else {
        Some(seen.said())
    };
    let certificate = seen.certificate.as_ref();
    let issuer = vihf.issuer.as_deref().map(Name::parse);
    let ou = certificate.and_then(|c| c.subject().get("OU"));
    json!({
        "method": seen.method,
        "digest": seen.references.first().and_then(|r| r.digest_method.as_deref()),
        "c14n": seen.references.first().and_then(|r| r.transforms.last()),
        "verifies": verifies,
        "problem": problem,
        "non_repudiation": certificate.map(|c| c.key_usage().non_repudiation),
        "valid_now": certificate.map(|c| c.valid_at(at)),
        "issuer_is_signer": certificate.map(|c| {
            matches!(&issuer, Some(Ok(name)) if name.same_as(c.subject()))
        }),
        "signer": certificate.map(|c| c.subject().rfc2253()),
        "signer_ou": ou,
        "signer_authority": certificate.and_then(|c| c.issuer().get("CN")),
        "same_holder_as_tls": certificate.zip(tls).map(|(c, tls)| {
            Name::parse(&tls.subject).is_ok_and(|name| name.same_as(c.subject()))
        }),
        "same_key_as_tls": certificate.zip(tls).map(|(c, tls)| c.sha256() == tls.sha256),
        "same_authority_as_tls": certificate.zip(tls).map(|(c, tls)| {
            c.issuer().get("CN") == tls.issuer_cn.as_deref()
        }),
        "structure_is_ou": certificate.map(|_| ou.is_some() && ou == vihf.structure.as_deref()),
    })
}

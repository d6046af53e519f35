//! Facts of an INSi request, as one JSON value. The keys are a contract with the rules.

use diapason_core::Timestamp;
use diapason_core::exchange::PeerCertificate;
use diapason_core::ins::{CodeLieu, DateNaissance};
use serde_json::{Map, Value, json};

use super::context::{Bam, Beneficiaire, Context, Lps, Numero};
use super::lexical::{nom_problems, prenom_problems};
use super::request::{
    Body, Content, Matricule, Request, TraitsQuery, VerificationQuery, VitaleQuery, is_uuid,
};
use super::xml::XmlProblem;
use crate::http::ContentType;

/// Facts of an INSi request.
///
/// `content_type` and `client_certificate` are those of the exchange; `at` is when it arrived.
pub fn facts(
    body: &[u8],
    content_type: Option<&ContentType>,
    at: Timestamp,
    client_certificate: Option<&PeerCertificate>,
) -> Value {
    let (request, problem) = match Request::parse(body) {
        Ok(request) => (request, None),
        Err(problem) => (Request::default(), Some(problem)),
    };
    // A document with a DTD is refused, not malformed.
    let well_formed = matches!(problem, None | Some(XmlProblem::Dtd));
    let emetteur_bam = request
        .bam
        .as_ref()
        .and_then(|b| b.context.emetteur.as_deref());
    let emetteur_lps = request
        .lps
        .as_ref()
        .and_then(|l| l.context.emetteur.as_deref());
    let ou = client_certificate.and_then(|c| c.subject_ou.as_deref());
    let header_action = content_type.and_then(|c| c.action.as_deref());
    let content = request.body.as_ref().map(|b| &b.content);
    json!({
        "well_formed": well_formed,
        "xml_error": problem.as_ref().map(ToString::to_string),
        "dtd": problem == Some(XmlProblem::Dtd),
        "soap_version": request.soap_version.map(super::request::SoapVersion::as_str),
        "root": (!request.root.is_empty()).then_some(&request.root),
        "headers": request.headers,
        "must_understand": request.must_understand,
        "actions": request.actions,
        "action": request.action(),
        "action_operation": request.action_operation(),
        "content_type_action_equal": header_action.zip(request.action()).map(|(a, b)| a == b),
        "message_ids": request.message_ids,
        "message_id": request.message_id(),
        "message_id_uuid": request.message_id().is_some_and(is_uuid),
        "bam": request.bam.as_ref().map(|b| bam(b, at)),
        "lps": request.lps.as_ref().map(|l| lps(l, at)),
        "security": request.security.as_ref().map(|s| s.facts(at, body)),
        "body": request.body.as_ref().map(body_facts),
        "traits": match content { Some(Content::Traits(t)) => traits(t), _ => Value::Null },
        "vitale": match content { Some(Content::Vitale(v)) => vitale(v), _ => Value::Null },
        "verification": match content { Some(Content::Verification(v)) => verification(v), _ => Value::Null },
        "contexts_emetteur_equal": emetteur_bam.zip(emetteur_lps).map(|(a, b)| a == b),
        "emetteur_matches_ou": emetteur_lps.or(emetteur_bam).zip(ou).map(|(a, b)| a == b),
    })
}

fn context(context: &Context, at: Timestamp) -> Map<String, Value> {
    let temps = context.at;
    let shared = json!({
        "count": context.count,
        "version": context.version,
        "nature": context.nature,
        "id": context.id,
        "id_uuid": context.id.as_deref().is_some_and(is_uuid),
        "temps": context.temps,
        "temps_utc": temps.is_some_and(super::temps::DateTime::is_utc),
        "temps_skew_s": temps.and_then(|t| t.skew_s(at)),
        "emetteur": context.emetteur,
        "problems": context.problems,
    });
    match shared {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn numero(numero: &Numero) -> Value {
    json!({ "numero": numero.numero, "cle": numero.cle })
}

fn beneficiaire(b: &Beneficiaire) -> Value {
    json!({
        "nir": b.nir.as_ref().map(numero),
        "date_certification": b.date_certification,
        "date_naissance": b.date_naissance,
        "rang": b.rang,
        "porteur": b.porteur,
    })
}

fn bam(bam: &Bam, at: Timestamp) -> Value {
    let mut map = context(&bam.context, at);
    let couverture = bam.couverture.as_ref().map(|c| {
        json!({
            "empty": c.empty,
            "grand_regime": c.grand_regime,
            "organisme": c.organisme,
            "code_centre": c.code_centre,
            "assure": c.assure.as_ref().map(numero),
            "beneficiaire": c.beneficiaire.as_ref().map(beneficiaire),
        })
    });
    map.insert("couverture".to_owned(), couverture.unwrap_or_default());
    Value::Object(map)
}

fn lps(lps: &Lps, at: Timestamp) -> Value {
    let mut map = context(&lps.context, at);
    let idam = lps
        .idam
        .as_ref()
        .map(|v| json!({ "value": v, "r": lps.idam_r }));
    map.insert("idam".to_owned(), idam.unwrap_or_default());
    map.insert("lps_version".to_owned(), json!(lps.version));
    map.insert("instance".to_owned(), json!(lps.instance));
    map.insert("nom".to_owned(), json!(lps.nom));
    Value::Object(map)
}

fn body_facts(body: &Body) -> Value {
    json!({
        "element": body.element,
        "namespace": body.namespace,
        "count": body.count,
        "children": body.children,
        "unknown_children": body.unknown_children,
        "order_ok": body.order_ok,
        "problems": body.problems,
    })
}

fn traits(t: &TraitsQuery) -> Value {
    let date = t.date_naissance.as_deref().map(str::parse::<DateNaissance>);
    let nom_problems = match t.nom_naissance.as_deref() {
        None => vec!["missing"],
        Some(nom) => nom_problems(nom),
    };
    let mut prenom_problems: Vec<&str> =
        t.prenoms.iter().flat_map(|p| prenom_problems(p)).collect();
    if t.prenoms.is_empty() && t.liste_prenom.is_none() {
        prenom_problems.push("missing");
    }
    prenom_problems.sort_unstable();
    prenom_problems.dedup();
    let form = match t.prenoms.as_slice() {
        [] => None,
        [only] if only.trim().contains(' ') => Some("joined"),
        [_] => Some("one"),
        _ => Some("several"),
    };
    json!({
        "nom_naissance": t.nom_naissance,
        "prenoms": t.prenoms,
        "liste_prenom": t.liste_prenom,
        "prenom_form": form,
        "sexe": t.sexe,
        "date_naissance": t.date_naissance,
        // A lunar date is no calendar day: it has its own mark.
        "date_valid": matches!(&date, Some(Ok(d)) if !d.is_lunar()),
        "date_lunar": matches!(&date, Some(Ok(d)) if d.is_lunar()),
        "lieu_naissance": t.lieu_naissance,
        // Absent is valid: the place is optional.
        "lieu_valid": t.lieu_naissance.as_deref().is_none_or(|l| l.parse::<CodeLieu>().is_ok()),
        "nom_problems": nom_problems,
        "prenom_problems": prenom_problems,
    })
}

fn matricule(m: &Matricule) -> Value {
    json!({ "numero": m.numero, "cle": m.cle, "type": m.type_matricule })
}

fn vitale(v: &VitaleQuery) -> Value {
    json!({
        "matricule_individu": v.individu.as_ref().map(matricule),
        "matricule_od": v.ouvrant_droit.as_ref().map(matricule),
        "nom_naissance": v.nom_naissance,
        "date_naissance": v.date_naissance,
        "rang": v.rang,
    })
}

fn verification(v: &VerificationQuery) -> Value {
    json!({
        "matricule": v.matricule.as_ref().map(matricule),
        "oid": v.oid,
        "traits": traits(&v.traits),
    })
}

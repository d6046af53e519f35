//! The VIHF of a call: who acts, from which structure, about whom, in which mode; signed by the structure.

use diapason_core::Timestamp;
use diapason_formats::signature::{Digest, SignOptions, Signer, sign_enveloped};
use diapason_formats::vihf::{
    Coded, Mode, OID_MODE_ACCES, OID_SECTEUR, URN_DMP, Vihf, X509_SUBJECT_NAME, authn,
};
use uuid::Uuid;

use super::acteur::{Acteur, Connexion};
use super::erreur::Echec;
use crate::config::DmpSettings;
use crate::document::site::SITE;
use crate::identite::usager::InsTenu;
use crate::mutants::Mutants;

/// What an assertion says.
#[derive(Debug, Clone, Copy)]
pub struct Habilitation<'a> {
    /// Mode.
    pub mode: Mode,
    /// Who acts.
    pub acteur: &'a Acteur,
    /// About whom; absent for what concerns nobody in particular.
    pub ins: Option<&'a InsTenu>,
    /// Is the access hidden from the legal representatives of a minor?
    pub secrete: bool,
}

/// A patient identifier: `INS^^^&OID&ISO^NH`.
pub fn cx(ins: &InsTenu) -> String {
    format!("{}^^^&{}&ISO^NH", ins.matricule, ins.oid)
}

/// `AAAA-MM-JJThh:mm:ss.mmmZ`: technical dates are in UTC.
fn instant(at: Timestamp) -> String {
    at.to_string()
}

/// The unsigned assertion.
pub fn assertion(
    h: &Habilitation<'_>,
    settings: &DmpSettings,
    signer: &Signer,
    now: Timestamp,
    mutants: &Mutants,
) -> Vihf {
    let a = h.acteur;
    let psc = a.connexion == Connexion::Psc;
    let class = if psc {
        authn::MOBILE_TWO_FACTOR
    } else {
        authn::PASSWORD
    };
    let mut vihf = Vihf {
        version: Some("2.0".to_owned()),
        id: Some(format!("_{}", Uuid::new_v4())),
        issue_instant: Some(instant(now)),
        issuer: Some(signer.certificate().subject().rfc2253()),
        issuer_format: Some(X509_SUBJECT_NAME.to_owned()),
        name_id: Some(a.identifiant.clone()),
        authn_instant: Some(instant(a.depuis)),
        authn_class: Some(class.to_owned()),
        authn_decl: (h.mode == Mode::IndirecteRenforcee).then(|| class.to_owned()),
        vihf_version: Some("3.0".to_owned()),
        mode: Some(h.mode.as_str().to_owned()),
        structure: Some(settings.structure.clone()),
        secteur: Some(format!("{}^{OID_SECTEUR}", SITE.etablissement.secteur)),
        subject_id: Some(format!("{} {}", a.nom, a.prenom)),
        roles: a
            .roles()
            .iter()
            .map(|role| Coded::new(&role.code, &role.systeme, &role.libelle))
            .collect(),
        resource_id: h.ins.map(cx),
        ressource_urn: Some(URN_DMP.to_owned()),
        purpose: Some(Coded {
            code_system_name: Some("mode acces VIHF 2.0".to_owned()),
            ..Coded::new("normal", OID_MODE_ACCES, "Accès normal")
        }),
        lps_id: Some(settings.lps_oid.clone()),
        lps_nom: Some(settings.lps_nom.clone()),
        lps_version: Some(settings.lps_version.clone()),
        homologation: Some(settings.homologation.clone()),
        ..Vihf::default()
    };
    if h.secrete && !mutants.mutant("dmp-secret-connection-lost") {
        vihf.confidentiality = vec!["INVISIBLE_REPRESENTANTS_LEGAUX".to_owned()];
    }
    super::defauts::vihf(&mut vihf, h, signer, now, mutants);
    vihf
}

/// The signed assertion, as it goes into the message.
pub fn signee(
    h: &Habilitation<'_>,
    settings: &DmpSettings,
    signer: &Signer,
    now: Timestamp,
    mutants: &Mutants,
) -> Result<String, Echec> {
    let vihf = assertion(h, settings, signer, now, mutants);
    let xml = vihf.write();
    let xml = super::defauts::vihf_avant_signature(xml, mutants);
    if mutants.mutant("dmp-vihf-unsigned") {
        return Ok(xml);
    }
    let options = SignOptions {
        digest: if mutants.mutant("dmp-vihf-sha1") {
            Digest::Sha1
        } else {
            Digest::Sha256
        },
        prefixes: Vec::new(),
    };
    let id = vihf.id.unwrap_or_default();
    sign_enveloped(&xml, &id, signer, &options)
        .map(|signed| super::defauts::vihf_apres_signature(signed, mutants))
        .map_err(|e| Echec::Interne(e.to_string()))
}

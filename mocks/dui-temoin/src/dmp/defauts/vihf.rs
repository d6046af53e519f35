//! Defects of the assertion: what it says, and what is done to it around its signature.

use diapason_core::Timestamp;
use diapason_formats::signature::Signer;
use diapason_formats::vihf::{Coded, OID_PROFESSION, Vihf, authn};

use super::super::vihf::Habilitation;
use crate::mutants::Mutants;

fn poser(champ: &mut Option<String>, valeur: &str) {
    *champ = Some(valeur.to_owned());
}

/// Defects of what the assertion says.
pub fn vihf(
    v: &mut Vihf,
    h: &Habilitation<'_>,
    signer: &Signer,
    now: Timestamp,
    mutants: &Mutants,
) {
    if mutants.mutant("dmp-vihf-id-not-ncname")
        && let Some(id) = &mut v.id
    {
        *id = format!("1{}", &id[2..]);
    }
    if mutants.mutant("dmp-vihf-local-time") {
        let local = now.to_string().replace('Z', "+01:00");
        v.issue_instant = Some(local);
    }
    if mutants.mutant("dmp-vihf-stale") {
        let vieux = Timestamp::from_unix_millis(now.unix_millis() - 3_600_000);
        v.issue_instant = Some(vieux.to_string());
    }
    if mutants.mutant("dmp-vihf-issuer-is-the-authority") {
        v.issuer = Some(signer.certificate().issuer().rfc2253());
    }
    if mutants.mutant("dmp-vihf-issuer-without-format") {
        v.issuer_format = None;
    }
    if mutants.mutant("dmp-vihf-other-structure") {
        poser(&mut v.structure, "10B0999999");
    }
    if mutants.mutant("dmp-vihf-sector-without-system") {
        poser(&mut v.secteur, "SA17");
    }
    if mutants.mutant("dmp-vihf-sector-of-a-hospital") {
        poser(&mut v.secteur, "SA01^1.2.250.1.71.4.2.4");
    }
    roles(v, mutants);
    if mutants.mutant("dmp-vihf-without-person") {
        v.resource_id = None;
    }
    if mutants.mutant("dmp-vihf-bare-matricule") {
        v.resource_id = h.ins.map(|ins| ins.matricule.to_string());
    }
    if mutants.mutant("dmp-vihf-other-person") && v.resource_id.is_some() {
        poser(
            &mut v.resource_id,
            "181016322075140^^^&1.2.250.1.213.1.4.8&ISO^NH",
        );
    }
    if mutants.mutant("dmp-vihf-version-2") {
        poser(&mut v.vihf_version, "2.0");
    }
    if mutants.mutant("dmp-vihf-urn-of-another-service") {
        poser(&mut v.ressource_urn, "urn:ROR");
    }
    if mutants.mutant("dmp-vihf-break-glass")
        && let Some(purpose) = &mut v.purpose
    {
        poser(&mut purpose.code, "bris_de_glace");
    }
    if mutants.mutant("dmp-vihf-without-homologation") {
        v.homologation = None;
    }
    if mutants.mutant("dmp-vihf-audience") {
        v.audiences = vec!["urn:dmp".to_owned()];
    }
    if mutants.mutant("dmp-vihf-smartcard-for-a-password") {
        poser(&mut v.authn_class, authn::SMARTCARD_PKI);
    }
    if mutants.mutant("dmp-vihf-generic-user") {
        poser(&mut v.name_id, "899709900031");
        poser(&mut v.subject_id, "COMPTE GENERIQUE");
    }
}

fn roles(v: &mut Vihf, mutants: &Mutants) {
    if mutants.mutant("dmp-vihf-roles-reversed") {
        v.roles.insert(
            0,
            Coded::new(
                "SM26",
                "1.2.250.1.71.4.2.5",
                "Qualifié en médecine générale",
            ),
        );
    }
    if mutants.mutant("dmp-vihf-physician-without-savoir-faire") {
        v.roles = vec![Coded::new("10", OID_PROFESSION, "Médecin")];
    }
    if mutants.mutant("dmp-vihf-role-without-label") {
        for role in &mut v.roles {
            role.display_name = None;
        }
    }
    if mutants.mutant("dmp-vihf-without-role") {
        v.roles.clear();
    }
}

/// Defects of the text, before it is signed: the signature holds.
pub fn vihf_avant_signature(xml: String, mutants: &Mutants) -> String {
    if mutants.mutant("dmp-vihf-two-roles-in-one-value") {
        let role = "<Role xmlns=\"urn:hl7-org:v3\" xsi:type=\"CE\" code=\"35\" codeSystem=\"1.2.250.1.71.1.2.7\" displayName=\"Aide-soignant\"/>";
        return xml.replacen(
            "<saml:AttributeValue><Role",
            &format!("<saml:AttributeValue>{role}<Role"),
            1,
        );
    }
    xml
}

/// Defects of the text, once signed: the signature does not hold any more.
pub fn vihf_apres_signature(xml: String, mutants: &Mutants) -> String {
    if mutants.mutant("dmp-vihf-reindented-after-signature") {
        return xml.replace("<saml:AttributeStatement>", "<saml:AttributeStatement>\n  ");
    }
    if mutants.mutant("dmp-vihf-changed-after-signature") {
        return xml.replacen(">normal<", ">autre<", 1).replacen(
            "code=\"normal\"",
            "code=\"normal\" codeSystemVersion=\"1\"",
            1,
        );
    }
    xml
}

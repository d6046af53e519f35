//! The checks of 6.5, one by one and in their order.

use diapason_formats::vihf::{Coded, Vihf};
use diapason_mock_common::pki::ClientCertificate;

use super::*;

fn outcome(change: impl FnOnce(&mut Vihf)) -> String {
    let mut vihf = vihf("INDIRECTE", ADRUN);
    change(&mut vihf);
    Dmp::new().send(existence(&vihf, ADRUN)).reply.outcome
}

#[test]
fn a_sound_call_passes() {
    let told = Dmp::new().send(existence(&vihf("INDIRECTE", ADRUN), ADRUN));
    assert_eq!(told.outcome(), "actif", "{}", told.xml);
    assert_eq!(told.reply.status, 200);
    assert!(told.content_type().starts_with("application/soap+xml"));
    assert!(
        told.xml.contains(
            "<wsa:RelatesTo>urn:uuid:4f3f2f10-0000-4000-8000-000000000004</wsa:RelatesTo>"
        )
    );
}

#[test]
fn the_certificate_of_the_connection_is_looked_at_first() {
    let dmp = Dmp::new();
    // Everything is wrong with this one: the connection speaks first.
    let unsigned = vihf("INDIRECTE", ADRUN).write();
    for (which, word) in [
        (ClientCertificate::Expire, "expired"),
        (ClientCertificate::Etranger, "unknown issuer"),
        (ClientCertificate::Revoque, "revoked"),
        (ClientCertificate::Signature, "no clientAuth usage"),
    ] {
        let mut request = existence_asserted(&unsigned, ADRUN);
        request.tls = Some(tls(which, now()));
        let told = dmp.send(request);
        assert_eq!(
            told.outcome(),
            "fault:MOCK_DMPCertificatClient",
            "{which:?}"
        );
        assert!(told.xml.contains(word), "{}", told.xml);
        assert_eq!(told.reply.status, 500);
    }
}

#[test]
fn the_signature_is_verified_by_a_certificate_made_for_it() {
    let dmp = Dmp::new();
    let vihf = vihf("INDIRECTE", ADRUN);
    let send = |assertion: &str| dmp.send(existence_asserted(assertion, ADRUN)).reply.outcome;
    assert_eq!(send(""), "fault:MOCK_VihfAbsent");
    assert_eq!(send(&vihf.write()), "fault:MOCK_VihfSignature");
    let good = signed(&vihf);
    assert_eq!(send(&good), "actif");
    assert_eq!(
        send(&good.replace("DUITEST IDEC", "DUITEST AUTRE")),
        "fault:MOCK_VihfSignature"
    );
    assert_eq!(send(&format!("{good}{good}")), "fault:MOCK_VihfMultiple");
    for which in [
        ClientCertificate::Dui,
        ClientCertificate::SignatureEtrangere,
        ClientCertificate::SignatureExpiree,
    ] {
        assert_eq!(
            send(&signed_by(&vihf, which)),
            "fault:DMPInvalidCertificate",
            "{which:?}"
        );
    }
}

#[test]
fn an_assertion_wrapped_around_a_signed_one_is_refused() {
    let dmp = Dmp::new();
    let mut inner = vihf("INDIRECTE", ADRUN);
    inner.id = Some("_original".to_owned());
    let signed_inner = signed(&inner);
    let mut outer = vihf("INDIRECTE", ADRUN);
    outer.id = Some("_wrapping".to_owned());
    outer.name_id = Some("899709999999".to_owned());
    let start = signed_inner.find("<ds:Signature").unwrap();
    let end = signed_inner.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let wrapping = outer.write().replace(
        "</saml:Issuer>",
        &format!("</saml:Issuer>{}", &signed_inner[start..end]),
    );
    // The signed one stands elsewhere in the message; the signature covers it, not the one that is read.
    let hidden = wrapping.replace(
        "</saml:Assertion>",
        &format!("<x>{signed_inner}</x></saml:Assertion>"),
    );
    for assertion in [wrapping, hidden] {
        let told = dmp.send(existence_asserted(&assertion, ADRUN));
        assert!(
            told.outcome().starts_with("fault:MOCK_Vihf"),
            "{}",
            told.outcome()
        );
    }
}

#[test]
fn names_structure_roles_and_attributes() {
    assert_eq!(
        outcome(|v| v.issuer = Some("CN=autre,C=FR".to_owned())),
        "fault:MOCK_VihfIssuer"
    );
    // The same name written the other way round is the same name.
    assert_eq!(
        outcome(|v| {
            let issuer = v.issuer.take().unwrap();
            let mut parts: Vec<&str> = issuer.split(',').collect();
            parts.reverse();
            v.issuer = Some(parts.join(", "));
        }),
        "actif"
    );
    for structure in ["10B0999999", "10B0990009", "499709900015001"] {
        assert_eq!(
            outcome(|v| v.structure = Some(structure.to_owned())),
            "fault:MOCK_DMPStructure",
            "{structure}"
        );
    }
    assert_eq!(outcome(|v| v.roles.clear()), "fault:MOCK_DMPRole");
    let alone = |code: &str| vec![Coded::new(code, "1.2.250.1.71.1.2.7", "x")];
    assert_eq!(
        outcome(|v| v.roles = alone("10")),
        "fault:MOCK_DMPSpecialite"
    );
    assert_eq!(
        outcome(|v| v.roles = alone("21")),
        "fault:MOCK_DMPSpecialite"
    );
    assert_eq!(outcome(|v| v.roles = alone("35")), "actif");
    assert_eq!(
        outcome(|v| v.mode = Some("AUTRE".to_owned())),
        "fault:MOCK_VihfAttribut"
    );
    for spoil in [
        (|v: &mut Vihf| v.secteur = Some("SA17".to_owned())) as fn(&mut Vihf),
        |v| v.vihf_version = Some("2.0".to_owned()),
        |v| v.ressource_urn = Some("urn:ROR".to_owned()),
        |v| v.lps_nom = None,
        |v| v.lps_version = Some(String::new()),
        |v| v.homologation = None,
        |v| v.purpose = None,
        |v| v.subject_id = None,
    ] {
        assert_eq!(outcome(spoil), "fault:MOCK_VihfAttribut");
    }
    assert_eq!(
        outcome(|v| v.vihf_version = Some("4.0".to_owned())),
        "actif"
    );
}

#[test]
fn the_clock_and_the_conditions_are_honoured_unless_switched_off() {
    let at = |instant: &str| {
        let instant = instant.to_owned();
        outcome(move |v| v.issue_instant = Some(instant))
    };
    assert_eq!(at("2026-01-15T08:56:00Z"), "actif");
    assert_eq!(at("2026-01-15T08:50:00Z"), "fault:MOCK_VihfPeriod");
    assert_eq!(at("2026-01-15T09:10:00Z"), "fault:MOCK_VihfPeriod");
    assert_eq!(
        outcome(|v| {
            v.conditions = true;
            v.not_on_or_after = Some("2026-01-15T08:59:00Z".to_owned());
        }),
        "fault:MOCK_VihfPeriod"
    );
    let blind = Dmp::with(Behaviour {
        clock_seconds: 0,
        ..Behaviour::default()
    });
    let mut old = vihf("INDIRECTE", ADRUN);
    old.issue_instant = Some("2020-01-15T08:50:00Z".to_owned());
    assert_eq!(blind.send(existence(&old, ADRUN)).outcome(), "actif");
}

#[test]
fn the_person_is_the_same_everywhere() {
    let dmp = Dmp::new();
    let told = dmp.send(existence(&vihf("INDIRECTE", ADRUN), ADRDEUX));
    assert_eq!(told.outcome(), "fault:XDSPatientIdDoesNotMatch");
    assert_eq!(outcome(|v| v.resource_id = None), "fault:MOCK_VihfPatient");
    let other = find(&vihf("INDIRECTE_RENFORCEE", ADRUN), ADRDEUX, &[]);
    assert_eq!(dmp.send(other).outcome(), "fault:XDSPatientIdDoesNotMatch");
    let registry = Dmp::with(Behaviour {
        patient_mismatch: crate::Carrier::Registry,
        ..Behaviour::default()
    });
    let other = find(&vihf("INDIRECTE_RENFORCEE", ADRUN), ADRDEUX, &[]);
    assert_eq!(
        registry.send(other).outcome(),
        "failure:XDSPatientIdDoesNotMatch"
    );
}

#[test]
fn direct_authentication_wants_the_card_of_a_professional_of_the_structure() {
    let dmp = Dmp::new();
    let direct = |vihf: &Vihf| {
        let files = PKI.1.path("personne-cps.pem");
        let signer = diapason_formats::signature::Signer::from_pem(
            &std::fs::read(files).unwrap(),
            &std::fs::read(PKI.1.path("personne-cps.key")).unwrap(),
        )
        .unwrap();
        let mut vihf = vihf.clone();
        vihf.issuer = Some(signer.certificate().subject().rfc2253());
        let id = vihf.id.clone().unwrap();
        let options = diapason_formats::signature::SignOptions::default();
        let signed =
            diapason_formats::signature::sign_enveloped(&vihf.write(), &id, &signer, &options);
        dmp.send(existence_asserted(&signed.unwrap(), ADRUN))
            .reply
            .outcome
    };
    let vihf = vihf("DIRECTE", ADRUN);
    let usage = {
        let der = PKI.1.certificate_der("personne-cps.pem").unwrap();
        diapason_formats::signature::Certificate::from_der(&der)
            .unwrap()
            .key_usage()
            .non_repudiation
    };
    let expected = if usage {
        "actif"
    } else {
        "fault:DMPInvalidCertificate"
    };
    assert_eq!(direct(&vihf), expected);
    if usage {
        let mut other = vihf.clone();
        other.structure = Some("499709900015001".to_owned());
        assert_eq!(direct(&other), "fault:MOCK_DMPLienStructure");
    }
    // A structure's certificate does not speak for a person.
    let told = dmp.send(existence(&vihf, ADRUN));
    assert_eq!(told.outcome(), "fault:DMPInvalidCertificate");
}

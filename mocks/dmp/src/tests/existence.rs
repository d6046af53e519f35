//! TD0.2, TD0.3, TD0.4, TD1.6.

use super::*;

fn air() -> diapason_formats::vihf::Vihf {
    vihf("INDIRECTE_RENFORCEE", ADRUN)
}

#[test]
fn the_answer_says_the_state_of_the_dmp() {
    let dmp = Dmp::new();
    let ask = || dmp.send(existence(&vihf("INDIRECTE", ADRUN), ADRUN));
    let told = ask();
    assert_eq!(told.attributes("queryResponseCode", "code"), ["OK"]);
    assert_eq!(told.attributes("acknowledgement", "typeCode"), ["AA"]);
    assert_eq!(told.attributes("queryId", "extension"), ["q1"]);
    for part in [
        "<keyWordText code=\"AUTORISATION\" codeSystem=\"1.2.250.1.213.4.1.2.6.1\"/>",
        "<value code=\"VALIDE\" codeSystem=\"1.2.250.1.213.4.1.2.6.2\" xsi:type=\"CV\"/>",
        "<id extension=\"275126322074974\" root=\"1.2.250.1.213.1.4.8\"/><statusCode code=\"active\"/>",
        "<family qualifier=\"BR\">ADRUN</family>",
        "<code code=\"RATTACHEMENT_ENS\" codeSystem=\"1.2.250.1.213.4.1.2.3\"/><value value=\"true\"",
    ] {
        assert!(told.xml.contains(part), "{part}\n{}", told.xml);
    }
    dmp.arm(
        &json!({ "dmp": { "persona": "p01-adrun", "statut": "ferme", "rattache_mes": false } }),
    );
    let told = ask();
    assert_eq!(told.outcome(), "ferme");
    assert!(told.xml.contains("<statusCode code=\"terminated\"/>"));
    assert!(told.xml.contains("FERMETURE_DEMANDE_PATIENT"));
    dmp.arm(&json!({ "dmp": { "persona": "p01-adrun", "statut": "absent" } }));
    let told = ask();
    assert_eq!(told.outcome(), "nf");
    assert_eq!(told.attributes("queryResponseCode", "code"), ["NF"]);
    assert_eq!(
        told.attributes("patient", "classCode"),
        Vec::<String>::new()
    );
    let stranger = ("288043523890152", "1.2.250.1.213.1.4.8");
    let mut request = existence(&vihf("INDIRECTE", stranger), stranger);
    request.exchange = ExchangeId(99);
    let classified = dmp.service.classify(&request);
    assert_eq!(classified.persona, None);
    assert_eq!(dmp.service.answer(&request, &classified).outcome, "nf");
    dmp.service.reset();
    assert_eq!(ask().outcome(), "actif");
}

#[test]
fn traits_and_former_numbers_are_those_of_the_person() {
    let dmp = Dmp::new();
    dmp.arm(&json!({ "dmp": { "persona": "p01-adrun", "traits": { "nom_naissance": "AUTRE" } } }));
    let told = dmp.send(existence(&vihf("INDIRECTE", ADRUN), ADRUN));
    assert!(told.xml.contains(">AUTRE</family>"));
    let former = ("209076322083439", "1.2.250.1.213.1.4.8");
    let told = dmp.send(existence(&vihf("INDIRECTE", former), former));
    assert_eq!(told.outcome(), "actif");
    let ids = told.attributes("id", "extension");
    let at = |m: &str| ids.iter().position(|i| i == m).unwrap();
    assert!(at("209076322083439") < at("109076322083489"));
    // A number that an override replaces is still the person's.
    dmp.arm(&json!({ "persona": { "id": "p01-adrun", "patch": { "ins": { "matricule": "275126322095067" } } } }));
    let told = dmp.send(existence(&vihf("INDIRECTE", ADRUN), ADRUN));
    assert_eq!(told.outcome(), "actif");
    assert!(told.xml.contains("275126322095067"));
}

#[test]
fn an_authorisation_is_given_ends_and_is_taken_back() {
    let dmp = Dmp::new();
    let code = || {
        let mut request = existence(&air(), ADRUN);
        let mut vihf = air();
        vihf.issue_instant = Some(dmp.clock.now().to_string());
        request.body = existence(&vihf, ADRUN).body;
        let told = dmp.send(request);
        told.attributes("value", "code").remove(0)
    };
    dmp.arm(&json!({ "dmp": { "persona": "p01-adrun", "autorisation": "expire" } }));
    assert_eq!(code(), "EXPIRE");
    assert_eq!(
        dmp.send(find(&air(), ADRUN, &[])).outcome(),
        "fault:MOCK_DMPAutorisation"
    );
    let told = dmp.send(autorisation(&air(), "AJOUT", None));
    assert_eq!(told.outcome(), "success");
    assert!(told.xml.contains("<ns1:status>DMPOk</ns1:status>"));
    assert_eq!(code(), "VALIDE");
    assert_eq!(dmp.send(find(&air(), ADRUN, &[])).outcome(), "success");
    assert!(
        dmp.send(autorisation(&air(), "AJOUT", None))
            .xml
            .contains("déjà présente")
    );
    let listed = dmp.send(habilitations(&air(), "TOUTE"));
    assert!(
        listed
            .xml
            .contains("<ns1:nationalId>899709900023</ns1:nationalId>"),
        "{}",
        listed.xml
    );
    assert!(listed.xml.contains("<ns1:mode>ACTIVE</ns1:mode>"));
    let patients = dmp.send(patients(&air(), "20260101000000", "LASTAUTORIZATION"));
    assert!(
        patients
            .xml
            .contains("<ns1:nationalId>275126322074974</ns1:nationalId>"),
        "{}",
        patients.xml
    );
    dmp.clock.advance(std::time::Duration::from_hours(184 * 24));
    assert_eq!(code(), "EXPIRE");
    dmp.clock.set(now());
    assert_eq!(
        dmp.send(autorisation(&air(), "SUPPRESSION", None))
            .outcome(),
        "success"
    );
    assert_eq!(code(), "INEXISTANT");
    dmp.arm(&json!({ "dmp": { "persona": "p01-adrun", "autorisation": "interdit" } }));
    assert_eq!(code(), "INTERDIT");
    assert_eq!(
        dmp.send(autorisation(&air(), "AJOUT", None)).outcome(),
        "fault:MOCK_DMPAccessDenied"
    );
    // Feeding goes on: it is the structure's.
    let fed = dmp.send(Lot::new("1").request(&vihf("INDIRECTE", ADRUN)));
    assert_eq!(fed.outcome(), "success", "{}", fed.xml);
}

#[test]
fn what_the_modes_forbid_is_refused() {
    let dmp = Dmp::new();
    let indirecte = vihf("INDIRECTE", ADRUN);
    for request in [
        autorisation(&indirecte, "AJOUT", None),
        habilitations(&indirecte, "TOUTE"),
        patients(&indirecte, "", "LASTDOC"),
        find(&indirecte, ADRUN, &[]),
        retrieve(&indirecte, &["2.25.200.1"]),
        Lot::new("1").request(&air()),
    ] {
        let told = dmp.send(request);
        assert_eq!(told.outcome(), "fault:MOCK_DMPAccessDenied", "{}", told.xml);
    }
    assert_eq!(
        dmp.send(autorisation(&air(), "AUTRE", None)).outcome(),
        "fault:MOCK_DMPSchema"
    );
    assert_eq!(
        dmp.send(autorisation(&air(), "AJOUT", Some("AMI")))
            .outcome(),
        "fault:MOCK_DMPSchema"
    );
}

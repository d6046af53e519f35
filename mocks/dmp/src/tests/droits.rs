//! The rights tables, seen from the transactions.

use diapason_formats::vihf::{Coded, Vihf};

use super::*;

/// A professional who is not a health professional, in AIR.
fn educateur(ins: (&str, &str)) -> Vihf {
    Vihf {
        roles: vec![Coded::new(
            "326",
            "1.2.250.1.213.1.6.1.107",
            "Éducateur spécialisé",
        )],
        ..vihf("INDIRECTE_RENFORCEE", ins)
    }
}

#[test]
fn who_is_no_health_professional_gets_references_only() {
    let dmp = Dmp::new();
    assert_eq!(
        dmp.send(Lot::new("1").request(&vihf("INDIRECTE", ADRUN)))
            .outcome(),
        "success"
    );
    let pe = educateur(ADRUN);
    assert_eq!(dmp.send(existence(&pe, ADRUN)).outcome(), "actif");
    assert_eq!(dmp.send(reference(&pe, "2.25.200.1")).outcome(), "success");
    assert_eq!(
        dmp.send(find(&pe, ADRUN, &[])).outcome(),
        "fault:MOCK_DMPAccessDenied"
    );
    assert_eq!(
        dmp.send(retrieve(&pe, &["2.25.200.1"])).outcome(),
        "fault:MOCK_DMPAccessDenied"
    );
    // The authorisation goes to the structure.
    assert_eq!(
        dmp.send(autorisation(&pe, "AJOUT", None)).outcome(),
        "success"
    );
    assert!(
        dmp.service
            .state()
            .dossier(&people()[0].id)
            .given
            .contains_key(STRUCTURE)
    );
    assert_eq!(
        dmp.send(autorisation(&pe, "SUPPRESSION", None)).outcome(),
        "fault:MOCK_DMPAccessDenied"
    );
}

#[test]
fn an_emergency_opens_what_the_person_did_not_refuse() {
    let dmp = Dmp::new();
    dmp.arm(&json!({ "dmp": { "persona": "p01-adrun", "autorisation": "inexistant" } }));
    let mut urgence = medecin(ADRUN);
    assert_eq!(
        dmp.send(find(&urgence, ADRUN, &[])).outcome(),
        "fault:MOCK_DMPAutorisation"
    );
    urgence.purpose = Some(Coded::new(
        "bris_de_glace",
        "1.2.250.1.213.1.1.4.248",
        "Bris de glace",
    ));
    assert_eq!(dmp.send(find(&urgence, ADRUN, &[])).outcome(), "success");
    // No column of the tables for a structure in an emergency.
    let mut structure = vihf("INDIRECTE", ADRUN);
    structure.purpose.clone_from(&urgence.purpose);
    assert_eq!(
        dmp.send(Lot::new("1").request(&structure)).outcome(),
        "fault:MOCK_DMPAccessDenied"
    );
    dmp.arm(&json!({ "dmp": { "persona": "p01-adrun", "autorisation": "interdit" } }));
    assert_eq!(
        dmp.send(find(&urgence, ADRUN, &[])).outcome(),
        "fault:MOCK_DMPAccessDenied"
    );
}

#[test]
fn every_switch_says_where_it_comes_from() {
    let dmp = Dmp::new();
    let switches = dmp.service.switches();
    assert!(switches.len() >= 30);
    for (name, value) in &switches {
        assert!(value.ends_with(')'), "{name}: {value}");
    }
    let other = Dmp::with(Behaviour {
        duplicate: crate::Policy::Accept,
        ..Behaviour::default()
    });
    assert_ne!(other.service.switches(), switches);
}

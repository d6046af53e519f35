//! Settings of the DMP mock.

use super::*;

#[test]
fn the_settings_of_the_dmp_are_checked() {
    let with = |arm: &str| {
        SCENARIO.replacen(
            "  - do:\n      action: ins.search",
            &format!("  - arm:\n      - {arm}\n    do:\n      action: ins.search"),
            1,
        )
    };
    let good = |arm: &str| load(&with(arm)).unwrap();
    good("dmp: {persona: p01-adrun, statut: ferme, autorisation: interdit}");
    good("dmp_document: {persona: p01-adrun, nombre: 3, forme: n3, confidentialite: [MASQUE_PS]}");
    let check = |arm: &str, wanted: &str| {
        let said = message(&with(arm));
        assert!(said.contains(wanted), "{arm}: {said}");
    };
    check("dmp: {persona: p01-adrun}", "this setting changes nothing");
    check("dmp: {persona: p01-adrun, statut: clos}", "clos");
    check("dmp: {persona: p01-adrun, traits: ADRUN}", "a mapping");
    check(
        "dmp: {persona: p01-adrun, status: ferme}",
        "did you mean `statut`",
    );
    check(
        "dmp_document: {persona: p01-adrun, nombre: 0}",
        "0 documents are none",
    );
    check(
        "dmp_document: {persona: p01-adrun, forme: auto-presentable}",
        "did you mean `auto_presentable`",
    );
    check(
        "dmp_document: {persona: p01-adrun, confidentialite: [INVISIBLE_USAGER]}",
        "unknown visibility code `INVISIBLE_USAGER`",
    );
    let scenario = good("dmp: {persona: p01-adrnu, statut: ferme}");
    let references = References {
        personas: ["p01-adrun".to_owned()].into(),
        ..References::default()
    };
    let said = references
        .check_scenarios(&[scenario])
        .unwrap_err()
        .to_string();
    assert!(said.contains("did you mean `p01-adrun`"), "{said}");
    let scenario = good("dmp_document: {persona: p01-adrnu}");
    let said = references
        .check_scenarios(&[scenario])
        .unwrap_err()
        .to_string();
    assert!(said.contains("no persona is called `p01-adrnu`"), "{said}");
}

#[test]
fn an_operation_may_hold_a_full_stop() {
    let with = |placeholder: &str| {
        SCENARIO.replacen(
            "usager: \"${u.usager.id}\"",
            &format!("usager: \"${{{placeholder}}}\""),
            1,
        )
    };
    assert_ne!(with("x"), SCENARIO);
    load(&with("exchange.dmp.td0.2.outcome")).unwrap();
    let said = message(&with("exchange.dmp.td0.3a.outcome"));
    assert!(said.contains("`dmp` has no operation `td0.3a`"), "{said}");
    let mut scope = Scope::new();
    scope.set("exchange", json!({"dmp": {"td0.2": {"outcome": "nf"}}}));
    assert_eq!(scope.lookup("exchange.dmp.td0.2.outcome").unwrap(), "nf");
    assert!(scope.lookup("exchange.dmp.td0.3.outcome").is_err());
    assert!(scope.lookup("exchange.dmp.td0").is_err());
}

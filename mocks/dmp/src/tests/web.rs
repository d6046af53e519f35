//! The pages of TD0.9, and the person's view as JSON.

use super::*;

fn get(dmp: &Dmp, path: &str) -> Told {
    let mut request = post("x", "text/html", "");
    "GET".clone_into(&mut request.method);
    path.clone_into(&mut request.path);
    request.listener = "web";
    request.headers.clear();
    dmp.send(request)
}

#[test]
fn pages_follow_the_state_of_the_dmp() {
    let dmp = Dmp::new();
    let page = |path: &str| {
        let told = get(&dmp, path);
        (told.reply.status, told.reply.outcome)
    };
    let ok = |word: &str| (200, word.to_owned());
    assert_eq!(page("/AccesDirect/TableauDeBord"), ok("success"));
    assert_eq!(
        page(&format!("/AccesDirect/Documents/{}", ADRUN.0)),
        ok("actif")
    );
    assert_eq!(page("/AccesDirect/Documents").0, 404);
    assert_eq!(
        page(&format!("/AccesDirect/Parametrages/{}", ADRUN.0)).0,
        404
    );
    assert_eq!(page("/AccesDirect/Autre").0, 404);
    assert_eq!(page("/").0, 404);
    for (statut, word) in [("ferme", "ferme"), ("absent", "nf")] {
        dmp.arm(&json!({ "dmp": { "persona": "p01-adrun", "statut": statut } }));
        for name in ["TableauDeBord", "DossierPatient"] {
            let told = get(&dmp, &format!("/AccesDirect/{name}/{}", ADRUN.0));
            assert_eq!(told.outcome(), word);
            assert_eq!(
                told.xml.contains("Page inaccessible"),
                name == "DossierPatient"
            );
        }
    }
    let mut request = post("x", "text/html", "");
    request.listener = "web";
    request.path = format!("/AccesDirect/Documents/{}", ADRUN.0);
    let classified = dmp.service.classify(&request);
    assert_eq!(classified.operation, "td0.9");
    assert_eq!(
        classified
            .persona
            .as_ref()
            .map(diapason_core::PersonaId::as_str),
        Some("p01-adrun")
    );
    assert_eq!(dmp.service.answer(&request, &classified).status, 405);
}

#[test]
fn the_view_is_readable_as_json() {
    let dmp = Dmp::new();
    let json_of = |path: &str| -> Value { serde_json::from_str(&get(&dmp, path).xml).unwrap() };
    assert_eq!(json_of("/mon-espace-sante"), json!({ "personnes": [] }));
    dmp.send(Lot::new("1").request(&vihf("INDIRECTE", ADRUN)));
    assert_eq!(
        json_of("/mon-espace-sante/"),
        json!({ "personnes": ["p01-adrun"] })
    );
    let view = json_of("/mon-espace-sante/p01-adrun");
    assert_eq!(view["documents"][0]["titre"], "Projet personnalisé");
    assert_eq!(view, dmp.view("p01-adrun"));
    assert_eq!(get(&dmp, "/mon-espace-sante/personne").reply.status, 404);
}

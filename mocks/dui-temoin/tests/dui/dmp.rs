//! Feeding the DMP: what leaves, what stays, what is tried again, what survives a restart.

use diapason_formats::signature::verify;
use diapason_formats::xades::{self, LotSignature};
use diapason_formats::xml::{Limits, NodeId, Tree};
use serde_json::{Value, json};

use crate::banc::Banc;
use crate::faux_dmp::{Dit, FauxDmp, entre};

async fn banc(mutants: &[&str]) -> (Banc, FauxDmp) {
    let (faux, addr) = FauxDmp::demarrer().await;
    let url = format!("http://{addr}/si-dmp-server/v2/services");
    (Banc::avec_dmp(&url, mutants).await, faux)
}

fn demande(usager: &str) -> Value {
    json!({"usager": usager, "type": "projet_personnalise", "titre": "Projet d'été"})
}

async fn creer(banc: &Banc, form: &Value) -> String {
    let result = banc.done("document.create", form.clone()).await;
    result["document"]["id"].as_str().unwrap().to_owned()
}

async fn envoi(banc: &Banc, document: &str) -> Value {
    let all = banc.observe("dmp_envois").await;
    let found = all
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e["document"] == document);
    found
        .unwrap_or_else(|| panic!("{document} in {all}"))
        .clone()
}

async fn avancer(banc: &Banc, secondes: u64) {
    banc.done("clock.advance", json!({"secondes": secondes}))
        .await;
}

#[tokio::test]
async fn a_validated_document_leaves_signed_and_whole() {
    let (banc, faux) = banc(&[]).await;
    let id = banc.qualifier("p01-adrun").await;
    let document = creer(&banc, &demande(&id)).await;
    assert_eq!(faux.transactions(), ["td0.2", "td2.1"]);
    let sent = envoi(&banc, &document).await;
    assert_eq!(
        (&sent["etat"], &sent["tentatives"]),
        (&json!("envoye"), &json!(1))
    );

    let appel = faux.appels().remove(1);
    let text = appel.enveloppe();
    let tree = Tree::read(text.as_bytes(), &Limits::default()).unwrap();
    let assertion = tree
        .descendant_elements(NodeId::ROOT)
        .find(|n| tree.is_named(*n, diapason_formats::signature::DSIG, "Signature"))
        .unwrap();
    let seen = verify(&tree, assertion);
    assert_eq!(seen.value_ok, Some(true), "{seen:?}");
    assert_eq!(seen.references[0].digest_ok, Some(true), "{seen:?}");

    let hrefs: Vec<String> = text
        .split("href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    let cda = appel.piece(&hrefs[0]);
    assert!(text.contains(&format!("{} ", cda.len())) || text.contains(&cda.len().to_string()));
    let signature = appel.piece(&hrefs[1]);
    let tree = Tree::read(&signature, &Limits::default()).unwrap();
    let lot = LotSignature::read(&tree).unwrap();
    let verified = xades::verify(&lot, &tree, &[(document.as_str(), cda.as_slice())]);
    assert!(verified.holds(), "{verified:?}");
    assert!(text.contains(sent["lot"].as_str().unwrap()));
    // The next one of the day does not ask again whether there is a DMP.
    creer(&banc, &demande(&id)).await;
    assert_eq!(faux.transactions(), ["td0.2", "td2.1", "td2.1"]);
    avancer(&banc, 86_400).await;
    creer(&banc, &demande(&id)).await;
    assert_eq!(faux.transactions()[3..], ["td0.2", "td2.1"]);
    banc.stop().await;
}

#[tokio::test]
async fn what_must_not_leave_stays() {
    let (banc, faux) = banc(&[]).await;
    let provisoire = banc.creer("p12-herman").await;
    let kept = creer(&banc, &demande(&provisoire)).await;
    let sent = envoi(&banc, &kept).await;
    assert_eq!(sent["etat"], "bloque");
    assert!(sent["message"].as_str().unwrap().contains("qualifiée"));

    let id = banc.qualifier("p01-adrun").await;
    let mut form = demande(&id);
    form["dmp"] = json!({"ne_pas_envoyer": true});
    let chosen = creer(&banc, &form).await;
    assert_eq!(envoi(&banc, &chosen).await["etat"], "non_envoye");
    banc.done(
        "dmp.consentement",
        json!({"usager": id, "opposition_alimentation": true}),
    )
    .await;
    let opposed = creer(&banc, &demande(&id)).await;
    assert_eq!(envoi(&banc, &opposed).await["code"], "opposition");
    banc.done(
        "dmp.consentement",
        json!({"usager": id, "opposition_alimentation": false}),
    )
    .await;
    assert_eq!(faux.transactions(), Vec::<&str>::new());
    let free = creer(&banc, &demande(&id)).await;
    assert_eq!(envoi(&banc, &free).await["etat"], "envoye");
    assert_eq!(envoi(&banc, &opposed).await["etat"], "bloque");
    let tableau = banc.observe("dmp_tableau").await;
    assert_eq!(tableau["alimentes"], 1);
    assert_eq!(tableau["ins_non_qualifiee"], 1);
    assert_eq!(tableau["ins_qualifiee"], 3);
    assert_eq!(tableau["par_professionnel"], json!({"899709900023": 1}));
    banc.stop().await;
}

#[tokio::test]
async fn a_person_without_dmp_is_not_fed() {
    let (banc, faux) = banc(&[]).await;
    let id = banc.qualifier("p01-adrun").await;
    for (said, code) in [("NF", "nf"), ("terminated", "ferme")] {
        faux.existence(said);
        let kept = creer(&banc, &demande(&id)).await;
        let sent = envoi(&banc, &kept).await;
        assert_eq!(
            (&sent["etat"], &sent["code"]),
            (&json!("bloque"), &json!(code))
        );
        avancer(&banc, 86_400).await;
    }
    assert!(!faux.transactions().contains(&"td2.1"));
    faux.existence("active");
    let etat = banc.done("dmp.verifier", json!({"usager": id})).await;
    assert_eq!(
        (&etat["statut"], &etat["propose"]),
        (&json!("actif"), &json!(["consulter"]))
    );
    let all = banc.observe("dmp_envois").await;
    assert!(
        all.as_array()
            .unwrap()
            .iter()
            .all(|e| e["etat"] == "envoye"),
        "{all}"
    );
    banc.stop().await;
}

#[tokio::test]
async fn a_draft_leaves_once_validated_under_the_same_id() {
    let (banc, faux) = banc(&[]).await;
    let id = banc.qualifier("p01-adrun").await;
    let mut form = demande(&id);
    form["brouillon"] = json!(true);
    let draft = creer(&banc, &form).await;
    assert_eq!(envoi(&banc, &draft).await["etat"], "brouillon");
    assert_eq!(banc.observe("documents").await[0]["brouillon"], true);
    assert!(faux.transactions().is_empty());
    let valid = banc
        .done(
            "document.valider",
            json!({"document": draft, "dmp": {"masque_ps": true, "connexion_secrete": true}}),
        )
        .await;
    assert_eq!(valid["document"]["id"], json!(draft));
    assert_eq!(envoi(&banc, &draft).await["etat"], "envoye");
    assert_eq!(banc.observe("documents").await.as_array().unwrap().len(), 1);
    let lot = &faux.soumissions()[0];
    assert_eq!(lot.matches("nodeRepresentation=\"MASQUE_PS\"").count(), 2);
    assert!(lot.contains("INVISIBLE_REPRESENTANTS_LEGAUX"));
    let why = banc
        .refused("document.valider", json!({"document": draft}))
        .await;
    assert!(why.contains("déjà validé"), "{why}");
    banc.stop().await;
}

#[tokio::test]
async fn a_correction_replaces_the_entry_of_the_registry() {
    let (banc, faux) = banc(&[]).await;
    let id = banc.qualifier("p01-adrun").await;
    let first = creer(&banc, &demande(&id)).await;
    let mut form = demande(&id);
    form["remplace"] = json!(first);
    let second = creer(&banc, &form).await;
    assert_eq!(faux.transactions(), ["td0.2", "td2.1", "td3.1b", "td2.1"]);
    let lots = faux.soumissions();
    assert!(!lots[0].contains("RPLC"));
    assert!(lots[1].contains("AssociationType:RPLC"));
    assert!(lots[1].contains("urn:uuid:11111111-2222-4333-8444-555555555555"));
    assert_eq!(envoi(&banc, &first).await["etat"], "remplace");
    let result = banc
        .done("dmp.supprimer", json!({"document": second}))
        .await;
    assert_eq!(result["envoi"]["etat"], "supprime");
    assert_eq!(faux.transactions()[4..], ["td3.1b", "td3.3c"]);
    faux.ensuite(&[Dit::Registre("XDSMetadataUpdateError")]);
    let third = creer(&banc, &demande(&id)).await;
    faux.ensuite(&[Dit::Registre("XDSMetadataUpdateError")]);
    assert_eq!(envoi(&banc, &third).await["etat"], "refuse");
    let fourth = creer(&banc, &demande(&id)).await;
    assert_eq!(envoi(&banc, &fourth).await["etat"], "refuse");
    let fifth = creer(&banc, &demande(&id)).await;
    faux.ensuite(&[Dit::Registre("XDSMetadataUpdateError")]);
    let why = banc
        .refused("dmp.supprimer", json!({"document": fifth}))
        .await;
    assert!(why.contains("XDSMetadataUpdateError"), "{why}");
    assert_eq!(envoi(&banc, &fifth).await["etat"], "envoye");
    banc.stop().await;
}

#[tokio::test]
async fn an_outage_is_ridden_out_with_the_same_ids() {
    let (banc, faux) = banc(&[]).await;
    let id = banc.qualifier("p01-adrun").await;
    faux.ensuite(&[
        Dit::Http(503),
        Dit::Registre("XDSRepositoryBusy"),
        Dit::Autre,
        Dit::Registre("XDSDuplicateUniqueIdInRegistry"),
    ]);
    let document = creer(&banc, &demande(&id)).await;
    for (wait, code) in [
        (59, "http_503"),
        (2, "XDSRepositoryBusy"),
        (301, "reponse_incoherente"),
    ] {
        avancer(&banc, wait).await;
        let sent = envoi(&banc, &document).await;
        assert_eq!(
            (&sent["etat"], &sent["code"]),
            (&json!("en_attente"), &json!(code))
        );
        assert!(!sent["message"].as_str().unwrap().is_empty());
    }
    // The third attempt may have been stored: that the DMP knows it already is no refusal.
    avancer(&banc, 901).await;
    let sent = envoi(&banc, &document).await;
    assert_eq!(
        (&sent["etat"], &sent["tentatives"]),
        (&json!("envoye"), &json!(4))
    );
    let lots = faux.soumissions();
    assert_eq!(lots.len(), 4);
    for text in &lots {
        assert!(text.contains(sent["lot"].as_str().unwrap()));
    }
    let ids: std::collections::BTreeSet<String> = lots
        .iter()
        .map(|text| entre(text, "<wsa:MessageID>", "<"))
        .collect();
    assert_eq!(ids.len(), 4);
    banc.stop().await;
}

#[tokio::test]
async fn a_refusal_is_shown_and_never_tried_again() {
    let (banc, faux) = banc(&[]).await;
    let id = banc.qualifier("p01-adrun").await;
    faux.ensuite(&[
        Dit::Faute("Sender"),
        Dit::Registre("XDSDuplicateUniqueIdInRegistry"),
    ]);
    let document = creer(&banc, &demande(&id)).await;
    let other = creer(&banc, &demande(&id)).await;
    let next = creer(&banc, &demande(&id)).await;
    avancer(&banc, 100_000).await;
    let sent = envoi(&banc, &document).await;
    assert_eq!(
        (&sent["etat"], &sent["code"]),
        (&json!("refuse"), &json!("DMPInvalidCertificate"))
    );
    let said = sent["message"].as_str().unwrap();
    assert!(said.contains("Certificat non reconnu") && said.contains("DMPInvalidCertificate"));
    // A duplicate at the first attempt is somebody else's document: a refusal.
    assert_eq!(envoi(&banc, &other).await["etat"], "refuse");
    assert_eq!(envoi(&banc, &next).await["etat"], "envoye");
    assert_eq!(faux.soumissions().len(), 3);
    // The certificate was renewed, the user says so: what the DMP refused for it leaves, what it refused for itself does not.
    banc.done("dmp.reprendre", json!({})).await;
    assert_eq!(envoi(&banc, &document).await["etat"], "envoye");
    assert_eq!(envoi(&banc, &other).await["etat"], "refuse");
    banc.stop().await;
}

#[tokio::test]
async fn the_queue_survives_a_restart_and_nothing_leaves_twice() {
    let (banc, faux) = banc(&[]).await;
    let id = banc.qualifier("p01-adrun").await;
    let done = creer(&banc, &demande(&id)).await;
    faux.ensuite(&[Dit::Http(503)]);
    let waiting = creer(&banc, &demande(&id)).await;
    banc.done("application.redemarrer", json!({})).await;
    assert_eq!(envoi(&banc, &done).await["etat"], "envoye");
    assert_eq!(envoi(&banc, &waiting).await["etat"], "en_attente");
    assert_eq!(faux.soumissions().len(), 2);
    let taken = banc.done("dmp.reprendre", json!({})).await;
    assert_eq!(taken["envois"][0]["etat"], "envoye", "{taken}");
    assert_eq!(faux.soumissions().len(), 3);
    banc.stop().await;
}

#[tokio::test]
async fn a_lost_answer_does_not_hold_the_user_up() {
    let (banc, faux) = banc(&[]).await;
    let id = banc.qualifier("p01-adrun").await;
    faux.ensuite(&[
        Dit::Silence,
        Dit::Registre("XDSDuplicateUniqueIdInRegistry"),
    ]);
    let begun = std::time::Instant::now();
    let document = creer(&banc, &demande(&id)).await;
    assert!(begun.elapsed() < std::time::Duration::from_millis(900));
    // Stopped in the middle of the call: whether the DMP has it is not known, and is asked again.
    banc.done("application.redemarrer", json!({})).await;
    let sent = envoi(&banc, &document).await;
    assert_eq!(sent["etat"], "envoye", "{sent}");
    assert_eq!(faux.soumissions().len(), 2);
    let traces = banc.observe("traces").await;
    let fed: Vec<&Value> = traces
        .as_array()
        .unwrap()
        .iter()
        .filter(|t| t["nature"] == "dmp.alimentation")
        .collect();
    assert_eq!(fed.len(), 1);
    assert_eq!(fed[0]["details"]["document"], json!(document));
    assert_eq!(fed[0]["code"], "XDSDuplicateUniqueIdInRegistry");
    banc.stop().await;
}

#[tokio::test]
async fn the_history_takes_what_never_left() {
    let (banc, faux) = banc(&[]).await;
    let id = banc.qualifier("p01-adrun").await;
    banc.done(
        "config.set",
        json!({"cle": "dmp_automatique", "valeur": false}),
    )
    .await;
    let old = creer(&banc, &demande(&id)).await;
    let mut form = demande(&id);
    form["dmp"] = json!({"ne_pas_envoyer": true});
    let chosen = creer(&banc, &form).await;
    banc.done(
        "config.set",
        json!({"cle": "dmp_automatique", "valeur": true}),
    )
    .await;
    assert!(faux.transactions().is_empty());
    let tried = banc.done("dmp.historique", json!({"essai": true})).await;
    assert_eq!(tried["envois"].as_array().unwrap().len(), 1);
    assert!(faux.transactions().is_empty());
    let sent = banc.done("dmp.historique", json!({})).await;
    assert_eq!(sent["envois"][0]["etat"], "envoye");
    assert_eq!(sent["envois"][0]["document"], json!(old));
    assert_eq!(envoi(&banc, &chosen).await["etat"], "non_envoye");
    let again = banc.done("dmp.historique", json!({})).await;
    assert_eq!(again["envois"], json!([]));
    let masked = banc
        .refused(
            "dmp.visibilite",
            json!({"document": old, "masque_ps": true}),
        )
        .await;
    assert!(masked.contains("validation"), "{masked}");
    banc.stop().await;
}

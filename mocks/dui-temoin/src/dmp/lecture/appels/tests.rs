//! The consultation against the mock of the DMP, over mutual TLS: what leaves, what comes back, what is kept.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, LazyLock};

use diapason_core::driver::DmpOuvrir;
use diapason_core::ins::Statut as Identite;
use diapason_core::journal::MemoryRecorder;
use diapason_core::persona::Person;
use diapason_core::scenario::Arm;
use diapason_core::{Clock, Event};
use diapason_mock_common::pki::{ClientCertificate, Pki};
use diapason_mock_common::{Mock as _, Shared};
use diapason_mock_dmp::{DmpConfig, DmpMock};
use serde_json::{Value, json};

use super::*;
use crate::config::{DmpSettings, DuiConfig};
use crate::document::site::SITE;
use crate::identite::Identite as Traits;
use crate::identite::statuts::{self, Evenement};

static FILES: LazyLock<(tempfile::TempDir, Arc<Pki>)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let pki = Arc::new(Pki::open_or_create(dir.path()).unwrap());
    (dir, pki)
});

const PERSONA: &str = "p01-adrun";
const MEDECIN: &str = "899709900015";

struct Banc {
    recorder: Arc<MemoryRecorder>,
    mock: DmpMock,
    state: AppState,
    person: Person,
}

fn settings(mock: &DmpMock) -> DmpSettings {
    let pki = &FILES.1;
    let tls = pki.client(ClientCertificate::Dui);
    let signature = pki.client(ClientCertificate::Signature);
    let addresses = mock.addresses();
    DmpSettings {
        url: addresses["tlsm"].clone(),
        web: Some(format!("{}/AccesDirect", addresses["web"])),
        ca: pki.ca_bundle(),
        cert: tls.cert,
        key: tls.key,
        signature_cert: signature.cert,
        signature_key: signature.key,
        crl: Some(pki.path("organisations.crl")),
        structure: "10B0990001".to_owned(),
        lps_nom: "DUI témoin".to_owned(),
        lps_version: "0.1.0".to_owned(),
        lps_oid: "2.25.42".to_owned(),
        homologation: "DIAPASON-0001".to_owned(),
        timeout_ms: 5_000,
    }
}

impl Banc {
    async fn new(mutants: &[&str]) -> Self {
        // Another test may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let start = Timestamp::try_from("2026-01-15T09:00:00Z".to_owned()).unwrap();
        let recorder = Arc::new(MemoryRecorder::default());
        let people = diapason_mock_insi::personas(7);
        let person = people
            .iter()
            .find(|p| p.id.as_str() == PERSONA)
            .unwrap()
            .clone();
        let shared = Shared {
            clock: Clock::running_from(start),
            recorder: recorder.clone(),
        };
        let config = DmpConfig {
            people,
            ..DmpConfig::default()
        };
        let mock = DmpMock::start(config, shared, Arc::clone(&FILES.1))
            .await
            .unwrap();
        let state = AppState::new(DuiConfig {
            dmp: Some(settings(&mock)),
            start_at: Some(start),
            mutants: mutants.iter().map(|m| (*m).to_owned()).collect(),
            ..DuiConfig::default()
        })
        .unwrap();
        let banc = Self {
            recorder,
            mock,
            state,
            person,
        };
        banc.inscrire(Identite::Qualifiee);
        banc.accord(Some(true));
        banc
    }

    fn inscrire(&self, statut: Identite) {
        let t = &self.person.traits;
        let creation = statuts::transition(None, Evenement::Creation).unwrap();
        let traits = Traits {
            nom_naissance: t.nom_naissance.clone(),
            premier_prenom: t.prenoms[0].clone(),
            prenoms: t.prenoms.clone(),
            sexe: t.sexe,
            date_naissance: t.date_naissance.clone(),
            lieu_naissance: t.lieu_naissance.clone(),
        };
        let mut usager = Usager::nouveau(
            "u1".to_owned(),
            traits,
            creation,
            self.state.now(),
            "soignant",
        );
        usager.statut = statut;
        let tenu = |ins: &diapason_core::persona::Ins| InsTenu {
            matricule: ins.matricule.clone(),
            oid: ins.oid.clone(),
        };
        usager.ins = self.person.ins.as_ref().map(tenu);
        usager.historique_ins = self.person.historique.iter().map(tenu).collect();
        let mut dossiers = self.state.dossiers();
        dossiers.usagers.insert("u1".to_owned(), usager);
    }

    fn accord(&self, consultation: Option<bool>) {
        let mut dossiers = self.state.dossiers();
        let dit = dossiers
            .dmp
            .consentements
            .entry("u1".to_owned())
            .or_default();
        dit.consultation = consultation;
    }

    fn usager(&self) -> Usager {
        self.state.dossiers().usagers["u1"].clone()
    }

    /// A physician who logged in with Pro Santé Connect.
    fn visite(&self) -> Visite<'_> {
        let usager = self.usager();
        let ins = usager.ins.clone().unwrap();
        let mut acteur = Acteur::du_site(&SITE.professionnel, self.state.now());
        acteur.identifiant = MEDECIN.to_owned();
        acteur.nom = "DUITEST".to_owned();
        acteur.prenom = "MEDCO".to_owned();
        acteur.profession = Some("10".to_owned());
        acteur.connexion = Connexion::Psc;
        Visite {
            state: &self.state,
            usager,
            ins,
            acteur,
        }
    }

    fn arm(&self, arm: &Value) {
        let arm: Arm = serde_json::from_value(arm.clone()).unwrap();
        assert!(self.mock.arm(&arm).unwrap());
    }

    fn document(&self, more: &Value) {
        let mut arm = json!({ "persona": PERSONA });
        arm.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.arm(&json!({ "dmp_document": arm }));
    }

    fn fault(&self, id: &str, times: u32) {
        self.arm(&json!({ "fault": { "id": id, "times": times } }));
    }

    /// Last words of the actions asked for, oldest first.
    fn appels(&self) -> Vec<String> {
        self.requetes()
            .iter()
            .map(|(head, _)| {
                let action = head.split("action=\"").nth(1).unwrap_or("?");
                let action = action.split('"').next().unwrap();
                action.rsplit(':').next().unwrap().to_owned()
            })
            .collect()
    }

    /// Heads and bodies of the requests of the services.
    fn requetes(&self) -> Vec<(String, String)> {
        self.recorder
            .events()
            .into_iter()
            .filter_map(|event| match event {
                Event::ExchangeReceived(e) if e.listener == "tlsm" => Some(e),
                _ => None,
            })
            .map(|e| {
                let bytes = self.recorder.bytes(&e.request).unwrap();
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let (head, body) = text.split_once("\r\n\r\n").unwrap();
                (head.to_owned(), body.to_owned())
            })
            .collect()
    }

    async fn rechercher(&self, more: &Value) -> Result<DmpListe, Arret> {
        let mut form = json!({ "usager": "u1" });
        form.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let form: DmpRecherche = serde_json::from_value(form).unwrap();
        self.visite().rechercher(&form).await
    }

    async fn trouver(&self) -> DmpListe {
        self.rechercher(&json!({})).await.unwrap()
    }

    async fn consulter(&self, documents: &[&str], integrer: bool) -> DmpContenu {
        let form = DmpConsultation {
            usager: "u1".to_owned(),
            documents: documents.iter().map(|d| (*d).to_owned()).collect(),
            session: None,
            integrer,
        };
        self.visite().consulter(&form).await.unwrap()
    }
}

fn refuse(outcome: Result<DmpListe, Arret>) -> String {
    match outcome {
        Err(Arret::Refus(message)) => message,
        other => panic!("a refusal was expected: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_checks_the_right_declares_it_once_and_lists_in_local_time() {
    let banc = Banc::new(&[]).await;
    banc.document(&json!({ "titre": "Compte rendu d'été", "age_secondes": 3600 }));
    banc.arm(&json!({ "dmp": { "persona": PERSONA, "autorisation": "expire" } }));
    let liste = banc.trouver().await;
    assert_eq!(liste.alerte, None);
    assert_eq!(liste.documents.len(), 1);
    assert_eq!(liste.documents[0].titre, "Compte rendu d'été");
    assert_eq!(liste.documents[0].date, "2026-01-15 09:00");
    assert_eq!(liste.nouveaux, Some(1));
    assert_eq!(
        banc.appels(),
        [
            "PRPA_IN201307UV02",
            "setAuthorization",
            "RegistryStoredQuery"
        ]
    );
    for (_, body) in banc.requetes() {
        assert!(body.contains("INDIRECTE_RENFORCEE") && body.contains(MEDECIN));
    }
    let again = banc.trouver().await;
    assert_eq!(again.nouveaux, Some(0));
    assert_eq!(
        banc.appels()[3..],
        ["PRPA_IN201307UV02", "RegistryStoredQuery"]
    );
    let natures: Vec<String> = banc
        .state
        .dossiers()
        .traces
        .iter()
        .map(|t| format!("{} {}", t.nature, t.code.clone().unwrap()))
        .collect();
    assert!(
        natures.contains(&"dmp.autorisation success".to_owned()),
        "{natures:?}"
    );
    banc.mock.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_without_consent_a_dmp_or_a_right() {
    let banc = Banc::new(&[]).await;
    banc.accord(None);
    assert!(refuse(banc.rechercher(&json!({})).await).contains("accord"));
    banc.accord(Some(false));
    assert!(refuse(banc.rechercher(&json!({})).await).contains("s'oppose"));
    assert!(banc.appels().is_empty());
    banc.accord(Some(true));
    banc.arm(&json!({ "dmp": { "persona": PERSONA, "statut": "ferme" } }));
    assert!(refuse(banc.rechercher(&json!({})).await).contains("fermé"));
    banc.arm(&json!({ "dmp": { "persona": PERSONA, "statut": "absent" } }));
    assert!(refuse(banc.rechercher(&json!({})).await).contains("pas de DMP"));
    banc.arm(
        &json!({ "dmp": { "persona": PERSONA, "statut": "actif", "autorisation": "interdit" } }),
    );
    assert!(refuse(banc.rechercher(&json!({})).await).contains("bloqué"));
    assert_eq!(banc.appels(), ["PRPA_IN201307UV02"; 3]);
    banc.mock.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorisation_wants_a_confirmation_and_dmpok() {
    let banc = Banc::new(&[]).await;
    let visite = banc.visite();
    assert!(matches!(
        visite.autoriser(false, false).await,
        Err(Arret::Refus(_))
    ));
    assert!(banc.appels().is_empty());
    let etat = visite.autoriser(false, true).await.unwrap();
    assert_eq!(etat.autorisation.as_deref(), Some("valide"));
    assert_eq!(etat.propose, ["consulter"]);
    banc.fault("DMP-F-STATUS-NOT-OK", 1);
    let Err(Arret::Refus(dit)) = visite.autoriser(false, true).await else {
        panic!("a status other than DMPOk is no authorisation");
    };
    assert!(dit.contains("n'a pas enregistré"), "{dit}");
    banc.mock.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_kept_once_byte_for_byte_and_apart_from_ours() {
    let banc = Banc::new(&[]).await;
    banc.document(&json!({}));
    let id = banc.trouver().await.documents[0].unique_id.clone();
    let opened = banc.consulter(&[&id], true).await;
    assert_eq!((opened.alerte, opened.manquants.len()), (None, 0));
    let document = &opened.documents[0];
    assert!(document.telecharge);
    assert_eq!(document.affichage.as_deref(), Some("pdf"));
    let octets = STANDARD.decode(&document.contenu).unwrap();
    assert!(octets.starts_with(b"<?xml") || octets.starts_with(b"<Clin"));
    let before = banc.appels().len();
    let again = banc.consulter(&[&id], true).await;
    assert!(!again.documents[0].telecharge);
    assert_eq!(again.documents[0].contenu, document.contenu);
    assert_eq!(banc.appels().len(), before);
    {
        let dossiers = banc.state.dossiers();
        assert!(dossiers.documents.is_empty() && dossiers.dmp.envois.is_empty());
        let lecture = dossiers.dmp.lectures.de("u1").unwrap();
        assert_eq!(lecture.imports.len(), 1);
        assert!(lecture.liste(&BTreeSet::new(), false).documents[0].integre);
    }
    banc.mock.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_on_the_way_or_is_about_someone_else_is_not_kept() {
    for (fault, word) in [
        ("DMP-F-HASH-CHANGED", "empreinte"),
        ("DMP-F-OTHER-PATIENT", ""),
        ("DMP-F-MTOM-CUT", "exploitable"),
        ("DMP-F-MTOM-CID", ""),
    ] {
        let banc = Banc::new(&[]).await;
        banc.document(&json!({}));
        let id = banc.trouver().await.documents[0].unique_id.clone();
        banc.fault(fault, 1);
        let opened = banc.consulter(&[&id], true).await;
        assert!(opened.documents.is_empty(), "{fault}");
        assert_eq!(opened.manquants, std::slice::from_ref(&id), "{fault}");
        let alerte = opened.alerte.unwrap();
        assert!(alerte.contains(word), "{fault}: {alerte}");
        let kept = banc
            .state
            .dossiers()
            .dmp
            .lectures
            .de("u1")
            .unwrap()
            .imports
            .len();
        assert_eq!(kept, 0, "{fault}");
        // The next day it comes as it should.
        let opened = banc.consulter(&[&id], true).await;
        assert_eq!(opened.documents.len(), 1, "{fault}: {:?}", opened.alerte);
        banc.mock.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unusual_packages_are_read_and_faults_in_them_are_told() {
    let banc = Banc::new(&[]).await;
    banc.document(&json!({}));
    let id = banc.trouver().await.documents[0].unique_id.clone();
    banc.fault("DMP-F-MTOM-FAULT", 1);
    let opened = banc.consulter(&[&id], false).await;
    assert!(opened.documents.is_empty());
    let alerte = opened.alerte.unwrap();
    assert!(alerte.contains("a refusé"), "{alerte}");
    banc.fault("DMP-F-MTOM-UNUSUAL", 1);
    let opened = banc.consulter(&[&id], true).await;
    assert_eq!(opened.documents.len(), 1, "{:?}", opened.alerte);
    banc.mock.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partial_answer_shows_what_came_and_says_what_lacks() {
    let banc = Banc::new(&[]).await;
    banc.document(&json!({ "nombre": 3 }));
    let ids: Vec<String> = banc
        .trouver()
        .await
        .documents
        .into_iter()
        .map(|d| d.unique_id)
        .collect();
    assert_eq!(ids.len(), 3);
    banc.fault("DMP-F-PARTIAL-SUCCESS", 1);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let opened = banc.consulter(&ids, true).await;
    assert_eq!(opened.documents.len() + opened.manquants.len(), 3);
    assert!(!opened.documents.is_empty() && !opened.manquants.is_empty());
    assert!(opened.alerte.unwrap().contains("en partie"));
    banc.mock.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_page_is_shown_without_its_scripts() {
    let banc = Banc::new(&[]).await;
    banc.document(&json!({ "forme": "auto_presentable_hostile" }));
    let id = banc.trouver().await.documents[0].unique_id.clone();
    let opened = banc.consulter(&[&id], false).await;
    let document = &opened.documents[0];
    assert_eq!(document.affichage.as_deref(), Some("html"));
    let html = document.html.as_deref().unwrap().to_lowercase();
    for word in [
        "<script",
        "<iframe",
        "<img",
        "<style",
        "javascript:",
        "<object",
    ] {
        assert!(!html.contains(word), "{word} in {html}");
    }
    let octets = STANDARD.decode(&document.contenu).unwrap();
    let source = String::from_utf8(octets).unwrap().to_lowercase();
    assert!(source.contains("script"), "the mock's page is hostile");
    banc.mock.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_document_that_was_replaced_is_told() {
    let banc = Banc::new(&[]).await;
    banc.document(&json!({ "titre": "Bilan" }));
    let id = banc.trouver().await.documents[0].unique_id.clone();
    assert_eq!(banc.consulter(&[&id], true).await.documents.len(), 1);
    banc.document(&json!({ "titre": "Bilan corrigé", "remplace_le_dernier": true }));
    let liste = banc.trouver().await;
    assert!(liste.alerte.unwrap().contains("plus récente"));
    assert_eq!(liste.documents.len(), 1);
    assert_eq!(liste.documents[0].titre, "Bilan corrigé");
    let known = banc
        .state
        .dossiers()
        .dmp
        .lectures
        .de("u1")
        .unwrap()
        .liste(&BTreeSet::new(), false);
    let former = known.documents.iter().find(|d| d.unique_id == id).unwrap();
    assert_eq!((former.etat.as_str(), former.integre), ("remplace", true));
    banc.mock.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn news_are_asked_for_twenty_at_a_time() {
    let banc = Banc::new(&[]).await;
    banc.document(&json!({}));
    assert_eq!(banc.trouver().await.documents.len(), 1);
    banc.document(&json!({ "nombre": 23 }));
    let before = banc.requetes().len();
    let news = banc
        .rechercher(&json!({ "nouveautes": true }))
        .await
        .unwrap();
    assert_eq!(news.alerte, None);
    assert_eq!(news.documents.len(), 23);
    assert_eq!(news.nouveaux, Some(23));
    let mut asked = 0;
    for (_, body) in &banc.requetes()[before..] {
        let in_one = body.matches("urn:uuid:").count();
        assert!(in_one <= 20 + 3, "{in_one}");
        if body.contains("$XDSDocumentEntryEntryUUID") {
            asked += 1;
        }
    }
    assert!(asked >= 2, "{asked}");
    banc.mock.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_said_with_its_code_and_is_not_an_empty_dmp() {
    let banc = Banc::new(&[]).await;
    banc.document(&json!({}));
    assert_eq!(banc.trouver().await.documents.len(), 1);
    banc.fault("DMP-F-HTTP-503", 1);
    let liste = banc.trouver().await;
    assert!(liste.documents.is_empty());
    assert_eq!(liste.nouveaux, None);
    assert!(liste.alerte.unwrap().contains("503"));
    let kept = banc
        .state
        .dossiers()
        .dmp
        .lectures
        .de("u1")
        .unwrap()
        .entrees
        .len();
    assert_eq!(kept, 1);
    banc.mock.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_web_site_is_opened_on_the_person() {
    let banc = Banc::new(&[]).await;
    let open = async |page: &str, usager: Option<&str>| {
        let form = DmpOuvrir {
            usager: usager.map(str::to_owned),
            page: page.to_owned(),
            session: None,
        };
        crate::actions::perform(
            &banc.state,
            "dmp.ouvrir",
            serde_json::to_value(&form).unwrap(),
        )
        .await
    };
    let page = open("TableauDeBord", None).await.unwrap().result;
    assert!(
        page["url"]
            .as_str()
            .unwrap()
            .ends_with("/AccesDirect/TableauDeBord")
    );
    assert!(page["statut_http"].as_u64().is_some(), "{page}");
    let page = open("Documents", Some("u1")).await.unwrap().result;
    let matricule = banc.usager().ins.unwrap().matricule.to_string();
    assert!(
        page["url"]
            .as_str()
            .unwrap()
            .ends_with(&format!("/Documents/{matricule}"))
    );
    banc.inscrire(Identite::Recuperee);
    assert!(open("Documents", Some("u1")).await.is_err());
    let seen = banc.recorder.events();
    let pages = seen
        .iter()
        .filter(|e| matches!(e, Event::ExchangeReceived(e) if e.listener == "web"));
    assert_eq!(pages.count(), 2);
    banc.mock.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_wants_pro_sante_connect_and_a_qualified_identity() {
    let banc = Banc::new(&[]).await;
    let outcome = Visite::ouvrir(&banc.state, banc.usager(), None).await;
    assert!(matches!(outcome, Err(Arret::Refus(dit)) if dit.contains("Pro Santé Connect")));
    let outcome = Visite::ouvrir(&banc.state, banc.usager(), Some("nobody")).await;
    assert!(matches!(outcome, Err(Arret::Refus(_))));
    banc.inscrire(Identite::Validee);
    let outcome = Visite::ouvrir(&banc.state, banc.usager(), None).await;
    assert!(matches!(outcome, Err(Arret::Refus(dit)) if dit.contains("qualifiée")));
    banc.mock.stop().await;
}

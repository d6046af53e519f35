//! The PSC half against the real mock of Pro Santé Connect, over TLS, through its own pages.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use diapason_core::driver::{ActionRequest, LoginResult, SessionView};
use diapason_core::journal::MemoryRecorder;
use diapason_core::product::PscAuth;
use diapason_core::scenario::{Arm, FaultArm, PscDecision, PscUser};
use diapason_core::{Clock, Event, FaultId, PersonaId, Timestamp};
use diapason_mock_common::pki::{ClientCertificate as Which, Pki};
use diapason_mock_common::{Mock as _, Shared};
use diapason_mock_psc::{ClientCertificate, ClientConfig, PscConfig, PscMock};
use serde_json::{Value, json};

use crate::config::{DuiConfig, PscSettings};
use crate::serveur::Dui;

static FILES: LazyLock<(tempfile::TempDir, Arc<Pki>)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let pki = Arc::new(Pki::open_or_create(dir.path()).unwrap());
    (dir, pki)
});

const CLIENT_ID: &str = "diapason-essai";
const SECRET: &str = "secret d'essai: à encoder/+%";
const IDEC: &str = "899709900023";

struct Bench {
    mock: PscMock,
    dui: Dui,
    clock: Clock,
    recorder: Arc<MemoryRecorder>,
    http: reqwest::Client,
}

impl Bench {
    async fn start() -> Self {
        Self::with(PscAuth::Secret, &[]).await
    }

    async fn with(auth: PscAuth, mutants: &[&str]) -> Self {
        // Another test may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let pki = Arc::clone(&FILES.1);
        let start = Timestamp::try_from("2026-01-15T09:00:00Z".to_owned()).unwrap();
        let clock = Clock::running_from(start);
        let recorder = Arc::new(MemoryRecorder::default());
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let redirect_uri = format!("http://127.0.0.1:{port}/psc/retour");
        let post_logout = format!("http://127.0.0.1:{port}/psc/deconnexion-retour");
        let own = super::jose::tests::test_key(0);
        let key_path = FILES.0.path().join(format!("assertion-{port}.pem"));
        std::fs::write(&key_path, &own.pem).unwrap();
        let client = ClientConfig {
            client_id: CLIENT_ID.to_owned(),
            secret: (auth == PscAuth::Secret).then(|| SECRET.to_owned()),
            redirect_uris: vec![redirect_uri.clone()],
            post_logout_redirect_uris: vec![post_logout.clone()],
            jwks: (auth == PscAuth::PrivateKeyJwt).then(|| json!({ "keys": [own.jwk] })),
            certificate: (auth == PscAuth::Mtls).then_some(ClientCertificate::AnyTrusted),
            ciba: true,
        };
        let config = PscConfig {
            clients: vec![client],
            keys_dir: Some(FILES.0.path().to_owned()),
            ..PscConfig::default()
        };
        let shared = Shared {
            clock: clock.clone(),
            recorder: recorder.clone(),
        };
        let mock = PscMock::start(config, shared, Arc::clone(&pki))
            .await
            .unwrap();
        let certificate = pki.client(Which::Dui);
        let (cert, key) = match auth {
            PscAuth::Secret => (None, None),
            PscAuth::Mtls => (Some(certificate.cert), Some(certificate.key)),
            PscAuth::PrivateKeyJwt => (None, Some(key_path)),
        };
        let dui = Dui::start(DuiConfig {
            listen: ([127, 0, 0, 1], port).into(),
            psc: Some(PscSettings {
                discovery: mock.discovery(),
                ca: pki.ca_bundle(),
                client_id: CLIENT_ID.to_owned(),
                client_secret: SECRET.to_owned(),
                auth,
                cert,
                key,
                crl: Some(pki.path("organisations.crl")),
                redirect_uri,
                post_logout_redirect_uri: Some(post_logout),
                idle_seconds: 1_800,
                timeout_ms: 1_500,
                ciba: true,
            }),
            start_at: Some(clock.now()),
            mutants: mutants.iter().map(|m| (*m).to_owned()).collect(),
            ..DuiConfig::default()
        })
        .await
        .unwrap();
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build()
            .unwrap();
        let bench = Self {
            mock,
            dui,
            clock,
            recorder,
            http,
        };
        bench.user("idec");
        bench
    }

    fn user(&self, persona: &str) {
        self.arm(&Arm::PscUser(PscUser {
            persona: PersonaId::new(persona).unwrap(),
            decision: PscDecision::Approve,
            channel: None,
        }));
    }

    fn arm(&self, arm: &Arm) {
        assert!(self.mock.arm(arm).unwrap(), "{arm:?}");
    }

    fn fault(&self, id: &str, with: &Value) {
        let with: BTreeMap<String, Value> = serde_json::from_value(with.clone()).unwrap();
        self.arm(&Arm::Fault(FaultArm {
            id: FaultId::new(id).unwrap(),
            from_call: None,
            times: None,
            persona: None,
            with,
        }));
    }

    fn clear(&self) {
        self.arm(&Arm::Clear(true));
    }

    async fn advance(&self, seconds: u64) {
        self.clock.advance(std::time::Duration::from_secs(seconds));
        self.act("clock.advance", json!({ "secondes": seconds }))
            .await;
    }

    async fn act(&self, action: &str, params: Value) -> Value {
        let request = ActionRequest {
            action: action.to_owned(),
            params,
            scenario: "PSC/ESSAI".to_owned(),
            step: 1,
            deadline_ms: 10_000,
        };
        let url = format!("http://{}/actions/{action}", self.dui.addr());
        let answer = self.http.post(url).json(&request).send().await.unwrap();
        answer.json().await.unwrap()
    }

    async fn login_result(&self, action: &str, params: Value) -> LoginResult {
        let answer = self.act(action, params).await;
        assert_eq!(answer["status"], "done", "{action}: {answer}");
        serde_json::from_value(answer["result"].clone()).unwrap()
    }

    async fn login(&self, session: &str) -> LoginResult {
        self.login_result("psc.login", json!({ "session": session }))
            .await
    }

    async fn visit(&self, session: &str) -> LoginResult {
        self.login_result("session.visit", json!({ "session": session }))
            .await
    }

    async fn account(&self, login: &str, national_id: Option<&str>) -> Value {
        let answer = self
            .act(
                "compte.create",
                json!({
                    "identifiant": login, "mot_de_passe": "un mot de passe", "nom": "NOM", "prenom": "Prénom",
                    "identifiant_national": national_id, "droits": ["soignant"],
                }),
            )
            .await;
        answer["result"]["compte"].clone()
    }

    async fn observe(&self, what: &str) -> Value {
        let url = format!("http://{}/observations/{what}", self.dui.addr());
        let answer: Value = self
            .http
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        answer["value"].clone()
    }

    async fn session(&self, session: &str) -> SessionView {
        let value = self.observe(&format!("session?session={session}")).await;
        serde_json::from_value(value).unwrap()
    }

    fn calls(&self, operation: &str) -> usize {
        let is =
            |event: &Event| matches!(event, Event::ExchangeReceived(x) if x.operation == operation);
        self.recorder.events().iter().filter(|e| is(e)).count()
    }
}

#[tokio::test]
async fn a_professional_logs_in_and_out() {
    let bench = Bench::start().await;
    let account = bench.account("idec", Some(IDEC)).await;
    let before = bench.visit("A").await;
    assert!(!before.connecte && before.autres_moyens == Some(true));
    let first_cookie = bench.session("A").await.cookies;

    let login = bench.login("A").await;
    assert!(login.connecte, "{login:?}");
    assert_eq!(login.moyen.as_deref(), Some("psc"));
    let compte = login.compte.unwrap();
    assert_eq!(compte.id, account["id"].as_str().unwrap());
    assert_eq!(compte.identifiant_national.as_deref(), Some(IDEC));
    assert_eq!(compte.profession.as_deref(), Some("60"));
    let page = login.page.unwrap();
    assert!(page.contains("DUITEST") && page.contains(IDEC), "{page}");
    assert!(login.url.unwrap().ends_with("/accueil"));

    let view = bench.session("A").await;
    assert_eq!(view.cookies.len(), 1);
    assert_ne!(view.cookies, first_cookie);
    assert!(view.cookies[0].ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"));
    assert!(!view.page.contains("eyJ") && !view.url.contains("code="));
    assert!(view.connecte_depuis.is_some());

    bench
        .act("session.copy", json!({ "session": "A", "vers": "B" }))
        .await;
    assert!(bench.visit("B").await.connecte);
    let out = bench
        .login_result("session.logout", json!({ "session": "A" }))
        .await;
    assert!(!out.connecte);
    assert!(out.page.unwrap().contains("Vous êtes déconnecté."));
    assert!(!bench.visit("A").await.connecte && !bench.visit("B").await.connecte);
    assert_eq!((bench.calls("logout"), bench.calls("revoke")), (1, 1));

    let traces = bench.observe("traces").await.to_string();
    assert!(
        traces.contains("\"connexion\"") && traces.contains("\"deconnexion\""),
        "{traces}"
    );
    let log = bench.observe("journal_technique").await;
    let log = log.as_str().unwrap();
    assert!(
        log.contains("psc: authorization request sent") && !log.contains("eyJ"),
        "{log}"
    );
}

#[tokio::test]
async fn every_lie_of_the_provider_is_refused() {
    let bench = Bench::start().await;
    bench.account("idec", Some(IDEC)).await;
    bench.account("medco", Some("899709900015")).await;
    for (id, with) in [
        ("PSC-F-ISS-WRONG", json!({})),
        ("PSC-F-ISS-PROD", json!({})),
        ("PSC-F-ISS-MISSING", json!({})),
        ("PSC-F-AUD-WRONG", json!({})),
        ("PSC-F-AUD-MISSING", json!({})),
        ("PSC-F-AUD-EXTRA", json!({})),
        ("PSC-F-AUD-EXTRA-AZP", json!({})),
        ("PSC-F-AZP-WRONG", json!({})),
        ("PSC-F-NONCE-WRONG", json!({})),
        ("PSC-F-NONCE-MISSING", json!({})),
        ("PSC-F-EXP-PAST", json!({})),
        ("PSC-F-EXP-MISSING", json!({})),
        ("PSC-F-IAT-MISSING", json!({})),
        ("PSC-F-IAT-OLD", json!({})),
        ("PSC-F-IAT-FUTURE", json!({})),
        ("PSC-F-SUB-MISSING", json!({})),
        ("PSC-F-SUB-EMPTY", json!({})),
        ("PSC-F-SIG-BROKEN", json!({})),
        ("PSC-F-SIG-ATTACKER", json!({})),
        ("PSC-F-ALG-NONE", json!({})),
        ("PSC-F-ALG-NONE", json!({ "alg": "nOnE" })),
        ("PSC-F-HS256-PUBLIC-KEY", json!({ "form": "pem" })),
        ("PSC-F-HS256-PUBLIC-KEY", json!({ "form": "der" })),
        ("PSC-F-HS256-SECRET", json!({})),
        ("PSC-F-KID-UNKNOWN", json!({})),
        ("PSC-F-JKU", json!({})),
        ("PSC-F-X5U", json!({})),
        ("PSC-F-JWK-HEADER", json!({})),
        ("PSC-F-CRIT", json!({})),
        ("PSC-F-ATHASH-WRONG", json!({})),
        ("PSC-F-ACR-MISSING", json!({})),
        ("PSC-F-ACR-LOW", json!({})),
        ("PSC-F-IDTOKEN-REPLAY", json!({})),
        ("PSC-F-IDTOKEN-IS-ACCESS", json!({})),
        ("PSC-F-NO-IDTOKEN", json!({})),
        ("PSC-F-NO-ACCESS-TOKEN", json!({})),
        ("PSC-F-TOKEN-TYPE-MAC", json!({})),
        ("PSC-F-TOKEN-500", json!({})),
        ("PSC-F-TOKEN-CUT", json!({})),
        ("PSC-F-TOKEN-NOT-JSON", json!({})),
        ("PSC-F-TOKEN-REDIRECT", json!({})),
        ("PSC-F-TOKEN-INVALID-GRANT", json!({})),
        ("PSC-F-UI-SUB-WRONG", json!({})),
        ("PSC-F-UI-SUB-MISSING", json!({})),
        ("PSC-F-UI-401", json!({})),
        ("PSC-F-UI-500", json!({})),
        ("PSC-F-UI-HTML", json!({})),
        ("PSC-F-UI-CUT", json!({})),
        ("PSC-F-UI-NO-IDNAT", json!({})),
        ("PSC-F-UI-NO-IDNAT", json!({ "empty": true })),
        ("PSC-F-UI-IDNAT-OTHER", json!({})),
        ("PSC-F-UI-JWT-BADSIG", json!({})),
        ("PSC-F-STATE-WRONG", json!({})),
        ("PSC-F-STATE-MISSING", json!({})),
        ("PSC-F-CB-ISS-WRONG", json!({})),
        ("PSC-F-CB-ISS-MISSING", json!({})),
        ("PSC-F-CB-ERROR", json!({})),
        ("PSC-F-CB-ERROR-HTML", json!({})),
        ("PSC-F-CB-NO-CODE", json!({})),
        ("PSC-F-CODE-OTHER", json!({})),
    ] {
        bench.clear();
        // Some lies are about an earlier login.
        assert!(
            bench.login(&format!("avant {id} {with}")).await.connecte,
            "before {id}"
        );
        bench.fault(id, &with);
        let login = bench.login(&format!("{id} {with}")).await;
        assert!(!login.connecte, "{id} {with}: {login:?}");
        assert_eq!(login.autres_moyens, Some(true), "{id}: {login:?}");
        let page = login.page.unwrap();
        assert!(
            page.contains("Connexion") && page.len() > 60,
            "{id}: {page}"
        );
        let source = bench.session(&format!("{id} {with}")).await.page;
        assert!(
            !source.contains("<script") && !source.contains("<img"),
            "{id}: {source}"
        );
    }
    bench.clear();
    assert!(bench.login("apres").await.connecte);
}

#[tokio::test]
async fn what_the_provider_may_do_is_accepted() {
    let bench = Bench::start().await;
    bench.account("idec", Some(IDEC)).await;
    for (id, with) in [
        ("PSC-F-AUD-ARRAY", json!({})),
        ("PSC-F-KID-ABSENT", json!({})),
        ("PSC-F-ROTATE-BEFORE-SIGNING", json!({})),
        ("PSC-F-ATHASH-MISSING", json!({})),
        ("PSC-F-ACR-EIDAS2", json!({})),
        ("PSC-F-IDTOKEN-EXTRA", json!({})),
        ("PSC-F-TOKEN-TYPE-LOWER", json!({})),
        ("PSC-F-NO-EXPIRES-IN", json!({})),
        ("PSC-F-NO-SCOPE", json!({})),
        ("PSC-F-NO-REFRESH-TOKEN", json!({})),
        ("PSC-F-TOKEN-EXTRA", json!({})),
        ("PSC-F-UI-JWT", json!({})),
        ("PSC-F-UI-EXTRA", json!({})),
        ("PSC-F-UI-NO-ACTIVITIES", json!({})),
        ("PSC-F-UI-LONG-LABEL", json!({})),
        ("PSC-F-UI-XSS", json!({})),
        ("PSC-F-CB-EXTRA", json!({})),
        ("PSC-F-SUB-CHANGED", json!({})),
        ("PSC-F-JWKS-ENC-FIRST", json!({})),
        ("PSC-F-JWKS-TWO-SIGNING", json!({})),
        ("PSC-F-JWKS-NO-KID", json!({})),
        ("PSC-F-DISCOVERY-NO-ISS-PARAMETER", json!({})),
    ] {
        let url = format!("http://{}/reset", bench.dui.addr());
        bench.http.post(url).send().await.unwrap();
        bench.mock.reset();
        bench.user("idec");
        bench.account("idec", Some(IDEC)).await;
        bench.fault(id, &with);
        let login = bench.login("A").await;
        assert!(login.connecte, "{id}: {login:?}");
        let page = bench.session("A").await.page;
        assert!(
            !page.contains("<script") && !page.contains("<img"),
            "{id}: {page}"
        );
    }
}

#[tokio::test]
async fn callbacks_answer_the_browser_that_asked_and_only_once() {
    let bench = Bench::start().await;
    bench.account("idec", Some(IDEC)).await;
    let stopped = json!({ "session": "A", "sans_callback": true });
    let callback = bench.login_result("psc.login", stopped).await.url.unwrap();
    assert!(
        callback.contains("/psc/retour?") && callback.contains("code="),
        "{callback}"
    );
    let open = |session: &str| {
        let params = json!({ "session": session, "url": callback });
        bench.login_result("psc.callback", params)
    };
    assert!(!open("B").await.connecte);
    assert_eq!(bench.calls("token_code"), 0);
    assert!(open("A").await.connecte);
    let again = open("A").await;
    assert_eq!(bench.calls("token_code"), 1);
    assert_eq!(again.statut_http, Some(400));
    assert!(again.connecte, "the login itself goes on");
}

#[tokio::test]
async fn rights_come_from_an_account_and_accounts_from_proof() {
    let bench = Bench::start().await;
    let unknown = bench.login("A").await;
    assert!(!unknown.connecte);
    assert!(unknown.page.unwrap().contains("aucun compte"));
    assert_eq!(bench.observe("comptes").await, json!([]));

    let account = bench.account("idec", None).await;
    assert!(!bench.login("A").await.connecte, "same names prove nothing");
    let wrong = json!({ "session": "A", "identifiant": "idec", "mot_de_passe": "autre" });
    assert!(!bench.login_result("local.login", wrong).await.connecte);
    let right = json!({ "session": "A", "identifiant": "idec", "mot_de_passe": "un mot de passe" });
    let local = bench.login_result("local.login", right).await;
    assert_eq!(local.moyen.as_deref(), Some("local"));
    assert!(local.page.unwrap().contains("désormais associé"));
    let out = bench
        .login_result("session.logout", json!({ "session": "A" }))
        .await;
    assert!(!out.connecte);
    assert_eq!(
        bench.calls("logout"),
        0,
        "a local login has nothing to close at PSC"
    );
    let login = bench.login("A").await;
    assert_eq!(login.compte.unwrap().id, account["id"].as_str().unwrap());

    // A homonym, then a person without situation.
    bench.user("twin");
    assert!(!bench.login("B").await.connecte);
    bench.account("noex", Some("899709900064")).await;
    bench.user("noex");
    let restricted = bench.login("C").await;
    assert!(restricted.connecte);
    let page = restricted.page.unwrap();
    assert!(
        page.contains("vos droits sont restreints") && page.contains("Droits aucun"),
        "{page}"
    );
}

#[tokio::test]
async fn a_situation_is_chosen_when_there_are_several() {
    let bench = Bench::start().await;
    bench.account("medco", Some("899709900015")).await;
    bench.user("medco");
    let login = bench.login("A").await;
    assert!(
        login.connecte && login.situations.len() == 2 && login.situation.is_none(),
        "{login:?}"
    );
    let wanted = login.situations[1].clone();
    let foreign = json!({ "session": "A", "situation": "Directeur" });
    assert_eq!(
        bench
            .login_result("session.choisir", foreign)
            .await
            .statut_http,
        Some(403)
    );
    let choice = json!({ "session": "A", "situation": wanted });
    let chosen = bench.login_result("session.choisir", choice).await;
    assert_eq!(chosen.situation.as_deref(), Some(wanted.as_str()));
    assert!(chosen.situations.is_empty());
    assert!(bench.visit("A").await.page.unwrap().contains(&wanted));
}

#[tokio::test]
async fn another_person_in_the_same_browser_takes_nobody_s_place() {
    let bench = Bench::start().await;
    bench.account("idec", Some(IDEC)).await;
    let other = bench.account("as", Some("899709900031")).await;
    bench.login("A").await;
    bench
        .act("session.copy", json!({ "session": "A", "vers": "B" }))
        .await;
    bench.mock.reset();
    bench.user("as");
    let login = bench.login("A").await;
    assert_eq!(login.compte.unwrap().id, other["id"].as_str().unwrap());
    assert!(!bench.visit("B").await.connecte, "the first login is over");
}

#[tokio::test]
async fn tokens_follow_activity_and_idle_time_ends_here_only() {
    let bench = Bench::start().await;
    bench.account("idec", Some(IDEC)).await;
    bench.login("A").await;
    assert!(bench.visit("A").await.connecte);
    assert_eq!(bench.calls("token_refresh"), 0);
    for n in 1..=3 {
        bench.advance(130).await;
        assert!(bench.visit("A").await.connecte);
        assert_eq!(bench.calls("token_refresh"), n);
    }
    bench.advance(1_801).await;
    let idle = bench.visit("A").await;
    assert!(!idle.connecte);
    assert!(idle.page.unwrap().contains("inactivité"));
    assert_eq!(
        (bench.calls("token_refresh"), bench.calls("logout")),
        (3, 0)
    );

    bench.login("B").await;
    for _ in 0..9 {
        bench.advance(1_500).await;
        assert!(bench.visit("B").await.connecte);
    }
    bench.advance(1_500).await;
    let late = bench.visit("B").await;
    assert!(!late.connecte, "{late:?}");
    assert!(late.page.unwrap().contains("durée maximale"));
}

#[tokio::test]
async fn a_refused_renewal_ends_the_login_and_an_outage_does_not() {
    let bench = Bench::start().await;
    bench.account("idec", Some(IDEC)).await;
    bench.login("A").await;
    bench.advance(130).await;
    bench.fault("PSC-F-REFRESH-500", &json!({}));
    let away = bench.visit("A").await;
    assert!(away.connecte && away.page.unwrap().contains("momentanément indisponible"));
    assert!(bench.visit("A").await.connecte);
    assert_eq!(bench.calls("token_refresh"), 1, "not tried again at once");
    bench.clear();
    bench.advance(40).await;
    let back = bench.visit("A").await;
    assert!(back.connecte && !back.page.unwrap().contains("momentanément indisponible"));

    for fault in [
        "PSC-F-REFRESH-INVALID-GRANT",
        "PSC-F-REFRESH-SUB-OTHER",
        "PSC-F-REFRESH-ISS-OTHER",
    ] {
        bench.clear();
        assert!(bench.login(fault).await.connecte);
        bench.advance(130).await;
        bench.fault(fault, &json!({}));
        let before = bench.calls("token_refresh");
        let over = bench.visit(fault).await;
        assert!(!over.connecte, "{fault}");
        assert!(over.page.unwrap().contains("a pris fin"), "{fault}");
        assert!(!bench.visit(fault).await.connecte);
        assert_eq!(bench.calls("token_refresh"), before + 1, "{fault}");
    }
}

#[tokio::test]
async fn outages_leave_the_other_means_open() {
    let bench = Bench::start().await;
    bench.account("idec", Some(IDEC)).await;
    for (fault, status) in [
        ("PSC-F-DISCOVERY-503", 502),
        ("PSC-F-DISCOVERY-NOT-JSON", 502),
        ("PSC-F-DISCOVERY-ISSUER", 502),
        ("X-F-TLS-FOREIGN-CA", 504),
        ("X-F-TLS-EXPIRED", 504),
        ("X-F-TLS-REVOKED", 504),
        ("X-F-TLS-WRONG-NAME", 504),
        ("X-F-TLS-SELF-SIGNED", 504),
        ("X-F-TLS-OLD", 504),
        ("X-F-TLS-REFUSE", 504),
    ] {
        bench.clear();
        bench.fault(fault, &json!({}));
        let login = bench.login(fault).await;
        assert!(!login.connecte, "{fault}");
        assert_eq!(login.statut_http, Some(status), "{fault}: {login:?}");
        assert_eq!(login.autres_moyens, Some(true), "{fault}");
        let local =
            json!({ "session": fault, "identifiant": "idec", "mot_de_passe": "un mot de passe" });
        assert!(
            bench.login_result("local.login", local).await.connecte,
            "{fault}"
        );
    }
    bench.clear();
    assert!(bench.login("apres").await.connecte);
    bench.fault("PSC-F-LOGOUT-500", &json!({}));
    bench
        .login_result("session.logout", json!({ "session": "apres" }))
        .await;
    assert!(!bench.visit("apres").await.connecte);
}

#[tokio::test]
async fn ciba_waits_as_asked_and_checks_who_came() {
    let bench = Bench::start().await;
    bench.account("idec", Some(IDEC)).await;
    bench.account("medco", Some("899709900015")).await;
    let ask = |session: &str| {
        let params = json!({
            "session": session, "identifiant_national": IDEC, "canal": "MOBILE", "sans_attente": true,
        });
        bench.login_result("psc.ciba", params)
    };
    let waiting = ask("A").await;
    let number = waiting.binding_message.unwrap();
    assert!(
        number.len() == 2 && number.bytes().all(|b| b.is_ascii_digit()),
        "{number}"
    );
    assert!(!waiting.connecte && waiting.page.unwrap().contains(&number));
    assert_eq!(bench.calls("token_ciba"), 0);
    bench.advance(2).await;
    let login = bench.visit("A").await;
    assert!(
        login.connecte && login.moyen.as_deref() == Some("psc"),
        "{login:?}"
    );
    bench
        .login_result("session.logout", json!({ "session": "A" }))
        .await;
    assert_eq!(bench.calls("logout"), 1);

    bench.fault("PSC-F-CIBA-SLOW-DOWN", &json!({}));
    ask("B").await;
    bench.advance(2).await;
    assert!(!bench.visit("B").await.connecte);
    bench.clear();
    let polls = bench.calls("token_ciba");
    bench.advance(3).await;
    assert!(!bench.visit("B").await.connecte);
    assert_eq!(bench.calls("token_ciba"), polls, "five seconds more");
    bench.advance(4).await;
    assert!(bench.visit("B").await.connecte);

    for fault in [
        "PSC-F-CIBA-OTHER-PERSON",
        "PSC-F-CIBA-DENIED",
        "PSC-F-CIBA-EXPIRED",
        "PSC-F-AUD-WRONG",
    ] {
        bench.clear();
        bench.fault(fault, &json!({}));
        ask(fault).await;
        bench.advance(2).await;
        let over = bench.visit(fault).await;
        assert!(!over.connecte, "{fault}");
        assert_eq!(over.autres_moyens, Some(true), "{fault}: {over:?}");
        let polls = bench.calls("token_ciba");
        bench.advance(10).await;
        assert!(!bench.visit(fault).await.connecte);
        assert_eq!(bench.calls("token_ciba"), polls, "{fault}: polled again");
    }
    for fault in [
        "PSC-F-CIBA-NO-AUTH-REQ-ID",
        "PSC-F-CIBA-NO-EXPIRES-IN",
        "PSC-F-CIBA-UNKNOWN-USER",
    ] {
        bench.clear();
        bench.fault(fault, &json!({}));
        let polls = bench.calls("token_ciba");
        let refused = ask(fault).await;
        assert_eq!(refused.autres_moyens, Some(true), "{fault}: {refused:?}");
        bench.advance(10).await;
        assert!(!bench.visit(fault).await.connecte);
        assert_eq!(bench.calls("token_ciba"), polls, "{fault}");
    }
    bench.clear();
    ask("abandon").await;
    bench
        .login_result("session.logout", json!({ "session": "abandon" }))
        .await;
    let polls = bench.calls("token_ciba");
    bench.advance(10).await;
    assert!(!bench.visit("abandon").await.connecte);
    assert_eq!(bench.calls("token_ciba"), polls, "the user gave up");
}

#[tokio::test]
async fn the_client_also_authenticates_by_certificate_or_assertion() {
    for auth in [PscAuth::Mtls, PscAuth::PrivateKeyJwt] {
        let bench = Bench::with(auth, &[]).await;
        bench.account("idec", Some(IDEC)).await;
        let login = bench.login("A").await;
        assert!(login.connecte, "{auth:?}: {login:?}");
        bench.advance(130).await;
        assert!(bench.visit("A").await.connecte, "{auth:?}");
        assert_eq!(bench.calls("token_refresh"), 1, "{auth:?}");
    }
}

#[tokio::test]
async fn a_seeded_defect_shows() {
    let bench = Bench::with(PscAuth::Secret, &["accept-wrong-aud", "session-fixation"]).await;
    bench.account("idec", Some(IDEC)).await;
    bench.visit("A").await;
    bench
        .act("session.copy", json!({ "session": "A", "vers": "B" }))
        .await;
    bench.fault("PSC-F-AUD-WRONG", &json!({}));
    assert!(bench.login("A").await.connecte);
    assert!(bench.visit("B").await.connecte);
}

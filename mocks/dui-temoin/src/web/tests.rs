//! The pages as a browser gets them, without Pro Santé Connect.

#![allow(clippy::unwrap_used)]

use reqwest::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Response, StatusCode};
use serde_json::json;

use crate::config::DuiConfig;
use crate::serveur::Dui;

/// A browser by hand: one cookie, no redirection followed.
struct Hand {
    base: String,
    http: Client,
    cookie: String,
    _dui: Dui,
}

impl Hand {
    async fn start() -> Self {
        let dui = Dui::start(DuiConfig::default()).await.unwrap();
        let http = Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let hand = Self {
            base: format!("http://{}", dui.addr()),
            http,
            cookie: String::new(),
            _dui: dui,
        };
        let request = json!({
            "action": "compte.create", "scenario": "PSC/ESSAI", "step": 1, "deadline_ms": 1000,
            "params": {
                "identifiant": "as", "mot_de_passe": "un mot de passe", "nom": "D'ÉTÉ <b>", "prenom": "Zoé",
                "identifiant_national": "30B0990001/CPET00042", "droits": ["soignant"],
            },
        });
        let url = format!("{}/actions/compte.create", hand.base);
        let made = hand.http.post(url).json(&request).send().await.unwrap();
        assert_eq!(made.status(), StatusCode::OK);
        hand
    }

    fn keep(&mut self, response: &Response) {
        if let Some(line) = response.headers().get(SET_COOKIE) {
            let line = line.to_str().unwrap();
            assert!(
                line.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"),
                "{line}"
            );
            line.split(';').next().unwrap().clone_into(&mut self.cookie);
        }
    }

    async fn get(&mut self, path: &str) -> Response {
        let url = format!("{}{path}", self.base);
        let response = self
            .http
            .get(url)
            .header(COOKIE, &self.cookie)
            .send()
            .await
            .unwrap();
        self.keep(&response);
        response
    }

    async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Response {
        let url = format!("{}{path}", self.base);
        let request = self.http.post(url).header(COOKIE, &self.cookie).form(form);
        let response = request.send().await.unwrap();
        self.keep(&response);
        response
    }

    async fn csrf(&mut self, path: &str) -> String {
        let page = self.get(path).await.text().await.unwrap();
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    async fn log_in(&mut self) {
        let csrf = self.csrf("/connexion").await;
        let form = [
            ("csrf", csrf.as_str()),
            ("identifiant", "as"),
            ("mot_de_passe", "un mot de passe"),
        ];
        let response = self.post("/connexion/locale", &form).await;
        assert_eq!(location(&response), "/accueil");
    }
}

fn location(response: &Response) -> String {
    let value = response
        .headers()
        .get(LOCATION)
        .map(|v| v.to_str().unwrap());
    value.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn protected_pages_are_closed_without_a_login_and_never_cached() {
    let mut hand = Hand::start().await;
    for path in ["/accueil", "/situations", "/usagers", "/usagers/u1"] {
        let response = hand.get(path).await;
        assert_eq!(location(&response), "/connexion", "{path}");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store", "{path}");
    }
    let login = hand.get("/connexion").await;
    let policy = login.headers()[CONTENT_SECURITY_POLICY]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let page = login.text().await.unwrap();
    assert!(
        page.contains("/cgu") && !page.contains("/connexion/psc"),
        "{page}"
    );
    let terms = hand.get("/cgu").await.text().await.unwrap();
    assert!(terms.contains("id=\"psc\""));
    assert_eq!(
        hand.get("/connexion/psc").await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_forged_form_does_nothing() {
    let mut hand = Hand::start().await;
    let form = [
        ("csrf", "autre"),
        ("identifiant", "as"),
        ("mot_de_passe", "un mot de passe"),
    ];
    let response = hand.post("/connexion/locale", &form).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    hand.log_in().await;
    assert_eq!(
        hand.post("/deconnexion", &[]).await.status(),
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        hand.post("/usagers", &[("nom_naissance", "X")])
            .await
            .status(),
        StatusCode::FORBIDDEN
    );
    assert_eq!(hand.get("/accueil").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_identity_is_created_and_shown_with_its_status() {
    let mut hand = Hand::start().await;
    hand.log_in().await;
    let page = hand.get("/accueil").await.text().await.unwrap();
    assert!(
        page.contains("ÉTÉ &lt;b&gt;") && page.contains("CPET00042"),
        "{page}"
    );
    let csrf = hand.csrf("/usagers").await;
    let form = [
        ("csrf", csrf.as_str()),
        ("nom_naissance", "D'ESSAI"),
        ("premier_prenom", "LOU"),
        ("prenoms", "LOU, SACHA"),
        ("sexe", "F"),
        ("date_naissance", "1950-05-05"),
        ("lieu_naissance", "63220"),
    ];
    let created = hand.post("/usagers", &form).await;
    let address = location(&created);
    assert!(
        address.starts_with("/usagers/"),
        "{}",
        created.text().await.unwrap()
    );
    let page = hand.get(&address).await.text().await.unwrap();
    assert!(page.contains("aria-current=\"step\">provisoire"), "{page}");
    assert!(
        page.contains("D&#x27;ESSAI") && page.contains("LOU SACHA"),
        "{page}"
    );
    let list = hand.get("/usagers").await.text().await.unwrap();
    assert!(
        list.contains(&address.replace('/', "&#x2f;")) || list.contains(&address),
        "{list}"
    );

    // INSi is not configured: the user is told, the identity stays as it is.
    let search = hand
        .post(&format!("{address}/insi"), &[("csrf", &csrf)])
        .await;
    assert_eq!(search.status(), StatusCode::OK);
    let page = search.text().await.unwrap();
    assert!(
        page.contains("role=\"alert\"") && page.contains("provisoire"),
        "{page}"
    );
    let unknown = hand.get("/usagers/absent").await;
    assert_eq!(unknown.status(), StatusCode::FORBIDDEN);

    let out = hand.post("/deconnexion", &[("csrf", &csrf)]).await;
    assert_eq!(location(&out), "/connexion");
    assert_eq!(location(&hand.get("/accueil").await), "/connexion");
}

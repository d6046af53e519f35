//! Each sequence rule over a record made by hand: one that holds, one that does not.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use diapason_core::driver::{ActionAnswer, ActionRequest, ActionStatus};
use diapason_core::product::ProductStatement;
use diapason_core::requirement::{Source, Text};
use diapason_core::rule::{Check, Rule};
use diapason_core::scenario::Scenario;
use diapason_core::{
    Confidence, EvidenceLevel, Exchange, ExchangeAnswer, ExchangeId, Level, RuleId, Service,
    Sha256Hex, Timestamp,
};
use serde_json::{Value, json};

use crate::judge::{Judge, Judgement};
use crate::record::{Observed, ScenarioRecord, SeenExchange, StepRecord};

const RETURN: &str = "https://dui.diapason.test/retour";

fn judge() -> Judge {
    let text = Text {
        fr: "x".to_owned(),
        en: "x".to_owned(),
    };
    let rules: Vec<Rule> = crate::insi::RULES
        .iter()
        .chain(crate::psc::RULES)
        .chain(crate::dmp::RULES)
        .map(|(id, _)| Rule {
            id: RuleId::new(*id).unwrap(),
            level: Level::Error,
            confidence: Confidence::Sure,
            breach: None,
            requirements: Vec::new(),
            source: Source {
                document: "x".to_owned(),
                version: None,
                section: None,
            },
            text: text.clone(),
            hint: text.clone(),
            evidence: None,
            check: Check::Rust { on: Service::Psc },
            bad: Vec::new(),
            good: Vec::new(),
        })
        .collect();
    Judge::new(&rules).unwrap()
}

fn product() -> ProductStatement {
    serde_json::from_value(json!({
        "produit": {"nom": "x", "editeur": "x", "version": "1"},
        "profil": {"referentiel_identites": true},
        "psc": {
            "client_secret": "secret-de-test-0123",
            "redirect_uris": [RETURN],
            "post_logout_redirect_uris": ["https://dui.diapason.test/sortie"]
        }
    }))
    .unwrap()
}

struct World(ScenarioRecord);

impl World {
    fn new() -> Self {
        let scenario: Scenario = serde_json::from_value(json!({
            "id": "PSC/X", "family": "psc", "kind": "behaviour",
            "title": {"fr": "x", "en": "x"}, "source": {"document": "x"},
            "confidence": "sure", "steps": []
        }))
        .unwrap();
        let mut this = Self(ScenarioRecord::new(scenario, 1));
        this.step("psc.login", json!({}), Value::Null);
        this
    }

    fn step(&mut self, action: &str, params: Value, result: Value) {
        let number = self.0.steps.len() as u32 + 1;
        let at = Timestamp::from_unix_millis(0);
        self.0.steps.push(StepRecord {
            number,
            opened_at: at,
            closed_at: Some(at),
            open_ms: 1,
            why: None,
            arms: Vec::new(),
            request: Some(ActionRequest {
                action: action.to_owned(),
                params,
                scenario: "PSC/X".to_owned(),
                step: number,
                deadline_ms: 1000,
            }),
            answer: Some(ActionAnswer {
                status: ActionStatus::Done,
                message: None,
                result,
            }),
            problem: None,
            evidence: EvidenceLevel::Declared,
            observed: Vec::new(),
            attested: Vec::new(),
            expect: Vec::new(),
        });
    }

    fn observe(&mut self, what: &str, value: Value) {
        self.0.steps.last_mut().unwrap().observed.push(Observed {
            what: what.to_owned(),
            query: BTreeMap::new(),
            value: Some(value),
            problem: None,
            evidence: EvidenceLevel::Declared,
        });
    }

    /// An exchange at `ms`, in the last step.
    fn exchange(&mut self, operation: &str, ms: i64, request: &str, status: u16, answer: &str) {
        let id = ExchangeId(self.0.exchanges.len() as u64 + 1);
        let at = Timestamp::from_unix_millis(ms);
        let exchange = Exchange {
            id,
            service: Service::Psc,
            listener: "auth".to_owned(),
            operation: operation.to_owned(),
            connection: 1,
            peer: "127.0.0.1:1".to_owned(),
            tls: None,
            request: Sha256Hex::zero(),
            request_len: 0,
            received_at: at,
            persona: None,
            presented: BTreeMap::new(),
            malformed: None,
        };
        let facts = diapason_formats::facts(&exchange, request.as_bytes(), None);
        self.0.exchanges.push(SeenExchange {
            exchange,
            answer: Some(ExchangeAnswer {
                id,
                status: Some(status),
                response: None,
                response_len: 0,
                fault: None,
                delivery: None,
                issued: BTreeMap::new(),
                outcome: "ok".to_owned(),
                answered_at: at,
            }),
            facts,
            request: request.as_bytes().to_vec(),
            response: answer.as_bytes().to_vec(),
            step: Some(self.0.steps.len() as u32),
        });
    }

    fn fault(&mut self, id: &str) {
        let last = self.0.exchanges.last_mut().unwrap();
        last.answer.as_mut().unwrap().fault = Some(id.parse().unwrap());
    }

    fn authorize(&mut self, query: &str, back: &str) {
        self.exchange(
            "authorize",
            0,
            &format!("GET /auth?{query} HTTP/1.1\r\nHost: h\r\n\r\n"),
            302,
            &format!("HTTP/1.1 302 Found\r\nLocation: {back}\r\n\r\n"),
        );
    }

    fn post(&mut self, operation: &str, ms: i64, form: &str, status: u16, answer: &Value) {
        self.exchange(
            operation,
            ms,
            &format!("POST /token HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n{form}"),
            status,
            &format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n\r\n{answer}"),
        );
    }

    fn login(&mut self, n: u32) {
        self.post("token_code", 0, &format!("code=code-{n}"), 200, &tokens(n));
    }

    fn userinfo(&mut self, token: &str) {
        self.exchange(
            "userinfo",
            0,
            &format!("GET /userinfo HTTP/1.1\r\nAuthorization: Bearer {token}\r\n\r\n"),
            200,
            "HTTP/1.1 200 OK\r\n\r\n{}",
        );
    }

    fn logout(&mut self, query: &str) {
        self.exchange(
            "logout",
            0,
            &format!("GET /logout?{query} HTTP/1.1\r\nHost: h\r\n\r\n"),
            302,
            "HTTP/1.1 302 Found\r\n\r\n",
        );
    }

    fn judged(&self) -> Judgement {
        judge().judge(&self.0, &product())
    }

    /// The rule ran and held.
    fn holds(&self, rule: &str) {
        let judged = self.judged();
        let id = RuleId::new(rule).unwrap();
        assert!(judged.checks.contains_key(&id), "{rule} did not run");
        let found: Vec<_> = judged.findings.iter().filter(|f| f.rule == id).collect();
        assert!(found.is_empty(), "{rule}: {found:?}");
    }

    /// The rule ran and did not hold; no secret is in the finding.
    fn breaks(&self, rule: &str) {
        let judged = self.judged();
        let id = RuleId::new(rule).unwrap();
        let found = judged
            .findings
            .iter()
            .find(|f| f.rule == id)
            .unwrap_or_else(|| panic!("{rule} held"));
        let said = format!("{found:?}");
        for secret in [
            "access-token-",
            "refresh-token-",
            "id-token-",
            "secret-de-test",
            "code-1",
        ] {
            assert!(!said.contains(secret), "{rule} shows {secret}");
        }
    }

    fn idle(&self, rule: &str) {
        let id = RuleId::new(rule).unwrap();
        assert!(!self.judged().checks.contains_key(&id), "{rule} ran");
    }
}

fn tokens(n: u32) -> Value {
    json!({
        "access_token": format!("access-token-{n}"),
        "refresh_token": format!("refresh-token-{n}"),
        "id_token": format!("id-token-{n}-long"),
        "token_type": "Bearer"
    })
}

fn encoded() -> String {
    RETURN.replace(':', "%3A").replace('/', "%2F")
}

const VERIFIER: &str = "Diapason-banc-essai.verificateur~de_test-0001-abcdef";
const CHALLENGE: &str = "-yR-gUsZQ0Xyw73Gkl_0ouEfAx7-XEMO-fXbFpRY6yo";

fn code_flow(verifier: &str, uri: &str) -> World {
    let mut w = World::new();
    w.authorize(
        &format!(
            "redirect_uri={}&state=s1&nonce=n1&code_challenge={CHALLENGE}&code_challenge_method=S256",
            encoded()
        ),
        &format!("{RETURN}?code=code-1&state=s1"),
    );
    w.post(
        "token_code",
        1000,
        &format!("code=code-1&redirect_uri={uri}&code_verifier={verifier}"),
        200,
        &tokens(1),
    );
    w
}

#[test]
fn a_good_code_flow_holds_every_rule_it_concerns() {
    let w = code_flow(VERIFIER, &encoded());
    for rule in ["PSC-A05", "PSC-C01B", "PSC-C01C", "PSC-C01D", "PSC-C04"] {
        w.holds(rule);
    }
}

#[test]
fn an_embedded_browser_is_found_unless_the_product_declares_it() {
    let mut w = World::new();
    let mut open = |agent: &str| {
        let request =
            format!("GET /auth?state=s HTTP/1.1\r\nHost: h\r\nUser-Agent: {agent}\r\n\r\n");
        w.exchange("authorize", 0, &request, 302, "HTTP/1.1 302 Found\r\n\r\n");
    };
    open("Mozilla/5.0 (X11; Linux x86_64)");
    open("Mozilla/5.0 Electron/31.0");
    let found = |product: &ProductStatement| {
        let judged = judge().judge(&w.0, product);
        let of_rule = judged
            .findings
            .iter()
            .filter(|f| f.rule.as_str() == "PSC-A10B");
        of_rule.count()
    };
    let mut product = product();
    assert_eq!(found(&product), 1);
    product.profil.psc_navigateur_interne = true;
    assert_eq!(found(&product), 0);
}

#[test]
fn return_address_verifier_and_code_are_compared_across_exchanges() {
    code_flow(VERIFIER, "https%3A%2F%2Fdui.diapason.test%2Fretour%2F").breaks("PSC-C01B");
    code_flow(
        "an-other-verifier-of-the-same-request-0123456789",
        &encoded(),
    )
    .breaks("PSC-C04");
    let mut w = code_flow(VERIFIER, &encoded());
    w.post(
        "token_code",
        70_000,
        "code=code-1",
        400,
        &json!({"error": "invalid_grant"}),
    );
    w.breaks("PSC-C01C");
    w.breaks("PSC-C01D");
    let mut w = World::new();
    w.authorize(
        "redirect_uri=https%3A%2F%2Fdui.diapason.test%2Fautre&state=s",
        "",
    );
    w.breaks("PSC-A05");
}

#[test]
fn a_code_that_came_through_the_decision_page_is_traced_by_its_state() {
    let mut w = World::new();
    w.authorize(&format!("redirect_uri={}&state=s1", encoded()), "/decision");
    w.exchange(
        "decision",
        0,
        "POST /decision HTTP/1.1\r\n\r\n",
        302,
        &format!("HTTP/1.1 302 Found\r\nLocation: {RETURN}?state=s1&code=code-1\r\n\r\n"),
    );
    w.post(
        "token_code",
        0,
        "code=code-1&redirect_uri=autre",
        200,
        &tokens(1),
    );
    w.breaks("PSC-C01B");
}

#[test]
fn state_and_nonce_must_be_new() {
    let mut w = World::new();
    w.authorize("state=a&nonce=b", "");
    w.idle("PSC-A06B");
    w.authorize("state=c&nonce=d", "");
    w.holds("PSC-A06B");
    w.holds("PSC-A07B");
    w.authorize("state=a&nonce=d", "");
    w.breaks("PSC-A06B");
    w.breaks("PSC-A07B");
}

#[test]
fn the_trust_space_wants_a_client_certificate() {
    let mut w = World::new();
    w.login(1);
    w.idle("PSC-C03");
    let mut edc = product();
    edc.profil.psc_edc = true;
    let judged = judge().judge(&w.0, &edc);
    assert!(judged.findings.iter().any(|f| f.rule.as_str() == "PSC-C03"));
}

#[test]
fn tokens_that_had_to_be_refused_serve_nothing() {
    let mut w = World::new();
    w.login(1);
    w.idle("PSC-D00");
    w.fault("PSC-F-AUD-WRONG");
    w.holds("PSC-D00");
    w.userinfo("access-token-1");
    w.breaks("PSC-D00");
}

#[test]
fn an_unknown_key_is_looked_for_twice_at_most() {
    let mut w = World::new();
    w.login(1);
    w.fault("PSC-F-KID-UNKNOWN");
    for n in 0..3 {
        if n < 3 {
            w.holds("PSC-D24B");
        }
        w.exchange(
            "jwks",
            0,
            "GET /certs HTTP/1.1\r\n\r\n",
            200,
            "HTTP/1.1 200 OK\r\n\r\n{}",
        );
    }
    w.breaks("PSC-D24B");
}

#[test]
fn refresh_uses_the_newest_token_and_stops_when_refused() {
    let mut w = World::new();
    w.login(1);
    w.post(
        "token_refresh",
        130_000,
        "refresh_token=refresh-token-1",
        200,
        &tokens(2),
    );
    w.post(
        "token_refresh",
        260_000,
        "refresh_token=refresh-token-2",
        200,
        &tokens(3),
    );
    w.holds("PSC-F02");
    w.holds("PSC-F08");
    w.post(
        "token_refresh",
        390_000,
        "refresh_token=refresh-token-2",
        400,
        &json!({"error": "invalid_grant"}),
    );
    w.breaks("PSC-F02");
    w.holds("PSC-F03B");
    w.post(
        "token_refresh",
        390_001,
        "refresh_token=refresh-token-2",
        400,
        &json!({"error": "invalid_grant"}),
    );
    w.breaks("PSC-F03B");
}

#[test]
fn a_refresh_at_each_page_is_too_many() {
    let mut w = World::new();
    w.login(1);
    for n in 1..4 {
        w.post(
            "token_refresh",
            1000,
            &format!("refresh_token=refresh-token-{n}"),
            200,
            &tokens(n + 1),
        );
    }
    w.breaks("PSC-F08");
}

#[test]
fn log_out_names_our_id_token_a_declared_address_and_ends_the_tokens() {
    let mut w = World::new();
    w.login(1);
    w.logout("id_token_hint=id-token-1-long&post_logout_redirect_uri=https%3A%2F%2Fdui.diapason.test%2Fsortie");
    for rule in ["PSC-G01C", "PSC-G04", "PSC-G06"] {
        w.holds(rule);
    }
    w.userinfo("access-token-1");
    w.breaks("PSC-G06");
    w.logout("id_token_hint=access-token-1&post_logout_redirect_uri=https%3A%2F%2Fautre.test");
    w.breaks("PSC-G01C");
    w.breaks("PSC-G04");
}

#[test]
fn secrets_are_looked_for_in_the_browser_and_the_log() {
    let mut w = World::new();
    w.login(1);
    w.observe("session", json!({"page": "<p>bonjour</p>", "cookies": ["sid=0123456789abcdef; Secure; HttpOnly; SameSite=Lax"]}));
    w.observe("journal_technique", json!("connexion réussie"));
    for rule in ["PSC-F09", "PSC-F10", "PSC-F11"] {
        w.holds(rule);
    }
    w.observe(
        "session",
        json!({"page": "", "cookies": ["sid=access-token-1"]}),
    );
    w.observe("journal_technique", json!("secret=secret-de-test-0123"));
    for rule in ["PSC-F09", "PSC-F10", "PSC-F11"] {
        w.breaks(rule);
    }
}

fn ciba(w: &mut World, number: &str, id: &str, interval: i64) {
    w.post(
        "ciba",
        0,
        &format!("binding_message={number}&login_hint=5000%2FCPAT1"),
        200,
        &json!({"auth_req_id": id, "expires_in": 120, "interval": interval}),
    );
}

fn poll(w: &mut World, ms: i64, id: &str, error: &str) {
    w.post(
        "token_ciba",
        ms,
        &format!("auth_req_id={id}"),
        400,
        &json!({"error": error}),
    );
}

#[test]
fn polling_keeps_its_pace_and_ends() {
    let mut w = World::new();
    ciba(&mut w, "42", "r", 2);
    poll(&mut w, 0, "r", "authorization_pending");
    poll(&mut w, 2000, "r", "slow_down");
    w.holds("PSC-H04");
    w.idle("PSC-H05");
    poll(&mut w, 9000, "r", "access_denied");
    for rule in ["PSC-H04", "PSC-H05", "PSC-H06B", "PSC-H07B"] {
        w.holds(rule);
    }
    poll(&mut w, 125_000, "r", "access_denied");
    w.breaks("PSC-H06B");
    w.breaks("PSC-H07B");
    let mut w = World::new();
    ciba(&mut w, "42", "r", 2);
    poll(&mut w, 200, "r", "authorization_pending");
    poll(&mut w, 1990, "r", "authorization_pending");
    w.holds("PSC-H04");
    let mut w = World::new();
    ciba(&mut w, "42", "r", 2);
    poll(&mut w, 0, "r", "authorization_pending");
    poll(&mut w, 1000, "r", "slow_down");
    poll(&mut w, 3000, "r", "authorization_pending");
    w.breaks("PSC-H04");
    w.breaks("PSC-H05");
}

#[test]
fn the_binding_number_is_random_and_shown() {
    let mut w = World::new();
    w.step(
        "psc.ciba",
        json!({"identifiant_national": "5000/CPAT1"}),
        json!({"connecte": true, "binding_message": "42"}),
    );
    ciba(&mut w, "42", "r", 1);
    w.holds("PSC-H02C");
    w.holds("PSC-H12");
    ciba(&mut w, "17", "s", 1);
    w.breaks("PSC-H02C");
    w.idle("PSC-H02B");
    ciba(&mut w, "93", "t", 1);
    w.holds("PSC-H02B");
    let mut w = World::new();
    w.step(
        "psc.ciba",
        json!({"identifiant_national": "5000/CPAT2"}),
        json!({}),
    );
    for (n, id) in [("07", "a"), ("08", "b"), ("09", "c")] {
        ciba(&mut w, n, id, 1);
    }
    w.breaks("PSC-H02B");
    w.breaks("PSC-H12");
    // Three honest draws may well be 18, 12 and 6.
    let mut w = World::new();
    for (n, id) in [("18", "a"), ("12", "b"), ("06", "c")] {
        ciba(&mut w, n, id, 1);
    }
    w.holds("PSC-H02B");
    for (n, id) in [("00", "d"), ("-6", "e")] {
        ciba(&mut w, n, id, 1);
    }
    w.breaks("PSC-H02B");
}

#[test]
fn insi_is_told_the_person_that_psc_connected() {
    let insi = |w: &mut World, name_id: &str| {
        w.exchange(
            "rechercherInsAvecTraitsIdentite",
            0,
            "POST /lps HTTP/1.1\r\n\r\n",
            200,
            "",
        );
        let seen = w.0.exchanges.last_mut().unwrap();
        seen.exchange.service = Service::Insi;
        seen.facts = json!({"insi": {"security": {"assertions": [{"name_id": name_id}]}}});
    };
    let mut w = World::new();
    insi(&mut w, "899709900023");
    w.idle("PSC-I07");
    w.exchange(
        "userinfo",
        0,
        "GET /userinfo HTTP/1.1\r\n\r\n",
        200,
        "HTTP/1.1 200 OK\r\n\r\n{\"SubjectNameID\":\"899709900023\"}",
    );
    insi(&mut w, "899709900023");
    w.holds("PSC-I07");
    insi(&mut w, "899709900015");
    w.breaks("PSC-I07");
}

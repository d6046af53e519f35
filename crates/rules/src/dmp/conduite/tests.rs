//! Each rule over a record made by hand: one that holds, one that does not. And the pack as committed.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::LazyLock;

use diapason_core::driver::{ActionAnswer, ActionRequest, ActionStatus};
use diapason_core::product::ProductStatement;
use diapason_core::rule::{Check, Rule, RulePack};
use diapason_core::scenario::Scenario;
use diapason_core::{EvidenceLevel, ExchangeId, Timestamp};
use serde_json::{Value, json};

use crate::record::StepRecord;
use crate::{Judge, ScenarioRecord, sample};

mod pack;

const START: i64 = 1_795_000_000_000;
const INS: &str = "275126322074974";
const OTHER: &str = "181016322075140";
const ENTRY: &str = "urn:uuid:0b2b4a36-5a3e-4a2e-8a52-6c0f0a3f9d01";

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn pack() -> &'static [Rule] {
    static PACK: LazyLock<Vec<Rule>> = LazyLock::new(|| {
        let pack: RulePack =
            serde_saphyr::from_str(&text("profiles/rules/dmp-conduite.yaml")).unwrap();
        pack.rules
    });
    &PACK
}

fn judge() -> &'static Judge {
    static JUDGE: LazyLock<Judge> = LazyLock::new(|| {
        let mut rules = pack().to_vec();
        for name in ["insi", "psc"] {
            let other: RulePack =
                serde_saphyr::from_str(&text(&format!("profiles/rules/{name}.yaml"))).unwrap();
            let rust = other.rules.into_iter();
            rules.extend(rust.filter(|r| matches!(r.check, Check::Rust { .. })));
        }
        Judge::new(&rules).unwrap()
    });
    &JUDGE
}

fn product() -> ProductStatement {
    serde_json::from_value(json!({
        "produit": {"nom": "x", "editeur": "x", "version": "1"},
        "profil": {"referentiel_identites": true},
        "dmp": {"arc_oid": "2"},
    }))
    .unwrap()
}

/// A scenario as it could have happened.
struct World {
    record: ScenarioRecord,
    now: i64,
}

impl World {
    fn new() -> Self {
        let scenario: Scenario = serde_json::from_value(json!({
            "id": "DMP/X", "family": "dmp", "kind": "behaviour",
            "title": {"fr": "x", "en": "x"}, "source": {"document": "x"},
            "confidence": "sure", "steps": [],
        }))
        .unwrap();
        Self {
            record: ScenarioRecord::new(scenario, 1),
            now: START,
        }
    }

    /// A world where a person is qualified.
    fn qualified() -> Self {
        Self::new().shows("qualifiee", INS)
    }

    /// The DUI shows person `7`.
    fn shows(self, statut: &str, matricule: &str) -> Self {
        let view = json!({
            "id": "7", "statut": statut, "ins": {"matricule": matricule, "oid": "1.2.250.1.213.1.4.8"},
            "nom_naissance": "ADRUN", "premier_prenom": "ZOE", "prenoms": ["ZOE"], "sexe": "F",
            "date_naissance": "1975-12-31", "lieu_naissance": "63220",
        });
        self.step(
            "usager.valider",
            json!({"usager": "7"}),
            json!({"usager": view}),
        )
    }

    fn step(mut self, action: &str, params: Value, result: Value) -> Self {
        let number = self.record.steps.len() as u32 + 1;
        let at = Timestamp::from_unix_millis(self.now);
        self.record.steps.push(StepRecord {
            number,
            opened_at: at,
            closed_at: Some(at),
            open_ms: 1,
            why: None,
            arms: Vec::new(),
            request: Some(ActionRequest {
                action: action.to_owned(),
                params,
                scenario: "DMP/X".to_owned(),
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
        self
    }

    /// Time passes.
    fn after(mut self, millis: i64) -> Self {
        self.now += millis;
        self
    }

    /// A call in the last step, 10 ms after the one before.
    fn call(mut self, operation: &str, outcome: &str, mut dmp: Value) -> Self {
        self.now += 10;
        let text = format!(
            "# service=dmp operation={operation} listener=tlsm outcome=x status=200\nPOST / HTTP/1.1\n\n"
        );
        let mut seen = sample::parse("dmp-test", &text).unwrap();
        let number = self.record.exchanges.len() as u64 + 1;
        seen.exchange.id = ExchangeId(number);
        seen.exchange.received_at = Timestamp::from_unix_millis(self.now);
        let answer = seen.answer.as_mut().unwrap();
        answer.answered_at = seen.exchange.received_at;
        answer.outcome = outcome.to_owned();
        if dmp.get("ins").is_none() && operation != "td0.9" {
            dmp["ins"] = json!(INS);
        }
        seen.facts = json!({"service": "dmp", "dmp": dmp});
        seen.step = self.record.steps.last().map(|s| s.number);
        self.record.exchanges.push(seen);
        self
    }

    /// A feeding of one document.
    fn feed(self, outcome: &str, document: &str, lot: &str, target: Option<&str>) -> Self {
        self.call("td2.1", outcome, feeding(document, lot, target))
    }

    fn findings(&self, rule: &str) -> usize {
        let judged = judge().judge(&self.record, &product());
        judged
            .findings
            .iter()
            .filter(|f| f.rule.as_str() == rule)
            .count()
    }

    fn checks(&self, rule: &str) -> u32 {
        let judged = judge().judge(&self.record, &product());
        judged
            .checks
            .iter()
            .find(|(r, _)| r.as_str() == rule)
            .map_or(0, |(_, n)| *n)
    }

    /// The rule was judged and held.
    fn holds(self, rule: &str) {
        assert_eq!(self.findings(rule), 0, "{rule} does not hold");
        assert!(self.checks(rule) > 0, "{rule} was not judged");
    }

    fn breaks(self, rule: &str) {
        assert!(self.findings(rule) > 0, "{rule} holds");
    }

    /// The rule had nothing to judge.
    fn silent(self, rule: &str) {
        assert_eq!(self.checks(rule), 0, "{rule} was judged");
    }
}

fn feeding(document: &str, lot: &str, target: Option<&str>) -> Value {
    let associations: Vec<Value> = target
        .into_iter()
        .map(|t| json!({"type": "RPLC", "source": "Document01", "target": t, "slots": {}}))
        .collect();
    json!({"lot": {
        "unique_id": lot, "associations": associations,
        "entries": [
            {"id": "Document01", "signature": false, "unique_id": document},
            {"id": "Signature01", "signature": true, "unique_id": format!("{lot}.9")},
        ],
    }})
}

fn login(world: World, session: &str, id: &str) -> World {
    world.step(
        "psc.login",
        json!({"session": session}),
        json!({"connecte": true, "compte": {"identifiant_national": id}}),
    )
}

fn search(world: World, session: &str, name_id: &str, assertion: &str) -> World {
    world
        .step(
            "dmp.rechercher",
            json!({"usager": "7", "session": session}),
            json!({"documents": []}),
        )
        .call(
            "td3.1a",
            "success",
            json!({"vihf": {"mode": "INDIRECTE_RENFORCEE", "name_id": name_id, "id": assertion}}),
        )
}

#[test]
fn the_vihf_bears_the_user_of_the_session() {
    let two = || {
        login(
            login(World::qualified(), "A", "899709900023"),
            "B",
            "899709900031",
        )
    };
    let right = search(two(), "A", "899709900023", "_1");
    let right = search(right, "B", "899709900031", "_2");
    assert_eq!(right.findings("DMP-VIHF-17"), 0);
    right.holds("DMP-VIHF-22");
    search(two(), "B", "899709900023", "_1").breaks("DMP-VIHF-17");
    search(two(), "B", "899709900023", "_1").breaks("DMP-VIHF-22");
    let kept = search(two(), "A", "899709900023", "_1");
    search(kept, "B", "899709900031", "_1").breaks("DMP-VIHF-22");
    let alone = login(World::qualified(), "A", "899709900023");
    search(alone, "A", "899709900023", "_1").silent("DMP-VIHF-22");
}

#[test]
fn existence_is_asked_first_and_believed() {
    let asked = |outcome: &str| {
        World::qualified()
            .step("document.create", json!({"usager": "7"}), Value::Null)
            .call("td0.2", outcome, json!({}))
    };
    asked("actif")
        .feed("success", "1.1", "2.1", None)
        .holds("DMP-EX-01");
    asked("actif")
        .after(90_000_000)
        .feed("success", "1.1", "2.1", None)
        .breaks("DMP-EX-01");
    let other = World::qualified()
        .step("document.create", json!({}), Value::Null)
        .call("td0.2", "actif", json!({"ins": OTHER}));
    other
        .feed("success", "1.1", "2.1", None)
        .breaks("DMP-EX-01");
    // The same person under a former matricule.
    World::new()
        .shows("qualifiee", OTHER)
        .shows("qualifiee", INS)
        .step("document.create", json!({}), Value::Null)
        .call("td0.2", "actif", json!({"ins": OTHER}))
        .feed("success", "1.1", "2.1", None)
        .holds("DMP-EX-01");
    for (outcome, rule) in [("nf", "DMP-EX-04"), ("ferme", "DMP-EX-05")] {
        asked(outcome).holds(rule);
        asked(outcome)
            .feed("success", "1.1", "2.1", None)
            .breaks(rule);
        asked(outcome)
            .call("td0.2", "actif", json!({}))
            .feed("success", "1.1", "2.1", None)
            .holds(rule);
        asked("actif").silent(rule);
    }
}

#[test]
fn only_a_qualified_ins_leaves() {
    let feed = |world: World| {
        world
            .step("document.create", json!({"usager": "7"}), Value::Null)
            .call("td0.2", "actif", json!({}))
    };
    feed(World::qualified()).holds("DMP-EX-09");
    feed(World::new().shows("recuperee", INS)).breaks("DMP-EX-09");
    feed(World::qualified().shows("provisoire", OTHER)).breaks("DMP-EX-09");
    feed(World::new().shows("qualifiee", OTHER)).breaks("DMP-EX-09");
    feed(World::new()).silent("DMP-EX-09");
    // Deleting what was sent before stays possible.
    World::qualified()
        .shows("provisoire", INS)
        .step("dmp.supprimer", json!({"document": "1.1"}), Value::Null)
        .call("td3.3c", "success", json!({}))
        .silent("DMP-EX-09");
}

#[test]
fn traits_of_the_document_are_those_accepted() {
    let cda = text("profiles/samples/cda/n1.xml");
    let facts = {
        let tree = diapason_formats::xml::Tree::read(
            cda.as_bytes(),
            &diapason_formats::xml::Limits::default(),
        )
        .unwrap();
        diapason_formats::cda::facts(&tree).unwrap()
    };
    let person = &facts["personne"];
    let root = concat!(
        r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>"#,
        r#"<x:ProvideAndRegisterDocumentSetRequest xmlns:x="urn:ihe:iti:xds-b:2007">"#,
        r#"<l:SubmitObjectsRequest xmlns:l="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0">"#,
        r#"<r:RegistryObjectList xmlns:r="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">"#,
        r#"<r:ExtrinsicObject id="Document01" mimeType="text/xml"/></r:RegistryObjectList></l:SubmitObjectsRequest>"#,
        r#"<x:Document id="Document01"><i:Include xmlns:i="http://www.w3.org/2004/08/xop/include" href="cid:d"/>"#,
        r"</x:Document></x:ProvideAndRegisterDocumentSetRequest></s:Body></s:Envelope>",
    );
    let request = format!(
        "POST / HTTP/1.1\r\nContent-Type: multipart/related; type=\"application/xop+xml\"; boundary=b; start=\"<r>\"; start-info=\"application/soap+xml\"\r\n\r\n--b\r\nContent-Type: application/xop+xml\r\nContent-ID: <r>\r\n\r\n{root}\r\n--b\r\nContent-ID: <d>\r\n\r\n{cda}\r\n--b--\r\n"
    );
    let world = |name: &Value| {
        let mut view = person.clone();
        view["id"] = json!("7");
        view["statut"] = json!("qualifiee");
        view["nom_naissance"] = name.clone();
        let mut world = World::new()
            .step("usager.valider", json!({}), json!({"usager": view}))
            .feed("success", "1.1", "2.1", None);
        world.record.exchanges[0].request = request.clone().into_bytes();
        world
    };
    world(&person["nom_naissance"]).holds("DMP-CDA-08");
    world(&json!("AUTRE")).breaks("DMP-CDA-08");
}

#[test]
fn the_contextual_address_holds_the_page_and_the_ins() {
    let open = |page: Value| {
        World::qualified()
            .step("dmp.ouvrir", json!({"usager": "7"}), Value::Null)
            .call("td0.9", "ok", json!({"page": page}))
    };
    open(json!({"page": "DossierPatient", "ins": INS, "rest": [], "query": null}))
        .holds("DMP-WEB-01");
    open(json!({"page": "TableauDeBord", "ins": null, "rest": [], "query": null}))
        .holds("DMP-WEB-01");
    for bad in [
        json!({"page": "Dossier", "ins": INS, "rest": [], "query": null}),
        json!({"page": "DossierPatient", "ins": null, "rest": [], "query": null}),
        json!({"page": "DossierPatient", "ins": "ADRUN ZOE", "rest": [], "query": null}),
        json!({"page": "DossierPatient", "ins": INS, "rest": [], "query": "nom=ADRUN"}),
        json!({"page": "DossierPatient", "ins": INS, "rest": ["ADRUN"], "query": null}),
    ] {
        open(bad).breaks("DMP-WEB-01");
    }
    // Its INS is judged as that of the other calls.
    World::new()
        .shows("recuperee", INS)
        .step("dmp.ouvrir", json!({"usager": "7"}), Value::Null)
        .call(
            "td0.9",
            "ok",
            json!({"page": {"page": "DossierPatient", "ins": INS}}),
        )
        .breaks("DMP-EX-09");
}

#[test]
fn an_authorisation_follows_an_agreement_and_feeding_asks_none() {
    let ask = |confirmed: bool| {
        World::qualified()
            .step(
                "dmp.autoriser",
                json!({"usager": "7", "confirme": confirmed}),
                Value::Null,
            )
            .call(
                "td0.3",
                "success",
                json!({"autorisation": {"action": "AJOUT"}}),
            )
    };
    ask(true).holds("DMP-AUT-02");
    ask(false).breaks("DMP-AUT-02");
    World::qualified()
        .step(
            "dmp.consentement",
            json!({"usager": "7", "consultation": true}),
            Value::Null,
        )
        .step("dmp.rechercher", json!({"usager": "7"}), Value::Null)
        .call(
            "td0.3",
            "success",
            json!({"autorisation": {"action": "AJOUT"}}),
        )
        .holds("DMP-AUT-02");
    let feed = || {
        World::qualified()
            .step("document.create", json!({"usager": "7"}), Value::Null)
            .feed("success", "1.1", "2.1", None)
    };
    feed().holds("DMP-AUT-04");
    feed()
        .call("td0.3", "success", json!({}))
        .breaks("DMP-AUT-04");
}

#[test]
fn reading_follows_consent_and_a_check_of_the_right() {
    let read = |choices: &[bool]| {
        let mut world = World::qualified();
        for choice in choices {
            world = world.step(
                "dmp.consentement",
                json!({"usager": "7", "consultation": choice}),
                Value::Null,
            );
        }
        world.step(
            "dmp.rechercher",
            json!({"usager": "7"}),
            json!({"documents": []}),
        )
    };
    let checked = |world: World| {
        world
            .call("td0.2", "actif", json!({}))
            .call("td3.1a", "success", json!({}))
    };
    checked(read(&[true])).holds("DMP-SRCH-13");
    checked(read(&[])).breaks("DMP-SRCH-13");
    checked(read(&[true, false])).breaks("DMP-SRCH-13");
    checked(read(&[false, true])).holds("DMP-SRCH-13");
    checked(read(&[true])).holds("DMP-SRCH-14");
    read(&[true])
        .call("td3.1a", "success", json!({}))
        .breaks("DMP-SRCH-14");
}

#[test]
fn a_query_holds_twenty_ids() {
    let ask = |n: usize| {
        let ids: Vec<String> = (0..n).map(|i| format!("1.{i}")).collect();
        World::qualified()
            .step("dmp.rechercher", json!({"usager": "7"}), Value::Null)
            .call(
                "td3.1a",
                "success",
                json!({"recherche": {"slots": {"$XDSDocumentEntryUniqueId": ids}}}),
            )
    };
    ask(20).holds("DMP-SRCH-07");
    ask(21).breaks("DMP-SRCH-07");
}

#[test]
fn times_are_shown_in_paris_time() {
    let shown = |utc: &str, date: &str| {
        let body = format!(
            concat!(
                r#"<q:AdhocQueryResponse xmlns:q="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0" xmlns:r="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">"#,
                r#"<r:RegistryObjectList><r:ExtrinsicObject id="a"><r:Slot name="serviceStartTime"><r:ValueList><r:Value>{}</r:Value></r:ValueList></r:Slot>"#,
                r#"<r:ExternalIdentifier identificationScheme="urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab" value="1.1"/>"#,
                r"</r:ExtrinsicObject></r:RegistryObjectList></q:AdhocQueryResponse>",
            ),
            utc
        );
        let mut world = World::qualified()
            .step(
                "dmp.rechercher",
                json!({"usager": "7"}),
                json!({"documents": [{"unique_id": "1.1", "date": date}]}),
            )
            .call("td3.1a", "success", json!({}));
        world.record.exchanges[0].response =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/soap+xml\r\n\r\n{body}")
                .into_bytes();
        world
    };
    shown("20260115233000", "2026-01-16 00:30").holds("DMP-SRCH-04");
    shown("20260715223000", "2026-07-16 00:30").holds("DMP-SRCH-04");
    shown("20260715223000", "2026-07-15 22:30").breaks("DMP-SRCH-04");
    shown("20260715223000", "2026-07-15 23:30").breaks("DMP-SRCH-04");
    shown("20260715", "2026-07-15").silent("DMP-SRCH-04");
}

#[test]
fn a_draft_stays() {
    let draft = || {
        World::qualified().step(
            "document.create",
            json!({"usager": "7", "brouillon": true}),
            json!({"document": {"id": "1.1"}}),
        )
    };
    draft().holds("DMP-SUB-22");
    draft()
        .feed("success", "1.1", "2.1", None)
        .breaks("DMP-SUB-22");
    let validated = draft().step("document.valider", json!({"document": "1.1"}), Value::Null);
    validated
        .feed("success", "1.1", "2.1", None)
        .holds("DMP-SUB-22");
}

#[test]
fn no_search_by_itself_after_a_feeding() {
    let feed = || {
        World::qualified()
            .step("document.create", json!({"usager": "7"}), Value::Null)
            .feed("success", "1.1", "2.1", None)
    };
    feed().holds("DMP-SUB-23");
    feed()
        .call("td3.1b", "success", json!({}))
        .breaks("DMP-SUB-23");
    feed()
        .after(6_000)
        .call("td3.1b", "success", json!({}))
        .holds("DMP-SUB-23");
    feed()
        .step("dmp.rechercher", json!({"usager": "7"}), Value::Null)
        .call("td3.1a", "success", json!({}))
        .holds("DMP-SUB-23");
    feed()
        .call("td3.1b", "success", json!({}))
        .feed("success", "1.2", "2.2", Some(ENTRY))
        .holds("DMP-SUB-23");
}

#[test]
fn an_entry_is_replaced_once() {
    let replace = || {
        World::qualified()
            .step("document.create", json!({"usager": "7"}), Value::Null)
            .feed("success", "1.2", "2.2", Some(ENTRY))
    };
    replace().holds("DMP-REP-05");
    replace()
        .feed("success", "1.3", "2.3", Some(ENTRY))
        .breaks("DMP-REP-05");
    let refused = World::qualified()
        .step("document.create", json!({"usager": "7"}), Value::Null)
        .feed("http_503", "1.2", "2.2", Some(ENTRY));
    refused
        .feed("success", "1.2", "2.2", Some(ENTRY))
        .holds("DMP-REP-05");
}

#[test]
fn attempts_are_the_same_apart_and_not_blind() {
    let first = |outcome: &str| {
        World::qualified()
            .step("document.create", json!({"usager": "7"}), Value::Null)
            .feed(outcome, "1.1", "2.1", None)
    };
    first("lost")
        .feed("success", "1.1", "2.1", None)
        .holds("DMP-RES-02");
    first("lost")
        .feed("success", "1.1", "2.2", None)
        .breaks("DMP-RES-02");
    first("failure:XDSRegistryMetadataError")
        .feed("success", "1.1", "2.2", None)
        .silent("DMP-RES-02");

    let mut burst = first("http_503");
    for _ in 0..3 {
        burst = burst.feed("http_503", "1.1", "2.1", None);
    }
    burst.breaks("DMP-RES-03");
    let mut patient = first("failure:XDSRepositoryBusy");
    for _ in 0..5 {
        patient = patient
            .after(60_000)
            .feed("failure:XDSRepositoryBusy", "1.1", "2.1", None);
    }
    patient.holds("DMP-RES-03");
    let mut asks = World::qualified().step("document.create", json!({}), Value::Null);
    for _ in 0..4 {
        asks = asks.call("td0.2", "http_500", json!({}));
    }
    asks.breaks("DMP-RES-03");

    for refusal in [
        "fault:DMPInvalidCertificate",
        "failure:XDSRegistryMetadataError",
    ] {
        first(refusal).holds("DMP-RES-04");
        let again = |action: &str| {
            first(refusal)
                .after(90_000)
                .step(action, json!({}), Value::Null)
                .feed("success", "1.1", "2.1", None)
        };
        again("clock.advance").breaks("DMP-RES-04");
        again("dmp.reprendre").holds("DMP-RES-04");
    }
    for passing in ["fault:Receiver", "failure:XDSRepositoryBusy", "http_503"] {
        first(passing)
            .feed("success", "1.1", "2.1", None)
            .silent("DMP-RES-04");
    }
    World::qualified()
        .step("document.create", json!({}), Value::Null)
        .feed(
            "failure:UnresolvedReferenceException",
            "1.2",
            "2.2",
            Some(ENTRY),
        )
        .call("td3.1b", "success", json!({}))
        .feed("success", "1.2", "2.2", Some(ENTRY))
        .holds("DMP-RES-04");
}

#[test]
fn what_is_accepted_leaves_once() {
    let fed = || {
        World::qualified()
            .step("document.create", json!({}), Value::Null)
            .feed("http_503", "1.1", "2.1", None)
            .feed("success", "1.1", "2.1", None)
    };
    fed().holds("DMP-RES-10");
    fed()
        .feed("success", "1.1", "2.1", None)
        .breaks("DMP-RES-10");
    let mut lied = fed();
    let answer = lied.record.exchanges[1].answer.as_mut().unwrap();
    answer.fault = Some("DMP-F-RELATES-TO".parse().unwrap());
    lied.feed("success", "1.1", "2.1", None).holds("DMP-RES-10");
}

#[test]
fn identifiers_serve_once_and_name_one_thing() {
    let asks = |first: &str, second: &str| {
        World::qualified()
            .call(
                "td0.2",
                "actif",
                json!({"message_id": first, "existence": {"query_id": first}}),
            )
            .call(
                "td0.2",
                "actif",
                json!({"message_id": second, "existence": {"query_id": second}}),
            )
    };
    for rule in ["DMP-SOAP-19", "DMP-EX-25"] {
        asks("urn:uuid:1", "urn:uuid:2").holds(rule);
        asks("urn:uuid:1", "urn:uuid:1").breaks(rule);
    }
    let lot = |document: &str, lot: &str, hash: &str| {
        let mut facts = feeding(document, lot, None);
        facts["lot"]["entries"][0]["hash"] = json!(hash);
        facts
    };
    let sends = |second: Value| {
        World::qualified()
            .call("td2.1", "http_503", lot("1.1", "2.1", "aa"))
            .call("td2.1", "success", second)
    };
    sends(lot("1.1", "2.1", "aa")).holds("DMP-SUB-75");
    sends(lot("1.2", "2.2", "bb")).holds("DMP-SUB-75");
    sends(lot("1.1", "2.2", "bb")).breaks("DMP-SUB-75");
    sends(lot("1.2", "2.1", "bb")).breaks("DMP-SUB-75");
    World::qualified()
        .feed("success", "2.7", "2.1", None)
        .holds("DMP-SUB-76");
    World::qualified()
        .feed("success", "1.1", "2.1", None)
        .breaks("DMP-SUB-76");
}

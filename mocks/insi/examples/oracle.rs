//! For whoever checks the mock by hand against something nobody here wrote (CONTRIBUTING.md says how).
//!
//! `answers DIR` writes every answer the mock can give into DIR, one file each, with `index.tsv`: file name, tab,
//! what our own validator finds. `serve DIR` keeps the test PKI in DIR, says where it listens, and serves until its
//! standard input ends; each line read arms a fault, or disarms all with `clear`. At the end the facts of each
//! exchange are in DIR/facts.ndjson. `requests DIR` reads the `*.xml` requests of DIR and writes what is wrong with the
//! contexts and the body of each into DIR/problems.tsv.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use diapason_core::journal::MemoryRecorder;
use diapason_core::persona::Person;
use diapason_core::scenario::{Arm, FaultArm};
use diapason_core::{Clock, Event, FaultId};
use diapason_formats::insi::{
    CTXBAM, CTXLPS, OP_TRAITS, RECSANS, SOAP12, Style, WSA, answer_problems,
};
use diapason_mock_common::pki::{ClientCertificate, Pki};
use diapason_mock_common::{Mock, Shared};
use diapason_mock_insi::{Behaviour, InsiConfig, InsiMock, faults, personas};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

const SEED: u64 = 11;
/// People whose answers show every shape of matricule, history and trait.
const SHOWN: [&str; 6] = [
    "p03-adrtrois-dominique",
    "p06-ecetinsi",
    "p07-provisoire",
    "p16-pat-trois",
    "lunaire",
    "tire-0",
];
/// Faults that are not about the content of an XML answer.
const NOT_XML: [&str; 12] = [
    "INSI-F-HTTP-503",
    "INSI-F-HTTP-EMPTY-200",
    "INSI-F-HTTP-REDIRECT",
    "INSI-F-HTTP-GARBAGE",
    "INSI-F-HTTP-GZIP",
    "INSI-F-CUT",
    "INSI-F-SILENT",
    "INSI-F-RESET",
    "INSI-F-XML-ENTITY-BOMB",
    "INSI-F-XML-EXTERNAL-ENTITY",
    "INSI-F-XML-DEEP",
    "INSI-F-XML-HUGE",
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Fails only when already installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["answers", dir] => answers(Path::new(dir)).await,
        ["serve", dir] => serve(Path::new(dir)).await,
        ["requests", dir] => requests(Path::new(dir)),
        _ => Err("usage: oracle answers DIR | serve DIR | requests DIR".into()),
    }
}

async fn start(
    pki: &Arc<Pki>,
    style: Style,
    recorder: Arc<MemoryRecorder>,
) -> Result<InsiMock, Box<dyn Error>> {
    let shared = Shared {
        clock: Clock::system(),
        recorder,
    };
    let config = InsiConfig {
        seed: SEED,
        ..InsiConfig::default()
    };
    let behaviour = Behaviour {
        style,
        ..Behaviour::default()
    };
    Ok(InsiMock::start_with(config, behaviour, shared, Arc::clone(pki)).await?)
}

async fn serve(dir: &Path) -> Result<(), Box<dyn Error>> {
    let pki = Arc::new(Pki::open_or_create(dir)?);
    let recorder = Arc::new(MemoryRecorder::default());
    let mock = start(&pki, Style::Env, Arc::clone(&recorder)).await?;
    let mut out = std::io::stdout();
    for (name, url) in mock.addresses() {
        writeln!(out, "{name} {url}")?;
    }
    out.flush()?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let armed = match line.trim() {
            "" => continue,
            "clear" => mock.arm(&Arm::Clear(true)),
            id => mock.arm(&fault(FaultId::new(id)?, BTreeMap::new())),
        };
        writeln!(out, "{line}: {armed:?}")?;
        out.flush()?;
    }
    mock.stop().await;
    let mut facts = Vec::new();
    for event in recorder.events() {
        if let Event::ExchangeReceived(exchange) = event {
            let bytes = recorder.bytes(&exchange.request).unwrap_or_default();
            let fact = diapason_formats::facts(&exchange, &bytes, None);
            writeln!(facts, "{fact}")?;
        }
    }
    std::fs::write(dir.join("facts.ndjson"), facts)?;
    Ok(())
}

fn requests(dir: &Path) -> Result<(), Box<dyn Error>> {
    let mut index = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_none_or(|e| e != "xml") {
            continue;
        }
        let bytes = std::fs::read(&path)?;
        let facts = diapason_formats::insi::facts(&bytes, None, Clock::system().now(), None);
        let problems: Vec<String> = ["/bam/problems", "/lps/problems", "/body/problems"]
            .iter()
            .filter_map(|p| facts.pointer(p)?.as_array().cloned())
            .flatten()
            .map(|p| p.to_string())
            .collect();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        writeln!(index, "{name}\t{}", problems.join(" | "))?;
    }
    std::fs::write(dir.join("problems.tsv"), index)?;
    Ok(())
}

fn fault(id: FaultId, with: BTreeMap<String, Value>) -> Arm {
    Arm::Fault(FaultArm {
        id,
        from_call: None,
        times: None,
        persona: None,
        with,
    })
}

async fn answers(dir: &Path) -> Result<(), Box<dyn Error>> {
    let pki_dir = dir.join("pki");
    std::fs::create_dir_all(&pki_dir)?;
    let pki = Arc::new(Pki::open_or_create(&pki_dir)?);
    let files = pki.client(ClientCertificate::InsiManu);
    let identity = [std::fs::read(files.cert)?, std::fs::read(files.key)?].concat();
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .tls_certs_only(reqwest::Certificate::from_pem_bundle(&std::fs::read(
            pki.ca_bundle(),
        )?)?)
        .identity(reqwest::Identity::from_pem(&identity)?)
        .build()?;
    let mut index: Vec<u8> = Vec::new();
    let people = personas(SEED);
    for style in Style::ALL {
        let mock = start(&pki, style, Arc::default()).await?;
        let url = mock.addresses()["tlsm"].clone();
        let ask = |person: &Person, place: bool| {
            let request = client
                .post(&url)
                .header("Content-Type", "application/soap+xml; charset=utf-8")
                .body(request(person, place));
            async move { request.send().await?.bytes().await }
        };
        let mut keep = |name: String, bytes: &[u8]| -> std::io::Result<()> {
            let file = format!("{}-{name}.xml", style.as_str());
            std::fs::write(dir.join(&file), bytes)?;
            writeln!(index, "{file}\t{}", answer_problems(bytes).join(" | "))
        };
        for person in &people {
            for place in [true, false] {
                let suffix = if place { "avec-lieu" } else { "sans-lieu" };
                keep(
                    format!("{}-{suffix}", person.id),
                    &ask(person, place).await?,
                )?;
            }
        }
        for spec in faults() {
            let id = spec.id.as_str();
            if !id.starts_with("INSI-F-") || NOT_XML.contains(&id) {
                continue;
            }
            for person in people.iter().filter(|p| SHOWN.contains(&p.id.as_str())) {
                let with = match id {
                    "INSI-F-DELAY" => BTreeMap::from([("milliseconds".to_owned(), json!(1))]),
                    _ => BTreeMap::new(),
                };
                mock.arm(&fault(spec.id.clone(), with))?;
                keep(
                    format!("{}-{}", person.id, id.to_ascii_lowercase()),
                    &ask(person, true).await?,
                )?;
                mock.reset();
            }
        }
        mock.stop().await;
    }
    std::fs::write(dir.join("index.tsv"), index)?;
    Ok(())
}

/// A good search by the first prénom.
fn request(person: &Person, place: bool) -> String {
    let t = &person.traits;
    let date = match t.date_naissance.as_str() {
        "1948-00-00" => "1948-12-31",
        "1952-05-00" => "1952-05-01",
        known => known,
    };
    let place = match &t.lieu_naissance {
        Some(lieu) if place => format!("<r:LieuNaissance>{lieu}</r:LieuNaissance>"),
        _ => String::new(),
    };
    let context = |id| {
        format!(
            "<Id>4f3f2f10-0000-4000-8000-00000000000{id}</Id><Temps>2026-01-15T09:00:00Z</Temps><Emetteur>10B0990001</Emetteur>"
        )
    };
    format!(
        r#"<e:Envelope xmlns:e="{SOAP12}" xmlns:w="{WSA}"><e:Header><ContexteBAM xmlns="{CTXBAM}" Version="01_02" Nature="CTXBAM">{}<COUVERTURE/></ContexteBAM><ContexteLPS xmlns="{CTXLPS}" Version="01_00" Nature="CTXLPS">{}<LPS><IDAM R="4">DIA00PA00SO0</IDAM></LPS></ContexteLPS><w:Action>urn:ServiceIdentiteCertifiee:1.0.0:{OP_TRAITS}</w:Action><w:MessageID>uuid:4f3f2f10-0000-4000-8000-000000000003</w:MessageID></e:Header><e:Body><r:RECSANSVITALE xmlns:r="{RECSANS}"><r:NomNaissance>{}</r:NomNaissance><r:Prenom>{}</r:Prenom><r:Sexe>{}</r:Sexe><r:DateNaissance>{date}</r:DateNaissance>{place}</r:RECSANSVITALE></e:Body></e:Envelope>"#,
        context(1),
        context(2),
        t.nom_naissance,
        t.prenoms[0],
        t.sexe.as_str(),
    )
}

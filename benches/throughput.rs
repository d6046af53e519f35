//! How many a second: scenarios on the reference DUI, PSC token round trips, INSi answers, documents fed to the DMP,
//! VIHF verified, journal appends, scenarios and documents judged. Everything runs in this process, over real sockets and TLS on loopback.
//!
//!     cargo bench --bench throughput                  # all
//!     cargo bench --bench throughput -- insi --quick  # one group, roughly
//!
//! `benches/cold-start.sh` measures the start of the program itself.

#![allow(
    clippy::unwrap_used,
    reason = "a bench that cannot be set up has nothing to measure"
)]

mod dmp;

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use diapason::catalogue::{self, Loaded};
use diapason::driver::AnyDriver;
use diapason::profile_files;
use diapason::recorder::RunRecorder;
use diapason::run::bench::Ports;
use diapason::run::{Bench, CampaignSetup, RunOptions, judges, run_campaign};
use diapason::scenario_file::product_from_str;
use diapason_core::journal::{self, Journal};
use diapason_core::product::ProductStatement;
use diapason_core::scenario::{Arm, PscDecision, PscUser, Scenario};
use diapason_core::{Clock, DocumentKind, Event, PersonaId, Recorder, ScenarioId};
use diapason_dui_temoin::DuiConfig;
use diapason_dui_temoin::config::{InsiSettings, PscSettings};
use diapason_formats::signature;
use diapason_formats::xml::{Limits, Tree};
use diapason_rules::cda::Kit;
use diapason_rules::document::DocumentJudge;
use diapason_rules::{Campaign, Judge};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const FICHE: &str = include_str!("../profiles/demo/fiche-produit.toml");
const INSI_REQUEST: &str = include_str!("../profiles/samples/insi-traits.http");
const SEED: u64 = 20_260_115;
/// A search, a change of status, a good login, an attack: what a campaign is made of, nothing slow.
const PLAYED: [&str; 4] = [
    "INS/va1.54.01",
    "INS/va1.54.02",
    "PSC/COM.D-07",
    "PSC/ATT.D-05",
];

/// The mocks, their journal, and a reference DUI in this process.
struct Stand {
    bench: Bench,
    recorder: Arc<RunRecorder>,
    product: ProductStatement,
    dui: String,
    // Dropped last: it holds the PKI and the journal.
    folder: TempDir,
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
}

impl Stand {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::create(&folder.path().join("journal")).unwrap();
        let recorder = RunRecorder::new(journal, Vec::new());
        let port = TcpListener::bind(("127.0.0.1", 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut product = product_from_str("profiles/demo/fiche-produit.toml", FICHE).unwrap();
        product.psc.redirect_uris = vec![format!("http://127.0.0.1:{port}/psc/retour")];
        product.psc.post_logout_redirect_uris =
            vec![format!("http://127.0.0.1:{port}/psc/deconnexion-retour")];
        let shared: Arc<dyn Recorder> = recorder.clone();
        let pki = folder.path().join("pki");
        let bench = Bench::start(
            &pki,
            Ports::default(),
            &product,
            SEED,
            Clock::system(),
            shared,
        )
        .await
        .unwrap();
        let config = dui(&bench, &product, port);
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        tokio::spawn(diapason_dui_temoin::serve(config, move |addr| {
            let _ = ready.send(format!("http://{addr}"));
        }));
        let dui = is_ready.await.unwrap();
        Self {
            bench,
            recorder,
            product,
            dui,
            folder,
        }
    }

    fn client(&self, certificate: Option<&str>) -> reqwest::Client {
        let pki = self.bench.pki.dir();
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only(
                reqwest::Certificate::from_pem_bundle(
                    &std::fs::read(pki.join("ca-bundle.pem")).unwrap(),
                )
                .unwrap(),
            );
        if let Some(name) = certificate {
            let mut pem = std::fs::read(pki.join(format!("{name}.pem"))).unwrap();
            pem.extend(std::fs::read(pki.join(format!("{name}.key"))).unwrap());
            builder = builder.identity(reqwest::Identity::from_pem(&pem).unwrap());
        }
        builder.build().unwrap()
    }

    fn address(&self, name: &str) -> String {
        self.bench.addresses()[name].clone()
    }

    fn options(&self) -> RunOptions {
        RunOptions {
            journal_dir: self.folder.path().join("journal"),
            product: self.product.clone(),
            seed: SEED,
            settle: Duration::from_millis(40),
            deadline: Duration::from_secs(30),
            policy: diapason::exit::Policy {
                excuse_operator: true,
                ..Default::default()
            },
        }
    }
}

fn dui(bench: &Bench, product: &ProductStatement, port: u16) -> DuiConfig {
    let pki = bench.pki.dir();
    DuiConfig {
        listen: ([127, 0, 0, 1], port).into(),
        insi: Some(InsiSettings {
            url: bench.insi_url(product),
            ca: pki.join("ca-bundle.pem"),
            cert: pki.join("client-insi-manu.pem"),
            key: pki.join("client-insi-manu.key"),
            crl: None,
            mode: product.insi.mode,
            idam: product.insi.idam.clone().unwrap(),
            lps_nom: product.insi.lps_nom.clone().unwrap(),
            lps_version: product.insi.lps_version.clone().unwrap(),
            emetteur: "10B0990001".to_owned(),
            timeout_ms: 1_000,
        }),
        psc: Some(PscSettings {
            discovery: bench.addresses()["psc.discovery"].clone(),
            ca: pki.join("ca-bundle.pem"),
            client_id: product.psc.client_id.clone().unwrap(),
            client_secret: product.psc.client_secret.clone().unwrap(),
            auth: product.psc.auth,
            cert: None,
            key: None,
            crl: None,
            redirect_uri: product.psc.redirect_uris[0].clone(),
            post_logout_redirect_uri: product.psc.post_logout_redirect_uris.first().cloned(),
            idle_seconds: 1_800,
            timeout_ms: 1_000,
            ciba: false,
        }),
        start_at: Some(bench.clock.now()),
        seed: SEED,
        ..DuiConfig::default()
    }
}

fn journal_appends(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::create(folder.path()).unwrap();
    let event = Event::StepStarted {
        scenario: ScenarioId::new("INS/va1.54.01").unwrap(),
        step: 1,
        at: Clock::system().now(),
    };
    let mut group = c.benchmark_group("journal");
    group.throughput(Throughput::Elements(1));
    group.bench_function("append", |b| {
        b.iter(|| journal.record(event.clone()).unwrap());
    });
    let mut n = 0_u64;
    group.bench_function("blob of 2 kB", |b| {
        b.iter(|| {
            // Never the same twice: a blob already there is not written again.
            n += 1;
            journal.blob(format!("{n:02000}").as_bytes()).unwrap()
        });
    });
    group.finish();
}

/// The body of the committed sample request: what follows its head.
fn insi_body() -> &'static str {
    INSI_REQUEST.split_once("\n\n").unwrap().1
}

fn insi_answers(c: &mut Criterion) {
    let runtime = runtime();
    let stand = runtime.block_on(Stand::start());
    let client = stand.client(Some("client-insi-manu"));
    let url = stand.address("insi.tlsm");
    let action = "urn:ServiceIdentiteCertifiee:1.0.0:rechercherInsAvecTraitsIdentite";
    let content_type = format!("application/soap+xml; charset=utf-8; action=\"{action}\"");
    let ask = || async {
        let request = client
            .post(&url)
            .header("Content-Type", &content_type)
            .body(insi_body());
        let answer = request.send().await.unwrap().text().await.unwrap();
        assert!(answer.contains("<CodeCR>00</CodeCR>"), "{answer}");
    };
    let mut group = c.benchmark_group("insi");
    group.throughput(Throughput::Elements(1));
    group.bench_function("answer", |b| b.iter(|| runtime.block_on(ask())));
    group.finish();
    runtime.block_on(stand.bench.stop());
}

/// Documents of 1 MiB fed to the DMP mock (signatures verified, lot checked, journal written), and VIHF verified.
fn dmp_messages(c: &mut Criterion) {
    let runtime = runtime();
    let stand = runtime.block_on(Stand::start());
    let client = stand.client(Some("client-dui"));
    let url = format!("{}/repository", stand.address("dmp.tlsm"));
    let signer = dmp::signer(stand.bench.pki.dir());
    let mut number = 0;
    let mut fresh = |size| {
        number += 1;
        dmp::submission(&signer, number, size)
    };
    let send = |(content_type, body): (String, Vec<u8>)| {
        let request = client
            .post(&url)
            .header("Content-Type", content_type)
            .body(body);
        async move {
            let answer = request.send().await.unwrap().text().await.unwrap();
            assert!(answer.contains("ResponseStatusType:Success"), "{answer}");
        }
    };
    let mut group = c.benchmark_group("dmp");
    group.sample_size(20).throughput(Throughput::Elements(1));
    for (name, size) in [
        ("provide and register, 1 MiB", 1 << 20),
        ("provide and register, 32 kB", 1 << 15),
    ] {
        group.bench_function(name, |b| {
            b.iter_batched(
                || fresh(size),
                |request| runtime.block_on(send(request)),
                criterion::BatchSize::PerIteration,
            );
        });
    }
    let assertion = dmp::vihf(&signer, 0, Clock::system().now());
    group.bench_function("verify a VIHF", |b| {
        b.iter(|| {
            let tree = Tree::read(assertion.as_bytes(), &Limits::default()).unwrap();
            let node = tree
                .descendant_elements(tree.root())
                .find(|n| tree.is_named(*n, signature::DSIG, "Signature"))
                .unwrap();
            assert!(signature::verify(&tree, node).holds());
        });
    });
    group.finish();
    runtime.block_on(stand.bench.stop());
}

/// A login at the mock as a client sees it: authorization, then tokens.
async fn login(client: &reqwest::Client, stand: &Stand, metadata: &Value) -> Value {
    let psc = &stand.product.psc;
    let redirect_uri = psc.redirect_uris[0].as_str();
    let client_id = psc.client_id.as_deref().unwrap();
    let authorize = client
        .get(metadata["authorization_endpoint"].as_str().unwrap())
        .query(&[
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("scope", "openid scope_all"),
            ("acr_values", "eidas1"),
            ("state", "0123456789012345678901"),
            ("nonce", "1123456789012345678901"),
        ]);
    let answer = authorize.send().await.unwrap();
    let location = answer.headers()["location"].to_str().unwrap();
    let location = url::Url::parse(location).unwrap();
    let code = location
        .query_pairs()
        .find(|(key, _)| key == "code")
        .unwrap()
        .1
        .into_owned();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", redirect_uri),
    ];
    tokens(client, stand, metadata, &form).await
}

async fn tokens(
    client: &reqwest::Client,
    stand: &Stand,
    metadata: &Value,
    form: &[(&str, &str)],
) -> Value {
    let psc = &stand.product.psc;
    let answer = client
        .post(metadata["token_endpoint"].as_str().unwrap())
        .basic_auth(
            psc.client_id.as_deref().unwrap(),
            psc.client_secret.as_deref(),
        )
        .form(form)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

fn psc_tokens(c: &mut Criterion) {
    let runtime = runtime();
    let stand = runtime.block_on(Stand::start());
    let client = stand.client(None);
    let user = PscUser {
        persona: PersonaId::new("idec").unwrap(),
        decision: PscDecision::Approve,
        channel: None,
    };
    stand.bench.arm(&Arm::PscUser(user)).unwrap();
    let metadata: Value = runtime.block_on(async {
        client
            .get(stand.address("psc.discovery"))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    });
    let mut group = c.benchmark_group("psc");
    group.throughput(Throughput::Elements(1));
    group.bench_function("login: authorization and tokens", |b| {
        b.iter(|| runtime.block_on(login(&client, &stand, &metadata)));
    });
    let mut held = runtime.block_on(login(&client, &stand, &metadata));
    group.bench_function("token round trip", |b| {
        b.iter(|| {
            let refresh = held["refresh_token"].as_str().unwrap().to_owned();
            let form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", refresh.as_str()),
            ];
            held = runtime.block_on(tokens(&client, &stand, &metadata, &form));
        });
    });
    group.finish();
    runtime.block_on(stand.bench.stop());
}

fn played(loaded: &Loaded) -> Vec<Scenario> {
    let wanted = |s: &&Scenario| PLAYED.contains(&s.id.as_str());
    let scenarios: Vec<Scenario> = loaded
        .catalogue
        .scenarios
        .iter()
        .filter(wanted)
        .cloned()
        .collect();
    assert_eq!(scenarios.len(), PLAYED.len());
    scenarios
}

async fn campaign(
    stand: &Stand,
    driver: &AnyDriver,
    judge: &Judge,
    loaded: &Loaded,
    scenarios: &[Scenario],
) {
    let end = run_campaign(&CampaignSetup {
        bench: &stand.bench,
        recorder: &stand.recorder,
        driver,
        judge,
        loaded,
        scenarios,
        options: &stand.options(),
    })
    .await
    .unwrap();
    assert_eq!(end.exit_code, 0);
}

fn scenarios(c: &mut Criterion) {
    let runtime = runtime();
    let stand = runtime.block_on(Stand::start());
    let loaded = catalogue::load(None).unwrap();
    let judge = judges::judge(&loaded.catalogue.rules).unwrap();
    let driver = AnyDriver::http(&stand.dui, false).unwrap();
    let scenarios = played(&loaded);
    let mut group = c.benchmark_group("campaign");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(scenarios.len() as u64));
    group.bench_function(BenchmarkId::new("scenarios", scenarios.len()), |b| {
        b.iter(|| runtime.block_on(campaign(&stand, &driver, &judge, &loaded, &scenarios)));
    });
    group.finish();
    runtime.block_on(stand.bench.stop());
}

fn judging(c: &mut Criterion) {
    let runtime = runtime();
    let stand = runtime.block_on(Stand::start());
    let loaded = catalogue::load(None).unwrap();
    let judge = judges::judge(&loaded.catalogue.rules).unwrap();
    let driver = AnyDriver::http(&stand.dui, false).unwrap();
    let scenarios = played(&loaded);
    runtime.block_on(campaign(&stand, &driver, &judge, &loaded, &scenarios));
    let folder = stand.folder.path().join("journal");
    let judged = read(&folder);
    let exchanges: usize = judged.scenarios.iter().map(|s| s.exchanges.len()).sum();
    let mut group = c.benchmark_group("judging");
    group.throughput(Throughput::Elements(judged.scenarios.len() as u64));
    group.bench_function(BenchmarkId::new("scenarios of exchanges", exchanges), |b| {
        b.iter(|| {
            for record in &judged.scenarios {
                std::hint::black_box(judge.judge(record, &judged.product));
            }
        });
    });
    group.bench_function("journal read back, facts worked out", |b| {
        b.iter(|| read(&folder));
    });
    group.finish();
    runtime.block_on(stand.bench.stop());
}

fn read(folder: &Path) -> Campaign {
    Campaign::from_journal(&journal::read(folder).unwrap()).unwrap()
}

/// Documents a second through our own packs; with `DIAPASON_CDA_KIT` (an unpacked TestContenuCDA folder), through the
/// official kit too.
fn documents(c: &mut Criterion) {
    let rules = catalogue::rules().unwrap().rules;
    let own = || DocumentJudge::new(&rules, profile_files::profiles().unwrap()).unwrap();
    let samples = [
        (
            "n1",
            include_bytes!("../profiles/samples/cda/n1.xml").as_slice(),
        ),
        (
            "dlu",
            include_bytes!("../profiles/samples/cda/dlu.xml").as_slice(),
        ),
    ];
    let mut group = c.benchmark_group("documents");
    group.bench_function("packs compiled", |b| b.iter(own));
    let judge = own();
    for (name, bytes) in samples {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(BenchmarkId::new("tree read", name), |b| {
            b.iter(|| Tree::read(bytes, &Limits::default()).unwrap());
        });
        group.bench_function(BenchmarkId::new("our packs", name), |b| {
            b.iter(|| judge.judge(DocumentKind::Cda, bytes));
        });
    }
    if let Some(folder) = std::env::var_os("DIAPASON_CDA_KIT") {
        let files = Arc::new(profile_files::FolderFiles::open(Path::new(&folder)).unwrap());
        let kit = DocumentJudge::new(&[], Arc::clone(&files) as _)
            .unwrap()
            .with_kit(Arc::new(Kit::open(files).unwrap()));
        for (name, bytes) in samples {
            group.throughput(Throughput::Bytes(bytes.len() as u64));
            group.bench_function(BenchmarkId::new("official kit", name), |b| {
                b.iter(|| kit.judge(DocumentKind::Cda, bytes));
            });
        }
    }
    group.finish();
}

criterion_group!(
    throughput,
    documents,
    journal_appends,
    insi_answers,
    dmp_messages,
    psc_tokens,
    scenarios,
    judging
);
criterion_main!(throughput);

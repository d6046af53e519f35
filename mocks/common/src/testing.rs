//! What the tests of this crate share: one test PKI for the whole binary, a service that does as
//! told, and a listener whose events can be read back.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use diapason_core::exchange::ConnectionFailure;
use diapason_core::journal::MemoryRecorder;
use diapason_core::{Clock, Event, Exchange, ExchangeAnswer, FaultId, Service, Timestamp};

use crate::Shared;
use crate::http::{Classified, HttpService, Incoming, Reply, TlsFault};
use crate::pki::{ClientCertificate, Pki};
use crate::server::{Listener, ListenerConfig, ListenerOptions, TlsMode};

static PKI: LazyLock<(tempfile::TempDir, Arc<Pki>)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let pki = Arc::new(Pki::open_or_create(dir.path()).unwrap());
    (dir, pki)
});

/// The PKI of this test run.
pub(crate) fn pki() -> Arc<Pki> {
    Arc::clone(&PKI.1)
}

/// The bench's time in tests.
pub(crate) fn now() -> Timestamp {
    Timestamp::try_from("2026-01-15T09:00:00Z".to_owned()).unwrap()
}

type Answer = Box<dyn Fn(&Incoming) -> Reply + Send + Sync>;

/// A service that does as told. Its operation is the last segment of the path.
pub(crate) struct Told {
    pub(crate) answer: Answer,
    pub(crate) tls: Mutex<Option<TlsFault>>,
}

impl Told {
    /// Answers with `answer`.
    pub(crate) fn to(answer: impl Fn(&Incoming) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            answer: Box::new(answer),
            tls: Mutex::default(),
        }
    }

    /// Answers each request with its own method, path and body.
    pub(crate) fn to_echo() -> Self {
        Self::to(|request| {
            let text = format!("{} {} ", request.method, request.path);
            let body = [text.as_bytes(), &request.body].concat();
            Reply::new(200, "application/octet-stream", body).outcome("ok")
        })
    }
}

impl HttpService for Told {
    fn classify(&self, request: &Incoming) -> Classified {
        Classified {
            operation: request
                .path
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_owned(),
            ..Classified::default()
        }
    }

    fn answer(&self, request: &Incoming, _: &Classified) -> Reply {
        (self.answer)(request)
    }

    fn guard(&self, request: &Incoming) -> Option<String> {
        let secret = b"VRAIE-DONNEE";
        let found = request.body.windows(secret.len()).any(|w| w == secret);
        found.then(|| "a real matricule".to_owned())
    }

    fn tls_fault(&self, _: &'static str) -> Option<(FaultId, TlsFault)> {
        let fault = self.tls.lock().unwrap().clone()?;
        Some((FaultId::new("X-F-TLS-TEST").unwrap(), fault))
    }
}

/// A listener on a free port and what it recorded.
pub(crate) struct Bench {
    pub(crate) listener: Listener,
    pub(crate) recorder: Arc<MemoryRecorder>,
    pub(crate) service: Arc<Told>,
    pub(crate) clock: Clock,
}

/// Short delays, for what must time out. Elsewhere a busy machine would make them lie.
pub(crate) fn hasty() -> ListenerOptions {
    ListenerOptions {
        handshake_timeout: Duration::from_millis(200),
        head_timeout: Duration::from_millis(200),
        body_timeout: Duration::from_millis(200),
        ..ListenerOptions::default()
    }
}

impl Bench {
    pub(crate) fn start(service: Told, tls: Option<TlsMode>, options: ListenerOptions) -> Self {
        // Another test may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let recorder = Arc::new(MemoryRecorder::default());
        let service = Arc::new(service);
        let clock = Clock::manual(now());
        let listener = Listener::bind_with(
            ListenerConfig {
                name: "essai",
                service: Service::Psc,
                addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                tls,
            },
            options,
            service.clone(),
            Shared {
                clock: clock.clone(),
                recorder: recorder.clone(),
            },
            pki(),
        )
        .unwrap();
        Self {
            listener,
            recorder,
            service,
            clock,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.listener.addr().port())
    }

    /// A client that trusts the test PKI and nothing else.
    pub(crate) fn client() -> reqwest::ClientBuilder {
        let bundle = pki().content("ca-bundle.pem").unwrap().to_vec();
        reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only(reqwest::Certificate::from_pem_bundle(&bundle).unwrap())
    }

    /// The identity of a client certificate, for reqwest.
    pub(crate) fn identity(which: ClientCertificate) -> reqwest::Identity {
        let files = pki().client(which);
        let pem = [
            std::fs::read(files.cert).unwrap(),
            std::fs::read(files.key).unwrap(),
        ]
        .concat();
        reqwest::Identity::from_pem(&pem).unwrap()
    }

    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.pick(|event| match event {
            Event::ExchangeReceived(exchange) => Some(exchange),
            _ => None,
        })
    }

    pub(crate) fn answers(&self) -> Vec<ExchangeAnswer> {
        self.pick(|event| match event {
            Event::ExchangeAnswered(answer) => Some(answer),
            _ => None,
        })
    }

    pub(crate) fn failures(&self) -> Vec<ConnectionFailure> {
        self.pick(|event| match event {
            Event::ConnectionFailed(failure) => Some(failure),
            _ => None,
        })
    }

    /// Waits for the recorder to hold such events: a failed connection is noted a moment after the
    /// client has seen it fail.
    pub(crate) async fn wait<T>(&self, pick: impl Fn(&Self) -> Vec<T>, count: usize) -> Vec<T> {
        for _ in 0..500 {
            let found = pick(self);
            if found.len() >= count {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        pick(self)
    }

    /// The one failure of the connection just made.
    pub(crate) async fn failure(&self) -> ConnectionFailure {
        let failures = self.wait(Self::failures, 1).await;
        assert_eq!(failures.len(), 1, "{:?}", self.recorder.events());
        assert_eq!(self.exchanges(), []);
        failures[0].clone()
    }

    fn pick<T>(&self, pick: impl Fn(Event) -> Option<T>) -> Vec<T> {
        self.recorder
            .events()
            .into_iter()
            .filter_map(pick)
            .collect()
    }

    pub(crate) fn bytes(&self, hash: &diapason_core::Sha256Hex) -> Vec<u8> {
        self.recorder.bytes(hash).unwrap()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.recorder.events()
    }
}

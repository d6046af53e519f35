//! Publication point of the test PKI: revocation lists and certificates of the authorities, over
//! plain HTTP as the real one does. What is fetched is recorded: a client that checks revocation
//! shows it here.
//!
//! The certificates name `http://crl.diapason.test/organisations.crl`; the lists are served under
//! `/crl/` too.

use std::net::SocketAddr;
use std::sync::Arc;

use diapason_core::Service;

use crate::Shared;
use crate::http::{Classified, HttpService, Incoming, Reply};
use crate::pki::Pki;
use crate::server::{Listener, ListenerConfig, ServerError};

struct Publication {
    pki: Arc<Pki>,
}

const LISTS: [&str; 4] = ["organisations", "racine", "personnes", "racine-fort"];
const AUTHORITIES: [&str; 4] = ["ac-organisations", "racine", "ac-personnes", "racine-fort"];

impl Publication {
    /// File of the PKI and content type of that path.
    fn find(path: &str) -> Option<(String, &'static str)> {
        let name = path
            .strip_prefix("/crl/")
            .or_else(|| path.strip_prefix('/'))?;
        let (stem, end) = name.rsplit_once('.')?;
        let content_type = match end {
            "crl" if LISTS.contains(&stem) => "application/pkix-crl",
            "cer" if AUTHORITIES.contains(&stem) => "application/pkix-cert",
            _ => return None,
        };
        Some((name.to_owned(), content_type))
    }
}

impl HttpService for Publication {
    fn classify(&self, request: &Incoming) -> Classified {
        let known = Self::find(&request.path).is_some();
        Classified {
            operation: if known { "crl" } else { "unknown" }.to_owned(),
            ..Classified::default()
        }
    }

    fn answer(&self, request: &Incoming, _: &Classified) -> Reply {
        const TEXT: &str = "text/plain; charset=utf-8";
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            let mut reply = Reply::new(405, TEXT, "GET ou HEAD").outcome("method_not_allowed");
            reply
                .headers
                .push(("Allow".to_owned(), "GET, HEAD".to_owned()));
            return reply;
        }
        let found = Self::find(&request.path)
            .and_then(|(name, kind)| Some((self.pki.content(&name)?.to_vec(), kind)));
        if let Some((bytes, content_type)) = found {
            return Reply::new(200, content_type, bytes).outcome("ok");
        }
        let lists = LISTS.map(|l| format!("/crl/{l}.crl")).join(" ");
        let text = format!("Listes publiées ici : {lists}\n");
        Reply::new(404, TEXT, text).outcome("not_found")
    }
}

/// Publishes at `addr` (listener `crl`). Must be called within a tokio runtime.
pub fn listen(addr: SocketAddr, shared: Shared, pki: Arc<Pki>) -> Result<Listener, ServerError> {
    let service = Arc::new(Publication {
        pki: Arc::clone(&pki),
    });
    let config = ListenerConfig {
        name: "crl",
        service: Service::Pki,
        addr,
        tls: None,
    };
    Listener::bind(config, service, shared, pki)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use diapason_core::journal::MemoryRecorder;
    use diapason_core::{Clock, Event};

    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn the_lists_are_served_and_the_fetch_is_recorded() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let recorder = Arc::new(MemoryRecorder::default());
        let shared = Shared {
            clock: Clock::manual(testing::now()),
            recorder: recorder.clone(),
        };
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = listen(addr, shared, testing::pki()).unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let get = async |path: &str| {
            let url = format!("http://{}{path}", listener.addr());
            client.get(url).send().await.unwrap()
        };
        for path in ["/crl/organisations.crl", "/organisations.crl"] {
            let answer = get(path).await;
            assert_eq!(answer.headers()["content-type"], "application/pkix-crl");
            let list = answer.bytes().await.unwrap();
            assert_eq!(Some(&list[..]), testing::pki().content("organisations.crl"));
        }
        let authority = get("/racine.cer").await.bytes().await.unwrap();
        assert_eq!(Some(&authority[..]), testing::pki().content("racine.cer"));
        for path in [
            "/crl/serveur.key",
            "/client-dui.key",
            "/crl/../serveur.pem",
            "/",
        ] {
            assert_eq!(get(path).await.status(), 404, "{path}");
        }
        listener.stop().await;
        let operations: Vec<_> = recorder
            .events()
            .into_iter()
            .filter_map(|event| match event {
                Event::ExchangeReceived(e) => Some((e.service, e.listener, e.operation)),
                _ => None,
            })
            .collect();
        assert_eq!(
            operations[0],
            (Service::Pki, "crl".to_owned(), "crl".to_owned())
        );
        assert_eq!(operations.last().unwrap().2, "unknown");
    }
}

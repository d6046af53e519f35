//! A listener: TLS with a chosen certificate per connection, HTTP/1.1 with every byte in hand, and
//! everything recorded before it is answered. One task per connection.
//!
//! Each TLS handshake is a full one (no resumption), so that every connection shows the client the
//! certificate of the moment and shows us the client's.

mod answer;
mod connection;
mod exchange;
mod hello;
mod old_tls;
mod request;
mod tls;
mod wire;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diapason_core::Service;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::Shared;
use crate::http::HttpService;
use crate::pki::Pki;

/// Is a client certificate asked for?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// No.
    #[default]
    None,
    /// Yes, a client without one is served all the same.
    Requested,
    /// Yes, a client without one is refused in the handshake.
    Required,
}

/// TLS of a listener.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TlsMode {
    /// Client certificate.
    pub client_auth: ClientAuth,
}

/// Where and what a listener serves.
#[derive(Debug, Clone)]
pub struct ListenerConfig {
    /// Name (`tls`, `tlsm`, `auth`, `wallet`, `crl`).
    pub name: &'static str,
    /// National service played.
    pub service: Service,
    /// Address; port 0 takes a free one.
    pub addr: SocketAddr,
    /// TLS; plain HTTP when absent.
    pub tls: Option<TlsMode>,
}

/// Limits and rarely changed choices. Delays are real time: they guard sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerOptions {
    /// Accepts an address that is not loopback.
    pub allow_remote: bool,
    /// Refuses, in the handshake and by an alert, a client certificate that the test PKI does not
    /// stand behind. Otherwise it is only recorded, and judged afterwards.
    pub refuse_untrusted_client: bool,
    /// Longest handshake.
    pub handshake_timeout: Duration,
    /// Longest wait for the first byte of a request.
    pub idle_timeout: Duration,
    /// Longest wait for a whole head, once begun.
    pub head_timeout: Duration,
    /// Longest wait for a whole body, and for a peer to take an answer.
    pub body_timeout: Duration,
    /// Longest silence that [`crate::http::Delivery::Silent`] keeps.
    pub silence_limit: Duration,
    /// Largest head, bytes.
    pub max_head: usize,
    /// Largest body, bytes.
    pub max_body: usize,
    /// Connections served at once; more wait.
    pub max_connections: usize,
}

impl Default for ListenerOptions {
    fn default() -> Self {
        Self {
            allow_remote: false,
            refuse_untrusted_client: false,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            silence_limit: Duration::from_mins(5),
            max_head: 64 * 1024,
            max_body: 10 * 1024 * 1024,
            max_connections: 1024,
        }
    }
}

/// A listener could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Not a loopback address.
    #[error(
        "listener {name}: {addr} is not a loopback address; a mock is only opened to a network when that is asked for explicitly"
    )]
    NotLoopback {
        /// Listener.
        name: &'static str,
        /// Address.
        addr: SocketAddr,
    },
    /// The address cannot be had.
    #[error("listener {name}: cannot listen on {addr}; is the port already in use?")]
    Bind {
        /// Listener.
        name: &'static str,
        /// Address.
        addr: SocketAddr,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// TLS cannot be set up.
    #[error("listener {name}: cannot set TLS up")]
    Tls {
        /// Listener.
        name: &'static str,
        /// Cause.
        #[source]
        source: rustls::Error,
    },
}

/// What every connection of a listener shares.
pub(crate) struct Context {
    pub(crate) config: ListenerConfig,
    pub(crate) options: ListenerOptions,
    pub(crate) service: Arc<dyn HttpService>,
    pub(crate) shared: Shared,
    pub(crate) pki: Arc<Pki>,
    pub(crate) tls: Option<tls::Configs>,
    /// The first failure to record: the journal can no longer be trusted.
    pub(crate) failure: Mutex<Option<String>>,
}

/// A running listener. Dropping it stops it without waiting.
pub struct Listener {
    addr: SocketAddr,
    context: Arc<Context>,
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener")
            .field("name", &self.context.config.name)
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}

impl Listener {
    /// Listens with the usual options. Must be called within a tokio runtime.
    pub fn bind(
        config: ListenerConfig,
        service: Arc<dyn HttpService>,
        shared: Shared,
        pki: Arc<Pki>,
    ) -> Result<Self, ServerError> {
        Self::bind_with(config, ListenerOptions::default(), service, shared, pki)
    }

    /// Listens. Must be called within a tokio runtime.
    pub fn bind_with(
        config: ListenerConfig,
        options: ListenerOptions,
        service: Arc<dyn HttpService>,
        shared: Shared,
        pki: Arc<Pki>,
    ) -> Result<Self, ServerError> {
        let (name, addr) = (config.name, config.addr);
        if !addr.ip().is_loopback() && !options.allow_remote {
            return Err(ServerError::NotLoopback { name, addr });
        }
        let tls = config
            .tls
            .map(|mode| tls::Configs::new(mode, options.refuse_untrusted_client, &pki, &shared))
            .transpose()
            .map_err(|source| ServerError::Tls { name, source })?;
        let bound = std::net::TcpListener::bind(addr)
            .and_then(|socket| {
                socket.set_nonblocking(true)?;
                let local = socket.local_addr()?;
                Ok((tokio::net::TcpListener::from_std(socket)?, local))
            })
            .map_err(|source| ServerError::Bind { name, addr, source });
        let (socket, local) = bound?;
        let context = Arc::new(Context {
            config,
            options,
            service,
            shared,
            pki,
            tls,
            failure: Mutex::default(),
        });
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(accept_loop(socket, Arc::clone(&context), stopped));
        Ok(Self {
            addr: local,
            context,
            stop,
            task: Mutex::new(Some(task)),
        })
    }

    /// The address listened on, with the port taken.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Why recording failed, if it did: what the journal holds is then not the whole truth.
    pub fn failure(&self) -> Option<String> {
        self.context
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Stops accepting, lets answers under way end for a second, then closes everything.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let task = self
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(task) = task {
            // The accept loop neither panics nor is aborted before this.
            let _ = task.await;
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// How long answers under way may take once the listener is told to stop.
const GRACE: Duration = Duration::from_secs(1);

async fn accept_loop(
    socket: tokio::net::TcpListener,
    context: Arc<Context>,
    mut stopped: watch::Receiver<bool>,
) {
    let slots = Arc::new(Semaphore::new(context.options.max_connections));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, socket.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            next = next => next,
            _ = stopped.wait_for(|s| *s) => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((tcp, peer)) => {
                let context = Arc::clone(&context);
                let stopped = stopped.clone();
                connections.spawn(async move {
                    connection::serve(tcp, peer, &context, stopped).await;
                    drop(slot);
                });
            }
            // Out of descriptors, or a peer gone before it was accepted: neither is the end.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    drop(socket);
    let all_done = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all_done).await.is_err() {
        connections.shutdown().await;
    }
}

#[cfg(test)]
mod tests;

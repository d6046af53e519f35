//! Starting and stopping the DUI, and the errors of its setup.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::config::DuiConfig;
use crate::state::AppState;

/// What stops the DUI from starting or running.
#[derive(Debug, thiserror::Error)]
pub enum DuiError {
    /// A mutant's name is unknown.
    #[error("unknown mutant {name:?}; nearest: {near}")]
    UnknownMutant {
        /// Name asked for.
        name: String,
        /// Names that look like it.
        near: String,
    },
    /// A setting cannot be used.
    #[error("configuration: {setting}: {problem}")]
    Setting {
        /// Setting.
        setting: String,
        /// Why not.
        problem: String,
    },
    /// A file cannot be read or written.
    #[error("cannot use the file {}", path.display())]
    File {
        /// File.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// An HTTP client cannot be built.
    #[error("cannot set up the {service} client")]
    Client {
        /// Service it is for.
        service: &'static str,
        /// Cause.
        #[source]
        source: reqwest::Error,
    },
    /// The address cannot be bound.
    #[error("cannot listen on {addr}")]
    Listen {
        /// Address.
        addr: SocketAddr,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// The server stopped by itself.
    #[error("the web server stopped")]
    Stopped(#[source] std::io::Error),
}

/// A running DUI.
pub struct Dui {
    addr: SocketAddr,
    state: AppState,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Dui {
    /// Starts on the configured address and returns once it listens.
    pub async fn start(config: DuiConfig) -> Result<Self, DuiError> {
        let (listener, state, addr) = bind(config).await?;
        let (stop, stopped) = oneshot::channel::<()>();
        let server =
            axum::serve(listener, crate::api::app(state.clone())).with_graceful_shutdown(async {
                // An error means the handle was dropped: stop too.
                let _ = stopped.await;
            });
        let task = tokio::spawn(server.into_future());
        Ok(Self {
            addr,
            state,
            stop,
            task,
        })
    }

    /// Address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops and waits until the listener is closed.
    pub async fn stop(self) -> Result<(), DuiError> {
        // An error means that the server has stopped already; the task says why.
        let _ = self.stop.send(());
        self.state.dmp().arreter();
        match self.task.await {
            Ok(result) => result.map_err(DuiError::Stopped),
            Err(error) => Err(DuiError::Stopped(std::io::Error::other(error))),
        }
    }
}

/// Serves until the process ends; `on_ready` gets the address once it is bound.
pub async fn serve(config: DuiConfig, on_ready: impl FnOnce(SocketAddr)) -> Result<(), DuiError> {
    let (listener, state, addr) = bind(config).await?;
    on_ready(addr);
    axum::serve(listener, crate::api::app(state))
        .await
        .map_err(DuiError::Stopped)
}

async fn bind(config: DuiConfig) -> Result<(TcpListener, AppState, SocketAddr), DuiError> {
    // An error means that the process has a provider already, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let wanted = config.listen;
    let state = AppState::new(config)?;
    let listen = |source| DuiError::Listen {
        addr: wanted,
        source,
    };
    let listener = TcpListener::bind(wanted).await.map_err(listen)?;
    let addr = listener.local_addr().map_err(listen)?;
    state.set_address(addr);
    crate::dmp::travailleur::demarrer(&state);
    Ok((listener, state, addr))
}

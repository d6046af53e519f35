//! The listener over real sockets: a real TLS client (reqwest), and bytes written by hand.

mod fuzz;
mod http;
mod tls;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use diapason_core::journal::MemoryRecorder;
use diapason_core::{Clock, Service};

use super::*;
use crate::testing::{self, Told};

fn bind(addr: SocketAddr) -> Result<Listener, ServerError> {
    Listener::bind(
        ListenerConfig {
            name: "essai",
            service: Service::Insi,
            addr,
            tls: None,
        },
        Arc::new(Told::to_echo()),
        Shared {
            clock: Clock::manual(testing::now()),
            recorder: Arc::new(MemoryRecorder::default()),
        },
        testing::pki(),
    )
}

#[tokio::test]
async fn only_loopback_is_opened_unless_asked() {
    let error = bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))).unwrap_err();
    assert!(matches!(error, ServerError::NotLoopback { .. }), "{error}");
}

#[tokio::test]
async fn a_port_in_use_is_said_so() {
    let first = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let error = bind(first.addr()).unwrap_err().to_string();
    assert!(error.contains("already in use"), "{error}");
    let addr = first.addr();
    first.stop().await;
    assert!(bind(addr).is_ok());
}

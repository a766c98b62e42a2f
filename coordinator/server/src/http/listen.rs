//! Accepts connections of the API and serves HTTP/1 on them, each within bounds.
//!
//! A connection costs a descriptor before it has shown a token. So their number is bounded, the header of a request
//! must arrive in time, and where there is no room the oldest connection without a token is closed: clients that
//! connect and stay silent keep nobody with a token out, and never take the descriptors of the store and the broker.

mod connections;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use muster_protocol::limits;
use muster_runtime::process::fds_max;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use self::connections::Connections;
pub use self::connections::Standing;
use crate::tls::Identity;

/// Pause after a connection could not be accepted.
const BREATH: Duration = Duration::from_millis(100);
/// The share of the process's descriptors that connections may take.
const DESCRIPTORS_SHARE: u64 = 4;

/// Serves until it is dropped, which closes every connection.
pub async fn serve(tcp: TcpListener, identity: Option<&Identity>, router: Router) {
    let mut connections = Connections::new(room(fds_max()));
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            accepted = tcp.accept() => match accepted {
                Ok((stream, from)) => {
                    connections.make_room(from.ip());
                    let standing = Arc::new(Standing::of(from.ip()));
                    let router = router.clone().layer(Extension(Arc::clone(&standing)));
                    let identity = identity.cloned();
                    let task = tasks.spawn(connection(stream, from, identity, router));
                    connections.add(task, standing);
                }
                Err(error) => {
                    warn!(%error, "a connection could not be accepted");
                    connections.close_one();
                    tokio::time::sleep(BREATH).await;
                }
            },
            Some(ended) = tasks.join_next_with_id() => {
                connections.remove(ended.map_or_else(|error| error.id(), |(id, ())| id));
            }
        }
    }
}

/// Returns how many connections a process with so many descriptors may have; 0 is no limit.
fn room(descriptors: u64) -> usize {
    let share = usize::try_from(descriptors / DESCRIPTORS_SHARE).unwrap_or(usize::MAX);
    match share {
        0 => limits::HTTP_CONNECTIONS_MAX,
        share => share.min(limits::HTTP_CONNECTIONS_MAX),
    }
}

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    identity: Option<Identity>,
    router: Router,
) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%from, %error, "answers may come late");
    }
    let Some(identity) = identity else { return http(stream, from, router).await };
    let limit = Duration::from_millis(limits::TLS_HANDSHAKE_MS_MAX);
    match tokio::time::timeout(limit, identity.accept(stream)).await {
        Ok(Ok(stream)) => http(stream, from, router).await,
        Ok(Err(error)) => debug!(%from, %error, "no TLS handshake"),
        Err(_) => debug!(%from, "the TLS handshake took too long"),
    }
}

async fn http<S>(stream: S, from: SocketAddr, router: Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits::HTTP_HEADER_MS_MAX))
        .max_buf_size(limits::HTTP_BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
    if let Err(error) = served {
        debug!(%from, %error, "a connection of the API ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_left_for_the_store_and_the_broker() {
        assert_eq!(room(1_024), 256);
        assert_eq!(room(65_536), limits::HTTP_CONNECTIONS_MAX);
        assert_eq!(room(0), limits::HTTP_CONNECTIONS_MAX);
    }
}

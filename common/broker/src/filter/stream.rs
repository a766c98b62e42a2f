//! The socket with the filter before it: what the client library reads from, over TLS or not.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use futures_lite::{AsyncRead, AsyncWrite, Stream};
use lapin::AsyncTcpStream;
use lapin::tcp::{AMQPUriTcpExt, OwnedTLSConfig};
use lapin::uri::AMQPUri;

use super::contents::Bounds;
use super::frames::{Filter, Output};

/// Bytes of one read, so that what is copied after a defect is bounded.
const READ_BYTES_MAX: usize = 262_144;
/// Reads in a row that leave nothing to pass on; then the client library's loop gets a turn.
const EMPTY_READS_MAX: u32 = 16;

/// A stream whose incoming bytes go through a [`Filter`].
#[derive(Debug)]
pub(crate) struct Filtered<S> {
    inner: S,
    filter: Filter,
    out: Output,
    given: usize,
}

impl<S> Filtered<S> {
    fn new(inner: S, bounds: Bounds) -> Self {
        Self { inner, filter: Filter::new(bounds), out: Output::default(), given: 0 }
    }

    /// Hands out what is ready, and returns how much that was.
    fn give(&mut self, buf: &mut [u8]) -> usize {
        let ready = self.out.rest.get(self.given..).unwrap_or_default();
        let count = ready.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..count), ready.get(..count)) {
            to.copy_from_slice(from);
        }
        self.given += count;
        if self.given >= self.out.rest.len() {
            self.given = 0;
            // Freed, not kept: it is needed once in many reads, and ten thousand idle agents hold nothing.
            self.out.rest = Vec::new();
        }
        count
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Filtered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if !this.out.rest.is_empty() {
            return Poll::Ready(Ok(this.give(buf)));
        }
        let room = buf.len().min(READ_BYTES_MAX);
        for _ in 0..EMPTY_READS_MAX {
            let Some(window) = buf.get_mut(..room) else { break };
            let count = ready!(Pin::new(&mut this.inner).poll_read(cx, window))?;
            if count == 0 {
                return Poll::Ready(Ok(0));
            }
            this.out.passed = 0;
            this.filter.feed(window.get(..count).unwrap_or_default(), &mut this.out);
            if this.out.passed > 0 {
                return Poll::Ready(Ok(this.out.passed));
            }
            if !this.out.rest.is_empty() {
                return Poll::Ready(Ok(this.give(buf)));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Filtered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

/// The reactor of tokio, whose streams are filtered.
#[derive(Debug, Clone)]
pub(crate) struct FilteringReactor {
    base: Tokio,
    bounds: Bounds,
}

type Base = AsyncTcpStream<<Tokio as Reactor>::TcpStream>;

impl Reactor for FilteringReactor {
    type TcpStream = Filtered<Base>;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: Read + Write + AsFd + AsRawFd + Send + 'static>(
        &self,
        socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        self.base.register(socket)
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.base.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.base.interval(duration)
    }

    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        let (connect, bounds) = (self.base.tcp_connect_addr(address), self.bounds);
        async move { Ok(Filtered::new(AsyncTcpStream::Plain(connect.await?), bounds)) }
    }
}

/// The runtime that a filtered connection runs on.
pub(crate) type FilteringRuntime = Runtime<RuntimeParts<Tokio, FilteringReactor>>;

/// Returns a runtime on the current one of tokio.
pub(crate) fn runtime(bounds: Bounds) -> FilteringRuntime {
    let base = Tokio::current();
    Runtime::new(RuntimeParts::new(base.clone(), FilteringReactor { base, bounds }))
}

/// Connects, over TLS where the address asks for it, and puts the filter before what was decrypted.
pub(crate) async fn connect(
    uri: &AMQPUri,
    tls: &OwnedTLSConfig,
    base: &Runtime<Tokio>,
    bounds: Bounds,
) -> io::Result<AsyncTcpStream<Filtered<Base>>> {
    let stream = AMQPUriTcpExt::connect_with_config_async(uri, tls.as_ref(), base).await?;
    Ok(AsyncTcpStream::Plain(Filtered::new(stream, bounds)))
}

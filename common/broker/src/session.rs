//! One connection to the broker. It ends for good: after any error the connector makes a new one.
//!
//! Every wait is bounded by [`limits::BROKER_WAIT_MS_MAX`]; when one runs out the connection is dropped,
//! because a broker that does not answer one call has been seen to answer none.
//!
//! It makes consumers, publishers and declarations, and each of them keeps its connection: what fails in one of them ends
//! the session for all, hence the import circle with `consumer`, `publisher` and `declare`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_lite::{Stream, StreamExt as _};
use lapin::options::{BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions};
use lapin::{Channel, Connection, Event};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::consumer::{Consumer, Start};
use super::declare::{self, Depth};
use super::error::AmqpError;
use super::publisher::Publisher;
use muster_protocol::limits;

/// How often [`Session::closed`] looks by itself, in case that no event tells.
const LOOK_MS: u64 = 5_000;
/// How long a goodbye may take.
const GOODBYE_MS: u64 = 2_000;

type Events = Pin<Box<dyn Stream<Item = Event> + Send>>;

/// One connection; clones share it.
#[derive(Debug, Clone)]
pub struct Session {
    connection: Arc<SharedConnection>,
}

/// What publishers, consumers and deliveries share of a session.
pub(super) struct SharedConnection {
    amqp: Connection,
    events: tokio::sync::Mutex<Events>,
    blocked: watch::Sender<Option<String>>,
    kept: Mutex<Vec<Channel>>,
    gone: CancellationToken,
}

impl fmt::Debug for SharedConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedConnection")
            .field("gone", &self.gone.is_cancelled())
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(connection: Connection) -> Self {
        let events: Events = Box::pin(connection.events_listener());
        let events = tokio::sync::Mutex::new(events);
        let (blocked, gone) = (watch::Sender::new(None), CancellationToken::new());
        let kept = Mutex::default();
        Self {
            connection: Arc::new(SharedConnection {
                amqp: connection,
                events,
                blocked,
                kept,
                gone,
            }),
        }
    }

    /// Returns why the broker blocks this connection, as it changes. It is told to connections that have published, and
    /// kept up to date while [`Session::closed`] is waited for.
    pub fn blocked(&self) -> watch::Receiver<Option<String>> {
        self.connection.blocked.subscribe()
    }

    pub(super) fn connection(&self) -> &SharedConnection {
        &self.connection
    }

    /// Opens a publisher.
    pub async fn publisher(&self) -> Result<Publisher, AmqpError> {
        Publisher::open(Arc::clone(&self.connection)).await
    }

    /// Starts to read a queue, or a stream from `start`, on a channel of its own. At most `prefetch`
    /// deliveries (at least 1) wait to be settled.
    pub async fn consumer(
        &self,
        queue: &str,
        start: Start,
        prefetch: u16,
    ) -> Result<Consumer, AmqpError> {
        let name = lapin::types::ShortString::try_new(queue)
            .map_err(|error| AmqpError::Config(format!("queue name: {error}")))?;
        let judge = |error: lapin::Error| AmqpError::of_channel(&error, queue);
        let channel = self.connection.channel().await?;
        // Streams refuse a consumer without prefetch, and one that counts for the whole channel.
        let options = BasicQosOptions { global: false };
        self.connection
            .bounded(channel.basic_qos(prefetch.max(1), options))
            .await?
            .map_err(judge)?;
        let options = BasicConsumeOptions::default();
        let consume = channel.basic_consume(name, "".into(), options, start.arguments());
        let stream = self.connection.bounded(consume).await?.map_err(judge)?;
        Ok(Consumer::new(Arc::clone(&self.connection), channel, stream, queue))
    }

    /// Returns how many messages and consumers a queue has, by a passive declaration.
    pub async fn depth(&self, queue: &str) -> Result<Depth, AmqpError> {
        declare::depth(&self.connection, queue).await
    }

    /// Resolves when the connection is gone, for whatever reason.
    pub async fn closed(&self) {
        let connection = &self.connection;
        let listen = async {
            let mut events = connection.events.lock().await;
            loop {
                match timeout(Duration::from_millis(LOOK_MS), events.next()).await {
                    Ok(Some(Event::ConnectionBlocked(reason))) => {
                        warn!(%reason, "the broker blocks publishers");
                        connection.blocked.send_replace(Some(reason.clone()));
                    }
                    Ok(Some(Event::ConnectionUnblocked)) => {
                        info!("the broker takes messages again");
                        connection.blocked.send_replace(None);
                    }
                    Ok(Some(_)) | Err(_) => {}
                    Ok(None) => return,
                }
                if !connection.amqp.status().connected() {
                    return;
                }
            }
        };
        if !connection.is_gone() {
            tokio::select! {
                () = connection.gone.cancelled() => {}
                () = listen => connection.drop_connection("closed"),
            }
        }
    }

    /// Closes the connection. Deliveries that are not settled are redelivered.
    pub async fn close(self) {
        let connection = &self.connection;
        let was_gone = connection.is_gone();
        connection.gone.cancel();
        if was_gone {
            return;
        }
        let goodbye = connection.amqp.close(200, "goodbye".into());
        match timeout(Duration::from_millis(GOODBYE_MS), goodbye).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(%error, "goodbye failed"),
            Err(_) => debug!("goodbye took too long"),
        }
    }
}

impl SharedConnection {
    /// Returns whether the connection has ended.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.is_cancelled() || !self.amqp.status().connected()
    }

    /// Resolves when the connection was found gone.
    pub(super) async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// Ends the connection for every task that waits on it.
    pub(super) fn drop_connection(&self, why: &str) {
        if !self.gone.is_cancelled() {
            debug!(why, "connection dropped");
            self.gone.cancel();
        }
    }

    /// Holds a channel open that nothing uses.
    pub(super) fn keep(&self, channel: Channel) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(channel);
    }

    /// Opens a channel.
    pub(super) async fn channel(&self) -> Result<Channel, AmqpError> {
        let opened = self.bounded(self.amqp.create_channel()).await?;
        // A user has a limit of channels: over it the broker closes the connection, `of_channel` says gone.
        opened.map_err(|error| AmqpError::of_channel(&error, ""))
    }

    /// Opens a channel whose publishes are confirmed.
    pub(super) async fn confirmed_channel(&self) -> Result<Channel, AmqpError> {
        let channel = self.channel().await?;
        let select = channel.confirm_select(ConfirmSelectOptions::default());
        self.bounded(select).await?.map_err(|error| AmqpError::of_channel(&error, ""))?;
        Ok(channel)
    }

    /// Waits for the broker, but not without end: when the time is up, or the connection went meanwhile, it
    /// is dropped and the answer is [`AmqpError::Gone`]. While the broker says that it blocks publishers
    /// (memory or disk alarm) it is alive, so the wait goes on up to [`limits::BROKER_BLOCKED_MS_MAX`].
    pub(super) async fn bounded<T>(
        &self,
        call: impl Future<Output = T> + Send,
    ) -> Result<T, AmqpError> {
        let expiry = async {
            let mut waited_ms = 0;
            loop {
                tokio::time::sleep(Duration::from_millis(limits::BROKER_WAIT_MS_MAX)).await;
                waited_ms += limits::BROKER_WAIT_MS_MAX;
                let blocked = self.amqp.status().blocked();
                if !blocked || waited_ms >= limits::BROKER_BLOCKED_MS_MAX {
                    return waited_ms;
                }
            }
        };
        tokio::select! {
            biased;
            answer = call => Ok(answer),
            () = self.gone.cancelled() => Err(AmqpError::Gone("the connection was dropped".to_owned())),
            waited_ms = expiry => {
                self.drop_connection("no answer in time");
                Err(AmqpError::Gone(format!("the broker did not answer for {waited_ms} ms")))
            }
        }
    }
}

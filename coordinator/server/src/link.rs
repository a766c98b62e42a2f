//! The coordinator's life with the broker: connect, publish what is owed, consume results, again.
//!
//! Each part has a connection and a reconnect loop of its own: the requests that are published, the stream
//! that is read for their offsets, each class of results, and the results that were set aside. What ends one
//! connection stops no other part.

use muster_broker::{AmqpError, Connector, ConnectorConfig, Publisher, Session, Start};
use muster_protocol::limits::{AMQP_BODY_BYTES_MAX, REQUEST_PREFETCH};
use muster_protocol::topology::{Class, HELD, REQUESTS};
use muster_runtime::retry::{self, Retry};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::core::Core;
use crate::hunts::publish::publish;
use crate::ingest::{self, IngestError, held};
use crate::store::Write;

/// What one connection is for.
#[derive(Debug, Clone, Copy)]
enum Part {
    /// Publishes requests. Its connection is the one that health reports.
    Requests,
    /// Reads the stream of requests for their offsets.
    Offsets,
    /// Consumes one class of results.
    Results(Class),
    /// Takes back the results that were set aside.
    Held,
}

impl Part {
    /// Returns the word that the broker shows in the name of its connection.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => REQUESTS,
            Self::Offsets => "offsets",
            Self::Results(class) => class.as_str(),
            Self::Held => "held",
        }
    }

    /// Returns the queue that is not read while its connection is down.
    const fn queue(self) -> Option<&'static str> {
        match self {
            Self::Requests => None,
            Self::Offsets => Some(REQUESTS),
            Self::Results(class) => Some(class.queue()),
            Self::Held => Some(HELD),
        }
    }

    fn config(self, base: &ConnectorConfig) -> ConnectorConfig {
        let body_bytes_max = match self {
            Self::Requests | Self::Offsets => AMQP_BODY_BYTES_MAX,
            Self::Results(class) => class.message_bytes_max(),
            Self::Held => Class::ALL.map(Class::message_bytes_max).into_iter().fold(0, u64::max),
        };
        // The buffers of a connection are 64 frames: large ones only where large messages come.
        let frame_max = match self {
            Self::Results(Class::Rows | Class::Blobs) | Self::Held => base.frame_max,
            _ => base.frame_max.min(ConnectorConfig::FRAME_MAX_AGENT),
        };
        ConnectorConfig {
            name: format!("{} {}", base.name, self.as_str()),
            body_bytes_max,
            frame_max,
            ..base.clone()
        }
    }

    /// Notes whether the part works, and why not.
    fn note(self, core: &Core, trouble: Option<String>) {
        match (self.queue(), trouble) {
            (Some(queue), trouble) => core.set_reading(queue, trouble),
            (None, Some(cause)) => core.set_link(None, Some(cause)),
            // Reported with its publisher, when there is one.
            (None, None) => {}
        }
    }
}

/// Runs until it is told to stop.
pub async fn run(core: &Core, config: ConnectorConfig, stop: CancellationToken) {
    let part = |part| Box::pin(keep(core, &config, &stop, part));
    tokio::join!(
        part(Part::Requests),
        part(Part::Offsets),
        part(Part::Results(Class::Status)),
        part(Part::Results(Class::Rows)),
        part(Part::Results(Class::Blobs)),
        part(Part::Results(Class::Telemetry)),
        part(Part::Held),
    );
}

/// Keeps one part connected until it is told to stop.
async fn keep(core: &Core, config: &ConnectorConfig, stop: &CancellationToken, part: Part) {
    let mut link = Connector::new(part.config(config));
    // `doctor` says what a person must change, not only that there is no connection.
    let tell = |problem: &AmqpError| part.note(core, Some(problem.to_string()));
    while let Some(session) = link.connect_telling(stop, tell).await {
        part.note(core, None);
        let ended = tokio::select! {
            () = stop.cancelled() => break,
            ended = live(core, &session, part) => ended,
        };
        let cause =
            ended.err().map_or_else(|| "the connection ended".to_owned(), |e| e.to_string());
        warn!(part = part.as_str(), error = %cause, "the session with the broker ended");
        part.note(core, Some(cause));
        session.close().await;
    }
    part.note(core, Some("stopped".to_owned()));
}

/// One life of a connection; ends with the first thing that goes wrong.
async fn live(core: &Core, session: &Session, part: Part) -> Result<(), IngestError> {
    let publisher = match part {
        Part::Offsets => None,
        // Of its own: a class whose dead letters cannot be published waits alone.
        Part::Requests | Part::Results(_) | Part::Held => Some(session.publisher().await?),
    };
    let work = async {
        match (part, &publisher) {
            (Part::Results(class), Some(publisher)) => {
                ingest::run(core, session, publisher, class).await
            }
            (Part::Held, Some(publisher)) => held::take_back(core, session, publisher).await,
            (Part::Requests, Some(publisher)) => {
                core.set_link(Some(publisher.clone()), None);
                info!("connected to the broker");
                tokio::select! {
                    () = publish_pending(core, publisher) => {}
                    () = blocked(core, session) => {}
                }
                Ok(())
            }
            _ => offsets(core, session).await,
        }
    };
    tokio::select! {
        ended = work => ended,
        () = session.closed() => Ok(()),
    }
}

/// Hands on whether the broker blocks our connection.
async fn blocked(core: &Core, session: &Session) {
    let mut blocked = session.blocked();
    loop {
        core.broker.told(blocked.borrow_and_update().clone(), core.clock.now());
        if blocked.changed().await.is_err() {
            return;
        }
    }
}

/// Publishes what the broker has not confirmed, for as long as the session lives. What has expired is owed to nobody.
async fn publish_pending(core: &Core, publisher: &Publisher) {
    loop {
        let now = core.clock.now();
        match core.read(move |reader| reader.unpublished(now)).await {
            // A connection that publishes now would be stopped, and its acks with it.
            Ok(_) if core.broker.blocked().is_some() => {}
            Ok(requests) => {
                // Whoever has the turn does the work.
                for turn in
                    requests.iter().filter_map(|request| core.publish_locks.take(request.id))
                {
                    if let Err(problem) = publish(core, publisher, &turn).await {
                        debug!(?turn, error = %problem, "not published yet");
                    }
                }
            }
            Err(problem) => warn!(error = %problem, "cannot look for requests that are owed"),
        }
        tokio::time::sleep(retry::OWED.first()).await;
    }
}

/// Reads the stream to learn where each request lies: an agent's offset is its receipt for all before it.
async fn offsets(core: &Core, session: &Session) -> Result<(), IngestError> {
    let mut retry = Retry::new(retry::STREAM);
    let mut consumer = loop {
        match session.consumer(REQUESTS, Start::StreamFirst, REQUEST_PREFETCH).await {
            Ok(consumer) => break consumer,
            // Shortly after a restart of the broker a stream may not be found.
            Err(AmqpError::Missing { .. }) => tokio::time::sleep(retry.pause()).await,
            Err(error) => return Err(error.into()),
        }
    };
    loop {
        let delivery = consumer.next().await?;
        if let (Some(offset), Ok(id)) = (delivery.stream_offset, delivery.id.parse()) {
            core.writer.write(Write::Offset(id, offset)).await?;
        }
        delivery.settle.ack().await?;
    }
}

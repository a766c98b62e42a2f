//! The coordinator's life with the broker: connect, publish what is owed, consume results, again.

use std::time::Duration;

use common::amqp::{AmqpError, Link, LinkConfig, Publisher, Session, Start};
use common::limits::REQUEST_PREFETCH;
use common::topology::{Class, REQUESTS};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::core::Core;
use crate::hunts::publish::publish;
use crate::ingest::{self, IngestError};
use crate::store::Write;

/// Requests that are owed to the broker are looked for so often.
const OWED_EVERY: Duration = Duration::from_secs(5);

/// Runs until it is told to stop.
pub async fn run(core: &Core, config: LinkConfig, stop: CancellationToken) {
    let mut link = Link::new(config);
    // `doctor` says what a person must change, not only that there is no connection.
    let tell = |problem: &AmqpError| core.set_link(None, Some(problem.to_string()));
    while let Some(session) = link.connect_telling(&stop, tell).await {
        let ended = tokio::select! {
            () = stop.cancelled() => break,
            ended = live(core, &session) => ended,
        };
        let cause =
            ended.err().map_or_else(|| "the connection ended".to_owned(), |e| e.to_string());
        warn!(error = %cause, "the session with the broker ended");
        core.set_link(None, Some(cause));
        session.close().await;
    }
    core.set_link(None, Some("stopped".to_owned()));
}

/// One life of the connection; ends with the first thing that goes wrong.
async fn live(core: &Core, session: &Session) -> Result<(), IngestError> {
    let publisher = session.publisher().await?;
    core.set_link(Some(publisher.clone()), None);
    info!("connected to the broker");
    let results = |class| ingest::run(core, session, &publisher, class);
    tokio::select! {
        ended = results(Class::Status) => ended,
        ended = results(Class::Rows) => ended,
        ended = results(Class::Blobs) => ended,
        ended = results(Class::Telemetry) => ended,
        ended = offsets(core, session) => ended,
        () = owed(core, &publisher) => Ok(()),
        () = blocked(core, session) => Ok(()),
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
async fn owed(core: &Core, publisher: &Publisher) {
    loop {
        let now = core.clock.now();
        match core.read(move |reader| reader.unpublished(now)).await {
            // A connection that publishes now would be stopped, and its acks with it.
            Ok(_) if core.broker.blocked().is_some() => {}
            Ok(requests) => {
                // Whoever has the turn does the work.
                for turn in requests.iter().filter_map(|request| core.turns.take(request.id)) {
                    if let Err(problem) = publish(core, publisher, &turn).await {
                        debug!(?turn, error = %problem, "not published yet");
                    }
                }
            }
            Err(problem) => warn!(error = %problem, "cannot look for requests that are owed"),
        }
        tokio::time::sleep(OWED_EVERY).await;
    }
}

/// Reads the stream to learn where each request lies: an agent's offset is its receipt for all before it.
async fn offsets(core: &Core, session: &Session) -> Result<(), IngestError> {
    let mut consumer = loop {
        match session.consumer(REQUESTS, Start::StreamFirst, REQUEST_PREFETCH).await {
            Ok(consumer) => break consumer,
            // Shortly after a restart of the broker a stream may not be found.
            Err(AmqpError::Missing { .. }) => tokio::time::sleep(Duration::from_secs(1)).await,
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

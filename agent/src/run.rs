//! One agent from its configuration to its end: connects again and again, and works in between.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use muster_broker::{AmqpError, Connector, Session};
use muster_profiler::{Scope, Tag, tag};
use muster_runtime::lock::LockError;
use muster_runtime::process::{CostSource, Meter};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::Config;
use crate::core::{Core, Parts};
use crate::dispatch::dispatch;
use crate::hash_cache::HashCache;
use crate::journal::{Journal, JournalError};
use crate::runner::Collectors;
use crate::{outbox, private, reader, telemetry};

/// Why an agent cannot run.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The folder of the journal.
    #[error(
        "cannot use the state folder {folder}\n  cause: {cause}\n  try:   make it writable for this user alone (chmod go-w), or set state_dir in agent.toml"
    )]
    StateFolder {
        /// Where.
        folder: String,
        /// Why.
        cause: std::io::Error,
    },
    /// Another process runs this agent.
    #[error("this agent runs already\n  cause: {cause}\n  try:   {}", cause.hint(.folder))]
    Running {
        /// Where its state lies.
        folder: PathBuf,
        /// Which process.
        cause: JournalError,
    },
    /// The journal.
    #[error("cannot open the journal in {}\n  cause: {cause}\n  try:   {}", folder.display(), cause.hint(.folder))]
    Journal {
        /// Where.
        folder: PathBuf,
        /// Why.
        cause: JournalError,
    },
}

impl AgentError {
    pub(crate) fn of_journal(folder: &Path, cause: JournalError) -> Self {
        let folder = folder.to_owned();
        match cause {
            JournalError::Lock(LockError::Taken { .. }) => Self::Running { folder, cause },
            cause => Self::Journal { folder, cause },
        }
    }
}

/// How long the outbox may empty itself at the end.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// The whole time that an end may take.
const SHUTDOWN: Duration = Duration::from_secs(2);
/// Pause after a connection that broke, before the link's own backoff.
const BREATH: Duration = Duration::from_millis(200);
/// How often old ids are forgotten.
const PRUNE: Duration = Duration::from_hours(1);

/// Runs an agent until `stop` is ready.
pub async fn run(config: Config, stop: impl Future<Output = ()>) -> Result<(), AgentError> {
    let tag = Tag::new(config.agent.clone(), None);
    let core = Arc::new(assemble(&config)?);
    tag::within(&tag, Box::pin(work_until(stop, core, &config))).await;
    Ok(())
}

async fn work_until(stop: impl Future<Output = ()>, core: Arc<Core>, config: &Config) {
    let token = CancellationToken::new();
    let is_idle = CancellationToken::new();
    let lanes = async {
        dispatch(Arc::clone(&core), token.clone()).await;
        is_idle.cancel();
    };
    let lanes = core.tasks.watch("lanes", lanes);
    let connected = connected(&core, config, &token, &is_idle);
    let connected = core.tasks.watch("connection", connected);
    let mut work = pin!(async { tokio::join!(lanes, connected) });
    tokio::select! {
        () = stop => {}
        _ = &mut work => {}
    }
    info!(agent = %core.agent, "shutting down");
    token.cancel();
    if timeout(SHUTDOWN, work).await.is_err() {
        warn!(agent = %core.agent, "not everything ended in time; the journal has the rest");
    }
}

fn assemble(config: &Config) -> Result<Core, AgentError> {
    let folder = config.state_dir.display().to_string();
    private::folder(&config.state_dir)
        .map_err(|cause| AgentError::StateFolder { folder, cause })?;
    let broken = |cause| AgentError::of_journal(&config.state_dir, cause);
    let identity = &config.identity;
    let firmware_id = identity.firmware_id.as_deref();
    let journal =
        Journal::open(&config.state_dir, &identity.machine_id, firmware_id).map_err(broken)?;
    info!(agent = %config.agent, journal = %journal.id(), "journal open");
    if let Some(cause) = journal.moved() {
        warn!(agent = %config.agent, journal = %journal.id(), cause,
            "the journal belongs elsewhere: it goes on under a new id, what is owed is done again");
    }
    for (key, rule) in config.policy.absent() {
        warn!(key, rule = ?rule, "a rule of policy.toml names a folder that does not exist");
    }
    for word in config.policy.unknown_words() {
        warn!(word, "policy.toml allows something that this agent does not know");
    }
    let parts = Parts {
        agent: config.agent.clone(),
        fleet: config.fleet,
        root: config.root,
        identity: config.identity.clone(),
        labels: config.labels.clone(),
        policy: config.policy.clone(),
        clock: config.clock.clone(),
        journal,
    };
    let agent = config.agent.clone();
    let scope =
        if config.shares_process { Scope::Agent(agent) } else { Scope::AgentAndUntagged(agent) };
    let collectors = Collectors { scope, clock: config.clock.clone(), sampler: telemetry::sample };
    let mut core = Core::new(parts, Box::new(collectors)).map_err(broken)?;
    let cache = HashCache::new(config.state_dir.clone(), config.identity.machine_id.clone());
    core.cache = Some(Arc::new(cache));
    core.resume().map_err(broken)?;
    Ok(core)
}

async fn connected(
    core: &Core,
    config: &Config,
    stop: &CancellationToken,
    is_idle: &CancellationToken,
) {
    let mut link = Connector::new(config.link.clone());
    let mut cost =
        if config.shares_process { CostSource::Shared } else { CostSource::Own(Meter::default()) };
    while let Some(session) = link.connect(stop).await {
        info!(agent = %core.agent, "connected");
        match serve(core, config, &session, &mut cost, is_idle).await {
            Ok(()) => return session.close().await,
            Err(error) => warn!(agent = %core.agent, %error, "connection lost"),
        }
        drop(session);
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(BREATH) => {}
        }
    }
}

/// Works on one connection. `Ok` is the end of the agent, an error that of the connection.
async fn serve(
    core: &Core,
    config: &Config,
    session: &Session,
    cost: &mut CostSource,
    is_idle: &CancellationToken,
) -> Result<(), AmqpError> {
    let publisher = session.publisher().await?;
    let interval = Duration::from_millis(config.telemetry_ms);
    let quiet = Duration::from_millis(config.quiet_ms);
    tokio::select! {
        () = last_words(core, is_idle) => Ok(()),
        () = session.closed() => Err(AmqpError::Gone("the broker closed it".to_owned())),
        error = core.tasks.watch("outbox", outbox::publish(core, &publisher)) => Err(error),
        error = core.tasks.watch("reader", reader::read(core, session, quiet)) => Err(error),
        error = core.tasks.watch("telemetry", telemetry::publish(core, &publisher, cost, interval)) => Err(error),
        () = core.tasks.watch("prune", prune(core)) => Ok(()),
    }
}

/// Ends when the agent is idle for good and its outbox is empty, or has had its time.
async fn last_words(core: &Core, is_idle: &CancellationToken) {
    is_idle.cancelled().await;
    let mut left = LAST_WORDS;
    let step = Duration::from_millis(10);
    while core.journal.outbox_size().0 > 0 && !left.is_zero() {
        sleep(step).await;
        left = left.saturating_sub(step);
    }
}

async fn prune(core: &Core) {
    loop {
        if let Err(problem) = core.journal.prune(core.now()) {
            warn!(error = %problem, "old ids are not forgotten yet");
        }
        sleep(PRUNE).await;
    }
}

//! What every part of the running coordinator shares.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use muster_broker::Publisher;
use muster_protocol::clock::Clock;
use muster_protocol::ids::{JournalId, RequestId};
use muster_protocol::limits::{
    BLOB_ASSEMBLIES_MAX, PROFILE_LANES, PROFILE_VIEWS_MAX, ROWS_LOOKS_MAX, STORE_READERS_IDLE_MAX,
};
use muster_protocol::request::sign::Trust;
use muster_runtime::tasks::Tasks;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::broker::management::Management;
use crate::config::Config;
use crate::live::counters::IngestCounters;
use crate::live::dead_letter_budget::DeadLetterBudget;
use crate::live::fleet_minutes::FleetMinutes;
use crate::live::held::Held;
use crate::live::misdeeds::Misdeeds;
use crate::live::overviews::Overviews;
use crate::live::parts::Parts;
use crate::live::publish_locks::PublishLocks;
use crate::live::shares::Shares;
use crate::live::tallies::Tallies;
use crate::live::topics::Topics;
use crate::live::watched::Watched;
use crate::rows::held::HeldRows;
use crate::store::fleet::Roster;
use crate::store::{DataDir, Reader, StoreError, Writer};
use muster_api::BrokerHealth;

/// Scans of everything that has landed at once.
const SCANS_MAX: usize = 1;

/// Shared by the API, the link to the broker and the ingest.
#[derive(Debug)]
pub struct Core {
    /// What it was told.
    pub config: Config,
    /// Where the store lies.
    pub place: DataDir,
    /// The one writer.
    pub writer: Writer,
    /// Every agent with its latest sample: it follows the writer's commits.
    pub roster: Arc<Roster>,
    /// The broker's management API.
    pub management: Management,
    /// What is known of the broker beside the link.
    pub broker: crate::live::broker_health::Health,
    /// Time.
    pub clock: Clock,
    /// The owner of every task.
    pub tasks: Tasks,
    /// What came in, for `/metrics`.
    pub counters: IngestCounters,
    /// What was kept of each agent's dead letters.
    pub dead_letter_budget: DeadLetterBudget,
    /// What each agent may have taken of it a second.
    pub shares: Shares,
    /// Each agent's dead letters of the running minute.
    pub misdeeds: Misdeeds,
    /// Agents in quarantine, and those of which results were set aside.
    pub held: Held,
    /// The fleet in its last minutes.
    pub fleet_minutes: FleetMinutes,
    /// Hunts that are being watched.
    pub watched: Watched,
    /// What event streams follow.
    pub topics: Arc<Topics>,
    /// The first page as it was last made.
    pub overviews: Overviews,
    /// What is kept between two answers with rows.
    pub rows: HeldRows,
    /// Answers that look through rows: few at once.
    pub row_looks: Semaphore,
    /// What hunts and profiles came to when they were last counted.
    pub tallies: Tallies,
    /// The parts of the hunts that were asked for last.
    pub parts: Parts,
    /// Scans of everything that has landed: few at once.
    pub scans: Arc<Semaphore>,
    /// Blobs that are put together: few at once.
    pub assemblies: Semaphore,
    /// Profiles of the coordinator itself: few at once.
    pub profiles: Semaphore,
    /// Views of profiles: few at once. Held by the work itself, which goes on when its client has gone.
    pub views: Arc<Semaphore>,
    /// Requests that are being published.
    pub publish_locks: PublishLocks,
    /// Requests to the coordinator itself that it carries out, and how each is cancelled.
    pub self_profiles: Mutex<BTreeMap<RequestId, CancellationToken>>,
    /// The life of this process, under which its own results and telemetry go.
    pub journal: JournalId,
    readers: Arc<Mutex<Vec<Reader>>>,
    trust: RwLock<Trust>,
    publisher: Mutex<Option<Publisher>>,
    health: Mutex<BrokerHealth>,
    /// Queues that are not read now, and why not.
    unread: Mutex<BTreeMap<&'static str, String>>,
}

impl Core {
    /// Puts the parts together; nothing runs yet.
    pub fn new(
        config: Config,
        place: DataDir,
        writer: Writer,
        management: Management,
        trust: Trust,
        tasks: Tasks,
    ) -> Self {
        let clock = Clock::system();
        let health = BrokerHealth {
            connected: false,
            address: muster_protocol::address::joined(
                &config.file.broker.host,
                config.file.broker.port,
            ),
            since: clock.now().into(),
            cause: Some("not connected yet".to_owned()),
            blocked: None,
        };
        Self {
            config,
            place,
            roster: Arc::clone(writer.news().roster()),
            writer,
            management,
            broker: crate::live::broker_health::Health::default(),
            clock,
            tasks,
            counters: IngestCounters::default(),
            dead_letter_budget: DeadLetterBudget::default(),
            shares: Shares::default(),
            misdeeds: Misdeeds::default(),
            held: Held::default(),
            fleet_minutes: FleetMinutes::default(),
            watched: Watched::default(),
            topics: Arc::default(),
            overviews: Overviews::default(),
            rows: HeldRows::default(),
            row_looks: Semaphore::new(ROWS_LOOKS_MAX),
            tallies: Tallies::default(),
            parts: Parts::default(),
            scans: Arc::new(Semaphore::new(SCANS_MAX)),
            assemblies: Semaphore::new(BLOB_ASSEMBLIES_MAX),
            profiles: Semaphore::new(PROFILE_LANES),
            views: Arc::new(Semaphore::new(PROFILE_VIEWS_MAX)),
            publish_locks: PublishLocks::default(),
            self_profiles: Mutex::default(),
            journal: JournalId::new(),
            readers: Arc::default(),
            trust: RwLock::new(trust),
            publisher: Mutex::new(None),
            health: Mutex::new(health),
            unread: Mutex::default(),
        }
    }

    /// Runs a reading function on a thread that may block.
    pub async fn read<T, E>(
        &self,
        function: impl FnOnce(&Reader) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let place = self.place.clone();
        let readers = Arc::clone(&self.readers);
        let read = move || {
            // A reader that is open needs no descriptors: questions are answered though none is left.
            let open = lock(&readers).pop();
            let reader = open.map_or_else(|| place.reader(), Ok)?;
            let answer = function(&reader);
            let mut readers = lock(&readers);
            if readers.len() < STORE_READERS_IDLE_MAX {
                readers.push(reader);
            }
            answer
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(result) => result,
            Err(problem) => Err(StoreError::Broken(format!("a reader died: {problem}")).into()),
        }
    }

    /// Runs work on what is in memory on a thread that may block: the one that answers must not.
    pub async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let made = tokio::task::spawn_blocking(work).await;
        made.map_err(|problem| StoreError::Broken(format!("an answer died: {problem}")))
    }

    /// Runs the making of a view on a thread that may block, a few at once.
    pub async fn view<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.views).acquire_owned().await;
        let permit = permit.map_err(|_| StoreError::Ended)?;
        let work = move || {
            let made = work();
            drop(permit);
            made
        };
        let made = tokio::task::spawn_blocking(work).await;
        made.map_err(|problem| StoreError::Broken(format!("a view died: {problem}")))
    }

    /// Returns what is trusted now.
    pub fn trust(&self) -> Trust {
        self.trust.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes trust from keys, permanently.
    pub fn revoke(&self, keys: &[muster_protocol::ids::KeyId]) {
        self.trust.write().unwrap_or_else(PoisonError::into_inner).revoked.extend(keys);
    }

    /// Returns the way to publish, while the broker is there.
    pub fn publisher(&self) -> Option<Publisher> {
        self.publisher.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets how the link to the broker is.
    pub fn set_link(&self, publisher: Option<Publisher>, cause: Option<String>) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        if health.connected != publisher.is_some() {
            health.since = self.clock.now().into();
        }
        health.connected = publisher.is_some();
        if publisher.is_none() {
            self.broker.away(self.clock.now());
        }
        health.cause = cause;
        *self.publisher.lock().unwrap_or_else(PoisonError::into_inner) = publisher;
    }

    /// Notes that a queue is read, or why it is not.
    pub fn set_reading(&self, queue: &'static str, trouble: Option<String>) {
        let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(trouble) => drop(unread.insert(queue, trouble)),
            None => drop(unread.remove(queue)),
        }
    }

    /// Returns how the link to the broker is. `connected` is that of requests; while a queue is not read, the
    /// cause names it.
    pub fn health(&self) -> BrokerHealth {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        if health.connected && !unread.is_empty() {
            let named = unread.iter().map(|(queue, why)| format!("{queue} is not read: {why}"));
            health.cause = Some(named.collect::<Vec<_>>().join("; "));
        }
        BrokerHealth { blocked: self.broker.blocked(), ..health }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! What commits have changed, for those who keep something in memory; and what agents last reported of their running collections.
//!
//! The writer tells it of each commit, in order, before it tells who waits for the write. So what is read here is never older than
//! an answer that was given. Samples are not written into any read model: ten thousand agents send a thousand a second.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::limits::{SAMPLED_REQUESTS_MAX, WATCHED_CHANGES_MAX};
use muster_protocol::result::{CollectionSample, Telemetry};

use super::collections::touched::Changed;
use super::{Reader, StoreError, summaries};

/// What an agent last reported of itself, as far as hunts and profiles show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// When it came, by the coordinator's clock.
    pub received: Timestamp,
    /// Name of its machine.
    pub host: String,
    /// What waits or runs there.
    pub collections: Vec<CollectionSample>,
}

impl Heard {
    /// Returns what it shows of a request.
    pub fn sample(&self, request: &RequestId) -> Option<&CollectionSample> {
        self.collections.iter().find(|sample| sample.request == *request)
    }
}

/// The last report of every agent.
pub type Fleet = BTreeMap<AgentId, Heard>;

/// What commits have changed.
#[derive(Debug)]
pub struct News {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the last commit.
    last: u64,
    fleet: Fleet,
    /// The last commit with a sample that showed a request, or showed it no more.
    sampled: BTreeMap<RequestId, u64>,
    watched: BTreeMap<RequestId, Vec<Weak<Mutex<Pending>>>>,
}

/// What has changed of a request since it was last asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pending {
    /// Agents whose parts have changed, or whose samples show something else of it.
    pub parts: BTreeSet<AgentId>,
    /// There were too many to remember: any part may have changed.
    pub is_any: bool,
    /// What is known of the request itself has changed.
    pub is_request: bool,
}

impl Pending {
    /// Returns whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && !self.is_any && !self.is_request
    }

    fn part(&mut self, agent: &AgentId) {
        if self.parts.len() >= WATCHED_CHANGES_MAX {
            self.is_any = true;
            self.parts.clear();
        }
        if !self.is_any {
            self.parts.insert(agent.clone());
        }
    }
}

/// Gathers what changes of one request, until it is dropped.
#[derive(Debug)]
pub struct Interest(Arc<Mutex<Pending>>);

impl Interest {
    /// Takes what has changed since the last time.
    pub fn take(&self) -> Pending {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl News {
    /// Begins with what is stored.
    pub(super) fn load(reader: &Reader) -> Result<Self, StoreError> {
        let mut state =
            State { last: summaries::last_change(&reader.connection)?, ..State::default() };
        for agent in reader.agents()? {
            let Some((received, sample)) = agent.heard else { continue };
            let at = number(received);
            state.last = state.last.max(at);
            for collection in &sample.collections {
                let last = state.sampled.entry(collection.request).or_default();
                *last = at.max(*last);
            }
            let (host, collections) = (sample.host, sample.collections);
            state.fleet.insert(agent.id, Heard { received, host, collections });
        }
        Ok(Self { state: RwLock::new(state) })
    }

    /// Returns the number of a commit that is about to be made. Numbers only grow, also over restarts: they are milliseconds of the
    /// clock, or the next free ones.
    pub(super) fn number(&self, now: Timestamp) -> u64 {
        number(now).max(self.read().last.saturating_add(1))
    }

    /// Takes note of a commit.
    pub(super) fn publish<'a>(
        &self,
        change: u64,
        now: Timestamp,
        changed: &Changed,
        samples: impl Iterator<Item = &'a Telemetry>,
    ) {
        let mut state = self.write();
        state.last = state.last.max(change);
        for request in &changed.requests {
            state.tell(request, |pending| pending.is_request = true);
        }
        for (request, agent) in &changed.parts {
            state.tell(request, |pending| pending.part(agent));
        }
        for sample in samples {
            state.heard(sample, now, change);
        }
    }

    /// Returns the number of the last commit.
    pub fn last(&self) -> u64 {
        self.read().last
    }

    /// Returns the last report of every agent. Nothing is committed while it is held: keep it for milliseconds.
    pub fn fleet(&self) -> impl std::ops::Deref<Target = Fleet> {
        FleetGuard(self.read())
    }

    /// Returns the last commit with a sample that concerned a request; 0 where there was none.
    pub fn sampled(&self, request: &RequestId) -> u64 {
        self.read().sampled.get(request).copied().unwrap_or(0)
    }

    /// Begins to gather what changes of a request. What is read after this call and then brought up to date with what is gathered
    /// misses nothing.
    pub fn watch(&self, request: RequestId) -> Interest {
        let pending = Arc::new(Mutex::new(Pending::default()));
        let mut state = self.write();
        let interests = state.watched.entry(request).or_default();
        interests.push(Arc::downgrade(&pending));
        Interest(pending)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

struct FleetGuard<'a>(RwLockReadGuard<'a, State>);

impl std::ops::Deref for FleetGuard<'_> {
    type Target = Fleet;

    fn deref(&self) -> &Fleet {
        &self.0.fleet
    }
}

impl State {
    fn tell(&mut self, request: &RequestId, what: impl Fn(&mut Pending)) {
        let Some(interests) = self.watched.get_mut(request) else { return };
        interests.retain(|interest| {
            let Some(pending) = interest.upgrade() else { return false };
            what(&mut pending.lock().unwrap_or_else(PoisonError::into_inner));
            true
        });
        if interests.is_empty() {
            self.watched.remove(request);
        }
    }

    fn heard(&mut self, sample: &Telemetry, received: Timestamp, change: u64) {
        // The coordinator's own sample is of no agent on the roster.
        if sample.agent == AgentId::coordinator() {
            return;
        }
        let (host, collections) = (sample.host.clone(), sample.collections.clone());
        let new = Heard { received, host, collections };
        let held = self.fleet.insert(sample.agent.clone(), new);
        // The name of a machine is shown of every part whose status had none.
        if held.as_ref().is_none_or(|held| held.host != sample.host) {
            let watched: Vec<_> = self.watched.keys().copied().collect();
            for request in watched {
                self.tell(&request, |pending| pending.part(&sample.agent));
            }
        }
        let held = held.iter().flat_map(|held| &held.collections);
        let shown: BTreeSet<RequestId> =
            held.chain(&sample.collections).map(|sample| sample.request).collect();
        for request in shown {
            self.tell(&request, |pending| pending.part(&sample.agent));
            self.sampled.insert(request, change);
        }
        while self.sampled.len() > SAMPLED_REQUESTS_MAX {
            let oldest = self.sampled.iter().min_by_key(|(_, at)| **at).map(|(id, _)| *id);
            let Some(oldest) = oldest else { break };
            self.sampled.remove(&oldest);
        }
    }
}

fn number(at: Timestamp) -> u64 {
    u64::try_from(at.0).unwrap_or(0)
}

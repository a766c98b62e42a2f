//! What commits have changed, for those who keep something in memory: the roster follows them first, then those who watch a request.
//!
//! The writer tells it of each commit, in order, before it tells who waits for the write. So what is read here is never older than
//! an answer that was given. Samples are not written into any read model: ten thousand agents send a thousand a second.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::limits::{SAMPLED_REQUESTS_MAX, WATCHED_CHANGES_MAX};
use muster_protocol::result::Telemetry;
use tracing::error;

use super::collections::touched::Changed;
use super::fleet::{Fleet, Reported, Roster};
use super::{Reader, StoreError, summaries};

/// What commits have changed.
#[derive(Debug)]
pub struct News {
    roster: Arc<Roster>,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the last commit.
    last: u64,
    /// Agents that the roster could not read again after a commit: they are with the next.
    behind: BTreeSet<AgentId>,
    /// The last commit with a sample that showed a request, or showed it no more.
    sampled: BTreeMap<RequestId, u64>,
    watched: BTreeMap<RequestId, Vec<Weak<Mutex<Pending>>>>,
}

/// A commit, as far as something in memory follows it.
#[derive(Debug)]
pub(super) struct Commit<'a> {
    /// Its number.
    pub(super) number: u64,
    /// When it was made.
    pub(super) at: Timestamp,
    /// What it has changed of the read models.
    pub(super) changed: &'a Changed,
    /// Agents of which it has changed more than the latest sample.
    pub(super) agents: BTreeSet<AgentId>,
    /// The samples that it has stored.
    pub(super) samples: Vec<&'a Telemetry>,
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
        let roster = Arc::new(Roster::load(reader)?);
        let mut state =
            State { last: summaries::last_change(&reader.connection)?, ..State::default() };
        for (received, sample) in
            roster.fleet().values().filter_map(|known| known.agent.heard.as_ref())
        {
            let at = number(*received);
            state.last = state.last.max(at);
            for collection in &sample.collections {
                let last = state.sampled.entry(collection.request).or_default();
                *last = at.max(*last);
            }
        }
        Ok(Self { roster, state: RwLock::new(state) })
    }

    /// Returns the roster, which follows the commits.
    pub fn roster(&self) -> &Arc<Roster> {
        &self.roster
    }

    /// Returns the number of a commit that is about to be made. Numbers only grow, also over restarts: they are milliseconds of the
    /// clock, or the next free ones.
    pub(super) fn number(&self, now: Timestamp) -> u64 {
        number(now).max(self.read().last.saturating_add(1))
    }

    /// Takes note of a commit, which `store` sees.
    pub(super) fn publish(&self, store: &Reader, commit: Commit<'_>) {
        let Commit { number, at, changed, mut agents, samples } = commit;
        agents.append(&mut self.write().behind);
        let reported = match self.roster.follow(store, agents.clone(), &samples, at) {
            Ok(reported) => reported,
            Err(problem) => {
                agents.extend(samples.iter().map(|sample| sample.agent.clone()));
                let count = agents.len();
                error!(error = %problem, agents = count, "agents cannot be read again after a commit; they are with the next");
                self.write().behind = agents;
                Vec::new()
            }
        };
        let mut state = self.write();
        state.last = state.last.max(number);
        for request in &changed.requests {
            state.tell(request, |pending| pending.is_request = true);
        }
        for (request, agent) in &changed.parts {
            state.tell(request, |pending| pending.part(agent));
        }
        for reported in &reported {
            state.heard(reported, number);
        }
    }

    /// Returns the number of the last commit.
    pub fn last(&self) -> u64 {
        self.read().last
    }

    /// Returns every agent with its last report. Nothing is committed while it is held: keep it for milliseconds.
    pub fn fleet(&self) -> impl Deref<Target = Fleet> {
        self.roster.fleet()
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

    fn heard(&mut self, Reported { before, after }: &Reported, change: u64) {
        let agent = &after.agent.id;
        // The name of a machine is shown of every part whose status had none.
        if before.as_ref().is_none_or(|before| before.facts.host != after.facts.host) {
            let watched: Vec<_> = self.watched.keys().copied().collect();
            for request in watched {
                self.tell(&request, |pending| pending.part(agent));
            }
        }
        let samples = [before.as_ref(), Some(after)].into_iter().flatten();
        let samples = samples.filter_map(|known| known.said()).flat_map(|said| &said.collections);
        let shown: BTreeSet<RequestId> = samples.map(|sample| sample.request).collect();
        for request in shown {
            self.tell(&request, |pending| pending.part(agent));
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

#[cfg(test)]
mod tests;

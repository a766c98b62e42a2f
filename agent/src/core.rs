//! What the parts of one running agent share. No globals: a process may hold many.
//!
//! The import circle between this file and the parts is meant: each part (`intake`, `runner`, `outbox`, `progress`,
//! `telemetry`, `watchdog`) works on `&Core`, and `Core` keeps what it shares of them, as the runs that `runner` started.
//! The parts do not reach each other's state but through here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_protocol::clock::{Clock, Timestamp};
use muster_protocol::ids::{AgentId, Attempt, FleetId, InstanceId, MachineId, RequestId};
use muster_protocol::request::sign::Trust;
use muster_protocol::request::target::Facts;
use muster_protocol::result::{Instance, State, Status};
use muster_runtime::tasks::Tasks;
use tokio::sync::Notify;

use crate::admission::Admission;
use crate::hash_cache::HashCache;
use crate::identity::Identity;
use crate::journal::{Journal, JournalError};
use crate::paused::Paused;
use crate::policy::Policy;
use crate::runner::{Run, Runner};
use crate::session::printer::Printer;

/// One agent.
#[derive(Debug)]
pub struct Core {
    /// Its id.
    pub agent: AgentId,
    /// The machine.
    pub identity: Identity,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What the machine allows.
    pub policy: Policy,
    /// The clock.
    pub clock: Clock,
    /// What it owes.
    pub journal: Arc<Journal>,
    pub(crate) machine: MachineId,
    pub(crate) instance: InstanceId,
    pub(crate) started: Timestamp,
    /// Samples that were taken of this instance.
    pub(crate) samples: AtomicU64,
    pub(crate) facts: Facts,
    pub(crate) trust: Mutex<Trust>,
    pub(crate) admission: Mutex<Admission>,
    pub(crate) runs: Mutex<BTreeMap<RequestId, Arc<Run>>>,
    pub(crate) runner: Box<dyn Runner>,
    /// What goes on beside the collections.
    pub(crate) tasks: Tasks,
    /// Something may start, or something ended.
    pub(crate) wake: Notify,
    /// Refusals since the start of the process.
    pub(crate) refused: AtomicU64,
    /// Messages that could not be read, since the start of the process.
    pub(crate) unreadable: AtomicU64,
    pub(crate) answered: Mutex<crate::intake::Answered>,
    pub(crate) stream_gap: Mutex<Option<(u64, u64)>>,
    /// Hunts that were given up and whose threads have not come back.
    pub(crate) stuck: AtomicU64,
    /// Hunts that wait for parts of their lists, and since when.
    pub(crate) awaited: Mutex<BTreeMap<RequestId, Timestamp>>,
    /// What stands still by an operator's word.
    pub(crate) paused: Mutex<Paused>,
    /// Requests of which the journal could not say what their controls want.
    pub(crate) unsettled: Mutex<BTreeSet<RequestId>>,
    /// Runs that were made.
    pub(crate) run_count: AtomicU64,
    pub(crate) held: Mutex<crate::outbox::InFlight>,
    /// Takes the rows of every collection in the place of the outbox.
    pub(crate) printer: Option<Printer>,
    /// What is known of files that were hashed before.
    pub(crate) cache: Option<Arc<HashCache>>,
}

/// What a [`Core`] is made from.
#[derive(Debug)]
pub struct Parts {
    /// Its id.
    pub agent: AgentId,
    /// Its fleet.
    pub fleet: FleetId,
    /// The fleet root's public key.
    pub root: [u8; 32],
    /// The machine.
    pub identity: Identity,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What the machine allows.
    pub policy: Policy,
    /// The clock.
    pub clock: Clock,
    /// What it owes.
    pub journal: Journal,
}

impl Core {
    /// Puts an agent together; nothing runs yet.
    pub fn new(parts: Parts, runner: Box<dyn Runner>) -> Result<Self, JournalError> {
        let Parts { agent, fleet, root, identity, labels, policy, clock, journal } = parts;
        let revoked = journal.revoked()?;
        Ok(Self {
            machine: identity.machine(&fleet),
            instance: InstanceId::new(),
            started: clock.now(),
            samples: AtomicU64::new(0),
            facts: identity.facts(&agent, &labels),
            trust: Mutex::new(Trust { fleet, root, revoked }),
            agent,
            identity,
            labels,
            policy,
            clock,
            journal: Arc::new(journal),
            admission: Mutex::default(),
            runs: Mutex::default(),
            runner,
            tasks: Tasks::new(),
            wake: Notify::new(),
            refused: AtomicU64::new(0),
            unreadable: AtomicU64::new(0),
            answered: Mutex::default(),
            stream_gap: Mutex::new(None),
            stuck: AtomicU64::new(0),
            awaited: Mutex::default(),
            paused: Mutex::default(),
            unsettled: Mutex::default(),
            run_count: AtomicU64::new(0),
            held: Mutex::default(),
            printer: None,
            cache: None,
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Makes a status of this agent's attempt at a request.
    pub(crate) fn status(
        &self,
        request: RequestId,
        state: State,
        code: &str,
        reason: impl Into<String>,
    ) -> Status {
        let mut reason: String = reason.into();
        while reason.len() > muster_protocol::limits::TEXT_BYTES_MAX {
            reason.pop();
        }
        Status {
            agent: self.agent.clone(),
            request,
            attempt: Attempt { origin: request, journal: self.journal.id() },
            state,
            at: self.now(),
            code: code.to_owned(),
            reason,
            revision: 0,
            chunks: state.is_final().then_some(0),
            footer: None,
            host: self.identity.host.clone(),
            machine: Some(self.machine),
            instance: Some(self.instance),
        }
    }

    /// Describes this process for its next sample.
    pub(crate) fn next_instance(&self) -> Result<Instance, JournalError> {
        Ok(Instance {
            id: self.instance,
            started: self.started,
            sample: self.samples.fetch_add(1, Ordering::Relaxed) + 1,
            machine: Some(self.machine),
            generation: self.journal.generation()?,
        })
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

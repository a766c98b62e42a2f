//! Fills the store of a large fleet with what some weeks leave there, through the coordinator's own
//! writer: without a broker and without agents.
//!
//! * [`made`]: the records. [`weeks`]: agents, their curves, hunts and the audit log, oldest first.
//! * [`rows`]: one hunt with many rows. [`profiles`]: profiles of about 20,000 frames each.
//!
//! The same plan makes the same records, except for their times, which count back from now. At most
//! one agent's rows are in memory.

pub mod made;
pub mod profiles;
pub mod rows;
pub mod weeks;

use std::path::Path;
use std::time::{Duration, Instant};

use muster_protocol::clock::{Clock, Timestamp};
use muster_protocol::ids::AgentId;
use muster_server::store::{Audit, DataDir, Request, Write, Writer};

/// How much is stored.
#[derive(Debug, Clone, clap::Parser)]
pub struct Plan {
    /// Agents.
    #[arg(long, default_value_t = 10_000)]
    pub agents: u32,
    /// Agents of which a day of samples is stored, one a minute.
    #[arg(long, default_value_t = 20)]
    pub curves: u32,
    /// Hunts of all agents.
    #[arg(long, default_value_t = 20)]
    pub hunts: u32,
    /// Rows of one more hunt of all agents.
    #[arg(long, default_value_t = 100_000)]
    pub rows: u64,
    /// Dead letters that were counted.
    #[arg(long, default_value_t = 1_000)]
    pub dead: u64,
    /// Lines of the audit log, beside those that requests leave.
    #[arg(long, default_value_t = 100_000)]
    pub audit: u32,
    /// Profiles of one agent each.
    #[arg(long, default_value_t = 20)]
    pub profiles: u32,
    /// Only the last samples, into a store that is filled: its agents are live again.
    #[arg(long)]
    pub awake: bool,
    /// Seed of everything that differs.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What was stored, and how long that took.
#[derive(Debug)]
pub struct Step {
    /// What.
    pub what: &'static str,
    /// How many.
    pub count: u64,
    /// How long.
    pub took: Duration,
}

/// A store that is being filled, by a clock that is set.
#[derive(Debug)]
pub(super) struct Filling<'a> {
    pub(super) plan: &'a Plan,
    pub(super) place: &'a DataDir,
    pub(super) writer: Writer,
    clock: Clock,
    /// When the fleet is looked at.
    pub(super) now: Timestamp,
    steps: Vec<Step>,
}

impl Filling<'_> {
    /// Sets the writer's clock; it goes on from there.
    pub(super) fn at(&self, moment: Timestamp) {
        self.clock.set_offset_ms(moment.since_ms(Clock::system().now()));
    }

    /// Returns all agents.
    pub(super) fn agents(&self) -> Vec<AgentId> {
        (0..self.plan.agents).map(made::agent).collect()
    }

    /// Hands a write to the writer, which holds only so many; does not wait until it is stored.
    pub(super) async fn begin(&self, write: Write) {
        drop(self.writer.begin(write).await.expect("a writer"));
    }

    /// The same, and waits until it and all before it are stored.
    pub(super) async fn write(&self, write: Write) {
        self.writer.write(write).await.expect("it is stored");
    }

    /// Stores a request as one that the broker has.
    pub(super) async fn launch(&self, request: Request) {
        let id = request.id;
        let audit = Audit {
            token: "admin".to_owned(),
            operator: request.operator.clone(),
            action: "request",
            subject: id.to_string(),
            detail: request.what(),
        };
        self.write(Write::Request(Box::new(request), audit)).await;
        self.write(Write::Published(id)).await;
    }

    fn step(&mut self, what: &'static str, count: u64, since: Instant) {
        self.steps.push(Step { what, count, took: since.elapsed() });
    }
}

/// Fills the store in a folder that no coordinator uses meanwhile; returns what was stored, in
/// order.
///
/// # Panics
/// When the folder holds no store that can be written.
pub fn fill(plan: &Plan, folder: &Path) -> Vec<Step> {
    let place = DataDir::prepare(folder).expect("a store");
    let clock = Clock::system();
    let writer = Writer::start_at(&place, clock.clone()).expect("a writer");
    let (now, steps) = (clock.now(), Vec::new());
    let mut filling = Filling { plan, place: &place, writer, clock, now, steps };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        if !plan.awake {
            weeks::agents(&mut filling).await;
            weeks::hunts(&mut filling).await;
            weeks::curves(&mut filling).await;
            weeks::dead(&mut filling).await;
            rows::fill(&mut filling).await;
            profiles::fill(&mut filling).await;
        }
        weeks::last_samples(&mut filling).await;
    });
    filling.steps
}

//! Every metric, in one table: nothing is written that is not in it, and `docs/reference/metrics.md` is made of it.

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows; a restart may begin it again.
    Counter,
    /// It goes up and down.
    Gauge,
}

impl Kind {
    /// Returns the word after `# TYPE`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// Its labels, in the order in which their values are given.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

macro_rules! families {
    ($($constant:ident: $kind:ident $name:literal $labels:expr, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: Family =
                Family { name: $name, kind: Kind::$kind, labels: &$labels, help: $help };
        )*

        /// Every metric, in the order in which they are written.
        pub const TABLE: &[Family] = &[$($constant),*];
    };
}

families! {
    BUILD_INFO: Gauge "muster_build_info" ["version"], "Always 1; the label says which version runs.";
    BROKER_CONNECTED: Gauge "muster_broker_connected" [], "Whether the coordinator is connected to the broker.";
    BROKER_BLOCKED: Gauge "muster_broker_blocked" [], "Whether the broker blocks publishers: it is low on memory or disk.";
    STORE_WRITABLE: Gauge "muster_store_writable" [], "Whether the store can be written; while it cannot, results wait at the broker.";
    STORE_BYTES: Gauge "muster_store_bytes" [], "Size of the database; blobs lie beside it.";
    STORE_UNREADABLE: Gauge "muster_store_unreadable_records" ["table"], "Stored records that cannot be read and are left out of every list, as far as views have met them.";
    STORE_WAITING: Gauge "muster_store_waiting_writes" [], "Writes that wait for the one writer.";

    AGENTS: Gauge "muster_agents" ["state"], "Agents on the roster: new, live, silent, quarantined, revoked.";
    FLEET_CPU: Gauge "muster_fleet_cpu_cores" [], "CPU of all live agents together, from their last samples.";
    FLEET_RSS: Gauge "muster_fleet_resident_memory_bytes" [], "Resident memory of all live agents together.";
    FLEET_READ: Gauge "muster_fleet_read_bytes_per_second" [], "What all live agents together read.";
    FLEET_WRITTEN: Gauge "muster_fleet_written_bytes_per_second" [], "What all live agents together write.";
    FLEET_OUTBOX_BYTES: Gauge "muster_fleet_outbox_bytes" [], "What waits in the outboxes of all live agents.";
    FLEET_OUTBOX_MESSAGES: Gauge "muster_fleet_outbox_messages" [], "Chunks and statuses in these outboxes.";
    FLEET_JOURNALS_FULL: Gauge "muster_fleet_journals_full" [], "Live agents that cannot write their journal.";
    FLEET_COLLECTIONS: Gauge "muster_fleet_collections" ["state"], "Collections that live agents hold: queued, running, paused.";
    AGENT_CPU_OF_FLEET: Gauge "muster_fleet_agent_cpu_cores" ["quantile"], "CPU of one live agent: 0.5, 0.95, 0.99, 1 (the most); nearest rank.";
    AGENT_RSS_OF_FLEET: Gauge "muster_fleet_agent_resident_memory_bytes" ["quantile"], "Resident memory of one live agent, by the same quantiles.";
    AGENT_READ_OF_FLEET: Gauge "muster_fleet_agent_read_bytes_per_second" ["quantile"], "What one live agent reads, by the same quantiles.";
    AGENT_WRITTEN_OF_FLEET: Gauge "muster_fleet_agent_written_bytes_per_second" ["quantile"], "What one live agent writes, by the same quantiles.";

    HUNTS: Gauge "muster_hunts" ["state"], "Hunts on record: paused (a pause or drain holds, and work is held or may still begin), else running (a live agent holds it), else cancelled, else open (work may still begin), else closed.";
    PROFILES: Gauge "muster_profiles" ["state"], "Requests for profiles on record, by the same states.";
    UNPUBLISHED: Gauge "muster_requests_unpublished" [], "Valid requests that the broker has not confirmed.";
    ENDED: Counter "muster_collections_ended_total" ["state"], "Collections whose end came in: finished, failed, cancelled, declined.";

    MESSAGES: Counter "muster_ingest_messages_total" ["class", "outcome"], "Results that passed the checks: stored, known (redelivered), conflict (contradicts a stored one), `over_quota` (acked, not stored), refused (the store can never take it: a dead letter).";
    BYTES: Counter "muster_ingest_bytes_total" ["class"], "Their bytes as they came.";
    ROWS: Counter "muster_ingest_rows_total" [], "Rows that were stored.";
    DEAD: Counter "muster_dead_letters_total" ["class", "reason"], "Results that were refused and lie in results.dead; from the store, it outlives a restart.";

    CPU: Counter "process_cpu_seconds_total" [], "CPU of the coordinator, user and kernel.";
    RSS: Gauge "process_resident_memory_bytes" [], "Resident memory of the coordinator.";
    THREADS: Gauge "process_threads" [], "Its threads.";
    FDS: Gauge "process_open_fds" [], "Its open file descriptors.";
    FDS_MAX: Gauge "process_max_fds" [], "How many it may have; 0 where there is no limit.";
    STARTED: Gauge "process_start_time_seconds" [], "When it was started, in seconds since 1970; 0 where the system does not tell.";

    AGENT_LIVE: Gauge "muster_agent_live" ["agent"], "With `[metrics] agents`: whether the agent was heard of lately.";
    AGENT_CPU: Gauge "muster_agent_cpu_cores" ["agent"], "With `[metrics] agents`, of live ones: CPU.";
    AGENT_RSS: Gauge "muster_agent_resident_memory_bytes" ["agent"], "With `[metrics] agents`, of live ones: resident memory.";
    AGENT_READ: Gauge "muster_agent_read_bytes_per_second" ["agent"], "With `[metrics] agents`, of live ones: what it reads.";
    AGENT_WRITTEN: Gauge "muster_agent_written_bytes_per_second" ["agent"], "With `[metrics] agents`, of live ones: what it writes.";
    AGENTS_LEFT_OUT: Gauge "muster_agents_left_out" [], "With `[metrics] agents`: how many agents have no series of their own.";
}

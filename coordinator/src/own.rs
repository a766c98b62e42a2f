//! What the coordinator says of itself: the same sample as an agent's, under the id `coordinator`.

use common::clock::Timestamp;
use common::ids::{AgentId, JournalId};
use common::result::Telemetry;
use rustix::param::clock_ticks_per_second;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::core::Core;
use crate::store::Write;

/// Stores a sample every ten seconds until told to stop.
pub(crate) async fn run(core: &Core, stop: CancellationToken) {
    let journal = core.journal;
    let mut before = (core.clock.now(), cpu_ms());
    loop {
        let rhythm = std::time::Duration::from_millis(common::limits::TELEMETRY_INTERVAL_MS);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(rhythm) => {}
        }
        let now = (core.clock.now(), cpu_ms());
        let sample = sample(journal, before, now);
        before = now;
        if let Err(problem) = core.writer.write(Write::Telemetry(Box::new(sample))).await {
            debug!(error = %problem, "own telemetry is not stored");
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
fn sample(journal: JournalId, before: (Timestamp, u64), now: (Timestamp, u64)) -> Telemetry {
    let wall = now.0.since_ms(before.0).max(1) as f64;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let fds = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    Telemetry {
        agent: AgentId::coordinator(),
        at: now.0,
        journal,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        labels: std::collections::BTreeMap::new(),
        capabilities: vec!["profile.cpu".to_owned()],
        stream_epoch: None,
        stream_offset: None,
        stream_gap: None,
        directed: Vec::new(),
        cpu_percent: now.1.saturating_sub(before.1) as f64 * 100.0 / wall,
        rss_bytes: number(&status, "VmRSS:") * 1_024,
        threads: u32::try_from(number(&status, "Threads:")).unwrap_or(u32::MAX),
        fds: u32::try_from(fds).unwrap_or(u32::MAX),
        read_bytes: number(&io, "rchar:"),
        written_bytes: number(&io, "wchar:"),
        outbox_messages: 0,
        outbox_bytes: 0,
        journal_full: false,
        collections: Vec::new(),
    }
}

/// Returns the number behind a word at the beginning of a line; 0 when it is not there.
fn number(text: &str, word: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(word));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Returns the CPU time of this process so far.
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name may hold spaces; the fields behind its closing parenthesis do not.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
    ticks * 1_000 / clock_ticks_per_second().max(1)
}

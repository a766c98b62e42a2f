//! How much telemetry one store takes and what it then weighs: a fleet's samples as fast as they are taken, by a
//! clock that is set. `telemetry-store --agents 10000 --minutes 20` prints figures as a table.

use std::time::{Duration, Instant};

use clap::Parser;
use muster_protocol::clock::Clock;
use muster_protocol::limits::TELEMETRY_INTERVAL_MS;
use muster_protocol::result::Telemetry;
use muster_server::store::{DataDir, Write, Writer};

/// Writes the telemetry of a fleet into a new store.
#[derive(Debug, Parser)]
struct Plan {
    /// Agents.
    #[arg(long, default_value_t = 1_000)]
    agents: u64,
    /// Minutes of their life.
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Seconds between two samples.
    #[arg(long, default_value_t = TELEMETRY_INTERVAL_MS / 1_000)]
    every: u64,
    /// Where the store is made [default: the folder for temporary files].
    #[arg(long)]
    dir: Option<std::path::PathBuf>,
}

fn main() {
    let plan = Plan::parse();
    let parent = plan.dir.clone().unwrap_or_else(std::env::temp_dir);
    let folder = tempfile::Builder::new().prefix("muster-store-").tempdir_in(parent);
    let folder = folder.expect("a folder");
    let place = DataDir::prepare(folder.path()).expect("a store");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(run(&plan, &place, folder.path()));
}

async fn run(plan: &Plan, place: &DataDir, folder: &std::path::Path) {
    let clock = Clock::system();
    let writer = Writer::start_at(place, clock.clone()).expect("a writer");
    let (mut samples, mut condensed, mut writing) = (0_u64, Vec::new(), Duration::ZERO);
    let rounds = plan.minutes * 60 / plan.every;
    let mut condensed_at = 0;
    for round in 0..rounds {
        let ms = i64::try_from(round * plan.every * 1_000).expect("a time");
        clock.set_offset_ms(ms);
        let began = Instant::now();
        let mut last = None;
        for agent in 0..plan.agents {
            let write = Write::Telemetry(Box::new(sample(agent, round, &clock)));
            last = Some(writer.begin(write).await.expect("a writer"));
        }
        last.expect("an agent").await.expect("it is stored");
        samples += plan.agents;
        writing += began.elapsed();
        if ms - condensed_at >= 60_000 {
            condensed_at = ms;
            let began = Instant::now();
            writer.write(Write::Condense).await.expect("condensed");
            condensed.push(began.elapsed());
        }
    }
    report(plan, folder, samples, writing, &condensed);
}

/// A sample as a busy agent says it.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn sample(agent: u64, round: u64, clock: &Clock) -> Telemetry {
    let noise = |n: u64| (agent * 7_919 + round * 104_729).wrapping_mul(2_654_435_761) % n;
    let request = uuid::Uuid::from_bytes([3; 16]);
    let json = serde_json::json!({
        "agent": format!("web-{agent}-ab12"), "at": clock.now(), "journal": uuid::Uuid::from_u128(agent.into()),
        "instance": {"id": uuid::Uuid::from_u128(agent.into()), "started": 0, "sample": round + 1, "generation": round},
        "version": "0.1.0", "host": format!("web-{agent}.example.net"), "os": "linux", "arch": "x86_64",
        "labels": {"role": "web", "site": "fra"}, "capabilities": ["file_hash", "profile.cpu"],
        "stream_epoch": request, "stream_offset": round, "directed": [request],
        "cpu_percent": noise(1_000) as f64 / 10.0, "rss_bytes": 12_000_000 + noise(4_000_000), "threads": 6,
        "fds": 20 + noise(9), "read_bytes": round * 1_000_000, "written_bytes": round * 1_000,
        "read_bytes_per_s": noise(200_000_000), "written_bytes_per_s": noise(100_000),
        "outbox_messages": 0, "outbox_bytes": noise(70_000),
        "collections": [{"request": request, "state": "running", "age_ms": round, "seen": round, "hashed": round,
            "bytes": round, "cpu_ms": round, "throttled_ms": 0,
            "path": b"/usr/share/doc/some-package-with-a-name/copyright".as_slice()}],
    });
    serde_json::from_value(json).expect("a sample")
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn report(
    plan: &Plan,
    folder: &std::path::Path,
    samples: u64,
    writing: Duration,
    condensed: &[Duration],
) {
    let file = folder.join("muster.sqlite");
    let connection = rusqlite::Connection::open(&file).expect("the store");
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .expect("everything is in one file");
    let bytes = std::fs::metadata(&file).expect("the store").len();
    let [min, max] = [condensed.iter().min(), condensed.iter().max()]
        .map(|time| time.map_or(0, Duration::as_millis));
    println!("| figure | value |\n|---|---|");
    println!(
        "| agents, minutes, seconds between samples | {}, {}, {} |",
        plan.agents, plan.minutes, plan.every
    );
    println!("| samples stored a second | {:.0} |", samples as f64 / writing.as_secs_f64());
    println!("| condensing, once a minute: least and most | {min} and {max} ms |");
    println!("| store in all | {:.1} MB |", bytes as f64 / 1e6);
    for table in ["heard", "curve_sample", "curve_minute", "curve_hour"] {
        let rows: i64 = connection
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
            .expect("a count");
        println!("| rows of `{table}` | {rows} |");
    }
}

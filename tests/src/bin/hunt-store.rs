//! Fills a store with hunts that many agents have answered, through the coordinator's own writer,
//! and reports what that cost and how long the questions of the lists take.
//!
//! `hunt-store --agents 10000 --hunts 20` prints figures as a table; `--dir DIR` keeps the store, in
//! the `data` folder of a fleet whose coordinator is stopped.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use muster_protocol::artifact::file_hash::{self, FileKind, FileStatus, Row};
use muster_protocol::artifact::{HashKind, Rows};
use muster_protocol::clock::{Clock, Timestamp};
use muster_protocol::ids::RequestId;
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::{Args, Kind};
use muster_protocol::result::{State, Status};
use muster_server::hunts::listing::{self, Field, Filter, Sources};
use muster_server::hunts::parts::Moment;
use muster_server::hunts::parts::list::{self, page};
use muster_server::hunts::view::RequestSnapshot;
use muster_server::hunts::{current, parts};
use muster_server::live::tallies::Tallies;
use muster_server::roster::order::Direction;
use muster_server::store::{Audit, Chunk, DataDir, NewAgent, Request, Write, Writer};
use serde_bytes::ByteBuf;
use tests::stored::made::{agent, chunk, footer, name, request, sample, status};

/// Fills a store with hunts.
#[derive(Debug, Parser)]
struct Plan {
    /// Agents.
    #[arg(long, default_value_t = 10_000)]
    agents: u32,
    /// Hunts of all of them.
    #[arg(long, default_value_t = 20)]
    hunts: u32,
    /// Rows of each agent's one chunk.
    #[arg(long, default_value_t = 20)]
    rows: u32,
    /// Agents of each hunt that never answer.
    #[arg(long, default_value_t = 100)]
    silent: u32,
    /// How often each question is asked; the median counts.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Where the store is kept [default: a folder for temporary files, which is deleted].
    #[arg(long)]
    dir: Option<PathBuf>,
}

fn main() {
    let plan = Plan::parse();
    let temporary = tempfile::Builder::new().prefix("muster-hunts-").tempdir().expect("a folder");
    let folder = plan.dir.clone().unwrap_or_else(|| temporary.path().to_owned());
    let place = DataDir::prepare(&folder).expect("a store");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let writer = Writer::start(&place).expect("a writer");
        fill(&plan, &writer).await;
        ask(&plan, &place, &writer);
        rebuild(&place, &writer).await;
    });
}

async fn fill(plan: &Plan, writer: &Writer) {
    let now = Clock::system().now();
    let new = |n| NewAgent { id: agent(n), name: name(n), labels: "{}".into() };
    let agents = (0..plan.agents).map(new).collect();
    writer.write(Write::Agents(agents, Audit::default())).await.expect("agents");
    let mut last = None;
    for n in 0..plan.agents {
        last = Some(writer.begin(Write::Telemetry(sample(n, 1, now))).await.expect("a writer"));
    }
    last.expect("an agent").await.expect("it is stored");
    let (mut launches, mut results) = (Vec::new(), Vec::new());
    for number in 0..plan.hunts {
        let hunt = RequestId::new();
        let began = Instant::now();
        let request = Write::Request(Box::new(launch(plan, hunt, now, number)), Audit::default());
        writer.write(request).await.expect("a hunt");
        writer.write(Write::Published(hunt)).await.expect("it is published");
        launches.push(began.elapsed());
        let chunks: Vec<_> = (0..plan.agents - plan.silent)
            .map(|n| {
                (Write::Chunk(rows_of(plan, hunt, n)), Write::Status(ended(plan, hunt, n, now)))
            })
            .collect();
        let began = Instant::now();
        let mut last = None;
        for (chunk, status) in chunks {
            drop(writer.begin(chunk).await.expect("a writer"));
            last = Some(writer.begin(status).await.expect("a writer"));
        }
        last.expect("a result").await.expect("it is stored");
        results.push(began.elapsed());
    }
    println!("| figure | value |\n|---|---|");
    println!("| agents, hunts, rows each | {}, {}, {} |", plan.agents, plan.hunts, plan.rows);
    println!("| a launch is on record | {} |", ms(median(&mut launches)));
    println!("| chunk and status of every agent are stored | {} |", ms(median(&mut results)));
}

fn launch(plan: &Plan, hunt: RequestId, now: Timestamp, number: u32) -> Request {
    let files = file_hash::Args {
        roots: vec![ByteBuf::from(format!("/srv/{number}"))],
        hashes: vec![HashKind::Sha256],
        ..file_hash::Args::default()
    };
    let start = Args::HuntStart(HuntStart::files(&files).expect("arguments"));
    request(hunt, &start, now, (0..plan.agents).map(agent).collect(), "all")
}

fn rows_of(plan: &Plan, hunt: RequestId, n: u32) -> Chunk {
    let row = |at: u32| {
        let path = format!("/srv/www/some/folder/file-{n}-{at}.conf").into_bytes();
        Row::bare(path, FileKind::Regular, FileStatus::Ok, 0)
    };
    chunk(hunt, n, 0, &Rows::of((0..plan.rows).map(row).collect::<Vec<_>>()))
}

/// Makes a final status as an agent sends it.
fn ended(plan: &Plan, hunt: RequestId, n: u32, now: Timestamp) -> Box<Status> {
    let mut status = status(hunt, n, State::Finished, now);
    status.chunks = Some(1);
    status.footer = Some(footer(n, now, plan.rows.into(), (0, 0)));
    status
}

/// Asks what the lists ask, first as nothing is in memory.
fn ask(plan: &Plan, place: &DataDir, writer: &Writer) {
    let reader = place.reader().expect("a reader");
    let (news, now) = (&**writer.news(), Clock::system().now());
    let tallies = Tallies::default();
    let sources = Sources { reader: &reader, news, tallies: &tallies, now };
    let order = (Field::Issued, Direction::Descending);
    let hunts = || {
        reader
            .at_once(|_| listing::hunts(&sources, &Filter::default(), order, (None, 100)))
            .expect("a list")
    };
    let mut id = None;
    reader
        .visit_summaries(Kind::HuntStart, |summary| {
            id = Some(summary.id);
            Ok(false)
        })
        .expect("a summary");
    let id = id.expect("a hunt");
    let request = || reader.request(&id).expect("the store").expect("a hunt");
    timed("`hunt list`, a page of 100: the first time", 1, || drop(hunts()));
    timed("`hunt list` again", plan.runs, || drop(hunts()));
    let by_cpu = (Field::Cpu, Direction::Descending);
    timed("by CPU", plan.runs, || {
        drop(listing::hunts(&sources, &Filter::default(), by_cpu, (None, 100)).expect("a list"));
    });
    timed("`GET /hunts/H`, nothing in memory", plan.runs, || {
        let tallies = Tallies::default();
        current::read(&reader, (news, &tallies), &request(), None, now).expect("a hunt");
    });
    timed("`GET /hunts/H` from all events, as before", plan.runs, || {
        let whole = RequestSnapshot::read(&reader, news.roster(), request(), now).expect("a hunt");
        whole.hunt().expect("a view");
    });
    let summary = current::summary(&reader, &id).expect("a summary");
    timed("`GET /hunts/H/agents`, 100 of all by errors", plan.runs, || {
        let all = reader.stored_collections(&id).expect("parts");
        let fleet = news.fleet();
        let moment = Moment::of(&summary, now, &fleet, None);
        let order = (list::Field::Errors, Direction::Descending);
        let (cut, total) = page(&moment, &all, &list::Filter::default(), order, (None, 100));
        assert_eq!(total, u64::from(plan.agents));
        drop(list::briefs(&moment, &cut.items));
    });
    timed("the same with every figure (`detail=1`, 500)", plan.runs, || {
        let some: Vec<_> = (0..500.min(plan.agents)).map(agent).collect();
        let whole =
            RequestSnapshot::read_of(&reader, news.roster(), request(), &some, now).expect("parts");
        drop(whole.parts_shown());
    });
    timed("`GET /hunts/H/costs`", plan.runs, || {
        let all = reader.stored_collections(&id).expect("parts");
        let fleet = news.fleet();
        let moment = Moment::of(&summary, now, &fleet, None);
        drop(parts::costs::costs(&moment, &all, std::collections::BTreeMap::new()));
    });
    timed("`GET /hunts/H/timeline`", plan.runs, || {
        let all = reader.stored_collections(&id).expect("parts");
        let span = reader.rows_span(&id).expect("a span").expect("rows");
        let steps = parts::timeline::Steps::over(span.0, span.1);
        let rows = reader.rows_by_step(&id, span.0, steps.step_ms).expect("rows");
        let fleet = news.fleet();
        let moment = Moment::of(&summary, now, &fleet, None);
        drop(parts::timeline::timeline(&moment, &all, steps, &rows));
    });
}

async fn rebuild(place: &DataDir, writer: &Writer) {
    let ids = place.reader().expect("a reader").modelled().expect("ids");
    let began = Instant::now();
    for id in &ids {
        let landed = writer.write(Write::Rebuild(*id)).await.expect("rebuilt");
        assert_eq!(landed, muster_server::store::WriteOutcome::Differed(0));
    }
    println!("| `doctor --rebuild`, all hunts | {} |", ms(began.elapsed()));
}

fn timed(what: &str, runs: usize, mut question: impl FnMut()) {
    let mut took: Vec<_> = (0..runs.max(1))
        .map(|_| {
            let began = Instant::now();
            question();
            began.elapsed()
        })
        .collect();
    println!("| {what} | {} |", ms(median(&mut took)));
}

fn median(took: &mut [Duration]) -> Duration {
    took.sort_unstable();
    took.get(took.len() / 2).copied().unwrap_or_default()
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}

//! Fills a store with hunts that many agents have answered, through the coordinator's own writer, and tells what that cost and how
//! long the questions of the lists take. `hunt-store --agents 10000 --hunts 20` prints figures as a table;
//! `hunt-store --dir DIR` keeps the store, in the `data` folder of a fleet whose coordinator does not run.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use muster_api::Route;
use muster_protocol::artifact::file_hash::{self, FileKind, FileStatus, Row};
use muster_protocol::artifact::{HashKind, Rows};
use muster_protocol::clock::{Clock, Timestamp};
use muster_protocol::ids::{AgentId, Attempt, FleetId, JournalId, RequestId};
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::sign::{Draft, SigningKey};
use muster_protocol::request::{Args, Kind, Limits, Target};
use muster_protocol::result::rows::sha256;
use muster_protocol::result::{Footer, RowChunk, Spent, State, Status};
use muster_protocol::wire;
use muster_server::hunts::listing::{self, Field, Filter, Sources};
use muster_server::hunts::parts::Moment;
use muster_server::hunts::parts::list::{self, page};
use muster_server::hunts::view::RequestSnapshot;
use muster_server::hunts::{current, parts};
use muster_server::live::tallies::Tallies;
use muster_server::roster::order::Direction;
use muster_server::store::{Audit, Chunk, DataDir, NewAgent, Request, Write, Writer};
use serde_bytes::ByteBuf;

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

fn agent(n: u32) -> AgentId {
    AgentId::new(&format!("web-{n}-ab12")).expect("an id")
}

fn attempt(hunt: RequestId, n: u32) -> Attempt {
    Attempt { origin: hunt, journal: JournalId::from_bytes(u128::from(n + 1).to_be_bytes()) }
}

async fn fill(plan: &Plan, writer: &Writer) {
    let now = Clock::system().now();
    let new = |n| NewAgent { id: agent(n), name: format!("web-{n}"), labels: "{}".into() };
    let agents = (0..plan.agents).map(new).collect();
    writer.write(Write::Agents(agents, Audit::default())).await.expect("agents");
    let mut last = None;
    for n in 0..plan.agents {
        last = Some(writer.begin(Write::Telemetry(sample(n, now))).await.expect("a writer"));
    }
    last.expect("an agent").await.expect("it is stored");
    let (mut launches, mut results) = (Vec::new(), Vec::new());
    for number in 0..plan.hunts {
        let hunt = RequestId::new();
        let began = Instant::now();
        let request = Write::Request(Box::new(request(plan, hunt, now, number)), Audit::default());
        writer.write(request).await.expect("a hunt");
        writer.write(Write::Published(hunt)).await.expect("it is published");
        launches.push(began.elapsed());
        let chunks: Vec<_> = (0..plan.agents - plan.silent)
            .map(|n| (Write::Chunk(chunk(plan, hunt, n)), Write::Status(status(hunt, n, now))))
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

fn request(plan: &Plan, hunt: RequestId, now: Timestamp, number: u32) -> Request {
    let files = file_hash::Args {
        roots: vec![ByteBuf::from(format!("/srv/{number}"))],
        hashes: vec![HashKind::Sha256],
        ..file_hash::Args::default()
    };
    let key = SigningKey::from_seed(&[3; 32]);
    let draft = Draft {
        fleet: FleetId::from_bytes([4; 16]),
        target: Target::all(),
        limits: Limits::default(),
        issued: now,
        valid_ms: 86_400_000,
    };
    let start = Args::HuntStart(HuntStart::files(&files).expect("arguments"));
    let body = draft.body(key.id(), &start).expect("a body");
    Request {
        id: hunt,
        kind: Kind::HuntStart.as_str().to_owned(),
        operator: "operator".to_owned(),
        issued: now,
        not_after: now.plus_ms(86_400_000),
        target: "all".to_owned(),
        route: Route::Broadcast,
        sealed: key.seal(&body, None).expect("a request"),
        control: None,
        expected: (0..plan.agents).map(agent).collect(),
        revokes: Vec::new(),
        names: Vec::new(),
    }
}

fn chunk(plan: &Plan, hunt: RequestId, n: u32) -> Chunk {
    let row = |at: u32| {
        let path = format!("/srv/www/some/folder/file-{n}-{at}.conf").into_bytes();
        Row::bare(path, FileKind::Regular, FileStatus::Ok, 0)
    };
    let body = Rows::of((0..plan.rows).map(row).collect::<Vec<_>>()).pack().expect("rows");
    let message = RowChunk {
        agent: agent(n),
        request: hunt,
        attempt: attempt(hunt, n),
        seq: 0,
        artifact: file_hash::FILE_HASH.to_owned(),
        schema: 1,
        rows: plan.rows,
        sha256: sha256(&body),
        body: ByteBuf::from(body),
    };
    Chunk {
        request: hunt,
        agent: agent(n),
        attempt: attempt(hunt, n),
        seq: 0,
        rows: plan.rows,
        blob: None,
        sha256: message.sha256.to_vec(),
        body: wire::encode(&message).expect("a chunk"),
    }
}

/// A final status as an agent says it.
fn status(hunt: RequestId, n: u32, now: Timestamp) -> Box<Status> {
    let figure = u64::from(n % 977);
    let files = file_hash::Footer {
        seen: 1_000 + figure,
        hashed: 900 + figure,
        bytes_read: 5_000_000 + figure * 1_000,
        ..file_hash::Footer::default()
    };
    let causes = ["limit", "outbox", "journal", "peers", "open", "read", "list", "other"];
    let footer = Footer {
        artifact: Some(files.sealed().expect("a footer")),
        started: now,
        ended: now.plus_ms(i64::from(n % 30_000)),
        cpu_user_ms: 200 + figure,
        cpu_system_ms: 90,
        rows: 20,
        spent: Spent {
            threads_ms: 9_000,
            waits_ms: causes.map(|cause| (cause.to_owned(), 100 + figure)).into(),
            ..Spent::default()
        },
        ..Footer::default()
    };
    Box::new(Status {
        agent: agent(n),
        request: hunt,
        attempt: attempt(hunt, n),
        state: State::Finished,
        at: now,
        code: String::new(),
        reason: String::new(),
        chunks: Some(1),
        footer: Some(footer),
        host: format!("web-{n}.example.net"),
        machine: None,
        instance: None,
    })
}

fn sample(n: u32, now: Timestamp) -> Box<muster_protocol::result::Telemetry> {
    let json = serde_json::json!({
        "agent": agent(n), "at": now, "journal": JournalId::from_bytes([1; 16]), "version": "0.1.0",
        "host": format!("web-{n}.example.net"), "os": "linux", "arch": "x86_64",
        "labels": {"role": "web", "site": "fra"}, "outbox_messages": 1,
    });
    Box::new(serde_json::from_value(json).expect("a sample"))
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

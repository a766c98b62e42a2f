//! Whatever comes, in whatever order, with the store opened again in between: the read models are what their sources make of them.

use muster_api::{CollectionView, Hold, HuntView, Route};
use muster_protocol::artifact::{HashKind, file_hash};
use muster_protocol::clock::Clock;
use muster_protocol::ids::{FleetId, JournalId};
use muster_protocol::limits::{CLOCK_SKEW_MS_MAX, FINISHING_MS_MAX, NOT_MATCHED_MS_MIN};
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::sign::{Draft, SigningKey};
use muster_protocol::request::{Args, Control, Limits, Sealed, Target, Verb};
use muster_protocol::result::{Footer, State, Status};
use proptest::prelude::*;
use serde_bytes::ByteBuf;

use super::*;
use crate::hunts::current;
use crate::hunts::parts::Moment;
use crate::hunts::view::RequestSnapshot;
use crate::live::parts::Parts;
use crate::live::tallies::Tallies;
use crate::state::{Event, count};
use crate::store::{
    AttemptKey, Audit, Chunk, DataDir, NewAgent, Piece, Request, Write, WriteOutcome, Writer,
};

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000);
pub(crate) const NOT_AFTER: Timestamp = Timestamp(1_800_000_060_000);
pub(crate) const REQUESTS: u8 = 2;
const AGENTS: u8 = 3;

pub(crate) fn hunt(n: u8) -> RequestId {
    RequestId::from_bytes([n + 1; 16])
}

pub(crate) fn agent(n: u8) -> AgentId {
    AgentId::new(&format!("a-{n}")).unwrap()
}

fn key((request, one, journal): Key) -> AttemptKey {
    let attempt = Attempt { origin: hunt(request), journal: JournalId::from_bytes([journal; 16]) };
    AttemptKey { request: hunt(request), agent: agent(one), attempt }
}

/// Request, agent, journal.
type Key = (u8, u8, u8);

/// What happens.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Launch(u8, Vec<u8>, bool),
    Cancel(u8),
    /// A pause, drain or resume of this revision.
    Control(u8, Verb, u64),
    /// A status of an agent that has applied a control of this revision.
    Applied(Key, State, u64),
    Published(u8),
    Status(Key, State, i64, Option<u64>, u64),
    Rows(Key, u64, u32, u8),
    Piece(Key, u64, bool),
    Blob(Key, u64, bool),
    Contradiction(Key, u64),
    Rejected(Key),
    Sample(u8, Vec<(u8, bool)>, bool),
    Revoked(u8),
    Waited(i64),
    Opened,
}

fn keys() -> impl Strategy<Value = Key> {
    (0..REQUESTS, 0..AGENTS, 0..2_u8)
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let said = prop::sample::select(vec![
        State::Declined,
        State::Queued,
        State::Started,
        State::Progress,
        State::Finished,
        State::Failed,
        State::Cancelled,
    ]);
    let waits = vec![1, 500, NOT_MATCHED_MS_MIN + 1, 70_000, CLOCK_SKEW_MS_MAX, FINISHING_MS_MAX];
    let agents = prop::collection::vec(0..AGENTS, 0..4);
    let shown = prop::collection::vec((0..REQUESTS, any::<bool>()), 0..3);
    prop_oneof![
        2 => (0..REQUESTS, agents, any::<bool>()).prop_map(|(n, of, is)| Step::Launch(n, of, is)),
        1 => (0..REQUESTS).prop_map(Step::Cancel),
        2 => (0..REQUESTS, prop::sample::select(vec![Verb::Resume, Verb::Drain, Verb::Pause]), 1..6_u64)
            .prop_map(|(n, verb, revision)| Step::Control(n, verb, revision)),
        3 => (keys(), prop::sample::select(vec![State::Paused, State::Started, State::Progress]), 0..6_u64)
            .prop_map(|(key, state, revision)| Step::Applied(key, state, revision)),
        1 => (0..REQUESTS).prop_map(Step::Published),
        6 => (keys(), said, 0..4_i64, prop::option::of(0..4_u64), 0..9_u64)
            .prop_map(|(key, said, at, chunks, n)| Step::Status(key, said, at, chunks, n)),
        6 => (keys(), 0..4_u64, 0..3_u32, 0..2_u8)
            .prop_map(|(key, seq, rows, n)| Step::Rows(key, seq, rows, n)),
        3 => (keys(), 0..4_u64, any::<bool>()).prop_map(|(key, seq, file)| Step::Piece(key, seq, file)),
        3 => (keys(), 0..4_u64, any::<bool>()).prop_map(|(key, seq, file)| Step::Blob(key, seq, file)),
        1 => (keys(), 0..4_u64).prop_map(|(key, seq)| Step::Contradiction(key, seq)),
        1 => keys().prop_map(Step::Rejected),
        3 => (0..AGENTS, shown, any::<bool>()).prop_map(|(n, of, whole)| Step::Sample(n, of, whole)),
        1 => (0..AGENTS).prop_map(Step::Revoked),
        2 => prop::sample::select(waits).prop_map(Step::Waited),
        1 => Just(Step::Opened),
    ]
}

fn chunk(key_of: Key, seq: u64, rows: u32, blob: Option<Piece>, sha256: u8) -> Chunk {
    let AttemptKey { request, agent, attempt } = key(key_of);
    let body = vec![0x80; usize::try_from(seq).unwrap() + 3];
    Chunk { request, agent, attempt, seq, rows, blob, sha256: vec![sha256; 32], body }
}

/// A blob of one piece, under the position of its chunk.
fn piece(seq: u64, is_file: bool) -> Piece {
    let kind = if is_file { "file" } else { "profile.cpu" };
    let blob = u32::try_from(seq).unwrap();
    let sha256 = vec![u8::try_from(seq).unwrap(); 32];
    Piece { blob, kind: kind.into(), place: 0, bytes: 1, total: 1, sha256 }
}

fn footer(figure: u64) -> Footer {
    let files = file_hash::Footer {
        seen: figure,
        hashed: figure * 7,
        uploaded: figure % 3,
        ..file_hash::Footer::default()
    };
    let profile = muster_protocol::result::ProfileFooter {
        blob_sha256: ByteBuf::from(vec![u8::try_from(figure % 4).unwrap(); 32]),
        ..Default::default()
    };
    let waits = [("open".to_owned(), figure), ("a new cause".to_owned(), u64::MAX)];
    Footer {
        artifact: Some(files.sealed().unwrap()),
        profiles: if figure.is_multiple_of(2) { vec![profile] } else { vec![] },
        cpu_user_ms: if figure == 8 { i64::MAX.unsigned_abs() } else { figure },
        spent: Spent { waits_ms: waits.into(), ..Spent::default() },
        ..Footer::default()
    }
}

fn request(n: u8, expected: Vec<AgentId>, control: Option<Control>, route: Route) -> Request {
    let kind = if control.is_some() { "control" } else { "hunt.start" };
    Request {
        id: hunt(n),
        kind: kind.into(),
        operator: "ada".into(),
        issued: NOW,
        not_after: NOT_AFTER,
        target: "all".into(),
        route,
        sealed: sealed(),
        control,
        expected,
        revokes: vec![],
        names: vec![],
    }
}

/// What an operator signed.
fn sealed() -> Sealed {
    let roots = vec![ByteBuf::from("/srv"), ByteBuf::from("/etc")];
    let hashes = vec![HashKind::Sha256];
    let files = file_hash::Args { roots, hashes, ..file_hash::Args::default() };
    let key = SigningKey::from_seed(&[3; 32]);
    let draft = Draft {
        fleet: FleetId::from_bytes([4; 16]),
        target: Target::all(),
        limits: Limits::default(),
        issued: NOW,
        valid_ms: 60_000,
    };
    let start = Args::HuntStart(HuntStart::files(&files).unwrap());
    let body = draft.body(key.id(), &start).unwrap();
    key.seal(&body, None).unwrap()
}

/// A store in which things happen, by a clock that is set.
pub(crate) struct World {
    pub(crate) place: DataDir,
    pub(crate) writer: Option<Writer>,
    clock: Clock,
    ahead_ms: i64,
    runtime: tokio::runtime::Runtime,
    controls: u8,
    /// As it is kept while all of that happens.
    parts: Parts,
}

impl World {
    pub(crate) fn new(folder: &std::path::Path) -> Self {
        let place = DataDir::prepare(folder).unwrap();
        let clock = Clock::system();
        let ahead_ms = NOW.since_ms(clock.now());
        clock.set_offset_ms(ahead_ms);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let parts = Parts::default();
        let mut world = Self { place, writer: None, clock, ahead_ms, runtime, controls: 0, parts };
        world.open();
        let new = |n| NewAgent { id: agent(n), name: "a".into(), labels: "{}".into() };
        world.write(Write::Agents((0..AGENTS).map(new).collect(), Audit::default()));
        world
    }

    fn open(&mut self) {
        self.writer = None;
        self.writer = Some(Writer::start_at(&self.place, self.clock.clone()).unwrap());
    }

    pub(crate) fn write(&self, write: Write) -> Option<WriteOutcome> {
        let writer = self.writer.as_ref().unwrap();
        // What the store refuses is a step as well.
        self.runtime.block_on(writer.write(write)).ok()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn step(&mut self, step: Step) {
        let write = match step {
            Step::Launch(n, of, is_directed) => {
                let expected = of.into_iter().map(agent).collect();
                let route = if is_directed { Route::Directed } else { Route::Broadcast };
                let request = Box::new(request(n, expected, None, route));
                self.write(Write::Request(request, Audit::default()));
                let offset = if n == 0 { 0 } else { u64::from(n) };
                Write::Offset(hunt(n), offset)
            }
            Step::Cancel(n) => {
                self.controls += 1;
                self.control(n, Verb::Cancel, u64::from(self.controls))
            }
            Step::Control(n, verb, revision) => {
                self.controls += 1;
                self.control(n, verb, revision)
            }
            Step::Applied(of, state, revision) => {
                let AttemptKey { request, agent, attempt } = key(of);
                Write::Status(Box::new(Status {
                    agent,
                    request,
                    attempt,
                    state,
                    at: NOW,
                    code: String::new(),
                    reason: String::new(),
                    revision,
                    chunks: None,
                    footer: None,
                    host: String::new(),
                    machine: None,
                    instance: None,
                }))
            }
            Step::Published(n) => Write::Published(hunt(n)),
            Step::Status(of, state, at, chunks, figure) => {
                let AttemptKey { request, agent, attempt } = key(of);
                Write::Status(Box::new(Status {
                    agent,
                    request,
                    attempt,
                    state,
                    at: NOW.plus_ms(at),
                    code: if state == State::Failed { "io".into() } else { String::new() },
                    reason: String::new(),
                    revision: 0,
                    chunks,
                    footer: (figure > 0).then(|| footer(figure)),
                    host: if figure > 4 { "h".into() } else { String::new() },
                    machine: None,
                    instance: None,
                }))
            }
            Step::Rows(of, seq, rows, sha256) => Write::Chunk(chunk(of, seq, rows, None, sha256)),
            Step::Piece(of, seq, is_file) => {
                Write::Chunk(chunk(of, seq, 0, Some(piece(seq, is_file)), 9))
            }
            Step::Blob(of, seq, is_file) => {
                let piece = piece(seq, is_file);
                let (kind, sha256) = (piece.kind.clone(), piece.sha256.clone());
                let chunk = chunk(of, seq, 0, Some(piece), 9).key();
                Write::Blob { chunk, kind, sha256, bytes: 1 }
            }
            Step::Contradiction(of, seq) => Write::Contradiction(chunk(of, seq, 0, None, 1).key()),
            Step::Rejected(of) => Write::Rejected(Box::new(key(of)), "malformed_rows"),
            Step::Sample(n, of, is_whole) => {
                let shown = of.iter().map(|(n, is_running)| {
                    let state = if *is_running { "running" } else { "queued" };
                    serde_json::json!({"request": hunt(*n), "state": state, "seen": 99})
                });
                let json = serde_json::json!({
                    "agent": agent(n), "at": 0, "journal": JournalId::from_bytes([1; 16]),
                    "stream_epoch": hunt(0), "stream_offset": 5, "host": "now",
                    "outbox_messages": u8::from(!is_whole), "collections": shown.collect::<Vec<_>>(),
                });
                Write::Telemetry(Box::new(serde_json::from_value(json).unwrap()))
            }
            Step::Revoked(n) => Write::Revoked(agent(n), Audit::default()),
            Step::Waited(ms) => {
                self.ahead_ms += ms;
                return self.clock.set_offset_ms(self.ahead_ms);
            }
            Step::Opened => return self.open(),
        };
        self.write(write);
    }

    fn control(&self, about: u8, verb: Verb, revision: u64) -> Write {
        let control = Control::new(hunt(about), verb, revision);
        let id = 100 + self.controls;
        let control = request(id, vec![agent(0)], Some(control), Route::Broadcast);
        Write::Request(Box::new(control), Audit::default())
    }

    /// Holds the read models of one hunt against the fold of its events.
    fn check(&self, id: &RequestId) -> Result<(), TestCaseError> {
        let reader = self.place.reader().unwrap();
        let Some(summary) = reader.summary(id).unwrap() else {
            prop_assert!(reader.stored_collections(id).unwrap().is_empty());
            return Ok(());
        };
        let controls = reader.folded_controls(id).unwrap();
        prop_assert_eq!(summary.hold, Hold::from(controls.hold()));
        prop_assert_eq!(summary.revision, controls.revision());
        let mut events = reader.collections(id).unwrap();
        for (agent, is_revoked) in reader.agent_ids().unwrap() {
            if is_revoked && events.parts.contains_key(&agent) {
                events.apply(&Event::Revoked(agent));
            }
        }
        let blobs = reader.blobs(id).unwrap();
        let volume = reader.volume(id).unwrap();
        let rows = reader.stored_collections(id).unwrap();
        prop_assert_eq!(rows.len(), events.counted().count());
        for _ in 0..2 {
            prop_assert_eq!(&*self.parts.of(&reader, &summary).unwrap(), &rows);
        }
        let (mut of_rows, mut of_events) = (Vec::new(), Vec::new());
        let later = [0, NOT_MATCHED_MS_MIN + 1, 61_000 + CLOCK_SKEW_MS_MAX, FINISHING_MS_MAX + 1];
        for row in &rows {
            let part = &events.parts[&row.agent];
            let counting = part.counting();
            prop_assert_eq!(row.attempt, counting.map(|(id, _)| *id));
            let is_whole = counting.is_none_or(|(run, held)| {
                let footer = held.last.as_ref().and_then(|last| last.footer.as_ref());
                let its =
                    blobs.iter().filter(|blob| blob.agent == row.agent && blob.attempt == *run);
                let its: Vec<_> =
                    its.map(|blob| (blob.kind.as_str(), blob.sha256.as_slice())).collect();
                footer.is_none_or(|footer| crate::state::is_whole(footer, &its))
            });
            prop_assert_eq!(row.standing, part.standing(is_whole));
            let stored = volume
                .iter()
                .find(|(agent, run, _)| *agent == row.agent && Some(*run) == row.attempt);
            let stored = stored.map(|(_, _, volume)| *volume).unwrap_or_default();
            prop_assert_eq!((row.rows, row.bytes), (stored.rows, stored.bytes));
            prop_assert_eq!(row.first_row, stored.first_row);
            for ms in later {
                let now = self.now().plus_ms(ms);
                of_rows.push(row.phase(now, NOT_AFTER, None));
                of_events.push(part.standing(is_whole).phase(now, NOT_AFTER, None));
            }
        }
        prop_assert_eq!(of_rows, of_events);
        self.check_totals(&reader, &summary, &rows)?;
        self.check_views(&reader, &summary, &rows)
    }

    /// What is shown from the read models is what is shown from all events, telemetry included.
    fn check_views(
        &self,
        reader: &Reader,
        summary: &crate::store::Summary,
        rows: &[StoredCollection],
    ) -> Result<(), TestCaseError> {
        let id = &summary.id;
        let request = || reader.request(id).unwrap().unwrap();
        let news = self.writer.as_ref().unwrap().news();
        for ms in [0, NOT_MATCHED_MS_MIN + 1, 61_000 + CLOCK_SKEW_MS_MAX] {
            let now = self.now().plus_ms(ms);
            let tallies = Tallies::default();
            let shown = current::read(reader, (news, &tallies), &request(), None, now).unwrap();
            let again = current::read(reader, (news, &tallies), &request(), None, now).unwrap();
            prop_assert_eq!(&shown, &again);
            let whole = RequestSnapshot::read(reader, news.roster(), request(), now).unwrap();
            let mut expected = HuntView { change: shown.change, ..whole.hunt().unwrap() };
            let waits = &mut expected.spent.waits_ms;
            if let Some(ms) = waits.remove("a new cause") {
                waits.insert("more".into(), ms);
            }
            waits.retain(|_, ms| *ms > 0);
            prop_assert_eq!(&shown, &expected);
            let fleet = news.fleet();
            let moment = Moment::of(summary, now, &fleet, None);
            let views = whole.parts_shown();
            prop_assert_eq!(views.len(), rows.len());
            for (row, view) in rows.iter().zip(&views) {
                let brief = moment.brief(row);
                let CollectionView { agent, host, state, code, reason, rows, seen, .. } = view;
                let words = |[agent, host, state, code, reason]: [&String; 5]| {
                    [agent, host, state, code, reason].map(Clone::clone)
                };
                prop_assert_eq!(
                    words([&brief.agent, &brief.host, &brief.state, &brief.code, &brief.reason]),
                    words([agent, host, state, code, reason])
                );
                let figures = (brief.rows, brief.seen, brief.cpu_ms, brief.attempts, &brief.path);
                prop_assert_eq!(figures, (*rows, *seen, view.cpu_ms, view.attempts, &view.path));
                let one = std::slice::from_ref(&row.agent);
                let alone =
                    RequestSnapshot::read_of(reader, news.roster(), request(), one, now).unwrap();
                let part = alone.part_of(&row.agent);
                prop_assert_eq!(part.as_ref(), Some(view));
                let detailed = alone.part_with_attempts(&row.agent).unwrap();
                prop_assert_eq!(detailed.attempts_known.len() as u64, row.attempts);
                let counting = detailed.attempts_known.iter().filter(|one| one.counts).count();
                prop_assert_eq!(counting as u64, row.attempts.min(1));
            }
        }
        Ok(())
    }

    /// The totals and the open rows are the sum over all rows, at any time.
    fn check_totals(
        &self,
        reader: &Reader,
        summary: &crate::store::Summary,
        rows: &[StoredCollection],
    ) -> Result<(), TestCaseError> {
        use crate::store::summaries::totals::Tallying;
        let id = &summary.id;
        for ms in [0, 61_000 + CLOCK_SKEW_MS_MAX, FINISHING_MS_MAX + 1] {
            let now = self.now().plus_ms(ms);
            let mut tallying = Tallying::new(summary, now);
            for open in reader.open_collections(id).unwrap() {
                tallying.add(&open, None);
            }
            let tally = tallying.tally();
            let counted = rows.iter().filter(|row| row.is_counted());
            let states = count(counted.clone().map(|row| row.phase(now, NOT_AFTER, None)));
            prop_assert_eq!(tally.states, states);
            let sum = |of: fn(&StoredCollection) -> u64| {
                counted.clone().fold(0_u64, |sum, row| sum.saturating_add(of(row)))
            };
            prop_assert_eq!(tally.progress.seen, sum(|row| row.done.seen));
            prop_assert_eq!(tally.progress.cpu_ms, sum(|row| row.done.cpu_ms));
            prop_assert_eq!(tally.progress.rows, sum(|row| row.rows));
            prop_assert_eq!(tally.progress.stored_bytes, sum(|row| row.bytes));
            let more = |row: &StoredCollection| {
                row.cost.as_ref().map_or(0, |cost| cost.spent.waits_ms["more"])
            };
            let waits = tally.spent.waits_ms.get("more").copied().unwrap_or(0);
            prop_assert_eq!(waits, sum(more));
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_the_rows_are_what_a_rebuild_makes(steps in prop::collection::vec(step(), 0..40)) {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::new(folder.path());
        for step in steps {
            world.step(step);
        }
        for n in 0..REQUESTS {
            world.check(&hunt(n))?;
            let rebuilt = world.write(Write::Rebuild(hunt(n)));
            prop_assert_eq!(rebuilt, Some(WriteOutcome::Differed(0)));
            world.check(&hunt(n))?;
        }
        let looked = world.place.reader().unwrap().look_at_collections().unwrap();
        prop_assert_eq!(looked.different, []);
    }
}

#[test]
fn the_bytes_of_a_piece_that_comes_after_its_blob_stay_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path());
    let of = (0, 0, 1);
    world.step(Step::Launch(0, vec![0], false));
    for step in [Step::Blob(of, 0, false), Step::Piece(of, 0, false), Step::Blob(of, 0, false)] {
        world.step(step);
        world.check(&hunt(0)).unwrap();
        assert_eq!(world.write(Write::Rebuild(hunt(0))), Some(WriteOutcome::Differed(0)));
    }
}

#[test]
fn whatever_came_before_its_request_is_counted() {
    let of = (0, 0, 0);
    for early in [
        Step::Status(of, State::Started, 1, None, 1),
        Step::Rows(of, 0, 1, 0),
        Step::Piece(of, 0, true),
        Step::Blob(of, 0, true),
        Step::Contradiction(of, 0),
        Step::Rejected(of),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::new(folder.path());
        world.step(early);
        world.step(Step::Launch(0, vec![], false));
        world.check(&hunt(0)).unwrap();
        assert_eq!(world.write(Write::Rebuild(hunt(0))), Some(WriteOutcome::Differed(0)));
    }
}

#[test]
fn what_differs_is_found_and_put_right() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path());
    for step in [
        Step::Launch(0, vec![0, 1], true),
        Step::Rows((0, 0, 0), 0, 2, 0),
        Step::Status((0, 0, 0), State::Finished, 1, Some(1), 1),
        Step::Status((0, 1, 0), State::Finished, 1, Some(0), 3),
    ] {
        world.step(step);
    }
    let rebuild = || world.write(Write::Rebuild(hunt(0)));
    assert_eq!(rebuild(), Some(WriteOutcome::Differed(0)));
    let spoil = |sql: &str| world.place.connect().unwrap().execute_batch(sql).unwrap();
    let looked = || world.place.reader().unwrap().look_at_collections().unwrap();
    assert_eq!((looked().rows, looked().different.len()), (2, 0));
    spoil(
        "UPDATE collection SET rows = 7 WHERE agent = 'a-0'; DELETE FROM collection WHERE agent = 'a-1'",
    );
    assert_eq!(looked().different, [(hunt(0), agent(0))]);
    assert_eq!(rebuild(), Some(WriteOutcome::Differed(2)));
    spoil("UPDATE attempt SET chunks = 9, next = 9; UPDATE summary SET totals = x'80'");
    assert_eq!(rebuild(), Some(WriteOutcome::Differed(3)), "two attempts and the totals");
    spoil(
        "UPDATE summary SET totals = x'c0', hold = 'cancel'; UPDATE collection SET class = 'odd'",
    );
    assert_eq!(rebuild(), Some(WriteOutcome::Differed(3)));
    assert_eq!(rebuild(), Some(WriteOutcome::Differed(0)));
    world.check(&hunt(0)).unwrap();
}

#[test]
fn numbers_of_commits_only_grow_also_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path());
    let change =
        |world: &World| world.place.reader().unwrap().summary(&hunt(0)).unwrap().unwrap().change;
    world.step(Step::Launch(0, vec![0], true));
    let mut last = change(&world);
    for step in [
        Step::Rows((0, 0, 0), 0, 2, 0),
        Step::Opened,
        Step::Rows((0, 0, 0), 1, 2, 0),
        // The clock was put back.
        Step::Waited(-FINISHING_MS_MAX),
        Step::Opened,
        Step::Published(0),
        Step::Rows((0, 0, 0), 2, 2, 0),
        Step::Cancel(0),
    ] {
        let is_change = !matches!(step, Step::Opened | Step::Waited(_));
        world.step(step);
        assert_eq!(change(&world) > last, is_change);
        last = change(&world);
    }
    // What is there already, and what concerns another hunt, changes nothing.
    world.step(Step::Rows((0, 0, 0), 2, 2, 0));
    world.step(Step::Launch(1, vec![1], true));
    world.step(Step::Rows((1, 1, 0), 2, 2, 0));
    assert_eq!(change(&world), last);
}

#[test]
fn a_store_of_version_6_gets_its_read_models() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path());
    for step in [
        Step::Launch(0, vec![0, 1, 2], true),
        Step::Rows((0, 0, 0), 0, 2, 0),
        Step::Piece((0, 0, 0), 1, true),
        Step::Blob((0, 0, 0), 1, true),
        Step::Status((0, 0, 0), State::Finished, 1, Some(2), 1),
        Step::Status((0, 1, 0), State::Started, 1, None, 3),
        Step::Revoked(2),
        Step::Cancel(0),
    ] {
        world.step(step);
    }
    let read = |place: &DataDir| {
        use crate::store::Summary;
        let reader = place.reader().unwrap();
        let summary = reader.summary(&hunt(0)).unwrap().unwrap();
        (reader.stored_collections(&hunt(0)).unwrap(), Summary { change: 0, ..summary })
    };
    let before = read(&world.place);
    assert_eq!(before.0.len(), 3);
    world.writer = None;
    let old = "DROP TABLE collection; DROP TABLE summary;
        DROP TABLE fleet_curve; DROP INDEX blob_by_agent; DROP INDEX chunk_by_time; ALTER TABLE attempt DROP COLUMN chunks;
        ALTER TABLE attempt DROP COLUMN next; ALTER TABLE attempt DROP COLUMN rows;
        ALTER TABLE attempt DROP COLUMN stored; ALTER TABLE attempt DROP COLUMN first_row;
        ALTER TABLE audit DROP COLUMN hash;
        PRAGMA user_version = 6;";
    world.place.connect().unwrap().execute_batch(old).unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    assert_eq!(read(&place), before);
}

#[test]
fn a_store_of_version_7_learns_of_controls() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path());
    for step in [
        Step::Launch(0, vec![0, 1], true),
        Step::Launch(1, vec![0], false),
        Step::Status((0, 0, 0), State::Finished, 1, Some(0), 1),
        Step::Status((0, 1, 0), State::Started, 1, None, 3),
        Step::Control(0, Verb::Pause, 4),
        Step::Cancel(1),
    ] {
        world.step(step);
    }
    let read = |place: &DataDir| {
        let reader = place.reader().unwrap();
        let of = |n| reader.summary(&hunt(n)).unwrap().unwrap();
        (reader.stored_collections(&hunt(0)).unwrap(), [of(0), of(1)])
    };
    let before = read(&world.place);
    let [paused, cancelled] = &before.1;
    assert_eq!((paused.hold, paused.revision, cancelled.hold), (Hold::Pause, 4, Hold::Cancel));
    assert!(paused.received.is_some() && cancelled.received.is_none());
    world.writer = None;
    let old = "ALTER TABLE collection DROP COLUMN revision; ALTER TABLE summary DROP COLUMN hold;
        ALTER TABLE summary DROP COLUMN revision; ALTER TABLE summary DROP COLUMN received;
        ALTER TABLE summary DROP COLUMN name; ALTER TABLE summary DROP COLUMN note;
        ALTER TABLE summary DROP COLUMN \"case\"; DROP TABLE note;
        ALTER TABLE summary ADD COLUMN is_cancelled INTEGER NOT NULL DEFAULT 0; ALTER TABLE audit DROP COLUMN hash;
        PRAGMA user_version = 7;";
    world.place.connect().unwrap().execute_batch(old).unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    assert_eq!(read(&place), before);
    world.place = place;
    world.open();
    for n in 0..2 {
        assert_eq!(world.write(Write::Rebuild(hunt(n))), Some(WriteOutcome::Differed(0)));
    }
}

#[test]
fn an_agent_has_applied_a_control_when_a_status_of_it_says_so_or_its_part_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path());
    world.step(Step::Launch(0, vec![0, 1, 2], true));
    world.step(Step::Status((0, 0, 0), State::Finished, 1, Some(0), 1));
    let applied = |world: &World| {
        let reader = world.place.reader().unwrap();
        let request = reader.request(&hunt(0)).unwrap().unwrap();
        let known = (&**world.writer.as_ref().unwrap().news(), &Tallies::default());
        let view = current::read(&reader, known, &request, None, world.now()).unwrap();
        view.applied.map(|one| (one.revision, one.applied, one.of, one.waiting))
    };
    assert_eq!(applied(&world), None, "nothing to apply");
    let waiting = |agents: &[&str]| agents.iter().map(ToString::to_string).collect::<Vec<_>>();
    world.step(Step::Control(0, Verb::Pause, 2));
    assert_eq!(applied(&world), Some((2, 1, 3, waiting(&["a-1", "a-2"]))));
    world.step(Step::Applied((0, 1, 0), State::Paused, 2));
    assert_eq!(applied(&world), Some((2, 2, 3, waiting(&["a-2"]))));
    // Rows that were on their way do not make it run again.
    world.step(Step::Rows((0, 1, 0), 0, 1, 0));
    world.check(&hunt(0)).unwrap();
    // What it says of an older control is none of this one.
    world.step(Step::Applied((0, 2, 0), State::Started, 1));
    assert_eq!(applied(&world), Some((2, 2, 3, waiting(&["a-2"]))));
    world.step(Step::Control(0, Verb::Resume, 3));
    assert_eq!(applied(&world), Some((3, 1, 3, waiting(&["a-1", "a-2"]))));
    world.step(Step::Cancel(0));
    assert_eq!(applied(&world), None, "a cancel ends them: their states say so");
}

use std::path::Path;

use muster_protocol::artifact::Rows;
use muster_protocol::artifact::file_hash::{self, FILE_HASH, FileKind, FileStatus, Row as FileRow};
use muster_protocol::clock::{Clock, Timestamp};
use muster_protocol::ids::{AgentId, Attempt, FleetId, JournalId, RequestId};
use muster_protocol::limits::RESULT_BYTES_MAX;
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::sign::{Draft, SigningKey};
use muster_protocol::request::{Args, Limits, Sealed, Target};
use muster_protocol::result::rows::sha256;
use muster_protocol::result::{Footer, RowChunk, State, Status};
use muster_protocol::wire;
use rusqlite::params;
use serde_bytes::ByteBuf;

use super::*;
use crate::doctor::{Seen, doctor};
use crate::http::metrics::{Present, metrics};
use crate::hunts::files::files;
use crate::hunts::view::RequestSnapshot;
use crate::live::broker_health::Look;
use crate::store::filled::fill;
use crate::store::fleet::Roster;
use crate::store::{Audit, AuditFilter, Chunk, DataDir, List, NewAgent, Request, Write, Writer};
use crate::telemetry::marks::marks;
use crate::who_has::who_has;
use muster_api::{BrokerHealth, Doctor};

const HUNT: [u8; 16] = [9; 16];

fn agent(n: u8) -> AgentId {
    AgentId::new(&format!("a-{n}")).unwrap()
}

fn hunt() -> RequestId {
    RequestId::from_bytes(HUNT)
}

fn attempt() -> Attempt {
    Attempt { origin: hunt(), journal: JournalId::from_bytes([1; 16]) }
}

fn sealed() -> Sealed {
    let start = HuntStart::files(&file_hash::Args {
        roots: vec![ByteBuf::from("/")],
        ..file_hash::Args::default()
    })
    .unwrap();
    let key = SigningKey::from_seed(&[3; 32]);
    let draft = Draft {
        fleet: FleetId::from_bytes([4; 16]),
        target: Target::all(),
        limits: Limits::default(),
        issued: Timestamp(0),
        valid_ms: 1,
    };
    let body = draft.body(key.id(), &Args::HuntStart(start)).unwrap();
    key.seal(&body, None).unwrap()
}

fn request() -> Request {
    Request {
        id: hunt(),
        kind: "hunt.start".into(),
        operator: "ada".into(),
        issued: Timestamp(0),
        not_after: Timestamp(i64::MAX),
        target: "all".into(),
        route: muster_api::Route::Broadcast,
        sealed: sealed(),
        control: None,
        expected: vec![agent(1), agent(2)],
        revokes: vec![],
        names: vec![],
    }
}

fn status(n: u8, state: State) -> Status {
    Status {
        agent: agent(n),
        request: hunt(),
        attempt: attempt(),
        state,
        at: Timestamp(5),
        code: String::new(),
        reason: String::new(),
        revision: 0,
        chunks: Some(1),
        footer: Some(Footer::default()),
        host: String::new(),
        machine: None,
        instance: None,
    }
}

fn chunk(n: u8) -> Chunk {
    let row = FileRow::bare(b"/found".to_vec(), FileKind::Regular, FileStatus::Ok, 0);
    let body = Rows::of([row]).pack().unwrap();
    let message = RowChunk {
        agent: agent(n),
        request: hunt(),
        attempt: attempt(),
        seq: 0,
        artifact: FILE_HASH.to_owned(),
        schema: 1,
        rows: 1,
        sha256: sha256(&body),
        body: ByteBuf::from(body),
    };
    Chunk {
        request: hunt(),
        agent: agent(n),
        attempt: attempt(),
        seq: 0,
        rows: 1,
        blob: None,
        sha256: message.sha256.to_vec(),
        body: wire::encode(&message).unwrap(),
    }
}

fn sample(n: u8) -> Write {
    let now = Clock::system().now();
    let journal = JournalId::from_bytes([1; 16]);
    let json = serde_json::json!({"agent": agent(n), "at": now, "journal": journal, "host": "h"});
    Write::Telemetry(Box::new(serde_json::from_value(json).unwrap()))
}

/// A sound store: two agents, one hunt, which both have finished.
fn sound(folder: &Path) -> DataDir {
    let place = DataDir::prepare(folder).unwrap();
    let new = |n| NewAgent { id: agent(n), name: "a".into(), labels: "{}".into() };
    fill(
        &place,
        vec![
            Write::Agents(vec![new(1), new(2)], Audit::default()),
            Write::Request(Box::new(request()), Audit::default()),
            sample(1),
            sample(2),
            Write::Status(Box::new(status(1, State::Started))),
            Write::Status(Box::new(status(1, State::Finished))),
            Write::Status(Box::new(status(2, State::Finished))),
            Write::Chunk(chunk(1)),
            Write::Chunk(chunk(2)),
        ],
    );
    place
}

/// Shows the requests that can be read.
fn listed<T>(
    reader: &Reader,
    ids: &[RequestId],
    now: Timestamp,
    show: impl Fn(RequestSnapshot) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let (mut shown, roster) = (Vec::new(), Roster::load(reader).unwrap());
    for id in ids {
        let Some(request) = reader.request(id)? else { continue };
        let one = RequestSnapshot::read(reader, &roster, request, now).and_then(&show);
        shown.extend(reader.readable_request(id, one)?);
    }
    Ok(shown)
}

/// What every view shows, told as the number of things that each lists.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    agents: usize,
    heard: usize,
    hunts: usize,
    finished: u64,
    rows: usize,
    scanned: u64,
    marks: usize,
    audit: usize,
    dead: usize,
    unpublished: usize,
    lives: usize,
    parts: usize,
}

/// Asks the doctor, with a broker that is well.
#[track_caller]
fn examined(reader: &Reader, now: Timestamp) -> Doctor {
    let link = BrokerHealth {
        connected: true,
        address: String::new(),
        since: Timestamp(0).into(),
        cause: None,
        blocked: None,
    };
    let look = Look { at: now, found: Err("not asked".to_owned()), growing: Vec::new() };
    let seen = Seen { link: &link, blockage: None, look: &look, settings: None };
    doctor(reader, &Roster::load(reader).unwrap().all(), None, &seen, now).unwrap()
}

/// Asks every view; none may fail.
#[track_caller]
fn shown(reader: &Reader) -> Shown {
    let now = Clock::system().now();
    let agents = reader.agents().unwrap();
    let hunts = reader.listed(List::Hunts, None, 10).unwrap();
    let views = listed(reader, &hunts, now, |whole| whole.hunt()).unwrap();
    let profiles = reader.listed(List::Profiles, None, 10).unwrap();
    listed(reader, &profiles, now, |whole| whole.profile()).unwrap();
    let roster = Roster::load(reader).unwrap();
    let request = reader.request(&hunt()).unwrap().unwrap();
    let whole = RequestSnapshot::read(reader, &roster, request, now).unwrap();
    files(reader, &roster, &hunt(), (None, 10)).unwrap();
    let mut rows = 0;
    for (agent, _, run) in whole.counting() {
        let visit = |found: Rows| {
            rows += found.len();
            Ok(true)
        };
        reader.rows(&hunt(), &agent, &run, visit).unwrap();
    }
    examined(reader, now);
    let present = Present {
        now,
        is_connected: true,
        is_blocked: false,
        is_writable: true,
        waiting: 0,
        own: BTreeSet::new(),
        counts: crate::live::counters::Snapshot::default(),
        agents: 10,
    };
    metrics(reader, &Roster::load(reader).unwrap().all(), &present).unwrap();
    let heard = reader.heard(&agent(1)).unwrap();
    let span = (Timestamp(0), now);
    let marks = marks(reader, &agent(1), heard.as_ref(), span).unwrap();
    reader.curve(&agent(1), span, crate::curves::Step::Hour).unwrap();
    reader.own_unfinished().unwrap();
    reader.last_offset().unwrap();
    reader.quarantined().unwrap();
    reader.held().unwrap();
    reader.dead_agents(5).unwrap();
    reader.facts_since(&agent(1), Timestamp(0)).unwrap();
    reader.policy(&agent(1)).unwrap();
    reader.journals(&agent(1)).unwrap();
    Shown {
        agents: agents.len(),
        heard: agents.iter().filter(|agent| agent.heard.is_some()).count(),
        hunts: views.len(),
        finished: views.iter().map(|view| view.states.finished).sum(),
        rows,
        scanned: who_has(reader, &roster, &["ab".repeat(32)], || true).unwrap().scanned_rows,
        marks: marks.shown.len(),
        audit: audit_lines(reader),
        dead: reader.dead().unwrap().len(),
        unpublished: reader.unpublished(Timestamp(0)).unwrap().len(),
        lives: reader.lives("hunt.start").unwrap().len(),
        parts: whole.parts_shown().len(),
    }
}

fn audit_lines(reader: &Reader) -> usize {
    let numbers = reader.audit_numbers(&AuditFilter::default(), None, usize::MAX).unwrap();
    reader.audit(&numbers).unwrap().len()
}

const SOUND: Shown = Shown {
    agents: 2,
    heard: 2,
    hunts: 1,
    finished: 2,
    rows: 2,
    scanned: 2,
    marks: 1,
    audit: 2,
    dead: 0,
    unpublished: 1,
    lives: 1,
    parts: 2,
};

#[test]
fn a_sound_store_is_shown_whole() {
    let folder = tempfile::tempdir().unwrap();
    let reader = sound(folder.path()).reader().unwrap();
    assert_eq!(shown(&reader), SOUND);
    assert!(reader.unreadable().counts().is_empty());
}

/// One way to spoil a store, the records that cannot be read then, and what is shown all the same.
struct Poison {
    sql: &'static str,
    noted: &'static [(Table, &'static str)],
    shown: Shown,
}

/// One record a table that cannot be read; `?1` is a body over the cap, `?2` the id of the hunt.
#[expect(clippy::too_many_lines, reason = "a list")]
fn poisons() -> Vec<Poison> {
    let bad = |sql, noted| Poison { sql, noted, shown: SOUND };
    vec![
        Poison {
            shown: Shown { heard: 1, ..SOUND },
            ..bad(
                "UPDATE heard SET body = ?1 WHERE agent = 'a-1' AND ?2 IS NOT NULL",
                &[(Table::Heard, "a-1")],
            )
        },
        Poison {
            shown: Shown { heard: 1, ..SOUND },
            ..bad(
                "UPDATE heard SET received = 'x', body = ?1 WHERE agent = 'a-1' AND ?2 IS NOT NULL",
                &[(Table::Heard, "a-1")],
            )
        },
        Poison {
            shown: Shown { finished: 1, ..SOUND },
            ..bad(
                "UPDATE status SET body = ?1 WHERE agent = 'a-1' AND is_final AND ?2 IS NOT NULL",
                &[(Table::Status, "a-1")],
            )
        },
        Poison {
            shown: Shown { finished: 1, ..SOUND },
            ..bad(
                "UPDATE status SET body = 'text' WHERE agent = 'a-1' AND is_final
                 AND ?1 IS NOT NULL AND ?2 IS NOT NULL",
                &[(Table::Status, "a-1")],
            )
        },
        Poison {
            shown: Shown { rows: 1, scanned: 1, ..SOUND },
            ..bad(
                "UPDATE chunk SET body = ?1 WHERE agent = 'a-1' AND ?2 IS NOT NULL",
                &[(Table::Chunk, "a-1")],
            )
        },
        Poison {
            shown: Shown { rows: 1, scanned: 1, ..SOUND },
            ..bad(
                "UPDATE chunk SET body = NULL WHERE agent = 'a-1' AND ?1 IS NOT NULL
                 AND ?2 IS NOT NULL",
                &[(Table::Chunk, "a-1")],
            )
        },
        bad(
            "INSERT INTO chunk SELECT request, 'NOT AN ID', origin, journal, seq, rows, blob, sha256, ?1, received
             FROM chunk WHERE agent = 'a-1' AND ?2 IS NOT NULL",
            &[(Table::Chunk, "NOT AN ID")],
        ),
        bad(
            "INSERT INTO chunk SELECT request, agent, x'00', journal, seq, rows, blob, sha256, ?1, received
             FROM chunk WHERE agent = 'a-1' AND ?2 IS NOT NULL",
            &[(Table::Chunk, "a-1")],
        ),
        bad(
            "INSERT INTO agent VALUES (x'ff1b', 'a', '{}', 0, NULL), ('a-3', ?1, '{}', 0, ?2)",
            &[(Table::Agent, "a-3"), (Table::Agent, "\u{fffd}\\u{1b}")],
        ),
        bad(
            "INSERT INTO expected (request, agent) SELECT ?2, 'NO' WHERE ?1 IS NOT NULL",
            &[(Table::Expected, "NO")],
        ),
        bad(
            "INSERT INTO conflict VALUES (?2, 'NO', x'00', x'00', 0, ?1)",
            &[(Table::Conflict, "NO")],
        ),
        bad(
            "INSERT INTO attempt (request, agent, origin, journal, bytes, fault, reason)
             VALUES (?2, 'NO', x'00', x'00', 0, 'quota', ?1)",
            &[(Table::Attempt, "NO")],
        ),
        bad(
            "INSERT INTO blob VALUES (?2, 'NO', x'00', x'00', 0, 'file', ?1, 1, 0)",
            &[(Table::Blob, "NO")],
        ),
        bad(
            "INSERT INTO dead SELECT ?1, 'x', 1, 1 WHERE ?2 IS NOT NULL",
            &[(Table::Dead, "")],
        ),
        bad(
            "INSERT INTO dead_of SELECT 'a-1', 'rows', 'x', 'x', 1
             WHERE ?1 IS NOT NULL AND ?2 IS NOT NULL",
            &[(Table::DeadOf, "a-1")],
        ),
        bad(
            "UPDATE facts SET body = ?1 WHERE agent = 'a-1' AND ?2 IS NOT NULL",
            &[(Table::Facts, "a-1")],
        ),
        bad(
            "INSERT INTO policy SELECT 'a-1', 0, ?1 WHERE ?2 IS NOT NULL",
            &[(Table::Policy, "a-1")],
        ),
        bad(
            "INSERT INTO policy SELECT 'a-1', 'x', ?1 WHERE ?2 IS NOT NULL",
            &[(Table::Policy, "a-1")],
        ),
        bad(
            "INSERT INTO heard SELECT 'a-1', x'00', 0, x'80' WHERE ?1 IS NOT NULL AND ?2 IS NOT NULL",
            &[],
        ),
        bad(
            "INSERT INTO quarantine SELECT 'a-1', ?1, 'x' WHERE ?2 IS NOT NULL",
            &[(Table::Quarantine, "a-1")],
        ),
        bad(
            "INSERT INTO held SELECT 'NO', 0 WHERE ?1 IS NOT NULL AND ?2 IS NOT NULL",
            &[(Table::Held, "NO")],
        ),
        bad(
            "INSERT INTO audit (at, token, operator, action, subject, detail, hash)
             SELECT 0, ?1, '', '', '', '', x'' WHERE ?2 IS NOT NULL",
            &[(Table::Audit, "")],
        ),
        // A request whose id is none; one that is not what was signed; one that was signed and means nothing.
        Poison {
            shown: SOUND,
            ..bad(
                "INSERT INTO request SELECT x'01', kind, operator, issued, not_after, target, route, sealed,
                 is_published, NULL, NULL, NULL, NULL FROM request WHERE id = ?2 AND ?1 IS NOT NULL",
                &[(Table::Request, "")],
            )
        },
        Poison {
            shown: Shown { lives: 2, ..SOUND },
            ..bad(
                "INSERT INTO request SELECT x'01010101010101010101010101010101', kind, operator, issued,
                 not_after, target, route, ?1, is_published, NULL, NULL, NULL, NULL FROM request WHERE id = ?2",
                &[(Table::Request, "")],
            )
        },
        Poison {
            shown: Shown { lives: 2, unpublished: 2, ..SOUND },
            ..bad(
                "INSERT INTO request SELECT x'01010101010101010101010101010101', kind, operator, issued,
                 not_after, target, route, x'85a46b696e64a0a26964a0a4626f6479c400a3736967c400a463657274c400',
                 is_published, NULL, NULL, NULL, NULL FROM request WHERE id = ?2 AND ?1 IS NOT NULL",
                &[(Table::Request, "")],
            )
        },
    ]
}

#[test]
fn no_record_takes_a_list_with_it() {
    for Poison { sql, noted, shown: expected } in poisons() {
        let folder = tempfile::tempdir().unwrap();
        let place = sound(folder.path());
        let over = vec![0x80_u8; RESULT_BYTES_MAX + 1];
        place.connect().unwrap().execute(sql, params![over, HUNT]).unwrap();
        // As a coordinator finds it that is started now.
        let reader = DataDir::prepare(folder.path()).unwrap().reader().unwrap();
        for _ in 0..2 {
            assert_eq!(shown(&reader), expected, "{sql}");
            let counts = reader.unreadable().counts();
            let keys: Vec<_> =
                counts.iter().map(|((table, agent), count)| (*table, &**agent, *count)).collect();
            let noted: Vec<_> = noted.iter().map(|(table, agent)| (*table, *agent, 1)).collect();
            assert_eq!(keys, noted, "{sql}");
        }
    }
}

#[test]
fn doctor_names_them_and_what_replaces_one_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let place = sound(folder.path());
    let over = vec![0x80_u8; RESULT_BYTES_MAX + 1];
    let spoil = |sql: &str| place.connect().unwrap().execute(sql, [&over]).unwrap();
    assert_eq!(spoil("UPDATE status SET body = ?1 WHERE agent = 'a-1'"), 2);
    assert_eq!(spoil("UPDATE heard SET body = ?1 WHERE agent = 'a-1'"), 1);
    let reader = place.reader().unwrap();
    assert_eq!(shown(&reader), Shown { finished: 1, heard: 1, marks: 0, ..SOUND });
    let check = || {
        let doctor = examined(&reader, Clock::system().now());
        let check = doctor.checks.into_iter().find(|check| check.name == "unreadable_records");
        check.unwrap().message
    };
    let said = check();
    assert!(said.starts_with("3 stored records cannot be read"), "{said}");
    assert!(said.contains("1 of heard (a-1), 2 of status (a-1)"), "{said}");
    // The agent goes on: what it says now takes the places.
    let again = |state| Write::Status(Box::new(status(1, state)));
    fill(&place, vec![again(State::Started), again(State::Finished), sample(1)]);
    assert_eq!(shown(&reader), SOUND);
    assert_eq!(check(), "none");
}

#[test]
fn what_could_not_be_read_again_is_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let place = sound(folder.path());
    let long = Status { reason: "x".repeat(RESULT_BYTES_MAX), ..status(1, State::Cancelled) };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let refused = runtime.block_on(async {
        Writer::start(&place).unwrap().write(Write::Status(Box::new(long))).await
    });
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    assert_eq!(shown(&place.reader().unwrap()), SOUND);
}

#[test]
fn figures_of_older_versions_are_cut_when_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let place = sound(folder.path());
    let mut huge = status(1, State::Finished);
    let waits = (0..20_000).map(|n| (format!("wait-{n}"), 1)).collect();
    huge.footer.as_mut().unwrap().spent.waits_ms = waits;
    let body = wire::encode(&huge).unwrap();
    let sql = "UPDATE status SET body = ?1 WHERE agent = 'a-1' AND is_final";
    place.connect().unwrap().execute(sql, [body]).unwrap();
    let reader = place.reader().unwrap();
    assert_eq!(shown(&reader), SOUND);
    let collections = reader.collections(&hunt()).unwrap();
    let run = &collections.parts[&agent(1)].runs[&attempt()];
    let waits = &run.footer().unwrap().spent.waits_ms;
    assert_eq!((waits.len(), waits.values().sum::<u64>()), (65, 20_000));
}

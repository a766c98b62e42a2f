use muster_protocol::ids::{AgentId, Attempt};
use muster_protocol::request::lifecycle::{Controls, Hold};
use muster_protocol::request::{Sealed, Verb};
use muster_protocol::result::rows::sha256;
use muster_protocol::result::{RowChunk, State, Status};
use serde_bytes::ByteBuf;

use super::*;
use crate::session::RequestState;

#[test]
fn what_it_holds_is_for_its_user_alone_also_in_a_folder_that_others_may_read() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let journal = Journal::open(folder.path(), "machine", None).unwrap();
    journal.prune(Timestamp(0)).unwrap();
    let modes = || {
        let files = std::fs::read_dir(folder.path()).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().mode() & 0o777).collect::<Vec<_>>()
    };
    assert_eq!(modes(), [0o600; 4], "database, -wal and -shm, and the lock");
    for end in ["", "-wal", "-shm"] {
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(folder.path().join(format!("journal.sqlite{end}")), open).unwrap();
    }
    drop(journal);
    let _journal = Journal::open(folder.path(), "machine", None).unwrap();
    assert!(modes().iter().all(|mode| *mode == 0o600), "{:?}", modes());
}

fn agent() -> AgentId {
    AgentId::new("a-1").unwrap()
}

fn sealed(id: muster_protocol::ids::RequestId) -> Sealed {
    Sealed {
        kind: "hunt.start".to_owned(),
        id: id.to_string(),
        body: ByteBuf::from(vec![1, 2, 3]),
        sig: ByteBuf::new(),
        cert: ByteBuf::new(),
    }
}

fn chunk(
    journal: &Journal,
    request: muster_protocol::ids::RequestId,
    seq: u64,
    bytes: usize,
) -> RowChunk {
    let body = vec![7; bytes];
    RowChunk {
        agent: agent(),
        request,
        attempt: Attempt { origin: request, journal: journal.id() },
        seq,
        artifact: "file_hash".to_owned(),
        schema: 1,
        rows: 1,
        sha256: sha256(&body),
        body: ByteBuf::from(body),
    }
}

fn final_status(journal: &Journal, request: muster_protocol::ids::RequestId) -> Status {
    Status {
        agent: agent(),
        request,
        attempt: Attempt { origin: request, journal: journal.id() },
        state: State::Finished,
        at: Timestamp(5),
        code: String::new(),
        reason: String::new(),
        revision: 0,
        chunks: Some(1),
        footer: None,
        host: String::new(),
        machine: None,
        instance: None,
    }
}

#[test]
fn how_a_request_stands_is_known_from_its_arrival_to_its_end() {
    let journal = Journal::in_memory().unwrap();
    let standing = |id| journal.standing(id).unwrap();
    assert_eq!(
        standing(muster_protocol::ids::RequestId::new()),
        RequestState::Pending,
        "it may still come"
    );
    let id = start(&journal);
    assert_eq!(standing(id), RequestState::Pending, "it waits for a lane");
    journal.begin(id, Timestamp(2)).unwrap();
    assert_eq!(standing(id), RequestState::Running);
    let last = final_status(&journal, id);
    let step = Step { last: Some(&last), ..Step::default() };
    journal.step(&agent(), id, &step).unwrap();
    assert_eq!(standing(id), RequestState::Ended);
    let refused = muster_protocol::ids::RequestId::new();
    let intake = Intake { refused: Some(refused), ..Intake::default() };
    journal.take(&intake, Timestamp(3)).unwrap();
    assert_eq!(standing(refused), RequestState::Ended);
}

fn start(journal: &Journal) -> muster_protocol::ids::RequestId {
    let id = muster_protocol::ids::RequestId::new();
    let request = sealed(id);
    let intake = Intake {
        stream: Some((7, Some(id))),
        seen: Some(id),
        start: Some((id, &request, false)),
        ..Intake::default()
    };
    journal.take(&intake, Timestamp(1)).unwrap();
    id
}

#[test]
fn a_request_its_offset_and_its_id_survive_together() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "m", None).unwrap();
    let own = journal.id();
    let id = start(&journal);
    drop(journal);
    let journal = Journal::open(folder.path(), "m", None).unwrap();
    assert_eq!(journal.id(), own);
    let place = journal.stream_place().unwrap().unwrap();
    assert_eq!((place.offset, place.id, place.epoch), (7, Some(id), Some(id)));
    assert!(journal.is_seen(id).unwrap());
    assert_eq!(journal.collections().unwrap()[0].sealed, sealed(id));
}

#[test]
fn what_fails_in_one_transaction_leaves_nothing() {
    let journal = Journal::in_memory().unwrap();
    let id = start(&journal);
    // The id is there already: the second insert breaks, and with it the offset.
    let request = sealed(id);
    let again = Intake {
        stream: Some((8, Some(id))),
        start: Some((id, &request, false)),
        ..Intake::default()
    };
    journal.take(&again, Timestamp(1)).unwrap_err();
    assert_eq!(journal.stream_place().unwrap().unwrap().offset, 7);
}

#[test]
fn a_chunk_its_cursor_and_the_next_seq_survive_together() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "m", None).unwrap();
    let id = start(&journal);
    journal.begin(id, Timestamp(2)).unwrap();
    let cursor = b"/x\xff".to_vec();
    let rows = chunk(&journal, id, 0, 10);
    let figures = Figures { rows: 1, ..Figures::default() };
    let step = Step {
        rows: std::slice::from_ref(&rows),
        cursor: Some(&cursor),
        figures: Some(&figures),
        ..Step::default()
    };
    journal.step(&agent(), id, &step).unwrap();
    drop(journal);
    let journal = Journal::open(folder.path(), "m", None).unwrap();
    let stored = journal.collection(id).unwrap().unwrap();
    assert_eq!((stored.next_seq, stored.deaths, stored.is_running), (1, 0, true));
    assert_eq!(stored.cursor, Some(cursor));
    assert_eq!(stored.figures, figures);
    assert_eq!(journal.outbox_size().0, 1);
}

#[test]
fn the_last_word_takes_the_collection_away_and_stays_until_confirmed() {
    let journal = Journal::in_memory().unwrap();
    let id = start(&journal);
    let rows = chunk(&journal, id, 0, 10);
    let last = final_status(&journal, id);
    let step = Step { rows: std::slice::from_ref(&rows), last: Some(&last), ..Step::default() };
    journal.step(&agent(), id, &step).unwrap();
    assert!(journal.collection(id).unwrap().is_none());
    let none = std::collections::BTreeSet::new();
    let status = journal.outbox_next(false, &none).unwrap().unwrap();
    let rows = journal.outbox_next(true, &none).unwrap().unwrap();
    assert_eq!(status.routing_key, format!("status.a-1.{id}"));
    assert_eq!(rows.routing_key, format!("rows.a-1.{id}"));
    assert!(journal.outbox_next(true, &[rows.key].into()).unwrap().is_none());
    journal.outbox_confirmed(&status).unwrap();
    journal.outbox_confirmed(&rows).unwrap();
    assert_eq!(journal.outbox_size(), (0, 0));
    assert!(journal.outbox_next(false, &none).unwrap().is_none());
}

#[test]
fn runs_without_progress_are_counted_and_progress_forgives_them() {
    let journal = Journal::in_memory().unwrap();
    let id = start(&journal);
    for deaths in 1..=3 {
        journal.begin(id, Timestamp(9)).unwrap();
        assert_eq!(journal.collection(id).unwrap().unwrap().deaths, deaths);
    }
    journal.step(&agent(), id, &Step::default()).unwrap();
    assert_eq!(journal.collection(id).unwrap().unwrap().deaths, 0);
}

/// A journal with a request that runs, is at chunk 1 of its attempt and has a chunk in the outbox.
fn in_the_middle(
    folder: &std::path::Path,
) -> (muster_protocol::ids::JournalId, muster_protocol::ids::RequestId) {
    let journal = Journal::open(folder, "m", Some("f")).unwrap();
    let id = start(&journal);
    let key = muster_protocol::ids::KeyId::of(&[1; 32]);
    let intake = Intake { revoke: vec![key], ..Intake::default() };
    journal.take(&intake, Timestamp(1)).unwrap();
    journal.begin(id, Timestamp(2)).unwrap();
    let rows = chunk(&journal, id, 0, 10);
    let step = Step { rows: std::slice::from_ref(&rows), ..Step::default() };
    journal.step(&agent(), id, &step).unwrap();
    (journal.id(), id)
}

/// The copy is another attempt from its beginning, and nothing that was owed is forgotten.
fn assert_begins_again(
    journal: &Journal,
    (own, id): (muster_protocol::ids::JournalId, muster_protocol::ids::RequestId),
) {
    assert_ne!(journal.id(), own);
    assert!(journal.moved().is_some());
    let owed = journal.collection(id).unwrap().unwrap();
    assert_eq!((owed.next_seq, owed.is_running, owed.deaths), (0, false, 0));
    assert_eq!(journal.outbox_size().0, 1, "what it had not sent yet is sent");
    assert!(journal.is_seen(id).unwrap());
    assert_eq!(journal.stream_place().unwrap().unwrap().offset, 7);
    assert_eq!(journal.revoked().unwrap().len(), 1);
}

#[test]
fn the_journal_of_another_machine_goes_on_as_another_and_forgets_nothing() {
    for (machine_id, firmware_id) in [("other", Some("f")), ("m", Some("g"))] {
        let folder = tempfile::tempdir().unwrap();
        let was = in_the_middle(folder.path());
        let journal = Journal::open(folder.path(), machine_id, firmware_id).unwrap();
        assert_begins_again(&journal, was);
        let begun = journal.id();
        drop(journal);
        let journal = Journal::open(folder.path(), machine_id, firmware_id).unwrap();
        assert_eq!((journal.id(), journal.moved()), (begun, None), "once");
    }
}

#[test]
fn a_copy_of_the_journal_goes_on_as_another_and_the_original_as_itself() {
    let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let was = in_the_middle(folder.path());
    std::fs::copy(path(folder.path()), path(copy.path())).unwrap();
    assert_begins_again(&Journal::open(copy.path(), "m", Some("f")).unwrap(), was);
    let journal = Journal::open(folder.path(), "m", None).unwrap();
    assert_eq!(
        (journal.id(), journal.moved()),
        (was.0, None),
        "without root it is the same machine"
    );
}

#[test]
fn a_folder_has_one_journal_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "m", None).unwrap();
    let refused = Journal::open(folder.path(), "m", None).unwrap_err();
    assert!(
        refused.hint(folder.path()).contains(&format!("process {}", std::process::id())),
        "{refused}"
    );
    drop(journal);
    Journal::open(folder.path(), "m", None).unwrap();
}

#[test]
fn a_look_finds_what_would_keep_an_agent_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let seen = || look(folder.path(), "m", Some("f"));
    assert_eq!(seen().unwrap(), None);
    let (_, _) = in_the_middle(folder.path());
    assert_eq!(seen().unwrap(), Some(Seen { outbox: 1, owed: 1, moved: None }));
    let moved = look(folder.path(), "other", None).unwrap().unwrap().moved;
    assert!(moved.unwrap().contains("another machine"), "{moved:?}");
    std::fs::write(
        path(folder.path()),
        b"this is no database, but long enough to be taken for one",
    )
    .unwrap();
    let damaged = seen().unwrap_err();
    assert!(matches!(damaged, JournalError::Damaged(_)), "{damaged}");
    assert!(damaged.hint(folder.path()).contains("journal.sqlite*"));
    assert!(matches!(
        Journal::open(folder.path(), "m", None).unwrap_err(),
        JournalError::Damaged(_)
    ));
}

#[test]
fn the_generation_only_grows() {
    let folder = tempfile::tempdir().unwrap();
    let (_, id) = in_the_middle(folder.path());
    let journal = Journal::open(folder.path(), "m", None).unwrap();
    assert_eq!(journal.generation().unwrap(), 1);
    let sent = journal.outbox_next(true, &std::collections::BTreeSet::new()).unwrap().unwrap();
    journal.outbox_confirmed(&sent).unwrap();
    assert_eq!(journal.generation().unwrap(), 1, "what is sent was there");
    journal.put_status(&final_status(&journal, id)).unwrap();
    assert_eq!(journal.generation().unwrap(), 2);
}

#[test]
fn a_full_disk_is_told_apart_and_passes() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "m", None).unwrap();
    let id = start(&journal);
    journal.cap_pages(Some(2));
    let rows = chunk(&journal, id, 0, 100_000);
    let step = Step { rows: std::slice::from_ref(&rows), ..Step::default() };
    assert!(matches!(journal.step(&agent(), id, &step), Err(JournalError::Full(_))));
    assert!(journal.is_full());
    assert_eq!(journal.collection(id).unwrap().unwrap().next_seq, 0);
    assert_eq!(journal.outbox_size(), (0, 0));
    journal.cap_pages(None);
    journal.step(&agent(), id, &step).unwrap();
    assert!(!journal.is_full());
    assert_eq!(journal.collection(id).unwrap().unwrap().next_seq, 1);
}

#[test]
fn tables_of_another_version_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(Journal::open(folder.path(), "m", None).unwrap());
    let db = Connection::open(folder.path().join("journal.sqlite")).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    assert_eq!(Journal::open(folder.path(), "m", None).unwrap_err(), JournalError::Version(99));
}

#[test]
fn tables_of_the_first_version_are_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "m", None).unwrap();
    let (id, request) = (journal.id(), start(&journal));
    drop(journal);
    let db = Connection::open(folder.path().join("journal.sqlite")).unwrap();
    db.execute_batch("DROP TABLE parts; DROP TABLE part_uses").unwrap();
    as_of_version_2(&db, request, 1);
    drop(db);
    let journal = Journal::open(folder.path(), "m", None).unwrap();
    assert_eq!((journal.id(), journal.unfinished().unwrap()), (id, 1));
    assert!(journal.is_seen(request).unwrap());
    assert_eq!(journal.controls(request).unwrap().hold(), Hold::Cancel);
    let part = part(&journal, 10, 5);
    assert_eq!(journal.part(part).unwrap(), Some(vec![1; 10]));
}

/// Makes the table of controls one of version 2, with a cancel of a request in it.
fn as_of_version_2(db: &Connection, request: muster_protocol::ids::RequestId, version: i64) {
    db.execute_batch(
        "DROP TABLE controls;
         CREATE TABLE controls (request BLOB NOT NULL, class TEXT NOT NULL, revision INTEGER NOT NULL, at INTEGER NOT NULL,
           PRIMARY KEY (request, class)) WITHOUT ROWID;
         ALTER TABLE collections DROP COLUMN held_since;
         ALTER TABLE collections DROP COLUMN held_told;",
    )
    .unwrap();
    let sql = "INSERT INTO controls VALUES (?1, ?2, ?3, 0)";
    for class in ["hunt", "profile"] {
        db.execute(sql, params![request.as_bytes(), class, 7]).unwrap();
    }
    db.pragma_update(None, "user_version", version).unwrap();
}

#[test]
fn controls_of_version_2_were_cancels() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "m", None).unwrap();
    let (cancelled, other) = (start(&journal), start(&journal));
    drop(journal);
    let db = Connection::open(folder.path().join("journal.sqlite")).unwrap();
    as_of_version_2(&db, cancelled, 2);
    drop(db);
    let journal = Journal::open(folder.path(), "m", None).unwrap();
    assert_eq!(journal.controls(cancelled).unwrap().hold(), Hold::Cancel);
    assert_eq!(journal.controls(other).unwrap(), Controls::default());
    // Every control is kept, with its verb, also two of one revision.
    control(&journal, other, Verb::Pause, 9);
    control(&journal, other, Verb::Cancel, 9);
    let controls = journal.controls(other).unwrap();
    assert_eq!((controls.hold(), controls.revision()), (Hold::Cancel, 9));
}

fn control(journal: &Journal, about: muster_protocol::ids::RequestId, verb: Verb, revision: u64) {
    let status = Status { state: State::Paused, chunks: None, ..final_status(journal, about) };
    let control = Some(Controlled { about, verb, revision, status });
    journal.take(&Intake { control, ..Intake::default() }, Timestamp(1)).unwrap();
}

/// The states in the outbox, with the revision of each.
fn said(journal: &Journal) -> Vec<(State, u64)> {
    let (mut taken, mut said) = (std::collections::BTreeSet::new(), Vec::new());
    while let Some(message) = journal.outbox_next(false, &taken).unwrap() {
        taken.insert(message.key);
        let status: Status = muster_protocol::wire::decode(&message.body, 100_000).unwrap();
        said.push((status.state, status.revision));
    }
    said
}

#[test]
fn tables_of_version_3_are_taken_over_with_their_controls() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "m", None).unwrap();
    let (id, request) = (journal.id(), start(&journal));
    drop(journal);
    let db = Connection::open(folder.path().join("journal.sqlite")).unwrap();
    db.execute_batch(
        "DROP TABLE controls;
         CREATE TABLE controls (request BLOB NOT NULL, revision INTEGER NOT NULL, verb TEXT NOT NULL, at INTEGER NOT NULL,
           PRIMARY KEY (request, revision)) WITHOUT ROWID;
         ALTER TABLE collections DROP COLUMN held_since;
         ALTER TABLE collections DROP COLUMN held_told;",
    )
    .unwrap();
    let sql = "INSERT INTO controls VALUES (?1, ?2, ?3, 0)";
    for (revision, verb) in [(3, "resume"), (4, "drain")] {
        db.execute(sql, params![request.as_bytes(), revision, verb]).unwrap();
    }
    db.pragma_update(None, "user_version", 3).unwrap();
    drop(db);
    let journal = Journal::open(folder.path(), "m", None).unwrap();
    let controls = journal.controls(request).unwrap();
    assert_eq!((journal.id(), controls.hold(), controls.revision()), (id, Hold::Drain, 4));
    let collection = journal.collection(request).unwrap().unwrap();
    assert_eq!((collection.is_held(), collection.held_since), (true, None));
    assert!(!collection.is_hold_told, "its agent says so");
}

#[test]
fn what_is_held_does_not_begin_and_reports_nothing_but_that() {
    let journal = Journal::in_memory().unwrap();
    let id = start(&journal);
    control(&journal, id, Verb::Drain, 2);
    assert!(!journal.begin(id, Timestamp(1)).unwrap());
    control(&journal, id, Verb::Resume, 3);
    assert!(journal.begin(id, Timestamp(1)).unwrap());
    control(&journal, id, Verb::Drain, 4);
    let progress = Status { state: State::Progress, ..final_status(&journal, id) };
    assert!(journal.put_progress(&progress, None).unwrap().is_some(), "what runs goes on");
    control(&journal, id, Verb::Pause, 5);
    assert_eq!(journal.put_progress(&progress, None).unwrap(), None);
    let since = journal.collection(id).unwrap().unwrap().held_since;
    assert_eq!(since, Some(Timestamp(1)));
    let paused = Status { state: State::Paused, chunks: None, ..final_status(&journal, id) };
    let step = Step { paused: Some(&paused), ..Step::default() };
    journal.step(&agent(), id, &step).unwrap();
    journal.tell_held(&paused).unwrap();
    control(&journal, id, Verb::Resume, 6);
    journal.step(&agent(), id, &step).unwrap();
    journal.step(&agent(), id, &Step { last: Some(&progress), ..Step::default() }).unwrap();
    let wanted = [
        (State::Paused, 2),
        (State::Queued, 3),
        (State::Started, 4),
        (State::Progress, 4),
        (State::Paused, 5),
        (State::Started, 6),
        (State::Progress, 6),
    ];
    assert_eq!(said(&journal), wanted, "a pause is told once, and not after its resume");
}

#[test]
fn controls_are_kept_as_long_as_what_they_hold() {
    let journal = Journal::in_memory().unwrap();
    let (here, gone) = (start(&journal), muster_protocol::ids::RequestId::new());
    control(&journal, here, Verb::Pause, 1);
    control(&journal, gone, Verb::Pause, 1);
    journal.prune(Timestamp(muster_protocol::limits::SEEN_MS_MAX + 2)).unwrap();
    let hold = |id| journal.controls(id).unwrap().hold();
    assert_eq!((hold(here), hold(gone)), (Hold::Pause, Hold::None));
}

#[test]
fn a_copy_of_a_journal_says_again_what_it_holds() {
    let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_, id) = in_the_middle(folder.path());
    let journal = Journal::open(folder.path(), "m", Some("f")).unwrap();
    control(&journal, id, Verb::Pause, 1);
    let paused = Status { state: State::Paused, chunks: None, ..final_status(&journal, id) };
    journal.tell_held(&paused).unwrap();
    drop(journal);
    std::fs::copy(path(folder.path()), path(copy.path())).unwrap();
    for (folder, has_begun) in [(&folder, true), (&copy, false)] {
        let journal = Journal::open(folder.path(), "m", Some("f")).unwrap();
        let held = journal.collection(id).unwrap().unwrap();
        let stands = (held.is_running, held.is_hold_told, held.is_held());
        assert_eq!(stands, (has_begun, has_begun, true));
    }
}

/// Takes a part of so many bytes that may be named until then.
fn part(journal: &Journal, bytes: usize, not_after: i64) -> muster_protocol::ids::RequestId {
    let id = muster_protocol::ids::RequestId::new();
    let part = Some((id, vec![1; bytes], Timestamp(not_after)));
    journal.take(&Intake { part, ..Intake::default() }, Timestamp(1)).unwrap();
    id
}

/// Takes a hunt that names a part.
fn hunt_that_names(
    journal: &Journal,
    part: muster_protocol::ids::RequestId,
) -> muster_protocol::ids::RequestId {
    let id = muster_protocol::ids::RequestId::new();
    let request = sealed(id);
    let sha256 = ByteBuf::new();
    let names = vec![muster_protocol::artifact::ioc::IocPartRef { id: part, sha256 }];
    let start = Some((id, &request, false));
    journal.take(&Intake { start, names, ..Intake::default() }, Timestamp(1)).unwrap();
    id
}

#[test]
fn a_part_stays_while_a_hunt_names_it_and_else_until_it_is_over() {
    let journal = Journal::in_memory().unwrap();
    let (named, unnamed, later) =
        (part(&journal, 9, 5), part(&journal, 9, 5), part(&journal, 9, i64::MAX));
    let hunts = [hunt_that_names(&journal, named), hunt_that_names(&journal, named)];
    let here = |id| journal.part(id).unwrap().is_some();
    journal.prune(Timestamp(5 + muster_protocol::limits::CLOCK_SKEW_MS_MAX)).unwrap();
    assert!(here(unnamed), "as long as a hunt may be late");
    journal.prune(Timestamp(6 + muster_protocol::limits::CLOCK_SKEW_MS_MAX)).unwrap();
    assert!(here(named) && !here(unnamed) && here(later));
    for (hunt, is_here) in hunts.into_iter().zip([true, false]) {
        let last = final_status(&journal, hunt);
        journal.step(&agent(), hunt, &Step { last: Some(&last), ..Step::default() }).unwrap();
        assert_eq!(here(named), is_here);
    }
}

#[test]
fn parts_have_a_bound_and_those_that_nobody_names_go_first() {
    let journal = Journal::in_memory().unwrap();
    let bytes = usize::try_from(muster_protocol::limits::LIST_PARTS_BYTES_MAX / 4).unwrap();
    let parts: Vec<_> = (0..4).map(|_| part(&journal, bytes, 5)).collect();
    let here = |id| journal.part(id).unwrap().is_some();
    assert!(parts.iter().all(|id| here(*id)));
    hunt_that_names(&journal, parts[0]);
    let next = part(&journal, 1, 5);
    assert!(here(parts[0]) && !here(parts[1]) && here(parts[2]) && here(next));
    for id in [parts[2], parts[3]] {
        hunt_that_names(&journal, id);
    }
    let too_much = part(&journal, bytes + 1, 5);
    assert!(!here(too_much) && !here(next) && here(parts[3]), "nothing that a hunt needs");
}

#[test]
fn old_ids_are_forgotten_and_only_they() {
    let journal = Journal::in_memory().unwrap();
    let id = start(&journal);
    journal.prune(Timestamp(muster_protocol::limits::SEEN_MS_MAX)).unwrap();
    assert!(journal.is_seen(id).unwrap());
    journal.prune(Timestamp(muster_protocol::limits::SEEN_MS_MAX + 2)).unwrap();
    assert!(!journal.is_seen(id).unwrap());
}

#[test]
fn the_last_directed_ids_are_kept_in_order() {
    let journal = Journal::in_memory().unwrap();
    let ids: Vec<_> = (0..70).map(|_| muster_protocol::ids::RequestId::new()).collect();
    for id in &ids {
        journal.take(&Intake { directed: Some(*id), ..Intake::default() }, Timestamp(1)).unwrap();
    }
    assert_eq!(journal.directed().unwrap(), &ids[6..]);
}

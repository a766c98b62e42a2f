//! A start that is killed while it brings a store up to date: the next one finds the old tables or the new, never some of each.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::RequestId;

use super::super::DataDir;
use super::*;

/// Names the store of the start that is killed.
const STORE: &str = "MUSTER_TEST_STORE_TO_MIGRATE";
/// Agents of the one hunt: their rows are more than SQLite holds in memory before it writes to the log.
const AGENTS: i64 = 20_000;
const HUNT: RequestId = RequestId::from_bytes([1; 16]);

/// What of the tables of version 6 is otherwise.
const BACK_TO_6: &str = "
DROP TABLE collection; DROP TABLE summary; DROP TABLE fleet_curve; DROP INDEX blob_by_agent; DROP INDEX chunk_by_time;
DROP INDEX blob_by_kind; DROP TABLE policy; ALTER TABLE attempt DROP COLUMN chunks; ALTER TABLE attempt DROP COLUMN next;
ALTER TABLE attempt DROP COLUMN rows; ALTER TABLE attempt DROP COLUMN stored; ALTER TABLE attempt DROP COLUMN first_row;
ALTER TABLE audit DROP COLUMN hash;
PRAGMA user_version = 6;
";

/// A store of version 6 with one hunt of many agents.
fn of_version_6(folder: &Path) {
    let place = DataDir::prepare(folder).unwrap();
    let mut connection = place.connect().unwrap();
    let tx = connection.transaction().unwrap();
    tx.execute(
        "INSERT INTO request VALUES (?1, 'hunt.start', 'ada', 0, 1, 'all', 0, x'00', 1, NULL, NULL, NULL, NULL)",
        [HUNT.as_bytes()],
    )
    .unwrap();
    let mut expect = tx.prepare("INSERT INTO expected (request, agent) VALUES (?1, ?2)").unwrap();
    for n in 0..AGENTS {
        expect.execute((HUNT.as_bytes(), format!("agent-{n:05}"))).unwrap();
    }
    drop(expect);
    tx.commit().unwrap();
    connection.execute_batch(BACK_TO_6).unwrap();
    // All of it goes into the database: what the log has then is of the start that is killed.
    connection.pragma_update(None, "wal_checkpoint", "TRUNCATE").unwrap();
}

/// The start that is killed; alone it does nothing.
#[test]
fn start_that_is_killed() {
    if let Some(folder) = std::env::var_os(STORE) {
        DataDir::prepare(Path::new(&folder)).unwrap();
    }
}

fn start(folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "store::schema::tests::start_that_is_killed"]).env(STORE, folder);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Waits until the log has so many bytes of a transaction that is not committed, and kills the start. Returns whether it was in time.
fn kill_at(folder: &Path, bytes: u64) -> bool {
    let mut child = start(folder);
    let log = folder.join("muster.sqlite-wal");
    let begun = Instant::now();
    let mut is_running = true;
    while is_running && std::fs::metadata(&log).map_or(0, |log| log.len()) < bytes {
        assert!(begun.elapsed() < Duration::from_mins(2), "it neither ends nor writes");
        is_running = child.try_wait().unwrap().is_none();
        std::thread::yield_now();
    }
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

/// Returns the version of a store and how many parts the hunt has in its read model, where it has one.
fn found(folder: &Path) -> (i64, Option<i64>) {
    let connection = Connection::open(folder.join("muster.sqlite")).unwrap();
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    let count = "SELECT count(*) FROM collection";
    (version, connection.query_row(count, [], |row| row.get(0)).ok())
}

/// Kills starts of one store at one place after the other; returns how many of them had not committed yet.
fn kill_starts() -> usize {
    let folder = tempfile::tempdir().unwrap();
    of_version_6(folder.path());
    let (old, new) = ((6, None), (VERSION, Some(AGENTS)));
    assert_eq!(found(folder.path()), old);
    let mut in_time = 0;
    for bytes in [1, 300_000, 1_000_000, 2_000_000] {
        let is_killed = kill_at(folder.path(), bytes);
        if found(folder.path()) != old || !is_killed {
            assert_eq!(found(folder.path()), new, "killed at {bytes} bytes");
            break;
        }
        in_time += 1;
    }
    let place = DataDir::prepare(folder.path()).unwrap();
    assert_eq!(found(folder.path()), new);
    let totals = place.reader().unwrap().summary(&HUNT).unwrap().unwrap();
    assert_eq!(totals.issued, Timestamp(0));
    in_time
}

#[test]
fn a_start_that_is_killed_leaves_the_old_tables_or_the_new() {
    // On a busy machine the kill may come after the commit: then nothing was tried.
    let is_tried = (0..10).any(|_| kill_starts() > 0);
    assert!(is_tried, "no start was killed before its commit");
}

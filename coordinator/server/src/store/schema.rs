//! The tables. One database file, one version, made in one transaction.

use rusqlite::Connection;

use super::ledger::chain;
use super::{
    StoreError, attempts, collections, curves, dead, facts, fleet_curve, instances, lists, notes,
    pieces, policies, quarantine, results, spent, summaries, uploads,
};

/// The version of the tables; a file of one that is not known here is refused, not guessed at.
const VERSION: i64 = 8;

const TABLES: &str = "
CREATE TABLE agent (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, labels TEXT NOT NULL,
    enrolled INTEGER NOT NULL, revoked INTEGER
);
-- The last self-sample of each agent and each of its journals.
CREATE TABLE heard (
    agent TEXT NOT NULL, journal BLOB NOT NULL, received INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (agent, journal)
);
CREATE TABLE request (
    id BLOB PRIMARY KEY, kind TEXT NOT NULL, operator TEXT NOT NULL, issued INTEGER NOT NULL,
    not_after INTEGER NOT NULL, target TEXT NOT NULL, route INTEGER NOT NULL, sealed BLOB NOT NULL,
    is_published INTEGER NOT NULL, stream_offset INTEGER, about BLOB, revision INTEGER,
    -- What a control says is to become of what it is about.
    verb TEXT
);
CREATE INDEX request_by_about ON request (about);
CREATE INDEX request_by_offset ON request (stream_offset) WHERE stream_offset IS NOT NULL;
CREATE TABLE expected (
    request BLOB NOT NULL, agent TEXT NOT NULL, is_seen INTEGER NOT NULL DEFAULT 0,
    -- The broker has confirmed it for the agent's own queue.
    is_sent INTEGER NOT NULL DEFAULT 0,
    -- When the agent first said that it has read the request, holds nothing of it and owes nothing.
    passed INTEGER,
    PRIMARY KEY (request, agent)
) WITHOUT ROWID;
-- What a sample may be news for: not every request that there ever was.
CREATE INDEX expected_open ON expected (agent) WHERE passed IS NULL;
CREATE TABLE status (
    request BLOB NOT NULL, agent TEXT NOT NULL, origin BLOB NOT NULL, journal BLOB NOT NULL,
    -- at is the agent's clock, received the coordinator's.
    state TEXT NOT NULL, is_final INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL,
    received INTEGER NOT NULL,
    PRIMARY KEY (request, agent, origin, journal, is_final)
);
CREATE INDEX status_by_agent ON status (agent, received);
-- Row and blob chunks, of what their agents sent all that is known. The key stays when the body is gone.
CREATE TABLE chunk (
    request BLOB NOT NULL, agent TEXT NOT NULL, origin BLOB NOT NULL, journal BLOB NOT NULL,
    seq INTEGER NOT NULL, rows INTEGER NOT NULL, blob INTEGER, sha256 BLOB NOT NULL, body BLOB,
    received INTEGER NOT NULL,
    PRIMARY KEY (request, agent, origin, journal, seq)
);
CREATE TABLE conflict (
    request BLOB NOT NULL, agent TEXT NOT NULL, origin BLOB NOT NULL, journal BLOB NOT NULL,
    seq INTEGER NOT NULL, sha256 BLOB NOT NULL,
    PRIMARY KEY (request, agent, origin, journal, seq, sha256)
);
CREATE TABLE blob (
    request BLOB NOT NULL, agent TEXT NOT NULL, origin BLOB NOT NULL, journal BLOB NOT NULL,
    blob INTEGER NOT NULL, kind TEXT NOT NULL, sha256 BLOB NOT NULL, bytes INTEGER NOT NULL,
    -- What the messages of its pieces had, of those whose bytes are deleted.
    piece_bytes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (request, agent, origin, journal, blob)
);
CREATE TABLE revoked_key (id TEXT PRIMARY KEY);
CREATE TABLE dead (class TEXT NOT NULL, reason TEXT NOT NULL, count INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (class, reason));
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, token TEXT NOT NULL,
    operator TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL,
    -- SHA-256 of this line and of the hash of the line before it.
    hash BLOB NOT NULL
);
";

/// From version 2: what was said of curves is dropped, they were kept for a day.
const FROM_2: &str = "
DROP TABLE telemetry;
";

/// From version 4: when statuses came is not known; the agent's clock is, and it may be in the future. Of too many journals
/// of one agent the oldest are forgotten.
const FROM_4: &str = "
DROP INDEX IF EXISTS status_by_agent;
ALTER TABLE status ADD COLUMN received INTEGER NOT NULL DEFAULT 0;
UPDATE status SET received = min(at, unixepoch() * 1000);
CREATE INDEX status_by_agent ON status (agent, received);
DELETE FROM heard WHERE rowid IN (
    SELECT rowid FROM (
        SELECT rowid, row_number() OVER (PARTITION BY agent ORDER BY received DESC) AS place FROM heard
    ) WHERE place > 8);
";

/// From version 5: every control was a cancel, and a kind of its own; the pieces of a blob lay beside its file.
const FROM_5: &str = "
ALTER TABLE request ADD COLUMN verb TEXT;
UPDATE request SET verb = 'cancel' WHERE kind LIKE '%.cancel';
ALTER TABLE blob ADD COLUMN piece_bytes INTEGER NOT NULL DEFAULT 0;
";

/// What stores of the present version may lack: it came without another number, for nothing that is there means anything else.
const LATER: [&str; 2] = [uploads::BY_KIND, policies::TABLES];

/// Makes a connection durable and the tables present.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), StoreError> {
    // Must stand before the first table: it cannot be changed afterwards without rewriting the file.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let of_5: &str = &[
        attempts::TABLES,
        instances::TABLES,
        dead::TABLES,
        facts::TABLES,
        pieces::TABLES,
        quarantine::TABLES,
    ]
    .concat();
    let to_7: &str = &[
        notes::TABLES,
        collections::TABLES,
        summaries::TABLES,
        results::INDEXES,
        fleet_curve::TABLES,
        uploads::TABLES,
    ]
    .concat();
    let to_7: &str = &[to_7, &LATER.concat()].concat();
    // New stores have it all.
    let of_8: &str = if version == 0 { "" } else { chain::UNLINKED };
    let to_7: &str = &[to_7, of_8].concat();
    let from_7: &str =
        &[notes::TABLES, collections::FROM_7, summaries::FROM_7, &LATER.concat(), of_8].concat();
    let to_6: &str = &[FROM_5, spent::TABLES, spent::FILL, to_7].concat();
    let missing = match version {
        0 => [TABLES, chain::APPEND_ONLY, curves::TABLES, lists::TABLES, of_5, spent::TABLES, to_7]
            .concat(),
        2 => [FROM_2, curves::TABLES, lists::TABLES, FROM_4, of_5, attempts::FILL, to_6].concat(),
        3 => [lists::TABLES, FROM_4, of_5, attempts::FILL, to_6].concat(),
        4 => [FROM_4, of_5, attempts::FILL, to_6].concat(),
        5 => to_6.to_owned(),
        6 => to_7.to_owned(),
        7 => from_7.to_owned(),
        VERSION => return Ok(connection.execute_batch(&LATER.concat())?),
        found => return Err(StoreError::Version { found, wanted: VERSION }),
    };
    let transaction = connection.transaction()?;
    transaction.execute_batch(&missing)?;
    if matches!(version, 2 | 3) {
        lists::fill(&transaction)?;
    }
    if matches!(version, 2..=4) {
        pieces::fill(&transaction)?;
    }
    match version {
        0 => {}
        7 => summaries::fill_controls(&transaction)?,
        _ => collections::rebuild::fill(&transaction)?,
    }
    if version != 0 {
        chain::link_all(&transaction)?;
        transaction.execute_batch(chain::APPEND_ONLY)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests;

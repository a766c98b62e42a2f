//! The outbox table: what was journalled and is not yet confirmed by the broker.

use std::sync::atomic::Ordering;

use muster_protocol::ids::RequestId;
use muster_protocol::result::{Bounded, Status};
use muster_protocol::topology::{Class, RoutingKey};
use muster_protocol::wire;
use rusqlite::{OptionalExtension, Transaction, params};

use super::{Journal, JournalError, controls};

/// One message that waits for the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its place in the order of the outbox.
    pub key: i64,
    /// `<class>.<agent>.<request>`.
    pub routing_key: String,
    /// The AMQP type.
    pub kind: String,
    /// The body.
    pub body: Vec<u8>,
}

/// What a transaction puts into the outbox.
pub(super) struct Entry {
    class: Class,
    routing_key: String,
    kind: &'static str,
    body: Vec<u8>,
}

impl Entry {
    /// Makes the entry of a status, cut to what the coordinator takes. It carries the revision of the controls that the
    /// transaction sees, so that statuses of a request are ordered by it.
    pub(super) fn status(tx: &Transaction<'_>, status: &Status) -> rusqlite::Result<Self> {
        let revision = controls::folded(tx, status.request)?.revision();
        let mut status = Status { revision, ..status.clone() };
        status.cut();
        let body = wire::encode(&status)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        Ok(Self::new(Class::Status, "status", &status.agent, status.request, body))
    }

    /// Makes an entry.
    pub(super) fn new(
        class: Class,
        kind: &'static str,
        agent: &muster_protocol::ids::AgentId,
        request: RequestId,
        body: Vec<u8>,
    ) -> Self {
        let key = RoutingKey { class, agent: agent.clone(), request: Some(request) };
        Self { class, routing_key: key.to_string(), kind, body }
    }

    /// Inserts the entry; the caller tells [`Journal::counted`] after the commit.
    pub(super) fn insert(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let is_chunk = !matches!(self.class, Class::Status);
        tx.execute(
            "INSERT INTO outbox (class, routing_key, kind, body) VALUES (?1, ?2, ?3, ?4)",
            params![is_chunk, self.routing_key, self.kind, self.body],
        )?;
        Ok(())
    }
}

/// Encodes a result; a failure is our bug, not the disk's.
pub(super) fn encode<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, JournalError> {
    wire::encode(value).map_err(|error| JournalError::Broken(error.to_string()))
}

impl Journal {
    /// Returns how many messages wait, and their bytes.
    pub fn outbox_size(&self) -> (u64, u64) {
        let messages = self.outbox_messages.load(Ordering::Relaxed);
        (messages, self.outbox_bytes.load(Ordering::Relaxed))
    }

    /// Returns how many messages were ever put into the outbox.
    pub fn generation(&self) -> Result<u64, JournalError> {
        self.read(|db| {
            let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'";
            let last: Option<i64> =
                db.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?;
            Ok(last.unwrap_or(0).unsigned_abs())
        })
    }

    /// Journals one status by itself.
    pub fn put_status(&self, status: &Status) -> Result<(), JournalError> {
        let entry = self.write(|tx| {
            let entry = Entry::status(tx, status)?;
            entry.insert(tx)?;
            Ok(entry)
        })?;
        self.counted(&[entry]);
        Ok(())
    }

    /// Journals how far a run is, in the place of its report `before`, if that was not sent yet. Returns the key of the new
    /// one; `None` when the run is over, for nothing may follow its final status, or when it is to stand still.
    pub fn put_progress(
        &self,
        status: &Status,
        before: Option<i64>,
    ) -> Result<Option<i64>, JournalError> {
        let (key, gone) = self.write(|tx| {
            let is_running = tx
                .prepare_cached("SELECT 1 FROM collections WHERE request = ?1")?
                .exists(params![status.request.as_bytes()])?;
            if !is_running || controls::is_held(tx, status.request)? {
                return Ok((None, None));
            }
            let entry = Entry::status(tx, status)?;
            let gone: Option<i64> = tx
                .prepare_cached("DELETE FROM outbox WHERE key = ?1 RETURNING length(body)")?
                .query_row(params![before], |row| row.get(0))
                .optional()?;
            entry.insert(tx)?;
            Ok((Some((tx.last_insert_rowid(), entry)), gone))
        })?;
        if let Some(bytes) = gone {
            self.outbox_messages.fetch_sub(1, Ordering::Relaxed);
            self.outbox_bytes.fetch_sub(bytes.unsigned_abs(), Ordering::Relaxed);
        }
        let Some((key, entry)) = key else { return Ok(None) };
        self.counted(&[entry]);
        Ok(Some(key))
    }

    /// Returns the first message after `after` that is not in `except`: of the statuses, or of the chunks.
    pub fn outbox_next(
        &self,
        chunks: bool,
        except: &std::collections::BTreeSet<i64>,
    ) -> Result<Option<Outgoing>, JournalError> {
        self.read(|db| {
            let mut after = 0;
            loop {
                let found = db
                    .prepare_cached(
                        "SELECT key FROM outbox WHERE class = ?1 AND key > ?2 ORDER BY key LIMIT 1",
                    )?
                    .query_row(params![chunks, after], |row| row.get::<_, i64>(0))
                    .optional()?;
                match found {
                    None => return Ok(None),
                    Some(key) if except.contains(&key) => after = key,
                    Some(key) => return load(db, key),
                }
            }
        })
    }

    /// Deletes a message that the broker confirmed and did not return.
    pub fn outbox_confirmed(&self, message: &Outgoing) -> Result<(), JournalError> {
        let gone =
            self.write(|tx| tx.execute("DELETE FROM outbox WHERE key = ?1", params![message.key]))?;
        if gone == 1 {
            let bytes = u64::try_from(message.body.len()).unwrap_or(u64::MAX);
            self.outbox_messages.fetch_sub(1, Ordering::Relaxed);
            self.outbox_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Accounts for entries that are now durable and wakes the publisher.
    pub(super) fn counted(&self, entries: &[Entry]) {
        if entries.is_empty() {
            return;
        }
        let bytes: usize = entries.iter().map(|entry| entry.body.len()).sum();
        let messages = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        self.outbox_messages.fetch_add(messages, Ordering::Relaxed);
        self.outbox_bytes.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.changed.send_modify(|n| *n = n.wrapping_add(1));
    }
}

fn load(db: &rusqlite::Connection, key: i64) -> rusqlite::Result<Option<Outgoing>> {
    db.prepare_cached("SELECT routing_key, kind, body FROM outbox WHERE key = ?1")?
        .query_row(params![key], |row| {
            Ok(Outgoing { key, routing_key: row.get(0)?, kind: row.get(1)?, body: row.get(2)? })
        })
        .optional()
}

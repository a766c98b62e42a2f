//! What came from the broker: offset, seen ids, requests, controls, revoked keys.

use std::collections::BTreeSet;

use muster_protocol::artifact::ioc::IocPartRef;
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{KeyId, RequestId};
use muster_protocol::limits;
use muster_protocol::request::Sealed;
use muster_protocol::result::Status;
use rusqlite::{Connection, Transaction, params};

use super::outbox::{Entry, encode};
use super::{Controlled, Journal, JournalError, controls, get_meta, parts, set_meta, to_sql};

/// Where this agent stands in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPlace {
    /// The offset that was journalled last.
    pub offset: u64,
    /// The id of the request there; `None` where the message had none.
    pub id: Option<RequestId>,
    /// The id of the first request that was read from this stream.
    pub epoch: Option<RequestId>,
}

/// One delivery and everything that it causes, journalled as one transaction.
#[derive(Debug, Default)]
pub struct Intake<'a> {
    /// Where the stream is read to; `None` for a directed delivery.
    pub stream: Option<(u64, Option<RequestId>)>,
    /// The directed id, for the receipt.
    pub directed: Option<RequestId>,
    /// An accepted id, never to be accepted again.
    pub seen: Option<RequestId>,
    /// An id that was refused, so that it is answered once.
    pub refused: Option<RequestId>,
    /// A request to run; `true` when it came directed.
    pub start: Option<(RequestId, &'a Sealed, bool)>,
    /// A status of the start, for the case that controls hold it that came before it.
    pub held: Option<Status>,
    /// The parts of its list that the request names.
    pub names: Vec<IocPartRef>,
    /// A part of a list, for a hunt that is to come: its arguments as they were signed, and until when it may be named.
    pub part: Option<(RequestId, Vec<u8>, Timestamp)>,
    /// A control.
    pub control: Option<Controlled>,
    /// Keys that are never trusted again.
    pub revoke: Vec<KeyId>,
    /// What the coordinator is told.
    pub status: Option<Status>,
}

impl Journal {
    /// Journals a delivery. After it has returned, the delivery may be acked.
    pub fn take(&self, intake: &Intake<'_>, now: Timestamp) -> Result<(), JournalError> {
        let start = match intake.start {
            Some((id, sealed, directed)) => Some((id, &sealed.kind, encode(sealed)?, directed)),
            None => None,
        };
        let entries = self.write(|tx| {
            let mut entries = Vec::new();
            if let Some((offset, id)) = intake.stream {
                save_place(tx, offset, id)?;
            }
            if let Some(id) = intake.directed {
                save_directed(tx, id)?;
            }
            if let Some(id) = intake.seen {
                tx.execute(
                    "INSERT OR IGNORE INTO seen (id, at) VALUES (?1, ?2)",
                    params![id.as_bytes(), now.0],
                )?;
            }
            if let Some(id) = intake.refused {
                tx.execute(
                    "INSERT OR IGNORE INTO refused (id, at) VALUES (?1, ?2)",
                    params![id.as_bytes(), now.0],
                )?;
            }
            if let Some((id, kind, body, directed)) = &start {
                tx.execute(
                    "INSERT INTO collections (request, kind, body, directed) VALUES (?1, ?2, ?3, ?4)",
                    params![id.as_bytes(), kind, body, directed],
                )?;
                parts::name(tx, *id, &intake.names)?;
            }
            if let Some(status) = &intake.held {
                entries.extend(controls::take_in(tx, status, now)?);
            }
            if let Some((id, body, not_after)) = &intake.part {
                parts::keep(tx, *id, body, *not_after)?;
            }
            if let Some(control) = &intake.control {
                entries.extend(controls::apply(tx, control, now)?);
            }
            for key in &intake.revoke {
                tx.execute("INSERT OR IGNORE INTO revoked (key) VALUES (?1)", [key.to_string()])?;
            }
            if let Some(status) = &intake.status {
                entries.push(Entry::status(tx, status)?);
            }
            entries.iter().try_for_each(|entry| entry.insert(tx))?;
            Ok(entries)
        })?;
        self.counted(&entries);
        Ok(())
    }

    /// Returns where the stream was read to.
    pub fn stream_place(&self) -> Result<Option<StreamPlace>, JournalError> {
        self.read(|db| {
            let Some(offset) = get_meta(db, "stream_offset")? else { return Ok(None) };
            let offset = <[u8; 8]>::try_from(offset).map(u64::from_be_bytes).unwrap_or_default();
            let id = meta_id(db, "stream_id")?;
            let epoch = meta_id(db, "stream_epoch")?;
            Ok(Some(StreamPlace { offset, id, epoch }))
        })
    }

    /// Forgets the place: the stream is another one than it was.
    pub fn forget_stream(&self) -> Result<(), JournalError> {
        self.write(|tx| {
            tx.execute("DELETE FROM meta WHERE name LIKE 'stream_%'", [])?;
            Ok(())
        })
    }

    /// Returns whether an id was accepted before.
    pub fn is_seen(&self, id: RequestId) -> Result<bool, JournalError> {
        self.read(|db| has(db, "SELECT 1 FROM seen WHERE id = ?1", id))
    }

    /// Returns whether an id was refused and answered before; also when too many were.
    pub fn is_refused(&self, id: RequestId) -> Result<bool, JournalError> {
        self.read(|db| {
            let count: i64 = db.query_row("SELECT count(*) FROM refused", [], |row| row.get(0))?;
            Ok(count >= REFUSED_IDS_MAX || has(db, "SELECT 1 FROM refused WHERE id = ?1", id)?)
        })
    }

    /// Returns every revoked key.
    pub fn revoked(&self) -> Result<BTreeSet<KeyId>, JournalError> {
        self.read(|db| {
            let mut statement = db.prepare("SELECT key FROM revoked")?;
            let keys = statement.query_map([], |row| row.get::<_, String>(0))?;
            keys.filter_map(|key| key.map(|key| key.parse().ok()).transpose()).collect()
        })
    }

    /// Returns the last directed ids, the newest last.
    pub fn directed(&self) -> Result<Vec<RequestId>, JournalError> {
        self.read(|db| {
            let mut statement = db.prepare_cached("SELECT id FROM directed ORDER BY n")?;
            let ids = statement.query_map([], |row| row.get::<_, [u8; 16]>(0))?;
            ids.map(|id| id.map(RequestId::from_bytes)).collect()
        })
    }
}

/// Refused ids that are remembered (and so answered); beyond it they are only counted.
const REFUSED_IDS_MAX: i64 = 10_000;

fn save_place(tx: &Transaction<'_>, offset: u64, id: Option<RequestId>) -> rusqlite::Result<()> {
    set_meta(tx, "stream_offset", &offset.to_be_bytes())?;
    let id = id.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
    set_meta(tx, "stream_id", &id)?;
    if get_meta(tx, "stream_epoch")?.is_none() {
        set_meta(tx, "stream_epoch", &id)?;
    }
    Ok(())
}

fn save_directed(tx: &Transaction<'_>, id: RequestId) -> rusqlite::Result<()> {
    tx.execute("INSERT OR IGNORE INTO directed (id) VALUES (?1)", params![id.as_bytes()])?;
    tx.execute(
        "DELETE FROM directed WHERE n <= (SELECT max(n) FROM directed) - ?1",
        params![to_sql(limits::TELEMETRY_DIRECTED_IDS_MAX as u64)],
    )?;
    Ok(())
}

fn meta_id(db: &Connection, name: &str) -> rusqlite::Result<Option<RequestId>> {
    let bytes = get_meta(db, name)?.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    Ok(bytes.map(RequestId::from_bytes))
}

fn has(db: &Connection, sql: &str, id: RequestId) -> rusqlite::Result<bool> {
    db.prepare_cached(sql)?.exists(params![id.as_bytes()])
}

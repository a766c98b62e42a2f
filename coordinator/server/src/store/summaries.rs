//! The read model of hunts and profiles: one short row for each, so that a list reads no signed bytes and no parts.
//!
//! A cache, as [`super::collections`] is: what a row says of the request follows from `request`, its [`totals`] are those of its
//! collections that are settled. The others are few, and are read beside it: [`mod@totals`].

pub mod totals;

use muster_api::{Hold, Route};
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::limits::REQUEST_BYTES_MAX;
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::profile::ProfileStart;
use muster_protocol::request::{Kind, Sealed, sign};
use muster_protocol::wire;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::StoreError;
use super::notes::{self, Noted};
use super::read::{Reader, agent_id, broken, request_id};
use super::requests::{self, route, stored_route};
use super::signed::signed;
use super::unreadable::{Query, Reads, Table};
pub use totals::{Tally, Totals};

/// Size of a row's totals, which only the coordinator writes.
const TOTALS_BYTES_MAX: usize = 16_384;
/// Bytes of the root that a list shows.
const ROOT_BYTES_MAX: usize = 4_096;

/// The table.
pub(super) const TABLES: &str = "
-- A cache: see store/summaries.rs.
CREATE TABLE summary (
    request BLOB PRIMARY KEY, kind TEXT NOT NULL, operator TEXT NOT NULL, issued INTEGER NOT NULL,
    not_after INTEGER NOT NULL, target TEXT NOT NULL, route INTEGER NOT NULL,
    is_published INTEGER NOT NULL,
    -- The number of the commit that last changed the row or one of its collections.
    change INTEGER NOT NULL,
    -- What a list shows of the arguments; nothing where they cannot be read.
    brief BLOB,
    totals BLOB NOT NULL,
    -- What its controls want of it, and the highest revision of its pauses, drains and resumes.
    hold TEXT NOT NULL DEFAULT 'none', revision INTEGER NOT NULL DEFAULT 0,
    -- When the last final status of its collections came.
    received INTEGER,
    -- What its notes come to.
    name TEXT NOT NULL DEFAULT '', note TEXT NOT NULL DEFAULT '', \"case\" TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX summary_by_kind ON summary (kind, request);
";

/// From version 7: the only control of which a row knew was a cancel.
pub(super) const FROM_7: &str = "
ALTER TABLE summary DROP COLUMN is_cancelled;
ALTER TABLE summary ADD COLUMN hold TEXT NOT NULL DEFAULT 'none';
ALTER TABLE summary ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE summary ADD COLUMN received INTEGER;
ALTER TABLE summary ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE summary ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE summary ADD COLUMN \"case\" TEXT NOT NULL DEFAULT '';
UPDATE summary SET received = (SELECT max(received) FROM collection WHERE collection.request = summary.request);
";

const COLUMNS: &str = "request, kind, operator, issued, not_after, target, route, is_published, change, brief, totals, hold,
    revision, received, name, note, \"case\"";

/// What a list shows of a request's arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brief {
    /// The artifact of a hunt.
    pub artifact: String,
    /// Its first root; empty where there is none.
    pub root: ByteBuf,
    /// How many roots it has.
    pub roots: u64,
    /// The digests that are computed.
    pub hashes: Vec<String>,
    /// How many hashes its list has.
    pub ioc: u64,
    /// The kinds of a profile.
    pub kinds: Vec<String>,
    /// Seconds of a profile's window.
    pub seconds: u32,
    /// Samples a second.
    pub hertz: u32,
    /// The hunt that a profile is of.
    pub during: Option<RequestId>,
}

/// A hunt or a profile in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Its id.
    pub id: RequestId,
    /// Its kind.
    pub kind: String,
    /// Who signed.
    pub operator: String,
    /// When.
    pub issued: Timestamp,
    /// Until when work may begin.
    pub not_after: Timestamp,
    /// Target, as text.
    pub target: String,
    /// The way it takes.
    pub route: Route,
    /// Whether the broker has confirmed it.
    pub is_published: bool,
    /// What its controls want of it.
    pub hold: Hold,
    /// The highest revision of its pauses, drains and resumes; 0 before the first.
    pub revision: u64,
    /// When the last final status of its collections came.
    pub received: Option<Timestamp>,
    /// What its notes come to.
    pub noted: Noted,
    /// The number of the commit that last changed something of it.
    pub change: u64,
    /// What a list shows of its arguments; nothing where they cannot be read.
    pub brief: Option<Brief>,
    /// The sums over its collections that are settled.
    pub totals: Totals,
}

impl Summary {
    /// Returns whether a control cancels it.
    pub fn is_cancelled(&self) -> bool {
        self.hold == Hold::Cancel
    }

    /// Returns the revision of the newest pause, drain or resume, where there is one that still matters.
    pub fn applying(&self) -> Option<u64> {
        (self.revision > 0 && !self.is_cancelled()).then_some(self.revision)
    }

    /// Returns whether a list that is searched for `text` has it: its id begins so, or its name, case, note, target, operator or first root
    /// contains it, letters of either case.
    pub fn matches(&self, text: &str) -> bool {
        let wanted = text.to_lowercase();
        let contains = |text: &str| text.to_lowercase().contains(&wanted);
        let root = self.brief.as_ref().map(|brief| String::from_utf8_lossy(&brief.root));
        self.id.to_string().starts_with(&wanted)
            || contains(&self.target)
            || contains(&self.operator)
            || [&self.noted.name, &self.noted.case, &self.noted.note]
                .iter()
                .any(|text| contains(text))
            || root.is_some_and(|root| contains(&root))
    }
}

impl Reader {
    /// Visits the requests of a kind, the newest first, until `take` says that it has enough. A row that cannot be read is left out
    /// and noted.
    pub fn visit_summaries(
        &self,
        kind: Kind,
        take: impl FnMut(Summary) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM summary WHERE kind = ?1 ORDER BY request DESC");
        self.each(of_summary(&sql), [kind.as_str()], read, take)
    }

    /// Returns one of them.
    pub fn summary(&self, id: &RequestId) -> Result<Option<Summary>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM summary WHERE request = ?1");
        Ok(self.all(of_summary(&sql), [id.as_bytes()], read)?.pop())
    }

    /// Returns the kinds of the profiles that agents took of a hunt by themselves.
    pub fn stall_kinds(&self, hunt: &RequestId) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT DISTINCT substr(kind, 9) FROM blob INDEXED BY blob_by_kind
             WHERE request = ?1 AND kind >= 'profile.' AND kind < 'profile/' ORDER BY 1";
        let mut select = self.connection.prepare_cached(sql)?;
        let kinds = select.query_map([hunt.as_bytes()], |row| row.get(0))?;
        Ok(kinds.collect::<Result<_, _>>()?)
    }

    /// Returns the agents that sent profiles of a hunt by themselves.
    pub fn profiled_agents(&self, hunt: &RequestId) -> Result<Vec<AgentId>, StoreError> {
        let query = Query {
            table: Table::Blob,
            reads: Reads::Some,
            of: hunt.as_bytes(),
            keys: 1,
            sql: "SELECT DISTINCT agent FROM blob INDEXED BY blob_by_kind
                 WHERE request = ?1 AND kind >= 'profile.' AND kind < 'profile/' ORDER BY agent",
        };
        self.all(query, [hunt.as_bytes()], |row| agent_id(row, 0))
    }

    /// Runs several reads of one moment: nothing that is committed meanwhile is seen by the later ones alone.
    pub fn at_once<T, E: From<StoreError>>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let moment = self.connection.unchecked_transaction().map_err(StoreError::from)?;
        let answer = read(self)?;
        moment.finish().map_err(StoreError::from)?;
        Ok(answer)
    }
}

/// Reads one row.
pub(super) fn find(tx: &Connection, id: &RequestId) -> Result<Option<Summary>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM summary WHERE request = ?1");
    let mut select = tx.prepare_cached(&sql)?;
    let mut rows = select.query([id.as_bytes()])?;
    rows.next()?.map(read).transpose()
}

fn of_summary(sql: &str) -> Query<'_> {
    Query { table: Table::Summary, reads: Reads::All, of: &[], keys: 1, sql }
}

fn read(row: &Row<'_>) -> Result<Summary, StoreError> {
    let word = row.get_ref(11)?.as_str().map_err(broken)?;
    let hold = Hold::parse(word).ok_or_else(|| StoreError::Broken(format!("hold {word:?}")))?;
    let brief = match row.get_ref(9)? {
        ValueRef::Null => None,
        brief => Some(wire::decode(brief.as_blob().map_err(broken)?, TOTALS_BYTES_MAX)?),
    };
    Ok(Summary {
        id: request_id(row, 0)?,
        kind: row.get(1)?,
        operator: row.get(2)?,
        issued: Timestamp(row.get(3)?),
        not_after: Timestamp(row.get(4)?),
        target: row.get(5)?,
        route: route(row.get(6)?),
        is_published: row.get(7)?,
        change: row.get::<_, i64>(8)?.unsigned_abs(),
        brief,
        hold,
        revision: row.get::<_, i64>(12)?.unsigned_abs(),
        received: row.get::<_, Option<i64>>(13)?.map(Timestamp),
        noted: Noted { name: row.get(14)?, note: row.get(15)?, case: row.get(16)? },
        totals: wire::decode(row.get_ref(10)?.as_blob().map_err(broken)?, TOTALS_BYTES_MAX)?,
    })
}

/// Returns what a list shows of a request's arguments; nothing where they cannot be read.
fn brief(kind: Kind, sealed: &Sealed) -> Option<Brief> {
    let body = sign::body_of(sealed).ok()?;
    match kind {
        Kind::HuntStart => {
            let start: HuntStart = wire::decode(&body.args, REQUEST_BYTES_MAX).ok()?;
            let asked = start.shown().ok()?;
            let mut root = asked.roots.first().cloned().unwrap_or_default();
            root.truncate(ROOT_BYTES_MAX);
            Some(Brief {
                root,
                roots: asked.roots.len() as u64,
                hashes: asked.hashes.iter().map(|hash| hash.as_str().to_owned()).collect(),
                ioc: match asked.list.count {
                    0 => asked.ioc.iter().map(|list| list.count() as u64).sum(),
                    count => count,
                },
                artifact: start.artifact,
                ..Brief::default()
            })
        }
        Kind::ProfileStart => {
            let start: ProfileStart = wire::decode(&body.args, REQUEST_BYTES_MAX).ok()?;
            Some(Brief {
                kinds: start.kinds.iter().map(|kind| kind.as_str().to_owned()).collect(),
                seconds: start.seconds,
                hertz: start.hertz,
                during: start.during,
                ..Brief::default()
            })
        }
        _ => None,
    }
}

/// Makes the row of a request that is on record, without totals; what is neither a hunt nor a profile has none. Returns whether it
/// has one.
pub(super) fn insert(tx: &Connection, id: &RequestId, change: u64) -> Result<bool, StoreError> {
    let sql = "SELECT kind, sealed FROM request WHERE id = ?1";
    let mut select = tx.prepare_cached(sql)?;
    let mut rows = select.query([id.as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(false) };
    let kind: String = row.get(0)?;
    let Some(kind @ (Kind::HuntStart | Kind::ProfileStart)) = Kind::parse(&kind) else {
        return Ok(false);
    };
    let sealed = row.get_ref(1)?.as_blob().map_err(broken);
    let sealed = sealed.and_then(|sealed| Ok(wire::decode(sealed, REQUEST_BYTES_MAX * 2)?));
    let brief = sealed.ok().and_then(|sealed| brief(kind, &sealed));
    drop(rows);
    let brief = brief.as_ref().map(wire::encode).transpose()?;
    let totals = wire::encode(&Totals::default())?;
    let ((hold, revision), noted) = (held(tx, id)?, notes::noted(tx, id)?);
    tx.prepare_cached(
        "INSERT OR REPLACE INTO summary (request, kind, operator, issued, not_after, target, route, is_published, change, brief,
         totals, hold, revision, name, note, \"case\")
         SELECT id, kind, operator, issued, not_after, target, route, is_published, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
         FROM request WHERE id = ?1",
    )?
    .execute(params![
        id.as_bytes(),
        signed(change),
        brief,
        totals,
        hold,
        signed(revision),
        noted.name,
        noted.note,
        noted.case,
    ])?;
    Ok(true)
}

/// Brings what a row says of its request up to date, and writes its totals and when the last final status came.
pub(super) fn update(
    tx: &Connection,
    id: &RequestId,
    open: &Open,
    change: u64,
) -> Result<(), StoreError> {
    let ((hold, revision), noted) = (held(tx, id)?, notes::noted(tx, id)?);
    tx.prepare_cached(
        "UPDATE summary SET change = ?2, totals = ?3, hold = ?4, revision = ?5, received = ?6,
         name = ?7, note = ?8, \"case\" = ?9,
         is_published = (SELECT is_published FROM request WHERE id = ?1)
         WHERE request = ?1",
    )?
    .execute(params![
        id.as_bytes(),
        signed(change),
        wire::encode(&open.totals)?,
        hold,
        signed(revision),
        open.received.of(tx, id)?.map(|at| at.0),
        noted.name,
        noted.note,
        noted.case,
    ])?;
    Ok(())
}

/// Returns what the controls of a request want of it, as a word, and the highest revision of its pauses, drains and resumes.
fn held(tx: &Connection, id: &RequestId) -> Result<(&'static str, u64), StoreError> {
    let controls = requests::folded(tx, id)?;
    Ok((Hold::from(controls.hold()).as_str(), controls.revision()))
}

/// What a row has of its collections, while a commit changes them.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// The request is answered over the stream.
    pub(super) is_broadcast: bool,
    /// The sums over the collections that are settled.
    pub(super) totals: Totals,
    /// When the last final status came.
    pub(super) received: Received,
}

/// When the last final status of a request's collections came. Only where the last one itself goes, or came earlier than was
/// said, are all collections looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Received {
    last: Option<Timestamp>,
    is_stale: bool,
}

impl Received {
    /// Follows one collection.
    pub(super) fn replace(&mut self, before: Option<Timestamp>, after: Option<Timestamp>) {
        self.is_stale |= before.is_some() && before == self.last && after < before;
        self.last = self.last.max(after);
    }

    fn of(&self, tx: &Connection, id: &RequestId) -> Result<Option<Timestamp>, StoreError> {
        if !self.is_stale {
            return Ok(self.last);
        }
        let sql = "SELECT max(received) FROM collection WHERE request = ?1";
        let last: Option<i64> =
            tx.prepare_cached(sql)?.query_row([id.as_bytes()], |row| row.get(0))?;
        Ok(last.map(Timestamp))
    }
}

/// Brings what the rows say of their controls up to date, in a store that knew only cancels.
pub(super) fn fill_controls(tx: &Connection) -> Result<(), StoreError> {
    let mut select =
        tx.prepare_cached("SELECT DISTINCT about FROM request WHERE about IS NOT NULL")?;
    let mut rows = select.query([])?;
    let mut update =
        tx.prepare_cached("UPDATE summary SET hold = ?2, revision = ?3 WHERE request = ?1")?;
    while let Some(row) = rows.next()? {
        let Ok(id) = request_id(row, 0) else { continue };
        let (hold, revision) = held(tx, &id)?;
        update.execute(params![id.as_bytes(), hold, signed(revision)])?;
    }
    Ok(())
}

/// Returns what a request that has a row has of its collections.
pub(super) fn open_of(tx: &Connection, id: &RequestId) -> Result<Option<Open>, StoreError> {
    let sql = "SELECT route, totals, received FROM summary WHERE request = ?1";
    let mut select = tx.prepare_cached(sql)?;
    let mut rows = select.query([id.as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let totals = wire::decode(row.get_ref(1)?.as_blob().map_err(broken)?, TOTALS_BYTES_MAX)?;
    let last = row.get::<_, Option<i64>>(2)?.map(Timestamp);
    let is_broadcast = row.get::<_, u8>(0)? == stored_route(Route::Broadcast);
    Ok(Some(Open { is_broadcast, totals, received: Received { last, is_stale: false } }))
}

/// Returns the highest number of a commit that is on record.
pub(super) fn last_change(tx: &Connection) -> Result<u64, StoreError> {
    let sql = "SELECT coalesce(max(change), 0) FROM summary";
    let last: i64 = tx.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(last.unsigned_abs())
}

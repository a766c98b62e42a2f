//! The read model of hunts and profiles: one short row for each, so that a list reads no signed bytes and no parts.
//!
//! A cache, as [`super::collections`] is: what a row says of the request follows from `request`, its [`totals`] are those of its
//! collections that are settled. The others are few, and are read beside it: [`mod@totals`].

pub mod totals;

use muster_api::Route;
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
use super::read::{Reader, agent_id, broken, request_id};
use super::requests::{route, stored_route};
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
    is_published INTEGER NOT NULL, is_cancelled INTEGER NOT NULL,
    -- The number of the commit that last changed the row or one of its collections.
    change INTEGER NOT NULL,
    -- What a list shows of the arguments; nothing where they cannot be read.
    brief BLOB,
    totals BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX summary_by_kind ON summary (kind, request);
";

const COLUMNS: &str = "request, kind, operator, issued, not_after, target, route, is_published, is_cancelled, change, brief, totals";

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
    /// Whether a control cancels it.
    pub is_cancelled: bool,
    /// The number of the commit that last changed something of it.
    pub change: u64,
    /// What a list shows of its arguments; nothing where they cannot be read.
    pub brief: Option<Brief>,
    /// The sums over its collections that are settled.
    pub totals: Totals,
}

impl Summary {
    /// Returns whether a list that is searched for `text` has it: its id begins so, or its target, its operator or its first root
    /// contains it, letters of either case.
    pub fn matches(&self, text: &str) -> bool {
        let wanted = text.to_lowercase();
        let contains = |text: &str| text.to_lowercase().contains(&wanted);
        let root = self.brief.as_ref().map(|brief| String::from_utf8_lossy(&brief.root));
        self.id.to_string().starts_with(&wanted)
            || contains(&self.target)
            || contains(&self.operator)
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
    let brief = match row.get_ref(10)? {
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
        is_cancelled: row.get(8)?,
        change: row.get::<_, i64>(9)?.unsigned_abs(),
        brief,
        totals: wire::decode(row.get_ref(11)?.as_blob().map_err(broken)?, TOTALS_BYTES_MAX)?,
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
    tx.prepare_cached(
        "INSERT OR REPLACE INTO summary SELECT id, kind, operator, issued, not_after, target, route, is_published,
         EXISTS (SELECT 1 FROM request c WHERE c.about = request.id AND c.verb = 'cancel'), ?2, ?3, ?4
         FROM request WHERE id = ?1",
    )?
    .execute(params![id.as_bytes(), signed(change), brief, totals])?;
    Ok(true)
}

/// Brings what a row says of its request up to date, and writes its totals.
pub(super) fn update(
    tx: &Connection,
    id: &RequestId,
    totals: &Totals,
    change: u64,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "UPDATE summary SET change = ?2, totals = ?3,
         is_published = (SELECT is_published FROM request WHERE id = ?1),
         is_cancelled = EXISTS (SELECT 1 FROM request WHERE about = ?1 AND verb = 'cancel')
         WHERE request = ?1",
    )?
    .execute(params![id.as_bytes(), signed(change), wire::encode(totals)?])?;
    Ok(())
}

/// Returns whether a request that has a row is answered over the stream, and its totals.
pub(super) fn totals_of(
    tx: &Connection,
    id: &RequestId,
) -> Result<Option<(bool, Totals)>, StoreError> {
    let mut select = tx.prepare_cached("SELECT route, totals FROM summary WHERE request = ?1")?;
    let mut rows = select.query([id.as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let totals = wire::decode(row.get_ref(1)?.as_blob().map_err(broken)?, TOTALS_BYTES_MAX)?;
    Ok(Some((row.get::<_, u8>(0)? == stored_route(Route::Broadcast), totals)))
}

/// Returns the highest number of a commit that is on record.
pub(super) fn last_change(tx: &Connection) -> Result<u64, StoreError> {
    let sql = "SELECT coalesce(max(change), 0) FROM summary";
    let last: i64 = tx.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(last.unsigned_abs())
}

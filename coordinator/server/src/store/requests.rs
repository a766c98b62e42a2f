//! Requests as they were signed, which agents they are for, and how far they have got to the broker.

use muster_api::{Hold, Route};
use muster_protocol::clock::Timestamp;
use muster_protocol::hex;
use muster_protocol::ids::{AgentId, KeyId, RequestId};
use muster_protocol::limits::{CLOCK_SKEW_MS_MAX, CONTROLS_SHOWN_MAX, REQUEST_BYTES_MAX};
use muster_protocol::request::lifecycle::{self, Controls};
use muster_protocol::request::{Control, Sealed, Verb};
use muster_protocol::wire;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::ledger::chain::insert_audit;
use super::ledger::insert_revoked_keys;
use super::read::{Reader, agent_id, broken, request_id};
use super::signed::signed;
use super::unreadable::{Query, Reads, Table};
use super::{Audit, StoreError, WriteOutcome, lists};

/// A request as the coordinator keeps it.
#[derive(Debug, Clone)]
pub struct Request {
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
    /// 0 broadcast, 1 directed, 2 the coordinator itself.
    pub route: Route,
    /// The exact signed bytes.
    pub sealed: Sealed,
    /// What a control says.
    pub control: Option<Control>,
    /// The agents to expect.
    pub expected: Vec<AgentId>,
    /// Keys that it takes trust from.
    pub revokes: Vec<KeyId>,
    /// What it names of its list of hashes ([`lists::named`]).
    pub names: Vec<Vec<u8>>,
}

impl Request {
    /// Returns what it asks for, for people: its kind, or a control's verb and what it is about.
    pub fn what(&self) -> String {
        self.control.as_ref().map_or_else(
            || self.kind.clone(),
            |control| format!("{} of {}", control.verb, control.about),
        )
    }
}

/// A request on record.
#[derive(Debug, Clone)]
pub struct StoredRequest {
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
    /// 0 broadcast, 1 directed, 2 the coordinator itself.
    pub route: Route,
    /// The signed bytes.
    pub sealed: Sealed,
    /// Whether the broker has confirmed it.
    pub is_published: bool,
}

/// A control on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredControl {
    /// The id of its request.
    pub id: RequestId,
    /// What is to become of what it is about.
    pub verb: String,
    /// Its place among the controls.
    pub revision: u64,
    /// Who signed.
    pub operator: String,
    /// When.
    pub at: Timestamp,
}

/// What an id prefix stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<T> {
    /// One thing.
    One(T),
    /// Nothing.
    None,
    /// Several things.
    Many(usize),
}

const REQUEST: &str = "SELECT id, kind, operator, issued, not_after, target, route, sealed, is_published FROM request";

impl Reader {
    /// Returns whether a request is on record, without reading it: its list of hashes may be half a megabyte.
    pub fn has_request(&self, id: &RequestId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM request WHERE id = ?1";
        Ok(self.connection.prepare_cached(sql)?.exists([id.as_bytes()])?)
    }

    /// Returns one request, `None` when it is not on record or its record cannot be read.
    pub fn request(&self, id: &RequestId) -> Result<Option<StoredRequest>, StoreError> {
        let sql = format!("{REQUEST} WHERE id = ?1");
        Ok(self.all(of_request(&sql, Reads::All), [id.as_bytes()], request)?.pop())
    }

    /// Returns the requests that are owed to the broker, oldest first: not confirmed, and of use to an agent yet.
    pub fn unpublished(&self, now: Timestamp) -> Result<Vec<StoredRequest>, StoreError> {
        let sql = format!(
            "{REQUEST} WHERE is_published = 0 AND route <> 2 AND not_after >= ?1 ORDER BY id"
        );
        self.all(of_request(&sql, Reads::All), [now.plus_ms(-CLOCK_SKEW_MS_MAX).0], request)
    }

    /// Finds the one request of a kind whose id begins so, however many there are: the ids are an index.
    pub fn find(&self, kind: &str, prefix: &str) -> Result<Found<StoredRequest>, StoreError> {
        self.find_where(Some(kind), prefix)
    }

    /// Finds the one request of any kind whose id begins so.
    pub fn find_any(&self, prefix: &str) -> Result<Found<StoredRequest>, StoreError> {
        self.find_where(None, prefix)
    }

    fn find_where(
        &self,
        kind: Option<&str>,
        prefix: &str,
    ) -> Result<Found<StoredRequest>, StoreError> {
        let Some((first, last)) = id_range(prefix) else { return Ok(Found::None) };
        let sql = "SELECT id FROM request WHERE kind = coalesce(?1, kind) AND id BETWEEN ?2 AND ?3";
        let mut select = self.connection.prepare_cached(sql)?;
        let mut rows = select.query(params![kind, first, last])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let id = request_id(row, 0)?;
            // The range ignores where the hyphens stand.
            if id.to_string().starts_with(prefix) {
                found.push(id);
            }
        }
        Ok(match (found.as_slice(), found.len()) {
            ([], _) => Found::None,
            ([one], _) => self.request(one)?.map_or(Found::None, Found::One),
            (_, many) => Found::Many(many),
        })
    }

    /// Returns what the controls of a request come to, all together.
    pub fn folded_controls(&self, about: &RequestId) -> Result<Controls, StoreError> {
        folded(&self.connection, about)
    }

    /// Returns the controls of a request in the order in which they were recorded: of many the last ones.
    pub fn controls(&self, about: &RequestId) -> Result<Vec<StoredControl>, StoreError> {
        let sql =
            "SELECT id, verb, revision, operator, issued FROM request INDEXED BY request_by_about
             WHERE about = ?1 ORDER BY rowid DESC LIMIT ?2";
        let most = i64::try_from(CONTROLS_SHOWN_MAX).unwrap_or(i64::MAX);
        let read = |row: &Row<'_>| {
            Ok(StoredControl {
                id: request_id(row, 0)?,
                verb: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
                revision: row.get::<_, Option<i64>>(2)?.unwrap_or(0).unsigned_abs(),
                operator: row.get(3)?,
                at: Timestamp(row.get(4)?),
            })
        };
        let mut controls =
            self.all(of_request(sql, Reads::Some), params![about.as_bytes(), most], read)?;
        controls.reverse();
        Ok(controls)
    }

    /// Returns the first cancel of a request.
    pub fn cancelled_by(&self, about: &RequestId) -> Result<Option<StoredControl>, StoreError> {
        let sql = "SELECT id, revision, operator, issued FROM request INDEXED BY request_by_about
             WHERE about = ?1 AND verb = 'cancel' ORDER BY rowid LIMIT 1";
        let read = |row: &Row<'_>| {
            Ok(StoredControl {
                id: request_id(row, 0)?,
                verb: Verb::Cancel.as_str().to_owned(),
                revision: row.get::<_, Option<i64>>(1)?.unwrap_or(0).unsigned_abs(),
                operator: row.get(2)?,
                at: Timestamp(row.get(3)?),
            })
        };
        Ok(self.all(of_request(sql, Reads::Some), [about.as_bytes()], read)?.pop())
    }

    /// Returns the offset of the last request whose place on the stream is known.
    pub fn last_offset(&self) -> Result<Option<(RequestId, u64)>, StoreError> {
        let sql = "SELECT id, stream_offset FROM request WHERE stream_offset IS NOT NULL
             ORDER BY stream_offset DESC";
        let read = |row: &Row<'_>| Ok((request_id(row, 0)?, row.get::<_, i64>(1)?.unsigned_abs()));
        let mut last = None;
        self.each(of_request(sql, Reads::Some), [], read, |found| {
            last = Some(found);
            Ok(false)
        })?;
        Ok(last)
    }

    /// Returns the profiles of the coordinator itself that have no end.
    pub fn own_unfinished(&self) -> Result<Vec<RequestId>, StoreError> {
        let sql = "SELECT id FROM request WHERE route = 2 AND kind = 'profile.start' AND NOT EXISTS
             (SELECT 1 FROM status WHERE status.request = request.id AND is_final)";
        self.all(of_request(sql, Reads::Some), [], |row| request_id(row, 0))
    }

    /// Returns the agents whose own queue still lacks a request. A revoked agent has no queue any more.
    pub fn unsent(&self, id: &RequestId) -> Result<Vec<AgentId>, StoreError> {
        let sql = "SELECT agent FROM expected WHERE request = ?1 AND is_sent = 0 AND NOT EXISTS
             (SELECT 1 FROM agent WHERE id = expected.agent AND revoked IS NOT NULL)";
        let query =
            Query { table: Table::Expected, reads: Reads::Some, of: id.as_bytes(), keys: 1, sql };
        self.all(query, [id.as_bytes()], |row| agent_id(row, 0))
    }

    /// Returns the agents that are expected to answer a request.
    pub fn expected(&self, id: &RequestId) -> Result<Vec<AgentId>, StoreError> {
        let sql = "SELECT agent FROM expected WHERE request = ?1";
        let query =
            Query { table: Table::Expected, reads: Reads::Some, of: id.as_bytes(), keys: 1, sql };
        self.all(query, [id.as_bytes()], |row| agent_id(row, 0))
    }

    /// Returns whether an agent is expected to answer a request.
    pub fn is_expected(&self, request: &RequestId, agent: &AgentId) -> Result<bool, StoreError> {
        let mut select = self
            .connection
            .prepare_cached("SELECT 1 FROM expected WHERE request = ?1 AND agent = ?2")?;
        Ok(select.exists(params![request.as_bytes(), agent.as_str()])?)
    }

    /// Returns of every request of a kind until when work may begin, and what its controls want of it.
    pub fn lives(&self, kind: &str) -> Result<Vec<(RequestId, Timestamp, Hold)>, StoreError> {
        // Of the request only columns before the signed bytes: SQLite would have to read through those to what comes after.
        let sql = "SELECT r.id, r.not_after, coalesce(s.hold, 'none') FROM request r
             LEFT JOIN summary s ON s.request = r.id WHERE r.kind = ?1";
        self.all(of_request(sql, Reads::Some), [kind], |row| {
            let hold = row.get_ref(2)?.as_str().map_err(broken)?;
            let hold = Hold::parse(hold).ok_or_else(|| broken(format!("hold {hold:?}")))?;
            Ok((request_id(row, 0)?, Timestamp(row.get(1)?), hold))
        })
    }

    /// Counts requests of a kind.
    pub fn count(&self, kind: &str) -> Result<u64, StoreError> {
        let mut select =
            self.connection.prepare_cached("SELECT count(*) FROM request WHERE kind = ?1")?;
        let count: Option<i64> = select.query_row([kind], |row| row.get(0)).optional()?;
        Ok(count.unwrap_or(0).unsigned_abs())
    }
}

/// Returns a query of requests whose first column is the id.
fn of_request(sql: &str, reads: Reads) -> Query<'_> {
    Query { table: Table::Request, reads, of: &[], keys: 1, sql }
}

/// Returns the first and the last id whose digits begin so; `None` where no id can.
fn id_range(prefix: &str) -> Option<([u8; 16], [u8; 16])> {
    let digits: String = prefix.chars().filter(|c| *c != '-').collect();
    let bound = |filler: &str| -> Option<[u8; 16]> {
        let whole = format!("{digits}{}", filler.repeat(32_usize.checked_sub(digits.len())?));
        hex::decode(&whole)?.try_into().ok()
    };
    bound("0").zip(bound("f"))
}

/// Returns how a route is stored.
pub(super) const fn stored_route(route: Route) -> u8 {
    match route {
        Route::Broadcast => 0,
        Route::Directed => 1,
        Route::Coordinator => 2,
    }
}

/// Returns the route that is stored so.
pub(super) const fn route(stored: u8) -> Route {
    match stored {
        1 => Route::Directed,
        2 => Route::Coordinator,
        _ => Route::Broadcast,
    }
}

fn request(row: &Row<'_>) -> Result<StoredRequest, StoreError> {
    let sealed = row.get_ref(7)?.as_blob().map_err(broken)?;
    Ok(StoredRequest {
        id: request_id(row, 0)?,
        kind: row.get(1)?,
        operator: row.get(2)?,
        issued: Timestamp(row.get(3)?),
        not_after: Timestamp(row.get(4)?),
        target: row.get(5)?,
        route: route(row.get(6)?),
        sealed: wire::decode(sealed, REQUEST_BYTES_MAX * 2)?,
        is_published: row.get(8)?,
    })
}

/// Returns what the controls of a request come to, all together.
pub(super) fn folded(tx: &Connection, about: &RequestId) -> Result<Controls, StoreError> {
    let sql = "SELECT verb, revision FROM request WHERE about = ?1";
    let mut select = tx.prepare_cached(sql)?;
    let mut rows = select.query([about.as_bytes()])?;
    let mut controls = Controls::default();
    while let Some(row) = rows.next()? {
        // A verb of a later version holds nothing here.
        let verb = row.get_ref(0)?.as_str().ok().and_then(Verb::parse);
        let revision = row.get::<_, i64>(1).map(i64::unsigned_abs);
        if let (Some(verb), Ok(revision)) = (verb, revision) {
            controls.apply(verb, revision);
        }
    }
    Ok(controls)
}

/// Records a request, the agents that it is for and who asked, all or nothing. A pause, drain or resume that is not above every
/// other one on record, or comes after a cancel, leaves no trace: of two that race one is first, and the other is told.
pub(super) fn insert_request(
    tx: &Connection,
    request: &Request,
    audit: &Audit,
    now: Timestamp,
) -> Result<WriteOutcome, StoreError> {
    let control = request.control.as_ref();
    let known = tx
        .prepare_cached("SELECT 1 FROM request WHERE id = ?1")?
        .exists([request.id.as_bytes()])?;
    if known {
        return Ok(WriteOutcome::Duplicate);
    }
    if let Some(control) = control.filter(|control| control.known() != Some(Verb::Cancel)) {
        let held = folded(tx, &control.about)?;
        if held.hold() == lifecycle::Hold::Cancel || control.revision <= held.revision() {
            return Ok(WriteOutcome::Superseded);
        }
    }
    tx.prepare_cached(
        "INSERT INTO request VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, NULL, ?9, ?10, ?11)",
    )?
    .execute(params![
        request.id.as_bytes(),
        request.kind,
        request.operator,
        request.issued.0,
        request.not_after.0,
        request.target,
        stored_route(request.route),
        wire::encode(&request.sealed)?,
        control.map(|control| control.about.as_bytes()),
        control.map(|control| signed(control.revision)),
        control.map(|control| control.verb.as_str()),
    ])?;
    let mut insert =
        tx.prepare_cached("INSERT OR IGNORE INTO expected (request, agent) VALUES (?1, ?2)")?;
    for agent in &request.expected {
        insert.execute(params![request.id.as_bytes(), agent.as_str()])?;
    }
    lists::insert(tx, request)?;
    insert_revoked_keys(tx, &request.revokes)?;
    insert_audit(tx, audit, now)?;
    Ok(WriteOutcome::Inserted)
}

/// Notes that the broker has all of a request.
pub(super) fn mark_published(tx: &Connection, id: &RequestId) -> Result<usize, StoreError> {
    let sql = "UPDATE request SET is_published = 1 WHERE id = ?1";
    Ok(tx.prepare_cached(sql)?.execute([id.as_bytes()])?)
}

/// Notes that an agent's own queue has a request.
pub(super) fn mark_sent(
    tx: &Connection,
    id: &RequestId,
    agent: &AgentId,
) -> Result<usize, StoreError> {
    let sql = "UPDATE expected SET is_sent = 1 WHERE request = ?1 AND agent = ?2";
    Ok(tx.prepare_cached(sql)?.execute(params![id.as_bytes(), agent.as_str()])?)
}

/// Notes where the stream has a request. The one at offset 0 tells one stream from another: when it is new, the stream
/// was made again and the places in the old one mean nothing.
pub(super) fn learn_offset(
    tx: &Connection,
    id: &RequestId,
    offset: u64,
) -> Result<usize, StoreError> {
    if offset == 0 {
        tx.prepare_cached(
            "UPDATE request SET stream_offset = NULL WHERE EXISTS
             (SELECT 1 FROM request WHERE stream_offset = 0 AND id <> ?1)",
        )?
        .execute([id.as_bytes()])?;
    }
    Ok(tx
        .prepare_cached("UPDATE request SET stream_offset = ?2 WHERE id = ?1")?
        .execute(params![id.as_bytes(), signed(offset)])?)
}

//! Long lists of hashes: which hunts name which of their parts and pieces, and whose signed bytes are still kept.
//!
//! A part's bytes are kept until they cannot be needed any more: agents take it no longer, or the broker has confirmed it
//! and every hunt that names it is over. The record stays, so that the same part a second time is known.

use muster_protocol::artifact::ioc::SplitIocList;
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::RequestId;
use muster_protocol::limits::{CLOCK_SKEW_MS_MAX, LIST_GC_PARTS_MAX, REQUEST_BYTES_MAX};
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::{Kind, Sealed, sign};
use muster_protocol::wire;
use rusqlite::{Connection, Row, params};

use super::read::{Reader, broken, request_id};
use super::{Request, StoreError, StoredRequest};

/// The tables.
pub(super) const TABLES: &str = "
-- Each list.part whose signed bytes are kept, and until when agents take it.
CREATE TABLE list_part (id BLOB PRIMARY KEY, not_after INTEGER NOT NULL) WITHOUT ROWID;
-- What hunts name of their lists: ids of parts, SHA-256 of pieces of the whole digests.
CREATE TABLE list_named (what BLOB NOT NULL, hunt BLOB NOT NULL, PRIMARY KEY (what, hunt)) WITHOUT ROWID;
";

/// Parts that cannot be needed any more. Open is a hunt that agents may still begin, unless it is with the broker and was
/// cancelled, or has ended on every agent that it was launched for.
const OVER: &str = "
WITH open AS MATERIALIZED (
    SELECT id FROM request WHERE not_after >= ?1
    AND id IN (SELECT hunt FROM list_named JOIN list_part ON list_part.id = what)
    AND NOT (is_published AND (
        EXISTS (SELECT 1 FROM request AS control WHERE control.about = request.id AND control.verb = 'cancel')
        OR NOT EXISTS (
            SELECT 1 FROM expected WHERE expected.request = request.id
            AND NOT EXISTS (SELECT 1 FROM status WHERE status.request = expected.request
                AND status.agent = expected.agent AND is_final)
            AND NOT EXISTS (SELECT 1 FROM agent WHERE id = expected.agent AND revoked IS NOT NULL)))))
SELECT id FROM list_part WHERE not_after < ?1 OR (
    EXISTS (SELECT 1 FROM list_named WHERE what = list_part.id)
    AND NOT EXISTS (SELECT 1 FROM list_named WHERE what = list_part.id AND hunt IN open)
    AND (SELECT is_published FROM request WHERE request.id = list_part.id))
LIMIT ?2";

/// Returns what a hunt names of its list.
pub fn named(list: &SplitIocList) -> Vec<Vec<u8>> {
    let parts = list.parts.iter().map(|part| part.id.as_bytes().to_vec());
    parts.chain(list.whole.iter().map(|digest| digest.to_vec())).collect()
}

impl StoredRequest {
    /// Returns whether its signed bytes are not kept any more.
    pub fn is_let_go(&self) -> bool {
        self.sealed.body.is_empty()
    }
}

impl Reader {
    /// Returns parts whose bytes cannot be needed any more: some of them, where there are many. What is true of one stays
    /// so but for a hunt that comes to name it, and that one needs nothing of it either: the broker has it.
    pub fn list_parts_over(&self, now: Timestamp) -> Result<Vec<RequestId>, StoreError> {
        let mut select = self.connection.prepare_cached(OVER)?;
        let end = now.plus_ms(-CLOCK_SKEW_MS_MAX).0;
        let most = i64::try_from(LIST_GC_PARTS_MAX).unwrap_or(i64::MAX);
        let rows = select.query_map(params![end, most], |row| Ok(request_id(row, 0)))?;
        let parts: Vec<_> = rows.collect::<Result<_, _>>()?;
        // What is no id is kept: it belongs to no part.
        Ok(parts.into_iter().flatten().collect())
    }

    /// Returns whether a hunt that is on record names a part or a piece of a list.
    pub fn is_named(&self, what: &[u8]) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM list_named WHERE what = ?1";
        Ok(self.connection.prepare_cached(sql)?.exists([what])?)
    }
}

/// Notes what a request that is recorded has to do with lists.
pub(super) fn insert(tx: &Connection, request: &Request) -> Result<(), StoreError> {
    if request.kind == Kind::ListPart.as_str() {
        hold(tx, &request.id, request.not_after)?;
    }
    name(tx, &request.id, &request.names)
}

fn hold(tx: &Connection, part: &RequestId, not_after: Timestamp) -> Result<(), StoreError> {
    tx.prepare_cached("INSERT OR IGNORE INTO list_part VALUES (?1, ?2)")?
        .execute(params![part.as_bytes(), not_after.0])?;
    Ok(())
}

fn name(tx: &Connection, hunt: &RequestId, names: &[Vec<u8>]) -> Result<(), StoreError> {
    let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO list_named VALUES (?1, ?2)")?;
    for what in names {
        insert.execute(params![what, hunt.as_bytes()])?;
    }
    Ok(())
}

/// Lets the signed bytes of a part go.
pub(super) fn release(tx: &Connection, part: &RequestId) -> Result<usize, StoreError> {
    let empty = serde_bytes::ByteBuf::new;
    let (kind, id) = (Kind::ListPart.as_str().to_owned(), part.to_string());
    let nothing = Sealed { kind, id, body: empty(), sig: empty(), cert: empty() };
    tx.prepare_cached("UPDATE request SET sealed = ?2 WHERE id = ?1 AND kind = 'list.part'")?
        .execute(params![part.as_bytes(), wire::encode(&nothing)?])?;
    Ok(tx.prepare_cached("DELETE FROM list_part WHERE id = ?1")?.execute([part.as_bytes()])?)
}

/// Fills the tables from what an older version recorded.
pub(super) fn fill(tx: &Connection) -> Result<(), StoreError> {
    let mut parts = tx.prepare("SELECT id, not_after FROM request WHERE kind = 'list.part'")?;
    let mut rows = parts.query([])?;
    while let Some(row) = rows.next()? {
        let Ok(part) = request_id(row, 0) else { continue };
        hold(tx, &part, Timestamp(row.get(1)?))?;
    }
    let mut hunts = tx.prepare("SELECT id, sealed FROM request WHERE kind = 'hunt.start'")?;
    let mut rows = hunts.query([])?;
    while let Some(row) = rows.next()? {
        // A hunt that cannot be read names nothing that could be used.
        let Ok((hunt, list)) = named_by(row) else { continue };
        name(tx, &hunt, &named(&list))?;
    }
    Ok(())
}

fn named_by(row: &Row<'_>) -> Result<(RequestId, SplitIocList), StoreError> {
    let sealed: Sealed =
        wire::decode(row.get_ref(1)?.as_blob().map_err(broken)?, REQUEST_BYTES_MAX * 2)?;
    let body = sign::body_of(&sealed).map_err(broken)?;
    let start: HuntStart = wire::decode(&body.args, REQUEST_BYTES_MAX)?;
    Ok((request_id(row, 0)?, start.asked()?.list))
}

#[cfg(test)]
mod tests;

//! Reading, on a connection of its own: what is committed and nothing else.

use std::sync::Arc;

use muster_protocol::ids::{AgentId, Attempt, JournalId, RequestId};
use muster_protocol::limits::RESULT_BYTES_MAX;
use muster_protocol::result::Bounded;
use muster_protocol::wire;
use rusqlite::{Connection, Row};

use super::StoreError;
use super::unreadable::Unreadable;

/// A reader; cheap to open.
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: Connection,
    pub(super) unreadable: Arc<Unreadable>,
}

impl Reader {
    pub(super) fn new(connection: Connection, unreadable: Arc<Unreadable>) -> Self {
        Self { connection, unreadable }
    }

    /// Returns the size of the database; blobs lie beside it.
    pub fn bytes(&self) -> Result<u64, StoreError> {
        let sql = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
        let bytes: i64 = self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
        Ok(bytes.unsigned_abs())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn broken(error: impl ToString) -> StoreError {
    StoreError::Broken(error.to_string())
}

/// Encodes a record; what could not be read again is not stored.
pub(super) fn encode<T: serde::Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    let bytes = wire::encode(record)?;
    if bytes.len() > RESULT_BYTES_MAX {
        return Err(StoreError::Broken(format!("a record of {} bytes", bytes.len())));
    }
    Ok(bytes)
}

/// Decodes a result that an older version may have stored without its present bounds.
pub(super) fn bounded<T: serde::de::DeserializeOwned + Bounded>(
    row: &Row<'_>,
    column: usize,
) -> Result<T, StoreError> {
    let mut result: T = decode(row, column)?;
    result.cut();
    Ok(result)
}

pub(super) fn decode<T: serde::de::DeserializeOwned>(
    row: &Row<'_>,
    column: usize,
) -> Result<T, StoreError> {
    Ok(wire::decode(row.get_ref(column)?.as_blob().map_err(broken)?, RESULT_BYTES_MAX)?)
}

pub(super) fn agent_id(row: &Row<'_>, column: usize) -> Result<AgentId, StoreError> {
    let text: String = row.get(column)?;
    AgentId::new(&text).map_err(broken)
}

pub(super) fn request_id(row: &Row<'_>, column: usize) -> Result<RequestId, StoreError> {
    Ok(RequestId::from_bytes(row.get(column)?))
}

pub(super) fn attempt(row: &Row<'_>, column: usize) -> Result<Attempt, StoreError> {
    let journal = JournalId::from_bytes(row.get(column + 1)?);
    Ok(Attempt { origin: request_id(row, column)?, journal })
}

//! Lists of requests by key: the newest first, from any place on, as long as they are.

use muster_protocol::ids::RequestId;
use rusqlite::params;

use super::StoreError;
use super::read::{Reader, request_id};
use super::unreadable::{Query, Reads, Table};

/// A list of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// The hunts.
    Hunts,
    /// What has profiles: the requests for them, and the hunts of which an agent sent one by itself.
    Profiles,
}

impl List {
    const fn is_listed(self) -> &'static str {
        match self {
            Self::Hunts => "kind = 'hunt.start'",
            Self::Profiles => {
                "(kind = 'profile.start' OR kind = 'hunt.start'
                  AND EXISTS (SELECT 1 FROM blob WHERE blob.request = request.id))"
            }
        }
    }
}

/// Above every id.
const ABOVE_ALL: [u8; 17] = [0xff; 17];

impl Reader {
    /// Returns the ids of a list after one of them, the newest first: at most so many.
    pub fn listed(
        &self,
        list: List,
        after: Option<&RequestId>,
        most: usize,
    ) -> Result<Vec<RequestId>, StoreError> {
        let listed = list.is_listed();
        let sql = format!("SELECT id FROM request WHERE {listed} AND id < ?1 ORDER BY id DESC");
        let query =
            Query { table: Table::Request, reads: Reads::Some, of: &[], keys: 1, sql: &sql };
        let below = after.map_or(&ABOVE_ALL[..], |id| id.as_bytes());
        let mut ids = Vec::new();
        if most == 0 {
            return Ok(ids);
        }
        // Not by LIMIT: an id that cannot be read must not count as the end of the list.
        self.each(
            query,
            params![below],
            |row| request_id(row, 0),
            |id| {
                ids.push(id);
                Ok(ids.len() < most)
            },
        )?;
        Ok(ids)
    }

    /// Returns how many there are on a list.
    pub fn count_listed(&self, list: List) -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) FROM request WHERE {}", list.is_listed());
        let count: i64 = self.connection.prepare_cached(&sql)?.query_row([], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }
}

#[cfg(test)]
mod tests;

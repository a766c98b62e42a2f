//! Where files lay whose content was sent: in the rows of the run that sent them, by their SHA-256.

use std::collections::BTreeMap;

use muster_protocol::artifact::{HashKind, Value};
use muster_protocol::ids::{AgentId, Attempt, RequestId};

use crate::store::{Reader, StoreError};

/// Which run: the request, the agent, the attempt.
pub(super) type Run<'a> = (&'a RequestId, &'a AgentId, &'a Attempt);

/// Looks for names, in so many rows in all.
#[derive(Debug)]
pub(super) struct Names {
    room: u64,
}

impl Names {
    pub(super) fn new(rows_max: u64) -> Self {
        Self { room: rows_max }
    }

    /// Adds to each digest the names that the rows of a run have for it, at most so many. Returns whether nothing was left out for
    /// want of room.
    pub(super) fn gather(
        &mut self,
        reader: &Reader,
        (request, agent, run): Run<'_>,
        names: &mut BTreeMap<&[u8], Vec<String>>,
        most: usize,
    ) -> Result<bool, StoreError> {
        let mut missing = names.len();
        if self.room == 0 {
            return Ok(missing == 0);
        }
        let mut is_cut = false;
        reader.rows(request, agent, run, |rows| {
            if self.room == 0 {
                is_cut = true;
                return Ok(false);
            }
            for row in rows.iter() {
                let Some(sha256) = row.digest(HashKind::Sha256) else { continue };
                if let Some(held) = names.get_mut(sha256)
                    && held.len() < most
                    && let Value::Bytes(path) = row.get("path")
                {
                    held.push(String::from_utf8_lossy(path).into_owned());
                    missing -= usize::from(held.len() == most);
                }
            }
            self.room = self.room.saturating_sub(rows.len() as u64);
            Ok(missing > 0)
        })?;
        Ok(!is_cut)
    }
}

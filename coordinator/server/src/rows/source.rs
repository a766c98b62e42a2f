//! Where rows come from: the runs that count of one hunt.

use std::collections::BTreeSet;
use std::sync::Arc;

use muster_protocol::artifact::ioc::{self, IocList};
use muster_protocol::artifact::{HashKind, RowRef, Schema};
use muster_protocol::ids::{AgentId, Attempt, RequestId};
use serde::{Deserialize, Serialize};

use crate::store::StoreError;
use muster_api::{Found, RowView};

/// The runs of one agent each whose rows count.
#[derive(Debug, Clone)]
pub struct Source {
    /// The hunt.
    pub hunt: RequestId,
    /// The same as text.
    pub named: String,
    /// What it collects.
    pub schema: &'static Schema,
    /// The folders that it walks; none where it walks none.
    pub roots: Vec<Vec<u8>>,
    /// The list of hashes that it carries.
    pub ioc: Arc<Vec<IocList>>,
    /// The runs, by agent.
    pub runs: Vec<Run>,
}

/// One run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Whose.
    pub agent: AgentId,
    /// Name of the machine that it was on.
    pub host: String,
    /// Which.
    pub attempt: Attempt,
    /// Two machines answered under the agent's id meanwhile.
    pub is_clone: bool,
    /// SHA-256 of the files that it has sent whole.
    pub uploaded: BTreeSet<Vec<u8>>,
    /// Rows that are stored of it.
    pub rows: u64,
}

/// The place of a row among all rows of a hunt: where a walk goes on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Whose run.
    pub agent: AgentId,
    /// Which.
    pub attempt: Attempt,
    /// Its chunk.
    pub seq: u64,
    /// The row within the chunk.
    pub index: usize,
}

impl Source {
    /// Returns how many rows are stored of the runs that count.
    pub fn total(&self) -> u64 {
        self.runs.iter().fold(0, |sum, run| sum.saturating_add(run.rows))
    }

    /// Returns the digests of a row that are in the list of the hunt, whatever the agent made of it.
    pub fn matched(&self, row: &RowRef<'_>) -> Vec<HashKind> {
        ioc::matches(&self.ioc, row.digests()).collect()
    }

    /// Returns whether a row is in the list of the hunt.
    pub fn is_matched(&self, row: &RowRef<'_>) -> bool {
        !self.ioc.is_empty() && ioc::matches(&self.ioc, row.digests()).next().is_some()
    }

    /// Returns whether the content of a row's file was sent because it matched.
    pub fn is_uploaded(&self, run: &Run, row: &RowRef<'_>) -> bool {
        run.has_sent(row) && self.is_matched(row)
    }

    /// Writes a row as one JSON object.
    pub fn write(&self, run: &Run, row: &RowRef<'_>, line: &mut Vec<u8>) -> Result<(), StoreError> {
        let matched = self.matched(row);
        let found = Found {
            hunt: &self.named,
            agent: run.agent.as_str(),
            host: &run.host,
            is_clone: run.is_clone,
            is_uploaded: !matched.is_empty() && run.has_sent(row),
        };
        let written = found.write(row, &matched, line);
        written.map_err(|error| StoreError::Broken(error.to_string()))
    }
}

impl Run {
    fn has_sent(&self, row: &RowRef<'_>) -> bool {
        !self.uploaded.is_empty()
            && row.digest(HashKind::Sha256).is_some_and(|sha256| self.uploaded.contains(sha256))
    }
}

/// Reads a row that [`Source::write`] wrote.
pub fn view(line: &[u8]) -> Result<RowView, StoreError> {
    serde_json::from_slice(line).map_err(|error| StoreError::Broken(error.to_string()))
}

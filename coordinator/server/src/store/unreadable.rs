//! Records that cannot be read: noted, left out of the list that they belong to, shown by `doctor`.
//!
//! A record is noted when a view meets it, and forgotten when it reads well again. Nothing is deleted: a later version, or a
//! person, may be able to read it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use muster_protocol::limits::UNREADABLE_NAMED_MAX;
use rusqlite::types::ValueRef;
use rusqlite::{Error, Params, Row};

use super::{Reader, StoreError};

/// What a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// An agent on the roster.
    Agent,
    /// An agent's last sample.
    Heard,
    /// A request.
    Request,
    /// An agent that a request expects.
    Expected,
    /// A status.
    Status,
    /// A chunk of rows or of a blob.
    Chunk,
    /// A chunk that contradicts a stored one.
    Conflict,
    /// The figures of an attempt.
    Attempt,
    /// A blob that is put together.
    Blob,
    /// Dead letters of one class and reason.
    Dead,
    /// The same of one agent.
    DeadOf,
    /// What an agent reported of itself, as targets see it.
    Facts,
    /// What an agent reported of its machine's policy.
    Policy,
    /// An agent in quarantine.
    Quarantine,
    /// An agent that has a queue of results that were set aside.
    Held,
    /// A line of the audit log.
    Audit,
    /// A hunt or a profile in a list.
    Summary,
    /// One agent's part in one of them.
    Collection,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 18] = [
        Self::Agent,
        Self::Heard,
        Self::Request,
        Self::Expected,
        Self::Status,
        Self::Chunk,
        Self::Conflict,
        Self::Attempt,
        Self::Blob,
        Self::Dead,
        Self::DeadOf,
        Self::Facts,
        Self::Policy,
        Self::Quarantine,
        Self::Held,
        Self::Audit,
        Self::Summary,
        Self::Collection,
    ];

    /// Returns the name of the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Heard => "heard",
            Self::Request => "request",
            Self::Expected => "expected",
            Self::Status => "status",
            Self::Chunk => "chunk",
            Self::Conflict => "conflict",
            Self::Attempt => "attempt",
            Self::Blob => "blob",
            Self::Dead => "dead",
            Self::DeadOf => "dead_of",
            Self::Facts => "facts",
            Self::Policy => "policy",
            Self::Quarantine => "quarantine",
            Self::Held => "held",
            Self::Audit => "audit",
            Self::Summary => "summary",
            Self::Collection => "collection",
        }
    }

    /// Returns whether the first column of its queries names an agent.
    const fn is_of_agents(self) -> bool {
        !matches!(self, Self::Request | Self::Dead | Self::Audit | Self::Summary)
    }
}

/// One record that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Record {
    table: Table,
    agent: String,
    key: Vec<u8>,
}

/// The records that could not be read when they were last looked at.
#[derive(Debug, Default)]
pub struct Unreadable {
    /// How many there are: what reads well costs no lock while there are none.
    count: AtomicUsize,
    records: Mutex<BTreeSet<Record>>,
}

impl Unreadable {
    /// Returns how many there are, by table and agent; the agent is empty where the record names none.
    pub fn counts(&self) -> BTreeMap<(Table, String), u64> {
        let mut counts = BTreeMap::new();
        for record in self.lock().iter() {
            *counts.entry((record.table, record.agent.clone())).or_default() += 1;
        }
        counts
    }

    /// Returns whether there may be more than are counted.
    pub fn is_full(&self) -> bool {
        self.count.load(Ordering::Relaxed) >= UNREADABLE_NAMED_MAX
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, record: Record, error: &StoreError) {
        let mut records = self.lock();
        if records.len() < UNREADABLE_NAMED_MAX && !records.contains(&record) {
            let (table, agent) = (record.table.as_str(), &record.agent);
            tracing::warn!(table, agent, %error, "a stored record cannot be read and is left out");
            records.insert(record);
        }
        self.count.store(records.len(), Ordering::Relaxed);
    }

    fn forget(&self, record: &Record) {
        let mut records = self.lock();
        records.remove(record);
        self.count.store(records.len(), Ordering::Relaxed);
    }
}

/// How much of a record a query reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    /// Some columns: that these read well says nothing of the others.
    Some,
    /// Everything that can be wrong with it.
    All,
}

/// A query whose rows are records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query<'a> {
    /// What they are of.
    pub(super) table: Table,
    /// How much of them it reads.
    pub(super) reads: Reads,
    /// What the records have in common and its rows do not say: the request.
    pub(super) of: &'a [u8],
    /// How many of the first columns tell one record from another.
    pub(super) keys: usize,
    /// The query.
    pub(super) sql: &'a str,
}

impl Query<'_> {
    fn record(&self, row: &Row<'_>) -> Record {
        let mut record = Record { table: self.table, agent: String::new(), key: self.of.to_vec() };
        for column in 0..self.keys {
            let value = row.get_ref(column).unwrap_or(ValueRef::Null);
            record.key.push(0);
            match value {
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => record.key.extend(bytes),
                ValueRef::Integer(number) => record.key.extend(number.to_be_bytes()),
                ValueRef::Null | ValueRef::Real(_) => {}
            }
            if column == 0 && self.table.is_of_agents() {
                record.agent = shown(value);
            }
        }
        record
    }
}

/// Returns what should be the id of an agent as it can be shown.
fn shown(value: ValueRef<'_>) -> String {
    const SHOWN_CHARS_MAX: usize = 60;
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            text.chars().take(SHOWN_CHARS_MAX).flat_map(char::escape_debug).collect()
        }
        _ => "?".to_owned(),
    }
}

impl Reader {
    /// Visits the records of a query that can be read, until `take` says that it has enough.
    pub(super) fn each<T>(
        &self,
        query: Query<'_>,
        params: impl Params,
        read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
        mut take: impl FnMut(T) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut select = self.connection.prepare_cached(query.sql)?;
        let mut rows = select.query(params)?;
        while let Some(row) = rows.next()? {
            let record = self.readable(query.reads, || query.record(row), read(row))?;
            if let Some(record) = record
                && !take(record)?
            {
                break;
            }
        }
        Ok(())
    }

    /// Returns the records of a query that can be read.
    pub(super) fn all<T>(
        &self,
        query: Query<'_>,
        params: impl Params,
        read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        self.each(query, params, read, |one| {
            all.push(one);
            Ok(true)
        })?;
        Ok(all)
    }

    /// Returns what was read of one record, `None` when it cannot be read: then it is noted. Errors of the database itself
    /// stay errors.
    pub(super) fn readable_of<T>(
        &self,
        table: Table,
        agent: &str,
        key: &[u8],
        read: Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let record = || Record { table, agent: agent.to_owned(), key: key.to_vec() };
        self.readable(Reads::All, record, read)
    }

    /// The same of what is made of one request: its record reads well, what was signed does not.
    pub fn readable_request<T>(
        &self,
        id: &muster_protocol::ids::RequestId,
        read: Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.readable_of(Table::Request, "", &[&[1], id.as_bytes().as_slice()].concat(), read)
    }

    fn readable<T>(
        &self,
        reads: Reads,
        record: impl FnOnce() -> Record,
        read: Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match read {
            Ok(one) => {
                if reads == Reads::All && self.unreadable.count.load(Ordering::Relaxed) > 0 {
                    self.unreadable.forget(&record());
                }
                Ok(Some(one))
            }
            Err(error) if is_of_the_record(&error) => {
                self.unreadable.note(record(), &error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns what could not be read when it was last looked at.
    pub fn unreadable(&self) -> &Unreadable {
        &self.unreadable
    }
}

/// Returns whether an error is of what one record holds, not of the database or the disk.
fn is_of_the_record(error: &StoreError) -> bool {
    match error {
        StoreError::Broken(_) | StoreError::Newer(_) => true,
        StoreError::Database(error) => matches!(
            error,
            Error::FromSqlConversionFailure(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::InvalidColumnType(..)
                | Error::Utf8Error(..)
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests;

//! Which rows of a hunt are meant: conditions that all hold, on the columns that its artifact has.

use std::collections::BTreeSet;

use muster_protocol::artifact::{self, ColumnType, RowRef, Rows, Schema};
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::AgentId;
use muster_protocol::limits::{FILTER_VALUES_MAX, HASH_PREFIX_DIGITS_MIN};

use super::condition::{Condition, How, yes_or_no};
use super::source::{Run, Source};

/// A filter that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// No rows have such a thing.
    #[error("{name:?} is no filter of rows of {artifact}; they have {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The artifact of the hunt.
        artifact: &'static str,
        /// What can be asked for.
        known: String,
    },
    /// Rows of another artifact have it.
    #[error(
        "rows of {artifact} have no column {column:?}, which {name:?} asks for; they have {columns}"
    )]
    NoColumn {
        /// What was asked for.
        name: String,
        /// The artifact of the hunt.
        artifact: &'static str,
        /// The column that it lacks.
        column: String,
        /// Those that it has.
        columns: String,
    },
    /// A filter that may stand once.
    #[error("{0:?} is given twice")]
    Twice(String),
    /// The value of a filter.
    #[error("{name}: {why}")]
    Value {
        /// Of which.
        name: String,
        /// What is wrong.
        why: String,
    },
}

/// Filters whose names are not those of their columns: name, column, comparison.
const NAMED: [(&str, &str, How); 5] = [
    ("min_size", "size", How::Min),
    ("max_size", "size", How::Max),
    ("newer", "mtime", How::Since),
    ("older", "mtime", How::Before),
    ("changed_newer", "ctime", How::Since),
];
/// Filters of what is known of a row beside its columns.
const BESIDE: [&str; 4] = ["agent", "match", "hash", "uploaded"];

/// Which rows are meant.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of these agents; none named: of all.
    agents: BTreeSet<AgentId>,
    conditions: Vec<Condition>,
    hash: Option<HashPrefix>,
    is_matched: Option<bool>,
    is_uploaded: Option<bool>,
    /// The columns that the conditions look at.
    places: BTreeSet<usize>,
}

impl Filter {
    /// Reads a filter for the rows of a hunt from names and values; `now` is the moment that lengths of time count from.
    pub fn read(
        asked: &[(String, String)],
        schema: &'static Schema,
        roots: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<Self, FilterError> {
        let mut filter = Self::default();
        for (at, (name, text)) in asked.iter().enumerate() {
            let before = asked.iter().take(at);
            if name != "agent" && before.into_iter().any(|(known, _)| known == name) {
                return Err(FilterError::Twice(name.clone()));
            }
            let value = |why| FilterError::Value { name: name.clone(), why };
            match name.as_str() {
                "agent" => filter.add_agent(text).map_err(value)?,
                "match" => filter.is_matched = Some(yes_or_no(text).map_err(value)?),
                "uploaded" => filter.is_uploaded = Some(yes_or_no(text).map_err(value)?),
                "hash" => filter.hash = Some(HashPrefix::read(text).map_err(value)?),
                _ => {
                    let (place, how) = column(schema, name)?;
                    let condition = Condition::read(schema, place, how, text, roots, now);
                    filter.conditions.push(condition.map_err(value)?);
                }
            }
        }
        filter.places = filter.conditions.iter().flat_map(Condition::places).collect();
        if filter.hash.is_some() || filter.is_matched.is_some() || filter.is_uploaded.is_some() {
            let digests =
                schema.columns.iter().enumerate().filter(|(_, column)| column.is_digest());
            filter.places.extend(digests.map(|(place, _)| place));
        }
        Ok(filter)
    }

    fn add_agent(&mut self, text: &str) -> Result<(), String> {
        self.agents.insert(AgentId::new(text).map_err(|error| error.to_string())?);
        if self.agents.len() > FILTER_VALUES_MAX {
            return Err(format!("more than {FILTER_VALUES_MAX} agents"));
        }
        Ok(())
    }

    /// Returns the columns that must be read to know whether a row is meant; nothing where every row is.
    pub fn places(&self) -> Option<&BTreeSet<usize>> {
        (!self.has_every_row()).then_some(&self.places)
    }

    /// Returns whether every row of the agents that are meant is.
    pub fn has_every_row(&self) -> bool {
        self.conditions.is_empty()
            && self.hash.is_none()
            && self.is_matched.is_none()
            && self.is_uploaded.is_none()
    }

    /// Returns whether a run may have rows that are meant.
    pub fn may_have(&self, source: &Source, run: &Run) -> bool {
        (self.agents.is_empty() || self.agents.contains(&run.agent))
            && (self.is_matched != Some(true) || !source.ioc.is_empty())
            && (self.is_uploaded != Some(true) || !run.uploaded.is_empty())
    }

    /// Returns which rows of a run are meant, from one on, by their positions.
    pub fn hits(&self, source: &Source, run: &Run, rows: &Rows, from: usize) -> Vec<usize> {
        let rows = rows.iter().enumerate().skip(from);
        rows.filter(|(_, row)| self.is_hit(source, run, row)).map(|(at, _)| at).collect()
    }

    fn is_hit(&self, source: &Source, run: &Run, row: &RowRef<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.holds(row))
            && self.hash.as_ref().is_none_or(|hash| hash.is_of(row))
            && self.is_matched.is_none_or(|wanted| source.is_matched(row) == wanted)
            && self.is_uploaded.is_none_or(|wanted| source.is_uploaded(run, row) == wanted)
    }
}

/// Returns the column that a filter asks for, and how.
fn column(schema: &'static Schema, name: &str) -> Result<(usize, How), FilterError> {
    let (of, how) = meant(name);
    if let Some(place) = schema.place(of).filter(|_| is_filter(schema, of, how)) {
        return Ok((place, how));
    }
    let shown: String = name.chars().take(60).collect();
    let artifact = schema.artifact;
    let is_elsewhere = artifact::ALL.iter().any(|other| is_filter(other.schema(), of, how));
    if !is_elsewhere {
        return Err(FilterError::Unknown { name: shown, artifact, known: known(schema) });
    }
    let columns: Vec<_> = schema.columns.iter().map(|column| column.name).collect();
    let (column, columns) = (of.to_owned(), columns.join(", "));
    Err(FilterError::NoColumn { name: shown, artifact, column, columns })
}

/// Returns the name of the column that a filter asks for, and how.
fn meant(name: &str) -> (&str, How) {
    if let Some((_, column, how)) = NAMED.iter().find(|(known, _, _)| *known == name) {
        return (column, *how);
    }
    name.strip_suffix("_b64").map_or((name, How::Usual), |column| (column, How::Base64))
}

/// Returns whether rows of a schema have such a column, and it can be asked so.
fn is_filter(schema: &Schema, column: &str, how: How) -> bool {
    let kind = schema.column(column).map(|column| column.kind);
    let is_bytes = matches!(kind, Some(ColumnType::Bytes | ColumnType::OptionalBytes));
    let is_of_time = matches!(kind, Some(ColumnType::Time | ColumnType::OptionalTime));
    let is_digest = matches!(kind, Some(ColumnType::Digest(_)));
    match how {
        How::Base64 => is_bytes,
        How::Usual => kind.is_some() && !is_of_time && !is_digest,
        How::Min | How::Max | How::Since | How::Before => kind.is_some(),
    }
}

/// Names every filter of rows of a schema.
fn known(schema: &'static Schema) -> String {
    let named = NAMED.iter().filter(|(_, column, how)| is_filter(schema, column, *how));
    let columns = schema.columns.iter().map(|column| column.name);
    let columns = columns.filter(|name| is_filter(schema, name, How::Usual));
    let all: Vec<_> =
        BESIDE.into_iter().chain(named.map(|(name, _, _)| *name)).chain(columns).collect();
    all.join(", ")
}

/// The beginning of a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
struct HashPrefix {
    bytes: Vec<u8>,
    /// The high half of the byte behind them, where the digits are odd in number.
    half: Option<u8>,
}

impl HashPrefix {
    fn read(text: &str) -> Result<Self, String> {
        let count = text.len();
        if !(HASH_PREFIX_DIGITS_MIN..=2 * DIGEST_BYTES_MAX).contains(&count) {
            let most = 2 * DIGEST_BYTES_MAX;
            return Err(format!("{count} digits, not {HASH_PREFIX_DIGITS_MIN} to {most}"));
        }
        let bad = || format!("{text:?} is not hexadecimal");
        let (whole, odd) = text.split_at_checked(count - count % 2).ok_or_else(bad)?;
        let bytes = muster_protocol::hex::decode(whole).ok_or_else(bad)?;
        let half = match odd {
            "" => None,
            odd => Some(u8::from_str_radix(odd, 16).map_err(|_| bad())?),
        };
        Ok(Self { bytes, half })
    }

    /// Returns whether a digest of a row begins so.
    fn is_of(&self, row: &RowRef<'_>) -> bool {
        let is_half = |rest: &[u8]| {
            self.half.is_none_or(|half| rest.first().is_some_and(|byte| byte >> 4 == half))
        };
        row.digests().any(|(_, digest)| digest.strip_prefix(&*self.bytes).is_some_and(is_half))
    }
}

/// Bytes of the longest digest.
const DIGEST_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests;

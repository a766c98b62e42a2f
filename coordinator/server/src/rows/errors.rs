//! What could not be read, by status and error number: how often, on how many agents, in which folders.
//!
//! Work is bounded: a look ends at its deadline, and the next one goes on where it stopped (see [`super::held`]). Memory is
//! bounded, too: where there are more folders than fit, the rarest go, and one of them that comes again counts from there.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use muster_protocol::artifact::{RowRef, Value};
use muster_protocol::ids::AgentId;
use muster_protocol::limits::{
    ERROR_EXAMPLES_MAX, ERROR_FOLDERS_BYTES_MAX, ERROR_FOLDERS_COUNTED_MAX, ERROR_FOLDERS_MAX,
};

use super::errno::described;
use super::source::Place;
use super::walk::Looking;
use crate::store::StoreError;
use muster_api::{ErrorCause, ErrorExample, ErrorFolder};

/// Columns that say where a row lies; an artifact has one of them.
const PATHS: [&str; 2] = ["path", "exe"];
/// Statuses of what was read, or was not to be.
const FINE: [&str; 6] = ["ok", "cached", "changed", "kernel", "skipped_kind", "skipped_fs"];

/// What was found so far.
#[derive(Debug, Default)]
pub struct Errors {
    causes: BTreeMap<(&'static str, i64), Cause>,
    folders: HashMap<Vec<u8>, Count>,
    /// Bytes of the paths of these folders.
    bytes: usize,
    next: Option<Place>,
    has_begun: bool,
    /// Rows of the hunt when the look began.
    rows: u64,
    looked_at: u64,
}

/// What is counted of a cause or a folder. Rows come agent by agent.
#[derive(Debug, Default)]
struct Count {
    rows: u64,
    agents: u64,
    last: Option<AgentId>,
}

#[derive(Debug, Default)]
struct Cause {
    count: Count,
    examples: Vec<ErrorExample>,
}

impl Count {
    fn add(&mut self, agent: &AgentId) {
        self.rows = self.rows.saturating_add(1);
        if self.last.as_ref() != Some(agent) {
            self.last = Some(agent.clone());
            self.agents = self.agents.saturating_add(1);
        }
    }
}

/// Places of columns.
#[derive(Debug, Clone, Copy)]
struct Columns {
    status: usize,
    errno: usize,
    path: usize,
}

impl Columns {
    /// Returns the status and the error number of a row that could not be read.
    fn error(self, row: &RowRef<'_>) -> Option<(&'static str, i64)> {
        let Value::Word(status) = row.value(self.status) else { return None };
        let errno = if let Value::Signed(errno) = row.value(self.errno) { errno } else { 0 };
        (!FINE.contains(&status)).then_some((status, errno))
    }
}

impl Errors {
    /// Returns whether all rows were looked at.
    pub fn is_complete(&self) -> bool {
        self.has_begun && self.next.is_none()
    }

    /// Returns how many rows were looked at.
    pub fn looked_at(&self) -> u64 {
        self.looked_at
    }

    /// Goes on until the deadline has passed or everything was looked at: one chunk at least. It begins again where rows have
    /// come since it was complete.
    pub fn go_on(&mut self, looking: &Looking<'_>, until: Instant) -> Result<(), StoreError> {
        let rows = looking.source.total();
        if self.is_complete() && self.rows == rows {
            return Ok(());
        }
        if !self.has_begun || self.is_complete() {
            *self = Self { rows, ..Self::default() };
        }
        let schema = looking.source.schema;
        let path = PATHS.iter().find_map(|name| schema.place(name));
        let columns = schema.place("status").zip(schema.place("errno")).zip(path);
        self.has_begun = true;
        let Some(((status, errno), path)) = columns else { return Ok(()) };
        let columns = Columns { status, errno, path };
        let from = self.next.take();
        let looked = self.look(looking, from.as_ref(), columns, until);
        if looked.is_err() {
            // What was counted of a chunk twice would be wrong: the next look begins again.
            *self = Self::default();
        }
        looked
    }

    fn look(
        &mut self,
        looking: &Looking<'_>,
        from: Option<&Place>,
        columns: Columns,
        until: Instant,
    ) -> Result<(), StoreError> {
        let more = [columns.status, columns.errno].into();
        looking.look(from, &more, |hits, _| {
            let (chunk, agent) = (hits.chunk, &hits.run.agent);
            let rows = chunk.rows.iter().enumerate();
            let at = rows.filter(|(_, row)| columns.error(row).is_some()).map(|(at, _)| at);
            let at: Vec<_> = at.collect();
            if let Some(whole) = looking.whole(chunk, &at)? {
                for row in whole.iter() {
                    self.add(&row, agent, columns);
                }
            }
            self.looked_at = self.looked_at.saturating_add(chunk.rows.len() as u64);
            if Instant::now() < until {
                return Ok(true);
            }
            let (agent, attempt) = (agent.clone(), hits.run.attempt);
            self.next = Some(Place { agent, attempt, seq: chunk.seq.saturating_add(1), index: 0 });
            Ok(false)
        })
    }

    fn add(&mut self, row: &RowRef<'_>, agent: &AgentId, columns: Columns) {
        let Some(error) = columns.error(row) else { return };
        let path = if let Value::Bytes(path) = row.value(columns.path) { path } else { &[] };
        let cause = self.causes.entry(error).or_default();
        cause.count.add(agent);
        if cause.examples.len() < ERROR_EXAMPLES_MAX {
            let path = String::from_utf8_lossy(path).into_owned();
            cause.examples.push(ErrorExample { agent: agent.to_string(), path });
        }
        // The folder of what lies in the root is the root.
        let end = path.iter().rposition(|byte| *byte == b'/').map(|at| at.max(1));
        let Some(folder) = end.and_then(|end| path.get(..end)) else { return };
        if !self.folders.contains_key(folder) {
            self.make_room(folder.len());
            self.bytes = self.bytes.saturating_add(folder.len());
            self.folders.insert(folder.to_vec(), Count::default());
        }
        if let Some(count) = self.folders.get_mut(folder) {
            count.add(agent);
        }
    }

    /// Lets the rarer half of the folders go where there is no room for another.
    fn make_room(&mut self, bytes: usize) {
        let is_full = self.folders.len() >= ERROR_FOLDERS_COUNTED_MAX
            || self.bytes.saturating_add(bytes) > ERROR_FOLDERS_BYTES_MAX;
        if !is_full {
            return;
        }
        let mut counts: Vec<_> = self.folders.values().map(|count| count.rows).collect();
        counts.sort_unstable();
        let middle = counts.get(counts.len() / 2).copied().unwrap_or(0);
        self.folders.retain(|_, count| count.rows > middle);
        self.bytes = self.folders.keys().map(Vec::len).sum();
    }

    /// Returns the causes, the most frequent first, and the folders that hold most of the rows.
    pub fn shown(&self) -> (Vec<ErrorCause>, Vec<ErrorFolder>) {
        let cause = |((status, errno), cause): (&(&'static str, i64), &Cause)| {
            let errno = i32::try_from(*errno).ok().filter(|errno| *errno != 0);
            let (name, meaning) = errno.map_or(("", ""), described);
            ErrorCause {
                status: (*status).to_owned(),
                errno,
                name: name.to_owned(),
                meaning: if meaning.is_empty() { meaning_of(status) } else { meaning }.to_owned(),
                count: cause.count.rows,
                agents: cause.count.agents,
                examples: cause.examples.clone(),
            }
        };
        let mut causes: Vec<_> = self.causes.iter().map(cause).collect();
        causes.sort_by_key(|cause| std::cmp::Reverse(cause.count));
        let mut folders: Vec<_> = self.folders.iter().collect();
        folders.sort_by(|(a, x), (b, y)| y.rows.cmp(&x.rows).then_with(|| a.cmp(b)));
        let folder = |(path, count): (&Vec<u8>, &Count)| ErrorFolder {
            path: String::from_utf8_lossy(path).into_owned(),
            count: count.rows,
            agents: count.agents,
        };
        (causes, folders.into_iter().take(ERROR_FOLDERS_MAX).map(folder).collect())
    }
}

/// Returns what a status means where no error number tells more.
fn meaning_of(status: &str) -> &'static str {
    match status {
        "denied" => "permission denied",
        "denied_by_policy" => "the machine's policy lets nothing there be looked at",
        "vanished" => "it was deleted, renamed or ended meanwhile",
        "cache_mismatch" => "what the agent's cache had was not what the file held",
        _ => "",
    }
}

#[cfg(test)]
mod tests;

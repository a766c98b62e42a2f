//! What a group of writes has touched, and the one place where the read models follow: at the end of the group's transaction.
//!
//! A chunk of the only attempt of a part that is still running changes counters alone; everything else has the row derived again.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, Attempt, RequestId};
use rusqlite::{Connection, params};
use tracing::error;

use super::derive::derive;
use super::{find, put, remove};
use crate::store::signed::signed;
use crate::store::summaries::{self, Open};
use crate::store::write::may_pass;
use crate::store::{AttemptKey, Chunk, StoreError, StoredCollection};

/// What a group of writes has touched.
#[derive(Debug, Default)]
pub(in crate::store) struct Touched {
    parts: BTreeMap<(RequestId, AgentId), Touch>,
    requests: BTreeSet<RequestId>,
    begun: BTreeSet<RequestId>,
    faulty: BTreeSet<AgentId>,
}

/// How a part was touched.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Touch {
    /// By new chunks of one attempt.
    Chunks(Attempt, Landed),
    /// Otherwise.
    Anyhow,
}

/// New chunks of one attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Landed {
    chunks: u64,
    rows: u64,
    bytes: u64,
}

impl Touched {
    /// A part has changed.
    pub(in crate::store) fn part(&mut self, request: RequestId, agent: &AgentId) {
        self.parts.insert((request, agent.clone()), Touch::Anyhow);
    }

    /// The part of an attempt has changed.
    pub(in crate::store) fn attempt(&mut self, run: &AttemptKey) {
        self.part(run.request, &run.agent);
    }

    /// A new chunk is stored.
    pub(in crate::store) fn chunk(&mut self, chunk: &Chunk) {
        let (rows, bytes) = (u64::from(chunk.rows), chunk.body.len() as u64);
        let new = Landed { chunks: 1, rows, bytes };
        match self.parts.entry((chunk.request, chunk.agent.clone())) {
            Entry::Vacant(entry) => drop(entry.insert(Touch::Chunks(chunk.attempt, new))),
            Entry::Occupied(mut entry) => match entry.get_mut() {
                Touch::Chunks(attempt, landed) if *attempt == chunk.attempt => {
                    landed.chunks += 1;
                    landed.rows = landed.rows.saturating_add(rows);
                    landed.bytes = landed.bytes.saturating_add(bytes);
                }
                touch => *touch = Touch::Anyhow,
            },
        }
    }

    /// What is known of a request as a whole has changed.
    pub(in crate::store) fn request(&mut self, request: RequestId) {
        self.requests.insert(request);
    }

    /// A request is on record from now on.
    pub(in crate::store) fn begun(&mut self, request: RequestId) {
        self.begun.insert(request);
    }

    /// Something is, or was, wrong with an agent's identity.
    pub(in crate::store) fn faulty(&mut self, agent: &AgentId) {
        self.faulty.insert(agent.clone());
    }

    /// Brings the read models up to date; `change` is the number of the commit. Returns what the commit has changed.
    pub(in crate::store) fn settle(
        self,
        tx: &Connection,
        change: u64,
        now: Timestamp,
    ) -> Result<Changed, StoreError> {
        let mut settling = Settling { tx, change, now, open: BTreeMap::new() };
        let mut changed = Changed { faulty: self.faulty, ..Changed::default() };
        for request in self.begun {
            pass(settling.begin(&request))?;
            changed.requests.insert(request);
        }
        for ((request, agent), touch) in self.parts {
            if pass(settling.part(&request, &agent, &touch))? == Some(true) {
                changed.parts.insert((request, agent));
            }
        }
        changed.requests.extend(self.requests.iter());
        changed.requests.extend(changed.parts.iter().map(|(request, _)| *request));
        settling.end(&changed.requests)?;
        Ok(changed)
    }
}

/// What a commit has changed of the read models.
#[derive(Debug, Default)]
pub(in crate::store) struct Changed {
    /// Requests of which anything has changed.
    pub(in crate::store) requests: BTreeSet<RequestId>,
    /// Parts.
    pub(in crate::store) parts: BTreeSet<(RequestId, AgentId)>,
    /// Agents with whose identities something is, or was, wrong.
    pub(in crate::store) faulty: BTreeSet<AgentId>,
}

struct Settling<'a> {
    tx: &'a Connection,
    change: u64,
    now: Timestamp,
    /// What the requests of this commit have of their collections. Nothing for what has no summary.
    open: BTreeMap<RequestId, Option<Open>>,
}

impl Settling<'_> {
    /// Makes the rows of a new request.
    fn begin(&mut self, request: &RequestId) -> Result<(), StoreError> {
        if !summaries::insert(self.tx, request, self.change)? {
            return Ok(());
        }
        let answered = self
            .tx
            .prepare_cached(
                "SELECT 1 FROM attempt WHERE request = ?1 UNION ALL SELECT 1 FROM status WHERE request = ?1
                 UNION ALL SELECT 1 FROM conflict WHERE request = ?1",
            )?
            .exists([request.as_bytes()])?;
        if answered {
            return self.begin_answered(request);
        }
        // Nothing is stored of it but whom it expects: thousands of rows, all alike.
        self.tx
            .prepare_cached(
                "INSERT OR REPLACE INTO collection (request, agent, is_settled, is_expected, is_seen, is_revoked, passed, class,
                 attempts, has_ended, is_spoilt, heard, started, ended, host, code, reason, chunks_stored, rows, bytes, seen,
                 hashed, cached, matched, errors, bytes_read, cpu_ms, throttled_ms, path)
                 SELECT e.request, e.agent, 0, 1, e.is_seen, coalesce(a.revoked IS NOT NULL, 0),
                 CASE r.route WHEN 0 THEN e.passed END, 'unanswered', 0, 0, 0, CASE r.route WHEN 0 THEN e.passed END, 0, 0, '', '',
                 '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, x''
                 FROM expected e JOIN request r ON r.id = e.request LEFT JOIN agent a ON a.id = e.agent
                 WHERE e.request = ?1",
            )?
            .execute([request.as_bytes()])?;
        Ok(())
    }

    /// The same of one that agents have answered before it was on record.
    fn begin_answered(&mut self, request: &RequestId) -> Result<(), StoreError> {
        for agent in agents_of(self.tx, request)? {
            self.part(request, &agent, &Touch::Anyhow)?;
        }
        Ok(())
    }

    /// Brings one row up to date; returns whether it has changed.
    fn part(
        &mut self,
        request: &RequestId,
        agent: &AgentId,
        touch: &Touch,
    ) -> Result<bool, StoreError> {
        let tx = self.tx;
        if let Touch::Chunks(attempt, landed) = touch
            && self.bump(request, agent, attempt, landed)?
        {
            return Ok(true);
        }
        let Some(open) = self.open(request)? else { return Ok(false) };
        let held = find(tx, request, agent)?;
        let row = derive(tx, request, open.is_broadcast, agent)?;
        if held == row {
            return Ok(false);
        }
        match &row {
            Some(row) => put(tx, request, row)?,
            None => remove(tx, request, agent)?,
        }
        if let Some(held) = &held {
            open.totals.take(held);
        }
        if let Some(row) = &row {
            open.totals.add(row);
        }
        let received = |row: &Option<StoredCollection>| row.as_ref().and_then(|row| row.received);
        open.received.replace(received(&held), received(&row));
        Ok(true)
    }

    /// Counts new chunks of the only attempt of a part that has not ended: nothing else of its row follows from them. Returns whether
    /// the row was such a one.
    fn bump(
        &self,
        request: &RequestId,
        agent: &AgentId,
        attempt: &Attempt,
        landed: &Landed,
    ) -> Result<bool, StoreError> {
        let first_row = (landed.rows > 0).then_some(self.now.0);
        let bumped = self
            .tx
            .prepare_cached(
                "UPDATE collection SET class = iif(class = 'paused', class, 'running'), chunks_stored = chunks_stored + ?5, rows = rows + ?6, bytes = bytes + ?7,
                 first_row = min(coalesce(first_row, ?8), coalesce(?8, first_row)),
                 heard = min(coalesce(heard, ?8), coalesce(?8, heard))
                 WHERE request = ?1 AND agent = ?2 AND origin = ?3 AND journal = ?4 AND attempts = 1 AND has_ended = 0
                 AND is_spoilt = 0",
            )?
            .execute(params![
                request.as_bytes(),
                agent.as_str(),
                attempt.origin.as_bytes(),
                attempt.journal.as_bytes(),
                signed(landed.chunks),
                signed(landed.rows),
                signed(landed.bytes),
                first_row,
            ])?;
        Ok(bumped > 0)
    }

    fn open(&mut self, request: &RequestId) -> Result<Option<&mut Open>, StoreError> {
        let open = match self.open.entry(*request) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let open = pass(summaries::open_of(self.tx, request))?;
                entry.insert(open.flatten())
            }
        };
        Ok(open.as_mut())
    }

    /// Writes the totals.
    fn end(mut self, requests: &BTreeSet<RequestId>) -> Result<(), StoreError> {
        for request in requests {
            let (tx, change) = (self.tx, self.change);
            let Some(open) = self.open(request)? else { continue };
            summaries::update(tx, request, open, change)?;
        }
        Ok(())
    }
}

/// Passes on the errors that another try may not meet. Nobody's results wait for a row that can be made again.
fn pass<T>(made: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match made {
        Ok(made) => Ok(Some(made)),
        Err(problem) if may_pass(&problem) => Err(problem),
        Err(problem) => {
            error!(error = %problem, "a read model could not follow: muster doctor --rebuild");
            Ok(None)
        }
    }
}

/// Returns the agents that a request expects or has heard of.
pub(in crate::store) fn agents_of(
    tx: &Connection,
    request: &RequestId,
) -> Result<Vec<AgentId>, StoreError> {
    let mut select = tx.prepare_cached(
        "SELECT agent FROM expected WHERE request = ?1 UNION SELECT agent FROM attempt WHERE request = ?1
         UNION SELECT agent FROM status WHERE request = ?1 UNION SELECT agent FROM conflict WHERE request = ?1",
    )?;
    let mut rows = select.query([request.as_bytes()])?;
    let mut agents = Vec::new();
    while let Some(row) = rows.next()? {
        // One that cannot be read is no agent in any view.
        agents.extend(crate::store::read::agent_id(row, 0));
    }
    Ok(agents)
}

//! Which agents hold a file, by digest: a scan of the rows that have landed, of the runs that count.

use std::collections::BTreeSet;

use muster_protocol::artifact::{HashKind, Rows};
use muster_protocol::hex;
use muster_protocol::ids::AgentId;

use crate::store::fleet::Roster;
use crate::store::{List, Reader, StoreError};
use muster_api::{Found, WhoHas};

/// Digests of one question.
const HASHES_MAX: usize = 10_000;
/// Rows of one answer.
const ROWS_MAX: usize = 10_000;

/// A question that cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum WhoHasError {
    /// Not a digest.
    #[error(
        "{0:?} is not a digest: 32 (md5), 40 (sha1), 64 (sha256, blake3) or 128 (sha512) hexadecimal digits"
    )]
    NotADigest(String),
    /// None, or too many of them.
    #[error("{0} digests, not 1 to {HASHES_MAX}")]
    Count(usize),
    /// Whoever asked has gone, or the coordinator stops.
    #[error("the scan was given up")]
    GivenUp,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Looks for digests in hexadecimal. Reads every chunk that counts, one at a time; ends early only when the
/// answer is as long as an answer may be, and says so, or when nobody waits for it any more.
pub fn who_has(
    reader: &Reader,
    roster: &Roster,
    hashes: &[String],
    is_awaited: impl Fn() -> bool,
) -> Result<WhoHas, WhoHasError> {
    let wanted = digests(hashes)?;
    let mut scan = Scan {
        absent: wanted.clone(),
        wanted,
        agents: BTreeSet::new(),
        found: WhoHas {
            rows: Vec::new(),
            absent: Vec::new(),
            scanned_rows: 0,
            scanned_agents: 0,
            truncated: false,
        },
    };
    for hunt in reader.listed(List::Hunts, None, usize::MAX)? {
        let named = hunt.to_string();
        if !is_awaited() {
            return Err(WhoHasError::GivenUp);
        }
        for part in reader.collections_with_rows(&hunt)? {
            if !is_awaited() {
                return Err(WhoHasError::GivenUp);
            }
            let Some(run) = part.attempt.filter(|_| part.is_counted()) else { continue };
            let agent = &part.agent;
            let known = roster.get(agent).filter(|_| part.host.is_empty());
            let host = known.as_ref().map_or(part.host.as_str(), |known| &known.facts.host);
            scan.agents.insert(agent.clone());
            reader.rows(&hunt, agent, &run, |rows| scan.look(&named, agent, host, &rows))?;
            if scan.found.truncated {
                return Ok(scan.end());
            }
        }
    }
    Ok(scan.end())
}

fn digests(hashes: &[String]) -> Result<BTreeSet<Vec<u8>>, WhoHasError> {
    if hashes.is_empty() || hashes.len() > HASHES_MAX {
        return Err(WhoHasError::Count(hashes.len()));
    }
    let digest = |text: &String| {
        let bytes = hex::decode(text.trim());
        let known = |bytes: &Vec<u8>| HashKind::ALL.iter().any(|kind| kind.bytes() == bytes.len());
        let short = || text.chars().take(80).collect();
        bytes.filter(known).ok_or_else(|| WhoHasError::NotADigest(short()))
    };
    hashes.iter().map(digest).collect()
}

struct Scan {
    wanted: BTreeSet<Vec<u8>>,
    absent: BTreeSet<Vec<u8>>,
    agents: BTreeSet<AgentId>,
    found: WhoHas,
}

impl Scan {
    /// Takes the hits of one chunk; `false` when the answer is full.
    fn look(
        &mut self,
        hunt: &str,
        agent: &AgentId,
        host: &str,
        rows: &Rows,
    ) -> Result<bool, StoreError> {
        self.found.scanned_rows += rows.len() as u64;
        for row in rows.iter() {
            let mut digests = row.digests().map(|(_, digest)| digest);
            let Some(hit) = digests.find(|digest| self.wanted.contains(*digest)) else {
                continue;
            };
            if self.found.rows.len() >= ROWS_MAX {
                self.found.truncated = true;
                return Ok(false);
            }
            self.absent.remove(hit);
            let found = Found { hunt, agent: agent.as_str(), host, ..Found::default() };
            let row =
                found.view(&row, &[]).map_err(|error| StoreError::Broken(error.to_string()))?;
            self.found.rows.push(row);
        }
        Ok(true)
    }

    fn end(mut self) -> WhoHas {
        // What was not looked through to the end cannot be called absent.
        if !self.found.truncated {
            self.found.absent = self.absent.iter().map(|digest| hex::encode(digest)).collect();
        }
        self.found.scanned_agents = self.agents.len() as u64;
        self.found
    }
}

#[cfg(test)]
mod tests;

//! `muster audit verify`: whether the audit log is whole, and goes on from what was verified before.

use std::io::Write as _;
use std::path::Path;

use muster_api::{AuditView, BEFORE_THE_FIRST, FleetView};
use muster_protocol::clock::{Clock, Timestamp};
use muster_protocol::hex;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::Context;
use crate::failure::{Exit, Failure};
use crate::output::{Column, Document, Show};
use crate::private;

/// Where what was verified last is kept, beside the operator's key.
const HEAD: &str = "audit.head";

/// What was found.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Verified {
    /// How many lines were read.
    lines: u64,
    /// The number of the last one.
    last: i64,
    /// Its hash, which stands for all lines before it.
    hash: String,
    /// The last line of the time before; none at the first time.
    since_line: Option<i64>,
    /// When that was.
    since: Option<String>,
    /// What is wrong; empty where nothing is.
    problem: String,
}

const VERIFIED: &[Column<Verified>] = &[
    Column::new("lines", "lines", Show::Count, |one| one.lines.into()),
    Column::new("last", "last", Show::Count, |one| one.last.unsigned_abs().into()),
    Column::new("hash", "hash", Show::Text, |one| (&one.hash).into()),
    Column::new("verified before", "since", Show::Text, |one| {
        one.since.as_deref().unwrap_or("never").into()
    }),
    Column::new("problem", "problem", Show::Text, |one| {
        if one.problem.is_empty() { "none".into() } else { (&one.problem).into() }
    }),
];

/// The last line that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    fleet: String,
    line: i64,
    hash: String,
    at: String,
}

pub(super) fn run(context: &Context) -> Result<Exit, Failure> {
    let client = context.client()?;
    let fleet: Document<FleetView> = client.get("/api/v1/fleet")?;
    let path = context.settings.dir.join(HEAD);
    let before = read(&path)?.filter(|head| head.fleet == fleet.view.id);
    let lines: Vec<AuditView> = client.list("/api/v1/audit")?;
    let found = verify(&lines, before.as_ref());
    let found = Document::of(found)?;
    context.out.record(VERIFIED, &found)?;
    let problem = &found.view.problem;
    if problem.is_empty() {
        if let Some(last) = lines.first() {
            let at = Clock::system().now();
            keep(&path, &Head::of(last, fleet.view.id, at))?;
        }
        return Ok(Exit::Done);
    }
    context.out.note(&format!("the audit log is not what it was: {problem}"));
    context
        .out
        .note("ask whoever runs the coordinator; a backup of its store shows what was there");
    Ok(Exit::Partial)
}

impl Head {
    fn of(last: &AuditView, fleet: String, at: Timestamp) -> Self {
        Self { fleet, line: last.id, hash: last.hash.clone(), at: at.to_string() }
    }
}

/// Describes what was read, the latest line first.
fn verify(lines: &[AuditView], before: Option<&Head>) -> Verified {
    Verified {
        lines: lines.len() as u64,
        last: lines.first().map_or(0, |last| last.id),
        hash: lines.first().map(|last| last.hash.clone()).unwrap_or_default(),
        since_line: before.map(|head| head.line),
        since: before.map(|head| head.at.clone()),
        problem: problem(lines, before).unwrap_or_default(),
    }
}

/// Returns what is wrong with the log, of its lines the latest first.
fn problem(lines: &[AuditView], before: Option<&Head>) -> Option<String> {
    let mut link = hex::encode(&BEFORE_THE_FIRST);
    for (number, line) in (1..).zip(lines.iter().rev()) {
        if line.id != number {
            return Some(format!("line {number} is missing or cannot be read"));
        }
        if line.expected(&link).as_ref() != Some(&line.hash) {
            return Some(format!("line {number} does not follow from the one before it"));
        }
        link.clone_from(&line.hash);
    }
    let head = before?;
    let same = lines.iter().find(|line| line.id == head.line);
    match same {
        None => Some(format!("line {} was there at {} and is gone", head.line, head.at)),
        Some(line) if line.hash != head.hash => {
            Some(format!("lines up to {} are others than at {}", head.line, head.at))
        }
        Some(_) => None,
    }
}

/// Reads what was verified last.
fn read(path: &Path) -> Result<Option<Head>, Failure> {
    if !path.try_exists().map_err(|error| Failure::file("read", path, &error))? {
        return Ok(None);
    }
    let bytes = private::bytes(path)?;
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        let what = format!("{} cannot be read", path.display());
        let next = "move it away: the log is then verified without what was known before";
        Failure::usage(&what, error, next)
    })
}

/// Keeps what was verified, in one step.
fn keep(path: &Path, head: &Head) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::file("write", path, &error);
    let text = serde_json::to_vec(head).map_err(|e| Failure::bug("cannot write the head", e))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(&text).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use muster_api::AuditWords;

    use super::*;

    /// So many lines, the latest first.
    fn log(lines: i64) -> Vec<AuditView> {
        let mut before = BEFORE_THE_FIRST;
        let mut log: Vec<_> = (1..=lines)
            .map(|id| {
                let words: [&[u8]; 5] = [b"ada", b"", b"request", b"0199", b""];
                before = AuditWords { id, at_ms: id, words }.hash(&before);
                AuditView {
                    id,
                    at: Timestamp(id).into(),
                    token: "ada".into(),
                    operator: String::new(),
                    action: "request".into(),
                    subject: "0199".into(),
                    detail: String::new(),
                    hash: hex::encode(&before),
                }
            })
            .collect();
        log.reverse();
        log
    }

    #[test]
    fn a_log_that_is_whole_has_no_problem() {
        assert_eq!(problem(&[], None), None);
        let all = log(5);
        assert_eq!(problem(&all, None), None);
        let head = Head::of(&all[2], "f".into(), Timestamp(0));
        assert_eq!(problem(&all, Some(&head)), None);
        assert_eq!(verify(&all, Some(&head)).since_line, Some(3));
    }

    #[test]
    fn what_was_changed_taken_out_or_cut_off_is_named() {
        let all = log(5);
        let with = |change: &dyn Fn(&mut Vec<AuditView>)| {
            let mut lines = all.clone();
            change(&mut lines);
            problem(&lines, None).unwrap()
        };
        assert!(with(&|lines| lines[1].token = "eve".into()).starts_with("line 4 does not"));
        assert!(with(&|lines| drop(lines.remove(1))).starts_with("line 4 is missing"));
        assert!(with(&|lines| drop(lines.pop())).starts_with("line 1 is missing"));
        assert!(with(&|lines| lines[0].hash = "x".into()).starts_with("line 5 does not"));
        // The end alone is cut off, or all of it written again: only who saw it before can tell.
        let head = Head::of(&all[0], "f".into(), Timestamp(0));
        assert!(problem(&all[1..], Some(&head)).unwrap().starts_with("line 5 was there at"));
        assert_eq!(problem(&all[1..], None), None);
        let other = Head { hash: "00".repeat(32), ..head };
        assert!(problem(&all, Some(&other)).unwrap().starts_with("lines up to 5 are others"));
    }

    #[test]
    fn the_head_is_kept_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(HEAD);
        assert_eq!(read(&path).unwrap(), None);
        for line in [1, 2] {
            let head = Head { fleet: "f".into(), line, hash: "00".into(), at: "now".into() };
            keep(&path, &head).unwrap();
            assert_eq!(read(&path).unwrap(), Some(head));
        }
        std::fs::write(&path, "{").unwrap();
        assert!(read(&path).unwrap_err().error.contains(HEAD));
    }
}

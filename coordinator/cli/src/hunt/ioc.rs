//! The list of hashes of a hunt: read from files or stdin, and what it weighs on the wire.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::ioc::{IocList, PART_WIDTH, WIDTH_MIN};
use muster_protocol::hex;
use muster_protocol::limits;
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::{Bundle, Kind, sign};
use muster_protocol::wire;
use serde_bytes::ByteBuf;

use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::listed::{Digest, Line, Reader, Unclear};
use crate::output::{Out, escape, units};
use crate::{Context, agents};

/// Characters of a line that an error shows.
const SHOWN_CHARS: usize = 80;
/// Lines without a hash that are named.
const SKIPPED_SHOWN: usize = 10;

/// A list that is sent in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LongList {
    pub(super) count: u64,
    pub(super) parts: Vec<IocList>,
    pub(super) whole: Vec<IocList>,
}

/// Hashes by kind, and what was met on the way to them.
#[derive(Debug, Default)]
pub(crate) struct Hashes {
    of: BTreeMap<HashKind, Vec<Vec<u8>>>,
    read: usize,
    doubles: usize,
    /// How many lines were left out, and the first of them.
    skipped: usize,
    skipped_first: Vec<String>,
}

/// A file with hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListFile {
    /// Where it is; `-` is stdin.
    pub(crate) path: PathBuf,
    /// What it is called in errors and notes.
    pub(crate) name: String,
    /// Whether lines without a hash are left out.
    pub(crate) skips_bad: bool,
}

/// What is in a list, in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Different hashes.
    pub(crate) hashes: u64,
    /// The same by kind.
    pub(crate) kinds: Vec<(HashKind, u64)>,
    /// Hashes that came again.
    pub(crate) duplicates: u64,
    /// Lines that were left out.
    pub(crate) skipped: u64,
}

/// A list that cannot be taken.
#[derive(Debug)]
pub(crate) struct BadList {
    /// What, why, what to do.
    pub(crate) failure: Failure,
    /// The line and the column, from 1, where it is one line.
    pub(crate) place: Option<(u64, usize)>,
}

impl From<Failure> for BadList {
    fn from(failure: Failure) -> Self {
        Self { failure, place: None }
    }
}

impl Hashes {
    /// Reads files; `-` is stdin. A line that cannot be taken ends it; one without a hash is left out where such lines
    /// are to be skipped.
    pub(super) fn read(paths: &[PathBuf], skips_bad: bool) -> Result<Self, Failure> {
        if paths.iter().filter(|path| is_stdin(path)).count() > 1 {
            let next = "give --ioc - once";
            return Err(Failure::usage("stdin is named twice", "it can be read once", next));
        }
        let file = |path: &PathBuf| {
            let name = if is_stdin(path) { "stdin".to_owned() } else { path.display().to_string() };
            ListFile { path: path.clone(), name, skips_bad }
        };
        let files: Vec<_> = paths.iter().map(file).collect();
        Self::of(&files).map_err(|bad| bad.failure)
    }

    /// Reads files under the names that they are to have in errors.
    pub(crate) fn of(files: &[ListFile]) -> Result<Self, BadList> {
        let mut hashes = Self::default();
        for ListFile { path, name, skips_bad } in files {
            if is_stdin(path) {
                hashes.add(name, io::stdin().lock(), *skips_bad)?;
            } else {
                let file = File::open(path).map_err(|e| Failure::file("read", path, &e))?;
                hashes.add(name, BufReader::new(file), *skips_bad)?;
            }
        }
        for digests in hashes.of.values_mut() {
            digests.sort_unstable();
            digests.dedup();
        }
        hashes.doubles = hashes.read - hashes.count();
        if hashes.count() == 0 && !files.is_empty() {
            let cause = "every file would be judged by nothing";
            let next = "one hash a line: md5, sha1, sha256 or sha512 in hexadecimal";
            return Err(Failure::usage("--ioc names no hash", cause, next).into());
        }
        Ok(hashes)
    }

    /// Returns what is in it, in numbers.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            hashes: self.count() as u64,
            kinds: self.of.iter().map(|(kind, of)| (*kind, of.len() as u64)).collect(),
            duplicates: self.doubles as u64,
            skipped: self.skipped as u64,
        }
    }

    /// Returns the first lines that were left out: `bad.txt:17`.
    pub(crate) fn skipped_first(&self) -> &[String] {
        &self.skipped_first
    }

    /// Returns how many bytes of digests go to each agent.
    pub(crate) fn weight(&self) -> u64 {
        let lists = self.pack().unwrap_or_else(|| self.part().parts);
        lists.iter().map(|list| list.digests.len() as u64).sum()
    }

    /// Returns the digests that a hunt must compute.
    pub(super) fn kinds(&self) -> impl Iterator<Item = HashKind> + '_ {
        self.of.keys().copied()
    }

    /// Returns what the request carries: the whole digests, or where they are too many their first bytes. Nothing where
    /// they are still too many: then the list travels in parts.
    pub(super) fn pack(&self) -> Option<Vec<IocList>> {
        let bytes = |width: &dyn Fn(HashKind) -> usize| -> usize {
            self.of.iter().map(|(kind, digests)| digests.len() * width(*kind)).sum()
        };
        let fits = |bytes: usize| bytes <= limits::IOC_BYTES_MAX;
        let is_whole = fits(bytes(&HashKind::bytes));
        if !is_whole && !fits(bytes(&|_| WIDTH_MIN)) {
            return None;
        }
        let list = |(kind, digests): (&HashKind, &Vec<Vec<u8>>)| {
            let width = if is_whole { kind.bytes() } else { WIDTH_MIN };
            IocList::new(*kind, width, digests.iter().map(Vec::as_slice))
        };
        Some(self.of.iter().map(list).collect())
    }

    /// Returns the list in parts: for the agents the first bytes of each digest, for the coordinator the whole ones.
    pub(super) fn part(&self) -> LongList {
        let lists = |width: &dyn Fn(HashKind) -> usize| {
            let cut = |(kind, digests): (&HashKind, &Vec<Vec<u8>>)| {
                let all = digests.iter().map(Vec::as_slice);
                pieces(&IocList::new(*kind, width(*kind), all))
            };
            self.of.iter().flat_map(cut).collect::<Vec<_>>()
        };
        let count = u64::try_from(self.count()).unwrap_or(u64::MAX);
        LongList { count, parts: lists(&|_| PART_WIDTH), whole: lists(&HashKind::bytes) }
    }

    /// Returns what is worth knowing of what was read, and of how it is asked for.
    pub(crate) fn notes(&self) -> Vec<String> {
        if self.of.is_empty() {
            return Vec::new();
        }
        let number = |count: usize| units::count(count as u64);
        let kinds =
            self.of.iter().map(|(kind, of)| format!("{} {}", number(of.len()), kind.as_str()));
        let mut said = vec![format!("list of hashes: {}", kinds.collect::<Vec<_>>().join(", "))];
        if self.doubles > 0 {
            said.push(format!("{} came more than once", number(self.doubles)));
        }
        if self.skipped > 0 {
            let more = if self.skipped > self.skipped_first.len() { ", …" } else { "" };
            let first = self.skipped_first.join(", ");
            let count = number(self.skipped);
            said.push(format!("lines without a hash, left out: {count} ({first}{more})"));
        }
        let is_cut = |list: &IocList| list.width() != list.kind.bytes();
        match self.pack() {
            None => {
                let first = format!("sent in parts, the first {PART_WIDTH} bytes of each");
                said.push(format!("{first}; the coordinator compares them whole"));
            }
            Some(packed) if packed.iter().any(is_cut) => {
                said.push(format!("compared by their first {WIDTH_MIN} bytes, so that all fit"));
            }
            Some(_) => {}
        }
        let mut notes = vec![said.join("; ")];
        let empty = self.of.iter().filter(|(kind, of)| holds_empty(**kind, of));
        notes.extend(empty.map(|(kind, _)| {
            format!(
                "warning: the list holds the {} of the empty file: every empty file will match",
                kind.as_str()
            )
        }));
        notes
    }

    fn count(&self) -> usize {
        self.of.values().map(Vec::len).sum()
    }

    fn add(&mut self, name: &str, reader: impl BufRead, skips_bad: bool) -> Result<(), BadList> {
        let unread = |error: io::Error| Failure::file("read", Path::new(name), &error);
        let mut lines = Reader::new(reader).map_err(unread)?;
        while let Some((number, line)) = lines.next().map_err(unread)? {
            match line {
                Line::Hashes(found) => self.take(name, found)?,
                Line::Nothing => {}
                Line::Unclear(unclear) if skips_bad && unclear.is_spare => {
                    self.skipped += 1;
                    if self.skipped_first.len() < SKIPPED_SHOWN {
                        let name = escape::text(name);
                        self.skipped_first.push(format!("{name}:{number}"));
                    }
                }
                Line::Unclear(unclear) => {
                    let place = Some((number, unclear.column));
                    return Err(BadList { failure: refused(name, number, &unclear), place });
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, name: &str, found: Vec<Digest>) -> Result<(), Failure> {
        self.read += found.len();
        if self.read > limits::IOC_HASHES_MAX {
            let most = units::count(limits::IOC_HASHES_MAX as u64);
            let cause = format!("{most} hashes are read at most, and {name} has more");
            let next = "muster doctor --limits";
            return Err(Failure::usage("the list is too long", cause, next));
        }
        for (kind, digest) in found {
            self.of.entry(kind).or_default().push(digest);
        }
        Ok(())
    }
}

/// Cuts a list into pieces that fit into a record each.
fn pieces(list: &IocList) -> Vec<IocList> {
    let per_piece = limits::IOC_BYTES_MAX / list.width().max(1) * list.width();
    let (kind, width) = (list.kind, list.width);
    let piece = |digests: &[u8]| IocList { kind, width, digests: ByteBuf::from(digests) };
    list.digests.chunks(per_piece.max(1)).map(piece).collect()
}

fn refused(name: &str, number: u64, unclear: &Unclear) -> Failure {
    let shown: String = unclear.text.chars().take(SHOWN_CHARS).collect();
    let column = unclear.column;
    let what = format!("{name}: line {number} cannot be taken, at column {column}");
    let next = if unclear.is_spare {
        "correct it, put a # before it, or leave lines without a hash out with --ioc-skip-bad"
    } else {
        "correct it, or put a # before it; --ioc-skip-bad never leaves out a line that holds a hash"
    };
    Failure::usage(what, format!("{shown:?}: {}", unclear.why), next)
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Returns whether sorted digests hold that of no bytes at all.
fn holds_empty(kind: HashKind, digests: &[Vec<u8>]) -> bool {
    let empty = match kind {
        HashKind::Md5 => "d41d8cd98f00b204e9800998ecf8427e",
        HashKind::Sha1 => "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        HashKind::Sha256 => "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        HashKind::Sha512 => concat!(
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce",
            "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
        ),
        HashKind::Blake3 => "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    };
    hex::decode(empty).is_some_and(|empty| digests.binary_search(&empty).is_ok())
}

/// Notes how many bytes a hunt with a list sends to the fleet, and asks where that is much.
pub(super) fn confirm_fanout(
    context: &Context,
    client: &Client,
    bundle: &Bundle,
    is_sure: bool,
) -> Result<(), Failure> {
    let foreign = |error: &dyn std::fmt::Display| {
        Failure::usage(
            "this is not a hunt",
            error,
            "write one with `muster hunt seal … --out FILE`",
        )
    };
    let body = sign::body_of(&bundle.start).map_err(|error| foreign(&error))?;
    if body.kind != Kind::HuntStart {
        return Ok(());
    }
    let start: HuntStart =
        wire::decode(&body.args, limits::REQUEST_BYTES_MAX).map_err(|error| foreign(&error))?;
    let asked = start.asked().map_err(|error| foreign(&error))?;
    if asked.ioc.is_empty() && asked.list.is_none() {
        return Ok(());
    }
    let agents = agents::targeted(client, &body.target)?;
    let records = bundle.parts.iter().chain([&bundle.start]);
    let weight = records.map(|sealed| sealed.body.len() as u64).sum();
    consent(context.out, weight, agents, is_sure)
}

fn consent(out: Out, weight: u64, agents: u64, is_sure: bool) -> Result<(), Failure> {
    let all = weight.saturating_mul(agents);
    let (each, sum) = (units::bytes(weight), units::bytes(all));
    let text = format!("the request weighs {each}, to {} {sum}", units::agents(agents));
    out.note(&text);
    if all <= limits::IOC_FANOUT_BYTES_ASKED || is_sure {
        return Ok(());
    }
    match out.ask(&format!("Send {sum} to {}?", units::agents(agents))) {
        Some(true) => Ok(()),
        Some(false) => {
            Err(Failure::new(Exit::Refused, "nothing was launched", "the answer was no", ""))
        }
        None => Err(Failure::usage("not without a yes", text, "add --yes; --target for fewer")),
    }
}

//! Lists of hashes as people keep them: one a line, what a sum program prints, a CSV; and what they weigh on the wire.

mod line;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use common::limits;
use common::request::hunt::{HashKind, HuntStart};
use common::request::ioc::{IocList, PART_WIDTH, WIDTH_MIN};
use common::request::{Bundle, Kind, sign};
use common::wire;
use serde_bytes::ByteBuf;

use self::line::{Columns, Line};
use crate::cli::client::Client;
use crate::cli::failure::{Exit, Failure};
use crate::cli::{Context, agents};
use crate::output::{Out, units};

/// Characters of a line that an error shows.
const SHOWN_CHARS: usize = 60;

/// A list that is sent in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LongList {
    pub(super) count: u64,
    pub(super) parts: Vec<IocList>,
    pub(super) whole: Vec<IocList>,
}

/// Hashes by kind, and what was met on the way to them.
#[derive(Debug, Default)]
pub(super) struct Hashes {
    of: BTreeMap<HashKind, Vec<Vec<u8>>>,
    read: usize,
    doubles: usize,
    bad_lines: usize,
}

impl Hashes {
    /// Reads files. A line that holds no hash ends it, unless such lines are to be left out.
    pub(super) fn read(paths: &[PathBuf], skips_bad: bool) -> Result<Self, Failure> {
        let mut hashes = Self::default();
        for path in paths {
            let file = File::open(path).map_err(|e| Failure::file("read", path, &e))?;
            hashes.add(path, BufReader::new(file), skips_bad)?;
        }
        for digests in hashes.of.values_mut() {
            digests.sort_unstable();
            digests.dedup();
        }
        hashes.doubles = hashes.read - hashes.count();
        if hashes.count() == 0 && !paths.is_empty() {
            let cause = "every file would be judged by nothing";
            let next = "one hash a line: md5, sha1, sha256 or sha512 in hexadecimal";
            return Err(Failure::usage("--ioc names no hash", cause, next));
        }
        Ok(hashes)
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

    /// Says what was read, and what is asked for.
    pub(super) fn note(&self, out: Out, packed: &[IocList]) {
        if self.of.is_empty() {
            return;
        }
        let number = |count: usize| units::count(count as u64);
        let kinds =
            self.of.iter().map(|(kind, of)| format!("{} {}", number(of.len()), kind.as_str()));
        let mut said = vec![format!("list of hashes: {}", kinds.collect::<Vec<_>>().join(", "))];
        if self.doubles > 0 {
            said.push(format!("{} came more than once", number(self.doubles)));
        }
        if self.bad_lines > 0 {
            said.push(format!("lines without a hash, left out: {}", number(self.bad_lines)));
        }
        let is_cut = |list: &IocList| list.width() != list.kind.bytes();
        if packed.is_empty() {
            let first = format!("sent in parts, the first {PART_WIDTH} bytes of each");
            said.push(format!("{first}; the coordinator compares them whole"));
        } else if packed.iter().any(is_cut) {
            said.push(format!("compared by their first {WIDTH_MIN} bytes, so that all fit"));
        }
        out.note(&said.join("; "));
    }

    fn count(&self) -> usize {
        self.of.values().map(Vec::len).sum()
    }

    fn add(
        &mut self,
        path: &Path,
        mut reader: impl BufRead,
        skips_bad: bool,
    ) -> Result<(), Failure> {
        let mut columns = Columns::default();
        let mut bytes = Vec::new();
        for number in 1_u64.. {
            bytes.clear();
            let mut limited = reader.by_ref().take(limits::IOC_LINE_BYTES_MAX as u64 + 1);
            let read = limited.read_until(b'\n', &mut bytes);
            if read.map_err(|error| Failure::file("read", path, &error))? == 0 {
                break;
            }
            let text = String::from_utf8_lossy(&bytes);
            let is_long = bytes.len() > limits::IOC_LINE_BYTES_MAX;
            match if is_long { Line::Bad } else { columns.read(&text) } {
                Line::Hashes(found) => self.take(path, found)?,
                Line::Nothing => {}
                // Where a line that is too long ends is not known.
                Line::Bad if skips_bad && !is_long => self.bad_lines += 1,
                Line::Bad => return Err(bad_line(path, number, &text)),
            }
        }
        Ok(())
    }

    fn take(&mut self, path: &Path, found: Vec<(HashKind, Vec<u8>)>) -> Result<(), Failure> {
        self.read += found.len();
        if self.read > limits::IOC_HASHES_MAX {
            let most = units::count(limits::IOC_HASHES_MAX as u64);
            let cause = format!("{most} hashes are read at most, and {} has more", path.display());
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

fn bad_line(path: &Path, number: u64, text: &str) -> Failure {
    let shown: String = text.trim_end().chars().take(SHOWN_CHARS).collect();
    let what = format!("{}: line {number} holds no hash", path.display());
    let next = "correct it, put a # before it, or leave such lines out with --ioc-skip-bad";
    Failure::usage(what, format!("{shown:?}"), next)
}

/// Says what a hunt with a list weighs for the fleet, and asks where that is much.
pub(super) fn weigh(
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
    if start.file_hash.ioc.is_empty() && start.file_hash.list.is_none() {
        return Ok(());
    }
    let agents = agents::matching(client, &body.target)?.len() as u64;
    let records = bundle.parts.iter().chain([&bundle.start]);
    let weight = records.map(|sealed| sealed.body.len() as u64).sum();
    consent(context.out, weight, agents, is_sure)
}

fn consent(out: Out, weight: u64, agents: u64, is_sure: bool) -> Result<(), Failure> {
    let all = weight.saturating_mul(agents);
    let (each, sum) = (units::bytes(weight), units::bytes(all));
    let text = format!("the request weighs {each}, to {} {sum}", super::agents(agents));
    out.note(&text);
    if all <= limits::IOC_FANOUT_BYTES_ASKED || is_sure {
        return Ok(());
    }
    match out.ask(&format!("Send {sum} to {}?", super::agents(agents))) {
        Some(true) => Ok(()),
        Some(false) => {
            Err(Failure::new(Exit::Refused, "nothing was launched", "the answer was no", ""))
        }
        None => Err(Failure::usage("not without a yes", text, "add --yes; --target for fewer")),
    }
}

//! Which entries the operator wants by what the kernel says of them: size, kind, times, owner, group, mode.
//!
//! The first condition that does not hold, in the order of [`Select::refuses`], is the reason that is counted.

use std::io::Read;

use muster_protocol::artifact::file_hash;
use muster_protocol::artifact::file_hash::FileKind;
use muster_protocol::artifact::file_hash::select::{ModeBits, Window};
use muster_protocol::limits;
use rustix::fs::Statx;

use crate::collectors::CollectError;
use crate::collectors::file_hash::entry::skip;
use crate::files::statx;

/// The conditions, names of accounts turned into numbers.
#[derive(Debug)]
pub(crate) struct Select {
    kinds: Vec<FileKind>,
    min_size: u64,
    max_size: u64,
    mtime: Window,
    ctime: Window,
    btime: Window,
    owners: Vec<u32>,
    groups: Vec<u32>,
    mode: ModeBits,
    is_open: bool,
}

impl Select {
    pub(crate) fn new(spec: &file_hash::Args) -> Result<Self, CollectError> {
        let asked = &spec.select;
        Ok(Self {
            kinds: asked.kinds.clone(),
            min_size: spec.min_size.unwrap_or(0),
            max_size: spec.max_size.unwrap_or(u64::MAX),
            mtime: asked.mtime,
            ctime: asked.ctime,
            btime: asked.btime,
            owners: accounts(&asked.owners, "/etc/passwd")?,
            groups: accounts(&asked.groups, "/etc/group")?,
            mode: asked.mode,
            is_open: asked.is_open() && spec.min_size.is_none() && spec.max_size.is_none(),
        })
    }

    /// Returns whether nothing has to be looked at before it is opened.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Returns whether an entry without a birth time cannot be judged.
    pub(crate) fn asks_for_birth(&self) -> bool {
        !self.btime.is_open()
    }

    /// Returns why an entry is not wanted. What cannot be judged is wanted.
    pub(crate) fn refuses(&self, stat: &Statx) -> Option<&'static str> {
        if self.is_open {
            return None;
        }
        let kind = statx::kind_of(stat);
        let is_sized = kind == FileKind::Regular;
        let size = self.min_size..=self.max_size;
        let is_born_in = |ns| self.btime.contains(ns);
        let conditions = [
            (skip::KIND, self.kinds.is_empty() || self.kinds.contains(&kind)),
            (skip::SIZE, !is_sized || size.contains(&stat.stx_size)),
            (skip::MTIME, self.mtime.contains(statx::nanoseconds(&stat.stx_mtime))),
            (skip::CTIME, self.ctime.contains(statx::nanoseconds(&stat.stx_ctime))),
            (skip::BTIME, statx::birth_ns(stat).is_none_or(is_born_in)),
            (skip::OWNER, self.owners.is_empty() || self.owners.contains(&stat.stx_uid)),
            (skip::GROUP, self.groups.is_empty() || self.groups.contains(&stat.stx_gid)),
            (skip::MODE, self.is_mode(kind, u32::from(stat.stx_mode))),
        ];
        conditions.into_iter().find(|(_, holds)| !holds).map(|(reason, _)| reason)
    }

    fn is_mode(&self, kind: FileKind, mode: u32) -> bool {
        self.mode.is_open() || kind != FileKind::Symlink && self.mode.is_match(mode)
    }
}

/// Turns names into numbers by the machine's own file, never by a directory service, which might not answer. A name
/// that is not there ends the collection: no row would look like "no such file anywhere".
fn accounts(names: &[String], file: &'static str) -> Result<Vec<u32>, CollectError> {
    let mut text = None;
    let mut numbers = Vec::with_capacity(names.len());
    for name in names {
        if let Ok(number) = name.parse() {
            numbers.push(number);
            continue;
        }
        let text = match &mut text {
            Some(text) => text,
            none => none.insert(read(file)?),
        };
        numbers.push(number_of(text, name).ok_or_else(|| {
            let reason = format!("{name} is not in this machine's {file}: give its number");
            CollectError::failed(CollectError::NO_ACCOUNT, reason)
        })?);
    }
    Ok(numbers)
}

fn read(file: &'static str) -> Result<Vec<u8>, CollectError> {
    let mut text = Vec::new();
    let read = std::fs::File::open(file)
        .and_then(|open| open.take(limits::ACCOUNTS_FILE_BYTES_MAX).read_to_end(&mut text));
    match read {
        Ok(_) => Ok(text),
        Err(problem) => {
            Err(CollectError::failed(CollectError::SYSTEM, format!("{file}: {problem}")))
        }
    }
}

/// Finds `name:password:number:` among the lines of an account file.
fn number_of(text: &[u8], name: &str) -> Option<u32> {
    text.split(|byte| *byte == b'\n').find_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        if fields.next()? != name.as_bytes() {
            return None;
        }
        std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_go_by_number_or_by_the_machines_own_name() {
        let text = b"root:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/:\nbroken\nweb2:x:nan:1::\n";
        assert_eq!(number_of(text, "web"), Some(33));
        assert_eq!(
            (number_of(text, "we"), number_of(text, "web2"), number_of(text, "x")),
            Default::default()
        );
        let of = |name: &str| accounts(&[name.to_owned()], "/etc/passwd");
        assert_eq!((of("root"), of("4711")), (Ok(vec![0]), Ok(vec![4_711])));
        let Err(CollectError::Failed { code, reason }) = of("no-such-account") else { panic!() };
        assert_eq!(code, CollectError::NO_ACCOUNT);
        assert!(reason.contains("no-such-account"), "{reason}");
    }
}

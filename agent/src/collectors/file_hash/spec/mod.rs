//! The arguments, made ready: roots in order, patterns compiled, mounts read.

pub(crate) mod conditions;
pub(crate) mod globs;

use std::collections::BTreeSet;
use std::sync::Arc;

use muster_digests::Algorithm;
use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::file_hash;
use muster_protocol::artifact::file_hash::{FileStatus, Row};
use muster_protocol::artifact::ioc::{self, IocList};

use crate::collectors::file_hash::entry::Verdict;
use crate::collectors::file_hash::spec::conditions::Select;
use crate::collectors::file_hash::spec::globs::Filter;
use crate::collectors::{CollectError, lists};
use crate::files::access::{Access, Folders};
use crate::files::digests;
use crate::files::mounts::Mounts;
use crate::files::paths::{below, components, join};
use crate::session::Session;

/// What to do, the same for every thread.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own to the operator")]
pub(crate) struct Plan {
    /// Sorted component by component, each once.
    pub(crate) roots: Vec<Vec<u8>>,
    pub(crate) filter: Filter,
    pub(crate) select: Select,
    pub(crate) hashes: Vec<HashKind>,
    /// The same, as they are computed.
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) max_depth: Option<u32>,
    pub(crate) one_file_system: bool,
    pub(crate) all_file_systems: bool,
    pub(crate) follow: bool,
    /// What the cache knows does not count.
    pub(crate) fresh: bool,
    pub(crate) mounts: Mounts,
    pub(crate) access: Arc<Access>,
    ioc: Vec<IocList>,
}

impl Plan {
    pub(crate) fn new(spec: &file_hash::Args, session: &dyn Session) -> Result<Self, CollectError> {
        let mut roots = Vec::new();
        for root in &spec.roots {
            roots.push(normalise(root)?);
        }
        roots.sort_by(|a, b| components(a).cmp(components(b)));
        roots.dedup();
        if roots.is_empty() {
            return Err(bad("no root is given"));
        }
        let hashes = digests::distinct(&spec.hashes);
        let mounts = Mounts::read().map_err(|problem| {
            CollectError::failed(CollectError::SYSTEM, format!("/proc/self/mountinfo: {problem}"))
        })?;
        Ok(Self {
            filter: Filter::new(spec, &roots, Self::roots_below(&roots))?,
            roots,
            algorithms: digests::algorithms(&hashes),
            hashes,
            max_depth: spec.max_depth,
            select: Select::new(spec)?,
            one_file_system: spec.one_file_system,
            all_file_systems: spec.all_file_systems,
            follow: spec.follow,
            fresh: spec.fresh,
            mounts,
            access: Arc::default(),
            ioc: lists(&spec.ioc, &spec.list, &spec.hashes, session)?,
        })
    }

    /// Holds what is opened against the machine's folders.
    pub(crate) fn within(self, folders: &Folders) -> Self {
        Self { access: Arc::new(Access::new(folders.clone())), ..self }
    }

    /// Returns whether nothing is to be read.
    pub(crate) fn is_listing(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Returns what the hunt's list makes of a file. One that changed while it was read is never cleared by it.
    pub(crate) fn judge(&self, row: &Row) -> Verdict {
        if self.ioc.is_empty() || !row.status.has_digests() {
            return Verdict::None;
        }
        let digests = row.digests.iter().map(|(kind, digest)| (*kind, digest.as_slice()));
        if ioc::matches(&self.ioc, digests).next().is_some() {
            return Verdict::Matched;
        }
        let is_judged = matches!(row.status, FileStatus::Ok | FileStatus::Cached);
        if is_judged { Verdict::Unmatched } else { Verdict::None }
    }

    /// Roots that lie below another root: they are walked on their own.
    fn roots_below(roots: &[Vec<u8>]) -> BTreeSet<Vec<u8>> {
        let is_below = |inner: &[u8]| {
            roots.iter().any(|outer| outer.as_slice() != inner && below(outer, inner).is_some())
        };
        roots.iter().filter(|root| is_below(root)).cloned().collect()
    }
}

fn normalise(root: &[u8]) -> Result<Vec<u8>, CollectError> {
    let shown = String::from_utf8_lossy(root);
    if !root.starts_with(b"/") {
        return Err(bad(format!("root {shown:?} is not absolute")));
    }
    if root.contains(&0) {
        return Err(bad(format!("root {shown:?} contains a zero byte")));
    }
    let mut path = Vec::with_capacity(root.len());
    for component in components(root).filter(|component| *component != b".") {
        if component == b".." {
            return Err(bad(format!("root {shown:?} contains `..`")));
        }
        join(&mut path, component);
    }
    if path.is_empty() {
        path.push(b'/');
    }
    Ok(path)
}

fn bad(reason: impl Into<String>) -> CollectError {
    CollectError::failed(CollectError::BAD_ARGUMENTS, reason)
}

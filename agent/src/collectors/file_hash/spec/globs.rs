//! Which entries the operator wants: patterns over bytes, never over lossy text.
//!
//! What a pattern means is [`muster_protocol::artifact::file_hash::pattern`]'s to say; the sets are made here.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use globset::{GlobSet, GlobSetBuilder};
use muster_protocol::artifact::file_hash;
use muster_protocol::artifact::file_hash::pattern::{self, Pattern, Scope};

use crate::collectors::CollectError;

/// The operator's patterns, and the roots that are left to themselves.
#[derive(Debug)]
pub(crate) struct Filter {
    include: Option<Patterns>,
    exclude: Patterns,
    other_roots: BTreeSet<Vec<u8>>,
}

/// One list of patterns.
#[derive(Debug)]
struct Patterns {
    names: GlobSet,
    paths: GlobSet,
    whole: GlobSet,
    folder_names: GlobSet,
    folder_paths: GlobSet,
    folder_whole: GlobSet,
}

impl Filter {
    pub(crate) fn new(
        spec: &file_hash::Args,
        roots: &[Vec<u8>],
        other_roots: BTreeSet<Vec<u8>>,
    ) -> Result<Self, CollectError> {
        let patterns = |of: &[String]| Patterns::new(of, roots, spec.ignore_case);
        let include = if spec.include.is_empty() { None } else { Some(patterns(&spec.include)?) };
        Ok(Self { include, exclude: patterns(&spec.exclude)?, other_roots })
    }

    /// Returns whether a path is a root of its own although it lies below another.
    pub(crate) fn is_other_root(&self, path: &[u8]) -> bool {
        self.other_roots.contains(path)
    }

    /// Returns whether there is no pattern: every entry is wanted.
    pub(crate) fn is_open(&self) -> bool {
        self.include.is_none() && self.exclude.is_empty()
    }

    /// Returns whether an entry, by its path and by what of it is below its root, is left out, and with a folder all that
    /// is in it.
    pub(crate) fn is_excluded(&self, path: &[u8], relative: &[u8], is_folder: bool) -> bool {
        self.exclude.is_match(path, relative, is_folder)
    }

    /// Returns whether an entry is wanted for a row.
    pub(crate) fn is_included(&self, path: &[u8], relative: &[u8], is_folder: bool) -> bool {
        self.include.as_ref().is_none_or(|include| include.is_match(path, relative, is_folder))
    }
}

impl Patterns {
    fn new(
        texts: &[String],
        roots: &[Vec<u8>],
        is_case_ignored: bool,
    ) -> Result<Self, CollectError> {
        let mut read = Vec::new();
        for text in texts {
            read.extend(pattern::read(text, roots, is_case_ignored).map_err(refuse)?);
        }
        let set = |scope: Scope, is_for_folders: bool| {
            let mut set = GlobSetBuilder::new();
            let is_in = |one: &&Pattern| one.scope == scope && one.is_for_folders == is_for_folders;
            for one in read.iter().filter(is_in) {
                set.add(one.glob.clone());
            }
            set.build().map_err(refuse)
        };
        Ok(Self {
            names: set(Scope::Name, false)?,
            paths: set(Scope::Below, false)?,
            whole: set(Scope::Whole, false)?,
            folder_names: set(Scope::Name, true)?,
            folder_paths: set(Scope::Below, true)?,
            folder_whole: set(Scope::Whole, true)?,
        })
    }

    fn is_empty(&self) -> bool {
        let sets = [
            &self.names,
            &self.paths,
            &self.whole,
            &self.folder_names,
            &self.folder_paths,
            &self.folder_whole,
        ];
        sets.iter().all(|set| set.is_empty())
    }

    fn is_match(&self, path: &[u8], relative: &[u8], is_folder: bool) -> bool {
        let name = relative.rsplit(|byte| *byte == b'/').next().unwrap_or(relative);
        let matches = |set: &GlobSet, bytes: &[u8]| {
            !set.is_empty() && set.is_match(Path::new(OsStr::from_bytes(bytes)))
        };
        matches(&self.names, name)
            || matches(&self.paths, relative)
            || matches(&self.whole, path)
            || is_folder
                && (matches(&self.folder_names, name)
                    || matches(&self.folder_paths, relative)
                    || matches(&self.folder_whole, path))
    }
}

fn refuse(problem: impl std::fmt::Display) -> CollectError {
    CollectError::failed(CollectError::BAD_ARGUMENTS, problem.to_string())
}

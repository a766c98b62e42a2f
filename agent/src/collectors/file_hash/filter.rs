//! Which entries the operator wants: patterns over bytes, never over lossy text.
//!
//! A pattern with a `/` is matched against the path below the root (`*` and `?` stop at a `/`, `**` does
//! not), one without against the name alone. A `/` at the end restricts a pattern to folders; one at the
//! beginning merely anchors it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::collectors::CollectError;

/// The operator's patterns, and the roots that are left to themselves.
#[derive(Debug)]
pub(super) struct Filter {
    include: Option<Patterns>,
    exclude: Patterns,
    other_roots: BTreeSet<Vec<u8>>,
}

/// One list of patterns.
#[derive(Debug)]
struct Patterns {
    names: GlobSet,
    paths: GlobSet,
    folder_names: GlobSet,
    folder_paths: GlobSet,
}

impl Filter {
    pub(super) fn new(
        include: &[String],
        exclude: &[String],
        other_roots: BTreeSet<Vec<u8>>,
    ) -> Result<Self, CollectError> {
        let include = if include.is_empty() { None } else { Some(Patterns::new(include)?) };
        Ok(Self { include, exclude: Patterns::new(exclude)?, other_roots })
    }

    /// Tells whether a path is a root of its own although it lies below another.
    pub(super) fn is_other_root(&self, path: &[u8]) -> bool {
        self.other_roots.contains(path)
    }

    /// Tells whether there is no pattern: every entry is wanted.
    pub(super) fn is_open(&self) -> bool {
        self.include.is_none() && self.exclude.is_empty()
    }

    /// Tells whether an entry is left out, and with a folder all that is in it.
    pub(super) fn is_excluded(&self, relative: &[u8], is_folder: bool) -> bool {
        self.exclude.is_match(relative, is_folder)
    }

    /// Tells whether an entry is wanted for a row.
    pub(super) fn is_included(&self, relative: &[u8], is_folder: bool) -> bool {
        self.include.as_ref().is_none_or(|include| include.is_match(relative, is_folder))
    }
}

impl Patterns {
    fn new(patterns: &[String]) -> Result<Self, CollectError> {
        let mut names = GlobSetBuilder::new();
        let mut paths = GlobSetBuilder::new();
        let mut folder_names = GlobSetBuilder::new();
        let mut folder_paths = GlobSetBuilder::new();
        for pattern in patterns {
            let (text, folder) = match pattern.strip_suffix('/') {
                Some(text) => (text, true),
                None => (pattern.as_str(), false),
            };
            let is_path = text.contains('/');
            let text = text.strip_prefix('/').unwrap_or(text);
            let glob = GlobBuilder::new(text)
                .literal_separator(true)
                .backslash_escape(true)
                .build()
                .map_err(|problem| refuse(pattern, &problem))?;
            let set = match (is_path, folder) {
                (false, false) => &mut names,
                (true, false) => &mut paths,
                (false, true) => &mut folder_names,
                (true, true) => &mut folder_paths,
            };
            set.add(glob);
        }
        let build = |set: GlobSetBuilder| set.build().map_err(|problem| refuse("all", &problem));
        Ok(Self {
            names: build(names)?,
            paths: build(paths)?,
            folder_names: build(folder_names)?,
            folder_paths: build(folder_paths)?,
        })
    }

    fn is_empty(&self) -> bool {
        let sets = [&self.names, &self.paths, &self.folder_names, &self.folder_paths];
        sets.iter().all(|set| set.is_empty())
    }

    fn is_match(&self, relative: &[u8], is_folder: bool) -> bool {
        let name = relative.rsplit(|byte| *byte == b'/').next().unwrap_or(relative);
        let matches = |set: &GlobSet, bytes: &[u8]| {
            !set.is_empty() && set.is_match(Path::new(OsStr::from_bytes(bytes)))
        };
        matches(&self.names, name)
            || matches(&self.paths, relative)
            || is_folder
                && (matches(&self.folder_names, name) || matches(&self.folder_paths, relative))
    }
}

fn refuse(pattern: &str, problem: &globset::Error) -> CollectError {
    CollectError::failed(CollectError::BAD_ARGUMENTS, format!("pattern `{pattern}`: {problem}"))
}

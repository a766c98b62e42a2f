//! Source files of a folder, found by the paths that debug information gives.
//!
//! Those paths come from binaries: none of them is ever opened. The folder is walked, links are not followed,
//! and only what was found there can be read.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use muster_protocol::limits::SOURCE_FILES_MAX;
use walkdir::{DirEntry, WalkDir};

use crate::failure::{Exit, Failure};

/// The files of a folder, by their names.
#[derive(Debug)]
pub(crate) struct Sources {
    by_name: HashMap<String, Vec<Source>>,
}

#[derive(Debug)]
struct Source {
    path: PathBuf,
    /// The names on the way to it from the root of the file system, the file's own first.
    parts: Vec<String>,
    /// How many of them lie within the folder.
    depth: usize,
}

impl Sources {
    /// Walks a folder. Hidden folders and `target` are left out.
    pub(crate) fn of(folder: &Path) -> Result<Self, Failure> {
        let root = folder.canonicalize().map_err(|error| Failure::file("read", folder, &error))?;
        let mut sources = Self { by_name: HashMap::new() };
        let mut count = 0;
        for entry in WalkDir::new(root).into_iter().filter_entry(is_walked) {
            let entry = entry.map_err(|error| unreadable(folder, error))?;
            if !entry.file_type().is_file() {
                continue;
            }
            count += 1;
            if count > SOURCE_FILES_MAX {
                let cause = format!("it holds more than {SOURCE_FILES_MAX} files");
                let next = "name the folder of the sources themselves: --source DIR";
                return Err(Failure::new(Exit::Usage, "too large a folder", cause, next));
            }
            let (name, depth) = (entry.file_name().to_string_lossy().into_owned(), entry.depth());
            sources.add(name, entry.into_path(), depth);
        }
        Ok(sources)
    }

    fn add(&mut self, name: String, path: PathBuf, depth: usize) {
        let parts = parts(&path.to_string_lossy());
        self.by_name.entry(name).or_default().push(Source { path, parts, depth });
    }

    /// Finds the file of each path. A file is found when its whole way from the folder is the end of the path;
    /// of several the one with the longest common end, and where that is not one, none. No file is found by
    /// two paths.
    pub(crate) fn find<'a>(&self, wanted: &[&'a str]) -> BTreeMap<&'a str, PathBuf> {
        let mut claims: HashMap<&Path, Vec<(usize, &'a str)>> = HashMap::new();
        for path in wanted {
            if let Some((source, common)) = self.best(path) {
                claims.entry(&source.path).or_default().push((common, path));
            }
        }
        let mut found = BTreeMap::new();
        for (file, mut claims) in claims {
            claims.sort_unstable();
            let (last, rest) = match claims.split_last() {
                Some(((common, path), rest)) => ((*common, *path), rest),
                None => continue,
            };
            if rest.last().is_none_or(|(common, _)| *common < last.0) {
                found.insert(last.1, file.to_owned());
            }
        }
        found
    }

    fn best(&self, path: &str) -> Option<(&Source, usize)> {
        let wanted = parts(path);
        let fitting = self.by_name.get(wanted.first()?)?.iter().filter_map(|source| {
            let pairs = source.parts.iter().zip(&wanted);
            let common = pairs.take_while(|(a, b)| a == b).count();
            (common >= source.depth).then_some((source, common))
        });
        let fitting: Vec<_> = fitting.collect();
        let most = fitting.iter().map(|(_, common)| *common).max()?;
        let mut best = fitting.into_iter().filter(|(_, common)| *common == most);
        let first = best.next()?;
        best.next().is_none().then_some(first)
    }
}

/// Whether a file or folder is looked at; the folder that was named always is.
fn is_walked(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    let is_left_out = name.starts_with('.') || name == "target";
    entry.depth() == 0 || !(entry.file_type().is_dir() && is_left_out)
}

fn unreadable(folder: &Path, error: walkdir::Error) -> Failure {
    let path = error.path().unwrap_or(folder).to_owned();
    // No link is followed, so there is no loop: the cause is the system's.
    let cause = error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into());
    Failure::file("read", &path, &cause)
}

/// Splits a path into its names, the last one first; `.` is none, and `..` fits nothing.
fn parts(path: &str) -> Vec<String> {
    let names = path.split('/').filter(|name| !name.is_empty() && *name != ".");
    let mut names: Vec<String> = names.map(ToOwned::to_owned).collect();
    names.reverse();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file).unwrap();
        }
        folder
    }

    #[test]
    fn a_file_is_found_by_the_longest_common_end() {
        let folder = tree(&["m/agent/src/lib.rs", "m/common/src/lib.rs", "m/agent/src/walk.rs"]);
        let sources = Sources::of(&folder.path().join("m")).unwrap();
        let wanted = [
            "/build/m/agent/src/lib.rs",
            "/build/m/common/src/./lib.rs",
            "/cargo/serde-1.0.0/src/lib.rs",
            "/build/m/agent/src/walk.rs",
            "/build/m/agent/src/gone.rs",
        ];
        let found = sources.find(&wanted);
        let shown: Vec<_> = found
            .iter()
            .map(|(path, file)| (*path, std::fs::read_to_string(file).unwrap()))
            .collect();
        let expected = [
            ("/build/m/agent/src/lib.rs", "m/agent/src/lib.rs".to_owned()),
            ("/build/m/agent/src/walk.rs", "m/agent/src/walk.rs".to_owned()),
            ("/build/m/common/src/./lib.rs", "m/common/src/lib.rs".to_owned()),
        ];
        assert_eq!(shown, expected);

        // From within one crate, the paths of others do not fit better than its own.
        let inner = Sources::of(&folder.path().join("m/agent/src")).unwrap();
        let found = inner.find(&["/build/m/agent/src/lib.rs", "/cargo/serde-1.0.0/src/lib.rs"]);
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), ["/build/m/agent/src/lib.rs"]);
        // Two that fit alike: neither.
        let found = inner.find(&["/a/src/walk.rs", "/b/src/walk.rs"]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn nothing_outside_the_folder_is_ever_opened() {
        let folder = tree(&["in/a.rs", "secret.rs"]);
        let inner = folder.path().join("in");
        std::os::unix::fs::symlink(folder.path().join("secret.rs"), inner.join("secret.rs"))
            .unwrap();
        std::os::unix::fs::symlink(folder.path(), inner.join("up")).unwrap();
        let sources = Sources::of(&inner).unwrap();
        let secret = folder.path().join("secret.rs");
        let wanted = [
            secret.to_str().unwrap().to_owned(),
            format!("{}/../secret.rs", inner.display()),
            "../secret.rs".to_owned(),
            "secret.rs".to_owned(),
            "up/secret.rs".to_owned(),
        ];
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        assert!(sources.find(&wanted).is_empty());
        assert_eq!(sources.find(&["/x/in/a.rs"]).len(), 1);
    }

    #[test]
    fn hidden_folders_and_target_are_left_out_and_what_cannot_be_read_is_named() {
        let folder = tree(&["m/a.rs", "m/.git/b.rs", "m/x/target/c.rs", "m/x/.d.rs", "m/x/e.rs"]);
        let sources = Sources::of(&folder.path().join("m")).unwrap();
        let found = sources.find(&["/m/a.rs", "/m/.git/b.rs", "/m/x/target/c.rs", "/m/x/.d.rs"]);
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), ["/m/a.rs", "/m/x/.d.rs"]);
        // One that is named itself is walked.
        let hidden = Sources::of(&folder.path().join("m/.git")).unwrap();
        assert_eq!(hidden.find(&["/m/.git/b.rs"]).len(), 1);
        let gone = folder.path().join("gone");
        let failure = Sources::of(&gone).unwrap_err();
        assert!(format!("{failure:?}").contains("gone"), "{failure:?}");
    }
}

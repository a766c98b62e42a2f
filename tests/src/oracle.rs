//! What must come back, worked out without any code of ours: `find` lists, `sha256sum` hashes.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The digests of all regular files below some roots, by path.
pub type Manifest = BTreeMap<Vec<u8>, String>;

/// Hashes every regular file below `root`, not following links.
///
/// # Panics
/// When `find` or `sha256sum` fails.
pub fn sha256_of_tree(root: &Path) -> Manifest {
    let list = Command::new("find")
        .arg(root)
        .args(["-type", "f", "-print0"])
        .output()
        .unwrap_or_else(|error| panic!("find: {error}"));
    assert!(list.status.success(), "find: {}", String::from_utf8_lossy(&list.stderr));
    let paths: Vec<&[u8]> =
        list.stdout.split(|b| *b == 0).filter(|path| !path.is_empty()).collect();
    let mut manifest = Manifest::new();
    for group in paths.chunks(500) {
        let output = Command::new("sha256sum")
            .args(["--zero", "--"])
            .args(group.iter().map(|path| OsStr::from_bytes(path)))
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("sha256sum: {error}"));
        assert!(output.status.success(), "sha256sum: {}", String::from_utf8_lossy(&output.stderr));
        for line in output.stdout.split(|b| *b == 0).filter(|line| !line.is_empty()) {
            let (digest, path) = line.split_at(64);
            manifest.insert(path[2..].to_vec(), String::from_utf8_lossy(digest).into_owned());
        }
    }
    assert_eq!(manifest.len(), paths.len(), "every listed file is hashed");
    manifest
}

/// What a comparison found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Rows that are right.
    pub right: usize,
    /// Paths that should have come and did not.
    pub lost: Vec<String>,
    /// Paths that came more than once from one agent.
    pub doubled: Vec<String>,
    /// Paths whose digest differs.
    pub wrong: Vec<String>,
    /// Paths that nobody asked for.
    pub surplus: Vec<String>,
}

impl Verdict {
    /// Returns whether everything came once and right.
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty()
            && self.doubled.is_empty()
            && self.wrong.is_empty()
            && self.surplus.is_empty()
    }
}

/// Holds one agent's rows (path, digest) against the manifest.
pub fn compare(manifest: &Manifest, rows: &[(Vec<u8>, String)]) -> Verdict {
    let show = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
    let mut verdict = Verdict::default();
    let mut seen: BTreeMap<&[u8], &str> = BTreeMap::new();
    for (path, digest) in rows {
        if seen.insert(path, digest).is_some() {
            verdict.doubled.push(show(path));
        }
    }
    for (path, digest) in &seen {
        match manifest.get(*path) {
            None => verdict.surplus.push(show(path)),
            Some(expected) if expected == digest => verdict.right += 1,
            Some(_) => verdict.wrong.push(show(path)),
        }
    }
    let lost = manifest.keys().filter(|path| !seen.contains_key(path.as_slice()));
    verdict.lost = lost.map(|path| show(path)).collect();
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_difference_is_seen() {
        let manifest: Manifest = [("a", "1"), ("b", "2"), ("c", "3")]
            .map(|(path, digest)| (path.as_bytes().to_vec(), digest.to_owned()))
            .into();
        let row = |path: &str, digest: &str| (path.as_bytes().to_vec(), digest.to_owned());
        let clean = compare(&manifest, &[row("a", "1"), row("b", "2"), row("c", "3")]);
        assert!(clean.is_clean());
        assert_eq!(clean.right, 3);
        let bad = compare(&manifest, &[row("a", "1"), row("a", "1"), row("b", "9"), row("d", "4")]);
        assert_eq!(bad.doubled, ["a"]);
        assert_eq!(bad.wrong, ["b"]);
        assert_eq!(bad.lost, ["c"]);
        assert_eq!(bad.surplus, ["d"]);
    }
}

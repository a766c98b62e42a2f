//! Bounds on the arguments that hold for every agent, whatever its policy says.

use super::pattern::{self, PatternError};
use super::{Args, FileKind, Upload};
use crate::artifact::{HashKind, ioc};
use crate::limits;

/// Checks the bounds; the error names what is out of them.
pub(super) fn check(spec: &Args) -> Result<(), String> {
    let roots = spec.roots.len();
    if roots == 0 || roots > limits::ROOTS_MAX {
        return Err(format!("{roots} roots, not 1 to {}", limits::ROOTS_MAX));
    }
    for root in &spec.roots {
        if root.first() != Some(&b'/') || root.len() > limits::PATH_BYTES_MAX || root.contains(&0) {
            return Err(format!(
                "root {:?} is not an absolute path",
                String::from_utf8_lossy(root)
            ));
        }
    }
    let has_parent = |root: &&serde_bytes::ByteBuf| root.split(|b| *b == b'/').any(|n| n == b"..");
    if let Some(root) = spec.roots.iter().find(has_parent) {
        let shown = String::from_utf8_lossy(root);
        return Err(format!("root {shown:?} contains `..`: name the folder itself"));
    }
    let globs = spec.include.len() + spec.exclude.len();
    if globs > limits::GLOBS_MAX {
        return Err(format!("{globs} patterns, {} are allowed", limits::GLOBS_MAX));
    }
    let long = spec.include.iter().chain(&spec.exclude).find(|g| g.len() > limits::PATH_BYTES_MAX);
    if long.is_some() {
        return Err(format!("a pattern is longer than {} bytes", limits::PATH_BYTES_MAX));
    }
    let kinds = &spec.select.kinds;
    let has_folders_alone = kinds.iter().all(|kind| *kind == FileKind::Directory);
    if has_folders_alone && !kinds.is_empty() && !spec.hashes.is_empty() {
        return Err(
            "folders alone are asked for, and a hunt that hashes returns none: ask for no digest"
                .to_owned(),
        );
    }
    patterns(spec).map_err(|error| error.to_string())?;
    ioc::check_carried(&spec.ioc, &spec.list, &spec.hashes)?;
    if let Some(asked) = &spec.upload {
        upload(spec, asked)?;
    }
    spec.select.check()
}

/// Returns the first pattern of a hunt that can match nothing.
pub fn patterns(spec: &Args) -> Result<(), PatternError> {
    for text in spec.include.iter().chain(&spec.exclude) {
        pattern::read(text, &spec.roots, spec.ignore_case)?;
    }
    let refused = |text: &String, at, why: &str| {
        Err(PatternError { text: text.clone(), at, why: why.to_owned() })
    };
    let is_for_folders = |text: &&String| text.ends_with('/');
    if let Some(text) = spec.include.iter().find(is_for_folders).filter(|_| !spec.hashes.is_empty())
    {
        let why = "it matches folders alone, and a hunt that hashes returns files: end it with /**";
        return refused(text, text.len() - 1, why);
    }
    let plain = |path: &[u8]| -> Vec<Vec<u8>> {
        let names = path.split(|byte| *byte == b'/');
        names.filter(|name| !matches!(*name, b"" | b".")).map(<[u8]>::to_vec).collect()
    };
    let is_root = |text: &&String| {
        text.starts_with('/') && spec.roots.iter().any(|root| plain(root) == plain(text.as_bytes()))
    };
    match spec.exclude.iter().find(is_root) {
        Some(text) => refused(text, 0, "it is a root itself: leave the root out"),
        None => Ok(()),
    }
}

fn upload(spec: &Args, asked: &Upload) -> Result<(), String> {
    if spec.ioc.is_empty() && spec.list.is_none() {
        return Err("files are to be sent, and there is no list of hashes".to_owned());
    }
    if !spec.hashes.contains(&HashKind::Sha256) {
        return Err("files are to be sent, and their SHA-256 is not computed".to_owned());
    }
    for (what, bytes, max) in [
        ("a file", asked.max_file_bytes, limits::BLOB_BYTES_MAX),
        ("all files", asked.max_bytes, limits::UPLOAD_BYTES_MAX),
    ] {
        if bytes == 0 || bytes > max {
            return Err(format!("{bytes} bytes of {what}, not 1 to {max}"));
        }
    }
    Ok(())
}

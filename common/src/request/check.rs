//! Bounds on a request's arguments that hold for every agent, whatever its policy says.

use super::hunt::{FILE_HASH, FileHash, HashKind, Upload};
use super::profile::ProfileKind;
use super::{Args, Body, ioc};
use crate::limits;

/// Says what is out of bounds.
pub(super) fn bounds(body: &Body, args: &Args) -> Result<(), String> {
    body.target.check().map_err(|error| error.to_string())?;
    match args {
        Args::HuntStart(hunt) => {
            if hunt.artifact != FILE_HASH {
                return Err(format!("unknown artifact {:?}", hunt.artifact));
            }
            file_hash(&hunt.file_hash)
        }
        Args::ProfileStart(profile) => {
            let seconds = 1..=limits::PROFILE_SECONDS_MAX;
            let hertz = 1..=limits::PROFILE_HERTZ_MAX;
            if !seconds.contains(&profile.seconds) {
                return Err(format!("{} seconds, not 1 to {}", profile.seconds, seconds.end()));
            }
            if !hertz.contains(&profile.hertz) {
                return Err(format!("{} hertz, not 1 to {}", profile.hertz, hertz.end()));
            }
            let (kinds, all) = (&profile.kinds, ProfileKind::ALL.len());
            if kinds.is_empty() || kinds.len() > all {
                return Err(format!("{} kinds, not 1 to {all}", kinds.len()));
            }
            let is_twice = |(at, kind)| kinds.iter().skip(at + 1).any(|other| other == kind);
            if kinds.iter().enumerate().any(is_twice) {
                return Err("a kind is there twice".to_owned());
            }
            Ok(())
        }
        Args::ListPart(part) => part.check(ioc::PART_WIDTH),
        Args::HuntCancel(_) | Args::ProfileCancel(_) | Args::TrustRevoke(_) => Ok(()),
    }
}

fn file_hash(spec: &FileHash) -> Result<(), String> {
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
    let globs = spec.include.len() + spec.exclude.len();
    if globs > limits::GLOBS_MAX {
        return Err(format!("{globs} patterns, {} are allowed", limits::GLOBS_MAX));
    }
    let long = spec.include.iter().chain(&spec.exclude).find(|g| g.len() > limits::PATH_BYTES_MAX);
    if long.is_some() {
        return Err(format!("a pattern is longer than {} bytes", limits::PATH_BYTES_MAX));
    }
    ioc::check(&spec.ioc, &spec.hashes)?;
    spec.list.check()?;
    if !spec.list.is_none() && (!spec.ioc.is_empty() || spec.hashes.is_empty()) {
        return Err("a list in parts, and another one or no digest to compare".to_owned());
    }
    if let Some(asked) = &spec.upload {
        upload(spec, asked)?;
    }
    spec.select.check()
}

fn upload(spec: &FileHash, asked: &Upload) -> Result<(), String> {
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

//! Hunts for files: which trees are walked, and what comes back of them.

use muster_protocol::artifact::file_hash::{self, Upload, patterns};
use muster_protocol::clock::Clock;
use muster_protocol::request::hunt::HuntStart;
use serde_bytes::ByteBuf;

use crate::args::hunt::{Draft, FileSystems};
use crate::failure::Failure;
use crate::hunt::ioc::{Hashes, LongList};
use crate::hunt::select::select;
use crate::output::escape;
use crate::parse;

pub(super) fn start(
    draft: &Draft,
    listed: &Hashes,
) -> Result<(HuntStart, Option<LongList>), Failure> {
    let what = &draft.what;
    if what.roots.is_empty() {
        let cause = "a hunt walks at least one folder";
        return Err(Failure::usage("no --root", cause, "muster hunt run --root /usr/bin"));
    }
    let root = |path| {
        parse::root(path).map(ByteBuf::from).map_err(|why| {
            Failure::usage(
                "--root must be an absolute path",
                why,
                "muster hunt run --root /srv/www",
            )
        })
    };
    if what.min_size.zip(what.max_size).is_some_and(|(min, max)| min > max) {
        let cause = "--min-size is above --max-size";
        return Err(Failure::usage("no file can match", cause, "exchange the two"));
    }
    let (ioc, list) = super::divided(listed);
    let spec = file_hash::Args {
        roots: what.roots.iter().map(root).collect::<Result<_, _>>()?,
        include: what.include.clone(),
        exclude: what.exclude.clone(),
        max_depth: what.max_depth,
        min_size: what.min_size,
        max_size: what.max_size,
        hashes: super::hashes(what, listed)?,
        one_file_system: what.one_file_system,
        all_file_systems: what.fs == FileSystems::All,
        ioc,
        // Named once the parts are signed.
        list: Box::default(),
        upload: what.upload_matches.then(|| {
            let (max_file_bytes, max_bytes) = (what.upload_max_file, what.upload_max);
            Box::new(Upload { max_file_bytes, max_bytes })
        }),
        select: Box::new(select(&draft.selection, Clock::system().now())?),
        follow: what.follow,
        fresh: what.fresh,
        ignore_case: what.ignore_case,
    };
    check_patterns(&spec)?;
    Ok((super::encoded(&file_hash::Files, &spec)?, list))
}

/// Refuses a pattern that can match nothing, and marks where it goes wrong.
fn check_patterns(spec: &file_hash::Args) -> Result<(), Failure> {
    let Err(error) = patterns(spec) else { return Ok(()) };
    let flag = if spec.include.contains(&error.text) { "--include" } else { "--exclude" };
    let what = format!("{flag} can match nothing, at character {}", error.character());
    let shown = escape::text(&error.text);
    let before = escape::text(error.text.get(..error.at).unwrap_or_default());
    let column = before.chars().count();
    let cause = format!("{shown}\n{:column$}^ {}", "", error.why);
    let next = "*.php (a name), a/*.php (below the root), ./a (in the root), /root/a/*.php (a whole path); \\[ is the sign itself";
    Err(Failure::usage(what, cause, next))
}

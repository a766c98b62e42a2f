//! Hunts for processes: which come back, and with which digests of the files that they run.

use muster_protocol::artifact::processes::{Processes, Running};
use muster_protocol::request::hunt::HuntStart;

use crate::args::hunt::{Draft, FileSystems, What};
use crate::args::select::Selection;
use crate::failure::Failure;
use crate::hunt::ioc::{Hashes, LongList};

pub(super) fn start(
    draft: &Draft,
    listed: &Hashes,
) -> Result<(HuntStart, Option<LongList>), Failure> {
    if let Some(flag) = of_files(&draft.what, &draft.selection) {
        let what = format!("{flag} does not apply to processes");
        let cause = "it chooses among files, and no tree is walked";
        return Err(Failure::usage(what, cause, "muster hunt run --artifact processes --ioc FILE"));
    }
    let (ioc, list) = super::divided(listed);
    let args = Processes {
        hashes: super::hashes(&draft.what, listed)?,
        ioc,
        // Named once the parts are signed.
        list: Box::default(),
        fresh: draft.what.fresh,
    };
    Ok((super::encoded(&Running, &args)?, list))
}

/// Returns a flag that was typed and means something for files alone.
fn of_files(what: &What, selection: &Selection) -> Option<&'static str> {
    let flags = [
        ("--root", !what.roots.is_empty()),
        ("--include", !what.include.is_empty()),
        ("--exclude", !what.exclude.is_empty()),
        ("--ignore-case", what.ignore_case),
        ("--max-depth", what.max_depth.is_some()),
        ("--min-size", what.min_size.is_some()),
        ("--max-size", what.max_size.is_some()),
        ("--upload-matches", what.upload_matches),
        ("--one-file-system", what.one_file_system),
        ("--follow", what.follow),
        ("--fs", what.fs != FileSystems::Local),
    ];
    let typed = flags.into_iter().find(|(_, is_typed)| *is_typed).map(|(flag, _)| flag);
    typed.or_else(|| (*selection != Selection::default()).then_some("a condition on files"))
}

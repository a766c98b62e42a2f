//! From the flags that select to conditions: relative times become moments here, when the request is signed.

use muster_protocol::artifact::file_hash::select::{ModeBits, Select, Window};
use muster_protocol::clock::Timestamp;
use muster_protocol::when::Moment;

use crate::args::select::Selection;
use crate::failure::Failure;
use crate::parse::ModeTest;

const SETUID: u32 = 0o4000;
const SETGID: u32 = 0o2000;
const WORLD_WRITABLE: u32 = 0o0002;

/// Turns flags into conditions, as of `now`.
pub(super) fn select(typed: &Selection, now: Timestamp) -> Result<Select, Failure> {
    let window = |newer: &str, from: Option<Moment>, older: &str, until: Option<Moment>| {
        let from_ns = from.map(|moment| moment.ns(now));
        let until_ns = until.map(|moment| moment.ns(now));
        if from_ns.zip(until_ns).is_some_and(|(from, until)| from >= until) {
            let cause = format!("{newer} is not before {older}");
            return Err(Failure::usage("no file can match", cause, "exchange the two"));
        }
        Ok(Window { from_ns, until_ns })
    };
    Ok(Select {
        kinds: typed.kind.iter().map(|kind| (*kind).into()).collect(),
        mtime: window("--newer", typed.newer, "--older", typed.older)?,
        ctime: window(
            "--changed-newer",
            typed.changed_newer,
            "--changed-older",
            typed.changed_older,
        )?,
        btime: window("--born-newer", typed.born_newer, "--born-older", typed.born_older)?,
        owners: typed.owner.clone(),
        groups: typed.group.clone(),
        mode: mode(typed)?,
    })
}

fn mode(typed: &Selection) -> Result<ModeBits, Failure> {
    let flag = |is_set: bool, bit: u32| if is_set { bit } else { 0 };
    let any = flag(typed.setuid, SETUID)
        | flag(typed.setgid, SETGID)
        | flag(typed.world_writable, WORLD_WRITABLE);
    let (all, exactly) = match typed.mode {
        None => (0, None),
        Some(ModeTest::All(bits)) => (bits, None),
        Some(ModeTest::Exactly(bits)) => (0, Some(bits)),
        Some(ModeTest::Any(bits)) if any == 0 => {
            return Ok(ModeBits { any: bits, all: 0, exactly: None });
        }
        Some(ModeTest::Any(_)) => {
            let cause =
                "--setuid, --setgid and --world-writable say which bits, and so does --mode /BITS";
            return Err(Failure::usage(
                "two lists of bits of which one is enough",
                cause,
                "--mode /6002",
            ));
        }
    };
    Ok(ModeBits { any, all, exactly })
}

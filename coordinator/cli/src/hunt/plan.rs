//! From what was typed to what is asked of whom.

mod file_hash;
mod processes;

use muster_protocol::artifact::file_hash::FILE_HASH;
use muster_protocol::artifact::ioc::IocList;
use muster_protocol::artifact::processes::PROCESSES;
use muster_protocol::artifact::{Artifact, HashKind};
use muster_protocol::ids::AgentId;
use muster_protocol::limits::DIRECTED_AGENTS_MAX;
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::{Args, Limits, Target};
use serde::Serialize;

use super::ioc::{Hashes, LongList};
use crate::agents;
use crate::args::hunt::{Bounds, Draft, Hash, What, Which};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Out;
use crate::sign::{Ask, check_target};

/// Seconds between progress statuses of a hunt that somebody watches on few agents.
const PROGRESS_S: u32 = 2;

/// A hunt that is to be signed.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What its rows are of.
    pub(crate) artifact: String,
    pub(crate) ask: Ask,
    /// Its list of hashes, where that is too long to go along.
    pub(crate) list: Option<LongList>,
}

/// Plans without a coordinator: agents are named by their whole ids.
pub(super) fn offline(draft: &Draft, out: Out) -> Result<Plan, Failure> {
    let exact = |id: &String| AgentId::new(id);
    let ids: Result<Vec<_>, _> = draft.which.agents.iter().map(exact).collect();
    let ids = ids.map_err(|e| Failure::usage("this is not an agent", e, "give whole ids"))?;
    let (start, list) = start(draft, &typed_list(draft, out)?)?;
    Ok(plan(draft, start, list, target(&draft.which, &ids)?, 0))
}

/// Plans with a coordinator: agents may be named by the beginnings of their ids.
pub(super) fn online(
    draft: &Draft,
    client: &Client,
    out: Out,
    is_watched: bool,
) -> Result<Plan, Failure> {
    listing(draft, &typed_list(draft, out)?, client, is_watched)
}

/// The same with a list of hashes that was read already: no file is opened.
pub(crate) fn listing(
    draft: &Draft,
    hashes: &Hashes,
    client: &Client,
    is_watched: bool,
) -> Result<Plan, Failure> {
    // What is wrong with the command line is said before anything is fetched.
    let (start, list) = start(draft, hashes)?;
    let ids: Result<Vec<_>, _> = draft.which.agents.iter().map(|id| client.asked_id(id)).collect();
    let target = target(&draft.which, &ids?)?;
    let is_few = is_watched && agents::targeted(client, &target)? <= DIRECTED_AGENTS_MAX as u64;
    Ok(plan(draft, start, list, target, if is_few { PROGRESS_S } else { 0 }))
}

fn target(which: &Which, ids: &[AgentId]) -> Result<Target, Failure> {
    let target = if ids.is_empty() {
        let expr = which.target.clone().unwrap_or_else(|| "all".to_owned());
        Target { expr, sample_ppm: which.sample }
    } else {
        Target::agents(ids)
    };
    check_target(&target)?;
    Ok(target)
}

fn plan(
    draft: &Draft,
    start: HuntStart,
    list: Option<LongList>,
    target: Target,
    progress_s: u32,
) -> Plan {
    let artifact = start.artifact.clone();
    let start = HuntStart {
        spread_s: draft.bounds.spread.unwrap_or(0),
        progress_s,
        on_stall_s: draft.bounds.on_stall.unwrap_or(0),
        ..start
    };
    let ask = Ask {
        args: Args::HuntStart(start),
        target,
        limits: limits(&draft.bounds),
        valid_ms: draft.which.expires,
    };
    Plan { artifact, ask, list }
}

/// Reads the list of hashes that was typed, and notes what is in it.
fn typed_list(draft: &Draft, out: Out) -> Result<Hashes, Failure> {
    let hashes = Hashes::read(&draft.what.ioc, draft.what.ioc_skip_bad)?;
    hashes.notes().iter().for_each(|note| out.note(note));
    Ok(hashes)
}

/// Makes the start of the artifact that is asked for, and its list of hashes where that is too long to go along.
fn start(draft: &Draft, hashes: &Hashes) -> Result<(HuntStart, Option<LongList>), Failure> {
    match draft.what.artifact.as_str() {
        FILE_HASH => file_hash::start(draft, hashes),
        PROCESSES => processes::start(draft, hashes),
        other => Err(Failure::bug("no such artifact", other)),
    }
}

/// Encodes the arguments of an artifact.
fn encoded<T: Serialize>(artifact: &dyn Artifact, args: &T) -> Result<HuntStart, Failure> {
    HuntStart::new(artifact, args).map_err(|error| Failure::bug("cannot encode the request", error))
}

/// Divides the list of hashes: what goes along, and what is too long for that.
fn divided(hashes: &Hashes) -> (Vec<IocList>, Option<LongList>) {
    hashes.pack().map_or_else(|| (Vec::new(), Some(hashes.part())), |ioc| (ioc, None))
}

/// Returns the digests in the order of the output columns, each once.
fn hashes(what: &What, listed: &Hashes) -> Result<Vec<HashKind>, Failure> {
    let typed = &what.hash;
    let listed: Vec<_> = listed.kinds().collect();
    if typed.contains(&Hash::None) && !listed.is_empty() {
        let cause = "a list of hashes is compared with digests";
        return Err(Failure::usage("--hash contradicts --ioc", cause, "leave --hash none out"));
    }
    if typed.contains(&Hash::None) && typed.len() > 1 {
        let cause = "`none` is not one digest among others";
        return Err(Failure::usage(
            "--hash contradicts itself",
            cause,
            "--hash none, or --hash sha256,md5",
        ));
    }
    if typed.is_empty() && listed.is_empty() {
        return Ok(vec![HashKind::Sha256]);
    }
    let is_asked = |kind: &HashKind| {
        // The digest of a file that is sent must be known.
        let is_sent = what.upload_matches && *kind == HashKind::Sha256;
        is_sent
            || listed.contains(kind)
            || typed.contains(&match kind {
                HashKind::Md5 => Hash::Md5,
                HashKind::Sha1 => Hash::Sha1,
                HashKind::Sha256 => Hash::Sha256,
                HashKind::Sha512 => Hash::Sha512,
                HashKind::Blake3 => Hash::Blake3,
            })
    };
    Ok(HashKind::ALL.into_iter().filter(is_asked).collect())
}

fn limits(bounds: &Bounds) -> Limits {
    Limits {
        max_cpu_percent: bounds.max_cpu,
        max_mbps: bounds.max_mbps,
        max_files_per_s: bounds.max_files_per_s,
        timeout_s: bounds.timeout,
        max_rows: bounds.max_rows,
        max_bytes: bounds.max_bytes,
        max_memory_mb: bounds.max_memory,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use muster_protocol::artifact::file_hash::FileKind;
    use muster_protocol::clock::Clock;

    use super::*;
    use crate::args::hunt::Hunt;
    use crate::args::{Typed, Verb};
    use crate::output::Format;

    fn planned(flags: &[&str]) -> Result<Ask, Failure> {
        let words =
            ["muster", "hunt", "seal", "--out", "x"].into_iter().chain(flags.iter().copied());
        let Verb::Hunt(Hunt::Seal(seal)) = Typed::try_parse_from(words).unwrap().verb else {
            panic!("another verb")
        };
        offline(&seal.draft, Out::new(Format::Table, true, false)).map(|plan| plan.ask)
    }

    fn start(ask: &Ask) -> &HuntStart {
        let Args::HuntStart(start) = &ask.args else { panic!("another kind") };
        start
    }

    #[test]
    fn flags_become_a_request() {
        let ask = planned(&[
            "--root",
            "/a",
            "--root",
            "/b",
            "--max-size",
            "10M",
            "--hash",
            "sha256,md5",
            "--max-cpu",
            "25%",
            "--timeout",
            "1h",
            "--target",
            "label:db",
            "--sample",
            "5%",
            "--expires",
            "2h",
        ])
        .unwrap();
        let spec = &start(&ask).file_hash().unwrap();
        assert_eq!(spec.roots.len(), 2);
        assert_eq!(spec.max_size, Some(10_000_000));
        assert_eq!(spec.hashes, [HashKind::Md5, HashKind::Sha256]);
        assert_eq!((ask.limits.max_cpu_percent, ask.limits.timeout_s), (Some(25), Some(3_600)));
        assert_eq!((ask.target.expr.as_str(), ask.target.sample_ppm), ("label:db", Some(50_000)));
        assert_eq!(ask.valid_ms, 7_200_000);
    }

    #[test]
    fn a_list_brings_the_digests_that_it_needs() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("bad.txt");
        std::fs::write(&path, format!("{}\n{}\n", "ab".repeat(16), "cd".repeat(20))).unwrap();
        let list = path.to_string_lossy().into_owned();
        let with = |more: &[&str]| {
            let flags = ["--root", "/a", "--ioc", list.as_str()];
            planned(&flags.iter().chain(more).copied().collect::<Vec<_>>())
        };
        let spec = start(&with(&[]).unwrap()).file_hash().unwrap();
        assert_eq!(spec.hashes, [HashKind::Md5, HashKind::Sha1]);
        assert_eq!(spec.ioc.iter().map(|list| list.kind).collect::<Vec<_>>(), spec.hashes);
        let more = start(&with(&["--hash", "sha256"]).unwrap()).file_hash().unwrap().hashes;
        assert_eq!(more, [HashKind::Md5, HashKind::Sha1, HashKind::Sha256]);
        assert_eq!(with(&["--hash", "none"]).unwrap_err().exit, crate::failure::Exit::Usage);
        assert_eq!(
            start(&planned(&["--root", "/a"]).unwrap()).file_hash().unwrap().hashes,
            [HashKind::Sha256]
        );
    }

    #[test]
    fn conditions_are_fixed_when_they_are_signed() {
        let ask = planned(&[
            "--root",
            "/a",
            "--newer",
            "2h",
            "--changed-older",
            "2026-11-25",
            "--kind",
            "file,char_device",
            "--owner",
            "33,www-data",
            "--setuid",
            "--setgid",
            "--mode",
            "1",
            "--follow",
            "--fresh",
        ])
        .unwrap();
        let spec = &start(&ask).file_hash().unwrap();
        let now = i128::from(Clock::system().now().0) * 1_000_000;
        let from = spec.select.mtime.from_ns.unwrap();
        let age_s = (now - from) / 1_000_000_000;
        assert!((7_200..7_260).contains(&age_s), "two hours before it was signed, not {age_s} s");
        assert_eq!(spec.select.ctime.until_ns, Some(1_795_564_800_000_000_000));
        assert_eq!(spec.select.kinds, [FileKind::Regular, FileKind::CharDevice]);
        assert_eq!(spec.select.owners, ["33", "www-data"]);
        assert_eq!((spec.select.mode.any, spec.select.mode.all), (0o6000, 1));
        assert!(spec.follow && spec.fresh);
        let plain = planned(&["--root", "/a"]).unwrap();
        let plain = &start(&plain).file_hash().unwrap();
        assert!(plain.select.is_open() && !plain.fresh, "nothing by default");
    }

    #[test]
    fn agents_are_named_by_id() {
        let ask = planned(&["--root", "/a", "--agents", "web-1,web-2"]).unwrap();
        assert_eq!(ask.target.expr, "id:web-1 or id:web-2");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for bad in [
            &["--root", "etc"][..],
            &[],
            &["--root", "/a", "--hash", "none,md5"],
            &["--root", "/a", "--min-size", "2", "--max-size", "1"],
            &["--root", "/a", "--newer", "2h", "--older", "1d"],
            &["--root", "/a", "--include", "a[1.js"],
            &["--root", "/a", "--include", "/b/c"],
            &["--root", "/a", "--exclude", "/a"],
            &["--root", "/a", "--include", "b/"],
            &["--root", "/a", "--setuid", "--mode", "/2"],
            &["--root", "/a", "--target", "label:db and"],
            &["--root", "/a", "--agents", "WEB 1"],
        ] {
            let failure = planned(bad).unwrap_err();
            assert_eq!(failure.exit, crate::failure::Exit::Usage, "{bad:?}");
        }
        assert!(
            start(&planned(&["--root", "/a", "--hash", "none"]).unwrap())
                .file_hash()
                .unwrap()
                .hashes
                .is_empty()
        );
    }
}

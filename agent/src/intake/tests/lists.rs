//! Lists of hashes that come in parts before their hunt.

use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::ioc::{IocList, IocPartRef, SplitIocList};
use muster_protocol::result::rows::sha256;
use rusqlite::Connection;

use super::*;

/// Sees as many files as its list has hashes.
#[derive(Debug)]
struct Counting;

impl Runner for Counting {
    fn collect(
        &self,
        _core: &Core,
        task: &Task,
        session: &dyn Session,
    ) -> Result<Collected, CollectError> {
        let crate::task::Work::Hunt(hunt) = &task.work else { return Ok(Collected::default()) };
        let lists = session.list(&hunt.asked().unwrap().list);
        let lists = lists.map_err(|why| CollectError::failed(CollectError::LIST_DAMAGED, why))?;
        let seen = lists.iter().map(|list| list.count() as u64).sum();
        Ok(collected(seen))
    }
}

fn agent(fleet: &Fleet, folder: &Path) -> Arc<Core> {
    let core = Arc::into_inner(fleet.agent(folder, Policy::default())).unwrap();
    let core = Arc::new(Core { runner: Box::new(Counting), ..core });
    lock(&core.admission).open();
    core
}

/// Seals parts of one hash each, and the hunt that names them.
fn sealed(fleet: &Fleet, parts: u8) -> (Vec<Sealed>, Sealed) {
    let seal = |args: &Args| fleet.seal(args, Target::all(), 3_600_000);
    let piece = |n: u8| IocList::new(HashKind::Sha256, 8, [[n; 32].as_slice()]);
    let parts: Vec<_> = (0..parts).map(|n| seal(&Args::ListPart(piece(n)))).collect();
    let named = parts.iter().map(|part| {
        let body = muster_protocol::request::sign::body_of(part).unwrap();
        IocPartRef { id: body.id, sha256: sha256(&body.args) }
    });
    let list =
        SplitIocList { count: parts.len() as u64, parts: named.collect(), whole: Vec::new() };
    (parts, seal(&named_by(list)))
}

fn named_by(list: SplitIocList) -> Args {
    let spec = file_hash::Args {
        roots: vec![ByteBuf::from("/x")],
        hashes: vec![HashKind::Sha256],
        list: Box::new(list),
        ..file_hash::Args::default()
    };
    Args::HuntStart(HuntStart::files(&spec).unwrap())
}

fn words(core: &Core) -> Vec<(State, String)> {
    statuses(core).into_iter().map(|said| (said.state, said.code)).collect()
}

fn said(state: State, code: &str) -> (State, String) {
    (state, code.to_owned())
}

#[test]
fn a_hunt_waits_for_its_list_across_a_restart_and_takes_the_parts_away() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = agent(&fleet, folder.path());
    let (parts, start) = sealed(&fleet, 3);
    let ids: Vec<RequestId> = parts.iter().map(|part| part.id.parse().unwrap()).collect();
    core.take(&parts[2], STREAM).unwrap();
    core.take(&parts[0], Source::Directed).unwrap();
    core.take(&start, STREAM).unwrap();
    work(&core, || core.journal.outbox_size().0 > 0);
    let told = statuses(&core);
    assert_eq!((told[0].state, told[0].code.as_str()), (State::Queued, "list_missing"));
    assert_eq!(told[0].reason, "1 of 3 parts of its list of hashes are not here");
    assert_eq!(core.journal.unfinished().unwrap(), 1);
    drop(core);

    let core = agent(&fleet, folder.path());
    core.take(&parts[1], STREAM).unwrap();
    assert!(ids.iter().all(|id| core.journal.part(*id).unwrap().is_some()));
    work(&core, || core.journal.unfinished().unwrap() == 0);
    let told = statuses(&core);
    let last = told.last().unwrap();
    assert_eq!((last.state, last.code.as_str()), (State::Finished, ""));
    assert_eq!(last.footer.as_ref().unwrap().artifact.as_ref().unwrap().counters.entries, 3);
    assert!(ids.iter().all(|id| core.journal.part(*id).unwrap().is_none()));
}

#[test]
fn a_hunt_without_its_list_never_begins() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = agent(&fleet, folder.path());
    let (mut parts, start) = sealed(&fleet, 2);
    parts[1].body[60] ^= 1;
    for request in parts.iter().chain([&start]) {
        core.take(request, STREAM).unwrap();
    }
    work(&core, || core.journal.outbox_size().0 > 1);
    let refused = said(State::Declined, "bad_signature");
    assert_eq!(words(&core), [refused, said(State::Queued, "list_missing")]);
    // Until its patience is at its end.
    fleet.clock.set_offset_ms(limits::LIST_WAIT_MS_MAX);
    core.resume().unwrap();
    work(&core, || core.journal.unfinished().unwrap() == 0);
    assert_eq!(words(&core), [said(State::Declined, "list_missing")]);
}

#[test]
fn a_hunt_that_is_held_waits_for_its_list_as_long_as_it_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = agent(&fleet, folder.path());
    let (parts, start) = sealed(&fleet, 1);
    core.take(&start, STREAM).unwrap();
    work(&core, || core.journal.outbox_size().0 > 0);
    core.take(&fleet.control(&start, Verb::Pause, 1), STREAM).unwrap();
    fleet.clock.set_offset_ms(limits::LIST_WAIT_MS_MAX);
    core.resume().unwrap();
    core.take(&fleet.control(&start, Verb::Resume, 2), STREAM).unwrap();
    work(&core, || core.journal.outbox_size().0 > 3);
    let list_missing = || said(State::Queued, "list_missing");
    let (paused, queued) = (said(State::Paused, ""), said(State::Queued, ""));
    assert_eq!(words(&core), [list_missing(), paused, queued, list_missing()]);
    core.take(&parts[0], STREAM).unwrap();
    core.resume().unwrap();
    work(&core, || core.journal.unfinished().unwrap() == 0);
    assert_eq!(words(&core), [said(State::Finished, "")]);
}

#[test]
fn a_part_is_only_what_the_hunt_names() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = agent(&fleet, folder.path());
    let (parts, start) = sealed(&fleet, 1);
    core.take(&parts[0], STREAM).unwrap();
    let id = parts[0].id.parse().unwrap();
    let other = SplitIocList {
        count: 1,
        parts: vec![IocPartRef { id, sha256: ByteBuf::from([9; 32]) }],
        whole: Vec::new(),
    };
    core.take(&fleet.seal(&named_by(other), Target::all(), 1_000), STREAM).unwrap();
    work(&core, || core.journal.outbox_size().0 > 0);
    assert_eq!(words(&core), [said(State::Queued, "list_missing")]);
    // What is damaged on the disk is seen when it is read.
    let db = Connection::open(folder.path().join("journal.sqlite")).unwrap();
    db.execute("UPDATE parts SET body = zeroblob(40)", []).unwrap();
    core.take(&start, STREAM).unwrap();
    work(&core, || core.journal.outbox_size().0 > 0);
    assert_eq!(words(&core), [said(State::Failed, "list_damaged")]);
}

#[test]
fn a_part_for_others_is_not_kept_and_needs_no_kind_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let policy = Policy { capabilities: Some(vec!["hunt".into()]), ..Policy::default() };
    let core = fleet.agent(folder.path(), policy);
    let piece = Args::ListPart(IocList::new(HashKind::Md5, 8, [[1; 16].as_slice()]));
    let others = Target::agents(&[AgentId::new("web-2").unwrap()]);
    for (target, is_kept) in [(others, false), (Target::all(), true)] {
        let part = fleet.seal(&piece, target, 3_600_000);
        core.take(&part, STREAM).unwrap();
        assert!(statuses(&core).is_empty());
        assert_eq!(core.journal.part(part.id.parse().unwrap()).unwrap().is_some(), is_kept);
    }
}

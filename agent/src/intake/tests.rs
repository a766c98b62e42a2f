use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use muster_protocol::artifact::file_hash;
use muster_protocol::clock::Clock;
use muster_protocol::ids::{AgentId, FleetId, KeyId};
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::lifecycle::Controls;
use muster_protocol::request::profile::{ProfileKind, ProfileStart};
use muster_protocol::request::sign::{Draft, SigningKey};
use muster_protocol::request::trust::{Certificate, Grant, Revoke};
use muster_protocol::request::{Capability, Limits, Target};
use muster_protocol::result::Status;
use muster_protocol::wire;
use serde_bytes::ByteBuf;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::collectors::{CollectError, Collected};
use crate::core::Parts;
use crate::identity::Identity;
use crate::journal::Journal;
use crate::policy::Policy;
use crate::runner::Runner;
use crate::session::Session;

mod controls;
mod lifecycle;
mod lists;
mod stuck;

const STREAM: Source = Source::Stream { offset: 3, is_history: false };

/// The end of a collection that has seen so many files.
fn collected(seen: u64) -> Collected {
    let footer = file_hash::Footer { seen, ..file_hash::Footer::default() }.sealed().unwrap();
    Collected { footer: Some(footer), failure: None }
}

/// A collector that does what the first root says.
#[derive(Debug)]
struct Scripted;

impl Runner for Scripted {
    fn collect(
        &self,
        _: &Core,
        task: &Task,
        session: &dyn Session,
    ) -> Result<Collected, CollectError> {
        let crate::task::Work::Hunt(hunt) = &task.work else { return Ok(Collected::default()) };
        let _scope = session.enter_thread();
        match hunt.file_hash().unwrap().roots[0].as_slice() {
            b"/panic" => panic!("on purpose"),
            b"/forever" => loop {
                session.check()?;
                std::thread::park_timeout(std::time::Duration::from_millis(5));
            },
            _ => Ok(collected(7)),
        }
    }
}

struct Fleet {
    id: FleetId,
    root: SigningKey,
    operator: SigningKey,
    certificate: Certificate,
    clock: Clock,
}

impl Fleet {
    fn new() -> Self {
        let (id, clock) = (FleetId::new(), Clock::system());
        let (root, operator) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let certificate = certificate(id, &root, &operator, &clock);
        Self { id, root, operator, certificate, clock }
    }

    fn agent(&self, folder: &Path, policy: Policy) -> Arc<Core> {
        let parts = Parts {
            agent: AgentId::new("web-1").unwrap(),
            fleet: self.id,
            root: self.root.public(),
            identity: Identity::of_this_machine(),
            labels: BTreeMap::new(),
            policy,
            clock: self.clock.clone(),
            journal: Journal::open(folder, "m", None).unwrap(),
        };
        let core = Core::new(parts, Box::new(Scripted)).unwrap();
        core.resume().unwrap();
        Arc::new(core)
    }

    fn seal(&self, args: &Args, target: Target, valid_ms: i64) -> Sealed {
        let draft = Draft {
            fleet: self.id,
            target,
            limits: Limits::default(),
            issued: self.clock.now(),
            valid_ms,
        };
        let body = draft.body(self.operator.id(), args).unwrap();
        self.operator.seal(&body, Some(&self.certificate)).unwrap()
    }

    fn hunt(&self, root: &str) -> Sealed {
        self.seal(&hunt(root), Target::all(), 3_600_000)
    }

    fn cancel(&self, of: &Sealed, revision: u64) -> Sealed {
        self.control(of, Verb::Cancel, revision)
    }

    fn control(&self, of: &Sealed, verb: Verb, revision: u64) -> Sealed {
        let control = Control::new(of.id.parse().unwrap(), verb, revision);
        self.seal(&Args::Control(control), Target::all(), 3_600_000)
    }
}

fn certificate(fleet: FleetId, root: &SigningKey, key: &SigningKey, clock: &Clock) -> Certificate {
    root.certify(&Grant {
        fleet,
        key: ByteBuf::from(key.public()),
        name: "kim".to_owned(),
        capabilities: Capability::ALL.map(|it| it.as_str().to_owned()).to_vec(),
        issued: clock.now(),
        not_after: clock.now().plus_ms(86_400_000),
    })
    .unwrap()
}

fn hunt(root: &str) -> Args {
    let roots = vec![ByteBuf::from(root.as_bytes())];
    Args::HuntStart(
        HuntStart::files(&file_hash::Args { roots, ..file_hash::Args::default() }).unwrap(),
    )
}

/// Every status in the outbox, taken out of it.
fn statuses(core: &Core) -> Vec<Status> {
    let mut found = Vec::new();
    while let Some(message) = core.journal.outbox_next(false, &BTreeSet::new()).unwrap() {
        core.journal.outbox_confirmed(&message).unwrap();
        found.push(wire::decode(&message.body, 1_000_000).unwrap());
    }
    found
}

fn codes(core: &Core) -> Vec<String> {
    let statuses = statuses(core);
    assert!(statuses.iter().all(|s| s.state == State::Declined), "{statuses:?}");
    statuses.into_iter().map(|s| s.code).collect()
}

#[test]
fn every_refusal_is_answered_once_and_never_executed() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = fleet.agent(folder.path(), Policy::default());
    let stranger = Fleet::new();
    let good = || fleet.hunt("/x");
    let edit = |edit: &dyn Fn(&mut Sealed)| {
        let mut sealed = good();
        edit(&mut sealed);
        sealed
    };
    let other_fleet = {
        let draft = Draft {
            fleet: stranger.id,
            target: Target::all(),
            limits: Limits::default(),
            issued: fleet.clock.now(),
            valid_ms: 1_000,
        };
        let body = draft.body(fleet.operator.id(), &hunt("/x")).unwrap();
        fleet.operator.seal(&body, Some(&fleet.certificate)).unwrap()
    };
    let early = {
        let issued = fleet.clock.now().plus_ms(3_600_000);
        let draft = Draft {
            fleet: fleet.id,
            target: Target::all(),
            limits: Limits::default(),
            issued,
            valid_ms: 1_000,
        };
        let body = draft.body(fleet.operator.id(), &hunt("/x")).unwrap();
        fleet.operator.seal(&body, Some(&fleet.certificate)).unwrap()
    };
    let cases: Vec<(Sealed, &str)> = vec![
        (edit(&|s| s.sig = ByteBuf::new()), "unsigned"),
        (edit(&|s| s.cert = ByteBuf::new()), "bad_certificate"),
        (
            edit(&|s| s.cert = ByteBuf::from(wire::encode(&stranger.certificate).unwrap())),
            "bad_certificate",
        ),
        (edit(&|s| s.body[40] ^= 1), "bad_signature"),
        (edit(&|s| s.kind = "hunt.cancel".to_owned()), "bad_signature"),
        (edit(&|s| s.kind = "hunt.dance".to_owned()), "unknown_kind"),
        (
            edit(&|s| {
                s.body.pop();
            }),
            "bad_signature",
        ),
        (edit(&|s| s.body = ByteBuf::from(vec![0; limits::REQUEST_BYTES_MAX + 1])), "too_big"),
        (edit(&|s| s.id = RequestId::new().to_string()), "altered"),
        (other_fleet, "wrong_fleet"),
        (early, "not_yet_valid"),
        (fleet.seal(&hunt("/x"), Target::all(), -3_600_000), "expired"),
        (fleet.seal(&hunt("not absolute"), Target::all(), 1_000), "out_of_bounds"),
    ];
    for (sealed, code) in cases {
        core.take(&sealed, STREAM).unwrap();
        core.take(&sealed, STREAM).unwrap();
        assert_eq!(codes(&core), [code]);
        assert_eq!(core.journal.unfinished().unwrap(), 0, "{code}");
    }
    assert_eq!(core.journal.stream_place().unwrap().unwrap().offset, 3);
}

#[test]
fn a_forged_message_does_not_keep_the_real_one_out() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = fleet.agent(folder.path(), Policy::default());
    let real = fleet.hunt("/x");
    let mut forged = real.clone();
    forged.sig[5] ^= 1;
    core.take(&forged, STREAM).unwrap();
    assert_eq!(codes(&core), ["bad_signature"]);
    core.take(&real, STREAM).unwrap();
    assert_eq!(core.journal.unfinished().unwrap(), 1);
    // And once the real one is here, a forged one is not even answered.
    core.take(&forged, STREAM).unwrap();
    assert!(statuses(&core).is_empty());
}

#[test]
fn a_message_without_an_id_is_counted_and_bounded_answers_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = fleet.agent(folder.path(), Policy::default());
    let mut nameless = fleet.hunt("/x");
    nameless.id = "../../etc".to_owned();
    core.take(&nameless, STREAM).unwrap();
    assert!(statuses(&core).is_empty());
    for _ in 0..3 * REFUSALS_PER_MINUTE_MAX {
        let mut forged = fleet.hunt("/x");
        forged.sig = ByteBuf::new();
        core.take(&forged, STREAM).unwrap();
    }
    let answered = statuses(&core).len() as u64;
    // Two minutes may be touched, not three.
    assert!((REFUSALS_PER_MINUTE_MAX..=2 * REFUSALS_PER_MINUTE_MAX).contains(&answered));
    assert_eq!(core.refused.load(Ordering::Relaxed), 3 * REFUSALS_PER_MINUTE_MAX + 1);
}

#[test]
fn a_replay_is_harmless_on_either_way() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = fleet.agent(folder.path(), Policy::default());
    let sealed = fleet.hunt("/x");
    core.take(&sealed, STREAM).unwrap();
    core.take(&sealed, Source::Directed).unwrap();
    core.take(&sealed, STREAM).unwrap();
    assert_eq!(core.journal.unfinished().unwrap(), 1);
    assert!(statuses(&core).is_empty());
    assert_eq!(core.journal.directed().unwrap(), [sealed.id.parse().unwrap()]);
}

#[test]
fn a_revoked_key_is_refused_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = fleet.agent(folder.path(), Policy::default());
    let keys = vec![fleet.operator.id(), KeyId::of(&[0; 32])];
    let draft = Draft {
        fleet: fleet.id,
        target: Target::all(),
        limits: Limits::default(),
        issued: fleet.clock.now(),
        valid_ms: 1_000,
    };
    let body = draft.body(fleet.root.id(), &Args::TrustRevoke(Revoke { keys })).unwrap();
    core.take(&fleet.root.seal(&body, None).unwrap(), STREAM).unwrap();
    core.take(&fleet.hunt("/x"), STREAM).unwrap();
    assert_eq!(codes(&core), ["revoked_key"]);
    drop(core);
    let core = fleet.agent(folder.path(), Policy::default());
    core.take(&fleet.hunt("/x"), STREAM).unwrap();
    assert_eq!(codes(&core), ["revoked_key"]);
}

#[test]
fn a_cancel_before_its_start_cancels_it_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = fleet.agent(folder.path(), Policy::default());
    let sealed = fleet.hunt("/x");
    core.take(&fleet.cancel(&sealed, 1), STREAM).unwrap();
    drop(core);
    let core = fleet.agent(folder.path(), Policy::default());
    core.take(&sealed, STREAM).unwrap();
    let told = statuses(&core);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].state, told[0].chunks), (State::Cancelled, Some(0)));
    assert_eq!(core.journal.unfinished().unwrap(), 0);
    // Both again.
    core.take(&fleet.cancel(&sealed, 2), STREAM).unwrap();
    core.take(&sealed, STREAM).unwrap();
    assert!(statuses(&core).is_empty());
    assert_eq!(core.journal.unfinished().unwrap(), 0);
}

#[test]
fn a_lower_revision_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = fleet.agent(folder.path(), Policy::default());
    let sealed = fleet.hunt("/x");
    core.take(&fleet.cancel(&sealed, 0), STREAM).unwrap();
    assert_eq!(codes(&core), ["lower_revision"]);
    core.take(&sealed, STREAM).unwrap();
    assert_eq!(core.journal.unfinished().unwrap(), 1);
    core.take(&fleet.cancel(&sealed, 2), STREAM).unwrap();
    assert_eq!(statuses(&core)[0].state, State::Cancelled);
    assert_eq!(core.journal.unfinished().unwrap(), 0);
    // It has what it asks for.
    core.take(&fleet.cancel(&sealed, 1), STREAM).unwrap();
    assert!(statuses(&core).is_empty());
    let pause = |revision| fleet.control(&sealed, Verb::Pause, revision);
    core.take(&pause(3), STREAM).unwrap();
    core.take(&pause(3), STREAM).unwrap();
    core.take(&pause(2), STREAM).unwrap();
    assert_eq!(codes(&core), ["lower_revision", "lower_revision"]);
}

#[test]
fn a_verb_that_is_not_known_is_declined_by_those_that_are_meant_and_cancels_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = fleet.agent(folder.path(), Policy::default());
    let sealed = fleet.hunt("/x");
    core.take(&sealed, STREAM).unwrap();
    let about = sealed.id.parse().unwrap();
    let control = Control { verb: "explode".into(), ..Control::new(about, Verb::Cancel, 9) };
    let control = |target| fleet.seal(&Args::Control(control.clone()), target, 3_600_000);
    core.take(&control(Target::agents(&[AgentId::new("web-2").unwrap()])), STREAM).unwrap();
    assert!(statuses(&core).is_empty());
    core.take(&control(Target::all()), STREAM).unwrap();
    assert_eq!(codes(&core), ["unknown_verb"]);
    assert_eq!(core.journal.unfinished().unwrap(), 1, "the hunt is as it was");
    let controls = core.journal.controls(about).unwrap();
    assert_eq!(controls, Controls::default(), "and so are its revisions");
}

#[test]
fn who_is_not_meant_answers_only_a_directed_request() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = fleet.agent(folder.path(), Policy::default());
    let other = Target::agents(&[AgentId::new("web-2").unwrap()]);
    core.take(&fleet.seal(&hunt("/x"), other.clone(), 1_000), STREAM).unwrap();
    assert!(statuses(&core).is_empty());
    core.take(&fleet.seal(&hunt("/x"), other, 1_000), Source::Directed).unwrap();
    assert_eq!(codes(&core), ["not_matched"]);
    assert_eq!(core.journal.unfinished().unwrap(), 0);
}

#[test]
fn the_policy_wins() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let policy = Policy {
        deny_roots: vec!["/secret".into()],
        max_profile_seconds: Some(5),
        ..Policy::default()
    };
    let core = fleet.agent(folder.path(), policy);
    core.take(&fleet.hunt("/secret/x"), STREAM).unwrap();
    let long = ProfileStart {
        revision: 0,
        during: None,
        kinds: vec![ProfileKind::Cpu],
        seconds: 6,
        hertz: 99,
    };
    core.take(&fleet.seal(&Args::ProfileStart(long), Target::all(), 1_000), STREAM).unwrap();
    let told = statuses(&core);
    assert_eq!(told.iter().map(|s| s.code.as_str()).collect::<Vec<_>>(), ["policy", "policy"]);
    assert!(told[0].reason.contains("/secret"), "{}", told[0].reason);
    assert_eq!(core.journal.unfinished().unwrap(), 0);
}

#[test]
fn a_kind_of_profile_that_does_not_work_here_is_declined_not_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = fleet.agent(folder.path(), Policy::default());
    let kinds = vec![ProfileKind::Cpu, ProfileKind::Heap];
    let both = ProfileStart { revision: 0, during: None, kinds, seconds: 1, hertz: 99 };
    core.take(&fleet.seal(&Args::ProfileStart(both), Target::all(), 1_000), STREAM).unwrap();
    let told = statuses(&core);
    assert_eq!((told[0].state, told[0].code.as_str()), (State::Declined, "unsupported"));
    assert!(told[0].reason.contains("heap") && told[0].reason.contains("cpu"), "{told:?}");
    assert_eq!(core.journal.unfinished().unwrap(), 0);
    let offered = crate::telemetry::capabilities();
    assert!(offered.contains(&"profile.cpu".into()) && !offered.contains(&"profile.heap".into()));
}

#[test]
fn history_is_not_answered_by_a_new_journal() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = fleet.agent(folder.path(), Policy::default());
    let old = fleet.seal(&hunt("/x"), Target::all(), -3_600_000);
    core.take(&old, Source::Stream { offset: 0, is_history: true }).unwrap();
    assert!(statuses(&core).is_empty());
}

/// Runs the lanes until `is_done`, then stops them.
fn work(core: &Arc<Core>, is_done: impl Fn() -> bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let token = CancellationToken::new();
        let lanes = crate::dispatch::dispatch(Arc::clone(core), token.clone());
        let watch = async {
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
            while !is_done() {
                assert!(std::time::Instant::now() < deadline, "the lanes did not get there");
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            token.cancel();
        };
        tokio::join!(lanes, watch);
    });
}

#[test]
fn a_panic_is_the_collections_failure_and_the_agent_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = fleet.agent(folder.path(), Policy::default());
    lock(&core.admission).open();
    core.take(&fleet.hunt("/panic"), STREAM).unwrap();
    work(&core, || core.journal.unfinished().unwrap() == 0);
    let told = statuses(&core);
    assert_eq!((told[0].state, told[0].code.as_str()), (State::Failed, "panic"));
    assert!(told[0].reason.contains("on purpose"));
    core.take(&fleet.hunt("/fine"), Source::Directed).unwrap();
    work(&core, || core.journal.unfinished().unwrap() == 0);
    let told = statuses(&core);
    let states: Vec<_> = told.iter().map(|s| s.state).collect();
    assert_eq!(states, [State::Started, State::Finished]);
    assert_eq!(told[1].footer.as_ref().unwrap().artifact.as_ref().unwrap().counters.entries, 7);
}

#[test]
fn a_cancel_ends_what_runs_and_a_shutdown_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = fleet.agent(folder.path(), Policy::default());
    lock(&core.admission).open();
    let sealed = fleet.hunt("/forever");
    let id = sealed.id.parse().unwrap();
    core.take(&sealed, STREAM).unwrap();
    let runs = |core: &Core| core.journal.collection(id).unwrap().is_some_and(|c| c.is_running);
    work(&core, || runs(&core));
    let kept = core.journal.collection(id).unwrap().unwrap();
    assert_eq!((kept.is_running, kept.deaths), (true, 0));
    assert!(statuses(&core).is_empty());
    drop(core);
    // What is cancelled before it could go on ends with what it had.
    let core = fleet.agent(folder.path(), Policy::default());
    core.take(&fleet.cancel(&sealed, 1), STREAM).unwrap();
    work(&core, || core.journal.unfinished().unwrap() == 0);
    let told = statuses(&core);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].state, State::Cancelled);
    assert_eq!(told[0].chunks, Some(0));
    assert!(told[0].footer.is_some());
}

#[test]
fn what_the_agent_died_on_three_times_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = fleet.agent(folder.path(), Policy::default());
    let sealed = fleet.hunt("/fine");
    let id = sealed.id.parse().unwrap();
    core.take(&sealed, STREAM).unwrap();
    (0..3).for_each(|_| assert!(core.journal.begin(id, core.now()).unwrap()));
    drop(core);
    let core = fleet.agent(folder.path(), Policy::default());
    work(&core, || core.journal.unfinished().unwrap() == 0);
    let told = statuses(&core);
    assert_eq!((told[0].state, told[0].code.as_str()), (State::Failed, "agent_died"));
}

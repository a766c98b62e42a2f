//! Pauses, drains and resumes, as one agent carries them out.

use muster_protocol::request::lifecycle::Hold;
use proptest::prelude::*;

use super::*;

/// What was said of one request, in order.
fn said_of(core: &Core, of: &Sealed) -> Vec<(State, u64)> {
    let statuses = statuses(core).into_iter().filter(|status| status.request.to_string() == of.id);
    statuses.map(|status| (status.state, status.revision)).collect()
}

fn runs(core: &Core, of: &Sealed) -> bool {
    lock(&core.runs).contains_key(&of.id.parse().unwrap())
}

fn collection(core: &Core, of: &Sealed) -> Collection {
    core.journal.collection(of.id.parse().unwrap()).unwrap().unwrap()
}

/// Lets the lanes run while `steps` take one after the other, each when the condition before it is met.
fn work_through(core: &Arc<Core>, steps: &mut dyn FnMut(usize) -> bool, count: usize) {
    let at = std::cell::Cell::new(0);
    let steps = std::cell::RefCell::new(steps);
    work(core, || {
        if at.get() < count && steps.borrow_mut()(at.get()) {
            at.set(at.get() + 1);
        }
        at.get() == count
    });
}

#[test]
fn a_pause_that_comes_before_its_start_holds_it_until_it_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = fleet.agent(folder.path(), Policy::default());
    let sealed = fleet.hunt("/fine");
    core.take(&fleet.control(&sealed, Verb::Pause, 4), STREAM).unwrap();
    assert!(statuses(&core).is_empty(), "there is nothing to say it of");
    core.take(&sealed, STREAM).unwrap();
    assert_eq!(said_of(&core, &sealed), [(State::Paused, 4)]);
    drop(core);
    let core = fleet.agent(folder.path(), Policy::default());
    lock(&core.admission).open();
    assert_eq!(lock(&core.admission).waiting().count(), 0);
    core.take(&fleet.control(&sealed, Verb::Pause, 3), STREAM).unwrap();
    assert_eq!(codes(&core), ["lower_revision"]);
    core.take(&fleet.control(&sealed, Verb::Resume, 5), STREAM).unwrap();
    assert_eq!(said_of(&core, &sealed), [(State::Queued, 5)]);
    work(&core, || core.journal.unfinished().unwrap() == 0);
    assert_eq!(said_of(&core, &sealed), [(State::Finished, 5)]);
}

#[test]
fn a_pause_gives_its_lane_to_the_next_and_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = fleet.agent(folder.path(), Policy::default());
    lock(&core.admission).open();
    let hunts: Vec<_> = (0..=limits::HUNT_LANES).map(|_| fleet.hunt("/forever")).collect();
    let (first, last) = (&hunts[0], &hunts[limits::HUNT_LANES]);
    for hunt in &hunts {
        core.take(hunt, STREAM).unwrap();
    }
    let pause = fleet.control(first, Verb::Pause, 1);
    let mut steps = |at| match at {
        0 if runs(&core, first) && !runs(&core, last) => core.take(&pause, STREAM).is_ok(),
        1 => runs(&core, last),
        _ => false,
    };
    work_through(&core, &mut steps, 2);
    let told = statuses(&core).into_iter().find(|it| it.state == State::Paused).unwrap();
    assert_eq!((told.request.to_string(), told.revision), (first.id.clone(), 1));
    assert!(told.footer.is_some() && told.chunks.is_none(), "{told:?}");
    let kept = collection(&core, first);
    assert!(kept.is_running && kept.is_hold_told && kept.deaths == 0, "{kept:?}");
    let ran_ms = kept.figures.ran_ms;
    drop(core);

    let core = fleet.agent(folder.path(), Policy::default());
    lock(&core.admission).open();
    work(&core, || runs(&core, last));
    assert!(!runs(&core, first) && statuses(&core).is_empty(), "it was said");
    let sample = crate::telemetry::sample(&core, &mut muster_runtime::process::CostSource::Shared);
    let shown = sample.unwrap().collections.into_iter().find(|it| it.state == "paused").unwrap();
    assert_eq!(shown.request.to_string(), first.id);
    assert_eq!(collection(&core, first).figures.ran_ms, ran_ms, "its time stands still");
    // Another one is paused, so that a lane is free for the one that is resumed.
    drop(core);
    let core = fleet.agent(folder.path(), Policy::default());
    core.take(&fleet.control(last, Verb::Pause, 1), STREAM).unwrap();
    core.take(&fleet.control(first, Verb::Resume, 2), STREAM).unwrap();
    assert_eq!(said_of(&core, first), [(State::Started, 2)]);
    work(&core, || runs(&core, first));
    assert_eq!(collection(&core, first).held_since, None);
    assert!(!runs(&core, last));
}

#[test]
fn a_drain_lets_go_on_what_runs_and_holds_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = fleet.agent(folder.path(), Policy::default());
    lock(&core.admission).open();
    let (runner, waiter) = (fleet.hunt("/forever"), fleet.hunt("/fine"));
    core.take(&runner, STREAM).unwrap();
    let drains = [&runner, &waiter].map(|hunt| fleet.control(hunt, Verb::Drain, 3));
    let mut steps = |at| match at {
        0 => runs(&core, &runner),
        1 => drains.iter().all(|drain| core.take(drain, STREAM).is_ok()),
        2 => core.take(&waiter, STREAM).is_ok(),
        _ => runs(&core, &runner) && !lock(&core.runs)[&runner.id.parse().unwrap()].is_pausing(),
    };
    work_through(&core, &mut steps, 4);
    let told = statuses(&core);
    let of = |of: &Sealed| {
        let told = told.iter().filter(|status| status.request.to_string() == of.id);
        told.map(|status| (status.state, status.revision)).collect::<Vec<_>>()
    };
    assert_eq!(of(&runner), [(State::Started, 3)]);
    assert_eq!(of(&waiter), [(State::Paused, 3)]);
}

#[test]
fn a_profile_is_cancelled_or_runs_on() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = fleet.agent(folder.path(), Policy::default());
    let kinds = vec![ProfileKind::Cpu];
    let profile = ProfileStart { revision: 0, during: None, kinds, seconds: 1, hertz: 99 };
    let profile = fleet.seal(&Args::ProfileStart(profile), Target::all(), 3_600_000);
    core.take(&profile, STREAM).unwrap();
    for (revision, verb) in [(1, Verb::Pause), (2, Verb::Drain), (3, Verb::Resume)] {
        core.take(&fleet.control(&profile, verb, revision), STREAM).unwrap();
        assert_eq!(codes(&core), ["not_pausable"]);
    }
    assert!(!collection(&core, &profile).is_held());
    core.take(&fleet.cancel(&profile, 1), STREAM).unwrap();
    assert_eq!(said_of(&core, &profile), [(State::Cancelled, 0)]);
}

#[test]
fn a_cancel_is_final_also_below_and_beside_a_pause() {
    for revision in [1, 5] {
        let folder = tempfile::tempdir().unwrap();
        let fleet = Fleet::new();
        let core = fleet.agent(folder.path(), Policy::default());
        let sealed = fleet.hunt("/fine");
        core.take(&sealed, STREAM).unwrap();
        core.take(&fleet.control(&sealed, Verb::Pause, 5), STREAM).unwrap();
        core.take(&fleet.cancel(&sealed, revision), STREAM).unwrap();
        assert_eq!(said_of(&core, &sealed), [(State::Paused, 5), (State::Cancelled, 5)]);
        core.take(&fleet.control(&sealed, Verb::Resume, 9), STREAM).unwrap();
        assert!(statuses(&core).is_empty() && core.journal.unfinished().unwrap() == 0);
    }
}

#[test]
fn a_resume_while_it_still_stops_lets_it_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let core = fleet.agent(folder.path(), Policy::default());
    lock(&core.admission).open();
    let sealed = fleet.hunt("/forever");
    core.take(&sealed, STREAM).unwrap();
    let (pause, resume) =
        (fleet.control(&sealed, Verb::Pause, 1), fleet.control(&sealed, Verb::Resume, 2));
    let number = || lock(&core.runs).values().next().map(|run| run.number);
    let mut steps = |at| match at {
        0 => number() == Some(0),
        1 => core.take(&pause, STREAM).is_ok() && core.take(&resume, STREAM).is_ok(),
        _ => number() == Some(1),
    };
    work_through(&core, &mut steps, 3);
    assert_eq!(said_of(&core, &sealed), [(State::Started, 2)], "no pause after its resume");
}

fn arrivals() -> impl Strategy<Value = Vec<Option<(Verb, u64)>>> {
    let control = (prop::sample::select(Verb::ALL.to_vec()), 1..5_u64);
    // `None` is a restart.
    let control = prop_oneof![6 => control.prop_map(Some), 1 => Just(None)];
    prop::collection::vec(control, 0..10).prop_flat_map(|sent| {
        let twice = [sent.clone(), sent].concat();
        Just(twice).prop_shuffle()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_whatever_order_controls_come_the_same_holds(
        arrivals in arrivals(),
        start_at in 0..20_usize,
        begins: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let fleet = Fleet::new();
        let mut core = fleet.agent(folder.path(), Policy::default());
        let sealed = fleet.hunt("/fine");
        let id: RequestId = sealed.id.parse().unwrap();
        let start_at = start_at.min(arrivals.len());
        let mut has_begun = false;
        let mut told = Vec::new();
        for (at, arrival) in arrivals.iter().enumerate().chain([(arrivals.len(), &None)]) {
            if at == start_at {
                core.take(&sealed, STREAM).unwrap();
                has_begun = begins && core.journal.begin(id, core.now()).unwrap();
            }
            if let Some((verb, revision)) = arrival {
                let control = fleet.control(&sealed, *verb, *revision);
                core.take(&control, STREAM).unwrap();
                core.take(&control, Source::Directed).unwrap();
            } else {
                told.extend(statuses(&core));
                drop(core);
                core = fleet.agent(folder.path(), Policy::default());
            }
        }
        told.extend(statuses(&core));
        told.retain(|status| status.request == id);
        let controls: Controls = arrivals.iter().flatten().copied().collect();
        let found = core.journal.collection(id).unwrap();
        prop_assert_eq!(found.is_none(), controls.hold() == Hold::Cancel);
        let waits = lock(&core.admission).waiting().any(|waiting| waiting == id);
        let stands = lock(&core.paused).iter().any(|(paused, _)| paused == id);
        let is_held = controls.hold().stops(has_begun);
        prop_assert_eq!(waits, found.is_some() && !is_held);
        prop_assert_eq!(stands, is_held);
        if let Some(found) = &found {
            prop_assert_eq!((found.is_held(), found.held_since.is_some()), (is_held, is_held));
        }
        // By what is said, ordered as the coordinator does it, the same is seen.
        told.sort_by_key(|status| (status.revision, status.state.is_final(), status.at));
        let last = told.last().map(|status| status.state);
        let wanted = match controls.hold() {
            Hold::Cancel => Some(State::Cancelled),
            _ if is_held => Some(State::Paused),
            _ => last.filter(|state| matches!(state, State::Queued | State::Started)),
        };
        prop_assert_eq!(last, wanted, "{:?}", told);
    }
}

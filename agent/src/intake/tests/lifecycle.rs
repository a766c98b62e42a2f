//! The table of the lifecycle against the agent that carries it out.

use std::cell::{Cell, RefCell};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use muster_protocol::limits::{CLOCK_SKEW_MS_MAX, PAUSED_MS_MAX, VALIDITY_MS_MAX};
use muster_protocol::request::lifecycle::{Event, Stage, next};

use super::*;

const HOUR_MS: i64 = 3_600_000;

/// Runs until the test lets it end.
#[derive(Debug, Default)]
struct Gated(Arc<AtomicBool>);

impl Runner for Gated {
    fn collect(
        &self,
        _core: &Core,
        _task: &Task,
        session: &dyn Session,
    ) -> Result<Collected, CollectError> {
        let _scope = session.enter_thread();
        while !self.0.load(Ordering::Relaxed) {
            session.check()?;
            std::thread::park_timeout(Duration::from_millis(2));
        }
        Ok(collected(1))
    }
}

/// One agent with one hunt.
struct Part {
    fleet: Fleet,
    folder: tempfile::TempDir,
    gate: Arc<AtomicBool>,
    core: Arc<Core>,
    sealed: Sealed,
    revision: Cell<u64>,
}

impl Part {
    fn new(valid_ms: i64) -> Self {
        let (fleet, folder) = (Fleet::new(), tempfile::tempdir().unwrap());
        let gate = Arc::default();
        let core = Self::agent(&fleet, &folder, &gate);
        let sealed = fleet.seal(&hunt("/x"), Target::all(), valid_ms);
        core.take(&sealed, STREAM).unwrap();
        Self { fleet, folder, gate, core, sealed, revision: Cell::new(0) }
    }

    fn agent(fleet: &Fleet, folder: &tempfile::TempDir, gate: &Arc<AtomicBool>) -> Arc<Core> {
        let core = Arc::into_inner(fleet.agent(folder.path(), Policy::default())).unwrap();
        Arc::new(Core { runner: Box::new(Gated(Arc::clone(gate))), ..core })
    }

    fn id(&self) -> RequestId {
        self.sealed.id.parse().unwrap()
    }

    fn control(&self, verb: Verb) {
        self.revision.set(self.revision.get() + 1);
        let control = Control::new(self.id(), verb, self.revision.get());
        let control = self.fleet.seal(&Args::Control(control), Target::all(), VALIDITY_MS_MAX);
        self.core.take(&control, STREAM).unwrap();
    }

    /// Where the hunt stands, by the journal, the lanes and what was said.
    fn stage(&self) -> Stage {
        let id = self.id();
        let Some(found) = self.core.journal.collection(id).unwrap() else {
            let (mut taken, mut has_begun) = (BTreeSet::new(), None);
            while let Some(found) = self.core.journal.outbox_next(false, &taken).unwrap() {
                taken.insert(found.key);
                let said: Status = wire::decode(&found.body, 1_000_000).unwrap();
                if said.request == id && said.state.is_final() {
                    has_begun = Some(said.footer.is_some());
                }
            }
            let has_begun = has_begun.expect("a final status");
            return if has_begun { Stage::Ended } else { Stage::Unbegun };
        };
        let waits = lock(&self.core.admission).waiting().any(|waiting| waiting == id);
        let runs = lock(&self.core.runs).contains_key(&id);
        let stands = lock(&self.core.paused).iter().any(|(paused, _)| paused == id);
        match (found.is_running, waits, runs, stands) {
            (false, true, false, false) => Stage::Waiting,
            (false, false, false, true) => Stage::Held,
            // It has begun, and its next run may wait for a lane.
            (true, true, false, false) | (true, false, true, false) => Stage::Running,
            (true, false, false, true) => Stage::Paused,
            other => panic!("{other:?}: {found:?}"),
        }
    }

    fn open(&self) {
        lock(&self.core.admission).open();
        self.core.wake.notify_one();
    }

    fn end(&self) {
        self.gate.store(true, Ordering::Relaxed);
    }

    /// What brings a part that waits into a stage.
    fn way(stage: Stage) -> Vec<fn(&Self)> {
        match stage {
            Stage::Waiting => vec![],
            Stage::Held => vec![|part| part.control(Verb::Pause)],
            Stage::Running => vec![Self::open],
            Stage::Paused => vec![Self::open, |part| part.control(Verb::Pause)],
            Stage::Unbegun => vec![|part| part.control(Verb::Cancel)],
            Stage::Ended => vec![Self::open, Self::end],
        }
    }

    fn happen(&self, event: Event) {
        match event {
            Event::Lane => self.open(),
            Event::Pause => self.control(Verb::Pause),
            Event::Drain => self.control(Verb::Drain),
            Event::Resume => self.control(Verb::Resume),
            Event::Cancel => self.control(Verb::Cancel),
            Event::Expiry => {
                self.fleet.clock.set_offset_ms(HOUR_MS + 2 * CLOCK_SKEW_MS_MAX);
                // What waits expires when its turn has come.
                self.open();
            }
            // Before the request expires: it was issued when the pause began, and may be late.
            Event::TooLong => {
                self.fleet.clock.set_offset_ms(PAUSED_MS_MAX + CLOCK_SKEW_MS_MAX / 2);
                self.core.wake.notify_one();
            }
            Event::End => self.end(),
            Event::Restart => {}
        }
    }

    /// Works until the stage is reached, and a while longer where nothing is to change.
    fn work_until(&self, stage: Stage, mut steps: Vec<(Stage, Step<'_>)>) {
        let beats = Cell::new(0);
        steps.reverse();
        let left = RefCell::new(steps);
        work(&self.core, || {
            let now = self.stage();
            let mut left = left.borrow_mut();
            if let Some((from, step)) = left.pop() {
                if now == from {
                    step();
                } else {
                    left.push((from, step));
                }
                return false;
            }
            beats.set(if now == stage { beats.get() + 1 } else { 0 });
            beats.get() > 10
        });
    }

    fn restarted(self) -> Self {
        let Self { fleet, folder, gate, core, sealed, revision } = self;
        drop(core);
        let core = Self::agent(&fleet, &folder, &gate);
        Self { fleet, folder, gate, core, sealed, revision }
    }
}

type Step<'a> = Box<dyn Fn() + 'a>;

fn check(stage: Stage, event: Event) {
    // What is paused for too long must not have expired before.
    let part = Part::new(if event == Event::TooLong { VALIDITY_MS_MAX } else { HOUR_MS });
    let wanted = next(stage, event);
    // A part waits, and then it runs.
    let from = [Stage::Waiting, Stage::Running];
    let way = from.into_iter().zip(Part::way(stage));
    let mut steps: Vec<(Stage, Step<'_>)> = Vec::new();
    for (from, step) in way {
        let part = &part;
        steps.push((from, Box::new(move || step(part))));
    }
    steps.push((stage, Box::new(|| part.happen(event))));
    part.work_until(wanted, steps);
    if event == Event::Restart {
        let part = part.restarted();
        part.work_until(wanted, Vec::new());
    }
}

#[test]
fn every_event_in_every_stage_does_what_the_table_says() {
    for stage in Stage::ALL {
        for event in Event::ALL {
            check(stage, event);
        }
    }
}
